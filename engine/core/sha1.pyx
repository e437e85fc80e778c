"""SHA-1, written from FIPS 180-4.

It protects nothing here: a name is what clients compute on their side, too. The rounds are spelt
as four loops, so that the compiler sees what is constant in each.
"""
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

from .intrinsics cimport byte_swap64, load32, store64

cdef enum:
    BLOCK = 64
    LENGTH_AT = 56

cdef struct words_t:
    uint32_t a
    uint32_t b
    uint32_t c
    uint32_t d
    uint32_t e


cdef inline uint32_t rotate(uint32_t x, int n) noexcept nogil:
    return (x << n) | (x >> (32 - n))


cdef inline void step(words_t* v, uint32_t f, uint32_t add) noexcept nogil:
    cdef uint32_t fresh = rotate(v.a, 5) + f + v.e + add
    v.e = v.d
    v.d = v.c
    v.c = rotate(v.b, 30)
    v.b = v.a
    v.a = fresh


cdef void mix(words_t* state, const char* block) noexcept nogil:
    cdef uint32_t w[80]
    cdef words_t v = state[0]
    cdef int i
    for i in range(16):
        w[i] = <uint32_t>byte_swap64(<uint64_t>load32(block + 4 * i) << 32)
    for i in range(16, 80):
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1)
    for i in range(20):
        step(&v, v.d ^ (v.b & (v.c ^ v.d)), w[i] + <uint32_t>0x5a827999)
    for i in range(20, 40):
        step(&v, v.b ^ v.c ^ v.d, w[i] + <uint32_t>0x6ed9eba1)
    for i in range(40, 60):
        step(&v, (v.b & v.c) | (v.d & (v.b | v.c)), w[i] + <uint32_t>0x8f1bbcdc)
    for i in range(60, 80):
        step(&v, v.b ^ v.c ^ v.d, w[i] + <uint32_t>0xca62c1d6)
    state.a += v.a
    state.b += v.b
    state.c += v.c
    state.d += v.d
    state.e += v.e


cdef void sha1_hex(const char* data, size_t size, char* out) noexcept nogil:
    cdef words_t state = words_t(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0)
    cdef char last[2 * BLOCK]
    cdef const char* digits = b"0123456789abcdef"
    cdef size_t left = size
    cdef size_t padded
    cdef uint32_t word
    cdef int i
    while left >= BLOCK:
        mix(&state, data)
        data += BLOCK
        left -= BLOCK
    memset(last, 0, sizeof(last))
    if left:
        memcpy(last, data, left)
    last[left] = <char>0x80
    padded = BLOCK if left < LENGTH_AT else 2 * BLOCK
    store64(&last[padded - 8], byte_swap64(<uint64_t>size * 8))
    mix(&state, last)
    if padded > BLOCK:
        mix(&state, &last[BLOCK])
    for i in range(40):
        word = (state.a if i < 8 else state.b if i < 16 else state.c if i < 24 else state.d
                if i < 32 else state.e)
        out[i] = digits[word >> (28 - 4 * (i & 7)) & 15]
