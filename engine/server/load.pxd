"""Loading a file of the journal into a server that has just started, a slice at a time.

Terms
    image   the file, mapped: bytes are parsed and executed where they lie
    good    end of the last whole command outside of a transaction: what may be kept of the file
    tail    what follows `good`: a command or a transaction that was being written when the
            machine stopped, or zeroes that the file system put there
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t

from ..commands.state cimport server_t
from ..journal.rdb_format cimport rdb_t
from ..wire.command cimport client_t, command_t

cdef enum load_status_t:
    LOAD_MORE = 0                       # the time is up
    LOAD_DONE = 1
    LOAD_CUT_SHORT = 2                  # whole up to `good`; what follows is a tail
    LOAD_BROKEN = 3

cdef struct loader_t:
    server_t* srv
    client_t* client                    # owned: runs the commands
    const char* data
    size_t size
    size_t at                           # next command
    size_t good
    bint in_rdb                         # the start of the file is an RDB image
    bint rdb_only                       # and what may follow it is not for us
    rdb_t rdb
    const command_t* multi
    const command_t* exec
    const command_t* discard
    bint in_multi
    uint64_t commands
    uint64_t errors                     # commands that answered an error
    size_t error_at                     # about where the first one stands
    size_t dropped                      # pages of the image given back, up to here
    size_t broken_at                    # with LOAD_BROKEN
    char why[192]

cdef void load_init(loader_t* loader, server_t* srv, const char* data, size_t size) noexcept nogil
cdef void load_free(loader_t* loader) noexcept nogil
# Go on until the clock says until_us.
cdef load_status_t load_step(loader_t* loader, int64_t until_us) noexcept nogil
