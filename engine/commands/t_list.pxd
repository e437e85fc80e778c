"""What the list commands share with each other and with SORT.

    cdef list_value_t list
    list_open(c, entry, &list)          # from the key's entry
    ... list_push, list_pop, ...        # store/list
    list_keep(entry, &list)             # what it became, unless it is empty: then list_removed

Each `_or_reply` has answered the client when it says no.
"""
from libc.stdint cimport int64_t, uint64_t

from ..core.types cimport slice_t
from ..store.entry cimport entry_body, entry_encoding, entry_set_body, entry_set_encoding, entry_t
from ..store.list cimport list_value_t
from ..wire.command cimport client_t

cdef inline void list_keep(entry_t* entry, const list_value_t* list) noexcept nogil:
    entry_set_body(entry, list.body)
    entry_set_encoding(entry, list.encoding)

cdef void list_open(const client_t* c, const entry_t* entry, list_value_t* list) noexcept nogil
# A new list, which has elements, under a key that holds nothing.
cdef void list_put_take(client_t* c, slice_t key, list_value_t* list) noexcept nogil
# One element on an end of the key's list, which is made when `entry` is NULL. The text must not
# lie in that list. Raises lpush or rpush.
cdef void list_push_key(client_t* c, slice_t key, entry_t* entry, slice_t text,
                        bint front) noexcept nogil
# Elements have been removed from the end named: raises lpop or rpop, removes the key when none is
# left, else puts the value back.
cdef void list_popped(client_t* c, slice_t key, entry_t* entry, list_value_t* list,
                      bint front) noexcept nogil
# Pop `count` elements, as many as there are, and answer with an array of them. Returns how many.
cdef uint64_t list_pop_many(client_t* c, slice_t key, entry_t* entry, uint64_t count,
                            bint front) noexcept nogil
# LEFT or RIGHT.
cdef bint list_end_or_reply(client_t* c, slice_t word, bint* front) noexcept nogil
# Elements are at most LISTPACK_SIZE_SAFE bytes: no limit that many will meet.
cdef bint list_sizes_or_reply(client_t* c, int first, int last, size_t* size) noexcept nogil
