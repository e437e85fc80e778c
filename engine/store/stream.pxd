"""A stream: entries in the order of their IDs. They are read with stream_cursor; what groups do is
in stream_group, what concerns a stream as a whole in stream_value.

Terms
    entry      fields with values under an ID
    node       a listpack of entries in Valkey's format, known by the ID of the first one ever in it
    tail       the last node: its block has room behind its pack
    tombstone  an entry that was deleted, and still lies in its node
    group      readers who share a stream: each new entry goes to one of them
    pending    an entry that was delivered to a consumer and not acknowledged
    cursor     a walk over entries; dies at the next change of the stream
    hint       where the entry behind a certain one lies: see hint_t

The stream is the body of an entry of the keyspace; all functions take the heap that it lives on.
Groups and consumers belong to their stream, and are in order of their names.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from ..core.heap cimport heap_t
from ..core.idlist cimport id_t, idlist_last, idlist_t
from ..core.listpack cimport listpack_size
from ..core.types cimport slice_t

cdef enum:
    STREAM_DELETED = 1                  # flags of an entry
    STREAM_SAME_FIELDS = 2              # its fields are the node's: only values are stored
    STREAM_ENTRY_MAX = 1 << 30          # bytes of fields and values
    STREAM_SCRATCH = 24                 # bytes that a field or a value may need for an integer

cdef extern from *:
    """
    #define KVD_ENTRIES_READ_UNKNOWN INT64_C(-1)
    """
    const int64_t ENTRIES_READ_UNKNOWN "KVD_ENTRIES_READ_UNKNOWN"

# The byte behind the entry `id` in its node. It stays there while shape does; 0: not known.
cdef struct hint_t:
    id_t id
    uint32_t offset
    uint32_t shape

cdef struct stream_node_t:              # a record of stream_t.nodes
    id_t id
    uint8_t* pack                       # owned

cdef struct consumer_t:
    int64_t seen_ms                     # when it last asked
    int64_t active_ms                   # when it last got something; -1 never
    idlist_t pending                    # the IDs alone
    size_t name_size
    char name[0]

cdef struct pending_t:                  # a record of group_t.pending
    id_t id
    int64_t delivered_ms
    uint64_t deliveries
    consumer_t* consumer                # borrowed: whose it is

cdef struct group_t:
    id_t last_id                        # of the last entry that was delivered
    int64_t entries_read                # how many were, from the first ever on; -1: not known
    hint_t hint                         # behind last_id
    idlist_t pending
    consumer_t** consumers              # owned: consumer_count of them, by name
    uint32_t consumer_count
    uint32_t consumer_max
    size_t name_size
    char name[0]

cdef struct stream_t:
    uint64_t length                     # entries, tombstones left out
    uint64_t entries_added              # since it was made, deleted ones included
    id_t last_id                        # the highest ever
    id_t first_id                       # 0-0 when it is empty
    id_t max_deleted                    # the highest ID that XDEL took
    idlist_t nodes
    uint32_t tail_max                   # bytes of the tail's block
    uint32_t shape                      # changes when bytes in a node shift, or a node goes
    group_t** groups                    # owned: group_count of them, by name
    uint32_t group_count
    uint32_t group_max
    hint_t hint                         # behind what was read last without a group
    id_t moved                          # the node that defragmentation has come to

cdef struct stream_limits_t:            # of a node; 0: none
    int64_t bytes
    int64_t entries

cdef enum trim_by_t:
    TRIM_NONE = 0
    TRIM_LENGTH = 1
    TRIM_ID = 2

cdef struct trim_t:
    trim_by_t by
    bint whole_nodes                    # only them: ~
    uint64_t length                     # entries that stay
    id_t id                             # entries below it go
    int64_t limit                       # entries that may go; 0: any number

# -- life -----------------------------------------------------------------------------------------

cdef stream_t* stream_create(heap_t* heap) noexcept nogil

# -- nodes ----------------------------------------------------------------------------------------

cdef inline bint stream_is_tail(const stream_t* stream, const stream_node_t* node) noexcept nogil:
    return <const void*>node == idlist_last(&stream.nodes)


# Bytes of a node's block: the tail's has room.
cdef inline size_t stream_block_size(const stream_t* stream,
                                     const stream_node_t* node) noexcept nogil:
    return stream.tail_max if stream_is_tail(stream, node) else listpack_size(node.pack)

# -- IDs ------------------------------------------------------------------------------------------

cdef extern from *:
    """
    #define KVD_ID_MAX UINT64_MAX
    """
    const uint64_t ID_WORD_MAX "KVD_ID_MAX"

cdef inline id_t id_max() noexcept nogil:
    return id_t(ID_WORD_MAX, ID_WORD_MAX)


cdef inline bint id_is_zero(id_t id) noexcept nogil:
    return id.ms == 0 and id.seq == 0


cdef inline bint id_next(id_t* id) noexcept nogil:
    """False, and 0-0, behind the last of all IDs."""
    id.seq += 1
    if id.seq == 0:
        id.ms += 1
    return id.seq != 0 or id.ms != 0


cdef inline bint id_previous(id_t* id) noexcept nogil:
    """False, and the last of all IDs, before 0-0."""
    if id.seq == 0:
        id.ms -= 1
    id.seq -= 1
    return id.seq != ID_WORD_MAX or id.ms != ID_WORD_MAX

# -- entries --------------------------------------------------------------------------------------

# Append fields and values, by turns, under an ID above last_id. The fields' sizes together are at
# most STREAM_ENTRY_MAX.
cdef void stream_append(heap_t* heap, stream_t* stream, const stream_limits_t* limits, id_t id,
                        int argc, const slice_t* argv) noexcept nogil
# Make a tombstone of it; False when there is no such entry. Knows nothing of first_id: see below.
cdef bint stream_delete(heap_t* heap, stream_t* stream, id_t id) noexcept nogil
# Entries that went. first_id is set.
cdef uint64_t stream_trim(heap_t* heap, stream_t* stream, const trim_t* trim) noexcept nogil
# Look for the first entry, after some were deleted.
cdef void stream_find_first(stream_t* stream) noexcept nogil
# No entry may be above it. Tombstones that are go.
cdef void stream_set_last_id(heap_t* heap, stream_t* stream, id_t id) noexcept nogil

# -- counting -------------------------------------------------------------------------------------

# Was an entry from `start` on deleted by XDEL?
cdef bint stream_has_tombstones(const stream_t* stream, id_t start) noexcept nogil
# How many entries were ever added up to this one; ENTRIES_READ_UNKNOWN where that cannot be told.
cdef int64_t stream_distance(const stream_t* stream, id_t id) noexcept nogil

# -- other floors ---------------------------------------------------------------------------------

# Take a valid pack as the node behind all others; False when the ID is not behind their entries.
cdef bint stream_take_node(heap_t* heap, stream_t* stream, id_t id, uint8_t* pack) noexcept nogil
