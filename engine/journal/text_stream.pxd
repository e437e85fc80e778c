"""Streams as the commands that make them: see text."""
from ..core.buf cimport buf_t
from ..store.entry cimport entry_t

cdef void text_write_stream(buf_t* out, const entry_t* entry) noexcept nogil
