"""Requests: bytes in, arguments out, RESP arrays and inline lines.

Terms
    argv_t    arguments of the commands of one batch, one behind the other
    bulk      one argument of a RESP array

Arguments are slices of the bytes that were given: nothing is copied, except for inline lines,
whose unquoted words live in argv.text until the next batch.
A command that has not come whole leaves its parse in the client: the same bytes are given again
with more behind them, perhaps at another address.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t

from ..core.buf cimport buf_t
from ..core.heap cimport heap_t
from ..core.types cimport slice_t
from .command cimport client_t

cdef enum:
    REQUEST_LINE_MAX = 65536            # bytes of an inline line, or of a length line
    ARGC_MAX = 1048576                  # arguments of one command
    UNAUTH_ARGC_MAX = 10                # before authentication
    UNAUTH_BULK_MAX = 16384

cdef enum parse_t:
    PARSE_MORE = 0                      # the command has not come whole
    PARSE_COMMAND = 1
    PARSE_INLINE = 2                    # a command too, and the batch ends with it
    PARSE_EMPTY = 3                     # nothing to run
    PARSE_ERROR = 4                     # the error is in c.reply; close the client

cdef struct argv_t:
    slice_t* items                      # owned
    size_t count
    size_t size_max
    heap_t* heap
    buf_t text                          # words of an inline line

cdef void argv_init(argv_t* argv, heap_t* heap) noexcept nogil
cdef void argv_free(argv_t* argv) noexcept nogil
# Forget the batch; give back what an unusually large one took.
cdef void argv_clear(argv_t* argv) noexcept nogil

# Parse one command from the start of `data`. On PARSE_COMMAND, PARSE_INLINE and PARSE_EMPTY
# *used is the size of what was read; the arguments are appended to argv.
cdef parse_t resp_parse(client_t* c, const char* data, size_t size, bint trusted,
                        int64_t bulk_max, argv_t* argv, size_t* used) noexcept nogil
# Forget a half parsed command (its bytes are dropped, or given again from its start).
cdef void resp_reset(client_t* c) noexcept nogil
