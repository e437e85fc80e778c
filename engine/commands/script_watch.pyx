"""The watchdog of scripts.

A hook that is armed all the time would cost every instruction; a timer for every run, two system
calls. So the loop only counts: odd while a script runs, even between. A thread looks at the count
each beat, and when it has seen the same odd number for long enough it arms the hook, which Lua
allows at any moment. With nothing to watch for a second the thread sleeps, and the next run wakes
it.

    loop      count 7 ...................... 8     9 10 11 12 13
    thread       look   look   look: arm!             look   look

Invariants
    W1  the hook is armed and disarmed under the lock only
    W2  a run that ended while the thread armed leaves an armed hook: the hook looks at the time
        itself, and disarms
    W3  the thread touches the counts, the machine's hook, and nothing else
"""
from libc.stdlib cimport calloc, free

from ..core.clock cimport clock_mono_us
from ..core.lua cimport LUA_MASKCOUNT, lua
from ..core.threads cimport (
    pthread_cond_init, pthread_cond_signal, pthread_cond_t, pthread_cond_wait, pthread_create,
    pthread_join, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_t, pthread_mutex_unlock,
    pthread_t,
)

cdef extern from *:
    """
    #include <stdint.h>
    #define kvd_watch_load(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
    #define kvd_watch_store(p, v) __atomic_store_n(p, v, __ATOMIC_SEQ_CST)
    """
    uint64_t load "kvd_watch_load"(uint64_t* p) nogil
    void store "kvd_watch_store"(uint64_t* p, uint64_t v) nogil

cdef extern from "<unistd.h>" nogil:
    int usleep(unsigned us)

cdef enum:
    BEAT_US = 10000
    BEAT_MIN_US = 1000
    IDLE_BEATS = 100
    HOOK_COUNT = 10000                  # instructions between two calls of the hook

cdef struct watchdog_t:
    pthread_t thread
    pthread_mutex_t mutex
    pthread_cond_t wake
    uint64_t count                      # odd while a script runs
    uint64_t asleep
    uint64_t stop
    uint64_t armed
    # Of the run; written before the count becomes odd
    lua_State* L
    lua_hook_fn hook
    uint64_t after_us


cdef void* watch(void* argument) noexcept nogil:
    cdef watchdog_t* w = <watchdog_t*>argument
    cdef uint64_t seen = 0
    cdef uint64_t count, after
    cdef int64_t since_us = 0
    cdef int idle = 0
    while not load(&w.stop):
        count = load(&w.count)
        after = load(&w.after_us)
        if count != seen:
            seen = count
            since_us = clock_mono_us()
            idle = 0
        elif count & 1:
            if after and clock_mono_us() - since_us >= <int64_t>after:
                pthread_mutex_lock(&w.mutex)            # W1
                if load(&w.count) == seen and not load(&w.armed):
                    store(&w.armed, 1)
                    lua.sethook(w.L, w.hook, LUA_MASKCOUNT, HOOK_COUNT)
                pthread_mutex_unlock(&w.mutex)
        else:
            idle += 1
        if idle > IDLE_BEATS:
            pthread_mutex_lock(&w.mutex)
            store(&w.asleep, 1)
            while load(&w.count) == seen and not load(&w.stop):
                pthread_cond_wait(&w.wake, &w.mutex)
            store(&w.asleep, 0)
            pthread_mutex_unlock(&w.mutex)
            continue
        usleep(BEAT_MIN_US if after and after < 4 * BEAT_US else BEAT_US)
    return NULL


cdef watchdog_t* watch_start() noexcept nogil:
    cdef watchdog_t* w = <watchdog_t*>calloc(1, sizeof(watchdog_t))
    if w is NULL:
        return NULL
    pthread_mutex_init(&w.mutex, NULL)
    pthread_cond_init(&w.wake, NULL)
    if pthread_create(&w.thread, NULL, watch, w):
        free(w)
        return NULL
    return w


cdef void rouse(watchdog_t* w) noexcept nogil:
    pthread_mutex_lock(&w.mutex)
    pthread_cond_signal(&w.wake)
    pthread_mutex_unlock(&w.mutex)


cdef void watch_stop(watchdog_t* w) noexcept nogil:
    if w is NULL:
        return
    store(&w.stop, 1)
    rouse(w)
    pthread_join(w.thread, NULL)
    free(w)


cdef void watch_begin(watchdog_t* w, lua_State* L, lua_hook_fn hook,
                      int64_t after_us) noexcept nogil:
    if w is NULL:
        return
    w.L = L
    w.hook = hook
    store(&w.after_us, <uint64_t>after_us)
    store(&w.count, w.count + 1)
    if load(&w.asleep):
        rouse(w)


cdef void watch_end(watchdog_t* w) noexcept nogil:
    if w is NULL:
        return
    store(&w.count, w.count + 1)
    if load(&w.armed):
        watch_arm(w, w.L, w.hook, 0)


cdef void watch_arm(watchdog_t* w, lua_State* L, lua_hook_fn hook, int count) noexcept nogil:
    pthread_mutex_lock(&w.mutex)
    store(&w.armed, 1 if count else 0)
    if count:
        lua.sethook(L, hook, LUA_MASKCOUNT, count)
    else:
        lua.sethook(L, NULL, 0, 0)
    pthread_mutex_unlock(&w.mutex)
