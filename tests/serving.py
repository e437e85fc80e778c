"""An engine that serves sockets from a thread of the test's own process, and a bare client of it.

The engine belongs to its thread while that runs: a test speaks to it by commands alone.
"""
import pathlib
import socket
import tempfile
import threading

from kvd.engine.server.server import Server
from tests.oracle import encode

WAIT_SECONDS = 10


class Peer:
    """A connection: bytes out, replies in."""

    def __init__(self, address, receive_buffer: int | None = None):
        """Connect to a (host, port), or to the path of a Unix socket."""
        self.socket = socket.socket(
            socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(WAIT_SECONDS)
        self.socket.connect(address)
        self.file = self.socket.makefile("rb")

    def send(self, *requests: str | bytes) -> None:
        """Each request as it is when it is bytes, else the words of a line."""
        self.socket.sendall(b"".join(
            request if isinstance(request, bytes) else encode(*request.split(" "))
            for request in requests))

    def reply(self) -> bytes:
        """One whole reply as it came, b"" at the end of the connection."""
        head = self.file.readline()
        if head[:1] in b"$=" and head and int(head[1:]) >= 0:
            return head + self.file.read(int(head[1:]) + 2)
        if head[:1] in b"*%~>" and head:
            count = int(head[1:]) * (2 if head[:1] == b"%" else 1)
            return head + b"".join(self.reply() for _ in range(count))
        return head

    def ask(self, request: str | bytes) -> bytes:
        self.send(request)
        return self.reply()

    def gone(self) -> bool:
        """Whether the server has closed: waits for it, and reads what still comes."""
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True

    def silent(self, seconds: float) -> bool:
        """Whether nothing comes for so long, not even the end."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1, socket.MSG_PEEK) is None
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(WAIT_SECONDS)

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class Serving:
    """The engine and its thread; `settings` as Server takes them."""

    def __init__(self, **settings):
        self.directory = tempfile.TemporaryDirectory(prefix="kvd-test-")
        self.path = str(pathlib.Path(self.directory.name) / "socket")
        self.server = Server(**settings)
        self.sockets = {"tcp": socket.create_server(("127.0.0.1", 0), backlog=1000)}
        for kind in ("unix", "control"):
            self.sockets[kind] = socket.socket(socket.AF_UNIX)
            self.sockets[kind].bind(self.path + ("" if kind == "unix" else ".control"))
            self.sockets[kind].listen(100)
        for kind, listener in self.sockets.items():
            listener.setblocking(False)
            self.server.listen(listener.fileno(), kind)
        self.address = self.sockets["tcp"].getsockname()
        self.peers: list[Peer] = []
        self.thread = threading.Thread(target=self.run)
        self.stopping = False
        self.thread.start()

    def run(self) -> None:
        while not self.stopping:
            self.server.run(0.02)

    def connect(self, kind: str = "tcp", **options) -> Peer:
        address = {"tcp": self.address, "unix": self.path, "control": self.path + ".control"}[kind]
        self.peers.append(Peer(address, **options))
        return self.peers[-1]

    def close(self) -> None:
        """Stop, and see that every block was given back."""
        self.stopping = True
        self.thread.join(WAIT_SECONDS)
        for listener in self.sockets.values():
            self.server.unlisten(listener.fileno())
            listener.close()
        for peer in self.peers:
            peer.close()
        clean = self.server.close()
        self.directory.cleanup()
        assert clean, "the engine kept memory"
