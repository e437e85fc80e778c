"""Sorted sets, by ranges: ZRANGE and all that were there before it, ZRANGESTORE, ZCOUNT,
ZREMRANGEBY*.

Every form is read into one request, and served by one of two walks: from a rank on, as many as
there are between two ranks; or from a cut on, to another. LIMIT with an offset is a rank, too: that
of the cut plus the offset, which a tree finds without passing what lies between.
"""
from libc.stdint cimport int64_t, uint64_t

from ..core.number cimport equal_nocase, parse_int64
from ..core.types cimport slice_t
from ..store.entry cimport ENC_LISTPACK
from ..store.zset cimport (
    zset_add, zset_count, zset_create, zset_item_t, zset_next, zset_remove_range, zset_t,
    zset_walk_rank, zset_walk_t,
)
from ..wire.command cimport (
    ACL_SORTEDSET, CMD_DENYOOM, CMD_FAST, CMD_READONLY, CMD_WRITE, GROUP_SORTED_SET, KEY_ACCESS,
    KEY_DELETE, KEY_OW, KEY_RO, KEY_RW, KEY_UPDATE, client_t, command_register, command_t, keys_at,
    row,
)
from ..wire.errors cimport ERR_NOT_INTEGER, ERR_RANGE_LEX_SCORES, ERR_RANGE_LIMIT
from ..wire.reply cimport (
    reply_array, reply_array_close, reply_array_open, reply_error, reply_error_syntax, reply_int,
)
from .zset_args cimport (
    lex_range_or_reply, ranks_clamp, ranks_or_reply, reply_member, reply_members,
    score_range_or_reply, zset_held_t, zset_in_range, zset_keep_less, zset_prepare, zset_range_t,
    zset_read_or_reply, zset_span, zset_store_take, zset_walk_range, zset_write_or_reply,
)

cdef enum kind_t:
    BY_AUTO = 0                         # the words say
    BY_RANK = 1
    BY_SCORE = 2
    BY_LEX = 3

cdef enum direction_t:
    GO_AUTO = 0
    GO_UP = 1
    GO_DOWN = 2

cdef struct request_t:
    kind_t kind
    direction_t direction
    bint back
    bint with_scores
    bint store                          # to argument 1; the others stand one further
    int64_t offset
    int64_t limit                       # below 0: none
    int64_t first                       # ranks
    int64_t last
    zset_range_t span                   # scores or members
    zset_t result                       # with store


# -- requests -------------------------------------------------------------------------------------

cdef inline bint is_word(slice_t arg, const char* word, size_t size) noexcept nogil:
    return equal_nocase(arg.data, arg.size, word, size)


cdef bint words_or_reply(client_t* c, int at, request_t* request) noexcept nogil:
    """The options, from argument `at` on."""
    cdef slice_t word
    while at < c.argc:
        word = c.argv[at]
        if not request.store and is_word(word, b"withscores", 10):
            request.with_scores = True
        elif is_word(word, b"limit", 5) and at + 2 < c.argc:
            if not (parse_int64(c.argv[at + 1].data, c.argv[at + 1].size, &request.offset)
                    and parse_int64(c.argv[at + 2].data, c.argv[at + 2].size, &request.limit)):
                reply_error(c, ERR_NOT_INTEGER)
                return False
            at += 2
        elif request.direction == GO_AUTO and is_word(word, b"rev", 3):
            request.direction = GO_DOWN
        elif request.kind == BY_AUTO and is_word(word, b"bylex", 5):
            request.kind = BY_LEX
        elif request.kind == BY_AUTO and is_word(word, b"byscore", 7):
            request.kind = BY_SCORE
        else:
            reply_error_syntax(c)
            return False
        at += 1
    return True


cdef bint request_or_reply(client_t* c, request_t* request) noexcept nogil:
    cdef int at = 2 if request.store else 1
    cdef slice_t low = c.argv[at + 1]
    cdef slice_t high = c.argv[at + 2]
    if not words_or_reply(c, at + 3, request):
        return False
    request.back = request.direction == GO_DOWN
    if request.limit != -1 and (request.kind == BY_AUTO or request.kind == BY_RANK):
        reply_error(c, ERR_RANGE_LIMIT)
        return False
    if request.with_scores and request.kind == BY_LEX:
        reply_error(c, ERR_RANGE_LEX_SCORES)
        return False
    if request.kind == BY_AUTO or request.kind == BY_RANK:
        request.kind = BY_RANK
        return ranks_or_reply(c, low, high, &request.first, &request.last)
    if request.back:                    # the higher end is said first
        low = c.argv[at + 2]
        high = c.argv[at + 1]
    if request.kind == BY_SCORE:
        return score_range_or_reply(c, low, high, &request.span)
    return lex_range_or_reply(c, low, high, &request.span)


# -- walks ----------------------------------------------------------------------------------------

cdef inline void emit(client_t* c, request_t* request, const zset_item_t* item) noexcept nogil:
    cdef double score
    if request.store:
        zset_add(&request.result, item.member, item.score, 0, &score)
    else:
        reply_member(c, item, request.with_scores)


cdef void walk_ranks(client_t* c, request_t* request, const zset_t* zset) noexcept nogil:
    cdef zset_walk_t walk
    cdef zset_item_t item
    cdef uint64_t total = zset_count(zset)
    cdef int64_t first = request.first
    cdef uint64_t count = ranks_clamp(total, &first, request.last)
    if request.store:
        zset_create(&request.result, count, 0)
    else:
        reply_array(c, reply_members(c, <int64_t>count, request.with_scores))
    if count == 0:
        return
    zset_walk_rank(zset, &walk, total - 1 - <uint64_t>first if request.back else <uint64_t>first,
                   request.back)
    while count and zset_next(&walk, &item):
        emit(c, request, &item)
        count -= 1


cdef bint walk_offset(request_t* request, const zset_t* zset, zset_walk_t* walk) noexcept nogil:
    """Start `offset` members into the range; a negative one counts from its other end, in a tree.
    False: there is nothing there."""
    cdef zset_item_t item
    cdef uint64_t rank, count
    cdef int64_t offset = request.offset
    if zset.encoding == ENC_LISTPACK:
        zset_walk_range(zset, walk, &request.span, request.back)
        while offset > 0 and zset_next(walk, &item):
            offset -= 1
        return offset == 0
    count = zset_span(zset, &request.span, &rank)
    if offset < 0:
        offset = offset + <int64_t>count if offset >= -<int64_t>count else -1
    if offset < 0 or offset >= <int64_t>count:
        return False
    rank = rank + count - 1 - <uint64_t>offset if request.back else rank + <uint64_t>offset
    zset_walk_rank(zset, walk, rank, request.back)
    return True


cdef void walk_span(client_t* c, request_t* request, const zset_t* zset) noexcept nogil:
    cdef zset_walk_t walk
    cdef zset_item_t item
    cdef size_t mark = 0
    cdef int64_t left = request.limit
    cdef int64_t count = 0
    cdef bint some = True
    if request.store:
        zset_create(&request.result, 0, 0)
    else:
        mark = reply_array_open(c)
    if request.offset:
        some = walk_offset(request, zset, &walk)
    else:
        zset_walk_range(zset, &walk, &request.span, request.back)
    while some and left and zset_next(&walk, &item):
        if not zset_in_range(&walk, &request.span, &item):
            break
        emit(c, request, &item)
        count += 1
        left -= 1
    if not request.store:
        reply_array_close(c, mark, reply_members(c, count, request.with_scores))


cdef void zrange_generic(client_t* c, kind_t kind, direction_t direction,
                         bint store) noexcept nogil:
    cdef request_t request
    cdef zset_t zset
    request.kind = kind
    request.direction = direction
    request.store = store
    request.with_scores = False
    request.offset = 0
    request.limit = -1
    if not request_or_reply(c, &request) or not zset_read_or_reply(c, 2 if store else 1, &zset):
        return
    if store:
        zset_prepare(c, &request.result)
    if zset.body is NULL:
        if not store:
            reply_array(c, 0)
    elif request.kind == BY_RANK:
        walk_ranks(c, &request, &zset)
    else:
        walk_span(c, &request, &zset)
    if store:
        zset_store_take(c, c.argv[1], &request.result, b"zrangestore")


cdef void zrange_command(client_t* c) noexcept nogil:
    zrange_generic(c, BY_AUTO, GO_AUTO, False)


cdef void zrangestore_command(client_t* c) noexcept nogil:
    zrange_generic(c, BY_AUTO, GO_AUTO, True)


cdef void zrevrange_command(client_t* c) noexcept nogil:
    zrange_generic(c, BY_RANK, GO_DOWN, False)


cdef void zrangebyscore_command(client_t* c) noexcept nogil:
    zrange_generic(c, BY_SCORE, GO_UP, False)


cdef void zrevrangebyscore_command(client_t* c) noexcept nogil:
    zrange_generic(c, BY_SCORE, GO_DOWN, False)


cdef void zrangebylex_command(client_t* c) noexcept nogil:
    zrange_generic(c, BY_LEX, GO_UP, False)


cdef void zrevrangebylex_command(client_t* c) noexcept nogil:
    zrange_generic(c, BY_LEX, GO_DOWN, False)


# -- counting and removing ------------------------------------------------------------------------

cdef void count_generic(client_t* c, kind_t kind) noexcept nogil:
    cdef zset_range_t span
    cdef zset_t zset
    cdef uint64_t rank
    if not (score_range_or_reply(c, c.argv[2], c.argv[3], &span) if kind == BY_SCORE
            else lex_range_or_reply(c, c.argv[2], c.argv[3], &span)):
        return
    if zset_read_or_reply(c, 1, &zset):
        reply_int(c, <int64_t>zset_span(&zset, &span, &rank) if zset.body is not NULL else 0)


cdef void zcount_command(client_t* c) noexcept nogil:
    count_generic(c, BY_SCORE)


cdef void zlexcount_command(client_t* c) noexcept nogil:
    count_generic(c, BY_LEX)


cdef void zremrange_generic(client_t* c, kind_t kind, const char* event) noexcept nogil:
    cdef zset_range_t span
    cdef zset_held_t held
    cdef int64_t first = 0
    cdef int64_t last = 0
    cdef uint64_t rank = 0
    cdef uint64_t count = 0
    if not (ranks_or_reply(c, c.argv[2], c.argv[3], &first, &last) if kind == BY_RANK
            else score_range_or_reply(c, c.argv[2], c.argv[3], &span) if kind == BY_SCORE
            else lex_range_or_reply(c, c.argv[2], c.argv[3], &span)):
        return
    if not zset_write_or_reply(c, 1, &held):
        return
    if held.entry is not NULL:
        if kind == BY_RANK:
            count = ranks_clamp(zset_count(&held.zset), &first, last)
            rank = <uint64_t>first
        else:
            count = zset_span(&held.zset, &span, &rank)
        if count:
            zset_remove_range(&held.zset, rank, count)
            zset_keep_less(c, &held, count, event)
    reply_int(c, <int64_t>count)


cdef void zremrangebyrank_command(client_t* c) noexcept nogil:
    zremrange_generic(c, BY_RANK, b"zremrangebyrank")


cdef void zremrangebyscore_command(client_t* c) noexcept nogil:
    zremrange_generic(c, BY_SCORE, b"zremrangebyscore")


cdef void zremrangebylex_command(client_t* c) noexcept nogil:
    zremrange_generic(c, BY_LEX, b"zremrangebylex")


cdef command_t TABLE[12]
TABLE[:] = [
    row(b"zcount", zcount_command, 4, CMD_READONLY | CMD_FAST, ACL_SORTEDSET, GROUP_SORTED_SET,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.0.0",
        b"O(log(N)) where N is the number of members in the sorted set.",
        b"ZCOUNT key min max",
        b"Counts the members whose scores lie in a range."),
    row(b"zlexcount", zlexcount_command, 4, CMD_READONLY | CMD_FAST, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.8.9",
        b"O(log(N)) where N is the number of members in the sorted set.",
        b"ZLEXCOUNT key min max",
        b"Counts the members that lie in a range of bytes, where all scores are equal."),
    row(b"zrange", zrange_command, -4, CMD_READONLY, ACL_SORTEDSET, GROUP_SORTED_SET,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"1.2.0",
        b"O(log(N)+M) for M members returned out of N.",
        b"ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
        b"Returns members in order: those in a range of ranks, of scores or of bytes."),
    row(b"zrangebylex", zrangebylex_command, -4, CMD_READONLY, ACL_SORTEDSET, GROUP_SORTED_SET,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.8.9",
        b"O(log(N)+M) for M members returned out of N.",
        b"ZRANGEBYLEX key min max [LIMIT offset count]",
        b"Returns the members in a range of bytes, where all scores are equal."),
    row(b"zrangebyscore", zrangebyscore_command, -4, CMD_READONLY, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"1.0.5",
        b"O(log(N)+M) for M members returned out of N.",
        b"ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]",
        b"Returns the members whose scores lie in a range."),
    row(b"zrangestore", zrangestore_command, -5, CMD_WRITE | CMD_DENYOOM, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_at(1, 2, 1, KEY_OW | KEY_UPDATE), b"6.2.0",
        b"O(log(N)+M*log(M)) for M members stored out of N.",
        b"ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
        b"Stores at a key what ZRANGE returns, scores included."),
    row(b"zremrangebylex", zremrangebylex_command, 4, CMD_WRITE, ACL_SORTEDSET, GROUP_SORTED_SET,
        keys_at(1, 1, 1, KEY_RW | KEY_DELETE), b"2.8.9",
        b"O(log(N)+M*log(N)) for M members removed out of N.",
        b"ZREMRANGEBYLEX key min max",
        b"Removes the members in a range of bytes, where all scores are equal."),
    row(b"zremrangebyrank", zremrangebyrank_command, 4, CMD_WRITE, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_at(1, 1, 1, KEY_RW | KEY_DELETE), b"2.0.0",
        b"O(log(N)+M) for M members removed out of N.",
        b"ZREMRANGEBYRANK key start stop",
        b"Removes the members in a range of ranks."),
    row(b"zremrangebyscore", zremrangebyscore_command, 4, CMD_WRITE, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_at(1, 1, 1, KEY_RW | KEY_DELETE), b"1.2.0",
        b"O(log(N)+M) for M members removed out of N.",
        b"ZREMRANGEBYSCORE key min max",
        b"Removes the members whose scores lie in a range."),
    row(b"zrevrange", zrevrange_command, -4, CMD_READONLY, ACL_SORTEDSET, GROUP_SORTED_SET,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"1.2.0",
        b"O(log(N)+M) for M members returned out of N.",
        b"ZREVRANGE key start stop [WITHSCORES]",
        b"Returns the members in a range of ranks, which count from the highest score."),
    row(b"zrevrangebylex", zrevrangebylex_command, -4, CMD_READONLY, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.8.9",
        b"O(log(N)+M) for M members returned out of N.",
        b"ZREVRANGEBYLEX key max min [LIMIT offset count]",
        b"Returns the members in a range of bytes, the last ones first."),
    row(b"zrevrangebyscore", zrevrangebyscore_command, -4, CMD_READONLY, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.2.0",
        b"O(log(N)+M) for M members returned out of N.",
        b"ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]",
        b"Returns the members whose scores lie in a range, the highest first."),
]
command_register(TABLE, 12)
