"""Random numbers: seeding, and the kernel's entropy.

Invariants
    R1  a generator's four words are never all zero (it would stay there for ever): splitmix64 is a
        bijection of four different counters, so at most one of the four outputs is zero
"""
from libc.errno cimport EINTR, errno
from libc.stddef cimport size_t
from libc.stdint cimport uint64_t
from libc.stdio cimport fprintf, stderr
from libc.stdlib cimport abort
from libc.string cimport strerror

cdef extern from "<sys/random.h>" nogil:
    ssize_t getrandom(void* out, size_t size, unsigned int flags) noexcept


cdef inline uint64_t splitmix(uint64_t* counter) noexcept nogil:
    cdef uint64_t x
    counter[0] += 0x9e3779b97f4a7c15ULL
    x = counter[0]
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL
    return x ^ (x >> 31)


cdef void rand_seed(rand_t* rand, uint64_t seed) noexcept nogil:
    cdef int i
    for i in range(4):
        rand.word[i] = splitmix(&seed)              # R1


cdef void rand_entropy(void* out, size_t size) noexcept nogil:
    cdef char* p = <char*>out
    cdef ssize_t got
    while size:
        got = getrandom(p, size, 0)
        if got < 0 and errno == EINTR:
            continue
        if got <= 0:
            fprintf(stderr, "kvd: the kernel gives no random bytes (getrandom: %s); "
                    "no hash key can be drawn, so we stop\n", strerror(errno))
            abort()
        p += got
        size -= <size_t>got
