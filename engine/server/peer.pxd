"""The socket of a connection: whose it is, how it is watched over, and how it is turned away.

Terms
    address    of a peer, as a number: IPv6, and IPv4 as the IPv6 address that is mapped to it
"""
from libc.stdint cimport uint64_t

from ..commands.state cimport server_t
from ..wire.command cimport client_t

cdef struct address_t:
    uint64_t high
    uint64_t low

# Why somebody who has just connected is not served, as an error; NULL when it is. `outside` where
# this is TCP and not guarded by server/door.
cdef const char* peer_refusal(const server_t* srv, int fd, bint outside) noexcept nogil
# False: the peer has none, or is gone.
cdef bint peer_address(int fd, address_t* out) noexcept nogil
# Say so, if the socket takes it at once, and close.
cdef void peer_turn_away(int fd, const char* error) noexcept nogil
# No delay, and probes of a silent peer after `seconds` (0: never).
cdef void peer_set_options(int fd, int seconds) noexcept nogil
# Both ends, as CLIENT LIST shows them.
cdef void peer_describe(client_t* c) noexcept nogil
