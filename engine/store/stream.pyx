"""The entries of a stream.

    nodes:  | id pack | id pack | ... | id pack |                         core/idlist, by ID
    pack:   live | tombstones | n | field * n | 0 | entry | entry | ...   a listpack
    entry:  flags | id.ms - node.ms | id.seq - node.seq | [n | field] value ... | back

`back` is the number of elements before it in the entry, so that a node can be read backwards. An
entry with the node's fields (they are those of its first one) stores values only. Every node but
the tail is exactly as large as its pack; the tail's block has room, and an entry is written into it
in one pass. When a node is full it gives its room back.

Invariants
    T1  length is the sum of `live` over the nodes; each node has an entry, if only a tombstone
    T2  first_id is the first live entry's, or 0-0
    T3  a hint whose shape is the stream's is right for its id
    T4  node IDs ascend, and so do entries, tombstones among them; none is above last_id
"""
from libc.stdint cimport uint16_t
from libc.string cimport memmove, memset

from ..core.heap cimport heap_alloc, heap_block_size, heap_free, heap_realloc
from ..core.idlist cimport (
    id_equal, id_less, id_place_t, idlist_at, idlist_first, idlist_init, idlist_insert, idlist_last,
    idlist_remove_at, idlist_step_back,
)
from ..core.intrinsics cimport likely, load16, store16, store32
from ..core.listpack cimport (
    LISTPACK_EMPTY, LISTPACK_END, LISTPACK_HEADER, LISTPACK_OVERHEAD, listpack_cost_int,
    listpack_count, listpack_entry_size, listpack_equal, listpack_prev, listpack_size,
    listpack_write, listpack_write_int,
)
from .stream_cursor cimport cursor_behind, cursor_enter, cursor_next, cursor_open, cursor_t
from .stream_pack cimport pack_behind, pack_number, pack_take

cdef enum:
    COUNT_UNKNOWN = 65535               # of a listpack's header


# -- nodes ----------------------------------------------------------------------------------------

cdef void fit(heap_t* heap, stream_t* stream, stream_node_t* tail) noexcept nogil:
    """The tail will be one no more: give back its room."""
    tail.pack = <uint8_t*>heap_realloc(heap, tail.pack, stream.tail_max, listpack_size(tail.pack))


cdef void remove_node(heap_t* heap, stream_t* stream, id_place_t* place) noexcept nogil:
    cdef stream_node_t* node = <stream_node_t*>idlist_at(&stream.nodes, place[0])
    heap_free(heap, node.pack, stream_block_size(stream, node))
    idlist_remove_at(heap, &stream.nodes, place)
    node = <stream_node_t*>idlist_last(&stream.nodes)
    stream.shape += 1                   # T3
    if place.chunk >= stream.nodes.chunk_count or node is NULL:
        stream.tail_max = listpack_size(node.pack) if node is not NULL else 0


cdef const uint8_t* set_number(heap_t* heap, stream_t* stream, stream_node_t* node,
                               const uint8_t* at, int64_t number) noexcept nogil:
    """Write another number over one. Returns its place: the pack may have moved."""
    cdef size_t old_size = listpack_entry_size(at)
    cdef size_t new_size = listpack_cost_int(number)
    cdef size_t place = <size_t>(at - node.pack)
    cdef size_t size = listpack_size(node.pack)
    cdef size_t block = stream_block_size(stream, node)
    if likely(new_size == old_size):
        listpack_write_int(<uint8_t*>at, number)
        return at
    stream.shape += 1                   # T3
    if stream_is_tail(stream, node):
        if size + new_size > block + old_size:
            stream.tail_max = <uint32_t>heap_block_size(size + new_size - old_size)
            node.pack = <uint8_t*>heap_realloc(heap, node.pack, block, stream.tail_max)
    elif new_size > old_size:
        node.pack = <uint8_t*>heap_realloc(heap, node.pack, block, size + new_size - old_size)
    memmove(node.pack + place + new_size, node.pack + place + old_size,
            size - place - old_size)
    store32(node.pack, <uint32_t>(size + new_size - old_size))
    if new_size < old_size and not stream_is_tail(stream, node):
        node.pack = <uint8_t*>heap_realloc(heap, node.pack, block, size + new_size - old_size)
    listpack_write_int(node.pack + place, number)
    return node.pack + place


# -- life -----------------------------------------------------------------------------------------

cdef stream_t* stream_create(heap_t* heap) noexcept nogil:
    cdef stream_t* stream = <stream_t*>heap_alloc(heap, sizeof(stream_t))
    memset(stream, 0, sizeof(stream_t))
    idlist_init(&stream.nodes, sizeof(stream_node_t))
    stream.shape = 1
    return stream


# -- appending ------------------------------------------------------------------------------------

cdef bint same_fields(const uint8_t* pack, int argc, const slice_t* argv) noexcept nogil:
    cdef const uint8_t* at = pack_behind(pack_behind(pack + LISTPACK_HEADER))
    cdef int i
    if pack_take(&at) * 2 != argc:
        return False
    for i in range(0, argc, 2):
        if not listpack_equal(at, argv[i]):
            return False
        at = pack_behind(at)
    return True


cdef bint is_full(const uint8_t* pack, const stream_limits_t* limits,
                  size_t more) noexcept nogil:
    cdef const uint8_t* at = pack + LISTPACK_HEADER
    cdef size_t bytes_max = STREAM_ENTRY_MAX
    cdef int64_t entries
    if 0 < limits.bytes < STREAM_ENTRY_MAX:
        bytes_max = <size_t>limits.bytes
    if listpack_size(pack) + more >= bytes_max:
        return True
    entries = pack_take(&at)
    return limits.entries and entries + pack_number(at) >= limits.entries


cdef stream_node_t* begin_node(heap_t* heap, stream_t* stream, id_t id, size_t room, int argc,
                               const slice_t* argv) noexcept nogil:
    """A new tail without entries, with `room` bytes behind its pack."""
    cdef bint found
    cdef stream_node_t* node = <stream_node_t*>idlist_last(&stream.nodes)
    cdef size_t size = LISTPACK_EMPTY + 4 * LISTPACK_OVERHEAD + room
    cdef size_t likely_size = 0
    cdef uint8_t* at
    cdef int i
    if node is not NULL:
        likely_size = listpack_size(node.pack)
        fit(heap, stream, node)
    for i in range(0, argc, 2):
        size += argv[i].size + LISTPACK_OVERHEAD
    # It will grow as large as the one before, unless that was a giant.
    if likely_size > size and likely_size <= 16384:
        size = likely_size
    stream.tail_max = <uint32_t>heap_block_size(size)
    node = <stream_node_t*>idlist_insert(heap, &stream.nodes, id, &found)
    node.pack = <uint8_t*>heap_alloc(heap, stream.tail_max)
    at = listpack_write_int(node.pack + LISTPACK_HEADER, 0)
    at = listpack_write_int(at, 0)
    at = listpack_write_int(at, argc // 2)
    for i in range(0, argc, 2):
        at = listpack_write(at, argv[i])
    at = listpack_write_int(at, 0)
    at[0] = LISTPACK_END
    store32(node.pack, <uint32_t>(at - node.pack) + 1)
    store16(node.pack + 4, COUNT_UNKNOWN if argc // 2 + 4 >= COUNT_UNKNOWN
            else <uint16_t>(argc // 2 + 4))
    return node


cdef void reserve(heap_t* heap, stream_t* stream, stream_node_t* tail, size_t more) noexcept nogil:
    cdef size_t size = listpack_size(tail.pack) + more
    if likely(size <= stream.tail_max):
        return
    if size < 4096:
        size += size >> 1               # it will be read once more at most, on its way to a node's
    size = heap_block_size(size)
    tail.pack = <uint8_t*>heap_realloc(heap, tail.pack, stream.tail_max, size)
    stream.tail_max = <uint32_t>size


cdef void write_entry(stream_t* stream, stream_node_t* node, id_t id, bint same, int argc,
                      const slice_t* argv) noexcept nogil:
    """There is room for it."""
    cdef uint8_t* at = node.pack + listpack_size(node.pack) - 1
    cdef uint32_t count = <uint32_t>load16(node.pack + 4) + <uint32_t>(argc // 2) + 4
    cdef int i
    at = listpack_write_int(at, STREAM_SAME_FIELDS if same else 0)
    at = listpack_write_int(at, <int64_t>(id.ms - node.id.ms))
    at = listpack_write_int(at, <int64_t>(id.seq - node.id.seq))
    if same:
        for i in range(1, argc, 2):
            at = listpack_write(at, argv[i])
        at = listpack_write_int(at, argc // 2 + 3)
    else:
        count += <uint32_t>(argc // 2) + 1
        at = listpack_write_int(at, argc // 2)
        for i in range(argc):
            at = listpack_write(at, argv[i])
        at = listpack_write_int(at, argc + 4)
    at[0] = LISTPACK_END
    store32(node.pack, <uint32_t>(at - node.pack) + 1)
    if load16(node.pack + 4) != COUNT_UNKNOWN:
        store16(node.pack + 4, COUNT_UNKNOWN if count > COUNT_UNKNOWN else <uint16_t>count)


cdef void stream_append(heap_t* heap, stream_t* stream, const stream_limits_t* limits, id_t id,
                        int argc, const slice_t* argv) noexcept nogil:
    cdef stream_node_t* node = <stream_node_t*>idlist_last(&stream.nodes)
    cdef size_t total = 0
    cdef size_t room
    cdef const uint8_t* live
    cdef bint same
    cdef int i
    for i in range(argc):
        total += argv[i].size
    room = total + <size_t>(argc + 6) * LISTPACK_OVERHEAD
    if node is NULL or is_full(node.pack, limits, total):
        node = begin_node(heap, stream, id, room, argc, argv)
        same = True
    else:
        same = same_fields(node.pack, argc, argv)
    reserve(heap, stream, node, room)
    write_entry(stream, node, id, same, argc, argv)
    live = node.pack + LISTPACK_HEADER
    set_number(heap, stream, node, live, pack_number(live) + 1)
    stream.length += 1
    stream.entries_added += 1
    stream.last_id = id
    if stream.length == 1:
        stream.first_id = id            # T2


# -- deleting -------------------------------------------------------------------------------------

cdef void count_tombstones(heap_t* heap, stream_t* stream, stream_node_t* node,
                           int64_t more) noexcept nogil:
    """That many live entries of the node became tombstones; some stay."""
    cdef const uint8_t* at = node.pack + LISTPACK_HEADER
    at = pack_behind(set_number(heap, stream, node, at, pack_number(at) - more))
    set_number(heap, stream, node, at, pack_number(at) + more)


cdef inline void mark(const uint8_t* entry) noexcept nogil:
    """Flags are small numbers: they stay in their byte."""
    (<uint8_t*>entry)[0] |= STREAM_DELETED


cdef bint stream_delete(heap_t* heap, stream_t* stream, id_t id) noexcept nogil:
    cdef cursor_t cursor
    cdef stream_node_t* node
    cursor_open(&cursor, stream, id, id, False)
    if not cursor_next(&cursor):
        return False
    node = <stream_node_t*>cursor.node
    mark(cursor.entry)
    stream.length -= 1
    if pack_number(node.pack + LISTPACK_HEADER) == 1:
        remove_node(heap, stream, &cursor.place)            # T1
    else:
        count_tombstones(heap, stream, node, 1)
    return True


cdef id_t last_of_node(const stream_node_t* node) noexcept nogil:
    """The ID of a node's last entry, be it a tombstone: as a stock server asks."""
    cdef const uint8_t* at = node.pack + listpack_size(node.pack) - 1
    cdef int64_t count
    cdef id_t id = node.id
    at = listpack_prev(node.pack, at)
    count = pack_number(at) - 1         # back to what follows the flags
    while count > 0:
        at = listpack_prev(node.pack, at)
        count -= 1
    id.ms += <uint64_t>pack_take(&at)
    id.seq += <uint64_t>pack_take(&at)
    return id


cdef uint64_t trim_node(heap_t* heap, stream_t* stream, const trim_t* trim,
                        id_place_t place) noexcept nogil:
    """Make tombstones of the first entries of a node that stays. Returns how many."""
    cdef cursor_t cursor
    cdef uint64_t went = 0
    cursor_open(&cursor, stream, id_t(0, 0), id_max(), False)
    while ((trim.by == TRIM_ID or stream.length > trim.length) and cursor_next(&cursor)
           and cursor.place.chunk == place.chunk and cursor.place.index == place.index):
        if trim.by == TRIM_ID and not id_less(cursor.id, trim.id):
            break
        mark(cursor.entry)
        stream.length -= 1
        went += 1
    if went:
        count_tombstones(heap, stream, <stream_node_t*>idlist_at(&stream.nodes, place),
                         <int64_t>went)
    return went


cdef uint64_t stream_trim(heap_t* heap, stream_t* stream, const trim_t* trim) noexcept nogil:
    cdef id_place_t place = idlist_first(&stream.nodes)
    cdef stream_node_t* node
    cdef uint64_t went = 0
    cdef uint64_t live
    cdef bint whole
    if trim.by == TRIM_NONE:
        return 0
    while True:
        node = <stream_node_t*>idlist_at(&stream.nodes, place)
        if node is NULL or (trim.by == TRIM_LENGTH and stream.length <= trim.length):
            break
        live = <uint64_t>pack_number(node.pack + LISTPACK_HEADER)
        if trim.limit and went + live > <uint64_t>trim.limit:
            break
        if trim.by == TRIM_LENGTH:
            whole = stream.length - live >= trim.length
        else:
            whole = id_less(last_of_node(node), trim.id)
        if not whole:
            if not trim.whole_nodes:
                went += trim_node(heap, stream, trim, place)
            break
        stream.length -= live
        went += live
        remove_node(heap, stream, &place)
    if went:
        stream_find_first(stream)       # T2
    return went


cdef void cut_tombstones(heap_t* heap, stream_t* stream, stream_node_t* tail) noexcept nogil:
    """Those behind the tail's last live entry go for good."""
    cdef cursor_t cursor
    cdef const uint8_t* at
    cdef size_t size
    cdef int64_t cut = 0
    cdef int64_t flags
    cursor_open(&cursor, stream, id_t(0, 0), id_max(), True)
    cursor_next(&cursor)
    cursor.at = cursor_behind(&cursor)
    size = <size_t>(cursor.at - tail.pack)
    while cursor.at[0] != LISTPACK_END:
        cursor.value = cursor_enter(&cursor, cursor.at, &flags)
        cursor.left = cursor.count
        cursor.at = cursor_behind(&cursor)
        cut += 1
    tail.pack[size] = LISTPACK_END
    store32(tail.pack, <uint32_t>size + 1)
    at = pack_behind(tail.pack + LISTPACK_HEADER)
    set_number(heap, stream, tail, at, pack_number(at) - cut)
    count_elements(tail.pack)
    stream.shape += 1                   # T3


cdef void count_elements(uint8_t* pack) noexcept nogil:
    cdef uint64_t count
    store16(pack + 4, COUNT_UNKNOWN)
    count = listpack_count(pack)
    if count < COUNT_UNKNOWN:
        store16(pack + 4, <uint16_t>count)


cdef void stream_set_last_id(heap_t* heap, stream_t* stream, id_t id) noexcept nogil:
    cdef stream_node_t* tail = <stream_node_t*>idlist_last(&stream.nodes)
    cdef id_place_t place
    while tail is not NULL and id_less(id, last_of_node(tail)):
        if pack_number(tail.pack + LISTPACK_HEADER):
            cut_tombstones(heap, stream, tail)
            break
        place = id_place_t(stream.nodes.chunk_count, 0)
        idlist_step_back(&stream.nodes, &place)
        remove_node(heap, stream, &place)
        tail = <stream_node_t*>idlist_last(&stream.nodes)
    stream.last_id = id


cdef void stream_find_first(stream_t* stream) noexcept nogil:
    cdef cursor_t cursor
    cursor_open(&cursor, stream, id_t(0, 0), id_max(), False)
    stream.first_id = cursor.id if cursor_next(&cursor) else id_t(0, 0)


# -- counting -------------------------------------------------------------------------------------

cdef bint stream_has_tombstones(const stream_t* stream, id_t start) noexcept nogil:
    return stream.length != 0 and not id_is_zero(stream.max_deleted) \
        and not id_less(stream.max_deleted, start)


cdef int64_t stream_distance(const stream_t* stream, id_t id) noexcept nogil:
    if stream.entries_added == 0:
        return 0
    if stream.length == 0 and not id_less(stream.last_id, id):
        return <int64_t>stream.entries_added
    if not id_is_zero(id) and id_less(id, stream.max_deleted):
        return ENTRIES_READ_UNKNOWN
    if id_equal(id, stream.last_id):
        return <int64_t>stream.entries_added
    if id_less(stream.last_id, id):
        return ENTRIES_READ_UNKNOWN
    if id_is_zero(stream.max_deleted) or id_less(stream.max_deleted, stream.first_id):
        if id_less(id, stream.first_id):
            return <int64_t>(stream.entries_added - stream.length)
        if id_equal(id, stream.first_id):
            return <int64_t>(stream.entries_added - stream.length) + 1
    return ENTRIES_READ_UNKNOWN


# -- other floors ---------------------------------------------------------------------------------

cdef bint stream_take_node(heap_t* heap, stream_t* stream, id_t id, uint8_t* pack) noexcept nogil:
    cdef bint found
    cdef stream_node_t* node = <stream_node_t*>idlist_last(&stream.nodes)
    if node is not NULL:
        if not id_less(last_of_node(node), id):
            return False                # T4
        fit(heap, stream, node)
    node = <stream_node_t*>idlist_insert(heap, &stream.nodes, id, &found)
    node.pack = pack
    stream.tail_max = listpack_size(pack)
    return True
