"""engine/server/stats. Goal: a span lies in the bucket that says so, whatever its size, and what
is counted is what happened. Method: every bucket's edges, random spans against a plain search;
calls against a count of our own."""
import random

import pytest

from kvd.engine.server import cold_latency, inspect
from kvd.engine.server.server import Server
from tests.faces import c_stats


def test_buckets_tile_the_ticks():
    below = -1
    for bucket in range(c_stats.SIZE):
        top = c_stats.top(bucket)
        assert c_stats.index(below + 1) == c_stats.index(top) == bucket
        assert top - below <= max(1, top / 32), "a bucket is at most 3 % wide"
        below = top
    assert below == 2**36 - 1


@pytest.mark.parametrize("ticks", [2**36, 2**36 + 1, 2**63, 2**64 - 1])
def test_longer_spans_share_the_last_bucket(ticks):
    assert c_stats.index(ticks) == c_stats.SIZE - 1


def test_random_spans():
    rng = random.Random(20)
    for _ in range(20000):
        ticks = rng.getrandbits(rng.randrange(1, 37))
        bucket = c_stats.index(ticks)
        assert ticks <= c_stats.top(bucket)
        assert bucket == 0 or ticks > c_stats.top(bucket - 1)


@pytest.fixture
def server():
    server = Server()
    yield server
    assert server.close(), "the engine kept memory"


def test_each_call_is_counted_and_timed(server):
    for i in range(257):
        server.execute(b"SET", b"k%d" % i, b"v")
    stats = {name: calls for name, calls, *_ in inspect.command_stats(server.capsule)}
    assert stats == {"set": 257}
    buckets = inspect.histograms(server.capsule)["set"]
    assert sum(count for _, count in buckets) == 257
    assert [top for top, _ in buckets] == sorted(top for top, _ in buckets)
    assert cold_latency.cumulated(buckets)["calls"] == 257


def test_tracking_can_be_turned_off(server):
    server.execute(b"CONFIG", b"SET", b"latency-tracking", b"no")
    before = {name: sum(n for _, n in buckets)
              for name, buckets in inspect.histograms(server.capsule).items()}
    server.execute(b"SET", b"k", b"v")
    after = inspect.histograms(server.capsule)
    assert "set" not in after
    assert {name: sum(n for _, n in after[name]) for name in before} == before


def test_time_spent_is_time_spent():
    server = Server(enable_debug_command=True)
    server.execute(b"DEBUG", b"SLEEP", b"0.05")
    (name, calls, usec, *_), = inspect.command_stats(server.capsule)
    assert (name, calls) == ("debug", 1) and 50_000 <= usec < 1_000_000
    (top, count), = inspect.histograms(server.capsule)["debug"]
    assert count == 1 and 50_000 <= top < 1_050_000
    assert server.close()


def test_codes_beyond_the_table_are_counted_together():
    server = Server(enable_debug_command=True)
    for i in range(140):
        server.execute(b"DEBUG", b"ERROR", b"CODE%d text" % i)
    server.execute(b"DEBUG", b"ERROR", b"CODE7 again")
    server.execute(b"DEBUG", b"ERROR", b"oneword")
    counts = dict(inspect.error_counts(server.capsule))
    assert counts["CODE0"] == 1 and counts["CODE7"] == 2 and counts["CODE127"] == 1
    assert counts["ERRORSTATS_OVERFLOW"] == 13 and "CODE128" not in counts
    assert server.close()


def test_protocol_errors_are_counted(server):
    client = server.client()
    assert client.process_bytes(b"*1\r\nfoo\r\n").startswith(b"-ERR Protocol error")
    client.close()
    assert inspect.error_counts(server.capsule) == [("ERR", 1)]


@pytest.mark.parametrize("buckets, expected", [
    ([], {"calls": 0, "histogram_usec": {}}),
    ([(0.3, 2), (0.9, 1)], {"calls": 3, "histogram_usec": {1: 3}}),
    ([(1.0, 1), (1.1, 1), (900.0, 3)], {"calls": 5, "histogram_usec": {1: 1, 2: 2, 1024: 5}}),
])
def test_cumulated(buckets, expected):
    assert cold_latency.cumulated(buckets) == expected
