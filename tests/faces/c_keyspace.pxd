"""The store that the faces of this floor share: a heap, a few databases, a log of hooks."""
from libc.stdint cimport uint64_t

from kvd.engine.core.heap cimport heap_t
from kvd.engine.store.entry cimport entry_t
from kvd.engine.store.keyspace cimport keyspace_t, store_t

cdef enum:
    DATABASES = 4

cdef class Store:
    cdef heap_t heap
    cdef store_t store
    cdef keyspace_t databases[DATABASES]
    cdef readonly list log
    cdef object shown(self, entry_t* entry)
    cdef entry_t* entry_of(self, bytes key, int db) except NULL
