"""The cache of EVAL's scripts."""
from libc.stddef cimport size_t

from .state cimport server_t

# Forget every script; the machine starts anew with the next one.
cdef void scripts_flush(server_t* srv) noexcept nogil
