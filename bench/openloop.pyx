"""Open-loop load at a fixed rate: what a request waits for, counted from when it was due.

A closed loop asks the next question after the last answer, so a server that pauses is asked
less, and its pause counts as one slow request. Here each request has its time in a schedule
made beforehand. It is sent late when the generator or the socket is late, but its latency
still starts at the time in the schedule.

    stream   requests of one kind, `rate` a second, `burst` due at once, round-robin over its
             connections; several streams run beside each other on one thread
    queue    per connection: when the bursts that await replies were due, oldest first

The thread spins: it needs a core of its own. It notes where it was late itself (a gap), and
samples once a millisecond how long the server's process ran and how long it was ready but not
on a core, so that a pause can be told from a busy machine.

Invariants
    O1  a burst enters the queue and the connection's unsent bytes together, or neither
    O2  the schedule moves by whole bursts and never skips: a full queue delays, it does not drop
    O3  every reply belongs to the oldest burst of its connection that lacks one
"""
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, strtoull
from libc.string cimport memcpy, memmove, memset

from bench.histogram cimport histogram_add, histogram_at, histogram_t
from bench.net cimport (
    EPOLL_CTL_ADD, EPOLLIN, EVENTS_MAX, INPUT_BYTES, MSG_NOSIGNAL, SILENCE_MS, close,
    epoll_create1, epoll_ctl, epoll_event, epoll_wait, pread, recv, send,
)
from bench.wire cimport (
    TAIL_BYTES_MAX, now_ns, scan, scan_init, scan_t, template_free, template_init, template_t,
    template_write, thread_cpu_ns,
)

import os

cdef extern from "time.h" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec* t)

cdef enum:
    QUEUE_MAX = 4096                    # bursts under way per connection; a power of two
    UNSENT_BYTES = 256 * 1024           # per connection, beside what the kernel holds
    SLOW_MAX = 100_000                  # slow requests kept one by one
    SAMPLE_NS = 1_000_000
    GAP_NS = 200_000                    # the generator was away for longer than this: noted

cdef enum:
    OPEN_OK, OPEN_CLOSED, OPEN_SILENT, OPEN_BROKEN

FAILURES = {OPEN_CLOSED: "connection closed", OPEN_SILENT: "no reply for 20 s",
            OPEN_BROKEN: "reply is not RESP"}

cdef struct burst_t:
    uint64_t due_ns
    uint64_t left                       # replies missing

cdef struct connection_t:
    int fd
    int stream
    char* unsent                        # owned, UNSENT_BYTES
    size_t unsent_size
    burst_t* queue                      # owned, QUEUE_MAX, ring
    uint64_t head                       # next to answer
    uint64_t end                        # next free
    scan_t scan
    char tail[TAIL_BYTES_MAX]
    size_t tail_size

cdef struct stream_t:
    template_t template
    connection_t* connections           # owned
    int count
    int turn                            # the connection of the next burst
    uint32_t burst                      # requests
    uint64_t due_ns                     # of the next burst
    double due                          # the same with its fraction
    double interval_ns                  # between bursts
    uint64_t unsent                     # requests
    uint64_t waiting
    histogram_t latency

cdef struct slow_t:
    int stream
    uint64_t due_ns
    uint64_t done_ns

cdef struct gap_t:
    uint64_t begin_ns
    uint64_t end_ns

cdef struct sample_t:
    uint64_t at_ns
    uint64_t ran_ns                     # CPU time of the server's process
    uint64_t ready_ns                   # time that its main thread stood in the run queue

cdef struct open_t:
    int epoll
    stream_t* streams                   # owned
    int stream_count
    uint64_t slow_ns                    # a request that took longer is kept
    slow_t* slow                        # owned, SLOW_MAX
    uint64_t slow_count                 # may exceed SLOW_MAX: the rest is only counted
    gap_t* gaps                         # owned, SLOW_MAX
    uint64_t gap_count
    sample_t* samples                   # owned
    uint64_t sample_count
    uint64_t sample_max
    int schedstat                       # file of the server's main thread, or -1
    int cpu_clock
    char* input                         # owned, INPUT_BYTES
    int failure


cdef void flush(open_t* o, connection_t* c) noexcept nogil:
    cdef ssize_t size
    if c.unsent_size == 0:
        return
    size = send(c.fd, c.unsent, c.unsent_size, MSG_NOSIGNAL)
    if size < 0:
        if errno != EAGAIN and errno != EINTR:
            o.failure = OPEN_CLOSED
        return
    memmove(c.unsent, c.unsent + size, c.unsent_size - size)
    c.unsent_size -= size


cdef bint send_burst(open_t* o, stream_t* s) noexcept nogil:
    """Hand the next burst to its connection; False when that has no room."""
    cdef connection_t* c = &s.connections[s.turn]
    cdef uint32_t i
    cdef uint32_t count = <uint32_t>min(<uint64_t>s.burst, s.unsent)
    cdef size_t size = count * s.template.size
    if c.end - c.head == QUEUE_MAX or c.unsent_size + size > UNSENT_BYTES:
        flush(o, c)
        return False                                                            # O2
    for i in range(count):
        template_write(&s.template, c.unsent + c.unsent_size + i * s.template.size)
    c.unsent_size += size
    c.queue[c.end & (QUEUE_MAX - 1)] = burst_t(s.due_ns, count)                  # O1
    c.end += 1
    s.unsent -= count
    s.waiting += count
    s.turn = s.turn + 1 if s.turn + 1 < s.count else 0
    s.due += s.interval_ns
    s.due_ns = <uint64_t>s.due
    flush(o, c)
    return True


cdef void answer(open_t* o, connection_t* c, uint64_t replies, uint64_t now) noexcept nogil:
    cdef stream_t* s = &o.streams[c.stream]
    cdef burst_t* burst
    cdef uint64_t count
    while replies:
        if c.head == c.end:
            o.failure = OPEN_BROKEN                                             # O3
            return
        burst = &c.queue[c.head & (QUEUE_MAX - 1)]
        count = min(replies, burst.left)
        histogram_add(&s.latency, now - burst.due_ns, count)
        if now - burst.due_ns > o.slow_ns:
            if o.slow_count < SLOW_MAX:
                o.slow[o.slow_count] = slow_t(c.stream, burst.due_ns, now)
            o.slow_count += 1
        burst.left -= count
        replies -= count
        s.waiting -= count
        if burst.left == 0:
            c.head += 1


cdef void receive(open_t* o, connection_t* c) noexcept nogil:
    cdef uint64_t before = c.scan.replies
    cdef size_t size, used
    cdef ssize_t n
    memcpy(o.input, c.tail, c.tail_size)
    n = recv(c.fd, o.input + c.tail_size, INPUT_BYTES - c.tail_size, 0)
    if n <= 0:
        if n == 0 or (errno != EAGAIN and errno != EINTR):
            o.failure = OPEN_CLOSED
        return
    size = c.tail_size + n
    used = scan(&c.scan, o.input, size)
    c.tail_size = size - used
    if c.scan.broken or c.tail_size > TAIL_BYTES_MAX:
        o.failure = OPEN_BROKEN
        return
    memcpy(c.tail, o.input + used, c.tail_size)
    answer(o, c, c.scan.replies - before, now_ns())


cdef void take_sample(open_t* o, uint64_t now) noexcept nogil:
    """schedstat reads `ran_ns ready_ns slices`; the CPU clock is the exact form of ran_ns."""
    cdef char[128] text
    cdef char* rest
    cdef timespec t
    cdef ssize_t size = pread(o.schedstat, text, sizeof(text) - 1, 0)
    if size <= 0 or o.sample_count == o.sample_max:
        return
    text[size] = 0
    strtoull(text, &rest, 10)
    clock_gettime(o.cpu_clock, &t)
    o.samples[o.sample_count] = sample_t(
        now, <uint64_t>t.tv_sec * 1_000_000_000 + t.tv_nsec, strtoull(rest, NULL, 10))
    o.sample_count += 1


cdef void note_gap(open_t* o, uint64_t begin_ns, uint64_t end_ns) noexcept nogil:
    if o.gap_count < SLOW_MAX:
        o.gaps[o.gap_count] = gap_t(begin_ns, end_ns)
    o.gap_count += 1


cdef bint send_due(open_t* o, uint64_t now) noexcept nogil:
    """Send what is due; True while any stream has requests to send or replies to await."""
    cdef stream_t* s
    cdef bint busy = False
    cdef int i, k
    for i in range(o.stream_count):
        s = &o.streams[i]
        while s.unsent and s.due_ns <= now and not o.failure:
            if not send_burst(o, s):
                break
        if s.unsent or s.waiting:
            busy = True
        for k in range(s.count):
            flush(o, &s.connections[k])
    return busy


cdef void run(open_t* o) noexcept nogil:
    cdef epoll_event[EVENTS_MAX] events
    cdef uint64_t last = now_ns()
    cdef uint64_t heard = last
    cdef uint64_t sampled = 0
    cdef uint64_t now
    cdef int i, n
    while not o.failure:
        now = now_ns()
        if now - last > GAP_NS:
            note_gap(o, last, now)
        last = now
        if not send_due(o, now):
            return
        if o.schedstat >= 0 and now - sampled >= SAMPLE_NS:
            take_sample(o, now)
            sampled = now
        n = epoll_wait(o.epoll, events, EVENTS_MAX, 0)
        for i in range(n):
            receive(o, <connection_t*>events[i].data.ptr)
            if o.failure:
                return
        if n > 0:
            heard = now
        elif now - heard > <uint64_t>SILENCE_MS * 1_000_000 and awaits(o):
            o.failure = OPEN_SILENT


cdef bint awaits(open_t* o) noexcept nogil:
    cdef int i
    for i in range(o.stream_count):
        if o.streams[i].waiting:
            return True
    return False


cdef int stream_init(open_t* o, int index, described, uint64_t begin_ns, uint64_t seed) except -1:
    cdef stream_t* s = &o.streams[index]
    cdef epoll_event event
    cdef connection_t* c
    template_init(&s.template, described.request.data, described.request.fields, seed)
    if described.burst * s.template.size > UNSENT_BYTES:
        raise ValueError("a burst is larger than a connection's buffer")
    s.burst, s.unsent = described.burst, described.count
    s.interval_ns = 1e9 * described.burst / described.rate
    s.due = begin_ns + 1e9 * described.start_s
    s.due_ns = <uint64_t>s.due
    s.connections = <connection_t*>calloc(len(described.sockets), sizeof(connection_t))
    if s.connections is NULL:
        raise MemoryError
    for socket in described.sockets:
        socket.setblocking(False)
        c = &s.connections[s.count]
        s.count += 1
        c.fd, c.stream = socket.fileno(), index
        c.unsent = <char*>malloc(UNSENT_BYTES)
        c.queue = <burst_t*>calloc(QUEUE_MAX, sizeof(burst_t))
        scan_init(&c.scan)
        if c.unsent is NULL or c.queue is NULL:
            raise MemoryError
        event.events = EPOLLIN
        event.data.ptr = c
        if epoll_ctl(o.epoll, EPOLL_CTL_ADD, c.fd, &event) < 0:
            raise OSError(errno, "epoll_ctl")
    return 0


cdef int open_init(open_t* o, list streams, int pid, uint64_t slow_ns, uint64_t seed) except -1:
    cdef uint64_t begin_ns
    cdef double seconds = max(s.start_s + s.count / s.rate for s in streams)
    o.slow_ns = slow_ns
    o.epoll = epoll_create1(0)
    o.sample_max = <uint64_t>(seconds * 2000) + 60_000
    o.streams = <stream_t*>calloc(len(streams), sizeof(stream_t))
    o.slow = <slow_t*>malloc(SLOW_MAX * sizeof(slow_t))
    o.gaps = <gap_t*>malloc(SLOW_MAX * sizeof(gap_t))
    o.samples = <sample_t*>malloc(o.sample_max * sizeof(sample_t))
    o.input = <char*>malloc(INPUT_BYTES)
    if (o.epoll < 0 or o.streams is NULL or o.slow is NULL or o.gaps is NULL
            or o.samples is NULL or o.input is NULL):
        raise MemoryError
    if pid:
        o.cpu_clock = ~pid << 3 | 2     # as clock_getcpuclockid(3) builds it
        o.schedstat = os.open(f"/proc/{pid}/schedstat", os.O_RDONLY)
    begin_ns = now_ns() + 5_000_000
    for stream in streams:
        o.stream_count += 1
        stream_init(o, o.stream_count - 1, stream, begin_ns, seed + o.stream_count)
    return 0


cdef void open_free(open_t* o) noexcept nogil:
    cdef stream_t* s
    cdef int i, k
    for i in range(o.stream_count):
        s = &o.streams[i]
        for k in range(s.count):
            free(s.connections[k].unsent)
            free(s.connections[k].queue)
        free(s.connections)
        template_free(&s.template)
    free(o.streams)
    free(o.slow)
    free(o.gaps)
    free(o.samples)
    free(o.input)
    if o.epoll >= 0:
        close(o.epoll)
    if o.schedstat >= 0:
        close(o.schedstat)


cdef dict stream_result(stream_t* s):
    cdef int k
    result = dict(
        requests=s.latency.count, errors=0, error="", nulls=0, max_us=s.latency.max / 1e3,
        **{f"p{name}_us": histogram_at(&s.latency, share) / 1e3
           for name, share in (("50", .5), ("99", .99), ("99.9", .999), ("99.99", .9999))})
    for k in range(s.count):
        result["errors"] += s.connections[k].scan.errors
        result["nulls"] += s.connections[k].scan.nulls
        result["error"] = result["error"] or s.connections[k].scan.error.decode("latin-1")
    return result


def open_loop(streams: list, pid: int = 0, slow_us: float = 1000, seed: int = 1) -> dict:
    """Run streams until each has sent its count and heard every reply.

    Args:
        streams: have sockets, request, rate (requests a second), count, burst, start_s.
        pid: of the server, for samples of its CPU; 0 for none.
        slow_us: requests that took longer are returned one by one.

    Returns: seconds, cpu_seconds, streams (one dict each: requests, errors, error, nulls, p50_us,
        p99_us, p99.9_us, p99.99_us, max_us), slow [(stream, due_ns, done_ns)], slow_count,
        gaps [(begin_ns, end_ns)], samples [(at_ns, ran_ns, ready_ns)], begin_ns.
    Raises: RuntimeError when a connection ends, is silent for 20 s, or answers no RESP.
    """
    cdef open_t o
    cdef uint64_t started, cpu_started, i
    memset(&o, 0, sizeof(o))
    o.epoll = o.schedstat = -1
    if not streams or any(s.rate <= 0 or s.count < 1 or s.burst < 1 or not s.sockets
                          for s in streams):
        raise ValueError("a stream has a rate, a count, a burst and connections")
    try:
        open_init(&o, list(streams), pid, <uint64_t>(slow_us * 1000), seed)
        started, cpu_started = now_ns(), thread_cpu_ns()
        with nogil:
            run(&o)
        if o.failure:
            raise RuntimeError(FAILURES[o.failure])
        return dict(
            begin_ns=started, seconds=(now_ns() - started) / 1e9,
            cpu_seconds=(thread_cpu_ns() - cpu_started) / 1e9,
            streams=[stream_result(&o.streams[i]) for i in range(<uint64_t>o.stream_count)],
            slow_count=o.slow_count,
            slow=[(o.slow[i].stream, o.slow[i].due_ns, o.slow[i].done_ns)
                  for i in range(min(o.slow_count, <uint64_t>SLOW_MAX))],
            gaps=[(o.gaps[i].begin_ns, o.gaps[i].end_ns)
                  for i in range(min(o.gap_count, <uint64_t>SLOW_MAX))],
            samples=[(o.samples[i].at_ns, o.samples[i].ran_ns, o.samples[i].ready_ns)
                     for i in range(o.sample_count)])
    finally:
        open_free(&o)


def percentiles(values: list, shares: list) -> list:
    """What the histogram makes of durations in nanoseconds: face for tests."""
    cdef histogram_t* h = <histogram_t*>calloc(1, sizeof(histogram_t))
    for value in values:
        histogram_add(h, value, 1)
    result = [histogram_at(h, share) for share in shares]
    free(h)
    return result
