"""What is asked of the servers: one row a case, over a keyspace of 1 M string keys.

    key:N   32 bytes, present for all N       int:N   a counter, present for all N < 100,000
    new:N   absent                            bit:N   1,024 bits, present for all N < 100,000
    ttl:N   32 bytes with a deadline, N < 100,000       flt:N   a number, N < 100,000
    lst:N   a list of 100 elements, N < 1,000           big:N   one of 600, in several blocks
    num:N   a list of 100 numbers, N < 1,000            set:N   ten members, N < 100,000
    hash:N  ten fields, N < 100,000                     wide:N  fifty fields, N < 10,000
    myset, popset, myhash   m:N for all N

    stream  1 M entries, with a group; log and capped, short ones; hll, what has seen m:N

and over sorted sets; see SORTED_SETS.

A case that changes the keyspace visits each key once, and its `repair` requests, as many as it
had, visit the same keys in the same order and undo it. Every peer is sent the same number of
requests, so that all do the same work. Keys are created in ascending order and visited at random
or in strides, so that no peer profits from having allocated neighbours together.
"""
import dataclasses

from bench.requests import KEYSPACE, Number, Request, key, same

VALUE = b"x" * 32
SMALL = 100_000
LISTED = 1000
WIDE = 10_000
FAR = b"4102444800"                     # 2100-01-01, in seconds
FAR_MS = FAR + b"000"
TWO_CALLS = b"redis.call('get',KEYS[1]) return redis.call('set',KEYS[1],ARGV[1])"
FLUSH_DB1 = "flush database 1"          # a repair that is no request


@dataclasses.dataclass(frozen=True)
class Case:
    """One command as it is measured; `per_request` is the keys that it names."""
    name: str
    args: tuple
    repair: tuple = ()
    per_request: int = 1
    weight: float = 1.0                 # of a request beside a GET: scales the count down

    @property
    def request(self) -> Request:
        return Request(*self.args)


def each() -> Number:
    return key(order="each")


def counter() -> Number:
    return key(b"int:", count=SMALL)


def bits() -> Number:
    return key(b"bit:", count=SMALL)


def volatile() -> Number:
    return key(b"ttl:", count=SMALL)


def lists() -> Number:
    return key(b"lst:", count=LISTED, order="each")


def long_lists() -> Number:
    return key(b"big:", count=LISTED, order="each")


def bit() -> Number:
    return key(b"", first=100, count=900, size=3)      # of three digits: no leading zero


def member(prefix: bytes = b"member:", order: str = "random") -> Number:
    return Number(prefix, size=20, order=order)


def score(order: str = "random") -> Number:
    return key(b"", size=6, order=order)


def place() -> tuple:
    """Somewhere in 73 by 111 kilometres."""
    return key(b"2.", size=8), key(b"48.", size=9)


def many(count: int, *extra: bytes) -> tuple:
    return tuple(arg for _ in range(count) for arg in (key(), *extra))


def set_each() -> tuple:
    return (b"SET", each(), VALUE)


def del_each(prefix: bytes) -> tuple:
    return (b"DEL", key(prefix, order="each"))


GET = Case("GET", (b"GET", key()))
SET = Case("SET", (b"SET", key(), VALUE))
MGET100 = Case("MGET 100", (b"MGET", *many(100)), per_request=100, weight=40)
MSET100 = Case("MSET 100", (b"MSET", *many(100, VALUE)), per_request=100, weight=60)

STRINGS = [
    GET, SET,
    Case("SET EX", (b"SET", each(), VALUE, b"EX", b"100000"), repair=(set_each(),)),
    Case("SET XX GET", (b"SET", key(), VALUE, b"XX", b"GET")),
    Case("SET NX (present)", (b"SET", key(), VALUE, b"NX")),
    Case("SETNX (absent)", (b"SETNX", key(b"new:", order="each"), VALUE),
         repair=(del_each(b"new:"),)),
    Case("SETEX", (b"SETEX", each(), b"100000", VALUE), repair=(set_each(),)),
    Case("PSETEX", (b"PSETEX", each(), b"100000000", VALUE), repair=(set_each(),)),
    Case("GETSET", (b"GETSET", key(), VALUE)),
    Case("GETEX PERSIST", (b"GETEX", key(), b"PERSIST")),
    Case("GETEX EX", (b"GETEX", volatile(), b"EX", b"100000")),
    Case("GETDEL", (b"GETDEL", each()), repair=(set_each(),)),
    Case("GETRANGE", (b"GETRANGE", key(), b"4", b"11")),
    Case("SUBSTR", (b"SUBSTR", key(), b"4", b"11")),
    Case("SETRANGE", (b"SETRANGE", key(), b"4", b"xxxxxxxx")),
    Case("APPEND", (b"APPEND", each(), b"x"), repair=(set_each(),)),
    Case("STRLEN", (b"STRLEN", key())),
    Case("INCR", (b"INCR", counter())),
    Case("DECR", (b"DECR", counter())),
    Case("INCRBY", (b"INCRBY", counter(), b"1000")),
    Case("DECRBY", (b"DECRBY", counter(), b"1000")),
    Case("INCRBYFLOAT", (b"INCRBYFLOAT", key(b"flt:", count=SMALL), b"1.5"), weight=2),
    Case("LCS LEN", (b"LCS", key(), key(), b"LEN"), weight=5),
    Case("MGET 10", (b"MGET", *many(10)), per_request=10, weight=5),
    Case("MSET 10", (b"MSET", *many(10, VALUE)), per_request=10, weight=8),
    Case("MSETNX (present)", (b"MSETNX", *many(2, VALUE)), weight=2),
    Case("MSETEX", (b"MSETEX", b"2", *many(2, VALUE), b"KEEPTTL"), weight=2),
    Case("DELIFEQ", (b"DELIFEQ", each(), VALUE), repair=(set_each(),)),
]
BITMAPS = [
    Case("SETBIT", (b"SETBIT", bits(), bit(), b"1")),
    Case("GETBIT", (b"GETBIT", bits(), bit())),
    Case("BITCOUNT", (b"BITCOUNT", bits())),
    Case("BITPOS", (b"BITPOS", bits(), b"1")),
    Case("BITOP AND", (b"BITOP", b"AND", key(b"btd:", count=SMALL), bits(), bits()), weight=2),
    Case("BITFIELD", (b"BITFIELD", bits(), b"INCRBY", b"u8", b"#3", b"1"), weight=2),
    Case("BITFIELD_RO", (b"BITFIELD_RO", bits(), b"GET", b"u8", b"#3"), weight=2),
]
KEYS = [
    Case("EXISTS", (b"EXISTS", key())),
    Case("EXISTS (absent)", (b"EXISTS", key(b"new:"))),
    Case("TYPE", (b"TYPE", key())),
    Case("TTL", (b"TTL", volatile())),
    Case("PTTL", (b"PTTL", volatile())),
    Case("EXPIRETIME", (b"EXPIRETIME", volatile())),
    Case("PEXPIRETIME", (b"PEXPIRETIME", volatile())),
    Case("EXPIRE", (b"EXPIRE", each(), b"100000"), repair=(set_each(),)),
    Case("EXPIRE again", (b"EXPIRE", volatile(), b"100000")),
    Case("PEXPIRE", (b"PEXPIRE", each(), b"100000000"), repair=(set_each(),)),
    Case("EXPIREAT", (b"EXPIREAT", each(), FAR), repair=(set_each(),)),
    Case("PEXPIREAT", (b"PEXPIREAT", each(), FAR_MS), repair=(set_each(),)),
    Case("PERSIST (none)", (b"PERSIST", key())),
    Case("TOUCH", (b"TOUCH", key())),
    Case("OBJECT ENCODING", (b"OBJECT", b"ENCODING", key())),
    Case("OBJECT IDLETIME", (b"OBJECT", b"IDLETIME", key())),
    Case("RANDOMKEY", (b"RANDOMKEY",)),
    Case("DBSIZE", (b"DBSIZE",)),
    Case("SCAN", (b"SCAN", b"0"), weight=4),
    Case("COPY", (b"COPY", each(), same(b"new:")), repair=(del_each(b"new:"),), weight=2),
    Case("RENAME", (b"RENAME", each(), same(b"new:")), weight=2,
         repair=(del_each(b"new:"), set_each())),
    Case("RENAMENX", (b"RENAMENX", each(), same(b"new:")), weight=2,
         repair=(del_each(b"new:"), set_each())),
    Case("MOVE", (b"MOVE", each(), b"1"), repair=(FLUSH_DB1, set_each())),
    Case("DEL", (b"DEL", each()), repair=(set_each(),)),
    Case("DEL (absent)", (b"DEL", key(b"new:"))),
    Case("UNLINK", (b"UNLINK", each()), repair=(set_each(),)),
]
LISTS = [
    Case("LPUSH", (b"LPUSH", lists(), VALUE), repair=((b"LPOP", lists()),)),
    Case("RPUSH", (b"RPUSH", lists(), VALUE), repair=((b"RPOP", lists()),)),
    Case("LPOP", (b"LPOP", lists()), repair=((b"LPUSH", lists(), VALUE),)),
    Case("RPOP", (b"RPOP", lists()), repair=((b"RPUSH", lists(), VALUE),)),
    Case("LPUSH (long)", (b"LPUSH", long_lists(), VALUE), repair=((b"LPOP", long_lists()),)),
    Case("RPOP (long)", (b"RPOP", long_lists()), repair=((b"RPUSH", long_lists(), VALUE),)),
    Case("LMOVE", (b"LMOVE", lists(), same(b"lst:", count=LISTED), b"LEFT", b"RIGHT")),
    Case("LLEN", (b"LLEN", lists())),
    Case("LINDEX", (b"LINDEX", lists(), b"50")),
    Case("LSET", (b"LSET", lists(), b"0", VALUE)),
    Case("LPOS", (b"LPOS", key(b"num:", count=LISTED), b"50"), weight=2),
    Case("LRANGE 10", (b"LRANGE", lists(), b"0", b"9"), weight=2),
    Case("LRANGE 100", (b"LRANGE", lists(), b"0", b"99"), weight=10),
    Case("LRANGE 600", (b"LRANGE", long_lists(), b"0", b"599"), weight=50),
    Case("EVAL 2 calls", (b"EVAL", TWO_CALLS, b"1", key(), VALUE), weight=4),
    Case("SORT", (b"SORT", key(b"num:", count=LISTED)), weight=40),
    Case("SORT BY GET", (b"SORT", key(b"num:", count=LISTED), b"BY", b"nosort", b"GET", b"key:*",
                         b"LIMIT", b"0", b"10"), weight=10),
]
# `zset` has a million members with scores in no order, `queue` a million in order, `geo` 100,000
# places, `zs:N` ten members each.
SORTED_SETS = [
    Case("ZADD (present)", (b"ZADD", b"zset", score(), member())),
    Case("ZADD (absent)", (b"ZADD", b"zset", score(), member(b"absent:", "each")),
         repair=((b"ZREM", b"zset", member(b"absent:", "each")),)),
    Case("ZADD (small)", (b"ZADD", key(b"zs:", count=SMALL), score(),
                          key(b"m", count=10, size=2))),
    Case("ZINCRBY", (b"ZINCRBY", b"zset", b"1", member())),
    Case("ZREM (absent)", (b"ZREM", b"zset", member(b"absent:"))),
    Case("ZSCORE", (b"ZSCORE", b"zset", member())),
    Case("ZRANK", (b"ZRANK", b"zset", member())),
    Case("ZRANGE 0 9", (b"ZRANGE", b"zset", b"0", b"9")),
    Case("ZREVRANGE 0 9 WITHSCORES", (b"ZREVRANGE", b"zset", b"0", b"9", b"WITHSCORES")),
    Case("ZRANGE 0 99", (b"ZRANGE", b"zset", b"0", b"99"), weight=4),
    Case("ZRANGEBYSCORE 10", (b"ZRANGEBYSCORE", b"zset", score(), b"+inf", b"LIMIT", b"0", b"10"),
         weight=2),
    Case("ZCOUNT", (b"ZCOUNT", b"zset", score(), b"+inf")),
    Case("ZPOPMIN", (b"ZPOPMIN", b"queue"),
         repair=((b"ZADD", b"queue", score("ascending"), same(b"member:", size=20)),)),
    Case("GEOSEARCH", (b"GEOSEARCH", b"geo", b"FROMLONLAT", *place(), b"BYRADIUS", b"1", b"km",
                       b"ASC", b"COUNT", b"10"), weight=20),
    Case("GEOADD", (b"GEOADD", b"geo", *place(), key(b"place:", count=SMALL, size=20))),
]

def item(order: str = "random") -> Number:
    return key(b"m:", order=order, size=10)


def small_hash() -> Number:
    return key(b"hash:", count=SMALL)


def wide_hash() -> Number:
    return key(b"wide:", count=WIDE)


FIELDS10 = tuple(word for n in range(10) for word in (b"field:%d" % n, b"value:%d" % n))
FIELDS50 = tuple(word for n in range(50) for word in (b"field:%d" % n, b"value:%d" % n))
SETS = [
    Case("SADD (present)", (b"SADD", b"myset", item())),
    Case("SADD (new)", (b"SADD", b"other", item("each")), repair=((b"DEL", b"other"),)),
    Case("SADD 10, new sets", (b"SADD", key(b"new:", order="each"),
                               *(b"m%d" % n for n in range(10))),
         repair=(del_each(b"new:"),), weight=3),
    Case("SISMEMBER", (b"SISMEMBER", b"myset", item())),
    Case("SISMEMBER, small sets", (b"SISMEMBER", key(b"set:", count=SMALL), b"m7")),
    Case("SMEMBERS 10", (b"SMEMBERS", key(b"set:", count=SMALL)), weight=2),
    Case("SRANDMEMBER", (b"SRANDMEMBER", b"myset")),
    Case("SPOP", (b"SPOP", b"popset"), repair=((b"SADD", b"popset", item("each")),)),
    Case("SCARD", (b"SCARD", b"myset")),
]
HASHES = [
    Case("HSET (present)", (b"HSET", small_hash(), b"field:3", b"value:x")),
    Case("HSET 10, new hashes", (b"HSET", key(b"new:", order="each"), *FIELDS10),
         repair=(del_each(b"new:"),), weight=4),
    Case("HSET, large hash", (b"HSET", b"myhash", item(), VALUE)),
    Case("HGET", (b"HGET", small_hash(), b"field:7")),
    Case("HGET, large hash", (b"HGET", b"myhash", item())),
    Case("HMGET 3", (b"HMGET", small_hash(), b"field:1", b"field:5", b"field:9"), weight=2),
    Case("HGETALL 10", (b"HGETALL", small_hash()), weight=3),
    Case("HGETALL 50", (b"HGETALL", wide_hash()), weight=10),
    Case("HINCRBY", (b"HINCRBY", small_hash(), b"n", b"1")),
    Case("HDEL (absent)", (b"HDEL", small_hash(), b"absent")),
]
STREAMS = [
    Case("XADD", (b"XADD", b"log", b"*", b"field", VALUE),
         repair=((b"XTRIM", b"log", b"MAXLEN", b"1000"),)),
    Case("XADD MAXLEN ~", (b"XADD", b"capped", b"MAXLEN", b"~", b"1000", b"*", b"field", VALUE)),
    Case("XREADGROUP COUNT 1", (b"XREADGROUP", b"GROUP", b"group", b"worker", b"COUNT", b"1",
                                b"STREAMS", b"stream", b">"),
         repair=((b"XGROUP", b"SETID", b"stream", b"group", b"0"),), weight=2),
    Case("XRANGE COUNT 10", (b"XRANGE", b"stream", b"-", b"+", b"COUNT", b"10"), weight=4),
    Case("XLEN", (b"XLEN", b"stream")),
    Case("PFADD", (b"PFADD", b"hll", item())),
    Case("PFCOUNT", (b"PFCOUNT", b"hll")),
]
CORE = [GET, SET]
BATCHES = [MGET100, MSET100]
COMMANDS = STRINGS[2:] + BITMAPS + KEYS + LISTS + SORTED_SETS + SETS + HASHES + STREAMS

# The keyspace, as requests that write it; each visits every key once.
FILL = [
    (KEYSPACE, Request(b"SET", key(order="ascending"), VALUE)),
    (SMALL, Request(b"SET", key(b"int:", count=SMALL, order="ascending"), b"1000000")),
    (SMALL, Request(b"SET", key(b"flt:", count=SMALL, order="ascending"), b"1.25")),
    (SMALL, Request(b"SET", key(b"bit:", count=SMALL, order="ascending"), b"\x01\x80" * 64)),
    (SMALL, Request(b"SET", key(b"ttl:", count=SMALL, order="ascending"), VALUE, b"EX", b"100000")),
    (SMALL, Request(b"SADD", key(b"set:", count=SMALL, order="ascending"),
                    *(b"m%d" % n for n in range(10)))),
    (KEYSPACE, Request(b"SADD", b"myset", item("ascending"))),
    (KEYSPACE, Request(b"SADD", b"popset", item("ascending"))),
    (SMALL, Request(b"HSET", key(b"hash:", count=SMALL, order="ascending"), *FIELDS10)),
    (WIDE, Request(b"HSET", key(b"wide:", count=WIDE, order="ascending"), *FIELDS50)),
    (KEYSPACE, Request(b"HSET", b"myhash", item("ascending"), VALUE)),
    (LISTED, Request(b"RPUSH", key(b"lst:", count=LISTED, order="ascending"), *[VALUE] * 100)),
    (LISTED, Request(b"RPUSH", key(b"big:", count=LISTED, order="ascending"), *[VALUE] * 600)),
    (LISTED, Request(b"RPUSH", key(b"num:", count=LISTED, order="ascending"),
                     *[b"%d" % (i * 37 % 100) for i in range(100)])),
    (KEYSPACE, Request(b"ZADD", b"zset", score("each"), member(order="ascending"))),
    (KEYSPACE, Request(b"ZADD", b"queue", score("ascending"), same(b"member:", size=20))),
    (KEYSPACE, Request(b"ZADD", key(b"zs:", count=SMALL, order="ascending"), score(),
                       key(b"m", count=10, size=2))),
    (1, Request(b"XADD", b"log", b"*", b"field", VALUE)),
    (1, Request(b"XADD", b"capped", b"*", b"field", VALUE)),
    (KEYSPACE, Request(b"XADD", b"stream", b"*", b"field", VALUE)),
    (1, Request(b"XGROUP", b"CREATE", b"stream", b"group", b"0")),
    (KEYSPACE, Request(b"PFADD", b"hll", item("ascending"))),
    (SMALL, Request(b"GEOADD", b"geo", *place(), key(b"place:", count=SMALL, size=20,
                                                     order="ascending"))),
]
