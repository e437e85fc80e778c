"""Commands as the journal spells them: the words of a base that is no RDB file."""
from libc.stdint cimport int64_t

from ..core.buf cimport buf_t
from ..core.types cimport slice_t

# "*3\r\n$6\r\nSELECT..." is text_start(out, 2, "SELECT"), then one text_put or text_put_int an
# argument.
cdef void text_start(buf_t* out, int argc, const char* name) noexcept nogil
cdef void text_put(buf_t* out, slice_t arg) noexcept nogil
cdef void text_put_int(buf_t* out, int64_t arg) noexcept nogil
