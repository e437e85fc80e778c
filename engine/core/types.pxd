"""Words every room shares.

Terms
    slice   borrowed bytes: a pointer and a size; never freed by whoever holds it
    _ms     milliseconds since the Unix epoch, or a span of milliseconds
    _us     microseconds of the monotonic clock, or a span of microseconds
    _max    an inclusive upper limit
"""
from libc.string cimport memcmp

cdef struct slice_t:
    const char* data
    size_t size

cdef inline int slice_compare(slice_t a, slice_t b) noexcept nogil:
    """Bytes as memcmp orders them; what ends first comes first. Below, at or above 0."""
    cdef size_t size = a.size if a.size < b.size else b.size
    cdef int order = memcmp(a.data, b.data, size) if size else 0    # it takes no NULL
    return order if order else (a.size > b.size) - (a.size < b.size)
