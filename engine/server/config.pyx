"""The table of directives that have an effect.

One literal table, which everybody reads: CONFIG GET and SET, configuration files, the options of
`kvd serve`, the reference in docs/. A row names its field by the offset in config_t, so that
reading, range checks and defaults are one piece of code for all of them (settings.pyx).

Names, ranges and texts of errors are Valkey's. A default differs where Valkey's leaves a server
open to a client that does not read, or to a half-open peer; the sentence of the row says it.

Invariants
    D1  names and aliases are unique over both tables
    D2  every default is accepted by its own row
"""
from libc.stdint cimport INT64_MAX

from ..commands.acl_log cimport acl_log_trim
from ..commands.notify cimport notify_configure
from ..commands.state cimport DATABASES_MAX, config_t
from ..journal.aof cimport FSYNC_NO, aof_sync, fsync_t
from ..store.evict cimport POLICY_ALLKEYS_LFU, POLICY_VOLATILE_LFU, policy_t
from .absent cimport absent_at, absent_count
from .door cimport door_apply_networks, door_apply_user
from .stats cimport stats_thresholds

cdef extern from "<sys/prctl.h>" nogil:
    int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
    int PR_SET_THP_DISABLE

cdef enum:
    INT_MAX_ = 2147483647
    MIB = 1048576
    HZ_MAX = 500
    IMMUTABLE = DIRECTIVE_IMMUTABLE
    PROTECTED = DIRECTIVE_PROTECTED
    SECRET = DIRECTIVE_SECRET
    OURS = DIRECTIVE_OURS
    FILE = DIRECTIVE_FILE

cdef config_t LAYOUT                    # offsets are taken from it; its values mean nothing


# -- hooks ----------------------------------------------------------------------------------------

cdef const char* apply_memory(server_t* srv) noexcept nogil:
    srv.evict.limit_bytes = srv.config.maxmemory
    srv.evict.policy = <policy_t>srv.config.maxmemory_policy
    srv.evict.samples = srv.config.maxmemory_samples
    srv.store.access.lfu = (srv.evict.policy == POLICY_ALLKEYS_LFU
                            or srv.evict.policy == POLICY_VOLATILE_LFU)
    srv.store.access.log_factor = srv.config.lfu_log_factor
    srv.store.access.decay_minutes = srv.config.lfu_decay_time
    if srv.evict.limit_bytes and srv.evict.over_since_us == 0:
        srv.evict.over_since_us = srv.mono_us   # perhaps: the next turn looks, and makes room
        srv.upkeep_at_us = srv.mono_us
    return NULL


cdef const char* apply_hz(server_t* srv) noexcept nogil:
    # Not a range of the row: a value outside has always been moved to the nearest inside.
    if srv.config.hz < 1:
        srv.config.hz = 1
    elif srv.config.hz > HZ_MAX:
        srv.config.hz = HZ_MAX
    return NULL


cdef const char* apply_password(server_t* srv) noexcept with gil:
    # The users are kept above the floor, where rules are read and shown.
    (<object>srv.self).users.set_default_password(
        srv.config.requirepass.data[:srv.config.requirepass.size]
        if srv.config.requirepass.size else b"")
    return NULL


cdef const char* apply_acl_log(server_t* srv) noexcept nogil:
    acl_log_trim(srv)
    return NULL


cdef const char* apply_thp(server_t* srv) noexcept nogil:
    # Of the whole process, so "no" leaves alone what somebody else may have chosen.
    if srv.config.disable_thp:
        prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    return NULL


cdef const char* apply_events(server_t* srv) noexcept nogil:
    notify_configure(srv)
    return NULL


cdef const char* apply_thresholds(server_t* srv) noexcept nogil:
    stats_thresholds(srv)
    return NULL


cdef const char* apply_fsync(server_t* srv) noexcept nogil:
    if srv.aof.policy == FSYNC_NO:
        aof_sync(&srv.aof)              # what the new policy promises, of the bytes behind us too
    srv.aof.policy = <fsync_t>srv.config.appendfsync
    return NULL


# -- rows -----------------------------------------------------------------------------------------

cdef size_t at(const void* field) noexcept:
    return <size_t>(<const char*>field - <const char*>&LAYOUT)


cdef directive_t yes_no(const char* name, const char* value, const void* field, const char* topic,
                        const char* help, uint32_t flags=0, apply_fn apply=NULL,
                        const char* shell=NULL, const char* alias=NULL) noexcept:
    return directive_t(name, alias, KIND_BOOL, flags, at(field), value, 0, 1, NULL, apply, shell,
                       topic, help)


cdef directive_t number(const char* name, const char* value, int64_t min, int64_t max,
                        const void* field, const char* topic, const char* help, uint32_t flags=0,
                        apply_fn apply=NULL, const char* shell=NULL, const char* alias=NULL,
                        kind_t kind=KIND_INT) noexcept:
    return directive_t(name, alias, kind, flags, at(field), value, min, max, NULL, apply, shell,
                       topic, help)


cdef directive_t memory(const char* name, const char* value, int64_t min, const void* field,
                        const char* topic, const char* help, apply_fn apply=NULL,
                        kind_t kind=KIND_MEMORY, uint32_t flags=0) noexcept:
    return directive_t(name, NULL, kind, flags, at(field), value, min, INT64_MAX, NULL, apply, NULL,
                       topic, help)


cdef directive_t choice(const char* name, const char* value, const char* choices,
                        const void* field, const char* topic, const char* help, uint32_t flags=0,
                        apply_fn apply=NULL, const char* shell=NULL) noexcept:
    return directive_t(name, NULL, KIND_ENUM, flags, at(field), value, 0, 0, choices, apply, shell,
                       topic, help)


cdef directive_t text(const char* name, const char* value, const void* field, const char* topic,
                      const char* help, uint32_t flags=0, apply_fn apply=NULL,
                      const char* shell=NULL, kind_t kind=KIND_TEXT,
                      const char* alias=NULL) noexcept:
    return directive_t(name, alias, kind, flags, at(field), value, 0, 0, NULL, apply, shell, topic,
                       help)


cdef directive_t* TABLE = [
    # Network. Loopback by default, as in the file that Valkey ships, not as when it has none.
    text(b"bind", b"127.0.0.1 -::1", &LAYOUT.bind, b"network",
         b"Addresses to listen on, at most 16: `*` is every IPv4 address, `::*` every IPv6 one; "
         b"`-` before an address means that it may be missing.", 0, NULL, b"listen", KIND_WORDS),
    number(b"port", b"6379", 0, 65535, &LAYOUT.port, b"network",
           b"TCP port; 0 listens on none.", 0, NULL, b"listen"),
    text(b"unixsocket", b"", &LAYOUT.unixsocket, b"network",
         b"Path of a Unix socket to listen on.", IMMUTABLE),
    number(b"unixsocketperm", b"0", 0, 0o777, &LAYOUT.unixsocketperm, b"network",
           b"Mode of the Unix socket, in octal; 0 leaves it to its owner alone.", IMMUTABLE, NULL,
           NULL, NULL, KIND_OCTAL),
    text(b"unixsocketgroup", b"", &LAYOUT.unixsocketgroup, b"network",
         b"Group that the Unix socket is given to.", IMMUTABLE),
    text(b"control-socket", b"", &LAYOUT.control_socket, b"network",
         b"Path of a Unix socket for whoever manages the server: for its own user alone, who need "
         b"not log in, may do everything, counts against no limit and is served first when clients "
         b"are paused.", IMMUTABLE | OURS),
    number(b"tcp-backlog", b"511", 0, INT_MAX_, &LAYOUT.tcp_backlog, b"network",
           b"Connections that the kernel may hold before we accept them.", IMMUTABLE),
    number(b"tcp-keepalive", b"60", 0, INT_MAX_, &LAYOUT.tcp_keepalive, b"network",
           b"Seconds of silence after which a peer is probed; 0 never. Valkey's default is 300: a "
           b"half-open peer holds its buffers that long."),
    number(b"timeout", b"0", 0, INT_MAX_, &LAYOUT.timeout, b"network",
           b"Seconds of idleness after which a client is closed; 0 never."),
    number(b"login-timeout", b"10", 0, INT_MAX_, &LAYOUT.login_timeout, b"network",
           b"Seconds that a connection has to authenticate where a password is set; 0 for ever.",
           OURS),
    number(b"maxclients", b"10000", 1, 4294967295, &LAYOUT.maxclients, b"network",
           b"Connections at a time; one more is told so and closed.", 0, NULL, b"clients"),
    yes_no(b"protected-mode", b"yes", &LAYOUT.protected_mode, b"network",
           b"Without a password, serve only clients of this machine."),

    # TLS: read by the shell, which makes a context of all of them
    number(b"tls-port", b"0", 0, 65535, &LAYOUT.tls_port, b"tls",
           b"TCP port for connections over TLS; 0 listens on none.", 0, NULL, b"tls"),
    text(b"tls-bind", b"", &LAYOUT.tls_bind, b"tls",
         b"Addresses that it listens on, written as in bind; empty: those of bind.", OURS, NULL,
         b"listen", KIND_WORDS),
    text(b"external-user", b"", &LAYOUT.external_user, b"tls",
         b"The one user that may log in over TLS, never without its password; TLS is then the "
         b"outer door, and external-allowlist says for whom. Empty: it is a way in like any other.",
         OURS, door_apply_user),
    text(b"external-allowlist", b"", &LAYOUT.external_allowlist, b"tls",
         b"Networks that clients may come from where there is an external-user, at most 10000, "
         b"such as 203.0.113.0/24 or 2001:db8::/32; empty: nobody may. Who is inside and is no "
         b"longer allowed is disconnected.", OURS, door_apply_networks, NULL, KIND_WORDS),
    text(b"tls-cert-file", b"", &LAYOUT.tls_cert_file, b"tls",
         b"Certificate of the server, and what is between it and its authority (PEM).", FILE, NULL,
         b"tls"),
    text(b"tls-key-file", b"", &LAYOUT.tls_key_file, b"tls",
         b"Private key of the certificate (PEM).", FILE, NULL, b"tls"),
    text(b"tls-key-file-pass", b"", &LAYOUT.tls_key_file_pass, b"tls",
         b"What the private key is encrypted with.", SECRET, NULL, b"tls"),
    text(b"tls-ca-cert-file", b"", &LAYOUT.tls_ca_cert_file, b"tls",
         b"Authorities whose client certificates are accepted (PEM).", FILE, NULL, b"tls"),
    text(b"tls-ca-cert-dir", b"", &LAYOUT.tls_ca_cert_dir, b"tls",
         b"Directory of such authorities, named by their hashes.", FILE, NULL, b"tls"),
    choice(b"tls-auth-clients", b"yes", b"no optional yes", &LAYOUT.tls_auth_clients, b"tls",
           b"Whether a client must have a certificate.", 0, NULL, b"tls"),
    text(b"tls-protocols", b"", &LAYOUT.tls_protocols, b"tls",
         b"TLSv1.2 and TLSv1.3, or one of them; empty is both.", 0, NULL, b"tls", KIND_WORDS),
    text(b"tls-ciphers", b"", &LAYOUT.tls_ciphers, b"tls",
         b"Ciphers of TLS 1.2, as OpenSSL spells them; empty is OpenSSL's choice.", 0, NULL,
         b"tls"),
    text(b"tls-ciphersuites", b"", &LAYOUT.tls_ciphersuites, b"tls",
         b"Cipher suites of TLS 1.3; empty is OpenSSL's choice.", 0, NULL, b"tls"),
    yes_no(b"tls-prefer-server-ciphers", b"no", &LAYOUT.tls_prefer_server_ciphers, b"tls",
           b"Whether our order of ciphers counts, not the client's.", 0, NULL, b"tls"),
    yes_no(b"tls-session-caching", b"yes", &LAYOUT.tls_session_caching, b"tls",
           b"Whether a client may come back without a whole handshake.", 0, NULL, b"tls"),
    number(b"tls-session-cache-size", b"20480", 0, INT_MAX_, &LAYOUT.tls_session_cache_size,
           b"tls", b"Sessions that are remembered for that; 0 is no limit.", 0, NULL, b"tls"),
    number(b"tls-session-cache-timeout", b"300", 0, INT_MAX_,
           &LAYOUT.tls_session_cache_timeout, b"tls", b"Seconds that one is remembered.", 0, NULL,
           b"tls"),
    number(b"max-new-tls-connections-per-cycle", b"1", 1, 1024,
           &LAYOUT.max_new_tls_connections_per_cycle, b"tls",
           b"Handshakes worked on in a turn of the loop: each takes up to a millisecond."),

    # Clients
    text(b"requirepass", b"", &LAYOUT.requirepass, b"clients",
         b"Password of the default user. Put it in a file or on standard input: an argument can "
         b"be read by everyone on the machine until the server has hidden it.",
         SECRET, apply_password),
    text(b"aclfile", b"", &LAYOUT.aclfile, b"clients",
         b"File with the users, one to a line, as ACL LIST shows them: read at start, and by ACL "
         b"LOAD; ACL SAVE writes it.", IMMUTABLE),
    number(b"acllog-max-len", b"128", 0, INT64_MAX, &LAYOUT.acllog_max_len, b"clients",
           b"Entries of ACL LOG; older ones are forgotten.", 0, apply_acl_log),
    choice(b"acl-pubsub-default", b"resetchannels", b"allchannels=1 resetchannels=0",
           &LAYOUT.acl_pubsub_default, b"clients",
           b"Whether a new user hears all channels, or none."),
    memory(b"proto-max-bulk-len", b"512mb", MIB, &LAYOUT.proto_max_bulk_len, b"clients",
           b"Largest single argument of a command, and largest string."),
    memory(b"client-query-buffer-limit", b"64mb", MIB, &LAYOUT.client_query_buffer_limit,
           b"clients", b"What a client may have sent that has not run, a transaction's queue "
           b"included; one argument may be larger, up to proto-max-bulk-len. Valkey's default is "
           b"1gb."),
    directive_t(b"client-output-buffer-limit", NULL, KIND_LIMITS, 0, at(&LAYOUT.output_limits),
                b"normal 1gb 256mb 60 slave 256mb 64mb 60 pubsub 32mb 8mb 60", 0, 0, NULL, NULL,
                NULL, b"clients",
                b"For each kind of client (normal, replica, pubsub): bytes of unread replies that "
                b"close it at once, bytes that close it after so many seconds, and the seconds; 0 "
                b"is no limit. Valkey lets a normal client take all memory."),
    memory(b"maxmemory-clients", b"5%", 0, &LAYOUT.maxmemory_clients, b"clients",
           b"What all clients may use together, in bytes or as a percentage of maxmemory: beyond "
           b"it the largest are closed. A percentage means 8mb at least. 0 is no limit, which is "
           b"Valkey's default.", NULL,
           KIND_PERCENT),

    # Memory
    memory(b"maxmemory", b"0", 0, &LAYOUT.maxmemory, b"memory",
           b"Bytes that the data set may use, units allowed; 0 is no limit.", apply_memory),
    choice(b"maxmemory-policy", b"noeviction",
           b"volatile-lru=4 volatile-lfu=5 volatile-random=6 volatile-ttl=7 allkeys-lru=1 "
           b"allkeys-lfu=2 allkeys-random=3 noeviction=0", &LAYOUT.maxmemory_policy, b"memory",
           b"Which keys make room when maxmemory is reached.", 0, apply_memory),
    number(b"maxmemory-samples", b"5", 1, 64, &LAYOUT.maxmemory_samples, b"memory",
           b"Keys that are looked at to find one to evict: more finds better ones, slower.", 0,
           apply_memory),
    number(b"lfu-log-factor", b"10", 0, INT_MAX_, &LAYOUT.lfu_log_factor, b"memory",
           b"How slowly the counter of the lfu policies grows: at 10 it is full after about a "
           b"million uses.", 0, apply_memory),
    number(b"lfu-decay-time", b"1", 0, INT_MAX_, &LAYOUT.lfu_decay_time, b"memory",
           b"Minutes after which an unused key's counter falls by one; 0 never.", 0, apply_memory),
    yes_no(b"lazyfree-lazy-user-flush", b"yes", &LAYOUT.lazyfree_lazy_user_flush, b"memory",
           b"FLUSHDB and FLUSHALL without SYNC or ASYNC work as with ASYNC."),
    yes_no(b"activedefrag", b"yes", &LAYOUT.active_defrag, b"memory",
           b"Move values out of sparse pages, so that memory goes back to the system. Valkey's "
           b"default is no, since there it needs a special allocator."),
    yes_no(b"disable-thp", b"no", &LAYOUT.disable_thp, b"memory",
           b"Refuse huge pages for this process. Valkey's default is yes, because it forks; we do "
           b"not, and huge pages make us faster.", IMMUTABLE, apply_thp),

    # Types
    number(b"hash-max-listpack-entries", b"512", 0, INT64_MAX,
           &LAYOUT.hash_limits.listpack_entries, b"types",
           b"A hash with more fields than this becomes a table.", 0, NULL, NULL,
           b"hash-max-ziplist-entries"),
    number(b"hash-max-listpack-value", b"64", 0, INT64_MAX, &LAYOUT.hash_limits.listpack_value,
           b"types", b"A hash with a longer field or value than this becomes a table.", 0, NULL,
           NULL, b"hash-max-ziplist-value", KIND_MEMORY),
    number(b"set-max-intset-entries", b"512", 0, INT64_MAX, &LAYOUT.set_limits.intset_entries,
           b"types", b"A set of integers with more members than this becomes a table."),
    number(b"set-max-listpack-entries", b"128", 0, INT64_MAX, &LAYOUT.set_limits.listpack_entries,
           b"types", b"A set with more members than this becomes a table."),
    number(b"set-max-listpack-value", b"64", 0, INT64_MAX, &LAYOUT.set_limits.listpack_value,
           b"types", b"A set with a longer member than this becomes a table.", 0, NULL, NULL, NULL,
           KIND_MEMORY),
    number(b"list-max-listpack-size", b"-2", -INT_MAX_ - 1, INT_MAX_,
           &LAYOUT.list_max_listpack_size, b"types",
           b"How much one block of a list holds: up to so many elements, or with -1 to -5 up to 4, "
           b"8, 16, 32 or 64 kb. A list that fits into one is a listpack.", 0, NULL, NULL,
           b"list-max-ziplist-size"),
    number(b"zset-max-listpack-entries", b"128", 0, INT64_MAX,
           &LAYOUT.zset_max_listpack_entries, b"types",
           b"Members above which a sorted set is a table and a tree, no listpack.", 0, NULL, NULL,
           b"zset-max-ziplist-entries"),
    number(b"zset-max-listpack-value", b"64", 0, INT64_MAX, &LAYOUT.zset_max_listpack_value,
           b"types", b"Bytes of a member above which it is, too.", 0, NULL, NULL,
           b"zset-max-ziplist-value", KIND_MEMORY),
    memory(b"hll-sparse-max-bytes", b"3000", 0, &LAYOUT.hll_sparse_max_bytes, b"types",
           b"A HyperLogLog that would become longer than this as runs is spelt register by "
           b"register."),
    memory(b"stream-node-max-bytes", b"4096", 0, &LAYOUT.stream_node_max_bytes, b"types",
           b"Bytes at which a stream begins another node of entries; 0: whatever they are."),
    number(b"stream-node-max-entries", b"100", 0, INT64_MAX, &LAYOUT.stream_node_max_entries,
           b"types", b"Entries at which it does; 0: however many."),

    # Journal
    yes_no(b"appendonly", b"no", &LAYOUT.appendonly, b"journal",
           b"Write every change to the append only file.", 0, NULL, b"journal"),
    choice(b"appendfsync", b"everysec", b"everysec=2 always=1 no=0", &LAYOUT.appendfsync,
           b"journal", b"When the append only file is brought to disk: each second, before each "
           b"reply, or when the system likes.", 0, apply_fsync),
    text(b"dbfilename", b"dump.rdb", &LAYOUT.dbfilename, b"journal",
         b"An RDB file in dir that is loaded at the start when appendonly is no. Nothing is "
         b"written to it.", PROTECTED),
    text(b"appendfilename", b"appendonly.aof", &LAYOUT.appendfilename, b"journal",
         b"First part of the names of the append only files.", IMMUTABLE),
    text(b"appenddirname", b"appendonlydir", &LAYOUT.appenddirname, b"journal",
         b"Directory of the append only files, within dir.", IMMUTABLE),
    yes_no(b"aof-use-rdb-preamble", b"yes", &LAYOUT.aof_use_rdb_preamble, b"journal",
           b"Write the base of the append only file as RDB, which is smaller and loads faster, and "
           b"not as commands."),
    number(b"auto-aof-rewrite-percentage", b"100", 0, INT_MAX_,
           &LAYOUT.auto_aof_rewrite_percentage, b"journal",
           b"Rewrite the append only file when it has grown by so much since the last time; 0 "
           b"never."),
    memory(b"auto-aof-rewrite-min-size", b"64mb", 0, &LAYOUT.auto_aof_rewrite_min_size, b"journal",
           b"Do not rewrite a smaller append only file than this by itself."),
    yes_no(b"aof-load-truncated", b"yes", &LAYOUT.aof_load_truncated, b"journal",
           b"Start although the last command of the append only file is cut short, without it."),

    # Scripts
    number(b"busy-reply-threshold", b"5000", 0, INT64_MAX, &LAYOUT.busy_reply_threshold, b"types",
           b"Milliseconds after which a script that still runs lets others be answered BUSY, and "
           b"lets itself be killed; 0 never.", 0, NULL, NULL, b"lua-time-limit"),
    memory(b"script-memory-max", b"512mb", 1048576, &LAYOUT.script_memory_max, b"types",
           b"Memory that the scripts of EVAL may use together, and as much that functions may; one "
           b"that wants more fails.", NULL, KIND_MEMORY, OURS),

    # Process
    text(b"dir", b".", &LAYOUT.dir, b"process",
         b"Working directory: the data lives here, and one server at a time.", PROTECTED, NULL,
         b"dir"),
    number(b"databases", b"16", 1, DATABASES_MAX, &LAYOUT.databases, b"process",
           b"How many databases SELECT knows.", IMMUTABLE),
    number(b"hz", b"10", 0, INT_MAX_, &LAYOUT.hz, b"process",
           b"How often a second the server looks after clients and timeouts: 1 to 500.", 0,
           apply_hz),
    yes_no(b"daemonize", b"no", &LAYOUT.daemonize, b"process",
           b"Go on in the background; the command returns when the server is ready, or failed.",
           IMMUTABLE),
    choice(b"supervised", b"no", b"upstart=1 systemd=2 auto=3 no=0", &LAYOUT.supervised,
           b"process", b"Who started us and wants to hear that we are ready.", IMMUTABLE),
    text(b"pidfile", b"", &LAYOUT.pidfile, b"process",
         b"File that holds our process id while we run.", IMMUTABLE),
    text(b"server-cpulist", b"", &LAYOUT.server_cpulist, b"process",
         b"Processors to run on: `0,2-5` or `0-7:2`.", IMMUTABLE, NULL, NULL, KIND_TEXT,
         b"server_cpulist"),
    # What clients are told
    directive_t(b"notify-keyspace-events", NULL, KIND_EVENTS, 0, at(&LAYOUT.events), b"", 0, 0,
                NULL, apply_events, NULL, b"notifications",
                b"Which events of keys are published: K to channels of keys, E to channels of "
                b"events; g generic, $ strings, l lists, s sets, h hashes, z sorted sets, t "
                b"streams, x expired, e evicted, d of modules, A all of these; m misses, n new "
                b"keys. Nothing without K or E."),
    number(b"tracking-table-max-keys", b"1000000", 0, INT64_MAX, &LAYOUT.tracking_table_max_keys,
           b"notifications",
           b"Keys that are remembered for clients that cache them; beyond it some are invalidated "
           b"early. 0 is no limit."),

    yes_no(b"set-proc-title", b"yes", &LAYOUT.set_proc_title, b"process",
           b"Show proc-title-template in the list of processes, in place of the arguments.",
           IMMUTABLE),
    text(b"proc-title-template", b"{title} {listen-addr} {server-mode}",
         &LAYOUT.proc_title_template, b"process",
         b"Words with {title}, {listen-addr}, {server-mode}, {port}, {tls-port}, {unixsocket}, "
         b"{config-file}.", 0, NULL, b"title"),
    choice(b"oom-score-adj", b"no", b"no=0 yes=1 relative=1 absolute=2", &LAYOUT.oom_score_adj,
           b"process", b"Tell the kernel how readily to end us when memory is out.", 0, NULL,
           b"oom"),
    text(b"oom-score-adj-values", b"0 200 800", &LAYOUT.oom_score_adj_values, b"process",
         b"The scores of a primary, a replica and a child, each -2000 to 2000.", 0, NULL, b"oom",
         KIND_WORDS),
    text(b"shutdown-on-sigint", b"default", &LAYOUT.shutdown_on_sigint, b"process",
         b"How SIGINT ends the server: default, or some of nosave, now, force. With force it ends "
         b"although the append only file cannot be written; else a second signal does.", 0, NULL,
         NULL, KIND_WORDS),
    text(b"shutdown-on-sigterm", b"default", &LAYOUT.shutdown_on_sigterm, b"process",
         b"The same for SIGTERM.", 0, NULL, NULL, KIND_WORDS),
    choice(b"server-identity", b"valkey", b"valkey redis redis6", &LAYOUT.identity, b"process",
           b"As whom HELLO and INFO present the server: some clients switch features on it. redis6 "
           b"is 6.2, without the commands and options that came later.", IMMUTABLE | OURS),
    choice(b"enable-debug-command", b"no", b"no yes local", &LAYOUT.enable_debug_command,
           b"process", b"Who may use DEBUG.", IMMUTABLE),
    choice(b"enable-protected-configs", b"no", b"no yes local", &LAYOUT.enable_protected_configs,
           b"process", b"Who may change protected directives with CONFIG SET.", IMMUTABLE),

    # Log
    choice(b"loglevel", b"notice", b"debug verbose notice warning nothing", &LAYOUT.loglevel,
           b"log", b"The least important lines that are logged.", 0, NULL, b"log"),
    text(b"logfile", b"", &LAYOUT.logfile, b"log",
         b"File to log to; empty or `stderr` is standard error, `stdout` standard output.",
         IMMUTABLE),
    choice(b"log-format", b"legacy", b"legacy logfmt json", &LAYOUT.log_format, b"log",
           b"How a line looks.", 0, NULL, b"log"),
    choice(b"log-timestamp-format", b"legacy", b"legacy iso8601 milliseconds",
           &LAYOUT.log_timestamp_format, b"log", b"How the time of a line looks.", 0, NULL,
           b"log"),
    yes_no(b"syslog-enabled", b"no", &LAYOUT.syslog_enabled, b"log",
           b"Send every line to the system's log too.", IMMUTABLE),
    text(b"syslog-ident", b"kvd", &LAYOUT.syslog_ident, b"log",
         b"Name under which the system's log knows us.", IMMUTABLE),
    choice(b"syslog-facility", b"local0",
           b"user local0 local1 local2 local3 local4 local5 local6 local7",
           &LAYOUT.syslog_facility, b"log", b"Facility of the system's log.", IMMUTABLE),
    yes_no(b"crash-log-enabled", b"yes", &LAYOUT.crash_log_enabled, b"log",
           b"Write where we were when the process crashes.", 0, NULL, b"log"),

    # What is measured
    number(b"commandlog-execution-slower-than", b"10000", -1, INT64_MAX,
           &LAYOUT.slowlog_log_slower_than, b"measurement",
           b"Microseconds above which a command is kept in the slow log; -1 keeps none.", 0,
           apply_thresholds, NULL, b"slowlog-log-slower-than"),
    number(b"commandlog-slow-execution-max-len", b"128", 0, INT64_MAX, &LAYOUT.slowlog_max_len,
           b"measurement", b"Commands that the slow log holds.", 0,
           apply_thresholds, NULL, b"slowlog-max-len"),
    number(b"commandlog-request-larger-than", b"1048576", -1, INT64_MAX,
           &LAYOUT.commandlog_request_larger_than, b"measurement",
           b"Bytes above which a request is kept in its log; -1 keeps none.", 0, apply_thresholds),
    number(b"commandlog-large-request-max-len", b"128", 0, INT64_MAX,
           &LAYOUT.commandlog_large_request_max_len, b"measurement",
           b"Large requests that are kept.", 0, apply_thresholds),
    number(b"commandlog-reply-larger-than", b"1048576", -1, INT64_MAX,
           &LAYOUT.commandlog_reply_larger_than, b"measurement",
           b"Bytes above which a reply is kept in its log; -1 keeps none.", 0, apply_thresholds),
    number(b"commandlog-large-reply-max-len", b"128", 0, INT64_MAX,
           &LAYOUT.commandlog_large_reply_max_len, b"measurement",
           b"Large replies that are kept.", 0, apply_thresholds),
    number(b"latency-monitor-threshold", b"0", 0, INT64_MAX, &LAYOUT.latency_monitor_threshold,
           b"measurement", b"Milliseconds above which LATENCY remembers an event; 0 remembers "
           b"none.", 0, apply_thresholds),
    yes_no(b"latency-tracking", b"yes", &LAYOUT.latency_tracking, b"measurement",
           b"Keep a histogram of each command's time."),
    directive_t(b"latency-tracking-info-percentiles", NULL, KIND_PERCENTILES, 0, 0, b"50 99 99.9",
                0, 100, NULL, NULL, NULL, b"measurement",
                b"Percentiles that INFO latencystats shows, at most 16."),
    directive_last(),
]
cdef int COUNT = directive_rows(TABLE)


# -- finding --------------------------------------------------------------------------------------

cdef int directive_count() noexcept:
    return COUNT + absent_count()


cdef const directive_t* directive_at(int index) noexcept:
    if index < COUNT:
        return &TABLE[index]
    return absent_at(index - COUNT)


cdef const directive_t* directive_find(bytes name):
    found = INDEX.get(name.lower(), -1)
    if found < 0:
        return NULL
    return directive_at(found)


cdef dict index_names():
    """Name or alias to place. Raises ValueError where D1 does not hold."""
    cdef dict names = {}
    cdef const directive_t* row
    cdef int i
    for i in range(directive_count()):
        row = directive_at(i)
        for name in (<bytes>row.name, <bytes>row.alias if row.alias is not NULL else None):
            if name in names:
                raise ValueError(f"directive {name!r} is declared twice")
            if name is not None:
                names[name] = i
    return names


cdef dict INDEX = index_names()

KINDS = {KIND_BOOL: "yes or no", KIND_INT: "number", KIND_MEMORY: "memory",
         KIND_PERCENT: "memory or percentage", KIND_OCTAL: "octal number", KIND_ENUM: "choice",
         KIND_TEXT: "text", KIND_WORDS: "words", KIND_LIMITS: "limits",
         KIND_PERCENTILES: "numbers", KIND_EVENTS: "letters"}


def directive_info(name: bytes) -> dict | None:
    """What a line of a file must know of a directive; None when there is none of that name.

    Returns:
        name: its own, where an alias was given. default: as a file would say it. words: it takes
        several. adds: each line speaks of a part of it. secret: not to be shown.
    """
    cdef const directive_t* row = directive_find(name)
    if row is NULL:
        return None
    return dict(name=row.name.decode(), default=<bytes>row.value, adds=row.kind == KIND_LIMITS,
                secret=bool(row.flags & DIRECTIVE_SECRET),
                words=row.kind in (KIND_WORDS, KIND_LIMITS, KIND_PERCENTILES))


def config_table() -> list[dict]:
    """The rows of both tables, in order: for documentation, forms and `kvd serve --help`."""
    cdef const directive_t* row
    cdef int i
    rows = []
    for i in range(directive_count()):
        row = directive_at(i)
        choices = row.choices.decode().split() if row.choices is not NULL else []
        rows.append(dict(
            name=row.name.decode(),
            alias=row.alias.decode() if row.alias is not NULL else None,
            kind=KINDS[row.kind],
            default=row.value.decode(),
            min=row.min, max=row.max,
            choices=[word.partition("=")[0] for word in choices]
            if row.kind == KIND_ENUM else [],
            also=row.choices.decode() if row.flags & DIRECTIVE_FIXED and choices else None,
            mutable=not row.flags & DIRECTIVE_IMMUTABLE,
            protected=bool(row.flags & DIRECTIVE_PROTECTED),
            secret=bool(row.flags & DIRECTIVE_SECRET),
            fixed=bool(row.flags & DIRECTIVE_FIXED),
            ours=bool(row.flags & DIRECTIVE_OURS),
            topic=row.topic.decode(),
            help=row.help.decode(),
        ))
    return rows
