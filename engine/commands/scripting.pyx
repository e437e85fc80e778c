"""EVAL, EVALSHA and their cousins; SCRIPT.

A script is compiled once and found again by the SHA-1 of its text. Those that only EVAL has
brought are remembered up to FORGETTABLE_MAX, the oldest forgotten first; those that SCRIPT LOAD
brought stay, since their clients count on it.

    oldest -> [ script ] <-> [ script ] <-> [ script ] <- newest      (EVAL's)
    table: name -> script                                             (all)

The same text tends to come again: the script that ran last is compared with it, byte by byte,
before its name is computed.

Invariants
    C1  a script is in the table; it is in the list exactly when it is forgettable
    C2  scripts and machine go together: a flush ends both
"""
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy

from ..core.heap cimport heap_alloc, heap_block_size, heap_free
from ..core.intrinsics cimport kvd_assert
from ..core.lua cimport lua_State
from ..core.lua_vm cimport vm_t
from ..core.number cimport equal_nocase
from ..core.sha1 cimport SHA1_HEX_SIZE, sha1_hex
from ..core.table cimport (
    SEGMENT_ITEMS_MAX, table_find, table_free, table_hash, table_init, table_insert, table_remove,
    table_scan, table_type_t,
)
from ..core.types cimport slice_t
from ..wire.command cimport (
    ACL_SCRIPTING, CMD_ALLOW_BUSY, CMD_CONTAINER, CMD_LOADING, CMD_MAY_REPLICATE,
    CMD_MOVABLEKEYS, CMD_NOSCRIPT, CMD_NO_MANDATORY_KEYS, CMD_PYTHON, CMD_READONLY,
    CMD_SKIP_MONITOR, CMD_STALE, GROUP_SCRIPTING, KEY_ACCESS, KEY_RO, KEY_RW, KEY_UPDATE, client_t,
    command_register, command_t, keys_counted, keys_none, row, subrow,
)
from ..wire.errors cimport (
    ERR_NOT_INTEGER, ERR_NO_SCRIPT, ERR_NO_SCRIPT_DEBUG, ERR_SCRIPT_COMPILE, ERR_SCRIPT_DEBUG,
    ERR_SCRIPT_FLUSH,
)
from ..wire.reply cimport (
    reply_array, reply_bulk, reply_error, reply_error_two, reply_int, reply_ok,
)
from .script cimport (
    machine_drop, machine_or_reply, script_compile, script_forget, script_keys_or_reply,
    script_kill, script_prepare_or_reply, script_run, scripting_of,
)
from .script_api cimport script_api_add_eval
from .script_shebang cimport script_shebang_or_reply, shebang_t
from .script_state cimport MACHINE_EVAL, SCRIPT_NO_WRITES, script_t, scripting_t
from .state cimport server_of, server_t

cdef enum:
    FORGETTABLE_MAX = 500

cdef slice_t name_of(const void* item) noexcept nogil:
    return slice_t(&(<const script_t*>item).name[0], SHA1_HEX_SIZE)


cdef table_type_t SCRIPT_TYPE
SCRIPT_TYPE.key_of = name_of
SCRIPT_TYPE.deadline_of = NULL


# -- the cache ------------------------------------------------------------------------------------

cdef scripting_t* cache_of(server_t* srv) noexcept nogil:
    cdef scripting_t* s = scripting_of(srv)
    if s.scripts.heap is NULL:
        table_init(&s.scripts, &srv.heap, &SCRIPT_TYPE, srv.store.secret)
    return s


cdef script_t* find(scripting_t* s, const char* name) noexcept nogil:
    cdef slice_t key = slice_t(name, SHA1_HEX_SIZE)
    if s.last is not NULL and memcmp(s.last.name, name, SHA1_HEX_SIZE) == 0:
        return s.last
    return <script_t*>table_find(&s.scripts, table_hash(&s.scripts, key), key)


cdef bint read_name(slice_t text, char* name) noexcept nogil:
    """A name as clients write it, in lower case."""
    cdef size_t i
    if text.size != SHA1_HEX_SIZE:
        return False
    for i in range(<size_t>SHA1_HEX_SIZE):
        name[i] = text.data[i] | 32 if c'A' <= text.data[i] <= c'Z' else text.data[i]
    return True


cdef void unlink(scripting_t* s, script_t* script) noexcept nogil:
    if script.older is not NULL:
        script.older.newer = script.newer
    else:
        s.oldest = script.newer
    if script.newer is not NULL:
        script.newer.older = script.older
    else:
        s.newest = script.older
    s.forgettable -= 1
    script.forgettable = False


cdef void link_newest(scripting_t* s, script_t* script) noexcept nogil:
    script.newer = NULL
    script.older = s.newest
    if s.newest is not NULL:
        s.newest.newer = script
    else:
        s.oldest = script
    s.newest = script
    s.forgettable += 1
    script.forgettable = True


cdef void release(scripting_t* s, script_t* script) noexcept nogil:
    if s.last is script:
        s.last = NULL
    s.scripts_memory -= heap_block_size(sizeof(script_t) + script.size)
    heap_free(&s.srv.heap, script, sizeof(script_t) + script.size)


cdef void forget(scripting_t* s, script_t* script) noexcept nogil:
    cdef bint found
    unlink(s, script)
    found = table_remove(&s.scripts, table_hash(&s.scripts, name_of(script)), script)
    kvd_assert(found)                   # C1
    script_forget(&s.machines[<int>MACHINE_EVAL], script.reference)
    s.evicted += 1
    release(s, script)


cdef script_t* compile_or_reply(client_t* c, scripting_t* s, vm_t* vm, slice_t text,
                                const char* name) noexcept nogil:
    cdef shebang_t bang
    cdef script_t* script
    cdef int reference
    if not script_shebang_or_reply(c, text, &bang):
        return NULL
    # Not the shebang, but the line end behind it: lines are counted as their writer counts them.
    reference = script_compile(s, vm, slice_t(text.data + bang.size, text.size - bang.size),
                               b"@user_script")
    if reference == 0:
        reply_error_two(c, ERR_SCRIPT_COMPILE, slice_t(NULL, 0), b"",
                        slice_t(&s.run.error[4], s.run.error_size - 4), b"")
        return NULL
    script = <script_t*>heap_alloc(&s.srv.heap, sizeof(script_t) + text.size)
    script.flags = bang.flags
    script.reference = reference
    script.forgettable = False
    script.size = text.size
    memcpy(script.name, name, SHA1_HEX_SIZE)
    if text.size:
        memcpy(script.text, text.data, text.size)
    s.scripts_memory += heap_block_size(sizeof(script_t) + text.size)
    table_insert(&s.scripts, table_hash(&s.scripts, name_of(script)), script)
    return script


cdef void scripts_flush(server_t* srv) noexcept nogil:
    """C2."""
    cdef scripting_t* s = <scripting_t*>srv.scripting
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef uint64_t cursor = 0
    cdef size_t count, i
    if s is NULL:
        return
    machine_drop(s, MACHINE_EVAL)
    if s.scripts.heap is NULL:
        return
    while True:
        count = table_scan(&s.scripts, &cursor, items)
        for i in range(count):
            release(s, <script_t*>items[i])
        if cursor == 0:
            break
    table_free(&s.scripts)
    table_init(&s.scripts, &srv.heap, &SCRIPT_TYPE, srv.store.secret)
    s.oldest = NULL
    s.newest = NULL
    s.forgettable = 0


# -- EVAL -----------------------------------------------------------------------------------------

cdef int eval_surface(lua_State* L) noexcept nogil:
    script_api_add_eval(L)
    return 0


cdef script_t* named_or_reply(client_t* c, scripting_t* s) noexcept nogil:
    cdef char name[SHA1_HEX_SIZE]
    cdef script_t* script = NULL
    if read_name(c.argv[1], name):
        script = find(s, name)
    if script is NULL:
        reply_error(c, ERR_NO_SCRIPT)
    return script


cdef script_t* text_or_reply(client_t* c, scripting_t* s, vm_t* vm) noexcept nogil:
    """The script whose text is given, compiled if it is new."""
    cdef slice_t text = c.argv[1]
    cdef char name[SHA1_HEX_SIZE]
    cdef script_t* script = s.last
    if script is not NULL and script.size == text.size and (
            text.size == 0 or memcmp(script.text, text.data, text.size) == 0):
        return script
    sha1_hex(text.data, text.size, name)
    script = find(s, name)
    if script is not NULL:
        return script
    script = compile_or_reply(c, s, vm, text, name)
    if script is not NULL:
        link_newest(s, script)
        if s.forgettable > FORGETTABLE_MAX:
            forget(s, s.oldest)
    return script


cdef void eval_generic(client_t* c, bint by_name, bint read_only) noexcept nogil:
    cdef scripting_t* s = cache_of(server_of(c))
    cdef vm_t* vm
    cdef script_t* script
    cdef int keys = 0
    cdef server_t* srv = server_of(c)
    if srv.monitors:
        srv.hooks.monitor(srv, c)
    if by_name and c.argv[1].size != SHA1_HEX_SIZE:
        reply_error(c, ERR_NO_SCRIPT)
        return
    if not script_keys_or_reply(c, ERR_NOT_INTEGER, &keys):
        return
    vm = machine_or_reply(c, MACHINE_EVAL, eval_surface)
    if vm is NULL:
        return
    script = named_or_reply(c, s) if by_name else text_or_reply(c, s, vm)
    if script is NULL:
        return
    if script.forgettable and script is not s.newest:
        unlink(s, script)
        link_newest(s, script)
    s.last = script
    s.run.machine = MACHINE_EVAL
    s.run.reference = script.reference
    s.run.name = slice_t(NULL, 0)
    if script_prepare_or_reply(c, s, script.flags, read_only, keys):
        script_run(s, vm)


cdef bint eval_promises_no_writes(client_t* c) noexcept nogil:
    cdef script_t* script = NULL
    cdef shebang_t bang
    cdef char name[SHA1_HEX_SIZE]
    cdef size_t reply_at = c.reply.size
    cdef uint64_t errors = c.errors
    cdef bint read
    if c.cmd.proc == evalsha_command:
        if read_name(c.argv[1], name):
            script = find(cache_of(server_of(c)), name)
        return script is not NULL and script.flags & SCRIPT_NO_WRITES != 0
    if c.cmd.proc != eval_command:
        return False
    read = script_shebang_or_reply(c, c.argv[1], &bang)
    c.reply.size = reply_at             # what is wrong with it is told when it runs
    c.errors = errors
    return read and bang.flags & SCRIPT_NO_WRITES != 0


cdef void eval_command(client_t* c) noexcept nogil:
    eval_generic(c, False, False)


cdef void evalsha_command(client_t* c) noexcept nogil:
    eval_generic(c, True, False)


cdef void eval_ro_command(client_t* c) noexcept nogil:
    eval_generic(c, False, True)


cdef void evalsha_ro_command(client_t* c) noexcept nogil:
    eval_generic(c, True, True)


# -- SCRIPT ---------------------------------------------------------------------------------------

cdef void script_load_command(client_t* c) noexcept nogil:
    cdef scripting_t* s = cache_of(server_of(c))
    cdef vm_t* vm = machine_or_reply(c, MACHINE_EVAL, eval_surface)
    cdef char name[SHA1_HEX_SIZE]
    cdef script_t* script
    if vm is NULL:
        return
    sha1_hex(c.argv[2].data, c.argv[2].size, name)
    script = find(s, name)
    if script is NULL:
        script = compile_or_reply(c, s, vm, c.argv[2], name)
        if script is NULL:
            return
    elif script.forgettable:
        unlink(s, script)
    reply_bulk(c, slice_t(&script.name[0], SHA1_HEX_SIZE))


cdef void script_exists_command(client_t* c) noexcept nogil:
    cdef scripting_t* s = cache_of(server_of(c))
    cdef char name[SHA1_HEX_SIZE]
    cdef int i
    reply_array(c, c.argc - 2)
    for i in range(2, c.argc):
        reply_int(c, read_name(c.argv[i], name) and find(s, name) is not NULL)


cdef void script_show_command(client_t* c) noexcept nogil:
    cdef scripting_t* s = cache_of(server_of(c))
    cdef char name[SHA1_HEX_SIZE]
    cdef script_t* script = NULL
    if read_name(c.argv[2], name):
        script = find(s, name)
    if script is NULL:
        reply_error(c, ERR_NO_SCRIPT)
    else:
        reply_bulk(c, slice_t(&script.text[0], script.size))


cdef void script_flush_command(client_t* c) noexcept nogil:
    """A machine is freed as a whole, which takes no time worth deferring: ASYNC is SYNC."""
    if c.argc > 3 or (c.argc == 3 and not (
            equal_nocase(c.argv[2].data, c.argv[2].size, b"sync", 4)
            or equal_nocase(c.argv[2].data, c.argv[2].size, b"async", 5))):
        reply_error(c, ERR_SCRIPT_FLUSH)
        return
    scripts_flush(server_of(c))
    reply_ok(c)


cdef void script_kill_command(client_t* c) noexcept nogil:
    script_kill(c, MACHINE_EVAL)


cdef void script_debug_command(client_t* c) noexcept nogil:
    cdef slice_t mode = c.argv[2]
    if c.argc <= 4 and equal_nocase(mode.data, mode.size, b"no", 2):
        reply_ok(c)
    elif c.argc <= 4 and (equal_nocase(mode.data, mode.size, b"yes", 3)
                          or equal_nocase(mode.data, mode.size, b"sync", 4)):
        reply_error(c, ERR_NO_SCRIPT_DEBUG)
    else:
        reply_error(c, ERR_SCRIPT_DEBUG)


cdef enum:
    ANY_EVAL = CMD_NOSCRIPT | CMD_STALE | CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS \
        | CMD_MOVABLEKEYS
    WRITER = ANY_EVAL | CMD_MAY_REPLICATE
    READER = ANY_EVAL | CMD_READONLY
    KEYS_RW = KEY_RW | KEY_ACCESS | KEY_UPDATE
    KEYS_RO = KEY_RO | KEY_ACCESS

cdef const char* DEPENDS = b"Depends on the script that is executed."

cdef command_t TABLE[12]
TABLE[:] = [
    row(b"eval", eval_command, -3, WRITER, ACL_SCRIPTING, GROUP_SCRIPTING,
        keys_counted(2, 1, KEYS_RW), b"2.6.0", DEPENDS,
        b"EVAL script numkeys [key [key ...]] [arg [arg ...]]",
        b"Runs a Lua script."),
    row(b"evalsha", evalsha_command, -3, WRITER, ACL_SCRIPTING, GROUP_SCRIPTING,
        keys_counted(2, 1, KEYS_RW), b"2.6.0", DEPENDS,
        b"EVALSHA sha1 numkeys [key [key ...]] [arg [arg ...]]",
        b"Runs a Lua script that the server knows by the SHA-1 of its text."),
    row(b"eval_ro", eval_ro_command, -3, READER, ACL_SCRIPTING, GROUP_SCRIPTING,
        keys_counted(2, 1, KEYS_RO), b"7.0.0", DEPENDS,
        b"EVAL_RO script numkeys [key [key ...]] [arg [arg ...]]",
        b"Runs a Lua script that may not write."),
    row(b"evalsha_ro", evalsha_ro_command, -3, READER, ACL_SCRIPTING, GROUP_SCRIPTING,
        keys_counted(2, 1, KEYS_RO), b"7.0.0", DEPENDS,
        b"EVALSHA_RO sha1 numkeys [key [key ...]] [arg [arg ...]]",
        b"Runs a Lua script that the server knows and that may not write."),
    row(b"script", NULL, -2, CMD_CONTAINER, 0, GROUP_SCRIPTING, keys_none(), b"2.6.0",
        b"Depends on subcommand.", b"SCRIPT subcommand",
        b"Commands about cached scripts."),
    subrow(b"script", b"load", script_load_command, 3, CMD_NOSCRIPT | CMD_STALE, ACL_SCRIPTING,
           GROUP_SCRIPTING, keys_none(), b"2.6.0",
           b"O(N) where N is the size of the script.", b"SCRIPT LOAD script",
           b"Remembers a script without running it; replies its SHA-1."),
    subrow(b"script", b"exists", script_exists_command, -3, CMD_NOSCRIPT | CMD_STALE,
           ACL_SCRIPTING, GROUP_SCRIPTING, keys_none(), b"2.6.0", b"O(1) a script.",
           b"SCRIPT EXISTS sha1 [sha1 ...]",
           b"Tells which of these scripts the server knows."),
    subrow(b"script", b"show", script_show_command, 3, CMD_NOSCRIPT | CMD_STALE, ACL_SCRIPTING,
           GROUP_SCRIPTING, keys_none(), b"8.0.0", b"O(1)", b"SCRIPT SHOW sha1",
           b"Replies the text of a script."),
    subrow(b"script", b"flush", script_flush_command, -2, CMD_NOSCRIPT | CMD_STALE, ACL_SCRIPTING,
           GROUP_SCRIPTING, keys_none(), b"2.6.0", b"O(N) where N is the number of scripts.",
           b"SCRIPT FLUSH [ASYNC | SYNC]",
           b"Forgets every script."),
    subrow(b"script", b"kill", script_kill_command, 2, CMD_NOSCRIPT | CMD_ALLOW_BUSY,
           ACL_SCRIPTING, GROUP_SCRIPTING, keys_none(), b"2.6.0", b"O(1)", b"SCRIPT KILL",
           b"Ends the script that runs, if it has not written yet."),
    subrow(b"script", b"debug", script_debug_command, -3, CMD_NOSCRIPT, ACL_SCRIPTING,
           GROUP_SCRIPTING, keys_none(), b"3.2.0", b"O(1)",
           b"SCRIPT DEBUG <YES | SYNC | NO> [engine-name]",
           b"Refused, but for NO: there is no debugger here."),
    subrow(b"script", b"help", NULL, 2, CMD_PYTHON | CMD_LOADING | CMD_STALE, ACL_SCRIPTING,
           GROUP_SCRIPTING, keys_none(), b"5.0.0", b"O(1)", b"SCRIPT HELP",
           b"Shows the subcommands."),
]
command_register(TABLE, 12)
