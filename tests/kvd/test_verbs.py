"""The verbs without an agent process. Goal: what the world does to them (a full disk, a port that
is taken, an agent that ends while an engine loads) leaves instances as they were and is said in a
sentence. Method: Verbs in this process on a temporary home, faults put in by hand."""
import contextlib
import errno
import os
import re
import signal
import socket
import threading
import time

import pytest

from kvd.agent import process
from kvd.agent.verbs import OPTIONS, Verbs
from kvd.client import Link
from kvd.errors import Conflict, Failed, NotFound
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


@contextlib.contextmanager
def stopped(engine):
    """It hangs: alive, and answering nobody."""
    os.kill(engine.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(engine.process.pid, signal.SIGCONT)


def sample_now(verbs, seconds: float) -> None:
    """From now on so often, and with so much time for the answer."""
    verbs.watch.sample_seconds = verbs.watch.reply_seconds = seconds
    verbs.watch.later(0.0, verbs.watch.tick)


def events(verbs, id) -> list[str]:
    return [event.type for event in verbs.state.events(id, 20)]


def test_an_engine_that_hangs_is_told_and_not_killed(verbs):
    made = wait(verbs, verbs.create("a", "free").id, "available")
    engine = verbs.watch.get(made.id)
    with stopped(engine):
        sample_now(verbs, 0.05)
        wait(verbs, made.id, "unavailable")
        assert not engine.process.ended and engine.link is None
        verbs.watch.reply_seconds = 5.0
    wait(verbs, made.id, "available")
    assert verbs.watch.get(made.id) is engine and engine.misses == 0
    assert events(verbs, made.id)[:2] == ["key_value_available", "key_value_unhealthy"]
    assert events(verbs, made.id).count("key_value_unhealthy") == 1


def test_one_sample_that_is_late_is_no_illness(verbs):
    made = wait(verbs, verbs.create("a", "free").id, "available")
    engine = verbs.watch.get(made.id)
    verbs.watch.reply_seconds = 0.05
    with stopped(engine):
        verbs.watch.later(0.0, verbs.watch.tick)
        eventually(lambda: engine.misses)
        verbs.watch.reply_seconds = 5.0
    verbs.watch.later(0.0, verbs.watch.tick)
    eventually(lambda: engine.link is not None and engine.misses == 0)
    assert events(verbs, made.id) == ["key_value_available"]


def test_an_engine_that_hangs_keeps_nobody_waiting(verbs):
    """No sample is given up within this test: were the watcher to wait for one, it would stand."""
    first = wait(verbs, verbs.create("a", "starter").id, "available")
    second = wait(verbs, verbs.create("b", "starter").id, "available")
    with stopped(verbs.watch.get(first.id)):
        verbs.watch.reply_seconds = 3600.0
        verbs.watch.later(0.0, verbs.watch.tick)
        engine = verbs.watch.get(second.id)
        eventually(lambda: engine.sample)
        engine.process.signal(signal.SIGKILL)
        eventually(lambda: verbs.watch.get(second.id) not in (None, engine))
        wait(verbs, second.id, "available")
    eventually(lambda: verbs.watch.get(first.id).sample)


def test_a_change_of_an_engine_that_hangs_is_refused_and_not_passed_over(verbs, monkeypatch):
    monkeypatch.setattr("kvd.agent.verbs.ANSWER_SECONDS", 0.01)
    monkeypatch.setattr("kvd.agent.keeper.REACH_SECONDS", 0.2)
    made = wait(verbs, verbs.create("a", "free").id, "available")
    engine = verbs.watch.get(made.id)
    engine.link.timeout(0.2)
    with stopped(engine), pytest.raises(Failed, match="a does not answer"):
        verbs.update("a", policy="noeviction")
    assert verbs.state.get("a") == made and not verbs.state.intents()


def test_what_the_engine_refuses_leaves_everything_as_it_was(verbs, monkeypatch):
    monkeypatch.setitem(OPTIONS, "timeout", (re.compile(".*"), "anything"))
    made = wait(verbs, verbs.create("a", "free").id, "available")
    with pytest.raises(Failed, match="argument couldn't be parsed"):
        verbs.update("a", options={"timeout": "soon"}, name="b")
    assert verbs.state.get("a") == made and not verbs.state.intents()
    with Link.url(made.internal_url("127.0.0.1")) as link:
        assert link.do("CONFIG", "GET", "timeout")[1] == b"0"


def test_a_change_that_fails_late_is_told(verbs, monkeypatch):
    """The caller was answered when it had begun: what became of it stands in the events."""
    monkeypatch.setattr("kvd.agent.verbs.ANSWER_SECONDS", 0.01)
    made = wait(verbs, verbs.create("a", "free").id, "available")
    release = threading.Event()

    def fail(engine, instance, doors):
        if instance.policy == "noeviction":
            release.wait(10)
            raise Failed("the moon is full")

    monkeypatch.setattr("kvd.agent.control.apply", fail)
    answer = verbs.update("a", policy="noeviction")
    assert answer.policy == "noeviction" and answer.status == "config_restart"
    release.set()
    after = wait(verbs, made.id, "available")
    assert after.policy == made.policy
    event, = verbs.state.events(made.id, 1)
    assert event.type == "change_failed" and "the moon is full" in event.details["message"]


def test_an_engine_that_hangs_when_an_agent_starts_is_left_alive(verbs, monkeypatch):
    monkeypatch.setattr("kvd.agent.keeper.REACH_SECONDS", 0.2)
    made = wait(verbs, verbs.create("a", "free").id, "available")
    pid = verbs.watch.get(made.id).process.pid
    verbs.stop()
    os.kill(pid, signal.SIGSTOP)
    again = Verbs(verbs.home, verbs.state, verbs.said.append)
    again.said = verbs.said
    try:
        again.start()
        wait(again, made.id, "unavailable")
        assert again.watch.get(made.id).process.pid == pid
        os.kill(pid, signal.SIGCONT)
        sample_now(again, 1.0)
        wait(again, made.id, "available")
        assert again.watch.get(made.id).process.pid == pid
    finally:
        again.delete("a")
        again.stop()


def test_an_engine_that_knows_no_control_socket_is_started_anew(verbs, monkeypatch):
    """As an older kvd has started it: there we are anybody, and are asked for a password."""
    monkeypatch.setattr(process, "TEMPLATE", process.TEMPLATE.replace(
        "control-socket control.sock", "unixsocket control.sock\nrequirepass secret"))
    made = verbs.create("a", "starter")
    wait(verbs, made.id, "gone")
    assert "NOAUTH" in verbs.why_gone(made.id)
    monkeypatch.undo()
    made = wait(verbs, verbs.create("a", "starter").id, "available")
    engine = verbs.watch.get(made.id)
    with Link.unix(engine.place.control) as link:
        assert link.do("ACL", "WHOAMI") and link.do("CONFIG", "GET", "requirepass")


def test_an_engine_that_no_agent_knows_of_is_found(verbs, monkeypatch):
    """As when an agent is killed between fork and exec: the next one saw no mark and starts
    another, which cannot have the directory."""
    made = wait(verbs, verbs.create("a", "starter").id, "available")
    engine = verbs.watch.remove(made.id)
    engine.close()
    verbs.submit(verbs.bring_up, made.id, True)
    eventually(lambda: verbs.watch.get(made.id) is not None
               and verbs.watch.get(made.id).process.pid == engine.process.pid)
    wait(verbs, made.id, "available")
    engine.process.close()


def test_a_port_that_is_taken_while_creating(verbs, monkeypatch):
    """Somebody takes it between our look and the engine's: the instance never was."""
    monkeypatch.setattr("kvd.agent.verbs.can_bind", lambda host, port: True)
    with socket.socket() as rival:
        rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        rival.bind(("127.0.0.1", 23300))
        rival.listen()
        made = verbs.create("a", "free")
        wait(verbs, made.id, "gone")
    assert "port 23300 of 127.0.0.1 is in use" in verbs.why_gone(made.id)
    assert verbs.why_gone("a") == verbs.why_gone(made.id), "by its name, too"
    assert not (verbs.home.root / "instances" / made.id).exists()


def test_an_address_that_is_not_ours_takes_no_port(verbs):
    verbs.state.set_setting("internal-host", "192.0.2.1")      # it was ours once
    with pytest.raises(Conflict, match="192.0.2.1 is no address of this machine"):
        verbs.create("a", "starter")


def test_a_wish_is_held_against_the_record_as_it_is_then(verbs):
    """Two at once: the second is computed when the first is done."""
    made = wait(verbs, verbs.create("a", "free").id, "available")
    with verbs.holding(made.id):
        first = verbs.submit(verbs.update, "a")
        edits = [threading.Thread(target=verbs.update, args=("a",),
                                  kwargs={"add_rules": [(f"10.0.{n}.0/24", None)]})
                 for n in range(4)]
        edits.append(threading.Thread(target=verbs.update, args=("a",),
                                      kwargs={"options": {"timeout": "5"}}))
        edits.append(threading.Thread(target=verbs.update, args=("a",),
                                      kwargs={"options": {"tcp-keepalive": "7"}}))
        for edit in edits:
            edit.start()
        assert first.result(10) == made
    for edit in edits:
        edit.join(20)
    after = verbs.state.get("a")
    assert len(after.allowlist) == 4
    assert after.options == {"timeout": "5", "tcp-keepalive": "7"}
    with pytest.raises(NotFound, match="11.0.0.0/8 is not on the allowlist: 10.0."):
        verbs.update("a", remove_networks=["11.0.0.0/8"])


def test_what_changes_is_told(verbs):
    wait(verbs, verbs.create("a", "free").id, "available")
    verbs.update("a", add_rules=[("10.0.0.0/8", "office")])
    verbs.internal_auth("a", True)
    verbs.internal_auth("a", True)      # it is: nothing to tell
    verbs.rotate_password("a", 0.0)
    verbs.rotate_password("a", 0.0, dry_run=True)
    verbs.update("a", options={"timeout": "5"})
    told = [(event.type, event.details["message"]) for event in
            verbs.state.events(verbs.state.get("a").id, 20)]
    assert told == [("settings_changed", "timeout 5"), ("password_rotated", "a new password"),
                    ("internal_auth_changed", "on"), ("ip_allow_list_changed", "10.0.0.0/8"),
                    ("key_value_available", "created")]


def test_no_ports_are_left(verbs):
    verbs.state.set_setting("ports", "23300-23301")
    wait(verbs, verbs.create("a", "starter").id, "available")
    with pytest.raises(Conflict, match="no two ports are free from 23300 to 23301"):
        verbs.create("b", "starter")
    assert [one.name for one in verbs.state.instances()] == ["a"]


def test_samples_are_taken(verbs):
    made = wait(verbs, verbs.create("a", "free").id, "available")
    with Link.url(made.internal_url("127.0.0.1")) as link:
        link.do("SET", "k", "x" * 1000)
        verbs.watch.later(0.0, verbs.watch.tick)
        eventually(lambda: verbs.watch.get(made.id).sample)
        sample = verbs.watch.get(made.id).sample
        assert sample["keys"] == 1 and sample["connections"] == 1 and sample["memory"] > 1000
        assert sample["rss"] > 1 << 20
    from kvd.agent.metrics import Rings
    now = time.time()
    rings = Rings(verbs.home.instance(made.id))
    assert rings.read(["keys"], now - 60, now, 10)["keys"][-1][1] == 1


@pytest.mark.parametrize("jump", [-10 * 365 * 86400.0, 10 * 365 * 86400.0])
def test_a_clock_that_jumps(verbs, monkeypatch, jump):
    """Instances serve on, changes go on, and samples are taken, whatever the year."""
    made = wait(verbs, verbs.create("a", "starter").id, "available")
    link, before = Link.url(made.internal_url("127.0.0.1")), time.time
    monkeypatch.setattr("time.time", lambda: before() + jump)
    verbs.watch.later(0.0, verbs.watch.tick)
    engine = verbs.watch.get(made.id)
    eventually(lambda: engine.sample and abs(engine.sample["time"] - before() - jump) < 60)
    after = verbs.update("a", plan="standard")
    assert after.status == "available" and abs(after.updated_at - before() - jump) < 60
    assert wait(verbs, verbs.create("b", "starter").id, "available")
    assert link.do("PING") == b"PONG" and verbs.watch.get(made.id) is engine
    assert verbs.state.events(made.id, 1)[0].type == "plan_changed"
    link.close()


def test_an_overlap_ends(verbs, monkeypatch):
    made = wait(verbs, verbs.create("a", "free", internal_auth=True).id, "available")
    after = verbs.rotate_password("a", 0.2)
    assert after.old_password == made.password
    time.sleep(0.25)
    verbs.tick()
    eventually(lambda: not verbs.state.get("a").old_password and not verbs.state.intents())
    assert Link.url(after.internal_url("127.0.0.1")).do("PING") == b"PONG"
    with pytest.raises(Exception, match="WRONGPASS"):
        Link.url(made.internal_url("127.0.0.1").replace(after.password, made.password))
