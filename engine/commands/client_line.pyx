"""The line that tells about a client, for CLIENT LIST and CLIENT INFO.

It has the fields of Valkey 9.1, in its order. Where our buffers are built in another way, a field
tells what its reader wants to know:

    qbuf, qbuf-free   bytes of a command that has not come whole, and the room behind them
    argv-mem          the places of its arguments
    rbs, rbp          the reply buffer a client holds, and its bytes; an idle client has none
    obl, omem         output: the first 16 KiB of it, and the rest. oll is 1 where omem is not 0
    addr, laddr       of a Unix socket its path and ":0", as Redis and Valkey 8 have it
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport strlen

from ..core.buf cimport buf_append, buf_t
from ..core.number cimport FORMAT_INT_MAX, format_int64
from ..core.types cimport slice_t
from ..wire.client cimport client_memory, client_output, client_user
from ..wire.command cimport (
    CLIENT_BLOCKED, CLIENT_CAPA_REDIRECT, CLIENT_CLOSE_NOW, CLIENT_CLOSE_SOON, CLIENT_DIRTY_CAS,
    CLIENT_MONITOR, CLIENT_MULTI, CLIENT_NO_EVICT, CLIENT_NO_TOUCH, CLIENT_PAUSED,
    CLIENT_READ_PAUSED, CLIENT_SUBSCRIBED, CLIENT_TRACKING, CLIENT_TRACKING_BCAST,
    CLIENT_TRACKING_BROKEN, CLIENT_UNIX_SOCKET, CLIENT_WRITE_WAITS, command_full_name,
)
from .multi cimport multi_count, multi_watch_count
from .pubsub cimport CHANNEL_PATTERN, CHANNEL_PLAIN, CHANNEL_SHARD, pubsub_count
from .tracking cimport tracking_redirect

cdef enum:
    OUTPUT_FIRST = 16384                # bytes of output that `obl` tells of


cdef size_t client_flags_text(const client_t* c, char* out) noexcept nogil:
    cdef size_t size = 0
    size = put_flag(c, CLIENT_MONITOR, c'O', out, size)
    size = put_flag(c, CLIENT_SUBSCRIBED, c'P', out, size)
    size = put_flag(c, CLIENT_MULTI, c'x', out, size)
    size = put_flag(c, CLIENT_BLOCKED | CLIENT_PAUSED, c'b', out, size)
    size = put_mode(c, CLIENT_TRACKING, c't', out, size)
    size = put_mode(c, CLIENT_TRACKING_BROKEN, c'R', out, size)
    size = put_mode(c, CLIENT_TRACKING_BCAST, c'B', out, size)
    size = put_flag(c, CLIENT_DIRTY_CAS, c'd', out, size)
    size = put_flag(c, CLIENT_CLOSE_SOON, c'c', out, size)
    size = put_flag(c, CLIENT_CLOSE_NOW, c'A', out, size)
    size = put_flag(c, CLIENT_UNIX_SOCKET, c'U', out, size)
    size = put_flag(c, CLIENT_NO_EVICT, c'e', out, size)
    size = put_flag(c, CLIENT_NO_TOUCH, c'T', out, size)
    if size == 0:
        out[0] = c'N'
        size = 1
    return size


cdef inline size_t put_flag(const client_t* c, uint32_t bits, char letter, char* out,
                            size_t size) noexcept nogil:
    if c.flags & bits:
        out[size] = letter
        return size + 1
    return size


cdef inline size_t put_mode(const client_t* c, uint32_t bit, char letter, char* out,
                            size_t size) noexcept nogil:
    if c.modes & bit:
        out[size] = letter
        return size + 1
    return size


cdef void put(buf_t* out, const char* field, slice_t value) noexcept nogil:
    buf_append(out, field, strlen(field))
    if value.size:
        buf_append(out, value.data, value.size)


cdef void put_int(buf_t* out, const char* field, int64_t value) noexcept nogil:
    cdef char text[FORMAT_INT_MAX]
    put(out, field, slice_t(&text[0], <size_t>format_int64(text, value)))


cdef void put_text(buf_t* out, const char* field, const char* value) noexcept nogil:
    put(out, field, slice_t(value, strlen(value)))


cdef void describe_connection(const client_t* c, int64_t mono_us, buf_t* out) noexcept nogil:
    cdef char flags[FLAGS_TEXT_MAX]
    put_int(out, b"id=", <int64_t>c.id)
    put_text(out, b" addr=", c.address)
    put_text(out, b" laddr=", c.local)
    put_int(out, b" fd=", c.fd)
    put(out, b" name=", c.name)
    put_int(out, b" age=", (mono_us - c.created_us) // 1000000)
    put_int(out, b" idle=", (mono_us - c.active_us) // 1000000)
    put(out, b" flags=", slice_t(&flags[0], client_flags_text(c, flags)))
    put_text(out, b" capa=", b"r" if c.flags & CLIENT_CAPA_REDIRECT else b"")
    put_int(out, b" db=", c.ks.index)
    put_int(out, b" sub=", pubsub_count(c, CHANNEL_PLAIN))
    put_int(out, b" psub=", pubsub_count(c, CHANNEL_PATTERN))
    put_int(out, b" ssub=", pubsub_count(c, CHANNEL_SHARD))
    put_int(out, b" multi=", multi_count(c))
    put_int(out, b" watch=", multi_watch_count(c))


cdef void describe_memory(const client_t* c, buf_t* out) noexcept nogil:
    cdef size_t unsent = client_output(c)
    cdef size_t more = unsent - OUTPUT_FIRST if unsent > OUTPUT_FIRST else 0
    put_int(out, b" qbuf=", <int64_t>c.query.size)
    put_int(out, b" qbuf-free=", <int64_t>(c.query.size_max - c.query.size))
    put_int(out, b" argv-mem=", <int64_t>(c.partial_max * sizeof(slice_t)))
    put_int(out, b" multi-mem=", <int64_t>c.multi_memory)
    put_int(out, b" rbs=", <int64_t>c.reply.size_max)
    put_int(out, b" rbp=", <int64_t>c.reply.size)
    put_int(out, b" obl=", <int64_t>(unsent - more))
    put_int(out, b" oll=", 1 if more else 0)
    put_int(out, b" omem=", <int64_t>more)
    put_int(out, b" tot-mem=", <int64_t>client_memory(c))


cdef void client_describe(const client_t* c, int64_t mono_us, buf_t* out) noexcept nogil:
    cdef char name[64]
    describe_connection(c, mono_us, out)
    describe_memory(c, out)
    put_text(out, b" events=", b"" if c.flags & CLIENT_READ_PAUSED else b"r")
    put_text(out, b"", b"w" if c.flags & CLIENT_WRITE_WAITS else b"")
    if c.cmd is NULL:
        put_text(out, b" cmd=", b"NULL")
    else:
        put(out, b" cmd=", slice_t(&name[0], command_full_name(c.cmd, name)))
    put(out, b" user=", client_user(c))
    put_int(out, b" redir=", tracking_redirect(c))
    put_int(out, b" resp=", c.resp)
    put(out, b" lib-name=", c.lib_name)
    put(out, b" lib-ver=", c.lib_version)
    put_int(out, b" tot-net-in=", <int64_t>c.bytes_in)
    put_int(out, b" tot-net-out=", <int64_t>c.bytes_out)
    put_int(out, b" tot-cmds=", <int64_t>c.commands)
    buf_append(out, b"\n", 1)
