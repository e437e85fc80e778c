"""Our own prompt and RESP client. Goal: lines become words as redis-cli makes them, replies look as
it shows them, URLs are read, passwords never shown. Method: tables; random replies over a socket
pair, split at every byte."""
import random
import socket

import pytest

from kvd import client
from kvd.client import Gone, Link, Wrong
from kvd.errors import BadRequest
from kvd.terminal import prompt
from kvd.terminal.plot import draw


@pytest.mark.parametrize("line, words", [
    ("", []), ("  set  a 1 ", [b"set", b"a", b"1"]),
    ('set "a b" \'c d\'', [b"set", b"a b", b"c d"]),
    (r'"\x00\xff\n\t\"\\"', [b'\x00\xff\n\t"\\']), (r"'it\'s'", [b"it's"]), (r"'a\n'", [b"a\\n"]),
    ('""', [b""]), ("\u00e9", ["\u00e9".encode()])])
def test_words(line, words):
    assert prompt.split_words(line) == words


@pytest.mark.parametrize("line", ['"a', "'a", '"a"b', "'a'b"])
def test_open_quotes(line):
    with pytest.raises(BadRequest, match="Invalid argument"):
        prompt.split_words(line)


def test_replies_look_as_people_know_them():
    assert prompt.show(None) == "(nil)" and prompt.show(5) == "(integer) 5"
    assert prompt.show(b'a"\x00\n') == '"a\\"\\x00\\n"' and prompt.show([]) == "(empty array)"
    assert prompt.show(Wrong("ERR no")) == "(error) ERR no"
    assert prompt.show([b"a", [1, None]]) == '1) "a"\n2) 1) (integer) 1\n   2) (nil)'


def test_a_status_is_no_data():
    assert prompt.show(client.Status(b"OK")) == "OK" and prompt.raw(client.Status(b"OK")) == b"OK"


def test_plots():
    rising = draw([(float(n), float(n)) for n in range(40)], 0, 39, 20, 5)
    assert len(rising) == 5 and {len(line) for line in rising} == {20}
    blank = chr(0x2800)
    assert rising[0][0] == blank != rising[0][-1] and rising[4][0] != blank == rising[4][-1]
    gap = draw([(0.0, 1.0), (39.0, 1.0)], 0, 39, 20, 1)[0]
    assert gap[1:-1] == blank * 18, "nothing is drawn where nothing was measured"
    assert draw([], 0, 1, 4, 1) == [blank * 4] and draw([(0.0, 0.0)], 0, 0, 4, 1)


def test_hints():
    known = prompt.Known.__new__(prompt.Known)
    known.syntax = {"SET": "key value [NX | XX] [EX seconds]", "CONFIG GET": "parameter"}
    assert known.hint("set a ") == "value [NX | XX] [EX seconds]"
    assert known.hint("config get ") == "parameter" and known.hint("nothing ") == ""
    assert list(known.complete("conf")) == ["CONFIG GET"]


def test_secrets_do_not_enter_the_history():
    for line in ("AUTH x", " auth a b", "ACL SETUSER a >x", "config set requirepass x",
                 "HELLO 3 AUTH a b"):
        assert prompt.SECRET.match(line)
    assert not prompt.SECRET.match("get author")


@pytest.mark.parametrize("url, parsed", [
    ("redis://h", ("h", 6379, "", "", "", False)),
    ("rediss://u:p%40@h:1", ("h", 1, "u", "p@", "", True)),
    ("redis://:p@[::1]:2", ("::1", 2, "", "p", "", False)),
    ("unix:///a/b", ("", 0, "", "", "/a/b", False))])
def test_urls(url, parsed):
    assert client.parse_url(url) == parsed


def test_urls_refused_without_showing_the_password():
    for url in ("http://u:secret@h", "redis://", "redis://u:secret@h:99999", "h:1", "redis://h:x"):
        with pytest.raises(BadRequest) as error:
            client.parse_url(url)
        assert "secret" not in str(error.value)
    assert client.hide_password("redis://u:secret@h:1") == "redis://u:***@h:1"


def make_reply(rng, depth=0):
    kind = rng.randrange(6 if depth < 3 else 5)
    if kind == 0:
        text = rng.randbytes(rng.randrange(30))
        return b"$%d\r\n%b\r\n" % (len(text), text), text
    if kind == 1:
        return b"$-1\r\n", None
    if kind == 2:
        number = rng.randrange(-10**12, 10**12)
        return b":%d\r\n" % number, number
    if kind == 3:
        return b"+OK\r\n", b"OK"
    if kind == 4:
        return b"*-1\r\n", None
    parts = [make_reply(rng, depth + 1) for _ in range(rng.randrange(4))]
    return b"*%d\r\n" % len(parts) + b"".join(raw for raw, _ in parts), [one for _, one in parts]


def test_replies_in_pieces():
    rng = random.Random(11)
    ours, theirs = socket.socketpair()
    link = Link(ours, "peer")
    for _ in range(300):
        raw, value = make_reply(rng)
        cut = rng.randrange(len(raw) + 1)
        theirs.sendall(raw[:cut])
        theirs.sendall(raw[cut:])
        assert link.read() == value
    theirs.sendall(b"-ERR no\r\n")
    with pytest.raises(Wrong, match="ERR no"):
        link.do("X")
    theirs.sendall(b"HTTP/1.1 200 OK\r\n")
    with pytest.raises(Gone, match="does not speak RESP"):
        link.read()


@pytest.mark.parametrize("half", [b"", b"$5\r\nab", b"*2\r\n:1\r\n", b"$5\r"])
def test_a_connection_that_ends_within_a_reply(half):
    ours, theirs = socket.socketpair()
    theirs.sendall(half)
    theirs.close()
    with pytest.raises(Gone, match="is lost"):
        Link(ours, "peer").read()


def test_a_peer_that_does_not_answer():
    ours, _theirs = socket.socketpair()
    ours.settimeout(0.05)
    with pytest.raises(Gone, match="does not answer"):
        Link(ours, "peer").do("PING")
