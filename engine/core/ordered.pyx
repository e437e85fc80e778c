"""A tree of members ordered by score, then by bytes, that knows how many lie before each.

An order-statistics B+ tree. A leaf is a row of references of 6 bytes, since no address of a process
has more than 48 significant bits here; an inner node holds, for each child, the child's first
member with a copy of its score, and how many members lie under it.

    inner:  score[] | first[] | child[] | items[]
    leaf:   prev | next | count | ref x 64, 6 bytes each

Why no skiplist: one of those has a node a member, with a pointer, a span and a back link at least,
and a walk of a score costs a miss a step. Here a descent reads rows of scores that lie side by
side, in nodes that stay in cache (a thousandth of the memory), and follows references in the leaf
alone. They are followed eight at a time: a leaf of 64 is searched in two rounds of misses that
overlap. Who knows the member, as removal does, finds its reference by its address, with no miss.

    cost of a reference: 6 bytes / fill (0.69 after random insertion, 1 after ascending) + 1.5

Scores are not kept in leaves: 8 bytes a member would be a quarter of what a member of 20 bytes
takes in all.

Invariants
    O1  score[i], first[i] of an inner node are those of the first member under child[i]
    O2  items[i] counts the members under child[i]
    O3  every leaf but the root holds a member; every inner node a child, the root two
    O4  of two neighbours under one parent, one is at least half full, or they hold more than
        three quarters of a node together
    O5  members ascend strictly, within leaves and along their links
Cost: O(log n) for all but ordered_overhead, which is O(1).
Source: Bayer and McCreight, 1972; ranks after Knuth, vol. 3, 6.2.3.
"""
from libc.stdint cimport UINT32_MAX, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove, memset

from .heap cimport heap_alloc, heap_block_size, heap_free, heap_move, heap_should_move
from .intrinsics cimport KVD_DEBUG, kvd_assert, kvd_static_assert, likely, prefetch_read, unlikely
from .types cimport slice_compare

cdef enum:
    LEAF_MAX = ORDERED_LEAF_MAX
    INNER_MAX = 31                      # children: a node fills its class of 1024 bytes
    DEPTH_MAX = 24                      # O4 keeps a tree of 2^40 members below 16
    REF_SIZE = 6
    LEAF_SIZE = 408                     # 20 bytes of leaf_t in fact, 384 of references; a class
    REFS_AT = 20

cdef struct inner_t:
    uint64_t count                      # children
    double score[INNER_MAX]
    scored_t* first[INNER_MAX]
    void* child[INNER_MAX]
    uint64_t items[INNER_MAX]

# The way from the root to a place in a leaf.
cdef struct path_t:
    inner_t* node[DEPTH_MAX]
    uint32_t at[DEPTH_MAX]              # which child
    leaf_t* leaf
    uint32_t leaf_at


# -- members --------------------------------------------------------------------------------------

cdef scored_t* scored_create(heap_t* heap, double score, slice_t member) noexcept nogil:
    cdef scored_t* item
    cdef char* at
    cdef uint32_t size = <uint32_t>member.size
    kvd_assert(member.size <= UINT32_MAX)
    item = <scored_t*>heap_alloc(heap, member.size + (9 if member.size < 255 else 13))
    item.score = score
    at = <char*>item + 9
    if likely(member.size < 255):
        item.size = <uint8_t>member.size
    else:
        item.size = 255
        memcpy(at, &size, 4)
        at += 4
    if member.size:
        memcpy(at, member.data, member.size)
    return item


cdef void scored_release(heap_t* heap, scored_t* item) noexcept nogil:
    heap_free(heap, item, scored_size(item))


cdef bint bound_passes(const bound_t* bound, double score, slice_t member) noexcept nogil:
    cdef int order
    if bound.kind != BOUND_MEMBER:
        if score != bound.score:
            return score < bound.score
        if bound.kind == BOUND_SCORE:
            return bound.after
    order = slice_compare(member, bound.member)
    return order < 0 or (order == 0 and bound.after)


cdef inline bint passes(double score, const scored_t* item, const bound_t* bound) noexcept nogil:
    """bound_passes, which looks at the member where it has to."""
    if likely(score != bound.score) and bound.kind != BOUND_MEMBER:
        return score < bound.score
    return bound_passes(bound, score, scored_member(item))


cdef inline bound_t bound_of(const scored_t* item, bint after) noexcept nogil:
    cdef bound_t bound
    bound.score = item.score
    bound.member = scored_member(item)
    bound.kind = BOUND_BOTH
    bound.after = after
    return bound


# -- nodes ----------------------------------------------------------------------------------------

cdef inline void ref_set(leaf_t* leaf, uint32_t at, const scored_t* item) noexcept nogil:
    cdef uint64_t word = <uint64_t>item
    memcpy(leaf.refs + REF_SIZE * at, &word, REF_SIZE)


cdef leaf_t* leaf_create(ordered_t* tree, leaf_t* prev, leaf_t* next) noexcept nogil:
    cdef leaf_t* leaf = <leaf_t*>heap_alloc(tree.heap, LEAF_SIZE)
    leaf.prev = prev
    leaf.next = next
    leaf.count = 0
    if prev is NULL:
        tree.first = leaf
    else:
        prev.next = leaf
    if next is NULL:
        tree.last = leaf
    else:
        next.prev = leaf
    tree.leaves += 1
    return leaf


cdef void leaf_release(ordered_t* tree, leaf_t* leaf) noexcept nogil:
    if leaf.prev is NULL:
        tree.first = leaf.next
    else:
        leaf.prev.next = leaf.next
    if leaf.next is NULL:
        tree.last = leaf.prev
    else:
        leaf.next.prev = leaf.prev
    tree.leaves -= 1
    heap_free(tree.heap, leaf, LEAF_SIZE)


cdef inner_t* inner_create(ordered_t* tree) noexcept nogil:
    cdef inner_t* node = <inner_t*>heap_alloc(tree.heap, sizeof(inner_t))
    node.count = 0
    tree.inners += 1
    return node


cdef void inner_release(ordered_t* tree, inner_t* node) noexcept nogil:
    tree.inners -= 1
    heap_free(tree.heap, node, sizeof(inner_t))


cdef void inner_copy(inner_t* target, uint64_t to, const inner_t* source, uint64_t at,
                     uint64_t count) noexcept nogil:
    """Columns of `count` children; the two may be one node."""
    memmove(&target.score[to], &source.score[at], count * sizeof(double))
    memmove(&target.first[to], &source.first[at], count * sizeof(void*))
    memmove(&target.child[to], &source.child[at], count * sizeof(void*))
    memmove(&target.items[to], &source.items[at], count * sizeof(uint64_t))


cdef uint64_t inner_items(const inner_t* node) noexcept nogil:
    cdef uint64_t sum = 0
    cdef uint64_t i
    for i in range(node.count):
        sum += node.items[i]
    return sum


# -- life -----------------------------------------------------------------------------------------

cdef void ordered_init(ordered_t* tree, heap_t* heap) noexcept nogil:
    kvd_static_assert(sizeof(inner_t) <= 1024)
    kvd_static_assert(REFS_AT + REF_SIZE * LEAF_MAX <= LEAF_SIZE)
    memset(tree, 0, sizeof(ordered_t))
    tree.heap = heap


cdef bint ordered_drain(ordered_t* tree, size_t nodes_max) noexcept nogil:
    cdef inner_t* way[DEPTH_MAX]
    cdef uint32_t level
    cdef void* node
    if tree.root is NULL:
        return False
    while nodes_max and tree.height:
        node = tree.root
        for level in range(tree.height):
            way[level] = <inner_t*>node
            node = way[level].child[way[level].count - 1]
        leaf_release(tree, <leaf_t*>node)
        nodes_max -= 1
        level = tree.height
        while level:
            level -= 1
            way[level].count -= 1
            if way[level].count:
                break
            inner_release(tree, way[level])
            if level == 0:
                ordered_init(tree, tree.heap)
                return False
    if tree.height:
        return True
    leaf_release(tree, <leaf_t*>tree.root)
    ordered_init(tree, tree.heap)
    return False


cdef void ordered_free(ordered_t* tree) noexcept nogil:
    ordered_drain(tree, <size_t>-1)


cdef size_t ordered_overhead(const ordered_t* tree) noexcept nogil:
    return (tree.leaves * heap_block_size(LEAF_SIZE)
            + tree.inners * heap_block_size(sizeof(inner_t)))


# -- search ---------------------------------------------------------------------------------------

cdef uint32_t inner_search(const inner_t* node, const bound_t* bound) noexcept nogil:
    """How many children begin before the cut."""
    cdef uint64_t below = 0
    cdef uint64_t upto = 0
    cdef uint64_t i, middle
    if likely(bound.kind != BOUND_MEMBER):
        for i in range(node.count):     # no branch: the compiler takes several at a time
            below += node.score[i] < bound.score
            upto += node.score[i] <= bound.score
        if bound.kind == BOUND_SCORE:
            return <uint32_t>(upto if bound.after else below)
    else:
        upto = node.count
    while below < upto:                 # equal scores: the members decide
        middle = (below + upto) >> 1
        if passes(bound.score, node.first[middle], bound):
            below = middle + 1
        else:
            upto = middle
    return <uint32_t>below


cdef uint32_t leaf_search(const leaf_t* leaf, const bound_t* bound) noexcept nogil:
    """How many members of a leaf lie before the cut: nine parts, then one of them, each time with
    all that may be looked at asked for first."""
    cdef uint32_t low = 0
    cdef uint32_t high = leaf.count
    cdef uint32_t step, at
    cdef const scored_t* item
    while low < high:
        step = (high - low) // 8 + 1
        at = low + step - 1
        while at < high:
            prefetch_read(leaf_item(leaf, at))
            at += step
        at = low + step - 1
        while at < high:
            item = leaf_item(leaf, at)
            if passes(item.score, item, bound):
                low = at + 1
                at += step
            else:
                high = at
    return low


cdef void seek(const ordered_t* tree, const bound_t* bound, path_t* path) noexcept nogil:
    """The way to the cut: behind the last member before it, so in the leaf of that one."""
    cdef void* node = tree.root
    cdef inner_t* inner
    cdef uint32_t level, at
    for level in range(tree.height):
        inner = <inner_t*>node
        at = inner_search(inner, bound)
        at -= at > 0
        path.node[level] = inner
        path.at[level] = at
        node = inner.child[at]
        if KVD_DEBUG:
            kvd_assert(at < inner.count)
    path.leaf = <leaf_t*>node
    path.leaf_at = leaf_search(path.leaf, bound)


cdef void locate(const ordered_t* tree, const scored_t* item, path_t* path) noexcept nogil:
    """The way to a member of the tree, whose leaf is searched by address."""
    cdef bound_t bound = bound_of(item, True)
    cdef void* node = tree.root
    cdef uint32_t level, at, count
    for level in range(tree.height):
        path.node[level] = <inner_t*>node
        at = inner_search(<inner_t*>node, &bound)
        at -= at > 0
        path.at[level] = at
        node = path.node[level].child[at]
    path.leaf = <leaf_t*>node
    count = path.leaf.count
    at = 0
    while at < count and leaf_item(path.leaf, at) is not item:
        at += 1
    kvd_assert(at < count)              # it must be there
    path.leaf_at = at


cdef void seek_rank(const ordered_t* tree, uint64_t rank, path_t* path) noexcept nogil:
    """The way to the member of that rank, which is there."""
    cdef void* node = tree.root
    cdef inner_t* inner
    cdef uint32_t level, at
    for level in range(tree.height):
        inner = <inner_t*>node
        at = 0
        while rank >= inner.items[at]:
            rank -= inner.items[at]
            at += 1
        path.node[level] = inner
        path.at[level] = at
        node = inner.child[at]
    path.leaf = <leaf_t*>node
    path.leaf_at = <uint32_t>rank


cdef uint64_t rank_of(const ordered_t* tree, const path_t* path) noexcept nogil:
    cdef uint64_t rank = path.leaf_at
    cdef uint32_t level, i
    for level in range(tree.height):
        for i in range(path.at[level]):
            rank += path.node[level].items[i]
    return rank


# -- insertion ------------------------------------------------------------------------------------

cdef void leaf_insert(leaf_t* leaf, uint32_t at, const scored_t* item) noexcept nogil:
    memmove(leaf.refs + REF_SIZE * (at + 1), leaf.refs + REF_SIZE * at,
            REF_SIZE * (leaf.count - at))
    ref_set(leaf, at, item)
    leaf.count += 1


cdef leaf_t* leaf_split(ordered_t* tree, leaf_t* leaf, uint32_t at) noexcept nogil:
    """A new neighbour with the upper half; with nothing when `at` is behind the last of all, so
    that members which come in ascending order leave full leaves."""
    cdef uint32_t keep = LEAF_MAX // 2
    cdef leaf_t* right
    if leaf.next is NULL and at == <uint32_t>LEAF_MAX:
        keep = LEAF_MAX
    elif leaf.prev is NULL and at == 0:
        keep = 1                        # likewise descending: the first stays, to be inserted at
    right = leaf_create(tree, leaf, leaf.next)
    right.count = leaf.count - keep
    memcpy(right.refs, leaf.refs + REF_SIZE * keep, REF_SIZE * right.count)
    leaf.count = keep
    return right


cdef void inner_put(inner_t* node, uint64_t at, void* child, scored_t* first,
                    uint64_t items) noexcept nogil:
    inner_copy(node, at + 1, node, at, node.count - at)
    node.score[at] = first.score
    node.first[at] = first
    node.child[at] = child
    node.items[at] = items
    node.count += 1


cdef inner_t* inner_insert(ordered_t* tree, inner_t* node, uint64_t at, void* child,
                           scored_t* first, uint64_t items) noexcept nogil:
    """Returns the new right neighbour when the node was full."""
    cdef uint64_t keep = INNER_MAX // 2 + 1
    cdef inner_t* right
    if likely(node.count < INNER_MAX):
        inner_put(node, at, child, first, items)
        return NULL
    if at == <uint64_t>INNER_MAX:
        keep = INNER_MAX                # ascending, likely: leave a full node
    right = inner_create(tree)
    right.count = node.count - keep
    inner_copy(right, 0, node, keep, right.count)
    node.count = keep
    if at < keep or (at == keep and keep < <uint64_t>INNER_MAX and right.count):
        inner_put(node, at, child, first, items)
    else:
        inner_put(right, at - keep, child, first, items)
    return right


cdef void grow_root(ordered_t* tree, void* right, scored_t* first, uint64_t items) noexcept nogil:
    """The root was split: one above it."""
    cdef inner_t* root = inner_create(tree)
    kvd_assert(tree.height + 1 < <uint32_t>DEPTH_MAX)
    inner_put(root, 0, tree.root, leaf_item(tree.first, 0), tree.count - items)
    inner_put(root, 1, right, first, items)
    tree.root = root
    tree.height += 1


cdef void insert_at(ordered_t* tree, path_t* path, scored_t* item) noexcept nogil:
    cdef leaf_t* leaf = path.leaf
    cdef uint32_t at = path.leaf_at
    cdef uint32_t level = tree.height
    cdef void* right = NULL             # a new node beside the one below
    cdef scored_t* first = NULL         # ... its first member, and how many it has
    cdef uint64_t items = 0
    cdef inner_t* node
    cdef inner_t* split
    tree.count += 1
    if unlikely(leaf.count == <uint32_t>LEAF_MAX):
        right = leaf_split(tree, leaf, at)
        if at > leaf.count or leaf.count == <uint32_t>LEAF_MAX:
            leaf_insert(<leaf_t*>right, at - leaf.count, item)
        else:
            leaf_insert(leaf, at, item)
        first = leaf_item(<leaf_t*>right, 0)
        items = (<leaf_t*>right).count
    else:
        leaf_insert(leaf, at, item)
    while level:
        level -= 1
        node = path.node[level]
        node.items[path.at[level]] += 1
        if at == 0:                     # the least of all: every node here is the leftmost (O1)
            node.score[0] = item.score
            node.first[0] = item
        if unlikely(right is not NULL):
            node.items[path.at[level]] -= items
            split = inner_insert(tree, node, path.at[level] + 1, right, first, items)
            right = split
            if split is not NULL:
                first = split.first[0]
                items = inner_items(split)
    if unlikely(right is not NULL):
        grow_root(tree, right, first, items)


cdef void ordered_insert(ordered_t* tree, scored_t* item) noexcept nogil:
    cdef path_t path
    cdef bound_t bound
    if unlikely(tree.root is NULL):
        tree.root = leaf_create(tree, NULL, NULL)
    bound = bound_of(item, False)
    seek(tree, &bound, &path)
    insert_at(tree, &path, item)


# -- removal --------------------------------------------------------------------------------------

cdef void retell_first(path_t* path, uint32_t level, scored_t* first) noexcept nogil:
    """What lies at path.at[level - 1] begins with another member: O1, as far up as it shows."""
    cdef inner_t* node
    while level:
        level -= 1
        node = path.node[level]
        node.score[path.at[level]] = first.score
        node.first[path.at[level]] = first
        if path.at[level]:
            return


cdef void inner_drop(inner_t* node, uint64_t at) noexcept nogil:
    inner_copy(node, at, node, at + 1, node.count - at - 1)
    node.count -= 1


cdef void shrink_root(ordered_t* tree) noexcept nogil:
    cdef inner_t* root
    while tree.height:
        root = <inner_t*>tree.root
        if root.count > 1:
            return
        tree.root = root.child[0]
        tree.height -= 1
        inner_release(tree, root)


cdef bint join_leaves(ordered_t* tree, inner_t* parent, uint64_t at) noexcept nogil:
    """Put the leaf at + 1 into the one at `at`, if there is room (O4)."""
    cdef leaf_t* left
    cdef leaf_t* right
    if at + 1 >= parent.count or parent.items[at] + parent.items[at + 1] > LEAF_MAX * 3 // 4:
        return False
    left = <leaf_t*>parent.child[at]
    right = <leaf_t*>parent.child[at + 1]
    memcpy(left.refs + REF_SIZE * left.count, right.refs, REF_SIZE * right.count)
    left.count += right.count
    leaf_release(tree, right)
    parent.items[at] += parent.items[at + 1]
    inner_drop(parent, at + 1)
    return True


cdef bint join_inners(ordered_t* tree, inner_t* parent, uint64_t at) noexcept nogil:
    cdef inner_t* left
    cdef inner_t* right
    if at + 1 >= parent.count:
        return False
    left = <inner_t*>parent.child[at]
    right = <inner_t*>parent.child[at + 1]
    if left.count + right.count > INNER_MAX * 3 // 4:
        return False
    inner_copy(left, left.count, right, 0, right.count)
    left.count += right.count
    inner_release(tree, right)
    parent.items[at] += parent.items[at + 1]
    inner_drop(parent, at + 1)
    return True


cdef bint join_around(ordered_t* tree, inner_t* parent, uint64_t at, bint leaves) noexcept nogil:
    """Join a child with its neighbours, and those with theirs, where there is room (O4)."""
    cdef bint joined = False
    while (join_leaves(tree, parent, at) if leaves else join_inners(tree, parent, at)):
        joined = True
    while at and (join_leaves(tree, parent, at - 1) if leaves
                  else join_inners(tree, parent, at - 1)):
        at -= 1
        joined = True
    return joined


cdef void mend(ordered_t* tree, path_t* path, uint32_t level) noexcept nogil:
    """Children went from the node at `level`: join it with a neighbour where O4 asks for it, and
    so on upwards."""
    while level and path.node[level].count < <uint64_t>INNER_MAX // 2:
        level -= 1
        if not join_around(tree, path.node[level], path.at[level], False):
            break
    shrink_root(tree)


cdef void drop_leaf(ordered_t* tree, path_t* path) noexcept nogil:
    """The leaf is empty: it goes, and every node above that only led to it."""
    cdef uint32_t level = tree.height
    cdef inner_t* node
    leaf_release(tree, path.leaf)
    while level:
        level -= 1
        node = path.node[level]
        inner_drop(node, path.at[level])
        if node.count:
            if path.at[level] == 0:
                retell_first(path, level, node.first[0])
            else:                       # two are neighbours that were not
                join_around(tree, node, path.at[level] - 1, level + 1 == tree.height)
            mend(tree, path, level)
            return
        inner_release(tree, node)
    ordered_init(tree, tree.heap)       # nothing is left


cdef void cut(ordered_t* tree, path_t* path, uint32_t count) noexcept nogil:
    """Take `count` references out of a leaf."""
    cdef leaf_t* leaf = path.leaf
    cdef uint32_t at = path.leaf_at
    cdef uint32_t level
    memmove(leaf.refs + REF_SIZE * at, leaf.refs + REF_SIZE * (at + count),
            REF_SIZE * (leaf.count - at - count))
    leaf.count -= count
    tree.count -= count
    for level in range(tree.height):
        path.node[level].items[path.at[level]] -= count
    if unlikely(leaf.count == 0):
        drop_leaf(tree, path)
        return
    if at == 0:
        retell_first(path, tree.height, leaf_item(leaf, 0))
    if tree.height == 0 or leaf.count >= LEAF_MAX // 2:
        return
    level = tree.height - 1
    if join_around(tree, path.node[level], path.at[level], True):
        mend(tree, path, level)


cdef void ordered_remove(ordered_t* tree, scored_t* item) noexcept nogil:
    cdef path_t path
    locate(tree, item, &path)
    cut(tree, &path, 1)


cdef size_t ordered_take(ordered_t* tree, uint64_t rank, uint64_t count,
                         scored_t** out) noexcept nogil:
    cdef path_t path
    cdef uint32_t i, n
    if rank >= tree.count or count == 0:
        return 0
    seek_rank(tree, rank, &path)
    n = path.leaf.count - path.leaf_at
    if n > count:
        n = <uint32_t>count
    for i in range(n):
        out[i] = leaf_item(path.leaf, path.leaf_at + i)
        prefetch_read(out[i])
    cut(tree, &path, n)
    return n


# -- other changes --------------------------------------------------------------------------------

cdef scored_t* neighbour(const path_t* path, int step) noexcept nogil:
    """The one before (-1) or behind (1) the place; NULL at the end."""
    if step < 0:
        if path.leaf_at:
            return leaf_item(path.leaf, path.leaf_at - 1)
        return leaf_item(path.leaf.prev, path.leaf.prev.count - 1) if path.leaf.prev else NULL
    if path.leaf_at + 1 < path.leaf.count:
        return leaf_item(path.leaf, path.leaf_at + 1)
    return leaf_item(path.leaf.next, 0) if path.leaf.next else NULL


cdef void ordered_rescore(ordered_t* tree, scored_t* item, double score) noexcept nogil:
    cdef path_t path
    cdef scored_t* prev
    cdef scored_t* next
    locate(tree, item, &path)
    prev = neighbour(&path, -1)
    next = neighbour(&path, 1)
    prefetch_read(prev)
    prefetch_read(next)
    # Equal scores would ask for the members' order: it is rare enough to go the long way.
    if (prev is NULL or prev.score < score) and (next is NULL or score < next.score):
        item.score = score
        if path.leaf_at == 0:
            retell_first(&path, tree.height, item)
        return
    cut(tree, &path, 1)
    item.score = score
    ordered_insert(tree, item)


cdef scored_t* ordered_move(ordered_t* tree, scored_t* item) noexcept nogil:
    cdef path_t path
    locate(tree, item, &path)
    item = <scored_t*>heap_move(tree.heap, item, scored_size(item))
    ref_set(path.leaf, path.leaf_at, item)
    if path.leaf_at == 0:
        retell_first(&path, tree.height, item)
    return item


cdef leaf_t* move_leaf(ordered_t* tree, leaf_t* leaf) noexcept nogil:
    leaf = <leaf_t*>heap_move(tree.heap, leaf, LEAF_SIZE)
    if leaf.prev is NULL:
        tree.first = leaf
    else:
        leaf.prev.next = leaf
    if leaf.next is NULL:
        tree.last = leaf
    else:
        leaf.next.prev = leaf
    return leaf


cdef uint64_t ordered_move_nodes(ordered_t* tree, uint64_t rank, unsigned percent) noexcept nogil:
    cdef void** link = &tree.root
    cdef inner_t* node
    cdef uint64_t left = rank           # from the node's first member on
    cdef uint32_t level, at
    if rank >= tree.count:
        return 0
    for level in range(tree.height):
        if heap_should_move(tree.heap, link[0], sizeof(inner_t), percent):
            link[0] = heap_move(tree.heap, link[0], sizeof(inner_t))
        node = <inner_t*>link[0]
        at = 0
        while left >= node.items[at]:
            left -= node.items[at]
            at += 1
        link = &node.child[at]
    if heap_should_move(tree.heap, link[0], LEAF_SIZE, percent):
        link[0] = move_leaf(tree, <leaf_t*>link[0])
    rank += (<leaf_t*>link[0]).count - left
    return rank if rank < tree.count else 0


# -- reading --------------------------------------------------------------------------------------

cdef uint64_t ordered_rank(const ordered_t* tree, const scored_t* item) noexcept nogil:
    cdef path_t path
    locate(tree, item, &path)
    return rank_of(tree, &path)


cdef uint64_t ordered_count_before(const ordered_t* tree, const bound_t* bound) noexcept nogil:
    cdef path_t path
    if tree.root is NULL:
        return 0
    seek(tree, bound, &path)
    return rank_of(tree, &path)


cdef place_t ordered_after(const ordered_t* tree, const bound_t* bound) noexcept nogil:
    cdef path_t path
    cdef place_t place
    place.leaf = NULL
    place.at = 0
    if tree.root is NULL:
        return place
    seek(tree, bound, &path)
    place.leaf = path.leaf
    place.at = path.leaf_at
    if place.at == place.leaf.count:
        place.leaf = place.leaf.next
        place.at = 0
    place_fetch(&place, 1)
    return place


cdef place_t ordered_before(const ordered_t* tree, const bound_t* bound) noexcept nogil:
    cdef path_t path
    cdef place_t place
    place.leaf = NULL
    place.at = 0
    if tree.root is NULL:
        return place
    seek(tree, bound, &path)
    # Only in the leftmost leaf does nothing lie before the cut.
    if path.leaf_at:
        place.leaf = path.leaf
        place.at = path.leaf_at - 1
        place_fetch(&place, -1)
    return place


cdef place_t ordered_at(const ordered_t* tree, uint64_t rank) noexcept nogil:
    cdef path_t path
    cdef place_t place
    place.leaf = NULL
    place.at = 0
    if rank < tree.count:
        seek_rank(tree, rank, &path)
        place.leaf = path.leaf
        place.at = path.leaf_at
        prefetch_read(place_item(place))
    return place
