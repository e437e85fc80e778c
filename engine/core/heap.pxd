"""The memory of one server: small size classes, exact accounting, no lock.

Terms
    block    what heap_alloc returns; its owner remembers its size and hands it back
    class    blocks of one rounded size: steps of 8 bytes up to 512, then 16 a doubling
    unit     64 KiB; a span is a run of units cut into blocks of one class
    chunk    4 MiB of units, mapped at once; its first unit holds what we know about the rest
    sparse   a span that serves no more blocks: its owner is moving those that are left
    used     bytes of all blocks, each at its class size: what INFO calls used_memory
    mapped   bytes asked from the system and not given back
    kept     mappings of freed large blocks that wait for the next ones
    dirty    free pages that are still resident: units of chunks, and what is kept

Blocks above BLOCK_MAX are mapped one by one, or take what is kept of others. Frees are sized: a
wrong size is a bug of the caller, which the debug build finds. One thread owns a heap.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from .reserve cimport reserve_t

cdef enum:
    HEAP_CLASSES = 209                  # 64 steps of 8 bytes, then 9 doublings of 16; 0 unused
    BLOCK_MAX = 262144                  # bytes; larger ones are mapped alone
    UNIT_SIZE = 65536
    CHUNK_UNITS = 64
    CHUNK_SIZE = 4194304
    KEPT_MAX = 64                       # mappings

cdef struct chunk_t

cdef struct kept_t:
    char* at
    size_t size                         # bytes: whole pages, above BLOCK_MAX

cdef struct span_t:
    void* free                          # freed blocks, last first, linked through their first word
    char* fresh                         # first byte never handed out
    char* end                           # where no further block fits
    span_t* next                        # in its class's list of spans with room, or among sparse
    span_t* prev
    uint32_t used                       # blocks handed out
    uint32_t count                      # blocks it can hold
    uint16_t klass
    uint8_t units
    uint8_t state                       # SPAN_*
    uint32_t first                      # its first unit in the chunk

cdef struct klass_t:
    span_t* open                        # spans with room; the head serves
    uint64_t used                       # blocks handed out
    uint64_t room                       # blocks that its spans can hold, sparse ones left out
    uint32_t size                       # bytes a block
    uint32_t units                      # units a span

cdef struct heap_t:
    size_t used
    size_t used_peak
    size_t mapped
    size_t large                        # bytes of blocks mapped alone
    uint64_t dirty_units                # whole units of free pages that the system still lends us
    kept_t kept[KEPT_MAX]               # in no order
    uint32_t kept_count
    size_t kept_bytes
    chunk_t* open                       # chunks with a free unit
    chunk_t* chunks                     # all
    uint64_t chunk_count
    reserve_t* reserve                  # owned, NULL until the heap has grown: the next chunk
    span_t* sparse                      # spans that wait to be emptied
    uint64_t sparse_count
    uint64_t moves                      # blocks that heap_move moved
    klass_t klass[HEAP_CLASSES]

cdef void heap_init(heap_t* heap) noexcept nogil
# Unmaps every chunk; true when all blocks had been given back. A large block that was not is lost.
cdef bint heap_free_all(heap_t* heap) noexcept nogil

# Never NULL: out of memory aborts. Blocks are aligned to 8 bytes; size 0 is served as 1.
cdef void* heap_alloc(heap_t* heap, size_t size) noexcept nogil
# NULL when the system refuses: for sizes that a client named.
cdef void* heap_alloc_try(heap_t* heap, size_t size) noexcept nogil
cdef void* heap_alloc_zero(heap_t* heap, size_t size) noexcept nogil
cdef void heap_free(heap_t* heap, void* block, size_t size) noexcept nogil
# Moves at most min(size_old, size) bytes; the block may stay where it is.
cdef void* heap_realloc(heap_t* heap, void* block, size_t size_old, size_t size) noexcept nogil
# The bytes that a block of `size` really occupies.
cdef size_t heap_block_size(size_t size) noexcept nogil

# Give the pages of up to `units_max` free units back; true while more remain.
cdef bint heap_purge(heap_t* heap, uint64_t units_max) noexcept nogil
# True when the owner of `block` would do well to copy it to a fresh block and free it: its span is
# sparse, or becomes it now, because its class uses less than `percent` of its room and this span
# less than most. What is moved always fits the spans that stay.
cdef bint heap_should_move(heap_t* heap, const void* block, size_t size,
                           unsigned percent) noexcept nogil
# Copy a block that should move; the old one is gone.
cdef void* heap_move(heap_t* heap, void* block, size_t size) noexcept nogil
# The moving is over: let up to `spans_max` spans that are still sparse serve again; true while
# more remain.
cdef bint heap_reopen_sparse(heap_t* heap, uint64_t spans_max) noexcept nogil
