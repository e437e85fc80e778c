"""Sorted sets in RDB files: read in every spelling there was, written as listpack or zset2."""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

from ..core.buf cimport buf_t
from ..store.entry cimport encoding_t, entry_t
from ..store.zset cimport zset_walk_t
from .rdb_format cimport rdb_t

cdef enum:
    RDB_ZSET = 3                        # members, and scores as texts
    RDB_ZSET_2 = 5                      # ... as doubles
    RDB_ZSET_ZIPLIST = 12
    RDB_ZSET_LISTPACK = 17

# The body of a sorted set, or NULL when the image is broken.
cdef void* rdb_read_zset(rdb_t* rdb, uint8_t type, encoding_t* encoding) noexcept nogil
cdef uint8_t rdb_zset_type(encoding_t encoding) noexcept nogil
cdef void rdb_write_zset(buf_t* out, const entry_t* entry) noexcept nogil
# Likewise of a tree, in pieces: its count; then members, until the buffer holds size_max bytes.
# True while more remain.
cdef void rdb_start_zset(buf_t* out, const entry_t* entry, zset_walk_t* walk) noexcept nogil
cdef bint rdb_write_scored(buf_t* out, zset_walk_t* walk, size_t size_max) noexcept nogil
