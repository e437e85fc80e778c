"""The Lua virtual machine, borrowed: LuaJIT's C interface as a table of functions.

Terms
    state     lua_State*: a virtual machine, or one of its coroutines; owned by who made it
    stack     what passes between C and Lua: indexes count from the frame's bottom (1) or top (-1)
    raise     leave by an error; the C frames between here and the protected call are unwound, so a
              function that may raise owns nothing at that moment that only it could free

The library is the one that the lupa package ships; see lua.pyx for why, and how it is found.
`lua` is filled once, by lua_open(), and constant after it. Functions that may raise are marked R:
they are called inside a protected call only.
"""
from libc.stddef cimport size_t

cdef extern from *:
    """
    #ifndef KVD_LUA_STATE
    #define KVD_LUA_STATE
    typedef struct lua_State lua_State;
    #endif
    """
    ctypedef struct lua_State:
        pass

ctypedef int (*lua_fn)(lua_State* L) noexcept nogil
ctypedef void* (*lua_alloc_fn)(void* owner, void* block, size_t size_old,
                               size_t size) noexcept nogil

cdef struct lua_Debug:
    int event
    const char* name
    const char* namewhat
    const char* what
    const char* source
    int currentline
    int nups
    int linedefined
    int lastlinedefined
    char short_src[60]
    int i_ci

ctypedef void (*lua_hook_fn)(lua_State* L, lua_Debug* at) noexcept nogil

cdef enum:
    LUA_OK = 0
    LUA_ERRRUN = 2
    LUA_ERRSYNTAX = 3
    LUA_ERRMEM = 4
    LUA_ERRERR = 5

    LUA_TNONE = -1
    LUA_TNIL = 0
    LUA_TBOOLEAN = 1
    LUA_TLIGHTUSERDATA = 2
    LUA_TNUMBER = 3
    LUA_TSTRING = 4
    LUA_TTABLE = 5
    LUA_TFUNCTION = 6
    LUA_TUSERDATA = 7

    LUA_MULTRET = -1
    LUA_REGISTRYINDEX = -10000
    LUA_GLOBALSINDEX = -10002           # upvalue n of a C function: this minus n
    LUA_MASKCOUNT = 8
    LUA_GCCOLLECT = 2
    LUA_GCCOUNT = 3
    LUA_GCSTEP = 5

cdef struct lua_api_t:
    # The machine
    lua_State* (*newstate)(lua_alloc_fn alloc, void* owner) noexcept nogil      # NULL: no memory
    void (*close)(lua_State* L) noexcept nogil
    lua_alloc_fn (*getallocf)(lua_State* L, void** owner) noexcept nogil
    int (*gc)(lua_State* L, int what, int data) noexcept nogil                  # R
    int (*sethook)(lua_State* L, lua_hook_fn hook, int mask, int count) noexcept nogil
    int (*getstack)(lua_State* L, int level, lua_Debug* at) noexcept nogil
    int (*getinfo)(lua_State* L, const char* what, lua_Debug* at) noexcept nogil
    int (*setmode)(lua_State* L, int index, int mode) noexcept nogil            # luaJIT_setmode
    # The stack
    int (*gettop)(lua_State* L) noexcept nogil
    void (*settop)(lua_State* L, int index) noexcept nogil
    void (*pushvalue)(lua_State* L, int index) noexcept nogil
    void (*insert)(lua_State* L, int index) noexcept nogil
    void (*remove)(lua_State* L, int index) noexcept nogil
    void (*replace)(lua_State* L, int index) noexcept nogil
    int (*checkstack)(lua_State* L, int more) noexcept nogil                    # 0: no room
    # Looking
    int (*type)(lua_State* L, int index) noexcept nogil
    const char* (*typename)(lua_State* L, int type) noexcept nogil
    int (*isnumber)(lua_State* L, int index) noexcept nogil
    int (*isstring)(lua_State* L, int index) noexcept nogil                     # numbers too
    int (*rawequal)(lua_State* L, int a, int b) noexcept nogil
    double (*tonumber)(lua_State* L, int index) noexcept nogil
    int (*toboolean)(lua_State* L, int index) noexcept nogil
    const char* (*tolstring)(lua_State* L, int index, size_t* size) noexcept nogil      # R
    void* (*touserdata)(lua_State* L, int index) noexcept nogil
    const void* (*topointer)(lua_State* L, int index) noexcept nogil
    size_t (*objlen)(lua_State* L, int index) noexcept nogil
    # Pushing
    void (*pushnil)(lua_State* L) noexcept nogil
    void (*pushnumber)(lua_State* L, double n) noexcept nogil
    void (*pushinteger)(lua_State* L, ssize_t n) noexcept nogil
    void (*pushboolean)(lua_State* L, int b) noexcept nogil
    void (*pushlstring)(lua_State* L, const char* data, size_t size) noexcept nogil     # R
    void (*pushstring)(lua_State* L, const char* text) noexcept nogil                   # R
    const char* (*pushfstring)(lua_State* L, const char* format, ...) noexcept nogil    # R
    void (*pushlightuserdata)(lua_State* L, void* p) noexcept nogil                     # R
    void (*pushcclosure)(lua_State* L, lua_fn fn, int upvalues) noexcept nogil          # R
    # Tables
    void (*createtable)(lua_State* L, int items, int fields) noexcept nogil     # R
    void (*rawget)(lua_State* L, int index) noexcept nogil
    void (*rawset)(lua_State* L, int index) noexcept nogil                      # R
    void (*rawgeti)(lua_State* L, int index, int n) noexcept nogil
    void (*rawseti)(lua_State* L, int index, int n) noexcept nogil              # R
    void (*getfield)(lua_State* L, int index, const char* name) noexcept nogil  # R
    void (*setfield)(lua_State* L, int index, const char* name) noexcept nogil  # R
    int (*next)(lua_State* L, int index) noexcept nogil                         # R
    int (*getmetatable)(lua_State* L, int index) noexcept nogil
    int (*setmetatable)(lua_State* L, int index) noexcept nogil                 # R
    void* (*newuserdata)(lua_State* L, size_t size) noexcept nogil              # R
    int (*ref)(lua_State* L, int index) noexcept nogil                          # R
    void (*unref)(lua_State* L, int index, int ref) noexcept nogil              # R
    # Running
    int (*loadbufferx)(lua_State* L, const char* data, size_t size, const char* name,
                       const char* mode) noexcept nogil
    void (*call)(lua_State* L, int arguments, int results) noexcept nogil       # R
    int (*pcall)(lua_State* L, int arguments, int results, int handler) noexcept nogil
    int (*cpcall)(lua_State* L, lua_fn fn, void* argument) noexcept nogil
    int (*throw)(lua_State* L) noexcept nogil                                   # R: raises
    int (*concat)(lua_State* L, int count) noexcept nogil                       # R
    # The auxiliary library
    int (*fail)(lua_State* L, const char* format, ...) noexcept nogil          # R: luaL_error
    int (*argerror)(lua_State* L, int argument, const char* why) noexcept nogil # R
    double (*checknumber)(lua_State* L, int argument) noexcept nogil            # R
    ssize_t (*checkinteger)(lua_State* L, int argument) noexcept nogil          # R
    ssize_t (*optinteger)(lua_State* L, int argument, ssize_t value) noexcept nogil     # R
    const char* (*checklstring)(lua_State* L, int argument, size_t* size) noexcept nogil  # R
    void (*checktype)(lua_State* L, int argument, int type) noexcept nogil      # R
    void (*checkany)(lua_State* L, int argument) noexcept nogil                 # R
    void (*growstack)(lua_State* L, int more, const char* what) noexcept nogil  # R: luaL_checkstack
    # The libraries that scripts may have
    lua_fn open_base
    lua_fn open_string
    lua_fn open_table
    lua_fn open_math
    lua_fn open_os
    lua_fn open_bit

cdef lua_api_t lua

# Find the library and fill `lua`. False, for ever, when there is none: then no script runs.
cdef bint lua_open() except -1
# Why there is none; empty when there is one.
cdef str lua_trouble()

cdef inline void lua_pop(lua_State* L, int count) noexcept nogil:
    lua.settop(L, -count - 1)

cdef inline int lua_upvalue(int n) noexcept nogil:
    return LUA_GLOBALSINDEX - n

# "user_script:12: " of the function that called the C function which runs now, and raise.
cdef inline void lua_argcheck(lua_State* L, bint good, int argument,
                              const char* why) noexcept nogil:
    if not good:
        lua.argerror(L, argument, why)
