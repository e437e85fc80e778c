"""Values as the commands that make them: the base of the journal where it is no RDB file."""
from libc.stdint cimport int64_t

from ..core.buf cimport buf_t
from ..core.types cimport slice_t
from ..store.entry cimport entry_t

cdef enum:
    TEXT_ITEMS_MAX = 64                 # of one command: what reads it again is not held up

# Commands that make the key, its value and its deadline.
cdef void text_write_entry(buf_t* out, const entry_t* entry) noexcept nogil
# "*3\r\n$6\r\nSELECT..." is text_start(out, 2, "SELECT"), then one text_put or text_put_int an
# argument.
cdef void text_start(buf_t* out, int argc, const char* name) noexcept nogil
cdef void text_put(buf_t* out, slice_t arg) noexcept nogil
cdef void text_put_int(buf_t* out, int64_t arg) noexcept nogil
