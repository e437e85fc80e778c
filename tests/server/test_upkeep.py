"""What the loop does unasked: expiry in time, eviction below a lowered limit, order in memory.

The engine serves from a thread; what it did is read from INFO and from the kernel.
"""
import contextlib
import time

import pytest

from tests.faces import c_defrag
from tests.serving import Serving

MIB = 1 << 20

@contextlib.contextmanager
def serving(**settings):
    engine = Serving(**settings)
    try:
        yield engine
    finally:
        engine.close()


def info(peer, name: str) -> int:
    for line in peer.ask("INFO everything").split(b"\r\n"):
        if line.startswith(name.encode() + b":"):
            return int(line.split(b":")[1])
    raise KeyError(name)


def test_a_lowered_limit_is_reached_without_a_writer():
    with serving() as engine:
        peer = engine.connect()
        for i in range(200):
            peer.ask("MSET " + " ".join(f"k{i}:{j} {'v' * 100}" for j in range(100)))
        used = info(peer, "used_memory")
        peer.ask("CONFIG SET maxmemory-policy allkeys-lru")
        peer.ask(f"CONFIG SET maxmemory {used - 2 * MIB}")
        until = time.monotonic() + 5
        while info(peer, "used_memory") > used - 2 * MIB and time.monotonic() < until:
            time.sleep(0.02)
        assert info(peer, "used_memory") <= used - 2 * MIB
        assert info(peer, "evicted_keys") > 5_000
        assert info(peer, "current_eviction_exceeded_time") == 0


def test_a_lowered_limit_evicts_though_nobody_asks():
    with serving() as engine:
        peer, ear = engine.connect(), engine.connect()
        peer.ask("SET a 1")
        peer.ask("CONFIG SET maxmemory-policy allkeys-random notify-keyspace-events Ee")
        ear.ask("SUBSCRIBE __keyevent@0__:evicted")
        peer.ask("CONFIG SET maxmemory 1")
        assert ear.reply().endswith(b"$1\r\na\r\n")


def test_keys_expire_though_nobody_asks():
    with serving() as engine:
        peer = engine.connect()
        for i in range(500):
            peer.ask(f"SET k{i} v PX {100 + i % 50}")
        peer.ask("SET stays v")
        time.sleep(0.3)
        assert peer.ask("DBSIZE") == b":1\r\n"
        assert info(peer, "expired_keys") == 500


def test_an_idle_server_sleeps():
    """Far deadlines and no work: no more turns than cron's."""
    with serving() as engine:
        peer = engine.connect()
        peer.ask("SET k v EX 1000")
        time.sleep(0.3)
        before = time.process_time()
        time.sleep(1)
        assert time.process_time() - before < 0.1


@pytest.mark.skipif(c_defrag.plain_malloc, reason="built over plain malloc")
def test_memory_is_put_in_order_unasked():
    with serving() as engine:
        peer = engine.connect()
        for i in range(400):
            peer.ask("MSET " + " ".join(f"k{i}:{j} {'v' * 60}" for j in range(200)))
        for i in range(400):                            # three of four go, here and there
            peer.ask("DEL " + " ".join(f"k{i}:{j}" for j in range(200) if j % 4))
        until = time.monotonic() + 10
        while not info(peer, "active_defrag_hits") and time.monotonic() < until:
            time.sleep(0.05)
        while info(peer, "active_defrag_running") and time.monotonic() < until:
            time.sleep(0.05)
        assert info(peer, "active_defrag_hits") > 3_000
        assert info(peer, "total_active_defrag_time") < 2_000
        for i in range(0, 400, 7):
            reply = peer.ask("MGET " + " ".join(f"k{i}:{j}" for j in range(200)))
            assert reply.count(b"v" * 60) == 50
