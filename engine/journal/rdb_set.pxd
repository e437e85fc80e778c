"""Sets in RDB files."""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

from ..core.buf cimport buf_t
from ..store.entry cimport encoding_t, entry_t
from ..store.set cimport set_walk_t
from .rdb_format cimport rdb_t

cdef enum:
    RDB_SET = 2                         # count, texts
    RDB_SET_INTSET = 11                 # an intset
    RDB_SET_LISTPACK = 20               # a listpack: Redis 7.2 and later, Valkey

# The body of a set, or NULL when the image is broken.
cdef void* rdb_read_set(rdb_t* rdb, uint8_t type, encoding_t* encoding) noexcept nogil
# What a set is written as; `common`: for those too who know no RDB_SET_LISTPACK.
cdef uint8_t rdb_set_type(const entry_t* entry, bint common) noexcept nogil
cdef void rdb_write_set(buf_t* out, const entry_t* entry, bint common) noexcept nogil
# Likewise of a table, in pieces: its count; then members, until the buffer holds size_max bytes.
# True while more remain.
cdef void rdb_start_set(buf_t* out, const entry_t* entry, set_walk_t* walk) noexcept nogil
cdef bint rdb_write_members(buf_t* out, set_walk_t* walk, size_t size_max) noexcept nogil
