"""Consumer groups: XGROUP and its subcommands, XACK, XPENDING.

A group's changes reach the journal as they were asked for, but for "$", which is no secret: it is
the stream's last ID, and the journal has brought the stream to the same one when it is read.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t, uint64_t

from ..core.idlist cimport (
    id_less, id_place_t, id_t, idlist_at, idlist_find, idlist_first, idlist_last, idlist_seek,
    idlist_step, idlist_t,
)
from ..core.number cimport parse_int64
from ..core.types cimport slice_t
from ..store.keyspace cimport EVENT_STREAM, keyspace_signal
from ..store.stream cimport ENTRIES_READ_UNKNOWN, consumer_t, group_t, pending_t, stream_t
from ..store.stream_group cimport (
    consumer_name, group_consumer, group_create_consumer, group_delete_consumer, group_forget,
    stream_create_group, stream_destroy_group, stream_group,
)
from ..wire.command cimport (
    ACL_STREAM, CMD_CONTAINER, CMD_DENYOOM, CMD_FAST, CMD_LOADING, CMD_PYTHON, CMD_READONLY,
    CMD_STALE, CMD_WRITE, GROUP_STREAM, KEY_ACCESS, KEY_DELETE, KEY_INSERT, KEY_RO, KEY_RW,
    KEY_UPDATE, client_t, command_register, command_t, keys_at, keys_none, row, subrow,
)
from ..wire.errors cimport (
    ERR_NOT_INTEGER, ERR_STREAM_BUSY_GROUP, ERR_STREAM_ENTRIESREAD, ERR_STREAM_GROUP_KEY,
    ERR_STREAM_NO_CONSUMER_GROUP,
)
from ..wire.reply cimport (
    reply_array, reply_array_close, reply_array_open, reply_bulk, reply_bulk_int, reply_error,
    reply_error_about, reply_error_syntax, reply_error_two, reply_int, reply_null,
    reply_null_array, reply_ok,
)
from .legacy cimport client_is_legacy
from .stream_args cimport (
    group_or_reply, id_or_reply, is_word, make_stream, note_change, range_or_reply, reply_id,
    write_stream_or_reply,
)

cdef struct group_options_t:
    bint make_stream                    # MKSTREAM
    int64_t entries_read


# -- XGROUP ---------------------------------------------------------------------------------------

cdef bint options_or_reply(client_t* c, bint creates, group_options_t* options) noexcept nogil:
    """[MKSTREAM] [ENTRIESREAD n] behind the ID."""
    cdef int i = 5
    options.make_stream = False
    options.entries_read = ENTRIES_READ_UNKNOWN
    while i < c.argc:
        if creates and is_word(c.argv[i], b"mkstream", 8):
            options.make_stream = True
            i += 1
            continue
        if not is_word(c.argv[i], b"entriesread", 11) or i + 1 == c.argc \
                or client_is_legacy(c):
            refuse_words(c)
            return False
        if not parse_int64(c.argv[i + 1].data, c.argv[i + 1].size, &options.entries_read):
            reply_error(c, ERR_NOT_INTEGER)
            return False
        if options.entries_read < 0 and options.entries_read != ENTRIES_READ_UNKNOWN:
            reply_error(c, ERR_STREAM_ENTRIESREAD)
            return False
        i += 2
    return True


cdef void refuse_words(client_t* c) noexcept nogil:
    cdef const char* reason = b"ERR unknown subcommand or wrong number of arguments for '"
    if client_is_legacy(c):
        reason = b"ERR Unknown subcommand or wrong number of arguments for '"
    reply_error_about(c, reason, c.argv[1], b"'. Try XGROUP HELP.")


cdef bint stream_or_reply(client_t* c, stream_t** stream) noexcept nogil:
    """The stream at argument 2, which must be there."""
    if not write_stream_or_reply(c, 2, stream):
        return False
    if stream[0] is NULL:
        reply_error(c, ERR_STREAM_GROUP_KEY)
        return False
    return True


cdef bint existing_or_reply(client_t* c, stream_t** stream, group_t** group) noexcept nogil:
    """The group that arguments 2 and 3 name."""
    if not stream_or_reply(c, stream):
        return False
    group[0] = stream_group(stream[0], c.argv[3])
    if group[0] is NULL:
        reply_error_two(c, ERR_STREAM_NO_CONSUMER_GROUP, c.argv[3], b"' for key name '",
                        c.argv[2], b"'")
        return False
    return True


cdef bint position_or_reply(client_t* c, const stream_t* stream, bint strict,
                            id_t* id) noexcept nogil:
    """Argument 4: an ID, or "$" for the last one of the stream."""
    if c.argv[4].size == 1 and c.argv[4].data[0] == c'$':
        id[0] = stream.last_id if stream is not NULL else id_t(0, 0)
        return True
    return id_or_reply(c, c.argv[4], 0, strict, id)


cdef void xgroup_create_command(client_t* c) noexcept nogil:
    cdef group_options_t options
    cdef stream_t* stream
    cdef id_t id
    if not options_or_reply(c, True, &options) or not write_stream_or_reply(c, 2, &stream):
        return
    if stream is NULL and not options.make_stream:
        reply_error(c, ERR_STREAM_GROUP_KEY)
        return
    if c.argc > 8:
        refuse_words(c)
        return
    if not position_or_reply(c, stream, True, &id):
        return
    if stream is not NULL and stream_group(stream, c.argv[3]) is not NULL:
        reply_error(c, ERR_STREAM_BUSY_GROUP)
        return
    if stream is NULL:
        stream = make_stream(c, 2)
        stream_create_group(c.store.heap, stream, c.argv[3], id, options.entries_read)
        keyspace_signal(c.ks, EVENT_STREAM, b"xgroup-create", c.argv[2])
    else:
        stream_create_group(c.store.heap, stream, c.argv[3], id, options.entries_read)
        note_change(c, b"xgroup-create", c.argv[2])
    reply_ok(c)


cdef void xgroup_setid_command(client_t* c) noexcept nogil:
    cdef group_options_t options
    cdef stream_t* stream
    cdef group_t* group
    cdef id_t id
    if not options_or_reply(c, False, &options) or not existing_or_reply(c, &stream, &group):
        return
    if c.argc > 7:
        refuse_words(c)
        return
    if not position_or_reply(c, stream, False, &id):
        return
    group.last_id = id
    group.entries_read = options.entries_read
    note_change(c, b"xgroup-setid", c.argv[2])
    reply_ok(c)


cdef void xgroup_destroy_command(client_t* c) noexcept nogil:
    cdef stream_t* stream
    cdef group_t* group
    if not stream_or_reply(c, &stream):
        return
    group = stream_group(stream, c.argv[3])
    if group is NULL:
        reply_int(c, 0)
        return
    stream_destroy_group(c.store.heap, stream, group)
    note_change(c, b"xgroup-destroy", c.argv[2])
    # Who waits for the group's next entry is told that there will be none.
    if c.store.awaited and c.store.hooks.on_awaited is not NULL:
        c.store.hooks.on_awaited(c.store.hooks.owner, c.ks, c.argv[2])
    reply_int(c, 1)


cdef void xgroup_createconsumer_command(client_t* c) noexcept nogil:
    cdef stream_t* stream
    cdef group_t* group
    if not existing_or_reply(c, &stream, &group):
        return
    if group_create_consumer(c.store.heap, group, c.argv[4], c.store.now_ms) is NULL:
        reply_int(c, 0)
        return
    note_change(c, b"xgroup-createconsumer", c.argv[2])
    reply_int(c, 1)


cdef void xgroup_delconsumer_command(client_t* c) noexcept nogil:
    cdef stream_t* stream
    cdef group_t* group
    cdef consumer_t* consumer
    if not existing_or_reply(c, &stream, &group):
        return
    consumer = group_consumer(group, c.argv[4])
    if consumer is NULL:
        reply_int(c, 0)
        return
    reply_int(c, <int64_t>consumer.pending.count)
    group_delete_consumer(c.store.heap, group, consumer)
    note_change(c, b"xgroup-delconsumer", c.argv[2])


# -- XACK -----------------------------------------------------------------------------------------

cdef void xack_command(client_t* c) noexcept nogil:
    cdef stream_t* stream
    cdef group_t* group = NULL
    cdef int64_t acknowledged = 0
    cdef id_t id
    cdef int i
    if not write_stream_or_reply(c, 1, &stream):
        return
    if stream is not NULL:
        group = stream_group(stream, c.argv[2])
    if group is NULL:
        reply_int(c, 0)
        return
    for i in range(3, c.argc):          # all or nothing
        if not id_or_reply(c, c.argv[i], 0, True, &id):
            return
    for i in range(3, c.argc):
        id_or_reply(c, c.argv[i], 0, True, &id)
        if group_forget(c.store.heap, group, id):
            acknowledged += 1
    c.store.dirty += <uint64_t>acknowledged
    reply_int(c, acknowledged)


# -- XPENDING -------------------------------------------------------------------------------------

cdef void reply_summary(client_t* c, const group_t* group) noexcept nogil:
    cdef int64_t busy = 0
    cdef uint32_t i
    cdef size_t mark
    reply_array(c, 4)
    reply_int(c, <int64_t>group.pending.count)
    if group.pending.count == 0:
        reply_null(c)
        reply_null(c)
        reply_null_array(c)
        return
    reply_id(c, (<pending_t*>idlist_at(&group.pending, idlist_first(&group.pending))).id)
    reply_id(c, (<pending_t*>idlist_last(&group.pending)).id)
    mark = reply_array_open(c)
    for i in range(group.consumer_count):
        if group.consumers[i].pending.count:
            reply_array(c, 2)
            reply_bulk(c, consumer_name(group.consumers[i]))
            reply_bulk_int(c, <int64_t>group.consumers[i].pending.count)
            busy += 1
    reply_array_close(c, mark, busy)


cdef void reply_pending(client_t* c, const pending_t* pending) noexcept nogil:
    cdef int64_t idle = c.store.now_ms - pending.delivered_ms
    reply_array(c, 4)
    reply_id(c, pending.id)
    reply_bulk(c, consumer_name(pending.consumer))
    reply_int(c, idle if idle > 0 else 0)
    reply_int(c, <int64_t>pending.deliveries)


cdef void reply_range(client_t* c, const group_t* group, const consumer_t* consumer, id_t start,
                      id_t end, int64_t count, int64_t idle_min) noexcept nogil:
    """Of one consumer, or, with NULL, of all."""
    cdef const idlist_t* ids = &group.pending if consumer is NULL else &consumer.pending
    cdef id_place_t place = idlist_seek(ids, start)
    cdef const id_t* id
    cdef const pending_t* pending
    cdef int64_t found = 0
    cdef size_t mark = reply_array_open(c)
    while found < count:
        id = <const id_t*>idlist_at(ids, place)
        if id is NULL or id_less(end, id[0]):
            break
        pending = <const pending_t*>id if consumer is NULL \
            else <const pending_t*>idlist_find(&group.pending, id[0])
        if not idle_min or c.store.now_ms - pending.delivered_ms >= idle_min:
            reply_pending(c, pending)
            found += 1
        idlist_step(ids, &place)
    reply_array_close(c, mark, found)


cdef bint number_or_reply(client_t* c, slice_t text, int64_t* number) noexcept nogil:
    if parse_int64(text.data, text.size, number):
        return True
    reply_error(c, ERR_NOT_INTEGER)
    return False


cdef void xpending_command(client_t* c) noexcept nogil:
    """XPENDING key group [[IDLE ms] start end count [consumer]]"""
    cdef stream_t* stream
    cdef group_t* group
    cdef consumer_t* consumer = NULL
    cdef id_t start, end
    cdef int64_t count = 0
    cdef int64_t idle_min = 0
    cdef int at = 3
    if c.argc != 3 and not 6 <= c.argc <= 9:
        reply_error_syntax(c)
        return
    if c.argc > 3:
        if is_word(c.argv[3], b"idle", 4):
            if not number_or_reply(c, c.argv[4], &idle_min):
                return
            if c.argc < 8:
                reply_error_syntax(c)
                return
            at = 5
        if (not number_or_reply(c, c.argv[at + 2], &count)
                or not range_or_reply(c, c.argv[at], c.argv[at + 1], &start, &end)):
            return
    if not group_or_reply(c, 1, False, &stream, &group, b"'"):
        return
    if c.argc == 3:
        reply_summary(c, group)
        return
    if at + 3 < c.argc:
        consumer = group_consumer(group, c.argv[at + 3])
        if consumer is NULL:
            reply_array(c, 0)
            return
    reply_range(c, group, consumer, start, end, count, idle_min)


cdef command_t TABLE[9]
TABLE[:] = [
    row(b"xack", xack_command, -4, CMD_WRITE | CMD_FAST, ACL_STREAM, GROUP_STREAM,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"5.0.0", b"O(1) for each ID.",
        b"XACK key group id [id ...]",
        b"Acknowledges entries: they are pending no more. Returns how many were."),
    row(b"xgroup", NULL, -2, CMD_CONTAINER, 0, GROUP_STREAM, keys_none(), b"5.0.0",
        b"Depends on subcommand.", b"XGROUP",
        b"Groups of consumers that share a stream."),
    subrow(b"xgroup", b"create", xgroup_create_command, -5, CMD_WRITE | CMD_DENYOOM, ACL_STREAM,
           GROUP_STREAM, keys_at(2, 2, 1, KEY_RW | KEY_INSERT), b"5.0.0", b"O(1)",
           b"XGROUP CREATE key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]",
           b"Creates a group that reads what is behind an ID."),
    subrow(b"xgroup", b"createconsumer", xgroup_createconsumer_command, 5,
           CMD_WRITE | CMD_DENYOOM, ACL_STREAM, GROUP_STREAM,
           keys_at(2, 2, 1, KEY_RW | KEY_INSERT), b"6.2.0", b"O(1)",
           b"XGROUP CREATECONSUMER key group consumer",
           b"Creates a consumer in a group."),
    subrow(b"xgroup", b"delconsumer", xgroup_delconsumer_command, 5, CMD_WRITE, ACL_STREAM,
           GROUP_STREAM, keys_at(2, 2, 1, KEY_RW | KEY_DELETE), b"5.0.0", b"O(1)",
           b"XGROUP DELCONSUMER key group consumer",
           b"Deletes a consumer with all that is pending for it, and returns how much that was."),
    subrow(b"xgroup", b"destroy", xgroup_destroy_command, 4, CMD_WRITE, ACL_STREAM, GROUP_STREAM,
           keys_at(2, 2, 1, KEY_RW | KEY_DELETE), b"5.0.0",
           b"O(N) where N is the number of pending entries of the group.",
           b"XGROUP DESTROY key group",
           b"Destroys a group."),
    subrow(b"xgroup", b"help", NULL, 2, CMD_LOADING | CMD_STALE | CMD_PYTHON, ACL_STREAM,
           GROUP_STREAM, keys_none(), b"5.0.0", b"O(1)",
           b"XGROUP HELP",
           b"Lists the subcommands."),
    subrow(b"xgroup", b"setid", xgroup_setid_command, -5, CMD_WRITE, ACL_STREAM, GROUP_STREAM,
           keys_at(2, 2, 1, KEY_RW | KEY_UPDATE), b"5.0.0", b"O(1)",
           b"XGROUP SETID key group <id | $> [ENTRIESREAD entries-read]",
           b"Sets the ID behind which a group reads on."),
    row(b"xpending", xpending_command, -3, CMD_READONLY, ACL_STREAM, GROUP_STREAM,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"5.0.0",
        b"O(N) with N being the entries returned, or looked at with IDLE.",
        b"XPENDING key group [[IDLE min-idle-time] start end count [consumer]]",
        b"Returns what was delivered to a group and not acknowledged."),
]
command_register(TABLE, 9)
