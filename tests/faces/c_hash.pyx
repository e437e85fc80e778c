"""Python face of engine/store/hash.pxd, for tests/store/test_hash.py only."""
cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t

from kvd.engine.core.heap cimport heap_alloc, heap_free, heap_free_all, heap_init, heap_t
from kvd.engine.core.listpack cimport listpack_value_t
from kvd.engine.core.rand cimport rand_seed, rand_t
from kvd.engine.core.table cimport NO_DEADLINE, SEGMENT_ITEMS_MAX, table_scan
from kvd.engine.core.types cimport slice_t
from kvd.engine.store.entry cimport ENC_HASHTABLE, TYPE_HASH, encoding_name
from kvd.engine.store.hash cimport (
    hash_count, hash_create, hash_deadline, hash_delete, hash_drop_item, hash_due_ms, hash_expect,
    hash_get, hash_has, hash_item_field, hash_limits_t, hash_living, hash_next, hash_random,
    hash_release, hash_set, hash_set_deadline, hash_t, hash_table, hash_take_dead, hash_to_table,
    hash_walk, hash_walk_deadline, hash_walk_t,
)
from kvd.engine.store.value cimport (
    value_copy, value_count, value_effort, value_memory, value_move, value_release,
)

no_deadline = NO_DEADLINE
CHANGES = ("new", "changed", "revived")


cdef slice_t slice_of(bytes text):
    return slice_t(text, len(text))


cdef bytes shown(const listpack_value_t* value):
    if value.text.data is NULL:
        return b"%d" % value.number
    return value.text.data[:value.text.size]


@cython.final
cdef class Hash:
    cdef heap_t heap
    cdef rand_t rand
    cdef uint64_t[2] secret
    cdef hash_limits_t limits
    cdef hash_t hash

    def __cinit__(self, int64_t entries, int64_t value, uint64_t seed=1):
        heap_init(&self.heap)
        rand_seed(&self.rand, seed)
        self.secret = [seed, ~seed]
        self.limits = hash_limits_t(entries, value)
        self.hash.heap = &self.heap
        self.hash.secret = self.secret
        self.hash.limits = &self.limits
        self.hash.now_ms = 0
        hash_create(&self.hash)

    def close(self, size_t effort=1 << 30):
        """How many slices it took; None when bytes are missing."""
        slices = 1
        while value_release(&self.heap, TYPE_HASH, self.hash.encoding, self.hash.body, effort):
            slices += 1
        return slices if heap_free_all(&self.heap) else None

    @property
    def encoding(self):
        return encoding_name(self.hash.encoding).decode()

    def audit(self):
        assert hash_count(&self.hash) == value_count(TYPE_HASH, self.hash.encoding,
                                                     self.hash.body)
        assert value_memory(TYPE_HASH, self.hash.encoding, self.hash.body, 0) == self.heap.used
        assert value_effort(TYPE_HASH, self.hash.encoding, self.hash.body) >= 1

    def set_time(self, int64_t now_ms):
        self.hash.now_ms = now_ms

    def set(self, bytes field, bytes value, int64_t deadline=NO_DEADLINE):
        return CHANGES[<int>hash_set(&self.hash, slice_of(field), slice_of(value), deadline)]

    def expect(self, list words):
        cdef slice_t* args = <slice_t*>heap_alloc(&self.heap, (len(words) + 1) * sizeof(slice_t))
        for i, word in enumerate(words):
            args[<int>i] = slice_of(word)
        hash_expect(&self.hash, args, len(words))
        heap_free(&self.heap, args, (len(words) + 1) * sizeof(slice_t))

    def get(self, bytes field):
        cdef char scratch[24]
        cdef slice_t value
        if not hash_get(&self.hash, slice_of(field), scratch, &value):
            assert not hash_has(&self.hash, slice_of(field))
            return None
        assert hash_has(&self.hash, slice_of(field))
        return value.data[:value.size]

    def deadline(self, bytes field):
        cdef int64_t deadline
        if not hash_deadline(&self.hash, slice_of(field), &deadline):
            return None
        return deadline

    def set_deadline(self, bytes field, int64_t deadline):
        return hash_set_deadline(&self.hash, slice_of(field), deadline)

    def delete(self, bytes field):
        return hash_delete(&self.hash, slice_of(field))

    def take_dead(self):
        """The fields of one step, which are gone then."""
        cdef void* items[SEGMENT_ITEMS_MAX]
        cdef size_t count = hash_take_dead(&self.hash, items)
        cdef size_t i
        cdef slice_t field
        fields = []
        for i in range(count):
            field = hash_item_field(items[i])
            fields.append(field.data[:field.size])
            hash_drop_item(&self.hash, items[i])
        return fields

    def to_table(self):
        hash_to_table(&self.hash)

    @property
    def count(self):
        return hash_count(&self.hash)

    @property
    def living(self):
        return hash_living(&self.hash)

    @property
    def due(self):
        return hash_due_ms(self.hash.encoding, self.hash.body)

    def random(self):
        cdef listpack_value_t field, value
        if not hash_random(&self.hash, &self.rand, &field, &value):
            return None
        return shown(&field), shown(&value)

    cdef object fields_of(self, const hash_t* hash):
        cdef hash_walk_t walk
        cdef listpack_value_t field, value
        fields = []
        hash_walk(&walk, hash)
        while hash_next(&walk, &field, &value):
            fields.append((shown(&field), shown(&value), hash_walk_deadline(&walk)))
        return fields

    def fields(self):
        return self.fields_of(&self.hash)

    def copied(self):
        cdef hash_t copy = self.hash
        copy.body = value_copy(&self.heap, TYPE_HASH, self.hash.encoding, self.hash.body)
        fields = self.fields_of(&copy)
        hash_release(&copy)
        return fields

    def move(self, unsigned percent):
        self.hash.body = value_move(&self.heap, TYPE_HASH, self.hash.encoding, self.hash.body,
                                    percent)

    def scan(self, uint64_t cursor):
        """One step of SCAN over a table: what it shows, and the cursor to go on with."""
        cdef void* items[SEGMENT_ITEMS_MAX]
        cdef size_t count, i
        cdef slice_t text
        assert self.hash.encoding == ENC_HASHTABLE
        count = table_scan(hash_table(self.hash.body), &cursor, items)
        found = []
        for i in range(count):
            text = hash_item_field(items[i])
            found.append(text.data[:text.size])
        return found, cursor
