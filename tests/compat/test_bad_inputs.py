"""Bad input, over a real socket: the right answer, and a server that is as well as before.

The list is `bad_inputs.jsonl`, looked for beside the project and in $KVD_BAD_INPUTS: bytes to send
and what must come back. It covers families of commands that may not exist yet; a row that needs
one is skipped and says which. After each row a new connection must get its PONG, and the
process may not have grown. The rows that are sentences, not bytes, are the tests at the end.
"""
import base64
import json
import os
import pathlib
import re
import socket
import time

import pytest

from tests.kvd.server import Served, free_port
from tests.oracle import encode

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLACES = [os.environ.get("KVD_BAD_INPUTS", ""),
          str(ROOT.parent / "shared" / "reference" / "bad_inputs.jsonl")]
QUIET_SECONDS = 0.15                    # no byte for so long: the server has said all
GROWTH_MAX = 1 << 20                    # bytes of resident memory that a row may leave behind
PASSWORD = "a password"


def rows() -> list[dict]:
    for place in PLACES:
        if place and pathlib.Path(place).is_file():
            lines = pathlib.Path(place).read_text().splitlines()
            return [row for row in map(json.loads, lines)
                    if row["match"] and row.get("send_b64") and row["auth"] in ("pre", "post")]
    return []


class Target:
    """A served instance and its memory."""

    def __init__(self, directory, *options: str):
        self.port = free_port()
        self.served = Served(directory, "--port", str(self.port), "--bind", "127.0.0.1",
                             "--dir", str(directory), *options)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def resident(self) -> int:
        status = pathlib.Path(f"/proc/{self.served.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024

    def say(self, data: bytes, seconds: float = QUIET_SECONDS) -> tuple[bytes, bool]:
        """All that comes back on a new connection, and whether the server closed it."""
        with self.connect() as link:
            link.sendall(data)
            return self.hear(link, seconds)

    def hear(self, link: socket.socket, seconds: float = QUIET_SECONDS) -> tuple[bytes, bool]:
        link.settimeout(seconds)
        heard = []
        try:
            while part := link.recv(1 << 16):
                heard.append(part)
            return b"".join(heard), True
        except ConnectionResetError:
            return b"".join(heard), True
        except TimeoutError:
            return b"".join(heard), False

    def well(self, password: str = "") -> bool:
        login = encode("AUTH", password) if password else b""
        return self.say(login + b"PING\r\n")[0].endswith(b"+PONG\r\n")

    def stop(self) -> None:
        self.served.process.terminate()
        self.served.process.wait(20)
        assert "Exception ignored" not in self.served.text


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    made = Target(tmp_path_factory.mktemp("open"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    directory = tmp_path_factory.mktemp("locked")
    conf = directory / "kvd.conf"
    conf.write_text(f'requirepass "{PASSWORD}"\n')
    made = Target(directory, "--config", str(conf))
    yield made
    made.stop()


def test_the_list_is_read():
    if not rows():
        pytest.skip("no bad_inputs.jsonl beside the project or in $KVD_BAD_INPUTS")
    assert len(rows()) > 30


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["id"])
def test_row(target, locked, row):
    here = locked if row["auth"] == "pre" else target
    password = PASSWORD if row["auth"] == "pre" else ""
    here.say(encode("FLUSHALL"))
    for request in row["setup"]:
        here.say(encode(*request))
    before = here.resident()
    sent = base64.b64decode(row["send_b64"])
    heard, closed = here.say(sent)
    unknown = re.search(rb"-ERR unknown (?:command|subcommand) '(\w+)'", heard)
    if unknown and "unknown" not in row["match"]:
        pytest.skip(f"needs {unknown[1].decode()}, which is not served")
    # Each line of a reply stands for itself: one row may send several commands.
    assert re.search(row["match"].encode(), heard), (row["human"], heard[:300])
    assert here.well(password)
    assert here.resident() - before < GROWTH_MAX
    if "then close" in row["expect"] or "closed with no reply" in row["expect"]:
        assert closed, row["expect"]


def test_a_pipeline_split_anywhere_answers_the_same(target):
    requests = [("SET", f"k{i}", "v" * i) if i % 2 else ("GET", f"k{i - 1}") for i in range(100)]
    data = b"".join(encode(*request) for request in requests)
    whole, _ = target.say(encode("FLUSHALL") + data)
    for cut in range(1, len(data), 41):
        with target.connect() as link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.sendall(encode("FLUSHALL") + data[:cut])
            time.sleep(0.001)
            link.sendall(data[cut:])
            link.shutdown(socket.SHUT_WR)
            assert target.hear(link, 5)[0] == whole, cut


def test_announced_arguments_cost_nothing(locked):
    """A thousand sockets that announce the most that is allowed, and send part of it."""
    before = locked.resident()
    opening = b"*10\r\n" + (b"$16384\r\n" + b"x" * 16384 + b"\r\n") * 2 + b"$16384\r\n"
    links = [locked.connect() for _ in range(300)]
    for link in links:
        link.sendall(opening)
    time.sleep(0.5)
    assert locked.resident() - before < 300 * (64 << 10)
    assert locked.well(PASSWORD)
    for link in links:
        link.close()


def test_unread_replies_before_login_are_few(locked):
    before = locked.resident()
    with locked.connect() as link:
        link.settimeout(2)
        try:
            for _ in range(100):
                link.sendall(b"GET x\r\n" * 1000)
        except OSError:
            pass                        # closed on us, or it reads no more
        assert locked.resident() - before < GROWTH_MAX
        assert locked.well(PASSWORD)


def test_a_reader_that_does_not_read_stops_itself_only(target):
    target.say(encode("SET", "big", "x" * (1 << 20)))
    before = target.resident()
    with target.connect() as link:
        link.settimeout(0.5)
        try:
            for _ in range(200):
                link.sendall(encode("GET", "big") * 10)
        except OSError:
            pass
        time.sleep(0.3)
        assert target.resident() - before < 64 << 20
        assert target.well()
    assert target.well()


def test_evil_patterns_take_no_time(target):
    target.say(encode("SET", "a" * 40, "1"))
    pattern = "a*" * 20 + "b"
    for request in (("KEYS", pattern), ("SCAN", "0", "MATCH", pattern, "COUNT", "1000"),
                    ("CONFIG", "GET", pattern)):
        began = time.monotonic()
        with target.connect() as link:
            link.sendall(encode(*request) + encode("ECHO", "done"))
            link.settimeout(5)
            heard = b""
            while not heard.endswith(b"done\r\n"):
                heard += link.recv(65536)
        assert time.monotonic() - began < 0.5


def test_sockets_run_out_and_come_back(tmp_path):
    """EMFILE: the listener rests, the processor too, and service goes on when one is free."""
    import resource
    here = Target(tmp_path, "--maxclients", "100")
    pid = here.served.process.pid
    used = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 5, used + 5))
    links = [here.connect() for _ in range(20)]
    clock = ~pid << 3 | 2               # the process's CPU clock, clock_getcpuclockid(3)
    began = time.clock_gettime(clock)
    time.sleep(1)
    assert time.clock_gettime(clock) - began < 0.2
    for link in links:
        link.close()
    time.sleep(1)
    assert here.well()
    here.stop()
