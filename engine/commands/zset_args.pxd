"""What the commands of sorted sets share: the key's set at hand, and ranges as clients spell them.

Terms
    held      a key with its sorted set, for a command that may change it
    range     what lies behind its low cut and before its high one
"""
from libc.stdint cimport int64_t, uint64_t

from ..core.ordered cimport bound_t
from ..core.types cimport slice_t
from ..store.entry cimport entry_t
from ..store.zset cimport zset_item_t, zset_t, zset_walk_t
from ..wire.command cimport client_t

cdef struct zset_held_t:
    zset_t zset                         # body NULL: no such key
    entry_t* entry
    uint64_t hash
    slice_t key

cdef struct zset_range_t:
    bound_t low
    bound_t high

# Secret and limits, for one that is to be made.
cdef void zset_prepare(client_t* c, zset_t* zset) noexcept nogil
# The sorted set that an entry holds; with NULL none.
cdef void zset_of_entry(client_t* c, const entry_t* entry, zset_t* zset) noexcept nogil
# The key is argument `at`. False when it holds another type: the client has been told.
cdef bint zset_read_or_reply(client_t* c, int at, zset_t* zset) noexcept nogil
cdef bint zset_write_or_reply(client_t* c, int at, zset_held_t* held) noexcept nogil
# Members came, or changed: let the key have the body, and be made if need be.
cdef void zset_keep(client_t* c, zset_held_t* held) noexcept nogil
# Members went: likewise; says so, and deletes the key with its last member.
cdef void zset_keep_less(client_t* c, zset_held_t* held, uint64_t removed,
                         const char* event) noexcept nogil
# Let a key have a new set, whatever it held; takes its body, and says `event`. An empty one (and
# one without a body) deletes the key instead. Answers with the number of members.
cdef void zset_store_take(client_t* c, slice_t key, zset_t* zset, const char* event) noexcept nogil

# "5", "(5", "-inf"
cdef bint score_range_or_reply(client_t* c, slice_t low, slice_t high,
                               zset_range_t* span) noexcept nogil
# "[a", "(a", "-", "+"
cdef bint lex_range_or_reply(client_t* c, slice_t low, slice_t high,
                             zset_range_t* span) noexcept nogil
# "0", "-1", for ranks
cdef bint ranks_or_reply(client_t* c, slice_t start, slice_t stop, int64_t* first,
                         int64_t* last) noexcept nogil
# Negative ranks from the end, both cut to what is there. Returns how many lie between, *first the
# rank of the first.
cdef uint64_t ranks_clamp(uint64_t count, int64_t* first, int64_t last) noexcept nogil
# How many members the range has, and the rank of the first.
cdef uint64_t zset_span(const zset_t* zset, const zset_range_t* span,
                        uint64_t* rank) noexcept nogil
# A walk over the range, as far as zset_in_range says.
cdef void zset_walk_range(const zset_t* zset, zset_walk_t* walk, const zset_range_t* span,
                          bint back) noexcept nogil
cdef bint zset_in_range(const zset_walk_t* walk, const zset_range_t* span,
                        const zset_item_t* item) noexcept nogil

# One member, with its score or without: a pair of its own in RESP3.
cdef void reply_member(client_t* c, const zset_item_t* item, bint with_score) noexcept nogil
# What a reply of so many members with scores counts.
cdef int64_t reply_members(const client_t* c, int64_t count, bint with_scores) noexcept nogil
