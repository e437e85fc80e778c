"""Streams as commands.

    XADD key id field value ...                      each entry
    XADD key MAXLEN 0 id x y                         where there is none: the key itself
    XSETID key last-id ENTRIESADDED n MAXDELETEDID id
    XGROUP CREATE key group last-id ENTRIESREAD n
    XGROUP CREATECONSUMER key group consumer         a consumer that has nothing pending
    XCLAIM key group consumer 0 id TIME t RETRYCOUNT n JUSTID FORCE

An entry that is pending and was deleted cannot be claimed, so it is pending no more when these are
read. A base in RDB form keeps it.
"""
from libc.stdint cimport int64_t

from ..core.idlist cimport id_t, idlist_at, idlist_find, idlist_first, idlist_step
from ..core.number cimport format_uint64
from ..core.types cimport slice_t
from ..store.entry cimport entry_body, entry_key
from ..store.stream cimport STREAM_SCRATCH, consumer_t, group_t, id_max, pending_t, stream_t
from ..store.stream_cursor cimport cursor_field, cursor_next, cursor_open
from ..store.stream_group cimport consumer_name, group_name
from .text_format cimport text_put, text_put_int, text_start

cdef enum:
    ID_TEXT_MAX = 41


cdef void put_word(buf_t* out, const char* word, size_t size) noexcept nogil:
    text_put(out, slice_t(word, size))


cdef void put_id(buf_t* out, id_t id) noexcept nogil:
    cdef char text[ID_TEXT_MAX]
    cdef size_t size = <size_t>format_uint64(text, id.ms)
    text[size] = c'-'
    size += 1 + <size_t>format_uint64(&text[size + 1], id.seq)
    text_put(out, slice_t(&text[0], size))


cdef bint put_entries(text_stream_walk_t* walk, buf_t* out, size_t size_max) noexcept nogil:
    """True while more remain."""
    cdef char field_scratch[STREAM_SCRATCH]
    cdef char value_scratch[STREAM_SCRATCH]
    cdef slice_t field, value
    cdef int64_t left
    while out.size < size_max:
        if not cursor_next(&walk.cursor):
            return False
        left = walk.cursor.count
        text_start(out, <int>(3 + 2 * left), b"XADD")
        text_put(out, walk.key)
        put_id(out, walk.cursor.id)
        while left:
            cursor_field(&walk.cursor, &field, &value, field_scratch, value_scratch)
            text_put(out, field)
            text_put(out, value)
            left -= 1
    return True


cdef void put_empty(buf_t* out, slice_t key) noexcept nogil:
    text_start(out, 7, b"XADD")
    text_put(out, key)
    put_word(out, b"MAXLEN", 6)
    put_word(out, b"0", 1)
    put_word(out, b"0-1", 3)
    put_word(out, b"x", 1)
    put_word(out, b"y", 1)


cdef void put_history(buf_t* out, slice_t key, const stream_t* stream) noexcept nogil:
    text_start(out, 7, b"XSETID")
    text_put(out, key)
    put_id(out, stream.last_id)
    put_word(out, b"ENTRIESADDED", 12)
    text_put_int(out, <int64_t>stream.entries_added)
    put_word(out, b"MAXDELETEDID", 12)
    put_id(out, stream.max_deleted)


cdef void put_group(buf_t* out, slice_t key, const group_t* group) noexcept nogil:
    text_start(out, 7, b"XGROUP")
    put_word(out, b"CREATE", 6)
    text_put(out, key)
    text_put(out, group_name(group))
    put_id(out, group.last_id)
    put_word(out, b"ENTRIESREAD", 11)
    text_put_int(out, group.entries_read)


cdef void put_consumer(buf_t* out, slice_t key, const group_t* group,
                       const consumer_t* consumer) noexcept nogil:
    text_start(out, 5, b"XGROUP")
    put_word(out, b"CREATECONSUMER", 14)
    text_put(out, key)
    text_put(out, group_name(group))
    text_put(out, consumer_name(consumer))


cdef void put_claim(buf_t* out, slice_t key, const group_t* group, const consumer_t* consumer,
                    id_t id) noexcept nogil:
    cdef const pending_t* pending = <const pending_t*>idlist_find(&group.pending, id)
    text_start(out, 12, b"XCLAIM")
    text_put(out, key)
    text_put(out, group_name(group))
    text_put(out, consumer_name(consumer))
    put_word(out, b"0", 1)
    put_id(out, id)
    put_word(out, b"TIME", 4)
    text_put_int(out, pending.delivered_ms)
    put_word(out, b"RETRYCOUNT", 10)
    text_put_int(out, <int64_t>pending.deliveries)
    put_word(out, b"JUSTID", 6)
    put_word(out, b"FORCE", 5)


cdef bint put_pending(text_stream_walk_t* walk, buf_t* out, const group_t* group,
                      size_t size_max) noexcept nogil:
    """True while more remain."""
    cdef const consumer_t* consumer = group.consumers[walk.consumer]
    cdef const id_t* id = <const id_t*>idlist_at(&consumer.pending, walk.place)
    while id is not NULL:
        if out.size >= size_max:
            return True
        put_claim(out, walk.key, group, consumer, id[0])
        idlist_step(&consumer.pending, &walk.place)
        id = <const id_t*>idlist_at(&consumer.pending, walk.place)
    return False


cdef bint put_part(text_stream_walk_t* walk, buf_t* out, size_t size_max) noexcept nogil:
    """The part that is next. False when it is cut short, or was the last."""
    cdef const stream_t* stream = walk.stream
    cdef const group_t* group
    cdef const consumer_t* consumer
    if walk.part == TEXT_ENTRIES:
        if stream.length == 0:
            put_empty(out, walk.key)
        elif put_entries(walk, out, size_max):
            return False
        put_history(out, walk.key, stream)
        walk.part = TEXT_GROUP
        return True
    if walk.group == stream.group_count:
        return False
    group = stream.groups[walk.group]
    if walk.part == TEXT_GROUP:
        put_group(out, walk.key, group)
        walk.part = TEXT_CONSUMER
        walk.consumer = 0
    elif walk.part == TEXT_PENDING:
        if put_pending(walk, out, group, size_max):
            return False
        walk.part = TEXT_CONSUMER
        walk.consumer += 1
    elif walk.consumer < group.consumer_count:
        consumer = group.consumers[walk.consumer]
        walk.part = TEXT_PENDING
        walk.place = idlist_first(&consumer.pending)
        if consumer.pending.count == 0:
            put_consumer(out, walk.key, group, consumer)
    else:
        walk.part = TEXT_GROUP
        walk.group += 1
    return True


cdef void text_stream_start(text_stream_walk_t* walk, const entry_t* entry) noexcept nogil:
    walk.stream = <const stream_t*>entry_body(entry)
    walk.key = entry_key(entry)
    walk.part = TEXT_ENTRIES
    walk.group = 0
    walk.consumer = 0
    cursor_open(&walk.cursor, walk.stream, id_t(0, 0), id_max(), False)


cdef bint text_stream_step(text_stream_walk_t* walk, buf_t* out, size_t size_max) noexcept nogil:
    while out.size < size_max and put_part(walk, out, size_max):
        pass
    return walk.part == TEXT_ENTRIES or walk.group != walk.stream.group_count
