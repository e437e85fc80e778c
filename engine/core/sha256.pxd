"""SHA-256, for passwords: what is kept of them, and how two are compared.

Terms
    digest    32 bytes

sha256_equal takes the same time wherever two digests differ, so that its caller's answer tells
nothing about how many of the leading bytes were right.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:
    SHA256_SIZE = 32                    # bytes of a digest
    SHA256_BLOCK = 64

cdef struct sha256_t:
    uint32_t state[8]
    uint64_t size                       # bytes so far
    uint8_t block[SHA256_BLOCK]         # size % 64 bytes that wait for the rest of their block

cdef void sha256_init(sha256_t* sha) noexcept nogil
cdef void sha256_add(sha256_t* sha, const char* data, size_t size) noexcept nogil
# Writes the digest and wipes the state.
cdef void sha256_end(sha256_t* sha, uint8_t* digest) noexcept nogil

cdef void sha256(const char* data, size_t size, uint8_t* digest) noexcept nogil
cdef bint sha256_equal(const uint8_t* a, const uint8_t* b) noexcept nogil
# 64 lower-case digits, no NUL.
cdef void sha256_to_hex(const uint8_t* digest, char* out) noexcept nogil
# True when `text` is 64 hexadecimal digits in lower case; they are in `digest` then.
cdef bint sha256_from_hex(const char* text, size_t size, uint8_t* digest) noexcept nogil
