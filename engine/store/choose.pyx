"""Random choices among the items of a table.

Few of many are drawn one by one, and what was drawn before is drawn again: an open table of
addresses, half full at most, knows. Where the choice is a good part of the whole, so many draws
would be in vain; then one walk decides of each item whether it is taken, with the probability that
what is still wanted has to what is still to come.

Invariants
    C1  a walk that decides so ends with exactly `count` items
"""
from libc.stdint cimport uint64_t

from ..core.heap cimport heap_alloc_zero, heap_free
from ..core.intrinsics cimport kvd_assert
from ..core.rand cimport rand_below
from ..core.table cimport SEGMENT_ITEMS_MAX, table_random, table_walk

cdef enum:
    WALK_PART = 3                       # a choice of more than a third of all is made by a walk


cdef inline bint note(void** seen, size_t mask, void* item) noexcept nogil:
    """False when the address has been noted before."""
    cdef size_t at = <size_t>((<uint64_t>item >> 3) * <uint64_t>0x9E3779B97F4A7C15U >> 20) & mask
    while seen[at] is not NULL:
        if seen[at] is item:
            return False
        at = (at + 1) & mask
    seen[at] = item
    return True


cdef void draw(const table_t* table, rand_t* rand, heap_t* heap, size_t count,
               void** out) noexcept nogil:
    cdef size_t places = 8
    cdef size_t got = 0
    cdef void** seen
    cdef void* item
    while places < 2 * count:
        places *= 2
    seen = <void**>heap_alloc_zero(heap, places * sizeof(void*))
    while got < count:
        item = table_random(table, rand)
        if note(seen, places - 1, item):
            out[got] = item
            got += 1
    heap_free(heap, seen, places * sizeof(void*))


cdef void walk(const table_t* table, rand_t* rand, size_t count, void** out) noexcept nogil:
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef uint64_t cursor = 0
    cdef uint64_t left = table.count
    cdef size_t got = 0
    cdef size_t n, i
    while got < count:
        n = table_walk(table, &cursor, items)
        for i in range(n):
            if got < count and rand_below(rand, left) < count - got:
                out[got] = items[i]
                got += 1
            left -= 1
        if cursor == 0:
            break
    kvd_assert(got == count)            # C1


cdef void choose_from_table(const table_t* table, rand_t* rand, heap_t* heap, size_t count,
                            void** out) noexcept nogil:
    kvd_assert(count <= table.count)
    if count > table.count // WALK_PART:
        walk(table, rand, count, out)
    else:
        draw(table, rand, heap, count, out)


cdef void choose_from_array(void** items, size_t items_count, rand_t* rand,
                            size_t count) noexcept nogil:
    cdef size_t i, other
    cdef void* held
    for i in range(count):
        other = i + <size_t>rand_below(rand, items_count - i)
        held = items[i]
        items[i] = items[other]
        items[other] = held
