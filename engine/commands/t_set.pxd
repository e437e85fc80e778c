"""What the commands on sets share."""
from ..store.entry cimport entry_t
from ..store.set cimport set_t
from ..wire.command cimport client_t

# A handle without a body: for set_create.
cdef void set_begin(client_t* c, set_t* set) noexcept nogil
# A handle on the value of a key.
cdef void set_open(client_t* c, set_t* set, const entry_t* entry) noexcept nogil
# What may have changed of it goes back into the entry.
cdef void set_close(const set_t* set, entry_t* entry) noexcept nogil
# A new key, or a new value of an old one, whatever it was; takes the body.
cdef void set_put_take(client_t* c, int key_at, const set_t* set) noexcept nogil
# The key, which has become empty, goes.
cdef void set_drop_empty(client_t* c, int key_at, entry_t* entry) noexcept nogil
