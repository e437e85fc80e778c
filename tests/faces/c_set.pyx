"""Python face of engine/store/set.pxd, for tests/store/test_set.py only."""
cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t

from kvd.engine.core.heap cimport heap_free_all, heap_init, heap_t
from kvd.engine.core.listpack cimport listpack_value_t
from kvd.engine.core.rand cimport rand_seed, rand_t
from kvd.engine.core.table cimport SEGMENT_ITEMS_MAX, table_scan
from kvd.engine.core.types cimport slice_t
from kvd.engine.store.entry cimport (
    ENC_HASHTABLE, ENC_INTSET, ENC_LISTPACK, TYPE_SET, encoding_name,
)
from kvd.engine.store.set cimport (
    set_add, set_add_value, set_convert, set_count, set_create, set_expect, set_has,
    set_has_value, set_item_text, set_limits_t, set_make_intset, set_next, set_random, set_release,
    set_remove, set_remove_value, set_t, set_table, set_walk, set_walk_t,
)
from kvd.engine.store.value cimport (
    value_copy, value_count, value_effort, value_memory, value_move, value_release,
)


cdef slice_t slice_of(bytes text):
    return slice_t(text, len(text))


cdef object shown(const listpack_value_t* value):
    """bytes; an int where the encoding keeps a number."""
    if value.text.data is NULL:
        return value.number
    return value.text.data[:value.text.size]


@cython.final
cdef class Set:
    cdef heap_t heap
    cdef rand_t rand
    cdef uint64_t[2] secret
    cdef set_limits_t limits
    cdef set_t set

    def __cinit__(self, bytes first, size_t count, int64_t intset_entries, int64_t entries,
                  int64_t value, uint64_t seed=1):
        heap_init(&self.heap)
        rand_seed(&self.rand, seed)
        self.secret = [seed, ~seed]
        self.limits = set_limits_t(intset_entries, entries, value)
        self.set.heap = &self.heap
        self.set.secret = self.secret
        self.set.limits = &self.limits
        set_create(&self.set, slice_of(first), count)

    def close(self, size_t effort=1 << 30):
        """How many slices it took; None when bytes are missing."""
        slices = 1
        while value_release(&self.heap, TYPE_SET, self.set.encoding, self.set.body, effort):
            slices += 1
        return slices if heap_free_all(&self.heap) else None

    @property
    def encoding(self):
        return encoding_name(self.set.encoding).decode()

    def audit(self):
        assert set_count(&self.set) == value_count(TYPE_SET, self.set.encoding, self.set.body)
        assert value_memory(TYPE_SET, self.set.encoding, self.set.body, 0) == self.heap.used
        assert value_effort(TYPE_SET, self.set.encoding, self.set.body) >= 1

    def add(self, bytes member):
        return set_add(&self.set, slice_of(member))

    def remove(self, bytes member):
        return set_remove(&self.set, slice_of(member))

    def has(self, bytes member):
        return set_has(&self.set, slice_of(member))

    def add_number(self, int64_t number):
        """As members come that were numbers in another set; likewise below."""
        cdef listpack_value_t value = listpack_value_t(slice_t(NULL, 0), number)
        return set_add_value(&self.set, &value)

    def remove_number(self, int64_t number):
        cdef listpack_value_t value = listpack_value_t(slice_t(NULL, 0), number)
        return set_remove_value(&self.set, &value)

    def has_number(self, int64_t number):
        cdef listpack_value_t value = listpack_value_t(slice_t(NULL, 0), number)
        return set_has_value(&self.set, &value)

    def expect(self, size_t more):
        set_expect(&self.set, more)

    def convert(self, str encoding):
        set_convert(&self.set, {"intset": ENC_INTSET, "listpack": ENC_LISTPACK,
                                "hashtable": ENC_HASHTABLE}[encoding])

    def make_intset(self):
        set_make_intset(&self.set)

    def random(self):
        cdef listpack_value_t value
        set_random(&self.set, &self.rand, &value)
        return shown(&value)

    cdef object members_of(self, const set_t* set):
        cdef set_walk_t walk
        cdef listpack_value_t value
        members = []
        set_walk(&walk, set)
        while set_next(&walk, &value):
            members.append(shown(&value))
        return members

    def members(self):
        return self.members_of(&self.set)

    def copied(self):
        cdef set_t copy = self.set
        copy.body = value_copy(&self.heap, TYPE_SET, self.set.encoding, self.set.body)
        members = self.members_of(&copy)
        set_release(&copy)
        return members

    def move(self, unsigned percent):
        self.set.body = value_move(&self.heap, TYPE_SET, self.set.encoding, self.set.body, percent)

    def scan(self, uint64_t cursor):
        """One step of SCAN over a table: what it shows, and the cursor to go on with."""
        cdef void* items[SEGMENT_ITEMS_MAX]
        cdef size_t count, i
        cdef slice_t text
        assert self.set.encoding == ENC_HASHTABLE
        count = table_scan(set_table(self.set.body), &cursor, items)
        found = []
        for i in range(count):
            text = set_item_text(items[i])
            found.append(text.data[:text.size])
        return found, cursor
