"""Sorted sets, member by member: ZADD, ZINCRBY, ZREM, ZSCORE, ZRANK, ZRANDMEMBER, ZSCAN.

Ranges are in zset_range, pops in zset_pop, whole sets put together in zset_merge.

Additions are written to the journal as they came: a sum of doubles is the same wherever it is
computed, and conditions hold again when all that came before is there again.
"""
from libc.limits cimport LLONG_MAX
from libc.stdint cimport UINT32_MAX, int64_t, uint32_t, uint64_t

from ..core.buf cimport buf_append_bulk, buf_free, buf_init, buf_t
from ..core.glob cimport glob_match
from ..core.heap cimport heap_alloc, heap_alloc_zero, heap_free
from ..core.number cimport (
    FORMAT_DOUBLE_MAX, equal_nocase, format_double, parse_cursor, parse_double, parse_int64,
)
from ..core.ordered cimport scored_member, scored_t
from ..core.rand cimport rand_below
from ..core.table cimport SEGMENT_ITEMS_MAX, table_scan
from ..core.types cimport slice_t
from ..store.entry cimport ENC_SKIPLIST
from ..store.keyspace cimport EVENT_ZSET, keyspace_signal
from ..store.zset cimport (
    ZSET_ADDED, ZSET_GT, ZSET_INCR, ZSET_LT, ZSET_NAN, ZSET_NOTHING, ZSET_NX, ZSET_UPDATED,
    ZSET_XX, sorted_t, zset_add, zset_count, zset_create, zset_expect, zset_find, zset_item_t,
    zset_next, zset_outcome_t, zset_random, zset_rank, zset_remove, zset_t, zset_walk_rank,
    zset_walk_t,
)
from ..wire.command cimport (
    ACL_SORTEDSET, CMD_DENYOOM, CMD_FAST, CMD_READONLY, CMD_WRITE, GROUP_SORTED_SET, KEY_ACCESS,
    KEY_DELETE, KEY_RO, KEY_RW, KEY_UPDATE, client_t, command_register, command_t, keys_at, row,
)
from ..wire.errors cimport (
    ERR_COUNT_RANGE, ERR_INVALID_CURSOR, ERR_NOT_FLOAT, ERR_NOT_INTEGER, ERR_REPLY_TOO_LONG,
    ERR_SCORE_NAN, ERR_STRING_TOO_LONG, ERR_VALUE_RANGE, ERR_ZADD_GT_LT, ERR_ZADD_INCR,
    ERR_ZADD_NX_XX,
)
from ..wire.reply cimport (
    reply_array, reply_array_close, reply_array_open, reply_array_undo, reply_bulk,
    reply_bulk_int, reply_double, reply_error, reply_error_arity,
    reply_error_syntax, reply_int, reply_null, reply_null_array, reply_raw,
)
from .legacy cimport client_is_legacy
from .zset_args cimport (
    reply_member, reply_members, zset_held_t, zset_keep, zset_keep_less, zset_read_or_reply,
    zset_write_or_reply,
)

cdef enum:
    SCORES_HERE = 32                    # parsed on the stack; more are worth a block
    REPLY_MAX = 134217728               # bytes that draws with repetition may fill
    COUNT_DEFAULT = 10
    STEPS_PER_COUNT = 10


# -- ZADD -----------------------------------------------------------------------------------------

cdef inline bint is_word(slice_t arg, const char* word) noexcept nogil:
    """`arg` is `word`, of the same size, in any letter case."""
    return equal_nocase(arg.data, arg.size, word, arg.size)


cdef uint32_t condition_of(slice_t arg) noexcept nogil:
    if arg.size == 2 and <unsigned char>arg.data[0] > c'9':
        return (ZSET_NX if is_word(arg, b"nx") else ZSET_XX if is_word(arg, b"xx")
                else ZSET_GT if is_word(arg, b"gt") else ZSET_LT if is_word(arg, b"lt")
                else ZADD_CH if is_word(arg, b"ch") else 0)
    return ZSET_INCR if arg.size == 4 and is_word(arg, b"incr") else 0


cdef bint conditions_or_reply(client_t* c, uint32_t conditions, int64_t pairs) noexcept nogil:
    if conditions & ZSET_NX and conditions & ZSET_XX:
        reply_error(c, ERR_ZADD_NX_XX)
    elif ((conditions & ZSET_NX and conditions & (ZSET_GT | ZSET_LT))
          or (conditions & ZSET_GT and conditions & ZSET_LT)):
        reply_error(c, ERR_ZADD_GT_LT)
    elif conditions & ZSET_INCR and pairs > 1:
        reply_error(c, ERR_ZADD_INCR)
    else:
        return True
    return False


cdef bint scores_or_reply(client_t* c, int at, int64_t pairs, double* scores,
                          size_t* size_max) noexcept nogil:
    """Every score before any change; also the size of the longest member."""
    cdef slice_t text
    cdef int64_t i
    size_max[0] = 0
    for i in range(pairs):
        text = c.argv[at + 2 * i]
        if not parse_double(text.data, text.size, &scores[i]):
            reply_error(c, ERR_NOT_FLOAT)
            return False
        if c.argv[at + 2 * i + 1].size > size_max[0]:
            size_max[0] = c.argv[at + 2 * i + 1].size
    return True


cdef void zset_add_all(client_t* c, int at, int step, int64_t pairs, const double* scores,
                       size_t size_max, uint32_t conditions) noexcept nogil:
    cdef zset_held_t held
    cdef zset_outcome_t outcome = ZSET_NOTHING
    cdef int64_t added = 0
    cdef int64_t updated = 0
    cdef int64_t i
    cdef double score = 0
    if size_max > UINT32_MAX:           # who raised proto-max-bulk-len may send one
        reply_error(c, ERR_STRING_TOO_LONG)
        return
    if not zset_write_or_reply(c, 1, &held):
        return
    if held.entry is not NULL:
        zset_expect(&held.zset, <uint64_t>pairs, size_max)
    elif not conditions & ZSET_XX:
        zset_create(&held.zset, <uint64_t>pairs, size_max)
    if held.zset.body is not NULL:
        for i in range(pairs):
            outcome = zset_add(&held.zset, c.argv[at + step * i], scores[i], conditions & 0xFF,
                               &score)
            added += outcome == ZSET_ADDED
            updated += outcome == ZSET_UPDATED
        zset_keep(c, &held)
    if outcome == ZSET_NAN:             # alone: INCR takes one pair
        reply_error(c, ERR_SCORE_NAN)
        return
    if added + updated:
        keyspace_signal(c.ks, EVENT_ZSET, b"zincr" if conditions & ZSET_INCR else b"zadd",
                        held.key)
        c.store.dirty += <uint64_t>(added + updated) - 1
    if not conditions & ZSET_INCR:
        reply_int(c, added + updated if conditions & ZADD_CH else added)
    elif outcome == ZSET_NOTHING:
        reply_null(c)
    else:
        reply_double(c, score)


cdef void zadd_generic(client_t* c, int at, uint32_t conditions) noexcept nogil:
    cdef double here[SCORES_HERE]
    cdef double* scores = here
    cdef size_t size_max
    cdef int64_t pairs = (c.argc - at) // 2
    if (c.argc - at) & 1 or pairs == 0:
        reply_error_syntax(c)
        return
    if not conditions_or_reply(c, conditions, pairs):
        return
    if pairs > <int64_t>SCORES_HERE:
        scores = <double*>heap_alloc(c.store.heap, <size_t>pairs * sizeof(double))
    if scores_or_reply(c, at, pairs, scores, &size_max):
        zset_add_all(c, at + 1, 2, pairs, scores, size_max, conditions)
    if pairs > <int64_t>SCORES_HERE:
        heap_free(c.store.heap, scores, <size_t>pairs * sizeof(double))


cdef void zadd_command(client_t* c) noexcept nogil:
    cdef uint32_t conditions = 0
    cdef uint32_t condition
    cdef int at = 2
    while at < c.argc:
        condition = condition_of(c.argv[at])
        if condition == 0:
            break
        conditions |= condition
        at += 1
    zadd_generic(c, at, conditions)


cdef void zincrby_command(client_t* c) noexcept nogil:
    zadd_generic(c, 2, ZSET_INCR)


# -- members --------------------------------------------------------------------------------------

cdef void zrem_command(client_t* c) noexcept nogil:
    cdef zset_held_t held
    cdef int64_t removed = 0
    cdef int i
    if not zset_write_or_reply(c, 1, &held):
        return
    if held.entry is not NULL:
        for i in range(2, c.argc):
            removed += zset_remove(&held.zset, c.argv[i])
        if removed:
            zset_keep_less(c, &held, <uint64_t>removed, b"zrem")
    reply_int(c, removed)


cdef void zcard_command(client_t* c) noexcept nogil:
    cdef zset_t zset
    if zset_read_or_reply(c, 1, &zset):
        reply_int(c, <int64_t>zset_count(&zset) if zset.body is not NULL else 0)


cdef void zscore_command(client_t* c) noexcept nogil:
    cdef zset_t zset
    cdef double score
    if not zset_read_or_reply(c, 1, &zset):
        return
    if zset.body is not NULL and zset_find(&zset, c.argv[2], &score):
        reply_double(c, score)
    else:
        reply_null(c)


cdef void zmscore_command(client_t* c) noexcept nogil:
    cdef zset_t zset
    cdef double score
    cdef int i
    if not zset_read_or_reply(c, 1, &zset):
        return
    reply_array(c, c.argc - 2)
    for i in range(2, c.argc):
        if zset.body is not NULL and zset_find(&zset, c.argv[i], &score):
            reply_double(c, score)
        else:
            reply_null(c)


cdef void zrank_generic(client_t* c, bint back) noexcept nogil:
    cdef zset_t zset
    cdef double score
    cdef int64_t rank = -1
    cdef bint with_score = c.argc > 3
    if c.argc > 4 or (with_score and client_is_legacy(c)):
        reply_error_arity(c)
        return
    if with_score and (c.argv[3].size != 9 or not is_word(c.argv[3], b"withscore")):
        reply_error_syntax(c)
        return
    if not zset_read_or_reply(c, 1, &zset):
        return
    if zset.body is not NULL:
        rank = zset_rank(&zset, c.argv[2], &score)
    if rank < 0:
        if with_score:
            reply_null_array(c)
        else:
            reply_null(c)
        return
    if back:
        rank = <int64_t>zset_count(&zset) - 1 - rank
    if with_score:
        reply_array(c, 2)
    reply_int(c, rank)
    if with_score:
        reply_double(c, score)


cdef void zrank_command(client_t* c) noexcept nogil:
    zrank_generic(c, False)


cdef void zrevrank_command(client_t* c) noexcept nogil:
    zrank_generic(c, True)


# -- ZRANDMEMBER ----------------------------------------------------------------------------------

cdef void reply_some(client_t* c, const zset_t* zset, uint64_t count,
                     bint with_scores) noexcept nogil:
    """`count` members, each drawn from all: a reply that nobody could take is refused."""
    cdef char scratch[24]
    cdef zset_item_t item
    cdef size_t mark = reply_array_open(c)
    cdef size_t start = c.reply.size
    cdef uint64_t i = 0
    while i < count and c.reply.size - start <= REPLY_MAX:
        item = zset_random(zset, &c.store.rand, scratch)
        reply_member(c, &item, with_scores)
        i += 1
    if i < count:
        reply_array_undo(c, mark)
        reply_error(c, ERR_REPLY_TOO_LONG)
    else:
        reply_array_close(c, mark, reply_members(c, <int64_t>count, with_scores))


cdef void reply_one_in_order(client_t* c, const zset_t* zset, uint64_t rank,
                             bint with_scores) noexcept nogil:
    cdef zset_walk_t walk
    cdef zset_item_t item
    zset_walk_rank(zset, &walk, rank, False)
    zset_next(&walk, &item)
    reply_member(c, &item, with_scores)


cdef void reply_few_different(client_t* c, const zset_t* zset, uint64_t count, uint64_t total,
                              bint with_scores) noexcept nogil:
    """Different ranks, few for a large set: a rank that was drawn already is drawn again. What was
    drawn stands in a small table of ranks, at most half full."""
    cdef uint64_t slots = 4
    cdef uint64_t rank, at
    cdef uint64_t* drawn
    while slots < 2 * count:
        slots *= 2
    drawn = <uint64_t*>heap_alloc_zero(c.store.heap, slots * sizeof(uint64_t))
    reply_array(c, reply_members(c, <int64_t>count, with_scores))
    while count:
        rank = rand_below(&c.store.rand, total)
        at = (rank * <uint64_t>0x9E3779B97F4A7C15) >> 20 & (slots - 1)
        while drawn[at] and drawn[at] != rank + 1:
            at = (at + 1) & (slots - 1)
        if drawn[at]:
            continue
        drawn[at] = rank + 1
        reply_one_in_order(c, zset, rank, with_scores)
        count -= 1
    heap_free(c.store.heap, drawn, slots * sizeof(uint64_t))


cdef void reply_many_different(client_t* c, const zset_t* zset, uint64_t count, uint64_t total,
                               bint with_scores) noexcept nogil:
    """One walk, which takes each member with the probability that it is among those still to come
    (Knuth, vol. 2, 3.4.2 S). From the end, as Valkey's: who asks for all sees it."""
    cdef zset_walk_t walk
    cdef zset_item_t item
    zset_walk_rank(zset, &walk, total - 1, True)
    reply_array(c, reply_members(c, <int64_t>count, with_scores))
    while count and zset_next(&walk, &item):
        if rand_below(&c.store.rand, total) < count:
            reply_member(c, &item, with_scores)
            count -= 1
        total -= 1


cdef void reply_different(client_t* c, const zset_t* zset, uint64_t count,
                          bint with_scores) noexcept nogil:
    cdef uint64_t total = zset_count(zset)
    if count >= total:
        count = total
    if zset.encoding == ENC_SKIPLIST and count * 3 < total:
        reply_few_different(c, zset, count, total, with_scores)
    else:
        reply_many_different(c, zset, count, total, with_scores)


cdef void zrandmember_command(client_t* c) noexcept nogil:
    cdef char scratch[24]
    cdef zset_t zset
    cdef zset_item_t item
    cdef int64_t count = 1
    cdef bint with_scores = c.argc > 3
    if c.argc > 2:
        if not parse_int64(c.argv[2].data, c.argv[2].size, &count):
            reply_error(c, ERR_NOT_INTEGER)
            return
        if count < -LLONG_MAX:
            reply_error(c, ERR_COUNT_RANGE)
            return
        if c.argc > 4 or (with_scores
                          and (c.argv[3].size != 10 or not is_word(c.argv[3], b"withscores"))):
            reply_error_syntax(c)
            return
        if with_scores and (count < -LLONG_MAX // 2 or count > LLONG_MAX // 2):
            reply_error(c, ERR_VALUE_RANGE)
            return
    if not zset_read_or_reply(c, 1, &zset):
        return
    if c.argc == 2:
        if zset.body is NULL:
            reply_null(c)
        else:
            item = zset_random(&zset, &c.store.rand, scratch)
            reply_bulk(c, item.member)
    elif zset.body is NULL or count == 0:
        reply_array(c, 0)
    elif count < 0:
        reply_some(c, &zset, <uint64_t>-count, with_scores)
    else:
        reply_different(c, &zset, <uint64_t>count, with_scores)


# -- ZSCAN ----------------------------------------------------------------------------------------

cdef struct filter_t:
    slice_t pattern
    bint any_name
    bint no_scores


cdef bint filter_or_reply(client_t* c, filter_t* filter, int64_t* count) noexcept nogil:
    cdef int at = 3
    cdef slice_t name
    filter.any_name = True
    filter.no_scores = False
    while at < c.argc:
        name = c.argv[at]
        if at + 1 < c.argc and name.size == 5 and is_word(name, b"count"):
            if not parse_int64(c.argv[at + 1].data, c.argv[at + 1].size, count):
                reply_error(c, ERR_NOT_INTEGER)
                return False
            if count[0] < 1:
                reply_error_syntax(c)
                return False
            at += 2
        elif at + 1 < c.argc and name.size == 5 and is_word(name, b"match"):
            filter.pattern = c.argv[at + 1]
            filter.any_name = filter.pattern.size == 1 and filter.pattern.data[0] == c'*'
            at += 2
        elif name.size == 8 and is_word(name, b"noscores") and not client_is_legacy(c):
            filter.no_scores = True
            at += 1
        else:
            reply_error_syntax(c)
            return False
    return True


cdef int64_t tell(buf_t* out, const filter_t* filter, slice_t member, double score) noexcept nogil:
    """A member that passes, and its score. Returns the replies that it made."""
    cdef char text[FORMAT_DOUBLE_MAX]
    if not filter.any_name and not glob_match(filter.pattern.data, filter.pattern.size,
                                              member.data, member.size, False):
        return 0
    buf_append_bulk(out, member)
    if filter.no_scores:
        return 1
    buf_append_bulk(out, slice_t(&text[0], <size_t>format_double(text, score)))
    return 2


cdef int64_t scan_sorted(const sorted_t* sorted, const filter_t* filter, uint64_t* cursor,
                         uint64_t count, buf_t* out) noexcept nogil:
    """Steps through the table until `count` members were seen, matching or not."""
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef scored_t* item
    cdef uint64_t seen = 0
    cdef uint64_t steps = 0
    cdef int64_t found = 0
    cdef size_t got, i
    while True:
        got = table_scan(&sorted.table, cursor, items)
        for i in range(got):
            item = <scored_t*>items[i]
            found += tell(out, filter, scored_member(item), item.score)
        seen += got
        steps += 1
        if cursor[0] == 0 or seen >= count or steps // STEPS_PER_COUNT >= count:
            return found


cdef void zscan_command(client_t* c) noexcept nogil:
    cdef zset_t zset
    cdef zset_walk_t walk
    cdef zset_item_t item
    cdef filter_t filter
    cdef buf_t out                      # replies are in order, and the cursor comes first
    cdef uint64_t cursor
    cdef int64_t count = COUNT_DEFAULT
    cdef int64_t found = 0
    if not parse_cursor(c.argv[2].data, c.argv[2].size, &cursor):
        reply_error(c, ERR_INVALID_CURSOR)
        return
    if not zset_read_or_reply(c, 1, &zset):
        return
    if zset.body is NULL:
        cursor = 0
    elif not filter_or_reply(c, &filter, &count):
        return
    buf_init(&out, c.store.heap)
    if zset.body is not NULL and zset.encoding == ENC_SKIPLIST:
        found = scan_sorted(<sorted_t*>zset.body, &filter, &cursor, <uint64_t>count, &out)
    elif zset.body is not NULL:         # a small one at once
        cursor = 0
        zset_walk_rank(&zset, &walk, 0, False)
        while zset_next(&walk, &item):
            found += tell(&out, &filter, item.member, item.score)
    reply_array(c, 2)
    reply_bulk_int(c, <int64_t>cursor)
    reply_array(c, found)
    reply_raw(c, slice_t(out.data, out.size))
    buf_free(&out)


cdef command_t TABLE[10]
TABLE[:] = [
    row(b"zadd", zadd_command, -4, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"1.2.0",
        b"O(log(N)) for each member, N being the number of members in the sorted set.",
        b"ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
        b"Adds members to a sorted set, or gives members another score."),
    row(b"zcard", zcard_command, 2, CMD_READONLY | CMD_FAST, ACL_SORTEDSET, GROUP_SORTED_SET,
        keys_at(1, 1, 1, KEY_RO), b"1.2.0", b"O(1)",
        b"ZCARD key",
        b"Counts the members of a sorted set."),
    row(b"zincrby", zincrby_command, 4, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE), b"1.2.0",
        b"O(log(N)) where N is the number of members in the sorted set.",
        b"ZINCRBY key increment member",
        b"Adds a number to the score of a member; an absent one counts as 0."),
    row(b"zmscore", zmscore_command, -3, CMD_READONLY | CMD_FAST, ACL_SORTEDSET, GROUP_SORTED_SET,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"6.2.0",
        b"O(N) where N is the number of members asked for.",
        b"ZMSCORE key member [member ...]",
        b"Returns the scores of members."),
    row(b"zrandmember", zrandmember_command, -2, CMD_READONLY, ACL_SORTEDSET, GROUP_SORTED_SET,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"6.2.0",
        b"O(N) where N is the number of members returned.",
        b"ZRANDMEMBER key [count [WITHSCORES]]",
        b"Returns members drawn by lot: different ones, or with a negative count each from all."),
    row(b"zrank", zrank_command, -3, CMD_READONLY | CMD_FAST, ACL_SORTEDSET, GROUP_SORTED_SET,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.0.0",
        b"O(log(N)) where N is the number of members in the sorted set.",
        b"ZRANK key member [WITHSCORE]",
        b"Tells how many members have a lower score."),
    row(b"zrem", zrem_command, -3, CMD_WRITE | CMD_FAST, ACL_SORTEDSET, GROUP_SORTED_SET,
        keys_at(1, 1, 1, KEY_RW | KEY_DELETE), b"1.2.0",
        b"O(M*log(N)) for M members out of N.",
        b"ZREM key member [member ...]",
        b"Removes members from a sorted set, and the key with the last one."),
    row(b"zrevrank", zrevrank_command, -3, CMD_READONLY | CMD_FAST, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.0.0",
        b"O(log(N)) where N is the number of members in the sorted set.",
        b"ZREVRANK key member [WITHSCORE]",
        b"Tells how many members have a higher score."),
    row(b"zscan", zscan_command, -3, CMD_READONLY, ACL_SORTEDSET, GROUP_SORTED_SET,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.8.0",
        b"O(1) a call with the default COUNT; O(N) for a whole walk.",
        b"ZSCAN key cursor [MATCH pattern] [COUNT count] [NOSCORES]",
        b"Walks over the members of a sorted set, a few at a time."),
    row(b"zscore", zscore_command, 3, CMD_READONLY | CMD_FAST, ACL_SORTEDSET, GROUP_SORTED_SET,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"1.2.0", b"O(1)",
        b"ZSCORE key member",
        b"Returns the score of a member."),
]
command_register(TABLE, 10)
