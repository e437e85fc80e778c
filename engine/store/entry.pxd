"""One key and its value: a single block of memory.

    meta 4 | flags 1 | [deadline 8] | key_size 1 or 4 | value_size 0, 1 or 4 | key | value

Terms
    entry     a key with its value; the item of the keyspace's table
    value     in one of three forms: bytes, stored here; an int64, stored here; or the address of
              a body of its own (8 bytes)
    body      a block outside the entry: raw_t for a string that grows or is large; other types
              have theirs
    access    24 bits for eviction: LRU seconds, or LFU minutes (16) and counter (8)
    encoding  the name that OBJECT ENCODING tells

A 16-byte key with a 32-byte value takes 55 bytes, 63 with a deadline. Nothing in an entry is
aligned but its start: read through these functions only.
An entry belongs to its keyspace. A pointer to one, or into one, dies at the next call that
writes this key, or frees memory for it: keyspace functions say when.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from ..core.heap cimport heap_t
from ..core.intrinsics cimport load32, load64, store32, store64
from ..core.number cimport format_int64
from ..core.table cimport NO_DEADLINE
from ..core.types cimport slice_t
from .value cimport (
    ENC_EMBSTR, ENC_HASHTABLE, ENC_INT, ENC_INTSET, ENC_LISTPACK, ENC_QUICKLIST, ENC_RAW,
    ENC_SKIPLIST, ENC_STREAM, TYPE_HASH, TYPE_LIST, TYPE_SET, TYPE_STREAM, TYPE_STRING, TYPE_ZSET,
    encoding_t, type_t,
)

cdef enum:
    ENTRY_DEADLINE = 1                  # flags
    ENTRY_LONG_KEY = 2                  # key_size in 4 bytes
    ENTRY_LONG_VALUE = 4                # value_size in 4 bytes
    ENTRY_INT = 8                       # value is an int64: no value_size
    ENTRY_BODY = 16                     # value is an address: no value_size
    ENTRY_COPYING = 32                  # a snapshot is still to write its value, as it is

    ENTRY_INLINE_MAX = 512              # bytes: longer strings live in a body of their own
    INT_TEXT_MAX = 24                   # bytes that entry_string may need for an int

cdef packed struct entry_t:
    uint32_t meta                       # access 24 | type 4 | encoding 4
    uint8_t flags

cdef struct raw_t:
    size_t size
    size_t size_max                     # bytes that data has room for
    char data[0]

# -- reading ------------------------------------------------------------------------------------

cdef inline type_t entry_type(const entry_t* entry) noexcept nogil:
    return <type_t>((entry.meta >> 24) & 15)

cdef inline encoding_t entry_encoding(const entry_t* entry) noexcept nogil:
    return <encoding_t>(entry.meta >> 28)

cdef inline uint32_t entry_access(const entry_t* entry) noexcept nogil:
    return entry.meta & 0xFFFFFF

cdef inline void entry_set_access(entry_t* entry, uint32_t access) noexcept nogil:
    entry.meta = (entry.meta & 0xFF000000U) | access

cdef inline void entry_set_encoding(entry_t* entry, encoding_t encoding) noexcept nogil:
    entry.meta = (entry.meta & 0x0FFFFFFF) | <uint32_t>encoding << 28

cdef inline int64_t entry_deadline(const entry_t* entry) noexcept nogil:
    """Milliseconds since the epoch, or NO_DEADLINE."""
    if entry.flags & ENTRY_DEADLINE:
        return <int64_t>load64(<const char*>entry + 5)
    return NO_DEADLINE

# Where the sizes start.
cdef inline const char* entry_sizes(const entry_t* entry) noexcept nogil:
    return <const char*>entry + (13 if entry.flags & ENTRY_DEADLINE else 5)

cdef inline slice_t entry_key(const entry_t* entry) noexcept nogil:
    cdef const char* at = entry_sizes(entry)
    cdef slice_t key
    if entry.flags & ENTRY_LONG_KEY:
        key.size = load32(at)
        at += 4
    else:
        key.size = <uint8_t>at[0]
        at += 1
    if not entry.flags & (ENTRY_INT | ENTRY_BODY):
        at += 4 if entry.flags & ENTRY_LONG_VALUE else 1
    key.data = at
    return key

# Where the value starts: bytes, int64 or address, by flags.
cdef inline char* entry_value(const entry_t* entry) noexcept nogil:
    cdef slice_t key = entry_key(entry)
    return <char*>key.data + key.size

cdef inline size_t entry_value_size(const entry_t* entry) noexcept nogil:
    """Bytes of the value in this block."""
    cdef const char* at
    if entry.flags & (ENTRY_INT | ENTRY_BODY):
        return 8
    at = entry_sizes(entry) + (4 if entry.flags & ENTRY_LONG_KEY else 1)
    return load32(at) if entry.flags & ENTRY_LONG_VALUE else <uint8_t>at[0]

cdef inline size_t entry_size(const entry_t* entry) noexcept nogil:
    """Bytes of the block, as it was asked for."""
    return <size_t>(entry_value(entry) - <char*>entry) + entry_value_size(entry)

cdef inline int64_t entry_int(const entry_t* entry) noexcept nogil:
    """With ENTRY_INT."""
    return <int64_t>load64(entry_value(entry))

cdef inline void entry_set_int(entry_t* entry, int64_t value) noexcept nogil:
    """With ENTRY_INT."""
    store64(entry_value(entry), <uint64_t>value)

cdef inline void* entry_body(const entry_t* entry) noexcept nogil:
    """With ENTRY_BODY."""
    return <void*>load64(entry_value(entry))

cdef inline void entry_set_body(entry_t* entry, void* body) noexcept nogil:
    """With ENTRY_BODY; the entry owns it from here on."""
    store64(entry_value(entry), <uint64_t>body)

cdef inline slice_t entry_string(const entry_t* entry, char* scratch) noexcept nogil:
    """The bytes of a string. `scratch` (INT_TEXT_MAX) is used when it is stored as an int."""
    cdef slice_t value
    cdef raw_t* raw
    if entry.flags & ENTRY_INT:
        value.size = <size_t>format_int64(scratch, entry_int(entry))
        value.data = scratch
    elif entry.flags & ENTRY_BODY:
        raw = <raw_t*>entry_body(entry)
        value.size = raw.size
        value.data = raw.data
    else:
        value.size = entry_value_size(entry)
        value.data = entry_value(entry)
    return value

cdef inline size_t entry_string_size(const entry_t* entry) noexcept nogil:
    cdef char scratch[24]
    if entry.flags & ENTRY_BODY:
        return (<raw_t*>entry_body(entry)).size
    if entry.flags & ENTRY_INT:
        return <size_t>format_int64(scratch, entry_int(entry))
    return entry_value_size(entry)

# What TYPE and OBJECT ENCODING say.
cdef const char* type_name(type_t type) noexcept nogil
cdef const char* encoding_name(encoding_t encoding) noexcept nogil
# The type of that name, any letter case; False when there is none.
cdef bint type_by_name(slice_t name, type_t* out) noexcept nogil

# -- making: new blocks that no table knows yet ---------------------------------------------------

# The encoding a string is stored with: int when it is one, else embstr when short, else raw.
# `volatile` when it replaces a value whose key has a deadline: eight bytes less are short then.
# That is what Valkey shows: it makes the value first and gives the key its deadline afterwards.
cdef encoding_t string_encoding(slice_t key, slice_t value, bint volatile,
                                int64_t* number) noexcept nogil
cdef entry_t* entry_create_string(heap_t* heap, slice_t key, slice_t value, int64_t deadline_ms,
                                  uint32_t access) noexcept nogil
# Likewise, but kept as bytes even where they spell an int.
cdef entry_t* entry_create_bytes(heap_t* heap, slice_t key, slice_t value, int64_t deadline_ms,
                                 uint32_t access) noexcept nogil
# A string whose encoding is raw whatever its content, in a body with room for size_max bytes.
cdef entry_t* entry_create_raw(heap_t* heap, slice_t key, slice_t value, size_t size_max,
                               int64_t deadline_ms, uint32_t access) noexcept nogil
cdef entry_t* entry_create_int(heap_t* heap, slice_t key, int64_t value, int64_t deadline_ms,
                               uint32_t access) noexcept nogil
# Another type's value; takes the body.
cdef entry_t* entry_create_body_take(heap_t* heap, slice_t key, type_t type, encoding_t encoding,
                                     void* body, int64_t deadline_ms,
                                     uint32_t access) noexcept nogil
# The same value under another key or deadline. Takes the old entry's body; frees its block.
cdef entry_t* entry_rewrite_take(heap_t* heap, entry_t* entry, slice_t key,
                                 int64_t deadline_ms) noexcept nogil
# What a body that has to hold `size` bytes, and has grown before, is given: as much again while
# that is little, then a sixteenth more.
cdef inline size_t raw_grown_size(size_t size) noexcept nogil:
    return size + (size if size < (1 << 20) else size >> 4)
cdef raw_t* raw_create(heap_t* heap, slice_t value, size_t size_max) noexcept nogil
# Room for size_max bytes; the block may move.
cdef raw_t* raw_resize(heap_t* heap, raw_t* raw, size_t size_max) noexcept nogil
cdef void raw_release(heap_t* heap, raw_t* raw) noexcept nogil
# The entry and its body, in one go whatever its size.
cdef void entry_release(heap_t* heap, entry_t* entry) noexcept nogil
# Bytes of the entry's block and body at class sizes: what freeing it gives back. An aggregate's are
# estimated from so many of its elements; 0: all.
cdef size_t entry_memory(const entry_t* entry, size_t samples) noexcept nogil
# An equal value under another key, with the same deadline and encoding.
cdef entry_t* entry_copy(heap_t* heap, const entry_t* entry, slice_t key,
                         uint32_t access) noexcept nogil
