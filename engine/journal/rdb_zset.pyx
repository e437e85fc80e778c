"""Sorted sets in RDB files.

    zset        count, of each a member and a score: size and text, or 253 nan, 254 inf, 255 -inf
    zset2       count, of each a member and a double of 8 bytes
    ziplist     a text that is a ziplist: member, score, member, score, ...
    listpack    likewise

What is read is held to what a sorted set is: members that differ, scores that are numbers, an
order. A pack out of order is put in order; all else is an error. Large ones are written from the
last member to the first, as Valkey does, for readers whose insertion is cheapest at the front.
"""
from libc.math cimport INFINITY, isnan
from libc.stdint cimport SIZE_MAX, UINT64_MAX, uint8_t, uint64_t

from ..core.listpack cimport (
    listpack_find, listpack_first, listpack_get, listpack_next, listpack_read, listpack_release,
    listpack_size, listpack_value, listpack_value_t,
)
from ..core.number cimport FORMAT_INT_MAX, parse_double
from ..core.ordered cimport BOUND_BOTH, bound_passes, bound_t
from ..core.types cimport slice_t
from ..core.ziplist cimport ziplist_read
from ..store.entry cimport ENC_LISTPACK, entry_body, entry_encoding
from ..store.zset cimport (
    zset_count, zset_create, zset_enlarge, zset_gather, zset_item_t, zset_next, zset_order,
    zset_release, zset_settle, zset_t, zset_view, zset_walk_rank, zset_walk_t,
)
from .rdb_format cimport (
    rdb_broken, rdb_put_double, rdb_put_length, rdb_put_string, rdb_read_byte, rdb_read_double,
    rdb_read_number, rdb_read_string, rdb_take,
)

cdef enum:
    SCORE_NAN = 253
    SCORE_INFINITY = 254
    SCORE_MINUS_INFINITY = 255
    SEARCHED_MAX = 64                   # entries of a pack whose members are compared one by one

# What has been read so far of a large one.
cdef struct reading_t:
    zset_t zset
    size_t size_max
    size_t size_all


cdef void start(rdb_t* rdb, zset_t* zset) noexcept nogil:
    zset.heap = rdb.store.heap
    zset.secret = rdb.store.secret
    zset.entries_max = rdb.limits.zset_entries
    zset.value_max = rdb.limits.zset_value
    zset.encoding = ENC_LISTPACK
    zset.body = NULL


# -- members and scores ---------------------------------------------------------------------------

cdef bint read_score(rdb_t* rdb, double* score) noexcept nogil:
    cdef uint8_t size
    cdef const char* text
    if not rdb_read_byte(rdb, &size):
        return False
    if size >= SCORE_NAN:
        score[0] = -INFINITY if size == SCORE_MINUS_INFINITY else INFINITY
        return size != SCORE_NAN or rdb_broken(rdb, rdb.at - 1, b"a score is no number")
    text = rdb_take(rdb, size)
    if text is NULL:
        return False
    return (parse_double(text, size, score)
            or rdb_broken(rdb, rdb.at - size, b"a score is no number"))


cdef bint add(rdb_t* rdb, reading_t* reading, slice_t member, double score) noexcept nogil:
    cdef bint fresh
    cdef double* there = zset_gather(&reading.zset, member, &fresh)
    there[0] = score
    reading.size_all += member.size
    if member.size > reading.size_max:
        reading.size_max = member.size
    return fresh or rdb_broken(rdb, rdb.at, b"a sorted set has a member twice")


cdef bint read_members(rdb_t* rdb, uint8_t type, reading_t* reading) noexcept nogil:
    cdef uint64_t count
    cdef slice_t member
    cdef double score
    cdef size_t start = rdb.at
    if not rdb_read_number(rdb, &count):
        return False
    if count == 0:
        return rdb_broken(rdb, start, b"a sorted set is empty")
    while count:                        # each needs bytes of the image: no count is believed
        if not rdb_read_string(rdb, &rdb.value, &member):
            return False
        if type == RDB_ZSET:
            if not read_score(rdb, &score):
                return False
        else:
            if not rdb_read_double(rdb, &score):
                return False
            if isnan(score):
                return rdb_broken(rdb, rdb.at - 8, b"a score is no number")
        if not add(rdb, reading, member, score):
            return False
        count -= 1
    return True


cdef void begin(rdb_t* rdb, reading_t* reading) noexcept nogil:
    start(rdb, &reading.zset)
    zset_create(&reading.zset, UINT64_MAX, 0)           # a large one
    reading.size_max = 0
    reading.size_all = 0


cdef void* finish(reading_t* reading, bint good, encoding_t* encoding) noexcept nogil:
    zset_order(&reading.zset)
    if not good:
        zset_release(&reading.zset)
        return NULL
    zset_settle(&reading.zset, reading.size_max, reading.size_all)
    encoding[0] = reading.zset.encoding
    return reading.zset.body


# -- packs ----------------------------------------------------------------------------------------

cdef bint score_of(const uint8_t* at, double* score) noexcept nogil:
    """Of an entry that should be one."""
    cdef listpack_value_t value
    listpack_value(at, &value)
    if value.text.data is NULL:
        score[0] = <double>value.number
        return True
    return parse_double(value.text.data, value.text.size, score)


cdef bint is_ordered(const uint8_t* pack, uint64_t entries) noexcept nogil:
    """Pairs of members that differ and scores, in ascending order: nothing is left to do."""
    cdef char scratch[2][FORMAT_INT_MAX]
    cdef bound_t bound
    cdef slice_t member
    cdef double score
    cdef int turn = 0
    cdef bint first = True
    cdef const uint8_t* at = listpack_first(pack)
    cdef const uint8_t* next
    if entries > SEARCHED_MAX:
        return False
    while at is not NULL:
        member = listpack_get(at, scratch[turn])
        if not score_of(listpack_next(at), &score):
            return False
        # The one before lies before it; `bound` still points to that one's text.
        if not first and bound_passes(&bound, score, member):
            return False
        bound = bound_t(score, member, BOUND_BOTH, True)
        first = False
        turn ^= 1
        next = listpack_next(listpack_next(at))
        if next is not NULL and listpack_find(next, member, 1) is not NULL:
            return False
        at = next
    return True


cdef bint read_pairs(rdb_t* rdb, const uint8_t* pack, reading_t* reading) noexcept nogil:
    cdef char scratch[FORMAT_INT_MAX]
    cdef double score
    cdef const uint8_t* at = listpack_first(pack)
    while at is not NULL:
        if not score_of(listpack_next(at), &score):
            return rdb_broken(rdb, rdb.at, b"a score is no number")
        if not add(rdb, reading, listpack_get(at, scratch), score):
            return False
        at = listpack_next(listpack_next(at))
    return True


cdef void* read_pack(rdb_t* rdb, uint8_t type, encoding_t* encoding) noexcept nogil:
    cdef slice_t text
    cdef uint64_t entries = 0
    cdef uint8_t* pack
    cdef zset_t zset
    cdef reading_t reading
    cdef void* body
    cdef size_t start_at = rdb.at
    if not rdb_read_string(rdb, &rdb.value, &text):
        return NULL
    if type == RDB_ZSET_ZIPLIST:
        pack = ziplist_read(rdb.store.heap, <const uint8_t*>text.data, text.size, &entries)
    else:
        pack = listpack_read(rdb.store.heap, <const uint8_t*>text.data, text.size, &entries)
    if pack is NULL or entries == 0 or entries & 1:
        rdb_broken(rdb, start_at, b"a sorted set's pack is not valid")
        if pack is not NULL:
            listpack_release(rdb.store.heap, pack)
        return NULL
    if is_ordered(pack, entries):
        start(rdb, &zset)
        zset.body = pack
        if entries // 2 > zset.entries_max:
            zset_enlarge(&zset)
        encoding[0] = zset.encoding
        return zset.body
    begin(rdb, &reading)
    # As Valkey: members of a pack that are longer than they would be here leave it a pack.
    reading.zset.value_max = UINT64_MAX
    body = finish(&reading, read_pairs(rdb, pack, &reading), encoding)
    listpack_release(rdb.store.heap, pack)
    return body


cdef void* rdb_read_zset(rdb_t* rdb, uint8_t type, encoding_t* encoding) noexcept nogil:
    cdef reading_t reading
    if type == RDB_ZSET_ZIPLIST or type == RDB_ZSET_LISTPACK:
        return read_pack(rdb, type, encoding)
    begin(rdb, &reading)
    return finish(&reading, read_members(rdb, type, &reading), encoding)


# -- writing --------------------------------------------------------------------------------------

cdef uint8_t rdb_zset_type(encoding_t encoding) noexcept nogil:
    return RDB_ZSET_LISTPACK if encoding == ENC_LISTPACK else RDB_ZSET_2


cdef void rdb_write_zset(buf_t* out, const entry_t* entry) noexcept nogil:
    cdef const uint8_t* pack = <const uint8_t*>entry_body(entry)
    cdef zset_walk_t walk
    if entry_encoding(entry) == ENC_LISTPACK:
        rdb_put_string(out, slice_t(<const char*>pack, listpack_size(pack)))
        return
    rdb_start_zset(out, entry, &walk)
    rdb_write_scored(out, &walk, SIZE_MAX)


cdef void rdb_start_zset(buf_t* out, const entry_t* entry, zset_walk_t* walk) noexcept nogil:
    cdef zset_t zset
    cdef uint64_t count
    zset_view(&zset, entry_encoding(entry), entry_body(entry))
    count = zset_count(&zset)
    rdb_put_length(out, count)
    zset_walk_rank(&zset, walk, count - 1, True)


cdef bint rdb_write_scored(buf_t* out, zset_walk_t* walk, size_t size_max) noexcept nogil:
    cdef zset_item_t item
    while out.size < size_max:
        if not zset_next(walk, &item):
            return False
        rdb_put_string(out, item.member)
        rdb_put_double(out, item.score)
    return True
