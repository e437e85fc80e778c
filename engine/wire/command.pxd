"""What a command is: the row each family declares, the registry that finds it, and the client
that a command reads its arguments from.

Terms
    arity    number of arguments, name included; -n means at least n
    keys     which arguments are keys: see keys_t
    proc     the implementation; NULL with CMD_PYTHON: the floor above serves it
    parent   the container's name, for a subcommand: "client" for CLIENT KILL; else NULL
    syntax   one line of command syntax; COMMAND DOCS and docs/reference are made from it
    summary  one sentence, for the same two

A command_t is constant after import; counters live in the server, indexed by cmd.id.
A subcommand is a row of its own. Its container is a row too (proc NULL, CMD_CONTAINER), which
answers COMMAND INFO and names the group; command_resolve goes from one to the other.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t, uint64_t

from ..core.buf cimport buf_t
from ..core.types cimport slice_t
from ..store.keyspace cimport keyspace_t, store_hash, store_t

cdef enum:                              # flags, with COMMAND INFO's names in command.pyx
    CMD_WRITE = 1 << 0
    CMD_READONLY = 1 << 1
    CMD_DENYOOM = 1 << 2
    CMD_ADMIN = 1 << 3
    CMD_PUBSUB = 1 << 4
    CMD_NOSCRIPT = 1 << 5
    CMD_BLOCKING = 1 << 6
    CMD_LOADING = 1 << 7                # allowed while the data set is loaded
    CMD_STALE = 1 << 8
    CMD_SKIP_MONITOR = 1 << 9
    CMD_SKIP_COMMANDLOG = 1 << 10
    CMD_FAST = 1 << 11
    CMD_NO_AUTH = 1 << 12               # allowed before authentication
    CMD_MAY_REPLICATE = 1 << 13
    CMD_NO_MULTI = 1 << 14              # refused inside MULTI
    CMD_MOVABLEKEYS = 1 << 15
    CMD_ALLOW_BUSY = 1 << 16
    CMD_NO_MANDATORY_KEYS = 1 << 17
    CMD_PROTECTED = 1 << 18
    CMD_NO_ASYNC_LOADING = 1 << 19
    CMD_TOUCHES_ARBITRARY_KEYS = 1 << 20
    CMD_ASKING = 1 << 21
    # Ours, not shown to clients
    CMD_PYTHON = 1 << 24                # served above the floor: proc is NULL
    CMD_CONTAINER = 1 << 25             # has subcommands, and nothing of its own
    CMD_CONTAINER_RUNS = 1 << 26        # has subcommands, and runs without one too: COMMAND
    CMD_UNQUEUED = 1 << 27              # runs at once inside MULTI: EXEC, DISCARD, QUIT, RESET
    CMD_SUBSCRIBED = 1 << 28            # allowed to a RESP2 client that has subscriptions

cdef enum:                              # explicit ACL categories; implied ones are computed
    ACL_KEYSPACE = 1 << 0
    ACL_READ = 1 << 1
    ACL_WRITE = 1 << 2
    ACL_SET = 1 << 3
    ACL_SORTEDSET = 1 << 4
    ACL_LIST = 1 << 5
    ACL_HASH = 1 << 6
    ACL_STRING = 1 << 7
    ACL_BITMAP = 1 << 8
    ACL_HYPERLOGLOG = 1 << 9
    ACL_GEO = 1 << 10
    ACL_STREAM = 1 << 11
    ACL_PUBSUB = 1 << 12
    ACL_ADMIN = 1 << 13
    ACL_FAST = 1 << 14
    ACL_SLOW = 1 << 15
    ACL_BLOCKING = 1 << 16
    ACL_DANGEROUS = 1 << 17
    ACL_CONNECTION = 1 << 18
    ACL_TRANSACTION = 1 << 19
    ACL_SCRIPTING = 1 << 20

cdef enum group_t:
    GROUP_GENERIC = 0
    GROUP_STRING = 1
    GROUP_LIST = 2
    GROUP_SET = 3
    GROUP_SORTED_SET = 4
    GROUP_HASH = 5
    GROUP_PUBSUB = 6
    GROUP_TRANSACTIONS = 7
    GROUP_CONNECTION = 8
    GROUP_SERVER = 9
    GROUP_SCRIPTING = 10
    GROUP_HYPERLOGLOG = 11
    GROUP_CLUSTER = 12
    GROUP_GEO = 13
    GROUP_STREAM = 14
    GROUP_BITMAP = 15

cdef enum:                              # what a command does with its keys (key specs)
    KEY_RO = 1 << 0
    KEY_RW = 1 << 1
    KEY_OW = 1 << 2
    KEY_RM = 1 << 3
    KEY_ACCESS = 1 << 4
    KEY_UPDATE = 1 << 5
    KEY_INSERT = 1 << 6
    KEY_DELETE = 1 << 7
    # Of the spec, not of the key
    KEY_NOT = 1 << 8                    # a channel: found like a key, and none
    KEY_INCOMPLETE = 1 << 9             # the spec does not find all of them
    KEY_VARIABLE = 1 << 10              # the words of the command decide: see keyspec

cdef enum keys_kind_t:
    KEYS_NONE = 0
    KEYS_AT = 1                         # first, last (negative: from the end), step
    KEYS_COUNTED = 2                    # argument `first` says how many follow, `step` apart
    KEYS_AFTER = 3                      # after the token: STREAMS; half of what follows
    KEYS_WORD = 4                       # one, behind the token: STORE
    KEYS_TAIL = 5                       # all behind the token, which is sought from the end: KEYS
    KEYS_UNKNOWN = 6                    # only the command itself can tell

cdef struct keys_t:
    keys_kind_t kind
    int first
    int last
    int step
    uint32_t flags                      # KEY_*
    const char* token                   # KEYS_AFTER, KEYS_WORD, KEYS_TAIL

cdef enum:                              # client flags
    CLIENT_CLOSE_SOON = 1 << 0          # close once its reply has left
    CLIENT_CLOSE_NOW = 1 << 1           # the reaper closes it at the end of the turn
    CLIENT_AUTHENTICATED = 1 << 2
    CLIENT_MULTI = 1 << 3
    CLIENT_DIRTY_CAS = 1 << 4           # a watched key changed
    CLIENT_DIRTY_EXEC = 1 << 5          # a command was refused while queueing
    CLIENT_MONITOR = 1 << 6
    CLIENT_REPLY_OFF = 1 << 7
    CLIENT_REPLY_SKIP = 1 << 8          # this command's reply is dropped
    CLIENT_REPLY_SKIP_NEXT = 1 << 9
    CLIENT_NO_EVICT = 1 << 10
    CLIENT_NO_TOUCH = 1 << 11
    CLIENT_UNIX_SOCKET = 1 << 12
    CLIENT_INTERNAL = 1 << 13           # no socket: loading, the library, tests
    CLIENT_LOADING = 1 << 14            # the journal's own client: nothing is fed back
    CLIENT_PAUSED = 1 << 15             # parked by CLIENT PAUSE, its command unread
    CLIENT_RETRIES = 1 << 16            # parked; tries again each turn: memory, or a value, is busy
    CLIENT_EXECUTING = 1 << 17          # inside EXEC
    CLIENT_PYTHON = 1 << 18             # parked: its command is served above the floor
    CLIENT_READ_PAUSED = 1 << 19        # not read from until its replies have left
    CLIENT_WRITE_WAITS = 1 << 20        # its socket was full: the loop watches it
    CLIENT_PENDING_WRITE = 1 << 21      # in the list of clients to be written this turn
    CLIENT_BLOCKED = 1 << 22            # in a blocking command
    CLIENT_PUSHING = 1 << 23            # a push is written: REPLY_OFF does not drop it
    CLIENT_CONTROL = 1 << 24            # came by the control socket
    CLIENT_CAPA_REDIRECT = 1 << 25      # CLIENT CAPA REDIRECT
    CLIENT_CLOSING = 1 << 26            # in the list of clients that the reaper looks at
    CLIENT_READY = 1 << 27              # in the list of clients to be run without being read
    CLIENT_UNWATCHED = 1 << 28          # the loop has been told not to read from it
    CLIENT_FED = 1 << 29                # a pending reply of its speaks of what it fed the journal
    CLIENT_SUBSCRIBED = 1 << 30         # it has subscriptions: commands/pubsub

cdef enum:                              # client modes: a second word of flags
    CLIENT_DENY_BLOCKING = 1 << 0       # its commands may not wait: a script's
    # CLIENT TRACKING: commands/tracking
    CLIENT_TRACKING = 1 << 1            # it is told of changed keys
    CLIENT_TRACKING_BCAST = 1 << 2      # of all with its prefixes, whether it read them or not
    CLIENT_TRACKING_OPTIN = 1 << 3
    CLIENT_TRACKING_OPTOUT = 1 << 4
    CLIENT_TRACKING_CACHING = 1 << 5    # CLIENT CACHING was said for the next command
    CLIENT_TRACKING_NOLOOP = 1 << 6     # not of its own changes
    CLIENT_TRACKING_BROKEN = 1 << 7     # who was to be told in its place is gone
    CLIENT_TLS_SHAKING = 1 << 16       # no command has come, nor can one
    CLIENT_TLS_MORE = 1 << 17          # its session holds bytes that the poller does not know of
    # server/door
    CLIENT_OUTER = 1 << 18             # it logs in as the external user or not at all
    CLIENT_BARRED = 1 << 19            # it came from where nobody may come from

cdef enum:                              # whoever has one of these is not read from
    CLIENT_NOT_READ = (CLIENT_PAUSED | CLIENT_RETRIES | CLIENT_READ_PAUSED | CLIENT_READY
                       | CLIENT_CLOSE_SOON)

cdef struct command_t
cdef struct client_t

ctypedef void (*command_fn)(client_t* c) noexcept nogil
ctypedef bint (*client_fn)(client_t* c) noexcept nogil

cdef struct command_t:
    const char* name                    # lower case; of a subcommand: its own, without parent
    const char* parent                  # NULL, or the container
    command_fn proc
    int arity
    uint32_t flags
    uint32_t acl
    group_t group
    keys_t keys
    const char* since
    const char* complexity
    const char* syntax
    const char* summary
    # Filled by command_register
    int id
    uint32_t acl_all                    # with the implied categories
    size_t name_size
    const keys_t* specs                 # all of its keys; `keys` are those that are fetched ahead
    int spec_count
    int keys_by                         # keys_by_t of keyspec: how they are found

cdef struct client_t:
    # What a command reads
    int argc
    slice_t* argv                       # borrowed: from the query buffer, or a transaction's queue
    const command_t* cmd
    keyspace_t* ks                      # the selected database
    store_t* store
    void* srv                           # server_t of commands/state.pxd: server_of(c)
    buf_t reply                         # RESP to be sent; commands append
    int resp                            # 2 or 3
    uint32_t flags                      # CLIENT_*
    uint32_t modes                      # likewise, the second word
    # A hash that the loop has computed already: of the argument at this address
    const char* hashed_key
    uint64_t hash

    # What goes to journal, replicas and monitors in place of argv; see feed_* below
    buf_t feed                          # complete RESP commands
    int feed_count                      # commands in it
    bint feed_instead                   # feed says it all, even when it is empty

    # Connection
    uint64_t id
    int fd                              # -1 without a socket
    void* tls                           # owned by server/tls: NULL without it
    uint32_t index                      # in the server's table of clients
    uint32_t generation
    buf_t query                         # bytes received and not yet parsed
    size_t query_at                     # parsed so far
    size_t need                         # bytes that the next command is known to need
    # Parser state of an incomplete command
    int64_t bulks_left
    int64_t bulk_size                   # -1: its header has not come
    size_t scan_at                      # where the parse of the incomplete command goes on
    size_t argv_at                      # arguments found so far
    slice_t* partial                    # owned: their offsets (data is an offset) and sizes
    size_t partial_max
    size_t sent                         # bytes of reply that the socket took
    # Monotonic time: nobody is closed because an administrator set the clock
    int64_t reply_soft_since_us         # output above its soft limit since; 0
    int64_t created_us
    int64_t active_us                   # last time it sent something
    int64_t deadline_us                 # to log in, or of a blocking command; 0 none
    # CLIENT
    slice_t name                        # owned, size 0 when unset
    slice_t lib_name
    slice_t lib_version
    const void* who                     # borrowed: user_t of wire/acl, whose rights it has
    const command_t* last_cmd           # for CLIENT LIST
    uint64_t commands
    uint64_t bytes_in
    uint64_t bytes_out
    char address[64]                    # "127.0.0.1:6379" or the socket's path, cut
    char local[64]
    # Transactions: owned by commands/multi
    void* multi                         # queued commands, NULL outside
    void* watched                       # list of watched keys
    size_t multi_memory                 # bytes of the queue
    void* blocked                       # owned by commands/blocked: what it waits for
    size_t blocked_memory
    void* pubsub                        # owned by commands/pubsub: subscriptions
    size_t pubsub_memory
    void* tracking                      # owned by commands/tracking: how it is told of keys
    # Lists of the server
    client_t* next_pending
    client_t* next_parked
    client_t* next_closing
    size_t memory_counted               # what the server's account of client memory holds
    uint64_t errors                     # error replies so far
    uint64_t errors_seen                # ... of which the server has counted; stats_called

cdef inline keys_t keys_none() noexcept nogil:
    return keys_t(KEYS_NONE, 0, 0, 0, 0, NULL)

cdef inline keys_t keys_at(int first, int last, int step, uint32_t flags) noexcept nogil:
    return keys_t(KEYS_AT, first, last, step, flags, NULL)

cdef inline keys_t keys_counted(int first, int step, uint32_t flags) noexcept nogil:
    return keys_t(KEYS_COUNTED, first, 0, step, flags, NULL)

cdef inline keys_t keys_after(const char* token, int first, uint32_t flags) noexcept nogil:
    return keys_t(KEYS_AFTER, first, 0, 1, flags, token)

# One row; since, complexity and syntax as COMMAND DOCS tells them.
cdef inline command_t row(const char* name, command_fn proc, int arity, uint32_t flags,
                          uint32_t acl, group_t group, keys_t keys, const char* since,
                          const char* complexity, const char* syntax,
                          const char* summary) noexcept nogil:
    return command_t(name, NULL, proc, arity, flags, acl, group, keys, since, complexity, syntax,
                     summary, 0, 0, 0, NULL, 0, 0)

cdef inline command_t subrow(const char* parent, const char* name, command_fn proc, int arity,
                             uint32_t flags, uint32_t acl, group_t group, keys_t keys,
                             const char* since, const char* complexity, const char* syntax,
                             const char* summary) noexcept nogil:
    return command_t(name, parent, proc, arity, flags, acl, group, keys, since, complexity, syntax,
                     summary, 0, 0, 0, NULL, 0, 0)

# The hash of an argument that is a key.
cdef inline uint64_t key_hash(const client_t* c, slice_t key) noexcept nogil:
    if key.data == c.hashed_key:
        return c.hash
    return store_hash(c.store, key)

# Adds a family's rows. Raises ValueError on a row that contradicts itself or another.
cdef int command_register(command_t* table, size_t count) except -1
# By name, any letter case; NULL when unknown. Containers are found, subcommands are not.
cdef const command_t* command_lookup(slice_t name) noexcept nogil
cdef const command_t* command_lookup_sub(const command_t* container,
                                         slice_t name) noexcept nogil
# The row that runs for these arguments: the subcommand where there is one. NULL when unknown;
# then *container says whose subcommand is unknown, or NULL.
cdef const command_t* command_resolve(int argc, const slice_t* argv,
                                      const command_t** container) noexcept nogil
cdef int command_count() noexcept nogil
cdef const command_t* command_at(int id) noexcept nogil
# "client|kill": to `out`, at most 64 bytes; returns its size.
cdef size_t command_full_name(const command_t* cmd, char* out) noexcept nogil
