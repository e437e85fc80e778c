"""Python face of engine/core/reserve.pxd, for tests/core only."""
from libc.stddef cimport size_t
from libc.stdint cimport uintptr_t

from kvd.engine.core.reserve cimport (
    map_aligned, reserve_ask, reserve_create, reserve_give, reserve_release, reserve_t,
    reserve_take,
)

cdef extern from "<sys/mman.h>" nogil:
    int munmap(void* at, size_t size)


def map_pages(size_t size):
    """The address of a fresh mapping, every page of it touched."""
    cdef char* at = <char*>map_aligned(size)
    cdef size_t i
    assert at is not NULL
    for i in range(0, size, 4096):
        at[i] = 1
    return <uintptr_t>at


cdef class Reserve:
    cdef reserve_t* reserve
    cdef size_t size

    def __cinit__(self, size_t size):
        self.size = size
        self.reserve = reserve_create(size)
        assert self.reserve is not NULL

    def __dealloc__(self):
        reserve_release(self.reserve)

    def ask(self):
        reserve_ask(self.reserve)

    def take(self):
        """The address of what is ready, or 0."""
        return <uintptr_t>reserve_take(self.reserve)

    def give(self, uintptr_t at, size_t size):
        with nogil:
            reserve_give(self.reserve, <void*>at, size)

    def read(self, uintptr_t at):
        return (<char*>at)[:self.size]

    def unmap(self, uintptr_t at):
        assert munmap(<void*>at, self.size) == 0
