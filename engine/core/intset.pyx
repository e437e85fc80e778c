"""A sorted array of integers in one block.

Small sets of integers are common (ids of a page, of a group) and a sorted array is the smallest
thing that holds them: 2 bytes a value while all fit. A lookup is a binary search in one or two
cache lines; a change moves what lies behind it. So the owner turns it into a table once it has
become long.

Invariants
    I1  values ascend strictly
    I2  every value fits the width; widths only grow
    I3  intset_size is what the block was asked for
"""
from libc.stdint cimport INT16_MAX, INT16_MIN, INT32_MAX, INT32_MIN
from libc.string cimport memcpy, memmove

from .heap cimport heap_alloc, heap_free, heap_realloc
from .intrinsics cimport kvd_assert, kvd_static_assert, store16, store32, store64


cdef inline uint32_t width_of(int64_t value) noexcept nogil:
    if INT16_MIN <= value <= INT16_MAX:
        return 2
    if INT32_MIN <= value <= INT32_MAX:
        return 4
    return 8


cdef inline void put(intset_t* set, uint32_t place, int64_t value) noexcept nogil:
    cdef char* at = set.values + <size_t>set.width * place
    if set.width == 2:
        store16(at, <unsigned short>value)
    elif set.width == 4:
        store32(at, <uint32_t>value)
    else:
        store64(at, <unsigned long long>value)


cdef intset_t* intset_create(heap_t* heap) noexcept nogil:
    cdef intset_t* set = <intset_t*>heap_alloc(heap, INTSET_HEADER)
    kvd_static_assert(sizeof(intset_t) == INTSET_HEADER)
    set.width = 2
    set.count = 0
    return set


cdef void intset_release(heap_t* heap, intset_t* set) noexcept nogil:
    heap_free(heap, set, intset_size(set))


cdef intset_t* intset_copy(heap_t* heap, const intset_t* set) noexcept nogil:
    cdef intset_t* fresh = <intset_t*>heap_alloc(heap, intset_size(set))
    memcpy(fresh, set, intset_size(set))
    return fresh


cdef bint intset_find(const intset_t* set, int64_t value, uint32_t* place) noexcept nogil:
    cdef uint32_t low = 0
    cdef uint32_t high = set.count
    cdef uint32_t middle
    cdef int64_t there
    # Ids are mostly given out in order: the value is often past the last one.
    if high == 0 or value > intset_at(set, high - 1):
        place[0] = high
        return False
    while low < high:                   # I1: the first value that is not less
        middle = low + ((high - low) >> 1)
        there = intset_at(set, middle)
        if there == value:
            place[0] = middle
            return True
        if there < value:
            low = middle + 1
        else:
            high = middle
    place[0] = low
    return False


cdef intset_t* widen_and_add(heap_t* heap, intset_t* set, int64_t value) noexcept nogil:
    """A value that none of the widths so far could hold stands before all others or behind them."""
    cdef uint32_t i
    cdef intset_t* fresh = <intset_t*>heap_alloc(
        heap, INTSET_HEADER + <size_t>width_of(value) * (<size_t>set.count + 1))
    fresh.width = width_of(value)       # I2
    fresh.count = set.count + 1
    for i in range(set.count):
        put(fresh, i + 1 if value < 0 else i, intset_at(set, i))
    put(fresh, 0 if value < 0 else set.count, value)
    intset_release(heap, set)
    return fresh


cdef intset_t* intset_add(heap_t* heap, intset_t* set, int64_t value, bint* added) noexcept nogil:
    cdef uint32_t place
    cdef size_t size = intset_size(set)
    cdef char* at
    added[0] = True
    if width_of(value) > set.width:
        return widen_and_add(heap, set, value)
    if intset_find(set, value, &place):
        added[0] = False
        return set
    set = <intset_t*>heap_realloc(heap, set, size, size + set.width)
    at = set.values + <size_t>set.width * place
    if place < set.count:
        memmove(at + set.width, at, <size_t>set.width * (set.count - place))
    set.count += 1
    put(set, place, value)
    return set


cdef intset_t* intset_remove(heap_t* heap, intset_t* set, int64_t value,
                             bint* removed) noexcept nogil:
    cdef uint32_t place = 0
    removed[0] = width_of(value) <= set.width and intset_find(set, value, &place)
    return intset_remove_range(heap, set, place, 1) if removed[0] else set


cdef intset_t* intset_remove_range(heap_t* heap, intset_t* set, uint32_t place,
                                   uint32_t count) noexcept nogil:
    cdef size_t size = intset_size(set)
    cdef char* at = set.values + <size_t>set.width * place
    cdef size_t gone = <size_t>set.width * count
    kvd_assert(place <= set.count and count <= set.count - place)
    memmove(at, at + gone, <size_t>set.width * (set.count - place - count))
    set.count -= count
    return <intset_t*>heap_realloc(heap, set, size, size - gone)            # I3


cdef bint intset_valid(const char* bytes, size_t size) noexcept nogil:
    cdef const intset_t* set = <const intset_t*>bytes
    cdef uint32_t i
    if size < INTSET_HEADER:
        return False
    if set.width != 2 and set.width != 4 and set.width != 8:
        return False
    if intset_size(set) != size or set.count == 0:
        return False
    for i in range(1, set.count):
        if intset_at(set, i - 1) >= intset_at(set, i):
            return False
    return True
