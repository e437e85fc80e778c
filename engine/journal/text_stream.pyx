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
from libc.stdint cimport int64_t, uint32_t

from ..core.idlist cimport id_place_t, id_t, idlist_at, idlist_find, idlist_first, idlist_step
from ..core.number cimport format_uint64
from ..core.types cimport slice_t
from ..store.entry cimport entry_body, entry_key
from ..store.stream cimport STREAM_SCRATCH, consumer_t, group_t, id_max, pending_t, stream_t
from ..store.stream_cursor cimport cursor_field, cursor_next, cursor_open, cursor_t
from ..store.stream_group cimport consumer_name, group_name
from .text cimport text_put, text_put_int, text_start

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


cdef void put_entries(buf_t* out, slice_t key, const stream_t* stream) noexcept nogil:
    cdef char field_scratch[STREAM_SCRATCH]
    cdef char value_scratch[STREAM_SCRATCH]
    cdef slice_t field, value
    cdef cursor_t cursor
    cdef int64_t left
    cursor_open(&cursor, stream, id_t(0, 0), id_max(), False)
    while cursor_next(&cursor):
        left = cursor.count
        text_start(out, <int>(3 + 2 * left), b"XADD")
        text_put(out, key)
        put_id(out, cursor.id)
        while left:
            cursor_field(&cursor, &field, &value, field_scratch, value_scratch)
            text_put(out, field)
            text_put(out, value)
            left -= 1


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


cdef void put_consumer(buf_t* out, slice_t key, const group_t* group,
                       const consumer_t* consumer) noexcept nogil:
    cdef id_place_t place = idlist_first(&consumer.pending)
    cdef const id_t* id = <const id_t*>idlist_at(&consumer.pending, place)
    cdef const pending_t* pending
    if id is NULL:
        text_start(out, 5, b"XGROUP")
        put_word(out, b"CREATECONSUMER", 14)
        text_put(out, key)
        text_put(out, group_name(group))
        text_put(out, consumer_name(consumer))
    while id is not NULL:
        pending = <const pending_t*>idlist_find(&group.pending, id[0])
        text_start(out, 12, b"XCLAIM")
        text_put(out, key)
        text_put(out, group_name(group))
        text_put(out, consumer_name(consumer))
        put_word(out, b"0", 1)
        put_id(out, id[0])
        put_word(out, b"TIME", 4)
        text_put_int(out, pending.delivered_ms)
        put_word(out, b"RETRYCOUNT", 10)
        text_put_int(out, <int64_t>pending.deliveries)
        put_word(out, b"JUSTID", 6)
        put_word(out, b"FORCE", 5)
        idlist_step(&consumer.pending, &place)
        id = <const id_t*>idlist_at(&consumer.pending, place)


cdef void put_group(buf_t* out, slice_t key, const group_t* group) noexcept nogil:
    cdef uint32_t i
    text_start(out, 7, b"XGROUP")
    put_word(out, b"CREATE", 6)
    text_put(out, key)
    text_put(out, group_name(group))
    put_id(out, group.last_id)
    put_word(out, b"ENTRIESREAD", 11)
    text_put_int(out, group.entries_read)
    for i in range(group.consumer_count):
        put_consumer(out, key, group, group.consumers[i])


cdef void text_write_stream(buf_t* out, const entry_t* entry) noexcept nogil:
    cdef const stream_t* stream = <const stream_t*>entry_body(entry)
    cdef slice_t key = entry_key(entry)
    cdef uint32_t i
    if stream.length:
        put_entries(out, key, stream)
    else:
        put_empty(out, key)
    put_history(out, key, stream)
    for i in range(stream.group_count):
        put_group(out, key, stream.groups[i])
