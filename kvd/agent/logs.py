"""Engines' logs: reading them back line by line, from any place, and turning them over.

A place in a log is the file's inode and an offset. When the file was turned over meanwhile, the
rest of the old one comes first, so that a follower misses nothing.
"""
import os
import pathlib
import re
from dataclasses import dataclass
from datetime import datetime

from ..errors import BadRequest

ROTATE_BYTES = 16 << 20
ROTATE_COUNT = 5
READ_BYTES = 1 << 20
LINE = re.compile(r"(?:\d+:[A-Z] )?(\d\d [A-Z][a-z]{2} \d{4} [\d:.]+|\d{4}-\d\d-\d\dT\S+) "
                  r"([.*#-]) (.*)")
LEVELS = {".": "debug", "-": "info", "*": "notice", "#": "warning"}


@dataclass(frozen=True)
class Line:
    """One event of a log.

    Attributes:
        at: RFC 3339, as the engine wrote it; "" for a line without one (a traceback's).
    """

    at: str
    level: str
    message: str


def parse(text: str) -> Line:
    """A line of an engine's log."""
    match = LINE.fullmatch(text)
    if match is None:
        return Line("", "error", text)
    at = match[1]
    if "T" not in at:
        at = datetime.strptime(at, "%d %b %Y %H:%M:%S.%f").astimezone().isoformat(
            timespec="milliseconds")
    return Line(at, LEVELS[match[2]], match[3])


def files(path: pathlib.Path) -> list[pathlib.Path]:
    """The log and its older parts, oldest first."""
    older = [path.with_name(f"{path.name}.{number}") for number in range(ROTATE_COUNT, 0, -1)]
    return [file for file in [*older, path] if file.exists()]


def rotate(path: pathlib.Path, size: int = ROTATE_BYTES) -> bool:
    """Begin a new file when this one has grown to `size`. Engines open theirs for each line."""
    try:
        if path.stat().st_size < size:
            return False
        for number in range(ROTATE_COUNT - 1, 0, -1):
            old = path.with_name(f"{path.name}.{number}")
            if old.exists():
                old.rename(path.with_name(f"{path.name}.{number + 1}"))
        path.rename(path.with_name(f"{path.name}.1"))
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError:
        return False                    # the next time may do better; no line is lost
    return True


def tail(path: pathlib.Path, limit: int, level: str = "", text: str = "") -> tuple[list[Line], str]:
    """The last lines, oldest first, and the place behind them."""
    found: list[Line] = []
    place = ""
    for file in reversed(files(path)):
        with open(file, "rb") as stream:
            status = os.fstat(stream.fileno())
            size = status.st_size
            if not place:
                place = f"{status.st_ino}:{size}"
            stream.seek(max(0, size - READ_BYTES))
            lines = stream.read(size).decode("utf-8", "replace").splitlines()
            if size > READ_BYTES:
                lines = lines[1:]       # a part of a line
        found = [line for line in map(parse, lines) if matches(line, level, text)] + found
        if len(found) >= limit:
            break
    return found[-limit:], place


def follow(path: pathlib.Path, place: str, level: str = "", text: str = ""
           ) -> tuple[list[Line], str]:
    """What has been written since a place, and the place behind it.

    Raises:
        BadRequest: that is no place.
    """
    match = re.fullmatch(r"(\d+):(\d+)", place)
    if match is None:
        raise BadRequest(f"{place!a} is no place in a log: take it from an earlier answer")
    inode, offset = int(match[1]), int(match[2])
    existing = files(path)
    inodes = [file.stat().st_ino for file in existing]
    first = inodes.index(inode) if inode in inodes else 0
    found: list[Line] = []
    for index in range(first, len(existing)):
        with open(existing[index], "rb") as stream:
            start = offset if inodes[index] == inode else 0
            stream.seek(start)
            data = stream.read(READ_BYTES)
            whole = data.rfind(b"\n") + 1
            lines = data[:whole].decode("utf-8", "replace").splitlines()
            found += [line for line in map(parse, lines) if matches(line, level, text)]
            place = f"{inodes[index]}:{start + whole}"
            if len(data) == READ_BYTES:
                break
    return found, place


def matches(line: Line, level: str, text: str) -> bool:
    return (not level or line.level == level) and text.lower() in line.message.lower()
