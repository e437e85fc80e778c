"""Check sums by table.

crc64 is reflected (the lowest bit is the highest power) and takes eight bytes a step: in table k a
byte has already moved past k others, so eight look-ups that do not wait for each other replace
eight that do. Measured on a 2.6 GHz EPYC: 1.9 GB/s.
crc16 is not reflected and reads keys of a few bytes: one table, one byte a step.

Cost: 16.5 KiB of tables, filled at import.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint64_t

from .intrinsics cimport load64

cdef enum:
    CRC16_POLYNOMIAL = 0x1021           # x^16 + x^12 + x^5 + 1

# Constants, filled at import.
cdef uint64_t CRC64[8][256]
cdef uint16_t CRC16[256]


cdef uint64_t crc64(uint64_t crc, const void* data, size_t size) noexcept nogil:
    cdef const uint8_t* p = <const uint8_t*>data
    while size >= 8:
        crc ^= load64(p)
        crc = CRC64[7][crc & 0xff] ^ CRC64[6][(crc >> 8) & 0xff] \
            ^ CRC64[5][(crc >> 16) & 0xff] ^ CRC64[4][(crc >> 24) & 0xff] \
            ^ CRC64[3][(crc >> 32) & 0xff] ^ CRC64[2][(crc >> 40) & 0xff] \
            ^ CRC64[1][(crc >> 48) & 0xff] ^ CRC64[0][crc >> 56]
        p += 8
        size -= 8
    while size:
        crc = CRC64[0][(crc ^ p[0]) & 0xff] ^ (crc >> 8)
        p += 1
        size -= 1
    return crc


cdef uint16_t crc16(const void* data, size_t size) noexcept nogil:
    cdef const uint8_t* p = <const uint8_t*>data
    cdef uint16_t crc = 0
    while size:
        crc = <uint16_t>(crc << 8) ^ CRC16[(crc >> 8) ^ p[0]]
        p += 1
        size -= 1
    return crc


cdef void fill_tables() noexcept nogil:
    cdef uint64_t polynomial = 0x95ac9329ac4bc9b5ULL    # Jones' 0xad93d23594c935a9, reflected
    cdef uint64_t crc
    cdef int i, k
    for i in range(256):
        crc = <uint64_t>i
        for k in range(8):
            crc = (crc >> 1) ^ (polynomial if crc & 1 else 0)
        CRC64[0][i] = crc
        crc = <uint64_t>i << 8
        for k in range(8):
            crc = (crc << 1) ^ (CRC16_POLYNOMIAL if crc & 0x8000 else 0)
        CRC16[i] = <uint16_t>crc
    for i in range(256):
        for k in range(1, 8):
            crc = CRC64[k - 1][i]
            CRC64[k][i] = CRC64[0][crc & 0xff] ^ (crc >> 8)


fill_tables()
