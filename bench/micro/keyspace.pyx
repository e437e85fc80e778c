"""What do finding, inserting and deleting a key cost without a server, and its bytes at every fill?

A C loop over one store: 16-byte keys, 32-byte values, keys in an order without pattern, one at a
time and, for finding, with the prefetches of a batch of eight as the server makes them.

    python -m bench.micro.table [--keys 1000000]
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from kvd.engine.core.clock cimport clock_mono_us
from kvd.engine.core.heap cimport heap_free_all, heap_init, heap_t
from kvd.engine.core.table cimport (
    NO_DEADLINE, table_overhead, table_prefetch, table_prefetch_item,
)
from kvd.engine.core.types cimport slice_t
from kvd.engine.store.access cimport access_set_time
from kvd.engine.store.keyspace cimport (
    keyspace_delete, keyspace_free, keyspace_init, keyspace_peek, keyspace_set, keyspace_t,
    store_free, store_hash, store_init, store_t,
)

cdef enum:
    KEY_SIZE = 16
    VALUE_SIZE = 32
    BATCH = 8
    NOW_MS = 1700000000000


cdef void write_key(char* out, uint64_t i) noexcept nogil:
    """Sixteen hexadecimal digits of a bijection of i: neighbours are strangers."""
    cdef int digit
    i = (i * 0x9E3779B97F4A7C15ULL) ^ (i >> 29)
    for digit in range(KEY_SIZE):
        out[digit] = b"0123456789abcdef"[i & 15]
        i >>= 4


cdef class Bench:
    cdef heap_t heap
    cdef store_t store
    cdef keyspace_t ks

    def __cinit__(self):
        heap_init(&self.heap)
        store_init(&self.store, &self.heap)
        keyspace_init(&self.ks, &self.store, 0)
        self.store.databases = &self.ks
        self.store.database_count = 1
        self.store.now_ms = NOW_MS
        access_set_time(&self.store.access, NOW_MS)

    def __dealloc__(self):
        keyspace_free(&self.ks)
        store_free(&self.store)
        heap_free_all(&self.heap)

    used = property(lambda self: (<Bench>self).heap.used)
    count = property(lambda self: (<Bench>self).ks.table.count)

    def overhead(self):
        return table_overhead(&self.ks.table)

    def insert(self, uint64_t first, uint64_t end, bint with_deadline=False):
        """Nanoseconds a key."""
        cdef char key[KEY_SIZE]
        cdef char value[VALUE_SIZE]
        cdef slice_t name = slice_t(&key[0], KEY_SIZE)
        cdef uint64_t i
        cdef int64_t began = clock_mono_us()
        memset(value, c'v', VALUE_SIZE)
        with nogil:
            for i in range(first, end):
                write_key(key, i)
                keyspace_set(&self.ks, store_hash(&self.store, name), name,
                             slice_t(&value[0], VALUE_SIZE),
                             <int64_t>NOW_MS + 1000000 + <int64_t>(i & 0xFFFFF) if with_deadline
                             else NO_DEADLINE)
        return (clock_mono_us() - began) * 1000 / (end - first)

    def find(self, uint64_t first, uint64_t end):
        """Nanoseconds a key; all of them must be there, or none."""
        cdef char key[KEY_SIZE]
        cdef slice_t name = slice_t(&key[0], KEY_SIZE)
        cdef uint64_t i, found = 0
        cdef int64_t began = clock_mono_us()
        with nogil:
            for i in range(first, end):
                write_key(key, i)
                found += keyspace_peek(&self.ks, store_hash(&self.store, name), name) is not NULL
        assert found in (0, end - first)
        return (clock_mono_us() - began) * 1000 / (end - first)

    def find_in_batches(self, uint64_t first, uint64_t end):
        cdef char keys[BATCH * KEY_SIZE]
        cdef uint64_t hashes[BATCH]
        cdef uint64_t i, j, found = 0
        cdef slice_t name
        cdef int64_t began = clock_mono_us()
        name.size = KEY_SIZE
        with nogil:
            i = first
            while i + BATCH <= end:
                for j in range(<uint64_t>BATCH):
                    name.data = &keys[j * KEY_SIZE]
                    write_key(&keys[j * KEY_SIZE], i + j)
                    hashes[j] = store_hash(&self.store, name)
                    table_prefetch(&self.ks.table, hashes[j])
                for j in range(<uint64_t>BATCH):
                    table_prefetch_item(&self.ks.table, hashes[j])
                for j in range(<uint64_t>BATCH):
                    name.data = &keys[j * KEY_SIZE]
                    found += keyspace_peek(&self.ks, hashes[j], name) is not NULL
                i += BATCH
        assert found == i - first
        return (clock_mono_us() - began) * 1000 / (end - first)

    def delete(self, uint64_t first, uint64_t end):
        cdef char key[KEY_SIZE]
        cdef slice_t name = slice_t(&key[0], KEY_SIZE)
        cdef uint64_t i
        cdef int64_t began = clock_mono_us()
        with nogil:
            for i in range(first, end):
                write_key(key, i)
                keyspace_delete(&self.ks, store_hash(&self.store, name), name)
        return (clock_mono_us() - began) * 1000 / (end - first)
