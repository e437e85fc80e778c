"""Python face of engine/core/ordered.pxd, for tests/core/test_ordered.py only.

`audit` checks the invariants of ordered.pyx; it knows the shape of an inner node from that file.
"""
cimport cython
from libc.stdint cimport uint32_t, uint64_t, uintptr_t

from kvd.engine.core.heap cimport heap_free_all, heap_init, heap_t
from kvd.engine.core.ordered cimport (
    BOUND_BOTH, BOUND_MEMBER, BOUND_SCORE, ORDERED_LEAF_MAX, bound_t, leaf_item, leaf_t,
    ordered_after, ordered_at, ordered_before, ordered_count_before, ordered_drain, ordered_free,
    ordered_init, ordered_insert, ordered_move, ordered_move_nodes, ordered_overhead,
    ordered_rank, ordered_remove, ordered_rescore, ordered_t, ordered_take, place_item,
    place_next, place_prev, place_t, scored_create, scored_member, scored_release, scored_t,
)
from kvd.engine.core.types cimport slice_t

leaf_max = ORDERED_LEAF_MAX

cdef enum:
    INNER_MAX = 31

cdef struct inner_t:
    uint64_t count
    double score[INNER_MAX]
    scored_t* first[INNER_MAX]
    void* child[INNER_MAX]
    uint64_t items[INNER_MAX]


cdef bytes member_of(const scored_t* item):
    cdef slice_t member = scored_member(item)
    return member.data[:member.size]


cdef tuple pair_of(const scored_t* item):
    return item.score, member_of(item)


@cython.final
cdef class Ordered:
    cdef heap_t heap
    cdef ordered_t tree
    cdef dict items                     # member -> address

    def __cinit__(self):
        heap_init(&self.heap)
        ordered_init(&self.tree, &self.heap)
        self.items = {}

    def __dealloc__(self):
        ordered_free(&self.tree)
        heap_free_all(&self.heap)

    def __len__(self):
        return self.tree.count

    @property
    def height(self):
        return self.tree.height

    @property
    def overhead(self):
        return ordered_overhead(&self.tree)

    @property
    def used(self):
        return self.heap.used

    cdef scored_t* item(self, bytes member):
        return <scored_t*><uintptr_t>self.items[member]

    def insert(self, double score, bytes member):
        cdef scored_t* item = scored_create(
            &self.heap, score, slice_t(<const char*>member, len(member)))
        assert member not in self.items
        self.items[member] = <uintptr_t>item
        ordered_insert(&self.tree, item)

    def remove(self, bytes member):
        cdef scored_t* item = self.item(member)
        ordered_remove(&self.tree, item)
        scored_release(&self.heap, item)
        del self.items[member]

    def rescore(self, bytes member, double score):
        ordered_rescore(&self.tree, self.item(member), score)

    def take(self, uint64_t rank, uint64_t count):
        cdef scored_t* out[ORDERED_LEAF_MAX]
        taken = []
        for i in range(ordered_take(&self.tree, rank, count, out)):
            pair = pair_of(out[i])
            taken.append(pair)
            del self.items[pair[1]]
            scored_release(&self.heap, out[i])
        return taken

    def move(self, bytes member):
        self.items[member] = <uintptr_t>ordered_move(&self.tree, self.item(member))

    def move_nodes(self, unsigned percent):
        cdef uint64_t rank = 0
        while True:
            rank = ordered_move_nodes(&self.tree, rank, percent)
            if rank == 0:
                return

    def rank(self, bytes member):
        return ordered_rank(&self.tree, self.item(member))

    cdef bound_t bound(self, score, bytes member, bint after):
        cdef bound_t bound
        bound.kind = (BOUND_MEMBER if score is None else BOUND_SCORE if member is None
                      else BOUND_BOTH)
        bound.score = 0 if score is None else score
        bound.member = slice_t(NULL, 0)
        if member is not None:
            bound.member = slice_t(<const char*>member, len(member))
        bound.after = after
        return bound

    def count_before(self, score, bytes member, bint after):
        cdef bound_t bound = self.bound(score, member, after)
        return ordered_count_before(&self.tree, &bound)

    def walk(self, score, bytes member, bint after, bint forward, int count):
        """Up to `count` from the cut on, in either direction."""
        cdef bound_t bound = self.bound(score, member, after)
        cdef place_t place = (ordered_after(&self.tree, &bound) if forward
                              else ordered_before(&self.tree, &bound))
        found = []
        while place.leaf is not NULL and len(found) < count:
            found.append(pair_of(place_item(place)))
            if forward:
                place_next(&place)
            else:
                place_prev(&place)
        return found

    def at(self, uint64_t rank):
        cdef place_t place = ordered_at(&self.tree, rank)
        return pair_of(place_item(place)) if place.leaf is not NULL else None

    def drain(self, size_t nodes_max):
        """True while nodes remain; the members go with the last of them."""
        if ordered_drain(&self.tree, nodes_max):
            return True
        for address in self.items.values():
            scored_release(&self.heap, <scored_t*><uintptr_t>address)
        self.items.clear()
        return False

    def everything(self):
        cdef leaf_t* leaf = self.tree.first
        cdef leaf_t* prev = NULL
        cdef uint32_t at
        found = []
        while leaf is not NULL:
            assert leaf.prev is prev
            for at in range(leaf.count):
                found.append(pair_of(leaf_item(leaf, at)))
            prev = leaf
            leaf = leaf.next
        assert self.tree.last is prev
        return found

    cdef tuple look(self, void* node, uint32_t height):
        """(first member, members, leaves, inner nodes, how full) of a subtree."""
        cdef inner_t* inner = <inner_t*>node
        cdef leaf_t* leaf = <leaf_t*>node
        if height == 0:
            assert 0 < leaf.count <= ORDERED_LEAF_MAX
            fill = leaf.count / <double>ORDERED_LEAF_MAX
            return <uintptr_t>leaf_item(leaf, 0), leaf.count, 1, 0, fill
        assert 0 < inner.count <= INNER_MAX
        total = [0, 0, 1]
        fills = []
        for i in range(inner.count):
            first, items, leaves, inners, fill = self.look(inner.child[i], height - 1)
            assert <uintptr_t>inner.first[i] == first                       # O1
            assert inner.score[i] == inner.first[i].score
            assert inner.items[i] == items                                  # O2
            total = [total[0] + items, total[1] + leaves, total[2] + inners]
            fills.append(fill)
        for a, b in zip(fills, fills[1:]):                                  # O4
            assert max(a, b) > 0.47 or a + b > 0.7, (a, b, height)
        return <uintptr_t>inner.first[0], *total, inner.count / <double>INNER_MAX

    def audit(self):
        if self.tree.count == 0:
            assert not self.tree.root and not self.tree.height and not self.tree.leaves
            return
        _, items, leaves, inners, _ = self.look(self.tree.root, self.tree.height)
        assert items == self.tree.count == len(self.items)
        assert leaves == self.tree.leaves and inners == self.tree.inners
        if self.tree.height:
            assert (<inner_t*>self.tree.root).count > 1                     # O3
        found = self.everything()
        assert all(a < b for a, b in zip(found, found[1:]))                 # O5
