"""Crashes. Goal: whatever is killed, whenever, what follows is whole: every instance works or is
wholly gone, no engine runs twice or unwatched, nothing acknowledged by a persistent instance is
lost. Method: kill -9 of agent and engines, at fixed and at random instants, then ask."""
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from kvd.errors import Refused
from tests.kvd.installation import Installation

SEED = 20261123


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("recovery"), 21400)
    yield place
    place.end()


def eventually(check, seconds: float = 20):
    deadline = time.monotonic() + seconds
    while True:
        try:
            return check()
        except (AssertionError, Refused):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def test_engines_serve_on_without_the_agent_and_are_taken_over(place):
    made = place.create("adopt")
    pid = place.pid("adopt")
    with place.link("adopt") as link:
        link.do("SET", "a", "1")
        place.kill_agent()
        assert link.do("GET", "a") == b"1"
        assert place.pid("adopt") == pid            # asked of a new agent
        assert link.do("GET", "a") == b"1"
        place.ask("PATCH", f"/key-value/{made['id']}", {"plan": "starter"})
        assert place.wait(made["id"])["plan"] == "starter"
        assert link.do("CONFIG", "GET", "maxclients")[1] == b"250"
    assert place.pid("adopt") == pid


def test_an_engine_that_is_killed_comes_back_with_its_data(place):
    made = place.create("killed", "starter")
    url = place.url("killed")
    with place.link("killed") as link:
        link.many([("SET", f"k{n}", n) for n in range(1000)])
    os.kill(place.pid("killed"), signal.SIGKILL)

    def back():
        with place.link("killed") as link:
            assert link.do("DBSIZE") == 1000
    eventually(back)
    assert place.url("killed") == url
    place.wait(made["id"])
    types = [event["type"] for event in place.ask("GET", "/key-value/killed/events")]
    assert types[:2] == ["key_value_available", "key_value_unhealthy"]
    told = place.ask("GET", "/key-value/killed/events")[1]["details"]["message"]
    assert "was killed by SIGKILL" in told and "is in its journal" in told


def test_the_loss_of_a_free_instance_is_said(place):
    made = place.create("lossy")
    os.kill(place.pid("lossy"), signal.SIGKILL)
    eventually(lambda: place.link("lossy").close())
    place.wait(made["id"])

    def told():                         # once the agent has seen it
        assert any("in memory only and is lost" in event["details"].get("message", "")
                   for event in place.ask("GET", "/key-value/lossy/events"))
    eventually(told)


def test_an_engine_that_cannot_start_is_tried_again_and_says_why(place):
    made = place.create("broken", "starter")
    data = place.home.instance(made["id"]).data / "appendonlydir"
    with place.link("broken") as link:
        link.do("SET", "a", "1")
    manifest = next(data.glob("*.manifest"))
    good = manifest.read_bytes()
    manifest.write_bytes(b"nonsense\n")
    os.kill(place.pid("broken"), signal.SIGKILL)
    eventually(lambda: check_status(place, "broken", "unavailable", "recovery_failed"))
    manifest.write_bytes(good)
    place.wait(made["id"])
    with place.link("broken") as link:
        assert link.do("GET", "a") == b"1"


def check_status(place, name, *statuses):
    found = place.ask("GET", f"/key-value/{name}")
    assert found["status"] in statuses, found["status"]
    return found


def test_an_engine_that_died_while_no_agent_watched(place):
    made = place.create("unwatched", "starter")
    pid = place.pid("unwatched")
    with place.link("unwatched") as link:
        link.do("SET", "a", "1")
    place.kill_agent()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: check_status(place, made["id"], "available"))
    with place.link("unwatched") as link:
        assert link.do("GET", "a") == b"1"
    back, gone = place.ask("GET", "/key-value/unwatched/events")[:2]
    assert gone["type"] == "key_value_unhealthy" and back["type"] == "key_value_available"
    assert "while no agent ran" in gone["details"]["message"]
    assert "is in its journal" in gone["details"]["message"]


def test_a_loss_while_no_agent_watched_is_said(place):
    made = place.create("lost")
    pid = place.pid("lost")
    place.kill_agent()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: check_status(place, made["id"], "available"))
    back, gone = place.ask("GET", "/key-value/lost/events")[:2]
    assert gone["type"] == "key_value_unhealthy"
    assert "in memory only and is lost" in gone["details"]["message"]
    assert "in memory only and is lost" in back["details"]["message"]
    place.kill_agent()                  # one that finds the engine running has nothing to tell
    assert len(place.ask("GET", "/key-value/lost/events")) == 3
    place.ask("DELETE", f"/key-value/{made['id']}")


def test_a_process_that_is_not_ours_is_left_alone(place):
    """Its id stands in the lock of an instance whose engine is gone, and it even runs there."""
    made = place.create("stranger")
    directory = place.home.instance(made["id"]).data
    engine = place.pid("stranger")
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                                cwd="/", env={"KVD_ENGINE_OF": f"another:{made['id']}"})
    try:
        place.kill_agent()
        os.kill(engine, signal.SIGKILL)
        time.sleep(0.1)
        (directory / "kvd.lock").write_text(f"{stranger.pid}\n")
        eventually(lambda: check_status(place, made["id"], "available"))
        place.ask("DELETE", f"/key-value/{made['id']}")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


VERBS = ("create", "upgrade", "suspend", "restart", "delete", "rotate")


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_the_agent_is_killed_within_a_verb(place, verb):
    """At random instants of it; another agent finishes it, or it never was."""
    rng = random.Random(f"{SEED} {verb}")
    for turn in range(4):
        name = f"{verb}-{turn}"
        made = None if verb == "create" else place.create(name, "starter")
        if made:
            with place.link(name) as link:
                link.do("SET", "a", "1")
        thread = threading.Thread(target=attempt, args=(place, verb, name))
        thread.start()
        time.sleep(rng.uniform(0.0, 0.3 if verb in ("create", "restart") else 0.05))
        place.kill_agent()
        thread.join()
        eventually(lambda: whole(place, verb, name))  # noqa: B023


def attempt(place, verb: str, name: str) -> None:
    requests = {"create": ("POST", "/key-value", {"name": name, "plan": "starter"}),
                "upgrade": ("PATCH", f"/key-value/{name}", {"plan": "standard"}),
                "delete": ("DELETE", f"/key-value/{name}", None),
                "rotate": ("POST", f"/key-value/{name}/password/rotate", {})}
    try:
        place.ask(*requests.get(verb, ("POST", f"/key-value/{name}/{verb}", None)))
    except Refused:
        pass                            # the agent was killed before it answered


def whole(place, verb: str, name: str) -> None:
    found = [item["keyValue"] for item in place.ask("GET", "/key-value", name=name)]
    directories = {path.name for path in (place.home.root / "instances").iterdir()}
    known = {item["keyValue"]["id"] for item in place.ask("GET", "/key-value", limit=100)}
    assert directories == known, "directories and instances differ"
    if not found:
        assert verb in ("create", "delete")
        return
    instance, = found
    assert instance["status"] in ("available", "suspended"), instance["status"]
    if instance["status"] == "suspended":
        assert verb == "suspend" and place.pid(name) is None
        return
    with place.link(name) as link:
        assert link.do("PING") == b"PONG"
        if verb != "create":
            assert link.do("GET", "a") == b"1"
        assert int(link.do("CONFIG", "GET", "maxmemory")[1]) == instance["limits"]["memoryBytes"]
    running = [pid for pid in place.marked()
               if instance["id"] in os.readlink(f"/proc/{pid}/cwd")]
    assert running == [place.pid(name)], "one engine, and the agent knows it"


def test_two_agents_at_once_are_one(place):
    place.ask("POST", "/agent/stop")
    eventually(lambda: check_gone(place))
    runs = [subprocess.Popen([sys.executable, "-m", "kvd", "list"], env=place.environment,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    assert [run.communicate(timeout=60) and run.returncode for run in runs] == [0] * 4
    agents = [name for name in os.listdir("/proc") if name.isdigit() and agent_of(name, place)]
    assert agents == [str(place.agent_pid())]


def check_gone(place):
    assert place.home.holder() is None


def agent_of(name: str, place) -> bool:
    try:
        line = open(f"/proc/{name}/cmdline").read().split("\0")
        return line[-3:-1] == ["agent", "run"] and os.readlink(f"/proc/{name}/cwd") == str(
            place.home.root)
    except OSError:
        return False
