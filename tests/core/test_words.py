"""Words and their quotes. Goal: what Valkey's own files mean, and every word survives being quoted.
Method: examples; random words written and read; random lines beside what valkey-server makes of
them, which echoes the words of an inline command."""
import random

import pytest

from kvd.engine.core.words import quote, split_words


@pytest.mark.parametrize("text, words", [
    (b"", []),
    (b"a b", [b"a", b"b"]),
    (b"  a\tb \r", [b"a", b"b"]),
    (b'a ""', [b"a", b""]),
    (b"a ''", [b"a", b""]),
    (b'a "b c" d', [b"a", b"b c", b"d"]),
    (rb'a "\x41\n\r\t\b\a\"\\\q"', [b"a", b'A\n\r\t\b\a"\\q']),
    (rb"a 'it\'s' '\n'", [b"a", b"it's", rb"\n"]),
    (rb'a "\x4"', [b"a", b"x4"]),
    (b'a="b c"', [b"a=b c"]),
    (b'"a"b\'c\'""', [b"abc"]),
    (b"a #b", [b"a", b"#b"]),
])
def test_words(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize("text", [b'a "b', b"a 'b", b'a "b\\"', b'"', b"a'b'c'"])
def test_unbalanced_quotes(text):
    with pytest.raises(ValueError, match="unbalanced quotes"):
        split_words(text)


def test_quoted_words_come_back():
    """Seed 3: any bytes, written as one word and split again."""
    draw = random.Random(3)
    for _ in range(500):
        word = bytes(draw.choice(b'a \\"\'#\n\x00\xff-x1') for _ in range(draw.randint(0, 8)))
        assert split_words(b"x " + quote(word)) == [b"x", word]


def test_random_lines_are_valkeys(valkey):
    """Seed 4. Without backslashes: Valkey 9.1 reads one before the last quote as itself, which
    nobody can mean. An inline command is split as a line of a file is; ECHO shows its one word."""
    draw, link = random.Random(4), valkey.client()
    for _ in range(500):
        word = bytes(draw.choice(b"""ab"' """) for _ in range(draw.randint(1, 7)))
        try:
            words = split_words(b"ECHO " + word)
        except ValueError:
            words = None
        link.socket.sendall(b"ECHO " + word + b"\r\n")
        reply = link.read()
        if words is None:
            assert reply.startswith(b"-ERR Protocol error: unbalanced quotes"), word
            link.close()
            link = valkey.client()
        elif len(words) == 2:
            assert reply == b"$%d\r\n%s\r\n" % (len(words[1]), words[1]), word
        else:
            assert reply.startswith(b"-ERR wrong number of arguments"), word
    link.close()
