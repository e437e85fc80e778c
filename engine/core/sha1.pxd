"""SHA-1, by which scripts are named.

Terms
    name      40 hexadecimal digits, lower case, no NUL
"""
from libc.stddef cimport size_t

cdef enum:
    SHA1_HEX_SIZE = 40

# The digest of data[0:size] as a name.
cdef void sha1_hex(const char* data, size_t size, char* out) noexcept nogil
