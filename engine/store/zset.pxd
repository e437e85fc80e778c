"""Sorted sets: members with scores, in one order.

Terms
    listpack    the body of a small one: member, score, member, score, ... in order
    sorted_t    the body of a larger one: a table that owns the members, and a tree that orders
                them; OBJECT ENCODING calls it skiplist, as Valkey does
    zset_t      one at hand, for the time of a command: where its body is, and the limits of a
                small one. Who changed it hands encoding and body back to the entry
    rank        how many lie before
    walk        a way along the order, forwards or back; dies at the next change
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from ..core.heap cimport heap_t
from ..core.number cimport FORMAT_DOUBLE_MAX
from ..core.ordered cimport bound_t, ordered_t, place_t
from ..core.rand cimport rand_t
from ..core.table cimport table_t
from ..core.types cimport slice_t
from .entry cimport encoding_t

cdef enum:                              # conditions of zset_add
    ZSET_NX = 1                         # only what is not there
    ZSET_XX = 2                         # only what is
    ZSET_GT = 4                         # only when the score rises; does not keep from adding
    ZSET_LT = 8
    ZSET_INCR = 16                      # the score is added to the one that is there

cdef enum zset_outcome_t:
    ZSET_NOTHING = 0                    # a condition did not hold
    ZSET_SAME = 1                       # it had that score
    ZSET_ADDED = 2
    ZSET_UPDATED = 3
    ZSET_NAN = 4                        # the sum is no number; nothing was done

cdef struct sorted_t:
    table_t table                       # owns the members
    ordered_t tree
    uint64_t move_at                    # where defragmentation goes on: in the table
    uint64_t move_rank                  # ... and in the tree

cdef struct zset_t:
    heap_t* heap
    const uint64_t* secret              # of the hashes in tables: the store's
    uint64_t entries_max                # zset-max-listpack-entries
    uint64_t value_max                  # zset-max-listpack-value, bytes
    encoding_t encoding                 # ENC_LISTPACK or ENC_SKIPLIST
    void* body                          # NULL: there is none

cdef struct zset_item_t:
    slice_t member
    double score

cdef struct zset_walk_t:
    place_t place                       # in a tree
    const uint8_t* pack                 # NULL: a tree
    const uint8_t* at                   # a member's entry; NULL at the end
    bint back
    char scratch[24]                    # of a member that is a number

# -- life -----------------------------------------------------------------------------------------

# A handle to read a body with.
cdef inline void zset_view(zset_t* zset, encoding_t encoding, const void* body) noexcept nogil:
    zset.heap = NULL
    zset.encoding = encoding
    zset.body = <void*>body


# An empty one, fit for so many members of at most that size.
cdef void zset_create(zset_t* zset, uint64_t count, size_t size_max) noexcept nogil
# Its body, whatever is in it.
cdef void zset_release(zset_t* zset) noexcept nogil
# So many members of at most that size will come, or may: choose the encoding now.
cdef void zset_expect(zset_t* zset, uint64_t count, size_t size_max) noexcept nogil
# All members are in: a small one becomes a listpack. The longest member; the bytes of all.
cdef void zset_settle(zset_t* zset, size_t size_max, size_t size_all) noexcept nogil
# Have a table and a tree, whatever the limits say.
cdef void zset_enlarge(zset_t* zset) noexcept nogil

# -- one member -----------------------------------------------------------------------------------

cdef uint64_t zset_count(const zset_t* zset) noexcept nogil
cdef bint zset_find(const zset_t* zset, slice_t member, double* score) noexcept nogil
# *result is the score it has now, except after NOTHING and NAN. The score is no NaN.
cdef zset_outcome_t zset_add(zset_t* zset, slice_t member, double score, uint32_t conditions,
                             double* result) noexcept nogil
cdef bint zset_remove(zset_t* zset, slice_t member) noexcept nogil
# -1 when it is not there.
cdef int64_t zset_rank(const zset_t* zset, slice_t member, double* score) noexcept nogil
# A new one to a body that is known not to hold it: for loading. Members in ascending order are
# cheapest.
cdef void zset_append(zset_t* zset, slice_t member, double score) noexcept nogil
# Put a large one together from members in any order, each perhaps several times: the address of a
# member's score, good until the next call, and whether the member is new. Nothing else may be asked
# of it before zset_order.
cdef double* zset_gather(zset_t* zset, slice_t member, bint* fresh) noexcept nogil
cdef void zset_order(zset_t* zset) noexcept nogil
# Any member, each as likely; a number's text is in scratch (24 bytes).
cdef zset_item_t zset_random(const zset_t* zset, rand_t* rand, char* scratch) noexcept nogil

# -- ranges ---------------------------------------------------------------------------------------

# How many lie before a cut.
cdef uint64_t zset_count_before(const zset_t* zset, const bound_t* bound) noexcept nogil
# `count` members from a rank on; fewer at the end. Returns how many went.
cdef uint64_t zset_remove_range(zset_t* zset, uint64_t rank, uint64_t count) noexcept nogil
# From a rank on, or from a cut: forwards the first behind it, back the last before it.
cdef void zset_walk_rank(const zset_t* zset, zset_walk_t* walk, uint64_t rank,
                         bint back) noexcept nogil
cdef void zset_walk_bound(const zset_t* zset, zset_walk_t* walk, const bound_t* bound,
                          bint back) noexcept nogil
# The member the walk stands at, which is left; False at the end. Its bytes are good until the next
# call.
cdef bint zset_next(zset_walk_t* walk, zset_item_t* item) noexcept nogil
