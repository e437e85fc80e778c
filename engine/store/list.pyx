"""The value of a list.

A chain's first and last node keep room in their block beside the pack, so that pushing and popping
at the ends is a write of a few bytes: the pack begins a little earlier or later. A block grows by
doubling up to the limit of a pack, and is cut to size when its node comes to lie inside. Valkey
moves half a node's bytes on each push to the left.

    block:  [ gap | header, entries, FF | slack ]       room = gap + size of the pack + slack

Whatever changes a node in its middle first cuts the block to the pack (`settle`), since listpacks
are changed in exact blocks.

Invariants
    L1  every node has at least one element; an empty chain has no node
    L2  node.count is the elements of its pack, list.count those of all nodes
    L3  gap + size of the pack <= room, and pack - gap is the block
    L4  list.moving is a node of the list or NULL: unlink sees to it
"""
from libc.stddef cimport size_t
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove

from ..core.heap cimport (
    heap_alloc, heap_alloc_zero, heap_block_size, heap_free, heap_move, heap_realloc,
    heap_should_move,
)
from ..core.intrinsics cimport kvd_assert, likely, unlikely
from ..core.listpack cimport (
    LISTPACK_EMPTY, listpack_append, listpack_append_range, listpack_copy,
    listpack_count, listpack_create, listpack_delete, listpack_delete_range, listpack_entry_size,
    listpack_first, listpack_insert, listpack_last, listpack_next, listpack_plan, listpack_plan_t,
    listpack_pop_back, listpack_pop_front, listpack_prepend, listpack_prev, listpack_push_back,
    listpack_push_front, listpack_release, listpack_replace, listpack_seek, listpack_size,
    listpack_split,
)
from .entry cimport ENC_LISTPACK, ENC_QUICKLIST, TYPE_LIST
from .value cimport block_move, value_register, value_type_t

cdef enum:
    SAFE_SIZE = 8192                    # bytes of a pack that is limited by its elements
    FILL_MIN = -5
    FILL_MAX = 32767
    COST_ESTIMATE = 8                   # bytes that an entry takes besides its text, as a guess
    ROOM_MIN = 128
    SPARE_PART = 4                      # a block of which less than this part is used is cut
    MOVE_NODES = 128                    # in one step of defragmentation
    UNLIMITED = -1


# -- limits ---------------------------------------------------------------------------------------

cdef inline size_t size_limit(int fill) noexcept nogil:
    """4, 8, 16, 32 or 64 KB; with a limit of elements there is none of bytes."""
    if fill >= 0:
        return <size_t>UNLIMITED
    return <size_t>4096 << (-fill - 1 if fill >= FILL_MIN else -FILL_MIN - 1)


cdef inline uint64_t count_limit(int fill) noexcept nogil:
    return <uint64_t>UNLIMITED if fill < 0 else 1 if fill == 0 else <uint64_t>fill


cdef inline bint exceeds(int fill, size_t size, uint64_t count) noexcept nogil:
    if fill < 0:
        return size > size_limit(fill)
    return size > SAFE_SIZE or count > count_limit(fill)


cdef inline bint is_large(int fill, size_t size) noexcept nogil:
    return size > (<size_t>SAFE_SIZE if fill >= 0 else size_limit(fill))


cdef inline bint takes(const list_node_t* node, int fill, size_t size) noexcept nogil:
    """Whether one more element of this size belongs into the node."""
    return (node is not NULL and not node.large and not is_large(fill, size)
            and not exceeds(fill, listpack_size(node.pack) + size + COST_ESTIMATE,
                            <uint64_t>node.count + 1))


# -- nodes ----------------------------------------------------------------------------------------

cdef list_node_t* node_create_take(heap_t* heap, uint8_t* pack, bint large) noexcept nogil:
    cdef list_node_t* node = <list_node_t*>heap_alloc(heap, sizeof(list_node_t))
    node.prev = NULL
    node.next = NULL
    node.pack = pack
    node.gap = 0
    node.room = listpack_size(pack)
    node.count = <uint32_t>listpack_count(pack)
    node.large = large
    return node


cdef list_node_t* node_create(heap_t* heap, slice_t value, int fill) noexcept nogil:
    return node_create_take(heap, listpack_append(heap, listpack_create(heap), value),
                            is_large(fill, value.size))


cdef void node_release(heap_t* heap, list_node_t* node) noexcept nogil:
    heap_free(heap, node.pack - node.gap, node.room)
    heap_free(heap, node, sizeof(list_node_t))


cdef void settle(heap_t* heap, list_node_t* node) noexcept nogil:
    """Cut the block to the pack."""
    cdef uint8_t* block = node.pack - node.gap
    cdef uint32_t size = listpack_size(node.pack)
    if node.gap:
        memmove(block, node.pack, size)
        node.gap = 0
    if node.room != size:
        block = <uint8_t*>heap_realloc(heap, block, node.room, size)
        node.room = size
    node.pack = block


cdef void noted(list_node_t* node, uint8_t* pack, int64_t change) noexcept nogil:
    """The pack of a settled node was changed."""
    node.pack = pack
    node.room = listpack_size(pack)
    node.count = <uint32_t>(node.count + change)


cdef void make_room(heap_t* heap, list_node_t* node, size_t need, int fill,
                    bint front) noexcept nogil:
    """`need` bytes free before or behind the pack."""
    cdef size_t size = listpack_size(node.pack)
    cdef size_t room = node.room
    cdef size_t most = SAFE_SIZE if fill >= 0 else size_limit(fill)
    cdef uint8_t* block = node.pack - node.gap
    cdef uint8_t* grown
    cdef size_t gap
    if room - size < need + size // SPARE_PART:
        room = 2 * size + need
        room = most if room > most else ROOM_MIN if room < ROOM_MIN else room
        room = heap_block_size(size + need if room < size + need else room)
    # A node that is not the list's other end, too, grows in one direction.
    gap = room - size
    if not front:
        gap = 0 if node.prev is not NULL else (gap - need) // 2
    elif node.next is NULL:
        gap = need + (gap - need) // 2
    if room == node.room:
        memmove(block + gap, node.pack, size)
    else:
        grown = <uint8_t*>heap_alloc(heap, room)
        memcpy(grown + gap, node.pack, size)
        heap_free(heap, block, node.room)
        block = grown
        node.room = <uint32_t>room
    node.gap = <uint32_t>gap
    node.pack = block + gap


cdef inline void node_push(heap_t* heap, list_node_t* node, const listpack_plan_t* plan, int fill,
                           bint front) noexcept nogil:
    cdef size_t free = node.gap if front else node.room - node.gap - listpack_size(node.pack)
    if unlikely(free < plan.size):
        make_room(heap, node, plan.size, fill, front)
    if front:
        node.pack = listpack_push_front(node.pack, plan)
        node.gap -= <uint32_t>plan.size
    else:
        listpack_push_back(node.pack, plan)
    node.count += 1


cdef void node_add(heap_t* heap, list_node_t* node, slice_t value, bint front) noexcept nogil:
    """To a node that may lie inside: it gets no room for more."""
    settle(heap, node)
    if front:
        noted(node, listpack_prepend(heap, node.pack, value), 1)
    else:
        noted(node, listpack_append(heap, node.pack, value), 1)


cdef inline void node_pop(heap_t* heap, list_node_t* node, bint front) noexcept nogil:
    cdef uint8_t* pack
    if front:
        pack = listpack_pop_front(node.pack)
        node.gap += <uint32_t>(pack - node.pack)
        node.pack = pack
    else:
        listpack_pop_back(node.pack)
    node.count -= 1
    if unlikely(node.room > ROOM_MIN and listpack_size(node.pack) < node.room // SPARE_PART):
        settle(heap, node)


# -- the chain ------------------------------------------------------------------------------------

cdef void link(list_t* list, list_node_t* node, list_node_t* before) noexcept nogil:
    """In front of `before`, or at the end. Its elements are counted by the caller."""
    node.next = before
    node.prev = before.prev if before is not NULL else list.tail
    if node.prev is not NULL:
        node.prev.next = node
    else:
        list.head = node
    if before is not NULL:
        before.prev = node
    else:
        list.tail = node
    list.node_count += 1


cdef void unlink(heap_t* heap, list_t* list, list_node_t* node) noexcept nogil:
    """Release it as well; its elements are counted by the caller."""
    if node.prev is not NULL:
        node.prev.next = node.next
    else:
        list.head = node.next
    if node.next is not NULL:
        node.next.prev = node.prev
    else:
        list.tail = node.prev
    if list.moving == node:             # L4
        list.moving = node.next
    list.node_count -= 1
    node_release(heap, node)


cdef void link_end(heap_t* heap, list_t* list, list_node_t* node, bint front) noexcept nogil:
    """A new first or last node; the one that was there comes to lie inside."""
    cdef list_node_t* old = list.head if front else list.tail
    if old is not NULL:
        settle(heap, old)
    link(list, node, list.head if front else NULL)


cdef list_t* chain_create(heap_t* heap, int fill) noexcept nogil:
    cdef list_t* list = <list_t*>heap_alloc_zero(heap, sizeof(list_t))
    list.fill = FILL_MIN if fill < FILL_MIN else FILL_MAX if fill > FILL_MAX else fill
    return list


cdef void chain_push(heap_t* heap, list_t* list, slice_t value, bint front) noexcept nogil:
    cdef list_node_t* node = list.head if front else list.tail
    cdef listpack_plan_t plan
    if likely(takes(node, list.fill, value.size)):
        listpack_plan(&plan, value)
        node_push(heap, node, &plan, list.fill, front)
    else:
        link_end(heap, list, node_create(heap, value, list.fill), front)
    list.count += 1


cdef void chain_pop(heap_t* heap, list_t* list, bint front) noexcept nogil:
    cdef list_node_t* node = list.head if front else list.tail
    if node.count == 1:
        unlink(heap, list, node)
    else:
        node_pop(heap, node, front)
    list.count -= 1


cdef bint chain_seek(const list_t* list, int64_t index, list_at_t* at) noexcept nogil:
    cdef list_node_t* node
    cdef uint64_t left
    cdef bint back = index < 0
    left = <uint64_t>(-(index + 1)) if back else <uint64_t>index
    if left >= list.count:
        return False
    if left > list.count // 2:
        left = list.count - 1 - left
        back = not back
    if back:
        node = list.tail
        while left >= node.count:
            left -= node.count
            node = node.prev
        at.at = listpack_seek(node.pack, -<int64_t>left - 1)
    else:
        node = list.head
        while left >= node.count:
            left -= node.count
            node = node.next
        at.at = listpack_seek(node.pack, <int64_t>left)
    at.node = node
    return True


# -- inserting into a chain -----------------------------------------------------------------------

cdef list_node_t* split(heap_t* heap, list_t* list, list_node_t* node,
                        uint8_t* at) noexcept nogil:
    """What stands from `at` on becomes a node behind. The node is settled, `at` not its first."""
    cdef uint8_t* rest
    cdef uint8_t* pack = listpack_split(heap, node.pack, at, &rest)
    cdef list_node_t* right = node_create_take(heap, rest, False)
    noted(node, pack, -<int64_t>right.count)
    link(list, right, node.next)
    return right


cdef bint can_merge(const list_t* list, const list_node_t* left,
                    const list_node_t* right) noexcept nogil:
    return (left is not NULL and right is not NULL and not left.large and not right.large
            and not exceeds(list.fill, <size_t>listpack_size(left.pack)
                            + listpack_size(right.pack) - LISTPACK_EMPTY,
                            <uint64_t>left.count + right.count))


cdef list_node_t* merge(heap_t* heap, list_t* list, list_node_t* left) noexcept nogil:
    """The node's elements and those of the next one in one node."""
    cdef list_node_t* right = left.next
    settle(heap, left)
    noted(left, listpack_append_range(heap, left.pack, listpack_first(right.pack),
                                      <uint64_t>-1), right.count)
    unlink(heap, list, right)
    return left


cdef void merge_around(heap_t* heap, list_t* list, list_node_t* center) noexcept nogil:
    """Two nodes to the left, two to the right, then the center with its neighbours."""
    if center.prev is not NULL and can_merge(list, center.prev.prev, center.prev):
        merge(heap, list, center.prev.prev)
    if center.next is not NULL and can_merge(list, center.next, center.next.next):
        merge(heap, list, center.next)
    if can_merge(list, center.prev, center):
        center = merge(heap, list, center.prev)
    if can_merge(list, center, center.next):
        merge(heap, list, center)


cdef void chain_insert(heap_t* heap, list_t* list, list_at_t* at, slice_t value,
                       bint after) noexcept nogil:
    cdef list_node_t* node = at.node
    cdef list_node_t* beside = node.next if after else node.prev
    cdef list_node_t* right
    cdef uint8_t* place
    cdef size_t offset = at.at - node.pack
    cdef bint at_end = listpack_next(at.at) is NULL if after \
        else listpack_prev(node.pack, at.at) is NULL
    list.count += 1
    if takes(node, list.fill, value.size):
        settle(heap, node)
        place = node.pack + offset
        noted(node, listpack_insert(heap, node.pack, &place, value, after), 1)
    elif at_end and takes(beside, list.fill, value.size):
        node_add(heap, beside, value, after)
    elif at_end:
        settle(heap, node)              # it may have been the list's end
        link(list, node_create(heap, value, list.fill), node.next if after else node)
    else:
        settle(heap, node)
        place = node.pack + offset
        right = split(heap, list, node, place + listpack_entry_size(place) if after else place)
        if is_large(list.fill, value.size):
            link(list, node_create(heap, value, list.fill), right)
            return
        node_add(heap, right if after else node, value, after)
        merge_around(heap, list, node if after else right)


cdef void chain_replace(heap_t* heap, list_t* list, list_at_t* at, slice_t value) noexcept nogil:
    cdef list_node_t* node = at.node
    cdef list_node_t* fresh
    cdef size_t offset = at.at - node.pack
    cdef uint8_t* place
    cdef uint8_t* behind
    if not node.large and not is_large(list.fill, value.size):
        settle(heap, node)
        place = node.pack + offset
        noted(node, listpack_replace(heap, node.pack, &place, value), 0)
        return
    if node.large and not is_large(list.fill, value.size):
        chain_insert(heap, list, at, value, True)
        unlink(heap, list, node)
        list.count -= 1
        return
    fresh = node_create(heap, value, list.fill)
    settle(heap, node)
    place = node.pack + offset
    behind = listpack_next(place)
    if behind is not NULL:
        split(heap, list, node, behind)
    link(list, fresh, node.next)
    if node.count == 1:
        unlink(heap, list, node)
    else:
        noted(node, listpack_delete_range(heap, node.pack, -1, 1), -1)
        merge_around(heap, list, fresh)


# -- removing from a chain ------------------------------------------------------------------------

cdef bint chain_delete(heap_t* heap, list_t* list, list_at_t* at, bint forward) noexcept nogil:
    cdef list_node_t* node = at.node
    cdef list_node_t* beside = node.next if forward else node.prev
    cdef size_t offset = at.at - node.pack
    list.count -= 1
    if node.count == 1:
        unlink(heap, list, node)
        at.at = NULL
    else:
        settle(heap, node)
        at.at = node.pack + offset
        noted(node, listpack_delete(heap, node.pack, &at.at, 1), -1)
        if not forward:
            at.at = listpack_last(node.pack) if at.at is NULL \
                else listpack_prev(node.pack, at.at)
    if at.at is NULL:
        if beside is NULL:
            return False
        at.node = beside
        at.at = listpack_first(beside.pack) if forward else listpack_last(beside.pack)
    return True


cdef void node_delete_range(heap_t* heap, list_node_t* node, uint32_t start,
                            uint32_t count) noexcept nogil:
    """Not all of the node's elements. At an end nothing is moved."""
    if start == 0 or start + count == node.count:
        while count:
            node_pop(heap, node, start == 0)
            count -= 1
        if node.prev is not NULL and node.next is not NULL:
            settle(heap, node)
        return
    settle(heap, node)
    noted(node, listpack_delete_range(heap, node.pack, start, count), -<int64_t>count)


cdef void chain_delete_range(heap_t* heap, list_t* list, uint64_t start,
                             uint64_t count) noexcept nogil:
    cdef list_node_t* node
    cdef list_node_t* next
    cdef uint64_t from_tail, here
    cdef uint64_t total = list.count
    if start >= total:
        return
    if count > total - start:
        count = total - start
    list.count -= count
    if start < total // 2:
        node = list.head
        while start >= node.count:
            start -= node.count
            node = node.next
    else:                               # from the nearer end
        node = list.tail
        from_tail = total - start
        while from_tail > node.count:
            from_tail -= node.count
            node = node.prev
        start = node.count - from_tail
    while count:
        next = node.next
        here = node.count - start
        if here > count:
            here = count
        if here == node.count:
            unlink(heap, list, node)
        else:
            node_delete_range(heap, node, <uint32_t>start, <uint32_t>here)
        start = 0
        count -= here
        node = next


# -- making ---------------------------------------------------------------------------------------

cdef void list_create(list_value_t* list, heap_t* heap, int fill) noexcept nogil:
    list.heap = heap
    list.encoding = ENC_LISTPACK
    list.body = listpack_create(heap)
    list.fill = fill


cdef void list_create_chain(list_value_t* list, heap_t* heap, int fill) noexcept nogil:
    list.heap = heap
    list.encoding = ENC_QUICKLIST
    list.body = chain_create(heap, fill)
    list.fill = fill


cdef void list_add_node_take(list_value_t* list, uint8_t* pack, bint large) noexcept nogil:
    cdef list_t* chain = <list_t*>list.body
    cdef list_node_t* node = node_create_take(list.heap, pack, large)
    kvd_assert(list.encoding == ENC_QUICKLIST and node.count > 0)       # L1
    link(chain, node, NULL)
    chain.count += node.count


cdef void list_release(list_value_t* list) noexcept nogil:
    while release(list.heap, list.encoding, list.body, <size_t>-1):
        pass


# -- reading --------------------------------------------------------------------------------------

cdef uint64_t list_count(const list_value_t* list) noexcept nogil:
    return count_of(list.encoding, list.body)


cdef bint list_seek(const list_value_t* list, int64_t index, list_at_t* at) noexcept nogil:
    if list.encoding == ENC_QUICKLIST:
        return chain_seek(<const list_t*>list.body, index, at)
    at.node = NULL
    at.at = listpack_seek(<const uint8_t*>list.body, index)
    return at.at is not NULL


cdef bint list_next(const list_value_t* list, list_at_t* at) noexcept nogil:
    at.at = listpack_next(at.at)
    if at.at is NULL and at.node is not NULL and at.node.next is not NULL:
        at.node = at.node.next
        at.at = listpack_first(at.node.pack)
    return at.at is not NULL


cdef bint list_prev(const list_value_t* list, list_at_t* at) noexcept nogil:
    if at.node is NULL:
        at.at = listpack_prev(<const uint8_t*>list.body, at.at)
        return at.at is not NULL
    at.at = listpack_prev(at.node.pack, at.at)
    if at.at is NULL and at.node.prev is not NULL:
        at.node = at.node.prev
        at.at = listpack_last(at.node.pack)
    return at.at is not NULL


# -- changing -------------------------------------------------------------------------------------

cdef void list_grow(list_value_t* list, size_t bytes, uint64_t count) noexcept nogil:
    cdef uint8_t* pack = <uint8_t*>list.body
    if likely(list.encoding == ENC_QUICKLIST
              or not exceeds(list.fill, listpack_size(pack) + bytes,
                             listpack_count(pack) + count)):
        return
    list_create_chain(list, list.heap, list.fill)
    if listpack_count(pack):
        list_add_node_take(list, pack, False)
    else:
        listpack_release(list.heap, pack)


cdef void list_shrink(list_value_t* list, bint half) noexcept nogil:
    cdef list_t* chain = <list_t*>list.body
    cdef list_node_t* node
    cdef size_t size_max
    cdef uint64_t count_max
    if list.encoding != ENC_QUICKLIST or chain.node_count != 1 or chain.head.large:
        return
    node = chain.head
    size_max = size_limit(chain.fill)
    count_max = count_limit(chain.fill)
    if half:
        size_max //= 2
        count_max //= 2
    if listpack_size(node.pack) > size_max or chain.count > count_max:
        return
    settle(list.heap, node)
    list.encoding = ENC_LISTPACK
    list.body = node.pack
    heap_free(list.heap, node, sizeof(list_node_t))
    heap_free(list.heap, chain, sizeof(list_t))


cdef void list_push(list_value_t* list, slice_t value, bint front) noexcept nogil:
    if list.encoding == ENC_QUICKLIST:
        chain_push(list.heap, <list_t*>list.body, value, front)
    elif front:
        list.body = listpack_prepend(list.heap, <uint8_t*>list.body, value)
    else:
        list.body = listpack_append(list.heap, <uint8_t*>list.body, value)


cdef void list_pop(list_value_t* list, bint front) noexcept nogil:
    if list.encoding == ENC_QUICKLIST:
        chain_pop(list.heap, <list_t*>list.body, front)
    else:
        list.body = listpack_delete_range(list.heap, <uint8_t*>list.body, 0 if front else -1, 1)


cdef void list_insert(list_value_t* list, list_at_t* at, slice_t value,
                      bint after) noexcept nogil:
    if list.encoding == ENC_QUICKLIST:
        chain_insert(list.heap, <list_t*>list.body, at, value, after)
    else:
        list.body = listpack_insert(list.heap, <uint8_t*>list.body, &at.at, value, after)


cdef void list_replace(list_value_t* list, list_at_t* at, slice_t value) noexcept nogil:
    if list.encoding == ENC_QUICKLIST:
        chain_replace(list.heap, <list_t*>list.body, at, value)
    else:
        list.body = listpack_replace(list.heap, <uint8_t*>list.body, &at.at, value)


cdef bint list_delete(list_value_t* list, list_at_t* at, bint forward) noexcept nogil:
    cdef uint8_t* pack
    if list.encoding == ENC_QUICKLIST:
        return chain_delete(list.heap, <list_t*>list.body, at, forward)
    pack = listpack_delete(list.heap, <uint8_t*>list.body, &at.at, 1)
    list.body = pack
    if not forward:
        at.at = listpack_last(pack) if at.at is NULL else listpack_prev(pack, at.at)
    return at.at is not NULL


cdef void list_delete_range(list_value_t* list, uint64_t start, uint64_t count) noexcept nogil:
    if list.encoding == ENC_QUICKLIST:
        chain_delete_range(list.heap, <list_t*>list.body, start, count)
    elif start <= INT64_MAX:
        list.body = listpack_delete_range(list.heap, <uint8_t*>list.body, <int64_t>start, count)


# -- what the floors above ask of any value -------------------------------------------------------

cdef bint release(heap_t* heap, encoding_t encoding, void* body, size_t effort) noexcept nogil:
    cdef list_t* list = <list_t*>body
    if encoding == ENC_LISTPACK:
        listpack_release(heap, <uint8_t*>body)
        return False
    while list.head is not NULL and effort:
        unlink(heap, list, list.head)
        effort -= 1
    if list.head is not NULL:
        return True
    heap_free(heap, list, sizeof(list_t))
    return False


cdef size_t effort_of(encoding_t encoding, const void* body) noexcept nogil:
    return 1 if encoding == ENC_LISTPACK else 1 + (<const list_t*>body).node_count


cdef uint64_t count_of(encoding_t encoding, const void* body) noexcept nogil:
    if encoding == ENC_QUICKLIST:
        return (<const list_t*>body).count
    return listpack_count(<const uint8_t*>body)


cdef size_t memory(encoding_t encoding, const void* body, size_t samples) noexcept nogil:
    cdef const list_t* list = <const list_t*>body
    cdef const list_node_t* node
    cdef size_t size = 0
    cdef uint64_t seen = 0
    cdef uint64_t nodes = 0
    if encoding == ENC_LISTPACK:
        return heap_block_size(listpack_size(<const uint8_t*>body))
    node = list.head
    while node is not NULL and (samples == 0 or seen < samples):
        size += heap_block_size(sizeof(list_node_t)) + heap_block_size(node.room)
        seen += node.count
        nodes += 1
        node = node.next
    if node is not NULL:
        size = <size_t>(<double>size / <double>nodes * <double>list.node_count)
    return size + heap_block_size(sizeof(list_t))


cdef void* copy(heap_t* heap, encoding_t encoding, const void* body) noexcept nogil:
    cdef const list_t* list = <const list_t*>body
    cdef list_value_t fresh
    cdef const list_node_t* node
    if encoding == ENC_LISTPACK:
        return listpack_copy(heap, <const uint8_t*>body)
    list_create_chain(&fresh, heap, list.fill)
    node = list.head
    while node is not NULL:
        list_add_node_take(&fresh, listpack_copy(heap, node.pack), node.large)
        node = node.next
    return fresh.body


cdef void* move(heap_t* heap, encoding_t encoding, void* body, unsigned percent) noexcept nogil:
    """A long chain is moved by parts: `moving` says where the next visit goes on."""
    cdef list_t* list = <list_t*>body
    cdef list_node_t* node
    cdef int i
    if encoding == ENC_LISTPACK:
        return block_move(heap, body, listpack_size(<uint8_t*>body), percent)
    list = <list_t*>block_move(heap, list, sizeof(list_t), percent)
    node = list.moving if list.moving is not NULL else list.head
    for i in range(MOVE_NODES):
        if node is NULL:
            break
        node = move_node(heap, list, node, percent).next
    list.moving = node
    return list


cdef list_node_t* move_node(heap_t* heap, list_t* list, list_node_t* node,
                            unsigned percent) noexcept nogil:
    """Its place after."""
    cdef uint8_t* block = node.pack - node.gap
    node.pack = <uint8_t*>block_move(heap, block, node.room, percent) + node.gap
    if heap_should_move(heap, node, sizeof(list_node_t), percent):
        node = <list_node_t*>heap_move(heap, node, sizeof(list_node_t))
        if node.prev is not NULL:
            node.prev.next = node
        else:
            list.head = node
        if node.next is not NULL:
            node.next.prev = node
        else:
            list.tail = node
    return node


cdef value_type_t OPS = value_type_t(
    release, effort_of, memory, copy, count_of, move, NULL)
value_register(TYPE_LIST, &OPS)
