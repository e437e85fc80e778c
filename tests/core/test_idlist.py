"""engine/core/idlist against a sorted dict, with the ways in which streams use it."""
import bisect
import random

import pytest

from tests.faces import c_idlist


@pytest.fixture
def records():
    records = c_idlist.List()
    yield records
    assert records.close(), "the list kept memory"


def same(records, model, rng):
    assert len(records) == len(model)
    keys = sorted(model)
    assert records.items() == [(key, model[key]) for key in keys]
    assert records.last() == (keys[-1] if keys else None)
    records.memory()
    for _ in range(3):
        some = (rng.randrange(50), rng.randrange(50))
        at = bisect.bisect_left(keys, some)
        assert records.items(some) == [(key, model[key]) for key in keys[at:]]
        assert records.items_back(some) == [(key, model[key]) for key in keys[:at][::-1]]
        assert records.find(some) == model.get(some)


@pytest.mark.parametrize("seed", range(6))
def test_any_order(records, seed):
    rng = random.Random(seed)
    model = {}
    for step in range(4000):
        pair = (rng.randrange(50), rng.randrange(50))
        if rng.random() < (0.7 if step % 2000 < 1200 else 0.2):
            assert records.insert(pair, step) == (pair not in model)
            model[pair] = step
        else:
            assert records.remove(pair) == (model.pop(pair, None) is not None)
        if step % 250 == 0:
            same(records, model, rng)
            assert records.copy_items() == records.items()
    records.move()
    same(records, model, rng)


@pytest.mark.parametrize("kept", [0, 1, 3, 100, 1000])
def test_a_queue(records, kept):
    """Appended at the end, removed at the front, now and then in the middle."""
    rng = random.Random(kept)
    model, top = {}, 0
    for step in range(6000):
        top += 1
        records.insert((top, 7), step)
        model[top, 7] = step
        while len(model) > kept:
            pair = min(model) if rng.random() < 0.9 else rng.choice(sorted(model))
            assert records.remove(pair)
            del model[pair]
    same(records, model, rng)
    assert records.memory() < 24 * kept * 1.6 + 128 * 24 * 2 + 400


def test_runs_are_removed(records):
    rng = random.Random(1)
    model = {}
    for _ in range(60):
        for _ in range(rng.randrange(300)):
            pair = (rng.randrange(50), rng.randrange(50))
            model[pair] = 1
            records.insert(pair, 1)
        start, count = (rng.randrange(50), rng.randrange(50)), rng.randrange(300)
        records.remove_from(start, count)
        for pair in [pair for pair in sorted(model) if pair >= start][:count]:
            del model[pair]
        same(records, model, rng)


def test_ends_of_the_numbers(records):
    top = 2**64 - 1
    for pair in ((top, top), (0, 0), (top, 0), (0, top), (top, top - 1)):
        assert records.insert(pair, 5)
    assert [pair for pair, _ in records.items()] == [
        (0, 0), (0, top), (top, 0), (top, top - 1), (top, top)]
    assert not records.insert((top, top), 6) and records.find((top, top)) == 6
    assert not records.remove((1, 1)) and not records.remove((top, 1))


def test_many_small_ones_are_small():
    """A list of one record, and one that was emptied, cost next to nothing."""
    records = c_idlist.List()
    records.insert((1, 1), 1)
    assert records.memory() <= 24 * 2 + 24
    records.remove((1, 1))
    assert records.memory() <= 24 * 4 + 24
    assert records.close()
