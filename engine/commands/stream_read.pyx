"""XREAD and XREADGROUP: what came to streams behind an ID, or what no consumer of a group has seen.

    XREADGROUP GROUP g c STREAMS k >   ->  journal: XCLAIM k g c 0 <id> TIME .. FORCE ..  an entry
                                                    XGROUP SETID k g <last> ENTRIESREAD n

Reading for a group is a change: the entries become pending. The journal hears what became of it,
since a later reading of the same words would find other entries.

A reader who finds nothing and may wait is set aside (commands/blocked) and the command runs again
when one of its keys changes. "$" is resolved before that: it means the end as it was then.

Groups and their streams are looked up again after the checks: the first pass only answers errors,
so that nothing has changed when it does.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t

from ..core.heap cimport heap_alloc, heap_free
from ..core.idlist cimport (
    id_equal, id_less, id_place_t, id_t, idlist_at, idlist_find, idlist_seek, idlist_step,
)
from ..core.number cimport parse_int64
from ..core.types cimport slice_t
from ..store.entry cimport TYPE_STREAM
from ..store.stream cimport (
    ENTRIES_READ_UNKNOWN, consumer_t, group_t, id_max, id_next, id_previous, pending_t,
    stream_distance, stream_has_tombstones, stream_t,
)
from ..store.stream_cursor cimport (
    cursor_hint, cursor_next, cursor_open, cursor_open_behind, cursor_t, stream_last_entry,
)
from ..store.stream_group cimport (
    group_consumer, group_create_consumer, group_deliver, stream_group,
)
from ..wire.command cimport (
    ACL_STREAM, CMD_BLOCKING, CMD_READONLY, CMD_WRITE, GROUP_STREAM, KEY_ACCESS, KEY_RO,
    client_t, command_register, command_t, keys_after, row,
)
from ..wire.errors cimport (
    ERR_NOT_INTEGER, ERR_STREAM_DOLLAR, ERR_STREAM_GROUP_MISSING, ERR_STREAM_NEW,
    ERR_STREAM_NO_GROUP, ERR_STREAM_PLUS, ERR_STREAM_READ_GROUP, ERR_STREAM_READ_NOACK,
    ERR_STREAM_UNBALANCED, ERR_STREAM_UNBALANCED_GROUP,
)
from ..wire.reply cimport (
    feed_nothing, reply_array, reply_array_close, reply_array_open, reply_bulk, reply_error,
    reply_error_about, reply_error_syntax, reply_error_two, reply_map_close, reply_null_array,
)
from .blocked cimport block_denied, block_ms_or_reply, block_on_keys
from .legacy cimport client_is_legacy
from .stream_args cimport (
    ID_TEXT_MAX, feed_claim, feed_consumer, feed_group_id, id_format, id_or_reply, is_word,
    note_change, read_stream_or_reply, reply_entry, reply_id, write_stream_or_reply,
)

cdef struct read_t:                     # the options
    int64_t count                       # entries of each stream; 0: all
    int64_t timeout_us                  # -1: does not wait
    bint noack
    int group_at                        # argument that names the group; 0: none
    int first                           # the first key's argument
    int streams                         # keys, and IDs behind them


# -- options --------------------------------------------------------------------------------------

cdef bint count_or_reply(client_t* c, slice_t text, int64_t* count) noexcept nogil:
    if not parse_int64(text.data, text.size, count):
        reply_error(c, ERR_NOT_INTEGER)
        return False
    if count[0] < 0:
        count[0] = 0
    return True


cdef bint streams_or_reply(client_t* c, read_t* read, int at, bint grouped) noexcept nogil:
    read.first = at
    read.streams = c.argc - at
    if read.streams & 1:
        reply_error_about(c, b"ERR Unbalanced '", slice_t(c.cmd.name, c.cmd.name_size),
                          ERR_STREAM_UNBALANCED_GROUP if grouped else ERR_STREAM_UNBALANCED)
        return False
    read.streams //= 2
    return True


cdef bint options_or_reply(client_t* c, read_t* read, bint grouped) noexcept nogil:
    cdef int i = 1
    cdef int more
    read[0] = read_t(0, -1, False, 0, 0, 0)
    while i < c.argc:
        more = c.argc - i - 1
        if is_word(c.argv[i], b"block", 5) and more:
            i += 1
            if not block_ms_or_reply(c, c.argv[i], &read.timeout_us):
                return False
        elif is_word(c.argv[i], b"count", 5) and more:
            i += 1
            if not count_or_reply(c, c.argv[i], &read.count):
                return False
        elif is_word(c.argv[i], b"streams", 7) and more:
            if not streams_or_reply(c, read, i + 1, grouped):
                return False
            break
        elif is_word(c.argv[i], b"group", 5) and more >= 2:
            if not grouped:
                reply_error(c, ERR_STREAM_READ_GROUP)
                return False
            read.group_at = i + 1
            i += 2
        elif is_word(c.argv[i], b"noack", 5):
            if not grouped:
                reply_error(c, ERR_STREAM_READ_NOACK)
                return False
            read.noack = True
        else:
            reply_error_syntax(c)
            return False
        i += 1
    if not read.first:
        reply_error_syntax(c)
        return False
    if grouped and not read.group_at:
        reply_error(c, ERR_STREAM_GROUP_MISSING)
        return False
    return True


cdef inline bint is_sign(slice_t arg, char sign) noexcept nogil:
    return arg.size == 1 and arg.data[0] == sign


# -- one stream -----------------------------------------------------------------------------------

cdef inline void open_stream(client_t* c, slice_t key) noexcept nogil:
    """The pair of a key and its entries; of a map in RESP3, where the map counts pairs."""
    if c.resp == 2:
        reply_array(c, 2)
    reply_bulk(c, key)


cdef void note_read(stream_t* stream, group_t* group, id_t id) noexcept nogil:
    """The group has come to this entry."""
    if group.entries_read != ENTRIES_READ_UNKNOWN \
            and not id_less(group.last_id, stream.first_id) \
            and not stream_has_tombstones(stream, group.last_id):
        group.entries_read += 1
    elif stream.entries_added:
        group.entries_read = stream_distance(stream, id)
    group.last_id = id


cdef void reply_new(client_t* c, const read_t* read, slice_t key, stream_t* stream,
                    group_t* group, consumer_t* consumer) noexcept nogil:
    """Deliver what is behind the group's last ID."""
    cdef cursor_t cursor
    cdef pending_t* pending
    cdef int64_t found = 0
    cdef size_t mark = reply_array_open(c)
    cdef bint fresh
    cursor_open_behind(&cursor, stream, group.last_id, &group.hint)
    while (read.count == 0 or found < read.count) and cursor_next(&cursor):
        note_read(stream, group, cursor.id)
        reply_entry(c, &cursor)
        cursor_hint(&cursor, &group.hint)
        if not read.noack:
            pending = group_deliver(c.store.heap, group, consumer, cursor.id, c.store.now_ms,
                                    &fresh)
            consumer.active_ms = c.store.now_ms
            feed_claim(c, key, group, cursor.id, pending)
        found += 1
    if found:
        feed_group_id(c, key, group)
    reply_array_close(c, mark, found)


cdef void reply_history(client_t* c, const read_t* read, const stream_t* stream, group_t* group,
                        consumer_t* consumer, id_t after) noexcept nogil:
    """What is pending for the consumer; an entry that has been deleted comes without fields."""
    cdef cursor_t cursor
    cdef pending_t* pending
    cdef id_place_t place
    cdef id_t* id
    cdef int64_t found = 0
    cdef size_t mark = reply_array_open(c)
    id_next(&after)                     # behind the last of all: from the first on
    place = idlist_seek(&consumer.pending, after)
    while read.count == 0 or found < read.count:
        id = <id_t*>idlist_at(&consumer.pending, place)
        if id is NULL:
            break
        cursor_open(&cursor, stream, id[0], id[0], False)
        if cursor_next(&cursor):
            reply_entry(c, &cursor)
            pending = <pending_t*>idlist_find(&group.pending, id[0])
            pending.delivered_ms = c.store.now_ms
            pending.deliveries += 1
        else:
            reply_array(c, 2)
            reply_id(c, id[0])
            reply_null_array(c)
        found += 1
        idlist_step(&consumer.pending, &place)
    reply_array_close(c, mark, found)


cdef bint serve_group(client_t* c, const read_t* read, int i) noexcept nogil:
    """The reply for one key; False when there is nothing new. The key and group are there."""
    cdef slice_t key = c.argv[read.first + i]
    cdef slice_t text = c.argv[read.first + read.streams + i]
    cdef slice_t name = c.argv[read.group_at + 1]
    cdef stream_t* stream
    cdef group_t* group
    cdef consumer_t* consumer
    cdef id_t id = id_max()
    cdef bint serves = True
    write_stream_or_reply(c, read.first + i, &stream)
    group = stream_group(stream, c.argv[read.group_at])
    if not is_sign(text, c'>'):
        id_or_reply(c, text, 0, True, &id)
    if id_equal(id, id_max()):          # that ID means the same as ">"
        serves = stream.length and id_less(group.last_id, stream_last_entry(stream))
    consumer = group_consumer(group, name)
    if consumer is NULL:
        consumer = group_create_consumer(c.store.heap, group, name, c.store.now_ms)
        note_change(c, b"xgroup-createconsumer", key)
        if read.noack:
            feed_consumer(c, key, group, consumer)
    consumer.seen_ms = c.store.now_ms
    if not serves:
        return False
    open_stream(c, key)
    note_change(c, NULL, key)
    if id_equal(id, id_max()):
        reply_new(c, read, key, stream, group, consumer)
    else:
        reply_history(c, read, stream, group, consumer, id)
    return True


cdef bint serve_plain(client_t* c, const read_t* read, int i) noexcept nogil:
    cdef slice_t text = c.argv[read.first + read.streams + i]
    cdef stream_t* stream
    cdef cursor_t cursor
    cdef id_t after
    cdef int64_t found = 0
    cdef size_t mark
    read_stream_or_reply(c, read.first + i, &stream)
    if stream is NULL or stream.length == 0 or is_sign(text, c'$'):
        return False
    if is_sign(text, c'+'):             # the last entry, whichever it is
        after = stream_last_entry(stream)
        id_previous(&after)
    else:
        id_or_reply(c, text, 0, True, &after)
    cursor_open_behind(&cursor, stream, after, &stream.hint)
    if not cursor_next(&cursor):
        return False
    open_stream(c, c.argv[read.first + i])
    mark = reply_array_open(c)
    while True:
        reply_entry(c, &cursor)
        cursor_hint(&cursor, &stream.hint)
        found += 1
        if found == read.count or not cursor_next(&cursor):
            break
    reply_array_close(c, mark, found)
    return True


# -- all of them ----------------------------------------------------------------------------------

cdef bint check_or_reply(client_t* c, const read_t* read, int i) noexcept nogil:
    """Type, group and ID of one key."""
    cdef slice_t text = c.argv[read.first + read.streams + i]
    cdef bint grouped = read.group_at != 0
    cdef stream_t* stream
    cdef id_t id
    if not read_stream_or_reply(c, read.first + i, &stream):
        return False
    if grouped and (stream is NULL or stream_group(stream, c.argv[read.group_at]) is NULL):
        reply_error_two(c, ERR_STREAM_NO_GROUP, c.argv[read.first + i], b"' or consumer group '",
                        c.argv[read.group_at], b"' in XREADGROUP with GROUP option")
        return False
    if is_sign(text, c'$') and grouped:
        reply_error(c, ERR_STREAM_DOLLAR)
        return False
    if is_sign(text, c'+') and grouped:
        reply_error(c, ERR_STREAM_PLUS)
        return False
    if is_sign(text, c'>'):
        if not grouped:
            reply_error(c, ERR_STREAM_NEW)
        return grouped
    if is_sign(text, c'$') or (is_sign(text, c'+') and not client_is_legacy(c)):
        return True
    return id_or_reply(c, text, 0, True, &id)


cdef void wait(client_t* c, const read_t* read) noexcept nogil:
    """Set the client aside, with the end of each stream in place of "$"."""
    cdef slice_t* argv = c.argv
    cdef size_t size = <size_t>c.argc * sizeof(slice_t) + <size_t>read.streams * ID_TEXT_MAX
    cdef slice_t* words
    cdef char* text
    cdef stream_t* stream
    cdef int i, at
    if block_denied(c):
        reply_null_array(c)
        return
    words = <slice_t*>heap_alloc(c.store.heap, size)
    text = <char*>&words[c.argc]
    for i in range(c.argc):
        words[i] = argv[i]
    for i in range(read.streams):
        at = read.first + read.streams + i
        if is_sign(argv[at], c'$'):
            read_stream_or_reply(c, read.first + i, &stream)
            words[at] = slice_t(text, id_format(
                text, stream.last_id if stream is not NULL else id_t(0, 0)))
            text += ID_TEXT_MAX
    c.argv = words
    block_on_keys(c, read.first, read.streams, TYPE_STREAM, read.group_at != 0, read.timeout_us,
                  reply_null_array)
    c.argv = argv
    heap_free(c.store.heap, words, size)


cdef void read_generic(client_t* c, bint grouped) noexcept nogil:
    cdef read_t read
    cdef uint64_t dirty = c.store.dirty
    cdef int64_t found = 0
    cdef size_t mark, before
    cdef int i
    if not options_or_reply(c, &read, grouped):
        return
    for i in range(read.streams):
        if not check_or_reply(c, &read, i):
            return
    before = c.reply.size
    mark = reply_array_open(c)
    for i in range(read.streams):
        if serve_group(c, &read, i) if grouped else serve_plain(c, &read, i):
            found += 1
    if grouped and c.store.dirty != dirty and not c.feed_instead:
        feed_nothing(c)
    if found:
        if c.resp == 2:
            reply_array_close(c, mark, found)
        else:
            reply_map_close(c, mark, found)
        return
    c.reply.size = before
    if read.timeout_us >= 0:
        wait(c, &read)
    else:
        reply_null_array(c)


cdef void xread_command(client_t* c) noexcept nogil:
    read_generic(c, False)


cdef void xreadgroup_command(client_t* c) noexcept nogil:
    read_generic(c, True)


cdef command_t TABLE[2]
TABLE[:] = [
    row(b"xread", xread_command, -4, CMD_READONLY | CMD_BLOCKING, ACL_STREAM, GROUP_STREAM,
        keys_after(b"STREAMS", 1, KEY_RO | KEY_ACCESS), b"5.0.0",
        b"For each stream O(N) with N being the entries returned.",
        b"XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]",
        b"Returns the entries of streams behind the given IDs, and waits for some where asked to."),
    row(b"xreadgroup", xreadgroup_command, -7, CMD_WRITE | CMD_BLOCKING, ACL_STREAM, GROUP_STREAM,
        keys_after(b"STREAMS", 4, KEY_RO | KEY_ACCESS), b"5.0.0",
        b"For each stream O(M) with M being the entries returned.",
        b"XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK]"
        b" STREAMS key [key ...] id [id ...]",
        b"Returns entries that no consumer of a group has had, or those that a consumer has not"
        b" acknowledged; waits for new ones where asked to."),
]
command_register(TABLE, 2)
