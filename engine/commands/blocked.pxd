"""Commands that wait: a client is set aside with its words until a key can serve it.

Terms
    awaited   a key that some client waits for, there or not
    ready     an awaited key that was changed since: who waits for it may be served
    serve     run the command of a waiting client again, from its first check on
    denied    who may not wait: inside EXEC or a script, while the journal is read

A command that finds nothing calls block_on_keys in place of its reply and returns. It is called
again, with the same arguments, when one of the keys is of a wanted type; if it calls block_on_keys
again the client keeps its place, and its deadline. So a command needs no second form.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t

from ..core.types cimport slice_t
from ..store.entry cimport type_t
from ..store.keyspace cimport keyspace_t
from ..wire.command cimport client_t, command_fn, command_t
from .state cimport server_t

cdef struct awaited_t

cdef struct wait_t:
    client_t* client
    awaited_t* key
    wait_t* next                        # of the same key, in the order of arrival
    wait_t* prev

cdef struct awaited_t:
    wait_t* first                       # NULL: nobody waits any more, but it is in the ready list
    wait_t* last
    awaited_t* next_ready
    keyspace_t* ks
    uint64_t hash
    uint64_t count_gone                 # of those who want to know that the key has gone
    bint ready                          # in the list
    bint held                           # out of it, and looked at
    size_t size
    char data[0]

# One block: this, the arguments, the waits, the bytes of the arguments.
cdef struct blocked_t:
    const command_t* cmd
    int argc
    int wait_count
    slice_t* argv                       # inside this block
    wait_t* waits                       # likewise
    size_t size
    command_fn on_timeout               # the reply when time is up: reply_null, reply_null_array
    type_t wanted
    bint when_gone                      # served also when the key is gone, or of another type
    int64_t deadline_us                 # monotonic; 0: waits for ever
    size_t deadline_at                  # index in the heap of deadlines
    uint64_t ticks                      # spent so far in running the command

# Seconds with a fraction (BLPOP), or milliseconds (XREAD), as a span in microseconds: 0 for ever.
# False: the client has its error.
cdef bint block_seconds_or_reply(client_t* c, slice_t arg, int64_t* timeout_us) noexcept nogil
cdef bint block_ms_or_reply(client_t* c, slice_t arg, int64_t* timeout_us) noexcept nogil

# Who is denied to wait is answered at once, as if time were up.
cdef bint block_denied(const client_t* c) noexcept nogil

# Set the client aside until one of the keys in argv[first .. first + count) is of type `wanted`;
# with `when_gone` also when one is not (XREADGROUP tells that its group is lost). Arguments are
# copied as they stand in c.argv now: a command may put others there for the time of this call.
# For a denied client this is its reply. `count` may be 0: then only time, or CLIENT UNBLOCK, ends
# the wait.
cdef void block_on_keys(client_t* c, int first, int count, type_t wanted, bint when_gone,
                        int64_t timeout_us, command_fn on_timeout) noexcept nogil

# -- for the floor above --------------------------------------------------------------------------

# Forget that the client waits; it gets no reply. Its block is freed.
cdef void blocked_forget(client_t* c) noexcept nogil
# The store's on_awaited hook: `key` was changed, made or removed. `owner` is the server.
cdef void blocked_touched(void* owner, keyspace_t* ks, slice_t key) noexcept nogil
# Likewise every awaited key of a database: FLUSHDB, SWAPDB.
cdef void blocked_touch_all_in_db(server_t* srv, keyspace_t* ks) noexcept nogil
# The key that became ready first, out of the list; NULL: there is none.
cdef awaited_t* blocked_take_ready(server_t* srv) noexcept nogil
# Give it back; it is freed when nobody waits for it any more.
cdef void blocked_put_back(server_t* srv, awaited_t* key) noexcept nogil
# Who has waited longest beyond its time; NULL: nobody has.
cdef client_t* blocked_overdue(server_t* srv) noexcept nogil
cdef void blocked_free(server_t* srv) noexcept nogil

cdef inline slice_t awaited_name(const awaited_t* key) noexcept nogil:
    return slice_t(&key.data[0], key.size)

cdef inline blocked_t* blocked_of(const client_t* c) noexcept nogil:
    return <blocked_t*>c.blocked

# When the first of them is due, by the monotonic clock; 0: never.
cdef inline int64_t blocked_due_us(const server_t* srv) noexcept nogil:
    if srv.blocking.deadline_count == 0:
        return 0
    return blocked_of(srv.blocking.deadlines[0]).deadline_us
