"""Random choices among the items of a table: SRANDMEMBER, SPOP, HRANDFIELD with a count."""
from libc.stddef cimport size_t

from ..core.heap cimport heap_t
from ..core.rand cimport rand_t
from ..core.table cimport table_t

# `count` different items into `out`, every choice of them as likely as any other; `count` is not
# more than there are.
cdef void choose_from_table(const table_t* table, rand_t* rand, heap_t* heap, size_t count,
                            void** out) noexcept nogil
# Move `count` of the items, drawn likewise, to the front of the array.
cdef void choose_from_array(void** items, size_t items_count, rand_t* rand,
                            size_t count) noexcept nogil
