"""Lists in files: exchange with stock servers, old spellings, damage.

Digests are compared, so every element of every list counts. Old spellings are made here, since no
server at hand writes them any more; damaged ones must be refused or give a list that holds.
"""
import random
import struct

import pytest

from bench.peers import valkey_binary
from kvd.engine.server.journal import JournalError
from tests.core.test_ziplist import ziplist
from tests.journal.engines import Engine
from tests.journal.test_exchange import Stock, rewritten
from tests.journal.test_load import Running

stock = pytest.mark.skipif(valkey_binary() is None, reason="no valkey-server here")
DEBUG = ("--enable-debug-command", "yes")


def elements(rng, count):
    return [rng.choice([b"%d" % rng.choice([0, 5, -1, 300, 70000, 2**40]), b"word", b"",
                        b"x" * rng.randrange(200), b"\0\xff\r\n"]) for _ in range(count)]


def fill(connection) -> None:
    rng = random.Random(1)
    requests = [("RPUSH", f"list{count}", *elements(rng, count))
                for count in (1, 2, 63, 64, 65, 200, 3000)]
    requests += [("RPUSH", "large", "a", b"L" * 9000, "b", b"M" * 20000, b"N" * 9000),
                 ("RPUSH", "alone", b"L" * 100000), ("RPUSH", "dies", *elements(rng, 100)),
                 ("PEXPIREAT", "dies", 4102444800000), ("SELECT", 3), ("RPUSH", "other", "1"),
                 ("SELECT", 0)]
    connection.ask_each(requests)


def later(connection) -> None:
    """What follows the base."""
    connection.ask_each([
        ("LPOP", "list200", "7"), ("LINSERT", "list64", "BEFORE", "word", "here"),
        ("LMOVE", "list200", "new", "LEFT", "RIGHT"), ("LTRIM", "list3000", "10", "-10"),
        ("LREM", "list3000", "0", "word"), ("LSET", "large", "1", "short"),
        ("BLPOP", "nothing", "list63", "0"), ("BLMOVE", "list2", "new", "LEFT", "LEFT", "0"),
        ("LMPOP", "2", "none", "list65", "RIGHT", "COUNT", "3"), ("RPOPLPUSH", "new", "new")])


def state(connection) -> tuple:
    names = sorted(connection.ask("KEYS", "*"))
    return connection.ask("DEBUG", "DIGEST"), [
        (name, connection.ask("OBJECT", "ENCODING", name)) for name in names]


@stock
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_stock_loads_ours(tmp_path, preamble):
    with Engine(tmp_path, appendonly="yes", aof_use_rdb_preamble=preamble,
                enable_debug_command="yes") as engine:
        connection = engine.connect()
        fill(connection)
        rewritten(connection)
        later(connection)
        expected = state(connection)
        assert engine.stop() == 0
    with Stock(tmp_path, *DEBUG) as peer:
        assert state(peer) == expected
    with Engine(tmp_path, appendonly="yes", enable_debug_command="yes") as engine:
        assert state(engine.connect()) == expected
        assert engine.stop() == 0


@stock
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_we_load_theirs(tmp_path, preamble):
    with Stock(tmp_path, *DEBUG, "--aof-use-rdb-preamble", preamble) as peer:
        fill(peer)
        rewritten(peer)
        later(peer)
        expected = state(peer)
    with Engine(tmp_path, appendonly="yes", enable_debug_command="yes") as engine:
        assert state(engine.connect()) == expected
        assert engine.stop() == 0


# -- made here ------------------------------------------------------------------------------------

def length(size: int) -> bytes:
    if size < 64:
        return bytes([size])
    if size < 16384:
        return struct.pack(">H", 0x4000 | size)
    return b"\x80" + struct.pack(">I", size)


def text(data: bytes) -> bytes:
    return length(len(data)) + data


def listpack(values) -> bytes:
    body = b"".join(bytes([0x80 | len(value)]) + value + bytes([1 + len(value)])
                    for value in values)
    return struct.pack("<IH", len(body) + 7, len(values)) + body + b"\xff"


VALUES = [b"one", b"2", b"", b"three" * 5, b"-70000"]
SPELLINGS = {
    "texts": b"\x01" + text(b"k") + length(5) + b"".join(map(text, VALUES)),
    "ziplist": b"\x0a" + text(b"k") + text(ziplist(VALUES)),
    "ziplist of integers": b"\x0a" + text(b"k") + text(ziplist([b"one", 2, b"", VALUES[3],
                                                                 -70000])),
    "ziplists": b"\x0e" + text(b"k") + length(3) + text(ziplist(VALUES[:2])) + text(ziplist([]))
    + text(ziplist(VALUES[2:])),
    "listpacks": b"\x12" + text(b"k") + length(3) + b"\x02" + text(listpack(VALUES[:3]))
    + b"\x01" + text(VALUES[3]) + b"\x02" + text(listpack(VALUES[4:])),
}
EMPTY = {
    "no texts": b"\x01" + text(b"k") + length(0),
    "no entries": b"\x0a" + text(b"k") + text(ziplist([])),
    "no nodes": b"\x12" + text(b"k") + length(0),
    "an empty node": b"\x12" + text(b"k") + length(1) + b"\x02" + text(listpack([])),
    "an empty element": b"\x12" + text(b"k") + length(1) + b"\x01" + text(b""),
    "an unknown node": b"\x12" + text(b"k") + length(1) + b"\x03" + text(listpack([b"a"])),
    "many nodes": b"\x12" + text(b"k") + b"\x81" + b"\xff" * 8 + b"\x02" + text(listpack([b"a"])),
    "many texts": b"\x01" + text(b"k") + b"\x81" + b"\xff" * 8 + text(b"a"),
}


def loaded(directory, body: bytes):
    """What LRANGE says of the file's only key; the file has no check sum to protect it."""
    place = directory / "appendonlydir"
    place.mkdir(exist_ok=True)
    (place / "appendonly.aof.manifest").write_text(
        "file appendonly.aof.1.base.rdb seq 1 type b\n")
    (place / "appendonly.aof.1.base.rdb").write_bytes(
        b"REDIS0010" + body + b"\xff" + bytes(8))
    for old in place.glob("*.incr.aof"):
        old.unlink()
    with Running(directory) as running:
        return running.ask("LRANGE", "k", "0", "-1"), running.ask("OBJECT", "ENCODING", "k")


def array(values) -> bytes:
    return b"*%d\r\n" % len(values) + b"".join(b"$%d\r\n%b\r\n" % (len(v), v) for v in values)


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings(tmp_path, name):
    values, encoding = loaded(tmp_path, SPELLINGS[name])
    assert values == array(VALUES)
    # Three nodes stay three nodes, even small ones: that is Valkey's rule.
    assert (b"quicklist" in encoding) == (name in ("ziplists", "listpacks"))


@pytest.mark.parametrize("name", EMPTY)
def test_what_no_list_can_be(tmp_path, name):
    with pytest.raises(JournalError):
        loaded(tmp_path, EMPTY[name])


@pytest.mark.parametrize("name", SPELLINGS)
def test_damage(tmp_path, name):
    """Every third byte bent: refused, or a list that is whole."""
    good = SPELLINGS[name]
    for at in range(3, len(good), 3):
        bent = bytes([good[at] ^ (0x80 if at % 2 else 0x01)])
        try:
            values, _ = loaded(tmp_path, good[:at] + bent + good[at + 1:])
        except JournalError:
            continue
        assert values.startswith(b"*") and values != b"*0\r\n"
