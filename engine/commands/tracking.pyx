"""Client-side caching: CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO, and invalidations.

    srv.tracking.keys     -> tracked key -> ids of those who read it, ascending
    srv.tracking.trackers -> id -> tracker
    srv.tracking.prefixes -> prefix -> its trackers; the keys under it that changed in this turn

A tracked key holds ids and not pointers: a client that leaves, or stops, is not sought in a million
keys; its id finds nobody. The table is kept within tracking-table-max-keys by invalidating keys at
random, which is always allowed.

What is sent to the client whose command runs follows its reply (see push): the caller hears of its
own changes too, unless it said NOLOOP.

Invariants
    T1  a tracked key has at least one id; tracking.items is the sum of them
    T2  store.tracked is the number of tracked keys and of prefixes
    T3  a prefix is in the table exactly while a tracker has it
    T4  tracker.target is the client whose id is `redirect`, or NULL when that has left
Cost: a change of a tracked key, one look-up and a message to each reader; of any key while there
are broadcasts, one comparison with each prefix.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memcmp, memcpy, memmove, strlen

from ..core.buf cimport (
    buf_append, buf_append_bulk, buf_append_header, buf_free, buf_init, buf_t,
)
from ..core.heap cimport heap_alloc, heap_alloc_zero, heap_free, heap_realloc
from ..core.intrinsics cimport kvd_assert
from ..core.number cimport equal_nocase, parse_int64
from ..core.table cimport (
    SEGMENT_ITEMS_MAX, table_drain, table_find, table_free, table_hash, table_init, table_insert,
    table_random, table_remove, table_scan, table_t, table_type_t,
)
from ..core.types cimport slice_compare
from ..wire.command cimport (
    ACL_CONNECTION, CLIENT_DENY_BLOCKING, CLIENT_MULTI, CLIENT_SUBSCRIBED, CLIENT_TRACKING,
    CLIENT_TRACKING_BCAST, CLIENT_TRACKING_BROKEN, CLIENT_TRACKING_CACHING,
    CLIENT_TRACKING_NOLOOP, CLIENT_TRACKING_OPTIN, CLIENT_TRACKING_OPTOUT, CMD_ALLOW_BUSY,
    CMD_LOADING, CMD_NOSCRIPT, CMD_READONLY, CMD_STALE, GROUP_CONNECTION, command_register,
    keys_none, subrow,
)
from ..wire.errors cimport (
    ERR_CACHING_MODE, ERR_CACHING_NO, ERR_CACHING_YES, ERR_NOT_INTEGER, ERR_TRACKING_BCAST,
    ERR_TRACKING_BCAST_OPT, ERR_TRACKING_OPT, ERR_TRACKING_OPT_SWITCH, ERR_TRACKING_PREFIX,
    ERR_TRACKING_REDIRECT, ERR_TRACKING_REDIRECTS,
)
from ..wire.keyspec cimport keyspec_each
from ..wire.reply cimport (
    reply_array, reply_bulk, reply_bulk_text, reply_error, reply_error_syntax, reply_error_two,
    reply_int, reply_map, reply_ok, reply_set,
)
from .push cimport push_close, push_header, push_open
from .state cimport server_of

cdef enum:
    IDS_FIRST = 2                       # readers that a new tracked key has room for
    REAP_KEYS = 2000                    # dropped keys freed in a turn
    LIMIT_EFFORT = 100                  # keys forgotten at a time while there are too many
    MODES = (CLIENT_TRACKING | CLIENT_TRACKING_BCAST | CLIENT_TRACKING_OPTIN
             | CLIENT_TRACKING_OPTOUT | CLIENT_TRACKING_CACHING | CLIENT_TRACKING_NOLOOP
             | CLIENT_TRACKING_BROKEN)

cdef struct tracked_t:
    uint64_t* ids                       # owned: count of them
    uint32_t count
    uint32_t count_max
    uint64_t hash
    size_t size
    char data[0]

cdef struct changed_t:
    uint64_t by                         # id of the client that changed it last; 0: none
    size_t size
    char data[0]

cdef struct prefix_t:
    tracker_t** trackers                # owned: count of them
    uint32_t count
    table_t changed                     # of changed_t
    uint64_t hash
    size_t size
    char data[0]

cdef struct tracker_t:                  # c.tracking
    uint64_t id                         # its key in the table: these eight bytes
    client_t* client
    uint64_t redirect                   # 0: none
    client_t* target                    # T4
    prefix_t** prefixes                 # owned: count of them, in the order of their names
    uint32_t count


cdef slice_t tracked_name(const void* item) noexcept nogil:
    cdef const tracked_t* key = <const tracked_t*>item
    return slice_t(&key.data[0], key.size)


cdef slice_t changed_name(const void* item) noexcept nogil:
    cdef const changed_t* key = <const changed_t*>item
    return slice_t(&key.data[0], key.size)


cdef slice_t prefix_name(const void* item) noexcept nogil:
    cdef const prefix_t* prefix = <const prefix_t*>item
    return slice_t(&prefix.data[0], prefix.size)


cdef slice_t tracker_name(const void* item) noexcept nogil:
    return slice_t(<const char*>&(<const tracker_t*>item).id, sizeof(uint64_t))


cdef table_type_t TRACKED_TYPE, CHANGED_TYPE, PREFIX_TYPE, TRACKER_TYPE
TRACKED_TYPE.key_of = tracked_name
CHANGED_TYPE.key_of = changed_name
PREFIX_TYPE.key_of = prefix_name
TRACKER_TYPE.key_of = tracker_name
TRACKED_TYPE.deadline_of = NULL
CHANGED_TYPE.deadline_of = NULL
PREFIX_TYPE.deadline_of = NULL
TRACKER_TYPE.deadline_of = NULL


cdef void tracking_init(server_t* srv) noexcept nogil:
    table_init(&srv.tracking.keys, &srv.heap, &TRACKED_TYPE, srv.store.secret)
    table_init(&srv.tracking.dropped, &srv.heap, &TRACKED_TYPE, srv.store.secret)
    table_init(&srv.tracking.prefixes, &srv.heap, &PREFIX_TYPE, srv.store.secret)
    table_init(&srv.tracking.trackers, &srv.heap, &TRACKER_TYPE, srv.store.secret)


cdef void tracking_free(server_t* srv) noexcept nogil:
    kvd_assert(srv.tracking.trackers.count == 0 and srv.tracking.prefixes.count == 0)
    drop_keys(srv)
    while table_drain(&srv.tracking.dropped, ~<size_t>0, release_tracked, srv):
        pass
    table_free(&srv.tracking.prefixes)
    table_free(&srv.tracking.trackers)


# -- messages -------------------------------------------------------------------------------------

cdef inline tracker_t* tracker_of(const client_t* c) noexcept nogil:
    return <tracker_t*>c.tracking


cdef tracker_t* tracker_by_id(server_t* srv, uint64_t id) noexcept nogil:
    cdef table_t* table = &srv.tracking.trackers
    cdef slice_t name = slice_t(<const char*>&id, sizeof(uint64_t))
    return <tracker_t*>table_find(table, table_hash(table, name), name)


cdef void tell_broken(server_t* srv, tracker_t* tracker) noexcept nogil:
    """Who was to be told has left: the tracker itself hears of that, where it can."""
    cdef client_t* c = tracker.client
    cdef buf_t* buf
    c.modes |= CLIENT_TRACKING_BROKEN
    buf = push_open(srv, c) if c.resp == 3 else NULL
    if buf is not NULL:
        push_header(buf, 3, 2)
        buf_append_bulk(buf, slice_t(b"tracking-redir-broken", 21))
        buf_append_header(buf, c':', <int64_t>tracker.redirect)
        push_close(srv, c)


cdef void send(server_t* srv, tracker_t* tracker, slice_t body) noexcept nogil:
    """An invalidation; `body` is an array of keys, and empty when all keys are meant. Where the
    receiver speaks RESP2 and does not listen to the channel, nothing is sent."""
    cdef client_t* c = tracker.client
    cdef buf_t* buf
    if tracker.redirect:
        c = tracker.target
        if c is NULL:
            tell_broken(srv, tracker)
            return
    if c.resp == 2 and not (tracker.redirect and c.flags & CLIENT_SUBSCRIBED):
        return
    buf = push_open(srv, c)
    if buf is NULL:
        return
    if c.resp == 2:
        push_header(buf, 2, 3)
        buf_append_bulk(buf, slice_t(b"message", 7))
        buf_append_bulk(buf, slice_t(b"__redis__:invalidate", 20))
    else:
        push_header(buf, 3, 2)
        buf_append_bulk(buf, slice_t(b"invalidate", 10))
    if body.size:
        buf_append(buf, body.data, body.size)
    elif c.resp == 2:
        buf_append(buf, b"$-1\r\n", 5)
    else:
        buf_append(buf, b"_\r\n", 3)
    push_close(srv, c)


# -- tracked keys ---------------------------------------------------------------------------------

cdef void release_tracked(void* owner, void* item) noexcept nogil:
    cdef server_t* srv = <server_t*>owner
    cdef tracked_t* key = <tracked_t*>item
    heap_free(&srv.heap, key.ids, key.count_max * sizeof(uint64_t))
    heap_free(&srv.heap, key, sizeof(tracked_t) + key.size)


cdef void remember(server_t* srv, uint64_t id, slice_t name) noexcept nogil:
    cdef table_t* table = &srv.tracking.keys
    cdef uint64_t hash = table_hash(table, name)
    cdef tracked_t* key = <tracked_t*>table_find(table, hash, name)
    cdef uint32_t low = 0
    cdef uint32_t high, middle, room
    if key is NULL:
        key = <tracked_t*>heap_alloc_zero(&srv.heap, sizeof(tracked_t) + name.size)
        key.hash = hash
        key.size = name.size
        if name.size:
            memcpy(key.data, name.data, name.size)
        table_insert(table, hash, key)
        srv.store.tracked += 1          # T2
    high = key.count
    while low < high:
        middle = (low + high) // 2
        if key.ids[middle] < id:
            low = middle + 1
        else:
            high = middle
    if low < key.count and key.ids[low] == id:
        return
    if key.count == key.count_max:
        room = key.count_max * 2 if key.count_max else IDS_FIRST
        key.ids = <uint64_t*>heap_realloc(&srv.heap, key.ids, key.count_max * sizeof(uint64_t),
                                          room * sizeof(uint64_t))
        key.count_max = room
    memmove(key.ids + low + 1, key.ids + low, (key.count - low) * sizeof(uint64_t))
    key.ids[low] = id
    key.count += 1
    srv.tracking.items += 1             # T1


cdef void invalidate(server_t* srv, tracked_t* key, bint changed) noexcept nogil:
    """Tell its readers, and forget it. Who changed it, and said NOLOOP, knows."""
    cdef buf_t body
    cdef tracker_t* tracker
    cdef uint32_t i
    cdef bint found
    buf_init(&body, &srv.heap)
    buf_append_header(&body, c'*', 1)
    buf_append_bulk(&body, tracked_name(key))
    for i in range(key.count):
        tracker = tracker_by_id(srv, key.ids[i])
        if tracker is NULL or tracker.client.modes & CLIENT_TRACKING_BCAST:
            continue
        if (changed and tracker.client.modes & CLIENT_TRACKING_NOLOOP
                and tracker.client is srv.caller):
            continue
        send(srv, tracker, slice_t(body.data, body.size))
    buf_free(&body)
    found = table_remove(&srv.tracking.keys, key.hash, key)
    kvd_assert(found)
    srv.tracking.items -= key.count
    srv.store.tracked -= 1
    release_tracked(srv, key)


cdef void limit_keys(server_t* srv) noexcept nogil:
    """A little at a time, and more each time that it was not enough."""
    cdef uint32_t effort = LIMIT_EFFORT * (srv.tracking.timeouts + 1)
    cdef uint64_t limit = <uint64_t>srv.config.tracking_table_max_keys
    if limit == 0:
        return
    while srv.tracking.keys.count > limit:
        if effort == 0:
            srv.tracking.timeouts += 1
            return
        effort -= 1
        invalidate(srv, <tracked_t*>table_random(&srv.tracking.keys, &srv.store.rand), False)
    srv.tracking.timeouts = 0


cdef void drop_keys(server_t* srv) noexcept nogil:
    """All of them, to be freed by and by."""
    while table_drain(&srv.tracking.dropped, ~<size_t>0, release_tracked, srv):
        pass                            # of the flush before
    srv.store.tracked -= srv.tracking.keys.count
    srv.tracking.items = 0
    srv.tracking.dropped = srv.tracking.keys
    table_init(&srv.tracking.keys, &srv.heap, &TRACKED_TYPE, srv.store.secret)


cdef void tracking_reap(server_t* srv) noexcept nogil:
    table_drain(&srv.tracking.dropped, REAP_KEYS, release_tracked, srv)


cdef void tracking_flushed(server_t* srv) noexcept nogil:
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef uint64_t cursor = 0
    cdef size_t count, i
    if srv.tracking.trackers.count == 0:
        return
    while True:
        count = table_scan(&srv.tracking.trackers, &cursor, items)
        for i in range(count):
            send(srv, <tracker_t*>items[i], slice_t(NULL, 0))
        if cursor == 0:
            break
    drop_keys(srv)


# -- what commands read ---------------------------------------------------------------------------

cdef struct reader_t:
    server_t* srv
    uint64_t id
    const slice_t* argv


cdef bint remember_argument(void* owner, int at, uint32_t flags) noexcept nogil:
    cdef reader_t* reader = <reader_t*>owner
    remember(reader.srv, reader.id, reader.argv[at])
    return True


cdef void tracking_called(server_t* srv, client_t* c, const command_t* cmd) noexcept nogil:
    """A script's reading is its caller's. CLIENT CACHING holds for the next command, or the next
    transaction as a whole."""
    cdef client_t* who = srv.caller if c.modes & CLIENT_DENY_BLOCKING and srv.caller else c
    cdef uint32_t modes = who.modes
    cdef bint said = modes & CLIENT_TRACKING_CACHING != 0
    cdef reader_t reader
    if not modes & CLIENT_TRACKING:
        return
    if (cmd.flags & CMD_READONLY and not modes & CLIENT_TRACKING_BCAST
            and not (modes & CLIENT_TRACKING_OPTIN and not said)
            and not (modes & CLIENT_TRACKING_OPTOUT and said)):
        reader = reader_t(srv, who.id, c.argv)
        keyspec_each(cmd, c.argc, c.argv, remember_argument, &reader)
        limit_keys(srv)
    if said and not c.flags & CLIENT_MULTI and c is who and (
            cmd.parent is NULL or strlen(cmd.parent) != 6 or memcmp(cmd.parent, b"client", 6)):
        c.modes &= ~<uint32_t>CLIENT_TRACKING_CACHING


# -- broadcasts -----------------------------------------------------------------------------------

cdef inline bint begins_with(slice_t text, slice_t start) noexcept nogil:
    return text.size >= start.size and (
        start.size == 0 or memcmp(text.data, start.data, start.size) == 0)


cdef void note_change(server_t* srv, prefix_t* prefix, slice_t name) noexcept nogil:
    cdef uint64_t hash = table_hash(&prefix.changed, name)
    cdef changed_t* key = <changed_t*>table_find(&prefix.changed, hash, name)
    if key is NULL:
        key = <changed_t*>heap_alloc(&srv.heap, sizeof(changed_t) + name.size)
        key.size = name.size
        if name.size:
            memcpy(key.data, name.data, name.size)
        table_insert(&prefix.changed, hash, key)
        srv.tracking.changed += 1
    key.by = srv.caller.id if srv.caller is not NULL else 0


cdef void release_changed(void* owner, void* item) noexcept nogil:
    heap_free(&(<server_t*>owner).heap, item, sizeof(changed_t) + (<changed_t*>item).size)


cdef void forget_changes(server_t* srv, prefix_t* prefix) noexcept nogil:
    srv.tracking.changed -= prefix.changed.count
    while table_drain(&prefix.changed, ~<size_t>0, release_changed, srv):
        pass


cdef void tracking_touched(void* owner, keyspace_t* ks, slice_t key) noexcept nogil:
    cdef server_t* srv = <server_t*>owner
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef table_t* table = &srv.tracking.keys
    cdef uint64_t cursor = 0
    cdef size_t count, i
    cdef tracked_t* tracked
    if table.count:
        tracked = <tracked_t*>table_find(table, table_hash(table, key), key)
        if tracked is not NULL:
            invalidate(srv, tracked, True)
    while srv.tracking.prefixes.count:
        count = table_scan(&srv.tracking.prefixes, &cursor, items)
        for i in range(count):
            if begins_with(key, prefix_name(items[i])):
                note_change(srv, <prefix_t*>items[i], key)
        if cursor == 0:
            return


cdef int compare_changed(const void* a, const void* b) noexcept nogil:
    return slice_compare(changed_name((<const changed_t**>a)[0]),
                         changed_name((<const changed_t**>b)[0]))


cdef bint spell_changes(buf_t* body, changed_t** keys, size_t count, uint64_t but) noexcept nogil:
    """The array of those that client `but` did not change itself; false when there is none."""
    cdef size_t i
    cdef size_t wanted = 0
    body.size = 0
    for i in range(count):
        wanted += 1 if but == 0 or keys[i].by != but else 0
    buf_append_header(body, c'*', <int64_t>wanted)
    for i in range(count):
        if but == 0 or keys[i].by != but:
            buf_append_bulk(body, changed_name(keys[i]))
    return wanted != 0


cdef void broadcast(server_t* srv, prefix_t* prefix) noexcept nogil:
    """In the order of the keys. Spelt once for all who do not mind their own changes."""
    cdef size_t room = prefix.changed.count * sizeof(changed_t*)
    cdef changed_t** keys = <changed_t**>heap_alloc(&srv.heap, room)
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef uint64_t cursor = 0
    cdef size_t count = 0
    cdef size_t found, i
    cdef buf_t all, some
    cdef client_t* c
    while True:
        found = table_scan(&prefix.changed, &cursor, items)
        memcpy(keys + count, items, found * sizeof(changed_t*))
        count += found
        if cursor == 0:
            break
    qsort(keys, count, sizeof(changed_t*), compare_changed)
    buf_init(&all, &srv.heap)
    buf_init(&some, &srv.heap)
    spell_changes(&all, keys, count, 0)
    for i in range(prefix.count):
        c = prefix.trackers[i].client
        if not c.modes & CLIENT_TRACKING_NOLOOP:
            send(srv, prefix.trackers[i], slice_t(all.data, all.size))
        elif spell_changes(&some, keys, count, c.id):
            send(srv, prefix.trackers[i], slice_t(some.data, some.size))
    buf_free(&all)
    buf_free(&some)
    heap_free(&srv.heap, keys, room)
    forget_changes(srv, prefix)


cdef void tracking_broadcast(server_t* srv) noexcept nogil:
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef uint64_t cursor = 0
    cdef size_t count, i
    while True:
        count = table_scan(&srv.tracking.prefixes, &cursor, items)
        for i in range(count):
            if (<prefix_t*>items[i]).changed.count:
                broadcast(srv, <prefix_t*>items[i])
        if cursor == 0:
            return


# -- trackers -------------------------------------------------------------------------------------

cdef prefix_t* prefix_of(server_t* srv, slice_t name) noexcept nogil:
    cdef table_t* table = &srv.tracking.prefixes
    cdef uint64_t hash = table_hash(table, name)
    cdef prefix_t* prefix = <prefix_t*>table_find(table, hash, name)
    if prefix is NULL:
        prefix = <prefix_t*>heap_alloc_zero(&srv.heap, sizeof(prefix_t) + name.size)
        prefix.hash = hash
        prefix.size = name.size
        if name.size:
            memcpy(prefix.data, name.data, name.size)
        table_init(&prefix.changed, &srv.heap, &CHANGED_TYPE, srv.store.secret)
        table_insert(table, hash, prefix)
        srv.store.tracked += 1
    return prefix


cdef void add_prefix(server_t* srv, tracker_t* tracker, slice_t name) noexcept nogil:
    cdef prefix_t* prefix = prefix_of(srv, name)
    cdef uint32_t at = tracker.count
    prefix.trackers = <tracker_t**>heap_realloc(
        &srv.heap, prefix.trackers, prefix.count * sizeof(void*),
        (prefix.count + 1) * sizeof(void*))
    prefix.trackers[prefix.count] = tracker
    prefix.count += 1
    tracker.prefixes = <prefix_t**>heap_realloc(
        &srv.heap, tracker.prefixes, tracker.count * sizeof(void*),
        (tracker.count + 1) * sizeof(void*))
    while at and slice_compare(prefix_name(tracker.prefixes[at - 1]), name) > 0:
        tracker.prefixes[at] = tracker.prefixes[at - 1]
        at -= 1
    tracker.prefixes[at] = prefix
    tracker.count += 1


cdef void leave_prefix(server_t* srv, tracker_t* tracker, prefix_t* prefix) noexcept nogil:
    cdef uint32_t i = 0
    cdef bint found
    while prefix.trackers[i] is not tracker:
        i += 1
    prefix.trackers[i] = prefix.trackers[prefix.count - 1]
    if prefix.count > 1:
        prefix.trackers = <tracker_t**>heap_realloc(
            &srv.heap, prefix.trackers, prefix.count * sizeof(void*),
            (prefix.count - 1) * sizeof(void*))
        prefix.count -= 1
        return
    forget_changes(srv, prefix)
    table_free(&prefix.changed)
    found = table_remove(&srv.tracking.prefixes, prefix.hash, prefix)           # T3
    kvd_assert(found)
    srv.store.tracked -= 1
    heap_free(&srv.heap, prefix.trackers, sizeof(void*))
    heap_free(&srv.heap, prefix, sizeof(prefix_t) + prefix.size)


cdef client_t* client_by_id(server_t* srv, uint64_t id) noexcept nogil:
    cdef uint32_t i
    for i in range(srv.client_count):
        if srv.clients[i].id == id:
            return srv.clients[i]
    return NULL


cdef tracker_t* start(client_t* c) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef table_t* table = &srv.tracking.trackers
    cdef tracker_t* tracker = tracker_of(c)
    if tracker is NULL:
        tracker = <tracker_t*>heap_alloc_zero(&srv.heap, sizeof(tracker_t))
        tracker.id = c.id
        tracker.client = c
        table_insert(table, table_hash(table, tracker_name(tracker)), tracker)
        c.tracking = tracker
    c.modes = (c.modes & ~<uint32_t>MODES) | CLIENT_TRACKING
    return tracker


cdef void tracking_stop(client_t* c) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef table_t* table = &srv.tracking.trackers
    cdef tracker_t* tracker = tracker_of(c)
    cdef uint32_t i
    cdef bint found
    if tracker is NULL:
        return
    for i in range(tracker.count):
        leave_prefix(srv, tracker, tracker.prefixes[i])
    heap_free(&srv.heap, tracker.prefixes, tracker.count * sizeof(void*))
    found = table_remove(table, table_hash(table, tracker_name(tracker)), tracker)
    kvd_assert(found)
    srv.tracking.redirecting -= 1 if tracker.redirect else 0
    heap_free(&srv.heap, tracker, sizeof(tracker_t))
    c.tracking = NULL
    c.modes &= ~<uint32_t>MODES


cdef void tracking_leave(client_t* c) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef uint64_t cursor = 0
    cdef size_t count, i
    tracking_stop(c)
    while srv.tracking.redirecting:
        count = table_scan(&srv.tracking.trackers, &cursor, items)
        for i in range(count):
            if (<tracker_t*>items[i]).target is c:
                (<tracker_t*>items[i]).target = NULL        # T4
        if cursor == 0:
            return


cdef int64_t tracking_redirect(const client_t* c) noexcept nogil:
    return <int64_t>tracker_of(c).redirect if c.tracking is not NULL else -1


# -- CLIENT TRACKING ------------------------------------------------------------------------------

cdef struct options_t:
    uint32_t modes
    int64_t redirect
    client_t* target
    int prefix_count


cdef inline bint is_word(slice_t arg, const char* word) noexcept nogil:
    return equal_nocase(arg.data, arg.size, word, strlen(word))


cdef bint is_prefix_option(const client_t* c, int at) noexcept nogil:
    return at + 1 < c.argc and is_word(c.argv[at], b"prefix")


cdef bint read_redirect_or_reply(client_t* c, slice_t arg, options_t* options) noexcept nogil:
    if options.redirect:
        reply_error(c, ERR_TRACKING_REDIRECTS)
        return False
    if not parse_int64(arg.data, arg.size, &options.redirect):
        reply_error(c, ERR_NOT_INTEGER)
        return False
    options.target = client_by_id(server_of(c), <uint64_t>options.redirect)
    if options.target is NULL:
        reply_error(c, ERR_TRACKING_REDIRECT)
        return False
    return True


cdef bint read_options_or_reply(client_t* c, options_t* options) noexcept nogil:
    cdef int at = 3
    while at < c.argc:
        if is_word(c.argv[at], b"redirect") and at + 1 < c.argc:
            at += 1
            if not read_redirect_or_reply(c, c.argv[at], options):
                return False
        elif is_word(c.argv[at], b"bcast"):
            options.modes |= CLIENT_TRACKING_BCAST
        elif is_word(c.argv[at], b"optin"):
            options.modes |= CLIENT_TRACKING_OPTIN
        elif is_word(c.argv[at], b"optout"):
            options.modes |= CLIENT_TRACKING_OPTOUT
        elif is_word(c.argv[at], b"noloop"):
            options.modes |= CLIENT_TRACKING_NOLOOP
        elif is_prefix_option(c, at):
            at += 1
            options.prefix_count += 1
        else:
            reply_error_syntax(c)
            return False
        at += 1
    return True


cdef int next_prefix(const client_t* c, int at) noexcept nogil:
    """The argument behind the next PREFIX from `at` on; argc when there is none. REDIRECT's value
    may be spelt like one: it is passed over."""
    while at < c.argc:
        if is_word(c.argv[at], b"redirect"):
            at += 1
        elif is_prefix_option(c, at):
            return at + 1
        at += 1
    return c.argc


cdef inline bint overlap(slice_t a, slice_t b) noexcept nogil:
    return begins_with(a, b) or begins_with(b, a)


cdef bint prefixes_fit_or_reply(client_t* c) noexcept nogil:
    """No two prefixes of a client name the same key, or it would be told twice."""
    cdef tracker_t* tracker = tracker_of(c)
    cdef int at = next_prefix(c, 3)
    cdef int other
    cdef uint32_t i
    while at < c.argc:
        for i in range(tracker.count if tracker is not NULL else 0):
            if overlap(c.argv[at], prefix_name(tracker.prefixes[i])):
                reply_error_two(c, b"ERR Prefix '", c.argv[at],
                                b"' overlaps with an existing prefix '",
                                prefix_name(tracker.prefixes[i]),
                                b"'. Prefixes for a single client must not overlap.")
                return False
        other = next_prefix(c, at + 1)
        while other < c.argc:
            if overlap(c.argv[at], c.argv[other]):
                reply_error_two(c, b"ERR Prefix '", c.argv[at],
                                b"' overlaps with another provided prefix '", c.argv[other],
                                b"'. Prefixes for a single client must not overlap.")
                return False
            other = next_prefix(c, other + 1)
        at = next_prefix(c, at + 1)
    return True


cdef bint options_fit_or_reply(client_t* c, const options_t* options) noexcept nogil:
    """Among each other, and with the mode that is on. In Valkey's order."""
    cdef uint32_t wanted = options.modes
    cdef uint32_t now = c.modes
    if options.prefix_count and not wanted & CLIENT_TRACKING_BCAST:
        reply_error(c, ERR_TRACKING_PREFIX)
    elif now & CLIENT_TRACKING and (now ^ wanted) & CLIENT_TRACKING_BCAST:
        reply_error(c, ERR_TRACKING_BCAST)
    elif wanted & CLIENT_TRACKING_BCAST and wanted & (CLIENT_TRACKING_OPTIN
                                                      | CLIENT_TRACKING_OPTOUT):
        reply_error(c, ERR_TRACKING_BCAST_OPT)
    elif wanted & CLIENT_TRACKING_OPTIN and wanted & CLIENT_TRACKING_OPTOUT:
        reply_error(c, ERR_TRACKING_OPT)
    elif ((wanted & CLIENT_TRACKING_OPTIN and now & CLIENT_TRACKING_OPTOUT)
            or (wanted & CLIENT_TRACKING_OPTOUT and now & CLIENT_TRACKING_OPTIN)):
        reply_error(c, ERR_TRACKING_OPT_SWITCH)
    else:
        return not wanted & CLIENT_TRACKING_BCAST or prefixes_fit_or_reply(c)
    return False


cdef void turn_on(client_t* c, const options_t* options) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef tracker_t* tracker = start(c)
    cdef int at = next_prefix(c, 3)
    c.modes |= options.modes
    srv.tracking.redirecting += (1 if options.redirect else 0) - (1 if tracker.redirect else 0)
    tracker.redirect = <uint64_t>options.redirect
    tracker.target = options.target
    if not options.modes & CLIENT_TRACKING_BCAST:
        return
    if options.prefix_count == 0 and (tracker.count == 0 or tracker.prefixes[0].size != 0):
        add_prefix(srv, tracker, slice_t(b"", 0))
    while at < c.argc:
        add_prefix(srv, tracker, c.argv[at])
        at = next_prefix(c, at + 1)


cdef void client_tracking_command(client_t* c) noexcept nogil:
    cdef options_t options = options_t(0, 0, NULL, 0)
    if not read_options_or_reply(c, &options):
        return
    if is_word(c.argv[2], b"on"):
        if not options_fit_or_reply(c, &options):
            return
        turn_on(c, &options)
    elif is_word(c.argv[2], b"off"):
        tracking_stop(c)
    else:
        reply_error_syntax(c)
        return
    reply_ok(c)


cdef void client_caching_command(client_t* c) noexcept nogil:
    if not c.modes & CLIENT_TRACKING:
        reply_error(c, ERR_CACHING_MODE)
        return
    if is_word(c.argv[2], b"yes"):
        if not c.modes & CLIENT_TRACKING_OPTIN:
            reply_error(c, ERR_CACHING_YES)
            return
    elif is_word(c.argv[2], b"no"):
        if not c.modes & CLIENT_TRACKING_OPTOUT:
            reply_error(c, ERR_CACHING_NO)
            return
    else:
        reply_error_syntax(c)
        return
    c.modes |= CLIENT_TRACKING_CACHING
    reply_ok(c)


cdef void client_getredir_command(client_t* c) noexcept nogil:
    reply_int(c, tracking_redirect(c))


cdef int flag_if(client_t* c, uint32_t bits, const char* name, bint count_only) noexcept nogil:
    if c.modes & bits != bits:
        return 0
    if not count_only:
        reply_bulk_text(c, name)
    return 1


cdef int reply_flags(client_t* c, bint count_only) noexcept nogil:
    """The names of its modes; how many they are, before they are written."""
    cdef int n
    if not c.modes & CLIENT_TRACKING:
        if not count_only:
            reply_bulk_text(c, b"off")
        return 1
    n = flag_if(c, CLIENT_TRACKING, b"on", count_only)
    n += flag_if(c, CLIENT_TRACKING_BCAST, b"bcast", count_only)
    n += flag_if(c, CLIENT_TRACKING_OPTIN, b"optin", count_only)
    n += flag_if(c, CLIENT_TRACKING_OPTIN | CLIENT_TRACKING_CACHING, b"caching-yes", count_only)
    n += flag_if(c, CLIENT_TRACKING_OPTOUT, b"optout", count_only)
    n += flag_if(c, CLIENT_TRACKING_OPTOUT | CLIENT_TRACKING_CACHING, b"caching-no", count_only)
    n += flag_if(c, CLIENT_TRACKING_NOLOOP, b"noloop", count_only)
    n += flag_if(c, CLIENT_TRACKING_BROKEN, b"broken_redirect", count_only)
    return n


cdef void client_trackinginfo_command(client_t* c) noexcept nogil:
    cdef tracker_t* tracker = tracker_of(c)
    cdef uint32_t count = tracker.count if tracker is not NULL else 0
    cdef uint32_t i
    reply_map(c, 3)
    reply_bulk_text(c, b"flags")
    reply_set(c, reply_flags(c, True))
    reply_flags(c, False)
    reply_bulk_text(c, b"redirect")
    reply_int(c, tracking_redirect(c))
    reply_bulk_text(c, b"prefixes")
    reply_array(c, count)
    for i in range(count):
        reply_bulk(c, prefix_name(tracker.prefixes[i]))


cdef enum:
    CMD_TALK = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE

cdef command_t TABLE[4]
TABLE[:] = [
    subrow(b"client", b"tracking", client_tracking_command, -3, CMD_TALK,
           ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"6.0.0",
           b"O(1), or O(N) where N is the number of prefixes.",
           b"CLIENT TRACKING <ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] "
           b"[BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
           b"Lets this connection be told of changes of the keys that it reads."),
    subrow(b"client", b"caching", client_caching_command, 3, CMD_TALK | CMD_ALLOW_BUSY,
           ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"6.0.0", b"O(1)",
           b"CLIENT CACHING <YES | NO>",
           b"Says whether what the next command reads is cached."),
    subrow(b"client", b"getredir", client_getredir_command, 2, CMD_TALK | CMD_ALLOW_BUSY,
           ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"6.0.0", b"O(1)",
           b"CLIENT GETREDIR",
           b"Tells which connection is told of changes in place of this one."),
    subrow(b"client", b"trackinginfo", client_trackinginfo_command, 2, CMD_TALK,
           ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"6.2.0", b"O(1)",
           b"CLIENT TRACKINGINFO",
           b"Tells how this connection is told of changes."),
]
command_register(TABLE, 4)
