"""The table of clients, and the lists a client can stand in.

Lists are singly linked through the client and unlinked by a walk: a client that leaves is rarely
in one, and its flags say so (C2).
"""

from ..commands.blocked cimport blocked_forget
from ..commands.connection cimport connection_greet
from ..commands.multi cimport multi_free
from ..commands.pubsub cimport pubsub_leave
from ..commands.tracking cimport tracking_leave
from ..core.heap cimport heap_realloc
from ..wire.client cimport client_create, client_release
from ..wire.command cimport (
    CLIENT_BARRED, CLIENT_CLOSING, CLIENT_CONTROL, CLIENT_MONITOR, CLIENT_PAUSED,
    CLIENT_PENDING_WRITE, CLIENT_READY,
)
from .door cimport door_leave
from .housekeeping cimport housekeeping_account
from .tls cimport tls_release

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef enum:
    CLIENTS_FIRST = 16


cdef client_t* client_attach(server_t* srv, int fd) noexcept nogil:
    cdef client_t* c
    cdef uint32_t more
    if srv.client_count == srv.clients_max:
        more = srv.clients_max * 2 if srv.clients_max else CLIENTS_FIRST
        srv.clients = <client_t**>heap_realloc(
            &srv.heap, srv.clients, srv.clients_max * sizeof(void*), more * sizeof(void*))
        srv.clients_max = more
    srv.client_next_id += 1
    c = client_create(&srv.store, &srv.databases[0], srv, fd, srv.client_next_id)
    c.index = srv.client_count
    c.created_us = srv.mono_us
    c.active_us = srv.mono_us
    connection_greet(srv, c)
    housekeeping_account(srv, c)
    srv.clients[srv.client_count] = c           # C1
    srv.client_count += 1
    srv.socket_count += 1 if fd >= 0 else 0
    return c


cdef void client_detach(server_t* srv, client_t* c) noexcept nogil:
    cdef client_t* last
    leave_lists(srv, c)
    srv.monitors -= 1 if c.flags & CLIENT_MONITOR else 0
    srv.clients_memory -= c.memory_counted
    srv.client_count -= 1
    last = srv.clients[srv.client_count]
    srv.clients[c.index] = last
    last.index = c.index                        # C1
    if c.fd >= 0:
        srv.socket_count -= 0 if c.flags & CLIENT_CONTROL or c.modes & CLIENT_BARRED else 1
        if c.modes & CLIENT_BARRED:
            door_leave(srv)
        if c.tls is not NULL:
            tls_release(c.tls)
        close(c.fd)
    blocked_forget(c)
    pubsub_leave(c)
    tracking_leave(c)
    multi_free(c)
    client_release(c)


# -- lists ----------------------------------------------------------------------------------------

cdef void leave_lists(server_t* srv, client_t* c) noexcept nogil:
    cdef client_t** at
    if c.flags & CLIENT_PENDING_WRITE:
        at = &srv.pending_write
        while at[0] is not c:
            at = &at[0].next_pending
        at[0] = c.next_pending
    if c.flags & (CLIENT_PAUSED | CLIENT_READY):
        at = &srv.parked if c.flags & CLIENT_PAUSED else &srv.ready
        while at[0] is not c:
            at = &at[0].next_parked
        at[0] = c.next_parked
    if c.flags & CLIENT_CLOSING:
        at = &srv.closing
        while at[0] is not c:
            at = &at[0].next_closing
        at[0] = c.next_closing


cdef void client_park(server_t* srv, client_t* c) noexcept nogil:
    c.flags |= CLIENT_PAUSED                    # C2
    c.next_parked = srv.parked
    srv.parked = c


cdef void client_wake_parked(server_t* srv) noexcept nogil:
    """Last parked first, onto a list of which the first is taken first: so the order in which they
    came is the order in which they run."""
    cdef client_t* c
    while srv.parked is not NULL:
        c = srv.parked
        srv.parked = c.next_parked
        c.flags = (c.flags & ~<uint32_t>CLIENT_PAUSED) | CLIENT_READY
        c.next_parked = srv.ready
        srv.ready = c


cdef void client_make_ready(server_t* srv, client_t* c, uint32_t why) noexcept nogil:
    c.flags |= why
    if c.flags & (CLIENT_READY | CLIENT_PAUSED):
        return
    c.flags |= CLIENT_READY                     # C2
    c.next_parked = srv.ready
    srv.ready = c


cdef void client_write_later(server_t* srv, client_t* c) noexcept nogil:
    if c.flags & CLIENT_PENDING_WRITE:
        return
    c.flags |= CLIENT_PENDING_WRITE             # C2
    c.next_pending = srv.pending_write
    srv.pending_write = c


cdef void client_close_later(server_t* srv, client_t* c) noexcept nogil:
    c.flags |= CLIENT_CLOSING                   # C2
    c.next_closing = srv.closing
    srv.closing = c
