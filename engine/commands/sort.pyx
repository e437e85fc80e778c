"""SORT and SORT_RO.

Elements are listed once, each with what it is compared by: a number, or under ALPHA a text. Nothing
is copied but integers that a listpack or an intset keeps as such: the others are borrowed from the
value, which nobody changes meanwhile. Then pointers are merge-sorted: elements that compare equal
keep their order, so a journal that is replayed gives the same list.

    SORT k BY w_* GET h_*->f     an element `7` is compared by the string w_7, and shown as field
                                 f of the hash h_7

Texts are compared byte by byte. Patterns end at a NUL byte, and so does a number: in Valkey they
are C strings.

Invariants
    S1  items[0 .. count) have their texts; borrowed bytes live until the reply is written, for
        looking up keys removes none but dead ones, and those were not found
"""
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr

from ..core.buf cimport buf_append, buf_free, buf_init, buf_t
from ..core.heap cimport heap_alloc, heap_free, heap_t
from ..core.listpack cimport LISTPACK_SIZE_SAFE, listpack_value, listpack_value_t
from ..core.number cimport (
    FORMAT_INT_MAX, equal_nocase, format_int64, parse_double, parse_int64,
)
from ..core.types cimport slice_compare, slice_t
from ..store.entry cimport (
    ENC_HASHTABLE, ENC_LISTPACK, INT_TEXT_MAX, TYPE_HASH, TYPE_LIST, TYPE_SET, TYPE_STRING,
    TYPE_ZSET, entry_set_body, entry_set_encoding, entry_string, entry_t, entry_type,
)
from ..store.hash cimport hash_get, hash_t
from ..store.keyspace cimport (
    EVENT_GENERIC, EVENT_LIST, keyspace_delete, keyspace_read, keyspace_signal, keyspace_write,
    store_hash,
)
from ..store.list cimport (
    list_at_t, list_count, list_create_chain, list_next, list_prev, list_push, list_release,
    list_seek, list_shrink, list_value_t,
)
from ..store.set cimport set_count, set_next, set_t, set_walk, set_walk_t
from ..store.zset cimport (
    zset_count, zset_enlarge, zset_item_t, zset_next, zset_t, zset_walk_rank, zset_walk_t,
)
from ..wire.acl cimport PATTERN_READ, acl_all_keys, user_of
from ..wire.command cimport (
    ACL_DANGEROUS, ACL_LIST, ACL_SET, ACL_SORTEDSET, CMD_DENYOOM, CMD_MOVABLEKEYS, CMD_READONLY,
    CMD_WRITE, GROUP_GENERIC, KEY_ACCESS, KEY_RO, client_t, command_register, command_t, key_hash,
    keys_at, row,
)
from ..wire.errors cimport (
    ERR_NOT_INTEGER, ERR_SORT_BY, ERR_SORT_GET, ERR_SORT_SCORES, ERR_STRING_TOO_LONG,
)
from ..wire.reply cimport (
    reply_array, reply_bulk, reply_error, reply_error_syntax, reply_error_type, reply_int,
    reply_null,
)
from .state cimport server_of
from .t_hash cimport hash_open
from .t_list cimport list_open
from .t_set cimport set_open
from .typed cimport put_typed_take
from .zset_args cimport zset_of_entry

cdef enum:
    RUN = 8                             # elements that are sorted by insertion before merging

cdef struct item_t:
    slice_t text
    slice_t by                          # under ALPHA; data NULL: there is none
    double score

cdef struct sort_t:
    # What the command says
    bint read_only
    bint descending
    bint alpha
    bint has_by
    bint unsorted                       # BY a pattern that names one key for all
    slice_t by
    int64_t start                       # as given, then as an index
    int64_t limit                       # likewise: the elements to show
    int store                           # argument that names the key; 0: none
    int* gets                           # owned: arguments
    int get_count
    # What it works on
    heap_t* heap
    item_t* items                       # owned: count of them
    item_t** order                      # owned: twice as many, the second half to merge into
    uint64_t count
    char* numbers                       # owned: the texts of integers, FORMAT_INT_MAX each
    char* by_numbers                    # owned: likewise of what they are compared by
    buf_t name                          # the key that a pattern gives
    bint tie_by_text                    # a table has no order that ties could keep
    bint not_a_number


cdef inline size_t c_size(slice_t text) noexcept nogil:
    """Bytes before the first NUL."""
    cdef const char* end
    if text.size == 0:
        return 0
    end = <const char*>memchr(text.data, 0, text.size)
    return <size_t>(end - text.data) if end is not NULL else text.size


cdef inline bint has_star(slice_t pattern) noexcept nogil:
    return pattern.size != 0 and memchr(pattern.data, c'*', c_size(pattern)) is not NULL


# -- options --------------------------------------------------------------------------------------

cdef inline bint is_word(slice_t arg, const char* word, size_t size) noexcept nogil:
    return equal_nocase(arg.data, arg.size, word, size)


cdef bint limit_or_reply(client_t* c, sort_t* sort, int at) noexcept nogil:
    if parse_int64(c.argv[at].data, c.argv[at].size, &sort.start) \
            and parse_int64(c.argv[at + 1].data, c.argv[at + 1].size, &sort.limit):
        return True
    reply_error(c, ERR_NOT_INTEGER)
    return False


cdef bint pattern_or_reply(client_t* c, sort_t* sort, int at, bint by) noexcept nogil:
    """A pattern may name any key: only who may read all of them may give one."""
    cdef bint sees_all = acl_all_keys(user_of(c), c.cmd, PATTERN_READ)
    if by:
        sort.has_by = True
        sort.by = c.argv[at]
        if not has_star(sort.by):
            sort.unsorted = True
        elif not sees_all:
            reply_error(c, ERR_SORT_BY)
            return False
        return True
    if not sees_all:
        reply_error(c, ERR_SORT_GET)
        return False
    sort.gets[sort.get_count] = at
    sort.get_count += 1
    return True


cdef bint options_or_reply(client_t* c, sort_t* sort) noexcept nogil:
    cdef int at = 2
    cdef slice_t word
    while at < c.argc:
        word = c.argv[at]
        if is_word(word, b"asc", 3):
            sort.descending = False
        elif is_word(word, b"desc", 4):
            sort.descending = True
        elif is_word(word, b"alpha", 5):
            sort.alpha = True
        elif is_word(word, b"limit", 5) and at + 2 < c.argc:
            if not limit_or_reply(c, sort, at + 1):
                return False
            at += 2
        elif is_word(word, b"store", 5) and not sort.read_only and at + 1 < c.argc:
            at += 1
            sort.store = at
        elif (is_word(word, b"by", 2) or is_word(word, b"get", 3)) and at + 1 < c.argc:
            if not pattern_or_reply(c, sort, at + 1, word.size == 2):
                return False
            at += 1
        else:
            reply_error_syntax(c)
            return False
        at += 1
    return True


# -- listing the elements -------------------------------------------------------------------------

cdef void room_for(sort_t* sort, uint64_t count) noexcept nogil:
    sort.items = <item_t*>heap_alloc(sort.heap, count * sizeof(item_t))
    sort.order = <item_t**>heap_alloc(sort.heap, 2 * count * sizeof(item_t*))
    sort.count = count


cdef slice_t number_text(sort_t* sort, char** block, uint64_t i, int64_t number) noexcept nogil:
    """The text of an integer, in the i-th place of a block that is made when it is needed."""
    cdef char* text
    if block[0] is NULL:
        block[0] = <char*>heap_alloc(sort.heap, sort.count * FORMAT_INT_MAX)
    text = block[0] + i * FORMAT_INT_MAX
    return slice_t(text, <size_t>format_int64(text, number))


cdef void take_element(sort_t* sort, uint64_t i, const listpack_value_t* value) noexcept nogil:
    cdef item_t* item = &sort.items[i]
    item.by = slice_t(NULL, 0)
    item.score = 0
    sort.order[i] = item
    if value.text.data is not NULL:
        item.text = value.text
        return
    item.text = number_text(sort, &sort.numbers, i, value.number)
    item.score = <double>value.number


cdef void clamp(sort_t* sort, int64_t total) noexcept nogil:
    """LIMIT's numbers to the elements that there are."""
    cdef int64_t start = sort.start if sort.start > 0 else 0
    cdef int64_t limit = sort.limit
    if start > total:
        start = total
    if limit < 0 or limit > total - start:
        limit = total - start
    sort.start = start
    sort.limit = limit


cdef void list_list(client_t* c, sort_t* sort, const entry_t* entry) noexcept nogil:
    """Without an order to be found, only what will be shown."""
    cdef list_value_t list
    cdef list_at_t at
    cdef listpack_value_t value
    cdef uint64_t total, i
    cdef int64_t first = 0
    cdef bint backward = sort.unsorted and sort.descending
    list_open(c, entry, &list)
    total = list_count(&list)
    clamp(sort, <int64_t>total)
    if sort.unsorted:
        first = -sort.start - 1 if backward else sort.start
        total = <uint64_t>sort.limit
        sort.start = 0
    room_for(sort, total)
    if total == 0 or not list_seek(&list, first, &at):
        return
    for i in range(total):
        listpack_value(at.at, &value)
        take_element(sort, i, &value)
        if i + 1 < total:
            if backward:
                list_prev(&list, &at)
            else:
                list_next(&list, &at)


cdef void list_set(client_t* c, sort_t* sort, const entry_t* entry) noexcept nogil:
    cdef set_t members
    cdef set_walk_t walk
    cdef listpack_value_t value
    cdef uint64_t i = 0
    set_open(c, &members, entry)
    clamp(sort, <int64_t>set_count(&members))
    room_for(sort, set_count(&members))
    sort.tie_by_text = members.encoding == ENC_HASHTABLE
    if sort.unsorted and sort.store:    # an order of our own would be another one after a restart
        sort.unsorted = False
        sort.alpha = True
        sort.has_by = False
    set_walk(&walk, &members)
    while set_next(&walk, &value):
        take_element(sort, i, &value)
        i += 1


cdef void list_zset(client_t* c, sort_t* sort, entry_t* entry) noexcept nogil:
    """Without an order to be found, only what will be shown, by rank.

    The set becomes a large one, as in Valkey: so members that are numbers have their bytes, too.
    """
    cdef zset_t members
    cdef zset_walk_t walk
    cdef zset_item_t member
    cdef listpack_value_t value
    cdef bint back = sort.unsorted and sort.descending
    cdef uint64_t total, i
    cdef uint64_t rank = 0
    zset_of_entry(c, entry, &members)
    total = zset_count(&members)
    clamp(sort, <int64_t>total)
    if members.encoding == ENC_LISTPACK:
        zset_enlarge(&members)
        entry_set_body(entry, members.body)
        entry_set_encoding(entry, members.encoding)
    if sort.unsorted:
        rank = total - 1 - <uint64_t>sort.start if back else <uint64_t>sort.start
        total = <uint64_t>sort.limit
        sort.start = 0
    room_for(sort, total)
    if total == 0:
        return
    zset_walk_rank(&members, &walk, rank, back)
    for i in range(total):
        zset_next(&walk, &member)
        value.text = member.member
        take_element(sort, i, &value)


cdef bint list_or_reply(client_t* c, sort_t* sort) noexcept nogil:
    cdef entry_t* entry = keyspace_read(c.ks, key_hash(c, c.argv[1]), c.argv[1])
    if entry is NULL:
        clamp(sort, 0)
        room_for(sort, 0)
    elif entry_type(entry) == TYPE_LIST:
        list_list(c, sort, entry)
    elif entry_type(entry) == TYPE_SET:
        list_set(c, sort, entry)
    elif entry_type(entry) == TYPE_ZSET:
        list_zset(c, sort, entry)
    else:
        reply_error_type(c)
        return False
    return True


# -- patterns -------------------------------------------------------------------------------------

cdef bint look_up(client_t* c, sort_t* sort, slice_t pattern, slice_t text, char* scratch,
                  slice_t* value) noexcept nogil:
    """What a pattern says of an element: the element, a string, or a hash's field."""
    cdef size_t seen = c_size(pattern)
    cdef size_t star, field
    cdef entry_t* entry
    cdef hash_t hash
    cdef slice_t key
    if seen == 1 and pattern.data[0] == c'#':
        value[0] = text
        return True
    if not has_star(pattern):
        return False
    star = <size_t>(<const char*>memchr(pattern.data, c'*', seen) - pattern.data)
    field = star + 1
    while field + 2 < seen and (pattern.data[field] != c'-' or pattern.data[field + 1] != c'>'):
        field += 1
    if field + 2 >= seen:
        field = pattern.size            # there is none
    sort.name.size = 0
    if star:
        buf_append(&sort.name, pattern.data, star)
    if text.size:
        buf_append(&sort.name, text.data, text.size)
    if field > star + 1:
        buf_append(&sort.name, pattern.data + star + 1, field - star - 1)
    key = slice_t(sort.name.data, sort.name.size)
    entry = keyspace_read(c.ks, store_hash(c.store, key), key)
    if entry is NULL or entry_type(entry) != (TYPE_HASH if field < pattern.size else TYPE_STRING):
        return False
    if field < pattern.size:
        hash_open(c, &hash, entry)
        field += 2
        return hash_get(&hash, slice_t(pattern.data + field, pattern.size - field), scratch, value)
    value[0] = entry_string(entry, scratch)
    return True


cdef bint score_of(slice_t text, double* score) noexcept nogil:
    return parse_double(text.data, c_size(text), score)


cdef void weigh(client_t* c, sort_t* sort) noexcept nogil:
    """What each element is compared by."""
    cdef char scratch[INT_TEXT_MAX]
    cdef slice_t value
    cdef int64_t number = 0
    cdef uint64_t i
    cdef item_t* item
    for i in range(sort.count):
        item = &sort.items[i]
        value = item.text
        if not sort.alpha and not sort.has_by and sort.numbers is not NULL \
                and value.data == sort.numbers + i * FORMAT_INT_MAX:
            continue                    # an integer: take_element knows its score
        if sort.has_by and not look_up(c, sort, sort.by, item.text, scratch, &value):
            item.score = 0
            continue
        if sort.alpha:
            if value.data == &scratch[0]:
                parse_int64(value.data, value.size, &number)
                value = number_text(sort, &sort.by_numbers, i, number)
            item.by = value if value.data is not NULL else slice_t(b"", 0)
        elif not score_of(value, &item.score):
            sort.not_a_number = True
            return


# -- sorting --------------------------------------------------------------------------------------

cdef inline int compare(const sort_t* sort, const item_t* a, const item_t* b) noexcept nogil:
    cdef int order
    if not sort.alpha:
        order = (a.score > b.score) - (a.score < b.score)
        if order == 0:
            order = slice_compare(a.text, b.text)
    elif a.by.data is NULL or b.by.data is NULL:
        order = (a.by.data is not NULL) - (b.by.data is not NULL)
    else:
        order = slice_compare(a.by, b.by)
    if order == 0 and sort.tie_by_text:
        order = slice_compare(a.text, b.text)
    return -order if sort.descending else order


cdef void insertion_sort(const sort_t* sort, item_t** order, uint64_t count) noexcept nogil:
    cdef uint64_t i, k
    cdef item_t* item
    for i in range(1, count):
        item = order[i]
        k = i
        while k and compare(sort, order[k - 1], item) > 0:
            order[k] = order[k - 1]
            k -= 1
        order[k] = item


cdef void merge(const sort_t* sort, item_t** a, uint64_t a_count, item_t** b, uint64_t b_count,
                item_t** out) noexcept nogil:
    cdef uint64_t i = 0
    cdef uint64_t k = 0
    while i < a_count and k < b_count:
        if compare(sort, a[i], b[k]) <= 0:
            out[i + k] = a[i]
            i += 1
        else:
            out[i + k] = b[k]
            k += 1
    while i < a_count:
        out[i + k] = a[i]
        i += 1
    while k < b_count:
        out[i + k] = b[k]
        k += 1


cdef item_t** put_in_order(sort_t* sort) noexcept nogil:
    """Runs of eight, then runs of twice the length until one is left. Where the order is."""
    cdef item_t** source = sort.order
    cdef item_t** target = sort.order + sort.count
    cdef item_t** other
    cdef uint64_t count = sort.count
    cdef uint64_t run = RUN
    cdef uint64_t middle, end
    cdef uint64_t at = 0
    while at < count:
        insertion_sort(sort, source + at, run if count - at > run else count - at)
        at += run
    while run < count:
        at = 0
        while at < count:
            middle = at + run if count - at > run else count
            end = middle + run if count - middle > run else count
            merge(sort, source + at, middle - at, source + middle, end - middle, target + at)
            at = end
        other = source
        source = target
        target = other
        run *= 2
    return source


# -- results --------------------------------------------------------------------------------------

cdef void reply_results(client_t* c, sort_t* sort, item_t** order) noexcept nogil:
    cdef char scratch[INT_TEXT_MAX]
    cdef slice_t value
    cdef int64_t i
    cdef int k
    reply_array(c, sort.limit * (sort.get_count if sort.get_count else 1))
    for i in range(sort.limit):
        if sort.get_count == 0:
            reply_bulk(c, order[i].text)
        for k in range(sort.get_count):
            if look_up(c, sort, c.argv[sort.gets[k]], order[i].text, scratch, &value):
                reply_bulk(c, value)
            else:
                reply_null(c)


cdef bint push_results(client_t* c, sort_t* sort, item_t** order,
                       list_value_t* list) noexcept nogil:
    cdef char scratch[INT_TEXT_MAX]
    cdef slice_t value
    cdef int64_t i
    cdef int k
    for i in range(sort.limit):
        for k in range(sort.get_count if sort.get_count else 1):
            value = order[i].text
            if sort.get_count and not look_up(c, sort, c.argv[sort.gets[k]], order[i].text,
                                              scratch, &value):
                value = slice_t(NULL, 0)
            if value.size > LISTPACK_SIZE_SAFE:
                return False
            list_push(list, value, False)
    return True


cdef void store_results(client_t* c, sort_t* sort, item_t** order) noexcept nogil:
    cdef slice_t key = c.argv[sort.store]
    cdef uint64_t hash = key_hash(c, key)
    cdef list_value_t list
    list_create_chain(&list, c.store.heap, <int>server_of(c).config.list_max_listpack_size)
    if not push_results(c, sort, order, &list):
        list_release(&list)
        reply_error(c, ERR_STRING_TOO_LONG)
        return
    reply_int(c, <int64_t>list_count(&list))
    if list_count(&list) == 0:
        list_release(&list)
        keyspace_write(c.ks, hash, key)
        if keyspace_delete(c.ks, hash, key):
            keyspace_signal(c.ks, EVENT_GENERIC, b"del", key)
        return
    list_shrink(&list, False)
    put_typed_take(c, hash, key, TYPE_LIST, list.encoding, list.body)
    keyspace_signal(c.ks, EVENT_LIST, b"sortstore", key)
    c.store.dirty += list_count(&list) - 1


cdef void run(client_t* c, sort_t* sort) noexcept nogil:
    cdef item_t** order
    if not options_or_reply(c, sort) or not list_or_reply(c, sort):
        return
    order = sort.order
    if not sort.unsorted:
        weigh(c, sort)
        if sort.not_a_number:
            reply_error(c, ERR_SORT_SCORES)
            return
        order = put_in_order(sort)
    order += sort.start
    if sort.store:
        store_results(c, sort, order)
    else:
        reply_results(c, sort, order)


cdef void sort_generic(client_t* c, bint read_only) noexcept nogil:
    cdef sort_t sort
    cdef heap_t* heap = c.store.heap
    cdef size_t gets_size = <size_t>c.argc * sizeof(int)
    sort.read_only = read_only
    sort.descending = sort.alpha = sort.has_by = sort.unsorted = False
    sort.tie_by_text = sort.not_a_number = False
    sort.start = 0
    sort.limit = -1
    sort.store = sort.get_count = 0
    sort.by = slice_t(NULL, 0)
    sort.heap = heap
    sort.gets = <int*>heap_alloc(heap, gets_size)
    sort.items = NULL
    sort.order = NULL
    sort.count = 0
    sort.numbers = NULL
    sort.by_numbers = NULL
    buf_init(&sort.name, heap)
    run(c, &sort)
    buf_free(&sort.name)
    if sort.numbers is not NULL:
        heap_free(heap, sort.numbers, sort.count * FORMAT_INT_MAX)
    if sort.by_numbers is not NULL:
        heap_free(heap, sort.by_numbers, sort.count * FORMAT_INT_MAX)
    if sort.items is not NULL:
        heap_free(heap, sort.items, sort.count * sizeof(item_t))
        heap_free(heap, sort.order, 2 * sort.count * sizeof(item_t*))
    heap_free(heap, sort.gets, gets_size)


cdef void sort_command(client_t* c) noexcept nogil:
    sort_generic(c, False)


cdef void sort_ro_command(client_t* c) noexcept nogil:
    sort_generic(c, True)


cdef command_t TABLE[2]
TABLE[:] = [
    row(b"sort", sort_command, -2, CMD_WRITE | CMD_DENYOOM | CMD_MOVABLEKEYS,
        ACL_SET | ACL_SORTEDSET | ACL_LIST | ACL_DANGEROUS, GROUP_GENERIC,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"1.0.0",
        b"O(N*log(N)+M) where N is the number of elements and M the number that are returned; "
        b"O(N) with a BY pattern that has no asterisk.",
        b"SORT key [BY by-pattern] [LIMIT offset count] [GET get-pattern [GET get-pattern ...]] "
        b"[ASC | DESC] [ALPHA] [STORE destination]",
        b"Returns the elements of a list, set or sorted set in order, or stores them."),
    row(b"sort_ro", sort_ro_command, -2, CMD_READONLY | CMD_MOVABLEKEYS,
        ACL_SET | ACL_SORTEDSET | ACL_LIST | ACL_DANGEROUS, GROUP_GENERIC,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"7.0.0",
        b"O(N*log(N)+M) where N is the number of elements and M the number that are returned; "
        b"O(N) with a BY pattern that has no asterisk.",
        b"SORT_RO key [BY by-pattern] [LIMIT offset count] [GET get-pattern [GET get-pattern ...]] "
        b"[ASC | DESC] [ALPHA]",
        b"Returns the elements of a list, set or sorted set in order."),
]
command_register(TABLE, 2)
