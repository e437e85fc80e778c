"""What a command asks before it grows a string, or the data set.

Each `_or_reply` has answered the client when it says no.

Terms
    allowed   by proto-max-bulk-len
    room      bytes below maxmemory, made by eviction where the policy gives something up
    memory    what the system lends us
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

cdef struct open_string_t:
    char* data                          # borrowed from the key's entry
    size_t size
    bint grown                          # it was shorter, or absent

# A string of `size` + `more` bytes is allowed.
cdef bint string_fits_or_reply(client_t* c, int64_t size, int64_t more) noexcept nogil
# There is memory for a block of `size` bytes. To be asked where a client names the size.
cdef bint memory_or_reply(client_t* c, size_t size) noexcept nogil
# There is room for `more` bytes. Where store.evicted moved no entry that was looked up before is
# valid.
cdef bint room_or_reply(client_t* c, size_t more) noexcept nogil
# The string at argv[1], made if `entry` is NULL, in a body that can hold `size` bytes. The entry
# may have moved, and may be a new, empty one in place of one that was evicted for its own growth.
# NULL when there is no room or no memory for it: then the key is as it was, or evicted.
cdef raw_t* string_reserve_or_reply(client_t* c, uint64_t hash, entry_t* entry,
                                    size_t size) noexcept nogil
# The same string to be written to, with at least `size` bytes, new ones zero; its encoding is raw.
# Bytes that are there are opened where they lie.
cdef bint string_open_or_reply(client_t* c, uint64_t hash, entry_t* entry, size_t size,
                               open_string_t* out) noexcept nogil
