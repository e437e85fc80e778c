"""Packs of a file.

A set or a hash that holds something twice would never be emptied, so every pack is looked through.
Not each with each: a file may bring a pack of a million values. Their keyed hashes go into an open
table; two values of one hash of 64 bits, which nobody can make, would be taken for a repetition.
"""
from libc.stddef cimport size_t

from ..core.heap cimport heap_alloc_zero, heap_free, heap_t
from ..core.listpack cimport (
    listpack_first, listpack_get, listpack_next, listpack_read,
)
from ..core.number cimport FORMAT_INT_MAX
from ..core.types cimport slice_t
from ..core.ziplist cimport ziplist_read
from ..store.keyspace cimport store_hash
from .rdb_format cimport rdb_broken, rdb_read_string

cdef enum:
    SEEN_ON_STACK = 256                 # places; a pack of half as many values needs no block


# A listpack of what these bytes say, or NULL.
ctypedef uint8_t* (*pack_fn)(heap_t* heap, const uint8_t* data, size_t size,
                             uint64_t* count) noexcept nogil


cdef uint8_t* read_pack(rdb_t* rdb, uint64_t* count, pack_fn pack_of,
                        const char* problem) noexcept nogil:
    cdef slice_t text
    cdef size_t start = rdb.at
    cdef uint8_t* pack
    if not rdb_read_string(rdb, &rdb.value, &text):
        return NULL
    pack = pack_of(rdb.store.heap, <const uint8_t*>text.data, text.size, count)
    if pack is NULL:
        rdb_broken(rdb, start, problem)
    return pack


cdef uint8_t* rdb_read_listpack(rdb_t* rdb, uint64_t* count) noexcept nogil:
    return read_pack(rdb, count, listpack_read, b"a listpack is not valid")


cdef uint8_t* rdb_read_ziplist(rdb_t* rdb, uint64_t* count) noexcept nogil:
    return read_pack(rdb, count, ziplist_read, b"a ziplist is not valid")


cdef inline bint note(uint64_t* seen, size_t mask, uint64_t hash) noexcept nogil:
    """False when it has been noted before. 0 is a free place."""
    cdef size_t at
    hash = hash if hash else 1
    at = <size_t>hash & mask
    while seen[at]:
        if seen[at] == hash:
            return False
        at = (at + 1) & mask
    seen[at] = hash
    return True


cdef bint repeats(const rdb_t* rdb, const uint8_t* pack, uint32_t stride, uint64_t* seen,
                  size_t mask) noexcept nogil:
    cdef char scratch[FORMAT_INT_MAX]
    cdef const uint8_t* at = listpack_first(pack)
    cdef uint32_t i
    while at is not NULL:
        if not note(seen, mask, store_hash(rdb.store, listpack_get(at, scratch))):
            return True
        for i in range(stride):
            at = listpack_next(at) if at is not NULL else NULL
    return False


cdef bint rdb_pack_repeats(const rdb_t* rdb, const uint8_t* pack, uint64_t count,
                           uint32_t stride) noexcept nogil:
    cdef uint64_t on_stack[SEEN_ON_STACK]
    cdef uint64_t* seen
    cdef size_t places = SEEN_ON_STACK
    cdef size_t i
    cdef bint answer
    while places < 2 * (count // stride):
        places *= 2
    if places == SEEN_ON_STACK:
        for i in range(places):
            on_stack[i] = 0
        return repeats(rdb, pack, stride, on_stack, places - 1)
    seen = <uint64_t*>heap_alloc_zero(rdb.store.heap, places * sizeof(uint64_t))
    answer = repeats(rdb, pack, stride, seen, places - 1)
    heap_free(rdb.store.heap, seen, places * sizeof(uint64_t))
    return answer
