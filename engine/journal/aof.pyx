"""Append only file.

aof_feed only appends to memory. The loop writes the buffer once per turn, before any reply of
that turn is sent, so a client never holds an answer that the file does not.
"""
from libc.string cimport memset

from ..core.buf cimport buf_append, buf_append_bulk, buf_append_header, buf_free, buf_init
from ..core.number cimport format_int64


cdef void aof_init(aof_t* aof, heap_t* heap) noexcept nogil:
    memset(aof, 0, sizeof(aof_t))
    buf_init(&aof.buf, heap)
    aof.fd = -1
    aof.db = -1


cdef void aof_free(aof_t* aof) noexcept nogil:
    buf_free(&aof.buf)


cdef void select(aof_t* aof, int db) noexcept nogil:
    cdef char text[24]
    if aof.db == db:
        return
    aof.db = db
    buf_append_header(&aof.buf, c'*', 2)
    buf_append_bulk(&aof.buf, slice_t(b"SELECT", 6))
    buf_append_bulk(&aof.buf, slice_t(&text[0], <size_t>format_int64(text, db)))


cdef void aof_feed(aof_t* aof, int db, int argc, const slice_t* argv) noexcept nogil:
    cdef int i
    select(aof, db)
    buf_append_header(&aof.buf, c'*', argc)
    for i in range(argc):
        buf_append_bulk(&aof.buf, argv[i])


cdef void aof_feed_raw(aof_t* aof, int db, slice_t commands) noexcept nogil:
    if commands.size:
        select(aof, db)
        buf_append(&aof.buf, commands.data, commands.size)


cdef aof_status_t aof_flush(aof_t* aof) noexcept nogil:
    aof.buf.size = 0
    return AOF_OK
