"""Deadlines of fields: HEXPIRE and its kin, HTTL and its kin, HPERSIST, HGETEX, HSETEX, HGETDEL.

A deadline is kept in milliseconds since the epoch, as those of keys are. One that has passed when
it is given deletes the field.

The journal gets the outcome, with the fields that it concerns and no others: a field that was dead,
and so not touched, is alive to whoever replays the journal until its HDEL comes.

    HEXPIRE k 10 FIELDS 2 a x    ->  HPEXPIREAT k t FIELDS 1 a       there is no field x
    HGETEX k EX 0 FIELDS 1 a     ->  HDEL k a
    HSETEX k NX EX 10 FIELDS ... ->  HSETEX k PXAT t FIELDS ...

Invariants
    F1  words are judged before the number of fields, that before the key's type, that before
        the time (of HEXPIRE: the time before the type): which error comes is Valkey's choice
    F2  a deadline that is set is less than NO_DEADLINE and, but for loading, later than now
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t, uint64_t

from ..core.heap cimport heap_alloc, heap_free
from ..core.intrinsics cimport add_overflows, mul_overflows
from ..core.number cimport equal_nocase, parse_int64
from ..core.table cimport NO_DEADLINE
from ..core.types cimport slice_t
from ..store.entry cimport TYPE_HASH, entry_t
from ..store.hash cimport (
    HASH_REVIVED, hash_deadline, hash_delete, hash_expect, hash_has, hash_set, hash_set_deadline,
    hash_t,
)
from ..store.keyspace cimport (
    EVENT_GENERIC, EVENT_HASH, EVENT_NEW, keyspace_announce, keyspace_event, keyspace_signal,
)
from ..wire.command cimport (
    ACL_HASH, CMD_DENYOOM, CMD_FAST, CMD_READONLY, CMD_WRITE, GROUP_HASH, KEY_ACCESS, KEY_DELETE,
    KEY_INSERT, KEY_RO, KEY_RW, KEY_UPDATE, client_t, command_register, command_t, keys_at, row,
)
from ..wire.errors cimport ERR_INVALID_EXPIRE, ERR_NOT_INTEGER, ERR_NUMFIELDS
from ..wire.reply cimport (
    feed_arg, feed_command, feed_int, feed_nothing, feed_text, reply_array, reply_error,
    reply_error_about, reply_error_syntax, reply_int, reply_null,
)
from .expire_keys cimport expire_allowed, expire_options_or_reply
from .state cimport feed_wanted
from .t_hash cimport hash_close, hash_note_revived, hash_open, reply_field
from .typed cimport read_typed_or_reply, write_typed_or_reply

cdef enum:
    MS_PER_SECOND = 1000

cdef enum:                              # replies, a field each
    FIELD_MISSING = -2
    FIELD_STAYS = -1                    # it has no deadline
    FIELD_REFUSED = 0                   # the condition does not hold
    FIELD_SET = 1
    FIELD_DELETED = 2

cdef enum:                              # options of HGETEX and HSETEX
    OPT_EX = 1 << 0
    OPT_PX = 1 << 1
    OPT_EXAT = 1 << 2
    OPT_PXAT = 1 << 3
    OPT_TIMES = OPT_EX | OPT_PX | OPT_EXAT | OPT_PXAT
    OPT_PERSIST = 1 << 4
    OPT_KEEPTTL = 1 << 5
    OPT_NX = 1 << 6                     # the key is absent
    OPT_XX = 1 << 7
    OPT_FNX = 1 << 8                    # none of the fields is there
    OPT_FXX = 1 << 9                    # all of them are
    HGETEX_OPTIONS = OPT_TIMES | OPT_PERSIST
    HSETEX_OPTIONS = OPT_TIMES | OPT_KEEPTTL | OPT_NX | OPT_XX | OPT_FNX | OPT_FXX

# Fields that a command has changed, for the journal: indexes in argv.
cdef struct changed_t:
    int* at                             # owned; NULL when nobody will read them
    size_t max
    int count


# -- arguments ------------------------------------------------------------------------------------

cdef inline bint is_word(slice_t arg, const char* word, size_t size) noexcept nogil:
    return equal_nocase(arg.data, arg.size, word, size)


cdef bint numfields_or_reply(client_t* c, int at, int64_t step, int* first) noexcept nogil:
    """argv[at] says how many fields follow, each of `step` arguments, to the end."""
    cdef int64_t count = 0
    if at < c.argc and not parse_int64(c.argv[at].data, c.argv[at].size, &count):
        reply_error(c, ERR_NOT_INTEGER)
        return False
    # A division: a product might overflow.
    if count < 1 or (c.argc - at - 1) % step or count != (c.argc - at - 1) // step:
        reply_error(c, ERR_NUMFIELDS)
        return False
    first[0] = at + 1
    return True


cdef bint plain_fields_or_reply(client_t* c, bint exact, int* first) noexcept nogil:
    """FIELDS numfields field ... from argument 2 on; `exact`: another error for a wrong count."""
    cdef int64_t count
    if not is_word(c.argv[2], b"fields", 6):
        reply_error_syntax(c)
        return False
    if exact:
        return numfields_or_reply(c, 3, 1, first)
    if not parse_int64(c.argv[3].data, c.argv[3].size, &count):
        reply_error(c, ERR_NOT_INTEGER)
        return False
    if count < 1 or count != c.argc - 4:
        reply_error_syntax(c)
        return False
    first[0] = 4
    return True


cdef bint time_or_reply(client_t* c, slice_t text, int64_t base_ms, int64_t unit_ms,
                        int64_t* deadline_ms) noexcept nogil:
    cdef int64_t when
    if not parse_int64(text.data, text.size, &when):
        reply_error(c, ERR_NOT_INTEGER)
        return False
    if when < 0 or mul_overflows(when, unit_ms, &when) or add_overflows(when, base_ms, &when):
        reply_error_about(c, ERR_INVALID_EXPIRE, slice_t(c.cmd.name, c.cmd.name_size),
                          b"' command")
        return False
    deadline_ms[0] = when if when < NO_DEADLINE else NO_DEADLINE - 1        # F2
    return True


cdef uint32_t option_of(slice_t arg) noexcept nogil:
    if arg.size == 2:
        return (OPT_EX if is_word(arg, b"ex", 2) else OPT_PX if is_word(arg, b"px", 2)
                else OPT_NX if is_word(arg, b"nx", 2) else OPT_XX if is_word(arg, b"xx", 2) else 0)
    if arg.size == 3:
        return OPT_FNX if is_word(arg, b"fnx", 3) else OPT_FXX if is_word(arg, b"fxx", 3) else 0
    if arg.size == 4:
        return (OPT_EXAT if is_word(arg, b"exat", 4) else OPT_PXAT if is_word(arg, b"pxat", 4)
                else 0)
    return (OPT_PERSIST if is_word(arg, b"persist", 7)
            else OPT_KEEPTTL if is_word(arg, b"keepttl", 7) else 0)


cdef uint32_t excluded_by(uint32_t option) noexcept nogil:
    """What may not stand before this option; the same one may."""
    if option & (OPT_TIMES | OPT_PERSIST | OPT_KEEPTTL):
        return (OPT_TIMES | OPT_PERSIST | OPT_KEEPTTL) & ~option
    return (OPT_XX if option == OPT_NX else OPT_NX if option == OPT_XX
            else OPT_FXX if option == OPT_FNX else OPT_FNX)


cdef int fields_at(const client_t* c, int at) noexcept nogil:
    """Where the word FIELDS stands, not before `at` nor at the end; 0: nowhere."""
    while at < c.argc - 1:
        if is_word(c.argv[at], b"fields", 6):
            return at
        at += 1
    return 0


cdef bint options_or_reply(client_t* c, uint32_t allowed, int64_t step, uint32_t* flags,
                           slice_t* time, int* first) noexcept nogil:
    """Options, then FIELDS numfields and what follows."""
    cdef int at = 2
    cdef int end = fields_at(c, 2)
    cdef uint32_t option
    flags[0] = 0
    if end == 0:
        reply_error(c, ERR_NUMFIELDS)
        return False
    while at < end:
        option = option_of(c.argv[at]) & allowed
        if option == 0 or flags[0] & excluded_by(option):
            reply_error_syntax(c)
            return False
        flags[0] |= option
        at += 1
        if option & OPT_TIMES:
            if at == end:
                reply_error_syntax(c)
                return False
            time[0] = c.argv[at]
            at += 1
    return numfields_or_reply(c, end + 1, step, first)


cdef bint option_time_or_reply(client_t* c, uint32_t flags, slice_t time,
                               int64_t* deadline_ms) noexcept nogil:
    deadline_ms[0] = NO_DEADLINE
    if not flags & OPT_TIMES:
        return True
    return time_or_reply(c, time, c.store.now_ms if flags & (OPT_EX | OPT_PX) else 0,
                         MS_PER_SECOND if flags & (OPT_EX | OPT_EXAT) else 1, deadline_ms)


cdef inline bint is_past(const client_t* c, int64_t deadline_ms) noexcept nogil:
    """A journal that is loaded says later itself that the field died."""
    return deadline_ms <= c.store.now_ms and not c.store.loading


# -- what the journal gets ------------------------------------------------------------------------

cdef void changed_init(client_t* c, changed_t* changed, int first) noexcept nogil:
    changed.count = 0
    changed.max = <size_t>(c.argc - first)
    changed.at = NULL
    if feed_wanted(c):
        changed.at = <int*>heap_alloc(c.store.heap, changed.max * sizeof(int))


cdef inline void changed_note(changed_t* changed, int at) noexcept nogil:
    if changed.at is not NULL:
        changed.at[changed.count] = at
    changed.count += 1


cdef void changed_feed(client_t* c, changed_t* changed, const char* name, int64_t deadline_ms,
                       bint counted) noexcept nogil:
    """NAME key [deadline] [FIELDS count] field ..."""
    cdef int i
    if changed.at is not NULL and changed.count:
        feed_command(c, 2 + (1 if deadline_ms != NO_DEADLINE else 0) + (2 if counted else 0)
                     + changed.count)
        feed_text(c, name)
        feed_arg(c, c.argv[1])
        if deadline_ms != NO_DEADLINE:
            feed_int(c, deadline_ms)
        if counted:
            feed_text(c, b"FIELDS")
            feed_int(c, changed.count)
        for i in range(changed.count):
            feed_arg(c, c.argv[changed.at[i]])


cdef void changed_free(client_t* c, changed_t* changed) noexcept nogil:
    heap_free(c.store.heap, changed.at, changed.max * sizeof(int))


cdef void expired_fields(client_t* c, changed_t* changed) noexcept nogil:
    """The command gave these fields a time that has passed."""
    c.store.expired_fields += <uint64_t>changed.count
    keyspace_signal(c.ks, EVENT_HASH, b"hexpired", c.argv[1])
    changed_feed(c, changed, b"HDEL", NO_DEADLINE, False)


# -- HEXPIRE --------------------------------------------------------------------------------------

cdef int expire_field(client_t* c, hash_t* hash, slice_t field, int options,
                      int64_t deadline_ms) noexcept nogil:
    cdef int64_t before
    if not hash_deadline(hash, field, &before):
        return FIELD_MISSING
    if options and not expire_allowed(options, before, deadline_ms):
        return FIELD_REFUSED
    if is_past(c, deadline_ms):
        hash_delete(hash, field)
        return FIELD_DELETED
    hash_set_deadline(hash, field, deadline_ms)
    return FIELD_SET


cdef void expire_fields(client_t* c, entry_t* entry, int first, int options,
                        int64_t deadline_ms) noexcept nogil:
    cdef hash_t hash
    cdef changed_t changed
    cdef int i, became
    cdef bint past = is_past(c, deadline_ms)
    hash_open(c, &hash, entry)
    changed_init(c, &changed, first)
    for i in range(first, c.argc):
        became = expire_field(c, &hash, c.argv[i], options, deadline_ms)
        if became == FIELD_SET or became == FIELD_DELETED:
            changed_note(&changed, i)
        reply_int(c, became)
    if changed.count:
        if past:
            expired_fields(c, &changed)
        else:
            keyspace_signal(c.ks, EVENT_HASH, b"hexpire", c.argv[1])
            changed_feed(c, &changed, b"HPEXPIREAT", deadline_ms, True)
        c.store.dirty += <uint64_t>changed.count - 1
    hash_close(c, &hash, entry)
    changed_free(c, &changed)


cdef void expire_generic(client_t* c, int64_t base_ms, int64_t unit_ms) noexcept nogil:
    cdef entry_t* entry
    cdef int64_t deadline_ms
    cdef int options = 0
    cdef int at = fields_at(c, 3)
    cdef int first, i
    if at == 0:
        reply_error(c, ERR_NUMFIELDS)
        return
    if not expire_options_or_reply(c, 3, at, &options):         # F1
        return
    if not numfields_or_reply(c, at + 1, 1, &first):
        return
    if not time_or_reply(c, c.argv[2], base_ms, unit_ms, &deadline_ms):
        return
    if not write_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    reply_array(c, c.argc - first)
    if entry is not NULL:
        expire_fields(c, entry, first, options, deadline_ms)
        return
    for i in range(first, c.argc):
        reply_int(c, FIELD_MISSING)


cdef void hexpire_command(client_t* c) noexcept nogil:
    expire_generic(c, c.store.now_ms, MS_PER_SECOND)


cdef void hpexpire_command(client_t* c) noexcept nogil:
    expire_generic(c, c.store.now_ms, 1)


cdef void hexpireat_command(client_t* c) noexcept nogil:
    expire_generic(c, 0, MS_PER_SECOND)


cdef void hpexpireat_command(client_t* c) noexcept nogil:
    expire_generic(c, 0, 1)


# -- HTTL -----------------------------------------------------------------------------------------

cdef int64_t left_of(const client_t* c, const hash_t* hash, slice_t field, bint absolute,
                     bint seconds) noexcept nogil:
    cdef int64_t value
    if not hash_deadline(hash, field, &value):
        return FIELD_MISSING
    if value == NO_DEADLINE:
        return FIELD_STAYS
    if not absolute:                    # cannot overflow: it lives, and now is not negative
        value -= c.store.now_ms
    if value < 0:
        value = 0
    if seconds:                         # rounded to the nearest
        value = <int64_t>((<uint64_t>value + MS_PER_SECOND // 2) // MS_PER_SECOND)
    return value


cdef void ttl_generic(client_t* c, bint absolute, bint seconds) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    cdef int first, i
    if not plain_fields_or_reply(c, False, &first):
        return
    if not read_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    reply_array(c, c.argc - first)
    if entry is not NULL:
        hash_open(c, &hash, entry)
    for i in range(first, c.argc):
        reply_int(c, FIELD_MISSING if entry is NULL
                  else left_of(c, &hash, c.argv[i], absolute, seconds))


cdef void httl_command(client_t* c) noexcept nogil:
    ttl_generic(c, False, True)


cdef void hpttl_command(client_t* c) noexcept nogil:
    ttl_generic(c, False, False)


cdef void hexpiretime_command(client_t* c) noexcept nogil:
    ttl_generic(c, True, True)


cdef void hpexpiretime_command(client_t* c) noexcept nogil:
    ttl_generic(c, True, False)


cdef bint persist_field(hash_t* hash, slice_t field, int* became) noexcept nogil:
    cdef int64_t before
    if not hash_deadline(hash, field, &before):
        became[0] = FIELD_MISSING
        return False
    if before == NO_DEADLINE:
        became[0] = FIELD_STAYS
        return False
    hash_set_deadline(hash, field, NO_DEADLINE)
    became[0] = FIELD_SET
    return True


cdef void hpersist_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    cdef changed_t changed
    cdef int first, i, became
    if not plain_fields_or_reply(c, True, &first):
        return
    if not write_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    reply_array(c, c.argc - first)
    if entry is NULL:
        for i in range(first, c.argc):
            reply_int(c, FIELD_MISSING)
        return
    hash_open(c, &hash, entry)
    changed_init(c, &changed, first)
    for i in range(first, c.argc):
        if persist_field(&hash, c.argv[i], &became):
            changed_note(&changed, i)
        reply_int(c, became)
    if changed.count:
        keyspace_signal(c.ks, EVENT_HASH, b"hpersist", c.argv[1])
        changed_feed(c, &changed, b"HPERSIST", NO_DEADLINE, True)
    hash_close(c, &hash, entry)
    changed_free(c, &changed)


# -- HGETEX, HGETDEL ------------------------------------------------------------------------------

cdef void getex_change(client_t* c, hash_t* hash, int first, uint32_t flags,
                       int64_t deadline_ms) noexcept nogil:
    """What HGETEX does to its fields after it has read them."""
    cdef changed_t changed
    cdef int i, became
    changed_init(c, &changed, first)
    for i in range(first, c.argc):
        if flags & OPT_PERSIST:
            if persist_field(hash, c.argv[i], &became):
                changed_note(&changed, i)
        elif expire_field(c, hash, c.argv[i], 0, deadline_ms) > 0:
            changed_note(&changed, i)
    if changed.count == 0:
        pass
    elif flags & OPT_PERSIST:
        keyspace_signal(c.ks, EVENT_HASH, b"hpersist", c.argv[1])
        c.store.dirty += <uint64_t>changed.count - 1
        changed_feed(c, &changed, b"HPERSIST", NO_DEADLINE, True)
    elif is_past(c, deadline_ms):
        expired_fields(c, &changed)
    else:
        keyspace_signal(c.ks, EVENT_HASH, b"hexpire", c.argv[1])
        c.store.dirty += <uint64_t>changed.count - 1
        changed_feed(c, &changed, b"HPEXPIREAT", deadline_ms, True)
    changed_free(c, &changed)


cdef void hgetex_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    cdef slice_t time = slice_t(NULL, 0)
    cdef uint32_t flags
    cdef int64_t deadline_ms
    cdef int first, i
    if not options_or_reply(c, HGETEX_OPTIONS, 1, &flags, &time, &first):
        return
    if not write_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    if not option_time_or_reply(c, flags, time, &deadline_ms):
        return
    reply_array(c, c.argc - first)
    if entry is NULL:
        for i in range(first, c.argc):
            reply_null(c)
        return
    hash_open(c, &hash, entry)
    for i in range(first, c.argc):
        reply_field(c, &hash, c.argv[i])
    if flags:
        getex_change(c, &hash, first, flags, deadline_ms)
        hash_close(c, &hash, entry)


cdef void hgetdel_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    cdef changed_t changed
    cdef int first, i
    if not plain_fields_or_reply(c, True, &first):
        return
    if not write_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    reply_array(c, c.argc - first)
    if entry is NULL:
        for i in range(first, c.argc):
            reply_null(c)
        return
    hash_open(c, &hash, entry)
    changed_init(c, &changed, first)
    for i in range(first, c.argc):
        reply_field(c, &hash, c.argv[i])
        if hash_delete(&hash, c.argv[i]):
            changed_note(&changed, i)
    if changed.count:
        keyspace_signal(c.ks, EVENT_HASH, b"hdel", c.argv[1])
        c.store.dirty += <uint64_t>changed.count - 1
        changed_feed(c, &changed, b"HDEL", NO_DEADLINE, False)
    hash_close(c, &hash, entry)
    changed_free(c, &changed)


# -- HSETEX ---------------------------------------------------------------------------------------

cdef bint fields_allow(const client_t* c, const hash_t* hash, int first,
                       uint32_t flags) noexcept nogil:
    cdef int i
    if flags & (OPT_FNX | OPT_FXX):
        for i in range(first, c.argc, 2):
            if hash_has(hash, c.argv[i]) != (flags & OPT_FXX != 0):
                return False
    return True


cdef void setex_past(client_t* c, hash_t* hash, int first) noexcept nogil:
    """Set and dead at once: what was there under these names goes."""
    cdef changed_t changed
    cdef int i
    changed_init(c, &changed, first)
    for i in range(first, c.argc, 2):
        if hash_delete(hash, c.argv[i]):
            changed_note(&changed, i)
    keyspace_announce(c.ks, EVENT_HASH, b"hset", c.argv[1])
    keyspace_announce(c.ks, EVENT_HASH, b"hexpire", c.argv[1])
    if changed.count:
        expired_fields(c, &changed)
    else:
        keyspace_announce(c.ks, EVENT_HASH, b"hexpired", c.argv[1])
    changed_free(c, &changed)


cdef void setex_fields(client_t* c, hash_t* hash, int first, uint32_t flags,
                       int64_t deadline_ms) noexcept nogil:
    cdef int64_t when = deadline_ms
    cdef changed_t revived
    cdef int i
    changed_init(c, &revived, first)
    hash_expect(hash, &c.argv[first], <size_t>(c.argc - first))
    for i in range(first, c.argc, 2):
        if flags & OPT_KEEPTTL:
            hash_deadline(hash, c.argv[i], &when)
        if hash_set(hash, c.argv[i], c.argv[i + 1], when) == HASH_REVIVED:
            changed_note(&revived, i)
    if revived.count:
        c.store.expired_fields += <uint64_t>revived.count - 1
        hash_note_revived(c)
        if flags & OPT_KEEPTTL:         # which would keep the deadline that has passed
            changed_feed(c, &revived, b"HDEL", NO_DEADLINE, False)
    changed_free(c, &revived)
    if feed_wanted(c) and flags:
        feed_command(c, 4 + c.argc - first + (2 if flags & OPT_TIMES else 0)
                     + (1 if flags & OPT_KEEPTTL else 0))
        feed_text(c, b"HSETEX")
        feed_arg(c, c.argv[1])
        if flags & OPT_TIMES:
            feed_text(c, b"PXAT")
            feed_int(c, deadline_ms)
        if flags & OPT_KEEPTTL:
            feed_text(c, b"KEEPTTL")
        feed_text(c, b"FIELDS")
        feed_int(c, (c.argc - first) // 2)
        for i in range(first, c.argc):
            feed_arg(c, c.argv[i])


cdef void hsetex_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    cdef slice_t time = slice_t(NULL, 0)
    cdef uint32_t flags
    cdef int64_t deadline_ms
    cdef int first
    if not options_or_reply(c, HSETEX_OPTIONS, 2, &flags, &time, &first):
        return
    if not write_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    if flags & (OPT_NX if entry is not NULL else OPT_XX):
        reply_int(c, 0)
        return
    if not option_time_or_reply(c, flags, time, &deadline_ms):
        return
    hash_open(c, &hash, entry)
    if not fields_allow(c, &hash, first, flags):
        hash_close(c, &hash, entry)
        reply_int(c, 0)
        return
    if is_past(c, deadline_ms):
        if entry is NULL and c.store.events & EVENT_NEW:    # for a moment
            keyspace_event(c.ks, EVENT_NEW, b"new", c.argv[1])
        setex_past(c, &hash, first)
        if entry is NULL:
            feed_nothing(c)
            keyspace_announce(c.ks, EVENT_GENERIC, b"del", c.argv[1])
        hash_close(c, &hash, entry)
    else:
        setex_fields(c, &hash, first, flags, deadline_ms)
        hash_close(c, &hash, entry)     # a new key is told before what is in it
        keyspace_signal(c.ks, EVENT_HASH, b"hset", c.argv[1])
        c.store.dirty += <uint64_t>((c.argc - first) // 2 - 1)
        if flags & OPT_TIMES:
            keyspace_announce(c.ks, EVENT_HASH, b"hexpire", c.argv[1])
    reply_int(c, 1)


cdef command_t TABLE[12]
TABLE[:] = [
    row(b"hexpire", hexpire_command, -6, CMD_WRITE | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"9.0.0", b"O(1) for each field.",
        b"HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
        b"Lets fields live for so many seconds."),
    row(b"hpexpire", hpexpire_command, -6, CMD_WRITE | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"9.0.0", b"O(1) for each field.",
        b"HPEXPIRE key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
        b"Lets fields live for so many milliseconds."),
    row(b"hexpireat", hexpireat_command, -6, CMD_WRITE | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"9.0.0", b"O(1) for each field.",
        b"HEXPIREAT key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
        b"Lets fields live until a Unix time in seconds."),
    row(b"hpexpireat", hpexpireat_command, -6, CMD_WRITE | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"9.0.0", b"O(1) for each field.",
        b"HPEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field "
        b"[field ...]",
        b"Lets fields live until a Unix time in milliseconds."),
    row(b"httl", httl_command, -5, CMD_READONLY | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"9.0.0", b"O(1) for each field.",
        b"HTTL key FIELDS numfields field [field ...]",
        b"Tells for how many seconds fields will live."),
    row(b"hpttl", hpttl_command, -5, CMD_READONLY | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"9.0.0", b"O(1) for each field.",
        b"HPTTL key FIELDS numfields field [field ...]",
        b"Tells for how many milliseconds fields will live."),
    row(b"hexpiretime", hexpiretime_command, -5, CMD_READONLY | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"9.0.0", b"O(1) for each field.",
        b"HEXPIRETIME key FIELDS numfields field [field ...]",
        b"Tells until which Unix time in seconds fields will live."),
    row(b"hpexpiretime", hpexpiretime_command, -5, CMD_READONLY | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"9.0.0", b"O(1) for each field.",
        b"HPEXPIRETIME key FIELDS numfields field [field ...]",
        b"Tells until which Unix time in milliseconds fields will live."),
    row(b"hpersist", hpersist_command, -5, CMD_WRITE | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"9.0.0", b"O(1) for each field.",
        b"HPERSIST key FIELDS numfields field [field ...]",
        b"Takes the deadline off fields."),
    row(b"hgetex", hgetex_command, -5, CMD_WRITE | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE), b"9.0.0", b"O(1) for each field.",
        b"HGETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
        b"PXAT unix-time-milliseconds | PERSIST] FIELDS numfields field [field ...]",
        b"Reads fields, and sets or removes their deadline."),
    row(b"hsetex", hsetex_command, -6, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RW | KEY_INSERT), b"9.0.0", b"O(1) for each pair.",
        b"HSETEX key [NX | XX] [FNX | FXX] [EX seconds | PX milliseconds | "
        b"EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL] FIELDS numfields "
        b"field value [field value ...]",
        b"Sets fields, with a deadline, if the key and the fields are there, or are not."),
    row(b"hgetdel", hgetdel_command, -5, CMD_WRITE | CMD_FAST, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"9.1.0", b"O(1) for each field.",
        b"HGETDEL key FIELDS numfields field [field ...]",
        b"Reads fields and deletes them."),
]
command_register(TABLE, 12)
