"""engine/commands/connection and client_list: replies as clients see them, engine in process.

Each dialogue is a request and the reply that valkey-server 9.1.2 gave, in order, on one server
with one client. Where a reply tells of the server itself, `ANY` stands for it.
"""
import re

import pytest

from tests.commands.replies import SYNTAX, arity

ANY = None


def ask(client, line: str) -> bytes:
    return client.execute(*(word.encode() for word in line.split(" ")))


def set_password(server, password: bytes) -> None:
    server.configure([(b"requirepass", password)])


def fields(line: bytes) -> dict:
    """What a line of CLIENT LIST says."""
    return dict(word.split("=", 1) for word in line.decode().strip().split(" "))


def body(reply: bytes) -> bytes:
    """The text of a bulk or verbatim reply."""
    head, rest = reply.split(b"\r\n", 1)
    text = rest[:int(head[1:])]
    return text[4:] if head[:1] == b"=" else text


def ids(reply: bytes) -> list[int] | bytes:
    """Whom a CLIENT LIST shows, or the error it answered."""
    if reply.startswith(b"-"):
        return reply
    return [int(fields(line)["id"]) for line in body(reply).splitlines()]


WRONG = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
NOAUTH = b"-NOAUTH Authentication required.\r\n"
BAD_NAME = b"-ERR Client names cannot contain spaces, newlines or special characters.\r\n"


DIALOGUES = {
    "small talk": [
        ("PING", b"+PONG\r\n"),
        ("PING hello", b"$5\r\nhello\r\n"),
        ("PING a b", arity("ping")),
        ("ECHO x", b"$1\r\nx\r\n"),
        ("ECHO", arity("echo")),
    ],
    "select": [
        ("SELECT 15", b"+OK\r\n"),
        ("SELECT 16", b"-ERR DB index is out of range\r\n"),
        ("SELECT -1", b"-ERR DB index is out of range\r\n"),
        ("SELECT abc", b"-ERR value is not an integer or out of range\r\n"),
        ("SELECT 2147483648", b"-ERR value is out of range, value must between -2147483648 and "
                              b"2147483647\r\n"),
        ("SELECT 99999999999999999999", b"-ERR value is not an integer or out of range\r\n"),
        ("SELECT", arity("select")),
    ],
    "auth where no password is set": [
        ("AUTH x", b"-ERR AUTH <password> called without any password configured for the default "
                   b"user. Are you sure your configuration is correct?\r\n"),
        ("AUTH default x", b"+OK\r\n"),
        ("AUTH foo bar", WRONG),
        ("AUTH a b c", SYNTAX),
        ("AUTH", arity("auth")),
    ],
    "hello refuses": [
        ("HELLO 4", b"-NOPROTO unsupported protocol version\r\n"),
        ("HELLO 1", b"-NOPROTO unsupported protocol version\r\n"),
        ("HELLO abc", b"-ERR Protocol version is not an integer or out of range\r\n"),
        ("HELLO 3 AUTH", b"-ERR Syntax error in HELLO option 'AUTH'\r\n"),
        ("HELLO 3 AUTH default", b"-ERR Syntax error in HELLO option 'AUTH'\r\n"),
        ("HELLO 3 SETNAME", b"-ERR Syntax error in HELLO option 'SETNAME'\r\n"),
        ("HELLO 3 FOO", b"-ERR Syntax error in HELLO option 'FOO'\r\n"),
        ("HELLO 3 SETNAME a\nb", BAD_NAME),
        ("HELLO 3 AUTH nobody x SETNAME n", WRONG),
        ("CLIENT GETNAME", b"$-1\r\n"),             # neither name nor protocol has changed
    ],
    "hello speaks": [
        ("HELLO", ANY),
        ("HELLO 3 SETNAME foo AUTH default y", ANY),
        ("CLIENT GETNAME", b"$3\r\nfoo\r\n"),
        ("CLIENT SETNAME ", b"+OK\r\n"),
        ("CLIENT GETNAME", b"_\r\n"),
        ("HELLO 2 SETNAME a SETNAME b", ANY),
        ("CLIENT GETNAME", b"$1\r\nb\r\n"),
    ],
    "names": [
        ("CLIENT GETNAME", b"$-1\r\n"),
        ("CLIENT SETNAME a!b~", b"+OK\r\n"),
        ("CLIENT GETNAME", b"$4\r\na!b~\r\n"),
        ("CLIENT SETNAME a\nb", BAD_NAME),
        ("CLIENT SETNAME a\x7f", BAD_NAME),
        ("CLIENT GETNAME", b"$4\r\na!b~\r\n"),
        ("CLIENT SETNAME ", b"+OK\r\n"),
        ("CLIENT GETNAME", b"$-1\r\n"),
        ("CLIENT SETNAME", arity("client|setname")),
        ("CLIENT SETINFO lib-name foo", b"+OK\r\n"),
        ("CLIENT SETINFO LIB-VER 1.2", b"+OK\r\n"),
        ("CLIENT SETINFO lib-foo 1.2", b"-ERR Unrecognized option 'lib-foo'\r\n"),
        ("CLIENT SETINFO LIB-NAME a\tb",
         b"-ERR LIB-NAME cannot contain spaces, newlines or special characters.\r\n"),
        ("CLIENT SETINFO lib-ver a\r\nb",
         b"-ERR lib-ver cannot contain spaces, newlines or special characters.\r\n"),
        ("CLIENT SETINFO LIB-NAME ", b"+OK\r\n"),
        ("CLIENT SETINFO lib-name", arity("client|setinfo")),
    ],
    "client": [
        ("CLIENT", arity("client")),
        ("CLIENT FOO", b"-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n"),
        ("CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-fqdn",
         b"-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n"),
        ("CLIENT ID", b":1\r\n"),
        ("CLIENT ID x", arity("client|id")),
        ("CLIENT INFO x", arity("client|info")),
        ("CLIENT HELP x", arity("client|help")),
        ("client caPA foo REDIRECT", b"+OK\r\n"),
        ("CLIENT CAPA", arity("client|capa")),
        ("CLIENT IMPORT-SOURCE on", b"-ERR Server is not in import mode\r\n"),
        ("CLIENT IMPORT-SOURCE foo", b"-ERR Server is not in import mode\r\n"),
        ("CLIENT IMPORT-SOURCE off", b"+OK\r\n"),
        ("CLIENT NO-EVICT on", b"+OK\r\n"),
        ("CLIENT NO-EVICT foo", SYNTAX),
        ("CLIENT NO-EVICT OFF", b"+OK\r\n"),
        ("CLIENT NO-TOUCH foo", SYNTAX),
        ("CLIENT NO-TOUCH on", b"+OK\r\n"),
        ("CLIENT NO-TOUCH off", b"+OK\r\n"),
        ("CLIENT UNBLOCK x", b"-ERR value is not an integer or out of range\r\n"),
        ("CLIENT UNBLOCK 1", b":0\r\n"),
        ("CLIENT UNBLOCK 1 timeout", b":0\r\n"),
        ("CLIENT UNBLOCK 1 error x", b":0\r\n"),
        ("CLIENT UNBLOCK 1 foo", b"-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n"),
        ("CLIENT UNBLOCK x foo", b"-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n"),
    ],
    "replies off and on": [
        ("CLIENT REPLY", arity("client|reply")),
        ("CLIENT REPLY FOO", SYNTAX),
        ("CLIENT REPLY ON", b"+OK\r\n"),
        ("CLIENT REPLY SKIP", b""),
        ("PING", b""),
        ("PING", b"+PONG\r\n"),
        ("CLIENT REPLY OFF", b""),
        ("NOSUCH", b""),
        ("CLIENT REPLY SKIP", b""),
        ("PING", b""),
        ("CLIENT REPLY ON", b"+OK\r\n"),
        ("PING", b"+PONG\r\n"),
        ("CLIENT REPLY OFF", b""),
        ("RESET", b"+RESET\r\n"),
        ("PING", b"+PONG\r\n"),
        ("CLIENT REPLY SKIP", b""),
        ("RESET", b""),
        ("PING", b"+PONG\r\n"),
    ],
    "pause refuses": [
        ("CLIENT PAUSE", arity("client|pause")),
        ("CLIENT PAUSE x", b"-ERR timeout is not an integer or out of range\r\n"),
        ("CLIENT PAUSE -1", b"-ERR timeout is negative\r\n"),
        ("CLIENT PAUSE 1 foo", b"-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n"),
        ("CLIENT PAUSE 9223372036854775807", b"-ERR timeout is out of range\r\n"),
        ("CLIENT PAUSE 9223372036854775808",
         b"-ERR timeout is not an integer or out of range\r\n"),
        ("CLIENT PAUSE 0", b"+OK\r\n"),
        ("CLIENT PAUSE 0 ALL x", b"+OK\r\n"),
        ("CLIENT UNPAUSE", b"+OK\r\n"),
        ("CLIENT UNPAUSE x", arity("client|unpause")),
    ],
    "kill refuses": [
        ("CLIENT KILL", arity("client|kill")),
        ("CLIENT KILL 1.2.3.4:5", b"-ERR No such client\r\n"),
        ("CLIENT KILL ID", b"-ERR No such client\r\n"),
        ("CLIENT KILL ID x", SYNTAX),
        ("CLIENT KILL ID 9999", b":0\r\n"),
        ("CLIENT KILL ID 9999 9998", b":0\r\n"),
        ("CLIENT KILL FOO bar", SYNTAX),
        ("CLIENT KILL ID 1 FOO", SYNTAX),
        ("CLIENT KILL SKIPME yes", b":0\r\n"),
        ("CLIENT KILL SKIPME maybe", SYNTAX),
        ("CLIENT KILL TYPE master", b":0\r\n"),
        ("CLIENT KILL USER default SKIPME yes", b":0\r\n"),
        ("CLIENT KILL ID 1", b":0\r\n"),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    client = server.client()
    for line, reply in lines:
        got = ask(client, line)
        assert got == reply or reply is ANY, line
    client.close()


def test_hello_tells_about_the_server(server):
    reply = ask(server, "HELLO 3")
    assert reply.startswith(b"%7\r\n$6\r\nserver\r\n$6\r\nvalkey\r\n$7\r\nversion\r\n")
    assert re.search(rb"proto\r\n:3\r\n\$2\r\nid\r\n:1\r\n\$4\r\nmode\r\n\$10\r\nstandalone\r\n"
                     rb"\$4\r\nrole\r\n\$6\r\nmaster\r\n\$7\r\nmodules\r\n\*0\r\n$", reply)
    assert ask(server, "HELLO 2").startswith(b"*14\r\n")


class TestAuthentication:
    """requirepass: only `default`, and nothing for others but what a login needs."""

    @pytest.fixture
    def locked(self, server):
        set_password(server, b"secret")
        return server

    def test_nobody_else_is_served(self, locked):
        for line in ("GET x", "NOSUCH", "GET", "CLIENT NOSUCH", "CLIENT", "PING", "CLIENT ID",
                     "ECHO x", "SELECT 1"):
            assert ask(locked, line) == NOAUTH, line
        assert ask(locked, "HELLO") == ask(locked, "HELLO 3 SETNAME x") == (
            b"-NOAUTH HELLO must be called with the client already authenticated, otherwise the "
            b"HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and "
            b"select the RESP protocol version at the same time\r\n")
        assert ask(locked, "HELLO 9") == b"-NOPROTO unsupported protocol version\r\n"
        assert ask(locked, "AUTH") == arity("auth")
        assert ask(locked, "RESET") == b"+RESET\r\n"

    def test_the_right_password_only(self, locked):
        for line in ("AUTH wrong", "AUTH default wrong", "AUTH nobody secret", "AUTH secretx",
                     "AUTH ", "AUTH " + "x" * 600, "HELLO 3 AUTH default wrong SETNAME x"):
            assert ask(locked, line) == WRONG, line
        assert ask(locked, "PING") == NOAUTH
        assert ask(locked, "AUTH secret") == b"+OK\r\n"
        assert ask(locked, "PING") == b"+PONG\r\n"
        # Still RESP2, still without a name.
        assert fields(body(ask(locked, "CLIENT INFO")))["name"] == ""
        assert ask(locked, "CLIENT GETNAME") == b"$-1\r\n"
        # A later mistake does not throw out who is in.
        assert ask(locked, "AUTH wrong") == WRONG
        assert ask(locked, "PING") == b"+PONG\r\n"

    def test_hello_logs_in_and_names(self, locked):
        assert ask(locked, "HELLO 3 SETNAME bad\x01 AUTH default secret") == BAD_NAME
        assert ask(locked, "CLIENT ID") == NOAUTH
        assert ask(locked, "HELLO 3 SETNAME n AUTH default secret").startswith(b"%7\r\n")
        assert ask(locked, "CLIENT GETNAME") == b"$1\r\nn\r\n"

    def test_reset_logs_out(self, locked):
        assert ask(locked, "AUTH default secret") == b"+OK\r\n"
        assert ask(locked, "RESET") == b"+RESET\r\n"
        assert ask(locked, "PING") == NOAUTH

    def test_who_is_in_stays_in_when_the_password_changes(self, server):
        old = server.client()
        assert ask(old, "PING") == b"+PONG\r\n"
        set_password(server, b"one")
        new = server.client()
        assert ask(old, "PING") == b"+PONG\r\n"
        assert ask(new, "PING") == NOAUTH
        assert ask(new, "AUTH one") == b"+OK\r\n"
        set_password(server, b"two")
        assert ask(new, "PING") == b"+PONG\r\n"
        assert ask(new, "AUTH one") == WRONG
        set_password(server, b"")
        late = server.client()
        assert ask(late, "PING") == b"+PONG\r\n"


class TestList:
    def test_fields_in_valkeys_order(self, server):
        names = [word.split("=")[0] for word in
                 body(ask(server, "CLIENT INFO")).decode().strip().split(" ")]
        assert names == (
            "id addr laddr fd name age idle flags capa db sub psub ssub multi watch qbuf "
            "qbuf-free argv-mem multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp "
            "lib-name lib-ver tot-net-in tot-net-out tot-cmds").split()

    def test_what_a_client_said_of_itself(self, server):
        client = server.client()
        for line in ("CLIENT SETNAME n", "CLIENT SETINFO LIB-NAME lib", "CLIENT SETINFO LIB-VER 2",
                     "SELECT 3", "CLIENT NO-EVICT on", "CLIENT NO-TOUCH on",
                     "CLIENT CAPA redirect", "HELLO 3"):
            ask(client, line)
        got = fields(body(ask(client, "CLIENT INFO")))
        assert {key: got[key] for key in (
            "name", "db", "flags", "capa", "cmd", "resp", "lib-name", "lib-ver", "user", "redir",
            "multi", "watch", "events")} == {
            "name": "n", "db": "3", "flags": "eT", "capa": "r", "cmd": "client|info", "resp": "3",
            "lib-name": "lib", "lib-ver": "2", "user": "default", "redir": "-1", "multi": "-1",
            "watch": "0", "events": "r"}
        ask(client, "RESET")
        got = fields(body(ask(client, "CLIENT INFO")))
        assert (got["name"], got["db"], got["flags"], got["resp"]) == ("", "0", "N", "2")
        assert (got["capa"], got["lib-name"], got["lib-ver"]) == ("r", "lib", "2")

    def test_a_line_each_oldest_first(self, server):
        clients = [server.client() for _ in range(10)]
        clients[2].close()              # the table of clients is not in the order of age any more
        assert ids(ask(clients[9], "CLIENT LIST")) == [1, 2, 4, 5, 6, 7, 8, 9, 10]
        assert fields(body(ask(clients[9], "CLIENT LIST ID 1")))["cmd"] == "NULL"
        ask(clients[9], "HELLO 3")
        assert ask(clients[9], "CLIENT LIST ID 99") == b"=4\r\ntxt:\r\n"
        assert ask(clients[9], "CLIENT LIST ID 1").startswith(b"=")


def three(server):
    """Clients 1 to 3: one that is plain, one with a name, one with flags."""
    one, two, other = (server.client() for _ in range(3))
    for line in ("CLIENT SETNAME bee", "CLIENT SETINFO LIB-NAME lb", "CLIENT SETINFO LIB-VER 1",
                 "SELECT 3"):
        ask(two, line)
    for line in ("CLIENT CAPA redirect", "CLIENT NO-EVICT on", "CLIENT NO-TOUCH on"):
        ask(other, line)
    return one, two, other


RANGE = b"-ERR client-id should be greater than 0\r\n"
DB = b"-ERR DB number should be between 0 and 15\r\n"
NOT_DB = b"-ERR NOT-DB number should be between 0 and 15\r\n"
# Filters that client 1 gives, and who is shown; asked of valkey-server with the same three.
FILTERS = [
    ("", [1, 2, 3]),
    ("ID 1 ID 2", [1, 2]),
    ("ID 1 NAME 7 ID 2", []),
    ("ID 1 NOT-ID 1", []),
    ("ID 1 2 NOT-ID 1", [2]),
    ("NOT-ID 1 NOT-ID 2", [3]),
    ("id 3 2 1 2 3 400", [1, 2, 3]),
    ("ID 1 2 x", SYNTAX), ("ID x", SYNTAX), ("ID", SYNTAX), ("NOT-ID", SYNTAX), ("ID +1", SYNTAX),
    ("ID 01", SYNTAX), ("ID 9223372036854775808", SYNTAX), ("ID 9223372036854775807", []),
    ("ID 0", RANGE), ("ID -1", RANGE), ("NOT-ID 0", RANGE),
    ("NAME bee", [2]), ("NAME BEE", []), ("NAME bee NAME x", []), ("NAME x NAME bee", [2]),
    ("NOT-NAME bee", [1, 3]), ("NOT-NAME x NOT-NAME bee", [1, 3]), ("NAME bee NOT-NAME bee", []),
    ("NAME ", []), ("NOT-NAME ", [1, 2, 3]), ("NAME", SYNTAX), ("NOT-NAME", SYNTAX),
    ("LIB-NAME lb", [2]), ("NOT-LIB-NAME lb", [1, 3]), ("LIB-NAME ", []),
    ("LIB-VER 1", [2]), ("NOT-LIB-VER 1", [1, 3]),
    ("DB 3", [2]), ("NOT-DB 3", [1, 3]), ("DB 0", [1, 3]),
    ("DB 16", DB), ("DB -1", DB), ("NOT-DB 16", NOT_DB), ("NOT-DB -1", NOT_DB),
    ("DB x", b"-ERR DB is not an integer or out of range\r\n"),
    ("DB 99999999999999", b"-ERR DB is not an integer or out of range\r\n"),
    ("NOT-DB x", b"-ERR NOT-DB is not an integer or out of range\r\n"),
    ("CAPA r", [3]), ("CAPA rr", [3]), ("NOT-CAPA r", [1, 2]), ("CAPA ", [1, 2, 3]),
    ("NOT-CAPA ", []),
    ("CAPA x", b"-ERR Unknown capa found in the provided filter: x\r\n"),
    ("NOT-CAPA x", b"-ERR Unknown capa found in the NOT-CAPA filter: x\r\n"),
    ("FLAGS eT", [3]), ("FLAGS Te", [3]), ("FLAGS e", [3]), ("FLAGS ex", []),
    ("FLAGS N", [1, 2]), ("FLAGS NN", [1, 2]), ("FLAGS Ne", []), ("FLAGS ", [1, 2, 3]),
    ("NOT-FLAGS e", [1, 2]), ("NOT-FLAGS ex", [1, 2, 3]), ("NOT-FLAGS N", [3]), ("NOT-FLAGS ", []),
    ("FLAGS AbcdeIiMNOPrStTuUxRBE", []), ("FLAGS eT FLAGS N", [1, 2]),
    ("FLAGS z", b"-ERR Unknown flags found in the provided filter: z\r\n"),
    ("NOT-FLAGS ez", b"-ERR Unknown flags found in the NOT-FLAGS filter: ez\r\n"),
    ("TYPE normal", [1, 2, 3]), ("TYPE NORMAL", [1, 2, 3]), ("TYPE pubsub", []),
    ("TYPE master", []), ("TYPE primary", []), ("TYPE slave", []), ("TYPE replica", []),
    ("TYPE normal TYPE pubsub", []), ("NOT-TYPE pubsub", [1, 2, 3]), ("NOT-TYPE normal", []),
    ("TYPE foo", b"-ERR Unknown client type 'foo'\r\n"),
    ("NOT-TYPE foo", b"-ERR Unknown client type 'foo'\r\n"),
    ("TYPE ", b"-ERR Unknown client type ''\r\n"),
    ("USER default", [1, 2, 3]), ("NOT-USER default", []),
    ("USER nosuch", b"-ERR No such user 'nosuch'\r\n"),
    ("NOT-USER nosuch", b"-ERR No such user 'nosuch'\r\n"),
    ("ID 1 USER nosuch TYPE bad", b"-ERR No such user 'nosuch'\r\n"),
    ("TYPE bad USER nosuch", b"-ERR Unknown client type 'bad'\r\n"),
    ("ADDR 1.2.3.4:5", []), ("NOT-ADDR 1.2.3.4:5", [1, 2, 3]),
    ("LADDR 1.2.3.4:5", []), ("NOT-LADDR 1.2.3.4:5", [1, 2, 3]),
    ("IP 1.2.3.4", []), ("NOT-IP 1.2.3.4", [1, 2, 3]),
    ("SKIPME yes", [2, 3]), ("SKIPME YES SKIPME no", [1, 2, 3]), ("skipme foo", SYNTAX),
    ("SKIPME", SYNTAX), ("NOT-SKIPME yes", SYNTAX),
    ("MAXAGE 100", []), ("MAXAGE 9223372036854775807", []), ("NOT-MAXAGE 1", SYNTAX),
    ("MAXAGE 0", b"-ERR maxage should be greater than 0\r\n"),
    ("MAXAGE -1", b"-ERR maxage should be greater than 0\r\n"),
    ("MAXAGE x", b"-ERR maxage is not an integer or out of range\r\n"),
    ("IDLE 100", []), ("IDLE 9223372036854775807", []), ("NOT-IDLE 1", SYNTAX),
    ("IDLE 0", b"-ERR idle should be greater than 0\r\n"),
    ("IDLE x", b"-ERR idle is not an integer or out of range\r\n"),
    ("FOO bar", SYNTAX), ("FOO", SYNTAX), ("NOT- x", SYNTAX), ("NOT-NOT-ID 1", SYNTAX),
]


class TestFilters:
    @pytest.mark.parametrize("text, shown", FILTERS, ids=[text or "none" for text, _ in FILTERS])
    def test_list(self, server, text, shown):
        clients = three(server)
        assert ids(ask(clients[0], f"CLIENT LIST {text}" if text else "CLIENT LIST")) == shown

    @pytest.mark.parametrize("text, shown", [pair for pair in FILTERS if " " in pair[0]])
    def test_kill_takes_the_same(self, server, text, shown):
        """Those it would show, but for whoever asks, unless SKIPME no."""
        clients = three(server)
        reply = ask(clients[0], f"CLIENT KILL {text}")
        if isinstance(shown, bytes):
            assert reply == shown
            assert [client.closed for client in clients] == [False] * 3
            return
        dead = [id for id in shown if id != 1 or "SKIPME no" in text]
        assert reply == b":%d\r\n" % len(dead)
        assert [id for id, client in enumerate(clients, 1) if client.closed] == dead

    def test_many_ids(self, server):
        clients = [server.client() for _ in range(300)]
        wanted = [str(id) for id in range(600, 0, -2)]
        assert ids(ask(clients[0], "CLIENT LIST ID " + " ".join(wanted))) == list(range(2, 301, 2))
        assert ids(ask(clients[0], "CLIENT LIST NOT-ID " + " ".join(wanted))) == list(
            range(1, 301, 2))


class TestKill:
    def test_others_are_gone_at_once(self, server):
        one, two, other = three(server)
        assert ask(one, "CLIENT KILL ID 2 3") == b":2\r\n"
        assert two.closed and other.closed and not one.closed
        # They are neither shown nor killed twice.
        assert ids(ask(one, "CLIENT LIST")) == [1]
        assert ask(one, "CLIENT KILL ID 2") == b":0\r\n"

    def test_self_after_its_reply(self, server):
        client = server.client()
        assert ask(client, "CLIENT KILL ID 1 SKIPME no") == b":1\r\n"
        assert client.closed

    def test_what_follows_in_the_pipeline_is_not_run(self, server):
        client = server.client()
        assert client.process_bytes(
            b"SET x 1\r\nCLIENT KILL ID 1 SKIPME no\r\nSET x 2\r\n") == b"+OK\r\n:1\r\n"
        assert server.execute(b"GET", b"x") == b"$1\r\n1\r\n"

    def test_quit(self, server):
        client = server.client()
        assert client.process_bytes(b"PING\r\nQUIT a b\r\nSET x 2\r\n") == b"+PONG\r\n+OK\r\n"
        assert client.closed
        assert server.execute(b"GET", b"x") == b"$-1\r\n"
