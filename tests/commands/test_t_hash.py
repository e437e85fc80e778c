"""engine/commands/t_hash, hash_random, hash_expire: dialogues, and random requests beside Valkey.

The dialogues are played to valkey-server too, where there is one, so their replies are its. The
random requests go to both; fields in no order are compared as sorted lists. What dies does so on
both sides while nothing looks, or long after the test.
"""
import random
import time

import pytest

from tests.commands.dialogue import hold, hold_with
from tests.commands.replies import NOT_INT, SYNTAX, WRONG_TYPE, arity, array, bulk, ints, parts
from tests.faces import c_state
from tests.oracle import encode

SEED = 23
SETTINGS = {"enable_debug_command": "yes"}
GENERIC, HASH = 1 << 2, 1 << 6
NUMFIELDS = b"-ERR numfields should be greater than 0 and match the provided number of fields\r\n"


def bad_time(name):
    return b"-ERR invalid expire time in '%s' command\r\n" % name


DIALOGUES = {
    "fields": [
        ("hset h a 1 b 2", b":2\r\n"),
        ("hset h a 3 c x a 4", b":1\r\n"),
        ("hgetall h", array(b"a", b"4", b"b", b"2", b"c", b"x")),
        ("hkeys h", array(b"a", b"b", b"c")),
        ("hvals h", array(b"4", b"2", b"x")),
        ("hlen h", b":3\r\n"),
        ("hget h a", bulk(b"4")),
        ("hget h z", b"$-1\r\n"),
        ("hget no z", b"$-1\r\n"),
        ("hmget h a z c", array(b"4", None, b"x")),
        ("hmget no a z", array(None, None)),
        ("hexists h a", b":1\r\n"),
        ("hexists h z", b":0\r\n"),
        ("hexists no z", b":0\r\n"),
        ("hstrlen h c", b":1\r\n"),
        ("hstrlen h z", b":0\r\n"),
        ("hstrlen no z", b":0\r\n"),
        ("hsetnx h a 9", b":0\r\n"),
        ("hsetnx h d 9", b":1\r\n"),
        ("hsetnx new d 9", b":1\r\n"),
        ("hmset h e 1 f 2", b"+OK\r\n"),
        ("object encoding h", bulk(b"listpack")),
        ("hdel h z a b", b":2\r\n"),
        ("hdel h c d e f", b":4\r\n"),
        ("exists h", b":0\r\n"),
        ("hdel h c", b":0\r\n"),
        ("hgetall h", b"*0\r\n"),
        ("hkeys h", b"*0\r\n"),
        ("hlen h", b":0\r\n"),
        ("hset h a", arity("hset")),
        ("hset h a 1 b", arity("hset")),
        ("hmset h a 1 b", arity("hmset")),
        ("set k v", b"+OK\r\n"),
        *[(line, WRONG_TYPE) for line in (
            "hset k a 1", "hmset k a 1", "hsetnx k a 1", "hget k a", "hmget k a", "hlen k",
            "hdel k a", "hexists k a", "hstrlen k a", "hgetall k", "hkeys k", "hvals k",
            "hincrby k a 1", "hincrbyfloat k a 1", "hscan k 0", "hrandfield k", "hrandfield k 1",
            "hexpire k 1 fields 1 a", "httl k fields 1 a", "hpersist k fields 1 a",
            "hgetex k fields 1 a", "hgetex k ex x fields 1 a", "hsetex k fields 1 a 1",
            "hsetex k ex x fields 1 a 1", "hgetdel k fields 1 a")],
        ("hello 3", None),
        ("hset h a 1", b":1\r\n"),
        ("hgetall h", b"%1\r\n" + bulk(b"a") + bulk(b"1")),
        ("hgetall no", b"%0\r\n"),
        ("hrandfield h 2 withvalues", b"*1\r\n" + array(b"a", b"1")),
        ("hscan h 0", b"*2\r\n$1\r\n0\r\n" + array(b"a", b"1")),
    ],
    "counting": [
        ("hincrby h n 5", b":5\r\n"),
        ("hincrby h n -7", b":-2\r\n"),
        ("hincrby h n x", NOT_INT),
        ("hset h big 9223372036854775807 word abc", b":2\r\n"),
        ("hincrby h big 1", b"-ERR increment or decrement would overflow\r\n"),
        ("hincrby h word 1", b"-ERR hash value is not an integer\r\n"),
        ("hincrbyfloat h word 1", b"-ERR hash value is not a float\r\n"),
        ("hincrbyfloat h n 1.5", bulk(b"-0.5")),
        ("hincrbyfloat h f 3.0e3", bulk(b"3000")),
        ("hincrbyfloat h f x", b"-ERR value is not a valid float\r\n"),
        ("hincrbyfloat h f nan", b"-ERR value is not a valid float\r\n"),
        ("hincrbyfloat h f inf", b"-ERR value is NaN or Infinity\r\n"),
        ("hincrby h n 1", b"-ERR hash value is not an integer\r\n"),
        ("hincrbyfloat new f inf", b"-ERR value is NaN or Infinity\r\n"),
        ("exists new", b":0\r\n"),
    ],
    "draws": [
        ("hrandfield no", b"$-1\r\n"),
        ("hrandfield no 1", b"*0\r\n"),
        ("hrandfield no 1 withvalues", b"*0\r\n"),
        ("hset h a 1", b":1\r\n"),
        ("hrandfield h", bulk(b"a")),
        ("hrandfield h 0", b"*0\r\n"),
        ("hrandfield h 3", array(b"a")),
        ("hrandfield h -2", array(b"a", b"a")),
        ("hrandfield h -2 withvalues", array(b"a", b"1", b"a", b"1")),
        ("hrandfield h x", NOT_INT),
        ("hrandfield h 1 what", SYNTAX),
        ("hrandfield h 1 withvalues x", SYNTAX),
        ("hrandfield h 9223372036854775807 withvalues", b"-ERR value is out of range\r\n"),
        ("hrandfield h -9223372036854775808",
         b"-ERR value is out of range, value must between -9223372036854775807 and "
         b"9223372036854775807\r\n"),
    ],
    "scan": [
        ("hscan no 0 what", b"*2\r\n$1\r\n0\r\n*0\r\n"),
        ("hset h a 1 ab 2 b 3", b":3\r\n"),
        ("hscan h 0", b"*2\r\n$1\r\n0\r\n" + array(b"a", b"1", b"ab", b"2", b"b", b"3")),
        ("hscan h 7 match a* count 1", b"*2\r\n$1\r\n0\r\n" + array(b"a", b"1", b"ab", b"2")),
        ("hscan h 0 novalues match a*", b"*2\r\n$1\r\n0\r\n" + array(b"a", b"ab")),
        ("hscan h 0 match a* novalues", b"*2\r\n$1\r\n0\r\n" + array(b"a", b"ab")),
        ("hscan h x", b"-ERR invalid cursor\r\n"),
        ("hscan h 0 what", SYNTAX),
        ("hscan h 0 count 0", SYNTAX),
        ("hscan h 0 type hash", SYNTAX),
    ],
    "expire": [
        ("hset h a 1 b 2 c 3", b":3\r\n"),
        ("hexpire h 100 fields 3 a x a", ints(1, -2, 1)),
        ("object encoding h", bulk(b"hashtable")),
        ("httl h fields 3 a b x", ints(100, -1, -2)),
        ("httl no fields 2 a b", ints(-2, -2)),
        ("hexpire no 100 fields 2 a b", ints(-2, -2)),
        ("hpexpireat h 4102444800500 fields 1 a", ints(1)),
        ("hpexpiretime h fields 1 a", ints(4102444800500)),
        ("hexpiretime h fields 2 a b", ints(4102444801, -1)),
        ("hexpire h 100 nx fields 2 a b", ints(0, 1)),
        ("hexpire h 200 xx fields 2 a c", ints(1, 0)),
        ("hexpire h 100 gt fields 3 a b c", ints(0, 0, 0)),
        ("hexpire h 300 gt fields 3 a b c", ints(1, 1, 0)),
        ("hexpire h 400 lt fields 3 a b c", ints(0, 0, 1)),
        ("hexpire h 50 xx lt fields 1 a", ints(1)),
        ("hexpire h 50 nx xx fields 1 a",
         b"-ERR NX and XX, GT or LT options at the same time are not compatible\r\n"),
        ("hexpire h 50 gt lt fields 1 a",
         b"-ERR GT and LT options at the same time are not compatible\r\n"),
        ("hexpire h 50 foo fields 1 a", b"-ERR Unsupported option foo\r\n"),
        ("hexpire h x foo fields 1 a", b"-ERR Unsupported option foo\r\n"),
        ("hexpire h 50 nx xx 1", NUMFIELDS),
        ("hexpire h 50 foo 1 a", NUMFIELDS),
        ("hexpire h fields 1 a 1", NUMFIELDS),
        ("hexpire h 50 fields 0 a", NUMFIELDS),
        ("hexpire h 50 fields 2 a", NUMFIELDS),
        ("hexpire h 50 fields 1 a b", NUMFIELDS),
        ("hexpire h 50 fields -1 a", NUMFIELDS),
        ("hexpire h 50 fields x a", NOT_INT),
        ("hexpire h 50 fields 99999999999999999999 a", NOT_INT),
        ("hexpire h x fields 2 a", NUMFIELDS),
        ("hexpire h x fields 1 a", NOT_INT),
        ("hexpire h -1 fields 1 a", bad_time(b"hexpire")),
        ("hexpire no -1 fields 1 a", bad_time(b"hexpire")),
        ("hexpire h 9223372036854775807 fields 1 a", bad_time(b"hexpire")),
        ("hpexpire h 9223372036854775807 fields 1 a", bad_time(b"hpexpire")),
        ("hexpireat h 9223372036854775807 fields 1 a", bad_time(b"hexpireat")),
        ("hpexpireat h 9223372036854775807 fields 1 a", ints(1)),
        ("hpersist h fields 3 a b x", ints(1, 1, -2)),
        ("hpersist h fields 2 a a", ints(-1, -1)),
        ("hpersist no fields 1 a", ints(-2)),
        ("hpersist h fields 2 a", NUMFIELDS),
        ("hpersist h foo 1 a", SYNTAX),
        ("hpersist h fields x a", NOT_INT),
        ("httl h fields 2 a", SYNTAX),
        ("httl h fields 0 a", SYNTAX),
        ("httl h foo 1 a", SYNTAX),
        ("httl h fields x a", NOT_INT),
        ("hexpire h 0 fields 2 a x", ints(2, -2)),
        ("hexpireat h 1 fields 3 b b c", ints(2, -2, 2)),
        ("exists h", b":0\r\n"),
    ],
    "getex": [
        ("hset h a 1 b 2", b":2\r\n"),
        ("hgetex h fields 2 a x", array(b"1", None)),
        ("object encoding h", bulk(b"listpack")),
        ("hgetex h ex 100 fields 2 a x", array(b"1", None)),
        ("httl h fields 2 a b", ints(100, -1)),
        ("hgetex h ex 100 ex 200 fields 1 a", array(b"1")),
        ("httl h fields 1 a", ints(200)),
        ("hgetex h persist persist fields 2 a b", array(b"1", b"2")),
        ("httl h fields 1 a", ints(-1)),
        ("hgetex h pxat 4102444800500 fields 1 a", array(b"1")),
        ("hpexpiretime h fields 1 a", ints(4102444800500)),
        ("hgetex h persist ex 1 fields 1 a", SYNTAX),
        ("hgetex h ex 1 px 1 fields 1 a", SYNTAX),
        ("hgetex h keepttl fields 1 a", SYNTAX),
        ("hgetex h ex fields 1 a", SYNTAX),
        ("hgetex h fields 1 a ex 100", NUMFIELDS),
        ("hgetex h fields 0 a", NUMFIELDS),
        ("hgetex h persist persist persist", NUMFIELDS),
        ("hgetex h fields fields 1 a", NOT_INT),
        ("hgetex h ex x fields 1 a", NOT_INT),
        ("hgetex h ex -1 fields 1 a", bad_time(b"hgetex")),
        ("hgetex no ex -1 fields 1 a", bad_time(b"hgetex")),
        ("hgetex no ex 100 fields 2 a b", array(None, None)),
        ("hgetex h ex 0 fields 2 a x", array(b"1", None)),
        ("hgetall h", array(b"b", b"2")),
        ("hgetex h exat 1 fields 1 b", array(b"2")),
        ("exists h", b":0\r\n"),
        ("hset h a 1 b 2", b":2\r\n"),
        ("hgetdel h fields 3 a a x", array(b"1", None, None)),
        ("hgetdel no fields 1 a", array(None)),
        ("hgetdel h fields 2 b", NUMFIELDS),
        ("hgetdel h foo 1 b", SYNTAX),
        ("hgetdel h fields x b", NOT_INT),
        ("hgetdel h fields 1 b", array(b"2")),
        ("exists h", b":0\r\n"),
    ],
    "setex": [
        ("hsetex h fields 2 a 1 a 2", b":1\r\n"),
        ("hgetall h", array(b"a", b"2")),
        ("object encoding h", bulk(b"listpack")),
        ("hsetex h ex 100 fields 1 a 1", b":1\r\n"),
        ("httl h fields 1 a", ints(100)),
        ("hsetex h keepttl fields 2 a 5 b 6", b":1\r\n"),
        ("httl h fields 2 a b", ints(100, -1)),
        ("hincrby h a 1", b":6\r\n"),
        ("httl h fields 1 a", ints(100)),
        ("hincrbyfloat h a 1", bulk(b"7")),
        ("httl h fields 1 a", ints(100)),
        ("hsetnx h a 1", b":0\r\n"),
        ("hset h a 8", b":0\r\n"),
        ("httl h fields 1 a", ints(-1)),
        ("hsetex h fnx fields 1 a 2", b":0\r\n"),
        ("hsetex h fxx fields 2 a 2 z 2", b":0\r\n"),
        ("hsetex h fxx fields 2 a 2 b 2", b":1\r\n"),
        ("hsetex h fnx fields 2 y 3 z 3", b":1\r\n"),
        ("hsetex h nx fields 1 a 2", b":0\r\n"),
        ("hsetex no xx fields 1 a 2", b":0\r\n"),
        ("hsetex h xx fields 1 a 2", b":1\r\n"),
        ("hsetex new nx px 100000 fnx fields 1 a 2", b":1\r\n"),
        ("hsetex no fxx fields 1 a 2", b":0\r\n"),
        ("exists no", b":0\r\n"),
        ("hsetex h nx xx fields 1 a 2", SYNTAX),
        ("hsetex h fnx fxx fields 1 a 2", SYNTAX),
        ("hsetex h keepttl ex 1 fields 1 a 2", SYNTAX),
        ("hsetex h persist fields 1 a 2", SYNTAX),
        ("hsetex h foo fields 1 a 2", SYNTAX),
        ("hsetex h ex 100 nx nx nx", NUMFIELDS),
        ("hsetex h fields 2 a 1", NUMFIELDS),
        ("hsetex h fields 1 a 1 b", NUMFIELDS),
        ("hsetex h fields 1 a 1 b 2", NUMFIELDS),
        ("hsetex h fields 0 a 1", NUMFIELDS),
        ("hsetex h ex x nx fields 1 a 1", b":0\r\n"),
        ("hsetex h ex -1 fields 1 a 1", bad_time(b"hsetex")),
        ("hsetex h exat 1 fields 2 a 1 z 2", b":1\r\n"),
        ("hgetall h", array(b"b", b"2", b"y", b"3")),
        ("hsetex gone ex 0 fields 1 a 1", b":1\r\n"),
        ("exists gone", b":0\r\n"),
    ],
    "dead fields": [
        ("debug set-active-expire 0", b"+OK\r\n"),
        ("hset h a 1 b 2 c 3", b":3\r\n"),
        ("hpexpire h 1 fields 2 a b", ints(1, 1)),
        ("wait 20", b""),
        ("hlen h", b":3\r\n"),
        ("hget h a", b"$-1\r\n"),
        ("hmget h a c", array(None, b"3")),
        ("hgetall h", array(b"c", b"3")),
        ("hkeys h", array(b"c")),
        ("hexists h a", b":0\r\n"),
        ("hstrlen h a", b":0\r\n"),
        ("hscan h 0", b"*2\r\n$1\r\n0\r\n" + array(b"c", b"3")),
        ("hrandfield h 5", array(b"c")),
        ("httl h fields 2 a c", ints(-2, -1)),
        ("hexpire h 100 fields 2 a c", ints(-2, 1)),
        ("hpersist h fields 2 a c", ints(-2, 1)),
        ("hgetex h ex 100 fields 1 a", array(None)),
        ("hdel h a", b":0\r\n"),
        ("hgetdel h fields 1 a", array(None)),
        ("hsetex h fxx fields 1 a 1", b":0\r\n"),
        ("hsetnx h a 9", b":1\r\n"),
        ("httl h fields 1 a", ints(-1)),
        ("hincrby h b 1", b":1\r\n"),
        ("httl h fields 1 b", ints(-1)),
        ("hpexpire h 1 fields 3 a b c", ints(1, 1, 1)),
        ("wait 20", b""),
        ("exists h", b":1\r\n"),
        ("hgetall h", b"*0\r\n"),
        ("hrandfield h", b"$-1\r\n"),
        ("hrandfield h 2", b"*0\r\n"),
        ("debug set-active-expire 1", b"+OK\r\n"),
        ("wait 400", b""),
        ("exists h", b":0\r\n"),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    hold(server.client, lines)


@pytest.mark.oracle
@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue_is_valkeys(debugged_valkey, lines):
    hold_with(debugged_valkey, lines)


# -- encodings ------------------------------------------------------------------------------------

LIMITS = {b"hash-max-listpack-entries": b"6", b"hash-max-ziplist-value": b"5"}
KEYS = [b"a", b"b", b"c"]
FIELDS = [b"f%d" % n for n in range(9)] + [b"1", b"-1", b"70000", b"", b"longer", b"x" * 70]
VALUES = FIELDS + [b"3.5", b"9223372036854775807", b"y" * 300]
UNORDERED = {b"hgetall": 2, b"hkeys": 1, b"hvals": 1}
FAR = [b"4102444800000", b"4102444801000", b"4102444802000"]


def sorted_parts(reply, width):
    fields = parts(reply)
    return sorted(zip(*(fields[i::width] for i in range(width))))


def some_request(rng, mortal):
    names = [b"hset"] * 5 + [b"hdel"] * 3 + [
        b"hsetnx", b"hget", b"hmget", b"hgetall", b"hkeys", b"hvals", b"hlen", b"hexists",
        b"hstrlen", b"hincrby", b"hincrbyfloat", b"del", b"copy", b"rename"]
    if mortal:
        names += [b"hpexpireat", b"hpexpiretime", b"hpersist", b"hgetex", b"hsetex", b"hgetdel"] * 2
    name, key = rng.choice(names), rng.choice(KEYS)
    fields = rng.choices(FIELDS, k=rng.choice([1, 1, 2, 3, 7]))
    pairs = [word for field in fields for word in (field, rng.choice(VALUES))]
    counted = [b"FIELDS", b"%d" % len(fields)]
    if name == b"hset":
        return [name, key, *pairs]
    if name in (b"hdel", b"hmget"):
        return [name, key, *fields]
    if name == b"hsetnx":
        return [name, key, *pairs[:2]]
    if name in (b"hgetall", b"hkeys", b"hvals", b"hlen", b"del"):
        return [name, key]
    if name in (b"hget", b"hexists", b"hstrlen"):
        return [name, key, fields[0]]
    if name in (b"hincrby", b"hincrbyfloat"):
        return [name, key, fields[0], rng.choice([b"1", b"-70000", b"1.25"])]
    if name in (b"copy", b"rename"):
        return [name, *rng.sample(KEYS, 2)]
    if name == b"hpexpireat":
        return [name, key, rng.choice([*FAR, b"1"]), *rng.choice([[], [b"NX"], [b"GT"], [b"LT"]]),
                *counted, *fields]
    if name == b"hgetex":
        return [name, key, *rng.choice([[], [b"PERSIST"], [b"PXAT", rng.choice(FAR)]]),
                *counted, *fields]
    if name == b"hsetex":
        return [name, key, *rng.choice([[], [b"KEEPTTL"], [b"PXAT", rng.choice([*FAR, b"1"])]]),
                *rng.choice([[], [b"NX"], [b"FXX"], [b"FNX"]]), *counted, *pairs]
    return [name, key, *counted, *fields]


@pytest.mark.parametrize("tight", [True, False])
@pytest.mark.parametrize("mortal", [True, False])
def test_random_requests(server, stock_valkey, tight, mortal):
    rng = random.Random(SEED)
    mine, theirs = server.client(), stock_valkey.client()
    for name, value in LIMITS.items() if tight else ():
        for side in (mine, theirs):
            assert side.execute(b"config", b"set", name, value) == b"+OK\r\n"
    for _ in range(3000):
        words = some_request(rng, mortal)
        got, want = mine.execute(*words), theirs.execute(*words)
        if words[0] in UNORDERED:
            got, want = (sorted_parts(one, UNORDERED[words[0]]) for one in (got, want))
        assert got == want, words
        for key in set(words[1:]) & set(KEYS):
            ask = [b"object", b"encoding", key]
            assert mine.execute(*ask) == theirs.execute(*ask), words
    theirs.close()


# -- by lot ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("count", [50, 1000])
def test_draws(server, count):
    want = {b"f%d" % n: b"v%d" % n for n in range(count)}
    server.execute(b"hset", b"h", *(word for pair in want.items() for word in pair))
    for asked in (1, 3, count // 4, count // 2, count - 1, count, count + 9):
        drawn = parts(server.execute(b"hrandfield", b"h", b"%d" % asked, b"withvalues"))
        assert len(drawn) // 2 == len(set(drawn[::2])) == min(asked, count)
        assert all(want[field] == value for field, value in zip(drawn[::2], drawn[1::2]))
        drawn = parts(server.execute(b"hrandfield", b"h", b"-%d" % asked))
        assert len(drawn) == asked and set(drawn) <= set(want)
    assert server.execute(b"hrandfield", b"h", b"-4000000000") \
        == b"-ERR the reply would be too long\r\n"


def test_draws_among_the_dead(server):
    server.execute(b"debug", b"set-active-expire", b"0")
    fields = [b"f%d" % n for n in range(1000)]
    server.execute(b"hset", b"h", *(word for field in fields for word in (field, b"v")))
    server.execute(b"hpexpire", b"h", b"1", b"fields", b"995", *fields[5:])
    time.sleep(0.02)
    server.execute(b"ping")
    for asked in (1, 3, 5, 9):
        drawn = parts(server.execute(b"hrandfield", b"h", b"%d" % asked))
        assert len(drawn) == len(set(drawn)) == min(asked, 5) and set(drawn) <= set(fields[:5])
    assert {server.execute(b"hrandfield", b"h") for _ in range(100)} == set(map(bulk, fields[:5]))


# -- time -----------------------------------------------------------------------------------------

def test_fields_die_on_time(server):
    c_state.journal_start(server)
    c_state.events_start(server, GENERIC | HASH)
    server.execute(b"hset", b"h", b"a", b"1", b"b", b"2", b"c", b"3")
    server.execute(b"hset", b"other", b"a", b"1")
    server.execute(b"hpexpire", b"h", b"20", b"fields", b"2", b"a", b"b")
    server.execute(b"rename", b"h", b"renamed")
    server.execute(b"hpexpire", b"other", b"20", b"fields", b"1", b"a")
    c_state.events_take()
    c_state.journal_take(server)
    time.sleep(0.04)
    server.execute(b"ping")
    assert server.execute(b"hlen", b"renamed") == b":1\r\n"
    assert server.execute(b"exists", b"other") == b":0\r\n"
    assert sorted(c_state.events_take()) == [
        ("del", 0, b"other"), ("hexpired", 0, b"other"), ("hexpired", 0, b"renamed")]
    text = c_state.journal_take(server)
    assert encode("HDEL", "other", "a") in text
    assert any(encode("HDEL", "renamed", *names) in text for names in ("ab", "ba"))
    assert b"expired_fields:3\r\n" in server.execute(b"info", b"stats")


@pytest.mark.parametrize("how", ["del", "flushall", "swapdb", "move", "copy", "hdel", "hset"])
def test_what_happens_to_a_key_happens_to_its_fields(server, how):
    """A field dies wherever its key is by then, and nowhere else."""
    server.execute(b"hset", b"h", b"a", b"1", b"b", b"2")
    server.execute(b"hpexpire", b"h", b"30", b"fields", b"1", b"a")
    request, left = {
        "del": ([b"del", b"h"], 0), "flushall": ([b"flushall"], 0),
        "swapdb": ([b"swapdb", b"0", b"1"], 1), "move": ([b"move", b"h", b"1"], 1),
        "copy": ([b"copy", b"h", b"g"], 1), "hdel": ([b"hdel", b"h", b"a"], 1),
        "hset": ([b"hset", b"h", b"a", b"2"], 2)}[how]
    client = server.client()
    client.execute(*request)
    time.sleep(0.05)
    server.execute(b"ping")
    if how in ("swapdb", "move"):
        client.execute(b"select", b"1")
    for key in (b"h", b"g") if how == "copy" else (b"h",):
        assert client.execute(b"hlen", key) == b":%d\r\n" % left


def test_thousands_die(server):
    rng = random.Random(SEED)
    for n in range(300):
        fields = [b"f%d" % i for i in range(rng.choice([1, 3, 40]))]
        server.execute(b"hset", b"h%d" % n, b"stays", b"1",
                       *(word for field in fields for word in (field, b"v")))
        for field in fields:
            server.execute(b"hpexpire", b"h%d" % n, b"%d" % rng.randrange(1, 60), b"fields", b"1",
                           field)
    deadline = time.monotonic() + 10
    while b"keys_with_volatile_items=0" not in server.execute(b"info", b"keyspace"):
        assert time.monotonic() < deadline, server.execute(b"info", b"keyspace")
        time.sleep(0.01)
        server.execute(b"ping")
    assert all(server.execute(b"hlen", b"h%d" % n) == b":1\r\n" for n in range(300))


# -- journal --------------------------------------------------------------------------------------

def journal_of(server, *requests):
    c_state.journal_start(server)
    server.execute(b"select", b"0")
    for request in requests:
        server.execute(*request.encode().split())
    return c_state.journal_take(server).split(encode("SELECT", "0"))[-1]


def test_the_journal_gets_results(server):
    server.execute(b"debug", b"set-active-expire", b"0")
    assert journal_of(
        server, "hset h a 1 b 2 c 3", "hpexpireat h 4102444800000 nx fields 2 a x",
        "hincrby h a 1", "hincrby h b 1", "hincrbyfloat h b 1.5", "hgetex h persist fields 2 a b",
        "hgetex h pxat 4102444800000 fields 2 x c", "hsetex h nx fields 1 a 1",
        "hsetex h fxx pxat 4102444800000 fields 1 a 1", "hsetex h keepttl fields 1 a 2",
        "hgetdel h fields 2 x c", "hexpire h 0 fields 2 a x", "hsetnx h b 1", "hsetnx h z 1",
    ) == b"".join(encode(*line.split()) for line in (
        "hset h a 1 b 2 c 3", "HPEXPIREAT h 4102444800000 FIELDS 1 a",
        "HSETEX h PXAT 4102444800000 FIELDS 1 a 2", "hincrby h b 1", "HSET h b 4.5",
        "HPERSIST h FIELDS 1 a", "HPEXPIREAT h 4102444800000 FIELDS 1 c",
        "HSETEX h PXAT 4102444800000 FIELDS 1 a 1", "HSETEX h KEEPTTL FIELDS 1 a 2", "HDEL h c",
        "HDEL h a", "hsetnx h z 1"))


def test_the_journal_does_not_revive(server):
    """A field that was dead when a command met it: whoever replays it finds it alive."""
    server.execute(b"debug", b"set-active-expire", b"0")
    server.execute(b"hset", b"h", b"a", b"5", b"b", b"5", b"c", b"5", b"d", b"5", b"e", b"5")
    server.execute(b"hpexpire", b"h", b"1", b"fields", b"4", b"a", b"b", b"c", b"d")
    time.sleep(0.02)
    server.execute(b"ping")
    assert journal_of(
        server, "hincrby h a 1", "hsetnx h b 1", "hsetex h keepttl fields 1 c 1",
        "hpexpireat h 4102444800000 fields 2 d e", "hpersist h fields 2 d e",
    ) == b"".join(encode(*line.split()) for line in (
        "HSET h a 1", "HSET h b 1",
        "MULTI", "HDEL h c", "HSETEX h KEEPTTL FIELDS 1 c 1", "EXEC",
        "HPEXPIREAT h 4102444800000 FIELDS 1 e", "HPERSIST h FIELDS 1 e"))


def test_events(server):
    c_state.events_start(server, GENERIC | HASH)
    for request, events in [
            ("hset h a 1 b 2", ["hset"]), ("hsetnx h a 1", []), ("hmset h a 1", ["hset"]),
            ("hincrby h a 1", ["hincrby"]), ("hincrbyfloat h a 1", ["hincrbyfloat"]),
            ("hexpire h 100 fields 1 a", ["hexpire"]), ("hpersist h fields 1 a", ["hpersist"]),
            ("hpersist h fields 1 a", []), ("hgetex h fields 1 a", []),
            ("hgetex h ex 10 fields 1 a", ["hexpire"]),
            ("hgetex h persist fields 1 a", ["hpersist"]),
            ("hsetex h ex 10 fields 1 a 1", ["hset", "hexpire"]),
            ("hsetex h fields 1 a 1", ["hset"]), ("hdel h a", ["hdel"]),
            ("hexpire h 0 fields 1 b", ["hexpired", "del"]),
            ("hsetex n ex 0 fields 1 a 1", ["hset", "hexpire", "hexpired", "del"]),
            ("hset h a 1 b 1", ["hset"]),
            ("hsetex h ex 0 fields 1 a 1", ["hset", "hexpire", "hexpired"]),
            ("hgetdel h fields 1 b", ["hdel", "del"])]:
        server.execute(*request.encode().split())
        assert [event for event, _, _ in c_state.events_take()] == events, request


def test_a_large_hash_goes_in_slices(server):
    for start in range(0, 50_000, 5000):
        server.execute(b"hset", b"h", *(word for n in range(start, start + 5000)
                                        for word in (b"f%d" % n, b"v")))
    server.execute(b"hexpire", b"h", b"100", b"fields", b"1", b"f1")
    server.execute(b"del", b"h")
    assert c_state.counters(server)["dropped"] == 1
    server.execute(b"flushall")
