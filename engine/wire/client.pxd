"""The life of a client: made, named, described, freed.

A command never frees a client, its own or another's: it sets CLIENT_CLOSE_SOON (after the reply
has left) or CLIENT_CLOSE_NOW, and the loop's reaper frees at the end of the turn.

Terms
    output        bytes of reply that the socket has not taken
    memory        what a client costs: itself, its buffers, its names, its transaction
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from ..core.types cimport slice_t
from ..store.keyspace cimport keyspace_t, store_t
from .command cimport client_t

# On the store's heap. `fd` -1 for a client without a socket.
cdef client_t* client_create(store_t* store, keyspace_t* ks, void* srv, int fd,
                             uint64_t id) noexcept nogil
# Everything it owns but its transaction, which commands/multi frees before.
cdef void client_release(client_t* c) noexcept nogil
# An owned copy in place of what *field owned.
cdef void client_set_text(client_t* c, slice_t* field, slice_t text) noexcept nogil

# Who it is: "default" until it is somebody else.
cdef slice_t client_user(const client_t* c) noexcept nogil
# What a name or a library's name may hold: printable ASCII without space.
cdef bint client_text_is_clean(slice_t text) noexcept nogil

cdef inline size_t client_output(const client_t* c) noexcept nogil:
    return c.reply.size - c.sent

cdef size_t client_memory(const client_t* c) noexcept nogil
