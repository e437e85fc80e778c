"""Our own prompt and RESP client. Goal: lines become words as redis-cli makes them, replies look as
it shows them, URLs are read, passwords never shown. Method: tables; random replies over a socket
pair, split at every byte."""
import random
import socket
import threading

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


@pytest.fixture
def talk():
    """A conversation, and its peer's end: what the peer sends beforehand is what it answers."""
    ours, theirs = socket.socketpair()
    talk = prompt.Talk("redis://127.0.0.1:1", "cache")
    talk.link = Link(ours, "peer")
    yield talk, theirs
    talk.hang_up()
    theirs.close()


def told(*parts) -> bytes:
    """An array as a server sends it."""
    words = [b":%d\r\n" % part if isinstance(part, int) else
             b"$-1\r\n" if part is None else b"$%d\r\n%b\r\n" % (len(part), part)
             for part in parts]
    return b"*%d\r\n" % len(parts) + b"".join(words)


@pytest.mark.parametrize("line, replies, shown", [
    ("SUBSCRIBE a b", told(b"subscribe", b"a", 1) + told(b"subscribe", b"b", 2)
     + told(b"message", b"a", b"hello"),
     b"subscribe\na\n1\nsubscribe\nb\n2\nmessage\na\nhello\n"),
    ("psubscribe a*", told(b"psubscribe", b"a*", 1) + told(b"pmessage", b"a*", b"ab", b"x"),
     b"psubscribe\na*\n1\npmessage\na*\nab\nx\n"),
    ("SSUBSCRIBE a", told(b"ssubscribe", b"a", 1) + told(b"smessage", b"a", b"x"),
     b"ssubscribe\na\n1\nsmessage\na\nx\n"),
    ("MONITOR", b"+OK\r\n+1.0 [0 h:1] \"GET\" \"a\"\r\n", b'OK\n1.0 [0 h:1] "GET" "a"\n'),
])
def test_what_comes_unasked_is_shown_until_the_end(talk, capsysbinary, line, replies, shown):
    talk, peer = talk
    peer.sendall(replies)
    peer.shutdown(socket.SHUT_WR)
    with pytest.raises(Gone):
        talk.run(prompt.split_words(line))
    assert capsysbinary.readouterr().out == shown


def test_a_subscription_within_a_transaction_begins_with_its_exec(talk, capsysbinary):
    talk, peer = talk
    peer.sendall(b"+OK\r\n+QUEUED\r\n*1\r\n" + told(b"subscribe", b"a", 1)
                 + told(b"message", b"a", b"x"))
    peer.shutdown(socket.SHUT_WR)
    assert talk.run([b"MULTI"]) == talk.run([b"SUBSCRIBE", b"a"]) == 0
    with pytest.raises(Gone):
        talk.run([b"EXEC"])
    assert capsysbinary.readouterr().out == b"OK\nQUEUED\nsubscribe\na\n1\nmessage\na\nx\n"


@pytest.mark.parametrize("dialogue", [
    [("SUBSCRIBE", b"-ERR wrong number of arguments\r\n", 1)],
    [("UNSUBSCRIBE", told(b"unsubscribe", None, 0), 0)],
    [("unsubscribe a b", told(b"unsubscribe", b"a", 0) + told(b"unsubscribe", b"b", 0), 0)],
    [("PUNSUBSCRIBE a b", b"-NOPERM no\r\n", 1)],
    [("MULTI", b"+OK\r\n", 0), ("UNSUBSCRIBE a b", b"+QUEUED\r\n", 0), ("GET x", b"+QUEUED\r\n", 0),
     ("EXEC", b"*2\r\n" + told(b"unsubscribe", b"a", 0) + told(b"unsubscribe", b"b", 0)
      + b"$1\r\nx\r\n", 0)],
    [("MULTI", b"+OK\r\n", 0), ("SUBSCRIBE a", b"+QUEUED\r\n", 0), ("DISCARD", b"+OK\r\n", 0)],
    [("CLIENT REPLY OFF", b"", 0), ("SET a 1", b"", 0), ("FOO", b"", 0),
     ("CLIENT REPLY SKIP", b"", 0), ("SET a 1", b"", 0), ("client reply on", b"+OK\r\n", 0)],
    [("CLIENT REPLY SKIP", b"", 0), ("SET a 1", b"", 0)],
    [("CLIENT REPLY SKIP", b"", 0), ("CLIENT REPLY ON", b"+OK\r\n", 0)],
    [("CLIENT REPLY OFF", b"-NOPERM no\r\n", 1)],
], ids=lambda dialogue: dialogue[-1][0])
def test_each_command_shows_its_own_replies(talk, capsysbinary, monkeypatch, dialogue):
    """The one that follows shows no reply but its own."""
    monkeypatch.setattr(prompt, "REFUSAL_SECONDS", 0.01)
    talk, peer = talk
    for line, replies, status in dialogue:
        peer.sendall(replies)
        assert talk.run(prompt.split_words(line)) == status, line
        assert bool(capsysbinary.readouterr().out) == bool(replies), line
    peer.sendall(b"$4\r\nmine\r\n")
    assert talk.run([b"GET", b"a"]) == 0
    assert capsysbinary.readouterr().out == b"mine\n"


def test_who_connects_anew_is_in_the_same_database():
    heard = []

    def answer(server):
        for _ in range(2):
            peer, _ = server.accept()
            with peer:
                while command := peer.recv(1000):
                    heard.append(command)
                    peer.sendall(b"+OK\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        talk = prompt.Talk(f"redis://127.0.0.1:{server.getsockname()[1]}", "cache")
        for words in ([b"SELECT", b"3"], [b"PING"]):
            assert talk.run(words) == 0
            talk.hang_up()
        thread.join()
    assert heard == [client.encode("SELECT", "3"), client.encode("SELECT", "3"),
                     client.encode("PING")]


def test_what_it_could_not_read_is_not_asked_for(talk, capsysbinary):
    talk, peer = talk
    with pytest.raises(BadRequest, match="HELLO 2"):
        talk.run([b"HELLO", b"3", b"AUTH", b"a", b"b"])
    assert prompt.run_line(talk, "hello 3") == 1
    peer.sendall(b"+PONG\r\n")
    assert prompt.run_line(talk, "PING") == 0
    assert capsysbinary.readouterr().out == b"PONG\n"
