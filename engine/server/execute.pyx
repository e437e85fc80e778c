"""From bytes to replies.

A pipeline is worked through in batches of up to BATCH_MAX commands. While it is parsed, each key
is hashed and its bucket asked for; while it is executed, in order, the entry of the command
FETCH_AHEAD further on is asked for, and where its value has a body, that of the command BODY_AHEAD
further on. Where the body is a table, the bucket of the element that the command names follows
(ELEMENT_AHEAD), and the element (ITEM_AHEAD). So the two to five cache misses of a command pass
while others are parsed and executed.
Fetching ahead is a hint: a command of the batch that changes the database, the table or the client
costs a useless fetch and nothing else.

The journal: call() compares store.dirty before and after. If it moved, the command is fed as its
client sent it, or as the command itself put it (c.feed). Inside EXEC the first feed is preceded
by MULTI; EXEC writes the end.

Invariants
    X1  argv of a batch points into the bytes given; nothing frees or moves them in a call
    X2  a command that is parked has changed nothing and is given again, whole; one that blocks
        is over as far as its bytes go, and what follows it waits
    X3  replies are in the order of commands, a protocol error's too
    X4  after a command used memory is within maxmemory, unless the policy has nothing to evict, or
        half a millisecond of eviction was not enough: then the loop goes on, and writers wait
"""
from libc.stdint cimport SIZE_MAX, int64_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy, strerror

from ..commands.acl_log cimport ACL_TOPLEVEL, acl_log_denied
from ..commands.blocked cimport blocked_of
from ..commands.connection cimport ping_command
from ..commands.functions cimport fcall_promises_no_writes
from ..commands.legacy cimport client_is_legacy
from ..commands.multi cimport (
    exec_command, multi_each, multi_flags, multi_queue, multi_refused,
)
from ..commands.script cimport script_reply_busy
from ..commands.scripting cimport eval_promises_no_writes
from ..commands.state cimport (
    BATCH_MAX, BUSY_NO, CALLED_BLOCKED, CALLED_DONE, CALLED_PARKED, batch_command_t,
    client_must_log_in, server_of, server_t,
)
from ..commands.tracking cimport tracking_called
from ..core.buf cimport buf_append, buf_free, buf_init, buf_t
from ..core.clock cimport clock_ticks
from ..core.intrinsics cimport likely, load_part, prefetch_read, unlikely
from ..core.number cimport equal_nocase
from ..core.table cimport table_hash, table_prefetch, table_prefetch_item, table_t
from ..core.types cimport slice_t
from ..journal.aof cimport AOF_OK, aof_feed, aof_feed_raw
from ..journal.snapshot cimport snapshot_holds
from ..store.entry cimport ENTRY_BODY, entry_body, entry_encoding, entry_t, entry_type
from ..store.evict cimport EVICT_FAIL, EVICT_MORE, EVICT_OK, evict_run, evicted_t
from ..store.keyspace cimport store_hash
from ..store.value cimport ENC_HASHTABLE, ENC_SKIPLIST, value_table
from ..wire.acl cimport (
    DENIED_NOTHING, REFUSAL_MAX, acl_check_command, acl_is_free, acl_refusal, denial_t, user_of,
)
from ..wire.client cimport client_output
from ..wire.command cimport (
    CLIENT_BARRED, CLIENT_BLOCKED, CLIENT_CLOSE_NOW, CLIENT_CLOSE_SOON, CLIENT_CONTROL,
    CLIENT_DIRTY_EXEC, CLIENT_FED, CLIENT_LOADING, CLIENT_MONITOR, CLIENT_MULTI, CLIENT_NO_TOUCH,
    CLIENT_PUSHING, CLIENT_READ_PAUSED, CLIENT_REPLY_OFF, CLIENT_REPLY_SKIP,
    CLIENT_REPLY_SKIP_NEXT, CLIENT_RETRIES, CLIENT_SUBSCRIBED,
    CMD_ALLOW_BUSY, CMD_CONTAINER,
    CMD_CONTAINER_RUNS, CMD_DENYOOM, CMD_LOADING,
    CMD_MAY_REPLICATE, CMD_NO_AUTH, CMD_NO_MULTI, CMD_PYTHON, CMD_READONLY, CMD_SUBSCRIBED,
    CMD_UNQUEUED, CMD_WRITE, GROUP_GENERIC, GROUP_SORTED_SET, GROUP_STRING, KEYS_AT, KEY_RW,
    command_full_name, command_lookup, command_resolve, command_t,
)
from ..wire.errors cimport (
    ERR_CANNOT_EXECUTE, ERR_LOADING, ERR_MISCONF_AOF, ERR_MONITOR, ERR_NOT_IN_MULTI, ERR_NO_AUTH,
    ERR_OOM, ERR_SUBSCRIBED,
)
from ..wire.identity cimport identity_lacks
from ..wire.keyspec cimport keyspec_each
from ..wire.reply cimport reply_error, reply_error_about, reply_error_arity, reply_error_two
from ..wire.resp cimport (
    PARSE_EMPTY, PARSE_ERROR, PARSE_INLINE, PARSE_MORE, argv_clear, parse_t, resp_parse,
    resp_reset,
)
from .blocked cimport blocked_serve
from .clients cimport client_make_ready, client_park
from .door cimport door_answer
from .monitor cimport monitor_feed
from .stats cimport stats_called, stats_rejected

cdef enum:
    DEFERRED_MAX = 65536                # bytes: a larger buffer of pushes is given back
    OUTPUT_MAX = 262144                 # bytes of replies, then they leave before more are made:
                                        # they are in the cache yet
    UNAUTH_OUTPUT_MAX = 8192            # before authentication
    QUOTED_ARGS_MAX = 128               # bytes of arguments in "unknown command"
    FETCH_AHEAD = 8                     # commands
    BODY_AHEAD = 4
    ELEMENT_AHEAD = 3
    ITEM_AHEAD = 2
    ELEMENT_MAX = 256                   # bytes of an element worth hashing twice
    EVICT_BUDGET_US = 500               # of one turn; then the writer waits
    TABLE_ROOM = 8192                   # bytes that a new key may cost besides: a segment splits


# -- batches --------------------------------------------------------------------------------------

cdef void note_command(server_t* srv, client_t* c, batch_command_t* b) noexcept nogil:
    """Resolve a parsed command and hash its first key."""
    cdef slice_t* argv = &srv.argv.items[b.argv_at]
    cdef slice_t key
    cdef bint later
    # Pipelines repeat themselves: nearly always it is the command before, spelt the same.
    if (argv[0].size < 8 and argv[0].size and argv[0].size == srv.last_name_size
            and load_part(argv[0].data, argv[0].size) == srv.last_name):
        b.cmd = srv.last_cmd
        b.container = NULL
    else:
        b.cmd = command_resolve(b.argc, argv, &b.container)
        later = identity_lacks(srv.config.identity, b.cmd)
        if unlikely(later) and not c.flags & (CLIENT_CONTROL | CLIENT_LOADING):
            b.cmd = NULL
        if (b.cmd is not NULL and not later and 0 < argv[0].size < 8
                and not b.cmd.flags & (CMD_CONTAINER | CMD_CONTAINER_RUNS)
                and b.cmd.parent is NULL):
            srv.last_name_size = argv[0].size
            srv.last_name = load_part(argv[0].data, argv[0].size)
            srv.last_cmd = b.cmd
    b.hashed_key = NULL
    b.has_table = False
    b.ks = c.ks
    if b.cmd is not NULL and b.cmd.keys.kind == KEYS_AT and b.argc > b.cmd.keys.first:
        key = argv[b.cmd.keys.first]
        b.hashed_key = key.data
        b.hash = store_hash(c.store, key)
        table_prefetch(&c.ks.table, b.hash)


cdef int parse_batch(server_t* srv, client_t* c, const char* data, size_t size, size_t at,
                     size_t* end) noexcept nogil:
    """Parse up to BATCH_MAX commands from `at`. Returns how many; *end is where parsing ended."""
    cdef bint trusted = not client_must_log_in(srv, c)
    cdef batch_command_t* b
    cdef parse_t status
    cdef size_t used = 0
    cdef size_t before
    cdef uint64_t errors
    cdef int count = 0
    argv_clear(&srv.argv)
    while count < BATCH_MAX:
        b = &srv.batch[count]
        b.argv_at = srv.argv.count
        before = c.reply.size
        errors = c.errors
        status = resp_parse(c, data + at, size - at, trusted, srv.config.proto_max_bulk_len,
                            &srv.argv, &used)
        if status == PARSE_MORE:
            break
        if status == PARSE_ERROR:
            if count:                   # X3: again, when those before it have their replies
                c.reply.size = before
                c.errors = errors
            else:
                stats_rejected(srv, c, NULL, before)
                c.flags |= CLIENT_CLOSE_SOON
                at = size
            break
        at += used
        if status == PARSE_EMPTY:
            continue
        b.argc = <int>(srv.argv.count - b.argv_at)
        b.end = at
        note_command(srv, c, b)
        count += 1
        if status == PARSE_INLINE or not trusted:
            break
    end[0] = at
    return count


cdef inline void fetch(server_t* srv, int i) noexcept nogil:
    if srv.batch[i].hashed_key is not NULL:
        table_prefetch_item(&srv.batch[i].ks.table, srv.batch[i].hash)


cdef inline void fetch_body(server_t* srv, int i) noexcept nogil:
    cdef batch_command_t* b = &srv.batch[i]
    cdef entry_t* entry
    if b.hashed_key is NULL or b.cmd.group == GROUP_STRING or b.cmd.group == GROUP_GENERIC:
        return                          # most strings have none
    entry = <entry_t*>table_prefetch_item(&b.ks.table, b.hash)
    if entry is not NULL and entry.flags & ENTRY_BODY:
        prefetch_read(entry_body(entry))
        prefetch_read(<char*>entry_body(entry) + 64)
        b.has_table = (b.argc > 2 and (entry_encoding(entry) == ENC_HASHTABLE
                                       or entry_encoding(entry) == ENC_SKIPLIST))


cdef const table_t* elements_of(const batch_command_t* b) noexcept nogil:
    """The table of the value that the command finds, if nothing changes before it."""
    cdef const entry_t* entry = <entry_t*>table_prefetch_item(&b.ks.table, b.hash)
    if entry is NULL or not entry.flags & ENTRY_BODY:
        return NULL
    return value_table(entry_type(entry), entry_encoding(entry), entry_body(entry))


cdef void fetch_bucket(server_t* srv, batch_command_t* b) noexcept nogil:
    cdef const table_t* table = elements_of(b)
    cdef slice_t* argv = &srv.argv.items[b.argv_at]
    cdef int at = 2
    if b.cmd.group == GROUP_SORTED_SET and b.cmd.flags & CMD_WRITE and b.argc > 3:
        at = 3                          # behind a score
    b.has_table = table is not NULL and argv[at].size <= ELEMENT_MAX
    if b.has_table:
        b.element_hash = table_hash(table, argv[at])
        table_prefetch(table, b.element_hash)


cdef void fetch_item(const batch_command_t* b) noexcept nogil:
    cdef const table_t* table = elements_of(b)
    if table is not NULL:
        table_prefetch_item(table, b.element_hash)


cdef inline void fetch_element(server_t* srv, int i) noexcept nogil:
    if srv.batch[i].has_table:
        fetch_bucket(srv, &srv.batch[i])


cdef inline void fetch_element_item(server_t* srv, int i) noexcept nogil:
    if srv.batch[i].has_table:
        fetch_item(&srv.batch[i])


cdef void execute_mute(client_t* c, uint32_t before, size_t reply_at) noexcept nogil:
    if c.flags & CLIENT_PUSHING:
        c.flags &= ~<uint32_t>CLIENT_PUSHING            # what it wrote were pushes
    elif c.flags & (CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP_NEXT) or before & CLIENT_REPLY_SKIP:
        c.reply.size = reply_at
    c.flags &= ~<uint32_t>CLIENT_REPLY_SKIP
    if c.flags & CLIENT_REPLY_SKIP_NEXT:
        c.flags = (c.flags & ~<uint32_t>CLIENT_REPLY_SKIP_NEXT) | CLIENT_REPLY_SKIP


cdef void execute_push(server_t* srv, client_t* c) noexcept nogil:
    if srv.deferred.size:
        buf_append(&c.reply, srv.deferred.data, srv.deferred.size)
        srv.deferred.size = 0
        if srv.deferred.size_max > DEFERRED_MAX:
            buf_free(&srv.deferred)


cdef size_t execute_bytes(server_t* srv, client_t* c, const char* data,
                          size_t size) noexcept nogil:
    cdef size_t at
    # Whose socket is slow waits before its replies become many; whoever is not in, sooner.
    cdef size_t output_max = OUTPUT_MAX
    if c.fd < 0:
        output_max = SIZE_MAX
    elif client_must_log_in(srv, c):
        output_max = UNAUTH_OUTPUT_MAX
    cdef client_t* outer = srv.caller
    cdef buf_t deferred
    if unlikely(c.modes & CLIENT_BARRED):
        return door_answer(srv, c, data, size)
    srv.call_ticks = clock_ticks()
    srv.caller = c
    if unlikely(outer is not NULL):     # a handler of its command asks something
        deferred = srv.deferred
        buf_init(&srv.deferred, &srv.heap)
        at = run_batches(srv, c, data, size, output_max)
        buf_free(&srv.deferred)
        srv.deferred = deferred
    else:
        at = run_batches(srv, c, data, size, output_max)
    srv.caller = outer
    return at


cdef size_t run_batches(server_t* srv, client_t* c, const char* data, size_t size,
                        size_t output_max) noexcept nogil:
    cdef size_t at = 0
    cdef size_t end = 0
    cdef size_t reply_at
    cdef uint32_t before
    cdef int count, i
    cdef batch_command_t* b
    cdef called_t called
    while at < size:
        count = parse_batch(srv, c, data, size, at, &end)
        if count == 0:
            at = end
            break
        for i in range(1, FETCH_AHEAD if FETCH_AHEAD < count else count):
            fetch(srv, i)
        for i in range(1, BODY_AHEAD if BODY_AHEAD < count else count):
            fetch_body(srv, i)
        for i in range(1, ELEMENT_AHEAD if ELEMENT_AHEAD < count else count):
            fetch_element(srv, i)
        for i in range(1, ITEM_AHEAD if ITEM_AHEAD < count else count):
            fetch_element_item(srv, i)
        for i in range(count):
            if i + FETCH_AHEAD < count:
                fetch(srv, i + FETCH_AHEAD)
            if i + BODY_AHEAD < count:
                fetch_body(srv, i + BODY_AHEAD)
            if i + ELEMENT_AHEAD < count:
                fetch_element(srv, i + ELEMENT_AHEAD)
            if i + ITEM_AHEAD < count:
                fetch_element_item(srv, i + ITEM_AHEAD)
            b = &srv.batch[i]
            c.argc = b.argc
            c.argv = &srv.argv.items[b.argv_at]
            c.cmd = b.cmd
            c.hashed_key = b.hashed_key
            c.hash = b.hash
            reply_at = c.reply.size
            before = c.flags
            called = execute_process(srv, c)
            if unlikely(called != CALLED_DONE):
                execute_push(srv, c)
                resp_reset(c)           # what was parsed behind it is given again, too
                return at if called == CALLED_PARKED else b.end         # X2
            at = b.end
            if unlikely((c.flags | before) & (CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP
                                              | CLIENT_REPLY_SKIP_NEXT)):
                execute_mute(c, before, reply_at)
            if unlikely(srv.deferred.size != 0):
                execute_push(srv, c)
            if unlikely(c.flags & (CLIENT_CLOSE_SOON | CLIENT_CLOSE_NOW)):
                return size             # what follows is not for us
            if unlikely(client_output(c) > output_max):
                c.flags |= CLIENT_READ_PAUSED
                if at < end:
                    resp_reset(c)
                return at               # and on from there when it has read these
        if end > at:
            at = end                    # empty requests behind the last command
    return at


# -- checks ---------------------------------------------------------------------------------------

cdef void refuse_subcommand(client_t* c, const command_t* container,
                            const char* reason) noexcept nogil:
    cdef char title[64]
    cdef size_t i
    for i in range(container.name_size):
        title[i] = container.name[i] - 32 if c'a' <= container.name[i] <= c'z' \
            else container.name[i]
    reply_error_two(c, reason, c.argv[1], b"'. Try ", slice_t(&title[0], container.name_size),
                    b" HELP.")


cdef void refuse_count(client_t* c) noexcept nogil:
    """Too few arguments, or too many. Redis 6 had no arity of subcommands."""
    if c.cmd.parent is not NULL and client_is_legacy(c):
        refuse_subcommand(c, command_lookup(c.argv[0]),
                          b"ERR Unknown subcommand or wrong number of arguments for '")
    else:
        reply_error_arity(c)


cdef void reject_unknown(client_t* c) noexcept nogil:
    cdef bint legacy = client_is_legacy(c)
    cdef char quote = c'`' if legacy else c'\''
    cdef const command_t* container = NULL
    cdef char text[QUOTED_ARGS_MAX + 64]
    cdef size_t size = 0
    cdef size_t i, n
    cdef slice_t arg
    cdef const command_t* later = command_resolve(c.argc, c.argv, &container)
    if later is not NULL and later.parent is not NULL:
        # It is here, and not for this identity; its container may be.
        container = command_lookup(c.argv[0])
    if container is not NULL and identity_lacks(server_of(c).config.identity, container):
        container = NULL
    if container is not NULL:
        refuse_subcommand(c, container, b"ERR Unknown subcommand or wrong number of arguments for '"
                          if legacy else b"ERR unknown subcommand '")
        return
    for i in range(1, <size_t>c.argc):
        if size >= QUOTED_ARGS_MAX:
            break
        arg = c.argv[i]
        n = arg.size if arg.size < QUOTED_ARGS_MAX - size else QUOTED_ARGS_MAX - size
        text[size] = quote
        size += 1
        if n:
            memcpy(&text[size], arg.data, n)
        size += n
        text[size] = quote
        size += 1
        if legacy:
            text[size] = c','
            size += 1
        text[size] = c' '
        size += 1
    if legacy:
        reply_error_two(c, b"ERR unknown command `", c.argv[0], b"`, with args beginning with: ",
                        slice_t(&text[0], size), b"")
    else:
        reply_error_two(c, b"ERR unknown command '", c.argv[0], b"', with args beginning with: ",
                        slice_t(&text[0], size), b"")


cdef bint is_browser(const client_t* c) noexcept nogil:
    """The first words of an HTTP request: somebody's page wants to speak to us through a browser,
    and further lines of it may look like commands."""
    return (equal_nocase(c.argv[0].data, c.argv[0].size, b"post", 4)
            or equal_nocase(c.argv[0].data, c.argv[0].size, b"host:", 5))


cdef bint out_of_place(client_t* c) noexcept nogil:
    """What a transaction may not hold, and what somebody who watches or listens may not do."""
    cdef char name[64]
    if c.flags & CLIENT_MULTI and c.cmd.flags & CMD_NO_MULTI:
        reply_error_about(c, ERR_NOT_IN_MULTI,
                          slice_t(&name[0], command_full_name(c.cmd, name)),
                          b"' not allowed inside a transaction")
        return True
    if c.flags & CLIENT_MONITOR and c.cmd.flags & (CMD_WRITE | CMD_READONLY | CMD_MAY_REPLICATE):
        reply_error(c, ERR_MONITOR)
        return True
    if c.flags & CLIENT_SUBSCRIBED and c.resp == 2 and not c.cmd.flags & CMD_SUBSCRIBED:
        reply_error_about(c, ERR_CANNOT_EXECUTE,
                          slice_t(&name[0], command_full_name(c.cmd, name)), ERR_SUBSCRIBED)
        return True
    return False


cdef bint denied(server_t* srv, client_t* c) noexcept nogil:
    """The user may not do this."""
    cdef denial_t denial
    cdef char text[REFUSAL_MAX]
    if acl_check_command(user_of(c), c.cmd, c.argc, c.argv, c.ks.index,
                         &denial) == DENIED_NOTHING:
        return False
    acl_log_denied(srv, c, c.cmd, c.argv, &denial, ACL_TOPLEVEL)
    reply_error_two(c, b"NOPERM ", slice_t(NULL, 0), b"",
                    slice_t(&text[0], acl_refusal(user_of(c), c.cmd, &denial, text)), b"")
    return True


cdef bint refused(server_t* srv, client_t* c) noexcept nogil:
    """Checks that say no, with the reply. In Valkey's order."""
    cdef const command_t* cmd = c.cmd
    if unlikely(cmd is NULL) and is_browser(c):
        c.flags |= CLIENT_CLOSE_NOW     # no reply: a page must not see that we are here
        return True
    # First: whoever is not in learns nothing, not even which commands there are.
    if unlikely(client_must_log_in(srv, c)) and (cmd is NULL or not cmd.flags & CMD_NO_AUTH):
        reply_error(c, ERR_NO_AUTH)
        return True
    if unlikely(cmd is NULL):
        reject_unknown(c)
        return True
    if unlikely((c.argc != cmd.arity) if cmd.arity > 0 else (c.argc < -cmd.arity)):
        refuse_count(c)
        return True
    if (unlikely(c.flags & (CLIENT_MULTI | CLIENT_MONITOR | CLIENT_SUBSCRIBED))
            and out_of_place(c)):
        return True
    if unlikely(not acl_is_free(c)) and denied(srv, c):
        return True
    if unlikely(srv.loading) and not cmd.flags & CMD_LOADING and not c.flags & CLIENT_LOADING:
        reply_error(c, ERR_LOADING)
        return True
    if unlikely(srv.script_busy != BUSY_NO) and not cmd.flags & CMD_ALLOW_BUSY:
        script_reply_busy(c)
        return True
    return False


cdef inline bint over_limit(server_t* srv, size_t need) noexcept nogil:
    srv.evict.not_counted = srv.aof.buf.size_max        # on its way to the disk
    return <int64_t>(srv.heap.used + need - srv.evict.not_counted) > srv.evict.limit_bytes


cdef void reject(server_t* srv, client_t* c, size_t reply_at) noexcept nogil:
    """The reply from `reply_at` on says why. A transaction fails with what it was refused."""
    if c.cmd is not NULL and c.cmd.proc == exec_command:
        multi_refused(c, reply_at)
    elif c.flags & CLIENT_MULTI:
        c.flags |= CLIENT_DIRTY_EXEC
    stats_rejected(srv, c, c.cmd, reply_at)


cdef inline bint needs_memory(const client_t* c) noexcept nogil:
    return c.cmd.flags & CMD_DENYOOM != 0 or (c.cmd.proc == exec_command
                                              and multi_flags(c) & CMD_DENYOOM != 0)


cdef size_t need_of(const client_t* c) noexcept nogil:
    """Bytes that the command may add: those of its arguments, which lie one behind the other.

    Where they lie in the client's own buffer they are counted as used already, and that buffer
    goes when the command is done.
    """
    cdef const slice_t* last = &c.argv[c.argc - 1]
    cdef size_t size = c.multi_memory if c.cmd.proc == exec_command \
        else <size_t>(last.data + last.size - c.argv[0].data)
    size += size >> 4                   # blocks are rounded up
    return size + TABLE_ROOM if size > c.query.size_max else TABLE_ROOM


cdef evicted_t make_room(server_t* srv, client_t* c, size_t need) noexcept nogil:
    """EVICT_OK: the command may run. Otherwise it needs memory: more room may be made for it in a
    later turn, or there is none."""
    cdef evicted_t room = evict_run(&srv.evict, &srv.store, need, EVICT_BUDGET_US)
    if not needs_memory(c):
        return EVICT_OK
    while room == EVICT_MORE and c.fd < 0:
        room = evict_run(&srv.evict, &srv.store, need, EVICT_BUDGET_US)     # nobody else waits
    return room


cdef inline uint32_t flags_of(client_t* c) noexcept nogil:
    """The command's flags, as far as a script that it runs keeps to them."""
    if likely(not c.cmd.flags & CMD_MAY_REPLICATE):
        return c.cmd.flags
    if eval_promises_no_writes(c) or fcall_promises_no_writes(c):
        return c.cmd.flags & ~<uint32_t>CMD_MAY_REPLICATE
    return c.cmd.flags


cdef bint paused(const server_t* srv, client_t* c) noexcept nogil:
    """CLIENT PAUSE holds this command back. What the owner says is never held back."""
    if srv.mono_us >= srv.pause.until_us or c.flags & (CLIENT_LOADING | CLIENT_CONTROL):
        return False
    return (srv.pause.all or flags_of(c) & (CMD_WRITE | CMD_MAY_REPLICATE) != 0
            or (c.cmd.proc == exec_command
                and multi_flags(c) & (CMD_WRITE | CMD_MAY_REPLICATE) != 0))


cdef struct holding_t:
    server_t* srv
    client_t* c
    const slice_t* argv
    bint held


cdef bint look_at_key(void* owner, int at, uint32_t flags) noexcept nogil:
    cdef holding_t* holding = <holding_t*>owner
    if flags & KEY_RW and snapshot_holds(&holding.srv.snapshot, holding.c.ks, holding.argv[at]):
        holding.held = True
    return not holding.held


cdef bint look_at_command(void* owner, const command_t* cmd, int argc,
                          const slice_t* argv) noexcept nogil:
    cdef holding_t* holding = <holding_t*>owner
    if cmd.flags & (CMD_WRITE | CMD_MAY_REPLICATE):
        holding.argv = argv
        keyspec_each(cmd, argc, argv, look_at_key, owner)
    return not holding.held


cdef bint held_up(server_t* srv, client_t* c) noexcept nogil:
    """It would change a long value that a rewrite has not copied yet, and can wait. Who has no
    socket to wait with, and what a script touches without a word, has it copied at once."""
    cdef holding_t holding = holding_t(srv, c, NULL, False)
    if c.fd < 0 or c.flags & CLIENT_LOADING:
        return False
    if c.cmd.proc == exec_command:
        multi_each(c, look_at_command, &holding)
    elif not c.flags & CLIENT_MULTI or c.cmd.flags & CMD_UNQUEUED:
        look_at_command(&holding, c.cmd, c.argc, c.argv)
    return holding.held


cdef bint disk_refuses(server_t* srv, client_t* c) noexcept nogil:
    """True, with the reply, for a command that writes, or asks how we are, while the disk fails."""
    cdef char text[160]
    if c.flags & CLIENT_LOADING or not (
            c.cmd.flags & CMD_WRITE or c.cmd.proc == ping_command
            or (c.cmd.proc == exec_command and multi_flags(c) & CMD_WRITE)):
        return False
    snprintf(text, sizeof(text), ERR_MISCONF_AOF, strerror(srv.aof.error))
    reply_error(c, text)
    return True


cdef inline called_t queue_or_call(server_t* srv, client_t* c) noexcept nogil:
    cdef called_t called
    if unlikely(c.flags & CLIENT_MULTI) and not c.cmd.flags & CMD_UNQUEUED:
        multi_queue(c, flags_of(c))
        return CALLED_DONE
    called = execute_call(srv, c)
    if unlikely(srv.blocking.ready is not NULL) and srv.current is NULL:
        blocked_serve(srv)
    return called


cdef called_t execute_process(void* owner, client_t* c) noexcept nogil:
    cdef server_t* srv = <server_t*>owner
    cdef size_t reply_at = c.reply.size
    cdef size_t need
    cdef evicted_t room
    cdef called_t called
    if unlikely(refused(srv, c)):
        reject(srv, c, reply_at)
        return CALLED_DONE
    if unlikely(srv.pause.until_us != 0) and paused(srv, c):
        client_park(srv, c)
        return CALLED_PARKED
    if unlikely(srv.store.copying) and held_up(srv, c):
        client_make_ready(srv, c, CLIENT_RETRIES)
        return CALLED_PARKED
    if unlikely(srv.aof.status != AOF_OK) and disk_refuses(srv, c):
        reject(srv, c, reply_at)
        return CALLED_DONE
    if srv.evict.limit_bytes == 0 or c.flags & CLIENT_LOADING:
        return queue_or_call(srv, c)
    need = need_of(c) if needs_memory(c) else 0
    # In a pause nothing is evicted either.
    if unlikely(over_limit(srv, need)) and srv.pause.until_us == 0:
        room = make_room(srv, c, need)
        if room == EVICT_MORE:
            client_make_ready(srv, c, CLIENT_RETRIES)
            return CALLED_PARKED
        if room == EVICT_FAIL:
            reply_error(c, ERR_OOM)
            reject(srv, c, reply_at)
            return CALLED_DONE
    called = queue_or_call(srv, c)
    # X4: tables split, strings are given slack: what came on top goes at once.
    if unlikely(over_limit(srv, 0)) and srv.pause.until_us == 0:
        while evict_run(&srv.evict, &srv.store, 0, EVICT_BUDGET_US) == EVICT_MORE and c.fd < 0:
            pass
    return called


# -- the call -------------------------------------------------------------------------------------

cdef void feed_journal(server_t* srv, client_t* c, int db) noexcept nogil:
    """What the command changed, for whoever must know it."""
    if c.flags & CLIENT_LOADING or not srv.aof.enabled:
        return
    c.flags |= CLIENT_FED
    if srv.in_exec and not srv.exec_fed:
        srv.exec_fed = True
        aof_feed_raw(&srv.aof, db, slice_t(b"*1\r\n$5\r\nMULTI\r\n", 15))
    if c.feed_instead and c.feed_count > 1 and not srv.in_exec:
        # One change in several commands: all of them, or none.
        aof_feed_raw(&srv.aof, db, slice_t(b"*1\r\n$5\r\nMULTI\r\n", 15))
        aof_feed_raw(&srv.aof, db, slice_t(c.feed.data, c.feed.size))
        aof_feed_raw(&srv.aof, db, slice_t(b"*1\r\n$4\r\nEXEC\r\n", 14))
    elif c.feed_instead:
        aof_feed_raw(&srv.aof, db, slice_t(c.feed.data, c.feed.size))
    else:
        aof_feed(&srv.aof, db, c.argc, c.argv)


cdef called_t execute_call(void* owner, client_t* c) noexcept nogil:
    cdef server_t* srv = <server_t*>owner
    cdef const command_t* cmd = c.cmd
    cdef uint64_t dirty = srv.store.dirty
    cdef uint64_t ticks, spent
    cdef size_t reply_at = c.reply.size
    cdef int db = c.ks.index
    cdef client_t* outer = srv.current
    cdef bint again = c.blocked is not NULL         # it waited, and may go on waiting
    srv.current = c
    srv.store.no_touch = c.flags & CLIENT_NO_TOUCH != 0
    if unlikely(cmd.flags & CMD_PYTHON):
        srv.hooks.python(srv, c)
    else:
        cmd.proc(c)
    srv.current = outer
    ticks = clock_ticks()
    spent = ticks - srv.call_ticks
    srv.call_ticks = ticks
    if unlikely(c.blocked is not NULL):
        blocked_of(c).ticks += spent
        spent = blocked_of(c).ticks
    if likely(not c.flags & CLIENT_BLOCKED):
        stats_called(srv, c, cmd, spent, reply_at)  # else when its wait is over
    if unlikely(srv.monitors) and not again:
        monitor_feed(srv, c, cmd)
    if unlikely(srv.tracking.trackers.count != 0):
        tracking_called(srv, c, cmd)
    if srv.store.dirty != dirty:
        feed_journal(srv, c, db)
    if unlikely(c.feed_instead):
        c.feed_instead = False
        c.feed_count = 0
        c.feed.size = 0
    c.commands += 0 if again else 1
    c.last_cmd = cmd
    return CALLED_BLOCKED if unlikely(c.flags & CLIENT_BLOCKED) else CALLED_DONE
