"""What the commands of streams have in common: IDs as text, keys that hold streams, entries as
replies, and what the journal is told of groups.

Terms
    strict    an ID that names an entry: not "-" and "+", which name the ends of all IDs
    interval  one end of a range: an ID, or "(" and a strict ID, which is left out itself

Each `_or_reply` has answered the client when it says no.
"""
from libc.stdint cimport int64_t, uint64_t

from ..core.idlist cimport id_t
from ..core.types cimport slice_t
from ..store.entry cimport entry_t
from ..store.stream cimport consumer_t, group_t, pending_t, stream_limits_t, stream_t
from ..store.stream_cursor cimport cursor_t
from ..wire.command cimport client_t

cdef enum:
    ID_TEXT_MAX = 41                    # "18446744073709551615-18446744073709551615"

# -- IDs ------------------------------------------------------------------------------------------

# "5-3", "5" (with `seq` for the part that is missing), "-", "+"; unless `strict` is asked.
cdef bint id_parse(slice_t text, uint64_t seq, bint strict, id_t* id) noexcept nogil
# Also "5-*": *whole tells whether the second part was there.
cdef bint id_parse_partial(slice_t text, id_t* id, bint* whole) noexcept nogil
cdef bint id_or_reply(client_t* c, slice_t text, uint64_t seq, bint strict,
                      id_t* id) noexcept nogil
# Both ends of a range, in the order of the arguments: `first` is its start, `second` its end.
cdef bint range_or_reply(client_t* c, slice_t first, slice_t second, id_t* start,
                         id_t* end) noexcept nogil
cdef bint start_or_reply(client_t* c, slice_t text, id_t* start) noexcept nogil
cdef size_t id_format(char* out, id_t id) noexcept nogil
cdef void reply_id(client_t* c, id_t id) noexcept nogil
cdef void feed_id(client_t* c, id_t id) noexcept nogil

# -- keys -----------------------------------------------------------------------------------------

cdef inline bint is_word(slice_t arg, const char* word, size_t size) noexcept nogil:
    """In any letter case; `word` is in lower case."""
    cdef size_t i
    if arg.size != size:
        return False
    for i in range(size):
        if arg.data[i] != word[i] and arg.data[i] != word[i] - 32:
            return False
    return True

# The stream at argument `at`, or NULL where there is none.
cdef bint read_stream_or_reply(client_t* c, int at, stream_t** stream) noexcept nogil
cdef bint write_stream_or_reply(client_t* c, int at, stream_t** stream) noexcept nogil
# A new, empty one at argument `at`, where nothing is.
cdef stream_t* make_stream(client_t* c, int at) noexcept nogil
# The group that argument `at` + 1 names; an error when it, or the stream, is not there. Replies
# with NOGROUP and `behind`.
cdef bint group_or_reply(client_t* c, int at, bint to_write, stream_t** stream, group_t** group,
                         const char* behind) noexcept nogil
cdef stream_limits_t limits_of(const client_t* c) noexcept nogil
# A change that no WATCH sees, as those of groups are.
cdef void note_change(client_t* c, const char* event, slice_t key) noexcept nogil

# -- entries --------------------------------------------------------------------------------------

# The entry that the cursor has found: its ID, and its fields and values.
cdef void reply_entry(client_t* c, cursor_t* cursor) noexcept nogil
# The same of one that is known to be there.
cdef void reply_entry_of(client_t* c, const stream_t* stream, id_t id) noexcept nogil

# -- the journal ----------------------------------------------------------------------------------

# The pending entry as it is now; of one that is not in the stream any more: that it is dropped.
cdef void feed_claim(client_t* c, slice_t key, const group_t* group, id_t id,
                     const pending_t* pending) noexcept nogil
cdef void feed_group_id(client_t* c, slice_t key, const group_t* group) noexcept nogil
cdef void feed_consumer(client_t* c, slice_t key, const group_t* group,
                        const consumer_t* consumer) noexcept nogil
