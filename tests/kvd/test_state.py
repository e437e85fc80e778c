"""The database. Goal: what was begun is known after a crash, what is damaged or locked is said in a
sentence, secrets lie in no readable file. Method: a real file, another connection as the rival."""
import dataclasses
import sqlite3
import stat
import threading

import pytest

from kvd.allowlist import Rule
from kvd.errors import BadRequest, Conflict, Failed, NotFound
from kvd.home import Home
from kvd.instance import AVAILABLE, UPDATING, Instance
from kvd.names import new_id
from kvd.state import State


def make(name: str, **changes) -> Instance:
    fields = dict(id=new_id("red"), name=name, plan="starter", memory_bytes=1 << 28,
                  connections=250, region="oregon", policy="allkeys-lru",
                  persistence="journal_snapshot", engine="valkey8", internal_port=6400,
                  external_port=6401, password="p" * 32,
                  created_at=1.5, updated_at=2.5, allowlist=(Rule("10.0.0.0/8", "office"),))
    return Instance(**(fields | changes))


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@pytest.fixture
def state(home):
    state = State(home)
    yield state
    state.close()


def test_an_instance_comes_back_as_it_was(home, state):
    instance = make("a", options={"timeout": "30"})
    state.begin("create", instance)
    state.finish(instance, "key_value_available", {"message": "created"})
    state.close()
    again = State(home)
    assert again.get("a") == again.get(instance.id) == instance
    assert [event.type for event in again.events(instance.id, 10)] == ["key_value_available"]
    assert again.ids == state.ids
    again.close()


def test_what_was_begun_is_known(home, state):
    before = make("a", status=AVAILABLE)
    state.begin("create", before)
    state.finish(before)
    after = dataclasses.replace(before, plan="pro", status=UPDATING)
    state.begin("change", after, before)
    again = State(home)                         # as after kill -9
    intent, = again.intents()
    assert (intent.verb, intent.instance, intent.before) == ("change", before.id, before)
    assert again.get("a") == after
    again.finish(before)
    assert again.intents() == [] and again.get("a") == before
    again.close()


def test_names_are_unique(state):
    state.begin("create", make("a"))
    with pytest.raises(Conflict, match="the name a is in use"):
        state.begin("create", make("a"))
    assert len(state.instances()) == 1 and len(state.intents()) == 1


def test_one_of_many_rivals_wins(state):
    won = []

    def rival():
        try:
            state.begin("create", make("a"))
            won.append(1)
        except Conflict:
            pass

    threads = [threading.Thread(target=rival) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(won) == 1


def test_what_is_gone_is_gone(state):
    instance = make("a")
    state.begin("create", instance)
    state.tell(instance.id, "x")
    state.forget(instance.id)
    assert state.instances() == state.intents() == state.events(instance.id, 9) == []
    with pytest.raises(NotFound, match="not found: a"):
        state.get("a")


def test_events_do_not_grow_for_ever(state):
    state.begin("create", make("a"))
    id = state.get("a").id
    for number in range(1010):
        state.tell(id, "x", {"n": number})
    found = state.events(id, 5000)
    assert len(found) == 1000 and found[0].details == {"n": 1009}


def test_a_clock_that_is_set_back_makes_no_event_an_old_one(state, monkeypatch):
    monkeypatch.setattr("kvd.state.EVENTS_MAX", 20)
    state.begin("create", make("a"))
    id = state.get("a").id
    for number in range(20):
        state.tell(id, "x", {"n": number})
    monkeypatch.setattr("kvd.state.time.time", lambda: 1e9)
    state.tell(id, "x", {"n": "new"})
    found = state.events(id, 100)
    assert [event.details["n"] for event in found] == ["new", *range(19, 0, -1)]
    other = make("b")
    assert other.id != id and other.id < id             # and ids stay unique
    state.begin("create", other)
    assert {one.name for one in state.instances()} == {"a", "b"}


def test_a_disk_that_is_full_changes_nothing(state):
    state.begin("create", make("a"))
    pages = state.db.execute("PRAGMA page_count").fetchone()[0]
    state.db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(Failed, match="the disk is full"):
        for number in range(1000):
            state.begin("create", make(f"b{number}"))
    known = state.instances()
    assert len(known) == len(state.intents()) and known[0].name == "a"
    state.db.execute("PRAGMA max_page_count=1000000")
    state.begin("create", make("c"))
    assert state.get("c")


def test_files_are_for_their_owner(home, state):
    state.begin("create", make("a"))
    for path in home.root.iterdir():
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_keys_are_not_kept_as_they_are(home, state):
    id, key = state.add_key("ci")
    assert state.knows_key(key) and not state.knows_key(key[:-1]) and not state.knows_key("")
    state.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert key.encode() not in home.database.read_bytes()
    state.remove_key(id)
    assert not state.knows_key(key)
    with pytest.raises(NotFound):
        state.remove_key(id)


def test_settings(state):
    assert state.setting("free-instances-max") == "1"
    assert state.set_setting("free-instances-max", "05") == "5"
    assert state.setting("free-instances-max") == "5"
    with pytest.raises(BadRequest):
        state.set_setting("free-instances-max", "many")


@pytest.mark.parametrize("damage", [b"not a database at all" * 500, "middle"])
def test_a_damaged_database_is_said_so(home, state, damage):
    for number in range(200):
        state.begin("create", make(f"a{number}"))
    state.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    state.close()
    content = home.database.read_bytes()
    if damage == "middle":
        damage = content[:4096] + b"\xff" * 8192 + content[12288:]
    home.database.write_bytes(damage)
    with pytest.raises(Failed, match="is damaged"):
        State(home)


def test_a_locked_database_is_said_so(home, state, monkeypatch):
    monkeypatch.setattr("kvd.state.BUSY_SECONDS", 0.05)
    rival = sqlite3.connect(home.database, isolation_level=None)
    rival.execute("BEGIN EXCLUSIVE")
    state.db.execute("PRAGMA busy_timeout=50")
    with pytest.raises(Failed, match="locked by another program"):
        state.begin("create", make("a"))
    with pytest.raises(Failed, match="locked by another program"):
        State(home)
    rival.execute("ROLLBACK")
    rival.close()


def test_a_newer_format_is_left_alone(home, state):
    state.db.execute("PRAGMA user_version=99")
    with pytest.raises(Failed, match="newer kvd"):
        State(home)


def test_a_home_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Failed, match="cannot use"):
        Home(tmp_path / "file" / "home").prepare()
