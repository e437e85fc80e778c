"""XINFO: what a stream, its groups and their consumers are."""
from libc.stdint cimport int64_t, uint32_t

from ..core.idlist cimport id_place_t, id_t, idlist_at, idlist_find, idlist_first, idlist_step
from ..core.number cimport parse_int64
from ..store.stream cimport ENTRIES_READ_UNKNOWN, consumer_t, group_t, id_max, pending_t, stream_t
from ..store.stream_cursor cimport cursor_next, cursor_open, cursor_t
from ..store.stream_group cimport consumer_name, group_lag, group_name, stream_group
from ..store.stream_value cimport stream_radix_nodes
from ..wire.command cimport (
    ACL_STREAM, CMD_CONTAINER, CMD_LOADING, CMD_PYTHON, CMD_READONLY, CMD_STALE, GROUP_STREAM,
    KEY_ACCESS, KEY_RO, client_t, command_register, command_t, keys_at, keys_none, row, subrow,
)
from ..wire.errors cimport ERR_NOT_INTEGER, ERR_NO_KEY, ERR_STREAM_NO_CONSUMER_GROUP
from ..wire.reply cimport (
    reply_array, reply_array_close, reply_array_open, reply_bulk, reply_bulk_text, reply_error,
    reply_error_about, reply_error_two, reply_int, reply_map, reply_null,
)
from .legacy cimport client_is_legacy
from .stream_args cimport is_word, read_stream_or_reply, reply_entry, reply_id

cdef enum:
    FULL_COUNT = 10                     # entries, and pending ones, where no count is given


cdef bint stream_or_reply(client_t* c, stream_t** stream) noexcept nogil:
    if not read_stream_or_reply(c, 2, stream):
        return False
    if stream[0] is NULL:
        reply_error(c, ERR_NO_KEY)
        return False
    return True


cdef void put_number(client_t* c, const char* name, int64_t value) noexcept nogil:
    reply_bulk_text(c, name)
    reply_int(c, value)


cdef void put_id(client_t* c, const char* name, id_t id) noexcept nogil:
    reply_bulk_text(c, name)
    reply_id(c, id)


cdef void put_progress(client_t* c, const stream_t* stream, const group_t* group) noexcept nogil:
    """What a group has read, and what is before it, where that can be told."""
    cdef int64_t lag
    if client_is_legacy(c):
        return
    reply_bulk_text(c, b"entries-read")
    if group.entries_read != ENTRIES_READ_UNKNOWN:
        reply_int(c, group.entries_read)
    else:
        reply_null(c)
    reply_bulk_text(c, b"lag")
    if group_lag(stream, group, &lag):
        reply_int(c, lag)
    else:
        reply_null(c)


cdef void put_edge(client_t* c, const char* name, const stream_t* stream,
                   bint last) noexcept nogil:
    cdef cursor_t cursor
    reply_bulk_text(c, name)
    cursor_open(&cursor, stream, id_t(0, 0), id_max(), last)
    if cursor_next(&cursor):
        reply_entry(c, &cursor)
    else:
        reply_null(c)


# -- XINFO STREAM ---------------------------------------------------------------------------------

cdef void put_entries(client_t* c, const stream_t* stream, int64_t count) noexcept nogil:
    cdef cursor_t cursor
    cdef int64_t found = 0
    cdef size_t mark
    reply_bulk_text(c, b"entries")
    mark = reply_array_open(c)
    cursor_open(&cursor, stream, id_t(0, 0), id_max(), False)
    while (count == 0 or found < count) and cursor_next(&cursor):
        reply_entry(c, &cursor)
        found += 1
    reply_array_close(c, mark, found)


cdef void put_pending(client_t* c, const group_t* group, const consumer_t* consumer,
                      int64_t count) noexcept nogil:
    """Of one consumer, which is not named then, or, with NULL, of all."""
    cdef id_place_t place
    cdef const id_t* id
    cdef const pending_t* pending
    cdef int64_t found = 0
    cdef size_t mark
    put_number(c, b"pel-count", <int64_t>(
        consumer.pending.count if consumer is not NULL else group.pending.count))
    reply_bulk_text(c, b"pending")
    mark = reply_array_open(c)
    place = idlist_first(&group.pending)
    while count == 0 or found < count:
        id = <const id_t*>idlist_at(
            &consumer.pending if consumer is not NULL else &group.pending, place)
        if id is NULL:
            break
        pending = <const pending_t*>idlist_find(&group.pending, id[0])
        reply_array(c, 4 if consumer is NULL else 3)
        reply_id(c, id[0])
        if consumer is NULL:
            reply_bulk(c, consumer_name(pending.consumer))
        reply_int(c, pending.delivered_ms)
        reply_int(c, <int64_t>pending.deliveries)
        found += 1
        idlist_step(&consumer.pending if consumer is not NULL else &group.pending, &place)
    reply_array_close(c, mark, found)


cdef void put_group(client_t* c, const stream_t* stream, const group_t* group,
                    int64_t count) noexcept nogil:
    cdef uint32_t i
    reply_map(c, 5 if client_is_legacy(c) else 7)
    reply_bulk_text(c, b"name")
    reply_bulk(c, group_name(group))
    put_id(c, b"last-delivered-id", group.last_id)
    put_progress(c, stream, group)
    put_pending(c, group, NULL, count)
    reply_bulk_text(c, b"consumers")
    reply_array(c, group.consumer_count)
    for i in range(group.consumer_count):
        reply_map(c, 4 if client_is_legacy(c) else 5)
        reply_bulk_text(c, b"name")
        reply_bulk(c, consumer_name(group.consumers[i]))
        put_number(c, b"seen-time", group.consumers[i].seen_ms)
        if not client_is_legacy(c):
            put_number(c, b"active-time", group.consumers[i].active_ms)
        put_pending(c, group, group.consumers[i], count)


cdef bint full_or_reply(client_t* c, bint* full, int64_t* count) noexcept nogil:
    """[FULL [COUNT count]] from argument 3 on; a count of 0 is all."""
    full[0] = c.argc > 3
    count[0] = FULL_COUNT
    if c.argc == 3:
        return True
    if (c.argc != 4 and c.argc != 6) or not is_word(c.argv[3], b"full", 4) \
            or (c.argc == 6 and not is_word(c.argv[4], b"count", 5)):
        reply_error_about(c, b"ERR unknown subcommand or wrong number of arguments for '",
                          c.argv[1], b"'. Try XINFO HELP.")
        return False
    if c.argc == 6:
        if not parse_int64(c.argv[5].data, c.argv[5].size, count):
            reply_error(c, ERR_NOT_INTEGER)
            return False
        if count[0] < 0:
            count[0] = FULL_COUNT
    return True


cdef void xinfo_stream_command(client_t* c) noexcept nogil:
    cdef stream_t* stream
    cdef int64_t count
    cdef bint full
    cdef uint32_t i
    if not stream_or_reply(c, &stream) or not full_or_reply(c, &full, &count):
        return
    reply_map(c, (9 if full else 10) - (3 if client_is_legacy(c) else 0))
    put_number(c, b"length", <int64_t>stream.length)
    put_number(c, b"radix-tree-keys", <int64_t>stream.nodes.count)
    put_number(c, b"radix-tree-nodes", <int64_t>stream_radix_nodes(stream))
    put_id(c, b"last-generated-id", stream.last_id)
    if not client_is_legacy(c):
        put_id(c, b"max-deleted-entry-id", stream.max_deleted)
        put_number(c, b"entries-added", <int64_t>stream.entries_added)
        put_id(c, b"recorded-first-entry-id", stream.first_id)
    if not full:
        put_number(c, b"groups", stream.group_count)
        put_edge(c, b"first-entry", stream, False)
        put_edge(c, b"last-entry", stream, True)
        return
    put_entries(c, stream, count)
    reply_bulk_text(c, b"groups")
    reply_array(c, stream.group_count)
    for i in range(stream.group_count):
        put_group(c, stream, stream.groups[i], count)


# -- XINFO GROUPS and CONSUMERS -------------------------------------------------------------------

cdef void xinfo_groups_command(client_t* c) noexcept nogil:
    cdef stream_t* stream
    cdef const group_t* group
    cdef uint32_t i
    if not stream_or_reply(c, &stream):
        return
    reply_array(c, stream.group_count)
    for i in range(stream.group_count):
        group = stream.groups[i]
        reply_map(c, 4 if client_is_legacy(c) else 6)
        reply_bulk_text(c, b"name")
        reply_bulk(c, group_name(group))
        put_number(c, b"consumers", group.consumer_count)
        put_number(c, b"pending", <int64_t>group.pending.count)
        put_id(c, b"last-delivered-id", group.last_id)
        put_progress(c, stream, group)


cdef void xinfo_consumers_command(client_t* c) noexcept nogil:
    cdef stream_t* stream
    cdef const group_t* group
    cdef const consumer_t* consumer
    cdef int64_t idle, inactive
    cdef uint32_t i
    if not stream_or_reply(c, &stream):
        return
    group = stream_group(stream, c.argv[3])
    if group is NULL:
        reply_error_two(c, ERR_STREAM_NO_CONSUMER_GROUP, c.argv[3], b"' for key name '",
                        c.argv[2], b"'")
        return
    reply_array(c, group.consumer_count)
    for i in range(group.consumer_count):
        consumer = group.consumers[i]
        idle = c.store.now_ms - consumer.seen_ms
        inactive = c.store.now_ms - consumer.active_ms
        reply_map(c, 3 if client_is_legacy(c) else 4)
        reply_bulk_text(c, b"name")
        reply_bulk(c, consumer_name(consumer))
        put_number(c, b"pending", <int64_t>consumer.pending.count)
        put_number(c, b"idle", idle if idle > 0 else 0)
        if not client_is_legacy(c):
            put_number(c, b"inactive", -1 if consumer.active_ms < 0
                       else inactive if inactive > 0 else 0)


cdef command_t TABLE[5]
TABLE[:] = [
    row(b"xinfo", NULL, -2, CMD_CONTAINER, 0, GROUP_STREAM, keys_none(), b"5.0.0",
        b"Depends on subcommand.", b"XINFO",
        b"What streams, their groups and consumers are."),
    subrow(b"xinfo", b"consumers", xinfo_consumers_command, 4, CMD_READONLY, ACL_STREAM,
           GROUP_STREAM, keys_at(2, 2, 1, KEY_RO | KEY_ACCESS), b"5.0.0", b"O(1)",
           b"XINFO CONSUMERS key group",
           b"Returns the consumers of a group."),
    subrow(b"xinfo", b"groups", xinfo_groups_command, 3, CMD_READONLY, ACL_STREAM, GROUP_STREAM,
           keys_at(2, 2, 1, KEY_RO | KEY_ACCESS), b"5.0.0", b"O(1)",
           b"XINFO GROUPS key",
           b"Returns the groups of a stream."),
    subrow(b"xinfo", b"help", NULL, 2, CMD_LOADING | CMD_STALE | CMD_PYTHON, ACL_STREAM,
           GROUP_STREAM, keys_none(), b"5.0.0", b"O(1)",
           b"XINFO HELP",
           b"Lists the subcommands."),
    subrow(b"xinfo", b"stream", xinfo_stream_command, -3, CMD_READONLY, ACL_STREAM, GROUP_STREAM,
           keys_at(2, 2, 1, KEY_RO | KEY_ACCESS), b"5.0.0", b"O(1); with FULL, O(N).",
           b"XINFO STREAM key [FULL [COUNT count]]",
           b"Returns what a stream is; in full with its entries and groups."),
]
command_register(TABLE, 5)
