"""Serving clients that wait: when a key is ready, when time is up, when somebody ends the wait.

Called where no command runs: behind a command with all that it did (a transaction, a script), and
once a turn.
"""
from ..commands.state cimport server_t
from ..wire.command cimport client_t

# Serve everybody whom the ready keys can serve.
cdef void blocked_serve(server_t* srv) noexcept nogil
# Run the command of a client that waits, and waited for memory besides, again.
cdef void blocked_retry(server_t* srv, client_t* c) noexcept nogil
# End the wait of those whose time is up.
cdef void blocked_timeouts(server_t* srv) noexcept nogil
# The unblock hook: end a wait as its timeout would, or with an error.
cdef bint blocked_end(void* owner, client_t* c, bint error) noexcept nogil
