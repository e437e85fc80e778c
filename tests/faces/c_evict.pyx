"""Python face of engine/store/evict.pxd, for tests/store/test_evict.py and experiments.

`replay` runs a cache over a list of keys, in C: read, and on a miss set, then evict; with a clock
that advances at a given rate of requests.
"""
cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memset

from kvd.engine.core.clock cimport clock_ticks, ticks_init, ticks_t, ticks_to_us
from kvd.engine.core.table cimport NO_DEADLINE
from kvd.engine.core.types cimport slice_t
from kvd.engine.store.access cimport access_set_time
from kvd.engine.store.evict cimport EVICT_OK, evict_run, evict_t, policy_t
from kvd.engine.store.keyspace cimport keyspace_read, keyspace_set, store_hash

from tests.faces.c_keyspace cimport Store

POLICIES = ["noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random",
            "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"]
RESULTS = ["ok", "more", "fail"]


cdef class Evict:
    cdef evict_t evict
    cdef Store store

    def __init__(self, Store store, str policy, int64_t limit=0, int64_t samples=5):
        self.store = store
        self.evict.samples = samples
        self.evict.limit_bytes = limit
        self.set_policy(policy)

    def set_policy(self, str policy):
        self.evict.policy = <policy_t><int>POLICIES.index(policy)
        self.store.store.access.lfu = policy.endswith("lfu")

    def run(self, size_t need=0, int64_t budget_us=10**9):
        return RESULTS[evict_run(&self.evict, &self.store.store, need, budget_us)]

    def pool(self):
        return [self.evict.pool[i].score for i in range(self.evict.pool_count)]

    @property
    def limit(self):
        return self.evict.limit_bytes

    @limit.setter
    def limit(self, int64_t value):
        self.evict.limit_bytes = value

    @property
    def not_counted(self):
        return self.evict.not_counted

    @not_counted.setter
    def not_counted(self, size_t value):
        self.evict.not_counted = value

    over_since_us = property(lambda self: (<Evict>self).evict.over_since_us)
    over_total_us = property(lambda self: (<Evict>self).evict.over_total_us)

    @cython.boundscheck(False)
    def replay(self, const uint32_t[:] keys, size_t value_size, double per_second,
               int64_t start_ms=1_700_000_000_000, int64_t budget_us=10**9):
        """(hits, nanoseconds spent in evict_run, evictions, times above the limit)"""
        cdef Py_ssize_t i
        cdef char name[32]
        cdef char value[4096]
        cdef uint64_t hits = 0, spent = 0, over = 0, before, hash
        cdef int64_t now
        cdef slice_t key
        cdef ticks_t ticks
        cdef uint64_t evicted = self.store.store.evicted
        assert value_size <= sizeof(value)
        ticks_init(&ticks)
        memset(value, c'x', sizeof(value))
        with nogil:
            for i in range(keys.shape[0]):
                now = start_ms + <int64_t>(<double>i * 1000 / per_second)
                self.store.store.now_ms = now
                access_set_time(&self.store.store.access, now)
                key.data = &name[0]
                key.size = <size_t>snprintf(name, sizeof(name), "key:%012u", keys[i])
                hash = store_hash(&self.store.store, key)
                if keyspace_read(&self.store.databases[0], hash, key) is not NULL:
                    hits += 1
                    continue
                keyspace_set(&self.store.databases[0], hash, key, slice_t(&value[0], value_size),
                             NO_DEADLINE)
                before = clock_ticks()
                over += evict_run(&self.evict, &self.store.store, 0, budget_us) != EVICT_OK
                spent += clock_ticks() - before
        return (hits, ticks_to_us(&ticks, spent) * 1000, self.store.store.evicted - evicted, over)
