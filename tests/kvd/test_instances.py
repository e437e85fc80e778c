"""Instances through the API, with real engines. Goal: what was chosen is what the engine has,
changes are live, and nothing acknowledged is lost. Method: one installation; its engines are asked
over their own ports."""
import threading
import time

import pytest

from kvd.client import Link, Wrong, info
from kvd.errors import BadRequest, Conflict, Failed, NotFound
from tests.kvd.installation import Installation

MIB, GIB = 1 << 20, 1 << 30


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("instances"), 21000)
    yield place
    place.end()


def config(link: Link, name: str) -> str:
    return link.do("CONFIG", "GET", name)[1].decode()


def test_an_engine_has_exactly_what_the_plan_says(place):
    made = place.ask("POST", "/key-value", {"name": "exact", "plan": "starter",
                                            "maxmemoryPolicy": "noeviction"})
    assert made["status"] == "creating"
    place.wait(made["id"])
    link = place.link("exact")
    assert (config(link, "maxmemory"), config(link, "maxclients")) == (str(256 * MIB), "250")
    assert config(link, "maxmemory-policy") == "noeviction"
    assert config(link, "appendonly") == "yes"
    free = place.create("exact-free")
    with place.link("exact-free") as other:
        assert (config(other, "maxmemory"), config(other, "maxclients")) == (str(25 * MIB), "50")
        assert config(other, "appendonly") == "no"
    assert free["options"] == {"maxmemoryPolicy": "allkeys_lru", "persistenceMode": "off"}


def test_free_to_paid_loses_nothing_and_drops_nobody(place):
    place.create("grow")
    link, writer = place.link("grow"), place.link("grow")
    acknowledged, stop = [], threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            writer.do("SET", f"k{number}", "x" * 100)
            acknowledged.append(number)
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    while len(acknowledged) < 500:
        time.sleep(0.001)
    changed = place.ask("PATCH", "/key-value/grow", {"plan": "starter"})
    changed = place.wait(changed["id"])
    before = len(acknowledged)
    while len(acknowledged) < before + 100:
        time.sleep(0.001)
    stop.set()
    thread.join()
    assert changed["plan"] == "starter"
    assert changed["options"]["persistenceMode"] == "journal_snapshot"
    assert config(link, "maxmemory") == str(256 * MIB) and config(link, "maxclients") == "250"
    facts = info(link.do("INFO", "persistence"))
    assert facts["aof_enabled"] == "1" and facts["aof_rewrite_in_progress"] == "0"
    place.ask("POST", "/key-value/grow/restart")
    place.wait(changed["id"])
    with place.link("grow") as again:
        assert again.do("DBSIZE") == len(acknowledged)


def test_smaller_is_refused_unless_it_is_allowed_and_fits(place):
    place.create("shrink", "standard")
    with pytest.raises(Conflict, match="cannot be moved to a smaller instance type: it has "
                                       r"Standard \(1 GB\), and Starter has 256 MB"):
        place.ask("PATCH", "/key-value/shrink", {"plan": "starter"})
    with place.link("shrink") as link:
        link.many([("SET", f"k{n}", "x" * 100_000) for n in range(400)])
        with pytest.raises(Conflict, match="does not fit into 25 MB"):
            place.ask("PATCH", "/key-value/shrink", {"plan": "free", "allowDowngrade": True})
        place.ask("PATCH", "/key-value/shrink", {"plan": "starter", "allowDowngrade": True})
        assert config(link, "maxmemory") == str(256 * MIB) and link.do("DBSIZE") == 400


def test_settings_change_live(place):
    place.create("live")
    with place.link("live") as link:
        place.ask("PATCH", "/key-value/live", {"maxmemoryPolicy": "volatile-ttl"})
        assert config(link, "maxmemory-policy") == "volatile-ttl"
        place.ask("PATCH", "/key-value/live", {"settings": {"timeout": "77"}})
        assert config(link, "timeout") == "77"
        place.ask("PATCH", "/key-value/live", {"name": "live-2"})
        assert place.ask("GET", "/key-value/live-2")["name"] == "live-2"
        assert link.do("PING") == b"PONG"
    with pytest.raises(NotFound):
        place.ask("GET", "/key-value/live")


def test_persistence_off_leaves_nothing_that_could_come_back(place):
    made = place.create("forget", "starter")
    data = place.home.instance(made["id"]).data
    with place.link("forget") as link:
        link.do("SET", "old", "1")
        place.wait(place.ask("PATCH", "/key-value/forget", {"persistenceMode": "off"})["id"])
        assert not (data / "appendonlydir").exists()
        link.do("DEL", "old")
        link.do("SET", "new", "1")
        place.wait(place.ask("PATCH", "/key-value/forget",
                             {"persistenceMode": "journal_snapshot"})["id"])
    place.ask("POST", "/key-value/forget/restart")
    place.wait(made["id"])
    with place.link("forget") as link:
        assert link.do("KEYS", "*") == [b"new"]


def test_suspend_and_resume(place):
    made = place.create("rest", "starter")
    url = place.url("rest")
    with place.link("rest") as link:
        link.do("SET", "a", "1")
    place.ask("POST", "/key-value/rest/suspend")
    assert place.ask("GET", "/key-value/rest")["status"] == "suspended"
    with pytest.raises(Failed, match="cannot connect"):
        Link.url(url)
    with pytest.raises(Conflict, match="suspended"):
        place.ask("POST", "/key-value/rest/restart")
    place.ask("PATCH", "/key-value/rest", {"plan": "standard"})
    assert place.ask("GET", "/key-value/rest")["status"] == "suspended"
    with pytest.raises(Conflict, match="nobody knows whether its data fits"):
        place.ask("PATCH", "/key-value/rest", {"plan": "starter", "allowDowngrade": True})
    place.ask("POST", "/key-value/rest/suspend")
    place.ask("POST", "/key-value/rest/resume")
    place.wait(made["id"])
    assert place.url("rest") == url
    with place.link("rest") as link:
        assert link.do("GET", "a") == b"1" and config(link, "maxmemory") == str(GIB)


def test_internal_authentication_can_be_prepared_for(place):
    place.create("auth")
    url = place.url("auth")
    assert "@" not in url
    password = place.ask("GET", "/key-value/auth/connection-info")["password"]
    later = url.replace("redis://", f"redis://default:{password}@")
    with Link.url(later) as early:              # before it is enforced: any password does
        changed = place.ask("PUT", "/key-value/auth/internal-auth", {"enabled": True})
        assert changed["internalAuth"] and place.url("auth") == later
        assert early.do("PING") == b"PONG"
        with Link.url(later) as link:
            assert link.do("PING") == b"PONG"
        with Link.url(url) as link, pytest.raises(Wrong, match="NOAUTH"):
            link.do("GET", "a")
        with pytest.raises(Wrong, match="WRONGPASS"):
            Link.url(url.replace("redis://", "redis://default:wrong@"))
        place.ask("PUT", "/key-value/auth/internal-auth", {"enabled": False})
        with Link.url(url) as link:
            assert link.do("PING") == b"PONG"


def test_a_new_password(place):
    place.create("rotate", internalAuth=True)
    old = place.url("rotate")
    new = place.ask("POST", "/key-value/rotate/password/rotate", {})["internalConnectionString"]
    assert old != new
    with Link.url(new) as link:
        assert link.do("PING") == b"PONG"
    with pytest.raises(Wrong, match="WRONGPASS"):
        Link.url(old)
    with pytest.raises(BadRequest):
        place.ask("POST", "/key-value/rotate/password/rotate", {"overlapSeconds": -1})


def test_the_old_password_may_overlap(place):
    made = place.create("overlap", internalAuth=True)
    old = place.url("overlap")
    new = place.ask("POST", "/key-value/overlap/password/rotate",
                    {"overlapSeconds": 600})["internalConnectionString"]
    assert place.ask("GET", "/key-value/overlap")["passwordOverlapUntil"]
    for url in (old, new):
        Link.url(url).close()
    place.ask("POST", "/key-value/overlap/restart")
    place.wait(made["id"])
    for url in (old, new):
        Link.url(url).close()
    place.ask("POST", "/key-value/overlap/password/rotate", {})
    for url in (old, new):
        with pytest.raises(Wrong, match="WRONGPASS"):
            Link.url(url)


@pytest.mark.parametrize("user", ["default", "id"])
def test_tenants_cannot_hurt_the_host(place, user):
    made = place.create(f"tenant-{user}")
    password = place.ask("GET", f"/key-value/tenant-{user}/connection-info")["password"]
    with place.link(f"tenant-{user}") as link:
        if user == "id":
            assert link.do("AUTH", made["id"], password) == b"OK"
        for command in ("CONFIG SET maxmemory 1gb", "CONFIG REWRITE", "DEBUG JMAP", "SHUTDOWN",
                        "REPLICAOF 127.0.0.1 1", "SLAVEOF NO ONE", "MIGRATE h 1 k 0 1",
                        "MODULE LIST", "ACL SETUSER x", "ACL DELUSER x", "ACL LOAD", "ACL SAVE",
                        "ACL LIST", "SAVE", "BGREWRITEAOF"):
            with pytest.raises(Wrong, match="NOPERM|unknown command"):
                link.do(*command.split())
        assert config(link, "maxmemory-policy") == "allkeys-lru", "CONFIG GET is for everyone"
        for command in ("INFO", "CLIENT LIST", "SLOWLOG GET", "DBSIZE", "FLUSHALL", "ACL WHOAMI",
                        "MEMORY DOCTOR", "LATENCY RESET", "CLIENT SETNAME x", "EVAL_RO x"):
            try:
                link.do(*command.split())
            except Wrong as error:
                assert "NOPERM" not in str(error), command
        with pytest.raises(Wrong, match="WRONGPASS"):
            link.do("AUTH", "kvd-agent", password)


def test_a_legacy_instance(place):
    """Version 6.2 to its clients, that version's commands, and an upgrade of its type keeps it."""
    made = place.create("legacy", engine="redis6")
    assert made["version"] == "6.2.14" and made["engine"] == "redis6"
    assert " redis-cli --user red-" in place.ask(
        "GET", "/key-value/legacy/connection-info")["cliCommand"]
    changed = place.ask("PATCH", "/key-value/legacy", {"plan": "starter"})
    assert place.wait(changed["id"])["version"] == "6.2.14"
    with place.link("legacy") as link:
        link.do("SET", "a", "1")
    place.ask("POST", "/key-value/legacy/restart")
    place.wait(made["id"])
    with place.link("legacy") as link:
        assert link.do("GET", "a") == b"1"
        facts = info(link.do("INFO", "server"))
        assert facts["redis_version"] == "6.2.14" and "valkey_version" not in facts
        with pytest.raises(Wrong, match="unknown command"):
            link.do("FUNCTION", "LIST")
        with pytest.raises(Wrong, match="NOPERM"):
            link.do("CONFIG", "SET", "maxmemory", "1")


def test_all_connections_of_the_plan_are_the_tenants(place):
    made = place.create("full")
    links = []
    try:
        for _ in range(50):
            links.append(place.link("full"))
            assert links[-1].do("PING") == b"PONG"
        with pytest.raises((Wrong, Failed), match="max number of clients reached|is lost"), \
                place.link("full") as link:
            link.do("PING")
        place.ask("PATCH", "/key-value/full", {"maxmemoryPolicy": "noeviction"})
        assert config(links[0], "maxmemory-policy") == "noeviction"
        place.kill_agent()                      # and a new one can take it over
        place.ask("PATCH", "/key-value/full", {"maxmemoryPolicy": "volatile-lru"})
        assert config(links[49], "maxmemory-policy") == "volatile-lru"
        assert place.wait(made["id"])
    finally:
        [link.close() for link in links]


def test_names_are_unique_and_free_instances_are_counted(place):
    place.create("one")
    with pytest.raises(Conflict, match="the name one is in use"):
        place.create("one")
    place.ask("PUT", "/settings/free-instances-max", {"value": "1"})
    try:
        with pytest.raises(Conflict, match="there can be 1 Free instance at a time"):
            place.create("two")
    finally:
        place.ask("PUT", "/settings/free-instances-max", {"value": "50"})


def test_a_port_that_somebody_else_has_is_passed_over(place):
    import socket
    taken = [one["keyValue"] for one in place.ask("GET", "/key-value", limit=100)]
    ports = {int(place.url(one["name"]).rpartition(":")[2]) for one in taken}
    free = next(port for port in range(21000, 21400) if port not in ports | {p + 1 for p in ports})
    with socket.socket() as rival:
        rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        rival.bind(("127.0.0.1", free))
        rival.listen()
        place.create("beside")
        assert not place.url("beside").endswith(f":{free}")


def test_what_cannot_be_created_leaves_nothing(place):
    """The engine could not have so many files: nothing is made, and nothing changed."""
    before = sorted(path.name for path in (place.home.root / "instances").iterdir())
    huge = {"plan": "custom", "memoryBytes": 64 * MIB, "connections": 100_000}
    with pytest.raises(Conflict, match="lets a process open files for"):
        made = place.ask("POST", "/key-value", {"name": "huge", **huge})
        place.ask("DELETE", f"/key-value/{made['id']}")
        pytest.skip("this system allows so many files")
    with pytest.raises(Conflict, match="lets a process open files for"):
        place.ask("POST", "/key-value", {"name": "huge", "dryRun": True, **huge})
    assert sorted(path.name for path in (place.home.root / "instances").iterdir()) == before
    assert not place.ask("GET", "/key-value", name="huge")


def test_two_who_change_one_instance_at_once(place):
    place.create("both", "starter")
    errors = []

    def change(body):
        try:
            place.ask("PATCH", "/key-value/both", body)
        except Exception as error:                      # noqa: BLE001
            errors.append(error)

    bodies = [{"plan": "standard"}, {"maxmemoryPolicy": "noeviction"},
              {"settings": {"timeout": "9"}}, {"persistenceMode": "off"}] * 3
    threads = [threading.Thread(target=change, args=(body,)) for body in bodies]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert errors == []
    found = place.ask("GET", "/key-value/both")
    place.wait(found["id"])
    with place.link("both") as link:
        assert [config(link, name) for name in ("maxmemory", "maxmemory-policy", "timeout",
                                                "appendonly")] \
            == [str(GIB), "noeviction", "9", "no"]


def test_files_and_sockets_are_for_their_owner(place):
    import stat
    made = place.create("private", "starter", internalAuth=True)
    root = place.home.instance(made["id"]).root
    for path in [place.home.root, *place.home.root.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert not mode & 0o077, (path, oct(mode))
    password = place.ask("GET", "/key-value/private/connection-info")["password"].encode()
    for path in [*root.rglob("*.log"), *root.rglob("*.conf"), place.home.log]:
        if path.exists():
            assert password not in path.read_bytes(), path
    pid = place.pid("private")
    for name in ("cmdline", "environ"):
        assert password not in open(f"/proc/{pid}/{name}", "rb").read()


def test_logs_events_and_metrics(place):
    made = place.create("seen")
    lines = place.ask("GET", "/key-value/seen/logs")
    assert any("Ready to accept connections" in line["message"] for line in lines["logs"])
    assert place.ask("GET", "/key-value/seen/logs", place=lines["place"])["logs"] == []
    assert [event["type"] for event in place.ask("GET", "/key-value/seen/events")] \
        == ["key_value_available"]
    found = place.ask("GET", "/key-value/seen/metrics", metric=["memory", "cpu"])
    assert [series["labels"][1]["value"] for series in found] == ["memory", "cpu"]
    assert [label["value"] for label in found[0]["labels"]][0] == made["id"]
    with pytest.raises(BadRequest, match="there is no metric 'x'"):
        place.ask("GET", "/key-value/seen/metrics", metric="x")
