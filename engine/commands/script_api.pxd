"""redis.* and server.*: what scripts can ask of the server besides running commands."""
from ..core.lua cimport lua_State
from .script_state cimport scripting_t

# Push the table of functions and constants that scripts and functions share.
cdef void script_api_open(lua_State* L, scripting_t* s) noexcept nogil
# What only EVAL's scripts have, and what a library has while it is loaded: to the table on top.
cdef void script_api_add_eval(lua_State* L) noexcept nogil
cdef void script_api_add_constants(lua_State* L, scripting_t* s) noexcept nogil
