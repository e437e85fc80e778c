"""A listpack: many small values in one block, in the byte format of Valkey and Redis.

Terms
    pack      the block: a header of 6 bytes, entries, and a byte 0xFF; owned by whoever created it
    at        the address of an entry in its pack; dies at the next change of the pack
    value     bytes, or an integer of 64 bits: a text that is exactly what we would write for an
              integer is kept as one, and comes back as the same text
    index     0 is the first entry, -1 the last

    pack:   | size u32 | count u16 | entry | entry | ... | FF |
    entry:  | encoding | data | backlen: size of what stands before it, read from the right |

Everything that changes a pack takes it and returns it: the block may have moved. A block is exactly
as large as its header says, so the pack itself is all that heap_free needs. The values handed in
must not lie in the pack which is changed. The bytes are written raw into dump files, so they are
never anything else than valid; bytes from outside are asked with listpack_valid first.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from .heap cimport heap_t
from .intrinsics cimport load16, load32
from .number cimport format_int64
from .rand cimport rand_t
from .types cimport slice_t

cdef enum:
    LISTPACK_HEADER = 6
    LISTPACK_EMPTY = 7                  # bytes of a pack without entries
    LISTPACK_END = 0xFF
    LISTPACK_COUNT_UNKNOWN = 65535      # in the header: count them
    LISTPACK_OVERHEAD = 10              # bytes of an entry beside its text, at most
    LISTPACK_SIZE_SAFE = 1 << 30        # bytes; callers change to another encoding before

cdef struct listpack_value_t:
    slice_t text                        # borrowed; data NULL when the value is the number
    int64_t number

cdef struct listpack_plan_t:            # an entry that is about to be written
    size_t size                         # of the entry with its backlen
    size_t bare                         # of encoding and data
    slice_t text                        # borrowed: copied behind the head; size 0 for an integer
    uint32_t head_size
    uint8_t head[9]                     # an integer with its encoding, or a text's encoding

# ---- life
cdef uint8_t* listpack_create(heap_t* heap) noexcept nogil
# A copy of valid bytes.
cdef uint8_t* listpack_copy(heap_t* heap, const uint8_t* pack) noexcept nogil
cdef void listpack_release(heap_t* heap, uint8_t* pack) noexcept nogil

# ---- sizes
cdef inline uint32_t listpack_size(const uint8_t* pack) noexcept nogil:
    """Bytes of the whole block."""
    return load32(pack)

# Entries; walks the pack when there are 65535 or more.
cdef uint64_t listpack_count(const uint8_t* pack) noexcept nogil
# Bytes that a value would take as an entry.
cdef size_t listpack_cost(slice_t value) noexcept nogil
cdef size_t listpack_cost_int(int64_t value) noexcept nogil

cdef inline bint listpack_is_safe(const uint8_t* pack, size_t more) noexcept nogil:
    """Whether `more` bytes of values can be added; NULL is an empty pack."""
    return (listpack_size(pack) if pack != NULL else 0) + more <= LISTPACK_SIZE_SAFE

# Write one entry where there is room for it, LISTPACK_OVERHEAD bytes more than its text; returns
# where the next one goes. For whoever keeps a block that is larger than its pack, and its header.
cdef uint8_t* listpack_write(uint8_t* at, slice_t value) noexcept nogil
cdef uint8_t* listpack_write_int(uint8_t* at, int64_t value) noexcept nogil

# ---- walking; NULL where there is no such entry
cdef inline size_t listpack_backlen_size(size_t size) noexcept nogil:
    """Bytes of the backlen behind `size` bytes of encoding and data."""
    return 1 if size <= 127 else 2 if size <= 16383 else 3 if size <= 2097151 \
        else 4 if size <= 268435455 else 5


cdef inline size_t listpack_bare_size(const uint8_t* at) noexcept nogil:
    """Bytes of an entry's encoding and data."""
    cdef uint8_t kind = at[0]
    if kind < 0x80:
        return 1
    if kind < 0xC0:
        return 1 + (kind & 0x3F)
    if kind < 0xE0:
        return 2
    if kind < 0xF0:
        return 2 + (<size_t>(kind & 0x0F) << 8 | at[1])
    if kind == 0xF0:
        return 5 + <size_t>load32(at + 1)
    return 3 if kind == 0xF1 else 4 if kind == 0xF2 else 5 if kind == 0xF3 else 9


cdef inline size_t listpack_entry_size(const uint8_t* at) noexcept nogil:
    cdef size_t size = listpack_bare_size(at)
    return size + listpack_backlen_size(size)


cdef inline uint8_t* listpack_first(const uint8_t* pack) noexcept nogil:
    return <uint8_t*>pack + LISTPACK_HEADER if pack[LISTPACK_HEADER] != LISTPACK_END else NULL


cdef inline uint8_t* listpack_next(const uint8_t* at) noexcept nogil:
    """The entry behind `at`."""
    at += listpack_entry_size(at)
    return <uint8_t*>at if at[0] != LISTPACK_END else NULL

cdef uint8_t* listpack_prev(const uint8_t* pack, const uint8_t* at) noexcept nogil
cdef uint8_t* listpack_last(const uint8_t* pack) noexcept nogil
# From the nearer end, when the header knows the count.
cdef uint8_t* listpack_seek(const uint8_t* pack, int64_t index) noexcept nogil

# ---- reading
cdef void listpack_value(const uint8_t* at, listpack_value_t* value) noexcept nogil

cdef inline slice_t listpack_value_text(const listpack_value_t* value,
                                        char* scratch) noexcept nogil:
    """A value as bytes; a number is written into scratch[0:FORMAT_INT_MAX]."""
    if value.text.data is not NULL:
        return value.text
    return slice_t(&scratch[0], <size_t>format_int64(scratch, value.number))

# Bytes in the pack, or an integer written into scratch[0:FORMAT_INT_MAX].
cdef slice_t listpack_get(const uint8_t* at, char* scratch) noexcept nogil
# True for an integer; a text leaves *number alone.
cdef bint listpack_int(const uint8_t* at, int64_t* number) noexcept nogil
cdef bint listpack_equal(const uint8_t* at, slice_t value) noexcept nogil
# The first entry that equals `value`, from `at` on (NULL finds nothing), with `skip` entries
# between two that are compared.
cdef uint8_t* listpack_find(const uint8_t* at, slice_t value, uint32_t skip) noexcept nogil
# In a pack of fields and values by turns: the value's entry of a field.
cdef uint8_t* listpack_find_pair(const uint8_t* pack, slice_t field) noexcept nogil

# ---- changing
cdef uint8_t* listpack_append(heap_t* heap, uint8_t* pack, slice_t value) noexcept nogil
cdef uint8_t* listpack_append_int(heap_t* heap, uint8_t* pack, int64_t value) noexcept nogil
cdef uint8_t* listpack_prepend(heap_t* heap, uint8_t* pack, slice_t value) noexcept nogil
# Several at once, with one move of the block; what listpack_value read may be handed in.
cdef uint8_t* listpack_append_many(heap_t* heap, uint8_t* pack, const listpack_value_t* values,
                                   uint32_t count) noexcept nogil
# Before *at, or with *at NULL at the end; *at becomes the first new entry.
cdef uint8_t* listpack_insert_many(heap_t* heap, uint8_t* pack, uint8_t** at,
                                   const listpack_value_t* values, uint32_t count) noexcept nogil
# Before or after *at, which becomes the new entry.
cdef uint8_t* listpack_insert(heap_t* heap, uint8_t* pack, uint8_t** at, slice_t value,
                              bint after) noexcept nogil
# *at becomes the new entry.
cdef uint8_t* listpack_replace(heap_t* heap, uint8_t* pack, uint8_t** at,
                               slice_t value) noexcept nogil
cdef uint8_t* listpack_replace_int(heap_t* heap, uint8_t* pack, uint8_t** at,
                                   int64_t value) noexcept nogil
# `count` entries from *at on, or as many as there are; *at becomes the entry behind, or NULL.
cdef uint8_t* listpack_delete(heap_t* heap, uint8_t* pack, uint8_t** at,
                              uint64_t count) noexcept nogil
cdef uint8_t* listpack_delete_range(heap_t* heap, uint8_t* pack, int64_t index,
                                    uint64_t count) noexcept nogil
# Cut before `at`: the pack keeps what comes before, the new pack *rest gets the others.
cdef uint8_t* listpack_split(heap_t* heap, uint8_t* pack, uint8_t* at,
                             uint8_t** rest) noexcept nogil
# Entries of another pack, `count` from `from_at` on or as many as there are, before or behind ours.
cdef uint8_t* listpack_append_range(heap_t* heap, uint8_t* pack, const uint8_t* from_at,
                                    uint64_t count) noexcept nogil
cdef uint8_t* listpack_prepend_range(heap_t* heap, uint8_t* pack, const uint8_t* from_at,
                                     uint64_t count) noexcept nogil

# ---- at the ends, for an owner who keeps room beside a pack, and its size: no block is touched
cdef void listpack_plan(listpack_plan_t* plan, slice_t value) noexcept nogil
# plan.size bytes behind the pack are free.
cdef void listpack_push_back(uint8_t* pack, const listpack_plan_t* plan) noexcept nogil
# plan.size bytes before the pack are free; returns where it begins now.
cdef uint8_t* listpack_push_front(uint8_t* pack, const listpack_plan_t* plan) noexcept nogil
# Of a pack that has entries. In front it begins later.
cdef void listpack_pop_back(uint8_t* pack) noexcept nogil
cdef uint8_t* listpack_pop_front(uint8_t* pack) noexcept nogil

# ---- random; a stride of 2 chooses among the fields of fields and values
cdef uint8_t* listpack_random(const uint8_t* pack, uint32_t stride, rand_t* rand) noexcept nogil
# For `wanted` different ones, in order: begin with *at NULL and *index 0, and call while `wanted`,
# the number still to come, is above 0. Every choice is equally probable.
cdef uint8_t* listpack_random_next(const uint8_t* pack, uint8_t* at, uint64_t* index,
                                   uint64_t wanted, uint32_t stride, rand_t* rand) noexcept nogil

# ---- untrusted bytes
# Every byte is looked at: header, each entry's encoding, size and backlen, the end, the count.
# True: it can be used with all of the above. *count may be NULL.
cdef bint listpack_valid(const uint8_t* data, size_t size, uint64_t* count) noexcept nogil
# A pack of our own with the same values, or NULL when the bytes are not valid. *count as above.
# Also reads what Redis 7 writes, whose backlen is a byte longer at three sizes of an entry.
cdef uint8_t* listpack_read(heap_t* heap, const uint8_t* data, size_t size,
                            uint64_t* count) noexcept nogil
