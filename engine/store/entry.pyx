"""One key and its value.

The header is a word and a byte; sizes follow in one byte each while they are small, which they
nearly always are. A value up to ENTRY_INLINE_MAX bytes travels in the entry: one block, one
miss. Strings that grow (APPEND, SETRANGE, SETBIT) move to a body with slack, so that growing is
amortised and the entry, and with it the table, stays where it is.

Invariants
    N1  an int value is encoded int, and only then
    N2  flags tell the layout; no function here trusts anything else
    N3  entry_size is what the block was asked for, so that it can be given back
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, strlen

from ..core.heap cimport (
    heap_alloc, heap_block_size, heap_free, heap_realloc,
)
from ..core.intrinsics cimport kvd_assert, kvd_static_assert
from ..core.number cimport equal_nocase, parse_int64
from .value cimport value_copy, value_memory, value_release

cdef enum:
    INT_DIGITS_MAX = 20
    # What a short string costs in the server we follow: it is called embstr while its object,
    # with headers, fits two cache lines. Valkey 9.1, asked by OBJECT ENCODING.
    EMBED_MAX = 128
    EMBED_HEADER = 8 + 1 + 4


cdef void copy(char* target, slice_t bytes) noexcept nogil:
    if bytes.size:                      # memcpy takes no NULL, even for nothing
        memcpy(target, bytes.data, bytes.size)


cdef const char* TYPE_NAMES[7]
TYPE_NAMES[:] = [b"string", b"list", b"set", b"zset", b"hash", NULL, b"stream"]

cdef const char* ENCODING_NAMES[9]
ENCODING_NAMES[:] = [b"raw", b"int", b"embstr", b"listpack", b"quicklist", b"hashtable",
                     b"intset", b"skiplist", b"stream"]


cdef const char* type_name(type_t type) noexcept nogil:
    return TYPE_NAMES[<int>type]


cdef const char* encoding_name(encoding_t encoding) noexcept nogil:
    return ENCODING_NAMES[<int>encoding]


cdef bint type_by_name(slice_t name, type_t* out) noexcept nogil:
    cdef int i
    for i in range(7):
        if TYPE_NAMES[i] is not NULL and equal_nocase(name.data, name.size, TYPE_NAMES[i],
                                                      strlen(TYPE_NAMES[i])):
            out[0] = <type_t>i
            return True
    return False


cdef entry_t* create(heap_t* heap, slice_t key, size_t value_size, uint8_t form,
                     type_t type, encoding_t encoding, int64_t deadline_ms,
                     uint32_t access) noexcept nogil:
    """A block with everything but its value. `form`: ENTRY_INT, ENTRY_BODY or 0 for bytes."""
    cdef uint8_t flags = form
    cdef size_t size = 5
    cdef char* at
    cdef entry_t* entry
    kvd_static_assert(sizeof(entry_t) == 5)
    kvd_assert(key.size <= 0xFFFFFFFFU)
    if deadline_ms != NO_DEADLINE:
        flags |= ENTRY_DEADLINE
        size += 8
    if key.size > 255:
        flags |= ENTRY_LONG_KEY
    size += 4 if flags & ENTRY_LONG_KEY else 1
    if form == 0:
        if value_size > 255:
            flags |= ENTRY_LONG_VALUE
        size += 4 if flags & ENTRY_LONG_VALUE else 1
    size += key.size + value_size
    entry = <entry_t*>heap_alloc(heap, size)
    entry.meta = access | <uint32_t>type << 24 | <uint32_t>encoding << 28
    entry.flags = flags
    at = <char*>entry + 5
    if flags & ENTRY_DEADLINE:
        store64(at, <uint64_t>deadline_ms)
        at += 8
    if flags & ENTRY_LONG_KEY:
        store32(at, <uint32_t>key.size)
        at += 4
    else:
        at[0] = <char>key.size
        at += 1
    if form == 0:
        if flags & ENTRY_LONG_VALUE:
            store32(at, <uint32_t>value_size)
            at += 4
        else:
            at[0] = <char>value_size
            at += 1
    copy(at, key)
    return entry


cdef inline encoding_t bytes_encoding(slice_t key, slice_t value, bint volatile) noexcept nogil:
    cdef size_t key_header = 2 if key.size < 32 else 4 if key.size < 256 else 6
    if (EMBED_HEADER + key_header + key.size + value.size + (8 if volatile else 0)) <= EMBED_MAX:
        return ENC_EMBSTR
    return ENC_RAW


cdef encoding_t string_encoding(slice_t key, slice_t value, bint volatile,
                                int64_t* number) noexcept nogil:
    if 0 < value.size <= INT_DIGITS_MAX and parse_int64(value.data, value.size, number):
        return ENC_INT
    return bytes_encoding(key, value, volatile)


cdef entry_t* entry_create_string(heap_t* heap, slice_t key, slice_t value, int64_t deadline_ms,
                                  uint32_t access) noexcept nogil:
    cdef int64_t number
    if 0 < value.size <= INT_DIGITS_MAX and parse_int64(value.data, value.size, &number):
        return entry_create_int(heap, key, number, deadline_ms, access)
    return entry_create_bytes(heap, key, value, deadline_ms, access)


cdef entry_t* entry_create_bytes(heap_t* heap, slice_t key, slice_t value, int64_t deadline_ms,
                                 uint32_t access) noexcept nogil:
    cdef encoding_t encoding = bytes_encoding(key, value, False)
    cdef entry_t* entry
    if value.size > ENTRY_INLINE_MAX:
        return entry_create_raw(heap, key, value, value.size, deadline_ms, access)
    entry = create(heap, key, value.size, 0, TYPE_STRING, encoding, deadline_ms, access)
    copy(entry_value(entry), value)
    return entry


cdef entry_t* entry_create_int(heap_t* heap, slice_t key, int64_t value, int64_t deadline_ms,
                               uint32_t access) noexcept nogil:
    cdef entry_t* entry = create(heap, key, 8, ENTRY_INT, TYPE_STRING, ENC_INT, deadline_ms, access)
    entry_set_int(entry, value)
    return entry


cdef entry_t* entry_create_raw(heap_t* heap, slice_t key, slice_t value, size_t size_max,
                               int64_t deadline_ms, uint32_t access) noexcept nogil:
    return entry_create_body_take(heap, key, TYPE_STRING, ENC_RAW,
                                  raw_create(heap, value, size_max), deadline_ms, access)


cdef entry_t* entry_create_body_take(heap_t* heap, slice_t key, type_t type, encoding_t encoding,
                                     void* body, int64_t deadline_ms,
                                     uint32_t access) noexcept nogil:
    cdef entry_t* entry = create(heap, key, 8, ENTRY_BODY, type, encoding, deadline_ms, access)
    entry_set_body(entry, body)
    return entry


cdef entry_t* entry_rewrite_take(heap_t* heap, entry_t* entry, slice_t key,
                                 int64_t deadline_ms) noexcept nogil:
    cdef uint8_t form = entry.flags & (ENTRY_INT | ENTRY_BODY)
    cdef encoding_t encoding = entry_encoding(entry)
    cdef slice_t value
    cdef entry_t* fresh
    value.data = entry_value(entry)
    value.size = entry_value_size(entry)
    if form == 0 and encoding == ENC_EMBSTR:    # no longer, under a longer key
        encoding = bytes_encoding(key, value, False)
    fresh = create(heap, key, value.size, form, entry_type(entry), encoding,
                   deadline_ms, entry_access(entry))
    copy(entry_value(fresh), value)
    heap_free(heap, entry, entry_size(entry))
    return fresh


cdef raw_t* raw_create(heap_t* heap, slice_t value, size_t size_max) noexcept nogil:
    cdef size_t block = heap_block_size(sizeof(raw_t) + size_max)
    cdef raw_t* raw = <raw_t*>heap_alloc(heap, block)
    kvd_assert(value.size <= size_max)
    raw.size = value.size
    raw.size_max = block - sizeof(raw_t)
    copy(raw.data, value)
    return raw


cdef raw_t* raw_resize(heap_t* heap, raw_t* raw, size_t size_max) noexcept nogil:
    cdef size_t block = heap_block_size(sizeof(raw_t) + size_max)
    kvd_assert(raw.size <= size_max)
    raw = <raw_t*>heap_realloc(heap, raw, sizeof(raw_t) + raw.size_max, block)
    raw.size_max = block - sizeof(raw_t)
    return raw


cdef void raw_release(heap_t* heap, raw_t* raw) noexcept nogil:
    heap_free(heap, raw, sizeof(raw_t) + raw.size_max)


cdef void entry_release(heap_t* heap, entry_t* entry) noexcept nogil:
    if entry.flags & ENTRY_BODY:
        if entry_type(entry) == TYPE_STRING:
            raw_release(heap, <raw_t*>entry_body(entry))
        else:
            while value_release(heap, entry_type(entry), entry_encoding(entry), entry_body(entry),
                                ~<size_t>0):
                pass
    heap_free(heap, entry, entry_size(entry))


cdef size_t entry_memory(const entry_t* entry, size_t samples) noexcept nogil:
    cdef size_t size = heap_block_size(entry_size(entry))
    if not entry.flags & ENTRY_BODY:
        return size
    if entry_type(entry) == TYPE_STRING:
        return size + heap_block_size(sizeof(raw_t) + (<raw_t*>entry_body(entry)).size_max)
    return size + value_memory(entry_type(entry), entry_encoding(entry), entry_body(entry),
                               samples)


cdef entry_t* entry_copy(heap_t* heap, const entry_t* entry, slice_t key,
                         uint32_t access) noexcept nogil:
    cdef char scratch[INT_TEXT_MAX]
    cdef int64_t deadline_ms = entry_deadline(entry)
    cdef slice_t value
    if entry_type(entry) != TYPE_STRING:
        return entry_create_body_take(
            heap, key, entry_type(entry), entry_encoding(entry),
            value_copy(heap, entry_type(entry), entry_encoding(entry), entry_body(entry)),
            deadline_ms, access)
    if entry.flags & ENTRY_INT:
        return entry_create_int(heap, key, entry_int(entry), deadline_ms, access)
    value = entry_string(entry, scratch)
    if entry.flags & ENTRY_BODY:
        return entry_create_raw(heap, key, value, value.size, deadline_ms, access)
    return entry_create_string(heap, key, value, deadline_ms, access)
