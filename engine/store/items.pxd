"""The items of an aggregate's table: what sets and hashes do alike once they are tables.

Terms
    item      a block of the aggregate, which holds a member, or a field with its value
    size      of an item: what its block was asked for with, or of the same class
    walk      every item once; nothing may change the table meanwhile

Which bytes are in an item only the type's room knows; it gives a function that tells the size.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from ..core.table cimport SEGMENT_ITEMS_MAX, table_t, table_walk

ctypedef size_t (*item_size_fn)(const void* item) noexcept nogil

cdef struct items_walk_t:
    const table_t* table
    uint64_t cursor                     # where the next segment is
    bint begun
    size_t place                        # behind the item that was returned last
    size_t count                        # in items
    void* items[SEGMENT_ITEMS_MAX]      # of a segment

cdef inline void items_walk(items_walk_t* walk, const table_t* table) noexcept nogil:
    walk.table = table
    walk.cursor = 0
    walk.begun = False
    walk.place = 0
    walk.count = 0


cdef inline void* items_next(items_walk_t* walk) noexcept nogil:
    """NULL at the end."""
    while walk.place == walk.count:
        if walk.begun and walk.cursor == 0:
            return NULL
        walk.begun = True
        walk.count = table_walk(walk.table, &walk.cursor, walk.items)
        walk.place = 0
    walk.place += 1
    return walk.items[walk.place - 1]


# Bytes of the table and its items at class sizes, guessed from so many of them; 0: from all.
cdef size_t items_memory(const table_t* table, item_size_fn size_of, size_t samples) noexcept nogil
# One short step of defragmentation, from *cursor on; 0 when it has come round.
cdef void items_move(table_t* table, uint64_t* cursor, item_size_fn size_of,
                     unsigned percent) noexcept nogil
