"""BullMQ on ioredis. Goal: jobs, retries, delays, priorities, flows and schedulers work, and no job
is lost when workers or the engine die. Method: real workers in processes of their own.

What BullMQ promises: at least once. A script moves a job to the active ones under a lock that its
worker renews; an active job without a lock goes back to the waiting ones.
"""
import pathlib

import pytest

from tests.ecosystem import needs
from tests.ecosystem.trial import Queue, Trial, kill_engine, kill_workers

pytestmark = [pytest.mark.ecosystem, pytest.mark.timeout(400)]
APP = str(pathlib.Path(__file__).parent / "apps" / "bullmq.js")
JOBS = 2000


def held(client) -> int:
    return (client.llen("bull:trial:wait") + client.llen("bull:trial:active")
            + client.zcard("bull:trial:delayed") + client.zcard("bull:trial:prioritized"))


@pytest.fixture
def trial(request, tmp_path):
    node, environment = needs.node("bullmq", "ioredis")
    queue = Queue(worker=(node, APP, "work"), sender=(node, APP, "send"), held=held)
    made = Trial(tmp_path, queue, *getattr(request, "param", ()), environment=environment)
    yield made
    made.close()


def test_workers_are_killed(trial):
    kill_workers(trial, JOBS)
    assert trial.held() == 0


@pytest.mark.slow
@pytest.mark.parametrize("trial", [("--appendonly", "yes", "--appendfsync", "always")],
                         indirect=True, ids=["always"])
def test_the_engine_is_killed(trial):
    kill_engine(trial, JOBS)


@pytest.mark.parametrize("trial", [(), ("--server-identity", "redis6")], indirect=True,
                         ids=["valkey", "redis6"])      # it does other things before Redis 7
def test_features(trial):
    assert trial.spawn((trial.queue.worker[0], APP, "features")).wait(90) == 0, trial.tail()
