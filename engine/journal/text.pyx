"""Values as commands.

A string is one SET with its deadline. An aggregate is made in pieces of TEXT_ITEMS_MAX items, and
its deadline is a PEXPIREAT behind them: between two commands of a base nobody looks.
"""
from libc.stdint cimport uint64_t
from libc.string cimport strlen

from ..core.buf cimport buf_append_bulk, buf_append_header
from ..core.listpack cimport listpack_value_t, listpack_value_text
from ..core.number cimport FORMAT_DOUBLE_MAX, FORMAT_INT_MAX, format_double, format_int64
from ..core.table cimport NO_DEADLINE
from ..store.entry cimport (
    ENTRY_DEADLINE, INT_TEXT_MAX, TYPE_HASH, TYPE_LIST, TYPE_SET, TYPE_STREAM, TYPE_STRING,
    TYPE_ZSET, entry_body, entry_deadline, entry_encoding, entry_key, entry_string, entry_type,
    type_t,
)
from ..store.hash cimport (
    hash_count, hash_due_ms, hash_next, hash_t, hash_view, hash_walk, hash_walk_deadline,
    hash_walk_t,
)
from ..store.list cimport (
    list_at_t, list_count, list_get, list_next, list_seek, list_value_t, list_view,
)
from ..store.set cimport set_count, set_next, set_t, set_view, set_walk, set_walk_t
from ..store.zset cimport (
    zset_count, zset_item_t, zset_next, zset_t, zset_view, zset_walk_rank, zset_walk_t,
)
from .text_stream cimport text_write_stream


cdef void text_start(buf_t* out, int argc, const char* name) noexcept nogil:
    buf_append_header(out, c'*', argc)
    buf_append_bulk(out, slice_t(name, strlen(name)))


cdef void text_put(buf_t* out, slice_t arg) noexcept nogil:
    buf_append_bulk(out, arg)


cdef void text_put_int(buf_t* out, int64_t arg) noexcept nogil:
    cdef char text[FORMAT_INT_MAX]
    buf_append_bulk(out, slice_t(&text[0], <size_t>format_int64(text, arg)))


cdef int start_piece(buf_t* out, const char* name, slice_t key, uint64_t left,
                     int words) noexcept nogil:
    """A command for the next items, of `words` words each. Returns how many items it takes."""
    cdef int count = <int>(left if left < TEXT_ITEMS_MAX else TEXT_ITEMS_MAX)
    text_start(out, 2 + count * words, name)
    text_put(out, key)
    return count


cdef void put_string(buf_t* out, const entry_t* entry) noexcept nogil:
    cdef char scratch[INT_TEXT_MAX]
    cdef bint dies = entry.flags & ENTRY_DEADLINE != 0
    text_start(out, 5 if dies else 3, b"SET")
    text_put(out, entry_key(entry))
    text_put(out, entry_string(entry, scratch))
    if dies:
        text_put(out, slice_t(b"PXAT", 4))
        text_put_int(out, entry_deadline(entry))


cdef void put_list(buf_t* out, const entry_t* entry) noexcept nogil:
    cdef list_value_t list
    cdef list_at_t at
    cdef char scratch[FORMAT_INT_MAX]
    cdef uint64_t left
    cdef int piece = 0
    cdef bint more
    list_view(&list, entry_encoding(entry), entry_body(entry))
    left = list_count(&list)
    more = list_seek(&list, 0, &at)
    while more:
        if piece == 0:
            piece = start_piece(out, b"RPUSH", entry_key(entry), left, 1)
        text_put(out, list_get(&at, scratch))
        piece -= 1
        left -= 1
        more = list_next(&list, &at)


cdef void put_zset(buf_t* out, const entry_t* entry) noexcept nogil:
    cdef zset_t zset
    cdef zset_walk_t walk
    cdef zset_item_t item
    cdef char score[FORMAT_DOUBLE_MAX]
    cdef uint64_t left
    cdef int piece = 0
    zset_view(&zset, entry_encoding(entry), entry_body(entry))
    left = zset_count(&zset)
    zset_walk_rank(&zset, &walk, 0, False)
    while zset_next(&walk, &item):
        if piece == 0:
            piece = start_piece(out, b"ZADD", entry_key(entry), left, 2)
        text_put(out, slice_t(&score[0], <size_t>format_double(score, item.score)))
        text_put(out, item.member)
        piece -= 1
        left -= 1


cdef void put_set(buf_t* out, const entry_t* entry) noexcept nogil:
    cdef set_t set
    cdef set_walk_t walk
    cdef listpack_value_t member
    cdef char scratch[FORMAT_INT_MAX]
    cdef uint64_t left
    cdef int piece = 0
    set_view(&set, entry_encoding(entry), entry_body(entry))
    left = set_count(&set)
    set_walk(&walk, &set)
    while set_next(&walk, &member):
        if piece == 0:
            piece = start_piece(out, b"SADD", entry_key(entry), left, 1)
        text_put(out, listpack_value_text(&member, scratch))
        piece -= 1
        left -= 1


cdef void put_hash(buf_t* out, const entry_t* entry) noexcept nogil:
    """Fields, and behind each that dies, its deadline. Dead ones too: their HDEL is to come."""
    cdef hash_t hash
    cdef hash_walk_t walk
    cdef listpack_value_t field, value
    cdef char scratch[FORMAT_INT_MAX]
    cdef int64_t deadline_ms
    hash_view(&hash, entry_encoding(entry), entry_body(entry))
    put_fields(out, entry, &hash)
    if hash_due_ms(hash.encoding, hash.body) == NO_DEADLINE:
        return
    hash_walk(&walk, &hash)
    while hash_next(&walk, &field, &value):
        deadline_ms = hash_walk_deadline(&walk)
        if deadline_ms != NO_DEADLINE:
            text_start(out, 6, b"HPEXPIREAT")
            text_put(out, entry_key(entry))
            text_put_int(out, deadline_ms)
            text_put(out, slice_t(b"FIELDS", 6))
            text_put_int(out, 1)
            text_put(out, listpack_value_text(&field, scratch))


cdef void put_fields(buf_t* out, const entry_t* entry, const hash_t* hash) noexcept nogil:
    cdef hash_walk_t walk
    cdef listpack_value_t field, value
    cdef char scratch[FORMAT_INT_MAX]
    cdef uint64_t left = hash_count(hash)
    cdef int piece = 0
    hash_walk(&walk, hash)
    while hash_next(&walk, &field, &value):
        if piece == 0:
            piece = start_piece(out, b"HSET", entry_key(entry), left, 2)
        text_put(out, listpack_value_text(&field, scratch))
        text_put(out, listpack_value_text(&value, scratch))
        piece -= 1
        left -= 1


cdef void text_write_entry(buf_t* out, const entry_t* entry) noexcept nogil:
    cdef type_t type = entry_type(entry)
    if type == TYPE_STRING:
        put_string(out, entry)
        return
    if type == TYPE_LIST:
        put_list(out, entry)
    elif type == TYPE_ZSET:
        put_zset(out, entry)
    elif type == TYPE_STREAM:
        text_write_stream(out, entry)
    elif type == TYPE_SET:
        put_set(out, entry)
    elif type == TYPE_HASH:
        put_hash(out, entry)
    if entry.flags & ENTRY_DEADLINE:
        text_start(out, 3, b"PEXPIREAT")
        text_put(out, entry_key(entry))
        text_put_int(out, entry_deadline(entry))
