"""redis.call: a command on behalf of a script.

The arguments stay where Lua has them: a slice each, and texts of numbers beside. The command runs
as any other, through the server's call, for a client without a socket; its reply is read from that
client's buffer to Lua's stack. Nothing is allocated on the way but what Lua keeps.

The checks before it are those of a client's command, as far as they can differ inside a run: the
caller's own were done before the run began.
"""
from libc.math cimport isnan, signbit
from libc.stdint cimport uint32_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy, strerror, strlen

from ..core.buf cimport buf_reserve
from ..core.clock cimport clock_ticks
from ..core.heap cimport heap_realloc
from ..core.intrinsics cimport likely, unlikely
from ..core.lua cimport LUA_TNUMBER, LUA_TSTRING, lua
from ..core.number cimport FORMAT_DOUBLE_MAX, format_double
from ..core.types cimport slice_t
from ..journal.aof cimport AOF_OK
from ..wire.acl cimport (
    DENIED_NOTHING, REFUSAL_MAX, acl_check_command, acl_is_free, acl_refusal, denial_t, user_of,
)
from ..wire.command cimport (
    CLIENT_LOADING, CMD_CONTAINER, CMD_DENYOOM, CMD_MAY_REPLICATE, CMD_NOSCRIPT, CMD_WRITE,
    client_t, command_resolve, command_t,
)
from ..wire.errors cimport ERR_MISCONF_AOF, ERR_OOM
from ..wire.identity cimport identity_lacks
from ..wire.reply cimport reply_error_two
from .acl_log cimport ACL_SCRIPT, acl_log_denied
from .script_reply cimport script_push_error, script_push_reply
from .script_state cimport REPL_AOF, SCRIPT_ALLOW_OOM, scripting_of_state, scripting_t
from .state cimport server_t

cdef enum:
    ARGV_FIRST = 16
    REASON_MAX = 256
    DENIAL_SIZE = 27

cdef const char* DENIAL = b"ERR ACL failure in script: "


cdef void grow(scripting_t* s, int argc) noexcept nogil:
    cdef int more = s.argv_max if s.argv_max else ARGV_FIRST
    while more < argc:
        more *= 2
    s.argv = <slice_t*>heap_realloc(&s.srv.heap, s.argv, <size_t>s.argv_max * sizeof(slice_t),
                                    <size_t>more * sizeof(slice_t))
    s.argv_max = more


cdef slice_t number_text(scripting_t* s, double n, int left) noexcept nogil:
    """A number as an argument, in s.numbers, where room for `left` more is made first: so none of
    them moves."""
    cdef char* at
    if s.numbers.size == 0:
        buf_reserve(&s.numbers, <size_t>left * FORMAT_DOUBLE_MAX)
    at = s.numbers.data + s.numbers.size
    s.numbers.size += FORMAT_DOUBLE_MAX
    if isnan(n) and signbit(n):
        memcpy(at, b"-nan", 4)
        return slice_t(at, 4)
    return slice_t(at, <size_t>format_double(at, n))


cdef bint script_arguments(lua_State* L) noexcept nogil:
    cdef scripting_t* s = scripting_of_state(L)
    cdef int argc = lua.gettop(L)
    cdef int type, i
    if unlikely(argc > s.argv_max):
        grow(s, argc)
    s.numbers.size = 0
    for i in range(argc):
        type = lua.type(L, i + 1)
        if likely(type == LUA_TSTRING):
            s.argv[i].data = lua.tolstring(L, i + 1, &s.argv[i].size)
        elif type == LUA_TNUMBER:
            s.argv[i] = number_text(s, lua.tonumber(L, i + 1), argc - i)
        else:
            return False
    return True


cdef int fail(lua_State* L, const char* text, bint raising) noexcept nogil:
    script_push_error(L, slice_t(text, strlen(text)), False)
    if raising:
        return lua.throw(L)
    return 1


cdef int refuse_with(lua_State* L, scripting_t* s, slice_t text, bint raising) noexcept nogil:
    """The inner client's command is not run: counted as a client's would be, and therefore not
    once more when the script returns the error."""
    cdef client_t* c = s.inner
    c.reply.size = 0
    c.errors_seen = c.errors
    reply_error_two(c, b"", slice_t(NULL, 0), b"", text, b"")
    s.srv.hooks.reject(s.srv, c)
    script_push_error(L, text, True)
    if raising:
        return lua.throw(L)
    return 1


cdef int refuse(lua_State* L, scripting_t* s, const char* text, bint raising) noexcept nogil:
    return refuse_with(L, s, slice_t(text, strlen(text)), raising)


cdef int deny(lua_State* L, scripting_t* s, int argc, const denial_t* denial,
              bint raising) noexcept nogil:
    """The user who runs the script may not run this."""
    cdef char text[REFUSAL_MAX + DENIAL_SIZE]
    cdef size_t size
    acl_log_denied(s.srv, s.run.caller, s.inner.cmd, s.argv, denial, ACL_SCRIPT)
    memcpy(text, DENIAL, DENIAL_SIZE)
    size = DENIAL_SIZE + acl_refusal(user_of(s.inner), s.inner.cmd, denial, &text[DENIAL_SIZE])
    return refuse_with(L, s, slice_t(&text[0], size), raising)


cdef int unknown(lua_State* L, scripting_t* s, const command_t* container, slice_t name,
                 bint raising) noexcept nogil:
    cdef char text[REASON_MAX]
    cdef char title[64]
    cdef size_t i
    s.inner.cmd = NULL
    if container is NULL:
        return refuse(L, s, b"ERR Unknown command called from script", raising)
    for i in range(container.name_size):
        title[i] = container.name[i] - 32 if c'a' <= container.name[i] <= c'z' \
            else container.name[i]
    snprintf(text, sizeof(text), b"ERR unknown subcommand '%.*s'. Try %.*s HELP.",
             <int>(name.size if name.size < 128 else 128), name.data,
             <int>container.name_size, &title[0])
    return refuse(L, s, text, raising)


cdef const char* write_refusal(scripting_t* s, char* room) noexcept nogil:
    """Why a command that writes may not run now; NULL when it may."""
    if s.srv.aof.status != AOF_OK and not s.inner.flags & CLIENT_LOADING:
        snprintf(room, REASON_MAX, ERR_MISCONF_AOF, strerror(s.srv.aof.error))
        return room
    return NULL


cdef int run(lua_State* L, bint raising) noexcept nogil:
    cdef scripting_t* s = scripting_of_state(L)
    cdef server_t* srv = s.srv
    cdef client_t* c = s.inner
    cdef const command_t* cmd
    cdef const command_t* container = NULL
    cdef const char* why
    cdef char room[REASON_MAX]
    cdef denial_t denial
    cdef int argc = lua.gettop(L)
    cdef uint32_t flags
    if unlikely(argc == 0):
        return fail(L, b"ERR Please specify at least one argument for this call", raising)
    if unlikely(not script_arguments(L)):
        return fail(L, b"ERR Command arguments must be strings or integers", raising)
    cmd = command_resolve(argc, s.argv, &container)
    if unlikely(identity_lacks(s.srv.config.identity, cmd)):
        cmd = NULL
    if unlikely(cmd is NULL):
        return unknown(L, s, container, s.argv[1] if argc > 1 else s.argv[0], raising)
    c.cmd = cmd
    flags = cmd.flags
    if unlikely((argc != cmd.arity) if cmd.arity > 0 else (argc < -cmd.arity)):
        return refuse(L, s, b"ERR Wrong number of args calling command from script", raising)
    if unlikely(flags & (CMD_NOSCRIPT | CMD_CONTAINER)):
        return refuse(L, s, b"ERR This Valkey command is not allowed from script", raising)
    if unlikely(not acl_is_free(c)) and acl_check_command(
            user_of(c), cmd, argc, s.argv, c.ks.index, &denial) != DENIED_NOTHING:
        return deny(L, s, argc, &denial, raising)
    if unlikely(s.run.read_only) and flags & (CMD_WRITE | CMD_MAY_REPLICATE):
        return refuse(L, s, b"ERR Write commands are not allowed from read-only scripts.",
                      raising)
    if flags & CMD_WRITE:
        why = write_refusal(s, room)
        if unlikely(why is not NULL):
            return refuse(L, s, why, raising)
    if unlikely(s.run.oom) and flags & CMD_DENYOOM and not s.run.wrote \
            and not s.run.flags & SCRIPT_ALLOW_OOM:
        return refuse(L, s, ERR_OOM, raising)
    if flags & CMD_WRITE:
        s.run.wrote = True
    c.argc = argc
    c.argv = s.argv
    c.hashed_key = NULL
    c.reply.size = 0
    c.errors_seen = c.errors
    srv.call_ticks = clock_ticks()
    if unlikely(not s.run.repl & REPL_AOF) and not c.flags & CLIENT_LOADING:
        c.flags |= CLIENT_LOADING       # nothing of it is fed
        srv.hooks.call(srv, c)
        c.flags &= ~<uint32_t>CLIENT_LOADING
    else:
        srv.hooks.call(srv, c)
    script_push_reply(L, c.reply.data)
    if raising and c.reply.data[0] == c'-':
        return lua.throw(L)
    return 1


cdef int script_call(lua_State* L) noexcept nogil:
    return run(L, True)


cdef int script_pcall(lua_State* L) noexcept nogil:
    return run(L, False)
