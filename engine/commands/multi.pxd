"""Transactions: a queue of commands, and keys that are watched until it runs.

Terms
    queue     copies of the commands that a client sent since MULTI; owned by c.multi
    watch     one client's interest in one key; owned by c.watched and listed at its key
    touched   changed in a way that a WATCH must see
    dirty     CLIENT_DIRTY_CAS: a watched key was touched; CLIENT_DIRTY_EXEC: a command was
              refused while queueing

A client without MULTI and WATCH has nothing here: no memory, and store.watched at 0 spares the
whole server the hook.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t

from ..core.types cimport slice_t
from ..store.keyspace cimport keyspace_t
from ..wire.command cimport client_t, command_t
from .state cimport server_t

cdef struct queued_t

ctypedef bint (*queued_fn)(void* owner, const command_t* cmd, int argc,
                           const slice_t* argv) noexcept nogil

cdef struct multi_t:
    queued_t* first                     # owned, in the order they came
    queued_t* last
    int64_t count
    uint32_t flags_any                  # CMD_* of all queued commands: what EXEC may do

# The command of EXEC's row, so that the checks before a call know it.
cdef void exec_command(client_t* c) noexcept nogil

# Queue the client's command, which has passed its checks, and reply QUEUED.
cdef void multi_queue(client_t* c, uint32_t flags) noexcept nogil
# EXEC itself was refused: the error at `reply_at` of c.reply becomes its reason, and the
# transaction is over.
cdef void multi_refused(client_t* c, size_t reply_at) noexcept nogil
# Forget queue and watches, if any: DISCARD, RESET, a client that leaves.
cdef void multi_free(client_t* c) noexcept nogil
# What the queued commands may do: CMD_* flags, 0 outside MULTI.
cdef inline uint32_t multi_flags(const client_t* c) noexcept nogil:
    return (<const multi_t*>c.multi).flags_any if c.multi is not NULL else 0
# Hand each queued command to `fn`, in order, until it says no.
cdef void multi_each(const client_t* c, queued_fn fn, void* owner) noexcept nogil
# Commands queued, -1 outside MULTI; and keys watched: for CLIENT LIST.
cdef int64_t multi_count(const client_t* c) noexcept nogil
cdef int64_t multi_watch_count(const client_t* c) noexcept nogil

# The store's on_modified hook; `owner` is the server.
cdef void multi_touched(void* owner, keyspace_t* ks, slice_t key) noexcept nogil
# Every key of `ks` is about to go, and `replacement` (NULL: nothing) to take its place.
cdef void multi_touch_all_in_db(server_t* srv, keyspace_t* ks,
                                keyspace_t* replacement) noexcept nogil
