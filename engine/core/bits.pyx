"""Bits of byte strings.

Counting has three forms, chosen once at import by what the processor can do: 32 bytes at a time
by a table of 16 counts in a vector register, a word at a time by its own instruction, or a word
at a time by arithmetic. Combining is left to the compiler, which turns loops over bytes into
vectors.

Source: the vector count is W. Mula's, "Faster Population Counts Using AVX2 Instructions" (2016).
"""
from .intrinsics cimport byte_swap64, count_leading_zeros, load64

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    static uint64_t kvd_count_plain(const char* data, size_t words) {
        uint64_t total = 0, x;
        for (size_t i = 0; i < words; i++) {
            memcpy(&x, data + 8 * i, 8);
            x -= x >> 1 & 0x5555555555555555u;
            x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
            total += ((x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u >> 56;
        }
        return total;
    }

    #if defined(__x86_64__)
    #include <immintrin.h>

    __attribute__((target("popcnt")))
    static uint64_t kvd_count_word(const char* data, size_t words) {
        uint64_t total = 0, x;
        for (size_t i = 0; i < words; i++) {
            memcpy(&x, data + 8 * i, 8);
            total += (uint64_t)_mm_popcnt_u64(x);
        }
        return total;
    }

    __attribute__((target("avx2,popcnt")))
    static uint64_t kvd_count_vector(const char* data, size_t words) {
        const __m256i low = _mm256_set1_epi8(15);
        const __m256i counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
                                                0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
        __m256i total = _mm256_setzero_si256();
        uint64_t lanes[4];
        while (words >= 16) {
            /* Four vectors: a byte's sum is at most 32. */
            __m256i sum = _mm256_setzero_si256();
            for (int i = 0; i < 4; i++) {
                __m256i v = _mm256_loadu_si256((const __m256i*)(data + 32 * i));
                __m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), low);
                sum = _mm256_add_epi8(sum, _mm256_shuffle_epi8(counts, _mm256_and_si256(v, low)));
                sum = _mm256_add_epi8(sum, _mm256_shuffle_epi8(counts, high));
            }
            total = _mm256_add_epi64(total, _mm256_sad_epu8(sum, _mm256_setzero_si256()));
            data += 128;
            words -= 16;
        }
        _mm256_storeu_si256((__m256i*)lanes, total);
        return lanes[0] + lanes[1] + lanes[2] + lanes[3] + kvd_count_word(data, words);
    }
    #endif

    typedef uint64_t (*kvd_count_fn)(const char*, size_t);

    /* form: 2 vector, 1 word, 0 plain; NULL where this processor has no such thing. */
    static kvd_count_fn kvd_count_form(int form) {
    #if defined(__x86_64__)
        __builtin_cpu_init();
        if (form == 2)
            return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")
                ? kvd_count_vector : NULL;
        if (form == 1)
            return __builtin_cpu_supports("popcnt") ? kvd_count_word : NULL;
    #else
        if (form != 0)
            return NULL;
    #endif
        return kvd_count_plain;
    }
    """
    bits_count_fn kvd_count_form(int form) noexcept nogil

cdef enum:
    FORM_PLAIN = 0
    FORM_WORD = 1
    FORM_VECTOR = 2


cdef bits_count_fn bits_count_form(int form) noexcept nogil:
    return kvd_count_form(form)


# Constant after import.
cdef bits_count_fn COUNT = kvd_count_form(FORM_VECTOR)
if COUNT is NULL:
    COUNT = kvd_count_form(FORM_WORD)
if COUNT is NULL:
    COUNT = kvd_count_form(FORM_PLAIN)


# -- counting -------------------------------------------------------------------------------------

cdef inline uint64_t tail(const char* data, size_t size) noexcept nogil:
    """Up to 7 bytes as a word."""
    cdef uint64_t word = 0
    cdef size_t i
    for i in range(size):
        word = word << 8 | <unsigned char>data[i]
    return word


cdef uint64_t bits_count(const char* data, size_t size) noexcept nogil:
    cdef char rest[8]
    cdef uint64_t word = tail(data + (size & ~<size_t>7), size & 7)
    (<uint64_t*>rest)[0] = word
    return COUNT(data, size >> 3) + (COUNT(rest, 1) if word else 0)


cdef inline uint64_t count_byte(unsigned char byte) noexcept nogil:
    return (<uint64_t>byte * 0x200040008001ULL & 0x111111111111111ULL) % 15


cdef uint64_t bits_count_range(const char* data, uint64_t first, uint64_t end) noexcept nogil:
    cdef uint64_t total
    cdef size_t low = first >> 3
    cdef size_t high = (end - 1) >> 3   # the byte of the last bit
    if first >= end:
        return 0
    total = bits_count(data + low, high - low + 1)
    if first & 7:
        total -= count_byte(<unsigned char>(<unsigned char>data[low] & ~(0xFF >> (first & 7))))
    if end & 7:
        total -= count_byte(<unsigned char>(<unsigned char>data[high] & (0xFF >> (end & 7))))
    return total


# -- finding --------------------------------------------------------------------------------------

cdef inline int64_t within(uint64_t bit, uint64_t end) noexcept nogil:
    return <int64_t>bit if bit < end else -1


cdef int64_t bits_find(const char* data, uint64_t first, uint64_t end, bint value) noexcept nogil:
    cdef uint64_t skip = 0 if value else ~<uint64_t>0       # a word with nothing to be found
    cdef uint64_t word
    cdef size_t at = first >> 3
    cdef size_t size = (end + 7) >> 3
    if first >= end:
        return -1
    if first & 7:
        word = (<unsigned char>data[at] ^ (skip & 0xFF)) & (0xFF >> (first & 7))
        if word:
            return within(8 * at + count_leading_zeros(word) - 56, end)
        at += 1
    while size - at >= 32 and not ((load64(data + at) ^ skip) | (load64(data + at + 8) ^ skip)
                                   | (load64(data + at + 16) ^ skip)
                                   | (load64(data + at + 24) ^ skip)):
        at += 32
    while size - at >= 8:
        word = load64(data + at) ^ skip
        if word:
            return within(8 * at + count_leading_zeros(byte_swap64(word)), end)
        at += 8
    while at < size:
        word = <unsigned char>data[at] ^ (skip & 0xFF)
        if word:
            return within(8 * at + count_leading_zeros(word) - 56, end)
        at += 1
    return -1


# -- combining ------------------------------------------------------------------------------------

cdef void bits_and(char* target, const char* source, size_t size) noexcept nogil:
    cdef size_t i
    for i in range(size):
        target[i] &= source[i]


cdef void bits_or(char* target, const char* source, size_t size) noexcept nogil:
    cdef size_t i
    for i in range(size):
        target[i] |= source[i]


cdef void bits_xor(char* target, const char* source, size_t size) noexcept nogil:
    cdef size_t i
    for i in range(size):
        target[i] ^= source[i]


cdef void bits_not(char* target, const char* source, size_t size) noexcept nogil:
    cdef size_t i
    for i in range(size):
        target[i] = ~source[i]


# -- fields ---------------------------------------------------------------------------------------

cdef uint64_t bits_get(const char* data, size_t size, uint64_t at, int width) noexcept nogil:
    cdef uint64_t value = 0
    cdef unsigned byte
    cdef int room, take
    while width:
        room = 8 - <int>(at & 7)        # bits of this byte from `at` on
        take = width if width < room else room
        byte = <unsigned char>data[at >> 3] if at >> 3 < size else 0
        value = value << take | (byte >> (room - take) & ((1U << take) - 1))
        at += take
        width -= take
    return value


cdef void bits_set(char* data, uint64_t at, int width, uint64_t value) noexcept nogil:
    cdef unsigned mask, part
    cdef int room, take
    while width:
        room = 8 - <int>(at & 7)
        take = width if width < room else room
        mask = ((1U << take) - 1) << (room - take)
        part = <unsigned>(value >> (width - take)) << (room - take) & mask
        data[at >> 3] = <char>((<unsigned char>data[at >> 3] & ~mask) | part)
        at += take
        width -= take
