"""Python face of engine/core/rand.pxd, for tests/core/test_rand.py only."""
cimport cython
from libc.stdint cimport uint64_t

from kvd.engine.core.rand cimport rand_below, rand_entropy, rand_next, rand_seed, rand_t


@cython.final
cdef class Rand:
    cdef rand_t rand

    def __cinit__(self, uint64_t seed):
        rand_seed(&self.rand, seed)

    @property
    def words(self):
        return [self.rand.word[i] for i in range(4)]

    @words.setter
    def words(self, values):
        for i in range(4):
            self.rand.word[i] = values[i]

    def next(self):
        return rand_next(&self.rand)

    def below(self, uint64_t bound):
        return rand_below(&self.rand, bound)


def entropy(size_t size):
    cdef bytearray out = bytearray(size)
    rand_entropy(<char*>out, size)
    return bytes(out)
