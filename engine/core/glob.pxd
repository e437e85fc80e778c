"""Glob patterns, as KEYS, SCAN MATCH, PSUBSCRIBE, CONFIG GET and ACL rules use them.

Terms
    *           any run of bytes, the empty one too
    ?           any one byte
    [abc]       one of a class; [^abc] one that is not; [a-z] a range
    \\x         x itself, also inside a class

Both texts are bytes with a size: NUL is a byte like others. No allocation, no recursion, and at
most pattern_size * text_size steps whatever the pattern.
"""
from libc.stddef cimport size_t

cdef bint glob_match(const char* pattern, size_t pattern_size,
                     const char* text, size_t text_size, bint nocase) noexcept nogil
