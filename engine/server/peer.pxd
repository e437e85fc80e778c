"""The socket of a connection: whose it is, how it is watched over, and how it is turned away."""
from ..commands.state cimport server_t
from ..wire.command cimport client_t

# Why somebody who has just connected is not served, as an error; NULL when it is.
cdef const char* peer_refusal(const server_t* srv, int fd, bint tcp) noexcept nogil
# Say so, if the socket takes it at once, and close.
cdef void peer_turn_away(int fd, const char* error) noexcept nogil
# No delay, and probes of a silent peer after `seconds` (0: never).
cdef void peer_set_options(int fd, int seconds) noexcept nogil
# Both ends, as CLIENT LIST shows them.
cdef void peer_describe(client_t* c) noexcept nogil
