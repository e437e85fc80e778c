"""What the floors above can ask of an aggregate.

A table of functions, by type. A switch over types would put every type's room below the entry's,
and each new type would have to touch it; so the rooms come to us.

Invariants
    V1  a type is registered once, before the first entry of it exists
"""
from ..core.heap cimport heap_move, heap_should_move
from ..core.intrinsics cimport kvd_assert

cdef enum:
    TYPES_MAX = 16                      # four bits of an entry's header

cdef const value_type_t* TYPES[TYPES_MAX]


cdef int value_register(type_t type, const value_type_t* functions) except -1:
    if not 0 < <int>type < TYPES_MAX or TYPES[<int>type] is not NULL:
        raise ValueError(f"type {<int>type} cannot be registered, or is already")
    if (functions.release is NULL or functions.effort is NULL or functions.memory is NULL
            or functions.copy is NULL or functions.count is NULL):
        raise ValueError(f"type {<int>type} lacks a function")
    TYPES[<int>type] = functions
    return 0


cdef inline const value_type_t* functions_of(type_t type) noexcept nogil:
    kvd_assert(TYPES[<int>type] is not NULL)    # V1
    return TYPES[<int>type]


cdef bint value_release(heap_t* heap, type_t type, encoding_t encoding, void* body,
                        size_t effort) noexcept nogil:
    return functions_of(type).release(heap, encoding, body, effort)


cdef size_t value_effort(type_t type, encoding_t encoding, const void* body) noexcept nogil:
    return functions_of(type).effort(encoding, body)


cdef size_t value_memory(type_t type, encoding_t encoding, const void* body,
                         size_t samples) noexcept nogil:
    return functions_of(type).memory(encoding, body, samples)


cdef void* value_copy(heap_t* heap, type_t type, encoding_t encoding,
                      const void* body) noexcept nogil:
    return functions_of(type).copy(heap, encoding, body)


cdef uint64_t value_count(type_t type, encoding_t encoding, const void* body) noexcept nogil:
    return functions_of(type).count(encoding, body)


cdef void* value_move(heap_t* heap, type_t type, encoding_t encoding, void* body,
                      unsigned percent) noexcept nogil:
    cdef const value_type_t* functions = functions_of(type)
    if functions.move is NULL:
        return body
    return functions.move(heap, encoding, body, percent)


cdef const table_t* value_table(type_t type, encoding_t encoding,
                                const void* body) noexcept nogil:
    cdef const value_type_t* functions = functions_of(type)
    if functions.table is NULL:
        return NULL
    return functions.table(encoding, body)


cdef void* block_move(heap_t* heap, void* block, size_t size, unsigned percent) noexcept nogil:
    if heap_should_move(heap, block, size, percent):
        return heap_move(heap, block, size)
    return block
