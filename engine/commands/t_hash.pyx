"""Hashes: fields and their values. Draws are in hash_random, deadlines of fields in hash_expire.

A handle (store/hash) is opened on the key's entry, changed, and closed: closing writes the body and
the encoding back, tells the database when the first field dies, and deletes a hash that has become
empty.

What depends on whether a field is dead, on its deadline or on rounding goes to the journal as the
result it had: HSET, or HSETEX with the deadline that stays.
"""
from libc.stdint cimport int64_t, uint64_t

from ..core.buf cimport buf_append_bulk, buf_t
from ..core.intrinsics cimport add_overflows, likely, unlikely
from ..core.listpack cimport listpack_value_t, listpack_value_text
from ..core.number cimport (
    FORMAT_INT_MAX, FORMAT_LONG_DOUBLE_MAX, format_int64, format_long_double_human, parse_int64,
    parse_long_double,
)
from ..core.table cimport NO_DEADLINE
from ..store.entry cimport (
    ENC_HASHTABLE, TYPE_HASH, entry_body, entry_encoding, entry_set_body, entry_set_encoding,
)
from ..store.hash cimport (
    HASH_CHANGED, HASH_REVIVED, hash_changed_t, hash_count, hash_create, hash_deadline, hash_delete,
    hash_due_ms, hash_due_node, hash_expect, hash_get, hash_has, hash_item_deadline,
    hash_item_field, hash_item_value, hash_living, hash_next, hash_release, hash_set, hash_table,
    hash_walk, hash_walk_t,
)
from ..store.keyspace cimport (
    EVENT_GENERIC, EVENT_HASH, keyspace_announce, keyspace_delete_entry, keyspace_note_fields,
    keyspace_signal,
)
from ..wire.command cimport (
    ACL_HASH, CMD_DENYOOM, CMD_FAST, CMD_READONLY, CMD_WRITE, GROUP_HASH, KEY_ACCESS, KEY_DELETE,
    KEY_INSERT, KEY_RO, KEY_RW, KEY_UPDATE, command_register, command_t, key_hash, keys_at, row,
)
from ..wire.errors cimport (
    ERR_HASH_NOT_FLOAT, ERR_HASH_NOT_INTEGER, ERR_INCREMENT_NAN, ERR_INCREMENT_OVERFLOW,
    ERR_NAN_OR_INFINITY, ERR_NOT_FLOAT, ERR_NOT_INTEGER,
)
from ..wire.reply cimport (
    feed_arg, feed_command, feed_int, feed_text, reply_array, reply_bulk,
    reply_error, reply_error_arity, reply_int, reply_map, reply_null, reply_ok,
)
from .scan cimport (
    SCAN_NO_VALUES, scan_cursor_or_reply, scan_matches, scan_options_or_reply, scan_reply_all,
    scan_t, scan_table,
)
from .state cimport feed_wanted, server_of
from .typed cimport put_typed_take, read_typed_or_reply, reply_element, write_typed_or_reply

cdef extern from "<math.h>" nogil:
    bint isfinite(long double x)

cdef enum:
    SHOW_FIELDS = 1
    SHOW_VALUES = 2


# -- handles --------------------------------------------------------------------------------------

cdef void hash_begin(client_t* c, hash_t* hash) noexcept nogil:
    hash.heap = c.store.heap
    hash.secret = c.store.secret
    hash.limits = &server_of(c).config.hash_limits
    # A journal that is loaded says itself which fields died, and when.
    hash.now_ms = -NO_DEADLINE if unlikely(c.store.loading) else c.store.now_ms
    hash.body = NULL


cdef void hash_open(client_t* c, hash_t* hash, const entry_t* entry) noexcept nogil:
    hash_begin(c, hash)
    if entry is NULL:
        hash_create(hash)
    else:
        hash.encoding = entry_encoding(entry)
        hash.body = entry_body(entry)


cdef void hash_close(client_t* c, hash_t* hash, entry_t* entry) noexcept nogil:
    cdef uint64_t place
    if unlikely(entry is NULL):
        if hash_count(hash) == 0:
            hash_release(hash)
        else:
            put_typed_take(c, key_hash(c, c.argv[1]), c.argv[1], TYPE_HASH, hash.encoding,
                           hash.body)
        return
    entry_set_body(entry, hash.body)
    entry_set_encoding(entry, hash.encoding)
    if likely(hash_count(hash)):
        if hash.encoding == ENC_HASHTABLE and (hash_due_ms(ENC_HASHTABLE, hash.body)
                                               != hash_due_node(hash.body).due_ms):
            keyspace_note_fields(c.ks, key_hash(c, c.argv[1]), entry)
        return
    keyspace_delete_entry(c.ks, key_hash(c, c.argv[1]), entry)
    keyspace_announce(c.ks, EVENT_GENERIC, b"del", c.argv[1])


cdef void hash_note_revived(client_t* c) noexcept nogil:
    c.store.expired_fields += 1
    keyspace_announce(c.ks, EVENT_HASH, b"hexpired", c.argv[1])


cdef void reply_field(client_t* c, const hash_t* hash, slice_t field) noexcept nogil:
    cdef char scratch[FORMAT_INT_MAX]
    cdef slice_t value
    if hash_get(hash, field, scratch, &value):
        reply_bulk(c, value)
    else:
        reply_null(c)


# -- setting --------------------------------------------------------------------------------------

cdef bint set_pairs(client_t* c, int64_t* created) noexcept nogil:
    """HSET's and HMSET's work; false when the client has been answered."""
    cdef entry_t* entry
    cdef hash_t hash
    cdef hash_changed_t changed
    cdef bint revived = False
    cdef int i
    created[0] = 0
    if c.argc % 2:
        reply_error_arity(c)
        return False
    if not write_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return False
    hash_open(c, &hash, entry)
    hash_expect(&hash, &c.argv[2], <size_t>(c.argc - 2))
    for i in range(2, c.argc, 2):
        changed = hash_set(&hash, c.argv[i], c.argv[i + 1], NO_DEADLINE)
        created[0] += changed != HASH_CHANGED
        if unlikely(changed == HASH_REVIVED):
            revived = True
            c.store.expired_fields += 1
    hash_close(c, &hash, entry)
    if unlikely(revived):
        keyspace_announce(c.ks, EVENT_HASH, b"hexpired", c.argv[1])
    keyspace_signal(c.ks, EVENT_HASH, b"hset", c.argv[1])
    c.store.dirty += <uint64_t>(c.argc - 2) // 2 - 1
    return True


cdef void hset_command(client_t* c) noexcept nogil:
    cdef int64_t created
    if set_pairs(c, &created):
        reply_int(c, created)


cdef void hmset_command(client_t* c) noexcept nogil:
    cdef int64_t created
    if set_pairs(c, &created):
        reply_ok(c)


cdef void feed_set(client_t* c, slice_t value, int64_t deadline_ms) noexcept nogil:
    """HSET key field value, or HSETEX with the deadline, for the journal."""
    if not feed_wanted(c):
        return
    if deadline_ms == NO_DEADLINE:
        feed_command(c, 4)
        feed_text(c, b"HSET")
        feed_arg(c, c.argv[1])
    else:
        feed_command(c, 8)
        feed_text(c, b"HSETEX")
        feed_arg(c, c.argv[1])
        feed_text(c, b"PXAT")
        feed_int(c, deadline_ms)
        feed_text(c, b"FIELDS")
        feed_int(c, 1)
    feed_arg(c, c.argv[2])
    feed_arg(c, value)


cdef void hsetnx_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    if not write_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    hash_open(c, &hash, entry)
    if entry is not NULL and hash_has(&hash, c.argv[2]):
        reply_int(c, 0)
        return
    hash_expect(&hash, &c.argv[2], 2)
    if hash_set(&hash, c.argv[2], c.argv[3], NO_DEADLINE) == HASH_REVIVED:
        hash_note_revived(c)
        feed_set(c, c.argv[3], NO_DEADLINE)
    hash_close(c, &hash, entry)
    keyspace_signal(c.ks, EVENT_HASH, b"hset", c.argv[1])
    reply_int(c, 1)


# -- counting -------------------------------------------------------------------------------------

cdef void store_sum(client_t* c, hash_t* hash, entry_t* entry, slice_t sum, const char* event,
                    bint rounded) noexcept nogil:
    """A field that is counted keeps its deadline. `rounded`: the journal must get the sum."""
    cdef int64_t deadline_ms
    cdef bint revived
    hash_deadline(hash, c.argv[2], &deadline_ms)
    revived = hash_set(hash, c.argv[2], sum, deadline_ms) == HASH_REVIVED
    if unlikely(revived):
        hash_note_revived(c)
    if rounded or revived or deadline_ms != NO_DEADLINE:
        feed_set(c, sum, deadline_ms)
    hash_close(c, hash, entry)
    keyspace_signal(c.ks, EVENT_HASH, event, c.argv[1])


cdef void hincrby_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    cdef char scratch[FORMAT_INT_MAX]
    cdef slice_t value
    cdef int64_t more
    cdef int64_t sum = 0
    if not parse_int64(c.argv[3].data, c.argv[3].size, &more):
        reply_error(c, ERR_NOT_INTEGER)
        return
    if not write_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    hash_open(c, &hash, entry)
    if entry is not NULL and hash_get(&hash, c.argv[2], scratch, &value):
        if not parse_int64(value.data, value.size, &sum):
            reply_error(c, ERR_HASH_NOT_INTEGER)
            return
    if add_overflows(sum, more, &sum):  # only where there was a value: the key is there
        reply_error(c, ERR_INCREMENT_OVERFLOW)
        return
    store_sum(c, &hash, entry, slice_t(&scratch[0], <size_t>format_int64(scratch, sum)),
              b"hincrby", False)
    reply_int(c, sum)


cdef void hincrbyfloat_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    cdef char scratch[FORMAT_LONG_DOUBLE_MAX]
    cdef slice_t value
    cdef long double more
    cdef long double sum = 0
    if not parse_long_double(c.argv[3].data, c.argv[3].size, &more):
        reply_error(c, ERR_NOT_FLOAT)
        return
    if not isfinite(more):
        reply_error(c, ERR_NAN_OR_INFINITY)
        return
    if not write_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    hash_begin(c, &hash)
    if entry is not NULL:
        hash_open(c, &hash, entry)
        if (hash_get(&hash, c.argv[2], scratch, &value)
                and not parse_long_double(value.data, value.size, &sum)):
            reply_error(c, ERR_HASH_NOT_FLOAT)
            return
    sum += more
    if not isfinite(sum):
        reply_error(c, ERR_INCREMENT_NAN)
        return
    if entry is NULL:
        hash_create(&hash)
    value.size = <size_t>format_long_double_human(scratch, FORMAT_LONG_DOUBLE_MAX, sum)
    value.data = &scratch[0]
    store_sum(c, &hash, entry, value, b"hincrbyfloat", True)
    reply_bulk(c, value)


# -- reading --------------------------------------------------------------------------------------

cdef void hget_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    if not read_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    if entry is NULL:
        reply_null(c)
        return
    hash_open(c, &hash, entry)
    reply_field(c, &hash, c.argv[2])


cdef void hmget_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    cdef int i
    if not read_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    reply_array(c, c.argc - 2)
    if entry is not NULL:
        hash_open(c, &hash, entry)
    for i in range(2, c.argc):
        if entry is NULL:
            reply_null(c)
        else:
            reply_field(c, &hash, c.argv[i])


cdef void hlen_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    if not read_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    if entry is NULL:
        reply_int(c, 0)
        return
    hash_open(c, &hash, entry)
    reply_int(c, <int64_t>hash_count(&hash))


cdef void hstrlen_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    cdef char scratch[FORMAT_INT_MAX]
    cdef slice_t value = slice_t(NULL, 0)
    if not read_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    if entry is not NULL:
        hash_open(c, &hash, entry)
        hash_get(&hash, c.argv[2], scratch, &value)
    reply_int(c, <int64_t>value.size)


cdef void hexists_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    if not read_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    if entry is NULL:
        reply_int(c, 0)
        return
    hash_open(c, &hash, entry)
    reply_int(c, hash_has(&hash, c.argv[2]))


cdef void list_generic(client_t* c, int show) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    cdef hash_walk_t walk
    cdef listpack_value_t field, value
    cdef int64_t count = 0
    if not read_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    if entry is not NULL:
        hash_open(c, &hash, entry)
        count = <int64_t>hash_living(&hash)
    if show == SHOW_FIELDS | SHOW_VALUES:
        reply_map(c, count)
    else:
        reply_array(c, count)
    if entry is NULL:
        return
    hash_walk(&walk, &hash)
    while hash_next(&walk, &field, &value):
        if show & SHOW_FIELDS:
            reply_element(c, &field)
        if show & SHOW_VALUES:
            reply_element(c, &value)


cdef void hgetall_command(client_t* c) noexcept nogil:
    list_generic(c, SHOW_FIELDS | SHOW_VALUES)


cdef void hkeys_command(client_t* c) noexcept nogil:
    list_generic(c, SHOW_FIELDS)


cdef void hvals_command(client_t* c) noexcept nogil:
    list_generic(c, SHOW_VALUES)


# -- deleting -------------------------------------------------------------------------------------

cdef void hdel_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    cdef int i
    cdef uint64_t deleted = 0
    if not write_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    if entry is NULL:
        reply_int(c, 0)
        return
    hash_open(c, &hash, entry)
    for i in range(2, c.argc):
        deleted += hash_delete(&hash, c.argv[i])
        if hash_count(&hash) == 0:
            break
    if deleted:
        keyspace_signal(c.ks, EVENT_HASH, b"hdel", c.argv[1])
        c.store.dirty += deleted - 1
    hash_close(c, &hash, entry)
    reply_int(c, <int64_t>deleted)


# -- HSCAN ----------------------------------------------------------------------------------------

cdef int64_t emit_field(const scan_t* scan, buf_t* out, const void* item) noexcept nogil:
    cdef slice_t field = hash_item_field(item)
    if hash_item_deadline(item) <= scan.now_ms or not scan_matches(scan, field):
        return 0
    buf_append_bulk(out, field)
    if scan.no_values:
        return 1
    buf_append_bulk(out, hash_item_value(item))
    return 2


cdef bint next_match(hash_walk_t* walk, const scan_t* scan, char* scratch, slice_t* name,
                     listpack_value_t* value) noexcept nogil:
    cdef listpack_value_t field
    while hash_next(walk, &field, value):
        name[0] = listpack_value_text(&field, scratch)
        if scan_matches(scan, name[0]):
            return True
    return False


cdef void scan_small(client_t* c, const hash_t* hash, const scan_t* scan) noexcept nogil:
    """All at once: what is not a table is short, whatever COUNT says."""
    cdef char scratch[FORMAT_INT_MAX]
    cdef slice_t name
    cdef listpack_value_t value
    cdef hash_walk_t walk
    cdef int64_t found = 0
    hash_walk(&walk, hash)
    while next_match(&walk, scan, scratch, &name, &value):
        found += 1
    scan_reply_all(c, found if scan.no_values else 2 * found)
    hash_walk(&walk, hash)
    while next_match(&walk, scan, scratch, &name, &value):
        reply_bulk(c, name)
        if not scan.no_values:
            reply_element(c, &value)


cdef void hscan_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    cdef scan_t scan
    if not scan_cursor_or_reply(c, 2, &scan) or not read_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    if entry is NULL:
        scan_reply_all(c, 0)
        return
    if not scan_options_or_reply(c, 3, SCAN_NO_VALUES, &scan):
        return
    hash_open(c, &hash, entry)
    if hash.encoding == ENC_HASHTABLE:
        scan_table(c, hash_table(hash.body), &scan, emit_field)
    else:
        scan_small(c, &hash, &scan)


cdef command_t TABLE[15]
TABLE[:] = [
    row(b"hset", hset_command, -4, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"2.0.0",
        b"O(1) for each pair.",
        b"HSET key field value [field value ...]",
        b"Sets fields of a hash, which is made if there is none; tells how many are new."),
    row(b"hmset", hmset_command, -4, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"2.0.0",
        b"O(1) for each pair.",
        b"HMSET key field value [field value ...]",
        b"Sets fields of a hash. HSET does so and tells more."),
    row(b"hsetnx", hsetnx_command, 4, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RW | KEY_INSERT), b"2.0.0", b"O(1)",
        b"HSETNX key field value",
        b"Sets a field of a hash if there is none of that name."),
    row(b"hincrby", hincrby_command, 4, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE), b"2.0.0", b"O(1)",
        b"HINCRBY key field increment",
        b"Adds an integer to a field, which counts as 0 where there is none."),
    row(b"hincrbyfloat", hincrbyfloat_command, 4, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_HASH,
        GROUP_HASH, keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE), b"2.6.0", b"O(1)",
        b"HINCRBYFLOAT key field increment",
        b"Adds a decimal number to a field, which counts as 0 where there is none."),
    row(b"hget", hget_command, 3, CMD_READONLY | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.0.0", b"O(1)",
        b"HGET key field",
        b"Reads a field of a hash."),
    row(b"hmget", hmget_command, -3, CMD_READONLY | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.0.0",
        b"O(1) for each field.",
        b"HMGET key field [field ...]",
        b"Reads several fields of a hash."),
    row(b"hlen", hlen_command, 2, CMD_READONLY | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RO), b"2.0.0", b"O(1)",
        b"HLEN key",
        b"Counts the fields of a hash."),
    row(b"hstrlen", hstrlen_command, 3, CMD_READONLY | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RO), b"3.2.0", b"O(1)",
        b"HSTRLEN key field",
        b"Tells how many bytes a field's value has."),
    row(b"hexists", hexists_command, 3, CMD_READONLY | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RO), b"2.0.0", b"O(1)",
        b"HEXISTS key field",
        b"Tells whether a hash has a field."),
    row(b"hgetall", hgetall_command, 2, CMD_READONLY, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.0.0",
        b"O(N) where N is the number of fields.",
        b"HGETALL key",
        b"Lists the fields of a hash with their values."),
    row(b"hkeys", hkeys_command, 2, CMD_READONLY, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.0.0",
        b"O(N) where N is the number of fields.",
        b"HKEYS key",
        b"Lists the fields of a hash."),
    row(b"hvals", hvals_command, 2, CMD_READONLY, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.0.0",
        b"O(N) where N is the number of fields.",
        b"HVALS key",
        b"Lists the values of a hash."),
    row(b"hdel", hdel_command, -3, CMD_WRITE | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RW | KEY_DELETE), b"2.0.0",
        b"O(1) for each field.",
        b"HDEL key field [field ...]",
        b"Deletes fields of a hash; a hash without fields is deleted."),
    row(b"hscan", hscan_command, -3, CMD_READONLY, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.8.0",
        b"O(1) a call with the default COUNT; O(N) for a whole walk over N fields.",
        b"HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
        b"Walks over the fields of a hash, a few at a time."),
]
command_register(TABLE, 15)
