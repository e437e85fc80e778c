"""Users and their rules, as text: what ACL SETUSER reads and ACL LIST shows.

The truth about users is here; the floor (wire/acl) holds what it needs to check commands, written
anew by rights.install whenever a user has changed. A rule is bytes, since names, patterns and
passwords are.

The description of a user, given to a new one as rules, makes the same user. Of commands it keeps
what was said, in order, without what a later rule has made pointless: "+get" takes back "-get" and
"+get|word", "+@all" everything before it.

    user NAME on #HASH ~KEYS resetchannels &CHANNELS db=0,1 -@all +@read -get (~OTHER -@all +set)
         |    |  |     ^ patterns          ^                ^     ^ commands  ^ a second selector
"""
import hashlib
import os
import re
from functools import cache

from ..wire.command import command_table
from . import rights

READ, WRITE = 1, 2                      # PATTERN_* of wire/acl
ACCESS = {READ: b"%R~", WRITE: b"%W~", READ | WRITE: b"~"}
DATABASE_MAX = 2**31 - 1
SYNTAX = "Syntax error"
UNKNOWN = "Unknown command or category name in ACL"
FIRST_ARG = "Allowing first-arg of a subcommand is not supported"
HASH = ("The password hash must be exactly 64 characters and contain only lowercase hexadecimal "
        "characters")
NO_PASSWORD = "The password you are trying to remove from the user does not exist"
BAD_DATABASE = "The provided database ID is out of range"
AFTER_ALL = ("Adding a pattern after the * pattern (or the 'all{0}' flag) is not valid and does "
             "not have any effect. Try 'reset{0}' to start with an empty list of {1}")
CATEGORIES = (
    "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap",
    "hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous",
    "connection", "transaction", "scripting",
)


class RuleError(ValueError):
    """A rule that cannot be had, and why.

    Attributes:
        rule: as it was given.
        reason: in Valkey's words.
    """

    def __init__(self, rule: bytes, reason: str):
        super().__init__(reason)
        self.rule = rule
        self.reason = reason


@cache
def commands() -> dict[str, dict]:
    """The rows of all commands, by full name."""
    return command_table()


@cache
def family(name: str) -> frozenset[int]:
    """The command with this full name, and its subcommands, by id."""
    return frozenset(row["id"] for row in commands().values()
                     if row["name"] == name or row["parent"] == name)


@cache
def category(name: str) -> frozenset[int]:
    """All commands of a category. A container brings its subcommands."""
    found = set()
    for row in commands().values():
        if name in row["acl"]:
            found |= family(row["name"])
    return frozenset(found)


def has_space(text: bytes) -> bool:
    return any(byte in b" \t\n\v\f\r\0" for byte in text)


def lower(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape").lower()


class Selector:
    """One set of rights. No dataclass: the import of that takes 1.6 MB of every engine."""

    def __init__(self, all_keys: bool = False, all_channels: bool = False):
        self.free = False               # +@all, and nothing taken away since
        self.base = False               # what commands of the future get: +@all or -@all
        self.allowed: set[int] = set()
        self.words: dict[int, list[bytes]] = {}         # first words, by command
        self.rules: list[bytes] = []                    # of commands, as they are shown
        self.all_keys = all_keys
        self.keys: dict[bytes, int] = {}                # pattern: READ, WRITE
        self.all_channels = all_channels
        self.channels: list[bytes] = []
        self.databases: list[int] | None = None         # None: all

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Selector) and self.__dict__ == other.__dict__

    def copy(self) -> "Selector":
        other = Selector()
        other.__dict__.update({name: value.copy() if isinstance(value, set | dict | list)
                               else value for name, value in self.__dict__.items()})
        other.words = {id: list(words) for id, words in self.words.items()}
        return other

    # -- rules --------------------------------------------------------------------------------

    def apply(self, rule: bytes) -> None:
        """
        Raises:
            RuleError: there is no such rule.
        """
        word = lower(rule)
        if word in ("allkeys", "~*"):
            self.all_keys = True
            self.keys.clear()
        elif word == "resetkeys":
            self.all_keys = False
            self.keys.clear()
        elif word in ("allchannels", "&*"):
            self.all_channels = True
            self.channels.clear()
        elif word == "resetchannels":
            self.all_channels = False
            self.channels.clear()
        elif word in ("allcommands", "+@all"):
            self.all_commands(True)
        elif word in ("nocommands", "-@all"):
            self.all_commands(False)
        elif word == "alldbs":
            self.databases = None
        elif word == "resetdbs":
            self.databases = []
        elif word.startswith("db="):
            self.databases = self.parse_databases(rule)
        elif rule[:1] in (b"~", b"%"):
            self.add_keys(rule)
        elif rule[:1] == b"&":
            self.add_channels(rule)
        elif rule[:2] in (b"+@", b"-@"):
            self.change_category(rule)
        elif rule[:1] in (b"+", b"-"):
            self.change_command(rule)
        else:
            raise RuleError(rule, SYNTAX)

    @staticmethod
    def parse_databases(rule: bytes) -> list[int]:
        found = set()
        for word in rule[3:].split(b","):
            if not re.fullmatch(rb"-?(0|[1-9][0-9]*)", word):
                raise RuleError(rule, SYNTAX)
            if not 0 <= int(word) <= DATABASE_MAX:
                raise RuleError(rule, BAD_DATABASE)
            found.add(int(word))
        return sorted(found)

    def add_keys(self, rule: bytes) -> None:
        if self.all_keys:
            raise RuleError(rule, AFTER_ALL.format("keys", "patterns"))
        access, at = READ | WRITE, 1
        if rule[:1] == b"%":
            access = 0
            while at < len(rule) and rule[at:at + 1] != b"~":
                bit = {b"R": READ, b"W": WRITE}.get(rule[at:at + 1].upper(), 0)
                if not bit or access & bit:
                    raise RuleError(rule, SYNTAX)
                access |= bit
                at += 1
            at += 1
        pattern = rule[at:]
        if not access or has_space(pattern):
            raise RuleError(rule, SYNTAX)
        self.keys[pattern] = self.keys.get(pattern, 0) | access

    def add_channels(self, rule: bytes) -> None:
        if self.all_channels:
            raise RuleError(rule, AFTER_ALL.format("channels", "channels"))
        if has_space(rule):
            raise RuleError(rule, SYNTAX)
        if rule[1:] not in self.channels:
            self.channels.append(rule[1:])

    def all_commands(self, allow: bool) -> None:
        self.free = self.base = allow
        self.allowed = {row["id"] for row in commands().values()} if allow else set()
        self.words.clear()
        self.rules.clear()

    def change(self, ids: frozenset[int], allow: bool) -> None:
        if allow:
            self.allowed |= ids
        else:
            self.allowed -= ids
            self.free = False
        for id in ids:
            self.words.pop(id, None)

    def change_category(self, rule: bytes) -> None:
        name = lower(rule[2:])
        if name not in CATEGORIES:
            raise RuleError(rule, UNKNOWN)
        self.change(category(name), rule[:1] == b"+")
        self.keep(rule)

    def change_command(self, rule: bytes) -> None:
        allow, name = rule[:1] == b"+", lower(rule[1:])
        first, bar, word = name.partition("|")
        if name in commands():
            self.change(family(name), allow)
        elif bar and "|" in word and f"{first}|{word.partition('|')[0]}" in commands() and allow:
            raise RuleError(rule, FIRST_ARG)
        elif not bar or "|" in word or first not in commands() or not allow:
            raise RuleError(rule, UNKNOWN)
        elif not word:
            raise RuleError(rule, SYNTAX)
        elif commands()[first]["container"]:
            raise RuleError(rule, UNKNOWN)
        else:
            words = self.words.setdefault(commands()[first]["id"], [])
            argument = rule[1:].partition(b"|")[2]
            if argument.lower() not in [other.lower() for other in words]:
                words.append(argument)
        self.keep(rule)

    def keep(self, rule: bytes) -> None:
        """Show this rule from now on, and none that it has made pointless."""
        rule = rule[:1] + rule[1:].lower()
        self.rules = [old for old in self.rules
                      if old[1:] != rule[1:] and not old[1:].startswith(rule[1:] + b"|")]
        self.rules.append(rule)

    # -- text ---------------------------------------------------------------------------------

    def show_commands(self) -> bytes:
        return b" ".join([b"+@all" if self.base else b"-@all", *self.rules])

    def show_keys(self) -> bytes:
        # Valkey shows what stands beside `*` too, and cannot read that back.
        if self.all_keys or self.keys.get(b"*") == READ | WRITE:
            return b"~*"
        return b" ".join(ACCESS[access] + pattern for pattern, access in self.keys.items())

    def show_channels(self) -> bytes:
        if self.all_channels:
            return b"&*"
        return b" ".join(b"&" + pattern for pattern in self.channels)

    def show_databases(self) -> bytes:
        if self.databases is None:
            return b"alldbs"
        if not self.databases:
            return b"resetdbs"
        return b"db=" + b",".join(b"%d" % index for index in self.databases)

    def show(self) -> bytes:
        parts = [self.show_keys()] if self.all_keys or self.keys else []
        parts += [] if self.all_channels else [b"resetchannels"]
        parts += [self.show_channels()] if self.all_channels or self.channels else []
        parts += [] if self.databases is None else [self.show_databases()]
        return b" ".join([*parts, self.show_commands()])

    def compiled(self, database_count: int) -> tuple:
        """As rights.install takes it."""
        databases = self.databases
        if databases is not None and set(range(database_count)) <= set(databases):
            databases = None
        flags = (1 * self.free | 2 * self.all_keys | 4 * self.all_channels
                 | 8 * (databases is None))
        words = [(id, word) for id, several in self.words.items() for word in several]
        return (flags, self.allowed, words, list(self.keys.items()), self.channels,
                databases or [])


class User:
    """A name, its passwords and its rights."""

    def __init__(self, name: bytes, on: bool = False, nopass: bool = False):
        self.name = name
        self.on = on
        self.nopass = nopass
        self.digests: list[str] = []                    # in hexadecimal
        self.selectors = [Selector()]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, User) and self.__dict__ == other.__dict__

    def copy(self) -> "User":
        other = User(self.name, self.on, self.nopass)
        other.digests = list(self.digests)
        other.selectors = [selector.copy() for selector in self.selectors]
        return other

    def apply(self, rule: bytes, all_channels: bool) -> None:
        """
        Args:
            all_channels: what `reset` leaves, and selectors begin with: acl-pubsub-default.
        Raises:
            RuleError: there is no such rule.
        """
        word = lower(rule)
        if not rule or word in ("sanitize-payload", "skip-sanitize-payload"):
            return                      # payloads are always checked, whoever brings them
        if word in ("on", "off"):
            self.on = word == "on"
        elif word == "nopass":
            self.nopass = True
            self.digests.clear()
        elif word == "resetpass":
            self.nopass = False
            self.digests.clear()
        elif word == "reset":
            self.on = self.nopass = False
            self.digests.clear()
            self.selectors = [Selector(all_channels=all_channels)]
        elif word == "clearselectors":
            del self.selectors[1:]
        elif rule[:1] in (b">", b"#", b"<", b"!"):
            self.change_password(rule)
        elif rule[:1] == b"(" and rule[-1:] == b")" and len(rule) > 1:
            self.add_selector(rule, all_channels)
        else:
            self.selectors[0].apply(rule)

    def change_password(self, rule: bytes) -> None:
        digest = rule[1:].decode("latin-1")
        if rule[:1] in (b">", b"<"):
            digest = hashlib.sha256(rule[1:]).hexdigest()
        elif not re.fullmatch("[0-9a-f]{64}", digest):
            raise RuleError(rule, HASH)
        if rule[:1] in (b"<", b"!"):
            if digest not in self.digests:
                raise RuleError(rule, NO_PASSWORD)
            self.digests.remove(digest)
        else:
            self.nopass = False
            if digest not in self.digests:
                self.digests.append(digest)

    def add_selector(self, rule: bytes, all_channels: bool) -> None:
        selector = Selector(all_channels=all_channels)
        for part in rule[1:-1].split():
            try:
                selector.apply(part)
            except RuleError as error:
                raise RuleError(rule, error.reason) from None
        self.selectors.append(selector)

    def show(self) -> bytes:
        """As ACL LIST has it, and files of users."""
        parts = [b"user", self.name, b"on" if self.on else b"off"]
        parts += [b"nopass"] if self.nopass else []
        parts += [b"#" + digest.encode() for digest in self.digests]
        parts.append(self.selectors[0].show())
        parts += [b"(" + selector.show() + b")" for selector in self.selectors[1:]]
        return b" ".join(parts)


def join_selectors(rules: list[bytes]) -> list[bytes]:
    """Selectors that were given as several words, as one.

    Raises:
        RuleError: one is never closed; `rule` is how it began.
    """
    found, opened = [], []
    for rule in rules:
        if opened or rule[:1] == b"(":
            opened.append(rule)
            if rule[-1:] == b")" and rule != b"(":
                found.append(b" ".join(opened))
                opened = []
        else:
            found.append(rule)
    if opened:
        raise RuleError(opened[0], "Unmatched parenthesis")
    return found


class Users:
    """The users of a server."""

    def __init__(self, server):
        self.server = server
        self.all: dict[bytes, User] = {b"default": default_user()}

    def install(self, user: User) -> None:
        """This is how the user is from now on."""
        self.all[user.name] = user
        count = int(self.server.config("databases")["databases"])
        rights.install(
            self.server.capsule, user.name, user.on, user.nopass,
            [bytes.fromhex(digest) for digest in user.digests],
            [selector.compiled(count) for selector in user.selectors])

    def remove(self, name: bytes) -> bool:
        """Delete a user and close its connections; False when there is none."""
        if self.all.pop(name, None) is None:
            return False
        rights.remove(self.server.capsule, name)
        return True

    def new_user(self, name: bytes) -> User:
        user = User(name)
        user.selectors[0].all_channels = self.hears_all()
        return user

    def hears_all(self) -> bool:
        return self.server.config("acl-pubsub-default")["acl-pubsub-default"] == "allchannels"

    def changed(self, user: User, rules: list[bytes]) -> User:
        """A copy of the user to which the rules have been applied.

        Raises:
            RuleError: one of them cannot be had.
        """
        user, hears = user.copy(), self.hears_all()
        for rule in rules:
            user.apply(rule, hears)
        return user

    def replace_all(self, users: dict[bytes, User]) -> None:
        """These are the users from now on. `default` is as new unless it is among them."""
        for name in [name for name in self.all if name not in users and name != b"default"]:
            self.remove(name)
        for user in {b"default": default_user(), **users}.values():
            self.install(user)

    def load(self, path: str) -> None:
        """Read a file of users.

        Raises:
            ValueError: all that is wrong with it.
        """
        self.replace_all(read_file(self, path))

    def set_default_password(self, password: bytes) -> None:
        """requirepass: the only password of `default`; empty: it needs none."""
        self.install(with_password(self.all[b"default"].copy(), password))

    def check(self, name: bytes, rules: list[bytes]) -> None:
        """
        Raises:
            RuleError: one of the rules cannot be had, or the name.
        """
        if has_space(name):
            raise RuleError(name, "Usernames can't contain spaces or null characters")
        self.changed(self.new_user(name), join_selectors(list(rules)))

    def define(self, rules: dict[bytes, list[bytes]]) -> None:
        """Users of a configuration file, by name.

        Raises:
            RuleError: one of their rules cannot be had.
        """
        self.replace_all({name: self.changed(self.new_user(name), join_selectors(words))
                          for name, words in rules.items()})

    def show(self) -> list[bytes]:
        return [user.show() for _, user in sorted(self.all.items())]


def with_password(user: User, password: bytes) -> User:
    user.apply(b"resetpass", False)
    user.apply(b">" + password if password else b"nopass", False)
    return user


def default_user() -> User:
    selector = Selector(all_keys=True, all_channels=True)
    selector.all_commands(True)
    user = User(b"default", on=True, nopass=True)
    user.selectors = [selector]
    return user


# -- files of users ------------------------------------------------------------------------------

def shown(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def read_file(users: Users, path: str) -> dict[bytes, User]:
    """The users in a file.

    Raises:
        ValueError: all that is wrong with it.
    """
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except OSError as error:
        raise ValueError(f"Error loading ACLs, opening file '{path}': "
                         f"{os.strerror(error.errno or 0)}") from None
    found: dict[bytes, User] = {}
    faults = []
    for place, line in enumerate(lines, 1):
        if line.strip():
            fault = read_line(users, line, found, f"{path}:{place}", place)
            faults += [fault] if fault else []
    if faults:
        raise ValueError("".join(faults) + "WARNING: ACL errors detected, no change to the "
                         "previously active ACL rules was performed")
    return found


def read_line(users: Users, line: bytes, found: dict[bytes, User], where: str, place: int) -> str:
    """Add the user that a line describes, or say what is wrong with it."""
    words = line.split()
    if words[0] != b"user" or len(words) < 2:
        return f"{where} should start with user keyword followed by the username. "
    name = words[1]
    if name in found:
        return f"WARNING: Duplicate user '{shown(name)}' found on line {place}. "
    try:
        rules = join_selectors(words[2:])
    except RuleError:
        return f"{where}: Unmatched parenthesis in selector definition."
    try:
        found[name] = users.changed(users.new_user(name), rules)
    except RuleError as error:
        if error.reason == SYNTAX:
            return f"{where}: {error.reason}. "
        return f"{where}: Error in applying operation '{shown(error.rule)}': {error.reason}. "
    return ""
