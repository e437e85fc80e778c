"""Records in the order of 128-bit IDs.

    directory:  | chunk | chunk | chunk | ...        searched by the first record of each
    chunk:      | free | record | record | ... | free |

An array of chunks, and not a tree: a stream of ten million entries has some hundred thousand
nodes, and those need a directory of 800 chunks. A radix tree over the IDs takes a node a record
where they are dense, which costs a stock server a hundred bytes for every message that waits for
its acknowledgement; here it costs the record.

Removing at the front of a chunk moves its start; removing elsewhere moves what is shorter, the part
before or the part behind. Chunks begin small and double, so that short lists stay short.

Invariants
    I1  records ascend by id, over all chunks
    I2  no chunk in the directory is empty, but for the only one of an empty list
    I3  count is the sum over the chunks
"""
from libc.string cimport memcpy, memmove, memset

from .heap cimport (
    heap_alloc, heap_block_size, heap_free, heap_move, heap_realloc, heap_should_move,
)
from .intrinsics cimport kvd_assert, likely, load64, unlikely

cdef enum:
    CHUNK_FIRST = 2                     # records that a first chunk has room for
    CHUNK_KEPT = 4                      # an empty list keeps a chunk with room for so many
    DIRECTORY_FIRST = 1


cdef void idlist_init(idlist_t* list, uint32_t record_size) noexcept nogil:
    memset(list, 0, sizeof(idlist_t))
    kvd_assert(record_size % 8 == 0 and record_size >= 16)
    list.record_size = record_size


cdef inline size_t chunk_size(const idlist_t* list, const chunk_records_t* chunk) noexcept nogil:
    return <size_t>chunk.max * list.record_size


cdef inline char* record_at(const idlist_t* list, const chunk_records_t* chunk,
                            size_t index) noexcept nogil:
    return chunk.records + (chunk.first + index) * list.record_size


cdef inline id_t id_of(const char* record) noexcept nogil:
    return id_t(load64(record), load64(record + 8))


cdef inline chunk_records_t* chunk_at(const idlist_t* list, uint32_t index) noexcept nogil:
    return &list.chunks[list.chunk_first + index]


# -- life -----------------------------------------------------------------------------------------

cdef void free_directory(heap_t* heap, idlist_t* list) noexcept nogil:
    if list.chunks is not NULL:
        heap_free(heap, list.chunks, list.chunk_max * sizeof(chunk_records_t))
    idlist_init(list, list.record_size)


cdef bint idlist_free_some(heap_t* heap, idlist_t* list, size_t chunks) noexcept nogil:
    cdef chunk_records_t* chunk
    while list.chunk_count and chunks:
        chunk = chunk_at(list, list.chunk_count - 1)
        list.count -= chunk.count
        heap_free(heap, chunk.records, chunk_size(list, chunk))
        list.chunk_count -= 1
        chunks -= 1
    if list.chunk_count:
        return True
    free_directory(heap, list)
    return False


cdef void idlist_free(heap_t* heap, idlist_t* list) noexcept nogil:
    idlist_free_some(heap, list, ~<size_t>0)


cdef size_t idlist_memory(const idlist_t* list) noexcept nogil:
    cdef size_t size = 0
    cdef uint32_t i
    if list.chunks is not NULL:
        size = heap_block_size(list.chunk_max * sizeof(chunk_records_t))
    for i in range(list.chunk_count):
        size += heap_block_size(chunk_size(list, chunk_at(list, i)))
    return size


cdef void idlist_copy(heap_t* heap, idlist_t* target, const idlist_t* source) noexcept nogil:
    cdef chunk_records_t* chunk
    cdef uint32_t i
    idlist_init(target, source.record_size)
    if source.chunk_count == 0:
        return
    target.chunks = <chunk_records_t*>heap_alloc(
        heap, source.chunk_count * sizeof(chunk_records_t))
    target.chunk_count = source.chunk_count
    target.chunk_max = source.chunk_count
    target.count = source.count
    for i in range(source.chunk_count):
        chunk = &target.chunks[i]
        chunk[0] = chunk_at(source, i)[0]
        chunk.records = <char*>heap_alloc(heap, chunk_size(target, chunk))
        memcpy(record_at(target, chunk, 0), record_at(source, chunk_at(source, i), 0),
               <size_t>chunk.count * source.record_size)


cdef void idlist_move(heap_t* heap, idlist_t* list, unsigned percent) noexcept nogil:
    cdef chunk_records_t* chunk
    cdef uint32_t i
    cdef size_t size = list.chunk_max * sizeof(chunk_records_t)
    if list.chunks is not NULL and heap_should_move(heap, list.chunks, size, percent):
        list.chunks = <chunk_records_t*>heap_move(heap, list.chunks, size)
    for i in range(list.chunk_count):
        chunk = chunk_at(list, i)
        if heap_should_move(heap, chunk.records, chunk_size(list, chunk), percent):
            chunk.records = <char*>heap_move(heap, chunk.records, chunk_size(list, chunk))


# -- finding --------------------------------------------------------------------------------------

cdef uint32_t chunk_for(const idlist_t* list, id_t id) noexcept nogil:
    """The last chunk that begins at or before this id; the first one when all begin behind it."""
    cdef uint32_t low = 0
    cdef uint32_t high = list.chunk_count
    cdef uint32_t middle
    while high - low > 1:
        middle = low + (high - low) // 2
        if id_less(id, id_of(record_at(list, chunk_at(list, middle), 0))):
            high = middle
        else:
            low = middle
    return low


cdef uint32_t index_for(const idlist_t* list, const chunk_records_t* chunk,
                        id_t id) noexcept nogil:
    """The first record of a chunk at or behind this id."""
    cdef uint32_t low = 0
    cdef uint32_t high = chunk.count
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if id_less(id_of(record_at(list, chunk, middle)), id):
            low = middle + 1
        else:
            high = middle
    return low


cdef void* idlist_last(const idlist_t* list) noexcept nogil:
    cdef chunk_records_t* chunk
    if list.count == 0:
        return NULL
    chunk = chunk_at(list, list.chunk_count - 1)
    return record_at(list, chunk, chunk.count - 1)


cdef id_place_t idlist_seek(const idlist_t* list, id_t id) noexcept nogil:
    cdef id_place_t place = id_place_t(list.chunk_count if list.count else 0, 0)    # I2
    cdef void* last = idlist_last(list)
    if last is NULL or id_less(id_of(<char*>last), id):
        return place
    place.chunk = chunk_for(list, id)
    place.index = index_for(list, chunk_at(list, place.chunk), id)
    if place.index == chunk_at(list, place.chunk).count:
        place.chunk += 1
        place.index = 0
    return place


cdef void* idlist_find(const idlist_t* list, id_t id) noexcept nogil:
    cdef chunk_records_t* chunk
    cdef uint32_t index
    cdef char* record
    if list.count == 0:
        return NULL
    chunk = chunk_at(list, chunk_for(list, id))
    index = index_for(list, chunk, id)
    if index == chunk.count:
        return NULL
    record = record_at(list, chunk, index)
    return record if id_equal(id_of(record), id) else NULL


cdef bint idlist_step_back(const idlist_t* list, id_place_t* place) noexcept nogil:
    if place.index:
        place.index -= 1
        return True
    if place.chunk == 0:
        return False
    place.chunk -= 1
    place.index = chunk_at(list, place.chunk).count - 1
    return True


# -- inserting ------------------------------------------------------------------------------------

cdef chunk_records_t* insert_chunk(heap_t* heap, idlist_t* list, uint32_t index,
                                   uint16_t records) noexcept nogil:
    """A new, empty chunk before the one at `index`."""
    cdef chunk_records_t* chunk
    cdef uint32_t max
    if list.chunk_first + list.chunk_count == list.chunk_max:
        if list.chunk_first * 2 > list.chunk_max:       # half of it is free, in front
            memmove(list.chunks, chunk_at(list, 0), list.chunk_count * sizeof(chunk_records_t))
            list.chunk_first = 0
        else:
            max = list.chunk_max * 2 if list.chunk_max else DIRECTORY_FIRST
            list.chunks = <chunk_records_t*>heap_realloc(
                heap, list.chunks, list.chunk_max * sizeof(chunk_records_t),
                max * sizeof(chunk_records_t)) if list.chunk_max else <chunk_records_t*>heap_alloc(
                heap, max * sizeof(chunk_records_t))
            list.chunk_max = max
    chunk = chunk_at(list, index)
    memmove(chunk + 1, chunk, (list.chunk_count - index) * sizeof(chunk_records_t))
    list.chunk_count += 1
    chunk.records = <char*>heap_alloc(heap, <size_t>records * list.record_size)
    chunk.first = 0
    chunk.count = 0
    chunk.max = records
    return chunk


cdef void make_room(heap_t* heap, idlist_t* list, uint32_t index) noexcept nogil:
    """The chunk has no free record behind its last: make one, and leave it the same chunk."""
    cdef chunk_records_t* chunk = chunk_at(list, index)
    cdef uint16_t max
    if chunk.first and (chunk.max == CHUNK_RECORDS or chunk.first * 2 > chunk.max):
        memmove(chunk.records, record_at(list, chunk, 0), <size_t>chunk.count * list.record_size)
        chunk.first = 0
        return
    max = chunk.max * 2
    chunk.records = <char*>heap_realloc(heap, chunk.records, chunk_size(list, chunk),
                                        <size_t>max * list.record_size)
    chunk.max = max


cdef char* append(heap_t* heap, idlist_t* list, id_t id) noexcept nogil:
    cdef chunk_records_t* chunk = NULL
    cdef char* record
    if list.chunk_count:
        chunk = chunk_at(list, list.chunk_count - 1)
    if chunk is NULL or (chunk.first + chunk.count == CHUNK_RECORDS
                         and chunk.first <= CHUNK_RECORDS // 2):
        chunk = insert_chunk(heap, list, list.chunk_count,
                             CHUNK_FIRST if list.chunk_count == 0 else CHUNK_RECORDS)
    elif unlikely(chunk.first + chunk.count == chunk.max):
        make_room(heap, list, list.chunk_count - 1)
    record = record_at(list, chunk, chunk.count)
    chunk.count += 1
    list.count += 1
    (<id_t*>record)[0] = id
    return record


cdef uint32_t split(heap_t* heap, idlist_t* list, uint32_t index, uint32_t* at) noexcept nogil:
    """Give half of a full chunk to a new one; *at, an index in it, follows. Returns its chunk."""
    cdef chunk_records_t* upper = insert_chunk(heap, list, index + 1, CHUNK_RECORDS)
    cdef chunk_records_t* lower = upper - 1
    upper.count = lower.count // 2
    lower.count -= upper.count
    memcpy(upper.records, record_at(list, lower, lower.count),
           <size_t>upper.count * list.record_size)
    if at[0] <= lower.count:
        return index
    at[0] -= lower.count
    return index + 1


cdef void* idlist_insert(heap_t* heap, idlist_t* list, id_t id, bint* found) noexcept nogil:
    cdef char* last = <char*>idlist_last(list)
    cdef chunk_records_t* chunk
    cdef uint32_t at, index
    cdef char* record
    found[0] = False
    if likely(last is NULL or id_less(id_of(last), id)):
        return append(heap, list, id)
    at = chunk_for(list, id)
    chunk = chunk_at(list, at)
    index = index_for(list, chunk, id)
    if index < chunk.count and id_equal(id_of(record_at(list, chunk, index)), id):
        found[0] = True
        return record_at(list, chunk, index)
    if chunk.count == CHUNK_RECORDS:
        at = split(heap, list, at, &index)
        chunk = chunk_at(list, at)
    elif chunk.first + chunk.count == chunk.max and (chunk.first == 0 or index > chunk.count // 2):
        make_room(heap, list, at)
    if chunk.first and index <= chunk.count // 2:       # what is before it moves down
        memmove(record_at(list, chunk, 0) - list.record_size, record_at(list, chunk, 0),
                <size_t>index * list.record_size)
        chunk.first -= 1
    else:
        memmove(record_at(list, chunk, index + 1), record_at(list, chunk, index),
                <size_t>(chunk.count - index) * list.record_size)
    record = record_at(list, chunk, index)
    chunk.count += 1
    list.count += 1
    (<id_t*>record)[0] = id
    return record


# -- removing -------------------------------------------------------------------------------------

cdef void drop_chunk(heap_t* heap, idlist_t* list, uint32_t index) noexcept nogil:
    cdef chunk_records_t* chunk = chunk_at(list, index)
    heap_free(heap, chunk.records, chunk_size(list, chunk))
    if index == 0:
        list.chunk_first += 1
    else:
        memmove(chunk, chunk + 1, (list.chunk_count - index - 1) * sizeof(chunk_records_t))
    list.chunk_count -= 1
    if list.chunk_count == 0:
        free_directory(heap, list)


cdef bint merge(heap_t* heap, idlist_t* list, uint32_t index) noexcept nogil:
    """Take the records of the next chunk into this one, if both have few."""
    cdef chunk_records_t* chunk = chunk_at(list, index)
    cdef chunk_records_t* other = chunk + 1
    if index + 1 >= list.chunk_count or chunk.count + other.count > CHUNK_RECORDS * 3 // 4 \
            or chunk.max < CHUNK_RECORDS:
        return False
    memmove(chunk.records, record_at(list, chunk, 0), <size_t>chunk.count * list.record_size)
    chunk.first = 0
    memcpy(record_at(list, chunk, chunk.count), record_at(list, other, 0),
           <size_t>other.count * list.record_size)
    chunk.count += other.count
    drop_chunk(heap, list, index + 1)
    return True


cdef void idlist_remove_at(heap_t* heap, idlist_t* list, id_place_t* place) noexcept nogil:
    cdef chunk_records_t* chunk = chunk_at(list, place.chunk)
    cdef uint32_t index = place.index
    kvd_assert(index < chunk.count)
    if index < chunk.count // 2 or chunk.count == 1:
        memmove(record_at(list, chunk, 1), record_at(list, chunk, 0),
                <size_t>index * list.record_size)
        chunk.first += 1
    else:
        memmove(record_at(list, chunk, index), record_at(list, chunk, index + 1),
                <size_t>(chunk.count - index - 1) * list.record_size)
    chunk.count -= 1
    list.count -= 1
    if chunk.count == 0:
        if list.chunk_count == 1 and chunk.max <= CHUNK_KEPT:
            chunk.first = 0
        else:
            drop_chunk(heap, list, place.chunk)
        place.index = 0                 # of the chunk that has come to this place
        return
    if chunk.count < CHUNK_RECORDS // 4 and place.chunk:
        merge(heap, list, place.chunk)  # not the first: it empties from the front
    if place.index == chunk_at(list, place.chunk).count:
        place.chunk += 1
        place.index = 0


cdef bint idlist_remove(heap_t* heap, idlist_t* list, id_t id) noexcept nogil:
    cdef id_place_t place
    cdef chunk_records_t* chunk
    if list.count == 0:
        return False
    place.chunk = chunk_for(list, id)
    chunk = chunk_at(list, place.chunk)
    place.index = index_for(list, chunk, id)
    if place.index == chunk.count or not id_equal(id_of(record_at(list, chunk, place.index)), id):
        return False
    idlist_remove_at(heap, list, &place)
    return True
