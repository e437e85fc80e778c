"""The outer door, without sockets (tests/kvd/test_door.py has them).

Goal: an allowlist means what ipaddress says its networks mean, said wrongly it is refused with a
sentence; who comes in by the door logs in as the external user or not at all; who is barred can
make nothing happen, whatever it sends. Method: hypothesis against a model in plain Python, and
clients of an engine in this process that are put before the door by the room's test face.
"""
import ipaddress
import random
import socket
import time

import pytest
from hypothesis import example, given, settings, strategies

from kvd.engine.server import conffile
from kvd.engine.server.server import Server
from kvd.engine.server.settings import DirectiveError
from tests.faces import c_door
from tests.server.replies import ask

MAPPED = 0xffff << 32
REFUSAL = b"-Client IP address is not in the allowlist.\r\n"
NOAUTH = b"-NOAUTH Authentication required.\r\n"
WRONGPASS = b"-WRONGPASS"


@pytest.fixture
def server():
    server = Server(external_user="outer")
    ask(server, "ACL", "SETUSER", "outer", "on", ">secret", "~*", "+@all")
    ask(server, "ACL", "SETUSER", "other", "on", ">secret", "~*", "+@all")
    yield server
    assert server.close(), "the engine kept memory"


@pytest.fixture(scope="module")
def listing():
    server = Server()
    yield server
    server.close()


def outer(server, barred: bool = False):
    client = server.client()
    c_door.come_in(server, client.id, barred)
    return client


# -- what an allowlist means ----------------------------------------------------------------------

def number(address) -> int:
    return int(address) + (MAPPED if address.version == 4 else 0)


def model_allows(networks: list, value: int) -> bool:
    address = ipaddress.IPv6Address(value)
    address = address.ipv4_mapped or address
    return any(address in network for network in map(unmapped, networks)
               if network.version == address.version)


def unmapped(network):
    """A network within ::ffff:0:0/96 is one of IPv4."""
    first = network.network_address
    if network.version == 6 and network.prefixlen >= 96 and first.ipv4_mapped:
        return ipaddress.ip_network((first.ipv4_mapped, network.prefixlen - 96))
    return network


def network_of(version: int, value: int, bits: int):
    kind = ipaddress.IPv4Network if version == 4 else ipaddress.IPv6Network
    longest = 32 if version == 4 else 128
    bits = min(bits, longest)
    return kind((value % (1 << longest) >> longest - bits << longest - bits, bits))


# Few bits vary, so that networks meet, nest and touch; and some lie about the mapped block.
near = strategies.integers(0, 1023)
values = strategies.one_of(
    near, near.map(lambda n: n << 22), near.map(lambda n: n << 118), near.map(lambda n: -1 - n),
    near.map(lambda n: MAPPED + n), near.map(lambda n: MAPPED - n), near.map(lambda n: n << 40),
    strategies.integers(0, 2**128 - 1))
networks = strategies.builds(network_of, strategies.sampled_from([4, 6]), values,
                             strategies.integers(0, 128))


@settings(max_examples=300, deadline=None)
@given(strategies.lists(networks, max_size=12), strategies.lists(values, max_size=6))
@example([ipaddress.ip_network("::/0")], [MAPPED, 0, -1])
@example([ipaddress.ip_network("::/80"), ipaddress.ip_network("0.0.0.0/0")], [MAPPED - 1])
@example([ipaddress.ip_network("::fffe:0:0/95")], [MAPPED - 1, MAPPED])
def test_it_means_what_ipaddress_says(listing, listed, asked):
    listing.configure([(b"external-allowlist", " ".join(map(str, listed)).encode())])
    probes = {value % 2**128 for value in asked}
    for network in listed:
        first, last = number(network.network_address), number(network.broadcast_address)
        probes |= {first, last, (first - 1) % 2**128, (last + 1) % 2**128, (first + last) // 2}
    for probe in probes:
        assert c_door.allows(listing, probe) == model_allows(listed, probe), hex(probe)
    ranges = c_door.ranges(listing)
    assert all(first <= last for first, last in ranges)
    assert all(last + 1 < first for (_, last), (first, _) in zip(ranges, ranges[1:]))    # O1


@pytest.mark.parametrize("word, why", [
    ("10.0.0.1/8", "10.0.0.1/8 has bits set behind the first 8: the network is 10.0.0.0/8, and "
                   "10.0.0.1/32 this address alone"),
    ("2001:db8::1/32", "the network is 2001:db8::/32"),
    ("::ffff:10.0.0.1/104", "has bits set behind the first 104"),
    ("010.0.0.1/32", "'010.0.0.1/32' is no network"),
    ("1.2.3.4/33", "behind / stands a number from 0 to 32"),
    ("::1/129", "behind / stands a number from 0 to 128"),
    ("1.2.3.4/08", "behind / stands a number"), ("1.2.3.4/", "behind / stands a number"),
    ("1.2.3.4/-1", "behind / stands a number"), ("1.2.3.4/255.255.255.0", "behind / stands"),
    ("1.2.3", "is no network: write an address"), ("/8", "is no network"), ("*", "is no network"),
    ("example.com", "is no network"), ("fe80::1%eth0/64", "names an interface"),
    ("::1/" + "0" * 90, "is no network"), ("1" * 500, "is no network"),
    ("\u0661.2.3.4", "is no network"),
])
def test_nonsense_is_refused_with_a_sentence(server, word, why):
    server.configure([(b"external-allowlist", b"192.0.2.0/24")])
    with pytest.raises(DirectiveError) as raised:
        server.configure([(b"external-allowlist", f"192.0.2.7 {word} 1.2.3.4".encode())])
    assert why in raised.value.reason
    assert server.config("external-allowlist") == {"external-allowlist": "192.0.2.0/24"}
    assert c_door.allows(server, MAPPED + 0xc0000201)


def test_ten_thousand_networks_and_no_more(server):
    many = [f"10.{i >> 8 & 255}.{i & 255}.0/25" for i in range(10_000)]
    began = time.perf_counter()
    server.configure([(b"external-allowlist", " ".join(many).encode())])
    took = time.perf_counter() - began
    assert len(c_door.ranges(server)) == 10_000
    assert took < 0.1, f"{took * 1000:.0f} ms in which nobody was served"      # 6 ms alone
    with pytest.raises(DirectiveError, match="at most 10000 networks.* these are 10001"):
        server.configure([(b"external-allowlist", " ".join([*many, "::1"]).encode())])
    server.configure([(b"external-allowlist", b"")])
    assert c_door.ranges(server) == []


def test_a_verdict_costs_less_than_two_microseconds(server):
    seed = random.Random(4)
    listed = [f"{seed.randrange(1, 224)}.{seed.randrange(256)}.{seed.randrange(256)}."
              f"{seed.randrange(0, 256, 2)}/31" for _ in range(10_000)]
    server.configure([(b"external-allowlist", " ".join(listed).encode())])
    probes = [MAPPED + seed.randrange(2**32) for _ in range(20_000)]
    with socket.create_server(("127.0.0.1", 0)) as listener, \
            socket.create_connection(listener.getsockname()) as sock:
        best = min(c_door.measure(server, probes, sock.fileno(), 1) for _ in range(5))
    print(f"{best:.0f} ns")
    assert best < 2000


def test_an_ipv4_peer_is_one_on_any_socket():
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::")):
        if family == socket.AF_INET6 and not socket.has_dualstack_ipv6():
            continue
        with socket.create_server((host, 0), family=family,
                                  dualstack_ipv6=family == socket.AF_INET6) as listener, \
                socket.create_connection(("127.0.0.1", listener.getsockname()[1])) as sock:
            inside, _ = listener.accept()
            assert c_door.peer(inside.fileno()) == MAPPED + 0x7f000001
            inside.close()
            assert c_door.peer(listener.fileno()) is None
    one, other = socket.socketpair()
    assert c_door.peer(one.fileno()) is None
    one.close()
    other.close()


def test_the_directives_survive_get_and_rewrite(server, tmp_path):
    text = "203.0.113.0/24 2001:DB8::/32 ::ffff:10.0.0.0/104 192.0.2.1"
    wanted = {"external-user": "outer", "external-allowlist": text, "tls-bind": "* -::*"}
    server.configure([(b"external-allowlist", f"  {text.replace(' ', '   ')} ".encode())])
    assert server.config("external-*") == {name: wanted[name] for name in wanted
                                           if name != "tls-bind"}
    path = tmp_path / "conf"
    conffile.rewrite(str(path), server.config() | wanted)
    again = Server(**conffile.settings_of(conffile.parse_text(path.read_bytes(), "conf")))
    assert again.config(*wanted) == wanted
    assert c_door.ranges(again) == c_door.ranges(server)
    conffile.rewrite(str(path), again.config() | {"external-allowlist": ""})
    assert b'external-allowlist ""' in path.read_bytes()
    again.close()


@pytest.mark.parametrize("name, why", [("default", "name a user of its own"),
                                       ("a b", "can't contain spaces")])
def test_who_cannot_be_the_external_user(server, name, why):
    with pytest.raises(DirectiveError, match=why):
        server.configure([(b"external-user", name.encode())])


# -- who comes in ---------------------------------------------------------------------------------

def test_it_logs_in_as_the_external_user(server):
    for words in (["AUTH", "outer", "secret"], ["HELLO", "3", "AUTH", "outer", "secret"]):
        client = outer(server)
        assert client.execute(b"GET", b"a") == NOAUTH
        assert client.execute(*(word.encode() for word in words))[:1] in b"+%"
        assert ask(client, "ACL", "WHOAMI") == b"outer"
        client.close()


@pytest.mark.parametrize("words", [
    ["AUTH", "secret"], ["AUTH", "default", "secret"], ["AUTH", "default", ""], ["AUTH", ""],
    ["AUTH", "other", "secret"], ["AUTH", "outer", "wrong"], ["AUTH", "OUTER", "secret"],
    ["HELLO", "3", "AUTH", "default", "any"], ["HELLO", "2", "AUTH", "other", "secret"],
])
@pytest.mark.parametrize("inside", ["nopass", "on >secret"])
def test_and_as_nobody_else(server, words, inside):
    """Least of all as `default` while that takes any password."""
    ask(server, "ACL", "SETUSER", "default", *inside.split())
    client = outer(server)
    assert client.execute(*(word.encode() for word in words)).startswith(WRONGPASS)
    for command in (b"GET", b"PING", b"MULTI", b"NONSENSE"):
        assert client.execute(command) == NOAUTH
    assert client.execute(b"HELLO", b"3").startswith(b"-NOAUTH HELLO must be called")
    client.close()


def test_an_external_user_without_a_password_is_nobody(server):
    ask(server, "ACL", "SETUSER", "outer", "nopass")
    client = outer(server)
    assert client.execute(b"AUTH", b"outer", b"any").startswith(WRONGPASS)
    client.close()


def test_reset_is_a_new_beginning(server):
    client = outer(server)
    ask(client, "AUTH", "outer", "secret")
    assert client.execute(b"RESET") == b"+RESET\r\n"
    assert client.execute(b"GET", b"a") == NOAUTH
    client.close()


def test_before_it_has_logged_in_its_commands_are_small(server):
    client = outer(server)
    assert client.process_bytes(b"*11\r\n") == b"-ERR Protocol error: unauthenticated multibulk " \
                                               b"length\r\n"
    client.close()


# -- who is barred --------------------------------------------------------------------------------

@pytest.mark.parametrize("sent", [
    b"*3\r\n$4\r\nAUTH\r\n$5\r\nouter\r\n$6\r\nsecret\r\n", b"AUTH outer secret\r\n", b"auth\r\n",
    b"hElLo\r\n", b"HELLO 3 AUTH outer secret SETNAME x\r\n", b"*1\r\n$5\r\nHELLO\r\n",
])
def test_who_is_barred_is_told_when_it_logs_in(server, sent):
    client = outer(server, barred=True)
    assert client.process_bytes(sent + b"SET a 1\r\n") == REFUSAL + NOAUTH
    assert ask(server, "EXISTS", "a") == 0
    client.close()


def test_who_is_barred_can_do_nothing_else(server):
    client = outer(server, barred=True)
    for line in (b"SET a 1", b"PING", b"QUIT", b"RESET", b"MULTI", b"NONSENSE", b"COMMAND"):
        assert client.process_bytes(line + b"\r\n") == NOAUTH
        assert not client.closed
    assert client.process_bytes(b"\r\n" * 1000) == b""
    assert client.process_bytes(b"SET a 1\r\n" * 1000) == NOAUTH * (c_door.COMMANDS_MAX - 7)
    assert client.closed
    assert ask(server, "DBSIZE") == 0
    client.close()


def test_random_bytes_of_who_is_barred(server):
    """No state of the engine changes, replies and memory are bounded, at every cut."""
    seed = random.Random(20)
    words = [b"SET", b"AUTH", b"HELLO", b"EXEC", b"MULTI", b"*3\r\n", b"$3\r\n", b"\r\n", b" ",
             b"a", b"$-1\r\n", b"*99999999\r\n", b"$16384\r\n", b"$17000\r\n", b"\0", b"\"",
             b"outer", b"x" * 5000, b"POST / HTTP/1.1", b"subscribe", b"*0\r\n", b"*-1\r\n"]
    for _ in range(3000):
        client = outer(server, barred=True)
        sent = b"".join(seed.choice(words) for _ in range(seed.randrange(1, 30)))
        replies = b""
        for _ in range(seed.randrange(1, 5)):
            cut = seed.randrange(len(sent) + 1)
            if not client.closed:
                replies += client.process_bytes(sent[:cut])
                assert client.closed or c_door.memory(server, client.id) <= c_door.QUERY_MAX
            sent = sent[cut:]
        rest = replies.replace(NOAUTH, b"").replace(REFUSAL, b"")
        assert rest == b"" or rest.startswith(b"-ERR Protocol error") and rest.count(b"\r\n") == 1
        assert replies.count(b"\r\n") <= c_door.COMMANDS_MAX + 1
        client.close()
    assert ask(server, "DBSIZE") == 0
    assert b"external_connections_refused:0" in ask(server, "INFO", "stats")    # none had a socket
