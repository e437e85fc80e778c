"""What the commands of sorted sets share.

A range of scores or of members is two cuts through the order: "(5" to "7" is what does not lie
before the cut behind all 5, and lies before the cut behind all 7. A walk begins at the one and
ends at the other; a count is the difference of two ranks.

In a listpack Valkey walks ranges of members although scores differ, when the order says nothing of
them; so do we, step for step, since the reply can be told. In a tree neither of us promises any.
"""
from libc.math cimport INFINITY, isnan
from libc.stdint cimport int64_t, uint64_t

from ..core.number cimport parse_double_wide, parse_int64
from ..core.ordered cimport BOUND_MEMBER, BOUND_SCORE, bound_passes
from ..store.entry cimport (
    ENC_LISTPACK, TYPE_ZSET, entry_body, entry_encoding, entry_set_body, entry_set_encoding,
)
from ..store.keyspace cimport (
    EVENT_GENERIC, EVENT_ZSET, keyspace_delete, keyspace_delete_entry, keyspace_event,
    keyspace_signal, store_hash,
)
from ..store.zset cimport (
    zset_count, zset_count_before, zset_next, zset_release, zset_walk_bound, zset_walk_rank,
)
from ..wire.command cimport key_hash
from ..wire.errors cimport ERR_LEX_RANGE, ERR_NOT_INTEGER, ERR_SCORE_RANGE
from ..wire.reply cimport reply_array, reply_bulk, reply_double, reply_error, reply_int
from .state cimport server_of
from .typed cimport put_typed_take, read_typed_or_reply, write_typed_or_reply


# -- the set at hand ------------------------------------------------------------------------------

cdef void zset_prepare(client_t* c, zset_t* zset) noexcept nogil:
    zset.heap = c.store.heap
    zset.secret = c.store.secret
    zset.entries_max = <uint64_t>server_of(c).config.zset_max_listpack_entries
    zset.value_max = <uint64_t>server_of(c).config.zset_max_listpack_value
    zset.encoding = ENC_LISTPACK
    zset.body = NULL


cdef void zset_of_entry(client_t* c, const entry_t* entry, zset_t* zset) noexcept nogil:
    zset_prepare(c, zset)
    if entry is not NULL:
        zset.encoding = entry_encoding(entry)
        zset.body = entry_body(entry)


cdef bint zset_read_or_reply(client_t* c, int at, zset_t* zset) noexcept nogil:
    cdef entry_t* entry
    if not read_typed_or_reply(c, at, TYPE_ZSET, &entry):
        return False
    zset_of_entry(c, entry, zset)
    return True


cdef bint zset_write_or_reply(client_t* c, int at, zset_held_t* held) noexcept nogil:
    held.key = c.argv[at]
    held.hash = key_hash(c, held.key)
    if not write_typed_or_reply(c, at, TYPE_ZSET, &held.entry):
        return False
    zset_of_entry(c, held.entry, &held.zset)
    return True


cdef void zset_keep(client_t* c, zset_held_t* held) noexcept nogil:
    if held.entry is NULL:
        held.entry = put_typed_take(c, held.hash, held.key, TYPE_ZSET, held.zset.encoding,
                                    held.zset.body)
        return
    entry_set_body(held.entry, held.zset.body)
    entry_set_encoding(held.entry, held.zset.encoding)


cdef void zset_keep_less(client_t* c, zset_held_t* held, uint64_t removed,
                         const char* event) noexcept nogil:
    cdef bint empty = zset_count(&held.zset) == 0
    zset_keep(c, held)
    if empty:
        keyspace_delete_entry(c.ks, held.hash, held.entry)
    keyspace_signal(c.ks, EVENT_ZSET, event, held.key)
    c.store.dirty += removed - 1
    if empty:
        keyspace_event(c.ks, EVENT_GENERIC, b"del", held.key)


cdef void zset_store_take(client_t* c, slice_t key, zset_t* zset, const char* event) noexcept nogil:
    cdef uint64_t hash = store_hash(c.store, key)
    cdef uint64_t count = 0
    if zset.body is not NULL:
        count = zset_count(zset)
        if count == 0:
            zset_release(zset)
    if count == 0:
        if keyspace_delete(c.ks, hash, key):
            keyspace_signal(c.ks, EVENT_GENERIC, b"del", key)
        reply_int(c, 0)
        return
    put_typed_take(c, hash, key, TYPE_ZSET, zset.encoding, zset.body)
    keyspace_signal(c.ks, EVENT_ZSET, event, key)
    reply_int(c, <int64_t>count)


# -- ranges ---------------------------------------------------------------------------------------

cdef bint parse_score(slice_t text, bint low, bound_t* bound) noexcept nogil:
    cdef bint open = text.size > 0 and text.data[0] == c'('
    if open:
        text.data += 1
        text.size -= 1
    bound.kind = BOUND_SCORE
    bound.after = open == low           # a cut behind all that have the score
    return parse_double_wide(text.data, text.size, &bound.score) and not isnan(bound.score)


cdef bint score_range_or_reply(client_t* c, slice_t low, slice_t high,
                               zset_range_t* span) noexcept nogil:
    if parse_score(low, True, &span.low) and parse_score(high, False, &span.high):
        return True
    reply_error(c, ERR_SCORE_RANGE)
    return False


cdef bint parse_lex(slice_t text, bint low, bound_t* bound) noexcept nogil:
    if text.size == 0:
        return False
    if text.data[0] == c'[' or text.data[0] == c'(':
        bound.kind = BOUND_MEMBER
        bound.after = (text.data[0] == c'(') == low
        bound.member.data = text.data + 1
        bound.member.size = text.size - 1
        return True
    if text.size != 1 or (text.data[0] != c'-' and text.data[0] != c'+'):
        return False
    bound.kind = BOUND_SCORE            # before all, or behind all
    bound.after = text.data[0] == c'+'
    bound.score = INFINITY if bound.after else -INFINITY
    return True


cdef bint lex_range_or_reply(client_t* c, slice_t low, slice_t high,
                             zset_range_t* span) noexcept nogil:
    if parse_lex(low, True, &span.low) and parse_lex(high, False, &span.high):
        return True
    reply_error(c, ERR_LEX_RANGE)
    return False


cdef bint ranks_or_reply(client_t* c, slice_t start, slice_t stop, int64_t* first,
                         int64_t* last) noexcept nogil:
    if (parse_int64(start.data, start.size, first)
            and parse_int64(stop.data, stop.size, last)):
        return True
    reply_error(c, ERR_NOT_INTEGER)
    return False


cdef uint64_t ranks_clamp(uint64_t count, int64_t* first, int64_t last) noexcept nogil:
    cdef int64_t size = <int64_t>count
    if first[0] < 0:
        first[0] = first[0] + size if first[0] >= -size else 0
    if last < 0:
        last += size
    if first[0] > last or first[0] >= size:
        return 0
    if last >= size:
        last = size - 1
    return <uint64_t>(last - first[0] + 1)


cdef bint is_by_member(const zset_range_t* span) noexcept nogil:
    return span.low.kind == BOUND_MEMBER or span.high.kind == BOUND_MEMBER


cdef bint ends_meet(const zset_t* zset, const zset_range_t* span) noexcept nogil:
    """The last member does not lie before the range, nor the first behind it: what Valkey asks
    before it walks. In an order of scores it changes nothing."""
    cdef zset_walk_t walk
    cdef zset_item_t item
    zset_walk_rank(zset, &walk, zset_count(zset) - 1, True)
    if not zset_next(&walk, &item) or bound_passes(&span.low, item.score, item.member):
        return False
    zset_walk_rank(zset, &walk, 0, False)
    return zset_next(&walk, &item) and bound_passes(&span.high, item.score, item.member)


cdef uint64_t span_by_walk(const zset_t* zset, const zset_range_t* span,
                           uint64_t* rank) noexcept nogil:
    cdef zset_walk_t walk
    cdef zset_item_t item
    cdef uint64_t count = 0
    rank[0] = zset_count_before(zset, &span.low)
    zset_walk_range(zset, &walk, span, False)
    while zset_next(&walk, &item) and zset_in_range(&walk, span, &item):
        count += 1
    return count


cdef uint64_t zset_span(const zset_t* zset, const zset_range_t* span,
                        uint64_t* rank) noexcept nogil:
    cdef uint64_t end
    if zset.encoding == ENC_LISTPACK:
        return span_by_walk(zset, span, rank)
    rank[0] = zset_count_before(zset, &span.low)
    end = zset_count_before(zset, &span.high)
    return end - rank[0] if end > rank[0] else 0


cdef void zset_walk_range(const zset_t* zset, zset_walk_t* walk, const zset_range_t* span,
                          bint back) noexcept nogil:
    if zset.encoding == ENC_LISTPACK and is_by_member(span) and not ends_meet(zset, span):
        zset_walk_rank(zset, walk, zset_count(zset), back)
        return
    zset_walk_bound(zset, walk, &span.high if back else &span.low, back)


cdef bint zset_in_range(const zset_walk_t* walk, const zset_range_t* span,
                        const zset_item_t* item) noexcept nogil:
    if walk.back:
        return not bound_passes(&span.low, item.score, item.member)
    return bound_passes(&span.high, item.score, item.member)


# -- replies --------------------------------------------------------------------------------------

cdef void reply_member(client_t* c, const zset_item_t* item, bint with_score) noexcept nogil:
    if with_score and c.resp == 3:
        reply_array(c, 2)
    reply_bulk(c, item.member)
    if with_score:
        reply_double(c, item.score)


cdef int64_t reply_members(const client_t* c, int64_t count, bint with_scores) noexcept nogil:
    return 2 * count if with_scores and c.resp == 2 else count
