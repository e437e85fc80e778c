"""The table of directives whose subject is not here.

Files that people have, and the programs that read our configuration, name them all the same. So
each answers CONFIG GET with the one value that is true of us (or, where nothing is true, with
Valkey's default, which says the least). A file may set that, or what is Valkey's or Redis's
default, since it asks for nothing in particular. Any other value would ask for something we do
not do: it is refused with the sentence of its row, in a file, as an option, and by CONFIG SET.

A row leaves this table for config.pyx when its subject arrives.
"""
from .config cimport (
    DIRECTIVE_FIXED, DIRECTIVE_HIDDEN, DIRECTIVE_IMMUTABLE, DIRECTIVE_PROTECTED, KIND_BOOL,
    KIND_INT, KIND_MEMORY, KIND_TEXT, KIND_WORDS, directive_last, directive_rows, kind_t,
)

from libc.stdint cimport uint32_t

cdef enum:
    IMMUTABLE = DIRECTIVE_IMMUTABLE
    HIDDEN = DIRECTIVE_HIDDEN

cdef const char* ALLOCATOR = b"memory comes from a heap of our own, which has no such setting"
cdef const char* CLUSTER = b"there is no cluster mode yet"
cdef const char* LAZY = b"what a dropped value held is freed in slices, whoever dropped it"
cdef const char* MODULES = b"modules cannot be loaded"
cdef const char* RDMA = b"RDMA is not supported"
cdef const char* REPLICATION = b"there is no replication yet"
cdef const char* REWRITE = b"a rewrite runs beside service, in slices, and is synced as it goes"
cdef const char* SNAPSHOTS = b"no snapshots (RDB files) are written yet: appendonly keeps data"
cdef const char* THREADS = b"one thread serves all clients"
cdef const char* TLS = b"TLS serves clients, with one certificate"
cdef const char* TYPES = b"there are no lists, sets, sorted sets, hashes and streams yet"


cdef directive_t absent(const char* name, const char* alias, kind_t kind, const char* value,
                        const char* topic, const char* why, uint32_t flags=0,
                        const char* accepted=NULL) noexcept:
    """A fixed row; `accepted` is the default of a stock server where it is not ours."""
    return directive_t(name, alias, kind, flags | DIRECTIVE_FIXED, 0, value, 0, 0, accepted, NULL,
                       NULL, topic, why)


cdef directive_t* TABLE = [
    absent(b"save", NULL, KIND_WORDS, b"", b"snapshots", SNAPSHOTS),
    absent(b"rdbcompression", NULL, KIND_BOOL, b"yes", b"snapshots", SNAPSHOTS),
    absent(b"rdbchecksum", NULL, KIND_BOOL, b"yes", b"snapshots", SNAPSHOTS, IMMUTABLE),
    absent(b"rdb-del-sync-files", NULL, KIND_BOOL, b"no", b"snapshots", SNAPSHOTS),
    absent(b"rdb-save-incremental-fsync", NULL, KIND_BOOL, b"yes", b"snapshots", SNAPSHOTS),
    absent(b"rdb-version-check", NULL, KIND_TEXT, b"strict", b"snapshots", SNAPSHOTS),
    absent(b"sanitize-dump-payload", NULL, KIND_TEXT, b"no", b"snapshots", SNAPSHOTS, HIDDEN),
    absent(b"stop-writes-on-bgsave-error", NULL, KIND_BOOL, b"yes", b"snapshots", SNAPSHOTS),
    absent(b"bgsave-cpulist", b"bgsave_cpulist", KIND_TEXT, b"", b"snapshots", SNAPSHOTS,
           IMMUTABLE),

    absent(b"lua-enable-insecure-api", b"lua-enable-deprecated-api", KIND_BOOL, b"no", b"scripts",
           b"scripts never get print, setfenv, getfenv and newproxy", HIDDEN | DIRECTIVE_PROTECTED),

    absent(b"aof-timestamp-enabled", NULL, KIND_BOOL, b"no", b"journal",
           b"the append only file has no timestamps yet"),
    absent(b"aof-rewrite-incremental-fsync", NULL, KIND_BOOL, b"yes", b"journal", REWRITE),
    absent(b"aof-rewrite-cpulist", b"aof_rewrite_cpulist", KIND_TEXT, b"", b"journal", REWRITE,
           IMMUTABLE),
    absent(b"aof-disable-auto-gc", NULL, KIND_BOOL, b"no", b"journal", REWRITE, HIDDEN),
    absent(b"no-appendfsync-on-rewrite", NULL, KIND_BOOL, b"no", b"journal", REWRITE),

    absent(b"replicaof", b"slaveof", KIND_WORDS, b"", b"replication", REPLICATION, IMMUTABLE,
           b"no one"),
    absent(b"primaryauth", b"masterauth", KIND_TEXT, b"", b"replication", REPLICATION),
    absent(b"primaryuser", b"masteruser", KIND_TEXT, b"", b"replication", REPLICATION),
    absent(b"replica-serve-stale-data", b"slave-serve-stale-data", KIND_BOOL, b"yes",
           b"replication", REPLICATION),
    absent(b"replica-read-only", b"slave-read-only", KIND_BOOL, b"yes", b"replication",
           REPLICATION),
    absent(b"replica-priority", b"slave-priority", KIND_INT, b"100", b"replication", REPLICATION),
    absent(b"replica-lazy-flush", b"slave-lazy-flush", KIND_BOOL, b"yes", b"replication",
           REPLICATION, 0, b"no"),
    absent(b"replica-ignore-maxmemory", b"slave-ignore-maxmemory", KIND_BOOL, b"yes",
           b"replication", REPLICATION),
    absent(b"replica-ignore-disk-write-errors", NULL, KIND_BOOL, b"no", b"replication",
           REPLICATION),
    absent(b"replica-announced", NULL, KIND_BOOL, b"yes", b"replication", REPLICATION),
    absent(b"replica-announce-ip", b"slave-announce-ip", KIND_TEXT, b"", b"replication",
           REPLICATION),
    absent(b"replica-announce-port", b"slave-announce-port", KIND_INT, b"0", b"replication",
           REPLICATION),
    absent(b"repl-diskless-sync", NULL, KIND_BOOL, b"yes", b"replication", REPLICATION, 0, b"no"),
    absent(b"repl-diskless-sync-delay", NULL, KIND_INT, b"5", b"replication", REPLICATION),
    absent(b"repl-diskless-sync-max-replicas", NULL, KIND_INT, b"0", b"replication", REPLICATION),
    absent(b"repl-diskless-load", NULL, KIND_TEXT, b"disabled", b"replication", REPLICATION),
    absent(b"repl-disable-tcp-nodelay", NULL, KIND_BOOL, b"no", b"replication", REPLICATION),
    absent(b"repl-backlog-size", NULL, KIND_MEMORY, b"10mb", b"replication", REPLICATION),
    absent(b"repl-backlog-ttl", NULL, KIND_INT, b"3600", b"replication", REPLICATION),
    absent(b"repl-ping-replica-period", b"repl-ping-slave-period", KIND_INT, b"10",
           b"replication", REPLICATION),
    absent(b"repl-timeout", NULL, KIND_INT, b"60", b"replication", REPLICATION),
    absent(b"repl-mptcp", NULL, KIND_BOOL, b"no", b"replication", REPLICATION, IMMUTABLE),
    absent(b"dual-channel-replication-enabled", NULL, KIND_BOOL, b"no", b"replication",
           REPLICATION),
    absent(b"min-replicas-to-write", b"min-slaves-to-write", KIND_INT, b"0", b"replication",
           REPLICATION),
    absent(b"min-replicas-max-lag", b"min-slaves-max-lag", KIND_INT, b"10", b"replication",
           REPLICATION),
    absent(b"bind-source-addr", NULL, KIND_TEXT, b"", b"replication", REPLICATION),
    absent(b"propagation-error-behavior", NULL, KIND_TEXT, b"ignore", b"replication",
           REPLICATION),
    absent(b"shutdown-timeout", NULL, KIND_INT, b"10", b"replication",
           b"there are no replicas to wait for at shutdown"),
    absent(b"import-mode", NULL, KIND_BOOL, b"no", b"replication", REPLICATION),

    absent(b"cluster-enabled", NULL, KIND_BOOL, b"no", b"cluster", CLUSTER, IMMUTABLE),
    absent(b"cluster-config-file", NULL, KIND_TEXT, b"nodes.conf", b"cluster", CLUSTER, IMMUTABLE),
    absent(b"cluster-config-save-behavior", NULL, KIND_TEXT, b"sync", b"cluster", CLUSTER),
    absent(b"cluster-databases", NULL, KIND_INT, b"1", b"cluster", CLUSTER, IMMUTABLE),
    absent(b"cluster-node-timeout", NULL, KIND_INT, b"15000", b"cluster", CLUSTER),
    absent(b"cluster-port", NULL, KIND_INT, b"0", b"cluster", CLUSTER, IMMUTABLE),
    absent(b"cluster-replica-validity-factor", b"cluster-slave-validity-factor", KIND_INT, b"10",
           b"cluster", CLUSTER),
    absent(b"cluster-replica-no-failover", b"cluster-slave-no-failover", KIND_BOOL, b"no",
           b"cluster", CLUSTER),
    absent(b"cluster-migration-barrier", NULL, KIND_INT, b"1", b"cluster", CLUSTER),
    absent(b"cluster-allow-replica-migration", NULL, KIND_BOOL, b"yes", b"cluster", CLUSTER),
    absent(b"cluster-require-full-coverage", NULL, KIND_BOOL, b"yes", b"cluster", CLUSTER),
    absent(b"cluster-allow-reads-when-down", NULL, KIND_BOOL, b"no", b"cluster", CLUSTER),
    absent(b"cluster-allow-pubsubshard-when-down", NULL, KIND_BOOL, b"yes", b"cluster", CLUSTER),
    absent(b"cluster-link-sendbuf-limit", NULL, KIND_MEMORY, b"0", b"cluster", CLUSTER),
    absent(b"cluster-manual-failover-timeout", NULL, KIND_INT, b"5000", b"cluster", CLUSTER),
    absent(b"cluster-blacklist-ttl", NULL, KIND_INT, b"60", b"cluster", CLUSTER),
    absent(b"cluster-slot-stats-enabled", NULL, KIND_BOOL, b"no", b"cluster", CLUSTER),
    absent(b"cluster-slot-migration-log-max-len", NULL, KIND_INT, b"1000", b"cluster", CLUSTER),
    absent(b"slot-migration-max-failover-repl-bytes", NULL, KIND_MEMORY, b"0", b"cluster",
           CLUSTER),
    absent(b"cluster-preferred-endpoint-type", NULL, KIND_TEXT, b"ip", b"cluster", CLUSTER),
    absent(b"cluster-announce-ip", NULL, KIND_TEXT, b"", b"cluster", CLUSTER),
    absent(b"cluster-announce-client-ipv4", NULL, KIND_TEXT, b"", b"cluster", CLUSTER),
    absent(b"cluster-announce-client-ipv6", NULL, KIND_TEXT, b"", b"cluster", CLUSTER),
    absent(b"cluster-announce-hostname", NULL, KIND_TEXT, b"", b"cluster", CLUSTER),
    absent(b"cluster-announce-human-nodename", NULL, KIND_TEXT, b"", b"cluster", CLUSTER),
    absent(b"cluster-announce-port", NULL, KIND_INT, b"0", b"cluster", CLUSTER),
    absent(b"cluster-announce-bus-port", NULL, KIND_INT, b"0", b"cluster", CLUSTER),
    absent(b"cluster-announce-tls-port", NULL, KIND_INT, b"0", b"cluster", CLUSTER),
    absent(b"cluster-announce-client-port", NULL, KIND_INT, b"0", b"cluster", CLUSTER),
    absent(b"cluster-announce-client-tls-port", NULL, KIND_INT, b"0", b"cluster", CLUSTER),

    absent(b"tls-client-cert-file", NULL, KIND_TEXT, b"", b"tls", TLS),
    absent(b"tls-client-key-file", NULL, KIND_TEXT, b"", b"tls", TLS),
    absent(b"tls-client-key-file-pass", NULL, KIND_TEXT, b"", b"tls", TLS),
    absent(b"tls-dh-params-file", NULL, KIND_TEXT, b"", b"tls", TLS),
    absent(b"tls-auth-clients-user", NULL, KIND_TEXT, b"off", b"tls", TLS),
    absent(b"tls-auto-reload-interval", NULL, KIND_INT, b"0", b"tls", TLS),
    absent(b"tls-cluster", NULL, KIND_BOOL, b"no", b"tls", TLS),
    absent(b"tls-replication", NULL, KIND_BOOL, b"no", b"tls", TLS),

    absent(b"list-compress-depth", NULL, KIND_INT, b"0", b"types",
           b"the blocks of a list are not compressed"),

    absent(b"enable-module-command", NULL, KIND_TEXT, b"no", b"users", MODULES, IMMUTABLE),

    absent(b"io-threads", NULL, KIND_INT, b"1", b"threads", THREADS),
    absent(b"io-threads-do-reads", NULL, KIND_BOOL, b"no", b"threads", THREADS, HIDDEN),
    absent(b"events-per-io-thread", NULL, KIND_INT, b"2", b"threads", THREADS, HIDDEN),
    absent(b"bio-cpulist", b"bio_cpulist", KIND_TEXT, b"", b"threads", THREADS, IMMUTABLE),
    absent(b"prefetch-batch-max-size", NULL, KIND_INT, b"32", b"threads",
           b"the size of a batch is chosen when we are built", 0, b"16"),
    absent(b"max-new-connections-per-cycle", NULL, KIND_INT, b"64", b"threads",
           b"how many connections one turn accepts is chosen when we are built", 0, b"10"),

    absent(b"rdma-bind", NULL, KIND_TEXT, b"", b"rdma", RDMA),
    absent(b"rdma-port", NULL, KIND_INT, b"0", b"rdma", RDMA),
    absent(b"rdma-rx-size", NULL, KIND_MEMORY, b"1mb", b"rdma", RDMA, IMMUTABLE),
    absent(b"rdma-completion-vector", NULL, KIND_INT, b"-1", b"rdma", RDMA, IMMUTABLE),
    absent(b"mptcp", NULL, KIND_BOOL, b"no", b"rdma", b"multipath TCP is not supported", IMMUTABLE),
    absent(b"socket-mark-id", NULL, KIND_INT, b"0", b"rdma", b"sockets cannot be marked",
           IMMUTABLE),
    absent(b"tcp-keepalive-probes", NULL, KIND_INT, b"3", b"rdma", b"a peer is probed three times",
           HIDDEN),

    absent(b"active-defrag-cycle-max", NULL, KIND_INT, b"25", b"memory", ALLOCATOR),
    absent(b"active-defrag-cycle-min", NULL, KIND_INT, b"1", b"memory", ALLOCATOR),
    absent(b"active-defrag-cycle-us", NULL, KIND_INT, b"500", b"memory", ALLOCATOR),
    absent(b"active-defrag-ignore-bytes", NULL, KIND_MEMORY, b"100mb", b"memory", ALLOCATOR),
    absent(b"active-defrag-max-scan-fields", NULL, KIND_INT, b"1000", b"memory", ALLOCATOR),
    absent(b"active-defrag-threshold-lower", NULL, KIND_INT, b"10", b"memory", ALLOCATOR),
    absent(b"active-defrag-threshold-upper", NULL, KIND_INT, b"100", b"memory", ALLOCATOR),
    absent(b"jemalloc-bg-thread", NULL, KIND_BOOL, b"yes", b"memory", ALLOCATOR),
    absent(b"maxmemory-eviction-tenacity", NULL, KIND_INT, b"10", b"memory",
           b"the limit holds after each command, without a bound that could be set"),
    absent(b"active-expire-effort", NULL, KIND_INT, b"1", b"memory",
           b"keys expire by time, not by sampling: there is no effort to choose"),
    absent(b"activerehashing", NULL, KIND_BOOL, b"yes", b"memory",
           b"tables grow a step with each write"),
    absent(b"lazyfree-lazy-eviction", NULL, KIND_BOOL, b"yes", b"memory", LAZY, 0, b"no"),
    absent(b"lazyfree-lazy-expire", NULL, KIND_BOOL, b"yes", b"memory", LAZY, 0, b"no"),
    absent(b"lazyfree-lazy-server-del", NULL, KIND_BOOL, b"yes", b"memory", LAZY, 0, b"no"),
    absent(b"lazyfree-lazy-user-del", NULL, KIND_BOOL, b"yes", b"memory", LAZY, 0, b"no"),
    absent(b"dynamic-hz", NULL, KIND_BOOL, b"no", b"process",
           b"timers do not depend on the number of clients", HIDDEN, b"yes"),

    absent(b"always-show-logo", NULL, KIND_BOOL, b"no", b"process", b"there is no logo",
           IMMUTABLE),
    absent(b"availability-zone", NULL, KIND_TEXT, b"", b"process",
           b"availability zones are not announced"),
    absent(b"crash-memcheck-enabled", NULL, KIND_BOOL, b"no", b"process",
           b"memory is not tested after a crash", 0, b"yes"),
    absent(b"extended-redis-compatibility", NULL, KIND_BOOL, b"no", b"process",
           b"server-identity redis is how we present ourselves as Redis"),
    absent(b"hash-seed", NULL, KIND_TEXT, b"", b"process", b"the hash is keyed at random",
           IMMUTABLE),
    absent(b"hide-user-data-from-log", NULL, KIND_BOOL, b"yes", b"log",
           b"the log never holds what users store"),
    absent(b"ignore-warnings", NULL, KIND_TEXT, b"", b"process",
           b"no check at start can be waived"),
    absent(b"locale-collate", NULL, KIND_TEXT, b"", b"process", b"texts are compared as bytes"),
    absent(b"watchdog-period", NULL, KIND_INT, b"0", b"process", b"there is no software watchdog",
           HIDDEN),
    directive_last(),
]
cdef int COUNT = directive_rows(TABLE)


cdef int absent_count() noexcept:
    return COUNT


cdef const directive_t* absent_at(int index) noexcept:
    return &TABLE[index]
