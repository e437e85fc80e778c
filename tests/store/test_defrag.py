"""Defragmentation brings resident memory near to what is used, changes no key, and knows to rest.

Method: stores of which a random half is deleted and refilled with other sizes, walked with a clock
of our own; every key is compared with a dict afterwards; resident memory is read from the kernel.
"""
import random
import resource

import pytest

from tests.faces import c_defrag
from tests.faces.c_defrag import Defrag
from tests.faces.c_keyspace import Store, no_deadline

NOW = 1_700_000_000_000
SECOND = 1_000_000
pytestmark = pytest.mark.skipif(c_defrag.plain_malloc, reason="built over plain malloc")


def run(defrag: Defrag, seconds: float, start: int = 0, budget_us: int = 500) -> int:
    """Call it when it asks to be called, for so long; how often that was."""
    now, calls = start, 0
    while now < start + seconds * SECOND:
        wake = defrag.step(now, budget_us)
        assert wake > now
        now, calls = wake, calls + 1
    return calls


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


class Churn:
    """`count` keys; a random half goes; half as many come with other sizes."""

    def __init__(self, count: int, sizes: list[int], refill: list[int]):
        self.rng = random.Random(count)
        self.first = self.plan(b"a", sizes, count)
        self.gone = self.rng.sample(list(self.first), count // 2)
        self.second = self.plan(b"b", refill, count // 2)
        self.before = resident()                        # with all of this in it
        self.store = Store()
        self.store.set_time(NOW)

    def plan(self, name: bytes, sizes: list[int], count: int) -> dict[bytes, tuple[bytes, int]]:
        return {b"%b:%014d" % (name, i): (bytes([i & 255]) * self.rng.choice(sizes),
                                          self.rng.choice((no_deadline, NOW + 10 ** 9)))
                for i in range(count)}

    def run(self) -> Store:
        for key, (value, deadline) in self.first.items():
            self.store.set(key, value, deadline)
        for key in self.gone:
            self.store.delete(key)
        for key, (value, deadline) in self.second.items():
            self.store.set(key, value, deadline)
        return self.store

    def check(self) -> None:
        left = {**{key: self.first[key] for key in self.first.keys() - set(self.gone)},
                **self.second}
        for key, (value, deadline) in left.items():
            assert self.store.peek(key) == value
            assert self.store.about(key)["deadline"] == deadline
        assert self.store.count() == len(left)


@pytest.mark.parametrize("sizes, refill", [([32], [104]), ([24, 104, 304], [8, 704, 2_000]),
                                           ([3_000, 6_000], [32])])
def test_resident_memory_comes_down(sizes, refill):
    churn = Churn(12_000_000 // sum(sizes) * len(sizes) // 2, sizes, refill)
    store = churn.run()
    defrag = Defrag(store)
    worst = resident() - churn.before
    run(defrag, 120)
    assert defrag.passes >= 1 and defrag.moves > 0
    assert defrag.sparse_count == 0                     # D1
    now = resident() - churn.before
    assert now < worst and now <= 1.3 * store.used + 3_000_000
    churn.check()
    assert store.empty() == 0


def test_tidy_memory_is_left_alone():
    store = Store()
    for i in range(50_000):
        store.set(b"%d" % i, b"v" * 50)
    defrag = Defrag(store)
    run(defrag, 100)
    assert defrag.passes == 0 and defrag.moves == 0


def test_off_it_only_gives_pages_back():
    store = Churn(60_000, [100], [300]).run()
    defrag = Defrag(store)
    defrag.switch(True)
    for i in range(30_000):
        store.delete(b"b:%014d" % i)
    dirty = defrag.dirty_units
    assert dirty > 50
    run(defrag, 10)
    assert defrag.passes == 0 and defrag.moves == 0 and defrag.dirty_units <= 16
    defrag.purge()
    assert defrag.dirty_units == 0


def test_pages_go_back_little_by_little():
    store = Store()
    for i in range(200):
        store.set(b"%d" % i, bytes(200_000))
    defrag = Defrag(store)
    defrag.switch(True)
    for i in range(0, 200):
        if i % 20:
            store.delete(b"%d" % i)
    free, now = defrag.dirty_units, 0
    while now < SECOND:                     # nobody knows yet whether they are missed
        now = defrag.step(now)
        assert defrag.dirty_units == free
    while defrag.dirty_units > 16:
        before = defrag.dirty_units
        now = defrag.step(now)
        assert 0 <= before - defrag.dirty_units <= 32
    assert now < 10 * SECOND


def test_pages_that_are_soon_wanted_again_do_not_go_back():
    """A load that breathes: every half second all of it goes and comes."""
    store = Store()
    for i in range(200):
        store.set(b"%d" % i, bytes(200_000))
    defrag = Defrag(store)
    defrag.switch(True)
    now = 0
    for breath in range(20):
        for i in range(200):
            if breath % 2:
                store.set(b"%d" % i, bytes(200_000))
            elif i % 20:                    # the others keep their chunks
                store.delete(b"%d" % i)
        free, end = defrag.dirty_units, now + SECOND // 2
        while now < end:
            now = defrag.step(now)
        assert breath % 2 or defrag.dirty_units == free > 100


def test_a_step_keeps_to_its_budget_and_rests():
    store = Churn(100_000, [32], [100]).run()
    defrag = Defrag(store)
    now, steps = 0, 0
    while not defrag.passes:
        spent = defrag.spent_us
        wake = defrag.step(now, 200)
        if defrag.walking and defrag.spent_us > spent:
            steps += 1
            assert defrag.spent_us - spent < 20_000     # but for a machine that is busy
        now = wake if wake > now else now + 1
    assert steps >= 5


def test_after_a_futile_pass_it_waits():
    """Memory that no table leads to cannot be moved."""
    store = Store()
    for i in range(60_000):
        store.occupy(96)
        store.set(b"%d" % i, b"v" * 80)
    for i in range(60_000):
        store.delete(b"%d" % i)
    for i in range(2_000):
        store.set(b"%d" % i, b"v")
    defrag = Defrag(store)
    run(defrag, 60)
    assert defrag.passes == 1
    run(defrag, 300, start=100 * SECOND)
    assert defrag.passes <= 7


def test_nothing_moves_while_a_snapshot_reads():
    store = Churn(60_000, [32], [100]).run()
    store.hook(watched=False, events=False, copying=True)
    defrag = Defrag(store)
    run(defrag, 5)
    assert defrag.moves == 0
    store.hook(watched=False, events=False, copying=False)
    run(defrag, 5, start=5 * SECOND)
    assert defrag.moves > 0


def test_keys_come_and_go_during_a_pass():
    rng = random.Random(5)
    churn = Churn(60_000, [32], [104])
    store = churn.run()
    defrag = Defrag(store)
    model: dict[bytes, bytes] = {}
    now = 0
    while defrag.passes < 2 and now < 100 * SECOND:
        now = max(defrag.step(now, 20), now + 1)
        for _ in range(20):
            key = b"%d" % rng.randrange(5_000)
            if rng.random() < 0.5:
                model[key] = rng.randbytes(rng.randrange(600))
                store.set(key, model[key])
            else:
                store.delete(key)
                model.pop(key, None)
    assert defrag.passes and defrag.moves > 5_000
    for key, value in model.items():
        assert store.peek(key) == value
        store.delete(key)
    churn.check()
    assert store.empty() == 0
