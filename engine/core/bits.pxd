"""Bits of byte strings: counting, finding, combining, and integers of any width at any place.

Terms
    bit     counted from the highest bit of the first byte: "\\x80" has bit 0 set
    end     the first bit that no longer belongs
    field   1 to 64 bits, the most significant first

Sizes are in bytes, places in bits. No function reads a byte outside of what it is given.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t

# Bits that are set in so many words of 8 bytes.
ctypedef uint64_t (*bits_count_fn)(const char* data, size_t words) noexcept nogil

# Bits that are set in `size` bytes; in the bits from `first` to `end`.
cdef uint64_t bits_count(const char* data, size_t size) noexcept nogil
cdef uint64_t bits_count_range(const char* data, uint64_t first, uint64_t end) noexcept nogil
# The first bit with that value, from `first` to `end`; -1 when there is none.
cdef int64_t bits_find(const char* data, uint64_t first, uint64_t end, bint value) noexcept nogil

# target = target op source; the two do not overlap.
cdef void bits_and(char* target, const char* source, size_t size) noexcept nogil
cdef void bits_or(char* target, const char* source, size_t size) noexcept nogil
cdef void bits_xor(char* target, const char* source, size_t size) noexcept nogil
# target = not source
cdef void bits_not(char* target, const char* source, size_t size) noexcept nogil

# The field of `width` bits at bit `at`; what lies behind `size` bytes reads as zero.
cdef uint64_t bits_get(const char* data, size_t size, uint64_t at, int width) noexcept nogil
# The whole field lies within the data; bits of `value` above `width` are ignored.
cdef void bits_set(char* data, uint64_t at, int width, uint64_t value) noexcept nogil

# One of the forms of counting, 0 to 2, for tests; NULL where the processor lacks it.
cdef bits_count_fn bits_count_form(int form) noexcept nogil
