"""The installation's database: instances, intents, events, settings, keys.

SQLite in WAL mode, used by the agent alone, from several threads under one lock. A change is
written before it is made:

    begin   instance as wished + intent (verb, instance as it was)      one transaction
    ...     the engine is brought there
    finish  instance as it is, intent gone, event                       one transaction

Invariants
    S1  an instance has at most one intent, and none when nobody works on it and nothing crashed
    S2  who finds an intent at the start brings the instance where the intent leads: every step of
        a change may be done twice
    S3  names are unique
"""
import contextlib
import hashlib
import hmac
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from .errors import Conflict, Failed, NotFound
from .home import Home
from .instance import Instance
from .names import new_id
from .settings import SETTINGS, read_setting

VERSION = 1
BUSY_SECONDS = 5.0
EVENTS_MAX = 1_000                      # of one instance

SCHEMA = """
CREATE TABLE instances (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, body BLOB NOT NULL)
    WITHOUT ROWID;
CREATE TABLE intents (instance TEXT PRIMARY KEY, verb TEXT NOT NULL, before BLOB, args BLOB,
    at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE events (id TEXT PRIMARY KEY, instance TEXT NOT NULL, at REAL NOT NULL,
    type TEXT NOT NULL, details BLOB NOT NULL);
CREATE INDEX events_of ON events (instance, at);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE keys (id TEXT PRIMARY KEY, name TEXT NOT NULL, hash BLOB NOT NULL, at REAL NOT NULL)
    WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Intent:
    """A change that was begun: how the instance was before it."""

    instance: str
    verb: str
    before: Instance | None
    args: dict


@dataclass(frozen=True)
class Event:
    """Something that happened to an instance."""

    id: str
    instance: str
    at: float
    type: str
    details: dict


class State:
    """The open database."""

    def __init__(self, home: Home):
        """
        Raises:
            Failed: it cannot be opened, or is damaged, or somebody else holds it.
        """
        self.path = home.database
        self.lock = threading.RLock()
        self.ids: dict[str, str] = {}
        with self.translated():
            self.db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None,
                                      check_same_thread=False)
            self.path.chmod(0o600)
            self.db.execute("PRAGMA journal_mode=WAL")
            self.db.execute("PRAGMA synchronous=FULL")
            self.db.execute("PRAGMA secure_delete=ON")
            self.migrate()
            check = self.db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if check != "ok":
                raise sqlite3.DatabaseError(check)
            self.ids = self.constants("installation", "tea")

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """SQLite's errors as sentences."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.OperationalError as error:
            text = str(error)
            if "locked" in text or "busy" in text:
                raise Failed(f"{self.path} is locked by another program: close it and try "
                             "again") from None
            if "full" in text:
                raise Failed(f"{self.path} cannot be written: the disk is full") from None
            raise Failed(f"{self.path} cannot be used: {text}") from None
        except sqlite3.DatabaseError as error:
            raise Failed(f"{self.path} is damaged ({error}): restore it from a backup, or move it "
                         "away to begin anew; running instances keep serving") from None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing of it."""
        with self.lock, self.translated():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:          # a full disk has ended it already
                    self.db.execute("ROLLBACK")
                raise

    def migrate(self) -> None:
        version = self.db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise Failed(f"{self.path} was written by a newer kvd (format {version}): use that one")
        if version == 0:
            self.db.executescript(f"BEGIN;{SCHEMA}PRAGMA user_version={VERSION};COMMIT")

    def constants(self, *names: str) -> dict[str, str]:
        """Ids that are chosen once: of the installation, of the workspace."""
        with self.transaction() as db:
            for name in names:
                db.execute("INSERT OR IGNORE INTO settings VALUES (?, ?)",
                           (f"id:{name}", new_id(name)))
            return {name: db.execute("SELECT value FROM settings WHERE name=?",
                                     (f"id:{name}",)).fetchone()[0] for name in names}

    def rows(self, query: str, *args: object) -> list[tuple]:
        with self.lock, self.translated():
            return self.db.execute(query, args).fetchall()

    def close(self) -> None:
        with self.lock:
            self.db.close()

    # -- instances --------------------------------------------------------------------------------

    def instances(self) -> list[Instance]:
        """All of them, oldest first."""
        return [unpack(body) for body, in self.rows("SELECT body FROM instances ORDER BY id")]

    def find(self, key: str) -> Instance | None:
        """By name or id."""
        rows = self.rows("SELECT body FROM instances WHERE id=? OR name=?", key, key)
        return unpack(rows[0][0]) if rows else None

    def get(self, key: str) -> Instance:
        """By name or id. Raises NotFound."""
        found = self.find(key)
        if found is None:
            raise NotFound(f"not found: {key}")
        return found

    def save(self, instance: Instance, event: str = "", details: dict | None = None) -> None:
        """Write what has changed outside of a change, its status, and what that was."""
        with self.transaction() as db:
            db.execute("UPDATE instances SET name=?, body=? WHERE id=?",
                       (instance.name, pack(instance), instance.id))
            if event:
                add_event(db, instance.id, event, details or {})

    # -- changes ----------------------------------------------------------------------------------

    def begin(self, verb: str, instance: Instance, before: Instance | None = None,
              args: dict | None = None) -> None:
        """Write down what shall be, before anything is done.

        Raises:
            Conflict: the name is taken.
        """
        try:
            with self.transaction() as db:
                db.execute("INSERT OR REPLACE INTO intents VALUES (?, ?, ?, ?, ?)",
                           (instance.id, verb, pack(before) if before else None,
                            json.dumps(args or {}), time.time()))
                if before is None:
                    db.execute("INSERT INTO instances VALUES (?, ?, ?)",
                               (instance.id, instance.name, pack(instance)))
                else:
                    db.execute("UPDATE instances SET name=?, body=? WHERE id=?",
                               (instance.name, pack(instance), instance.id))
        except sqlite3.IntegrityError:
            raise Conflict(f"the name {instance.name} is in use: choose another, or delete that "
                           "instance first") from None

    def finish(self, instance: Instance, event: str = "", details: dict | None = None) -> None:
        """It is done, or undone: this is how the instance stands."""
        with self.transaction() as db:
            db.execute("UPDATE instances SET name=?, body=? WHERE id=?",
                       (instance.name, pack(instance), instance.id))
            db.execute("DELETE FROM intents WHERE instance=?", (instance.id,))
            if event:
                add_event(db, instance.id, event, details or {})

    def forget(self, id: str) -> None:
        """The instance is gone."""
        with self.transaction() as db:
            for query in ("DELETE FROM instances WHERE id=?",
                          "DELETE FROM intents WHERE instance=?",
                          "DELETE FROM events WHERE instance=?"):
                db.execute(query, (id,))

    def intents(self) -> list[Intent]:
        """What was begun and not finished."""
        return [Intent(id, verb, unpack(before) if before else None, json.loads(args))
                for id, verb, before, args in
                self.rows("SELECT instance, verb, before, args FROM intents ORDER BY at")]

    # -- events -----------------------------------------------------------------------------------

    def tell(self, id: str, event: str, details: dict | None = None) -> None:
        """Remember that something happened."""
        with self.transaction() as db:
            add_event(db, id, event, details or {})

    def events(self, id: str, limit: int) -> list[Event]:
        """The latest first."""
        return [Event(row[0], row[1], row[2], row[3], json.loads(row[4])) for row in self.rows(
            "SELECT id, instance, at, type, details FROM events WHERE instance=? "
            "ORDER BY rowid DESC LIMIT ?", id, limit)]

    # -- settings, keys ---------------------------------------------------------------------------

    def setting(self, name: str) -> str:
        """What somebody chose, or the default."""
        rows = self.rows("SELECT value FROM settings WHERE name=?", name)
        return rows[0][0] if rows else SETTINGS[name].default

    def set_setting(self, name: str, given: str) -> str:
        """Raises BadRequest. Returns what is stored."""
        value = read_setting(name, given)
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))
        return value

    def add_key(self, name: str) -> tuple[str, str]:
        """A new key for the API: its id and itself, which is not kept and cannot be told again."""
        id, key = new_id("key"), "rnd_" + secrets.token_urlsafe(24)
        with self.transaction() as db:
            db.execute("INSERT INTO keys VALUES (?, ?, ?, ?)", (id, name, digest(key), time.time()))
        return id, key

    def keys(self) -> list[dict]:
        return [{"id": id, "name": name, "createdAt": at} for id, name, at in
                self.rows("SELECT id, name, at FROM keys ORDER BY id")]

    def remove_key(self, id: str) -> None:
        """Raises NotFound."""
        with self.transaction() as db:
            if not db.execute("DELETE FROM keys WHERE id=?", (id,)).rowcount:
                raise NotFound(f"not found: {id}")

    def knows_key(self, key: str) -> bool:
        """Whether somebody holds a key."""
        given = digest(key)
        return any([hmac.compare_digest(given, known)
                    for known, in self.rows("SELECT hash FROM keys")])


def digest(key: str) -> bytes:
    # Keys are random and long: a slow hash would add nothing.
    return hashlib.sha256(key.encode()).digest()


def pack(instance: Instance) -> bytes:
    return msgspec.json.encode(instance)


def unpack(body: bytes) -> Instance:
    return msgspec.json.decode(body, type=Instance)


def add_event(db: sqlite3.Connection, id: str, event: str, details: dict) -> None:
    # Their order is that of their rows: a clock that was set back must not make a new one an old.
    db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)",
               (new_id("evt"), id, time.time(), event, json.dumps(details)))
    db.execute("DELETE FROM events WHERE instance=? AND id NOT IN (SELECT id FROM events "
               "WHERE instance=? ORDER BY rowid DESC LIMIT ?)", (id, id, EVENTS_MAX))
