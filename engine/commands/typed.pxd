"""Keys that must hold a certain type: what most commands of an aggregate begin and end with.

Each `_or_reply` has answered the client with WRONGTYPE when it says no. When it says yes, *entry is
the key's entry, or NULL where there is no such key.
"""
from libc.stdint cimport uint64_t

from ..core.listpack cimport listpack_value_t
from ..core.types cimport slice_t
from ..store.entry cimport encoding_t, entry_t, type_t
from ..wire.command cimport client_t

# The key is argument `at`. For reading: counts a hit or a miss, marks the key as used.
cdef bint read_typed_or_reply(client_t* c, int at, type_t type, entry_t** entry) noexcept nogil
# For commands that may change the value, which they may do only after this.
cdef bint write_typed_or_reply(client_t* c, int at, type_t type, entry_t** entry) noexcept nogil
# A new key, or a new value of an old one, whatever it was; takes the body. `hash` is the key's.
cdef entry_t* put_typed_take(client_t* c, uint64_t hash, slice_t key, type_t type,
                             encoding_t encoding, void* body) noexcept nogil
# A member, a field or its value, as a bulk string.
cdef void reply_element(client_t* c, const listpack_value_t* element) noexcept nogil
