"""Streams in RDB files: read in the three spellings there are, written in the last two."""
from libc.stdint cimport uint8_t

from ..core.buf cimport buf_t
from ..store.entry cimport encoding_t, entry_t
from .rdb_format cimport rdb_t

cdef enum:
    RDB_STREAM = 15                     # Redis 5: nodes and groups
    RDB_STREAM_2 = 19                   # Redis 7: and what was read and deleted
    RDB_STREAM_3 = 21                   # Redis 7.2: and when a consumer was active

# The body of a stream, or NULL when the image is broken.
cdef void* rdb_read_stream(rdb_t* rdb, uint8_t type, encoding_t* encoding) noexcept nogil
# As RDB_STREAM_2 or RDB_STREAM_3.
cdef void rdb_write_stream(buf_t* out, const entry_t* entry, uint8_t type) noexcept nogil
