"""SHA-256 against the vectors of FIPS 180-4 and against hashlib, whole and in parts."""
import hashlib
import random

import pytest

from tests.faces import c_sha256 as face

VECTORS = {
    b"": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    b"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq":
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    b"a" * 1_000_000: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
}


@pytest.mark.parametrize("text", VECTORS, ids=lambda t: str(len(t)))
def test_standard_vectors(text):
    assert face.digest(text).hex() == VECTORS[text]


def test_every_size_around_two_blocks():
    for size in range(200):
        text = bytes(i * 7 & 255 for i in range(size))
        assert face.digest(text) == hashlib.sha256(text).digest(), size


def test_parts_of_any_size():
    rng = random.Random(8)
    for _ in range(200):
        parts = [rng.randbytes(rng.choice((0, 1, 55, 56, 63, 64, 65, 130))) for _ in range(6)]
        assert face.digest_of_parts(parts) == hashlib.sha256(b"".join(parts)).digest()


def test_equal_sees_every_bit():
    one = face.digest(b"x")
    assert face.equal(one, bytes(one))
    for bit in range(256):
        other = bytearray(one)
        other[bit >> 3] ^= 1 << (bit & 7)
        assert not face.equal(one, bytes(other))


def test_hexadecimal():
    value = face.digest(b"secret")
    assert face.to_hex(value) == value.hex().encode()
    assert face.from_hex(face.to_hex(value)) == value
    for bad in (b"", b"0" * 63, b"0" * 65, b"g" + b"0" * 63, value.hex().upper().encode()):
        assert face.from_hex(bad) is None
