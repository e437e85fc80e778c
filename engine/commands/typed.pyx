"""Keys that must hold a certain type."""
from ..core.table cimport NO_DEADLINE
from ..store.access cimport access_new
from ..store.entry cimport entry_create_body_take, entry_type
from ..store.keyspace cimport keyspace_put_take, keyspace_read, keyspace_write
from ..wire.command cimport key_hash
from ..wire.reply cimport reply_bulk, reply_bulk_int, reply_error_type


cdef inline bint holds_or_reply(client_t* c, const entry_t* entry, type_t type) noexcept nogil:
    if entry is NULL or entry_type(entry) == type:
        return True
    reply_error_type(c)
    return False


cdef bint read_typed_or_reply(client_t* c, int at, type_t type, entry_t** entry) noexcept nogil:
    entry[0] = keyspace_read(c.ks, key_hash(c, c.argv[at]), c.argv[at])
    return holds_or_reply(c, entry[0], type)


cdef bint write_typed_or_reply(client_t* c, int at, type_t type, entry_t** entry) noexcept nogil:
    entry[0] = keyspace_write(c.ks, key_hash(c, c.argv[at]), c.argv[at])
    return holds_or_reply(c, entry[0], type)


cdef entry_t* put_typed_take(client_t* c, uint64_t hash, slice_t key, type_t type,
                             encoding_t encoding, void* body) noexcept nogil:
    cdef entry_t* entry = entry_create_body_take(c.store.heap, key, type, encoding, body,
                                                 NO_DEADLINE, access_new(&c.store.access))
    keyspace_put_take(c.ks, hash, entry)
    return entry


cdef void reply_element(client_t* c, const listpack_value_t* element) noexcept nogil:
    if element.text.data is NULL:
        reply_bulk_int(c, element.number)
    else:
        reply_bulk(c, element.text)
