"""Python face of engine/core/heap.pxd, for tests/core/test_heap.py only.

Addresses are Python ints. `fill` and `holds` write and check a pattern that depends on every byte's
place, so that two blocks which overlap cannot both hold theirs.
"""
cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t, uintptr_t

from kvd.engine.core.heap cimport (
    BLOCK_MAX, CHUNK_SIZE, HEAP_CLASSES, UNIT_SIZE, heap_alloc, heap_alloc_try, heap_alloc_zero,
    heap_block_size, heap_free, heap_free_all, heap_init, heap_move, heap_purge,
    heap_realloc, heap_reopen_sparse, heap_should_move, heap_t,
)
from kvd.engine.core.intrinsics cimport KVD_PLAIN_MALLOC

plain_malloc = bool(KVD_PLAIN_MALLOC)
block_max = BLOCK_MAX
chunk_size = CHUNK_SIZE
unit_size = UNIT_SIZE


def block_size(size_t size):
    return heap_block_size(size)


cdef inline uint8_t pattern(size_t i, uint64_t seed) noexcept nogil:
    return <uint8_t>((i * 0x9E3779B97F4A7C15ULL + seed * 0xD6E8FEB86659FD93ULL) >> 56)


def fill(uintptr_t block, size_t size, uint64_t seed):
    cdef size_t i
    for i in range(size):
        (<uint8_t*>block)[i] = pattern(i, seed)


def holds(uintptr_t block, size_t size, uint64_t seed):
    cdef size_t i
    for i in range(size):
        if (<uint8_t*>block)[i] != pattern(i, seed):
            return False
    return True


def is_zero(uintptr_t block, size_t size):
    cdef size_t i
    for i in range(size):
        if (<uint8_t*>block)[i]:
            return False
    return True


@cython.final
cdef class Heap:
    cdef heap_t heap

    def __cinit__(self):
        heap_init(&self.heap)

    def __dealloc__(self):
        heap_free_all(&self.heap)

    def free_all(self):
        return heap_free_all(&self.heap)

    def alloc(self, size_t size):
        return <uintptr_t>heap_alloc(&self.heap, size)

    def alloc_try(self, size_t size):
        return <uintptr_t>heap_alloc_try(&self.heap, size)

    def alloc_zero(self, size_t size):
        return <uintptr_t>heap_alloc_zero(&self.heap, size)

    def realloc(self, uintptr_t block, size_t size_old, size_t size):
        return <uintptr_t>heap_realloc(&self.heap, <void*>block, size_old, size)

    def free(self, uintptr_t block, size_t size):
        heap_free(&self.heap, <void*>block, size)

    def purge(self, uint64_t units_max):
        return heap_purge(&self.heap, units_max)

    def should_move(self, uintptr_t block, size_t size, unsigned percent=90):
        return heap_should_move(&self.heap, <void*>block, size, percent)

    def move(self, uintptr_t block, size_t size):
        return <uintptr_t>heap_move(&self.heap, <void*>block, size)

    def reopen_sparse(self, uint64_t spans_max):
        return heap_reopen_sparse(&self.heap, spans_max)

    def classes(self):
        """{block size: (blocks used, blocks there is room for)} of the classes in use."""
        return {self.heap.klass[k].size: (self.heap.klass[k].used, self.heap.klass[k].room)
                for k in range(1, HEAP_CLASSES) if self.heap.klass[k].room}

    used = property(lambda self: (<Heap>self).heap.used)
    used_peak = property(lambda self: (<Heap>self).heap.used_peak)
    mapped = property(lambda self: (<Heap>self).heap.mapped)
    large = property(lambda self: (<Heap>self).heap.large)
    dirty_units = property(lambda self: (<Heap>self).heap.dirty_units)
    kept_count = property(lambda self: (<Heap>self).heap.kept_count)
    kept_bytes = property(lambda self: (<Heap>self).heap.kept_bytes)
    chunk_count = property(lambda self: (<Heap>self).heap.chunk_count)
    moves = property(lambda self: (<Heap>self).heap.moves)
    sparse_count = property(lambda self: (<Heap>self).heap.sparse_count)
