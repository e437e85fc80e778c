"""Streams in RDB files: read and written in the three spellings there are."""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t

from ..core.buf cimport buf_t
from ..core.idlist cimport id_place_t
from ..store.entry cimport encoding_t, entry_t
from ..store.stream cimport stream_t
from .rdb_format cimport rdb_t

cdef enum:
    RDB_STREAM = 15                     # Redis 5: nodes and groups
    RDB_STREAM_2 = 19                   # Redis 7: and what was read and deleted
    RDB_STREAM_3 = 21                   # Redis 7.2: and when a consumer was active

# The body of a stream, or NULL when the image is broken.
cdef void* rdb_read_stream(rdb_t* rdb, uint8_t type, encoding_t* encoding) noexcept nogil
# As the type says.
cdef void rdb_write_stream(buf_t* out, const entry_t* entry, uint8_t type) noexcept nogil

# A stream that is written in pieces: what comes next.
cdef enum rdb_stream_part_t:
    PART_NODES = 0
    PART_GROUP = 1                      # the next group's head, or the end
    PART_PENDING = 2                    # what is pending in the group
    PART_CONSUMER = 3                   # the next consumer's head, or the next group
    PART_CONSUMED = 4                   # what is pending for the consumer

cdef struct rdb_stream_walk_t:
    const stream_t* stream
    uint8_t type
    rdb_stream_part_t part
    id_place_t place                    # in nodes or in a list of pending entries
    uint32_t group
    uint32_t consumer

cdef void rdb_start_stream(buf_t* out, const entry_t* entry, uint8_t type,
                           rdb_stream_walk_t* walk) noexcept nogil
# Until the buffer holds size_max bytes. True while more remain.
cdef bint rdb_write_stream_part(buf_t* out, rdb_stream_walk_t* walk,
                                size_t size_max) noexcept nogil
