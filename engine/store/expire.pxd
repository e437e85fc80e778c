"""Active expiry: keys are removed when their time has come, found by time.

Terms
    due     a time before which no key can be dead; the table keeps one a segment
    rest    the time after some work in which none is done, so that others get their share
"""
from libc.stdint cimport int64_t, uint64_t

from .keyspace cimport store_t

cdef enum:
    REST_FACTOR = 3                     # rests three times as long as it worked: at most 25 %

cdef struct expire_t:
    bint off                            # lookups alone remove the dead
    int db                              # where the next run starts
    int64_t rest_until_us               # monotonic
    uint64_t spent_us                   # for INFO
    uint64_t capped                     # runs that ended because the budget was spent

# Remove dead keys of all databases for about budget_us. Returns the wall clock time, in
# milliseconds, at which there will be work again: later than store.now_ms, NO_DEADLINE when no
# key has a deadline or expiry is off or paused. O(1) when nothing is due.
cdef int64_t expire_run(expire_t* expire, store_t* store, int64_t mono_us,
                        int64_t budget_us) noexcept nogil
