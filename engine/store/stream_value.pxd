"""A stream as a whole; its operations as a value are registered at import."""
from libc.stdint cimport uint64_t

from ..core.heap cimport heap_t
from .stream cimport stream_t

# The stream, its groups, and all that is in them.
cdef void stream_release(heap_t* heap, stream_t* stream) noexcept nogil
# How many nodes a radix tree over the nodes' IDs has in a stock server: XINFO tells.
cdef uint64_t stream_radix_nodes(const stream_t* stream) noexcept nogil
