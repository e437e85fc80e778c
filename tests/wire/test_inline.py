"""Words of an inline command. Goal: what Valkey 9.1 makes of them, but for a quote right behind a
closing one, which is a mistake here as it was on every server before it. Method: random lines, to
the engine and to the oracle."""
import random
import re

import pytest

from kvd.engine.server.server import Server

UNBALANCED = b"-ERR Protocol error: unbalanced quotes in request\r\n"
QUOTED = re.compile(rb'"[^"]*"|\'[^\']*\'')


def doubled(word: bytes) -> bool:
    """A quote opens where one was closed."""
    at = 0
    while found := QUOTED.search(word, at):
        at = found.end()
        if word[at:at + 1] in (b'"', b"'"):
            return True
    return False


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    assert server.close(), "the engine kept memory"


@pytest.mark.parametrize("word, text", [
    (b'"a"', b"a"), (b'"a"b', b"ab"), (b"'a'b", b"ab"), (b'x"y z"', b"xy z"), (b'"a"b"c"', b"abc"),
    (b'x""', b"x"), (b'""x', b"x"), (rb'"\x41\n"z', b"A\nz"), (rb"'it\'s'", b"it's"),
    (b'"a""b"', None), (b'"""a"""', None), (b"'a'\"b\"", None), (b'"a', None), (b'"a"b"', None),
    (b"it's", None),
])
def test_words(server, word, text):
    reply = server.process_bytes(b"ECHO " + word + b"\r\n")
    assert reply == (UNBALANCED if text is None else b"$%d\r\n%s\r\n" % (len(text), text))


@pytest.mark.oracle
def test_random_lines_are_valkeys(server, valkey):
    draw, link = random.Random(8), valkey.client()
    for _ in range(600):
        word = bytes(draw.choice(b"""aab"' """) for _ in range(draw.randint(1, 8)))
        ours = server.process_bytes(b"ECHO " + word + b"\r\n")
        if doubled(word):
            assert ours == UNBALANCED, word
            continue
        link.socket.sendall(b"ECHO " + word + b"\r\n")
        theirs = link.read()
        assert ours == theirs, word
        if theirs == UNBALANCED:
            link.close()
            link = valkey.client()
    link.close()
