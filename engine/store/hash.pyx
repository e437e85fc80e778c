"""A hash's value.

Few and short fields lie in a listpack, each before its value. Others are items of a table:

    item:   | form 1 | [deadline 8] | field size 1 or 8 | value size 1 or 8 | field | value |

A value of the same size class is written over the old one where it lies, which is what counters
and sessions do all the time. The table knows when its first field dies, and the hash's node tells
the database (due.pyx).

Dead fields are removed by time, and prompt; until then nothing that reads returns them. Setting
one again makes a new field of it.

Invariants
    H1  an item's block was asked for with item_size, or with a size of the same class
    H2  a field with a deadline is in a table, and the table knows the deadline (T4)
    H3  no listpack holds a field twice
"""
from libc.string cimport memcpy, memmove

from ..core.heap cimport heap_alloc, heap_block_size, heap_free
from ..core.intrinsics cimport likely, load64, store64, unlikely
from ..core.listpack cimport (
    listpack_append, listpack_append_many, listpack_copy, listpack_count, listpack_create,
    listpack_delete, listpack_find, listpack_find_pair, listpack_first, listpack_get,
    listpack_is_safe, listpack_next, listpack_random, listpack_release, listpack_replace,
    listpack_size, listpack_value,
)
from ..core.rand cimport rand_below
from ..core.table cimport (
    NO_DEADLINE, table_drain, table_due_ms, table_find, table_hash, table_init, table_insert,
    table_note_deadline, table_random, table_remove, table_replace, table_take_due, table_type_t,
)
from .due cimport due_moved, due_remove
from .items cimport items_memory, items_move, items_next, items_walk
from .value cimport (
    ENC_HASHTABLE, ENC_LISTPACK, TYPE_HASH, block_move, value_register, value_type_t,
)

cdef enum:
    FORM_DEADLINE = 1
    FORM_LONG_FIELD = 2                 # its size in 8 bytes
    FORM_LONG_VALUE = 4
    RANDOM_TRIES_MAX = 100              # when dead fields keep coming up

# The body of a hashtable.
cdef struct fields_t:
    due_node_t due                      # first: hash_of_due_node
    table_t table
    uint64_t move_cursor                # where defragmentation goes on


# -- items ----------------------------------------------------------------------------------------

cdef struct parts_t:
    char* field
    size_t field_size
    size_t value_size


cdef inline parts_t parts_of(const void* item) noexcept nogil:
    cdef char* at = <char*>item
    cdef uint8_t form = <uint8_t>at[0]
    cdef parts_t parts
    at += 9 if form & FORM_DEADLINE else 1
    if likely(not form & (FORM_LONG_FIELD | FORM_LONG_VALUE)):
        parts.field_size = <uint8_t>at[0]
        parts.value_size = <uint8_t>at[1]
        parts.field = at + 2
        return parts
    if form & FORM_LONG_FIELD:
        parts.field_size = load64(at)
        at += 8
    else:
        parts.field_size = <uint8_t>at[0]
        at += 1
    if form & FORM_LONG_VALUE:
        parts.value_size = load64(at)
        at += 8
    else:
        parts.value_size = <uint8_t>at[0]
        at += 1
    parts.field = at
    return parts


cdef slice_t hash_item_field(const void* item) noexcept nogil:
    cdef parts_t parts = parts_of(item)
    return slice_t(parts.field, parts.field_size)


cdef slice_t hash_item_value(const void* item) noexcept nogil:
    cdef parts_t parts = parts_of(item)
    return slice_t(parts.field + parts.field_size, parts.value_size)


cdef int64_t hash_item_deadline(const void* item) noexcept nogil:
    if (<const uint8_t*>item)[0] & FORM_DEADLINE:
        return <int64_t>load64(<const char*>item + 1)
    return NO_DEADLINE


cdef inline uint8_t form_of(size_t field_size, size_t value_size, bint mortal) noexcept nogil:
    return ((FORM_DEADLINE if mortal else 0) | (FORM_LONG_FIELD if field_size > 255 else 0)
            | (FORM_LONG_VALUE if value_size > 255 else 0))


cdef inline size_t size_in_form(uint8_t form, size_t field_size, size_t value_size) noexcept nogil:
    return (3 + (8 if form & FORM_DEADLINE else 0) + (7 if form & FORM_LONG_FIELD else 0)
            + (7 if form & FORM_LONG_VALUE else 0) + field_size + value_size)


cdef inline size_t item_size(const void* item) noexcept nogil:
    cdef parts_t parts = parts_of(item)
    return <size_t>(parts.field - <char*>item) + parts.field_size + parts.value_size


cdef inline void put_bytes(char* target, slice_t bytes) noexcept nogil:
    if bytes.size:                      # memcpy takes no NULL, even for nothing
        memcpy(target, bytes.data, bytes.size)


cdef void* item_create(heap_t* heap, slice_t field, slice_t value,
                       int64_t deadline_ms) noexcept nogil:
    cdef uint8_t form = form_of(field.size, value.size, deadline_ms != NO_DEADLINE)
    # Of the whole class, so that write_over may grow a value within it.
    cdef char* item = <char*>heap_alloc(heap, heap_block_size(
        size_in_form(form, field.size, value.size)))
    cdef char* at = item + 1
    item[0] = <char>form
    if form & FORM_DEADLINE:
        store64(at, <uint64_t>deadline_ms)
        at += 8
    if form & FORM_LONG_FIELD:
        store64(at, field.size)
        at += 8
    else:
        at[0] = <char>field.size
        at += 1
    if form & FORM_LONG_VALUE:
        store64(at, value.size)
        at += 8
    else:
        at[0] = <char>value.size
        at += 1
    put_bytes(at, field)
    put_bytes(at + field.size, value)
    return item


cdef void item_release(void* heap, void* item) noexcept nogil:
    heap_free(<heap_t*>heap, item, item_size(item))     # H1


cdef bint write_over(void* item, slice_t value, int64_t deadline_ms) noexcept nogil:
    """Another value where the old one lies, if the block has the room and the form for it."""
    cdef parts_t parts = parts_of(item)
    cdef uint8_t form = form_of(parts.field_size, value.size, deadline_ms != NO_DEADLINE)
    cdef char* sizes = parts.field - (8 if form & FORM_LONG_VALUE else 1)
    if form != (<uint8_t*>item)[0]:
        return False
    if parts.value_size != value.size and (
            heap_block_size(item_size(item))
            != heap_block_size(size_in_form(form, parts.field_size, value.size))):
        return False
    if form & FORM_DEADLINE:
        store64(<char*>item + 1, <uint64_t>deadline_ms)
    if form & FORM_LONG_VALUE:
        store64(sizes, value.size)
    else:
        sizes[0] = <char>value.size
    if value.size:                      # which may be the item's own
        memmove(parts.field + parts.field_size, value.data, value.size)
    return True


cdef table_type_t FIELD_TYPE
FIELD_TYPE.key_of = hash_item_field
FIELD_TYPE.deadline_of = hash_item_deadline


cdef inline table_t* table_of(const void* body) noexcept nogil:
    return &(<fields_t*>body).table


cdef table_t* hash_table(const void* body) noexcept nogil:
    return table_of(body)


cdef due_node_t* hash_due_node(void* body) noexcept nogil:
    return &(<fields_t*>body).due


cdef void* hash_of_due_node(due_node_t* node) noexcept nogil:
    return node


cdef int64_t hash_due_ms(encoding_t encoding, const void* body) noexcept nogil:
    return table_due_ms(table_of(body)) if encoding == ENC_HASHTABLE else NO_DEADLINE


# -- life -----------------------------------------------------------------------------------------

cdef void* fields_create(heap_t* heap, const uint64_t* secret) noexcept nogil:
    cdef fields_t* fields = <fields_t*>heap_alloc(heap, sizeof(fields_t))
    table_init(&fields.table, heap, &FIELD_TYPE, secret)
    fields.due.list = NULL
    fields.due.due_ms = NO_DEADLINE
    fields.move_cursor = 0
    return fields


cdef void hash_create_as(hash_t* hash, encoding_t encoding) noexcept nogil:
    hash.encoding = encoding
    hash.body = (listpack_create(hash.heap) if encoding == ENC_LISTPACK
                 else fields_create(hash.heap, hash.secret))


cdef void hash_create(hash_t* hash) noexcept nogil:
    hash_create_as(hash, ENC_LISTPACK)


cdef bint release(heap_t* heap, encoding_t encoding, void* body, size_t effort) noexcept nogil:
    if encoding == ENC_LISTPACK:
        listpack_release(heap, <uint8_t*>body)
        return False
    due_remove(hash_due_node(body))
    if table_drain(table_of(body), effort, item_release, heap):
        return True
    heap_free(heap, body, sizeof(fields_t))
    return False


cdef void hash_release(hash_t* hash) noexcept nogil:
    while release(hash.heap, hash.encoding, hash.body, ~<size_t>0):
        pass
    hash.body = NULL


cdef uint64_t count_of(encoding_t encoding, const void* body) noexcept nogil:
    if encoding == ENC_LISTPACK:
        return listpack_count(<const uint8_t*>body) // 2
    return table_of(body).count


cdef uint64_t hash_count(const hash_t* hash) noexcept nogil:
    return count_of(hash.encoding, hash.body)


cdef uint64_t hash_living(const hash_t* hash) noexcept nogil:
    cdef items_walk_t walk
    cdef const void* item
    cdef uint64_t living = 0
    if likely(hash_due_ms(hash.encoding, hash.body) > hash.now_ms):
        return hash_count(hash)
    items_walk(&walk, table_of(hash.body))
    while True:
        item = items_next(&walk)
        if item is NULL:
            return living
        living += hash_item_deadline(item) > hash.now_ms


cdef void hash_to_table(hash_t* hash) noexcept nogil:
    cdef char field_scratch[24]
    cdef char value_scratch[24]
    cdef table_t* table
    cdef const uint8_t* at
    cdef slice_t name
    cdef hash_t fresh = hash[0]
    if hash.encoding == ENC_HASHTABLE:
        return
    hash_create_as(&fresh, ENC_HASHTABLE)
    table = table_of(fresh.body)
    at = listpack_first(<const uint8_t*>hash.body)
    while at is not NULL:
        name = listpack_get(at, field_scratch)
        at = listpack_next(at)
        table_insert(table, table_hash(table, name), item_create(
            hash.heap, name, listpack_get(at, value_scratch), NO_DEADLINE))
        at = listpack_next(at)
    hash_release(hash)
    hash[0] = fresh


cdef void hash_expect(hash_t* hash, const slice_t* args, size_t count) noexcept nogil:
    cdef size_t i
    cdef size_t sum = 0
    if hash.encoding != ENC_LISTPACK:
        return
    if <int64_t>(count // 2) > hash.limits.listpack_entries:
        hash_to_table(hash)
        return
    for i in range(count):
        if <int64_t>args[i].size > hash.limits.listpack_value:
            hash_to_table(hash)
            return
        sum += args[i].size
    if not listpack_is_safe(<const uint8_t*>hash.body, sum):
        hash_to_table(hash)


# -- one field ------------------------------------------------------------------------------------

cdef inline void* find_living(const hash_t* hash, slice_t field) noexcept nogil:
    """Of a table."""
    cdef table_t* table = table_of(hash.body)
    cdef void* item = table_find(table, table_hash(table, field), field)
    if item is not NULL and unlikely(hash_item_deadline(item) <= hash.now_ms):
        return NULL
    return item


cdef bint hash_get(const hash_t* hash, slice_t field, char* scratch,
                   slice_t* value) noexcept nogil:
    cdef const uint8_t* at
    cdef void* item
    if hash.encoding == ENC_LISTPACK:
        at = listpack_find_pair(<const uint8_t*>hash.body, field)
        if at is NULL:
            return False
        value[0] = listpack_get(at, scratch)
        return True
    item = find_living(hash, field)
    if item is NULL:
        return False
    value[0] = hash_item_value(item)
    return True


cdef bint hash_has(const hash_t* hash, slice_t field) noexcept nogil:
    if hash.encoding == ENC_LISTPACK:
        return listpack_find_pair(<const uint8_t*>hash.body, field) is not NULL
    return find_living(hash, field) is not NULL


cdef bint hash_deadline(const hash_t* hash, slice_t field, int64_t* deadline_ms) noexcept nogil:
    cdef void* item
    deadline_ms[0] = NO_DEADLINE
    if hash.encoding == ENC_LISTPACK:
        return listpack_find_pair(<const uint8_t*>hash.body, field) is not NULL
    item = find_living(hash, field)
    if item is NULL:
        return False
    deadline_ms[0] = hash_item_deadline(item)
    return True


cdef hash_changed_t set_in_listpack(hash_t* hash, slice_t field, slice_t value) noexcept nogil:
    cdef uint8_t* pack = <uint8_t*>hash.body
    cdef uint8_t* at = listpack_find_pair(pack, field)
    cdef listpack_value_t pair[2]
    if at is not NULL:
        hash.body = listpack_replace(hash.heap, pack, &at, value)
        return HASH_CHANGED
    pair[0].text = field
    pair[1].text = value
    if unlikely(field.data is NULL or value.data is NULL):      # which would mean a number
        pack = listpack_append(hash.heap, pack, field)
        hash.body = listpack_append(hash.heap, pack, value)
    else:
        hash.body = listpack_append_many(hash.heap, pack, pair, 2)
    if <int64_t>hash_count(hash) > hash.limits.listpack_entries:
        hash_to_table(hash)
    return HASH_NEW


cdef void replace_item(hash_t* hash, uint64_t place, void* item, slice_t value,
                       int64_t deadline_ms) noexcept nogil:
    """The same field with another value and deadline; `value` may be the item's own."""
    cdef table_t* table = table_of(hash.body)
    cdef void* fresh = item
    if not write_over(item, value, deadline_ms):
        fresh = item_create(hash.heap, hash_item_field(item), value, deadline_ms)
        table_replace(table, place, item, fresh)
        item_release(hash.heap, item)
    if deadline_ms != NO_DEADLINE:      # H2
        table_note_deadline(table, place, fresh, deadline_ms)


cdef hash_changed_t hash_set(hash_t* hash, slice_t field, slice_t value,
                             int64_t deadline_ms) noexcept nogil:
    cdef table_t* table
    cdef uint64_t place
    cdef void* item
    cdef hash_changed_t changed = HASH_CHANGED
    if hash.encoding == ENC_LISTPACK:
        if likely(deadline_ms == NO_DEADLINE
                  and <int64_t>field.size <= hash.limits.listpack_value
                  and <int64_t>value.size <= hash.limits.listpack_value):
            return set_in_listpack(hash, field, value)
        hash_to_table(hash)
    table = table_of(hash.body)
    place = table_hash(table, field)
    item = table_find(table, place, field)
    if item is NULL:
        table_insert(table, place, item_create(hash.heap, field, value, deadline_ms))
        return HASH_NEW
    if unlikely(hash_item_deadline(item) <= hash.now_ms):
        changed = HASH_REVIVED
    replace_item(hash, place, item, value, deadline_ms)
    return changed


cdef bint hash_set_deadline(hash_t* hash, slice_t field, int64_t deadline_ms) noexcept nogil:
    cdef table_t* table
    cdef void* item
    if hash.encoding == ENC_LISTPACK:
        if listpack_find_pair(<const uint8_t*>hash.body, field) is NULL:
            return False
        if deadline_ms == NO_DEADLINE:
            return True
        hash_to_table(hash)
    item = find_living(hash, field)
    if item is NULL:
        return False
    table = table_of(hash.body)
    replace_item(hash, table_hash(table, field), item, hash_item_value(item), deadline_ms)
    return True


cdef inline uint8_t* find_field(const uint8_t* pack, slice_t field) noexcept nogil:
    """The entry of the field itself, not of its value."""
    return listpack_find(listpack_first(pack), field, 1)


cdef bint hash_delete(hash_t* hash, slice_t field) noexcept nogil:
    cdef uint8_t* pack
    cdef uint8_t* at
    cdef void* item
    if hash.encoding == ENC_LISTPACK:
        pack = <uint8_t*>hash.body
        at = find_field(pack, field)
        if at is NULL:
            return False
        hash.body = listpack_delete(hash.heap, pack, &at, 2)
        return True
    item = find_living(hash, field)
    if item is NULL:
        return False
    hash_drop_item(hash, item)
    return True


cdef size_t hash_take_dead(hash_t* hash, void** out) noexcept nogil:
    if hash.encoding != ENC_HASHTABLE:
        return 0
    return table_take_due(table_of(hash.body), hash.now_ms, out)


cdef void hash_drop_item(hash_t* hash, void* item) noexcept nogil:
    cdef table_t* table = table_of(hash.body)
    table_remove(table, table_hash(table, hash_item_field(item)), item)
    item_release(hash.heap, item)


# -- walks ----------------------------------------------------------------------------------------

cdef void hash_walk(hash_walk_t* walk, const hash_t* hash) noexcept nogil:
    walk.encoding = hash.encoding
    walk.body = hash.body
    walk.now_ms = hash.now_ms
    walk.at = NULL
    if hash.encoding == ENC_LISTPACK:
        walk.at = listpack_first(<const uint8_t*>hash.body)
    else:
        items_walk(&walk.items, table_of(hash.body))


cdef bint hash_next(hash_walk_t* walk, listpack_value_t* field,
                    listpack_value_t* value) noexcept nogil:
    cdef const void* item
    if walk.encoding == ENC_LISTPACK:
        if walk.at is NULL:
            return False
        listpack_value(walk.at, field)
        walk.at = listpack_next(walk.at)
        listpack_value(walk.at, value)
        walk.at = listpack_next(walk.at)
        return True
    while True:
        item = items_next(&walk.items)
        if item is NULL:
            return False
        if likely(hash_item_deadline(item) > walk.now_ms):
            walk.item = item
            field.text = hash_item_field(item)
            value.text = hash_item_value(item)
            return True


cdef int64_t hash_walk_deadline(const hash_walk_t* walk) noexcept nogil:
    if walk.encoding == ENC_LISTPACK:
        return NO_DEADLINE
    return hash_item_deadline(walk.item)


cdef bint random_by_walk(const hash_t* hash, rand_t* rand, listpack_value_t* field,
                         listpack_value_t* value) noexcept nogil:
    cdef hash_walk_t walk
    cdef uint64_t living = hash_living(hash)
    cdef uint64_t i
    if living == 0:
        return False
    hash_walk(&walk, hash)
    for i in range(rand_below(rand, living) + 1):
        hash_next(&walk, field, value)
    return True


cdef bint hash_random(const hash_t* hash, rand_t* rand, listpack_value_t* field,
                      listpack_value_t* value) noexcept nogil:
    cdef const uint8_t* at
    cdef void* item
    cdef int i
    if hash.encoding == ENC_LISTPACK:
        at = listpack_random(<const uint8_t*>hash.body, 2, rand)
        listpack_value(at, field)
        listpack_value(listpack_next(at), value)
        return True
    for i in range(RANDOM_TRIES_MAX):
        item = table_random(table_of(hash.body), rand)
        if item is NULL:
            return False
        if likely(hash_item_deadline(item) > hash.now_ms):
            field.text = hash_item_field(item)
            value.text = hash_item_value(item)
            return True
    return random_by_walk(hash, rand, field, value)


# -- what the floors above ask ---------------------------------------------------------------------

cdef size_t effort_of(encoding_t encoding, const void* body) noexcept nogil:
    if encoding == ENC_LISTPACK:
        return 1
    return 1 + table_of(body).count + 2 * table_of(body).segments


cdef size_t size_of(const void* item) noexcept nogil:
    return item_size(item)


cdef size_t memory_of(encoding_t encoding, const void* body, size_t samples) noexcept nogil:
    if encoding == ENC_LISTPACK:
        return heap_block_size(listpack_size(<const uint8_t*>body))
    return heap_block_size(sizeof(fields_t)) + items_memory(table_of(body), size_of, samples)


cdef void* copy(heap_t* heap, encoding_t encoding, const void* body) noexcept nogil:
    cdef table_t* target
    cdef items_walk_t walk
    cdef const void* item
    cdef void* fresh
    if encoding == ENC_LISTPACK:
        return listpack_copy(heap, <const uint8_t*>body)
    fresh = fields_create(heap, table_of(body).secret)
    target = table_of(fresh)
    items_walk(&walk, table_of(body))
    while True:
        item = items_next(&walk)
        if item is NULL:
            return fresh
        table_insert(target, table_hash(target, hash_item_field(item)), item_create(
            heap, hash_item_field(item), hash_item_value(item), hash_item_deadline(item)))


cdef void* move(heap_t* heap, encoding_t encoding, void* body, unsigned percent) noexcept nogil:
    cdef fields_t* fields
    if encoding == ENC_LISTPACK:
        return block_move(heap, body, listpack_size(<const uint8_t*>body), percent)
    fields = <fields_t*>block_move(heap, body, sizeof(fields_t), percent)
    due_moved(&fields.due)
    items_move(&fields.table, &fields.move_cursor, size_of, percent)
    return fields


cdef const table_t* table_in(encoding_t encoding, const void* body) noexcept nogil:
    return hash_table(body) if encoding == ENC_HASHTABLE else NULL


cdef value_type_t OPERATIONS
OPERATIONS.release = release
OPERATIONS.effort = effort_of
OPERATIONS.memory = memory_of
OPERATIONS.copy = copy
OPERATIONS.count = count_of
OPERATIONS.move = move
OPERATIONS.table = table_in
value_register(TYPE_HASH, &OPERATIONS)
