"""What the floors above can ask of an aggregate, whatever its type.

Terms
    aggregate  a list, set, sorted set, hash or stream: everything but a string
    body       its block outside the entry; only the room of its type knows what is in it
    effort     blocks that freeing a body has to free, roughly: what one slice of work may take
    samples    elements that a size is estimated from; 0: all of them

A type's room fills a value_type_t and registers it at import, as a family does with its commands:
constant after that. The keyspace, DEL, COPY, MEMORY USAGE and defragmentation then need to know no
type by name. A body belongs to its entry.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from ..core.heap cimport heap_t
from ..core.table cimport table_t

cdef enum type_t:
    TYPE_STRING = 0
    TYPE_LIST = 1
    TYPE_SET = 2
    TYPE_ZSET = 3
    TYPE_HASH = 4
    TYPE_STREAM = 6

cdef enum encoding_t:
    ENC_RAW = 0
    ENC_INT = 1
    ENC_EMBSTR = 2
    ENC_LISTPACK = 3
    ENC_QUICKLIST = 4
    ENC_HASHTABLE = 5
    ENC_INTSET = 6
    ENC_SKIPLIST = 7
    ENC_STREAM = 8

# Free about `effort` blocks of the body; true while more remain, to be called again. Between two
# calls nothing else may touch it. When it says no, the body is gone.
ctypedef bint (*value_release_fn)(heap_t* heap, encoding_t encoding, void* body,
                                  size_t effort) noexcept nogil
ctypedef size_t (*value_effort_fn)(encoding_t encoding, const void* body) noexcept nogil
# Bytes at class sizes, the body's own block included.
ctypedef size_t (*value_memory_fn)(encoding_t encoding, const void* body,
                                   size_t samples) noexcept nogil
ctypedef void* (*value_copy_fn)(heap_t* heap, encoding_t encoding,
                                const void* body) noexcept nogil
# Elements: fields, members, entries of a stream.
ctypedef uint64_t (*value_count_fn)(encoding_t encoding, const void* body) noexcept nogil
# Move the body's blocks that heap_should_move names, within one short step; the body's place after.
ctypedef void* (*value_move_fn)(heap_t* heap, encoding_t encoding, void* body,
                                unsigned percent) noexcept nogil

# The table where an element is found by its name, a member or a field; NULL: none in this encoding.
ctypedef const table_t* (*value_table_fn)(encoding_t encoding, const void* body) noexcept nogil

cdef struct value_type_t:
    value_release_fn release
    value_effort_fn effort
    value_memory_fn memory
    value_copy_fn copy
    value_count_fn count
    value_move_fn move                  # NULL: its blocks stay where they are
    value_table_fn table                # NULL: elements have no names

# At import, once a type; `functions` outlives the process. ValueError when one is missing.
cdef int value_register(type_t type, const value_type_t* functions) except -1

cdef bint value_release(heap_t* heap, type_t type, encoding_t encoding, void* body,
                        size_t effort) noexcept nogil
cdef size_t value_effort(type_t type, encoding_t encoding, const void* body) noexcept nogil
cdef size_t value_memory(type_t type, encoding_t encoding, const void* body,
                         size_t samples) noexcept nogil
cdef void* value_copy(heap_t* heap, type_t type, encoding_t encoding,
                      const void* body) noexcept nogil
cdef uint64_t value_count(type_t type, encoding_t encoding, const void* body) noexcept nogil
cdef void* value_move(heap_t* heap, type_t type, encoding_t encoding, void* body,
                      unsigned percent) noexcept nogil
cdef const table_t* value_table(type_t type, encoding_t encoding,
                                const void* body) noexcept nogil

# For the rooms of the types: where a block is after it was moved, if heap_should_move says so.
cdef void* block_move(heap_t* heap, void* block, size_t size, unsigned percent) noexcept nogil
