"""LATENCY. Goal: what took long is found by name, with Valkey's shapes, and advice follows from it.
Method: delays made with DEBUG SLEEP, and samples put there by hand for what needs a history."""
import re
import time

import pytest

from kvd.engine.server import cold_latency
from kvd.engine.server.server import Server
from tests.oracle import OracleError
from tests.server.replies import ask, pairs


@pytest.fixture
def server():
    server = Server(latency_monitor_threshold=10, enable_debug_command=True)
    yield server
    assert server.close(), "the engine kept memory"


def slow(server, seconds: str = "0.02") -> None:
    assert ask(server, "DEBUG", "SLEEP", seconds) == b"OK"


def test_latest_and_history(server):
    before = int(time.time())
    assert ask(server, "LATENCY", "LATEST") == []
    slow(server)
    slow(server, "0.03")
    (name, second, last, longest, total, count), = ask(server, "LATENCY", "LATEST")
    assert name == b"command" and before <= second <= time.time()
    assert 30 <= longest < 3000 and last == longest
    assert total >= 50 and count == 2
    samples = ask(server, "LATENCY", "HISTORY", "command")
    assert 1 <= len(samples) <= 2 and samples[-1] == [second, last]
    assert ask(server, "LATENCY", "HISTORY", "nothing") == []


def test_spans_of_one_second_share_a_sample(server):
    for _ in range(5):
        slow(server, "0.012")
    assert len(ask(server, "LATENCY", "HISTORY", "command")) <= 2
    assert ask(server, "LATENCY", "LATEST")[0][5] == 5


def test_what_is_fast_enough_is_not_noted(server):
    slow(server, "0.001")
    assert ask(server, "LATENCY", "LATEST") == []
    ask(server, "CONFIG", "SET", "latency-monitor-threshold", "0")
    slow(server)
    assert ask(server, "LATENCY", "LATEST") == []


def test_reset(server):
    slow(server)
    assert ask(server, "LATENCY", "RESET", "nothing") == 0
    assert ask(server, "LATENCY", "RESET", "command", "nothing") == 1
    assert ask(server, "LATENCY", "LATEST") == []
    slow(server)
    assert ask(server, "LATENCY", "RESET") == 1


def test_graph(server):
    with pytest.raises(OracleError, match="ERR No samples available for event 'command'"):
        ask(server, "LATENCY", "GRAPH", "command")
    slow(server)
    graph = ask(server, "LATENCY", "GRAPH", "command").decode().split("\n")
    assert re.fullmatch(r"command - high \d+ ms, low \d+ ms \(all time high \d+ ms\)", graph[0])
    assert graph[1] == "-" * 80 and "#" in graph[5] and graph[-1] == ""


def test_drawing():
    samples = [(100 - i, ms) for i, ms in ((60, 1), (30, 7), (0, 4))]
    assert cold_latency.draw(samples, 100) == [" #", " #", " ##", "###", "130", "m0s", " s"]
    many = [(i, i) for i in range(200)]
    assert max(map(len, cold_latency.draw(many, 200))) == 80


def test_doctor(server):
    ask(server, "CONFIG", "SET", "latency-monitor-threshold", "0")
    assert b"latency-monitor-threshold" in ask(server, "LATENCY", "DOCTOR")
    ask(server, "CONFIG", "SET", "latency-monitor-threshold", "10")
    assert b"No delay" in ask(server, "LATENCY", "DOCTOR")
    slow(server)
    report = ask(server, "LATENCY", "DOCTOR").decode()
    assert "1. command: 1 delays" in report and "SLOWLOG" in report


@pytest.mark.parametrize("name", ["command", "fast-command", "expire-cycle", "eviction-cycle",
                                  "aof-write", "aof-fsync-always"])
def test_every_event_has_advice(name):
    assert name.split("-")[0] in cold_latency.ADVICE


def test_histogram(server):
    for i in range(30):
        ask(server, "SET", f"k{i}", "v")
    ask(server, "CONFIG", "GET", "maxmemory")
    ask(server, "CONFIG", "GET", "maxmemory")
    found = pairs(ask(server, "LATENCY", "HISTOGRAM"))
    assert set(found) == {b"set", b"config|get"}
    one = pairs(found[b"set"])
    counts = pairs(one[b"histogram_usec"])
    assert one[b"calls"] == 30 == list(counts.values())[-1]
    assert all(bound & (bound - 1) == 0 for bound in counts), "powers of two"
    assert list(counts.values()) == sorted(counts.values())
    # A container stands for its subcommands; what is unknown or was not called is left out.
    asked = pairs(ask(server, "LATENCY", "HISTOGRAM", "CONFIG", "get", "nosuch"))
    assert set(asked) == {b"config|get"}


@pytest.mark.oracle
def test_shapes_are_valkeys(server, valkey):
    def shape(value):
        return [shape(item) for item in value] if isinstance(value, list) else type(value)
    slow(server)
    valkey.ask("CONFIG", "SET", "latency-monitor-threshold", "1")
    try:
        # No DEBUG there: a sum over many bits is slow enough.
        valkey.ask("SETBIT", "latency-test", "800000000", "1")
        valkey.ask("BITCOUNT", "latency-test")
        valkey.ask("DEL", "latency-test")
        theirs = valkey.ask("LATENCY", "LATEST")
    finally:
        valkey.ask("CONFIG", "SET", "latency-monitor-threshold", "0")
        valkey.ask("LATENCY", "RESET")
    if theirs:
        assert shape(ask(server, "LATENCY", "LATEST"))[0] == shape(theirs)[0]
    theirs = valkey.ask("LATENCY", "HISTOGRAM", "info")
    ours = ask(server, "LATENCY", "HISTOGRAM", "debug")
    assert shape(ours)[1][:2] == (shape(theirs)[1][:2] if theirs else [bytes, int])
