"""Celery on trial. `python -m` sends; `celery -A` works."""
import time

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from tests.ecosystem.apps import ledger

app = Celery("trial", broker=ledger.URL + "/0", backend=ledger.URL + "/1")
app.conf.update(
    # At least once: a job is acknowledged when it is done, and one that nobody acknowledged goes
    # to somebody else after three seconds. The looks for such jobs come each second, where Celery
    # would look every hundred, so that the trial does not wait for them.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    broker_transport_options={"visibility_timeout": 3, "unacked_restore_interval": 1,
                              "unacked_restore_throttle": 1, "unacked_mutex_expire": 2},
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    result_expires=600,
)


@app.task(ignore_result=True)
def work(number):
    ledger.work(number)


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def fails():
    raise ValueError("as told")


@app.task(bind=True, max_retries=5)
def third_time(self, value):
    """Succeeds when it is tried for the third time; says how often it was retried."""
    if self.request.retries < 2:
        raise self.retry(countdown=0.05)
    return [value, self.request.retries]


@app.task(bind=True, max_retries=2)
def never(self):
    raise self.retry(countdown=0.01, exc=ValueError("never"))


@app.task
def clock():
    return time.time()


if __name__ == "__main__":
    from tests.ecosystem.apps import celery_app     # the task by the name that a worker knows
    ledger.send_each(lambda number: celery_app.work.apply_async((number,), retry=False),
                     redis.ConnectionError, redis.TimeoutError, OperationalError, OSError)
