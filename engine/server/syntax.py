"""The syntax line of a command's row, read: the tree of arguments that COMMAND DOCS tells.

    [x]          x may be left out              x | y        one of them
    <x | y>      one of them, and it must be    WORD         a token, sent as it stands
    x [x ...]    x, any number of times         [x | y ...]  either, any number of times
    name         an argument

A token and the names behind it belong together: EX seconds, LIMIT offset count. The names say the
type: `key` is a key, `seconds` an integer, `pattern` a pattern.
"""
import re
from collections.abc import Iterator

from .argument_names import give_names
from .cold import Set, Simple

WORDS = re.compile(r"\.\.\.|[][<>|]|[^][<>|\s]+")
KEYS = {"key", "newkey", "source", "destination", "destkey", "key1", "key2", "srckey", "dstkey",
        "sourcekey", "src", "dst"}
INTEGERS = {
    "bit", "bits", "client-id", "cluster-bus-port", "config-epoch", "count", "cursor", "db",
    "decrement", "destination-db", "end", "end-slot", "entries-added", "entries-read",
    "frequency", "idle", "increment", "index", "index1", "index2", "len", "limit", "maxage",
    "milliseconds", "min-match-len", "ms", "not-client-id", "not-db", "num-matches",
    "num-vertices", "numfields", "numkeys", "numlocal", "numreplicas", "offset", "port",
    "protover", "rank", "samples", "seconds", "slot", "start", "start-slot", "stop", "timeout",
    "ttl", "value-bit", "version", "weight",
}
TYPES = {"unix-time-seconds": "unix-time", "unix-time-milliseconds": "unix-time",
         "pattern": "pattern", "by-pattern": "pattern", "get-pattern": "pattern",
         "match-pattern": "pattern", "score": "double", "longitude": "double",
         "latitude": "double", "height": "double", "radius": "double", "width": "double"}

BY_SCORE = {"zcount", "zrangebyscore", "zrevrangebyscore", "zremrangebyscore"}

# Tokens that belong to the first name behind them, where others make a block of all.
FIRST_ONLY = {"BYBOX", "BYPOLYGON"}

# All behind the first so many arguments is one block.
BLOCK_BEHIND = {"xtrim": 1}

# A parsed syntax: a word, ("...",), or (bracket, [sequence, ...]) with a sequence per alternative.
Node = str | tuple


def parse(words: Iterator[str]) -> list[list[Node]]:
    """Alternatives up to the closing bracket, or to the end."""
    alternatives: list[list[Node]] = [[]]
    for word in words:
        if word in "]>":
            break
        if word == "|":
            alternatives.append([])
        elif word in "[<":
            alternatives[-1].append((word, parse(words)))
        else:
            alternatives[-1].append(word)
    return alternatives


def is_token(node: Node) -> bool:
    return isinstance(node, str) and node == node.upper() and node != "..."


def is_name(node: Node) -> bool:
    return isinstance(node, str) and not is_token(node) and node != "..."


def is_repeat(node: Node) -> bool:
    """[x ...]: what stands before it may come again."""
    return (isinstance(node, tuple) and node[0] == "[" and len(node[1]) == 1
            and node[1][0][-1:] == ["..."])


def is_pair_of_lists(nodes: list[Node]) -> bool:
    """key [key ...] id [id ...]: behind a token they are one argument."""
    return (len(nodes) >= 4 and is_name(nodes[0]) and is_repeat(nodes[1]) and is_name(nodes[2])
            and is_repeat(nodes[3]))


def type_of(name: str, row: dict) -> str:
    if name in KEYS and row["keys"]["kind"] != "none":
        return "key"
    if name in ("start", "end") and row.get("group") == "stream":
        return "string"                 # ids
    if name == "min-idle-time" and row["name"] == "xpending":
        return "integer"
    if name == "increment" and row["name"].endswith("float"):
        return "double"
    if name == "value" and row.get("group") == "bitmap":
        return "integer"
    if name == "timeout" and row.get("group") in ("list", "sorted-set"):
        return "double"
    if name in ("min", "max") and row["name"] in BY_SCORE:
        return "double"
    if name in ("start", "stop") and row["name"] == "zrange":
        return "string"
    if name == "cursor" and row["name"] == "clusterscan":
        return "string"
    if row["name"] in ("hexpireat", "hpexpireat") and name.startswith("unix-time"):
        return "integer"
    return TYPES.get(name) or ("integer" if name in INTEGERS else "string")


class Builder:
    """Makes the arguments of one row; counts its keys, since each names its key spec."""

    def __init__(self, row: dict, specs: list[dict]) -> None:
        self.row, self.specs, self.keys = row, specs, 0

    def named(self, name: str) -> dict:
        argument = {"name": name, "type": type_of(name, self.row), "display_text": name}
        if argument["type"] == "key":
            argument["key_spec_index"] = min(self.keys, len(self.specs) - 1)
            self.keys += 1
        elif name in ("by-pattern", "get-pattern"):     # SORT's: one spec for what both reach
            argument["key_spec_index"] = 1
            self.keys = 2
        elif name == "numfields" and self.row["name"] != "hexpire":
            argument["key_spec_index"] = 0              # as Valkey has it, though it is no key
        return argument

    def pure_token(self, token: str) -> dict:
        return {"name": token.lower(), "type": "pure-token", "display_text": token.lower(),
                "token": "" if token == '""' else token}

    def token_with(self, token: str, names: list[str]) -> dict:
        """EX seconds; LIMIT offset count."""
        if not names:
            return self.pure_token(token)
        if len(names) == 1:
            return {**self.named(names[0]), "token": token}
        return {"name": token.lower(), "type": "block", "token": token,
                "arguments": [self.named(name) for name in names]}

    def block(self, arguments: list[dict]) -> dict:
        if len(arguments) == 1:
            return arguments[0]
        first = arguments[0]
        if first["type"] == "block" and "token" in first:       # TO host port [FORCE]
            first["arguments"] += arguments[1:]
            return first
        return {"name": "-".join(argument["name"] for argument in arguments[:2]),
                "type": "block", "arguments": arguments}

    def group(self, alternatives: list[list[Node]]) -> dict:
        made = [self.block(self.sequence(nodes)) for nodes in alternatives]
        if len(made) == 1:
            return made[0]
        return {"name": name_of_choice(made), "type": "oneof", "arguments": made}

    def sequence(self, nodes: list[Node]) -> list[dict]:
        out: list[dict] = []
        at = 0
        while at < len(nodes):
            node = nodes[at]
            at += 1
            if is_token(node):
                stop = at
                most = at + 1 if node in FIRST_ONLY else len(nodes)
                while stop < most and is_name(nodes[stop]):
                    stop += 1
                if is_pair_of_lists(nodes[at:]):
                    out.append({"name": node.lower(), "type": "block", "token": node,
                                "arguments": self.sequence(nodes[at:at + 4])})
                    stop = at + 4
                elif stop == at < len(nodes) and nodes[at][0] == "<":
                    out.append({"token": node, **self.group(nodes[at][1])})
                    stop += 1
                else:
                    out.append(self.token_with(node, nodes[at:stop]))
                at = stop
            elif is_repeat(node):
                repeat(out, node[1][0][:-1])
            elif isinstance(node, tuple):
                flags = ["optional"] if node[0] == "[" else []
                flags += ["multiple"] if node[1][-1][-1:] == ["..."] else []
                out.append(flag(self.group(node[1]), *flags))
            elif node != "...":
                out.append(self.named(node))
        return out


def name_of_choice(made: list[dict]) -> str:
    tokens = {argument.get("token") for argument in made}
    if tokens & {"NX", "XX"}:
        return "condition"
    return "expiration" if tokens & {"EX", "PX"} else made[0]["name"]


def repeat(out: list[dict], again: list[Node]) -> None:
    """The last arguments, as many as `again` has names, may come again, all together."""
    if is_token(again[0]):
        flag(out[-1], "multiple", "multiple_token")
        return
    inner = out[-1].get("arguments", [])
    if "token" in out[-1] and len(inner) > len(again) and all(map(is_name, again)):
        if [argument["name"] for argument in inner[-len(again):]] == again:
            repeat(inner, again)        # FIELDS numfields field [field ...]
            return
    last = out[-len(again):]
    del out[-len(again):]
    if len(last) == 1:
        out.append(flag(last[0], "multiple"))
    else:
        out.append(flag({"name": "data", "type": "block", "arguments": last}, "multiple"))


def flag(argument: dict, *flags: str) -> dict:
    """`argument` with these flags too, in Valkey's order, before nested arguments."""
    if not flags:
        return argument
    nested = argument.pop("arguments", None)
    have = [*argument.pop("flags", []), *map(Simple, flags)]
    argument["flags"] = Set(sorted(have, key=["optional", "multiple", "multiple_token"].index))
    if nested is not None:
        argument["arguments"] = nested
    return argument


def arguments_of(row: dict, specs: list[dict]) -> list[dict]:
    """The arguments of a command, as COMMAND DOCS tells them.

    Args:
        row: an entry of command_table().
        specs: its key specs, as COMMAND INFO tells them.
    """
    words = WORDS.findall(row["syntax"])[len(row["name"].split("|")):]
    alternatives = parse(iter(words))
    made = Builder(row, specs).sequence(alternatives[0])
    first = BLOCK_BEHIND.get(row["name"])
    if first is not None:
        made[first:] = [{"name": made[first]["name"], "type": "block", "arguments": made[first:]}]
    give_names(row["name"], made)
    return made
