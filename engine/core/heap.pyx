"""The memory of one server.

A chunk is 4 MiB, aligned to its size, so the unit of a block, and from there its span, is found
by arithmetic on its address. Bookkeeping lives in the chunk's first unit, apart from the
blocks: blocks of 4096 bytes fill their units to the last byte.

    chunk: [ unit 0: chunk_t | unit 1 | unit 2 ... unit 63 ]
                                 \\____ span: blocks of one class ____/

Chunks are advised to be backed by huge pages once the heap is past HUGE_FROM: random access
over many megabytes is bound by address translation, and there is no fork here whose copies
would grow with the page size. Past RESERVE_FROM the next chunk is made ready by a thread before the
last one is full (reserve.pyx). A chunk of which pages were given back loses the advice until it is
full again, or the kernel would fill the holes with pages of its own accord. The thread also unmaps
what is emptied, chunks and large blocks.

A page's first touch costs as much as copying some ten of them, so the mappings of a few freed large
blocks are kept, as free units of chunks are: a reply of half a megabyte, or a value that replaces
one of its size, touches nothing for the first time. heap_purge gives back what nobody wants.

Evacuation: deletes leave spans that hold few blocks, which other classes cannot use. Whoever can
reach all blocks of an owner, as the keyspace can through its tables, asks heap_should_move for
each and moves those it names. The question itself picks the spans to empty: a walk over all
blocks meets every span early, so no pass over the spans comes before.

Invariants
    H1  a span is in its class's open list exactly when it has room and is not sparse; a sparse
        one is in heap.sparse, and has room
    H2  used counts class sizes; used of a heap without blocks is 0
    H3  a unit is free, or belongs to one span; free units are set bits in chunk.free
    H4  first[u] is the first unit of the span that owns u
    H5  while spans become sparse, the class's other spans have room for all of its blocks
    H6  kept_bytes is the sum of heap.kept, whose units are counted in dirty_units one by one
Cost: alloc and free O(1) but for the search of a run of units; 1/64 of a chunk is bookkeeping
address space, of which two pages are touched.
"""
from libc.stdint cimport SIZE_MAX, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.stdio cimport fprintf, stderr
from libc.stdlib cimport abort, free, malloc
from libc.string cimport memcpy, memset

from .intrinsics cimport (
    KVD_DEBUG, KVD_PLAIN_MALLOC, count_leading_zeros, count_ones, count_trailing_zeros,
    kvd_assert, kvd_static_assert, unlikely,
)
from .reserve cimport (
    map_aligned, reserve_ask, reserve_create, reserve_give, reserve_release, reserve_take,
)

cdef extern from "<sys/mman.h>" nogil:
    void* mmap(void* at, size_t size, int prot, int flags, int fd, long offset)
    int munmap(void* at, size_t size)
    void* mremap(void* at, size_t size_old, size_t size, int flags)
    int madvise(void* at, size_t size, int advice)
    int PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE, MREMAP_MAYMOVE
    int MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE
    void* MAP_FAILED

cdef enum:
    STEP_MAX = 512                      # bytes: classes are 8 apart up to here
    PAGE = 4096
    HUGE_FROM = 8388608                 # bytes mapped before chunks ask for huge pages
    UNITS_SPAN_MAX = 16
    RESERVE_FROM = 67108864             # bytes mapped before a chunk is lent in advance: to a small
                                        # heap it would be a large part
    RESERVE_AT = 16                     # free units in all, when the next chunk is made ready
    KEPT_ONE_MAX = 4194304              # bytes of one mapping that is kept
    KEPT_ALL_MAX = 8388608              # and of all together: or
    KEPT_PART = 8                       # so much of used memory, whatever is more
    KEPT_NEAR = 4                       # a size is near another within this part of it
    GIVE_FROM = 2097152                 # bytes: smaller mappings are unmapped in place
    WASTE_MAX = 20                      # a span wastes at most 1/20 of its units

cdef enum:
    SPAN_NONE = 0
    SPAN_OPEN = 1
    SPAN_FULL = 2
    SPAN_SPARSE = 3

cdef struct chunk_t:
    uint64_t free                       # bit u: unit u is free
    uint64_t dirty                      # bit u: free, and its pages still resident
    chunk_t* next_open
    chunk_t* prev_open
    chunk_t* next
    chunk_t* prev
    bint huge                           # huge pages are advised
    uint8_t first[CHUNK_UNITS]
    span_t spans[CHUNK_UNITS]


cdef inline uint32_t class_of(size_t size) noexcept nogil:
    cdef int log2
    if size <= STEP_MAX:
        return <uint32_t>((size + 7) >> 3) if size else 1
    log2 = 63 - count_leading_zeros(size - 1)
    return <uint32_t>(65 + (log2 - 9) * 16 + (((size - 1) >> (log2 - 4)) & 15))


cdef uint32_t class_size(uint32_t klass) noexcept nogil:
    cdef uint32_t log2
    if klass <= 64:
        return klass * 8
    log2 = (klass - 65) // 16 + 9
    return (<uint32_t>1 << log2) + ((klass - 65) % 16 + 1) * (<uint32_t>1 << (log2 - 4))


cdef inline chunk_t* chunk_of(const void* block) noexcept nogil:
    return <chunk_t*>(<uintptr_t>block & ~<uintptr_t>(CHUNK_SIZE - 1))


cdef inline span_t* span_of(const void* block) noexcept nogil:
    cdef chunk_t* chunk = chunk_of(block)
    return &chunk.spans[chunk.first[(<uintptr_t>block - <uintptr_t>chunk) >> 16]]


cdef void die(size_t size) noexcept nogil:
    fprintf(stderr, b"out of memory: the system refused %zu bytes\n", size)
    abort()


cdef void heap_init(heap_t* heap) noexcept nogil:
    cdef uint32_t k, units
    cdef size_t size
    kvd_static_assert(sizeof(chunk_t) <= UNIT_SIZE)
    memset(heap, 0, sizeof(heap_t))
    for k in range(1, <uint32_t>HEAP_CLASSES):
        size = class_size(k)
        units = <uint32_t>((size + UNIT_SIZE - 1) // UNIT_SIZE)
        while units < UNITS_SPAN_MAX and (units * UNIT_SIZE) % size * WASTE_MAX > units * UNIT_SIZE:
            units += 1
        heap.klass[k].size = <uint32_t>size
        heap.klass[k].units = units


cdef bint heap_free_all(heap_t* heap) noexcept nogil:
    cdef chunk_t* chunk = heap.chunks
    cdef chunk_t* next
    cdef bint clean = heap.used == 0
    if heap.reserve is not NULL:
        reserve_release(heap.reserve)
    while heap.kept_count:
        kept_drop(heap, heap.kept_count - 1)
    while chunk is not NULL:
        next = chunk.next
        munmap(chunk, CHUNK_SIZE)
        chunk = next
    heap_init(heap)
    return clean


cdef size_t heap_block_size(size_t size) noexcept nogil:
    if size <= BLOCK_MAX:
        return class_size(class_of(size))
    return (size + PAGE - 1) & ~<size_t>(PAGE - 1)


# -- chunks and units ---------------------------------------------------------------------------

cdef void open_push(heap_t* heap, chunk_t* chunk) noexcept nogil:
    chunk.prev_open = NULL
    chunk.next_open = heap.open
    if heap.open is not NULL:
        heap.open.prev_open = chunk
    heap.open = chunk


cdef void open_remove(heap_t* heap, chunk_t* chunk) noexcept nogil:
    if chunk.prev_open is not NULL:
        chunk.prev_open.next_open = chunk.next_open
    else:
        heap.open = chunk.next_open
    if chunk.next_open is not NULL:
        chunk.next_open.prev_open = chunk.prev_open


cdef void advise_huge(chunk_t* chunk, bint huge) noexcept nogil:
    # Before the first write to a fresh chunk, which decides what pages it gets.
    madvise(chunk, CHUNK_SIZE, MADV_HUGEPAGE if huge else MADV_NOHUGEPAGE)
    chunk.huge = huge


cdef void unmap(heap_t* heap, void* mapping, size_t size) noexcept nogil:
    """Give a mapping back: by the thread, if there is one and it is worth waking."""
    heap.mapped -= size
    if heap.reserve is not NULL and size >= GIVE_FROM:
        reserve_give(heap.reserve, mapping, size)
    else:
        munmap(mapping, size)


cdef chunk_t* chunk_create(heap_t* heap) noexcept nogil:
    """Map a chunk at an address that is a multiple of its size; NULL when refused."""
    cdef chunk_t* chunk = NULL
    if heap.reserve is not NULL:
        chunk = <chunk_t*>reserve_take(heap.reserve)
    if chunk is not NULL:
        chunk.huge = True
    else:
        chunk = <chunk_t*>map_aligned(CHUNK_SIZE)
        if chunk is NULL:
            return NULL
        if heap.mapped >= HUGE_FROM:
            advise_huge(chunk, True)
    heap.mapped += CHUNK_SIZE
    heap.chunk_count += 1
    chunk.free = ~<uint64_t>1           # H3: unit 0 is ours
    chunk.dirty = 0
    chunk.prev = NULL
    chunk.next = heap.chunks
    if heap.chunks is not NULL:
        heap.chunks.prev = chunk
    heap.chunks = chunk
    open_push(heap, chunk)
    return chunk


cdef void chunk_release(heap_t* heap, chunk_t* chunk) noexcept nogil:
    open_remove(heap, chunk)
    if chunk.prev is not NULL:
        chunk.prev.next = chunk.next
    else:
        heap.chunks = chunk.next
    if chunk.next is not NULL:
        chunk.next.prev = chunk.prev
    heap.dirty_units -= count_ones(chunk.dirty)
    heap.chunk_count -= 1
    unmap(heap, chunk, CHUNK_SIZE)


cdef int find_run(uint64_t free_units, uint32_t units) noexcept nogil:
    """The lowest unit that starts `units` set bits in a row, or -1."""
    cdef uint32_t i
    cdef uint64_t run = free_units
    for i in range(1, units):
        run &= free_units >> i
    return count_trailing_zeros(run) if run else -1


cdef bint is_nearly_full(const heap_t* heap) noexcept nogil:
    cdef const chunk_t* chunk = heap.open
    cdef int units = 0
    while chunk is not NULL and units <= RESERVE_AT:
        units += count_ones(chunk.free)
        chunk = chunk.next_open
    return units <= RESERVE_AT


cdef void ask_for_more(heap_t* heap) noexcept nogil:
    """The next chunk will be wanted soon: let its pages be there by then."""
    if heap.reserve is NULL:
        heap.reserve = reserve_create(CHUNK_SIZE)
    if heap.reserve is not NULL:        # without a thread we touch our pages ourselves
        reserve_ask(heap.reserve)


cdef span_t* span_create(heap_t* heap, uint32_t klass) noexcept nogil:
    cdef uint32_t units = heap.klass[klass].units
    cdef uint32_t u
    cdef chunk_t* chunk = heap.open
    cdef int first = -1
    cdef uint64_t mask
    cdef span_t* span
    while chunk is not NULL:
        first = find_run(chunk.free, units)
        if first >= 0:
            break
        chunk = chunk.next_open
    if chunk is NULL:
        chunk = chunk_create(heap)
        if chunk is NULL:
            return NULL
        first = 1
    mask = ((<uint64_t>1 << units) - 1) << first
    chunk.free &= ~mask
    heap.dirty_units -= count_ones(chunk.dirty & mask)
    chunk.dirty &= ~mask
    if chunk.free == 0:
        open_remove(heap, chunk)
        if unlikely(not chunk.huge) and heap.mapped > HUGE_FROM:
            advise_huge(chunk, True)
    if heap.mapped >= RESERVE_FROM and is_nearly_full(heap):
        ask_for_more(heap)
    for u in range(units):
        chunk.first[<uint32_t>first + u] = <uint8_t>first
    span = &chunk.spans[first]
    span.free = NULL
    span.fresh = <char*>chunk + <size_t>first * UNIT_SIZE
    span.count = units * UNIT_SIZE // heap.klass[klass].size
    span.end = span.fresh + <size_t>span.count * heap.klass[klass].size
    span.used = 0
    span.klass = <uint16_t>klass
    span.units = <uint8_t>units
    span.first = <uint32_t>first
    heap.klass[klass].room += span.count
    span_push(&heap.klass[klass].open, span, SPAN_OPEN)
    return span


cdef void span_push(span_t** list, span_t* span, uint8_t state) noexcept nogil:
    span.state = state
    span.prev = NULL
    span.next = list[0]
    if span.next is not NULL:
        span.next.prev = span
    list[0] = span


cdef void span_unlink(span_t** list, span_t* span, uint8_t state) noexcept nogil:
    span.state = state
    if span.prev is not NULL:
        span.prev.next = span.next
    else:
        list[0] = span.next
    if span.next is not NULL:
        span.next.prev = span.prev


cdef void span_release(heap_t* heap, span_t* span) noexcept nogil:
    """Give the units of an empty span back to its chunk."""
    cdef chunk_t* chunk = chunk_of(span)
    cdef uint64_t mask = ((<uint64_t>1 << span.units) - 1) << span.first
    if span.state == SPAN_SPARSE:
        span_unlink(&heap.sparse, span, SPAN_NONE)
        heap.sparse_count -= 1
    else:
        span_unlink(&heap.klass[span.klass].open, span, SPAN_NONE)
        heap.klass[span.klass].room -= span.count
    if chunk.free == 0:
        open_push(heap, chunk)
    chunk.free |= mask
    chunk.dirty |= mask
    heap.dirty_units += span.units
    # One empty chunk is kept, so that a load that breathes does not map and unmap.
    if chunk.free == ~<uint64_t>1 and (heap.open is not chunk or chunk.next_open is not NULL):
        chunk_release(heap, chunk)


# -- kept mappings ------------------------------------------------------------------------------

cdef void kept_resize(heap_t* heap, uint32_t i, char* at, size_t size) noexcept nogil:
    """H6. A mapping of no size leaves the list."""
    cdef kept_t* kept = &heap.kept[i]
    heap.kept_bytes = heap.kept_bytes - kept.size + size
    heap.dirty_units = heap.dirty_units - kept.size // UNIT_SIZE + size // UNIT_SIZE
    kept.at = at
    kept.size = size
    if size == 0:
        heap.kept_count -= 1
        kept[0] = heap.kept[heap.kept_count]


cdef bint kept_put(heap_t* heap, void* block, size_t size) noexcept nogil:
    """Keep a freed block's mapping in place of others, if it is not too large."""
    cdef size_t all_max = heap.used // KEPT_PART
    if all_max < <size_t>KEPT_ALL_MAX:
        all_max = <size_t>KEPT_ALL_MAX
    if size > KEPT_ONE_MAX:
        return False
    while heap.kept_count == KEPT_MAX or heap.kept_bytes + size > all_max:
        kept_drop(heap, 0)
    if KVD_DEBUG:
        memset(block, 0xDD, size)
    heap.kept[heap.kept_count].size = 0
    heap.kept_count += 1
    kept_resize(heap, heap.kept_count - 1, <char*>block, size)
    return True


cdef void kept_drop(heap_t* heap, uint32_t i) noexcept nogil:
    cdef kept_t kept = heap.kept[i]
    kept_resize(heap, i, NULL, 0)
    unmap(heap, kept.at, kept.size)


cdef uint64_t kept_cut(heap_t* heap, uint32_t i, uint64_t units_max) noexcept nogil:
    """Give up to so many units of a mapping back; how many, at least one."""
    cdef kept_t kept = heap.kept[i]
    cdef uint64_t units = kept.size // UNIT_SIZE
    cdef size_t left
    if units > units_max:
        left = kept.size - units_max * UNIT_SIZE
        if left > BLOCK_MAX:
            kept_resize(heap, i, kept.at, left)
            unmap(heap, kept.at + left, kept.size - left)
            return units_max
    kept_drop(heap, i)
    return units if units < units_max else units_max


cdef void* kept_take(heap_t* heap, size_t size, bint grow) noexcept nogil:
    """The mapping whose size is nearest, cut or (if the caller wants that) grown to it; NULL when
    none is near. A large one is not cut into many: somebody else will want it whole."""
    cdef uint32_t best = 0
    cdef uint32_t i
    cdef size_t apart, have
    cdef size_t apart_min = SIZE_MAX
    cdef void* block
    for i in range(heap.kept_count):
        have = heap.kept[i].size
        apart = have - size if have >= size else size - have if grow else SIZE_MAX
        if apart < apart_min:
            apart_min = apart
            best = i
    if apart_min > size // KEPT_NEAR:
        return NULL
    block = heap.kept[best].at
    have = heap.kept[best].size
    if have < size:
        block = mremap(block, have, size, MREMAP_MAYMOVE)
        if block == MAP_FAILED:
            return NULL
        heap.mapped += size - have
    elif have > size:
        unmap(heap, <char*>block + size, have - size)
    kept_resize(heap, best, NULL, 0)
    return block


# -- blocks -------------------------------------------------------------------------------------

cdef inline void count_used(heap_t* heap, size_t size) noexcept nogil:
    heap.used += size
    if heap.used > heap.used_peak:
        heap.used_peak = heap.used


cdef void* map_fresh(heap_t* heap, size_t size) noexcept nogil:
    cdef void* mapping = mmap(NULL, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    if mapping == MAP_FAILED:
        return NULL
    heap.mapped += size
    return mapping


cdef void* large_alloc(heap_t* heap, size_t size, bint zero) noexcept nogil:
    cdef size_t size_full = heap_block_size(size)
    cdef void* block = NULL
    if size_full < size:
        return NULL                     # rounding up passed the end of the address space
    if heap.kept_count and not zero:
        block = kept_take(heap, size_full, True)
    if block is NULL:
        block = map_fresh(heap, size_full)
        if block is NULL:
            return NULL
    count_used(heap, size_full)
    heap.large += size_full
    return block


cdef void* heap_alloc_try(heap_t* heap, size_t size) noexcept nogil:
    cdef uint32_t k
    cdef klass_t* klass
    cdef span_t* span
    cdef void* block
    if KVD_PLAIN_MALLOC:
        block = malloc(size if size else 1)
        if block is not NULL:
            count_used(heap, heap_block_size(size))
        return block
    if unlikely(size > BLOCK_MAX):
        return large_alloc(heap, size, False)
    k = class_of(size)
    klass = &heap.klass[k]
    span = klass.open
    if unlikely(span is NULL):
        span = span_create(heap, k)
        if span is NULL:
            return NULL
    if span.free is not NULL:
        block = span.free
        span.free = (<void**>block)[0]
    else:
        block = span.fresh
        span.fresh += klass.size
    span.used += 1
    klass.used += 1
    if span.free is NULL and span.fresh == span.end:
        span_unlink(&klass.open, span, SPAN_FULL)
    count_used(heap, klass.size)
    return block


cdef void* heap_alloc(heap_t* heap, size_t size) noexcept nogil:
    cdef void* block = heap_alloc_try(heap, size)
    if unlikely(block is NULL):
        die(size)
    return block


cdef void* heap_alloc_zero(heap_t* heap, size_t size) noexcept nogil:
    cdef void* block
    if KVD_PLAIN_MALLOC or size <= BLOCK_MAX:
        block = heap_alloc(heap, size)
        memset(block, 0, size)
        return block
    block = large_alloc(heap, size, True)         # a fresh mapping is zero already
    if unlikely(block is NULL):
        die(size)
    return block


cdef void check_block(const heap_t* heap, const span_t* span, const void* block,
                      size_t size) noexcept nogil:
    """Is this the address and the size of a block that we handed out?"""
    cdef const char* start = <const char*>chunk_of(block) + <size_t>span.first * UNIT_SIZE
    kvd_assert(span.klass == class_of(size))
    kvd_assert(span.state != SPAN_NONE and span.used > 0)
    kvd_assert(<const char*>block < span.fresh)
    kvd_assert(<size_t>(<const char*>block - start) % heap.klass[span.klass].size == 0)


cdef void heap_free(heap_t* heap, void* block, size_t size) noexcept nogil:
    cdef span_t* span
    cdef size_t size_full
    if block is NULL:
        return
    if KVD_PLAIN_MALLOC:
        heap.used -= heap_block_size(size)
        free(block)
        return
    if unlikely(size > BLOCK_MAX):
        size_full = heap_block_size(size)
        heap.used -= size_full
        heap.large -= size_full
        if not kept_put(heap, block, size_full):
            unmap(heap, block, size_full)
        return
    span = span_of(block)
    if KVD_DEBUG:
        check_block(heap, span, block, size)
        memset(block, 0xDD, heap.klass[span.klass].size)     # a stale pointer reads nonsense
    (<void**>block)[0] = span.free
    span.free = block
    span.used -= 1
    heap.klass[span.klass].used -= 1
    heap.used -= heap.klass[span.klass].size
    if span.state == SPAN_FULL:
        span_push(&heap.klass[span.klass].open, span, SPAN_OPEN)
    # An empty span goes back unless it is the class's only open one.
    if unlikely(span.used == 0) and (span.state != SPAN_OPEN or span.next is not NULL
                                     or span.prev is not NULL):
        span_release(heap, span)


cdef void* heap_realloc(heap_t* heap, void* block, size_t size_old, size_t size) noexcept nogil:
    cdef void* moved
    cdef size_t full_old, full
    if block is NULL:
        return heap_alloc(heap, size)
    if not KVD_PLAIN_MALLOC:
        if size_old <= BLOCK_MAX and size <= BLOCK_MAX:
            if class_of(size_old) == class_of(size):
                return block
        elif size_old > BLOCK_MAX and size > BLOCK_MAX:
            full_old = heap_block_size(size_old)
            full = heap_block_size(size)
            moved = kept_take(heap, full, False) if full > full_old else NULL
            if moved is not NULL:       # to copy costs less than so many pages touched first
                memcpy(moved, block, size_old)
                if not kept_put(heap, block, full_old):
                    unmap(heap, block, full_old)
            else:
                moved = mremap(block, full_old, full, MREMAP_MAYMOVE)
                if moved == MAP_FAILED:
                    die(size)
                heap.mapped += full - full_old  # may be negative: all of these wrap
            count_used(heap, full - full_old)
            heap.large += full - full_old
            return moved
    moved = heap_alloc(heap, size)
    memcpy(moved, block, size_old if size_old < size else size)
    heap_free(heap, block, size_old)
    return moved


# -- giving back --------------------------------------------------------------------------------

cdef bint heap_purge(heap_t* heap, uint64_t units_max) noexcept nogil:
    cdef chunk_t* chunk = heap.open
    cdef int first, units
    cdef void* ready
    if heap.reserve is not NULL and not is_nearly_full(heap):
        ready = reserve_take(heap.reserve)          # there is enough to go on with
        if ready is not NULL:
            reserve_give(heap.reserve, ready, CHUNK_SIZE)
    while heap.kept_count:
        if units_max == 0:
            return True
        units_max -= kept_cut(heap, heap.kept_count - 1, units_max)
    while chunk is not NULL and heap.dirty_units:
        while chunk.dirty:
            if units_max == 0:
                return True
            first = count_trailing_zeros(chunk.dirty)
            units = count_trailing_zeros(~(chunk.dirty >> first))
            if <uint64_t>units > units_max:
                units = <int>units_max
            if chunk.huge:
                advise_huge(chunk, False)
            madvise(<char*>chunk + <size_t>first * UNIT_SIZE, <size_t>units * UNIT_SIZE,
                    MADV_DONTNEED)
            chunk.dirty &= ~(((<uint64_t>1 << units) - 1) << first)
            heap.dirty_units -= <uint64_t>units
            units_max -= <uint64_t>units
        chunk = chunk.next_open
    return False


cdef bint heap_should_move(heap_t* heap, const void* block, size_t size,
                           unsigned percent) noexcept nogil:
    cdef span_t* span
    cdef klass_t* klass
    if KVD_PLAIN_MALLOC or size > BLOCK_MAX:
        return False
    span = span_of(block)
    if span.state != SPAN_OPEN:
        return span.state == SPAN_SPARSE
    klass = &heap.klass[span.klass]
    if klass.used * 100 >= klass.room * percent:
        return False
    # Emptier than most, and all that the class holds fits without it (H5)?
    if span.used * klass.room > klass.used * span.count or klass.room - span.count < klass.used:
        return False
    span_unlink(&klass.open, span, SPAN_SPARSE)
    span_push(&heap.sparse, span, SPAN_SPARSE)
    klass.room -= span.count
    heap.sparse_count += 1
    return True


cdef void* heap_move(heap_t* heap, void* block, size_t size) noexcept nogil:
    cdef void* moved = heap_alloc(heap, size)
    memcpy(moved, block, size)
    heap_free(heap, block, size)
    heap.moves += 1
    return moved


cdef bint heap_reopen_sparse(heap_t* heap, uint64_t spans_max) noexcept nogil:
    cdef span_t* span
    cdef klass_t* klass
    while heap.sparse is not NULL:
        if spans_max == 0:
            return True
        span = heap.sparse
        klass = &heap.klass[span.klass]
        span_unlink(&heap.sparse, span, SPAN_OPEN)
        span_push(&klass.open, span, SPAN_OPEN)
        klass.room += span.count
        heap.sparse_count -= 1
        spans_max -= 1
    return False
