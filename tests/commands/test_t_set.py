"""engine/commands/t_set, set_random, set_algebra: dialogues, and random requests beside Valkey.

The dialogues are played to valkey-server too, where there is one, so their replies are its. The
random requests go to both; replies of members in no order are compared as sorted lists. What is
drawn by lot is held to what may be drawn.
"""
import random

import pytest

from tests.commands.dialogue import hold, hold_with
from tests.commands.replies import NOT_INT, NOT_POSITIVE, SYNTAX, WRONG_TYPE, array, bulk, parts
from tests.faces import c_state
from tests.oracle import encode

SEED = 17
GENERIC, SET = 1 << 2, 1 << 5


DIALOGUES = {
    "one key": [
        ("sadd s 3 1 2 2", b":3\r\n"),
        ("object encoding s", bulk(b"intset")),
        ("smembers s", array(b"1", b"2", b"3")),
        ("sadd s 2 x 04", b":2\r\n"),
        ("object encoding s", bulk(b"listpack")),
        ("smembers s", array(b"1", b"2", b"3", b"x", b"04")),
        ("sismember s 4", b":0\r\n"),
        ("sismember s 04", b":1\r\n"),
        ("smismember s x y 1", b"*3\r\n:1\r\n:0\r\n:1\r\n"),
        ("smismember no x y", b"*2\r\n:0\r\n:0\r\n"),
        ("scard s", b":5\r\n"),
        ("scard no", b":0\r\n"),
        ("srem s y 1 x", b":2\r\n"),
        ("srem no y", b":0\r\n"),
        ("srem s 2 3 04 5", b":3\r\n"),
        ("exists s", b":0\r\n"),
        ("smembers s", b"*0\r\n"),
        ("set k v", b"+OK\r\n"),
        *[(line, WRONG_TYPE) for line in (
            "sadd k 1", "srem k 1", "scard k", "sismember k 1", "smismember k 1", "smembers k",
            "spop k", "spop k 1", "srandmember k", "srandmember k 1", "sscan k 0", "smove k s 1",
            "sinter s k", "sinter k", "sunion no k", "sdiff no k", "sinterstore d k s",
            "sunionstore d k", "sdiffstore d s k", "sintercard 2 s k")],
        ("sadd s", b"-ERR wrong number of arguments for 'sadd' command\r\n"),
    ],
    "move": [
        ("set k v", b"+OK\r\n"),
        ("smove no k x", b":0\r\n"),
        ("sadd s x y", b":2\r\n"),
        ("smove s k x", WRONG_TYPE),
        ("smove s s x", b":1\r\n"),
        ("smove s s z", b":0\r\n"),
        ("smove s d z", b":0\r\n"),
        ("exists d", b":0\r\n"),
        ("smove s d x", b":1\r\n"),
        ("sadd d y", b":1\r\n"),
        ("smove s d y", b":1\r\n"),
        ("exists s", b":0\r\n"),
        ("smembers d", array(b"x", b"y")),
    ],
    "draws": [
        ("spop no", b"$-1\r\n"),
        ("spop no 2", b"*0\r\n"),
        ("srandmember no", b"$-1\r\n"),
        ("srandmember no 2", b"*0\r\n"),
        ("sadd s x", b":1\r\n"),
        ("srandmember s", bulk(b"x")),
        ("srandmember s 0", b"*0\r\n"),
        ("srandmember s 5", array(b"x")),
        ("srandmember s -3", array(b"x", b"x", b"x")),
        ("srandmember s x", NOT_INT),
        ("srandmember s 1 2", SYNTAX),
        ("srandmember s -9223372036854775808",
         b"-ERR value is out of range, value must between -9223372036854775807 and "
         b"9223372036854775807\r\n"),
        ("spop s -1", NOT_POSITIVE),
        ("spop s x", NOT_POSITIVE),
        ("spop s 1 1", SYNTAX),
        ("spop s 0", b"*0\r\n"),
        ("spop s 9223372036854775807", array(b"x")),
        ("exists s", b":0\r\n"),
        ("sadd s 1", b":1\r\n"),
        ("spop s", bulk(b"1")),
        ("exists s", b":0\r\n"),
        ("hello 3", None),
        ("sadd s x", b":1\r\n"),
        ("srandmember s 1", array(b"x")),
        ("spop s 1", b"~1\r\n$1\r\nx\r\n"),
        ("spop s 1", b"~0\r\n"),
        ("sinter s", b"~0\r\n"),
        ("spop s", b"_\r\n"),
    ],
    "algebra": [
        ("sadd a 1 2 3 4", b":4\r\n"),
        ("sadd b 3 4 5", b":3\r\n"),
        ("sinter a b", array(b"3", b"4")),
        ("sinter a no", b"*0\r\n"),
        ("sunion b a no", array(b"1", b"2", b"3", b"4", b"5")),
        ("sdiff a b", array(b"1", b"2")),
        ("sdiff a a", b"*0\r\n"),
        ("sdiff no a", b"*0\r\n"),
        ("sintercard 2 a b", b":2\r\n"),
        ("sintercard 2 a b limit 1", b":1\r\n"),
        ("sintercard 2 a b limit 0", b":2\r\n"),
        ("sintercard 2 a b limit 0 LIMIT 1", b":1\r\n"),
        ("sintercard 2 a no", b":0\r\n"),
        ("sintercard 0 a", b"-ERR numkeys should be greater than 0\r\n"),
        ("sintercard x a", b"-ERR numkeys should be greater than 0\r\n"),
        ("sintercard 2 a", b"-ERR Number of keys can't be greater than number of args\r\n"),
        ("sintercard 1 a limit", SYNTAX),
        ("sintercard 1 a b", SYNTAX),
        ("sintercard 1 a limit -1", b"-ERR LIMIT can't be negative\r\n"),
        ("sintercard 1 a limit x", b"-ERR LIMIT can't be negative\r\n"),
        ("sinterstore d a b", b":2\r\n"),
        ("smembers d", array(b"3", b"4")),
        ("sunionstore d d a b", b":5\r\n"),
        ("sdiffstore d d b", b":2\r\n"),
        ("smembers d", array(b"1", b"2")),
        ("expire d 100", b":1\r\n"),
        ("sunionstore d b", b":3\r\n"),
        ("ttl d", b":-1\r\n"),
        ("set d v", b"+OK\r\n"),
        ("sinterstore d no a", b":0\r\n"),
        ("exists d", b":0\r\n"),
        ("sunionstore d no", b":0\r\n"),
        ("sadd mixed 1 2 x", b":3\r\n"),
        ("sinterstore d mixed a", b":2\r\n"),
        ("object encoding d", bulk(b"intset")),
        ("sunionstore d mixed a", b":5\r\n"),
        ("object encoding d", bulk(b"listpack")),
        ("sdiffstore d mixed a", b":1\r\n"),
        ("object encoding d", bulk(b"listpack")),
    ],
    "scan": [
        ("sscan no 0", b"*2\r\n$1\r\n0\r\n*0\r\n"),
        ("sscan no 0 what", b"*2\r\n$1\r\n0\r\n*0\r\n"),
        ("sadd s 1 12 x", b":3\r\n"),
        ("sscan s 0", b"*2\r\n$1\r\n0\r\n" + array(b"1", b"12", b"x")),
        ("sscan s 5 match 1* count 1", b"*2\r\n$1\r\n0\r\n" + array(b"1", b"12")),
        ("sscan s x", b"-ERR invalid cursor\r\n"),
        ("sscan s 0 count 0", SYNTAX),
        ("sscan s 0 count x", NOT_INT),
        ("sscan s 0 match", SYNTAX),
        ("sscan s 0 type set", SYNTAX),
        ("sscan s 0 novalues", b"-ERR NOVALUES option can only be used in HSCAN\r\n"),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    hold(server.client, lines)


@pytest.mark.oracle
@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue_is_valkeys(valkey, lines):
    hold_with(valkey, lines)


# -- encodings ------------------------------------------------------------------------------------

LIMITS = {b"set-max-intset-entries": b"6", b"set-max-listpack-entries": b"5",
          b"set-max-listpack-value": b"4"}
KEYS = [b"a", b"b", b"c", b"d"]
MEMBERS = [b"%d" % n for n in range(12)] + [b"-1", b"70000", b"-5000000000", b"99999", b"abcde",
                                            b"x", b"y", b"z", b"w", b"", b"07", b"-0", b"1.0"]
UNORDERED = {b"smembers", b"sinter", b"sunion", b"sdiff"}


def some_request(rng):
    name = rng.choice([b"sadd"] * 6 + [b"srem"] * 3 + [
        b"smove", b"sismember", b"scard", b"smembers", b"sinter", b"sunion", b"sdiff",
        b"sinterstore", b"sunionstore", b"sdiffstore", b"sintercard", b"del", b"copy", b"rename"])
    if name in (b"sadd", b"srem"):
        return [name, rng.choice(KEYS), *rng.choices(MEMBERS, k=rng.choice([1, 1, 2, 3, 6, 7]))]
    if name == b"smove":
        return [name, rng.choice(KEYS), rng.choice(KEYS), rng.choice(MEMBERS)]
    if name == b"sismember":
        return [name, rng.choice(KEYS), rng.choice(MEMBERS)]
    if name in (b"scard", b"smembers", b"del"):
        return [name, rng.choice(KEYS)]
    if name == b"sintercard":
        return [name, b"2", *rng.choices(KEYS, k=2)]
    if name in (b"copy", b"rename"):
        return [name, *rng.sample(KEYS, 2)]
    if name.endswith(b"store"):
        return [name, *rng.choices(KEYS, k=rng.choice([2, 3, 4]))]
    return [name, *rng.choices(KEYS, k=rng.choice([1, 2, 3]))]


@pytest.mark.parametrize("tight", [True, False])
def test_encodings_are_valkeys(server, stock_valkey, tight):
    rng = random.Random(SEED)
    mine, theirs = server.client(), stock_valkey.client()
    for name, value in LIMITS.items() if tight else ():
        for side in (mine, theirs):
            assert side.execute(b"config", b"set", name, value) == b"+OK\r\n"
    for _ in range(4000):
        words = some_request(rng)
        got, want = mine.execute(*words), theirs.execute(*words)
        if words[0] in UNORDERED:
            got, want = sorted(parts(got)), sorted(parts(want))
        assert got == want, words
        for key in set(words[1:]) & set(KEYS):
            ask = [b"object", b"encoding", key]
            assert mine.execute(*ask) == theirs.execute(*ask), words
    theirs.close()


@pytest.mark.parametrize("members", [
    [b"%d" % n for n in range(40)], [b"m%d" % n for n in range(40)],
    [b"m%d" % n for n in range(300)], [b"%d" % n for n in range(600)]])
@pytest.mark.parametrize("count", [1, 3, 20, 30, 35, 39])
def test_spop_leaves_valkeys_encoding(server, stock_valkey, members, count):
    count = count * len(members) // 40
    mine, theirs = server.client(), stock_valkey.client()
    for side in (mine, theirs):
        side.execute(b"sadd", b"s", *members)
        popped = parts(side.execute(b"spop", b"s", b"%d" % count))
        left = parts(side.execute(b"smembers", b"s"))
        assert sorted(popped + left) == sorted(members)
    ask = [b"object", b"encoding", b"s"]
    assert mine.execute(*ask) == theirs.execute(*ask)
    theirs.close()


# -- by lot ---------------------------------------------------------------------------------------

SETS = {
    "intset": [b"%d" % n for n in range(50)],
    "listpack": [b"m%d" % n for n in range(50)],
    "hashtable": [b"member:%d" % n for n in range(1000)],
}


@pytest.mark.parametrize("kind", SETS)
def test_draws(server, kind):
    members = SETS[kind]
    server.execute(b"sadd", b"s", *members)
    assert server.execute(b"object", b"encoding", b"s") == bulk(kind.encode())
    for count in (1, 2, 7, len(members) // 4, len(members) // 2, len(members) - 1, len(members),
                  len(members) + 5):
        drawn = parts(server.execute(b"srandmember", b"s", b"%d" % count))
        assert len(drawn) == len(set(drawn)) == min(count, len(members))
        assert set(drawn) <= set(members)
        drawn = parts(server.execute(b"srandmember", b"s", b"-%d" % count))
        assert len(drawn) == count and set(drawn) <= set(members)


@pytest.mark.parametrize("kind", SETS)
@pytest.mark.parametrize("share", [10, 2])
def test_draws_are_fair(server, kind, share):
    """Every member comes up about as often as any other."""
    members = SETS[kind][:50]
    server.execute(b"sadd", b"s", *members)
    if kind == "hashtable":
        server.execute(b"sadd", b"s", b"x" * 100)
        server.execute(b"srem", b"s", b"x" * 100)
    count, rounds = len(members) // share, 400
    seen = dict.fromkeys(members, 0)
    for _ in range(rounds):
        for member in parts(server.execute(b"srandmember", b"s", b"%d" % count)):
            seen[member] += 1
    expected = rounds / share
    assert min(seen.values()) > expected * 0.4 and max(seen.values()) < expected * 1.8


def test_a_reply_without_end_is_refused(server):
    server.execute(b"sadd", b"s", b"x" * 1000)
    for count in (b"-9223372036854775807", b"-200000000"):
        assert server.execute(b"srandmember", b"s", count) \
            == b"-ERR the reply would be too long\r\n"
    assert server.execute(b"ping") == b"+PONG\r\n"


# -- big ones -------------------------------------------------------------------------------------

def test_a_walk_returns_every_member(server):
    members = [b"%d:member" % n for n in range(5000)]
    for start in range(0, 5000, 1000):
        server.execute(b"sadd", b"s", *members[start:start + 1000])
    seen, cursor, calls = [], b"0", 0
    while True:
        reply = server.execute(b"sscan", b"s", cursor, b"count", b"100")
        cursor = reply.split(b"\r\n")[2]
        seen += reply.split(b"\r\n")[5:-1:2]
        calls += 1
        if cursor == b"0":
            break
    assert sorted(seen) == sorted(members) and calls > 20


def test_events_and_journal(server):
    c_state.journal_start(server)
    c_state.events_start(server, GENERIC | SET)
    server.execute(b"sadd", b"s", b"a", b"b", b"c", b"d")
    server.execute(b"sadd", b"s", b"a")
    server.execute(b"srem", b"s", b"a", b"x")
    server.execute(b"smove", b"s", b"t", b"b")
    assert c_state.events_take() == [("sadd", 0, b"s"), ("srem", 0, b"s"), ("srem", 0, b"s"),
                                     ("sadd", 0, b"t")]
    assert c_state.journal_take(server) == encode("select", 0).upper() + b"".join(
        encode(*line.split()) for line in ("sadd s a b c d", "srem s a x", "smove s t b"))
    server.execute(b"spop", b"s", b"2")
    server.execute(b"sadd", b"s", b"7")
    server.execute(b"spop", b"t")
    server.execute(b"sadd", b"t", b"1", b"2")
    popped = server.execute(b"spop", b"t").split(b"\r\n")[1]
    assert c_state.events_take() == [
        ("spop", 0, b"s"), ("del", 0, b"s"), ("sadd", 0, b"s"), ("spop", 0, b"t"), ("del", 0, b"t"),
        ("sadd", 0, b"t"), ("spop", 0, b"t")]
    assert c_state.journal_take(server) == (
        encode("DEL", "s") + encode("sadd", "s", "7") + encode("SREM", "t", "b")
        + encode("sadd", "t", "1", "2") + encode("SREM", "t", popped))
    server.execute(b"sunionstore", b"d", b"s", b"t")
    server.execute(b"sinterstore", b"d", b"s", b"no")
    server.execute(b"sdiffstore", b"d", b"s", b"s")
    assert c_state.events_take() == [("sunionstore", 0, b"d"), ("del", 0, b"d")]


def test_what_spop_took_is_gone_in_the_journal_too(server):
    members = [b"member:%d" % n for n in range(3000)]
    server.execute(b"sadd", b"s", *members)
    c_state.journal_start(server)
    popped = parts(server.execute(b"spop", b"s", b"2900"))
    text = c_state.journal_take(server)
    assert text.count(b"SREM") == 3
    assert sorted(word for word in text.split(b"\r\n") if word.startswith(b"member:")) \
        == sorted(popped)


def test_a_large_set_goes_in_slices(server):
    for start in range(0, 100_000, 10_000):
        server.execute(b"sadd", b"s", *(b"%d:m" % n for n in range(start, start + 10_000)))
    server.execute(b"del", b"s")
    assert c_state.counters(server)["dropped"] == 1
