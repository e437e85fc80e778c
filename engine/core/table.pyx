"""Hash table of items, found by their key.

A bucket is one cache line. Nine one-byte tags are compared at once; a reference is the item's
address in 6 bytes, since no address of a process has more than 48 significant bits here.

    bucket:  [ tag x 9 | overflow | ref x 9, 6 bytes each ]       9 + 1 + 54 = 64
    hash:    [ directory bits | bucket bits | ......... | tag 8 ]
                 depth            size_log2               low

Buckets of a segment are probed in a line from the home bucket. `overflow` of a bucket counts
the items that wanted to live in it, or passed it, and live further on: a lookup stops at the
first bucket that nothing passed. A full segment first doubles, from one bucket to 64, and then
splits in two by the next bit of the hash. So growth costs one segment's work at a time, there is
no second table, and an insertion never waits for a rehash of everything.

A bucket's index is made of the hash bits that follow the segment's prefix. The order of buckets
is therefore the order of hashes, before and after any split, doubling or merge, and a cursor is
simply a hash: what lies below it has been seen.

Deadlines. A per-key index would cost more than 8 bytes a key. Instead each bucket has a mark: a
lower bound, in milliseconds from the segment's base, of the deadlines of the items that live in
it; the segment's due_ms is the least of them, and a binary heap orders the segments by due_ms.
Finding what died costs a look at one bucket's items. Marks only have to be lower bounds, so
removing or postponing an item touches nothing; an early mark costs one look, and is then true.

Invariants
    T1  tag 0 means a free slot; tags of items are 1..255
    T2  an item lives at or behind its home, and every bucket in between has counted it
        in `overflow`; a count that reached 255 stays until the segment is rebuilt
    T3  directory slots of a segment are neighbours, 2^(table.depth - segment.depth) of them
    T4  mark[b] <= deadline of every item in bucket b, counted from base_ms, or saturated
    T5  a segment is in the due heap exactly when it has marks
    T6  a segment never fills its last slot while it can grow, so a probe finds a free one
Cost: a lookup is two cache misses. 64 / (9 * fill) bytes an item, fill 0.47 to 0.94; deadlines
4 bytes a bucket.
Source: tags after Abseil's and Folly's tables, overflow counts after Folly's F14, segments after
extendible hashing (Fagin, Nievergelt, Pippenger, Strong, 1979).
"""
from libc.stdint cimport UINT32_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from .heap cimport (
    heap_alloc, heap_alloc_zero, heap_block_size, heap_free, heap_move, heap_realloc,
    heap_should_move,
)
from .intrinsics cimport (
    count_trailing_zeros, kvd_assert, kvd_static_assert, likely, load64, prefetch_read, unlikely,
)
from .rand cimport rand_below, rand_next
from .siphash cimport siphash13

cdef extern from *:
    """
    #include <stdint.h>
    #if defined(__SSE2__)
    #include <emmintrin.h>
    /* Bits of the slots whose tag is `tag`. */
    static inline uint32_t bucket_match(const char* bucket, uint8_t tag) {
        __m128i tags = _mm_loadu_si128((const __m128i*)bucket);
        return _mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag))) & 0x1FF;
    }
    #else
    static inline uint32_t bucket_match(const char* bucket, uint8_t tag) {
        uint32_t bits = 0;
        for (int i = 0; i < 9; i++) bits |= (uint32_t)((uint8_t)bucket[i] == tag) << i;
        return bits;
    }
    #endif
    #if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    #error "references are read as little-endian words"
    #endif
    """
    uint32_t bucket_match(const char* bucket, uint8_t tag) noexcept nogil

cdef enum:
    BUCKET_SIZE = 64
    OVERFLOW_AT = 9                     # byte of a bucket
    OVERFLOW_STUCK = 255
    BUCKETS_MAX = 64
    MARK_SIZE = 4                       # bytes: a uint32 for each bucket
    CURSOR_SHIFT = 16                   # clients keep cursors in doubles: 48 bits
    DEPTH_MAX = 40
    SCRATCH_MAX = 576
    REHASH_AHEAD = 16                   # items

cdef uint64_t PLACE_MASK = (<uint64_t>1 << 48) - 1


cdef inline uint8_t tag_of(uint64_t hash) noexcept nogil:
    cdef uint8_t tag = <uint8_t>hash
    return tag if tag else 1            # T1


cdef inline void* ref_get(const char* bucket, uint32_t slot) noexcept nogil:
    # The word that ends with the reference: reading it never leaves the bucket.
    return <void*>(load64(bucket + 8 + 6 * slot) >> 16)


cdef inline void ref_set(char* bucket, uint32_t slot, const void* item) noexcept nogil:
    cdef uint64_t word = <uint64_t>item
    memcpy(bucket + 10 + 6 * slot, &word, 6)


cdef inline uint32_t bucket_index(uint64_t hash, uint32_t depth, uint32_t size_log2) noexcept nogil:
    return <uint32_t>(((hash << depth) >> 1) >> (63 - size_log2))


cdef inline directory_t* slot_of(const table_t* table, uint64_t hash) noexcept nogil:
    return &table.directory[(hash >> 1) >> (63 - table.depth)]


cdef inline size_t marks_size(const segment_t* segment) noexcept nogil:
    return <size_t>MARK_SIZE << segment.size_log2


cdef inline uint32_t limit_of(uint32_t size_log2) noexcept nogil:
    """Items a segment of this size takes before it grows (T6)."""
    cdef uint32_t slots = <uint32_t>BUCKET_SLOTS << size_log2
    return slots - (slots >> 4) if size_log2 else slots


# -- life -----------------------------------------------------------------------------------------

cdef void table_init(table_t* table, heap_t* heap, const table_type_t* type,
                     const uint64_t* secret) noexcept nogil:
    kvd_static_assert(sizeof(segment_t) <= 48)
    memset(table, 0, sizeof(table_t))
    table.heap = heap
    table.type = type
    table.secret = secret


cdef char* buckets_create(table_t* table, uint32_t size_log2) noexcept nogil:
    return <char*>heap_alloc_zero(table.heap, <size_t>BUCKET_SIZE << size_log2)


cdef void buckets_free(table_t* table, char* buckets, uint32_t size_log2) noexcept nogil:
    heap_free(table.heap, buckets, <size_t>BUCKET_SIZE << size_log2)


cdef segment_t* segment_create(table_t* table, uint32_t depth, uint32_t size_log2) noexcept nogil:
    cdef segment_t* segment = <segment_t*>heap_alloc_zero(table.heap, sizeof(segment_t))
    segment.buckets = buckets_create(table, size_log2)
    segment.depth = <uint8_t>depth
    segment.size_log2 = <uint8_t>size_log2
    segment.due_ms = NO_DEADLINE
    segment.due_at = UINT32_MAX
    table.segments += 1
    if depth == table.depth:
        table.deepest += 1
    return segment


cdef void segment_release(table_t* table, segment_t* segment) noexcept nogil:
    due_remove(table, segment)
    heap_free(table.heap, segment.marks, marks_size(segment))
    buckets_free(table, segment.buckets, segment.size_log2)
    if segment.depth == table.depth:
        table.deepest -= 1
    table.segments -= 1
    heap_free(table.heap, segment, sizeof(segment_t))


cdef void directory_point(table_t* table, uint64_t prefix, segment_t* segment) noexcept nogil:
    """Let every slot of the segment show it; `prefix`: its depth bits, at the top of a word."""
    cdef uint64_t at = (prefix >> 1) >> (63 - table.depth)
    cdef uint64_t end = at + (<uint64_t>1 << (table.depth - segment.depth))
    while at < end:                     # T3
        table.directory[at].segment = segment
        table.directory[at].place = (<uint64_t>segment.buckets
                                     | <uint64_t>segment.depth << 48
                                     | <uint64_t>segment.size_log2 << 56)
        at += 1


cdef void directory_double(table_t* table) noexcept nogil:
    cdef uint64_t count = <uint64_t>1 << table.depth
    cdef uint64_t i = count
    kvd_assert(table.depth < DEPTH_MAX)
    table.directory = <directory_t*>heap_realloc(
        table.heap, table.directory, count * sizeof(directory_t), 2 * count * sizeof(directory_t))
    while i:
        i -= 1
        table.directory[2 * i + 1] = table.directory[i]
        table.directory[2 * i] = table.directory[i]
    table.depth += 1
    table.deepest = 0


cdef void directory_halve(table_t* table) noexcept nogil:
    """No segment needs the last bit any more."""
    cdef uint64_t count = <uint64_t>1 << (table.depth - 1)
    cdef uint64_t i
    for i in range(count):
        table.directory[i] = table.directory[2 * i]
    table.directory = <directory_t*>heap_realloc(
        table.heap, table.directory, 2 * count * sizeof(directory_t), count * sizeof(directory_t))
    table.depth -= 1
    table.deepest = 0
    i = 0
    while i < count:
        if table.directory[i].segment.depth == table.depth:
            table.deepest += 1
        i += <uint64_t>1 << (table.depth - table.directory[i].segment.depth)


cdef void table_clear(table_t* table) noexcept nogil:
    """Release an empty directory; the table starts anew."""
    heap_free(table.heap, table.directory, sizeof(directory_t) << table.depth)
    heap_free(table.heap, table.due, table.due_max * sizeof(segment_t*))
    table.directory = NULL
    table.depth = 0
    table.deepest = 0
    table.count = 0
    table.segments = 0
    table.draining = 0
    table.due = NULL
    table.due_count = 0
    table.due_max = 0


cdef void table_free(table_t* table) noexcept nogil:
    cdef uint64_t i = 0
    cdef uint64_t end = table.draining if table.draining else <uint64_t>1 << table.depth
    cdef segment_t* segment
    cdef uint64_t width
    if table.directory is NULL:
        return
    while i < end:
        segment = table.directory[i].segment
        width = <uint64_t>1 << (table.depth - segment.depth)
        segment_release(table, segment)
        i += width
    table_clear(table)


# -- lookup ---------------------------------------------------------------------------------------

cdef uint64_t table_hash(const table_t* table, slice_t key) noexcept nogil:
    return siphash13(key.data, key.size, table.secret)


cdef inline char* home_of(const table_t* table, uint64_t hash) noexcept nogil:
    cdef uint64_t place = slot_of(table, hash).place
    return (<char*>(place & PLACE_MASK)
            + <size_t>bucket_index(hash, (place >> 48) & 255, place >> 56) * BUCKET_SIZE)


cdef void table_prefetch(const table_t* table, uint64_t hash) noexcept nogil:
    if likely(table.directory is not NULL):
        prefetch_read(home_of(table, hash))


cdef void* table_prefetch_item(const table_t* table, uint64_t hash) noexcept nogil:
    cdef char* bucket
    cdef uint32_t bits
    cdef char* item = NULL
    if likely(table.directory is not NULL):
        bucket = home_of(table, hash)
        bits = bucket_match(bucket, tag_of(hash))
        if bits:
            item = <char*>ref_get(bucket, count_trailing_zeros(bits))
            prefetch_read(item)
            prefetch_read(item + 48)    # small items straddle a line as often as not
    return item


cdef void* table_find(const table_t* table, uint64_t hash, slice_t key) noexcept nogil:
    cdef uint64_t place
    cdef uint32_t at, mask, bits
    cdef char* bucket
    cdef void* item
    cdef slice_t there
    cdef uint8_t tag = tag_of(hash)
    if unlikely(table.directory is NULL):
        return NULL
    place = slot_of(table, hash).place
    at = bucket_index(hash, (place >> 48) & 255, place >> 56)
    mask = (<uint32_t>1 << (place >> 56)) - 1
    while True:
        bucket = <char*>(place & PLACE_MASK) + <size_t>at * BUCKET_SIZE
        bits = bucket_match(bucket, tag)
        while bits:
            item = ref_get(bucket, count_trailing_zeros(bits))
            there = table.type.key_of(item)
            if likely(there.size == key.size and memcmp(there.data, key.data, key.size) == 0):
                return item
            bits &= bits - 1
        if likely(bucket[OVERFLOW_AT] == 0):
            return NULL
        at = (at + 1) & mask
        if unlikely(at == bucket_index(hash, (place >> 48) & 255, place >> 56)):
            return NULL                 # all the way round: stuck counts


cdef void* table_find_hash(const table_t* table, uint64_t hash) noexcept nogil:
    cdef segment_t* segment
    cdef uint32_t home, at, bits
    cdef char* bucket
    cdef void* item
    if table.directory is NULL:
        return NULL
    segment = slot_of(table, hash).segment
    home = bucket_index(hash, segment.depth, segment.size_log2)
    at = home
    while True:
        bucket = segment.buckets + <size_t>at * BUCKET_SIZE
        bits = bucket_match(bucket, tag_of(hash))
        while bits:
            item = ref_get(bucket, <uint32_t>count_trailing_zeros(bits))
            if table_hash(table, table.type.key_of(item)) == hash:
                return item
            bits &= bits - 1
        at = (at + 1) & ((<uint32_t>1 << segment.size_log2) - 1)
        if bucket[OVERFLOW_AT] == 0 or at == home:
            return NULL


cdef char* seek(const table_t* table, uint64_t hash, const void* item, uint32_t* slot,
                uint32_t* index) noexcept nogil:
    """The bucket in which the item lives, its slot and its bucket's index; or NULL."""
    cdef segment_t* segment
    cdef uint32_t home, at, mask, bits
    cdef char* bucket
    if table.directory is NULL:
        return NULL
    segment = slot_of(table, hash).segment
    home = bucket_index(hash, segment.depth, segment.size_log2)
    mask = (<uint32_t>1 << segment.size_log2) - 1
    at = home
    while True:
        bucket = segment.buckets + <size_t>at * BUCKET_SIZE
        bits = bucket_match(bucket, tag_of(hash))
        while bits:
            slot[0] = <uint32_t>count_trailing_zeros(bits)
            if ref_get(bucket, slot[0]) is item:
                index[0] = at
                return bucket
            bits &= bits - 1
        at = (at + 1) & mask
        if bucket[OVERFLOW_AT] == 0 or at == home:
            return NULL


# -- change ---------------------------------------------------------------------------------------

cdef uint32_t place_item(segment_t* segment, uint64_t hash, void* item) noexcept nogil:
    """Put an item into a segment that has room; return its bucket's index."""
    cdef uint32_t mask = (<uint32_t>1 << segment.size_log2) - 1
    cdef uint32_t at = bucket_index(hash, segment.depth, segment.size_log2)
    cdef char* bucket = segment.buckets + <size_t>at * BUCKET_SIZE
    cdef uint32_t bits = bucket_match(bucket, 0)
    while bits == 0:
        if <uint8_t>bucket[OVERFLOW_AT] != OVERFLOW_STUCK:      # T2
            bucket[OVERFLOW_AT] = <char>(<uint8_t>bucket[OVERFLOW_AT] + 1)
        at = (at + 1) & mask
        bucket = segment.buckets + <size_t>at * BUCKET_SIZE
        bits = bucket_match(bucket, 0)
    bucket[count_trailing_zeros(bits)] = <char>tag_of(hash)
    ref_set(bucket, <uint32_t>count_trailing_zeros(bits), item)
    segment.count += 1
    return at


cdef size_t gather(const segment_t* segment, void** out) noexcept nogil:
    """Every item of a segment."""
    cdef uint32_t at, bits
    cdef size_t count = 0
    cdef char* bucket
    for at in range(<uint32_t>1 << segment.size_log2):
        bucket = segment.buckets + <size_t>at * BUCKET_SIZE
        bits = ~bucket_match(bucket, 0) & 0x1FF
        while bits:
            out[count] = ref_get(bucket, <uint32_t>count_trailing_zeros(bits))
            count += 1
            bits &= bits - 1
    return count


cdef inline uint64_t hash_ahead(const table_t* table, void** items, size_t i,
                                size_t count) noexcept nogil:
    """The hash of items[i], while a later one is on its way to the cache."""
    if i + REHASH_AHEAD < count:
        prefetch_read(items[i + REHASH_AHEAD])
    return table_hash(table, table.type.key_of(items[i]))


cdef void move_in(table_t* table, segment_t* segment, uint64_t hash, void* item) noexcept nogil:
    cdef uint32_t at = place_item(segment, hash, item)
    cdef int64_t deadline
    if table.type.deadline_of is not NULL:
        deadline = table.type.deadline_of(item)
        if deadline != NO_DEADLINE:
            mark(table, segment, at, deadline)


cdef void segment_resize(table_t* table, segment_t* segment, uint64_t prefix,
                         uint32_t size_log2) noexcept nogil:
    """Rebuild a segment with another number of buckets."""
    cdef void* items[SCRATCH_MAX]
    cdef size_t count = gather(segment, items)
    cdef size_t i
    cdef char* old = segment.buckets
    cdef uint32_t old_log2 = segment.size_log2
    unmark(table, segment)
    segment.size_log2 = <uint8_t>size_log2
    segment.buckets = buckets_create(table, size_log2)
    segment.count = 0
    for i in range(count):
        move_in(table, segment, hash_ahead(table, items, i, count), items[i])
    buckets_free(table, old, old_log2)
    directory_point(table, prefix, segment)


cdef void segment_split(table_t* table, segment_t* segment, uint64_t prefix) noexcept nogil:
    """Two segments, one bit deeper, in place of a full one."""
    cdef void* items[SCRATCH_MAX]
    cdef size_t count = gather(segment, items)
    cdef size_t i
    cdef uint64_t hash
    cdef uint64_t bit
    cdef uint32_t depth = segment.depth
    cdef segment_t* high
    cdef segment_t* low
    if depth == table.depth:
        directory_double(table)
    bit = <uint64_t>1 << (63 - depth)
    low = segment_create(table, depth + 1, SEGMENT_BUCKETS_LOG2)
    high = segment_create(table, depth + 1, SEGMENT_BUCKETS_LOG2)
    low.version = segment.version
    high.version = segment.version
    for i in range(count):
        hash = hash_ahead(table, items, i, count)
        move_in(table, high if hash & bit else low, hash, items[i])
    segment_release(table, segment)
    directory_point(table, prefix, low)
    directory_point(table, prefix | bit, high)


cdef inline uint64_t prefix_of(const segment_t* segment, uint64_t hash) noexcept nogil:
    """The first depth bits of the hash, the rest cleared."""
    return hash & ~((~<uint64_t>0) >> segment.depth) if segment.depth else 0


cdef segment_t* segment_with_room(table_t* table, uint64_t hash) noexcept nogil:
    cdef segment_t* segment
    if unlikely(table.directory is NULL):
        table.directory = <directory_t*>heap_alloc(table.heap, sizeof(directory_t))
        segment = segment_create(table, 0, 0)
        segment.version = table.version
        directory_point(table, 0, segment)
        return segment
    while True:
        segment = slot_of(table, hash).segment
        if likely(segment.count < limit_of(segment.size_log2)):
            return segment
        if segment.size_log2 < SEGMENT_BUCKETS_LOG2:
            segment_resize(table, segment, prefix_of(segment, hash), segment.size_log2 + 1)
        elif segment.depth < DEPTH_MAX:
            segment_split(table, segment, prefix_of(segment, hash))
        else:
            # Only hashes that agree in 40 bits end here: the secret has leaked or failed.
            kvd_assert(segment.count < SEGMENT_ITEMS_MAX)
            return segment


cdef void table_insert(table_t* table, uint64_t hash, void* item) noexcept nogil:
    move_in(table, segment_with_room(table, hash), hash, item)
    table.count += 1


cdef bint table_replace(table_t* table, uint64_t hash, const void* item,
                        void* replacement) noexcept nogil:
    cdef uint32_t slot, at
    cdef char* bucket = seek(table, hash, item, &slot, &at)
    if bucket is NULL:
        return False
    ref_set(bucket, slot, replacement)
    return True


cdef bint table_remove(table_t* table, uint64_t hash, const void* item) noexcept nogil:
    cdef uint32_t slot, index, at, mask
    cdef segment_t* segment
    cdef char* bucket = seek(table, hash, item, &slot, &index)
    if bucket is NULL:
        return False
    bucket[slot] = 0
    segment = slot_of(table, hash).segment
    mask = (<uint32_t>1 << segment.size_log2) - 1
    at = bucket_index(hash, segment.depth, segment.size_log2)
    while at != index:                  # T2: it no longer passes these
        bucket = segment.buckets + <size_t>at * BUCKET_SIZE
        if <uint8_t>bucket[OVERFLOW_AT] != OVERFLOW_STUCK:
            bucket[OVERFLOW_AT] = <char>(<uint8_t>bucket[OVERFLOW_AT] - 1)
        at = (at + 1) & mask
    segment.count -= 1
    table.count -= 1
    if table.count == 0:
        table_free(table)
    elif unlikely(segment.count * 4 <= limit_of(segment.size_log2)):
        shrink(table, segment, prefix_of(segment, hash))
    return True


cdef void shrink(table_t* table, segment_t* segment, uint64_t prefix) noexcept nogil:
    """Halve a sparse lone segment, or merge a sparse pair.

    A pair is merged when together they fill half of one segment, so that a table that breathes
    around one size neither splits nor merges.
    """
    cdef void* items[SCRATCH_MAX]
    cdef segment_t* buddy
    cdef uint64_t bit
    cdef size_t count, i
    if segment.depth == 0:
        if segment.size_log2:
            segment_resize(table, segment, prefix, segment.size_log2 - 1)
        return
    bit = <uint64_t>1 << (64 - segment.depth)
    buddy = slot_of(table, prefix ^ bit).segment
    if (buddy.depth != segment.depth or buddy.version != segment.version
            or (<uint32_t>buddy.count + segment.count) * 2 > limit_of(SEGMENT_BUCKETS_LOG2)):
        return
    count = gather(buddy, items)
    count += gather(segment, &items[count])
    if segment.depth == table.depth:
        table.deepest -= 1
    segment.depth -= 1
    prefix &= ~bit
    unmark(table, segment)
    memset(segment.buckets, 0, <size_t>BUCKET_SIZE << segment.size_log2)
    segment.count = 0
    for i in range(count):
        move_in(table, segment, table_hash(table, table.type.key_of(items[i])), items[i])
    segment_release(table, buddy)
    directory_point(table, prefix, segment)
    if table.deepest == 0 and table.depth:
        directory_halve(table)
    if segment.count * 4 <= limit_of(SEGMENT_BUCKETS_LOG2):
        shrink(table, segment, prefix)  # its new buddy may have waited for it


# -- deadlines ------------------------------------------------------------------------------------

cdef void due_swap(table_t* table, size_t a, size_t b) noexcept nogil:
    cdef segment_t* held = table.due[a]
    table.due[a] = table.due[b]
    table.due[b] = held
    table.due[a].due_at = <uint32_t>a
    table.due[b].due_at = <uint32_t>b


cdef void due_sift(table_t* table, size_t at) noexcept nogil:
    """Bring the heap into order after the segment at `at` changed its due_ms."""
    cdef size_t child
    while at and table.due[at].due_ms < table.due[(at - 1) >> 1].due_ms:
        due_swap(table, at, (at - 1) >> 1)
        at = (at - 1) >> 1
    while True:
        child = 2 * at + 1
        if child >= table.due_count:
            return
        if child + 1 < table.due_count and table.due[child + 1].due_ms < table.due[child].due_ms:
            child += 1
        if table.due[at].due_ms <= table.due[child].due_ms:
            return
        due_swap(table, at, child)
        at = child


cdef void due_remove(table_t* table, segment_t* segment) noexcept nogil:
    cdef size_t at = segment.due_at
    if segment.due_at == UINT32_MAX:
        return
    table.due_count -= 1
    if at != table.due_count:
        due_swap(table, at, table.due_count)
        due_sift(table, at)
    segment.due_at = UINT32_MAX


cdef void unmark(table_t* table, segment_t* segment) noexcept nogil:
    due_remove(table, segment)
    heap_free(table.heap, segment.marks, marks_size(segment))
    segment.marks = NULL
    segment.due_ms = NO_DEADLINE


cdef void mark(table_t* table, segment_t* segment, uint32_t at, int64_t deadline) noexcept nogil:
    cdef uint32_t value
    cdef size_t more
    if segment.marks is NULL:
        segment.marks = <uint32_t*>heap_alloc(table.heap, marks_size(segment))
        memset(segment.marks, 0xFF, marks_size(segment))
        segment.base_ms = deadline
        segment.due_ms = deadline
        if table.due_count == table.due_max:                    # T5
            more = table.due_max * 2 if table.due_max else 1
            table.due = <segment_t**>heap_realloc(
                table.heap, table.due, table.due_max * sizeof(segment_t*),
                more * sizeof(segment_t*))
            table.due_max = more
        segment.due_at = <uint32_t>table.due_count
        table.due[table.due_count] = segment
        table.due_count += 1
        due_sift(table, segment.due_at)
    elif deadline < segment.base_ms:
        rebase(segment, deadline)
    value = mark_value(segment, deadline)
    if value < segment.marks[at]:
        segment.marks[at] = value
    if deadline < segment.due_ms:
        segment.due_ms = deadline
        due_sift(table, segment.due_at)


cdef inline int64_t marked(const segment_t* segment, uint32_t at) noexcept nogil:
    """What a mark says, as a time; one that points past the end of time says its last instant."""
    cdef uint64_t left = <uint64_t>(NO_DEADLINE - 1) - <uint64_t>segment.base_ms
    if segment.marks[at] > left:
        return NO_DEADLINE - 1
    return segment.base_ms + <int64_t>segment.marks[at]


cdef inline uint32_t mark_value(const segment_t* segment, int64_t deadline) noexcept nogil:
    # T4. Subtracted without sign: deadlines are any int64, and none lies before the base.
    cdef uint64_t value = <uint64_t>deadline - <uint64_t>segment.base_ms
    return <uint32_t>value if value < UINT32_MAX - 1 else UINT32_MAX - 1


cdef void rebase(segment_t* segment, int64_t base_ms) noexcept nogil:
    """Count the marks from an earlier time; what no longer fits saturates (T4)."""
    cdef uint64_t back = <uint64_t>segment.base_ms - <uint64_t>base_ms
    cdef uint32_t at
    for at in range(<uint32_t>1 << segment.size_log2):
        if segment.marks[at] != UINT32_MAX:
            if back >= UINT32_MAX - 1 - segment.marks[at]:
                segment.marks[at] = UINT32_MAX - 1
            else:
                segment.marks[at] += <uint32_t>back
    segment.base_ms = base_ms


cdef bint table_holds(const table_t* table, uint64_t hash, const void* item) noexcept nogil:
    cdef uint32_t slot, at
    return seek(table, hash, item, &slot, &at) is not NULL


cdef void table_note_deadline(table_t* table, uint64_t hash, const void* item,
                              int64_t deadline_ms) noexcept nogil:
    cdef uint32_t slot, at
    if seek(table, hash, item, &slot, &at) is not NULL:
        mark(table, slot_of(table, hash).segment, at, deadline_ms)


cdef int64_t table_due_ms(const table_t* table) noexcept nogil:
    return table.due[0].due_ms if table.due_count else NO_DEADLINE


cdef size_t table_take_due(table_t* table, int64_t now_ms, void** out) noexcept nogil:
    cdef segment_t* segment
    cdef size_t count = 0
    cdef uint32_t at, bits
    cdef uint64_t now_mark
    cdef int64_t deadline, least
    cdef int64_t due = NO_DEADLINE
    cdef char* bucket
    cdef void* items[BUCKET_SLOTS]
    cdef uint32_t i, n
    if table_due_ms(table) > now_ms:
        return 0
    segment = table.due[0]
    now_mark = <uint64_t>now_ms - <uint64_t>segment.base_ms if now_ms > segment.base_ms else 0
    for at in range(<uint32_t>1 << segment.size_log2):
        if segment.marks[at] > now_mark:
            if segment.marks[at] != UINT32_MAX:
                least = marked(segment, at)
                due = least if least < due else due
            continue
        bucket = segment.buckets + <size_t>at * BUCKET_SIZE
        bits = ~bucket_match(bucket, 0) & 0x1FF
        n = 0
        while bits:                     # all misses at once, then the deadlines
            items[n] = ref_get(bucket, <uint32_t>count_trailing_zeros(bits))
            prefetch_read(items[n])
            n += 1
            bits &= bits - 1
        least = NO_DEADLINE
        for i in range(n):
            deadline = table.type.deadline_of(items[i])
            if deadline <= now_ms:
                out[count] = items[i]
                count += 1
            elif deadline < least:
                least = deadline
        segment.marks[at] = mark_value(segment, least) if least != NO_DEADLINE else UINT32_MAX
        due = least if least < due else due
    if due == NO_DEADLINE:
        unmark(table, segment)
    elif <uint64_t>due - <uint64_t>segment.base_ms >= UINT32_MAX >> 1:
        advance(table, segment, now_ms)     # half of the range is used up: count from now on
    else:
        segment.due_ms = due
        due_sift(table, segment.due_at)
    return count


cdef void advance(table_t* table, segment_t* segment, int64_t now_ms) noexcept nogil:
    """Count the marks from the earliest deadline past now: what is dead is about to be removed."""
    cdef uint32_t at, bits
    cdef char* bucket
    cdef int64_t deadline
    cdef int64_t base = NO_DEADLINE
    cdef int64_t least[BUCKETS_MAX]
    for at in range(<uint32_t>1 << segment.size_log2):
        least[at] = NO_DEADLINE
        if segment.marks[at] == UINT32_MAX:
            continue
        bucket = segment.buckets + <size_t>at * BUCKET_SIZE
        bits = ~bucket_match(bucket, 0) & 0x1FF
        while bits:
            deadline = table.type.deadline_of(ref_get(bucket, <uint32_t>count_trailing_zeros(bits)))
            bits &= bits - 1
            if now_ms < deadline < least[at]:
                least[at] = deadline
        base = least[at] if least[at] < base else base
    if base == NO_DEADLINE:
        unmark(table, segment)
        return
    segment.base_ms = base
    segment.due_ms = base
    for at in range(<uint32_t>1 << segment.size_log2):
        segment.marks[at] = (mark_value(segment, least[at]) if least[at] != NO_DEADLINE
                             else UINT32_MAX)
    due_sift(table, segment.due_at)


# -- walks ----------------------------------------------------------------------------------------

cdef inline uint64_t cursor_after(uint64_t hash, uint32_t prefix_bits) noexcept nogil:
    """The place behind all hashes that begin as this one; 0 behind the last of them."""
    cdef uint32_t span = 64 - prefix_bits
    return (((hash >> span) + 1) << span) >> CURSOR_SHIFT if span < 64 else 0


cdef inline size_t gather_bucket(const char* bucket, void** out) noexcept nogil:
    """The items of a bucket, each asked for."""
    cdef uint32_t bits = ~bucket_match(bucket, 0) & 0x1FF
    cdef size_t count = 0
    while bits:
        out[count] = ref_get(bucket, <uint32_t>count_trailing_zeros(bits))
        prefetch_read(out[count])
        bits &= bits - 1
        count += 1
    return count


cdef size_t keep_at_home(const table_t* table, const segment_t* segment, uint32_t home,
                         void** items, size_t count) noexcept nogil:
    """Of these items those whose home is this bucket, moved together."""
    cdef size_t kept = 0
    cdef size_t i
    for i in range(count):
        if bucket_index(table_hash(table, table.type.key_of(items[i])), segment.depth,
                        segment.size_log2) == home:
            items[kept] = items[i]
            kept += 1
    return kept


cdef size_t table_scan(const table_t* table, uint64_t* cursor, void** out) noexcept nogil:
    cdef uint64_t hash = cursor[0] << CURSOR_SHIFT
    cdef segment_t* segment
    cdef uint32_t home, at, mask
    cdef char* bucket
    cdef size_t count = 0
    if table.directory is NULL:
        cursor[0] = 0
        return 0
    segment = slot_of(table, hash).segment
    home = bucket_index(hash, segment.depth, segment.size_log2)
    mask = (<uint32_t>1 << segment.size_log2) - 1
    cursor[0] = cursor_after(hash, segment.depth + segment.size_log2)
    bucket = segment.buckets + <size_t>home * BUCKET_SIZE
    count = gather_bucket(bucket, out)
    # T2. Nothing came in from before, and nothing went on from here: all are at home.
    if (bucket[OVERFLOW_AT] == 0
            and segment.buckets[<size_t>((home - 1) & mask) * BUCKET_SIZE + OVERFLOW_AT] == 0):
        return count
    at = (home + 1) & mask
    while bucket[OVERFLOW_AT] != 0 and at != home:
        bucket = segment.buckets + <size_t>at * BUCKET_SIZE
        count += gather_bucket(bucket, &out[count])
        at = (at + 1) & mask
    return keep_at_home(table, segment, home, out, count)


cdef size_t table_walk(const table_t* table, uint64_t* cursor, void** out) noexcept nogil:
    cdef uint64_t hash = cursor[0] << CURSOR_SHIFT
    cdef segment_t* segment
    if table.directory is NULL:
        cursor[0] = 0
        return 0
    segment = slot_of(table, hash).segment
    if hash != prefix_of(segment, hash):
        return table_scan(table, cursor, out)
    cursor[0] = cursor_after(hash, segment.depth)
    return gather(segment, out)


cdef size_t table_take_segment(table_t* table, uint64_t* hash, uint32_t version,
                               void** out) noexcept nogil:
    cdef segment_t* segment
    cdef uint32_t span
    if table.directory is NULL:
        hash[0] = 0
        return 0
    segment = slot_of(table, hash[0]).segment
    span = 64 - segment.depth
    hash[0] = ((hash[0] >> span) + 1) << span if span < 64 else 0
    if segment.version == version:
        return 0
    segment.version = version
    return gather(segment, out)


cdef uint32_t table_segment_version(const table_t* table, uint64_t hash) noexcept nogil:
    if unlikely(table.directory is NULL):
        return table.version
    return slot_of(table, hash).segment.version


cdef void* table_random(const table_t* table, rand_t* rand) noexcept nogil:
    cdef segment_t* segment
    cdef uint64_t r, slot
    cdef char* bucket
    if table.count == 0:
        return NULL
    while True:
        # A segment that is shallower by n bits owns 2^n shares of the hashes, and no more slots
        # for it: it serves one draw in 2^n. So each slot of the table comes up as often.
        r = rand_next(rand)
        segment = slot_of(table, r).segment
        if r & ((<uint64_t>1 << (table.depth - segment.depth)) - 1):
            continue
        slot = rand_below(rand, <uint64_t>BUCKET_SLOTS << segment.size_log2)
        bucket = segment.buckets + slot // BUCKET_SLOTS * BUCKET_SIZE
        if bucket[slot % BUCKET_SLOTS]:
            return ref_get(bucket, <uint32_t>(slot % BUCKET_SLOTS))


cdef size_t table_sample(const table_t* table, rand_t* rand, bint with_deadline,
                         void** out, size_t count) noexcept nogil:
    cdef segment_t* segment
    cdef uint32_t at, mask, bits, step, start
    cdef size_t got = 0
    cdef char* bucket
    cdef void* item
    if table.count == 0 or (with_deadline and table.due_count == 0):
        return 0
    if with_deadline:
        segment = table.due[rand_below(rand, table.due_count)]
    else:
        segment = slot_of(table, rand_next(rand)).segment
    mask = (<uint32_t>1 << segment.size_log2) - 1
    start = <uint32_t>rand_below(rand, <uint64_t>BUCKET_SLOTS << segment.size_log2)
    at = start // BUCKET_SLOTS
    # From any slot on and round to it: were whole buckets taken from their first slot, then what
    # sits in the last slots would hardly ever come up.
    for step in range(mask + 2):
        if not with_deadline or segment.marks[at] != UINT32_MAX:
            bucket = segment.buckets + <size_t>at * BUCKET_SIZE
            bits = ~bucket_match(bucket, 0) & 0x1FF
            if step == 0:
                bits &= 0x1FFU << start % BUCKET_SLOTS
            elif step > mask:
                bits &= ~(0x1FFU << start % BUCKET_SLOTS)
            while bits and got < count:
                item = ref_get(bucket, <uint32_t>count_trailing_zeros(bits))
                bits &= bits - 1
                if not with_deadline or table.type.deadline_of(item) != NO_DEADLINE:
                    prefetch_read(item)
                    out[got] = item
                    got += 1
            if got == count:
                break
        at = (at + 1) & mask
    return got


cdef bint table_drain(table_t* table, size_t items_max, table_item_fn fn,
                      void* owner) noexcept nogil:
    """Segments leave from the end of the hash order; table.draining slots are left."""
    cdef void* items[SCRATCH_MAX]
    cdef segment_t* segment
    cdef size_t count, i
    cdef size_t gone = 0
    if table.directory is NULL:
        return False
    if table.draining == 0:
        table.draining = <uint64_t>1 << table.depth
    while gone < items_max:
        segment = table.directory[table.draining - 1].segment
        count = gather(segment, items)
        for i in range(count):
            fn(owner, items[i])
        gone += count + 1
        table.count -= count
        table.draining -= <uint64_t>1 << (table.depth - segment.depth)
        segment_release(table, segment)
        if table.draining == 0:
            table_clear(table)
            return False
    return True


cdef void* moved_block(table_t* table, void* block, size_t size, unsigned percent) noexcept nogil:
    """The block, or its copy in a better place."""
    if block is not NULL and heap_should_move(table.heap, block, size, percent):
        return heap_move(table.heap, block, size)
    return block


cdef segment_t* segment_move(table_t* table, segment_t* segment, uint64_t prefix,
                             unsigned percent) noexcept nogil:
    cdef segment_t* moved = <segment_t*>moved_block(table, segment, sizeof(segment_t), percent)
    cdef char* buckets = <char*>moved_block(table, moved.buckets,
                                            <size_t>BUCKET_SIZE << moved.size_log2, percent)
    moved.marks = <uint32_t*>moved_block(table, moved.marks, marks_size(moved), percent)
    if moved is segment and moved.buckets is buckets:
        return segment
    moved.buckets = buckets
    if moved.due_at != UINT32_MAX:
        table.due[moved.due_at] = moved
    directory_point(table, prefix, moved)
    return moved


cdef void table_move(table_t* table, uint64_t* cursor, unsigned percent, table_move_fn fn,
                     void* owner) noexcept nogil:
    cdef uint64_t hash = cursor[0] << CURSOR_SHIFT
    cdef segment_t* segment
    cdef uint32_t at, bits, slot
    cdef char* bucket
    cdef void* items[BUCKET_SLOTS]
    cdef void* moved
    if table.directory is NULL:
        cursor[0] = 0
        return
    segment = slot_of(table, hash).segment
    at = bucket_index(hash, segment.depth, segment.size_log2)
    if at == 0:
        segment = segment_move(table, segment, prefix_of(segment, hash), percent)
    bucket = segment.buckets + <size_t>at * BUCKET_SIZE
    bits = ~bucket_match(bucket, 0) & 0x1FF
    for slot in range(<uint32_t>BUCKET_SLOTS):
        items[slot] = ref_get(bucket, slot)
        prefetch_read(items[slot])
    while bits:
        slot = <uint32_t>count_trailing_zeros(bits)
        bits &= bits - 1
        moved = fn(owner, items[slot])
        if moved is not NULL:
            ref_set(bucket, slot, moved)
    cursor[0] = cursor_after(hash, segment.depth + segment.size_log2)


cdef size_t table_overhead(const table_t* table) noexcept nogil:
    cdef size_t size
    if table.directory is NULL:
        return 0
    size = heap_block_size(sizeof(directory_t) << table.depth)
    size += heap_block_size(table.due_max * sizeof(segment_t*)) if table.due_max else 0
    if table.depth:
        return (size + table.segments * (heap_block_size(sizeof(segment_t)) + 4096)
                + table.due_count * heap_block_size(<size_t>MARK_SIZE * BUCKETS_MAX))
    size += table.due_count * heap_block_size(marks_size(table.directory[0].segment))
    return (size + heap_block_size(sizeof(segment_t))
            + heap_block_size(<size_t>BUCKET_SIZE << table.directory[0].segment.size_log2))
