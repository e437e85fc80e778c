"""Looking at a server and stopping it: INFO, COMMAND, MEMORY, SLOWLOG, LATENCY, SHUTDOWN ...

Most of these are served in Python (engine/server/cold_*.py): they are rare, and long texts. What
stays here is what applications call often (TIME, MEMORY USAGE), what must touch a client
(MONITOR), and the table.
"""
from libc.stdint cimport int64_t, uint32_t

from ..core.clock cimport clock_wall_us
from ..core.heap cimport heap_purge
from ..core.number cimport equal_nocase, parse_int64
from ..core.types cimport slice_t
from ..journal.aof cimport AOF_OK
from ..store.entry cimport entry_memory, entry_t
from ..store.keyspace cimport keyspace_peek
from ..wire.command cimport (
    ACL_ADMIN, ACL_CONNECTION, ACL_DANGEROUS, CLIENT_CLOSE_SOON, CLIENT_EXECUTING, CLIENT_MONITOR,
    CMD_ADMIN, CMD_ALLOW_BUSY, CMD_CONTAINER, CMD_CONTAINER_RUNS, CMD_FAST, CMD_LOADING,
    CMD_NO_ASYNC_LOADING, CMD_NO_MULTI, CMD_NOSCRIPT, CMD_PYTHON, CMD_READONLY, CMD_STALE,
    GROUP_SERVER, KEY_RO, client_t, command_register, command_t, key_hash, keys_at,
    keys_none, row, subrow,
)
from ..wire.errors cimport (
    ERR_MONITOR_IN_EXEC, ERR_NO_SHUTDOWN, ERR_NOT_INTEGER, ERR_SHUTDOWN_CLUSTER,
    ERR_SHUTDOWN_FAILED, ERR_SHUTDOWN_SAVE,
)
from ..wire.reply cimport (
    reply_array, reply_bulk_int, reply_bulk_text, reply_error, reply_error_syntax, reply_int,
    reply_null, reply_ok,
)
from .script cimport script_reply_busy
from .state cimport BUSY_NO, server_of, server_t

cdef enum:
    SLOT_BYTES = 8                      # an entry's place in the table: 64 bytes for 9, rounded up
    PURGE_UNITS = 1 << 30               # all
    SAMPLES = 5                         # elements that an aggregate's size is estimated from


cdef void time_command(client_t* c) noexcept nogil:
    """In a transaction or a script time stands still, until the script has become slow."""
    cdef server_t* srv = server_of(c)
    cdef int64_t now_us = srv.unit_us
    if now_us == 0 or not srv.in_exec or srv.script_busy != BUSY_NO:
        now_us = clock_wall_us()
        if srv.in_exec:
            srv.unit_us = now_us
    reply_array(c, 2)
    reply_bulk_int(c, now_us // 1000000)
    reply_bulk_int(c, now_us % 1000000)


cdef void lastsave_command(client_t* c) noexcept nogil:
    """No snapshot is ever written: what stands on disk dates from the start."""
    reply_int(c, server_of(c).stats.started_ms // 1000)


cdef void role_command(client_t* c) noexcept nogil:
    """A primary without replicas."""
    reply_array(c, 3)
    reply_bulk_text(c, b"master")
    reply_int(c, 0)
    reply_array(c, 0)


cdef void monitor_command(client_t* c) noexcept nogil:
    if c.flags & CLIENT_EXECUTING:
        reply_error(c, ERR_MONITOR_IN_EXEC)
        return
    if not c.flags & CLIENT_MONITOR:
        c.flags |= CLIENT_MONITOR
        server_of(c).monitors += 1
    reply_ok(c)


# -- memory ---------------------------------------------------------------------------------------

cdef inline bint is_word(slice_t arg, const char* word, size_t size) noexcept nogil:
    return equal_nocase(arg.data, arg.size, word, size)


cdef void memory_usage_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef int64_t samples = SAMPLES
    cdef int i = 3
    while i < c.argc:
        if not is_word(c.argv[i], b"samples", 7) or i + 1 == c.argc:
            reply_error_syntax(c)
            return
        if not parse_int64(c.argv[i + 1].data, c.argv[i + 1].size, &samples):
            reply_error(c, ERR_NOT_INTEGER)
            return
        if samples < 0:
            reply_error_syntax(c)
            return
        i += 2
    entry = keyspace_peek(c.ks, key_hash(c, c.argv[2]), c.argv[2])
    if entry is NULL:
        reply_null(c)
    else:
        reply_int(c, <int64_t>entry_memory(entry, <size_t>samples) + SLOT_BYTES)


cdef void memory_purge_command(client_t* c) noexcept nogil:
    heap_purge(&server_of(c).heap, PURGE_UNITS)
    reply_ok(c)


# -- shutdown -------------------------------------------------------------------------------------

cdef enum:
    SHUTDOWN_NOSAVE = 1
    SHUTDOWN_SAVE = 2
    SHUTDOWN_NOW = 4                    # there are no replicas to wait for: nothing to skip
    SHUTDOWN_FORCE = 8
    SHUTDOWN_ABORT = 16
    SHUTDOWN_SAFE = 32                  # says no only where a cluster would lose slots
    SHUTDOWN_FAILOVER = 64


cdef uint32_t shutdown_flag(slice_t arg) noexcept nogil:
    if is_word(arg, b"nosave", 6):
        return SHUTDOWN_NOSAVE
    if is_word(arg, b"save", 4):
        return SHUTDOWN_SAVE
    if is_word(arg, b"now", 3):
        return SHUTDOWN_NOW
    if is_word(arg, b"force", 5):
        return SHUTDOWN_FORCE
    if is_word(arg, b"abort", 5):
        return SHUTDOWN_ABORT
    if is_word(arg, b"safe", 4):
        return SHUTDOWN_SAFE
    if is_word(arg, b"failover", 8):
        return SHUTDOWN_FAILOVER
    return 0


cdef void shutdown_command(client_t* c) noexcept nogil:
    """The loop leaves at the end of the turn, the journal written. There is no reply then."""
    cdef server_t* srv = server_of(c)
    cdef uint32_t flags = 0
    cdef uint32_t flag
    cdef int i
    for i in range(1, c.argc):
        flag = shutdown_flag(c.argv[i])
        if not flag:
            reply_error_syntax(c)
            return
        flags |= flag
    if (flags & SHUTDOWN_ABORT and flags != SHUTDOWN_ABORT) or (
            flags & SHUTDOWN_NOSAVE and flags & SHUTDOWN_SAVE):
        reply_error_syntax(c)
    elif srv.script_busy != BUSY_NO and not flags & SHUTDOWN_NOSAVE:
        script_reply_busy(c)
    elif flags & SHUTDOWN_ABORT:
        # One that was asked for ends with its turn: nobody can still stop it.
        reply_error(c, ERR_NO_SHUTDOWN)
    elif flags & SHUTDOWN_FAILOVER:
        reply_error(c, ERR_SHUTDOWN_CLUSTER)
    elif flags & SHUTDOWN_SAVE:
        reply_error(c, ERR_SHUTDOWN_SAVE)
    elif srv.aof.enabled and srv.aof.status != AOF_OK and not flags & SHUTDOWN_FORCE:
        reply_error(c, ERR_SHUTDOWN_FAILED)
    else:
        srv.stop = True
        c.flags |= CLIENT_CLOSE_SOON


# -- table ----------------------------------------------------------------------------------------

cdef enum:
    CONTAINER = CMD_CONTAINER
    HELP = CMD_PYTHON | CMD_LOADING | CMD_STALE
    READER = CMD_PYTHON | CMD_LOADING | CMD_STALE
    GUARDED = CMD_PYTHON | CMD_ADMIN | CMD_LOADING | CMD_STALE
    WATCHER = CMD_PYTHON | CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE
    MODULE = CMD_PYTHON | CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING

cdef const char* DEPENDS = b"Depends on the subcommand"
cdef const char* HELP_SUMMARY = b"Lists the subcommands with a line about each."

cdef command_t TABLE[47]
TABLE[:] = [
    row(b"info", NULL, -1, READER, ACL_DANGEROUS, GROUP_SERVER, keys_none(), b"1.0.0", b"O(1)",
        b"INFO [section [section ...]]",
        b"Tells what the server knows about itself, by section."),
    row(b"time", time_command, 1, CMD_LOADING | CMD_STALE | CMD_FAST, 0, GROUP_SERVER,
        keys_none(), b"2.6.0", b"O(1)", b"TIME",
        b"Returns the server's clock as seconds and microseconds."),
    row(b"lastsave", lastsave_command, 1, CMD_LOADING | CMD_STALE | CMD_FAST,
        ACL_ADMIN | ACL_DANGEROUS, GROUP_SERVER, keys_none(), b"1.0.0", b"O(1)", b"LASTSAVE",
        b"Returns the time of the last snapshot, or of the start."),
    row(b"role", role_command, 1, CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST,
        ACL_ADMIN | ACL_DANGEROUS, GROUP_SERVER, keys_none(), b"2.8.12", b"O(1)", b"ROLE",
        b"Tells whether this is a primary or a replica, and of whom."),
    row(b"lolwut", NULL, -1, CMD_PYTHON | CMD_READONLY | CMD_FAST, 0, GROUP_SERVER, keys_none(),
        b"5.0.0", b"O(N), N characters drawn", b"LOLWUT [VERSION version]",
        b"Draws a picture and signs it with the version."),
    row(b"shutdown", shutdown_command, -1,
        CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_NO_MULTI | CMD_ALLOW_BUSY, 0,
        GROUP_SERVER, keys_none(), b"1.0.0", b"O(N), N bytes of the journal not written yet",
        b"SHUTDOWN [[NOSAVE | SAVE] [NOW] [FORCE] [SAFE] [FAILOVER] | ABORT]",
        b"Writes the journal and stops the server."),
    row(b"monitor", monitor_command, 1, CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE, 0,
        GROUP_SERVER, keys_none(), b"1.0.0", b"O(1), and a line for each command from then on",
        b"MONITOR", b"Sends this client a line for each command that any client runs."),

    row(b"command", NULL, -1, READER | CMD_CONTAINER_RUNS, ACL_CONNECTION, GROUP_SERVER,
        keys_none(), b"2.8.13", b"O(N), N commands", b"COMMAND",
        b"Describes every command: arity, flags, keys, categories."),
    subrow(b"command", b"count", NULL, 2, READER, ACL_CONNECTION, GROUP_SERVER, keys_none(),
           b"2.8.13", b"O(1)", b"COMMAND COUNT", b"Returns how many commands there are."),
    subrow(b"command", b"docs", NULL, -2, READER, ACL_CONNECTION, GROUP_SERVER, keys_none(),
           b"7.0.0", b"O(N), N commands asked for",
           b"COMMAND DOCS [command-name [command-name ...]]",
           b"Explains commands to people: summary, syntax, cost."),
    subrow(b"command", b"getkeys", NULL, -3, READER, ACL_CONNECTION, GROUP_SERVER, keys_none(),
           b"2.8.13", b"O(N), N arguments", b"COMMAND GETKEYS command [arg [arg ...]]",
           b"Returns the keys that a command line names."),
    subrow(b"command", b"getkeysandflags", NULL, -3, READER, ACL_CONNECTION, GROUP_SERVER,
           keys_none(), b"7.0.0", b"O(N), N arguments",
           b"COMMAND GETKEYSANDFLAGS command [arg [arg ...]]",
           b"Returns the keys that a command line names, and what it would do to each."),
    subrow(b"command", b"help", NULL, 2, HELP, ACL_CONNECTION, GROUP_SERVER, keys_none(),
           b"5.0.0", b"O(1)", b"COMMAND HELP", HELP_SUMMARY),
    subrow(b"command", b"info", NULL, -2, READER, ACL_CONNECTION, GROUP_SERVER, keys_none(),
           b"2.8.13", b"O(N), N commands asked for",
           b"COMMAND INFO [command-name [command-name ...]]",
           b"Describes some commands to programs: arity, flags, keys, categories."),
    subrow(b"command", b"list", NULL, -2, READER, ACL_CONNECTION, GROUP_SERVER, keys_none(),
           b"7.0.0", b"O(N), N commands",
           b"COMMAND LIST [FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
           b"Returns the names of all commands, or of those that a filter lets through."),

    row(b"memory", NULL, -2, CONTAINER, 0, GROUP_SERVER, keys_none(), b"4.0.0", DEPENDS,
        b"MEMORY", b"Groups the commands about memory."),
    subrow(b"memory", b"doctor", NULL, 2, CMD_PYTHON, 0, GROUP_SERVER, keys_none(), b"4.0.0",
           b"O(1)", b"MEMORY DOCTOR", b"Says in words what looks wrong with the use of memory."),
    subrow(b"memory", b"help", NULL, 2, HELP, 0, GROUP_SERVER, keys_none(), b"4.0.0", b"O(1)",
           b"MEMORY HELP", HELP_SUMMARY),
    subrow(b"memory", b"malloc-stats", NULL, 2, CMD_PYTHON | CMD_LOADING, 0, GROUP_SERVER,
           keys_none(), b"4.0.0", b"O(N), N size classes", b"MEMORY MALLOC-STATS",
           b"Shows the heap: size classes, blocks in use, room left."),
    subrow(b"memory", b"purge", memory_purge_command, 2, CMD_LOADING, 0, GROUP_SERVER,
           keys_none(), b"4.0.0", b"O(N), N free units of the heap", b"MEMORY PURGE",
           b"Gives free pages back to the system."),
    subrow(b"memory", b"stats", NULL, 2, CMD_PYTHON, 0, GROUP_SERVER, keys_none(), b"4.0.0",
           b"O(N), N databases", b"MEMORY STATS", b"Returns where the memory goes, as numbers."),
    subrow(b"memory", b"usage", memory_usage_command, -3, CMD_READONLY, 0, GROUP_SERVER,
           keys_at(2, 2, 1, KEY_RO), b"4.0.0", b"O(1)", b"MEMORY USAGE key [SAMPLES count]",
           b"Returns the bytes that a key and its value occupy."),

    row(b"slowlog", NULL, -2, CONTAINER, 0, GROUP_SERVER, keys_none(), b"2.2.12", DEPENDS,
        b"SLOWLOG", b"Groups the commands about calls that took long."),
    subrow(b"slowlog", b"get", NULL, -2, GUARDED, 0, GROUP_SERVER, keys_none(), b"2.2.12",
           b"O(N), N entries returned", b"SLOWLOG GET [count]",
           b"Returns slow calls, newest first; ten, or as many as asked for, or with -1 all."),
    subrow(b"slowlog", b"help", NULL, 2, HELP, 0, GROUP_SERVER, keys_none(), b"6.2.0", b"O(1)",
           b"SLOWLOG HELP", HELP_SUMMARY),
    subrow(b"slowlog", b"len", NULL, 2, GUARDED, 0, GROUP_SERVER, keys_none(), b"2.2.12",
           b"O(1)", b"SLOWLOG LEN", b"Returns how many slow calls are kept."),
    subrow(b"slowlog", b"reset", NULL, 2, GUARDED, 0, GROUP_SERVER, keys_none(), b"2.2.12",
           b"O(N), N entries", b"SLOWLOG RESET", b"Forgets the slow calls."),

    row(b"commandlog", NULL, -2, CONTAINER, 0, GROUP_SERVER, keys_none(), b"8.1.0", DEPENDS,
        b"COMMANDLOG", b"Groups the commands about calls that were slow or large."),
    subrow(b"commandlog", b"get", NULL, 4, GUARDED, 0, GROUP_SERVER, keys_none(), b"8.1.0",
           b"O(N), N entries returned",
           b"COMMANDLOG GET count <SLOW | LARGE-REQUEST | LARGE-REPLY>",
           b"Returns entries of one kind, newest first; all of them with -1."),
    subrow(b"commandlog", b"help", NULL, 2, HELP, 0, GROUP_SERVER, keys_none(), b"8.1.0",
           b"O(1)", b"COMMANDLOG HELP", HELP_SUMMARY),
    subrow(b"commandlog", b"len", NULL, 3, GUARDED, 0, GROUP_SERVER, keys_none(), b"8.1.0",
           b"O(1)", b"COMMANDLOG LEN <SLOW | LARGE-REQUEST | LARGE-REPLY>",
           b"Returns how many entries of one kind are kept."),
    subrow(b"commandlog", b"reset", NULL, 3, GUARDED, 0, GROUP_SERVER, keys_none(), b"8.1.0",
           b"O(N), N entries", b"COMMANDLOG RESET <SLOW | LARGE-REQUEST | LARGE-REPLY>",
           b"Forgets the entries of one kind."),

    row(b"latency", NULL, -2, CONTAINER, 0, GROUP_SERVER, keys_none(), b"2.8.13", DEPENDS,
        b"LATENCY", b"Groups the commands about delays."),
    subrow(b"latency", b"doctor", NULL, 2, WATCHER, 0, GROUP_SERVER, keys_none(), b"2.8.13",
           b"O(N), N events with samples", b"LATENCY DOCTOR",
           b"Says in words which delays were seen and what may help."),
    subrow(b"latency", b"graph", NULL, 3, WATCHER, 0, GROUP_SERVER, keys_none(), b"2.8.13",
           b"O(1)", b"LATENCY GRAPH event", b"Draws the samples of an event."),
    subrow(b"latency", b"help", NULL, 2, HELP, 0, GROUP_SERVER, keys_none(), b"2.8.13", b"O(1)",
           b"LATENCY HELP", HELP_SUMMARY),
    subrow(b"latency", b"histogram", NULL, -2, WATCHER, 0, GROUP_SERVER, keys_none(), b"7.0.0",
           b"O(N), N commands asked for", b"LATENCY HISTOGRAM [command [command ...]]",
           b"Returns how long commands took, as cumulated counts by powers of two."),
    subrow(b"latency", b"history", NULL, 3, WATCHER, 0, GROUP_SERVER, keys_none(), b"2.8.13",
           b"O(1)", b"LATENCY HISTORY event", b"Returns the samples of an event."),
    subrow(b"latency", b"latest", NULL, 2, WATCHER, 0, GROUP_SERVER, keys_none(), b"2.8.13",
           b"O(N), N events", b"LATENCY LATEST",
           b"Returns the newest sample and the longest delay of every event."),
    subrow(b"latency", b"reset", NULL, -2, WATCHER, 0, GROUP_SERVER, keys_none(), b"2.8.13",
           b"O(N), N events", b"LATENCY RESET [event [event ...]]",
           b"Forgets the samples of some events, or of all."),

    # Not split in rows: what it has changes, and clients are not to rely on it.
    row(b"debug", NULL, -2, WATCHER, 0, GROUP_SERVER, keys_none(), b"1.0.0",
        DEPENDS, b"DEBUG subcommand [arg [arg ...]]", b"Groups what tests of the server need."),

    row(b"module", NULL, -2, CONTAINER, 0, GROUP_SERVER, keys_none(), b"4.0.0", DEPENDS,
        b"MODULE", b"Groups the commands about modules, of which there are none."),
    subrow(b"module", b"help", NULL, 2, HELP, 0, GROUP_SERVER, keys_none(), b"5.0.0", b"O(1)",
           b"MODULE HELP", HELP_SUMMARY),
    subrow(b"module", b"list", NULL, 2, CMD_PYTHON | CMD_ADMIN | CMD_NOSCRIPT, 0, GROUP_SERVER,
           keys_none(), b"4.0.0", b"O(1)", b"MODULE LIST", b"Returns the loaded modules: none."),
    subrow(b"module", b"load", NULL, -3, MODULE, 0, GROUP_SERVER, keys_none(), b"4.0.0", b"O(1)",
           b"MODULE LOAD path [arg [arg ...]]", b"Is refused: modules are not supported."),
    subrow(b"module", b"loadex", NULL, -3, MODULE, 0, GROUP_SERVER, keys_none(), b"7.0.0",
           b"O(1)", b"MODULE LOADEX path [CONFIG name value [CONFIG name value ...]]"
           b" [ARGS arg [arg ...]]", b"Is refused: modules are not supported."),
    subrow(b"module", b"unload", NULL, 3, MODULE, 0, GROUP_SERVER, keys_none(), b"4.0.0",
           b"O(1)", b"MODULE UNLOAD name", b"Is refused: modules are not supported."),
]
command_register(TABLE, 47)
