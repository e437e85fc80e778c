"""Values as Redis 5 to 6.2 read them: for who moves out of a legacy instance."""
from libc.stdint cimport uint8_t

from ..core.buf cimport buf_t
from ..store.entry cimport entry_t

cdef enum:
    RDB_VERSION_OLD = 9
    RDB_NOT_OLD = 255                   # no type: the value has what they do not know

# The type byte that a value is written under.
cdef uint8_t rdb_old_type(const entry_t* entry) noexcept nogil
# The value; its type is not RDB_NOT_OLD.
cdef void rdb_write_old(buf_t* out, const entry_t* entry) noexcept nogil
