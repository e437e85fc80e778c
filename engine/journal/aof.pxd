"""Append only file: the RESP text of every command that changed a keyspace, in order.

Terms
    feed       append a command to the buffer; nothing is written
    flush      write(2) the buffer, before the replies of this turn leave
    base       the file that holds the data set as it was when the manifest was written
    incr       the file that holds the commands since
    manifest   the list of files, in order; it is replaced by rename, never edited
    tail       what follows the last complete command of the last incr file

The file is Valkey's, part for part: <dir>/<appenddirname>/<appendfilename>.<seq>.<base|incr>.aof
and <appendfilename>.manifest.
"""
from libc.stddef cimport size_t
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

cdef void aof_init(aof_t* aof, heap_t* heap) noexcept nogil
cdef void aof_free(aof_t* aof) noexcept nogil
# A command as its client sent it; `db` is the database it ran in.
cdef void aof_feed(aof_t* aof, int db, int argc, const slice_t* argv) noexcept nogil
# Complete RESP commands, as a command's feed holds them.
cdef void aof_feed_raw(aof_t* aof, int db, slice_t commands) noexcept nogil
# Write what was fed. Called before replies leave.
cdef aof_status_t aof_flush(aof_t* aof) noexcept nogil
