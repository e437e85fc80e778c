"""Eviction under maxmemory: which keys go, and how much work at a time.

Terms
    policy      one of Valkey's eight, by name and by meaning
    candidate   a sampled key; the higher its score, the sooner it goes
    pool        the best candidates of past samples, kept between calls
    limit       maxmemory: what may be used, but for what is not counted
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t

from .entry cimport entry_t
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
    SAMPLES_MAX = 64                    # of maxmemory-samples

cdef struct candidate_t:
    uint64_t score
    uint64_t hash
    const entry_t* entry                # an address to compare with, until the table knows it
    uint64_t bits                       # what the score was made of: has it changed since?
    int db

cdef struct evict_t:
    policy_t policy
    int64_t limit_bytes                 # maxmemory; 0 none
    int64_t samples                     # maxmemory-samples
    size_t not_counted                  # bytes that do not count: journal and replica buffers
    size_t pool_count
    candidate_t pool[POOL_SIZE]         # ascending in score
    policy_t pool_policy                # whose scores they are
    int64_t over_since_us               # monotonic; 0 while within the limit
    uint64_t over_total_us              # time spent above the limit before that, for INFO

# Evict until used memory plus `need` bytes fits, or `budget_us` is spent. Where `need` alone is
# more than the limit nothing is evicted for it. While expiry is paused all is well.
cdef evicted_t evict_run(evict_t* evict, store_t* store, size_t need,
                         int64_t budget_us) noexcept nogil
