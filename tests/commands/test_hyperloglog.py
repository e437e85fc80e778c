"""engine/commands/hyperloglog: dialogues, and bytes that must be Valkey's after any history."""
import random

import pytest

from tests.commands.dialogue import hold, hold_with

WRONG_KIND = b"-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n"
BROKEN = b"-INVALIDOBJ Corrupted HLL object detected\r\n"
DIALOGUES = {
    "adding and counting": [
        ("pfcount a", b":0\r\n"),
        ("pfadd a", b":1\r\n"),
        ("pfadd a", b":0\r\n"),
        ("object encoding a", b"$3\r\nraw\r\n"),
        ("pfcount a", b":0\r\n"),
        ("pfadd a x y z", b":1\r\n"),
        ("pfadd a x", b":0\r\n"),
        ("pfcount a", b":3\r\n"),
        ("pfadd b z w", b":1\r\n"),
        ("pfcount a b nothing", b":4\r\n"),
        ("pfmerge c a b nothing", b"+OK\r\n"),
        ("pfcount c", b":4\r\n"),
        ("pfmerge d", b"+OK\r\n"),
        ("strlen d", b":18\r\n"),
        ("pfdebug encoding c", b"+sparse\r\n"),
        ("pfdebug todense c", b":1\r\n"),
        ("pfdebug todense c", b":0\r\n"),
        ("pfdebug encoding c", b"+dense\r\n"),
        ("pfdebug decode c", b"-ERR HLL encoding is not sparse\r\n"),
        ("pfmerge d c", b"+OK\r\n"),
        ("strlen d", b":12304\r\n"),
        ("pfcount d", b":4\r\n"),
        ("pfdebug decode b", b"$32\r\nZ:4168 v:2,1 Z:4412 v:1,1 Z:7802\r\n"),
        ("pfselftest", b"+OK\r\n"),
    ],
    "refusals": [
        ("set s foo", b"+OK\r\n"),
        ("pfadd s x", WRONG_KIND),
        ("pfcount s", WRONG_KIND),
        ("pfcount s none", WRONG_KIND),
        ("pfmerge none s", WRONG_KIND),
        ("pfmerge s none", WRONG_KIND),
        ("exists none", b":0\r\n"),
        ("set s 123456", b"+OK\r\n"),
        ("pfadd s x", WRONG_KIND),
        ("set h HYLL\x01___------\x80", b"+OK\r\n"),
        ("pfcount h", BROKEN),
        ("pfcount h h", BROKEN),
        ("pfadd h x", BROKEN),
        ("pfmerge h", BROKEN),
        ("pfmerge none h", BROKEN),
        ("pfdebug todense h", BROKEN),
        ("set h HYLL\x02___--------", b"+OK\r\n"),
        ("pfcount h", WRONG_KIND),
        ("set h HYLL\x00___--------", b"+OK\r\n"),
        ("pfcount h", WRONG_KIND),
        ("pfadd", b"-ERR wrong number of arguments for 'pfadd' command\r\n"),
        ("pfdebug getreg", b"-ERR wrong number of arguments for 'pfdebug' command\r\n"),
        ("pfdebug getreg none", b"-ERR The specified key does not exist\r\n"),
        ("pfadd p x", b":1\r\n"),
        ("pfdebug what p", b"-ERR Unknown PFDEBUG subcommand 'what'\r\n"),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    hold(server.client, lines)


@pytest.mark.oracle
@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue_is_valkeys(valkey, lines):
    hold_with(valkey, lines)


def requests(seed: int):
    """A history over three keys, with other bounds of sparse strings now and then."""
    rng = random.Random(seed)
    for _ in range(120):
        key = rng.choice([b"a", b"b", b"c"])
        what = rng.random()
        if what < 0.7:
            some = [b"%d" % rng.randrange(2000) for _ in range(rng.choice([0, 1, 1, 5, 60]))]
            yield [b"PFADD", key, *some]
        elif what < 0.85:
            yield [b"PFCOUNT", *rng.choices([b"a", b"b", b"c", b"d"], k=rng.choice([1, 1, 2]))]
        elif what < 0.95:
            yield [b"PFMERGE", *rng.choices([b"a", b"b", b"c", b"d"], k=rng.randrange(1, 4))]
        elif what < 0.97:
            yield [b"PFDEBUG", rng.choice([b"DECODE", b"GETREG", b"TODENSE"]), key]
        elif what < 0.98:
            yield [b"DEL", key]
        else:
            yield [b"CONFIG", b"SET", b"hll-sparse-max-bytes",
                   rng.choice([b"0", b"18", b"60", b"500", b"3000", b"20000"])]


@pytest.mark.parametrize("seed", range(8))
def test_bytes_are_valkeys(server, stock_valkey, seed):
    ours, theirs = server.client(), stock_valkey.client()
    for number, words in enumerate(requests(seed)):
        assert ours.execute(*words) == theirs.execute(*words), (number, words)
        for key in (b"a", b"b", b"c", b"d"):
            assert ours.execute(b"GET", key) == theirs.execute(b"GET", key), (number, words)
    theirs.close()


def test_events_and_changes(server):
    """A count that writes its estimate is a change; one that finds it is none."""
    client = server.client()
    for request, changed in (("pfadd a", True), ("pfadd a", False), ("pfadd a x y", True),
                             ("pfcount a", True), ("pfcount a", False), ("pfcount a b", False),
                             ("pfmerge b a", True), ("pfdebug todense a", True),
                             ("pfdebug todense a", False)):
        assert client.execute(b"watch", b"a", b"b") == b"+OK\r\n"
        server.client().execute(*request.encode().split())
        client.execute(b"multi")
        assert (client.execute(b"exec") == b"*-1\r\n") is changed, request


def test_memory_of_small_ones(server):
    """A sparse string has little room to spare, a dense one none."""
    def memory(key):
        return int(server.execute(b"memory", b"usage", key)[1:-2])

    server.execute(b"pfadd", b"key", *(b"%d" % i for i in range(20)))
    assert memory(b"key") < 250
    server.execute(b"pfadd", b"key", *(b"%d" % i for i in range(5000)))
    assert memory(b"key") < 12304 * 1.05
