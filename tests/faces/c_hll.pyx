"""Python face of engine/core/hll.pxd, for tests/core/test_hll.py only."""
from libc.stdint cimport uint8_t, uint64_t

from kvd.engine.core.hll cimport (
    HLL_DENSE_SIZE, HLL_GROWTH_MAX, HLL_REGISTERS, HLL_WORD_MAX, hll_add, hll_count,
    hll_count_spread, hll_describe, hll_init, hll_is, hll_merge, hll_pack, hll_to_dense,
)
from kvd.engine.core.types cimport slice_t


def empty():
    cdef bytearray room = bytearray(18)
    hll_init(room)
    return bytes(room)


def is_valid(bytes data):
    return hll_is(slice_t(<const char*>data, <size_t>len(data)))


def add(bytes data, bytes element, sparse_max=3000):
    """(what hll_add says, the string after it)"""
    cdef bytearray room = bytearray(data) + bytearray(HLL_GROWTH_MAX)
    cdef size_t size = len(data)
    cdef int said = hll_add(room, &size, sparse_max,
                            slice_t(<const char*>element, <size_t>len(element)))
    assert size <= <size_t>len(room)
    return said, bytes(room[:size])


def to_dense(bytes data):
    """The dense form; None when it is broken."""
    cdef bytearray room = bytearray(HLL_DENSE_SIZE)
    return bytes(room) if hll_to_dense(data, <size_t>len(data), room) else None


def registers(bytes data):
    """All of them, a byte each; None when the string is broken."""
    cdef bytearray room = bytearray(HLL_REGISTERS)
    cdef char* at = room
    if not hll_merge(<uint8_t*>at, slice_t(<const char*>data, <size_t>len(data))):
        return None
    return bytes(room)


def count_registers(bytes spread):
    cdef const char* at = spread
    return hll_count_spread(<const uint8_t*>at)


def pack(bytes spread, bytes dense):
    cdef bytearray room = bytearray(dense)
    cdef const char* at = spread
    hll_pack(<const uint8_t*>at, room)
    return bytes(room)


def count(bytes data):
    """The estimate; None when the string is broken."""
    cdef uint64_t n = 0
    return n if hll_count(slice_t(<const char*>data, <size_t>len(data)), &n) else None


def describe(bytes data):
    cdef bytearray room = bytearray(len(data) * HLL_WORD_MAX)
    cdef ssize_t size = hll_describe(data, <size_t>len(data), room)
    return bytes(room[:size]) if size >= 0 else None
