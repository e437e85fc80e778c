"""Bitmaps: strings seen as bits.

A bit that exists is set where it lies. A string that must grow for one becomes a body with slack
(string_open_or_reply), so that a bitmap grows at its end without moving its entry.

BITFIELD checks all its arguments, and learns how far the string must reach, before it acts: an
error in the last one leaves the key as it was. The first few subcommands are kept in between, any
further ones are read again, so that nothing is allocated.

Cost: O(1) for single bits and fields; BITCOUNT, BITPOS, BITOP O(bytes), some tens of bytes a
nanosecond.
"""
from libc.stdint cimport SIZE_MAX, int64_t, uint64_t
from libc.string cimport memcpy, memset

from ..core.bits cimport (
    bits_and, bits_count_range, bits_find, bits_get, bits_not, bits_or, bits_set, bits_xor,
)
from ..core.intrinsics cimport add_overflows, likely, mul_overflows
from ..core.number cimport equal_nocase, parse_int64
from ..core.table cimport NO_DEADLINE
from ..core.types cimport slice_t
from ..store.access cimport access_new
from ..store.entry cimport (
    ENC_RAW, ENTRY_BODY, ENTRY_DEADLINE, INT_TEXT_MAX, TYPE_STRING, entry_body,
    entry_create_body_take, entry_string, entry_string_size, entry_t, entry_type, raw_create,
    raw_t,
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
from .grow cimport (
    STRING_MAX, memory_or_reply, open_string_t, room_or_reply, string_open_or_reply,
)
from .legacy cimport client_is_legacy
from .state cimport server_of
from .string_many cimport CHUNK_KEYS, fetch_chunk
from .t_string cimport string_or_reply

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

cdef enum:
    FIELDS_KEPT = 8

cdef struct fields_t:                   # the subcommands of one BITFIELD
    field_t kept[FIELDS_KEPT]           # the first ones
    int count                           # all
    int behind                          # argv[behind] is the first word that was not kept
    int64_t replies
    size_t size                         # bytes that the fields to be written reach


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
    cdef open_string_t value
    cdef int mask, old
    if not offset_or_reply(c, c.argv[2], 0, &offset):
        return
    if bit.size != 1 or (bit.data[0] != c'0' and bit.data[0] != c'1'):
        reply_error(c, ERR_BIT_VALUE)
        return
    hash = key_hash(c, c.argv[1])
    entry = string_or_reply(c, keyspace_write(c.ks, hash, c.argv[1]), &failed)
    if failed:
        return
    if not string_open_or_reply(c, hash, entry, <size_t>(offset >> 3) + 1, &value):
        return
    mask = 0x80 >> (offset & 7)
    old = 1 if value.data[offset >> 3] & mask else 0
    if old != bit.data[0] - c'0':
        value.data[offset >> 3] = <char>(value.data[offset >> 3] ^ mask)
    if value.grown or old != bit.data[0] - c'0':
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
    # Before Redis 7 there were no units, and BITCOUNT wanted both ends or none.
    cdef int last = at + 2 if client_is_legacy(c) else at + 3
    r.start = 0
    r.end = -1
    r.has_end = c.argc > at + 1
    r.bits = False
    if c.argc > last or (at == 2 and c.argc == 3 and last == 4):
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

cdef struct sources_t:
    size_t size                         # of the longest
    int known                           # hashes and entries below: the target, and some sources
    uint64_t hash[CHUNK_KEYS]
    entry_t* entry[CHUNK_KEYS]          # of the target: not set


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


cdef inline entry_t* source_at(client_t* c, const sources_t* sources, int i) noexcept nogil:
    """The entry of the source argv[i], once all have been read: reading one frees no other."""
    if i - 2 < sources.known:
        return sources.entry[i - 2]
    return keyspace_peek(c.ks, key_hash(c, c.argv[i]), c.argv[i])


cdef bint read_sources_or_reply(client_t* c, sources_t* sources) noexcept nogil:
    cdef bint failed
    cdef entry_t* entry
    cdef uint64_t hash
    cdef int i
    sources.size = 0
    sources.known = fetch_chunk(c, 2, c.argc, 1, sources.hash)
    for i in range(3, c.argc):
        hash = sources.hash[i - 2] if i - 2 < sources.known else key_hash(c, c.argv[i])
        entry = string_or_reply(c, keyspace_read(c.ks, hash, c.argv[i]), &failed)
        if failed:
            return False
        if i - 2 < sources.known:
            sources.entry[i - 2] = entry
        if entry is not NULL and entry_string_size(entry) > sources.size:
            sources.size = entry_string_size(entry)
    return True


cdef bint room_for_target_or_reply(client_t* c, sources_t* sources) noexcept nogil:
    """Room for the result may cost a source its life: then what is left is read again."""
    cdef uint64_t evicted = c.store.evicted
    if not room_or_reply(c, sources.size):
        return False
    return likely(c.store.evicted == evicted) or read_sources_or_reply(c, sources)


cdef raw_t* body_to_write_over(client_t* c, const sources_t* sources) noexcept nogil:
    """The target's old body, where it has the right size, or a little more, and is no source."""
    cdef entry_t* entry = keyspace_write(c.ks, sources.hash[0], c.argv[2])
    cdef raw_t* raw
    cdef int i
    if entry is NULL or entry_type(entry) != TYPE_STRING or not entry.flags & ENTRY_BODY \
            or entry.flags & ENTRY_DEADLINE:
        return NULL
    raw = <raw_t*>entry_body(entry)
    if raw.size_max < sources.size or raw.size_max > 2 * sources.size:
        return NULL
    for i in range(3, c.argc):
        if source_at(c, sources, i) == entry:
            return NULL
    return raw


cdef void bitop_command(client_t* c) noexcept nogil:
    cdef char scratch[INT_TEXT_MAX]
    cdef sources_t sources
    cdef entry_t* entry
    cdef raw_t* old
    cdef raw_t* raw
    cdef int op = 0
    cdef int i
    if not op_or_reply(c, &op) or not read_sources_or_reply(c, &sources) \
            or not room_for_target_or_reply(c, &sources):
        return
    if sources.size == 0:
        if keyspace_delete(c.ks, sources.hash[0], c.argv[2]):
            keyspace_signal(c.ks, EVENT_GENERIC, b"del", c.argv[2])
        reply_int(c, 0)
        return
    old = body_to_write_over(c, &sources)
    if old is NULL and not memory_or_reply(c, sources.size):
        return
    raw = old
    if raw is NULL:
        raw = raw_create(c.store.heap, slice_t(NULL, 0), sources.size)
    raw.size = sources.size
    for i in range(3, c.argc):
        entry = source_at(c, &sources, i)
        combine(op, raw.data, raw.size,
                entry_string(entry, scratch) if entry is not NULL else slice_t(NULL, 0), i == 3)
    if old is NULL:
        keyspace_put_take(c.ks, sources.hash[0], entry_create_body_take(
            c.store.heap, c.argv[2], TYPE_STRING, ENC_RAW, raw, NO_DEADLINE,
            access_new(&c.store.access)))
    keyspace_signal(c.ks, EVENT_STRING, b"set", c.argv[2])
    reply_int(c, <int64_t>sources.size)


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
    cdef int count = 3
    if name.size == 3 and equal_nocase(name.data, 3, b"get", 3):
        field.what = FIELD_GET
        count = 2
    elif name.size == 3 and equal_nocase(name.data, 3, b"set", 3):
        field.what = FIELD_SET
    elif name.size == 6 and equal_nocase(name.data, 6, b"incrby", 6):
        field.what = FIELD_INCRBY
    elif name.size == 8 and equal_nocase(name.data, 8, b"overflow", 8):
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


cdef bint read_fields_or_reply(client_t* c, fields_t* fields) noexcept nogil:
    """Check all subcommands, and keep the first ones."""
    cdef field_t field
    cdef size_t end
    cdef int at = 2
    memset(&field, 0, sizeof(field))
    fields.count = 0
    fields.behind = at
    fields.replies = 0
    fields.size = 0
    while at < c.argc:
        if not field_or_reply(c, &at, &field):
            return False
        if fields.count < FIELDS_KEPT:
            fields.kept[fields.count] = field
            fields.behind = at
        fields.count += 1
        fields.replies += field.what != FIELD_OVERFLOW
        if field.what == FIELD_SET or field.what == FIELD_INCRBY:
            end = <size_t>((field.offset + field.width - 1) >> 3) + 1
            fields.size = end if end > fields.size else fields.size
    return True


cdef inline uint64_t run_field(client_t* c, open_string_t value,
                               const field_t* field) noexcept nogil:
    """One subcommand with its reply. Returns 1 when it changed the string."""
    if field.what == FIELD_GET:
        reply_int(c, read_field(value.data, value.size, field))
    elif field.what != FIELD_OVERFLOW:
        return write_field(c, value.data, field)
    return 0


cdef uint64_t run_fields(client_t* c, open_string_t value,
                         const fields_t* fields) noexcept nogil:
    """All subcommands; those that were not kept are read again."""
    cdef field_t field
    cdef uint64_t changes = 0
    cdef int at = fields.behind
    cdef int i
    reply_array(c, fields.replies)
    for i in range(fields.count if fields.count < FIELDS_KEPT else FIELDS_KEPT):
        changes += run_field(c, value, &fields.kept[i])
    if fields.count > FIELDS_KEPT:
        field = fields.kept[FIELDS_KEPT - 1]        # for the overflow in force
        while at < c.argc:
            field_or_reply(c, &at, &field)
            changes += run_field(c, value, &field)
    return changes


cdef void bitfield_generic(client_t* c, bint read_only) noexcept nogil:
    cdef bint failed
    cdef char scratch[INT_TEXT_MAX]
    cdef uint64_t hash = key_hash(c, c.argv[1])
    cdef fields_t fields
    cdef entry_t* entry
    cdef slice_t text
    cdef open_string_t value
    cdef uint64_t changes
    if not read_fields_or_reply(c, &fields):
        return
    if fields.size and read_only:
        reply_error(c, ERR_BITFIELD_RO)
        return
    if fields.size:
        entry = string_or_reply(c, keyspace_write(c.ks, hash, c.argv[1]), &failed)
    else:
        entry = string_or_reply(c, keyspace_read(c.ks, hash, c.argv[1]), &failed)
    if failed:
        return
    if fields.size:
        if not string_open_or_reply(c, hash, entry, fields.size, &value):
            return
    else:                               # to be read only
        text = entry_string(entry, scratch) if entry is not NULL else slice_t(NULL, 0)
        value = open_string_t(<char*>text.data, text.size, False)
    changes = run_fields(c, value, &fields)
    if changes == 0 and value.grown:
        changes = 1                     # it is longer now
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
