"""kill -9 during writes: nothing that was acknowledged is lost, no transaction is torn.

Goal: rung P0 of the promise about data, for each fsync policy (the machine lives on, so the policy
must not matter). Method: several connections write numbered steps in pipelines and keep a ledger
of what was acknowledged, outside of the process; it is killed at a random moment; the next one
loads what it left. For every connection the steps found are 1..n without a hole, n is at least
what was acknowledged and at most what was sent, and both keys of a transaction are there or none.
The directory is the same in all rounds, so every start also loads what crashes before it left;
every other round begins a rewrite of the journal, which the kill may hit anywhere.

    python -m pytest -m torture tests/fault/test_kill.py        # KVD_KILLS=1000 rounds
"""
import os
import random
import threading
import time

import pytest

from tests.journal.engines import Engine
from tests.oracle import OracleError

WRITERS = 6
PIPELINE_MAX = 20
ROUNDS = 10                             # for each of two policies


class Writer(threading.Thread):
    """One connection and its ledger. A step n sets <name>:<n>, and <name> to n, or both at once."""

    def __init__(self, engine, name: str, first: int, seed: int):
        super().__init__()
        self.connection = engine.connect()
        self.name, self.next = name, first
        self.acked = self.sent = first - 1
        self.random = random.Random(seed)
        self.refused = None

    def step(self, n: int) -> list[tuple]:
        value = self.random.randbytes(self.random.choice((1, 10, 100, 3000)))
        if n % 3:
            return [("SET", f"{self.name}:{n}", value)]
        return [("MULTI",), ("SET", f"{self.name}:{n}", value), ("SET", f"{self.name}:{n}:b", n),
                ("EXEC",)]

    def run(self):
        try:
            while True:
                steps = [self.step(self.next + i)
                         for i in range(self.random.randint(1, PIPELINE_MAX))]
                self.sent = self.next + len(steps) - 1
                self.connection.send_all([request for step in steps for request in step])
                for step in steps:
                    replies = [self.connection.read() for _ in step]
                    errors = [reply for reply in replies if isinstance(reply, OracleError)]
                    if errors:
                        self.refused = errors[0]
                        return
                    self.acked = self.next
                    self.next += 1
        except (ConnectionError, OSError, ValueError):
            pass
        finally:
            self.connection.close()


def check(engine, name: str, acked: int, sent: int) -> int:
    """The number of the last step that is there, after proving that all before it are."""
    connection = engine.connect()

    def there(n: int) -> bool:
        keys = [f"{name}:{n}"] + ([] if n % 3 else [f"{name}:{n}:b"])
        count = connection.ask("EXISTS", *keys)
        assert count in (0, len(keys)), f"half of transaction {name}:{n} is there"
        return count > 0

    last = acked
    while there(last + 1):
        last += 1
    assert last <= sent, f"{name} has step {last}, and {sent} were sent"
    found = connection.ask_each([("EXISTS", f"{name}:{n}") for n in range(1, last + 1)])
    assert all(found), f"{name} lost step {found.index(0) + 1} of {acked} acknowledged"
    for n in range(last + 1, sent + 1):
        assert not there(n), f"{name} has step {n} but not {last + 1}"
    connection.close()
    return last


def begin_rewrite(engine) -> None:
    try:
        engine.ask("BGREWRITEAOF")
    except OracleError as error:        # the file had grown enough for one of its own accord
        assert "already in progress" in str(error)


def torture(directory, rounds: int, seed: int, **settings) -> None:
    draws = random.Random(seed)
    ledger = {f"w{i}": (0, 0) for i in range(WRITERS)}
    for count in range(rounds + 1):
        with Engine(directory, appendonly="yes", **settings) as engine:
            last = {name: check(engine, name, *known) for name, known in ledger.items()}
            if count == rounds:
                break
            writers = [Writer(engine, name, last[name] + 1, draws.getrandbits(32))
                       for name in last]
            for writer in writers:
                writer.start()
            time.sleep(draws.uniform(0.005, 0.2))
            if count % 2:
                begin_rewrite(engine)
                time.sleep(draws.uniform(0, 0.05))
            engine.process.kill()
            for writer in writers:
                writer.join()
                assert writer.refused is None, writer.refused
            ledger = {writer.name: (writer.acked, writer.sent) for writer in writers}
    assert sum(last.values()) > rounds, "the writers wrote nothing"


@pytest.mark.parametrize("policy", ["everysec", "always"])
def test_nothing_acknowledged_is_lost(tmp_path, policy):
    torture(tmp_path, ROUNDS, seed=len(policy), appendfsync=policy)


@pytest.mark.torture
@pytest.mark.timeout(36000)
@pytest.mark.parametrize("policy", ["everysec", "always", "no"])
def test_for_a_long_time(tmp_path, policy):
    rounds = int(os.environ.get("KVD_KILLS", "1000")) // 3
    for part in range(0, rounds, 50):
        directory = tmp_path / str(part)
        directory.mkdir()
        torture(directory, min(50, rounds - part), seed=part, appendfsync=policy)
