"""The outer door of a served engine, over real TLS.

Goal: who is not on the list learns that and nothing else, and takes nobody's place; what is set
counts for those who are inside, at once; TLS can listen elsewhere than plaintext. Method: one
served process, connections by ssl from addresses of the loopback network.
"""
import contextlib
import socket
import ssl
import time

import pytest

from tests.kvd.secure import Secure, certificate
from tests.oracle import Link, encode

REFUSAL = b"-Client IP address is not in the allowlist.\r\n"
BARRED_MAX = 32                         # of engine/server/door.pxd


@pytest.fixture
def door(tmp_path):
    it = Secure(tmp_path, "--tls-auth-clients", "no", "--maxclients", "20", "--external-user",
                "outer")
    assert it.served.status is None, it.served.text
    it.served.ask(it.port, "ACL", "SETUSER", "outer", "on", ">secret", "~*", "&*", "+@all")
    yield it
    assert it.served.end() == 0


def allow(door, networks: str) -> None:
    assert door.served.ask(door.port, "CONFIG", "SET", "external-allowlist", networks) == b"+OK\r\n"


def enter(door, host: str = "127.0.0.1", context: ssl.SSLContext | None = None) -> Link:
    link = door.connect(context, host)
    assert door.ask(link, "AUTH", "outer", "secret") == b"+OK\r\n"
    return link


def ended(link: Link) -> bool:
    """The connection is closed, or is so within a moment."""
    link.socket.settimeout(5)
    try:
        return link.socket.recv(1) == b""
    except ConnectionError:
        return True


def test_it_is_closed_to_everybody_at_first(door):
    link = door.connect()
    link.socket.sendall(encode("SET", "a", 1) + encode("AUTH", "outer", "secret")
                        + encode("SET", "a", 2))
    noauth = b"-NOAUTH Authentication required.\r\n"
    assert [link.read(), link.read(), link.read()] == [noauth, REFUSAL, noauth]
    assert ended(link)                  # a second later
    assert door.served.ask(door.port, "GET", "a") == b"$-1\r\n"
    facts = door.served.ask(door.port, "INFO", "stats")
    assert b"external_connections_refused:1\r\n" in facts
    assert b"external_last_refused:127.0.0.1:" in facts


def test_inside_nobody_is_asked(door):
    assert door.served.ask(door.port, "SET", "a", 1) == b"+OK\r\n"


def test_live_edits_count_for_who_is_inside(door):
    allow(door, "127.0.0.0/8 ::1/128")
    stays, goes, waits = enter(door), enter(door), enter(door)
    inside = door.served.client(door.port)
    waits.socket.sendall(encode("BLPOP", "list", 0))
    allow(door, "127.0.0.1 192.0.2.0/24")           # as narrow as can be: still all three
    assert door.ask(stays, "PING") == door.ask(goes, "PING") == b"+PONG\r\n"
    allow(door, "127.0.0.2")
    for link in (stays, goes, waits):
        assert ended(link)
    inside.socket.sendall(encode("PING"))
    assert inside.read() == b"+PONG\r\n"
    inside.close()
    link = door.connect()
    assert door.ask(link, "HELLO", "3", "AUTH", "outer", "secret") == REFUSAL


def test_who_is_refused_stays_so_until_it_connects_anew(door):
    before = door.connect()
    allow(door, "127.0.0.1")
    assert door.ask(before, "AUTH", "outer", "secret") == REFUSAL
    enter(door).close()


def test_who_shakes_hands_while_it_is_taken_off_the_list(door):
    allow(door, "127.0.0.1")
    plain = socket.create_connection(("127.0.0.1", door.tls_port), timeout=5)
    time.sleep(0.05)
    allow(door, "")
    assert plain.recv(1) == b""
    plain.close()


def test_who_closes_the_door_behind_itself_hears_that_it_is_done(door):
    allow(door, "127.0.0.1")
    link = enter(door)
    assert door.ask(link, "CONFIG", "SET", "external-allowlist", "") == b"+OK\r\n"
    assert ended(link)


def test_another_external_user_lets_the_old_one_go(door):
    allow(door, "127.0.0.1")
    link = enter(door)
    assert door.served.ask(door.port, "CONFIG", "SET", "external-user", "") == b"+OK\r\n"
    assert door.ask(link, "PING") == b"+PONG\r\n"
    free = door.connect()               # TLS is a way in like any other
    assert door.ask(free, "SET", "a", 1) == b"+OK\r\n"
    assert door.served.ask(door.port, "CONFIG", "SET", "external-user", "outer") == b"+OK\r\n"
    assert ended(free)
    assert door.ask(link, "PING") == b"+PONG\r\n"
    assert door.served.ask(door.port, "CONFIG", "SET", "external-user", "new") == b"+OK\r\n"
    assert ended(link)


def test_who_is_barred_takes_nobodys_place(door):
    """More than maxclients of them, and more than are told why."""
    crowd = [socket.create_connection(("127.0.0.1", door.tls_port), timeout=10)
             for _ in range(BARRED_MAX + 5)]
    turned_away = 0
    for sock in crowd[-5:]:
        turned_away += sock.recv(1) == b""
    assert turned_away == 5
    clients = [door.served.client(door.port) for _ in range(19)]        # maxclients, but for one
    for client in clients:
        client.socket.sendall(encode("PING"))
        assert client.read() == b"+PONG\r\n"
        client.close()
    for sock in crowd:
        sock.close()
    deadline = time.monotonic() + 5
    while b"connected_clients:1\r" not in door.served.ask(door.port, "INFO", "clients"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    link = door.connect()               # one of those who are told again
    assert door.ask(link, "AUTH", "outer", "secret") == REFUSAL


def test_garbage_in_place_of_a_handshake_and_behind_one(door):
    for sent in (b"\x16\x03\x01\xff\xff", b"AUTH outer secret\r\n", b"\0" * 100_000):
        with socket.create_connection(("127.0.0.1", door.tls_port), timeout=5) as plain, \
                contextlib.suppress(OSError):       # it is closed while we speak
            plain.sendall(sent)
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(1000):
                pass
    link = door.connect()
    with contextlib.suppress(OSError):
        link.socket.sendall(b"x" * 1_000_000)
        assert ended(link)
    assert door.served.ask(door.port, "DBSIZE") == b":0\r\n"


def test_tls_listens_where_it_is_told(door):
    allow(door, "127.0.0.1")
    ask = door.served.ask
    assert ask(door.port, "CONFIG", "SET", "tls-bind", "127.0.0.2") == b"+OK\r\n"
    enter(door, "127.0.0.2").close()    # from .1: the list asks whence, not where
    with pytest.raises(ConnectionRefusedError):
        door.connect()
    assert ask(door.port, "CONFIG", "SET", "tls-bind", "192.0.2.1").startswith(
        b"-ERR CONFIG SET failed (possibly related to argument 'tls-bind') - 192.0.2.1 is no "
        b"address of this machine")
    assert ask(door.port, "CONFIG", "GET", "tls-bind").endswith(b"$9\r\n127.0.0.2\r\n")
    enter(door, "127.0.0.2").close()
    assert ask(door.port, "CONFIG", "SET", "tls-bind", "") == b"+OK\r\n"
    enter(door).close()


def test_over_ipv6(door):
    if not socket.has_ipv6:
        pytest.skip("there is no IPv6 on this machine")
    if not door.served.ask(door.port, "CONFIG", "SET", "tls-bind", "::1").startswith(b"+"):
        pytest.skip("there is no ::1 on this machine")
    allow(door, "127.0.0.0/8 0.0.0.0/0")
    link = door.connect(host="::1")
    assert door.ask(link, "AUTH", "outer", "secret") == REFUSAL
    allow(door, "::1")
    enter(door, "::1").close()


def test_a_renewed_certificate_of_the_same_name_is_read_again(door):
    allow(door, "127.0.0.1")
    old, context = enter(door), door.trust()
    certificate(door.directory, "one")
    assert door.served.ask(door.port, "CONFIG", "SET", "tls-cert-file", "one.crt",
                           "tls-key-file", "one.key") == b"+OK\r\n"
    with pytest.raises(ssl.SSLCertVerificationError):
        door.connect(context)
    enter(door).close()
    assert door.ask(old, "PING") == b"+PONG\r\n"
