"""RQ on trial: `python -m` sends; `rq worker` works."""
import os
import time

import redis
from rq import Queue, Retry

from tests.ecosystem.apps import ledger


def work(number: int) -> None:
    ledger.work(number)


def double(number: int) -> int:
    return 2 * number


def add(x: int, y: int) -> int:
    return x + y


def fail(path: str) -> str:
    """Fails as long as there is no such file, which it makes."""
    if not os.path.exists(path):
        open(path, "x").close()
        raise ValueError("as told")
    return "well"


def sleep(path: str) -> str:
    """Sleeps for ever the first time, in a process that somebody will kill."""
    if not os.path.exists(path):
        with open(path, "x") as file:
            file.write(str(os.getpid()))
        time.sleep(1000)
    return "awake"


if __name__ == "__main__":
    QUEUE = Queue("trial", connection=redis.Redis.from_url(ledger.URL))
    # Run as a module this file is __main__, which a worker could not import.
    WORK = "tests.ecosystem.apps.rq_app.work"
    ledger.send_each(
        lambda number: QUEUE.enqueue(WORK, number, retry=Retry(max=100), result_ttl=0),
        redis.ConnectionError, redis.TimeoutError)
