"""The command log: what was slow, what came large, what went out large. SLOWLOG is its first kind.

Terms
    kind    slow (microseconds), large-request (bytes), large-reply (bytes): a list each
    entry   one call: when, how much, the first arguments, whose; one block of the server's memory
    cut     an argument's first LOG_ARG_MAX bytes and how many more there were

Secrets (passwords in AUTH, HELLO, CONFIG SET, ACL SETUSER) are never copied into an entry.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t, uint64_t

from ..commands.state cimport server_t
from ..core.types cimport slice_t
from ..wire.command cimport client_t, command_t

cdef enum:
    LOG_SLOW = 0
    LOG_LARGE_REQUEST = 1
    LOG_LARGE_REPLY = 2
    LOG_KINDS = 3
    LOG_ARGS_MAX = 32                   # with more, the last one says how many are missing
    LOG_ARG_MAX = 128                   # bytes
    LOG_ARG_ROOM = 192                  # ... and the words behind them

cdef struct log_entry_t:
    log_entry_t* older
    log_entry_t* newer
    size_t size                         # of this block
    uint64_t id                         # ascending, never used twice
    int64_t wall_s
    int64_t value                       # microseconds or bytes, by kind
    uint32_t peer_size
    uint32_t name_size
    uint32_t argc
    uint32_t arg_size[LOG_ARGS_MAX]
    char text[0]                        # peer, client name, arguments, one behind the other

cdef struct commandlog_t:
    log_entry_t* newest
    log_entry_t* oldest
    int64_t count
    uint64_t next_id

cdef void commandlog_init(server_t* srv) noexcept nogil
cdef void commandlog_free(server_t* srv) noexcept nogil
cdef void commandlog_add(server_t* srv, int kind, const client_t* c, const command_t* cmd,
                         int64_t value) noexcept nogil
cdef void commandlog_reset(server_t* srv, int kind) noexcept nogil
# Drop the oldest entries beyond the configured length.
cdef void commandlog_trim(server_t* srv, int kind) noexcept nogil
# Whether an argument must not be shown to anybody.
cdef bint argument_is_secret(const command_t* cmd, int argc, const slice_t* argv,
                             int index) noexcept nogil

cdef inline commandlog_t* commandlog_of(const server_t* srv, int kind) noexcept nogil:
    return <commandlog_t*>srv.commandlog[kind]
