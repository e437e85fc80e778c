"""redis.* and server.*.

`server` is another name of `redis`. Errors that tell how a function is to be called say server.*,
as Valkey's do.
"""
from libc.stdio cimport sscanf
from libc.string cimport strlen

from ..core.buf cimport buf_t
from ..core.lua cimport LUA_TNUMBER, LUA_TSTRING, lua
from ..core.lua_vm cimport (
    vm_set_function, vm_set_number, vm_set_string, vm_text, vm_text_append, vm_text_byte,
)
from ..core.sha1 cimport SHA1_HEX_SIZE, sha1_hex
from ..core.types cimport slice_t
from ..wire.acl cimport DENIED_NOTHING, acl_check_command, user_of
from ..wire.command cimport client_t, command_resolve, command_t
from ..wire.identity cimport (
    IDENTITY_VALKEY, IDENTITY_VALKEY_VERSION, identity_lacks, identity_redis_version,
)
from .script_call cimport script_arguments, script_call, script_pcall
from .script_reply cimport script_push_error
from .script_state cimport (
    REPL_ALL, REPL_AOF, REPL_REPLICA, scripting_of_state,
)

cdef enum:
    LOG_DEBUG = 0
    LOG_WARNING = 3


cdef int raise_error(lua_State* L, const char* text) noexcept nogil:
    script_push_error(L, slice_t(text, strlen(text)), False)
    return lua.throw(L)


# -- replies --------------------------------------------------------------------------------------

cdef bint one_string(lua_State* L) noexcept nogil:
    return lua.gettop(L) == 1 and lua.type(L, 1) == LUA_TSTRING


cdef int wrong_use(lua_State* L) noexcept nogil:
    """Not raised: a reply that is an error comes back, of another kind than was meant."""
    cdef slice_t text = slice_t(b"ERR wrong number or type of arguments", 37)
    script_push_error(L, text, False)
    return 1


cdef int api_status_reply(lua_State* L) noexcept nogil:
    if not one_string(L):
        return wrong_use(L)
    lua.createtable(L, 0, 1)
    lua.pushvalue(L, 1)
    lua.setfield(L, -2, b"ok")
    return 1


cdef int api_error_reply(lua_State* L) noexcept nogil:
    """A text of one word gets the code ERR; one that begins with a minus loses it."""
    cdef size_t size
    cdef size_t i
    cdef const char* text
    cdef buf_t* out
    cdef bint coded = False
    if not one_string(L):
        return wrong_use(L)
    text = lua.tolstring(L, 1, &size)
    out = vm_text(L)
    if size and text[0] == c'-':
        text += 1
        size -= 1
    for i in range(size):
        coded = coded or text[i] == c' '
    if not coded:
        vm_text_append(L, out, b"ERR ", 4)
    for i in range(size):
        vm_text_byte(L, out, c' ' if text[i] == c'\r' or text[i] == c'\n' else text[i])
    script_push_error(L, slice_t(out.data, out.size), False)
    return 1


cdef int api_sha1hex(lua_State* L) noexcept nogil:
    cdef char name[SHA1_HEX_SIZE]
    cdef size_t size
    cdef const char* text
    if lua.gettop(L) != 1:
        return raise_error(L, b"ERR wrong number of arguments")
    text = lua.tolstring(L, 1, &size)
    sha1_hex(text, size if text is not NULL else 0, name)
    lua.pushlstring(L, name, SHA1_HEX_SIZE)
    return 1


# -- the server -----------------------------------------------------------------------------------

cdef int api_log(lua_State* L) noexcept nogil:
    cdef int argc = lua.gettop(L)
    cdef int level, i
    cdef size_t size
    cdef const char* text
    cdef buf_t* out
    if argc < 2:
        return raise_error(L, b"ERR server.log() requires two arguments or more.")
    if lua.type(L, 1) != LUA_TNUMBER:
        return raise_error(L, b"ERR First argument must be a number (log level).")
    level = <int>lua.tonumber(L, 1)
    if not LOG_DEBUG <= level <= LOG_WARNING:
        return raise_error(L, b"ERR Invalid log level.")
    out = vm_text(L)
    for i in range(2, argc + 1):
        text = lua.tolstring(L, i, &size)
        if text is not NULL:
            if i > 2:
                vm_text_byte(L, out, c' ')
            vm_text_append(L, out, text, size)
    scripting_of_state(L).srv.hooks.log(scripting_of_state(L).srv, level,
                                        slice_t(out.data, out.size))
    return 0


cdef int api_setresp(lua_State* L) noexcept nogil:
    cdef int resp
    if lua.gettop(L) != 1:
        return raise_error(L, b"ERR server.setresp() requires one argument.")
    resp = <int>lua.tonumber(L, 1)
    if resp != 2 and resp != 3:
        return raise_error(L, b"ERR RESP version must be 2 or 3.")
    scripting_of_state(L).inner.resp = resp
    return 0


cdef int api_set_repl(lua_State* L) noexcept nogil:
    cdef int flags
    if lua.gettop(L) != 1:
        return raise_error(L, b"ERR server.set_repl() requires one argument.")
    flags = <int>lua.tonumber(L, 1)
    if flags & ~<int>REPL_ALL:
        return raise_error(L, b"ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, "
                              b"REPL_ALL or REPL_NONE.")
    scripting_of_state(L).run.repl = flags
    return 0


cdef int api_acl_check_cmd(lua_State* L) noexcept nogil:
    """Whether the caller may run this."""
    cdef const command_t* container = NULL
    cdef const command_t* cmd = NULL
    cdef client_t* c
    cdef int argc = lua.gettop(L)
    if argc == 0:
        return raise_error(L, b"ERR Please specify at least one argument for this call")
    if not script_arguments(L):
        return raise_error(L, b"ERR Command arguments must be strings or integers")
    cmd = command_resolve(argc, scripting_of_state(L).argv, &container)
    if cmd is NULL or identity_lacks(scripting_of_state(L).srv.config.identity, cmd):
        return raise_error(L, b"ERR Invalid command passed to server.acl_check_cmd()")
    c = scripting_of_state(L).inner
    lua.pushboolean(L, acl_check_command(user_of(c), cmd, argc, scripting_of_state(L).argv,
                                         c.ks.index, NULL) == DENIED_NOTHING)
    return 1


cdef int api_replicate_commands(lua_State* L) noexcept nogil:
    """Effects are what is replicated, always."""
    lua.pushboolean(L, True)
    return 1


cdef int api_breakpoint(lua_State* L) noexcept nogil:
    """No debugger is attached, ever: as in a server where none is."""
    lua.pushboolean(L, False)
    return 1


cdef int api_debug(lua_State* L) noexcept nogil:
    return 0


# -- tables ---------------------------------------------------------------------------------------

cdef double version_number(const char* version) noexcept nogil:
    """0x00MMmmpp of "MM.mm.pp"."""
    cdef unsigned major = 0
    cdef unsigned minor = 0
    cdef unsigned patch = 0
    sscanf(version, b"%u.%u.%u", &major, &minor, &patch)
    return <double>(major << 16 | minor << 8 | patch)


cdef void script_api_add_constants(lua_State* L, scripting_t* s) noexcept nogil:
    cdef int i
    cdef const char* redis = identity_redis_version(s.srv.config.identity)
    cdef const char** names = ["LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"]
    for i in range(4):
        vm_set_number(L, names[i], i)
    vm_set_string(L, b"REDIS_VERSION", redis)
    vm_set_number(L, b"REDIS_VERSION_NUM", version_number(redis))
    vm_set_string(L, b"SERVER_NAME",
                  b"redis" if s.srv.config.identity != IDENTITY_VALKEY else b"valkey")
    vm_set_string(L, b"VALKEY_VERSION", IDENTITY_VALKEY_VERSION)
    vm_set_number(L, b"VALKEY_VERSION_NUM", version_number(IDENTITY_VALKEY_VERSION))
    vm_set_function(L, b"log", api_log)


cdef void script_api_add_eval(lua_State* L) noexcept nogil:
    vm_set_function(L, b"replicate_commands", api_replicate_commands)
    vm_set_function(L, b"breakpoint", api_breakpoint)
    vm_set_function(L, b"debug", api_debug)


cdef void script_api_open(lua_State* L, scripting_t* s) noexcept nogil:
    lua.createtable(L, 0, 26)
    script_api_add_constants(L, s)
    vm_set_function(L, b"call", script_call)
    vm_set_function(L, b"pcall", script_pcall)
    vm_set_function(L, b"error_reply", api_error_reply)
    vm_set_function(L, b"status_reply", api_status_reply)
    vm_set_function(L, b"sha1hex", api_sha1hex)
    vm_set_function(L, b"setresp", api_setresp)
    vm_set_function(L, b"set_repl", api_set_repl)
    vm_set_function(L, b"acl_check_cmd", api_acl_check_cmd)
    vm_set_number(L, b"REPL_NONE", 0)
    vm_set_number(L, b"REPL_AOF", REPL_AOF)
    vm_set_number(L, b"REPL_REPLICA", REPL_REPLICA)
    vm_set_number(L, b"REPL_SLAVE", REPL_REPLICA)
    vm_set_number(L, b"REPL_ALL", REPL_ALL)
