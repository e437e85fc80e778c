"""Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.

A queued command is one block: header, argument slices, argument bytes. Its first key is hashed
when it is queued, while the bytes are warm; EXEC then fetches buckets and entries a window of
commands ahead, as the server does for a pipeline.

    c.multi   -> queue:   [ SET a 1 ] -> [ INCR b ] -> [ GET c ]
    c.watched -> watches of this client --+
    srv.watches -> database -> key -> watches of all clients of this key

The watched keys of a database are a table (core/table) of their own. It is made with the first
watch and freed with the last one.

A key that was dead, and still there, when it was watched counts as absent: its removal is no
change. One that dies while it is watched is a change, whether or not somebody removed it yet.

Invariants
    M1  a watch is in its client's list and in its key's list, or in neither
    M2  a key is in a database's table exactly while it has a watch; store.watched counts them
    M3  a client watches a key at most once
    M4  the queue is not touched while EXEC runs it: commands that end a transaction are not queued
    M5  EXEC's text ends in the journal what its first fed command began, and only then
"""
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy, strlen

from ..core.heap cimport heap_alloc, heap_alloc_zero, heap_block_size, heap_free
from ..core.intrinsics cimport kvd_assert
from ..core.table cimport (
    SEGMENT_ITEMS_MAX, table_find, table_hash, table_init, table_insert, table_prefetch,
    table_prefetch_item, table_remove, table_scan, table_t, table_type_t,
)
from ..store.entry cimport entry_deadline, entry_t
from ..store.keyspace cimport store_hash
from ..wire.acl cimport (
    DENIED_CHANNEL, DENIED_DATABASE, DENIED_KEY, DENIED_NOTHING, acl_check_command, acl_is_free,
    denial_t, user_of,
)
from ..wire.command cimport (
    ACL_TRANSACTION, CLIENT_DIRTY_CAS, CLIENT_DIRTY_EXEC, CLIENT_EXECUTING, CLIENT_MULTI,
    CMD_ALLOW_BUSY, CMD_FAST, CMD_LOADING, CMD_NOSCRIPT, CMD_NO_MULTI, CMD_SKIP_COMMANDLOG,
    CMD_STALE, CMD_UNQUEUED, GROUP_TRANSACTIONS, KEYS_AT, KEY_RO, command_register, command_t,
    keys_at, keys_none, row,
)
from ..wire.errors cimport (
    ERR_DISCARD_WITHOUT_MULTI, ERR_EXEC_ABORT, ERR_EXEC_ABORT_BECAUSE, ERR_EXEC_WITHOUT_MULTI,
    ERR_RIGHTS_CHANGED,
)
from ..wire.reply cimport (
    feed_command, feed_nothing, feed_text, reply_array, reply_error, reply_error_about,
    reply_error_two, reply_null_array, reply_ok, reply_simple,
)
from .acl_log cimport ACL_MULTI, acl_log_denied
from .state cimport server_of

cdef enum:
    COMMANDS_AHEAD = 16
    REASON_MAX = 512                    # bytes of the error that EXECABORT repeats

cdef struct queued_t:
    queued_t* next
    const command_t* cmd
    size_t size                         # bytes of this block
    const char* hashed_key              # NULL: no key known
    uint64_t hash
    int argc
    slice_t argv[0]                     # argc of them; then the bytes they show

cdef struct watched_key_t:
    watch_t* first
    uint64_t hash
    uint64_t count                      # watches
    size_t size
    char data[0]

cdef struct watch_t:
    client_t* client
    keyspace_t* ks
    watched_key_t* key
    watch_t* next                       # of the same key
    watch_t* prev
    watch_t* next_of_client
    bint was_dead                       # when it was watched, and is so still

cdef struct watcher_t:                  # c.watched
    watch_t* first
    uint64_t count


# -- the queue ------------------------------------------------------------------------------------

cdef void multi_command(client_t* c) noexcept nogil:
    if c.multi is NULL:                 # nested calls are refused before they come here
        c.multi = heap_alloc_zero(c.store.heap, sizeof(multi_t))
    c.flags |= CLIENT_MULTI
    reply_ok(c)


cdef void multi_queue(client_t* c, uint32_t flags) noexcept nogil:
    cdef multi_t* multi = <multi_t*>c.multi
    cdef size_t size = sizeof(queued_t) + <size_t>c.argc * sizeof(slice_t)
    cdef queued_t* q
    cdef char* at
    cdef int i
    reply_simple(c, b"QUEUED")
    if c.flags & (CLIENT_DIRTY_CAS | CLIENT_DIRTY_EXEC):
        return                          # it will not run: why keep it
    for i in range(c.argc):
        size += c.argv[i].size
    q = <queued_t*>heap_alloc(c.store.heap, size)
    q.next = NULL
    q.cmd = c.cmd
    q.size = size
    q.argc = c.argc
    at = <char*>&q.argv[c.argc]
    for i in range(c.argc):
        q.argv[i] = slice_t(at, c.argv[i].size)
        if c.argv[i].size:
            memcpy(at, c.argv[i].data, c.argv[i].size)
        at += c.argv[i].size
    q.hashed_key = NULL
    i = c.cmd.keys.first
    if c.cmd.keys.kind == KEYS_AT and i < c.argc:
        q.hashed_key = q.argv[i].data
        q.hash = store_hash(c.store, q.argv[i])
    if multi.last is NULL:
        multi.first = q
    else:
        multi.last.next = q
    multi.last = q
    multi.count += 1
    multi.flags_any |= flags
    c.multi_memory += heap_block_size(size)


cdef void multi_free(client_t* c) noexcept nogil:
    cdef multi_t* multi = <multi_t*>c.multi
    cdef queued_t* q
    unwatch(c)
    if multi is not NULL:
        while multi.first is not NULL:
            q = multi.first
            multi.first = q.next
            heap_free(c.store.heap, q, q.size)
        heap_free(c.store.heap, multi, sizeof(multi_t))
    c.multi = NULL
    c.multi_memory = 0
    c.flags &= ~<uint32_t>(CLIENT_MULTI | CLIENT_DIRTY_CAS | CLIENT_DIRTY_EXEC)


cdef void multi_each(const client_t* c, queued_fn fn, void* owner) noexcept nogil:
    cdef const queued_t* q = NULL
    if c.multi is not NULL:
        q = (<const multi_t*>c.multi).first
    while q is not NULL and fn(owner, q.cmd, q.argc, &q.argv[0]):
        q = q.next


cdef int64_t multi_count(const client_t* c) noexcept nogil:
    return (<const multi_t*>c.multi).count if c.multi is not NULL else -1


cdef void discard_command(client_t* c) noexcept nogil:
    if not c.flags & CLIENT_MULTI:
        reply_error(c, ERR_DISCARD_WITHOUT_MULTI)
        return
    multi_free(c)
    reply_ok(c)


# -- EXEC -----------------------------------------------------------------------------------------

cdef queued_t* fetch(client_t* c, queued_t* q, int count) noexcept nogil:
    """Fetch the keys of up to `count` commands from q on. Returns the command behind them."""
    cdef queued_t* first = q
    cdef int i
    for i in range(count):
        if q is NULL:
            break
        if q.hashed_key is not NULL:
            table_prefetch(&c.ks.table, q.hash)
        q = q.next
    while first is not q:
        if first.hashed_key is not NULL:
            table_prefetch_item(&c.ks.table, first.hash)
        first = first.next
    return q


cdef bint rights_changed(client_t* c) noexcept nogil:
    """What might be queued may be forbidden now: that is its reply."""
    cdef denial_t denial
    cdef const char* reason = b"no permission to execute the command or subcommand"
    if acl_check_command(user_of(c), c.cmd, c.argc, c.argv, c.ks.index,
                         &denial) == DENIED_NOTHING:
        return False
    if denial.what == DENIED_KEY:
        reason = b"no permission to touch the specified keys"
    elif denial.what == DENIED_CHANNEL:
        reason = b"no permission to access one of the channels used as arguments to the command"
    elif denial.what == DENIED_DATABASE:
        reason = b"no permission"
    acl_log_denied(server_of(c), c, c.cmd, c.argv, &denial, ACL_MULTI)
    reply_error_about(c, ERR_RIGHTS_CHANGED, slice_t(reason, strlen(reason)), b"")
    return True


cdef void run(client_t* c, multi_t* multi) noexcept nogil:
    """Every queued command, in order, whatever they reply."""
    cdef server_t* srv = server_of(c)
    cdef queued_t* q = multi.first
    cdef queued_t* fetched = q
    while q is not NULL:
        if q is fetched:
            fetched = fetch(c, q, COMMANDS_AHEAD)
        c.argc = q.argc
        c.argv = q.argv
        c.cmd = q.cmd
        c.hashed_key = q.hashed_key
        c.hash = q.hash
        if acl_is_free(c) or not rights_changed(c):
            srv.hooks.call(srv, c)
        q = q.next                      # M4


cdef void exec_command(client_t* c) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef multi_t* multi = <multi_t*>c.multi
    cdef int argc = c.argc
    cdef slice_t* argv = c.argv
    cdef const command_t* cmd = c.cmd
    if not c.flags & CLIENT_MULTI:
        reply_error(c, ERR_EXEC_WITHOUT_MULTI)
        return
    if c.flags & CLIENT_DIRTY_EXEC:
        multi_free(c)
        reply_error(c, ERR_EXEC_ABORT)
        return
    if c.flags & CLIENT_DIRTY_CAS or watched_key_died(c):
        multi_free(c)
        reply_null_array(c)
        return
    unwatch(c)                          # our own writes concern nobody who waits
    srv.in_exec = True
    srv.unit_us = 0
    srv.exec_fed = False
    c.flags |= CLIENT_EXECUTING
    reply_array(c, multi.count)
    run(c, multi)
    c.flags &= ~<uint32_t>CLIENT_EXECUTING
    c.argc = argc
    c.argv = argv
    c.cmd = cmd
    c.hashed_key = NULL
    multi_free(c)
    srv.in_exec = False
    if srv.exec_fed:                    # M5
        feed_command(c, 1)
        feed_text(c, b"EXEC")
    else:
        feed_nothing(c)
    srv.exec_fed = False


cdef void multi_refused(client_t* c, size_t reply_at) noexcept nogil:
    cdef char text[REASON_MAX]
    cdef slice_t reason = slice_t(c.reply.data + reply_at + 1, c.reply.size - reply_at - 1)
    kvd_assert(reason.size >= 2 and c.reply.data[reply_at] == c'-')
    reason.size -= 2                                            # its line end
    if reason.size >= 4 and memcmp(reason.data, b"ERR ", 4) == 0:
        reason.data += 4
        reason.size -= 4
    if reason.size > REASON_MAX:
        reason.size = REASON_MAX
    memcpy(text, reason.data, reason.size)
    c.reply.size = reply_at
    c.errors -= 1                       # one error, not two
    multi_free(c)
    reply_error_two(c, ERR_EXEC_ABORT_BECAUSE, slice_t(NULL, 0), b"",
                    slice_t(&text[0], reason.size), b"")


# -- watched keys ---------------------------------------------------------------------------------

cdef slice_t key_of(const void* item) noexcept nogil:
    cdef const watched_key_t* key = <const watched_key_t*>item
    return slice_t(&key.data[0], key.size)


cdef table_type_t WATCHED_TYPE
WATCHED_TYPE.key_of = key_of
WATCHED_TYPE.deadline_of = NULL


cdef entry_t* dead_entry(keyspace_t* ks, slice_t key) noexcept nogil:
    """The entry of a key that is dead and not yet removed. Looks, and does not remove."""
    cdef entry_t* entry = <entry_t*>table_find(&ks.table, table_hash(&ks.table, key), key)
    if entry is NULL or entry_deadline(entry) > ks.store.now_ms:
        return NULL
    return entry


cdef bint present(keyspace_t* ks, slice_t key) noexcept nogil:
    return table_find(&ks.table, table_hash(&ks.table, key), key) is not NULL


cdef table_t* watched_tables(server_t* srv) noexcept nogil:
    """One table for each database; made when they are first needed."""
    cdef table_t* tables = <table_t*>srv.watches
    cdef int i
    if tables is NULL:
        tables = <table_t*>heap_alloc(
            srv.store.heap, <size_t>srv.store.database_count * sizeof(table_t))
        for i in range(srv.store.database_count):
            table_init(&tables[i], srv.store.heap, &WATCHED_TYPE, srv.store.secret)
        srv.watches = tables
    return tables


cdef watched_key_t* watched_key(server_t* srv, keyspace_t* ks, slice_t name) noexcept nogil:
    """The key as it is watched in this database, made when nobody watched it."""
    cdef table_t* table = &watched_tables(srv)[ks.index]
    cdef uint64_t hash = table_hash(table, name)
    cdef watched_key_t* key = <watched_key_t*>table_find(table, hash, name)
    if key is not NULL:
        return key
    key = <watched_key_t*>heap_alloc(srv.store.heap, sizeof(watched_key_t) + name.size)
    key.first = NULL
    key.hash = hash
    key.count = 0
    key.size = name.size
    if name.size:
        memcpy(key.data, name.data, name.size)
    table_insert(table, hash, key)
    srv.store.watched += 1
    return key


cdef bint watches(const client_t* c, const watched_key_t* key,
                  const watcher_t* watcher) noexcept nogil:
    """M3, asked of the shorter list: neither many keys nor many clients make this slow."""
    cdef const watch_t* watch
    if key.count < watcher.count:
        watch = key.first
        while watch is not NULL:
            if watch.client is c:
                return True
            watch = watch.next
        return False
    watch = watcher.first
    while watch is not NULL:
        if watch.key is key:
            return True
        watch = watch.next_of_client
    return False


cdef void watch_key(client_t* c, slice_t name) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef watcher_t* watcher = <watcher_t*>c.watched
    cdef watched_key_t* key = watched_key(srv, c.ks, name)
    cdef watch_t* watch
    if watcher is NULL:
        watcher = <watcher_t*>heap_alloc_zero(srv.store.heap, sizeof(watcher_t))
        c.watched = watcher
        srv.watching += 1
    elif watches(c, key, watcher):
        return
    watch = <watch_t*>heap_alloc(srv.store.heap, sizeof(watch_t))
    watch.client = c
    watch.ks = c.ks
    watch.key = key
    watch.was_dead = dead_entry(c.ks, name) is not NULL
    watch.prev = NULL                   # M1
    watch.next = key.first
    if key.first is not NULL:
        key.first.prev = watch
    key.first = watch
    key.count += 1
    watch.next_of_client = watcher.first
    watcher.first = watch
    watcher.count += 1


cdef void watch_release(server_t* srv, watch_t* watch) noexcept nogil:
    """Out of its key's list; the client's list is dropped as a whole."""
    cdef watched_key_t* key = watch.key
    cdef bint found
    if watch.prev is not NULL:
        watch.prev.next = watch.next
    else:
        key.first = watch.next
    if watch.next is not NULL:
        watch.next.prev = watch.prev
    key.count -= 1
    if key.count == 0:                  # M2
        found = table_remove(&watched_tables(srv)[watch.ks.index], key.hash, key)
        kvd_assert(found)
        srv.store.watched -= 1
        heap_free(srv.store.heap, key, sizeof(watched_key_t) + key.size)
    heap_free(srv.store.heap, watch, sizeof(watch_t))


cdef void unwatch(client_t* c) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef watcher_t* watcher = <watcher_t*>c.watched
    cdef watch_t* watch
    if watcher is NULL:
        return
    while watcher.first is not NULL:
        watch = watcher.first
        watcher.first = watch.next_of_client
        watch_release(srv, watch)
    heap_free(srv.store.heap, watcher, sizeof(watcher_t))
    c.watched = NULL
    srv.watching -= 1
    if srv.store.watched == 0:          # no table holds anything any more
        heap_free(srv.store.heap, srv.watches,
                  <size_t>srv.store.database_count * sizeof(table_t))
        srv.watches = NULL


cdef int64_t multi_watch_count(const client_t* c) noexcept nogil:
    return <int64_t>(<const watcher_t*>c.watched).count if c.watched is not NULL else 0


cdef void watch_command(client_t* c) noexcept nogil:
    cdef int i
    if not c.flags & CLIENT_DIRTY_CAS:  # else EXEC fails already
        for i in range(1, c.argc):
            watch_key(c, c.argv[i])
    reply_ok(c)


cdef void unwatch_command(client_t* c) noexcept nogil:
    unwatch(c)
    c.flags &= ~<uint32_t>CLIENT_DIRTY_CAS
    reply_ok(c)


cdef bint watched_key_died(client_t* c) noexcept nogil:
    """Some key was alive when it was watched, and is dead now, removed or not."""
    cdef watch_t* watch
    if c.watched is NULL:
        return False
    watch = (<watcher_t*>c.watched).first
    while watch is not NULL:
        if not watch.was_dead and dead_entry(watch.ks, key_of(watch.key)) is not NULL:
            return True
        watch = watch.next_of_client
    return False


# -- touched --------------------------------------------------------------------------------------

cdef void multi_touched(void* owner, keyspace_t* ks, slice_t key) noexcept nogil:
    cdef server_t* srv = <server_t*>owner
    cdef table_t* table
    cdef watched_key_t* watched
    cdef watch_t* watch
    cdef watch_t* next
    if srv.watches is NULL:
        return
    table = &(<table_t*>srv.watches)[ks.index]
    watched = <watched_key_t*>table_find(table, table_hash(table, key), key)
    watch = watched.first if watched is not NULL else NULL
    while watch is not NULL:
        next = watch.next               # M3: of another client, so it outlives this one's
        if watch.was_dead and not present(ks, key):
            watch.was_dead = False      # removed at last: it was absent, and is
        else:
            watch.client.flags |= CLIENT_DIRTY_CAS
            unwatch(watch.client)       # it cannot become dirtier
        watch = next


cdef void touch_in_exchange(watch_t* watch, keyspace_t* ks, keyspace_t* other) noexcept nogil:
    """`other`, or nothing when it is NULL, takes the place of `ks`."""
    cdef slice_t key = key_of(watch.key)
    cdef bint after = other is not NULL and present(other, key)
    cdef bint dead_after = other is not NULL and dead_entry(other, key) is not NULL
    if not after and not present(ks, key):
        return                          # absent it was, absent it stays
    if watch.was_dead or not present(ks, key):
        if not after or dead_after:     # likewise, as far as a client can see
            watch.was_dead = after
            return
    watch.client.flags |= CLIENT_DIRTY_CAS


cdef void multi_touch_all_in_db(server_t* srv, keyspace_t* ks,
                                keyspace_t* replacement) noexcept nogil:
    """Watches stay where they are here: the walk holds their keys."""
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef table_t* table
    cdef uint64_t cursor = 0
    cdef size_t count, i
    cdef watch_t* watch
    if srv.watches is NULL:
        return
    table = &(<table_t*>srv.watches)[ks.index]
    while True:
        count = table_scan(table, &cursor, items)
        for i in range(count):
            watch = (<watched_key_t*>items[i]).first
            while watch is not NULL:
                touch_in_exchange(watch, ks, replacement)
                watch = watch.next
        if cursor == 0:
            return


cdef command_t TABLE[5]
TABLE[:] = [
    row(b"multi", multi_command, 1,
        CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_NO_MULTI | CMD_ALLOW_BUSY,
        ACL_TRANSACTION, GROUP_TRANSACTIONS, keys_none(), b"1.2.0", b"O(1)",
        b"MULTI",
        b"Begins a transaction: commands that follow are queued."),
    row(b"exec", exec_command, 1,
        CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_SKIP_COMMANDLOG | CMD_UNQUEUED,
        ACL_TRANSACTION, GROUP_TRANSACTIONS, keys_none(), b"1.2.0",
        b"Depends on commands in the transaction.",
        b"EXEC",
        b"Runs the queued commands with nothing in between, unless a watched key has changed."),
    row(b"discard", discard_command, 1,
        CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_ALLOW_BUSY | CMD_UNQUEUED,
        ACL_TRANSACTION, GROUP_TRANSACTIONS, keys_none(), b"2.0.0",
        b"O(N) where N is the number of queued commands.",
        b"DISCARD",
        b"Drops the queued commands and the watched keys."),
    row(b"watch", watch_command, -2,
        CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_NO_MULTI | CMD_ALLOW_BUSY,
        ACL_TRANSACTION, GROUP_TRANSACTIONS, keys_at(1, -1, 1, KEY_RO), b"2.2.0",
        b"O(1) a key.",
        b"WATCH key [key ...]",
        b"Lets the next EXEC run only if these keys do not change before it."),
    row(b"unwatch", unwatch_command, 1,
        CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_ALLOW_BUSY,
        ACL_TRANSACTION, GROUP_TRANSACTIONS, keys_none(), b"2.2.0",
        b"O(N) where N is the number of watched keys.",
        b"UNWATCH",
        b"Forgets the watched keys."),
]
command_register(TABLE, 5)
