"""What the commands of streams have in common.

IDs are read as Valkey reads them: what is not written as we would write it is given to C's
strtoull, so " 05-+3" is 5-3. Commands parse all their IDs before they change anything.
"""
from libc.string cimport memchr

from ..core.number cimport format_uint64, parse_cursor, parse_uint64
from ..store.entry cimport ENC_STREAM, TYPE_STREAM, entry_body
from ..store.keyspace cimport EVENT_STREAM, keyspace_event
from ..store.stream cimport ID_WORD_MAX, STREAM_SCRATCH, id_max, id_next, id_previous, stream_create
from ..store.stream_cursor cimport cursor_field, cursor_next, cursor_open
from ..store.stream_group cimport consumer_name, group_name, stream_group
from ..wire.command cimport key_hash
from ..wire.errors cimport (
    ERR_STREAM_END, ERR_STREAM_ID, ERR_STREAM_NO_GROUP, ERR_STREAM_START,
)
from ..wire.reply cimport (
    feed_arg, feed_command, feed_int, feed_text, reply_array, reply_bulk, reply_error,
    reply_error_two,
)
from .state cimport feed_wanted, server_of
from .typed cimport put_typed_take, read_typed_or_reply, write_typed_or_reply

cdef enum:
    ID_SOURCE_MAX = 127                 # bytes of text that are looked at


# -- IDs ------------------------------------------------------------------------------------------

cdef inline bint number_parse(const char* at, size_t size, uint64_t* number) noexcept nogil:
    return parse_uint64(at, size, number) or parse_cursor(at, size, number)


cdef bint parse(slice_t text, uint64_t seq, id_t* id, bint* whole) noexcept nogil:
    """<ms>, <ms>-<seq>, and <ms>-* where `whole` is asked for."""
    cdef const char* dash
    cdef const char* nul
    cdef id_t found = id_t(0, seq)
    cdef size_t size = text.size
    cdef size_t rest
    if size == 0 or size > ID_SOURCE_MAX:
        return False
    nul = <const char*>memchr(text.data, 0, size)
    if nul is not NULL:                 # C's texts end there
        size = <size_t>(nul - text.data)
    dash = <const char*>memchr(text.data, c'-', size) if size else NULL
    if not number_parse(text.data, <size_t>(dash - text.data) if dash is not NULL else size,
                        &found.ms):
        return False
    if dash is not NULL:
        rest = <size_t>(text.data + size - dash) - 1
        if whole is not NULL and rest == 1 and dash[1] == c'*':
            found.seq = 0
            whole[0] = False
        elif not number_parse(dash + 1, rest, &found.seq):
            return False
    id[0] = found
    return True


cdef bint id_parse(slice_t text, uint64_t seq, bint strict, id_t* id) noexcept nogil:
    if text.size == 1 and (text.data[0] == c'-' or text.data[0] == c'+'):
        id[0] = id_max() if text.data[0] == c'+' else id_t(0, 0)
        return not strict
    return parse(text, seq, id, NULL)


cdef bint id_parse_partial(slice_t text, id_t* id, bint* whole) noexcept nogil:
    whole[0] = True
    return parse(text, 0, id, whole)


cdef bint id_or_reply(client_t* c, slice_t text, uint64_t seq, bint strict,
                      id_t* id) noexcept nogil:
    if not id_parse(text, seq, strict, id):
        reply_error(c, ERR_STREAM_ID)
        return False
    return True


cdef inline bint is_open(slice_t* text) noexcept nogil:
    """Take the parenthesis off, if there is one."""
    if text.size < 2 or text.data[0] != c'(':
        return False
    text.data += 1
    text.size -= 1
    return True


cdef bint start_or_reply(client_t* c, slice_t text, id_t* start) noexcept nogil:
    cdef bint exclusive = is_open(&text)
    if not id_or_reply(c, text, 0, exclusive, start):
        return False
    if exclusive and not id_next(start):
        reply_error(c, ERR_STREAM_START)
        return False
    return True


cdef bint range_or_reply(client_t* c, slice_t first, slice_t second, id_t* start,
                         id_t* end) noexcept nogil:
    cdef bint exclusive = is_open(&second)
    if not start_or_reply(c, first, start) \
            or not id_or_reply(c, second, ID_WORD_MAX, exclusive, end):
        return False
    if exclusive and not id_previous(end):
        reply_error(c, ERR_STREAM_END)
        return False
    return True


cdef size_t id_format(char* out, id_t id) noexcept nogil:
    cdef size_t size = <size_t>format_uint64(out, id.ms)
    out[size] = c'-'
    return size + 1 + <size_t>format_uint64(out + size + 1, id.seq)


cdef void reply_id(client_t* c, id_t id) noexcept nogil:
    cdef char text[ID_TEXT_MAX]
    reply_bulk(c, slice_t(&text[0], id_format(text, id)))


cdef void feed_id(client_t* c, id_t id) noexcept nogil:
    cdef char text[ID_TEXT_MAX]
    feed_arg(c, slice_t(&text[0], id_format(text, id)))


# -- keys -----------------------------------------------------------------------------------------

cdef bint read_stream_or_reply(client_t* c, int at, stream_t** stream) noexcept nogil:
    cdef entry_t* entry
    if not read_typed_or_reply(c, at, TYPE_STREAM, &entry):
        return False
    stream[0] = <stream_t*>entry_body(entry) if entry is not NULL else NULL
    return True


cdef bint write_stream_or_reply(client_t* c, int at, stream_t** stream) noexcept nogil:
    cdef entry_t* entry
    if not write_typed_or_reply(c, at, TYPE_STREAM, &entry):
        return False
    stream[0] = <stream_t*>entry_body(entry) if entry is not NULL else NULL
    return True


cdef stream_t* make_stream(client_t* c, int at) noexcept nogil:
    cdef stream_t* stream = stream_create(c.store.heap)
    put_typed_take(c, key_hash(c, c.argv[at]), c.argv[at], TYPE_STREAM, ENC_STREAM, stream)
    return stream


cdef bint group_or_reply(client_t* c, int at, bint to_write, stream_t** stream, group_t** group,
                         const char* behind) noexcept nogil:
    if not (write_stream_or_reply(c, at, stream) if to_write
            else read_stream_or_reply(c, at, stream)):
        return False
    group[0] = stream_group(stream[0], c.argv[at + 1]) if stream[0] is not NULL else NULL
    if group[0] is NULL:
        reply_error_two(c, ERR_STREAM_NO_GROUP, c.argv[at], b"' or consumer group '",
                        c.argv[at + 1], behind)
        return False
    return True


cdef stream_limits_t limits_of(const client_t* c) noexcept nogil:
    return stream_limits_t(server_of(c).config.stream_node_max_bytes,
                           server_of(c).config.stream_node_max_entries)


cdef void note_change(client_t* c, const char* event, slice_t key) noexcept nogil:
    c.store.dirty += 1
    if event is not NULL:
        keyspace_event(c.ks, EVENT_STREAM, event, key)


# -- entries --------------------------------------------------------------------------------------

cdef void reply_entry(client_t* c, cursor_t* cursor) noexcept nogil:
    cdef char field_scratch[STREAM_SCRATCH]
    cdef char value_scratch[STREAM_SCRATCH]
    cdef slice_t field, value
    cdef int64_t left = cursor.count
    reply_array(c, 2)
    reply_id(c, cursor.id)
    reply_array(c, 2 * left)
    while left:
        cursor_field(cursor, &field, &value, field_scratch, value_scratch)
        reply_bulk(c, field)
        reply_bulk(c, value)
        left -= 1


cdef void reply_entry_of(client_t* c, const stream_t* stream, id_t id) noexcept nogil:
    cdef cursor_t cursor
    cursor_open(&cursor, stream, id, id, False)
    if cursor_next(&cursor):
        reply_entry(c, &cursor)


# -- the journal ----------------------------------------------------------------------------------

cdef void feed_claim(client_t* c, slice_t key, const group_t* group, id_t id,
                     const pending_t* pending) noexcept nogil:
    """A claim by force says who has the entry, since when, and how often it was delivered; one of
    an entry that is not in the stream takes it from whoever has it."""
    if not feed_wanted(c):
        return
    feed_command(c, 14)
    feed_text(c, b"XCLAIM")
    feed_arg(c, key)
    feed_arg(c, group_name(group))
    feed_arg(c, consumer_name(pending.consumer))
    feed_text(c, b"0")
    feed_id(c, id)
    feed_text(c, b"TIME")
    feed_int(c, pending.delivered_ms)
    feed_text(c, b"RETRYCOUNT")
    feed_int(c, <int64_t>pending.deliveries)
    feed_text(c, b"FORCE")
    feed_text(c, b"JUSTID")
    feed_text(c, b"LASTID")
    feed_id(c, group.last_id)


cdef void feed_group_id(client_t* c, slice_t key, const group_t* group) noexcept nogil:
    if not feed_wanted(c):
        return
    feed_command(c, 7)
    feed_text(c, b"XGROUP")
    feed_text(c, b"SETID")
    feed_arg(c, key)
    feed_arg(c, group_name(group))
    feed_id(c, group.last_id)
    feed_text(c, b"ENTRIESREAD")
    feed_int(c, group.entries_read)


cdef void feed_consumer(client_t* c, slice_t key, const group_t* group,
                        const consumer_t* consumer) noexcept nogil:
    if not feed_wanted(c):
        return
    feed_command(c, 5)
    feed_text(c, b"XGROUP")
    feed_text(c, b"CREATECONSUMER")
    feed_arg(c, key)
    feed_arg(c, group_name(group))
    feed_arg(c, consumer_name(consumer))
