"""Clocks, and how fast the processor's counter ticks.

The rate is measured over a base line from `origin` to now, so the error of reading two clocks at
nearly one instant (well under a microsecond) fades: 0.1 % after the first half millisecond, one
part in a million after a second. A base line is dropped when the newest stretch disagrees with it
by more than one percent: then the machine was moved or suspended, or the counter follows a
frequency, and the past says nothing of the present.

Invariants
    C1  us_per_tick > 0 and ticks_per_us == 1 / us_per_tick
    C2  origin <= last <= now, on both clocks
"""
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec

from .intrinsics cimport kvd_assert

cdef enum:
    FIRST_SPAN_NS = 500 * 1000
    SPAN_NS_MIN = 10 * 1000 * 1000      # a shorter stretch measures the reading, not the rate
    READ_TRIES = 4


cdef inline int64_t clock_ns(int clock) noexcept nogil:
    cdef timespec t
    clock_gettime(clock, &t)
    return <int64_t>t.tv_sec * 1000000000 + t.tv_nsec


cdef int64_t clock_wall_ms() noexcept nogil:
    return clock_ns(CLOCK_REALTIME) // 1000000


cdef int64_t clock_wall_us() noexcept nogil:
    return clock_ns(CLOCK_REALTIME) // 1000


cdef int64_t clock_mono_us() noexcept nogil:
    return clock_ns(CLOCK_MONOTONIC) // 1000


cdef void read_both(uint64_t* ticks, int64_t* ns) noexcept nogil:
    """Read both clocks at one instant: of a few tries the one with the shortest bracket."""
    cdef uint64_t before, after
    cdef uint64_t shortest = <uint64_t>-1
    cdef int64_t now
    cdef int i
    for i in range(READ_TRIES):
        before = clock_ticks()
        now = clock_ns(CLOCK_MONOTONIC)
        after = clock_ticks()
        if after - before < shortest:
            shortest = after - before
            ticks[0] = before + shortest // 2
            ns[0] = now


cdef void set_rate(ticks_t* t, double us_per_tick) noexcept nogil:
    kvd_assert(us_per_tick > 0)                     # C1
    t.us_per_tick = us_per_tick
    t.ticks_per_us = 1 / us_per_tick


cdef void ticks_init(ticks_t* t) noexcept nogil:
    cdef uint64_t ticks = 0
    cdef int64_t ns = 0
    read_both(&t.origin_ticks, &t.origin_ns)
    while ns < t.origin_ns + FIRST_SPAN_NS or ticks <= t.origin_ticks:
        read_both(&ticks, &ns)
    set_rate(t, <double>(ns - t.origin_ns) / <double>(ticks - t.origin_ticks) / 1000)
    t.last_ticks = ticks
    t.last_ns = ns


cdef void ticks_calibrate(ticks_t* t) noexcept nogil:
    cdef uint64_t ticks = 0
    cdef int64_t ns = 0
    cdef double newest, whole
    read_both(&ticks, &ns)
    if ns - t.last_ns < SPAN_NS_MIN or ticks <= t.last_ticks:
        return                                      # C2
    newest = <double>(ns - t.last_ns) / <double>(ticks - t.last_ticks) / 1000
    whole = <double>(ns - t.origin_ns) / <double>(ticks - t.origin_ticks) / 1000
    if newest < whole * 0.99 or newest > whole * 1.01:
        t.origin_ticks = t.last_ticks
        t.origin_ns = t.last_ns
        whole = newest
    t.last_ticks = ticks
    t.last_ns = ns
    set_rate(t, whole)


cdef int64_t ticks_to_us(const ticks_t* t, uint64_t ticks) noexcept nogil:
    cdef double us
    if <int64_t>ticks < 0:
        return 0
    us = <double>ticks * t.us_per_tick
    return <int64_t>us if us < <double>INT64_MAX else INT64_MAX


cdef uint64_t ticks_from_us(const ticks_t* t, int64_t us) noexcept nogil:
    cdef double ticks
    if us <= 0:
        return 0
    ticks = <double>us * t.ticks_per_us
    return <uint64_t>ticks if ticks < <double>INT64_MAX else <uint64_t>INT64_MAX
