"""Values too long for one slice of a rewrite: written in pieces, and whole all the same.

Goal: a base holds every long value as it was at the moment, whatever happens to it while it is
written; nobody but who would change it waits. Method: an engine in process whose turns the test
makes one by one, digests of DEBUG DIGEST before and after a load, and sockets for those who wait.
"""
import pathlib
import random
import shutil
import socket
import tempfile

import pytest

from tests.journal.exchange import DEBUG, Stock, needs_stock
from tests.journal.test_load import Running
from tests.oracle import encode
from tests.serving import Peer

COUNT = 15_000
PIECE = 3_000                           # elements of a command that fills
FAR = 4102444800000
NAMES = ("set", "hash", "zset", "list", "stream", "string")


def fill(ask, count=COUNT):
    def words(make):
        return [word for i in range(count) for word in make(i)]

    def each(name, key, parts, width):
        for start in range(0, len(parts), PIECE * width):
            ask(name, key, *parts[start:start + PIECE * width])

    each("SADD", "set", words(lambda i: [f"m{i}"]), 1)
    each("HSET", "hash", words(lambda i: [f"f{i}", f"v{i}"]), 2)
    each("ZADD", "zset", words(lambda i: [i * 7 % 1000, f"m{i}"]), 2)
    each("RPUSH", "list", words(lambda i: [f"element {i} " + "x" * 100]), 1)
    for i in range(count // 4):
        ask("XADD", "stream", f"{i + 1}-0", "field", "x" * 400)
    ask("XGROUP", "CREATE", "stream", "g", "0")
    ask("XREADGROUP", "GROUP", "g", "c", "COUNT", count // 8, "STREAMS", "stream", ">")
    ask("XREADGROUP", "GROUP", "g", "d", "COUNT", count // 16, "STREAMS", "stream", ">")
    ask("SET", "string", "y" * 3_000_000)
    for key, deadline in (("string", FAR), ("list", FAR + 1), ("stream", FAR + 2)):
        ask("PEXPIREAT", key, deadline)
    for i in range(0, count, 7):        # in most commands of a base some die, and some do not
        ask("HPEXPIREAT", "hash", FAR + i, "FIELDS", 1, f"f{i}")


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A directory whose journal holds the values, and their digest."""
    directory = tmp_path_factory.mktemp("filled")
    with engine(directory) as running:
        fill(lambda *words: execute(running, *words))
        begin(running)                  # from a base the others start faster
        finish(running)
        digests = digest_each(running)
    return directory, digests


def engine(directory, **settings):
    return Running(directory, enable_debug_command="yes", auto_aof_rewrite_percentage=0, **settings)


@pytest.fixture(params=["yes", "no"], ids=["rdb", "text"])
def running(request, filled, tmp_path):
    """One that has loaded them, and writes its base in this form."""
    shutil.copytree(filled[0], tmp_path / "data")
    with engine(tmp_path / "data", aof_use_rdb_preamble=request.param) as running:
        yield running


def execute(running, *words):
    return running.server.execute(*(word if isinstance(word, bytes) else str(word).encode()
                                    for word in words))


def digest_each(running):
    return execute(running, "DEBUG", "DIGEST-VALUE", *NAMES)


def digest(running):
    return execute(running, "DEBUG", "DIGEST")


def beside(running):
    """What a digest leaves out."""
    some = [f"f{i}" for i in range(0, COUNT, 9)]
    return [execute(running, "HPEXPIRETIME", "hash", "FIELDS", len(some), *some),
            execute(running, "XINFO", "GROUPS", "stream"),
            execute(running, "XPENDING", "stream", "g")]


def rewriting(running) -> bool:
    return b"aof_rewrite_in_progress:1" in execute(running, "INFO", "persistence")


def begin(running):
    assert execute(running, "BGREWRITEAOF").startswith(b"+")
    running.server.run(1e-6)


def finish(running) -> int:
    """Turns that it took."""
    turns = 0
    while rewriting(running):
        running.server.run(1e-6)
        turns += 1
    assert b"aof_last_bgrewrite_status:ok" in execute(running, "INFO", "persistence")
    return turns


def loaded_digest(running, tmp_path, ask=digest):
    """What another engine makes of the files as they are now."""
    running.server.run(1e-3)
    with engine(running.copy(tmp_path / "copy")) as other:
        return ask(other)


def test_values_are_whole_and_take_many_turns(running, filled, tmp_path):
    assert digest_each(running) == filled[1]
    begin(running)
    turns = finish(running)
    assert turns > 5, "a turn has half a millisecond, and these values take many times as much"
    assert loaded_digest(running, tmp_path) == digest(running)
    shutil.rmtree(tmp_path / "copy")
    assert loaded_digest(running, tmp_path, beside) == beside(running)


@needs_stock
def test_stock_reads_them(running, tmp_path):
    begin(running)
    finish(running)
    with Stock(running.copy(tmp_path / "copy"), *DEBUG) as peer:
        assert b"+%b\r\n" % peer.ask("DEBUG", "DIGEST") == digest(running)


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_a_value_is_not_held_in_memory_once_more(tmp_path, preamble):
    """What waits for the disk is bounded, in either form, though no element is cut."""
    megabyte = b"x" * (1 << 20)
    with engine(tmp_path, aof_use_rdb_preamble=preamble) as running:
        execute(running, "RPUSH", "list", *[megabyte] * 20)
        execute(running, "SADD", "set", *[b"%d" % i + megabyte for i in range(20)])
        execute(running, "SET", "string", megabyte * 20)
        before, most = running.server.used_memory, 0
        begin(running)
        while rewriting(running):
            running.server.run(1e-6)
            most = max(most, running.server.used_memory)
        # Two buffers of four megabytes and an element, which may have doubled to get there.
        assert most - before < 20 << 20


def random_change(draws):
    key = draws.choice(NAMES)
    i = draws.randrange(COUNT)
    if draws.random() < 0.3:
        return draws.choice([
            ("DEL", key), ("UNLINK", key), ("SET", key, "other"), ("RENAME", key, "moved"),
            ("COPY", key, "copied", "REPLACE"), ("PEXPIRE", key, 1), ("EXPIRE", key, 1000),
            ("MOVE", key, 1), ("SWAPDB", 0, 1), ("FLUSHDB", "ASYNC"), ("GETDEL", "string"),
            ("EVAL", "return redis.call('SADD', 'set', 'by script')", 0)])
    return draws.choice([
        ("SADD", "set", f"m{i}", "new"), ("SREM", "set", f"m{i}"), ("SPOP", "set"),
        ("HSET", "hash", f"f{i}", "changed"), ("HDEL", "hash", f"f{i}"),
        ("ZADD", "zset", i, f"m{i}"), ("ZREM", "zset", f"m{i}"), ("ZPOPMAX", "zset"),
        ("LSET", "list", i, "changed"), ("LPOP", "list"), ("RPUSH", "list", "new"),
        ("XADD", "stream", "*", "a", "b"), ("XACK", "stream", "g", f"{i}-0"),
        ("XDEL", "stream", f"{i}-0"), ("APPEND", "string", "z"), ("SETRANGE", "string", 7, "zz"),
        ("SET", f"small{i}", i)])


@pytest.mark.parametrize("seed", range(3))
def test_any_change_meanwhile(running, tmp_path, seed):
    draws = random.Random(seed)
    execute(running, "MSET", *(word for i in range(3000) for word in (f"small{i}", i)))
    begin(running)
    while rewriting(running):
        running.server.run(1e-6)
        if draws.random() < 0.15:
            execute(running, *random_change(draws))
    execute(running, "SET", "behind", "1")
    execute(running, "PEXPIRE", "moved", 1)     # dead or not, it must be so in both
    running.server.run(0.01)
    execute(running, "DEL", "moved")
    assert loaded_digest(running, tmp_path) == digest(running)


@pytest.mark.parametrize("words", [("DEL", "set"), ("SET", "set", "short"), ("PEXPIRE", "hash", 1),
                                   ("UNLINK", *NAMES), ("FLUSHALL", "ASYNC")])
def test_a_key_that_goes_is_kept_for_the_base(running, tmp_path, words):
    """Its memory comes back when it has been written: `running` asks for every byte."""
    begin(running)
    before = running.server.used_memory
    execute(running, *words)
    while rewriting(running):
        running.server.run(1e-6)
    running.server.run(0.05)
    assert running.server.used_memory < before - 250_000
    assert loaded_digest(running, tmp_path) == digest(running)


def test_a_rewrite_that_is_given_up_forgets_its_line(running):
    begin(running)
    execute(running, "DEL", "zset")
    execute(running, "CONFIG", "SET", "appendonly", "no")
    execute(running, "SADD", "set", "more")
    running.server.run(0.01)
    assert execute(running, "SCARD", "set") == b":%d\r\n" % (COUNT + 1)


class Serving:
    """A Unix socket on which the engine is heard while the test makes its turns."""

    def __init__(self, running, tmp_path):
        self.running = running
        self.path = str(tmp_path / "s")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.setblocking(False)
        running.server.listen(self.listener.fileno(), "unix")

    def connect(self):
        peer = Peer(self.path)
        peer.socket.setblocking(False)
        return peer

    def turn(self, peer=None) -> bytes:
        """One turn; what the peer has got of it."""
        self.running.server.run(1e-6)
        if peer is None:
            return b""
        try:
            return peer.socket.recv(65536)
        except BlockingIOError:
            return b""


@pytest.fixture
def serving(running):
    with tempfile.TemporaryDirectory(prefix="kvd-j-") as place:
        serving = Serving(running, pathlib.Path(place))
        yield serving
        serving.listener.close()


@pytest.mark.parametrize("request_", [
    encode("ZADD", "zset", "1", "new"),
    encode("MULTI") + encode("PING") + encode("HSET", "hash", "a", "b") + encode("EXEC"),
    encode("EVAL", "return redis.call('SADD', KEYS[1], 'new')", "1", "set"),
], ids=["command", "transaction", "script"])
def test_only_who_would_change_it_waits(running, serving, tmp_path, request_):
    writer, reader = serving.connect(), serving.connect()
    for peer in (writer, reader):
        peer.send("PING")
        while serving.turn(peer) != b"+PONG\r\n":
            pass
    begin(running)
    writer.send(request_ + encode("PING"))
    got, rounds = serving.turn(writer), 0
    while not got.endswith(b":1\r\n+PONG\r\n"):
        reader.send(encode("SET", "other", "1") + encode("ZCARD", "zset"))
        assert serving.turn(reader).startswith(b"+OK\r\n:"), "others are served"
        got += serving.turn(writer)
        rounds += 1
        assert rounds < 5000
    assert rounds, "it had to wait"
    assert rewriting(running), "it waited for its own value alone"
    finish(running)
    assert loaded_digest(running, tmp_path) == digest(running)
