"""redis.call and redis.pcall."""
from ..core.lua cimport lua_State

cdef int script_call(lua_State* L) noexcept nogil
cdef int script_pcall(lua_State* L) noexcept nogil
# Arguments of the Lua function that runs as s.argv. False: one is neither string nor number.
cdef bint script_arguments(lua_State* L) noexcept nogil
