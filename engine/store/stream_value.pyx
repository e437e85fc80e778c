"""A stream as a value of the keyspace: its end, its size, copies, defragmentation."""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from ..core.heap cimport heap_alloc, heap_block_size, heap_free
from ..core.idlist cimport (
    id_place_t, id_t, idlist_at, idlist_copy, idlist_first, idlist_free_some, idlist_last,
    idlist_memory, idlist_move, idlist_remove_at, idlist_seek, idlist_step, idlist_step_back,
)
from ..core.listpack cimport listpack_size
from .entry cimport TYPE_STREAM, encoding_t
from .stream cimport (
    consumer_t, group_t, pending_t, stream_block_size, stream_create, stream_node_t,
)
from .stream_group cimport (
    consumer_name, consumer_size, group_consumer, group_create_consumer, group_name, group_release,
    group_size, stream_create_group,
)
from .value cimport block_move, value_register, value_type_t

cdef enum:
    MOVES_A_STEP = 256                  # nodes that one step of defragmentation looks at


# -- release --------------------------------------------------------------------------------------

cdef bint release_nodes(heap_t* heap, stream_t* stream, size_t* effort) noexcept nogil:
    """From the last on; true while more remain."""
    cdef stream_node_t* node
    cdef id_place_t place
    while stream.nodes.count and effort[0]:
        place = id_place_t(stream.nodes.chunk_count, 0)
        idlist_step_back(&stream.nodes, &place)
        node = <stream_node_t*>idlist_at(&stream.nodes, place)
        heap_free(heap, node.pack, stream_block_size(stream, node))
        idlist_remove_at(heap, &stream.nodes, &place)
        node = <stream_node_t*>idlist_last(&stream.nodes)
        stream.tail_max = listpack_size(node.pack) if node is not NULL else 0
        effort[0] -= 1
    return stream.nodes.count != 0 or idlist_free_some(heap, &stream.nodes, 1)


cdef bint release_some(heap_t* heap, stream_t* stream, size_t effort) noexcept nogil:
    while stream.group_count:
        if not effort or group_release(heap, stream.groups[stream.group_count - 1], &effort):
            return True
        stream.group_count -= 1
    if release_nodes(heap, stream, &effort):
        return True
    if stream.group_max:
        heap_free(heap, stream.groups, stream.group_max * sizeof(group_t*))
    heap_free(heap, stream, sizeof(stream_t))
    return False


cdef void stream_release(heap_t* heap, stream_t* stream) noexcept nogil:
    while release_some(heap, stream, ~<size_t>0):
        pass


# -- what the floors above ask --------------------------------------------------------------------

cdef int common_bytes(id_t a, id_t b) noexcept nogil:
    """Leading bytes that two IDs share, in network order."""
    cdef int same = 0
    cdef int shift = 56
    cdef uint64_t x = a.ms
    cdef uint64_t y = b.ms
    if x == y:
        same = 8
        x = a.seq
        y = b.seq
    while shift >= 0 and (x >> shift & 255) == (y >> shift & 255):
        same += 1
        shift -= 8
    return same


cdef uint64_t stream_radix_nodes(const stream_t* stream) noexcept nogil:
    """A leaf a key, a node where keys part, and one for each run of bytes that stands alone
    between two of these. The stack holds the depths at which the last key parted from others."""
    cdef id_place_t place = idlist_first(&stream.nodes)
    cdef stream_node_t* node = <stream_node_t*>idlist_at(&stream.nodes, place)
    cdef int depths[17]
    cdef int top = 0
    cdef int depth, left
    cdef uint64_t total = 0
    cdef id_t before
    if node is NULL:
        return 1
    while node is not NULL:
        before = node.id
        idlist_step(&stream.nodes, &place)
        node = <stream_node_t*>idlist_at(&stream.nodes, place)
        depth = common_bytes(before, node.id) if node is not NULL else -1
        left = 16                       # the leaf of `before`: what hangs above it is closed now
        total += 1
        while top and depths[top - 1] > depth:
            top -= 1
            total += 1 if left - depths[top] > 1 else 0     # a run between them
            total += 1                                      # the node where keys part
            left = depths[top]
        if depth < 0:
            total += 1 if left > 0 else 0                   # a run from the root on
        elif top and depths[top - 1] == depth:
            total += 1 if left - depth > 1 else 0
        else:
            total += 1 if left - depth > 1 else 0
            depths[top] = depth
            top += 1
    return total


cdef bint value_release_stream(heap_t* heap, encoding_t encoding, void* body,
                               size_t effort) noexcept nogil:
    return release_some(heap, <stream_t*>body, effort)


cdef size_t value_effort_stream(encoding_t encoding, const void* body) noexcept nogil:
    cdef const stream_t* stream = <const stream_t*>body
    cdef size_t effort = 1 + stream.nodes.count
    cdef uint32_t i
    for i in range(stream.group_count):
        effort += 2 + stream.groups[i].consumer_count + stream.groups[i].pending.chunk_count
    return effort


cdef size_t nodes_memory(const stream_t* stream, size_t samples) noexcept nogil:
    cdef id_place_t place = idlist_first(&stream.nodes)
    cdef const stream_node_t* node = <const stream_node_t*>idlist_at(&stream.nodes, place)
    cdef size_t size = 0
    cdef size_t seen = 0
    while node is not NULL and (samples == 0 or seen < samples):
        size += heap_block_size(stream_block_size(stream, node))
        seen += 1
        idlist_step(&stream.nodes, &place)
        node = <const stream_node_t*>idlist_at(&stream.nodes, place)
    if node is not NULL:                # the rest are like those, but for the tail
        size = size // seen * (stream.nodes.count - 1) + heap_block_size(stream.tail_max)
    return size + idlist_memory(&stream.nodes)


cdef size_t value_memory_stream(encoding_t encoding, const void* body,
                                size_t samples) noexcept nogil:
    cdef const stream_t* stream = <const stream_t*>body
    cdef const group_t* group
    cdef const consumer_t* consumer
    cdef size_t size = heap_block_size(sizeof(stream_t)) + nodes_memory(stream, samples)
    cdef uint32_t i, k
    if stream.group_max:
        size += heap_block_size(stream.group_max * sizeof(group_t*))
    for i in range(stream.group_count):
        group = stream.groups[i]
        size += heap_block_size(group_size(group)) + idlist_memory(&group.pending)
        if group.consumer_max:
            size += heap_block_size(group.consumer_max * sizeof(consumer_t*))
        for k in range(group.consumer_count):
            consumer = group.consumers[k]
            size += heap_block_size(consumer_size(consumer)) + idlist_memory(&consumer.pending)
    return size


cdef void copy_group(heap_t* heap, stream_t* target, const group_t* source) noexcept nogil:
    cdef group_t* group = stream_create_group(heap, target, group_name(source), source.last_id,
                                              source.entries_read)
    cdef consumer_t* consumer
    cdef pending_t* pending
    cdef id_place_t place
    cdef uint32_t i
    group.hint = source.hint
    for i in range(source.consumer_count):
        consumer = group_create_consumer(heap, group, consumer_name(source.consumers[i]),
                                         source.consumers[i].seen_ms)
        consumer.active_ms = source.consumers[i].active_ms
        idlist_copy(heap, &consumer.pending, &source.consumers[i].pending)
    idlist_copy(heap, &group.pending, &source.pending)
    place = idlist_first(&group.pending)
    pending = <pending_t*>idlist_at(&group.pending, place)
    while pending is not NULL:
        pending.consumer = group_consumer(group, consumer_name(pending.consumer))
        idlist_step(&group.pending, &place)
        pending = <pending_t*>idlist_at(&group.pending, place)


cdef void* value_copy_stream(heap_t* heap, encoding_t encoding, const void* body) noexcept nogil:
    cdef const stream_t* source = <const stream_t*>body
    cdef stream_t* target = stream_create(heap)
    cdef stream_node_t* node
    cdef id_place_t place
    cdef uint8_t* pack
    cdef uint32_t i
    target.length = source.length
    target.entries_added = source.entries_added
    target.last_id = source.last_id
    target.first_id = source.first_id
    target.max_deleted = source.max_deleted
    target.shape = source.shape
    target.hint = source.hint
    idlist_copy(heap, &target.nodes, &source.nodes)
    place = idlist_first(&target.nodes)
    node = <stream_node_t*>idlist_at(&target.nodes, place)
    while node is not NULL:
        pack = node.pack
        node.pack = <uint8_t*>heap_alloc(heap, listpack_size(pack))
        memcpy(node.pack, pack, listpack_size(pack))
        target.tail_max = listpack_size(pack)
        idlist_step(&target.nodes, &place)
        node = <stream_node_t*>idlist_at(&target.nodes, place)
    for i in range(source.group_count):
        copy_group(heap, target, source.groups[i])
    return target


cdef uint64_t value_count_stream(encoding_t encoding, const void* body) noexcept nogil:
    return (<const stream_t*>body).length


cdef void* value_move_stream(heap_t* heap, encoding_t encoding, void* body,
                             unsigned percent) noexcept nogil:
    """The stream's own blocks, and some nodes each time: another step goes on from there."""
    cdef stream_t* stream = <stream_t*>body
    cdef stream_node_t* node
    cdef id_place_t place
    cdef int steps = MOVES_A_STEP
    stream = <stream_t*>block_move(heap, stream, sizeof(stream_t), percent)
    idlist_move(heap, &stream.nodes, percent)
    place = idlist_seek(&stream.nodes, stream.moved)
    while steps:
        node = <stream_node_t*>idlist_at(&stream.nodes, place)
        if node is NULL:
            stream.moved = id_t(0, 0)
            return stream
        node.pack = <uint8_t*>block_move(heap, node.pack, stream_block_size(stream, node), percent)
        stream.moved = node.id
        idlist_step(&stream.nodes, &place)
        steps -= 1
    return stream


cdef value_type_t FUNCTIONS = value_type_t(
    value_release_stream, value_effort_stream, value_memory_stream, value_copy_stream,
    value_count_stream, value_move_stream, NULL)
value_register(TYPE_STREAM, &FUNCTIONS)
