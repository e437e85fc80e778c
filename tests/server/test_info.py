"""INFO. Goal: whoever reads Valkey's INFO reads ours, and what it says is so. Method: the fields
and sections of a live Valkey are all here, in its order of sections; figures are compared with
what this test itself has done to the engine."""
import re

import pytest

from kvd.engine.server import cold_info
from kvd.engine.server.server import Server
from tests.kvd.server import Served
from tests.oracle import Link

# Fields of things that only some servers have: what is there is listed, not announced.
OPTIONAL = re.compile(r"listener\d|module$|engine_\d|db\d|cmdstat_|errorstat_|latency_percentiles")


@pytest.fixture
def server():
    server = Server(latency_monitor_threshold=1)
    yield server
    assert server.close(), "the engine kept memory"


def text(server, *sections: str) -> str:
    reply = server.execute(b"INFO", *(section.encode() for section in sections))
    assert reply.startswith(b"$"), reply
    return reply.split(b"\r\n", 1)[1][:-2].decode()


def fields(text: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in text.split("\r\n") if line and line[0] != "#")


def titles(text: str) -> list[str]:
    return [line[2:] for line in text.split("\r\n") if line.startswith("# ")]


@pytest.mark.oracle
@pytest.mark.parametrize("asked", [
    "", "default", "all", "everything", "server clients", "clients server", "SERVER nonsense",
    "commandstats errorstats", "keyspace", "nonsense", "persistence default", "cluster_info",
])
def test_sections_are_valkeys(server, valkey, asked):
    theirs = valkey.ask("INFO", *asked.split()).decode()
    assert titles(text(server, *asked.split())) == titles(theirs)


@pytest.mark.oracle
def test_fields_are_valkeys(server, valkey):
    ours, theirs = fields(text(server, "all")), fields(valkey.ask("INFO", "all").decode())
    missing = {name for name in theirs if name not in ours and not OPTIONAL.match(name)}
    assert not missing


def test_fields_of_redis_are_there_too(server):
    assert {"redis_mode", "aof_enabled", "role"} <= set(fields(text(server)))


def test_layout(server):
    reply = server.execute(b"INFO", b"server", b"cpu")
    assert reply.startswith(b"$") and b"\r\n# Server\r\nredis_version:" in reply
    assert b"\r\n\r\n# CPU\r\n" in reply
    assert server.execute(b"INFO", b"nonsense") == b"$0\r\n\r\n"


def test_keyspace(server):
    for i in range(10):
        server.execute(b"SET", b"key:%d" % i, b"v")
    for i in range(4):
        server.execute(b"PEXPIRE", b"key:%d" % i, b"100000")
    found = fields(text(server, "keyspace"))
    assert list(found) == ["db0"]
    keys = dict(pair.split("=") for pair in found["db0"].split(","))
    assert keys["keys"] == "10" and keys["expires"] == "4"
    assert 90000 < int(keys["avg_ttl"]) <= 100000
    assert keys["keys_with_volatile_items"] == "0"


def test_huge_deadlines_have_an_average(server):
    for i in range(3):
        server.execute(b"SET", b"k%d" % i, b"v", b"PXAT", b"%d" % (2**63 - 1 - i))
    assert "avg_ttl=9223" in text(server, "keyspace")


def test_commandstats_and_errors(server):
    server.execute(b"SET", b"k", b"text")
    server.execute(b"GET", b"k")
    server.execute(b"GET", b"k")
    server.execute(b"GET")
    server.execute(b"INCR", b"k")
    server.execute(b"NOSUCH")
    found = fields(text(server, "commandstats", "errorstats", "stats"))
    stats = {name[8:]: dict(pair.split("=") for pair in value.split(","))
             for name, value in found.items() if name.startswith("cmdstat_")}
    count = {name: [int(one[k]) for k in ("calls", "rejected_calls", "failed_calls")]
             for name, one in stats.items()}
    assert count == {"set": [1, 0, 0], "get": [2, 1, 0], "incr": [1, 0, 1]}
    assert found["errorstat_ERR"] == "count=3"
    assert found["total_error_replies"] == "3" and found["unexpected_error_replies"] == "0"
    assert found["total_commands_processed"] == "4"
    assert found["keyspace_hits"] == "2" and found["keyspace_misses"] == "0"


def test_error_codes(server):
    server.execute(b"SETRANGE", b"k", b"0", b"x")
    server.execute(b"MULTI")
    server.execute(b"NOSUCH")
    assert server.execute(b"EXEC").startswith(b"-EXECABORT")
    found = fields(text(server, "errorstats"))
    assert found == {"errorstat_ERR": "count=1", "errorstat_EXECABORT": "count=1"}
    server.execute(b"EVAL", b"return {err = 'A:b#c,d=e x'}", b"0")
    assert fields(text(server, "errorstats"))["errorstat_A_b_c,d=e"] == "count=1"


def test_an_error_inside_exec_is_not_laid_to_exec(server):
    server.execute(b"SET", b"k", b"text")
    server.execute(b"MULTI")
    server.execute(b"INCR", b"k")
    server.execute(b"EXEC")
    found = fields(text(server, "commandstats", "errorstats"))
    assert "failed_calls=0" in found["cmdstat_exec"] and "failed_calls=1" in found["cmdstat_incr"]
    assert found["errorstat_ERR"] == "count=1"


def test_latencystats(server):
    for _ in range(100):
        server.execute(b"SET", b"k", b"v")
    found = fields(text(server, "latencystats"))
    p50, p99, p999 = (float(pair.split("=")[1])
                      for pair in found["latency_percentiles_usec_set"].split(","))
    assert 0 < p50 <= p99 <= p999 < 1e6
    assert [pair.split("=")[0] for pair in found["latency_percentiles_usec_set"].split(",")] == [
        "p50", "p99", "p99.9"]


@pytest.mark.parametrize("percent, expected", [(0, 1.0), (50, 1.0), (50.1, 2.0), (99, 2.0),
                                               (100, 8.0)])
def test_percentile(percent, expected):
    assert cold_info.percentile([(1.0, 50), (2.0, 49), (8.0, 1)], percent) == expected


def test_memory(server):
    before = fields(text(server, "memory"))
    server.execute(b"SET", b"k", b"x" * 1_000_000)
    after = fields(text(server, "memory"))
    assert 1_000_000 <= int(after["used_memory"]) - int(before["used_memory"]) < 1_200_000
    # The reply to INFO itself stood in a buffer when it was counted.
    assert 0 <= int(after["used_memory"]) - server.used_memory <= 65536
    assert int(after["used_memory_peak"]) >= int(after["used_memory"])
    assert 990_000 < int(after["used_memory_dataset"]) < 1_200_000
    assert int(after["used_memory_overhead"]) + int(after["used_memory_dataset"]) == int(
        after["used_memory"])
    assert int(after["used_memory_rss"]) > 1_000_000
    server.execute(b"DEL", b"k")
    gone = fields(text(server, "memory"))
    assert int(gone["used_memory"]) < int(after["used_memory"]) - 900_000
    assert int(gone["used_memory_peak"]) >= int(after["used_memory"])


@pytest.mark.parametrize("size, expected", [
    (0, "0B"), (1023, "1023B"), (1536, "1.50K"), (1048576, "1.00M"), (5 << 30, "5.00G"),
    (1 << 50, "1.00P"), (3 << 60, "3072.00P"),
])
def test_human(size, expected):
    assert cold_info.human(size) == expected


def test_resetstat(server):
    for _ in range(5):
        server.execute(b"GET", b"k")
        server.execute(b"NOSUCH")
    assert server.execute(b"CONFIG", b"RESETSTAT") == b"+OK\r\n"
    found = fields(text(server, "stats", "errorstats", "commandstats", "latencystats"))
    assert found["total_commands_processed"] == "1"        # RESETSTAT itself
    assert found["keyspace_misses"] == found["total_error_replies"] == "0"
    assert not [name for name in found if name.startswith("errorstat_") or "get" in name.split("_")]


def test_identity():
    server = Server(server_identity="redis")
    found = fields(text(server, "server"))
    assert found["redis_version"] == "7.2.4" and "valkey_version" not in found
    assert server.close()


def test_run_id_names_one_run(server):
    other = Server()
    ids = {fields(text(one, "server"))["run_id"] for one in (server, other)}
    assert len(ids) == 2 and all(re.fullmatch("[0-9a-f]{40}", one) for one in ids)
    assert other.close()


def test_an_engine_that_listens_nowhere_shows_no_listener(server):
    assert "listener0" not in fields(text(server, "server"))


@pytest.mark.oracle
def test_listeners_are_numbered_by_their_kind(valkey, tmp_path):
    theirs = fields(valkey.ask("INFO", "server").decode())
    assert theirs["listener1"] == f"name=unix,bind={valkey.path}" and "listener0" not in theirs
    served = Served(tmp_path, "--port", "0", "--unixsocket", str(tmp_path / "s"))
    link = Link(str(tmp_path / "s"))
    try:
        ours = fields(link.execute(b"INFO", b"server").decode().split("\r\n", 1)[1])
        assert ours["listener1"] == f"name=unix,bind={tmp_path / 's'}" and "listener0" not in ours
    finally:
        link.close()
        assert served.end() == 0
