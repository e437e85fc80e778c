"""What commands of streams leave in the journal, beside what Valkey leaves.

Goal: our file means on a stock server what it means here. Method: the same commands to an engine
with a journal and to valkey-server with one; the words are compared one by one, with times taken
out, and each file is loaded by both kinds of server, which then tell the same of their streams.
"""
import re

import pytest

from bench.peers import valkey_binary
from tests.compat.test_streams import KEYS, Draw, timeless
from tests.journal.exchange import Stock
from tests.journal.test_load import Running

pytestmark = [pytest.mark.oracle,
              pytest.mark.skipif(valkey_binary() is None, reason="no valkey-server here")]

LINES = """
XADD s 1-1 a 1
XADD s * b 2
XADD s 99999999999999-* c 3
XADD s MAXLEN ~ 1000 99999999999999-9 d 4
XADD s MAXLEN = 3 99999999999999-10 e 5
XADD s MINID ~ 1 LIMIT 10 99999999999999-11 e 6
XADD s NOMKSTREAM 99999999999999-12 f 7
XADD none NOMKSTREAM * f 7
XTRIM s MAXLEN ~ 1
XTRIM s MAXLEN 3
XTRIM s MINID 99999999999999-10
XDEL s 99999999999999-10 5-5
XGROUP CREATE s g 0
XGROUP CREATE s h $ ENTRIESREAD 2
XGROUP CREATE new g $ MKSTREAM
XGROUP CREATECONSUMER s g idle
XREADGROUP GROUP g one COUNT 1 STREAMS s >
XREADGROUP GROUP g two STREAMS s new > >
XREADGROUP GROUP g two STREAMS s 0
XADD s 99999999999999-20 g 8
XREADGROUP GROUP g two NOACK STREAMS s >
XADD s 99999999999999-21 g 9
XADD s 99999999999999-22 g 9
XREADGROUP GROUP g three STREAMS s >
XREADGROUP GROUP h one COUNT 2 STREAMS s >
XACK s g 99999999999999-11 1-1
XCLAIM s g one 0 99999999999999-21
XCLAIM s g four 0 99999999999999-22 RETRYCOUNT 7 FORCE JUSTID LASTID 99999999999999-22
XCLAIM s g one 0 8-8
XDEL s 99999999999999-21
XAUTOCLAIM s g one 0 0 COUNT 10
XAUTOCLAIM s g two 0 0 JUSTID
XGROUP SETID s g 0 ENTRIESREAD 1
XREADGROUP GROUP g one STREAMS s >
XGROUP DELCONSUMER s g two
XGROUP DESTROY s h
XSETID s 99999999999999-50 ENTRIESADDED 100 MAXDELETEDID 5-5
XADD s MAXLEN 0 99999999999999-51 h 1
""".strip().splitlines()
# What stays of an approximate trim is written as the ID of the first entry: there it may be one
# that was deleted and still lies in its node.
OTHER_WORDS = {"XADD s MINID ~ 1 LIMIT 10 99999999999999-11 e 6"}
TIME = re.compile(rb"^\d{13}(-\d+)?$")  # of this day; IDs that we choose have one digit more


def words_of(data: bytes) -> list[list[bytes]]:
    """Commands of a file, with times as T."""
    commands, at = [], 0
    while at < len(data):
        if data[at:at + 1] == b"#":
            at = data.index(b"\n", at) + 1
            continue
        end = data.index(b"\r\n", at)
        count, at, words = int(data[at + 1:end]), end + 2, []
        for _ in range(count):
            end = data.index(b"\r\n", at)
            size, at = int(data[at + 1:end]), end + 2
            words.append(data[at:at + size])
            at += size + 2
        words[0] = words[0].upper()
        commands.append([b"T" if TIME.match(word) else word for word in words])
    return commands


def incr(directory) -> list[list[bytes]]:
    newest = max((directory / "appendonlydir").glob("*.incr.aof"))
    return words_of(newest.read_bytes())


def looks(execute) -> list:
    """All that a server tells of its streams, but times."""
    found = [execute(b"DEBUG", b"DIGEST")]
    for key in (b"s", b"new", *KEYS):
        words = [b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"]
        found.append(timeless(words, execute(*words)))
    return found


def our_look(directory) -> list:
    with Running(directory, enable_debug_command="yes") as running:
        return looks(running.server.execute)


def their_look(directory) -> list:
    with Stock(directory, "--enable-debug-command", "yes") as connection:
        return looks(lambda *words: connection.ask_raw([words])[0])


def compare(ours, theirs) -> None:
    """Our file, read by us, is what the other three see."""
    expected = our_look(ours)
    for found in (our_look(theirs), their_look(ours), their_look(theirs)):
        assert found == expected


def write(directory, execute_each):
    """Commands to both kinds of server, each in a directory of its own, which then ends."""
    ours, theirs = directory / "ours", directory / "theirs"
    ours.mkdir(), theirs.mkdir()
    with Running(ours) as running, Stock(theirs) as connection:
        def both(words):
            running.server.execute(*words)
            running.server.run(1e-6)
            connection.ask_raw([words])
        execute_each(both)
    return ours, theirs


def test_the_words_are_valkeys(tmp_path):
    ours, theirs = write(tmp_path, lambda both: [
        both([word.encode() for word in line.split(" ")])
        for line in LINES if line not in OTHER_WORDS])
    got, expected = incr(ours), incr(theirs)
    for one, other in zip(got, expected):
        assert one == other
    assert len(got) == len(expected)


def test_both_mean_the_same_to_both(tmp_path):
    lines = [line for line in LINES if " * " not in line]       # whose IDs are each server's own
    ours, theirs = write(tmp_path, lambda both: [
        both([word.encode() for word in line.split(" ")]) for line in lines])
    compare(ours, theirs)


@pytest.mark.parametrize("seed", range(2))
def test_random_commands_mean_the_same(tmp_path, seed):
    draw = Draw(seed)

    def run(both):
        for _ in range(100):
            words = [word if isinstance(word, bytes) else str(word).encode()
                     for word in draw.request()]
            if b"*" not in words:
                both(words)
    ours, theirs = write(tmp_path, run)
    compare(ours, theirs)
