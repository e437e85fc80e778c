"""Python face of what tests read and set in a running engine: journal text, events, limits.

Every function takes a Server. Commands go through its own methods; here is only what no command
shows, or what needs another floor's configuration.
"""
from cpython.pycapsule cimport PyCapsule_GetPointer

from kvd.engine.commands.state cimport server_t
from kvd.engine.core.types cimport slice_t
from kvd.engine.journal.aof cimport aof_open
from kvd.engine.store.keyspace cimport keyspace_t

import os

EVENTS = []


cdef server_t* of(server) except NULL:
    return <server_t*>PyCapsule_GetPointer(server.capsule, b"kvd.server_t")


def journal_start(server):
    """Write the journal from now on, to a file that only memory holds."""
    aof_open(&of(server).aof, os.memfd_create("journal"), 0, 0)


def journal_take(server):
    """What was written since the last time."""
    srv = of(server)
    text = os.pread(srv.aof.fd, srv.aof.size, 0)
    os.ftruncate(srv.aof.fd, 0)
    os.lseek(srv.aof.fd, 0, os.SEEK_SET)
    srv.aof.size = 0
    srv.aof.synced = 0
    return text


cdef void on_event(void* owner, keyspace_t* ks, int klass, const char* event,
                   slice_t key) noexcept with gil:
    EVENTS.append((event.decode(), ks.index, key.data[:key.size]))


def events_start(server, int classes):
    """Collect events of these classes in EVENTS."""
    EVENTS.clear()
    of(server).store.hooks.on_event = on_event
    of(server).store.events = classes


def events_take():
    taken = EVENTS[:]
    EVENTS.clear()
    return taken


def set_limit(server, int limit_bytes):
    """maxmemory, with noeviction."""
    of(server).evict.limit_bytes = limit_bytes


def set_lfu(server, bint lfu):
    of(server).store.access.lfu = lfu


def set_lazy_flush(server, bint lazy):
    of(server).config.lazyfree_lazy_user_flush = lazy


def pause_expiry(server, bint paused):
    """Dead keys stay where they are."""
    of(server).store.expiry_paused = paused


def counters(server):
    srv = of(server)
    return dict(dirty=srv.store.dirty, hits=srv.store.hits, misses=srv.store.misses,
                watched=srv.store.watched, watching=srv.watching,
                dropped=srv.store.dropped_items)
