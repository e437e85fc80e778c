"""Which hash has the field that dies first: a heap of the hashes of one database.

Terms
    node     embedded in a hash's body; in no list while due_list is NULL
    due      a time before which no field of the hash is dead: a lower bound
    list     of one database; its hashes refer to it, so it outlives a flushed database until the
             last of them has left

A hash leaves its list when its body is released, whoever does it. Nobody needs to know the key: the
node keeps its hash.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t

from ..core.heap cimport heap_t

cdef struct due_list_t

cdef struct due_node_t:
    int64_t due_ms
    uint64_t key_hash
    due_list_t* list                    # NULL: in none
    size_t at

cdef struct due_list_t:
    due_node_t** nodes                  # owned: binary heap on due_ms
    size_t count
    size_t count_max
    heap_t* heap
    bint abandoned                      # goes with its last node

cdef due_list_t* due_list_create(heap_t* heap) noexcept nogil
# The owner leaves it.
cdef void due_list_abandon(due_list_t* list) noexcept nogil
# Put the node into this list, out of another one, or change its time there.
cdef void due_put(due_list_t* list, due_node_t* node, int64_t due_ms,
                  uint64_t key_hash) noexcept nogil
# Out of its list, if it is in one.
cdef void due_remove(due_node_t* node) noexcept nogil
# The node has come to lie at another place.
cdef void due_moved(due_node_t* node) noexcept nogil
# The earliest, or NULL.
cdef inline due_node_t* due_first(const due_list_t* list) noexcept nogil:
    return list.nodes[0] if list is not NULL and list.count else NULL
