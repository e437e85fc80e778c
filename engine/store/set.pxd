"""A set's value: members that differ, in no order of theirs.

Terms
    member    bytes, or a number where the encoding keeps it as one: its text is what we would
              write for it
    intset    all members are numbers: core/intset
    listpack  few and short members: core/listpack
    hashtable the others: a core/table, each member a block of its own
    limits    how many and how long members may be before the encoding changes
    walk      every member once; nothing may change the set meanwhile

A set_t is a handle on a body that lies in an entry, or in none yet. A change may replace the body
and the encoding, which the caller then writes back to the entry. Encodings change as Valkey's do.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from ..core.heap cimport heap_t
from ..core.listpack cimport listpack_value_t
from ..core.rand cimport rand_t
from ..core.table cimport table_t
from ..core.types cimport slice_t
from .entry cimport encoding_t
from .items cimport items_walk_t

cdef struct set_limits_t:
    int64_t intset_entries
    int64_t listpack_entries
    int64_t listpack_value              # bytes

cdef struct set_t:
    heap_t* heap
    const uint64_t* secret              # two words, borrowed: the server's hash key
    const set_limits_t* limits          # borrowed
    encoding_t encoding
    void* body                          # owned by the entry, once it is in one

cdef struct set_walk_t:
    encoding_t encoding
    const void* body
    const uint8_t* at                   # listpack
    uint32_t place                      # intset
    items_walk_t items                  # hashtable

# A handle to read a body with.
cdef inline void set_view(set_t* set, encoding_t encoding, const void* body) noexcept nogil:
    set.heap = NULL
    set.encoding = encoding
    set.body = <void*>body


# An empty set, as it is best begun when `first` is the first of about `count` members.
cdef void set_create(set_t* set, slice_t first, size_t count) noexcept nogil
# An empty set of that encoding.
cdef void set_create_as(set_t* set, encoding_t encoding) noexcept nogil
cdef void set_release(set_t* set) noexcept nogil
cdef uint64_t set_count(const set_t* set) noexcept nogil
# Up to `more` members will be added.
cdef void set_expect(set_t* set, size_t more) noexcept nogil
# False when it was there, or was not.
cdef bint set_add(set_t* set, slice_t member) noexcept nogil
cdef bint set_add_value(set_t* set, const listpack_value_t* member) noexcept nogil
cdef bint set_remove(set_t* set, slice_t member) noexcept nogil
cdef bint set_remove_value(set_t* set, const listpack_value_t* member) noexcept nogil
cdef bint set_has(const set_t* set, slice_t member) noexcept nogil
cdef bint set_has_value(const set_t* set, const listpack_value_t* member) noexcept nogil
cdef void set_convert(set_t* set, encoding_t encoding) noexcept nogil
# All members are numbers: an intset, if it is not too long for one.
cdef void set_make_intset(set_t* set) noexcept nogil
# Any member of a set that has some, each as likely; borrowed until the set changes.
cdef void set_random(const set_t* set, rand_t* rand, listpack_value_t* member) noexcept nogil

cdef void set_walk(set_walk_t* walk, const set_t* set) noexcept nogil
# The next member, borrowed; False at the end.
cdef bint set_next(set_walk_t* walk, listpack_value_t* member) noexcept nogil
# The table of a hashtable, whose items are members: for SCAN.
cdef const table_t* set_table(const void* body) noexcept nogil
cdef slice_t set_item_text(const void* item) noexcept nogil
