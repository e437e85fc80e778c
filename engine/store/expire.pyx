"""Active expiry: keys are removed when their time has come.

Sampling, as others do it, finds a dead key late when most volatile keys are alive: seconds with
ten thousand of them, minutes with a million. Here the table knows a lower bound of the deadlines
of each segment and of each bucket in it, and its segments stand in a heap by that bound. So a run
takes the segment that is due first, looks into the buckets whose time has come, and removes what
is dead; a bound that was too early is true after the look.

The store keeps the least bound of all databases (K6): a turn of the loop in which nothing is due
costs one comparison. After a run that number is computed anew, in O(databases in use).

Fields of hashes die likewise: their hash's table knows the first of them, and a heap of such hashes
(due.pyx) which one is next. A step removes the dead of one segment of one hash.

A flood of deaths must not hold up the living: a run ends when its budget is spent, at the next
border between two segments, and is followed by a rest. Keys that have to wait are dead to every
command all the same, since lookups compare the deadline.

Invariants
    X1  after a run that was not capped, store.due_ms > now
    X2  each item of table_take_due is removed: the table has forgotten its deadline
"""
from ..core.clock cimport clock_mono_us
from ..core.table cimport NO_DEADLINE, SEGMENT_ITEMS_MAX, table_due_ms, table_take_due
from .due cimport due_first, due_node_t
from .entry cimport entry_key, entry_t
from .keyspace cimport (
    keyspace_due_ms, keyspace_expire, keyspace_expire_fields, keyspace_t, store_hash,
)


cdef bint remove_due(store_t* store, keyspace_t* ks, int64_t until_us) noexcept nogil:
    """The dead keys and fields of one database; false when the time is up."""
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef entry_t* entry
    cdef size_t count, i
    cdef due_node_t* node = due_first(ks.due_fields)
    while node is not NULL and node.due_ms <= store.now_ms:
        keyspace_expire_fields(ks, node)
        if clock_mono_us() >= until_us:
            return False
        node = due_first(ks.due_fields)
    while table_due_ms(&ks.table) <= store.now_ms:
        count = table_take_due(&ks.table, store.now_ms, items)
        for i in range(count):          # X2
            entry = <entry_t*>items[i]
            keyspace_expire(ks, store_hash(store, entry_key(entry)), entry)
        if clock_mono_us() >= until_us:
            return False
    return True


cdef int64_t earliest_due(const store_t* store) noexcept nogil:
    cdef int64_t due = NO_DEADLINE
    cdef int64_t one
    cdef int db
    for db in range(store.database_top):
        one = keyspace_due_ms(&store.databases[db])
        due = one if one < due else due
    return due


cdef int64_t expire_run(expire_t* expire, store_t* store, int64_t mono_us,
                        int64_t budget_us) noexcept nogil:
    cdef int64_t began, spent
    cdef bint done = True
    cdef int i
    if expire.off or store.expiry_paused:
        return NO_DEADLINE
    if store.due_ms > store.now_ms:
        return store.due_ms
    if mono_us < expire.rest_until_us:
        return store.now_ms + 1 + (expire.rest_until_us - mono_us) // 1000
    began = clock_mono_us()
    for i in range(store.database_top):
        if expire.db >= store.database_top:
            expire.db = 0
        done = remove_due(store, &store.databases[expire.db], began + budget_us)
        expire.db += 1                  # after a capped run too: a flood in one is not all's wait
        if not done:
            break
    spent = clock_mono_us() - began
    expire.spent_us += <uint64_t>spent
    expire.rest_until_us = began + spent + REST_FACTOR * spent
    if not done:
        expire.capped += 1
        return store.now_ms + 1 + REST_FACTOR * spent // 1000
    store.due_ms = earliest_due(store)  # X1
    return store.due_ms
