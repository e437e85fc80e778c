"""MONITOR: every command, as it runs, to whoever asked to watch."""
from ..commands.state cimport server_t
from ..wire.command cimport client_t, command_t

# Tell all monitors of a command that ran, with argv still in place. Called only while
# srv.monitors; commands that are administrative, or that say so, are not shown.
cdef void monitor_feed(server_t* srv, const client_t* c, const command_t* cmd) noexcept nogil
# The same before it runs, whatever it says of itself: the hook for scripts.
cdef void monitor_feed_now(void* owner, client_t* c) noexcept nogil
