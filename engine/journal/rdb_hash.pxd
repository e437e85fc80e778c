"""Hashes in RDB files."""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

from ..core.buf cimport buf_t
from ..store.entry cimport encoding_t, entry_t
from ..store.hash cimport hash_walk_t
from .rdb_format cimport rdb_t

cdef enum:
    RDB_HASH = 4                        # count, fields and values
    RDB_HASH_ZIPMAP = 9                 # Redis before 2.6
    RDB_HASH_ZIPLIST = 13
    RDB_HASH_LISTPACK = 16
    RDB_HASH_DEADLINES = 22             # count; field, value and deadline of each: Valkey 9

# The body of a hash, or NULL when the image is broken.
cdef void* rdb_read_hash(rdb_t* rdb, uint8_t type, encoding_t* encoding) noexcept nogil
cdef uint8_t rdb_hash_type(const entry_t* entry) noexcept nogil
cdef void rdb_write_hash(buf_t* out, const entry_t* entry) noexcept nogil
# Likewise of a table, in pieces: its count; then fields, until the buffer holds size_max bytes.
# True while more remain. `mortal`: with deadlines.
cdef void rdb_start_hash(buf_t* out, const entry_t* entry, hash_walk_t* walk) noexcept nogil
cdef bint rdb_write_fields(buf_t* out, hash_walk_t* walk, bint mortal,
                           size_t size_max) noexcept nogil
