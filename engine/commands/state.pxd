"""server_t: everything one engine owns, and what a command can reach through its client.

Terms
    turn      one round of the event loop: wait, read, execute, write
    call      run one command whose arguments, rights and memory have been checked
    hook      a function of the floor above, filled when the server is made
    park      leave a client's next command unread until something happens

Configuration, memory account, counters and secrets belong to a server: a process may hold many.
One thread runs a server; whoever else wants to know asks it in a command.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t, uint64_t

from ..core.buf cimport buf_t
from ..core.clock cimport ticks_t
from ..core.heap cimport heap_t
from ..core.table cimport table_t
from ..core.types cimport slice_t
from ..store.keyspace cimport keyspace_t, store_t
from ..store.defrag cimport defrag_t
from ..store.evict cimport evict_t
from ..store.expire cimport expire_t
from ..store.hash cimport hash_limits_t
from ..store.set cimport set_limits_t
from ..journal.aof cimport aof_t
from ..journal.rdb_format cimport rdb_t
from ..journal.snapshot cimport snapshot_t
from ..wire.acl cimport users_t
from ..wire.command cimport (
    CLIENT_AUTHENTICATED, CLIENT_CLOSE_SOON, CLIENT_CLOSING, CLIENT_OUTER, CLIENT_PENDING_WRITE,
    CLIENT_SUBSCRIBED, client_t, command_t,
)
from ..wire.resp cimport argv_t

cdef enum:
    DATABASES_MAX = 16384
    CLIENT_KINDS = 3                    # rows of client-output-buffer-limit
    PERCENTILES_MAX = 16                # of latency-tracking-info-percentiles

cdef enum client_kind_t:
    CLIENT_NORMAL = 0
    CLIENT_REPLICA = 1
    CLIENT_PUBSUB = 2

cdef enum:
    CLOSE_LINGER_US = 10000000          # for a peer to take something of its last reply

cdef enum:
    BATCH_MAX = 32                      # commands parsed ahead, so that their keys are fetched

cdef struct batch_command_t:
    const command_t* cmd                # NULL: unknown
    const command_t* container          # of an unknown subcommand
    size_t argv_at                      # its arguments in argv.items
    int argc
    size_t end                          # where the next command starts
    const char* hashed_key              # NULL: no key known
    uint64_t hash
    keyspace_t* ks                      # whose table was prefetched
    bint has_table                      # the value seemed to have one of its elements
    uint64_t element_hash               # in it, of the one the command names

cdef enum called_t:                     # what became of a client's command
    CALLED_DONE = 0                     # it has its reply
    CALLED_PARKED = 1                   # it has not run: the client keeps its bytes
    CALLED_BLOCKED = 2                  # it runs on; the reply comes later

cdef enum busy_t:
    BUSY_NO = 0
    BUSY_SCRIPT = 1
    BUSY_FUNCTION = 2

cdef enum gate_t:                       # who may use what is closed by default
    GATE_NO = 0
    GATE_YES = 1
    GATE_LOCAL = 2                      # loopback and Unix sockets

cdef struct output_limit_t:
    int64_t hard_bytes                  # 0: none
    int64_t soft_bytes
    int64_t soft_seconds

# The configuration, named after its directives; server/config.pyx has the table of them. What the
# rooms below need in another shape is copied on by the table's hooks (maxmemory* and lfu-* to
# evict and access, append* to the journal). Texts are owned, and empty when unset.
cdef struct config_t:
    # Network
    int64_t port
    slice_t bind                        # addresses, separated by one space
    slice_t unixsocket
    slice_t control_socket              # its peers are the owner: no login, no limit
    slice_t unixsocketgroup
    int64_t unixsocketperm              # 0: as the umask leaves it
    int64_t tcp_keepalive               # seconds; 0 off
    int64_t tcp_backlog
    int64_t tls_port                    # 0: none
    slice_t tls_bind                    # empty: as bind
    slice_t external_user               # empty: TLS is a way in like any other
    slice_t external_allowlist          # words of one space between; server/door has its ranges
    slice_t tls_cert_file
    slice_t tls_key_file
    slice_t tls_key_file_pass
    slice_t tls_ca_cert_file
    slice_t tls_ca_cert_dir
    int tls_auth_clients                # no, optional, yes
    slice_t tls_protocols
    slice_t tls_ciphers
    slice_t tls_ciphersuites
    bint tls_prefer_server_ciphers
    bint tls_session_caching
    int64_t tls_session_cache_size
    int64_t tls_session_cache_timeout   # seconds
    int64_t max_new_tls_connections_per_cycle
    int64_t timeout                     # seconds of idleness before a client is closed; 0 never
    int64_t login_timeout               # seconds to authenticate; 0 never
    int64_t maxclients
    bint protected_mode
    # Clients
    slice_t requirepass
    slice_t aclfile                     # of users; empty: the configuration file holds them
    int64_t acllog_max_len
    bint acl_pubsub_default             # a new user hears all channels
    int64_t proto_max_bulk_len
    int64_t client_query_buffer_limit
    output_limit_t output_limits[CLIENT_KINDS]
    int64_t tracking_table_max_keys     # 0: no limit
    int events                          # EVENT_*, with EVENT_KEYSPACE and EVENT_KEYEVENT
    int64_t maxmemory_clients           # bytes, or minus a percentage of maxmemory; 0 none
    # Memory
    int64_t maxmemory                   # bytes; 0 none
    int maxmemory_policy                # policy_t
    int64_t maxmemory_samples
    int64_t lfu_log_factor
    int64_t lfu_decay_time              # minutes
    bint lazyfree_lazy_user_flush
    bint active_defrag
    bint disable_thp
    # Types
    set_limits_t set_limits
    int64_t list_max_listpack_size      # elements of a block, or -1 to -5: 4 to 64 KB
    int64_t zset_max_listpack_entries
    int64_t zset_max_listpack_value     # bytes
    hash_limits_t hash_limits
    int64_t hll_sparse_max_bytes
    int64_t stream_node_max_bytes       # 0: no bound
    int64_t stream_node_max_entries     # 0: no bound
    # Journal
    bint appendonly
    int appendfsync                     # fsync_t
    slice_t dbfilename
    slice_t appendfilename
    slice_t appenddirname
    bint aof_load_truncated
    bint aof_use_rdb_preamble           # a base is RDB, else RESP text
    int64_t auto_aof_rewrite_percentage # 0: only when asked
    int64_t auto_aof_rewrite_min_size   # bytes
    # Scripts
    int64_t busy_reply_threshold        # milliseconds; 0: a script is never busy
    int64_t script_memory_max           # bytes of one machine
    # Process
    slice_t dir
    int64_t databases
    int64_t hz
    bint daemonize
    int supervised
    slice_t pidfile
    slice_t server_cpulist
    bint set_proc_title
    slice_t proc_title_template
    int oom_score_adj
    slice_t oom_score_adj_values
    slice_t shutdown_on_sigint
    slice_t shutdown_on_sigterm
    int identity                        # identity_t
    int enable_debug_command            # gate_t
    int enable_protected_configs        # gate_t
    bint active_expire                  # DEBUG SET-ACTIVE-EXPIRE
    # Log
    int loglevel
    int log_format
    int log_timestamp_format
    slice_t logfile
    bint syslog_enabled
    slice_t syslog_ident
    int syslog_facility
    bint crash_log_enabled
    # What is measured
    int64_t slowlog_log_slower_than     # microseconds; -1 off
    int64_t slowlog_max_len
    int64_t commandlog_request_larger_than      # bytes; -1 off
    int64_t commandlog_large_request_max_len
    int64_t commandlog_reply_larger_than
    int64_t commandlog_large_reply_max_len
    int64_t latency_monitor_threshold   # milliseconds; 0 off
    bint latency_tracking
    double latency_percentiles[PERCENTILES_MAX]
    int latency_percentile_count

# Counters of one command, indexed by its id.
cdef struct command_stats_t:
    uint64_t calls
    uint64_t ticks
    uint64_t rejected                   # refused before they ran
    uint64_t failed                     # ran, and replied an error
    uint64_t* histogram                 # owned, NULL until latency-tracking saw a call; stats.pxd

cdef enum:
    RATE_SAMPLES = 16                   # one per cron run: the rate of the last second and a half

# A counter's growth per unit of another (mostly time), averaged over the last samples.
cdef struct rate_t:
    uint64_t total
    uint64_t base
    double samples[RATE_SAMPLES]
    uint32_t at

cdef enum rate_index_t:
    RATE_OPS = 0                        # commands a second
    RATE_IN = 1                         # bytes a second
    RATE_OUT = 2
    RATE_TURNS = 3                      # turns a second
    RATE_TURN_US = 4                    # microseconds a turn
    RATES = 5

cdef struct stats_t:
    command_stats_t* commands           # owned: command_count() of them
    uint64_t commands_processed
    uint64_t connections_received
    uint64_t connections_rejected
    uint64_t reads                      # successful recv(2) calls
    uint64_t writes
    uint64_t bytes_in
    uint64_t bytes_out
    uint64_t error_replies
    uint64_t outer_refused              # outer clients whose address was not in the allowlist
    uint64_t acl_denied_auth
    uint64_t acl_denied_command
    uint64_t acl_denied_key
    uint64_t acl_denied_channel
    uint64_t acl_denied_database
    uint64_t query_limit_closes         # client_query_buffer_limit_disconnections
    uint64_t output_limit_closes
    uint64_t clients_evicted
    uint64_t turns
    uint64_t python_errors              # exceptions of Python-served commands
    int64_t started_ms
    uint64_t turn_ticks                 # spent in turns, waiting left out
    size_t memory_startup               # heap.used when the server was ready
    rate_t rates[RATES]
    # What a call must reach to be worth a second look: see stats_thresholds
    uint64_t noted_ticks
    uint64_t noted_request_bytes
    uint64_t noted_reply_bytes

# Who waits for keys; commands/blocked has the whole of it.
cdef struct blocking_t:
    table_t** tables                    # owned: awaited keys by database; NULL until the first
    client_t** deadlines                # owned: a heap of deadline_count clients
    size_t deadline_count
    size_t deadline_max
    void* ready                         # awaited keys that were touched, in that order
    void* ready_last
    bint serving                        # ready keys are looked at
    uint64_t clients                    # in a blocking command
    uint64_t keys_gone                  # awaited keys of which somebody wants to know the end

cdef enum:
    CHANNEL_KINDS = 3                   # of commands/pubsub

# Who is told of what; commands/pubsub has the whole of it.
cdef struct pubsub_t:
    table_t tables[CHANNEL_KINDS]       # channels, patterns, shard channels: those with subscribers
    void** patterns                     # owned: the patterns, in a row
    size_t pattern_count
    size_t pattern_max
    uint64_t clients                    # with subscriptions
    buf_t message                       # what is sent now, as it goes to each subscriber

# Who is told of changed keys; commands/tracking has the whole of it.
cdef struct tracking_t:
    table_t keys                        # that some client may have cached
    table_t prefixes                    # that some client wants all changes of
    table_t trackers                    # clients, by id
    table_t dropped                     # tracked keys that are freed by and by
    uint64_t items                      # clients, summed over keys
    uint64_t redirecting                # trackers in whose place another is told
    uint64_t changed                    # keys that broadcasts of this turn will name
    uint32_t timeouts                   # times in a row that the table was above its limit

cdef struct pause_t:
    int64_t until_us                    # monotonic; 0: not paused
    bint all                            # every command, not only those that write

ctypedef called_t (*call_fn)(void* srv, client_t* c) noexcept nogil
ctypedef void (*client_hook_fn)(void* srv, client_t* c) noexcept nogil
ctypedef bint (*unblock_fn)(void* srv, client_t* c, bint error) noexcept nogil
ctypedef void (*error_hook_fn)(void* srv, slice_t code) noexcept nogil
ctypedef void (*server_hook_fn)(void* srv) noexcept nogil
ctypedef void (*log_hook_fn)(void* srv, int level, slice_t line) noexcept nogil

cdef struct server_hooks_t:
    # Run c.cmd with c.argv now, with statistics, slow log and journal: for EXEC.
    call_fn call
    # Every check that comes before a call (arity, auth, OOM, ...), then the call.
    call_fn process
    # End a blocking command, as its timeout would or with an error; NULL while none blocks.
    unblock_fn unblock
    # Serve a CMD_PYTHON row: takes the GIL, appends the reply.
    client_hook_fn python
    # Show a command to the monitors before it runs: a script comes before what it calls.
    client_hook_fn monitor
    # Count the error in c.reply: of c.cmd, which is not run, or of none when that is NULL.
    client_hook_fn reject
    # Serve those who may be served while a script is busy; a turn of its own.
    server_hook_fn serve_busy
    # A line for the log: 0 debug, 1 verbose, 2 notice, 3 warning. Takes the GIL.
    log_hook_fn log

cdef struct server_t:
    heap_t heap
    store_t store
    keyspace_t* databases               # owned: config.databases of them
    evict_t evict
    expire_t expire
    defrag_t defrag
    aof_t aof
    snapshot_t snapshot
    config_t config
    stats_t stats
    server_hooks_t hooks
    ticks_t ticks
    int64_t mono_us                     # set once a turn
    int64_t wall_ms                     # likewise; store.now_ms follows it, but not in EXEC
    int64_t upkeep_at_us                # monotonic: when eviction or defrag has work again
    uint64_t call_ticks                 # when the last call ended: the next one begins
    argv_t argv                         # of the batch that runs
    batch_command_t batch[BATCH_MAX]
    const command_t* last_cmd           # the command that was found last, and its name as it was
    uint64_t last_name                  # sent: 1 to 7 bytes as a word
    size_t last_name_size
    buf_t reply_spare                   # a reply buffer that waits for the next client
    # Clients
    client_t** clients                  # owned: client_count of them, in no order
    uint32_t client_count
    uint32_t socket_count               # those of them that maxclients counts
    uint32_t cron_at                    # index in clients where housekeeping goes on
    uint32_t clients_max                # allocated
    uint64_t client_next_id
    client_t* current                   # whose command runs; NULL between commands
    client_t* pending_write             # clients with replies to send this turn
    client_t* parked                    # until the pause ends, last first
    client_t* ready                     # to be run again next turn, from their own buffers
    client_t* closing                   # those with a CLOSE flag, for the reaper; client_close
    uint32_t monitors
    uint32_t watching                   # clients that watch keys
    size_t clients_memory               # of all clients, as of the last change of each
    size_t query_recent                 # largest buffers that housekeeping saw in its last round
    size_t reply_recent
    size_t query_round                  # ... and in the one that is under way
    size_t reply_round
    pause_t pause
    blocking_t blocking
    pubsub_t pubsub
    tracking_t tracking
    client_t* caller                    # whose bytes are executed; NULL between clients
    buf_t deferred                      # pushes for the caller: they follow its reply
    bint rewrite_wanted                 # begin one at the end of the turn
    int64_t rewrite_after_us            # but not before this, by the monotonic clock
    uint64_t aof_earlier_size           # bytes of the incr files before the open one
    int aof_told                        # the status of the journal that the log told last
    bint copy_busy                      # a walk can go on at once
    bint loading
    int64_t loading_started_ms
    uint64_t loading_total_bytes
    uint64_t loading_done_bytes
    bint in_exec
    int64_t unit_us                     # the time in it, once somebody has asked; 0
    int exec_db                         # database that EXEC's journal text began in
    bint exec_fed                       # EXEC has written its MULTI to the journal
    int script_busy                     # BUSY_*: a script runs for too long
    client_t* script_caller             # ... for this client
    int signalled                       # while it did, somebody asked the process to end
    bint stop                           # leave the loop at the end of the turn
    users_t users
    bint auth_required                  # `default` is off, or needs a password
    char run_id[41]
    void* commandlog[3]                 # owned by server/commandlog, by kind
    void* acl_log                       # owned by commands/acl_log; NULL until it is needed
    void* watches                       # owned by commands/multi: watched keys
    void* latency                       # owned by server/latency: events of LATENCY
    void* errors                        # owned by server/stats: errorstats
    void* tls                           # owned by server/tls: the context of new connections
    void* door                          # owned by server/door: who may come in from outside
    void* scripting                     # owned by commands/script: machines, scripts, functions
    void* loop                          # owned by server/loop: poller, listeners, timers
    void* self                          # borrowed: the Python face, for the python hook

cdef inline server_t* server_of(const client_t* c) noexcept nogil:
    return <server_t*>c.srv

# It has to log in before anything else: `default` needs a password, or is not for outer clients.
cdef inline bint client_must_log_in(const server_t* srv, const client_t* c) noexcept nogil:
    return (not c.flags & CLIENT_AUTHENTICATED
            and (srv.auth_required or c.modes & CLIENT_OUTER != 0))

# Someone will read what feed_* write. Building a feed for nobody is wasted time.
cdef inline bint feed_wanted(const client_t* c) noexcept nogil:
    return server_of(c).aof.enabled

# The next time that something is written it is its turn, too: it has output.
cdef inline void client_pend(server_t* srv, client_t* c) noexcept nogil:
    if not c.flags & CLIENT_PENDING_WRITE:
        c.flags |= CLIENT_PENDING_WRITE
        c.next_pending = srv.pending_write
        srv.pending_write = c

# Whose limits of output hold for it.
cdef inline client_kind_t client_kind(const client_t* c) noexcept nogil:
    return CLIENT_PUBSUB if c.flags & CLIENT_SUBSCRIBED else CLIENT_NORMAL

cdef inline void client_close(server_t* srv, client_t* c, uint32_t how) noexcept nogil:
    """`how` is CLIENT_CLOSE_SOON or CLIENT_CLOSE_NOW. The only way to close somebody else; whose
    command runs may set its own flag, since the loop looks at it when the command has ended."""
    c.flags |= how
    if not c.flags & CLIENT_CLOSING:
        if c.flags & CLIENT_CLOSE_SOON:
            c.deadline_us = srv.mono_us + CLOSE_LINGER_US
        c.flags |= CLIENT_CLOSING
        c.next_closing = srv.closing
        srv.closing = c

# What a reader of dumps needs to know of the configuration; after rdb_init.
cdef inline void rdb_configure(rdb_t* rdb, const server_t* srv) noexcept nogil:
    rdb.limits.list_fill = <int>srv.config.list_max_listpack_size
    rdb.limits.zset_entries = <uint64_t>srv.config.zset_max_listpack_entries
    rdb.limits.zset_value = <uint64_t>srv.config.zset_max_listpack_value
    rdb.limits.set = srv.config.set_limits
    rdb.limits.hash = srv.config.hash_limits
