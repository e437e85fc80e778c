"""engine/commands/blocked, engine/server/blocked: who waits, who is served, in which order.

The dialogues are played to valkey-server too. Memory is counted after each test.
"""
import pytest

from tests.commands.pushes import Error, Inside, hold, hold_with
from tests.faces import c_state
from tests.oracle import encode

DIALOGUES = {
    "in order of arrival": [
        ("a: ~blpop q 0", []),
        ("b: ~brpop q 0", []),
        ("c: ~blpop q 0", []),
        ("d: rpush q 1 2", [2]),
        ("a: .", [["q", "1"]]),
        ("b: .", [["q", "2"]]),
        ("c: .", []),
        ("d: rpush q 3 4", [2]),
        ("c: .", [["q", "3"]]),
        ("d: lrange q 0 -1", [["4"]]),
    ],
    "several keys": [
        ("a: ~blpop x y z 0", []),
        ("b: ~blpop z y x 0", []),
        ("d: multi", ["OK"]),
        ("d: rpush y 1", ["QUEUED"]),
        ("d: rpush x 2", ["QUEUED"]),
        ("d: exec", [[1, 1]]),
        ("a: .", [["x", "2"]]),
        ("b: .", [["y", "1"]]),
        ("a: ~blpop x x x 0", []),
        ("d: rpush x 5 6", [2]),
        ("a: .", [["x", "5"]]),
        ("d: llen x", [1]),
    ],
    "what is ready is served in the order in which it was": [
        ("a: ~blpop second 0", []),
        ("b: ~blpop first 0", []),
        ("c: ~blmove first out left left 0", []),
        ("d: multi", ["OK"]),
        ("d: rpush first 1 2", ["QUEUED"]),
        ("d: rpush second 3", ["QUEUED"]),
        ("d: exec", [[2, 1]]),
        ("a: .", [["second", "3"]]),
        ("b: .", [["first", "1"]]),
        ("c: .", ["2"]),
        ("d: lrange out 0 -1", [["2"]]),
    ],
    "a chain": [
        ("a: ~blmove one two left right 0", []),
        ("b: ~blmove two three left right 0", []),
        ("c: ~blpop three 0", []),
        ("d: rpush one x", [1]),
        ("a: .", ["x"]),
        ("b: .", ["x"]),
        ("c: .", [["three", "x"]]),
        ("d: exists one two three", [0]),
    ],
    "timeouts": [
        ("a: ~blpop q 0.3", []),
        ("b: ~brpop q 0.2", []),
        ("c: ~blmove q p left right 0.4", []),
        ("d: ~blmpop 0.3 2 q p left", []),
        ("wait 600", []),
        ("a: .", [None]),
        ("b: .", [None]),
        ("c: .", [None]),
        ("d: .", [None]),
        ("a: blpop q nan", [Error("ERR timeout is not a float or out of range")]),
        ("a: blpop q x", [Error("ERR timeout is not a float or out of range")]),
        ("a: blpop q -1", [Error("ERR timeout is negative")]),
        ("a: blpop q 1e30", [Error("ERR timeout is out of range")]),
        ("a: blpop q inf", [Error("ERR timeout is out of range")]),
        ("a: blpop q 9223372036854775807", [Error("ERR timeout is out of range")]),
        ("a: ping", ["PONG"]),
    ],
    "not inside a transaction": [
        ("a: multi", ["OK"]),
        ("a: blpop q 0", ["QUEUED"]),
        ("a: brpop q 0", ["QUEUED"]),
        ("a: blmove q p left right 0", ["QUEUED"]),
        ("a: blmpop 0 1 q left", ["QUEUED"]),
        ("a: exec", [[None, None, None, None]]),
    ],
    "nothing for the wrong type": [
        ("a: ~blpop q 0", []),
        ("d: set q 1", ["OK"]),
        ("a: .", []),
        ("d: del q", [1]),
        ("d: sadd q 1", [1]),
        ("a: .", []),
        ("d: del q", [1]),
        ("d: rpush q 1", [1]),
        ("a: .", [["q", "1"]]),
    ],
    "made in other ways": [
        ("a: ~blpop q 0", []),
        ("d: rpush other 1", [1]),
        ("d: rename other q", ["OK"]),
        ("a: .", [["q", "1"]]),
        ("a: ~blpop q 0", []),
        ("d: rpush other 2", [1]),
        ("d: copy other q", [1]),
        ("a: .", [["q", "2"]]),
        ("a: ~blpop q 0", []),
        ("d: select 3", ["OK"]),
        ("d: rpush q 3", [1]),
        ("a: .", []),
        ("d: move q 0", [1]),
        ("a: .", [["q", "3"]]),
        ("a: ~blpop q 0", []),
        ("d: rpush q 4", [1]),
        ("d: swapdb 0 3", ["OK"]),
        ("a: .", [["q", "4"]]),
        ("d: flushall", ["OK"]),
    ],
    "gone before it could be had": [
        ("a: ~blpop q 0", []),
        ("d: multi", ["OK"]),
        ("d: rpush q 1", ["QUEUED"]),
        ("d: del q", ["QUEUED"]),
        ("d: exec", [[1, 1]]),
        ("a: .", []),
        ("d: multi", ["OK"]),
        ("d: rpush q 1", ["QUEUED"]),
        ("d: lpop q", ["QUEUED"]),
        ("d: rpush q 2", ["QUEUED"]),
        ("d: exec", [[1, "1", 1]]),
        ("a: .", [["q", "2"]]),
    ],
    "pushing what one waits for": [
        ("a: ~blmove a a left right 0", []),
        ("b: ~blpop a 0", []),
        ("d: rpush a 1", [1]),
        ("a: .", ["1"]),
        ("b: .", [["a", "1"]]),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    hold(server, lines)


@pytest.mark.oracle
@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue_is_valkeys(valkey, lines):
    hold_with(valkey, lines)


def say(client, request: str) -> list:
    return client.ask(request.encode().split(b" "))


def test_what_follows_waits(server):
    """A pipeline stops at the command that waits, and goes on behind its reply."""
    waiter, other = Inside(server), Inside(server)
    assert waiter.client.process_bytes(
        b"ECHO 1\r\nBLPOP q 0\r\nECHO 2\r\nBLPOP p 0\r\nECHO 3\r\n") == b"$1\r\n1\r\n"
    assert waiter.client.process_bytes(b"ECHO 4\r\n") == b""
    say(other, "rpush p x")
    assert waiter.listen() == []
    say(other, "rpush q y")
    assert waiter.listen() == [["q", "y"], "2", ["p", "x"], "3", "4"]


def test_unblock(server):
    waiter, other = Inside(server), Inside(server)
    ident, = say(waiter, "client id")
    assert say(other, f"client unblock {ident}") == [0]
    for how, reply in (("", None), (" timeout", None),
                       (" error", Error("UNBLOCKED client unblocked via CLIENT UNBLOCK"))):
        assert say(waiter, "blpop q 0") == []
        assert b" flags=b " in other.client.execute(b"client", b"list", b"id", b"%d" % ident)
        assert b"blocked_clients:1\r\n" in other.client.execute(b"info", b"clients")
        assert say(other, f"client unblock {ident}{how}") == [1]
        assert waiter.listen() == [reply]
    assert b"total_blocking_keys:0\r\n" in other.client.execute(b"info", b"clients")
    assert b"errorstat_UNBLOCKED:count=1" in other.client.execute(b"info", b"errorstats")
    assert b"cmdstat_blpop:calls=3," in other.client.execute(b"info", b"commandstats")


def test_who_leaves_takes_nothing(server):
    first, second, other = Inside(server), Inside(server), Inside(server)
    ident, = say(first, "client id")
    say(first, "blpop q 0")
    say(second, "blpop q 0")
    say(other, f"client kill id {ident}")
    say(other, "rpush q 1")
    assert second.listen() == [["q", "1"]]
    first.client.close()
    say(second, "blpop q 0")
    second.client.close()
    assert say(other, "rpush q 2") == [1] and say(other, "lrange q 0 -1") == [["2"]]


def test_replies_may_be_off(server):
    waiter, other = Inside(server), Inside(server)
    assert say(waiter, "client reply skip") == say(waiter, "blpop q 0") == []
    say(other, "rpush q 1")
    assert waiter.listen() == []
    assert say(waiter, "llen q") == [0]


def test_a_pause_holds_who_waits(server):
    waiter, other = Inside(server), Inside(server)
    say(waiter, "blpop q 0")
    say(other, "client pause 10000 write")
    assert say(other, "rpush q 1") == []
    say(Inside(server), "client unpause")
    assert other.listen() == [1]
    assert waiter.listen() == [["q", "1"]]


def test_many_wait_and_one_is_served(server):
    waiters = [Inside(server) for _ in range(300)]
    other = Inside(server)
    for i, waiter in enumerate(waiters):
        say(waiter, f"blpop q {3600 - i}")
    assert b"clients_in_timeout_table:300\r\n" in other.client.execute(b"info", b"clients")
    for i, waiter in enumerate(waiters):
        say(other, f"rpush q {i}")
        assert waiter.listen() == [["q", str(i)]]
    assert b"blocked_clients:0\r\n" in other.client.execute(b"info", b"clients")


def feed(*requests: str) -> bytes:
    return b"".join(encode(*request.split(" ")) for request in requests)


def test_the_journal_tells_what_was_done(server):
    """What a served command changed stands right behind its cause, and in nobody's transaction."""
    first, second, other = Inside(server), Inside(server), Inside(server)
    c_state.journal_start(server)
    say(first, "blpop q 0")
    say(second, "blmove q p left right 0")
    assert c_state.journal_take(server) == b""
    say(other, "rpush q 1")
    assert c_state.journal_take(server) == feed("SELECT 0", "rpush q 1", "LPOP q")
    say(other, "multi")
    say(other, "rpush q 2")
    say(other, "incr n")
    say(other, "exec")
    journal = c_state.journal_take(server)
    assert journal.startswith(feed("MULTI", "rpush q 2", "incr n", "EXEC"))
    assert b"LMOVE" in journal.upper() and journal.upper().index(b"LMOVE") > journal.index(b"EXEC")
    assert (first.listen(), second.listen()) == ([["q", "1"]], ["2"])
