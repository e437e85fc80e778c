"""Parts of strings: APPEND, SETRANGE, GETRANGE, STRLEN.

A string that grows moves to a body with slack (grow.pxd), so that the next bytes are copied
behind the old ones and nothing else happens. A part that is read goes from the entry straight
into the reply.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from ..core.number cimport parse_int64
from ..core.table cimport NO_DEADLINE
from ..core.types cimport slice_t
from ..store.entry cimport INT_TEXT_MAX, entry_string, entry_string_size, entry_t, raw_t
from ..store.keyspace cimport (
    EVENT_STRING, keyspace_read, keyspace_set, keyspace_signal, keyspace_write,
)
from ..wire.command cimport (
    ACL_STRING, CMD_DENYOOM, CMD_FAST, CMD_READONLY, CMD_WRITE, GROUP_STRING, KEY_ACCESS,
    KEY_INSERT, KEY_RO, KEY_RW, KEY_UPDATE, client_t, command_register, command_t, key_hash,
    keys_at, row,
)
from ..wire.errors cimport ERR_NOT_INTEGER, ERR_OFFSET
from ..wire.reply cimport reply_bulk, reply_error, reply_int
from .grow cimport (
    open_string_t, string_fits_or_reply, string_open_or_reply, string_reserve_or_reply,
)
from .t_string cimport string_or_reply


cdef void append_command(client_t* c) noexcept nogil:
    cdef bint failed
    cdef uint64_t hash = key_hash(c, c.argv[1])
    cdef entry_t* entry = string_or_reply(c, keyspace_write(c.ks, hash, c.argv[1]), &failed)
    cdef slice_t more = c.argv[2]
    cdef size_t size = more.size
    cdef raw_t* raw
    if failed:
        return
    if entry is NULL:
        keyspace_set(c.ks, hash, c.argv[1], more, NO_DEADLINE)
    else:
        size = entry_string_size(entry)
        if not string_fits_or_reply(c, <int64_t>size, <int64_t>more.size):
            return
        raw = string_reserve_or_reply(c, hash, entry, size + more.size)
        if raw is NULL:
            return
        if more.size:
            memcpy(raw.data + raw.size, more.data, more.size)
        raw.size += more.size
        size = raw.size
    keyspace_signal(c.ks, EVENT_STRING, b"append", c.argv[1])
    reply_int(c, <int64_t>size)


cdef void setrange_command(client_t* c) noexcept nogil:
    cdef bint failed
    cdef uint64_t hash
    cdef entry_t* entry
    cdef slice_t part = c.argv[3]
    cdef int64_t offset
    cdef open_string_t value
    if not parse_int64(c.argv[2].data, c.argv[2].size, &offset):
        reply_error(c, ERR_NOT_INTEGER)
        return
    if offset < 0:
        reply_error(c, ERR_OFFSET)
        return
    hash = key_hash(c, c.argv[1])
    entry = string_or_reply(c, keyspace_write(c.ks, hash, c.argv[1]), &failed)
    if failed:
        return
    if part.size == 0:
        reply_int(c, <int64_t>entry_string_size(entry) if entry is not NULL else 0)
        return
    if not string_fits_or_reply(c, offset, <int64_t>part.size):
        return
    if not string_open_or_reply(c, hash, entry, <size_t>offset + part.size, &value):
        return
    memcpy(value.data + offset, part.data, part.size)
    keyspace_signal(c.ks, EVENT_STRING, b"setrange", c.argv[1])
    reply_int(c, <int64_t>value.size)


cdef void getrange_command(client_t* c) noexcept nogil:
    cdef bint failed
    cdef char scratch[INT_TEXT_MAX]
    cdef int64_t start, end, size
    cdef slice_t value
    cdef entry_t* entry
    if not (parse_int64(c.argv[2].data, c.argv[2].size, &start)
            and parse_int64(c.argv[3].data, c.argv[3].size, &end)):
        reply_error(c, ERR_NOT_INTEGER)
        return
    entry = string_or_reply(
        c, keyspace_read(c.ks, key_hash(c, c.argv[1]), c.argv[1]), &failed)
    if failed:
        return
    value = entry_string(entry, scratch) if entry is not NULL else slice_t(NULL, 0)
    size = <int64_t>value.size
    if start < 0 and end < 0 and start > end:
        size = 0                        # even where both are cut to the first byte
    # From the end; size is no larger than a block, so that no sum can overflow.
    start = start if start >= 0 else start + size if start + size > 0 else 0
    end = end if end >= 0 else end + size if end + size > 0 else 0
    end = end if end < size else size - 1
    if start > end:
        reply_bulk(c, slice_t(NULL, 0))
    else:
        reply_bulk(c, slice_t(value.data + start, <size_t>(end - start + 1)))


cdef void strlen_command(client_t* c) noexcept nogil:
    cdef bint failed
    cdef entry_t* entry = string_or_reply(
        c, keyspace_read(c.ks, key_hash(c, c.argv[1]), c.argv[1]), &failed)
    if not failed:
        reply_int(c, <int64_t>entry_string_size(entry) if entry is not NULL else 0)


cdef command_t TABLE[5]
TABLE[:] = [
    row(b"append", append_command, 3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_STRING,
        GROUP_STRING, keys_at(1, 1, 1, KEY_RW | KEY_INSERT), b"2.0.0",
        b"O(1) on average, where the appended value is small",
        b"APPEND key value",
        b"Adds bytes to the end of a string; an absent key counts as empty."),
    row(b"getrange", getrange_command, 4, CMD_READONLY, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.4.0", b"O(N), N bytes returned",
        b"GETRANGE key start end",
        b"Returns a part of a string, both ends included."),
    row(b"setrange", setrange_command, 4, CMD_WRITE | CMD_DENYOOM, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"2.2.0", b"O(N), N bytes of the value",
        b"SETRANGE key offset value",
        b"Writes over a part of a string, which grows by zero bytes where it is too short."),
    row(b"strlen", strlen_command, 2, CMD_READONLY | CMD_FAST, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_RO), b"2.2.0", b"O(1)",
        b"STRLEN key",
        b"Returns the size of a string in bytes."),
    row(b"substr", getrange_command, 4, CMD_READONLY, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"1.0.0", b"O(N), N bytes returned",
        b"SUBSTR key start end",
        b"The old name of GETRANGE."),
]
command_register(TABLE, 5)
