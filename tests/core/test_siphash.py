"""engine/core/siphash: against SipHash-1-3 in plain Python, and that against the published 2-4.

The model takes the numbers of rounds, so one test vector of the paper's SipHash-2-4 vouches for
all of it but those numbers. CPython hashes bytes with 1-3 since 3.11: a second witness.
"""
import random
import struct
import subprocess
import sys

import pytest

from tests.faces.c_siphash import hash13

MASK = 2**64 - 1


def rotate(x, bits):
    return (x << bits | x >> (64 - bits)) & MASK


def model(data, k0, k1, rounds=1, last_rounds=3):
    a, b, c, d = (k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
                  k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573)

    def mix(times):
        nonlocal a, b, c, d
        for _ in range(times):
            a, c = (a + b) & MASK, (c + d) & MASK
            b, d = rotate(b, 13) ^ a, rotate(d, 16) ^ c
            a, c = (rotate(a, 32) + d) & MASK, (c + b) & MASK
            b, d = rotate(b, 17) ^ c, rotate(d, 21) ^ a
            c = rotate(c, 32)

    whole = len(data) // 8 * 8
    tail = data[whole:].ljust(7, b"\0") + bytes([len(data) & 255])
    for word in struct.unpack(f"<{whole // 8 + 1}Q", data[:whole] + tail):
        d ^= word
        mix(rounds)
        a ^= word
    c ^= 0xff
    mix(last_rounds)
    return a ^ b ^ c ^ d


def test_model_by_the_papers_vector():
    key = struct.unpack("<2Q", bytes(range(16)))
    assert model(bytes(range(15)), *key, 2, 4) == 0xa129ca6149be45e5


def test_against_model():
    rng = random.Random(1)
    for size in list(range(70)) + [255, 256, 1000]:
        for _ in range(30):
            data, key = rng.randbytes(size), (rng.getrandbits(64), rng.getrandbits(64))
            assert hash13(data, *key) == model(data, *key), (data, key)


def test_every_bit_counts():
    """No byte of the data and no bit of the key is left out, whatever the size of the tail."""
    rng = random.Random(2)
    for size in range(1, 41):
        data, k0, k1 = bytearray(rng.randbytes(size)), rng.getrandbits(64), rng.getrandbits(64)
        seen = {hash13(bytes(data), k0, k1)}
        for bit in range(8 * size):
            data[bit // 8] ^= 1 << bit % 8
            seen.add(hash13(bytes(data), k0, k1))
            data[bit // 8] ^= 1 << bit % 8
        for bit in range(64):
            seen.add(hash13(bytes(data), k0 ^ 1 << bit, k1))
            seen.add(hash13(bytes(data), k0, k1 ^ 1 << bit))
        assert len(seen) == 1 + 8 * size + 128


@pytest.mark.skipif(sys.hash_info.algorithm != "siphash13", reason="this Python hashes otherwise")
def test_against_cpython():
    """PYTHONHASHSEED=0 means a key of zeros."""
    rng = random.Random(3)
    texts = [rng.randbytes(size) for size in range(sys.hash_info.cutoff + 1, 60)]
    run = subprocess.run([sys.executable, "-c", f"print(*map(hash, {texts!r}))"],
                         env={"PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=True)
    for data, found in zip(texts, run.stdout.split()):
        assert hash13(data, 0, 0) == int(found) & MASK
