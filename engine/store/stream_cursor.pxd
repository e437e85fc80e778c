"""Reading a stream: cursors over its entries. stream.pxd has the terms.

A cursor goes from one ID to another, forwards or back, and stops at each live entry, whose fields
can then be read one after the other. It dies at the next change of the stream.
"""
from libc.stdint cimport int64_t, uint8_t, uint64_t

from ..core.idlist cimport id_place_t, id_t
from ..core.types cimport slice_t
from .stream cimport STREAM_SAME_FIELDS, hint_t, stream_node_t, stream_t
from .stream_pack cimport pack_skip, pack_take

cdef struct cursor_t:
    const stream_t* stream
    id_place_t place
    const stream_node_t* node
    const uint8_t* at                   # the entry to be looked at next, or what is behind it when
                                        # the walk is backwards; NULL: the node begins
    const uint8_t* fields               # the node's
    int64_t field_count
    id_t start
    id_t end
    bint backwards
    # The entry that was found
    id_t id
    const uint8_t* entry                # its flags
    int64_t count                       # fields
    int64_t left                        # of which are not read yet
    const uint8_t* field                # next of the node's, or NULL: they stand before the values
    const uint8_t* value

cdef void cursor_open(cursor_t* cursor, const stream_t* stream, id_t start, id_t end,
                      bint backwards) noexcept nogil
# Forwards from what is behind `after`, to the end; uses the hint when it is about `after`.
cdef void cursor_open_behind(cursor_t* cursor, const stream_t* stream, id_t after,
                             const hint_t* hint) noexcept nogil
# The next entry; False when there is none. The fields of the one before need not have been read.
cdef bint cursor_next(cursor_t* cursor) noexcept nogil
# The next field and value of the entry; both scratches have STREAM_SCRATCH bytes. To be called
# cursor.count times at most.
cdef void cursor_field(cursor_t* cursor, slice_t* field, slice_t* value, char* field_scratch,
                       char* value_scratch) noexcept nogil
# What cursor_open_behind can use later; all fields of the entry have been read.
cdef void cursor_hint(const cursor_t* cursor, hint_t* hint) noexcept nogil

cdef bint stream_has(const stream_t* stream, id_t id) noexcept nogil
# The last entry's ID, which may be below last_id; 0-0 when there is none.
cdef id_t stream_last_entry(const stream_t* stream) noexcept nogil

# -- for the rooms of streams ---------------------------------------------------------------------

cdef inline const uint8_t* cursor_enter(cursor_t* cursor, const uint8_t* at,
                                        int64_t* flags) noexcept nogil:
    """Take the entry's head; returns where its values, or fields and values, begin."""
    cursor.entry = at
    flags[0] = pack_take(&at)
    cursor.id.ms = cursor.node.id.ms + <uint64_t>pack_take(&at)
    cursor.id.seq = cursor.node.id.seq + <uint64_t>pack_take(&at)
    if flags[0] & STREAM_SAME_FIELDS:
        cursor.count = cursor.field_count
        cursor.field = cursor.fields
    else:
        cursor.count = pack_take(&at)
        cursor.field = NULL
    return at


cdef inline const uint8_t* cursor_behind(const cursor_t* cursor) noexcept nogil:
    """Behind the entry, its unread values included."""
    cdef int64_t elements = cursor.left if cursor.field is not NULL else 2 * cursor.left
    return pack_skip(cursor.value, elements + 1)
