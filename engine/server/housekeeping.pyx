"""What clients may cost.

The sum of what clients cost is kept as it changes, one subtraction and one addition for a client
that was active. While it is above maxmemory-clients the largest go: two walks over the table, one
that adds up sizes by powers of two and one that closes, so that making room for many small
clients costs no more than for one large.

Everything else can wait a second: `hz` times in it cron walks on through the table and looks at
who is idle, who has not logged in, who reads too slowly for too long, and whose buffers have
become too large for what is in them.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t

from ..commands.multi cimport multi_watch_count
from ..commands.state cimport client_close, client_kind, client_must_log_in, output_limit_t
from ..core.buf cimport buf_shrink
from ..core.intrinsics cimport count_leading_zeros, likely
from ..wire.client cimport client_memory, client_output
from ..wire.command cimport (
    CLIENT_BLOCKED, CLIENT_CLOSE_NOW, CLIENT_CONTROL, CLIENT_INTERNAL, CLIENT_MONITOR,
    CLIENT_NO_EVICT, CLIENT_PAUSED, CLIENT_RETRIES, CLIENT_WRITE_WAITS,
)

cdef enum:
    STEP_MIN = 16                       # clients looked at in each step
    SHRINK_FACTOR = 4                   # a buffer with so many times the room it needs gives back
    SHRINK_MIN = 4096                   # bytes: smaller ones are left alone
    WATCH_SIZE = 96                     # bytes, about, of a watched key and of who watches it
    UNAUTH_QUERY_MAX = 1048576          # bytes before authentication
    PERCENT_MIN = 8388608               # bytes: what a percentage of maxmemory means at least


cdef void housekeeping_account(server_t* srv, client_t* c) noexcept nogil:
    cdef size_t size = client_memory(c)
    if c.watched is not NULL:
        size += <size_t>multi_watch_count(c) * WATCH_SIZE
    srv.clients_memory += size - c.memory_counted
    c.memory_counted = size


# -- limits of one client -------------------------------------------------------------------------

cdef void housekeeping_query(server_t* srv, client_t* c) noexcept nogil:
    """One argument may be as large as proto-max-bulk-len, whatever the limit: what has been
    announced of it does not count."""
    cdef size_t limit = <size_t>srv.config.client_query_buffer_limit
    if c.bulk_size > 0:
        limit += <size_t>c.bulk_size
    if client_must_log_in(srv, c) and limit > UNAUTH_QUERY_MAX:
        limit = UNAUTH_QUERY_MAX
    if c.query.size + c.multi_memory > limit and not c.flags & CLIENT_INTERNAL:
        srv.stats.query_limit_closes += 1
        client_close(srv, c, CLIENT_CLOSE_NOW)


cdef void housekeeping_output(server_t* srv, client_t* c) noexcept nogil:
    cdef const output_limit_t* limit = &srv.config.output_limits[<int>client_kind(c)]
    cdef int64_t unsent = <int64_t>client_output(c)
    cdef bint over = limit.hard_bytes != 0 and unsent >= limit.hard_bytes
    if client_must_log_in(srv, c) and c.flags & CLIENT_WRITE_WAITS:
        over = True                     # a few bytes each, and they do not fit: nobody reads them
    if limit.soft_bytes and unsent >= limit.soft_bytes:
        if c.reply_soft_since_us == 0:
            c.reply_soft_since_us = srv.mono_us
        elif srv.mono_us - c.reply_soft_since_us > limit.soft_seconds * 1000000:
            over = True
    else:
        c.reply_soft_since_us = 0
    if over and not c.flags & CLIENT_CLOSE_NOW:
        srv.stats.output_limit_closes += 1
        client_close(srv, c, CLIENT_CLOSE_NOW)


# -- the limit of all -----------------------------------------------------------------------------

cdef size_t clients_limit(const server_t* srv) noexcept nogil:
    """maxmemory-clients in bytes; 0: none."""
    cdef int64_t limit = srv.config.maxmemory_clients
    if limit < 0:                       # a percentage; of no maxmemory it is none
        limit = <int64_t>(<double>srv.config.maxmemory * <double>-limit / 100)
        # Of a small maxmemory it would be less than one large value's reply to who reads it.
        limit = PERCENT_MIN if 0 < limit < PERCENT_MIN else limit
    return <size_t>limit


cdef inline bint evictable(const client_t* c) noexcept nogil:
    return not c.flags & (CLIENT_NO_EVICT | CLIENT_CONTROL | CLIENT_INTERNAL | CLIENT_CLOSE_NOW)


cdef inline int magnitude(size_t size) noexcept nogil:
    return 63 - count_leading_zeros(size | 1)


cdef void evict_clients(server_t* srv, size_t over) noexcept nogil:
    """Close the largest, by powers of two, until `over` bytes are on their way out."""
    cdef size_t total[64]
    cdef size_t marked = 0
    cdef size_t sum = 0
    cdef uint32_t i
    cdef int least = 64
    cdef client_t* c
    for i in range(64):
        total[i] = 0
    for i in range(srv.client_count):
        c = srv.clients[i]
        if evictable(c):
            total[magnitude(c.memory_counted)] += c.memory_counted
        elif c.flags & CLIENT_CLOSE_NOW:
            marked += c.memory_counted          # they go anyway
    while least > 0 and marked + sum < over:
        least -= 1
        sum += total[least]
    for i in range(srv.client_count):
        c = srv.clients[i]
        if marked >= over:
            break
        # Those above `least` are not enough, or `least` would be higher: all of them go.
        if evictable(c) and magnitude(c.memory_counted) > least:
            marked += evict_client(srv, c)
    for i in range(srv.client_count):
        c = srv.clients[i]
        if marked >= over:
            break
        if evictable(c) and magnitude(c.memory_counted) == least:
            marked += evict_client(srv, c)


cdef size_t evict_client(server_t* srv, client_t* c) noexcept nogil:
    srv.stats.clients_evicted += 1
    client_close(srv, c, CLIENT_CLOSE_NOW)
    return c.memory_counted


cdef void housekeeping_turn(server_t* srv) noexcept nogil:
    cdef size_t limit = clients_limit(srv)
    if likely(limit == 0 or srv.clients_memory <= limit):
        return
    evict_clients(srv, srv.clients_memory - limit)


# -- rounds ---------------------------------------------------------------------------------------

cdef bint overdue(const server_t* srv, const client_t* c) noexcept nogil:
    """It has not logged in, or not taken its last reply, or been silent for too long."""
    if c.flags & CLIENT_INTERNAL:
        return False
    if c.deadline_us and not c.flags & CLIENT_BLOCKED and srv.mono_us >= c.deadline_us:
        return True
    # Who waits for us, or watches, is silent for a reason.
    if c.flags & (CLIENT_PAUSED | CLIENT_RETRIES | CLIENT_BLOCKED | CLIENT_MONITOR
                  | CLIENT_CONTROL):
        return False
    return (srv.config.timeout != 0
            and srv.mono_us - c.active_us > srv.config.timeout * 1000000)


cdef void look_at(server_t* srv, client_t* c) noexcept nogil:
    if c.flags & CLIENT_CLOSE_NOW:
        return
    if overdue(srv, c):
        client_close(srv, c, CLIENT_CLOSE_NOW)
        return
    if c.query.size_max > srv.query_round:
        srv.query_round = c.query.size_max
    if c.reply.size_max > srv.reply_round:
        srv.reply_round = c.reply.size_max
    if client_output(c):
        housekeeping_output(srv, c)
    if c.query.size_max > SHRINK_MIN and c.query.size_max // SHRINK_FACTOR > c.query.size:
        buf_shrink(&c.query)
    if c.reply.size_max > SHRINK_MIN and c.reply.size_max // SHRINK_FACTOR > c.reply.size:
        buf_shrink(&c.reply)
    housekeeping_account(srv, c)


cdef void housekeeping_cron(server_t* srv) noexcept nogil:
    cdef uint32_t count = srv.client_count // <uint32_t>srv.config.hz
    cdef uint32_t i
    if count < STEP_MIN:
        count = STEP_MIN
    for i in range(count):
        if srv.cron_at >= srv.client_count:     # a round ends
            srv.query_recent = srv.query_round
            srv.reply_recent = srv.reply_round
            srv.query_round = 0
            srv.reply_round = 0
            srv.cron_at = 0
            if i or srv.client_count == 0:
                return
        look_at(srv, srv.clients[srv.cron_at])
        srv.cron_at += 1
