"""Libraries of functions: made from their code, kept, found.

Terms
    library   a piece of Lua code that registers functions when it runs once
    load      compile the code and run it; afterwards the library is there, or nothing has changed

A library and its functions live until they are replaced, deleted or flushed.
"""
from ..core.types cimport slice_t
from ..wire.command cimport client_t
from .script_state cimport function_t, library_t, scripting_t
from .state cimport server_t

# Load code; an error is replied, as FUNCTION RESTORE words it or as LOAD does. The name of the new
# library is in *name.
cdef bint library_load_or_reply(client_t* c, slice_t code, bint replace, bint restoring,
                                slice_t* name) noexcept nogil
cdef library_t* library_find(scripting_t* s, slice_t name) noexcept nogil
# By name in any letter case.
cdef function_t* function_find(scripting_t* s, slice_t name) noexcept nogil
cdef void library_delete(scripting_t* s, library_t* library) noexcept nogil
# Every library; the machine starts anew.
cdef void libraries_flush(server_t* srv) noexcept nogil
# All libraries, sorted by name, to `out` with room for s.libraries.count of them.
cdef void libraries_sorted(scripting_t* s, library_t** out) noexcept nogil
# The cache and what it stands in, made on first use.
cdef scripting_t* libraries_of(server_t* srv) noexcept nogil
