"""Strings: GET, SET.

Each command is one function: read argv, act on c.ks, write exactly one reply.
"""
from ..core.table cimport NO_DEADLINE
from ..core.types cimport slice_t
from ..store.entry cimport INT_TEXT_MAX, TYPE_STRING, entry_string, entry_t, entry_type
from ..store.keyspace cimport EVENT_STRING, keyspace_read, keyspace_set, keyspace_signal
from ..wire.command cimport (
    ACL_STRING, CMD_DENYOOM, CMD_FAST, CMD_READONLY, CMD_WRITE, GROUP_STRING, KEY_ACCESS, KEY_OW,
    KEY_RO, KEY_UPDATE, client_t, command_register, command_t, key_hash, keys_at, row,
)
from ..wire.reply cimport (
    reply_bulk, reply_error_syntax, reply_error_type, reply_null, reply_ok,
)


cdef void get_command(client_t* c) noexcept nogil:
    cdef char scratch[INT_TEXT_MAX]
    cdef entry_t* entry = keyspace_read(c.ks, key_hash(c, c.argv[1]), c.argv[1])
    if entry is NULL:
        reply_null(c)
    elif entry_type(entry) != TYPE_STRING:
        reply_error_type(c)
    else:
        reply_bulk(c, entry_string(entry, scratch))


cdef void set_command(client_t* c) noexcept nogil:
    if c.argc != 3:
        reply_error_syntax(c)
        return
    keyspace_set(c.ks, key_hash(c, c.argv[1]), c.argv[1], c.argv[2], NO_DEADLINE)
    keyspace_signal(c.ks, EVENT_STRING, b"set", c.argv[1])
    reply_ok(c)


cdef command_t TABLE[2]
TABLE[:] = [
    row(b"get", get_command, 2, CMD_READONLY | CMD_FAST, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"1.0.0", b"O(1)",
        b"GET key",
        b"Returns the string stored at a key."),
    # Not FAST: overwriting may free a large value.
    row(b"set", set_command, -3, CMD_WRITE | CMD_DENYOOM, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_OW | KEY_UPDATE), b"1.0.0", b"O(1)",
        b"SET key value",
        b"Stores a string at a key, whatever the key held."),
]
command_register(TABLE, 2)
