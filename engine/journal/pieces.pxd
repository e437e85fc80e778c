"""A long value written to a file in pieces, as RDB or as RESP text.

Terms
    long      a value whose writing takes so much time that others would notice
    walk      over one value, from what stands before it in the file to its end

Between two pieces the value must not change; the entry may be read, and its access field written.
"""
from libc.stddef cimport size_t

from ..core.buf cimport buf_t
from ..core.types cimport slice_t
from ..store.entry cimport entry_t
from ..store.keyspace cimport store_t
from .rdb_walk cimport rdb_walk_t
from .text cimport text_walk_t

cdef union form_walk_t:                 # of an aggregate
    rdb_walk_t rdb
    text_walk_t text

cdef struct pieces_t:
    const entry_t* entry
    bint as_rdb                         # RDB, else RESP text
    slice_t left                        # of a string
    form_walk_t form

# It should be written in pieces.
cdef bint pieces_wanted(const entry_t* entry) noexcept nogil
# Of a long value.
cdef void pieces_start(pieces_t* pieces, buf_t* out, const store_t* store, const entry_t* entry,
                       bint as_rdb) noexcept nogil
# Append until there are `size_max` bytes in the buffer; true while more remain.
cdef bint pieces_step(pieces_t* pieces, buf_t* out, size_t size_max) noexcept nogil
