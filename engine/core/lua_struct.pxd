"""struct for scripts: values in and out of bytes, by a format."""
from .lua cimport lua_State

# Push the library: a table of functions.
cdef int lua_struct_open(lua_State* L) noexcept nogil
