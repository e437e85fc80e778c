"""COMMAND. Goal: clients that ask what commands there are learn from us what they would learn from
Valkey. Method: every row is compared with a live Valkey (arity, flags, keys, categories, tips,
specs, subcommands, syntax tree); parsing of syntax lines also by itself."""
import pathlib
import re

import pytest

from kvd.engine.server import cold, cold_command, syntax
from kvd.engine.server.server import Server
from kvd.engine.wire.command import command_table
from tests.oracle import OracleError
from tests.server.replies import ask, pairs

NAMES = sorted(command_table())
# DEBUG's arguments are not documented there; CLIENT KILL's filters are those of CLIENT LIST, and we
# say so. Of the other two, which only a cluster serves, a line of syntax says less than a tree.
DESCRIBED_OTHERWISE = {"debug", "client|kill", "cluster|migrateslots", "cluster|slot-stats"}


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    assert server.close(), "the engine kept memory"


def comparable(info: list) -> dict:
    """COMMAND INFO's array by field; notes are prose, and order in a set says nothing."""
    specs = [{k: v for k, v in pairs(spec).items() if k != b"notes"} for spec in info[8]]
    return dict(name=info[0], arity=info[1], flags=info[2], first=info[3], last=info[4],
                step=info[5], acl=sorted(info[6]), tips=info[7], specs=specs,
                subcommands=sorted(sub[0] for sub in info[9]))


@pytest.mark.oracle
@pytest.mark.parametrize("name", NAMES)
def test_info_is_valkeys(server, valkey, name):
    theirs, = valkey.ask("COMMAND", "INFO", name)
    if theirs is None:
        pytest.skip("Valkey does not have it")
    ours, = ask(server, "COMMAND", "INFO", name)
    ours, theirs = comparable(ours), comparable(theirs)
    # A container lists what is here: no more than Valkey, perhaps less.
    assert set(ours.pop("subcommands")) <= set(theirs.pop("subcommands"))
    assert ours == theirs


def tree(argument: list) -> tuple:
    argument = pairs(argument)
    return (argument[b"name"], argument[b"type"], argument.get(b"display_text"),
            argument.get(b"token"), sorted(argument.get(b"flags", [])),
            argument.get(b"key_spec_index"), [tree(a) for a in argument.get(b"arguments", [])])


@pytest.mark.oracle
@pytest.mark.parametrize("name", [name for name in NAMES if name not in DESCRIBED_OTHERWISE])
def test_docs_are_shaped_as_valkeys(server, valkey, name):
    theirs = pairs(valkey.ask("COMMAND", "DOCS", name)).get(name.encode())
    if theirs is None:
        pytest.skip("Valkey does not have it")
    ours = pairs(pairs(ask(server, "COMMAND", "DOCS", name))[name.encode()])
    theirs = pairs(theirs)
    assert ours[b"since"] == theirs[b"since"] and ours[b"group"] == theirs[b"group"]
    assert ([tree(a) for a in ours.get(b"arguments", [])]
            == [tree(a) for a in theirs.get(b"arguments", [])])
    for field in (b"doc_flags", b"deprecated_since", b"replaced_by"):
        assert ours.get(field) == theirs.get(field)
    assert ours[b"complexity"] and ours[b"summary"] != theirs[b"summary"], "say it in our words"


LINES = [
    "getkeys get a", "getkeys get", "getkeys nope a", "getkeys time", "getkeys mset a b c d",
    "getkeys mset a b c", "getkeys command info", "getkeys copy a b", "getkeys del a b c",
    "getkeysandflags set a b", "getkeysandflags set a b get", "getkeysandflags copy a b",
    "getkeysandflags rename a b", "getkeysandflags renamenx a b", "getkeysandflags del a b",
    "getkeysandflags bitop and a b c", "getkeysandflags bitfield a get u8 0",
    "getkeysandflags bitfield a set u8 0 1", "getkeysandflags getex a", "getkeysandflags lcs a b",
    "getkeysandflags msetex 2 a b c d", "getkeys msetex 2 a b", "getkeys msetex x a b c d",
    "getkeys", "count x", "list foo", "list filterby", "list filterby foo bar",
    "list filterby module foo", "list filterby aclcat nope", "info nope", "info get|x",
    "info config|nope", "docs nope", "nosuch", "getkeys object encoding a",
    "getkeys memory usage a", "getkeys object nope a",
]


@pytest.mark.oracle
@pytest.mark.parametrize("line", LINES)
def test_replies_are_valkeys(server, valkey, line):
    words = ["COMMAND", *line.split()]
    theirs, = valkey.ask_each([words])
    if isinstance(theirs, OracleError):
        with pytest.raises(OracleError) as ours:
            ask(server, *words)
        assert str(ours.value) == str(theirs)
    else:
        assert ask(server, *words) == theirs


def test_bare_and_info_without_names_list_every_command_once(server):
    bare = ask(server, "COMMAND")
    names = [entry[0].decode() for entry in bare]
    assert len(names) == len(set(names)) == ask(server, "COMMAND", "COUNT")
    assert ask(server, "COMMAND", "INFO") == bare
    assert {name for name in NAMES if "|" not in name} == set(names)
    assert set(ask(server, "COMMAND", "LIST")) == {name.encode() for name in NAMES}


def test_list_filters(server):
    pattern = ask(server, "COMMAND", "LIST", "FILTERBY", "PATTERN", "SET*")
    assert set(pattern) == {name.encode() for name in NAMES if name.startswith("set")}
    bitmap = ask(server, "COMMAND", "LIST", "FILTERBY", "ACLCAT", "BITMAP")
    assert b"setbit" in bitmap and b"set" not in bitmap


def test_sets_and_maps_in_resp3(server):
    reply = cold.encode(cold_command.command_info(server, None, [b"COMMAND", b"INFO", b"GET"]), 3)
    assert reply.startswith(b"*1\r\n*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n")
    docs = cold.encode(cold_command.docs(server, None, [b"COMMAND", b"DOCS", b"GET"]), 3)
    assert docs.startswith(b"%1\r\n$3\r\nget\r\n%5\r\n")


def test_help_names_every_subcommand(server):
    for name in ("command", "memory", "slowlog", "latency", "module", "object"):
        lines = ask(server, name, "HELP")
        assert lines[0].startswith(name.upper().encode() + b" <subcommand>")
        subs = {key.split("|")[1].upper() for key in NAMES if key.startswith(name + "|")}
        assert subs <= {line.decode().split()[0] for line in lines[1:] if line[:1] != b" "}
        assert lines[-2:] == [b"HELP", b"    Print this help."]


def shape(line: str, keys: str = "range") -> list:
    row = {"name": line.split()[0].lower(), "syntax": line, "keys": {"kind": keys}}

    def short(argument):
        parts = [argument["name"], argument["type"], argument.get("token"),
                 *argument.get("flags", [])]
        return tuple(parts) + tuple(short(a) for a in argument.get("arguments", []))
    return [short(a) for a in syntax.arguments_of(row, [{}])]


@pytest.mark.parametrize("line, expected", [
    ("PING", []),
    ("GET key", [("key", "key", None)]),
    ("DEL key [key ...]", [("key", "key", None, "multiple")]),
    ("X [name [name ...]]", [("name", "string", None, "optional", "multiple")]),
    ("X [WITH]", [("with", "pure-token", "WITH", "optional")]),
    ("X [LIMIT offset count]", [("limit", "block", "LIMIT", "optional",
                                 ("offset", "integer", None), ("count", "integer", None))]),
    ("X k v [k v ...]", [("data", "block", None, "multiple",
                          ("k", "string", None), ("v", "string", None))]),
    ("X <A | B seconds>", [("a", "oneof", None, ("a", "pure-token", "A"),
                            ("seconds", "integer", "B"))]),
    ("X FILTER <A | B>", [("a", "oneof", "FILTER", ("a", "pure-token", "A"),
                           ("b", "pure-token", "B"))]),
    ("X [A | B <C | D> ...]", [("a", "oneof", None, "optional", "multiple",
                                ("a", "pure-token", "A"),
                                ("c", "oneof", "B", ("c", "pure-token", "C"),
                                 ("d", "pure-token", "D")))]),
    ("X [O n v [O n v ...]]", [("o", "block", "O", "optional", "multiple", "multiple_token",
                                ("n", "string", None), ("v", "string", None))]),
])
def test_syntax(line, expected):
    assert shape(line) == expected


@pytest.mark.oracle
def test_the_list_is_valkeys_but_for_what_a_page_names(valkey):
    page = pathlib.Path(__file__).parents[2] / "docs" / "reference" / "absent.md"
    named = {name.lower().replace(" ", "|")
             for name in re.findall(r"^\| `([A-Z| ]+)` \|", page.read_text(), re.M)}
    theirs = {name.decode() for name in valkey.ask("COMMAND", "LIST")}
    assert theirs - set(NAMES) == named
    assert set(NAMES) <= theirs
