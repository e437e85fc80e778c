"""Many keys in one command: MGET, MSET, MSETNX, MSETEX.

They work in chunks: hash all keys of a chunk, ask for their buckets, ask for their entries, then
act in order. The cache misses of a chunk so overlap, and a key that is named twice is still set
twice, one after the other.
"""
from libc.stdint cimport int64_t, uint32_t, uint64_t

from ..core.number cimport parse_int64
from ..core.table cimport NO_DEADLINE, table_prefetch, table_prefetch_item
from ..core.types cimport slice_t
from ..store.entry cimport entry_deadline, entry_t
from ..store.keyspace cimport (
    EVENT_GENERIC, EVENT_STRING, keyspace_event, keyspace_peek, keyspace_read, keyspace_set,
    keyspace_signal, store_hash,
)
from ..wire.command cimport (
    ACL_STRING, CMD_DENYOOM, CMD_FAST, CMD_MOVABLEKEYS, CMD_READONLY, CMD_WRITE, GROUP_STRING,
    KEY_ACCESS, KEY_INSERT, KEY_OW, KEY_RO, KEY_UPDATE, command_register, command_t, key_hash,
    keys_at, keys_counted, row,
)
from ..wire.errors cimport ERR_NUMKEYS
from ..wire.reply cimport (
    feed_arg, feed_command, feed_int, feed_text, reply_array, reply_error, reply_error_arity,
    reply_error_syntax, reply_int, reply_ok,
)
from .state cimport feed_wanted
from .t_string cimport (
    OPT_EX, OPT_EXAT, OPT_KEEPTTL, OPT_NX, OPT_PX, OPT_TIMES, OPT_XX, options_or_reply, options_t,
    reply_value,
)

cdef enum:
    MSETEX_OPTIONS = OPT_NX | OPT_XX | OPT_KEEPTTL | OPT_TIMES
    NUMKEYS_MAX = 2147483647


cdef int fetch_chunk(client_t* c, int at, int end, int step, uint64_t* hash) noexcept nogil:
    cdef int count = (end - at + step - 1) // step
    cdef int i
    if count > CHUNK_KEYS:
        count = CHUNK_KEYS
    for i in range(count):
        hash[i] = store_hash(c.store, c.argv[at + i * step])
        table_prefetch(&c.ks.table, hash[i])
    for i in range(count):
        table_prefetch_item(&c.ks.table, hash[i])
    return count


cdef void mget_command(client_t* c) noexcept nogil:
    cdef uint64_t hash[CHUNK_KEYS]
    cdef int at = 1
    cdef int count, i
    reply_array(c, c.argc - 1)
    while at < c.argc:
        count = fetch_chunk(c, at, c.argc, 1, hash)
        for i in range(count):
            reply_value(c, keyspace_read(c.ks, hash[i], c.argv[at + i]))
        at += count


cdef void set_pairs(client_t* c, int at, int end, int64_t deadline_ms,
                    uint32_t flags) noexcept nogil:
    """Set the keys and values of argv[at:end], in order: a key named twice keeps the last."""
    cdef uint64_t hash[CHUNK_KEYS]
    cdef int64_t key_deadline_ms = deadline_ms
    cdef entry_t* entry
    cdef slice_t key
    cdef int count, i
    while at < end:
        count = fetch_chunk(c, at, end, 2, hash)
        for i in range(count):
            key = c.argv[at + 2 * i]
            if flags & OPT_KEEPTTL:
                entry = keyspace_peek(c.ks, hash[i], key)
                key_deadline_ms = entry_deadline(entry) if entry is not NULL else NO_DEADLINE
            keyspace_set(c.ks, hash[i], key, c.argv[at + 2 * i + 1], key_deadline_ms)
            keyspace_signal(c.ks, EVENT_STRING, b"set", key)
            if flags & OPT_TIMES:
                keyspace_event(c.ks, EVENT_GENERIC, b"expire", key)
        at += 2 * count


cdef int count_present(client_t* c, int at, int end, int most) noexcept nogil:
    """How many of the pairs in argv[at:end] have a key that exists; stops at `most`."""
    cdef uint64_t hash[CHUNK_KEYS]
    cdef int present = 0
    cdef int count, i
    if keyspace_peek(c.ks, key_hash(c, c.argv[at]), c.argv[at]) is not NULL:
        present = 1                     # often enough to know; the loop has fetched the first key
    at += 2
    while at < end and present < most:
        count = fetch_chunk(c, at, end, 2, hash)
        for i in range(count):
            if keyspace_peek(c.ks, hash[i], c.argv[at + 2 * i]) is not NULL:
                present += 1
        at += 2 * count
    return present


cdef void mset_command(client_t* c) noexcept nogil:
    if c.argc % 2 == 0:
        reply_error_arity(c)
        return
    set_pairs(c, 1, c.argc, NO_DEADLINE, 0)
    reply_ok(c)


cdef void msetnx_command(client_t* c) noexcept nogil:
    if c.argc % 2 == 0:
        reply_error_arity(c)
    elif count_present(c, 1, c.argc, 1):
        reply_int(c, 0)
    else:
        set_pairs(c, 1, c.argc, NO_DEADLINE, 0)
        reply_int(c, 1)


cdef void feed_msetex(client_t* c, int end, int64_t deadline_ms) noexcept nogil:
    """The pairs, and the deadline as it came out; the condition has been met."""
    cdef int i
    if not feed_wanted(c):
        return
    feed_command(c, end + 2)
    feed_text(c, b"MSETEX")
    for i in range(1, end):
        feed_arg(c, c.argv[i])
    feed_text(c, b"PXAT")
    feed_int(c, deadline_ms)


cdef void msetex_command(client_t* c) noexcept nogil:
    cdef int64_t numkeys
    cdef options_t options
    cdef int end
    if not parse_int64(c.argv[1].data, c.argv[1].size, &numkeys) \
            or not 1 <= numkeys <= NUMKEYS_MAX:
        reply_error(c, ERR_NUMKEYS)
        return
    if numkeys > (c.argc - 2) // 2:
        reply_error_syntax(c)
        return
    end = 2 + 2 * <int>numkeys
    if not options_or_reply(c, end, MSETEX_OPTIONS, &options):
        return
    if (options.flags & OPT_NX and count_present(c, 2, end, 1)) or (
            options.flags & OPT_XX and count_present(c, 2, end, end) < numkeys):
        reply_int(c, 0)
        return
    set_pairs(c, 2, end, options.deadline_ms, options.flags)
    if options.flags & (OPT_EX | OPT_PX | OPT_EXAT):
        feed_msetex(c, end, options.deadline_ms)
    reply_int(c, 1)


cdef command_t TABLE[4]
TABLE[:] = [
    row(b"mget", mget_command, -2, CMD_READONLY | CMD_FAST, ACL_STRING, GROUP_STRING,
        keys_at(1, -1, 1, KEY_RO | KEY_ACCESS), b"1.0.0", b"O(N), N keys",
        b"MGET key [key ...]",
        b"Returns the strings of several keys, null for each that holds none."),
    row(b"mset", mset_command, -3, CMD_WRITE | CMD_DENYOOM, ACL_STRING, GROUP_STRING,
        keys_at(1, -1, 2, KEY_OW | KEY_UPDATE), b"1.0.1", b"O(N), N keys",
        b"MSET key value [key value ...]",
        b"Stores several strings at once."),
    row(b"msetex", msetex_command, -4, CMD_WRITE | CMD_DENYOOM | CMD_MOVABLEKEYS, ACL_STRING,
        GROUP_STRING, keys_counted(1, 2, KEY_OW | KEY_UPDATE), b"9.1.0", b"O(N), N keys",
        b"MSETEX numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds"
        b" | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
        b"Stores several strings at once, on a condition and with a time to expire if wanted."),
    row(b"msetnx", msetnx_command, -3, CMD_WRITE | CMD_DENYOOM, ACL_STRING, GROUP_STRING,
        keys_at(1, -1, 2, KEY_OW | KEY_INSERT), b"1.0.1", b"O(N), N keys",
        b"MSETNX key value [key value ...]",
        b"Stores several strings at once when none of the keys exists."),
]
command_register(TABLE, 4)
