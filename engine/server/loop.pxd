"""The event loop: sockets in, replies out, one turn at a time, without the GIL.

Terms
    listener   a listening socket that Python opened and handed over
    wake fd    a descriptor whose readability ends the turn for Python: signals, other threads
    turn       wait, read and execute, write the journal, write replies, reap
"""
from libc.stdint cimport int64_t

from ..commands.state cimport server_t
from ..wire.command cimport client_t

cdef enum step_t:
    STEP_AGAIN = 0                      # nothing for Python
    STEP_WAKE = 1                       # the wake fd is readable: signals, calls of other threads
    STEP_STOP = 2                       # srv.stop was set
    STEP_FAILED = 3                     # epoll does not work: errno

cdef enum listener_t:
    LISTEN_TCP = 1
    LISTEN_UNIX = 2
    LISTEN_CONTROL = 3                  # the owner's socket: may do everything
    LISTEN_TLS = 4                      # TCP, and TLS on it

cdef enum:
    LISTENERS_MAX = 32

# Returns 0, or an errno.
cdef int loop_open(server_t* srv) noexcept nogil
cdef void loop_close(server_t* srv) noexcept nogil
cdef int loop_listen(server_t* srv, int fd, listener_t kind) noexcept nogil
# Stop listening on a descriptor; its owner closes it.
cdef void loop_unlisten(server_t* srv, int fd) noexcept nogil
# The descriptors listened on, and as what, each to room for LISTENERS_MAX. Returns how many.
cdef int loop_listeners(const server_t* srv, int* fds, listener_t* kinds) noexcept nogil
cdef int loop_set_wake(server_t* srv, int fd) noexcept nogil
# Connections from now on use this context (server/tls), which the loop takes; NULL: none.
cdef void loop_set_tls(server_t* srv, void* context) noexcept nogil
# Turns until Python is wanted, at most until `until_us` of the monotonic clock (0: no bound).
cdef step_t loop_run(server_t* srv, int64_t until_us) noexcept nogil

# A connected socket as a client; NULL when it was refused (and closed).
cdef client_t* loop_adopt(server_t* srv, int fd, listener_t kind) noexcept nogil
# Bytes have come for a client without a socket, or more of the old can be run: execute them.
cdef void loop_feed(server_t* srv, client_t* c, const char* data, size_t size) noexcept nogil
# What happens each turn with or without sockets: time, expiry, cron, eviction, lazy freeing.
cdef void loop_tick(server_t* srv) noexcept nogil
# A turn within a turn, while a script runs for too long: whoever speaks is executed, which mostly
# means told that the server is busy. The hook of server_hooks_t.
cdef void loop_serve_busy(void* owner) noexcept nogil
