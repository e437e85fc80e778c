"""The life of a client."""
from libc.string cimport memcpy

from ..core.buf cimport buf_free, buf_init
from ..core.heap cimport heap_alloc, heap_alloc_zero, heap_block_size, heap_free
from .acl cimport user_of, user_root
from .resp cimport resp_reset


cdef client_t* client_create(store_t* store, keyspace_t* ks, void* srv, int fd,
                             uint64_t id) noexcept nogil:
    cdef client_t* c = <client_t*>heap_alloc_zero(store.heap, sizeof(client_t))
    c.store = store
    c.ks = ks
    c.srv = srv
    c.fd = fd
    c.id = id
    c.resp = 2
    c.who = user_root()
    c.bulk_size = -1
    buf_init(&c.query, store.heap)
    buf_init(&c.reply, store.heap)
    buf_init(&c.feed, store.heap)
    return c


cdef void client_release(client_t* c) noexcept nogil:
    resp_reset(c)
    buf_free(&c.query)
    buf_free(&c.reply)
    buf_free(&c.feed)
    client_set_text(c, &c.name, slice_t(NULL, 0))
    client_set_text(c, &c.lib_name, slice_t(NULL, 0))
    client_set_text(c, &c.lib_version, slice_t(NULL, 0))
    heap_free(c.store.heap, c, sizeof(client_t))


cdef void client_set_text(client_t* c, slice_t* field, slice_t text) noexcept nogil:
    cdef char* copy = NULL
    if text.size:
        copy = <char*>heap_alloc(c.store.heap, text.size)
        memcpy(copy, text.data, text.size)
    heap_free(c.store.heap, <void*>field.data, field.size)
    field.data = copy
    field.size = text.size


# -- what it is -----------------------------------------------------------------------------------

cdef slice_t client_user(const client_t* c) noexcept nogil:
    return user_of(c).name


cdef bint client_text_is_clean(slice_t text) noexcept nogil:
    cdef size_t i
    for i in range(text.size):
        if text.data[i] < c'!' or text.data[i] > c'~':
            return False
    return True


cdef size_t client_memory(const client_t* c) noexcept nogil:
    cdef size_t size = heap_block_size(sizeof(client_t))
    size += c.query.size_max + c.reply.size_max + c.feed.size_max
    size += c.partial_max * sizeof(slice_t) + c.multi_memory + c.blocked_memory
    size += c.pubsub_memory
    return size + c.name.size + c.lib_name.size + c.lib_version.size
