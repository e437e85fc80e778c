"""Replay a trace of key ids as a read-through cache sees it: GET, and SET what was missed.

A batch of GETs is sent, its replies are read, then the SETs of the keys that were missing are
sent and read. A key that occurs twice in a batch may be missed and set twice; batches are small
so that this stays rare, and every server is replayed in the same way.

The socket blocks and the GIL is released, so many replays run beside each other in threads.
Paced, a batch starts when its first request is due: an LRU clock of one second cannot tell
apart what a hurried replay touched within the same second.
"""
from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from bench.net cimport INPUT_BYTES, MSG_NOSIGNAL, recv, send
from bench.wire cimport (
    TAIL_BYTES_MAX, now_ns, random_next, scan, scan_init, scan_t, write_number,
)

cdef extern from "time.h" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int nanosleep(const timespec* wanted, timespec* rest)

cdef enum:
    BATCH_MAX = 256
    DIGITS = 12
    KEY_BYTES = 16
    VALUE_BYTES_MAX = 64 * 1024
    HEAD_BYTES_MAX = 96                 # of a request, without its value

cdef enum:
    REPLAY_OK, REPLAY_CLOSED, REPLAY_BROKEN

FAILURES = {REPLAY_CLOSED: "connection closed", REPLAY_BROKEN: "reply is not RESP"}

cdef struct replay_t:
    int fd
    char* output                        # owned
    size_t output_size
    char* input                         # owned, INPUT_BYTES
    size_t kept                         # bytes at its start that are not consumed
    scan_t scan
    uint8_t marks[BATCH_MAX]
    char value[VALUE_BYTES_MAX]         # what every value begins with
    uint64_t value_min                  # bytes
    uint64_t value_span                 # sizes above value_min, by key
    int failure


cdef void put(replay_t* r, const char* data, size_t size) noexcept nogil:
    memcpy(r.output + r.output_size, data, size)
    r.output_size += size


cdef void put_key(replay_t* r, int64_t id) noexcept nogil:
    put(r, b"$16\r\nkey:000000000000\r\n", 23)
    write_number(r.output + r.output_size - 2, <uint64_t>id, DIGITS)


cdef uint64_t value_size(replay_t* r, int64_t id) noexcept nogil:
    """A size that belongs to the key, so that it is the same on each miss and each server."""
    cdef uint64_t state = <uint64_t>id
    return r.value_min + (random_next(&state) % r.value_span if r.value_span else 0)


cdef void put_set(replay_t* r, int64_t id) noexcept nogil:
    cdef uint64_t size = value_size(r, id)
    cdef uint64_t rest = size
    cdef uint32_t digits = 0
    put(r, b"*3\r\n$3\r\nSET\r\n", 13)
    put_key(r, id)
    while rest:                         # exactly as many digits as it has: no leading zero
        rest //= 10
        digits += 1
    put(r, b"$00000", 1 + digits)
    write_number(r.output + r.output_size, size, digits)
    put(r, b"\r\n", 2)
    put(r, r.value, size)
    put(r, b"\r\n", 2)


cdef void exchange(replay_t* r, uint64_t count) noexcept nogil:
    """Send what is put and read `count` replies; marks says which were null."""
    cdef size_t sent = 0, used
    cdef ssize_t n
    while sent < r.output_size:
        n = send(r.fd, r.output + sent, r.output_size - sent, MSG_NOSIGNAL)
        if n < 0 and errno != EINTR:
            r.failure = REPLAY_CLOSED
            return
        sent += n if n > 0 else 0
    r.output_size = 0
    r.scan.replies = 0
    while r.scan.replies < count and not r.failure:
        n = recv(r.fd, r.input + r.kept, INPUT_BYTES - r.kept, 0)
        if n == 0 or (n < 0 and errno != EINTR):
            r.failure = REPLAY_CLOSED
        elif n > 0:
            used = scan(&r.scan, r.input, r.kept + n)
            r.kept += n - used
            if r.scan.broken or r.kept > TAIL_BYTES_MAX:
                r.failure = REPLAY_BROKEN
                return
            memcpy(r.input, r.input + used, r.kept)


cdef void sleep_until(uint64_t due_ns) noexcept nogil:
    cdef timespec rest
    cdef uint64_t now = now_ns()
    if due_ns > now:
        rest.tv_sec = (due_ns - now) // 1_000_000_000
        rest.tv_nsec = (due_ns - now) % 1_000_000_000
        nanosleep(&rest, NULL)


cdef void run(replay_t* r, const int64_t* ids, uint64_t count, uint64_t batch, double rate,
              uint8_t* missed) noexcept nogil:
    cdef uint64_t started = now_ns()
    cdef uint64_t at = 0, size, i, misses
    r.scan.marks = r.marks
    while at < count and not r.failure:
        if rate > 0:
            sleep_until(started + <uint64_t>(1e9 * <double>at / rate))
        size = min(batch, count - at)
        for i in range(size):
            put(r, b"*2\r\n$3\r\nGET\r\n", 13)
            put_key(r, ids[at + i])
        exchange(r, size)
        misses = 0
        for i in range(size):
            missed[at + i] = r.marks[i]
            if r.marks[i]:
                put_set(r, ids[at + i])
                misses += 1
        if misses and not r.failure:
            exchange(r, misses)
        at += size


def replay(socket, const int64_t[::1] ids, value_min: int, value_max: int, rate: float = 0,
           batch: int = 16) -> dict:
    """Replay ids, each below 10^12, over one connection.

    Args:
        value_min, value_max: bytes; a key's size lies between them and is always the same.
        rate: requests a second, 0 for as fast as it goes.

    Returns: requests, misses, misses_late (of the second half), seconds, errors, error.
    Raises: RuntimeError when the connection ends or answers no RESP.
    """
    cdef replay_t* r
    cdef uint8_t* missed
    cdef uint64_t count = ids.shape[0], i, started
    cdef uint64_t batch_size = batch
    cdef double pace = rate
    cdef const int64_t* first
    if not (0 < batch <= BATCH_MAX and 0 < value_min <= value_max <= VALUE_BYTES_MAX and count):
        raise ValueError("batch, sizes or trace out of range")
    socket.setblocking(True)
    r = <replay_t*>calloc(1, sizeof(replay_t))
    missed = <uint8_t*>malloc(count)
    if r is NULL or missed is NULL:
        raise MemoryError
    try:
        r.fd, r.value_min, r.value_span = socket.fileno(), value_min, value_max - value_min
        r.output = <char*>malloc(batch_size * (HEAD_BYTES_MAX + <size_t>value_max))
        r.input = <char*>malloc(INPUT_BYTES)
        if r.output is NULL or r.input is NULL:
            raise MemoryError
        memset(r.value, c'x', VALUE_BYTES_MAX)
        scan_init(&r.scan)
        first = &ids[0]
        started = now_ns()
        with nogil:
            run(r, first, count, batch_size, pace, missed)
        if r.failure:
            raise RuntimeError(FAILURES[r.failure])
        misses = misses_late = 0
        for i in range(count):
            misses += missed[i]
            if i >= count // 2:
                misses_late += missed[i]
        return dict(requests=count, misses=misses, misses_late=misses_late,
                    seconds=(now_ns() - started) / 1e9, errors=r.scan.errors,
                    error=r.scan.error.decode("latin-1"))
    finally:
        free(r.output)
        free(r.input)
        free(r)
        free(missed)
