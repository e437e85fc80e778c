"""Verbatim C that Cython cannot spell: assertions, branch and cache hints, bit scans, overflow.

Every room may cimport this one. It has no .pyx: each macro expands at its use.
kvd_assert stays on in release builds (Python's CFLAGS carry -DNDEBUG, so assert.h does not).
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

cdef extern from *:
    """
    #ifndef KVD_INTRINSICS
    #define KVD_INTRINSICS
    #include <stdint.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #ifndef KVD_DEBUG
    #define KVD_DEBUG 0
    #endif
    #ifndef KVD_PLAIN_MALLOC
    #define KVD_PLAIN_MALLOC 0
    #endif
    #define kvd_assert(e) do { if (__builtin_expect(!(e), 0)) { \\
        fprintf(stderr, "%s:%d: assertion failed: %s\\n", __FILE__, __LINE__, #e); abort(); } \\
        } while (0)
    #define kvd_static_assert(e) ((void)sizeof(char[1 - 2*!(e)]))
    #define likely_(e) __builtin_expect(!!(e), 1)
    #define unlikely_(e) __builtin_expect(!!(e), 0)
    #define prefetch_read(p) __builtin_prefetch((const void*)(p), 0, 3)
    #define count_trailing_zeros(x) __builtin_ctzll(x)
    #define count_leading_zeros(x) __builtin_clzll(x)
    #define count_ones(x) __builtin_popcountll(x)
    #define byte_swap64(x) __builtin_bswap64(x)
    static inline uint64_t kvd_multiply_wide(uint64_t a, uint64_t b, uint64_t* high) {
        unsigned __int128 product = (unsigned __int128)a * b;
        *high = (uint64_t)(product >> 64);
        return (uint64_t)product;
    }
    #define add_overflows(a, b, r) __builtin_add_overflow(a, b, r)
    #define sub_overflows(a, b, r) __builtin_sub_overflow(a, b, r)
    #define mul_overflows(a, b, r) __builtin_mul_overflow(a, b, r)
    static inline uint16_t kvd_load16(const void* p) { uint16_t v; memcpy(&v, p, 2); return v; }
    static inline uint32_t kvd_load32(const void* p) { uint32_t v; memcpy(&v, p, 4); return v; }
    static inline uint64_t kvd_load64(const void* p) { uint64_t v; memcpy(&v, p, 8); return v; }
    static inline uint64_t kvd_load_part(const void* p, size_t size) {
        const uint8_t* b = (const uint8_t*)p;
        if (size >= 4)                  /* two loads that overlap; the bits they share are equal */
            return kvd_load32(b) | (uint64_t)kvd_load32(b + size - 4) << 8 * (size - 4);
        return b[0] | (uint64_t)b[size >> 1] << 8 * (size >> 1)
            | (uint64_t)b[size - 1] << 8 * (size - 1);
    }
    static inline void kvd_store16(void* p, uint16_t v) { memcpy(p, &v, 2); }
    static inline void kvd_store32(void* p, uint32_t v) { memcpy(p, &v, 4); }
    static inline void kvd_store64(void* p, uint64_t v) { memcpy(p, &v, 8); }
    #endif
    """
    const bint KVD_DEBUG                # 0 in release: `if KVD_DEBUG:` compiles to nothing
    const bint KVD_PLAIN_MALLOC         # 1 under sanitizers: the heap calls malloc for each block
    void kvd_assert(bint e) noexcept nogil
    void kvd_static_assert(bint e) noexcept nogil
    bint likely "likely_"(bint e) noexcept nogil
    bint unlikely "unlikely_"(bint e) noexcept nogil
    void prefetch_read(const void* p) noexcept nogil
    int count_trailing_zeros(uint64_t x) noexcept nogil     # x != 0
    int count_leading_zeros(uint64_t x) noexcept nogil      # x != 0, of 64 bits
    int count_ones(uint64_t x) noexcept nogil
    uint64_t byte_swap64(uint64_t x) noexcept nogil
    # The 128 bits of a * b: returns the low word, writes the high one
    uint64_t multiply_wide "kvd_multiply_wide"(
        uint64_t a, uint64_t b, uint64_t* high) noexcept nogil
    # True when the exact result does not fit *r
    bint add_overflows(int64_t a, int64_t b, int64_t* r) noexcept nogil
    bint sub_overflows(int64_t a, int64_t b, int64_t* r) noexcept nogil
    bint mul_overflows(int64_t a, int64_t b, int64_t* r) noexcept nogil
    # Unaligned access, in the machine's byte order (little endian is required: see table.pyx)
    uint16_t load16 "kvd_load16"(const void* p) noexcept nogil
    uint32_t load32 "kvd_load32"(const void* p) noexcept nogil
    uint64_t load64 "kvd_load64"(const void* p) noexcept nogil
    # 1 to 7 bytes with zeros above them; reads nothing outside p[0:size]
    uint64_t load_part "kvd_load_part"(const void* p, size_t size) noexcept nogil
    void store16 "kvd_store16"(void* p, uint16_t v) noexcept nogil
    void store32 "kvd_store32"(void* p, uint32_t v) noexcept nogil
    void store64 "kvd_store64"(void* p, uint64_t v) noexcept nogil
