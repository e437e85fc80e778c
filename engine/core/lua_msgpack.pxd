"""cmsgpack for scripts: MessagePack from Lua values and back."""
from .lua cimport lua_State

# Push the library: a table of functions.
cdef int lua_msgpack_open(lua_State* L) noexcept nogil
