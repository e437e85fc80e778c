"""Values as commands.

A string is one SET with its deadline. An aggregate is made in pieces of TEXT_ITEMS_MAX items, and
its deadline is a PEXPIREAT behind them: between two commands of a base nobody looks. The deadlines
of fields stand behind the command that sets the fields.

A walk may stop behind any item: a command says how many it has before they are written, so the walk
knows how many it owes.
"""
from libc.stdint cimport SIZE_MAX, int64_t

from ..core.buf cimport buf_append, buf_append_header
from ..core.intrinsics cimport kvd_assert
from ..core.listpack cimport listpack_value_t, listpack_value_text
from ..core.number cimport FORMAT_DOUBLE_MAX, FORMAT_INT_MAX, format_double
from ..core.table cimport NO_DEADLINE
from ..core.types cimport slice_t
from ..store.entry cimport (
    ENTRY_DEADLINE, INT_TEXT_MAX, TYPE_HASH, TYPE_LIST, TYPE_SET, TYPE_STREAM, TYPE_STRING,
    TYPE_ZSET, entry_body, entry_deadline, entry_encoding, entry_key, entry_string, entry_type,
    type_t,
)
from ..store.hash cimport (
    hash_count, hash_item_deadline, hash_item_field, hash_next, hash_t, hash_view, hash_walk,
    hash_walk_deadline,
)
from ..store.list cimport list_count, list_get, list_next, list_seek, list_view
from ..store.set cimport set_count, set_next, set_t, set_view, set_walk
from ..store.zset cimport (
    zset_count, zset_item_t, zset_next, zset_t, zset_view, zset_walk_rank,
)
from .text_format cimport text_put, text_put_int, text_start
from .text_stream cimport text_stream_start, text_stream_step


# -- strings --------------------------------------------------------------------------------------

cdef void start_set(buf_t* out, const entry_t* entry) noexcept nogil:
    text_start(out, 5 if entry.flags & ENTRY_DEADLINE else 3, b"SET")
    text_put(out, entry_key(entry))


cdef void end_set(buf_t* out, const entry_t* entry) noexcept nogil:
    if entry.flags & ENTRY_DEADLINE:
        text_put(out, slice_t(b"PXAT", 4))
        text_put_int(out, entry_deadline(entry))


cdef void text_start_string(buf_t* out, const entry_t* entry, size_t size) noexcept nogil:
    start_set(out, entry)
    buf_append_header(out, c'$', <int64_t>size)


cdef void text_end_string(buf_t* out, const entry_t* entry) noexcept nogil:
    buf_append(out, b"\r\n", 2)
    end_set(out, entry)


cdef void put_string(buf_t* out, const entry_t* entry) noexcept nogil:
    cdef char scratch[INT_TEXT_MAX]
    start_set(out, entry)
    text_put(out, entry_string(entry, scratch))
    end_set(out, entry)


# -- items ----------------------------------------------------------------------------------------

cdef void next_item(text_walk_t* walk, buf_t* out, const char* name, int words) noexcept nogil:
    """Before each item, of `words` words: begins a command where the last one is complete."""
    if walk.room == 0:
        walk.room = <int>(walk.left if walk.left < TEXT_ITEMS_MAX else TEXT_ITEMS_MAX)
        text_start(out, 2 + walk.room * words, name)
        text_put(out, entry_key(walk.entry))
    walk.room -= 1
    walk.left -= 1


cdef bint put_elements(text_walk_t* walk, buf_t* out, size_t size_max) noexcept nogil:
    cdef char scratch[FORMAT_INT_MAX]
    while out.size < size_max:
        if walk.left == 0:
            return False
        next_item(walk, out, b"RPUSH", 1)
        text_put(out, list_get(&walk.list_at, scratch))
        list_next(&walk.list, &walk.list_at)
    return True


cdef bint put_scored(text_walk_t* walk, buf_t* out, size_t size_max) noexcept nogil:
    cdef char score[FORMAT_DOUBLE_MAX]
    cdef zset_item_t item
    while out.size < size_max:
        if not zset_next(&walk.zset, &item):
            return False
        next_item(walk, out, b"ZADD", 2)
        text_put(out, slice_t(&score[0], <size_t>format_double(score, item.score)))
        text_put(out, item.member)
    return True


cdef bint put_members(text_walk_t* walk, buf_t* out, size_t size_max) noexcept nogil:
    cdef char scratch[FORMAT_INT_MAX]
    cdef listpack_value_t member
    while out.size < size_max:
        if not set_next(&walk.set, &member):
            return False
        next_item(walk, out, b"SADD", 1)
        text_put(out, listpack_value_text(&member, scratch))
    return True


cdef void put_field_deadline(buf_t* out, slice_t key, const void* item) noexcept nogil:
    text_start(out, 6, b"HPEXPIREAT")
    text_put(out, key)
    text_put_int(out, hash_item_deadline(item))
    text_put(out, slice_t(b"FIELDS", 6))
    text_put_int(out, 1)
    text_put(out, hash_item_field(item))


cdef bint put_fields(text_walk_t* walk, buf_t* out, size_t size_max) noexcept nogil:
    """Dead ones too: their HDEL is to come."""
    cdef char scratch[FORMAT_INT_MAX]
    cdef listpack_value_t field, value
    while out.size < size_max:
        if walk.room == 0 and walk.mortal_count:
            walk.mortal_count -= 1
            put_field_deadline(out, entry_key(walk.entry), walk.mortal[walk.mortal_count])
            continue
        if not hash_next(&walk.hash, &field, &value):
            return False
        next_item(walk, out, b"HSET", 2)
        text_put(out, listpack_value_text(&field, scratch))
        text_put(out, listpack_value_text(&value, scratch))
        if hash_walk_deadline(&walk.hash) != NO_DEADLINE:
            walk.mortal[walk.mortal_count] = walk.hash.item
            walk.mortal_count += 1
    return True


# -- walks ----------------------------------------------------------------------------------------

cdef void text_walk_start(text_walk_t* walk, const entry_t* entry) noexcept nogil:
    cdef type_t type = entry_type(entry)
    cdef set_t set
    cdef hash_t hash
    cdef zset_t zset
    walk.entry = entry
    walk.left = 0
    walk.room = 0
    walk.mortal_count = 0
    if type == TYPE_SET:
        set_view(&set, entry_encoding(entry), entry_body(entry))
        walk.left = set_count(&set)
        set_walk(&walk.set, &set)
    elif type == TYPE_HASH:
        hash_view(&hash, entry_encoding(entry), entry_body(entry))
        walk.left = hash_count(&hash)
        hash_walk(&walk.hash, &hash)
    elif type == TYPE_ZSET:
        zset_view(&zset, entry_encoding(entry), entry_body(entry))
        walk.left = zset_count(&zset)
        zset_walk_rank(&zset, &walk.zset, 0, False)
    elif type == TYPE_LIST:
        list_view(&walk.list, entry_encoding(entry), entry_body(entry))
        walk.left = list_count(&walk.list)
        list_seek(&walk.list, 0, &walk.list_at)
    else:
        kvd_assert(type == TYPE_STREAM)
        text_stream_start(&walk.stream, entry)


cdef bint put_items(text_walk_t* walk, buf_t* out, size_t size_max) noexcept nogil:
    cdef type_t type = entry_type(walk.entry)
    if type == TYPE_SET:
        return put_members(walk, out, size_max)
    if type == TYPE_HASH:
        return put_fields(walk, out, size_max)
    if type == TYPE_ZSET:
        return put_scored(walk, out, size_max)
    if type == TYPE_LIST:
        return put_elements(walk, out, size_max)
    return text_stream_step(&walk.stream, out, size_max)


cdef bint text_walk_step(text_walk_t* walk, buf_t* out, size_t size_max) noexcept nogil:
    cdef const entry_t* entry = walk.entry
    if put_items(walk, out, size_max):
        return True
    if entry.flags & ENTRY_DEADLINE:
        text_start(out, 3, b"PEXPIREAT")
        text_put(out, entry_key(entry))
        text_put_int(out, entry_deadline(entry))
    return False


cdef void text_write_entry(buf_t* out, const entry_t* entry) noexcept nogil:
    cdef text_walk_t walk
    if entry_type(entry) == TYPE_STRING:
        put_string(out, entry)
        return
    text_walk_start(&walk, entry)
    text_walk_step(&walk, out, SIZE_MAX)
