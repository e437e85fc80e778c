"""The outer door of an instance. Goal: nobody comes in until the allowlist says so, then by TLS and
password only, with the clients that people have and the URL that is printed; live edits count for
those who are inside. Method: those clients and raw TLS from this host, whose address is put on the
list and taken off. The engine's part by itself: tests/kvd/test_door.py."""
import contextlib
import os
import signal
import sqlite3
import ssl
import subprocess
import sys
import time

import pytest
import redis

from kvd.client import Gone, Link, Wrong
from tests.ecosystem import needs
from tests.kvd.installation import Installation
from tests.kvd.secure import certificate

REFUSAL = "Client IP address is not in the allowlist."


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("external"), 23800)
    place.create("door", "starter")
    yield place
    place.end()


def allow(place, *cidrs: str) -> None:
    place.ask("PATCH", "/key-value/door",
              {"ipAllowList": [{"cidrBlock": cidr, "description": ""} for cidr in cidrs]})


def url(place) -> str:
    return place.ask("GET", "/key-value/door/connection-info")["externalConnectionString"]


def enter_soon(place, authority: str) -> Link:
    """A line from outside, as soon as the engine has a certificate that this authority signed."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return Link.url(url(place), ca=authority)
        except Gone:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def ca(place) -> str:
    return place.ask("GET", "/ca")["path"]


def test_it_is_closed_until_somebody_is_allowed(place):
    allow(place)
    with pytest.raises(Wrong, match=REFUSAL):
        Link.url(url(place), ca=ca(place))
    allow(place, "127.0.0.0/8", "::1/128")
    with Link.url(url(place), ca=ca(place)) as link:
        assert link.do("ACL", "WHOAMI").decode() == url(place)[9:33]
        link.do("SET", "a", "1")
    store = redis.Redis.from_url(url(place), ssl_ca_certs=ca(place))
    assert store.get("a") == b"1"
    store.close()


def test_nothing_is_executed_for_who_is_not_allowed(place):
    allow(place, "192.0.2.0/24")
    bare = url(place)
    bare = f"rediss://{bare.rpartition('@')[2]}"
    with Link.url(bare, ca=ca(place)) as link:
        for command in (("SET", "stolen", "1"), ("HELLO", "3", "AUTH", "default", "x")):
            with pytest.raises((Wrong, Gone)):
                link.do(*command)
    with place.link("door") as link:
        assert link.do("EXISTS", "stolen") == 0


def test_a_password_is_asked_for_and_only_of_the_instance(place):
    allow(place, "127.0.0.0/8", "::1/128")
    good = url(place)
    _, user, rest = good.split(":", 2)
    for wrong in (f"rediss:{user}:x{rest}", f"rediss://default:{rest}", f"rediss://:{rest}"):
        with pytest.raises(Wrong, match="WRONGPASS"):
            Link.url(wrong, ca=ca(place))
    with Link.url(f"rediss://{good.rpartition('@')[2]}", ca=ca(place)) as link, \
            pytest.raises(Wrong, match="NOAUTH"):
        link.do("GET", "a")


def test_an_unknown_authority_is_not_trusted(place):
    allow(place, "127.0.0.0/8", "::1/128")
    with pytest.raises(Gone):
        Link.url(url(place))
    context = ssl.create_default_context(cafile=ca(place))
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_who_is_denied_is_disconnected_and_others_stay(place):
    allow(place, "127.0.0.0/8", "::1/128")
    inside = place.link("door")
    outside = Link.url(url(place), ca=ca(place))
    assert outside.do("PING") == b"PONG"
    allow(place, "192.0.2.0/24")
    deadline = time.monotonic() + 5
    with pytest.raises((Gone, Wrong)):
        while time.monotonic() < deadline:
            outside.do("PING")
            time.sleep(0.05)
    assert inside.do("PING") == b"PONG"


def test_the_certificate_is_changed_under_who_is_connected(place):
    allow(place, "127.0.0.0/8", "::1/128")
    link = Link.url(url(place), ca=ca(place))
    place.ask("PUT", "/settings/external-host", {"value": "127.0.0.1"})
    enter_soon(place, ca(place)).close()
    assert link.do("PING") == b"PONG"
    link.close()


def test_a_door_that_cannot_be_opened_leaves_the_inside_alone(place):
    """And nothing keeps somebody from being denied."""
    allow(place, "127.0.0.0/8", "::1/128")
    with contextlib.closing(sqlite3.connect(place.home.database)) as db, db:
        # An address that this machine had when it was chosen: the agent takes no other.
        db.execute("INSERT OR REPLACE INTO settings VALUES ('external-bind', '192.0.2.1')")
    place.run("restart", "door", "--yes")
    place.wait("door")
    with place.link("door") as link:
        assert link.do("PING") == b"PONG"
        assert "192.0.2.1 is no address of this machine" in \
            place.ask("GET", "/key-value/door/now")["outside"]
        found = " ".join(place.run("doctor", "door").stdout.split())
        assert "the outer door is not as it should be: 192.0.2.1 is no address" in found
        assert place.ask("GET", "/key-value/door/connection-info")["externalAccess"] \
            == "unavailable"
        allow(place, "192.0.2.0/24")
        assert link.do("CONFIG", "GET", "external-allowlist")[1] == b"192.0.2.0/24"
        place.ask("PUT", "/settings/external-bind", {"value": "*"})
        deadline = time.monotonic() + 10
        while place.ask("GET", "/key-value/door/now")["outside"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with pytest.raises(Wrong, match=REFUSAL):
            Link.url(url(place), ca=ca(place))


# -- the verbs ------------------------------------------------------------------------------------

def test_allow_and_deny_by_the_command_line(place):
    allow(place)
    assert "closed" in place.run("url", "door").stdout
    assert place.run("allow", "door", "127.0.0.0/8,this host", "::1").returncode == 0
    address = place.run("url", "door", "--external").stdout.strip()
    assert address == url(place)
    path = place.run("ca", "--path").stdout.strip()
    assert place.run("ca").stdout == open(path).read()
    link = Link.url(address, ca=path)
    assert link.do("PING") == b"PONG"
    assert place.run("deny", "door", "127.0.0.0/8", "::1").returncode == 0
    with pytest.raises((Gone, Wrong)):
        for _ in range(100):
            link.do("PING")
            time.sleep(0.05)
    refused = " ".join(place.run("doctor", "door").stdout.split())
    assert "refused, the last from 127.0.0.1: `kvd allow door 127.0.0.1`" in refused


def test_ten_thousand_rules(place):
    """As many as there may be, set and gone without anybody being held up."""
    rules = [f"10.{i >> 8}.{i & 255}.0/24" for i in range(9_998)]
    allow(place, "127.0.0.0/8", "::1/128", *rules)
    with Link.url(url(place), ca=ca(place)) as link:
        assert link.do("PING") == b"PONG"
        allow(place, *rules, "127.0.0.0/9", "::1/128")
        assert link.do("PING") == b"PONG"
    allow(place)


def test_a_restart_keeps_the_door_as_it_was(place):
    allow(place, "127.0.0.0/8", "::1/128")
    place.ask("POST", "/key-value/door/restart")
    place.wait("door")
    with Link.url(url(place), ca=ca(place)) as link:
        assert link.do("PING") == b"PONG"


def test_an_engine_that_dies_comes_back_with_its_door(place):
    allow(place, "192.0.2.0/24")
    os.kill(place.pid("door"), signal.SIGKILL)
    deadline = time.monotonic() + 20
    while True:                         # at no moment does it let anybody in
        with contextlib.suppress(Gone):
            with pytest.raises(Wrong, match=REFUSAL):
                Link.url(url(place), ca=ca(place))
            break
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_certificate_of_ones_own(place, tmp_path):
    allow(place, "127.0.0.0/8", "::1/128")
    certificate(tmp_path, "bought")
    paths = [str(tmp_path / f"bought.{ending}") for ending in ("crt", "key")]
    link = Link.url(url(place), ca=ca(place))
    assert place.run("ca", "--use", *paths).returncode == 0
    enter_soon(place, paths[0]).close()
    with pytest.raises(Gone):
        Link.url(url(place), ca=ca(place))
    assert "--cacert" not in place.run("url", "door").stdout
    assert link.do("PING") == b"PONG"
    assert place.run("ca", "--use-own").returncode == 0
    enter_soon(place, ca(place)).close()


def test_a_leaf_is_renewed_under_who_is_connected(place):
    """The agent looks once an hour; here it is made to, and finds one that is of no use."""
    allow(place, "127.0.0.0/8", "::1/128")
    link = Link.url(url(place), ca=ca(place))
    before = link.sock.getpeercert(True)
    leaf = place.home.instance(place.ask("GET", "/key-value/door")["id"]).certificate
    leaf.write_bytes(b"")               # as one that cannot be used any more
    place.ask("PUT", "/settings/external-host", {"value": "localhost"})
    deadline = time.monotonic() + 10
    while True:
        with enter_soon(place, ca(place)) as after:
            if after.sock.getpeercert(True) != before:
                break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert link.do("PING") == b"PONG"
    link.close()


# -- real clients, with what `kvd url` prints -----------------------------------------------------

def outside(place) -> dict[str, str]:
    """The environment of a program that comes from outside."""
    allow(place, "127.0.0.0/8", "::1/128")
    return os.environ | {"REDIS_URL": place.run("url", "door", "--external").stdout.strip(),
                         "CA": place.run("ca", "--path").stdout.strip()}


def out(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_redis_cli(place):
    tool = needs.program("redis-cli", "redis-tools")
    environment = outside(place)
    assert out([tool, "-u", environment["REDIS_URL"], "--cacert", environment["CA"],
                "SET", "cli", "1"], environment) == "OK\n"
    # The line that `kvd create` shows, with the tool that is here.
    line = place.ask("GET", "/key-value/door/connection-info")["cliCommand"]
    line = line.replace("valkey-cli", "redis-cli")
    assert out(["sh", "-c", line + " GET cli"], environment) == "1\n"
    assert "1\n" in place.run("cli", "door", "--external", "GET", "cli").stdout
    allow(place)
    refused = subprocess.run(["sh", "-c", line + " GET cli"], capture_output=True, text=True,
                             timeout=20)
    assert f"AUTH failed: {REFUSAL}" in refused.stdout + refused.stderr


def test_redis_py_asyncio(place):
    environment = outside(place)
    assert out([sys.executable, "-c", """
import asyncio, os, redis.asyncio
async def main():
    for protocol in 2, 3:
        store = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], protocol=protocol,
                                             ssl_ca_certs=os.environ["CA"])
        await store.set("py", "1")
        print(await store.get("py"))
        await store.aclose()
asyncio.run(main())"""], environment) == "b'1'\n" * 2


IOREDIS = """
const Redis = require("ioredis");
const ca = require("fs").readFileSync(process.env.CA);
const store = new Redis(process.env.REDIS_URL, {tls: {ca}, retryStrategy: () => null});
store.on("error", (error) => console.log(error.message));
store.set("node", "1").then(() => store.get("node")).then((value) => console.log(value))
  .catch((error) => console.log(error.message)).finally(() => store.disconnect());
"""


def test_ioredis(place):
    node, places = needs.node("ioredis")
    environment = outside(place) | places
    assert out([node, "-e", IOREDIS], environment) == "1\n"
    allow(place)
    assert REFUSAL in out([node, "-e", IOREDIS], environment)


RUBY = """
store = Redis.new(url: ENV["REDIS_URL"], ssl_params: {ca_file: ENV["CA"]}, reconnect_attempts: 0)
begin
  store.set("ruby", "1")
  puts store.get("ruby")
rescue => error
  puts error.message
end
"""


def test_ruby(place):
    ruby = needs.ruby(redis="ruby-redis")
    environment = outside(place)
    assert out([ruby, "-rredis", "-e", RUBY], environment) == "1\n"
    allow(place)
    assert REFUSAL in out([ruby, "-rredis", "-e", RUBY], environment)
