"""Which arguments of a command are keys, and what the command does to each of them.

Terms
    spec      one way to find keys: a keys_t. Most commands have one; COPY has two
    access    KEY_* bits of a key: read (ACCESS), written (UPDATE, INSERT, DELETE), or neither

A row's own `keys` say where the first keys are, for fetching ahead. What else a command touches
stands in a table here; the registry joins the two (specs, spec_count, keys_by). Rights are checked
by what this room finds, and COMMAND GETKEYS tells it.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t

from ..core.types cimport slice_t
from .command cimport command_t, keys_t

cdef enum keys_by_t:                    # who finds the keys
    KEYS_BY_SPECS = 0
    KEYS_BY_SET = 1                     # GET among the words: it is read, too
    KEYS_BY_BITFIELD = 2                # without SET and INCRBY it is only read
    KEYS_BY_SORT = 3                    # the last STORE counts
    KEYS_BY_GEORADIUS = 4               # the last STORE or STOREDIST counts
    KEYS_BY_MIGRATE = 5                 # KEYS where the key is empty

# Called for each key, by its index in argv. False ends the walk.
ctypedef bint (*key_fn)(void* owner, int at, uint32_t flags) noexcept nogil

# What the table says of the command with this full name: its specs, and who finds the keys (*by, a
# keys_by_t). Returns how many specs; 0 where the row's own says it all.
cdef int keyspec_find(const char* name, size_t size, const keys_t** specs, int* by) noexcept nogil
# Hand every key of these arguments to `fn`, in the order of the specs. Returns how many, or -1
# when the arguments contradict a spec: those that the others find have been handed over.
cdef int keyspec_each(const command_t* cmd, int argc, const slice_t* argv, key_fn fn,
                      void* owner) noexcept nogil
