"""The same random commands to us and to valkey-server: the same replies, the same contents.

Commands are drawn from our own table, so a family that is added is compared from then on; what a
family needs in words stands in WORDS. Each example is a list of requests on two connections,
compared reply by reply, and at the end every key is read back: type, encoding, deadline, value.
Time passes on both sides alike: deadlines are drawn far from now, or past.

`pytest -m torture tests/compat` draws a hundred times as many.
"""
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as draw

from kvd.engine.server.server import Server
from kvd.engine.wire.command import command_table
from tests.oracle import encode

EXAMPLES = 300
TORTURE = 30_000

GROUPS = {"string", "bitmap", "generic", "geo", "hash", "hyperloglog", "list", "set", "sorted-set",
          "stream", "transactions"}
# Replies that are drawn by lot, in an order of their own, or tell of the machine.
LEFT_OUT = {"randomkey", "scan", "keys", "sscan", "hscan", "spop", "srandmember", "hrandfield",
            "object|freq", "object|idletime", "object|help", "xgroup|help", "xinfo|help",
            # These wait; what SORT shows of elements that weigh the same is open.
            "blpop", "brpop", "blmove", "brpoplpush", "blmpop", "sort", "sort_ro",
            "wait", "waitaof",
            # One is refused here; the other packs its strings in another way.
            "migrate", "dump",
            "bzpopmin", "bzpopmax", "bzmpop", "zrandmember", "zscan",
            # Where scores differ, what these say is nobody's promise.
            "zrangebylex", "zrevrangebylex", "zlexcount", "zremrangebylex"}
# Members and fields of a table come in an order of its own: compared as lines, sorted.
UNORDERED = {b"smembers", b"sinter", b"sunion", b"sdiff", b"hgetall", b"hkeys", b"hvals", b"exec"}
TABLE = {name: row for name, row in command_table().items()
         if row["group"] in GROUPS and name not in LEFT_OUT and not (
             row["container"] and row["parent"] is None)}

KEYS = draw.sampled_from([b"a", b"b", b"c", b"d", b"", b"long" * 20])
FAR = 4_102_444_800                     # 2100-01-01
INTEGERS = draw.sampled_from([
    0, 1, -1, 2, 3, 5, 7, 8, 9, 10, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 1000,
    2**31 - 1, 2**31, -2**31, 2**32, 2**53, 2**62, 2**63 - 1, 2**63, -2**63, -2**63 - 1, 2**64,
    FAR, FAR * 1000]).map(lambda n: b"%d" % n)
TEXTS = draw.one_of(
    draw.sampled_from([b"", b"10", b"-5", b"3.5", b"abc", b"nan", b"inf", b"1e5", b"0x10", b" 7",
                       b"x" * 44, b"x" * 45, b"x" * 112, b"x" * 113, b"\x00\xff", b"9" * 20]),
    draw.binary(max_size=12))
WORDS = draw.sampled_from([
    b"EX", b"PX", b"EXAT", b"PXAT", b"KEEPTTL", b"NX", b"XX", b"GT", b"LT", b"GET", b"IFEQ",
    b"PERSIST", b"REPLACE", b"DB", b"AND", b"OR", b"XOR", b"NOT", b"ONE", b"DIFF", b"ANDOR",
    b"BIT", b"BYTE", b"SET", b"INCRBY", b"OVERFLOW", b"WRAP", b"SAT", b"FAIL", b"u8", b"i64",
    b"u63", b"u64", b"i1", b"i0", b"#1", b"LEN", b"IDX", b"MINMATCHLEN", b"WITHMATCHLEN", b"ASYNC",
    b"SYNC", b"GETREG", b"DECODE", b"ENCODING", b"TODENSE",
    b"LEFT", b"RIGHT", b"BEFORE", b"AFTER", b"RANK", b"COUNT", b"MAXLEN",
    b"FIELDS", b"FNX", b"FXX", b"LIMIT",
    b"CH", b"INCR", b"WITHSCORES", b"WITHSCORE", b"BYSCORE", b"REV", b"WEIGHTS", b"AGGREGATE",
    b"SUM", b"MIN", b"MAX", b"(1", b"-inf", b"FROMMEMBER", b"FROMLONLAT", b"BYRADIUS", b"BYBOX",
    b"BYPOLYGON", b"km", b"m", b"ASC", b"DESC", b"ANY", b"STORE", b"STOREDIST",
    b"WITHDIST", b"ex", b"nonsense"])


def near_past_is_far(words: list[bytes]) -> bool:
    """No deadline that could pass between one server's look and the other's."""
    return not any(word.isdigit() and 0 < int(word) < 20_000 for word in words)


@draw.composite
def request(pick, table=TABLE) -> list[bytes]:
    row = table[pick(draw.sampled_from(sorted(table)))]
    words = [word.encode() for word in row["name"].split("|")]
    keys = row["keys"]
    want = abs(row["arity"]) + (pick(draw.integers(0, 4)) if row["arity"] < 0 else 0)
    want += pick(draw.sampled_from([0] * 15 + [1, -1]))
    while len(words) < want:
        if keys["kind"] == "range" and len(words) == keys["first"]:
            words.append(pick(KEYS))
        else:
            words.append(pick(draw.one_of(KEYS, INTEGERS, TEXTS, WORDS, WORDS)))
    return words


def timed(words: list[bytes]) -> bool:
    """The request sets a deadline that is relative, and soon."""
    text = b" ".join(words).upper()
    names = (b"EX", b"PX", b"EXPIRE", b"PEXPIRE", b"SETEX", b"PSETEX", b"GETEX", b"MSETEX",
             b"HEXPIRE", b"HPEXPIRE")
    return any(name in text.split() for name in names) and not near_past_is_far(words)


READ = {
    b"+string\r\n": lambda key: (b"GET", key),
    b"+list\r\n": lambda key: (b"LRANGE", key, b"0", b"-1"),
    b"+set\r\n": lambda key: (b"SMEMBERS", key),
    b"+hash\r\n": lambda key: (b"HGETALL", key),
    b"+zset\r\n": lambda key: (b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"),
}


def read_back(ask) -> list:
    """Everything there is, in an order of ours."""
    found = []
    for db in range(2):
        ask(b"SELECT", b"%d" % db)
        keys = sorted(part for part in ask(b"KEYS", b"*").split(b"\r\n")[2::2])
        for key in keys:
            kind = ask(b"TYPE", key)
            deadline = ask(b"PEXPIRETIME", key)
            value = ask(*READ.get(kind, READ[b"+string\r\n"])(key))
            if kind in (b"+set\r\n", b"+hash\r\n"):
                value = sorted(value.split(b"\r\n"))
            found.append((db, key, kind, value, deadline, ask(b"OBJECT", b"ENCODING", key)))
    ask(b"SELECT", b"0")
    return found


def compare(valkey, requests) -> None:
    ours = Server()
    theirs = [valkey.client(), valkey.client()]
    try:
        mine = [ours.client(), ours.client()]
        theirs[0].execute(b"FLUSHALL")
        for side, words in requests:
            if timed(words):
                continue
            got, expected = mine[side].execute(*words), theirs[side].execute(*words)
            if words[0].lower() in UNORDERED:
                got, expected = (sorted(one.split(b"\r\n")) for one in (got, expected))
            assert got == expected, encode(*words)
        for clients in (mine, theirs):
            for client in clients:
                client.execute(b"DISCARD")
                client.execute(b"SELECT", b"0")
        assert read_back(mine[0].execute) == read_back(theirs[0].execute)
    finally:
        for client in theirs:
            client.close()
        assert ours.close()


DIALOGUES = draw.lists(draw.tuples(draw.integers(0, 1), request()), min_size=5, max_size=40)


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(DIALOGUES)
def test_dialogues(valkey, requests):
    compare(valkey, requests)


@pytest.mark.torture
@pytest.mark.timeout(3600)
@settings(max_examples=TORTURE, derandomize=False, suppress_health_check=list(HealthCheck))
@given(DIALOGUES)
def test_many_dialogues(valkey, requests):
    compare(valkey, requests)
