"""A large aggregate written to an RDB file in pieces, by its type."""
from ..core.intrinsics cimport kvd_assert
from ..store.entry cimport (
    TYPE_HASH, TYPE_LIST, TYPE_SET, TYPE_STREAM, TYPE_ZSET, entry_body, entry_type,
)
from ..store.list cimport list_t
from .rdb_format cimport rdb_put_length
from .rdb_hash cimport RDB_HASH_DEADLINES, rdb_hash_type, rdb_start_hash, rdb_write_fields
from .rdb_list cimport rdb_write_nodes
from .rdb_set cimport rdb_start_set, rdb_write_members
from .rdb_stream cimport RDB_STREAM_2, rdb_start_stream, rdb_write_stream_part
from .rdb_zset cimport rdb_start_zset, rdb_write_scored


cdef void rdb_walk_start(rdb_walk_t* walk, buf_t* out, const entry_t* entry) noexcept nogil:
    cdef const list_t* list
    walk.type = entry_type(entry)
    if walk.type == TYPE_SET:
        rdb_start_set(out, entry, &walk.set)
    elif walk.type == TYPE_HASH:
        walk.mortal = rdb_hash_type(entry) == RDB_HASH_DEADLINES
        rdb_start_hash(out, entry, &walk.hash)
    elif walk.type == TYPE_ZSET:
        rdb_start_zset(out, entry, &walk.zset)
    elif walk.type == TYPE_STREAM:
        rdb_start_stream(out, entry, RDB_STREAM_2, &walk.stream)
    else:
        kvd_assert(walk.type == TYPE_LIST)
        list = <const list_t*>entry_body(entry)
        rdb_put_length(out, list.node_count)
        walk.node = list.head


cdef bint rdb_walk_step(rdb_walk_t* walk, buf_t* out, size_t size_max) noexcept nogil:
    if walk.type == TYPE_SET:
        return rdb_write_members(out, &walk.set, size_max)
    if walk.type == TYPE_HASH:
        return rdb_write_fields(out, &walk.hash, walk.mortal, size_max)
    if walk.type == TYPE_ZSET:
        return rdb_write_scored(out, &walk.zset, size_max)
    if walk.type == TYPE_STREAM:
        return rdb_write_stream_part(out, &walk.stream, size_max)
    return rdb_write_nodes(out, &walk.node, size_max)
