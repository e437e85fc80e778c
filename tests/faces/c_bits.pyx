"""Python face of engine/core/bits.pxd, for tests/core/test_bits.py only."""
from kvd.engine.core.bits cimport (
    bits_and, bits_count, bits_count_fn, bits_count_form, bits_count_range, bits_find, bits_get,
    bits_not, bits_or, bits_set, bits_xor,
)


def count(bytes data):
    return bits_count(data, len(data))


def count_by(int form, bytes data):
    """By one form, or None where the processor lacks it. Whole words only."""
    cdef bits_count_fn fn = bits_count_form(form)
    return None if fn is NULL else fn(data, len(data) // 8)


def count_range(bytes data, first, end):
    return bits_count_range(data, first, end)


def find(bytes data, first, end, value):
    return bits_find(data, first, end, value)


def combine(str op, bytes target, bytes source):
    """A copy of `target`, changed."""
    cdef bytearray room = bytearray(target)
    cdef char* at = room
    if op == "and":
        bits_and(at, source, len(source))
    elif op == "or":
        bits_or(at, source, len(source))
    elif op == "xor":
        bits_xor(at, source, len(source))
    else:
        bits_not(at, source, len(source))
    return bytes(room)


def get(bytes data, at, width):
    return bits_get(data, len(data), at, width)


def put(bytes data, at, width, value):
    """A copy of `data`, changed."""
    cdef bytearray room = bytearray(data)
    bits_set(room, at, width, value & (2**64 - 1))
    return bytes(room)
