"""Hash table of items, found by their key: the keyspace, later large hashes and sets.

Terms
    item      what is stored: one block of the owner, which holds its own key
    hash      SipHash of the key under the server's secret; high bits place, low bits tag
    bucket    64 bytes: 9 tags, an overflow count, 9 references of 6 bytes
    segment   up to 64 buckets that share the first `depth` bits of their items' hashes
    directory segment by the first `depth` bits of a hash, table depth >= segment depth
    cursor    a place in hash order; 0 is the start, and the end
    deadline  milliseconds since the epoch after which an item is dead; NO_DEADLINE for none
    due       a time before which no item of a segment (a table) can be dead: a lower bound

The table owns buckets, segments and directory, and borrows the items.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from .heap cimport heap_t
from .rand cimport rand_t
from .types cimport slice_t

cdef enum:
    BUCKET_SLOTS = 9
    SEGMENT_BUCKETS_LOG2 = 6
    SEGMENT_ITEMS_MAX = 576             # 64 buckets of 9: what one step of a walk may return

cdef extern from *:
    """
    #define KVD_NO_DEADLINE INT64_MAX
    """
    const int64_t NO_DEADLINE "KVD_NO_DEADLINE"

ctypedef slice_t (*table_key_fn)(const void* item) noexcept nogil
ctypedef int64_t (*table_deadline_fn)(const void* item) noexcept nogil
ctypedef void (*table_item_fn)(void* owner, void* item) noexcept nogil
# A better place for the item, which it now occupies, or NULL to leave it.
ctypedef void* (*table_move_fn)(void* owner, void* item) noexcept nogil

cdef struct table_type_t:
    table_key_fn key_of                 # its data is not NULL, also when the key is empty
    table_deadline_fn deadline_of       # NULL: items never die

cdef struct segment_t:
    char* buckets                       # owned, 64 bytes each, a power of two of them
    uint32_t* marks                     # owned, NULL while no item has a deadline; see table.pyx
    int64_t base_ms                     # marks count from here
    int64_t due_ms                      # no item dies before; NO_DEADLINE
    uint32_t due_at                     # index in the table's due heap; UINT32_MAX when absent
    uint32_t version                    # of a snapshot's walk; new segments inherit it
    uint16_t count                      # items
    uint8_t depth
    uint8_t size_log2                   # buckets

cdef struct directory_t:
    uint64_t place                      # buckets (48 bits), depth (8 bits), size_log2 (8 bits)
    segment_t* segment                  # owned; shared by all slots with its prefix

cdef struct table_t:
    heap_t* heap
    const table_type_t* type
    const uint64_t* secret              # two words, borrowed: the server's hash key
    directory_t* directory              # owned, NULL while the table is empty
    uint32_t depth
    uint32_t deepest                    # segments as deep as the directory
    uint64_t count                      # items
    uint64_t segments
    uint64_t draining                   # directory slots that a drain has left; 0 outside of one
    segment_t** due                     # owned: binary heap on due_ms
    size_t due_count
    size_t due_max
    # Of a walk that copies the table (journal/snapshot). They outlive the table's becoming empty.
    uint32_t version                    # of segments made where there was none
    int origin
    bint walking
    uint64_t walk_at                    # the hash it has come to

cdef void table_init(table_t* table, heap_t* heap, const table_type_t* type,
                     const uint64_t* secret) noexcept nogil
# Frees what the table owns; items stay with their owner.
cdef void table_free(table_t* table) noexcept nogil

cdef uint64_t table_hash(const table_t* table, slice_t key) noexcept nogil
# Two hints for a lookup that will come: first the bucket, later the item, which is returned, too;
# NULL when there is none. It is likely to be the one looked for, and may be another.
cdef void table_prefetch(const table_t* table, uint64_t hash) noexcept nogil
cdef void* table_prefetch_item(const table_t* table, uint64_t hash) noexcept nogil
# The item with this key, or NULL.
cdef void* table_find(const table_t* table, uint64_t hash, slice_t key) noexcept nogil
# An item whose key has this hash, or NULL. Two keys that share one cannot be told apart.
cdef void* table_find_hash(const table_t* table, uint64_t hash) noexcept nogil
# The key must be absent.
cdef void table_insert(table_t* table, uint64_t hash, void* item) noexcept nogil
# Both must be present; false when the item is not there. Compares addresses, not keys.
cdef bint table_remove(table_t* table, uint64_t hash, const void* item) noexcept nogil
cdef bint table_replace(table_t* table, uint64_t hash, const void* item,
                        void* replacement) noexcept nogil
# Does the table hold an item at this address under this hash? The address may be of a freed block.
cdef bint table_holds(const table_t* table, uint64_t hash, const void* item) noexcept nogil
# The item's deadline was set, or came nearer. (A later one needs no word.)
cdef void table_note_deadline(table_t* table, uint64_t hash, const void* item,
                              int64_t deadline_ms) noexcept nogil

# One step of a walk: the items of the bucket at *cursor, and *cursor moved on; 0 ends the walk.
# An item present from start to end of the walk is returned at least once, whatever the table
# does in between. `out` has room for SEGMENT_ITEMS_MAX. Returns how many.
cdef size_t table_scan(const table_t* table, uint64_t* cursor, void** out) noexcept nogil
# A longer step of the same walk: a whole segment, where the cursor stands before one. A segment
# costs a hash an item less.
cdef size_t table_walk(const table_t* table, uint64_t* cursor, void** out) noexcept nogil
# The items of the segment that holds *hash, if its version is another than `version`, which it has
# from now on; *hash is moved to where the next segment starts, 0 behind the last.
cdef size_t table_take_segment(table_t* table, uint64_t* hash, uint32_t version,
                               void** out) noexcept nogil
# The version of the segment that holds this hash; of the table when it is empty.
cdef uint32_t table_segment_version(const table_t* table, uint64_t hash) noexcept nogil
# Any item, each as likely as any other; NULL when there is none.
cdef void* table_random(const table_t* table, rand_t* rand) noexcept nogil
# Up to `count` items that lie close together at a random place, for eviction. With
# `with_deadline` only items that have one. May return fewer, and none although some exist.
cdef size_t table_sample(const table_t* table, rand_t* rand, bint with_deadline,
                         void** out, size_t count) noexcept nogil

# The earliest due time of the table; NO_DEADLINE when nothing can die.
cdef int64_t table_due_ms(const table_t* table) noexcept nogil
# The dead items of the segment that is due first, at most SEGMENT_ITEMS_MAX. The caller removes
# every one of them: the table forgets their deadlines. 0 does not mean that no other is due.
cdef size_t table_take_due(table_t* table, int64_t now_ms, void** out) noexcept nogil

# Hand items, a segment at a time, to `fn`, and drop them from the table, until it is empty or
# about `items_max` are gone. True while some remain. No other call may come between steps.
cdef bint table_drain(table_t* table, size_t items_max, table_item_fn fn,
                      void* owner) noexcept nogil
# Offer every item of the bucket at *cursor a better place; *cursor moved on, 0 at the end. The
# table moves its own blocks where heap_should_move says so, at `percent`.
cdef void table_move(table_t* table, uint64_t* cursor, unsigned percent, table_move_fn fn,
                     void* owner) noexcept nogil
# Bytes of buckets, segments, directory and due heap, at class sizes.
cdef size_t table_overhead(const table_t* table) noexcept nogil
