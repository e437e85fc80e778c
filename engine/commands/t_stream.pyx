"""Streams: XADD, XLEN, XRANGE, XREVRANGE, XDEL, XTRIM, XSETID.

    XADD k MAXLEN ~ 1000 * f v   ->  journal: XADD k MAXLEN = <length> <id> f v
                                     what is chosen here is written as it was chosen: the ID, and
                                     how far an approximate trim went

Reading is in stream_read, groups in stream_groups and stream_claim.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t

from ..core.idlist cimport id_equal, id_less, id_t
from ..core.number cimport parse_int64
from ..core.types cimport slice_t
from ..store.keyspace cimport EVENT_STREAM, keyspace_event, keyspace_signal
from ..store.stream cimport (
    ID_WORD_MAX, STREAM_ENTRY_MAX, TRIM_ID, TRIM_LENGTH, TRIM_NONE, id_is_zero, id_next,
    stream_append, stream_delete, stream_find_first, stream_limits_t, stream_set_last_id, stream_t,
    stream_trim, trim_by_t, trim_t,
)
from ..store.stream_cursor cimport cursor_next, cursor_open, cursor_t, stream_last_entry
from ..wire.command cimport (
    ACL_STREAM, CLIENT_LOADING, CMD_DENYOOM, CMD_FAST, CMD_READONLY, CMD_WRITE, GROUP_STREAM,
    KEY_ACCESS, KEY_DELETE, KEY_RO, KEY_RW, KEY_UPDATE, client_t, command_register, command_t,
    keys_at, row,
)
from ..wire.errors cimport (
    ERR_NOT_INTEGER, ERR_NO_KEY, ERR_STREAM_BEHIND, ERR_STREAM_BOTH_TRIMS, ERR_STREAM_DELETED,
    ERR_STREAM_EXHAUSTED, ERR_STREAM_ID, ERR_STREAM_LIMIT, ERR_STREAM_LIMIT_ALONE,
    ERR_STREAM_LIMIT_EXACT, ERR_STREAM_MAXLEN, ERR_STREAM_NO_TRIM, ERR_STREAM_SETID_ADDED,
    ERR_STREAM_SETID_ADDED_LESS, ERR_STREAM_SETID_DELETED, ERR_STREAM_SETID_TOP,
    ERR_STREAM_TOO_LARGE, ERR_STREAM_ZERO,
)
from ..wire.reply cimport (
    feed_arg, feed_command, feed_int, feed_text, reply_array, reply_array_close, reply_array_open,
    reply_error, reply_error_arity, reply_error_syntax, reply_int, reply_null, reply_null_array,
    reply_ok,
)
from .legacy cimport client_is_legacy
from .state cimport feed_wanted, server_of
from .stream_args cimport (
    feed_id, id_or_reply, id_parse_partial, is_word, limits_of, make_stream, note_change,
    range_or_reply, read_stream_or_reply, reply_entry, reply_id, write_stream_or_reply,
)

cdef enum:
    TRIM_LIMIT_NODES = 100              # nodes' worth of entries that go where nothing is said
    TRIM_LIMIT_DEFAULT = 10000          # where nodes have no bound
    TRIM_LIMIT_MAX = 1000000

cdef struct add_t:                      # the options of XADD and XTRIM
    trim_t trim
    int trim_at                         # argument that says how far
    bint approximate                    # ~
    bint limit_given
    bint no_stream                      # NOMKSTREAM
    bint id_given                       # not *
    bint whole                          # not <ms>-*
    id_t id
    int at                              # the argument behind the options: XADD's ID


# -- options --------------------------------------------------------------------------------------

cdef bint is_sign(slice_t arg, char sign) noexcept nogil:
    return arg.size == 1 and arg.data[0] == sign


cdef bint trim_or_reply(client_t* c, add_t* options, int* at, trim_by_t by) noexcept nogil:
    """MAXLEN | MINID [= | ~] threshold, with *at on the first word; it goes to the last one."""
    cdef int64_t length
    if options.trim.by != TRIM_NONE:
        reply_error(c, ERR_STREAM_BOTH_TRIMS)
        return False
    options.approximate = False
    at[0] += 1
    if at[0] + 1 < c.argc and (is_sign(c.argv[at[0]], c'~') or is_sign(c.argv[at[0]], c'=')):
        options.approximate = is_sign(c.argv[at[0]], c'~')
        at[0] += 1
    if by == TRIM_LENGTH:
        if not parse_int64(c.argv[at[0]].data, c.argv[at[0]].size, &length):
            reply_error(c, ERR_NOT_INTEGER)
            return False
        if length < 0:
            reply_error(c, ERR_STREAM_MAXLEN)
            return False
        options.trim.length = <uint64_t>length
    elif not id_or_reply(c, c.argv[at[0]], 0, True, &options.trim.id):
        return False
    options.trim.by = by
    options.trim_at = at[0]
    return True


cdef bint limit_or_reply(client_t* c, add_t* options, slice_t text) noexcept nogil:
    if not parse_int64(text.data, text.size, &options.trim.limit):
        reply_error(c, ERR_NOT_INTEGER)
        return False
    if options.trim.limit < 0:
        reply_error(c, ERR_STREAM_LIMIT)
        return False
    options.limit_given = True
    return True


cdef bint settle_or_reply(client_t* c, add_t* options, bint adds) noexcept nogil:
    """What can only be told of all options together."""
    cdef trim_t* trim = &options.trim
    if trim.limit and trim.by == TRIM_NONE:
        reply_error(c, ERR_STREAM_LIMIT_ALONE)
        return False
    if not adds and trim.by == TRIM_NONE:
        reply_error(c, ERR_STREAM_NO_TRIM)
        return False
    trim.whole_nodes = options.approximate
    if c.flags & CLIENT_LOADING:        # the journal says how far it went
        trim.limit = 0
        return True
    if options.limit_given and not options.approximate:
        reply_error(c, ERR_STREAM_LIMIT_EXACT)
        return False
    if options.approximate and not options.limit_given:
        trim.limit = server_of(c).config.stream_node_max_entries
        if trim.limit <= 0:
            trim.limit = TRIM_LIMIT_DEFAULT
        elif trim.limit > TRIM_LIMIT_MAX // TRIM_LIMIT_NODES:
            trim.limit = TRIM_LIMIT_MAX
        else:
            trim.limit *= TRIM_LIMIT_NODES
    return True


cdef bint options_or_reply(client_t* c, add_t* options, bint adds) noexcept nogil:
    cdef slice_t word
    cdef int i = 2
    options.trim.by = TRIM_NONE
    options.trim.limit = 0
    options.approximate = False
    options.limit_given = False
    options.no_stream = False
    options.id_given = False
    options.whole = True
    while i < c.argc:
        word = c.argv[i]
        if adds and is_sign(word, c'*'):
            break
        if is_word(word, b"maxlen", 6) and i + 1 < c.argc:
            if not trim_or_reply(c, options, &i, TRIM_LENGTH):
                return False
        elif is_word(word, b"minid", 5) and i + 1 < c.argc:
            if not trim_or_reply(c, options, &i, TRIM_ID):
                return False
        elif is_word(word, b"limit", 5) and i + 1 < c.argc:
            i += 1
            if not limit_or_reply(c, options, c.argv[i]):
                return False
        elif adds and is_word(word, b"nomkstream", 10):
            options.no_stream = True
        elif adds:
            if not id_parse_partial(word, &options.id, &options.whole) \
                    or (not options.whole and client_is_legacy(c)):
                reply_error(c, ERR_STREAM_ID)
                return False
            options.id_given = True
            break
        else:
            reply_error_syntax(c)
            return False
        i += 1
    options.at = i
    return settle_or_reply(c, options, adds)


# -- XADD -----------------------------------------------------------------------------------------

cdef bint choose_or_reply(client_t* c, const stream_t* stream, const add_t* options,
                          id_t* id) noexcept nogil:
    """The ID of the new entry: above all that ever were in the stream."""
    cdef id_t last = stream.last_id if stream is not NULL else id_t(0, 0)
    if last.ms == ID_WORD_MAX and last.seq == ID_WORD_MAX:
        reply_error(c, ERR_STREAM_EXHAUSTED)
        return False
    if not options.id_given:
        id[0] = id_t(<uint64_t>c.store.now_ms, 0)
        if id[0].ms <= last.ms:
            id[0] = last
            id_next(id)
        return True
    id[0] = options.id
    if not options.whole and id.ms == last.ms:
        id.seq = last.seq + 1           # 0 behind the last of all: it is not above `last` then
    if not id_less(last, id[0]):
        reply_error(c, ERR_STREAM_BEHIND)
        return False
    return True


cdef bint fits_or_reply(client_t* c, int first) noexcept nogil:
    cdef size_t total = 0
    cdef int i
    for i in range(first, c.argc):
        total += c.argv[i].size
    if total > STREAM_ENTRY_MAX:
        reply_error(c, ERR_STREAM_TOO_LARGE)
        return False
    return True


cdef void feed_trimmed(client_t* c, const stream_t* stream, const add_t* options,
                       const id_t* id) noexcept nogil:
    """The command as it was, with what it has come to in place of ~, threshold and ID."""
    cdef int i
    if not feed_wanted(c):
        return
    feed_command(c, c.argc)
    for i in range(c.argc):
        if id is not NULL and i == options.at:
            feed_id(c, id[0])
        elif options.approximate and i == options.trim_at - 1:
            feed_text(c, b"=")
        elif options.approximate and i == options.trim_at:
            if options.trim.by == TRIM_LENGTH:
                feed_int(c, <int64_t>stream.length)
            else:
                feed_id(c, stream.first_id)
        else:
            feed_arg(c, c.argv[i])


cdef void xadd_command(client_t* c) noexcept nogil:
    cdef add_t options
    cdef stream_t* stream
    cdef stream_limits_t limits
    cdef id_t id
    cdef int fields
    if not options_or_reply(c, &options, True):
        return
    fields = options.at + 1
    if c.argc - fields < 2 or (c.argc - fields) & 1:
        reply_error_arity(c)
        return
    if options.id_given and options.whole and id_is_zero(options.id):
        reply_error(c, ERR_STREAM_ZERO)
        return
    if not write_stream_or_reply(c, 1, &stream):
        return
    if stream is NULL and options.no_stream:
        reply_null(c)
        return
    if not choose_or_reply(c, stream, &options, &id) or not fits_or_reply(c, fields):
        return
    if stream is NULL:
        stream = make_stream(c, 1)
    limits = limits_of(c)
    stream_append(c.store.heap, stream, &limits, id, c.argc - fields, &c.argv[fields])
    reply_id(c, id)
    keyspace_signal(c.ks, EVENT_STREAM, b"xadd", c.argv[1])
    if options.trim.by != TRIM_NONE and stream_trim(c.store.heap, stream, &options.trim):
        keyspace_event(c.ks, EVENT_STREAM, b"xtrim", c.argv[1])
    if options.approximate or not options.id_given or not options.whole:
        feed_trimmed(c, stream, &options, &id)


cdef void xtrim_command(client_t* c) noexcept nogil:
    cdef add_t options
    cdef stream_t* stream
    cdef uint64_t went
    if not options_or_reply(c, &options, False) or not write_stream_or_reply(c, 1, &stream):
        return
    went = stream_trim(c.store.heap, stream, &options.trim) if stream is not NULL else 0
    if went:
        if options.approximate:
            feed_trimmed(c, stream, &options, NULL)
        c.store.dirty += went - 1
        keyspace_signal(c.ks, EVENT_STREAM, b"xtrim", c.argv[1])
    reply_int(c, <int64_t>went)


# -- the rest -------------------------------------------------------------------------------------

cdef void xlen_command(client_t* c) noexcept nogil:
    cdef stream_t* stream
    if read_stream_or_reply(c, 1, &stream):
        reply_int(c, <int64_t>stream.length if stream is not NULL else 0)


cdef bint count_or_reply(client_t* c, int first, int64_t* count) noexcept nogil:
    """[COUNT count] ..., -1 where it is not given; the last one counts."""
    cdef int i
    count[0] = -1
    for i in range(first, c.argc, 2):
        if not is_word(c.argv[i], b"count", 5) or i + 1 == c.argc:
            reply_error_syntax(c)
            return False
        if not parse_int64(c.argv[i + 1].data, c.argv[i + 1].size, count):
            reply_error(c, ERR_NOT_INTEGER)
            return False
        if count[0] < 0:
            count[0] = 0
    return True


cdef void range_generic(client_t* c, bint backwards) noexcept nogil:
    cdef stream_t* stream
    cdef cursor_t cursor
    cdef id_t start, end
    cdef int64_t count
    cdef int64_t found = 0
    cdef size_t mark
    if (not range_or_reply(c, c.argv[3 if backwards else 2], c.argv[2 if backwards else 3], &start,
                           &end)
            or not count_or_reply(c, 4, &count) or not read_stream_or_reply(c, 1, &stream)):
        return
    if stream is NULL:
        reply_array(c, 0)
        return
    if count == 0:
        reply_null_array(c)
        return
    mark = reply_array_open(c)
    cursor_open(&cursor, stream, start, end, backwards)
    while found != count and cursor_next(&cursor):
        reply_entry(c, &cursor)
        found += 1
    reply_array_close(c, mark, found)


cdef void xrange_command(client_t* c) noexcept nogil:
    range_generic(c, False)


cdef void xrevrange_command(client_t* c) noexcept nogil:
    range_generic(c, True)


cdef void xdel_command(client_t* c) noexcept nogil:
    cdef stream_t* stream
    cdef uint64_t deleted = 0
    cdef bint first = False
    cdef id_t id
    cdef int i
    if not write_stream_or_reply(c, 1, &stream):
        return
    if stream is NULL:
        reply_int(c, 0)
        return
    for i in range(2, c.argc):          # all or nothing
        if not id_or_reply(c, c.argv[i], 0, True, &id):
            return
    for i in range(2, c.argc):
        id_or_reply(c, c.argv[i], 0, True, &id)
        if not stream_delete(c.store.heap, stream, id):
            continue
        deleted += 1
        if id_equal(id, stream.first_id):
            first = True
        if id_less(stream.max_deleted, id):
            stream.max_deleted = id
    if deleted:
        if first or stream.length == 0:
            stream_find_first(stream)
        c.store.dirty += deleted - 1
        keyspace_signal(c.ks, EVENT_STREAM, b"xdel", c.argv[1])
    reply_int(c, <int64_t>deleted)


cdef bint setid_options_or_reply(client_t* c, id_t id, int64_t* added,
                                 id_t* deleted) noexcept nogil:
    cdef int i = 3
    added[0] = -1
    deleted[0] = id_t(0, 0)
    while i < c.argc:
        if is_word(c.argv[i], b"entriesadded", 12) and i + 1 < c.argc:
            if not parse_int64(c.argv[i + 1].data, c.argv[i + 1].size, added):
                reply_error(c, ERR_NOT_INTEGER)
                return False
            if added[0] < 0:
                reply_error(c, ERR_STREAM_SETID_ADDED)
                return False
        elif is_word(c.argv[i], b"maxdeletedid", 12) and i + 1 < c.argc:
            if not id_or_reply(c, c.argv[i + 1], 0, True, deleted):
                return False
            if id_less(id, deleted[0]):
                reply_error(c, ERR_STREAM_SETID_DELETED)
                return False
        else:
            reply_error_syntax(c)
            return False
        i += 2
    return True


cdef void xsetid_command(client_t* c) noexcept nogil:
    cdef stream_t* stream
    cdef id_t id, deleted
    cdef int64_t added
    if c.argc > 3 and client_is_legacy(c):
        reply_error_arity(c)
        return
    if (not id_or_reply(c, c.argv[2], 0, True, &id)
            or not setid_options_or_reply(c, id, &added, &deleted)
            or not write_stream_or_reply(c, 1, &stream)):
        return
    if stream is NULL:
        reply_error(c, ERR_NO_KEY)
        return
    if id_less(id, stream.max_deleted):
        reply_error(c, ERR_STREAM_DELETED)
        return
    if stream.length and id_less(id, stream_last_entry(stream)):
        reply_error(c, ERR_STREAM_SETID_TOP)
        return
    if stream.length and added >= 0 and <uint64_t>added < stream.length:
        reply_error(c, ERR_STREAM_SETID_ADDED_LESS)
        return
    stream_set_last_id(c.store.heap, stream, id)
    if added >= 0:
        stream.entries_added = <uint64_t>added
    if not id_is_zero(deleted):
        stream.max_deleted = deleted
    note_change(c, b"xsetid", c.argv[1])
    reply_ok(c)


cdef command_t TABLE[7]
TABLE[:] = [
    row(b"xadd", xadd_command, -5, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_STREAM, GROUP_STREAM,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"5.0.0",
        b"O(1) when adding a new entry, O(N) when trimming where N is the entries that go.",
        b"XADD key [NOMKSTREAM] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id>"
        b" field value [field value ...]",
        b"Appends an entry to a stream, which is made when it is absent."),
    row(b"xdel", xdel_command, -3, CMD_WRITE | CMD_FAST, ACL_STREAM, GROUP_STREAM,
        keys_at(1, 1, 1, KEY_RW | KEY_DELETE), b"5.0.0", b"O(1) for each entry.",
        b"XDEL key id [id ...]",
        b"Deletes entries of a stream and returns how many there were."),
    row(b"xlen", xlen_command, 2, CMD_READONLY | CMD_FAST, ACL_STREAM, GROUP_STREAM,
        keys_at(1, 1, 1, KEY_RO), b"5.0.0", b"O(1)",
        b"XLEN key",
        b"Returns the number of entries in a stream."),
    row(b"xrange", xrange_command, -4, CMD_READONLY, ACL_STREAM, GROUP_STREAM,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"5.0.0",
        b"O(N) with N being the entries returned; O(1) with a constant COUNT.",
        b"XRANGE key start end [COUNT count]",
        b"Returns the entries between two IDs."),
    row(b"xrevrange", xrevrange_command, -4, CMD_READONLY, ACL_STREAM, GROUP_STREAM,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"5.0.0",
        b"O(N) with N being the entries returned; O(1) with a constant COUNT.",
        b"XREVRANGE key end start [COUNT count]",
        b"Returns the entries between two IDs, the last one first."),
    row(b"xsetid", xsetid_command, -3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_STREAM,
        GROUP_STREAM, keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"5.0.0", b"O(1)",
        b"XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]",
        b"Sets what a stream remembers of its history: for those who copy one."),
    row(b"xtrim", xtrim_command, -4, CMD_WRITE, ACL_STREAM, GROUP_STREAM,
        keys_at(1, 1, 1, KEY_RW | KEY_DELETE), b"5.0.0",
        b"O(N), with N being the entries that go.",
        b"XTRIM key <MAXLEN | MINID> [= | ~] threshold [LIMIT count]",
        b"Removes the oldest entries of a stream."),
]
command_register(TABLE, 7)
