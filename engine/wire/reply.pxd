"""Writers of RESP replies. Each appends one complete reply, or one header, to c.reply.

There is no other way to a client: no command writes to c.reply itself. Text of the user's that
ends up in an error is cleaned of line ends here. Headers (array, map, set, push) are followed by
exactly the announced number of replies: a map header counts pairs.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t

from ..core.types cimport slice_t
from .command cimport client_t

cdef void reply_ok(client_t* c) noexcept nogil
cdef void reply_simple(client_t* c, const char* text) noexcept nogil          # +text
cdef void reply_null(client_t* c) noexcept nogil                              # $-1 or _
cdef void reply_null_array(client_t* c) noexcept nogil                        # *-1 or _
cdef void reply_int(client_t* c, int64_t value) noexcept nogil
cdef void reply_bool(client_t* c, bint value) noexcept nogil                  # :1 or #t
cdef void reply_double(client_t* c, double value) noexcept nogil              # bulk or ,
cdef void reply_bulk(client_t* c, slice_t bytes) noexcept nogil
cdef void reply_bulk_text(client_t* c, const char* text) noexcept nogil
cdef void reply_bulk_int(client_t* c, int64_t value) noexcept nogil
# Text for people: bulk, or = with "txt"
cdef void reply_verbatim(client_t* c, slice_t text) noexcept nogil
cdef void reply_array(client_t* c, int64_t count) noexcept nogil
cdef void reply_map(client_t* c, int64_t pairs) noexcept nogil                # * of twice, or %
cdef void reply_set(client_t* c, int64_t count) noexcept nogil                # * or ~
cdef void reply_push(client_t* c, int64_t count) noexcept nogil               # * or >
# A header whose count is not known yet: `mark` for reply_array_close.
cdef size_t reply_array_open(client_t* c) noexcept nogil
cdef void reply_array_close(client_t* c, size_t mark, int64_t count) noexcept nogil
# Likewise, of a set.
cdef void reply_set_close(client_t* c, size_t mark, int64_t count) noexcept nogil
# Never mind: what was appended since goes, with the header.
cdef void reply_array_undo(client_t* c, size_t mark) noexcept nogil
# The same mark closed as a map of RESP3.
cdef void reply_map_close(client_t* c, size_t mark, int64_t pairs) noexcept nogil
# A bulk string that is known only when what follows it has been written, from size `at` of c.reply.
cdef void reply_bulk_insert(client_t* c, size_t at, slice_t bytes) noexcept nogil
# Replies that were built elsewhere, complete RESP.
cdef void reply_raw(client_t* c, slice_t resp) noexcept nogil

# Errors. `message` starts with its code: "ERR ...", "WRONGTYPE ...". Counts it, by code.
cdef void reply_error(client_t* c, const char* message) noexcept nogil
# `before`, the user's bytes (at most 128 of them, up to a NUL; CR and LF are spaces), `after`.
cdef void reply_error_about(client_t* c, const char* before, slice_t bytes,
                            const char* after) noexcept nogil
# Twice: `before`, bytes, `middle`, more bytes (all of them), `after`.
cdef void reply_error_two(client_t* c, const char* before, slice_t bytes, const char* middle,
                          slice_t more, const char* after) noexcept nogil
# "ERR wrong number of arguments for 'get' command"
cdef void reply_error_arity(client_t* c) noexcept nogil
cdef void reply_error_syntax(client_t* c) noexcept nogil
cdef void reply_error_type(client_t* c) noexcept nogil

# What goes to the journal in place of the client's own words (see journal/aof).
# feed_command(c, 3) then three feed_arg: one complete command. The first one says that the feed
# replaces argv; feed_nothing says it without a command.
cdef void feed_command(client_t* c, int argc) noexcept nogil
cdef void feed_arg(client_t* c, slice_t arg) noexcept nogil
cdef void feed_text(client_t* c, const char* arg) noexcept nogil
cdef void feed_int(client_t* c, int64_t arg) noexcept nogil
cdef void feed_nothing(client_t* c) noexcept nogil
