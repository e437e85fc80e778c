"""The Lua virtual machine, borrowed.

Wheels of the lupa package exist for every platform that we care for. They carry LuaJIT 2.1 inside
an extension module and export its C interface for such use. We open that module as a plain shared
library and take the addresses of the functions: neither lupa's Python layer nor the GIL is on the
way of a script. Linking LuaJIT ourselves would give up wheels without a compiler; stock Lua 5.1 is
slower, and crashes on inputs that LuaJIT survives.

The flags keep the library to itself: RTLD_LOCAL hides its names from others, RTLD_DEEPBIND lets it
find its own lua_* before those of another Lua that the process may hold. Sanitizers refuse the
latter; their builds go without.

Errors travel through our frames by the unwinder, for which the compiler writes tables on every
platform that we build for. A frame that they pass holds no lock and no memory of its own.

Invariants
    V1  `lua` is filled wholly or not at all
Source: lua.org/manual/5.1 section 3; luajit.org/ext_c_api.html.
"""
from libc.stdint cimport uintptr_t
from libc.string cimport memset

from .intrinsics cimport KVD_PLAIN_MALLOC

import importlib.util
import pathlib

cdef extern from "<dlfcn.h>" nogil:
    void* dlopen(const char* path, int flags)
    void* dlsym(void* library, const char* name)
    const char* dlerror()
    int RTLD_NOW, RTLD_LOCAL

cdef extern from *:
    """
    #ifndef RTLD_DEEPBIND
    #define RTLD_DEEPBIND 0
    #endif
    """
    int RTLD_DEEPBIND

LIBRARY = "luajit21"
# In the order of lua_api_t's fields.
NAMES = (
    "lua_newstate", "lua_close", "lua_getallocf", "lua_gc", "lua_sethook", "lua_getstack",
    "lua_getinfo", "luaJIT_setmode",
    "lua_gettop", "lua_settop", "lua_pushvalue", "lua_insert", "lua_remove", "lua_replace",
    "lua_checkstack",
    "lua_type", "lua_typename", "lua_isnumber", "lua_isstring", "lua_rawequal", "lua_tonumber",
    "lua_toboolean", "lua_tolstring", "lua_touserdata", "lua_topointer", "lua_objlen",
    "lua_pushnil", "lua_pushnumber", "lua_pushinteger", "lua_pushboolean", "lua_pushlstring",
    "lua_pushstring", "lua_pushfstring", "lua_pushlightuserdata", "lua_pushcclosure",
    "lua_createtable", "lua_rawget", "lua_rawset", "lua_rawgeti", "lua_rawseti", "lua_getfield",
    "lua_setfield", "lua_next", "lua_getmetatable", "lua_setmetatable", "lua_newuserdata",
    "luaL_ref", "luaL_unref",
    "luaL_loadbufferx", "lua_call", "lua_pcall", "lua_cpcall", "lua_error", "lua_concat",
    "luaL_error", "luaL_argerror", "luaL_checknumber", "luaL_checkinteger", "luaL_optinteger",
    "luaL_checklstring", "luaL_checktype", "luaL_checkany", "luaL_checkstack",
    "luaopen_base", "luaopen_string", "luaopen_table", "luaopen_math", "luaopen_os",
    "luaopen_bit",
)

memset(&lua, 0, sizeof(lua))
cdef str trouble = "not opened yet"


cdef str find_library():
    """The path of the shared library; ImportError when lupa is not installed."""
    spec = importlib.util.find_spec("lupa")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for path in sorted(pathlib.Path(folder).glob(LIBRARY + ".*")):
            if path.suffix in (".so", ".dylib"):
                return str(path)
    raise ImportError(f"the lupa package with {LIBRARY} is not installed")


cdef bint lua_open() except -1:
    global trouble
    cdef void* library
    cdef void* address
    cdef void** field = <void**>&lua
    cdef list found = []
    if field[0] is not NULL:
        return True
    if len(NAMES) * sizeof(void*) != sizeof(lua_api_t):
        raise ValueError("a name of the Lua interface is missing, or one is too many")
    try:
        path = find_library().encode()
    except ImportError as error:
        trouble = str(error)
        return False
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL | (0 if KVD_PLAIN_MALLOC else RTLD_DEEPBIND))
    if library is NULL:
        trouble = dlerror().decode(errors="replace")
        return False
    for name in NAMES:
        address = dlsym(library, name.encode())
        if address is NULL:
            trouble = f"{path.decode()} has no {name}"
            return False
        found.append(<uintptr_t>address)
    for i, place in enumerate(found):   # V1
        field[i] = <void*><uintptr_t>place
    trouble = ""
    return True


cdef str lua_trouble():
    return trouble
