"""XCLAIM and XAUTOCLAIM: take over what another consumer has not acknowledged.

    XCLAIM k g c idle id ...   ->  journal: XCLAIM k g c 0 <id> TIME .. RETRYCOUNT .. FORCE JUSTID
                                   LASTID ..               an entry that changed hands

Whether an entry was idle long enough depends on the clock, so the journal gets the result. An entry
that is pending and no longer in the stream is dropped on the way; the journal gets a claim of it,
which drops it there too.
"""
from libc.stddef cimport size_t
from libc.stdint cimport INT64_MAX, int64_t, uint64_t

from ..core.heap cimport heap_alloc_try, heap_free
from ..core.idlist cimport (
    id_less, id_place_t, id_t, idlist_at, idlist_find, idlist_seek, idlist_step,
)
from ..core.number cimport parse_int64
from ..core.types cimport slice_t
from ..store.stream cimport consumer_t, group_t, pending_t, stream_t
from ..store.stream_cursor cimport stream_has
from ..store.stream_group cimport (
    group_consumer, group_create_consumer, group_deliver, group_forget, group_hand_over,
)
from ..wire.command cimport (
    ACL_STREAM, CMD_FAST, CMD_WRITE, GROUP_STREAM, KEY_DELETE, KEY_RW, KEY_UPDATE, client_t,
    command_register, command_t, keys_at, row,
)
from ..wire.errors cimport (
    ERR_STREAM_AUTOCLAIM_COUNT, ERR_STREAM_AUTOCLAIM_IDLE, ERR_STREAM_CLAIM_IDLE,
    ERR_STREAM_CLAIM_IDLE_OPTION, ERR_STREAM_CLAIM_OPTION, ERR_STREAM_CLAIM_RETRY,
    ERR_STREAM_CLAIM_TIME, ERR_STREAM_TRANSIENT,
)
from ..wire.reply cimport (
    feed_nothing, reply_array, reply_array_close, reply_array_open, reply_error,
    reply_bulk_insert, reply_error_about, reply_error_syntax,
)
from .legacy cimport client_is_legacy
from .stream_args cimport (
    ID_TEXT_MAX, feed_claim, feed_group_id, group_or_reply, id_format, id_or_reply, id_parse,
    is_word, note_change, reply_entry_of, reply_id, start_or_reply,
)

cdef enum:
    ATTEMPTS_FACTOR = 10                # entries that XAUTOCLAIM looks at for each that it returns
    COUNT_DEFAULT = 100

cdef struct claim_t:
    int64_t idle_min                    # milliseconds
    int ids_end                         # argument behind the IDs
    bint force
    bint just_ids
    int64_t delivered_ms                # as it will be
    int64_t deliveries                  # likewise; -1: one more
    id_t last_id


# -- options --------------------------------------------------------------------------------------

cdef bint number_or_reply(client_t* c, slice_t text, const char* error,
                          int64_t* number) noexcept nogil:
    if parse_int64(text.data, text.size, number):
        return True
    reply_error(c, error)
    return False


cdef bint option_or_reply(client_t* c, int* at, claim_t* claim) noexcept nogil:
    """One option at argument *at, which goes to the last of its words."""
    cdef slice_t word = c.argv[at[0]]
    cdef bint more = at[0] + 1 < c.argc
    if is_word(word, b"force", 5):
        claim.force = True
    elif is_word(word, b"justid", 6):
        claim.just_ids = True
    elif more and is_word(word, b"idle", 4):
        at[0] += 1
        if not number_or_reply(c, c.argv[at[0]], ERR_STREAM_CLAIM_IDLE_OPTION,
                               &claim.delivered_ms):
            return False
        # As unsigned, so that a number out of all bounds wraps, and does no worse.
        claim.delivered_ms = <int64_t>(<uint64_t>c.store.now_ms - <uint64_t>claim.delivered_ms)
    elif more and is_word(word, b"time", 4):
        at[0] += 1
        return number_or_reply(c, c.argv[at[0]], ERR_STREAM_CLAIM_TIME, &claim.delivered_ms)
    elif more and is_word(word, b"retrycount", 10):
        at[0] += 1
        return number_or_reply(c, c.argv[at[0]], ERR_STREAM_CLAIM_RETRY, &claim.deliveries)
    elif more and is_word(word, b"lastid", 6):
        at[0] += 1
        return id_or_reply(c, c.argv[at[0]], 0, True, &claim.last_id)
    else:
        reply_error_about(c, ERR_STREAM_CLAIM_OPTION, word, b"'")
        return False
    return True


cdef bint options_or_reply(client_t* c, claim_t* claim) noexcept nogil:
    """IDs as long as they can be read as such, then options."""
    cdef id_t id
    cdef int i = 5
    claim.force = False
    claim.just_ids = False
    claim.delivered_ms = -1
    claim.deliveries = -1
    claim.last_id = id_t(0, 0)
    if not number_or_reply(c, c.argv[4], ERR_STREAM_CLAIM_IDLE, &claim.idle_min):
        return False
    if claim.idle_min < 0:
        claim.idle_min = 0
    while i < c.argc and id_parse(c.argv[i], 0, True, &id):
        i += 1
    claim.ids_end = i
    while i < c.argc:
        if not option_or_reply(c, &i, claim):
            return False
        i += 1
    # A time in the future, or before all time, is a mistake of somebody's clock: no error.
    if not 0 <= claim.delivered_ms <= c.store.now_ms:
        claim.delivered_ms = c.store.now_ms
    return True


# -- claiming -------------------------------------------------------------------------------------

cdef consumer_t* claimant(client_t* c, group_t* group) noexcept nogil:
    """The consumer that argument 3 names; made where it is not there."""
    cdef consumer_t* consumer = group_consumer(group, c.argv[3])
    if consumer is NULL:
        consumer = group_create_consumer(c.store.heap, group, c.argv[3], c.store.now_ms)
        note_change(c, b"xgroup-createconsumer", c.argv[1])
    consumer.seen_ms = c.store.now_ms
    return consumer


cdef void drop(client_t* c, group_t* group, const pending_t* pending, id_t id) noexcept nogil:
    """The entry is gone: nobody can acknowledge it any more."""
    feed_claim(c, c.argv[1], group, id, pending)
    group_forget(c.store.heap, group, id)
    note_change(c, NULL, c.argv[1])


cdef void take(client_t* c, const stream_t* stream, group_t* group, consumer_t* consumer,
               pending_t* pending, const claim_t* claim) noexcept nogil:
    pending.delivered_ms = claim.delivered_ms
    if claim.deliveries >= 0:
        pending.deliveries = <uint64_t>claim.deliveries
    elif not claim.just_ids:
        pending.deliveries += 1
    group_hand_over(c.store.heap, pending, consumer)
    consumer.active_ms = c.store.now_ms
    if claim.just_ids:
        reply_id(c, pending.id)
    else:
        reply_entry_of(c, stream, pending.id)
    feed_claim(c, c.argv[1], group, pending.id, pending)
    note_change(c, NULL, c.argv[1])


cdef bint claim_one(client_t* c, const stream_t* stream, group_t* group, consumer_t* consumer,
                    id_t id, const claim_t* claim) noexcept nogil:
    """False when the entry stays with whom it was."""
    cdef pending_t* pending = <pending_t*>idlist_find(&group.pending, id)
    cdef bint fresh
    if not stream_has(stream, id):
        if pending is not NULL:
            drop(c, group, pending, id)
        return False
    if pending is not NULL:
        if claim.idle_min and c.store.now_ms - pending.delivered_ms < claim.idle_min:
            return False
    elif claim.force:
        pending = group_deliver(c.store.heap, group, consumer, id, c.store.now_ms, &fresh)
    else:
        return False
    take(c, stream, group, consumer, pending, claim)
    return True


cdef void xclaim_command(client_t* c) noexcept nogil:
    cdef stream_t* stream
    cdef group_t* group
    cdef consumer_t* consumer
    cdef claim_t claim
    cdef uint64_t before = c.store.dirty
    cdef uint64_t dirty
    cdef int64_t found = 0
    cdef bint moved = False
    cdef size_t mark
    cdef id_t id
    cdef int i
    if not group_or_reply(c, 1, True, &stream, &group, b"'") or not options_or_reply(c, &claim):
        return
    if id_less(group.last_id, claim.last_id):
        group.last_id = claim.last_id
        moved = True
    consumer = claimant(c, group)
    dirty = c.store.dirty
    mark = reply_array_open(c)
    for i in range(5, claim.ids_end):
        id_parse(c.argv[i], 0, True, &id)
        found += 1 if claim_one(c, stream, group, consumer, id, &claim) else 0
    if moved and c.store.dirty == dirty:        # else the claims have said it
        feed_group_id(c, c.argv[1], group)
        note_change(c, NULL, c.argv[1])
    reply_array_close(c, mark, found)
    if c.store.dirty != before and not c.feed_instead:
        feed_nothing(c)


# -- XAUTOCLAIM -----------------------------------------------------------------------------------

cdef bint count_or_reply(client_t* c, slice_t text, int64_t* count) noexcept nogil:
    if not parse_int64(text.data, text.size, count) \
            or not 1 <= count[0] <= INT64_MAX // <int64_t>sizeof(id_t):
        reply_error(c, ERR_STREAM_AUTOCLAIM_COUNT)
        return False
    return True


cdef bint auto_options_or_reply(client_t* c, claim_t* claim, id_t* start,
                                int64_t* count) noexcept nogil:
    cdef int i = 6
    claim.force = False
    claim.just_ids = False
    claim.delivered_ms = c.store.now_ms
    claim.deliveries = -1
    count[0] = COUNT_DEFAULT
    if not number_or_reply(c, c.argv[4], ERR_STREAM_AUTOCLAIM_IDLE, &claim.idle_min) \
            or not start_or_reply(c, c.argv[5], start):
        return False
    if claim.idle_min < 0:
        claim.idle_min = 0
    while i < c.argc:
        if is_word(c.argv[i], b"count", 5) and i + 1 < c.argc:
            i += 1
            if not count_or_reply(c, c.argv[i], count):
                return False
        elif is_word(c.argv[i], b"justid", 6):
            claim.just_ids = True
        else:
            reply_error_syntax(c)
            return False
        i += 1
    return True


cdef id_t claim_some(client_t* c, const stream_t* stream, group_t* group, consumer_t* consumer,
                     const claim_t* claim, id_t start, int64_t count, id_t* dropped,
                     int64_t* dropped_count) noexcept nogil:
    """The array of what was claimed, and the ID where the next call goes on; 0-0 at the end."""
    cdef int64_t attempts = count * ATTEMPTS_FACTOR
    cdef id_place_t place = idlist_seek(&group.pending, start)
    cdef pending_t* pending
    cdef int64_t found = 0
    cdef size_t mark = reply_array_open(c)
    dropped_count[0] = 0
    while True:
        pending = <pending_t*>idlist_at(&group.pending, place)
        if pending is NULL or attempts == 0 or found + dropped_count[0] == count:
            break
        attempts -= 1
        start = pending.id
        if not stream_has(stream, start):
            dropped[dropped_count[0]] = start
            dropped_count[0] += 1
            drop(c, group, pending, start)
            place = idlist_seek(&group.pending, start)
            continue
        if not claim.idle_min or c.store.now_ms - pending.delivered_ms >= claim.idle_min:
            take(c, stream, group, consumer, pending, claim)
            found += 1
        idlist_step(&group.pending, &place)
    reply_array_close(c, mark, found)
    return pending.id if pending is not NULL else id_t(0, 0)


cdef void xautoclaim_command(client_t* c) noexcept nogil:
    """The cursor stands before what is claimed: it is written when it is known."""
    cdef stream_t* stream
    cdef group_t* group
    cdef consumer_t* consumer
    cdef claim_t claim
    cdef uint64_t before = c.store.dirty
    cdef id_t start, next
    cdef int64_t count, room, dropped_count, i
    cdef id_t* dropped
    cdef char text[ID_TEXT_MAX]
    cdef size_t claimed_at
    if not auto_options_or_reply(c, &claim, &start, &count) \
            or not group_or_reply(c, 1, True, &stream, &group, b"'"):
        return
    room = count if count < <int64_t>group.pending.count else <int64_t>group.pending.count
    dropped = <id_t*>heap_alloc_try(c.store.heap, <size_t>room * sizeof(id_t))
    if dropped is NULL:
        reply_error(c, ERR_STREAM_TRANSIENT)
        return
    consumer = claimant(c, group)
    reply_array(c, 2 if client_is_legacy(c) else 3)
    claimed_at = c.reply.size
    next = claim_some(c, stream, group, consumer, &claim, start, count, dropped, &dropped_count)
    reply_bulk_insert(c, claimed_at, slice_t(&text[0], id_format(text, next)))
    if not client_is_legacy(c):
        reply_array(c, dropped_count)
        for i in range(dropped_count):
            reply_id(c, dropped[i])
    heap_free(c.store.heap, dropped, <size_t>room * sizeof(id_t))
    if c.store.dirty != before and not c.feed_instead:
        feed_nothing(c)


cdef command_t TABLE[2]
TABLE[:] = [
    row(b"xautoclaim", xautoclaim_command, -6, CMD_WRITE | CMD_FAST, ACL_STREAM, GROUP_STREAM,
        keys_at(1, 1, 1, KEY_RW | KEY_DELETE), b"6.2.0", b"O(1) if COUNT is small.",
        b"XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]",
        b"Takes over pending entries that have been idle, wherever they are, by a cursor."),
    row(b"xclaim", xclaim_command, -6, CMD_WRITE | CMD_FAST, ACL_STREAM, GROUP_STREAM,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"5.0.0",
        b"O(log N) with N being the pending entries of the group.",
        b"XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms]"
        b" [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
        b"Takes over pending entries from whichever consumer has them."),
]
command_register(TABLE, 2)
