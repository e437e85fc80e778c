"""engine/commands/t_string: replies as clients see them, through an engine in process."""
import random
import time

import pytest

from kvd.engine.server.server import Server


def ask(server, line: str) -> bytes:
    return server.execute(*line.encode().split())


# Each line is a request and the reply that valkey-server 9.1.2 gave, in order, on one server.
DIALOGUES = {
    "set": [
        ("get k", b"$-1\r\n"),
        ("set k v", b"+OK\r\n"),
        ("get k", b"$1\r\nv\r\n"),
        ("set k v nx", b"$-1\r\n"),
        ("set k w XX", b"+OK\r\n"),
        ("set nokey v xx", b"$-1\r\n"),
        ("set k x get", b"$1\r\nw\r\n"),
        ("set nokey v xx get", b"$-1\r\n"),
        ("set new v nx get", b"$-1\r\n"),
        ("set new w nx get", b"$1\r\nv\r\n"),
        ("get new", b"$1\r\nv\r\n"),
        ("set k y ifeq x", b"+OK\r\n"),
        ("set k z ifeq x", b"$-1\r\n"),
        ("set k z ifeq x get", b"$1\r\ny\r\n"),
        ("set nokey z ifeq x", b"$-1\r\n"),
        ("set k v pxat 1", b"+OK\r\n"),
        ("get k", b"$-1\r\n"),
        ("set k v pxat 9223372036854775807", b"+OK\r\n"),
        ("get k", b"$1\r\nv\r\n"),
    ],
    "set refuses": [
        ("set k v nx xx", b"-ERR syntax error\r\n"),
        ("set k v ex 10 px 10", b"-ERR syntax error\r\n"),
        ("set k v keepttl ex 10", b"-ERR syntax error\r\n"),
        ("set k v ex 10 keepttl", b"-ERR syntax error\r\n"),
        ("set k v ifeq a nx", b"-ERR syntax error\r\n"),
        ("set k v ifeq a ifeq a", b"-ERR syntax error\r\n"),
        ("set k v ex", b"-ERR syntax error\r\n"),
        ("set k v persist", b"-ERR syntax error\r\n"),
        ("set k v ex 0", b"-ERR invalid expire time in 'set' command\r\n"),
        ("set k v px -1", b"-ERR invalid expire time in 'set' command\r\n"),
        ("set k v ex x", b"-ERR value is not an integer or out of range\r\n"),
        ("set k v ex 9223372036854775", b"-ERR invalid expire time in 'set' command\r\n"),
        ("set k v px 9223372036854775807", b"-ERR invalid expire time in 'set' command\r\n"),
        ("setex k 0 v", b"-ERR invalid expire time in 'setex' command\r\n"),
        ("psetex k -1 v", b"-ERR invalid expire time in 'psetex' command\r\n"),
        ("getex k ex 0", b"-ERR invalid expire time in 'getex' command\r\n"),
        ("getex k keepttl", b"-ERR syntax error\r\n"),
        ("get k", b"$-1\r\n"),
    ],
    "counters": [
        ("incr k", b":1\r\n"),
        ("incrby k 41", b":42\r\n"),
        ("decr k", b":41\r\n"),
        ("decrby k 40", b":1\r\n"),
        ("incrby k 9223372036854775807", b"-ERR increment or decrement would overflow\r\n"),
        ("decrby k -9223372036854775808", b"-ERR decrement would overflow\r\n"),
        ("decrby k 9223372036854775807", b":-9223372036854775806\r\n"),
        ("set k 01", b"+OK\r\n"),
        ("incr k", b"-ERR value is not an integer or out of range\r\n"),
        ("set k 10.50", b"+OK\r\n"),
        ("incrbyfloat k 0.1", b"$4\r\n10.6\r\n"),
        ("incrbyfloat k 5.0e3", b"$22\r\n5010.60000000000000009\r\n"),
        ("incrbyfloat k nan", b"-ERR value is not a valid float\r\n"),
        ("incrbyfloat k inf", b"-ERR increment would produce NaN or Infinity\r\n"),
        ("incrbyfloat n 3", b"$1\r\n3\r\n"),
        ("incr n", b":4\r\n"),
    ],
    "parts": [
        ("append k foo", b":3\r\n"),
        ("append k bar", b":6\r\n"),
        ("strlen k", b":6\r\n"),
        ("getrange k 1 -2", b"$4\r\nooba\r\n"),
        ("getrange k -100 -200", b"$0\r\n\r\n"),
        ("getrange k -200 -100", b"$1\r\nf\r\n"),
        ("substr k 0 0", b"$1\r\nf\r\n"),
        ("getrange k -9223372036854775808 -9223372036854775808", b"$1\r\nf\r\n"),
        ("setrange k 8 x", b":9\r\n"),
        ("get k", b"$9\r\nfoobar\0\0x\r\n"),
        ("setrange k -1 x", b"-ERR offset is out of range\r\n"),
        ("setrange K 9223372036854775807 A",
         b"-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"),
        ("strlen K", b":0\r\n"),
        ("getdel k", b"$9\r\nfoobar\0\0x\r\n"),
        ("getdel k", b"$-1\r\n"),
    ],
    "many keys": [
        ("mset a 1 b 2 a 3", b"+OK\r\n"),
        ("mget a b c", b"*3\r\n$1\r\n3\r\n$1\r\n2\r\n$-1\r\n"),
        ("mset a 1 b", b"-ERR wrong number of arguments for 'mset' command\r\n"),
        ("msetnx c 1 b 2", b":0\r\n"),
        ("msetnx c 1 d 2", b":1\r\n"),
        ("msetex 2 a 5 b 6 xx", b":1\r\n"),
        ("msetex 2 a 7 z 6 xx ex 10", b":0\r\n"),
        ("msetex 1 z 6 nx px 100000", b":1\r\n"),
        ("msetex 0 a 1", b"-ERR invalid numkeys value or out of range\r\n"),
        ("msetex 2 a 1 b", b"-ERR syntax error\r\n"),
        ("msetex 9223372036854775807 a 1", b"-ERR invalid numkeys value or out of range\r\n"),
        ("msetex 1 a 1 ex 0", b"-ERR invalid expire time in 'msetex' command\r\n"),
        ("mget a z", b"*2\r\n$1\r\n5\r\n$1\r\n6\r\n"),
        ("delifeq a 4", b":0\r\n"),
        ("delifeq a 5", b":1\r\n"),
    ],
    "lcs": [
        ("set a ohmytext", b"+OK\r\n"),
        ("set b mynewtext", b"+OK\r\n"),
        ("lcs a b", b"$6\r\nmytext\r\n"),
        ("lcs a b len", b":6\r\n"),
        ("lcs a b idx minmatchlen 4 withmatchlen",
         b"*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n"
         b"$3\r\nlen\r\n:6\r\n"),
        ("lcs a none", b"$0\r\n\r\n"),
        ("lcs a none idx", b"*4\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n"),
        ("lcs a b len idx",
         b"-ERR If you want both the length and indexes, please just use IDX.\r\n"),
        ("lcs a b minmatchlen", b"-ERR syntax error\r\n"),
        ("lcs a b minmatchlen x", b"-ERR value is not an integer or out of range\r\n"),
        ("setrange c 100000 x", b":100001\r\n"),
        ("lcs c c len", b"-ERR Insufficient memory, transient memory for LCS exceeds "
                        b"proto-max-bulk-len\r\n"),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    assert [(line, ask(server, line)) for line, _ in lines] == lines


def test_many_keys_pass_every_chunk_size(server):
    for count in (1, 31, 32, 33, 64, 100, 1000):
        pairs = [w for i in range(count) for w in (b"k%d" % i, b"v%d" % (i * count))]
        assert server.execute(b"mset", *pairs) == b"+OK\r\n"
        assert server.execute(b"mget", *pairs[::2]) == b"*%d\r\n" % count + b"".join(
            b"$%d\r\n%s\r\n" % (len(v), v) for v in pairs[1::2])


def lcs_length(a: bytes, b: bytes) -> int:
    row = [0] * (len(b) + 1)
    for x in a:
        above, row = row, [0]
        for j, y in enumerate(b):
            row.append(above[j] + 1 if x == y else max(above[j + 1], row[j]))
    return row[-1]


def is_within(part: bytes, whole: bytes) -> bool:
    rest = iter(whole)
    return all(byte in rest for byte in part)


def test_lcs_across_words(server):
    rng = random.Random(7)
    for size in (1, 63, 64, 65, 127, 128, 129, 200):
        for letters in (b"ab", b"abcdefgh", bytes(range(256))):
            a = bytes(rng.choices(letters, k=size))
            b = bytes(rng.choices(letters, k=rng.choice([size, 64, 128])))
            server.execute(b"mset", b"a", a, b"b", b)
            length = lcs_length(a, b)
            assert server.execute(b"lcs", b"a", b"b", b"len") == b":%d\r\n" % length
            head, text = server.execute(b"lcs", b"a", b"b").split(b"\r\n", 1)
            assert head == b"$%d" % length
            assert is_within(text[:-2], a) and is_within(text[:-2], b)


def test_the_largest_float_fits(server):
    reply = server.execute(b"incrbyfloat", b"k", b"1.1e4930")
    assert reply.startswith(b"$4931\r\n1") and len(reply) == 4931 + 9
    assert server.execute(b"incrbyfloat", b"k", b"1e4930") != reply
    assert server.execute(b"strlen", b"k") == b":4931\r\n"


def test_encodings(server):
    for value, encoding in ((b"12", b"int"), (b"012", b"embstr"), (b"x" * 200, b"raw")):
        server.execute(b"set", b"k", value)
        assert server.execute(b"object", b"encoding", b"k").split(b"\r\n")[1] == encoding
    for words in ((b"append", b"k", b""), (b"setrange", b"k", b"0", b"1"),
                  (b"setbit", b"k", b"0", b"0")):
        server.execute(b"set", b"k", b"1234567890123456789")
        server.execute(*words)
        assert server.execute(b"object", b"encoding", b"k") == b"$3\r\nraw\r\n"
    server.execute(b"set", b"k", b"1.5")
    server.execute(b"incrbyfloat", b"k", b"1.5")
    assert server.execute(b"object", b"encoding", b"k") == b"$6\r\nembstr\r\n"


def test_growing_is_amortised(server):
    for _ in range(20000):
        server.execute(b"append", b"k", b"0123456789")
    assert server.execute(b"strlen", b"k") == b":200000\r\n"
    assert server.execute(b"getrange", b"k", b"199995", b"-1") == b"$5\r\n56789\r\n"


def test_a_dead_key_is_absent(server):
    server.execute(b"set", b"k", b"v", b"px", b"1")
    time.sleep(0.005)
    assert server.execute(b"set", b"k", b"w", b"xx") == b"$-1\r\n"
    assert server.execute(b"getex", b"k", b"persist") == b"$-1\r\n"
    assert server.execute(b"set", b"k", b"w", b"nx", b"keepttl") == b"+OK\r\n"
    assert server.execute(b"pttl", b"k") == b":-1\r\n"


@pytest.fixture
def limited():
    """An engine of 4 MiB that evicts, with a thousand keys in half of it."""
    server = Server(maxmemory="4mb", maxmemory_policy="allkeys-lru")
    for i in range(1000):
        server.execute(b"set", b"k%d" % i, b"x" * 1500)
    assert server.execute(b"dbsize") == b":1000\r\n"
    yield server
    assert server.close(), "the engine kept memory"


def test_a_size_that_is_not_allowed_evicts_nothing(limited):
    for words in ((b"setrange", b"k", b"600000000", b"x"), (b"setrange", b"k", b"5000000", b"x"),
                  (b"setbit", b"k", b"40000000", b"1"),
                  (b"bitfield", b"k", b"set", b"u8", b"#4500000", b"1")):
        assert limited.execute(*words).startswith((b"-OOM", b"-ERR string exceeds")), words
    assert limited.execute(b"dbsize") == b":1000\r\n"


def test_growing_evicts_before_it_grows(limited):
    assert limited.execute(b"setbit", b"big", b"23000000", b"1") == b":0\r\n"   # 2.9 MB
    assert limited.execute(b"getbit", b"big", b"23000000") == b":1\r\n"
    assert limited.execute(b"strlen", b"big") == b":2875001\r\n"
    assert limited.used_memory <= 4 << 20
    assert int(limited.execute(b"dbsize")[1:]) < 1000
    time.sleep(0.3)                     # `part` is the youngest, also by the clock of LRU
    limited.execute(b"setrange", b"part", b"1000000", b"x")
    assert limited.execute(b"bitop", b"not", b"target", b"part") == b":1000001\r\n"
    assert limited.used_memory <= 4 << 20


def test_a_key_may_go_to_make_room_for_itself():
    server = Server(maxmemory="2mb", maxmemory_policy="allkeys-lru")
    server.execute(b"set", b"k", b"x" * 900_000)
    reply = server.execute(b"setrange", b"k", b"1200000", b"end")
    assert reply == b":1200003\r\n"
    assert server.execute(b"getrange", b"k", b"1199999", b"-1") == b"$4\r\n\0end\r\n"
    assert server.used_memory <= 2 << 20
    assert server.close()
