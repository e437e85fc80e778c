"""Lists, several keys at a time: LMOVE, LMPOP, and the commands that wait for an element.

A waiting command is run again when one of its keys is a list (see blocked); so each is one function
that finds something, or asks to be called again. The journal gets what happened, in words that do
not wait:

    BLPOP a b 0            ->  LPOP b
    BLMOVE a b LEFT ...    ->  LMOVE a b LEFT ...
    LMPOP 2 a b LEFT       ->  LPOP b n
"""
from libc.stdint cimport int64_t, uint64_t

from ..core.number cimport FORMAT_INT_MAX, equal_nocase, parse_int64
from ..core.types cimport slice_t
from ..store.entry cimport TYPE_LIST, entry_t
from ..store.keyspace cimport EVENT_LIST, keyspace_event, keyspace_signal
from ..store.list cimport (
    list_at_t, list_get, list_grow, list_pop, list_push, list_seek, list_shrink, list_value_t,
)
from ..wire.command cimport (
    ACL_LIST, CMD_BLOCKING, CMD_DENYOOM, CMD_MOVABLEKEYS, CMD_WRITE, GROUP_LIST, KEY_ACCESS,
    KEY_DELETE, KEY_RW, client_t, command_register, command_t, keys_at, keys_counted, row,
)
from ..wire.errors cimport ERR_COUNT_ZERO, ERR_NUMKEYS_ZERO
from ..wire.reply cimport (
    feed_arg, feed_command, feed_int, feed_text, reply_array, reply_bulk, reply_error,
    reply_error_syntax, reply_null, reply_null_array,
)
from .blocked cimport block_denied, block_on_keys, block_seconds_or_reply
from .state cimport feed_wanted
from .t_list cimport (
    list_end_or_reply, list_keep, list_open, list_pop_many, list_popped, list_push_key,
)
from .typed cimport write_typed_or_reply

cdef struct pops_t:                     # what LMPOP and BLMPOP say
    int first                           # of the keys in argv
    int key_count
    bint front
    int64_t count


# -- from one list to another ---------------------------------------------------------------------

cdef void feed_move(client_t* c, bint from_front, bint to_front) noexcept nogil:
    cdef bint old = c.argc == 4         # BRPOPLPUSH
    if not feed_wanted(c):
        return
    feed_command(c, 3 if old else 5)
    feed_text(c, b"RPOPLPUSH" if old else b"LMOVE")
    feed_arg(c, c.argv[1])
    feed_arg(c, c.argv[2])
    if not old:
        feed_text(c, b"LEFT" if from_front else b"RIGHT")
        feed_text(c, b"LEFT" if to_front else b"RIGHT")


cdef void rotate(client_t* c, entry_t* entry, list_value_t* list, slice_t text, bint from_front,
                 bint to_front) noexcept nogil:
    """From one end of a list to its other, or to the same."""
    list_pop(list, from_front)
    list_grow(list, text.size, 1)
    list_push(list, text, to_front)
    list_shrink(list, True)
    list_keep(entry, list)
    keyspace_signal(c.ks, EVENT_LIST, b"lpush" if to_front else b"rpush", c.argv[1])
    keyspace_event(c.ks, EVENT_LIST, b"lpop" if from_front else b"rpop", c.argv[1])


cdef bint move_element(client_t* c, entry_t* source, bint from_front,
                       bint to_front) noexcept nogil:
    """From the list at argv[1] to that at argv[2], which may be the same. False: WRONGTYPE."""
    cdef entry_t* target
    cdef list_value_t list
    cdef list_at_t at
    cdef slice_t text
    cdef char scratch[FORMAT_INT_MAX]
    if not write_typed_or_reply(c, 2, TYPE_LIST, &target):
        return False
    list_open(c, source, &list)
    list_seek(&list, 0 if from_front else -1, &at)
    text = list_get(&at, scratch)
    reply_bulk(c, text)
    # The reply is a copy that no list owns: it outlives the element.
    text.data = c.reply.data + c.reply.size - 2 - text.size
    if target is source:
        rotate(c, source, &list, text, from_front, to_front)
        return True
    list_push_key(c, c.argv[2], target, text, to_front)
    list_pop(&list, from_front)
    list_popped(c, c.argv[1], source, &list, from_front)
    c.store.dirty -= 1                  # one change, told of twice
    return True


cdef void move_generic(client_t* c, bint from_front, bint to_front) noexcept nogil:
    cdef entry_t* source
    if not write_typed_or_reply(c, 1, TYPE_LIST, &source):
        return
    if source is NULL:
        reply_null(c)
    else:
        move_element(c, source, from_front, to_front)


cdef void lmove_command(client_t* c) noexcept nogil:
    cdef bint from_front, to_front
    if list_end_or_reply(c, c.argv[3], &from_front) and list_end_or_reply(c, c.argv[4], &to_front):
        move_generic(c, from_front, to_front)


cdef void rpoplpush_command(client_t* c) noexcept nogil:
    move_generic(c, False, True)


cdef void block_move(client_t* c, bint from_front, bint to_front, slice_t time) noexcept nogil:
    cdef entry_t* source
    cdef int64_t timeout_us
    if not block_seconds_or_reply(c, time, &timeout_us) \
            or not write_typed_or_reply(c, 1, TYPE_LIST, &source):
        return
    if source is not NULL:
        if move_element(c, source, from_front, to_front):
            feed_move(c, from_front, to_front)
    elif block_denied(c):
        reply_null(c)
    else:
        block_on_keys(c, 1, 1, TYPE_LIST, False, timeout_us, reply_null_array)


cdef void blmove_command(client_t* c) noexcept nogil:
    cdef bint from_front, to_front
    if list_end_or_reply(c, c.argv[3], &from_front) and list_end_or_reply(c, c.argv[4], &to_front):
        block_move(c, from_front, to_front, c.argv[5])


cdef void brpoplpush_command(client_t* c) noexcept nogil:
    block_move(c, False, True, c.argv[3])


# -- the first list that has something ------------------------------------------------------------

cdef void feed_pop(client_t* c, int key, bint front, int64_t count) noexcept nogil:
    """LPOP or RPOP; with a count when it is not 0."""
    if not feed_wanted(c):
        return
    feed_command(c, 3 if count else 2)
    feed_text(c, b"LPOP" if front else b"RPOP")
    feed_arg(c, c.argv[key])
    if count:
        feed_int(c, count)


cdef bint find_list_or_reply(client_t* c, int first, int count, int* found,
                             entry_t** entry) noexcept nogil:
    """The first of the keys that holds something, which must be a list: its index, or -1."""
    found[0] = first
    while found[0] < first + count:
        if not write_typed_or_reply(c, found[0], TYPE_LIST, entry):
            return False
        if entry[0] is not NULL:
            return True
        found[0] += 1
    found[0] = -1
    return True


cdef void block_pop(client_t* c, bint front) noexcept nogil:
    """BLPOP and BRPOP."""
    cdef entry_t* entry = NULL
    cdef list_value_t list
    cdef list_at_t at
    cdef char scratch[FORMAT_INT_MAX]
    cdef int64_t timeout_us
    cdef int key
    if not block_seconds_or_reply(c, c.argv[c.argc - 1], &timeout_us) \
            or not find_list_or_reply(c, 1, c.argc - 2, &key, &entry):
        return
    if key < 0:
        block_on_keys(c, 1, c.argc - 2, TYPE_LIST, False, timeout_us, reply_null_array)
        return
    list_open(c, entry, &list)
    list_seek(&list, 0 if front else -1, &at)
    reply_array(c, 2)
    reply_bulk(c, c.argv[key])
    reply_bulk(c, list_get(&at, scratch))
    list_pop(&list, front)
    list_popped(c, c.argv[key], entry, &list, front)
    feed_pop(c, key, front, 0)


cdef void blpop_command(client_t* c) noexcept nogil:
    block_pop(c, True)


cdef void brpop_command(client_t* c) noexcept nogil:
    block_pop(c, False)


cdef bint pops_or_reply(client_t* c, int at, pops_t* pops) noexcept nogil:
    """numkeys at argv[at], the keys, LEFT or RIGHT, and perhaps COUNT n."""
    cdef int64_t keys
    cdef int i
    if not parse_int64(c.argv[at].data, c.argv[at].size, &keys) or keys < 1:
        reply_error(c, ERR_NUMKEYS_ZERO)
        return False
    if keys > c.argc - at - 2:
        reply_error_syntax(c)
        return False
    pops.first = at + 1
    pops.key_count = <int>keys
    pops.count = -1
    i = pops.first + pops.key_count
    if not list_end_or_reply(c, c.argv[i], &pops.front):
        return False
    i += 1
    while i < c.argc:
        if not equal_nocase(c.argv[i].data, c.argv[i].size, b"count", 5) or i + 1 == c.argc \
                or pops.count != -1:
            reply_error_syntax(c)
            return False
        if not parse_int64(c.argv[i + 1].data, c.argv[i + 1].size, &pops.count) \
                or pops.count < 1:
            reply_error(c, ERR_COUNT_ZERO)
            return False
        i += 2
    pops.count = 1 if pops.count < 0 else pops.count
    return True


cdef void pop_from(client_t* c, const pops_t* pops, int key, entry_t* entry) noexcept nogil:
    cdef uint64_t popped
    reply_array(c, 2)
    reply_bulk(c, c.argv[key])
    popped = list_pop_many(c, c.argv[key], entry, <uint64_t>pops.count, pops.front)
    feed_pop(c, key, pops.front, <int64_t>popped)


cdef void lmpop_command(client_t* c) noexcept nogil:
    cdef pops_t pops
    cdef entry_t* entry = NULL
    cdef int key
    if not pops_or_reply(c, 1, &pops) \
            or not find_list_or_reply(c, pops.first, pops.key_count, &key, &entry):
        return
    if key < 0:
        reply_null_array(c)
    else:
        pop_from(c, &pops, key, entry)


cdef void blmpop_command(client_t* c) noexcept nogil:
    cdef pops_t pops
    cdef entry_t* entry = NULL
    cdef int64_t timeout_us
    cdef int key
    if not pops_or_reply(c, 2, &pops) or not block_seconds_or_reply(c, c.argv[1], &timeout_us) \
            or not find_list_or_reply(c, pops.first, pops.key_count, &key, &entry):
        return
    if key < 0:
        block_on_keys(c, pops.first, pops.key_count, TYPE_LIST, False, timeout_us,
                      reply_null_array)
    else:
        pop_from(c, &pops, key, entry)


cdef command_t TABLE[8]
TABLE[:] = [
    row(b"lmove", lmove_command, 5, CMD_WRITE | CMD_DENYOOM, ACL_LIST, GROUP_LIST,
        keys_at(1, 2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"6.2.0", b"O(1)",
        b"LMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT>",
        b"Removes an element from an end of one list, adds it at an end of another, returns it."),
    row(b"rpoplpush", rpoplpush_command, 3, CMD_WRITE | CMD_DENYOOM, ACL_LIST, GROUP_LIST,
        keys_at(1, 2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"1.2.0", b"O(1)",
        b"RPOPLPUSH source destination",
        b"Moves an element from the right end of one list to the left end of another."),
    row(b"lmpop", lmpop_command, -4, CMD_WRITE | CMD_MOVABLEKEYS, ACL_LIST, GROUP_LIST,
        keys_counted(1, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"7.0.0",
        b"O(N+M) where N is the number of keys and M the number of elements that are returned.",
        b"LMPOP numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
        b"Removes elements from an end of the first list that is not empty and returns them."),
    row(b"blpop", blpop_command, -3, CMD_WRITE | CMD_BLOCKING, ACL_LIST, GROUP_LIST,
        keys_at(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"2.0.0",
        b"O(N) where N is the number of keys.",
        b"BLPOP key [key ...] timeout",
        b"Removes the leftmost element of the first list that has one, and waits for one."),
    row(b"brpop", brpop_command, -3, CMD_WRITE | CMD_BLOCKING, ACL_LIST, GROUP_LIST,
        keys_at(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"2.0.0",
        b"O(N) where N is the number of keys.",
        b"BRPOP key [key ...] timeout",
        b"Removes the rightmost element of the first list that has one, and waits for one."),
    row(b"blmove", blmove_command, 6, CMD_WRITE | CMD_DENYOOM | CMD_BLOCKING, ACL_LIST,
        GROUP_LIST, keys_at(1, 2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"6.2.0", b"O(1)",
        b"BLMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
        b"Moves an element between two lists as LMOVE does, and waits for one."),
    row(b"brpoplpush", brpoplpush_command, 4, CMD_WRITE | CMD_DENYOOM | CMD_BLOCKING, ACL_LIST,
        GROUP_LIST, keys_at(1, 2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"2.2.0", b"O(1)",
        b"BRPOPLPUSH source destination timeout",
        b"Moves an element between two lists as RPOPLPUSH does, and waits for one."),
    row(b"blmpop", blmpop_command, -5, CMD_WRITE | CMD_BLOCKING | CMD_MOVABLEKEYS, ACL_LIST,
        GROUP_LIST, keys_counted(2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"7.0.0",
        b"O(N+M) where N is the number of keys and M the number of elements that are returned.",
        b"BLMPOP timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
        b"Removes elements from the first list that is not empty, and waits for some."),
]
command_register(TABLE, 8)
