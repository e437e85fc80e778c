"""Numbers as text: what clients send and what we answer.

Terms
    strict      only what we ourselves would write: no plus sign, no leading zero, no space, no "-0"
    human       decimal, never an exponent, trailing zeros cut

Texts are bytes with a size and need no NUL behind them; none is written either. A parser that
returns False has not touched *out. No function looks at the locale of the process.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t

cdef enum:
    FORMAT_INT_MAX = 20                 # bytes that an integer of 64 bits can need
    FORMAT_DOUBLE_MAX = 32              # bytes that a double can need, rounded up
    FORMAT_LONG_DOUBLE_MAX = 5120       # the largest long double has 4933 digits before its point
    PARSE_LONG_DOUBLE_MAX = 5119        # bytes; longer texts are refused, as in Valkey

cdef bint parse_int64(const char* s, size_t size, int64_t* out) noexcept nogil      # strict
cdef bint parse_uint64(const char* s, size_t size, uint64_t* out) noexcept nogil    # strict

# What SCAN takes for a cursor: leading space, plus, zeros, and a NUL that ends it early.
cdef bint parse_cursor(const char* s, size_t size, uint64_t* out) noexcept nogil

# Decimal with optional point and exponent, or inf / infinity in any case. Refused: nan,
# hexadecimal, spaces, and what is too large or too small to be told from infinity or zero.
# Texts of any size, in time that grows with the size.
cdef bint parse_double(const char* s, size_t size, double* out) noexcept nogil

# What may bound a range of scores: likewise, but a NUL ends the text, an empty one is 0, and what
# is too large or too small is infinity or zero.
cdef bint parse_double_wide(const char* s, size_t size, double* out) noexcept nogil

# As parse_double, of the machine's widest type; hexadecimal is accepted.
cdef bint parse_long_double(const char* s, size_t size, long double* out) noexcept nogil

# A memory size: digits and one of b, k, kb, m, mb, g, gb in any case; k is 1000, kb is 1024.
cdef bint parse_memory(const char* s, size_t size, int64_t* out) noexcept nogil

# Each returns the bytes written.
cdef int digits_uint64(uint64_t value) noexcept nogil
cdef int format_int64(char* out, int64_t value) noexcept nogil          # FORMAT_INT_MAX
cdef int format_uint64(char* out, uint64_t value) noexcept nogil        # FORMAT_INT_MAX
cdef int format_double(char* out, double value) noexcept nogil          # FORMAT_DOUBLE_MAX

# 17 digits after the point at most; 0 when out_max bytes do not hold it.
cdef int format_long_double_human(char* out, size_t out_max, long double value) noexcept nogil

# ASCII letters match in either case, all other bytes exactly.
cdef bint equal_nocase(const char* a, size_t a_size, const char* b, size_t b_size) noexcept nogil
