"""The verbs without an agent process. Goal: what the world does to them (a full disk, a port that
is taken, an agent that ends while an engine loads) leaves instances as they were and is said in a
sentence. Method: Verbs in this process on a temporary home, faults put in by hand."""
import errno
import os
import socket
import threading
import time

import pytest

from kvd.agent import process
from kvd.agent.verbs import Verbs
from kvd.client import Link
from kvd.errors import Failed
from kvd.home import Home
from kvd.state import State


@pytest.fixture
def verbs(tmp_path):
    home = Home(tmp_path / "home")
    home.prepare()
    state = State(home)
    state.set_setting("ports", "23300-23399")
    said = []
    verbs = Verbs(home, state, said.append)
    verbs.said = said
    verbs.start()
    yield verbs
    for instance in state.instances():
        verbs.delete(instance.id)
    verbs.stop()
    state.close()
    assert list((home.root / "instances").iterdir()) == []


def wait(verbs, id, *statuses):
    deadline = time.monotonic() + 20
    while True:
        found = verbs.state.find(id)
        status = found.status if found else "gone"
        if status in statuses:
            return found
        assert time.monotonic() < deadline, (status, verbs.said)
        time.sleep(0.01)


def eventually(holds) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def full(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_while_creating(verbs, monkeypatch):
    monkeypatch.setattr(process, "write_private", full)
    made = verbs.create("a", "free")
    wait(verbs, made.id, "gone")
    assert verbs.why_gone(made.id) == "cannot start a: the disk is full"
    monkeypatch.undo()
    wait(verbs, verbs.create("a", "free").id, "available")


def test_a_port_that_is_taken_while_the_engine_was_away(verbs):
    made = wait(verbs, verbs.create("a", "free").id, "available")
    verbs.suspend("a")
    with socket.socket() as rival:
        rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        rival.bind(("127.0.0.1", made.internal_port))
        rival.listen()
        verbs.resume("a")
        wait(verbs, made.id, "unavailable", "recovery_failed")
        eventually(lambda: f"port {made.internal_port} of 127.0.0.1 is in use"
                   in verbs.state.events(made.id, 5)[0].details["message"])
    wait(verbs, made.id, "available")           # it was tried again
    Link.url(made.internal_url("127.0.0.1")).close()


def test_an_agent_that_ends_does_not_wait_for_an_engine_that_loads(verbs, monkeypatch):
    made = wait(verbs, verbs.create("a", "free").id, "available")
    engine = verbs.watch.get(made.id)
    os.kill(engine.process.pid, 19)             # SIGSTOP: it answers nobody
    engine.close()
    errors = []

    def reach():
        try:
            verbs.reach(engine, made, 600)
        except Failed as error:
            errors.append(error)

    thread = threading.Thread(target=reach)
    thread.start()
    time.sleep(0.2)
    engine.left = True
    os.kill(engine.process.pid, 18)
    thread.join(15)
    assert not thread.is_alive()
    engine.left = False


def test_samples_are_taken(verbs):
    made = wait(verbs, verbs.create("a", "free").id, "available")
    with Link.url(made.internal_url("127.0.0.1")) as link:
        link.do("SET", "k", "x" * 1000)
        verbs.watch.tick()
        sample = verbs.watch.get(made.id).sample
        assert sample["keys"] == 1 and sample["connections"] == 1 and sample["memory"] > 1000
        assert sample["rss"] > 1 << 20
    from kvd.agent.metrics import Rings
    now = time.time()
    rings = Rings(verbs.home.instance(made.id))
    assert rings.read(["keys"], now - 60, now, 10)["keys"][-1][1] == 1


def test_an_overlap_ends(verbs, monkeypatch):
    made = wait(verbs, verbs.create("a", "free", internal_auth=True).id, "available")
    if "users" in verbs.watch.get(made.id).missing:
        pytest.skip("this engine knows no users")
    after = verbs.rotate_password("a", 0.2)
    assert after.old_password == made.password
    time.sleep(0.25)
    verbs.tick()
    eventually(lambda: not verbs.state.get("a").old_password and not verbs.state.intents())
    assert Link.url(after.internal_url("127.0.0.1")).do("PING") == b"PONG"
    with pytest.raises(Exception, match="WRONGPASS"):
        Link.url(made.internal_url("127.0.0.1").replace(after.password, made.password))
