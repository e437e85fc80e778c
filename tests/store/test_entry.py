"""An entry gives back the key, value and deadline it was made of, in the form it should have.

Method: every form at the sizes where the layout changes; encodings are those that valkey-server 9.1
names for the same key and value.
"""
import random

import pytest

from tests.faces.c_keyspace import Store, block_size, no_deadline

KEYS = [b"", b"k", b"k" * 31, b"k" * 32, b"k" * 255, b"k" * 256, b"k" * 65_535, b"k" * 65_536]
VALUES = [b"", b"v", b"v" * 19, b"v" * 254, b"v" * 255, b"v" * 256, b"v" * 512, b"v" * 513,
          b"v" * 70_000, b"v" * 300_000]
INTS = [b"0", b"1", b"-1", b"9223372036854775807", b"-9223372036854775808"]
NOT_INTS = [b"00", b"-0", b"+1", b" 1", b"1 ", b"9223372036854775808", b"-9223372036854775809",
            b"1.0", b"1e3", b"0x1", b"\0"]


def put(form: str, key: bytes, value, deadline: int = no_deadline, **more) -> Store:
    store = Store()
    store.put(form, key, value, deadline, **more)
    return store


@pytest.mark.parametrize("deadline", [no_deadline, 1, 2 ** 62])
@pytest.mark.parametrize("form", ["string", "bytes", "raw"])
def test_key_value_and_deadline_come_back(form, deadline):
    for key in KEYS:
        for value in VALUES + INTS + NOT_INTS:
            store = put(form, key, value, deadline)
            assert store.peek(key) == value
            about = store.about(key)
            assert about["deadline"] == deadline and about["type"] == "string"
            assert about["access"] == 7
            assert store.volatile_count() == (deadline != no_deadline)
            assert store.empty() == 0


def test_ints_are_recognized():
    for value in INTS:
        assert put("string", b"k", value).about(b"k")["encoding"] == "int"
        assert put("bytes", b"k", value).about(b"k")["encoding"] == "embstr"
        store = put("int", b"k", int(value))
        assert store.peek(b"k") == value
        store.set_int(b"k", -int(value) // 3)
        assert store.peek(b"k") == b"%d" % (-int(value) // 3)
    for value in NOT_INTS:
        assert put("string", b"k", value).about(b"k")["encoding"] == "embstr"


def test_the_size_that_is_promised():
    """Bytes a key: 16-byte key, 32-byte value."""
    key, value = b"k" * 16, b"v" * 32
    assert put("string", key, value).about(key)["size"] == 55
    assert put("string", key, value, 5).about(key)["size"] == 63
    assert put("string", key, b"12").about(key)["size"] == 5 + 1 + 16 + 8


def test_memory_is_what_freeing_gives_back():
    rng = random.Random(1)
    for _ in range(300):
        key, value = bytes(rng.randrange(400)), bytes(int(2 ** rng.uniform(0, 20)))
        store = put(rng.choice(("string", "raw")), key, value,
                    rng.choice((no_deadline, 9)), size_max=rng.randrange(5_000))
        overhead = store.used - store.about(key)["memory"]
        assert 0 < overhead < 500
        assert store.about(key)["memory"] >= block_size(store.about(key)["size"])


def test_long_strings_have_a_body():
    assert not put("string", b"k", b"v" * 512).about(b"k")["body"]
    assert put("string", b"k", b"v" * 513).about(b"k")["body"]
    about = put("raw", b"k", b"v", size_max=1_000).about(b"k")
    assert about["body"] and about["room"] >= 1_000 and about["encoding"] == "raw"
