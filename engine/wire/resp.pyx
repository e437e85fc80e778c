"""Requests: bytes in, arguments out.

The common command arrives whole: one pass, no state. What arrives in pieces continues where the
last piece ended, so that a command of n bytes in any number of pieces costs O(n).

Announced sizes are never believed: memory grows with the bytes that came. `need` in the client
is how many bytes of a large bulk are still to come, a hint for the next read.

Invariants
    R1  bulks_left > 0 exactly while a command is half parsed; partial[0..argv_at) are its
        arguments so far, as offsets from its first byte
    R2  nothing before scan_at is looked at again
    R3  every way out of resp_parse but PARSE_MORE leaves the client without parser state
Source: the RESP specification; limits and texts as Valkey 9.1 answers them.
"""
from libc.stdint cimport INT32_MAX, int64_t
from libc.string cimport memchr

from ..core.buf cimport buf_append, buf_free, buf_init, buf_reserve
from ..core.heap cimport heap_alloc, heap_free, heap_realloc
from ..core.intrinsics cimport likely, unlikely
from ..core.number cimport parse_int64
from .reply cimport reply_error, reply_error_about

cdef enum:
    ARGV_FIRST = 64
    ARGV_KEEP = 4096                    # arguments: a batch that needed more gives them back
    TEXT_KEEP = 4096                    # bytes, likewise
    DIGITS_MAX = 20


cdef void argv_init(argv_t* argv, heap_t* heap) noexcept nogil:
    argv.heap = heap
    argv.count = 0
    argv.size_max = ARGV_FIRST
    argv.items = <slice_t*>heap_alloc(heap, ARGV_FIRST * sizeof(slice_t))
    buf_init(&argv.text, heap)


cdef void argv_free(argv_t* argv) noexcept nogil:
    heap_free(argv.heap, argv.items, argv.size_max * sizeof(slice_t))
    buf_free(&argv.text)


cdef void argv_clear(argv_t* argv) noexcept nogil:
    argv.count = 0
    argv.text.size = 0
    if unlikely(argv.size_max > ARGV_KEEP):
        argv_free(argv)
        argv_init(argv, argv.heap)
    if unlikely(argv.text.size_max > TEXT_KEEP):
        buf_free(&argv.text)


cdef void reserve(argv_t* argv, size_t more) noexcept nogil:
    cdef size_t size_max = argv.size_max
    while size_max < argv.count + more:
        size_max *= 2
    argv.items = <slice_t*>heap_realloc(argv.heap, argv.items, argv.size_max * sizeof(slice_t),
                                        size_max * sizeof(slice_t))
    argv.size_max = size_max


cdef inline void push(argv_t* argv, const char* data, size_t size) noexcept nogil:
    if unlikely(argv.count == argv.size_max):
        reserve(argv, 1)
    argv.items[argv.count].data = data
    argv.items[argv.count].size = size
    argv.count += 1


cdef void resp_reset(client_t* c) noexcept nogil:
    heap_free(c.store.heap, c.partial, c.partial_max * sizeof(slice_t))
    c.partial = NULL
    c.partial_max = 0
    c.bulks_left = 0
    c.bulk_size = -1
    c.scan_at = 0
    c.argv_at = 0
    c.need = 0


cdef parse_t refuse(client_t* c, const char* message) noexcept nogil:
    resp_reset(c)                       # R3
    reply_error(c, message)
    return PARSE_ERROR


cdef inline int read_length(const char* data, size_t size, int64_t* value) noexcept nogil:
    """The number on a length line. Bytes of the line with CRLF; 0: not whole; -1: no number."""
    cdef size_t at = 0
    cdef int64_t n = 0
    cdef const char* end
    # Nearly every length has one to three digits and no sign.
    while at < size and at < 8 and c'0' <= data[at] <= c'9':
        n = n * 10 + (data[at] - c'0')
        at += 1
    if likely(at + 1 < size and data[at] == c'\r' and at and (data[0] != c'0' or at == 1)):
        value[0] = n
        return <int>at + 2
    end = <const char*>memchr(data, c'\r', size if size < REQUEST_LINE_MAX else REQUEST_LINE_MAX)
    if end is NULL or <size_t>(end - data) + 1 >= size:
        return 0
    if not parse_int64(data, <size_t>(end - data), value):
        return -1
    return <int>(end - data) + 2


cdef void keep(client_t* c, size_t offset, size_t size) noexcept nogil:
    """Note an argument of a half parsed command, as an offset (R1)."""
    cdef size_t size_max
    if c.argv_at == c.partial_max:
        size_max = 2 * c.partial_max if c.partial_max else 16
        c.partial = <slice_t*>heap_realloc(
            c.store.heap, c.partial, c.partial_max * sizeof(slice_t), size_max * sizeof(slice_t))
        c.partial_max = size_max
    c.partial[c.argv_at].data = <const char*>offset
    c.partial[c.argv_at].size = size
    c.argv_at += 1


cdef parse_t hold(client_t* c, argv_t* argv, const char* data, size_t first, int64_t left,
                  int64_t bulk, size_t at, size_t size) noexcept nogil:
    """The command is not whole: keep what is known of it."""
    cdef size_t i
    for i in range(first, argv.count):
        keep(c, <size_t>(argv.items[i].data - data), argv.items[i].size)
    argv.count = first
    c.bulks_left = left
    c.bulk_size = bulk
    c.scan_at = at
    c.need = at + <size_t>bulk + 2 - size if bulk >= 0 else 0
    return PARSE_MORE


cdef void restore(client_t* c, argv_t* argv, const char* data) noexcept nogil:
    """The half parsed command is whole: its arguments, as slices."""
    cdef size_t i
    if argv.size_max - argv.count < c.argv_at:
        reserve(argv, c.argv_at)
    for i in range(c.argv_at):
        push(argv, data + <size_t>c.partial[i].data, c.partial[i].size)


cdef parse_t parse_header(client_t* c, const char* data, size_t size, bint trusted,
                          int64_t* left, size_t* at) noexcept nogil:
    """The line "*3": PARSE_COMMAND when arguments follow."""
    cdef int line = read_length(data + 1, size - 1, left)
    if line == 0:
        if size > REQUEST_LINE_MAX:
            return refuse(c, b"ERR Protocol error: too big mbulk count string")
        return PARSE_MORE
    if line < 0 or left[0] > INT32_MAX:
        return refuse(c, b"ERR Protocol error: invalid multibulk length")
    if not trusted and left[0] > UNAUTH_ARGC_MAX:
        return refuse(c, b"ERR Protocol error: unauthenticated multibulk length")
    at[0] = 1 + <size_t>line
    return PARSE_COMMAND if left[0] > 0 else PARSE_EMPTY


cdef parse_t parse_array(client_t* c, const char* data, size_t size, bint trusted,
                         int64_t bulk_max, argv_t* argv, size_t* used) noexcept nogil:
    cdef size_t first = argv.count
    cdef bint resumed = c.bulks_left > 0
    cdef size_t at = c.scan_at
    cdef int64_t left = c.bulks_left
    cdef int64_t bulk = c.bulk_size
    cdef int line
    cdef parse_t header
    if not resumed:
        bulk = -1
        header = parse_header(c, data, size, trusted, &left, &at)
        used[0] = at
        if header != PARSE_COMMAND:
            return header
    while left:
        if bulk < 0:
            if at >= size:
                return hold(c, argv, data, first, left, -1, at, size)
            if data[at] != c'$':
                resp_reset(c)           # R3
                reply_error_about(c, b"ERR Protocol error: expected '$', got '",
                                  slice_t(data + at, 1), b"'")
                return PARSE_ERROR
            line = read_length(data + at + 1, size - at - 1, &bulk)
            if line == 0:
                if size - at > REQUEST_LINE_MAX:
                    return refuse(c, b"ERR Protocol error: too big bulk count string")
                return hold(c, argv, data, first, left, -1, at, size)
            if line < 0 or bulk < 0 or bulk > bulk_max:
                return refuse(c, b"ERR Protocol error: invalid bulk length")
            if not trusted and bulk > UNAUTH_BULK_MAX:
                return refuse(c, b"ERR Protocol error: unauthenticated bulk length")
            at += 1 + <size_t>line
        if size - at < <size_t>bulk + 2:
            return hold(c, argv, data, first, left, bulk, at, size)
        if likely(not resumed):
            push(argv, data + at, <size_t>bulk)
        else:
            keep(c, at, <size_t>bulk)
        at += <size_t>bulk + 2
        bulk = -1
        left -= 1
    used[0] = at
    if unlikely(resumed):
        restore(c, argv, data)
        resp_reset(c)                   # R3
    return PARSE_COMMAND


cdef inline int hex_digit(char ch) noexcept nogil:
    if c'0' <= ch <= c'9':
        return ch - c'0'
    if c'a' <= ch <= c'f':
        return ch - c'a' + 10
    if c'A' <= ch <= c'F':
        return ch - c'A' + 10
    return -1


cdef inline bint is_space(char ch) noexcept nogil:
    return ch == c' ' or c'\t' <= ch <= c'\r'


cdef inline char unescape(char ch) noexcept nogil:
    if ch == c'n':
        return c'\n'
    if ch == c'r':
        return c'\r'
    if ch == c't':
        return c'\t'
    if ch == c'b':
        return c'\b'
    if ch == c'a':
        return c'\a'
    return ch


cdef size_t read_word(const char* line, size_t size, size_t at, buf_t* text) noexcept nogil:
    """Append one word to text; return where it ended, or size + 1 when its quotes do not match."""
    cdef char quote = 0
    cdef char ch
    while at < size:
        ch = line[at]
        at += 1
        if quote == c'"' and ch == c'\\' and at < size:
            if (line[at] == c'x' and at + 2 < size and hex_digit(line[at + 1]) >= 0
                    and hex_digit(line[at + 2]) >= 0):
                ch = <char>(hex_digit(line[at + 1]) * 16 + hex_digit(line[at + 2]))
                at += 3
            else:
                ch = unescape(line[at])
                at += 1
        elif quote == c'\'' and ch == c'\\' and at < size and line[at] == c'\'':
            ch = c'\''
            at += 1
        elif quote and ch == quote:
            if at == size or is_space(line[at]):
                return at
            # As on Valkey 9.1 a word may go on: "a"b is ab. A quote behind a quote is a mistake, as
            # it has always been: who doubles quotes to write one would get none.
            if line[at] == c'"' or line[at] == c'\'':
                return size + 1
            quote = 0
            continue
        elif quote == 0 and (ch == c'"' or ch == c'\''):
            quote = ch
            continue
        elif quote == 0 and is_space(ch):
            return at - 1
        elif quote == 0 and ch == 0:
            return size                 # the line is text: it ends here
        buf_append(text, &ch, 1)
    return size + 1 if quote else size


cdef parse_t parse_inline(client_t* c, const char* data, size_t size, argv_t* argv,
                          size_t* used) noexcept nogil:
    cdef size_t first = argv.count
    cdef size_t at = 0
    cdef size_t start
    cdef size_t line_size
    cdef const char* end = <const char*>memchr(data, c'\n', size)
    if end is NULL:
        if size > REQUEST_LINE_MAX:
            return refuse(c, b"ERR Protocol error: too big inline request")
        return PARSE_MORE
    line_size = <size_t>(end - data)
    used[0] = line_size + 1
    if line_size > REQUEST_LINE_MAX:
        return refuse(c, b"ERR Protocol error: too big inline request")
    if line_size and data[line_size - 1] == c'\r':
        line_size -= 1
    argv.text.size = 0
    buf_reserve(&argv.text, line_size + 1)      # words never move: the text only shrinks
    while True:
        while at < line_size and is_space(data[at]):
            at += 1
        if at >= line_size or data[at] == 0:
            break
        start = argv.text.size
        at = read_word(data, line_size, at, &argv.text)
        if at > line_size:
            argv.count = first
            return refuse(c, b"ERR Protocol error: unbalanced quotes in request")
        push(argv, argv.text.data + start, argv.text.size - start)
    return PARSE_INLINE if argv.count > first else PARSE_EMPTY


cdef parse_t resp_parse(client_t* c, const char* data, size_t size, bint trusted,
                        int64_t bulk_max, argv_t* argv, size_t* used) noexcept nogil:
    if size == 0:
        return PARSE_MORE
    if likely(data[0] == c'*'):
        return parse_array(c, data, size, trusted, bulk_max, argv, used)
    return parse_inline(c, data, size, argv, used)
