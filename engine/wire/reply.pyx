"""Writers of RESP replies, RESP2 and RESP3.

Reserve once, write bytes: the common replies are a copy of a constant, or one header and one
copy. RESP3 differs in headers only, so each writer asks c.resp once.
"""
from libc.string cimport memchr, memcpy, memmove, strlen

from ..core.buf cimport (
    buf_append, buf_append_bulk, buf_append_header, buf_reserve,
)
from ..core.intrinsics cimport kvd_assert, likely
from ..core.number cimport FORMAT_DOUBLE_MAX, format_double, format_int64
from .errors cimport ERR_SYNTAX, ERR_WRONG_TYPE
from .command cimport command_full_name

cdef enum:
    QUOTED_MAX = 128                    # bytes of the user's that an error repeats
    MARK_ROOM = 24                      # a deferred header at its longest
    INT_MAX = 24


cdef void reply_ok(client_t* c) noexcept nogil:
    buf_append(&c.reply, b"+OK\r\n", 5)


cdef void reply_simple(client_t* c, const char* text) noexcept nogil:
    buf_append(&c.reply, b"+", 1)
    buf_append(&c.reply, text, strlen(text))
    buf_append(&c.reply, b"\r\n", 2)


cdef void reply_null(client_t* c) noexcept nogil:
    if c.resp == 2:
        buf_append(&c.reply, b"$-1\r\n", 5)
    else:
        buf_append(&c.reply, b"_\r\n", 3)


cdef void reply_null_array(client_t* c) noexcept nogil:
    if c.resp == 2:
        buf_append(&c.reply, b"*-1\r\n", 5)
    else:
        buf_append(&c.reply, b"_\r\n", 3)


cdef void reply_int(client_t* c, int64_t value) noexcept nogil:
    buf_append_header(&c.reply, c':', value)


cdef void reply_bool(client_t* c, bint value) noexcept nogil:
    if c.resp == 2:
        reply_int(c, 1 if value else 0)
    elif value:
        buf_append(&c.reply, b"#t\r\n", 4)
    else:
        buf_append(&c.reply, b"#f\r\n", 4)


cdef void reply_double(client_t* c, double value) noexcept nogil:
    cdef char text[FORMAT_DOUBLE_MAX]
    cdef size_t size = <size_t>format_double(text, value)
    if c.resp == 2:
        reply_bulk(c, slice_t(&text[0], size))
    else:
        buf_append(&c.reply, b",", 1)
        buf_append(&c.reply, text, size)
        buf_append(&c.reply, b"\r\n", 2)


cdef void reply_bulk(client_t* c, slice_t bytes) noexcept nogil:
    cdef char* at
    if likely(bytes.size < 100):
        # Header, bytes and CRLF under one reservation.
        if c.reply.size_max - c.reply.size < bytes.size + 8:
            buf_reserve(&c.reply, bytes.size + 8)
        at = c.reply.data + c.reply.size
        at[0] = c'$'
        if bytes.size < 10:
            at[1] = <char>(c'0' + bytes.size)
            at += 2
        else:
            at[1] = <char>(c'0' + bytes.size // 10)
            at[2] = <char>(c'0' + bytes.size % 10)
            at += 3
        at[0] = c'\r'
        at[1] = c'\n'
        at += 2
        if bytes.size:
            memcpy(at, bytes.data, bytes.size)
        at += bytes.size
        at[0] = c'\r'
        at[1] = c'\n'
        c.reply.size = <size_t>(at + 2 - c.reply.data)
        return
    buf_append_bulk(&c.reply, bytes)


cdef void reply_bulk_text(client_t* c, const char* text) noexcept nogil:
    reply_bulk(c, slice_t(&text[0], strlen(text)))


cdef void reply_bulk_int(client_t* c, int64_t value) noexcept nogil:
    cdef char text[INT_MAX]
    reply_bulk(c, slice_t(&text[0], <size_t>format_int64(text, value)))


cdef void reply_verbatim(client_t* c, slice_t text) noexcept nogil:
    if c.resp == 2:
        reply_bulk(c, text)
        return
    buf_append_header(&c.reply, c'=', <int64_t>text.size + 4)
    buf_append(&c.reply, b"txt:", 4)
    buf_append(&c.reply, text.data, text.size)
    buf_append(&c.reply, b"\r\n", 2)


cdef void reply_array(client_t* c, int64_t count) noexcept nogil:
    buf_append_header(&c.reply, c'*', count)


cdef void reply_map(client_t* c, int64_t pairs) noexcept nogil:
    if c.resp == 2:
        buf_append_header(&c.reply, c'*', 2 * pairs)
    else:
        buf_append_header(&c.reply, c'%', pairs)


cdef void reply_set(client_t* c, int64_t count) noexcept nogil:
    buf_append_header(&c.reply, c'*' if c.resp == 2 else c'~', count)


cdef void reply_push(client_t* c, int64_t count) noexcept nogil:
    buf_append_header(&c.reply, c'*' if c.resp == 2 else c'>', count)


cdef size_t reply_array_open(client_t* c) noexcept nogil:
    """Leaves room for the longest header; closing moves what follows down to the real one."""
    buf_reserve(&c.reply, MARK_ROOM)
    c.reply.size += MARK_ROOM
    return c.reply.size


cdef void close_as(client_t* c, size_t mark, int64_t count, char kind) noexcept nogil:
    cdef size_t size = c.reply.size - mark
    kvd_assert(mark >= MARK_ROOM and mark <= c.reply.size)
    c.reply.size = mark - MARK_ROOM
    buf_append_header(&c.reply, kind, count)
    memmove(c.reply.data + c.reply.size, c.reply.data + mark, size)
    c.reply.size += size


cdef void reply_array_close(client_t* c, size_t mark, int64_t count) noexcept nogil:
    close_as(c, mark, count, c'*')


cdef void reply_set_close(client_t* c, size_t mark, int64_t count) noexcept nogil:
    close_as(c, mark, count, c'*' if c.resp == 2 else c'~')


cdef void reply_array_undo(client_t* c, size_t mark) noexcept nogil:
    kvd_assert(mark >= MARK_ROOM and mark <= c.reply.size)
    c.reply.size = mark - MARK_ROOM


cdef void reply_map_close(client_t* c, size_t mark, int64_t pairs) noexcept nogil:
    close_as(c, mark, pairs, c'%')


cdef void reply_bulk_insert(client_t* c, size_t at, slice_t bytes) noexcept nogil:
    cdef size_t size = c.reply.size - at
    cdef size_t room = bytes.size + MARK_ROOM
    buf_reserve(&c.reply, room)
    memmove(c.reply.data + at + room, c.reply.data + at, size)
    c.reply.size = at
    buf_append_bulk(&c.reply, bytes)
    memmove(c.reply.data + c.reply.size, c.reply.data + at + room, size)
    c.reply.size += size


cdef void reply_raw(client_t* c, slice_t resp) noexcept nogil:
    if resp.size:
        buf_append(&c.reply, resp.data, resp.size)


# -- errors ---------------------------------------------------------------------------------------

cdef void reply_error(client_t* c, const char* message) noexcept nogil:
    c.errors += 1
    buf_append(&c.reply, b"-", 1)
    buf_append(&c.reply, message, strlen(message))
    buf_append(&c.reply, b"\r\n", 2)


cdef void append_clean(client_t* c, slice_t bytes) noexcept nogil:
    """User's bytes in a line of ours: no line ends, no NUL."""
    cdef size_t i
    cdef size_t start = c.reply.size
    if bytes.size:
        buf_append(&c.reply, bytes.data, bytes.size)
    for i in range(start, c.reply.size):
        if c.reply.data[i] in b"\r\n\0":
            c.reply.data[i] = c' '


cdef void reply_error_two(client_t* c, const char* before, slice_t bytes, const char* middle,
                          slice_t more, const char* after) noexcept nogil:
    c.errors += 1
    if bytes.size > QUOTED_MAX:
        bytes.size = QUOTED_MAX
    buf_append(&c.reply, b"-", 1)
    buf_append(&c.reply, before, strlen(before))
    append_clean(c, bytes)
    buf_append(&c.reply, middle, strlen(middle))
    append_clean(c, more)
    buf_append(&c.reply, after, strlen(after))
    buf_append(&c.reply, b"\r\n", 2)


cdef void reply_error_about(client_t* c, const char* before, slice_t bytes,
                            const char* after) noexcept nogil:
    cdef const char* end = <const char*>memchr(bytes.data, 0, bytes.size) if bytes.size else NULL
    if end is not NULL:
        bytes.size = <size_t>(end - bytes.data)
    reply_error_two(c, before, bytes, after, slice_t(NULL, 0), b"")


cdef void reply_error_arity(client_t* c) noexcept nogil:
    cdef char name[64]
    reply_error_about(c, b"ERR wrong number of arguments for '",
                      slice_t(&name[0], command_full_name(c.cmd, name)), b"' command")


cdef void reply_error_syntax(client_t* c) noexcept nogil:
    reply_error(c, ERR_SYNTAX)


cdef void reply_error_type(client_t* c) noexcept nogil:
    reply_error(c, ERR_WRONG_TYPE)


# -- what the journal gets ------------------------------------------------------------------------

cdef void feed_command(client_t* c, int argc) noexcept nogil:
    c.feed_instead = True
    c.feed_count += 1
    buf_append_header(&c.feed, c'*', argc)


cdef void feed_arg(client_t* c, slice_t arg) noexcept nogil:
    buf_append_bulk(&c.feed, arg)


cdef void feed_text(client_t* c, const char* arg) noexcept nogil:
    buf_append_bulk(&c.feed, slice_t(arg, strlen(arg)))


cdef void feed_int(client_t* c, int64_t arg) noexcept nogil:
    cdef char text[INT_MAX]
    buf_append_bulk(&c.feed, slice_t(&text[0], <size_t>format_int64(text, arg)))


cdef void feed_nothing(client_t* c) noexcept nogil:
    c.feed_instead = True
