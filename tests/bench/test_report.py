"""Goal: the page says what the files say, names what is missing and what missed its goal.

Method: small results written by hand, rendered, and looked for.
"""
import json

from bench import record, release, report, serve, tls
from bench.cases import GET, SET


def header(question):
    return {"question": question, "commit": "abc", "date": "today", "settings": {"rounds": 3},
            "machine": {"cpu": "a cpu", "cores": 2, "kernel": "6", "memory_gb": 1,
                        "load_before": 0},
            "peers": {"kvd": {"version": "kvd 1", "allocator": "own", "flags": "--save ''"}}}


def rounds(server_us, rate, busy=0.5):
    return [{"seconds": 1, "requests_per_s": rate * wobble, "server_us": server_us * wobble,
             "generator_busy": busy, "server_busy": 0.97} for wobble in (0.9, 1.0, 1.1)]


def serve_row(case, depth, ours, theirs, busy=0.5):
    return serve.row(case, depth, 1000, {"kvd": rounds(*ours, busy), "valkey": rounds(*theirs)},
                     {"redis": "-ERR unknown command"})


def test_ratios_are_taken_within_a_round():
    row = serve_row(GET, 16, (0.3, 3e6), (1.0, 1e6))
    ratio = row["ratios"]["valkey"]["server_us"]
    assert abs(ratio["median"] - 0.3) < 1e-9 and abs(ratio["max"] - ratio["min"]) < 1e-9
    assert row["generator_is_limit"] == {"kvd": False, "valkey": False}


def test_serve_page_states_goals(tmp_path):
    rows = [serve_row(GET, 16, (0.3, 3e6), (1.0, 1e6)),
            serve_row(SET, 64, (0.9, 1.2e6), (1.0, 1e6)),
            serve_row(GET, 64, (0.3, 3e6), (1.0, 1e6), busy=0.99)]
    record.write("serve", header("serve") | {"rows": rows}, tmp_path)
    page = report.render(tmp_path)
    get, set_, limited = [line for line in page.splitlines() if line.startswith(("| GET", "| SET"))]
    assert "0.30 (0.30 to 0.30) | <= 0.55 |" in get and "missed" not in get
    assert "<= 0.40: **missed**" in set_ and ">= 1.50: **missed**" in set_
    assert "the generator is the limit" in limited
    assert "SET on redis, `-ERR unknown command`" in page
    assert "No result of `python -m bench.memory`" in page and "a cpu, 2 cores" in page


def test_files_are_json_with_a_line_a_row(tmp_path):
    path = record.write("x", {"a": 1 / 3, "rows": [{"b": 2}, {"b": [1.23456789]}], "e": []},
                        tmp_path)
    assert json.loads(path.read_text()) == {
        "a": 0.333333, "rows": [{"b": 2}, {"b": [1.23457]}], "e": []}
    assert len(path.read_text().splitlines()) == 8


def test_memory_and_evict_pages(tmp_path):
    point = {"keys": 10**6, "used_per_key": 61.5, "resident_per_key": 64.25,
             "resident_over_used": 1.04}
    record.write("memory", header("memory") | {
        "settings": {"keys": 10**6},
        "answers": {"plain": {"kvd": point}, "ttl": {"kvd": point}, "fills": {"kvd": [point]},
                    "churn": {"kvd": {"refilled": point, "rested": point}}}}, tmp_path)
    got = {"hit_ratio": 0.8, "keys_held": 10, "turnover_s": 9.0}
    record.write("evict", header("evict") | {"rows": [
        {"workload": "zipf", "policy": "allkeys-lru", "budget_bytes": 10**7,
         "peers": {"kvd": got, "valkey": got | {"hit_ratio": 0.75}}}]}, tmp_path)
    page = report.render(tmp_path)
    assert "| kvd | 61.5 / 64.2 | 61.5 / 64.2 | 61.5 / 64.2 | 1.04 / 1.04 |" in page
    assert "+5.00 points" in page


def test_tls_page_states_goals(tmp_path):
    rows = [tls.summed("get", depth, 1000, {"kvd": rounds(ours, 2e5), "redis": rounds(2.0, 1e5)})
            for depth, ours in ((16, 1.0), (1, 1.8))]
    took = {"p50_ms": 0.1, "p99_ms": 0.5, "max_ms": 0.75}
    record.write("tls", header("tls") | {"rows": rows, "handshakes": [
        {"case": "handshakes", "peer": "kvd", "alone": took, "beside": took,
         "handshakes_per_s": 300.4, "server_us_per_handshake": 650.0}]}, tmp_path)
    page = report.render(tmp_path)
    assert "| GET | 16 | 1.00 | 2.00 | 0.50 (0.50 to 0.50) | at most 0.6 | 2.00" in page
    assert "| 0.90 (0.90 to 0.90) | at most 0.85: **missed** |" in page
    assert "| kvd | 300 | 650 | 0.100 | 0.500 | 0.750 | 0.100 | 0.500 | 0.750 |" in page


def test_turns_page_holds_what_frees_to_a_goal(tmp_path):
    def row(route, longest, command=0.01):
        return release.summed("hash", route, [{"command_ms": command, "longest_turn_ms": ms,
                                               "turns": 600} for ms in longest])
    rows = [row("del", (0.6, 0.7, 0.8)), row("expire", (0.6, 2.4, 2.5)),
            row("set over", (0.5, 0.5, 0.5), command=3.0), row("rewrite", (3.0, 3.1, 3.2))]
    record.write("turns", header("turns") | {
        "settings": {"elements": 10_000_000, "rounds": 3}, "rows": rows}, tmp_path)
    page = report.render(tmp_path)
    assert "A key of 10,000,000 elements goes" in page
    assert "| hash | del | 0.01 | 0.70 (0.60 to 0.80) | 600 | at most 2 |" in page
    assert "| hash | expire | 0.01 | 2.40 (0.60 to 2.50) | 600 | at most 2: **missed** |" in page
    assert "| hash | set over | 3.00 | 0.50 (0.50 to 0.50) | 600 | at most 2: **missed** |" in page
    assert "| hash | rewrite | 0.01 | 3.10 (3.00 to 3.20) | 600 |  |" in page
