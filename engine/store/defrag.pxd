"""Active defragmentation: memory that deletes have left in pieces is brought together.

Terms
    waste    room in blocks' spans that is not used, of classes that use little of theirs
    pass     a walk over every table, which moves what lies in sparse spans
    purge    giving pages of free units back to the system
"""
from libc.stdint cimport int64_t, uint64_t

from .keyspace cimport store_t

cdef struct defrag_t:
    bint off                            # no passes; pages are purged all the same
    bint walking                        # a pass is on its way
    int db                              # where it is
    uint64_t cursor
    int64_t look_at_us                  # monotonic: the next look for waste
    int64_t walk_at_us                  # no step of a pass before
    int64_t purge_at_us
    int64_t window_at_us                # the end of the second that idle_units looks at
    uint64_t idle_units                 # free with pages all through that second, so far
    uint64_t spare_units                # and through the one before: they go back
    uint64_t passes                     # for INFO
    uint64_t spent_us
    int64_t pass_us                     # spent in this pass
    uint64_t pass_moves                 # heap.moves when it began

# Work for about budget_us where there is work. Returns the time, monotonic, at which there will be
# more, or may be. Entries may move: nobody holds a pointer to one.
cdef int64_t defrag_step(defrag_t* defrag, store_t* store, int64_t mono_us,
                         int64_t budget_us) noexcept nogil
# Give back all pages that are free, now: MEMORY PURGE.
cdef void defrag_purge(store_t* store) noexcept nogil
