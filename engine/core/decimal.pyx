"""Doubles and decimal digits, by one table of the powers of ten.

In: the method of M. Eisel and D. Lemire ("Number parsing at a gigabyte per second", 2021). The word
of digits times the first 64 bits of the power is nearly always enough to know the 53 bits and
how they round, and 64 bits more always are (N. Mushtak, D. Lemire, "Fast number parsing without
fallback", 2023).

Out: Grisu2 (F. Loitsch, "Printing floating-point numbers quickly and accurately with integers",
2010). The value and both ends of the interval that reads back as it are scaled by one cached power
of ten; digits of the upper end are made until what is left fits into the interval. They always
read back equal. In one case of a few hundred they are not the fewest possible, or not the nearest:
1e23 comes out as 9999999999999999e7. Newer methods are exact, but Valkey writes these digits, and
clients compare texts.

    power   10^q = word * 2^e,  word = high.low with the highest bit set
            q:  -348 ... -342 ..................... 308 ... 347
                 Grisu, every eighth from -348; Eisel-Lemire, each of -342 .. 308

Invariants
    D1  high.low is 10^q cut to 128 bits; for -27 <= q < 0, where 5^-q fits a word and a quotient
        can be exact, it is rounded up instead, as the proof of the method asks
    D2  the exponent of two that belongs to 10^q is floor(q * log2(10)) - 63 for a word of 64 bits
Cost: 696 powers of 16 bytes, filled at import in about a millisecond.
"""
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from .intrinsics cimport count_leading_zeros, multiply_wide

cdef enum:
    POWER_MIN = -348
    POWER_MAX = 347
    GRISU_STEP = 8
    GRISU_EXPONENT_MIN = -60            # scaled values have an exponent of two in [-60, -32]
    READ_MIN = -342                     # 19 digits times a lesser power: less than half of 2^-1074
    READ_MAX = 308                      # one digit times a greater power: infinity
    MANTISSA_BITS = 52                  # of a double, but the hidden one
    EXPONENT_BIAS = 1023
    EXPONENT_TOP = 0x7ff                # the field that says infinity

cdef struct power_t:
    uint64_t high
    uint64_t low

# Constants, filled at import.
cdef power_t POWERS[POWER_MAX - POWER_MIN + 1]
cdef uint64_t TENS[20]                  # 10^0 to 10^19


cdef inline const power_t* power_of_ten(int q) noexcept nogil:
    return &POWERS[q - POWER_MIN]


cdef inline int exponent_of_ten(int q) noexcept nogil:
    """D2, before the 63; 217706 / 65536 is log2(10), near enough for |q| <= 350."""
    return (217706 * q) >> 16


# ---- in

cdef inline double assemble(uint64_t mantissa, int exponent) noexcept nogil:
    cdef uint64_t bits = (mantissa & ((1ULL << MANTISSA_BITS) - 1)) \
        | (<uint64_t>exponent << MANTISSA_BITS)
    cdef double value
    memcpy(&value, &bits, 8)
    return value


cdef double decimal_to_double(uint64_t mantissa, int ten) noexcept nogil:
    cdef uint64_t high, low, more, bits
    cdef int zeros, upper, exponent, shift
    if mantissa == 0 or ten < READ_MIN:
        return 0
    if ten > READ_MAX:
        return assemble(0, EXPONENT_TOP)
    zeros = count_leading_zeros(mantissa)
    mantissa <<= zeros
    low = multiply_wide(mantissa, power_of_ten(ten).high, &high)
    if (high & 0x1ff) == 0x1ff:         # a carry from below could reach the bits that we keep
        multiply_wide(mantissa, power_of_ten(ten).low, &more)
        low += more
        high += low < more
    upper = <int>(high >> 63)
    shift = upper + 64 - MANTISSA_BITS - 3
    bits = high >> shift                # 53 bits and one to round by
    exponent = exponent_of_ten(ten) + 63 + upper - zeros + EXPONENT_BIAS
    if exponent <= 0:                   # below the normal range: fewer bits
        if exponent < -62:
            return 0
        bits >>= 1 - exponent
        bits = (bits + (bits & 1)) >> 1
        # Rounding up may have made the least normal number.
        return assemble(bits, bits >= 1ULL << MANTISSA_BITS)
    if low <= 1 and -4 <= ten <= 23 and (bits & 3) == 1 and bits << shift == high:
        bits -= 1                       # half way exactly, and even below
    bits = (bits + (bits & 1)) >> 1
    if bits == 2ULL << MANTISSA_BITS:
        bits >>= 1
        exponent += 1
    return assemble(bits, exponent) if exponent < EXPONENT_TOP else assemble(0, EXPONENT_TOP)


# ---- out

cdef inline uint64_t multiply_high(uint64_t a, uint64_t b) noexcept nogil:
    """The high word of a * b, rounded."""
    cdef uint64_t high
    cdef uint64_t low = multiply_wide(a, b, &high)
    return high + (low >> 63)


cdef inline int grisu_power(int exponent) noexcept nogil:
    """The least cached q for which word * 10^q has its exponent at GRISU_EXPONENT_MIN or above."""
    cdef int q = POWER_MIN + GRISU_STEP * (
        ((-exponent - 87) * 1233 // 4096 - POWER_MIN) // GRISU_STEP - 1)
    while exponent + exponent_of_ten(q) + 1 < GRISU_EXPONENT_MIN:
        q += GRISU_STEP
    return q


cdef inline void round_last(char* last, uint64_t delta, uint64_t rest, uint64_t unit,
                            uint64_t distance) noexcept nogil:
    """Lower the last digit while that stays inside the interval and comes nearer to the value."""
    while rest < distance and delta - rest >= unit and \
            (rest + unit < distance or distance - rest > rest + unit - distance):
        last[0] -= 1
        rest += unit


cdef int make_digits(char* digits, uint64_t value, uint64_t upper, uint64_t lower, int shift,
                     int* ten) noexcept nogil:
    """Digits of upper / 2^shift until the rest fits between lower and upper. *ten: their place."""
    cdef uint64_t one = 1ULL << shift
    cdef uint64_t whole = upper >> shift
    cdef uint64_t part = upper & (one - 1)
    cdef uint64_t delta = upper - lower
    cdef uint64_t distance = upper - value
    cdef uint64_t rest
    cdef int place = 0                  # of the last digit made
    cdef int count = 0
    while place < 10 and whole >= TENS[place]:
        place += 1
    while place > 0:
        place -= 1
        digits[count] = <char>(c'0' + whole // TENS[place])
        whole %= TENS[place]
        count += 1
        rest = (whole << shift) + part
        if rest <= delta:
            ten[0] = place
            round_last(digits + count - 1, delta, rest, TENS[place] << shift, distance)
            return count
    while True:
        part *= 10
        delta *= 10
        distance *= 10
        place -= 1
        if part >> shift or count:
            digits[count] = <char>(c'0' + (part >> shift))
            count += 1
        part &= one - 1
        if part < delta:
            ten[0] = place
            round_last(digits + count - 1, delta, part, one, distance)
            return count


cdef int decimal_from_double(char* digits, double value, int* ten) noexcept nogil:
    cdef uint64_t mantissa, upper, lower, word
    cdef int exponent, shift, count, q
    cdef int low_shift = 1
    memcpy(&word, &value, 8)
    mantissa = word & ((1ULL << MANTISSA_BITS) - 1)
    exponent = <int>(word >> MANTISSA_BITS)
    if exponent == 0:
        exponent = 1
    else:
        if mantissa == 0:
            low_shift = 2               # below a power of two the neighbour is half as far
        mantissa |= 1ULL << MANTISSA_BITS
    upper = 2 * mantissa + 1            # half way to the neighbours
    shift = count_leading_zeros(upper)
    lower = ((mantissa << low_shift) - 1) << (shift + 1 - low_shift)
    exponent -= EXPONENT_BIAS + MANTISSA_BITS + shift + 1
    q = grisu_power(exponent)
    word = power_of_ten(q).high + (power_of_ten(q).low >> 63)
    # Each product may be wrong by one in its last place: take the narrower interval.
    count = make_digits(digits, multiply_high(mantissa << (shift + 1), word),
                        multiply_high(upper << shift, word) - 1, multiply_high(lower, word) + 1,
                        -(exponent + exponent_of_ten(q) + 1), ten)
    ten[0] -= q
    return count


# ---- the table

cdef int fill_powers() except -1:
    for q in range(POWER_MIN, POWER_MAX + 1):
        if q >= 0:
            word = 5**q                             # the twos are the exponent's
            spare = word.bit_length() - 128
            word = word >> spare if spare > 0 else word << -spare
        else:
            five = 5**-q
            word = (1 << (five.bit_length() + 127)) // five
            word += -27 <= q                        # D1
        if word >> 127 != 1:
            raise ValueError(f"the power {q} of ten is not normal")
        POWERS[q - POWER_MIN].high = word >> 64
        POWERS[q - POWER_MIN].low = word & (2**64 - 1)
    TENS[0] = 1
    for q in range(19):
        TENS[q + 1] = TENS[q] * 10
    return 0


fill_powers()
