"""Goal: slow requests that overlap are one pause, and the pause is laid at the right door.

Method: runs written by hand, in milliseconds, with gaps of the generator and samples of a server.
"""
import pytest

from bench import latency

MS = 1_000_000


def run(slow, gaps=(), samples=()):
    return {"begin_ns": 0, "slow": [(0, due * MS, done * MS) for due, done in slow],
            "gaps": [(begin * MS, end * MS) for begin, end in gaps],
            "samples": [tuple(n * MS for n in sample) for sample in samples]}


def steady(ran, ready):
    """One sample a millisecond over 100 ms; between 40 and 50 the server runs and waits so."""
    made, total_ran, total_ready = [], 0, 0
    for at in range(100):
        made.append((at, total_ran, total_ready))
        total_ran += ran if 40 <= at < 50 else 0
        total_ready += ready if 40 <= at < 50 else 0
    return made


def test_overlapping_waits_are_one_pause():
    found = latency.pauses(run([(10, 15), (12, 16), (30, 33), (14, 16)]))
    assert [(p["at_s"], p["requests"], p["longest_wait_us"], p["stretch_us"]) for p in found] == [
        (0.010, 3, 5000, 6000), (0.030, 1, 3000, 3000)]


@pytest.mark.parametrize("ran,ready,gaps,cause", [
    (1, 0, [], "server"), (0, 1, [], "scheduler"), (0, 0, [], "elsewhere"),
    (1, 0, [(41, 48)], "generator"), (1, 0, [(41, 43)], "server")])
def test_cause(ran, ready, gaps, cause):
    found = latency.pauses(run([(40, 50)], gaps, steady(ran, ready)))
    assert [p["cause"] for p in found] == [cause]


def test_no_samples_blame_nobody():
    assert latency.pauses(run([(40, 50)]))[0]["cause"] == "elsewhere"


def test_first_touch_is_measured():
    took = latency.warm_memory(8 * latency.HUGE_BYTES)
    assert 0 < took["min"] <= took["median"] <= took["max"]
