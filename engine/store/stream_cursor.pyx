"""Reading a stream.

A node is read forwards from its first entry on, and backwards by `back`, the number of elements
that each entry ends with. The fields of an entry that has the node's are read where the node has
them.

Who reads a stream to its end reads on from where it was, so the place is remembered: a group, or
the stream for readers without one, keeps a hint, the byte behind the entry that it read last. A
stock server walks half a node for that each time.
"""
from libc.stdint cimport uint32_t
from libc.string cimport memset

from ..core.idlist cimport (
    id_equal, id_less, idlist_at, idlist_seek, idlist_step, idlist_step_back,
)
from ..core.intrinsics cimport kvd_assert
from ..core.listpack cimport (
    LISTPACK_END, LISTPACK_HEADER, listpack_get, listpack_prev, listpack_size,
)
from .stream cimport STREAM_DELETED, id_max, id_next
from .stream_pack cimport pack_behind, pack_number, pack_skip, pack_take


cdef stream_node_t* node_for(const stream_t* stream, id_t id, id_place_t* place) noexcept nogil:
    """The node that holds this ID if any does: the last one not above it, or the first."""
    cdef stream_node_t* node
    place[0] = idlist_seek(&stream.nodes, id)
    node = <stream_node_t*>idlist_at(&stream.nodes, place[0])
    if node is NULL or id_less(id, node.id):
        idlist_step_back(&stream.nodes, place)
    return <stream_node_t*>idlist_at(&stream.nodes, place[0])


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
    cdef const uint8_t* at = pack_behind(pack_behind(cursor.node.pack + LISTPACK_HEADER))
    cursor.field_count = pack_take(&at)
    cursor.fields = at
    if cursor.backwards:
        cursor.at = cursor.node.pack + listpack_size(cursor.node.pack) - 1
    else:
        cursor.at = pack_behind(pack_skip(at, cursor.field_count))


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
    hint.offset = <uint32_t>(pack_behind(cursor.value) - cursor.node.pack)
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


cdef bint next_forwards(cursor_t* cursor) noexcept nogil:
    cdef int64_t flags
    if cursor.value is not NULL:
        cursor.at = cursor_behind(cursor)
        cursor.value = NULL
    while cursor.node is not NULL:
        if cursor.at is NULL:
            open_node(cursor)
        while cursor.at[0] != LISTPACK_END:
            cursor.value = cursor_enter(cursor, cursor.at, &flags)
            cursor.left = cursor.count
            if not flags & STREAM_DELETED and not id_less(cursor.id, cursor.start):
                if id_less(cursor.end, cursor.id):
                    cursor.node = NULL
                    cursor.value = NULL
                    return False
                return True
            cursor.at = cursor_behind(cursor)
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
            count = pack_number(at)     # 0: the end of the node's fields
            if count == 0:
                break
            while count:
                at = listpack_prev(cursor.node.pack, at)
                count -= 1
            cursor.at = at
            cursor.value = cursor_enter(cursor, at, &flags)
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
        cursor.field = pack_behind(cursor.field)
    else:
        field[0] = listpack_get(cursor.value, field_scratch)
        cursor.value = pack_behind(cursor.value)
    value[0] = listpack_get(cursor.value, value_scratch)
    cursor.value = pack_behind(cursor.value)


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
