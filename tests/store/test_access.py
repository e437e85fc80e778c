"""The bits of eviction: LRU ages in ticks that wrap, LFU counters that grow by lot and decay.

Method: the arithmetic against plain Python; the growth of the counter against the table that
Redis documents (factor 10: 100 hits reach 10, 1,000 reach 18, 100,000 reach 142, 1 M reach 255).
"""
import random

import pytest

from tests.faces.c_keyspace import Store

NOW = 1_700_000_000_000
MINUTE = 60_000
LFU_INIT = 5


def test_idle_seconds_of_a_key():
    store = Store()
    store.set_time(NOW)
    store.set(b"k", b"v")
    for seconds in (0, 1, 59, 3_600, 86_400, 20 * 86_400):
        store.set_time(NOW + seconds * 1_000)
        assert store.about(b"k")["idle"] == seconds
    store.read(b"k")
    assert store.about(b"k")["idle"] == 0


def test_reading_marks_and_looking_does_not():
    store = Store()
    store.set_time(NOW)
    store.set(b"k", b"v")
    store.set_time(NOW + 10_000)
    store.peek(b"k")
    store.look(b"k")
    assert store.about(b"k")["idle"] == 10
    store.set_flags(no_touch=True)
    store.read(b"k")
    store.write(b"k")
    assert store.about(b"k")["idle"] == 10
    store.set_flags()
    store.write(b"k")
    assert store.about(b"k")["idle"] == 0


@pytest.mark.parametrize("seconds", [0, 1, 100, 86_400, 20 * 86_400, 10 ** 9, 2 ** 62])
def test_bits_of_a_given_idle_time(seconds):
    store = Store()
    store.set_time(NOW)
    store.set(b"k", b"v")
    store.set_access(b"k", store.idle_bits(seconds))
    assert store.about(b"k")["idle"] == min(seconds, (2 ** 24 - 1) * 125 // 1_000)


@pytest.mark.parametrize("hits, expected", [(100, 10), (1_000, 18), (100_000, 142),
                                            (1_000_000, 255)])
def test_counter_grows_as_documented(hits, expected):
    store = Store()
    store.set_time(NOW)
    store.set_lfu(True, 10, 0)
    bits = (NOW // MINUTE & 0xFFFF) << 8 | LFU_INIT
    for _ in range(hits):
        bits = store.touch_lfu(bits)
    assert abs((bits & 255) - expected) <= max(4, expected * 0.12)


def test_counter_never_wraps():
    store = Store()
    store.set_time(NOW)
    store.set_lfu(True, 0, 0)                           # factor 0: every hit counts
    bits = 0
    for hit in range(300):
        bits = store.touch_lfu(bits)
        assert bits & 255 == min(hit + 1, 255)


@pytest.mark.parametrize("decay", [0, 1, 3, 1_000])
def test_counter_decays_by_the_minute(decay):
    store = Store()
    store.set_lfu(True, 10, decay)
    rng = random.Random(decay)
    for _ in range(300):
        then = NOW + rng.randrange(10 ** 9) * MINUTE
        minutes = rng.randrange(400)
        counter = rng.randrange(256)
        store.set_time(then + minutes * MINUTE)
        bits = (then // MINUTE & 0xFFFF) << 8 | counter
        assert store.decayed(bits) == max(counter - (minutes // decay if decay else 0), 0)


def test_new_keys_start_in_the_middle_and_writing_counts():
    store = Store()
    store.set_lfu(True, 0, 1)
    store.set_time(NOW)
    store.set(b"k", b"v")
    assert store.about(b"k")["freq"] == LFU_INIT
    store.set(b"k", b"w")                               # in place
    assert store.about(b"k")["freq"] == LFU_INIT + 1
    store.set(b"k", b"another size")
    assert store.about(b"k")["freq"] == LFU_INIT + 2
    store.set_time(NOW + 4 * MINUTE)
    assert store.about(b"k")["freq"] == LFU_INIT - 2
