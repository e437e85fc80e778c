"""A copy of the whole data set as it was at one moment, written beside service, without fork.

Terms
    moment    when the walk began: between two commands
    walk      through all tables, a segment at a time, in slices between the loop's turns
    version   of the walk; a segment that has it is done: written, or made since the moment
    origin    the database that a table was at the moment; SWAPDB and FLUSHALL do not change it
    front     the buffer that entries are appended to
    back      the buffer that the thread writes to the file
    long      a value that is written in pieces, over several slices: see pieces
    side      the buffer of what has to be written while a long value is halfway into front
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t, uint64_t

from ..core.buf cimport buf_t
from ..core.types cimport slice_t
from ..store.entry cimport entry_t
from ..store.keyspace cimport keyspace_t, store_t
from .pieces cimport pieces_t

cdef enum snapshot_state_t:
    SNAPSHOT_IDLE = 0
    SNAPSHOT_WALKING = 1
    SNAPSHOT_FINISHING = 2              # all is in the buffers; the thread writes and syncs
    SNAPSHOT_DONE = 3                   # the file is on disk, closed
    SNAPSHOT_FAILED = 4                 # closed; `error` says why

cdef struct scribe_t                    # the thread that writes the file

cdef struct long_t:
    entry_t* entry                      # NULL: was written out of turn
    uint64_t hash
    int origin
    bint dropped                        # its key has gone; the entry is ours

cdef struct snapshot_t:
    store_t* store
    snapshot_state_t state
    bint as_rdb                         # RDB, else RESP text
    uint32_t version
    int db                              # database selected in the file; -1
    buf_t front
    scribe_t* scribe                    # owned while state is not idle
    pieces_t* pieces                    # likewise: of the first long value, once it has begun
    bint halfway                        # it has
    long_t* longs                       # owned: values still to be written, in a line
    size_t long_first
    size_t long_count                   # behind the last
    size_t long_max
    buf_t side
    int side_db                         # database selected at its end
    bint wanted                         # somebody waits for a long value
    uint64_t keys                       # written so far
    uint64_t keys_total                 # at the moment
    uint64_t size                       # of the file, when it is done
    int error                           # errno
    int old_error                       # errno of syncing the file given as old_fd

cdef void snapshot_init(snapshot_t* snapshot, store_t* store) noexcept nogil
# The moment is now. Takes `fd`, an empty file, and old_fd (or -1), which the thread syncs and
# closes first. False when there is no thread to be had; then both are the caller's still.
cdef bint snapshot_begin(snapshot_t* snapshot, int fd, int old_fd, bint as_rdb) noexcept nogil
# Write on until the clock says so; true when another step would get further at once.
cdef bint snapshot_step(snapshot_t* snapshot, int64_t until_us) noexcept nogil
# End it, done or not, and be idle. Waits for the thread.
cdef void snapshot_end(snapshot_t* snapshot) noexcept nogil
# Before anything under this hash of this database changes.
cdef void snapshot_before_change(snapshot_t* snapshot, keyspace_t* ks,
                                 uint64_t hash) noexcept nogil
# Before an entry under this hash is dropped, whole.
cdef void snapshot_before_drop(snapshot_t* snapshot, keyspace_t* ks,
                               uint64_t hash) noexcept nogil
# Takes an entry with ENTRY_COPYING, which no table shows any more.
cdef void snapshot_take(snapshot_t* snapshot, entry_t* entry) noexcept nogil
# True when this key's value is long and not written yet. It has its turn next: who would change it
# may ask again after a step, or go on and have it written at once.
cdef bint snapshot_holds(snapshot_t* snapshot, keyspace_t* ks, slice_t key) noexcept nogil
