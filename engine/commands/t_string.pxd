"""What bitmaps and LCS share with the string commands.

Each `_or_reply` has answered the client when it says no.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t

from ..store.entry cimport entry_t, raw_t
from ..wire.command cimport client_t

cdef extern from *:
    """
    #define KVD_STRING_MAX (INT64_C(1) << 46)
    """
    # Bytes of a string, whatever configuration and journal say: sums of sizes cannot overflow.
    const int64_t STRING_MAX "KVD_STRING_MAX"

# `entry` when it is a string; NULL when it is NULL, or of another type: then *failed.
cdef entry_t* string_or_reply(client_t* c, entry_t* entry, bint* failed) noexcept nogil
# A string of `size` + `more` bytes is allowed.
cdef bint string_fits_or_reply(client_t* c, int64_t size, int64_t more) noexcept nogil
# There is memory for a block of `size` bytes. To be asked where a client names the size.
cdef bint memory_or_reply(client_t* c, size_t size) noexcept nogil
# maxmemory allows `more` bytes, once what the policy gives up is evicted: no entry that was looked
# up before is valid after.
cdef bint room_or_reply(client_t* c, size_t more) noexcept nogil
# The same for a string at the command's key that is to have `size` bytes, or, where that is 0,
# `more` than it has.
cdef bint string_room_or_reply(client_t* c, uint64_t hash, size_t size, size_t more) noexcept nogil
# The string at the command's key, made if `entry` is NULL, in a body with room for `size` bytes.
# NULL when there is no memory for it: then nothing has changed. The entry may have moved.
cdef raw_t* string_reserve_or_reply(client_t* c, uint64_t hash, entry_t* entry,
                                    size_t size) noexcept nogil
# Let it have at least `size` bytes, for which there is room; new ones are zero.
cdef void string_extend(raw_t* raw, size_t size) noexcept nogil

cdef enum:
    CHUNK_KEYS = 32                     # keys whose cache misses overlap

# Hash the keys at argv[at], argv[at + step] ... before argv[end], CHUNK_KEYS at most, and call
# their entries into the cache. Returns how many.
cdef int fetch_chunk(client_t* c, int at, int end, int step, uint64_t* hash) noexcept nogil
