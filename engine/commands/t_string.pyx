"""Strings: GET, SET and their relatives, counters.

A value is written where it lies when its shape allows: a counter is an int64 in its entry, a
string of the same size is copied over the old one. Only a change of shape makes a new block.
Parts of strings are in string_parts, commands on many keys in string_many.

    SET k v EX 10    ->  journal: SET k v PXAT t        what depends on the clock, on what was
    GETEX k EX 10    ->  journal: PEXPIREAT k t         there before, or on rounding is written
    INCRBYFLOAT k f  ->  journal: SET k sum KEEPTTL     as the result it had
"""
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from ..core.intrinsics cimport add_overflows, likely, mul_overflows, unlikely
from ..core.number cimport (
    FORMAT_LONG_DOUBLE_MAX, equal_nocase, format_long_double_human, parse_int64,
    parse_long_double,
)
from ..core.table cimport NO_DEADLINE
from ..store.access cimport access_new
from ..store.entry cimport (
    ENTRY_BODY, ENTRY_INT, entry_access, entry_create_bytes, entry_create_int, entry_deadline,
    entry_int, entry_set_int, entry_value, entry_value_size,
)
from ..store.keyspace cimport (
    EVENT_EXPIRED, EVENT_GENERIC, EVENT_STRING, keyspace_delete_entry, keyspace_event,
    keyspace_put_take, keyspace_read, keyspace_set, keyspace_set_deadline, keyspace_signal,
    keyspace_swap_take, keyspace_write,
)
from ..wire.command cimport (
    ACL_STRING, CLIENT_LOADING, CMD_DENYOOM, CMD_FAST, CMD_READONLY, CMD_WRITE, GROUP_STRING,
    KEY_ACCESS, KEY_DELETE, KEY_INSERT, KEY_OW, KEY_RM, KEY_RO, KEY_RW, KEY_UPDATE,
    command_register, command_t, key_hash, keys_at, row,
)
from ..wire.errors cimport (
    ERR_DECREMENT_OVERFLOW, ERR_INCREMENT_NAN, ERR_INCREMENT_OVERFLOW, ERR_INVALID_EXPIRE,
    ERR_NOT_FLOAT, ERR_NOT_INTEGER,
)
from ..wire.reply cimport (
    feed_arg, feed_command, feed_int, feed_text, reply_error, reply_error_about,
    reply_error_syntax, reply_error_type, reply_int, reply_ok,
)
from .legacy cimport client_is_legacy
from .state cimport feed_wanted

cdef enum:
    SET_OPTIONS = OPT_NX | OPT_XX | OPT_IFEQ | OPT_GET | OPT_KEEPTTL | OPT_TIMES
    GETEX_OPTIONS = OPT_PERSIST | OPT_TIMES


# -- options --------------------------------------------------------------------------------------

cdef inline bint is_word(slice_t arg, const char* word) noexcept nogil:
    """`arg` is `word`, of the same size, in any letter case."""
    return equal_nocase(arg.data, arg.size, word, arg.size)


cdef uint32_t option_of(slice_t arg) noexcept nogil:
    """The OPT_* bit that a word names; 0 when none."""
    if arg.size == 2:
        return (OPT_EX if is_word(arg, b"ex") else OPT_PX if is_word(arg, b"px")
                else OPT_NX if is_word(arg, b"nx") else OPT_XX if is_word(arg, b"xx") else 0)
    if arg.size == 3:
        return OPT_GET if is_word(arg, b"get") else 0
    if arg.size == 4:
        return (OPT_PXAT if is_word(arg, b"pxat") else OPT_EXAT if is_word(arg, b"exat")
                else OPT_IFEQ if is_word(arg, b"ifeq") else 0)
    if arg.size == 7:
        return (OPT_KEEPTTL if is_word(arg, b"keepttl")
                else OPT_PERSIST if is_word(arg, b"persist") else 0)
    return 0


cdef uint32_t excluded_by(uint32_t option) noexcept nogil:
    """What may not stand before this option. Naming the same one twice is mostly allowed."""
    if option & OPT_TIMES:
        return (OPT_TIMES | OPT_KEEPTTL | OPT_PERSIST) & ~option
    if option & OPT_NX:
        return OPT_XX | OPT_IFEQ
    if option & OPT_XX:
        return OPT_NX | OPT_IFEQ
    if option & OPT_IFEQ:
        return OPT_NX | OPT_XX | OPT_IFEQ
    if option & OPT_KEEPTTL:
        return OPT_TIMES | OPT_PERSIST
    if option & OPT_PERSIST:
        return OPT_TIMES | OPT_KEEPTTL
    return 0


cdef bint deadline_or_reply(client_t* c, slice_t text, uint32_t kind,
                            int64_t* deadline_ms) noexcept nogil:
    """A time in the unit, and from the start, that `kind` (one of OPT_TIMES) names."""
    cdef int64_t value
    if not parse_int64(text.data, text.size, &value):
        reply_error(c, ERR_NOT_INTEGER)
        return False
    if (value <= 0 or (kind & (OPT_EX | OPT_EXAT) and mul_overflows(value, 1000, &value))
            or (kind & (OPT_EX | OPT_PX) and add_overflows(value, c.store.now_ms, &value))):
        reply_error_about(c, ERR_INVALID_EXPIRE, slice_t(c.cmd.name, c.cmd.name_size),
                          b"' command")
        return False
    deadline_ms[0] = value if value != NO_DEADLINE else NO_DEADLINE - 1
    return True


cdef inline bint is_later(const client_t* c, uint32_t flags) noexcept nogil:
    return client_is_legacy(c) and (flags & OPT_IFEQ or (flags & OPT_GET and flags & OPT_NX))


cdef bint options_or_reply(client_t* c, int at, uint32_t allowed,
                           options_t* options) noexcept nogil:
    cdef uint32_t option
    cdef slice_t time = slice_t(NULL, 0)
    options.flags = 0
    options.deadline_ms = NO_DEADLINE
    while at < c.argc:
        option = option_of(c.argv[at]) & allowed
        if option == 0 or options.flags & excluded_by(option):
            reply_error_syntax(c)
            return False
        options.flags |= option
        at += 1
        if option & (OPT_TIMES | OPT_IFEQ):
            if at == c.argc:
                reply_error_syntax(c)
                return False
            if option == OPT_IFEQ:
                options.equal = c.argv[at]
            else:
                time = c.argv[at]
            at += 1
    if options.flags & (OPT_IFEQ | OPT_GET) and is_later(c, options.flags):
        reply_error_syntax(c)
        return False
    # A wrong number only counts where the words are right; of two times the last one does.
    return (options.flags & OPT_TIMES == 0
            or deadline_or_reply(c, time, options.flags & OPT_TIMES, &options.deadline_ms))


cdef inline bint is_past(const client_t* c, int64_t deadline_ms) noexcept nogil:
    """A journal that is loaded says later itself that the key died."""
    return deadline_ms <= c.store.now_ms and not c.flags & CLIENT_LOADING


cdef entry_t* string_or_reply(client_t* c, entry_t* entry, bint* failed) noexcept nogil:
    failed[0] = False
    if entry is not NULL and unlikely(entry_type(entry) != TYPE_STRING):
        failed[0] = True
        reply_error_type(c)
        return NULL
    return entry


# -- GET and SET ----------------------------------------------------------------------------------

cdef void get_command(client_t* c) noexcept nogil:
    cdef char scratch[INT_TEXT_MAX]
    cdef entry_t* entry = keyspace_read(c.ks, key_hash(c, c.argv[1]), c.argv[1])
    if entry is NULL:
        reply_null(c)
    elif entry_type(entry) != TYPE_STRING:
        reply_error_type(c)
    else:
        reply_bulk(c, entry_string(entry, scratch))


cdef void remove(client_t* c, uint64_t hash, entry_t* entry, int klass,
                 const char* event) noexcept nogil:
    """Delete the command's key; the journal gets a DEL, which every version knows."""
    keyspace_delete_entry(c.ks, hash, entry)
    if feed_wanted(c):
        feed_command(c, 2)
        feed_text(c, b"DEL")
        feed_arg(c, c.argv[1])
    keyspace_signal(c.ks, klass, event, c.argv[1])


cdef void expire_now(client_t* c, uint64_t hash, entry_t* entry) noexcept nogil:
    """The command gave its key a time that has passed."""
    c.store.expired += 1
    remove(c, hash, entry, EVENT_EXPIRED, b"expired")


cdef void feed_set(client_t* c, slice_t value, int64_t deadline_ms, bint keep) noexcept nogil:
    """SET key value [PXAT deadline | KEEPTTL] for the journal."""
    if not feed_wanted(c):
        return
    feed_command(c, 4 if keep else 5 if deadline_ms != NO_DEADLINE else 3)
    feed_text(c, b"SET")
    feed_arg(c, c.argv[1])
    feed_arg(c, value)
    if keep:
        feed_text(c, b"KEEPTTL")
    elif deadline_ms != NO_DEADLINE:
        feed_text(c, b"PXAT")
        feed_int(c, deadline_ms)


cdef void store_value(client_t* c, uint64_t hash, slice_t value, int64_t deadline_ms,
                      uint32_t flags) noexcept nogil:
    """Set the command's key, whatever it held; `flags` are the options that led here."""
    cdef entry_t* entry
    if flags & OPT_TIMES and is_past(c, deadline_ms):
        entry = keyspace_write(c.ks, hash, c.argv[1])
        if entry is not NULL:
            expire_now(c, hash, entry)
        return
    keyspace_set(c.ks, hash, c.argv[1], value, deadline_ms)
    if flags & (OPT_EX | OPT_PX | OPT_EXAT | OPT_GET | OPT_IFEQ):
        feed_set(c, value, deadline_ms, flags & OPT_KEEPTTL != 0)
    keyspace_signal(c.ks, EVENT_STRING, b"set", c.argv[1])
    if flags & OPT_TIMES:
        keyspace_event(c.ks, EVENT_GENERIC, b"expire", c.argv[1])


cdef bint condition_holds(const entry_t* entry, const options_t* options) noexcept nogil:
    """NX, XX or IFEQ, for the string or the absence of one."""
    cdef char scratch[INT_TEXT_MAX]
    cdef slice_t value
    if options.flags & OPT_NX:
        return entry is NULL
    if options.flags & OPT_XX:
        return entry is not NULL
    if options.flags & OPT_IFEQ:
        if entry is NULL:
            return False
        value = entry_string(entry, scratch)
        return equal(value, options.equal)
    return True


cdef inline bint equal(slice_t a, slice_t b) noexcept nogil:
    return a.size == b.size and (a.size == 0 or memcmp(a.data, b.data, a.size) == 0)


cdef void set_with_options(client_t* c) noexcept nogil:
    cdef uint64_t hash
    cdef options_t options
    cdef entry_t* entry
    if not options_or_reply(c, 3, SET_OPTIONS, &options):
        return
    hash = key_hash(c, c.argv[1])
    if options.flags & (OPT_NX | OPT_XX | OPT_IFEQ | OPT_GET | OPT_KEEPTTL):
        if options.flags & OPT_GET:
            entry = keyspace_read(c.ks, hash, c.argv[1])
        else:
            entry = keyspace_write(c.ks, hash, c.argv[1])
        if (options.flags & (OPT_GET | OPT_IFEQ) and entry is not NULL
                and entry_type(entry) != TYPE_STRING):
            reply_error_type(c)
            return
        if options.flags & OPT_GET:
            reply_value(c, entry)
        if not condition_holds(entry, &options):
            if not options.flags & OPT_GET:
                reply_null(c)
            return
        if options.flags & OPT_KEEPTTL and entry is not NULL:
            options.deadline_ms = entry_deadline(entry)
    store_value(c, hash, c.argv[2], options.deadline_ms, options.flags)
    if not options.flags & OPT_GET:
        reply_ok(c)


cdef void set_command(client_t* c) noexcept nogil:
    if unlikely(c.argc > 3):
        set_with_options(c)
        return
    keyspace_set(c.ks, key_hash(c, c.argv[1]), c.argv[1], c.argv[2], NO_DEADLINE)
    keyspace_signal(c.ks, EVENT_STRING, b"set", c.argv[1])
    reply_ok(c)


cdef void setex_generic(client_t* c, uint32_t kind) noexcept nogil:
    cdef int64_t deadline_ms
    if deadline_or_reply(c, c.argv[2], kind, &deadline_ms):
        store_value(c, key_hash(c, c.argv[1]), c.argv[3], deadline_ms, kind)
        reply_ok(c)


cdef void setex_command(client_t* c) noexcept nogil:
    setex_generic(c, OPT_EX)


cdef void psetex_command(client_t* c) noexcept nogil:
    setex_generic(c, OPT_PX)


cdef void setnx_command(client_t* c) noexcept nogil:
    cdef uint64_t hash = key_hash(c, c.argv[1])
    if keyspace_write(c.ks, hash, c.argv[1]) is not NULL:
        reply_int(c, 0)
        return
    store_value(c, hash, c.argv[2], NO_DEADLINE, 0)
    reply_int(c, 1)


cdef void getset_command(client_t* c) noexcept nogil:
    cdef bint failed
    cdef uint64_t hash = key_hash(c, c.argv[1])
    cdef entry_t* entry = string_or_reply(c, keyspace_read(c.ks, hash, c.argv[1]), &failed)
    if failed:
        return
    reply_value(c, entry)
    store_value(c, hash, c.argv[2], NO_DEADLINE, OPT_GET)


cdef void getdel_command(client_t* c) noexcept nogil:
    cdef bint failed
    cdef uint64_t hash = key_hash(c, c.argv[1])
    cdef entry_t* entry = string_or_reply(c, keyspace_read(c.ks, hash, c.argv[1]), &failed)
    if failed:
        return
    reply_value(c, entry)
    if entry is not NULL:
        remove(c, hash, entry, EVENT_GENERIC, b"del")


cdef void delifeq_command(client_t* c) noexcept nogil:
    cdef bint failed
    cdef char scratch[INT_TEXT_MAX]
    cdef uint64_t hash = key_hash(c, c.argv[1])
    cdef entry_t* entry = string_or_reply(c, keyspace_write(c.ks, hash, c.argv[1]), &failed)
    if failed:
        return
    if entry is NULL or not equal(entry_string(entry, scratch), c.argv[2]):
        reply_int(c, 0)
        return
    remove(c, hash, entry, EVENT_GENERIC, b"del")
    reply_int(c, 1)


cdef void getex_command(client_t* c) noexcept nogil:
    cdef bint failed
    cdef uint64_t hash
    cdef options_t options
    cdef entry_t* entry
    if not options_or_reply(c, 2, GETEX_OPTIONS, &options):
        return
    hash = key_hash(c, c.argv[1])
    entry = string_or_reply(c, keyspace_read(c.ks, hash, c.argv[1]), &failed)
    if failed:
        return
    reply_value(c, entry)
    if entry is NULL or options.flags == 0:
        return
    if options.flags & OPT_TIMES:
        if is_past(c, options.deadline_ms):
            expire_now(c, hash, entry)
            return
        keyspace_set_deadline(c.ks, hash, entry, options.deadline_ms)
        if feed_wanted(c):
            feed_command(c, 3)
            feed_text(c, b"PEXPIREAT")
            feed_arg(c, c.argv[1])
            feed_int(c, options.deadline_ms)
        keyspace_signal(c.ks, EVENT_GENERIC, b"expire", c.argv[1])
    elif entry_deadline(entry) != NO_DEADLINE:
        keyspace_set_deadline(c.ks, hash, entry, NO_DEADLINE)
        if feed_wanted(c):
            feed_command(c, 2)
            feed_text(c, b"PERSIST")
            feed_arg(c, c.argv[1])
        keyspace_signal(c.ks, EVENT_GENERIC, b"persist", c.argv[1])


# -- counters -------------------------------------------------------------------------------------

cdef void add_generic(client_t* c, int64_t amount) noexcept nogil:
    cdef bint failed
    cdef char scratch[INT_TEXT_MAX]
    cdef uint64_t hash = key_hash(c, c.argv[1])
    cdef entry_t* entry = string_or_reply(c, keyspace_write(c.ks, hash, c.argv[1]), &failed)
    cdef slice_t text
    cdef int64_t value = 0
    if failed:
        return
    if entry is not NULL:
        if likely(entry.flags & ENTRY_INT != 0):
            value = entry_int(entry)
        else:
            text = entry_string(entry, scratch)
            if not parse_int64(text.data, text.size, &value):
                reply_error(c, ERR_NOT_INTEGER)
                return
    if add_overflows(value, amount, &value):
        reply_error(c, ERR_INCREMENT_OVERFLOW)
        return
    if entry is NULL:
        keyspace_put_take(c.ks, hash, entry_create_int(
            c.store.heap, c.argv[1], value, NO_DEADLINE, access_new(&c.store.access)))
    elif likely(entry.flags & ENTRY_INT != 0):
        entry_set_int(entry, value)
    else:
        keyspace_swap_take(c.ks, hash, entry, entry_create_int(
            c.store.heap, c.argv[1], value, entry_deadline(entry), entry_access(entry)), False)
    keyspace_signal(c.ks, EVENT_STRING, b"incrby", c.argv[1])
    reply_int(c, value)


cdef void incr_command(client_t* c) noexcept nogil:
    add_generic(c, 1)


cdef void decr_command(client_t* c) noexcept nogil:
    add_generic(c, -1)


cdef void incrby_command(client_t* c) noexcept nogil:
    cdef int64_t amount
    if not parse_int64(c.argv[2].data, c.argv[2].size, &amount):
        reply_error(c, ERR_NOT_INTEGER)
        return
    add_generic(c, amount)


cdef void decrby_command(client_t* c) noexcept nogil:
    cdef int64_t amount
    if not parse_int64(c.argv[2].data, c.argv[2].size, &amount):
        reply_error(c, ERR_NOT_INTEGER)
        return
    if mul_overflows(amount, -1, &amount):
        reply_error(c, ERR_DECREMENT_OVERFLOW)
        return
    add_generic(c, amount)


cdef void incrbyfloat_command(client_t* c) noexcept nogil:
    """The sum stays text, even a whole one: its encoding is not int until someone sets it."""
    cdef bint failed
    cdef char text[FORMAT_LONG_DOUBLE_MAX]
    cdef uint64_t hash = key_hash(c, c.argv[1])
    cdef entry_t* entry = string_or_reply(c, keyspace_write(c.ks, hash, c.argv[1]), &failed)
    cdef slice_t value
    cdef long double sum = 0
    cdef long double amount
    if failed:
        return
    if entry is not NULL:
        value = entry_string(entry, text)
        if not parse_long_double(value.data, value.size, &sum):
            reply_error(c, ERR_NOT_FLOAT)
            return
    if not parse_long_double(c.argv[2].data, c.argv[2].size, &amount):
        reply_error(c, ERR_NOT_FLOAT)
        return
    sum += amount
    if sum - sum != 0:                  # infinite, or no number
        reply_error(c, ERR_INCREMENT_NAN)
        return
    value.data = text
    value.size = <size_t>format_long_double_human(text, FORMAT_LONG_DOUBLE_MAX, sum)
    if entry is NULL:
        keyspace_put_take(c.ks, hash, entry_create_bytes(
            c.store.heap, c.argv[1], value, NO_DEADLINE, access_new(&c.store.access)))
    elif not entry.flags & (ENTRY_INT | ENTRY_BODY) and entry_value_size(entry) == value.size:
        memcpy(entry_value(entry), text, value.size)
    else:
        keyspace_swap_take(c.ks, hash, entry, entry_create_bytes(
            c.store.heap, c.argv[1], value, entry_deadline(entry), entry_access(entry)), False)
    feed_set(c, value, NO_DEADLINE, True)
    keyspace_signal(c.ks, EVENT_STRING, b"incrbyfloat", c.argv[1])
    reply_bulk(c, value)


cdef command_t TABLE[14]
TABLE[:] = [
    row(b"decr", decr_command, 2, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE), b"1.0.0", b"O(1)",
        b"DECR key",
        b"Takes one from an integer; an absent key counts as 0."),
    row(b"decrby", decrby_command, 3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_STRING,
        GROUP_STRING, keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE), b"1.0.0", b"O(1)",
        b"DECRBY key decrement",
        b"Takes a number from an integer; an absent key counts as 0."),
    row(b"delifeq", delifeq_command, 3, CMD_WRITE | CMD_FAST, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_RM | KEY_DELETE), b"9.0.0", b"O(1)",
        b"DELIFEQ key value",
        b"Deletes a key when its string is the one given."),
    row(b"get", get_command, 2, CMD_READONLY | CMD_FAST, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"1.0.0", b"O(1)",
        b"GET key",
        b"Returns the string stored at a key."),
    row(b"getdel", getdel_command, 2, CMD_WRITE | CMD_FAST, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"6.2.0", b"O(1)",
        b"GETDEL key",
        b"Returns the string stored at a key and deletes the key."),
    row(b"getex", getex_command, -2, CMD_WRITE | CMD_FAST, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE), b"6.2.0", b"O(1)",
        b"GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds"
        b" | PXAT unix-time-milliseconds | PERSIST]",
        b"Returns the string stored at a key and sets when the key expires."),
    row(b"getset", getset_command, 3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_STRING,
        GROUP_STRING, keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE), b"1.0.0", b"O(1)",
        b"GETSET key value",
        b"Stores a string and returns the one that was there."),
    row(b"incr", incr_command, 2, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE), b"1.0.0", b"O(1)",
        b"INCR key",
        b"Adds one to an integer; an absent key counts as 0."),
    row(b"incrby", incrby_command, 3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_STRING,
        GROUP_STRING, keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE), b"1.0.0", b"O(1)",
        b"INCRBY key increment",
        b"Adds a number to an integer; an absent key counts as 0."),
    row(b"incrbyfloat", incrbyfloat_command, 3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_STRING,
        GROUP_STRING, keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE), b"2.6.0", b"O(1)",
        b"INCRBYFLOAT key increment",
        b"Adds a decimal number to another; an absent key counts as 0."),
    row(b"psetex", psetex_command, 4, CMD_WRITE | CMD_DENYOOM, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_OW | KEY_UPDATE), b"2.6.0", b"O(1)",
        b"PSETEX key milliseconds value",
        b"Stores a string that expires after some milliseconds."),
    # Not FAST: overwriting may free a large value.
    row(b"set", set_command, -3, CMD_WRITE | CMD_DENYOOM, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE), b"1.0.0", b"O(1)",
        b"SET key value [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds"
        b" | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
        b"Stores a string at a key, whatever the key held."),
    row(b"setex", setex_command, 4, CMD_WRITE | CMD_DENYOOM, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_OW | KEY_UPDATE), b"2.0.0", b"O(1)",
        b"SETEX key seconds value",
        b"Stores a string that expires after some seconds."),
    row(b"setnx", setnx_command, 3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_OW | KEY_INSERT), b"1.0.0", b"O(1)",
        b"SETNX key value",
        b"Stores a string when the key does not exist."),
]
command_register(TABLE, 14)
