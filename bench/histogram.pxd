"""Counts of durations in buckets whose width grows with the value: below 1 % error, 64 KiB.

    0 .. 255        one bucket a nanosecond
    above           128 buckets for each doubling
"""
from libc.stdint cimport uint64_t

cdef enum:
    HISTOGRAM_BUCKETS = 58 * 128

cdef struct histogram_t:
    uint64_t count
    uint64_t max                        # exact
    uint64_t buckets[HISTOGRAM_BUCKETS]

cdef extern from *:
    """
    static inline int bench_leading_zeros(uint64_t n) { return __builtin_clzll(n); }
    """
    int leading_zeros "bench_leading_zeros"(uint64_t n) noexcept nogil

cdef inline int bucket_of(uint64_t ns) noexcept nogil:
    cdef int shift = 0 if ns < 256 else 56 - leading_zeros(ns)
    return shift * 128 + <int>(ns >> shift)

cdef inline void histogram_add(histogram_t* h, uint64_t ns, uint64_t count) noexcept nogil:
    h.count += count
    h.buckets[bucket_of(ns)] += count
    if ns > h.max:
        h.max = ns

cdef inline uint64_t histogram_at(const histogram_t* h, double share) noexcept nogil:
    """The smallest duration, rounded up, that `share` of the counts do not exceed."""
    cdef uint64_t seen = 0
    cdef uint64_t wanted = <uint64_t>(share * <double>h.count + 0.9999)
    cdef int i, shift
    for i in range(HISTOGRAM_BUCKETS):
        seen += h.buckets[i]
        if seen >= wanted and seen:
            shift = 0 if i < 256 else i // 128 - 1
            return min(h.max, ((<uint64_t>(i - shift * 128) + 1) << shift) - 1)
    return h.max
