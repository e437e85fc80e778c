"""Members by lot: SPOP and SRANDMEMBER.

What SPOP took is a matter of chance, so the journal gets the outcome: SREM of the members, or DEL
where none was left.

A count that takes most of a set does not take them one by one: what stays is drawn, moved to a set
of its own, and the old one is emptied into the reply. The set that stays is made anew, so it may
become a listpack again; as in Valkey, where OBJECT ENCODING shows it.
"""
from libc.stddef cimport size_t
from libc.stdint cimport INT64_MIN, int64_t, uint8_t, uint64_t

from ..core.heap cimport heap_alloc, heap_free
from ..core.listpack cimport (
    listpack_random_next, listpack_value, listpack_value_t, listpack_value_text,
)
from ..core.number cimport FORMAT_INT_MAX, parse_int64
from ..core.rand cimport rand_below
from ..store.choose cimport choose_from_table
from ..store.entry cimport (
    ENC_HASHTABLE, ENC_INTSET, ENC_LISTPACK, TYPE_SET, entry_t,
)
from ..store.keyspace cimport EVENT_SET, keyspace_signal, store_drop_body
from ..store.set cimport (
    set_add_value, set_count, set_create_as, set_item_text, set_next, set_random,
    set_remove_value, set_t, set_table, set_walk, set_walk_t,
)
from ..wire.command cimport (
    ACL_SET, CMD_FAST, CMD_READONLY, CMD_WRITE, GROUP_SET, KEY_ACCESS, KEY_DELETE, KEY_RO, KEY_RW,
    client_t, command_register, command_t, keys_at, row,
)
from ..wire.errors cimport (
    ERR_COUNT_RANGE, ERR_NOT_INTEGER, ERR_NOT_POSITIVE, ERR_REPLY_TOO_LONG,
)
from ..wire.reply cimport (
    feed_arg, feed_command, feed_text, reply_array, reply_array_close, reply_array_open,
    reply_array_undo, reply_bulk, reply_error, reply_error_syntax, reply_null, reply_set,
)
from .state cimport feed_wanted
from .t_set cimport set_close, set_drop_empty, set_open
from .typed cimport read_typed_or_reply, reply_element, write_typed_or_reply

cdef enum:
    STAY_FACTOR = 5                     # fewer than a fifth of what is taken stay: move those
    FEED_MEMBERS = 1024                 # of one SREM
    REPLY_MAX = 134217728               # bytes that draws with repetition may fill


# -- SPOP -----------------------------------------------------------------------------------------

cdef void feed_delete(client_t* c) noexcept nogil:
    if feed_wanted(c):
        feed_command(c, 2)
        feed_text(c, b"DEL")
        feed_arg(c, c.argv[1])


cdef void feed_member(client_t* c, const listpack_value_t* member, size_t left) noexcept nogil:
    """One more member of the SREM that goes to the journal; `left` are to come, this one included,
    when it is the first of a command; 0 otherwise."""
    cdef char text[FORMAT_INT_MAX]
    if not feed_wanted(c):
        return
    if left:
        feed_command(c, 2 + <int>(left if left < FEED_MEMBERS else FEED_MEMBERS))
        feed_text(c, b"SREM")
        feed_arg(c, c.argv[1])
    feed_arg(c, listpack_value_text(member, text))


cdef void pop_one(client_t* c, entry_t* entry) noexcept nogil:
    cdef set_t set
    cdef listpack_value_t member
    set_open(c, &set, entry)
    set_random(&set, &c.store.rand, &member)
    reply_element(c, &member)
    feed_member(c, &member, 1)
    set_remove_value(&set, &member)
    set_close(&set, entry)
    keyspace_signal(c.ks, EVENT_SET, b"spop", c.argv[1])
    if set_count(&set) == 0:
        set_drop_empty(c, 1, entry)


cdef void pop_all(client_t* c, entry_t* entry, set_t* set) noexcept nogil:
    cdef set_walk_t walk
    cdef listpack_value_t member
    c.store.dirty += set_count(set) - 1
    set_walk(&walk, set)
    while set_next(&walk, &member):
        reply_element(c, &member)
    feed_delete(c)
    keyspace_signal(c.ks, EVENT_SET, b"spop", c.argv[1])
    set_drop_empty(c, 1, entry)


cdef void pop_few(client_t* c, set_t* set, size_t count) noexcept nogil:
    cdef listpack_value_t member
    cdef size_t i
    for i in range(count):
        set_random(set, &c.store.rand, &member)
        reply_element(c, &member)
        feed_member(c, &member, 0 if i % FEED_MEMBERS else count - i)
        set_remove_value(set, &member)


cdef void pop_most(client_t* c, set_t* set, size_t count, size_t stay) noexcept nogil:
    """Draw what stays; the rest is the reply."""
    cdef set_t fresh = set[0]
    cdef set_walk_t walk
    cdef listpack_value_t member
    cdef size_t i
    set_create_as(&fresh, ENC_INTSET if set.encoding == ENC_INTSET else ENC_LISTPACK)
    for i in range(stay):
        set_random(set, &c.store.rand, &member)
        set_add_value(&fresh, &member)
        set_remove_value(set, &member)
    set_walk(&walk, set)
    i = 0
    while set_next(&walk, &member):
        reply_element(c, &member)
        feed_member(c, &member, 0 if i % FEED_MEMBERS else count - i)
        i += 1
    store_drop_body(c.store, TYPE_SET, set.encoding, set.body)
    set[0] = fresh


cdef void pop_count(client_t* c, entry_t* entry, size_t count) noexcept nogil:
    cdef set_t set
    cdef uint64_t size
    set_open(c, &set, entry)
    size = set_count(&set)
    reply_set(c, <int64_t>(count if count < size else size))
    if count == 0:
        return
    if count >= size:
        pop_all(c, entry, &set)
        return
    if (size - count) * STAY_FACTOR > count:
        pop_few(c, &set, count)
    else:
        pop_most(c, &set, count, size - count)
    set_close(&set, entry)
    keyspace_signal(c.ks, EVENT_SET, b"spop", c.argv[1])
    c.store.dirty += count - 1


cdef void spop_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef int64_t count = -1
    if c.argc > 3:
        reply_error_syntax(c)
        return
    if c.argc == 3 and (not parse_int64(c.argv[2].data, c.argv[2].size, &count) or count < 0):
        reply_error(c, ERR_NOT_POSITIVE)
        return
    if not write_typed_or_reply(c, 1, TYPE_SET, &entry):
        return
    if entry is NULL:
        if c.argc == 3:
            reply_set(c, 0)
        else:
            reply_null(c)
    elif c.argc == 3:
        pop_count(c, entry, <size_t>count)
    else:
        pop_one(c, entry)


# -- SRANDMEMBER ----------------------------------------------------------------------------------

cdef void draw_with_repetition(client_t* c, const set_t* set, uint64_t count) noexcept nogil:
    """A client may ask for more than memory holds, of a set of one member."""
    cdef listpack_value_t member
    cdef size_t start = c.reply.size
    cdef size_t mark = reply_array_open(c)
    cdef uint64_t i = 0
    while i < count and c.reply.size - start <= REPLY_MAX:
        set_random(set, &c.store.rand, &member)
        reply_element(c, &member)
        i += 1
    if i < count:
        reply_array_undo(c, mark)
        reply_error(c, ERR_REPLY_TOO_LONG)
    else:
        reply_array_close(c, mark, <int64_t>count)


cdef void draw_from_table(client_t* c, const set_t* set, size_t count) noexcept nogil:
    cdef void** items = <void**>heap_alloc(c.store.heap, count * sizeof(void*))
    cdef size_t i
    choose_from_table(set_table(set.body), &c.store.rand, c.store.heap, count, items)
    for i in range(count):
        reply_bulk(c, set_item_text(items[i]))
    heap_free(c.store.heap, items, count * sizeof(void*))


cdef void draw_from_listpack(client_t* c, const set_t* set, size_t count) noexcept nogil:
    cdef listpack_value_t member
    cdef uint8_t* at = NULL
    cdef uint64_t index = 0
    while count:
        at = listpack_random_next(<const uint8_t*>set.body, at, &index, count, 1, &c.store.rand)
        listpack_value(at, &member)
        reply_element(c, &member)
        count -= 1


cdef void draw_from_intset(client_t* c, const set_t* set, size_t count) noexcept nogil:
    """A walk that takes each with the probability that what is wanted has to what is left."""
    cdef set_walk_t walk
    cdef listpack_value_t member
    cdef uint64_t left = set_count(set)
    set_walk(&walk, set)
    while count and set_next(&walk, &member):
        if rand_below(&c.store.rand, left) < count:
            reply_element(c, &member)
            count -= 1
        left -= 1


cdef void draw(client_t* c, const set_t* set, int64_t count) noexcept nogil:
    cdef set_walk_t walk
    cdef listpack_value_t member
    cdef uint64_t size = set_count(set)
    if count < 0:
        draw_with_repetition(c, set, <uint64_t>-count)
        return
    reply_array(c, count if <uint64_t>count < size else <int64_t>size)
    if count == 0:
        return
    if <uint64_t>count >= size:
        set_walk(&walk, set)
        while set_next(&walk, &member):
            reply_element(c, &member)
    elif set.encoding == ENC_HASHTABLE:
        draw_from_table(c, set, <size_t>count)
    elif set.encoding == ENC_LISTPACK:
        draw_from_listpack(c, set, <size_t>count)
    else:
        draw_from_intset(c, set, <size_t>count)


cdef void srandmember_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef set_t set
    cdef listpack_value_t member
    cdef int64_t count = 0
    if c.argc > 3:
        reply_error_syntax(c)
        return
    if c.argc == 3:
        if not parse_int64(c.argv[2].data, c.argv[2].size, &count):
            reply_error(c, ERR_NOT_INTEGER)
            return
        if count == INT64_MIN:
            reply_error(c, ERR_COUNT_RANGE)
            return
    if not read_typed_or_reply(c, 1, TYPE_SET, &entry):
        return
    if entry is NULL:
        if c.argc == 3:
            reply_array(c, 0)
        else:
            reply_null(c)
        return
    set_open(c, &set, entry)
    if c.argc == 3:
        draw(c, &set, count)
    else:
        set_random(&set, &c.store.rand, &member)
        reply_element(c, &member)


cdef command_t TABLE[2]
TABLE[:] = [
    row(b"spop", spop_command, -2, CMD_WRITE | CMD_FAST, ACL_SET, GROUP_SET,
        keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_DELETE), b"1.0.0",
        b"O(1) for each member.",
        b"SPOP key [count]",
        b"Takes members, drawn by lot, out of a set."),
    row(b"srandmember", srandmember_command, -2, CMD_READONLY, ACL_SET, GROUP_SET,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"1.0.0",
        b"O(N) where N is the absolute value of the count.",
        b"SRANDMEMBER key [count]",
        b"Draws members of a set: different ones, or, with a negative count, with repetition."),
]
command_register(TABLE, 2)
