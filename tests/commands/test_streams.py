"""engine/commands/*stream*: dialogues as clients see them, and readers who wait.

Random histories are compared with Valkey's in tests/compat/test_streams. Here stands what has a
reason to be read: the rules of IDs, errors, places that are remembered.
"""
import threading

import pytest

from tests.commands.dialogue import hold, hold_with
from tests.journal.engines import Engine
from tests.oracle import OracleError

BAD_ID = b"-ERR Invalid stream ID specified as stream command argument\r\n"
BEHIND = b"-ERR The ID specified in XADD is equal or smaller than the target stream top item\r\n"
LAST = b"18446744073709551615-18446744073709551615"
DIALOGUES = {
    "identifiers": [
        ("xadd s 0-0 a b", b"-ERR The ID specified in XADD must be greater than 0-0\r\n"),
        ("xadd s 0-* a b", b"$3\r\n0-1\r\n"),
        ("xadd s 5 a b", b"$3\r\n5-0\r\n"),
        ("xadd s 5-* a b", b"$3\r\n5-1\r\n"),
        ("xadd s 5-1 a b", BEHIND),
        ("xadd s 4-* a b", BEHIND),
        ("xadd s 007-+2 a b", b"$3\r\n7-2\r\n"),
        ("xadd s - a b", BAD_ID),
        ("xadd s 5-x a b", BAD_ID),
        ("xadd s 18446744073709551616 a b", BAD_ID),
        ("xadd s %s a b" % LAST.decode(), b"$41\r\n" + LAST + b"\r\n"),
        ("xadd s * a b", b"-ERR The stream has exhausted the last possible ID, unable to add more"
         b" items\r\n"),
        ("xadd none nomkstream * a b", b"*-1\r\n".replace(b"*", b"$")),
        ("exists none", b":0\r\n"),
        ("xadd s * a", b"-ERR wrong number of arguments for 'xadd' command\r\n"),
        ("xrange s (%s +" % LAST.decode(), b"-ERR invalid start ID for the interval\r\n"),
        ("xrange s - (0-0", b"-ERR invalid end ID for the interval\r\n"),
        ("xrange s - + count 0", b"*-1\r\n"),
        ("xrange none - + count 0", b"*0\r\n"),
        ("xlen s", b":5\r\n"),
    ],
    "trimming": [
        ("xadd s maxlen 2 1 a b", b"$3\r\n1-0\r\n"),
        ("xadd s maxlen 2 2 a b", b"$3\r\n2-0\r\n"),
        ("xadd s maxlen 2 3 a b", b"$3\r\n3-0\r\n"),
        ("xlen s", b":2\r\n"),
        ("xadd s maxlen ~ 1 4 a b", b"$3\r\n4-0\r\n"),
        ("xlen s", b":3\r\n"),
        ("xtrim s minid 4", b":2\r\n"),
        ("xtrim s maxlen 0", b":1\r\n"),
        ("exists s", b":1\r\n"),
        ("xtrim s maxlen 1 limit 5", b"-ERR syntax error, LIMIT cannot be used without the special"
         b" ~ option\r\n"),
        ("xtrim s limit 5 maxlen", b"-ERR syntax error\r\n"),
        ("xadd s limit 3 * a b", b"-ERR syntax error, LIMIT cannot be used without specifying a"
         b" trimming strategy\r\n"),
        ("xadd s maxlen 1 minid 2 * a b", b"-ERR syntax error, MAXLEN and MINID options at the same"
         b" time are not compatible\r\n"),
    ],
    "a group": [
        ("xgroup create s g $", b"-ERR The XGROUP subcommand requires the key to exist. Note that"
         b" for CREATE you may want to use the MKSTREAM option to create an empty stream"
         b" automatically.\r\n"),
        ("xgroup create s g $ mkstream", b"+OK\r\n"),
        ("xgroup create s g 0", b"-BUSYGROUP Consumer Group name already exists\r\n"),
        ("xadd s 1 a b", b"$3\r\n1-0\r\n"),
        ("xadd s 2 a b", b"$3\r\n2-0\r\n"),
        ("xreadgroup group g c count 1 streams s >",
         b"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
        ("xreadgroup group g d noack streams s >",
         b"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n2-0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
        ("xreadgroup group g c streams s >", b"*-1\r\n"),
        ("xpending s g", b"*4\r\n:1\r\n$3\r\n1-0\r\n$3\r\n1-0\r\n"
         b"*1\r\n*2\r\n$1\r\nc\r\n$1\r\n1\r\n"),
        ("xclaim s g d 0 1-0 justid", b"*1\r\n$3\r\n1-0\r\n"),
        ("xdel s 1-0", b":1\r\n"),
        ("xreadgroup group g d streams s 0",
         b"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*-1\r\n"),
        ("xautoclaim s g e 0 -", b"*3\r\n$3\r\n0-0\r\n*0\r\n*1\r\n$3\r\n1-0\r\n"),
        ("xack s g 1-0", b":0\r\n"),
        ("xgroup delconsumer s g d", b":0\r\n"),
        ("xgroup destroy s g", b":1\r\n"),
        ("xreadgroup group g d streams s >", b"-NOGROUP No such key 's' or consumer group 'g' in"
         b" XREADGROUP with GROUP option\r\n"),
        ("xpending s g", b"-NOGROUP No such key 's' or consumer group 'g'\r\n"),
        ("set str x", b"+OK\r\n"),
        ("xadd str * a b", b"-WRONGTYPE Operation against a key holding the wrong kind of value"
         b"\r\n"),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    hold(server.client, lines)


@pytest.mark.oracle
@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue_is_valkeys(valkey, lines):
    hold_with(valkey, lines)


def test_last_id_below_tombstones(server):
    """What is added after XSETID has gone back lies above all that is left, and is found."""
    ask = server.client().execute
    for i in range(1, 10):
        ask(b"xadd", b"s", b"%d" % i, b"a", b"b")
    for i in range(5, 10):
        ask(b"xdel", b"s", b"%d" % i)
    assert ask(b"xsetid", b"s", b"9", b"maxdeletedid", b"1") == b"+OK\r\n"
    assert ask(b"xsetid", b"s", b"4") == b"+OK\r\n"
    assert ask(b"xadd", b"s", b"4-*", b"c", b"d") == b"$3\r\n4-1\r\n"
    assert ask(b"xread", b"streams", b"s", b"4-0").endswith(
        b"*1\r\n*2\r\n$3\r\n4-1\r\n*2\r\n$1\r\nc\r\n$1\r\nd\r\n")
    assert ask(b"xlen", b"s") == b":5\r\n"


def test_reading_on(server):
    """A reader who goes on from where it was gets every entry once, whatever happens around it."""
    ask = server.client().execute
    ask(b"xgroup", b"create", b"s", b"g", b"0", b"mkstream")
    seen = []
    for i in range(1, 800):
        ask(b"xadd", b"s", b"%d" % i, b"f%d" % (i % 3), b"x" * (i % 90))
        if i % 7 == 0:
            ask(b"xdel", b"s", b"%d" % (i - 3))
        if i % 100 == 0:
            ask(b"xtrim", b"s", b"maxlen", b"60")
        if i % 2:
            reply = ask(b"xreadgroup", b"group", b"g", b"c", b"noack", b"count", b"3", b"streams",
                        b"s", b">")
            seen += [part for part in reply.split(b"\r\n") if part.endswith(b"-0")]
    assert seen == sorted(seen, key=lambda part: int(part[:-2])) and len(set(seen)) == len(seen)
    assert len(seen) > 600


def test_deletion_in_slices(server):
    """A large stream with groups is freed to the last byte, wherever it is stopped."""
    ask = server.client().execute
    for i in range(1, 3000):
        ask(b"xadd", b"s", b"%d" % i, b"a", b"x" * 200)
    for name in (b"g", b"h"):
        ask(b"xgroup", b"create", b"s", name, b"0")
        ask(b"xreadgroup", b"group", name, b"c", b"streams", b"s", b">")
    assert ask(b"unlink", b"s") == b":1\r\n"
    assert ask(b"exists", b"s") == b":0\r\n"


# -- waiting --------------------------------------------------------------------------------------

ENTRY = [b"a", b"b"]


def waiting(connect, request, then):
    """What a client that waits is told when others have asked for `then`."""
    waiter, other, told = connect(), connect(), []

    def wait():
        try:
            told.append(waiter.ask(*request))
        except OracleError as error:
            told.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    while then and not any(b"flags=b" in line for line in other.ask("CLIENT", "LIST").splitlines()):
        pass
    for words in then:
        other.ask(*words.split())
    thread.join(20)
    return told


WAITS = [
    ("XREAD BLOCK 0 STREAMS s t $ $", ["XADD t 5 a b"], [[[b"t", [[b"5-0", ENTRY]]]]]),
    ("XREAD BLOCK 0 STREAMS s 3", ["XADD s 3 a b", "XADD s 4 a b"], [[[b"s", [[b"4-0", ENTRY]]]]]),
    ("XREAD BLOCK 30 STREAMS s $", [], [None]),
    ("XREADGROUP GROUP g c BLOCK 0 STREAMS made >", ["XADD made 7 a b"],
     [[[b"made", [[b"7-0", ENTRY]]]]]),
    ("XREADGROUP GROUP g c BLOCK 0 STREAMS made >", ["XGROUP DESTROY made g"],
     ["NOGROUP No such key 'made' or consumer group 'g' in XREADGROUP with GROUP option"]),
    ("XREADGROUP GROUP g c BLOCK 0 STREAMS made >", ["DEL made"],
     ["NOGROUP No such key 'made' or consumer group 'g' in XREADGROUP with GROUP option"]),
]


@pytest.mark.parametrize("request_, then, told", WAITS)
def test_waiting(tmp_path, request_, then, told):
    with Engine(tmp_path) as engine:
        engine.connect().ask("XGROUP", "CREATE", "made", "g", "$", "MKSTREAM")
        assert waiting(engine.connect, request_.split(), then) == told
