"""Goal: the open loop keeps its schedule, counts latency from when a request was due, and its
percentiles are those of the values.

Method: the histogram against sorted lists; a scripted server that pauses once while the schedule
goes on, so that the number of slow requests says whether any was omitted.
"""
import dataclasses
import random
import time

import pytest

from bench import openloop, peers
from bench.requests import Request, key
from tests.bench.server import Scripted


@dataclasses.dataclass
class Stream:
    sockets: list
    request: Request
    rate: float
    count: int
    burst: int = 1
    start_s: float = 0.0


def stream(server, rate, count, connections=4, **options):
    sockets = [peers.connect(server.address) for _ in range(connections)]
    return Stream(sockets, Request(b"GET", key(order="ascending")), rate, count, **options)


def test_percentiles_against_a_sorted_list():
    dice = random.Random(7)
    values = [int(dice.lognormvariate(11, 2)) for _ in range(50_000)] + [0, 1, 255, 256, 257]
    values.sort()
    shares = [0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0]
    for share, got in zip(shares, openloop.percentiles(values, shares)):
        exact = values[max(0, -(-int(share * len(values) * 10**6) // 10**6) - 1)]
        assert exact * 0.99 <= got <= exact * 1.01 + 1, share


def test_percentiles_of_few():
    assert openloop.percentiles([5], [0.5, 0.999, 1.0]) == [5, 5, 5]
    assert openloop.percentiles([2**40] * 3, [0.5]) == [2**40]
    assert openloop.percentiles([], [0.5]) == [0]


def test_rate_and_count():
    with Scripted(lambda i: b"$1\r\nx\r\n") as server:
        result = openloop.open_loop([stream(server, 2000, 1000)])
        assert result["streams"][0]["requests"] == 1000 == len(server.requests)
        assert 0.45 < result["seconds"] < 1.5
        assert result["streams"][0]["p50_us"] <= result["streams"][0]["max_us"]


def test_a_pause_counts_for_all_that_were_due(tmp_path):
    """1000 a second, a pause of 200 ms: some 200 requests were due in it and each waited."""
    def answer(i):
        if i == 300:
            time.sleep(0.2)
        return b"+OK\r\n"
    with Scripted(answer, unix=tmp_path / "s") as server:
        result = openloop.open_loop([stream(server, 1000, 800, connections=1)], slow_us=10_000)
        assert 150 <= result["slow_count"] <= 600
        assert 190_000 <= result["streams"][0]["max_us"] < 1_000_000
        assert result["streams"][0]["p99_us"] > 100_000
        assert all(done - due > 10_000_000 for _, due, done in result["slow"])


def test_bursts_errors_and_start():
    with Scripted(lambda i: b"-ERR x\r\n" if i % 2 else b"$-1\r\n") as server:
        late = stream(server, 1000, 1, start_s=0.3)
        result = openloop.open_loop([stream(server, 4000, 400, burst=16), late])
        first, second = result["streams"]
        assert first["requests"] == 400 and second["requests"] == 1
        assert first["errors"] + second["errors"] == len(server.requests) // 2
        assert result["seconds"] > 0.29


def test_samples_of_a_process():
    import os
    with Scripted() as server:
        result = openloop.open_loop([stream(server, 1000, 200)], pid=os.getpid())
        assert len(result["samples"]) > 50
        at, ran, ready = zip(*result["samples"])
        assert list(at) == sorted(at) and ran[-1] > ran[0] and ready[-1] >= ready[0]


def test_a_closed_connection_fails():
    with Scripted(lambda i: None if i == 20 else b"+OK\r\n") as server:
        with pytest.raises(RuntimeError, match="connection closed"):
            openloop.open_loop([stream(server, 1000, 100)])


def test_a_stream_has_a_rate():
    with Scripted() as server, pytest.raises(ValueError):
        openloop.open_loop([stream(server, 0, 1)])
