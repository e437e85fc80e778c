"""A tree of members ordered by score, then by bytes, that knows how many lie before each.

Terms
    scored    a member with its score: one block, made here; its owner frees it
    score     a double, never NaN; -0 and 0 are equal
    rank      how many lie before; the first has rank 0
    place     where one of them stands in the tree; dies at the next change of the tree
    bound     a cut through the order: what lies before it, what does not
    leaf      a node of references, linked to its neighbours; inner nodes are above

The tree owns its nodes and borrows what it orders. A member stands in it once: the owner sees to
that, by a table beside the tree.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from .heap cimport heap_t
from .intrinsics cimport load32, load64, prefetch_read
from .types cimport slice_t

cdef enum:
    ORDERED_LEAF_MAX = 64               # references in a leaf
    ORDERED_AHEAD = 8                   # how far a walk fetches ahead

cdef struct scored_t:
    double score
    uint8_t size                        # of the member, which follows at once; 255: size in 4
                                        # bytes first

cdef struct leaf_t:
    leaf_t* prev
    leaf_t* next
    uint32_t count
    char refs[0]                        # addresses of scored_t, 6 bytes each

cdef struct ordered_t:
    heap_t* heap
    void* root                          # owned; a leaf while height is 0; NULL while empty
    leaf_t* first
    leaf_t* last
    uint64_t count                      # members
    uint64_t leaves
    uint64_t inners
    uint32_t height                     # levels of inner nodes

cdef struct place_t:
    leaf_t* leaf                        # NULL: behind the last, or before the first
    uint32_t at

cdef enum bound_kind_t:
    BOUND_SCORE = 0                     # by score alone
    BOUND_MEMBER = 1                    # by bytes alone: where all scores are equal
    BOUND_BOTH = 2

cdef struct bound_t:
    double score
    slice_t member
    bound_kind_t kind
    bint after                          # what is equal lies before the cut

# -- members --------------------------------------------------------------------------------------

cdef inline slice_t scored_member(const scored_t* item) noexcept nogil:
    cdef const char* at = <const char*>item + 9
    cdef slice_t member
    member.size = item.size
    if member.size == 255:
        member.size = load32(at)
        at += 4
    member.data = at
    return member

cdef inline size_t scored_size(const scored_t* item) noexcept nogil:
    """Bytes of the block, as it was asked for."""
    cdef slice_t member = scored_member(item)
    return <size_t>(member.data + member.size - <const char*>item)

# Aborts when the member is larger than 4 GiB: what a client sends never is.
cdef scored_t* scored_create(heap_t* heap, double score, slice_t member) noexcept nogil
cdef void scored_release(heap_t* heap, scored_t* item) noexcept nogil

# -- life -----------------------------------------------------------------------------------------

cdef void ordered_init(ordered_t* tree, heap_t* heap) noexcept nogil
# Free the nodes, about `nodes_max` of them at a time; true while some remain. Until then the tree
# is good for nothing else; afterwards it is empty.
cdef bint ordered_drain(ordered_t* tree, size_t nodes_max) noexcept nogil
cdef void ordered_free(ordered_t* tree) noexcept nogil
# Bytes of the nodes, at class sizes.
cdef size_t ordered_overhead(const ordered_t* tree) noexcept nogil

# -- change ---------------------------------------------------------------------------------------

cdef void ordered_insert(ordered_t* tree, scored_t* item) noexcept nogil
# It must be there.
cdef void ordered_remove(ordered_t* tree, scored_t* item) noexcept nogil
# Give it another score, and the place that belongs to it.
cdef void ordered_rescore(ordered_t* tree, scored_t* item, double score) noexcept nogil
# Take out up to `count` from a rank on, to `out`, which has room for ORDERED_LEAF_MAX. Returns
# how many: as many as share a leaf, at least one where there is one.
cdef size_t ordered_take(ordered_t* tree, uint64_t rank, uint64_t count,
                         scored_t** out) noexcept nogil
# heap_move one of them; its new address.
cdef scored_t* ordered_move(ordered_t* tree, scored_t* item) noexcept nogil
# Move the nodes about a rank where heap_should_move says so. Returns the rank to go on at; 0 at
# the end.
cdef uint64_t ordered_move_nodes(ordered_t* tree, uint64_t rank, unsigned percent) noexcept nogil

# -- reading --------------------------------------------------------------------------------------

cdef uint64_t ordered_rank(const ordered_t* tree, const scored_t* item) noexcept nogil
# How many lie before a cut.
cdef uint64_t ordered_count_before(const ordered_t* tree, const bound_t* bound) noexcept nogil
# The first behind a cut; the last before it. Without a leaf when there is none.
cdef place_t ordered_after(const ordered_t* tree, const bound_t* bound) noexcept nogil
cdef place_t ordered_before(const ordered_t* tree, const bound_t* bound) noexcept nogil
cdef place_t ordered_at(const ordered_t* tree, uint64_t rank) noexcept nogil
# Does a member with this score lie before the cut?
cdef bint bound_passes(const bound_t* bound, double score, slice_t member) noexcept nogil

cdef inline scored_t* leaf_item(const leaf_t* leaf, uint32_t at) noexcept nogil:
    # The word that ends with the reference: the two bytes before it belong to the leaf.
    return <scored_t*>(load64(leaf.refs + 6 * at - 2) >> 16)

cdef inline scored_t* place_item(place_t place) noexcept nogil:
    return leaf_item(place.leaf, place.at)

cdef inline void place_fetch(const place_t* place, int step) noexcept nogil:
    """Ask for the members at the start of a walk, or of a leaf."""
    cdef int64_t at
    cdef int i
    if place.leaf is NULL:
        return
    at = place.at
    for i in range(<int>ORDERED_AHEAD + 1):
        if at < 0 or at >= <int64_t>place.leaf.count:
            return
        prefetch_read(leaf_item(place.leaf, <uint32_t>at))
        at += step

cdef inline void place_next(place_t* place) noexcept nogil:
    place.at += 1
    if place.at + ORDERED_AHEAD < place.leaf.count:
        prefetch_read(leaf_item(place.leaf, place.at + ORDERED_AHEAD))
    elif place.at == place.leaf.count:
        place.leaf = place.leaf.next
        place.at = 0
        place_fetch(place, 1)

cdef inline void place_prev(place_t* place) noexcept nogil:
    if place.at == 0:
        place.leaf = place.leaf.prev
        if place.leaf is not NULL:
            place.at = place.leaf.count - 1
            place_fetch(place, -1)
        return
    place.at -= 1
    if place.at >= ORDERED_AHEAD:
        prefetch_read(leaf_item(place.leaf, place.at - ORDERED_AHEAD))
