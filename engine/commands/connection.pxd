"""What other rooms need of connections: authentication and pauses."""
from ..wire.acl cimport user_t
from ..wire.command cimport client_t
from .state cimport server_t

# Users have changed: has a client to say who it is? Those that are in stay in.
cdef void connection_users_changed(server_t* srv) noexcept nogil
# A client has come, or begins anew: who is it, is it authenticated, until when has it to be?
cdef void connection_greet(server_t* srv, client_t* c) noexcept nogil
# May this user come in by the outer door (server/door)?
cdef bint connection_is_outer_user(const server_t* srv, const user_t* user) noexcept nogil
cdef void connection_end_pause(server_t* srv) noexcept nogil
# PING tells that the disk fails, where writes are refused for it.
cdef void ping_command(client_t* c) noexcept nogil
