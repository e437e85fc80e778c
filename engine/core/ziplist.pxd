"""Ziplists: how Redis up to 6 wrote small lists, hashes and sorted sets. Read, never written.

    | size u32 | offset of the last entry u32 | count u16 | entry | entry | ... | FF |
    entry:  | size of the one before: 1 byte, or FE and u32 | encoding | data |
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

from .heap cimport heap_t

# The values of a ziplist as a listpack, or NULL when the bytes are not a valid one: every byte is
# looked at. *count, which may be NULL, gets their number.
cdef uint8_t* ziplist_read(heap_t* heap, const uint8_t* data, size_t size,
                           uint64_t* count) noexcept nogil
