"""Sorted sets, from their ends: ZPOPMIN, ZPOPMAX, ZMPOP, and the same for those who wait.

The journal gets ZPOPMIN or ZPOPMAX of the key that gave, and how many: who waited, and for which
keys, is nobody's affair afterwards.
"""
from libc.stdint cimport int64_t, uint64_t

from ..core.number cimport equal_nocase, parse_int64
from ..core.types cimport slice_t
from ..store.entry cimport TYPE_ZSET
from ..store.zset cimport (
    zset_count, zset_item_t, zset_next, zset_remove_range, zset_walk_rank, zset_walk_t,
)
from ..wire.command cimport (
    ACL_SORTEDSET, CMD_BLOCKING, CMD_FAST, CMD_MOVABLEKEYS, CMD_WRITE, GROUP_SORTED_SET,
    KEY_ACCESS, KEY_DELETE, KEY_RW, client_t, command_register, command_t, keys_at, keys_counted,
    row,
)
from ..wire.errors cimport ERR_COUNT_ABOVE_0, ERR_NOT_POSITIVE, ERR_NUMKEYS_ZERO
from ..wire.reply cimport (
    feed_arg, feed_command, feed_int, feed_text, reply_array, reply_bulk, reply_double,
    reply_error, reply_error_syntax, reply_null_array,
)
from .blocked cimport block_on_keys, block_seconds_or_reply
from .state cimport feed_wanted
from .zset_args cimport (
    reply_member, reply_members, zset_held_t, zset_keep_less, zset_write_or_reply,
)

cdef enum shape_t:
    SHAPE_FLAT = 0                      # member, score: the array is there
    SHAPE_PAIRS = 1                     # pairs in RESP3
    SHAPE_NESTED = 2                    # pairs for everybody


cdef void pop(client_t* c, zset_held_t* held, uint64_t count, bint back,
              shape_t shape) noexcept nogil:
    """Reply with `count` members, which are there, and remove them."""
    cdef zset_walk_t walk
    cdef zset_item_t item
    cdef uint64_t total = zset_count(&held.zset)
    cdef uint64_t left = count
    zset_walk_rank(&held.zset, &walk, total - 1 if back else 0, back)
    while left and zset_next(&walk, &item):
        if shape == SHAPE_PAIRS:
            reply_member(c, &item, True)
        else:
            if shape == SHAPE_NESTED:
                reply_array(c, 2)
            reply_bulk(c, item.member)
            reply_double(c, item.score)
        left -= 1
    zset_remove_range(&held.zset, total - count if back else 0, count)
    zset_keep_less(c, held, count, b"zpopmax" if back else b"zpopmin")


cdef void feed_pop(client_t* c, slice_t key, bint back, int64_t count) noexcept nogil:
    """`count` 0: as without one."""
    if not feed_wanted(c):
        return
    feed_command(c, 3 if count else 2)
    feed_text(c, b"ZPOPMAX" if back else b"ZPOPMIN")
    feed_arg(c, key)
    if count:
        feed_int(c, count)


cdef void zpop_generic(client_t* c, bint back) noexcept nogil:
    cdef zset_held_t held
    cdef int64_t count = 1
    cdef uint64_t total
    if c.argc > 3:
        reply_error_syntax(c)
        return
    if c.argc == 3 and (not parse_int64(c.argv[2].data, c.argv[2].size, &count) or count < 0):
        reply_error(c, ERR_NOT_POSITIVE)
        return
    if not zset_write_or_reply(c, 1, &held):
        return
    if held.entry is NULL or count == 0:
        reply_array(c, 0)
        return
    total = zset_count(&held.zset)
    if <uint64_t>count > total:
        count = <int64_t>total
    if c.argc == 3:
        reply_array(c, reply_members(c, count, True))
        pop(c, &held, <uint64_t>count, back, SHAPE_PAIRS)
    else:
        reply_array(c, 2)
        pop(c, &held, 1, back, SHAPE_FLAT)


cdef void zpopmin_command(client_t* c) noexcept nogil:
    zpop_generic(c, False)


cdef void zpopmax_command(client_t* c) noexcept nogil:
    zpop_generic(c, True)


cdef void bzpop_generic(client_t* c, bint back) noexcept nogil:
    cdef zset_held_t held
    cdef int64_t timeout_us
    cdef int i
    if not block_seconds_or_reply(c, c.argv[c.argc - 1], &timeout_us):
        return
    for i in range(1, c.argc - 1):
        if not zset_write_or_reply(c, i, &held):
            return
        if held.entry is not NULL:
            reply_array(c, 3)
            reply_bulk(c, held.key)
            pop(c, &held, 1, back, SHAPE_FLAT)
            feed_pop(c, held.key, back, 0)
            return
    block_on_keys(c, 1, c.argc - 2, TYPE_ZSET, False, timeout_us, reply_null_array)


cdef void bzpopmin_command(client_t* c) noexcept nogil:
    bzpop_generic(c, False)


cdef void bzpopmax_command(client_t* c) noexcept nogil:
    bzpop_generic(c, True)


# -- ZMPOP ----------------------------------------------------------------------------------------

cdef struct mpop_t:
    int keys_at
    int keys
    bint back
    int64_t count


cdef inline bint is_word(slice_t arg, const char* word, size_t size) noexcept nogil:
    return equal_nocase(arg.data, arg.size, word, size)


cdef bint positive(slice_t arg, int64_t* value) noexcept nogil:
    return parse_int64(arg.data, arg.size, value) and value[0] >= 1


cdef bint mpop_or_reply(client_t* c, int at, mpop_t* request) noexcept nogil:
    """numkeys, keys, MIN or MAX, COUNT: from argument `at` on."""
    cdef int64_t keys
    request.count = 1
    request.keys_at = at + 1
    if not positive(c.argv[at], &keys):
        reply_error(c, ERR_NUMKEYS_ZERO)
        return False
    if keys > c.argc - at - 2:
        reply_error_syntax(c)
        return False
    request.keys = <int>keys
    at += 1 + request.keys
    request.back = is_word(c.argv[at], b"max", 3)
    if not request.back and not is_word(c.argv[at], b"min", 3):
        reply_error_syntax(c)
        return False
    at += 1
    if at == c.argc:
        return True
    if at + 2 > c.argc or not is_word(c.argv[at], b"count", 5):
        reply_error_syntax(c)
        return False
    if not positive(c.argv[at + 1], &request.count):
        reply_error(c, ERR_COUNT_ABOVE_0)
        return False
    if at + 2 < c.argc:
        reply_error_syntax(c)
        return False
    return True


cdef bint mpop_served(client_t* c, const mpop_t* request) noexcept nogil:
    """False: all keys are absent, and nothing was said."""
    cdef zset_held_t held
    cdef uint64_t count
    cdef int i
    for i in range(request.keys):
        if not zset_write_or_reply(c, request.keys_at + i, &held):
            return True
        if held.entry is not NULL:
            count = zset_count(&held.zset)
            if <uint64_t>request.count < count:
                count = <uint64_t>request.count
            reply_array(c, 2)
            reply_bulk(c, held.key)
            reply_array(c, <int64_t>count)
            pop(c, &held, count, request.back, SHAPE_NESTED)
            feed_pop(c, held.key, request.back, <int64_t>count)
            return True
    return False


cdef void zmpop_command(client_t* c) noexcept nogil:
    cdef mpop_t request
    if mpop_or_reply(c, 1, &request) and not mpop_served(c, &request):
        reply_null_array(c)


cdef void bzmpop_command(client_t* c) noexcept nogil:
    cdef mpop_t request
    cdef int64_t timeout_us
    if not block_seconds_or_reply(c, c.argv[1], &timeout_us):
        return
    if mpop_or_reply(c, 2, &request) and not mpop_served(c, &request):
        block_on_keys(c, request.keys_at, request.keys, TYPE_ZSET, False, timeout_us,
                      reply_null_array)


cdef command_t TABLE[6]
TABLE[:] = [
    row(b"bzmpop", bzmpop_command, -5, CMD_WRITE | CMD_BLOCKING | CMD_MOVABLEKEYS, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_counted(2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"7.0.0",
        b"O(K) + O(M*log(N)) for K keys and M members removed out of N.",
        b"BZMPOP timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
        b"Removes and returns members from one end of the first sorted set that has some, or waits"
        b" for one."),
    row(b"bzpopmax", bzpopmax_command, -3, CMD_WRITE | CMD_BLOCKING | CMD_FAST, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_at(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"5.0.0",
        b"O(log(N)) where N is the number of members in the sorted set.",
        b"BZPOPMAX key [key ...] timeout",
        b"Removes and returns the member with the highest score of the first sorted set that has"
        b" one, or waits for it."),
    row(b"bzpopmin", bzpopmin_command, -3, CMD_WRITE | CMD_BLOCKING | CMD_FAST, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_at(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"5.0.0",
        b"O(log(N)) where N is the number of members in the sorted set.",
        b"BZPOPMIN key [key ...] timeout",
        b"Removes and returns the member with the lowest score of the first sorted set that has"
        b" one, or waits for it."),
    row(b"zmpop", zmpop_command, -4, CMD_WRITE | CMD_MOVABLEKEYS, ACL_SORTEDSET,
        GROUP_SORTED_SET, keys_counted(1, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"7.0.0",
        b"O(K) + O(M*log(N)) for K keys and M members removed out of N.",
        b"ZMPOP numkeys key [key ...] <MIN | MAX> [COUNT count]",
        b"Removes and returns members from one end of the first sorted set that has some."),
    row(b"zpopmax", zpopmax_command, -2, CMD_WRITE | CMD_FAST, ACL_SORTEDSET, GROUP_SORTED_SET,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"5.0.0",
        b"O(M*log(N)) for M members removed out of N.",
        b"ZPOPMAX key [count]",
        b"Removes and returns the members with the highest scores."),
    row(b"zpopmin", zpopmin_command, -2, CMD_WRITE | CMD_FAST, ACL_SORTEDSET, GROUP_SORTED_SET,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"5.0.0",
        b"O(M*log(N)) for M members removed out of N.",
        b"ZPOPMIN key [count]",
        b"Removes and returns the members with the lowest scores."),
]
command_register(TABLE, 6)
