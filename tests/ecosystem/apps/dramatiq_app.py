"""Dramatiq on trial: `python -m` sends; `dramatiq` works."""
import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import ConnectionClosed
from dramatiq.rate_limits import ConcurrentRateLimiter
from dramatiq.rate_limits.backends import RedisBackend as LimitBackend
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend as ResultBackend

from tests.ecosystem.apps import ledger

# A worker that is silent for two seconds is dead, and every command looks for such: Dramatiq
# would wait a minute, and look once in a thousand commands.
broker = RedisBroker(url=ledger.URL + "/0", heartbeat_timeout=2000, maintenance_chance=1_000_000)
broker.add_middleware(Results(backend=ResultBackend(url=ledger.URL + "/1")))
dramatiq.set_broker(broker)
one_at_a_time = ConcurrentRateLimiter(LimitBackend(url=ledger.URL + "/2"), "one", limit=1)


@dramatiq.actor(queue_name="trial", max_retries=100)
def work(number):
    ledger.work(number)


@dramatiq.actor(queue_name="trial", store_results=True)
def add(x, y):
    return x + y


@dramatiq.actor(queue_name="trial", store_results=True, max_retries=5, min_backoff=20,
                max_backoff=50)
def third_time(key):
    count = redis.Redis.from_url(ledger.URL + "/3").incr(key)
    if count < 3:
        raise ValueError("as told")
    return count


@dramatiq.actor(queue_name="trial", max_retries=1000, min_backoff=10, max_backoff=50)
def alone(number):
    with one_at_a_time.acquire():
        ledger.note("in", number)
        ledger.work(number)
        ledger.note("out", number)


if __name__ == "__main__":
    from tests.ecosystem.apps import dramatiq_app   # the actor by the name that a worker knows
    ledger.send_each(dramatiq_app.work.send, redis.ConnectionError, redis.TimeoutError,
                     ConnectionClosed)
