"""A sorted array of integers in one block, in the bytes that RDB files and DUMP carry.

    width 4 | count 4 | value | value | ...        little-endian; width is 2, 4 or 8 bytes

Terms
    width    bytes of each value: the least that every value so far fitted
    place    index of a value in the order

A set is one block, exactly as large as its bytes; whoever holds it takes back the pointer that a
change returns. A width never shrinks: neither do others' sets, and DUMP payloads are compared.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t

from .heap cimport heap_t
from .intrinsics cimport load16, load32, load64

cdef enum:
    INTSET_HEADER = 8

cdef packed struct intset_t:
    uint32_t width
    uint32_t count
    char values[0]

cdef intset_t* intset_create(heap_t* heap) noexcept nogil
cdef void intset_release(heap_t* heap, intset_t* set) noexcept nogil
cdef intset_t* intset_copy(heap_t* heap, const intset_t* set) noexcept nogil
# True when it is there; *place is where it stands, or where it would.
cdef bint intset_find(const intset_t* set, int64_t value, uint32_t* place) noexcept nogil
cdef intset_t* intset_add(heap_t* heap, intset_t* set, int64_t value, bint* added) noexcept nogil
cdef intset_t* intset_remove(heap_t* heap, intset_t* set, int64_t value,
                             bint* removed) noexcept nogil
# `count` values from `place` on, all there.
cdef intset_t* intset_remove_range(heap_t* heap, intset_t* set, uint32_t place,
                                   uint32_t count) noexcept nogil
# Are these the bytes of a set: a width, the size that the count says, values that ascend?
cdef bint intset_valid(const char* bytes, size_t size) noexcept nogil

cdef inline size_t intset_size(const intset_t* set) noexcept nogil:
    """Bytes of the block, as it was asked for."""
    return INTSET_HEADER + <size_t>set.width * set.count

cdef inline int64_t intset_at(const intset_t* set, uint32_t place) noexcept nogil:
    """`place` < count."""
    if set.width == 2:
        return <short>load16(set.values + 2 * <size_t>place)
    if set.width == 4:
        return <int>load32(set.values + 4 * <size_t>place)
    return <int64_t>load64(set.values + 8 * <size_t>place)
