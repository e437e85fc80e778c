"""When, or how often, a key was used: the 24 bits of an entry that eviction reads.

Terms
    lru    ticks of the wall clock, 24 bits, wrapping after 24 days
    tick   an eighth of a second
    lfu    minutes of the wall clock (16 bits, high) and a logarithmic counter (8 bits, low)
    idle   time since the last use, as lru tells

Which of the two the bits hold is the policy's choice: access_t.lfu. After a change of policy
old bits are read in the new way, which is wrong for a while and harmless.

Why an eighth of a second, where others count seconds and wrap after 194 days: eviction can only
order what ticks tell apart. A cache whose keys are all replaced within three seconds, which takes
100,000 requests a second and room for 10,000 keys, loses 3.5 points of hit ratio to ties when it
counts seconds (68.5 % of hits for 71.9 %, Zipf 0.99 over 100,000 keys): nearly all that LRU has
over a random choice. What is given up: a key that nobody used for 24 days looks fresh again, to
OBJECT IDLETIME and to eviction, which takes it in the next 24 days if it must.
Source: Redis evict.c; antirez.com/news/109 for the counter.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from ..core.intrinsics cimport likely
from ..core.rand cimport rand_t

cdef enum:
    ACCESS_BITS = 24
    LFU_INIT = 5                        # counter of a new key: it may live to be used again
    LRU_TICK_MS = 125                   # a divisor of 1000

cdef struct access_t:
    bint lfu
    uint32_t lru_now                    # set once a turn: the low 24 bits of ticks_now
    uint32_t minutes_now
    uint64_t ticks_now                  # since the epoch
    int64_t log_factor                  # lfu-log-factor
    int64_t decay_minutes               # lfu-decay-time; 0: never decays

# Once a turn.
cdef void access_set_time(access_t* access, int64_t wall_ms) noexcept nogil
# The counter after the decay that is due.
cdef uint8_t lfu_decayed(const access_t* access, uint32_t bits) noexcept nogil
cdef uint32_t lfu_touched(const access_t* access, uint32_t bits, rand_t* rand) noexcept nogil
# Minutes since the counter last changed by a use, 16 bits.
cdef uint32_t lfu_idle_minutes(const access_t* access, uint32_t bits) noexcept nogil
cdef uint32_t lru_idle_ticks(const access_t* access, uint32_t bits) noexcept nogil
cdef uint32_t lru_idle_seconds(const access_t* access, uint32_t bits) noexcept nogil
# The bits of a key that was last used so many seconds ago; as idle as can be when it is longer.
cdef uint32_t lru_bits(const access_t* access, int64_t idle_seconds) noexcept nogil

cdef inline uint32_t access_new(const access_t* access) noexcept nogil:
    if access.lfu:
        return access.minutes_now << 8 | LFU_INIT
    return access.lru_now

cdef inline uint32_t access_touched(const access_t* access, uint32_t bits,
                                    rand_t* rand) noexcept nogil:
    if likely(not access.lfu):
        return access.lru_now
    return lfu_touched(access, bits, rand)
