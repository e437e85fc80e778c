"""engine/commands/t_zset and its relatives: dialogues, random requests beside Valkey, events.

The dialogues are played to valkey-server too, where there is one, so their replies are its. The
random requests go to both, with bounds so tight that half of the sets are large; afterwards every
set is read back. What is drawn by lot is held to what may be drawn.
"""
import random

import pytest

from tests.commands.dialogue import hold, hold_with
from tests.commands.replies import (
    NOT_FLOAT, NOT_INT, NOT_POSITIVE, NULL, NULL_ARRAY, OK, SYNTAX, WRONG_TYPE, bulk, error, parts,
    words,
)
from tests.faces import c_state
from tests.oracle import encode

SEED = 20
GENERIC, ZSET = 1 << 2, 1 << 7


BAD_SCORES = error("min or max is not a float")
BAD_MEMBERS = error("min or max not valid string range item")


DIALOGUES = {
    "add": [
        ("zadd z 1 a 2 b", b":2\r\n"),
        ("zadd z ch 1 a 3 b 0 c", b":2\r\n"),
        ("zrange z 0 -1 withscores", words("c 0 a 1 b 3")),
        ("zadd z nx 9 a 9 d", b":1\r\n"),
        ("zadd z xx ch 8 a 8 e", b":1\r\n"),
        ("zadd z gt ch 7 a 10 d", b":1\r\n"),
        ("zadd z lt ch 9 a 1 d", b":1\r\n"),
        ("zadd z gt 1 new", b":1\r\n"),
        ("zadd z incr 1.5 a", bulk("9.5")),
        ("zadd z nx incr 1 a", NULL),
        ("zadd z gt incr -1 a", NULL),
        ("zincrby z -inf a", bulk("-inf")),
        ("zincrby z inf a", error("resulting score is not a number (NaN)")),
        ("zadd z incr inf a", error("resulting score is not a number (NaN)")),
        ("zscore z a", bulk("-inf")),
        ("zadd z xx 1 nobody", b":0\r\n"),
        ("zadd no xx 1 a", b":0\r\n"),
        ("zadd no xx incr 1 a", NULL),
        ("exists no", b":0\r\n"),
        ("zadd z nx xx 1 a", error("XX and NX options at the same time are not compatible")),
        ("zadd z gt lt 1 a",
         error("GT, LT, and/or NX options at the same time are not compatible")),
        ("zadd z nx gt 1 a",
         error("GT, LT, and/or NX options at the same time are not compatible")),
        ("zadd z incr 1 a 2 b", error("INCR option supports a single increment-element pair")),
        ("zadd z 1 a 2", SYNTAX),
        ("zadd z ch nx", SYNTAX),
        ("zadd z 1 a x b", NOT_FLOAT),
        ("zadd z nan a", NOT_FLOAT),
        ("zadd z 0x10 a", NOT_FLOAT),
        ("set s x", OK),
        ("zadd s 1 a", WRONG_TYPE),
        ("zadd s x a", NOT_FLOAT),
        ("zincrby s 1 a", WRONG_TYPE),
        ("zincrby z x a", NOT_FLOAT),
        ("zadd z 3.0 f 1e17 g 0.1 h -0 i", b":4\r\n"),
        ("zmscore z f g h i nobody",
         b"*5\r\n$1\r\n3\r\n$18\r\n100000000000000000\r\n$3\r\n0.1\r\n$1\r\n0\r\n$-1\r\n"),
    ],
    "members": [
        ("zadd z 1 a 2 b 3 c 3 d", b":4\r\n"),
        ("zcard z", b":4\r\n"),
        ("zcard no", b":0\r\n"),
        ("zscore z b", bulk("2")),
        ("zscore z x", NULL),
        ("zscore no x", NULL),
        ("zmscore no x y", b"*2\r\n$-1\r\n$-1\r\n"),
        ("zrank z c", b":2\r\n"),
        ("zrank z d", b":3\r\n"),
        ("zrevrank z a", b":3\r\n"),
        ("zrank z x", NULL),
        ("zrank z a withscore", b"*2\r\n:0\r\n$1\r\n1\r\n"),
        ("zrevrank z a withscore", b"*2\r\n:3\r\n$1\r\n1\r\n"),
        ("zrank z x withscore", NULL_ARRAY),
        ("zrank z a withscores", SYNTAX),
        ("zrank z a withscore x", error("wrong number of arguments for 'zrank' command")),
        ("zrem z a x", b":1\r\n"),
        ("zrem z b c d", b":3\r\n"),
        ("exists z", b":0\r\n"),
        ("zrem z a", b":0\r\n"),
        ("set s x", OK),
        ("zcard s", WRONG_TYPE),
        ("zscore s a", WRONG_TYPE),
        ("zmscore s a", WRONG_TYPE),
        ("zrem s a", WRONG_TYPE),
        ("zrank s a", WRONG_TYPE),
        ("zrandmember s", WRONG_TYPE),
        ("zscan s 0", WRONG_TYPE),
    ],
    "ranges": [
        ("zadd z 1 a 2 b 2 bb 3 c 4 d inf e", b":6\r\n"),
        ("zrange z 0 -1", words("a b bb c d e")),
        ("zrange z 1 2 withscores", words("b 2 bb 2")),
        ("zrange z -2 100", words("d e")),
        ("zrange z 5 1", b"*0\r\n"),
        ("zrange z 0 1 rev", words("e d")),
        ("zrange z 2 4 byscore", words("b bb c d")),
        ("zrange z (2 inf byscore withscores", words("c 3 d 4 e inf")),
        ("zrange z (1 (3 byscore", words("b bb")),
        ("zrange z 4 2 byscore rev limit 1 2", words("c bb")),
        ("zrange z -inf +inf byscore limit 4 -1", words("d e")),
        ("zrange z 9 0 byscore", b"*0\r\n"),
        ("zrangebyscore z 2 3 withscores limit 1 1", words("bb 2")),
        ("zrangebyscore z 2 3 limit 0 0", b"*0\r\n"),
        ("zrangebyscore z 2 3 limit 9 1", b"*0\r\n"),
        ("zrangebyscore z 2 3 limit -1 1", b"*0\r\n"),
        ("zrangebyscore z '' 3", BAD_SCORES),
        ("zrangebyscore z 1e400 3", b"*0\r\n"),
        ("zrangebyscore z - 3", BAD_SCORES),
        ("zrangebyscore z 1 ((3", BAD_SCORES),
        ("zrevrangebyscore z (3 1", words("bb b a")),
        ("zrevrange z 0 1 withscores", words("e inf d 4")),
        ("zrangebyscore no 0 1", b"*0\r\n"),
        ("zrange no 0 1", b"*0\r\n"),
        ("zcount z 2 3", b":3\r\n"),
        ("zcount z (2 +inf", b":3\r\n"),
        ("zcount z 3 2", b":0\r\n"),
        ("zcount z x 2", BAD_SCORES),
        ("zcount no 0 1", b":0\r\n"),
        ("zrange z 0 -1 limit 0 1",
         error("syntax error, LIMIT is only supported in combination with either BYSCORE or "
               "BYLEX")),
        ("zrange z 0 -1 bylex byscore", SYNTAX),
        ("zrange z - + bylex withscores",
         error("syntax error, WITHSCORES not supported in combination with BYLEX")),
        ("zrange z a b", NOT_INT),
        ("zrange z 0 1 foo", SYNTAX),
        ("zrange z 0 1 byscore limit 1", SYNTAX),
        ("zrange z 0 1 byscore limit x 1", NOT_INT),
        ("zrevrange z 0 1 byscore", SYNTAX),
        ("zrevrange z 0 1 limit 0 1",
         error("syntax error, LIMIT is only supported in combination with either BYSCORE or "
               "BYLEX")),
        ("set s x", OK),
        ("zrange s a b", NOT_INT),
        ("zrange s 0 1", WRONG_TYPE),
        ("zcount s 0 1", WRONG_TYPE),
        ("zrangestore d z 1 3", b":3\r\n"),
        ("zrange d 0 -1 withscores", words("b 2 bb 2 c 3")),
        ("zrangestore d z 2 3 byscore limit 1 5", b":2\r\n"),
        ("zrange d 0 -1", words("bb c")),
        ("zrangestore d z 9 10", b":0\r\n"),
        ("exists d", b":0\r\n"),
        ("zrangestore s z 0 0", b":1\r\n"),
        ("type s", b"+zset\r\n"),
        ("zrangestore d s 0 0 withscores", SYNTAX),
    ],
    "bytes": [
        ("zadd z 0 a 0 b 0 c 0 d 0 e", b":5\r\n"),
        ("zrangebylex z - +", words("a b c d e")),
        ("zrangebylex z [b [d", words("b c d")),
        ("zrangebylex z (b (d", words("c")),
        ("zrangebylex z [c +", words("c d e")),
        ("zrevrangebylex z [d -", words("d c b a")),
        ("zrevrangebylex z + - limit 1 2", words("d c")),
        ("zrange z [b + bylex limit 1 2", words("c d")),
        ("zrange z + [b bylex rev limit 0 2", words("e d")),
        ("zrangebylex z + -", b"*0\r\n"),
        ("zrangebylex z [x [y", b"*0\r\n"),
        ("zlexcount z - +", b":5\r\n"),
        ("zlexcount z [b (d", b":2\r\n"),
        ("zlexcount z + -", b":0\r\n"),
        ("zlexcount no - +", b":0\r\n"),
        ("zrangebylex z b d", BAD_MEMBERS),
        ("zrangebylex z [b d", BAD_MEMBERS),
        ("zlexcount z [b d", BAD_MEMBERS),
        ("zremrangebylex z b d", BAD_MEMBERS),
        ("zremrangebylex z [b (d", b":2\r\n"),
        ("zremrangebylex z [x +", b":0\r\n"),
        ("zrange z 0 -1", words("a d e")),
        ("zremrangebylex z - +", b":3\r\n"),
        ("exists z", b":0\r\n"),
    ],
    "remove ranges": [
        ("zadd z 1 a 2 b 3 c 4 d 5 e 6 f", b":6\r\n"),
        ("zremrangebyrank z 1 2", b":2\r\n"),
        ("zrange z 0 -1", words("a d e f")),
        ("zremrangebyrank z 5 9", b":0\r\n"),
        ("zremrangebyrank z -1 -1", b":1\r\n"),
        ("zremrangebyrank z x 1", NOT_INT),
        ("zremrangebyscore z (1 4", b":1\r\n"),
        ("zremrangebyscore z x 4", BAD_SCORES),
        ("zremrangebyscore z 9 9", b":0\r\n"),
        ("zrange z 0 -1", words("a e")),
        ("zremrangebyscore z -inf inf", b":2\r\n"),
        ("exists z", b":0\r\n"),
        ("zremrangebyrank z 0 1", b":0\r\n"),
        ("set s x", OK),
        ("zremrangebyrank s 0 1", WRONG_TYPE),
        ("zremrangebyscore s 0 1", WRONG_TYPE),
        ("zremrangebylex s - +", WRONG_TYPE),
    ],
    "pop": [
        ("zadd z 1 a 2 b 3 c 4 d 5 e", b":5\r\n"),
        ("zpopmin z", words("a 1")),
        ("zpopmax z", words("e 5")),
        ("zpopmin z 0", b"*0\r\n"),
        ("zpopmax z 2", words("d 4 c 3")),
        ("zpopmin z 9", words("b 2")),
        ("exists z", b":0\r\n"),
        ("zpopmin z", b"*0\r\n"),
        ("zpopmin z 2", b"*0\r\n"),
        ("zpopmin z -1", NOT_POSITIVE),
        ("zpopmin z x", NOT_POSITIVE),
        ("zpopmin z 1 2", SYNTAX),
        ("zadd z 1 a 2 b 3 c", b":3\r\n"),
        ("zmpop 2 no z min", b"*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n"),
        ("zmpop 1 z max count 5",
         b"*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n"),
        ("zmpop 1 z min", NULL_ARRAY),
        ("zmpop 0 z min", error("numkeys should be greater than 0")),
        ("zmpop x z min", error("numkeys should be greater than 0")),
        ("zmpop 1 z mid", SYNTAX),
        ("zmpop 2 z min", SYNTAX),
        ("zmpop 1 z min count 0", error("count should be greater than 0")),
        ("zmpop 1 z min count", SYNTAX),
        ("zmpop 1 z min count 1 count 1", SYNTAX),
        ("set s x", OK),
        ("zpopmin s", WRONG_TYPE),
        ("zpopmin s 0", WRONG_TYPE),
        ("zmpop 2 z s min", WRONG_TYPE),
    ],
    "wait, or not": [
        ("zadd z 1 a 2 b 3 c 4 d", b":4\r\n"),
        ("bzpopmin n z 0", words("z a 1")),
        ("bzpopmax z 0", words("z d 4")),
        ("bzmpop 0 2 n z max count 9",
         b"*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n"),
        ("bzpopmin z x", error("timeout is not a float or out of range")),
        ("bzpopmin z -1", error("timeout is negative")),
        ("bzpopmin z inf", error("timeout is out of range")),
        ("bzmpop x 1 z min", error("timeout is not a float or out of range")),
        ("bzmpop 0 0 z min", error("numkeys should be greater than 0")),
        ("bzmpop 0 1 z mid", SYNTAX),
        ("bzmpop 0 1 z min count 0", error("count should be greater than 0")),
        ("set s x", OK),
        ("bzpopmin s 0", WRONG_TYPE),
        ("multi", OK),
        ("bzpopmin no 0", b"+QUEUED\r\n"),
        ("bzmpop 0 1 no min", b"+QUEUED\r\n"),
        ("exec", b"*2\r\n*-1\r\n*-1\r\n"),
    ],
    "put together": [
        ("zadd a 1 x 2 y 3 z", b":3\r\n"),
        ("zadd b 10 y 20 z 30 w", b":3\r\n"),
        ("sadd s x w 5", b":3\r\n"),
        ("zunion 2 a b withscores", words("x 1 y 12 z 23 w 30")),
        ("zunion 3 a b s weights 2 1 10 withscores", words("5 10 x 12 y 14 z 26 w 40")),
        ("zunion 2 a b aggregate min withscores", words("x 1 y 2 z 3 w 30")),
        ("zunion 2 a b aggregate max withscores", words("x 1 y 10 z 20 w 30")),
        ("zinter 2 a b withscores", words("y 12 z 23")),
        ("zinter 2 a s withscores", words("x 2")),
        ("zinter 2 a no", b"*0\r\n"),
        ("zdiff 2 a b withscores", words("x 1")),
        ("zdiff 2 s a", words("5 w")),
        ("zintercard 2 a b", b":2\r\n"),
        ("zintercard 2 a b limit 1", b":1\r\n"),
        ("zintercard 1 no", b":0\r\n"),
        ("zunionstore d 2 a b weights 1 2", b":4\r\n"),
        ("zrange d 0 -1 withscores", words("x 1 y 22 z 43 w 60")),
        ("zinterstore d 2 a b aggregate max", b":2\r\n"),
        ("zrange d 0 -1 withscores", words("y 10 z 20")),
        ("zdiffstore d 2 a b", b":1\r\n"),
        ("zrange d 0 -1 withscores", words("x 1")),
        ("zinterstore d 2 a no", b":0\r\n"),
        ("exists d", b":0\r\n"),
        ("zadd n inf i -inf j", b":2\r\n"),
        ("zunion 2 n n weights 1 -1 withscores", words("i 0 j 0")),
        ("zunion 1 n weights 0 withscores", words("i 0 j 0")),
        ("zunion 0 a", error("at least 1 input key is needed for 'zunion' command")),
        ("zunionstore d 0 a", error("at least 1 input key is needed for 'zunionstore' command")),
        ("zunion x a", NOT_INT),
        ("zunion 3 a b", SYNTAX),
        ("zunion 1 a weights x", error("weight value is not a float")),
        ("zunion 1 a weights", SYNTAX),
        ("zunion 1 a aggregate x", SYNTAX),
        ("zunionstore d 1 a withscores", SYNTAX),
        ("zdiff 1 a weights 1", SYNTAX),
        ("zintercard 1 a limit -1", error("LIMIT can't be negative")),
        ("zintercard 1 a limit x", error("LIMIT can't be negative")),
        ("set t x", OK),
        ("zunion 2 a t", WRONG_TYPE),
        ("zunionstore d 1 t", WRONG_TYPE),
    ],
    "draw": [
        ("zrandmember no", NULL),
        ("zrandmember no 3", b"*0\r\n"),
        ("zadd z 1 a", b":1\r\n"),
        ("zrandmember z", bulk("a")),
        ("zrandmember z 5 withscores", words("a 1")),
        ("zrandmember z -3", words("a a a")),
        ("zrandmember z -2 withscores", words("a 1 a 1")),
        ("zrandmember z 0", b"*0\r\n"),
        ("zrandmember z x", NOT_INT),
        ("zrandmember z 9223372036854775807", words("a")),
        ("zrandmember z -9223372036854775808",
         error("value is out of range, value must between -9223372036854775807 and "
               "9223372036854775807")),
        ("zrandmember z 9223372036854775807 withscores", error("value is out of range")),
        ("zrandmember z 1 foo", SYNTAX),
        ("zrandmember z 1 withscores foo", SYNTAX),
        ("zadd z 2 b", b":1\r\n"),
        ("zscan z 0", b"*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n"),
        ("zscan z 0 noscores", b"*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
        ("zscan z 0 match b*", b"*2\r\n$1\r\n0\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n"),
        ("zscan z 0 count 0", SYNTAX),
        ("zscan z 0 count x", NOT_INT),
        ("zscan z 0 match", SYNTAX),
        ("zscan z 0 type zset", SYNTAX),
        ("zscan z x", error("invalid cursor")),
        ("zscan no 0 foo", b"*2\r\n$1\r\n0\r\n*0\r\n"),
    ],
    "encodings": [
        ("config set zset-max-ziplist-entries 3", OK),
        ("config set zset-max-listpack-value 8", OK),
        ("zadd a 1 x 2 y 3 z", b":3\r\n"),
        ("object encoding a", bulk("listpack")),
        ("zincrby a 1 w", bulk("1")),
        ("object encoding a", bulk("skiplist")),
        ("zrem a w x", b":2\r\n"),
        ("object encoding a", bulk("skiplist")),
        ("zadd b 1 123456789", b":1\r\n"),
        ("object encoding b", bulk("skiplist")),
        ("zadd c 1 m 2 m 3 m 4 m", b":1\r\n"),
        ("object encoding c", bulk("skiplist")),
        ("zadd e 1 a", b":1\r\n"),
        ("zadd e xx 1 p 1 q 1 r 1 s", b":0\r\n"),
        ("object encoding e", bulk("skiplist")),
        ("zadd f -0 a", b":1\r\n"),
        ("zscore f a", bulk("0")),
        ("zadd g -0 123456789", b":1\r\n"),
        ("zscore g 123456789", bulk("-0")),
        ("zunionstore d 1 a", b":2\r\n"),
        ("object encoding d", bulk("listpack")),
        ("zrangestore d a 0 -1", b":2\r\n"),
        ("object encoding d", bulk("listpack")),
        ("zrangestore d c 0 1 byscore", b":0\r\n"),
        ("object encoding d", NULL),
        ("copy a aa", b":1\r\n"),
        ("object encoding aa", bulk("skiplist")),
        ("zrange aa 0 -1 withscores", words("y 2 z 3")),
        ("config set zset-max-listpack-entries 128", OK),
        ("config set zset-max-ziplist-value 64", OK),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    hold(server.client, lines)


@pytest.mark.oracle
@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue_is_valkeys(valkey, lines):
    hold_with(valkey, lines)


# -- beside Valkey --------------------------------------------------------------------------------

SCORES = [b"0", b"1", b"2", b"3", b"-1", b"1.5", b"inf", b"-inf", b"1e300", b"-0", b"17"]
MEMBERS = [b"m%d" % n for n in range(12)] + [b"5", b"-7", b"012", b"x" * 9, b"\x00\xff", b""]
KEYS = [b"a", b"b", b"c"]
ENDS = [b"(1", b"2", b"-inf", b"+inf", b"(17", b"0"]
CUTS = [b"-", b"+", b"[m3", b"(m7", b"[5", b"(x"]
RANKS = [b"0", b"-1", b"1", b"3", b"-3", b"100"]


def some_request(rng):
    pick = rng.choice
    key, member = pick(KEYS), pick(MEMBERS)
    limit = pick([[], [b"limit", pick([b"0", b"1", b"3"]), pick([b"1", b"2", b"-1"])]])
    return pick([
        lambda: [b"zadd", key, *pick([[], [b"nx"], [b"xx"], [b"gt", b"ch"], [b"lt"], [b"ch"]]),
                 *(word for _ in range(rng.randrange(1, 5)) for word in (
                     pick(SCORES), pick(MEMBERS)))],
        lambda: [b"zadd", key, *pick([[], [b"xx"], [b"gt"]]), b"incr", pick(SCORES), member],
        lambda: [b"zincrby", key, pick(SCORES), member],
        lambda: [b"zrem", key, member, pick(MEMBERS)],
        lambda: [pick([b"zscore", b"zrank", b"zrevrank"]), key, member],
        lambda: [pick([b"zrange", b"zrevrange"]), key, pick(RANKS), pick(RANKS),
                 *pick([[], [b"withscores"]])],
        lambda: [pick([b"zrangebyscore", b"zrevrangebyscore"]), key, pick(ENDS), pick(ENDS),
                 *pick([[], [b"withscores"]]), *limit],
        lambda: [b"zrange", key, pick(ENDS), pick(ENDS), b"byscore", *pick([[], [b"rev"]]), *limit],
        lambda: [pick([b"zcount"]), key, pick(ENDS), pick(ENDS)],
        lambda: [b"zrangestore", pick(KEYS), key, pick(ENDS), pick(ENDS), b"byscore", *limit],
        lambda: [b"zremrangebyscore", key, pick([b"(1", b"17"]), pick([b"2", b"(3"])],
        lambda: [b"zremrangebyrank", key, pick(RANKS), pick([b"1", b"0"])],
        lambda: [pick([b"zpopmin", b"zpopmax"]), key, *pick([[], [b"2"]])],
        lambda: [b"zmpop", b"2", key, pick(KEYS), pick([b"min", b"max"]), b"count", b"3"],
        lambda: [pick([b"zunionstore", b"zinterstore"]), pick(KEYS), b"2", key, pick(KEYS),
                 *pick([[], [b"weights", pick(SCORES), b"2"]]),
                 *pick([[], [b"aggregate", pick([b"sum", b"min", b"max"])]])],
        lambda: [pick([b"zunion", b"zinter", b"zdiff"]), b"2", key, pick(KEYS), b"withscores"],
        lambda: [b"zintercard", b"2", key, pick(KEYS)],
        lambda: [b"zadd", b"lex", b"0", pick(MEMBERS), b"0", pick(MEMBERS)],
        lambda: [pick([b"zrangebylex", b"zrevrangebylex"]), b"lex", pick(CUTS), pick(CUTS), *limit],
        lambda: [pick([b"zlexcount", b"zlexcount", b"zremrangebylex"]), b"lex", pick(CUTS),
                 pick(CUTS)],
        lambda: [b"object", b"encoding", key],
        lambda: [b"copy", key, pick(KEYS), b"replace"],
    ])()


@pytest.mark.oracle
@pytest.mark.parametrize("limits", [(b"4", b"64"), (b"128", b"8"), (b"0", b"0")])
@pytest.mark.parametrize("protocol", [b"2", b"3"])
def test_random_requests_beside_valkey(server, valkey, limits, protocol):
    rng = random.Random(f"{SEED} {limits} {protocol}")
    mine, theirs = server.client(), valkey.client()
    try:
        for client in (mine, theirs):
            client.execute(b"hello", protocol)
            client.execute(b"flushall")
            client.execute(b"config", b"set", b"zset-max-listpack-entries", limits[0],
                           b"zset-max-listpack-value", limits[1])
        for _ in range(1500):
            request = some_request(rng)
            assert mine.execute(*request) == theirs.execute(*request), encode(*request)
        for key in (*KEYS, b"lex"):
            request = [b"zrange", key, b"0", b"-1", b"withscores"]
            assert mine.execute(*request) == theirs.execute(*request)
    finally:
        theirs.execute(b"config", b"set", b"zset-max-listpack-entries", b"128",
                       b"zset-max-listpack-value", b"64")
        theirs.close()


# -- by lot ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("size", [50, 300])
@pytest.mark.parametrize("count", [1, 10, 49])
def test_draws_are_different_and_fair(server, size, count):
    members = [b"m%d" % n for n in range(size)]
    server.execute(b"zadd", b"z", *(word for m in members for word in (b"1", m)))
    rounds = 6000 // count
    seen = dict.fromkeys(members, 0)
    for _ in range(rounds):
        drawn = parts(server.execute(b"zrandmember", b"z", b"%d" % count))
        assert len(set(drawn)) == count
        for member in drawn:
            seen[member] += 1
    expected = rounds * count / size
    assert min(seen.values()) > expected * 0.2 and max(seen.values()) < expected * 2.5
    drawn = parts(server.execute(b"zrandmember", b"z", b"-1000"))
    assert len(drawn) == 1000 and set(drawn) <= set(members)
    assert sorted(parts(server.execute(b"zrandmember", b"z", b"1000"))) == sorted(members)


def test_a_reply_without_end_is_refused(server):
    server.execute(b"zadd", b"z", b"1", b"x" * 1000)
    for count in (b"-9223372036854775807", b"-200000000"):
        assert server.execute(b"zrandmember", b"z", count) == error("the reply would be too long")


# -- waiting --------------------------------------------------------------------------------------

def test_waiting_is_ended_by_a_member(server):
    a, b = server.client(), server.client()
    assert a.execute(b"bzpopmin", b"x", b"z", b"0") == b""
    assert b.execute(b"bzmpop", b"0", b"2", b"z", b"y", b"max", b"count", b"2") == b""
    c_state.journal_start(server)
    assert server.execute(*b"zadd z 1 a 2 b 3 c 4 d".split()) == b":4\r\n"
    assert a.process_bytes(b"") == words("z a 1")
    assert b.process_bytes(b"") == b"*2\r\n" + bulk("z") + b"*2\r\n" + words("d 4") + words("c 3")
    assert server.execute(b"zrange", b"z", b"0", b"-1") == words("b")
    assert c_state.journal_take(server).endswith(
        encode("ZPOPMIN", "z") + encode("ZPOPMAX", "z", "2"))


@pytest.mark.parametrize("request_line", [
    "zincrby z 1 a", "geoadd z 1 1 a", "zunionstore z 1 there", "zrangestore z there 0 0",
    "rename there z", "copy there z"])
def test_waiting_is_ended_by_whatever_makes_the_key(server, request_line):
    waits = server.client()
    server.execute(b"zadd", b"there", b"1", b"a")
    assert waits.execute(b"bzpopmax", b"z", b"0") == b""
    server.execute(*request_line.encode().split(b" "))
    assert waits.process_bytes(b"").startswith(b"*3\r\n" + bulk("z") + bulk("a"))


# -- events, journal, large ones ------------------------------------------------------------------

def test_events_and_journal(server):
    c_state.journal_start(server)
    c_state.events_start(server, GENERIC | ZSET)
    lines = ["zadd z 1 a 2 b 3 c", "zadd z 1 a", "zincrby z 1 a", "zadd z incr 1 a", "zrem z b x",
             "zpopmin z", "zmpop 1 z max count 5", "zadd z 1 a 2 b 3 c 4 d", "bzpopmax z 0",
             "zrangestore d z 0 0", "zunionstore d 1 z", "zinterstore d 2 z no", "zdiffstore d 1 z",
             "zremrangebyrank z 0 0", "zremrangebyscore z 2 2", "zremrangebylex z - +",
             "geoadd g 1 1 p", "geosearchstore e g fromlonlat 1 1 byradius 1 km",
             "georadius g 1 1 1 km store e"]
    for line in lines:
        server.execute(*line.encode().split(b" "))
    assert c_state.events_take() == [
        ("zadd", 0, b"z"), ("zincr", 0, b"z"), ("zincr", 0, b"z"), ("zrem", 0, b"z"),
        ("zpopmin", 0, b"z"), ("zpopmax", 0, b"z"), ("del", 0, b"z"), ("zadd", 0, b"z"),
        ("zpopmax", 0, b"z"), ("zrangestore", 0, b"d"), ("zunionstore", 0, b"d"), ("del", 0, b"d"),
        ("zdiffstore", 0, b"d"), ("zremrangebyrank", 0, b"z"), ("zremrangebyscore", 0, b"z"),
        ("zremrangebylex", 0, b"z"), ("del", 0, b"z"), ("zadd", 0, b"g"),
        ("geosearchstore", 0, b"e"), ("georadiusstore", 0, b"e")]
    written = [line for line in lines if line != "zadd z 1 a"]
    written[written.index("zmpop 1 z max count 5")] = "ZPOPMAX z 1"
    written[written.index("bzpopmax z 0")] = "ZPOPMAX z"
    assert c_state.journal_take(server) == encode("SELECT", 0) + b"".join(
        encode(*line.split(" ")) for line in written)


def fill(server, count):
    for start in range(0, count, 10_000):
        server.execute(b"zadd", b"z", *(
            word for n in range(start, start + 10_000) for word in (
                b"%d" % (n * 7919 % 100_003), b"%d:member" % n)))


def test_a_large_set_goes_in_slices(server):
    fill(server, 100_000)
    assert server.execute(b"zcard", b"z") == b":100000\r\n"
    server.execute(b"del", b"z")
    assert c_state.counters(server)["dropped"] == 1


def test_a_walk_returns_every_member(server):
    fill(server, 10_000)
    seen, cursor, calls = [], b"0", 0
    while True:
        reply = server.execute(b"zscan", b"z", cursor, b"count", b"100").split(b"\r\n")
        cursor, calls = reply[2], calls + 1
        seen += reply[5:-1:4]
        if cursor == b"0":
            break
    assert sorted(seen) == sorted(b"%d:member" % n for n in range(10_000)) and calls > 20


def test_memory_of_a_large_set(server):
    """A member of twenty bytes takes 55 at most, in order or not."""
    numbers = list(range(100_000))
    random.Random(SEED).shuffle(numbers)
    for start in range(0, 100_000, 10_000):
        server.execute(b"zadd", b"z", *(word for n in numbers[start:start + 10_000]
                                        for word in (b"%d" % n, b"member:%013d" % n)))
    used = int(server.execute(b"memory", b"usage", b"z", b"samples", b"0")[1:-2])
    assert 50 * 100_000 < used < 56 * 100_000
