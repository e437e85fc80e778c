"""TLS as a client sees it: real handshakes, by Python's ssl module and by redis-cli.

Goal: the same engine behind TLS as without: any size of pipeline and reply, cut at any byte; what
is not TLS, or ends in the middle, costs one connection and no more; certificates change under
service. Method: one served process with a certificate made here, connections by ssl.
"""
import contextlib
import re
import select
import signal
import socket
import ssl
import subprocess
import time

import pytest

from bench.peers import program
from tests.kvd.secure import Secure, certificate
from tests.kvd.server import Served, free_port
from tests.oracle import encode


@pytest.fixture
def secure(tmp_path):
    it = Secure(tmp_path, "--tls-auth-clients", "no", "--enable-debug-command", "yes")
    assert it.served.status is None, it.served.text
    yield it
    assert it.served.end() == 0


def test_one_engine_behind_both_doors(secure):
    link = secure.connect()
    assert link.socket.version() == "TLSv1.3"
    assert secure.ask(link, "SET", "k", "v") == b"+OK\r\n"
    assert secure.served.ask(secure.port, "GET", "k") == b"$1\r\nv\r\n"
    link.close()


def test_pipelines_and_replies_of_any_size(secure):
    link = secure.connect()
    value = bytes(range(256)) * 40_000              # 10 MB, in hundreds of records
    assert secure.ask(link, "SET", "big", value) == b"+OK\r\n"
    assert secure.ask(link, "GET", "big") == b"$%d\r\n%b\r\n" % (len(value), value)
    # More than the read buffer holds, in one stretch: what stays in the session must be found.
    count = 30_000
    # One thread: a session of OpenSSL is not for two at once, and the replies fit the buffers.
    link.socket.sendall(b"".join(encode("SET", f"key:{i}", i) for i in range(count)))
    assert [link.read() for _ in range(count)] == [b"+OK\r\n"] * count
    assert secure.ask(link, "DBSIZE") == b":%d\r\n" % (count + 1)
    link.close()


def test_a_command_byte_by_byte(secure):
    link = secure.connect()
    for byte in encode("SET", "slow", "value"):
        link.socket.sendall(bytes([byte]))
    assert link.read() == b"+OK\r\n"
    link.close()


def test_a_pause_leaves_nothing_behind(secure):
    """What had been decrypted when the client was paused is executed after it."""
    link = secure.connect()
    secure.served.ask(secure.port, "CLIENT", "PAUSE", "300", "ALL")
    link.socket.sendall(b"".join(encode("INCR", "n") for _ in range(20_000)))
    assert [link.read() for _ in range(20_000)][-1] == b":20000\r\n"
    link.close()


@pytest.mark.parametrize("sent", [b"", b"PING\r\n", b"\x16\x03\x01\x00", b"\x00" * 400])
def test_what_is_no_handshake_costs_its_connection(secure, sent):
    with socket.create_connection(("127.0.0.1", secure.tls_port), timeout=20) as plain:
        plain.sendall(sent)
        plain.shutdown(socket.SHUT_WR)
        while plain.recv(1000):
            pass                                    # an alert, then the end
    link = secure.connect()
    assert secure.ask(link, "PING") == b"+PONG\r\n"
    link.close()


def test_handshakes_under_way_hold_nobody_up(secure):
    waiting = [socket.create_connection(("127.0.0.1", secure.tls_port)) for _ in range(200)]
    for sock in waiting:
        sock.sendall(b"\x16\x03\x01\x02\x00")       # a record that never comes whole
    link = secure.connect()
    assert secure.ask(link, "PING") == b"+PONG\r\n"
    link.close()
    for sock in waiting:
        sock.close()
    until = time.monotonic() + 10
    while b"connected_clients:1\r" not in secure.served.ask(secure.port, "INFO", "clients"):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_crowd_of_handshakes_lets_others_pass(secure):
    """Fifty of them, of half a millisecond each, are waiting when somebody else asks something."""
    hellos = []
    for _ in range(50):
        sock = socket.create_connection(("127.0.0.1", secure.tls_port))
        out = ssl.MemoryBIO()
        with contextlib.suppress(ssl.SSLWantReadError):
            secure.trust().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost") \
                .do_handshake()
        hellos.append((sock, out.read()))
    other = secure.served.client(secure.port)
    other.socket.sendall(encode("PING"))
    assert other.read() == b"+PONG\r\n"            # all have been accepted
    secure.served.process.send_signal(signal.SIGSTOP)
    for sock, hello in hellos:
        sock.sendall(hello)
    other.socket.sendall(encode("DEBUG", "SLEEP", "2"))     # what is answered then, was before it
    secure.served.process.send_signal(signal.SIGCONT)
    time.sleep(1)
    answered, _, _ = select.select([sock for sock, _ in hellos], [], [], 0)
    assert len(answered) <= 15, "they were served first"
    assert not select.select([other.socket], [], [], 0)[0], "the server did not sleep meanwhile"
    assert other.read() == b"+OK\r\n"
    deadline = time.monotonic() + 10
    while len(answered) < 50:
        assert time.monotonic() < deadline
        answered, _, _ = select.select([sock for sock, _ in hellos], [], [], 0.1)
    for sock in (*(sock for sock, _ in hellos), other):
        sock.close()


def test_the_clock_ends_nobody_before_the_reply(secure):
    """A refusal waits for the end of the turn, and the clock may look at its client before that."""
    assert secure.served.ask(secure.port, "CONFIG", "SET", "hz", "500") == b"+OK\r\n"
    assert secure.served.ask(secure.port, "CONFIG", "SET", "requirepass", "secret") == b"+OK\r\n"
    for _ in range(300):
        link = secure.connect()
        assert secure.ask(link, "AUTH", "wrong").startswith(b"-WRONGPASS ")
        link.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_protocols_are_refused(secure):
    context = secure.trust()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, OSError)):
        secure.connect(context)


def test_the_certificate_changes_under_service(secure):
    old = secure.connect()
    certificate(secure.directory, "two")
    assert secure.served.ask(secure.port, "CONFIG", "SET", "tls-cert-file", "two.crt",
                             "tls-key-file", "two.key") == b"+OK\r\n"
    with pytest.raises(ssl.SSLCertVerificationError):
        secure.connect()
    new = secure.connect(secure.trust("two"))
    assert secure.ask(new, "PING") == secure.ask(old, "PING") == b"+PONG\r\n"
    # A wrong pair is refused, and what was before goes on.
    reply = secure.served.ask(secure.port, "CONFIG", "SET", "tls-key-file", "one.key")
    assert reply.startswith(b"-ERR CONFIG SET failed") and b"tls-key-file" in reply
    assert secure.ask(secure.connect(secure.trust("two")), "PING") == b"+PONG\r\n"


def test_clients_with_certificates_only(tmp_path):
    authority = certificate(tmp_path, "ca")
    certificate(tmp_path, "client", authority)
    it = Secure(tmp_path, "--tls-ca-cert-file", "ca.crt")
    try:
        context = it.trust()
        context.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")
        assert it.ask(it.connect(context), "PING") == b"+PONG\r\n"
        with pytest.raises((ssl.SSLError, OSError, AssertionError, ValueError)):
            assert it.ask(it.connect(), "PING") == b"+PONG\r\n"
    finally:
        assert it.served.end() == 0


@pytest.mark.parametrize("args, words", [
    ((), "tls-cert-file"),
    (("--tls-cert-file", "one.crt"), "tls-key-file"),
    (("--tls-cert-file", "one.crt", "--tls-key-file", "one.key"), "tls-ca-cert-file"),
    (("--tls-cert-file", "gone.crt", "--tls-key-file", "one.key", "--tls-auth-clients", "no"),
     "tls-cert-file: No such file or directory"),
    (("--tls-cert-file", "one.crt", "--tls-key-file", "two.key", "--tls-auth-clients", "no"),
     "tls-key-file: key values mismatch"),
])
def test_a_start_that_cannot_be_says_why(tmp_path, args, words):
    certificate(tmp_path, "one")
    certificate(tmp_path, "two")
    served = Served(tmp_path, "--port", "0", "--tls-port", str(free_port()), *args)
    assert served.process.wait(10) == 1
    assert words in served.text


def test_info_tells_which_port_has_tls(secure):
    text = secure.ask(secure.connect(), "INFO", "server").decode()
    assert f"\r\nlistener0:name=tcp,bind=127.0.0.1,bind=::1,port={secure.port}\r\n" in text \
        or f"\r\nlistener0:name=tcp,bind=127.0.0.1,port={secure.port}\r\n" in text
    found = re.search(r"\r\nlistener2:name=tls((?:,bind=[^,]+)+),port=(\d+)\r\n", text)
    assert found and int(found[2]) == secure.tls_port and ",bind=127.0.0.1" in found[1]


def test_redis_cli(secure):
    tool = program("redis-cli")
    if tool is None:
        pytest.skip("redis-cli is not installed (Debian: redis-tools)")
    run = subprocess.run(
        [tool, "--tls", "--cacert", secure.directory / "one.crt", "-h", "localhost", "-p",
         str(secure.tls_port), "ECHO", "hello"], capture_output=True, text=True, timeout=20)
    assert run.stdout == "hello\n", run.stderr
