"""What string and bitmap commands put into the journal: Valkey's words, and enough to come back.

The table holds what valkey-server 9.1.2 appended, but for the name of the deletion (it says
UNLINK or DEL by its configuration; every server knows DEL) and for SET with GET or IFEQ, which
is journaled as a plain SET, so that older servers can load it.
"""
import re

import pytest

from kvd.engine.server.journal import Journal
from kvd.engine.server.server import Server
from tests.commands.test_strings_oracle import Generator, read_back

# A request, and the commands that it puts into the journal; None: its own words. "+100" is a
# deadline a hundred milliseconds from then.
CASES = [
    ("set k v", None),
    ("set k v ex 100", ["SET k v PXAT +100000"]),
    ("set k v px 100 xx", ["SET k v PXAT +100"]),
    ("set k v exat 9999999999", ["SET k v PXAT 9999999999000"]),
    ("set k v pxat 9999999999999", None),
    ("set k w get", ["SET k w"]),
    ("set k v ifeq w", ["SET k v"]),
    ("set k v ifeq w", []),
    ("set k v nx", []),
    ("set k v keepttl get", ["SET k v KEEPTTL"]),
    ("set k v get ex 10", ["SET k v PXAT +10000"]),
    ("getex k", []),
    ("getex k persist", ["PERSIST k"]),
    ("getex k persist", []),
    ("getex k ex 10", ["PEXPIREAT k +10000"]),
    ("getex k pxat 1", ["DEL k"]),
    ("set k v pxat 1", []),
    ("set k v", None),
    ("set k v pxat 1", ["DEL k"]),
    ("setex k 10 v", ["SET k v PXAT +10000"]),
    ("psetex k 10000 v", ["SET k v PXAT +10000"]),
    ("setnx k v", []),
    ("setnx k2 v", None),
    ("getset k v", ["SET k v"]),
    ("getdel k", ["DEL k"]),
    ("getdel k", []),
    ("incrbyfloat k 1.5", ["SET k 1.5 KEEPTTL"]),
    ("delifeq k 1", []),
    ("delifeq k 1.5", ["DEL k"]),
    ("incr k", None),
    ("decrby k 3", None),
    ("append k 3", None),
    ("setrange k 3 abc", None),
    ("setrange k 0 ", []),
    ("mset a 1 b 2", None),
    ("msetnx a 1 c 2", []),
    ("msetex 2 a 1 b 2 xx ex 10", ["MSETEX 2 a 1 b 2 PXAT +10000"]),
    ("msetex 2 a 1 b 2 keepttl", None),
    ("msetex 1 a 1 nx", []),
    ("setbit k 3 1", None),
    ("setbit k 3 1", []),
    ("setbit k 99 0", None),
    ("bitfield k get u8 0", []),
    ("bitfield k set u8 0 7", None),
    ("bitfield k set u8 0 7", []),
    ("bitop not d k", None),
    ("bitop and d none", None),
    ("bitop and d none", []),
    ("mget a b", []),
    ("incr d extra", []),
]


def commands(data: bytes) -> list[list[bytes]]:
    """The commands of a journal, without its annotations and SELECTs."""
    found, at = [], 0

    def line() -> bytes:
        nonlocal at
        start, at = at, data.index(b"\r\n", at) + 2
        return data[start:at - 2]

    while at < len(data):
        head = line()
        if head.startswith(b"#"):
            continue
        words = []
        for _ in range(int(head[1:])):
            size = int(line()[1:])
            words.append(data[at:at + size])
            at += size + 2
        if words[0] != b"SELECT":
            found.append(words)
    return found


class Journaled:
    """An engine with a journal in `path`."""

    def __init__(self, path):
        self.path = path
        self.server = Server(appendonly=True, dir=str(path), appendfsync="no")
        self.journal = Journal(self.server)
        self.journal.start()

    def close(self) -> bytes:
        """Stop; the text of the journal."""
        self.journal.stop()
        assert self.server.close(), "the engine kept memory"
        return b"".join(p.read_bytes() for p in sorted(self.path.glob("*/*.incr.aof")))


def test_feeds(tmp_path):
    engine = Journaled(tmp_path)
    seconds, micros = re.findall(rb"\$\d+\r\n(\d+)", engine.server.execute(b"TIME"))
    now_ms = int(seconds) * 1000 + int(micros) // 1000
    want = []
    for request, fed in CASES:
        words = request.encode().split(b" ")
        assert not engine.server.execute(*words).startswith(b"-ERR unknown"), request
        want += [words] if fed is None else [line.encode().split(b" ") for line in fed]
    got = commands(engine.close())
    assert len(got) == len(want)
    for words, expected in zip(got, want):
        if expected[-1].startswith(b"+"):
            assert words[:-1] == expected[:-1]
            assert 0 <= int(words[-1]) - now_ms - int(expected[-1]) < 60_000
        else:
            assert words == expected


@pytest.mark.parametrize("seed", range(3))
def test_what_was_there_comes_back(tmp_path, seed):
    engine = Journaled(tmp_path)
    generator = Generator(1000 + seed)
    for _ in range(1500):
        request = generator.command()
        if request[1] != b"rel":        # its deadline is read back as a time left
            engine.server.execute(*request)
    requests = read_back(engine.server)
    # INCRBYFLOAT leaves text that is an int after loading; all else is the same.
    requests = [r for r in requests if r[0] != b"OBJECT"]
    before = [engine.server.execute(*r) for r in requests]
    assert engine.close()
    engine = Journaled(tmp_path)
    assert [engine.server.execute(*r) for r in requests] == before
    engine.close()
