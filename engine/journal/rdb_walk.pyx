"""A long value written to an RDB file in pieces.

Each type's room writes its elements until the buffer holds so much, and can go on where it stopped;
written at once, a value takes the same way with no bound. Bytes are the measure, since they follow
both from many elements and from large ones. A single element is never cut, a string is.

Small encodings (packs, intsets) are one text, and never long: their limits keep them small. A text
of more than LONG_BYTES that somebody's limits allow is written at once, as an element is.
"""
from ..core.buf cimport buf_append
from ..core.intrinsics cimport kvd_assert
from ..store.entry cimport (
    ENC_HASHTABLE, ENC_QUICKLIST, ENC_SKIPLIST, ENC_STREAM, ENTRY_BODY, TYPE_HASH, TYPE_LIST,
    TYPE_SET, TYPE_STREAM, TYPE_STRING, TYPE_ZSET, entry_body, entry_encoding, entry_string_size,
    entry_type, raw_t,
)
from ..store.list cimport list_t
from ..store.value cimport value_effort, value_memory
from .rdb cimport rdb_write_start
from .rdb_format cimport rdb_put_length
from .rdb_hash cimport RDB_HASH_DEADLINES, rdb_hash_type, rdb_start_hash, rdb_write_fields
from .rdb_list cimport rdb_write_nodes
from .rdb_set cimport rdb_start_set, rdb_write_members
from .rdb_stream cimport RDB_STREAM_2, rdb_start_stream, rdb_write_stream_part
from .rdb_zset cimport rdb_start_zset, rdb_write_scored

cdef enum:
    LONG_EFFORT = 4096                  # blocks: about a third of a millisecond
    LONG_BYTES = 1048576                # likewise
    SAMPLES = 1                         # elements that a size is guessed from


cdef bint rdb_is_long(const entry_t* entry) noexcept nogil:
    cdef type_t type = entry_type(entry)
    if not entry.flags & ENTRY_BODY:
        return False
    if type == TYPE_STRING:
        return entry_string_size(entry) > LONG_BYTES
    if entry_encoding(entry) not in (ENC_QUICKLIST, ENC_HASHTABLE, ENC_SKIPLIST, ENC_STREAM):
        return False
    return (value_effort(type, entry_encoding(entry), entry_body(entry)) > LONG_EFFORT
            or value_memory(type, entry_encoding(entry), entry_body(entry), SAMPLES)
            > LONG_BYTES)


cdef void rdb_walk_start(rdb_walk_t* walk, buf_t* out, const store_t* store,
                         const entry_t* entry) noexcept nogil:
    cdef const list_t* list
    cdef raw_t* raw
    walk.type = entry_type(entry)
    rdb_write_start(out, store, entry)
    if walk.type == TYPE_SET:
        rdb_start_set(out, entry, &walk.set)
    elif walk.type == TYPE_HASH:
        walk.mortal = rdb_hash_type(entry) == RDB_HASH_DEADLINES
        rdb_start_hash(out, entry, &walk.hash)
    elif walk.type == TYPE_ZSET:
        rdb_start_zset(out, entry, &walk.zset)
    elif walk.type == TYPE_STREAM:
        rdb_start_stream(out, entry, RDB_STREAM_2, &walk.stream)
    elif walk.type == TYPE_LIST:
        list = <const list_t*>entry_body(entry)
        rdb_put_length(out, list.node_count)
        walk.node = list.head
    else:
        kvd_assert(walk.type == TYPE_STRING)
        raw = <raw_t*>entry_body(entry)
        rdb_put_length(out, raw.size)
        walk.data = raw.data
        walk.size = raw.size


cdef bint put_bytes(rdb_walk_t* walk, buf_t* out, size_t size_max) noexcept nogil:
    cdef size_t room = size_max - out.size if out.size < size_max else 0
    if room > walk.size:
        room = walk.size
    if room:
        buf_append(out, walk.data, room)
        walk.data += room
        walk.size -= room
    return walk.size != 0


cdef bint rdb_walk_step(rdb_walk_t* walk, buf_t* out, size_t size_max) noexcept nogil:
    if walk.type == TYPE_SET:
        return rdb_write_members(out, &walk.set, size_max)
    if walk.type == TYPE_HASH:
        return rdb_write_fields(out, &walk.hash, walk.mortal, size_max)
    if walk.type == TYPE_ZSET:
        return rdb_write_scored(out, &walk.zset, size_max)
    if walk.type == TYPE_STREAM:
        return rdb_write_stream_part(out, &walk.stream, size_max)
    if walk.type == TYPE_LIST:
        return rdb_write_nodes(out, &walk.node, size_max)
    return put_bytes(walk, out, size_max)
