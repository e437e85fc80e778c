"""Strings: GET, SET and their relatives, counters, parts of strings, many keys at once.

A value is written where it lies when its shape allows: a counter is an int64 in its entry, a
string of the same size is copied over the old one, a string that grows lives in a body with
slack. Only a change of shape makes a new block.

Commands on many keys work in chunks: hash all keys of a chunk, ask for their buckets, ask for
their entries, then act in order. The cache misses of a chunk so overlap.

    SET k v EX 10    ->  journal: SET k v PXAT t        what depends on the clock, on what was
    GETEX k EX 10    ->  journal: PEXPIREAT k t         there before, or on rounding is written
    INCRBYFLOAT k f  ->  journal: SET k sum KEEPTTL     as the result it had
"""
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from ..core.heap cimport heap_alloc_try, heap_free
from ..core.intrinsics cimport add_overflows, likely, mul_overflows, unlikely
from ..core.number cimport (
    FORMAT_LONG_DOUBLE_MAX, equal_nocase, format_long_double_human, parse_int64,
    parse_long_double,
)
from ..core.table cimport NO_DEADLINE, table_prefetch, table_prefetch_item
from ..core.types cimport slice_t
from ..store.access cimport access_new
from ..store.entry cimport (
    ENTRY_BODY, ENTRY_INT, INT_TEXT_MAX, TYPE_STRING, entry_access, entry_body,
    entry_create_bytes, entry_create_int, entry_create_raw, entry_deadline, entry_int,
    entry_memory, entry_set_int, entry_string, entry_string_size, entry_t, entry_type, entry_value,
    entry_value_size, raw_t,
)
from ..store.evict cimport EVICT_FAIL, EVICT_MORE, evict_run, evicted_t
from ..store.keyspace cimport (
    EVENT_EXPIRED, EVENT_GENERIC, EVENT_STRING, keyspace_delete_entry, keyspace_event,
    keyspace_make_raw, keyspace_peek, keyspace_put_take, keyspace_read, keyspace_set,
    keyspace_set_deadline, keyspace_signal, keyspace_swap_take, keyspace_write, store_hash,
)
from ..wire.command cimport (
    ACL_STRING, CLIENT_LOADING, CMD_DENYOOM, CMD_FAST, CMD_MOVABLEKEYS, CMD_READONLY, CMD_WRITE,
    GROUP_STRING, KEY_ACCESS, KEY_DELETE, KEY_INSERT, KEY_OW, KEY_RM, KEY_RO, KEY_RW, KEY_UPDATE,
    client_t, command_register, command_t, key_hash, keys_at, keys_counted, row,
)
from ..wire.errors cimport (
    ERR_DECREMENT_OVERFLOW, ERR_INCREMENT_NAN, ERR_INCREMENT_OVERFLOW, ERR_INVALID_EXPIRE,
    ERR_NOT_FLOAT, ERR_NOT_INTEGER, ERR_NUMKEYS, ERR_OFFSET, ERR_OOM, ERR_STRING_TOO_LONG,
)
from ..wire.reply cimport (
    feed_arg, feed_command, feed_int, feed_text, reply_array, reply_bulk, reply_error,
    reply_error_about, reply_error_arity, reply_error_syntax, reply_error_type, reply_int,
    reply_null, reply_ok,
)
from .state cimport feed_wanted, server_of, server_t

cdef enum:
    ROOM_BUDGET_US = 10000              # of one run of eviction for one command's growth
    ROOM_FREE = 1024                    # bytes that no room is made for: the call's end does it

cdef enum:
    OPT_NX = 1 << 0
    OPT_XX = 1 << 1
    OPT_IFEQ = 1 << 2
    OPT_GET = 1 << 3
    OPT_KEEPTTL = 1 << 4
    OPT_PERSIST = 1 << 5
    OPT_EX = 1 << 6
    OPT_PX = 1 << 7
    OPT_EXAT = 1 << 8
    OPT_PXAT = 1 << 9
    OPT_TIMES = OPT_EX | OPT_PX | OPT_EXAT | OPT_PXAT
    SET_OPTIONS = OPT_NX | OPT_XX | OPT_IFEQ | OPT_GET | OPT_KEEPTTL | OPT_TIMES
    GETEX_OPTIONS = OPT_PERSIST | OPT_TIMES
    MSETEX_OPTIONS = OPT_NX | OPT_XX | OPT_KEEPTTL | OPT_TIMES

    CHECKED_BYTES = 1 << 20             # strings above it ask for memory before they grow
    NUMKEYS_MAX = 2147483647

cdef struct options_t:
    uint32_t flags                      # OPT_*
    slice_t time                        # what followed EX, PX, EXAT or PXAT
    slice_t equal                       # what followed IFEQ


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


cdef bint options_or_reply(client_t* c, int at, uint32_t allowed,
                           options_t* options) noexcept nogil:
    """Read the arguments from `at` to the end as options of those `allowed`."""
    cdef uint32_t option
    options.flags = 0
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
                options.time = c.argv[at]
            at += 1
    return True


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

cdef inline void reply_value(client_t* c, const entry_t* entry) noexcept nogil:
    """A string, or null where there is none."""
    cdef char scratch[INT_TEXT_MAX]
    if entry is NULL or entry_type(entry) != TYPE_STRING:
        reply_null(c)
    else:
        reply_bulk(c, entry_string(entry, scratch))


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
    cdef int64_t deadline_ms = NO_DEADLINE
    cdef options_t options
    cdef entry_t* entry
    if not options_or_reply(c, 3, SET_OPTIONS, &options):
        return
    if options.flags & OPT_TIMES and not deadline_or_reply(
            c, options.time, options.flags & OPT_TIMES, &deadline_ms):
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
            deadline_ms = entry_deadline(entry)
    store_value(c, hash, c.argv[2], deadline_ms, options.flags)
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
    cdef int64_t deadline_ms = NO_DEADLINE
    cdef options_t options
    cdef entry_t* entry
    if not options_or_reply(c, 2, GETEX_OPTIONS, &options):
        return
    if options.flags & OPT_TIMES and not deadline_or_reply(
            c, options.time, options.flags & OPT_TIMES, &deadline_ms):
        return
    hash = key_hash(c, c.argv[1])
    entry = string_or_reply(c, keyspace_read(c.ks, hash, c.argv[1]), &failed)
    if failed:
        return
    reply_value(c, entry)
    if entry is NULL or options.flags == 0:
        return
    if options.flags & OPT_TIMES:
        if is_past(c, deadline_ms):
            expire_now(c, hash, entry)
            return
        keyspace_set_deadline(c.ks, hash, entry, deadline_ms)
        if feed_wanted(c):
            feed_command(c, 3)
            feed_text(c, b"PEXPIREAT")
            feed_arg(c, c.argv[1])
            feed_int(c, deadline_ms)
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


# -- parts of a string ----------------------------------------------------------------------------

cdef bint string_fits_or_reply(client_t* c, int64_t size, int64_t more) noexcept nogil:
    cdef int64_t total
    if add_overflows(size, more, &total) or total > STRING_MAX or (
            total > server_of(c).config.proto_max_bulk_len and not c.flags & CLIENT_LOADING):
        reply_error(c, ERR_STRING_TOO_LONG)
        return False
    return True


cdef bint memory_or_reply(client_t* c, size_t size) noexcept nogil:
    cdef void* block
    if size > CHECKED_BYTES:
        block = heap_alloc_try(c.store.heap, size)
        if block is NULL:
            reply_error(c, ERR_OOM)
            return False
        heap_free(c.store.heap, block, size)
    return True


cdef bint room_or_reply(client_t* c, size_t more) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef evicted_t room = EVICT_MORE
    if srv.evict.limit_bytes == 0 or c.flags & CLIENT_LOADING:
        return True
    while room == EVICT_MORE:           # within one command: nobody can be asked to wait
        room = evict_run(&srv.evict, c.store, more, ROOM_BUDGET_US)
    if room == EVICT_FAIL:
        reply_error(c, ERR_OOM)
        return False
    return True


cdef bint string_room_or_reply(client_t* c, uint64_t hash, size_t size,
                               size_t more) noexcept nogil:
    """Before the key is looked up, since it may be evicted."""
    cdef entry_t* entry = keyspace_peek(c.ks, hash, c.argv[1])
    cdef size_t held = 0
    if entry is not NULL and entry_type(entry) == TYPE_STRING:
        held = entry_memory(entry)
        size = entry_string_size(entry) + more if size == 0 else size
    size += size >> 3                   # the slack that a growing string is given, or more
    return size <= held + ROOM_FREE or room_or_reply(c, size - held + ROOM_FREE)


cdef raw_t* string_reserve_or_reply(client_t* c, uint64_t hash, entry_t* entry,
                                    size_t size) noexcept nogil:
    if entry is not NULL and entry.flags & ENTRY_BODY \
            and (<raw_t*>entry_body(entry)).size_max >= size:
        return <raw_t*>entry_body(entry)
    # Growing cannot fail halfway: better to hear of it here. It takes a sixteenth more.
    if not memory_or_reply(c, size + (size >> 3)):
        return NULL
    if entry is NULL:
        entry = entry_create_raw(c.store.heap, c.argv[1], slice_t(NULL, 0), size, NO_DEADLINE,
                                 access_new(&c.store.access))
        keyspace_put_take(c.ks, hash, entry)
    else:
        entry = keyspace_make_raw(c.ks, hash, entry, size)
    return <raw_t*>entry_body(entry)


cdef void string_extend(raw_t* raw, size_t size) noexcept nogil:
    if raw.size < size:
        memset(raw.data + raw.size, 0, size - raw.size)
        raw.size = size


cdef void append_command(client_t* c) noexcept nogil:
    cdef bint failed
    cdef uint64_t hash = key_hash(c, c.argv[1])
    cdef entry_t* entry
    cdef slice_t more = c.argv[2]
    cdef size_t size
    cdef raw_t* raw
    if not string_room_or_reply(c, hash, 0, more.size):
        return
    entry = string_or_reply(c, keyspace_write(c.ks, hash, c.argv[1]), &failed)
    if failed:
        return
    if entry is NULL:
        size = more.size
        keyspace_set(c.ks, hash, c.argv[1], more, NO_DEADLINE)
    else:
        size = entry_string_size(entry)
        if not string_fits_or_reply(c, <int64_t>size, <int64_t>more.size):
            return
        raw = string_reserve_or_reply(c, hash, entry, size + more.size)
        if raw is NULL:
            return
        if more.size:
            memcpy(raw.data + size, more.data, more.size)
        size += more.size
        raw.size = size
    keyspace_signal(c.ks, EVENT_STRING, b"append", c.argv[1])
    reply_int(c, <int64_t>size)


cdef void setrange_command(client_t* c) noexcept nogil:
    cdef bint failed
    cdef uint64_t hash
    cdef entry_t* entry
    cdef slice_t part = c.argv[3]
    cdef int64_t offset
    cdef raw_t* raw
    if not parse_int64(c.argv[2].data, c.argv[2].size, &offset):
        reply_error(c, ERR_NOT_INTEGER)
        return
    if offset < 0:
        reply_error(c, ERR_OFFSET)
        return
    hash = key_hash(c, c.argv[1])
    if part.size and offset < STRING_MAX and not string_room_or_reply(
            c, hash, <size_t>offset + part.size, 0):
        return
    entry = string_or_reply(c, keyspace_write(c.ks, hash, c.argv[1]), &failed)
    if failed:
        return
    if part.size == 0:
        reply_int(c, <int64_t>entry_string_size(entry) if entry is not NULL else 0)
        return
    if not string_fits_or_reply(c, offset, <int64_t>part.size):
        return
    raw = string_reserve_or_reply(c, hash, entry, <size_t>offset + part.size)
    if raw is NULL:
        return
    string_extend(raw, <size_t>offset + part.size)
    memcpy(raw.data + offset, part.data, part.size)
    keyspace_signal(c.ks, EVENT_STRING, b"setrange", c.argv[1])
    reply_int(c, <int64_t>raw.size)


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


# -- many keys ------------------------------------------------------------------------------------

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
    cdef int64_t deadline_ms = NO_DEADLINE
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
    if options.flags & OPT_TIMES and not deadline_or_reply(
            c, options.time, options.flags & OPT_TIMES, &deadline_ms):
        return
    if (options.flags & OPT_NX and count_present(c, 2, end, 1)) or (
            options.flags & OPT_XX and count_present(c, 2, end, end) < numkeys):
        reply_int(c, 0)
        return
    set_pairs(c, 2, end, deadline_ms, options.flags)
    if options.flags & (OPT_EX | OPT_PX | OPT_EXAT):
        feed_msetex(c, end, deadline_ms)
    reply_int(c, 1)


cdef command_t TABLE[23]
TABLE[:] = [
    row(b"append", append_command, 3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_STRING,
        GROUP_STRING, keys_at(1, 1, 1, KEY_RW | KEY_INSERT), b"2.0.0",
        b"O(1) on average, where the appended value is small",
        b"APPEND key value",
        b"Adds bytes to the end of a string; an absent key counts as empty."),
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
    row(b"getrange", getrange_command, 4, CMD_READONLY, ACL_STRING, GROUP_STRING,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.4.0", b"O(N), N bytes returned",
        b"GETRANGE key start end",
        b"Returns a part of a string, both ends included."),
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
command_register(TABLE, 23)
