"""Append only file.

aof_feed only appends to memory. The loop writes the buffer once per turn, before any reply of
that turn is sent, so a client never holds an answer that the file does not: a killed process
loses nothing that was acknowledged. What the policy decides is when the disk has it too.

`everysec` syncs on a thread of its own, which holds nothing of ours but the descriptor, a size
and a lock: the loop asks, goes on, and looks at the answer in a later turn. It asks when the oldest
unsynced byte is half a second old. Should the disk be so slow that a byte reaches a whole second,
the replies of those who write wait (AOF_BEHIND) until it has caught up: so what a power cut takes
of what was acknowledged is never more than a second.

A write that fails leaves no torn command: what it wrote is cut off again, or, where even that
fails, counted as written. The text stays in the buffer and is tried at each turn; meanwhile
commands that write are refused (MISCONF). A failed fsync is another matter: the system may have
dropped the pages and called them clean, so success of a second try would prove nothing. The file
stays refused until the journal is started anew.

Invariants
    J1  the file ends with a whole command, or with one whose rest is in buf
    J2  synced <= size; all of [0, synced) has survived a power cut
    J3  buf is empty or status is not AOF_OK, after aof_flush
"""
from libc.errno cimport EINTR, ENOSPC, errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from ..core.buf cimport (
    buf_append, buf_append_bulk, buf_append_header, buf_consume, buf_free, buf_init,
)
from ..core.intrinsics cimport kvd_assert
from ..core.number cimport format_int64
from ..core.threads cimport (
    pthread_cond_init, pthread_cond_signal, pthread_cond_t, pthread_cond_wait, pthread_create,
    pthread_join, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_t, pthread_mutex_unlock,
    pthread_t,
)

cdef extern from "<unistd.h>" nogil:
    ssize_t write(int fd, const void* at, size_t size)
    int ftruncate(int fd, long size)
    int fdatasync(int fd)
    int close(int fd)

cdef enum:
    SECOND_US = 1000000                 # what `everysec` may lose at most
    ASK_AFTER_US = 500000
    BUF_KEEP = 1048576                  # bytes: a larger buffer is given back once written
    WRITE_MAX = 1073741824              # bytes of one write(2)

cdef struct syncer_t:
    pthread_t thread
    pthread_mutex_t mutex               # guards what follows
    pthread_cond_t changed
    int fd                              # to be synced; -1: nothing to do
    uint64_t size                       # bytes that it has when asked
    bint busy                           # asked, and not yet answered
    bint stop
    int error                           # errno of the answer; 0


cdef void* syncer_run(void* argument) noexcept nogil:
    """The thread: one fdatasync per request, until told to stop."""
    cdef syncer_t* syncer = <syncer_t*>argument
    cdef int fd, error
    pthread_mutex_lock(&syncer.mutex)
    while True:
        while syncer.fd < 0 and not syncer.stop:
            pthread_cond_wait(&syncer.changed, &syncer.mutex)
        if syncer.fd < 0:
            break
        fd = syncer.fd
        pthread_mutex_unlock(&syncer.mutex)
        error = 0 if fdatasync(fd) == 0 else errno
        pthread_mutex_lock(&syncer.mutex)
        syncer.fd = -1
        syncer.error = error
        syncer.busy = False
        pthread_cond_signal(&syncer.changed)
    pthread_mutex_unlock(&syncer.mutex)
    return NULL


cdef void aof_init(aof_t* aof, heap_t* heap) noexcept nogil:
    memset(aof, 0, sizeof(aof_t))
    buf_init(&aof.buf, heap)
    aof.policy = FSYNC_EVERYSEC
    aof.fd = -1
    aof.db = -1


cdef void syncer_finish(aof_t* aof) noexcept nogil:
    """Wait for the request under way, end the thread."""
    cdef syncer_t* syncer = aof.syncer
    if syncer is NULL:
        return
    pthread_mutex_lock(&syncer.mutex)
    syncer.stop = True
    pthread_cond_signal(&syncer.changed)
    pthread_mutex_unlock(&syncer.mutex)
    pthread_join(syncer.thread, NULL)
    take_answer(aof)
    free(syncer)
    aof.syncer = NULL


cdef void aof_free(aof_t* aof) noexcept nogil:
    syncer_finish(aof)
    if aof.fd >= 0:
        close(aof.fd)
        aof.fd = -1
    buf_free(&aof.buf)
    aof.enabled = False


cdef void aof_open(aof_t* aof, int fd, uint64_t size, uint64_t base_size) noexcept nogil:
    kvd_assert(aof.fd < 0)
    aof.fd = fd
    aof.size = size
    aof.synced = size
    aof.base_size = base_size
    aof.db = -1
    aof.status = AOF_OK
    aof.error = 0
    aof.enabled = True
    forget_ages(aof)


cdef void forget_ages(aof_t* aof) noexcept nogil:
    aof.oldest_us = 0
    aof.asked_us = 0
    aof.behind = False
    aof.overdue = False


cdef int aof_switch(aof_t* aof, int fd, int64_t now_us) noexcept nogil:
    cdef int old = aof.fd
    if aof.status == AOF_FSYNC_FAILED:
        aof.buf.size = 0                # that file gets nothing more: a new base replaces it
    elif aof.buf.size:
        put(aof)
        if aof.status != AOF_OK:
            return -1
    syncer_finish(aof)                  # it holds the old descriptor
    aof.fd = fd
    aof.size = 0
    aof.synced = 0
    aof.db = -1
    forget_ages(aof)
    return old


cdef int64_t aof_unsynced_ms(const aof_t* aof, int64_t now_us) noexcept nogil:
    cdef int64_t since = aof.asked_us if aof.asked_us else aof.oldest_us
    return (now_us - since) // 1000 if since else 0


cdef aof_status_t aof_close(aof_t* aof) noexcept nogil:
    cdef aof_status_t status
    if aof.fd < 0:
        return AOF_OK
    syncer_finish(aof)
    put(aof)
    status = aof_sync(aof)
    close(aof.fd)
    aof.fd = -1
    aof.enabled = False
    aof.status = AOF_OK                 # there is no file that could be refused
    buf_free(&aof.buf)
    return status


# -- feeding --------------------------------------------------------------------------------------

cdef void select(aof_t* aof, int db) noexcept nogil:
    cdef char text[24]
    if aof.db == db:
        return
    aof.db = db
    buf_append_header(&aof.buf, c'*', 2)
    buf_append_bulk(&aof.buf, slice_t(b"SELECT", 6))
    buf_append_bulk(&aof.buf, slice_t(&text[0], <size_t>format_int64(text, db)))


cdef void aof_feed(aof_t* aof, int db, int argc, const slice_t* argv) noexcept nogil:
    cdef int i
    select(aof, db)
    buf_append_header(&aof.buf, c'*', argc)
    for i in range(argc):
        buf_append_bulk(&aof.buf, argv[i])


cdef void aof_feed_raw(aof_t* aof, int db, slice_t commands) noexcept nogil:
    if commands.size:
        select(aof, db)
        buf_append(&aof.buf, commands.data, commands.size)


# -- writing --------------------------------------------------------------------------------------

cdef void fail(aof_t* aof, aof_status_t status, int error) noexcept nogil:
    # A file that an fsync failed on is never better than that.
    if aof.status != AOF_FSYNC_FAILED:
        aof.status = status
    aof.error = error


cdef void put(aof_t* aof) noexcept nogil:
    """write(2) the buffer."""
    cdef ssize_t done
    cdef size_t size
    while aof.buf.size:
        size = aof.buf.size if aof.buf.size < WRITE_MAX else WRITE_MAX
        done = write(aof.fd, aof.buf.data, size)
        if done < 0 and errno == EINTR:
            continue
        if done < <ssize_t>size:
            if done < 0:
                fail(aof, AOF_WRITE_FAILED, errno)
            elif ftruncate(aof.fd, <long>aof.size) == 0:        # J1
                fail(aof, AOF_WRITE_FAILED, ENOSPC)             # a short write: no space
            else:
                fail(aof, AOF_WRITE_FAILED, errno)
                buf_consume(&aof.buf, <size_t>done)
                aof.size += <uint64_t>done
            return
        buf_consume(&aof.buf, <size_t>done)
        aof.size += <uint64_t>done
    if aof.buf.size_max > BUF_KEEP:
        buf_free(&aof.buf)
    if aof.status == AOF_WRITE_FAILED:
        aof.status = AOF_OK


cdef aof_status_t aof_sync(aof_t* aof) noexcept nogil:
    if aof.synced < aof.size and aof.status == AOF_OK:
        if fdatasync(aof.fd) == 0:
            aof.synced = aof.size
            aof.oldest_us = 0
        else:
            fail(aof, AOF_FSYNC_FAILED, errno)
    return aof.status


cdef bint take_answer(aof_t* aof) noexcept nogil:
    """Look at what the thread has done. True when it is free."""
    cdef syncer_t* syncer = aof.syncer
    cdef bint idle
    pthread_mutex_lock(&syncer.mutex)
    idle = not syncer.busy
    if idle and syncer.size:
        if syncer.error:
            fail(aof, AOF_FSYNC_FAILED, syncer.error)
        else:
            aof.synced = syncer.size    # J2
        syncer.size = 0
        aof.asked_us = 0
    pthread_mutex_unlock(&syncer.mutex)
    return idle


cdef void ask(aof_t* aof) noexcept nogil:
    """Let the thread sync what the file holds now."""
    cdef syncer_t* syncer = aof.syncer
    if syncer is NULL:
        syncer = <syncer_t*>calloc(1, sizeof(syncer_t))
        kvd_assert(syncer is not NULL)
        syncer.fd = -1
        pthread_mutex_init(&syncer.mutex, NULL)
        pthread_cond_init(&syncer.changed, NULL)
        aof.syncer = syncer
        if pthread_create(&syncer.thread, NULL, syncer_run, syncer) != 0:
            free(syncer)
            aof.syncer = NULL
            aof_sync(aof)               # no thread to be had: wait for the disk ourselves
            return
    pthread_mutex_lock(&syncer.mutex)
    syncer.fd = aof.fd
    syncer.size = aof.size
    syncer.busy = True
    pthread_cond_signal(&syncer.changed)
    pthread_mutex_unlock(&syncer.mutex)


cdef void sync_by_thread(aof_t* aof, int64_t now_us) noexcept nogil:
    """What `everysec` does each turn."""
    cdef bint due
    cdef bint idle = aof.syncer is NULL or take_answer(aof)
    if aof.synced == aof.size or aof.status != AOF_OK:
        aof.behind = False
        return
    due = aof.oldest_us != 0 and now_us - aof.oldest_us >= ASK_AFTER_US
    if due and idle:
        aof.asked_us = aof.oldest_us
        aof.oldest_us = 0
        aof.overdue = False
        ask(aof)
    elif due and not aof.overdue:
        aof.overdue = True
        aof.delayed_fsync += 1
    aof.behind = aof_unsynced_ms(aof, now_us) >= SECOND_US // 1000


cdef aof_status_t aof_flush(aof_t* aof, int64_t now_us) noexcept nogil:
    if not aof.enabled:
        return AOF_OK
    if aof.buf.size:
        if aof.oldest_us == 0:
            aof.oldest_us = now_us
        put(aof)
    if aof.status != AOF_OK or aof.synced == aof.size:
        return aof.status
    if aof.policy == FSYNC_EVERYSEC:
        sync_by_thread(aof, now_us)
        return AOF_BEHIND if aof.behind else aof.status
    aof.behind = False
    return aof_sync(aof) if aof.policy == FSYNC_ALWAYS else aof.status
