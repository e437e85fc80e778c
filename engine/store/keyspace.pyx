"""The keys of one database.

A dead key is never seen: every lookup compares the deadline with the store's time, which
stands still while a command, or a transaction, runs. Lookups remove what they find dead;
expire.pyx finds the rest by time.

Writing a string over a string of the same shape happens in place: no allocation, no change of
the table. That is what a busy cache or counter does most.

Invariants
    K1  volatile_count is the number of entries with ENTRY_DEADLINE in the table
    K2  dirty grows for every visible change, and only then
    K3  on_modified and events come after the change is visible
    K4  an entry's deadline is known to the table (T4) before the call that set it returns
    K5  while store.copying, before_change ran for a hash before anything under it changes, or
        before_drop where the entry is dropped whole: what has ENTRY_COPYING lives on in the
        snapshot
    K6  store.due_ms <= every deadline of every database, so expiry has one number to look at
"""
from libc.string cimport memmove, memset

from ..core.heap cimport heap_free, heap_realloc
from ..core.intrinsics cimport kvd_assert, likely, store64, unlikely
from ..core.rand cimport rand_entropy, rand_seed
from ..core.table cimport (
    SEGMENT_ITEMS_MAX, table_drain, table_due_ms, table_find, table_find_hash, table_init,
    table_insert, table_note_deadline, table_random, table_remove, table_replace,
    table_type_t,
)
from .access cimport access_new, access_touched
from .due cimport due_first, due_list_abandon, due_list_create, due_put, due_remove
from .entry cimport (
    ENC_EMBSTR, ENC_HASHTABLE, ENC_INT, ENTRY_BODY, ENTRY_COPYING, ENTRY_DEADLINE, ENTRY_INT,
    INT_TEXT_MAX, TYPE_HASH, TYPE_STRING, entry_access, entry_body, entry_create_raw,
    entry_create_string, entry_deadline, entry_encoding, entry_key, entry_release,
    entry_rewrite_take, entry_set_access, entry_set_body, entry_set_encoding, entry_set_int,
    entry_size, entry_string, entry_type, entry_value, entry_value_size, raw_grown_size, raw_resize,
    raw_t, string_encoding,
)
from .hash cimport (
    hash_drop_item, hash_due_ms, hash_due_node, hash_item_field, hash_of_due_node, hash_t,
    hash_table, hash_take_dead,
)
from .value cimport value_effort, value_release

cdef enum:
    RANDOM_TRIES_MAX = 100              # when dead keys keep coming up
    EFFORT_AT_ONCE = 64                 # blocks: a larger body is freed by and by
    NO_ORIGIN = -1                      # of a table made during a walk: nothing of it is written
    COPY_AGAIN_MS = 50                  # a look at dead fields of a hash that is being copied


cdef slice_t key_of(const void* item) noexcept nogil:
    return entry_key(<const entry_t*>item)


cdef int64_t deadline_of(const void* item) noexcept nogil:
    return entry_deadline(<const entry_t*>item)


cdef table_type_t ENTRY_TYPE
ENTRY_TYPE.key_of = key_of
ENTRY_TYPE.deadline_of = deadline_of


cdef void store_init(store_t* store, heap_t* heap) noexcept nogil:
    cdef uint64_t seed
    memset(store, 0, sizeof(store_t))
    store.heap = heap
    store.due_ms = NO_DEADLINE
    rand_entropy(store.secret, sizeof(store.secret))
    rand_entropy(&seed, sizeof(seed))
    rand_seed(&store.rand, seed)
    store.access.log_factor = 10
    store.access.decay_minutes = 1


cdef void store_free(store_t* store) noexcept nogil:
    while store_reap(store, ~<size_t>0):
        pass


cdef void keyspace_init(keyspace_t* ks, store_t* store, int index) noexcept nogil:
    ks.store = store
    ks.index = index
    ks.volatile_count = 0
    ks.due_fields = NULL
    table_init(&ks.table, store.heap, &ENTRY_TYPE, store.secret)


cdef void keyspace_free(keyspace_t* ks) noexcept nogil:
    keyspace_clear(ks, False)


# -- reading --------------------------------------------------------------------------------------

cdef entry_t* reject(keyspace_t* ks, uint64_t hash, entry_t* entry) noexcept nogil:
    """A dead key was looked up: it is gone, or will be."""
    if ks.store.loading:
        return entry
    if not ks.store.expiry_paused:
        keyspace_expire(ks, hash, entry)
    return NULL


cdef inline entry_t* find(keyspace_t* ks, uint64_t hash, slice_t key) noexcept nogil:
    cdef entry_t* entry = <entry_t*>table_find(&ks.table, hash, key)
    if entry is NULL:
        return NULL
    if unlikely(entry.flags & ENTRY_DEADLINE) and entry_deadline(entry) <= ks.store.now_ms:
        return reject(ks, hash, entry)
    return entry


cdef inline entry_t* find_to_replace(keyspace_t* ks, uint64_t hash, slice_t key) noexcept nogil:
    """Likewise, but a dead key that may not be removed is there to be written over."""
    cdef entry_t* entry = <entry_t*>table_find(&ks.table, hash, key)
    if entry is NULL or entry_deadline(entry) > ks.store.now_ms or ks.store.expiry_paused:
        return entry
    return reject(ks, hash, entry)


cdef inline void touch(store_t* store, entry_t* entry) noexcept nogil:
    if likely(not store.no_touch):
        entry_set_access(entry, access_touched(&store.access, entry_access(entry), &store.rand))


cdef entry_t* keyspace_peek(keyspace_t* ks, uint64_t hash, slice_t key) noexcept nogil:
    return find(ks, hash, key)


cdef inline entry_t* count_look(keyspace_t* ks, entry_t* entry, slice_t key) noexcept nogil:
    if entry is NULL:
        ks.store.misses += 1
        if unlikely(ks.store.events & EVENT_MISS):
            keyspace_event(ks, EVENT_MISS, b"keymiss", key)
    else:
        ks.store.hits += 1
    return entry


cdef entry_t* keyspace_look(keyspace_t* ks, uint64_t hash, slice_t key) noexcept nogil:
    return count_look(ks, find(ks, hash, key), key)


cdef entry_t* keyspace_read(keyspace_t* ks, uint64_t hash, slice_t key) noexcept nogil:
    cdef entry_t* entry = count_look(ks, find(ks, hash, key), key)
    if entry is not NULL:
        touch(ks.store, entry)
    return entry


cdef inline void before_change(keyspace_t* ks, uint64_t hash) noexcept nogil:
    if unlikely(ks.store.copying):      # K5
        ks.store.hooks.before_change(ks.store.hooks.owner, ks, hash)


cdef inline void before_drop(keyspace_t* ks, uint64_t hash) noexcept nogil:
    if unlikely(ks.store.copying):      # K5
        ks.store.hooks.before_drop(ks.store.hooks.owner, ks, hash)


cdef entry_t* keyspace_write(keyspace_t* ks, uint64_t hash, slice_t key) noexcept nogil:
    cdef entry_t* entry
    before_change(ks, hash)
    entry = find(ks, hash, key)
    if entry is not NULL:
        touch(ks.store, entry)
    return entry


cdef entry_t* keyspace_random(keyspace_t* ks) noexcept nogil:
    cdef entry_t* entry
    cdef int i
    for i in range(RANDOM_TRIES_MAX):
        entry = <entry_t*>table_random(&ks.table, &ks.store.rand)
        if entry is NULL or entry_deadline(entry) > ks.store.now_ms:
            return entry
        if ks.store.expiry_paused:
            continue
        keyspace_expire(ks, store_hash(ks.store, entry_key(entry)), entry)
    return NULL


# -- changing -------------------------------------------------------------------------------------

cdef inline void note_due(store_t* store, int64_t deadline_ms) noexcept nogil:
    if deadline_ms < store.due_ms:      # K6
        store.due_ms = deadline_ms


cdef inline bint has_fields(const entry_t* entry) noexcept nogil:
    """It is a hash whose fields may have deadlines."""
    return (entry.flags & ENTRY_BODY != 0 and entry_type(entry) == TYPE_HASH
            and entry_encoding(entry) == ENC_HASHTABLE)


cdef void insert(keyspace_t* ks, uint64_t hash, entry_t* entry) noexcept nogil:
    table_insert(&ks.table, hash, entry)        # K4: insertion reads the deadline
    if entry.flags & ENTRY_DEADLINE:
        ks.volatile_count += 1
        note_due(ks.store, entry_deadline(entry))
    if unlikely(has_fields(entry)):
        keyspace_note_fields(ks, hash, entry)
    if unlikely(ks.index >= ks.store.database_top):
        ks.store.database_top = ks.index + 1
    if unlikely(ks.store.events & EVENT_NEW):
        keyspace_event(ks, EVENT_NEW, b"new", entry_key(entry))


cdef inline void note_deadline(keyspace_t* ks, uint64_t hash, const entry_t* entry,
                               int64_t deadline_ms) noexcept nogil:
    table_note_deadline(&ks.table, hash, entry, deadline_ms)    # K4
    note_due(ks.store, deadline_ms)


cdef void relink(keyspace_t* ks, uint64_t hash, entry_t* entry, entry_t* fresh,
                 bint volatile_before) noexcept nogil:
    """The table shows `fresh` where it showed `entry`, whose block may be gone already."""
    cdef bint found = table_replace(&ks.table, hash, entry, fresh)
    kvd_assert(found)
    ks.volatile_count -= 1 if volatile_before else 0
    if fresh.flags & ENTRY_DEADLINE:
        ks.volatile_count += 1
        note_deadline(ks, hash, fresh, entry_deadline(fresh))
    if unlikely(has_fields(fresh)):
        keyspace_note_fields(ks, hash, fresh)


cdef inline bint is_volatile(const keyspace_t* ks, const entry_t* entry) noexcept nogil:
    """It has a deadline that has not passed."""
    return entry.flags & ENTRY_DEADLINE != 0 and entry_deadline(entry) > ks.store.now_ms


cdef inline void write_deadline(keyspace_t* ks, uint64_t hash, entry_t* entry,
                                int64_t deadline_ms) noexcept nogil:
    """Of an entry that has one. What is put off needs no word to the table (T4): a session whose
    every use puts its end off costs one look when the first end comes."""
    cdef bint nearer = deadline_ms < entry_deadline(entry)
    store64(<char*>entry + 5, <uint64_t>deadline_ms)
    if nearer:
        note_deadline(ks, hash, entry, deadline_ms)


cdef bint write_over(keyspace_t* ks, uint64_t hash, entry_t* entry, slice_t key, slice_t value,
                     int64_t deadline_ms) noexcept nogil:
    """Write the value into the old block when it has exactly the right shape."""
    cdef int64_t number
    cdef encoding_t encoding
    if entry_type(entry) != TYPE_STRING or entry.flags & ENTRY_BODY:
        return False
    if (entry.flags & ENTRY_DEADLINE != 0) != (deadline_ms != NO_DEADLINE):
        return False
    encoding = string_encoding(key, value, is_volatile(ks, entry), &number)
    if (encoding == ENC_INT) != (entry.flags & ENTRY_INT != 0):
        return False
    if encoding == ENC_INT:
        entry_set_int(entry, number)
    else:
        if value.size != entry_value_size(entry):
            return False
        if value.size:                  # which may be the entry's own
            memmove(entry_value(entry), value.data, value.size)
        entry_set_encoding(entry, encoding)
    if deadline_ms != NO_DEADLINE:
        write_deadline(ks, hash, entry, deadline_ms)
    entry_set_access(entry, access_touched(&ks.store.access, entry_access(entry), &ks.store.rand))
    return True


cdef entry_t* keyspace_set(keyspace_t* ks, uint64_t hash, slice_t key, slice_t value,
                           int64_t deadline_ms) noexcept nogil:
    cdef entry_t* entry
    cdef entry_t* fresh
    cdef uint32_t access
    cdef int64_t number
    before_drop(ks, hash)
    entry = find_to_replace(ks, hash, key)
    if entry is not NULL:
        if write_over(ks, hash, entry, key, value, deadline_ms):
            return entry
        access = access_touched(&ks.store.access, entry_access(entry), &ks.store.rand)
        # The value may borrow from the old entry: make the new one first.
        fresh = entry_create_string(ks.store.heap, key, value, deadline_ms, access)
        if entry_encoding(fresh) == ENC_EMBSTR and is_volatile(ks, entry):
            entry_set_encoding(fresh, string_encoding(key, value, True, &number))
        keyspace_swap_take(ks, hash, entry, fresh, False)
        return fresh
    fresh = entry_create_string(ks.store.heap, key, value, deadline_ms,
                                access_new(&ks.store.access))
    insert(ks, hash, fresh)
    return fresh


cdef void keyspace_put_take(keyspace_t* ks, uint64_t hash, entry_t* fresh) noexcept nogil:
    cdef entry_t* entry
    before_drop(ks, hash)
    entry = find_to_replace(ks, hash, entry_key(fresh))
    if entry is NULL:
        insert(ks, hash, fresh)
    else:
        keyspace_swap_take(ks, hash, entry, fresh, False)


cdef void keyspace_swap_take(keyspace_t* ks, uint64_t hash, entry_t* entry, entry_t* fresh,
                             bint keep_body) noexcept nogil:
    if keep_body:
        before_change(ks, hash)
    else:
        before_drop(ks, hash)
    relink(ks, hash, entry, fresh, entry.flags & ENTRY_DEADLINE != 0)
    if keep_body:
        heap_free(ks.store.heap, entry, entry_size(entry))
    else:
        store_drop_entry(ks.store, entry)


cdef entry_t* keyspace_set_deadline(keyspace_t* ks, uint64_t hash, entry_t* entry,
                                    int64_t deadline_ms) noexcept nogil:
    cdef bint before = entry.flags & ENTRY_DEADLINE != 0
    cdef entry_t* fresh
    before_change(ks, hash)
    if before and deadline_ms != NO_DEADLINE:
        write_deadline(ks, hash, entry, deadline_ms)
        return entry
    if not before and deadline_ms == NO_DEADLINE:
        return entry
    fresh = entry_rewrite_take(ks.store.heap, entry, entry_key(entry), deadline_ms)
    relink(ks, hash, entry, fresh, before)
    return fresh


cdef entry_t* keyspace_make_raw(keyspace_t* ks, uint64_t hash, entry_t* entry,
                                size_t size_max) noexcept nogil:
    cdef char scratch[INT_TEXT_MAX]
    cdef slice_t value
    cdef raw_t* raw
    cdef entry_t* fresh
    kvd_assert(entry_type(entry) == TYPE_STRING)
    before_change(ks, hash)
    if entry.flags & ENTRY_BODY:
        raw = <raw_t*>entry_body(entry)
        if raw.size_max < size_max:
            entry_set_body(entry, raw_resize(ks.store.heap, raw, raw_grown_size(size_max)))
        return entry
    value = entry_string(entry, scratch)        # an int's text is longer than the int
    fresh = entry_create_raw(ks.store.heap, entry_key(entry), value,
                             size_max if size_max > value.size else value.size,
                             entry_deadline(entry), entry_access(entry))
    keyspace_swap_take(ks, hash, entry, fresh, False)
    return fresh


cdef void remove(keyspace_t* ks, uint64_t hash, entry_t* entry) noexcept nogil:
    cdef bint found = table_remove(&ks.table, hash, entry)
    kvd_assert(found)
    ks.volatile_count -= 1 if entry.flags & ENTRY_DEADLINE else 0


cdef void keyspace_take_out(keyspace_t* ks, uint64_t hash, entry_t* entry) noexcept nogil:
    before_change(ks, hash)
    remove(ks, hash, entry)


cdef void keyspace_delete_entry(keyspace_t* ks, uint64_t hash, entry_t* entry) noexcept nogil:
    before_drop(ks, hash)
    remove(ks, hash, entry)
    store_drop_entry(ks.store, entry)


cdef bint keyspace_delete(keyspace_t* ks, uint64_t hash, slice_t key) noexcept nogil:
    cdef entry_t* entry = find(ks, hash, key)
    if entry is NULL:
        return False
    keyspace_delete_entry(ks, hash, entry)
    return True


cdef void keyspace_expire(keyspace_t* ks, uint64_t hash, entry_t* entry) noexcept nogil:
    cdef store_t* store = ks.store
    before_drop(ks, hash)
    remove(ks, hash, entry)
    store.expired += 1
    if store.hooks.on_expired is not NULL:
        store.hooks.on_expired(store.hooks.owner, ks, entry_key(entry))
    keyspace_announce(ks, EVENT_EXPIRED, b"expired", entry_key(entry))
    store_drop_entry(store, entry)


cdef void keyspace_evict(keyspace_t* ks, uint64_t hash, entry_t* entry) noexcept nogil:
    cdef store_t* store = ks.store
    keyspace_take_out(ks, hash, entry)  # a snapshot may not keep it: its memory is wanted now
    store.evicted += 1
    if store.hooks.on_evicted is not NULL:
        store.hooks.on_evicted(store.hooks.owner, ks, entry_key(entry))
    keyspace_announce(ks, EVENT_EVICTED, b"evicted", entry_key(entry))
    store_drop_entry(store, entry)


# -- fields of hashes that die ---------------------------------------------------------------------

cdef void keyspace_note_fields(keyspace_t* ks, uint64_t hash, entry_t* entry) noexcept nogil:
    cdef due_node_t* node = hash_due_node(entry_body(entry))
    cdef int64_t due_ms = hash_due_ms(ENC_HASHTABLE, entry_body(entry))
    if due_ms == NO_DEADLINE:
        due_remove(node)
        node.due_ms = NO_DEADLINE
        return
    if ks.due_fields is NULL:
        ks.due_fields = due_list_create(ks.store.heap)
    due_put(ks.due_fields, node, due_ms, hash)
    note_due(ks.store, due_ms)          # K6


cdef void drop_dead(keyspace_t* ks, entry_t* entry) noexcept nogil:
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef slice_t fields[SEGMENT_ITEMS_MAX]
    cdef store_t* store = ks.store
    cdef hash_t fields_of
    cdef size_t count, i
    fields_of.heap = store.heap
    fields_of.secret = store.secret
    fields_of.limits = NULL
    fields_of.now_ms = store.now_ms
    fields_of.encoding = ENC_HASHTABLE
    fields_of.body = entry_body(entry)
    count = hash_take_dead(&fields_of, items)
    if count == 0:
        return                          # the bound came too early, and is true now
    for i in range(count):
        fields[i] = hash_item_field(items[i])
    if store.hooks.on_fields_expired is not NULL:
        store.hooks.on_fields_expired(store.hooks.owner, ks, entry_key(entry), fields, count)
    for i in range(count):
        hash_drop_item(&fields_of, items[i])
    store.expired_fields += count
    keyspace_announce(ks, EVENT_HASH, b"hexpired", entry_key(entry))


cdef void keyspace_expire_fields(keyspace_t* ks, due_node_t* node) noexcept nogil:
    cdef uint64_t hash = node.key_hash
    cdef entry_t* entry = <entry_t*>table_find_hash(&ks.table, hash)
    if entry is NULL or not has_fields(entry) or entry_body(entry) is not hash_of_due_node(node):
        due_remove(node)                # its key has gone, and it waits to be freed
        return
    if unlikely(ks.store.copying):
        ks.store.hooks.before_drop(ks.store.hooks.owner, ks, hash)
        if entry.flags & ENTRY_COPYING:         # nobody sees its dead fields meanwhile
            due_put(ks.due_fields, node, ks.store.now_ms + COPY_AGAIN_MS, hash)
            return
    before_change(ks, hash)
    drop_dead(ks, entry)
    if hash_table(entry_body(entry)).count:
        keyspace_note_fields(ks, hash, entry)
        return
    keyspace_take_out(ks, hash, entry)
    keyspace_announce(ks, EVENT_GENERIC, b"del", entry_key(entry))
    store_drop_entry(ks.store, entry)


cdef int64_t keyspace_due_ms(const keyspace_t* ks) noexcept nogil:
    cdef int64_t due_ms = table_due_ms(&ks.table)
    cdef due_node_t* node = due_first(ks.due_fields)
    return node.due_ms if node is not NULL and node.due_ms < due_ms else due_ms


# -- everything at once ---------------------------------------------------------------------------

cdef void release_item(void* owner, void* item) noexcept nogil:
    entry_release((<store_t*>owner).heap, <entry_t*>item)


cdef void drop_item(void* owner, void* item) noexcept nogil:
    store_drop_entry(<store_t*>owner, <entry_t*>item)


cdef void store_drop_body(store_t* store, type_t type, encoding_t encoding,
                          void* body) noexcept nogil:
    cdef size_t more
    if likely(value_effort(type, encoding, body) <= EFFORT_AT_ONCE):
        while value_release(store.heap, type, encoding, body, ~<size_t>0):
            pass
        return
    if store.body_count == store.body_max:
        more = store.body_max + (store.body_max >> 1) + 8
        store.bodies = <dropped_body_t*>heap_realloc(
            store.heap, store.bodies, store.body_max * sizeof(dropped_body_t),
            more * sizeof(dropped_body_t))
        store.body_max = more
    store.bodies[store.body_count].body = body
    store.bodies[store.body_count].type = type
    store.bodies[store.body_count].encoding = encoding
    store.body_count += 1
    store.dropped_items += 1


cdef void store_drop_entry(store_t* store, entry_t* entry) noexcept nogil:
    if unlikely(entry.flags & ENTRY_COPYING):
        store.hooks.on_dropped(store.hooks.owner, entry)        # K5
    elif entry.flags & ENTRY_BODY and unlikely(entry_type(entry) != TYPE_STRING):
        store_drop_body(store, entry_type(entry), entry_encoding(entry), entry_body(entry))
        heap_free(store.heap, entry, entry_size(entry))
    else:
        entry_release(store.heap, entry)


cdef uint64_t keyspace_clear(keyspace_t* ks, bint later) noexcept nogil:
    cdef store_t* store = ks.store
    cdef uint64_t count = ks.table.count
    # A table that is being copied is walked to its end where it waits to be freed.
    if (later or store.copying) and count:
        store.dropped = <table_t*>heap_realloc(
            store.heap, store.dropped, store.dropped_count * sizeof(table_t),
            (store.dropped_count + 1) * sizeof(table_t))
        store.dropped[store.dropped_count] = ks.table
        store.dropped_count += 1
        store.dropped_items += count
        table_init(&ks.table, store.heap, &ENTRY_TYPE, store.secret)
        ks.table.version = store.copy_version
        ks.table.origin = NO_ORIGIN
    else:
        while table_drain(&ks.table, ~<size_t>0, release_item, store):
            pass
    ks.volatile_count = 0
    if ks.due_fields is not NULL:       # the hashes that wait to be freed still refer to it
        due_list_abandon(ks.due_fields)
        ks.due_fields = NULL
    return count


cdef void reap_body(store_t* store, size_t effort) noexcept nogil:
    """A slice of the last body's work. Nothing of a snapshot hangs on it: it was written, if it
    had to be, before its key went (K5)."""
    cdef dropped_body_t* last = &store.bodies[store.body_count - 1]
    if value_release(store.heap, last.type, last.encoding, last.body, effort):
        return
    store.body_count -= 1
    store.dropped_items -= 1
    store.reaped += 1
    if store.body_count == 0:
        heap_free(store.heap, store.bodies, store.body_max * sizeof(dropped_body_t))
        store.bodies = NULL
        store.body_max = 0


cdef bint store_reap(store_t* store, size_t items_max) noexcept nogil:
    cdef table_t* table
    cdef uint64_t before
    cdef bint more
    if store.body_count:
        reap_body(store, items_max)
        return store_has_dropped(store)
    if store.dropped_count == 0 or store.copying:
        return False
    table = &store.dropped[store.dropped_count - 1]
    before = table.count
    more = table_drain(table, items_max, drop_item, store)
    store.dropped_items -= before - table.count
    store.reaped += before - table.count
    if not more:
        if store.dropped_count == 1:
            heap_free(store.heap, store.dropped, sizeof(table_t))
            store.dropped = NULL
        else:
            store.dropped = <table_t*>heap_realloc(
                store.heap, store.dropped, store.dropped_count * sizeof(table_t),
                (store.dropped_count - 1) * sizeof(table_t))
        store.dropped_count -= 1
    return store_has_dropped(store)


cdef void keyspace_exchange(keyspace_t* a, keyspace_t* b) noexcept nogil:
    cdef table_t table = a.table
    cdef uint64_t volatile_count = a.volatile_count
    cdef due_list_t* due_fields = a.due_fields
    cdef int top
    a.table = b.table
    a.volatile_count = b.volatile_count
    a.due_fields = b.due_fields
    b.due_fields = due_fields
    b.table = table
    b.volatile_count = volatile_count
    top = (a.index if a.index > b.index else b.index) + 1
    if top > a.store.database_top:
        a.store.database_top = top


# -- news -----------------------------------------------------------------------------------------

cdef void keyspace_announce(keyspace_t* ks, int klass, const char* event,
                            slice_t key) noexcept nogil:
    """K3: what WATCH and events must know of a change, whoever made it."""
    cdef store_t* store = ks.store
    if unlikely(store.watched) and store.hooks.on_modified is not NULL:
        store.hooks.on_modified(store.hooks.owner, ks, key)
    if unlikely(store.awaited) and store.hooks.on_awaited is not NULL:
        store.hooks.on_awaited(store.hooks.owner, ks, key)
    if unlikely(store.tracked) and store.hooks.on_tracked is not NULL:
        store.hooks.on_tracked(store.hooks.owner, ks, key)
    if unlikely(store.events & klass):
        keyspace_event(ks, klass, event, key)


cdef void keyspace_signal(keyspace_t* ks, int klass, const char* event,
                          slice_t key) noexcept nogil:
    ks.store.dirty += 1                 # K2
    keyspace_announce(ks, klass, event, key)


cdef void keyspace_event(keyspace_t* ks, int klass, const char* event,
                         slice_t key) noexcept nogil:
    if ks.store.events & klass and ks.store.hooks.on_event is not NULL:
        ks.store.hooks.on_event(ks.store.hooks.owner, ks, klass, event, key)
