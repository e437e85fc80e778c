"""cjson for scripts: JSON from Lua values and back."""
from .lua cimport lua_State

# Push the library: a table of functions, with a configuration of its own.
cdef int lua_json_open(lua_State* L) noexcept nogil
