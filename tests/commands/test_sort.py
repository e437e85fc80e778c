"""engine/commands/sort: replies, ties, stored results, rights, journal.

The dialogues are played to valkey-server too, where there is one, so their replies are its. Random
ones are compared with it; what is left out is the order of a large set, which is anybody's own.
"""
import random

import pytest

from tests.commands.dialogue import hold, hold_with
from tests.commands.replies import NOT_INT, SYNTAX, WRONG_TYPE
from tests.faces import c_state
from tests.oracle import encode

GENERIC, LIST = 1 << 2, 1 << 4

NO_SCORES = b"-ERR One or more scores can't be converted into double\r\n"


DIALOGUES = {
    "numbers": [
        ("rpush k 5 -4 3.5 2e2 1", b":5\r\n"),
        ("sort k", b"*5\r\n$2\r\n-4\r\n$1\r\n1\r\n$3\r\n3.5\r\n$1\r\n5\r\n$3\r\n2e2\r\n"),
        ("sort k desc", b"*5\r\n$3\r\n2e2\r\n$1\r\n5\r\n$3\r\n3.5\r\n$1\r\n1\r\n$2\r\n-4\r\n"),
        ("sort k asc", b"*5\r\n$2\r\n-4\r\n$1\r\n1\r\n$3\r\n3.5\r\n$1\r\n5\r\n$3\r\n2e2\r\n"),
        ("sort k limit 1 2", b"*2\r\n$1\r\n1\r\n$3\r\n3.5\r\n"),
        ("sort k limit -1 2", b"*2\r\n$2\r\n-4\r\n$1\r\n1\r\n"),
        ("sort k limit 2 -1", b"*3\r\n$3\r\n3.5\r\n$1\r\n5\r\n$3\r\n2e2\r\n"),
        ("sort k limit 9 9", b"*0\r\n"),
        ("sort k limit 0 0", b"*0\r\n"),
        ("sort k desc limit 1 1 limit 0 2", b"*2\r\n$3\r\n2e2\r\n$1\r\n5\r\n"),
        ("sort k alpha", b"*5\r\n$2\r\n-4\r\n$1\r\n1\r\n$3\r\n2e2\r\n$3\r\n3.5\r\n$1\r\n5\r\n"),
        ("sort none", b"*0\r\n"),
        ("sort none by w_* get # store x", b":0\r\n"),
        ("rpush k word", b":6\r\n"),
        ("sort k", NO_SCORES),
        ("sort k alpha desc",
         b"*6\r\n$4\r\nword\r\n$1\r\n5\r\n$3\r\n3.5\r\n$3\r\n2e2\r\n$1\r\n1\r\n$2\r\n-4\r\n"),
        ("rpush n inf -inf 0 +1 .5 5.", b":6\r\n"),
        ("sort n",
         b"*6\r\n$4\r\n-inf\r\n$1\r\n0\r\n$2\r\n.5\r\n$2\r\n+1\r\n$2\r\n5.\r\n$3\r\ninf\r\n"),
        ("rpush n nan", b":7\r\n"),
        ("sort n", NO_SCORES),
        ("rpush e 1 ", b":2\r\n"),
        ("sort e", NO_SCORES),
    ],
    "options": [
        ("rpush k 3 1 2", b":3\r\n"),
        ("sort k by", SYNTAX),
        ("sort k get", SYNTAX),
        ("sort k limit 1", SYNTAX),
        ("sort k limit a b", NOT_INT),
        ("sort k limit 0 b", NOT_INT),
        ("sort k store", SYNTAX),
        ("sort k nonsense", SYNTAX),
        ("sort_ro k store d", SYNTAX),
        ("sort_ro k desc", b"*3\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n"),
        ("set s v", b"+OK\r\n"),
        ("sort s", WRONG_TYPE),
        ("sort s alpha by nosort", WRONG_TYPE),
    ],
    "by": [
        ("rpush k 5 4 3 2 1", b":5\r\n"),
        ("mset w_1 10 w_2 9 w_3 x t_1 b t_2 a t_3 a", b"+OK\r\n"),
        ("sort k by w_*", NO_SCORES),
        ("del w_3", b":1\r\n"),
        ("sort k by w_*", b"*5\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n$1\r\n2\r\n$1\r\n1\r\n"),
        ("sort k by w_* desc", b"*5\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n5\r\n$1\r\n4\r\n$1\r\n3\r\n"),
        ("sort k by w_* alpha", b"*5\r\n$1\r\n5\r\n$1\r\n4\r\n$1\r\n3\r\n$1\r\n1\r\n$1\r\n2\r\n"),
        ("sort k by w_* alpha desc",
         b"*5\r\n$1\r\n2\r\n$1\r\n1\r\n$1\r\n5\r\n$1\r\n4\r\n$1\r\n3\r\n"),
        ("sort k by t_* alpha", b"*5\r\n$1\r\n5\r\n$1\r\n4\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n"),
        ("sort k by t_* alpha desc",
         b"*5\r\n$1\r\n1\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n5\r\n$1\r\n4\r\n"),
        ("sort k by t_* alpha limit 1 3", b"*3\r\n$1\r\n4\r\n$1\r\n3\r\n$1\r\n2\r\n"),
        ("sort k by nosort", b"*5\r\n$1\r\n5\r\n$1\r\n4\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n"),
        ("sort k by nosort desc", b"*5\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n"),
        ("sort k by nosort limit 1 2", b"*2\r\n$1\r\n4\r\n$1\r\n3\r\n"),
        ("sort k by nosort desc limit 1 2", b"*2\r\n$1\r\n2\r\n$1\r\n3\r\n"),
        ("sort k by nosort by w_*",
         b"*5\r\n$1\r\n5\r\n$1\r\n4\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n"),
        ("sort k by w_* get w_* get # get nosuch get w_ get t_*",
         b"*25\r\n$-1\r\n$1\r\n3\r\n$-1\r\n$-1\r\n$1\r\na\r\n$-1\r\n$1\r\n4\r\n$-1\r\n"
         b"$-1\r\n$-1\r\n$-1\r\n$1\r\n5\r\n$-1\r\n$-1\r\n$-1\r\n$1\r\n9\r\n$1\r\n2\r\n"
         b"$-1\r\n$-1\r\n$1\r\na\r\n$2\r\n10\r\n$1\r\n1\r\n$-1\r\n$-1\r\n$1\r\nb\r\n"),
        ("sort k by w_*->f get w_*-> get *->",
         b"*10\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n"),
        ("sort k by w_*- get t_*", b"*5\r\n$1\r\nb\r\n$1\r\na\r\n$1\r\na\r\n$-1\r\n$-1\r\n"),
        ("rpush t_9 x", b":1\r\n"),
        ("sort k by t_*9 get t_*9", b"*5\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n"),
    ],
    "store": [
        ("rpush k 3 1 2", b":3\r\n"),
        ("mset w_1 b w_2 a", b"+OK\r\n"),
        ("sort k store d", b":3\r\n"),
        ("lrange d 0 -1", b"*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n"),
        ("type d", b"+list\r\n"),
        ("sort k desc get w_* get # store d", b":6\r\n"),
        ("lrange d 0 -1",
         b"*6\r\n$0\r\n\r\n$1\r\n3\r\n$1\r\na\r\n$1\r\n2\r\n$1\r\nb\r\n$1\r\n1\r\n"),
        ("sort k limit 9 9 store d", b":0\r\n"),
        ("exists d", b":0\r\n"),
        ("set d string px 100000", b"+OK\r\n"),
        ("sort k store d", b":3\r\n"),
        ("pttl d", b":-1\r\n"),
        ("sort k desc store k", b":3\r\n"),
        ("lrange k 0 -1", b"*3\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n"),
        ("sort k store a store b", b":3\r\n"),
        ("exists a b", b":1\r\n"),
        ("object encoding b", b"$8\r\nlistpack\r\n"),
    ],
    "sets": [
        ("sadd s b a c 1 2 10", b":6\r\n"),
        ("sort s alpha",
         b"*6\r\n$1\r\n1\r\n$2\r\n10\r\n$1\r\n2\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        ("sort s by nosort store d", b":6\r\n"),
        ("lrange d 0 -1",
         b"*6\r\n$1\r\n1\r\n$2\r\n10\r\n$1\r\n2\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        ("sadd n 3 1 2 1000", b":4\r\n"),
        ("sort n", b"*4\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$4\r\n1000\r\n"),
        ("sort n desc limit 0 2", b"*2\r\n$4\r\n1000\r\n$1\r\n3\r\n"),
        ("sort n by w_*", b"*4\r\n$1\r\n1\r\n$4\r\n1000\r\n$1\r\n2\r\n$1\r\n3\r\n"),
        ("mset w_3 x w_1 x", b"+OK\r\n"),
        ("sort n by w_* alpha get #", b"*4\r\n$1\r\n2\r\n$4\r\n1000\r\n$1\r\n1\r\n$1\r\n3\r\n"),
        ("command getkeys sort n by a_* store x store y", b"*2\r\n$1\r\nn\r\n$1\r\ny\r\n"),
        ("command getkeys sort n", b"*1\r\n$1\r\nn\r\n"),
        ("command getkeys sort_ro n by a_*", b"*1\r\n$1\r\nn\r\n"),
    ],
    "sorted sets": [
        ("zadd z 3 a 1 b 2 c 2.5 10 2.7 9", b":5\r\n"),
        ("sort z", b"-ERR One or more scores can't be converted into double\r\n"),
        ("sort z alpha", b"*5\r\n$2\r\n10\r\n$1\r\n9\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        ("object encoding z", b"$8\r\nskiplist\r\n"),
        ("sort z by nosort", b"*5\r\n$1\r\nb\r\n$1\r\nc\r\n$2\r\n10\r\n$1\r\n9\r\n$1\r\na\r\n"),
        ("sort z by nosort desc",
         b"*5\r\n$1\r\na\r\n$1\r\n9\r\n$2\r\n10\r\n$1\r\nc\r\n$1\r\nb\r\n"),
        ("sort z by nosort limit 1 2", b"*2\r\n$1\r\nc\r\n$2\r\n10\r\n"),
        ("sort z by nosort desc limit 1 2", b"*2\r\n$1\r\n9\r\n$2\r\n10\r\n"),
        ("sort z by nosort limit 9 9", b"*0\r\n"),
        ("sort z by nosort limit 2 0 get #", b"*0\r\n"),
        ("sort z by nosort store d", b":5\r\n"),
        ("lrange d 0 -1", b"*5\r\n$1\r\nb\r\n$1\r\nc\r\n$2\r\n10\r\n$1\r\n9\r\n$1\r\na\r\n"),
        ("zadd n 1 10 2 9 3 8", b":3\r\n"),
        ("object encoding n", b"$8\r\nlistpack\r\n"),
        ("sort_ro n", b"*3\r\n$1\r\n8\r\n$1\r\n9\r\n$2\r\n10\r\n"),
        ("object encoding n", b"$8\r\nskiplist\r\n"),
        ("sort n desc limit 0 2", b"*2\r\n$2\r\n10\r\n$1\r\n9\r\n"),
        ("mset w_10 1 w_9 3 w_8 2", b"+OK\r\n"),
        ("sort n by w_* get # get w_*",
         b"*6\r\n$2\r\n10\r\n$1\r\n1\r\n$1\r\n8\r\n$1\r\n2\r\n$1\r\n9\r\n$1\r\n3\r\n"),
        ("sort n by w_* alpha desc", b"*3\r\n$1\r\n9\r\n$1\r\n8\r\n$2\r\n10\r\n"),
        ("zrange n 0 -1 withscores",
         b"*6\r\n$2\r\n10\r\n$1\r\n1\r\n$1\r\n9\r\n$1\r\n2\r\n$1\r\n8\r\n$1\r\n3\r\n"),
    ],
    "hashes": [
        ("rpush k 3 1 2", b":3\r\n"),
        ("hset h_1 f 7 w b", b":2\r\n"),
        ("hset h_2 f 3 w a", b":2\r\n"),
        ("set h_3 text", b"+OK\r\n"),
        ("sort k by h_*->f get h_*->f get # get h_*->none get h_*-> get h_*",
         b"*15\r\n$-1\r\n$1\r\n3\r\n$-1\r\n$-1\r\n$4\r\ntext\r\n$1\r\n3\r\n$1\r\n2\r\n"
         b"$-1\r\n$-1\r\n$-1\r\n$1\r\n7\r\n$1\r\n1\r\n$-1\r\n$-1\r\n$-1\r\n"),
        ("sort k by h_*->w alpha get h_*->w", b"*3\r\n$-1\r\n$1\r\na\r\n$1\r\nb\r\n"),
        ("sort k by h_*->f alpha desc", b"*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n"),
        ("sort k get h_*->f store d", b":3\r\n"),
        ("lrange d 0 -1", b"*3\r\n$1\r\n7\r\n$1\r\n3\r\n$0\r\n\r\n"),
        ("hset h_3x f 1", b":1\r\n"),
        ("sort k get h_*x->f", b"*3\r\n$-1\r\n$-1\r\n$1\r\n1\r\n"),
        ("hset h_1 f word", b":0\r\n"),
        ("sort k by h_*->f", NO_SCORES),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    hold(server.client, lines)


@pytest.mark.oracle
@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue_is_valkeys(valkey, lines):
    hold_with(valkey, lines)


def test_texts_that_look_like_numbers(server, valkey):
    """What is a score, and what is none, byte for byte."""
    theirs = valkey.client()
    theirs.execute(b"flushall")
    for text in (b" 1", b"1 ", b"+1", b"0x10", b"-Infinity", b"1e400", b"1e-400", b"-", b"1_",
                 b"1e", b"\0", b"1\0", b"1\x002", b"infi", b"-nan", b"00012", b"1E+3", b"4.9e-324",
                 b".", b"-.5", b"--1", b"1" * 400, b"0." + b"0" * 300 + b"1"):
        for ask in (server.execute, theirs.execute):
            ask(b"del", b"k")
            ask(b"rpush", b"k", text, b"3", b"-3")
        assert server.execute(b"sort", b"k") == theirs.execute(b"sort", b"k"), text
    theirs.close()


def test_patterns_with_nul_bytes(server, valkey):
    theirs = valkey.client()
    theirs.execute(b"flushall")
    for ask in (server.execute, theirs.execute):
        ask(b"rpush", b"k", b"2", b"1", b"3")
        ask(b"mset", b"w_1", b"c", b"w_2", b"b", b"w_3", b"a", b"w\x001", b"x")
    for words in ([b"by", b"w\0*"], [b"get", b"w\0*"], [b"by", b"w_*", b"alpha"], [b"get", b"#\0"],
                  [b"get", b"w_*\0"], [b"get", b""], [b"by", b""]):
        request = [b"sort", b"k", *words]
        assert server.execute(*request) == theirs.execute(*request), request
    theirs.close()


def test_events_and_journal(server):
    c_state.journal_start(server)
    server.execute(b"rpush", b"k", b"2", b"1")
    c_state.journal_take(server)
    c_state.events_start(server, GENERIC | LIST)
    for request, events in [
        (b"sort k", []), (b"sort_ro k", []), (b"sort none store d", []),
        (b"sort k store d", [("sortstore", 0, b"d")]),
        (b"sort none store d", [("del", 0, b"d")]),
    ]:
        server.execute(*request.split())
        text = encode(*request.split()) if events else b""
        assert (request, c_state.events_take(), c_state.journal_take(server)) \
            == (request, events, text)


def test_who_may_not_see_all_keys(server):
    """A pattern reaches any key, so it takes the right to read all of them."""
    admin, client = server.client(), server.client()
    admin.execute(b"rpush", b"k", b"2", b"1")
    admin.execute(b"acl", b"setuser", b"u", b"on", b"nopass", b"~k*", b"+@all")
    assert client.execute(b"auth", b"u", b"x") == b"+OK\r\n"
    denied = b"-ERR %b option of SORT denied due to insufficient ACL permissions.\r\n"
    for words, reply in [
        (b"sort k by w_*", denied % b"BY"), (b"sort k get #", denied % b"GET"),
        (b"sort_ro k get w_*", denied % b"GET"),
        (b"sort k by nosort", b"*2\r\n$1\r\n2\r\n$1\r\n1\r\n"),
        (b"sort k store other", b"-NOPERM No permissions to access a key\r\n"),
        (b"sort k store other store k2", b":2\r\n"),
    ]:
        assert (words, client.execute(*words.split())) == (words, reply)


def test_many_elements(server):
    """Longer than one run of the merge sort, at lengths around powers of two."""
    rng = random.Random(7)
    for count in (1, 7, 8, 9, 63, 64, 65, 1000, 4097):
        values = [rng.randrange(-1000, 1000) for _ in range(count)]
        server.execute(b"del", b"k")
        server.execute(b"rpush", b"k", *[b"%d" % value for value in values])
        for words, reverse in ((b"sort k", False), (b"sort k desc", True)):
            reply = server.execute(*words.split())
            assert [int(x) for x in reply.split(b"\r\n")[2::2]] == sorted(values, reverse=reverse)


def commands(rng: random.Random):
    """SORT of small lists and sets, whose elements name weights that are there, or not.

    Which of elements that weigh the same come first is open where only some are shown: BY goes
    without LIMIT.
    """
    by, words = rng.random() < 0.5, [b"sort", rng.choice([b"l1", b"l2", b"l3", b"s1", b"none"])]
    for _ in range(rng.randrange(5)):
        words += rng.choice([
            [b"desc"], [b"asc"], [b"alpha"],
            [b"by", rng.choice([b"w_*", b"t_*", b"nosort", b"*", b"l*", b"w_*->f"])] if by else
            [b"limit", b"%d" % rng.randrange(-1, 5), b"%d" % rng.randrange(-1, 8)],
            [b"get", rng.choice([b"#", b"w_*", b"t_*", b"none", b"*"])],
        ])
    return words + rng.choice([[], [b"store", b"d"]])


@pytest.mark.parametrize("seed", range(4))
def test_random_commands_against_valkey(server, valkey, seed):
    theirs, rng = valkey.client(), random.Random(seed)
    theirs.execute(b"flushall")
    setup = [[b"rpush", b"l1", *[b"%d" % rng.randrange(9) for _ in range(12)]],
             [b"rpush", b"l2", *[rng.choice([b"1.5", b"-2", b"7", b"3e1"]) for _ in range(9)]],
             [b"rpush", b"l3", *[rng.choice([b"a", b"b", b"", b"ab"]) for _ in range(9)]],
             [b"sadd", b"s1", *[b"%d" % value for value in rng.sample(range(30), 12)]]]
    for i in range(9):
        setup.append([b"set", b"w_%d" % i, b"%d" % rng.randrange(4)] if i % 3 else [b"ping"])
        setup.append([b"set", b"t_%d" % i, rng.choice([b"x", b"y", b"z"])])
    for request in setup:
        assert server.execute(*request) == theirs.execute(*request)
    for number in range(400):
        for request in (commands(rng), [b"lrange", b"d", b"0", b"-1"]):
            assert server.execute(*request) == theirs.execute(*request), (seed, number, request)
    theirs.close()
