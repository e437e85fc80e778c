"""Values as the commands that make them: the base of the journal where it is no RDB file.

Terms
    items     elements, members with scores, fields with values: TEXT_ITEMS_MAX of them a command
    walk      over one aggregate, from its first item to its deadline; see pieces

Between two pieces the value must not change; the entry may be read, and its access field written.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from ..core.buf cimport buf_t
from ..store.entry cimport entry_t
from ..store.hash cimport hash_walk_t
from ..store.list cimport list_at_t, list_value_t
from ..store.set cimport set_walk_t
from ..store.zset cimport zset_walk_t
from .text_stream cimport text_stream_walk_t

cdef enum:
    TEXT_ITEMS_MAX = 64                 # of one command: what reads it again is not held up

cdef struct text_walk_t:
    const entry_t* entry
    uint64_t left                       # items that are in no command yet
    int room                            # items that the last command is still to get
    int mortal_count
    const void* mortal[TEXT_ITEMS_MAX]  # fields of the last command whose deadlines are to come
    list_value_t list
    list_at_t list_at
    set_walk_t set
    hash_walk_t hash
    zset_walk_t zset
    text_stream_walk_t stream

# Commands that make the key, its value and its deadline.
cdef void text_write_entry(buf_t* out, const entry_t* entry) noexcept nogil
# Likewise of an aggregate, in pieces: until there are `size_max` bytes in the buffer; true while
# more remain.
cdef void text_walk_start(text_walk_t* walk, const entry_t* entry) noexcept nogil
cdef bint text_walk_step(text_walk_t* walk, buf_t* out, size_t size_max) noexcept nogil
# Of a string: what stands before its bytes, and behind them.
cdef void text_start_string(buf_t* out, const entry_t* entry, size_t size) noexcept nogil
cdef void text_end_string(buf_t* out, const entry_t* entry) noexcept nogil
