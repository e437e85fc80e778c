"""Directives: what a configuration file, a command line and CONFIG SET can say.

Terms
    directive   one named setting: a row of the table
    alias       a second name that answers and is answered, for those who know the old spelling
    field       where the value lives: an offset in config_t
    fixed       a directive of something that is not here: it has one value, and no field; another
                value is refused with the reason (help)
    apply       run after the field has changed: copies it to the room that uses it
    shell       the part of the process around the engine that has to act: its hook, by name

The rows are constant. Two rooms hold them: config.pyx those that have an effect, absent.pyx those
that are fixed. settings.pyx reads and changes values.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memset

from ..commands.state cimport server_t

cdef enum kind_t:
    KIND_BOOL = 0                       # bint: yes or no
    KIND_INT = 1                        # int64_t in decimal
    KIND_MEMORY = 2                     # int64_t: bytes; units on input
    KIND_PERCENT = 3                    # int64_t: bytes, or minus a percentage
    KIND_OCTAL = 4                      # int64_t
    KIND_ENUM = 5                       # int: index in choices
    KIND_TEXT = 6                       # slice_t, owned: one word of a file
    KIND_WORDS = 7                      # slice_t, owned: as many words as a line has
    KIND_LIMITS = 8                     # output_limit_t[CLIENT_KINDS]
    KIND_PERCENTILES = 9                # latency_percentiles and their count
    KIND_EVENTS = 10                    # int: EVENT_* of store/keyspace, as letters

cdef enum:
    DIRECTIVE_IMMUTABLE = 1 << 0        # set when the server starts, and never after
    DIRECTIVE_PROTECTED = 1 << 1        # CONFIG SET needs enable-protected-configs
    DIRECTIVE_SECRET = 1 << 2           # never logged
    DIRECTIVE_FIXED = 1 << 3
    DIRECTIVE_HIDDEN = 1 << 4           # not part of CONFIG GET *
    DIRECTIVE_OURS = 1 << 5             # neither Valkey nor Redis knows it
    DIRECTIVE_FILE = 1 << 6             # names what is read: set to the same, it is read again

# Returns NULL, or why the value cannot be had: then it is set back, and apply runs again.
ctypedef const char* (*apply_fn)(server_t* srv) noexcept nogil

cdef struct directive_t:
    const char* name
    const char* alias                   # NULL
    kind_t kind
    uint32_t flags                      # DIRECTIVE_*
    size_t offset                       # in config_t
    const char* value                   # the default, as a file would say it
    int64_t min
    int64_t max
    const char* choices                 # KIND_ENUM: words, separated by one space
    apply_fn apply                      # NULL
    const char* shell                   # NULL
    const char* topic
    const char* help                    # a sentence; of a fixed one: why it is

# A table ends with a row that has no name, so that nobody keeps its length.
cdef inline directive_t directive_last() noexcept:
    cdef directive_t row
    memset(&row, 0, sizeof(row))
    return row


cdef inline int directive_rows(const directive_t* table) noexcept:
    cdef int count = 0
    while table[count].name is not NULL:
        count += 1
    return count


cdef int directive_count() noexcept
cdef const directive_t* directive_at(int index) noexcept
# By name or alias, in any letter case; NULL when unknown.
cdef const directive_t* directive_find(bytes name)
