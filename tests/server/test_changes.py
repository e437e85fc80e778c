"""rdb_changes_since_last_save: what exporters read. Goal: each command counts as many changes as on
Valkey, elements and not commands. Method: a list of commands, to us and to the oracle; both counts
before and after."""
import re

import pytest

from kvd.engine.server.server import Server
from tests.oracle import encode

LINES = """
SET a 1
SET a 2 NX
SET a 1 XX GET
SETNX n 1
SETNX n 1
MSET a 1 b 2 c 3
MSETNX x1 1 x2 2 x3 3
MSETNX a 1 x9 1
APPEND a x
SETRANGE a 3 abc
SETRANGE nokey 0 ""
INCR i
INCRBYFLOAT f 1.5
GETSET a 5
GETDEL a
GETDEL a
SETEX e 1000 v
GETEX e PERSIST
GETEX e PERSIST
GETEX e EX 1000
SETBIT bits 7 1
SETBIT bits 7 1
BITFIELD bf SET u8 0 1 INCRBY u8 8 1 GET u8 0
BITFIELD bf GET u8 0
BITOP AND dest bits bf
BITOP AND dest none1 none2
BITOP AND dest none1 none2
PFADD hll a b c
PFADD hll a b c
PFADD hll d
PFMERGE hll2 hll
PFCOUNT hll
PFCOUNT hll
RPUSH l a b c d
LPUSHX l x y
LPUSHX nol x y
LINSERT l BEFORE a z
LINSERT l BEFORE nope z
LSET l 0 q
LPOP l
LPOP l 2
RPOP nol 2
RPUSH l a b a b a c d e f
LREM l 0 a
LREM l 0 nope
LTRIM l 1 3
LTRIM l 0 -1
LMOVE l l2 LEFT RIGHT
LMOVE l l LEFT RIGHT
RPOPLPUSH l l2
LMPOP 1 l2 LEFT COUNT 5
BLPOP l 1
DEL l l2 nope
SADD s a b c d e f
SADD s a
SADD s a g
SREM s a b nope
SMOVE s s2 c
SMOVE s s2 nope
SADD s2 d
SMOVE s s2 d
SPOP s
SPOP s 1
SADD s 1 2 3 4 5 6 7 8
SPOP s 3
SPOP s 100
SADD s 1 2 3 4 5
SPOP s 4
SADD s3 1 2 3
SINTERSTORE d s3 s3
SINTERSTORE d s3 nope
SINTERSTORE d s3 nope
SUNIONSTORE d s3 s2
SDIFFSTORE d s3
HSET h a 1 b 2 c 3
HSET h a 1
HSET h a 2 d 3
HMSET h a 1 b 2
HSETNX h a 1
HSETNX h z 1
HINCRBY h n 1
HINCRBYFLOAT h nf 1.5
HDEL h a b nope
HDEL h nope
HEXPIRE h 1000 FIELDS 3 c d nope
HEXPIRE h 0 FIELDS 1 c
HPERSIST h FIELDS 2 d z
HPERSIST h FIELDS 1 z
HSETEX h EX 1000 FIELDS 2 p 1 q 2
HSETEX h FNX EX 1000 FIELDS 2 p 1 q 2
HGETEX h EX 100 FIELDS 2 p q
HGETEX h PERSIST FIELDS 2 p q
HGETEX h FIELDS 2 p q
HGETDEL h FIELDS 3 p q nope
HGETDEL h FIELDS 1 nope
ZADD z 1 a 2 b 3 c
ZADD z 1 a
ZADD z 5 a 6 d
ZADD z XX 5 nope
ZADD z INCR 1 a
ZADD z NX INCR 1 a
ZINCRBY z 1 a
ZREM z a nope
ZREM z nope
ZADD z 1 a 2 b 3 c 4 d 5 e 6 f
ZPOPMIN z
ZPOPMIN z 2
ZPOPMAX nope
ZMPOP 1 z MIN COUNT 2
ZADD z 1 a 2 b 3 c 4 d 5 e 6 f
BZPOPMIN z 1
ZREMRANGEBYRANK z 0 1
ZREMRANGEBYSCORE z 100 200
ZREMRANGEBYSCORE z 0 200
ZADD z 0 a 0 b 0 c
ZREMRANGEBYLEX z [a [b
ZADD z2 1 a 2 b
ZUNIONSTORE zd 2 z z2
ZINTERSTORE zd 2 z nope
ZINTERSTORE zd 2 z nope
ZDIFFSTORE zd 1 z2
ZRANGESTORE zd z2 0 -1
ZRANGESTORE zd z2 10 20
ZRANGESTORE zd z2 10 20
GEOADD g 1 1 a 2 2 b
GEOADD g 1 1 a
GEOSEARCHSTORE gd g FROMLONLAT 1 1 BYRADIUS 1000 km
GEOSEARCHSTORE gd g FROMLONLAT 50 50 BYRADIUS 1 km
GEOSEARCHSTORE gd g FROMLONLAT 50 50 BYRADIUS 1 km
GEORADIUS g 1 1 1000 km STORE gd2
XADD x 1-1 f v
XADD x 2-1 f v
XADD x MAXLEN 2 3-1 f v
XADD nox NOMKSTREAM 1-1 f v
XADD x 4-1 f v
XDEL x 2-1 9-9
XTRIM x MAXLEN 1
XTRIM x MAXLEN 1
XADD x 5-1 f v
XADD x 6-1 f v
XGROUP CREATE x gr 0
XGROUP CREATE x gr2 0
XGROUP CREATECONSUMER x gr c1
XGROUP CREATECONSUMER x gr c1
XREADGROUP GROUP gr c1 STREAMS x >
XREADGROUP GROUP gr c2 STREAMS x >
XREADGROUP GROUP gr c1 STREAMS x 0
XREADGROUP GROUP gr2 c1 NOACK STREAMS x >
XACK x gr 4-1 9-9
XCLAIM x gr c2 0 5-1 6-1
XCLAIM x gr c2 0 9-9
XAUTOCLAIM x gr c1 0 0
XGROUP SETID x gr 0
XGROUP DELCONSUMER x gr c1
XGROUP DELCONSUMER x gr nope
XGROUP DESTROY x gr
XGROUP DESTROY x gr
XSETID x 100-1
EXPIRE s3 1000
EXPIRE nope 1000
EXPIRE s3 2000 NX
EXPIRE s3 -1
PERSIST s3
PERSIST e
SET a 1
RENAME a b
RENAMENX b c
COPY b bb
COPY b bb
COPY b bb REPLACE
MOVE b 1
MOVE nope 1
TOUCH c
SADD srt 3 1 2
SORT srt STORE sd
SORT nope STORE sd
SORT nope STORE sd
SWAPDB 0 1
SWAPDB 0 0
UNLINK c nope
DEL nope
SET k1 1
SET k2 1
SET k3 1
FLUSHDB
FLUSHDB
SET k1 1
SET k2 1
FLUSHALL
FLUSHALL
EVAL return(redis.call('set','a','1')) 0
EVAL redis.call('rpush','l','a','b');redis.call('set','a','1') 0
PUBLISH ch msg
SCRIPT LOAD return(1)
DELIFEQ a 1
DELIFEQ a 1
MSETEX 2 a 1 b 2 EX 100
MSETEX 2 a 1 b 2 NX
RESTORE nope 0 x
LCS a b
""".strip().splitlines()
BY_LOT = ("SPOP",)
COUNT = re.compile(rb"rdb_changes_since_last_save:(\d+)")


def changes(execute) -> int:
    return int(COUNT.search(execute(b"INFO", b"persistence"))[1])


@pytest.mark.oracle
def test_as_many_as_on_valkey(stock_valkey):
    """One list, since each line stands on those before it."""
    server, link = Server(), stock_valkey.client()
    wrong = []
    for line in LINES:
        words = [b"" if word == '""' else word.encode() for word in line.split(" ")]
        replies, counts = [], []
        for execute in (server.execute, link.execute):
            before = changes(execute)
            replies.append(execute(*words))
            counts.append(changes(execute) - before)
        if counts[0] != counts[1]:
            wrong.append((line, *counts))
        assert replies[0] == replies[1] or line.startswith(BY_LOT), encode(*words)
    assert not wrong, "line, ours, Valkey's"
    link.close()
    assert server.close()
