"""RDB files.

    file:    magic and version | opcodes ... | EOF opcode | CRC-64, little-endian; 0: none
    key:     [deadline] [idle or frequency] | type | key | value

Lengths and strings are rdb_format's; the value of an aggregate is rdb_<type>'s. Strings are written
as they are, not packed: a base file is read once and written often.
Source: Redis rdb.c.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcmp, memset

from ..core.buf cimport buf_append, buf_free, buf_init
from ..core.clock cimport clock_mono_us
from ..core.crc cimport crc64
from ..core.heap cimport heap_t
from ..core.intrinsics cimport kvd_assert, load32, load64, store64
from ..core.table cimport NO_DEADLINE
from ..core.types cimport slice_t
from ..store.access cimport access_new, lfu_decayed, lru_idle_seconds
from ..store.due cimport due_first
from ..store.entry cimport (
    ENTRY_DEADLINE, INT_TEXT_MAX, TYPE_HASH, TYPE_LIST, TYPE_SET, TYPE_STREAM, TYPE_STRING,
    TYPE_ZSET, encoding_t, entry_access, entry_create_body_take, entry_create_string,
    entry_deadline, entry_encoding, entry_key, entry_string, entry_t, entry_type, type_t,
)
from ..store.keyspace cimport keyspace_put_take, store_hash
from .rdb_format cimport (
    rdb_broken, rdb_put_byte, rdb_put_length, rdb_put_string, rdb_read_byte, rdb_read_number,
    rdb_read_string, rdb_take,
)
from .rdb_hash cimport (
    RDB_HASH, RDB_HASH_DEADLINES, RDB_HASH_LISTPACK, RDB_HASH_ZIPLIST, RDB_HASH_ZIPMAP,
    rdb_hash_type, rdb_read_hash, rdb_write_hash,
)
from .rdb_list cimport (
    RDB_LIST, RDB_LIST_QUICKLIST, RDB_LIST_QUICKLIST_2, RDB_LIST_ZIPLIST, rdb_read_list,
    rdb_write_list,
)
from .rdb_set cimport (
    RDB_SET, RDB_SET_INTSET, RDB_SET_LISTPACK, rdb_read_set, rdb_set_type, rdb_write_set,
)
from .rdb_zset cimport (
    RDB_ZSET, RDB_ZSET_2, RDB_ZSET_LISTPACK, RDB_ZSET_ZIPLIST, rdb_read_zset, rdb_write_zset,
    rdb_zset_type,
)
from .rdb_stream cimport (
    RDB_STREAM, RDB_STREAM_2, RDB_STREAM_3, rdb_read_stream, rdb_write_stream,
)

cdef enum:
    OP_SLOT_INFO = 0xF4
    OP_FUNCTION = 0xF5
    OP_FUNCTION_OLD = 0xF6
    OP_MODULE_AUX = 0xF7
    OP_IDLE = 0xF8
    OP_FREQ = 0xF9
    OP_AUX = 0xFA
    OP_RESIZE = 0xFB
    OP_DEADLINE_MS = 0xFC
    OP_DEADLINE = 0xFD
    OP_SELECT = 0xFE
    OP_END = 0xFF

    REDIS_VERSION_MAX = 12
    VALKEY_VERSION_MIN = 80
    VALKEY_VERSION_MAX = 80
    KEYS_BETWEEN_CLOCKS = 256
    SUM_STEP = 1048576                  # bytes read before the check sum follows

cdef const char** TYPE_NAMES = [
    "string", "list", "set", "sorted set", "hash", "sorted set", "module value", "module value",
    "unused", "hash (zipmap)", "list (ziplist)", "set (intset)", "sorted set (ziplist)",
    "hash (ziplist)", "list (quicklist)", "stream", "hash (listpack)", "sorted set (listpack)",
    "list (quicklist)", "stream", "set (listpack)", "stream", "hash with deadlines",
]
cdef enum:
    TYPES_NAMED = 23


# -- reading --------------------------------------------------------------------------------------

cdef uint32_t access_said(const rdb_t* rdb) noexcept nogil:
    """The access field that the file gives a key; as of a new one where it says nothing."""
    cdef uint32_t bits = access_new(&rdb.store.access)
    if rdb.store.access.lfu:
        return (bits & 0xFFFF00) | <uint32_t>rdb.freq if rdb.freq >= 0 else bits
    if rdb.idle_seconds > 0:
        return (bits - <uint32_t>(rdb.idle_seconds & 0xFFFFFF)) & 0xFFFFFF
    return bits


cdef void* read_body(rdb_t* rdb, uint8_t type, type_t* kind, encoding_t* encoding) noexcept nogil:
    """An aggregate's; NULL when it is broken, or its type is unknown."""
    if type in (RDB_LIST, RDB_LIST_ZIPLIST, RDB_LIST_QUICKLIST, RDB_LIST_QUICKLIST_2):
        kind[0] = TYPE_LIST
        return rdb_read_list(rdb, type, encoding)
    if type in (RDB_ZSET, RDB_ZSET_2, RDB_ZSET_ZIPLIST, RDB_ZSET_LISTPACK):
        kind[0] = TYPE_ZSET
        return rdb_read_zset(rdb, type, encoding)
    if type in (RDB_STREAM, RDB_STREAM_2, RDB_STREAM_3):
        kind[0] = TYPE_STREAM
        return rdb_read_stream(rdb, type, encoding)
    if type in (RDB_SET, RDB_SET_INTSET, RDB_SET_LISTPACK):
        kind[0] = TYPE_SET
        return rdb_read_set(rdb, type, encoding)
    if type in (RDB_HASH, RDB_HASH_ZIPMAP, RDB_HASH_ZIPLIST, RDB_HASH_LISTPACK,
                RDB_HASH_DEADLINES):
        kind[0] = TYPE_HASH
        return rdb_read_hash(rdb, type, encoding)
    return NULL


cdef entry_t* rdb_read_value(rdb_t* rdb, uint8_t type, slice_t key, int64_t deadline_ms,
                             uint32_t access) noexcept nogil:
    cdef slice_t value
    cdef heap_t* heap = rdb.store.heap
    cdef type_t kind
    cdef encoding_t encoding
    cdef void* body
    if type == 0:
        if not rdb_read_string(rdb, &rdb.value, &value):
            return NULL
        return entry_create_string(heap, key, value, deadline_ms, access)
    body = read_body(rdb, type, &kind, &encoding)
    if body is not NULL:
        return entry_create_body_take(heap, key, kind, encoding, body, deadline_ms, access)
    if rdb.why[0] == 0:
        rdb.broken_at = rdb.at
        if type < TYPES_NAMED:
            snprintf(rdb.why, sizeof(rdb.why), b"a key of type %s cannot be read",
                     TYPE_NAMES[type])
        else:
            snprintf(rdb.why, sizeof(rdb.why), b"unknown opcode %d", <int>type)
    return NULL


cdef bint read_key(rdb_t* rdb, uint8_t type) noexcept nogil:
    cdef slice_t key
    cdef entry_t* entry
    cdef size_t start = rdb.at - 1
    cdef uint64_t before = rdb.ks.table.count
    if type >= TYPES_NAMED:             # or what follows would be taken for a key
        snprintf(rdb.why, sizeof(rdb.why), b"unknown opcode %d", <int>type)
        rdb.broken_at = start
        return False
    if not rdb_read_string(rdb, &rdb.key, &key):
        return False
    entry = rdb_read_value(rdb, type, key, rdb.deadline_ms, access_said(rdb))
    if entry is NULL:
        return False
    keyspace_put_take(rdb.ks, store_hash(rdb.store, key), entry)
    if rdb.ks.table.count == before:
        return rdb_broken(rdb, start, b"a key is there twice")
    rdb.keys += 1
    rdb.deadline_ms = NO_DEADLINE
    rdb.idle_seconds = -1
    rdb.freq = -1
    return True


cdef bint read_deadline(rdb_t* rdb, bint seconds) noexcept nogil:
    cdef const char* here = rdb_take(rdb, 4 if seconds else 8)
    if here is NULL:
        return False
    if seconds:
        rdb.deadline_ms = <int64_t><int32_t>load32(here) * 1000
    else:
        rdb.deadline_ms = <int64_t>load64(here)
        if rdb.deadline_ms == NO_DEADLINE:
            rdb.deadline_ms -= 1        # the last moment is not "never"
    return True


cdef bint read_library(rdb_t* rdb, size_t start) noexcept nogil:
    cdef slice_t code
    cdef char why[120]
    if not rdb_read_string(rdb, &rdb.value, &code):
        return False
    if rdb.store.hooks.load_library is NULL:
        return rdb_broken(rdb, start, b"a library of functions: there are no functions here")
    if rdb.store.hooks.load_library(rdb.store.hooks.owner, code, why, sizeof(why)):
        return True
    snprintf(rdb.why, sizeof(rdb.why), b"a library of functions: %s", &why[0])
    rdb.broken_at = start
    return False


cdef bint read_opcode(rdb_t* rdb, uint8_t opcode) noexcept nogil:
    """Anything but the end."""
    cdef uint64_t number
    cdef uint8_t byte
    cdef slice_t text
    cdef size_t start = rdb.at - 1
    if opcode == OP_DEADLINE_MS or opcode == OP_DEADLINE:
        return read_deadline(rdb, opcode == OP_DEADLINE)
    if opcode == OP_FREQ:
        if not rdb_read_byte(rdb, &byte):
            return False
        rdb.freq = byte
    elif opcode == OP_IDLE:
        if not rdb_read_number(rdb, &number):
            return False
        rdb.idle_seconds = <int64_t>number if number < 0xFFFFFF else 0xFFFFFF
    elif opcode == OP_SELECT:
        if not rdb_read_number(rdb, &number):
            return False
        if number >= <uint64_t>rdb.store.database_count:
            snprintf(rdb.why, sizeof(rdb.why), b"database %llu, and there are only %d",
                     <unsigned long long>number, rdb.store.database_count)
            rdb.broken_at = start
            return False
        rdb.ks = &rdb.store.databases[number]
    elif opcode == OP_RESIZE:
        return rdb_read_number(rdb, &number) and rdb_read_number(rdb, &number)
    elif opcode == OP_AUX:
        return rdb_read_string(rdb, &rdb.key, &text) and rdb_read_string(rdb, &rdb.value, &text)
    elif opcode == OP_SLOT_INFO:
        return (rdb_read_number(rdb, &number) and rdb_read_number(rdb, &number)
                and rdb_read_number(rdb, &number))
    elif opcode == OP_FUNCTION:
        return read_library(rdb, start)
    elif opcode == OP_FUNCTION_OLD:
        return rdb_broken(rdb, start, b"a library as release candidates of Redis 7 wrote it")
    elif opcode == OP_MODULE_AUX:
        return rdb_broken(rdb, start, b"data of a module: there are no modules here")
    else:
        return read_key(rdb, opcode)
    return True


cdef void sum_up(rdb_t* rdb) noexcept nogil:
    rdb.crc = crc64(rdb.crc, rdb.data + rdb.summed, rdb.at - rdb.summed)
    rdb.summed = rdb.at


cdef bint read_end(rdb_t* rdb) noexcept nogil:
    """The check sum behind the last opcode; there is none before version 5."""
    cdef const char* here
    cdef size_t start = rdb.at
    sum_up(rdb)
    if rdb.version < 5:
        return True
    here = rdb_take(rdb, 8)
    if here is NULL:
        return False
    if load64(here) != 0 and load64(here) != rdb.crc:
        return rdb_broken(rdb, start, b"the check sum is wrong: the file is damaged")
    return True


cdef bint rdb_is(const char* data, size_t size) noexcept nogil:
    return size >= 6 and (memcmp(data, b"REDIS", 5) == 0 or memcmp(data, b"VALKEY", 6) == 0)


cdef bint read_header(rdb_t* rdb) noexcept nogil:
    cdef const char* here = rdb_take(rdb, RDB_HEADER_SIZE)
    cdef size_t at
    cdef bint valkey
    if here is NULL:
        return False
    valkey = here[0] == c'V'
    for at in range(<size_t>(6 if valkey else 5), <size_t>RDB_HEADER_SIZE):
        if not c'0' <= here[at] <= c'9':
            return rdb_broken(rdb, at, b"this is no RDB file")
        rdb.version = rdb.version * 10 + (here[at] - c'0')
    if not (VALKEY_VERSION_MIN if valkey else 1) <= rdb.version <= (
            VALKEY_VERSION_MAX if valkey else REDIS_VERSION_MAX):
        snprintf(rdb.why, sizeof(rdb.why), b"RDB version %d cannot be read", rdb.version)
        rdb.broken_at = 0
        return False
    return True


cdef void rdb_init(rdb_t* rdb, store_t* store, const char* data, size_t size,
                   size_t string_max) noexcept nogil:
    memset(rdb, 0, sizeof(rdb_t))
    rdb.store = store
    rdb.data = data
    rdb.size = size
    rdb.string_max = string_max
    rdb.ks = &store.databases[0]
    rdb.deadline_ms = NO_DEADLINE
    rdb.idle_seconds = -1
    rdb.freq = -1
    buf_init(&rdb.key, store.heap)
    buf_init(&rdb.value, store.heap)


cdef void rdb_free(rdb_t* rdb) noexcept nogil:
    buf_free(&rdb.key)
    buf_free(&rdb.value)


cdef rdb_status_t rdb_read(rdb_t* rdb, int64_t until_us) noexcept nogil:
    cdef uint8_t opcode
    cdef uint64_t clock_at = rdb.keys + KEYS_BETWEEN_CLOCKS
    if rdb.why[0] or (rdb.at == 0 and not read_header(rdb)):
        return RDB_BROKEN
    while True:
        if not rdb_read_byte(rdb, &opcode):
            return RDB_BROKEN
        if opcode == OP_END:
            return RDB_DONE if read_end(rdb) else RDB_BROKEN
        if not read_opcode(rdb, opcode):
            return RDB_BROKEN
        if rdb.at - rdb.summed >= SUM_STEP:
            sum_up(rdb)
        if rdb.keys >= clock_at:
            clock_at = rdb.keys + KEYS_BETWEEN_CLOCKS
            if clock_mono_us() >= until_us:
                return RDB_MORE


# -- writing --------------------------------------------------------------------------------------

cdef bint has_dying_fields(const store_t* store) noexcept nogil:
    cdef int db
    for db in range(store.database_top):
        if due_first(store.databases[db].due_fields) is not NULL:
            return True
    return False


cdef void rdb_write_header(buf_t* out, const store_t* store) noexcept nogil:
    # Valkey 9 alone knows fields that die, and reads them under its own name only.
    buf_append(out, b"VALKEY080" if has_dying_fields(store) else b"REDIS0010", RDB_HEADER_SIZE)
    rdb_put_byte(out, OP_AUX)
    rdb_put_string(out, slice_t(b"aof-base", 8))
    rdb_put_string(out, slice_t(b"1", 1))


cdef void rdb_write_select(buf_t* out, int db) noexcept nogil:
    rdb_put_byte(out, OP_SELECT)
    rdb_put_length(out, <uint64_t>db)


cdef void rdb_write_start(buf_t* out, const store_t* store, const entry_t* entry) noexcept nogil:
    cdef char text[24]
    if entry.flags & ENTRY_DEADLINE:
        rdb_put_byte(out, OP_DEADLINE_MS)
        store64(text, <uint64_t>entry_deadline(entry))
        buf_append(out, text, 8)
    if store.access.lfu:
        rdb_put_byte(out, OP_FREQ)
        rdb_put_byte(out, lfu_decayed(&store.access, entry_access(entry)))
    elif lru_idle_seconds(&store.access, entry_access(entry)):
        rdb_put_byte(out, OP_IDLE)
        rdb_put_length(out, lru_idle_seconds(&store.access, entry_access(entry)))
    rdb_put_byte(out, rdb_value_type(entry, RDB_VERSION_COMMON))
    rdb_put_string(out, entry_key(entry))


cdef void rdb_write_entry(buf_t* out, const store_t* store, const entry_t* entry) noexcept nogil:
    rdb_write_start(out, store, entry)
    rdb_write_value(out, entry, RDB_VERSION_COMMON)


cdef uint8_t rdb_value_type(const entry_t* entry, int version) noexcept nogil:
    if entry_type(entry) == TYPE_LIST:
        return RDB_LIST_QUICKLIST_2
    if entry_type(entry) == TYPE_ZSET:
        return rdb_zset_type(entry_encoding(entry))
    if entry_type(entry) == TYPE_STREAM:
        return RDB_STREAM_2 if version <= RDB_VERSION_COMMON else RDB_STREAM_3
    if entry_type(entry) == TYPE_SET:
        return rdb_set_type(entry, version == RDB_VERSION_COMMON)
    if entry_type(entry) == TYPE_HASH:
        return rdb_hash_type(entry)
    kvd_assert(entry_type(entry) == TYPE_STRING)
    return 0


cdef void rdb_write_value(buf_t* out, const entry_t* entry, int version) noexcept nogil:
    cdef char text[INT_TEXT_MAX]
    if entry_type(entry) == TYPE_LIST:
        rdb_write_list(out, entry)
    elif entry_type(entry) == TYPE_ZSET:
        rdb_write_zset(out, entry)
    elif entry_type(entry) == TYPE_STREAM:
        rdb_write_stream(out, entry, rdb_value_type(entry, version))
    elif entry_type(entry) == TYPE_SET:
        rdb_write_set(out, entry, version == RDB_VERSION_COMMON)
    elif entry_type(entry) == TYPE_HASH:
        rdb_write_hash(out, entry)
    else:
        rdb_put_string(out, entry_string(entry, text))


cdef void rdb_write_end(buf_t* out) noexcept nogil:
    rdb_put_byte(out, OP_END)


cdef void rdb_write_crc(buf_t* out, uint64_t crc) noexcept nogil:
    cdef char text[8]
    store64(text, crc)
    buf_append(out, text, 8)
