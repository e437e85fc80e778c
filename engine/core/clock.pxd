"""Time: the calendar's, the monotonic clock's, and the processor's own ticks.

Terms
    wall    since the Unix epoch; jumps when an administrator or NTP sets it; deadlines of keys
    mono    CLOCK_MONOTONIC; never goes back; spans, timers, latencies
    ticks   a counter in the processor, a few nanoseconds to read where clock_gettime takes twenty
            or more; of unknown rate, so it is calibrated against mono

A ticks_t belongs to one server and lives by value in it. Only spans are converted, never points
in time: read clock_ticks() before and after, subtract, convert.
"""
from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    /* Here and not in intrinsics.pxd, since no other room may read the counter by itself: its
       unit is only known to a ticks_t. */
    #ifndef KVD_CLOCK_TICKS
    #define KVD_CLOCK_TICKS
    #include <stdint.h>
    #include <time.h>
    #if defined(__x86_64__)
    static inline uint64_t kvd_clock_ticks(void) { return __builtin_ia32_rdtsc(); }
    #elif defined(__aarch64__)
    static inline uint64_t kvd_clock_ticks(void) {
        uint64_t ticks;
        __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
        return ticks;
    }
    #else
    static inline uint64_t kvd_clock_ticks(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    }
    #endif
    #endif
    """
    uint64_t clock_ticks "kvd_clock_ticks"() noexcept nogil

cdef struct ticks_t:
    double us_per_tick                  # the rate in use
    double ticks_per_us                 # its inverse
    uint64_t origin_ticks               # one instant read on both clocks: the rate is measured
    int64_t origin_ns                   # from here to now
    uint64_t last_ticks                 # the instant of the newest calibration
    int64_t last_ns

cdef int64_t clock_wall_ms() noexcept nogil
cdef int64_t clock_wall_us() noexcept nogil
cdef int64_t clock_mono_us() noexcept nogil

# Spins for about half a millisecond to learn a first rate.
cdef void ticks_init(ticks_t* t) noexcept nogil

# Once a second or so: the longer the base line the better the rate. Does nothing when called
# within 10 ms of the last time.
cdef void ticks_calibrate(ticks_t* t) noexcept nogil

# A span. One that went backward (two processors whose counters differ) counts as 0.
cdef int64_t ticks_to_us(const ticks_t* t, uint64_t ticks) noexcept nogil

# A span of us <= 0 is 0 ticks; one that no counter can reach is the largest span.
cdef uint64_t ticks_from_us(const ticks_t* t, int64_t us) noexcept nogil
