"""FUNCTION and FCALL: what other rooms need of them."""
from libc.stddef cimport size_t

from ..core.buf cimport buf_t
from ..core.types cimport slice_t
from ..wire.command cimport client_t
from .state cimport server_t

# Whether it is FCALL, of a function that promises not to write.
cdef bint fcall_promises_no_writes(client_t* c) noexcept nogil
# Forget all libraries.
cdef void functions_flush(server_t* srv) noexcept nogil
# Append all libraries to a base, as RDB or as commands; the store's write_libraries hook.
cdef void functions_write(void* owner, buf_t* out, bint as_rdb) noexcept nogil
# A library of a base: False, with the reason, when it cannot be loaded; the load_library hook.
cdef bint functions_load(void* owner, slice_t code, char* why, size_t why_max) noexcept nogil
