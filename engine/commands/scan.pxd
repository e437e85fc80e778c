"""What SCAN shares with SSCAN, HSCAN and ZSCAN: options, and the walk over a table.

A command reads its cursor, looks its key up, and only then reads the options: that is the order in
which Valkey answers what is wrong.
"""
from libc.stdint cimport int64_t, uint64_t

from ..core.buf cimport buf_t
from ..core.glob cimport glob_match
from ..core.table cimport table_t
from ..core.types cimport slice_t
from ..store.entry cimport type_t
from ..wire.command cimport client_t

cdef enum:                              # options that not every command takes
    SCAN_TYPE = 1
    SCAN_NO_VALUES = 2

cdef struct scan_t:
    uint64_t cursor
    int64_t count                       # about how many items a call looks at
    slice_t pattern
    bint any_name                       # no pattern, or one that matches all
    bint any_type
    type_t type
    bint no_values
    int64_t now_ms

# Append the item to `out`, as bulk strings, if it passes; returns how many there were.
ctypedef int64_t (*scan_emit_fn)(const scan_t* scan, buf_t* out, const void* item) noexcept nogil

# The cursor is argument `at`. Sets everything else to what no option means.
cdef bint scan_cursor_or_reply(client_t* c, int at, scan_t* scan) noexcept nogil
# The arguments from `at` on. Each is judged as it comes; of two that are equal the last one holds.
cdef bint scan_options_or_reply(client_t* c, int at, int allowed, scan_t* scan) noexcept nogil
# One call's share of the walk, and the reply.
cdef void scan_table(client_t* c, const table_t* table, scan_t* scan,
                     scan_emit_fn emit) noexcept nogil
# The reply of a walk that ends here: the header that `count` bulk strings follow.
cdef void scan_reply_all(client_t* c, int64_t count) noexcept nogil

cdef inline bint scan_matches(const scan_t* scan, slice_t name) noexcept nogil:
    return scan.any_name or glob_match(scan.pattern.data, scan.pattern.size, name.data, name.size,
                                       False)
