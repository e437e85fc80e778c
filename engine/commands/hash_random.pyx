"""Fields by lot: HRANDFIELD."""
from libc.stddef cimport size_t
from libc.stdint cimport INT64_MIN, int64_t, uint8_t, uint64_t

from ..core.heap cimport heap_alloc, heap_free
from ..core.intrinsics cimport likely
from ..core.listpack cimport (
    listpack_next, listpack_random_next, listpack_value, listpack_value_t,
)
from ..core.number cimport equal_nocase, parse_int64
from ..core.table cimport SEGMENT_ITEMS_MAX, table_walk
from ..core.types cimport slice_t
from ..store.choose cimport choose_from_array, choose_from_table
from ..store.entry cimport ENC_LISTPACK, TYPE_HASH, entry_t
from ..store.hash cimport (
    hash_count, hash_item_deadline, hash_item_field, hash_item_value, hash_living,
    hash_next, hash_random, hash_t, hash_table, hash_walk, hash_walk_t,
)
from ..wire.command cimport (
    ACL_HASH, CMD_READONLY, GROUP_HASH, KEY_ACCESS, KEY_RO, client_t, command_register, command_t,
    keys_at, row,
)
from ..wire.errors cimport (
    ERR_COUNT_RANGE, ERR_NOT_INTEGER, ERR_REPLY_TOO_LONG, ERR_VALUE_RANGE,
)
from ..wire.reply cimport (
    reply_array, reply_array_close, reply_array_open, reply_array_undo, reply_error,
    reply_error_syntax, reply_null,
)
from .t_hash cimport hash_open
from .typed cimport read_typed_or_reply, reply_element

cdef enum:
    REPLY_MAX = 134217728               # bytes that draws with repetition may fill

cdef extern from *:
    """
    #define KVD_PAIRS_MAX (INT64_MAX / 2)
    """
    const int64_t PAIRS_MAX "KVD_PAIRS_MAX"


cdef void reply_pair(client_t* c, const listpack_value_t* field, const listpack_value_t* value,
                     bint with_values) noexcept nogil:
    if with_values and c.resp == 3:
        reply_array(c, 2)
    reply_element(c, field)
    if with_values:
        reply_element(c, value)


cdef inline int64_t parts(const client_t* c, int64_t count, bint with_values) noexcept nogil:
    """How many replies so many fields are."""
    return 2 * count if with_values and c.resp == 2 else count


cdef void draw_with_repetition(client_t* c, const hash_t* hash, uint64_t count,
                               bint with_values) noexcept nogil:
    """A client may ask for more than memory holds, of a hash of one field."""
    cdef listpack_value_t field, value
    cdef size_t start = c.reply.size
    cdef size_t mark = reply_array_open(c)
    cdef uint64_t i = 0
    while (i < count and c.reply.size - start <= REPLY_MAX
            and hash_random(hash, &c.store.rand, &field, &value)):
        reply_pair(c, &field, &value, with_values)
        i += 1
    if i < count and i:
        reply_array_undo(c, mark)
        reply_error(c, ERR_REPLY_TOO_LONG)
    else:                               # or nothing lives
        reply_array_close(c, mark, parts(c, <int64_t>i, with_values))


cdef void draw_from_table(client_t* c, const hash_t* hash, size_t living, size_t count,
                          bint with_values) noexcept nogil:
    cdef size_t size = (living if living > count else count) * sizeof(void*)
    cdef void** items = <void**>heap_alloc(c.store.heap, size)
    cdef void* found[SEGMENT_ITEMS_MAX]
    cdef listpack_value_t field, value
    cdef uint64_t cursor = 0
    cdef size_t got = 0
    cdef size_t n, i
    if likely(living == hash_count(hash)):
        choose_from_table(hash_table(hash.body), &c.store.rand, c.store.heap, count, items)
    else:                               # among dead ones: look at all of them
        while got < living:
            n = table_walk(hash_table(hash.body), &cursor, found)
            for i in range(n):
                if hash_item_deadline(found[i]) > hash.now_ms:
                    items[got] = found[i]
                    got += 1
        choose_from_array(items, living, &c.store.rand, count)
    for i in range(count):
        field.text = hash_item_field(items[i])
        value.text = hash_item_value(items[i])
        reply_pair(c, &field, &value, with_values)
    heap_free(c.store.heap, items, size)


cdef void draw_from_listpack(client_t* c, const hash_t* hash, size_t count,
                             bint with_values) noexcept nogil:
    cdef listpack_value_t field, value
    cdef uint8_t* at = NULL
    cdef uint64_t index = 0
    while count:
        at = listpack_random_next(<const uint8_t*>hash.body, at, &index, count, 2, &c.store.rand)
        listpack_value(at, &field)
        listpack_value(listpack_next(at), &value)
        reply_pair(c, &field, &value, with_values)
        count -= 1


cdef void draw(client_t* c, const hash_t* hash, int64_t count, bint with_values) noexcept nogil:
    cdef hash_walk_t walk
    cdef listpack_value_t field, value
    cdef uint64_t living = hash_living(hash)
    if count < 0:
        draw_with_repetition(c, hash, <uint64_t>-count, with_values)
        return
    if <uint64_t>count >= living:
        reply_array(c, parts(c, <int64_t>living, with_values))
        hash_walk(&walk, hash)
        while hash_next(&walk, &field, &value):
            reply_pair(c, &field, &value, with_values)
        return
    reply_array(c, parts(c, count, with_values))
    if count == 0:
        return
    if hash.encoding == ENC_LISTPACK:
        draw_from_listpack(c, hash, <size_t>count, with_values)
    else:
        draw_from_table(c, hash, <size_t>living, <size_t>count, with_values)


cdef bint count_or_reply(client_t* c, int64_t* count, bint* with_values) noexcept nogil:
    cdef slice_t word
    if not parse_int64(c.argv[2].data, c.argv[2].size, count):
        reply_error(c, ERR_NOT_INTEGER)
        return False
    if count[0] == INT64_MIN:
        reply_error(c, ERR_COUNT_RANGE)
        return False
    with_values[0] = c.argc > 3
    if with_values[0]:
        word = c.argv[3]
        if c.argc > 4 or not equal_nocase(word.data, word.size, b"withvalues", 10):
            reply_error_syntax(c)
            return False
        if not -PAIRS_MAX <= count[0] <= PAIRS_MAX:
            reply_error(c, ERR_VALUE_RANGE)
            return False
    return True


cdef void hrandfield_command(client_t* c) noexcept nogil:
    cdef entry_t* entry
    cdef hash_t hash
    cdef listpack_value_t field, value
    cdef int64_t count = 0
    cdef bint with_values = False
    if c.argc > 2 and not count_or_reply(c, &count, &with_values):
        return
    if not read_typed_or_reply(c, 1, TYPE_HASH, &entry):
        return
    if entry is NULL:
        if c.argc > 2:
            reply_array(c, 0)
        else:
            reply_null(c)
        return
    hash_open(c, &hash, entry)
    if c.argc > 2:
        draw(c, &hash, count, with_values)
    elif hash_random(&hash, &c.store.rand, &field, &value):
        reply_element(c, &field)
    else:
        reply_null(c)


cdef command_t TABLE[1]
TABLE[:] = [
    row(b"hrandfield", hrandfield_command, -2, CMD_READONLY, ACL_HASH, GROUP_HASH,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"6.2.0",
        b"O(N) where N is the absolute value of the count.",
        b"HRANDFIELD key [count [WITHVALUES]]",
        b"Draws fields of a hash: different ones, or, with a negative count, with repetition."),
]
command_register(TABLE, 1)
