"""Listpacks: the format's reading, changing and checking.

All changes go through one function, `open_gap`: it makes a hole of the new size where old entries
stood, moves what comes behind once, and rewrites the header. Values are then encoded straight into
the hole, so a change costs one reallocation and one memmove whatever its kind.

The end's byte 0xFF is no encoding, so a walk needs no size and no count. An entry's backlen gives
its size from the right: seven bits a byte, the lowest seven in the last byte, and every byte but
the first marked with its highest bit.

Invariants
    P1  load32(pack) is the size of the block, and the block ends with 0xFF
    P2  the count in the header is right, or LISTPACK_COUNT_UNKNOWN
    P3  a text that parse_int64 accepts is encoded as an integer, in the shortest form. Bytes from
        outside may break P3, so nothing here may need it: texts are compared as texts, too
Source: Redis listpack.md (S. Sanfilippo), for the format.
"""
from libc.stddef cimport size_t
from libc.stdint cimport UINT32_MAX, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memmove

from .heap cimport heap_alloc, heap_free, heap_realloc, heap_t
from .intrinsics cimport (
    kvd_assert, likely, load16, load32, load64, store16, store32, store64, unlikely,
)
from .number cimport FORMAT_INT_MAX, format_int64, parse_int64
from .rand cimport rand_below, rand_t
from .types cimport slice_t

cdef enum:
    INT_7 = 0x00                        # 0xxxxxxx: 0 to 127
    TEXT_6 = 0x80                       # 10xxxxxx: size up to 63
    INT_13 = 0xC0                       # 110xxxxx and a byte, signed
    TEXT_12 = 0xE0                      # 1110xxxx and a byte: size up to 4095
    TEXT_32 = 0xF0                      # four bytes of size
    INT_16 = 0xF1
    INT_24 = 0xF2
    INT_32 = 0xF3
    INT_64 = 0xF4


# ---- encoding

cdef inline void plan_int(listpack_plan_t* plan, int64_t value) noexcept nogil:
    cdef uint8_t* head = plan.head
    if 0 <= value <= 127:
        head[0] = <uint8_t>value
        plan.head_size = 1
    elif -4096 <= value <= 4095:
        head[0] = <uint8_t>(INT_13 | (value >> 8 & 0x1F))
        head[1] = <uint8_t>value
        plan.head_size = 2
    elif -32768 <= value <= 32767:
        head[0] = INT_16
        store16(head + 1, <uint16_t>value)
        plan.head_size = 3
    elif -8388608 <= value <= 8388607:
        head[0] = INT_24
        store16(head + 1, <uint16_t>value)
        head[3] = <uint8_t>(value >> 16)
        plan.head_size = 4
    elif -2147483648LL <= value <= 2147483647LL:
        head[0] = INT_32
        store32(head + 1, <uint32_t>value)
        plan.head_size = 5
    else:
        head[0] = INT_64
        store64(head + 1, <uint64_t>value)
        plan.head_size = 9
    plan.text.data = NULL
    plan.text.size = 0
    plan.bare = plan.head_size
    plan.size = plan.head_size + 1


cdef inline bint spells_int(slice_t value, int64_t* number) noexcept nogil:
    """Most texts are seen from their first byte not to be integers."""
    return value.size - 1 < <size_t>FORMAT_INT_MAX and value.data[0] <= c'9' \
        and parse_int64(value.data, value.size, number)


cdef inline void plan_text(listpack_plan_t* plan, slice_t value) noexcept nogil:
    cdef uint8_t* head = plan.head
    cdef int64_t number
    if spells_int(value, &number):
        plan_int(plan, number)
        return
    if value.size < 64:
        head[0] = <uint8_t>(TEXT_6 | value.size)
        plan.head_size = 1
    elif value.size < 4096:
        head[0] = <uint8_t>(TEXT_12 | value.size >> 8)
        head[1] = <uint8_t>value.size
        plan.head_size = 2
    else:
        kvd_assert(value.size <= LISTPACK_SIZE_SAFE)
        head[0] = TEXT_32
        store32(head + 1, <uint32_t>value.size)
        plan.head_size = 5
    plan.text = value
    plan.bare = plan.head_size + value.size
    plan.size = plan.bare + listpack_backlen_size(plan.bare)


cdef inline void plan_value(listpack_plan_t* plan, const listpack_value_t* value) noexcept nogil:
    if value.text.data != NULL:
        plan_text(plan, value.text)
    else:
        plan_int(plan, value.number)


cdef inline void write_backlen(uint8_t* out, size_t size) noexcept nogil:
    cdef size_t place = listpack_backlen_size(size) - 1
    while place:
        out[place] = <uint8_t>(size & 127) | 128
        size >>= 7
        place -= 1
    out[0] = <uint8_t>size


cdef inline void write_entry(uint8_t* out, const listpack_plan_t* plan) noexcept nogil:
    # One loop for the head: it is nearly always one byte, and never more than nine.
    cdef uint32_t i
    for i in range(plan.head_size):
        out[i] = plan.head[i]
    if plan.text.size:
        memcpy(out + plan.head_size, plan.text.data, plan.text.size)
    if likely(plan.bare <= 127):
        out[plan.bare] = <uint8_t>plan.bare
    else:
        write_backlen(out + plan.bare, plan.bare)


cdef size_t listpack_cost(slice_t value) noexcept nogil:
    cdef listpack_plan_t plan
    plan_text(&plan, value)
    return plan.size


cdef size_t listpack_cost_int(int64_t value) noexcept nogil:
    cdef listpack_plan_t plan
    plan_int(&plan, value)
    return plan.size


cdef uint8_t* listpack_write(uint8_t* at, slice_t value) noexcept nogil:
    cdef listpack_plan_t plan
    plan_text(&plan, value)
    write_entry(at, &plan)
    return at + plan.size


cdef uint8_t* listpack_write_int(uint8_t* at, int64_t value) noexcept nogil:
    cdef listpack_plan_t plan
    plan_int(&plan, value)
    write_entry(at, &plan)
    return at + plan.size


# ---- life and counts

cdef uint8_t* listpack_create(heap_t* heap) noexcept nogil:
    cdef uint8_t* pack = <uint8_t*>heap_alloc(heap, LISTPACK_EMPTY)
    store32(pack, LISTPACK_EMPTY)
    store16(pack + 4, 0)
    pack[LISTPACK_HEADER] = LISTPACK_END
    return pack


cdef uint8_t* listpack_copy(heap_t* heap, const uint8_t* pack) noexcept nogil:
    cdef uint8_t* copy = <uint8_t*>heap_alloc(heap, listpack_size(pack))
    memcpy(copy, pack, listpack_size(pack))
    return copy


cdef void listpack_release(heap_t* heap, uint8_t* pack) noexcept nogil:
    heap_free(heap, pack, listpack_size(pack))


cdef inline void add_count(uint8_t* pack, int64_t change) noexcept nogil:
    """P2."""
    cdef int64_t count = load16(pack + 4)
    if count != LISTPACK_COUNT_UNKNOWN:
        count += change
        if unlikely(count > LISTPACK_COUNT_UNKNOWN):
            count = LISTPACK_COUNT_UNKNOWN
        store16(pack + 4, <uint16_t>count)


cdef uint64_t listpack_count(const uint8_t* pack) noexcept nogil:
    cdef uint64_t count = load16(pack + 4)
    cdef const uint8_t* at
    if likely(count != LISTPACK_COUNT_UNKNOWN):
        return count
    count = 0
    at = pack + LISTPACK_HEADER
    while at[0] != LISTPACK_END:
        at += listpack_entry_size(at)
        count += 1
    return count


# ---- walking

cdef inline uint8_t* end_of(const uint8_t* pack) noexcept nogil:
    """Where the byte 0xFF stands."""
    return <uint8_t*>pack + listpack_size(pack) - 1


cdef uint8_t* listpack_prev(const uint8_t* pack, const uint8_t* at) noexcept nogil:
    cdef size_t size, shift
    if at == pack + LISTPACK_HEADER:
        return NULL
    at -= 1
    size = at[0] & 127
    shift = 7
    while at[0] & 128:
        at -= 1
        size |= <size_t>(at[0] & 127) << shift
        shift += 7
    return <uint8_t*>at - size


cdef uint8_t* listpack_last(const uint8_t* pack) noexcept nogil:
    return listpack_prev(pack, end_of(pack))


cdef uint8_t* listpack_seek(const uint8_t* pack, int64_t index) noexcept nogil:
    cdef int64_t count = load16(pack + 4)
    cdef const uint8_t* at
    if count != LISTPACK_COUNT_UNKNOWN:
        if index < 0:
            index += count
        if <uint64_t>index >= <uint64_t>count:
            return NULL
        if index > count // 2:
            index -= count
    if index >= 0:
        at = listpack_first(pack)
        while index and at != NULL:
            at = listpack_next(at)
            index -= 1
    else:
        at = listpack_last(pack)
        while index < -1 and at != NULL:
            at = listpack_prev(pack, at)
            index += 1
    return <uint8_t*>at


# ---- reading

cdef inline bint read_text(const uint8_t* at, slice_t* text) noexcept nogil:
    cdef uint8_t kind = at[0]
    if kind & 0xC0 == TEXT_6:
        text.data = <const char*>at + 1
        text.size = kind & 0x3F
    elif kind & 0xF0 == TEXT_12:
        text.data = <const char*>at + 2
        text.size = <size_t>(kind & 0x0F) << 8 | at[1]
    elif kind == TEXT_32:
        text.data = <const char*>at + 5
        text.size = load32(at + 1)
    else:
        return False
    return True


cdef inline int64_t read_int(const uint8_t* at) noexcept nogil:
    """Of an entry that is no text."""
    cdef uint8_t kind = at[0]
    if kind < 0x80:
        return kind
    if kind < TEXT_12:
        return <int64_t>((<uint32_t>(kind & 0x1F) << 8 | at[1]) ^ 0x1000) - 0x1000
    if kind == INT_16:
        return <int64_t>(<uint32_t>load16(at + 1) ^ 0x8000) - 0x8000
    if kind == INT_24:
        return <int64_t>((load16(at + 1) | <uint32_t>at[3] << 16) ^ 0x800000) - 0x800000
    if kind == INT_32:
        return <int32_t>load32(at + 1)
    return <int64_t>load64(at + 1)


cdef void listpack_value(const uint8_t* at, listpack_value_t* value) noexcept nogil:
    if not read_text(at, &value.text):
        value.text.data = NULL
        value.text.size = 0
        value.number = read_int(at)


cdef slice_t listpack_get(const uint8_t* at, char* scratch) noexcept nogil:
    cdef slice_t text
    if not read_text(at, &text):
        text.data = scratch
        text.size = <size_t>format_int64(scratch, read_int(at))
    return text


cdef bint listpack_int(const uint8_t* at, int64_t* number) noexcept nogil:
    cdef slice_t text
    if read_text(at, &text):
        return False
    number[0] = read_int(at)
    return True


cdef inline bint equal_text(slice_t a, slice_t b) noexcept nogil:
    return a.size == b.size and (a.size == 0 or memcmp(a.data, b.data, a.size) == 0)


cdef bint listpack_equal(const uint8_t* at, slice_t value) noexcept nogil:
    cdef slice_t text
    cdef int64_t number = 0
    if read_text(at, &text):
        return equal_text(text, value)          # P3: even when the value is an integer
    return spells_int(value, &number) and number == read_int(at)


cdef uint8_t* listpack_find(const uint8_t* at, slice_t value, uint32_t skip) noexcept nogil:
    cdef slice_t text
    cdef int64_t number = 0
    cdef bint is_int = spells_int(value, &number)
    cdef uint32_t i
    if at == NULL:
        return NULL
    while at[0] != LISTPACK_END:
        if read_text(at, &text):
            if equal_text(text, value):         # P3: even when the value is an integer
                return <uint8_t*>at
        elif is_int and read_int(at) == number:
            return <uint8_t*>at
        at += listpack_entry_size(at)
        for i in range(skip):
            if at[0] == LISTPACK_END:
                return NULL
            at += listpack_entry_size(at)
    return NULL


cdef uint8_t* listpack_find_pair(const uint8_t* pack, slice_t field) noexcept nogil:
    cdef uint8_t* at = listpack_find(listpack_first(pack), field, 1)
    return listpack_next(at) if at != NULL else NULL


# ---- changing

cdef uint8_t* open_gap(heap_t* heap, uint8_t* pack, size_t place, size_t old_size, size_t new_size,
                       int64_t count) noexcept nogil:
    """Replace old_size bytes at `place` by new_size bytes to be written; `count` more entries."""
    cdef size_t size = listpack_size(pack)
    cdef size_t tail = size - place - old_size
    cdef size_t grown = size - old_size + new_size
    kvd_assert(place + old_size < size and grown <= UINT32_MAX)
    if grown < size:                    # what is cut off moves before the block shrinks
        memmove(pack + place + new_size, pack + place + old_size, tail)
        pack = <uint8_t*>heap_realloc(heap, pack, size, grown)
    else:
        if grown > size:
            pack = <uint8_t*>heap_realloc(heap, pack, size, grown)
        if new_size != old_size:
            memmove(pack + place + new_size, pack + place + old_size, tail)
    store32(pack, <uint32_t>grown)
    add_count(pack, count)
    return pack


cdef uint8_t* put_entry(heap_t* heap, uint8_t* pack, size_t place, size_t old_size, int64_t count,
                        const listpack_plan_t* plan) noexcept nogil:
    pack = open_gap(heap, pack, place, old_size, plan.size, count)
    write_entry(pack + place, plan)
    return pack


cdef void listpack_plan(listpack_plan_t* plan, slice_t value) noexcept nogil:
    plan_text(plan, value)


cdef void listpack_push_back(uint8_t* pack, const listpack_plan_t* plan) noexcept nogil:
    cdef size_t size = listpack_size(pack)
    write_entry(pack + size - 1, plan)
    size += plan.size
    pack[size - 1] = LISTPACK_END
    store32(pack, <uint32_t>size)
    add_count(pack, 1)


cdef uint8_t* listpack_push_front(uint8_t* pack, const listpack_plan_t* plan) noexcept nogil:
    cdef uint8_t* moved = pack - plan.size
    cdef size_t size = listpack_size(pack) + plan.size
    cdef uint16_t count = load16(pack + 4)      # the entry is written over the old header
    write_entry(moved + LISTPACK_HEADER, plan)
    store32(moved, <uint32_t>size)
    store16(moved + 4, count)
    add_count(moved, 1)
    return moved


cdef void listpack_pop_back(uint8_t* pack) noexcept nogil:
    cdef uint8_t* last = listpack_last(pack)
    last[0] = LISTPACK_END
    store32(pack, <uint32_t>(last + 1 - pack))
    add_count(pack, -1)


cdef uint8_t* listpack_pop_front(uint8_t* pack) noexcept nogil:
    cdef size_t cut = listpack_entry_size(pack + LISTPACK_HEADER)
    cdef size_t size = listpack_size(pack) - cut
    cdef uint16_t count = load16(pack + 4)
    pack += cut
    store32(pack, <uint32_t>size)
    store16(pack + 4, count)
    add_count(pack, -1)
    return pack


cdef uint8_t* listpack_append(heap_t* heap, uint8_t* pack, slice_t value) noexcept nogil:
    cdef listpack_plan_t plan
    plan_text(&plan, value)
    return put_entry(heap, pack, listpack_size(pack) - 1, 0, 1, &plan)


cdef uint8_t* listpack_append_int(heap_t* heap, uint8_t* pack, int64_t value) noexcept nogil:
    cdef listpack_plan_t plan
    plan_int(&plan, value)
    return put_entry(heap, pack, listpack_size(pack) - 1, 0, 1, &plan)


cdef uint8_t* listpack_prepend(heap_t* heap, uint8_t* pack, slice_t value) noexcept nogil:
    cdef listpack_plan_t plan
    plan_text(&plan, value)
    return put_entry(heap, pack, LISTPACK_HEADER, 0, 1, &plan)


cdef uint8_t* listpack_insert_many(heap_t* heap, uint8_t* pack, uint8_t** at,
                                   const listpack_value_t* values, uint32_t count) noexcept nogil:
    cdef listpack_plan_t plan
    cdef size_t size = 0
    cdef size_t place = (at[0] if at[0] != NULL else end_of(pack)) - pack
    cdef uint8_t* out
    cdef uint32_t i
    for i in range(count):
        plan_value(&plan, &values[i])
        size += plan.size
    pack = open_gap(heap, pack, place, 0, size, count)
    out = pack + place
    for i in range(count):              # planned anew: cheaper than keeping the plans
        plan_value(&plan, &values[i])
        write_entry(out, &plan)
        out += plan.size
    at[0] = pack + place
    return pack


cdef uint8_t* listpack_append_many(heap_t* heap, uint8_t* pack, const listpack_value_t* values,
                                   uint32_t count) noexcept nogil:
    cdef uint8_t* at = NULL
    return listpack_insert_many(heap, pack, &at, values, count)


cdef uint8_t* listpack_insert(heap_t* heap, uint8_t* pack, uint8_t** at, slice_t value,
                              bint after) noexcept nogil:
    cdef listpack_plan_t plan
    cdef size_t place = at[0] - pack
    if after:
        place += listpack_entry_size(at[0])
    plan_text(&plan, value)
    pack = put_entry(heap, pack, place, 0, 1, &plan)
    at[0] = pack + place
    return pack


cdef uint8_t* listpack_replace(heap_t* heap, uint8_t* pack, uint8_t** at,
                               slice_t value) noexcept nogil:
    cdef listpack_plan_t plan
    cdef size_t place = at[0] - pack
    plan_text(&plan, value)
    pack = put_entry(heap, pack, place, listpack_entry_size(at[0]), 0, &plan)
    at[0] = pack + place
    return pack


cdef uint8_t* listpack_replace_int(heap_t* heap, uint8_t* pack, uint8_t** at,
                                   int64_t value) noexcept nogil:
    cdef listpack_plan_t plan
    cdef size_t place = at[0] - pack
    plan_int(&plan, value)
    pack = put_entry(heap, pack, place, listpack_entry_size(at[0]), 0, &plan)
    at[0] = pack + place
    return pack


cdef uint64_t run_of(const uint8_t* at, uint64_t count_max, size_t* size) noexcept nogil:
    """How many entries stand from `at` on, count_max at most, and their bytes."""
    cdef const uint8_t* start = at
    cdef uint64_t count = 0
    while count < count_max and at[0] != LISTPACK_END:
        at += listpack_entry_size(at)
        count += 1
    size[0] = at - start
    return count


cdef uint8_t* listpack_delete(heap_t* heap, uint8_t* pack, uint8_t** at,
                              uint64_t count) noexcept nogil:
    cdef size_t place = at[0] - pack
    cdef size_t size
    count = run_of(at[0], count, &size)
    pack = open_gap(heap, pack, place, size, 0, -<int64_t>count)
    at[0] = pack + place if pack[place] != LISTPACK_END else NULL
    return pack


cdef uint8_t* listpack_delete_range(heap_t* heap, uint8_t* pack, int64_t index,
                                    uint64_t count) noexcept nogil:
    cdef uint8_t* at = listpack_seek(pack, index)
    return listpack_delete(heap, pack, &at, count) if at != NULL else pack


cdef uint8_t* listpack_split(heap_t* heap, uint8_t* pack, uint8_t* at,
                             uint8_t** rest) noexcept nogil:
    cdef size_t size
    cdef uint64_t count = run_of(at, <uint64_t>-1, &size)
    rest[0] = <uint8_t*>heap_alloc(heap, LISTPACK_EMPTY + size)
    store32(rest[0], <uint32_t>(LISTPACK_EMPTY + size))
    store16(rest[0] + 4, 0)
    add_count(rest[0], <int64_t>count)
    memcpy(rest[0] + LISTPACK_HEADER, at, size + 1)
    return open_gap(heap, pack, at - pack, size, 0, -<int64_t>count)


cdef uint8_t* insert_range(heap_t* heap, uint8_t* pack, size_t place, const uint8_t* from_at,
                           uint64_t count) noexcept nogil:
    cdef size_t size
    count = run_of(from_at, count, &size)
    pack = open_gap(heap, pack, place, 0, size, <int64_t>count)
    memcpy(pack + place, from_at, size)
    return pack


cdef uint8_t* listpack_append_range(heap_t* heap, uint8_t* pack, const uint8_t* from_at,
                                    uint64_t count) noexcept nogil:
    return insert_range(heap, pack, listpack_size(pack) - 1, from_at, count)


cdef uint8_t* listpack_prepend_range(heap_t* heap, uint8_t* pack, const uint8_t* from_at,
                                     uint64_t count) noexcept nogil:
    return insert_range(heap, pack, LISTPACK_HEADER, from_at, count)


# ---- random

cdef uint8_t* listpack_random(const uint8_t* pack, uint32_t stride, rand_t* rand) noexcept nogil:
    cdef uint64_t groups = listpack_count(pack) // stride
    if groups == 0:
        return NULL
    return listpack_seek(pack, <int64_t>(rand_below(rand, groups) * stride))


cdef uint8_t* listpack_random_next(const uint8_t* pack, uint8_t* at, uint64_t* index,
                                   uint64_t wanted, uint32_t stride, rand_t* rand) noexcept nogil:
    """Each entry is taken with probability wanted / left (Knuth's algorithm S)."""
    cdef uint64_t groups = listpack_count(pack) // stride
    cdef uint32_t i
    cdef bint skip = at != NULL         # the entry of the last call, which was chosen
    if at == NULL:
        at = listpack_first(pack)
    while index[0] < groups:
        if skip:
            for i in range(stride):
                at += listpack_entry_size(at)
        skip = True
        index[0] += 1
        if rand_below(rand, groups - index[0] + 1) < wanted:
            return at
    return NULL


# ---- untrusted bytes

cdef inline size_t old_backlen_size(size_t size) noexcept nogil:
    """Redis 7's: at three sizes one byte more than is needed."""
    return listpack_backlen_size(size) + (size == 16383 or size == 2097151 or size == 268435455)


cdef size_t checked_size(const uint8_t* at, size_t left, bint old) noexcept nogil:
    """The size of the entry in at[0:left], or 0 when it is none or reaches beyond `left`."""
    cdef uint8_t kind = at[0]
    cdef size_t bare, back, said, place
    if kind > INT_64 or (kind == TEXT_32 and left < 5) or (kind & 0xF0 == TEXT_12 and left < 2):
        return 0
    bare = listpack_bare_size(at)
    back = old_backlen_size(bare) if old else listpack_backlen_size(bare)
    if bare + back > left:
        return 0
    said = 0
    for place in range(back):
        if (at[bare + place] & 128 != 0) != (place != 0):
            return 0
        said = said << 7 | (at[bare + place] & 127)
    return bare + back if said == bare else 0


cdef bint check(const uint8_t* data, size_t size, bint old, uint64_t* count) noexcept nogil:
    cdef size_t place = LISTPACK_HEADER
    cdef size_t step
    cdef uint64_t seen = 0
    if size < LISTPACK_EMPTY or load32(data) != size:
        return False
    while place < size - 1:             # the last byte is the end's
        if data[place] == LISTPACK_END:
            return False
        step = checked_size(data + place, size - 1 - place, old)
        if step == 0:
            return False
        place += step
        seen += 1
    if data[size - 1] != LISTPACK_END:
        return False
    if load16(data + 4) != LISTPACK_COUNT_UNKNOWN and load16(data + 4) != seen:
        return False
    if count != NULL:
        count[0] = seen
    return True


cdef bint listpack_valid(const uint8_t* data, size_t size, uint64_t* count) noexcept nogil:
    return check(data, size, False, count)


cdef uint8_t* listpack_read(heap_t* heap, const uint8_t* data, size_t size,
                            uint64_t* count) noexcept nogil:
    cdef uint8_t* pack
    cdef listpack_value_t value
    cdef const uint8_t* at
    if check(data, size, False, count):
        return listpack_copy(heap, data)
    if size > LISTPACK_SIZE_SAFE or not check(data, size, True, count):
        return NULL
    pack = listpack_create(heap)
    at = data + LISTPACK_HEADER
    while at[0] != LISTPACK_END:
        listpack_value(at, &value)
        pack = listpack_append_many(heap, pack, &value, 1)
        at += listpack_bare_size(at) + old_backlen_size(listpack_bare_size(at))
    return pack
