"""Keys, whatever they hold: DEL, EXISTS, TYPE, RENAME, COPY, MOVE, OBJECT; and whole databases.

Commands with many keys work on KEYS_AHEAD of them at a time: hash all, ask for the buckets, ask
for the entries, then act. The misses of sixteen keys overlap so, as a pipeline's do in
server/execute.

Invariants
    G1  a key that a command moves is out of its table before it enters the other, so that no
        table ever shows an entry twice
    G2  a watched key that a flush or an exchange takes away is reported before it goes
"""
from libc.limits cimport INT_MAX, INT_MIN
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp

from ..core.number cimport equal_nocase, parse_int64
from ..core.table cimport table_prefetch, table_prefetch_item
from ..core.types cimport slice_t
from ..store.access cimport access_new, lfu_decayed, lru_idle_seconds
from ..store.entry cimport (
    encoding_name, entry_access, entry_copy, entry_deadline, entry_encoding, entry_key,
    entry_memory, entry_rewrite_take, entry_t, entry_type, type_name,
)
from ..store.keyspace cimport (
    EVENT_GENERIC, keyspace_announce, keyspace_clear, keyspace_count, keyspace_delete,
    keyspace_delete_entry, keyspace_exchange, keyspace_look, keyspace_peek, keyspace_put_take,
    keyspace_random, keyspace_read, keyspace_signal, keyspace_t, keyspace_take_out,
    keyspace_write, store_hash,
)
from ..wire.command cimport (
    ACL_DANGEROUS, ACL_KEYSPACE, CMD_CONTAINER, CMD_DENYOOM, CMD_FAST, CMD_LOADING, CMD_PYTHON,
    CMD_READONLY, CMD_STALE, CMD_WRITE, GROUP_GENERIC, GROUP_SERVER, KEY_ACCESS, KEY_DELETE,
    KEY_RM, KEY_RO, KEY_RW, KEY_UPDATE, client_t, command_register, command_t, key_hash, keys_at,
    keys_none, row, subrow,
)
from ..wire.errors cimport (
    ERR_DB_INDEX, ERR_FIRST_DB_INDEX, ERR_INT_RANGE, ERR_NO_KEY, ERR_NOT_INTEGER, ERR_NOT_LFU,
    ERR_NOT_LRU, ERR_SAME_OBJECT, ERR_SECOND_DB_INDEX,
)
from ..wire.reply cimport (
    reply_bulk, reply_bulk_text, reply_error, reply_error_syntax, reply_int, reply_null, reply_ok,
    reply_simple,
)
from .blocked cimport blocked_touch_all_in_db
from .grow cimport room_or_reply
from .multi cimport multi_touch_all_in_db
from .state cimport server_of
from .tracking cimport tracking_flushed

cdef enum:
    KEYS_AHEAD = 16
    SAMPLES = 5                         # elements from which the room for a copy is estimated


# -- many keys ------------------------------------------------------------------------------------

cdef int fetch(client_t* c, int at, uint64_t* hashes) noexcept nogil:
    """Hash up to KEYS_AHEAD keys from argument `at` on, and fetch them. Returns how many."""
    cdef int count = c.argc - at if c.argc - at < KEYS_AHEAD else KEYS_AHEAD
    cdef int i
    hashes[0] = key_hash(c, c.argv[at])
    if count == 1:
        return 1                        # alone: the batch has fetched it, or nothing can help
    table_prefetch(&c.ks.table, hashes[0])
    for i in range(1, count):
        hashes[i] = store_hash(c.store, c.argv[at + i])
        table_prefetch(&c.ks.table, hashes[i])
    for i in range(count):
        table_prefetch_item(&c.ks.table, hashes[i])
    return count


cdef void del_command(client_t* c) noexcept nogil:
    """DEL, and UNLINK: freeing a string is one step whatever its size."""
    cdef uint64_t hashes[KEYS_AHEAD]
    cdef int64_t deleted = 0
    cdef int at = 1
    cdef int count, i
    while at < c.argc:
        count = fetch(c, at, hashes)
        for i in range(count):
            if keyspace_delete(c.ks, hashes[i], c.argv[at + i]):
                keyspace_signal(c.ks, EVENT_GENERIC, b"del", c.argv[at + i])
                deleted += 1
        at += count
    reply_int(c, deleted)


cdef void exists_command(client_t* c) noexcept nogil:
    cdef uint64_t hashes[KEYS_AHEAD]
    cdef int64_t found = 0
    cdef int at = 1
    cdef int count, i
    while at < c.argc:
        count = fetch(c, at, hashes)
        for i in range(count):
            found += 1 if keyspace_look(c.ks, hashes[i], c.argv[at + i]) is not NULL else 0
        at += count
    reply_int(c, found)


cdef void touch_command(client_t* c) noexcept nogil:
    """Marks keys as used, also for a client that asked that its reading leave no trace."""
    cdef uint64_t hashes[KEYS_AHEAD]
    cdef int64_t found = 0
    cdef int at = 1
    cdef int count, i
    cdef bint no_touch = c.store.no_touch
    c.store.no_touch = False
    while at < c.argc:
        count = fetch(c, at, hashes)
        for i in range(count):
            found += 1 if keyspace_read(c.ks, hashes[i], c.argv[at + i]) is not NULL else 0
        at += count
    c.store.no_touch = no_touch
    reply_int(c, found)


# -- one key --------------------------------------------------------------------------------------

cdef void type_command(client_t* c) noexcept nogil:
    cdef entry_t* entry = keyspace_look(c.ks, key_hash(c, c.argv[1]), c.argv[1])
    if entry is NULL:
        reply_simple(c, b"none")
    else:
        reply_simple(c, type_name(entry_type(entry)))


cdef bint same(slice_t a, slice_t b) noexcept nogil:
    return a.size == b.size and (a.size == 0 or memcmp(a.data, b.data, a.size) == 0)


cdef void rename_generic(client_t* c, bint only_new) noexcept nogil:
    cdef slice_t source = c.argv[1]
    cdef slice_t target = c.argv[2]
    cdef uint64_t hash = key_hash(c, source)
    cdef uint64_t target_hash
    cdef entry_t* entry = keyspace_write(c.ks, hash, source)
    cdef entry_t* there
    if entry is NULL:
        reply_error(c, ERR_NO_KEY)
        return
    if same(source, target):
        if only_new:
            reply_int(c, 0)
        else:
            reply_ok(c)
        return
    target_hash = store_hash(c.store, target)
    there = keyspace_peek(c.ks, target_hash, target)
    if there is not NULL:
        if only_new:
            reply_int(c, 0)
            return
        keyspace_delete_entry(c.ks, target_hash, there)
    keyspace_take_out(c.ks, hash, entry)                        # G1
    entry = entry_rewrite_take(c.store.heap, entry, target, entry_deadline(entry))
    keyspace_put_take(c.ks, target_hash, entry)
    keyspace_announce(c.ks, EVENT_GENERIC, b"rename_from", source)
    keyspace_signal(c.ks, EVENT_GENERIC, b"rename_to", target)
    if only_new:
        reply_int(c, 1)
    else:
        reply_ok(c)


cdef void rename_command(client_t* c) noexcept nogil:
    rename_generic(c, False)


cdef void renamenx_command(client_t* c) noexcept nogil:
    rename_generic(c, True)


# -- other databases ------------------------------------------------------------------------------

cdef bint parse_int32(slice_t arg, int64_t* out) noexcept nogil:
    return (parse_int64(arg.data, arg.size, out) and INT_MIN <= out[0] <= INT_MAX)


cdef keyspace_t* find_database_or_reply(client_t* c, slice_t arg) noexcept nogil:
    """The database of that number; NULL: the client has its error."""
    cdef int64_t db
    if not parse_int64(arg.data, arg.size, &db):
        reply_error(c, ERR_NOT_INTEGER)
    elif not INT_MIN <= db <= INT_MAX:
        reply_error(c, ERR_INT_RANGE)
    elif not 0 <= db < c.store.database_count:
        reply_error(c, ERR_DB_INDEX)
    else:
        return &c.store.databases[db]
    return NULL


cdef bint copy_options_or_reply(client_t* c, keyspace_t** target, bint* replace) noexcept nogil:
    cdef int at = 3
    while at < c.argc:
        if equal_nocase(c.argv[at].data, c.argv[at].size, b"replace", 7):
            replace[0] = True
        elif equal_nocase(c.argv[at].data, c.argv[at].size, b"db", 2) and at + 1 < c.argc:
            at += 1
            target[0] = find_database_or_reply(c, c.argv[at])
            if target[0] is NULL:
                return False
        else:
            reply_error_syntax(c)
            return False
        at += 1
    return True


cdef void copy_command(client_t* c) noexcept nogil:
    cdef keyspace_t* target = c.ks
    cdef bint replace = False
    cdef slice_t key = c.argv[2]
    cdef uint64_t hash
    cdef entry_t* entry
    cdef entry_t* there
    if not copy_options_or_reply(c, &target, &replace):
        return
    if target is c.ks and same(c.argv[1], key):
        reply_error(c, ERR_SAME_OBJECT)
        return
    entry = keyspace_peek(c.ks, key_hash(c, c.argv[1]), c.argv[1])
    if entry is not NULL and not room_or_reply(c, entry_memory(entry, SAMPLES)):
        return
    entry = keyspace_read(c.ks, key_hash(c, c.argv[1]), c.argv[1])
    if entry is NULL:
        reply_int(c, 0)
        return
    hash = store_hash(c.store, key)
    there = keyspace_peek(target, hash, key)
    if there is not NULL:
        if not replace:
            reply_int(c, 0)
            return
        keyspace_delete_entry(target, hash, there)
    keyspace_put_take(target, hash, entry_copy(c.store.heap, entry, key,
                                               access_new(&c.store.access)))
    keyspace_signal(target, EVENT_GENERIC, b"copy_to", key)
    reply_int(c, 1)


cdef void move_command(client_t* c) noexcept nogil:
    cdef slice_t key = c.argv[1]
    cdef keyspace_t* target = find_database_or_reply(c, c.argv[2])
    cdef uint64_t hash
    cdef entry_t* entry
    if target is NULL:
        return
    if target is c.ks:
        reply_error(c, ERR_SAME_OBJECT)
        return
    hash = key_hash(c, key)
    entry = keyspace_write(c.ks, hash, key)
    if entry is NULL or keyspace_peek(target, hash, key) is not NULL:
        reply_int(c, 0)
        return
    keyspace_take_out(c.ks, hash, entry)                        # G1
    keyspace_put_take(target, hash, entry)
    keyspace_announce(c.ks, EVENT_GENERIC, b"move_from", key)
    keyspace_signal(target, EVENT_GENERIC, b"move_to", key)
    reply_int(c, 1)


cdef void swapdb_command(client_t* c) noexcept nogil:
    cdef int64_t first, second
    cdef keyspace_t* a
    cdef keyspace_t* b
    if not parse_int32(c.argv[1], &first):
        reply_error(c, ERR_FIRST_DB_INDEX)
        return
    if not parse_int32(c.argv[2], &second):
        reply_error(c, ERR_SECOND_DB_INDEX)
        return
    if not (0 <= first < c.store.database_count and 0 <= second < c.store.database_count):
        reply_error(c, ERR_DB_INDEX)
        return
    if first != second:
        a = &c.store.databases[first]
        b = &c.store.databases[second]
        multi_touch_all_in_db(server_of(c), a, b)               # G2
        multi_touch_all_in_db(server_of(c), b, a)
        keyspace_exchange(a, b)
        blocked_touch_all_in_db(server_of(c), a)
        blocked_touch_all_in_db(server_of(c), b)
    c.store.dirty += 1                  # of a database with itself too, as Valkey counts
    reply_ok(c)


# -- whole databases ------------------------------------------------------------------------------

cdef void dbsize_command(client_t* c) noexcept nogil:
    reply_int(c, <int64_t>keyspace_count(c.ks))


cdef void randomkey_command(client_t* c) noexcept nogil:
    cdef entry_t* entry = keyspace_random(c.ks)
    if entry is NULL:
        reply_null(c)
    else:
        reply_bulk(c, entry_key(entry))


cdef bint flush_mode_or_reply(client_t* c, bint* later) noexcept nogil:
    later[0] = server_of(c).config.lazyfree_lazy_user_flush
    if c.argc == 1:
        return True
    if c.argc == 2:
        later[0] = equal_nocase(c.argv[1].data, c.argv[1].size, b"async", 5)
        if later[0] or equal_nocase(c.argv[1].data, c.argv[1].size, b"sync", 4):
            return True
    reply_error_syntax(c)
    return False


cdef void flush(client_t* c, keyspace_t* ks, bint later) noexcept nogil:
    multi_touch_all_in_db(server_of(c), ks, NULL)               # G2
    c.store.dirty += keyspace_clear(ks, later)
    blocked_touch_all_in_db(server_of(c), ks)


cdef void flushdb_command(client_t* c) noexcept nogil:
    cdef bint later
    if flush_mode_or_reply(c, &later):
        flush(c, c.ks, later)
        tracking_flushed(server_of(c))
        reply_ok(c)


cdef void flushall_command(client_t* c) noexcept nogil:
    cdef bint later
    cdef int i
    if flush_mode_or_reply(c, &later):
        for i in range(c.store.database_count):
            flush(c, &c.store.databases[i], later)
        tracking_flushed(server_of(c))
        reply_ok(c)


# -- OBJECT ---------------------------------------------------------------------------------------

cdef entry_t* find_object_or_reply(client_t* c) noexcept nogil:
    """Counted as a lookup, but no keymiss event: who asks OBJECT is looking around."""
    cdef entry_t* entry = keyspace_peek(c.ks, key_hash(c, c.argv[2]), c.argv[2])
    if entry is NULL:
        c.store.misses += 1
        reply_null(c)
    else:
        c.store.hits += 1
    return entry


cdef void object_encoding_command(client_t* c) noexcept nogil:
    cdef entry_t* entry = find_object_or_reply(c)
    if entry is not NULL:
        reply_bulk_text(c, encoding_name(entry_encoding(entry)))


cdef void object_refcount_command(client_t* c) noexcept nogil:
    """Values are never shared."""
    if find_object_or_reply(c) is not NULL:
        reply_int(c, 1)


cdef void object_freq_command(client_t* c) noexcept nogil:
    cdef entry_t* entry = find_object_or_reply(c)
    if entry is NULL:
        return
    if c.store.access.lfu:
        reply_int(c, lfu_decayed(&c.store.access, entry_access(entry)))
    else:
        reply_error(c, ERR_NOT_LFU)


cdef void object_idletime_command(client_t* c) noexcept nogil:
    cdef entry_t* entry = find_object_or_reply(c)
    if entry is NULL:
        return
    if c.store.access.lfu:
        reply_error(c, ERR_NOT_LRU)
    else:
        reply_int(c, lru_idle_seconds(&c.store.access, entry_access(entry)))


cdef command_t TABLE[20]
TABLE[:] = [
    # Not FAST: freeing a large container takes its time. UNLINK may leave that for later.
    row(b"del", del_command, -2, CMD_WRITE, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, -1, 1, KEY_RM | KEY_DELETE), b"1.0.0",
        b"O(N) where N is the number of keys.",
        b"DEL key [key ...]",
        b"Deletes keys."),
    row(b"unlink", del_command, -2, CMD_WRITE | CMD_FAST, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, -1, 1, KEY_RM | KEY_DELETE), b"4.0.0",
        b"O(N) where N is the number of keys, whatever they hold.",
        b"UNLINK key [key ...]",
        b"Deletes keys; the memory of large values is freed later."),
    row(b"exists", exists_command, -2, CMD_READONLY | CMD_FAST, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, -1, 1, KEY_RO), b"1.0.0",
        b"O(N) where N is the number of keys.",
        b"EXISTS key [key ...]",
        b"Counts which of the keys exist; a key that is named twice counts twice."),
    row(b"touch", touch_command, -2, CMD_READONLY | CMD_FAST, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, -1, 1, KEY_RO), b"3.2.1",
        b"O(N) where N is the number of keys.",
        b"TOUCH key [key ...]",
        b"Marks keys as just used, and counts those that exist."),
    row(b"type", type_command, 2, CMD_READONLY | CMD_FAST, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, 1, 1, KEY_RO), b"1.0.0", b"O(1)",
        b"TYPE key",
        b"Names the type of the value at a key."),
    row(b"rename", rename_command, 3, CMD_WRITE, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, 2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"1.0.0", b"O(1)",
        b"RENAME key newkey",
        b"Gives a key another name, in place of whatever had it."),
    row(b"renamenx", renamenx_command, 3, CMD_WRITE | CMD_FAST, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, 2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"1.0.0", b"O(1)",
        b"RENAMENX key newkey",
        b"Gives a key another name if no key has it."),
    row(b"copy", copy_command, -3, CMD_WRITE | CMD_DENYOOM, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, 2, 1, KEY_RO | KEY_ACCESS), b"6.2.0",
        b"O(N) where N is the size of the value.",
        b"COPY source destination [DB destination-db] [REPLACE]",
        b"Stores a copy of a value, and of its deadline, at another key."),
    row(b"move", move_command, 3, CMD_WRITE | CMD_FAST, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE), b"1.0.0", b"O(1)",
        b"MOVE key db",
        b"Moves a key to another database if it is not there."),
    row(b"swapdb", swapdb_command, 3, CMD_WRITE | CMD_FAST, ACL_KEYSPACE | ACL_DANGEROUS,
        GROUP_SERVER, keys_none(), b"4.0.0",
        b"O(N) where N is the number of keys that clients watch in the two databases.",
        b"SWAPDB index1 index2",
        b"Exchanges the contents of two databases."),
    row(b"dbsize", dbsize_command, 1, CMD_READONLY | CMD_FAST, ACL_KEYSPACE, GROUP_SERVER,
        keys_none(), b"1.0.0", b"O(1)",
        b"DBSIZE",
        b"Counts the keys of the selected database."),
    row(b"randomkey", randomkey_command, 1, CMD_READONLY, ACL_KEYSPACE, GROUP_GENERIC,
        keys_none(), b"1.0.0", b"O(1)",
        b"RANDOMKEY",
        b"Names any key of the selected database."),
    row(b"flushdb", flushdb_command, -1, CMD_WRITE, ACL_KEYSPACE | ACL_DANGEROUS, GROUP_SERVER,
        keys_none(), b"1.0.0",
        b"O(N) where N is the number of keys in the database; O(1) with ASYNC.",
        b"FLUSHDB [ASYNC | SYNC]",
        b"Removes every key of the selected database."),
    row(b"flushall", flushall_command, -1, CMD_WRITE, ACL_KEYSPACE | ACL_DANGEROUS, GROUP_SERVER,
        keys_none(), b"1.0.0",
        b"O(N) where N is the number of keys in all databases; O(1) with ASYNC.",
        b"FLUSHALL [ASYNC | SYNC]",
        b"Removes every key of every database."),
    row(b"object", NULL, -2, CMD_CONTAINER, 0, GROUP_GENERIC, keys_none(), b"2.2.3",
        b"Depends on subcommand.",
        b"OBJECT",
        b"Tells how a value is kept."),
    subrow(b"object", b"encoding", object_encoding_command, 3, CMD_READONLY, ACL_KEYSPACE,
           GROUP_GENERIC, keys_at(2, 2, 1, KEY_RO), b"2.2.3", b"O(1)",
           b"OBJECT ENCODING key",
           b"Names the form in which the value at a key is stored."),
    subrow(b"object", b"freq", object_freq_command, 3, CMD_READONLY, ACL_KEYSPACE,
           GROUP_GENERIC, keys_at(2, 2, 1, KEY_RO), b"4.0.0", b"O(1)",
           b"OBJECT FREQ key",
           b"Tells how often a key is used, on a logarithmic scale to 255; with an LFU policy."),
    subrow(b"object", b"idletime", object_idletime_command, 3, CMD_READONLY, ACL_KEYSPACE,
           GROUP_GENERIC, keys_at(2, 2, 1, KEY_RO), b"2.2.3", b"O(1)",
           b"OBJECT IDLETIME key",
           b"Tells for how many seconds a key was not used; not with an LFU policy."),
    subrow(b"object", b"refcount", object_refcount_command, 3, CMD_READONLY, ACL_KEYSPACE,
           GROUP_GENERIC, keys_at(2, 2, 1, KEY_RO), b"2.2.3", b"O(1)",
           b"OBJECT REFCOUNT key",
           b"Counts the keys that share a value: always 1."),
    subrow(b"object", b"help", NULL, 2, CMD_PYTHON | CMD_LOADING | CMD_STALE, ACL_KEYSPACE,
           GROUP_GENERIC, keys_none(), b"6.2.0", b"O(1)",
           b"OBJECT HELP",
           b"Lists the subcommands."),
]
command_register(TABLE, 20)
