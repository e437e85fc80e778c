"""Values as Redis 5 to 6.2 read them.

They know no listpacks but those of streams, so what is packed is written element by element, as the
plain forms that every version reads and packs again by its own configuration. Ziplists would be
smaller, and nobody else here writes them.
"""
from libc.stdint cimport SIZE_MAX

from ..core.intrinsics cimport kvd_assert
from ..core.number cimport FORMAT_INT_MAX
from ..core.table cimport NO_DEADLINE
from ..store.entry cimport (
    ENC_HASHTABLE, INT_TEXT_MAX, TYPE_HASH, TYPE_LIST, TYPE_SET, TYPE_STREAM, TYPE_STRING,
    TYPE_ZSET, entry_body, entry_encoding, entry_string, entry_type,
)
from ..store.hash cimport hash_count, hash_due_ms, hash_t, hash_view, hash_walk, hash_walk_t
from ..store.list cimport (
    list_at_t, list_count, list_get, list_next, list_seek, list_value_t, list_view,
)
from ..store.zset cimport zset_walk_t
from .rdb_format cimport rdb_put_length, rdb_put_string
from .rdb_hash cimport RDB_HASH, rdb_write_fields
from .rdb_list cimport RDB_LIST
from .rdb_set cimport rdb_set_type, rdb_write_set
from .rdb_stream cimport RDB_STREAM, rdb_write_stream
from .rdb_zset cimport RDB_ZSET_2, rdb_start_zset, rdb_write_scored


cdef uint8_t rdb_old_type(const entry_t* entry) noexcept nogil:
    if entry_type(entry) == TYPE_LIST:
        return RDB_LIST
    if entry_type(entry) == TYPE_SET:
        return rdb_set_type(entry, True)
    if entry_type(entry) == TYPE_ZSET:
        return RDB_ZSET_2
    if entry_type(entry) == TYPE_STREAM:
        return RDB_STREAM
    if entry_type(entry) == TYPE_HASH:
        if entry_encoding(entry) == ENC_HASHTABLE and \
                hash_due_ms(ENC_HASHTABLE, entry_body(entry)) != NO_DEADLINE:
            return RDB_NOT_OLD
        return RDB_HASH
    kvd_assert(entry_type(entry) == TYPE_STRING)
    return 0


cdef void write_list(buf_t* out, const entry_t* entry) noexcept nogil:
    cdef char scratch[FORMAT_INT_MAX]
    cdef list_value_t list
    cdef list_at_t at
    cdef bint more
    list_view(&list, entry_encoding(entry), entry_body(entry))
    rdb_put_length(out, list_count(&list))
    more = list_seek(&list, 0, &at)
    while more:
        rdb_put_string(out, list_get(&at, scratch))
        more = list_next(&list, &at)


cdef void write_hash(buf_t* out, const entry_t* entry) noexcept nogil:
    cdef hash_t hash
    cdef hash_walk_t walk
    hash_view(&hash, entry_encoding(entry), entry_body(entry))
    rdb_put_length(out, hash_count(&hash))
    hash_walk(&walk, &hash)
    rdb_write_fields(out, &walk, False, SIZE_MAX)


cdef void write_zset(buf_t* out, const entry_t* entry) noexcept nogil:
    cdef zset_walk_t walk
    rdb_start_zset(out, entry, &walk)
    rdb_write_scored(out, &walk, SIZE_MAX)


cdef void rdb_write_old(buf_t* out, const entry_t* entry) noexcept nogil:
    cdef char text[INT_TEXT_MAX]
    if entry_type(entry) == TYPE_LIST:
        write_list(out, entry)
    elif entry_type(entry) == TYPE_SET:
        rdb_write_set(out, entry, True)
    elif entry_type(entry) == TYPE_ZSET:
        write_zset(out, entry)
    elif entry_type(entry) == TYPE_STREAM:
        rdb_write_stream(out, entry, RDB_STREAM)
    elif entry_type(entry) == TYPE_HASH:
        write_hash(out, entry)
    else:
        rdb_put_string(out, entry_string(entry, text))
