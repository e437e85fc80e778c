"""The cache of EVAL's scripts."""
from libc.stddef cimport size_t

from ..wire.command cimport client_t
from .state cimport server_t

# Whether it is EVAL or EVALSHA, of a script whose first line promises not to write.
cdef bint eval_promises_no_writes(client_t* c) noexcept nogil
# Forget every script; the machine starts anew with the next one.
cdef void scripts_flush(server_t* srv) noexcept nogil
