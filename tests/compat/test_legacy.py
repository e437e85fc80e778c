"""A legacy instance beside a real Redis 6.2. Goal: what a client of 6.2 sends is answered as that
answers it, and what came later is refused as it refused it. Method: the same requests to both,
compared to the byte; what is different on purpose is named here, and in docs/instances/legacy.md.
"""
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as draw

from kvd.engine.server.cold_command import table
from kvd.engine.server.server import Server
from tests.compat.test_differential import TABLE, UNORDERED, request, timed
from tests.journal.engines import Engine
from tests.oracle import encode
from tests.server.replies import ask
from tests.serving import Serving

pytestmark = pytest.mark.oracle

# Each line is a request; both start empty.
DIALOGUES = {
    "unknown commands": [
        "NOSUCH", "NOSUCH a b", "nosuch '", "LCS a b", "FUNCTION LIST", "FUNCTION",
        "FUNCTION NOSUCH", "GET", "GET a b", "CLIENT", "CLIENT NOSUCH", "CLIENT NO-EVICT on",
        "client no-touch on", "CLIENT SETINFO lib-name x", "CLIENT KILL", "COMMAND LIST",
        "COMMAND DOCS get", "CONFIG NOSUCH a", "XGROUP NOSUCH", "XGROUP CREATE a",
        "XINFO NOSUCH a", "XINFO STREAM", "OBJECT NOSUCH a", "OBJECT ENCODING",
        "OBJECT ENCODING a b", "MEMORY NOSUCH", "SCRIPT NOSUCH", "PUBSUB NOSUCH",
        "PUBSUB SHARDCHANNELS", "ACL NOSUCH", "ACL DRYRUN a get b", "LATENCY HISTOGRAM",
        "SLOWLOG NOSUCH",
    ],
    "strings": [
        "SET a 1", "SET a 2 GET", "SET a 3 NX GET", "SET a 3 GET NX", "SET a 3 XX GET", "GET a",
        "SET a 4 IFEQ 3", "SET a 4 XX NX", "SET a b EX 0", "SET a b EX x", "SET a b EX",
        "SETEX a 0 b", "GETEX a", "GETEX a EX 10", "GETEX a PERSIST", "GETEX a EX 10 PERSIST",
        "GETDEL a", "GETDEL a", "BITCOUNT a", "SETBIT a 7 1", "BITCOUNT a", "BITCOUNT a 0",
        "BITCOUNT a 0 -1", "BITCOUNT a 0 -1 BYTE", "BITCOUNT a 0 -1 BIT", "BITPOS a 1",
        "BITPOS a 1 0", "BITPOS a 1 0 -1", "BITPOS a 1 0 -1 BIT", "BITOP DIFF b a a",
        "BITOP NOT b a", "INCR a", "SETRANGE b 600000000 x", "APPEND c x", "STRLEN c",
        "MSET a 1 b", "MSETEX 1 a b", "DELIFEQ a b", "SUBSTR c 0 0", "INCRBYFLOAT f 1.5",
        "INCRBYFLOAT f nan", "DECRBY n 1", "INCRBY n 9223372036854775807",
    ],
    "deadlines": [
        "SET a 1", "EXPIRE a 100 NX", "EXPIRE a 100", "TTL a", "PEXPIRE a 100000 GT",
        "EXPIREAT a 1 XX", "PEXPIREAT a 1 LT", "EXPIRETIME a", "PEXPIRETIME a",
        "EXPIRE a 9223372036854775807", "EXPIRE a x", "EXPIRE a -1", "GET a", "PERSIST a", "TTL a",
    ],
    "lists": [
        "LPOP none", "LPOP none 1", "RPOP none 0", "RPUSH l a b c", "LPOP l 0", "RPOP l 0",
        "LPOP l 1", "LPOP l -1", "LPOP l x", "LPOP l 1 2", "RPOP l 9", "LPOP l",
        "LMOVE l m LEFT RIGHT", "RPUSH l a b c a", "LPOS l a COUNT 0", "LPOS l a RANK 0",
        "LPOS l x", "LPOS l x COUNT 1",
        "LMPOP 1 l LEFT", "LINSERT l BEFORE b x", "LSET l 9 x",
        "LSET none 0 x", "OBJECT ENCODING l", "LRANGE l 0 -1",
        "LINDEX l 9", "LTRIM l 1 1", "LLEN l",
    ],
    "sets, hashes": [
        "SADD s a b c", "SMISMEMBER s a x", "SINTERCARD 1 s", "SPOP s 0", "SRANDMEMBER none 1",
        "SRANDMEMBER none", "SPOP none 1", "SPOP none", "SADD n 1 2 3", "OBJECT ENCODING n",
        "SINTER none s", "SDIFFSTORE d none", "SMOVE s s a", "SSCAN n 0", "SSCAN none 0",
        "HSET h a 1 b 2", "HSET h a", "HMSET h a", "HRANDFIELD none", "HRANDFIELD none 1",
        "HRANDFIELD h 0", "HGETALL none", "HSCAN h 0 NOVALUES", "HSCAN h 0", "SSCAN s 0 NOVALUES",
        "SCAN 0 NOVALUES", "SCAN 0 TYPE nonsense MATCH x", "HEXPIRE h 10 FIELDS 1 a",
        "HINCRBY h a x", "HINCRBYFLOAT h a 1.25", "HSTRLEN h a", "HGETDEL h FIELDS 1 a", "HLEN h",
    ],
    "sorted sets": [
        "ZADD z 1 a 2 b 3 c", "ZADD z NX XX 1 a", "ZADD z GT LT 1 a", "ZADD z GT NX 1 a",
        "ZADD z INCR 1 a", "ZADD z CH 5 a", "ZADD z x a", "ZADD z nan a",
        "ZRANGE z 0 -1 WITHSCORES", "ZRANGE z (1 +inf BYSCORE LIMIT 0 1",
        "ZRANGE z 0 -1 LIMIT 0 1", "ZRANGE z [a [c BYLEX WITHSCORES", "ZRANK z a WITHSCORE",
        "ZREVRANK z a WITHSCORE", "ZRANK z a", "ZPOPMIN none", "ZPOPMIN none 2", "ZPOPMIN z 0",
        "ZPOPMIN z 1", "ZPOPMIN z -1", "ZPOPMAX z x", "BZPOPMIN z 1",
        "ZADD z 1 a 2 b 3 c", "ZRANDMEMBER none 2", "ZRANDMEMBER z 0", "ZMSCORE z a x",
        "ZINTER 1 z", "ZUNION 1 z WITHSCORES", "ZDIFF 2 z z", "ZINTERCARD 1 z", "ZMPOP 1 z MIN",
        "ZUNIONSTORE d 0 z", "ZRANGESTORE d z 0 -1", "ZRANGEBYSCORE z x y", "ZRANGEBYLEX z a b",
        "ZSCORE z a", "ZSCORE z x", "ZSCAN z 0 NOSCORES", "ZSCAN z 0", "ZINCRBY z nan a",
        "ZLEXCOUNT z - +", "ZREMRANGEBYRANK z 0 0",
    ],
    "geo, counting": [
        "GEOADD g 13.361389 38.115556 p 15.087269 37.502669 c", "GEODIST g p c km",
        "GEOHASH g p x", "GEOPOS g p x", "GEOSEARCH g FROMMEMBER p BYRADIUS 200 km ASC",
        "GEOSEARCH g BYPOLYGON 3 10 30 20 30 15 50",
        "GEOSEARCH g FROMMEMBER p BYBOX 1 1 km WITHDIST",
        "GEORADIUS g 15 37 200 km WITHDIST COUNT 1 ASC", "GEORADIUSBYMEMBER g p 1 km",
        "GEOSEARCHSTORE d g FROMMEMBER p BYRADIUS 200 km STOREDIST", "GEOADD g 200 0 x",
        "PFADD p a b c", "PFCOUNT p", "PFMERGE q p", "PFADD g x", "PFSELFTEST",
    ],
    "streams": [
        "XADD s 1-1 f v", "XADD s 1-* f v", "XADD s 1-2 f v", "XADD s 0-0 f v", "XADD s 1-1 f v",
        "XADD none NOMKSTREAM * f v", "XADD s MAXLEN 10 LIMIT 1 2-1 f v", "XADD s 3-1 f",
        "XADD s MAXLEN ~ 1000 LIMIT 10 3-1 f v", "XLEN s", "XRANGE s - +",
        "XREVRANGE s + - COUNT 1", "XRANGE s (1-1 +", "XREAD COUNT 1 STREAMS s 0",
        "XREAD STREAMS s $", "XREAD STREAMS s", "XREAD STREAMS s +",
        "XGROUP CREATE s g 0 ENTRIESREAD 1", "XGROUP CREATE s g 0", "XGROUP CREATE s g 0",
        "XGROUP CREATE none g 0", "XGROUP SETID s g 0 ENTRIESREAD 1", "XGROUP SETID s g 0",
        "XGROUP CREATECONSUMER s g x", "XGROUP CREATECONSUMER s g x",
        "XREADGROUP GROUP g c COUNT 2 STREAMS s >", "XREADGROUP GROUP nosuch c STREAMS s >",
        "XPENDING s g", "XPENDING s nosuch", "XINFO GROUPS s", "XINFO STREAM s",
        "XINFO GROUPS none", "XINFO CONSUMERS none g", "XAUTOCLAIM s g d 0 0 COUNT 1",
        "XAUTOCLAIM s g d 0 0 COUNT 9 JUSTID", "XCLAIM s g c 0 1-1 JUSTID", "XACK s g 1-1 9-9",
        "XDEL s 1-1", "XTRIM s MAXLEN 1", "XSETID s 9-9",
        "XSETID s 9-9 ENTRIESADDED 5 MAXDELETEDID 1-1", "XSETID s 1-1", "XGROUP DELCONSUMER s g x",
        "XGROUP DESTROY s g", "XINFO STREAM s FULL",
    ],
    "keys": [
        "SET a 1", "RPUSH l x", "COPY a b", "COPY a b REPLACE", "COPY a b DB 0", "MOVE a 1",
        "OBJECT FREQ b", "OBJECT REFCOUNT none", "TYPE b", "TYPE none", "RENAME none x",
        "RENAMENX b l", "GET l", "RESTORE x 0 nonsense", "DUMP none", "TOUCH b", "UNLINK b",
        "EXISTS b b", "SORT l ALPHA", "SORT_RO l", "RANDOMKEY", "SELECT 99", "SELECT x",
        "SWAPDB 0 99", "DBSIZE", "FLUSHDB NOSUCH", "FLUSHALL SYNC", "WAIT 0 0",
        "OBJECT HELP NOSUCH", "SORT none BY x GET #",
    ],
    "server": [
        "CONFIG GET maxmemory", "CONFIG GET maxmemory port", "CONFIG SET maxmemory 0 port 1",
        "CONFIG SET maxmemory", "CONFIG GET", "INFO nonsense", "INFO server clients",
        "CLIENT GETNAME", "CLIENT SETNAME x", "CLIENT GETNAME", "CLIENT LIST NOSUCH x",
        "CLIENT LIST ADDR x", "CLIENT LIST TYPE nonsense", "CLIENT LIST ID x",
        "CLIENT KILL MAXAGE 10", "CLIENT KILL ID 99999", "CLIENT KILL 1.2.3.4:5",
        "CLIENT KILL TYPE nonsense", "CLIENT UNBLOCK 999", "CLIENT UNBLOCK x",
        "CLIENT REPLY NOSUCH", "CLIENT TRACKING NOSUCH", "CLIENT TRACKINGINFO", "CLIENT GETREDIR",
        "CLIENT PAUSE x", "CLIENT PAUSE 0 NOSUCH", "CLIENT UNPAUSE", "CLIENT CACHING YES",
        "COMMAND COUNT NOSUCH", "COMMAND GETKEYS GET a", "COMMAND GETKEYS PING",
        "COMMAND INFO nosuch", "COMMAND GETKEYS NOSUCH a", "SLOWLOG GET 0",
        "LATENCY LATEST", "LATENCY RESET", "MEMORY USAGE none", "MEMORY DOCTOR x", "MODULE LIST",
        "ECHO a", "PING", "PING a", "PING a b", "AUTH x", "AUTH a b", "HELLO 4", "HELLO x",
        "HELLO 3 NOSUCH", "ACL WHOAMI", "ACL CAT nosuch", "ACL USERS", "CLUSTER INFO",
        "ASKING", "RESET", "LOLWUT VERSION x", "REPLICAOF NO", "LASTSAVE x",
        "TIME x", "QUIT x",
    ],
    "transactions": [
        "MULTI", "SET a 1", "LCS a b", "EXEC", "MULTI", "EXPIRE a 10 NX", "DISCARD",
        "EXEC", "WATCH", "MULTI", "WATCH a", "SET a", "EXEC", "MULTI", "INCR a",
        "LPUSH a x", "EXEC", "UNWATCH",
    ],
    "scripts": [
        "EVAL return 0", "EVAL return 0 x", "EVAL return{1,'a',false,nil} 0", "EVALSHA x 0",
        "SCRIPT EXISTS x", "SCRIPT FLUSH NOSUCH", "SCRIPT LOAD return", "EVAL_RO x 0", "FCALL f 0",
        "SCRIPT KILL", "EVAL return{ok='x'} 0", "EVAL return{err='x'} 0",
        "EVAL return{err='ERR&x'} 0",
    ],
    "messages": [
        "PUBLISH c m", "SPUBLISH c m", "PUBSUB CHANNELS", "PUBSUB NUMSUB c", "PUBSUB NUMPAT",
        "SUBSCRIBE", "SSUBSCRIBE c", "UNSUBSCRIBE", "PUNSUBSCRIBE x",
    ],
}
# What is different: these texts of errors, and these orders of checks, are the later ones.
DIFFERENT = {
    "CLIENT KILL", "XINFO NOSUCH a", "SET a b EX 0", "SETEX a 0 b", "MSET a 1 b",
    "EXPIRE a 9223372036854775807", "LPOS l a RANK 0", "SCAN 0 TYPE nonsense MATCH x",
    "ZPOPMIN z -1", "ZPOPMAX z x", "ZUNIONSTORE d 0 z", "CLIENT LIST ID x", "WATCH a",
    "EVALSHA x 0",
    # What is refused in the end is queued.
    "EXPIRE a 10 NX",
    # Representations are ours.
    "OBJECT ENCODING l",
}
# Of COMMAND: what is not here, and what Redis 6.2 had not listed.
ABSENT = {"save", "bgsave", "stralgo", "post", "host:"}
UNLISTED = {"quit"}


@pytest.fixture
def ours():
    server = Server(server_identity="redis6")
    yield server
    assert server.close(), "the engine kept memory"


@pytest.mark.parametrize("resp", [2, 3])
@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogues(ours, redis6, name, resp):
    redis6.ask("FLUSHALL")
    mine, theirs = ours.client(), redis6.client()
    try:
        for client in (mine, theirs):
            client.execute(b"HELLO", b"%d" % resp)
        found = {}
        for line in DIALOGUES[name]:
            words = [word.replace("&", " ").encode() for word in line.split()]
            got, wanted = mine.execute(*words), theirs.execute(*words)
            if got != wanted and line not in DIFFERENT:
                found[line] = (got, wanted)
        assert not found, "\n".join(f"{line}\n  {got}\n  {wanted}"
                                    for line, (got, wanted) in found.items())
    finally:
        theirs.close()


# Here the later version reads words before it looks for the key, or after; or numbers are written
# in other digits, or representations differ.
ORDER_DIFFERS = {"bitcount", "bitpos", "pfdebug", "pfselftest", "zpopmin", "zpopmax", "zincrby",
                 "zrangebyscore", "zrevrangebyscore", "zcount", "object|encoding",
                 "object|refcount", "multi", "exec", "discard", "watch", "zremrangebyscore"}
COMPARED = {name: row for name, row in TABLE.items()
            if name in table(legacy=True) and name not in ORDER_DIFFERS}
REQUESTS = draw.lists(request(COMPARED), min_size=10, max_size=60)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(requests=REQUESTS)
def test_random_requests(redis6, requests):
    """Refused by both, or by none, and then with the same reply."""
    server, theirs = Server(server_identity="redis6"), redis6.client()
    try:
        mine = server.client()
        theirs.execute(b"FLUSHALL")
        for words in requests:
            if timed(words):
                continue
            got, wanted = mine.execute(*words), theirs.execute(*words)
            if words[0] in UNORDERED:
                got, wanted = (sorted(one.split(b"\r\n")) for one in (got, wanted))
            assert got == wanted or got[:1] == wanted[:1] == b"-", encode(*words)
    finally:
        theirs.close()
        assert server.close()


def test_bytes_that_a_score_is_written_with(ours, redis6):
    """Ours are the later, shorter ones; they are the same number."""
    redis6.ask("FLUSHALL")
    for ask_one in (redis6.ask, lambda *words: ask(ours, *words)):
        ask_one("ZADD", "z", "0.1", "a")
        assert float(ask_one("ZSCORE", "z", "a")) == 0.1


def test_what_command_tells(ours, redis6):
    mine = {entry[0].decode(): entry for entry in ask(ours, "COMMAND")}
    theirs = {entry[0].decode(): entry for entry in redis6.ask("COMMAND")}
    assert set(theirs) - set(mine) == ABSENT and set(mine) - set(theirs) == UNLISTED
    for name in set(mine) & set(theirs):
        assert len(mine[name]) == 7
        if name not in ("pfdebug", "memory"):
            assert mine[name][1] == theirs[name][1], name           # arity
            assert mine[name][3:6] == theirs[name][3:6], name       # where its keys are


def test_what_info_and_config_tell(ours, redis6):
    def fields(text: bytes) -> set[bytes]:
        return {line.split(b":")[0] for line in text.split(b"\r\n") if b":" in line}

    assert fields(redis6.ask("INFO", "server")) - fields(ask(ours, "INFO", "server")) == {
        b"atomicvar_api"}
    for name in ("hash-max-ziplist-entries", "list-max-ziplist-size", "zset-max-ziplist-value",
                 "lua-time-limit", "slave-priority", "repl-diskless-load"):
        assert ask(ours, "CONFIG", "GET", name) == redis6.ask("CONFIG", "GET", name)


LATER = ["SET a 1 IFEQ 2", "EXPIRE a 10 NX", "BITCOUNT a 0 -1 BIT", "XADD s 1-* f v"]


@pytest.mark.parametrize("line", LATER)
def test_later_options_in_scripts_and_for_the_owner(line):
    engine = Serving(server_identity="redis6")
    try:
        owner, tenant = engine.connect("control"), engine.connect()
        assert not owner.ask(line).startswith(b"-")
        assert tenant.ask(line).startswith(b"-ERR")
        words = ",".join(f"'{word}'" for word in line.split())
        script = encode("EVAL", f"return redis.call({words})", "0")
        assert b"-ERR" in tenant.ask(script) and not owner.ask(script).startswith(b"-ERR unknown")
    finally:
        engine.close()


def test_a_journal_with_later_options_is_read(tmp_path):
    """Who wrote it had been told something else."""
    with Engine(tmp_path, appendonly="yes") as engine:
        connection = engine.connect()
        connection.ask("XADD", "s", "1-1", "f", "v")
        connection.ask("XGROUP", "CREATE", "s", "g", "0", "ENTRIESREAD", "1")
        connection.ask("HSET", "h", "f", "v")
        connection.ask("HEXPIRE", "h", "10000", "FIELDS", "1", "f")
        assert engine.stop() == 0
    with Engine(tmp_path, appendonly="yes", server_identity="redis6") as engine:
        connection = engine.connect()
        assert connection.ask("XINFO", "GROUPS", "s")[0][:2] == [b"name", b"g"]
        assert b"keys_with_volatile_items=1" in connection.ask("INFO", "keyspace")
        assert engine.stop() == 0
