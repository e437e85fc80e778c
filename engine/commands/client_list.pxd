"""CLIENT INFO, LIST and KILL: what clients there are, and which of them go."""
from ..wire.command cimport client_t

cdef void client_info_command(client_t* c) noexcept nogil
cdef void client_list_command(client_t* c) noexcept nogil
cdef void client_kill_command(client_t* c) noexcept nogil
