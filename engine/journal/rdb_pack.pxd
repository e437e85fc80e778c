"""Packs of a file: listpacks and ziplists, valid, and without repetition."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from .rdb_format cimport rdb_t

# The next string as a listpack of our own, which the caller releases; NULL when the image is
# broken. *count gets its values.
cdef uint8_t* rdb_read_listpack(rdb_t* rdb, uint64_t* count) noexcept nogil
cdef uint8_t* rdb_read_ziplist(rdb_t* rdb, uint64_t* count) noexcept nogil
# Is a value there twice, of those `stride` apart?
cdef bint rdb_pack_repeats(const rdb_t* rdb, const uint8_t* pack, uint64_t count,
                           uint32_t stride) noexcept nogil
