"""Sorted sets: members with scores, in one order.

Small ones are a listpack in order, searched from its start, as Valkey has them: at most
zset-max-listpack-entries members of zset-max-listpack-value bytes. Larger ones have each member
twice, as a reference: by its bytes in a table (core/table), by its score in a tree (core/ordered).

    table    bucket: [ tag | ref ] ---+
                                      v
    member                 [ score 8 | size 1 | bytes ]
                                      ^
    tree     leaf:   [ ref | ref ] ---+

A member of 20 bytes takes 29, a block of 32; its references some 8.5 and 10 bytes.

In a listpack a score is a number where it is a whole one, else the shortest text that is the
same double; -0 is 0 there. It is again what Valkey writes: dumps are compared byte by byte.

Invariants
    Z1  the table and the tree of a sorted_t hold the same members
    Z2  a listpack holds members and scores by turns, its scores are texts of doubles; rdb_zset
        sees to it for those that come from outside, whose order nobody has checked
"""
from libc.math cimport isnan
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from ..core.heap cimport heap_alloc, heap_block_size, heap_free, heap_should_move, heap_t
from ..core.intrinsics cimport kvd_assert, unlikely
from ..core.listpack cimport (
    listpack_append_many, listpack_copy, listpack_count, listpack_create, listpack_delete,
    listpack_delete_range, listpack_find, listpack_first, listpack_get, listpack_insert_many,
    listpack_is_safe, listpack_last, listpack_next, listpack_prev, listpack_release,
    listpack_seek, listpack_size, listpack_value, listpack_value_t,
)
from ..core.number cimport format_double, parse_double
from ..core.ordered cimport (
    BOUND_BOTH, ORDERED_LEAF_MAX, bound_passes, ordered_after, ordered_at, ordered_before,
    ordered_count_before, ordered_drain, ordered_free, ordered_init, ordered_insert,
    ordered_move, ordered_move_nodes, ordered_overhead, ordered_rank, ordered_remove,
    ordered_rescore, ordered_take, place_fetch, place_item, place_next, place_prev,
    scored_create, scored_member, scored_release, scored_size, scored_t,
)
from ..core.rand cimport rand_below
from ..core.table cimport (
    SEGMENT_ITEMS_MAX, table_drain, table_find, table_hash, table_init, table_insert, table_move,
    table_overhead, table_prefetch, table_remove, table_type_t, table_walk,
)
from .entry cimport ENC_LISTPACK, ENC_SKIPLIST, TYPE_ZSET
from .value cimport block_move, value_register, value_type_t

cdef enum:
    MOVE_BUCKETS = 64                   # a step of defragmentation: some 500 members
    MOVE_LEAVES = 16


cdef slice_t key_of(const void* item) noexcept nogil:
    return scored_member(<const scored_t*>item)


cdef table_type_t MEMBERS
MEMBERS.key_of = key_of


# -- life -----------------------------------------------------------------------------------------

cdef inline sorted_t* sorted_of(const zset_t* zset) noexcept nogil:
    return <sorted_t*>zset.body


cdef sorted_t* sorted_create(heap_t* heap, const uint64_t* secret) noexcept nogil:
    cdef sorted_t* sorted = <sorted_t*>heap_alloc(heap, sizeof(sorted_t))
    table_init(&sorted.table, heap, &MEMBERS, secret)
    ordered_init(&sorted.tree, heap)
    sorted.move_at = 0
    sorted.move_rank = 0
    return sorted


cdef void release_member(void* owner, void* item) noexcept nogil:
    scored_release(<heap_t*>owner, <scored_t*>item)


cdef void sorted_release(heap_t* heap, sorted_t* sorted) noexcept nogil:
    while table_drain(&sorted.table, ~<size_t>0, release_member, heap):
        pass
    ordered_free(&sorted.tree)
    heap_free(heap, sorted, sizeof(sorted_t))


cdef void sorted_insert(sorted_t* sorted, uint64_t hash, slice_t member,
                        double score) noexcept nogil:
    cdef scored_t* item = scored_create(sorted.tree.heap, score, member)
    table_insert(&sorted.table, hash, item)
    ordered_insert(&sorted.tree, item)


cdef inline bint is_small(const zset_t* zset, uint64_t count, size_t size_max) noexcept nogil:
    return count <= zset.entries_max and size_max <= zset.value_max


cdef void zset_create(zset_t* zset, uint64_t count, size_t size_max) noexcept nogil:
    if is_small(zset, count, size_max):
        zset.encoding = ENC_LISTPACK
        zset.body = listpack_create(zset.heap)
    else:
        zset.encoding = ENC_SKIPLIST
        zset.body = sorted_create(zset.heap, zset.secret)


cdef void zset_release(zset_t* zset) noexcept nogil:
    if zset.encoding == ENC_LISTPACK:
        listpack_release(zset.heap, <uint8_t*>zset.body)
    else:
        sorted_release(zset.heap, sorted_of(zset))
    zset.body = NULL


cdef void zset_enlarge(zset_t* zset) noexcept nogil:
    cdef zset_walk_t walk
    cdef zset_item_t item
    cdef sorted_t* sorted
    if zset.encoding == ENC_SKIPLIST:
        return
    sorted = sorted_create(zset.heap, zset.secret)
    zset_walk_rank(zset, &walk, 0, False)
    while zset_next(&walk, &item):
        sorted_insert(sorted, table_hash(&sorted.table, item.member), item.member, item.score)
    listpack_release(zset.heap, <uint8_t*>zset.body)
    zset.encoding = ENC_SKIPLIST
    zset.body = sorted


cdef void zset_expect(zset_t* zset, uint64_t count, size_t size_max) noexcept nogil:
    if zset.encoding == ENC_LISTPACK and not is_small(zset, count, size_max):
        zset_enlarge(zset)


cdef void zset_settle(zset_t* zset, size_t size_max, size_t size_all) noexcept nogil:
    cdef sorted_t* sorted = sorted_of(zset)
    cdef uint8_t* pack
    cdef zset_walk_t walk
    cdef zset_item_t item
    if (zset.encoding == ENC_LISTPACK or not is_small(zset, sorted.tree.count, size_max)
            or not listpack_is_safe(NULL, size_all)):
        return
    pack = listpack_create(zset.heap)
    zset_walk_rank(zset, &walk, 0, False)
    while zset_next(&walk, &item):
        pack = pack_append(zset.heap, pack, item.member, item.score)
    sorted_release(zset.heap, sorted)
    zset.encoding = ENC_LISTPACK
    zset.body = pack


# -- listpacks ------------------------------------------------------------------------------------

cdef inline uint8_t* pack_of(const zset_t* zset) noexcept nogil:
    return <uint8_t*>zset.body


cdef double score_at(const uint8_t* at) noexcept nogil:
    """The score in the entry behind a member's."""
    cdef listpack_value_t value
    cdef double score
    listpack_value(listpack_next(at), &value)
    if value.text.data == NULL:
        return <double>value.number
    kvd_assert(parse_double(value.text.data, value.text.size, &score))      # Z2
    return score


cdef void spell(slice_t member, double score, char* text,
                listpack_value_t* values) noexcept nogil:
    """Member and score as entries; `text` has FORMAT_DOUBLE_MAX bytes."""
    cdef int64_t whole
    values[0].text = member
    if member.size == 0:
        values[0].text.data = b""       # without an address it would be a number
    if -4503599627370496.0 < score < 4503599627370496.0:
        whole = <int64_t>score
        if <double>whole == score:
            values[1].text.data = NULL
            values[1].number = whole
            return
    values[1].text.data = text
    values[1].text.size = <size_t>format_double(text, score)


cdef uint8_t* pack_append(heap_t* heap, uint8_t* pack, slice_t member,
                          double score) noexcept nogil:
    cdef char text[FORMAT_DOUBLE_MAX]
    cdef listpack_value_t values[2]
    spell(member, score, text, values)
    return listpack_append_many(heap, pack, values, 2)


cdef uint8_t* pack_seek(const uint8_t* pack, const bound_t* bound, uint64_t* rank) noexcept nogil:
    """The first member that does not lie before the cut, and its rank; NULL when all do."""
    cdef uint8_t* at = listpack_first(pack)
    cdef char scratch[24]
    rank[0] = 0
    while at is not NULL and bound_passes(bound, score_at(at), listpack_get(at, scratch)):
        at = listpack_next(listpack_next(at))
        rank[0] += 1
    return at


cdef uint8_t* pack_seek_back(const uint8_t* pack, const bound_t* bound) noexcept nogil:
    """The last member that lies before the cut."""
    cdef uint8_t* at = listpack_last(pack)
    cdef char scratch[24]
    while at is not NULL:
        at = listpack_prev(pack, at)
        if bound_passes(bound, score_at(at), listpack_get(at, scratch)):
            return at
        at = listpack_prev(pack, at)
    return NULL


cdef uint8_t* pack_insert(heap_t* heap, uint8_t* pack, slice_t member,
                          double score) noexcept nogil:
    cdef char text[FORMAT_DOUBLE_MAX]
    cdef listpack_value_t values[2]
    cdef bound_t bound = bound_t(score, member, BOUND_BOTH, False)
    cdef uint64_t rank
    cdef uint8_t* at = pack_seek(pack, &bound, &rank)
    spell(member, score, text, values)
    return listpack_insert_many(heap, pack, &at, values, 2)


cdef inline uint8_t* pack_find(const uint8_t* pack, slice_t member) noexcept nogil:
    return listpack_find(listpack_first(pack), member, 1)


# -- one member -----------------------------------------------------------------------------------

cdef uint64_t zset_count(const zset_t* zset) noexcept nogil:
    if zset.encoding == ENC_LISTPACK:
        return listpack_count(pack_of(zset)) >> 1
    return sorted_of(zset).tree.count


cdef inline scored_t* sorted_find(const sorted_t* sorted, slice_t member) noexcept nogil:
    return <scored_t*>table_find(&sorted.table, table_hash(&sorted.table, member), member)


cdef bint zset_find(const zset_t* zset, slice_t member, double* score) noexcept nogil:
    cdef const uint8_t* at
    cdef scored_t* item
    if zset.encoding == ENC_LISTPACK:
        at = pack_find(pack_of(zset), member)
        if at is not NULL:
            score[0] = score_at(at)
        return at is not NULL
    item = sorted_find(sorted_of(zset), member)
    if item is not NULL:
        score[0] = item.score
    return item is not NULL


cdef zset_outcome_t judge(double* score, double there, uint32_t conditions) noexcept nogil:
    """What becomes of a member that has the score `there`; *score: the new one."""
    if conditions & ZSET_NX:
        return ZSET_NOTHING
    if conditions & ZSET_INCR:
        score[0] += there
        if isnan(score[0]):
            return ZSET_NAN
    if ((conditions & ZSET_LT and score[0] >= there)
            or (conditions & ZSET_GT and score[0] <= there)):
        return ZSET_NOTHING
    return ZSET_UPDATED if score[0] != there else ZSET_SAME


cdef zset_outcome_t small_add(zset_t* zset, slice_t member, double* score,
                              uint32_t conditions) noexcept nogil:
    """zset_add to a listpack that stays one, or becomes large."""
    cdef uint8_t* pack = pack_of(zset)
    cdef uint8_t* at = pack_find(pack, member)
    cdef zset_outcome_t outcome
    if at is not NULL:
        outcome = judge(score, score_at(at), conditions)
        if outcome == ZSET_UPDATED:
            pack = listpack_delete(zset.heap, pack, &at, 2)
            zset.body = pack_insert(zset.heap, pack, member, score[0])
        return outcome
    if conditions & ZSET_XX:
        return ZSET_NOTHING
    if (is_small(zset, (listpack_count(pack) >> 1) + 1, member.size)
            and listpack_is_safe(pack, member.size)):
        zset.body = pack_insert(zset.heap, pack, member, score[0])
    else:
        zset_enlarge(zset)
        zset_append(zset, member, score[0])
    return ZSET_ADDED


cdef zset_outcome_t zset_add(zset_t* zset, slice_t member, double score, uint32_t conditions,
                             double* result) noexcept nogil:
    cdef sorted_t* sorted = sorted_of(zset)
    cdef zset_outcome_t outcome
    cdef uint64_t hash
    cdef scored_t* item
    result[0] = score
    if zset.encoding == ENC_LISTPACK:
        return small_add(zset, member, result, conditions)
    hash = table_hash(&sorted.table, member)
    item = <scored_t*>table_find(&sorted.table, hash, member)
    if item is not NULL:
        outcome = judge(result, item.score, conditions)
        if outcome == ZSET_UPDATED:
            ordered_rescore(&sorted.tree, item, result[0])
        return outcome
    if conditions & ZSET_XX:
        return ZSET_NOTHING
    sorted_insert(sorted, hash, member, score)
    return ZSET_ADDED


cdef void zset_append(zset_t* zset, slice_t member, double score) noexcept nogil:
    cdef sorted_t* sorted = sorted_of(zset)
    if zset.encoding == ENC_LISTPACK:
        zset.body = pack_insert(zset.heap, pack_of(zset), member, score)
    else:
        sorted_insert(sorted, table_hash(&sorted.table, member), member, score)


cdef double* zset_gather(zset_t* zset, slice_t member, bint* fresh) noexcept nogil:
    cdef sorted_t* sorted = sorted_of(zset)
    cdef uint64_t hash = table_hash(&sorted.table, member)
    cdef scored_t* item = <scored_t*>table_find(&sorted.table, hash, member)
    fresh[0] = item is NULL
    if item is NULL:
        item = scored_create(zset.heap, 0, member)
        table_insert(&sorted.table, hash, item)
    return <double*><void*>item         # the score comes first


cdef void zset_order(zset_t* zset) noexcept nogil:
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef sorted_t* sorted = sorted_of(zset)
    cdef uint64_t cursor = 0
    cdef size_t count, i
    while True:
        count = table_walk(&sorted.table, &cursor, items)
        for i in range(count):
            ordered_insert(&sorted.tree, <scored_t*>items[i])
        if cursor == 0:
            return


cdef bint zset_remove(zset_t* zset, slice_t member) noexcept nogil:
    cdef sorted_t* sorted = sorted_of(zset)
    cdef uint8_t* at
    cdef uint64_t hash
    cdef scored_t* item
    if zset.encoding == ENC_LISTPACK:
        at = pack_find(pack_of(zset), member)
        if at is NULL:
            return False
        zset.body = listpack_delete(zset.heap, pack_of(zset), &at, 2)
        return True
    hash = table_hash(&sorted.table, member)
    item = <scored_t*>table_find(&sorted.table, hash, member)
    if item is NULL:
        return False
    table_remove(&sorted.table, hash, item)
    ordered_remove(&sorted.tree, item)
    scored_release(zset.heap, item)
    return True


cdef int64_t zset_rank(const zset_t* zset, slice_t member, double* score) noexcept nogil:
    cdef const uint8_t* at
    cdef const uint8_t* found
    cdef int64_t rank = 0
    cdef scored_t* item
    if zset.encoding == ENC_LISTPACK:
        found = pack_find(pack_of(zset), member)
        if found is NULL:
            return -1
        at = listpack_first(pack_of(zset))
        while at is not found:
            at = listpack_next(listpack_next(at))
            rank += 1
        score[0] = score_at(found)
        return rank
    item = sorted_find(sorted_of(zset), member)
    if item is NULL:
        return -1
    score[0] = item.score
    return <int64_t>ordered_rank(&sorted_of(zset).tree, item)


cdef zset_item_t zset_random(const zset_t* zset, rand_t* rand, char* scratch) noexcept nogil:
    cdef uint64_t rank = rand_below(rand, zset_count(zset))
    cdef zset_item_t item
    cdef scored_t* scored
    cdef const uint8_t* at
    if zset.encoding == ENC_LISTPACK:
        at = listpack_seek(pack_of(zset), <int64_t>(2 * rank))
        item.member = listpack_get(at, scratch)
        item.score = score_at(at)
    else:
        scored = place_item(ordered_at(&sorted_of(zset).tree, rank))
        item.member = scored_member(scored)
        item.score = scored.score
    return item


# -- ranges ---------------------------------------------------------------------------------------

cdef uint64_t zset_count_before(const zset_t* zset, const bound_t* bound) noexcept nogil:
    cdef uint64_t rank
    if zset.encoding == ENC_LISTPACK:
        pack_seek(pack_of(zset), bound, &rank)
        return rank
    return ordered_count_before(&sorted_of(zset).tree, bound)


cdef uint64_t zset_remove_range(zset_t* zset, uint64_t rank, uint64_t count) noexcept nogil:
    cdef scored_t* items[ORDERED_LEAF_MAX]
    cdef uint64_t hashes[ORDERED_LEAF_MAX]
    cdef sorted_t* sorted = sorted_of(zset)
    cdef uint64_t total = zset_count(zset)
    cdef uint64_t left
    cdef size_t i, n
    if rank >= total:
        return 0
    if count > total - rank:
        count = total - rank
    if zset.encoding == ENC_LISTPACK:
        zset.body = listpack_delete_range(zset.heap, pack_of(zset), <int64_t>(2 * rank), 2 * count)
        return count
    left = count
    while left:
        n = ordered_take(&sorted.tree, rank, left, items)
        for i in range(n):              # the misses of a leaf's members overlap
            hashes[i] = table_hash(&sorted.table, scored_member(items[i]))
            table_prefetch(&sorted.table, hashes[i])
        for i in range(n):
            table_remove(&sorted.table, hashes[i], items[i])
            scored_release(zset.heap, items[i])
        left -= n
    return count


cdef void zset_walk_rank(const zset_t* zset, zset_walk_t* walk, uint64_t rank,
                         bint back) noexcept nogil:
    walk.back = back
    if zset.encoding == ENC_LISTPACK:
        walk.pack = pack_of(zset)
        walk.at = listpack_seek(walk.pack, <int64_t>(2 * rank))
    else:
        walk.pack = NULL
        walk.place = ordered_at(&sorted_of(zset).tree, rank)
        place_fetch(&walk.place, -1 if back else 1)


cdef void zset_walk_bound(const zset_t* zset, zset_walk_t* walk, const bound_t* bound,
                          bint back) noexcept nogil:
    cdef uint64_t rank
    walk.back = back
    if zset.encoding == ENC_LISTPACK:
        walk.pack = pack_of(zset)
        walk.at = (pack_seek_back(walk.pack, bound) if back
                   else pack_seek(walk.pack, bound, &rank))
    else:
        walk.pack = NULL
        walk.place = (ordered_before(&sorted_of(zset).tree, bound) if back
                      else ordered_after(&sorted_of(zset).tree, bound))


cdef bint next_in_pack(zset_walk_t* walk, zset_item_t* item) noexcept nogil:
    if walk.at is NULL:
        return False
    item.member = listpack_get(walk.at, walk.scratch)
    item.score = score_at(walk.at)
    if walk.back:
        walk.at = listpack_prev(walk.pack, walk.at)
        if walk.at is not NULL:
            walk.at = listpack_prev(walk.pack, walk.at)
    else:
        walk.at = listpack_next(listpack_next(walk.at))
    return True


cdef bint zset_next(zset_walk_t* walk, zset_item_t* item) noexcept nogil:
    cdef scored_t* scored
    if walk.pack is not NULL:
        return next_in_pack(walk, item)
    if unlikely(walk.place.leaf is NULL):
        return False
    scored = place_item(walk.place)
    item.member = scored_member(scored)
    item.score = scored.score
    if walk.back:
        place_prev(&walk.place)
    else:
        place_next(&walk.place)
    return True


# -- what the floors above ask of every type ------------------------------------------------------

cdef bint release_body(heap_t* heap, encoding_t encoding, void* body,
                       size_t effort) noexcept nogil:
    cdef sorted_t* sorted = <sorted_t*>body
    if encoding == ENC_LISTPACK:
        listpack_release(heap, <uint8_t*>body)
        return False
    if table_drain(&sorted.table, effort, release_member, heap):
        return True
    if ordered_drain(&sorted.tree, effort):
        return True
    heap_free(heap, sorted, sizeof(sorted_t))
    return False


cdef size_t body_effort(encoding_t encoding, const void* body) noexcept nogil:
    cdef const sorted_t* sorted = <const sorted_t*>body
    if encoding == ENC_LISTPACK:
        return 1
    return sorted.tree.count + sorted.tree.leaves + sorted.table.segments + 1


cdef size_t body_memory(encoding_t encoding, const void* body, size_t samples) noexcept nogil:
    cdef const sorted_t* sorted = <const sorted_t*>body
    cdef place_t place
    cdef size_t seen = 0
    cdef size_t bytes = 0
    cdef size_t rest
    if encoding == ENC_LISTPACK:
        return heap_block_size(listpack_size(<const uint8_t*>body))
    place = ordered_at(&sorted.tree, 0)
    while place.leaf is not NULL and (samples == 0 or seen < samples):
        bytes += heap_block_size(scored_size(place_item(place)))
        seen += 1
        place_next(&place)
    rest = sorted.tree.count - seen
    if rest:
        bytes += <size_t>(<double>bytes / <double>seen * <double>rest)
    return (bytes + table_overhead(&sorted.table) + ordered_overhead(&sorted.tree)
            + heap_block_size(sizeof(sorted_t)))


cdef void* copy_body(heap_t* heap, encoding_t encoding, const void* body) noexcept nogil:
    cdef const sorted_t* sorted = <const sorted_t*>body
    cdef sorted_t* copy
    cdef scored_t* item
    cdef place_t place
    if encoding == ENC_LISTPACK:
        return listpack_copy(heap, <const uint8_t*>body)
    copy = sorted_create(heap, sorted.table.secret)
    place = ordered_at(&sorted.tree, 0)
    while place.leaf is not NULL:
        item = place_item(place)
        sorted_insert(copy, table_hash(&copy.table, scored_member(item)), scored_member(item),
                      item.score)
        place_next(&place)
    return copy


cdef uint64_t count_body(encoding_t encoding, const void* body) noexcept nogil:
    if encoding == ENC_LISTPACK:
        return listpack_count(<const uint8_t*>body) >> 1
    return (<const sorted_t*>body).tree.count


cdef struct mover_t:
    sorted_t* sorted
    unsigned percent


cdef void* move_member(void* owner, void* item) noexcept nogil:
    cdef mover_t* mover = <mover_t*>owner
    cdef ordered_t* tree = &mover.sorted.tree
    if heap_should_move(tree.heap, item, scored_size(<scored_t*>item), mover.percent):
        return ordered_move(tree, <scored_t*>item)
    return NULL


cdef void* move_body(heap_t* heap, encoding_t encoding, void* body,
                     unsigned percent) noexcept nogil:
    """A step from where the last one ended: a large body takes many."""
    cdef sorted_t* sorted
    cdef mover_t mover
    cdef int i
    if encoding == ENC_LISTPACK:
        return block_move(heap, body, listpack_size(<uint8_t*>body), percent)
    sorted = <sorted_t*>block_move(heap, body, sizeof(sorted_t), percent)
    mover.sorted = sorted
    mover.percent = percent
    for i in range(<int>MOVE_BUCKETS):
        table_move(&sorted.table, &sorted.move_at, percent, move_member, &mover)
        if sorted.move_at == 0:
            break
    for i in range(<int>MOVE_LEAVES):
        sorted.move_rank = ordered_move_nodes(&sorted.tree, sorted.move_rank, percent)
        if sorted.move_rank == 0:
            break
    return sorted


cdef const table_t* body_table(encoding_t encoding, const void* body) noexcept nogil:
    return &(<const sorted_t*>body).table if encoding == ENC_SKIPLIST else NULL


cdef value_type_t FUNCTIONS
FUNCTIONS.release = release_body
FUNCTIONS.effort = body_effort
FUNCTIONS.memory = body_memory
FUNCTIONS.copy = copy_body
FUNCTIONS.count = count_body
FUNCTIONS.move = move_body
FUNCTIONS.table = body_table
value_register(TYPE_ZSET, &FUNCTIONS)
