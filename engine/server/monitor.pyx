"""MONITOR.

One line to each watcher, after the command ran: so a secret can be left out, and a command that
was refused is not shown. The line is made once, in a monitor's own reply buffer, and copied from
there to the others.
"""
from libc.stdint cimport int64_t, uint32_t
from libc.stdio cimport snprintf
from libc.string cimport strlen

from ..core.buf cimport buf_append, buf_t
from ..core.clock cimport clock_wall_us
from ..core.types cimport slice_t
from ..wire.command cimport (
    CLIENT_CLOSE_NOW, CLIENT_EXECUTING, CLIENT_LOADING, CLIENT_MONITOR, CLIENT_PENDING_WRITE,
    CLIENT_UNIX_SOCKET, CMD_ADMIN, CMD_SKIP_MONITOR,
)
from .commandlog cimport argument_is_secret

cdef const char* HEX = b"0123456789abcdef"


cdef void append_quoted(buf_t* buf, slice_t text) noexcept nogil:
    """As a terminal may show it and redis-cli can read it back."""
    cdef char escape[4]
    cdef size_t i
    cdef char ch
    buf_append(buf, b"\"", 1)
    for i in range(text.size):
        ch = text.data[i]
        escape[0] = c'\\'
        escape[1] = 0
        if ch == c'\\' or ch == c'"':
            escape[1] = ch
        elif ch == c'\n':
            escape[1] = c'n'
        elif ch == c'\r':
            escape[1] = c'r'
        elif ch == c'\t':
            escape[1] = c't'
        elif ch == c'\a':
            escape[1] = c'a'
        elif ch == c'\b':
            escape[1] = c'b'
        if escape[1]:
            buf_append(buf, escape, 2)
        elif c' ' <= ch <= c'~':
            buf_append(buf, &ch, 1)
        else:
            escape[1] = c'x'
            escape[2] = HEX[<unsigned char>ch >> 4]
            escape[3] = HEX[<unsigned char>ch & 15]
            buf_append(buf, escape, 4)
    buf_append(buf, b"\"", 1)


cdef void append_line(buf_t* buf, const client_t* c, const command_t* cmd) noexcept nogil:
    cdef char head[128]
    cdef int64_t now_us = clock_wall_us()
    cdef const char* kind = b""
    cdef int i, size
    cdef int shown = <int>strlen(c.address)
    if c.flags & CLIENT_UNIX_SOCKET:
        kind = b"unix:"
        shown -= 2                      # a path has no port; the ":0" is CLIENT LIST's
    size = snprintf(head, sizeof(head), b"+%lld.%06lld [%d %s%.*s]",
                    <long long>(now_us // 1000000), <long long>(now_us % 1000000), c.ks.index,
                    kind, shown, &c.address[0])
    buf_append(buf, head, <size_t>size)
    for i in range(c.argc):
        buf_append(buf, b" ", 1)
        if argument_is_secret(cmd, c.argc, c.argv, i):
            append_quoted(buf, slice_t(b"(redacted)", 10))
        else:
            append_quoted(buf, c.argv[i])
    buf_append(buf, b"\r\n", 2)


cdef void monitor_feed(server_t* srv, const client_t* c, const command_t* cmd) noexcept nogil:
    if not cmd.flags & (CMD_SKIP_MONITOR | CMD_ADMIN):
        show(srv, c, cmd)


cdef void monitor_feed_now(void* owner, client_t* c) noexcept nogil:
    show(<server_t*>owner, c, c.cmd)


cdef void show(server_t* srv, const client_t* c, const command_t* cmd) noexcept nogil:
    cdef client_t* watcher
    cdef client_t* first = NULL
    cdef size_t start = 0
    cdef size_t size = 0
    cdef uint32_t i
    if c.flags & CLIENT_LOADING:
        return
    for i in range(srv.client_count):
        watcher = srv.clients[i]
        if not watcher.flags & CLIENT_MONITOR or watcher.flags & CLIENT_CLOSE_NOW:
            continue
        if watcher is c and c.flags & CLIENT_EXECUTING:
            continue                    # its reply is an array that is not complete yet
        if first is NULL:
            first = watcher
            start = watcher.reply.size
            append_line(&watcher.reply, c, cmd)
            size = watcher.reply.size - start
        else:
            buf_append(&watcher.reply, first.reply.data + start, size)
        if not watcher.flags & CLIENT_PENDING_WRITE and watcher.fd >= 0:
            watcher.flags |= CLIENT_PENDING_WRITE
            watcher.next_pending = srv.pending_write
            srv.pending_write = watcher
