"""Python face of engine/core/siphash.pxd, for tests/core/test_siphash.py only."""
from libc.stdint cimport uint64_t

from kvd.engine.core.siphash cimport siphash13


def hash13(bytes data, uint64_t k0, uint64_t k1):
    cdef uint64_t key[2]
    key[0], key[1] = k0, k1
    return siphash13(data, len(data), key)


def hash_many(bytes data, size_t size, uint64_t count):
    """Hash `count` overlapping texts of one size, each from the last's result; for measuring."""
    cdef uint64_t key[2]
    cdef uint64_t i, total = 0
    cdef const char* p = data
    key[0], key[1] = 1, 2
    for i in range(count):
        total += siphash13(p + (i & 63), size, key)
    return total
