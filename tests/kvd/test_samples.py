"""Metrics and logs. Goal: what is read back is what was written, averaged over the right slots,
through turns of the ring and jumps of the clock; a follower of a log misses no line. Method:
synthetic samples at chosen times against means computed here; files that are turned over."""
import os
import random

import pytest

from kvd.agent import logs, metrics
from kvd.errors import BadRequest
from kvd.home import Home


@pytest.fixture
def place(tmp_path):
    home = Home(tmp_path / "home")
    home.prepare()
    place = home.instance("red-x")
    place.prepare()
    return place


def add(rings, at, value):
    rings.add(dict.fromkeys(metrics.METRICS, float(value)), at)


def test_points_are_means_of_their_slots(place, monkeypatch):
    rng, rings, start = random.Random(4), metrics.Rings(place), 1_700_000_000
    monkeypatch.setattr(metrics.time, "time", lambda: float(start + 7200))
    values = [rng.uniform(0, 100) for _ in range(720)]
    for number, value in enumerate(values):
        add(rings, start + 10 * number, value)
    found = rings.read(["cpu"], start, start + 7200, 10)["cpu"]
    assert [value for _, value in found] == pytest.approx(values)
    assert [at for at, _ in found] == [start + 10 * number for number in range(720)]
    minutes = rings.read(["memory"], start, start + 7200, 60)["memory"]
    whole = [point for point in minutes if start <= point[0]]
    at = whole[0][0]
    expected = [value for number, value in enumerate(values)
                if at <= start + 10 * number < at + 60]
    assert whole[0][1] == pytest.approx(sum(expected) / len(expected))
    coarse = rings.read(["memory"], start, start + 7200, 1200)["memory"]
    assert 6 <= len(coarse) <= 8


def test_a_ring_forgets_and_takes_no_more_room(place, monkeypatch):
    rings, start = metrics.Rings(place), 1_700_000_000
    monkeypatch.setattr(metrics, "RINGS", {10: 60, 60: 20, 600: 10})
    for number in range(0, 3000, 10):
        add(rings, start + number, number)
    monkeypatch.setattr(metrics.time, "time", lambda: float(start + 3000))
    assert {path.stat().st_size <= 60 * metrics.ROW.size
            for path in place.metrics.iterdir()} == {True}
    assert rings.read(["cpu"], start + 2500, start + 3000, 10)["cpu"][-1] == (start + 2990, 2990)
    old = rings.read(["cpu"], start, start + 100, 10)["cpu"]
    assert all(at >= start - 600 for at, _ in old)


def test_a_clock_that_jumps_back_harms_nothing(place, monkeypatch):
    rings, start = metrics.Rings(place), 1_700_000_000
    for at in (start, start + 10, start - 86_400 * 3 + 5000, start + 20):
        add(rings, at, 1)
    monkeypatch.setattr(metrics.time, "time", lambda: float(start + 30))
    assert [at for at, _ in rings.read(["cpu"], start, start + 30, 10)["cpu"]] \
        == [start, start + 10, start + 20]


def test_ranges_refused(place):
    rings = metrics.Rings(place)
    with pytest.raises(BadRequest, match="ends before"):
        rings.read(["cpu"], 10, 5, 10)
    with pytest.raises(BadRequest, match="too many points"):
        rings.read(["cpu"], 0, 30 * 86_400, 10)
    assert rings.read(["cpu"], 0, 100, 10) == {"cpu": []}


def test_counters_become_rates():
    process = {"cpu": 1.0, "rss": 4096, "disk_read": 0.0, "disk_write": 100.0}
    facts = {"total_commands_processed": "100", "used_memory": "50", "connected_clients": "3",
             "db0": "keys=5,expires=0", "db3": "keys=2,expires=0", "blocked_clients": "1"}
    first, last = metrics.make_sample(facts, process, 1000.0, None, 1)
    assert first["commands"] == 0 and first["keys"] == 7 and first["connections"] == 2
    later = facts | {"total_commands_processed": "300"}
    second, last = metrics.make_sample(later, process | {"cpu": 3.0}, 1010.0, last, 1)
    assert second["commands"] == 20 and second["cpu"] == pytest.approx(0.2)
    third, _ = metrics.make_sample(facts, process, 1020.0, last, 1)
    assert third["commands"] == 0, "a new process counts from nothing"


# -- logs -----------------------------------------------------------------------------------------

def line(number: int, mark: str = "*") -> str:
    return f"12:M 2026-11-23T01:16:{number % 60:02}.705+00:00 {mark} event {number}\n"


def test_lines_of_both_forms():
    assert logs.parse(line(5).strip()) == logs.Line("2026-11-23T01:16:05.705+00:00", "notice",
                                                    "event 5")
    legacy = logs.parse("12:M 05 Nov 2026 11:22:33.456 # Oh")
    assert legacy.level == "warning" and legacy.message == "Oh" and legacy.at.startswith(
        "2026-11-05T11:22:33.456")
    assert logs.parse("Traceback (most recent call last):") == logs.Line(
        "", "error", "Traceback (most recent call last):")


def test_tail_reaches_into_older_files(tmp_path):
    path = tmp_path / "engine.log"
    (tmp_path / "engine.log.1").write_text("".join(line(n) for n in range(10)))
    path.write_text("".join(line(n, "#") for n in range(10, 15)))
    found, _ = logs.tail(path, 8)
    assert [one.message for one in found] == [f"event {n}" for n in range(7, 15)]
    assert [one.message for one in logs.tail(path, 9, "warning", "EVENT 14")[0]] == ["event 14"]
    assert logs.tail(tmp_path / "none", 5) == ([], "")


def test_a_follower_misses_nothing_when_the_log_is_turned_over(tmp_path):
    path = tmp_path / "engine.log"
    path.write_text(line(0))
    found, place = logs.tail(path, 10)
    seen, number = [one.message for one in found], 1
    rng = random.Random(9)
    for _ in range(12):
        for _ in range(rng.randrange(4)):
            with open(path, "a") as file:
                file.write(line(number))
            number += 1
        if rng.random() < 0.4:
            logs.rotate(path, size=1)
        found, place = logs.follow(path, place)
        seen += [one.message for one in found]
    assert seen == [f"event {n}" for n in range(number)]


def test_half_a_line_is_left_for_later(tmp_path):
    path = tmp_path / "engine.log"
    path.write_text(line(1) + line(2)[:20])
    found, place = logs.follow(path, f"{path.stat().st_ino}:0")
    assert len(found) == 1
    with open(path, "a") as file:
        file.write(line(2)[20:])
    assert [one.message for one in logs.follow(path, place)[0]] == ["event 2"]
    with pytest.raises(BadRequest):
        logs.follow(path, "../etc")


def test_only_large_logs_are_turned_over_and_only_five_kept(tmp_path):
    path = tmp_path / "engine.log"
    path.write_text("x")
    assert not logs.rotate(path, size=2)
    for number in range(9):
        path.write_text(f"{number}")
        assert logs.rotate(path, size=1)
    assert sorted(os.listdir(tmp_path)) == ["engine.log", *[f"engine.log.{n}" for n in
                                                           range(1, 6)]]
    assert (tmp_path / "engine.log.1").read_text() == "8"
