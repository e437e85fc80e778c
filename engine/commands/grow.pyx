"""What a command asks before it grows a string, or the data set.

A size that a client names is believed in three steps: is it allowed, is there room, is there
memory. Only then does anything change. Small growth asks for nothing: the check at the end of
the call makes room for it, and a small block is always to be had.
"""
from libc.string cimport memset

from ..core.heap cimport heap_alloc_try, heap_free
from ..core.intrinsics cimport add_overflows, likely, unlikely
from ..core.table cimport NO_DEADLINE
from ..core.types cimport slice_t
from ..store.access cimport access_new
from ..store.entry cimport (
    ENC_RAW, ENTRY_BODY, ENTRY_INT, entry_body, entry_create_raw, entry_memory,
    entry_set_encoding, entry_value, entry_value_size, raw_grown_size,
)
from ..store.evict cimport EVICT_FAIL, EVICT_MORE, evict_run, evicted_t
from ..store.keyspace cimport keyspace_make_raw, keyspace_peek, keyspace_put_take
from ..wire.command cimport CLIENT_LOADING
from ..wire.errors cimport ERR_OOM, ERR_STRING_TOO_LONG
from ..wire.reply cimport reply_error
from .state cimport server_of, server_t

cdef enum:
    CHECKED_BYTES = 1 << 20             # blocks above it are asked for before they are needed
    ROOM_BUDGET_US = 10000              # of one run of eviction for one command's growth
    ROOM_FREE = 1024                    # bytes that no room is made for: the call's end does it


cdef bint string_fits_or_reply(client_t* c, int64_t size, int64_t more) noexcept nogil:
    cdef int64_t total
    if add_overflows(size, more, &total) or total > STRING_MAX or (
            total > server_of(c).config.proto_max_bulk_len and not c.flags & CLIENT_LOADING):
        reply_error(c, ERR_STRING_TOO_LONG)
        return False
    return True


cdef bint memory_or_reply(client_t* c, size_t size) noexcept nogil:
    cdef void* block
    if likely(size <= CHECKED_BYTES):
        return True
    block = heap_alloc_try(c.store.heap, size)
    if block is NULL:
        reply_error(c, ERR_OOM)
        return False
    heap_free(c.store.heap, block, size)
    return True


cdef bint room_or_reply(client_t* c, size_t more) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef evicted_t room = EVICT_MORE
    if likely(srv.evict.limit_bytes == 0) or c.flags & CLIENT_LOADING:
        return True
    while room == EVICT_MORE:           # within one command: nobody can be asked to wait
        room = evict_run(&srv.evict, c.store, more, ROOM_BUDGET_US)
    if room == EVICT_FAIL:
        reply_error(c, ERR_OOM)
        return False
    return True


cdef raw_t* string_reserve_or_reply(client_t* c, uint64_t hash, entry_t* entry,
                                    size_t size) noexcept nogil:
    cdef uint64_t evicted = c.store.evicted
    cdef size_t held = 0
    cdef size_t wanted = size + (size >> 3)         # what its class may round it up to
    if entry is not NULL and entry.flags & ENTRY_BODY \
            and likely((<raw_t*>entry_body(entry)).size_max >= size):
        return <raw_t*>entry_body(entry)
    if entry is not NULL and entry.flags & ENTRY_BODY:
        # With the slack that a growing body is given, and what its class may round that up to.
        wanted = raw_grown_size(size) + (raw_grown_size(size) >> 4)
    if server_of(c).evict.limit_bytes:
        held = entry_memory(entry, 0) if entry is not NULL else 0
        if wanted > held + ROOM_FREE and not room_or_reply(c, wanted - held):
            return NULL
        if unlikely(c.store.evicted != evicted):
            entry = keyspace_peek(c.ks, hash, c.argv[1])
    if not memory_or_reply(c, wanted):
        return NULL
    if entry is NULL:
        entry = entry_create_raw(c.store.heap, c.argv[1], slice_t(NULL, 0), size, NO_DEADLINE,
                                 access_new(&c.store.access))
        keyspace_put_take(c.ks, hash, entry)
    else:
        entry = keyspace_make_raw(c.ks, hash, entry, size)
    return <raw_t*>entry_body(entry)


cdef bint string_open_or_reply(client_t* c, uint64_t hash, entry_t* entry, size_t size,
                               open_string_t* out) noexcept nogil:
    cdef raw_t* raw
    if entry is not NULL and not entry.flags & (ENTRY_INT | ENTRY_BODY) \
            and entry_value_size(entry) >= size:
        entry_set_encoding(entry, ENC_RAW)
        out.data = entry_value(entry)
        out.size = entry_value_size(entry)
        out.grown = False
        return True
    raw = string_reserve_or_reply(c, hash, entry, size)
    if raw is NULL:
        return False
    out.grown = raw.size < size
    if out.grown:
        memset(raw.data + raw.size, 0, size - raw.size)
        raw.size = size
    out.data = raw.data
    out.size = raw.size
    return True
