"""engine/commands/generic: replies as clients see them, counters, events and journal text.

The dialogues are played to valkey-server too, where there is one, so their replies are its.
"""
import random

import pytest

from tests.commands.dialogue import hold, hold_with
from tests.commands.replies import NOT_INT, SYNTAX
from tests.faces import c_state
from tests.oracle import encode

GENERIC, EXPIRED, MISS, NEW = 1 << 2, 1 << 8, 1 << 11, 1 << 14

SAME = b"-ERR source and destination objects are the same\r\n"
BAD_DB = b"-ERR DB index is out of range\r\n"
INT_RANGE = b"-ERR value is out of range, value must between -2147483648 and 2147483647\r\n"
NO_KEY = b"-ERR no such key\r\n"

DIALOGUES = {
    "count": [
        ("mset a 1 b 2 c 3", b"+OK\r\n"),
        ("exists a b x a", b":3\r\n"),
        ("touch a b x a", b":3\r\n"),
        ("del a a x", b":1\r\n"),
        ("unlink b x b", b":1\r\n"),
        ("dbsize", b":1\r\n"),
        ("type c", b"+string\r\n"),
        ("type a", b"+none\r\n"),
        ("randomkey", b"$1\r\nc\r\n"),
        ("unlink c", b":1\r\n"),
        ("randomkey", b"$-1\r\n"),
        ("del", b"-ERR wrong number of arguments for 'del' command\r\n"),
    ],
    "rename": [
        ("rename a b", NO_KEY),
        ("rename a a", NO_KEY),
        ("renamenx a a", NO_KEY),
        ("set a 1 px 100000", b"+OK\r\n"),
        ("rename a a", b"+OK\r\n"),
        ("renamenx a a", b":0\r\n"),
        ("set b 2", b"+OK\r\n"),
        ("renamenx a b", b":0\r\n"),
        ("rename a b", b"+OK\r\n"),
        ("exists a", b":0\r\n"),
        ("get b", b"$1\r\n1\r\n"),
        ("ttl b", b":100\r\n"),
        ("renamenx b c", b":1\r\n"),
        ("ttl c", b":100\r\n"),
        ("dbsize", b":1\r\n"),
    ],
    "copy": [
        ("copy a b", b":0\r\n"),
        ("copy a a", SAME),
        ("copy a a db 0", SAME),
        ("copy a a db 1", b":0\r\n"),
        ("set a 1 px 100000", b"+OK\r\n"),
        ("copy a b", b":1\r\n"),
        ("ttl b", b":100\r\n"),
        ("set a 2", b"+OK\r\n"),
        ("copy a b", b":0\r\n"),
        ("get b", b"$1\r\n1\r\n"),
        ("copy a b replace", b":1\r\n"),
        ("get b", b"$1\r\n2\r\n"),
        ("ttl b", b":-1\r\n"),
        ("copy a b db", SYNTAX),
        ("copy a b what", SYNTAX),
        ("copy a b db x", NOT_INT),
        ("copy a b db 99999999999999999999", NOT_INT),
        ("copy a b db 3000000000", INT_RANGE),
        ("copy a b db 16", BAD_DB),
        ("copy a b db -1 what", BAD_DB),
        ("copy a b replace replace", b":1\r\n"),
        ("copy a d db 1 db 2", b":1\r\n"),
        ("copy a d db 2", b":0\r\n"),
        ("copy a d db 1", b":1\r\n"),
    ],
    "move": [
        ("move a 0", SAME),
        ("move a x", NOT_INT),
        ("move a 3000000000", INT_RANGE),
        ("move a 16", BAD_DB),
        ("move a -1", BAD_DB),
        ("move a 1", b":0\r\n"),
        ("set a 1 px 100000", b"+OK\r\n"),
        ("move a 1", b":1\r\n"),
        ("exists a", b":0\r\n"),
        ("set a 2", b"+OK\r\n"),
        ("move a 1", b":0\r\n"),
        ("swapdb 0 1", b"+OK\r\n"),
        ("get a", b"$1\r\n1\r\n"),
        ("ttl a", b":100\r\n"),
    ],
    "swapdb": [
        ("set a 1", b"+OK\r\n"),
        ("swapdb 0 0", b"+OK\r\n"),
        ("get a", b"$1\r\n1\r\n"),
        ("swapdb 0 1", b"+OK\r\n"),
        ("get a", b"$-1\r\n"),
        ("dbsize", b":0\r\n"),
        ("swapdb 1 0", b"+OK\r\n"),
        ("get a", b"$1\r\n1\r\n"),
        ("swapdb x y", b"-ERR invalid first DB index\r\n"),
        ("swapdb 99 x", b"-ERR invalid second DB index\r\n"),
        ("swapdb 3000000000 0", b"-ERR invalid first DB index\r\n"),
        ("swapdb 0 16", BAD_DB),
        ("swapdb -1 0", BAD_DB),
    ],
    "flush": [
        ("mset a 1 b 2", b"+OK\r\n"),
        ("copy a a db 3", b":1\r\n"),
        ("flushdb what", SYNTAX),
        ("flushall sync async", SYNTAX),
        ("flushall async what", SYNTAX),
        ("dbsize", b":2\r\n"),
        ("flushdb", b"+OK\r\n"),
        ("dbsize", b":0\r\n"),
        ("swapdb 0 3", b"+OK\r\n"),
        ("dbsize", b":1\r\n"),
        ("flushall SYNC", b"+OK\r\n"),
        ("dbsize", b":0\r\n"),
        ("set a 1", b"+OK\r\n"),
        ("flushall Async", b"+OK\r\n"),
        ("dbsize", b":0\r\n"),
        ("flushdb sync", b"+OK\r\n"),
    ],
    "object": [
        ("object encoding a", b"$-1\r\n"),
        ("object freq a", b"$-1\r\n"),
        ("object idletime a", b"$-1\r\n"),
        ("object refcount a", b"$-1\r\n"),
        ("set a 12", b"+OK\r\n"),
        ("object encoding a", b"$3\r\nint\r\n"),
        ("object refcount a", b":1\r\n"),
        ("object idletime a", b":0\r\n"),
        ("object freq a", b"-ERR An LFU maxmemory policy is not selected, access frequency not "
                          b"tracked. Please note that when switching between policies at runtime "
                          b"LRU and LFU data will take some time to adjust.\r\n"),
        ("set a x", b"+OK\r\n"),
        ("OBJECT ENCODING a", b"$6\r\nembstr\r\n"),
        ("append a y", b":2\r\n"),
        ("object encoding a", b"$3\r\nraw\r\n"),
        ("copy a b", b":1\r\n"),
        ("object encoding b", b"$3\r\nraw\r\n"),
        ("object what a", b"-ERR unknown subcommand 'what'. Try OBJECT HELP.\r\n"),
        ("object", b"-ERR wrong number of arguments for 'object' command\r\n"),
        ("object encoding",
         b"-ERR wrong number of arguments for 'object|encoding' command\r\n"),
        ("object freq a b", b"-ERR wrong number of arguments for 'object|freq' command\r\n"),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    hold(server.client, lines)


@pytest.mark.oracle
@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue_is_valkeys(valkey, lines):
    hold_with(valkey, lines)


def test_many_keys_pass_every_chunk_size(server):
    """DEL, EXISTS and TOUCH work sixteen keys at a time; every other key is there."""
    for count in (1, 2, 15, 16, 17, 31, 32, 33, 500):
        keys = [b"key:%d" % i for i in range(count)]
        server.execute(b"mset", *(w for key in keys[::2] for w in (key, b"v")))
        there = (count + 1) // 2
        assert server.execute(b"exists", *keys) == b":%d\r\n" % there
        assert server.execute(b"touch", *keys) == b":%d\r\n" % there
        assert server.execute(b"unlink" if count % 2 else b"del", *keys) == b":%d\r\n" % there
        assert server.execute(b"exists", *keys) == b":0\r\n"
    assert server.execute(b"dbsize") == b":0\r\n"


def test_large_values_come_along(server):
    """A body of its own is moved by RENAME and MOVE, and copied by COPY."""
    value = random.Random(7).randbytes(1 << 20)
    reply = b"$%d\r\n%s\r\n" % (len(value), value)
    server.execute(b"set", b"a", value)
    before = server.used_memory
    assert server.execute(b"rename", b"a", b"b") == b"+OK\r\n"
    assert server.execute(b"move", b"b", b"1") == b":1\r\n"
    assert server.execute(b"swapdb", b"0", b"1") == b"+OK\r\n"
    assert server.execute(b"get", b"b") == reply
    assert abs(server.used_memory - before) < 4096
    assert server.execute(b"copy", b"b", b"c") == b":1\r\n"
    assert server.used_memory - before > 1 << 20
    assert server.execute(b"setrange", b"b", b"0", b"----") == b":%d\r\n" % len(value)
    assert server.execute(b"get", b"c") == reply
    assert server.execute(b"del", b"b", b"c") == b":2\r\n"
    assert server.used_memory < before


def test_empty_and_long_keys(server):
    for key in (b"", b"\0", b"k" * 255, b"k" * 256, b"k" * 70000):
        assert server.execute(b"set", key, b"v") == b"+OK\r\n"
        assert server.execute(b"rename", key, key + b"2") == b"+OK\r\n"
        assert server.execute(b"copy", key + b"2", key) == b":1\r\n"
        assert server.execute(b"expire", key, b"100") == b":1\r\n"
        assert server.execute(b"exists", key, key + b"2") == b":2\r\n"
        assert server.execute(b"get", key) == b"$1\r\nv\r\n"
        assert server.execute(b"del", key, key + b"2") == b":2\r\n"


def test_random_key_is_any_key(server):
    for i in range(20):
        server.execute(b"set", b"%d" % i, b"v")
    seen = {server.execute(b"randomkey") for _ in range(1000)}
    assert len(seen) == 20


def test_flush_later_gives_memory_back(server):
    """An asynchronous flush empties at once, and the memory follows by and by."""
    server.execute(b"ping")
    start = server.used_memory
    for i in range(200000):                             # many turns of a millisecond
        server.execute(b"set", b"key:%d" % i, b"v" * 32)
    full = server.used_memory
    assert server.execute(b"flushall", b"async") == b"+OK\r\n"
    assert server.execute(b"dbsize") == b":0\r\n"
    left = c_state.counters(server)["dropped"]
    assert 100000 < left <= 200000
    assert server.used_memory > full // 2
    server.execute(b"set", b"again", b"v")
    server.execute(b"flushall", b"sync")
    assert server.used_memory > start
    for _ in range(1000):                               # each turn frees a part
        server.execute(b"ping")
        assert c_state.counters(server)["dropped"] < left or left == 0
        left = c_state.counters(server)["dropped"]
    assert left == 0 and server.used_memory < start + 10000
    c_state.set_lazy_flush(server, False)
    server.execute(b"set", b"again", b"v")
    assert server.execute(b"flushdb") == b"+OK\r\n"
    assert c_state.counters(server)["dropped"] == 0
    c_state.set_lazy_flush(server, True)
    server.execute(b"set", b"again", b"v")
    assert server.execute(b"flushdb") == b"+OK\r\n"
    assert c_state.counters(server)["dropped"] == 1


def test_hits_and_misses(server):
    """Counted as Valkey counts: by what reads, with or without use of the value."""
    server.execute(b"set", b"a", b"v")
    for request, hits, misses in [
        (b"exists a x x", 1, 2), (b"type a", 1, 0), (b"type x", 0, 1), (b"touch a x", 1, 1),
        (b"object encoding a", 1, 0), (b"object freq x", 0, 1), (b"ttl a", 1, 0),
        (b"pttl x", 0, 1), (b"copy x y", 0, 1), (b"copy a b", 1, 0), (b"rename x y", 0, 0),
        (b"expire a 100", 0, 0), (b"persist x", 0, 0), (b"del x", 0, 0), (b"move x 1", 0, 0),
    ]:
        before = c_state.counters(server)
        server.execute(*request.split())
        after = c_state.counters(server)
        assert (request, after["hits"] - before["hits"],
                after["misses"] - before["misses"]) == (request, hits, misses)


def test_frequency_and_idleness_exclude_each_other(server):
    server.execute(b"set", b"a", b"v")
    c_state.set_lfu(server, True)
    server.execute(b"set", b"b", b"v")
    assert server.execute(b"object", b"freq", b"b") == b":5\r\n"
    assert server.execute(b"object", b"idletime", b"b") == (
        b"-ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when "
        b"switching between policies at runtime LRU and LFU data will take some time to adjust."
        b"\r\n")
    for _ in range(100):
        server.execute(b"touch", b"b")
    before = int(server.execute(b"object", b"freq", b"b")[1:])
    assert 5 < before < 40
    for _ in range(100):
        for look in (b"exists", b"ttl", b"type"):
            server.execute(look, b"b")
    assert int(server.execute(b"object", b"freq", b"b")[1:]) == before


def test_events(server):
    c_state.events_start(server, GENERIC | EXPIRED | MISS | NEW)
    server.execute(b"set", b"a", b"v")
    c_state.events_take()
    for request, events in [
        (b"copy a b", [("new", 0, b"b"), ("copy_to", 0, b"b")]),
        (b"rename a c", [("new", 0, b"c"), ("rename_from", 0, b"a"), ("rename_to", 0, b"c")]),
        (b"rename c b", [("new", 0, b"b"), ("rename_from", 0, b"c"), ("rename_to", 0, b"b")]),
        (b"rename b b", []),
        (b"copy b a db 2", [("new", 2, b"a"), ("copy_to", 2, b"a")]),
        (b"move b 1", [("new", 1, b"b"), ("move_from", 0, b"b"), ("move_to", 1, b"b")]),
        (b"exists a", [("keymiss", 0, b"a")]),
        (b"object encoding a", []),
        (b"swapdb 0 1", []),
        (b"expire b 100", [("expire", 0, b"b")]),
        (b"persist b", [("persist", 0, b"b")]),
        (b"expire b -1", [("expired", 0, b"b")]),
        (b"del b", []),
        (b"swapdb 0 2", []),
        (b"del a x", [("del", 0, b"a")]),
    ]:
        server.execute(*request.split())
        assert (request, c_state.events_take()) == (request, events)


def test_journal(server):
    """What changed something stands there in the client's words, the rest does not."""
    c_state.journal_start(server)
    server.execute(b"set", b"a", b"v")
    c_state.journal_take(server)
    for request, fed in [
        (b"copy a b", True), (b"copy a b", False), (b"rename a a", False), (b"rename a c", True),
        (b"renamenx c b", False), (b"move c 0", False), (b"move c 1", True),
        (b"swapdb 0 0", True), (b"unlink x", False), (b"unlink b x", True), (b"touch b", False),
        (b"flushdb", False), (b"set a v", True), (b"flushdb async", True), (b"dbsize", False),
    ]:
        server.execute(*request.split())
        text = encode(*request.split()) if fed else b""
        assert (request, c_state.journal_take(server)) == (request, text)


def commands(rng: random.Random):
    """Random requests over few keys and few databases, so that they meet."""
    def key():
        return rng.choice([b"a", b"b", b"c", b"d"])

    def db():
        return rng.choice([b"0", b"1", b"2", b"1", b"2", b"9999", b"x"])
    return rng.choice([
        lambda: [b"set", key(), rng.choice([b"1", b"word", b"w" * 200, b"w" * 2000])],
        lambda: [b"set", key(), b"v", b"px", b"1000000"],
        lambda: [b"append", key(), b"x"],
        lambda: [rng.choice([b"del", b"unlink", b"exists", b"touch"])] + [
            key() for _ in range(rng.randint(1, 4))],
        lambda: [rng.choice([b"type", b"persist", b"ttl", b"expiretime", b"get"]), key()],
        lambda: [rng.choice([b"rename", b"renamenx"]), key(), key()],
        lambda: [b"copy", key(), key()] + rng.choice(
            [[], [b"replace"], [b"db", db()], [b"db", db(), b"REPLACE"]]),
        lambda: [b"move", key(), db()],
        lambda: [b"swapdb", db(), db()],
        # Hardly ever the same number twice: which of the two is later, the clock would say.
        lambda: [b"expire", key(), rng.choice([b"%d" % rng.randint(100, 10**7), b"-1", b"0", b"x"])]
        + rng.choice([[], [b"nx"], [b"xx"], [b"gt"], [b"lt"], [b"gt", b"lt"], [b"xx", b"gt"]]),
        lambda: [b"pexpireat", key(), rng.choice([b"4000000000000", b"5000000000000", b"1"])],
        lambda: [b"object", rng.choice([b"encoding", b"refcount"]), key()],
        lambda: [rng.choice([b"dbsize", b"flushdb", b"dbsize", b"dbsize"])],
    ])()


@pytest.mark.parametrize("seed", range(8))
def test_random_commands_against_valkey(server, valkey, seed):
    valkey.ask("flushall")
    theirs, rng = valkey.client(), random.Random(seed)
    for number in range(500):
        request = commands(rng)
        ours_said, they_said = server.execute(*request), theirs.execute(*request)
        if request[0] in (b"ttl", b"expiretime"):
            # Seconds, of deadlines that were set at two moments: the last digit may round away.
            assert abs(int(ours_said[1:]) - int(they_said[1:])) <= 2, (seed, number, request)
            assert min(int(ours_said[1:]), 0) == min(int(they_said[1:]), 0)
        else:
            assert ours_said == they_said, (seed, number, request)
    theirs.close()
