"""A queue on trial: an engine, a sender, workers, and what is found when any of them was killed.

Jobs have numbers. The sender notes a number when the engine has acknowledged the job, a worker
notes it before and after its work; all in one file beside the engine and not in it, by appends
that are whole or absent. So what was promised and what was done is known however much dies.
"""
import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import redis

from tests.ecosystem.needs import ROOT
from tests.kvd.server import Served, free_port

PYTHON = sys.executable
DRAIN_SECONDS = 90                      # from the last kill to the last job, at most
QUIET_SECONDS = 2.0                     # an empty queue for so long has nobody at work any more


class Engine:
    """An engine on a port of its own, which can be killed and comes back there."""

    def __init__(self, directory: pathlib.Path, *options: str):
        self.directory = directory
        self.port = free_port()
        self.options = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(directory),
                        *options)
        self.url = f"redis://127.0.0.1:{self.port}"
        self.kills = 0
        self.start()

    def start(self) -> None:
        self.served = Served(self.directory, *self.options)
        assert self.served.status is None, self.served.text

    def kill(self) -> None:
        """As the kernel does it when memory is short."""
        self.served.process.kill()
        self.served.process.wait()
        self.kills += 1

    def client(self, **options) -> redis.Redis:
        return redis.Redis(port=self.port, **options)

    def end(self) -> None:
        self.served.end()


@dataclasses.dataclass(frozen=True)
class Queue:
    """What makes one queue run.

    Attributes:
        worker: the command of a worker.
        sender: the command of a sender; the first number and the one past the last are appended.
        held: the jobs that the engine holds: waiting, promised to a worker, delayed.
        mend: what follows a crash by the queue's own rules, done at once and not after its
            minutes; no worker runs meanwhile.
        end: the signal that asks a worker to end.
    """
    worker: tuple[str, ...]
    sender: tuple[str, ...]
    held: Callable[[redis.Redis], int]
    mend: Callable[[redis.Redis], None] = lambda client: None
    end: int = signal.SIGTERM


class Trial:
    """One queue on one engine. `close()` leaves no process."""

    def __init__(self, directory: pathlib.Path, queue: Queue, *options: str, job_ms: float = 4,
                 environment: dict[str, str] | None = None):
        self.directory, self.queue = directory, queue
        self.engine = Engine(directory, *options)
        self.ledger = directory / "ledger"
        self.ledger.touch()
        self.log = open(directory / "workers.log", "ab")
        self.environment = os.environ | {
            "PYTHONPATH": str(ROOT), "REDIS_URL": self.engine.url, "LEDGER": str(self.ledger),
            "JOB_MS": str(job_ms)} | (environment or {})
        self.workers: list[subprocess.Popen] = []
        self.spawned: list[subprocess.Popen] = []
        self.wanted = 0

    def spawn(self, command: tuple[str, ...]) -> subprocess.Popen:
        # A group of its own: a worker's children die with it.
        self.spawned = [process for process in self.spawned if process.poll() is None]
        self.spawned.append(subprocess.Popen(
            command, cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, start_new_session=True))
        return self.spawned[-1]

    def send(self, first: int, past: int) -> subprocess.Popen:
        """Begin to send the jobs of these numbers."""
        return self.spawn((*self.queue.sender, str(first), str(past)))

    def send_all(self, first: int, past: int) -> None:
        sender = self.send(first, past)
        assert sender.wait(DRAIN_SECONDS) == 0, self.tail()
        assert len(self.noted("sent")) >= past - first, self.tail()

    def start(self, count: int) -> None:
        """Have so many workers, now and (see `tend`) later."""
        self.wanted = count
        self.tend()

    def tend(self) -> None:
        """What a service manager does: in place of a worker that ended comes another."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < self.wanted:
            self.workers.append(self.spawn(self.queue.worker))

    def kill(self) -> None:
        """kill -9 for every worker and its children, all at once."""
        self.signal(signal.SIGKILL)

    def stop(self, seconds: float = 30) -> None:
        """Ask every worker to end, and see that it does."""
        self.signal(self.queue.end, seconds)

    def signal(self, number: int, seconds: float = 30) -> None:
        self.wanted = 0
        for worker in self.workers:
            if number == signal.SIGKILL:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(worker.pid, number)
            elif worker.poll() is None:
                worker.send_signal(number)
        for worker in self.workers:
            worker.wait(seconds)
        self.workers = []

    def noted(self, word: str) -> set[int]:
        """The numbers that stand beside a word (sent, began, done) in the ledger."""
        head = word.encode() + b" "
        return {int(line[len(head):]) for line in self.ledger.read_bytes().splitlines()
                if line.startswith(head)}

    def done(self) -> int:
        return len(self.noted("done"))

    def wait(self, until: Callable[[], bool], seconds: float = DRAIN_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, \
                f"{self.done()} jobs done, {self.held()} held\n{self.tail()}"
            self.tend()
            time.sleep(0.05)

    def held(self) -> int:
        with self.engine.client() as client:
            return self.queue.held(client)

    def drain(self, numbers: set[int], lost_max: int = 0) -> set[int]:
        """Until all is done, or the engine has held nothing for a while; what was never done."""
        quiet_since = [time.monotonic()]

        def settled() -> bool:
            if numbers <= self.noted("done"):
                return True
            if self.held():
                quiet_since[0] = time.monotonic()
            return time.monotonic() - quiet_since[0] > QUIET_SECONDS

        self.wait(settled)
        lost = numbers - self.noted("done")
        assert len(lost) <= lost_max, f"lost: {sorted(lost)[:20]}\n{self.tail()}"
        return lost

    def mend(self) -> None:
        with self.engine.client() as client:
            self.queue.mend(client)

    def tail(self) -> str:
        self.log.flush()
        return (self.directory / "workers.log").read_text(errors="replace")[-4000:]

    def close(self) -> None:
        self.signal(signal.SIGKILL)
        self.workers = self.spawned     # senders, too, which a failed test has left
        self.signal(signal.SIGKILL)
        self.log.close()
        self.engine.end()


def kill_workers(trial: Trial, jobs: int, kills: int = 3, workers: int = 2,
                 lost_max: int = 0) -> set[int]:
    """Send, work, kill -9 all workers in the middle, several times; then let it end. The lost."""
    trial.send_all(0, jobs)
    for count in range(1, kills + 1):
        trial.start(workers)
        trial.wait(lambda: trial.done() >= jobs * count // (kills + 2))
        trial.kill()
        assert trial.done() < jobs, "they were killed too late to prove anything"
    trial.mend()
    trial.start(workers)
    return trial.drain(set(range(jobs)), lost_max)


def kill_engine(trial: Trial, jobs: int, kills: int = 3, workers: int = 2,
                lost_max: int = 0) -> set[int]:
    """Send and work at once while the engine is killed -9 and comes back; the lost."""
    trial.start(workers)
    sender = trial.send(0, jobs)
    for count in range(1, kills + 1):
        trial.wait(lambda: trial.done() >= jobs * count // (kills + 2))
        trial.engine.kill()
        acknowledged = trial.noted("sent")
        trial.engine.start()
        assert len(acknowledged) < jobs or trial.done() < jobs, "killed too late"
    trial.wait(lambda: sender.poll() is not None)
    assert sender.returncode == 0 and len(trial.noted("sent")) == jobs, trial.tail()
    # A job whose hand-over was cut short belongs to a worker that does not know it; the queues
    # give it to another when that worker is gone.
    trial.kill()
    trial.mend()
    trial.start(workers)
    return trial.drain(set(range(jobs)), lost_max)
