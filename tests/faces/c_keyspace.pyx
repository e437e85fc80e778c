"""Python face of engine/store/keyspace.pxd and entry.pxd, for tests/store only."""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t, uint64_t, uintptr_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy

from kvd.engine.core.heap cimport heap_alloc, heap_block_size, heap_free_all, heap_init
from kvd.engine.core.rand cimport rand_seed
from kvd.engine.core.table cimport NO_DEADLINE
from kvd.engine.core.types cimport slice_t
from kvd.engine.store.access cimport (
    access_new, access_set_time, lfu_decayed, lfu_touched, lru_bits, lru_idle_seconds,
)
from kvd.engine.store.entry cimport (
    ENC_HASHTABLE, ENC_RAW, ENTRY_BODY, INT_TEXT_MAX, TYPE_SET, TYPE_STRING, encoding_name,
    entry_access, entry_body, entry_create_body_take, entry_create_bytes, entry_create_int,
    entry_create_raw, entry_create_string, entry_deadline, entry_encoding, entry_key, entry_memory,
    entry_rewrite_take, entry_set_access, entry_set_int, entry_size, entry_string,
    entry_string_size, entry_t, entry_type, raw_t, type_name,
)
from kvd.engine.store.keyspace cimport (
    EVENT_EVICTED, EVENT_EXPIRED, EVENT_GENERIC, EVENT_MISS, EVENT_NEW, EVENT_STRING,
    keyspace_clear, keyspace_count, keyspace_delete, keyspace_evict, keyspace_exchange,
    keyspace_expire, keyspace_free, keyspace_init, keyspace_look, keyspace_make_raw,
    keyspace_peek, keyspace_put_take, keyspace_random, keyspace_read, keyspace_set,
    keyspace_set_deadline, keyspace_signal, keyspace_swap_take, keyspace_take_out, keyspace_write,
    store_free, store_hash, store_init, store_reap,
)
from kvd.engine.store.set cimport set_add, set_create_as, set_t

no_deadline = NO_DEADLINE


def block_size(size_t size):
    return heap_block_size(size)


cdef bytes text(slice_t slice):
    return slice.data[:slice.size] if slice.size else b""


cdef slice_t slice_of(bytes data):
    cdef slice_t slice
    slice.data = data
    slice.size = len(data)
    return slice


cdef void on_key(void* owner, keyspace_t* ks, slice_t key, str kind) noexcept:
    (<Store>owner).log.append((kind, ks.index, text(key)))


cdef void on_modified(void* owner, keyspace_t* ks, slice_t key) noexcept nogil:
    with gil:
        on_key(owner, ks, key, "modified")


cdef void on_expired(void* owner, keyspace_t* ks, slice_t key) noexcept nogil:
    with gil:
        on_key(owner, ks, key, "expire")


cdef void on_evicted(void* owner, keyspace_t* ks, slice_t key) noexcept nogil:
    with gil:
        on_key(owner, ks, key, "evict")


cdef void on_event(void* owner, keyspace_t* ks, int klass, const char* event,
                   slice_t key) noexcept nogil:
    with gil:
        (<Store>owner).log.append((event.decode(), ks.index, text(key)))


cdef void before_change(void* owner, keyspace_t* ks, uint64_t hash) noexcept nogil:
    with gil:
        (<Store>owner).log.append(("before", ks.index, hash))


cdef class Store:
    def __cinit__(self, uint64_t seed=1):
        """The seed stands for the entropy of a real store: a failure happens again."""
        cdef int i
        heap_init(&self.heap)
        store_init(&self.store, &self.heap)
        rand_seed(&self.store.rand, seed)
        self.store.secret = [seed, ~seed]
        self.store.databases = self.databases
        self.store.database_count = DATABASES
        for i in range(DATABASES):
            keyspace_init(&self.databases[i], &self.store, i)
        self.log = []

    def __dealloc__(self):
        self.empty()
        heap_free_all(&self.heap)

    def empty(self):
        """Free everything; the bytes that are still in use."""
        cdef int i
        for i in range(DATABASES):
            keyspace_free(&self.databases[i])
        store_free(&self.store)
        return self.heap.used

    def hook(self, bint watched=True, bint events=True, bint copying=False):
        self.store.hooks.owner = <void*>self
        self.store.hooks.on_modified = on_modified
        self.store.hooks.on_event = on_event
        self.store.hooks.on_expired = on_expired
        self.store.hooks.on_evicted = on_evicted
        self.store.hooks.before_change = before_change
        self.store.hooks.before_drop = before_change
        self.store.watched = watched
        self.store.copying = copying
        self.store.events = ((EVENT_GENERIC | EVENT_STRING | EVENT_EXPIRED | EVENT_EVICTED
                              | EVENT_MISS | EVENT_NEW) if events else 0)

    def set_time(self, int64_t now_ms):
        self.store.now_ms = now_ms
        access_set_time(&self.store.access, now_ms)

    def set_lfu(self, bint lfu, int64_t log_factor=10, int64_t decay_minutes=1):
        self.store.access.lfu = lfu
        self.store.access.log_factor = log_factor
        self.store.access.decay_minutes = decay_minutes

    def set_flags(self, bint expiry_paused=False, bint no_touch=False):
        self.store.expiry_paused = expiry_paused
        self.store.no_touch = no_touch

    def hash(self, bytes key):
        return store_hash(&self.store, slice_of(key))

    # -- reading: each returns the string, or None ----------------------------------------------

    cdef object shown(self, entry_t* entry):
        cdef char scratch[INT_TEXT_MAX]
        if entry is NULL:
            return None
        value = text(entry_string(entry, scratch))
        assert <size_t>len(value) == entry_string_size(entry)
        return value

    def peek(self, bytes key, int db=0):
        return self.shown(keyspace_peek(&self.databases[db], self.hash(key), slice_of(key)))

    def look(self, bytes key, int db=0):
        return self.shown(keyspace_look(&self.databases[db], self.hash(key), slice_of(key)))

    def read(self, bytes key, int db=0):
        return self.shown(keyspace_read(&self.databases[db], self.hash(key), slice_of(key)))

    def write(self, bytes key, int db=0):
        return self.shown(keyspace_write(&self.databases[db], self.hash(key), slice_of(key)))

    def random(self, int db=0):
        cdef entry_t* entry = keyspace_random(&self.databases[db])
        return None if entry is NULL else text(entry_key(entry))

    cdef entry_t* entry_of(self, bytes key, int db) except NULL:
        cdef entry_t* entry = keyspace_peek(&self.databases[db], self.hash(key), slice_of(key))
        if entry is NULL:
            raise KeyError(key)
        return entry

    def about(self, bytes key, int db=0):
        """What is known of a key: form, sizes, deadline, access."""
        cdef entry_t* entry = self.entry_of(key, db)
        assert text(entry_key(entry)) == key
        return {
            "address": <uintptr_t>entry, "size": entry_size(entry),
            "memory": entry_memory(entry, 0), "deadline": entry_deadline(entry),
            "type": type_name(entry_type(entry)).decode(),
            "encoding": encoding_name(entry_encoding(entry)).decode(),
            "body": bool(entry.flags & ENTRY_BODY), "access": entry_access(entry),
            "room": (<raw_t*>entry_body(entry)).size_max if entry.flags & ENTRY_BODY else None,
            "idle": lru_idle_seconds(&self.store.access, entry_access(entry)),
            "freq": lfu_decayed(&self.store.access, entry_access(entry)),
        }

    # -- changing -------------------------------------------------------------------------------

    def set(self, bytes key, bytes value, int64_t deadline=NO_DEADLINE, int db=0):
        keyspace_set(&self.databases[db], self.hash(key), slice_of(key), slice_of(value), deadline)

    def set_self(self, bytes key, int64_t deadline=NO_DEADLINE, int db=0):
        """Set a key to its own value, borrowed from the entry itself."""
        cdef char scratch[INT_TEXT_MAX]
        cdef slice_t value = entry_string(self.entry_of(key, db), scratch)
        keyspace_set(&self.databases[db], self.hash(key), slice_of(key), value, deadline)

    def put(self, str form, bytes key, value, int64_t deadline=NO_DEADLINE, size_t size_max=0,
            int db=0):
        """Make an entry of a form, and put it."""
        cdef entry_t* entry
        if form == "string":
            entry = entry_create_string(&self.heap, slice_of(key), slice_of(value), deadline, 7)
        elif form == "bytes":
            entry = entry_create_bytes(&self.heap, slice_of(key), slice_of(value), deadline, 7)
        elif form == "raw":
            entry = entry_create_raw(&self.heap, slice_of(key), slice_of(value),
                                     max(size_max, <size_t>len(value)), deadline, 7)
        else:
            entry = entry_create_int(&self.heap, slice_of(key), value, deadline, 7)
        keyspace_put_take(&self.databases[db], self.hash(key), entry)

    def put_set(self, bytes key, int count, int64_t deadline=NO_DEADLINE, int db=0):
        """Make a set of so many members, in a table; it takes the access of now."""
        cdef set_t made
        cdef char member[32]
        cdef int i
        made.heap = &self.heap
        made.secret = self.store.secret
        made.limits = NULL
        set_create_as(&made, ENC_HASHTABLE)
        for i in range(count):
            set_add(&made, slice_t(&member[0], <size_t>snprintf(member, sizeof(member),
                                                                "member:%d", i)))
        keyspace_put_take(&self.databases[db], self.hash(key), entry_create_body_take(
            &self.heap, slice_of(key), TYPE_SET, ENC_HASHTABLE, made.body, deadline,
            access_new(&self.store.access)))

    def set_int(self, bytes key, int64_t value, int db=0):
        entry_set_int(self.entry_of(key, db), value)

    def set_access(self, bytes key, uint32_t access, int db=0):
        entry_set_access(self.entry_of(key, db), access)

    def idle_bits(self, int64_t seconds):
        return lru_bits(&self.store.access, seconds)

    def swap_body(self, bytes key, int64_t deadline=NO_DEADLINE, int db=0):
        """A fresh entry that takes the old one's body."""
        cdef entry_t* entry = self.entry_of(key, db)
        cdef entry_t* fresh = entry_create_body_take(
            &self.heap, entry_key(entry), TYPE_STRING, ENC_RAW, entry_body(entry), deadline, 7)
        keyspace_swap_take(&self.databases[db], self.hash(key), entry, fresh, True)

    def set_deadline(self, bytes key, int64_t deadline, int db=0):
        keyspace_set_deadline(&self.databases[db], self.hash(key), self.entry_of(key, db), deadline)

    def make_raw(self, bytes key, size_t size_max, int db=0):
        keyspace_make_raw(&self.databases[db], self.hash(key), self.entry_of(key, db), size_max)

    def append(self, bytes key, bytes more, int db=0):
        cdef entry_t* entry = self.entry_of(key, db)
        cdef raw_t* raw
        entry = keyspace_make_raw(&self.databases[db], self.hash(key), entry,
                                  entry_string_size(entry) + len(more))
        raw = <raw_t*>entry_body(entry)
        memcpy(raw.data + raw.size, <const char*>more, len(more))
        raw.size += len(more)

    def delete(self, bytes key, int db=0):
        return bool(keyspace_delete(&self.databases[db], self.hash(key), slice_of(key)))

    def rename(self, bytes key, bytes other, int source=0, int target=0):
        """Take an entry out and put it under another key."""
        from_hash = self.hash(key)
        cdef entry_t* entry = self.entry_of(key, source)
        keyspace_take_out(&self.databases[source], from_hash, entry)
        entry = entry_rewrite_take(&self.heap, entry, slice_of(other), entry_deadline(entry))
        keyspace_put_take(&self.databases[target], self.hash(other), entry)

    def expire(self, bytes key, int db=0):
        keyspace_expire(&self.databases[db], self.hash(key), self.entry_of(key, db))

    def evict(self, bytes key, int db=0):
        keyspace_evict(&self.databases[db], self.hash(key), self.entry_of(key, db))

    def signal(self, bytes key, int db=0):
        keyspace_signal(&self.databases[db], EVENT_STRING, b"set", slice_of(key))

    def clear(self, int db=0, bint later=False):
        return keyspace_clear(&self.databases[db], later)

    def reap(self, size_t items_max):
        return bool(store_reap(&self.store, items_max))

    def exchange(self, int a, int b):
        keyspace_exchange(&self.databases[a], &self.databases[b])

    def count(self, int db=0):
        return keyspace_count(&self.databases[db])

    def volatile_count(self, int db=0):
        return self.databases[db].volatile_count

    def occupy(self, size_t size):
        """Memory that belongs to no key, until the heap goes."""
        heap_alloc(&self.heap, size)

    # -- what all databases share -----------------------------------------------------------------

    used = property(lambda self: (<Store>self).heap.used)
    mapped = property(lambda self: (<Store>self).heap.mapped)
    hits = property(lambda self: (<Store>self).store.hits)
    misses = property(lambda self: (<Store>self).store.misses)
    expired = property(lambda self: (<Store>self).store.expired)
    evicted = property(lambda self: (<Store>self).store.evicted)
    dirty = property(lambda self: (<Store>self).store.dirty)
    due = property(lambda self: (<Store>self).store.due_ms)
    dropped_items = property(lambda self: (<Store>self).store.dropped_items)

    # -- the counters of access.pxd ---------------------------------------------------------------

    def touch_lfu(self, uint32_t bits):
        return lfu_touched(&self.store.access, bits, &self.store.rand)

    def decayed(self, uint32_t bits):
        return lfu_decayed(&self.store.access, bits)
