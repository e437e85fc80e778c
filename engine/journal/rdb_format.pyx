"""The pieces of an RDB file: lengths, strings and numbers, read with distrust and written.

    length:  00nnnnnn | 01nnnnnn n | 10000000 n4 | 10000001 n8 (big-endian) | 11xxxxxx: a spelling
    string:  length, bytes | int8, int16, int32 (little-endian) | LZF: two lengths, packed bytes

Every length is compared with what the image still holds before it is believed; a packed string
is unpacked only where its packed bytes could yield that much (LZF makes at most 264 bytes of 3).

Invariants
    R1  at <= size; rdb_take alone moves it
    R2  a broken file has broken_at and why set, and nothing is read of it after that
Source: Redis rdb.c for the format, liblzf (M. Lehmann) for the packing.
"""
from libc.stdint cimport UINT32_MAX, int8_t, int16_t, int32_t, int64_t, uint8_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy

from ..core.buf cimport buf_append, buf_reserve
from ..core.intrinsics cimport byte_swap64, load16, load32, load64, store64
from ..core.number cimport format_int64

cdef enum:
    SPELT_INT8 = 0
    SPELT_INT16 = 1
    SPELT_INT32 = 2
    SPELT_LZF = 3


# -- reading --------------------------------------------------------------------------------------

cdef bint rdb_broken(rdb_t* rdb, size_t at, const char* why) noexcept nogil:
    """R2. False, for the caller to hand on."""
    if rdb.why[0] == 0:
        rdb.broken_at = at
        snprintf(rdb.why, sizeof(rdb.why), b"%s", why)
    return False


cdef const char* rdb_take(rdb_t* rdb, size_t size) noexcept nogil:
    """The next bytes, or NULL when there are not so many."""
    cdef const char* here = rdb.data + rdb.at
    if size > rdb.size - rdb.at:
        rdb_broken(rdb, rdb.at, b"the file ends in the middle")
        return NULL
    rdb.at += size
    return here


cdef bint rdb_read_byte(rdb_t* rdb, uint8_t* byte) noexcept nogil:
    cdef const char* here = rdb_take(rdb, 1)
    if here is NULL:
        return False
    byte[0] = <uint8_t>here[0]
    return True


cdef bint rdb_read_length(rdb_t* rdb, uint64_t* length, bint* spelt) noexcept nogil:
    """A length; with *spelt, how the string that follows is spelt."""
    cdef uint8_t first
    cdef const char* here
    cdef size_t start = rdb.at
    spelt[0] = False
    if not rdb_read_byte(rdb, &first):
        return False
    if first >> 6 == 0:
        length[0] = first & 63
    elif first >> 6 == 3:
        spelt[0] = True
        length[0] = first & 63
    else:
        here = rdb_take(rdb, 1 if first >> 6 == 1 else 4 if first == 0x80 else 8)
        if here is NULL:
            return False
        if first >> 6 == 1:
            length[0] = <uint64_t>(first & 63) << 8 | <uint8_t>here[0]
        elif first == 0x80:
            length[0] = byte_swap64(<uint64_t>load32(here) << 32)
        elif first == 0x81:
            length[0] = byte_swap64(load64(here))
        else:
            return rdb_broken(rdb, start, b"a length of an unknown form")
    return True


cdef bint rdb_read_number(rdb_t* rdb, uint64_t* number) noexcept nogil:
    cdef bint spelt
    cdef size_t start = rdb.at
    if not rdb_read_length(rdb, number, &spelt):
        return False
    return not spelt or rdb_broken(rdb, start, b"a number is expected")


cdef bint unpack(const char* packed, size_t size, char* out, size_t out_size) noexcept nogil:
    """LZF. True when the packed bytes make exactly out_size."""
    cdef size_t at = 0
    cdef size_t made = 0
    cdef size_t count, back
    cdef uint8_t control
    while at < size:
        control = <uint8_t>packed[at]
        at += 1
        if control < 32:                # bytes as they are
            count = <size_t>control + 1
            if count > size - at or count > out_size - made:
                return False
            memcpy(out + made, packed + at, count)
            at += count
            made += count
            continue
        count = control >> 5            # bytes that were here before
        if count == 7:
            if at == size:
                return False
            count += <uint8_t>packed[at]
            at += 1
        if at == size:
            return False
        back = (<size_t>(control & 31) << 8 | <uint8_t>packed[at]) + 1
        at += 1
        count += 2
        if back > made or count > out_size - made:
            return False
        while count:                    # source and target may overlap
            out[made] = out[made - back]
            made += 1
            count -= 1
    return made == out_size


cdef bint read_packed(rdb_t* rdb, buf_t* room, slice_t* string) noexcept nogil:
    cdef uint64_t packed, size
    cdef size_t start = rdb.at
    cdef const char* here
    if not rdb_read_number(rdb, &packed) or not rdb_read_number(rdb, &size):
        return False
    if size > rdb.string_max or size // 264 > packed:
        return rdb_broken(rdb, start, b"a packed string cannot be that long")
    here = rdb_take(rdb, packed)
    if here is NULL:
        return False
    room.size = 0
    buf_reserve(room, size + 1)
    if not unpack(here, packed, room.data, size):
        return rdb_broken(rdb, start, b"a packed string cannot be unpacked")
    string[0] = slice_t(room.data, size)
    return True


cdef bint rdb_read_string(rdb_t* rdb, buf_t* room, slice_t* string) noexcept nogil:
    """The next string: in the image, or in `room`."""
    cdef uint64_t length
    cdef bint spelt
    cdef size_t start = rdb.at
    cdef const char* here
    cdef int64_t number
    if not rdb_read_length(rdb, &length, &spelt):
        return False
    if not spelt:
        if length > rdb.string_max:
            return rdb_broken(rdb, start, b"a string is longer than proto-max-bulk-len")
        string.data = rdb_take(rdb, length)
        string.size = length
        return string.data is not NULL
    if length == SPELT_LZF:
        return read_packed(rdb, room, string)
    if length > SPELT_LZF:
        return rdb_broken(rdb, start, b"a string of an unknown form")
    here = rdb_take(rdb, <size_t>1 << length)
    if here is NULL:
        return False
    if length == SPELT_INT8:
        number = <int8_t>here[0]
    elif length == SPELT_INT16:
        number = <int16_t>load16(here)
    else:
        number = <int32_t>load32(here)
    room.size = 0
    buf_reserve(room, 24)
    string[0] = slice_t(room.data, <size_t>format_int64(room.data, number))
    return True


cdef bint rdb_read_double(rdb_t* rdb, double* number) noexcept nogil:
    cdef const char* here = rdb_take(rdb, 8)
    if here is NULL:
        return False
    memcpy(number, here, 8)
    return True


cdef bint rdb_read_millis(rdb_t* rdb, int64_t* millis) noexcept nogil:
    cdef const char* here = rdb_take(rdb, 8)
    if here is NULL:
        return False
    millis[0] = <int64_t>load64(here)
    return True


# -- writing --------------------------------------------------------------------------------------

cdef void rdb_put_byte(buf_t* out, uint8_t byte) noexcept nogil:
    buf_append(out, <const char*>&byte, 1)


cdef void rdb_put_length(buf_t* out, uint64_t length) noexcept nogil:
    cdef char text[9]
    if length < 64:
        rdb_put_byte(out, <uint8_t>length)
    elif length < 16384:
        rdb_put_byte(out, <uint8_t>(64 | length >> 8))
        rdb_put_byte(out, <uint8_t>length)
    elif length <= UINT32_MAX:
        text[0] = <char>0x80
        store64(&text[1], byte_swap64(length << 32))
        buf_append(out, text, 5)
    else:
        text[0] = <char>0x81
        store64(&text[1], byte_swap64(length))
        buf_append(out, text, 9)


cdef void rdb_put_string(buf_t* out, slice_t string) noexcept nogil:
    rdb_put_length(out, string.size)
    if string.size:
        buf_append(out, string.data, string.size)


cdef void rdb_put_double(buf_t* out, double number) noexcept nogil:
    buf_append(out, <const char*>&number, 8)


cdef void rdb_put_millis(buf_t* out, int64_t millis) noexcept nogil:
    buf_append(out, <const char*>&millis, 8)
