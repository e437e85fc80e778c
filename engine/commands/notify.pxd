"""Keyspace notifications: events of keys, published to channels that are named after them.

notify-keyspace-events says which: classes of events, and K (to __keyspace@<db>__:<key>, the message
is the event) or E (to __keyevent@<db>__:<event>, the message is the key), or both.
"""
from ..core.types cimport slice_t
from ..store.keyspace cimport keyspace_t
from .state cimport server_t

# The store's on_event hook; `owner` is the server. The key channel first.
cdef void notify_event(void* owner, keyspace_t* ks, int klass, const char* event,
                       slice_t key) noexcept nogil
# config.events has changed.
cdef void notify_configure(server_t* srv) noexcept nogil
