"""The text of a script, made ready for the compiler."""
from libc.stddef cimport size_t

from .buf cimport buf_t

# Append the text to `out` without the backslashes that stock Lua 5.1 passes over.
cdef void lua_text_drop_escapes(const char* text, size_t size, buf_t* out) noexcept nogil

# Append the text to `out` such that what its last statement calls is called in place: see
# lua_text.pyx. Lines stay lines.
cdef void lua_text_keep_frames(const char* text, size_t size, buf_t* out) noexcept nogil
