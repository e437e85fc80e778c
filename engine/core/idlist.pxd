"""Records in the order of the 128-bit IDs that they begin with.

Terms
    id        two words, compared as one number of 128 bits: of a stream's entry
    record    record_size bytes, a multiple of 8, of which the first 16 are its id
    chunk     up to CHUNK_RECORDS records that lie one behind the other
    place     a record by chunk and index; dies at the next insertion or removal

What streams have most is appended at the end and removed at the front: both are O(1), and need
no move. The rest costs a search and a move of at most a quarter of a chunk.

The list owns its chunks; what records point to is their owner's. No id is there twice.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint16_t, uint32_t, uint64_t

from .heap cimport heap_t

cdef enum:
    CHUNK_RECORDS = 128

cdef struct id_t:
    uint64_t ms
    uint64_t seq

cdef struct chunk_records_t:
    char* records                       # owned: room for `max`
    uint16_t first                      # index of the first one in use
    uint16_t count
    uint16_t max

cdef struct idlist_t:
    chunk_records_t* chunks             # owned: room for chunk_max, in use from chunk_first on
    uint32_t chunk_first
    uint32_t chunk_count
    uint32_t chunk_max
    uint32_t record_size
    uint64_t count                      # records

cdef struct id_place_t:
    uint32_t chunk                      # counted from chunk_first; chunk_count: behind the last
    uint32_t index

cdef inline bint id_less(id_t a, id_t b) noexcept nogil:
    return a.ms < b.ms or (a.ms == b.ms and a.seq < b.seq)


cdef inline bint id_equal(id_t a, id_t b) noexcept nogil:
    return a.ms == b.ms and a.seq == b.seq


cdef void idlist_init(idlist_t* list, uint32_t record_size) noexcept nogil
cdef void idlist_free(heap_t* heap, idlist_t* list) noexcept nogil
# Free up to `chunks` chunks with their records, from the end; true while more remain.
cdef bint idlist_free_some(heap_t* heap, idlist_t* list, size_t chunks) noexcept nogil

# The record of this id, or NULL.
cdef void* idlist_find(const idlist_t* list, id_t id) noexcept nogil
# The first record at or behind this id.
cdef id_place_t idlist_seek(const idlist_t* list, id_t id) noexcept nogil
cdef void* idlist_last(const idlist_t* list) noexcept nogil
# NULL behind the last.
cdef inline void* idlist_at(const idlist_t* list, id_place_t place) noexcept nogil:
    cdef const chunk_records_t* chunk
    if place.chunk >= list.chunk_count:
        return NULL
    chunk = &list.chunks[list.chunk_first + place.chunk]
    if place.index >= chunk.count:
        return NULL
    return chunk.records + <size_t>(chunk.first + place.index) * list.record_size


cdef inline id_place_t idlist_first(const idlist_t* list) noexcept nogil:
    return id_place_t(0, 0)


cdef inline void idlist_step(const idlist_t* list, id_place_t* place) noexcept nogil:
    """On to the next record, or behind the last."""
    place.index += 1
    if place.index >= list.chunks[list.chunk_first + place.chunk].count:
        place.chunk += 1
        place.index = 0

# Back to the record before; False at the first one.
cdef bint idlist_step_back(const idlist_t* list, id_place_t* place) noexcept nogil

# A new record with this id, the rest of it not set; *found: one was there, and is returned.
cdef void* idlist_insert(heap_t* heap, idlist_t* list, id_t id, bint* found) noexcept nogil
cdef bint idlist_remove(heap_t* heap, idlist_t* list, id_t id) noexcept nogil
# What followed the removed record stands at `place` then, or nothing does.
cdef void idlist_remove_at(heap_t* heap, idlist_t* list, id_place_t* place) noexcept nogil
# Bytes of chunks and directory, at class sizes.
cdef size_t idlist_memory(const idlist_t* list) noexcept nogil
# A list with the same records.
cdef void idlist_copy(heap_t* heap, idlist_t* target, const idlist_t* source) noexcept nogil
# Let the heap put each of the list's blocks to a better place.
cdef void idlist_move(heap_t* heap, idlist_t* list, unsigned percent) noexcept nogil
