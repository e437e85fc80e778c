"""Client-side caching: who is told that a key it may have cached has changed.

Terms
    tracker       a client with CLIENT TRACKING on
    tracked       a key that some tracker has read; it is told once, and must read again to be told
                  again
    broadcast     the other mode: a tracker is told of every change of keys that begin with one of
                  its prefixes, read or not, once a turn
    redirect      another client is told in the tracker's place
    invalidation  the message: a RESP3 push, or in RESP2 one on __redis__:invalidate

Keys are tracked by name alone, whatever their database.
"""
from libc.stdint cimport int64_t

from ..core.types cimport slice_t
from ..store.keyspace cimport keyspace_t
from ..wire.command cimport client_t, command_t
from .state cimport server_t

cdef void tracking_init(server_t* srv) noexcept nogil
# Every client has left.
cdef void tracking_free(server_t* srv) noexcept nogil

# The store's on_tracked hook; `owner` is the server.
cdef void tracking_touched(void* owner, keyspace_t* ks, slice_t key) noexcept nogil
# Every key may have changed: FLUSHDB, FLUSHALL.
cdef void tracking_flushed(server_t* srv) noexcept nogil
# A command of `c` has run: what it read is tracked. Only while there are trackers.
cdef void tracking_called(server_t* srv, client_t* c, const command_t* cmd) noexcept nogil
# Send what broadcasts of this turn have come to: srv.tracking.changed of them.
cdef void tracking_broadcast(server_t* srv) noexcept nogil
# Free some of what a flush has dropped.
cdef void tracking_reap(server_t* srv) noexcept nogil

# CLIENT TRACKING OFF, without a reply: RESET.
cdef void tracking_stop(client_t* c) noexcept nogil
# The client leaves: nobody can be told in another's place by it.
cdef void tracking_leave(client_t* c) noexcept nogil
# Id of the client that is told in its place, 0 for none; -1 when it does not track.
cdef int64_t tracking_redirect(const client_t* c) noexcept nogil
