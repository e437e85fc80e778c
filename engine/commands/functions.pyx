"""FUNCTION and FCALL.

The payload of FUNCTION DUMP is what stands in an RDB file: an opcode and the code for each library;
behind them the file's version and a check sum. A library is nothing but its code: to restore is to
load.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy

from ..core.buf cimport buf_append, buf_append_bulk, buf_free, buf_init, buf_t
from ..core.clock cimport clock_mono_us
from ..core.crc cimport crc64
from ..core.glob cimport glob_match
from ..core.heap cimport heap_alloc, heap_free
from ..core.intrinsics cimport load64, store64
from ..core.number cimport equal_nocase
from ..core.types cimport slice_t
from ..journal.rdb cimport rdb_free, rdb_init
from ..journal.rdb_format cimport (
    rdb_put_byte, rdb_put_string, rdb_read_byte, rdb_read_string, rdb_t,
)
from ..wire.command cimport (
    ACL_SCRIPTING, CMD_ALLOW_BUSY, CMD_CONTAINER, CMD_DENYOOM, CMD_LOADING, CMD_MAY_REPLICATE,
    CMD_MOVABLEKEYS, CMD_NOSCRIPT, CMD_NO_MANDATORY_KEYS, CMD_PYTHON, CMD_READONLY,
    CMD_SKIP_MONITOR, CMD_STALE, CMD_WRITE, GROUP_SCRIPTING, KEY_ACCESS, KEY_RO, KEY_RW,
    KEY_UPDATE, client_t, command_register, command_t, keys_counted, keys_none, row, subrow,
)
from ..wire.errors cimport (
    ERR_BAD_KEYS, ERR_DUMP_PAYLOAD, ERR_FUNCTION_ARGUMENT, ERR_FUNCTION_FLUSH,
    ERR_FUNCTION_NO_PATTERN, ERR_FUNCTION_OPTION, ERR_FUNCTION_PAYLOAD, ERR_FUNCTION_POLICY,
    ERR_FUNCTION_USE, ERR_NO_FUNCTION, ERR_NO_LIBRARY,
)
from ..wire.reply cimport (
    reply_array, reply_array_close, reply_array_open, reply_bulk, reply_bulk_text, reply_error,
    reply_error_about, reply_int, reply_map, reply_null, reply_ok, reply_set, reply_simple,
)
from .library cimport (
    function_find, libraries_flush, libraries_of, libraries_sorted, library_delete,
    library_find, library_load_or_reply,
)
from .script cimport (
    script_keys_or_reply, script_kill, script_prepare_or_reply, script_reply_busy, script_run,
)
from .script_shebang cimport script_flag_names
from .script_state cimport MACHINE_FUNCTION, SCRIPT_NO_WRITES, function_t, library_t, scripting_t
from .state cimport server_of, server_t

cdef enum:
    OP_FUNCTION = 0xF5
    PAYLOAD_VERSION = 80                # of RDB, as Valkey 9 writes it
    PAYLOAD_VERSION_MAX = 80
    PAYLOAD_FOOT = 10                   # version, check sum


cdef void functions_flush(server_t* srv) noexcept nogil:
    libraries_flush(srv)


# -- FCALL ----------------------------------------------------------------------------------------

cdef void fcall_generic(client_t* c, bint read_only) noexcept nogil:
    cdef scripting_t* s = libraries_of(server_of(c))
    cdef function_t* function = function_find(s, c.argv[1])
    cdef int keys = 0
    cdef server_t* srv = server_of(c)
    if srv.monitors:
        srv.hooks.monitor(srv, c)
    if function is NULL:
        reply_error(c, ERR_NO_FUNCTION)
        return
    if not script_keys_or_reply(c, ERR_BAD_KEYS, &keys):
        return
    s.run.machine = MACHINE_FUNCTION
    s.run.reference = function.reference
    s.run.name = slice_t(function.name, function.name_size)
    if script_prepare_or_reply(c, s, function.flags, read_only, keys):
        script_run(s, &s.machines[<int>MACHINE_FUNCTION])


cdef void fcall_command(client_t* c) noexcept nogil:
    fcall_generic(c, False)


cdef bint fcall_promises_no_writes(client_t* c) noexcept nogil:
    cdef function_t* function
    if c.cmd.proc != fcall_command:
        return False
    function = function_find(libraries_of(server_of(c)), c.argv[1])
    return function is not NULL and function.flags & SCRIPT_NO_WRITES != 0


cdef void fcall_ro_command(client_t* c) noexcept nogil:
    fcall_generic(c, True)


# -- loading, dropping ----------------------------------------------------------------------------

cdef bint is_word(slice_t arg, const char* word, size_t size) noexcept nogil:
    return equal_nocase(arg.data, arg.size, word, size)


cdef void function_load_command(client_t* c) noexcept nogil:
    cdef slice_t name
    cdef bint replace = False
    cdef int i
    for i in range(2, c.argc - 1):
        if not is_word(c.argv[i], b"replace", 7):
            reply_error_about(c, ERR_FUNCTION_OPTION, c.argv[i], b"")
            return
        replace = True
    if library_load_or_reply(c, c.argv[c.argc - 1], replace, False, &name):
        server_of(c).store.dirty += 1
        reply_bulk(c, name)


cdef void function_delete_command(client_t* c) noexcept nogil:
    cdef scripting_t* s = libraries_of(server_of(c))
    cdef library_t* library = library_find(s, c.argv[2])
    if library is NULL:
        reply_error(c, ERR_NO_LIBRARY)
        return
    library_delete(s, library)
    server_of(c).store.dirty += 1
    reply_ok(c)


cdef void wrong_use(client_t* c, const char* name) noexcept nogil:
    cdef char text[128]
    snprintf(text, sizeof(text), ERR_FUNCTION_USE, name)
    reply_error(c, text)


cdef void function_flush_command(client_t* c) noexcept nogil:
    if c.argc > 3:
        wrong_use(c, b"FLUSH")
        return
    if c.argc == 3 and not (is_word(c.argv[2], b"sync", 4) or is_word(c.argv[2], b"async", 5)):
        reply_error(c, ERR_FUNCTION_FLUSH)
        return
    libraries_flush(server_of(c))
    server_of(c).store.dirty += 1
    reply_ok(c)


# -- looking --------------------------------------------------------------------------------------

cdef void reply_flags(client_t* c, uint32_t flags) noexcept nogil:
    cdef const char** names = script_flag_names()
    cdef int count = 0
    cdef int i = 0
    while names[i] is not NULL:
        count += 1 if flags & <uint32_t>1 << i else 0
        i += 1
    reply_set(c, count)
    i = 0
    while names[i] is not NULL:
        if flags & <uint32_t>1 << i:
            reply_simple(c, names[i])
        i += 1


cdef void reply_function(client_t* c, const function_t* function) noexcept nogil:
    reply_map(c, 3)
    reply_bulk_text(c, b"name")
    reply_bulk(c, slice_t(function.name, function.name_size))
    reply_bulk_text(c, b"description")
    if function.described:
        reply_bulk(c, slice_t(function.name + 2 * function.name_size, function.description_size))
    else:
        reply_null(c)
    reply_bulk_text(c, b"flags")
    reply_flags(c, function.flags)


cdef void reply_library(client_t* c, const library_t* library, bint with_code) noexcept nogil:
    cdef const function_t* function = library.functions
    reply_map(c, 4 if with_code else 3)
    reply_bulk_text(c, b"library_name")
    reply_bulk(c, slice_t(library.name, library.name_size))
    reply_bulk_text(c, b"engine")
    reply_bulk_text(c, b"LUA")
    reply_bulk_text(c, b"functions")
    reply_array(c, library.function_count)
    while function is not NULL:
        reply_function(c, function)
        function = function.next
    if with_code:
        reply_bulk_text(c, b"library_code")
        reply_bulk(c, slice_t(library.code, library.code_size))


cdef void function_list_command(client_t* c) noexcept nogil:
    cdef scripting_t* s = libraries_of(server_of(c))
    cdef library_t** sorted_
    cdef const slice_t* pattern = NULL
    cdef bint with_code = False
    cdef int64_t shown = 0
    cdef uint64_t j
    cdef size_t mark
    cdef int i = 2
    while i < c.argc:
        if not with_code and is_word(c.argv[i], b"withcode", 8):
            with_code = True
        elif pattern is NULL and is_word(c.argv[i], b"libraryname", 11):
            i += 1
            if i == c.argc:
                reply_error(c, ERR_FUNCTION_NO_PATTERN)
                return
            pattern = &c.argv[i]
        else:
            reply_error_about(c, ERR_FUNCTION_ARGUMENT, c.argv[i], b"")
            return
        i += 1
    sorted_ = <library_t**>heap_alloc(c.store.heap, s.libraries.count * sizeof(library_t*))
    libraries_sorted(s, sorted_)
    mark = reply_array_open(c)
    for j in range(s.libraries.count):
        if pattern is NULL or glob_match(pattern.data, pattern.size, sorted_[j].name,
                                         sorted_[j].name_size, True):
            reply_library(c, sorted_[j], with_code)
            shown += 1
    reply_array_close(c, mark, shown)
    heap_free(c.store.heap, sorted_, s.libraries.count * sizeof(library_t*))


cdef void function_stats_command(client_t* c) noexcept nogil:
    cdef scripting_t* s = libraries_of(server_of(c))
    cdef client_t* caller
    cdef int i
    if s.run.active and s.run.machine != MACHINE_FUNCTION:
        script_reply_busy(c)
        return
    reply_map(c, 2)
    reply_bulk_text(c, b"running_script")
    if s.run.active:
        caller = s.run.caller
        reply_map(c, 3)
        reply_bulk_text(c, b"name")
        reply_bulk(c, s.run.name)
        reply_bulk_text(c, b"command")
        reply_array(c, caller.argc)
        for i in range(caller.argc):
            reply_bulk(c, caller.argv[i])
        reply_bulk_text(c, b"duration_ms")
        reply_int(c, (clock_mono_us() - s.run.started_us) // 1000)
    else:
        reply_null(c)
    reply_bulk_text(c, b"engines")
    reply_map(c, 1)
    reply_bulk_text(c, b"LUA")
    reply_map(c, 2)
    reply_bulk_text(c, b"libraries_count")
    reply_int(c, <int64_t>s.libraries.count)
    reply_bulk_text(c, b"functions_count")
    reply_int(c, <int64_t>s.functions.count)


cdef void function_kill_command(client_t* c) noexcept nogil:
    script_kill(c, MACHINE_FUNCTION)


# -- payloads -------------------------------------------------------------------------------------

cdef void functions_write(void* owner, buf_t* out, bint as_rdb) noexcept nogil:
    cdef server_t* srv = <server_t*>owner
    cdef scripting_t* s = <scripting_t*>srv.scripting
    if s is not NULL and s.libraries.count:
        write_all(srv, s, out, as_rdb)


cdef bint functions_load(void* owner, slice_t code, char* why, size_t why_max) noexcept nogil:
    """What the inner client would have been told is the reason."""
    cdef client_t* c = libraries_of(<server_t*>owner).inner
    cdef slice_t name
    cdef bint good
    cdef size_t size
    c.reply.size = 0
    good = library_load_or_reply(c, code, True, True, &name)
    if not good:
        size = c.reply.size - 3         # without the minus and the line end
        size = size if size < why_max else why_max - 1
        memcpy(why, c.reply.data + 1, size)
        why[size] = 0
    c.reply.size = 0
    return good


cdef void write_all(server_t* srv, scripting_t* s, buf_t* out, bint as_rdb) noexcept nogil:
    cdef uint64_t count = s.libraries.count
    cdef library_t** sorted_ = <library_t**>heap_alloc(&srv.heap, count * sizeof(library_t*))
    cdef slice_t code
    cdef uint64_t i
    libraries_sorted(s, sorted_)
    for i in range(count):
        code = slice_t(sorted_[i].code, sorted_[i].code_size)
        if as_rdb:
            rdb_put_byte(out, OP_FUNCTION)
            rdb_put_string(out, code)
        else:
            buf_append(out, b"*3\r\n$8\r\nFUNCTION\r\n$4\r\nLOAD\r\n", 28)
            buf_append_bulk(out, code)
    heap_free(&srv.heap, sorted_, count * sizeof(library_t*))


cdef void function_dump_command(client_t* c) noexcept nogil:
    cdef buf_t out
    cdef char foot[8]
    buf_init(&out, c.store.heap)
    functions_write(server_of(c), &out, True)
    rdb_put_byte(&out, PAYLOAD_VERSION)
    rdb_put_byte(&out, 0)
    store64(foot, crc64(0, out.data, out.size))
    buf_append(&out, foot, 8)
    reply_bulk(c, slice_t(out.data, out.size))
    buf_free(&out)


cdef bint payload_is_good(slice_t payload) noexcept nogil:
    cdef size_t body = payload.size - PAYLOAD_FOOT
    cdef unsigned version
    if payload.size < PAYLOAD_FOOT:
        return False
    version = <uint8_t>payload.data[body] | <unsigned><uint8_t>payload.data[body + 1] << 8
    if version > PAYLOAD_VERSION_MAX:
        return False
    return load64(payload.data + body + 2) == crc64(0, payload.data, body + 2)


cdef bint restore_all(client_t* c, rdb_t* image, bint replace) noexcept nogil:
    """Load every library of the image; False, with the reply, at the first that fails."""
    cdef uint8_t opcode = 0
    cdef slice_t code, name
    while image.at < image.size:
        if not rdb_read_byte(image, &opcode) or opcode != OP_FUNCTION \
                or not rdb_read_string(image, &image.value, &code):
            reply_error(c, ERR_FUNCTION_PAYLOAD)
            return False
        if not library_load_or_reply(c, code, replace, True, &name):
            return False
    return True


cdef void function_restore_command(client_t* c) noexcept nogil:
    """All of them, or none: what was there is written down before, and loaded again on failure."""
    cdef server_t* srv = server_of(c)
    cdef slice_t payload = c.argv[2]
    cdef buf_t before
    cdef bint replace = False
    cdef bint flush = False
    cdef bint good
    if c.argc > 4:
        wrong_use(c, b"RESTORE")
        return
    if c.argc == 4:
        replace = is_word(c.argv[3], b"replace", 7)
        flush = is_word(c.argv[3], b"flush", 5)
        if not replace and not flush and not is_word(c.argv[3], b"append", 6):
            reply_error(c, ERR_FUNCTION_POLICY)
            return
    if not payload_is_good(payload):
        reply_error(c, ERR_DUMP_PAYLOAD)
        return
    buf_init(&before, &srv.heap)
    functions_write(srv, &before, True)
    if flush:
        libraries_flush(srv)
    good = read_payload(c, slice_t(payload.data, payload.size - PAYLOAD_FOOT), replace)
    if good:
        srv.store.dirty += 1
        reply_ok(c)
    else:
        undo(c, &before)
    buf_free(&before)


cdef bint read_payload(client_t* c, slice_t payload, bint replace) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef rdb_t image
    cdef bint good
    rdb_init(&image, &srv.store, payload.data, payload.size,
             <size_t>srv.config.proto_max_bulk_len)
    good = restore_all(c, &image, replace)
    rdb_free(&image)
    return good


cdef void undo(client_t* c, const buf_t* before) noexcept nogil:
    """The reply that says why stays; what loading the old libraries says is not heard."""
    cdef size_t size
    libraries_flush(server_of(c))
    size = c.reply.size
    read_payload(c, slice_t(before.data, before.size), False)
    c.reply.size = size


cdef enum:
    ANY_FCALL = CMD_NOSCRIPT | CMD_STALE | CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS \
        | CMD_MOVABLEKEYS
    CHANGE = CMD_NOSCRIPT | CMD_WRITE
    KEYS_RW = KEY_RW | KEY_ACCESS | KEY_UPDATE
    KEYS_RO = KEY_RO | KEY_ACCESS

cdef const char* DEPENDS = b"Depends on the function that is executed."

cdef command_t TABLE[12]
TABLE[:] = [
    row(b"fcall", fcall_command, -3, ANY_FCALL | CMD_MAY_REPLICATE, ACL_SCRIPTING,
        GROUP_SCRIPTING, keys_counted(2, 1, KEYS_RW), b"7.0.0", DEPENDS,
        b"FCALL function numkeys [key [key ...]] [arg [arg ...]]",
        b"Calls a function of a library."),
    row(b"fcall_ro", fcall_ro_command, -3, ANY_FCALL | CMD_READONLY, ACL_SCRIPTING,
        GROUP_SCRIPTING, keys_counted(2, 1, KEYS_RO), b"7.0.0", DEPENDS,
        b"FCALL_RO function numkeys [key [key ...]] [arg [arg ...]]",
        b"Calls a function of a library that does not write."),
    row(b"function", NULL, -2, CMD_CONTAINER, 0, GROUP_SCRIPTING, keys_none(), b"7.0.0",
        b"Depends on subcommand.", b"FUNCTION subcommand",
        b"Commands about libraries of functions."),
    subrow(b"function", b"load", function_load_command, -3, CHANGE | CMD_DENYOOM, ACL_SCRIPTING,
           GROUP_SCRIPTING, keys_none(), b"7.0.0", b"O(1), and what the library does.",
           b"FUNCTION LOAD [REPLACE] function-code",
           b"Makes a library of its code; replies its name."),
    subrow(b"function", b"delete", function_delete_command, 3, CHANGE, ACL_SCRIPTING,
           GROUP_SCRIPTING, keys_none(), b"7.0.0", b"O(N) where N is the number of its functions.",
           b"FUNCTION DELETE library-name", b"Drops a library."),
    subrow(b"function", b"flush", function_flush_command, -2, CHANGE, ACL_SCRIPTING,
           GROUP_SCRIPTING, keys_none(), b"7.0.0", b"O(N) where N is the number of functions.",
           b"FUNCTION FLUSH [ASYNC | SYNC]", b"Drops every library."),
    subrow(b"function", b"list", function_list_command, -2, CMD_NOSCRIPT, ACL_SCRIPTING,
           GROUP_SCRIPTING, keys_none(), b"7.0.0", b"O(N) where N is the number of functions.",
           b"FUNCTION LIST [LIBRARYNAME library-name-pattern] [WITHCODE]",
           b"Lists libraries and their functions."),
    subrow(b"function", b"stats", function_stats_command, 2, CMD_NOSCRIPT | CMD_ALLOW_BUSY,
           ACL_SCRIPTING, GROUP_SCRIPTING, keys_none(), b"7.0.0", b"O(1)", b"FUNCTION STATS",
           b"Tells which function runs, and how many there are."),
    subrow(b"function", b"kill", function_kill_command, 2, CMD_NOSCRIPT | CMD_ALLOW_BUSY,
           ACL_SCRIPTING, GROUP_SCRIPTING, keys_none(), b"7.0.0", b"O(1)", b"FUNCTION KILL",
           b"Ends the function that runs, if it has not written yet."),
    subrow(b"function", b"dump", function_dump_command, 2, CMD_NOSCRIPT, ACL_SCRIPTING,
           GROUP_SCRIPTING, keys_none(), b"7.0.0", b"O(N) where N is the size of the libraries.",
           b"FUNCTION DUMP", b"Replies all libraries in the form that FUNCTION RESTORE takes."),
    subrow(b"function", b"restore", function_restore_command, -3, CHANGE | CMD_DENYOOM,
           ACL_SCRIPTING, GROUP_SCRIPTING, keys_none(), b"7.0.0",
           b"O(N) where N is the size of the libraries.",
           b"FUNCTION RESTORE serialized-value [FLUSH | APPEND | REPLACE]",
           b"Brings back the libraries of a dump."),
    subrow(b"function", b"help", NULL, 2, CMD_PYTHON | CMD_LOADING | CMD_STALE, ACL_SCRIPTING,
           GROUP_SCRIPTING, keys_none(), b"7.0.0", b"O(1)", b"FUNCTION HELP",
           b"Shows the subcommands."),
]
command_register(TABLE, 12)
