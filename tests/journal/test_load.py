"""Loading: files cut at every byte, padded with zeroes, damaged; databases, transactions, times.

Goal: a file that a crash can leave loads, without the unfinished rest, and a damaged one is
refused with its offset and stays as it is. Method: an engine in process writes a small file, the
test cuts or bends it, and another engine in process loads it.
"""
import shutil
import time

import pytest

from kvd.engine.journal.files import Files, Manifest
from kvd.engine.server.journal import Journal, JournalError
from kvd.engine.server.server import Server
from tests.journal.engines import wait_until


class Log:
    def __init__(self):
        self.lines = []

    def notice(self, message):
        self.lines.append(message)

    warning = notice


class Running:
    """An engine in process with its journal started; stops and closes with the block."""

    def __init__(self, directory, **settings):
        self.log = Log()
        self.server = Server(dir=str(directory), appendonly="yes", **settings)
        self.journal = Journal(self.server, self.log)
        try:
            self.journal.start()
        except BaseException:
            assert self.server.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.journal.stop()
        assert self.server.close() or kind

    def ask(self, *words):
        reply = self.server.execute(*(str(word).encode() for word in words))
        self.server.run(1e-6)           # a turn: the journal is written
        return reply

    def copy(self, target):
        """The directory as a crash would leave it. What a rewrite has replaced is removed by a
        thread, which might do so while it is copied: it is waited for."""
        wait_until(lambda: not self.journal.files.strays())
        return shutil.copytree(self.journal.files.home, target)

    def text(self):
        return b"\n".join(line.encode() for line in self.log.lines)


def command(*words) -> bytes:
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in words)


@pytest.fixture
def incr(tmp_path):
    """The path of the incr file of a journal in tmp_path; write to it what shall be loaded."""
    files = Files(tmp_path, "appendonlydir", "appendonly.aof")
    files.make_directory()
    part = files.incr_part(1)
    files.path(part).write_bytes(b"")
    files.replace(Manifest(incrs=(part,)))
    return files.path(part)


STEPS = [
    [("SET", "a", "1")],
    [("SET", "bin", b"\r\n\0*3\r\n$3\r\n")],
    [("MULTI",), ("INCR", "a"), ("SELECT", "2"), ("SET", "a", "two"), ("EXEC",)],
    [("APPEND", "a", "!")],
    [("SELECT", "0")],
    [("DEL", "bin")],
]


def pieces():
    return [b"".join(command(*words) for words in step) for step in STEPS]


def model(count):
    """(db 0, db 2) after so many steps."""
    zero, two = {}, {}
    if count > 0:
        zero["a"] = b"1"
    if count > 1:
        zero["bin"] = b"\r\n\0*3\r\n$3\r\n"
    if count > 2:
        zero["a"], two["a"] = b"2", b"two"
    if count > 3:
        two["a"] += b"!"
    if count > 5:
        del zero["bin"]
    return zero, two


def strings(running):
    found = []
    for db in (0, 2):
        client = running.server.client()
        client.execute(b"SELECT", b"%d" % db)
        some = {}
        for key in ("a", "bin"):
            reply = client.execute(b"GET", key.encode())
            if reply != b"$-1\r\n":
                some[key] = reply.split(b"\r\n", 1)[1][:-2]
        found.append(some)
        client.close()
    return tuple(found)


@pytest.mark.parametrize("padding", [0, 1, 7, 5000], ids="{} zeroes".format)
def test_cut_at_every_byte(tmp_path, incr, padding):
    """Whole steps stay, the unfinished one goes whole, and the file goes on from there."""
    whole = b"".join(pieces())
    ends = [sum(map(len, pieces()[:count])) for count in range(len(STEPS) + 1)]
    for cut in range(0, len(whole) + 1, 1 if padding < 2 else 5):
        incr.write_bytes(whole[:cut] + bytes(padding))
        count = max(i for i, end in enumerate(ends) if end <= cut)
        # Zeroes may complete an argument's bytes, never its line end.
        with Running(tmp_path) as running:
            assert strings(running) == model(count), cut
            assert incr.read_bytes() == whole[:ends[count]]
            if cut + padding > ends[count]:
                assert f"dropping {cut + padding - ends[count]}".encode() in running.text()
        with Running(tmp_path) as again:
            assert strings(again) == model(count)


@pytest.mark.parametrize("tail", [b"*2\r\n$3\r\nSE", b"*1\r\n$5\r\nMULTI\r\n", bytes(64)])
def test_a_tail_is_refused_where_the_configuration_says_so(tmp_path, incr, tail):
    whole = command("SET", "a", "1") + tail
    incr.write_bytes(whole)
    with pytest.raises(JournalError, match=f"byte 27 of {len(whole)}") as caught:
        Running(tmp_path, aof_load_truncated="no")
    assert str(incr) in str(caught.value)
    assert incr.read_bytes() == whole


@pytest.mark.parametrize("damage, offset", [
    (b"!!!", 27),
    (b"\0\0\0" + command("SET", "b", "2"), 27),
    (b"*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n22\r\n", 52),
    (b"*x\r\n", 28),
    (b"*0\r\n", 28),
    (b"*-1\r\n", 28),
    (b"*1048577\r\n", 28),
    (b"*3\r\n$9223372036854775807\r\n", 32),
    (b"*3\r\n$536870913\r\n", 32),
    (b"*3\r\n$-1\r\n", 32),
    (b"*1\n$4\r\nPING\r\n", 29),
    (b"PING\r\n", 27),
    (command("NOSUCH", "l", "x"), 27),
    (command("SET", "b"), 27),
])
def test_damage_is_refused_with_its_offset(tmp_path, incr, damage, offset):
    whole = command("SET", "a", "1") + damage + command("SET", "c", "3")
    incr.write_bytes(whole)
    with pytest.raises(JournalError, match=f"at offset {offset}:") as caught:
        Running(tmp_path)
    assert str(incr) in str(caught.value)
    assert incr.read_bytes() == whole


def test_an_earlier_file_must_be_whole(tmp_path, incr):
    files = Files(tmp_path, "appendonlydir", "appendonly.aof")
    files.read()
    second = files.incr_part(2)
    files.path(second).write_bytes(command("SET", "b", "2"))
    files.replace(Manifest(incrs=(*files.manifest.incrs, second)))
    incr.write_bytes(command("SET", "a", "1"))
    with Running(tmp_path) as running:
        assert running.ask("GET", "a") + running.ask("GET", "b") == b"$1\r\n1\r\n$1\r\n2\r\n"
    incr.write_bytes(command("SET", "a", "1")[:-1])
    with pytest.raises(JournalError, match="something is missing"):
        Running(tmp_path)


def test_annotations_are_skipped(tmp_path, incr):
    incr.write_bytes(b"#TS:1\r\n" + command("SET", "a", "1") + b"#anything\n#\n"
                     + command("INCR", "a") + b"#cut")
    with Running(tmp_path) as running:
        assert running.ask("GET", "a") == b"$1\r\n2\r\n"
        assert b"dropping 4" in running.text()


def test_keys_do_not_die_while_a_file_is_loaded(tmp_path, incr):
    """What was recorded while a key lived applies to it, though its time has passed since."""
    past = int(time.time() * 1000) - 1000
    incr.write_bytes(command("SET", "a", "1", "PXAT", past) + command("INCR", "a")
                     + command("SET", "b", "5") + command("PEXPIREAT", "b", past)
                     + command("INCR", "b") + command("PERSIST", "b"))
    with Running(tmp_path) as running:
        assert running.ask("GET", "a") == b"$-1\r\n"
        assert running.ask("GET", "b") == b"$1\r\n6\r\n"
    assert incr.read_bytes().endswith(command("DEL", "a"))


def test_errors_of_commands_are_told_and_passed_over(tmp_path, incr):
    incr.write_bytes(command("SET", "a", "x") + command("INCR", "a") + command("SET", "b", "1"))
    with Running(tmp_path) as running:
        assert running.ask("GET", "b") == b"$1\r\n1\r\n"
        assert b"1 of its commands answered an error" in running.text()


def test_files_without_a_manifest_are_not_written_beside(tmp_path, incr):
    incr.write_bytes(command("SET", "a", "1"))
    (tmp_path / "appendonlydir" / "appendonly.aof.manifest").unlink()
    with pytest.raises(JournalError, match="no manifest"):
        Running(tmp_path)
    assert incr.read_bytes() == command("SET", "a", "1")


def test_nothing_of_a_load_is_counted_or_fed_back(tmp_path, incr):
    text = command("SET", "a", "1") + command("GET", "nothing")
    incr.write_bytes(text)
    with Running(tmp_path) as running:
        info = running.server.execute(b"GET", b"a")
        assert info == b"$1\r\n1\r\n"
    assert incr.read_bytes() == text


def test_what_the_engine_writes_it_loads(tmp_path):
    with Running(tmp_path) as running:
        running.ask("SET", "a", "1", "EX", 1000)
        running.ask("SELECT", 3)
        running.ask("MSET", "x", "1", "y", "2")
        running.ask("MULTI")
        running.ask("INCR", "x")
        running.ask("GET", "x")
        running.ask("DEL", "y")
        running.ask("EXEC")
        deadline = running.server.client().execute(b"PEXPIRETIME", b"a")
    incr, = (tmp_path / "appendonlydir").glob("*.incr.aof")
    assert incr.read_bytes().count(b"MULTI") == incr.read_bytes().count(b"EXEC") == 1
    with Running(tmp_path) as running:
        assert running.ask("PEXPIRETIME", "a") == deadline
        running.ask("SELECT", 3)
        assert running.ask("MGET", "x", "y") == b"*2\r\n$1\r\n2\r\n$-1\r\n"
