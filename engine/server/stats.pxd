"""What a server counts about itself: calls and their spans, errors by code, rates.

Terms
    span       ticks from the end of the call before to the end of this one: parsing is in it
    histogram  counters of spans in log-linear buckets: 32 to each doubling, so a bucket is at
               most 3 % wide; in ticks, converted when somebody asks
    noted      a call whose span, request or reply passed a threshold: it goes to the command log
               and, slow, to the latency events
    code       first word of an error reply: "WRONGTYPE"

stats_called stands in the path of every command: counting is a few adds, and one compare each
finds what is rare.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t, uint64_t

from ..commands.state cimport command_stats_t, server_t
from ..core.intrinsics cimport count_leading_zeros, likely, unlikely
from ..core.types cimport slice_t
from ..wire.command cimport CLIENT_EXECUTING, CLIENT_INTERNAL, CLIENT_LOADING, client_t, command_t

cdef enum:
    HISTOGRAM_STEPS_LOG2 = 5            # buckets to a doubling
    HISTOGRAM_STEPS = 32
    HISTOGRAM_BITS = 36                 # longer spans (20 s and more) share the last bucket
    HISTOGRAM_SIZE = 1024
    ERROR_CODES_MAX = 128               # further codes are counted together
    ERROR_CODE_MAX = 32                 # bytes

cdef struct error_count_t:
    char code[ERROR_CODE_MAX]
    uint32_t size
    uint64_t count

cdef struct errors_t:
    uint32_t count
    uint64_t others                     # of codes that found no room
    error_count_t items[ERROR_CODES_MAX]

cdef void stats_init(server_t* srv) noexcept nogil
cdef void stats_free(server_t* srv) noexcept nogil
# CONFIG RESETSTAT.
cdef void stats_reset(server_t* srv) noexcept nogil
# After a change of configuration, and once a second since the rate of ticks gets better known.
cdef void stats_thresholds(server_t* srv) noexcept nogil
# Every 100 ms: one sample of each rate; now and then what a tick is worth.
cdef void stats_cron(server_t* srv) noexcept nogil
# The average of a rate's samples.
cdef double stats_rate(const server_t* srv, int rate) noexcept nogil

# c was refused before its command ran, or sent what is none (cmd NULL); its error stands in
# c.reply at reply_at.
cdef void stats_rejected(server_t* srv, client_t* c, const command_t* cmd,
                         size_t reply_at) noexcept nogil
cdef void stats_refused(void* srv, client_t* c) noexcept nogil    # c.cmd; the reply begins with it
# The rare parts of stats_called.
cdef void stats_failed(server_t* srv, client_t* c, const command_t* cmd,
                       size_t reply_at) noexcept nogil
cdef void stats_noted(server_t* srv, client_t* c, const command_t* cmd, uint64_t ticks,
                      uint64_t request_bytes, uint64_t reply_bytes) noexcept nogil
cdef uint64_t* histogram_create(server_t* srv) noexcept nogil

cdef inline uint32_t histogram_index(uint64_t ticks) noexcept nogil:
    cdef int log2
    if ticks < HISTOGRAM_STEPS:
        return <uint32_t>ticks
    if unlikely(ticks >> HISTOGRAM_BITS):
        return HISTOGRAM_SIZE - 1
    log2 = 63 - count_leading_zeros(ticks)
    return (<uint32_t>(log2 - HISTOGRAM_STEPS_LOG2) * HISTOGRAM_STEPS
            + <uint32_t>(ticks >> (log2 - HISTOGRAM_STEPS_LOG2)))

# The largest span that falls into the bucket.
cdef inline uint64_t histogram_top(uint32_t index) noexcept nogil:
    cdef int shift
    if index < HISTOGRAM_STEPS:
        return index
    shift = <int>(index // HISTOGRAM_STEPS) - 1
    return ((<uint64_t>(index % HISTOGRAM_STEPS) + HISTOGRAM_STEPS + 1) << shift) - 1

cdef inline uint64_t request_bytes_of(const client_t* c) noexcept nogil:
    """Bytes of the arguments; with their headers where they stand in one piece."""
    cdef uint64_t bytes = 0
    cdef const slice_t* last = &c.argv[c.argc - 1]
    cdef int i
    if likely(not c.flags & (CLIENT_EXECUTING | CLIENT_INTERNAL)):
        return <uint64_t>(last.data + last.size - c.argv[0].data)
    for i in range(c.argc):
        bytes += c.argv[i].size
    return bytes

cdef inline void stats_called(server_t* srv, client_t* c, const command_t* cmd, uint64_t ticks,
                              size_t reply_at) noexcept nogil:
    """One command has run: cmd, since c.cmd may by now be another's. Its reply starts at
    reply_at."""
    cdef command_stats_t* stats = &srv.stats.commands[cmd.id]
    cdef uint64_t request_bytes = request_bytes_of(c)
    cdef uint64_t reply_bytes = c.reply.size - reply_at
    if unlikely(c.flags & CLIENT_LOADING):
        c.errors_seen = c.errors        # the journal's commands were counted when they were new
        return
    stats.calls += 1
    stats.ticks += ticks
    srv.stats.commands_processed += 1
    if likely(srv.config.latency_tracking):
        if unlikely(stats.histogram is NULL):
            stats.histogram = histogram_create(srv)
        stats.histogram[histogram_index(ticks)] += 1
    if unlikely(c.errors != c.errors_seen):
        stats_failed(srv, c, cmd, reply_at)
    if unlikely(ticks >= srv.stats.noted_ticks
                or request_bytes >= srv.stats.noted_request_bytes
                or reply_bytes >= srv.stats.noted_reply_bytes):
        stats_noted(srv, c, cmd, ticks, request_bytes, reply_bytes)
