"""Check sums of the field's formats.

crc64   Jones' polynomial, as RDB files and DUMP payloads end with; start with 0, feed in pieces
crc16   XMODEM's, which places a key in a cluster slot

Neither protects from intent: they find torn writes and bad disks.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint16_t, uint64_t

cdef uint64_t crc64(uint64_t crc, const void* data, size_t size) noexcept nogil
cdef uint16_t crc16(const void* data, size_t size) noexcept nogil
