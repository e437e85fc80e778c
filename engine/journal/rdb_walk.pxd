"""A large aggregate written to an RDB file in pieces, by its type: see pieces."""
from libc.stddef cimport size_t

from ..core.buf cimport buf_t
from ..store.entry cimport entry_t, type_t
from ..store.hash cimport hash_walk_t
from ..store.list cimport list_node_t
from ..store.set cimport set_walk_t
from ..store.zset cimport zset_walk_t
from .rdb_stream cimport rdb_stream_walk_t

cdef struct rdb_walk_t:
    type_t type
    set_walk_t set
    hash_walk_t hash
    bint mortal                         # fields with deadlines
    zset_walk_t zset
    const list_node_t* node
    rdb_stream_walk_t stream

# What stands before its elements, behind its key.
cdef void rdb_walk_start(rdb_walk_t* walk, buf_t* out, const entry_t* entry) noexcept nogil
# Append elements until there are `size_max` bytes in the buffer; true while more remain.
cdef bint rdb_walk_step(rdb_walk_t* walk, buf_t* out, size_t size_max) noexcept nogil
