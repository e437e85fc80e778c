"""Directives of what is not here; see config.pxd for the terms."""
from .config cimport directive_t

cdef int absent_count() noexcept
cdef const directive_t* absent_at(int index) noexcept
