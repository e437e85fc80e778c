"""The table of clients, and the lists a client can stand in.

Terms
    attach    make a client and enter it in the table
    detach    close, leave every list, free: only where nobody up the stack can hold the client
    parked    its next command waits for the end of a pause; nothing is read from it
    ready     it has commands in its own buffer that may run: the next turn runs them

Invariants
    C1  srv.clients[c.index] is c, for every client
    C2  a client is in `parked` exactly while CLIENT_PAUSED is set, in `ready` while CLIENT_READY,
        in `closing` while CLIENT_CLOSING, in `pending_write` while CLIENT_PENDING_WRITE; parked
        and ready exclude each other
"""
from libc.stdint cimport uint32_t

from ..commands.state cimport server_t
from ..wire.command cimport client_t

# `fd` -1: a client without a socket.
cdef client_t* client_attach(server_t* srv, int fd) noexcept nogil
cdef void client_detach(server_t* srv, client_t* c) noexcept nogil

# CLIENT PAUSE: until client_wake_parked.
cdef void client_park(server_t* srv, client_t* c) noexcept nogil
cdef void client_wake_parked(server_t* srv) noexcept nogil
# `why`: a flag of CLIENT_NOT_READ, or 0; whoever runs the client takes it away.
cdef void client_make_ready(server_t* srv, client_t* c, uint32_t why) noexcept nogil
# The next turn is to write its replies.
cdef void client_write_later(server_t* srv, client_t* c) noexcept nogil
# Back into the list, by the reaper: its last reply has not left.
cdef void client_close_later(server_t* srv, client_t* c) noexcept nogil
