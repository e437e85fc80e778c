"""maxmemory: the limit holds after each command, whatever sizes arrive, under every policy.

Method: an engine with a small limit, values from 1 byte to a third of it, commands that grow
strings by offset; after each command used memory is compared with the limit, by the engine's own
account (tests/core/test_heap.py holds that account to be true).
"""
import random

import pytest

from kvd.engine.server.server import Server

LIMIT = 8 << 20
SLACK = 4096                            # bytes: what Valkey's own suite allows
OOM = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
POLICIES = ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu",
            "volatile-random", "volatile-ttl", "noeviction"]


def limited(policy: str, limit: int = LIMIT) -> Server:
    server = Server()
    assert server.execute(b"CONFIG", b"SET", b"maxmemory-policy", policy.encode(),
                          b"maxmemory", b"%d" % limit) == b"+OK\r\n"
    return server


def request(rng: random.Random, volatile: bool) -> list[bytes]:
    key = b"key:%d" % rng.randrange(3000)
    size = rng.choice([1, 10, 100, 100, 1000, 10_000, 100_000])
    if rng.random() < 0.01:
        size = rng.randrange(LIMIT // 3)
    what = rng.random()
    if what < 0.8:
        return [b"SET", key, b"x" * size] + ([b"EX", b"1000"] if volatile else [])
    if what < 0.87:
        return [b"APPEND", key, b"y" * min(size, 10_000)]
    if what < 0.94:
        return [b"SETRANGE", key, b"%d" % size, b"z"]
    return [b"SETBIT", key, b"%d" % (size * 8), b"1"]


@pytest.mark.parametrize("policy", POLICIES)
def test_the_limit_holds_after_each_command(policy):
    server = limited(policy)
    rng = random.Random(7)
    refused = stored = 0
    for _ in range(4000):
        reply = server.execute(*request(rng, policy.startswith("volatile")))
        assert server.used_memory <= LIMIT + SLACK
        refused += reply == OOM
        stored += reply == b"+OK\r\n"
    assert stored > 100
    info = server.execute(b"INFO", b"stats")
    if policy == "noeviction":
        assert refused > 1000 and b"evicted_keys:0\r\n" in info
    elif policy.startswith("allkeys"):
        assert refused == 0 and b"evicted_keys:0\r\n" not in info
    assert server.close()


def test_reading_and_deleting_go_on_when_full():
    server = limited("noeviction")
    while server.execute(b"SET", b"key:%d" % random.getrandbits(60), b"x" * 1000) != OOM:
        pass
    key = server.execute(b"RANDOMKEY").split(b"\r\n")[1]
    assert server.execute(b"GET", key) == b"$1000\r\n" + b"x" * 1000 + b"\r\n"
    assert server.execute(b"APPEND", key, b"y" * 100_000) == OOM
    assert server.execute(b"DEL", key) == b":1\r\n"
    assert server.close()


def test_what_can_never_fit_evicts_nobody():
    server = limited("allkeys-lru")
    server.execute(b"SET", b"small", b"x")
    assert server.execute(b"SET", b"huge", b"x" * (LIMIT + 1)) == OOM
    assert server.execute(b"SETBIT", b"huge", b"%d" % (LIMIT * 16), b"1") == OOM
    assert server.execute(b"GET", b"small") == b"$1\r\nx\r\n"
    assert server.close()


def test_a_lower_limit_takes_effect_at_once():
    server = limited("allkeys-lru", 64 << 20)
    for i in range(20_000):
        server.execute(b"SET", b"key:%d" % i, b"x" * 1000)
    assert server.used_memory > 20 << 20
    server.execute(b"CONFIG", b"SET", b"maxmemory", b"10mb")
    server.execute(b"PING")
    assert server.used_memory <= (10 << 20) + SLACK
    assert server.close()


def test_volatile_policies_leave_keys_without_deadline():
    server = limited("volatile-lru")
    for i in range(100):
        server.execute(b"SET", b"stays:%d" % i, b"x" * 100)
    for i in range(20_000):
        server.execute(b"SET", b"goes:%d" % i, b"x" * 1000, b"EX", b"1000")
    assert server.execute(b"EXISTS", *[b"stays:%d" % i for i in range(100)]) == b":100\r\n"
    assert server.close()
