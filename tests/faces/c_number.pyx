"""Python face of engine/core/number.pxd, for tests/core/test_number.py only."""
from libc.stdint cimport int64_t, uint64_t

from kvd.engine.core.number cimport (
    FORMAT_DOUBLE_MAX, FORMAT_INT_MAX, FORMAT_LONG_DOUBLE_MAX, digits_uint64, equal_nocase,
    format_double, format_int64, format_long_double_human, format_uint64, parse_cursor,
    parse_double, parse_int64, parse_long_double, parse_memory, parse_uint64,
)

cdef char GUARD = 0x7f


def read_int64(bytes s):
    cdef int64_t value
    return value if parse_int64(s, len(s), &value) else None


def read_uint64(bytes s):
    cdef uint64_t value
    return value if parse_uint64(s, len(s), &value) else None


def read_cursor(bytes s):
    cdef uint64_t value
    return value if parse_cursor(s, len(s), &value) else None


def read_double(bytes s):
    cdef double value
    return value if parse_double(s, len(s), &value) else None


def read_memory(bytes s):
    cdef int64_t value
    return value if parse_memory(s, len(s), &value) else None


def write_int64(int64_t value):
    cdef char out[FORMAT_INT_MAX + 1]
    out[FORMAT_INT_MAX] = GUARD
    size = format_int64(out, value)
    assert out[FORMAT_INT_MAX] == GUARD
    return out[:size]


def write_uint64(uint64_t value):
    cdef char out[FORMAT_INT_MAX + 1]
    out[FORMAT_INT_MAX] = GUARD
    size = format_uint64(out, value)
    assert out[FORMAT_INT_MAX] == GUARD and size == digits_uint64(value)
    return out[:size]


def write_double(double value):
    cdef char out[FORMAT_DOUBLE_MAX + 1]
    out[FORMAT_DOUBLE_MAX] = GUARD
    size = format_double(out, value)
    assert size <= FORMAT_DOUBLE_MAX and out[FORMAT_DOUBLE_MAX] == GUARD
    return out[:size]


def human(bytes s, size_t out_max=FORMAT_LONG_DOUBLE_MAX):
    """A text read as a long double and written for people; None when refused."""
    cdef char out[FORMAT_LONG_DOUBLE_MAX + 1]
    cdef long double value
    if not parse_long_double(s, len(s), &value):
        return None
    out[out_max] = GUARD
    size = format_long_double_human(out, out_max, value)
    assert out[out_max] == GUARD
    return out[:size]


def human_sum(bytes a, bytes b):
    """What INCRBYFLOAT makes of two texts."""
    cdef char out[FORMAT_LONG_DOUBLE_MAX]
    cdef long double x, y
    if not parse_long_double(a, len(a), &x) or not parse_long_double(b, len(b), &y):
        return None
    size = format_long_double_human(out, sizeof(out), x + y)
    return out[:size]


def same_word(bytes a, bytes b):
    return equal_nocase(a, len(a), b, len(b))
