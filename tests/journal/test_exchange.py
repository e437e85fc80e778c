"""Exchange with stock servers: they load what we write, we load what they wrote, contents equal.

Goal: people move in and out with their files. Method: the same strings in every spelling that an
RDB file knows, with deadlines, in several databases, written by one server and read back from
another; redis-check-aof where it is installed; damaged RDB files, byte by byte.
"""
import shutil
import subprocess
import time

import pytest

from kvd.engine.server.journal import JournalError
from tests.journal.engines import Engine, contents
from tests.journal.exchange import Stock, made, needs_stock, rewritten
from tests.journal.test_load import Running

pytestmark = needs_stock

VALUES = [
    b"", b"a", b"x" * 63, b"x" * 64, bytes(range(256)), b"ab" * 10000, b"q" * 70000,
    b"0", b"-1", b"127", b"-128", b"32767", b"-32768", b"2147483647", b"-2147483648",
    b"2147483648", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808",
    b"007", b"1.5", b"lorem ipsum " * 400, b"\0" * 5000,
]


def fill(connection) -> None:
    far = int(time.time() * 1000) + 10 ** 9
    for db in (0, 5):
        requests = [("SELECT", db)]
        requests += [("SET", f"key{i}", value) for i, value in enumerate(VALUES)]
        requests += [("SET", f"ttl{i}", value, "PXAT", far + i) for i, value in enumerate(VALUES)]
        requests += [("SET", "k" * size, "v") for size in (1, 63, 64, 300, 20000)]
        requests += [("SET", value, "k") for value in VALUES]
        assert set(connection.ask_each(requests)) == {b"OK"}
    connection.ask("SELECT", 0)


def later(connection) -> None:
    """What follows the base: commands of every form."""
    connection.ask_each([("MULTI",), ("INCR", "n"), ("INCRBYFLOAT", "f", "1.5"), ("EXEC",),
                         ("APPEND", "key3", "!"), ("SETRANGE", "key4", "2", "zz"),
                         ("GETEX", "key1", "PX", "99999999"), ("DEL", "key2"),
                         ("SET", "gone", "1", "PX", "1"), ("SELECT", 5), ("PERSIST", "ttl3"),
                         ("SETEX", "se", "1000", "v"), ("COPY", "key5", "copied", "DB", "0"),
                         ("MOVE", "key6", "3"), ("MSET", "a", "1", "b", "2"), ("SELECT", 0)])
    time.sleep(0.05)
    connection.ask("GET", "gone")


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_stock_loads_ours(tmp_path, preamble):
    with Engine(tmp_path, appendonly="yes", aof_use_rdb_preamble=preamble) as engine:
        expected = made(engine.connect(), fill, later, contents)
        assert engine.stop() == 0
    if shutil.which("redis-check-aof"):
        run = subprocess.run(["redis-check-aof", "appendonly.aof.manifest"],
                             cwd=tmp_path / "appendonlydir", capture_output=True, text=True)
        assert run.returncode == 0 and "All AOF files and manifest are valid" in run.stdout
    with Stock(tmp_path) as stock:
        assert contents(stock) == expected


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_we_load_theirs(tmp_path, preamble):
    with Stock(tmp_path, "--aof-use-rdb-preamble", preamble) as stock:
        expected = made(stock, fill, later, contents)
    with Engine(tmp_path, appendonly="yes") as engine:
        assert contents(engine.connect()) == expected
        assert engine.stop() == 0


def test_a_single_file_with_a_preamble(tmp_path):
    """Redis 4 to 6: an RDB file, and commands behind it in the same file."""
    with Stock(tmp_path) as stock:
        expected = made(stock, fill, later, contents)
    place = tmp_path / "appendonlydir"
    text = b"".join(path.read_bytes() for path in
                    [*place.glob("*.base.rdb"), *place.glob("*.incr.aof")])
    shutil.rmtree(place)
    (tmp_path / "appendonly.aof").write_bytes(text + b"*1\r\n$4\r\nPI")
    with Engine(tmp_path, appendonly="yes") as engine:
        assert contents(engine.connect()) == expected
    assert (place / "appendonly.aof").read_bytes() == text


def test_other_types_are_named(tmp_path):
    with Stock(tmp_path) as stock:
        rewritten(stock)
    base, = (tmp_path / "appendonlydir").glob("*.base.rdb")
    base.write_bytes(b"REDIS0010" b"\x07" b"\x01k" b"value" b"\xff" + bytes(8))
    with pytest.raises(JournalError, match=r"base\.rdb: at offset \d+: a key of type module"):
        Running(tmp_path)


def test_damaged_images_are_refused(tmp_path):
    """Every byte of a small base bent, every cut: the server does not start without its data."""
    with Stock(tmp_path) as stock:
        stock.ask_each([("SET", "a", "1"), ("SET", "b", "lorem ipsum " * 20),
                        ("SET", "c", "3", "PX", "100000000"), ("SELECT", "2"), ("SET", "d", "x")])
        rewritten(stock)
    base, = (tmp_path / "appendonlydir").glob("*.base.rdb")
    whole = base.read_bytes()
    for at in range(len(whole)):
        for bent in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1:]):
            base.write_bytes(bent)
            with pytest.raises(JournalError):
                Running(tmp_path)
            assert base.read_bytes() == bent
