"""Huey on trial: `python -m` sends; `huey_consumer` works."""
import redis
from huey import PriorityRedisHuey, RedisHuey

from tests.ecosystem.apps import ledger

huey = RedisHuey("trial", url=ledger.URL + "/0", read_timeout=1)
urgent = PriorityRedisHuey("urgent", url=ledger.URL + "/0", read_timeout=1)
tries: dict[int, int] = {}


@huey.task()
def work(number):
    ledger.work(number)


@huey.task()
def add(x, y):
    return x + y


@huey.task(retries=3)
def third_time(key):
    """Each try is in the same process: the consumer's threads share `tries`."""
    tries[key] = tries.get(key, 0) + 1
    if tries[key] < 3:
        raise ValueError("as told")
    return tries[key]


@urgent.task()
def say(number):
    ledger.note("said", number)
    return number


if __name__ == "__main__":
    from tests.ecosystem.apps import huey_app       # the tasks by the name that a worker knows
    ledger.send_each(huey_app.work, redis.ConnectionError, redis.TimeoutError)
