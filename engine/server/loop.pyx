"""The event loop.

epoll, level-triggered. A ready connection gets one read and, if the journal has nothing to write
first, its replies at once: the client on another core goes on while we read the next one. Where
the journal has something, the replies of the turn wait for its write(2), and leave together; over
TLS they always do.

Bytes are read into one buffer that all clients share, and executed there. Only what is left of a
command that has not come whole is copied to the client's own buffer; the next read then goes
there. So an idle client holds no buffers, and a busy one copies nothing.

A client's own epoll registration never changes while it behaves: it is watched for reading; for
writing only when its socket was full.

Invariants
    L1  no reply leaves before the journal text that was fed before it was written
    L2  clients are freed in reap() only: at the end of a turn nobody holds one
"""
from libc.errno cimport EAGAIN, ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, errno
from libc.stdint cimport int64_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy, memset

from ..commands.blocked cimport blocked_due_us
from ..commands.connection cimport connection_end_pause, connection_greet
from ..commands.state cimport (
    BATCH_MAX, CLOSE_LINGER_US, batch_command_t, client_close, server_t,
)
from ..commands.tracking cimport tracking_broadcast, tracking_reap
from ..core.buf cimport buf_append, buf_consume, buf_free, buf_init, buf_reserve, buf_shrink
from ..core.clock cimport clock_mono_us, clock_ticks, clock_wall_ms
from ..core.heap cimport heap_alloc, heap_alloc_zero, heap_free
from ..core.intrinsics cimport likely, unlikely
from ..core.table cimport NO_DEADLINE
from ..journal.aof cimport AOF_OK, FSYNC_ALWAYS, aof_flush
from ..journal.snapshot cimport SNAPSHOT_IDLE
from ..store.access cimport access_set_time
from ..store.defrag cimport defrag_step
from ..store.evict cimport EVICT_MORE, evict_run, evicted_t
from ..store.expire cimport expire_run
from ..store.keyspace cimport store_has_dropped, store_reap
from ..wire.client cimport client_output
from ..wire.command cimport (
    CLIENT_BLOCKED, CLIENT_CLOSE_NOW, CLIENT_CLOSE_SOON, CLIENT_CLOSING, CLIENT_CONTROL,
    CLIENT_FED, CLIENT_INTERNAL, CLIENT_NOT_READ, CLIENT_PAUSED, CLIENT_PENDING_WRITE,
    CLIENT_READY, CLIENT_READ_PAUSED, CLIENT_TLS_MORE, CLIENT_TLS_SHAKING, CLIENT_UNIX_SOCKET,
    CLIENT_RETRIES, CLIENT_UNWATCHED, CLIENT_WRITE_WAITS,
)
from .blocked cimport blocked_retry, blocked_serve, blocked_timeouts
from ..wire.resp cimport argv_free, argv_init, argv_t
from .clients cimport (
    client_attach, client_close_later, client_detach, client_make_ready, client_wake_parked,
    client_write_later,
)
from .door cimport door_admit
from .execute cimport execute_bytes
from .housekeeping cimport (
    housekeeping_account, housekeeping_cron, housekeeping_output, housekeeping_query,
    housekeeping_turn,
)
from .journal cimport journal_cron, journal_turn
from .latency cimport latency_note
from .peer cimport peer_describe, peer_refusal, peer_set_options, peer_turn_away
from .stats cimport stats_cron
from .tls cimport (
    TLS_BROKEN, tls_accept, tls_free_context, tls_has_more, tls_is_shaken, tls_read, tls_write,
)

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        void* ptr
        uint64_t u64
    cdef packed struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int op, int fd, epoll_event* event)
    int epoll_wait(int epfd, epoll_event* events, int count, int timeout_ms)
    int EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL
    uint32_t EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP

cdef extern from "<sys/socket.h>" nogil:
    cdef struct sockaddr:
        pass
    int accept4(int fd, sockaddr* address, unsigned* size, int flags)
    ssize_t recv(int fd, void* at, size_t size, int flags)
    ssize_t send(int fd, const void* at, size_t size, int flags)
    int SOCK_NONBLOCK, SOCK_CLOEXEC, MSG_NOSIGNAL

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef enum:
    EVENTS_MAX = 256                    # of one turn
    READ_SIZE = 65536                   # bytes: the shared read buffer
    OWN_READ_MIN = 16384                # bytes to come, and come, of a command read in place
    READ_LARGE_MAX = 4194304            # bytes asked at once of a client that announced more
    ACCEPTS_MAX = 64                    # of one turn and listener: a storm starves nobody
    SPARE_MAX = 4194304                 # bytes: a larger reply buffer is not kept
    SPARE_CALM = 65536                  # nor one above this that nobody needed between two crons
    CONSUME_MIN = 65536                 # bytes sent of a reply that are worth moving the rest for
    REPLY_FIRST = 16384                 # bytes of a fresh one
    TLS_REPLY_FIRST = 1024              # likewise, where each client of a turn needs its own
    EXPIRE_BUDGET_US = 1000             # of one turn
    EVICT_BUDGET_US = 500               # likewise, of what a command left above the limit
    DEFRAG_BUDGET_US = 500
    REAP_ITEMS = 256                    # dropped keys or elements freed between looks at the clock
    REAP_BUDGET_US = 300                # of one turn
    WAIT_MS_MAX = 1000                  # the longest there is between two runs of cron: hz 1
    UNSYNCED_US = 100000                # a look at what everysec has to sync by now
    BEHIND_US = 1000                    # a look at a disk or a walk that replies wait for
    SHAKE_US = 10000000                 # for a TLS handshake
    WAKE_MARK = 1                       # epoll data: low bits tell what is not a client
    LISTENER_MARK = 2
    BUSY_EVENTS = 64                    # of one turn within a turn

cdef struct listening_t:
    int fd
    listener_t kind
    bint paused                         # out of descriptors: not watched until cron

cdef struct loop_t:
    int epfd
    int wake_fd
    listening_t listeners[LISTENERS_MAX]
    int listener_count
    int64_t cron_at_us
    int64_t handshakes                  # worked on in this turn
    size_t reply_most                   # bytes: the largest that left since the last cron
    char* read_buffer                   # READ_SIZE, owned
    epoll_event events[EVENTS_MAX]


cdef inline loop_t* loop_of(server_t* srv) noexcept nogil:
    return <loop_t*>srv.loop


cdef int loop_open(server_t* srv) noexcept nogil:
    cdef loop_t* loop = <loop_t*>heap_alloc_zero(&srv.heap, sizeof(loop_t))
    loop.epfd = epoll_create1(EPOLL_CLOEXEC)
    loop.wake_fd = -1
    loop.read_buffer = <char*>heap_alloc(&srv.heap, READ_SIZE)
    srv.loop = loop
    return 0 if loop.epfd >= 0 else errno


cdef void loop_close(server_t* srv) noexcept nogil:
    cdef loop_t* loop = loop_of(srv)
    if loop is NULL:
        return
    while srv.client_count:
        client_detach(srv, srv.clients[srv.client_count - 1])
    heap_free(&srv.heap, srv.clients, srv.clients_max * sizeof(void*))
    srv.clients = NULL
    srv.clients_max = 0
    if loop.epfd >= 0:
        close(loop.epfd)
    tls_free_context(srv.tls)
    srv.tls = NULL
    heap_free(&srv.heap, loop.read_buffer, READ_SIZE)
    heap_free(&srv.heap, loop, sizeof(loop_t))
    srv.loop = NULL


cdef int watch(loop_t* loop, int op, int fd, uint32_t events, uint64_t data) noexcept nogil:
    cdef epoll_event event
    memset(&event, 0, sizeof(event))
    event.events = events
    event.data.u64 = data
    return 0 if epoll_ctl(loop.epfd, op, fd, &event) == 0 else errno


cdef int loop_listen(server_t* srv, int fd, listener_t kind) noexcept nogil:
    cdef loop_t* loop = loop_of(srv)
    if loop.listener_count == LISTENERS_MAX:
        return ENOBUFS
    loop.listeners[loop.listener_count] = listening_t(fd, kind, False)
    loop.listener_count += 1
    return watch(loop, EPOLL_CTL_ADD, fd, EPOLLIN, <uint64_t>fd << 2 | LISTENER_MARK)


cdef void loop_unlisten(server_t* srv, int fd) noexcept nogil:
    cdef loop_t* loop = loop_of(srv)
    cdef int i
    for i in range(loop.listener_count):
        if loop.listeners[i].fd == fd:
            watch(loop, EPOLL_CTL_DEL, fd, 0, 0)
            loop.listener_count -= 1
            loop.listeners[i] = loop.listeners[loop.listener_count]
            return


cdef int loop_listeners(const server_t* srv, int* fds, listener_t* kinds) noexcept nogil:
    cdef loop_t* loop = <loop_t*>srv.loop
    cdef int i
    for i in range(loop.listener_count):
        fds[i] = loop.listeners[i].fd
        kinds[i] = loop.listeners[i].kind
    return loop.listener_count


cdef int loop_set_wake(server_t* srv, int fd) noexcept nogil:
    cdef loop_t* loop = loop_of(srv)
    loop.wake_fd = fd
    return watch(loop, EPOLL_CTL_ADD, fd, EPOLLIN, WAKE_MARK)


cdef void loop_set_tls(server_t* srv, void* context) noexcept nogil:
    tls_free_context(srv.tls)           # sessions made from it keep it
    srv.tls = context


# -- accepting ------------------------------------------------------------------------------------

cdef client_t* loop_adopt(server_t* srv, int fd, listener_t kind) noexcept nogil:
    cdef loop_t* loop = loop_of(srv)
    cdef client_t* c
    # The owner's socket is open when no other is.
    cdef const char* refusal = NULL
    if kind != LISTEN_CONTROL:
        refusal = peer_refusal(srv, fd, kind == LISTEN_TCP or (
            kind == LISTEN_TLS and srv.config.external_user.size == 0))
    if refusal is not NULL:
        srv.stats.connections_rejected += 1
        if kind == LISTEN_TLS:
            close(fd)                   # it could not read our words
        else:
            peer_turn_away(fd, refusal)
        return NULL
    srv.stats.connections_received += 1
    c = client_attach(srv, fd)
    peer_describe(c)
    if kind == LISTEN_TLS and not (door_admit(srv, c) and begin_tls(srv, c)):
        client_detach(srv, c)
        return NULL
    if kind == LISTEN_TCP or kind == LISTEN_TLS:
        peer_set_options(fd, <int>srv.config.tcp_keepalive)
    else:
        c.flags |= CLIENT_UNIX_SOCKET
    if kind == LISTEN_CONTROL:
        c.flags |= CLIENT_CONTROL
        srv.socket_count -= 1
        connection_greet(srv, c)        # again: the owner need not log in
    if watch(loop, EPOLL_CTL_ADD, fd, EPOLLIN, <uint64_t><uintptr_t>c):
        client_detach(srv, c)
        return NULL
    return c


cdef bint begin_tls(server_t* srv, client_t* c) noexcept nogil:
    if srv.tls is NULL:
        return False
    c.tls = tls_accept(srv.tls, c.fd)
    c.modes |= CLIENT_TLS_SHAKING
    c.deadline_us = srv.mono_us + SHAKE_US
    return c.tls is not NULL


cdef void accept_from(server_t* srv, listening_t* listener) noexcept nogil:
    cdef int fd, i
    for i in range(ACCEPTS_MAX):
        fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)
        if fd < 0:
            if errno == EINTR or errno == ECONNABORTED:
                continue
            if errno == EMFILE or errno == ENFILE or errno == ENOBUFS or errno == ENOMEM:
                # Level-triggered, it would ring for ever: leave it until cron.
                watch(loop_of(srv), EPOLL_CTL_DEL, listener.fd, 0, 0)
                listener.paused = True
            return
        loop_adopt(srv, fd, listener.kind)


cdef void accept_on(server_t* srv, int fd) noexcept nogil:
    cdef loop_t* loop = loop_of(srv)
    cdef int i
    for i in range(loop.listener_count):
        if loop.listeners[i].fd == fd:
            accept_from(srv, &loop.listeners[i])
            return


# -- reading --------------------------------------------------------------------------------------

cdef void take_spare(server_t* srv, client_t* c) noexcept nogil:
    if c.reply.data is NULL:
        if srv.reply_spare.data is NULL:
            buf_reserve(&srv.reply_spare, REPLY_FIRST if c.tls is NULL else TLS_REPLY_FIRST)
        c.reply = srv.reply_spare
        buf_init(&srv.reply_spare, &srv.heap)


cdef void give_spare(server_t* srv, client_t* c) noexcept nogil:
    """The replies have left: the next client may have the buffer."""
    cdef loop_t* loop = loop_of(srv)
    if c.reply.size > loop.reply_most:
        loop.reply_most = c.reply.size
    if srv.reply_spare.data is NULL and c.reply.size_max <= SPARE_MAX:
        srv.reply_spare = c.reply
        srv.reply_spare.size = 0
        buf_init(&c.reply, &srv.heap)
    else:
        buf_free(&c.reply)


cdef void finish_input(server_t* srv, client_t* c) noexcept nogil:
    """Replies leave now, or wait for the journal (L1)."""
    if c.flags & (CLIENT_CLOSE_SOON | CLIENT_CLOSE_NOW):
        client_close(srv, c, 0)
    if c.query.size:
        housekeeping_query(srv, c)
    if c.reply.size == c.sent:
        if c.reply.data is not NULL:
            c.sent = 0
            give_spare(srv, c)
    # While the disk fails nothing more is written: who has not written need not wait for it. Over
    # TLS replies leave together, so that OpenSSL's code for reading need not make room, client by
    # client, for that for writing.
    elif ((srv.aof.buf.size == 0 or srv.aof.status != AOF_OK) and c.tls is NULL
            and not c.flags & (CLIENT_WRITE_WAITS | CLIENT_PENDING_WRITE)):
        write_client(srv, c)
    else:
        client_write_later(srv, c)
    if unlikely((c.flags & CLIENT_NOT_READ != 0) != (c.flags & CLIENT_UNWATCHED != 0)):
        watch_client(srv, c)
    housekeeping_account(srv, c)


cdef void watch_client(server_t* srv, client_t* c) noexcept nogil:
    """Read from it, write to it, as its flags say."""
    cdef uint32_t events
    if c.fd < 0:
        return
    if unlikely(c.modes & CLIENT_TLS_MORE) and not c.flags & (CLIENT_NOT_READ | CLIENT_BLOCKED):
        client_make_ready(srv, c, 0)
    events = 0 if c.flags & CLIENT_NOT_READ else EPOLLIN
    if events:
        c.flags &= ~<uint32_t>CLIENT_UNWATCHED
    else:
        c.flags |= CLIENT_UNWATCHED
    if c.flags & CLIENT_WRITE_WAITS:
        events |= EPOLLOUT
    watch(loop_of(srv), EPOLL_CTL_MOD, c.fd, events, <uint64_t><uintptr_t>c)


cdef void run_query(server_t* srv, client_t* c) noexcept nogil:
    """Execute what the client's own buffer holds."""
    cdef size_t done
    take_spare(srv, c)
    done = execute_bytes(srv, c, c.query.data, c.query.size)
    buf_consume(&c.query, done)
    if c.query.size_max > READ_SIZE and c.query.size_max // 4 > c.query.size:
        buf_shrink(&c.query)            # a large argument has passed
    elif c.query.size == 0:
        buf_free(&c.query)
    finish_input(srv, c)


cdef void run_ready(server_t* srv) noexcept nogil:
    """Those who wait for nothing any more. Who has to wait again stands in a new list."""
    cdef client_t* left = srv.ready
    cdef client_t* c
    srv.ready = NULL
    while left is not NULL:
        c = left
        left = c.next_parked
        c.flags &= ~<uint32_t>(CLIENT_READY | CLIENT_RETRIES)
        if c.flags & (CLIENT_CLOSE_SOON | CLIENT_CLOSE_NOW):
            continue
        if c.flags & CLIENT_BLOCKED:
            blocked_retry(srv, c)
        elif c.query.size and not c.flags & CLIENT_READ_PAUSED:
            run_query(srv, c)
        elif unlikely(c.modes & CLIENT_TLS_MORE) and not c.flags & CLIENT_NOT_READ:
            read_client(srv, c)
        elif c.flags & CLIENT_UNWATCHED:
            watch_client(srv, c)


cdef void loop_feed(server_t* srv, client_t* c, const char* data, size_t size) noexcept nogil:
    cdef size_t done
    if c.query.size or c.flags & CLIENT_BLOCKED:
        buf_append(&c.query, data, size)
        if not c.flags & (CLIENT_NOT_READ | CLIENT_BLOCKED):
            run_query(srv, c)
        else:
            housekeeping_query(srv, c)
        return
    take_spare(srv, c)
    done = execute_bytes(srv, c, data, size)
    if done < size:
        buf_append(&c.query, data + done, size - done)
    finish_input(srv, c)


cdef bint shake_hands(server_t* srv, client_t* c) noexcept nogil:
    """Is it worth reading from a client whose handshake may be under way? A handshake is much work:
    who comes after the turn's share of them is read next turn."""
    cdef loop_t* loop = loop_of(srv)
    if not c.modes & CLIENT_TLS_SHAKING:
        return True
    if loop.handshakes >= srv.config.max_new_tls_connections_per_cycle:
        return False                    # level-triggered: the poller will say so again
    loop.handshakes += 1
    return True


cdef ssize_t receive(server_t* srv, client_t* c, char* at, size_t size) noexcept nogil:
    """Bytes; 0 at the end; -1 when nothing has come, -2 when nothing ever will."""
    cdef ssize_t got
    if likely(c.tls is NULL):
        got = recv(c.fd, at, size, 0)
        return got if got >= 0 else -1 if errno == EAGAIN or errno == EINTR else -2
    got = tls_read(c.tls, at, size)
    if unlikely(c.modes & CLIENT_TLS_SHAKING) and tls_is_shaken(c.tls):
        c.modes &= ~<uint32_t>CLIENT_TLS_SHAKING
        connection_greet(srv, c)        # from now on it has its time to log in
    c.modes &= ~<uint32_t>CLIENT_TLS_MORE
    if unlikely(got == <ssize_t>size) and tls_has_more(c.tls):
        c.modes |= CLIENT_TLS_MORE
    return got


cdef void read_client(server_t* srv, client_t* c) noexcept nogil:
    """A large argument is read to where it will be used, with room for a quarter of what has come
    already: it takes few reads, and a liar gains nothing by announcing one."""
    cdef ssize_t got
    cdef size_t want
    cdef bint own = (c.need >= OWN_READ_MIN and c.query.size >= OWN_READ_MIN
                     and not c.flags & CLIENT_BLOCKED)
    if own:
        want = c.query.size // 4 if c.query.size // 4 > READ_SIZE else READ_SIZE
        want = READ_LARGE_MAX if want > READ_LARGE_MAX else want
        buf_reserve(&c.query, c.need if c.need < want else want)
        want = c.query.size_max - c.query.size
        if want > c.need and want > READ_SIZE:
            want = c.need if c.need > READ_SIZE else READ_SIZE  # what follows would be moved
        got = receive(srv, c, c.query.data + c.query.size, want)
    else:
        got = receive(srv, c, loop_of(srv).read_buffer, READ_SIZE)
    if got <= 0:
        if got == 0 and client_output(c):
            client_close(srv, c, CLIENT_CLOSE_SOON)     # it may only have closed its own half
            watch_client(srv, c)
        elif got != -1:
            client_close(srv, c, CLIENT_CLOSE_NOW)
        return
    srv.stats.reads += 1
    srv.stats.bytes_in += <uint64_t>got
    c.bytes_in += <uint64_t>got
    c.active_us = srv.mono_us
    if own:
        c.query.size += <size_t>got
        run_query(srv, c)
    else:
        loop_feed(srv, c, loop_of(srv).read_buffer, <size_t>got)
    if unlikely(c.modes & CLIENT_TLS_MORE) and not c.flags & (CLIENT_NOT_READ | CLIENT_CLOSE_NOW
                                                               | CLIENT_BLOCKED):
        client_make_ready(srv, c, 0)


# -- writing --------------------------------------------------------------------------------------

cdef void write_client(server_t* srv, client_t* c) noexcept nogil:
    cdef ssize_t put
    cdef bint broken
    if c.fd < 0:
        return                          # whoever made it takes its replies
    if likely(c.tls is NULL):
        put = send(c.fd, c.reply.data + c.sent, c.reply.size - c.sent, MSG_NOSIGNAL)
        broken = put < 0 and errno != EAGAIN and errno != EINTR
    else:
        put = tls_write(c.tls, c.reply.data + c.sent, c.reply.size - c.sent)
        broken = put == TLS_BROKEN
    if put < 0:
        if broken:
            client_close(srv, c, CLIENT_CLOSE_NOW)
            return
        put = 0
    srv.stats.writes += 1
    srv.stats.bytes_out += <uint64_t>put
    c.bytes_out += <uint64_t>put
    c.sent += <size_t>put
    if likely(c.sent == c.reply.size):
        c.sent = 0
        give_spare(srv, c)
        if unlikely(c.flags & (CLIENT_WRITE_WAITS | CLIENT_READ_PAUSED)):
            written_at_last(srv, c)
    else:
        written_in_part(srv, c, put > 0)


cdef void written_at_last(server_t* srv, client_t* c) noexcept nogil:
    """Its replies have left: it may have more, and what it has sent meanwhile may run."""
    cdef bint waited = c.flags & CLIENT_WRITE_WAITS != 0
    c.flags &= ~<uint32_t>(CLIENT_WRITE_WAITS | CLIENT_READ_PAUSED)
    c.reply_soft_since_us = 0
    if c.query.size and not c.flags & (CLIENT_PAUSED | CLIENT_BLOCKED):
        client_make_ready(srv, c, 0)    # not read until that has run, or it would pile up
    if waited or (c.flags & CLIENT_UNWATCHED and not c.flags & CLIENT_NOT_READ):
        watch_client(srv, c)
    housekeeping_account(srv, c)


cdef void written_in_part(server_t* srv, client_t* c, bint some) noexcept nogil:
    if some:
        c.active_us = srv.mono_us
        c.deadline_us = srv.mono_us + CLOSE_LINGER_US if c.flags & CLIENT_CLOSE_SOON \
            else c.deadline_us
    if c.sent > CONSUME_MIN and c.sent > c.reply.size // 2:
        buf_consume(&c.reply, c.sent)   # of what keeps growing, at most half is read already
        c.sent = 0
    if not c.flags & CLIENT_WRITE_WAITS:
        c.flags |= CLIENT_WRITE_WAITS
        watch_client(srv, c)
    housekeeping_output(srv, c)
    housekeeping_account(srv, c)


cdef bint flush_journal(server_t* srv) noexcept nogil:
    """L1. True when nothing is held up."""
    cdef int64_t began_us
    cdef bint all
    if likely(srv.config.latency_monitor_threshold == 0 or srv.aof.buf.size == 0):
        return aof_flush(&srv.aof, srv.mono_us) == AOF_OK
    began_us = clock_mono_us()
    all = aof_flush(&srv.aof, srv.mono_us) == AOF_OK
    if srv.aof.policy == FSYNC_ALWAYS:
        latency_note(srv, b"aof-fsync-always", clock_mono_us() - began_us)
    else:
        latency_note(srv, b"aof-write", clock_mono_us() - began_us)
    return all


cdef void write_pending(server_t* srv) noexcept nogil:
    """Send what waited for the journal; where the disk holds it up, what did not change a thing."""
    cdef bint all = flush_journal(srv)
    cdef client_t** at = &srv.pending_write
    cdef client_t* c
    while at[0] is not NULL:
        c = at[0]
        if unlikely(not all and c.flags & CLIENT_FED):
            at = &c.next_pending        # L1
            continue
        at[0] = c.next_pending
        c.next_pending = NULL
        c.flags &= ~<uint32_t>(CLIENT_PENDING_WRITE | CLIENT_FED)
        if not c.flags & CLIENT_CLOSE_NOW:
            write_client(srv, c)


cdef void reap(server_t* srv) noexcept nogil:
    """Free the clients that are to be closed (L2). Those whose reply has not left stay listed;
    one without a socket belongs to whoever made it, who sees its flag."""
    cdef client_t* left = srv.closing
    cdef client_t* c
    srv.closing = NULL
    while left is not NULL:
        c = left
        left = c.next_closing
        c.flags &= ~<uint32_t>CLIENT_CLOSING
        if c.flags & CLIENT_INTERNAL:
            continue
        if c.flags & CLIENT_CLOSE_NOW or client_output(c) == 0:
            client_detach(srv, c)
        else:
            client_close_later(srv, c)


# -- turns ----------------------------------------------------------------------------------------

cdef void loop_tick(server_t* srv) noexcept nogil:
    srv.wall_ms = clock_wall_ms()
    srv.store.now_ms = srv.wall_ms
    access_set_time(&srv.store.access, srv.wall_ms)
    srv.mono_us = clock_mono_us()
    srv.stats.turns += 1
    keep_store(srv)
    if unlikely(srv.tracking.changed != 0):
        tracking_broadcast(srv)
    if unlikely(srv.tracking.dropped.count != 0):
        tracking_reap(srv)
    if unlikely(srv.blocking.deadline_count != 0):
        blocked_timeouts(srv)
    if unlikely(srv.pause.until_us != 0) and srv.mono_us >= srv.pause.until_us:
        connection_end_pause(srv)
    if unlikely(srv.parked is not NULL) and srv.pause.until_us == 0:
        client_wake_parked(srv)
    if unlikely(srv.blocking.ready is not NULL):
        blocked_serve(srv)              # keys that died; or a pause is over
    if unlikely(srv.ready is not NULL):
        run_ready(srv)


cdef void reap_dropped(server_t* srv) noexcept nogil:
    """By the clock and not by count: a block may be a few bytes or megabytes."""
    cdef int64_t until_us = srv.mono_us + REAP_BUDGET_US
    while store_reap(&srv.store, REAP_ITEMS) and clock_mono_us() < until_us:
        pass


cdef void keep_store(server_t* srv) noexcept nogil:
    """What keys want though nobody asks for it, a bounded slice each turn."""
    cdef uint64_t spent_us = srv.expire.spent_us
    cdef evicted_t evicted
    if unlikely(store_has_dropped(&srv.store)):
        reap_dropped(srv)
    if srv.loading:
        return
    if unlikely(srv.store.due_ms <= srv.wall_ms):
        srv.expire.off = not srv.config.active_expire
        expire_run(&srv.expire, &srv.store, srv.mono_us, EXPIRE_BUDGET_US)
        latency_note(srv, b"expire-cycle", <int64_t>(srv.expire.spent_us - spent_us))
    if unlikely(srv.mono_us >= srv.upkeep_at_us):
        srv.defrag.off = not srv.config.active_defrag
        srv.upkeep_at_us = defrag_step(&srv.defrag, &srv.store, srv.mono_us, DEFRAG_BUDGET_US)
    srv.evict.not_counted = srv.aof.buf.size_max
    if unlikely(srv.evict.over_since_us != 0) and srv.pause.until_us == 0:
        evicted = evict_run(&srv.evict, &srv.store, 0, EVICT_BUDGET_US)
        latency_note(srv, b"eviction-cycle", clock_mono_us() - srv.mono_us)
        if evicted == EVICT_MORE:       # and nobody may write for a while
            srv.upkeep_at_us = srv.mono_us


cdef int wait_ms(server_t* srv) noexcept nogil:
    cdef int64_t until = loop_of(srv).cron_at_us
    cdef int64_t left
    cdef int64_t due = blocked_due_us(srv)
    if due and due < until:
        until = due
    if srv.pause.until_us and srv.pause.until_us < until:
        until = srv.pause.until_us
    if srv.upkeep_at_us < until:
        until = srv.upkeep_at_us
    if srv.store.due_ms != NO_DEADLINE and not srv.expire.off and not srv.store.expiry_paused:
        # Deadlines are on the wall clock, and a flood of them takes rests.
        due = srv.store.due_ms - srv.wall_ms
        due = srv.mono_us + (due if due < WAIT_MS_MAX else WAIT_MS_MAX) * 1000
        due = srv.expire.rest_until_us if due < srv.expire.rest_until_us else due
        until = due if due < until else until
    left = until - srv.mono_us
    if (store_has_dropped(&srv.store) or srv.loading or srv.copy_busy
            or srv.ready is not NULL or srv.tracking.dropped.count != 0
            or (srv.parked is not NULL and srv.pause.until_us == 0)):
        return 0
    if unlikely(srv.snapshot.state != SNAPSHOT_IDLE) and left > BEHIND_US:
        left = BEHIND_US
    if srv.aof.synced < srv.aof.size and left > UNSYNCED_US:
        left = UNSYNCED_US
    if unlikely(srv.aof.behind) and left > BEHIND_US:
        left = BEHIND_US                # replies wait for the disk: see soon whether it is done
    return <int>(left // 1000) + 1 if left > 0 else 0


cdef void cron(server_t* srv) noexcept nogil:
    cdef loop_t* loop = loop_of(srv)
    cdef int i
    loop.cron_at_us = srv.mono_us + 1000000 // srv.config.hz
    stats_cron(srv)
    housekeeping_cron(srv)
    journal_cron(srv)
    if srv.reply_spare.size_max > SPARE_CALM and loop.reply_most <= SPARE_CALM:
        buf_free(&srv.reply_spare)
    loop.reply_most = 0
    for i in range(loop.listener_count):
        if loop.listeners[i].paused:
            loop.listeners[i].paused = False
            watch(loop, EPOLL_CTL_ADD, loop.listeners[i].fd, EPOLLIN,
                  <uint64_t>loop.listeners[i].fd << 2 | LISTENER_MARK)


cdef step_t turn(server_t* srv) noexcept nogil:
    cdef loop_t* loop = loop_of(srv)
    cdef step_t step = STEP_AGAIN
    cdef int count, i
    cdef uint64_t data
    cdef uint32_t events
    cdef uint64_t began
    cdef client_t* c
    count = epoll_wait(loop.epfd, loop.events, EVENTS_MAX, wait_ms(srv))
    if count < 0 and errno != EINTR:
        return STEP_FAILED
    began = clock_ticks()
    loop.handshakes = 0
    loop_tick(srv)
    for i in range(count):
        data = loop.events[i].data.u64
        events = loop.events[i].events
        if unlikely(data & 3):
            if data & 3 == WAKE_MARK:
                step = STEP_WAKE
            else:
                accept_on(srv, <int>(data >> 2))
            continue
        c = <client_t*>data
        if unlikely(c.flags & CLIENT_CLOSE_NOW):
            continue
        if (unlikely(events & EPOLLOUT) and srv.aof.buf.size == 0
                and not c.flags & CLIENT_PENDING_WRITE):
            write_client(srv, c)
        if unlikely(c.flags & CLIENT_NOT_READ):
            if events & (EPOLLERR | EPOLLHUP):
                client_close(srv, c, CLIENT_CLOSE_NOW)
        elif events & (EPOLLIN | EPOLLERR | EPOLLHUP):
            if likely(c.tls is NULL) or shake_hands(srv, c):
                read_client(srv, c)
    if srv.mono_us >= loop.cron_at_us:
        cron(srv)
    if unlikely(srv.snapshot.state != SNAPSHOT_IDLE or srv.rewrite_wanted):
        journal_turn(srv)
    if unlikely(srv.tracking.changed != 0):
        tracking_broadcast(srv)
    write_pending(srv)
    housekeeping_turn(srv)
    if unlikely(srv.closing is not NULL):
        reap(srv)
    srv.stats.turn_ticks += clock_ticks() - began
    return STEP_STOP if srv.stop else step


# -- a turn within a turn -------------------------------------------------------------------------

cdef void send_now(server_t* srv, client_t* c) noexcept nogil:
    """Its reply speaks of nothing that the journal holds back."""
    cdef client_t** at = &srv.pending_write
    if not c.flags & CLIENT_PENDING_WRITE:
        return
    while at[0] is not c:
        at = &at[0].next_pending
    at[0] = c.next_pending
    c.next_pending = NULL
    c.flags &= ~<uint32_t>CLIENT_PENDING_WRITE
    if not c.flags & (CLIENT_CLOSE_NOW | CLIENT_WRITE_WAITS):
        write_client(srv, c)


cdef void serve_while_busy(server_t* srv, loop_t* loop, epoll_event* events,
                           int count) noexcept nogil:
    """Everybody but whose script runs, those whose replies wait for the journal, and those whose
    own bytes run in the outer turn."""
    cdef client_t* c
    cdef uint64_t data
    cdef int i
    for i in range(count):
        data = events[i].data.u64
        if data & 3:
            if data & 3 == LISTENER_MARK:
                accept_on(srv, <int>(data >> 2))
            elif srv.signalled == 0:
                srv.signalled = 1       # somebody wants us to end: the script sees it
            continue
        c = <client_t*>data
        if c is srv.script_caller or c.flags & CLIENT_CLOSE_NOW:
            continue
        if events[i].events & EPOLLOUT and not c.flags & CLIENT_PENDING_WRITE:
            write_client(srv, c)
        if c.flags & (CLIENT_NOT_READ | CLIENT_PENDING_WRITE):
            continue
        if events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP):
            read_client(srv, c)
            send_now(srv, c)
        if c.flags & CLIENT_CLOSE_NOW:
            watch(loop, EPOLL_CTL_DEL, c.fd, 0, 0)      # L2: it is freed when the turn ends


cdef void loop_serve_busy(void* owner) noexcept nogil:
    """What the outer turn holds is put aside: its events, its read buffer and its batch stay as
    they are, since the script's own arguments lie there."""
    cdef server_t* srv = <server_t*>owner
    cdef loop_t* loop = loop_of(srv)
    cdef epoll_event events[BUSY_EVENTS]
    cdef batch_command_t batch[BATCH_MAX]
    cdef argv_t argv = srv.argv
    cdef char* read_buffer = loop.read_buffer
    cdef uint64_t ticks = srv.call_ticks
    cdef client_t* current = srv.current
    cdef bint no_touch = srv.store.no_touch
    cdef int count = epoll_wait(loop.epfd, events, BUSY_EVENTS, 0)
    srv.mono_us = clock_mono_us()
    srv.wall_ms = clock_wall_ms()       # keys do not die meanwhile: store.now_ms stays
    if count <= 0:
        return
    memcpy(&batch[0], &srv.batch[0], sizeof(batch))
    argv_init(&srv.argv, &srv.heap)
    loop.read_buffer = <char*>heap_alloc(&srv.heap, READ_SIZE)
    serve_while_busy(srv, loop, events, count)
    heap_free(&srv.heap, loop.read_buffer, READ_SIZE)
    argv_free(&srv.argv)
    loop.read_buffer = read_buffer
    srv.argv = argv
    memcpy(&srv.batch[0], &batch[0], sizeof(batch))
    srv.call_ticks = ticks
    srv.current = current
    srv.store.no_touch = no_touch


cdef step_t loop_run(server_t* srv, int64_t until_us) noexcept nogil:
    cdef step_t step = STEP_AGAIN
    loop_tick(srv)
    while step == STEP_AGAIN:
        step = turn(srv)
        if until_us and srv.mono_us >= until_us:
            break
    return step
