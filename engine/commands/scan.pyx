"""Walking the keys of a database: SCAN and KEYS.

A cursor is a place in the order of hashes (core/table), so SCAN keeps no state between calls, and
a key that is there throughout a walk is returned at least once whatever the table does meanwhile.
COUNT is how much work a call may do, about as many keys as it looks at, matching or not. Sparse
stretches of the table count as work too, so that no call walks long for nothing.

Keys that are dead and not yet removed are passed over. Walks change nothing.
"""
from libc.stdint cimport int64_t, uint64_t

from ..core.buf cimport buf_append_bulk, buf_free, buf_init, buf_t
from ..core.glob cimport glob_match
from ..core.number cimport equal_nocase, parse_cursor, parse_int64
from ..core.table cimport SEGMENT_ITEMS_MAX, table_scan, table_walk
from ..core.types cimport slice_t
from ..store.entry cimport (
    entry_deadline, entry_key, entry_t, entry_type, type_by_name, type_t,
)
from ..store.keyspace cimport keyspace_t
from ..wire.command cimport (
    ACL_DANGEROUS, ACL_KEYSPACE, CMD_READONLY, GROUP_GENERIC, client_t, command_register,
    command_t, keys_none, row,
)
from ..wire.errors cimport ERR_INVALID_CURSOR, ERR_NOT_INTEGER, ERR_UNKNOWN_TYPE
from ..wire.reply cimport (
    reply_array, reply_array_close, reply_array_open, reply_bulk, reply_bulk_int, reply_error,
    reply_error_about, reply_error_syntax, reply_raw,
)

cdef enum:
    COUNT_DEFAULT = 10
    STEPS_PER_COUNT = 10                # empty or sparse buckets that one of COUNT pays for

cdef struct filter_t:
    slice_t pattern
    bint any_name                       # no pattern, or one that matches all
    bint any_type
    type_t type


cdef inline bint passes(const keyspace_t* ks, const filter_t* filter,
                        const entry_t* entry) noexcept nogil:
    cdef slice_t key
    if entry_deadline(entry) <= ks.store.now_ms:
        return False
    if not filter.any_type and entry_type(entry) != filter.type:
        return False
    if filter.any_name:
        return True
    key = entry_key(entry)
    return glob_match(filter.pattern.data, filter.pattern.size, key.data, key.size, False)


cdef void filter_by_name(filter_t* filter, slice_t pattern) noexcept nogil:
    filter.pattern = pattern
    filter.any_name = pattern.size == 1 and pattern.data[0] == c'*'


cdef void keys_command(client_t* c) noexcept nogil:
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef filter_t filter
    cdef uint64_t cursor = 0
    cdef size_t count, i
    cdef int64_t found = 0
    cdef size_t mark = reply_array_open(c)
    filter.any_type = True
    filter_by_name(&filter, c.argv[1])
    while True:
        count = table_walk(&c.ks.table, &cursor, items)
        for i in range(count):
            if passes(c.ks, &filter, <entry_t*>items[i]):
                reply_bulk(c, entry_key(<entry_t*>items[i]))
                found += 1
        if cursor == 0:
            break
    reply_array_close(c, mark, found)


cdef bint parse_options_or_reply(client_t* c, filter_t* filter, int64_t* count) noexcept nogil:
    """Options in any order, each judged as it comes; of two that are equal the last one holds."""
    cdef int at = 2
    cdef slice_t name, value
    while at < c.argc:
        name = c.argv[at]
        if at + 1 == c.argc:
            reply_error_syntax(c)
            return False
        value = c.argv[at + 1]
        if equal_nocase(name.data, name.size, b"count", 5):
            if not parse_int64(value.data, value.size, count):
                reply_error(c, ERR_NOT_INTEGER)
                return False
            if count[0] < 1:
                reply_error_syntax(c)
                return False
        elif equal_nocase(name.data, name.size, b"match", 5):
            filter_by_name(filter, value)
        elif equal_nocase(name.data, name.size, b"type", 4):
            if not type_by_name(value, &filter.type):
                reply_error_about(c, ERR_UNKNOWN_TYPE, value, b"'")
                return False
            filter.any_type = False
        else:
            reply_error_syntax(c)
            return False
        at += 2
    return True


cdef void scan_command(client_t* c) noexcept nogil:
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef filter_t filter
    cdef buf_t keys                     # replies are in order, and the cursor comes first
    cdef uint64_t cursor
    cdef uint64_t steps = 0
    cdef uint64_t seen = 0
    cdef int64_t count = COUNT_DEFAULT
    cdef int64_t found = 0
    cdef size_t got, i
    if not parse_cursor(c.argv[1].data, c.argv[1].size, &cursor):
        reply_error(c, ERR_INVALID_CURSOR)
        return
    filter.any_name = True
    filter.any_type = True
    if not parse_options_or_reply(c, &filter, &count):
        return
    buf_init(&keys, c.store.heap)
    while True:
        # Long steps, while a segment is not more than what is left of COUNT.
        if <uint64_t>count - seen >= SEGMENT_ITEMS_MAX:
            got = table_walk(&c.ks.table, &cursor, items)
        else:
            got = table_scan(&c.ks.table, &cursor, items)
        for i in range(got):
            if passes(c.ks, &filter, <entry_t*>items[i]):
                buf_append_bulk(&keys, entry_key(<entry_t*>items[i]))
                found += 1
        seen += got
        steps += 1
        if cursor == 0 or seen >= <uint64_t>count \
                or steps // STEPS_PER_COUNT >= <uint64_t>count:
            break
    reply_array(c, 2)
    reply_bulk_int(c, <int64_t>cursor)
    reply_array(c, found)
    reply_raw(c, slice_t(keys.data, keys.size))
    buf_free(&keys)


cdef command_t TABLE[2]
TABLE[:] = [
    row(b"scan", scan_command, -2, CMD_READONLY, ACL_KEYSPACE, GROUP_GENERIC, keys_none(),
        b"2.8.0",
        b"O(1) a call with the default COUNT; O(N) for a whole walk, N being the number of keys.",
        b"SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]",
        b"Walks over the keys of the selected database, a few at a time."),
    row(b"keys", keys_command, 2, CMD_READONLY, ACL_KEYSPACE | ACL_DANGEROUS, GROUP_GENERIC,
        keys_none(), b"1.0.0",
        b"O(N) where N is the number of keys in the database.",
        b"KEYS pattern",
        b"Lists every key whose name matches a pattern. SCAN does so and lets others work."),
]
command_register(TABLE, 2)
