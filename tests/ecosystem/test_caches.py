"""Caches of Django: its own back end and django-redis, on one engine. Goal: what their documents
promise of values, deadlines, counters, patterns, locks and sessions. Method: Django, set up in
this process.
"""
import time

import pytest

from tests.ecosystem import needs
from tests.ecosystem.trial import Engine

pytestmark = pytest.mark.ecosystem


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    needs.modules("django", "django_redis")
    engine = Engine(tmp_path_factory.mktemp("caches"))
    yield engine
    engine.end()


@pytest.fixture(scope="module")
def caches(engine):
    """Django's, set up once for this process."""
    import django
    from django.conf import settings
    settings.configure(
        CACHES={
            "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache",
                        "LOCATION": engine.url + "/1", "KEY_PREFIX": "own"},
            "other": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": engine.url + "/2",
                      "KEY_PREFIX": "other"}},
        SESSION_ENGINE="django.contrib.sessions.backends.cache")
    django.setup()
    from django.core.cache import caches
    return caches


@pytest.fixture(params=["default", "other"], ids=["django", "django-redis"])
def cache(request, caches):
    cache = caches[request.param]
    cache.clear()
    return cache


def test_values(cache):
    value = {"text": "ü\0", "list": [1, 2.5, None], "bytes": b"\xff"}
    cache.set("key", value)
    cache.set("number", 41)
    assert cache.get("key") == value
    assert cache.incr("number") == 42 and cache.decr("number", 2) == 40
    assert cache.get("none", "default") == "default" and cache.get("number", version=2) is None
    assert cache.add("key", 1) is False and cache.add("fresh", 1) is True
    assert cache.get_or_set("made", lambda: "now") == "now" == cache.get("made")
    assert cache.has_key("made") and cache.delete("made") and not cache.delete("made")
    with pytest.raises(ValueError):
        cache.incr("absent")


def test_many(cache):
    many = {f"key{n}": n for n in range(5000)}
    assert not cache.set_many(many)     # the keys that failed, or nothing
    assert cache.get_many(many) == many
    cache.delete_many(list(many)[:4999])
    assert cache.get_many(many) == {"key4999": 4999}
    cache.clear()
    assert cache.get_many(many) == {}


def test_deadlines(cache):
    cache.set("soon", 1, timeout=1)
    cache.set("never", 1, timeout=None)
    cache.set("past", 1, timeout=0)
    assert cache.get("past") is None and cache.get("soon") == 1
    assert cache.touch("never", 1) and not cache.touch("absent", 1)
    time.sleep(1.1)
    assert cache.get("soon") is None and cache.get("never") is None


def test_versions(cache):
    cache.set("key", "old", version=1)
    cache.incr_version("key")
    assert cache.get("key", version=1) is None and cache.get("key", version=2) == "old"


def test_sessions(caches):
    from django.contrib.sessions.backends.cache import SessionStore
    session = SessionStore()
    session["user"] = 7
    session.create()
    again = SessionStore(session_key=session.session_key)
    assert again["user"] == 7 and again.exists(session.session_key)
    again.flush()
    assert SessionStore(session_key=session.session_key).get("user") is None


def test_what_django_redis_adds(caches):
    cache = caches["other"]
    cache.clear()
    cache.set("a:1", 1, timeout=100)
    cache.set("a:2", 2, timeout=None)
    cache.set("b", 3)
    assert sorted(cache.keys("a:*")) == ["a:1", "a:2"] == sorted(cache.iter_keys("a:*"))
    assert 90 < cache.ttl("a:1") <= 100 and cache.ttl("a:2") is None and cache.ttl("none") == 0
    assert cache.pttl("a:1") > 90_000
    assert cache.persist("a:1") and cache.ttl("a:1") is None and cache.expire("a:1", timeout=50)
    assert cache.set("a:1", 9, nx=True) is False and cache.get("a:1") == 1
    assert cache.delete_pattern("a:*") == 2 and cache.get("b") == 3
    cache.sadd("set", 1, 2, 3)
    assert cache.smembers("set") == {1, 2, 3} and cache.scard("set") == 3
    assert cache.sismember("set", 2) and cache.srem("set", 2) == 1
    cache.hset("hash", "field", {"deep": 1})
    assert cache.hexists("hash", "field") and cache.hlen("hash") == 1
    assert cache.hkeys("hash") == ["field"] and cache.hdel("hash", "field") == 1


def test_locks(caches):
    cache = caches["other"]
    with cache.lock("door", timeout=5) as held:
        assert held.owned()
        assert cache.lock("door", timeout=5).acquire(blocking=False) is False
    assert cache.lock("door", timeout=5, blocking_timeout=1).acquire() is True
