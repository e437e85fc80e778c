"""engine/core/crc: published check values, and long division bit by bit in Python."""
import random

import pytest

from tests.faces.c_crc import sum16, sum64


def model64(data, crc=0):
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x95ac9329ac4bc9b5 if crc & 1 else 0)
    return crc


def model16(data):
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xffff
    return crc


def test_check_values():
    assert sum64(b"123456789") == 0xe9c6d914c4b8d9ca
    assert sum16(b"123456789") == 0x31c3
    assert sum64(b"") == sum16(b"") == 0
    # Jones' polynomial is written 0xad93d23594c935a9 with its highest power first.
    assert 0x95ac9329ac4bc9b5 == int(f"{0xad93d23594c935a9:064b}"[::-1], 2)


def test_against_model():
    rng = random.Random(1)
    data = rng.randbytes(300)
    for size in list(range(40)) + [63, 64, 65, 299]:
        for start in range(9):          # at every alignment
            part = memoryview(data)[start:start + size]
            assert sum64(part) == model64(part)
            assert sum16(bytes(part)) == model16(part)


def test_in_pieces():
    rng = random.Random(2)
    data = rng.randbytes(200)
    for _ in range(200):
        cut = rng.randrange(201)
        assert sum64(data[cut:], sum64(data[:cut])) == model64(data)


@pytest.mark.oracle
def test_slots_and_dumps_are_valkeys(valkey):
    """A DUMP ends with its crc64, little endian; a cluster slot is the crc16 of the key."""
    rng = random.Random(3)
    for _ in range(50):
        value = rng.randbytes(rng.randrange(100))
        valkey.ask("SET", "key", value)
        dump = valkey.ask("DUMP", "key")
        assert sum64(dump[:-8]) == int.from_bytes(dump[-8:], "little")
