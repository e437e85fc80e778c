"""Between Lua values and RESP, both ways."""
from ..core.lua cimport lua_State
from ..core.types cimport slice_t
from ..wire.command cimport client_t

# Reply to `c` with the value on top of the stack, as a script that speaks RESP `resp` means it.
cdef void script_reply(lua_State* L, client_t* c, int resp) noexcept nogil
# Push one complete reply as a Lua value. Returns what lies behind it.
cdef const char* script_push_reply(lua_State* L, const char* at) noexcept nogil
# Push {err = text}, cleaned of line ends; `counted` marks it as one that statistics know already.
cdef void script_push_error(lua_State* L, slice_t text, bint counted) noexcept nogil
