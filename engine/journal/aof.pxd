"""Append only file: the RESP text of every command that changed a keyspace, in order.

Terms
    feed       append a command to the buffer; nothing is written
    flush      write(2) the buffer, before the replies of this turn leave
    base       the file that holds the data set as it was when the manifest was written
    incr       the file that holds the commands since
    manifest   the list of files, in order; it is replaced by rename, never edited
    tail       what follows the last complete command of the last incr file
    synced     bytes of the incr file that fsync has confirmed

The file is Valkey's, part for part: <dir>/<appenddirname>/<appendfilename>.<seq>.<base|incr>.aof
and <appendfilename>.manifest. Which files there are, Python decides (journal/files.py); what is
written into the open one, this room does.
"""
from libc.stdint cimport int64_t, uint64_t

from ..core.buf cimport buf_t
from ..core.heap cimport heap_t
from ..core.types cimport slice_t

cdef enum fsync_t:
    FSYNC_NO = 0
    FSYNC_ALWAYS = 1
    FSYNC_EVERYSEC = 2

cdef enum aof_status_t:
    AOF_OK = 0
    AOF_WRITE_FAILED = 1                # nothing of the buffer is lost: it is tried again
    AOF_FSYNC_FAILED = 2                # the file is not trusted again
    AOF_BEHIND = 3                      # all is well but the disk's pace: replies wait for it.
                                        # Only aof_flush says this; it is never aof.status

cdef struct syncer_t                    # the thread that waits for the disk

cdef struct aof_t:
    buf_t buf                           # fed and not yet written
    bint enabled
    fsync_t policy
    int fd                              # the open incr file; -1
    int db                              # database that the text has selected; -1 none
    aof_status_t status
    int error                           # errno of the last failure
    uint64_t size                       # bytes of the incr file
    uint64_t base_size
    uint64_t synced
    int64_t oldest_us                   # when the first byte was written that nobody has been
                                        # asked to sync; 0: there is none
    int64_t asked_us                    # the same of the bytes that the thread syncs now
    bint behind                         # what aof_flush said last
    bint overdue                        # a sync is due and the last one still runs: counted
    uint64_t delayed_fsync              # times that this happened
    syncer_t* syncer                    # owned; NULL until everysec needs it

cdef void aof_init(aof_t* aof, heap_t* heap) noexcept nogil
# Writes nothing more; waits for the thread; closes the file.
cdef void aof_free(aof_t* aof) noexcept nogil
# Feed into this file from now on; takes `fd`. `size`: what it holds already, all of it synced.
cdef void aof_open(aof_t* aof, int fd, uint64_t size, uint64_t base_size) noexcept nogil
# Write and sync what was fed, close the file, feed no more.
cdef aof_status_t aof_close(aof_t* aof) noexcept nogil
# A command as its client sent it; `db` is the database it ran in.
cdef void aof_feed(aof_t* aof, int db, int argc, const slice_t* argv) noexcept nogil
# Complete RESP commands, as a command's feed holds them.
cdef void aof_feed_raw(aof_t* aof, int db, slice_t commands) noexcept nogil
# Go on in another file, empty or synced; takes `fd`, returns the old one, to which all that was fed
# has been written, and which the caller syncs and closes. -1 when it could not be written: then
# nothing has changed.
cdef int aof_switch(aof_t* aof, int fd, int64_t now_us) noexcept nogil
# Milliseconds of acknowledged writes that a power cut would take.
cdef int64_t aof_unsynced_ms(const aof_t* aof, int64_t now_us) noexcept nogil
# Write what was fed, and sync as the policy says. Called each turn, before replies leave.
cdef aof_status_t aof_flush(aof_t* aof, int64_t now_us) noexcept nogil
# Sync everything, now, on this thread: before a clean end, and when the policy changes.
cdef aof_status_t aof_sync(aof_t* aof) noexcept nogil
