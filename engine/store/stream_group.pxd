"""The groups of a stream, and their consumers; stream.pxd has the terms and the structs."""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t

from ..core.heap cimport heap_t
from ..core.idlist cimport id_t
from ..core.types cimport slice_t
from .stream cimport consumer_t, group_t, pending_t, stream_t

# -- groups ---------------------------------------------------------------------------------------

cdef inline slice_t group_name(const group_t* group) noexcept nogil:
    return slice_t(<const char*>group.name, group.name_size)


cdef inline slice_t consumer_name(const consumer_t* consumer) noexcept nogil:
    return slice_t(<const char*>consumer.name, consumer.name_size)

# NULL when there is none of that name.
cdef group_t* stream_group(const stream_t* stream, slice_t name) noexcept nogil
# NULL when there is one already.
cdef group_t* stream_create_group(heap_t* heap, stream_t* stream, slice_t name, id_t last_id,
                                  int64_t entries_read) noexcept nogil
cdef void stream_destroy_group(heap_t* heap, stream_t* stream, group_t* group) noexcept nogil
cdef consumer_t* group_consumer(const group_t* group, slice_t name) noexcept nogil
# The same as for groups.
cdef consumer_t* group_create_consumer(heap_t* heap, group_t* group, slice_t name,
                                       int64_t now_ms) noexcept nogil
# With what was pending for it.
cdef void group_delete_consumer(heap_t* heap, group_t* group, consumer_t* consumer) noexcept nogil

# Make the entry pending for `consumer`, whoever had it; *fresh: nobody had.
cdef pending_t* group_deliver(heap_t* heap, group_t* group, consumer_t* consumer, id_t id,
                              int64_t now_ms, bint* fresh) noexcept nogil
# A pending entry changes hands.
cdef void group_hand_over(heap_t* heap, pending_t* pending, consumer_t* consumer) noexcept nogil
# Nobody waits for its acknowledgement any more; False when nobody did.
cdef bint group_forget(heap_t* heap, group_t* group, id_t id) noexcept nogil

# Entries that the group has not seen; False where that cannot be told.
cdef bint group_lag(const stream_t* stream, const group_t* group, int64_t* lag) noexcept nogil

# Bytes of their blocks.
cdef inline size_t group_size(const group_t* group) noexcept nogil:
    return sizeof(group_t) + group.name_size


cdef inline size_t consumer_size(const consumer_t* consumer) noexcept nogil:
    return sizeof(consumer_t) + consumer.name_size

# Free about so many blocks of a group that no stream shows any more; true while more remain.
cdef bint group_release(heap_t* heap, group_t* group, size_t* effort) noexcept nogil
