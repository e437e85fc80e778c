"""Dramatiq 2. Goal: actors, results, retries, delays and rate limits work, and no job is lost when
workers or the engine die. Method: real workers in processes of their own.

What Dramatiq promises: at least once. One script takes jobs off the queue and puts them down as
its worker's; the jobs of a worker without a heartbeat go back to the queue, here after two seconds.
"""
import pytest

from tests.ecosystem import needs
from tests.ecosystem.trial import PYTHON, Queue, Trial, kill_engine, kill_workers

pytestmark = [pytest.mark.ecosystem, pytest.mark.timeout(400)]
APP = "tests.ecosystem.apps.dramatiq_app"
JOBS = 2000
QUEUE = Queue(
    worker=(PYTHON, "-m", "dramatiq", APP, "--processes", "1", "--threads", "4",
            "--skip-logging"),
    sender=(PYTHON, "-m", APP),
    held=lambda client: client.hlen("dramatiq:trial.msgs") + client.hlen("dramatiq:trial.DQ.msgs"))


@pytest.fixture(scope="module", autouse=True)
def dramatiq():
    needs.modules("dramatiq")


@pytest.fixture
def trial(request, tmp_path):
    made = Trial(tmp_path, QUEUE, *getattr(request, "param", ()))
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


CLIENT = """
import time
import dramatiq
from tests.ecosystem.apps.dramatiq_app import add, alone, third_time
sent = [add.send(n, 1) for n in range(300)]
assert [m.get_result(block=True, timeout=30000) for m in sent] == [n + 1 for n in range(300)]
assert third_time.send("key").get_result(block=True, timeout=30000) == 3
began = time.time()
later = add.send_with_options(args=(20, 22), delay=1000)
assert later.get_result(block=True, timeout=30000) == 42 and time.time() >= began + 0.99
line = (add.message(1, 2) | add.message(10) | add.message(100)).run()
assert line.get_result(block=True, timeout=30000) == 113
some = dramatiq.group(add.message(n, n) for n in range(50)).run()
assert list(some.get_results(block=True, timeout=30000)) == [2 * n for n in range(50)]
for n in range(20):
    alone.send(n)
"""


def test_results_retries_delays_and_limits(trial):
    trial.start(1)
    assert trial.spawn((PYTHON, "-c", CLIENT)).wait(90) == 0, trial.tail()
    trial.wait(lambda: len(trial.noted("out")) == 20)
    inside = 0
    for line in trial.ledger.read_text().splitlines():
        word = line.split()[0]
        inside += (word == "in") - (word == "out")
        assert inside in (0, 1), "the limiter let two in"
