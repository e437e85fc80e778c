"""Which files make up the journal: the manifest, the directory, names and sequence numbers.

The layout is Valkey's, so that its tools read ours and we read theirs:

    <dir>/<appenddirname>/<appendfilename>.<seq>.base.rdb     the data set at some moment, or
    <dir>/<appenddirname>/<appendfilename>.<seq>.base.aof     the same as RESP text
    <dir>/<appenddirname>/<appendfilename>.<seq>.incr.aof     the commands since
    <dir>/<appenddirname>/<appendfilename>.manifest           which of them count, in order

A line of the manifest reads `file <name> seq <number> type <b|i|h>`: base, incr, or history,
which is what a rewrite left behind and nobody needs. Keys that we do not know are skipped, since
newer servers add some (`startoffset`). A name with unusual bytes is quoted as in redis.conf.

The manifest is never edited: a new one is written beside it, synced, renamed over it, and the
directory is synced. A file takes part from that rename on, so a crash leaves the old set of files
or the new one, and what no manifest names is garbage that sweep() removes.

This module knows nothing of engines.
"""
import errno
import os
import pathlib
import re
import stat
from collections import namedtuple

from ..core.words import quote, split_words

LINE_MAX = 1024                         # bytes of a manifest line, its end included
TEMP_PREFIX = "temp-"
BASE, INCR, HISTORY = "b", "i", "h"


class ManifestError(Exception):
    """The manifest cannot be believed; the message names the file and the line."""


# One file of the journal. name: str, seq: int, type: str (BASE, INCR or HISTORY). No dataclasses
# here: their import takes 1.6 MB and longer than the rest of this room.
Part = namedtuple("Part", "name seq type")


class Manifest(namedtuple("Manifest", "base incrs history", defaults=(None, (), ()))):
    """The files that count: the base is loaded first, then the incrs in order.

    Attributes:
        base: a part, or None. incrs, history: tuples of parts.
    """
    __slots__ = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is loaded, in order."""
        return ((self.base,) if self.base else ()) + self.incrs

    @property
    def base_seq(self) -> int:
        return self.base.seq if self.base else 0

    @property
    def last_incr(self) -> Part | None:
        """The one that is written."""
        return self.incrs[-1] if self.incrs else None

    @property
    def incr_seq(self) -> int:
        return self.incrs[-1].seq if self.incrs else 0


# -- text -----------------------------------------------------------------------------------------

def parse_line(line: bytes) -> Part:
    """Raises ValueError with what is wrong."""
    words = split_words(line)
    if len(words) < 6 or len(words) % 2:
        raise ValueError("it is not `file <name> seq <number> type <b|i|h>`")
    found = {}
    for key, value in zip(words[::2], words[1::2], strict=True):
        found[key.lower()] = value
    try:
        name, seq, kind = found[b"file"], found[b"seq"], found[b"type"]
    except KeyError as missing:
        raise ValueError(f"{missing.args[0].decode()} is missing") from None
    if not name or b"/" in name or b"\0" in name or name in (b".", b".."):
        raise ValueError(f"{os.fsdecode(name)!r} is not the bare name of a file")
    if not re.fullmatch(rb"[1-9][0-9]{0,17}", seq):
        raise ValueError(f"{os.fsdecode(seq)!r} is not a sequence number")
    if kind not in (b"b", b"i", b"h"):
        raise ValueError(f"{os.fsdecode(kind)!r} is no type of file: b, i or h")
    return Part(os.fsdecode(name), int(seq), kind.decode())


def parse(text: bytes, path: str) -> Manifest:
    """The manifest that `text` spells.

    Args:
        path: for messages.
    Raises:
        ManifestError: with the number of the line.
    """
    manifest = Manifest()
    if not text:
        raise ManifestError(f"{path} is empty")
    lines = text.split(b"\n")
    if lines.pop():
        raise ManifestError(f"{path}, line {len(lines) + 1}: it ends without a line feed")
    for number, line in enumerate(lines, 1):
        try:
            if len(line) >= LINE_MAX:
                raise ValueError(f"it is longer than {LINE_MAX} bytes")
            if line.startswith(b"#"):
                continue
            manifest = add(manifest, parse_line(line))
        except ValueError as wrong:
            raise ManifestError(f"{path}, line {number}: {wrong}") from None
    return manifest


def add(manifest: Manifest, part: Part) -> Manifest:
    """Raises ValueError where a second base, or an order that cannot be, would come of it."""
    if part.type == BASE:
        if manifest.base:
            raise ValueError(f"{part.name} is a second base beside {manifest.base.name}")
        return manifest._replace(base=part)
    if part.type == HISTORY:
        return manifest._replace(history=(*manifest.history, part))
    if part.seq <= manifest.incr_seq:
        raise ValueError(f"sequence number {part.seq} does not follow {manifest.incr_seq}")
    return manifest._replace(incrs=(*manifest.incrs, part))


def spell(manifest: Manifest) -> bytes:
    """The text of a manifest."""
    parts = ((manifest.base,) if manifest.base else ()) + manifest.history + manifest.incrs
    return b"".join(b"file %s seq %d type %s\n" % (quote(os.fsencode(part.name)), part.seq,
                                                   part.type.encode())
                    for part in parts)


# -- files ----------------------------------------------------------------------------------------

def sync_directory(path: pathlib.Path) -> None:
    """Let names in a directory survive a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF):
            raise
    finally:
        os.close(fd)


def write_file(path: pathlib.Path, data: bytes) -> None:
    """A whole file appears at once, on disk, or not at all."""
    temp = path.with_name(TEMP_PREFIX + path.name)
    fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view):]
        os.fsync(fd)
    except BaseException:
        os.unlink(temp)
        raise
    finally:
        os.close(fd)
    os.rename(temp, path)
    sync_directory(path.parent)


class Files:
    """The files of one journal.

    Args:
        home: the server's working directory.
        dirname: name of the journal's directory in it (appenddirname).
        filename: first part of every file's name (appendfilename).
    """

    def __init__(self, home: str | os.PathLike, dirname: str, filename: str):
        self.home = pathlib.Path(home)
        self.directory = self.home / dirname
        self.filename = filename
        self.manifest_path = self.directory / f"{filename}.manifest"
        self.manifest = Manifest()

    def read(self) -> bool:
        """Learn which files there are. False when there is no journal yet.

        A single file of the time before manifests, <dir>/<appendfilename>, becomes the base.
        Raises:
            ManifestError: it cannot be believed; OSError: it cannot be read.
        """
        try:
            text = self.manifest_path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return self.adopt()
        self.manifest = parse(text, str(self.manifest_path))
        if len(self.manifest.parts) == 0:
            return False
        for part in self.manifest.parts:
            self.finish_move(part)
            try:
                mode = os.stat(self.path(part)).st_mode
            except FileNotFoundError:
                raise ManifestError(f"{self.manifest_path} names {part.name}, "
                                    "which does not exist") from None
            if not stat.S_ISREG(mode):
                raise ManifestError(f"{self.path(part)} is not a regular file")
        return True

    def adopt(self) -> bool:
        """Take a single file in as the base: first the manifest that names it, then the move.

        Between the two the manifest names a file that is still outside; never is there a file
        inside that no manifest names.
        """
        if not (self.home / self.filename).is_file():
            return False
        self.make_directory()
        self.replace(Manifest(base=Part(self.filename, 1, BASE)))
        self.move_in()
        return True

    def finish_move(self, part: Part) -> None:
        """A crash may have come between a manifest and the move that it announces."""
        temp = self.temp_path(part)
        if self.path(part).exists():
            return
        if part.name == self.filename:
            self.move_in()
        elif temp.exists():
            os.rename(temp, self.path(part))
            sync_directory(self.directory)

    def move_in(self) -> None:
        old = self.home / self.filename
        if old.is_file():
            os.rename(old, self.directory / self.filename)
            sync_directory(self.directory)
            sync_directory(self.home)

    def temp_path(self, part: Part) -> pathlib.Path:
        """Where a file is written that no manifest names yet."""
        return self.directory / (TEMP_PREFIX + part.name)

    def path(self, part: Part) -> pathlib.Path:
        return self.directory / part.name

    def size(self, part: Part) -> int:
        return os.stat(self.path(part)).st_size

    def make_directory(self) -> None:
        if not self.directory.is_dir():
            self.directory.mkdir(0o755)
            sync_directory(self.home)

    def replace(self, manifest: Manifest) -> None:
        """From now on these files count."""
        write_file(self.manifest_path, spell(manifest))
        self.manifest = manifest

    def base_part(self, seq: int, suffix: str) -> Part:
        return Part(f"{self.filename}.{seq}.base.{suffix}", seq, BASE)

    def incr_part(self, seq: int) -> Part:
        return Part(f"{self.filename}.{seq}.incr.aof", seq, INCR)

    def open_incr(self, part: Part) -> int:
        """A descriptor to append to; the file is made where it does not exist."""
        fd = os.open(self.path(part), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            sync_directory(self.directory)
        except OSError:
            os.close(fd)
            raise
        return fd

    def open_new(self, path: pathlib.Path) -> int:
        """A descriptor to append to an empty file; what had that name is not touched."""
        path.unlink(missing_ok=True)
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC,
                       0o644)

    def next_seq(self) -> tuple[int, int]:
        """Sequence numbers of the next base and the next incr."""
        return self.manifest.base_seq + 1, self.manifest.incr_seq + 1

    def strays(self) -> list[pathlib.Path]:
        """Files by our names which no manifest counts: left by a crash, or history."""
        wanted = {part.name for part in self.manifest.parts}
        ours = re.compile(re.escape(self.filename) + r"\.[0-9]+\.(base\.(rdb|aof)|incr\.aof)")
        temps = re.compile(TEMP_PREFIX + re.escape(self.filename) + r"\..*")
        history = {part.name for part in self.manifest.history}
        try:
            names = sorted(os.listdir(self.directory))
        except FileNotFoundError:
            return []
        return [self.directory / name for name in names
                if name not in wanted
                and (ours.fullmatch(name) or temps.fullmatch(name) or name in history)]

    def sweep(self) -> list[str]:
        """Remove the strays. Returns their names."""
        gone = []
        for path in self.strays():
            path.unlink(missing_ok=True)
            gone.append(path.name)
        if self.manifest.history:
            self.replace(self.manifest._replace(history=()))
        return gone
