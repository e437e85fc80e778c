"""Scripts: machines, and runs.

A machine is made when the first script needs it. On the bottom of its stack lie, for ever, the
handler of errors and the runner; so a run pushes one function and calls it in protection, and
everything that may fail, arguments and reply included, happens inside.

    pcall [ runner: KEYS and ARGV -> call the script -> turn its result into the reply ]
             an error --> handler: notes text and place, where the stack still shows them

The effects of a run reach the journal one by one, between MULTI and EXEC, as a transaction's do. A
run that fails leaves what it did; a run that the end of the server cuts off leaves nothing in the
journal, since it would be half a script.

Invariants
    P1  between runs a machine's stack holds handler and runner, and nothing else
    P2  in_exec is as it was when the run has ended; a transaction that it began has its end fed
    P3  the reply of a run is one, whole: what a failed conversion began is cut off
    P4  a machine is called by one run or one load at a time: redis.call refuses what would nest
"""
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memchr, memcpy, memset, strerror, strlen

from ..core.buf cimport buf_free, buf_init, buf_t
from ..core.clock cimport clock_mono_us
from ..core.heap cimport heap_alloc_zero, heap_free
from ..core.intrinsics cimport kvd_assert, unlikely
from ..core.lua cimport (
    LUA_ERRMEM, LUA_GCCOLLECT, LUA_GLOBALSINDEX, LUA_REGISTRYINDEX, LUA_TBOOLEAN, LUA_TNUMBER,
    LUA_TSTRING, LUA_TTABLE, lua, lua_Debug, lua_fn, lua_open, lua_pop,
)
from ..core.lua_json cimport lua_json_open
from ..core.lua_msgpack cimport lua_msgpack_open
from ..core.lua_struct cimport lua_struct_open
from ..core.lua_text cimport lua_text_drop_escapes, lua_text_keep_frames
from ..core.lua_vm cimport vm_close, vm_guard, vm_open, vm_push_globals
from ..core.number cimport parse_int64
from ..journal.aof cimport AOF_OK
from ..wire.client cimport client_create, client_release
from ..wire.command cimport (
    CLIENT_AUTHENTICATED, CLIENT_CONTROL, CLIENT_DENY_BLOCKING, CLIENT_EXECUTING,
    CLIENT_INTERNAL, CLIENT_LOADING, CLIENT_NO_TOUCH, CLIENT_UNIX_SOCKET,
)
from ..wire.errors cimport (
    ERR_BUSY_FUNCTION, ERR_BUSY_SCRIPT, ERR_KEYS_NEGATIVE, ERR_KEYS_TOO_MANY, ERR_MISCONF_AOF,
    ERR_NOT_BUSY, ERR_NO_LUA, ERR_NO_SCRIPT_MEMORY, ERR_OOM, ERR_RO_SCRIPT, ERR_UNKILLABLE,
)
from ..wire.reply cimport (
    feed_command, feed_nothing, feed_text, reply_error, reply_error_two, reply_ok,
)
from ..store.evict cimport EVICT_FAIL, EVICT_MORE, evict_run, evicted_t
from .script_api cimport script_api_open
from .script_reply cimport script_reply
from .script_watch cimport watch_arm, watch_begin, watch_end, watch_start, watch_stop
from .script_state cimport (
    ERROR_MAX, KILL_ASKED, KILL_NO, KILL_STOP, MACHINE_EVAL, MACHINE_FUNCTION, REPL_ALL,
    SCRIPT_ALLOW_OOM, SCRIPT_NO_WRITES, SCRIPT_SILENT, run_t,
    scripting_of_state,
)
from .state cimport BUSY_FUNCTION, BUSY_NO, BUSY_SCRIPT, server_of

cdef enum:
    HANDLER_AT = 1                      # on a machine's stack: P1
    RUNNER_AT = 2
    EVICT_STEP_US = 500
    LEVELS_MAX = 5                      # frames that are looked at for the place of an error

cdef bint HAVE_LUA = lua_open()


# -- machines -------------------------------------------------------------------------------------

cdef scripting_t* scripting_of(server_t* srv) noexcept nogil:
    cdef scripting_t* s = <scripting_t*>srv.scripting
    if s is NULL:
        s = <scripting_t*>heap_alloc_zero(&srv.heap, sizeof(scripting_t))
        s.srv = srv
        buf_init(&s.numbers, &srv.heap)
        s.inner = client_create(&srv.store, &srv.databases[0], srv, -1, 0)
        s.inner.flags = CLIENT_INTERNAL
        s.inner.modes = CLIENT_DENY_BLOCKING
        memcpy(s.inner.address, b"lua", 4)
        srv.scripting = s
    return s


cdef void scripting_free(server_t* srv) noexcept nogil:
    cdef scripting_t* s = <scripting_t*>srv.scripting
    if s is NULL:
        return
    watch_stop(s.watchdog)
    machine_drop(s, MACHINE_EVAL)
    machine_drop(s, MACHINE_FUNCTION)
    buf_free(&s.numbers)
    heap_free(&srv.heap, s.argv, <size_t>s.argv_max * sizeof(slice_t))
    client_release(s.inner)
    heap_free(&srv.heap, s, sizeof(scripting_t))
    srv.scripting = NULL


cdef vm_t* machine_or_reply(client_t* c, machine_t machine, lua_fn surface) noexcept nogil:
    cdef scripting_t* s = scripting_of(server_of(c))
    cdef vm_t* vm = &s.machines[<int>machine]
    if s.open[<int>machine]:
        vm.size_max = <size_t>s.srv.config.script_memory_max
        return vm
    if not HAVE_LUA:
        reply_error(c, ERR_NO_LUA)
        return NULL
    if not vm_open(vm, s, <size_t>s.srv.config.script_memory_max):
        reply_error(c, ERR_NO_SCRIPT_MEMORY)
        return NULL
    if lua.cpcall(vm.L, build_surface, <void*>surface):
        vm_close(vm)
        reply_error(c, ERR_NO_SCRIPT_MEMORY)
        return NULL
    lua.pushcclosure(vm.L, handler, 0)  # P1
    vm_push_globals(vm.L)
    lua.pushcclosure(vm.L, run_eval if machine == MACHINE_EVAL else run_function, 1)
    kvd_assert(lua.gettop(vm.L) == RUNNER_AT)
    s.open[<int>machine] = True
    if s.watchdog is NULL:
        s.watchdog = watch_start()
    return vm


cdef void machine_drop(scripting_t* s, machine_t machine) noexcept nogil:
    if s.open[<int>machine]:
        vm_close(&s.machines[<int>machine])
        s.open[<int>machine] = False


cdef void add_library(lua_State* L, lua_fn open, const char* name) noexcept nogil:
    """To the globals on top."""
    open(L)
    vm_guard(L)
    lua.setfield(L, -2, name)


cdef int build_surface(lua_State* L) noexcept nogil:
    cdef lua_fn more = <lua_fn>lua.touserdata(L, 1)
    vm_push_globals(L)
    add_library(L, lua_json_open, b"cjson")
    add_library(L, lua_msgpack_open, b"cmsgpack")
    add_library(L, lua_struct_open, b"struct")
    script_api_open(L, scripting_of_state(L))
    more(L)
    vm_guard(L)
    lua.pushvalue(L, -1)
    lua.setfield(L, -3, b"redis")
    lua.setfield(L, -2, b"server")
    return 0


# -- errors ---------------------------------------------------------------------------------------

cdef void note_text(run_t* run, const char* before, const char* text, size_t size) noexcept nogil:
    cdef size_t before_size = strlen(before)
    if size > ERROR_MAX - before_size:
        size = ERROR_MAX - before_size
    memcpy(run.error, before, before_size)
    if size:
        memcpy(&run.error[before_size], text, size)
    run.error_size = before_size + size
    run.failed = True


cdef void note_error(lua_State* L, run_t* run) noexcept nogil:
    """What was raised is on top: an error reply, a text, or something else."""
    cdef size_t size = 0
    cdef const char* text
    cdef int type = lua.type(L, -1)
    run.counted = False
    if type == LUA_TTABLE:
        lua.pushstring(L, b"err")
        lua.rawget(L, -2)
        lua.pushstring(L, b"ignore_error_stats_update")
        lua.rawget(L, -3)
        run.counted = lua.toboolean(L, -1) != 0
        if lua.type(L, -2) == LUA_TSTRING:
            text = lua.tolstring(L, -2, &size)
            note_text(run, b"", text, size)
        else:
            note_text(run, b"ERR unknown error", NULL, 0)
        lua_pop(L, 2)
    elif type == LUA_TSTRING or type == LUA_TNUMBER:
        lua.pushvalue(L, -1)
        text = lua.tolstring(L, -1, &size)
        note_text(run, b"ERR ", text, size)
        lua_pop(L, 1)
    elif type == LUA_TBOOLEAN:
        note_text(run, b"ERR true" if lua.toboolean(L, -1) else b"ERR false", NULL, 0)
    else:
        note_text(run, b"ERR ", lua.typename(L, type), strlen(lua.typename(L, type)))


cdef int handler(lua_State* L) noexcept nogil:
    """The place is where the Lua code stands that raised, or that called what raised."""
    cdef run_t* run = &scripting_of_state(L).run
    cdef lua_Debug at
    cdef int level = 1
    memset(&at, 0, sizeof(at))
    note_error(L, run)
    run.source[0] = 0
    while lua.getstack(L, level, &at) and level < LEVELS_MAX:
        lua.getinfo(L, b"Sl", &at)
        # Not "C", and not ours: pcall is a function in Lua.
        if at.what[0] != c'C' and at.source[0] == c'@':
            snprintf(run.source, sizeof(run.source), b"%s", at.source)
            run.line = at.currentline
            break
        level += 1
    return 1


cdef void take_error(run_t* run, vm_t* vm, int status) noexcept nogil:
    """Of a call without our handler: the message is on top."""
    if status == LUA_ERRMEM:
        note_text(run, b"ERR not enough memory", NULL, 0)
    else:
        note_error(vm.L, run)
    lua_pop(vm.L, 1)


cdef bint script_protect(scripting_t* s, vm_t* vm, lua_fn fn, void* argument) noexcept nogil:
    cdef int status = lua.cpcall(vm.L, fn, argument)
    if status:
        take_error(&s.run, vm, status)
    return status == 0


cdef void reply_failure(client_t* c, run_t* run) noexcept nogil:
    cdef char text[ERROR_MAX + 128]
    cdef size_t size = run.error_size
    memcpy(text, run.error, size)
    if run.source[0]:
        size += <size_t>snprintf(&text[size], 128, b" script: on %s:%d.", run.source, run.line)
    reply_error_two(c, b"", slice_t(NULL, 0), b"", slice_t(&text[0], size), b"")


# -- running --------------------------------------------------------------------------------------

cdef void push_arguments(lua_State* L, const slice_t* items, int count) noexcept nogil:
    cdef int i
    lua.createtable(L, count, 0)
    for i in range(count):
        if items[i].size:
            lua.pushlstring(L, items[i].data, items[i].size)
        else:
            lua.pushlstring(L, b"", 0)
        lua.rawseti(L, -2, i + 1)


cdef int run_eval(lua_State* L) noexcept nogil:
    """Upvalue 1: the real globals."""
    cdef scripting_t* s = scripting_of_state(L)
    cdef run_t* run = &s.run
    push_arguments(L, run.keys, run.key_count)
    lua.setfield(L, LUA_GLOBALSINDEX - 1, b"KEYS")
    push_arguments(L, run.keys + run.key_count, run.arg_count)
    lua.setfield(L, LUA_GLOBALSINDEX - 1, b"ARGV")
    lua.rawgeti(L, LUA_REGISTRYINDEX, run.reference)
    lua.call(L, 0, 1)
    script_reply(L, run.caller, s.inner.resp)
    return 0


cdef int run_function(lua_State* L) noexcept nogil:
    cdef scripting_t* s = scripting_of_state(L)
    cdef run_t* run = &s.run
    lua.rawgeti(L, LUA_REGISTRYINDEX, run.reference)
    push_arguments(L, run.keys, run.key_count)
    push_arguments(L, run.keys + run.key_count, run.arg_count)
    lua.call(L, 2, 1)
    script_reply(L, run.caller, s.inner.resp)
    return 0


cdef void tell_slow(scripting_t* s, int64_t ms) noexcept nogil:
    cdef char line[256]
    cdef int size = snprintf(
        line, sizeof(line), b"Slow script detected: still in execution after %lld milliseconds. "
        b"You can try killing the script using the %s command.%s%.*s%s", <long long>ms,
        <const char*>(b"FUNCTION KILL" if s.run.machine == MACHINE_FUNCTION else b"SCRIPT KILL"),
        <const char*>(b" Script name is: " if s.run.name.size else b""),
        <int>(s.run.name.size if s.run.name.size < 64 else 64),
        s.run.name.data if s.run.name.size else <const char*>b"",
        <const char*>(b"." if s.run.name.size else b""))
    s.srv.hooks.log(s.srv, 3, slice_t(&line[0], <size_t>size))


cdef void script_hook(lua_State* L, lua_Debug* at) noexcept nogil:
    """The run has taken long, or is to end. It raises at each instruction then, so that no pcall
    keeps it alive."""
    cdef scripting_t* s = scripting_of_state(L)
    cdef run_t* run = &s.run
    cdef server_t* srv = s.srv
    cdef int64_t lasted_us = clock_mono_us() - run.started_us
    if not run.active or srv.config.busy_reply_threshold == 0 \
            or lasted_us < srv.config.busy_reply_threshold * 1000:
        watch_arm(s.watchdog, L, script_hook, 0)        # of an earlier run
        return
    if run.kill == KILL_NO:
        if srv.script_busy == BUSY_NO:
            srv.script_busy = BUSY_FUNCTION if run.machine == MACHINE_FUNCTION else BUSY_SCRIPT
            srv.script_caller = run.caller
            tell_slow(s, lasted_us // 1000)
        srv.hooks.serve_busy(srv)
        if srv.stop:
            run.kill = KILL_STOP
        elif srv.signalled and not run.wrote:
            run.kill = KILL_ASKED       # the process is to end, and waits for this script only
    if run.kill != KILL_NO:
        watch_arm(s.watchdog, L, script_hook, 1)
        if run.machine == MACHINE_FUNCTION:
            lua.pushstring(L, b"Script killed by user with FUNCTION KILL.")
        else:
            lua.pushstring(L, b"Script killed by user with SCRIPT KILL.")
        lua.throw(L)


# -- before a run ---------------------------------------------------------------------------------

cdef bint out_of_memory(server_t* srv) noexcept nogil:
    cdef evicted_t room = EVICT_MORE
    if srv.evict.limit_bytes == 0 or srv.loading:
        return False
    srv.evict.not_counted = srv.aof.buf.size_max
    while room == EVICT_MORE:
        room = evict_run(&srv.evict, &srv.store, 0, EVICT_STEP_US)
    return room == EVICT_FAIL


cdef bint script_keys_or_reply(client_t* c, const char* not_integer, int* keys) noexcept nogil:
    cdef int64_t count = 0
    if not parse_int64(c.argv[2].data, c.argv[2].size, &count):
        reply_error(c, not_integer)
    elif count > c.argc - 3:
        reply_error(c, ERR_KEYS_TOO_MANY)
    elif count < 0:
        reply_error(c, ERR_KEYS_NEGATIVE)
    else:
        keys[0] = <int>count
        return True
    return False


cdef bint script_prepare_or_reply(client_t* c, scripting_t* s, uint32_t flags, bint read_only,
                                  int keys) noexcept nogil:
    """A script that tells its flags is asked whether it may run; one that tells nothing finds out
    when it comes to it."""
    cdef run_t* run = &s.run
    cdef char text[160]
    run.caller = c
    run.flags = flags
    run.read_only = read_only or flags & SCRIPT_NO_WRITES != 0
    run.keys = c.argv + 3
    run.key_count = keys
    run.arg_count = c.argc - 3 - keys
    run.oom = out_of_memory(s.srv)
    if flags & (SCRIPT_SILENT | SCRIPT_NO_WRITES):
        return True
    if read_only:
        reply_error(c, ERR_RO_SCRIPT)
    elif s.srv.aof.status != AOF_OK and not c.flags & CLIENT_LOADING:
        snprintf(text, sizeof(text), ERR_MISCONF_AOF, strerror(s.srv.aof.error))
        reply_error(c, text)
    elif run.oom and not flags & SCRIPT_ALLOW_OOM:
        reply_error(c, ERR_OOM)
    else:
        return True
    return False


# -- a run ----------------------------------------------------------------------------------------

cdef void begin(scripting_t* s) noexcept nogil:
    cdef run_t* run = &s.run
    cdef client_t* c = run.caller
    run.active = True
    run.wrote = False
    run.failed = False
    run.counted = False
    run.kill = KILL_NO
    s.srv.signalled = 0
    run.repl = REPL_ALL
    run.source[0] = 0
    run.started_us = clock_mono_us()
    run.aof_size = s.srv.aof.buf.size
    run.nested = s.srv.in_exec
    if not run.nested:
        s.srv.in_exec = True
        s.srv.unit_us = 0
        s.srv.exec_fed = False
    s.inner.ks = c.ks
    s.inner.resp = 2
    s.inner.id = c.id
    s.inner.who = c.who
    s.inner.flags = CLIENT_INTERNAL | CLIENT_EXECUTING | (c.flags & <uint32_t>(
        CLIENT_AUTHENTICATED | CLIENT_CONTROL | CLIENT_LOADING | CLIENT_NO_TOUCH
        | CLIENT_UNIX_SOCKET))


cdef void end(scripting_t* s) noexcept nogil:
    """P2."""
    cdef run_t* run = &s.run
    cdef server_t* srv = s.srv
    run.active = False
    srv.script_busy = BUSY_NO
    srv.script_caller = NULL
    if s.inner.reply.size_max > 65536:
        buf_free(&s.inner.reply)
    if run.kill == KILL_STOP and srv.aof.enabled:
        srv.aof.buf.size = run.aof_size         # half a script is no effect
        srv.exec_fed = False
    if run.nested:
        feed_nothing(run.caller)
        return
    srv.in_exec = False
    if srv.exec_fed:
        feed_command(run.caller, 1)
        feed_text(run.caller, b"EXEC")
    else:
        feed_nothing(run.caller)
    srv.exec_fed = False


cdef void script_run(scripting_t* s, vm_t* vm) noexcept nogil:
    cdef run_t* run = &s.run
    cdef client_t* c = run.caller
    cdef server_t* srv = s.srv
    cdef size_t reply_at = c.reply.size
    cdef uint64_t errors = c.errors
    cdef uint64_t ticks = srv.call_ticks
    cdef int argc = c.argc
    cdef int status
    begin(s)
    watch_begin(s.watchdog, vm.L, script_hook, srv.config.busy_reply_threshold * 1000)
    lua.pushvalue(vm.L, RUNNER_AT)
    status = lua.pcall(vm.L, 0, 0, HANDLER_AT)
    watch_end(s.watchdog)
    end(s)
    if unlikely(vm.refused != 0):
        lua.settop(vm.L, RUNNER_AT if status == 0 else RUNNER_AT + 1)
        lua.gc(vm.L, LUA_GCCOLLECT, 0)  # the next one is not to find what this one left
        vm.refused = 0
    if unlikely(status):
        if not run.failed or status == LUA_ERRMEM:
            take_error(run, vm, status)
        lua.settop(vm.L, RUNNER_AT)     # P1
        c.reply.size = reply_at         # P3
        c.errors = errors
        reply_failure(c, run)
        if run.counted:                 # the command that failed has counted it
            c.errors = errors
            srv.stats.commands[c.cmd.id].failed += 1
    c.argc = argc
    srv.call_ticks = ticks              # what it called is part of its time


cdef void script_reply_busy(client_t* c) noexcept nogil:
    if server_of(c).script_busy == BUSY_FUNCTION:
        reply_error(c, ERR_BUSY_FUNCTION)
    else:
        reply_error(c, ERR_BUSY_SCRIPT)


cdef void script_kill(client_t* c, machine_t machine) noexcept nogil:
    cdef scripting_t* s = <scripting_t*>server_of(c).scripting
    cdef server_t* srv = server_of(c)
    if s is NULL or not s.run.active:
        reply_error(c, ERR_NOT_BUSY)
    elif s.run.wrote:
        reply_error(c, ERR_UNKILLABLE)
    elif s.run.machine != machine:
        script_reply_busy(c)
    else:
        s.run.kill = KILL_ASKED
        reply_ok(c)


# -- compiling ------------------------------------------------------------------------------------

cdef struct compile_t:
    slice_t body
    const char* name
    int reference


cdef int compile_in_protection(lua_State* L) noexcept nogil:
    cdef compile_t* job = <compile_t*>lua.touserdata(L, 1)
    if lua.loadbufferx(L, job.body.data if job.body.size else <const char*>b"", job.body.size,
                       job.name, b"t"):
        return lua.throw(L)
    job.reference = lua.ref(L, LUA_REGISTRYINDEX)
    return 0


cdef int script_compile(scripting_t* s, vm_t* vm, slice_t body, const char* name) noexcept nogil:
    """Made ready first; if that does not compile, as it is, and its own fault is what is told."""
    cdef compile_t job
    cdef buf_t text, mended
    buf_init(&text, &s.srv.heap)
    buf_init(&mended, &s.srv.heap)
    if body.size and memchr(body.data, c'\\', body.size) is not NULL:
        lua_text_drop_escapes(body.data, body.size, &mended)
        body = slice_t(mended.data, mended.size)
    lua_text_keep_frames(body.data, body.size, &text)
    job = compile_t(slice_t(text.data, text.size), name, 0)
    if not script_protect(s, vm, compile_in_protection, &job):
        job.body = body
        if not script_protect(s, vm, compile_in_protection, &job):
            job.reference = 0
    buf_free(&text)
    buf_free(&mended)
    return job.reference


cdef void script_forget(vm_t* vm, int reference) noexcept nogil:
    if vm.L is not NULL:
        lua.unref(vm.L, LUA_REGISTRYINDEX, reference)
