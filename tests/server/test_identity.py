"""Whom we present. Goal: a server that says it is Redis 6.2 has that version's commands and none
that is later, for its clients, and all of them for its owner. Method: the commands that a real
Redis dates at 6.2 or earlier; the same question over every way a command can come in."""
import re

import pytest

from kvd.engine.server.cold_command import table
from kvd.engine.server.server import Server
from tests.oracle import Oracle
from tests.server.replies import ask
from tests.serving import Serving

LATER = ["LCS a b", "SINTERCARD 1 a", "LMPOP 1 a LEFT", "ZMPOP 1 a MIN", "EXPIRETIME a",
         "FUNCTION LIST", "EVAL_RO x 0", "SPUBLISH a b", "CLIENT NO-EVICT on", "COMMAND LIST",
         "ACL DRYRUN a b", "HPTTL a FIELDS 1 a", "DELIFEQ a b", "CLIENT CAPA redirect"]


@pytest.fixture
def server():
    server = Server(server_identity="redis6")
    yield server
    assert server.close(), "the engine kept memory"


def test_what_it_says_it_is(server):
    hello = ask(server, "HELLO", "2")
    assert hello[:4] == [b"server", b"redis", b"version", b"6.2.14"]
    text = ask(server, "INFO", "server").decode()
    assert "redis_version:6.2.14\r\n" in text and "valkey" not in text.partition("\r\nos:")[0]
    assert ask(server, "EVAL", "return redis.REDIS_VERSION", "0") == b"6.2.14"


@pytest.mark.parametrize("line", LATER)
def test_later_commands_are_unknown(server, line):
    words = [word.encode() for word in line.split()]
    reply = server.execute(*words)
    there = words[0] in (b"CLIENT", b"COMMAND", b"ACL")      # the container is older
    assert reply.startswith(b"-ERR Unknown subcommand" if there else b"-ERR unknown command"), reply
    assert server.execute(b"MULTI") == b"+OK\r\n"
    assert server.execute(*words) == reply
    assert server.execute(b"EXEC").startswith(b"-EXECABORT")
    arguments = ", ".join(f"'{word}'" for word in line.split())
    script = server.execute(b"EVAL", f"return redis.call({arguments})".encode(), b"0")
    assert b"nknown" in script.split(b"\r\n")[0], script


def test_what_it_has_works(server):
    assert server.execute(b"GETEX", b"a") == b"$-1\r\n"
    assert server.execute(b"COPY", b"a", b"b") == b":0\r\n"
    assert server.execute(b"client", b"id").startswith(b":")
    lines = ask(server, "CLIENT", "HELP")
    assert b"NO-EVICT" not in b" ".join(lines) and b"KILL" in b" ".join(lines)


def test_what_the_owner_may_run_opens_nothing_to_others():
    engine = Serving(server_identity="redis6")
    try:
        owner, tenant = engine.connect("control"), engine.connect()
        assert owner.ask("LCS a b") == b"$0\r\n\r\n"
        assert tenant.ask("LCS a b").startswith(b"-ERR unknown command")
        assert b"no-evict" in owner.ask("COMMAND LIST")
        assert tenant.ask("COMMAND LIST").startswith(b"-ERR Unknown subcommand")
    finally:
        engine.close()


def test_commands_tell_what_there_is(server):
    names = {entry[0].decode() for entry in ask(server, "COMMAND")}
    assert names == {name for name, row in table(legacy=True).items() if row["parent"] is None}
    assert ask(server, "COMMAND", "COUNT") == len(names)
    assert ask(server, "COMMAND", "INFO", "lcs", "get")[0] is None
    assert not {"lcs", "function", "sintercard"} & names and {"getex", "copy", "lmove"} <= names


@pytest.mark.oracle
def test_they_are_those_that_redis_dates_so():
    try:
        redis = Oracle(server="redis")
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    docs = redis.ask("COMMAND", "DOCS")
    redis.close()
    theirs = set(dated(docs))
    assert len(theirs) > 300
    ours = set(table(legacy=True))
    # Their containers have the date of their first subcommand or none; HELP was not a row there.
    differing = {name for name in theirs ^ ours if not name.endswith("|help")}
    here = set(table())
    assert not {name for name in differing if name in ours}, "later than 6.2"
    assert not {name for name in differing if name in here}, "here, and hidden"


def dated(docs: list) -> list[str]:
    found = []
    for name, doc in zip(docs[::2], docs[1::2], strict=True):
        facts = dict(zip(doc[::2], doc[1::2], strict=True))
        if tuple(map(int, re.findall(rb"\d+", facts[b"since"])[:2])) <= (6, 2):
            found.append(name.decode())
        found += dated(facts.get(b"subcommands", []))
    return found
