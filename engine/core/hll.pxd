"""HyperLogLog: how many different elements there were, in a string of at most 12 KiB.

Terms
    register  the longest run of zeros seen among hashes of its part, plus one; 0: nothing seen
    dense     all registers, 6 bits each
    sparse    runs of equal registers, spelt by opcodes of one or two bytes
    spread    all registers, a byte each: uint8_t[HLL_REGISTERS], for merging
    cached    the estimate stands in the header, and nothing was added since

The bytes are Valkey's, so that DUMP, GET and a base file carry them from one server to another.
A string that passed hll_is may still be malformed sparse: everything here that reads opcodes says
so instead of trusting them, and reads or writes nothing outside of the bytes given.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

from .types cimport slice_t

cdef enum:
    HLL_REGISTERS = 16384
    HLL_HEADER_SIZE = 16
    HLL_DENSE_SIZE = 12304              # header, and 6 bits a register
    HLL_EMPTY_SIZE = 18                 # sparse: header and one opcode
    HLL_GROWTH_MAX = 3                  # bytes that one element adds to a sparse string

cdef enum hll_encoding_t:               # the header's byte
    HLL_DENSE = 0
    HLL_SPARSE = 1

cdef enum hll_added_t:
    HLL_SAME = 0                        # no register changed
    HLL_CHANGED = 1
    HLL_MUST_BE_DENSE = 2               # nothing changed: make it dense, and add again
    HLL_BROKEN = 3                      # nothing changed: the opcodes make no sense

# It has a header of ours, and the size of a dense one if it says that it is.
cdef bint hll_is(slice_t bytes) noexcept nogil
cdef inline hll_encoding_t hll_encoding(const char* data) noexcept nogil:
    return <hll_encoding_t>data[4]

# A new, empty, sparse one: HLL_EMPTY_SIZE bytes.
cdef void hll_init(char* data) noexcept nogil
# Add an element. A sparse string has room for HLL_GROWTH_MAX bytes behind *size, and stays sparse
# while it is no longer than sparse_max.
cdef hll_added_t hll_add(char* data, size_t* size, size_t sparse_max,
                         slice_t element) noexcept nogil
# The same for one register of a sparse string: it becomes at least `value`.
cdef hll_added_t hll_raise_sparse(char* data, size_t* size, size_t sparse_max, uint64_t index,
                                  int value) noexcept nogil
# Write the dense form of a sparse string to HLL_DENSE_SIZE bytes; False when it is broken.
cdef bint hll_to_dense(const char* data, size_t size, char* dense) noexcept nogil

# Raise each register of `spread` to what it is in the string; False when that is broken.
cdef bint hll_merge(uint8_t* spread, slice_t bytes) noexcept nogil
# Make the registers of a dense string those of `spread`.
cdef void hll_pack(const uint8_t* spread, char* dense) noexcept nogil

# The estimate; False when the string is broken.
cdef bint hll_count(slice_t bytes, uint64_t* count) noexcept nogil
cdef uint64_t hll_count_spread(const uint8_t* spread) noexcept nogil
cdef bint hll_cached(const char* data, uint64_t* count) noexcept nogil
cdef void hll_set_cached(char* data, uint64_t count) noexcept nogil
cdef void hll_forget_cached(char* data) noexcept nogil
# The opcodes as PFDEBUG DECODE spells them, to `out`, which has room for HLL_WORD_MAX bytes an
# opcode byte. Returns the bytes written, or -1 when the string is broken.
cdef enum:
    HLL_WORD_MAX = 8
cdef ssize_t hll_describe(const char* data, size_t size, char* out) noexcept nogil
