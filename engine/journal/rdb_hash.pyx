"""Hashes in RDB files.

    hash                 count; field, value, ...
    hash (zipmap)        a text: | count 1 | size field | size free 1 value free | ... | FF |
    hash (ziplist)       a text that is a ziplist of fields and values
    hash (listpack)      likewise
    hash with deadlines  count; field, value, deadline in 8 bytes, -1 for none, ...

What is read gets the encoding that it would have had here, as on Valkey; a hash with deadlines is a
table. A hash without fields cannot be, nor one that has a field twice: such a key is an error.
Fields that died while the file lay there are read, and die at once: their end must be told.
"""
from libc.stddef cimport size_t
from libc.stdint cimport INT64_MAX, SIZE_MAX, int64_t, uint64_t

from ..core.buf cimport buf_free, buf_init
from ..core.intrinsics cimport load32
from ..core.listpack cimport listpack_size, listpack_value_t, listpack_value_text
from ..core.number cimport FORMAT_INT_MAX
from ..core.table cimport NO_DEADLINE
from ..core.types cimport slice_t
from ..store.entry cimport ENC_HASHTABLE, ENC_LISTPACK, entry_body, entry_encoding
from ..store.hash cimport (
    HASH_NEW, hash_count, hash_create_as, hash_due_ms, hash_expect, hash_next, hash_release,
    hash_set, hash_t, hash_to_table, hash_view, hash_walk, hash_walk_deadline, hash_walk_t,
)
from .rdb_format cimport (
    rdb_broken, rdb_put_length, rdb_put_millis, rdb_put_string, rdb_read_millis, rdb_read_number,
    rdb_read_string,
)
from .rdb_pack cimport rdb_pack_repeats, rdb_read_listpack, rdb_read_ziplist

cdef enum:
    NO_MILLIS = -1                      # what stands for "no deadline"
    ZIPMAP_LONG = 254                   # a size in the 4 bytes behind
    ZIPMAP_END = 255


# -- reading --------------------------------------------------------------------------------------

cdef bint add(rdb_t* rdb, hash_t* hash, size_t start, slice_t field, slice_t value,
              int64_t deadline_ms) noexcept nogil:
    cdef slice_t pair[2]
    pair[0] = field
    pair[1] = value
    hash_expect(hash, pair, 2)
    if hash_set(hash, field, value, deadline_ms) != HASH_NEW:
        return rdb_broken(rdb, start, b"a hash has a field twice")
    return True


cdef bint read_pairs(rdb_t* rdb, hash_t* hash, bint mortal, buf_t* room) noexcept nogil:
    """`room`: where the field lies while its value is read."""
    cdef uint64_t count
    cdef slice_t field, value
    cdef int64_t deadline_ms = NO_DEADLINE
    cdef size_t start = rdb.at
    if not rdb_read_number(rdb, &count):
        return False
    hash_create_as(hash, ENC_HASHTABLE if mortal
                   or count > <uint64_t>hash.limits.listpack_entries else ENC_LISTPACK)
    if count == 0:
        return rdb_broken(rdb, start, b"a hash is empty")
    while count:                        # each needs bytes of the image: no count is believed
        start = rdb.at
        if not (rdb_read_string(rdb, room, &field)
                and rdb_read_string(rdb, &rdb.value, &value)):
            return False
        if mortal:
            if not rdb_read_millis(rdb, &deadline_ms):
                return False
            if deadline_ms < NO_MILLIS:
                return rdb_broken(rdb, start, b"a field's deadline is negative")
            if deadline_ms == NO_MILLIS:
                deadline_ms = NO_DEADLINE
            elif deadline_ms == NO_DEADLINE:
                deadline_ms -= 1        # the last moment is not "never"
        if not add(rdb, hash, start, field, value, deadline_ms):
            return False
        count -= 1
    return True


cdef bint read_pack(rdb_t* rdb, hash_t* hash, bint is_ziplist) noexcept nogil:
    cdef uint64_t count
    cdef size_t start = rdb.at
    hash.encoding = ENC_LISTPACK
    hash.body = rdb_read_ziplist(rdb, &count) if is_ziplist else rdb_read_listpack(rdb, &count)
    if hash.body is NULL:
        return False
    if count == 0 or count % 2:
        return rdb_broken(rdb, start, b"a hash has no fields, or one without a value")
    if rdb_pack_repeats(rdb, <const uint8_t*>hash.body, count, 2):
        return rdb_broken(rdb, start, b"a hash has a field twice")
    if count // 2 > <uint64_t>hash.limits.listpack_entries:
        hash_to_table(hash)
    return True


cdef bint zipmap_text(slice_t map, size_t* at, bint is_value, slice_t* text) noexcept nogil:
    """The text at *at, which moves behind it; False when it does not lie within the map."""
    cdef size_t size, spare
    if map.size - at[0] < 6:            # a size at its longest, and the end
        if map.size - at[0] < 2 or <uint8_t>map.data[at[0]] >= ZIPMAP_LONG:
            return False
    size = <uint8_t>map.data[at[0]]
    at[0] += 1
    if size >= ZIPMAP_LONG:
        size = load32(map.data + at[0])
        at[0] += 4
    spare = 0
    if is_value:
        spare = <uint8_t>map.data[at[0]]
        at[0] += 1
    if size > map.size - at[0] or spare > map.size - at[0] - size:
        return False
    text[0] = slice_t(map.data + at[0], size)
    at[0] += size + spare
    return at[0] < map.size             # something follows: at least the end


cdef bint read_zipmap(rdb_t* rdb, hash_t* hash) noexcept nogil:
    cdef slice_t map, field, value
    cdef size_t start = rdb.at
    cdef size_t at = 1
    if not rdb_read_string(rdb, &rdb.value, &map):
        return False
    hash_create_as(hash, ENC_LISTPACK)
    while at < map.size and <uint8_t>map.data[at] != ZIPMAP_END:
        if not zipmap_text(map, &at, False, &field) or not zipmap_text(map, &at, True, &value):
            return rdb_broken(rdb, start, b"a zipmap is not valid")
        if not add(rdb, hash, start, field, value, NO_DEADLINE):
            return False
    if at + 1 != map.size:
        return rdb_broken(rdb, start, b"a zipmap is not valid")
    return hash_count(hash) != 0 or rdb_broken(rdb, start, b"a hash is empty")


cdef void* rdb_read_hash(rdb_t* rdb, uint8_t type, encoding_t* encoding) noexcept nogil:
    cdef hash_t hash
    cdef bint read
    cdef buf_t room
    hash.heap = rdb.store.heap
    hash.secret = rdb.store.secret
    hash.limits = &rdb.limits.hash
    hash.now_ms = -INT64_MAX            # nothing is dead while it is read
    hash.body = NULL
    if type == RDB_HASH_ZIPMAP:
        read = read_zipmap(rdb, &hash)
    elif type == RDB_HASH_ZIPLIST or type == RDB_HASH_LISTPACK:
        read = read_pack(rdb, &hash, type == RDB_HASH_ZIPLIST)
    else:
        buf_init(&room, rdb.store.heap)
        read = read_pairs(rdb, &hash, type == RDB_HASH_DEADLINES, &room)
        buf_free(&room)
    if not read and hash.body is not NULL:
        hash_release(&hash)
    encoding[0] = hash.encoding
    return hash.body


# -- writing --------------------------------------------------------------------------------------

cdef uint8_t rdb_hash_type(const entry_t* entry) noexcept nogil:
    if entry_encoding(entry) == ENC_LISTPACK:
        return RDB_HASH_LISTPACK
    if hash_due_ms(ENC_HASHTABLE, entry_body(entry)) == NO_DEADLINE:
        return RDB_HASH
    return RDB_HASH_DEADLINES


cdef void rdb_write_hash(buf_t* out, const entry_t* entry) noexcept nogil:
    cdef uint8_t type = rdb_hash_type(entry)
    cdef const char* body = <const char*>entry_body(entry)
    cdef hash_walk_t walk
    if type == RDB_HASH_LISTPACK:
        rdb_put_string(out, slice_t(body, listpack_size(<const uint8_t*>body)))
        return
    rdb_start_hash(out, entry, &walk)
    rdb_write_fields(out, &walk, type == RDB_HASH_DEADLINES, SIZE_MAX)


cdef void rdb_start_hash(buf_t* out, const entry_t* entry, hash_walk_t* walk) noexcept nogil:
    cdef hash_t hash
    hash_view(&hash, ENC_HASHTABLE, entry_body(entry))      # the HDEL of the dead is to come
    rdb_put_length(out, hash_count(&hash))
    hash_walk(walk, &hash)


cdef bint rdb_write_fields(buf_t* out, hash_walk_t* walk, bint mortal,
                           size_t size_max) noexcept nogil:
    cdef char scratch[FORMAT_INT_MAX]
    cdef listpack_value_t field, value
    cdef int64_t deadline_ms
    while out.size < size_max:
        if not hash_next(walk, &field, &value):
            return False
        rdb_put_string(out, listpack_value_text(&field, scratch))
        rdb_put_string(out, listpack_value_text(&value, scratch))
        if mortal:
            deadline_ms = hash_walk_deadline(walk)
            rdb_put_millis(out, NO_MILLIS if deadline_ms == NO_DEADLINE else deadline_ms)
    return True
