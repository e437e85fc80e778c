"""Walking the keys of a database: SCAN and KEYS; and what the walks inside a key share with them.

A cursor is a place in the order of hashes (core/table), so SCAN keeps no state between calls, and
a key that is there throughout a walk is returned at least once whatever the table does meanwhile.
COUNT is how much work a call may do, about as many keys as it looks at, matching or not. Sparse
stretches of the table count as work too, so that no call walks long for nothing.

Keys that are dead and not yet removed are passed over. Walks change nothing.
"""
from ..core.buf cimport buf_append_bulk, buf_free, buf_init
from ..core.number cimport equal_nocase, parse_cursor, parse_int64
from ..core.table cimport SEGMENT_ITEMS_MAX, table_scan, table_walk
from ..store.entry cimport (
    TYPE_STRING, entry_deadline, entry_key, entry_t, entry_type, type_by_name,
)
from ..wire.command cimport (
    ACL_DANGEROUS, ACL_KEYSPACE, CMD_READONLY, GROUP_GENERIC, command_register,
    command_t, keys_none, row,
)
from ..wire.errors cimport (
    ERR_INVALID_CURSOR, ERR_NOT_INTEGER, ERR_SCAN_NO_VALUES, ERR_UNKNOWN_TYPE,
)
from ..wire.reply cimport (
    reply_array, reply_array_close, reply_array_open, reply_bulk, reply_bulk_int, reply_error,
    reply_error_about, reply_error_syntax, reply_raw,
)
from .legacy cimport client_is_legacy

cdef enum:
    COUNT_DEFAULT = 10
    STEPS_PER_COUNT = 10                # empty or sparse buckets that one of COUNT pays for


# -- options, for every walk -----------------------------------------------------------------------

cdef bint scan_cursor_or_reply(client_t* c, int at, scan_t* scan) noexcept nogil:
    if not parse_cursor(c.argv[at].data, c.argv[at].size, &scan.cursor):
        reply_error(c, ERR_INVALID_CURSOR)
        return False
    scan.count = COUNT_DEFAULT
    scan.pattern = slice_t(NULL, 0)
    scan.any_name = True
    scan.any_type = True
    scan.type = TYPE_STRING
    scan.no_values = False
    scan.now_ms = c.store.now_ms
    return True


cdef void match_names(scan_t* scan, slice_t pattern) noexcept nogil:
    scan.pattern = pattern
    scan.any_name = pattern.size == 1 and pattern.data[0] == c'*'


cdef bint option_or_reply(client_t* c, slice_t name, slice_t value, int allowed,
                          scan_t* scan) noexcept nogil:
    """An option that has a value."""
    if equal_nocase(name.data, name.size, b"count", 5):
        if not parse_int64(value.data, value.size, &scan.count):
            reply_error(c, ERR_NOT_INTEGER)
            return False
        if scan.count < 1:
            reply_error_syntax(c)
            return False
    elif equal_nocase(name.data, name.size, b"match", 5):
        match_names(scan, value)
    elif allowed & SCAN_TYPE and equal_nocase(name.data, name.size, b"type", 4):
        if not type_by_name(value, &scan.type):
            reply_error_about(c, ERR_UNKNOWN_TYPE, value, b"'")
            return False
        scan.any_type = False
    else:
        reply_error_syntax(c)
        return False
    return True


cdef bint scan_options_or_reply(client_t* c, int at, int allowed, scan_t* scan) noexcept nogil:
    while at < c.argc:
        if equal_nocase(c.argv[at].data, c.argv[at].size, b"novalues", 8):
            if client_is_legacy(c):
                reply_error_syntax(c)
                return False
            if not allowed & SCAN_NO_VALUES:
                reply_error(c, ERR_SCAN_NO_VALUES)
                return False
            scan.no_values = True
            at += 1
            continue
        if at + 1 == c.argc:
            reply_error_syntax(c)
            return False
        if not option_or_reply(c, c.argv[at], c.argv[at + 1], allowed, scan):
            return False
        at += 2
    return True


cdef void scan_reply_all(client_t* c, int64_t count) noexcept nogil:
    reply_array(c, 2)
    reply_bulk_int(c, 0)
    reply_array(c, count)


cdef void scan_table(client_t* c, const table_t* table, scan_t* scan,
                     scan_emit_fn emit) noexcept nogil:
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef buf_t out                      # replies are in order, and the cursor comes first
    cdef uint64_t steps = 0
    cdef uint64_t seen = 0
    cdef uint64_t count = <uint64_t>scan.count
    cdef int64_t found = 0
    cdef size_t got, i
    buf_init(&out, c.store.heap)
    while True:
        # Long steps, while a segment is not more than what is left of COUNT.
        if count - seen >= SEGMENT_ITEMS_MAX:
            got = table_walk(table, &scan.cursor, items)
        else:
            got = table_scan(table, &scan.cursor, items)
        for i in range(got):
            found += emit(scan, &out, items[i])
        seen += got
        steps += 1
        if scan.cursor == 0 or seen >= count or steps // STEPS_PER_COUNT >= count:
            break
    reply_array(c, 2)
    reply_bulk_int(c, <int64_t>scan.cursor)
    reply_array(c, found)
    reply_raw(c, slice_t(out.data, out.size))
    buf_free(&out)


# -- keys -----------------------------------------------------------------------------------------

cdef inline bint passes(const scan_t* scan, const entry_t* entry) noexcept nogil:
    return (entry_deadline(entry) > scan.now_ms
            and (scan.any_type or entry_type(entry) == scan.type)
            and scan_matches(scan, entry_key(entry)))


cdef int64_t emit_key(const scan_t* scan, buf_t* out, const void* item) noexcept nogil:
    if not passes(scan, <const entry_t*>item):
        return 0
    buf_append_bulk(out, entry_key(<const entry_t*>item))
    return 1


cdef void scan_command(client_t* c) noexcept nogil:
    cdef scan_t scan
    if scan_cursor_or_reply(c, 1, &scan) and scan_options_or_reply(c, 2, SCAN_TYPE, &scan):
        scan_table(c, &c.ks.table, &scan, emit_key)


cdef void keys_command(client_t* c) noexcept nogil:
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef scan_t scan
    cdef uint64_t cursor = 0
    cdef size_t count, i
    cdef int64_t found = 0
    cdef size_t mark = reply_array_open(c)
    scan.any_type = True
    scan.type = TYPE_STRING
    scan.now_ms = c.store.now_ms
    match_names(&scan, c.argv[1])
    while True:
        count = table_walk(&c.ks.table, &cursor, items)
        for i in range(count):
            if passes(&scan, <entry_t*>items[i]):
                reply_bulk(c, entry_key(<entry_t*>items[i]))
                found += 1
        if cursor == 0:
            break
    reply_array_close(c, mark, found)


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
