"""Nodes of streams that come from outside.

A node is believed when its entries, read one after the other as stream_cursor reads them, ascend,
count what its head says, and say of themselves how long they are.
"""
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t

from ..core.idlist cimport id_equal, id_less
from ..core.listpack cimport LISTPACK_END, LISTPACK_HEADER, listpack_int
from .stream cimport STREAM_DELETED, STREAM_ENTRY_MAX, STREAM_SAME_FIELDS
from .stream_pack cimport pack_behind, pack_number, pack_take


cdef inline bint is_number(const uint8_t* at, int64_t least, int64_t most) noexcept nogil:
    cdef int64_t number
    return at[0] != LISTPACK_END and listpack_int(at, &number) and least <= number <= most


cdef bint pass_some(const uint8_t** at, int64_t count) noexcept nogil:
    """On by `count` elements; False when the pack ends before."""
    while count > 0:
        if at[0][0] == LISTPACK_END:
            return False
        at[0] = pack_behind(at[0])
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
    flags = pack_number(at[0])
    # A number that small can be spelt in more bytes; then marking it would spoil the pack.
    if at[0][0] >= 128:
        return False
    deleted[0] = flags & STREAM_DELETED != 0
    at[0] = pack_behind(at[0])
    if not is_number(at[0], INT64_MIN, INT64_MAX):
        return False
    id.ms = node.ms + <uint64_t>pack_take(at)
    if not is_number(at[0], INT64_MIN, INT64_MAX):
        return False
    id.seq = node.seq + <uint64_t>pack_take(at)
    if not flags & STREAM_SAME_FIELDS:
        if not is_number(at[0], 0, STREAM_ENTRY_MAX):
            return False
        values = 2 * pack_number(at[0])
        elements = 4 + values
        at[0] = pack_behind(at[0])
    if not pass_some(at, values) or not is_number(at[0], elements, elements):
        return False
    at[0] = pack_behind(at[0])
    return True


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
    said_live = pack_take(&at)
    if not is_number(at, 0, STREAM_ENTRY_MAX):
        return False
    said_deleted = pack_take(&at)
    if not is_number(at, 0, STREAM_ENTRY_MAX):
        return False
    fields = pack_take(&at)
    if not pass_some(&at, fields) or not is_number(at, 0, 0):
        return False
    at = pack_behind(at)
    while at[0] != LISTPACK_END:
        if not entry_valid(&at, node, fields, &deleted, &id) or id_less(id, before) \
                or (entries and id_equal(id, before)):
            return False
        before = id
        entries += 1
        tombstones += 1 if deleted else 0
    live[0] = <uint64_t>(entries - tombstones)
    return entries > 0 and said_live == entries - tombstones and said_deleted == tombstones
