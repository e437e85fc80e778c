"""Keys that must hold a certain type: what most commands of an aggregate begin with.

Each function has answered the client with WRONGTYPE when it says no. When it says yes, *entry is
the key's entry, or NULL where there is no such key.
"""
from ..store.entry cimport entry_t, type_t
from ..wire.command cimport client_t

# The key is argument `at`. For reading: counts a hit or a miss, marks the key as used.
cdef bint read_typed_or_reply(client_t* c, int at, type_t type, entry_t** entry) noexcept nogil
# For commands that may change the value, which they may do only after this.
cdef bint write_typed_or_reply(client_t* c, int at, type_t type, entry_t** entry) noexcept nogil
