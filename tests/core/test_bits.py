"""engine/core/bits against strings of "0" and "1"."""
import random

import pytest

from tests.faces import c_bits

SEED = 20


def spell(data: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in data)


def samples(count: int):
    rng = random.Random(SEED)
    for _ in range(count):
        size = rng.choice([0, 1, 2, 7, 8, 9, 31, 32, 33, 127, 128, 129, 300])
        kind = rng.random()
        if kind < 0.5:
            yield rng, rng.randbytes(size)
        else:                           # long runs: what finding must skip
            data = bytearray((b"\0" if kind < 0.75 else b"\xff") * size)
            if size and rng.random() < 0.7:
                data[rng.randrange(size)] ^= 1 << rng.randrange(8)
            yield rng, bytes(data)


@pytest.mark.parametrize("form", range(3))
def test_each_form_counts(form):
    for _, data in samples(200):
        data = data[:len(data) & ~7]
        got = c_bits.count_by(form, data)
        if got is None:
            pytest.skip("this processor has no such instructions")
        assert got == spell(data).count("1")


def test_plain_form_is_always_there():
    assert c_bits.count_by(0, b"\xff" * 8) == 64


def test_count():
    for rng, data in samples(500):
        text = spell(data)
        assert c_bits.count(data) == text.count("1")
        first, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        assert c_bits.count_range(data, first, end) == text[first:end].count("1")


def test_find():
    for rng, data in samples(2000):
        text = spell(data)
        first, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        if rng.random() < 0.3:
            first, end = 0, len(text)
        for value in (0, 1):
            assert c_bits.find(data, first, end, value) == text.find(str(value), first, end)


@pytest.mark.parametrize("op", ["and", "or", "xor", "not"])
def test_combine(op):
    rng = random.Random(SEED)
    for size in [*range(70), 1000]:
        a, b = rng.randbytes(size + 3), rng.randbytes(size)
        word = {"and": lambda x, y: x & y, "or": lambda x, y: x | y,
                "xor": lambda x, y: x ^ y, "not": lambda x, y: ~y & 255}[op]
        assert c_bits.combine(op, a, b) == bytes(map(word, a, b)) + a[size:]


def test_fields():
    for rng, data in samples(1500):
        text = spell(data) + "0" * 100
        width = rng.randint(1, 64)
        at = rng.randrange(len(data) * 8 + 20)
        assert c_bits.get(data, at, width) == int(text[at:at + width], 2)
        if at + width <= len(data) * 8:
            value = rng.getrandbits(64)
            field = f"{value & (1 << width) - 1:0{width}b}"
            want = text[:at] + field + text[at + width:8 * len(data)]
            assert spell(c_bits.put(data, at, width, value)) == want
