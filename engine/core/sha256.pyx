"""SHA-256, written from FIPS 180-4.

One block is 64 rounds over eight words. Plain C is enough: a password is one block, and AUTH is
as rare as connections are.
"""
from libc.string cimport memcpy, memset

cdef enum:
    ROUNDS = 64
    LENGTH_AT = 56                      # where the last block holds the size in bits

# The first 32 bits of the fractions of the cube roots of the first 64 primes.
cdef uint32_t[64] K
K[:] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]
# The same of the square roots of the first eight.
cdef uint32_t[8] FIRST
FIRST[:] = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]


cdef inline uint32_t rotate(uint32_t x, int n) noexcept nogil:
    return (x >> n) | (x << (32 - n))


cdef void mix(sha256_t* sha, const uint8_t* block) noexcept nogil:
    cdef uint32_t w[ROUNDS]
    cdef uint32_t v[8]
    cdef uint32_t low, high, one, two
    cdef int i
    for i in range(16):
        w[i] = (<uint32_t>block[4 * i] << 24 | <uint32_t>block[4 * i + 1] << 16
                | <uint32_t>block[4 * i + 2] << 8 | <uint32_t>block[4 * i + 3])
    for i in range(16, ROUNDS):
        low = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3)
        high = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10)
        w[i] = w[i - 16] + low + w[i - 7] + high
    memcpy(v, sha.state, sizeof(v))
    for i in range(ROUNDS):
        high = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)
        one = v[7] + high + ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[i] + w[i]
        low = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)
        two = low + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]))
        v[7] = v[6]
        v[6] = v[5]
        v[5] = v[4]
        v[4] = v[3] + one
        v[3] = v[2]
        v[2] = v[1]
        v[1] = v[0]
        v[0] = one + two
    for i in range(8):
        sha.state[i] += v[i]


cdef void sha256_init(sha256_t* sha) noexcept nogil:
    memset(sha, 0, sizeof(sha256_t))
    memcpy(sha.state, FIRST, sizeof(sha.state))


cdef void sha256_add(sha256_t* sha, const char* data, size_t size) noexcept nogil:
    cdef size_t held = sha.size % SHA256_BLOCK
    cdef size_t part
    sha.size += size
    while size:
        if held == 0 and size >= SHA256_BLOCK:
            mix(sha, <const uint8_t*>data)
            data += SHA256_BLOCK
            size -= SHA256_BLOCK
            continue
        part = SHA256_BLOCK - held
        if part > size:
            part = size
        memcpy(sha.block + held, data, part)
        data += part
        size -= part
        held += part
        if held == SHA256_BLOCK:
            mix(sha, sha.block)
            held = 0


cdef void sha256_end(sha256_t* sha, uint8_t* digest) noexcept nogil:
    cdef uint64_t bits = sha.size * 8
    cdef size_t held = sha.size % SHA256_BLOCK
    cdef int i
    sha.block[held] = 0x80
    held += 1
    if held > LENGTH_AT:
        memset(sha.block + held, 0, SHA256_BLOCK - held)
        mix(sha, sha.block)
        held = 0
    memset(sha.block + held, 0, LENGTH_AT - held)
    for i in range(8):
        sha.block[LENGTH_AT + i] = <uint8_t>(bits >> (56 - 8 * i))
    mix(sha, sha.block)
    for i in range(8):
        digest[4 * i] = <uint8_t>(sha.state[i] >> 24)
        digest[4 * i + 1] = <uint8_t>(sha.state[i] >> 16)
        digest[4 * i + 2] = <uint8_t>(sha.state[i] >> 8)
        digest[4 * i + 3] = <uint8_t>sha.state[i]
    memset(sha, 0, sizeof(sha256_t))


cdef void sha256(const char* data, size_t size, uint8_t* digest) noexcept nogil:
    cdef sha256_t sha
    sha256_init(&sha)
    sha256_add(&sha, data, size)
    sha256_end(&sha, digest)


cdef bint sha256_equal(const uint8_t* a, const uint8_t* b) noexcept nogil:
    cdef uint32_t differ = 0
    cdef int i
    for i in range(SHA256_SIZE):
        differ |= a[i] ^ b[i]
    return differ == 0


cdef void sha256_to_hex(const uint8_t* digest, char* out) noexcept nogil:
    cdef const char* digits = b"0123456789abcdef"
    cdef int i
    for i in range(SHA256_SIZE):
        out[2 * i] = digits[digest[i] >> 4]
        out[2 * i + 1] = digits[digest[i] & 15]


cdef inline int digit(char ch) noexcept nogil:
    if c'0' <= ch <= c'9':
        return ch - c'0'
    if c'a' <= ch <= c'f':
        return ch - c'a' + 10
    return -1


cdef bint sha256_from_hex(const char* text, size_t size, uint8_t* digest) noexcept nogil:
    cdef uint8_t value[SHA256_SIZE]
    cdef int i
    cdef int high, low
    if size != 2 * SHA256_SIZE:
        return False
    for i in range(SHA256_SIZE):
        high = digit(text[2 * i])
        low = digit(text[2 * i + 1])
        if high < 0 or low < 0:
            return False
        value[i] = <uint8_t>(high << 4 | low)
    memcpy(digest, value, SHA256_SIZE)
    return True
