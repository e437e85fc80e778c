"""Publish and subscribe.

    srv.pubsub.tables[kind] -> channel -> places: (client, subscription) in a row
    c.pubsub                -> tables[kind] -> subscription -> its channel, its place there
    srv.pubsub.patterns     -> the pattern channels in a row: PUBLISH tries each

A message is encoded once, as RESP2 spells it; each subscriber gets a copy of those bytes, in RESP3
with another first byte. So a subscriber costs one copy and nothing else, and one write(2) for all
that is published in a turn of the loop.

Invariants
    P1  a channel is in its table exactly while it has a place; a pattern is in the row likewise
    P2  channel.places[s.at].subscription is s, for every subscription s
    P3  CLIENT_SUBSCRIBED is set exactly while c.pubsub is
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from ..core.buf cimport buf_append_bulk, buf_append_header, buf_free, buf_init, buf_t
from ..core.glob cimport glob_match
from ..core.heap cimport heap_alloc, heap_alloc_zero, heap_block_size, heap_free, heap_realloc
from ..core.intrinsics cimport kvd_assert, prefetch_read
from ..core.table cimport (
    SEGMENT_ITEMS_MAX, table_find, table_free, table_hash, table_init, table_insert,
    table_remove, table_scan, table_t, table_type_t,
)
from ..wire.acl cimport acl_channel, user_of
from ..wire.command cimport (
    CLIENT_EXECUTING, CLIENT_PUSHING, CLIENT_REPLY_OFF, CLIENT_REPLY_SKIP, CLIENT_SUBSCRIBED,
    CMD_CONTAINER, CMD_FAST, CMD_LOADING, CMD_MAY_REPLICATE, CMD_NOSCRIPT, CMD_PUBSUB, CMD_PYTHON,
    CMD_STALE, CMD_SUBSCRIBED, GROUP_PUBSUB, KEY_NOT, command_register, command_t, keys_at,
    keys_none, row, subrow,
)
from ..wire.errors cimport ERR_SSUBSCRIBE_IN_EXEC
from ..wire.reply cimport (
    reply_array, reply_array_close, reply_array_open, reply_bulk, reply_bulk_text,
    reply_error, reply_error_about, reply_int, reply_null, reply_push,
)
from .push cimport push_message
from .state cimport CHANNEL_KINDS, server_of

cdef enum:
    PLACES_FIRST = 4                    # subscribers that a new channel has room for
    MESSAGE_KEPT_MAX = 65536            # bytes: the buffer of a larger message is given back
    CLIENTS_AHEAD = 8

cdef struct channel_t:
    place_t* places                     # owned: count of them, in no order
    uint32_t count
    uint32_t count_max
    uint64_t hash
    size_t pattern_at                   # index in the row of patterns
    int kind
    size_t size
    char data[0]

cdef struct subscription_t:
    channel_t* channel
    uint32_t at                         # P2

cdef struct place_t:
    client_t* client
    subscription_t* subscription        # owned

cdef struct subscriber_t:               # c.pubsub
    table_t tables[CHANNEL_KINDS]       # of subscriptions


cdef slice_t channel_name(const void* item) noexcept nogil:
    cdef const channel_t* channel = <const channel_t*>item
    return slice_t(&channel.data[0], channel.size)


cdef slice_t subscription_name(const void* item) noexcept nogil:
    return channel_name((<const subscription_t*>item).channel)


cdef table_type_t CHANNEL_TYPE
CHANNEL_TYPE.key_of = channel_name
CHANNEL_TYPE.deadline_of = NULL

cdef table_type_t SUBSCRIPTION_TYPE
SUBSCRIPTION_TYPE.key_of = subscription_name
SUBSCRIPTION_TYPE.deadline_of = NULL


cdef void pubsub_init(server_t* srv) noexcept nogil:
    cdef int kind
    for kind in range(CHANNEL_KINDS):
        table_init(&srv.pubsub.tables[kind], &srv.heap, &CHANNEL_TYPE, srv.store.secret)
    buf_init(&srv.pubsub.message, &srv.heap)


cdef void pubsub_free(server_t* srv) noexcept nogil:
    cdef int kind
    for kind in range(CHANNEL_KINDS):
        kvd_assert(srv.pubsub.tables[kind].count == 0)
        table_free(&srv.pubsub.tables[kind])
    heap_free(&srv.heap, srv.pubsub.patterns, srv.pubsub.pattern_max * sizeof(void*))
    buf_free(&srv.pubsub.message)


# -- channels -------------------------------------------------------------------------------------

cdef void enter_patterns(server_t* srv, channel_t* channel) noexcept nogil:
    cdef size_t room = srv.pubsub.pattern_max
    if srv.pubsub.pattern_count == room:
        srv.pubsub.pattern_max = room * 2 if room else PLACES_FIRST
        srv.pubsub.patterns = <void**>heap_realloc(
            &srv.heap, srv.pubsub.patterns, room * sizeof(void*),
            srv.pubsub.pattern_max * sizeof(void*))
    channel.pattern_at = srv.pubsub.pattern_count
    srv.pubsub.patterns[channel.pattern_at] = channel
    srv.pubsub.pattern_count += 1


cdef void leave_patterns(server_t* srv, channel_t* channel) noexcept nogil:
    cdef channel_t* last
    srv.pubsub.pattern_count -= 1
    last = <channel_t*>srv.pubsub.patterns[srv.pubsub.pattern_count]
    srv.pubsub.patterns[channel.pattern_at] = last
    last.pattern_at = channel.pattern_at


cdef channel_t* channel_create(server_t* srv, int kind, uint64_t hash, slice_t name) noexcept nogil:
    cdef channel_t* channel = <channel_t*>heap_alloc_zero(&srv.heap,
                                                          sizeof(channel_t) + name.size)
    channel.hash = hash
    channel.kind = kind
    channel.size = name.size
    if name.size:
        memcpy(channel.data, name.data, name.size)
    table_insert(&srv.pubsub.tables[kind], hash, channel)
    if kind == CHANNEL_PATTERN:
        enter_patterns(srv, channel)
    return channel


cdef void channel_release(server_t* srv, channel_t* channel) noexcept nogil:
    cdef bint found = table_remove(&srv.pubsub.tables[channel.kind], channel.hash, channel)     # P1
    kvd_assert(found)
    if channel.kind == CHANNEL_PATTERN:
        leave_patterns(srv, channel)
    heap_free(&srv.heap, channel.places, channel.count_max * sizeof(place_t))
    heap_free(&srv.heap, channel, sizeof(channel_t) + channel.size)


cdef void channel_add(server_t* srv, channel_t* channel, client_t* c,
                      subscription_t* subscription) noexcept nogil:
    cdef uint32_t room = channel.count_max
    if channel.count == room:
        channel.count_max = room * 2 if room else PLACES_FIRST
        channel.places = <place_t*>heap_realloc(
            &srv.heap, channel.places, room * sizeof(place_t),
            channel.count_max * sizeof(place_t))
    subscription.channel = channel
    subscription.at = channel.count
    channel.places[channel.count] = place_t(c, subscription)
    channel.count += 1


cdef void channel_drop(server_t* srv, channel_t* channel, uint32_t at) noexcept nogil:
    """The last one takes the place that becomes free; a row much too long is cut."""
    channel.count -= 1
    if channel.count == 0:
        channel_release(srv, channel)
        return
    channel.places[at] = channel.places[channel.count]
    channel.places[at].subscription.at = at
    if channel.count < channel.count_max // 4 and channel.count_max > PLACES_FIRST:
        channel.places = <place_t*>heap_realloc(
            &srv.heap, channel.places, channel.count_max * sizeof(place_t),
            channel.count_max // 2 * sizeof(place_t))
        channel.count_max //= 2


# -- subscriptions --------------------------------------------------------------------------------

cdef inline subscriber_t* subscriber_of(const client_t* c) noexcept nogil:
    return <subscriber_t*>c.pubsub


cdef inline size_t subscription_cost(const channel_t* channel) noexcept nogil:
    """What a subscription costs the account of its client, about: its blocks and two entries."""
    return heap_block_size(sizeof(subscription_t)) + sizeof(place_t) + channel.size + 16


cdef void enter(client_t* c) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef int kind
    c.pubsub = heap_alloc(&srv.heap, sizeof(subscriber_t))
    for kind in range(CHANNEL_KINDS):
        table_init(&subscriber_of(c).tables[kind], &srv.heap, &SUBSCRIPTION_TYPE,
                   srv.store.secret)
    c.pubsub_memory = heap_block_size(sizeof(subscriber_t))
    c.flags |= CLIENT_SUBSCRIBED        # P3
    srv.pubsub.clients += 1


cdef void leave_if_done(client_t* c) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef int kind
    for kind in range(CHANNEL_KINDS):
        if subscriber_of(c).tables[kind].count:
            return
    for kind in range(CHANNEL_KINDS):
        table_free(&subscriber_of(c).tables[kind])
    heap_free(&srv.heap, c.pubsub, sizeof(subscriber_t))
    c.pubsub = NULL
    c.pubsub_memory = 0
    c.flags &= ~<uint32_t>CLIENT_SUBSCRIBED
    srv.pubsub.clients -= 1


cdef void subscribe(client_t* c, int kind, slice_t name) noexcept nogil:
    """Again, it stays as it is."""
    cdef server_t* srv = server_of(c)
    cdef table_t* own
    cdef table_t* all = &srv.pubsub.tables[kind]
    cdef uint64_t hash = table_hash(all, name)
    cdef channel_t* channel
    cdef subscription_t* subscription
    if c.pubsub is NULL:
        enter(c)
    own = &subscriber_of(c).tables[kind]
    if table_find(own, hash, name) is not NULL:
        return
    channel = <channel_t*>table_find(all, hash, name)
    if channel is NULL:
        channel = channel_create(srv, kind, hash, name)
    subscription = <subscription_t*>heap_alloc(&srv.heap, sizeof(subscription_t))
    channel_add(srv, channel, c, subscription)
    table_insert(own, hash, subscription)
    c.pubsub_memory += subscription_cost(channel)


cdef void end_subscription(client_t* c, int kind, subscription_t* subscription) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef channel_t* channel = subscription.channel
    cdef bint found = table_remove(&subscriber_of(c).tables[kind], channel.hash, subscription)
    kvd_assert(found)
    c.pubsub_memory -= subscription_cost(channel)
    channel_drop(srv, channel, subscription.at)
    heap_free(&srv.heap, subscription, sizeof(subscription_t))


cdef void pubsub_leave(client_t* c) noexcept nogil:
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef uint64_t cursor
    cdef size_t count, i
    cdef int kind
    if c.pubsub is NULL:
        return
    for kind in range(CHANNEL_KINDS):
        cursor = 0
        while True:
            count = table_scan(&subscriber_of(c).tables[kind], &cursor, items)
            for i in range(count):
                end_subscription(c, kind, <subscription_t*>items[i])
            if cursor == 0:
                break
    leave_if_done(c)


cdef bint pubsub_forbidden(const client_t* c) noexcept nogil:
    cdef subscriber_t* subscriber = <subscriber_t*>c.pubsub
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef uint64_t cursor
    cdef size_t count, i
    cdef int kind
    if subscriber is NULL:
        return False
    for kind in range(CHANNEL_KINDS):
        cursor = 0
        while True:
            count = table_scan(&subscriber.tables[kind], &cursor, items)
            for i in range(count):
                if not acl_channel(user_of(c), subscription_name(items[i]),
                                   kind == CHANNEL_PATTERN):
                    return True
            if cursor == 0:
                break
    return False


cdef int64_t pubsub_count(const client_t* c, int kind) noexcept nogil:
    return <int64_t>subscriber_of(c).tables[kind].count if c.pubsub is not NULL else 0


cdef uint64_t pubsub_channels(const server_t* srv, int kind) noexcept nogil:
    return srv.pubsub.tables[kind].count


# -- commands of subscribers ----------------------------------------------------------------------

cdef int64_t count_shown(const client_t* c, int kind) noexcept nogil:
    """Channels and patterns are counted together, shard channels by themselves."""
    if kind == CHANNEL_SHARD:
        return pubsub_count(c, kind)
    return pubsub_count(c, CHANNEL_PLAIN) + pubsub_count(c, CHANNEL_PATTERN)


cdef void reply_subscription(client_t* c, int kind, const char* verb, const slice_t* name,
                             int64_t count) noexcept nogil:
    """One push for each channel; CLIENT REPLY does not hold pushes back."""
    if c.flags & (CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP):
        c.flags |= CLIENT_PUSHING
    reply_push(c, 3)
    reply_bulk_text(c, verb)
    if name is NULL:
        reply_null(c)
    else:
        reply_bulk(c, name[0])
    reply_int(c, count)


cdef void subscribe_generic(client_t* c, int kind, const char* verb) noexcept nogil:
    cdef int i
    for i in range(1, c.argc):
        subscribe(c, kind, c.argv[i])
        reply_subscription(c, kind, verb, &c.argv[i], count_shown(c, kind))


cdef void unsubscribe_one(client_t* c, int kind, const char* verb, slice_t name) noexcept nogil:
    cdef table_t* own
    cdef subscription_t* subscription
    if c.pubsub is not NULL:
        own = &subscriber_of(c).tables[kind]
        subscription = <subscription_t*>table_find(own, table_hash(own, name), name)
        if subscription is not NULL:
            end_subscription(c, kind, subscription)
    reply_subscription(c, kind, verb, &name, count_shown(c, kind))


cdef void unsubscribe_all(client_t* c, int kind, const char* verb) noexcept nogil:
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef uint64_t cursor = 0
    cdef size_t count, i
    cdef slice_t name
    if pubsub_count(c, kind) == 0:
        reply_subscription(c, kind, verb, NULL, count_shown(c, kind))
        return
    while True:
        count = table_scan(&subscriber_of(c).tables[kind], &cursor, items)
        for i in range(count):          # each name is said before it goes, with the count after
            name = subscription_name(items[i])
            reply_subscription(c, kind, verb, &name, count_shown(c, kind) - 1)
            end_subscription(c, kind, <subscription_t*>items[i])
        if cursor == 0:
            return


cdef void unsubscribe_generic(client_t* c, int kind, const char* verb) noexcept nogil:
    cdef int i
    if c.argc == 1:
        unsubscribe_all(c, kind, verb)
    for i in range(1, c.argc):
        unsubscribe_one(c, kind, verb, c.argv[i])
    if c.pubsub is not NULL:
        leave_if_done(c)


cdef void subscribe_command(client_t* c) noexcept nogil:
    subscribe_generic(c, CHANNEL_PLAIN, b"subscribe")


cdef void psubscribe_command(client_t* c) noexcept nogil:
    subscribe_generic(c, CHANNEL_PATTERN, b"psubscribe")


cdef void ssubscribe_command(client_t* c) noexcept nogil:
    if c.flags & CLIENT_EXECUTING:
        reply_error(c, ERR_SSUBSCRIBE_IN_EXEC)  # the others may, for clients of old
        return
    subscribe_generic(c, CHANNEL_SHARD, b"ssubscribe")


cdef void unsubscribe_command(client_t* c) noexcept nogil:
    unsubscribe_generic(c, CHANNEL_PLAIN, b"unsubscribe")


cdef void punsubscribe_command(client_t* c) noexcept nogil:
    unsubscribe_generic(c, CHANNEL_PATTERN, b"punsubscribe")


cdef void sunsubscribe_command(client_t* c) noexcept nogil:
    unsubscribe_generic(c, CHANNEL_SHARD, b"sunsubscribe")


# -- publishing -----------------------------------------------------------------------------------

cdef buf_t* message_open(server_t* srv) noexcept nogil:
    if srv.pubsub.message.size_max > MESSAGE_KEPT_MAX:
        buf_free(&srv.pubsub.message)
    srv.pubsub.message.size = 0
    return &srv.pubsub.message


cdef void deliver(server_t* srv, const channel_t* channel) noexcept nogil:
    """What message_open's buffer holds, to each subscriber."""
    cdef slice_t message = slice_t(srv.pubsub.message.data, srv.pubsub.message.size)
    cdef uint32_t i
    for i in range(channel.count):
        if i + CLIENTS_AHEAD < channel.count:
            prefetch_read(&channel.places[i + CLIENTS_AHEAD].client.reply)
        push_message(srv, channel.places[i].client, message)


cdef int64_t publish_to(server_t* srv, int kind, const char* verb, slice_t name,
                        slice_t message) noexcept nogil:
    cdef table_t* table = &srv.pubsub.tables[kind]
    cdef const channel_t* channel
    cdef buf_t* buf
    if table.count == 0:
        return 0
    channel = <const channel_t*>table_find(table, table_hash(table, name), name)
    if channel is NULL:
        return 0
    buf = message_open(srv)
    buf_append_header(buf, c'*', 3)
    buf_append_bulk(buf, slice_t(verb, 8 if kind == CHANNEL_SHARD else 7))
    buf_append_bulk(buf, name)
    buf_append_bulk(buf, message)
    deliver(srv, channel)
    return channel.count


cdef int64_t publish_to_patterns(server_t* srv, slice_t name, slice_t message) noexcept nogil:
    cdef const channel_t* pattern
    cdef int64_t count = 0
    cdef buf_t* buf
    cdef size_t i
    for i in range(srv.pubsub.pattern_count):
        pattern = <const channel_t*>srv.pubsub.patterns[i]
        if not glob_match(&pattern.data[0], pattern.size, name.data, name.size, False):
            continue
        buf = message_open(srv)
        buf_append_header(buf, c'*', 4)
        buf_append_bulk(buf, slice_t(b"pmessage", 8))
        buf_append_bulk(buf, channel_name(pattern))
        buf_append_bulk(buf, name)
        buf_append_bulk(buf, message)
        deliver(srv, pattern)
        count += pattern.count
    return count


cdef int64_t pubsub_publish(server_t* srv, slice_t channel, slice_t message) noexcept nogil:
    cdef int64_t count = publish_to(srv, CHANNEL_PLAIN, b"message", channel, message)
    return count + publish_to_patterns(srv, channel, message)


cdef bint pubsub_wanted(const server_t* srv) noexcept nogil:
    return srv.pubsub.tables[<int>CHANNEL_PLAIN].count != 0 or srv.pubsub.pattern_count != 0


cdef void publish_command(client_t* c) noexcept nogil:
    reply_int(c, pubsub_publish(server_of(c), c.argv[1], c.argv[2]))


cdef void spublish_command(client_t* c) noexcept nogil:
    reply_int(c, publish_to(server_of(c), CHANNEL_SHARD, b"smessage", c.argv[1], c.argv[2]))


# -- PUBSUB ---------------------------------------------------------------------------------------

cdef void channels_generic(client_t* c, int kind) noexcept nogil:
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef const table_t* table = &server_of(c).pubsub.tables[kind]
    cdef uint64_t cursor = 0
    cdef int64_t found = 0
    cdef size_t count, i, mark
    cdef slice_t name
    if c.argc > 3:
        reply_error_about(c, b"ERR unknown subcommand or wrong number of arguments for '",
                          c.argv[1], b"'. Try PUBSUB HELP.")
        return
    mark = reply_array_open(c)
    while True:
        count = table_scan(table, &cursor, items)
        for i in range(count):
            name = channel_name(items[i])
            if c.argc == 2 or glob_match(c.argv[2].data, c.argv[2].size, name.data, name.size,
                                         False):
                reply_bulk(c, name)
                found += 1
        if cursor == 0:
            break
    reply_array_close(c, mark, found)


cdef void numsub_generic(client_t* c, int kind) noexcept nogil:
    cdef const table_t* table = &server_of(c).pubsub.tables[kind]
    cdef const channel_t* channel
    cdef int i
    reply_array(c, 2 * (c.argc - 2))
    for i in range(2, c.argc):
        channel = <const channel_t*>table_find(table, table_hash(table, c.argv[i]), c.argv[i])
        reply_bulk(c, c.argv[i])
        reply_int(c, channel.count if channel is not NULL else 0)


cdef void pubsub_channels_command(client_t* c) noexcept nogil:
    channels_generic(c, CHANNEL_PLAIN)


cdef void pubsub_shardchannels_command(client_t* c) noexcept nogil:
    channels_generic(c, CHANNEL_SHARD)


cdef void pubsub_numsub_command(client_t* c) noexcept nogil:
    numsub_generic(c, CHANNEL_PLAIN)


cdef void pubsub_shardnumsub_command(client_t* c) noexcept nogil:
    numsub_generic(c, CHANNEL_SHARD)


cdef void pubsub_numpat_command(client_t* c) noexcept nogil:
    reply_int(c, <int64_t>server_of(c).pubsub.pattern_count)


cdef enum:
    CMD_TELL = CMD_PUBSUB | CMD_LOADING | CMD_STALE
    CMD_LISTEN = CMD_TELL | CMD_NOSCRIPT | CMD_SUBSCRIBED
    ACL_NONE = 0

cdef command_t TABLE[15]
TABLE[:] = [
    row(b"publish", publish_command, 3, CMD_TELL | CMD_FAST | CMD_MAY_REPLICATE,
        ACL_NONE, GROUP_PUBSUB, keys_none(), b"2.0.0",
        b"O(N+M) where N is the number of subscribers of the channel and M that of patterns.",
        b"PUBLISH channel message",
        b"Sends a message to the subscribers of a channel, and counts them."),
    row(b"spublish", spublish_command, 3, CMD_TELL | CMD_FAST | CMD_MAY_REPLICATE,
        ACL_NONE, GROUP_PUBSUB, keys_at(1, 1, 1, KEY_NOT), b"7.0.0",
        b"O(N) where N is the number of subscribers of the channel.",
        b"SPUBLISH shardchannel message",
        b"Sends a message to the subscribers of a shard channel, and counts them."),
    row(b"subscribe", subscribe_command, -2, CMD_LISTEN,
        ACL_NONE, GROUP_PUBSUB, keys_none(), b"2.0.0",
        b"O(N) where N is the number of channels.",
        b"SUBSCRIBE channel [channel ...]",
        b"Lets this connection receive what is published to channels."),
    row(b"unsubscribe", unsubscribe_command, -1, CMD_LISTEN,
        ACL_NONE, GROUP_PUBSUB, keys_none(), b"2.0.0",
        b"O(N) where N is the number of channels.",
        b"UNSUBSCRIBE [channel [channel ...]]",
        b"Ends subscriptions to channels, or to all of them."),
    row(b"psubscribe", psubscribe_command, -2, CMD_LISTEN,
        ACL_NONE, GROUP_PUBSUB, keys_none(), b"2.0.0",
        b"O(N) where N is the number of patterns.",
        b"PSUBSCRIBE pattern [pattern ...]",
        b"Lets this connection receive what is published to channels that match patterns."),
    row(b"punsubscribe", punsubscribe_command, -1, CMD_LISTEN,
        ACL_NONE, GROUP_PUBSUB, keys_none(), b"2.0.0",
        b"O(N) where N is the number of patterns.",
        b"PUNSUBSCRIBE [pattern [pattern ...]]",
        b"Ends subscriptions to patterns, or to all of them."),
    row(b"ssubscribe", ssubscribe_command, -2, CMD_LISTEN,
        ACL_NONE, GROUP_PUBSUB, keys_at(1, -1, 1, KEY_NOT), b"7.0.0",
        b"O(N) where N is the number of shard channels.",
        b"SSUBSCRIBE shardchannel [shardchannel ...]",
        b"Lets this connection receive what is published to shard channels."),
    row(b"sunsubscribe", sunsubscribe_command, -1, CMD_LISTEN,
        ACL_NONE, GROUP_PUBSUB, keys_at(1, -1, 1, KEY_NOT), b"7.0.0",
        b"O(N) where N is the number of shard channels.",
        b"SUNSUBSCRIBE [shardchannel [shardchannel ...]]",
        b"Ends subscriptions to shard channels, or to all of them."),
    row(b"pubsub", NULL, -2, CMD_CONTAINER,
        ACL_NONE, GROUP_PUBSUB, keys_none(), b"2.8.0", b"Depends on subcommand.",
        b"PUBSUB",
        b"Tells which channels have subscribers."),
    subrow(b"pubsub", b"channels", pubsub_channels_command, -2, CMD_TELL,
           ACL_NONE, GROUP_PUBSUB, keys_none(), b"2.8.0",
           b"O(N) where N is the number of channels.",
           b"PUBSUB CHANNELS [pattern]",
           b"Lists the channels with subscribers, or those of them that match."),
    subrow(b"pubsub", b"numsub", pubsub_numsub_command, -2, CMD_TELL,
           ACL_NONE, GROUP_PUBSUB, keys_none(), b"2.8.0",
           b"O(N) where N is the number of channels named.",
           b"PUBSUB NUMSUB [channel [channel ...]]",
           b"Counts the subscribers of channels, those of patterns left out."),
    subrow(b"pubsub", b"numpat", pubsub_numpat_command, 2, CMD_TELL,
           ACL_NONE, GROUP_PUBSUB, keys_none(), b"2.8.0", b"O(1)",
           b"PUBSUB NUMPAT",
           b"Counts the patterns with subscribers."),
    subrow(b"pubsub", b"shardchannels", pubsub_shardchannels_command, -2, CMD_TELL,
           ACL_NONE, GROUP_PUBSUB, keys_none(), b"7.0.0",
           b"O(N) where N is the number of shard channels.",
           b"PUBSUB SHARDCHANNELS [pattern]",
           b"Lists the shard channels with subscribers, or those of them that match."),
    subrow(b"pubsub", b"shardnumsub", pubsub_shardnumsub_command, -2, CMD_TELL,
           ACL_NONE, GROUP_PUBSUB, keys_none(), b"7.0.0",
           b"O(N) where N is the number of shard channels named.",
           b"PUBSUB SHARDNUMSUB [shardchannel [shardchannel ...]]",
           b"Counts the subscribers of shard channels."),
    subrow(b"pubsub", b"help", NULL, 2, CMD_PYTHON | CMD_LOADING | CMD_STALE,
           ACL_NONE, GROUP_PUBSUB, keys_none(), b"6.2.0", b"O(1)",
           b"PUBSUB HELP",
           b"Lists the subcommands."),
]
command_register(TABLE, 15)
