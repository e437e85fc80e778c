"""The pieces of an RDB file: lengths, strings and numbers, read with distrust and written.

Terms
    image     a whole file in memory, or the payload of a RESTORE: nothing is read past its end
    broken    what cannot be read: says where and why once, and every reader after it says no

The rooms of the types stand on this one (rdb_<type>), and rdb itself on them.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t

from ..core.buf cimport buf_t
from ..core.types cimport slice_t
from ..store.hash cimport hash_limits_t
from ..store.keyspace cimport keyspace_t, store_t
from ..store.set cimport set_limits_t

# Where encodings end, as configured; commands/state.pxd fills it. Read from a file, a value gets
# the encoding that it would have had here.
cdef struct rdb_limits_t:
    int list_fill                       # list-max-listpack-size
    uint64_t zset_entries               # zset-max-listpack-entries
    uint64_t zset_value                 # zset-max-listpack-value, bytes
    set_limits_t set
    hash_limits_t hash

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
    rdb_limits_t limits
    buf_t key                           # unpacked strings live here
    buf_t value
    size_t broken_at                    # offset of what cannot be read
    char why[160]

# Say why the image cannot be read. False, for the caller to hand on.
cdef bint rdb_broken(rdb_t* rdb, size_t at, const char* why) noexcept nogil

# Each reader says no when the image is broken, or is found to be.
# The next bytes, or NULL when there are not so many.
cdef const char* rdb_take(rdb_t* rdb, size_t size) noexcept nogil
cdef bint rdb_read_byte(rdb_t* rdb, uint8_t* byte) noexcept nogil
# A length; with *spelt, how the string that follows is spelt.
cdef bint rdb_read_length(rdb_t* rdb, uint64_t* length, bint* spelt) noexcept nogil
# A length that is a number.
cdef bint rdb_read_number(rdb_t* rdb, uint64_t* number) noexcept nogil
# The next string: in the image, or unpacked into `room`.
cdef bint rdb_read_string(rdb_t* rdb, buf_t* room, slice_t* string) noexcept nogil
# 8 bytes, little-endian.
cdef bint rdb_read_double(rdb_t* rdb, double* number) noexcept nogil
cdef bint rdb_read_millis(rdb_t* rdb, int64_t* millis) noexcept nogil

cdef void rdb_put_byte(buf_t* out, uint8_t byte) noexcept nogil
cdef void rdb_put_length(buf_t* out, uint64_t length) noexcept nogil
cdef void rdb_put_string(buf_t* out, slice_t string) noexcept nogil
cdef void rdb_put_double(buf_t* out, double number) noexcept nogil
cdef void rdb_put_millis(buf_t* out, int64_t millis) noexcept nogil
