"""Python face of engine/store/list.pxd, for tests/store/test_list.py only.

`audit` checks the invariants of list.pyx and tells how the elements lie in nodes.
"""
cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t

from kvd.engine.core.heap cimport heap_free_all, heap_init, heap_t
from kvd.engine.core.listpack cimport listpack_size, listpack_valid
from kvd.engine.core.number cimport FORMAT_INT_MAX
from kvd.engine.core.types cimport slice_t
from kvd.engine.store.entry cimport ENC_LISTPACK, ENC_QUICKLIST, TYPE_LIST
from kvd.engine.store.list cimport (
    list_at_t, list_count, list_create, list_delete, list_delete_range, list_get, list_grow,
    list_insert, list_next, list_node_t, list_pop, list_prev, list_push, list_release,
    list_replace, list_seek, list_shrink, list_t, list_value_t,
)
from kvd.engine.store.value cimport (
    value_copy, value_count, value_effort, value_memory, value_move, value_release,
)


cdef slice_t slice_of(bytes text):
    return slice_t(text, len(text))


@cython.final
cdef class List:
    cdef heap_t heap
    cdef list_value_t list

    def __cinit__(self, int fill):
        heap_init(&self.heap)
        list_create(&self.list, &self.heap, fill)

    def close(self, size_t effort=1 << 30):
        """How many slices it took; None when bytes are missing."""
        slices = 1
        while value_release(&self.heap, TYPE_LIST, self.list.encoding, self.list.body, effort):
            slices += 1
        return slices if heap_free_all(&self.heap) else None

    cdef object values_of(self, const list_value_t* list):
        cdef list_at_t at
        cdef char scratch[FORMAT_INT_MAX]
        cdef slice_t text
        values = []
        if list_seek(list, 0, &at):
            while True:
                text = list_get(&at, scratch)
                values.append(text.data[:text.size])
                if not list_next(list, &at):
                    break
        return values

    def forward(self):
        return self.values_of(&self.list)

    def backward(self):
        cdef list_at_t at
        cdef char scratch[FORMAT_INT_MAX]
        cdef slice_t text
        values = []
        if list_seek(&self.list, -1, &at):
            while True:
                text = list_get(&at, scratch)
                values.append(text.data[:text.size])
                if not list_prev(&self.list, &at):
                    break
        return values

    def audit(self):
        """[(elements, size, room), ...] of the nodes; None for a single pack."""
        cdef list_t* chain = <list_t*>self.list.body
        cdef list_node_t* node
        cdef list_node_t* prev = NULL
        cdef uint64_t count = 0
        cdef uint64_t total = 0
        cdef uint8_t* pack
        cdef size_t size
        nodes = []
        assert list_count(&self.list) == value_count(TYPE_LIST, self.list.encoding, chain)
        assert value_memory(TYPE_LIST, self.list.encoding, self.list.body, 0) == self.heap.used
        if self.list.encoding == ENC_LISTPACK:
            pack = <uint8_t*>self.list.body
            assert listpack_valid(pack, listpack_size(pack), NULL)
            return None
        assert self.list.encoding == ENC_QUICKLIST
        node = chain.head
        while node is not NULL:
            assert node.prev == prev
            size = listpack_size(node.pack)
            assert listpack_valid(node.pack, size, &count)
            assert count == node.count and count > 0
            assert node.gap + size <= node.room
            assert not node.large or count == 1
            if node.prev is not NULL and node.next is not NULL:
                assert node.room == size, "room inside of the chain"
            total += count
            nodes.append((count, size, node.room))
            prev = node
            node = node.next
        assert chain.tail == prev and chain.count == total
        total = len(nodes)
        assert chain.node_count == total
        assert value_effort(TYPE_LIST, ENC_QUICKLIST, chain) == total + 1
        return nodes

    def grow(self, size_t size, uint64_t count):
        list_grow(&self.list, size, count)

    def shrink(self, bint half):
        list_shrink(&self.list, half)

    def push(self, bytes value, bint front):
        list_push(&self.list, slice_of(value), front)

    def pop(self, bint front):
        list_pop(&self.list, front)

    cdef list_at_t at(self, int64_t index) except *:
        cdef list_at_t at
        if not list_seek(&self.list, index, &at):
            raise IndexError(index)
        return at

    def get(self, int64_t index):
        cdef char scratch[FORMAT_INT_MAX]
        cdef list_at_t at
        cdef slice_t text
        if not list_seek(&self.list, index, &at):
            return None
        text = list_get(&at, scratch)
        return text.data[:text.size]

    def insert(self, int64_t index, bytes value, bint after):
        cdef list_at_t at = self.at(index)
        list_insert(&self.list, &at, slice_of(value), after)

    def replace(self, int64_t index, bytes value):
        cdef list_at_t at = self.at(index)
        list_replace(&self.list, &at, slice_of(value))

    def delete(self, int64_t index, bint forward):
        """What stands at the place afterwards, or None."""
        cdef list_at_t at = self.at(index)
        cdef char scratch[FORMAT_INT_MAX]
        cdef slice_t text
        if not list_delete(&self.list, &at, forward):
            return None
        text = list_get(&at, scratch)
        return text.data[:text.size]

    def delete_range(self, uint64_t start, uint64_t count):
        list_delete_range(&self.list, start, count)

    def copied(self):
        """The values of a copy, and whether it takes what a copy of exact blocks would."""
        cdef list_value_t copy = self.list
        copy.body = value_copy(&self.heap, TYPE_LIST, self.list.encoding, self.list.body)
        values = self.values_of(&copy)
        list_release(&copy)
        return values

    def move(self, unsigned percent):
        self.list.body = value_move(&self.heap, TYPE_LIST, self.list.encoding, self.list.body,
                                    percent)

    def memory(self, size_t samples):
        return value_memory(TYPE_LIST, self.list.encoding, self.list.body, samples)
