"""DUMP and RESTORE: a value as bytes, and back.

    payload:  type | value, both as RDB has them | RDB version, 2 bytes | CRC-64 of all before

DUMP speaks Valkey 9's version, and to whom we are Redis 6.2, that one's. RESTORE takes what Valkey
takes: the versions that it shares with Redis, and its own. A payload with a right check sum may
still be made to harm: the rooms of the types believe nothing that they read.

In the journal RESTORE carries the deadline itself, not the time until then, and replaces: what
was decided is not decided again.
"""
from libc.stddef cimport size_t
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t

from ..core.buf cimport buf_append, buf_free, buf_init, buf_t
from ..core.crc cimport crc64
from ..core.intrinsics cimport add_overflows, load64, store64
from ..core.number cimport equal_nocase, parse_int64
from ..core.table cimport NO_DEADLINE
from ..core.types cimport slice_t
from ..journal.rdb cimport (
    RDB_VERSION_VALKEY, rdb_free, rdb_init, rdb_read_value, rdb_value_type, rdb_write_value,
)
from ..journal.rdb_format cimport rdb_put_byte, rdb_read_byte, rdb_t
from ..journal.rdb_old cimport RDB_NOT_OLD, RDB_VERSION_OLD, rdb_old_type, rdb_write_old
from ..store.access cimport access_new, lru_bits
from ..store.entry cimport entry_t
from ..store.keyspace cimport (
    EVENT_GENERIC, EVENT_NEW, keyspace_delete_entry, keyspace_event, keyspace_peek,
    keyspace_put_take, keyspace_read, keyspace_signal, store_drop_entry, store_t,
)
from ..wire.command cimport (
    ACL_DANGEROUS, ACL_KEYSPACE, CLIENT_LOADING, CMD_ASKING, CMD_DENYOOM, CMD_MOVABLEKEYS,
    CMD_READONLY, CMD_WRITE, GROUP_GENERIC, GROUP_SERVER, KEY_ACCESS, KEY_DELETE, KEY_OW, KEY_RO,
    KEY_RW, KEY_UPDATE, client_t, command_register, command_t, key_hash, keys_at, row,
)
from ..wire.errors cimport (
    ERR_BAD_PAYLOAD, ERR_BUSY_KEY, ERR_FREQ, ERR_IDLETIME, ERR_MIGRATE, ERR_NOT_INTEGER,
    ERR_PAYLOAD_SUM, ERR_TTL,
)
from ..wire.reply cimport (
    feed_arg, feed_command, feed_int, feed_text, reply_bulk, reply_error, reply_error_syntax,
    reply_null, reply_ok,
)
from .legacy cimport client_is_legacy
from .state cimport feed_wanted, rdb_configure, server_of

cdef enum:
    FOOTER_SIZE = 10                    # version and check sum
    REDIS_VERSION_MAX = 11              # the last version that Redis and Valkey share
    IDLE_MAX = 16777215                 # seconds: what the access field holds

cdef struct restore_t:                  # what RESTORE's words say
    bint replace
    bint absolute
    int64_t ttl
    int64_t idle_seconds                # -1: not said
    int64_t freq                        # -1: not said


# -- DUMP -----------------------------------------------------------------------------------------

cdef void put_payload(buf_t* out, const entry_t* entry, bint legacy) noexcept nogil:
    cdef char text[8]
    cdef int version = RDB_VERSION_VALKEY
    if legacy and rdb_old_type(entry) != RDB_NOT_OLD:
        version = RDB_VERSION_OLD
        rdb_put_byte(out, rdb_old_type(entry))
        rdb_write_old(out, entry)
    else:
        rdb_put_byte(out, rdb_value_type(entry, version))
        rdb_write_value(out, entry, version)
    text[0] = <char>(version & 0xFF)
    text[1] = <char>(version >> 8)
    buf_append(out, text, 2)
    store64(text, crc64(0, out.data, out.size))
    buf_append(out, text, 8)


cdef void dump_command(client_t* c) noexcept nogil:
    cdef entry_t* entry = keyspace_read(c.ks, key_hash(c, c.argv[1]), c.argv[1])
    cdef buf_t payload
    if entry is NULL:
        reply_null(c)
        return
    buf_init(&payload, c.store.heap)
    put_payload(&payload, entry, client_is_legacy(c))
    reply_bulk(c, slice_t(payload.data, payload.size))
    buf_free(&payload)


# -- RESTORE --------------------------------------------------------------------------------------

cdef inline bint is_word(slice_t arg, const char* word, size_t size) noexcept nogil:
    return equal_nocase(arg.data, arg.size, word, size)


cdef bint number_or_reply(client_t* c, slice_t arg, int64_t max, const char* refusal,
                          int64_t* out) noexcept nogil:
    if not parse_int64(arg.data, arg.size, out):
        reply_error(c, ERR_NOT_INTEGER)
        return False
    if out[0] < 0 or out[0] > max:
        reply_error(c, refusal)
        return False
    return True


cdef bint words_or_reply(client_t* c, restore_t* said) noexcept nogil:
    cdef int i = 4
    said[0] = restore_t(False, False, 0, -1, -1)
    while i < c.argc:
        if is_word(c.argv[i], b"replace", 7):
            said.replace = True
        elif is_word(c.argv[i], b"absttl", 6):
            said.absolute = True
        elif is_word(c.argv[i], b"idletime", 8) and i + 1 < c.argc and said.freq < 0:
            i += 1
            if not number_or_reply(c, c.argv[i], INT64_MAX, ERR_IDLETIME, &said.idle_seconds):
                return False
        elif is_word(c.argv[i], b"freq", 4) and i + 1 < c.argc and said.idle_seconds < 0:
            i += 1
            if not number_or_reply(c, c.argv[i], 255, ERR_FREQ, &said.freq):
                return False
        else:
            reply_error_syntax(c)
            return False
        i += 1
    return True


cdef bint is_signed(slice_t payload) noexcept nogil:
    """It ends in a version that is known and in its check sum."""
    cdef const uint8_t* footer
    cdef int version
    if payload.size < FOOTER_SIZE:
        return False
    footer = <const uint8_t*>payload.data + payload.size - FOOTER_SIZE
    version = footer[0] | <int>footer[1] << 8
    if not 1 <= version <= REDIS_VERSION_MAX and version != RDB_VERSION_VALKEY:
        return False
    return load64(<const char*>footer + 2) == crc64(0, payload.data, payload.size - 8)


cdef uint32_t access_said(const store_t* store, const restore_t* said) noexcept nogil:
    """The access field that the words give; as of a new key where they do not fit the policy."""
    if store.access.lfu:
        if said.freq < 0:
            return access_new(&store.access)
        return (access_new(&store.access) & 0xFFFF00) | <uint32_t>said.freq
    if said.idle_seconds <= 0:
        return access_new(&store.access)
    return lru_bits(&store.access, said.idle_seconds if said.idle_seconds < IDLE_MAX else IDLE_MAX)


cdef int64_t deadline_of(const client_t* c, const restore_t* said) noexcept nogil:
    cdef int64_t deadline_ms = said.ttl
    if said.ttl == 0:
        return NO_DEADLINE
    if not said.absolute and add_overflows(said.ttl, c.store.now_ms, &deadline_ms):
        return 0                        # it wraps in Valkey: the key is dead already
    return deadline_ms if deadline_ms < NO_DEADLINE else NO_DEADLINE - 1


cdef entry_t* read_payload(client_t* c, int64_t deadline_ms, uint32_t access) noexcept nogil:
    """NULL: it cannot be read."""
    cdef rdb_t rdb
    cdef uint8_t type
    cdef entry_t* entry = NULL
    rdb_init(&rdb, c.store, c.argv[3].data, c.argv[3].size - FOOTER_SIZE,
             <size_t>server_of(c).config.proto_max_bulk_len)
    rdb_configure(&rdb, server_of(c))
    if rdb_read_byte(&rdb, &type):
        entry = rdb_read_value(&rdb, type, c.argv[1], deadline_ms, access)
    rdb_free(&rdb)
    return entry


cdef void feed_restore(client_t* c, int64_t deadline_ms) noexcept nogil:
    feed_command(c, 6)
    feed_text(c, b"RESTORE")
    feed_arg(c, c.argv[1])
    feed_int(c, 0 if deadline_ms == NO_DEADLINE else deadline_ms)
    feed_arg(c, c.argv[3])
    feed_text(c, b"REPLACE")
    feed_text(c, b"ABSTTL")


cdef void remove_instead(client_t* c, uint64_t hash, entry_t* there) noexcept nogil:
    """What should be put there is dead already."""
    if there is not NULL:
        keyspace_delete_entry(c.ks, hash, there)
        keyspace_signal(c.ks, EVENT_GENERIC, b"del", c.argv[1])
        if feed_wanted(c):
            feed_command(c, 2)
            feed_text(c, b"DEL")
            feed_arg(c, c.argv[1])
    reply_ok(c)


cdef void restore_command(client_t* c) noexcept nogil:
    cdef restore_t said
    cdef uint64_t hash = key_hash(c, c.argv[1])
    cdef entry_t* there
    cdef entry_t* entry
    cdef int64_t deadline_ms
    if not words_or_reply(c, &said):
        return
    there = keyspace_peek(c.ks, hash, c.argv[1])
    if there is not NULL and not said.replace:
        reply_error(c, ERR_BUSY_KEY)
        return
    if not number_or_reply(c, c.argv[2], INT64_MAX, ERR_TTL, &said.ttl):
        return
    if not is_signed(c.argv[3]):
        reply_error(c, ERR_PAYLOAD_SUM)
        return
    deadline_ms = deadline_of(c, &said)
    entry = read_payload(c, deadline_ms, access_said(c.store, &said))
    if entry is NULL:
        reply_error(c, ERR_BAD_PAYLOAD)
        return
    if deadline_ms <= c.store.now_ms and not c.flags & CLIENT_LOADING:
        store_drop_entry(c.store, entry)
        remove_instead(c, hash, there)
        return
    if there is not NULL and c.store.events & EVENT_NEW:    # one goes and another comes
        keyspace_event(c.ks, EVENT_NEW, b"new", c.argv[1])
    keyspace_put_take(c.ks, hash, entry)
    keyspace_signal(c.ks, EVENT_GENERIC, b"restore", c.argv[1])
    if feed_wanted(c):
        feed_restore(c, deadline_ms)
    reply_ok(c)


cdef void migrate_command(client_t* c) noexcept nogil:
    """It would have us wait for another server, and everybody for us."""
    reply_error(c, ERR_MIGRATE)


cdef command_t TABLE[4]
TABLE[:] = [
    row(b"dump", dump_command, 2, CMD_READONLY, ACL_KEYSPACE, GROUP_GENERIC,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.6.0", b"O(N), N bytes of the value",
        b"DUMP key",
        b"Returns a value as bytes that RESTORE reads, here or in another server."),
    row(b"restore", restore_command, -4, CMD_WRITE | CMD_DENYOOM, ACL_KEYSPACE | ACL_DANGEROUS,
        GROUP_GENERIC, keys_at(1, 1, 1, KEY_OW | KEY_UPDATE), b"2.6.0",
        b"O(N), N bytes of the value; O(N*log(N)) for sorted sets",
        b"RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] "
        b"[FREQ frequency]",
        b"Makes a key of what DUMP returned."),
    row(b"restore-asking", restore_command, -4, CMD_WRITE | CMD_DENYOOM | CMD_ASKING,
        ACL_KEYSPACE | ACL_DANGEROUS, GROUP_SERVER, keys_at(1, 1, 1, KEY_OW | KEY_UPDATE),
        b"3.0.0", b"O(N), N bytes of the value; O(N*log(N)) for sorted sets",
        b"RESTORE-ASKING key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] "
        b"[FREQ frequency]",
        b"Does what RESTORE does: the nodes of a cluster send it to each other."),
    row(b"migrate", migrate_command, -6, CMD_WRITE | CMD_MOVABLEKEYS,
        ACL_KEYSPACE | ACL_DANGEROUS, GROUP_GENERIC,
        keys_at(3, 3, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"2.6.0", b"O(1)",
        b"MIGRATE host port <key | \"\"> destination-db timeout [COPY] [REPLACE] "
        b"[AUTH password | AUTH2 username password] [KEYS key [key ...]]",
        b"Answers that it cannot be had: DUMP here and RESTORE there do the same."),
]
command_register(TABLE, 4)
