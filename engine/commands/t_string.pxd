"""What the string commands share with each other, with bitmaps and with LCS.

Each `_or_reply` has answered the client when it says no.
"""
from libc.stdint cimport int64_t, uint32_t

from ..core.types cimport slice_t
from ..store.entry cimport INT_TEXT_MAX, TYPE_STRING, entry_string, entry_t, entry_type
from ..wire.command cimport client_t
from ..wire.reply cimport reply_bulk, reply_null

cdef enum:
    OPT_NX = 1 << 0
    OPT_XX = 1 << 1
    OPT_IFEQ = 1 << 2
    OPT_GET = 1 << 3
    OPT_KEEPTTL = 1 << 4
    OPT_PERSIST = 1 << 5
    OPT_EX = 1 << 6
    OPT_PX = 1 << 7
    OPT_EXAT = 1 << 8
    OPT_PXAT = 1 << 9
    OPT_TIMES = OPT_EX | OPT_PX | OPT_EXAT | OPT_PXAT

cdef struct options_t:
    uint32_t flags                      # OPT_*
    int64_t deadline_ms                 # what EX, PX, EXAT or PXAT came to; else NO_DEADLINE
    slice_t equal                       # what followed IFEQ

# Read the arguments from `at` to the end as options, those of `allowed`.
cdef bint options_or_reply(client_t* c, int at, uint32_t allowed,
                           options_t* options) noexcept nogil
# `entry` when it is a string; NULL when it is NULL, or of another type: then *failed.
cdef entry_t* string_or_reply(client_t* c, entry_t* entry, bint* failed) noexcept nogil

cdef inline void reply_value(client_t* c, const entry_t* entry) noexcept nogil:
    """A string, or null where there is none."""
    cdef char scratch[INT_TEXT_MAX]
    if entry is NULL or entry_type(entry) != TYPE_STRING:
        reply_null(c)
    else:
        reply_bulk(c, entry_string(entry, scratch))
