"""redis-py, unmodified, where the server speaks unasked: subscriptions, events, its own cache.

The client-side cache of redis-py wants a server that calls itself redis, 7.4 or later. The one here
runs with `server-identity redis`, which says 7.2, so the least version is lowered for that test.
"""
import asyncio
import queue
import threading
import time

import pytest
import redis
import redis.asyncio
from redis.cache import CacheConfig

from tests.kvd.server import Served, free_port


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    directory, port = tmp_path_factory.mktemp("told"), free_port()
    server = Served(directory, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory),
                    "--notify-keyspace-events", "KEA")
    yield port
    server.process.terminate()
    server.process.wait(20)


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def client(request, port):
    made = redis.Redis(port=port, protocol=request.param, decode_responses=True)
    made.flushall()
    yield made
    made.close()


def next_message(pubsub) -> dict:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if message := pubsub.get_message(timeout=1):
            return message
    raise AssertionError("nothing came")


def test_channels_and_patterns(client):
    with client.pubsub() as pubsub:
        pubsub.subscribe("news")
        pubsub.psubscribe("n*")
        assert [next_message(pubsub)["type"] for _ in range(2)] == ["subscribe", "psubscribe"]
        assert client.publish("news", "x") == 2
        got = [next_message(pubsub) for _ in range(2)]
        assert [(m["type"], m["pattern"], m["channel"], m["data"]) for m in got] == [
            ("message", None, "news", "x"), ("pmessage", "n*", "news", "x")]
        assert client.pubsub_numsub("news", "none") == [("news", 1), ("none", 0)]
        pubsub.unsubscribe()
        assert next_message(pubsub)["type"] == "unsubscribe"
        assert client.pubsub_channels() == []


def test_shard_channels(client):
    with client.pubsub() as pubsub:
        pubsub.ssubscribe("s")
        assert next_message(pubsub)["type"] == "ssubscribe"
        assert client.spublish("s", "x") == 1
        assert next_message(pubsub)["data"] == "x"


def test_events(client):
    with client.pubsub() as pubsub:
        pubsub.psubscribe("__key*__:*")
        next_message(pubsub)
        client.set("k", "v", px=20)
        told = [(m["channel"], m["data"]) for m in (next_message(pubsub) for _ in range(6))]
        assert told == [pair for event in ("set", "expire", "expired")
                        for pair in (("__keyspace@0__:k", event), (f"__keyevent@0__:{event}", "k"))]


def test_a_thread_listens(client):
    heard = queue.Queue()
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe(news=lambda message: heard.put(message["data"]))
    thread = pubsub.run_in_thread(sleep_time=0.01, daemon=True)
    while client.publish("news", "1") == 0:
        time.sleep(0.01)
    assert heard.get(timeout=5) == "1"
    thread.stop()
    thread.join(5)


def test_a_worker_waits(client):
    results = queue.Queue()
    worker = threading.Thread(target=lambda: results.put(client.blpop(["jobs", "more"], 5)))
    worker.start()
    while not client.info("clients")["blocked_clients"]:
        time.sleep(0.01)
    client.rpush("more", "job")
    worker.join(5)
    assert list(results.get(timeout=1)) == ["more", "job"]
    start = time.monotonic()
    assert client.brpop("none", 0.1) is None
    assert 0.09 < time.monotonic() - start < 1


@pytest.mark.parametrize("protocol", [2, 3])
def test_asyncio(port, protocol):
    async def run():
        client = redis.asyncio.Redis(port=port, protocol=protocol, decode_responses=True)
        async with client.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe("a", "b")
            while await client.publish("b", "ready") == 0:
                await asyncio.sleep(0.01)
            for i in range(100):
                await client.publish("a", str(i))
            heard = []
            async for message in pubsub.listen():
                heard.append(message["data"])
                if heard[-1] == "99":
                    break
            assert heard == ["ready", *map(str, range(100))]
        waiter = asyncio.create_task(client.blpop("jobs", 5))
        await asyncio.sleep(0.05)
        await client.rpush("jobs", "1")
        assert list(await waiter) == ["jobs", "1"]
        await client.aclose()
    asyncio.run(run())


# -- the cache of redis-py ------------------------------------------------------------------------

@pytest.fixture(scope="module")
def redis_port(tmp_path_factory):
    directory, port = tmp_path_factory.mktemp("cache"), free_port()
    server = Served(directory, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory),
                    "--server-identity", "redis")
    yield port
    server.process.terminate()
    server.process.wait(20)


def test_client_side_cache(redis_port, monkeypatch):
    plain = redis.Redis(port=redis_port, decode_responses=True)
    monkeypatch.setattr(redis.connection.CacheProxyConnection, "MIN_ALLOWED_VERSION", "7.2.0")
    cached = redis.Redis(port=redis_port, protocol=3, decode_responses=True,
                         cache_config=CacheConfig())
    plain.set("k", "1")
    assert cached.get("k") == "1"
    before = plain.info("commandstats")["cmdstat_get"]["calls"]
    assert [cached.get("k") for _ in range(10)] == ["1"] * 10
    assert plain.info("commandstats")["cmdstat_get"]["calls"] == before
    plain.set("k", "2")
    deadline = time.monotonic() + 5
    while cached.get("k") != "2":
        assert time.monotonic() < deadline
    plain.flushall()
    deadline = time.monotonic() + 5
    while cached.get("k") is not None:
        assert time.monotonic() < deadline
    cached.close()
    plain.close()
