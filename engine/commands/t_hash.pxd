"""What the commands on hashes share."""
from libc.stdint cimport int64_t

from ..core.types cimport slice_t
from ..store.entry cimport entry_t
from ..store.hash cimport hash_t
from ..wire.command cimport client_t

# A handle without a body: for hash_create.
cdef void hash_begin(client_t* c, hash_t* hash) noexcept nogil
# A handle on the value of a key; with entry NULL: on a new, empty one.
cdef void hash_open(client_t* c, hash_t* hash, const entry_t* entry) noexcept nogil
# What may have changed goes back into the entry, or, with entry NULL, into a new key; a hash
# without fields is deleted, with its event. The key is argument 1.
cdef void hash_close(client_t* c, hash_t* hash, entry_t* entry) noexcept nogil
# A field was set where a dead one stood: counts it, raises its event.
cdef void hash_note_revived(client_t* c) noexcept nogil
# Its value, or null.
cdef void reply_field(client_t* c, const hash_t* hash, slice_t field) noexcept nogil
