"""COMMAND: what commands there are, for programs (INFO, GETKEYS, LIST) and for people (DOCS).

All of it is made from the table of rows. What the rows do not say, since no other room needs it,
stands in the tables here: tips for routing clients, and the keys of the few commands that do
different things to different keys.
"""
from functools import cache

from ..wire.command import command_table
from . import inspect
from .cold import NULL_ARRAY, Error, Raw, Set, Simple, encode, register
from .syntax import arguments_of

# Hints for clients that spread commands over many servers, by command.
NONDETERMINISTIC = "nondeterministic_output"
UNORDERED = "nondeterministic_output_order"
ALL_NODES = "request_policy:all_nodes"
ALL_SHARDS = "request_policy:all_shards"
MULTI_SHARD = "request_policy:multi_shard"
ALL_SUCCEEDED = "response_policy:all_succeeded"
SUM = "response_policy:agg_sum"
SPECIAL = "response_policy:special"
TIPS = {
    **dict.fromkeys(("command", "command|docs", "command|info", "command|list", "module|list"),
                    [UNORDERED]),
    **dict.fromkeys(("lastsave", "time", "ttl", "pttl", "client|info", "client|list"),
                    [NONDETERMINISTIC]),
    **dict.fromkeys(("config|resetstat", "config|rewrite", "config|set", "client|setinfo",
                     "client|setname"), [ALL_NODES, ALL_SUCCEEDED]),
    **dict.fromkeys(("info", "memory|doctor", "memory|malloc-stats", "memory|stats"),
                    [NONDETERMINISTIC, ALL_SHARDS, SPECIAL]),
    **dict.fromkeys(("slowlog|get", "commandlog|get"), [ALL_NODES, NONDETERMINISTIC]),
    **dict.fromkeys(("slowlog|len", "commandlog|len"), [ALL_NODES, SUM, NONDETERMINISTIC]),
    **dict.fromkeys(("slowlog|reset", "commandlog|reset"), [ALL_NODES, ALL_SUCCEEDED]),
    **dict.fromkeys(tuple(f"latency|{name}" for name in (
        "doctor", "graph", "histogram", "history", "latest")),
        [NONDETERMINISTIC, ALL_NODES, SPECIAL]),
    "latency|reset": [ALL_NODES, SUM],
    "memory|purge": [ALL_SHARDS, ALL_SUCCEEDED],
    **dict.fromkeys(("flushall", "flushdb"), [ALL_SHARDS, ALL_SUCCEEDED]),
    "dbsize": [ALL_SHARDS, SUM],
    **dict.fromkeys(("del", "unlink", "exists", "touch"), [MULTI_SHARD, SUM]),
    "mget": [MULTI_SHARD],
    **dict.fromkeys(("mset", "msetex"), [MULTI_SHARD, ALL_SUCCEEDED]),
    "keys": [ALL_SHARDS, UNORDERED],
    "randomkey": [ALL_SHARDS, SPECIAL, NONDETERMINISTIC],
    "scan": [NONDETERMINISTIC, "request_policy:special", SPECIAL],
    **dict.fromkeys(("object|freq", "object|idletime", "object|refcount", "object|encoding"),
                    [NONDETERMINISTIC]),
    **dict.fromkeys(("spop", "srandmember", "sscan"), [NONDETERMINISTIC]),
    **dict.fromkeys(("smembers", "sinter", "sunion", "sdiff"), [UNORDERED]),
    "ping": [ALL_SHARDS, ALL_SUCCEEDED],
}

# Commands that do not treat all their keys alike: a spec for each kind, in order.
READ, OVERWRITE = ["RO", "access"], ["OW", "update"]
SPECS = {
    "copy": [(1, 1, 1, READ), (2, 2, 1, OVERWRITE)],
    "rename": [(1, 1, 1, ["RW", "access", "delete"]), (2, 2, 1, OVERWRITE)],
    **dict.fromkeys(("lmove", "rpoplpush", "blmove", "brpoplpush"), [
        (1, 1, 1, ["RW", "access", "delete"]), (2, 2, 1, ["RW", "insert"])]),
    "renamenx": [(1, 1, 1, ["RW", "access", "delete"]), (2, 2, 1, ["OW", "insert"])],
    "bitop": [(2, 2, 1, OVERWRITE), (3, -1, 1, READ)],
    "smove": [(1, 1, 1, ["RW", "access", "delete"]), (2, 2, 1, ["RW", "insert"])],
    **dict.fromkeys(("sinterstore", "sunionstore", "sdiffstore"),
                    [(1, 1, 1, OVERWRITE), (2, -1, 1, READ)]),
}
# Commands whose words decide what they do to their keys.
VARIABLE = {"set": ("GET",), "bitfield": ("SET", "INCRBY")}
FLAG_ORDER = (
    "write", "readonly", "denyoom", "admin", "pubsub", "noscript", "blocking", "loading", "stale",
    "skip_monitor", "skip_commandlog", "asking", "fast", "no_auth", "may_replicate", "sentinel",
    "no_mandatory_keys", "no_async_loading", "no_multi", "movablekeys", "allow_busy",
)


@cache
def table() -> dict[str, dict]:
    return command_table()


def text(argument: bytes) -> str:
    return argument.decode("utf-8", "replace").lower()


def top_level() -> list[dict]:
    return [row for row in table().values() if row["parent"] is None]


def children(row: dict) -> list[dict]:
    return [other for other in table().values() if other["parent"] == row["name"]]


# -- keys -----------------------------------------------------------------------------------------

def key_specs(row: dict) -> list[dict]:
    """Where the keys stand and what happens to them, as COMMAND INFO says it."""
    keys = row["keys"]
    if keys["kind"] == "none":
        return []
    flags = keys["flags"] + (["variable_flags"] if row["name"] in VARIABLE else [])
    if keys["kind"] == "range":
        specs = SPECS.get(row["name"]) or [(keys["first"], keys["last"], keys["step"], flags)]
        return [spec(flags, ("index", {"index": first}), ("range", {
            "lastkey": last - first if last > 0 else last, "keystep": step, "limit": 0}))
            for first, last, step, flags in specs]
    if keys["kind"] == "counted":
        return [spec(flags, ("index", {"index": keys["first"]}), ("keynum", {
            "keynumidx": 0, "firstkey": 1, "keystep": keys["step"]}))]
    return [spec(flags, ("keyword", {"keyword": keys["token"], "startfrom": keys["first"]}),
                 ("range", {"lastkey": -1, "keystep": 1, "limit": 2}))]


def spec(flags: list[str], begin: tuple, find: tuple) -> dict:
    return {"flags": Set(map(Simple, flags)),
            "begin_search": {"type": begin[0], "spec": begin[1]},
            "find_keys": {"type": find[0], "spec": find[1]}}


def positions(one: dict, argv: list[bytes]) -> list[int]:
    """Indexes of the keys that a spec finds.

    Raises:
        Error: the arguments contradict the spec.
    """
    begin, find = one["begin_search"]["spec"], one["find_keys"]["spec"]
    if "index" in begin:
        first = begin["index"]
    else:
        words = [argument.upper() for argument in argv]
        token = begin["keyword"].encode()
        if token not in words[begin["startfrom"]:]:
            raise Error("ERR Invalid arguments specified for command")
        first = words.index(token, begin["startfrom"]) + 1
    if "keynumidx" in find:
        count = argv[first]
        stop = first + 1 + int(count) * find["keystep"] if count.isdigit() else len(argv) + 1
        if stop > len(argv):
            raise Error("ERR Invalid arguments specified for command")
        return list(range(first + 1, stop, find["keystep"]))
    last = first + find["lastkey"] if find["lastkey"] >= 0 else len(argv) + find["lastkey"]
    if find["limit"] > 1:
        last = first + (last - first + 1) // find["limit"] - 1
    return list(range(first, min(last + 1, len(argv)), find["keystep"]))


def flags_of(row: dict, one: dict, argv: list[bytes]) -> list[str]:
    """A spec's flags for these arguments."""
    flags = [flag for flag in one["flags"] if flag != "variable_flags"]
    if row["name"] == "set" and b"GET" not in [word.upper() for word in argv[3:]]:
        return OVERWRITE
    if row["name"] == "bitfield" and not {b"SET", b"INCRBY"} & {
            word.upper() for word in argv[2:]}:
        return READ
    return flags


def resolve(argv: list[bytes]) -> dict | None:
    """The row that these arguments would run."""
    row = table().get(text(argv[0]))
    if row is not None and row["container"] and len(argv) > 1:
        return table().get(f"{row['name']}|{text(argv[1])}", None)
    return row


def keys_and_flags(argv: list[bytes]) -> list[tuple[bytes, list[str]]]:
    row = resolve(argv)
    if row is None:
        raise Error("ERR Invalid command specified")
    specs = key_specs(row)
    if not specs:
        raise Error("ERR The command has no key arguments")
    if len(argv) < abs(row["arity"]) or row["arity"] > 0 and len(argv) > row["arity"]:
        raise Error("ERR Invalid number of arguments specified for command")
    return [(argv[at], flags_of(row, one, argv)) for one in specs for at in positions(one, argv)]


@register("command|getkeys")
def getkeys(server, client, argv: list[bytes]) -> list[bytes]:
    return [key for key, _ in keys_and_flags(argv[2:])]


@register("command|getkeysandflags")
def getkeysandflags(server, client, argv: list[bytes]) -> list:
    return [[key, Set(map(Simple, flags))] for key, flags in keys_and_flags(argv[2:])]


# -- INFO -----------------------------------------------------------------------------------------

def describe(row: dict) -> list:
    """The ten elements of COMMAND INFO."""
    keys, ranged = row["keys"], row["keys"]["kind"] == "range"
    flags = [flag for flag in FLAG_ORDER if flag in row["flags"]]
    return [
        row["name"], row["arity"], Set(map(Simple, flags)),
        keys["first"] if ranged else 0, keys["last"] if ranged else 0,
        keys["step"] if ranged else 0, Set(Simple(f"@{name}") for name in row["acl"]),
        Set(TIPS.get(row["name"], [])), Set(key_specs(row)),
        [describe(child) for child in children(row)],
    ]


@cache
def all_described(resp: int) -> Raw:
    """Clients ask for all of it when they connect: milliseconds, if it were made each time."""
    return Raw(encode([describe(row) for row in top_level()], resp))


@register("command")
def command(server, client, argv: list[bytes]) -> Raw:
    return all_described(client.resp)


@register("command|info")
def command_info(server, client, argv: list[bytes]) -> Raw | list:
    if len(argv) == 2:
        return all_described(client.resp)
    rows = [table().get(text(name)) for name in argv[2:]]
    return [NULL_ARRAY if row is None else describe(row) for row in rows]


@register("command|count")
def count(server, client, argv: list[bytes]) -> int:
    return len(top_level())


@register("command|list")
def command_list(server, client, argv: list[bytes]) -> list[str]:
    if len(argv) == 2:
        return list(table())
    if len(argv) != 5 or text(argv[2]) != "filterby":
        raise Error("ERR syntax error")
    kind, wanted = text(argv[3]), argv[4]
    if kind == "aclcat":
        return [name for name, row in table().items() if text(wanted) in row["acl"]]
    if kind == "pattern":
        return [name for name in table() if inspect.glob(wanted, name.encode())]
    if kind == "module":
        return []                       # there are no modules
    raise Error("ERR syntax error")


# -- DOCS -----------------------------------------------------------------------------------------

def document(row: dict) -> dict:
    """A command's entry in COMMAND DOCS."""
    entry = {"summary": row["summary"], "since": row["since"], "group": row["group"],
             "complexity": row["complexity"]}
    if row["name"] == "debug":
        entry["doc_flags"] = Set([Simple("syscmd")])
    arguments = arguments_of(row, key_specs(row))
    if arguments and not children(row):
        entry["arguments"] = arguments
    if children(row):
        entry["subcommands"] = {child["name"]: document(child) for child in children(row)}
    return entry


@cache
def all_documented(resp: int) -> Raw:
    return Raw(encode({row["name"]: document(row) for row in top_level()}, resp))


@register("command|docs")
def docs(server, client, argv: list[bytes]) -> Raw | dict:
    if len(argv) == 2:
        return all_documented(client.resp)
    rows = [table()[text(name)] for name in argv[2:] if text(name) in table()]
    return {row["name"]: document(row) for row in rows}
