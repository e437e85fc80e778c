"""Growable byte buffer.

Doubling growth from 1 KiB, so n appends copy at most 2n bytes. From 1 MiB on it grows by a
quarter, or to what is asked: such blocks are mapped alone and move without a copy, and half of a
large buffer is much to leave empty. buf_consume slides the tail
down with one memmove: callers batch it (once per event loop turn, not once per command).
"""
from libc.string cimport memcpy, memmove

from .heap cimport heap_block_size, heap_free, heap_realloc
from .intrinsics cimport kvd_assert, likely

cdef enum:
    SIZE_FIRST = 1024
    DOUBLING_MAX = 1048576
    HEADER_MAX = 24                     # kind, sign, 20 digits and CRLF, rounded up


cdef void buf_init(buf_t* buf, heap_t* heap) noexcept nogil:
    buf.data = NULL
    buf.size = 0
    buf.size_max = 0
    buf.heap = heap


cdef void buf_free(buf_t* buf) noexcept nogil:
    heap_free(buf.heap, buf.data, buf.size_max)
    buf_init(buf, buf.heap)


cdef void buf_reserve(buf_t* buf, size_t more) noexcept nogil:
    cdef size_t want = buf.size + more
    cdef size_t size_max = buf.size_max if buf.size_max else SIZE_FIRST
    kvd_assert(want >= more)
    if want <= buf.size_max:
        return
    while size_max < want and size_max < DOUBLING_MAX:
        size_max *= 2
    if size_max < want:
        size_max += size_max // 4
        size_max = want if size_max < want else size_max
    size_max = heap_block_size(size_max)
    buf.data = <char*>heap_realloc(buf.heap, buf.data, buf.size_max, size_max)
    buf.size_max = size_max


cdef void buf_append_header(buf_t* buf, char kind, int64_t n) noexcept nogil:
    cdef char line[HEADER_MAX]
    cdef size_t at = HEADER_MAX - 2
    cdef uint64_t rest = <uint64_t>n if n >= 0 else 0 - <uint64_t>n
    if likely(0 <= n < 10):
        line[0] = kind
        line[1] = <char>(c'0' + n)
        line[2] = c'\r'
        line[3] = c'\n'
        buf_append(buf, line, 4)
        return
    line[HEADER_MAX - 2] = c'\r'
    line[HEADER_MAX - 1] = c'\n'
    while True:
        at -= 1
        line[at] = <char>(c'0' + rest % 10)
        rest //= 10
        if rest == 0:
            break
    if n < 0:
        at -= 1
        line[at] = c'-'
    at -= 1
    line[at] = kind
    buf_append(buf, &line[at], HEADER_MAX - at)


cdef void buf_append_bulk(buf_t* buf, slice_t bytes) noexcept nogil:
    if buf.size_max - buf.size < bytes.size + HEADER_MAX + 2:
        buf_reserve(buf, bytes.size + HEADER_MAX + 2)
    buf_append_header(buf, c'$', <int64_t>bytes.size)
    memcpy(buf.data + buf.size, bytes.data, bytes.size)
    buf.data[buf.size + bytes.size] = c'\r'
    buf.data[buf.size + bytes.size + 1] = c'\n'
    buf.size += bytes.size + 2


cdef void buf_consume(buf_t* buf, size_t size) noexcept nogil:
    kvd_assert(size <= buf.size)
    if size == 0:
        return
    memmove(buf.data, buf.data + size, buf.size - size)
    buf.size -= size


cdef void buf_shrink(buf_t* buf) noexcept nogil:
    cdef size_t size_max = heap_block_size(buf.size)
    if buf.size == 0:
        buf_free(buf)
    elif size_max < buf.size_max:
        buf.data = <char*>heap_realloc(buf.heap, buf.data, buf.size_max, size_max)
        buf.size_max = size_max
