"""Exchange of files with a stock valkey-server: how a set of data goes there and back.

Who tests it says what fills a server, what happens to it after a rewrite, so that a base and what
follows it are read, and what of its state must be the same on both sides.
"""
import pathlib
import signal
import subprocess
import time

import pytest

from bench.peers import valkey_binary
from tests.journal.engines import Connection, Engine, wait_until

needs_stock = pytest.mark.skipif(valkey_binary() is None, reason="no valkey-server here")
DEBUG = ("--enable-debug-command", "yes")


class Stock:
    """A valkey-server with its journal in `directory`."""

    def __init__(self, directory, *options):
        self.path = f"{directory}/stock"
        self.process = subprocess.Popen(
            [valkey_binary(), "--port", "0", "--unixsocket", self.path, "--dir", str(directory),
             "--save", "", "--appendonly", "yes", *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.connection = Connection(self.path)
                if self.connection.ask("INFO", "persistence").count(b"\nloading:0"):
                    break
                self.connection.close()
            except OSError:
                pass
            assert time.monotonic() < deadline and self.process.poll() is None
            time.sleep(0.02)

    def __enter__(self):
        return self.connection

    def __exit__(self, *_):
        self.connection.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        pathlib.Path(self.path).unlink(missing_ok=True)


def rewritten(connection) -> None:
    connection.ask("BGREWRITEAOF")
    wait_until(lambda: b"aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0"
               in connection.ask("INFO", "persistence"))
    assert b"aof_last_bgrewrite_status:ok" in connection.ask("INFO", "persistence")


def digest_and_encodings(connection) -> tuple:
    names = sorted(connection.ask("KEYS", "*"))
    return connection.ask("DEBUG", "DIGEST"), [
        (name, connection.ask("OBJECT", "ENCODING", name)) for name in names]


def made(connection, fill, later, state):
    """A base of what `fill` did, and what `later` did behind it; the state after."""
    fill(connection)
    rewritten(connection)
    later(connection)
    return state(connection)


def we_have(directory, expected, state) -> None:
    with Engine(directory, appendonly="yes", enable_debug_command="yes") as engine:
        assert state(engine.connect()) == expected
        assert engine.stop() == 0


def stock_loads_ours(directory, preamble, fill, later, state) -> None:
    """... and so do we."""
    with Engine(directory, appendonly="yes", aof_use_rdb_preamble=preamble,
                enable_debug_command="yes") as engine:
        expected = made(engine.connect(), fill, later, state)
        assert engine.stop() == 0
    with Stock(directory, *DEBUG) as peer:
        assert state(peer) == expected
    we_have(directory, expected, state)


def we_load_theirs(directory, preamble, fill, later, state) -> None:
    with Stock(directory, *DEBUG, "--aof-use-rdb-preamble", preamble) as peer:
        expected = made(peer, fill, later, state)
    we_have(directory, expected, state)
