"""Python face of engine/core/table.pxd, for tests/core/test_table.py only.

Items are blocks of a heap: a deadline, a size, a key. `audit` checks the invariants of table.pyx
by reading the table's own memory; it knows the layout of a bucket from that file's drawing.
"""
cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy

from kvd.engine.core.heap cimport (
    HEAP_CLASSES, heap_alloc, heap_free, heap_free_all, heap_init, heap_should_move, heap_t,
)
from kvd.engine.core.intrinsics cimport KVD_PLAIN_MALLOC, load64
from kvd.engine.core.rand cimport rand_seed, rand_t
from kvd.engine.core.table cimport (
    BUCKET_SLOTS, NO_DEADLINE, SEGMENT_BUCKETS_LOG2, SEGMENT_ITEMS_MAX, segment_t, table_drain,
    table_due_ms, table_find, table_free, table_hash, table_init, table_insert, table_move,
    table_note_deadline, table_overhead, table_prefetch, table_prefetch_item, table_random,
    table_remove, table_replace, table_sample, table_scan, table_t, table_take_due, table_walk,
    table_type_t,
)
from kvd.engine.core.types cimport slice_t

plain_malloc = bool(KVD_PLAIN_MALLOC)
no_deadline = NO_DEADLINE
segment_items_max = SEGMENT_ITEMS_MAX

cdef enum:
    OVERFLOW_AT = 9
    BUCKET_SIZE = 64
    UNMARKED = 0xFFFFFFFF

cdef struct item_t:
    int64_t deadline
    size_t size
    char key[0]


cdef slice_t key_of(const void* item) noexcept nogil:
    cdef slice_t key
    key.data = (<item_t*>item).key
    key.size = (<item_t*>item).size
    return key


cdef int64_t deadline_of(const void* item) noexcept nogil:
    return (<item_t*>item).deadline


cdef table_type_t MORTAL
MORTAL.key_of = key_of
MORTAL.deadline_of = deadline_of
cdef table_type_t TIMELESS
TIMELESS.key_of = key_of


cdef void collect(void* owner, void* item) noexcept nogil:
    with gil:
        (<Table>owner).let_go(<uintptr_t>item)


cdef void* relocate(void* owner, void* item) noexcept nogil:
    with gil:
        return <void*><uintptr_t>(<Table>owner).better_place(<uintptr_t>item)


def key_at(uintptr_t item):
    return (<item_t*>item).key[:(<item_t*>item).size]


@cython.final
cdef class Table:
    cdef heap_t heap
    cdef table_t table
    cdef uint64_t secret[2]
    cdef rand_t rand
    cdef list gone
    cdef object offer

    def __cinit__(self, uint64_t seed=1, bint mortal=True):
        heap_init(&self.heap)
        rand_seed(&self.rand, seed)
        self.secret[0] = seed
        self.secret[1] = ~seed
        table_init(&self.table, &self.heap, &MORTAL if mortal else &TIMELESS, self.secret)

    def __dealloc__(self):
        table_free(&self.table)
        heap_free_all(&self.heap)

    def free(self):
        """Frees the table, not the items; the bytes that are still in use."""
        table_free(&self.table)
        return self.heap.used

    def hash(self, bytes key):
        return table_hash(&self.table, slice_t(<const char*>key, len(key)))

    def make(self, bytes key, int64_t deadline=NO_DEADLINE):
        cdef item_t* item = <item_t*>heap_alloc(&self.heap, sizeof(item_t) + len(key))
        item.deadline = deadline
        item.size = len(key)
        memcpy(item.key, <const char*>key, len(key))
        return <uintptr_t>item

    def release(self, uintptr_t item):
        heap_free(&self.heap, <void*>item, sizeof(item_t) + (<item_t*>item).size)

    def let_go(self, uintptr_t item):
        self.gone.append(key_at(item))
        self.release(item)

    def better_place(self, uintptr_t item):
        return self.offer(item) or 0

    def insert(self, bytes key, int64_t deadline=NO_DEADLINE):
        item = self.make(key, deadline)
        table_insert(&self.table, self.hash(key), <void*><uintptr_t>item)
        return item

    def find(self, bytes key):
        cdef uint64_t hash = self.hash(key)
        table_prefetch(&self.table, hash)
        table_prefetch_item(&self.table, hash)
        return <uintptr_t>table_find(&self.table, hash, slice_t(<const char*>key, len(key)))

    def remove(self, uintptr_t item):
        return table_remove(&self.table, self.hash(key_at(item)), <void*>item)

    def replace(self, uintptr_t item, uintptr_t replacement):
        return table_replace(&self.table, self.hash(key_at(item)), <void*>item,
                             <void*>replacement)

    def deadline(self, uintptr_t item):
        return (<item_t*>item).deadline

    def set_deadline(self, uintptr_t item, int64_t deadline, bint note=True):
        (<item_t*>item).deadline = deadline
        if note:
            table_note_deadline(&self.table, self.hash(key_at(item)), <void*>item, deadline)

    def due(self):
        return table_due_ms(&self.table)

    def take_due(self, int64_t now):
        cdef void* out[SEGMENT_ITEMS_MAX]
        cdef size_t count = table_take_due(&self.table, now, out)
        return [<uintptr_t>out[i] for i in range(count)]

    def scan(self, uint64_t cursor):
        cdef void* out[SEGMENT_ITEMS_MAX]
        cdef size_t count = table_scan(&self.table, &cursor, out)
        return cursor, [<uintptr_t>out[i] for i in range(count)]

    def walk(self, uint64_t cursor):
        cdef void* out[SEGMENT_ITEMS_MAX]
        cdef size_t count = table_walk(&self.table, &cursor, out)
        return cursor, [<uintptr_t>out[i] for i in range(count)]

    def random(self):
        return <uintptr_t>table_random(&self.table, &self.rand)

    def sample(self, size_t count, bint with_deadline=False):
        cdef void* out[SEGMENT_ITEMS_MAX]
        count = table_sample(&self.table, &self.rand, with_deadline, out, count)
        return [<uintptr_t>out[i] for i in range(count)]

    def drain(self, size_t items_max):
        """(some remain, keys that went)"""
        self.gone = []
        more = table_drain(&self.table, items_max, collect, <void*>self)
        return bool(more), self.gone

    def move(self, uint64_t cursor, offer, unsigned percent=0):
        self.offer = offer
        table_move(&self.table, &cursor, percent, relocate, <void*>self)
        return cursor

    def should_move(self, uintptr_t item, unsigned percent):
        return heap_should_move(&self.heap, <void*>item,
                                sizeof(item_t) + (<item_t*>item).size, percent)

    def room(self):
        """{block size: (blocks used, blocks there is room for)}"""
        return {self.heap.klass[k].size: (self.heap.klass[k].used, self.heap.klass[k].room)
                for k in range(1, HEAP_CLASSES) if self.heap.klass[k].used}

    count = property(lambda self: (<Table>self).table.count)
    depth = property(lambda self: (<Table>self).table.depth)
    segments = property(lambda self: (<Table>self).table.segments)
    used = property(lambda self: (<Table>self).heap.used)

    def overhead(self):
        return table_overhead(&self.table)

    def audit(self):
        """Checks T1 to T6; the number of items, and those in a segment that has marks."""
        cdef table_t* t = &self.table
        cdef uint64_t slots = <uint64_t>1 << t.depth
        cdef uint64_t at = 0
        cdef uint64_t width, i
        cdef segment_t* segment
        cdef uint64_t count = 0, segments = 0, deepest = 0, marked = 0
        if t.directory is NULL:
            assert t.count == 0 and t.segments == 0 and t.due_count == 0
            return 0
        while at < slots:
            segment = t.directory[at].segment
            assert segment.depth <= t.depth
            assert segment.size_log2 <= SEGMENT_BUCKETS_LOG2
            assert segment.depth == 0 or segment.size_log2 == SEGMENT_BUCKETS_LOG2
            width = <uint64_t>1 << (t.depth - segment.depth)
            assert at % width == 0
            for i in range(at, at + width):                             # T3
                assert t.directory[i].segment is segment
                assert t.directory[i].place == (
                    <uint64_t>segment.buckets | <uint64_t>segment.depth << 48
                    | <uint64_t>segment.size_log2 << 56)
            count += self.audit_segment(segment, at >> (t.depth - segment.depth))
            segments += 1
            deepest += segment.depth == t.depth
            marked += segment.marks is not NULL
            at += width
        assert (count, segments, deepest) == (t.count, t.segments, t.deepest)
        assert deepest or t.depth == 0
        assert marked == t.due_count                                    # T5
        for i in range(t.due_count):
            assert t.due[i].due_at == i
            assert i == 0 or t.due[(i - 1) // 2].due_ms <= t.due[i].due_ms
        return count

    cdef uint64_t audit_segment(self, segment_t* segment, uint64_t prefix) except? -1:
        cdef uint32_t mask = (1 << segment.size_log2) - 1
        cdef uint32_t home, b, at
        cdef int slot
        cdef uint64_t hash, count = 0
        cdef int64_t deadline
        cdef uint8_t* bucket
        cdef item_t* item
        passed = [0] * (mask + 1)
        for at in range(mask + 1):
            bucket = <uint8_t*>segment.buckets + BUCKET_SIZE * at
            for slot in range(BUCKET_SLOTS):
                if bucket[slot] == 0:
                    continue
                count += 1
                item = <item_t*>(load64(bucket + 8 + 6 * slot) >> 16)
                hash = self.hash(item.key[:item.size])
                assert bucket[slot] == (hash & 255 or 1)                 # T1
                assert segment.depth == 0 or hash >> (64 - segment.depth) == prefix
                home = 0
                if segment.size_log2:
                    home = <uint32_t>((hash << segment.depth) >> (64 - segment.size_log2))
                b = home
                while b != at:                                          # T2
                    passed[b] += 1
                    b = (b + 1) & mask
                deadline = item.deadline
                if self.table.type.deadline_of is not NULL and deadline != NO_DEADLINE:
                    self.audit_mark(segment, at, deadline)
        for at in range(mask + 1):
            bucket = <uint8_t*>segment.buckets + BUCKET_SIZE * at
            assert bucket[OVERFLOW_AT] in (passed[at], 255), "T2"
        assert count == segment.count
        assert mask == 0 or count < <uint64_t>BUCKET_SLOTS * (mask + 1)   # T6
        assert (segment.due_at == UNMARKED) == (segment.marks is NULL)
        assert segment.marks is not NULL or segment.due_ms == NO_DEADLINE
        return count

    cdef int audit_mark(self, segment_t* segment, int at, int64_t deadline) except -1:
        assert segment.marks is not NULL, "T5"
        value = int(segment.marks[at])
        assert value != UNMARKED, "T4"
        # As Python ints, which do not wrap.
        assert (<object>segment.base_ms) + value <= (<object>deadline), "T4"
        assert segment.due_ms <= deadline
        return 0
