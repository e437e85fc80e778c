"""RDB files.

    file:    magic and version 9 | opcodes ... | EOF opcode | CRC-64, little-endian; 0: none
    key:     [deadline] [idle or frequency] | type | key | value
    length:  00nnnnnn | 01nnnnnn n | 10000000 n4 | 10000001 n8 (big-endian) | 11xxxxxx: a spelling
    string:  length, bytes | int8, int16, int32 (little-endian) | LZF: two lengths, packed bytes

Every length is compared with what the image still holds before it is believed; a packed string
is unpacked only where its packed bytes could yield that much (LZF makes at most 264 bytes of 3).

We write version 9: the newest that every server since Redis 5 reads, and strings have not changed
since. Strings are written as they are, not packed: a base file is read once and written often.

Invariants
    R1  at <= size; take() alone moves it
    R2  a broken file has broken_at and why set, and nothing is read of it after that
Source: Redis rdb.c for the format, liblzf (M. Lehmann) for the packing.
"""
from libc.stdint cimport UINT32_MAX, int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcmp, memcpy, memset

from ..core.buf cimport buf_append, buf_free, buf_init, buf_reserve
from ..core.clock cimport clock_mono_us
from ..core.crc cimport crc64
from ..core.intrinsics cimport byte_swap64, load16, load32, load64, store64
from ..core.number cimport format_int64
from ..core.table cimport NO_DEADLINE
from ..core.types cimport slice_t
from ..store.access cimport access_new, lfu_decayed, lru_idle_seconds
from ..store.entry cimport (
    ENTRY_DEADLINE, entry_access, entry_create_string, entry_deadline, entry_key, entry_string,
)
from ..store.keyspace cimport keyspace_put_take, store_hash

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

    SPELT_INT8 = 0
    SPELT_INT16 = 1
    SPELT_INT32 = 2
    SPELT_LZF = 3

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

cdef bint broken(rdb_t* rdb, size_t at, const char* why) noexcept nogil:
    """R2. False, for the caller to hand on."""
    if rdb.why[0] == 0:
        rdb.broken_at = at
        snprintf(rdb.why, sizeof(rdb.why), b"%s", why)
    return False


cdef const char* take(rdb_t* rdb, size_t size) noexcept nogil:
    """The next bytes, or NULL when there are not so many."""
    cdef const char* here = rdb.data + rdb.at
    if size > rdb.size - rdb.at:
        broken(rdb, rdb.at, b"the file ends in the middle")
        return NULL
    rdb.at += size
    return here


cdef bint read_byte(rdb_t* rdb, uint8_t* byte) noexcept nogil:
    cdef const char* here = take(rdb, 1)
    if here is NULL:
        return False
    byte[0] = <uint8_t>here[0]
    return True


cdef bint read_length(rdb_t* rdb, uint64_t* length, bint* spelt) noexcept nogil:
    """A length; with *spelt, how the string that follows is spelt."""
    cdef uint8_t first
    cdef const char* here
    cdef size_t start = rdb.at
    spelt[0] = False
    if not read_byte(rdb, &first):
        return False
    if first >> 6 == 0:
        length[0] = first & 63
    elif first >> 6 == 3:
        spelt[0] = True
        length[0] = first & 63
    else:
        here = take(rdb, 1 if first >> 6 == 1 else 4 if first == 0x80 else 8)
        if here is NULL:
            return False
        if first >> 6 == 1:
            length[0] = <uint64_t>(first & 63) << 8 | <uint8_t>here[0]
        elif first == 0x80:
            length[0] = byte_swap64(<uint64_t>load32(here) << 32)
        elif first == 0x81:
            length[0] = byte_swap64(load64(here))
        else:
            return broken(rdb, start, b"a length of an unknown form")
    return True


cdef bint read_number(rdb_t* rdb, uint64_t* number) noexcept nogil:
    cdef bint spelt
    cdef size_t start = rdb.at
    if not read_length(rdb, number, &spelt):
        return False
    return not spelt or broken(rdb, start, b"a number is expected")


cdef bint unpack(const char* packed, size_t size, char* out, size_t out_size) noexcept nogil:
    """LZF. True when the packed bytes make exactly out_size."""
    cdef size_t at = 0
    cdef size_t made = 0
    cdef size_t count, back
    cdef uint8_t control
    while at < size:
        control = <uint8_t>packed[at]
        at += 1
        if control < 32:                # bytes as they are
            count = <size_t>control + 1
            if count > size - at or count > out_size - made:
                return False
            memcpy(out + made, packed + at, count)
            at += count
            made += count
            continue
        count = control >> 5            # bytes that were here before
        if count == 7:
            if at == size:
                return False
            count += <uint8_t>packed[at]
            at += 1
        if at == size:
            return False
        back = (<size_t>(control & 31) << 8 | <uint8_t>packed[at]) + 1
        at += 1
        count += 2
        if back > made or count > out_size - made:
            return False
        while count:                    # source and target may overlap
            out[made] = out[made - back]
            made += 1
            count -= 1
    return made == out_size


cdef bint read_packed(rdb_t* rdb, buf_t* room, slice_t* string) noexcept nogil:
    cdef uint64_t packed, size
    cdef size_t start = rdb.at
    cdef const char* here
    if not read_number(rdb, &packed) or not read_number(rdb, &size):
        return False
    if size > rdb.string_max or size // 264 > packed:
        return broken(rdb, start, b"a packed string cannot be that long")
    here = take(rdb, packed)
    if here is NULL:
        return False
    room.size = 0
    buf_reserve(room, size + 1)
    if not unpack(here, packed, room.data, size):
        return broken(rdb, start, b"a packed string cannot be unpacked")
    string[0] = slice_t(room.data, size)
    return True


cdef bint read_string(rdb_t* rdb, buf_t* room, slice_t* string) noexcept nogil:
    """The next string: in the image, or in `room`."""
    cdef uint64_t length
    cdef bint spelt
    cdef size_t start = rdb.at
    cdef const char* here
    cdef int64_t number
    if not read_length(rdb, &length, &spelt):
        return False
    if not spelt:
        if length > rdb.string_max:
            return broken(rdb, start, b"a string is longer than proto-max-bulk-len")
        string.data = take(rdb, length)
        string.size = length
        return string.data is not NULL
    if length == SPELT_LZF:
        return read_packed(rdb, room, string)
    if length > SPELT_LZF:
        return broken(rdb, start, b"a string of an unknown form")
    here = take(rdb, <size_t>1 << length)
    if here is NULL:
        return False
    if length == SPELT_INT8:
        number = <int8_t>here[0]
    elif length == SPELT_INT16:
        number = <int16_t>load16(here)
    else:
        number = <int32_t>load32(here)
    room.size = 0
    buf_reserve(room, 24)
    string[0] = slice_t(room.data, <size_t>format_int64(room.data, number))
    return True


cdef uint32_t access_said(const rdb_t* rdb) noexcept nogil:
    """The access field that the file gives a key; as of a new one where it says nothing."""
    cdef uint32_t bits = access_new(&rdb.store.access)
    if rdb.store.access.lfu:
        return (bits & 0xFFFF00) | <uint32_t>rdb.freq if rdb.freq >= 0 else bits
    if rdb.idle_seconds > 0:
        return (bits - <uint32_t>(rdb.idle_seconds & 0xFFFFFF)) & 0xFFFFFF
    return bits


cdef bint read_key(rdb_t* rdb, uint8_t type) noexcept nogil:
    cdef slice_t key, value
    cdef size_t start = rdb.at - 1
    cdef uint64_t before = rdb.ks.table.count
    if type != 0:
        if type < TYPES_NAMED:
            snprintf(rdb.why, sizeof(rdb.why), b"a key of type %s: only strings can be read",
                     TYPE_NAMES[type])
        else:
            snprintf(rdb.why, sizeof(rdb.why), b"unknown opcode %d", <int>type)
        rdb.broken_at = start
        return False
    if not read_string(rdb, &rdb.key, &key) or not read_string(rdb, &rdb.value, &value):
        return False
    keyspace_put_take(rdb.ks, store_hash(rdb.store, key), entry_create_string(
        rdb.store.heap, key, value, rdb.deadline_ms, access_said(rdb)))
    if rdb.ks.table.count == before:
        return broken(rdb, start, b"a key is there twice")
    rdb.keys += 1
    rdb.deadline_ms = NO_DEADLINE
    rdb.idle_seconds = -1
    rdb.freq = -1
    return True


cdef bint read_deadline(rdb_t* rdb, bint seconds) noexcept nogil:
    cdef const char* here = take(rdb, 4 if seconds else 8)
    if here is NULL:
        return False
    if seconds:
        rdb.deadline_ms = <int64_t><int32_t>load32(here) * 1000
    else:
        rdb.deadline_ms = <int64_t>load64(here)
        if rdb.deadline_ms == NO_DEADLINE:
            rdb.deadline_ms -= 1        # the last moment is not "never"
    return True


cdef bint read_opcode(rdb_t* rdb, uint8_t opcode) noexcept nogil:
    """Anything but the end."""
    cdef uint64_t number
    cdef uint8_t byte
    cdef slice_t text
    cdef size_t start = rdb.at - 1
    if opcode == OP_DEADLINE_MS or opcode == OP_DEADLINE:
        return read_deadline(rdb, opcode == OP_DEADLINE)
    if opcode == OP_FREQ:
        if not read_byte(rdb, &byte):
            return False
        rdb.freq = byte
    elif opcode == OP_IDLE:
        if not read_number(rdb, &number):
            return False
        rdb.idle_seconds = <int64_t>number if number < 0xFFFFFF else 0xFFFFFF
    elif opcode == OP_SELECT:
        if not read_number(rdb, &number):
            return False
        if number >= <uint64_t>rdb.store.database_count:
            snprintf(rdb.why, sizeof(rdb.why), b"database %llu, and there are only %d",
                     <unsigned long long>number, rdb.store.database_count)
            rdb.broken_at = start
            return False
        rdb.ks = &rdb.store.databases[number]
    elif opcode == OP_RESIZE:
        return read_number(rdb, &number) and read_number(rdb, &number)
    elif opcode == OP_AUX:
        return read_string(rdb, &rdb.key, &text) and read_string(rdb, &rdb.value, &text)
    elif opcode == OP_SLOT_INFO:
        return (read_number(rdb, &number) and read_number(rdb, &number)
                and read_number(rdb, &number))
    elif opcode == OP_FUNCTION or opcode == OP_FUNCTION_OLD:
        return broken(rdb, start, b"a library of functions: there are no functions here")
    elif opcode == OP_MODULE_AUX:
        return broken(rdb, start, b"data of a module: there are no modules here")
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
    here = take(rdb, 8)
    if here is NULL:
        return False
    if load64(here) != 0 and load64(here) != rdb.crc:
        return broken(rdb, start, b"the check sum is wrong: the file is damaged")
    return True


cdef bint rdb_is(const char* data, size_t size) noexcept nogil:
    return size >= 6 and (memcmp(data, b"REDIS", 5) == 0 or memcmp(data, b"VALKEY", 6) == 0)


cdef bint read_header(rdb_t* rdb) noexcept nogil:
    cdef const char* here = take(rdb, RDB_HEADER_SIZE)
    cdef size_t at
    cdef bint valkey
    if here is NULL:
        return False
    valkey = here[0] == c'V'
    for at in range(<size_t>(6 if valkey else 5), <size_t>RDB_HEADER_SIZE):
        if not c'0' <= here[at] <= c'9':
            return broken(rdb, at, b"this is no RDB file")
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
        if not read_byte(rdb, &opcode):
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

cdef void put_byte(buf_t* out, uint8_t byte) noexcept nogil:
    buf_append(out, <const char*>&byte, 1)


cdef void put_length(buf_t* out, uint64_t length) noexcept nogil:
    cdef char text[9]
    if length < 64:
        put_byte(out, <uint8_t>length)
    elif length < 16384:
        put_byte(out, <uint8_t>(64 | length >> 8))
        put_byte(out, <uint8_t>length)
    elif length <= UINT32_MAX:
        text[0] = <char>0x80
        store64(&text[1], byte_swap64(length << 32))
        buf_append(out, text, 5)
    else:
        text[0] = <char>0x81
        store64(&text[1], byte_swap64(length))
        buf_append(out, text, 9)


cdef void put_string(buf_t* out, slice_t string) noexcept nogil:
    put_length(out, string.size)
    if string.size:
        buf_append(out, string.data, string.size)


cdef void rdb_write_header(buf_t* out) noexcept nogil:
    buf_append(out, b"REDIS0009", RDB_HEADER_SIZE)
    put_byte(out, OP_AUX)
    put_string(out, slice_t(b"aof-base", 8))
    put_string(out, slice_t(b"1", 1))


cdef void rdb_write_select(buf_t* out, int db) noexcept nogil:
    put_byte(out, OP_SELECT)
    put_length(out, <uint64_t>db)


cdef void rdb_write_entry(buf_t* out, const store_t* store, const entry_t* entry) noexcept nogil:
    cdef char text[24]
    if entry.flags & ENTRY_DEADLINE:
        put_byte(out, OP_DEADLINE_MS)
        store64(text, <uint64_t>entry_deadline(entry))
        buf_append(out, text, 8)
    if store.access.lfu:
        put_byte(out, OP_FREQ)
        put_byte(out, lfu_decayed(&store.access, entry_access(entry)))
    elif lru_idle_seconds(&store.access, entry_access(entry)):
        put_byte(out, OP_IDLE)
        put_length(out, lru_idle_seconds(&store.access, entry_access(entry)))
    put_byte(out, 0)
    put_string(out, entry_key(entry))
    put_string(out, entry_string(entry, text))


cdef void rdb_write_end(buf_t* out) noexcept nogil:
    put_byte(out, OP_END)


cdef void rdb_write_crc(buf_t* out, uint64_t crc) noexcept nogil:
    cdef char text[8]
    store64(text, crc)
    buf_append(out, text, 8)
