"""engine/commands/scan: the guarantee of a walk, its options, its bounds.

The guarantee: a key that is there from the first call to the last is returned at least once. The
property test changes the table between calls, by thousands of keys, so that segments split and
merge and the directory doubles and halves under the cursor.
"""
import random
import time

import pytest

from tests.commands.dialogue import hold, hold_with
from tests.commands.replies import NOT_INT, SYNTAX
from tests.faces import c_state

CURSOR = b"-ERR invalid cursor\r\n"
NOTHING = b"*2\r\n$1\r\n0\r\n*0\r\n"
K = b"*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n"

DIALOGUES = {
    "scan": [
        ("scan 0", NOTHING),
        ("set k v", b"+OK\r\n"),
        ("scan 0", K),
        ("scan 0 count 9223372036854775807", K),
        ("scan 0 match k type string count 1", K),
        ("SCAN 0 TYPE STRING MATCH *", K),
        ("scan 0 count 1 match [j-l]", K),
        ("scan 0 match x", NOTHING),
        ("scan 0 type list", NOTHING),
        ("scan 0 type stream", NOTHING),
        ("scan 0 match x match k", K),
        ("scan 0 type list type string", K),
        ("scan +01", K),
    ],
    "refused": [
        ("scan x", CURSOR),
        ("scan -1", CURSOR),
        ("scan 1x", CURSOR),
        ("scan 18446744073709551616", CURSOR),
        ("scan x what", CURSOR),
        ("scan 0 what", SYNTAX),
        ("scan 0 what is", SYNTAX),
        ("scan 0 match", SYNTAX),
        ("scan 0 count", SYNTAX),
        ("scan 0 type", SYNTAX),
        ("scan 0 count 0", SYNTAX),
        ("scan 0 count -1 type what", SYNTAX),
        ("scan 0 count 1 count 0", SYNTAX),
        ("scan 0 count x", NOT_INT),
        ("scan 0 count 9223372036854775808", NOT_INT),
        ("scan 0 type what", b"-ERR unknown type name 'what'\r\n"),
        ("scan 0 type module count x", b"-ERR unknown type name 'module'\r\n"),
        ("scan", b"-ERR wrong number of arguments for 'scan' command\r\n"),
        ("keys", b"-ERR wrong number of arguments for 'keys' command\r\n"),
        ("keys a b", b"-ERR wrong number of arguments for 'keys' command\r\n"),
    ],
    "keys": [
        ("keys *", b"*0\r\n"),
        ("mset key 1 kay 1", b"+OK\r\n"),
        ("keys key", b"*1\r\n$3\r\nkey\r\n"),
        ("keys k[^e]y", b"*1\r\n$3\r\nkay\r\n"),
        ("keys K*", b"*0\r\n"),
        ("keys ", b"*0\r\n"),
        ("del kay", b":1\r\n"),
        ("keys k?y", b"*1\r\n$3\r\nkey\r\n"),
        ("keys *", b"*1\r\n$3\r\nkey\r\n"),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    hold(server.client, lines)


@pytest.mark.oracle
@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue_is_valkeys(valkey, lines):
    hold_with(valkey, lines)


def bulks(reply: bytes) -> list[bytes]:
    """The bulk strings of a flat or nested array, in order; none of ours holds a line end."""
    return reply.split(b"\r\n")[:-1]


def scan(server, cursor: int, *options: bytes) -> tuple[int, list[bytes]]:
    lines = bulks(server.execute(b"scan", b"%d" % cursor, *options))
    assert lines[0] == b"*2"
    keys = lines[5::2]
    assert lines[3] == b"*%d" % len(keys)
    return int(lines[2]), keys


def walk(server, *options: bytes) -> list[bytes]:
    cursor, found = scan(server, 0, *options)
    while cursor:
        cursor, keys = scan(server, cursor, *options)
        found += keys
    return found


def fill(server, prefix: bytes, numbers) -> None:
    pairs = [w for i in numbers for w in (b"%s:%d" % (prefix, i), b"v")]
    for start in range(0, len(pairs), 1000):
        server.execute(b"mset", *pairs[start:start + 1000])


def empty(server, prefix: bytes, numbers) -> None:
    keys = [b"%s:%d" % (prefix, i) for i in numbers]
    for start in range(0, len(keys), 500):
        server.execute(b"del", *keys[start:start + 500])


def test_walk_at_every_size(server):
    """Nothing is missing and, while nothing changes, nothing comes twice."""
    size = 0
    for target in (1, 9, 10, 100, 576, 577, 2000, 20000):
        fill(server, b"k", range(size, target))
        size = target
        for options in ([], [b"count", b"1"], [b"count", b"1000"],
                        [b"count", b"9223372036854775807"]):
            if size * len(options) > 4000 and options[1] == b"1":
                continue
            found = walk(server, *options)
            assert len(found) == size and len(set(found)) == size
    assert len(bulks(server.execute(b"keys", b"*"))) == 2 * size + 1


@pytest.mark.parametrize("seed", range(6))
def test_what_stays_is_returned_whatever_the_rest_does(server, seed):
    """Between calls others come by the thousand, or nearly all go."""
    rng = random.Random(seed)
    stay = {b"stay:%d" % i for i in rng.sample(range(10**9), rng.choice([3, 50, 1000, 5000]))}
    fill(server, b"stay", (int(key[5:]) for key in stay))
    others = 0
    for _ in range(4):
        found, cursor, calls = set(), 0, 0
        while True:
            cursor, keys = scan(server, cursor, b"count", b"%d" % rng.choice([1, 10, 100, 700]))
            found.update(keys)
            calls += 1
            if cursor == 0:
                break
            if calls > 40:              # let the walk come to its end
                continue
            if rng.random() < 0.5:
                more = rng.choice([1, 500, 8000])
                fill(server, b"other", range(others, others + more))
                others += more
            else:
                less = rng.choice([1, others // 2, others])
                empty(server, b"other", range(others - less, others))
                others -= less
        missing = stay - found
        assert not missing, (seed, len(missing))
        assert all(key in stay or key.startswith(b"other:") for key in found)


def test_cursors_fit_in_a_double(server):
    """Clients keep them in doubles: all of them lie below 2^53, and are different."""
    fill(server, b"k", range(5000))
    cursor, seen = 0, set()
    while True:
        cursor, _ = scan(server, cursor)
        assert 0 <= cursor < 2**53 and cursor not in seen
        if cursor == 0:
            break
        seen.add(cursor)
    assert len(seen) > 300


def test_count_is_work(server):
    """About COUNT keys are looked at, whether they pass or not."""
    fill(server, b"k", range(10000))
    for options, expected in [([], 10000), ([b"match", b"nothing*"], 0), ([b"type", b"list"], 0),
                              ([b"match", b"k:77"], 1)]:
        calls, cursor, got = 0, 0, 0
        while calls == 0 or cursor:
            cursor, keys = scan(server, cursor, b"count", b"100", *options)
            calls += 1
            got += len(keys)
        assert 80 <= calls <= 101
        assert got == expected


def test_any_cursor_will_do(server):
    """A cursor that nobody was given is a place like others."""
    fill(server, b"k", range(3000))
    rng = random.Random(1)
    for cursor in [2**64 - 1, 2**48, 2**48 - 1, 1] + [rng.getrandbits(64) for _ in range(200)]:
        after, keys = scan(server, cursor, b"count", b"50")
        assert after < 2**48 and len(keys) <= 600


def test_patterns_and_types(server):
    fill(server, b"a", range(700))
    fill(server, b"b", range(300))
    assert len(walk(server, b"match", b"a:*")) == 700
    assert len(walk(server, b"match", b"a:*", b"type", b"string")) == 700
    assert len(walk(server, b"type", b"hash", b"match", b"a:*")) == 0
    assert sorted(walk(server, b"match", b"?:29[0-4]", b"count", b"5")) == sorted(
        b"%s:%d" % (prefix, i) for prefix in (b"a", b"b") for i in range(290, 295))


@pytest.mark.parametrize("paused", [False, True])
def test_dead_keys_are_not_returned(server, paused):
    """Neither by SCAN nor by KEYS, removed or not."""
    c_state.pause_expiry(server, paused)
    fill(server, b"live", range(500))
    fill(server, b"dead", range(500))
    for i in range(500):
        assert server.execute(b"pexpireat", b"dead:%d" % i, b"9000000000000") == b":1\r\n"
    for i in range(500):
        server.execute(b"pexpire", b"dead:%d" % i, b"20")
    time.sleep(0.04)
    assert len(walk(server)) == 500
    assert all(key.startswith(b"live") for key in walk(server, b"count", b"1000"))
    assert server.execute(b"keys", b"dead*") == b"*0\r\n"
    c_state.pause_expiry(server, False)
