"""A served instance for tests: the real command in a process of its own, with its log at hand."""
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

from tests.oracle import Link, encode

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
START_SECONDS = 20
END_SECONDS = 20
LINE = re.compile(r"(\d+):M \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} ([.*#-]) (.*)")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Served:
    """`kvd serve` with these arguments, in `directory`; ready, or failed, when it is made.

    Attributes:
        status: exit status; None while it runs.
        lines: (level mark, message) of its log so far.
    """

    def __init__(self, directory, *args: str, stdin: bytes | None = None, env=None):
        self.log = pathlib.Path(directory) / f"log.{time.monotonic_ns()}"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kvd", "serve", *args], cwd=directory, stderr=log,
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", **(env or {})})
        if stdin is not None:
            self.process.stdin.write(stdin)
            self.process.stdin.close()
        deadline = time.monotonic() + START_SECONDS
        while "Ready to accept connections" not in self.text and self.status is None:
            assert time.monotonic() < deadline, self.text
            time.sleep(0.005)

    @property
    def status(self) -> int | None:
        return self.process.poll()

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def lines(self) -> list[tuple[str, str]]:
        return [found.groups()[1:] for found in map(LINE.fullmatch, self.text.splitlines())
                if found]

    def client(self, port: int, host: str = "127.0.0.1") -> Link:
        link = Link.__new__(Link)
        link.socket = socket.create_connection((host, port), timeout=10)
        link.file = link.socket.makefile("rb")
        return link

    def ask(self, port: int, *args) -> bytes:
        """One command on a connection of its own."""
        client = self.client(port)
        try:
            client.socket.sendall(encode(*args))
            return client.read()
        finally:
            client.close()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; the exit status."""
        if self.status is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(END_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
