"""Torture. Goal: kill -9 of agent or engines at any instant leaves a state that heals by itself:
no hand is needed, no instance is half there, no engine runs twice, and what a persistent one has
acknowledged is kept. Method: owners change instances at random while somebody kills at random; when
both have stopped, everything is asked for what it must be. KVD_TORTURE_ROUNDS and KVD_TORTURE_SEED
choose how much and which."""
import os
import random
import signal
import threading
import time

import pytest

from kvd.client import Gone, Link, Wrong
from kvd.errors import Refused
from tests.kvd.installation import Installation
from tests.kvd.test_recovery import eventually

pytestmark = pytest.mark.torture
ROUNDS = int(os.environ.get("KVD_TORTURE_ROUNDS", "20"))
SEED = int(os.environ.get("KVD_TORTURE_SEED", "20261123"))
NAMES = [f"t{number}" for number in range(4)]
HEAL_SECONDS = 60


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("torture"), 24700)
    yield place
    place.end()


class Owner(threading.Thread):
    """Somebody who does one thing after the other to one instance.

    Attributes:
        kept: what the instance has acknowledged: a number it must not fall behind.
        doubtful: it was restarted, deleted or made anew without an answer.
    """

    def __init__(self, place, name: str, seed: str, until: float):
        super().__init__()
        self.place, self.name_, self.until = place, name, until
        self.rng = random.Random(seed)
        self.kept = -1
        self.errors: list[str] = []

    def run(self) -> None:
        while time.monotonic() < self.until:
            verb = self.rng.choice([self.create, self.write, self.write, self.upgrade, self.delete,
                                    self.restart, self.suspend, self.resume, self.rotate])
            try:
                verb()
            except (Refused, Wrong):
                pass                    # killed before it answered, or not as things stand
            except Exception as error:  # noqa: BLE001
                self.errors.append(repr(error))

    def ask(self, method: str, path: str = "", body=None):
        return self.place.ask(method, f"/key-value/{self.name_}{path}", body)

    def create(self) -> None:
        self.place.ask("POST", "/key-value", {"name": self.name_, "plan": "starter"})
        self.kept = -1

    def write(self) -> None:
        with Link.url(self.place.url(self.name_), timeout=5) as link:
            for _ in range(20):
                number = link.do("INCR", "number")
                self.kept = max(self.kept, number)

    def upgrade(self) -> None:
        self.ask("PATCH", body={"plan": self.rng.choice(["starter", "standard", "pro"]),
                                "allowDowngrade": True})

    def delete(self) -> None:
        if self.rng.random() < 0.5:
            self.kept = -1              # from here on it may be gone at any moment
            self.ask("DELETE")

    def restart(self) -> None:
        self.ask("POST", "/restart")

    def suspend(self) -> None:
        self.ask("POST", "/suspend")

    def resume(self) -> None:
        self.ask("POST", "/resume")

    def rotate(self) -> None:
        self.ask("POST", "/password/rotate", {})


def kill_something(place, rng: random.Random) -> None:
    pids = place.marked()
    agent = place.agent_pid()
    if agent and (not pids or rng.random() < 0.5):
        pids = [agent]
    for pid in pids and [rng.choice(pids)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


@pytest.mark.timeout(120 + 30 * ROUNDS)
def test_nothing_needs_a_hand(place):
    print(f"\nseed {SEED}, {ROUNDS} rounds")
    for turn in range(ROUNDS):
        rng = random.Random(f"{SEED} {turn}")
        until = time.monotonic() + 3.0
        owners = [Owner(place, name, f"{SEED} {turn} {name}", until) for name in NAMES]
        [owner.start() for owner in owners]
        while time.monotonic() < until:
            time.sleep(rng.uniform(0.0, 0.4))
            kill_something(place, rng)
        [owner.join() for owner in owners]
        assert not [error for owner in owners for error in owner.errors], f"round {turn}"
        eventually(lambda: healed(place, owners), HEAL_SECONDS)     # noqa: B023


def healed(place, owners: list[Owner]) -> None:
    found = {item["keyValue"]["name"]: item["keyValue"]
             for item in place.ask("GET", "/key-value", limit=100)}
    directories = {path.name for path in (place.home.root / "instances").iterdir()}
    assert directories == {one["id"] for one in found.values()}
    running = place.marked()
    engines = {name: place.pid(name) for name in found}
    assert sorted(running) == sorted(pid for pid in engines.values() if pid)
    for owner in owners:
        instance = found.get(owner.name_)
        if instance is None:
            assert owner.kept == -1, f"{owner.name_} is gone, and nobody has deleted it"
            continue
        assert instance["status"] in ("available", "suspended"), instance
        if instance["status"] == "suspended":
            assert engines[owner.name_] is None
            continue
        try:
            with place.link(owner.name_) as link:
                number = int(link.do("GET", "number") or -1)
                memory = int(link.do("CONFIG", "GET", "maxmemory")[1])
        except (Gone, Wrong) as error:
            raise AssertionError(str(error)) from None
        assert number >= owner.kept, f"{owner.name_} has {number}, {owner.kept} was acknowledged"
        assert memory == instance["limits"]["memoryBytes"]
