"""Serving clients that wait.

Keys are looked at in the order in which they became ready, and the clients of a key in the order
in which they came. To serve a client is to run its command again, with every check: rights,
memory and the data may have changed since. What it feeds to the journal comes right behind what
its cause has fed, for it runs before any other client's command.

What a served command changes (BLMOVE pushes) may make further keys ready; they are looked at
before we return. Each client is served once at most for a change, so this ends.

Invariants
    B5  nobody is served while a command runs, nor inside another's being served
    B6  a client on its way out is never served: what it would take would be lost
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t

from ..commands.blocked cimport (
    awaited_name, awaited_t, blocked_forget, blocked_of, blocked_overdue, blocked_put_back,
    blocked_t, blocked_take_ready, wait_t,
)
from ..commands.state cimport CALLED_BLOCKED, CALLED_PARKED, called_t, client_close
from ..core.buf cimport buf_free, buf_init, buf_t
from ..core.clock cimport clock_ticks
from ..store.entry cimport entry_t, entry_type
from ..store.keyspace cimport keyspace_peek
from ..wire.client cimport client_output
from ..wire.command cimport (
    CLIENT_BLOCKED, CLIENT_CLOSE_NOW, CLIENT_CLOSE_SOON, CLIENT_TLS_MORE,
)
from ..wire.errors cimport ERR_UNBLOCKED
from ..wire.reply cimport reply_error
from .clients cimport client_make_ready, client_write_later
from .execute cimport execute_mute, execute_process, execute_push
from .housekeeping cimport housekeeping_account
from .stats cimport stats_called


cdef void take_words(client_t* c) noexcept nogil:
    """The client reads what it said when it was set aside."""
    cdef blocked_t* b = blocked_of(c)
    c.argc = b.argc
    c.argv = b.argv
    c.cmd = b.cmd
    c.hashed_key = NULL
    c.flags &= ~<uint32_t>CLIENT_BLOCKED


cdef void finish(server_t* srv, client_t* c) noexcept nogil:
    """It has its reply; what it sent meanwhile may run."""
    blocked_forget(c)
    c.argc = 0
    c.argv = NULL
    if c.flags & (CLIENT_CLOSE_SOON | CLIENT_CLOSE_NOW):
        client_close(srv, c, 0)
    elif c.query.size or c.modes & CLIENT_TLS_MORE:
        client_make_ready(srv, c, 0)
    if client_output(c):
        client_write_later(srv, c)
    housekeeping_account(srv, c)


cdef void serve(server_t* srv, client_t* c) noexcept nogil:
    cdef size_t reply_at = c.reply.size
    cdef uint32_t before
    cdef called_t called
    cdef client_t* outer = srv.caller
    cdef buf_t deferred = srv.deferred  # of the one whose command made the key ready
    if c.flags & (CLIENT_CLOSE_SOON | CLIENT_CLOSE_NOW):        # B6
        return
    srv.caller = c
    buf_init(&srv.deferred, &srv.heap)
    take_words(c)
    before = c.flags
    srv.call_ticks = clock_ticks()
    called = execute_process(srv, c)
    if called == CALLED_PARKED:         # it waits for memory: blocked_retry follows
        c.flags |= CLIENT_BLOCKED
    elif called != CALLED_BLOCKED:
        execute_mute(c, before, reply_at)
        execute_push(srv, c)
        finish(srv, c)
    buf_free(&srv.deferred)
    srv.deferred = deferred
    srv.caller = outer


cdef void serve_key(server_t* srv, awaited_t* key) noexcept nogil:
    cdef wait_t* wait = key.first
    cdef wait_t* next
    cdef const entry_t* entry
    cdef blocked_t* b
    while wait is not NULL:
        # Who is served before may have taken the last of it.
        entry = keyspace_peek(key.ks, key.hash, awaited_name(key))
        if entry is NULL and key.count_gone == 0:
            return
        next = wait.next                # of another client, so it outlives this one's
        b = blocked_of(wait.client)
        if b.when_gone or (entry is not NULL and entry_type(entry) == b.wanted):
            serve(srv, wait.client)
        wait = next


cdef void blocked_serve(server_t* srv) noexcept nogil:
    cdef awaited_t* key
    if srv.blocking.serving or srv.pause.until_us > srv.mono_us:
        return                          # B5; in a pause keys wait in their list
    srv.blocking.serving = True
    key = blocked_take_ready(srv)
    while key is not NULL:
        serve_key(srv, key)
        blocked_put_back(srv, key)
        key = blocked_take_ready(srv)
    srv.blocking.serving = False


cdef void blocked_retry(server_t* srv, client_t* c) noexcept nogil:
    srv.blocking.serving = True
    serve(srv, c)
    srv.blocking.serving = False
    blocked_serve(srv)


cdef bint blocked_end(void* owner, client_t* c, bint error) noexcept nogil:
    cdef server_t* srv = <server_t*>owner
    cdef blocked_t* b = blocked_of(c)
    cdef size_t reply_at = c.reply.size
    cdef uint32_t before
    if b is NULL:
        return False
    take_words(c)
    before = c.flags
    if error:
        reply_error(c, ERR_UNBLOCKED)
    else:
        b.on_timeout(c)
    stats_called(srv, c, b.cmd, b.ticks, reply_at)
    execute_mute(c, before, reply_at)
    finish(srv, c)
    return True


cdef void blocked_timeouts(server_t* srv) noexcept nogil:
    cdef client_t* c = blocked_overdue(srv)
    while c is not NULL:
        blocked_end(srv, c, False)
        c = blocked_overdue(srv)
