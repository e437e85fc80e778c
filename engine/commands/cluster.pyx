"""CLUSTER: there is none.

A server that is not part of a cluster still answers CLUSTER, and clients rely on the answer: most
of them ask for the slots when they connect, and go on alone when they read that there is no
cluster. KEYSLOT is arithmetic, and is answered.

The table below has all of the subcommands, so that COMMAND DOCS and ACL rules know them.
"""
from libc.stdint cimport uint32_t

from ..core.crc cimport crc16
from ..core.types cimport slice_t
from ..wire.command cimport (
    ACL_CONNECTION, ACL_KEYSPACE, CMD_ADMIN, CMD_CONTAINER, CMD_FAST, CMD_LOADING, CMD_NOSCRIPT,
    CMD_NO_ASYNC_LOADING, CMD_READONLY, CMD_STALE, CMD_WRITE, GROUP_CLUSTER, KEY_NOT, client_t,
    command_register, command_t, keys_at, keys_none, row, subrow,
)
from ..wire.errors cimport ERR_NO_CLUSTER
from ..wire.reply cimport reply_error, reply_int, reply_ok

cdef enum:
    SLOTS = 16384


cdef void disabled_command(client_t* c) noexcept nogil:
    reply_error(c, ERR_NO_CLUSTER)


cdef void nothing_command(client_t* c) noexcept nogil:
    """READONLY and READWRITE say what may be read from a replica: here, everything."""
    reply_ok(c)


cdef slice_t hashed_part(slice_t key) noexcept nogil:
    """Between the first brace and the next one that closes it, where something stands there."""
    cdef size_t start = 0
    cdef size_t end
    while start < key.size and key.data[start] != c'{':
        start += 1
    end = start + 1
    while end < key.size and key.data[end] != c'}':
        end += 1
    if end >= key.size or end == start + 1:
        return key
    return slice_t(key.data + start + 1, end - start - 1)


cdef void cluster_keyslot_command(client_t* c) noexcept nogil:
    cdef slice_t part = hashed_part(c.argv[2])
    reply_int(c, crc16(part.data, part.size) & (SLOTS - 1))


cdef const char* SAID = b"Answers that there is no cluster here."


cdef command_t disabled(const char* name, int arity, uint32_t flags, const char* since,
                        const char* syntax, uint32_t acl=0) noexcept nogil:
    return subrow(b"cluster", name, disabled_command, arity, flags, acl, GROUP_CLUSTER, keys_none(),
                  since, b"O(1)", syntax, SAID)


cdef enum:
    CHANGES = CMD_ADMIN | CMD_STALE | CMD_NO_ASYNC_LOADING
    TELLS = CMD_LOADING | CMD_STALE

cdef command_t TABLE[39]
TABLE[:] = [
    row(b"asking", disabled_command, 1, CMD_FAST, ACL_CONNECTION, GROUP_CLUSTER, keys_none(),
        b"3.0.0", b"O(1)", b"ASKING", SAID),
    row(b"readonly", nothing_command, 1, CMD_LOADING | CMD_STALE | CMD_FAST, ACL_CONNECTION,
        GROUP_CLUSTER, keys_none(), b"3.0.0", b"O(1)", b"READONLY",
        b"Says that replicas may be read from: here there is nothing to change."),
    row(b"readwrite", nothing_command, 1, CMD_LOADING | CMD_STALE | CMD_FAST, ACL_CONNECTION,
        GROUP_CLUSTER, keys_none(), b"3.0.0", b"O(1)", b"READWRITE",
        b"Takes READONLY back."),
    row(b"clusterscan", disabled_command, -2, CMD_READONLY, ACL_KEYSPACE, GROUP_CLUSTER,
        keys_at(1, 1, 1, KEY_NOT), b"9.1.0", b"O(1)",
        b"CLUSTERSCAN cursor [MATCH match-pattern] [COUNT count] [TYPE type] [SLOT slot]", SAID),
    row(b"cluster", NULL, -2, CMD_CONTAINER, 0, GROUP_CLUSTER, keys_none(), b"3.0.0",
        b"Depends on the subcommand", b"CLUSTER",
        b"Groups the commands about clusters."),
    disabled(b"addslots", -3, CHANGES, b"3.0.0", b"CLUSTER ADDSLOTS slot [slot ...]"),
    disabled(b"addslotsrange", -4, CHANGES, b"7.0.0",
             b"CLUSTER ADDSLOTSRANGE start-slot end-slot [start-slot end-slot ...]"),
    disabled(b"bumpepoch", 2, CHANGES, b"3.0.0", b"CLUSTER BUMPEPOCH"),
    disabled(b"cancelslotmigrations", 2, CHANGES, b"9.0.0", b"CLUSTER CANCELSLOTMIGRATIONS"),
    disabled(b"count-failure-reports", 3, CMD_ADMIN | CMD_STALE, b"3.0.0",
             b"CLUSTER COUNT-FAILURE-REPORTS node-id"),
    disabled(b"countkeysinslot", 3, CMD_STALE, b"3.0.0", b"CLUSTER COUNTKEYSINSLOT slot"),
    disabled(b"delslots", -3, CHANGES, b"3.0.0", b"CLUSTER DELSLOTS slot [slot ...]"),
    disabled(b"delslotsrange", -4, CHANGES, b"7.0.0",
             b"CLUSTER DELSLOTSRANGE start-slot end-slot [start-slot end-slot ...]"),
    disabled(b"failover", -2, CHANGES, b"3.0.0", b"CLUSTER FAILOVER [FORCE | TAKEOVER]"),
    disabled(b"flushslot", -3, CMD_WRITE | CMD_ADMIN | CMD_NO_ASYNC_LOADING, b"9.0.0",
             b"CLUSTER FLUSHSLOT slot [ASYNC | SYNC]", ACL_KEYSPACE),
    disabled(b"flushslots", 2, CHANGES, b"3.0.0", b"CLUSTER FLUSHSLOTS"),
    disabled(b"forget", 3, CHANGES, b"3.0.0", b"CLUSTER FORGET node-id"),
    disabled(b"getkeysinslot", 4, CMD_STALE, b"3.0.0", b"CLUSTER GETKEYSINSLOT slot count"),
    disabled(b"getslotmigrations", 2, CHANGES, b"9.0.0", b"CLUSTER GETSLOTMIGRATIONS"),
    disabled(b"help", 2, TELLS, b"5.0.0", b"CLUSTER HELP"),
    disabled(b"info", 2, TELLS, b"3.0.0", b"CLUSTER INFO"),
    subrow(b"cluster", b"keyslot", cluster_keyslot_command, 3, CMD_STALE, 0, GROUP_CLUSTER,
           keys_none(), b"3.0.0", b"O(N), N bytes of the key", b"CLUSTER KEYSLOT key",
           b"Tells in which slot of a cluster a key would be."),
    disabled(b"links", 2, CMD_STALE, b"7.0.0", b"CLUSTER LINKS"),
    disabled(b"meet", -4, CHANGES, b"3.0.0", b"CLUSTER MEET ip port [cluster-bus-port]"),
    disabled(b"migrateslots", -4, CHANGES, b"9.0.0",
             b"CLUSTER MIGRATESLOTS SLOTSRANGE start-slot end-slot [start-slot end-slot ...] "
             b"NODE node-id [SLOTSRANGE start-slot end-slot [start-slot end-slot ...] NODE "
             b"node-id ...]"),
    disabled(b"myid", 2, TELLS, b"3.0.0", b"CLUSTER MYID"),
    disabled(b"myshardid", 2, TELLS, b"7.2.0", b"CLUSTER MYSHARDID"),
    disabled(b"nodes", 2, TELLS, b"3.0.0", b"CLUSTER NODES"),
    disabled(b"replicas", 3, CMD_ADMIN | CMD_STALE, b"5.0.0", b"CLUSTER REPLICAS node-id"),
    disabled(b"replicate", -3, CHANGES, b"3.0.0", b"CLUSTER REPLICATE <node-id | NO ONE>"),
    disabled(b"reset", -2, CMD_ADMIN | CMD_NOSCRIPT | CMD_STALE, b"3.0.0",
             b"CLUSTER RESET [HARD | SOFT]"),
    disabled(b"saveconfig", 2, CHANGES, b"3.0.0", b"CLUSTER SAVECONFIG"),
    disabled(b"set-config-epoch", 3, CHANGES, b"3.0.0", b"CLUSTER SET-CONFIG-EPOCH config-epoch"),
    disabled(b"setslot", -4, CHANGES, b"3.0.0",
             b"CLUSTER SETSLOT slot <IMPORTING node-id | MIGRATING node-id | NODE node-id | "
             b"STABLE> [TIMEOUT timeout]"),
    disabled(b"shards", 2, TELLS, b"7.0.0", b"CLUSTER SHARDS"),
    disabled(b"slaves", 3, CMD_ADMIN | CMD_STALE, b"3.0.0", b"CLUSTER SLAVES node-id"),
    disabled(b"slot-stats", -4, TELLS, b"8.0.0",
             b"CLUSTER SLOT-STATS <SLOTSRANGE start-slot end-slot | ORDERBY metric [LIMIT "
             b"limit] [ASC | DESC]>"),
    disabled(b"slots", 2, TELLS, b"3.0.0", b"CLUSTER SLOTS"),
    disabled(b"syncslots", -3, CHANGES, b"9.0.0", b"CLUSTER SYNCSLOTS"),
]
command_register(TABLE, 39)
