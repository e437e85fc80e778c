"""Copy the data of a live server into another: SCAN, DUMP, RESTORE; FUNCTION LIST, FUNCTION LOAD.

Works with whatever speaks these commands: Redis 6 and 7, Valkey, ourselves. Each key is written
with its deadline as a point in time, so that a slow copy prolongs nothing. A copy may be done over
any number of times; where it stopped is kept in a file, and it goes on from there. Functions go
over as the code of their libraries, which is the same for every version, as a dump of them is not.

What the copy cannot see: a key that is deleted at the source after it was copied stays at the
target. The verification counts, and compares a sample by its contents.

Invariants
    M1  the place that is kept lies behind keys that the target has confirmed
    M2  a key or library that the target holds is replaced only when `replace` was said, or this
        very copy has written it (a resumed copy)
    M3  a copy during which the target evicted keys never ends well, nor does one that goes on from
        it: what went may lie behind the place, so that the next one begins anew
"""
import hashlib
import json
import pathlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

from .client import Link, Wrong, hide_password, info
from .errors import BadRequest, Conflict, Failed
from .home import write_private
from .plans import show_bytes

BATCH_KEYS = 200
BATCH_BYTES = 16 << 20
SAMPLE_KEYS = 100
KEEP_SECONDS = 1.0
DEADLINE_SLACK_MS = 2000
# What another server keeps in so many bytes may take one here.
FOREIGN_SHARE = 1.5


@dataclass
class Place:
    """How far a copy has come."""

    source: str
    run_id: str
    target_run_id: str = ""
    evicted: int = 0                    # by the target, when the copy began
    database: int = 0
    cursor: str = "0"
    copied: int = 0
    total: int = 0
    done: list[int] = field(default_factory=list)


@dataclass
class Result:
    """What a copy has done.

    Attributes:
        libraries: of functions, at the target now.
        refused: libraries that the target does not take, each with its reason.
        notes: sentences for a person: what could not be copied, and is no error.
    """

    copied: int = 0
    gone: int = 0
    bytes: int = 0
    source_keys: int = 0
    target_keys: int = 0
    sampled: int = 0
    differing: list[str] = field(default_factory=list)
    libraries: int = 0
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


def databases(link: Link) -> dict[int, int]:
    """Databases that hold keys: number to keys."""
    return {int(name[2:]): int(value.partition("keys=")[2].partition(",")[0])
            for name, value in info(link.do("INFO", "keyspace")).items()
            if name.startswith("db") and name[2:].isdigit()}


def libraries(link: Link) -> dict[str, bytes] | None:
    """Libraries of functions: name to code. None: the server knows no functions, as Redis 6.

    Raises:
        Wrong: it does not tell.
    """
    try:
        reply = link.do("FUNCTION", "LIST", "WITHCODE")
    except Wrong as error:
        if str(error).startswith("ERR unknown command"):
            return None
        raise
    rows = [dict(zip(row[::2], row[1::2], strict=True))
            for row in reply]                                           # type: ignore[attr-defined]
    return {row[b"library_name"].decode(): row[b"library_code"] for row in rows}


def show_libraries(count: int) -> str:
    """1 library of functions, 2 libraries of functions."""
    return f"{count} librar{'y' if count == 1 else 'ies'} of functions"


def evicted(link: Link) -> int:
    """Keys that a server has evicted since it was started."""
    return int(info(link.do("INFO", "stats")).get("evicted_keys", 0))


def check_room(source: Link, limit: int, share: float = 1.0) -> None:
    """Whether what the source holds can fit at all, whatever the policy.

    Args:
        limit: of the target, in bytes; 0 for none.
        share: how many times the limit the source's data may take.
    Raises:
        Conflict: it cannot.
    """
    facts = info(source.do("INFO", "memory"))
    need = int(facts.get("used_memory_dataset") or facts.get("used_memory", 0))
    if limit and need > share * limit:
        raise Conflict(f"the source holds {show_bytes(need)} of data and the target has a limit "
                       f"of {show_bytes(limit)}: choose a larger plan first")


class Copy:
    """One copy from a server to another."""

    def __init__(self, source: Link, target: Link, source_name: str, file: pathlib.Path,
                 replace: bool = False, database: int | None = None):
        """
        Args:
            source_name: its URL; kept without the password.
            file: where the place is kept.
            replace: keys that the target holds are written over.
            database: copied alone, into the target's of the same number; None for all.
        """
        self.source = source
        self.target = target
        self.file = file
        self.replace = replace
        self.database = database
        self.result = Result()
        self.kept_at = 0.0
        self.resumed = False
        name = hide_password(source_name)
        run_ids = [info(link.do("INFO", "server")).get("run_id", "") for link in (source, target)]
        self.place = Place(name, *run_ids, evicted(target))
        if file.exists():
            try:
                old = Place(**json.loads(file.read_text()))
                # Cursors of a source that was restarted mean nothing; a target that was may have
                # forgotten what it held.
                if old.source == name:
                    self.resumed = True
                    if [old.run_id, old.target_run_id] == run_ids:
                        self.place = old
            except (ValueError, TypeError):
                pass                    # a torn file: begin anew, which is only slower

    def check(self) -> None:
        """Whether the copy may begin.

        Raises:
            BadRequest: source and target are one. Conflict: the target must not be written to.
        """
        if self.place.run_id and self.place.run_id == self.place.target_run_id:
            raise BadRequest("source and target are the same server: give the URL of another one")
        count = sum(self.wanted(self.target).values())
        if count and not self.replace and not self.resumed:
            raise Conflict(f"the target holds {count} key{'s' * (count != 1)}: --replace writes "
                           "over those that the source has too")
        self.check_libraries()
        # Servers tell what all databases take, and not what one of them does.
        if self.wanted(self.source).keys() >= databases(self.source).keys():
            check_room(self.source, int(info(self.target.do("INFO", "memory")).get("maxmemory", 0)),
                       FOREIGN_SHARE)

    def check_libraries(self) -> None:
        """Raises Conflict when the target has a library of the same name that may not be lost."""
        if self.replace or self.resumed:
            return
        try:
            theirs, ours = libraries(self.source) or {}, libraries(self.target) or {}
        except Wrong:
            return                      # they will not be copied, and the result says so
        for name, code in theirs.items():
            if ours.get(name, code) != code:
                raise Conflict(f"the target holds another library of functions {name!a}: --replace "
                               "writes over it")

    def wanted(self, link: Link) -> dict[int, int]:
        """Databases to copy, as one side holds them: number to keys."""
        found = databases(link)
        return found if self.database is None else {self.database: found.get(self.database, 0)}

    def run(self, progress: Callable[[int, int], None]) -> Result:
        """Copy everything.

        Args:
            progress: called with keys copied so far and keys in all.
        Raises:
            Failed: source or target refuses, or the target has evicted keys. What was copied
                stays, and a new run goes on.
        """
        start = time.monotonic()
        self.copy_libraries()
        found = self.wanted(self.source)
        self.place.total = max(sum(found.values()), self.place.copied)
        for database in sorted(found):
            if database in self.place.done:
                continue
            if self.place.database != database:
                self.place.database, self.place.cursor = database, "0"
            try:
                for link in (self.source, self.target):
                    link.do("SELECT", database)
            except Wrong as error:
                raise Failed(f"database {database}: {error}") from None
            self.copy_database(progress)
            self.place.done.append(database)
            self.keep(force=True)
        self.result.copied = self.place.copied
        self.verify(found)
        self.check_evicted()
        self.file.unlink(missing_ok=True)
        self.result.seconds = time.monotonic() - start
        return self.result

    def copy_libraries(self) -> None:
        """Functions, which belong to no database. What is not copied is said in the result."""
        result = self.result
        try:
            theirs = libraries(self.source) or {}
        except Wrong as error:
            result.notes.append("Functions were not copied: the source refuses FUNCTION LIST: "
                                f"{error}")
            return
        ours = libraries(self.target)
        if theirs and ours is None:
            result.notes.append(f"{show_libraries(len(theirs))} cannot be copied: the target knows "
                                "none, as no Redis before 7 does.")
            return
        for name, code in theirs.items():
            option = ("REPLACE",) if self.replace or self.resumed else ()       # M2
            try:
                if ours is not None and ours.get(name) != code:
                    self.target.do("FUNCTION", "LOAD", *option, code)
                result.libraries += 1
            except Wrong as error:
                result.refused.append(f"{name}: {error}")

    def copy_database(self, progress: Callable[[int, int], None]) -> None:
        cursor = self.place.cursor
        first = True
        while first or cursor != "0":
            first = False
            try:
                reply = self.source.do("SCAN", cursor, "COUNT", BATCH_KEYS)
            except Wrong as error:
                raise Failed(f"the source refuses SCAN: {error}") from None
            cursor = reply[0].decode()                                  # type: ignore[index]
            keys = list(dict.fromkeys(reply[1]))                        # type: ignore[index]
            for batch in self.batches(keys):
                self.copy_keys(batch)
            self.place.cursor = cursor                                  # M1
            self.keep()
            progress(self.place.copied, self.place.total)

    def batches(self, keys: list[bytes]) -> Iterator[list[bytes]]:
        """Keys in portions that fit into memory, by what the source says they take."""
        sizes = self.source.many([("MEMORY", "USAGE", key, "SAMPLES", "5") for key in keys])
        batch: list[bytes] = []
        held = 0
        for key, size in zip(keys, sizes, strict=True):
            size = size if isinstance(size, int) else 1024
            if batch and held + size > BATCH_BYTES:
                yield batch
                batch, held = [], 0
            batch.append(key)
            held += size
        if batch:
            yield batch

    def copy_keys(self, keys: list[bytes]) -> None:
        replies = self.source.many([command for key in keys
                                    for command in (("DUMP", key), ("PTTL", key))])
        now = int(time.time() * 1000)
        restores = []
        names = []
        for key, dump, ttl in zip(keys, replies[::2], replies[1::2], strict=True):
            if isinstance(dump, Wrong):
                raise Failed(f"the source refuses DUMP: {dump}")
            if dump is None or not isinstance(ttl, int) or ttl == -2 or ttl == 0:
                self.result.gone += 1   # deleted or expired since SCAN
                continue
            command = ("RESTORE", key, now + ttl if ttl > 0 else 0, dump)
            command += ("ABSTTL",) if ttl > 0 else ()
            command += ("REPLACE",) if self.replace or self.resumed else ()     # M2
            restores.append(command)
            names.append(key)
            self.result.bytes += len(dump)
        for key, reply in zip(names, self.target.many(restores), strict=True):
            if isinstance(reply, Wrong):
                self.explain(key, str(reply))
            self.place.copied += 1

    def explain(self, key: bytes, text: str) -> None:
        name = key.decode("utf-8", "backslashreplace")
        if text.startswith("BUSYKEY"):
            # SCAN may give a key twice; then what we wrote is in our way.
            return
        if text.startswith("OOM"):
            raise Failed("the target's memory is full: choose a larger plan, and run this again")
        raise Failed(f"the target refuses {name!a}: {text}")

    def keep(self, force: bool = False) -> None:
        now = time.monotonic()
        if force or now - self.kept_at > KEEP_SECONDS:
            self.kept_at = now
            self.check_evicted()
            write_private(self.file, json.dumps(asdict(self.place)))

    def check_evicted(self) -> None:
        """Raises Failed when the target has evicted keys since the copy began."""          # M3
        now, place = evicted(self.target), self.place
        # CONFIG RESETSTAT begins to count anew.
        count = now - place.evicted if now >= place.evicted else now
        if not count:
            return
        # A place in no server: the next copy may write over what this one wrote, and begins anew.
        write_private(self.file, json.dumps(asdict(Place(place.source, ""))))
        raise Failed(f"the target has evicted {count:,} key{'s' * (count != 1)} for lack of memory "
                     "while keys were copied: choose a larger plan, and run this again")

    # -- verification -----------------------------------------------------------------------------

    def verify(self, found: dict[int, int]) -> None:
        """Counts of what was copied; contents and deadlines of a sample."""
        self.result.source_keys = sum(self.wanted(self.source).values())
        self.result.target_keys = sum(self.wanted(self.target).values())
        share = max(1, SAMPLE_KEYS // max(1, len(found)))
        for database in found:
            for link in (self.source, self.target):
                link.do("SELECT", database)
            keys = {key for key in self.source.many([("RANDOMKEY",)] * share)
                    if isinstance(key, bytes)}
            for key in keys:
                self.compare(key)

    def compare(self, key: bytes) -> None:
        self.result.sampled += 1
        ours, theirs = (self.contents(link, key) for link in (self.source, self.target))
        if self.same(ours, theirs):
            return
        # It may have changed at the source meanwhile: only what stays different is.
        self.copy_again(key)
        ours, theirs = (self.contents(link, key) for link in (self.source, self.target))
        if not self.same(ours, theirs):
            self.result.differing.append(key.decode("utf-8", "backslashreplace"))

    def copy_again(self, key: bytes) -> None:
        replace, self.replace = self.replace, True
        copied = self.place.copied
        try:
            self.copy_keys([key])
        finally:
            self.replace, self.place.copied = replace, copied

    @staticmethod
    def contents(link: Link, key: bytes) -> tuple:
        """Type, a digest of the value, the deadline in milliseconds (negative: none)."""
        kind = link.do("TYPE", key)
        reads = {b"string": ("GET", key), b"list": ("LRANGE", key, 0, -1),
                 b"set": ("SMEMBERS", key), b"hash": ("HGETALL", key),
                 b"zset": ("ZRANGE", key, 0, -1, "WITHSCORES"),
                 b"stream": ("XRANGE", key, "-", "+")}
        if kind not in reads:
            return kind, "", 0
        value = link.do(*reads[kind])                                   # type: ignore[index]
        if kind == b"set":
            value = sorted(value)                                       # type: ignore[arg-type]
        if kind == b"zset":
            # Servers before Redis 7.2 write a score with more digits; -0 is 0 to a listpack.
            pairs = iter(value)                                         # type: ignore[arg-type]
            value = [(member, float(score) + 0.0)
                     for member, score in zip(pairs, pairs, strict=True)]
        if kind == b"hash":
            pairs = iter(value)                                         # type: ignore[arg-type]
            value = sorted(zip(pairs, pairs, strict=True))
        ttl = link.do("PTTL", key)
        end = int(time.time() * 1000) + ttl if isinstance(ttl, int) and ttl > 0 else ttl
        return kind, hashlib.sha256(repr(value).encode()).hexdigest(), end

    @staticmethod
    def same(ours: tuple, theirs: tuple) -> bool:
        """Whether contents are equal; deadlines were read at two moments."""
        return ours[:2] == theirs[:2] and (
            ours[2] == theirs[2] or min(ours[2], theirs[2]) > 0
            and abs(ours[2] - theirs[2]) <= DEADLINE_SLACK_MS)
