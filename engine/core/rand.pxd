"""Random numbers: a fast generator for sampling, and the kernel's entropy for secrets.

Terms
    rand_t      one generator, embedded by value in its owner; equal seeds give equal sequences
    entropy     bytes from the kernel, unpredictable; for hash keys, run ids and seeds

rand_next() is xoshiro256** (D. Blackman, S. Vigna, 2018, public domain): it passes the statistical
batteries and is predictable by whoever sees four outputs. So eviction, RANDOMKEY and SPOP draw from
it, and nothing secret does.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from .intrinsics cimport multiply_wide

cdef struct rand_t:
    uint64_t word[4]                    # never all zero: rand_seed sees to it


# Any seed is good, 0 too.
cdef void rand_seed(rand_t* rand, uint64_t seed) noexcept nogil

# Fill out[0:size] from getrandom(2); abort with a sentence where the kernel refuses.
cdef void rand_entropy(void* out, size_t size) noexcept nogil


cdef inline uint64_t rand_next(rand_t* rand) noexcept nogil:
    """64 uniform bits."""
    cdef uint64_t* w = rand.word
    cdef uint64_t x = w[1] * 5
    cdef uint64_t shifted = w[1] << 17
    w[2] ^= w[0]
    w[3] ^= w[1]
    w[1] ^= w[2]
    w[0] ^= w[3]
    w[2] ^= shifted
    w[3] = (w[3] << 45) | (w[3] >> 19)
    return ((x << 7) | (x >> 57)) * 9


cdef inline uint64_t rand_below(rand_t* rand, uint64_t bound) noexcept nogil:
    """Uniform in [0, bound), without bias; bound > 0. Nearly always one multiplication."""
    cdef uint64_t low, high
    low = multiply_wide(rand_next(rand), bound, &high)
    if low < bound:                     # D. Lemire, 2019: only here can a value be favoured
        while low < (0 - bound) % bound:
            low = multiply_wide(rand_next(rand), bound, &high)
    return high
