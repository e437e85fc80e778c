"""Sets: members, one key at a time. Choices by lot are in set_random, algebra in set_algebra.

A handle (store/set) is opened on the key's entry, changed, and closed: closing writes the body and
the encoding back, both of which a change may have replaced. A set that has lost its last member is
deleted with its key.
"""
from libc.stdint cimport int64_t, uint64_t

from ..core.buf cimport buf_append_bulk, buf_t
from ..core.listpack cimport listpack_value_t, listpack_value_text
from ..core.number cimport FORMAT_INT_MAX
from ..core.types cimport slice_t
from ..store.entry cimport (
    ENC_HASHTABLE, TYPE_SET, entry_body, entry_encoding, entry_set_body, entry_set_encoding,
)
from ..store.keyspace cimport (
    EVENT_GENERIC, EVENT_SET, keyspace_announce, keyspace_delete_entry, keyspace_signal,
)
from ..store.set cimport (
    set_add, set_count, set_create, set_expect, set_has, set_item_text, set_next, set_remove,
    set_table, set_walk, set_walk_t,
)
from ..wire.command cimport (
    ACL_SET, CMD_DENYOOM, CMD_FAST, CMD_READONLY, CMD_WRITE, GROUP_SET, KEY_ACCESS, KEY_DELETE,
    KEY_INSERT, KEY_RO, KEY_RW, command_register, command_t, key_hash, keys_at, row,
)
from ..wire.reply cimport (
    reply_array, reply_bulk, reply_int, reply_set,
)
from .scan cimport (
    scan_cursor_or_reply, scan_matches, scan_options_or_reply, scan_reply_all, scan_t, scan_table,
)
from .state cimport server_of
from .typed cimport put_typed_take, read_typed_or_reply, reply_element, write_typed_or_reply


# -- handles --------------------------------------------------------------------------------------

cdef void set_begin(client_t* c, set_t* set) noexcept nogil:
    set.heap = c.store.heap
    set.secret = c.store.secret
    set.limits = &server_of(c).config.set_limits
    set.body = NULL


cdef void set_open(client_t* c, set_t* set, const entry_t* entry) noexcept nogil:
    set_begin(c, set)
    set.encoding = entry_encoding(entry)
    set.body = entry_body(entry)


cdef void set_close(const set_t* set, entry_t* entry) noexcept nogil:
    entry_set_body(entry, set.body)
    entry_set_encoding(entry, set.encoding)


cdef void set_put_take(client_t* c, int key_at, const set_t* set) noexcept nogil:
    cdef slice_t key = c.argv[key_at]
    put_typed_take(c, key_hash(c, key), key, TYPE_SET, set.encoding, set.body)


cdef void set_drop_empty(client_t* c, int key_at, entry_t* entry) noexcept nogil:
    keyspace_delete_entry(c.ks, key_hash(c, c.argv[key_at]), entry)
    keyspace_announce(c.ks, EVENT_GENERIC, b"del", c.argv[key_at])


# -- members --------------------------------------------------------------------------------------

cdef void sadd_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef set_t set
    cdef int i
    cdef uint64_t added = 0
    if not write_typed_or_reply(c, 1, TYPE_SET, &entry):
        return
    if entry is NULL:
        set_begin(c, &set)
        set_create(&set, c.argv[2], <size_t>(c.argc - 2))
    else:
        set_open(c, &set, entry)
        set_expect(&set, <size_t>(c.argc - 2))
    for i in range(2, c.argc):
        added += set_add(&set, c.argv[i])
    if entry is NULL:
        set_put_take(c, 1, &set)
    else:
        set_close(&set, entry)
    if added:
        keyspace_signal(c.ks, EVENT_SET, b"sadd", c.argv[1])
        c.store.dirty += added - 1
    reply_int(c, <int64_t>added)


cdef void srem_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef set_t set
    cdef int i
    cdef uint64_t removed = 0
    if not write_typed_or_reply(c, 1, TYPE_SET, &entry):
        return
    if entry is NULL:
        reply_int(c, 0)
        return
    set_open(c, &set, entry)
    for i in range(2, c.argc):
        removed += set_remove(&set, c.argv[i])
        if set_count(&set) == 0:
            break
    set_close(&set, entry)
    if removed:
        keyspace_signal(c.ks, EVENT_SET, b"srem", c.argv[1])
        c.store.dirty += removed - 1
        if set_count(&set) == 0:
            set_drop_empty(c, 1, entry)
    reply_int(c, <int64_t>removed)


cdef void smove_command(client_t* c) noexcept nogil:
    cdef entry_t* source
    cdef entry_t* target
    cdef set_t set
    cdef bint added
    if not write_typed_or_reply(c, 1, TYPE_SET, &source):
        return
    if source is NULL:                  # whatever the other key holds
        reply_int(c, 0)
        return
    if not write_typed_or_reply(c, 2, TYPE_SET, &target):
        return
    set_open(c, &set, source)
    if source is target:
        reply_int(c, set_has(&set, c.argv[3]))
        return
    if not set_remove(&set, c.argv[3]):
        reply_int(c, 0)
        return
    set_close(&set, source)
    keyspace_signal(c.ks, EVENT_SET, b"srem", c.argv[1])
    if set_count(&set) == 0:
        set_drop_empty(c, 1, source)
    if target is NULL:
        set_begin(c, &set)
        set_create(&set, c.argv[3], 1)
        added = set_add(&set, c.argv[3])
        set_put_take(c, 2, &set)
    else:
        set_open(c, &set, target)
        added = set_add(&set, c.argv[3])
        set_close(&set, target)
    if added:
        keyspace_signal(c.ks, EVENT_SET, b"sadd", c.argv[2])
    reply_int(c, 1)


cdef void sismember_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef set_t set
    if not read_typed_or_reply(c, 1, TYPE_SET, &entry):
        return
    if entry is NULL:
        reply_int(c, 0)
        return
    set_open(c, &set, entry)
    reply_int(c, set_has(&set, c.argv[2]))


cdef void smismember_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef set_t set
    cdef int i
    if not read_typed_or_reply(c, 1, TYPE_SET, &entry):
        return
    reply_array(c, c.argc - 2)
    if entry is not NULL:
        set_open(c, &set, entry)
    for i in range(2, c.argc):
        reply_int(c, entry is not NULL and set_has(&set, c.argv[i]))


cdef void scard_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef set_t set
    if not read_typed_or_reply(c, 1, TYPE_SET, &entry):
        return
    if entry is NULL:
        reply_int(c, 0)
        return
    set_open(c, &set, entry)
    reply_int(c, <int64_t>set_count(&set))


cdef void smembers_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef set_t set
    cdef set_walk_t walk
    cdef listpack_value_t member
    if not read_typed_or_reply(c, 1, TYPE_SET, &entry):
        return
    if entry is NULL:
        reply_set(c, 0)
        return
    set_open(c, &set, entry)
    reply_set(c, <int64_t>set_count(&set))
    set_walk(&walk, &set)
    while set_next(&walk, &member):
        reply_element(c, &member)


# -- SSCAN ----------------------------------------------------------------------------------------

cdef int64_t emit_member(const scan_t* scan, buf_t* out, const void* item) noexcept nogil:
    cdef slice_t member = set_item_text(item)
    if not scan_matches(scan, member):
        return 0
    buf_append_bulk(out, member)
    return 1


cdef bint next_match(set_walk_t* walk, const scan_t* scan, char* scratch,
                     slice_t* text) noexcept nogil:
    cdef listpack_value_t member
    while set_next(walk, &member):
        text[0] = listpack_value_text(&member, scratch)
        if scan_matches(scan, text[0]):
            return True
    return False


cdef void scan_small(client_t* c, const set_t* set, const scan_t* scan) noexcept nogil:
    """All at once: what is not a table is short, whatever COUNT says."""
    cdef char scratch[FORMAT_INT_MAX]
    cdef slice_t text
    cdef set_walk_t walk
    cdef int64_t found = 0
    set_walk(&walk, set)
    while next_match(&walk, scan, scratch, &text):
        found += 1
    scan_reply_all(c, found)
    set_walk(&walk, set)
    while next_match(&walk, scan, scratch, &text):
        reply_bulk(c, text)


cdef void sscan_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef set_t set
    cdef scan_t scan
    if not scan_cursor_or_reply(c, 2, &scan) or not read_typed_or_reply(c, 1, TYPE_SET, &entry):
        return
    if entry is NULL:
        scan_reply_all(c, 0)
        return
    if not scan_options_or_reply(c, 3, 0, &scan):
        return
    set_open(c, &set, entry)
    if set.encoding == ENC_HASHTABLE:
        scan_table(c, set_table(set.body), &scan, emit_member)
    else:
        scan_small(c, &set, &scan)


cdef command_t TABLE[8]
TABLE[:] = [
    row(b"sadd", sadd_command, -3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_SET, GROUP_SET,
        keys_at(1, 1, 1, KEY_RW | KEY_INSERT), b"1.0.0",
        b"O(1) for each member.",
        b"SADD key member [member ...]",
        b"Adds members to a set, which is made if there is none."),
    row(b"srem", srem_command, -3, CMD_WRITE | CMD_FAST, ACL_SET, GROUP_SET,
        keys_at(1, 1, 1, KEY_RW | KEY_DELETE), b"1.0.0",
        b"O(1) for each member.",
        b"SREM key member [member ...]",
        b"Takes members out of a set; a set without members is deleted."),
    row(b"smove", smove_command, 4, CMD_WRITE | CMD_FAST, ACL_SET, GROUP_SET,
        keys_at(1, 2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"1.0.0", b"O(1)",
        b"SMOVE source destination member",
        b"Takes a member out of one set and adds it to another."),
    row(b"sismember", sismember_command, 3, CMD_READONLY | CMD_FAST, ACL_SET, GROUP_SET,
        keys_at(1, 1, 1, KEY_RO), b"1.0.0", b"O(1)",
        b"SISMEMBER key member",
        b"Tells whether a set has a member."),
    row(b"smismember", smismember_command, -3, CMD_READONLY | CMD_FAST, ACL_SET, GROUP_SET,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"6.2.0",
        b"O(1) for each member.",
        b"SMISMEMBER key member [member ...]",
        b"Tells of several members whether a set has them."),
    row(b"scard", scard_command, 2, CMD_READONLY | CMD_FAST, ACL_SET, GROUP_SET,
        keys_at(1, 1, 1, KEY_RO), b"1.0.0", b"O(1)",
        b"SCARD key",
        b"Counts the members of a set."),
    row(b"smembers", smembers_command, 2, CMD_READONLY, ACL_SET, GROUP_SET,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"1.0.0",
        b"O(N) where N is the number of members.",
        b"SMEMBERS key",
        b"Lists the members of a set."),
    row(b"sscan", sscan_command, -3, CMD_READONLY, ACL_SET, GROUP_SET,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.8.0",
        b"O(1) a call with the default COUNT; O(N) for a whole walk over N members.",
        b"SSCAN key cursor [MATCH pattern] [COUNT count]",
        b"Walks over the members of a set, a few at a time."),
]
command_register(TABLE, 8)
