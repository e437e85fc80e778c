"""An RDB file in the directory at the start: loaded where there is no journal, or refused.

Goal: who moves in with a dump.rdb finds all of it, of every type, and a file that is cut or bent
keeps us from starting. Method: stock servers write it; we load it in process, and compare digests.
"""
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest

from kvd.engine.server.journal import Journal, JournalError
from kvd.engine.server.server import Server
from tests.journal.engines import Connection
from tests.journal.test_load import Log
from tests.oracle import SERVERS

COMMANDS = [
    ("SET", "text", "x" * 100), ("SET", "number", "17"), ("SET", "dies", "1", "EX", "10000"),
    ("RPUSH", "list", *range(300)), ("RPUSH", "long list", *["y" * 50] * 2000),
    ("SADD", "numbers", *range(100)), ("SADD", "words", "a", "b", "c"),
    ("SADD", "many", *(f"m{i}" for i in range(1000))),
    ("HSET", "small", "a", "1", "b", "2"), ("HSET", "large", *(f"f{i}" for i in range(1000))),
    ("ZADD", "few", "1", "a", "2.5", "b"), ("ZADD", "scores", *(str(i) for i in range(600))),
    ("XADD", "stream", "1-1", "f", "v"), ("XADD", "stream", "2-1", "f", "w"),
    ("XGROUP", "CREATE", "stream", "g", "0"), ("XREADGROUP", "GROUP", "g", "c", "STREAMS",
                                               "stream", ">"),
    ("SELECT", "5"), ("SET", "other database", "1"), ("SELECT", "0"),
]


def stock(directory, binary, *options):
    """A stock server's dump.rdb in the directory, and the digest of what is in it."""
    path = directory / "s"
    process = subprocess.Popen([binary, "--port", "0", "--unixsocket", str(path), "--save", "",
                                "--dir", str(directory), *options],
                               stdout=subprocess.DEVNULL)
    try:
        for _ in range(500):
            if path.exists():
                break
            time.sleep(0.01)
        connection = Connection(str(path))
        for words in COMMANDS:
            connection.ask(*words)
        digest = connection.ask("DEBUG", "DIGEST")
        connection.ask("SAVE")
        connection.close()
    finally:
        process.kill()
        process.wait()
    return digest


@pytest.fixture(scope="module", params=SERVERS)
def dumped(request):
    find, what = SERVERS[request.param]
    binary = find()
    if binary is None:
        pytest.skip(f"absent: {what}")
    # Redis 6 lets everybody debug it.
    options = () if request.param == "redis6" else ("--enable-debug-command", "yes")
    with tempfile.TemporaryDirectory(prefix="kvd-d-") as place:
        digest = stock(pathlib.Path(place), binary, *options)
        yield pathlib.Path(place) / "dump.rdb", digest


def start(directory, **settings):
    server = Server(dir=str(directory), enable_debug_command="yes", **settings)
    log = Log()
    try:
        Journal(server, log).start()
    except BaseException:
        assert server.close(), "the engine kept memory"
        raise
    return server, log


def test_all_of_it_is_there(dumped, tmp_path):
    shutil.copy(dumped[0], tmp_path / "dump.rdb")
    server, log = start(tmp_path)
    assert server.execute(b"DEBUG", b"DIGEST") == b"+%s\r\n" % dumped[1]
    assert b"db5:keys=1" in server.execute(b"INFO", b"keyspace")
    assert any("DB loaded from disk" in line for line in log.lines)
    assert server.close()
    assert (tmp_path / "dump.rdb").read_bytes() == dumped[0].read_bytes(), "it is only read"


def test_another_name_and_a_journal_that_goes_first(dumped, tmp_path):
    shutil.copy(dumped[0], tmp_path / "mine.rdb")
    server, _ = start(tmp_path, dbfilename="mine.rdb")
    assert server.execute(b"DBSIZE") != b":0\r\n"
    assert server.close()
    server, _ = start(tmp_path)
    assert server.execute(b"DBSIZE") == b":0\r\n"
    assert server.close()
    shutil.copy(dumped[0], tmp_path / "dump.rdb")
    server, _ = start(tmp_path, appendonly="yes")
    assert server.execute(b"DBSIZE") == b":0\r\n", "as on a stock server: the journal is new"
    server.journal.stop()
    assert server.close()


@pytest.mark.parametrize("damage, says", [
    (lambda data: data[:-20], "Fatal error"),
    (lambda data: data[:50], "Fatal error"),
    (lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:], "Fatal error"),
    (lambda data: b"REDJS" + data[5:], "Wrong signature"),
    (lambda data: b"", "Wrong signature"),
    (lambda data: b"*1\r\n$4\r\nPING\r\n", "Wrong signature"),
], ids=["cut", "cut early", "bit", "signature", "empty", "commands"])
def test_a_damaged_one_keeps_us_from_starting(dumped, tmp_path, damage, says):
    (tmp_path / "dump.rdb").write_bytes(damage(dumped[0].read_bytes()))
    with pytest.raises(JournalError, match=says):
        start(tmp_path)
