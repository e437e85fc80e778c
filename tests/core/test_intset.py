"""engine/core/intset against a Python set, and its bytes against the format's definition."""
import random
import struct

import pytest

from tests.faces import c_intset

SEED = 31
EDGES = [0, 1, -1, 2**15 - 1, 2**15, -2**15, -2**15 - 1, 2**31 - 1, 2**31, -2**31, -2**31 - 1,
         2**63 - 1, -2**63]
CODES = {2: "h", 4: "i", 8: "q"}


@pytest.fixture
def intset():
    intset = c_intset.Intset()
    yield intset
    assert intset.close(), "an intset kept memory"


def spell(values, width):
    return struct.pack(f"<II{len(values)}{CODES[width]}", width, len(values), *sorted(values))


@pytest.mark.parametrize("bits", [4, 16, 32, 64])
def test_model(intset, bits):
    rng = random.Random(SEED + bits)
    model, width = set(), 2
    for _ in range(2500):
        value = rng.choice(EDGES) if rng.random() < 0.02 else \
            rng.randrange(-2**(bits - 1), 2**(bits - 1))
        if rng.random() < 0.6:
            assert intset.add(value) == (value not in model)
            model.add(value)
            width = max(width, 2 if -2**15 <= value < 2**15
                        else 4 if -2**31 <= value < 2**31 else 8)
        else:
            if model and rng.random() < 0.7:
                value = rng.choice(sorted(model))
            assert intset.remove(value) == (value in model)
            model.discard(value)
        if rng.random() < 0.05:
            assert intset.values() == sorted(model)
            for probe in [*rng.sample(sorted(model), min(3, len(model))), value]:
                found, place = intset.find(probe)
                assert found == (probe in model)
                assert place == sum(one < probe for one in model)
    assert intset.width() == width
    assert intset.copy_bytes() == spell(model, width)
    assert c_intset.valid(intset.copy_bytes())


def test_ranges_leave(intset):
    for value in range(100):
        intset.add(value)
    intset.remove_range(10, 80)
    assert intset.values() == [*range(10), *range(90, 100)]
    intset.remove_range(0, 20)
    assert intset.values() == []


def test_untrusted_bytes():
    good = spell([1, 2, 3], 2)
    assert c_intset.valid(good)
    for size in range(len(good)):
        assert not c_intset.valid(good[:size])
    assert not c_intset.valid(good + b"\0")
    assert not c_intset.valid(spell([], 2)), "no key holds an empty set"
    for width in (0, 1, 3, 16, 2**32 - 2):
        assert not c_intset.valid(struct.pack("<II", width, 3) + good[8:])
    for values in ([1, 1, 2], [2, 1, 3], [1, 2, -3]):
        assert not c_intset.valid(struct.pack("<II3h", 2, 3, *values))
    # A count whose size does not fit 32 bits.
    assert not c_intset.valid(struct.pack("<IIq", 8, 0x20000001, 1))
