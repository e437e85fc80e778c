"""Python face of engine/core/ziplist.pxd, for tests/core/test_ziplist.py only."""
from libc.stdint cimport uint8_t, uint64_t

from kvd.engine.core.heap cimport heap_free_all, heap_init, heap_t
from kvd.engine.core.listpack cimport (
    listpack_first, listpack_next, listpack_release, listpack_size, listpack_valid, listpack_value,
    listpack_value_t,
)
from kvd.engine.core.ziplist cimport ziplist_read


def read(bytes data):
    """The values, bytes or int; None when the bytes are refused."""
    cdef heap_t heap
    cdef uint64_t count = 0
    cdef uint64_t valid = 0
    cdef uint8_t* pack
    cdef uint8_t* at
    cdef listpack_value_t value
    heap_init(&heap)
    pack = ziplist_read(&heap, data, len(data), &count)
    values = None
    if pack is not NULL:
        assert listpack_valid(pack, listpack_size(pack), &valid) and valid == count
        values = []
        at = listpack_first(pack)
        while at is not NULL:
            listpack_value(at, &value)
            values.append(value.number if value.text.data is NULL
                          else value.text.data[:value.text.size])
            at = listpack_next(at)
        listpack_release(&heap, pack)
    assert heap_free_all(&heap), "blocks were not given back"
    return values
