"""RDB files: the data set as stock servers write it, for the base of the journal.

Terms
    opcode    one byte that says what follows: a key's type, or something about keys to come
    length    a number in 1, 2, 5 or 9 bytes; or the mark of a string that is spelt otherwise
    image     a whole file in memory (mapped): nothing is read past its end

The reader takes strings, in every spelling, with their deadlines and access times. What it does
not know it names, and stops: half a data set is worse than none.
The writer appends to a buffer; who owns the file keeps the check sum.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t

from ..core.buf cimport buf_t
from ..store.entry cimport entry_t
from ..store.keyspace cimport keyspace_t, store_t

cdef enum:
    RDB_HEADER_SIZE = 9                 # "REDIS0011", "VALKEY080"

cdef enum rdb_status_t:
    RDB_MORE = 0                        # the time is up
    RDB_DONE = 1
    RDB_BROKEN = 2

cdef struct rdb_t:
    store_t* store
    const char* data                    # the image, borrowed
    size_t size
    size_t at                           # next byte to read; behind the check sum at the end
    size_t summed                       # how far the check sum has come
    uint64_t crc
    int version
    keyspace_t* ks                      # the selected database
    int64_t deadline_ms                 # of the next key
    int64_t idle_seconds                # -1: not said
    int freq                            # -1: not said
    uint64_t keys
    size_t string_max                   # bytes
    buf_t key                           # unpacked strings live here
    buf_t value
    size_t broken_at                    # offset of what cannot be read
    char why[160]

# It starts like an RDB file.
cdef bint rdb_is(const char* data, size_t size) noexcept nogil
cdef void rdb_init(rdb_t* rdb, store_t* store, const char* data, size_t size,
                   size_t string_max) noexcept nogil
cdef void rdb_free(rdb_t* rdb) noexcept nogil
# Read on until the clock says until_us. Keys go to the databases of the store.
cdef rdb_status_t rdb_read(rdb_t* rdb, int64_t until_us) noexcept nogil

# -- writing --------------------------------------------------------------------------------------

cdef void rdb_write_header(buf_t* out) noexcept nogil
cdef void rdb_write_select(buf_t* out, int db) noexcept nogil
cdef void rdb_write_entry(buf_t* out, const store_t* store, const entry_t* entry) noexcept nogil
# The last opcode; the check sum of all that was written, this byte included, follows it.
cdef void rdb_write_end(buf_t* out) noexcept nogil
cdef void rdb_write_crc(buf_t* out, uint64_t crc) noexcept nogil
