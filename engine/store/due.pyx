"""Which hash has the field that dies first.

Inside a hash the table knows when its first field dies (core/table). So what is left to know is
which hash is next, and a binary heap of those that have such fields tells: a few words for each of
them, nothing for all others, and a hash that is deleted leaves it in log n steps.

Invariants
    U1  nodes[i].at is i, and no node is due before its parent
    U2  a list that was abandoned is freed with its last node
"""
from ..core.heap cimport heap_alloc, heap_free, heap_realloc

cdef enum:
    COUNT_MIN = 8


cdef due_list_t* due_list_create(heap_t* heap) noexcept nogil:
    cdef due_list_t* list = <due_list_t*>heap_alloc(heap, sizeof(due_list_t))
    list.nodes = NULL
    list.count = 0
    list.count_max = 0
    list.heap = heap
    list.abandoned = False
    return list


cdef void list_free(due_list_t* list) noexcept nogil:
    heap_free(list.heap, list.nodes, list.count_max * sizeof(due_node_t*))
    heap_free(list.heap, list, sizeof(due_list_t))


cdef void due_list_abandon(due_list_t* list) noexcept nogil:
    if list.count == 0:
        list_free(list)
    else:
        list.abandoned = True


cdef inline void place(due_list_t* list, size_t at, due_node_t* node) noexcept nogil:
    list.nodes[at] = node
    node.at = at                        # U1


cdef void sift(due_list_t* list, due_node_t* node) noexcept nogil:
    """Bring the node, whose time changed, to where it belongs."""
    cdef size_t at = node.at
    cdef size_t child
    while at and node.due_ms < list.nodes[(at - 1) >> 1].due_ms:
        place(list, at, list.nodes[(at - 1) >> 1])
        at = (at - 1) >> 1
    while True:
        child = 2 * at + 1
        if child >= list.count:
            break
        if child + 1 < list.count and list.nodes[child + 1].due_ms < list.nodes[child].due_ms:
            child += 1
        if node.due_ms <= list.nodes[child].due_ms:
            break
        place(list, at, list.nodes[child])
        at = child
    place(list, at, node)


cdef void due_put(due_list_t* list, due_node_t* node, int64_t due_ms,
                  uint64_t key_hash) noexcept nogil:
    cdef size_t more
    if node.list is not list:
        due_remove(node)
        if list.count == list.count_max:
            more = 2 * list.count if list.count else <size_t>COUNT_MIN
            list.nodes = <due_node_t**>heap_realloc(
                list.heap, list.nodes, list.count_max * sizeof(due_node_t*),
                more * sizeof(due_node_t*))
            list.count_max = more
        list.count += 1
        node.list = list
        node.at = list.count - 1
        list.nodes[node.at] = node
    node.due_ms = due_ms
    node.key_hash = key_hash
    sift(list, node)


cdef void due_remove(due_node_t* node) noexcept nogil:
    cdef due_list_t* list = node.list
    cdef due_node_t* last
    if list is NULL:
        return
    node.list = NULL
    list.count -= 1
    last = list.nodes[list.count]
    if last is not node:
        last.at = node.at
        list.nodes[last.at] = last
        sift(list, last)
    if list.count == 0:
        heap_free(list.heap, list.nodes, list.count_max * sizeof(due_node_t*))
        list.nodes = NULL
        list.count_max = 0
        if list.abandoned:              # U2
            list_free(list)


cdef void due_moved(due_node_t* node) noexcept nogil:
    if node.list is not NULL:
        node.list.nodes[node.at] = node
