"""Streams in files: exchange with stock servers, every spelling, damage.

Digests know entries only, so groups are compared by XINFO, times and all. The journal that follows
the base is read by both sides too: it holds what readings of groups came to.
"""
import random
import struct

import pytest

from kvd.engine.server.journal import JournalError
from tests.commands.replies import array
from tests.journal.exchange import needs_stock, stock_loads_ours, we_load_theirs
from tests.journal.images import bent, length, loaded, text


def fill(connection) -> None:
    rng = random.Random(3)
    requests = []
    for name, count in (("s1", 1), ("s99", 99), ("s250", 250), ("fat", 20)):
        for i in range(count):
            fields = ["f", i] if rng.random() < 0.7 else ["g", "x" * rng.randrange(600), "", "-5"]
            requests.append(("XADD", name, f"{i + 1}-{i % 3}", *fields))
    requests += [
        ("XADD", "none", "7-7", "a", "b"), ("XDEL", "none", "7-7"),
        ("XDEL", "s99", "3-2", "99-2"), ("XTRIM", "s250", "MAXLEN", "120"),
        ("XSETID", "s250", "900-9", "ENTRIESADDED", "1000", "MAXDELETEDID", "20-0"),
        ("XGROUP", "CREATE", "none", "idle", "$"),
        ("XGROUP", "CREATE", "made", "g", "5", "MKSTREAM"),
        ("XGROUP", "CREATE", "s250", "g", "0"),
        ("XGROUP", "CREATE", "s250", "h", "200", "ENTRIESREAD", "7"),
        ("XGROUP", "CREATECONSUMER", "s250", "h", "idle"),
        ("XREADGROUP", "GROUP", "g", "one", "COUNT", "60", "STREAMS", "s250", ">"),
        ("XREADGROUP", "GROUP", "g", "two", "COUNT", "7", "STREAMS", "s250", ">"),
        ("XCLAIM", "s250", "g", "two", "0", "140-1", "150-2", "RETRYCOUNT", "9"),
        ("XACK", "s250", "g", "133-0", "190-0"), ("PEXPIREAT", "s1", 4102444800000),
        ("SELECT", 3), ("XADD", "other", "5-5", "a", "b"), ("SELECT", 0)]
    connection.ask_each(requests)


def later(connection) -> None:
    """What follows the base: only effects that both sides see alike."""
    connection.ask_each([
        ("XADD", "s99", "MAXLEN", "~", "10", "LIMIT", "50", "200-*", "k", "v"),
        ("XADD", "fat", "MINID", "~", "15", "4000000000000-1", "k", "v"),
        ("XREADGROUP", "GROUP", "g", "three", "COUNT", "5", "STREAMS", "s250", ">"),
        ("XREADGROUP", "GROUP", "h", "quiet", "NOACK", "STREAMS", "s250", ">"),
        ("XDEL", "s250", "141-2"), ("XAUTOCLAIM", "s250", "g", "four", "0", "139", "COUNT", "9"),
        ("XACK", "s250", "g", "180-2"), ("XGROUP", "SETID", "none", "idle", "1-1"),
        ("XGROUP", "DELCONSUMER", "s250", "g", "three"), ("XTRIM", "s1", "MAXLEN", "0")])


def state(connection) -> tuple:
    """Everything but when a consumer was seen, of which the journal says nothing, and how many
    nodes there are, since what XADD MAXLEN = deletes from a node MAXLEN ~ had left there."""
    told = []
    for name in sorted(connection.ask("KEYS", "*")):
        info = connection.ask("XINFO", "STREAM", name, "FULL", "COUNT", "0")
        groups = [group[:12] + [[consumer[1], consumer[7], consumer[9]] for consumer in group[13]]
                  for group in info[17]]
        told.append((name, info[:2] + info[6:16], groups))
    return connection.ask("DEBUG", "DIGEST"), told


@needs_stock
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_stock_loads_ours(tmp_path, preamble):
    stock_loads_ours(tmp_path, preamble, fill, later, state)


@needs_stock
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_we_load_theirs(tmp_path, preamble):
    we_load_theirs(tmp_path, preamble, fill, later, state)


# -- made here ------------------------------------------------------------------------------------

def element(value) -> bytes:
    body = bytes([value]) if isinstance(value, int) else bytes([0x80 | len(value)]) + value
    return body + bytes([len(body)])


def pack(*values) -> bytes:
    body = b"".join(map(element, values))
    return struct.pack("<IH", len(body) + 7, len(values)) + body + b"\xff"


def key(ms: int, seq: int) -> bytes:
    return struct.pack(">QQ", ms, seq)


def stamp(ms: int) -> bytes:
    return struct.pack("<q", ms)


# Two live entries and a tombstone between them.
NODE = pack(2, 1, 1, b"f", 0, 2, 0, 0, b"v", 4, 3, 1, 0, b"w", 4, 0, 2, 5, 2, b"a", b"b", b"c",
            b"d", 8)
NODES = length(1) + text(key(5, 1)) + text(NODE)
LAST = length(2) + length(9) + length(0)


def group(level: int, name: bytes = b"g", pending: bytes | None = None, mine=None) -> bytes:
    if pending is None:
        pending = length(1) + key(5, 1) + stamp(1000) + length(3)
    if mine is None:
        mine = length(1) + key(5, 1)
    return (text(name) + length(7) + length(6) + (length(2) if level > 1 else b"") + pending
            + length(1) + text(b"c") + stamp(2000) + (stamp(3000) if level > 2 else b"") + mine)


HISTORY = length(5) + length(1) + length(6) + length(1) + length(3)
SPELLINGS = {
    "of Redis 5": b"\x0f" + text(b"k") + NODES + LAST + length(1) + group(1),
    "of Redis 7.0": b"\x13" + text(b"k") + NODES + LAST + HISTORY + length(1) + group(2),
    "of Valkey": b"\x15" + text(b"k") + NODES + LAST + HISTORY + length(1) + group(3),
}


# What is told of the key, and what it must bear.
ASK = ("XRANGE k - +", "XPENDING k g", "XINFO STREAM k FULL", "XREADGROUP GROUP g c STREAMS k >",
       "XADD k * a b", "XTRIM k MINID 6", "XGROUP DELCONSUMER k g c",
       "XSETID k 18446744073709551615", "COPY k l")


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings(tmp_path, name):
    entries, pending, *_ = loaded(tmp_path, SPELLINGS[name], *ASK)
    assert entries == (b"*2\r\n*2\r\n$3\r\n5-1\r\n" + array(b"f", b"v")
                       + b"*2\r\n$3\r\n7-6\r\n" + array(b"a", b"b", b"c", b"d"))
    assert pending == (b"*4\r\n:1\r\n$3\r\n5-1\r\n$3\r\n5-1\r\n*1\r\n" + array(b"c", b"1"))


def stream(nodes=NODES, last=LAST, groups=None) -> bytes:
    return b"\x15" + text(b"k") + nodes + last + HISTORY + (
        length(1) + group(3) if groups is None else groups)


def node(*values, at=(5, 1)) -> bytes:
    return length(1) + text(key(*at)) + text(pack(*values))


WRONG = {
    "a short key": stream(length(1) + text(b"x" * 15) + text(NODE)),
    "an empty pack": stream(node(), length(0) + length(9) + length(0)),
    "no entries": stream(node(0, 0, 1, b"f", 0), length(0) + length(9) + length(0)),
    "a wrong count": stream(node(2, 0, 1, b"f", 0, 2, 0, 0, b"v", 4), length(2) + length(9) * 2),
    "a wrong length": stream(last=length(3) + length(9) + length(0)),
    "a last ID below": stream(last=length(2) + length(7) + length(5)),
    "entries that descend": stream(node(2, 0, 1, b"f", 0, 2, 3, 0, b"v", 4, 2, 2, 0, b"v", 4)),
    "a long entry": stream(node(1, 0, 1, b"f", 0, 2, 0, 0, b"v", b"w", 4),
                           length(1) + length(9) * 2),
    "a wrong way back": stream(node(1, 0, 1, b"f", 0, 2, 0, 0, b"v", 5), length(1) + length(9) * 2),
    "unknown flags": stream(node(1, 0, 1, b"f", 0, 4, 0, 0, b"v", 4), length(1) + length(9) * 2),
    "many fields": stream(node(1, 0, 100, b"f", 0, 2, 0, 0, b"v", 4), length(1) + length(9) * 2),
    "a node twice": stream(length(2) + (text(key(5, 1)) + text(NODE)) * 2,
                           length(4) + length(9) * 2),
    "many nodes": stream(b"\x81" + b"\xff" * 8 + NODES[1:]),
    "a group twice": stream(groups=length(2) + group(3) * 2),
    "pending twice": stream(groups=length(1) + group(
        3, pending=length(2) + (key(5, 1) + stamp(1) + length(1)) * 2)),
    "pending for nobody": stream(groups=length(1) + group(3, mine=length(0))),
    "pending for one": stream(groups=length(1) + group(3, pending=length(0))),
    "pending for one twice": stream(groups=length(1) + group(3, mine=length(2) + key(5, 1) * 2)),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_no_stream_can_be(tmp_path, name):
    with pytest.raises(JournalError):
        loaded(tmp_path, WRONG[name], *ASK)


@pytest.mark.parametrize("name", ["of Valkey", "of Redis 5"])
def test_damage(tmp_path, name):
    """Every second byte bent: refused, or a stream that is whole and works."""
    for damaged in bent(SPELLINGS[name], 2):
        try:
            told = loaded(tmp_path, damaged, *ASK)
        except JournalError:
            continue
        assert told[0].startswith(b"*")
