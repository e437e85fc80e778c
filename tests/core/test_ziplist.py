"""Ziplists, which are only read: made here as Redis 6 made them, then damaged byte by byte."""
import random
import struct

import pytest

from tests.faces.c_ziplist import read

EDGES = [0, 12, 13, -1, 127, 128, -128, -129, 32767, 32768, -32768, -32769, 8388607, 8388608,
         -8388608, -8388609, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**63 - 1, -2**63]


def entry(value, before: int) -> bytes:
    head = bytes([before]) if before < 254 else b"\xfe" + struct.pack("<I", before)
    if isinstance(value, int):
        if 0 <= value <= 12:
            return head + bytes([0xF1 + value])
        for mark, size in ((0xFE, 1), (0xC0, 2), (0xF0, 3), (0xD0, 4), (0xE0, 8)):
            if -(1 << 8 * size - 1) <= value < 1 << 8 * size - 1:
                return head + bytes([mark]) + value.to_bytes(size, "little", signed=True)
    size = len(value)
    if size < 1 << 6:
        return head + bytes([size]) + value
    if size < 1 << 14:
        return head + struct.pack(">H", 0x4000 | size) + value
    return head + b"\x80" + struct.pack(">I", size) + value


def ziplist(values, count=None) -> bytes:
    body, last, before = b"", 10, 0
    for value in values:
        last, made = 10 + len(body), entry(value, before)
        body, before = body + made, len(made)
    return struct.pack("<IIH", len(body) + 11, last,
                       len(values) if count is None else count) + body + b"\xff"


def test_integers():
    assert read(ziplist(EDGES)) == EDGES


@pytest.mark.parametrize("size", [0, 1, 63, 64, 253, 254, 16383, 16384, 70000])
def test_texts(size):
    values = [b"t" * size, b"between", b"t" * size, 5]
    assert read(ziplist(values)) == values


def test_texts_that_are_integers_become_such():
    assert read(ziplist([b"5", b"05"])) == [5, b"05"]


def test_empty():
    assert read(ziplist([])) == []


def test_more_than_the_header_counts():
    values = [1] * 70000
    assert read(ziplist(values, 65535)) == values
    assert read(ziplist(values, 65534)) is None


@pytest.mark.parametrize("seed", range(3))
def test_random_values(seed):
    rng = random.Random(seed)
    values = [rng.choice([rng.choice(EDGES), b"w" * rng.randrange(400), b""]) for _ in range(200)]
    assert read(ziplist(values)) == values


def test_hostile_bytes():
    """Each change of one byte is refused or gives other values: nothing is read outside."""
    good = ziplist([b"abc", 5, -300, b"y" * 70, 70000, b"", 2**40, b"z" * 300, 7])
    for place in range(len(good)):
        for byte in (0, 1, 2, 63, 64, 127, 128, 191, 192, 208, 224, 240, 241, 253, 254, 255,
                     good[place] ^ 1):
            read(good[:place] + bytes([byte]) + good[place + 1:])
    for size in range(len(good)):
        assert read(good[:size]) is None
        assert read(struct.pack("<I", size) + good[4:size]) is None
    assert read(good + b"\xff") is None
    for byte in range(10):
        if byte < 8:
            assert read(good[:byte] + bytes([good[byte] ^ 1]) + good[byte + 1:]) is None
