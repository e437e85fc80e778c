"""The server group's own commands: TIME, ROLE, LASTSAVE, SHUTDOWN, LOLWUT, MODULE. Goal: Valkey's
replies and errors; SHUTDOWN ends a serving process with all that was acknowledged. Method: lines
beside a live Valkey; a process of its own for SHUTDOWN."""
import re
import time

import pytest

from kvd.engine.server.server import Server
from tests.oracle import OracleError
from tests.server.replies import ask
from tests.serving import Serving

LINES = [
    "shutdown foo", "shutdown abort", "shutdown save nosave", "shutdown nosave abort",
    "shutdown abort abort now", "shutdown failover", "role", "role x", "time x", "lastsave x",
    "module help x", "lolwut version x", "monitor x",
]


@pytest.mark.oracle
@pytest.mark.parametrize("line", LINES)
def test_replies_are_valkeys(server, valkey, line):
    theirs, = valkey.ask_each([line.split()])
    if isinstance(theirs, OracleError):
        with pytest.raises(OracleError) as ours:
            ask(server, *line.split())
        assert str(ours.value) == str(theirs)
    else:
        assert ask(server, *line.split()) == theirs


def test_time(server):
    before = time.time_ns() // 1000
    seconds, microseconds = map(int, ask(server, "TIME"))
    assert before <= seconds * 1_000_000 + microseconds <= time.time_ns() // 1000
    assert microseconds < 1_000_000


def microseconds(reply) -> int:
    return int(reply[0]) * 1_000_000 + int(reply[1])


def test_time_stands_still_in_a_script_and_in_exec_and_in_nothing_else():
    work = "local n = 0 for i = 1, 3e6 do n = n + i % 7 end "
    script = f"local a = redis.call('time') {work} return {{a, n, redis.call('time')}}"
    now = "return redis.call('time')"
    server = Server(enable_debug_command=True)
    client = server.client()
    last = 0
    # Any unit behind any other, itself included, has a time of its own.
    for unit in ("script", "script", "exec", "exec", "script", "plain", "script", "exec"):
        before = time.time_ns() // 1000
        if unit == "script":
            first, _, second = ask(client, "EVAL", script, "0")
            times = [first, second]
        elif unit == "exec":
            for words in (["MULTI"], ["TIME"], ["DEBUG", "SLEEP", "0.002"], ["EVAL", now, "0"]):
                ask(client, *words)
            first, _, second = ask(client, "EXEC")
            times = [first, second]
        else:
            times = [ask(client, "TIME")]
        told = {microseconds(one) for one in times}
        assert len(told) == 1, unit
        assert max(before, last + 1) <= told.pop() <= time.time_ns() // 1000, unit
        last = microseconds(times[0])
    client.close()
    assert server.close()


def test_lastsave_is_the_start(server):
    assert abs(ask(server, "LASTSAVE") - time.time()) < 60


def test_shutdown_refuses_what_it_cannot_do(server):
    with pytest.raises(OracleError, match="no snapshots"):
        ask(server, "SHUTDOWN", "SAVE")
    ask(server, "MULTI")
    with pytest.raises(OracleError, match="not allowed inside a transaction"):
        ask(server, "SHUTDOWN")


@pytest.mark.parametrize("words", ["SHUTDOWN", "shutdown NOSAVE now FORCE safe"])
def test_shutdown_closes_without_a_reply(words):
    engine = Serving()
    peer = engine.connect()
    assert peer.ask("SET k v") == b"+OK\r\n"
    peer.send(words)
    assert peer.reply() == b""
    engine.close()


def test_lolwut(server):
    lines = ask(server, "LOLWUT").decode().split("\n")
    assert len(lines[0]) == 64 and set("".join(lines[:16])) == {"/", "\\"}
    assert re.search(r"kvd ver\. \d+\.\d+\.\d+$", lines[-2])
    small = ask(server, "LOLWUT", "VERSION", "5", "3", "2").decode().split("\n")
    assert [len(line) for line in small[:3]] == [3, 3, 0]
    huge = ask(server, "LOLWUT", "VERSION", "5", "1000000000", "1000000000")
    assert len(huge) < 20_000


def test_modules(server):
    assert ask(server, "MODULE", "LIST") == []
    for line in ("MODULE LOAD /x.so", "MODULE LOADEX /x.so", "MODULE UNLOAD x"):
        with pytest.raises(OracleError, match="^ERR Modules are not supported by this server$"):
            ask(server, *line.split())
