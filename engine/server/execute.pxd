"""From bytes to replies: parse a batch, fetch its keys, check, call, feed the journal.

Terms
    batch    up to BATCH_MAX commands of one client that came in one read
    process  every check that stands before a call
    call     run one command, count it, and feed the journal what it changed
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t

from ..commands.state cimport called_t, server_t
from ..wire.command cimport client_t

# Run every complete command in `data`, replies to c.reply. Returns how many bytes are done with:
# what is left begins with a command that is not whole, or that has to wait.
cdef size_t execute_bytes(server_t* srv, client_t* c, const char* data,
                          size_t size) noexcept nogil
# One command in c.argc, c.argv; c.cmd is its row, or NULL.
cdef called_t execute_process(void* srv, client_t* c) noexcept nogil
cdef called_t execute_call(void* srv, client_t* c) noexcept nogil
# What was pushed to the caller while its command ran, behind its reply.
cdef void execute_push(server_t* srv, client_t* c) noexcept nogil
# CLIENT REPLY: drop what was written from `reply_at` on, if that was asked for. `before` is the
# client's flags as the command found them. Off holds from the command that says it to the one
# that ends it; skip drops the reply of the command after.
cdef void execute_mute(client_t* c, uint32_t before, size_t reply_at) noexcept nogil
