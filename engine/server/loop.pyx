"""The event loop.

epoll, level-triggered. A ready connection gets one read and, if the journal has nothing to write
first, its replies at once: the client on another core goes on while we read the next one. Where
the journal has something, the replies of the turn wait for its write(2), and leave together.

Bytes are read into one buffer that all clients share, and executed there. Only what is left of a
command that has not come whole is copied to the client's own buffer; the next read then goes
there. So an idle client holds no buffers, and a busy one copies nothing.

A client's own epoll registration never changes while it behaves: it is watched for reading; for
writing only when its socket was full.

Invariants
    L1  no reply leaves before the journal text that was fed before it was written
    L2  clients are freed in reap() only: at the end of a turn nobody holds one
    L3  a client in `parked` or `pending_write` is in it once
"""
from libc.errno cimport EAGAIN, ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, errno
from libc.stdint cimport int64_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memset

from ..commands.connection cimport connection_greet
from ..commands.multi cimport multi_free
from ..commands.state cimport client_close, server_t
from ..core.buf cimport buf_append, buf_consume, buf_free, buf_init, buf_reserve
from ..core.clock cimport clock_mono_us, clock_ticks, clock_wall_ms
from ..core.heap cimport heap_alloc, heap_alloc_zero, heap_free, heap_realloc
from ..core.intrinsics cimport likely, unlikely
from ..journal.aof cimport AOF_OK, aof_flush
from ..store.access cimport access_set_time
from ..store.keyspace cimport store_reap
from ..wire.client cimport client_create, client_release
from ..wire.command cimport (
    CLIENT_CLOSE_NOW, CLIENT_CLOSE_SOON, CLIENT_CLOSING, CLIENT_CONTROL, CLIENT_INTERNAL,
    CLIENT_MONITOR, CLIENT_PENDING_WRITE, CLIENT_UNIX_SOCKET, CLIENT_WRITE_WAITS,
)
from .execute cimport execute_bytes
from .stats cimport stats_cron

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
    cdef struct sockaddr_storage:
        unsigned short ss_family
    int accept4(int fd, sockaddr* address, unsigned* size, int flags)
    int getsockname(int fd, sockaddr* address, unsigned* size)
    int setsockopt(int fd, int level, int name, const void* value, unsigned size)
    ssize_t recv(int fd, void* at, size_t size, int flags)
    ssize_t send(int fd, const void* at, size_t size, int flags)
    int SOCK_NONBLOCK, SOCK_CLOEXEC, MSG_NOSIGNAL, SOL_SOCKET, SO_KEEPALIVE, AF_INET, AF_INET6

cdef extern from "<netinet/in.h>" nogil:
    int IPPROTO_TCP

cdef extern from "<netinet/tcp.h>" nogil:
    int TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT

cdef extern from "<arpa/inet.h>" nogil:
    const char* inet_ntop(int family, const void* address, char* out, unsigned size)
    unsigned short ntohs(unsigned short value)

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef extern from "<stdio.h>" nogil:
    int snprintf(char* out, size_t size, const char* format, ...)

cdef extern from *:
    """
    #include <netinet/in.h>
    /* Address and port of either family, by field: Cython knows no anonymous unions. */
    static const void* kvd_address_of(const struct sockaddr_storage* s) {
        return s->ss_family == AF_INET ? (const void*)&((const struct sockaddr_in*)s)->sin_addr
                                       : (const void*)&((const struct sockaddr_in6*)s)->sin6_addr;
    }
    static unsigned short kvd_port_of(const struct sockaddr_storage* s) {
        return s->ss_family == AF_INET ? ((const struct sockaddr_in*)s)->sin_port
                                       : ((const struct sockaddr_in6*)s)->sin6_port;
    }
    """
    const void* kvd_address_of(const sockaddr_storage* s) nogil
    unsigned short kvd_port_of(const sockaddr_storage* s) nogil

cdef enum:
    EVENTS_MAX = 256                    # of one turn
    READ_SIZE = 65536                   # bytes: the shared read buffer
    READ_LARGE_MAX = 4194304            # bytes asked at once of a client that announced more
    ACCEPTS_MAX = 64                    # of one turn and listener: a storm starves nobody
    SPARE_MAX = 65536                   # bytes: a larger reply buffer is not kept
    REPLY_FIRST = 16384                 # bytes of a fresh one
    REAP_ITEMS = 2000                   # dropped keys freed in a turn
    CRON_US = 100000
    WAKE_MARK = 1                       # epoll data: low bits tell what is not a client
    LISTENER_MARK = 2

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


cdef int loop_listeners(const server_t* srv, int* out) noexcept nogil:
    cdef loop_t* loop = <loop_t*>srv.loop
    cdef int i
    for i in range(loop.listener_count):
        out[i] = loop.listeners[i].fd
    return loop.listener_count


cdef int loop_set_wake(server_t* srv, int fd) noexcept nogil:
    cdef loop_t* loop = loop_of(srv)
    loop.wake_fd = fd
    return watch(loop, EPOLL_CTL_ADD, fd, EPOLLIN, WAKE_MARK)


# -- clients --------------------------------------------------------------------------------------

cdef client_t* client_attach(server_t* srv, int fd) noexcept nogil:
    cdef client_t* c
    cdef uint32_t more
    if srv.client_count == srv.clients_max:
        more = srv.clients_max * 2 if srv.clients_max else 16
        srv.clients = <client_t**>heap_realloc(
            &srv.heap, srv.clients, srv.clients_max * sizeof(void*), more * sizeof(void*))
        srv.clients_max = more
    srv.client_next_id += 1
    c = client_create(&srv.store, &srv.databases[0], srv, fd, srv.client_next_id)
    c.index = srv.client_count
    c.created_us = srv.mono_us
    c.active_us = srv.mono_us
    connection_greet(srv, c)
    srv.clients[srv.client_count] = c
    srv.client_count += 1
    return c


cdef void client_detach(server_t* srv, client_t* c) noexcept nogil:
    cdef client_t* last
    unlink_pending(srv, c)
    unlink_parked(srv, c)
    unlink_closing(srv, c)
    srv.monitors -= 1 if c.flags & CLIENT_MONITOR else 0
    srv.client_count -= 1
    last = srv.clients[srv.client_count]
    srv.clients[c.index] = last
    last.index = c.index
    if c.fd >= 0:
        close(c.fd)
    multi_free(c)
    client_release(c)


cdef void unlink_pending(server_t* srv, client_t* c) noexcept nogil:
    cdef client_t** at = &srv.pending_write
    if not c.flags & CLIENT_PENDING_WRITE:
        return
    while at[0] is not NULL:
        if at[0] is c:
            at[0] = c.next_pending
            return
        at = &at[0].next_pending


cdef void unlink_parked(server_t* srv, client_t* c) noexcept nogil:
    cdef client_t** at = &srv.parked
    while at[0] is not NULL:
        if at[0] is c:
            at[0] = c.next_parked
            return
        at = &at[0].next_parked


cdef void unlink_closing(server_t* srv, client_t* c) noexcept nogil:
    cdef client_t** at = &srv.closing
    if not c.flags & CLIENT_CLOSING:
        return
    while at[0] is not NULL:
        if at[0] is c:
            at[0] = c.next_closing
            c.flags &= ~<uint32_t>CLIENT_CLOSING
            return
        at = &at[0].next_closing


cdef void describe_address(char* out, const sockaddr_storage* address) noexcept nogil:
    cdef char host[48]
    if address.ss_family != AF_INET and address.ss_family != AF_INET6:
        return
    inet_ntop(address.ss_family, kvd_address_of(address), host, sizeof(host))
    snprintf(out, 64, b"[%s]:%d" if address.ss_family == AF_INET6 else b"%s:%d", &host[0],
             <int>ntohs(kvd_port_of(address)))


cdef client_t* loop_adopt(server_t* srv, int fd, listener_t kind) noexcept nogil:
    cdef loop_t* loop = loop_of(srv)
    cdef client_t* c
    cdef int on = 1
    cdef int seconds = <int>srv.config.tcp_keepalive
    srv.stats.connections_received += 1
    c = client_attach(srv, fd)
    if kind == LISTEN_TCP:
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))
        if seconds:
            setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on))
            setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds))
            seconds = seconds // 3 if seconds >= 3 else 1
            setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof(seconds))
            seconds = 3
            setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &seconds, sizeof(seconds))
    else:
        c.flags |= CLIENT_UNIX_SOCKET
        c.flags |= CLIENT_CONTROL if kind == LISTEN_CONTROL else 0
        connection_greet(srv, c)        # again: the owner need not log in
    if watch(loop, EPOLL_CTL_ADD, fd, EPOLLIN, <uint64_t><uintptr_t>c):
        client_detach(srv, c)
        return NULL
    return c


cdef void accept_from(server_t* srv, listening_t* listener) noexcept nogil:
    cdef sockaddr_storage address
    cdef unsigned size
    cdef int fd, i
    cdef client_t* c
    for i in range(ACCEPTS_MAX):
        size = sizeof(address)
        memset(&address, 0, sizeof(address))
        fd = accept4(listener.fd, <sockaddr*>&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)
        if fd < 0:
            if errno == EINTR or errno == ECONNABORTED:
                continue
            if errno == EMFILE or errno == ENFILE or errno == ENOBUFS or errno == ENOMEM:
                # Level-triggered, it would ring for ever: leave it until cron.
                watch(loop_of(srv), EPOLL_CTL_DEL, listener.fd, 0, 0)
                listener.paused = True
            return
        c = loop_adopt(srv, fd, listener.kind)
        if c is not NULL and listener.kind == LISTEN_TCP:
            describe_address(c.address, &address)
            size = sizeof(address)
            if getsockname(fd, <sockaddr*>&address, &size) == 0:
                describe_address(c.local, &address)


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
            buf_reserve(&srv.reply_spare, REPLY_FIRST)
        c.reply = srv.reply_spare
        buf_init(&srv.reply_spare, &srv.heap)


cdef void give_spare(server_t* srv, client_t* c) noexcept nogil:
    """The replies have left: the next client may have the buffer."""
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
    if c.reply.size == c.sent:
        if c.reply.data is not NULL:
            c.sent = 0
            give_spare(srv, c)
        return
    # While the disk fails nothing more is written: who has not written need not wait for it.
    if ((srv.aof.buf.size == 0 or srv.aof.status != AOF_OK)
            and not c.flags & (CLIENT_WRITE_WAITS | CLIENT_PENDING_WRITE)):
        write_client(srv, c)
    elif not c.flags & CLIENT_PENDING_WRITE:
        c.flags |= CLIENT_PENDING_WRITE             # L3
        c.next_pending = srv.pending_write
        srv.pending_write = c


cdef void run_query(server_t* srv, client_t* c) noexcept nogil:
    """Execute what the client's own buffer holds."""
    cdef size_t done
    take_spare(srv, c)
    done = execute_bytes(srv, c, c.query.data, c.query.size)
    buf_consume(&c.query, done)
    if c.query.size == 0:
        buf_free(&c.query)
    finish_input(srv, c)


cdef void loop_feed(server_t* srv, client_t* c, const char* data, size_t size) noexcept nogil:
    cdef size_t done
    if c.query.size:
        buf_append(&c.query, data, size)
        run_query(srv, c)
        return
    take_spare(srv, c)
    done = execute_bytes(srv, c, data, size)
    if done < size:
        # Room for the rest of a large argument, as far as bytes have come to vouch for it.
        buf_append(&c.query, data + done, size - done)
    finish_input(srv, c)


cdef void read_client(server_t* srv, client_t* c) noexcept nogil:
    cdef ssize_t got
    cdef size_t want = READ_SIZE
    cdef bint own = c.query.size != 0
    if own:
        # As much again as has come, so that a large argument takes few reads and a liar gains
        # nothing by announcing one.
        if c.need > want:
            want = c.need if c.need < c.query.size else c.query.size
            want = READ_SIZE if want < READ_SIZE else want
            want = READ_LARGE_MAX if want > READ_LARGE_MAX else want
        buf_reserve(&c.query, want)
        got = recv(c.fd, c.query.data + c.query.size, c.query.size_max - c.query.size, 0)
    else:
        got = recv(c.fd, loop_of(srv).read_buffer, READ_SIZE, 0)
    if got <= 0:
        if got == 0 or (errno != EAGAIN and errno != EINTR):
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


# -- writing --------------------------------------------------------------------------------------

cdef void write_client(server_t* srv, client_t* c) noexcept nogil:
    cdef ssize_t put
    cdef loop_t* loop = loop_of(srv)
    if c.fd < 0:
        return                          # whoever made it takes its replies
    put = send(c.fd, c.reply.data + c.sent, c.reply.size - c.sent, MSG_NOSIGNAL)
    if put < 0:
        if errno != EAGAIN and errno != EINTR:
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
        if unlikely(c.flags & CLIENT_WRITE_WAITS):
            c.flags &= ~<uint32_t>CLIENT_WRITE_WAITS
            watch(loop, EPOLL_CTL_MOD, c.fd, EPOLLIN, <uint64_t><uintptr_t>c)
    elif not c.flags & CLIENT_WRITE_WAITS:
        c.flags |= CLIENT_WRITE_WAITS
        watch(loop, EPOLL_CTL_MOD, c.fd, EPOLLIN | EPOLLOUT, <uint64_t><uintptr_t>c)


cdef void write_pending(server_t* srv) noexcept nogil:
    cdef client_t* c
    if aof_flush(&srv.aof, srv.mono_us) != AOF_OK:
        return                          # L1: these replies wait for the disk
    while srv.pending_write is not NULL:
        c = srv.pending_write
        srv.pending_write = c.next_pending
        c.next_pending = NULL
        c.flags &= ~<uint32_t>CLIENT_PENDING_WRITE
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
        if c.flags & CLIENT_CLOSE_NOW or c.reply.size == c.sent:
            client_detach(srv, c)
        else:
            client_close(srv, c, 0)


# -- turns ----------------------------------------------------------------------------------------

cdef void loop_tick(server_t* srv) noexcept nogil:
    srv.wall_ms = clock_wall_ms()
    srv.store.now_ms = srv.wall_ms
    access_set_time(&srv.store.access, srv.wall_ms)
    srv.mono_us = clock_mono_us()
    srv.stats.turns += 1


cdef int wait_ms(server_t* srv) noexcept nogil:
    cdef int64_t left = loop_of(srv).cron_at_us - srv.mono_us
    if srv.store.dropped_count or srv.loading:
        return 0
    return <int>(left // 1000) + 1 if left > 0 else 0


cdef void cron(server_t* srv) noexcept nogil:
    cdef loop_t* loop = loop_of(srv)
    cdef int i
    loop.cron_at_us = srv.mono_us + CRON_US
    stats_cron(srv)
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
        if unlikely(events & EPOLLOUT) and srv.aof.buf.size == 0:
            write_client(srv, c)
        if events & (EPOLLIN | EPOLLERR | EPOLLHUP):
            read_client(srv, c)
    store_reap(&srv.store, REAP_ITEMS)
    if srv.mono_us >= loop.cron_at_us:
        cron(srv)
    write_pending(srv)
    if unlikely(srv.closing is not NULL):
        reap(srv)
    srv.stats.turn_ticks += clock_ticks() - began
    return STEP_STOP if srv.stop else step


cdef step_t loop_run(server_t* srv, int64_t until_us) noexcept nogil:
    cdef step_t step = STEP_AGAIN
    loop_tick(srv)
    while step == STEP_AGAIN:
        step = turn(srv)
        if until_us and srv.mono_us >= until_us:
            break
    return step
