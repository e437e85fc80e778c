"""Python face of engine/core/idlist.pxd, for tests/core/test_idlist.py only."""
from libc.stdint cimport uint64_t

from kvd.engine.core.heap cimport heap_free_all, heap_init, heap_t
from kvd.engine.core.idlist cimport (
    id_place_t, id_t, idlist_at, idlist_copy, idlist_find, idlist_first, idlist_free,
    idlist_free_some, idlist_init, idlist_insert, idlist_last, idlist_memory, idlist_move,
    idlist_remove, idlist_remove_at, idlist_seek, idlist_step, idlist_step_back, idlist_t,
)


cdef id_t id_of(pair) except *:
    return id_t(pair[0], pair[1])


cdef class List:
    """A list of records of 24 bytes: an id, and a number."""
    cdef heap_t heap
    cdef idlist_t list

    def __cinit__(self):
        heap_init(&self.heap)
        idlist_init(&self.list, 24)

    def close(self):
        """True when every byte was given back."""
        idlist_free(&self.heap, &self.list)
        return self.heap.used == 0 and heap_free_all(&self.heap)

    def insert(self, pair, number):
        """False when it was there; then its number is replaced."""
        cdef bint found
        cdef uint64_t* record = <uint64_t*>idlist_insert(&self.heap, &self.list, id_of(pair),
                                                         &found)
        record[2] = number
        return not found

    def remove(self, pair):
        return idlist_remove(&self.heap, &self.list, id_of(pair))

    def remove_from(self, pair, count):
        """Remove `count` records from the first at or behind `pair` on."""
        cdef id_place_t place = idlist_seek(&self.list, id_of(pair))
        for _ in range(count):
            if idlist_at(&self.list, place) is NULL:
                return
            idlist_remove_at(&self.heap, &self.list, &place)

    def find(self, pair):
        cdef uint64_t* record = <uint64_t*>idlist_find(&self.list, id_of(pair))
        return None if record is NULL else record[2]

    def last(self):
        cdef uint64_t* record = <uint64_t*>idlist_last(&self.list)
        return None if record is NULL else (record[0], record[1])

    def __len__(self):
        return self.list.count

    def items(self, pair=None):
        """From `pair` on; from the first one without."""
        cdef id_place_t place = idlist_first(&self.list)
        cdef uint64_t* record
        if pair is not None:
            place = idlist_seek(&self.list, id_of(pair))
        found = []
        while True:
            record = <uint64_t*>idlist_at(&self.list, place)
            if record is NULL:
                return found
            found.append(((record[0], record[1]), record[2]))
            idlist_step(&self.list, &place)

    def items_back(self, pair):
        """Those before `pair`, backwards."""
        cdef id_place_t place = idlist_seek(&self.list, id_of(pair))
        cdef uint64_t* record
        found = []
        while idlist_step_back(&self.list, &place):
            record = <uint64_t*>idlist_at(&self.list, place)
            found.append(((record[0], record[1]), record[2]))
        return found

    def copy_items(self):
        """Of a copy, which is freed again a chunk at a time."""
        cdef List other = List()
        cdef int steps = 0
        idlist_copy(&other.heap, &other.list, &self.list)
        items = other.items()
        while idlist_free_some(&other.heap, &other.list, 1):
            steps += 1
        assert other.close()
        return items

    def move(self):
        idlist_move(&self.heap, &self.list, 100)

    def memory(self):
        assert idlist_memory(&self.list) == self.heap.used
        return self.heap.used
