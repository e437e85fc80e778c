"""Nodes of streams that come from outside: are they what they say they are?"""
from libc.stdint cimport uint8_t, uint64_t

from ..core.idlist cimport id_t

# A pack that is valid as such is one of a node with this ID: its entries ascend, nothing in them
# leads astray, and `live` of them are no tombstones.
cdef bint stream_node_valid(const uint8_t* pack, id_t node, uint64_t* live) noexcept nogil
