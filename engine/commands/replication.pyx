"""Replication: there is none yet, and whoever asks is told so.

WAIT and WAITAOF do not lie for it: no replica will ever acknowledge, so whoever waits for one waits
until its time is up. WAITAOF's own half is kept: the journal is on the disk when it says so.
"""
from libc.stdint cimport int64_t

from ..core.number cimport equal_nocase, parse_int64
from ..core.types cimport slice_t
from ..journal.aof cimport AOF_OK, aof_flush, aof_sync, aof_t
from ..store.entry cimport TYPE_STRING
from ..wire.command cimport (
    ACL_CONNECTION, CMD_ADMIN, CMD_ALLOW_BUSY, CMD_BLOCKING, CMD_LOADING, CMD_NOSCRIPT,
    CMD_NO_ASYNC_LOADING, CMD_NO_MULTI, CMD_STALE, GROUP_GENERIC, GROUP_SERVER, client_t,
    command_register, command_t, keys_none, row,
)
from ..wire.errors cimport (
    ERR_FAILOVER_NONE, ERR_FAILOVER_REPLICAS, ERR_NOT_INTEGER, ERR_NO_REPLICATION,
    ERR_POSITIVE, ERR_PRIMARY_PORT, ERR_WAITAOF_LOCAL, ERR_WAITAOF_OFF,
)
from ..wire.reply cimport (
    reply_array, reply_error, reply_error_syntax, reply_int, reply_ok,
)
from .blocked cimport block_ms_or_reply, block_on_keys
from .state cimport server_of, server_t


cdef inline bint is_word(slice_t arg, const char* word, size_t size) noexcept nogil:
    return equal_nocase(arg.data, arg.size, word, size)


# -- WAIT -----------------------------------------------------------------------------------------

cdef void no_replica(client_t* c) noexcept nogil:
    reply_int(c, 0)


cdef void wait_command(client_t* c) noexcept nogil:
    cdef int64_t replicas
    cdef int64_t timeout_us
    if not parse_int64(c.argv[1].data, c.argv[1].size, &replicas):
        reply_error(c, ERR_NOT_INTEGER)
    elif block_ms_or_reply(c, c.argv[2], &timeout_us):
        if replicas <= 0:
            no_replica(c)
        else:
            block_on_keys(c, 0, 0, TYPE_STRING, False, timeout_us, no_replica)


cdef bint is_on_disk(const aof_t* aof) noexcept nogil:
    """All that was written before this command."""
    return aof.enabled and aof.status == AOF_OK and aof.buf.size == 0 and aof.synced >= aof.size


cdef void journal_and_no_replica(client_t* c) noexcept nogil:
    reply_array(c, 2)
    reply_int(c, 1 if is_on_disk(&server_of(c).aof) else 0)
    reply_int(c, 0)


cdef void waitaof_command(client_t* c) noexcept nogil:
    """The disk is waited for here and now, by everybody: whoever asks for it wants no more, and a
    sync in another thread would have to be waited for too."""
    cdef server_t* srv = server_of(c)
    cdef int64_t local
    cdef int64_t replicas
    cdef int64_t timeout_us
    if not parse_int64(c.argv[1].data, c.argv[1].size, &local):
        reply_error(c, ERR_NOT_INTEGER)
    elif local < 0 or local > 1:
        reply_error(c, ERR_WAITAOF_LOCAL)
    elif not parse_int64(c.argv[2].data, c.argv[2].size, &replicas):
        reply_error(c, ERR_NOT_INTEGER)
    elif replicas < 0:
        reply_error(c, ERR_POSITIVE)
    elif not block_ms_or_reply(c, c.argv[3], &timeout_us):
        return
    elif local and not srv.aof.enabled:
        reply_error(c, ERR_WAITAOF_OFF)
    else:
        if local and not is_on_disk(&srv.aof):
            aof_flush(&srv.aof, srv.mono_us)
            aof_sync(&srv.aof)
        if replicas == 0 and (local == 0 or is_on_disk(&srv.aof)):
            journal_and_no_replica(c)
        else:
            block_on_keys(c, 0, 0, TYPE_STRING, False, timeout_us, journal_and_no_replica)


# -- roles ----------------------------------------------------------------------------------------

cdef void replicaof_command(client_t* c) noexcept nogil:
    cdef int64_t port
    if is_word(c.argv[1], b"no", 2) and is_word(c.argv[2], b"one", 3):
        reply_ok(c)                     # so it is
    elif not parse_int64(c.argv[2].data, c.argv[2].size, &port) or port < 0 or port > 65535:
        reply_error(c, ERR_PRIMARY_PORT)
    else:
        reply_error(c, ERR_NO_REPLICATION)


cdef void failover_command(client_t* c) noexcept nogil:
    cdef int i = 1
    cdef int64_t ms
    if c.argc == 2 and is_word(c.argv[1], b"abort", 5):
        reply_error(c, ERR_FAILOVER_NONE)
        return
    while i < c.argc:
        if is_word(c.argv[i], b"timeout", 7) and i + 1 < c.argc:
            if not parse_int64(c.argv[i + 1].data, c.argv[i + 1].size, &ms):
                reply_error(c, ERR_NOT_INTEGER)
                return
            i += 2
        elif is_word(c.argv[i], b"to", 2) and i + 2 < c.argc:
            i += 3
        elif is_word(c.argv[i], b"force", 5):
            i += 1
        else:
            reply_error_syntax(c)
            return
    reply_error(c, ERR_FAILOVER_REPLICAS)


cdef void refused_command(client_t* c) noexcept nogil:
    """What a replica says to its primary: nobody can be one of ours yet."""
    reply_error(c, ERR_NO_REPLICATION)


cdef const char* SAID = b"Answers that there is no replication here."

cdef command_t TABLE[8]
TABLE[:] = [
    row(b"wait", wait_command, 3, CMD_BLOCKING, ACL_CONNECTION, GROUP_GENERIC, keys_none(),
        b"3.0.0", b"O(1)",
        b"WAIT numreplicas timeout",
        b"Waits until so many replicas have what was written; here, until the time is up."),
    row(b"waitaof", waitaof_command, 4, CMD_BLOCKING, ACL_CONNECTION, GROUP_GENERIC, keys_none(),
        b"7.2.0", b"O(1)",
        b"WAITAOF numlocal numreplicas timeout",
        b"Waits until what was written is on the disk, here and on so many replicas."),
    row(b"replicaof", replicaof_command, 3,
        CMD_ADMIN | CMD_NOSCRIPT | CMD_STALE | CMD_NO_ASYNC_LOADING, 0, GROUP_SERVER,
        keys_none(), b"5.0.0", b"O(1)",
        b"REPLICAOF <host port | NO ONE>", SAID),
    row(b"slaveof", replicaof_command, 3,
        CMD_ADMIN | CMD_NOSCRIPT | CMD_STALE | CMD_NO_ASYNC_LOADING, 0, GROUP_SERVER,
        keys_none(), b"1.0.0", b"O(1)",
        b"SLAVEOF <host port | NO ONE>", SAID),
    row(b"failover", failover_command, -1, CMD_ADMIN | CMD_NOSCRIPT | CMD_STALE, 0,
        GROUP_SERVER, keys_none(), b"6.2.0", b"O(1)",
        b"FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]", SAID),
    row(b"psync", refused_command, -3,
        CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING | CMD_NO_MULTI, 0, GROUP_SERVER,
        keys_none(), b"2.8.0", b"O(1)",
        b"PSYNC replicationid offset", SAID),
    row(b"sync", refused_command, 1,
        CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING | CMD_NO_MULTI, 0, GROUP_SERVER,
        keys_none(), b"1.0.0", b"O(1)",
        b"SYNC", SAID),
    row(b"replconf", refused_command, -1,
        CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_ALLOW_BUSY, 0, GROUP_SERVER,
        keys_none(), b"3.0.0", b"O(1)",
        b"REPLCONF", SAID),
]
command_register(TABLE, 8)
