"""The machine that scripts run in.

LuaJIT has no read-only tables. So scripts never see a table of ours: they see guards, empty tables
whose metatable reads from ours and refuses to write. The few functions that look at a table past
its metatable (pairs, next, rawget, rawset, getmetatable, setmetatable, table.insert) know guards:
they show a copy, or refuse.

    script --> globals (guard) --reads--> real globals --reads, absent--> error
                                            redis (guard) --reads--> real redis
                                            string (guard) --reads--> real string

The libraries are rebuilt from lists of names, so that a newer LuaJIT adds nothing unseen. Absent on
purpose: io, os but clock, package, debug, ffi, jit, print, dofile, loadfile, require, getfenv,
setfenv, newproxy, and loading of bytecode, which could do anything to the process.

The compiler of LuaJIT stays off: compiled code never looks at the hook that stops an endless
script, and wants pages that can be written and executed.

Invariants
    G1  no value that a script can reach is a real table of ours; `guarded` has every guard
    G2  what Lua allocates is in vm.heap, at most size_max bytes of it
    G3  no object has a finalizer: nothing of Lua's runs when nobody called it
Source: drand48(3) for the sequence of math.random, which scripts of others expect.
"""
from libc.math cimport floor
from libc.stdint cimport INT32_MAX, int64_t
from libc.string cimport memset, strcmp, strlen

from .buf cimport buf_free, buf_init, buf_reserve
from .heap cimport heap_alloc_try, heap_free, heap_free_all, heap_init, heap_realloc
from .intrinsics cimport unlikely
from .lua cimport (
    LUA_GCCOLLECT, LUA_GCSTEP, LUA_GLOBALSINDEX, LUA_REGISTRYINDEX, LUA_TFUNCTION, LUA_TNIL,
    LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE, lua_argcheck, lua_pop, lua_upvalue,
)

cdef extern from *:
    """
    static const char KVD_BOOTSTRAP[] =
    "local ours, guarded = ...\\n"
    "local real, deny = {}, ours.deny\\n"
    "local function guard(t)\\n"
    "  local proxy = setmetatable({}, {__index = t, __newindex = deny})\\n"
    "  guarded[proxy] = t\\n"
    "  return proxy\\n"
    "end\\n"
    "local function pick(from, names, extra)\\n"
    "  local t = {}\\n"
    "  for name in names:gmatch('%S+') do t[name] = from[name] end\\n"
    "  for name, value in pairs(extra or {}) do t[name] = value end\\n"
    "  return t\\n"
    "end\\n"
    "local raw_pcall, tidy = pcall, ours.tidy\\n"
    "local base = pick(_G, 'assert error ipairs rawequal select tonumber tostring type unpack '\\n"
    "  .. 'xpcall _VERSION', ours)\\n"
    "base.deny, base.missing, base.tidy, base.insert, base.obsolete = nil\\n"
    "base.random, base.randomseed, base.foreach, base.foreachi = nil\\n"
    "base.pcall = function(...) return tidy(raw_pcall(...)) end\\n"
    "base.string = guard(pick(string, 'byte char dump find format gmatch gsub len lower match '\\n"
    "  .. 'rep reverse sub upper', {gfind = string.gmatch}))\\n"
    "base.table = guard(pick(table, 'concat foreach foreachi getn maxn remove sort',\\n"
    "  {insert = ours.insert, setn = ours.obsolete}))\\n"
    "base.math = guard(pick(math, 'abs acos asin atan atan2 ceil cos cosh deg exp floor fmod '\\n"
    "  .. 'frexp huge ldexp log log10 max min modf pi pow rad sin sinh sqrt tan tanh',\\n"
    "  {mod = math.fmod, random = ours.random, randomseed = ours.randomseed}))\\n"
    "base.os = guard({clock = os.clock})\\n"
    "local tobit, tohex = bit.tobit, bit.tohex\\n"
    "local function eight(n)\\n"
    "  n = type(n) == 'number' and tobit(n) or n\\n"
    "  return n == nil and 8 or type(n) ~= 'number' and n or n > 8 and 8 or n < -8 and -8 or n\\n"
    "end\\n"
    "base.bit = guard(pick(bit, 'arshift band bnot bor bswap bxor lshift rol ror rshift tobit',\\n"
    "  {tohex = function(x, n) return tohex(x, eight(n)) end}))\\n"
    "base.coroutine = guard(pick(coroutine, 'create resume running status wrap yield'))\\n"
    "guarded.string = guard({__index = base.string})\\n"
    "for name, value in pairs(base) do real[name] = value end\\n"
    "setmetatable(real, {__index = ours.missing})\\n"
    "real._G = guard(real)\\n"
    "guarded._G = guard({__index = ours.missing})\\n"
    "return real._G, real\\n";
    """
    const char[] KVD_BOOTSTRAP

cdef const char* GUARDED = b"kvd.guarded"
cdef const char* GLOBALS = b"kvd.globals"

cdef enum:
    GUARDS_AT = -10003                  # upvalue 1 of our functions: guard -> real table
    RAND48_FIRST = 0x1234ABCD330E
    TEXT_KEPT = 65536                   # bytes: a larger scratch buffer is not kept


# -- memory ---------------------------------------------------------------------------------------

cdef void* allocate(void* owner, void* block, size_t size_old, size_t size) noexcept nogil:
    """G2."""
    cdef vm_t* vm = <vm_t*>owner
    if size == 0:
        if block is not NULL:
            heap_free(&vm.heap, block, size_old)
        return NULL
    if block is NULL:
        if unlikely(vm.heap.used + size > vm.size_max):
            vm.refused += 1
            return NULL
        return heap_alloc_try(&vm.heap, size)
    if unlikely(size > size_old and vm.heap.used + size - size_old > vm.size_max):
        vm.refused += 1
        return NULL
    return heap_realloc(&vm.heap, block, size_old, size)


# -- guards ---------------------------------------------------------------------------------------

cdef int vm_deny(lua_State* L) noexcept nogil:
    lua.pushstring(L, b"Attempt to modify a readonly table")
    return lua.throw(L)


cdef int deny(lua_State* L) noexcept nogil:
    """An assignment to a guard: here the place is told."""
    return lua.fail(L, b"Attempt to modify a readonly table")


cdef int missing(lua_State* L) noexcept nogil:
    cdef const char* name = lua.tolstring(L, 2, NULL)
    return lua.fail(L, b"Script attempted to access nonexistent global variable '%s'",
                    name if name is not NULL else <const char*>b"?")


cdef bint push_real(lua_State* L, int index) noexcept nogil:
    """When the value at `index` is a guard, push the table behind it."""
    lua.pushvalue(L, index)
    lua.rawget(L, GUARDS_AT)
    if lua.type(L, -1) == LUA_TTABLE:
        return True
    lua_pop(L, 1)
    return False


cdef void push_copy(lua_State* L) noexcept nogil:
    """Replace the table on top by a copy of it."""
    lua.createtable(L, 0, 0)
    lua.pushnil(L)
    while lua.next(L, -3):
        lua.pushvalue(L, -2)
        lua.insert(L, -2)
        lua.rawset(L, -4)
    lua.remove(L, -2)


cdef int base_pairs(lua_State* L) noexcept nogil:
    """Upvalue 2: the interpreter's own `next`, which it takes a short way for."""
    lua.checktype(L, 1, LUA_TTABLE)
    lua.pushvalue(L, lua_upvalue(2))
    if push_real(L, 1):
        push_copy(L)                    # G1
    else:
        lua.pushvalue(L, 1)
    lua.pushnil(L)
    return 3


cdef int base_next(lua_State* L) noexcept nogil:
    lua.checktype(L, 1, LUA_TTABLE)
    lua.settop(L, 2)
    if push_real(L, 1):
        lua.replace(L, 1)
    if lua.next(L, 1):
        return 2
    lua.pushnil(L)
    return 1


cdef int base_rawget(lua_State* L) noexcept nogil:
    lua.checktype(L, 1, LUA_TTABLE)
    lua.checkany(L, 2)
    lua.settop(L, 2)
    if push_real(L, 1):
        lua.replace(L, 1)
    lua.rawget(L, 1)
    return 1


cdef int base_rawset(lua_State* L) noexcept nogil:
    lua.checktype(L, 1, LUA_TTABLE)
    lua.checkany(L, 2)
    lua.checkany(L, 3)
    lua.settop(L, 3)
    if push_real(L, 1):
        return vm_deny(L)
    if lua.type(L, 2) == LUA_TNIL:
        return lua.fail(L, b"table index is nil")
    if lua.type(L, 2) == LUA_TNUMBER and lua.tonumber(L, 2) != lua.tonumber(L, 2):
        return lua.fail(L, b"table index is NaN")
    lua.rawset(L, 1)
    return 1


cdef int base_getmetatable(lua_State* L) noexcept nogil:
    """Of a string: a guard, or a script could change what strings do for all scripts."""
    lua.checkany(L, 1)
    if lua.type(L, 1) == LUA_TSTRING:
        lua.pushstring(L, b"string")
        lua.rawget(L, GUARDS_AT)
        return 1
    if lua.type(L, 1) == LUA_TTABLE and push_real(L, 1):
        lua.pushstring(L, b"_G")
        lua.rawget(L, lua_upvalue(3))
        if lua.rawequal(L, -1, 1):      # the one guard whose real table has a metatable
            lua.pushstring(L, b"_G")
            lua.rawget(L, GUARDS_AT)
        else:
            lua.pushnil(L)
        return 1
    if not lua.getmetatable(L, 1):
        lua.pushnil(L)
        return 1
    lua.pushstring(L, b"__metatable")
    lua.rawget(L, -2)
    if lua.type(L, -1) == LUA_TNIL:
        lua_pop(L, 1)
    return 1


cdef int base_setmetatable(lua_State* L) noexcept nogil:
    cdef int type = lua.type(L, 2)
    lua.checktype(L, 1, LUA_TTABLE)
    if type != LUA_TNIL and type != LUA_TTABLE:
        return lua.argerror(L, 2, b"nil or table expected")
    if push_real(L, 1):
        return vm_deny(L)
    if lua.getmetatable(L, 1):
        lua.pushstring(L, b"__metatable")
        lua.rawget(L, -2)
        if lua.type(L, -1) != LUA_TNIL:
            return lua.fail(L, b"cannot change a protected metatable")
    lua.settop(L, 2)
    lua.setmetatable(L, 1)
    return 1


cdef int table_insert(lua_State* L) noexcept nogil:
    cdef int last, at, i
    cdef int top = lua.gettop(L)
    lua.checktype(L, 1, LUA_TTABLE)
    if push_real(L, 1):
        return vm_deny(L)
    last = <int>lua.objlen(L, 1) + 1
    if top == 2:
        lua.rawseti(L, 1, last)
        return 0
    if top != 3:
        return lua.fail(L, b"wrong number of arguments to 'insert'")
    at = <int>lua.checkinteger(L, 2)
    i = at if at > last else last
    while i > at:
        lua.rawgeti(L, 1, i - 1)
        lua.rawseti(L, 1, i)
        i -= 1
    lua.rawseti(L, 1, at)
    return 0


cdef int table_setn(lua_State* L) noexcept nogil:
    return lua.fail(L, b"'setn' is obsolete")


# -- loading --------------------------------------------------------------------------------------

cdef int loaded(lua_State* L, int status) noexcept nogil:
    if status == 0:
        return 1
    lua.pushnil(L)
    lua.insert(L, -2)
    return 2


cdef int base_loadstring(lua_State* L) noexcept nogil:
    """Text only: bytecode is not checked by anybody."""
    cdef size_t size
    cdef const char* data = lua.checklstring(L, 1, &size)
    cdef const char* name = data
    if lua.type(L, 2) > LUA_TNIL:
        name = lua.checklstring(L, 2, NULL)
    return loaded(L, lua.loadbufferx(L, data, size, name, b"t"))


cdef int base_load(lua_State* L) noexcept nogil:
    cdef size_t size
    cdef const char* data
    cdef const char* name = b"=(load)"
    cdef int pieces = 0
    lua.checktype(L, 1, LUA_TFUNCTION)
    if lua.type(L, 2) > LUA_TNIL:
        name = lua.checklstring(L, 2, NULL)
    lua.settop(L, 2)
    lua.pushstring(L, b"")
    while True:
        lua.pushvalue(L, 1)
        lua.call(L, 0, 1)
        if lua.type(L, -1) == LUA_TNIL:
            break
        if not lua.isstring(L, -1):
            return lua.fail(L, b"reader function must return a string")
        lua.tolstring(L, -1, &size)
        if size == 0:
            break
        lua.concat(L, 2)
        pieces += 1
    lua_pop(L, 1)
    data = lua.tolstring(L, -1, &size)
    return loaded(L, lua.loadbufferx(L, data, size, name, b"t"))


# -- small things ---------------------------------------------------------------------------------

cdef int base_tidy(lua_State* L) noexcept nogil:
    """What pcall caught: an error reply that was raised becomes its text."""
    if lua.gettop(L) == 2 and not lua.toboolean(L, 1) and lua.type(L, 2) == LUA_TTABLE:
        lua.pushstring(L, b"err")
        lua.rawget(L, 2)
        if lua.type(L, -1) == LUA_TSTRING:
            return 2 if lua_replace_top(L, 2) else 0
        lua_pop(L, 1)
    return lua.gettop(L)


cdef bint lua_replace_top(lua_State* L, int index) noexcept nogil:
    lua.replace(L, index)
    return True


cdef int base_gcinfo(lua_State* L) noexcept nogil:
    lua.pushinteger(L, <ssize_t>(vm_of(L).heap.used >> 10))
    return 1


cdef int base_collectgarbage(lua_State* L) noexcept nogil:
    """Scripts share a machine: none may turn its collector off."""
    cdef const char* what = b"collect"
    if lua.type(L, 1) > LUA_TNIL:
        what = lua.checklstring(L, 1, NULL)
    if strcmp(what, b"count") == 0:
        lua.pushnumber(L, <double>vm_of(L).heap.used / 1024)
        return 1
    if strcmp(what, b"collect") == 0:
        lua.gc(L, LUA_GCCOLLECT, 0)
    elif strcmp(what, b"step") == 0:
        lua.pushboolean(L, lua.gc(L, LUA_GCSTEP, <int>lua.optinteger(L, 2, 0)))
        return 1
    elif (strcmp(what, b"stop") and strcmp(what, b"restart") and strcmp(what, b"setpause")
            and strcmp(what, b"setstepmul")):
        return lua.argerror(L, 1, lua.pushfstring(L, b"invalid option '%s'", what))
    lua.pushinteger(L, 0)
    return 1


cdef inline int64_t rand48_next(vm_t* vm) noexcept nogil:
    vm.rand48 = (vm.rand48 * 0x5DEECE66DULL + 0xB) & 0xFFFFFFFFFFFFULL
    return <int64_t>(vm.rand48 >> 17)


cdef void vm_seed(vm_t* vm, uint64_t seed) noexcept nogil:
    vm.rand48 = (seed & 0xFFFFFFFFULL) << 16 | 0x330E


cdef int math_random(lua_State* L) noexcept nogil:
    """The same numbers on every machine, so that a script can be tried elsewhere."""
    cdef double r = <double>(rand48_next(vm_of(L)) % INT32_MAX) / <double>INT32_MAX
    cdef ssize_t low = 1
    cdef ssize_t high
    cdef int count = lua.gettop(L)
    if count == 0:
        lua.pushnumber(L, r)
        return 1
    if count > 2:
        return lua.fail(L, b"wrong number of arguments")
    high = lua.checkinteger(L, count)
    if count == 2:
        low = lua.checkinteger(L, 1)
    lua_argcheck(L, low <= high, count, b"interval is empty")
    lua.pushnumber(L, floor(r * (<double>high - <double>low + 1)) + <double>low)
    return 1


cdef int math_randomseed(lua_State* L) noexcept nogil:
    vm_seed(vm_of(L), <uint64_t>lua.checkinteger(L, 1))
    return 0


# -- scratch --------------------------------------------------------------------------------------

cdef buf_t* vm_text(lua_State* L) noexcept nogil:
    cdef vm_t* vm = vm_of(L)
    vm.text.size = 0
    if vm.text.size_max > TEXT_KEPT:
        buf_free(&vm.text)
    return &vm.text


cdef void vm_text_more(lua_State* L, buf_t* text, size_t more) noexcept nogil:
    cdef vm_t* vm = vm_of(L)
    if vm.heap.used + 2 * (text.size + more) > vm.size_max:
        vm.refused += 1
        lua.fail(L, b"not enough memory")
    buf_reserve(text, more)


cdef void vm_text_push(lua_State* L, buf_t* text) noexcept nogil:
    lua.pushlstring(L, <const char*>text.data if text.size else <const char*>b"", text.size)


# -- a machine ------------------------------------------------------------------------------------

cdef void vm_set_function(lua_State* L, const char* name, lua_fn fn) noexcept nogil:
    lua.pushcclosure(L, fn, 0)
    lua.setfield(L, -2, name)


cdef void vm_set_number(lua_State* L, const char* name, double value) noexcept nogil:
    lua.pushnumber(L, value)
    lua.setfield(L, -2, name)


cdef void vm_set_string(lua_State* L, const char* name, const char* value) noexcept nogil:
    lua.pushstring(L, value)
    lua.setfield(L, -2, name)


cdef void vm_push_globals(lua_State* L) noexcept nogil:
    lua.getfield(L, LUA_REGISTRYINDEX, GLOBALS)


cdef void vm_guard(lua_State* L) noexcept nogil:
    lua.createtable(L, 0, 0)
    lua.createtable(L, 0, 2)
    lua.pushvalue(L, -3)
    lua.setfield(L, -2, b"__index")
    lua.pushcclosure(L, deny, 0)
    lua.setfield(L, -2, b"__newindex")
    lua.setmetatable(L, -2)
    lua.getfield(L, LUA_REGISTRYINDEX, GUARDED)         # G1
    lua.pushvalue(L, -2)
    lua.pushvalue(L, -4)
    lua.rawset(L, -3)
    lua_pop(L, 1)
    lua.remove(L, -2)


cdef void vm_strict(lua_State* L) noexcept nogil:
    lua.createtable(L, 0, 1)
    lua.pushcclosure(L, missing, 0)
    lua.setfield(L, -2, b"__index")
    lua.setmetatable(L, -2)


cdef void ours(lua_State* L, const char* name, lua_fn fn) noexcept nogil:
    """A function that knows guards (upvalue 1), the real `next` (2) and the real globals (3), to
    the table at 2."""
    lua.pushvalue(L, 1)
    lua.getfield(L, LUA_GLOBALSINDEX, b"next")
    lua.pushvalue(L, 3)
    lua.pushcclosure(L, fn, 3)
    lua.setfield(L, 2, name)


cdef void open_library(lua_State* L, lua_fn open, const char* name) noexcept nogil:
    lua.pushcclosure(L, open, 0)
    lua.pushstring(L, name)
    lua.call(L, 1, 0)


cdef int build(lua_State* L) noexcept nogil:
    """Libraries, guards, globals. The bootstrap has the machine's first globals for its own; no
    script ever sees those."""
    lua.settop(L, 0)
    open_library(L, lua.open_base, b"")
    open_library(L, lua.open_string, b"string")
    open_library(L, lua.open_table, b"table")
    open_library(L, lua.open_math, b"math")
    open_library(L, lua.open_os, b"os")
    open_library(L, lua.open_bit, b"bit")
    lua.createtable(L, 0, 0)            # 1: guards
    lua.pushvalue(L, 1)
    lua.setfield(L, LUA_REGISTRYINDEX, GUARDED)
    lua.createtable(L, 0, 0)            # 2: functions
    lua.createtable(L, 0, 1)            # 3: {_G = globals}, for getmetatable
    ours(L, b"deny", deny)
    ours(L, b"missing", missing)
    ours(L, b"tidy", base_tidy)
    ours(L, b"pairs", base_pairs)
    ours(L, b"next", base_next)
    ours(L, b"rawget", base_rawget)
    ours(L, b"rawset", base_rawset)
    ours(L, b"getmetatable", base_getmetatable)
    ours(L, b"setmetatable", base_setmetatable)
    ours(L, b"insert", table_insert)
    ours(L, b"obsolete", table_setn)
    ours(L, b"loadstring", base_loadstring)
    ours(L, b"load", base_load)
    ours(L, b"gcinfo", base_gcinfo)
    ours(L, b"collectgarbage", base_collectgarbage)
    ours(L, b"random", math_random)
    ours(L, b"randomseed", math_randomseed)
    if lua.loadbufferx(L, KVD_BOOTSTRAP, strlen(KVD_BOOTSTRAP), b"=bootstrap", b"t"):
        return lua.throw(L)
    lua.pushvalue(L, 2)
    lua.pushvalue(L, 1)
    lua.call(L, 2, 2)
    lua.setfield(L, LUA_REGISTRYINDEX, GLOBALS)
    lua.pushvalue(L, -1)
    lua.setfield(L, 3, b"_G")
    lua.replace(L, LUA_GLOBALSINDEX)    # what is loaded from now on has these globals
    # Nobody asks for a module by name, and ffi, should it ever be loaded, is not found here.
    lua.pushnil(L)
    lua.setfield(L, LUA_REGISTRYINDEX, b"_LOADED")
    return 0


cdef bint vm_open(vm_t* vm, void* owner, size_t size_max) noexcept nogil:
    memset(vm, 0, sizeof(vm_t))
    heap_init(&vm.heap)
    buf_init(&vm.text, &vm.heap)
    vm.size_max = size_max
    vm.rand48 = RAND48_FIRST
    vm.owner = owner
    vm.L = lua.newstate(allocate, vm)
    if vm.L is NULL:
        heap_free_all(&vm.heap)
        return False
    lua.setmode(vm.L, 0, 0)             # the compiler is off, for everything
    if lua.cpcall(vm.L, build, NULL):
        vm_close(vm)
        return False
    return True


cdef void vm_close(vm_t* vm) noexcept nogil:
    """G3: nothing must run for its blocks to go, so the heap goes as a whole; large blocks stand
    outside of it, and only the machine knows where."""
    if vm.L is NULL:
        return
    lua.close(vm.L)
    buf_free(&vm.text)
    heap_free_all(&vm.heap)
    vm.L = NULL
