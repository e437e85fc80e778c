"""Streams as the commands that make them: see text."""
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t

from ..core.buf cimport buf_t
from ..core.idlist cimport id_place_t
from ..core.types cimport slice_t
from ..store.entry cimport entry_t
from ..store.stream cimport stream_t
from ..store.stream_cursor cimport cursor_t

# What comes next.
cdef enum text_stream_part_t:
    TEXT_ENTRIES = 0                    # and behind them the stream's history
    TEXT_GROUP = 1                      # the next group, or the end
    TEXT_CONSUMER = 2                   # the next consumer, or the next group
    TEXT_PENDING = 3                    # what is pending for the consumer

cdef struct text_stream_walk_t:
    const stream_t* stream
    slice_t key                         # borrowed from the entry
    text_stream_part_t part
    cursor_t cursor
    uint32_t group
    uint32_t consumer
    id_place_t place                    # in what is pending

cdef void text_stream_start(text_stream_walk_t* walk, const entry_t* entry) noexcept nogil
# Until there are size_max bytes in the buffer; true while more remain.
cdef bint text_stream_step(text_stream_walk_t* walk, buf_t* out, size_t size_max) noexcept nogil
