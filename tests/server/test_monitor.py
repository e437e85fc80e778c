"""MONITOR. Goal: whoever watches sees each command as it ran, in Valkey's spelling, and no secret;
whoever does not, pays nothing. Method: clients without sockets, lines compared without their time;
once over sockets, beside a live Valkey."""
import re

import pytest

from kvd.engine.server.server import Server
from tests.oracle import OracleError
from tests.server.replies import ask
from tests.serving import Serving

LINE = re.compile(rb'\+\d{10}\.\d{6} \[(\d+) ([^\]]*)\] (".*")\r\n')


@pytest.fixture
def server():
    server = Server(enable_debug_command=True)
    yield server
    assert server.close(), "the engine kept memory"


@pytest.fixture
def watcher(server):
    client = server.client()
    assert client.execute(b"MONITOR") == b"+OK\r\n"
    yield client
    client.close()


def seen(watcher) -> list[bytes]:
    lines = watcher.process_bytes(b"").splitlines(keepends=True)
    assert all(LINE.fullmatch(line) for line in lines), lines
    return [LINE.fullmatch(line).group(3) for line in lines]


def test_lines(server, watcher):
    ask(server, "SET", b"a\nb\"\\\x01\xff\t\r\a\b", "x y")
    ask(server, "get", "a")
    assert seen(watcher) == [rb'"SET" "a\nb\"\\\x01\xff\t\r\a\b" "x y"', b'"get" "a"']
    assert seen(watcher) == []


def test_the_database_is_shown(server, watcher):
    ask(server, "SELECT", "3")
    ask(server, "GET", "a")
    lines = watcher.process_bytes(b"").splitlines(keepends=True)
    assert [LINE.fullmatch(line).group(1) for line in lines] == [b"3", b"3"]


def test_secrets_and_administration_are_not_shown(server, watcher):
    for line in ("AUTH secret", "AUTH default secret", "HELLO 2 AUTH default secret",
                 "CONFIG GET maxmemory", "DEBUG SLEEP 0", "NOSUCH", "GET"):
        try:
            ask(server, *line.split())
        except OracleError:
            pass
    assert seen(watcher) == [
        b'"AUTH" "(redacted)"', b'"AUTH" "(redacted)" "(redacted)"',
        b'"HELLO" "2" "AUTH" "(redacted)" "(redacted)"']


def test_transactions_are_shown_as_they_run(server, watcher):
    for line in ("MULTI", "SET k v", "GET k", "EXEC"):
        ask(server, *line.split())
    assert seen(watcher) == [b'"MULTI"', b'"SET" "k" "v"', b'"GET" "k"', b'"EXEC"']


def test_watchers_may_not_touch_keys(server, watcher):
    with pytest.raises(OracleError, match="Replica can't interact with the keyspace"):
        ask(watcher, "GET", "k")
    assert server.execute(b"GET", b"k") == b"$-1\r\n"


def test_not_inside_exec(server):
    client = server.client()
    for line in ("MULTI", "MONITOR", "MONITOR"):
        client.execute(line.encode())
    assert client.execute(b"EXEC") == (
        b"*2\r\n" + 2 * b"-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n")
    ask(server, "PING")
    assert client.process_bytes(b"") == b""
    client.close()


def test_a_watcher_that_leaves_is_forgotten(server):
    one, two = server.client(), server.client()
    for client in (one, two):
        client.execute(b"MONITOR")
        client.execute(b"MONITOR")
    seen(one), seen(two)
    one.close()
    ask(server, "PING")
    assert seen(two) == [b'"PING"']
    assert two.execute(b"RESET") == b"+RESET\r\n"
    ask(server, "PING")
    assert two.process_bytes(b"") == b""
    two.close()


def test_what_a_watcher_runs_itself_is_shown_after_its_reply(watcher):
    assert re.fullmatch(rb'\+PONG\r\n\+\d+\.\d+ \[0 [^\]]*\] "PING"\r\n', watcher.execute(b"PING"))


def test_a_unix_peer_is_shown_by_its_path_alone():
    serving = Serving()
    watching = serving.connect("unix")
    assert watching.ask("MONITOR") == b"+OK\r\n"
    serving.connect("unix").ask("PING")
    assert watching.reply().endswith(b" [0 unix:%b] \"PING\"\r\n" % serving.path.encode())
    serving.close()


@pytest.mark.oracle
def test_beside_valkey(server, watcher, valkey):
    import socket
    theirs = socket.socket(socket.AF_UNIX)
    theirs.connect(valkey.socket.getpeername())
    file = theirs.makefile("rb")
    theirs.sendall(b"MONITOR\r\n")
    assert file.readline() == b"+OK\r\n"
    requests = [
        ["SET", b"\x00\x7f\x80 ~", "v"], ["get", "\u20ac"], ["AUTH", "x"], ["AUTH", "x", "y"],
        ["HELLO", "2", "SETNAME", "joe", "AUTH", "x", "y"], ["MULTI"], ["INCR", "n"],
        ["EXEC"], ["EVALSHA", "abc", "0"], ["EVALSHA_RO", "ab" * 20, "0"],
        ["EVAL", "bad bad", "0"], ["EVAL", "return 1", "a"], ["FCALL", "foo", "0"],
        ["EVAL", "return redis.call('get', 'a')", "0"], ["MULTI"], ["EVALSHA", "abc", "0"],
        ["EXEC"], ["CLIENT", "ID"], ["INFO", "server"], ["CONFIG", "GET", "port"], ["NOSUCH"],
        ["SLOWLOG", "LEN"], ["COMMAND", "COUNT"], ["DEL", "n"], ["PING"],
    ]
    valkey.ask_each(requests)
    for words in requests:
        try:
            ask(server, *words)
        except OracleError:
            pass
    ours = seen(watcher)
    lines = []
    while not lines or lines[-1] != b'"PING"':
        lines.append(LINE.fullmatch(file.readline()).group(3))
    theirs.close()
    assert ours == lines
