"""Elements of a stream's pack, read where its rooms read them: per entry and per field.

Terms
    at        the address of an element of a listpack (core/listpack) that is known to be valid
    number    an element that is an integer: counts, flags, parts of IDs; most take one byte
"""
from libc.stdint cimport int64_t, uint8_t

from ..core.intrinsics cimport likely
from ..core.listpack cimport listpack_entry_size, listpack_int

cdef inline int64_t pack_number(const uint8_t* at) noexcept nogil:
    cdef int64_t number = 0
    if likely(at[0] < 128):
        return at[0]
    listpack_int(at, &number)
    return number


cdef inline const uint8_t* pack_behind(const uint8_t* at) noexcept nogil:
    return at + listpack_entry_size(at)


cdef inline int64_t pack_take(const uint8_t** at) noexcept nogil:
    """A number; *at goes behind it."""
    cdef int64_t number
    if likely(at[0][0] < 128):
        number = at[0][0]
        at[0] += 2
        return number
    number = pack_number(at[0])
    at[0] = pack_behind(at[0])
    return number


cdef inline const uint8_t* pack_skip(const uint8_t* at, int64_t count) noexcept nogil:
    while count > 0:
        at = pack_behind(at)
        count -= 1
    return at
