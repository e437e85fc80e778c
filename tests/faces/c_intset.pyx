"""Python face of engine/core/intset.pxd, for tests/core/test_intset.py only."""
cimport cython
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcpy

from kvd.engine.core.heap cimport heap_alloc, heap_free, heap_free_all, heap_init, heap_t
from kvd.engine.core.intset cimport (
    intset_add, intset_at, intset_copy, intset_create, intset_find, intset_release, intset_remove,
    intset_remove_range, intset_size, intset_t, intset_valid,
)


@cython.final
cdef class Intset:
    cdef heap_t heap
    cdef intset_t* it

    def __cinit__(self):
        heap_init(&self.heap)
        self.it = intset_create(&self.heap)

    def close(self):
        intset_release(&self.heap, self.it)
        return self.heap.used == 0 and heap_free_all(&self.heap)

    def add(self, int64_t value):
        cdef bint added
        self.it = intset_add(&self.heap, self.it, value, &added)
        return added

    def remove(self, int64_t value):
        cdef bint removed
        self.it = intset_remove(&self.heap, self.it, value, &removed)
        return removed

    def remove_range(self, uint32_t place, uint32_t count):
        self.it = intset_remove_range(&self.heap, self.it, place, count)

    def find(self, int64_t value):
        cdef uint32_t place
        cdef bint found = intset_find(self.it, value, &place)
        return found, place

    def values(self):
        return [intset_at(self.it, i) for i in range(self.it.count)]

    def copy_bytes(self):
        cdef intset_t* fresh = intset_copy(&self.heap, self.it)
        data = (<const char*>fresh)[:intset_size(fresh)]
        intset_release(&self.heap, fresh)
        return data

    def width(self):
        return self.it.width


def valid(bytes data):
    """Asked of a block of exactly that size, so that a sanitizer sees a byte too far."""
    cdef heap_t heap
    heap_init(&heap)
    cdef char* block = <char*>heap_alloc(&heap, len(data))
    memcpy(block, <const char*>data, len(data))
    answer = bool(intset_valid(block, len(data)))
    heap_free(&heap, block, len(data))
    heap_free_all(&heap)
    return answer
