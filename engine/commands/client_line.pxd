"""The line that tells about a client, for CLIENT LIST and CLIENT INFO.

Terms
    flags text    the letters that say what a client is: "N", "xd", ...
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t

from ..core.buf cimport buf_t
from ..wire.command cimport client_t

cdef enum:
    FLAGS_TEXT_MAX = 16                 # bytes, with room

# With its line end.
cdef void client_describe(const client_t* c, int64_t mono_us, buf_t* out) noexcept nogil
# The letters, at most FLAGS_TEXT_MAX, no NUL; returns how many.
cdef size_t client_flags_text(const client_t* c, char* out) noexcept nogil
