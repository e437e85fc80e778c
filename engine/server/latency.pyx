"""Latency events.

A ring of samples per event, found by name among a handful. Spans of the same second share a
sample, which keeps the longest: so a burst of slow commands does not push an hour's history out.
"""
from libc.string cimport strcmp

from ..core.heap cimport heap_alloc_zero, heap_free


cdef void latency_free(server_t* srv) noexcept nogil:
    cdef latency_t* latency = <latency_t*>srv.latency
    cdef uint32_t i
    if latency is NULL:
        return
    for i in range(latency.count):
        heap_free(&srv.heap, latency.events[i], sizeof(latency_event_t))
    heap_free(&srv.heap, latency, sizeof(latency_t))
    srv.latency = NULL


cdef latency_event_t* find(latency_t* latency, const char* name) noexcept nogil:
    cdef uint32_t i
    for i in range(latency.count):
        if strcmp(latency.events[i].name, name) == 0:
            return latency.events[i]
    return NULL


cdef void latency_add(server_t* srv, const char* name, int64_t ms) noexcept nogil:
    cdef latency_t* latency
    cdef latency_event_t* event
    cdef latency_sample_t* last
    cdef int64_t now_s = srv.wall_ms // 1000
    if srv.latency is NULL:
        srv.latency = heap_alloc_zero(&srv.heap, sizeof(latency_t))
    latency = <latency_t*>srv.latency
    event = find(latency, name)
    if event is NULL:
        if latency.count == LATENCY_EVENTS_MAX:
            return
        event = <latency_event_t*>heap_alloc_zero(&srv.heap, sizeof(latency_event_t))
        event.name = name
        latency.events[latency.count] = event
        latency.count += 1
    event.max_ms = ms if ms > event.max_ms else event.max_ms
    event.sum_ms += ms
    event.count += 1
    last = &event.samples[(event.at + LATENCY_SAMPLES - 1) % LATENCY_SAMPLES]
    if last.wall_s == now_s:
        last.ms = ms if ms > last.ms else last.ms
        return
    event.samples[event.at] = latency_sample_t(now_s, ms)
    event.at = (event.at + 1) % LATENCY_SAMPLES


cdef bint latency_reset(server_t* srv, const char* name) noexcept nogil:
    cdef latency_t* latency = <latency_t*>srv.latency
    cdef uint32_t i
    if latency is NULL:
        return False
    for i in range(latency.count):
        if strcmp(latency.events[i].name, name) == 0:
            heap_free(&srv.heap, latency.events[i], sizeof(latency_event_t))
            latency.count -= 1
            latency.events[i] = latency.events[latency.count]
            return True
    return False
