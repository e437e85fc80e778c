"""The Python face of an engine.

Everything below this file runs without the GIL. It is taken here: for a command that Python
serves, and when the loop asks for Python (a signal, a stop).
"""
cimport cython
from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport int64_t, uintptr_t
from libc.stdlib cimport calloc, free

from ..commands.acl_log cimport acl_log_free
from ..commands.blocked cimport blocked_free, blocked_touched
from ..commands.functions cimport functions_flush, functions_load, functions_write
from ..commands.multi cimport multi_touched
from ..commands.notify cimport notify_event
from ..commands.pubsub cimport pubsub_free, pubsub_init
from ..commands.script cimport scripting_free
from ..commands.scripting cimport scripts_flush
from ..commands.state cimport server_t
from ..commands.tracking cimport tracking_free, tracking_init, tracking_touched
from ..core.buf cimport buf_free, buf_init
from ..core.clock cimport clock_mono_us, ticks_init
from ..core.heap cimport heap_alloc_zero, heap_free, heap_free_all, heap_init
from ..core.types cimport slice_t
from ..journal.aof cimport AOF_OK, aof_flush, aof_free, aof_init
from ..store.keyspace cimport keyspace_free, keyspace_init, keyspace_t, store_free, store_init
from ..wire.acl cimport users_free, users_init
from ..wire.client cimport client_user
from ..wire.command cimport (
    CLIENT_CLOSE_NOW, CLIENT_CLOSE_SOON, CLIENT_INTERNAL, CLIENT_UNIX_SOCKET, client_t,
    command_full_name,
)
from ..wire.identity cimport IDENTITY_REDIS6
from ..wire.reply cimport reply_raw
from ..wire.resp cimport argv_free, argv_init
from .blocked cimport blocked_end
from .clients cimport client_attach, client_detach
from .door cimport door_free
from .execute cimport execute_call, execute_process
from .journal cimport journal_attach, journal_detach
from .loop cimport (
    LISTEN_CONTROL, LISTEN_TCP, LISTEN_TLS, LISTEN_UNIX, STEP_FAILED, STEP_STOP, STEP_WAKE,
    loop_close, loop_feed, loop_listen, loop_open, loop_run, loop_serve_busy, loop_set_tls,
    loop_set_wake, loop_tick, loop_unlisten, step_t,
)
from .monitor cimport monitor_feed_now
from .settings cimport (
    settings_apply, settings_change, settings_free, settings_init, settings_load,
    settings_match,
)
from .stats cimport stats_free, stats_init, stats_refused, stats_reset

import os

import kvd.engine.commands  # noqa: F401  (fills the registry)
# Those behind the first register their handlers.
from . import (  # noqa: F401
    cold, cold_acl, cold_command, cold_config, cold_debug, cold_info, cold_journal, cold_latency,
    cold_log, cold_lolwut, cold_memory, cold_module,
)
from .tls import make_context
from .users import Users

LOG_LEVELS = ("debug", "verbose", "notice", "warning")
LISTENERS = {"tcp": LISTEN_TCP, "unix": LISTEN_UNIX, "control": LISTEN_CONTROL,
             "tls": LISTEN_TLS}


def setting_pair(name: str, value: object) -> tuple[bytes, bytes]:
    """A keyword argument as a directive and its text."""
    if isinstance(value, bool):
        value = "yes" if value else "no"
    elif isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    text = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    return name.replace("_", "-").encode(), text


cdef void serve_python(void* owner, client_t* c) noexcept with gil:
    """The python hook: one command, served by a handler of cold.py."""
    cdef server_t* srv = <server_t*>owner
    cdef char name[64]
    cdef size_t size = command_full_name(c.cmd, name)
    cdef bytes reply
    cdef int i
    face = <Server>srv.self
    argv = [c.argv[i].data[:c.argv[i].size] for i in range(c.argc)]
    try:
        reply = cold.serve(face, (<Server>face).view(c), name[:size].decode(), argv)
    except Exception:
        srv.stats.python_errors += 1
        face.report(name[:size].decode())
        reply = b"-ERR internal error\r\n"
    c.errors += 1 if reply.startswith(b"-") else 0
    reply_raw(c, slice_t(reply, len(reply)))


cdef void tell_log(void* owner, int level, slice_t line) noexcept with gil:
    """The log hook: to whoever listens."""
    cdef server_t* srv = <server_t*>owner
    face = <Server>srv.self
    if face.on_log is not None:
        try:
            face.on_log(LOG_LEVELS[level], line.data[:line.size].decode("utf-8", "replace"))
        except Exception:
            srv.stats.python_errors += 1


@cython.final
cdef class Client:
    """A client of an engine: for a handler while it runs, or made by Server.client().

    A view given to a handler is not to be kept: it is dead when the handler returns.
    """
    cdef client_t* c                    # borrowed, or owned when `server` is set
    cdef Server server

    def __dealloc__(self):
        self.close()

    @property
    def id(self) -> int:
        return self.c.id

    @property
    def resp(self) -> int:
        return self.c.resp

    @property
    def db(self) -> int:
        return self.c.ks.index

    @property
    def flags(self) -> int:
        return self.c.flags

    @property
    def local(self) -> bool:
        """It is on this machine: a Unix socket, a loopback address, or this process."""
        return (self.c.flags & (CLIENT_UNIX_SOCKET | CLIENT_INTERNAL) != 0
                or self.c.address.startswith((b"127.", b"[::1]")))

    @property
    def name(self) -> bytes:
        return self.c.name.data[:self.c.name.size] if self.c.name.size else b""

    @property
    def user(self) -> bytes:
        """Whose rights it has."""
        user = client_user(self.c)
        return user.data[:user.size]

    @property
    def closed(self) -> bool:
        """The engine would have closed this connection."""
        return self.c is NULL or self.c.flags & (CLIENT_CLOSE_SOON | CLIENT_CLOSE_NOW) != 0

    def execute(self, *args: bytes) -> bytes:
        """Run one command given as bytes; return its RESP reply.

        Raises:
            ValueError: no argument, or the client is closed.
            TypeError: an argument is not bytes.
        """
        if not args:
            raise ValueError("a command has a name")
        return self.process_bytes(
            b"*%d\r\n%b" % (len(args), b"".join([b"$%d\r\n%b\r\n" % (len(a), a) for a in args])))

    def process_bytes(self, data: bytes) -> bytes:
        """Give bytes as a socket would; return the replies they brought, complete RESP.

        An unfinished command waits for the rest in a later call.
        """
        cdef const unsigned char[:] view = data
        cdef client_t* c = self.c
        cdef server_t* srv
        if self.server is None or c is NULL:
            raise ValueError("the client is closed")
        srv = self.server.srv
        with nogil:
            loop_tick(srv)
            if view.shape[0]:
                loop_feed(srv, c, <const char*>&view[0], <size_t>view.shape[0])
                aof_flush(&srv.aof, srv.mono_us)
        reply = c.reply.data[:c.reply.size] if c.reply.size else b""
        buf_free(&c.reply)
        c.sent = 0
        return reply

    def close(self) -> None:
        """Leave the engine; the client can do nothing more."""
        if self.server is not None and self.c is not NULL and self.server.srv is not NULL:
            client_detach(self.server.srv, self.c)
        self.c = NULL


@cython.final
cdef class Server:
    """An engine: databases, clients, journal, loop.

    Args:
        settings: directives by name, with `_` or `-`: Server(databases=4, maxmemory="100mb").
            A bool means yes or no; a list is joined by spaces.
    Raises:
        DirectiveError: there is no such directive, or it cannot have that value.
    """
    cdef server_t* srv                  # owned
    cdef Client own                     # serves execute()
    cdef public object on_error         # called with the name of a command whose handler failed
    cdef public object on_log           # called with a level's name and a line
    cdef public dict shell              # hooks of the process around us, by name: see config.pxd
    cdef public object users            # the Users
    cdef public object journal          # its Journal, or None
    cdef public str config_file         # path of the file that CONFIG REWRITE writes; or None

    def __cinit__(self, **settings):
        cdef int i
        cdef int databases
        self.srv = <server_t*>calloc(1, sizeof(server_t))
        if self.srv is NULL:
            raise MemoryError
        srv = self.srv
        srv.self = <void*>self
        self.shell = {}
        heap_init(&srv.heap)
        settings_init(srv)
        try:
            settings_load(srv, [setting_pair(name, value) for name, value in settings.items()])
        except BaseException:
            self.drop()
            raise
        store_init(&srv.store, &srv.heap)
        srv.store.hooks.owner = srv
        srv.store.hooks.on_modified = multi_touched
        srv.store.hooks.write_libraries = functions_write
        srv.store.hooks.load_library = functions_load
        srv.store.hooks.on_awaited = blocked_touched
        srv.store.hooks.on_event = notify_event
        srv.store.hooks.on_tracked = tracking_touched
        journal_attach(srv)
        databases = <int>srv.config.databases
        srv.databases = <keyspace_t*>heap_alloc_zero(&srv.heap, databases * sizeof(keyspace_t))
        for i in range(databases):
            keyspace_init(&srv.databases[i], &srv.store, i)
        srv.store.databases = srv.databases
        srv.store.database_count = databases
        aof_init(&srv.aof, &srv.heap)
        argv_init(&srv.argv, &srv.heap)
        buf_init(&srv.reply_spare, &srv.heap)
        ticks_init(&srv.ticks)
        buf_init(&srv.deferred, &srv.heap)
        pubsub_init(srv)
        tracking_init(srv)
        users_init(&srv.users, &srv.heap, srv.store.secret)
        self.users = Users(self)
        stats_init(srv)
        srv.hooks.call = execute_call
        srv.hooks.process = execute_process
        srv.hooks.unblock = blocked_end
        srv.hooks.python = serve_python
        srv.hooks.monitor = monitor_feed_now
        srv.hooks.reject = stats_refused
        srv.hooks.serve_busy = loop_serve_busy
        srv.hooks.log = tell_log
        error = loop_open(srv)
        if error:
            raise OSError(error, os.strerror(error))
        loop_tick(srv)
        settings_apply(srv)
        srv.stats.memory_startup = srv.heap.used

    cdef bint drop(self) noexcept:
        """Free the struct itself. Before the rooms are made there is nothing else to free: what
        close() would find in them are zeroes, and 0 is a descriptor."""
        cdef bint clean
        settings_free(self.srv)
        clean = heap_free_all(&self.srv.heap)
        free(self.srv)
        self.srv = NULL
        return clean

    def __dealloc__(self):
        self.close()

    def close(self) -> bool:
        """Free everything. False when some block had not been given back: a mistake of ours."""
        cdef int i
        srv = self.srv
        if srv is NULL:
            return True
        self.own = None
        self.journal = None
        journal_detach(srv)
        scripts_flush(srv)
        functions_flush(srv)
        scripting_free(srv)
        loop_close(srv)
        blocked_free(srv)
        pubsub_free(srv)
        tracking_free(srv)
        for i in range(srv.store.database_count):
            keyspace_free(&srv.databases[i])
        store_free(&srv.store)
        aof_free(&srv.aof)
        argv_free(&srv.argv)
        buf_free(&srv.reply_spare)
        buf_free(&srv.deferred)
        stats_free(srv)
        acl_log_free(srv)
        door_free(srv)
        users_free(&srv.users)
        heap_free(&srv.heap, srv.databases, srv.store.database_count * sizeof(keyspace_t))
        return self.drop()

    cdef Client view(self, client_t* c):
        view = Client.__new__(Client)
        (<Client>view).c = c
        return view

    def report(self, name: str) -> None:
        """A handler failed: tell whoever listens. Called while the exception is handled."""
        if self.on_error is not None:
            self.on_error(name)

    # -- in process -----------------------------------------------------------------------------

    def client(self) -> Client:
        """A new client without a socket."""
        client = Client.__new__(Client)
        (<Client>client).server = self
        (<Client>client).c = client_attach(self.srv, -1)
        (<Client>client).c.flags |= CLIENT_INTERNAL
        return client

    def execute(self, *args: bytes) -> bytes:
        """Run one command on the engine's own client; see Client.execute."""
        if self.own is None:
            self.own = self.client()
        return self.own.execute(*args)

    def process_bytes(self, data: bytes) -> bytes:
        """Give bytes to the engine's own client; see Client.process_bytes."""
        if self.own is None:
            self.own = self.client()
        return self.own.process_bytes(data)

    @property
    def capsule(self):
        """The engine, for the rooms that read it on behalf of a handler: see capsule.pxd."""
        return PyCapsule_New(self.srv, b"kvd.server_t", NULL)

    @property
    def used_memory(self) -> int:
        """Bytes of all blocks, at class sizes."""
        return self.srv.heap.used

    # -- configuration --------------------------------------------------------------------------

    def config(self, *patterns: str) -> dict[str, str]:
        """Directives that match any of the patterns (none: all), with their values."""
        wanted = [pattern.encode("utf-8", "surrogateescape") for pattern in patterns] or None
        return {name.decode(): value.decode("utf-8", "surrogateescape")
                for name, value in settings_match(self.srv, wanted).items()}

    def configure(self, pairs: list[tuple[bytes, bytes]], protected_too: bool = False) -> None:
        """Change directives while the engine runs: all of them, or none.

        Raises:
            DirectiveError: the first that cannot be had, and why.
        """
        settings_change(self.srv, pairs, self.shell, protected_too)

    @property
    def is_legacy(self) -> bool:
        """It presents itself as Redis 6.2, whose later commands are not here for its clients."""
        return self.srv.config.identity == IDENTITY_REDIS6

    @property
    def journal_trouble(self) -> str:
        """Why the append only file cannot be written or synced; empty when it can, or is off."""
        if not self.srv.aof.enabled or self.srv.aof.status == AOF_OK:
            return ""
        return os.strerror(self.srv.aof.error)

    def reset_statistics(self) -> None:
        """Start counting anew."""
        stats_reset(self.srv)

    # -- serving --------------------------------------------------------------------------------

    def listen(self, fd: int, kind: str = "tcp") -> None:
        """Take connections from a listening, non-blocking socket, which stays the caller's.

        Args:
            kind: "tcp", "tls" (see set_tls), "unix", or "control" for the owner's socket.
        """
        error = loop_listen(self.srv, fd, LISTENERS[kind])
        if error:
            raise OSError(error, os.strerror(error))

    def unlisten(self, fd: int) -> None:
        """Take no more connections from this socket."""
        loop_unlisten(self.srv, fd)

    def set_tls(self, options: dict | None) -> None:
        """Serve connections of "tls" listeners from now on so; old ones stay as they are.

        Args:
            options: see tls.make_context; None ends TLS: new connections are closed.
        Raises:
            TLSError: the options cannot be had; what was before goes on.
        """
        context = make_context(options) if options is not None else 0
        loop_set_tls(self.srv, <void*><uintptr_t>context)

    def set_wake(self, fd: int) -> None:
        """End the turn when this descriptor is readable: run() then returns "wake"."""
        error = loop_set_wake(self.srv, fd)
        if error:
            raise OSError(error, os.strerror(error))

    def stop(self) -> None:
        """Let run() return "stop" at the end of the turn."""
        self.srv.stop = True

    def run(self, seconds: float = 0.0) -> str:
        """Serve until Python is wanted.

        Args:
            seconds: at most this long, to a turn; 0 for no bound.
        Returns:
            "wake", "stop", or "time".
        Raises:
            OSError: the poller failed.
        """
        cdef step_t step
        cdef int64_t until_us = clock_mono_us() + <int64_t>(seconds * 1e6) if seconds else 0
        with nogil:
            step = loop_run(self.srv, until_us)
        if step == STEP_FAILED:
            raise OSError("epoll_wait failed")
        return {STEP_STOP: "stop", STEP_WAKE: "wake"}.get(step, "time")
