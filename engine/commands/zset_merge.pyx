"""Sorted sets put together: ZUNION, ZINTER, ZDIFF, what they store, and ZINTERCARD.

Sources are sorted sets, or sets, whose members all have the score 1. But for ZDIFF they are taken
from the smallest to the largest, as Valkey takes them: the sum of three doubles depends on their
order, and two servers must come to the same.

A union gathers scores in a table and orders the members once, when each has its score. The others
walk the first source, and ask the rest.
"""
from libc.math cimport isnan
from libc.stdint cimport UINT64_MAX, int64_t, uint64_t

from ..core.heap cimport heap_alloc, heap_free
from ..core.listpack cimport listpack_value_t
from ..core.number cimport equal_nocase, format_int64, parse_double, parse_int64
from ..core.types cimport slice_t
from ..store.entry cimport (
    TYPE_SET, TYPE_ZSET, entry_body, entry_encoding, entry_t, entry_type,
)
from ..store.keyspace cimport keyspace_read
from ..store.set cimport set_count, set_has, set_next, set_t, set_walk, set_walk_t
from ..store.zset cimport (
    zset_append, zset_count, zset_create, zset_find, zset_gather, zset_item_t, zset_next,
    zset_order, zset_release, zset_settle, zset_t, zset_walk_rank, zset_walk_t,
)
from ..wire.command cimport (
    ACL_SORTEDSET, CMD_DENYOOM, CMD_MOVABLEKEYS, CMD_READONLY, CMD_WRITE, GROUP_SORTED_SET,
    KEY_ACCESS, KEY_OW, KEY_RO, KEY_UPDATE, client_t, command_register, command_t, key_hash,
    keys_at, keys_counted, row,
)
from ..wire.errors cimport (
    ERR_INPUT_KEYS, ERR_LIMIT_NEGATIVE, ERR_NOT_INTEGER, ERR_WEIGHT,
)
from ..wire.reply cimport (
    reply_array, reply_error, reply_error_about, reply_error_syntax, reply_error_type, reply_int,
)
from .state cimport server_of
from .zset_args cimport (
    reply_member, reply_members, zset_of_entry, zset_prepare, zset_store_take,
)

cdef enum kind_t:
    UNION = 0
    INTER = 1
    DIFF = 2
    CARD = 3                            # of the intersection

cdef enum aggregate_t:
    SUM = 0
    LEAST = 1
    MOST = 2

cdef struct source_t:
    zset_t zset                         # body NULL: nothing, or a set
    set_t set                           # body NULL: nothing, or a sorted set
    double weight
    uint64_t count

# A walk over a source of either kind.
cdef struct walk_t:
    bint of_set
    zset_walk_t zset
    set_walk_t set
    char scratch[24]                    # of a member that a set keeps as a number

cdef struct request_t:
    kind_t kind
    bint store                          # to argument 1
    bint with_scores
    aggregate_t aggregate
    uint64_t limit                      # of CARD; 0: none
    source_t* sources                   # owned
    int count
    # What came together: for the encoding of what is stored
    size_t size_max
    size_t size_all


# -- requests -------------------------------------------------------------------------------------

cdef inline bint is_word(slice_t arg, const char* word, size_t size) noexcept nogil:
    return equal_nocase(arg.data, arg.size, word, size)


cdef bint sources_or_reply(client_t* c, int at, request_t* request) noexcept nogil:
    """Look the keys up, from argument `at` on."""
    cdef entry_t* entry
    cdef source_t* source
    cdef int i
    for i in range(request.count):
        source = &request.sources[i]
        entry = keyspace_read(c.ks, key_hash(c, c.argv[at + i]), c.argv[at + i])
        source.weight = 1
        source.count = 0
        source.set.body = NULL
        zset_of_entry(c, NULL, &source.zset)
        if entry is NULL:
            continue
        if entry_type(entry) == TYPE_ZSET:
            zset_of_entry(c, entry, &source.zset)
            source.count = zset_count(&source.zset)
        elif entry_type(entry) == TYPE_SET:
            source.set.heap = c.store.heap
            source.set.secret = c.store.secret
            source.set.limits = &server_of(c).config.set_limits
            source.set.encoding = entry_encoding(entry)
            source.set.body = entry_body(entry)
            source.count = set_count(&source.set)
        else:
            reply_error_type(c)
            return False
    return True


cdef bint aggregate_of(slice_t word, aggregate_t* aggregate) noexcept nogil:
    if is_word(word, b"sum", 3):
        aggregate[0] = SUM
    elif is_word(word, b"min", 3):
        aggregate[0] = LEAST
    elif is_word(word, b"max", 3):
        aggregate[0] = MOST
    else:
        return False
    return True


cdef bint weights_or_reply(client_t* c, int at, request_t* request) noexcept nogil:
    cdef slice_t text
    cdef int i
    for i in range(request.count):
        text = c.argv[at + i]
        if not parse_double(text.data, text.size, &request.sources[i].weight):
            reply_error(c, ERR_WEIGHT)
            return False
    return True


cdef bint words_or_reply(client_t* c, int at, request_t* request) noexcept nogil:
    """The options, from argument `at` on."""
    cdef bint scored = request.kind == UNION or request.kind == INTER
    cdef int64_t limit
    cdef int left
    while at < c.argc:
        left = c.argc - at
        if scored and left > request.count and is_word(c.argv[at], b"weights", 7):
            if not weights_or_reply(c, at + 1, request):
                return False
            at += 1 + request.count
        elif scored and left >= 2 and is_word(c.argv[at], b"aggregate", 9) \
                and aggregate_of(c.argv[at + 1], &request.aggregate):
            at += 2
        elif request.kind != CARD and not request.store \
                and is_word(c.argv[at], b"withscores", 10):
            request.with_scores = True
            at += 1
        elif request.kind == CARD and left >= 2 and is_word(c.argv[at], b"limit", 5):
            if not parse_int64(c.argv[at + 1].data, c.argv[at + 1].size, &limit) or limit < 0:
                reply_error(c, ERR_LIMIT_NEGATIVE)
                return False
            request.limit = <uint64_t>limit
            at += 2
        else:
            reply_error_syntax(c)
            return False
    return True


cdef void sort_sources(request_t* request) noexcept nogil:
    """By count, equal ones in the order in which they were named. They are few."""
    cdef source_t moved
    cdef int i, at
    for i in range(1, request.count):
        moved = request.sources[i]
        at = i
        while at and request.sources[at - 1].count > moved.count:
            request.sources[at] = request.sources[at - 1]
            at -= 1
        request.sources[at] = moved


# -- sources --------------------------------------------------------------------------------------

cdef void source_walk(const source_t* source, walk_t* walk) noexcept nogil:
    walk.of_set = source.set.body is not NULL
    if walk.of_set:
        set_walk(&walk.set, &source.set)
    else:
        zset_walk_rank(&source.zset, &walk.zset, 0, False)


cdef bint source_next(walk_t* walk, zset_item_t* item) noexcept nogil:
    cdef listpack_value_t value
    if not walk.of_set:
        return zset_next(&walk.zset, item)
    if not set_next(&walk.set, &value):
        return False
    item.score = 1
    item.member = value.text
    if value.text.data is NULL:
        item.member.data = walk.scratch
        item.member.size = <size_t>format_int64(walk.scratch, value.number)
    return True


cdef bint source_find(const source_t* source, slice_t member, double* score) noexcept nogil:
    if source.count == 0:
        return False
    if source.set.body is not NULL:
        score[0] = 1
        return set_has(&source.set, member)
    return zset_find(&source.zset, member, score)


# -- results --------------------------------------------------------------------------------------

cdef void add_up(double* score, double more, aggregate_t aggregate) noexcept nogil:
    if aggregate == SUM:
        score[0] += more
        if isnan(score[0]):             # infinities of both signs
            score[0] = 0
    elif aggregate == LEAST:
        if more < score[0]:
            score[0] = more
    elif more > score[0]:
        score[0] = more


cdef inline double weighted(const source_t* source, double score) noexcept nogil:
    score *= source.weight
    return 0 if isnan(score) else score


cdef inline void note_size(request_t* request, slice_t member) noexcept nogil:
    request.size_all += member.size
    if member.size > request.size_max:
        request.size_max = member.size


cdef void unite(request_t* request, zset_t* result) noexcept nogil:
    cdef walk_t walk
    cdef zset_item_t item
    cdef source_t* source
    cdef double* score
    cdef bint fresh
    cdef int i
    for i in range(request.count):
        source = &request.sources[i]
        if source.count == 0:
            continue
        source_walk(source, &walk)
        while source_next(&walk, &item):
            score = zset_gather(result, item.member, &fresh)
            if fresh:
                score[0] = weighted(source, item.score)
                note_size(request, item.member)
            else:
                add_up(score, weighted(source, item.score), request.aggregate)
    zset_order(result)


cdef bint survives(const request_t* request, slice_t member, double* score) noexcept nogil:
    """A member of the first source is one of the result, with *score."""
    cdef source_t* source
    cdef double there
    cdef int i
    for i in range(1, request.count):
        source = &request.sources[i]
        if source_find(source, member, &there):
            if request.kind == DIFF:
                return False
            # What is no number counts here as Valkey lets it: against a sum, for nothing else.
            add_up(score, there * source.weight, request.aggregate)
        elif request.kind != DIFF:
            return False
    return True


cdef uint64_t sift(request_t* request, zset_t* result) noexcept nogil:
    """ZINTER and ZDIFF; with a result of NULL their number, which a limit may end."""
    cdef source_t* first = &request.sources[0]
    cdef walk_t walk
    cdef zset_item_t item
    cdef double score
    cdef uint64_t count = 0
    if first.count == 0:
        return 0
    source_walk(first, &walk)
    while source_next(&walk, &item):
        score = weighted(first, item.score)
        if survives(request, item.member, &score):
            count += 1
            if result is not NULL:
                note_size(request, item.member)
                zset_append(result, item.member, score)
            elif count == request.limit:
                break
    return count


cdef void reply_all(client_t* c, const zset_t* zset, bint with_scores) noexcept nogil:
    cdef zset_walk_t walk
    cdef zset_item_t item
    reply_array(c, reply_members(c, <int64_t>zset_count(zset), with_scores))
    zset_walk_rank(zset, &walk, 0, False)
    while zset_next(&walk, &item):
        reply_member(c, &item, with_scores)


cdef void answer(client_t* c, request_t* request) noexcept nogil:
    cdef zset_t result
    if request.kind != DIFF:
        sort_sources(request)
    if request.kind == CARD:
        reply_int(c, <int64_t>sift(request, NULL))
        return
    zset_prepare(c, &result)
    zset_create(&result, UINT64_MAX, 0)         # a large one, whatever comes
    if request.kind == UNION:
        unite(request, &result)
    else:
        sift(request, &result)
    if request.store:
        zset_settle(&result, request.size_max, request.size_all)
        zset_store_take(c, c.argv[1], &result,
                        b"zunionstore" if request.kind == UNION
                        else b"zinterstore" if request.kind == INTER else b"zdiffstore")
    else:
        reply_all(c, &result, request.with_scores)
        zset_release(&result)


cdef void merge_generic(client_t* c, kind_t kind, bint store) noexcept nogil:
    cdef request_t request
    cdef int at = 2 if store else 1
    cdef int64_t count
    cdef size_t size
    if not parse_int64(c.argv[at].data, c.argv[at].size, &count):
        reply_error(c, ERR_NOT_INTEGER)
        return
    if count < 1:
        reply_error_about(c, ERR_INPUT_KEYS, slice_t(c.cmd.name, c.cmd.name_size), b"' command")
        return
    if count > c.argc - at - 1:
        reply_error_syntax(c)
        return
    request.kind = kind
    request.store = store
    request.with_scores = False
    request.aggregate = SUM
    request.limit = 0
    request.count = <int>count
    request.size_max = 0
    request.size_all = 0
    size = <size_t>count * sizeof(source_t)
    request.sources = <source_t*>heap_alloc(c.store.heap, size)
    if sources_or_reply(c, at + 1, &request) \
            and words_or_reply(c, at + 1 + request.count, &request):
        answer(c, &request)
    heap_free(c.store.heap, request.sources, size)


cdef void zunion_command(client_t* c) noexcept nogil:
    merge_generic(c, UNION, False)


cdef void zunionstore_command(client_t* c) noexcept nogil:
    merge_generic(c, UNION, True)


cdef void zinter_command(client_t* c) noexcept nogil:
    merge_generic(c, INTER, False)


cdef void zinterstore_command(client_t* c) noexcept nogil:
    merge_generic(c, INTER, True)


cdef void zintercard_command(client_t* c) noexcept nogil:
    merge_generic(c, CARD, False)


cdef void zdiff_command(client_t* c) noexcept nogil:
    merge_generic(c, DIFF, False)


cdef void zdiffstore_command(client_t* c) noexcept nogil:
    merge_generic(c, DIFF, True)


cdef command_t TABLE[7]
TABLE[:] = [
    row(b"zdiff", zdiff_command, -3, CMD_READONLY | CMD_MOVABLEKEYS, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_counted(1, 1, KEY_RO | KEY_ACCESS), b"6.2.0",
        b"O(L + R*log(R)) for L members in all sets and R in the result.",
        b"ZDIFF numkeys key [key ...] [WITHSCORES]",
        b"Returns the members of the first sorted set that are in none of the others."),
    row(b"zdiffstore", zdiffstore_command, -4, CMD_WRITE | CMD_DENYOOM | CMD_MOVABLEKEYS,
        ACL_SORTEDSET, GROUP_SORTED_SET, keys_at(1, 1, 1, KEY_OW | KEY_UPDATE), b"6.2.0",
        b"O(L + R*log(R)) for L members in all sets and R in the result.",
        b"ZDIFFSTORE destination numkeys key [key ...]",
        b"Stores at a key what ZDIFF returns, scores included."),
    row(b"zinter", zinter_command, -3, CMD_READONLY | CMD_MOVABLEKEYS, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_counted(1, 1, KEY_RO | KEY_ACCESS), b"6.2.0",
        b"O(N*K + R*log(R)) for N members in the smallest of K sets and R in the result.",
        b"ZINTER numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]"
        b" [WITHSCORES]",
        b"Returns the members that are in all of the sorted sets."),
    row(b"zintercard", zintercard_command, -3, CMD_READONLY | CMD_MOVABLEKEYS, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_counted(1, 1, KEY_RO | KEY_ACCESS), b"7.0.0",
        b"O(N*K) for N members in the smallest of K sets.",
        b"ZINTERCARD numkeys key [key ...] [LIMIT limit]",
        b"Counts the members that are in all of the sorted sets."),
    row(b"zinterstore", zinterstore_command, -4, CMD_WRITE | CMD_DENYOOM | CMD_MOVABLEKEYS,
        ACL_SORTEDSET, GROUP_SORTED_SET, keys_at(1, 1, 1, KEY_OW | KEY_UPDATE), b"2.0.0",
        b"O(N*K + R*log(R)) for N members in the smallest of K sets and R in the result.",
        b"ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]]"
        b" [AGGREGATE <SUM | MIN | MAX>]",
        b"Stores at a key what ZINTER returns, scores included."),
    row(b"zunion", zunion_command, -3, CMD_READONLY | CMD_MOVABLEKEYS, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_counted(1, 1, KEY_RO | KEY_ACCESS), b"6.2.0",
        b"O(L + R*log(R)) for L members in all sets and R in the result.",
        b"ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]"
        b" [WITHSCORES]",
        b"Returns the members that are in any of the sorted sets."),
    row(b"zunionstore", zunionstore_command, -4, CMD_WRITE | CMD_DENYOOM | CMD_MOVABLEKEYS,
        ACL_SORTEDSET, GROUP_SORTED_SET, keys_at(1, 1, 1, KEY_OW | KEY_UPDATE), b"2.0.0",
        b"O(L + R*log(R)) for L members in all sets and R in the result.",
        b"ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]]"
        b" [AGGREGATE <SUM | MIN | MAX>]",
        b"Stores at a key what ZUNION returns, scores included."),
]
command_register(TABLE, 7)
