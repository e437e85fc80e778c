"""A copy of the data set as of one moment, beside service.

Each segment of a table (at most 576 keys) has a version. A walk takes a new one; the segments that
have it are done. The loop's slices write the segments that are not, in order of hash. A command
that is about to change something in a segment which is not done writes that segment first
(store.hooks.before_change), so the file holds what was there at the moment, though the table does
not any more. The parts of a segment that splits inherit its version; segments merge only with
their like; what is made in an empty table is done from the start. Nothing is written twice.

A table is walked wherever it is: SWAPDB moves it to another database, FLUSHALL to the tables that
wait to be freed (which then wait until the walk is over). Version, origin and the place of the walk
travel in the table.

                    before_change          slices
                          |                   |
    tables  --------------+-------------------+--> front --> back --> thread: write, sync
                                                   (swapped when the thread is free)

Only the thread touches the file, and it touches nothing else. The loop stops walking while front
is full; a segment that is about to change is written to it all the same.

A value of millions of elements would hold everybody up. When its segment is written it is put in a
line instead (ENTRY_COPYING) and written in pieces, slice by slice, before the next segment. A key
in a file is one run of bytes, so what must be written meanwhile goes to another buffer, side, which
follows when the value is complete. The value must not change until then: whoever is about to change
it has it written at once, or asks first (snapshot_holds) and comes back later. A key may go,
though: then the entry is ours until it is written.

                 longs -> pieces
                             |
    before_change            v
         |    segments --> front
         +--> side ----------^    when no long value is halfway

Invariants
    S1  a segment is done if and only if its version is the walk's
    S2  between the moment and the end of the walk, the file, front, side, back, the segments that
        are not done and the entries in the line together hold each key of the moment exactly once,
        with the value it had
    S3  back belongs to the thread while scribe.busy
    S4  an entry has ENTRY_COPYING if and only if it stands in the line
    S5  side is behind front in the file: while it holds anything, nothing but the long value that
        is halfway is appended to front
Source: versions per bucket after Dragonfly's snapshots (dragonflydb.io, 2022).
"""
from libc.errno cimport EINTR, ENOSPC, errno
from libc.stddef cimport size_t
from libc.stdint cimport SIZE_MAX, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from ..core.buf cimport buf_free, buf_init
from ..core.heap cimport heap_alloc, heap_free, heap_realloc
from ..core.clock cimport clock_mono_us
from ..core.crc cimport crc64
from ..core.intrinsics cimport kvd_assert, likely, unlikely
from ..core.table cimport (
    SEGMENT_ITEMS_MAX, table_find, table_segment_version, table_t, table_take_segment,
)
from ..store.entry cimport ENTRY_COPYING, entry_key
from ..store.keyspace cimport store_drop_entry, store_hash
from .pieces cimport pieces_start, pieces_step, pieces_wanted
from .rdb cimport rdb_write_end, rdb_write_entry, rdb_write_header, rdb_write_select
from .text cimport text_write_entry
from .text_format cimport text_put_int, text_start
from ..core.threads cimport (
    pthread_cond_init, pthread_cond_signal, pthread_cond_t, pthread_cond_wait, pthread_create,
    pthread_join, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_t, pthread_mutex_unlock,
    pthread_t,
)

cdef extern from "<unistd.h>" nogil:
    ssize_t write(int fd, const void* at, size_t size)
    int fdatasync(int fd)
    int close(int fd)

cdef enum:
    HAND_OVER = 262144                  # bytes of front that are worth waking the thread
    FRONT_MAX = 4194304                 # bytes of front at which the walk waits for the thread
    PIECE = 32768                       # bytes of a long value between two looks at the clock
    SYNC_STEP = 33554432                # bytes between two syncs: the last one has little to do
    WRITE_MAX = 1073741824

cdef struct scribe_t:
    pthread_t thread
    pthread_mutex_t mutex               # guards what follows
    pthread_cond_t changed
    buf_t back
    bint busy                           # back is to be written
    bint last                           # ... and nothing comes after it
    bint stop                           # never mind what is left
    bint finished                       # the thread has returned, or is about to
    bint sum
    int fd
    int old_fd
    int error
    int old_error
    uint64_t crc
    uint64_t size


# -- the thread -----------------------------------------------------------------------------------

cdef int write_all(int fd, const char* data, size_t size) noexcept nogil:
    """0 or errno."""
    cdef ssize_t done
    while size:
        done = write(fd, data, size if size < WRITE_MAX else WRITE_MAX)
        if done < 0:
            if errno == EINTR:
                continue
            return errno
        if done == 0:
            return ENOSPC
        data += done
        size -= <size_t>done
    return 0


cdef int write_back(scribe_t* scribe, uint64_t* unsynced) noexcept nogil:
    """Write what the loop has handed over. 0 or errno."""
    cdef int error = write_all(scribe.fd, scribe.back.data, scribe.back.size)
    if error:
        return error
    scribe.size += scribe.back.size
    unsynced[0] += scribe.back.size
    if scribe.sum:
        scribe.crc = crc64(scribe.crc, scribe.back.data, scribe.back.size)
        if scribe.last:
            scribe.size += 8
            error = write_all(scribe.fd, <const char*>&scribe.crc, 8)
    if not error and (scribe.last or unsynced[0] >= SYNC_STEP):
        unsynced[0] = 0
        error = 0 if fdatasync(scribe.fd) == 0 else errno
    return error


cdef void* scribe_run(void* argument) noexcept nogil:
    cdef scribe_t* scribe = <scribe_t*>argument
    cdef uint64_t unsynced = 0
    cdef int error = 0
    if scribe.old_fd >= 0:
        scribe.old_error = 0 if fdatasync(scribe.old_fd) == 0 else errno
        close(scribe.old_fd)
    pthread_mutex_lock(&scribe.mutex)
    while not scribe.stop and not error:
        if not scribe.busy:
            pthread_cond_wait(&scribe.changed, &scribe.mutex)
            continue
        pthread_mutex_unlock(&scribe.mutex)
        error = write_back(scribe, &unsynced)
        pthread_mutex_lock(&scribe.mutex)
        scribe.busy = False
        scribe.back.size = 0
        if scribe.last:
            break
    scribe.error = error
    scribe.finished = True
    close(scribe.fd)
    pthread_mutex_unlock(&scribe.mutex)
    return NULL


cdef bint hand_over(snapshot_t* snapshot, bint last) noexcept nogil:
    """Give front to the thread, if it is free to take it (S3)."""
    cdef scribe_t* scribe = snapshot.scribe
    cdef buf_t given
    cdef bint took = False
    pthread_mutex_lock(&scribe.mutex)
    if not scribe.busy and not scribe.finished:
        given = snapshot.front
        snapshot.front = scribe.back
        scribe.back = given
        scribe.busy = True
        scribe.last = last
        took = True
        pthread_cond_signal(&scribe.changed)
    elif scribe.finished:
        snapshot.error = scribe.error
        snapshot.size = scribe.size
    pthread_mutex_unlock(&scribe.mutex)
    return took


cdef bint finished(snapshot_t* snapshot) noexcept nogil:
    cdef scribe_t* scribe = snapshot.scribe
    cdef bint yes
    pthread_mutex_lock(&scribe.mutex)
    yes = scribe.finished
    snapshot.error = scribe.error
    snapshot.size = scribe.size
    snapshot.old_error = scribe.old_error
    pthread_mutex_unlock(&scribe.mutex)
    return yes


# -- life -----------------------------------------------------------------------------------------

cdef void snapshot_init(snapshot_t* snapshot, store_t* store) noexcept nogil:
    memset(snapshot, 0, sizeof(snapshot_t))
    snapshot.store = store
    buf_init(&snapshot.front, store.heap)
    buf_init(&snapshot.side, store.heap)


cdef bint snapshot_begin(snapshot_t* snapshot, int fd, int old_fd, bint as_rdb) noexcept nogil:
    cdef store_t* store = snapshot.store
    cdef scribe_t* scribe = <scribe_t*>calloc(1, sizeof(scribe_t))
    cdef table_t* table
    cdef size_t i
    if scribe is NULL:
        return False
    scribe.fd = fd
    scribe.old_fd = old_fd
    scribe.sum = as_rdb
    buf_init(&scribe.back, store.heap)
    pthread_mutex_init(&scribe.mutex, NULL)
    pthread_cond_init(&scribe.changed, NULL)
    if pthread_create(&scribe.thread, NULL, scribe_run, scribe) != 0:
        free(scribe)
        return False
    store.copy_version += 1
    snapshot.version = store.copy_version
    snapshot.state = SNAPSHOT_WALKING
    snapshot.as_rdb = as_rdb
    snapshot.db = -1
    snapshot.scribe = scribe
    snapshot.pieces = <pieces_t*>heap_alloc(store.heap, sizeof(pieces_t))
    snapshot.halfway = False
    snapshot.wanted = False
    snapshot.keys = 0
    snapshot.keys_total = 0
    snapshot.size = 0
    snapshot.error = 0
    snapshot.old_error = 0
    for i in range(<size_t>store.database_count):
        table = &store.databases[i].table
        table.version = snapshot.version
        table.origin = <int>i
        table.walk_at = 0
        table.walking = True
        snapshot.keys_total += table.count
    for i in range(store.dropped_count):
        store.dropped[i].walking = False            # gone before the moment
    if as_rdb:
        rdb_write_header(&snapshot.front, snapshot.store)
    if store.hooks.write_libraries is not NULL:
        store.hooks.write_libraries(store.hooks.owner, &snapshot.front, as_rdb)
    store.copying = True
    return True


cdef void stop_copying(snapshot_t* snapshot) noexcept nogil:
    """Entries may change unseen from now on; those that were not written are let go."""
    snapshot.store.copying = False
    while snapshot.long_first < snapshot.long_count:
        leave_line(snapshot, &snapshot.longs[snapshot.long_first])
        snapshot.long_first += 1
    empty_line(snapshot)
    snapshot.halfway = False
    buf_free(&snapshot.side)


cdef void snapshot_end(snapshot_t* snapshot) noexcept nogil:
    cdef scribe_t* scribe = snapshot.scribe
    if snapshot.state == SNAPSHOT_IDLE:
        return
    stop_copying(snapshot)
    pthread_mutex_lock(&scribe.mutex)
    scribe.stop = True
    pthread_cond_signal(&scribe.changed)
    pthread_mutex_unlock(&scribe.mutex)
    pthread_join(scribe.thread, NULL)
    buf_free(&scribe.back)
    buf_free(&snapshot.front)
    free(scribe)
    heap_free(snapshot.store.heap, snapshot.pieces, sizeof(pieces_t))
    snapshot.pieces = NULL
    snapshot.scribe = NULL
    snapshot.state = SNAPSHOT_IDLE


# -- writing --------------------------------------------------------------------------------------

cdef inline buf_t* out_of(snapshot_t* snapshot) noexcept nogil:
    """Where what is whole goes (S5)."""
    if unlikely(snapshot.halfway or snapshot.side.size != 0):
        return &snapshot.side
    return &snapshot.front


cdef buf_t* select(snapshot_t* snapshot, int db) noexcept nogil:
    """The buffer to write to, where this database is selected."""
    cdef buf_t* out = out_of(snapshot)
    cdef int* selected = &snapshot.db if out is &snapshot.front else &snapshot.side_db
    if likely(selected[0] == db):
        return out
    selected[0] = db
    if snapshot.as_rdb:
        rdb_write_select(out, db)
    else:
        text_start(out, 2, b"SELECT")
        text_put_int(out, db)
    return out


cdef void put_entry(snapshot_t* snapshot, int origin, const entry_t* entry) noexcept nogil:
    cdef buf_t* out = select(snapshot, origin)
    if snapshot.as_rdb:
        rdb_write_entry(out, snapshot.store, entry)
    else:
        text_write_entry(out, entry)


cdef void put_segment(snapshot_t* snapshot, table_t* table, uint64_t* hash) noexcept nogil:
    """Write the segment at *hash if it is not done, and move *hash to the next one (S1)."""
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef size_t count = table_take_segment(table, hash, snapshot.version, items)
    cdef size_t i
    for i in range(count):
        if unlikely(pieces_wanted(<const entry_t*>items[i])):
            enter_line(snapshot, table, <entry_t*>items[i])
        else:
            put_entry(snapshot, table.origin, <const entry_t*>items[i])
    snapshot.keys += count


# -- long values ----------------------------------------------------------------------------------

cdef void enter_line(snapshot_t* snapshot, const table_t* table, entry_t* entry) noexcept nogil:
    cdef size_t more
    cdef long_t* one
    if snapshot.long_count == snapshot.long_max:
        more = snapshot.long_max * 2 + 8
        snapshot.longs = <long_t*>heap_realloc(
            snapshot.store.heap, snapshot.longs, snapshot.long_max * sizeof(long_t),
            more * sizeof(long_t))
        snapshot.long_max = more
    one = &snapshot.longs[snapshot.long_count]
    snapshot.long_count += 1
    one.entry = entry
    one.hash = store_hash(snapshot.store, entry_key(entry))
    one.origin = table.origin
    one.dropped = False
    entry.flags |= ENTRY_COPYING        # S4


cdef void leave_line(snapshot_t* snapshot, long_t* one) noexcept nogil:
    cdef entry_t* entry = one.entry
    if entry is NULL:
        return
    one.entry = NULL
    entry.flags &= <uint8_t>~ENTRY_COPYING     # S4
    if one.dropped:
        store_drop_entry(snapshot.store, entry)


cdef void empty_line(snapshot_t* snapshot) noexcept nogil:
    heap_free(snapshot.store.heap, snapshot.longs, snapshot.long_max * sizeof(long_t))
    snapshot.longs = NULL
    snapshot.long_first = 0
    snapshot.long_count = 0
    snapshot.long_max = 0


cdef bint put_piece(snapshot_t* snapshot, size_t size) noexcept nogil:
    """About `size` bytes of the first long value. True while there is more of it."""
    cdef long_t* one = &snapshot.longs[snapshot.long_first]
    if not snapshot.halfway:
        select(snapshot, one.origin)           # in front: side is empty
        pieces_start(snapshot.pieces, &snapshot.front, snapshot.store, one.entry, snapshot.as_rdb)
        snapshot.halfway = True
        snapshot.side_db = one.origin
    if pieces_step(snapshot.pieces, &snapshot.front,
                   SIZE_MAX if size == SIZE_MAX else snapshot.front.size + size):
        return True
    snapshot.halfway = False
    leave_line(snapshot, one)
    return False


cdef void put_long_now(snapshot_t* snapshot, size_t at) noexcept nogil:
    """All of it, or all that is left of it."""
    cdef long_t* one = &snapshot.longs[at]
    if at == snapshot.long_first and snapshot.halfway:
        put_piece(snapshot, SIZE_MAX)
        return
    put_entry(snapshot, one.origin, one.entry)
    leave_line(snapshot, one)


cdef size_t find_long(const snapshot_t* snapshot, int origin, uint64_t hash) noexcept nogil:
    """Its place in the line; long_count when it is not there."""
    cdef const long_t* one
    cdef size_t i
    for i in range(snapshot.long_first, snapshot.long_count):
        one = &snapshot.longs[i]
        # What was dropped may have a successor under its hash.
        if (one.entry is not NULL and not one.dropped and one.hash == hash
                and one.origin == origin):
            return i
    return snapshot.long_count


cdef bint step_long(snapshot_t* snapshot) noexcept nogil:
    """A piece, where there is something to write before the next segment. False: there is not."""
    cdef buf_t front
    while snapshot.long_first < snapshot.long_count:
        if snapshot.halfway:
            put_piece(snapshot, PIECE)
            return True
        if snapshot.side.size:
            break
        if snapshot.longs[snapshot.long_first].entry is not NULL:
            put_piece(snapshot, PIECE)
            return True
        snapshot.long_first += 1
    if snapshot.side.size:
        if snapshot.front.size and not hand_over(snapshot, False):
            return True                 # as if front were full
        front = snapshot.front
        snapshot.front = snapshot.side
        snapshot.side = front
        snapshot.db = snapshot.side_db
        return True
    if snapshot.long_max:
        empty_line(snapshot)
    return False


# -- before a change ------------------------------------------------------------------------------

cdef void snapshot_before_drop(snapshot_t* snapshot, keyspace_t* ks,
                               uint64_t hash) noexcept nogil:
    if likely(table_segment_version(&ks.table, hash) == snapshot.version):
        return
    put_segment(snapshot, &ks.table, &hash)


cdef void snapshot_before_change(snapshot_t* snapshot, keyspace_t* ks,
                                 uint64_t hash) noexcept nogil:
    cdef size_t at
    snapshot_before_drop(snapshot, ks, hash)
    if unlikely(snapshot.long_max != 0):
        at = find_long(snapshot, ks.table.origin, hash)
        if at < snapshot.long_count:
            put_long_now(snapshot, at)


cdef void snapshot_take(snapshot_t* snapshot, entry_t* entry) noexcept nogil:
    cdef size_t i = snapshot.long_first
    while snapshot.longs[i].entry is not entry:
        i += 1
        kvd_assert(i < snapshot.long_count)     # S4
    snapshot.longs[i].dropped = True


cdef bint snapshot_holds(snapshot_t* snapshot, keyspace_t* ks, slice_t key) noexcept nogil:
    cdef uint64_t hash = store_hash(snapshot.store, key)
    cdef entry_t* entry = <entry_t*>table_find(&ks.table, hash, key)
    cdef long_t held
    cdef size_t next, at
    if entry is NULL:
        return False
    if not entry.flags & ENTRY_COPYING:
        if (not pieces_wanted(entry)
                or table_segment_version(&ks.table, hash) == snapshot.version):
            return False
        put_segment(snapshot, &ks.table, &hash)
    snapshot.wanted = True
    next = snapshot.long_first + (1 if snapshot.halfway else 0)
    if snapshot.longs[snapshot.long_first].entry is entry or snapshot.longs[next].entry is entry:
        return True
    at = next
    while snapshot.longs[at].entry is not entry:        # S4: it stands there
        at += 1
    held = snapshot.longs[at]
    snapshot.longs[at] = snapshot.longs[next]
    snapshot.longs[next] = held
    return True


# -- the walk -------------------------------------------------------------------------------------

cdef table_t* unfinished(store_t* store) noexcept nogil:
    """A table that the walk has not been through; NULL when it is over."""
    cdef size_t i
    for i in range(<size_t>store.database_count):
        if store.databases[i].table.walking:
            return &store.databases[i].table
    for i in range(store.dropped_count):
        if store.dropped[i].walking:
            return &store.dropped[i]
    return NULL


cdef bint walk(snapshot_t* snapshot, int64_t until_us) noexcept nogil:
    cdef table_t* table
    while snapshot.front.size < FRONT_MAX:
        if unlikely(snapshot.long_max != 0 or snapshot.side.size != 0) and step_long(snapshot):
            if snapshot.side.size and not snapshot.halfway:
                break
            if clock_mono_us() >= until_us:
                break
            continue
        table = unfinished(snapshot.store)
        if table is NULL:
            stop_copying(snapshot)
            snapshot.state = SNAPSHOT_FINISHING
            if snapshot.as_rdb:
                rdb_write_end(&snapshot.front)
            return True
        put_segment(snapshot, table, &table.walk_at)
        table.walking = table.walk_at != 0
        if clock_mono_us() >= until_us:
            break
    if snapshot.front.size >= HAND_OVER:
        hand_over(snapshot, False)
    # Side waits for the thread to have taken front.
    return snapshot.front.size < FRONT_MAX and (snapshot.side.size == 0 or snapshot.halfway)


cdef bint snapshot_step(snapshot_t* snapshot, int64_t until_us) noexcept nogil:
    cdef bint more = False
    if snapshot.state != SNAPSHOT_WALKING and snapshot.state != SNAPSHOT_FINISHING:
        return False
    snapshot.wanted = False
    if snapshot.state == SNAPSHOT_WALKING:
        more = walk(snapshot, until_us)
    if snapshot.state == SNAPSHOT_FINISHING and not snapshot.scribe.last:
        hand_over(snapshot, True)
    if finished(snapshot):              # after the last buffer, or because the disk refused
        stop_copying(snapshot)
        snapshot.state = SNAPSHOT_FAILED if snapshot.error else SNAPSHOT_DONE
        return False
    return more
