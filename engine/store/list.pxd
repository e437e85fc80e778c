"""The value of a list: one listpack while it is small, a chain of them when it is not.

Terms
    pack      a listpack (core/listpack)
    node      a pack in a chain, with room beside it for more at the list's ends
    large     an element that has a node of its own, to which nothing is added
    fill      list-max-listpack-size: -1 to -5 limit a pack to 4 to 64 KB, others its elements
    at        a place in a list: dies at any change but those that are given its address

    ENC_LISTPACK      body: the pack
    ENC_QUICKLIST     body: list_t

A list_value_t is made from an entry, changed, and its body and encoding go back to the entry: every
change may move the body. When an encoding is left, and how elements are spread over nodes, is
Valkey's rule, since OBJECT ENCODING shows it. Elements are at most LISTPACK_SIZE_SAFE bytes: the
caller refuses others.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from ..core.heap cimport heap_t
from ..core.listpack cimport listpack_get
from ..core.types cimport slice_t
from .entry cimport encoding_t

cdef struct list_node_t:
    list_node_t* prev
    list_node_t* next
    uint8_t* pack                       # owned: in a block that begins `gap` bytes before it
    uint32_t gap                        # bytes free before the pack
    uint32_t room                       # bytes of the block
    uint32_t count                      # elements
    bint large

cdef struct list_t:
    list_node_t* head                   # owned, as all nodes
    list_node_t* tail
    list_node_t* moving                 # where defragmentation goes on; NULL: at the head
    uint64_t count                      # elements
    uint64_t node_count
    int fill                            # as it was when the chain was made

cdef struct list_value_t:
    heap_t* heap
    encoding_t encoding
    void* body                          # owned
    int fill

cdef struct list_at_t:
    list_node_t* node                   # NULL in a single pack
    uint8_t* at                         # NULL: there is no such element

# A handle to read a body with.
cdef inline void list_view(list_value_t* list, encoding_t encoding,
                           const void* body) noexcept nogil:
    list.heap = NULL
    list.encoding = encoding
    list.body = <void*>body


# -- making -------------------------------------------------------------------------------------
cdef void list_create(list_value_t* list, heap_t* heap, int fill) noexcept nogil
# A chain without nodes, for readers of files: list_add_node_take, then list_shrink(list, False).
cdef void list_create_chain(list_value_t* list, heap_t* heap, int fill) noexcept nogil
# Takes an exact block of valid bytes with at least one element; a large one holds one element.
cdef void list_add_node_take(list_value_t* list, uint8_t* pack, bint large) noexcept nogil
cdef void list_release(list_value_t* list) noexcept nogil

# -- reading ------------------------------------------------------------------------------------
cdef uint64_t list_count(const list_value_t* list) noexcept nogil
# Index -1 is the last; false when there is none.
cdef bint list_seek(const list_value_t* list, int64_t index, list_at_t* at) noexcept nogil
# To the next or previous element; false at the end.
cdef bint list_next(const list_value_t* list, list_at_t* at) noexcept nogil
cdef bint list_prev(const list_value_t* list, list_at_t* at) noexcept nogil

cdef inline slice_t list_get(const list_at_t* at, char* scratch) noexcept nogil:
    """The element's bytes, in the list or in `scratch` (FORMAT_INT_MAX)."""
    return listpack_get(at.at, scratch)

# -- changing -----------------------------------------------------------------------------------
# Before elements of so many bytes are added: a pack that would pass its limit becomes a chain.
cdef void list_grow(list_value_t* list, size_t bytes, uint64_t count) noexcept nogil
# After elements were removed: a chain of one node within half of the limit becomes a pack, or
# with `half` false within all of it.
cdef void list_shrink(list_value_t* list, bint half) noexcept nogil
cdef void list_push(list_value_t* list, slice_t value, bint front) noexcept nogil
# Of a list that has elements. The list may be empty after it: its owner removes the key.
cdef void list_pop(list_value_t* list, bint front) noexcept nogil
# Beside *at; the place is lost.
cdef void list_insert(list_value_t* list, list_at_t* at, slice_t value, bint after) noexcept nogil
# In place of *at; the place is lost.
cdef void list_replace(list_value_t* list, list_at_t* at, slice_t value) noexcept nogil
# Remove *at, which becomes the next or the previous element; false when there is none.
cdef bint list_delete(list_value_t* list, list_at_t* at, bint forward) noexcept nogil
# Elements from index `start` >= 0 on; there may be fewer.
cdef void list_delete_range(list_value_t* list, uint64_t start, uint64_t count) noexcept nogil
