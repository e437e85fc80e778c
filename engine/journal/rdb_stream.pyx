"""Streams in RDB files.

    stream:     count, of each node: ID (16 bytes), listpack | length | last ID
                [2: first ID | highest deleted ID | entries added] | count, groups
    group:      name | last ID | [2: entries read] | count, of each pending entry: ID (16 bytes),
                time (8 bytes), deliveries | count, consumers
    consumer:   name | seen (8 bytes) | [3: active (8 bytes)] | count, IDs (16 bytes each)

An ID of 16 bytes is in network order, one that is two lengths is not. A pending entry stands twice:
with its group, and by its ID alone with the consumer that has it. One that stands only once, or
with two consumers, makes the whole stream unreadable, and so does anything else that would break an
invariant of store/stream: nothing is repaired.
"""
from libc.stdint cimport SIZE_MAX, int64_t, uint64_t

from ..core.buf cimport buf_append
from ..core.idlist cimport (
    id_less, id_place_t, id_t, idlist_at, idlist_find, idlist_first, idlist_insert, idlist_step,
)
from ..core.intrinsics cimport byte_swap64, load64
from ..core.listpack cimport listpack_read, listpack_release, listpack_size
from ..core.types cimport slice_t
from ..store.entry cimport ENC_STREAM, entry_body
from ..store.stream cimport (
    ENTRIES_READ_UNKNOWN, consumer_t, group_t, pending_t, stream_create, stream_distance,
    stream_find_first, stream_node_t, stream_set_last_id, stream_t, stream_take_node,
)
from ..store.stream_check cimport stream_node_valid
from ..store.stream_cursor cimport stream_last_entry
from ..store.stream_group cimport (
    consumer_name, group_create_consumer, group_name, stream_create_group,
)
from ..store.stream_value cimport stream_release
from .rdb_format cimport (
    rdb_broken, rdb_put_length, rdb_put_millis, rdb_put_string, rdb_read_millis, rdb_read_number,
    rdb_read_string, rdb_take,
)


# -- reading --------------------------------------------------------------------------------------

cdef inline id_t id_of_bytes(const char* at) noexcept nogil:
    return id_t(byte_swap64(load64(at)), byte_swap64(load64(at + 8)))


cdef bint read_raw_id(rdb_t* rdb, id_t* id) noexcept nogil:
    cdef const char* here = rdb_take(rdb, 16)
    if here is NULL:
        return False
    id[0] = id_of_bytes(here)
    return True


cdef bint read_id(rdb_t* rdb, id_t* id) noexcept nogil:
    return rdb_read_number(rdb, &id.ms) and rdb_read_number(rdb, &id.seq)


cdef bint read_node(rdb_t* rdb, stream_t* stream) noexcept nogil:
    cdef slice_t text
    cdef uint8_t* pack
    cdef uint64_t live
    cdef id_t id
    cdef size_t start = rdb.at
    if not rdb_read_string(rdb, &rdb.value, &text):
        return False
    if text.size != 16:
        return rdb_broken(rdb, start, b"a node of a stream has an ID of a wrong size")
    id = id_of_bytes(text.data)
    if not rdb_read_string(rdb, &rdb.value, &text):
        return False
    pack = listpack_read(rdb.store.heap, <const uint8_t*>text.data, text.size, NULL)
    if pack is NULL:
        return rdb_broken(rdb, start, b"a listpack of a stream is not valid")
    if not stream_node_valid(pack, id, &live) \
            or not stream_take_node(rdb.store.heap, stream, id, pack):
        listpack_release(rdb.store.heap, pack)
        return rdb_broken(rdb, start, b"a node of a stream is not valid")
    stream.length += live
    return True


cdef bint read_nodes(rdb_t* rdb, stream_t* stream, uint8_t type) noexcept nogil:
    cdef uint64_t nodes, length
    cdef id_t last, first
    cdef size_t start
    if not rdb_read_number(rdb, &nodes):
        return False
    while nodes:
        if not read_node(rdb, stream):
            return False
        nodes -= 1
    start = rdb.at
    if not rdb_read_number(rdb, &length) or not read_id(rdb, &last):
        return False
    if length != stream.length or id_less(last, stream_last_entry(stream)):
        return rdb_broken(rdb, start, b"a stream's length or last ID is not that of its nodes")
    stream_set_last_id(rdb.store.heap, stream, last)
    stream_find_first(stream)
    stream.entries_added = length
    return type == RDB_STREAM or (
        read_id(rdb, &first) and read_id(rdb, &stream.max_deleted)
        and rdb_read_number(rdb, &stream.entries_added))


cdef bint read_pending(rdb_t* rdb, group_t* group) noexcept nogil:
    cdef pending_t* pending
    cdef uint64_t count
    cdef id_t id
    cdef bint found
    cdef size_t start
    if not rdb_read_number(rdb, &count):
        return False
    while count:
        start = rdb.at
        if not read_raw_id(rdb, &id):
            return False
        pending = <pending_t*>idlist_insert(rdb.store.heap, &group.pending, id, &found)
        if found:
            return rdb_broken(rdb, start, b"an entry is pending twice in a group")
        pending.consumer = NULL
        if not rdb_read_millis(rdb, &pending.delivered_ms) \
                or not rdb_read_number(rdb, &pending.deliveries):
            return False
        count -= 1
    return True


cdef bint read_consumer(rdb_t* rdb, group_t* group, uint8_t type) noexcept nogil:
    cdef slice_t name
    cdef consumer_t* consumer
    cdef pending_t* pending
    cdef uint64_t count
    cdef id_t id
    cdef bint found
    cdef size_t start = rdb.at
    if not rdb_read_string(rdb, &rdb.value, &name):
        return False
    consumer = group_create_consumer(rdb.store.heap, group, name, 0)
    if consumer is NULL:
        return rdb_broken(rdb, start, b"a consumer is there twice")
    if not rdb_read_millis(rdb, &consumer.seen_ms):
        return False
    consumer.active_ms = consumer.seen_ms
    if type == RDB_STREAM_3 and not rdb_read_millis(rdb, &consumer.active_ms):
        return False
    if not rdb_read_number(rdb, &count):
        return False
    while count:
        start = rdb.at
        if not read_raw_id(rdb, &id):
            return False
        pending = <pending_t*>idlist_find(&group.pending, id)
        if pending is NULL or pending.consumer is not NULL:
            return rdb_broken(rdb, start, b"an entry is pending for a consumer, and not for it")
        pending.consumer = consumer
        idlist_insert(rdb.store.heap, &consumer.pending, id, &found)
        count -= 1
    return True


cdef bint all_taken(const group_t* group) noexcept nogil:
    cdef id_place_t place = idlist_first(&group.pending)
    cdef const pending_t* pending = <const pending_t*>idlist_at(&group.pending, place)
    while pending is not NULL:
        if pending.consumer is NULL:
            return False
        idlist_step(&group.pending, &place)
        pending = <const pending_t*>idlist_at(&group.pending, place)
    return True


cdef bint read_group(rdb_t* rdb, stream_t* stream, uint8_t type) noexcept nogil:
    cdef slice_t name
    cdef group_t* group
    cdef uint64_t consumers, read
    cdef id_t last
    cdef size_t start = rdb.at
    if not rdb_read_string(rdb, &rdb.value, &name):
        return False
    group = stream_create_group(rdb.store.heap, stream, name, id_t(0, 0), ENTRIES_READ_UNKNOWN)
    if group is NULL:
        return rdb_broken(rdb, start, b"a group is there twice")
    if not read_id(rdb, &last):
        return False
    group.last_id = last
    group.entries_read = stream_distance(stream, last)
    if type != RDB_STREAM:
        if not rdb_read_number(rdb, &read):
            return False
        group.entries_read = <int64_t>read
    if not read_pending(rdb, group) or not rdb_read_number(rdb, &consumers):
        return False
    while consumers:
        if not read_consumer(rdb, group, type):
            return False
        consumers -= 1
    return all_taken(group) or rdb_broken(rdb, start, b"an entry is pending for nobody")


cdef bint read_all(rdb_t* rdb, stream_t* stream, uint8_t type) noexcept nogil:
    cdef uint64_t groups
    if not read_nodes(rdb, stream, type) or not rdb_read_number(rdb, &groups):
        return False
    while groups:
        if not read_group(rdb, stream, type):
            return False
        groups -= 1
    return True


cdef void* rdb_read_stream(rdb_t* rdb, uint8_t type, encoding_t* encoding) noexcept nogil:
    cdef stream_t* stream = stream_create(rdb.store.heap)
    encoding[0] = ENC_STREAM
    if read_all(rdb, stream, type):
        return stream
    stream_release(rdb.store.heap, stream)
    return NULL


# -- writing --------------------------------------------------------------------------------------

cdef void put_raw_id(buf_t* out, id_t id) noexcept nogil:
    cdef id_t swapped = id_t(byte_swap64(id.ms), byte_swap64(id.seq))
    buf_append(out, <const char*>&swapped, sizeof(swapped))


cdef void put_id(buf_t* out, id_t id) noexcept nogil:
    rdb_put_length(out, id.ms)
    rdb_put_length(out, id.seq)


cdef bint put_nodes(buf_t* out, rdb_stream_walk_t* walk, size_t size_max) noexcept nogil:
    """And behind the last of them what the stream knows of itself. True while more remain."""
    cdef const stream_t* stream = walk.stream
    cdef const stream_node_t* node = <const stream_node_t*>idlist_at(&stream.nodes, walk.place)
    while node is not NULL:
        if out.size >= size_max:
            return True
        rdb_put_length(out, 16)
        put_raw_id(out, node.id)
        rdb_put_string(out, slice_t(<const char*>node.pack, listpack_size(node.pack)))
        idlist_step(&stream.nodes, &walk.place)
        node = <const stream_node_t*>idlist_at(&stream.nodes, walk.place)
    rdb_put_length(out, stream.length)
    put_id(out, stream.last_id)
    if walk.type != RDB_STREAM:
        put_id(out, stream.first_id)
        put_id(out, stream.max_deleted)
        rdb_put_length(out, stream.entries_added)
    rdb_put_length(out, stream.group_count)
    return False


cdef void put_group(buf_t* out, const group_t* group, uint8_t type) noexcept nogil:
    rdb_put_string(out, group_name(group))
    put_id(out, group.last_id)
    if type != RDB_STREAM:
        rdb_put_length(out, <uint64_t>group.entries_read)
    rdb_put_length(out, group.pending.count)


cdef bint put_pending(buf_t* out, const group_t* group, id_place_t* place,
                      size_t size_max) noexcept nogil:
    """Behind the last of them the number of consumers. True while more remain."""
    cdef const pending_t* pending = <const pending_t*>idlist_at(&group.pending, place[0])
    while pending is not NULL:
        if out.size >= size_max:
            return True
        put_raw_id(out, pending.id)
        rdb_put_millis(out, pending.delivered_ms)
        rdb_put_length(out, pending.deliveries)
        idlist_step(&group.pending, place)
        pending = <const pending_t*>idlist_at(&group.pending, place[0])
    rdb_put_length(out, group.consumer_count)
    return False


cdef void put_consumer(buf_t* out, const consumer_t* consumer, uint8_t type) noexcept nogil:
    rdb_put_string(out, consumer_name(consumer))
    rdb_put_millis(out, consumer.seen_ms)
    if type == RDB_STREAM_3:
        rdb_put_millis(out, consumer.active_ms)
    rdb_put_length(out, consumer.pending.count)


cdef bint put_consumed(buf_t* out, const consumer_t* consumer, id_place_t* place,
                       size_t size_max) noexcept nogil:
    cdef const id_t* id = <const id_t*>idlist_at(&consumer.pending, place[0])
    while id is not NULL:
        if out.size >= size_max:
            return True
        put_raw_id(out, id[0])
        idlist_step(&consumer.pending, place)
        id = <const id_t*>idlist_at(&consumer.pending, place[0])
    return False


cdef bint put_part(buf_t* out, rdb_stream_walk_t* walk, size_t size_max) noexcept nogil:
    """The part that is next. False when it is cut short, or was the last."""
    cdef const group_t* group = NULL
    if walk.part == PART_NODES:
        if put_nodes(out, walk, size_max):
            return False
        walk.part = PART_GROUP
        return True
    if walk.group == walk.stream.group_count:
        return False
    group = walk.stream.groups[walk.group]
    if walk.part == PART_GROUP:
        put_group(out, group, walk.type)
        walk.part = PART_PENDING
        walk.place = idlist_first(&group.pending)
        walk.consumer = 0
    elif walk.part == PART_PENDING:
        if put_pending(out, group, &walk.place, size_max):
            return False
        walk.part = PART_CONSUMER
    elif walk.part == PART_CONSUMED:
        if put_consumed(out, group.consumers[walk.consumer], &walk.place, size_max):
            return False
        walk.part = PART_CONSUMER
        walk.consumer += 1
    elif walk.consumer < group.consumer_count:
        put_consumer(out, group.consumers[walk.consumer], walk.type)
        walk.part = PART_CONSUMED
        walk.place = idlist_first(&group.consumers[walk.consumer].pending)
    else:
        walk.part = PART_GROUP
        walk.group += 1
    return True


cdef void rdb_start_stream(buf_t* out, const entry_t* entry, uint8_t type,
                           rdb_stream_walk_t* walk) noexcept nogil:
    walk.stream = <const stream_t*>entry_body(entry)
    walk.type = type
    walk.part = PART_NODES
    walk.place = idlist_first(&walk.stream.nodes)
    walk.group = 0
    walk.consumer = 0
    rdb_put_length(out, walk.stream.nodes.count)


cdef bint rdb_write_stream_part(buf_t* out, rdb_stream_walk_t* walk,
                                size_t size_max) noexcept nogil:
    while out.size < size_max and put_part(out, walk, size_max):
        pass
    return walk.part == PART_NODES or walk.group != walk.stream.group_count


cdef void rdb_write_stream(buf_t* out, const entry_t* entry, uint8_t type) noexcept nogil:
    cdef rdb_stream_walk_t walk
    rdb_start_stream(out, entry, type, &walk)
    rdb_write_stream_part(out, &walk, SIZE_MAX)
