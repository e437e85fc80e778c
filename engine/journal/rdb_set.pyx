"""Sets in RDB files.

    set             count, texts
    set (intset)    a text that is an intset
    set (listpack)  a text that is a listpack

What is read gets the encoding that it would have had here, as on Valkey. A set without members
cannot be, nor one that has a member twice: such a key is an error.
"""
from libc.stddef cimport size_t
from libc.stdint cimport SIZE_MAX, int64_t, uint64_t

from ..core.intset cimport intset_copy, intset_size, intset_t, intset_valid
from ..core.listpack cimport listpack_size, listpack_value_t, listpack_value_text
from ..core.number cimport FORMAT_INT_MAX
from ..core.types cimport slice_t
from ..store.entry cimport (
    ENC_HASHTABLE, ENC_INTSET, ENC_LISTPACK, entry_body, entry_encoding,
)
from ..store.set cimport (
    set_add, set_convert, set_count, set_create_as, set_next, set_release, set_t, set_view,
    set_walk, set_walk_t,
)
from .rdb_format cimport (
    rdb_broken, rdb_put_length, rdb_put_string, rdb_read_number, rdb_read_string,
)
from .rdb_pack cimport rdb_pack_repeats, rdb_read_listpack


# -- reading --------------------------------------------------------------------------------------

cdef bint read_texts(rdb_t* rdb, set_t* set) noexcept nogil:
    cdef uint64_t count
    cdef slice_t member
    cdef size_t start = rdb.at
    if not rdb_read_number(rdb, &count):
        return False
    set_create_as(set, ENC_INTSET if <int64_t>count <= set.limits.intset_entries
                  and count >> 63 == 0 else ENC_HASHTABLE)
    if count == 0:
        return rdb_broken(rdb, start, b"a set is empty")
    while count:                        # each needs bytes of the image: no count is believed
        start = rdb.at
        if not rdb_read_string(rdb, &rdb.value, &member):
            return False
        if not set_add(set, member):
            return rdb_broken(rdb, start, b"a set has a member twice")
        count -= 1
    return True


cdef bint read_intset(rdb_t* rdb, set_t* set) noexcept nogil:
    cdef slice_t text
    cdef size_t start = rdb.at
    if not rdb_read_string(rdb, &rdb.value, &text):
        return False
    if not intset_valid(text.data, text.size):
        return rdb_broken(rdb, start, b"an intset is not valid")
    set.encoding = ENC_INTSET
    set.body = intset_copy(set.heap, <const intset_t*>text.data)
    if <int64_t>set_count(set) > set.limits.intset_entries:
        set_convert(set, ENC_HASHTABLE)
    return True


cdef bint read_listpack(rdb_t* rdb, set_t* set) noexcept nogil:
    cdef uint64_t count
    cdef size_t start = rdb.at
    set.encoding = ENC_LISTPACK
    set.body = rdb_read_listpack(rdb, &count)
    if set.body is NULL:
        return False
    if count == 0:
        return rdb_broken(rdb, start, b"a set is empty")
    if rdb_pack_repeats(rdb, <const uint8_t*>set.body, count, 1):
        return rdb_broken(rdb, start, b"a set has a member twice")
    if <int64_t>count > set.limits.listpack_entries:
        set_convert(set, ENC_HASHTABLE)
    return True


cdef void* rdb_read_set(rdb_t* rdb, uint8_t type, encoding_t* encoding) noexcept nogil:
    cdef set_t set
    cdef bint read
    set.heap = rdb.store.heap
    set.secret = rdb.store.secret
    set.limits = &rdb.limits.set
    set.body = NULL
    if type == RDB_SET:
        read = read_texts(rdb, &set)
    elif type == RDB_SET_INTSET:
        read = read_intset(rdb, &set)
    else:
        read = read_listpack(rdb, &set)
    if not read and set.body is not NULL:
        set_release(&set)
    encoding[0] = set.encoding
    return set.body


# -- writing --------------------------------------------------------------------------------------

cdef uint8_t rdb_set_type(const entry_t* entry, bint common) noexcept nogil:
    if entry_encoding(entry) == ENC_INTSET:
        return RDB_SET_INTSET
    if entry_encoding(entry) == ENC_LISTPACK and not common:
        return RDB_SET_LISTPACK
    return RDB_SET


cdef void rdb_write_set(buf_t* out, const entry_t* entry, bint common) noexcept nogil:
    cdef uint8_t type = rdb_set_type(entry, common)
    cdef const char* body = <const char*>entry_body(entry)
    cdef set_walk_t walk
    if type == RDB_SET_INTSET:
        rdb_put_string(out, slice_t(body, intset_size(<const intset_t*>body)))
        return
    if type == RDB_SET_LISTPACK:
        rdb_put_string(out, slice_t(body, listpack_size(<const uint8_t*>body)))
        return
    rdb_start_set(out, entry, &walk)
    rdb_write_members(out, &walk, SIZE_MAX)


cdef void rdb_start_set(buf_t* out, const entry_t* entry, set_walk_t* walk) noexcept nogil:
    cdef set_t set
    set_view(&set, entry_encoding(entry), entry_body(entry))
    rdb_put_length(out, set_count(&set))
    set_walk(walk, &set)


cdef bint rdb_write_members(buf_t* out, set_walk_t* walk, size_t size_max) noexcept nogil:
    cdef char scratch[FORMAT_INT_MAX]
    cdef listpack_value_t member
    while out.size < size_max:
        if not set_next(walk, &member):
            return False
        rdb_put_string(out, listpack_value_text(&member, scratch))
    return True
