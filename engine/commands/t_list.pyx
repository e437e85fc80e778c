"""Lists, one key at a time: push, pop, index, range, insert, remove, search.

Moving between lists, popping from the first of several, and waiting for elements are in list_move.

A reply is written before the elements that it shows are removed; nothing of a list is copied aside.
"""
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint64_t

from ..core.intrinsics cimport likely, unlikely
from ..core.listpack cimport LISTPACK_SIZE_SAFE, listpack_equal
from ..core.number cimport FORMAT_INT_MAX, equal_nocase, parse_int64
from ..store.entry cimport TYPE_LIST
from ..store.keyspace cimport (
    EVENT_GENERIC, EVENT_LIST, keyspace_delete_entry, keyspace_event, keyspace_signal,
)
from ..store.list cimport (
    list_at_t, list_count, list_create, list_delete, list_delete_range, list_get, list_grow,
    list_insert, list_next, list_pop, list_prev, list_push, list_replace, list_seek, list_shrink,
)
from ..wire.command cimport (
    ACL_LIST, CMD_DENYOOM, CMD_FAST, CMD_READONLY, CMD_WRITE, GROUP_LIST, KEY_ACCESS, KEY_DELETE,
    KEY_INSERT, KEY_RO, KEY_RW, KEY_UPDATE, command_register, command_t, key_hash, keys_at, row,
)
from ..wire.errors cimport (
    ERR_COUNT_NEGATIVE, ERR_LONG_RANGE, ERR_MAXLEN_NEGATIVE, ERR_NOT_INTEGER,
    ERR_NOT_POSITIVE, ERR_NO_KEY, ERR_OUT_OF_RANGE, ERR_RANK_ZERO, ERR_STRING_TOO_LONG,
)
from ..wire.reply cimport (
    reply_array, reply_array_close, reply_array_open, reply_bulk, reply_error, reply_error_arity,
    reply_error_syntax, reply_int, reply_null, reply_null_array, reply_ok,
)
from .state cimport server_of
from .typed cimport put_typed_take, read_typed_or_reply, write_typed_or_reply

cdef struct search_t:
    int64_t rank                        # not 0; negative: from the end
    int64_t count                       # -1: not given; 0: all
    int64_t compared_max                # 0: all


# -- shared ---------------------------------------------------------------------------------------

cdef void list_open(const client_t* c, const entry_t* entry, list_value_t* list) noexcept nogil:
    list.heap = c.store.heap
    list.encoding = entry_encoding(entry)
    list.body = entry_body(entry)
    list.fill = <int>server_of(c).config.list_max_listpack_size


cdef void list_put_take(client_t* c, slice_t key, list_value_t* list) noexcept nogil:
    put_typed_take(c, key_hash(c, key), key, TYPE_LIST, list.encoding, list.body)


cdef bint list_sizes_or_reply(client_t* c, int first, int last, size_t* size) noexcept nogil:
    cdef int i
    size[0] = 0
    for i in range(first, last + 1):
        if unlikely(c.argv[i].size > LISTPACK_SIZE_SAFE):
            reply_error(c, ERR_STRING_TOO_LONG)
            return False
        size[0] += c.argv[i].size
    return True


cdef bint list_end_or_reply(client_t* c, slice_t word, bint* front) noexcept nogil:
    front[0] = equal_nocase(word.data, word.size, b"left", 4)
    if front[0] or equal_nocase(word.data, word.size, b"right", 5):
        return True
    reply_error_syntax(c)
    return False


cdef void list_push_key(client_t* c, slice_t key, entry_t* entry, slice_t text,
                        bint front) noexcept nogil:
    cdef list_value_t list
    if entry is NULL:
        list_create(&list, c.store.heap, <int>server_of(c).config.list_max_listpack_size)
    else:
        list_open(c, entry, &list)
    list_grow(&list, text.size, 1)
    list_push(&list, text, front)
    if entry is NULL:
        list_put_take(c, key, &list)
    else:
        list_keep(entry, &list)
    keyspace_signal(c.ks, EVENT_LIST, b"lpush" if front else b"rpush", key)


cdef void remove_or_keep(client_t* c, slice_t key, entry_t* entry, list_value_t* list,
                         const char* event) noexcept nogil:
    """Elements were removed. The change's event comes before that of the key's end."""
    cdef bint empty = list_count(list) == 0
    if not empty:
        list_shrink(list, True)
    list_keep(entry, list)
    if empty:
        keyspace_delete_entry(c.ks, key_hash(c, key), entry)
    keyspace_signal(c.ks, EVENT_LIST, event, key)
    if empty:
        keyspace_event(c.ks, EVENT_GENERIC, b"del", key)


cdef void list_popped(client_t* c, slice_t key, entry_t* entry, list_value_t* list,
                      bint front) noexcept nogil:
    remove_or_keep(c, key, entry, list, b"lpop" if front else b"rpop")


cdef void reply_elements(client_t* c, const list_value_t* list, list_at_t* at, uint64_t count,
                         bint forward) noexcept nogil:
    """`count` elements from `at` on, which are there."""
    cdef char scratch[FORMAT_INT_MAX]
    reply_array(c, <int64_t>count)
    while count:
        reply_bulk(c, list_get(at, scratch))
        count -= 1
        if count:
            if forward:
                list_next(list, at)
            else:
                list_prev(list, at)


cdef uint64_t list_pop_many(client_t* c, slice_t key, entry_t* entry, uint64_t count,
                            bint front) noexcept nogil:
    cdef list_value_t list
    cdef list_at_t at
    cdef uint64_t total
    list_open(c, entry, &list)
    total = list_count(&list)
    if count > total:
        count = total
    list_seek(&list, 0 if front else -1, &at)
    reply_elements(c, &list, &at, count, front)
    list_delete_range(&list, 0 if front else total - count, count)
    list_popped(c, key, entry, &list, front)
    c.store.dirty += count - 1
    return count


# -- pushing and popping --------------------------------------------------------------------------

cdef inline void push_generic(client_t* c, bint front, bint must_exist) noexcept nogil:
    cdef entry_t* entry
    cdef list_value_t list
    cdef size_t size
    cdef int i
    if not write_typed_or_reply(c, 1, TYPE_LIST, &entry) \
            or not list_sizes_or_reply(c, 2, c.argc - 1, &size):
        return
    if entry is not NULL:
        list_open(c, entry, &list)
    elif must_exist:
        reply_int(c, 0)
        return
    else:
        list_create(&list, c.store.heap, <int>server_of(c).config.list_max_listpack_size)
    list_grow(&list, size, <uint64_t>(c.argc - 2))
    for i in range(2, c.argc):
        list_push(&list, c.argv[i], front)
    reply_int(c, <int64_t>list_count(&list))
    if entry is not NULL:
        list_keep(entry, &list)
    else:
        list_put_take(c, c.argv[1], &list)
    keyspace_signal(c.ks, EVENT_LIST, b"lpush" if front else b"rpush", c.argv[1])
    c.store.dirty += <uint64_t>(c.argc - 3)


cdef void lpush_command(client_t* c) noexcept nogil:
    push_generic(c, True, False)


cdef void rpush_command(client_t* c) noexcept nogil:
    push_generic(c, False, False)


cdef void lpushx_command(client_t* c) noexcept nogil:
    push_generic(c, True, True)


cdef void rpushx_command(client_t* c) noexcept nogil:
    push_generic(c, False, True)


cdef void pop_generic(client_t* c, bint front) noexcept nogil:
    cdef entry_t* entry
    cdef list_value_t list
    cdef list_at_t at
    cdef char scratch[FORMAT_INT_MAX]
    cdef int64_t count = 1
    if c.argc > 3:
        reply_error_arity(c)
        return
    if c.argc == 3 and (not parse_int64(c.argv[2].data, c.argv[2].size, &count) or count < 0):
        reply_error(c, ERR_NOT_POSITIVE)
        return
    if not write_typed_or_reply(c, 1, TYPE_LIST, &entry):
        return
    if entry is NULL:
        if c.argc == 3:
            reply_null_array(c)
        else:
            reply_null(c)
    elif c.argc == 2:
        list_open(c, entry, &list)
        list_seek(&list, 0 if front else -1, &at)
        reply_bulk(c, list_get(&at, scratch))
        list_pop(&list, front)
        list_popped(c, c.argv[1], entry, &list, front)
    elif count == 0:
        reply_array(c, 0)
    else:
        list_pop_many(c, c.argv[1], entry, <uint64_t>count, front)


cdef void lpop_command(client_t* c) noexcept nogil:
    pop_generic(c, True)


cdef void rpop_command(client_t* c) noexcept nogil:
    pop_generic(c, False)


# -- by index -------------------------------------------------------------------------------------

cdef inline bint integer_or_reply(client_t* c, int at, int64_t* number) noexcept nogil:
    if likely(parse_int64(c.argv[at].data, c.argv[at].size, number)):
        return True
    reply_error(c, ERR_NOT_INTEGER)
    return False


cdef void llen_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef list_value_t list
    if not read_typed_or_reply(c, 1, TYPE_LIST, &entry):
        return
    if entry is NULL:
        reply_int(c, 0)
        return
    list_open(c, entry, &list)
    reply_int(c, <int64_t>list_count(&list))


cdef void lindex_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef list_value_t list
    cdef list_at_t at
    cdef char scratch[FORMAT_INT_MAX]
    cdef int64_t index
    if not read_typed_or_reply(c, 1, TYPE_LIST, &entry):
        return
    if entry is NULL:
        reply_null(c)
        return
    if not integer_or_reply(c, 2, &index):
        return
    list_open(c, entry, &list)
    if list_seek(&list, index, &at):
        reply_bulk(c, list_get(&at, scratch))
    else:
        reply_null(c)


cdef void lset_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef list_value_t list
    cdef list_at_t at
    cdef int64_t index
    cdef size_t size
    if not write_typed_or_reply(c, 1, TYPE_LIST, &entry):
        return
    if entry is NULL:
        reply_error(c, ERR_NO_KEY)
        return
    if not integer_or_reply(c, 2, &index) or not list_sizes_or_reply(c, 3, 3, &size):
        return
    list_open(c, entry, &list)
    list_grow(&list, size, 1)
    if list_seek(&list, index, &at):
        list_replace(&list, &at, c.argv[3])
        list_shrink(&list, True)
        list_keep(entry, &list)
        reply_ok(c)
        keyspace_signal(c.ks, EVENT_LIST, b"lset", c.argv[1])
    else:
        list_keep(entry, &list)
        reply_error(c, ERR_OUT_OF_RANGE)


cdef bint bounds_or_reply(client_t* c, int64_t* start, int64_t* stop) noexcept nogil:
    return integer_or_reply(c, 2, start) and integer_or_reply(c, 3, stop)


cdef uint64_t clamp(int64_t total, int64_t* start, int64_t stop) noexcept nogil:
    """The elements of start..stop, and *start as an index from the left."""
    if start[0] < 0:
        start[0] += total
    if stop < 0:
        stop += total
    if start[0] < 0:
        start[0] = 0
    if stop >= total:
        stop = total - 1
    return <uint64_t>(stop - start[0] + 1) if start[0] <= stop else 0


cdef void lrange_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef list_value_t list
    cdef list_at_t at
    cdef int64_t start, stop
    cdef uint64_t count
    if not bounds_or_reply(c, &start, &stop) or not read_typed_or_reply(c, 1, TYPE_LIST, &entry):
        return
    if entry is NULL:
        reply_array(c, 0)
        return
    list_open(c, entry, &list)
    count = clamp(<int64_t>list_count(&list), &start, stop)
    if count == 0 or not list_seek(&list, start, &at):
        reply_array(c, 0)
        return
    reply_elements(c, &list, &at, count, True)


cdef void ltrim_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef list_value_t list
    cdef int64_t start, stop
    cdef uint64_t total, keep
    if not bounds_or_reply(c, &start, &stop) or not write_typed_or_reply(c, 1, TYPE_LIST, &entry):
        return
    reply_ok(c)
    if entry is NULL:
        return
    list_open(c, entry, &list)
    total = list_count(&list)
    keep = clamp(<int64_t>total, &start, stop)
    if keep == 0:
        list_delete_range(&list, 0, total)
    else:
        list_delete_range(&list, <uint64_t>start + keep, total)
        list_delete_range(&list, 0, <uint64_t>start)
    remove_or_keep(c, c.argv[1], entry, &list, b"ltrim")
    # Of nothing an event, as in Valkey, and no change for the journal.
    c.store.dirty += total - keep - 1


# -- by value -------------------------------------------------------------------------------------

cdef void linsert_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef list_value_t list
    cdef list_at_t at
    cdef size_t size
    cdef bint after = equal_nocase(c.argv[2].data, c.argv[2].size, b"after", 5)
    if not after and not equal_nocase(c.argv[2].data, c.argv[2].size, b"before", 6):
        reply_error_syntax(c)
        return
    if not write_typed_or_reply(c, 1, TYPE_LIST, &entry) \
            or not list_sizes_or_reply(c, 4, 4, &size):
        return
    if entry is NULL:
        reply_int(c, 0)
        return
    list_open(c, entry, &list)
    list_grow(&list, size, 1)           # even where nothing will be inserted, as in Valkey
    list_seek(&list, 0, &at)
    while not listpack_equal(at.at, c.argv[3]):
        if not list_next(&list, &at):
            list_keep(entry, &list)
            reply_int(c, -1)
            return
    list_insert(&list, &at, c.argv[4], after)
    list_keep(entry, &list)
    reply_int(c, <int64_t>list_count(&list))
    keyspace_signal(c.ks, EVENT_LIST, b"linsert", c.argv[1])


cdef bint long_or_reply(client_t* c, int at, int64_t* number) noexcept nogil:
    """Any integer but the one that has no opposite."""
    if not integer_or_reply(c, at, number):
        return False
    if number[0] == INT64_MIN:
        reply_error(c, ERR_LONG_RANGE)
        return False
    return True


cdef void lrem_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef list_value_t list
    cdef list_at_t at
    cdef int64_t wanted
    cdef int64_t removed = 0
    cdef bint forward, more
    if not long_or_reply(c, 2, &wanted) or not write_typed_or_reply(c, 1, TYPE_LIST, &entry):
        return
    if entry is NULL:
        reply_int(c, 0)
        return
    forward = wanted >= 0
    wanted = -wanted if wanted < 0 else INT64_MAX if wanted == 0 else wanted
    list_open(c, entry, &list)
    more = list_seek(&list, 0 if forward else -1, &at)
    while more and removed < wanted:
        if listpack_equal(at.at, c.argv[3]):
            more = list_delete(&list, &at, forward)
            removed += 1
        else:
            more = list_next(&list, &at) if forward else list_prev(&list, &at)
    if removed:
        remove_or_keep(c, c.argv[1], entry, &list, b"lrem")
        c.store.dirty += <uint64_t>removed - 1
    reply_int(c, removed)


cdef bint search_or_reply(client_t* c, search_t* search) noexcept nogil:
    """LPOS's options."""
    cdef int i = 3
    cdef slice_t word, number
    search.rank = 1
    search.count = -1
    search.compared_max = 0
    while i < c.argc:
        word = c.argv[i]
        if i + 1 == c.argc:
            reply_error_syntax(c)
            return False
        number = c.argv[i + 1]
        if equal_nocase(word.data, word.size, b"rank", 4):
            if not long_or_reply(c, i + 1, &search.rank):
                return False
            if search.rank == 0:
                reply_error(c, ERR_RANK_ZERO)
                return False
        elif equal_nocase(word.data, word.size, b"count", 5):
            if not parse_int64(number.data, number.size, &search.count) or search.count < 0:
                reply_error(c, ERR_COUNT_NEGATIVE)
                return False
        elif equal_nocase(word.data, word.size, b"maxlen", 6):
            if not parse_int64(number.data, number.size, &search.compared_max) \
                    or search.compared_max < 0:
                reply_error(c, ERR_MAXLEN_NEGATIVE)
                return False
        else:
            reply_error_syntax(c)
            return False
        i += 2
    return True


cdef int64_t reply_matches(client_t* c, const list_value_t* list,
                           const search_t* search) noexcept nogil:
    """Answer with the indexes, up to search.count of them; returns how many there were."""
    cdef list_at_t at
    cdef int64_t total = <int64_t>list_count(list)
    cdef int64_t index = 0
    cdef int64_t matches = 0
    cdef int64_t found = 0
    cdef int64_t compared = 0
    cdef int64_t wanted = search.count if search.count >= 0 else 1
    cdef int64_t rank = search.rank if search.rank > 0 else -search.rank
    cdef bint forward = search.rank > 0
    cdef bint more = list_seek(list, 0 if forward else -1, &at)
    while more and (search.compared_max == 0 or compared < search.compared_max):
        if listpack_equal(at.at, c.argv[2]):
            matches += 1
            if matches >= rank:
                reply_int(c, index if forward else total - 1 - index)
                found += 1
                if found == wanted:
                    break
        index += 1
        compared += 1
        more = list_next(list, &at) if forward else list_prev(list, &at)
    return found


cdef void lpos_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef list_value_t list
    cdef search_t search
    cdef size_t mark
    if not search_or_reply(c, &search) or not read_typed_or_reply(c, 1, TYPE_LIST, &entry):
        return
    if entry is NULL:
        if search.count >= 0:
            reply_array(c, 0)
        else:
            reply_null(c)
        return
    list_open(c, entry, &list)
    if search.count < 0:
        if reply_matches(c, &list, &search) == 0:
            reply_null(c)
        return
    mark = reply_array_open(c)
    reply_array_close(c, mark, reply_matches(c, &list, &search))


cdef command_t TABLE[14]
TABLE[:] = [
    row(b"lpush", lpush_command, -3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_LIST, GROUP_LIST,
        keys_at(1, 1, 1, KEY_RW | KEY_INSERT), b"1.0.0",
        b"O(N) where N is the number of elements that are pushed.",
        b"LPUSH key element [element ...]",
        b"Adds elements at the left end of a list, one after the other; makes the list."),
    row(b"rpush", rpush_command, -3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_LIST, GROUP_LIST,
        keys_at(1, 1, 1, KEY_RW | KEY_INSERT), b"1.0.0",
        b"O(N) where N is the number of elements that are pushed.",
        b"RPUSH key element [element ...]",
        b"Adds elements at the right end of a list; makes the list."),
    row(b"lpushx", lpushx_command, -3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_LIST, GROUP_LIST,
        keys_at(1, 1, 1, KEY_RW | KEY_INSERT), b"2.2.0",
        b"O(N) where N is the number of elements that are pushed.",
        b"LPUSHX key element [element ...]",
        b"Adds elements at the left end of a list that exists."),
    row(b"rpushx", rpushx_command, -3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_LIST, GROUP_LIST,
        keys_at(1, 1, 1, KEY_RW | KEY_INSERT), b"2.2.0",
        b"O(N) where N is the number of elements that are pushed.",
        b"RPUSHX key element [element ...]",
        b"Adds elements at the right end of a list that exists."),
    row(b"lpop", lpop_command, -2, CMD_WRITE | CMD_FAST, ACL_LIST, GROUP_LIST,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"1.0.0",
        b"O(N) where N is the number of elements that are removed.",
        b"LPOP key [count]",
        b"Removes elements from the left end of a list and returns them."),
    row(b"rpop", rpop_command, -2, CMD_WRITE | CMD_FAST, ACL_LIST, GROUP_LIST,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"1.0.0",
        b"O(N) where N is the number of elements that are removed.",
        b"RPOP key [count]",
        b"Removes elements from the right end of a list and returns them."),
    row(b"llen", llen_command, 2, CMD_READONLY | CMD_FAST, ACL_LIST, GROUP_LIST,
        keys_at(1, 1, 1, KEY_RO), b"1.0.0", b"O(1)",
        b"LLEN key",
        b"Counts the elements of a list."),
    row(b"lindex", lindex_command, 3, CMD_READONLY, ACL_LIST, GROUP_LIST,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"1.0.0",
        b"O(N) where N is the number of elements between the nearer end and the index.",
        b"LINDEX key index",
        b"Returns the element at an index; -1 is the last."),
    row(b"lset", lset_command, 4, CMD_WRITE | CMD_DENYOOM, ACL_LIST, GROUP_LIST,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"1.0.0",
        b"O(N) where N is the number of elements between the nearer end and the index.",
        b"LSET key index element",
        b"Replaces the element at an index."),
    row(b"lrange", lrange_command, 4, CMD_READONLY, ACL_LIST, GROUP_LIST,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"1.0.0",
        b"O(S+N) where S is the distance of start from the nearer end and N the number of elements "
        b"that are returned.",
        b"LRANGE key start stop",
        b"Returns the elements between two indexes, both included."),
    row(b"ltrim", ltrim_command, 4, CMD_WRITE, ACL_LIST, GROUP_LIST,
        keys_at(1, 1, 1, KEY_RW | KEY_DELETE), b"1.0.0",
        b"O(N) where N is the number of elements that are removed.",
        b"LTRIM key start stop",
        b"Keeps the elements between two indexes and removes the others."),
    row(b"linsert", linsert_command, 5, CMD_WRITE | CMD_DENYOOM, ACL_LIST, GROUP_LIST,
        keys_at(1, 1, 1, KEY_RW | KEY_INSERT), b"2.2.0",
        b"O(N) where N is the number of elements left of the pivot.",
        b"LINSERT key <BEFORE | AFTER> pivot element",
        b"Adds an element beside the first one that equals the pivot."),
    row(b"lrem", lrem_command, 4, CMD_WRITE, ACL_LIST, GROUP_LIST,
        keys_at(1, 1, 1, KEY_RW | KEY_DELETE), b"1.0.0",
        b"O(N) where N is the number of elements of the list.",
        b"LREM key count element",
        b"Removes elements that equal one: the first, the last (count below 0) or all (0)."),
    row(b"lpos", lpos_command, -3, CMD_READONLY, ACL_LIST, GROUP_LIST,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"6.0.6",
        b"O(N) where N is the number of elements that are compared.",
        b"LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
        b"Returns the index of an element, or the indexes of several that are equal."),
]
command_register(TABLE, 14)
