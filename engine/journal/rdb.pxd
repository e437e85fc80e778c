"""RDB files: the data set as stock servers write it, for the base of the journal.

Terms
    opcode    one byte that says what follows: a key's type, or something about keys to come
    length    a number in 1, 2, 5 or 9 bytes; or the mark of a string that is spelt otherwise
    image     a whole file in memory (mapped): nothing is read past its end

The reader takes every type of which there is a room rdb_<type>, with deadlines and access times.
What it does not know it names, and stops: half a data set is worse than none.
The writer appends to a buffer; who owns the file keeps the check sum.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from ..core.buf cimport buf_t
from ..core.types cimport slice_t
from ..store.entry cimport entry_t
from ..store.keyspace cimport store_t
from .rdb_format cimport rdb_t

cdef enum:
    RDB_HEADER_SIZE = 9                 # "REDIS0010", "VALKEY080"

# What a value may be written as. Files are for the widest circle, which reads no compact sets
# (type 20) and no stream consumers' active times (type 21); fields that die need the newer one.
cdef enum:
    RDB_VERSION_COMMON = 10             # Redis 7.0 and later, every Valkey
    RDB_VERSION_VALKEY = 80             # Valkey 9: what DUMP speaks

cdef enum rdb_status_t:
    RDB_MORE = 0                        # the time is up
    RDB_DONE = 1
    RDB_BROKEN = 2

# It starts like an RDB file.
cdef bint rdb_is(const char* data, size_t size) noexcept nogil
cdef void rdb_init(rdb_t* rdb, store_t* store, const char* data, size_t size,
                   size_t string_max) noexcept nogil
cdef void rdb_free(rdb_t* rdb) noexcept nogil
# Read on until the clock says until_us. Keys go to the databases of the store.
cdef rdb_status_t rdb_read(rdb_t* rdb, int64_t until_us) noexcept nogil

# One value, of the type that its byte says, as an entry under `key` that no table knows; NULL when
# it is broken. For RESTORE, as for a whole file.
cdef entry_t* rdb_read_value(rdb_t* rdb, uint8_t type, slice_t key, int64_t deadline_ms,
                             uint32_t access) noexcept nogil

# -- writing --------------------------------------------------------------------------------------

# Of a file that will hold what the store holds now.
cdef void rdb_write_header(buf_t* out, const store_t* store) noexcept nogil
cdef void rdb_write_select(buf_t* out, int db) noexcept nogil
# What stands before an entry's value.
cdef void rdb_write_start(buf_t* out, const store_t* store, const entry_t* entry) noexcept nogil
cdef void rdb_write_entry(buf_t* out, const store_t* store, const entry_t* entry) noexcept nogil
# The last opcode; the check sum of all that was written, this byte included, follows it.
cdef void rdb_write_end(buf_t* out) noexcept nogil
cdef void rdb_write_crc(buf_t* out, uint64_t crc) noexcept nogil
# The type byte of an entry's value, and the value: what DUMP makes, without its footer.
cdef uint8_t rdb_value_type(const entry_t* entry, int version) noexcept nogil
cdef void rdb_write_value(buf_t* out, const entry_t* entry, int version) noexcept nogil
