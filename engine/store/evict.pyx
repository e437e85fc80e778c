"""Eviction under maxmemory.

Keys are not ordered by use. For each eviction some keys are sampled at a random place of a database
that is drawn by its size; the best candidates seen so far stay in a pool, and the best of the pool
goes. So the pool remembers good candidates of past samples, and with few samples the result is
near that of a true LRU. A sample is of SAMPLE_KEYS keys: they lie together, their memory is
fetched at once, and two cost a twentieth more than one. Zipf 0.99, room for a tenth of 100,000
keys, hits in percent at five samples, with one key each and with two: LRU 72.0, 72.2 (a true one
72.3); LFU 76.5, 77.1.

    pool, by score:  [ 3 | 9 | 40 | 41 | ... | 9001 ]  -> evicted first

A candidate is an address and a hash, not a copy of the key: the table tells whether an item at
this address still stands under this hash. If it is another key's by then, which takes an equal tag
and bucket, it is judged as what it is now. A candidate that was used since it was sampled is
dropped, where Valkey would evict it.

Scores do not age in the pool: for LRU the score is the time of the last use, not the time since.

Invariants
    E1  the pool is ascending in score and holds no entry twice
    E2  a key in the pool may be gone or have changed: look before use
    E3  used memory falls with every eviction, so a run ends
Cost: samples * SAMPLE_KEYS keys looked at per eviction; 0.2 to 0.3 us.
Source: Redis evict.c.
"""
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memmove

from ..core.clock cimport clock_mono_us
from ..core.intrinsics cimport unlikely
from ..core.rand cimport rand_below
from ..core.table cimport (
    table_holds, table_random, table_sample,
)
from .access cimport lfu_decayed, lfu_idle_minutes, lru_idle_ticks
from .entry cimport entry_access, entry_deadline, entry_key
from .keyspace cimport keyspace_evict, keyspace_t, store_hash, store_has_dropped, store_reap

cdef enum:
    SAMPLE_KEYS = 2
    CLOCK_EVERY = 16                    # evictions, or samples in vain, between looks at the clock
    REAP_ITEMS = 256                    # dropped keys freed between looks at the clock


cdef inline bint is_volatile(policy_t policy) noexcept nogil:
    return policy >= POLICY_VOLATILE_LRU


cdef inline bint fits(const evict_t* evict, const store_t* store, size_t need) noexcept nogil:
    cdef size_t used = store.heap.used + need
    return used <= <size_t>evict.limit_bytes + evict.not_counted


cdef keyspace_t* draw_keyspace(evict_t* evict, store_t* store) noexcept nogil:
    """A database by its share of the keys that the policy may evict; NULL when there are none."""
    cdef keyspace_t* ks
    cdef keyspace_t* drawn = NULL
    cdef uint64_t count
    cdef uint64_t total = 0
    cdef int db
    for db in range(store.database_top):
        ks = &store.databases[db]
        count = ks.volatile_count if is_volatile(evict.policy) else ks.table.count
        if count:
            total += count
            if total == count or rand_below(&store.rand, total) < count:
                drawn = ks
    return drawn


cdef inline uint64_t bits_of(policy_t policy, const entry_t* entry) noexcept nogil:
    """What the score of an entry is made of."""
    if policy == POLICY_VOLATILE_TTL:
        return <uint64_t>entry_deadline(entry)
    return entry_access(entry)


cdef uint64_t score_of(policy_t policy, const store_t* store, const entry_t* entry) noexcept nogil:
    cdef uint32_t bits = entry_access(entry)
    if policy == POLICY_VOLATILE_TTL:   # the nearer the deadline the higher; signed to unsigned
        return ~(<uint64_t>entry_deadline(entry) ^ <uint64_t>1 << 63)
    if policy == POLICY_ALLKEYS_LFU or policy == POLICY_VOLATILE_LFU:
        # Among keys of equal count the one that was not used for longer.
        return (<uint64_t>(255 - lfu_decayed(&store.access, bits)) << 16
                | lfu_idle_minutes(&store.access, bits))
    return ~(store.access.ticks_now - lru_idle_ticks(&store.access, bits))


cdef void pool_insert(evict_t* evict, const store_t* store, int db,
                      const entry_t* entry) noexcept nogil:
    cdef uint64_t score = score_of(evict.policy, store, entry)
    cdef size_t at = evict.pool_count
    cdef size_t i
    if at == POOL_SIZE and score <= evict.pool[0].score:
        return
    for i in range(evict.pool_count):
        if evict.pool[i].entry is entry and evict.pool[i].db == db:
            return                      # E1; were it stale, it would be dropped in time
    while at and evict.pool[at - 1].score > score:
        at -= 1
    if evict.pool_count == POOL_SIZE:   # the worst makes room
        at -= 1
        memmove(&evict.pool[0], &evict.pool[1], at * sizeof(candidate_t))
    else:
        memmove(&evict.pool[at + 1], &evict.pool[at],
                (evict.pool_count - at) * sizeof(candidate_t))
        evict.pool_count += 1
    evict.pool[at].score = score
    evict.pool[at].hash = store_hash(store, entry_key(entry))
    evict.pool[at].entry = entry
    evict.pool[at].bits = bits_of(evict.policy, entry)
    evict.pool[at].db = db


cdef void pool_fill(evict_t* evict, store_t* store, keyspace_t* ks) noexcept nogil:
    cdef void* items[SAMPLES_MAX * SAMPLE_KEYS]
    cdef int64_t samples = evict.samples if evict.samples < SAMPLES_MAX else SAMPLES_MAX
    cdef size_t want = <size_t>samples * SAMPLE_KEYS
    cdef size_t count, i
    # Where few keys are volatile one place has not enough of them.
    while want and samples:
        count = table_sample(&ks.table, &store.rand, is_volatile(evict.policy), items, want)
        for i in range(count):
            pool_insert(evict, store, ks.index, <const entry_t*>items[i])
        want -= count
        samples -= 1


cdef entry_t* pool_take(evict_t* evict, store_t* store, keyspace_t** ks,
                        uint64_t* hash) noexcept nogil:
    """The best candidate that still is one, or NULL."""
    cdef candidate_t* best
    while evict.pool_count:
        evict.pool_count -= 1
        best = &evict.pool[evict.pool_count]
        ks[0] = &store.databases[best.db]
        hash[0] = best.hash
        if (table_holds(&ks[0].table, best.hash, best.entry)    # E2
                and bits_of(evict.policy, best.entry) == best.bits):
            return <entry_t*>best.entry
    return NULL


cdef entry_t* choose(evict_t* evict, store_t* store, keyspace_t** ks,
                     uint64_t* hash) noexcept nogil:
    """The next to go. NULL with *ks set: sampled in vain; with *ks NULL: there is none."""
    cdef void* item
    ks[0] = draw_keyspace(evict, store)
    if ks[0] is NULL:
        return NULL
    if evict.policy == POLICY_ALLKEYS_RANDOM:
        item = table_random(&ks[0].table, &store.rand)
    elif evict.policy == POLICY_VOLATILE_RANDOM:
        if table_sample(&ks[0].table, &store.rand, True, &item, 1) == 0:
            return NULL
    else:
        pool_fill(evict, store, ks[0])
        return pool_take(evict, store, ks, hash)
    hash[0] = store_hash(store, entry_key(<entry_t*>item))
    return <entry_t*>item


cdef evicted_t evict_until(evict_t* evict, store_t* store, size_t need,
                           int64_t until_us) noexcept nogil:
    cdef keyspace_t* ks
    cdef entry_t* entry
    cdef uint64_t hash
    cdef uint32_t steps = 0
    # What a flush or a delete has dropped already is the first to make room.
    while store_has_dropped(store) and not fits(evict, store, need):
        store_reap(store, REAP_ITEMS)
        if clock_mono_us() >= until_us:
            return EVICT_OK if fits(evict, store, need) else EVICT_MORE
    while not fits(evict, store, need):
        if unlikely(store.body_count):
            store_reap(store, REAP_ITEMS)       # of what was evicted last
            if clock_mono_us() >= until_us:
                return EVICT_OK if fits(evict, store, need) else EVICT_MORE
            continue
        if evict.policy == POLICY_NOEVICTION:
            return EVICT_FAIL
        entry = choose(evict, store, &ks, &hash)
        if entry is not NULL:
            keyspace_evict(ks, hash, entry)     # E3
        elif ks is NULL:
            return EVICT_FAIL
        steps += 1
        if steps % CLOCK_EVERY == 0 and clock_mono_us() >= until_us:
            return EVICT_OK if fits(evict, store, need) else EVICT_MORE
    return EVICT_OK


cdef evicted_t evict_run(evict_t* evict, store_t* store, size_t need,
                         int64_t budget_us) noexcept nogil:
    cdef evicted_t result
    cdef int64_t now_us
    if store.expiry_paused:
        return EVICT_OK                 # nothing may change by itself; as if it did fit
    if evict.limit_bytes == 0:
        result = EVICT_OK
    elif need > <size_t>evict.limit_bytes:
        result = EVICT_FAIL
    elif fits(evict, store, need):
        result = EVICT_OK
    else:
        now_us = clock_mono_us()
        if evict.pool_policy != evict.policy:
            evict.pool_policy = evict.policy
            evict.pool_count = 0
        result = evict_until(evict, store, need, now_us + budget_us)
        if result != EVICT_OK and evict.over_since_us == 0:
            evict.over_since_us = now_us
    if result == EVICT_OK and evict.over_since_us:
        evict.over_total_us += <uint64_t>(clock_mono_us() - evict.over_since_us)
        evict.over_since_us = 0
    return result
