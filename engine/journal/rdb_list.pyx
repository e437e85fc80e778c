"""Lists in RDB files.

    list          count, texts
    ziplist       a text that is a ziplist
    quicklist     count, ziplists
    quicklist2    count, of each node: 1 and a large element's text, or 2 and a listpack

A chain is built of what is there, and becomes a single pack where it fits into one, as on Valkey.
A list without elements cannot be: such a key is an error.
"""
from libc.stdint cimport SIZE_MAX, uint8_t, uint64_t

from ..core.listpack cimport (
    LISTPACK_SIZE_SAFE, listpack_append, listpack_count, listpack_create, listpack_first,
    listpack_get, listpack_read, listpack_release, listpack_size,
)
from ..core.number cimport FORMAT_INT_MAX
from ..core.types cimport slice_t
from ..core.ziplist cimport ziplist_read
from ..store.entry cimport ENC_LISTPACK, entry_body, entry_encoding
from ..store.list cimport (
    list_add_node_take, list_count, list_create_chain, list_node_t, list_push, list_release,
    list_shrink, list_t, list_value_t,
)
from .rdb_format cimport (
    rdb_broken, rdb_put_byte, rdb_put_length, rdb_put_string, rdb_read_number, rdb_read_string,
)

cdef enum:
    NODE_PLAIN = 1
    NODE_PACKED = 2


# -- reading --------------------------------------------------------------------------------------

cdef bint read_text(rdb_t* rdb, slice_t* text) noexcept nogil:
    cdef size_t start = rdb.at
    if not rdb_read_string(rdb, &rdb.value, text):
        return False
    return text.size <= LISTPACK_SIZE_SAFE or rdb_broken(rdb, start, b"an element is too long")


cdef bint add_pack_take(list_value_t* list, uint8_t* pack) noexcept nogil:
    """Whether it was valid; without elements it is left out."""
    if pack is NULL:
        return False
    if listpack_count(pack):
        list_add_node_take(list, pack, False)
    else:
        listpack_release(list.heap, pack)
    return True


cdef bint read_ziplist(rdb_t* rdb, list_value_t* list) noexcept nogil:
    cdef slice_t text
    cdef size_t start = rdb.at
    if not rdb_read_string(rdb, &rdb.value, &text):
        return False
    return (add_pack_take(list, ziplist_read(list.heap, <const uint8_t*>text.data, text.size, NULL))
            or rdb_broken(rdb, start, b"a ziplist is not valid"))


cdef bint read_node(rdb_t* rdb, list_value_t* list) noexcept nogil:
    cdef slice_t text
    cdef uint64_t container
    cdef size_t start = rdb.at
    if not rdb_read_number(rdb, &container):
        return False
    if container == NODE_PLAIN:
        if not read_text(rdb, &text):
            return False
        if text.size == 0:
            return rdb_broken(rdb, start, b"a large element of a list is empty")
        list_add_node_take(list, listpack_append(list.heap, listpack_create(list.heap), text),
                           True)
        return True
    if container != NODE_PACKED:
        return rdb_broken(rdb, start, b"a list has a node of an unknown form")
    if not rdb_read_string(rdb, &rdb.value, &text):
        return False
    return (add_pack_take(list, listpack_read(list.heap, <const uint8_t*>text.data, text.size,
                                              NULL))
            or rdb_broken(rdb, start, b"a listpack is not valid"))


cdef bint read_elements(rdb_t* rdb, uint8_t type, list_value_t* list) noexcept nogil:
    cdef uint64_t count
    cdef slice_t text
    if type == RDB_LIST_ZIPLIST:
        return read_ziplist(rdb, list)
    if not rdb_read_number(rdb, &count):
        return False
    while count:                        # each needs bytes of the image: no count is believed
        if type == RDB_LIST:
            if not read_text(rdb, &text):
                return False
            list_push(list, text, False)
        elif type == RDB_LIST_QUICKLIST:
            if not read_ziplist(rdb, list):
                return False
        elif not read_node(rdb, list):
            return False
        count -= 1
    return True


cdef void* rdb_read_list(rdb_t* rdb, uint8_t type, encoding_t* encoding) noexcept nogil:
    cdef list_value_t list
    cdef size_t start = rdb.at
    list_create_chain(&list, rdb.store.heap, rdb.limits.list_fill)
    if not read_elements(rdb, type, &list) \
            or (list_count(&list) == 0 and not rdb_broken(rdb, start, b"a list is empty")):
        list_release(&list)
        return NULL
    list_shrink(&list, False)
    encoding[0] = list.encoding
    return list.body


# -- writing --------------------------------------------------------------------------------------

cdef void put_pack(buf_t* out, const uint8_t* pack) noexcept nogil:
    rdb_put_byte(out, NODE_PACKED)
    rdb_put_string(out, slice_t(<const char*>pack, listpack_size(pack)))


cdef void rdb_write_list(buf_t* out, const entry_t* entry) noexcept nogil:
    cdef const list_t* list = <const list_t*>entry_body(entry)
    cdef const list_node_t* node
    if entry_encoding(entry) == ENC_LISTPACK:
        rdb_put_length(out, 1)
        put_pack(out, <const uint8_t*>list)
        return
    rdb_put_length(out, list.node_count)
    node = list.head
    rdb_write_nodes(out, &node, SIZE_MAX)


cdef bint rdb_write_nodes(buf_t* out, const list_node_t** node, size_t size_max) noexcept nogil:
    cdef char scratch[FORMAT_INT_MAX]
    while node[0] is not NULL and out.size < size_max:
        if node[0].large:
            rdb_put_byte(out, NODE_PLAIN)
            rdb_put_string(out, listpack_get(listpack_first(node[0].pack), scratch))
        else:
            put_pack(out, node[0].pack)
        node[0] = node[0].next
    return node[0] is not NULL
