"""Closed-loop load: every connection keeps `depth` requests under way, one thread serves all.

A batch is written, its replies are counted, then the next batch is written, as redis-benchmark
and most pipelining clients do. One write and one read per batch; the kernel's share of both is
all that the generator spends beside copying and skipping.

Invariants
    L1  a connection has either unsent bytes (EPOLLOUT armed) or awaits replies, or is done
    L2  a reply that is an error is counted and kept; the caller decides whether the run counts
"""
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from bench.net cimport (
    EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLIN, EPOLLOUT, EVENTS_MAX, INPUT_BYTES, MSG_NOSIGNAL,
    SILENCE_MS, close, epoll_create1, epoll_ctl, epoll_event, epoll_wait, recv, send,
)
from bench.wire cimport (
    TAIL_BYTES_MAX, now_ns, scan, scan_init, scan_t, template_free, template_init, template_t,
    template_write, thread_cpu_ns,
)

cdef enum:
    RUN_OK, RUN_CLOSED, RUN_SILENT, RUN_BROKEN

FAILURES = {RUN_CLOSED: "connection closed", RUN_SILENT: "no reply for 20 s",
            RUN_BROKEN: "reply is not RESP"}

cdef struct connection_t:
    int fd
    bint armed                          # EPOLLOUT
    char* batch                         # owned; depth requests
    size_t size                         # bytes of the batch under way
    size_t sent
    uint64_t waiting                    # replies
    scan_t scan
    char tail[TAIL_BYTES_MAX]           # start of a line whose end has not come
    size_t tail_size

cdef struct load_t:
    int epoll
    connection_t* connections           # owned
    int count
    template_t template
    uint32_t depth
    uint64_t unsent                     # requests not handed to a connection yet
    uint64_t waiting                    # requests without a reply
    uint64_t bytes_in
    uint64_t bytes_out
    char* input                         # owned, INPUT_BYTES
    int failure                         # RUN_*


cdef void arm(load_t* l, connection_t* c, bint out) noexcept nogil:
    cdef epoll_event event
    event.events = EPOLLIN | EPOLLOUT if out else EPOLLIN
    event.data.ptr = c
    c.armed = out
    epoll_ctl(l.epoll, EPOLL_CTL_MOD, c.fd, &event)


cdef void flush(load_t* l, connection_t* c) noexcept nogil:
    cdef ssize_t size
    while c.sent < c.size:
        size = send(c.fd, c.batch + c.sent, c.size - c.sent, MSG_NOSIGNAL)
        if size < 0:
            if errno == EINTR:
                continue
            if errno != EAGAIN:
                l.failure = RUN_CLOSED
            elif not c.armed:
                arm(l, c, True)                                                 # L1
            return
        c.sent += size
        l.bytes_out += size
    if c.armed:
        arm(l, c, False)


cdef void start_batch(load_t* l, connection_t* c) noexcept nogil:
    cdef uint32_t i
    cdef uint32_t depth = <uint32_t>min(<uint64_t>l.depth, l.unsent)
    for i in range(depth):
        template_write(&l.template, c.batch + i * l.template.size)
    l.unsent -= depth
    c.waiting = depth
    c.size = depth * l.template.size
    c.sent = 0
    if depth:
        flush(l, c)


cdef void receive(load_t* l, connection_t* c) noexcept nogil:
    cdef uint64_t before = c.scan.replies
    cdef uint64_t got
    cdef size_t size, used
    cdef ssize_t n
    memcpy(l.input, c.tail, c.tail_size)
    n = recv(c.fd, l.input + c.tail_size, INPUT_BYTES - c.tail_size, 0)
    if n <= 0:
        if n == 0 or (errno != EAGAIN and errno != EINTR):
            l.failure = RUN_CLOSED
        return
    l.bytes_in += n
    size = c.tail_size + n
    used = scan(&c.scan, l.input, size)
    got = c.scan.replies - before
    c.tail_size = size - used
    if c.scan.broken or c.tail_size > TAIL_BYTES_MAX or got > c.waiting:
        l.failure = RUN_BROKEN
        return
    memcpy(c.tail, l.input + used, c.tail_size)
    c.waiting -= got
    l.waiting -= got
    if c.waiting == 0:
        start_batch(l, c)


cdef void run(load_t* l) noexcept nogil:
    cdef epoll_event[EVENTS_MAX] events
    cdef connection_t* c
    cdef int i, n
    for i in range(l.count):
        start_batch(l, &l.connections[i])
    while l.waiting and not l.failure:
        n = epoll_wait(l.epoll, events, EVENTS_MAX, SILENCE_MS)
        if n == 0:
            l.failure = RUN_SILENT
        for i in range(n):
            c = <connection_t*>events[i].data.ptr
            if events[i].events & EPOLLOUT:
                flush(l, c)
            if events[i].events & ~<uint32_t>EPOLLOUT:
                receive(l, c)
            if l.failure:
                return


cdef int load_init(load_t* l, list sockets, request, uint32_t depth, uint64_t requests,
                   uint64_t seed) except -1:
    cdef epoll_event event
    cdef int i
    l.count = len(sockets)
    l.depth = depth
    l.unsent = l.waiting = requests
    l.epoll = epoll_create1(0)
    template_init(&l.template, request.data, request.fields, seed)
    l.input = <char*>malloc(INPUT_BYTES)
    l.connections = <connection_t*>calloc(l.count, sizeof(connection_t))
    if l.epoll < 0 or l.input is NULL or l.connections is NULL:
        raise MemoryError
    for i, socket in enumerate(sockets):
        socket.setblocking(False)
        l.connections[i].fd = socket.fileno()
        scan_init(&l.connections[i].scan)
        l.connections[i].batch = <char*>malloc(depth * l.template.size)
        if l.connections[i].batch is NULL:
            raise MemoryError
        event.events = EPOLLIN
        event.data.ptr = &l.connections[i]
        if epoll_ctl(l.epoll, EPOLL_CTL_ADD, l.connections[i].fd, &event) < 0:
            raise OSError(errno, "epoll_ctl")
    return 0


cdef void load_free(load_t* l) noexcept nogil:
    cdef int i
    for i in range(l.count if l.connections is not NULL else 0):
        free(l.connections[i].batch)
    free(l.connections)
    free(l.input)
    template_free(&l.template)
    if l.epoll >= 0:
        close(l.epoll)


def closed_loop(sockets: list, request, depth: int, requests: int, seed: int = 1) -> dict:
    """Send `requests` requests over `sockets`, `depth` under way on each; count the replies.

    Returns: requests, seconds, cpu_seconds (of this thread), errors, error (the first one),
        nulls, bytes_in, bytes_out.
    Raises: RuntimeError when a connection ends, is silent for 20 s, or answers no RESP.
    """
    cdef load_t l
    cdef uint64_t started, cpu_started
    cdef int i
    memset(&l, 0, sizeof(l))
    l.epoll = -1
    if depth < 1 or requests < 1 or not sockets:
        raise ValueError("depth, requests and connections start at one")
    try:
        load_init(&l, list(sockets), request, depth, requests, seed)
        started, cpu_started = now_ns(), thread_cpu_ns()
        with nogil:
            run(&l)
        result = dict(requests=requests, seconds=(now_ns() - started) / 1e9,
                      cpu_seconds=(thread_cpu_ns() - cpu_started) / 1e9,
                      errors=0, error="", nulls=0, bytes_in=l.bytes_in, bytes_out=l.bytes_out)
        if l.failure:
            raise RuntimeError(FAILURES[l.failure])
        for i in range(l.count):
            result["errors"] += l.connections[i].scan.errors
            result["nulls"] += l.connections[i].scan.nulls
            result["error"] = result["error"] or l.connections[i].scan.error.decode("latin-1")
        return result
    finally:
        load_free(&l)
