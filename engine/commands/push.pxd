"""Output that no request asked for: messages to subscribers, news of changed keys.

Terms
    push      one message to one client, complete RESP; in RESP2 it is an array like a reply
    caller    the client whose command runs: what is pushed to it follows its reply, so that no
              push lands inside a reply, nor inside the array of EXEC
"""
from libc.stddef cimport size_t

from ..core.buf cimport buf_t
from ..core.types cimport slice_t
from ..wire.command cimport CLIENT_CLOSE_NOW, CLIENT_CLOSE_SOON, client_t
from .state cimport server_t

# Where to write a push for `c`; NULL when it is on its way out. push_close follows.
cdef inline buf_t* push_open(server_t* srv, client_t* c) noexcept nogil:
    if c.flags & (CLIENT_CLOSE_SOON | CLIENT_CLOSE_NOW):
        return NULL
    return &srv.deferred if c is srv.caller else &c.reply

# It is written: the next write(2) to this client takes it along; who does not read is dropped.
cdef void push_close(server_t* srv, client_t* c) noexcept nogil

# A whole push, encoded for RESP2: for RESP3 only its first byte is another.
cdef void push_message(server_t* srv, client_t* c, slice_t message) noexcept nogil

# "*3\r\n" or ">3\r\n"
cdef void push_header(buf_t* buf, int resp, int count) noexcept nogil
