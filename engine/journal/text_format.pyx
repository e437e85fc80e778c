"""Commands as the journal spells them."""
from libc.string cimport strlen

from ..core.buf cimport buf_append_bulk, buf_append_header
from ..core.number cimport FORMAT_INT_MAX, format_int64


cdef void text_start(buf_t* out, int argc, const char* name) noexcept nogil:
    buf_append_header(out, c'*', argc)
    buf_append_bulk(out, slice_t(name, strlen(name)))


cdef void text_put(buf_t* out, slice_t arg) noexcept nogil:
    buf_append_bulk(out, arg)


cdef void text_put_int(buf_t* out, int64_t arg) noexcept nogil:
    cdef char text[FORMAT_INT_MAX]
    buf_append_bulk(out, slice_t(&text[0], <size_t>format_int64(text, arg)))
