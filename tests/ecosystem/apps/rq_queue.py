"""RQ's queue as its operator sees it: what it holds, and what its maintenance gives back."""
import time

import redis
from rq import Queue, SimpleWorker
from rq.registry import StartedJobRegistry

NAME = "trial"
AGO_SECONDS = 3600


def held(client: redis.Redis) -> int:
    queue = Queue(NAME, connection=client)
    return (len(queue) + client.zcard(StartedJobRegistry(queue=queue).key)
            + len(queue.intermediate_queue.get_job_ids()))


def mend(client: redis.Redis) -> None:
    """What RQ's maintenance does with jobs of workers that are gone, minutes after their end.

    A job that a worker took and did not put down as started lies in the intermediate queue, and
    counts as stuck a minute after it was first seen there; one that was started has a deadline,
    which its worker moves on while it lives.
    """
    queue = Queue(NAME, connection=client)
    place = queue.intermediate_queue
    for job in place.get_job_ids():
        client.set(place.get_first_seen_key(job), time.time() - AGO_SECONDS)
    place.cleanup(SimpleWorker([queue], connection=client), queue)
    StartedJobRegistry(queue=queue).cleanup(time.time() + AGO_SECONDS)
