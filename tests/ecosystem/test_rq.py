"""RQ 3. Goal: jobs, results, dependencies, retries and schedules work, and no job is lost when
workers or the engine die. Method: real workers in processes of their own.

What RQ promises with retries: at least once. It moves a job to an intermediate queue in one
command and to the registry of started jobs in another, and its maintenance gives back what lies
in either without a living worker; `apps/rq_app.py` does that at once, where RQ waits minutes.
"""
import os
import pathlib
import signal

import pytest

from tests.ecosystem import needs
from tests.ecosystem.trial import PYTHON, Queue, Trial, kill_engine, kill_workers

pytestmark = [pytest.mark.ecosystem, pytest.mark.timeout(400)]
APP = "tests.ecosystem.apps.rq_app"
JOBS = 2000


def held(client) -> int:
    from tests.ecosystem.apps import rq_queue
    return rq_queue.held(client)


def mend(client) -> None:
    from tests.ecosystem.apps import rq_queue
    rq_queue.mend(client)


def queue(*options: str) -> Queue:
    return Queue(worker=(PYTHON, "-m", "rq.cli", "worker", "--quiet", *options, "trial"),
                 sender=(PYTHON, "-m", APP), held=held, mend=mend)


# Jobs in the worker's own process: a fork for each of thousands would measure forks.
SIMPLE = queue("--worker-class", "rq.SimpleWorker")


@pytest.fixture(scope="module", autouse=True)
def rq():
    needs.modules("rq")


@pytest.fixture
def trial(request, tmp_path):
    made = Trial(tmp_path, *getattr(request, "param", (SIMPLE,)))
    made.environment["RQ_REDIS_URL"] = made.engine.url
    yield made
    made.close()


@pytest.fixture
def client(trial):
    with trial.engine.client() as client:
        yield client


DURABLE = (SIMPLE, "--appendonly", "yes", "--appendfsync", "always")


@pytest.mark.slow
def test_workers_are_killed(trial):
    kill_workers(trial, JOBS)
    assert trial.held() == 0


@pytest.mark.slow
@pytest.mark.parametrize("trial", [DURABLE], indirect=True, ids=["always"])
def test_the_engine_is_killed(trial):
    # A job is some twenty writes that follow one another, each of them on the disk: fewer jobs.
    kill_engine(trial, JOBS // 2)


@pytest.mark.parametrize("trial", [(queue("--with-scheduler"),)], indirect=True, ids=["forks"])
def test_results_dependencies_retries_and_schedules(trial, client, tmp_path):
    import datetime

    from rq import Queue, Retry
    jobs = Queue("trial", connection=client)
    doubled = [jobs.enqueue(f"{APP}.double", n) for n in range(20)]
    after = jobs.enqueue(f"{APP}.add", 1, 2, depends_on=doubled)
    tried = jobs.enqueue(f"{APP}.fail", str(tmp_path / "once"), retry=Retry(max=2))
    failed = jobs.enqueue(f"{APP}.fail", "/proc/none/such")
    later = jobs.enqueue_in(datetime.timedelta(seconds=1), f"{APP}.double", 21)
    trial.start(1)
    done = [*doubled, after, tried, later]
    trial.wait(lambda: all(job.get_status() == "finished" for job in done)
               and failed.get_status() == "failed")
    assert [job.return_value() for job in doubled] == [2 * n for n in range(20)]
    assert after.return_value() == 3 and tried.return_value() == "well"
    assert later.return_value() == 42
    assert "FileNotFoundError" in failed.latest_result().exc_string
    assert jobs.failed_job_registry.get_job_ids() == [failed.id]
    for job in done:
        job.refresh()
    assert after.started_at >= max(job.ended_at for job in doubled)
    trial.stop()


@pytest.mark.parametrize("trial", [(queue(),)], indirect=True, ids=["forks"])
def test_a_work_horse_is_killed(trial, client, tmp_path):
    """The worker sees its child die and tries the job again."""
    from rq import Queue, Retry
    path = pathlib.Path(tmp_path / "pid")
    job = Queue("trial", connection=client).enqueue(f"{APP}.sleep", str(path), retry=Retry(max=1))
    trial.start(1)
    trial.wait(lambda: path.exists() and path.read_text() != "")
    os.kill(int(path.read_text()), signal.SIGKILL)
    trial.wait(lambda: job.get_status() == "finished")
    assert job.return_value() == "awake"
