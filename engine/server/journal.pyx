"""The journal's life: start with what the files hold, run, rewrite, stop.

Deciding about files is Python's (journal/files.py says which there are); moving bytes is not.

A rewrite makes a new base. Its moment lies between two commands, at the end of a turn: from there
on the journal is fed into a new incr file, and the walk (journal/snapshot) writes what was there
at the moment. There are three ways to begin one, and one to end it:

    files before            at the moment                         at the end
    base 1, incr 1    ->    base 1, incr 1, incr 2          ->    base 2, incr 2     rewrite
    (none, or stale)  ->    as before; temp-incr 2          ->    base 2, incr 2     switched on
    base 1, incr 1    ->    as before; temp-incr 2          ->    base 2, incr 2     fsync failed

In the last two the manifest is not touched before the end, since what it names is either of no use
or all there is: a crash meanwhile starts from it, or from nothing.

Invariants
    F1  a file that the manifest names is complete, or is the last one: only there may a tail be
        missing
    F2  what the open file gets from its first byte on continues exactly the files before it, or
        the moment of the walk
    F3  after a failed fsync the status is healthy again only when a base made since is on disk
"""
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, strdup

from ..commands.functions cimport functions_flush
from ..core.clock cimport clock_mono_us, clock_wall_ms
from ..core.intrinsics cimport unlikely
from ..core.table cimport SEGMENT_ITEMS_MAX
from ..core.types cimport slice_t
from ..journal.aof cimport (
    AOF_BEHIND, AOF_FSYNC_FAILED, AOF_OK, AOF_WRITE_FAILED, aof_close, aof_feed, aof_flush,
    aof_open, aof_switch, aof_sync, aof_unsynced_ms,
)
from ..journal.snapshot cimport (
    SNAPSHOT_DONE, SNAPSHOT_FAILED, SNAPSHOT_IDLE, snapshot_before_change, snapshot_before_drop,
    snapshot_begin, snapshot_end, snapshot_init, snapshot_step, snapshot_take,
)
from ..core.threads cimport pthread_create, pthread_detach, pthread_t
from ..store.entry cimport entry_t
from ..store.keyspace cimport keyspace_clear, keyspace_t

import contextlib
import os
import sys
import time

from ..journal.files import Files, Manifest, ManifestError, sync_directory
from .load import Loader

cdef enum:
    WALK_US = 500                       # of a turn
    WALK_WANTED_US = 1000               # likewise, while somebody waits for a value to be copied
    PERCENT = 100

cdef extern from "<unistd.h>" nogil:
    int usleep(unsigned microseconds)
    int unlink(const char* path)

SLICE_US = 10000                        # of loading, between two turns of the loop
PROGRESS_SECONDS = 1.0
MIB = 1048576
# An RDB file of no keys; zeroes in place of the check sum say that there is none.
EMPTY_RDB = b"REDIS0009\xff" + bytes(8)


class JournalError(Exception):
    """The journal cannot be loaded, started or finished; the message is for the operator."""


class Stopped(JournalError):
    """A signal came while files were loaded."""


class Lines:
    """A log on standard error, for who brings none."""

    def notice(self, message: str) -> None:
        sys.stderr.write(f"{message}\n")

    warning = notice


# -- from the floors below ------------------------------------------------------------------------

cdef void feed_delete(void* owner, keyspace_t* ks, slice_t key) noexcept nogil:
    """A key went without a command.

    Inside EXEC its DEL stands before the MULTI, or within it once that has been fed. It changes
    nothing for the commands behind it: to them the key was dead already.
    """
    cdef server_t* srv = <server_t*>owner
    cdef slice_t[2] argv
    if srv.aof.enabled and not srv.loading:
        argv[0] = slice_t(b"DEL", 3)
        argv[1] = key
        aof_feed(&srv.aof, ks.index, 2, argv)
        srv.evict.not_counted = srv.aof.buf.size_max    # or eviction would chase its own words


cdef void feed_delete_fields(void* owner, keyspace_t* ks, slice_t key, const slice_t* fields,
                             size_t count) noexcept nogil:
    """Likewise fields of a hash. Who replays that deletes the key with its last field."""
    cdef server_t* srv = <server_t*>owner
    cdef slice_t[SEGMENT_ITEMS_MAX + 2] argv
    if srv.aof.enabled and not srv.loading:
        argv[0] = slice_t(b"HDEL", 4)
        argv[1] = key
        memcpy(&argv[2], fields, count * sizeof(slice_t))
        aof_feed(&srv.aof, ks.index, <int>count + 2, argv)
        srv.evict.not_counted = srv.aof.buf.size_max


cdef void copy_before_change(void* owner, keyspace_t* ks, uint64_t hash) noexcept nogil:
    snapshot_before_change(&(<server_t*>owner).snapshot, ks, hash)


cdef void copy_before_drop(void* owner, keyspace_t* ks, uint64_t hash) noexcept nogil:
    snapshot_before_drop(&(<server_t*>owner).snapshot, ks, hash)


cdef void copy_dropped(void* owner, entry_t* entry) noexcept nogil:
    snapshot_take(&(<server_t*>owner).snapshot, entry)


cdef void journal_attach(server_t* srv) noexcept nogil:
    srv.store.hooks.on_expired = feed_delete
    srv.store.hooks.on_evicted = feed_delete
    srv.store.hooks.on_fields_expired = feed_delete_fields
    srv.store.hooks.before_change = copy_before_change
    srv.store.hooks.before_drop = copy_before_drop
    srv.store.hooks.on_dropped = copy_dropped
    snapshot_init(&srv.snapshot, &srv.store)


cdef void journal_detach(server_t* srv) noexcept nogil:
    snapshot_end(&srv.snapshot)


cdef bint grown(const server_t* srv) noexcept nogil:
    """The commands since the base take so much more than the base that a new one pays."""
    cdef uint64_t base = srv.aof.base_size if srv.aof.base_size else 1
    cdef uint64_t incrs = srv.aof_earlier_size + srv.aof.size
    if srv.config.auto_aof_rewrite_percentage == 0 or not srv.aof.enabled:
        return False
    return (srv.aof.base_size + incrs > <uint64_t>srv.config.auto_aof_rewrite_min_size
            and incrs // base * PERCENT + incrs % base * PERCENT // base
            >= <uint64_t>srv.config.auto_aof_rewrite_percentage)


cdef void tick(server_t* srv) noexcept with gil:
    """Let Python begin or end a rewrite."""
    face = <object>srv.self
    try:
        if face.journal is not None:
            face.journal.tick()
    except Exception:
        srv.rewrite_wanted = False
        srv.stats.python_errors += 1
        face.report("rewrite of the append only file")


cdef void tell_status(server_t* srv, int status) noexcept with gil:
    """That the disk fails, or does no more: once, and not each time it is tried again."""
    face = <object>srv.self
    if face.journal is None:
        return
    srv.aof_told = status
    if status == AOF_OK:
        face.journal.log.notice("The append only file can be written again")
    else:
        what = "Error writing to" if status == AOF_WRITE_FAILED else "Error syncing"
        face.journal.log.warning(f"{what} the append only file: {os.strerror(srv.aof.error)}. "
                                 "Commands that write are refused until it is mended")


cdef void journal_cron(server_t* srv) noexcept nogil:
    cdef int status = AOF_OK if srv.aof.status == AOF_BEHIND else srv.aof.status
    if unlikely(srv.aof_told != status):
        tell_status(srv, status)
    if srv.loading or srv.snapshot.state != SNAPSHOT_IDLE or srv.mono_us < srv.rewrite_after_us:
        return
    if srv.rewrite_wanted or srv.aof.status == AOF_FSYNC_FAILED or grown(srv):
        tick(srv)


cdef void journal_turn(server_t* srv) noexcept nogil:
    cdef bint ended
    if srv.snapshot.state == SNAPSHOT_IDLE:
        journal_cron(srv)
        return
    srv.copy_busy = snapshot_step(
        &srv.snapshot, clock_mono_us() + (WALK_WANTED_US if srv.snapshot.wanted else WALK_US))
    ended = srv.snapshot.state == SNAPSHOT_DONE or srv.snapshot.state == SNAPSHOT_FAILED
    if ended:
        tick(srv)


cdef server_t* server_of_capsule(object server) except NULL:
    return <server_t*>PyCapsule_GetPointer(server.capsule, b"kvd.server_t")


# -- removing -------------------------------------------------------------------------------------

cdef void* remove_run(void* path) noexcept nogil:
    """A thread: taking a large file from its directory can take a second."""
    unlink(<const char*>path)
    free(path)
    return NULL


def remove_later(path) -> None:
    """Remove a file that nothing names any more; a failure leaves a stray for the next start."""
    cdef bytes name = os.fsencode(path)
    cdef pthread_t thread
    cdef char* copy = strdup(name)
    if copy is NULL or pthread_create(&thread, NULL, remove_run, copy) != 0:
        free(copy)
        os.unlink(path)
    else:
        pthread_detach(thread)


# -- files ----------------------------------------------------------------------------------------

class Journal:
    """The journal of one server, by its directives as they are when it is made.

    Args:
        server: the engine.
        log: has notice(message) and warning(message).
    """

    def __init__(self, server, log=None):
        settings = server.config("dir", "appenddirname", "appendfilename")
        self.server = server
        self.log = log or Lines()
        self.files = Files(os.path.abspath(settings["dir"]), settings["appenddirname"],
                           settings["appendfilename"])
        self.keys = 0
        self.base = self.incr = None    # of the rewrite that runs
        self.fresh = False              # it does not continue what the manifest names
        self.switching_on = False
        self.began = 0.0
        self.rewrites = self.failures = 0
        self.last_seconds = -1
        self.last_ok = True
        server.journal = self
        server.shell["journal"] = self.switch

    def setting(self, name: str) -> str:
        return self.server.config(name)[name]

    # -- starting -------------------------------------------------------------------------------

    def start(self) -> None:
        """Load what there is and go on writing it, where `appendonly` says so.

        Raises:
            JournalError: the files cannot be believed, or not be written. They are untouched.
        """
        if self.setting("appendonly") != "yes":
            self.load_snapshot()
            return
        try:
            if self.files.read():
                self.load()
                self.sweep()
            else:
                self.refuse_orphans()
                self.create()
            self.open()
        except ManifestError as error:
            raise JournalError(str(error)) from None
        except OSError as error:
            raise JournalError(f"the append only file cannot be opened: {error}") from error

    def refuse_orphans(self) -> None:
        """Files without a manifest may be somebody's data: never write beside them."""
        orphans = [path.name for path in self.files.strays()
                   if not path.name.startswith("temp-")]
        if orphans:
            raise JournalError(
                f"{self.files.directory} holds {', '.join(orphans)} but no manifest: restore "
                f"{self.files.manifest_path.name}, or move the files away")

    def create(self) -> None:
        """A journal of an empty data set."""
        files = self.files
        files.make_directory()
        base = files.base_part(1, "rdb")
        temp = files.temp_path(base)
        temp.write_bytes(EMPTY_RDB)
        fd = os.open(temp, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        files.replace(Manifest(base=base))
        os.rename(temp, files.path(base))
        self.log.notice(f"Creating AOF base file {base.name} on server start")

    def open(self) -> None:
        """Write to the last incr from now on; begin one where there is none."""
        cdef server_t* srv = server_of_capsule(self.server)
        files = self.files
        if not files.manifest.incrs:
            part = files.incr_part(files.next_seq()[1])
            fd = files.open_incr(part)
            files.replace(Manifest(files.manifest.base, (part,)))
            self.log.notice(f"Creating AOF incr file {part.name} on server start")
        else:
            fd = files.open_incr(files.manifest.last_incr)
        base_size = files.size(files.manifest.base) if files.manifest.base else 0
        aof_open(&srv.aof, fd, os.fstat(fd).st_size, base_size)
        srv.aof_earlier_size = sum(files.size(part) for part in files.manifest.incrs) \
            - srv.aof.size

    def sweep(self) -> None:
        gone = self.files.sweep()
        if gone:
            self.log.notice(f"Removed what an interrupted rewrite had left: {', '.join(gone)}")

    # -- loading --------------------------------------------------------------------------------

    def load(self, serve: bool = True) -> None:
        """The files that the manifest names, in order.

        Args:
            serve: let the loop answer LOADING meanwhile; not from within a command.
        """
        parts = self.files.manifest.parts
        with self.loading("append only file", sum(self.files.size(part) for part in parts)):
            for left, part in enumerate(parts, 1 - len(parts)):
                self.load_part(part, left == 0, serve)

    def load_snapshot(self) -> None:
        """An RDB file that a stock server has left, where there is no journal to be had.

        Raises:
            JournalError: it cannot be read to its end: nobody serves half a data set.
        """
        path = os.path.join(self.files.home, self.setting("dbfilename"))
        try:
            size = os.stat(path).st_size
        except FileNotFoundError:
            return
        except OSError as error:
            raise JournalError(f"{path} cannot be read: {error}") from error
        with self.loading("disk", size), self.opened(path, rdb_only=True) as loader:
            if not loader.is_rdb:
                raise JournalError(f"Wrong signature trying to load DB from file {path}")
            if self.run_loader(loader, os.path.basename(path), True) != "done":
                at, trouble = loader.trouble
                raise JournalError(f"Fatal error loading the DB from {path}: at offset {at}: "
                                   f"{trouble}. The file is as it was.")
        self.log.warning(f"Nothing is written to {path}: set appendonly yes to keep what changes")

    @contextlib.contextmanager
    def opened(self, path: str, rdb_only: bool = False):
        try:
            loader = Loader(self.server.capsule, path, rdb_only)
        except OSError as error:
            raise JournalError(f"{path} cannot be read: {error}") from error
        with contextlib.closing(loader):
            yield loader

    @contextlib.contextmanager
    def loading(self, source: str, size: int):
        """Within it clients are told LOADING, and nothing dies; then the log is told."""
        cdef server_t* srv = server_of_capsule(self.server)
        started = time.monotonic()
        srv.loading_total_bytes = size
        srv.loading_done_bytes = 0
        srv.loading_started_ms = clock_wall_ms()
        srv.loading = True
        srv.store.expiry_paused = True              # between the slices, too
        try:
            yield
        finally:
            srv.loading = False
            srv.store.expiry_paused = False
        self.keys = self.count_keys()
        seconds = time.monotonic() - started
        self.log.notice(f"DB loaded from {source}: {seconds:.3f} seconds ({self.keys} "
                        f"keys, {srv.loading_total_bytes / MIB:.1f} MB)")

    def count_keys(self) -> int:
        cdef server_t* srv = server_of_capsule(self.server)
        cdef int i
        cdef uint64_t keys = 0
        for i in range(srv.store.database_count):
            keys += srv.databases[i].table.count
        return keys

    def load_part(self, part, last: bool, serve: bool) -> None:
        path = self.files.path(part)
        with contextlib.closing(Loader(self.server.capsule, str(path))) as loader:
            if path.suffix == ".rdb" and not loader.is_rdb:
                raise JournalError(f"{path} is no RDB file, which its name says it is")
            state = self.run_loader(loader, part.name, serve)
            size, good, (errors, where) = loader.size, loader.good, loader.errors
            trouble_at, trouble = loader.trouble
        if errors:
            self.log.warning(f"{path}: {errors} of its commands answered an error, the first near "
                             f"offset {where}")
        if state == "broken":
            raise JournalError(f"Bad file format reading the append only file {path}: at offset "
                               f"{trouble_at}: {trouble}. The file is as it was; "
                               "`redis-check-aof --fix` cuts it there.")
        if state == "cut short":
            self.cut(path, good, size, last)

    def run_loader(self, loader, name: str, serve: bool) -> str:
        """Slices of loading and turns of the loop, until the file ends."""
        cdef server_t* srv = server_of_capsule(self.server)
        told = time.monotonic()
        while True:
            state = loader.step(SLICE_US)
            if state != "more":
                return state
            if serve and self.server.run(1e-6) != "time":
                raise Stopped(f"stopped while {name} was loaded")
            if time.monotonic() - told > PROGRESS_SECONDS:
                told = time.monotonic()
                done, total = srv.loading_done_bytes, srv.loading_total_bytes
                self.log.notice(f"Loading {name}: {100 * done // total}%, {done // MIB} of "
                                f"{total // MIB} MB, {self.count_keys()} keys")

    def cut(self, path, good: int, size: int, last: bool) -> None:
        """The file ends in the middle of a command or a transaction, or in zeroes."""
        if not last:
            raise JournalError(f"{path} ends in the middle of a command, and files that continue "
                               "it follow: something is missing between them")
        if self.setting("aof-load-truncated") != "yes":
            raise JournalError(
                f"Unexpected end of file reading the append only file {path}: whole up to byte "
                f"{good} of {size}. Set aof-load-truncated yes to start without the rest, or "
                "make a backup and use `redis-check-aof --fix`.")
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.ftruncate(fd, good)
            os.fsync(fd)
        finally:
            os.close(fd)
        self.log.warning(f"{path} was cut short while it was written: truncating it to {good} "
                         f"bytes, dropping {size - good}, because aof-load-truncated is enabled")

    def reload(self) -> None:
        """DEBUG LOADAOF: everything out, and in again from the files.

        Raises:
            JournalError: as start() does; the data set is what could be read.
        """
        cdef server_t* srv = server_of_capsule(self.server)
        cdef int i
        if not srv.aof.enabled or self.fresh:
            raise JournalError("there is no append only file to load")
        if srv.in_exec:
            raise JournalError("a transaction is half written")
        self.abandon("the data set is loaded anew")
        if aof_flush(&srv.aof, clock_mono_us()) not in (AOF_OK, AOF_BEHIND):
            raise JournalError("the append only file cannot be written")
        for i in range(srv.store.database_count):
            keyspace_clear(&srv.databases[i], False)
        functions_flush(srv)
        srv.aof.enabled = False         # what dies while it is loaded is no news to the file
        try:
            self.load(serve=False)
        finally:
            srv.aof.enabled = True

    # -- rewriting ------------------------------------------------------------------------------

    def switch(self) -> None:
        """CONFIG SET appendonly.

        Raises:
            ValueError: the files cannot be had; nothing has changed.
        """
        cdef server_t* srv = server_of_capsule(self.server)
        if self.setting("appendonly") == "no":
            self.switching_on = srv.rewrite_wanted = False
            if srv.aof.enabled and aof_close(&srv.aof) != AOF_OK:
                self.log.warning("The append only file that is switched off is not complete: "
                                 f"{os.strerror(srv.aof.error)}")
            self.abandon("the append only file is switched off")
            self.fresh = False
            return
        if srv.aof.enabled or self.switching_on:
            return
        try:
            self.files.manifest = Manifest()
            if not self.files.read():
                self.refuse_orphans()
                self.files.make_directory()
        except (OSError, ManifestError, JournalError) as error:
            self.log.warning(f"Cannot switch the append only file on: {error}")
            raise ValueError("Unable to turn on AOF. Check server logs.") from None
        self.switching_on = srv.rewrite_wanted = True
        srv.rewrite_after_us = 0

    def rewrite(self) -> bool:
        """Begin a rewrite when this turn ends. False when one runs."""
        cdef server_t* srv = server_of_capsule(self.server)
        if srv.rewrite_wanted or srv.snapshot.state != SNAPSHOT_IDLE:
            return False
        srv.rewrite_wanted = True
        srv.rewrite_after_us = 0
        return True

    def tick(self) -> None:
        """The end of a turn at which a rewrite is due, or over."""
        cdef server_t* srv = server_of_capsule(self.server)
        try:
            if srv.snapshot.state == SNAPSHOT_IDLE:
                self.begin()
            elif srv.snapshot.state == SNAPSHOT_DONE:
                self.finish()
            else:
                self.fail(os.strerror(srv.snapshot.error))
        except OSError as error:
            self.fail(str(error))

    def begin(self) -> None:
        """The moment. Raises OSError where files cannot be had."""
        cdef server_t* srv = server_of_capsule(self.server)
        cdef bint on = srv.aof.enabled or self.switching_on
        cdef int base_fd, incr_fd = -1, old_fd = -1
        files = self.files
        srv.rewrite_wanted = False
        self.began = time.monotonic()
        if aof_flush(&srv.aof, srv.mono_us) not in (AOF_OK, AOF_BEHIND, AOF_FSYNC_FAILED):
            raise OSError(srv.aof.error, os.strerror(srv.aof.error))
        files.make_directory()
        base_seq, incr_seq = files.next_seq()
        self.fresh = not srv.aof.enabled or self.fresh or srv.aof.status == AOF_FSYNC_FAILED
        as_rdb = srv.config.aof_use_rdb_preamble
        self.base = files.base_part(base_seq, "rdb" if as_rdb else "aof")
        self.incr = files.incr_part(incr_seq) if on else None
        base_fd = files.open_new(files.temp_path(self.base))
        try:
            if on:
                incr_fd = files.open_new(files.temp_path(self.incr) if self.fresh
                                         else files.path(self.incr))
                if not self.fresh:
                    files.replace(Manifest(files.manifest.base,
                                           (*files.manifest.incrs, self.incr)))
        except BaseException:
            os.close(base_fd)
            if incr_fd >= 0:
                os.close(incr_fd)
            raise
        if on:
            old_fd = self.go_on_in(incr_fd)
        if not snapshot_begin(&srv.snapshot, base_fd, old_fd, as_rdb):
            os.close(base_fd)
            if old_fd >= 0:
                os.close(old_fd)
            raise OSError("there is no thread to be had")
        self.log.notice(f"Background append only file rewriting started: {self.base.name}")

    def go_on_in(self, fd: int) -> int:
        """Feed the journal into this file from now on (F2). Returns the old one, or -1."""
        cdef server_t* srv = server_of_capsule(self.server)
        cdef int old
        if not srv.aof.enabled:
            aof_open(&srv.aof, fd, 0, 0)
            return -1
        srv.aof_earlier_size += srv.aof.size
        old = aof_switch(&srv.aof, fd, srv.mono_us)
        assert old >= 0, "begin() has flushed the buffer"
        return old

    def finish(self) -> None:
        """The base is on disk: from now on it counts. Raises OSError."""
        cdef server_t* srv = server_of_capsule(self.server)
        files, old = self.files, self.files.manifest
        size, keys = srv.snapshot.size, srv.snapshot.keys
        if not self.fresh:
            os.rename(files.temp_path(self.base), files.path(self.base))
            sync_directory(files.directory)
        elif srv.aof.enabled:
            self.trust()
        try:
            files.replace(Manifest(self.base, (self.incr,) if self.incr else ()))
        except OSError as error:
            if self.fresh and srv.aof.enabled and not self.switching_on:
                srv.aof.status = AOF_FSYNC_FAILED               # F3
                srv.aof.error = error.errno
            raise
        self.move_parts()
        snapshot_end(&srv.snapshot)
        srv.aof.base_size = size
        srv.aof_earlier_size = 0
        self.fresh = self.switching_on = False
        self.base = self.incr = None
        self.end_of_rewrite(True)
        for part in old.parts:
            if part not in files.manifest.parts:
                remove_later(files.path(part))
        self.log.notice(f"Background AOF rewrite finished successfully: {keys} keys, "
                        f"{size / MIB:.1f} MB in {self.last_seconds} s")

    def trust(self) -> None:
        """What was fed since the moment is on disk too. Raises OSError."""
        cdef server_t* srv = server_of_capsule(self.server)
        srv.aof.status = AOF_OK
        if aof_sync(&srv.aof) != AOF_OK:
            raise OSError(srv.aof.error, os.strerror(srv.aof.error))

    def move_parts(self) -> None:
        """To the names by which the manifest calls them. The next start makes up for a failure."""
        for part in self.files.manifest.parts:
            try:
                self.files.finish_move(part)
            except OSError as error:
                self.log.warning(f"{part.name} keeps its temporary name for now: {error}")

    def fail(self, reason: str) -> None:
        """The rewrite has come to nothing. Once more, by and by, where there must be one."""
        cdef server_t* srv = server_of_capsule(self.server)
        cdef int old_error = srv.snapshot.old_error
        if old_error and not self.fresh:
            srv.aof.status = AOF_FSYNC_FAILED       # the file before is named by the manifest
            srv.aof.error = old_error
        if self.base is None:
            self.log.warning(f"Background AOF rewrite cannot begin: {reason}")
        self.abandon(reason)
        self.end_of_rewrite(False)
        srv.rewrite_wanted = self.switching_on
        srv.rewrite_after_us = clock_mono_us() + <int64_t>(
            1000000 * min(60, 2 ** min(self.failures - 1, 6)))

    def abandon(self, reason: str) -> None:
        """End a walk before its time. What was fed meanwhile stays where it belongs."""
        cdef server_t* srv = server_of_capsule(self.server)
        if self.base is None:
            return
        snapshot_end(&srv.snapshot)
        srv.copy_busy = False
        self.log.warning(f"Background AOF rewrite given up: {reason}")
        self.files.temp_path(self.base).unlink(missing_ok=True)
        if self.switching_on and srv.aof.enabled:
            aof_close(&srv.aof)         # of a journal that never was
        if self.fresh and self.incr is not None and not srv.aof.enabled:
            self.files.temp_path(self.incr).unlink(missing_ok=True)
        self.base = self.incr = None

    def end_of_rewrite(self, ok: bool) -> None:
        self.last_ok = ok
        self.last_seconds = int(time.monotonic() - self.began)
        self.rewrites += 1
        self.failures = 0 if ok else self.failures + 1

    def complete(self) -> None:
        """Finish a rewrite now, without serving. Raises OSError."""
        cdef server_t* srv = server_of_capsule(self.server)
        if srv.snapshot.state == SNAPSHOT_IDLE:
            self.begin()
        with nogil:
            while srv.snapshot.state != SNAPSHOT_DONE and srv.snapshot.state != SNAPSHOT_FAILED:
                if not snapshot_step(&srv.snapshot, clock_mono_us() + WALK_US):
                    usleep(WALK_US)
        if srv.snapshot.state == SNAPSHOT_FAILED:
            raise OSError(srv.snapshot.error, os.strerror(srv.snapshot.error))
        self.finish()

    def info(self) -> dict[str, object]:
        """Fields of INFO persistence that this room knows."""
        cdef server_t* srv = server_of_capsule(self.server)
        running = srv.snapshot.state != SNAPSHOT_IDLE
        return dict(
            aof_rewrite_in_progress=int(running),
            aof_rewrite_scheduled=int(srv.rewrite_wanted and not running),
            aof_last_rewrite_time_sec=self.last_seconds,
            aof_current_rewrite_time_sec=int(time.monotonic() - self.began) if running else -1,
            aof_last_bgrewrite_status="ok" if self.last_ok else "err",
            aof_rewrites=self.rewrites,
            aof_rewrites_consecutive_failures=self.failures,
            current_save_keys_processed=srv.snapshot.keys if running else 0,
            current_save_keys_total=srv.snapshot.keys_total if running else 0,
            aof_unsynced_ms=aof_unsynced_ms(&srv.aof, srv.mono_us),
        )

    # -- stopping -------------------------------------------------------------------------------

    def stop(self) -> None:
        """Everything that was fed is on disk, and nothing more is fed.

        Where the manifest does not name what is written (F2), the base is finished first.
        Raises:
            JournalError: the disk refused; what it did not take is lost with this process.
        """
        cdef server_t* srv = server_of_capsule(self.server)
        cdef int status
        try:
            if self.switching_on or srv.aof.enabled and (
                    self.fresh or srv.aof.status == AOF_FSYNC_FAILED):
                self.complete()
            else:
                self.abandon("the server stops")
        except OSError as error:
            self.abandon("the server stops")
            raise JournalError(f"the append only file is not complete: {error}") from error
        if not srv.aof.enabled:
            return
        status = aof_close(&srv.aof)
        if status != AOF_OK:
            raise JournalError("the append only file is not complete: "
                               f"{os.strerror(srv.aof.error)}")
