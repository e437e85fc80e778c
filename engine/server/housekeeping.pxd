"""What clients may cost: their memory, their silence, and their being here at all.

Terms
    account    what a client costs, in the sum of all: srv.clients_memory
    limit      of client-output-buffer-limit, client-query-buffer-limit, maxmemory-clients
    idle       sends nothing; a client that waits for us is not idle
    round      a walk over all clients, spread over a second

Whoever passes a limit is marked, never freed here: the reaper comes at the end of the turn.
"""
from ..commands.state cimport server_t
from ..wire.command cimport client_t

# The buffers of c have changed.
cdef void housekeeping_account(server_t* srv, client_t* c) noexcept nogil
# Bytes of c wait for the rest of their command.
cdef void housekeeping_query(server_t* srv, client_t* c) noexcept nogil
# Its socket did not take all of its replies.
cdef void housekeeping_output(server_t* srv, client_t* c) noexcept nogil
# At the end of a turn, before the reaper: maxmemory-clients.
cdef void housekeeping_turn(server_t* srv) noexcept nogil
# hz times a second: its share of the clients, so that a round takes a second.
cdef void housekeeping_cron(server_t* srv) noexcept nogil
