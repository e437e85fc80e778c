"""Sorted sets in RDB files: read in every spelling there was, written as listpack or zset2."""
from libc.stdint cimport uint8_t

from ..core.buf cimport buf_t
from ..store.entry cimport encoding_t, entry_t
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
