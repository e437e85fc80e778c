"""Commands that wait: who waits for which key, and until when.

    srv.blocking.tables[db] -> key -> waits, in the order of arrival
    c.blocked               -> its words, its waits, its deadline
    srv.blocking.deadlines  -> clients with a deadline, a binary heap: the nearest first
    srv.blocking.ready      -> keys that were touched, in the order in which they were

A server in which nobody waits for a key pays one comparison for each change: store.awaited counts
the awaited keys. Any change of an awaited key makes it ready; whether it can serve somebody is
seen when its turn comes (server/blocked), after the command, transaction or script that did it.

Invariants
    B1  c.blocked is set from the first call of block_on_keys to the reply; CLIENT_BLOCKED likewise,
        but for the time in which the command runs again
    B2  a key is in its database's table while somebody waits for it, or it is ready, or held
    B3  a client waits for a key once, also if it names it twice
    B4  deadlines[b.deadline_at] is the client, for every one with a deadline
"""
from libc.math cimport ceill
from libc.stdint cimport INT64_MAX, uint32_t
from libc.string cimport memcpy

from ..core.clock cimport clock_mono_us
from ..core.heap cimport heap_alloc, heap_alloc_zero, heap_block_size, heap_free, heap_realloc
from ..core.intrinsics cimport add_overflows, kvd_assert
from ..core.number cimport parse_int64, parse_long_double
from ..core.table cimport (
    SEGMENT_ITEMS_MAX, table_find, table_free, table_hash, table_init, table_insert,
    table_remove, table_scan, table_t, table_type_t,
)
from ..wire.command cimport (
    CLIENT_BLOCKED, CLIENT_DENY_BLOCKING, CLIENT_EXECUTING, CLIENT_LOADING,
)
from ..wire.errors cimport (
    ERR_TIMEOUT_NEGATIVE, ERR_TIMEOUT_NOT_FLOAT, ERR_TIMEOUT_NOT_INTEGER, ERR_TIMEOUT_RANGE,
)
from ..wire.reply cimport reply_error
from .state cimport server_of

cdef enum:
    DEADLINES_FIRST = 16                # room in the heap of deadlines when it is made
    FOREVER_MS = 3153600000000          # a hundred years: microseconds hold them


# -- timeouts -------------------------------------------------------------------------------------

cdef bint span_or_reply(client_t* c, int64_t ms, int64_t* timeout_us) noexcept nogil:
    cdef int64_t until_ms
    if ms < 0:
        reply_error(c, ERR_TIMEOUT_NEGATIVE)
        return False
    if add_overflows(ms, c.store.now_ms, &until_ms):
        reply_error(c, ERR_TIMEOUT_RANGE)
        return False
    timeout_us[0] = (ms if ms < <int64_t>FOREVER_MS else <int64_t>FOREVER_MS) * 1000
    return True


cdef bint block_seconds_or_reply(client_t* c, slice_t arg, int64_t* timeout_us) noexcept nogil:
    cdef long double seconds = 0
    if not parse_long_double(arg.data, arg.size, &seconds):
        reply_error(c, ERR_TIMEOUT_NOT_FLOAT)
        return False
    seconds = ceill(seconds * 1000)
    if seconds > <long double>INT64_MAX:
        reply_error(c, ERR_TIMEOUT_RANGE)
        return False
    return span_or_reply(c, <int64_t>seconds if seconds >= 0 else -1, timeout_us)


cdef bint block_ms_or_reply(client_t* c, slice_t arg, int64_t* timeout_us) noexcept nogil:
    cdef int64_t ms
    if not parse_int64(arg.data, arg.size, &ms):
        reply_error(c, ERR_TIMEOUT_NOT_INTEGER)
        return False
    return span_or_reply(c, ms, timeout_us)


# -- deadlines ------------------------------------------------------------------------------------

cdef inline int64_t deadline_at(const server_t* srv, size_t i) noexcept nogil:
    return blocked_of(srv.blocking.deadlines[i]).deadline_us


cdef inline void deadline_put(server_t* srv, size_t i, client_t* c) noexcept nogil:
    srv.blocking.deadlines[i] = c
    blocked_of(c).deadline_at = i       # B4


cdef void deadline_rise(server_t* srv, size_t i, client_t* c) noexcept nogil:
    """Put `c` at `i` or above."""
    cdef int64_t due_us = blocked_of(c).deadline_us
    while i and deadline_at(srv, (i - 1) // 2) > due_us:
        deadline_put(srv, i, srv.blocking.deadlines[(i - 1) // 2])
        i = (i - 1) // 2
    deadline_put(srv, i, c)


cdef void deadline_sink(server_t* srv, size_t i, client_t* c) noexcept nogil:
    """Put `c` at `i` or below."""
    cdef int64_t due_us = blocked_of(c).deadline_us
    cdef size_t child = 2 * i + 1
    while child < srv.blocking.deadline_count:
        if (child + 1 < srv.blocking.deadline_count
                and deadline_at(srv, child + 1) < deadline_at(srv, child)):
            child += 1
        if deadline_at(srv, child) >= due_us:
            break
        deadline_put(srv, i, srv.blocking.deadlines[child])
        i = child
        child = 2 * i + 1
    deadline_put(srv, i, c)


cdef void deadline_add(server_t* srv, client_t* c) noexcept nogil:
    cdef size_t room = srv.blocking.deadline_max
    if srv.blocking.deadline_count == room:
        srv.blocking.deadline_max = room * 2 if room else DEADLINES_FIRST
        srv.blocking.deadlines = <client_t**>heap_realloc(
            &srv.heap, srv.blocking.deadlines, room * sizeof(client_t*),
            srv.blocking.deadline_max * sizeof(client_t*))
    srv.blocking.deadline_count += 1
    deadline_rise(srv, srv.blocking.deadline_count - 1, c)


cdef void deadline_remove(server_t* srv, client_t* c) noexcept nogil:
    cdef size_t i = blocked_of(c).deadline_at
    cdef client_t* last
    kvd_assert(srv.blocking.deadlines[i] is c)
    srv.blocking.deadline_count -= 1
    last = srv.blocking.deadlines[srv.blocking.deadline_count]
    if last is c:
        return
    if i and deadline_at(srv, (i - 1) // 2) > blocked_of(last).deadline_us:
        deadline_rise(srv, i, last)
    else:
        deadline_sink(srv, i, last)


cdef client_t* blocked_overdue(server_t* srv) noexcept nogil:
    if srv.blocking.deadline_count == 0 or deadline_at(srv, 0) > srv.mono_us:
        return NULL
    return srv.blocking.deadlines[0]


# -- awaited keys ---------------------------------------------------------------------------------

cdef slice_t key_of(const void* item) noexcept nogil:
    return awaited_name(<const awaited_t*>item)


cdef table_type_t AWAITED_TYPE
AWAITED_TYPE.key_of = key_of
AWAITED_TYPE.deadline_of = NULL


cdef table_t* table_of(server_t* srv, int db) noexcept nogil:
    """The awaited keys of a database; made when they are first needed."""
    cdef size_t count = <size_t>srv.store.database_count
    if srv.blocking.tables is NULL:
        srv.blocking.tables = <table_t**>heap_alloc_zero(&srv.heap, count * sizeof(table_t*))
    if srv.blocking.tables[db] is NULL:
        srv.blocking.tables[db] = <table_t*>heap_alloc(&srv.heap, sizeof(table_t))
        table_init(srv.blocking.tables[db], &srv.heap, &AWAITED_TYPE, srv.store.secret)
    return srv.blocking.tables[db]


cdef awaited_t* find(server_t* srv, const keyspace_t* ks, slice_t name) noexcept nogil:
    cdef table_t* table
    if srv.blocking.tables is NULL or srv.blocking.tables[ks.index] is NULL:
        return NULL
    table = srv.blocking.tables[ks.index]
    return <awaited_t*>table_find(table, table_hash(table, name), name)


cdef awaited_t* make(server_t* srv, keyspace_t* ks, slice_t name) noexcept nogil:
    cdef table_t* table = table_of(srv, ks.index)
    cdef awaited_t* key = <awaited_t*>heap_alloc_zero(&srv.heap, sizeof(awaited_t) + name.size)
    key.ks = ks
    key.hash = table_hash(table, name)
    key.size = name.size
    if name.size:
        memcpy(key.data, name.data, name.size)
    table_insert(table, key.hash, key)
    srv.store.awaited += 1
    return key


cdef void release_if_idle(server_t* srv, awaited_t* key) noexcept nogil:
    cdef bint found
    if key.first is not NULL or key.ready or key.held:
        return
    found = table_remove(srv.blocking.tables[key.ks.index], key.hash, key)      # B2
    kvd_assert(found)
    srv.store.awaited -= 1
    heap_free(&srv.heap, key, sizeof(awaited_t) + key.size)


cdef void wait_for(server_t* srv, client_t* c, slice_t name) noexcept nogil:
    cdef blocked_t* b = blocked_of(c)
    cdef awaited_t* key = find(srv, c.ks, name)
    cdef wait_t* wait
    if key is NULL:
        key = make(srv, c.ks, name)
    elif key.last is not NULL and key.last.client is c:
        return                          # B3: nobody else came between its keys
    wait = &b.waits[b.wait_count]
    b.wait_count += 1
    wait.client = c
    wait.key = key
    wait.next = NULL
    wait.prev = key.last
    if key.last is not NULL:
        key.last.next = wait
    else:
        key.first = wait
    key.last = wait
    if b.when_gone:
        srv.blocking.keys_gone += 1 if key.count_gone == 0 else 0
        key.count_gone += 1


cdef void wait_end(server_t* srv, wait_t* wait, bint when_gone) noexcept nogil:
    cdef awaited_t* key = wait.key
    if wait.prev is not NULL:
        wait.prev.next = wait.next
    else:
        key.first = wait.next
    if wait.next is not NULL:
        wait.next.prev = wait.prev
    else:
        key.last = wait.prev
    if when_gone:
        key.count_gone -= 1
        srv.blocking.keys_gone -= 1 if key.count_gone == 0 else 0
    release_if_idle(srv, key)


# -- ready keys -----------------------------------------------------------------------------------

cdef void make_ready(server_t* srv, awaited_t* key) noexcept nogil:
    if key.ready:
        return
    key.ready = True
    key.next_ready = NULL
    if srv.blocking.ready is NULL:
        srv.blocking.ready = key
    else:
        (<awaited_t*>srv.blocking.ready_last).next_ready = key
    srv.blocking.ready_last = key


cdef void blocked_touched(void* owner, keyspace_t* ks, slice_t key) noexcept nogil:
    cdef server_t* srv = <server_t*>owner
    cdef awaited_t* awaited = find(srv, ks, key)
    if awaited is not NULL:
        make_ready(srv, awaited)


cdef void blocked_touch_all_in_db(server_t* srv, keyspace_t* ks) noexcept nogil:
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef uint64_t cursor = 0
    cdef size_t count, i
    if srv.store.awaited == 0 or srv.blocking.tables[ks.index] is NULL:
        return
    while True:
        count = table_scan(srv.blocking.tables[ks.index], &cursor, items)
        for i in range(count):
            make_ready(srv, <awaited_t*>items[i])
        if cursor == 0:
            return


cdef awaited_t* blocked_take_ready(server_t* srv) noexcept nogil:
    """While it is out it may become ready again, and enter the list anew."""
    cdef awaited_t* key = <awaited_t*>srv.blocking.ready
    if key is not NULL:
        srv.blocking.ready = key.next_ready
        key.ready = False
        key.held = True
    return key


cdef void blocked_put_back(server_t* srv, awaited_t* key) noexcept nogil:
    key.held = False
    release_if_idle(srv, key)


# -- who waits ------------------------------------------------------------------------------------

cdef bint block_denied(const client_t* c) noexcept nogil:
    return c.flags & (CLIENT_EXECUTING | CLIENT_LOADING) != 0 \
        or c.modes & CLIENT_DENY_BLOCKING != 0


cdef blocked_t* keep(client_t* c, int keys) noexcept nogil:
    """What the client said, in a block of its own: the bytes it borrows from are read over."""
    cdef size_t size = sizeof(blocked_t) + <size_t>c.argc * sizeof(slice_t) \
        + <size_t>keys * sizeof(wait_t)
    cdef blocked_t* b
    cdef char* at
    cdef int i
    for i in range(c.argc):
        size += c.argv[i].size
    b = <blocked_t*>heap_alloc_zero(c.store.heap, size)
    b.size = size
    b.cmd = c.cmd
    b.argc = c.argc
    b.waits = <wait_t*>&b[1]
    b.argv = <slice_t*>&b.waits[keys]
    at = <char*>&b.argv[c.argc]
    for i in range(c.argc):
        b.argv[i] = slice_t(at, c.argv[i].size)
        if c.argv[i].size:
            memcpy(at, c.argv[i].data, c.argv[i].size)
        at += c.argv[i].size
    return b


cdef void block_on_keys(client_t* c, int first, int count, type_t wanted, bint when_gone,
                        int64_t timeout_us, command_fn on_timeout) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef blocked_t* b
    cdef int i
    if block_denied(c):
        on_timeout(c)
        return
    c.flags |= CLIENT_BLOCKED
    if c.blocked is not NULL:           # B1: it was run again, and goes on waiting where it stood
        return
    b = keep(c, count)
    b.wanted = wanted
    b.when_gone = when_gone
    b.on_timeout = on_timeout
    c.blocked = b
    c.blocked_memory = heap_block_size(b.size)
    srv.blocking.clients += 1
    for i in range(count):
        wait_for(srv, c, b.argv[first + i])
    if timeout_us:
        b.deadline_us = clock_mono_us() + timeout_us
        deadline_add(srv, c)


cdef void blocked_forget(client_t* c) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef blocked_t* b = blocked_of(c)
    cdef int i
    if b is NULL:
        return
    if b.deadline_us:
        deadline_remove(srv, c)
    for i in range(b.wait_count):
        wait_end(srv, &b.waits[i], b.when_gone)
    srv.blocking.clients -= 1
    heap_free(c.store.heap, b, b.size)
    c.blocked = NULL
    c.blocked_memory = 0
    c.flags &= ~<uint32_t>CLIENT_BLOCKED


cdef void blocked_free(server_t* srv) noexcept nogil:
    """Every client has left."""
    cdef awaited_t* key = blocked_take_ready(srv)
    cdef int i
    while key is not NULL:
        blocked_put_back(srv, key)
        key = blocked_take_ready(srv)
    if srv.blocking.tables is not NULL:
        for i in range(srv.store.database_count):
            if srv.blocking.tables[i] is not NULL:
                table_free(srv.blocking.tables[i])
                heap_free(&srv.heap, srv.blocking.tables[i], sizeof(table_t))
        heap_free(&srv.heap, srv.blocking.tables,
                  <size_t>srv.store.database_count * sizeof(table_t*))
    heap_free(&srv.heap, srv.blocking.deadlines, srv.blocking.deadline_max * sizeof(client_t*))
