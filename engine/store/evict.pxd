"""Eviction under maxmemory: which keys go, and how much work at a time.

Terms
    policy    one of Valkey's eight, by name and by meaning
    pool      the best candidates of past samples, kept between calls
    room      maxmemory less what is used; eviction runs while it is negative
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t

from .keyspace cimport store_t

cdef enum policy_t:
    POLICY_NOEVICTION = 0
    POLICY_ALLKEYS_LRU = 1
    POLICY_ALLKEYS_LFU = 2
    POLICY_ALLKEYS_RANDOM = 3
    POLICY_VOLATILE_LRU = 4
    POLICY_VOLATILE_LFU = 5
    POLICY_VOLATILE_RANDOM = 6
    POLICY_VOLATILE_TTL = 7

cdef enum evicted_t:
    EVICT_OK = 0                        # used memory is within the limit
    EVICT_MORE = 1                      # the time is up and it is not yet: call again
    EVICT_FAIL = 2                      # nothing that the policy may evict is left

cdef enum:
    POOL_SIZE = 16
    POOL_KEY_MAX = 255                  # bytes of a key that the pool keeps; longer are re-sampled

cdef struct candidate_t:
    uint64_t score                      # higher goes first
    int db
    uint64_t hash
    size_t key_size
    char key[POOL_KEY_MAX]

cdef struct evict_t:
    policy_t policy
    int64_t limit_bytes                 # maxmemory; 0 none
    int64_t samples                     # maxmemory-samples
    size_t not_counted                  # bytes that do not count: journal and replica buffers
    size_t pool_count
    candidate_t pool[POOL_SIZE]         # ascending in score
    uint64_t over_total_us              # time spent above the limit, for INFO

# Evict until used memory plus `need` bytes fits, or `budget_us` is spent.
cdef evicted_t evict_run(evict_t* evict, store_t* store, size_t need,
                         int64_t budget_us) noexcept nogil
