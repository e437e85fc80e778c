"""The groups of a stream.

Groups of a stream, and consumers of a group, are blocks whose addresses stand in order of their
names. A pending entry is one record of its group, with its consumer's address, and an ID in a list
of its consumer.

Invariants
    G1  each pending record has its ID in its consumer's list, and each of those is one
"""
from libc.stdint cimport uint32_t
from libc.string cimport memcpy, memmove, memset

from ..core.heap cimport heap_alloc, heap_free, heap_realloc
from ..core.idlist cimport (
    id_place_t, idlist_at, idlist_find, idlist_first, idlist_free_some, idlist_init, idlist_insert,
    idlist_remove, idlist_step, idlist_t,
)
from ..core.intrinsics cimport kvd_assert
from ..core.types cimport slice_compare
from .stream cimport ENTRIES_READ_UNKNOWN, stream_distance, stream_has_tombstones


# -- life -----------------------------------------------------------------------------------------

cdef bint release_list(heap_t* heap, idlist_t* list, size_t* effort) noexcept nogil:
    while effort[0]:
        effort[0] -= 1
        if not idlist_free_some(heap, list, 1):
            return False
    return True


cdef bint group_release(heap_t* heap, group_t* group, size_t* effort) noexcept nogil:
    """True while there is more of it; then its consumers' lists are not G1's any more."""
    cdef consumer_t* consumer
    while group.consumer_count:
        consumer = group.consumers[group.consumer_count - 1]
        if release_list(heap, &consumer.pending, effort):
            return True
        heap_free(heap, consumer, consumer_size(consumer))
        group.consumer_count -= 1
    if release_list(heap, &group.pending, effort):
        return True
    if group.consumer_max:
        heap_free(heap, group.consumers, group.consumer_max * sizeof(consumer_t*))
    heap_free(heap, group, group_size(group))
    return False


cdef bint group_lag(const stream_t* stream, const group_t* group, int64_t* lag) noexcept nogil:
    cdef int64_t read
    if stream.entries_added == 0:
        lag[0] = 0
        return True
    if group.entries_read != ENTRIES_READ_UNKNOWN \
            and not stream_has_tombstones(stream, group.last_id):
        read = group.entries_read
    else:
        read = stream_distance(stream, group.last_id)
    lag[0] = <int64_t>stream.entries_added - read
    return read != ENTRIES_READ_UNKNOWN


# -- groups and consumers -------------------------------------------------------------------------

ctypedef slice_t (*name_fn)(const void* item) noexcept nogil


cdef inline uint32_t place_of(void** items, uint32_t count, name_fn name_of, slice_t name,
                              bint* found) noexcept nogil:
    """Where the name stands among items in order of theirs, or would stand."""
    cdef uint32_t low = 0
    cdef uint32_t high = count
    cdef uint32_t middle
    cdef int order
    found[0] = False
    while low < high:
        middle = (low + high) // 2
        order = slice_compare(name, name_of(items[middle]))
        if order == 0:
            found[0] = True
            return middle
        if order < 0:
            high = middle
        else:
            low = middle + 1
    return low


cdef slice_t name_of_group(const void* group) noexcept nogil:
    return group_name(<const group_t*>group)


cdef slice_t name_of_consumer(const void* consumer) noexcept nogil:
    return consumer_name(<const consumer_t*>consumer)


cdef uint32_t group_place(const stream_t* stream, slice_t name, bint* found) noexcept nogil:
    return place_of(<void**>stream.groups, stream.group_count, name_of_group, name, found)


cdef uint32_t consumer_place(const group_t* group, slice_t name, bint* found) noexcept nogil:
    return place_of(<void**>group.consumers, group.consumer_count, name_of_consumer, name, found)


cdef void** open_gap(heap_t* heap, void** items, uint32_t count, uint32_t* max,
                     uint32_t at) noexcept nogil:
    """Room for one more address at `at`; the array, which may have moved."""
    cdef uint32_t more = max[0] + (max[0] >> 1) + 1
    if count == max[0]:
        if items is NULL:
            items = <void**>heap_alloc(heap, more * sizeof(void*))
        else:
            items = <void**>heap_realloc(heap, items, count * sizeof(void*), more * sizeof(void*))
        max[0] = more
    memmove(items + at + 1, items + at, (count - at) * sizeof(void*))
    return items


cdef group_t* stream_group(const stream_t* stream, slice_t name) noexcept nogil:
    cdef bint found
    cdef uint32_t at = group_place(stream, name, &found)
    return stream.groups[at] if found else NULL


cdef group_t* stream_create_group(heap_t* heap, stream_t* stream, slice_t name, id_t last_id,
                                  int64_t entries_read) noexcept nogil:
    cdef bint found
    cdef uint32_t at = group_place(stream, name, &found)
    cdef group_t* group
    if found:
        return NULL
    group = <group_t*>heap_alloc(heap, sizeof(group_t) + name.size)
    memset(group, 0, sizeof(group_t))
    group.last_id = last_id
    group.entries_read = entries_read
    idlist_init(&group.pending, sizeof(pending_t))
    group.name_size = name.size
    if name.size:
        memcpy(group.name, name.data, name.size)
    stream.groups = <group_t**>open_gap(heap, <void**>stream.groups, stream.group_count,
                                        &stream.group_max, at)
    stream.groups[at] = group
    stream.group_count += 1
    return group


cdef void stream_destroy_group(heap_t* heap, stream_t* stream, group_t* group) noexcept nogil:
    cdef bint found
    cdef uint32_t at = group_place(stream, group_name(group), &found)
    cdef size_t effort = ~<size_t>0
    kvd_assert(found)
    memmove(stream.groups + at, stream.groups + at + 1,
            (stream.group_count - at - 1) * sizeof(group_t*))
    stream.group_count -= 1
    group_release(heap, group, &effort)


cdef consumer_t* group_consumer(const group_t* group, slice_t name) noexcept nogil:
    cdef bint found
    cdef uint32_t at = consumer_place(group, name, &found)
    return group.consumers[at] if found else NULL


cdef consumer_t* group_create_consumer(heap_t* heap, group_t* group, slice_t name,
                                       int64_t now_ms) noexcept nogil:
    cdef bint found
    cdef uint32_t at = consumer_place(group, name, &found)
    cdef consumer_t* consumer
    if found:
        return NULL
    consumer = <consumer_t*>heap_alloc(heap, sizeof(consumer_t) + name.size)
    consumer.seen_ms = now_ms
    consumer.active_ms = -1
    idlist_init(&consumer.pending, sizeof(id_t))
    consumer.name_size = name.size
    if name.size:
        memcpy(consumer.name, name.data, name.size)
    group.consumers = <consumer_t**>open_gap(heap, <void**>group.consumers, group.consumer_count,
                                             &group.consumer_max, at)
    group.consumers[at] = consumer
    group.consumer_count += 1
    return consumer


cdef void group_delete_consumer(heap_t* heap, group_t* group, consumer_t* consumer) noexcept nogil:
    cdef bint found
    cdef uint32_t at = consumer_place(group, consumer_name(consumer), &found)
    cdef id_place_t place = idlist_first(&consumer.pending)
    cdef id_t* id = <id_t*>idlist_at(&consumer.pending, place)
    kvd_assert(found)
    while id is not NULL:
        idlist_remove(heap, &group.pending, id[0])          # G1
        idlist_step(&consumer.pending, &place)
        id = <id_t*>idlist_at(&consumer.pending, place)
    idlist_free_some(heap, &consumer.pending, ~<size_t>0)
    heap_free(heap, consumer, consumer_size(consumer))
    memmove(group.consumers + at, group.consumers + at + 1,
            (group.consumer_count - at - 1) * sizeof(consumer_t*))
    group.consumer_count -= 1


cdef void group_hand_over(heap_t* heap, pending_t* pending, consumer_t* consumer) noexcept nogil:
    cdef bint found
    if pending.consumer == consumer:
        return
    if pending.consumer is not NULL:
        idlist_remove(heap, &pending.consumer.pending, pending.id)
    pending.consumer = consumer
    idlist_insert(heap, &consumer.pending, pending.id, &found)      # G1


cdef pending_t* group_deliver(heap_t* heap, group_t* group, consumer_t* consumer, id_t id,
                              int64_t now_ms, bint* fresh) noexcept nogil:
    cdef bint found
    cdef pending_t* pending = <pending_t*>idlist_insert(heap, &group.pending, id, &found)
    fresh[0] = not found
    if not found:
        pending.consumer = NULL
    pending.delivered_ms = now_ms
    pending.deliveries = 1
    group_hand_over(heap, pending, consumer)
    return pending


cdef bint group_forget(heap_t* heap, group_t* group, id_t id) noexcept nogil:
    cdef pending_t* pending = <pending_t*>idlist_find(&group.pending, id)
    if pending is NULL:
        return False
    idlist_remove(heap, &pending.consumer.pending, id)
    idlist_remove(heap, &group.pending, id)
    return True
