"""Keys that must hold a certain type."""
from libc.stdint cimport uint64_t

from ..store.entry cimport entry_type
from ..store.keyspace cimport keyspace_read, keyspace_write
from ..wire.command cimport key_hash
from ..wire.reply cimport reply_error_type


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
