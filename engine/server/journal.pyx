"""The journal's life: start with what the files hold, run, stop.

Deciding about files is Python's (journal/files.py says which there are); moving bytes is not.

Invariants
    F1  a file that the manifest names is complete, or is the last one: only there may a tail be
        missing
    F2  what the journal's open file gets from its first byte on continues exactly the files
        before it
"""
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int64_t, uint64_t

from ..core.clock cimport clock_wall_ms
from ..core.types cimport slice_t
from ..journal.aof cimport AOF_OK, aof_close, aof_feed, aof_open
from ..store.keyspace cimport keyspace_t

import contextlib
import os
import sys
import time

from ..journal.files import Files, Manifest, ManifestError
from .load import Loader

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


cdef void journal_attach(server_t* srv) noexcept nogil:
    srv.store.hooks.on_expired = feed_delete
    srv.store.hooks.on_evicted = feed_delete


cdef void journal_cron(server_t* srv) noexcept nogil:
    pass


cdef server_t* server_of_capsule(object server) except NULL:
    return <server_t*>PyCapsule_GetPointer(server.capsule, b"kvd.server_t")


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
        server.journal = self

    def setting(self, name: str) -> str:
        return self.server.config(name)[name]

    # -- starting -------------------------------------------------------------------------------

    def start(self) -> None:
        """Load what there is and go on writing it, where `appendonly` says so.

        Raises:
            JournalError: the files cannot be believed, or not be written. They are untouched.
        """
        if self.setting("appendonly") != "yes":
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

    def sweep(self) -> None:
        gone = self.files.sweep()
        if gone:
            self.log.notice(f"Removed what an interrupted rewrite had left: {', '.join(gone)}")

    # -- loading --------------------------------------------------------------------------------

    def load(self) -> None:
        """The files that the manifest names, in order; the loop answers LOADING meanwhile."""
        cdef server_t* srv = server_of_capsule(self.server)
        parts = self.files.manifest.parts
        started = time.monotonic()
        srv.loading_total_bytes = sum(self.files.size(part) for part in parts)
        srv.loading_done_bytes = 0
        srv.loading_started_ms = clock_wall_ms()
        srv.loading = True
        try:
            for left, part in enumerate(parts, 1 - len(parts)):
                self.load_part(part, left == 0)
        finally:
            srv.loading = False
        self.keys = self.count_keys()
        seconds = time.monotonic() - started
        self.log.notice(f"DB loaded from append only file: {seconds:.3f} seconds ({self.keys} "
                        f"keys, {srv.loading_total_bytes / MIB:.1f} MB)")

    def count_keys(self) -> int:
        cdef server_t* srv = server_of_capsule(self.server)
        cdef int i
        cdef uint64_t keys = 0
        for i in range(srv.store.database_count):
            keys += srv.databases[i].table.count
        return keys

    def load_part(self, part, last: bool) -> None:
        path = self.files.path(part)
        with contextlib.closing(Loader(self.server.capsule, str(path))) as loader:
            state = self.run_loader(loader, part.name)
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

    def run_loader(self, loader, name: str) -> str:
        """Slices of loading and turns of the loop, until the file ends."""
        cdef server_t* srv = server_of_capsule(self.server)
        told = time.monotonic()
        while True:
            state = loader.step(SLICE_US)
            if state != "more":
                return state
            if self.server.run(1e-6) != "time":
                raise Stopped("stopped while the append only file was loaded")
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

    # -- stopping -------------------------------------------------------------------------------

    def stop(self) -> None:
        """Everything that was fed is on disk, and nothing more is fed.

        Raises:
            JournalError: the disk refused; what it did not take is lost with this process.
        """
        cdef server_t* srv = server_of_capsule(self.server)
        cdef int status
        if not srv.aof.enabled:
            return
        status = aof_close(&srv.aof)
        if status != AOF_OK:
            raise JournalError("the append only file is not complete: "
                               f"{os.strerror(srv.aof.error)}")
