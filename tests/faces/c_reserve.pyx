"""Python face of engine/core/reserve.pxd, for tests/core only."""
from libc.stddef cimport size_t
from libc.stdint cimport uintptr_t

from kvd.engine.core.reserve cimport (
    reserve_ask, reserve_create, reserve_release, reserve_t, reserve_take,
)

cdef extern from "<sys/mman.h>" nogil:
    int munmap(void* at, size_t size)


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

    def read(self, uintptr_t at):
        return (<char*>at)[:self.size]

    def unmap(self, uintptr_t at):
        assert munmap(<void*>at, self.size) == 0
