"""Numbers as text.

Integers
    Eight digits are read with three multiplications, and written two at a time.

Doubles, in
    Up to 19 significant digits make a word. Where it is at most 2^53 and the power of ten at most
    22, both are exact doubles and one division or multiplication rounds once (W. Clinger, 1990).
    Else decimal.pyx rounds; where digits were cut off it is asked for the word and for the word
    plus one, and equal answers are the answer. The few texts left go to strtod, spelt anew as
    `digits e exponent` with at most 768 digits and one for the rest: no double needs more, so the
    work is bounded, and no decimal point means no locale.

Doubles, out
    Whole numbers up to 2^62 are written as integers, all others as the digits of decimal.pyx.

Long doubles
    Exact integer arithmetic where it fits 128 bits, the C library elsewhere. Both give the
    correctly rounded digits, so nobody can see which one was at work.

Invariants
    N1  a literal's value is mantissa * 10^exponent, or when truncated something between that and
        the same with mantissa + 1
    N2  an unsigned 64-bit word holds any 19 digits: only the twentieth can overflow
"""
from libc cimport errno
from libc.float cimport LDBL_MANT_DIG
from libc.math cimport fabsl, frexpl, isinf, isnan, ldexpl
from libc.stddef cimport size_t
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport strtod
from libc.string cimport memchr, memcpy, memset, strlen

from .decimal cimport DECIMAL_DIGITS_MAX, decimal_from_double, decimal_to_double
from .intrinsics cimport (
    count_leading_zeros, likely, load64, load_part, mul_overflows, multiply_wide,
)

cdef extern from "<stdlib.h>" nogil:
    long double strtold(const char* text, char** end) noexcept

cdef extern from "<locale.h>" nogil:
    ctypedef void* locale_t
    int LC_ALL_MASK
    locale_t newlocale(int mask, const char* name, locale_t base) noexcept
    locale_t uselocale(locale_t new) noexcept

cdef extern from "<math.h>" nogil:
    const double HUGE_VAL

cdef extern from *:
    """
    #define ZEROS 0x3030303030303030ULL
    """
    const uint64_t ZEROS                # "00000000"; a macro, for an enum holds no 64-bit constant

cdef enum:
    WORD_DIGITS = 19                    # N2
    EXACT_DOUBLE = 22                   # the largest power of ten that a double holds exactly
    EXACT_LONG_DOUBLE = 27              # the same with a mantissa of 64 bits
    DIGITS_MAX = 768                    # significant digits that can decide a double's rounding
    EXPONENT_MAX = 2000000000           # a written exponent is cut here; no text is so long
    EXPONENT_CUT = 1000                 # beyond it 19 digits are 0 or infinity
    HUMAN_DIGITS = 17                   # after the point

cdef struct literal_t:
    uint64_t mantissa                   # the first significant digits, 19 at most
    int64_t exponent                    # of ten
    bint negative
    bint truncated                      # there were more than 19 significant digits
    const char* digits                  # behind the sign: digits and at most one point ...
    const char* digits_end              # ... up to here

# Constants, filled at import.
cdef char PAIRS[200]                    # "00" to "99"
cdef uint64_t TENS[WORD_DIGITS + 1]     # 10^0 to 10^19
cdef double TENS_DOUBLE[EXACT_DOUBLE + 1]
cdef long double TENS_LONG_DOUBLE[EXACT_LONG_DOUBLE + 1]
cdef locale_t C_LOCALE


# ---- integers in

cdef inline bint is_digit(char c) noexcept nogil:
    return <unsigned char>(c - c'0') <= 9


cdef inline char lower(char c) noexcept nogil:
    return c + 32 if c'A' <= c <= c'Z' else c


cdef inline bint is_space(char c) noexcept nogil:
    return c == c' ' or c'\t' <= c <= c'\r'


cdef inline bint fold_eight(uint64_t x, uint64_t* value) noexcept nogil:
    """Eight digits, the first in the lowest byte: fold neighbours, then pairs, then fours."""
    if (x & 0xf0f0f0f0f0f0f0f0ULL) != ZEROS or \
            ((x + 0x0606060606060606ULL) & 0xf0f0f0f0f0f0f0f0ULL) != ZEROS:
        return False
    x = ((x & 0x0f0f0f0f0f0f0f0fULL) * (10 * (1 << 8) + 1)) >> 8
    x = ((x & 0x00ff00ff00ff00ffULL) * (100 * (1 << 16) + 1)) >> 16
    value[0] = ((x & 0x0000ffff0000ffffULL) * (10000 * (1ULL << 32) + 1)) >> 32
    return True


cdef inline bint read_digits(const char* s, size_t size, uint64_t* out) noexcept nogil:
    """All of s[0:size] as digits, 1 to 19 of them (N2).

    What is left of the eights gets zeros in front, so there is no loop over single digits.
    """
    cdef uint64_t value = 0
    cdef uint64_t eight, x
    cdef bint enough = size >= 8        # for a load that ends where the text ends
    while size >= 8:
        if not fold_eight(load64(s), &eight):
            return False
        value = value * 100000000 + eight
        s += 8
        size -= 8
    if size:
        x = load64(s + size - 8) >> (8 * (8 - size)) if enough else load_part(s, size)
        if not fold_eight(x << (8 * (8 - size)) | ZEROS >> (8 * size), &eight):
            return False
        value = value * TENS[size] + eight
    out[0] = value
    return True


cdef bint parse_uint64(const char* s, size_t size, uint64_t* out) noexcept nogil:
    cdef uint64_t value, last
    if size == 0 or size > WORD_DIGITS + 1 or (s[0] == c'0' and size > 1):
        return False
    if likely(size <= WORD_DIGITS):
        if not read_digits(s, size, &value):
            return False
    else:
        if not read_digits(s, WORD_DIGITS, &value) or not is_digit(s[WORD_DIGITS]):
            return False
        last = <uint64_t>(s[WORD_DIGITS] - c'0')
        if value > (<uint64_t>-1 - last) // 10:
            return False
        value = value * 10 + last
    out[0] = value
    return True


cdef bint parse_int64(const char* s, size_t size, int64_t* out) noexcept nogil:
    cdef uint64_t value
    cdef size_t negative = size > 1 and s[0] == c'-'
    if not parse_uint64(s + negative, size - negative, &value):
        return False
    if negative:
        if value == 0 or value > <uint64_t>INT64_MAX + 1:
            return False
        value = 0 - value
    elif value > <uint64_t>INT64_MAX:
        return False
    out[0] = <int64_t>value
    return True


cdef bint parse_cursor(const char* s, size_t size, uint64_t* out) noexcept nogil:
    """As Valkey: up to a NUL; strict and not negative, or else whatever C's strtoull takes, even
    "-05" for 2^64 - 5."""
    cdef const char* nul = <const char*>memchr(s, 0, size) if size else NULL
    cdef const char* end = s + size if nul is NULL else nul
    cdef int64_t strict
    cdef uint64_t value = 0
    cdef bint negative
    if parse_int64(s, <size_t>(end - s), &strict) and strict < 0:
        return False
    while s < end and is_space(s[0]):
        s += 1
    negative = s < end and s[0] == c'-'
    if s < end and (s[0] == c'-' or s[0] == c'+'):
        s += 1
    if s == end:
        return False
    while end - s > 1 and s[0] == c'0':
        s += 1
    if not parse_uint64(s, <size_t>(end - s), &value):
        return False
    out[0] = 0 - value if negative else value
    return True


cdef int64_t memory_unit(const char* s, size_t size) noexcept nogil:
    """Bytes in one of this unit; 0 when there is no such unit."""
    cdef int64_t thousand = 1000
    if size == 0 or (size == 1 and lower(s[0]) == c'b'):
        return 1
    if size == 2 and lower(s[1]) == c'b':
        thousand = 1024
    elif size != 1:
        return 0
    if lower(s[0]) == c'k':
        return thousand
    if lower(s[0]) == c'm':
        return thousand * thousand
    if lower(s[0]) == c'g':
        return thousand * thousand * thousand
    return 0


cdef bint parse_memory(const char* s, size_t size, int64_t* out) noexcept nogil:
    cdef size_t zeros = 0
    cdef size_t digits
    cdef int64_t count, unit, bytes_
    while zeros < size and s[zeros] == c'0':
        zeros += 1
    digits = zeros
    while digits < size and is_digit(s[digits]):
        digits += 1
    unit = memory_unit(s + digits, size - digits)
    if unit == 0 or digits == 0:
        return False
    count = 0
    if digits > zeros and not parse_int64(s + zeros, digits - zeros, &count):
        return False
    if mul_overflows(count, unit, &bytes_):
        return False
    out[0] = bytes_
    return True


# ---- integers out

cdef int digits_uint64(uint64_t value) noexcept nogil:
    """From the bits: 1233 / 4096 is log10(2), and one comparison settles the rest."""
    cdef int guess = ((64 - count_leading_zeros(value | 1)) * 1233) >> 12
    return guess + ((value | 1) >= TENS[guess])


cdef inline void write_digits(char* out, int count, uint64_t value) noexcept nogil:
    """The last `count` digits of value, zeros in front."""
    cdef uint64_t pair
    while count >= 2:
        pair = value % 100
        value //= 100
        count -= 2
        memcpy(out + count, PAIRS + 2 * pair, 2)
    if count:
        out[0] = <char>(c'0' + value % 10)


cdef int format_uint64(char* out, uint64_t value) noexcept nogil:
    cdef int count = digits_uint64(value)
    write_digits(out, count, value)
    return count


cdef int format_int64(char* out, int64_t value) noexcept nogil:
    if value >= 0:
        return format_uint64(out, <uint64_t>value)
    out[0] = c'-'
    return 1 + format_uint64(out + 1, 0 - <uint64_t>value)


# ---- doubles in

cdef const char* read_exponent(const char* s, const char* end, int64_t* exponent) noexcept nogil:
    """What follows an `e`: sign and digits up to the end. NULL when there are none."""
    cdef int64_t value = 0
    cdef bint negative = s < end and s[0] == c'-'
    if s < end and (s[0] == c'-' or s[0] == c'+'):
        s += 1
    if s == end:
        return NULL
    while s < end and is_digit(s[0]):
        if value < EXPONENT_MAX:
            value = value * 10 + (s[0] - c'0')
        s += 1
    exponent[0] += -value if negative else value
    return s


cdef inline const char* take_digits(const char* s, const char* end,
                                    uint64_t* value) noexcept nogil:
    """Append the digits at s to value, modulo 2^64; return what follows them."""
    cdef uint64_t eight
    while end - s >= 8 and fold_eight(load64(s), &eight):
        value[0] = value[0] * 100000000 + eight
        s += 8
    while s < end and is_digit(s[0]):
        value[0] = value[0] * 10 + <uint64_t>(s[0] - c'0')
        s += 1
    return s


cdef void cut_mantissa(literal_t* d, const char* first, int64_t significant) noexcept nogil:
    """More digits than a word holds: keep 19, the first of which is at `first`."""
    cdef int count = 0
    d.mantissa = 0
    d.truncated = True
    while count < WORD_DIGITS:
        if first[0] != c'.':
            d.mantissa = d.mantissa * 10 + <uint64_t>(first[0] - c'0')
            count += 1
        first += 1
    d.exponent += significant - WORD_DIGITS


cdef bint read_literal(const char* s, size_t size, literal_t* d) noexcept nogil:
    """All of s as [sign] digits [. digits] [e [sign] digits], a digit on one side of the point."""
    cdef const char* end = s + size
    cdef const char* p
    cdef int64_t count
    d.mantissa = 0
    d.exponent = 0
    d.truncated = False
    d.negative = size > 0 and s[0] == c'-'
    if size and (s[0] == c'-' or s[0] == c'+'):
        s += 1
    d.digits = s
    s = take_digits(s, end, &d.mantissa)
    count = s - d.digits
    if s < end and s[0] == c'.':
        p = s + 1
        s = take_digits(p, end, &d.mantissa)
        d.exponent = p - s
        count += s - p
    d.digits_end = s
    if count == 0:
        return False
    if s < end and (s[0] == c'e' or s[0] == c'E'):
        s = read_exponent(s + 1, end, &d.exponent)
    if s != end:
        return False
    if count > WORD_DIGITS:             # perhaps only by zeros in front
        p = d.digits
        while p < d.digits_end and (p[0] == c'0' or p[0] == c'.'):
            count -= p[0] == c'0'
            p += 1
        if count > WORD_DIGITS:
            cut_mantissa(d, p, count)
    return True


cdef double literal_by_strtod(const literal_t* d) noexcept nogil:
    """A truncated literal, from a text of bounded size: value = 0.DIGITS * 10^place."""
    cdef char text[DIGITS_MAX + 1 + 1 + FORMAT_INT_MAX + 1]
    cdef const char* s = d.digits
    cdef int64_t place = d.exponent + WORD_DIGITS
    cdef int count = 0
    cdef bint rest = False
    while s < d.digits_end:
        if s[0] != c'.' and (count or s[0] != c'0'):
            if count < DIGITS_MAX:
                text[count] = s[0]
                count += 1
            else:
                rest |= s[0] != c'0'
        s += 1
    if rest:                            # not a tie, whatever the digits before look like
        text[count] = c'1'
        count += 1
    text[count] = c'e'
    text[count + 1 + format_int64(text + count + 1, place - count)] = 0
    return strtod(text, NULL)


cdef double literal_to_double(const literal_t* d) noexcept nogil:
    """The nearest double; infinity and 0 when out of range."""
    cdef int ten = <int>min(max(d.exponent, -EXPONENT_CUT), EXPONENT_CUT)
    cdef double value = decimal_to_double(d.mantissa, ten)
    if d.truncated and value != decimal_to_double(d.mantissa + 1, ten):
        return literal_by_strtod(d)     # N1
    return value


cdef bint parse_infinity(const char* s, size_t size, double* out) noexcept nogil:
    cdef bint negative = size and s[0] == c'-'
    if size and (s[0] == c'-' or s[0] == c'+'):
        s += 1
        size -= 1
    if not equal_nocase(s, size, b"inf", 3) and not equal_nocase(s, size, b"infinity", 8):
        return False
    out[0] = -HUGE_VAL if negative else HUGE_VAL
    return True


cdef bint parse_double(const char* s, size_t size, double* out) noexcept nogil:
    cdef literal_t d
    cdef double value
    if not read_literal(s, size, &d):
        return parse_infinity(s, size, out)
    if likely(d.mantissa <= (1ULL << 53) and not d.truncated
              and -EXACT_DOUBLE <= d.exponent <= EXACT_DOUBLE):
        value = <double>d.mantissa
        if d.exponent < 0:
            value /= TENS_DOUBLE[-d.exponent]
        else:
            value *= TENS_DOUBLE[d.exponent]
    elif d.mantissa == 0:
        value = 0
    else:
        value = literal_to_double(&d)
        if value == 0 or isinf(value):
            return False
    out[0] = -value if d.negative else value
    return True


cdef bint parse_double_wide(const char* s, size_t size, double* out) noexcept nogil:
    cdef literal_t d
    cdef double value
    cdef const void* end = memchr(s, 0, size) if size else NULL
    if end is not NULL:
        size = <size_t>(<const char*>end - s)
    if size == 0:
        out[0] = 0
        return True
    if parse_double(s, size, out):
        return True
    if not read_literal(s, size, &d):
        return False
    value = literal_to_double(&d)
    out[0] = -value if d.negative else value
    return True


# ---- doubles out

cdef int place_digits(char* out, const char* digits, int count, int ten) noexcept nogil:
    """Write digits * 10^ten: plainly while few zeros are needed, else with an exponent."""
    cdef int place = count + ten - 1                # of the first digit
    cdef int size = 0
    if ten >= 0 and place < count + 7:
        memcpy(out, digits, count)
        memset(out + count, c'0', ten)
        return count + ten
    if ten < 0 and (ten > -7 or -4 < place < 4):
        if place >= 0:
            memcpy(out, digits, place + 1)
            out[place + 1] = c'.'
            memcpy(out + place + 2, digits + place + 1, count - place - 1)
            return count + 1
        out[0] = c'0'
        out[1] = c'.'
        memset(out + 2, c'0', -place - 1)
        memcpy(out + 1 - place, digits, count)
        return count + 1 - place
    out[0] = digits[0]
    size = 1
    if count > 1:
        out[1] = c'.'
        memcpy(out + 2, digits + 1, count - 1)
        size = count + 1
    out[size] = c'e'
    out[size + 1] = c'-' if place < 0 else c'+'
    return size + 2 + format_uint64(out + size + 2, <uint64_t>(-place if place < 0 else place))


cdef int format_double(char* out, double value) noexcept nogil:
    cdef char digits[DECIMAL_DIGITS_MAX]
    cdef uint64_t bits
    cdef int ten = 0
    cdef int sign, count
    if isnan(value):
        memcpy(out, b"nan", 3)
        return 3
    memcpy(&bits, &value, 8)
    sign = <int>(bits >> 63)
    out[0] = c'-'                       # written over when there is no sign
    if sign:
        value = -value
    if isinf(value):
        memcpy(out + sign, b"inf", 3)
        return sign + 3
    if value <= <double>(1ULL << 62) and value == <double><uint64_t>value:
        return sign + format_uint64(out + sign, <uint64_t>value)
    count = decimal_from_double(digits, value, &ten)
    return sign + place_digits(out + sign, digits, count, ten)


# ---- long doubles

cdef bint parse_long_double(const char* s, size_t size, long double* out) noexcept nogil:
    cdef char text[PARSE_LONG_DOUBLE_MAX + 1]
    cdef literal_t d
    cdef long double value
    cdef locale_t outer
    cdef char* end
    if size == 0 or size > PARSE_LONG_DOUBLE_MAX or is_space(s[0]):
        return False
    if LDBL_MANT_DIG >= 64 and read_literal(s, size, &d) and not d.truncated \
            and -EXACT_LONG_DOUBLE <= d.exponent <= EXACT_LONG_DOUBLE:
        value = <long double>d.mantissa             # both exact, so one rounding
        if d.exponent < 0:
            value /= TENS_LONG_DOUBLE[-d.exponent]
        else:
            value *= TENS_LONG_DOUBLE[d.exponent]
        out[0] = -value if d.negative else value
        return True
    memcpy(text, s, size)
    text[size] = 0
    outer = uselocale(C_LOCALE)
    errno.errno = 0
    value = strtold(text, &end)
    uselocale(outer)
    if end != text + size or value != value:
        return False
    if errno.errno == errno.ERANGE and (value == 0 or fabsl(value) == <long double>HUGE_VAL):
        return False
    out[0] = value
    return True


cdef bint split_long_double(long double value, uint64_t* whole, uint64_t* part) noexcept nogil:
    """value >= 0 as whole + part / 10^17, rounded half to even. False: 128 bits do not hold it."""
    cdef long double fraction, scaled
    cdef uint64_t bits, low, high, rest, half
    cdef int exponent = 0
    if not value < <long double>(1ULL << 62):
        return False
    whole[0] = <uint64_t>value
    part[0] = 0
    fraction = value - <long double>whole[0]
    if fraction == 0:
        return True
    scaled = ldexpl(frexpl(fraction, &exponent), 64)
    bits = <uint64_t>scaled
    if <long double>bits != scaled:     # more than 64 bits: a long double of 128
        return False
    exponent = -exponent
    if exponent > 63:                   # below 2^-63: far under half of 10^-17
        return True
    low = multiply_wide(bits, TENS[HUMAN_DIGITS], &high)    # part = this / 2^(64 + exponent)
    part[0] = high >> exponent
    rest = high & ((1ULL << exponent) - 1)
    if exponent:
        half = 1ULL << (exponent - 1)
        if rest > half or (rest == half and (low or part[0] & 1)):
            part[0] += 1
    elif low > (1ULL << 63) or (low == (1ULL << 63) and part[0] & 1):
        part[0] += 1
    if part[0] == TENS[HUMAN_DIGITS]:
        part[0] = 0
        whole[0] += 1
    return True


cdef int print_long_double(char* out, size_t out_max, long double value) noexcept nogil:
    """%.17Lf of a value >= 0 that 128 bits do not hold, zeros at the end cut."""
    cdef locale_t outer = uselocale(C_LOCALE)
    cdef int size = snprintf(out, out_max, "%.17Lf", value)
    uselocale(outer)
    if size < 0 or <size_t>size >= out_max:
        return 0
    while out[size - 1] == c'0':
        size -= 1
    return size - 1 if out[size - 1] == c'.' else size


cdef int copy_word(char* out, size_t out_max, const char* word) noexcept nogil:
    cdef size_t size = strlen(word)
    if size > out_max:
        return 0
    memcpy(out, word, size)
    return <int>size


cdef int format_long_double_human(char* out, size_t out_max, long double value) noexcept nogil:
    cdef char text[FORMAT_INT_MAX + 1 + HUMAN_DIGITS + 2]
    cdef uint64_t whole, part
    cdef int size
    cdef int sign = value < 0
    if value != value:
        return copy_word(out, out_max, b"nan")
    if fabsl(value) == <long double>HUGE_VAL:
        return copy_word(out, out_max, b"-inf" if sign else b"inf")
    if not split_long_double(fabsl(value), &whole, &part):
        if out_max < 2:
            return 0
        out[0] = c'-'
        size = print_long_double(out + sign, out_max - sign, fabsl(value))
        return size + sign if size else 0
    if whole == 0 and part == 0:        # never "-0"
        sign = 0
    text[0] = c'-'
    size = sign + format_uint64(text + sign, whole)
    if part:
        text[size] = c'.'
        write_digits(text + size + 1, HUMAN_DIGITS, part)
        size += 1 + HUMAN_DIGITS
        while text[size - 1] == c'0':
            size -= 1
    if <size_t>size > out_max:
        return 0
    memcpy(out, text, size)
    return size


# ---- words

cdef bint equal_nocase(const char* a, size_t a_size, const char* b, size_t b_size) noexcept nogil:
    cdef size_t i
    if a_size != b_size:
        return False
    for i in range(a_size):
        if a[i] != b[i] and lower(a[i]) != lower(b[i]):
            return False
    return True


# ---- the constants

cdef int fill_constants() except -1:
    global C_LOCALE
    cdef int i
    for i in range(200):
        PAIRS[i] = c'0' + (i // 20 if i % 2 == 0 else i // 2 % 10)
    TENS[0] = TENS_DOUBLE[0] = 1
    TENS_LONG_DOUBLE[0] = 1
    for i in range(WORD_DIGITS):
        TENS[i + 1] = TENS[i] * 10
    for i in range(EXACT_DOUBLE):
        TENS_DOUBLE[i + 1] = TENS_DOUBLE[i] * 10
    for i in range(EXACT_LONG_DOUBLE):
        TENS_LONG_DOUBLE[i + 1] = TENS_LONG_DOUBLE[i] * 10
    C_LOCALE = newlocale(LC_ALL_MASK, b"C", NULL)
    if C_LOCALE is NULL:
        raise ValueError("this system has no C locale")
    return 0


fill_constants()
