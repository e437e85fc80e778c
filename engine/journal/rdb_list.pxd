"""Lists in RDB files: read in every spelling since Redis 2.2, written as quicklist2."""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

from ..core.buf cimport buf_t
from ..store.entry cimport encoding_t, entry_t
from ..store.list cimport list_node_t
from .rdb_format cimport rdb_t

cdef enum:
    RDB_LIST = 1                        # texts
    RDB_LIST_ZIPLIST = 10               # one ziplist
    RDB_LIST_QUICKLIST = 14             # ziplists
    RDB_LIST_QUICKLIST_2 = 18           # listpacks, and large elements by themselves

# The body of a list, or NULL when the image is broken.
cdef void* rdb_read_list(rdb_t* rdb, uint8_t type, encoding_t* encoding) noexcept nogil
cdef void rdb_write_list(buf_t* out, const entry_t* entry) noexcept nogil
# The nodes from *node on, which moves with them, until the buffer holds size_max bytes. True while
# more remain.
cdef bint rdb_write_nodes(buf_t* out, const list_node_t** node, size_t size_max) noexcept nogil
