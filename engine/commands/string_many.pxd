"""Fetching the entries of many keys ahead."""
from libc.stdint cimport uint64_t

from ..wire.command cimport client_t

cdef enum:
    CHUNK_KEYS = 32                     # keys whose cache misses overlap

# Hash the keys at argv[at], argv[at + step] ... before argv[end], CHUNK_KEYS at most, and call
# their entries into the cache. Returns how many.
cdef int fetch_chunk(client_t* c, int at, int end, int step, uint64_t* hash) noexcept nogil
