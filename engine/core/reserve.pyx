"""A mapping made ready ahead of need, and mappings unmapped.

    loop:    ask ... ask ... take ... give    (never waits: what is not ready is not there)
    thread:  sleep | map, advise, touch each page | ready | unmap, piece by piece | sleep

The thread touches pages by writing to them, rather than by MADV_POPULATE_WRITE, since a fault holds
the lock of one mapping for one page, and the advice that of the address space for all of them:
an mmap of the loop would wait for it. It lets pages go a piece at a time for the same reason: an
munmap holds that lock for as long as it has pages to free. What was given waits in a list whose
links lie in the mappings themselves.

Invariants
    V1  `ready`, `wanted` and the list of what was given change under the mutex only
    V2  at most one mapping is ready or in the making: that is all that is lent in advance
    V3  what was given is unmapped before the thread ends
"""
from libc.stdint cimport uintptr_t
from libc.stdlib cimport calloc, free

from .threads cimport (
    pthread_cond_init, pthread_cond_signal, pthread_cond_t, pthread_cond_wait, pthread_create,
    pthread_join, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_t, pthread_mutex_unlock,
    pthread_t,
)

cdef extern from "<sys/mman.h>" nogil:
    void* mmap(void* at, size_t size, int prot, int flags, int fd, long offset)
    int munmap(void* at, size_t size)
    int madvise(void* at, size_t size, int advice)
    int PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE
    int MADV_DONTNEED, MADV_HUGEPAGE
    void* MAP_FAILED

cdef enum:
    PAGE = 4096
    PIECE = 2097152                     # bytes whose pages go at once: a huge page

cdef struct given_t:
    given_t* next
    size_t size

cdef struct reserve_t:
    pthread_t thread
    pthread_mutex_t mutex               # guards what follows
    pthread_cond_t changed
    size_t size
    void* ready                         # owned
    bint wanted
    given_t* given                      # owned mappings, the last given first
    bint stop


cdef void* map_aligned(size_t size) noexcept nogil:
    cdef char* at = <char*>mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    cdef char* aligned
    cdef size_t head
    if <void*>at == MAP_FAILED:
        return NULL
    aligned = <char*>((<uintptr_t>at + size - 1) & ~<uintptr_t>(size - 1))
    head = <size_t>(aligned - at)
    if head:
        munmap(at, head)
    if size - head:
        munmap(aligned + size, size - head)
    return aligned


cdef void* make_ready(size_t size) noexcept nogil:
    cdef char* at = <char*>map_aligned(size)
    cdef size_t i = 0
    if at is NULL:
        return NULL
    madvise(at, size, MADV_HUGEPAGE)
    while i < size:
        at[i] = 0
        i += PAGE
    return at


cdef void unmap_in_pieces(void* mapping, size_t size) noexcept nogil:
    cdef size_t at = 0
    while at < size:
        madvise(<char*>mapping + at, PIECE if size - at > PIECE else size - at, MADV_DONTNEED)
        at += PIECE
    munmap(mapping, size)


cdef void lend(reserve_t* reserve) noexcept nogil:
    """Under the mutex, which it lets go meanwhile, as the next does."""
    cdef void* made
    pthread_mutex_unlock(&reserve.mutex)
    made = make_ready(reserve.size)
    pthread_mutex_lock(&reserve.mutex)
    reserve.ready = made
    reserve.wanted = False              # also when the system refused: the loop will hear it too


cdef void let_go(reserve_t* reserve) noexcept nogil:
    cdef given_t* given = reserve.given
    cdef size_t size = given.size
    reserve.given = given.next
    pthread_mutex_unlock(&reserve.mutex)
    unmap_in_pieces(given, size)
    pthread_mutex_lock(&reserve.mutex)


cdef void* reserve_run(void* argument) noexcept nogil:
    cdef reserve_t* reserve = <reserve_t*>argument
    pthread_mutex_lock(&reserve.mutex)
    while True:
        if reserve.wanted and reserve.ready is NULL and not reserve.stop:      # V2
            lend(reserve)
        elif reserve.given is not NULL:
            let_go(reserve)
        elif reserve.stop:
            break
        else:
            pthread_cond_wait(&reserve.changed, &reserve.mutex)
    pthread_mutex_unlock(&reserve.mutex)
    return NULL


cdef reserve_t* reserve_create(size_t size) noexcept nogil:
    cdef reserve_t* reserve = <reserve_t*>calloc(1, sizeof(reserve_t))
    if reserve is NULL:
        return NULL
    reserve.size = size
    pthread_mutex_init(&reserve.mutex, NULL)
    pthread_cond_init(&reserve.changed, NULL)
    if pthread_create(&reserve.thread, NULL, reserve_run, reserve) != 0:
        free(reserve)
        return NULL
    return reserve


cdef void reserve_release(reserve_t* reserve) noexcept nogil:
    pthread_mutex_lock(&reserve.mutex)
    reserve.stop = True
    pthread_cond_signal(&reserve.changed)
    pthread_mutex_unlock(&reserve.mutex)
    pthread_join(reserve.thread, NULL)
    if reserve.ready is not NULL:
        munmap(reserve.ready, reserve.size)
    free(reserve)


cdef void reserve_ask(reserve_t* reserve) noexcept nogil:
    pthread_mutex_lock(&reserve.mutex)
    if not reserve.wanted and reserve.ready is NULL:
        reserve.wanted = True
        pthread_cond_signal(&reserve.changed)
    pthread_mutex_unlock(&reserve.mutex)


cdef void* reserve_take(reserve_t* reserve) noexcept nogil:
    cdef void* taken
    pthread_mutex_lock(&reserve.mutex)
    taken = reserve.ready
    reserve.ready = NULL
    pthread_mutex_unlock(&reserve.mutex)
    return taken


cdef void reserve_give(reserve_t* reserve, void* mapping, size_t size) noexcept nogil:
    cdef given_t* given = <given_t*>mapping
    given.size = size
    pthread_mutex_lock(&reserve.mutex)
    given.next = reserve.given
    reserve.given = given
    if given.next is NULL:
        pthread_cond_signal(&reserve.changed)   # else it is awake, and looks again
    pthread_mutex_unlock(&reserve.mutex)
