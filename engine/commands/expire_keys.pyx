"""Deadlines of keys: EXPIRE and its kin, TTL and its kin, PERSIST.

A deadline is kept in milliseconds since the epoch, so every form is turned into that once, with
each step checked: what does not fit is an error of the client's and changes nothing. A deadline
that has passed already deletes the key.

The journal gets the outcome, not the request: PEXPIREAT with the absolute time, or DEL. Replayed
later, a relative time would mean another moment, and a condition might decide otherwise.

Invariants
    D1  a deadline that is set is less than NO_DEADLINE and, but for loading, later than now
    D2  options are judged before the number, the number before the key: errors first
"""
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport strlen

from ..core.intrinsics cimport add_overflows, mul_overflows
from ..core.number cimport equal_nocase, parse_int64
from ..core.table cimport NO_DEADLINE
from ..core.types cimport slice_t
from ..store.entry cimport entry_deadline, entry_t
from ..store.keyspace cimport (
    EVENT_EXPIRED, EVENT_GENERIC, keyspace_delete_entry, keyspace_look, keyspace_set_deadline,
    keyspace_signal, keyspace_write,
)
from ..wire.command cimport (
    ACL_KEYSPACE, CLIENT_LOADING, CMD_FAST, CMD_READONLY, CMD_WRITE, GROUP_GENERIC, KEY_ACCESS,
    KEY_RO, KEY_RW, KEY_UPDATE, command_register, command_t, key_hash, keys_at, row,
)
from ..wire.errors cimport (
    ERR_EXPIRE_GT_LT, ERR_EXPIRE_NX, ERR_EXPIRE_OPTION, ERR_INVALID_EXPIRE, ERR_NOT_INTEGER,
)
from ..wire.reply cimport (
    feed_arg, feed_command, feed_int, feed_text, reply_error, reply_error_about,
    reply_error_arity, reply_int,
)
from .legacy cimport client_is_legacy
from .state cimport feed_wanted

cdef enum:
    MS_PER_SECOND = 1000
    REPLY_NO_DEADLINE = -1
    REPLY_NO_KEY = -2


# -- EXPIRE ---------------------------------------------------------------------------------------

cdef bint expire_options_or_reply(client_t* c, int at, int end, int* options) noexcept nogil:
    cdef slice_t arg
    options[0] = 0
    for at in range(at, end):
        arg = c.argv[at]
        if equal_nocase(arg.data, arg.size, b"nx", 2):
            options[0] |= ONLY_NEW
        elif equal_nocase(arg.data, arg.size, b"xx", 2):
            options[0] |= ONLY_OLD
        elif equal_nocase(arg.data, arg.size, b"gt", 2):
            options[0] |= ONLY_LATER
        elif equal_nocase(arg.data, arg.size, b"lt", 2):
            options[0] |= ONLY_EARLIER
        else:
            reply_error_about(c, ERR_EXPIRE_OPTION, arg, b"")
            return False
    if options[0] & ONLY_NEW and options[0] != ONLY_NEW:
        reply_error(c, ERR_EXPIRE_NX)
        return False
    if options[0] & ONLY_LATER and options[0] & ONLY_EARLIER:
        reply_error(c, ERR_EXPIRE_GT_LT)
        return False
    return True


cdef bint parse_deadline_or_reply(client_t* c, int64_t base_ms, int64_t unit_ms,
                                  int64_t* deadline_ms) noexcept nogil:
    cdef int64_t when
    if not parse_int64(c.argv[2].data, c.argv[2].size, &when):
        reply_error(c, ERR_NOT_INTEGER)
        return False
    if mul_overflows(when, unit_ms, &when) or add_overflows(when, base_ms, &when):
        reply_error_about(c, ERR_INVALID_EXPIRE, slice_t(c.cmd.name, strlen(c.cmd.name)),
                          b"' command")
        return False
    # D1. The last millisecond of all is our word for "none"; the one before it must do.
    deadline_ms[0] = when if when < NO_DEADLINE else NO_DEADLINE - 1
    return True


cdef bint expire_allowed(int options, int64_t before, int64_t after) noexcept nogil:
    """No deadline is later than any: NO_DEADLINE compares so by itself."""
    if options & ONLY_NEW:
        return before == NO_DEADLINE
    if options & ONLY_OLD and before == NO_DEADLINE:
        return False
    if options & ONLY_LATER:
        return after > before
    if options & ONLY_EARLIER:
        return after < before
    return True


cdef void feed(client_t* c, const char* name, int64_t deadline_ms) noexcept nogil:
    """What became of the key, for the journal."""
    if feed_wanted(c):
        feed_command(c, 2 if deadline_ms == NO_DEADLINE else 3)
        feed_text(c, name)
        feed_arg(c, c.argv[1])
        if deadline_ms != NO_DEADLINE:
            feed_int(c, deadline_ms)


cdef void expire_generic(client_t* c, int64_t base_ms, int64_t unit_ms) noexcept nogil:
    cdef slice_t key = c.argv[1]
    cdef uint64_t hash
    cdef int options
    cdef int64_t deadline_ms
    cdef entry_t* entry
    if c.argc > 3 and client_is_legacy(c):
        reply_error_arity(c)
        return
    if not expire_options_or_reply(c, 3, c.argc, &options):                 # D2
        return
    if not parse_deadline_or_reply(c, base_ms, unit_ms, &deadline_ms):
        return
    hash = key_hash(c, key)
    entry = keyspace_write(c.ks, hash, key)
    if entry is NULL or not (options == 0
                             or expire_allowed(options, entry_deadline(entry), deadline_ms)):
        reply_int(c, 0)
        return
    if deadline_ms <= c.store.now_ms and not c.flags & CLIENT_LOADING:
        keyspace_delete_entry(c.ks, hash, entry)
        c.store.expired += 1
        keyspace_signal(c.ks, EVENT_EXPIRED, b"expired", key)
        feed(c, b"DEL", NO_DEADLINE)
    else:
        keyspace_set_deadline(c.ks, hash, entry, deadline_ms)
        keyspace_signal(c.ks, EVENT_GENERIC, b"expire", key)
        feed(c, b"PEXPIREAT", deadline_ms)
    reply_int(c, 1)


cdef void expire_command(client_t* c) noexcept nogil:
    expire_generic(c, c.store.now_ms, MS_PER_SECOND)


cdef void pexpire_command(client_t* c) noexcept nogil:
    expire_generic(c, c.store.now_ms, 1)


cdef void expireat_command(client_t* c) noexcept nogil:
    expire_generic(c, 0, MS_PER_SECOND)


cdef void pexpireat_command(client_t* c) noexcept nogil:
    expire_generic(c, 0, 1)


# -- TTL ------------------------------------------------------------------------------------------

cdef void ttl_generic(client_t* c, bint absolute, bint seconds) noexcept nogil:
    cdef entry_t* entry = keyspace_look(c.ks, key_hash(c, c.argv[1]), c.argv[1])
    cdef int64_t value
    if entry is NULL:
        reply_int(c, REPLY_NO_KEY)
        return
    value = entry_deadline(entry)
    if value == NO_DEADLINE:
        reply_int(c, REPLY_NO_DEADLINE)
        return
    if not absolute:                    # cannot overflow: the key lives, and now is not negative
        value -= c.store.now_ms
    if value < 0:
        value = 0
    if seconds:                         # rounded to the nearest
        value = <int64_t>((<uint64_t>value + MS_PER_SECOND // 2) // MS_PER_SECOND)
    reply_int(c, value)


cdef void ttl_command(client_t* c) noexcept nogil:
    ttl_generic(c, False, True)


cdef void pttl_command(client_t* c) noexcept nogil:
    ttl_generic(c, False, False)


cdef void expiretime_command(client_t* c) noexcept nogil:
    ttl_generic(c, True, True)


cdef void pexpiretime_command(client_t* c) noexcept nogil:
    ttl_generic(c, True, False)


cdef void persist_command(client_t* c) noexcept nogil:
    cdef uint64_t hash = key_hash(c, c.argv[1])
    cdef entry_t* entry = keyspace_write(c.ks, hash, c.argv[1])
    if entry is NULL or entry_deadline(entry) == NO_DEADLINE:
        reply_int(c, 0)
        return
    keyspace_set_deadline(c.ks, hash, entry, NO_DEADLINE)
    keyspace_signal(c.ks, EVENT_GENERIC, b"persist", c.argv[1])
    reply_int(c, 1)


cdef command_t TABLE[9]
TABLE[:] = [
    row(b"expire", expire_command, -3, CMD_WRITE | CMD_FAST, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"1.0.0", b"O(1)",
        b"EXPIRE key seconds [NX | XX | GT | LT]",
        b"Lets a key live for so many seconds."),
    row(b"pexpire", pexpire_command, -3, CMD_WRITE | CMD_FAST, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"2.6.0", b"O(1)",
        b"PEXPIRE key milliseconds [NX | XX | GT | LT]",
        b"Lets a key live for so many milliseconds."),
    row(b"expireat", expireat_command, -3, CMD_WRITE | CMD_FAST, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"1.2.0", b"O(1)",
        b"EXPIREAT key unix-time-seconds [NX | XX | GT | LT]",
        b"Lets a key live until a Unix time in seconds."),
    row(b"pexpireat", pexpireat_command, -3, CMD_WRITE | CMD_FAST, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"2.6.0", b"O(1)",
        b"PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]",
        b"Lets a key live until a Unix time in milliseconds."),
    row(b"ttl", ttl_command, 2, CMD_READONLY | CMD_FAST, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"1.0.0", b"O(1)",
        b"TTL key",
        b"Tells for how many seconds a key will live."),
    row(b"pttl", pttl_command, 2, CMD_READONLY | CMD_FAST, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.6.0", b"O(1)",
        b"PTTL key",
        b"Tells for how many milliseconds a key will live."),
    row(b"expiretime", expiretime_command, 2, CMD_READONLY | CMD_FAST, ACL_KEYSPACE,
        GROUP_GENERIC, keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"7.0.0", b"O(1)",
        b"EXPIRETIME key",
        b"Tells until which Unix time in seconds a key will live."),
    row(b"pexpiretime", pexpiretime_command, 2, CMD_READONLY | CMD_FAST, ACL_KEYSPACE,
        GROUP_GENERIC, keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"7.0.0", b"O(1)",
        b"PEXPIRETIME key",
        b"Tells until which Unix time in milliseconds a key will live."),
    row(b"persist", persist_command, 2, CMD_WRITE | CMD_FAST, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"2.2.0", b"O(1)",
        b"PERSIST key",
        b"Takes the deadline off a key."),
]
command_register(TABLE, 9)
