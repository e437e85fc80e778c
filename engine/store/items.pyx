"""The items of an aggregate's table."""
from ..core.heap cimport heap_block_size, heap_move, heap_should_move, heap_t
from ..core.table cimport table_move, table_overhead

cdef enum:
    MOVE_BUCKETS = 256                  # of a table, in one step of defragmentation


cdef size_t items_memory(const table_t* table, item_size_fn size_of,
                         size_t samples) noexcept nogil:
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef uint64_t cursor = 0
    cdef size_t sum = 0
    cdef size_t seen = 0
    cdef size_t count, i
    while table.count:
        count = table_walk(table, &cursor, items)
        for i in range(count):
            sum += heap_block_size(size_of(items[i]))
        seen += count
        if cursor == 0 or (samples and seen >= samples):
            break
    if seen and seen < table.count:
        sum = <size_t>(<double>sum / <double>seen * <double>table.count)
    return table_overhead(table) + sum


cdef struct mover_t:
    heap_t* heap
    item_size_fn size_of
    unsigned percent


cdef void* move_item(void* owner, void* item) noexcept nogil:
    cdef mover_t* mover = <mover_t*>owner
    cdef size_t size = mover.size_of(item)
    if heap_should_move(mover.heap, item, size, mover.percent):
        return heap_move(mover.heap, item, size)
    return NULL


cdef void items_move(table_t* table, uint64_t* cursor, item_size_fn size_of,
                     unsigned percent) noexcept nogil:
    cdef mover_t mover
    cdef int i
    mover.heap = table.heap
    mover.size_of = size_of
    mover.percent = percent
    for i in range(MOVE_BUCKETS):
        table_move(table, cursor, percent, move_item, &mover)
        if cursor[0] == 0:
            break
