"""Loading the journal.

A command of the file takes the way of any client's: its bytes go through execute_bytes, on a
client flagged CLIENT_LOADING, which is refused nothing and feeds nothing back. Before that a
skim walks over the lengths, without copying, and finds where the last whole command ends: so what
is executed is always whole, and what is wrong has an offset. The skim costs a tenth of the rest.

How a file may end. A killed process leaves a command, or a transaction, without its end. A power
cut may leave zeroes in the place of what the file had grown by. Both are tails: if nothing but
zeroes follows the point where the text stops making sense, the file is cut there. Anything else
that makes no sense is damage, and nobody guesses: the file stays as it is and the server does not
start.

While a file is loaded no key dies (store.loading): a command was recorded when its key was alive,
and when the key died that was recorded as well.

Invariants
    L1  good never stands inside a command or a transaction
    L2  everything before `at` was executed, or queued in a transaction that is still open
    L3  a step leaves the parser's scratch of the server (argv, batch) as it found it: it may run
        within a command
"""
cimport cython
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.errno cimport errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy, memset

from ..commands.state cimport BATCH_MAX, batch_command_t, rdb_configure
from ..core.clock cimport clock_mono_us
from ..core.intrinsics cimport likely, unlikely
from ..core.types cimport slice_t
from ..journal.rdb cimport (
    RDB_BROKEN, RDB_MORE, rdb_free, rdb_init, rdb_is, rdb_read, rdb_status_t,
)
from ..wire.acl cimport user_root
from ..wire.command cimport (
    CLIENT_AUTHENTICATED, CLIENT_CLOSE_NOW, CLIENT_CLOSE_SOON, CLIENT_INTERNAL, CLIENT_LOADING,
    command_lookup, command_resolve,
)
from ..wire.resp cimport ARGC_MAX, argv_free, argv_init, argv_t
from .clients cimport client_attach, client_detach
from .execute cimport execute_bytes

import os

cdef extern from "<sys/mman.h>" nogil:
    void* mmap(void* at, size_t size, int protection, int flags, int fd, long offset)
    int munmap(void* at, size_t size)
    int madvise(void* at, size_t size, int advice)
    int PROT_READ, MAP_PRIVATE, MADV_SEQUENTIAL, MADV_DONTNEED
    void* MAP_FAILED

cdef enum:
    RANGE_MAX = 65536                   # bytes executed between two looks at the clock
    DROP_STEP = 33554432                # bytes: pages behind us are given back
    LINE_MAX = 65536                    # bytes of an annotation

cdef enum skim_t:
    SKIM_WHOLE = 0
    SKIM_MORE = 1                       # the file ends first
    SKIM_BROKEN = 2


cdef void load_init(loader_t* loader, server_t* srv, const char* data, size_t size) noexcept nogil:
    memset(loader, 0, sizeof(loader_t))
    loader.srv = srv
    loader.data = data
    loader.size = size
    loader.client = client_attach(srv, -1)
    loader.client.flags |= CLIENT_INTERNAL | CLIENT_LOADING | CLIENT_AUTHENTICATED
    loader.client.who = user_root()
    loader.multi = command_lookup(slice_t(b"multi", 5))
    loader.exec = command_lookup(slice_t(b"exec", 4))
    loader.discard = command_lookup(slice_t(b"discard", 7))
    loader.in_rdb = rdb_is(data, size)
    rdb_init(&loader.rdb, &srv.store, data, size, <size_t>srv.config.proto_max_bulk_len)
    rdb_configure(&loader.rdb, srv)


cdef void load_free(loader_t* loader) noexcept nogil:
    rdb_free(&loader.rdb)
    client_detach(loader.srv, loader.client)
    loader.client = NULL


# -- the skim -------------------------------------------------------------------------------------

cdef skim_t broken(loader_t* loader, size_t at, const char* why) noexcept nogil:
    loader.broken_at = at
    snprintf(loader.why, sizeof(loader.why), b"%s", why)
    return SKIM_BROKEN


cdef skim_t skim_number(loader_t* loader, size_t* at, char kind, uint64_t number_max,
                        uint64_t* number) noexcept nogil:
    """`*3\r\n` or `$5\r\n`."""
    cdef const char* data = loader.data
    cdef size_t i = at[0]
    cdef size_t start
    if i == loader.size:
        return SKIM_MORE
    if data[i] != kind:
        return broken(loader, i, b"no command starts here" if kind == c'*'
                      else b"no argument starts here")
    i += 1
    start = i
    number[0] = 0
    while i < loader.size and c'0' <= data[i] <= c'9':
        number[0] = number[0] * 10 + <uint64_t>(data[i] - c'0')
        if number[0] > number_max:
            return broken(loader, start, b"more arguments than a command may have" if kind == c'*'
                          else b"an argument longer than proto-max-bulk-len")
        i += 1
    if i == loader.size:
        return SKIM_MORE
    if i == start:
        return broken(loader, i, b"a length is expected")
    if data[i] != c'\r':
        return broken(loader, i, b"a length ends with CR and LF")
    if i + 1 == loader.size:
        return SKIM_MORE
    if data[i + 1] != c'\n':
        return broken(loader, i + 1, b"a length ends with CR and LF")
    at[0] = i + 2
    return SKIM_WHOLE


cdef skim_t skim_command(loader_t* loader, size_t* at, int* argc, slice_t* argv) noexcept nogil:
    """Walk over one command. Its first two arguments go to argv."""
    cdef uint64_t count, size
    cdef uint64_t i
    cdef skim_t status = skim_number(loader, at, c'*', ARGC_MAX, &count)
    if status != SKIM_WHOLE:
        return status
    if count == 0:
        return broken(loader, at[0] - 3, b"a command has a name")
    argc[0] = <int>count
    for i in range(count):
        status = skim_number(loader, at, c'$', <uint64_t>loader.srv.config.proto_max_bulk_len,
                             &size)
        if status != SKIM_WHOLE:
            return status
        if size > loader.size - at[0] or loader.size - at[0] - size < 2:
            # The end may be missing, or be zeroes: what is there of it decides.
            if size < loader.size - at[0] and loader.data[at[0] + size] != c'\r':
                return broken(loader, at[0] + size, b"an argument ends with CR and LF")
            return SKIM_MORE
        if i < 2:
            argv[i] = slice_t(loader.data + at[0], size)
        at[0] += size
        if loader.data[at[0]] != c'\r' or loader.data[at[0] + 1] != c'\n':
            return broken(loader, at[0] + (loader.data[at[0]] == c'\r'),
                          b"an argument ends with CR and LF")
        at[0] += 2
    return SKIM_WHOLE


cdef size_t skim_annotation(loader_t* loader, size_t at) noexcept nogil:
    """Where the line ends that starts with # at `at`; 0 when the file ends first."""
    while at < loader.size:
        if loader.data[at] == c'\n':
            return at + 1
        at += 1
    return 0


cdef bint known(loader_t* loader, size_t at, int argc, const slice_t* argv,
                const command_t** cmd) noexcept nogil:
    """A command that exists, with as many arguments as it takes."""
    cdef const command_t* container = NULL
    cdef int shown
    cmd[0] = command_resolve(argc, argv, &container)
    if unlikely(cmd[0] is NULL):
        shown = <int>argv[0].size if argv[0].size < 64 else 64
        snprintf(loader.why, sizeof(loader.why), b"unknown command '%.*s'", shown, argv[0].data)
        loader.broken_at = at
        return False
    if (argc != cmd[0].arity) if cmd[0].arity > 0 else (argc < -cmd[0].arity):
        snprintf(loader.why, sizeof(loader.why), b"wrong number of arguments for '%s'",
                 cmd[0].name)
        loader.broken_at = at
        return False
    return True


# -- running --------------------------------------------------------------------------------------

cdef bint run(loader_t* loader, size_t start, size_t end) noexcept nogil:
    """Execute whole commands. False when one does not end as it should."""
    cdef client_t* c = loader.client
    cdef uint64_t errors = c.errors
    cdef size_t done
    if start == end:
        return True
    done = execute_bytes(loader.srv, c, loader.data + start, end - start)
    if c.errors != errors:
        loader.error_at = loader.error_at if loader.errors else start
        loader.errors += c.errors - errors
    c.reply.size = 0
    c.sent = 0
    if done != end - start or c.flags & (CLIENT_CLOSE_SOON | CLIENT_CLOSE_NOW):
        broken(loader, start + done, b"a command that cannot be run from a file")
        return False
    return True


cdef load_status_t ends(loader_t* loader, skim_t status) noexcept nogil:
    """The text stopped making sense, or stopped: a tail, or damage?"""
    cdef size_t last = loader.size
    if status == SKIM_MORE:
        return LOAD_CUT_SHORT
    while last and loader.data[last - 1] == 0:
        last -= 1
    return LOAD_CUT_SHORT if loader.broken_at >= last else LOAD_BROKEN


cdef load_status_t load_commands(loader_t* loader, int64_t until_us) noexcept nogil:
    cdef size_t start = loader.at
    cdef size_t at
    cdef slice_t argv[2]
    cdef const command_t* cmd = NULL
    cdef int argc = 0
    cdef skim_t status = SKIM_WHOLE
    while loader.at < loader.size:
        at = loader.at
        if unlikely(loader.data[at] == c'#'):
            if not run(loader, start, at):
                return LOAD_BROKEN
            start = skim_annotation(loader, at)
            if start == 0:
                return LOAD_CUT_SHORT
            loader.at = start
            loader.good = loader.good if loader.in_multi else start
            continue
        status = skim_command(loader, &at, &argc, argv)
        if unlikely(status != SKIM_WHOLE):
            break
        if unlikely(not known(loader, loader.at, argc, argv, &cmd)):
            run(loader, start, loader.at)
            return LOAD_BROKEN
        if unlikely(cmd is loader.multi):
            loader.in_multi = True
        elif unlikely(cmd is loader.exec or cmd is loader.discard):
            loader.in_multi = False
        loader.at = at
        loader.commands += 1
        if likely(not loader.in_multi):
            loader.good = at            # L1
        if at - start >= RANGE_MAX:
            if not run(loader, start, at):
                return LOAD_BROKEN
            start = at
            if clock_mono_us() >= until_us:
                return LOAD_MORE
    if not run(loader, start, loader.at):
        return LOAD_BROKEN
    if status != SKIM_WHOLE:
        return ends(loader, status)
    return LOAD_CUT_SHORT if loader.in_multi else LOAD_DONE


cdef load_status_t load_some(loader_t* loader, int64_t until_us) noexcept nogil:
    cdef rdb_status_t status
    if loader.in_rdb:
        status = rdb_read(&loader.rdb, until_us)
        loader.at = loader.rdb.at
        if status == RDB_MORE:
            return LOAD_MORE
        if status == RDB_BROKEN:
            loader.broken_at = loader.rdb.broken_at
            memcpy(loader.why, loader.rdb.why, sizeof(loader.rdb.why))
            return LOAD_BROKEN
        loader.in_rdb = False
        loader.good = loader.at
        if loader.rdb_only:
            return LOAD_DONE
    return load_commands(loader, until_us)


cdef load_status_t load_step(loader_t* loader, int64_t until_us) noexcept nogil:
    cdef server_t* srv = loader.srv
    cdef argv_t argv = srv.argv
    cdef batch_command_t batch[BATCH_MAX]
    cdef bint paused = srv.store.expiry_paused
    cdef uint64_t hits = srv.store.hits
    cdef uint64_t misses = srv.store.misses
    cdef load_status_t status
    memcpy(batch, srv.batch, sizeof(batch))                     # L3
    argv_init(&srv.argv, &srv.heap)
    srv.store.loading = True
    srv.store.expiry_paused = True
    status = load_some(loader, until_us)
    srv.store.loading = False
    srv.store.expiry_paused = paused
    srv.store.hits = hits
    srv.store.misses = misses
    argv_free(&srv.argv)
    srv.argv = argv
    memcpy(srv.batch, batch, sizeof(batch))
    if loader.at - loader.dropped >= DROP_STEP:
        madvise(<void*>(loader.data + loader.dropped), DROP_STEP, MADV_DONTNEED)
        loader.dropped += DROP_STEP
    return status


# -- for journal.py -------------------------------------------------------------------------------

@cython.final
cdef class Loader:
    """One file on its way into a server.

    Args:
        capsule: of the server.
        path: the file, which nobody may shorten meanwhile.
        rdb_only: it is a snapshot, not a part of a journal.
    Raises:
        OSError: it cannot be read.
    """
    cdef object capsule                 # keeps the server
    cdef server_t* srv
    cdef loader_t loader
    cdef void* image
    cdef readonly size_t size
    cdef bint open

    def __cinit__(self, capsule, path, rdb_only=False):
        self.capsule = capsule
        self.srv = <server_t*>PyCapsule_GetPointer(capsule, b"kvd.server_t")
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.size = os.fstat(fd).st_size
            if self.size:
                self.image = mmap(NULL, self.size, PROT_READ, MAP_PRIVATE, fd, 0)
                if self.image == MAP_FAILED:
                    self.image = NULL
                    raise OSError(errno, os.strerror(errno), path)
                madvise(self.image, self.size, MADV_SEQUENTIAL)
        finally:
            os.close(fd)
        load_init(&self.loader, self.srv, <const char*>self.image, self.size)
        self.loader.rdb_only = rdb_only
        self.open = True

    def __dealloc__(self):
        self.close()

    def close(self) -> None:
        """Forget the file; what it brought stays."""
        if self.open:
            load_free(&self.loader)
            if self.image is not NULL:
                munmap(self.image, self.size)
            self.open = False

    def step(self, microseconds: int) -> str:
        """Load for about so long: "more", "done", "cut short" or "broken"."""
        cdef int64_t until_us = clock_mono_us() + <int64_t>microseconds
        cdef load_status_t status
        cdef size_t before = self.loader.at
        with nogil:
            status = load_step(&self.loader, until_us)
        self.srv.loading_done_bytes += self.loader.at - before
        return {LOAD_MORE: "more", LOAD_DONE: "done", LOAD_CUT_SHORT: "cut short"}.get(
            status, "broken")

    @property
    def is_rdb(self) -> bool:
        """It starts as an RDB file does."""
        return rdb_is(self.loader.data, self.loader.size)

    @property
    def good(self) -> int:
        """Bytes of the file that are whole."""
        return self.loader.good

    @property
    def commands(self) -> int:
        return self.loader.commands

    @property
    def errors(self) -> tuple[int, int]:
        """Commands that answered an error, and about where the first one stands."""
        return self.loader.errors, self.loader.error_at

    @property
    def trouble(self) -> tuple[int, str]:
        """After "broken": offset and reason."""
        return self.loader.broken_at, self.loader.why.decode("utf-8", "replace")
