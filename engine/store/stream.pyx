"""The entries of a stream.

    nodes:  | id pack | id pack | ... | id pack |                         core/idlist, by ID
    pack:   live | tombstones | n | field * n | 0 | entry | entry | ...   a listpack
    entry:  flags | id.ms - node.ms | id.seq - node.seq | [n | field] value ... | back

`back` is the number of elements before it in the entry, so that a node can be read backwards. An
entry with the node's fields (they are those of its first one) stores values only. Every node but
the tail is exactly as large as its pack; the tail's block has room, and an entry is written into it
in one pass. When a node is full it gives its room back.

Who reads a stream to its end reads on from where it was, so the place is remembered: a group, or
the stream for readers without one, keeps a hint, the byte behind the entry that it read last. A
stock server walks half a node for that each time.

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
    id_equal, id_less, idlist_at, idlist_first, idlist_init, idlist_insert, idlist_last,
    idlist_remove_at, idlist_seek, idlist_step, idlist_step_back,
)
from ..core.intrinsics cimport kvd_assert, likely, load16, store16, store32
from ..core.listpack cimport (
    LISTPACK_EMPTY, LISTPACK_END, LISTPACK_HEADER, LISTPACK_OVERHEAD, listpack_cost_int,
    listpack_count, listpack_entry_size, listpack_equal, listpack_get, listpack_int, listpack_prev,
    listpack_size, listpack_write, listpack_write_int,
)

cdef enum:
    COUNT_UNKNOWN = 65535               # of a listpack's header


# -- elements of a pack ---------------------------------------------------------------------------

cdef inline int64_t number_at(const uint8_t* at) noexcept nogil:
    cdef int64_t number = 0
    if likely(at[0] < 128):
        return at[0]
    listpack_int(at, &number)
    return number


cdef inline const uint8_t* behind(const uint8_t* at) noexcept nogil:
    return at + listpack_entry_size(at)


cdef inline int64_t take_number(const uint8_t** at) noexcept nogil:
    cdef int64_t number
    if likely(at[0][0] < 128):
        number = at[0][0]
        at[0] += 2
        return number
    number = number_at(at[0])
    at[0] = behind(at[0])
    return number


cdef inline const uint8_t* skip(const uint8_t* at, int64_t count) noexcept nogil:
    while count > 0:
        at = behind(at)
        count -= 1
    return at


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


cdef stream_node_t* node_for(const stream_t* stream, id_t id, id_place_t* place) noexcept nogil:
    """The node that holds this ID if any does: the last one not above it, or the first."""
    cdef stream_node_t* node
    place[0] = idlist_seek(&stream.nodes, id)
    node = <stream_node_t*>idlist_at(&stream.nodes, place[0])
    if node is NULL or id_less(id, node.id):
        idlist_step_back(&stream.nodes, place)
    return <stream_node_t*>idlist_at(&stream.nodes, place[0])


# -- life -----------------------------------------------------------------------------------------

cdef stream_t* stream_create(heap_t* heap) noexcept nogil:
    cdef stream_t* stream = <stream_t*>heap_alloc(heap, sizeof(stream_t))
    memset(stream, 0, sizeof(stream_t))
    idlist_init(&stream.nodes, sizeof(stream_node_t))
    stream.shape = 1
    return stream


# -- appending ------------------------------------------------------------------------------------

cdef bint same_fields(const uint8_t* pack, int argc, const slice_t* argv) noexcept nogil:
    cdef const uint8_t* at = behind(behind(pack + LISTPACK_HEADER))
    cdef int i
    if take_number(&at) * 2 != argc:
        return False
    for i in range(0, argc, 2):
        if not listpack_equal(at, argv[i]):
            return False
        at = behind(at)
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
    entries = take_number(&at)
    return limits.entries and entries + number_at(at) >= limits.entries


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
    set_number(heap, stream, node, live, number_at(live) + 1)
    stream.length += 1
    stream.entries_added += 1
    stream.last_id = id
    if stream.length == 1:
        stream.first_id = id            # T2


# -- cursors --------------------------------------------------------------------------------------

cdef void cursor_open(cursor_t* cursor, const stream_t* stream, id_t start, id_t end,
                      bint backwards) noexcept nogil:
    memset(cursor, 0, sizeof(cursor_t))
    cursor.stream = stream
    cursor.start = start
    cursor.end = end
    cursor.backwards = backwards
    cursor.node = node_for(stream, end if backwards else start, &cursor.place)


cdef void open_node(cursor_t* cursor) noexcept nogil:
    """Read the node's own fields, and stand before its first entry, or behind its last."""
    cdef const uint8_t* at = behind(behind(cursor.node.pack + LISTPACK_HEADER))
    cursor.field_count = take_number(&at)
    cursor.fields = at
    if cursor.backwards:
        cursor.at = cursor.node.pack + listpack_size(cursor.node.pack) - 1
    else:
        cursor.at = behind(skip(at, cursor.field_count))


cdef void cursor_open_behind(cursor_t* cursor, const stream_t* stream, id_t after,
                             const hint_t* hint) noexcept nogil:
    cdef id_t start = after
    if not id_next(&start):
        cursor_open(cursor, stream, id_max(), id_max(), False)
        cursor.node = NULL              # nothing is behind the last of all IDs
        return
    cursor_open(cursor, stream, start, id_max(), False)
    if hint.offset and hint.shape == stream.shape and id_equal(hint.id, after):
        cursor.node = node_for(stream, after, &cursor.place)
        open_node(cursor)
        cursor.at = cursor.node.pack + hint.offset


cdef void cursor_hint(const cursor_t* cursor, hint_t* hint) noexcept nogil:
    hint.id = cursor.id
    hint.offset = <uint32_t>(behind(cursor.value) - cursor.node.pack)
    hint.shape = cursor.stream.shape


cdef bint step_node(cursor_t* cursor) noexcept nogil:
    cursor.at = NULL
    if cursor.backwards:
        if not idlist_step_back(&cursor.stream.nodes, &cursor.place):
            cursor.node = NULL
            return False
    else:
        idlist_step(&cursor.stream.nodes, &cursor.place)
    cursor.node = <const stream_node_t*>idlist_at(&cursor.stream.nodes, cursor.place)
    return cursor.node is not NULL


cdef inline const uint8_t* read_entry(cursor_t* cursor, const uint8_t* at,
                                      int64_t* flags) noexcept nogil:
    """Take the entry's head; returns where its values, or fields and values, begin."""
    cursor.entry = at
    flags[0] = take_number(&at)
    cursor.id.ms = cursor.node.id.ms + <uint64_t>take_number(&at)
    cursor.id.seq = cursor.node.id.seq + <uint64_t>take_number(&at)
    if flags[0] & STREAM_SAME_FIELDS:
        cursor.count = cursor.field_count
        cursor.field = cursor.fields
    else:
        cursor.count = take_number(&at)
        cursor.field = NULL
    return at


cdef inline const uint8_t* pass_values(const cursor_t* cursor) noexcept nogil:
    """Behind the entry, its unread values included."""
    return skip(cursor.value, (cursor.left if cursor.field is not NULL else 2 * cursor.left) + 1)


cdef bint next_forwards(cursor_t* cursor) noexcept nogil:
    cdef int64_t flags
    if cursor.value is not NULL:
        cursor.at = pass_values(cursor)
        cursor.value = NULL
    while cursor.node is not NULL:
        if cursor.at is NULL:
            open_node(cursor)
        while cursor.at[0] != LISTPACK_END:
            cursor.value = read_entry(cursor, cursor.at, &flags)
            cursor.left = cursor.count
            if not flags & STREAM_DELETED and not id_less(cursor.id, cursor.start):
                if id_less(cursor.end, cursor.id):
                    cursor.node = NULL
                    cursor.value = NULL
                    return False
                return True
            cursor.at = pass_values(cursor)
            cursor.value = NULL
        step_node(cursor)
    return False


cdef bint next_backwards(cursor_t* cursor) noexcept nogil:
    cdef const uint8_t* at
    cdef int64_t flags, count
    cursor.value = NULL
    while cursor.node is not NULL:
        if cursor.at is NULL:
            open_node(cursor)
        while True:
            at = listpack_prev(cursor.node.pack, cursor.at)
            count = number_at(at)       # 0: the end of the node's fields
            if count == 0:
                break
            while count:
                at = listpack_prev(cursor.node.pack, at)
                count -= 1
            cursor.at = at
            cursor.value = read_entry(cursor, at, &flags)
            cursor.left = cursor.count
            if not flags & STREAM_DELETED and not id_less(cursor.end, cursor.id):
                if id_less(cursor.id, cursor.start):
                    cursor.node = NULL
                    cursor.value = NULL
                    return False
                return True
        step_node(cursor)
    return False


cdef bint cursor_next(cursor_t* cursor) noexcept nogil:
    return next_backwards(cursor) if cursor.backwards else next_forwards(cursor)


cdef void cursor_field(cursor_t* cursor, slice_t* field, slice_t* value, char* field_scratch,
                       char* value_scratch) noexcept nogil:
    kvd_assert(cursor.left > 0)
    cursor.left -= 1
    if cursor.field is not NULL:
        field[0] = listpack_get(cursor.field, field_scratch)
        cursor.field = behind(cursor.field)
    else:
        field[0] = listpack_get(cursor.value, field_scratch)
        cursor.value = behind(cursor.value)
    value[0] = listpack_get(cursor.value, value_scratch)
    cursor.value = behind(cursor.value)


cdef bint stream_has(const stream_t* stream, id_t id) noexcept nogil:
    cdef cursor_t cursor
    if stream.length == 0 or id_less(id, stream.first_id) or id_less(stream.last_id, id):
        return False
    cursor_open(&cursor, stream, id, id, False)
    return cursor_next(&cursor)


cdef id_t stream_last_entry(const stream_t* stream) noexcept nogil:
    cdef cursor_t cursor
    cursor_open(&cursor, stream, id_t(0, 0), id_max(), True)
    return cursor.id if cursor_next(&cursor) else id_t(0, 0)


cdef void stream_find_first(stream_t* stream) noexcept nogil:
    cdef cursor_t cursor
    cursor_open(&cursor, stream, id_t(0, 0), id_max(), False)
    stream.first_id = cursor.id if cursor_next(&cursor) else id_t(0, 0)


# -- deleting -------------------------------------------------------------------------------------

cdef void count_tombstones(heap_t* heap, stream_t* stream, stream_node_t* node,
                           int64_t more) noexcept nogil:
    """That many live entries of the node became tombstones; some stay."""
    cdef const uint8_t* at = node.pack + LISTPACK_HEADER
    at = behind(set_number(heap, stream, node, at, number_at(at) - more))
    set_number(heap, stream, node, at, number_at(at) + more)


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
    if number_at(node.pack + LISTPACK_HEADER) == 1:
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
    count = number_at(at) - 1           # back to what follows the flags
    while count > 0:
        at = listpack_prev(node.pack, at)
        count -= 1
    id.ms += <uint64_t>take_number(&at)
    id.seq += <uint64_t>take_number(&at)
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
        live = <uint64_t>number_at(node.pack + LISTPACK_HEADER)
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
    cursor.at = pass_values(&cursor)
    size = <size_t>(cursor.at - tail.pack)
    while cursor.at[0] != LISTPACK_END:
        cursor.value = read_entry(&cursor, cursor.at, &flags)
        cursor.left = cursor.count
        cursor.at = pass_values(&cursor)
        cut += 1
    tail.pack[size] = LISTPACK_END
    store32(tail.pack, <uint32_t>size + 1)
    at = behind(tail.pack + LISTPACK_HEADER)
    set_number(heap, stream, tail, at, number_at(at) - cut)
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
        if number_at(tail.pack + LISTPACK_HEADER):
            cut_tombstones(heap, stream, tail)
            break
        place = id_place_t(stream.nodes.chunk_count, 0)
        idlist_step_back(&stream.nodes, &place)
        remove_node(heap, stream, &place)
        tail = <stream_node_t*>idlist_last(&stream.nodes)
    stream.last_id = id


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

cdef inline bint is_number(const uint8_t* at, int64_t least, int64_t most) noexcept nogil:
    cdef int64_t number
    return at[0] != LISTPACK_END and listpack_int(at, &number) and least <= number <= most


cdef bint pass_some(const uint8_t** at, int64_t count) noexcept nogil:
    """On by `count` elements; False when the pack ends before."""
    while count > 0:
        if at[0][0] == LISTPACK_END:
            return False
        at[0] = behind(at[0])
        count -= 1
    return True


cdef bint entry_valid(const uint8_t** at, id_t node, int64_t fields, bint* deleted,
                      id_t* id) noexcept nogil:
    """One entry of a node with so many fields; *at goes behind it."""
    cdef int64_t elements = 3 + fields
    cdef int64_t values = fields
    cdef int64_t flags
    if not is_number(at[0], 0, STREAM_DELETED | STREAM_SAME_FIELDS):
        return False
    flags = number_at(at[0])
    # A number that small can be spelt in more bytes; then marking it would spoil the pack.
    if at[0][0] >= 128:
        return False
    deleted[0] = flags & STREAM_DELETED != 0
    at[0] = behind(at[0])
    if not is_number(at[0], INT64_MIN_, INT64_MAX_):
        return False
    id.ms = node.ms + <uint64_t>take_number(at)
    if not is_number(at[0], INT64_MIN_, INT64_MAX_):
        return False
    id.seq = node.seq + <uint64_t>take_number(at)
    if not flags & STREAM_SAME_FIELDS:
        if not is_number(at[0], 0, STREAM_ENTRY_MAX):
            return False
        values = 2 * number_at(at[0])
        elements = 4 + values
        at[0] = behind(at[0])
    if not pass_some(at, values) or not is_number(at[0], elements, elements):
        return False
    at[0] = behind(at[0])
    return True


cdef extern from *:
    """
    #define KVD_INT64_MIN INT64_MIN
    #define KVD_INT64_MAX INT64_MAX
    """
    const int64_t INT64_MIN_ "KVD_INT64_MIN"
    const int64_t INT64_MAX_ "KVD_INT64_MAX"


cdef bint stream_node_valid(const uint8_t* pack, id_t node, uint64_t* live) noexcept nogil:
    cdef id_t id
    cdef id_t before = node
    cdef const uint8_t* at = pack + LISTPACK_HEADER
    cdef int64_t said_live, said_deleted, fields
    cdef int64_t entries = 0
    cdef int64_t tombstones = 0
    cdef bint deleted
    if not is_number(at, 0, STREAM_ENTRY_MAX):
        return False
    said_live = take_number(&at)
    if not is_number(at, 0, STREAM_ENTRY_MAX):
        return False
    said_deleted = take_number(&at)
    if not is_number(at, 0, STREAM_ENTRY_MAX):
        return False
    fields = take_number(&at)
    if not pass_some(&at, fields) or not is_number(at, 0, 0):
        return False
    at = behind(at)
    while at[0] != LISTPACK_END:
        if not entry_valid(&at, node, fields, &deleted, &id) or id_less(id, before) \
                or (entries and id_equal(id, before)):
            return False
        before = id
        entries += 1
        tombstones += 1 if deleted else 0
    live[0] = <uint64_t>(entries - tombstones)
    return entries > 0 and said_live == entries - tombstones and said_deleted == tombstones


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
