"""What ZADD shares with GEOADD, which is one in disguise."""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t

from ..wire.command cimport client_t

cdef enum:
    ZADD_CH = 1 << 8                    # count changed members too; beside the ZSET_* conditions

# Add `pairs` members to the key in argument 1, and reply. Members are the arguments at, at + step,
# ...; the longest has size_max bytes.
cdef void zset_add_all(client_t* c, int at, int step, int64_t pairs, const double* scores,
                       size_t size_max, uint32_t conditions) noexcept nogil
