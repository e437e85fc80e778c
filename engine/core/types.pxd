"""Words every room shares.

Terms
    slice   borrowed bytes: a pointer and a size; never freed by whoever holds it
    _ms     milliseconds since the Unix epoch, or a span of milliseconds
    _us     microseconds of the monotonic clock, or a span of microseconds
    _max    an inclusive upper limit
"""
cdef struct slice_t:
    const char* data
    size_t size
