"""The keys of one database, and what the databases of a server share.

Terms
    store     what all databases share: heap, secret, time, counters, hooks
    dirty     changes since start; call() compares it before and after a command
    hooks     how this floor tells the floors above; filled once at start; NULL is allowed
    hash      store_hash of the key: every function takes it beside the key, since the loop has
              computed it already, to prefetch
    deadline  milliseconds since the epoch; NO_DEADLINE for a key that stays

Borrowing. An entry_t* that a function returns is valid until the next call here that writes,
deletes or expires that key. No reading function frees any other key's entry.
The _t structs live as long as the server.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t, uint64_t

from ..core.buf cimport buf_t
from ..core.heap cimport heap_t
from ..core.rand cimport rand_t
from ..core.siphash cimport siphash13
from ..core.table cimport NO_DEADLINE, table_t
from ..core.types cimport slice_t
from .access cimport access_t
from .due cimport due_list_t, due_node_t
from .entry cimport encoding_t, entry_t, type_t

# Classes of keyspace events, as the letters of notify-keyspace-events name them.
cdef enum:
    EVENT_KEYSPACE = 1 << 0             # K: to the channel of the key
    EVENT_KEYEVENT = 1 << 1             # E: to the channel of the event
    EVENT_GENERIC = 1 << 2              # g
    EVENT_STRING = 1 << 3               # $
    EVENT_LIST = 1 << 4                 # l
    EVENT_SET = 1 << 5                  # s
    EVENT_HASH = 1 << 6                 # h
    EVENT_ZSET = 1 << 7                 # z
    EVENT_EXPIRED = 1 << 8              # x
    EVENT_EVICTED = 1 << 9              # e
    EVENT_STREAM = 1 << 10              # t
    EVENT_MISS = 1 << 11                # m
    EVENT_MODULE = 1 << 13              # d
    EVENT_NEW = 1 << 14                 # n

cdef struct keyspace_t

ctypedef void (*key_fn)(void* owner, keyspace_t* ks, slice_t key) noexcept nogil
ctypedef void (*key_event_fn)(void* owner, keyspace_t* ks, int klass, const char* event,
                              slice_t key) noexcept nogil
ctypedef void (*fields_fn)(void* owner, keyspace_t* ks, slice_t key, const slice_t* fields,
                           size_t count) noexcept nogil
ctypedef void (*segment_fn)(void* owner, keyspace_t* ks, uint64_t hash) noexcept nogil
ctypedef void (*entry_fn)(void* owner, entry_t* entry) noexcept nogil

ctypedef void (*libraries_fn)(void* owner, buf_t* out, bint as_rdb) noexcept nogil
ctypedef bint (*library_fn)(void* owner, slice_t code, char* why, size_t why_max) noexcept nogil

cdef struct hooks_t:
    void* owner
    key_fn on_modified                  # after a change that a WATCH must see
    key_fn on_awaited                   # likewise, for those who wait for a key
    key_fn on_tracked                   # likewise, for those who cache keys
    key_event_fn on_event               # keyspace events; asked only for classes in store.events
    key_fn on_expired                   # an expired key is about to go: journal its DEL
    key_fn on_evicted                   # likewise for an evicted one
    fields_fn on_fields_expired         # fields of a hash are about to go: journal their HDEL
    segment_fn before_change            # while store.copying: before any change of that hash
    segment_fn before_drop              # likewise, where what is there will only be dropped
    entry_fn on_dropped                 # an entry with ENTRY_COPYING: takes it
    # Libraries of functions live above, and stand in a base before the keys
    libraries_fn write_libraries        # append them, as RDB or as commands
    library_fn load_library             # False, with the reason in `why`, when it cannot be

# The body of an aggregate that is too large to be freed at once.
cdef struct dropped_body_t:
    void* body
    type_t type
    encoding_t encoding

cdef struct store_t:
    heap_t* heap                        # borrowed: the server's
    uint64_t secret[2]
    rand_t rand
    access_t access
    int64_t now_ms                      # wall clock; set once a turn, fixed in a transaction
    int64_t due_ms                      # no key of any database dies before: a lower bound
    bint expiry_paused                  # dead keys are not seen, and not removed either
    bint loading                        # a file is read: dead keys are seen, as they were then
    bint copying                        # a snapshot walks the tables
    uint32_t copy_version               # of the last walk
    bint no_touch                       # the client asked that reading leave no trace
    int events                          # classes that on_event wants
    uint64_t watched                    # watched keys, all clients: 0 spares on_modified
    uint64_t awaited                    # keys that blocked clients wait for: likewise on_awaited
    uint64_t tracked                    # keys and prefixes that clients cache: likewise on_tracked
    uint64_t dirty
    uint64_t hits
    uint64_t misses
    uint64_t expired
    uint64_t expired_fields
    uint64_t evicted
    hooks_t hooks
    keyspace_t* databases               # borrowed: database_count of them
    int database_count
    int database_top                    # no key was ever put into a database from here on
    table_t* dropped                    # owned: flushed tables that are freed by and by
    size_t dropped_count
    uint64_t dropped_items              # keys in them, and bodies: lazyfree_pending_objects
    dropped_body_t* bodies              # owned: of deleted keys, freed by and by
    size_t body_count
    size_t body_max
    uint64_t reaped                     # keys freed from them: lazyfreed_objects

cdef struct keyspace_t:
    store_t* store
    table_t table
    int index
    uint64_t volatile_count             # keys with a deadline
    due_list_t* due_fields              # owned: hashes with fields that die; NULL until one has

cdef void store_init(store_t* store, heap_t* heap) noexcept nogil
cdef void store_free(store_t* store) noexcept nogil
cdef void keyspace_init(keyspace_t* ks, store_t* store, int index) noexcept nogil
cdef void keyspace_free(keyspace_t* ks) noexcept nogil

cdef inline uint64_t store_hash(const store_t* store, slice_t key) noexcept nogil:
    return siphash13(key.data, key.size, store.secret)

# -- reading: NULL when absent or dead; a dead key is removed (unless expiry is paused) ----------

# For whoever needs to know and is not counted: the target of a RENAME, the engine itself.
cdef entry_t* keyspace_peek(keyspace_t* ks, uint64_t hash, slice_t key) noexcept nogil
# For commands that look at a key without using it: TTL, EXISTS, TYPE... Counts a hit or a miss.
cdef entry_t* keyspace_look(keyspace_t* ks, uint64_t hash, slice_t key) noexcept nogil
# Counts a hit or a miss, and marks the key as used.
cdef entry_t* keyspace_read(keyspace_t* ks, uint64_t hash, slice_t key) noexcept nogil
# For commands that may change the key: marks it as used; the table may be copied before.
cdef entry_t* keyspace_write(keyspace_t* ks, uint64_t hash, slice_t key) noexcept nogil
# Any live key, or NULL.
cdef entry_t* keyspace_random(keyspace_t* ks) noexcept nogil
# Live keys, without removing dead ones: what DBSIZE says.
cdef inline uint64_t keyspace_count(const keyspace_t* ks) noexcept nogil:
    return ks.table.count

# -- changing ------------------------------------------------------------------------------------

# A string under the key, whatever was there; the entry may be the old block, written over.
cdef entry_t* keyspace_set(keyspace_t* ks, uint64_t hash, slice_t key, slice_t value,
                           int64_t deadline_ms) noexcept nogil
# An entry made by entry_create_*, under its own key, whatever was there.
cdef void keyspace_put_take(keyspace_t* ks, uint64_t hash, entry_t* fresh) noexcept nogil
# Another block in place of `entry`, which is released with its body unless `keep_body`, when the
# replacement has taken it.
cdef void keyspace_swap_take(keyspace_t* ks, uint64_t hash, entry_t* entry, entry_t* fresh,
                             bint keep_body) noexcept nogil
# NO_DEADLINE makes the key stay. The entry moves when it gains or loses its deadline.
cdef entry_t* keyspace_set_deadline(keyspace_t* ks, uint64_t hash, entry_t* entry,
                                    int64_t deadline_ms) noexcept nogil
# A string entry with a raw body of at least size_max bytes room, whatever form it had.
cdef entry_t* keyspace_make_raw(keyspace_t* ks, uint64_t hash, entry_t* entry,
                                size_t size_max) noexcept nogil
cdef bint keyspace_delete(keyspace_t* ks, uint64_t hash, slice_t key) noexcept nogil
# A key that is known to be there.
cdef void keyspace_delete_entry(keyspace_t* ks, uint64_t hash, entry_t* entry) noexcept nogil
# Out of the table, to the caller, who owns it now.
cdef void keyspace_take_out(keyspace_t* ks, uint64_t hash, entry_t* entry) noexcept nogil
# Remove a dead or chosen key: counts it, tells the journal, raises the event.
cdef void keyspace_expire(keyspace_t* ks, uint64_t hash, entry_t* entry) noexcept nogil
cdef void keyspace_evict(keyspace_t* ks, uint64_t hash, entry_t* entry) noexcept nogil
# Fields of this hash, which stands in a table, were given deadlines.
cdef void keyspace_note_fields(keyspace_t* ks, uint64_t hash, entry_t* entry) noexcept nogil
# Remove the dead fields of the hash that has the node, about SEGMENT_ITEMS_MAX of them, and the key
# when it is empty: counts them, tells the journal, raises the events.
cdef void keyspace_expire_fields(keyspace_t* ks, due_node_t* node) noexcept nogil
# The earliest time that a key, or a field of one, may die: a lower bound.
cdef int64_t keyspace_due_ms(const keyspace_t* ks) noexcept nogil
# Remove everything; with `later` the memory is freed by store_reap. Returns how many keys went.
cdef uint64_t keyspace_clear(keyspace_t* ks, bint later) noexcept nogil
cdef void keyspace_exchange(keyspace_t* a, keyspace_t* b) noexcept nogil
# Free an entry that no table shows; a large body waits for store_reap.
cdef void store_drop_entry(store_t* store, entry_t* entry) noexcept nogil
# A body that no entry holds any more, likewise.
cdef void store_drop_body(store_t* store, type_t type, encoding_t encoding,
                          void* body) noexcept nogil
# Is there something that store_reap could free now?
cdef inline bint store_has_dropped(const store_t* store) noexcept nogil:
    return store.body_count != 0 or (store.dropped_count != 0 and not store.copying)
# Free about `items_max` dropped items, or as many blocks of dropped bodies; true while more remain.
cdef bint store_reap(store_t* store, size_t items_max) noexcept nogil

# Say that a command changed `key`: one change for the journal, WATCH and events.
cdef void keyspace_signal(keyspace_t* ks, int klass, const char* event,
                          slice_t key) noexcept nogil
# Likewise, not counted: the other key of a change that was counted, as in RENAME.
cdef void keyspace_announce(keyspace_t* ks, int klass, const char* event,
                            slice_t key) noexcept nogil
# The event alone, for commands that raise several for one change.
cdef void keyspace_event(keyspace_t* ks, int klass, const char* event, slice_t key) noexcept nogil
