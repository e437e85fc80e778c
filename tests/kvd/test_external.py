"""The outer door. Goal: nobody comes in until the allowlist says so, then by TLS and password only,
and live edits count for those who are inside. Method: redis-py and raw TLS from this host, whose
address is put on the list and taken off; left out while the engine has no outer door."""
import ssl
import time

import pytest
import redis

from kvd.client import Gone, Link, Wrong
from tests.kvd.installation import Installation

REFUSAL = "Client IP address is not in the allowlist."


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("external"), 23800)
    place.create("door", "starter")
    if "external" in place.ask("GET", "/key-value/door/now")["missing"]:
        place.end()
        pytest.skip("this engine has no outer door yet")
    yield place
    place.end()


def allow(place, *cidrs: str) -> None:
    place.ask("PATCH", "/key-value/door",
              {"ipAllowList": [{"cidrBlock": cidr, "description": ""} for cidr in cidrs]})


def url(place) -> str:
    return place.ask("GET", "/key-value/door/connection-info")["externalConnectionString"]


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
    for wrong in (good.replace(":", ":x", 2), good.replace("red-", "default-", 1)):
        with pytest.raises((Wrong, Gone)):
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
    deadline = time.monotonic() + 10
    while True:
        try:
            Link.url(url(place), ca=ca(place)).close()
            break
        except Gone:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert link.do("PING") == b"PONG"
