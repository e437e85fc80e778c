"""Requests made by patching digits, replies counted by skipping over them.

A generator that formats requests or parses replies costs as much as the server that it
measures. Here a request is a copy of prepared bytes with some digits overwritten, and of a
reply only lengths are read.

    template  *2 $3 GET $16 key:000000000000
                                      ^^^^^^ field: digits 6, count 1,000,000

Invariants
    W1  scan() stops only between two bytes that it can start from again: inside a bulk body
        (skip > 0) or at the first byte of an unfinished line
    W2  EACH visits every number of its range once before it repeats one: its step and its
        count have no common divisor
"""
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memchr, memcpy, memset

import math


cdef char[200] PAIRS                    # "00" "01" ... "99"
for i in range(100):
    PAIRS[2 * i] = 48 + i // 10
    PAIRS[2 * i + 1] = 48 + i % 10


cdef int template_init(template_t* t, bytes data, list fields, uint64_t seed) except -1:
    """Fields are (end, digits, kind, first, count, step) as bench.requests makes them."""
    cdef int i
    t.size = len(data)
    if not 0 < t.size <= REQUEST_BYTES_MAX:
        raise ValueError(f"a request of {len(data)} bytes")
    for end, digits, kind, first, count, step in fields:
        if end > len(data) or digits > min(end, 20) or count < 1:
            raise ValueError("a field outside of its request")
        if kind == FIELD_EACH and math.gcd(step, count) != 1:                   # W2
            raise ValueError(f"step {step} does not visit all of {count}")
    t.field_count = len(fields)
    t.random = seed
    t.data = <char*>malloc(t.size)
    t.fields = <field_t*>calloc(t.field_count + 1, sizeof(field_t))
    if t.data is NULL or t.fields is NULL:
        template_free(t)
        raise MemoryError
    memcpy(t.data, <const char*>data, t.size)
    for i, (end, digits, kind, first, count, step) in enumerate(fields):
        t.fields[i] = field_t(end, digits, kind, first, count, step % count, 0)
    return 0


cdef void template_free(template_t* t) noexcept nogil:
    free(t.data)
    free(t.fields)
    t.data = NULL
    t.fields = NULL


cdef uint64_t random_next(uint64_t* state) noexcept nogil:
    """splitmix64 (Steele, Lea, Flood 2014): one multiply-chain, any seed."""
    cdef uint64_t z
    state[0] += <uint64_t>0x9E3779B97F4A7C15
    z = state[0]
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return z ^ (z >> 31)


cdef void write_number(char* end, uint64_t n, uint32_t digits) noexcept nogil:
    cdef uint64_t rest
    while digits >= 2:
        rest = n // 100
        memcpy(end - 2, &PAIRS[2 * (n - rest * 100)], 2)
        n = rest
        end -= 2
        digits -= 2
    if digits:
        (end - 1)[0] = <char>(c'0' + n % 10)


cdef void template_write(template_t* t, char* target) noexcept nogil:
    cdef field_t* field
    cdef uint64_t n = 0
    cdef int i
    memcpy(target, t.data, t.size)
    for i in range(t.field_count):
        field = &t.fields[i]
        if field.kind == FIELD_RANDOM:
            # The high half of a 32 by 32 bit product: ranges stay below 2^32, bias below 2^-8.
            n = field.first + (((random_next(&t.random) >> 32) * field.count) >> 32)
        elif field.kind == FIELD_EACH:
            n = field.first + field.place
            field.place += field.step
            if field.place >= field.count:
                field.place -= field.count
        write_number(target + field.end, n, field.digits)


cdef void scan_init(scan_t* s) noexcept nogil:
    memset(s, 0, sizeof(scan_t))


cdef inline void element_done(scan_t* s) noexcept nogil:
    s.open -= 1
    if s.open == 0:
        if s.marks is not NULL:
            s.marks[s.replies] = s.null
        s.replies += 1


cdef void note_error(scan_t* s, const char* line, size_t size) noexcept nogil:
    cdef size_t kept = min(size, <size_t>(ERROR_BYTES_MAX - 1))
    if s.errors == 0:
        memcpy(s.error, line, kept)
        s.error[kept] = 0
    s.errors += 1


cdef size_t scan(scan_t* s, const char* data, size_t size) noexcept nogil:
    cdef size_t at = 0, end, step
    cdef const char* newline
    cdef int64_t n
    cdef char kind
    while at < size and not s.broken:
        if s.skip:
            step = min(s.skip, size - at)
            s.skip -= step
            at += step
            if s.skip == 0:
                element_done(s)
            continue
        kind = data[at]
        newline = <const char*>memchr(data + at, c'\n', size - at)
        if newline is NULL:
            break                                                               # W1
        end = newline - data + 1
        if s.open == 0:
            s.open = 1
            s.null = False
        if kind in (c'$', c'*', c'%', c'~', c'=', c'!', c'>'):
            n = 0
            step = at + 1
            if data[step] == c'-':
                n = -1
            else:
                while data[step] >= c'0' and data[step] <= c'9':
                    n = n * 10 + (data[step] - c'0')
                    step += 1
            if kind == c'!':
                note_error(s, data + at, end - at - 2)
            if n < 0:
                s.nulls += 1
                s.null = True
                element_done(s)
            elif kind in (c'$', c'=', c'!'):
                s.skip = n + 2
            else:
                s.open += 2 * n if kind == c'%' else n
                element_done(s)
        elif kind in (c'+', c':', c'-', c'_', c'#', c',', c'('):
            if kind == c'-':
                note_error(s, data + at, end - at - 2)
            elif kind == c'_':
                s.nulls += 1
                s.null = True
            element_done(s)
        else:
            s.broken = True
        at = end
    return at


cdef class Counter:
    """Face for tests: feed bytes, read the counts."""
    cdef scan_t state
    cdef bytes tail

    def __cinit__(self):
        scan_init(&self.state)
        self.tail = b""

    def feed(self, data: bytes):
        cdef bytes whole = self.tail + data
        cdef size_t used = scan(&self.state, whole, len(whole))
        self.tail = whole[used:]

    @property
    def counts(self):
        return dict(replies=self.state.replies, errors=self.state.errors,
                    nulls=self.state.nulls, broken=bool(self.state.broken),
                    error=self.state.error.decode("latin-1"),
                    whole=self.state.open == 0 and not self.tail)


def render(data: bytes, fields: list, count: int, seed: int = 1) -> list:
    """The first `count` requests of a template: face for tests and for reading along."""
    cdef template_t t
    cdef bytearray target = bytearray(len(data))
    made = []
    template_init(&t, data, fields, seed)
    for _ in range(count):
        template_write(&t, <char*>target)
        made.append(bytes(target))
    template_free(&t)
    return made
