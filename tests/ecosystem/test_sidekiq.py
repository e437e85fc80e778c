"""Sidekiq 6 (Debian's). Goal: jobs, retries and schedules work; workers that are asked to end lose
nothing, and what dies with a killed one is what Sidekiq says, and no more. Method: real workers.

What Sidekiq without its paid parts promises: a process that is asked to end (SIGTERM) pushes back
what it has not finished. BRPOP hands a job over for good, so who is killed takes along the job of
each of its threads.
"""
import pathlib
import subprocess

import pytest

from tests.ecosystem import needs
from tests.ecosystem.trial import Queue, Trial, kill_engine, kill_workers

pytestmark = [pytest.mark.ecosystem, pytest.mark.slow, pytest.mark.timeout(400)]
APP = str(pathlib.Path(__file__).parent / "apps" / "sidekiq_app.rb")
JOBS = 2000
THREADS = 4


def held(client) -> int:
    return client.llen("queue:default") + client.zcard("retry") + client.zcard("schedule")


@pytest.fixture
def trial(request, tmp_path):
    options, job_ms = getattr(request, "param", ((), 4))
    ruby = needs.ruby(sidekiq="ruby-sidekiq", redis="ruby-redis")
    sidekiq = needs.program("sidekiq", "ruby-sidekiq")
    queue = Queue(worker=(sidekiq, "-r", APP, "-c", str(THREADS), "-t", "1"),
                  sender=(ruby, APP), held=held)
    made = Trial(tmp_path, queue, *options, job_ms=job_ms)
    yield made
    made.close()


@pytest.mark.parametrize("trial", [((), 4), ((), 1500)], indirect=True,
                         ids=["short jobs", "jobs that outlast the time to end"])
def test_workers_are_asked_to_end(trial):
    """Longer jobs are cut off after a second and pushed back: they run again."""
    long = trial.environment["JOB_MS"] == "1500"
    jobs = 40 if long else JOBS
    trial.send_all(0, jobs)
    for part in range(1, 4):
        trial.start(2)
        trial.wait(lambda: len(trial.noted("began")) >= jobs * part // 5)
        trial.stop()
        assert trial.done() < jobs
    trial.start(2)
    trial.drain(set(range(jobs)))


def test_workers_are_killed(trial):
    kill_workers(trial, JOBS, kills=3, workers=2, lost_max=3 * 2 * THREADS)
    assert trial.held() == 0


@pytest.mark.parametrize("trial", [(("--appendonly", "yes", "--appendfsync", "always"), 4)],
                         indirect=True, ids=["always"])
def test_the_engine_is_killed(trial):
    """A job may be taken off in the journal and lost on its way: one a thread and kill."""
    kill_engine(trial, JOBS, kills=3, workers=2, lost_max=(3 + 1) * 2 * THREADS)
    assert trial.held() == 0


def test_schedules_retries_and_statistics(trial):
    ruby = trial.queue.sender[0]
    assert trial.spawn((ruby, APP, "features")).wait(30) == 0, trial.tail()
    trial.start(1)
    trial.drain({1, 2, *range(10, 1010)})
    assert trial.ledger.read_text().count("tried 2\n") == 3
    trial.stop()                        # a worker writes its numbers down as it ends
    told = subprocess.run([ruby, APP, "tell"], env=trial.environment, capture_output=True,
                          text=True, timeout=30, check=True).stdout
    processed, failed, enqueued, retries, scheduled = map(int, told.split())
    assert processed == 1002 + 2 and failed == 2    # each try counts
    assert (enqueued, retries, scheduled) == (0, 0, 0)
