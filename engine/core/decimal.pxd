"""Doubles from decimal digits, and decimal digits from doubles. Texts are number's affair.

Terms
    mantissa    digits as a whole number
    ten         the power of ten that multiplies them
"""
from libc.stdint cimport uint64_t

cdef enum:
    DECIMAL_DIGITS_MAX = 20             # bytes that decimal_from_double may write

# mantissa * 10^ten, rounded to nearest, ties to even; infinity and 0 when out of range.
cdef double decimal_to_double(uint64_t mantissa, int ten) noexcept nogil

# Digits of a positive, finite value, without a zero at either end; value = digits * 10^*ten.
# Returns their count, 1 to 17.
cdef int decimal_from_double(char* digits, double value, int* ten) noexcept nogil
