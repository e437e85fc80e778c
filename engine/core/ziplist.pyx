"""Ziplists, read once: what comes in leaves as a listpack.

Invariants
    Z1  an entry and its fields lie before the byte 0xFF that ends the data
    Z2  an entry says the size of the one before it, and the header says where the last one is
"""
from libc.stddef cimport size_t
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t

from .heap cimport heap_t
from .intrinsics cimport byte_swap64, load16, load32, load64
from .listpack cimport (
    LISTPACK_SIZE_SAFE, listpack_append_many, listpack_create, listpack_release, listpack_value_t,
)

cdef enum:
    HEADER = 10
    EMPTY = 11                          # bytes without entries
    END = 0xFF
    LONG_PREVIOUS = 0xFE                # the size of the entry before follows in four bytes
    COUNT_UNKNOWN = 65535
    TEXT_14 = 0x40                      # 01: a size of 14 bits; 00: of 6 bits
    TEXT_32 = 0x80                      # 10: the size follows in four bytes, big-endian
    INT_16 = 0xC0
    INT_32 = 0xD0
    INT_64 = 0xE0
    INT_24 = 0xF0
    INT_8 = 0xFE                        # F1 to FD are the integers 0 to 12
    BATCH = 64                          # values that move the block once


cdef bint read_previous(const uint8_t* at, size_t left, size_t* used,
                        size_t* previous) noexcept nogil:
    if left < 1 or at[0] == END:
        return False
    if at[0] < LONG_PREVIOUS:
        previous[0] = at[0]
        used[0] = 1
        return True
    if left < 5:
        return False
    previous[0] = load32(at + 1)
    used[0] = 5
    return True


cdef bint read_text(const uint8_t* at, size_t left, size_t* used,
                    listpack_value_t* value) noexcept nogil:
    cdef size_t head, size
    if at[0] < TEXT_14:
        head = 1
        size = at[0] & 0x3F
    elif at[0] < TEXT_32:
        if left < 2:
            return False
        head = 2
        size = <size_t>(at[0] & 0x3F) << 8 | at[1]
    else:
        if left < 5:
            return False
        head = 5
        size = byte_swap64(<uint64_t>load32(at + 1) << 32)
    if size > left - head:
        return False
    value.text.data = <const char*>at + head
    value.text.size = size
    used[0] = head + size
    return True


cdef bint read_int(const uint8_t* at, size_t left, size_t* used,
                   listpack_value_t* value) noexcept nogil:
    cdef uint8_t kind = at[0]
    cdef size_t size = (2 if kind == INT_16 else 4 if kind == INT_32 else 8 if kind == INT_64
                        else 3 if kind == INT_24 else 1 if kind == INT_8 else 0)
    if size == 0 and not INT_24 < kind < INT_8:
        return False
    if left < 1 + size:
        return False
    value.text.data = NULL
    value.text.size = 0
    if kind == INT_16:
        value.number = <int16_t>load16(at + 1)
    elif kind == INT_32:
        value.number = <int32_t>load32(at + 1)
    elif kind == INT_64:
        value.number = <int64_t>load64(at + 1)
    elif kind == INT_24:
        value.number = <int64_t>((load16(at + 1) | <uint32_t>at[3] << 16) ^ 0x800000) - 0x800000
    elif kind == INT_8:
        value.number = <int8_t>at[1]
    else:
        value.number = (kind & 0x0F) - 1
    used[0] = 1 + size
    return True


cdef bint read_entry(const uint8_t* at, size_t left, size_t before, size_t* used,
                     listpack_value_t* value) noexcept nogil:
    """The entry in at[0:left], which comes behind one of `before` bytes (Z1, Z2)."""
    cdef size_t head = 0
    cdef size_t size = 0
    cdef size_t previous = 0
    if not read_previous(at, left, &head, &previous) or previous != before or head == left:
        return False
    if at[head] < INT_16:
        if not read_text(at + head, left - head, &size, value):
            return False
    elif not read_int(at + head, left - head, &size, value):
        return False
    used[0] = head + size
    return True


cdef uint8_t* ziplist_read(heap_t* heap, const uint8_t* data, size_t size,
                           uint64_t* count) noexcept nogil:
    cdef listpack_value_t values[BATCH]
    cdef uint8_t* pack
    cdef size_t at = HEADER
    cdef size_t last = HEADER
    cdef size_t before = 0
    cdef size_t used = 0
    cdef uint32_t held = 0
    cdef uint64_t seen = 0
    if size < EMPTY or size > LISTPACK_SIZE_SAFE or load32(data) != size or data[size - 1] != END:
        return NULL
    pack = listpack_create(heap)
    while at < size - 1:
        if not read_entry(data + at, size - 1 - at, before, &used, &values[held]):
            listpack_release(heap, pack)
            return NULL
        last = at
        before = used
        at += used
        seen += 1
        held += 1
        if held == BATCH:
            pack = listpack_append_many(heap, pack, values, held)
            held = 0
    pack = listpack_append_many(heap, pack, values, held)
    if load32(data + 4) != last \
            or (load16(data + 8) != COUNT_UNKNOWN and load16(data + 8) != seen):
        listpack_release(heap, pack)
        return NULL
    if count != NULL:
        count[0] = seen
    return pack
