"""A set's value.

Numbers stand in a sorted array, a few short members in a listpack; everything else in a table of
blocks, one a member, with a byte before it that tells its size. A member of ten bytes takes a block
of sixteen and about eight bytes of the table.

    item:   | size 1 | member |     or, from 255 bytes on,     | 255 | size 8 | member |

When a set stops being an intset or a listpack it never becomes one again by losing members. Which
encoding a set gets when is Valkey's rule to the member, since OBJECT ENCODING shows it.

Invariants
    S1  an intset holds a text exactly when the text is what we would write for the number
    S2  a listpack and a table hold each text once; a listpack keeps numbers as numbers
    S3  an item's block was asked for with item_size
"""
from libc.string cimport memcpy

from ..core.heap cimport heap_alloc, heap_block_size, heap_free
from ..core.intrinsics cimport kvd_assert, likely, load64, store64
from ..core.intset cimport (
    intset_add, intset_at, intset_copy, intset_create, intset_find, intset_release, intset_remove,
    intset_size, intset_t,
)
from ..core.listpack cimport (
    listpack_append, listpack_copy, listpack_count, listpack_create, listpack_delete,
    listpack_find, listpack_first, listpack_is_safe, listpack_next, listpack_random,
    listpack_release, listpack_size, listpack_value, listpack_value_text,
)
from ..core.number cimport FORMAT_INT_MAX, format_int64, parse_int64
from ..core.rand cimport rand_below
from ..core.table cimport (
    table_drain, table_find, table_hash, table_init, table_insert, table_random, table_remove,
    table_type_t,
)
from .entry cimport ENC_HASHTABLE, ENC_INTSET, ENC_LISTPACK, TYPE_SET
from .items cimport items_memory, items_move, items_next, items_walk
from .value cimport block_move, value_register, value_type_t

cdef enum:
    SIZE_LONG = 255                     # the size stands in 8 bytes behind this one
    INTSET_ENTRIES_MAX = 1 << 30

# The body of a hashtable.
cdef struct members_t:
    table_t table
    uint64_t move_cursor                # where defragmentation goes on


# -- items ----------------------------------------------------------------------------------------

cdef inline slice_t text_of(const void* item) noexcept nogil:
    cdef const char* at = <const char*>item
    if likely(<uint8_t>at[0] != SIZE_LONG):
        return slice_t(at + 1, <uint8_t>at[0])
    return slice_t(at + 9, load64(at + 1))


cdef slice_t set_item_text(const void* item) noexcept nogil:
    return text_of(item)


cdef inline size_t item_size(size_t size) noexcept nogil:
    return (1 if size < SIZE_LONG else 9) + size


cdef void* item_create(heap_t* heap, slice_t text) noexcept nogil:
    cdef char* item = <char*>heap_alloc(heap, item_size(text.size))
    if likely(text.size < SIZE_LONG):
        item[0] = <char>text.size
    else:
        item[0] = <char>SIZE_LONG
        store64(item + 1, text.size)
    if text.size:                       # memcpy takes no NULL, even for nothing
        memcpy(item + item_size(text.size) - text.size, text.data, text.size)
    return item


cdef void item_release(void* heap, void* item) noexcept nogil:
    heap_free(<heap_t*>heap, item, item_size(text_of(item).size))           # S3


cdef table_type_t MEMBER_TYPE
MEMBER_TYPE.key_of = set_item_text
MEMBER_TYPE.deadline_of = NULL


cdef inline table_t* table_of(const void* body) noexcept nogil:
    return &(<members_t*>body).table


cdef const table_t* set_table(const void* body) noexcept nogil:
    return table_of(body)


cdef inline bint number_of(slice_t text, int64_t* number) noexcept nogil:
    return 0 < text.size <= FORMAT_INT_MAX and parse_int64(text.data, text.size, number)    # S1


# -- life -----------------------------------------------------------------------------------------

cdef inline int64_t intset_entries_max(const set_t* set) noexcept nogil:
    cdef int64_t limit = set.limits.intset_entries
    return limit if limit < INTSET_ENTRIES_MAX else INTSET_ENTRIES_MAX


cdef void* members_create(heap_t* heap, const uint64_t* secret) noexcept nogil:
    cdef members_t* members = <members_t*>heap_alloc(heap, sizeof(members_t))
    table_init(&members.table, heap, &MEMBER_TYPE, secret)
    members.move_cursor = 0
    return members


cdef void set_create_as(set_t* set, encoding_t encoding) noexcept nogil:
    set.encoding = encoding
    if encoding == ENC_INTSET:
        set.body = intset_create(set.heap)
    elif encoding == ENC_LISTPACK:
        set.body = listpack_create(set.heap)
    else:
        set.body = members_create(set.heap, set.secret)


cdef void set_create(set_t* set, slice_t first, size_t count) noexcept nogil:
    cdef int64_t number
    if <int64_t>count <= set.limits.intset_entries and number_of(first, &number):
        set_create_as(set, ENC_INTSET)
    elif <int64_t>count <= set.limits.listpack_entries:
        set_create_as(set, ENC_LISTPACK)
    else:
        set_create_as(set, ENC_HASHTABLE)


cdef bint release(heap_t* heap, encoding_t encoding, void* body, size_t effort) noexcept nogil:
    if encoding == ENC_INTSET:
        intset_release(heap, <intset_t*>body)
    elif encoding == ENC_LISTPACK:
        listpack_release(heap, <uint8_t*>body)
    else:
        if table_drain(table_of(body), effort, item_release, heap):
            return True
        heap_free(heap, body, sizeof(members_t))
    return False


cdef void set_release(set_t* set) noexcept nogil:
    while release(set.heap, set.encoding, set.body, ~<size_t>0):
        pass
    set.body = NULL


cdef uint64_t count_of(encoding_t encoding, const void* body) noexcept nogil:
    if encoding == ENC_INTSET:
        return (<const intset_t*>body).count
    if encoding == ENC_LISTPACK:
        return listpack_count(<const uint8_t*>body)
    return table_of(body).count


cdef uint64_t set_count(const set_t* set) noexcept nogil:
    return count_of(set.encoding, set.body)


# -- encodings ------------------------------------------------------------------------------------

cdef void table_put(table_t* table, slice_t text) noexcept nogil:
    """A member that is not there."""
    table_insert(table, table_hash(table, text), item_create(table.heap, text))


cdef void set_convert(set_t* set, encoding_t encoding) noexcept nogil:
    cdef set_walk_t walk
    cdef listpack_value_t member
    cdef char scratch[FORMAT_INT_MAX]
    cdef set_t fresh = set[0]
    cdef bint added
    if set.encoding == encoding:
        return
    set_create_as(&fresh, encoding)
    set_walk(&walk, set)
    while set_next(&walk, &member):
        if encoding == ENC_HASHTABLE:
            table_put(table_of(fresh.body), listpack_value_text(&member, scratch))
        elif encoding == ENC_LISTPACK:
            fresh.body = listpack_append(set.heap, <uint8_t*>fresh.body,
                                         listpack_value_text(&member, scratch))
        else:
            if member.text.data is not NULL:
                added = parse_int64(member.text.data, member.text.size, &member.number)
                kvd_assert(added)
            fresh.body = intset_add(set.heap, <intset_t*>fresh.body, member.number, &added)
    set_release(set)
    set[0] = fresh


cdef void set_make_intset(set_t* set) noexcept nogil:
    if <int64_t>set_count(set) <= intset_entries_max(set):
        set_convert(set, ENC_INTSET)


cdef void set_expect(set_t* set, size_t more) noexcept nogil:
    if set.encoding == ENC_LISTPACK and <int64_t>more > set.limits.listpack_entries:
        set_convert(set, ENC_HASHTABLE)
    elif set.encoding == ENC_INTSET and <int64_t>more > set.limits.intset_entries:
        set_convert(set, ENC_HASHTABLE)


cdef bint intset_fits_listpack(const set_t* set, slice_t member) noexcept nogil:
    """Do the numbers, and this text, make a listpack within its limits?"""
    cdef const intset_t* numbers = <const intset_t*>set.body
    cdef char scratch[FORMAT_INT_MAX]
    cdef int64_t longest = <int64_t>member.size
    cdef int64_t size
    if numbers.count >= set.limits.listpack_entries:
        return False
    if numbers.count:                   # the longest texts stand at the ends
        size = format_int64(scratch, intset_at(numbers, 0))
        longest = size if size > longest else longest
        size = format_int64(scratch, intset_at(numbers, numbers.count - 1))
        longest = size if size > longest else longest
    return (longest <= set.limits.listpack_value
            and listpack_is_safe(NULL, member.size + FORMAT_INT_MAX * <size_t>numbers.count))


# -- members --------------------------------------------------------------------------------------

cdef bint add_to_table(table_t* table, slice_t member) noexcept nogil:
    cdef uint64_t hash = table_hash(table, member)
    if table_find(table, hash, member) is not NULL:
        return False
    table_insert(table, hash, item_create(table.heap, member))
    return True


cdef bint add_to_listpack(set_t* set, slice_t member) noexcept nogil:
    cdef uint8_t* pack = <uint8_t*>set.body
    if listpack_find(listpack_first(pack), member, 0) is not NULL:
        return False
    if (<int64_t>listpack_count(pack) < set.limits.listpack_entries
            and <int64_t>member.size <= set.limits.listpack_value
            and listpack_is_safe(pack, member.size)):
        set.body = listpack_append(set.heap, pack, member)
    else:
        set_convert(set, ENC_HASHTABLE)
        table_put(table_of(set.body), member)
    return True


cdef bint add_number(set_t* set, int64_t number) noexcept nogil:
    cdef bint added
    set.body = intset_add(set.heap, <intset_t*>set.body, number, &added)
    if added and (<intset_t*>set.body).count > intset_entries_max(set):
        set_convert(set, ENC_HASHTABLE)
    return added


cdef bint set_add(set_t* set, slice_t member) noexcept nogil:
    cdef int64_t number
    if set.encoding == ENC_INTSET:
        if number_of(member, &number):
            return add_number(set, number)
        if intset_fits_listpack(set, member):
            set_convert(set, ENC_LISTPACK)
            set.body = listpack_append(set.heap, <uint8_t*>set.body, member)
        else:
            set_convert(set, ENC_HASHTABLE)
            table_put(table_of(set.body), member)
        return True
    if set.encoding == ENC_LISTPACK:
        return add_to_listpack(set, member)
    return add_to_table(table_of(set.body), member)


cdef bint set_add_value(set_t* set, const listpack_value_t* member) noexcept nogil:
    cdef char scratch[FORMAT_INT_MAX]
    if member.text.data is NULL and set.encoding == ENC_INTSET:
        return add_number(set, member.number)
    return set_add(set, listpack_value_text(member, scratch))


cdef bint set_remove(set_t* set, slice_t member) noexcept nogil:
    cdef int64_t number
    cdef bint removed = False
    cdef uint8_t* at
    cdef uint64_t hash
    cdef table_t* table
    cdef void* item
    if set.encoding == ENC_INTSET:
        if number_of(member, &number):
            set.body = intset_remove(set.heap, <intset_t*>set.body, number, &removed)
        return removed
    if set.encoding == ENC_LISTPACK:
        at = listpack_find(listpack_first(<uint8_t*>set.body), member, 0)
        if at is NULL:
            return False
        set.body = listpack_delete(set.heap, <uint8_t*>set.body, &at, 1)
        return True
    table = table_of(set.body)
    hash = table_hash(table, member)
    item = table_find(table, hash, member)
    if item is NULL:
        return False
    table_remove(table, hash, item)
    item_release(set.heap, item)
    return True


cdef bint set_remove_value(set_t* set, const listpack_value_t* member) noexcept nogil:
    cdef char scratch[FORMAT_INT_MAX]
    cdef bint removed
    if member.text.data is NULL and set.encoding == ENC_INTSET:
        set.body = intset_remove(set.heap, <intset_t*>set.body, member.number, &removed)
        return removed
    return set_remove(set, listpack_value_text(member, scratch))


cdef bint set_has(const set_t* set, slice_t member) noexcept nogil:
    cdef int64_t number
    cdef uint32_t place
    cdef const table_t* table
    if set.encoding == ENC_HASHTABLE:
        table = table_of(set.body)
        return table_find(table, table_hash(table, member), member) is not NULL
    if set.encoding == ENC_INTSET:
        return (number_of(member, &number)
                and intset_find(<const intset_t*>set.body, number, &place))
    return listpack_find(listpack_first(<const uint8_t*>set.body), member, 0) is not NULL


cdef bint set_has_value(const set_t* set, const listpack_value_t* member) noexcept nogil:
    cdef char scratch[FORMAT_INT_MAX]
    cdef uint32_t place
    if member.text.data is NULL and set.encoding == ENC_INTSET:
        return intset_find(<const intset_t*>set.body, member.number, &place)
    return set_has(set, listpack_value_text(member, scratch))


cdef void set_random(const set_t* set, rand_t* rand, listpack_value_t* member) noexcept nogil:
    cdef const intset_t* numbers
    if set.encoding == ENC_INTSET:
        numbers = <const intset_t*>set.body
        member.text = slice_t(NULL, 0)
        member.number = intset_at(numbers, <uint32_t>rand_below(rand, numbers.count))
    elif set.encoding == ENC_LISTPACK:
        listpack_value(listpack_random(<const uint8_t*>set.body, 1, rand), member)
    else:
        member.text = text_of(table_random(table_of(set.body), rand))


# -- walks ----------------------------------------------------------------------------------------

cdef void set_walk(set_walk_t* walk, const set_t* set) noexcept nogil:
    walk.encoding = set.encoding
    walk.body = set.body
    walk.place = 0
    walk.at = NULL
    if set.encoding == ENC_LISTPACK:
        walk.at = listpack_first(<const uint8_t*>set.body)
    elif set.encoding == ENC_HASHTABLE:
        items_walk(&walk.items, table_of(set.body))


cdef bint set_next(set_walk_t* walk, listpack_value_t* member) noexcept nogil:
    cdef const void* item
    if walk.encoding == ENC_INTSET:
        if walk.place == (<const intset_t*>walk.body).count:
            return False
        member.text = slice_t(NULL, 0)
        member.number = intset_at(<const intset_t*>walk.body, walk.place)
        walk.place += 1
        return True
    if walk.encoding == ENC_LISTPACK:
        if walk.at is NULL:
            return False
        listpack_value(walk.at, member)
        walk.at = listpack_next(walk.at)
        return True
    item = items_next(&walk.items)
    if item is NULL:
        return False
    member.text = text_of(item)
    return True


# -- what the floors above ask ---------------------------------------------------------------------

cdef size_t effort_of(encoding_t encoding, const void* body) noexcept nogil:
    if encoding != ENC_HASHTABLE:
        return 1
    return 1 + table_of(body).count + 2 * table_of(body).segments


cdef size_t size_of(const void* item) noexcept nogil:
    return item_size(text_of(item).size)


cdef size_t memory_of(encoding_t encoding, const void* body, size_t samples) noexcept nogil:
    if encoding == ENC_INTSET:
        return heap_block_size(intset_size(<const intset_t*>body))
    if encoding == ENC_LISTPACK:
        return heap_block_size(listpack_size(<const uint8_t*>body))
    return heap_block_size(sizeof(members_t)) + items_memory(table_of(body), size_of, samples)


cdef void* copy(heap_t* heap, encoding_t encoding, const void* body) noexcept nogil:
    cdef items_walk_t walk
    cdef const void* item
    cdef void* fresh
    if encoding == ENC_INTSET:
        return intset_copy(heap, <const intset_t*>body)
    if encoding == ENC_LISTPACK:
        return listpack_copy(heap, <const uint8_t*>body)
    fresh = members_create(heap, table_of(body).secret)
    items_walk(&walk, table_of(body))
    while True:
        item = items_next(&walk)
        if item is NULL:
            return fresh
        table_put(table_of(fresh), text_of(item))


cdef void* move(heap_t* heap, encoding_t encoding, void* body, unsigned percent) noexcept nogil:
    cdef members_t* members
    if encoding == ENC_INTSET:
        return block_move(heap, body, intset_size(<const intset_t*>body), percent)
    if encoding == ENC_LISTPACK:
        return block_move(heap, body, listpack_size(<const uint8_t*>body), percent)
    members = <members_t*>block_move(heap, body, sizeof(members_t), percent)
    items_move(&members.table, &members.move_cursor, size_of, percent)
    return members


cdef const table_t* table_in(encoding_t encoding, const void* body) noexcept nogil:
    return set_table(body) if encoding == ENC_HASHTABLE else NULL


cdef value_type_t OPERATIONS
OPERATIONS.release = release
OPERATIONS.effort = effort_of
OPERATIONS.memory = memory_of
OPERATIONS.copy = copy
OPERATIONS.count = count_of
OPERATIONS.move = move
OPERATIONS.table = table_in
value_register(TYPE_SET, &OPERATIONS)
