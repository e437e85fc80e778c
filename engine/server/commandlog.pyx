"""The command log.

    newest -> entry -> entry -> ... -> oldest      each a single block, so that dropping one is one
                                                   free, and its memory is counted exactly
"""
from libc.string cimport memcpy, strcmp, strlen

from ..core.heap cimport heap_alloc, heap_alloc_zero, heap_free
from ..core.number cimport equal_nocase, format_uint64
from ..wire.command cimport CLIENT_DENY_BLOCKING

cdef const char* REDACTED = b"(redacted)"
# CONFIG SET's directives whose value is a secret.
cdef const char* SECRET_DIRECTIVE[7]
SECRET_DIRECTIVE[:] = [b"requirepass", b"masterauth", b"primaryauth", b"masteruser",
                       b"primaryuser", b"tls-key-file-pass", b"tls-client-key-file-pass"]


cdef void commandlog_init(server_t* srv) noexcept nogil:
    cdef int kind
    for kind in range(LOG_KINDS):
        srv.commandlog[kind] = heap_alloc_zero(&srv.heap, sizeof(commandlog_t))


cdef void commandlog_free(server_t* srv) noexcept nogil:
    cdef int kind
    for kind in range(LOG_KINDS):
        if srv.commandlog[kind] is NULL:
            continue
        commandlog_reset(srv, kind)
        heap_free(&srv.heap, srv.commandlog[kind], sizeof(commandlog_t))
        srv.commandlog[kind] = NULL


# -- what is a secret -----------------------------------------------------------------------------

cdef bint is_named(slice_t word, const char* name) noexcept nogil:
    return equal_nocase(word.data, word.size, name, strlen(name))


cdef bint argument_is_secret(const command_t* cmd, int argc, const slice_t* argv,
                             int index) noexcept nogil:
    cdef const char* parent = b""
    cdef int i
    if cmd.parent is not NULL:
        parent = cmd.parent
    if strcmp(cmd.name, b"auth") == 0:
        return index > 0
    if strcmp(cmd.name, b"hello") == 0:
        i = 2
        while i <= index and i < argc:
            if is_named(argv[i], b"auth"):
                if i < index <= i + 2:
                    return True         # the user's name too: it may be a mistyped password
                i += 3
            else:
                i += 2                  # SETNAME and its value
        return False
    if strcmp(cmd.name, b"set") == 0 and strcmp(parent, b"config") == 0:
        if index < 3 or index % 2 == 0:
            return False
        for i in range(7):
            if is_named(argv[index - 1], SECRET_DIRECTIVE[i]):
                return True
        return False
    return strcmp(cmd.name, b"setuser") == 0 and strcmp(parent, b"acl") == 0 and index > 1


# -- entries --------------------------------------------------------------------------------------

cdef size_t put_text(char* out, const char* text) noexcept nogil:
    memcpy(out, text, strlen(text))
    return strlen(text)


cdef size_t cut_argument(char* out, slice_t arg) noexcept nogil:
    """`out` has LOG_ARG_ROOM bytes."""
    cdef size_t size = arg.size
    if size <= LOG_ARG_MAX:
        if size:
            memcpy(out, arg.data, size)
        return size
    memcpy(out, arg.data, LOG_ARG_MAX)
    size = LOG_ARG_MAX
    size += put_text(out + size, b"... (")
    size += <size_t>format_uint64(out + size, arg.size - LOG_ARG_MAX)
    return size + put_text(out + size, b" more bytes)")


cdef size_t argument(char* out, const client_t* c, const command_t* cmd, int i) noexcept nogil:
    cdef size_t size
    if i == LOG_ARGS_MAX - 1 and c.argc > LOG_ARGS_MAX:
        size = put_text(out, b"... (")
        size += <size_t>format_uint64(out + size, <uint64_t>(c.argc - LOG_ARGS_MAX + 1))
        return size + put_text(out + size, b" more arguments)")
    if argument_is_secret(cmd, c.argc, c.argv, i):
        return put_text(out, REDACTED)
    return cut_argument(out, c.argv[i])


cdef void commandlog_add(server_t* srv, int kind, const client_t* c, const command_t* cmd,
                         int64_t value) noexcept nogil:
    cdef commandlog_t* log = commandlog_of(srv, kind)
    cdef char text[LOG_ARGS_MAX * LOG_ARG_ROOM]
    cdef uint32_t sizes[LOG_ARGS_MAX]
    cdef int argc = c.argc if c.argc < LOG_ARGS_MAX else LOG_ARGS_MAX
    cdef size_t size = 0
    cdef const client_t* who = c
    cdef size_t peer_size, total
    cdef log_entry_t* entry
    cdef char* at
    cdef int i
    if c.modes & CLIENT_DENY_BLOCKING and srv.caller:
        who = srv.caller                # what a script calls is its caller's
    peer_size = strlen(who.address)
    for i in range(argc):
        sizes[i] = <uint32_t>argument(&text[size], c, cmd, i)
        size += sizes[i]
    total = sizeof(log_entry_t) + peer_size + who.name.size + size
    entry = <log_entry_t*>heap_alloc(&srv.heap, total)
    entry.size = total
    entry.id = log.next_id
    entry.wall_s = srv.wall_ms // 1000
    entry.value = value
    entry.peer_size = <uint32_t>peer_size
    entry.name_size = <uint32_t>who.name.size
    entry.argc = <uint32_t>argc
    memcpy(entry.arg_size, sizes, <size_t>argc * sizeof(uint32_t))
    at = entry.text
    memcpy(at, who.address, peer_size)
    at += peer_size
    if who.name.size:
        memcpy(at, who.name.data, who.name.size)
    memcpy(at + who.name.size, text, size)
    log.next_id += 1
    log.count += 1
    entry.newer = NULL
    entry.older = log.newest
    if log.newest is not NULL:
        log.newest.newer = entry
    else:
        log.oldest = entry
    log.newest = entry
    commandlog_trim(srv, kind)


cdef void drop_oldest(server_t* srv, commandlog_t* log) noexcept nogil:
    cdef log_entry_t* entry = log.oldest
    log.oldest = entry.newer
    if log.oldest is not NULL:
        log.oldest.older = NULL
    else:
        log.newest = NULL
    log.count -= 1
    heap_free(&srv.heap, entry, entry.size)


cdef void commandlog_reset(server_t* srv, int kind) noexcept nogil:
    cdef commandlog_t* log = commandlog_of(srv, kind)
    while log.oldest is not NULL:
        drop_oldest(srv, log)


cdef void commandlog_trim(server_t* srv, int kind) noexcept nogil:
    cdef commandlog_t* log = commandlog_of(srv, kind)
    cdef int64_t count_max = srv.config.slowlog_max_len
    if kind == LOG_LARGE_REQUEST:
        count_max = srv.config.commandlog_large_request_max_len
    elif kind == LOG_LARGE_REPLY:
        count_max = srv.config.commandlog_large_reply_max_len
    while log.oldest is not NULL and log.count > count_max:
        drop_oldest(srv, log)
