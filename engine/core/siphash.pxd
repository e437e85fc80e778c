"""SipHash-1-3: the keyed hash of every table.

Terms
    key     two words drawn at random when a server starts; whoever does not know them
            cannot make keys collide on purpose (hash flooding)

One compression round a word and three at the end, where the original has two and four: the
variant that CPython, Rust and Ruby chose for the same task. Defence against flooding needs a
keyed function whose output shows nothing of its key through the behaviour of a table; it does not
need a signature.

It is inline, and has no .pyx: it runs once per key and command, for keys of 4 to 40 bytes, where
a call into another extension is a tenth of the price. Nothing is read outside data[0:size].
Words are little endian, so the result is the same as the reference's on every machine we build for.
Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from .intrinsics cimport load64, load_part


cdef inline uint64_t rotate_left(uint64_t x, int bits) noexcept nogil:
    return (x << bits) | (x >> (64 - bits))


cdef inline void sip_round(uint64_t* v) noexcept nogil:
    v[0] += v[1]
    v[2] += v[3]
    v[1] = rotate_left(v[1], 13) ^ v[0]
    v[3] = rotate_left(v[3], 16) ^ v[2]
    v[0] = rotate_left(v[0], 32)
    v[2] += v[1]
    v[0] += v[3]
    v[1] = rotate_left(v[1], 17) ^ v[2]
    v[3] = rotate_left(v[3], 21) ^ v[0]
    v[2] = rotate_left(v[2], 32)


cdef inline uint64_t sip_tail(const char* data, size_t size) noexcept nogil:
    """The last size % 8 bytes as a little-endian word, by loads that stay inside data."""
    cdef size_t tail = size & 7
    if tail == 0:
        return 0
    if size >= 8:                       # one load that ends where the data ends
        return load64(data + size - 8) >> (64 - 8 * tail)
    return load_part(data, tail)


cdef inline uint64_t siphash13(const char* data, size_t size, const uint64_t* key) noexcept nogil:
    cdef uint64_t v[4]
    cdef uint64_t word
    cdef const char* end = data + (size & ~<size_t>7)
    v[0] = key[0] ^ 0x736f6d6570736575ULL           # "somepseudorandomlygeneratedbytes"
    v[1] = key[1] ^ 0x646f72616e646f6dULL
    v[2] = key[0] ^ 0x6c7967656e657261ULL
    v[3] = key[1] ^ 0x7465646279746573ULL
    word = (<uint64_t>size << 56) | sip_tail(data, size)
    while data != end:
        v[3] ^= load64(data)
        sip_round(v)
        v[0] ^= load64(data)
        data += 8
    v[3] ^= word
    sip_round(v)
    v[0] ^= word
    v[2] ^= 0xff
    sip_round(v)
    sip_round(v)
    sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]
