"""Locks and rate limits, which live in scripts and in deadlines. Goal: a lock lets one in, a quorum
of engines decides, a limit lets through what it says. Method: redis-py's Lock, pottery's Redlock on
three engines, `limits`, and of npm rate-limiter-flexible and redlock, all by the real clock.
"""
import concurrent.futures
import pathlib
import subprocess
import threading
import time

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.ecosystem import needs
from tests.ecosystem.trial import Engine

pytestmark = pytest.mark.ecosystem
APPS = pathlib.Path(__file__).parent / "apps"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = Engine(tmp_path_factory.mktemp("limits"))
    yield engine
    engine.end()


@pytest.fixture
def three(tmp_path):
    """Three engines that know nothing of one another."""
    engines = []
    for name in "abc":
        (tmp_path / name).mkdir()
        engines.append(Engine(tmp_path / name))
    yield engines
    for engine in engines:
        engine.end()


def test_a_lock_lets_one_in(engine):
    """Eight threads add to what only the lock protects."""
    count = [0]

    def add():
        with engine.client() as client:
            for _ in range(50):
                with client.lock("door", timeout=10, sleep=0.001):
                    seen = count[0]
                    time.sleep(0.0001)
                    count[0] = seen + 1

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count == [400]


def test_a_lock_has_a_deadline_and_an_owner(engine):
    with engine.client() as client:
        first = client.lock("short", timeout=0.2)
        assert first.acquire() and first.extend(0.2) and first.reacquire()
        second = client.lock("short", timeout=5, sleep=0.01)
        assert second.acquire(blocking_timeout=2)
        with pytest.raises(redis.exceptions.LockNotOwnedError):
            first.release()
        second.release()


def test_redlock_asks_a_majority(three):
    needs.modules("pottery")
    from pottery import Redlock
    never = Retry(NoBackoff(), 0)       # who is away is away: the others decide
    clients = {engine.client(socket_timeout=1, retry=never) for engine in three}

    def lock():
        return Redlock(key="room", masters=clients, auto_release_time=10,
                       raise_on_redis_errors=False)

    with lock() as held:
        assert held.locked() > 0
        assert lock().acquire(blocking=False) is False
        assert [client.dbsize() for client in clients] == [1, 1, 1]
    three[0].kill()
    with lock():
        assert lock().acquire(blocking=False) is False
    three[1].kill()
    assert lock().acquire(blocking=False) is False
    three[0].start()
    three[1].start()
    with lock():
        pass


def test_redlock_among_threads(three):
    needs.modules("pottery")
    from pottery import Redlock
    inside, order = [0], []

    def enter(name: int):
        clients = {engine.client() for engine in three}
        for _ in range(10):
            with Redlock(key="room", masters=clients, auto_release_time=20):
                inside[0] += 1
                order.append((name, inside[0]))
                time.sleep(0.001)
                inside[0] -= 1

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(enter, range(4)))
    assert len(order) == 40 and {count for _, count in order} == {1}


@pytest.mark.parametrize("strategy", ["FixedWindowRateLimiter", "MovingWindowRateLimiter",
                                      "SlidingWindowCounterRateLimiter"])
def test_limits_lets_through_what_it_says(engine, strategy):
    needs.modules("limits")
    import limits
    from limits.storage import RedisStorage
    storage = RedisStorage(engine.url)
    limiter = getattr(limits.strategies, strategy)(storage)
    rule = limits.parse("100/minute")
    window = time.time() % 60
    if window > 45:                     # a fixed window must not end in the middle
        time.sleep(60 - window + 0.1)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        passed = sum(pool.map(lambda _: limiter.hit(rule, strategy, "user"), range(300)))
    assert passed == 100
    assert not limiter.test(rule, strategy, "user") and limiter.test(rule, strategy, "other")
    reset, left = limiter.get_window_stats(rule, strategy, "user")
    assert left == 0 and time.time() < reset <= time.time() + 61
    limiter.clear(rule, strategy, "user")
    assert limiter.hit(rule, strategy, "user")
    brief = limits.parse("2/second")
    assert [limiter.hit(brief, strategy, "brief") for _ in range(2)] == [True, True]
    time.sleep(2.1)
    assert limiter.hit(brief, strategy, "brief")


def run(engine, script: str, *packages: str, **more: str) -> None:
    node, environment = needs.node(*packages)
    done = subprocess.run([node, str(APPS / script)], capture_output=True, text=True, timeout=60,
                          env=environment | {"REDIS_URL": engine.url, **more})
    assert done.returncode == 0, done.stderr


def test_rate_limiter_flexible(engine):
    run(engine, "limiter.js", "ioredis", "rate-limiter-flexible")


def test_redlock_of_npm(three):
    run(three[0], "redlock.js", "ioredis", "redlock",
        REDIS_URLS=" ".join(engine.url for engine in three))
