"""A long value written to a file in pieces.

Each type's room writes its elements until the buffer holds so much, and can go on where it stopped;
written at once, a value takes the same way with no bound. Bytes are the measure, since they follow
both from many elements and from large ones. A single element is never cut, a string is.

Small encodings (packs, intsets) are one text, and never long: their limits keep them small. A text
of more than LONG_BYTES that somebody's limits allow is written at once, as an element is.
"""
from ..core.buf cimport buf_append
from ..store.entry cimport (
    ENC_HASHTABLE, ENC_QUICKLIST, ENC_SKIPLIST, ENC_STREAM, ENTRY_BODY, TYPE_STRING, entry_body,
    entry_encoding, entry_string_size, entry_type, raw_t, type_t,
)
from ..store.value cimport value_effort, value_memory
from .rdb cimport rdb_write_start
from .rdb_format cimport rdb_put_length
from .rdb_walk cimport rdb_walk_start, rdb_walk_step
from .text cimport text_end_string, text_start_string, text_walk_start, text_walk_step

cdef enum:
    LONG_EFFORT = 4096                  # blocks: about a third of a millisecond
    LONG_BYTES = 1048576                # likewise
    SAMPLES = 1                         # elements that a size is guessed from


cdef bint pieces_wanted(const entry_t* entry) noexcept nogil:
    cdef type_t type = entry_type(entry)
    if not entry.flags & ENTRY_BODY:
        return False
    if type == TYPE_STRING:
        return entry_string_size(entry) > LONG_BYTES
    if entry_encoding(entry) not in (ENC_QUICKLIST, ENC_HASHTABLE, ENC_SKIPLIST, ENC_STREAM):
        return False
    return (value_effort(type, entry_encoding(entry), entry_body(entry)) > LONG_EFFORT
            or value_memory(type, entry_encoding(entry), entry_body(entry), SAMPLES)
            > LONG_BYTES)


cdef void pieces_start(pieces_t* pieces, buf_t* out, const store_t* store, const entry_t* entry,
                       bint as_rdb) noexcept nogil:
    cdef raw_t* raw
    pieces.entry = entry
    pieces.as_rdb = as_rdb
    if as_rdb:
        rdb_write_start(out, store, entry)
    if entry_type(entry) == TYPE_STRING:
        raw = <raw_t*>entry_body(entry)
        pieces.left = slice_t(&raw.data[0], raw.size)
        if as_rdb:
            rdb_put_length(out, raw.size)
        else:
            text_start_string(out, entry, raw.size)
    elif as_rdb:
        rdb_walk_start(&pieces.form.rdb, out, entry)
    else:
        text_walk_start(&pieces.form.text, entry)


cdef bint put_bytes(pieces_t* pieces, buf_t* out, size_t size_max) noexcept nogil:
    cdef size_t room = size_max - out.size if out.size < size_max else 0
    if room > pieces.left.size:
        room = pieces.left.size
    if room:
        buf_append(out, pieces.left.data, room)
        pieces.left.data += room
        pieces.left.size -= room
    if pieces.left.size:
        return True
    if not pieces.as_rdb:
        text_end_string(out, pieces.entry)
    return False


cdef bint pieces_step(pieces_t* pieces, buf_t* out, size_t size_max) noexcept nogil:
    if entry_type(pieces.entry) == TYPE_STRING:
        return put_bytes(pieces, out, size_max)
    if pieces.as_rdb:
        return rdb_walk_step(&pieces.form.rdb, out, size_max)
    return text_walk_step(&pieces.form.text, out, size_max)
