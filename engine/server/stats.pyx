"""What a server counts about itself.

The counters of a command are found by its id; its histogram is made when latency-tracking first
sees it run, since most commands never do (8 KiB each). A histogram counts ticks and not
microseconds: converting every span would cost more than counting it.

Error codes are counted in a small table searched from the front: there are a dozen in practice,
and only scripts could make up more.

Invariants
    S1  errors_seen of a client is at most errors; the difference belongs to the call that ends
        next, so an error inside EXEC or a script is laid to the command that made it, and not
        to EXEC again
    S2  noted_* are UINT64_MAX where the configuration says off: then nothing reaches stats_noted
"""
from libc.stdint cimport UINT64_MAX
from libc.stdio cimport snprintf
from libc.string cimport memcmp, memcpy, memset

from ..commands.state cimport (
    RATE_IN, RATE_OPS, RATE_OUT, RATE_SAMPLES, RATE_TURN_US, RATE_TURNS, RATES, rate_t,
)
from ..core.clock cimport (
    clock_mono_us, clock_wall_ms, ticks_calibrate, ticks_from_us, ticks_to_us,
)
from ..core.heap cimport heap_alloc_zero, heap_free
from ..core.rand cimport rand_entropy
from ..wire.command cimport CMD_FAST, CMD_SKIP_COMMANDLOG, command_count
from .commandlog cimport (
    LOG_LARGE_REPLY, LOG_LARGE_REQUEST, LOG_SLOW, commandlog_add, commandlog_free,
    commandlog_init,
)
from .latency cimport latency_add, latency_free

cdef enum:
    CALIBRATE_EVERY = 10                # samples: once a second


cdef void stats_init(server_t* srv) noexcept nogil:
    memset(&srv.stats, 0, sizeof(srv.stats))
    srv.stats.commands = <command_stats_t*>heap_alloc_zero(
        &srv.heap, <size_t>command_count() * sizeof(command_stats_t))
    srv.stats.started_ms = clock_wall_ms()
    name_run(srv)
    srv.errors = NULL
    srv.latency = NULL
    commandlog_init(srv)
    stats_thresholds(srv)
    start_rates(srv)


cdef void name_run(server_t* srv) noexcept nogil:
    """Forty hexadecimal digits that no other run of any server has."""
    cdef unsigned char entropy[20]
    cdef int i
    rand_entropy(entropy, sizeof(entropy))
    for i in range(20):
        snprintf(&srv.run_id[2 * i], 3, b"%02x", <unsigned>entropy[i])


cdef void stats_free(server_t* srv) noexcept nogil:
    cdef int i
    if srv.stats.commands is NULL:
        return
    for i in range(command_count()):
        if srv.stats.commands[i].histogram is not NULL:
            heap_free(&srv.heap, srv.stats.commands[i].histogram,
                      HISTOGRAM_SIZE * sizeof(uint64_t))
    heap_free(&srv.heap, srv.stats.commands, <size_t>command_count() * sizeof(command_stats_t))
    srv.stats.commands = NULL
    if srv.errors is not NULL:
        heap_free(&srv.heap, srv.errors, sizeof(errors_t))
        srv.errors = NULL
    latency_free(srv)
    commandlog_free(srv)


cdef void reset_commands(server_t* srv) noexcept nogil:
    cdef command_stats_t* stats
    cdef int i
    for i in range(command_count()):
        stats = &srv.stats.commands[i]
        stats.calls = 0
        stats.ticks = 0
        stats.rejected = 0
        stats.failed = 0
        if stats.histogram is not NULL:
            heap_free(&srv.heap, stats.histogram, HISTOGRAM_SIZE * sizeof(uint64_t))
            stats.histogram = NULL


cdef void stats_reset(server_t* srv) noexcept nogil:
    reset_commands(srv)
    if srv.errors is not NULL:
        memset(srv.errors, 0, sizeof(errors_t))
    srv.stats.commands_processed = 0
    srv.stats.connections_received = 0
    srv.stats.connections_rejected = 0
    srv.stats.reads = 0
    srv.stats.writes = 0
    srv.stats.bytes_in = 0
    srv.stats.bytes_out = 0
    srv.stats.error_replies = 0
    srv.stats.outer_refused = 0
    srv.stats.query_limit_closes = 0
    srv.stats.output_limit_closes = 0
    srv.stats.clients_evicted = 0
    srv.stats.turns = 0
    srv.stats.turn_ticks = 0
    srv.expire.spent_us = 0
    srv.expire.capped = 0
    srv.defrag.spent_us = 0
    srv.stats.python_errors = 0
    srv.store.hits = 0
    srv.store.misses = 0
    srv.store.expired = 0
    srv.store.expired_fields = 0
    srv.store.evicted = 0
    srv.evict.over_total_us = 0
    srv.heap.used_peak = srv.heap.used
    start_rates(srv)


cdef uint64_t* histogram_create(server_t* srv) noexcept nogil:
    return <uint64_t*>heap_alloc_zero(&srv.heap, HISTOGRAM_SIZE * sizeof(uint64_t))


# -- errors ---------------------------------------------------------------------------------------

cdef void count_error(server_t* srv, slice_t code) noexcept nogil:
    cdef errors_t* errors
    cdef uint32_t i
    if srv.errors is NULL:
        srv.errors = heap_alloc_zero(&srv.heap, sizeof(errors_t))
    errors = <errors_t*>srv.errors
    for i in range(errors.count):
        if errors.items[i].size == code.size and \
                memcmp(errors.items[i].code, code.data, code.size) == 0:
            errors.items[i].count += 1
            return
    if errors.count == ERROR_CODES_MAX:
        errors.others += 1
        return
    memcpy(errors.items[errors.count].code, code.data, code.size)
    errors.items[errors.count].size = <uint32_t>code.size
    errors.items[errors.count].count = 1
    errors.count += 1


cdef void take_errors(server_t* srv, client_t* c, size_t reply_at) noexcept nogil:
    """S1. The code is the word behind the minus; a message of one word has none: it is an ERR."""
    cdef slice_t code = slice_t(b"ERR", 3)
    cdef size_t i
    srv.stats.error_replies += c.errors - c.errors_seen
    c.errors_seen = c.errors
    if reply_at >= c.reply.size or c.reply.data[reply_at] != c'-':
        return                          # an error within a reply: its own call has counted it
    for i in range(reply_at + 1, c.reply.size):
        if c.reply.data[i] == c'\r':
            break
        if c.reply.data[i] == c' ':
            if 0 < i - reply_at - 1 <= ERROR_CODE_MAX:
                code = slice_t(c.reply.data + reply_at + 1, i - reply_at - 1)
            break
    count_error(srv, code)


cdef void stats_rejected(server_t* srv, client_t* c, const command_t* cmd,
                         size_t reply_at) noexcept nogil:
    if cmd is not NULL:
        srv.stats.commands[cmd.id].rejected += 1
    if c.errors != c.errors_seen:
        take_errors(srv, c, reply_at)


cdef void stats_refused(void* srv, client_t* c) noexcept nogil:
    stats_rejected(<server_t*>srv, c, c.cmd, 0)


cdef void stats_failed(server_t* srv, client_t* c, const command_t* cmd,
                       size_t reply_at) noexcept nogil:
    srv.stats.commands[cmd.id].failed += 1
    take_errors(srv, c, reply_at)


# -- thresholds -----------------------------------------------------------------------------------

cdef void stats_thresholds(server_t* srv) noexcept nogil:
    cdef uint64_t ticks = UINT64_MAX
    cdef uint64_t other
    if srv.config.slowlog_log_slower_than >= 0 and srv.config.slowlog_max_len > 0:
        ticks = ticks_from_us(&srv.ticks, srv.config.slowlog_log_slower_than)
    if srv.config.latency_monitor_threshold > 0:
        other = ticks_from_us(&srv.ticks, srv.config.latency_monitor_threshold * 1000)
        ticks = other if other < ticks else ticks
    srv.stats.noted_ticks = ticks
    srv.stats.noted_request_bytes = UINT64_MAX
    if srv.config.commandlog_request_larger_than >= 0 \
            and srv.config.commandlog_large_request_max_len > 0:
        srv.stats.noted_request_bytes = <uint64_t>srv.config.commandlog_request_larger_than
    srv.stats.noted_reply_bytes = UINT64_MAX
    if srv.config.commandlog_reply_larger_than >= 0 \
            and srv.config.commandlog_large_reply_max_len > 0:
        srv.stats.noted_reply_bytes = <uint64_t>srv.config.commandlog_reply_larger_than


cdef void stats_noted(server_t* srv, client_t* c, const command_t* cmd, uint64_t ticks,
                      uint64_t request_bytes, uint64_t reply_bytes) noexcept nogil:
    cdef int64_t us = ticks_to_us(&srv.ticks, ticks)
    if srv.config.latency_monitor_threshold > 0 \
            and us >= srv.config.latency_monitor_threshold * 1000:
        if cmd.flags & CMD_FAST:
            latency_add(srv, b"fast-command", us // 1000)
        else:
            latency_add(srv, b"command", us // 1000)
    if cmd.flags & CMD_SKIP_COMMANDLOG:
        return
    if srv.config.slowlog_log_slower_than >= 0 and us >= srv.config.slowlog_log_slower_than:
        commandlog_add(srv, LOG_SLOW, c, cmd, us)
    if request_bytes >= srv.stats.noted_request_bytes:
        commandlog_add(srv, LOG_LARGE_REQUEST, c, cmd, <int64_t>request_bytes)
    if reply_bytes >= srv.stats.noted_reply_bytes:
        commandlog_add(srv, LOG_LARGE_REPLY, c, cmd, <int64_t>reply_bytes)


# -- rates ----------------------------------------------------------------------------------------

cdef void sample(rate_t* rate, uint64_t total, uint64_t base, double scale) noexcept nogil:
    cdef double value = 0
    if base > rate.base:
        value = <double>(total - rate.total) * scale / <double>(base - rate.base)
    rate.samples[rate.at % RATE_SAMPLES] = value
    rate.at += 1
    rate.total = total
    rate.base = base


cdef void start_rates(server_t* srv) noexcept nogil:
    cdef int i
    memset(&srv.stats.rates[0], 0, sizeof(srv.stats.rates))
    take_samples(srv)                   # it finds the base from which the others count
    for i in range(<int>RATES):
        srv.stats.rates[i].samples[0] = 0


cdef void take_samples(server_t* srv) noexcept nogil:
    cdef uint64_t now_us = <uint64_t>clock_mono_us()
    sample(&srv.stats.rates[<int>RATE_OPS], srv.stats.commands_processed, now_us, 1e6)
    sample(&srv.stats.rates[<int>RATE_IN], srv.stats.bytes_in, now_us, 1e6)
    sample(&srv.stats.rates[<int>RATE_OUT], srv.stats.bytes_out, now_us, 1e6)
    sample(&srv.stats.rates[<int>RATE_TURNS], srv.stats.turns, now_us, 1e6)
    sample(&srv.stats.rates[<int>RATE_TURN_US],
           <uint64_t>ticks_to_us(&srv.ticks, srv.stats.turn_ticks), srv.stats.turns, 1)


cdef void stats_cron(server_t* srv) noexcept nogil:
    take_samples(srv)
    if srv.stats.rates[<int>RATE_OPS].at % CALIBRATE_EVERY == 0:
        ticks_calibrate(&srv.ticks)
        stats_thresholds(srv)


cdef double stats_rate(const server_t* srv, int rate) noexcept nogil:
    cdef double sum = 0
    cdef int i
    for i in range(RATE_SAMPLES):
        sum += srv.stats.rates[rate].samples[i]
    return sum / RATE_SAMPLES
