"""The first line of a script: who is to run it, and what it promises."""
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t

from ..core.types cimport slice_t
from ..wire.command cimport client_t

cdef struct shebang_t:
    size_t size                         # bytes of the line without its end; 0: there is none
    uint32_t flags                      # SCRIPT_*

# Of an EVAL's script. A line that cannot be read is replied to.
cdef bint script_shebang_or_reply(client_t* c, slice_t text, shebang_t* bang) noexcept nogil
# The next word of a line, cut off its front; empty at the end.
cdef slice_t script_word(slice_t* line) noexcept nogil
# The SCRIPT_* flag of a name; 0 when there is none.
cdef uint32_t script_flag(slice_t name) noexcept nogil
# Names of the flags in the order of their bits; NULL ends them.
cdef const char** script_flag_names() noexcept nogil
