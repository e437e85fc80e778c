"""What other rooms need of connections: authentication and pauses."""
from ..core.types cimport slice_t
from ..wire.command cimport client_t
from .state cimport server_t

# requirepass: clients that are in stay in; an empty password lets everybody in.
cdef void connection_set_password(server_t* srv, slice_t password) noexcept nogil
# A client has come, or begins anew: is it authenticated, and until when has it to be?
cdef void connection_greet(server_t* srv, client_t* c) noexcept nogil
cdef void connection_end_pause(server_t* srv) noexcept nogil
# PING tells that the disk fails, where writes are refused for it.
cdef void ping_command(client_t* c) noexcept nogil
