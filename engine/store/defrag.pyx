"""Active defragmentation: memory that deletes have left in pieces is brought together.

When half of the keys go, each span of their class is left half full, and no other class can use
the rest. A pass walks the tables, bucket by bucket, and asks the heap for each block whether it
should move: the heap empties the spans that hold less than most, and what moves fills the others.
An emptied span is free for any class, and its pages go back to the system when nobody takes it.

It costs as much as it must and no more: a look a second at the classes' counts says whether there
is waste enough; a step of a pass is followed by a rest of nine times its length; after a pass that
moved little, the next one waits for a minute, for what it found could not be moved.

Pages go back of as many free units as nobody wanted for a second, an eighth of them at a time: a
load which breathes, or fills again what a flush has emptied, takes the same ones up again. To give
them back meanwhile would cost it a fault for each 4 KiB, since a chunk with holes is not huge.

Invariants
    D1  outside of a pass no span is sparse
"""
from libc.stdint cimport uint32_t

from ..core.clock cimport clock_mono_us
from ..core.heap cimport (
    HEAP_CLASSES, heap_move, heap_purge, heap_reopen_sparse, heap_should_move, heap_t,
)
from ..core.table cimport table_move
from .entry cimport (
    ENTRY_BODY, TYPE_STRING, entry_body, entry_encoding, entry_set_body, entry_size, entry_t,
    entry_type, raw_t,
)
from .value cimport value_move

cdef enum:
    SECOND_US = 1000000
    ROOM_PERCENT = 88                   # a class that uses less of its room is worth a pass
    WASTE_MIN = 2 << 20                 # bytes: less is not worth one
    WASTE_PART = 16                     # neither is less than this part of what is used
    REST_FACTOR = 9                     # a pass takes a tenth of the time
    LOOK_REST_FACTOR = 30               # and all passes a thirtieth
    FUTILE_REST_US = 60000000
    BUCKETS_PER_LOOK = 16               # buckets walked between looks at the clock
    PURGE_WINDOW_US = 1000000
    PURGE_EVERY_US = 100000
    PURGE_AGAIN_US = 10000
    PURGE_PART = 8                      # of the spare units, each time
    PURGE_UNITS_MAX = 32                # 2 MiB: a quarter of a millisecond
    PURGE_KEEP = 16                     # units: a reserve


cdef void* move_entry(void* owner, void* item) noexcept nogil:
    cdef heap_t* heap = <heap_t*>owner
    cdef entry_t* entry = <entry_t*>item
    cdef raw_t* raw
    cdef size_t size
    if entry.flags & ENTRY_BODY and entry_type(entry) == TYPE_STRING:
        raw = <raw_t*>entry_body(entry)
        size = sizeof(raw_t) + raw.size_max
        if heap_should_move(heap, raw, size, ROOM_PERCENT):
            entry_set_body(entry, heap_move(heap, raw, size))
    elif entry.flags & ENTRY_BODY:
        entry_set_body(entry, value_move(heap, entry_type(entry), entry_encoding(entry),
                                         entry_body(entry), ROOM_PERCENT))
    size = entry_size(entry)
    if heap_should_move(heap, entry, size, ROOM_PERCENT):
        return heap_move(heap, entry, size)
    return NULL


cdef bint is_wasteful(const heap_t* heap) noexcept nogil:
    """Is there room enough in badly used classes?"""
    cdef size_t waste = 0
    cdef uint32_t k
    for k in range(1, <uint32_t>HEAP_CLASSES):
        if heap.klass[k].used * 100 < heap.klass[k].room * ROOM_PERCENT:
            waste += (heap.klass[k].room - heap.klass[k].used) * heap.klass[k].size
    return waste > WASTE_MIN and waste > heap.used // WASTE_PART


cdef void end_pass(defrag_t* defrag, store_t* store, int64_t now_us) noexcept nogil:
    cdef uint64_t moves = store.heap.moves - defrag.pass_moves
    cdef uint64_t keys = 0
    cdef int db
    while heap_reopen_sparse(store.heap, ~<uint64_t>0):         # D1: what nobody moved
        pass
    for db in range(store.database_top):
        keys += store.databases[db].table.count
    defrag.walking = False
    defrag.passes += 1
    defrag.look_at_us = now_us + SECOND_US + LOOK_REST_FACTOR * defrag.pass_us
    if moves * 100 <= keys:
        defrag.look_at_us += FUTILE_REST_US


cdef void walk(defrag_t* defrag, store_t* store, int64_t mono_us,
               int64_t budget_us) noexcept nogil:
    """A step of the pass."""
    cdef int64_t began = clock_mono_us()
    cdef int64_t spent = 0
    cdef int i
    while spent < budget_us and defrag.db < store.database_top:
        for i in range(BUCKETS_PER_LOOK):
            table_move(&store.databases[defrag.db].table, &defrag.cursor, ROOM_PERCENT,
                       move_entry, store.heap)
            if defrag.cursor == 0:
                defrag.db += 1
                break
        spent = clock_mono_us() - began
    defrag.pass_us += spent
    defrag.spent_us += <uint64_t>spent
    defrag.walk_at_us = mono_us + 1 + (1 + REST_FACTOR) * spent
    if defrag.db >= store.database_top:
        end_pass(defrag, store, mono_us)


cdef void purge_some(defrag_t* defrag, store_t* store, int64_t mono_us) noexcept nogil:
    cdef uint64_t dirty = store.heap.dirty_units
    cdef uint64_t units
    defrag.purge_at_us = mono_us + PURGE_EVERY_US
    if dirty < defrag.idle_units:
        defrag.idle_units = dirty
    if mono_us >= defrag.window_at_us:
        defrag.spare_units = defrag.idle_units
        defrag.idle_units = dirty
        defrag.window_at_us = mono_us + PURGE_WINDOW_US
    if defrag.spare_units > dirty:
        defrag.spare_units = dirty
    if defrag.spare_units > PURGE_KEEP:
        units = defrag.spare_units // PURGE_PART + 1
        if units > PURGE_UNITS_MAX:
            units = PURGE_UNITS_MAX
            defrag.purge_at_us = mono_us + PURGE_AGAIN_US
        defrag.spare_units -= units
        heap_purge(store.heap, units)


cdef int64_t defrag_step(defrag_t* defrag, store_t* store, int64_t mono_us,
                         int64_t budget_us) noexcept nogil:
    cdef int64_t at
    cdef bint hold = store.copying      # a snapshot reads entries where they are
    if mono_us >= defrag.purge_at_us:
        purge_some(defrag, store, mono_us)
    if not defrag.walking and not defrag.off and mono_us >= defrag.look_at_us:
        defrag.look_at_us = mono_us + SECOND_US
        if is_wasteful(store.heap):
            defrag.walking = True
            defrag.db = 0
            defrag.cursor = 0
            defrag.pass_us = 0
            defrag.pass_moves = store.heap.moves
    if defrag.walking and mono_us >= defrag.walk_at_us and not hold:
        walk(defrag, store, mono_us, budget_us)
    at = defrag.purge_at_us
    if defrag.walking and not hold:
        at = defrag.walk_at_us if defrag.walk_at_us < at else at
    elif not defrag.walking and not defrag.off:
        at = defrag.look_at_us if defrag.look_at_us < at else at
    return at


cdef void defrag_purge(store_t* store) noexcept nogil:
    while heap_purge(store.heap, ~<uint64_t>0):
        pass
