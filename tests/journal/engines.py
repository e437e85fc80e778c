"""Start, ask, kill and restart an engine whose journal lies in a directory."""
import contextlib
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

from tests.oracle import Oracle, encode

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS = 20


class Refused(Exception):
    """It did not start; the message is what it said."""


class Engine:
    """A serving process; `directory` stays when it goes.

    Args:
        settings: directives, with `_` for `-`.
    Raises:
        Refused: it ended instead of serving.
    """

    def __init__(self, directory, preexec_fn=None, **settings):
        self.directory = pathlib.Path(directory)
        # Socket paths are short, directories of tests are not.
        self.place = tempfile.TemporaryDirectory(prefix="kvd-j-")
        self.path = f"{self.place.name}/s"
        self.errors = open(f"{self.place.name}/log", "w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.journal.child", self.path, str(directory),
             *(f"{name}={value}" for name, value in settings.items())],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=self.errors, preexec_fn=preexec_fn)
        line = self.process.stdout.readline().decode()
        if line != "ready\n":
            self.process.wait()
            raise Refused(line + self.log())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def log(self) -> str:
        self.errors.seek(0)
        return self.errors.read()

    def connect(self) -> "Connection":
        return Connection(self.path)

    def ask(self, *args):
        with contextlib.closing(self.connect()) as connection:
            return connection.ask(*args)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.end()

    def stop(self) -> int:
        """End it cleanly; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self) -> int:
        code = self.process.wait(timeout=START_SECONDS)
        self.process.stdout.close()
        self.errors.close()
        self.place.cleanup()
        return code


class Connection(Oracle):
    """A client of some server, which is somebody else's."""

    def __init__(self, path: str):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(START_SECONDS)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rb")

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def send_all(self, requests) -> None:
        """Send without reading."""
        self.socket.sendall(b"".join(encode(*request) for request in requests))


def contents(connection) -> dict:
    """Every string of every database with its deadline: {(db, key): (value, pexpiretime)}."""
    found = {}
    for db in range(16):
        connection.ask("SELECT", db)
        keys = connection.ask("KEYS", "*")
        values = connection.ask_each([("GET", key) for key in keys])
        deadlines = connection.ask_each([("PEXPIRETIME", key) for key in keys])
        found.update({(db, key): (value, deadline) for key, value, deadline
                      in zip(keys, values, deadlines, strict=True)})
    connection.ask("SELECT", 0)
    return found


def wait_until(true, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
