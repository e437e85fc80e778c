"""Output that no request asked for."""
from libc.stdint cimport int64_t

from ..core.buf cimport buf_append, buf_append_header
from ..wire.client cimport client_output
from .state cimport client_close, client_kind, client_pend


cdef void push_close(server_t* srv, client_t* c) noexcept nogil:
    """The hard limit holds at once: one command may push a lot. The soft one is looked at when
    the client is written to, and by cron."""
    cdef int64_t hard = srv.config.output_limits[<int>client_kind(c)].hard_bytes
    if c is srv.caller:
        return                          # its output is looked at when its command has ended
    client_pend(srv, c)
    if hard and <int64_t>client_output(c) >= hard and c.fd >= 0:
        srv.stats.output_limit_closes += 1
        client_close(srv, c, CLIENT_CLOSE_NOW)


cdef void push_message(server_t* srv, client_t* c, slice_t message) noexcept nogil:
    cdef buf_t* buf = push_open(srv, c)
    cdef size_t at
    if buf is NULL:
        return
    at = buf.size
    buf_append(buf, message.data, message.size)
    if c.resp == 3:
        buf.data[at] = c'>'
    push_close(srv, c)


cdef void push_header(buf_t* buf, int resp, int count) noexcept nogil:
    buf_append_header(buf, c'*' if resp == 2 else c'>', count)
