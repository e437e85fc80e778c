"""Growable byte buffer: the query buffer, the reply buffer, the AOF buffer.

Terms
    data      first byte; owned by the buffer; NULL while size_max is 0
    size      bytes in use
    size_max  bytes allocated

A buf_t is embedded by value in its owner and lives as long as the owner.
A pointer into data dies at the next call that may grow the buffer.
Out of memory aborts: there is no error to return. Whoever lets a client decide how much is
appended checks a limit first.
"""
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from .heap cimport heap_t
from .intrinsics cimport unlikely
from .types cimport slice_t

cdef struct buf_t:
    char* data
    size_t size
    size_t size_max
    heap_t* heap                        # borrowed: where data comes from

cdef void buf_init(buf_t* buf, heap_t* heap) noexcept nogil
cdef void buf_free(buf_t* buf) noexcept nogil
# Make room for `more` bytes behind size.
cdef void buf_reserve(buf_t* buf, size_t more) noexcept nogil
cdef void buf_consume(buf_t* buf, size_t size) noexcept nogil
# Give back the room behind size; an empty buffer gives back everything.
cdef void buf_shrink(buf_t* buf) noexcept nogil
# "*12\r\n", "$5\r\n", ":-1\r\n": a kind, a number in decimal, CRLF
cdef void buf_append_header(buf_t* buf, char kind, int64_t n) noexcept nogil
# "$5\r\nhello\r\n"
cdef void buf_append_bulk(buf_t* buf, slice_t bytes) noexcept nogil

cdef inline void buf_append(buf_t* buf, const char* data, size_t size) noexcept nogil:
    if unlikely(buf.size_max - buf.size < size):
        buf_reserve(buf, size)
    memcpy(buf.data + buf.size, data, size)
    buf.size += size
