"""COMMAND: what commands there are, for programs (INFO, GETKEYS, LIST) and for people (DOCS).

All of it is made from the table of rows, and from tips.py, which has what no other room needs.
"""
from functools import cache

from ..wire.command import command_table
from . import inspect, rights
from .cold import Error, Raw, Set, Simple, encode, is_legacy, register
from .syntax import arguments_of
from .tips import TIPS

FLAG_ORDER = (
    "write", "readonly", "denyoom", "admin", "pubsub", "noscript", "blocking", "loading", "stale",
    "skip_monitor", "skip_commandlog", "asking", "fast", "no_auth", "sentinel",
    "no_mandatory_keys", "no_async_loading", "no_multi", "movablekeys", "allow_busy",
)


LEGACY_SINCE = (6, 2)                   # the version of server-identity redis6
# Whose options came later, all of them.
LEGACY_ARITY = dict.fromkeys(("expire", "pexpire", "expireat", "pexpireat", "xsetid", "zrank",
                              "zrevrank"), 3)


@cache
def table(legacy: bool = False) -> dict[str, dict]:
    """The rows by full name.

    Args:
        legacy: only what a server that presents itself as Redis 6.2 has.
    """
    rows = command_table()
    return rows if not legacy else {
        name: row for name, row in rows.items()
        if tuple(map(int, row["since"].split(".")[:2])) <= LEGACY_SINCE}


def text(argument: bytes) -> str:
    return argument.decode("utf-8", "replace").lower()


def top_level(legacy: bool) -> list[dict]:
    return [row for row in table(legacy).values() if row["parent"] is None]


def children(row: dict, legacy: bool) -> list[dict]:
    return [other for other in table(legacy).values() if other["parent"] == row["name"]]


# -- keys -----------------------------------------------------------------------------------------

def key_specs(row: dict) -> list[dict]:
    """Where the keys stand and what happens to them, as COMMAND INFO says it."""
    return [spec_of(one) for one in row["specs"]]


def spec_of(one: dict) -> dict:
    kind, first = one["kind"], one["first"]
    begin = ("index", {"index": first}) if kind in ("range", "counted") else \
        ("keyword", {"keyword": one["token"], "startfrom": first})
    if kind == "unknown":
        begin = find = ("unknown", {})
    elif kind == "counted":
        find = ("keynum", {"keynumidx": 0, "firstkey": 1, "keystep": one["step"]})
    else:
        last = one["last"]
        if kind == "range" and last > 0:
            last -= first
        find = ("range", {"lastkey": -1 if kind == "after" else last, "keystep": one["step"],
                          "limit": 2 if kind == "after" else 0})
    return {"flags": Set(map(Simple, one["flags"])),
            "begin_search": {"type": begin[0], "spec": begin[1]},
            "find_keys": {"type": find[0], "spec": find[1]}}


def legacy_range(row: dict) -> list[int]:
    """First key, last key and step, for clients that know no specs: as far as ranges that follow
    one another tell it."""
    ranges = [one for one in row["specs"] if one["kind"] == "range"]
    if len(ranges) == 1 and len(row["specs"]) == 1:
        return [ranges[0]["first"], ranges[0]["last"], ranges[0]["step"]]
    first = last = 0
    for one in ranges:
        if one["step"] == 1 and (not last or one["first"] == last + 1):
            first, last = first or one["first"], one["last"]
    return [first, last, 1 if first else 0]


def older_range(row: dict) -> list[int]:
    """The same for Redis 6.2, whose containers had their subcommands' keys."""
    ranges = {tuple(legacy_range(child)) for child in children(row, True) if child["specs"]}
    return list(*ranges) if len(ranges) == 1 else legacy_range(row)


def resolve(argv: list[bytes], legacy: bool) -> dict | None:
    """The row that these arguments would run."""
    row = table(legacy).get(text(argv[0]))
    if row is not None and row["container"] and len(argv) > 1:
        return table(legacy).get(f"{row['name']}|{text(argv[1])}", None)
    return row


def keys_and_flags(argv: list[bytes], legacy: bool) -> list[tuple[bytes, list[str]]]:
    row = resolve(argv, legacy)
    if row is None:
        raise Error("ERR Invalid command specified")
    if all("not_key" in one["flags"] for one in row["specs"]):
        raise Error("ERR The command has no key arguments")
    if len(argv) < abs(row["arity"]) or row["arity"] > 0 and len(argv) > row["arity"]:
        raise Error("ERR Invalid number of arguments specified for command")
    found = rights.keys_of(argv)
    if not found and "no_mandatory_keys" not in row["flags"]:
        raise Error("ERR Invalid arguments specified for command")
    return [(argv[at], flags) for at, flags in found]


@register("command|getkeys")
def getkeys(server, client, argv: list[bytes]) -> list[bytes]:
    return [key for key, _ in keys_and_flags(argv[2:], is_legacy(server, client))]


@register("command|getkeysandflags")
def getkeysandflags(server, client, argv: list[bytes]) -> list:
    return [[key, Set(map(Simple, flags))]
            for key, flags in keys_and_flags(argv[2:], is_legacy(server, client))]


# -- INFO -----------------------------------------------------------------------------------------

def describe(row: dict, legacy: bool) -> list:
    """The ten elements of COMMAND INFO, or the seven that Redis 6.2 had."""
    said = set(row["flags"])
    if any(one["kind"] != "range" for one in row["specs"]):
        said.add("movablekeys")         # first, last and step cannot tell them
    flags = Set(Simple(flag) for flag in FLAG_ORDER if flag in said)
    categories = Set(Simple(f"@{name}") for name in row["acl"])
    if legacy:
        return [row["name"], LEGACY_ARITY.get(row["name"], row["arity"]), flags,
                *older_range(row), categories]
    return [
        row["name"], row["arity"], flags, *legacy_range(row), categories,
        Set(TIPS.get(row["name"], [])), Set(key_specs(row)),
        [describe(child, legacy) for child in children(row, legacy)],
    ]


@cache
def all_described(resp: int, legacy: bool) -> Raw:
    """Clients ask for all of it when they connect: milliseconds, if it were made each time."""
    return Raw(encode([describe(row, legacy) for row in top_level(legacy)], resp))


@register("command")
def command(server, client, argv: list[bytes]) -> Raw:
    return all_described(client.resp, is_legacy(server, client))


@register("command|info")
def command_info(server, client, argv: list[bytes]) -> Raw | list:
    legacy = is_legacy(server, client)
    if len(argv) == 2:
        return all_described(client.resp, legacy)
    rows = [table(legacy).get(text(name)) for name in argv[2:]]
    return [None if row is None else describe(row, legacy) for row in rows]


@register("command|count")
def count(server, client, argv: list[bytes]) -> int:
    return len(top_level(is_legacy(server, client)))


@register("command|list")
def command_list(server, client, argv: list[bytes]) -> list[str]:
    rows = table(is_legacy(server, client))
    if len(argv) == 2:
        return list(rows)
    if len(argv) != 5 or text(argv[2]) != "filterby":
        raise Error("ERR syntax error")
    kind, wanted = text(argv[3]), argv[4]
    if kind == "aclcat":
        return [name for name, row in rows.items() if text(wanted) in row["acl"]]
    if kind == "pattern":
        return [name for name in rows if inspect.glob(wanted, name.encode())]
    if kind == "module":
        return []                       # there are no modules
    raise Error("ERR syntax error")


# -- DOCS -----------------------------------------------------------------------------------------

# For the server's own use, and what is kept for who still sends it: (since when, instead).
SYSTEM = {"cluster|syncslots", "debug", "pfdebug", "pfselftest", "replconf", "restore-asking"}
DEPRECATED = {"cluster|slaves": ("5.0.0", "`CLUSTER REPLICAS`"),
              "slaveof": ("5.0.0", "`REPLICAOF`")}


def document(row: dict, legacy: bool) -> dict:
    """A command's entry in COMMAND DOCS."""
    entry = {"summary": row["summary"], "since": row["since"], "group": row["group"],
             "complexity": row["complexity"]}
    if row["name"] in SYSTEM:
        entry["doc_flags"] = Set([Simple("syscmd")])
    if row["name"] in DEPRECATED:
        since, instead = DEPRECATED[row["name"]]
        entry |= {"doc_flags": Set([Simple("deprecated")]), "deprecated_since": since,
                  "replaced_by": instead}
    arguments = arguments_of(row, key_specs(row))
    below = children(row, legacy)
    if arguments and not below:
        entry["arguments"] = arguments
    if below:
        entry["subcommands"] = {child["name"]: document(child, legacy) for child in below}
    return entry


@cache
def all_documented(resp: int, legacy: bool) -> Raw:
    return Raw(encode({row["name"]: document(row, legacy) for row in top_level(legacy)}, resp))


@register("command|docs")
def docs(server, client, argv: list[bytes]) -> Raw | dict:
    legacy = is_legacy(server, client)
    if len(argv) == 2:
        return all_documented(client.resp, legacy)
    rows = [table(legacy)[text(name)] for name in argv[2:] if text(name) in table(legacy)]
    return {row["name"]: document(row, legacy) for row in rows}
