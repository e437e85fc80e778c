"""Sets of several keys: SINTER, SUNION, SDIFF, what stores their results, and SINTERCARD.

An intersection walks the smallest set and asks the others. A difference either walks the first set
and asks the others, or takes the members of the others out of a copy of the first, whichever is
less work. A union is built in a set of its own.

The encoding of a stored result is Valkey's. It follows from the order in which members are added:
a union and a difference begin as an intset, an intersection as what its smallest set is, and one
of numbers only ends as an intset if it is short enough.

A key that does not exist is an empty set; a key of another type is an error, wherever it stands.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memcpy

from ..core.heap cimport heap_alloc, heap_free, heap_t
from ..core.listpack cimport listpack_value_t
from ..core.number cimport FORMAT_INT_MAX, equal_nocase, parse_int64
from ..store.entry cimport (
    ENC_HASHTABLE, ENC_INTSET, ENC_LISTPACK, TYPE_SET, entry_t, entry_type,
)
from ..store.keyspace cimport (
    EVENT_GENERIC, EVENT_SET, keyspace_delete, keyspace_read, keyspace_signal, keyspace_write,
)
from ..store.set cimport (
    set_add_value, set_count, set_create_as, set_has_value, set_make_intset, set_next,
    set_release, set_remove_value, set_t, set_walk, set_walk_t,
)
from ..wire.command cimport (
    ACL_SET, CMD_DENYOOM, CMD_MOVABLEKEYS, CMD_READONLY, CMD_WRITE, GROUP_SET, KEY_ACCESS, KEY_OW,
    KEY_RO, KEY_UPDATE, client_t, command_register, command_t, key_hash, keys_at, keys_counted,
    row,
)
from ..wire.errors cimport ERR_LIMIT_NEGATIVE, ERR_NUMKEYS_MANY, ERR_NUMKEYS_ZERO
from ..wire.reply cimport (
    reply_array_open, reply_error, reply_error_syntax, reply_error_type, reply_int, reply_set,
    reply_set_close,
)
from .t_set cimport set_begin, set_open, set_put_take
from .typed cimport reply_element

cdef enum operation_t:
    UNION = 0
    DIFFERENCE = 1

# The sets of a command's keys.
cdef struct operands_t:
    set_t* sets                         # owned; body NULL where there is no such key
    size_t count
    bint missing                        # of some there is none

cdef struct rank_t:
    uint64_t size
    size_t at


# -- operands -------------------------------------------------------------------------------------

cdef bint operands_or_reply(client_t* c, int at, int end, operands_t* all) noexcept nogil:
    """The sets of the keys argv[at:end]; to be given back by operands_free when it says yes."""
    cdef entry_t* entry
    cdef size_t i
    all.count = <size_t>(end - at)
    all.sets = <set_t*>heap_alloc(c.store.heap, all.count * sizeof(set_t))
    all.missing = False
    for i in range(all.count):
        entry = keyspace_read(c.ks, key_hash(c, c.argv[at + <int>i]), c.argv[at + <int>i])
        if entry is NULL:
            set_begin(c, &all.sets[i])
            all.missing = True
        elif entry_type(entry) != TYPE_SET:
            operands_free(c, all)
            reply_error_type(c)
            return False
        else:
            set_open(c, &all.sets[i], entry)
    return True


cdef void operands_free(client_t* c, operands_t* all) noexcept nogil:
    heap_free(c.store.heap, all.sets, all.count * sizeof(set_t))


cdef inline uint64_t size_of(const set_t* set) noexcept nogil:
    return set_count(set) if set.body is not NULL else 0


cdef int smaller_first(const void* a, const void* b) noexcept nogil:
    cdef const rank_t* one = <const rank_t*>a
    cdef const rank_t* other = <const rank_t*>b
    if one.size != other.size:
        return -1 if one.size < other.size else 1
    return -1 if one.at < other.at else 1


cdef void sort_by_size(heap_t* heap, set_t* sets, size_t count, bint descending) noexcept nogil:
    """Equal ones keep their order."""
    cdef size_t i
    cdef rank_t* ranks
    cdef set_t* sorted
    if count < 2:
        return
    ranks = <rank_t*>heap_alloc(heap, count * sizeof(rank_t))
    sorted = <set_t*>heap_alloc(heap, count * sizeof(set_t))
    for i in range(count):
        ranks[i].size = ~size_of(&sets[i]) if descending else size_of(&sets[i])
        ranks[i].at = i
    qsort(ranks, count, sizeof(rank_t), smaller_first)
    for i in range(count):
        sorted[i] = sets[ranks[i].at]
    memcpy(sets, sorted, count * sizeof(set_t))
    heap_free(heap, sorted, count * sizeof(set_t))
    heap_free(heap, ranks, count * sizeof(rank_t))


cdef void store_result(client_t* c, const set_t* result, const char* event) noexcept nogil:
    """Under argv[1], whatever is there; takes the body. An empty result deletes the key."""
    cdef set_t gone
    cdef uint64_t hash = key_hash(c, c.argv[1])
    if result.body is not NULL and set_count(result):
        reply_int(c, <int64_t>set_count(result))
        set_put_take(c, 1, result)
        keyspace_signal(c.ks, EVENT_SET, event, c.argv[1])
        return
    if result.body is not NULL:
        gone = result[0]
        set_release(&gone)
    keyspace_write(c.ks, hash, c.argv[1])
    if keyspace_delete(c.ks, hash, c.argv[1]):
        keyspace_signal(c.ks, EVENT_GENERIC, b"del", c.argv[1])
    reply_int(c, 0)


# -- intersection ---------------------------------------------------------------------------------

cdef inline bint in_all(const operands_t* all, const listpack_value_t* member) noexcept nogil:
    """In all but the first."""
    cdef size_t i
    for i in range(1, all.count):
        if all.sets[i].body is not all.sets[0].body and not set_has_value(&all.sets[i], member):
            return False
    return True


cdef bint next_common(set_walk_t* walk, const operands_t* all,
                      listpack_value_t* member) noexcept nogil:
    while set_next(walk, member):
        if in_all(all, member):
            return True
    return False


cdef void sinter_command(client_t* c) noexcept nogil:
    cdef operands_t all
    cdef set_walk_t walk
    cdef listpack_value_t member
    cdef size_t mark
    cdef int64_t found = 0
    if not operands_or_reply(c, 1, c.argc, &all):
        return
    if all.missing:
        reply_set(c, 0)
    else:
        sort_by_size(c.store.heap, all.sets, all.count, False)
        set_walk(&walk, &all.sets[0])
        mark = reply_array_open(c)
        while next_common(&walk, &all, &member):
            reply_element(c, &member)
            found += 1
        reply_set_close(c, mark, found)
    operands_free(c, &all)


cdef void sinterstore_command(client_t* c) noexcept nogil:
    cdef operands_t all
    cdef set_walk_t walk
    cdef set_t result
    cdef listpack_value_t member
    cdef bint numbers = True
    cdef int64_t number
    if not operands_or_reply(c, 2, c.argc, &all):
        return
    set_begin(c, &result)
    if not all.missing:
        sort_by_size(c.store.heap, all.sets, all.count, False)
        set_create_as(&result, ENC_INTSET if all.sets[0].encoding == ENC_INTSET else ENC_LISTPACK)
        set_walk(&walk, &all.sets[0])
        while next_common(&walk, &all, &member):
            # A listpack keeps every number as one: a text of it is none.
            if member.text.data is not NULL and numbers:
                numbers = (walk.encoding == ENC_HASHTABLE
                           and 0 < member.text.size <= FORMAT_INT_MAX
                           and parse_int64(member.text.data, member.text.size, &number))
            set_add_value(&result, &member)
        if numbers and set_count(&result):
            set_make_intset(&result)
    operands_free(c, &all)
    store_result(c, &result, b"sinterstore")


cdef void count_common(client_t* c, const operands_t* all, uint64_t limit) noexcept nogil:
    cdef set_walk_t walk
    cdef listpack_value_t member
    cdef uint64_t found = 0
    if not all.missing:
        sort_by_size(c.store.heap, all.sets, all.count, False)
        set_walk(&walk, &all.sets[0])
        while (limit == 0 or found < limit) and next_common(&walk, all, &member):
            found += 1
    reply_int(c, <int64_t>found)


cdef void sintercard_command(client_t* c) noexcept nogil:
    cdef operands_t all
    cdef int64_t keys
    cdef int64_t limit = 0
    cdef int at
    if not parse_int64(c.argv[1].data, c.argv[1].size, &keys) or keys < 1:
        reply_error(c, ERR_NUMKEYS_ZERO)
        return
    if keys > c.argc - 2:
        reply_error(c, ERR_NUMKEYS_MANY)
        return
    at = 2 + <int>keys
    while at < c.argc:
        if at + 1 == c.argc or not equal_nocase(c.argv[at].data, c.argv[at].size, b"limit", 5):
            reply_error_syntax(c)
            return
        if not parse_int64(c.argv[at + 1].data, c.argv[at + 1].size, &limit) or limit < 0:
            reply_error(c, ERR_LIMIT_NEGATIVE)
            return
        at += 2
    if operands_or_reply(c, 2, 2 + <int>keys, &all):
        count_common(c, &all, <uint64_t>limit)
        operands_free(c, &all)


# -- union and difference -------------------------------------------------------------------------

cdef void add_all(set_t* result, const set_t* set) noexcept nogil:
    cdef set_walk_t walk
    cdef listpack_value_t member
    if set.body is not NULL:
        set_walk(&walk, set)
        while set_next(&walk, &member):
            set_add_value(result, &member)


cdef void remove_all(set_t* result, const set_t* set) noexcept nogil:
    cdef set_walk_t walk
    cdef listpack_value_t member
    if set.body is not NULL:
        set_walk(&walk, set)
        while set_count(result) and set_next(&walk, &member):
            set_remove_value(result, &member)


cdef inline bint in_another(const operands_t* all, const listpack_value_t* member) noexcept nogil:
    cdef size_t i
    for i in range(1, all.count):
        if all.sets[i].body is not NULL and set_has_value(&all.sets[i], member):
            return True
    return False


cdef bint asking_is_less_work(const operands_t* all) noexcept nogil:
    """Than adding and removing. Half the work of the former is guessed to be saved, since the
    first set that has a member ends the asking."""
    cdef uint64_t asking = 0
    cdef uint64_t moving = 0
    cdef size_t i
    for i in range(all.count):
        if all.sets[i].body is not NULL:
            asking += set_count(&all.sets[0])
            moving += set_count(&all.sets[i])
    return asking // 2 <= moving


cdef void subtract(set_t* result, operands_t* all) noexcept nogil:
    cdef set_walk_t walk
    cdef listpack_value_t member
    cdef size_t i
    if all.sets[0].body is NULL:
        return
    for i in range(1, all.count):
        if all.sets[i].body is all.sets[0].body:
            return                      # minus itself
    if asking_is_less_work(all):
        if all.count > 1:               # the largest is the likeliest to have a member
            sort_by_size(result.heap, &all.sets[1], all.count - 1, True)
        set_walk(&walk, &all.sets[0])
        while set_next(&walk, &member):
            if not in_another(all, &member):
                set_add_value(result, &member)
        return
    add_all(result, &all.sets[0])
    for i in range(1, all.count):
        remove_all(result, &all.sets[i])


cdef void compute(set_t* result, operands_t* all, operation_t operation) noexcept nogil:
    cdef size_t i
    if operation == DIFFERENCE:
        subtract(result, all)
        return
    for i in range(all.count):
        add_all(result, &all.sets[i])


cdef void answer(client_t* c, operation_t operation) noexcept nogil:
    cdef operands_t all
    cdef set_t result
    cdef set_walk_t walk
    cdef listpack_value_t member
    cdef size_t i
    cdef bint numbers = True
    if not operands_or_reply(c, 1, c.argc, &all):
        return
    for i in range(all.count):
        numbers &= all.sets[i].body is NULL or all.sets[i].encoding == ENC_INTSET
    set_begin(c, &result)
    # It will only be read: no listpack, in which finding takes time.
    set_create_as(&result, ENC_INTSET if numbers else ENC_HASHTABLE)
    compute(&result, &all, operation)
    reply_set(c, <int64_t>set_count(&result))
    set_walk(&walk, &result)
    while set_next(&walk, &member):
        reply_element(c, &member)
    set_release(&result)
    operands_free(c, &all)


cdef void answer_and_store(client_t* c, operation_t operation, const char* event) noexcept nogil:
    cdef operands_t all
    cdef set_t result
    if not operands_or_reply(c, 2, c.argc, &all):
        return
    set_begin(c, &result)
    set_create_as(&result, ENC_INTSET)
    compute(&result, &all, operation)
    operands_free(c, &all)
    store_result(c, &result, event)


cdef void sunion_command(client_t* c) noexcept nogil:
    answer(c, UNION)


cdef void sunionstore_command(client_t* c) noexcept nogil:
    answer_and_store(c, UNION, b"sunionstore")


cdef void sdiff_command(client_t* c) noexcept nogil:
    answer(c, DIFFERENCE)


cdef void sdiffstore_command(client_t* c) noexcept nogil:
    answer_and_store(c, DIFFERENCE, b"sdiffstore")


cdef command_t TABLE[7]
TABLE[:] = [
    row(b"sinter", sinter_command, -2, CMD_READONLY, ACL_SET, GROUP_SET,
        keys_at(1, -1, 1, KEY_RO | KEY_ACCESS), b"1.0.0",
        b"O(N*M) where N is the size of the smallest set and M the number of sets.",
        b"SINTER key [key ...]",
        b"Lists the members that all of the sets have."),
    row(b"sinterstore", sinterstore_command, -3, CMD_WRITE | CMD_DENYOOM, ACL_SET, GROUP_SET,
        keys_at(1, -1, 1, KEY_OW | KEY_UPDATE), b"1.0.0",
        b"O(N*M) where N is the size of the smallest set and M the number of sets.",
        b"SINTERSTORE destination key [key ...]",
        b"Stores the members that all of the sets have."),
    row(b"sintercard", sintercard_command, -3, CMD_READONLY | CMD_MOVABLEKEYS, ACL_SET, GROUP_SET,
        keys_counted(1, 1, KEY_RO | KEY_ACCESS), b"7.0.0",
        b"O(N*M) where N is the size of the smallest set and M the number of sets.",
        b"SINTERCARD numkeys key [key ...] [LIMIT limit]",
        b"Counts the members that all of the sets have, up to a limit."),
    row(b"sunion", sunion_command, -2, CMD_READONLY, ACL_SET, GROUP_SET,
        keys_at(1, -1, 1, KEY_RO | KEY_ACCESS), b"1.0.0",
        b"O(N) where N is the number of members of all sets.",
        b"SUNION key [key ...]",
        b"Lists the members that any of the sets has."),
    row(b"sunionstore", sunionstore_command, -3, CMD_WRITE | CMD_DENYOOM, ACL_SET, GROUP_SET,
        keys_at(1, -1, 1, KEY_OW | KEY_UPDATE), b"1.0.0",
        b"O(N) where N is the number of members of all sets.",
        b"SUNIONSTORE destination key [key ...]",
        b"Stores the members that any of the sets has."),
    row(b"sdiff", sdiff_command, -2, CMD_READONLY, ACL_SET, GROUP_SET,
        keys_at(1, -1, 1, KEY_RO | KEY_ACCESS), b"1.0.0",
        b"O(N) where N is the number of members of all sets.",
        b"SDIFF key [key ...]",
        b"Lists the members of the first set that none of the others has."),
    row(b"sdiffstore", sdiffstore_command, -3, CMD_WRITE | CMD_DENYOOM, ACL_SET, GROUP_SET,
        keys_at(1, -1, 1, KEY_OW | KEY_UPDATE), b"1.0.0",
        b"O(N) where N is the number of members of all sets.",
        b"SDIFFSTORE destination key [key ...]",
        b"Stores the members of the first set that none of the others has."),
]
command_register(TABLE, 7)
