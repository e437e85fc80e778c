"""Bitmaps: strings seen as bits.

A string that a bit is written to becomes a body with slack (string_reserve_or_reply): a bitmap
grows at its end without moving its entry, and a bit that exists is set in place.

BITFIELD reads its arguments twice: first to check them all and to learn how far the string must
reach, then to act. Nothing is kept in between, so that nothing is allocated, and an error in the
last argument leaves the key as it was.

Cost: O(1) for single bits and fields; BITCOUNT, BITPOS, BITOP O(bytes), some tens of bytes a
nanosecond.
"""
from libc.stdint cimport SIZE_MAX, int64_t, uint64_t
from libc.string cimport memcpy, memset

from ..core.bits cimport (
    bits_and, bits_count_range, bits_find, bits_get, bits_not, bits_or, bits_set, bits_xor,
)
from ..core.intrinsics cimport add_overflows, mul_overflows
from ..core.number cimport equal_nocase, parse_int64
from ..core.table cimport NO_DEADLINE
from ..core.types cimport slice_t
from ..store.access cimport access_new
from ..store.entry cimport (
    ENC_RAW, INT_TEXT_MAX, TYPE_STRING, entry_create_body_take, entry_string, entry_string_size,
    entry_t, entry_type, raw_create, raw_t,
)
from ..store.keyspace cimport (
    EVENT_GENERIC, EVENT_STRING, keyspace_delete, keyspace_peek, keyspace_put_take,
    keyspace_read, keyspace_signal, keyspace_write,
)
from ..wire.command cimport (
    ACL_BITMAP, CLIENT_LOADING, CMD_DENYOOM, CMD_FAST, CMD_READONLY, CMD_WRITE, GROUP_BITMAP,
    KEY_ACCESS, KEY_OW, KEY_RO, KEY_RW, KEY_UPDATE, client_t, command_register, command_t,
    key_hash, keys_at, row,
)
from ..wire.errors cimport (
    ERR_BITFIELD_RO, ERR_BITFIELD_TYPE, ERR_BITOP_NOT, ERR_BIT_ARGUMENT, ERR_BIT_OFFSET,
    ERR_BIT_VALUE, ERR_NOT_INTEGER, ERR_OVERFLOW_TYPE,
)
from ..wire.reply cimport (
    reply_array, reply_error, reply_error_syntax, reply_int, reply_null,
)
from .state cimport server_of
from .t_string cimport (
    CHUNK_KEYS, STRING_MAX, fetch_chunk, memory_or_reply, room_or_reply, string_extend,
    string_or_reply, string_reserve_or_reply, string_room_or_reply,
)

cdef enum:
    OP_AND = 0
    OP_OR = 1
    OP_XOR = 2
    OP_NOT = 3

cdef enum:
    FIELD_GET = 0
    FIELD_SET = 1
    FIELD_INCRBY = 2
    FIELD_OVERFLOW = 3

cdef enum overflow_t:
    OVERFLOW_WRAP = 0
    OVERFLOW_SAT = 1
    OVERFLOW_FAIL = 2

cdef struct field_t:                    # one subcommand of BITFIELD
    int what                            # FIELD_*
    bint is_signed
    int width                           # bits
    int64_t offset                      # of its first bit
    int64_t value                       # to be set or added
    overflow_t overflow                 # in force; carried on from field to field


# -- one bit --------------------------------------------------------------------------------------

cdef bint offset_or_reply(client_t* c, slice_t text, int width, int64_t* offset) noexcept nogil:
    """A bit's place. With a width, "#3" stands for the place of the fourth field of that width."""
    cdef int64_t value
    cdef bint counted = width and text.size and text.data[0] == c'#'
    if counted:
        text.data += 1
        text.size -= 1
    if (not parse_int64(text.data, text.size, &value)
            or (counted and mul_overflows(value, width, &value))
            or not 0 <= value < 8 * STRING_MAX
            or (value >> 3 >= server_of(c).config.proto_max_bulk_len
                and not c.flags & CLIENT_LOADING)):
        reply_error(c, ERR_BIT_OFFSET)
        return False
    offset[0] = value
    return True


cdef void setbit_command(client_t* c) noexcept nogil:
    cdef bint failed
    cdef uint64_t hash
    cdef entry_t* entry
    cdef int64_t offset
    cdef slice_t bit = c.argv[3]
    cdef raw_t* raw
    cdef size_t size
    cdef int mask, old
    if not offset_or_reply(c, c.argv[2], 0, &offset):
        return
    if bit.size != 1 or (bit.data[0] != c'0' and bit.data[0] != c'1'):
        reply_error(c, ERR_BIT_VALUE)
        return
    hash = key_hash(c, c.argv[1])
    if not string_room_or_reply(c, hash, <size_t>(offset >> 3) + 1, 0):
        return
    entry = string_or_reply(c, keyspace_write(c.ks, hash, c.argv[1]), &failed)
    if failed:
        return
    size = entry_string_size(entry) if entry is not NULL else 0
    raw = string_reserve_or_reply(c, hash, entry, <size_t>(offset >> 3) + 1)
    if raw is NULL:
        return
    string_extend(raw, <size_t>(offset >> 3) + 1)
    mask = 0x80 >> (offset & 7)
    old = 1 if raw.data[offset >> 3] & mask else 0
    if raw.size != size or old != bit.data[0] - c'0':
        raw.data[offset >> 3] = <char>(raw.data[offset >> 3] ^ (
            mask if old != bit.data[0] - c'0' else 0))
        keyspace_signal(c.ks, EVENT_STRING, b"setbit", c.argv[1])
    reply_int(c, old)


cdef slice_t read_or_reply(client_t* c, char* scratch, bint* failed) noexcept nogil:
    """The string at the command's key; of size 0 where there is none, and then data is NULL."""
    cdef entry_t* entry = string_or_reply(
        c, keyspace_read(c.ks, key_hash(c, c.argv[1]), c.argv[1]), failed)
    return entry_string(entry, scratch) if entry is not NULL else slice_t(NULL, 0)


cdef void getbit_command(client_t* c) noexcept nogil:
    cdef bint failed
    cdef char scratch[INT_TEXT_MAX]
    cdef int64_t offset
    cdef slice_t value
    if not offset_or_reply(c, c.argv[2], 0, &offset):
        return
    value = read_or_reply(c, scratch, &failed)
    if not failed:
        reply_int(c, <int64_t>bits_get(value.data, value.size, <uint64_t>offset, 1))


# -- ranges of bits -------------------------------------------------------------------------------

cdef struct range_t:
    int64_t start                       # as the client gave them, then from 0 on, inclusive
    int64_t end
    bint has_end
    bint bits                           # the unit: bits, not bytes


cdef bint range_or_reply(client_t* c, int at, range_t* r) noexcept nogil:
    """[start [end [BIT | BYTE]]] in the arguments from `at`. The unit is read before the end."""
    r.start = 0
    r.end = -1
    r.has_end = c.argc > at + 1
    r.bits = False
    if c.argc > at + 3:
        reply_error_syntax(c)
        return False
    if c.argc > at and not parse_int64(c.argv[at].data, c.argv[at].size, &r.start):
        reply_error(c, ERR_NOT_INTEGER)
        return False
    if c.argc == at + 3:
        r.bits = equal_nocase(c.argv[at + 2].data, c.argv[at + 2].size, b"bit", 3)
        if not r.bits and not equal_nocase(c.argv[at + 2].data, c.argv[at + 2].size, b"byte", 4):
            reply_error_syntax(c)
            return False
    if r.has_end and not parse_int64(c.argv[at + 1].data, c.argv[at + 1].size, &r.end):
        reply_error(c, ERR_NOT_INTEGER)
        return False
    return True


cdef bint place_range(range_t* r, size_t size) noexcept nogil:
    """Make both ends bits of a string of `size` bytes. False when nothing lies between them."""
    cdef int64_t total = <int64_t>size * (8 if r.bits else 1)
    if r.start < 0:
        r.start = r.start + total if r.start + total > 0 else 0
    if r.end < 0:
        r.end = r.end + total if r.end + total > 0 else 0
    if r.end >= total:
        r.end = total - 1
    if r.start > r.end:
        return False
    if not r.bits:
        r.start *= 8
        r.end = r.end * 8 + 7
    return True


cdef void bitcount_command(client_t* c) noexcept nogil:
    cdef bint failed
    cdef char scratch[INT_TEXT_MAX]
    cdef slice_t value
    cdef range_t r
    if not range_or_reply(c, 2, &r):
        return
    value = read_or_reply(c, scratch, &failed)
    if failed:
        return
    if (r.start < 0 and r.end < 0 and r.start > r.end) or not place_range(&r, value.size):
        reply_int(c, 0)
        return
    reply_int(c, <int64_t>bits_count_range(value.data, <uint64_t>r.start, <uint64_t>r.end + 1))


cdef void bitpos_command(client_t* c) noexcept nogil:
    cdef bint failed
    cdef char scratch[INT_TEXT_MAX]
    cdef slice_t value
    cdef range_t r
    cdef int64_t bit, found
    if not parse_int64(c.argv[2].data, c.argv[2].size, &bit):
        reply_error(c, ERR_NOT_INTEGER)
        return
    if bit != 0 and bit != 1:
        reply_error(c, ERR_BIT_ARGUMENT)
        return
    if not range_or_reply(c, 3, &r):
        return
    value = read_or_reply(c, scratch, &failed)
    if failed:
        return
    if value.data is NULL:              # no key: zeros without end
        reply_int(c, -1 if bit else 0)
        return
    if not place_range(&r, value.size):
        reply_int(c, -1)
        return
    found = bits_find(value.data, <uint64_t>r.start, <uint64_t>r.end + 1, bit)
    if found < 0 and not bit and not r.has_end:
        found = r.end + 1               # zeros follow the string, as far as anyone can tell
    reply_int(c, found)


# -- BITOP ----------------------------------------------------------------------------------------

cdef bint op_or_reply(client_t* c, int* op) noexcept nogil:
    cdef slice_t name = c.argv[1]
    if equal_nocase(name.data, name.size, b"and", 3):
        op[0] = OP_AND
    elif equal_nocase(name.data, name.size, b"or", 2):
        op[0] = OP_OR
    elif equal_nocase(name.data, name.size, b"xor", 3):
        op[0] = OP_XOR
    elif equal_nocase(name.data, name.size, b"not", 3):
        op[0] = OP_NOT
    else:
        reply_error_syntax(c)
        return False
    if op[0] == OP_NOT and c.argc != 4:
        reply_error(c, ERR_BITOP_NOT)
        return False
    return True


cdef void combine(int op, char* target, size_t size, slice_t source, bint first) noexcept nogil:
    """Bring one source into the result, as if it had `size` bytes, the last ones zero."""
    if source.size:
        if op == OP_NOT:
            bits_not(target, source.data, source.size)
        elif first:
            memcpy(target, source.data, source.size)
        elif op == OP_AND:
            bits_and(target, source.data, source.size)
        elif op == OP_OR:
            bits_or(target, source.data, source.size)
        else:
            bits_xor(target, source.data, source.size)
    if (first or op == OP_AND) and source.size < size:
        memset(target + source.size, 0, size - source.size)


cdef void bitop_command(client_t* c) noexcept nogil:
    """Sources are looked up for the room that the result needs, for type and size, for bytes."""
    cdef bint failed
    cdef char scratch[INT_TEXT_MAX]
    cdef uint64_t fetched[CHUNK_KEYS]
    cdef uint64_t hash
    cdef entry_t* entry
    cdef raw_t* raw
    cdef size_t size = 0
    cdef int op = 0
    cdef int i
    if not op_or_reply(c, &op):
        return
    fetch_chunk(c, 2, c.argc, 1, fetched)
    for i in range(3, c.argc):          # room for the result first: it may cost a source its life
        entry = keyspace_peek(c.ks, key_hash(c, c.argv[i]), c.argv[i])
        if entry is not NULL and entry_type(entry) == TYPE_STRING:
            size = entry_string_size(entry) if entry_string_size(entry) > size else size
    if not room_or_reply(c, size):
        return
    size = 0
    for i in range(3, c.argc):
        entry = string_or_reply(
            c, keyspace_read(c.ks, key_hash(c, c.argv[i]), c.argv[i]), &failed)
        if failed:
            return
        if entry is not NULL and entry_string_size(entry) > size:
            size = entry_string_size(entry)
    hash = key_hash(c, c.argv[2])
    if size == 0:
        if keyspace_delete(c.ks, hash, c.argv[2]):
            keyspace_signal(c.ks, EVENT_GENERIC, b"del", c.argv[2])
        reply_int(c, 0)
        return
    if not memory_or_reply(c, size):
        return
    raw = raw_create(c.store.heap, slice_t(NULL, 0), size)
    raw.size = size
    for i in range(3, c.argc):
        entry = keyspace_peek(c.ks, key_hash(c, c.argv[i]), c.argv[i])
        combine(op, raw.data, size,
                entry_string(entry, scratch) if entry is not NULL else slice_t(NULL, 0), i == 3)
    keyspace_put_take(c.ks, hash, entry_create_body_take(
        c.store.heap, c.argv[2], TYPE_STRING, ENC_RAW, raw, NO_DEADLINE,
        access_new(&c.store.access)))
    keyspace_signal(c.ks, EVENT_STRING, b"set", c.argv[2])
    reply_int(c, <int64_t>size)


# -- BITFIELD -------------------------------------------------------------------------------------

cdef bint width_or_reply(client_t* c, slice_t text, field_t* field) noexcept nogil:
    """i1 to i64, u1 to u63."""
    cdef int64_t width = 0
    if text.size:
        field.is_signed = text.data[0] == c'i'
        if (field.is_signed or text.data[0] == c'u') \
                and parse_int64(text.data + 1, text.size - 1, &width) \
                and 1 <= width <= (64 if field.is_signed else 63):
            field.width = <int>width
            return True
    reply_error(c, ERR_BITFIELD_TYPE)
    return False


cdef bint overflow_or_reply(client_t* c, slice_t name, field_t* field) noexcept nogil:
    if equal_nocase(name.data, name.size, b"wrap", 4):
        field.overflow = OVERFLOW_WRAP
    elif equal_nocase(name.data, name.size, b"sat", 3):
        field.overflow = OVERFLOW_SAT
    elif equal_nocase(name.data, name.size, b"fail", 4):
        field.overflow = OVERFLOW_FAIL
    else:
        reply_error(c, ERR_OVERFLOW_TYPE)
        return False
    return True


cdef bint field_or_reply(client_t* c, int* at, field_t* field) noexcept nogil:
    """Read the subcommand at argv[*at], and move *at behind it."""
    cdef slice_t name = c.argv[at[0]]
    cdef const slice_t* args = &c.argv[at[0] + 1]
    cdef int left = c.argc - at[0] - 1
    cdef int count
    if equal_nocase(name.data, name.size, b"get", 3):
        field.what = FIELD_GET
        count = 2
    elif equal_nocase(name.data, name.size, b"set", 3):
        field.what = FIELD_SET
        count = 3
    elif equal_nocase(name.data, name.size, b"incrby", 6):
        field.what = FIELD_INCRBY
        count = 3
    elif equal_nocase(name.data, name.size, b"overflow", 8):
        field.what = FIELD_OVERFLOW
        count = 1
    else:
        count = c.argc                  # more than can be left
    if left < count:
        reply_error_syntax(c)
        return False
    at[0] += 1 + count
    if field.what == FIELD_OVERFLOW:
        return overflow_or_reply(c, args[0], field)
    if not width_or_reply(c, args[0], field) \
            or not offset_or_reply(c, args[1], field.width, &field.offset):
        return False
    if count == 3 and not parse_int64(args[2].data, args[2].size, &field.value):
        reply_error(c, ERR_NOT_INTEGER)
        return False
    return True


cdef int64_t read_field(const char* data, size_t size, const field_t* field) noexcept nogil:
    cdef uint64_t bits = bits_get(data, size, <uint64_t>field.offset, field.width)
    if field.is_signed and field.width < 64 and bits >> (field.width - 1):
        bits |= ~<uint64_t>0 << field.width
    return <int64_t>bits


cdef bint sum_overflows(const field_t* field, int64_t old, int64_t* value) noexcept nogil:
    """What the field becomes: in *value, as the overflow in force has it. True on overflow.

    Of an unsigned field, a negative value to be set is one too large, as in Valkey.
    """
    cdef int64_t most = <int64_t>((<uint64_t>1 << (field.width - field.is_signed)) - 1)
    cdef int64_t least = -most - 1 if field.is_signed else 0
    cdef int64_t sum = field.value
    cdef uint64_t wrapped = <uint64_t>field.value
    cdef bint above = False
    cdef bint below = False
    if field.what == FIELD_INCRBY:
        wrapped += <uint64_t>old
        if add_overflows(old, field.value, &sum):
            above = field.value > 0
            below = not above
    if not above and not below:
        above = sum > most or (field.what == FIELD_SET and not field.is_signed and sum < 0)
        below = not above and sum < least
    if not above and not below:
        value[0] = sum
        return False
    if field.overflow == OVERFLOW_SAT:
        value[0] = most if above else least
    else:                               # only the low bits are stored
        if field.width < 64:
            wrapped &= ((<uint64_t>1 << field.width) - 1)
            if field.is_signed and wrapped >> (field.width - 1):
                wrapped |= ~<uint64_t>0 << field.width
        value[0] = <int64_t>wrapped
    return True


cdef bint write_field(client_t* c, char* data, const field_t* field) noexcept nogil:
    """SET or INCRBY with its reply, in a string that is long enough. True when it changed."""
    cdef int64_t old = read_field(data, SIZE_MAX, field)
    cdef int64_t value = 0
    if sum_overflows(field, old, &value) and field.overflow == OVERFLOW_FAIL:
        reply_null(c)
        return False
    bits_set(data, <uint64_t>field.offset, field.width, <uint64_t>value)
    reply_int(c, old if field.what == FIELD_SET else value)
    return value != old


cdef void bitfield_generic(client_t* c, bint read_only) noexcept nogil:
    cdef bint failed
    cdef char scratch[INT_TEXT_MAX]
    cdef uint64_t hash = key_hash(c, c.argv[1])
    cdef field_t field
    cdef entry_t* entry
    cdef slice_t value
    cdef raw_t* raw = NULL
    cdef size_t size_old
    cdef int64_t size = 0               # bytes that the fields to be written reach
    cdef int64_t replies = 0
    cdef uint64_t changes = 0
    cdef int at = 2
    memset(&field, 0, sizeof(field))
    while at < c.argc:
        if not field_or_reply(c, &at, &field):
            return
        replies += field.what != FIELD_OVERFLOW
        if field.what in (FIELD_SET, FIELD_INCRBY) \
                and (field.offset + field.width - 1 >> 3) + 1 > size:
            size = (field.offset + field.width - 1 >> 3) + 1
    if size and read_only:
        reply_error(c, ERR_BITFIELD_RO)
        return
    if size and not string_room_or_reply(c, hash, <size_t>size, 0):
        return
    if size:
        entry = string_or_reply(c, keyspace_write(c.ks, hash, c.argv[1]), &failed)
    else:
        entry = string_or_reply(c, keyspace_read(c.ks, hash, c.argv[1]), &failed)
    if failed:
        return
    size_old = entry_string_size(entry) if entry is not NULL else 0
    if size:
        raw = string_reserve_or_reply(c, hash, entry, <size_t>size)
        if raw is NULL:
            return
        string_extend(raw, <size_t>size)
        value = slice_t(&raw.data[0], raw.size)
        changes = raw.size != size_old
    else:
        value = entry_string(entry, scratch) if entry is not NULL else slice_t(NULL, 0)
    reply_array(c, replies)
    memset(&field, 0, sizeof(field))
    at = 2
    while at < c.argc:
        field_or_reply(c, &at, &field)
        if field.what == FIELD_GET:
            reply_int(c, read_field(value.data, value.size, &field))
        elif field.what != FIELD_OVERFLOW:
            changes += write_field(c, raw.data, &field)
    if changes:
        keyspace_signal(c.ks, EVENT_STRING, b"setbit", c.argv[1])
        c.store.dirty += changes - 1


cdef void bitfield_command(client_t* c) noexcept nogil:
    bitfield_generic(c, False)


cdef void bitfield_ro_command(client_t* c) noexcept nogil:
    bitfield_generic(c, True)


cdef command_t TABLE[7]
TABLE[:] = [
    row(b"bitcount", bitcount_command, -2, CMD_READONLY, ACL_BITMAP, GROUP_BITMAP,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.6.0", b"O(N), N bytes",
        b"BITCOUNT key [start [end [BYTE | BIT]]]",
        b"Counts the bits that are set in a string, or in a part of it."),
    row(b"bitfield", bitfield_command, -2, CMD_WRITE | CMD_DENYOOM, ACL_BITMAP, GROUP_BITMAP,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE), b"3.2.0", b"O(1) a subcommand",
        b"BITFIELD key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>]"
        b" <SET encoding offset value | INCRBY encoding offset increment> ...]",
        b"Reads, sets and adds to integers of any width at any bit of a string."),
    row(b"bitfield_ro", bitfield_ro_command, -2, CMD_READONLY | CMD_FAST, ACL_BITMAP,
        GROUP_BITMAP, keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"6.0.0", b"O(1) a subcommand",
        b"BITFIELD_RO key [GET encoding offset [GET encoding offset ...]]",
        b"Reads integers of any width at any bit of a string."),
    row(b"bitop", bitop_command, -4, CMD_WRITE | CMD_DENYOOM, ACL_BITMAP, GROUP_BITMAP,
        keys_at(2, -1, 1, KEY_OW | KEY_UPDATE), b"2.6.0", b"O(N), N bytes of all sources",
        b"BITOP <AND | OR | XOR | NOT> destkey key [key ...]",
        b"Combines strings bit by bit and stores the result."),
    row(b"bitpos", bitpos_command, -3, CMD_READONLY, ACL_BITMAP, GROUP_BITMAP,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.8.7", b"O(N), N bytes",
        b"BITPOS key bit [start [end [BYTE | BIT]]]",
        b"Finds the first bit of a string that is set, or that is not."),
    row(b"getbit", getbit_command, 3, CMD_READONLY | CMD_FAST, ACL_BITMAP, GROUP_BITMAP,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"2.2.0", b"O(1)",
        b"GETBIT key offset",
        b"Returns one bit of a string."),
    row(b"setbit", setbit_command, 4, CMD_WRITE | CMD_DENYOOM, ACL_BITMAP, GROUP_BITMAP,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE), b"2.2.0", b"O(1)",
        b"SETBIT key offset value",
        b"Sets or clears one bit of a string, which grows by zero bytes where it is too short."),
]
command_register(TABLE, 7)
