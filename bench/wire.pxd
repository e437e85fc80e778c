"""Requests made by patching digits, replies counted by skipping over them.

Terms
    template  the bytes of one request, with fields in them
    field     decimal digits of a template that differ from request to request
    reply     one complete top-level RESP value

A template owns its bytes and fields from template_init to template_free. A scan borrows the
bytes that it is fed and keeps none of them: the caller keeps what was not consumed.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef extern from *:
    """
    #include <time.h>
    #include <stdint.h>
    static inline uint64_t bench_now_ns(void) {
        struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec; }
    static inline uint64_t bench_thread_cpu_ns(void) {
        struct timespec t; clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec; }
    """
    uint64_t now_ns "bench_now_ns"() noexcept nogil
    uint64_t thread_cpu_ns "bench_thread_cpu_ns"() noexcept nogil

cdef enum:
    FIELD_RANDOM = 0                    # any number of the range, uniformly
    FIELD_EACH = 1                      # each number of the range once, then again
    FIELD_SAME = 2                      # the number of the field before it
    REQUEST_BYTES_MAX = 1 << 20
    TAIL_BYTES_MAX = 512                # longest reply line that may arrive in two pieces
    ERROR_BYTES_MAX = 128

cdef struct field_t:
    uint32_t end                        # index just behind the last digit
    uint32_t digits                     # how many are written; those in front stay '0'
    int kind                            # FIELD_*
    uint64_t first                      # smallest number
    uint64_t count                      # size of the range
    uint64_t step                       # EACH: distance of successive numbers, coprime to count
    uint64_t place                      # EACH: where it stands

cdef struct template_t:
    char* data                          # owned
    size_t size                         # bytes
    field_t* fields                     # owned
    int field_count
    uint64_t random                     # state of the generator

cdef struct scan_t:
    uint64_t replies                    # complete so far
    uint64_t errors                     # '-' or '!' at any depth
    uint64_t nulls                      # $-1, *-1 and _
    uint64_t skip                       # bytes of a bulk body not seen yet, with its CRLF
    int64_t open                        # elements missing in the reply under way; 0 between replies
    bint null                           # the reply under way is a null
    bint broken                         # not RESP: framing is lost
    uint8_t* marks                      # borrowed or NULL: marks[reply] = 1 for a null
    char error[ERROR_BYTES_MAX]         # the first error line, NUL-terminated

cdef int template_init(template_t* t, bytes data, list fields, uint64_t seed) except -1
cdef void template_free(template_t* t) noexcept nogil
# Write the next request, t.size bytes, to target.
cdef void template_write(template_t* t, char* target) noexcept nogil
# Write n as exactly `digits` decimal digits that end before `end`.
cdef void write_number(char* end, uint64_t n, uint32_t digits) noexcept nogil
cdef uint64_t random_next(uint64_t* state) noexcept nogil

cdef void scan_init(scan_t* s) noexcept nogil
# Count replies in data; the bytes consumed. The rest is a line that has not ended.
cdef size_t scan(scan_t* s, const char* data, size_t size) noexcept nogil
