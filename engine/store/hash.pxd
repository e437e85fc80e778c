"""A hash's value: fields, each with a value, and with a deadline where it was given one.

Terms
    listpack   few and short fields, by turns with their values: core/listpack
    hashtable  the others, and every hash in which a field was ever given a deadline: a core/table,
               field, value and deadline in one block
    dead       a field whose deadline has passed: reading never sees it, though it may stand there
    limits     how many and how long fields and values may be in a listpack
    walk       every living field once; nothing may change the hash meanwhile

A hash_t is a handle on a body that lies in an entry, or in none yet. A change may replace the body
and the encoding, which the caller then writes back to the entry.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t

from ..core.heap cimport heap_t
from ..core.listpack cimport listpack_value_t
from ..core.rand cimport rand_t
from ..core.table cimport NO_DEADLINE, table_t
from ..core.types cimport slice_t
from .due cimport due_node_t
from .items cimport items_walk_t
from .value cimport encoding_t

cdef struct hash_limits_t:
    int64_t listpack_entries
    int64_t listpack_value              # bytes

cdef struct hash_t:
    heap_t* heap
    const uint64_t* secret              # two words, borrowed: the server's hash key
    const hash_limits_t* limits         # borrowed
    int64_t now_ms                      # what is due by then is dead
    encoding_t encoding
    void* body                          # owned by the entry, once it is in one

# What became of a field.
cdef enum hash_changed_t:
    HASH_NEW = 0
    HASH_CHANGED = 1
    HASH_REVIVED = 2                    # new in place of a dead one

cdef struct hash_walk_t:
    encoding_t encoding
    const void* body
    int64_t now_ms
    const uint8_t* at                   # listpack: the next field
    items_walk_t items                  # hashtable
    const void* item                    # ... the one that hash_next returned last

# A handle to read a body with, the dead fields too.
cdef inline void hash_view(hash_t* hash, encoding_t encoding, const void* body) noexcept nogil:
    hash.heap = NULL
    hash.now_ms = -NO_DEADLINE
    hash.encoding = encoding
    hash.body = <void*>body


cdef void hash_create(hash_t* hash) noexcept nogil
cdef void hash_create_as(hash_t* hash, encoding_t encoding) noexcept nogil
cdef void hash_release(hash_t* hash) noexcept nogil
# Fields, with the dead ones that stand there: what HLEN says.
cdef uint64_t hash_count(const hash_t* hash) noexcept nogil
cdef uint64_t hash_living(const hash_t* hash) noexcept nogil
# These fields and values, by turns, will be set.
cdef void hash_expect(hash_t* hash, const slice_t* args, size_t count) noexcept nogil
cdef void hash_to_table(hash_t* hash) noexcept nogil

# A living field's value, borrowed; FORMAT_INT_MAX of `scratch` may be used for it.
cdef bint hash_get(const hash_t* hash, slice_t field, char* scratch,
                   slice_t* value) noexcept nogil
cdef bint hash_has(const hash_t* hash, slice_t field) noexcept nogil
# Of a living field: its deadline or NO_DEADLINE; False when there is no such field.
cdef bint hash_deadline(const hash_t* hash, slice_t field, int64_t* deadline_ms) noexcept nogil
# Set a field, and its deadline; NO_DEADLINE for none. The slices must not lie in the hash.
cdef hash_changed_t hash_set(hash_t* hash, slice_t field, slice_t value,
                             int64_t deadline_ms) noexcept nogil
# Give a living field another deadline; false when there is no such field.
cdef bint hash_set_deadline(hash_t* hash, slice_t field, int64_t deadline_ms) noexcept nogil
# False when it was not there, or is dead: then it stays.
cdef bint hash_delete(hash_t* hash, slice_t field) noexcept nogil
# Fields that died, into `out` (SEGMENT_ITEMS_MAX): every one of them must go by hash_drop_item.
cdef size_t hash_take_dead(hash_t* hash, void** out) noexcept nogil
cdef void hash_drop_item(hash_t* hash, void* item) noexcept nogil

cdef void hash_walk(hash_walk_t* walk, const hash_t* hash) noexcept nogil
cdef bint hash_next(hash_walk_t* walk, listpack_value_t* field,
                    listpack_value_t* value) noexcept nogil
# The deadline of the field that hash_next returned last.
cdef int64_t hash_walk_deadline(const hash_walk_t* walk) noexcept nogil
# Any living field of a hash that has one, each as likely.
cdef bint hash_random(const hash_t* hash, rand_t* rand, listpack_value_t* field,
                      listpack_value_t* value) noexcept nogil

# The table of a hashtable, and its items.
cdef table_t* hash_table(const void* body) noexcept nogil
cdef slice_t hash_item_field(const void* item) noexcept nogil
cdef slice_t hash_item_value(const void* item) noexcept nogil
cdef int64_t hash_item_deadline(const void* item) noexcept nogil
# The earliest deadline that may be in there: a lower bound; NO_DEADLINE when there is none.
cdef int64_t hash_due_ms(encoding_t encoding, const void* body) noexcept nogil
# The node by which a database knows that bound; of a hashtable.
cdef due_node_t* hash_due_node(void* body) noexcept nogil
cdef void* hash_of_due_node(due_node_t* node) noexcept nogil
