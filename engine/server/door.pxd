"""The outer door: who may come in over TLS, from which addresses, and as whom.

Terms
    outer client   came by TLS while external-user is set: it logs in as that user or not at all
    allowlist      networks that outer clients may come from (external-allowlist); empty: nobody
    barred         an outer client whose address is in none of them. It is heard, so that it can be
                   told why, and its bytes never reach the command table
    range          addresses from the first to the last, both included

Whether a client is outer, and barred, is found out when it is accepted, before one of its bytes is
read; and for those who are inside once more when the directives change.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t

from ..commands.state cimport server_t
from ..wire.command cimport client_t
from .peer cimport address_t

cdef enum:
    NETWORKS_MAX = 10000                # of an allowlist
    BARRED_MAX = 32                     # barred clients at a time: more are closed unheard
    BARRED_A_SECOND = 100               # likewise
    BARRED_COMMANDS_MAX = 16            # of one of them; then it is closed
    BARRED_QUERY_MAX = 4096             # bytes of an unfinished command

cdef struct range_t:
    address_t first
    address_t last

# What server_t.door points to.
cdef struct door_t:
    range_t* ranges                     # owned: ascending, none touches the next
    size_t count
    uint32_t barred                     # clients
    uint32_t told                       # ... that came in this second
    int64_t second_us                   # which began at this time
    char refused[64]                    # address of the last that was barred

cdef door_t* door_of(server_t* srv) noexcept nogil
cdef void door_free(server_t* srv) noexcept nogil
# Hooks of the directives: take their new values, and look again at who is inside.
cdef const char* door_apply_networks(server_t* srv) noexcept nogil
cdef const char* door_apply_user(server_t* srv) noexcept nogil

cdef bint door_allows(const door_t* door, const address_t* address) noexcept nogil
# A client has come by TLS. False: close it, there are too many to tell each of them why.
cdef bint door_admit(server_t* srv, client_t* c) noexcept nogil
# A barred client goes.
cdef void door_leave(server_t* srv) noexcept nogil
# Bytes of a barred client: what execute_bytes is to others. Returns how many were dealt with.
cdef size_t door_answer(server_t* srv, client_t* c, const char* data, size_t size) noexcept nogil
