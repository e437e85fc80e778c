"""Latency events: whatever took longer than latency-monitor-threshold, by the name of its kind.

Terms
    event    a kind of work: command, fast-command, expire-cycle, eviction-cycle, aof-write, ...
    sample   the longest span of one second of one event, in milliseconds

Each event keeps its last LATENCY_SAMPLES samples, made when the first one comes.
"""
from libc.stdint cimport int64_t, uint32_t, uint64_t

from ..commands.state cimport server_t

cdef enum:
    LATENCY_SAMPLES = 160
    LATENCY_EVENTS_MAX = 32

cdef struct latency_sample_t:
    int64_t wall_s                      # 0: empty
    int64_t ms

cdef struct latency_event_t:
    const char* name                    # a literal
    uint32_t at                         # where the next sample goes
    int64_t max_ms                      # of all times, as long as the event is not reset
    int64_t sum_ms                      # of every span that was added
    uint64_t count
    latency_sample_t samples[LATENCY_SAMPLES]

cdef struct latency_t:
    uint32_t count
    latency_event_t* events[LATENCY_EVENTS_MAX]     # owned

cdef void latency_free(server_t* srv) noexcept nogil
# `name` lives as long as the server: a literal.
cdef void latency_add(server_t* srv, const char* name, int64_t ms) noexcept nogil
# Forget an event; true when it was there.
cdef bint latency_reset(server_t* srv, const char* name) noexcept nogil

# For those who measured a span: adds it when monitoring is on and it was long enough.
cdef inline void latency_note(server_t* srv, const char* name, int64_t us) noexcept nogil:
    if srv.config.latency_monitor_threshold > 0 \
            and us >= srv.config.latency_monitor_threshold * 1000:
        latency_add(srv, name, us // 1000)
