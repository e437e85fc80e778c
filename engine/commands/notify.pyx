"""Keyspace notifications.

Nobody is told of an event that nobody asked for: the store raises none of a class that is off, and
what it raises is dropped here at once while no channel and no pattern has a subscriber.
"""
from libc.stddef cimport size_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy, strlen

from ..core.heap cimport heap_alloc, heap_free
from ..store.keyspace cimport EVENT_KEYEVENT, EVENT_KEYSPACE
from .pubsub cimport pubsub_publish, pubsub_wanted

cdef enum:
    NAME_MAX = 256                      # bytes of a channel's name that is made on the stack
    PREFIX_MAX = 32                     # of them, before the key or the event


cdef void publish(server_t* srv, const char* kind, int db, slice_t about,
                  slice_t message) noexcept nogil:
    """To __<kind>@<db>__:<about>."""
    cdef char small[NAME_MAX]
    cdef char* name = small
    cdef size_t room = about.size + PREFIX_MAX
    cdef size_t size
    if room > NAME_MAX:
        name = <char*>heap_alloc(&srv.heap, room)
    size = <size_t>snprintf(name, PREFIX_MAX, b"__%s@%d__:", kind, db)
    if about.size:
        memcpy(name + size, about.data, about.size)
    pubsub_publish(srv, slice_t(name, size + about.size), message)
    if room > NAME_MAX:
        heap_free(&srv.heap, name, room)


cdef void notify_event(void* owner, keyspace_t* ks, int klass, const char* event,
                       slice_t key) noexcept nogil:
    cdef server_t* srv = <server_t*>owner
    cdef slice_t text = slice_t(event, strlen(event))
    if not pubsub_wanted(srv):
        return
    if srv.config.events & EVENT_KEYSPACE:
        publish(srv, b"keyspace", ks.index, key, text)
    if srv.config.events & EVENT_KEYEVENT:
        publish(srv, b"keyevent", ks.index, text, key)


cdef void notify_configure(server_t* srv) noexcept nogil:
    """Without a kind of channel there is nothing to publish, whatever the classes."""
    cdef int kinds = srv.config.events & (EVENT_KEYSPACE | EVENT_KEYEVENT)
    srv.store.events = srv.config.events & ~(EVENT_KEYSPACE | EVENT_KEYEVENT) if kinds else 0
