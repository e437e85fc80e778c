"""Values of many elements go in slices, whichever way they go.

Goal: no command frees a large value where it stands. Method: memory of an engine in process right
after the command, when next to nothing may have been freed, and after some turns of its loop, when
everything must have been.
"""
import time

import pytest

from kvd.engine.server.server import Server

COUNT = 40_000
FILLS = {
    "list": "redis.call('RPUSH', KEYS[1], string.rep('element', 10) .. i)",
    "set": "redis.call('SADD', KEYS[1], 'member' .. i)",
    "zset": "redis.call('ZADD', KEYS[1], i, 'member' .. i)",
    "hash": "redis.call('HSET', KEYS[1], 'field' .. i, 'value' .. i)",
    "stream": "redis.call('XADD', KEYS[1], i, 'field', string.rep('value', 10))",
}
ROUTES = {
    "del": "DEL big",
    "unlink": "UNLINK big",
    "flushdb": "FLUSHDB",
    "flushall async": "FLUSHALL ASYNC",
    "a deadline in the past": "EXPIRE big -1",
    "set": "SET big value",
    "mset": "MSET other 1 big value",
    "rename": "RENAME small big",
    "copy": "COPY small big REPLACE",
    "sunionstore": "SUNIONSTORE big words words",
    "sdiffstore of nothing": "SDIFFSTORE big nothing words",
    "zrangestore": "ZRANGESTORE big scores 0 -1",
    "sort": "SORT words ALPHA STORE big",
    "bitop": "BITOP NOT big small",
    "transaction": "MULTI;DEL big;EXEC",
    "script": "EVAL return(redis.call('DEL','big')) 0",
}
DIES = {"asked for": True, "by itself": False}


@pytest.fixture(scope="module")
def server():
    server = Server(maxmemory=0)
    yield server
    assert server.close(), "the engine kept memory"


def ask(server, line: str) -> bytes:
    reply = b""
    for one in line.split(";"):
        reply = server.execute(*one.encode().split(b" "))
        assert not reply.startswith(b"-"), reply
    return reply


def fill(server, kind: str, key: str = "big") -> int:
    """The value's bytes."""
    ask(server, "FLUSHALL SYNC")
    ask(server, "SET small value;SADD words a b c;ZADD scores 1 a 2 b")
    before = server.used_memory
    script = f"for i = 1, {COUNT} do {FILLS[kind]} end"
    assert server.execute(b"EVAL", script.encode(), b"1", key.encode()) == b"$-1\r\n"
    size = server.used_memory - before
    assert size > 200_000
    return size


def turns(server) -> None:
    for _ in range(2000):
        server.run(1e-6)
        if b"lazyfree_pending_objects:0" in server.execute(b"INFO", b"memory"):
            return
    raise AssertionError("it is never freed")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", FILLS)
def test_a_command_leaves_it_to_the_loop(server, kind, route):
    size = fill(server, kind)
    before = server.used_memory
    ask(server, ROUTES[route])
    assert server.used_memory > before - size // 10, "freed where it stood"
    turns(server)
    assert server.used_memory < before - size * 9 // 10


@pytest.mark.parametrize("asked", DIES.values(), ids=DIES)
@pytest.mark.parametrize("kind", FILLS)
def test_a_dead_one_too(server, kind, asked):
    size = fill(server, kind)
    before = server.used_memory
    ask(server, "PEXPIRE big 1")
    time.sleep(0.003)
    if asked:
        server.run(1e-6)                # time goes on; and the loop may find it first
        assert ask(server, "EXISTS big") == b":0\r\n"
    turns(server)
    server.run(0.005)
    turns(server)
    assert server.used_memory < before - size * 9 // 10
