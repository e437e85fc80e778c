"""Python face of engine/store/due.pxd, for tests/store/test_due.py only."""
cimport cython
from libc.stdint cimport int64_t, uint64_t

from kvd.engine.core.heap cimport heap_alloc, heap_free, heap_free_all, heap_init, heap_t
from kvd.engine.store.due cimport (
    due_first, due_list_abandon, due_list_create, due_list_t, due_moved, due_node_t, due_put,
    due_remove,
)


@cython.final
cdef class Due:
    """Two lists and numbered nodes, each in a block of its own, as in a hash's body."""
    cdef heap_t heap
    cdef due_list_t* lists[2]
    cdef due_node_t* nodes[64]

    def __cinit__(self):
        heap_init(&self.heap)
        for i in range(2):
            self.lists[i] = due_list_create(&self.heap)
        for i in range(64):
            self.nodes[i] = <due_node_t*>heap_alloc(&self.heap, sizeof(due_node_t))
            self.nodes[i].list = NULL

    def put(self, int which, int n, int64_t due_ms):
        due_put(self.lists[which], self.nodes[n], due_ms, <uint64_t>n)

    def remove(self, int n):
        due_remove(self.nodes[n])

    def move(self, int n):
        """Its block goes elsewhere."""
        cdef due_node_t* fresh = <due_node_t*>heap_alloc(&self.heap, sizeof(due_node_t))
        fresh[0] = self.nodes[n][0]
        heap_free(&self.heap, self.nodes[n], sizeof(due_node_t))
        self.nodes[n] = fresh
        due_moved(fresh)

    def abandon(self, int which):
        """The list, for another one in its place."""
        due_list_abandon(self.lists[which])
        self.lists[which] = due_list_create(&self.heap)

    def first(self, int which):
        cdef due_node_t* node = due_first(self.lists[which])
        return None if node is NULL else (node.due_ms, node.key_hash)

    def audit(self, int which):
        """U1; returns how many nodes there are."""
        cdef due_list_t* each = self.lists[which]
        for i in range(each.count):
            assert each.nodes[i].at == i and each.nodes[i].list is each
            assert i == 0 or each.nodes[(i - 1) // 2].due_ms <= each.nodes[i].due_ms
        return each.count

    def close(self):
        for i in range(64):
            due_remove(self.nodes[i])
            heap_free(&self.heap, self.nodes[i], sizeof(due_node_t))
        for i in range(2):
            due_list_abandon(self.lists[i])
        return self.heap.used == 0 and heap_free_all(&self.heap)
