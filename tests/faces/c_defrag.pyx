"""Python face of engine/store/defrag.pxd, for tests/store/test_defrag.py only."""
from libc.stdint cimport int64_t

from kvd.engine.core.heap cimport UNIT_SIZE
from kvd.engine.core.intrinsics cimport KVD_PLAIN_MALLOC
from kvd.engine.store.defrag cimport defrag_purge, defrag_step, defrag_t

from tests.faces.c_keyspace cimport Store

plain_malloc = bool(KVD_PLAIN_MALLOC)


cdef class Defrag:
    cdef defrag_t defrag
    cdef Store store

    def __init__(self, Store store):
        self.store = store

    def step(self, int64_t mono_us, int64_t budget_us=500):
        return defrag_step(&self.defrag, &self.store.store, mono_us, budget_us)

    def purge(self):
        defrag_purge(&self.store.store)

    def switch(self, bint off):
        self.defrag.off = off

    walking = property(lambda self: bool((<Defrag>self).defrag.walking))
    passes = property(lambda self: (<Defrag>self).defrag.passes)
    spent_us = property(lambda self: (<Defrag>self).defrag.spent_us)
    moves = property(lambda self: (<Defrag>self).store.heap.moves)
    dirty_units = property(lambda self: (<Defrag>self).store.heap.dirty_units)
    sparse_count = property(lambda self: (<Defrag>self).store.heap.sparse_count)

    def held(self):
        """Bytes of chunks and large blocks that may be resident."""
        return self.store.heap.mapped - self.store.heap.dirty_units * UNIT_SIZE
