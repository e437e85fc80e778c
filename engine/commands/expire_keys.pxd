"""The conditions of EXPIRE, which those of HEXPIRE are too."""
from libc.stdint cimport int64_t

from ..wire.command cimport client_t

cdef enum:
    ONLY_NEW = 1                        # NX: there is no deadline
    ONLY_OLD = 2                        # XX: there is one
    ONLY_LATER = 4                      # GT
    ONLY_EARLIER = 8                    # LT

# Read argv[at:end] as conditions.
cdef bint expire_options_or_reply(client_t* c, int at, int end, int* options) noexcept nogil
# May the deadline `before` become `after`? NO_DEADLINE is later than any.
cdef bint expire_allowed(int options, int64_t before, int64_t after) noexcept nogil
