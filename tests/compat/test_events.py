"""Goal: keyspace events are Valkey's, by name and in order, whatever command raises them.

Method: a subscriber of everything listens on both servers while the same requests go to each; what
it hears of a request must be the same. Deadlines are far away or past: time decides nothing.
"""
import random

import pytest

from kvd.engine.server.server import Server
from tests.commands.pushes import Inside, Outside

ALL = b"KEAmn"
REQUESTS = """
set a 1; set a 2; setnx a 1; setnx b 1; get none; mget a none; getset a 3; getset new 3
getdel new; set a 1 ex 100; set a 1 keepttl; getex a persist; getex a ex 100; getex a pxat 1
set a 1 exat 1; append a x; append z x; setrange z 1 yy; setrange empty 0 x; strlen none; incr n
incrby n 5; decr n; incrbyfloat n 1.5; mset p 1 q 2 p 3; msetnx p 1 r 2; msetnx r 1 s 2
setbit bits 7 1; bitop not nots bits; bitop and bits none; bitfield bits incrby u8 0 1
pfadd h a b; pfadd h a; pfmerge m h; expire p 100; expire p -1; expire none 5; pexpire q 100000
persist q; persist q; expireat q 1; rename n n2; rename n2 n2; renamenx n2 n3; copy n3 n4
copy n3 n4; copy n3 n4 replace; move n4 1; exists none n3; type none; ttl none
object encoding none; touch n3 none; del n3 none; unlink z; rpush l 1 2 3; lpush l 0; rpushx l 4
rpushx no 4; linsert l before 2 x; lset l 0 y; lrem l 0 x; lrem l 0 none; ltrim l 0 2
lmove l l2 left right; rpoplpush l l2; lpop l; rpop l2 5; lpop none; lmpop 2 none l2 left
rpush l 1; ltrim l 5 9; rpush l 1; lrem l 0 1; sadd s 1 2 3; sadd s 1; srem s 1; srem s 9
smove s s2 2; smove s none2 9; spop s; sadd s 1 2; spop s 5; sadd s 1 2 3; sinterstore d s s
sunionstore d s none; sdiffstore d s s; sinterstore d none s; sort s store d; sort none store d
zadd z 1 a 2 b; zadd z 1 a; zadd z 3 a; zadd z incr 1 a; zincrby z 1 c; zrem z c; zrem z none
zremrangebyscore z 0 1; zremrangebyrank z 0 0; zremrangebylex z - +; zadd z 1 a; zpopmin z
zadd z 1 a 2 b; zpopmax z 5; zadd z 1 a; zunionstore zd 1 z; zinterstore zd 2 z none
zdiffstore zd 1 z; zrangestore zr z 0 -1; zrangestore zr none 0 -1; geoadd g 13 38 x
geosearchstore gd g frommember x byradius 5 km asc; zmpop 1 z min; blpop l 0.01; rpush l 1
blpop l 0; rpush l 1; blmove l l9 left right 0; bzpopmin zr 0.01; getex none; expire s 100 nx
expire s 100 nx; swapdb 0 1; swapdb 0 1; flushdb; set k v; flushall; hset hh f 1 g 2
hset hh f 2; hdel hh f; hincrby hh n 1; hsetnx hh n 5; hdel hh g n; xadd x 1-1 f v
hsetex he fields 1 a b; hsetex hf ex 100 fields 1 a b; hsetex hf ex 100 fields 1 a c
hsetex hg exat 1 fields 1 a b; hsetex hf exat 1 fields 1 a b; hsetex he fnx fields 1 a c
xadd x 2-1 f v; xtrim x maxlen 1; xdel x 2-1
"""


@pytest.fixture
def server():
    server = Server(latency_tracking=False)
    server.execute(b"config", b"set", b"notify-keyspace-events", ALL)
    yield server
    assert server.close(), "the engine kept memory"


@pytest.fixture
def pair(server, valkey):
    """(ours, theirs), each an asker and an ear that hears everything."""
    valkey.ask("flushall")
    valkey.ask("config", "set", "notify-keyspace-events", ALL)
    pairs = []
    for connect in (lambda: Inside(server), lambda: Outside(valkey.path)):
        asker, ear = connect(), connect()
        ear.ask([b"psubscribe", b"__key*"])
        pairs.append((asker, ear))
    yield pairs
    valkey.ask("config", "set", "notify-keyspace-events", "")


def heard(asker, ear, words) -> tuple[bool, list]:
    """Whether it was refused as unknown, and what was heard."""
    reply = asker.ask(words)
    unknown = bool(reply) and "unknown command" in str(reply[0])
    return unknown, [(channel, event) for _, _, channel, event in ear.listen()]


def test_each_command(pair):
    (ours, our_ear), (theirs, their_ear) = pair
    for request in REQUESTS.replace("\n", ";").split(";"):
        if not request.strip():
            continue
        words = request.strip().encode().split(b" ")
        unknown, got = heard(ours, our_ear, words)
        if unknown:
            continue                    # a family that is not here
        assert got == heard(theirs, their_ear, words)[1], request


def test_restore_over_a_key(server, pair):
    server.execute(b"set", b"from", b"x")
    payload = server.execute(b"dump", b"from").partition(b"\r\n")[2][:-2]
    (ours, our_ear), (theirs, their_ear) = pair
    our_ear.listen()
    for _ in range(2):
        words = [b"restore", b"over", b"0", payload, b"replace"]
        got = heard(ours, our_ear, words)
        assert len(got[1]) == 4 and got == heard(theirs, their_ear, words)


@pytest.mark.parametrize("seed", range(3))
def test_random_requests(pair, seed):
    """The same requests in any order, over few keys: what is there when they come differs."""
    (ours, our_ear), (theirs, their_ear) = pair
    rng = random.Random(seed)
    requests = [request.strip() for request in REQUESTS.replace("\n", ";").split(";")
                if request.strip() and not request.strip().startswith(("spop", "bl", "bz"))]
    for _ in range(400):
        words = rng.choice(requests).encode().split(b" ")
        words = [words[0], *(rng.choice([b"k", b"l", b"m"]) if i == 0 and words[0] not in (
            b"bitop", b"object", b"lmpop", b"zmpop", b"swapdb", b"flushdb", b"flushall") else word
            for i, word in enumerate(words[1:]))]
        unknown, got = heard(ours, our_ear, words)
        if not unknown:
            assert got == heard(theirs, their_ear, words)[1], words
