"""When, or how often, a key was used.

The counter grows with probability 1 / ((counter - LFU_INIT) * factor + 1), so that 255 stands
for about a million uses at factor 10, and loses one for every decay_minutes without use.
"""
from libc.stdint cimport uint64_t

from ..core.rand cimport rand_next

cdef enum:
    MASK24 = 0xFFFFFF
    MASK16 = 0xFFFF


cdef void access_set_time(access_t* access, int64_t wall_ms) noexcept nogil:
    access.ticks_now = <uint64_t>(wall_ms // LRU_TICK_MS)
    access.lru_now = <uint32_t>(access.ticks_now & MASK24)
    access.minutes_now = <uint32_t>((wall_ms // 60000) & MASK16)


cdef uint8_t lfu_decayed(const access_t* access, uint32_t bits) noexcept nogil:
    cdef uint32_t elapsed = lfu_idle_minutes(access, bits)
    cdef int64_t periods
    cdef int64_t counter = bits & 255
    if access.decay_minutes == 0:
        return <uint8_t>counter
    periods = elapsed // access.decay_minutes
    return <uint8_t>(counter - periods if periods < counter else 0)


cdef uint32_t lfu_touched(const access_t* access, uint32_t bits, rand_t* rand) noexcept nogil:
    cdef uint32_t counter = lfu_decayed(access, bits)
    cdef double base = counter - LFU_INIT if counter > LFU_INIT else 0
    if counter < 255:
        # 53 random bits in [0, 1)
        if (<double>(rand_next(rand) >> 11) * (1.0 / 9007199254740992.0)
                < 1.0 / (base * <double>access.log_factor + 1)):
            counter += 1
    return access.minutes_now << 8 | counter


cdef uint32_t lfu_idle_minutes(const access_t* access, uint32_t bits) noexcept nogil:
    return (access.minutes_now - (bits >> 8)) & MASK16


cdef uint32_t lru_idle_ticks(const access_t* access, uint32_t bits) noexcept nogil:
    return (access.lru_now - bits) & MASK24


cdef uint32_t lru_idle_seconds(const access_t* access, uint32_t bits) noexcept nogil:
    return lru_idle_ticks(access, bits) * LRU_TICK_MS // 1000


cdef uint32_t lru_bits(const access_t* access, int64_t idle_seconds) noexcept nogil:
    cdef int64_t ticks_max = MASK24
    cdef int64_t ticks = ticks_max
    if idle_seconds < ticks_max * LRU_TICK_MS // 1000:
        ticks = idle_seconds * 1000 // LRU_TICK_MS
    return <uint32_t>(access.ticks_now - <uint64_t>ticks) & MASK24
