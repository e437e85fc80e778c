"""ACL. Goal: rules mean and read what they do in Valkey. Method: dialogues and random sequences of
rules are played to us and to a live Valkey, and every reply must be the same; what no command
shows (constant texts in logs, files, closed connections) by itself."""
import os
import random
import time

import pytest

from kvd.engine.server.server import Server
from kvd.engine.server.users import CATEGORIES
from kvd.engine.wire.command import command_table
from tests.oracle import OracleError
from tests.server.replies import ask, pairs, read
from tests.serving import Serving

TABLE = command_table()


@pytest.fixture
def server():
    server = Server()
    yield server
    assert server.close(), "the engine kept memory"


def play(target, lines, decode):
    """Replies to each line of words; a line "name: words" comes from a client of that name."""
    clients, went = {}, []
    for line in lines:
        name, _, words = line.rpartition(": ")
        if name not in clients:
            clients[name] = target.client()
        try:
            reply = decode(clients[name].execute(*(word.encode() for word in words.split())))
            went.append([str(item) for item in reply] if isinstance(reply, list) else reply)
        except OracleError as error:
            went.append(str(error))
    for client in clients.values():
        client.close()
    return list(zip(lines, went, strict=True))


DIALOGUES = {
    "login": [
        "AUTH x y", "AUTH default y", "HELLO 2 AUTH nobody x", "ACL SETUSER a on >p ~a* +get",
        "b: AUTH a wrong", "b: AUTH a p", "b: ACL WHOAMI", "b: GET b", "b: GET a", "b: SET a",
        "b: DEL a", "b: CONFIG SET a b", "b: CONFIG FOO", "b: CONFIG", "b: AUTH a p x",
        "b: HELLO 2 AUTH a q", "b: RESET", "b: ACL WHOAMI", "ACL SETUSER a off", "b: AUTH a p",
        "ACL SETUSER a on <p", "b: AUTH a p", "ACL SETUSER a nopass", "b: AUTH a anything",
        "ACL SETUSER default off", "c: PING", "c: AUTH x", "ACL SETUSER default on resetpass",
        "d: PING", "d: AUTH default x", "d: AUTH x", "ACL SETUSER default nopass", "e: PING",
    ],
    "requirepass": [
        "CONFIG SET requirepass foo", "ACL LIST", "CONFIG GET requirepass", "a: PING",
        "a: AUTH foo", "a: PING", "ACL SETUSER default >bar", "b: AUTH bar", "ACL LIST",
        "CONFIG SET requirepass baz", "ACL LIST", "CONFIG SET requirepass ", "ACL LIST",
    ],
    "transactions": [
        "ACL SETUSER a on nopass +get +multi +exec +select ~a db=0,1", "b: AUTH a x", "b: MULTI",
        "b: GET b", "b: GET a", "b: EXEC", "b: MULTI", "b: GET a", "b: SELECT 1", "b: GET a",
        "ACL SETUSER a -get", "b: EXEC", "ACL SETUSER a +get", "b: MULTI", "b: GET a",
        "ACL SETUSER a resetkeys", "b: EXEC", "b: SELECT 0", "ACL SETUSER a ~a", "b: MULTI",
        "b: SELECT 2", "b: EXEC",
    ],
    "databases": [
        "ACL SETUSER d on nopass allkeys allchannels +@all db=5,1,1", "ACL GETUSER d",
        "d: AUTH d x", "d: GET a", "d: PING", "d: SELECT 1", "d: SELECT 2", "d: GET a",
        "d: MOVE a 5", "d: MOVE a 2", "d: COPY a b DB 5", "d: COPY a b DB 3", "d: SWAPDB 1 5",
        "d: SWAPDB 1 3", "d: FLUSHALL", "d: FLUSHDB", "d: DBSIZE", "d: KEYS *", "d: RANDOMKEY",
        "ACL DRYRUN d MOVE a 1", "ACL DRYRUN d COPY a b DB 1", "ACL DRYRUN d SWAPDB 1 1",
        "ACL DRYRUN d FLUSHALL", "ACL DRYRUN d WATCH a", "ACL DRYRUN d OBJECT HELP",
        "ACL SETUSER d resetdbs", "ACL DRYRUN d MOVE a 1", "ACL DRYRUN d COPY a b",
        "ACL SETUSER d db=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15", "ACL DRYRUN d FLUSHALL",
    ],
    "selectors": [
        "ACL SETUSER a on nopass (+set db=3 ~c)", "ACL DRYRUN a SET c d",
        "ACL SETUSER b on nopass +set ~x (+set db=3 ~c)", "ACL DRYRUN b SET c d",
        "ACL SETUSER c on nopass +set ~c db=3 (+get)", "ACL DRYRUN c SET c d",
        "ACL SETUSER d on nopass +set ~c db=3 (+set db=4 ~c)", "ACL DRYRUN d SET c d",
        "ACL SETUSER f on nopass +move ~c db=3 (+move ~c db=0)", "ACL DRYRUN f MOVE c 3",
        "ACL DRYRUN f MOVE c 4", "ACL SETUSER j on nopass +copy ~z (+copy ~a)",
        "ACL DRYRUN j COPY z a", "ACL DRYRUN j COPY a z", "ACL SETUSER j clearselectors",
        "ACL DRYRUN j COPY a z", "ACL SETUSER j ( ) (  +get ) () (+get ~a)", "ACL GETUSER j",
        "ACL SETUSER j (+get", "ACL SETUSER j (+get )x", "ACL SETUSER j ((+get))",
        "ACL SETUSER j (on)", "ACL SETUSER j (+foo)", "ACL SETUSER j (allkeys ~a)", "ACL LIST",
    ],
    "keys": [
        "ACL SETUSER r on nopass +mget %R~a %W~b +set +exists +getset +type +copy %RW~c +bitfield",
        "ACL DRYRUN r MGET a b", "ACL DRYRUN r SET a b", "ACL DRYRUN r SET b b",
        "ACL DRYRUN r SET b b GET", "ACL DRYRUN r GETSET b b", "ACL DRYRUN r EXISTS a b",
        "ACL DRYRUN r TYPE b", "ACL DRYRUN r TYPE d", "ACL DRYRUN r COPY a b",
        "ACL DRYRUN r COPY b a", "ACL DRYRUN r BITFIELD a GET u8 0",
        "ACL DRYRUN r BITFIELD a SET u8 0 1", "ACL DRYRUN r BITFIELD c SET u8 0 1",
    ],
    "commands": [
        "ACL SETUSER q on nopass ~* -@all +select|0 +config|get +client|id",
        "ACL DRYRUN q SELECT 1", "ACL DRYRUN q SELECT 0", "ACL DRYRUN q config get x",
        "ACL DRYRUN q config set x y", "ACL SETUSER q +config", "ACL GETUSER q",
        "ACL SETUSER q -config|get", "ACL DRYRUN q CONFIG GET x", "ACL GETUSER q",
        "ACL SETUSER q +select", "ACL DRYRUN q SELECT 1", "ACL SETUSER q +foo",
        "ACL SETUSER q +get|foo|bar", "ACL SETUSER q -get|foo", "ACL SETUSER q +config|foo",
        "ACL SETUSER q +@foo", "ACL SETUSER q +config|GET|x", "ACL SETUSER q +config|",
        "ACL SETUSER q +|get", "ACL SETUSER q +", "ACL SETUSER q +@", "ACL SETUSER q -",
        "ACL SETUSER q +get|", "ACL GETUSER q", "ACL DRYRUN nobody get", "ACL DRYRUN default foo",
        "ACL DRYRUN default get", "ACL DRYRUN default config foo", "ACL DRYRUN default client|id",
    ],
    "channels": [
        "ACL SETUSER p on nopass +@all &a* &[b]* allkeys", "ACL DRYRUN p PSUBSCRIBE a*",
        "ACL DRYRUN p PSUBSCRIBE ab", "ACL DRYRUN p PSUBSCRIBE [b]*",
        "ACL DRYRUN p SUBSCRIBE ab abc c", "ACL DRYRUN p UNSUBSCRIBE c",
        "ACL DRYRUN p PUNSUBSCRIBE c", "ACL DRYRUN p SPUBLISH c x", "ACL DRYRUN p SSUBSCRIBE a c",
        "ACL DRYRUN p PUBLISH c x", "ACL DRYRUN p PUBLISH ab x", "p: AUTH p x", "p: PUBLISH c x",
        "ACL SETUSER i on nopass +publish +mget ~z (+mget +publish ~z db=3) (+publish)",
        "ACL DRYRUN i PUBLISH c x", "ACL DRYRUN i MGET z z a",
    ],
    "faults": [
        "ACL", "ACL FOO", "ACL LIST x", "ACL USERS x", "ACL GETUSER", "ACL GETUSER nobody",
        "ACL DELUSER", "ACL DELUSER default", "ACL DELUSER a b", "ACL GENPASS 0",
        "ACL GENPASS 4097", "ACL GENPASS x", "ACL GENPASS 1 2", "ACL CAT foo", "ACL CAT a b",
        "ACL CAT", "ACL LOG x", "ACL LOG 1 2", "ACL LOG -1", "ACL LOG RESET", "ACL LOG",
        "ACL SAVE", "ACL LOAD", "ACL SETUSER u foo", "ACL SETUSER u ~ %R", "ACL SETUSER u %X~a",
        "ACL SETUSER u %~a", "ACL SETUSER u %RR~a", "ACL SETUSER u #abc", "ACL SETUSER u !abc",
        "ACL SETUSER u <abc", "ACL SETUSER u db=abc", "ACL SETUSER u db=-1", "ACL SETUSER u db=",
        "ACL SETUSER u db=1,", "ACL SETUSER u db=,1", "ACL SETUSER u db=99999999999",
        "ACL SETUSER u allkeys ~b", "ACL SETUSER u allchannels &b", "ACL SETUSER u allkeys %R~b",
        "CONFIG SET acl-pubsub-default foo", "CONFIG SET aclfile x",
        "CONFIG SET acllog-max-len -1", "CONFIG GET acl*", "ACL LIST",
    ],
    "defaults of channels": [
        "CONFIG SET acl-pubsub-default allchannels", "ACL SETUSER n1", "ACL SETUSER n1 reset",
        "ACL SETUSER n2 (+get)", "ACL LIST", "CONFIG SET acl-pubsub-default resetchannels",
        "ACL SETUSER n1 reset", "ACL LIST",
    ],
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogues_are_valkeys(server, stock_valkey, name):
    lines = DIALOGUES[name]
    assert play(server, lines, read) == play(stock_valkey, lines, read)


@pytest.mark.oracle
def test_a_user_in_resp3(server, stock_valkey):
    ours, theirs = server.client(), stock_valkey.client()
    for client in (ours, theirs):
        client.execute(b"HELLO", b"3")
        client.execute(b"ACL", b"SETUSER", b"r", b"on", b"nopass", b"+get", b"(+set ~a &b)")
    look = (b"ACL", b"GETUSER", b"r")
    assert ours.execute(*look) == theirs.execute(*look)
    ours.close()
    theirs.close()


# -- rules ----------------------------------------------------------------------------------------

def rules(rand: random.Random) -> list[str]:
    """A few random rules, some of them faulty."""
    names = [name for name, row in TABLE.items() if not name.startswith("kvd")]
    plain = [name for name in names if not TABLE[name]["container"] and "|" not in name]

    def command() -> str:
        sign, name = rand.choice("+-"), rand.choice([*names, "get", "set", "config|get", "config"])
        if rand.random() < 0.2:
            return f"{sign}{rand.choice(plain)}|{rand.choice(['a', 'B', 'a|b', ''])}"
        return sign + (name.upper() if rand.random() < 0.1 else name)

    def pattern() -> str:
        mark = rand.choice(["~", "~", "%R~", "%W~", "%RW~", "%rw~", "%x~", "&"])
        if mark in "~&" and rand.random() < 0.2:
            return mark + "*"
        return mark + rand.choice(["a", "b*", "[x]", "", "a?"])
    words = ["on", "off", "nopass", "resetpass", "reset", "allkeys", "resetkeys", "allchannels",
             "resetchannels", "allcommands", "nocommands", "clearselectors", "alldbs", "resetdbs",
             "db=1", "db=2,0", "db=x", ">pw", "<pw", ">x", "#" + "0" * 64, "!" + "0" * 64,
             "sanitize-payload", "(+get ~a)", "(%R~b", "-@all &c)", "(allcommands db=3)", "RESET"]

    def rule() -> str:
        kind = rand.random()
        if kind < 0.45:
            return command()
        if kind < 0.6:
            return rand.choice("+-") + "@" + rand.choice([*CATEGORIES, "all", "nosuch", "READ"])
        return pattern() if kind < 0.75 else rand.choice(words)
    return [rule() for _ in range(rand.randint(1, 5))]


def answer(target, *words):
    try:
        return ask(target, *words)
    except OracleError as error:
        return str(error)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(12))
def test_random_rules_read_as_valkeys(server, stock_valkey, seed):
    """What is shown after any rules, and allowed; and what is shown makes the same user."""
    rand = random.Random(seed)
    theirs = stock_valkey.client()
    requests = ["get a", "set a 1", "set b 1 get", "config get x", "config set a b", "copy a b",
                "move a 2", "mget a b1 x", "select 1", "flushall", "ping", "client id", "keys *",
                "exists a", "object encoding b", "swapdb 1 2", "auth x", "getrange a 0 1"]
    for _ in range(60):
        name = rand.choice(["u", "v"])
        line = ["ACL", "SETUSER", name, *rules(rand)]
        assert answer(server, *line) == answer(theirs, *line), line
        look = ["ACL", "GETUSER", name]
        assert answer(server, *look) == answer(theirs, *look), line
        request = rand.choice(requests).split()
        dry = ["ACL", "DRYRUN", name, *request]
        assert answer(server, *dry) == answer(theirs, *dry), (line, request)
    shown = answer(server, "ACL", "LIST")
    assert shown == answer(theirs, "ACL", "LIST")
    for text in shown:
        name = text.split()[1]
        ask(server, "ACL", "SETUSER", b"copy", b"reset", *text.split()[2:])
        copy = [other for other in answer(server, "ACL", "LIST") if other.startswith(b"user copy ")]
        assert copy[0].split()[2:] == text.split()[2:], name
    theirs.close()


def test_a_star_swallows_what_stands_beside_it(server):
    """Valkey shows "~* ~a" then, which it refuses as rules."""
    ask(server, "ACL", "SETUSER", "u", "%R~*", "~a", "%W~*")
    assert ask(server, "ACL", "LIST")[1] == b"user u off ~* resetchannels -@all"


@pytest.mark.oracle
@pytest.mark.parametrize("name", CATEGORIES)
def test_categories_hold_what_they_hold_there(server, valkey, name):
    ours, theirs = set(ask(server, "ACL", "CAT", name)), set(valkey.ask("ACL", "CAT", name))
    assert ours <= theirs
    assert not {missing.decode() for missing in theirs - ours} & set(TABLE)


# -- the log --------------------------------------------------------------------------------------

def test_the_log_tells_who_what_and_where(server):
    ask(server, "ACL", "SETUSER", "a", "on", ">p", "~a", "+get", "+multi", "+exec", "db=0")
    client = server.client()
    for words in ("AUTH a secret", "AUTH a p", "GET b", "GET b", "SET a b", "CONFIG GET x",
                  "MULTI", "GET c"):
        client.execute(*(word.encode() for word in words.split()))
    entries = [pairs(entry) for entry in ask(server, "ACL", "LOG")]
    assert [(entry[b"reason"], entry[b"context"], entry[b"object"], entry[b"username"],
             entry[b"count"], entry[b"entry-id"]) for entry in entries] == [
        (b"key", b"multi", b"c", b"a", 1, 4),
        (b"command", b"toplevel", b"config|get", b"a", 1, 3),
        (b"command", b"toplevel", b"set", b"a", 1, 2),
        (b"key", b"toplevel", b"b", b"a", 2, 1),
        (b"auth", b"toplevel", b"AUTH", b"a", 1, 0)]
    for entry in entries:
        assert isinstance(entry[b"age-seconds"], bytes)     # a double: milliseconds count
        assert float(entry[b"age-seconds"]) < 10 and b" cmd=" in entry[b"client-info"]
        assert entry[b"timestamp-created"] <= entry[b"timestamp-last-updated"]
        assert b"secret" not in entry[b"client-info"]
    assert len(ask(server, "ACL", "LOG", 2)) == 2
    ask(server, "CONFIG", "RESETSTAT")  # which is about other counts
    assert b"acl_access_denied_key:3\r\n" in ask(server, "INFO", "stats")
    ask(server, "CONFIG", "SET", "acllog-max-len", 1)
    assert len(ask(server, "ACL", "LOG")) == 1
    assert ask(server, "ACL", "LOG", "RESET") == b"OK"
    assert ask(server, "ACL", "LOG") == []
    client.close()


def test_an_entry_is_as_old_as_its_last_refusal(server):
    ask(server, "ACL", "SETUSER", "a", "on", "nopass", "+get")
    client = server.client()
    client.execute(b"AUTH", b"a", b"x")
    for _ in range(2):
        time.sleep(0.1)
        client.execute(b"GET", b"k")
    entry = pairs(ask(server, "ACL", "LOG")[0])
    seconds, micros = map(int, ask(server, "TIME"))
    now_ms = seconds * 1000 + micros // 1000
    assert float(entry[b"age-seconds"]) * 1000 <= now_ms - entry[b"timestamp-last-updated"]
    client.close()


def test_the_log_has_an_end(server):
    ask(server, "ACL", "SETUSER", "a", "on", "nopass", "+get")
    client = server.client()
    client.execute(b"AUTH", b"a", b"x")
    for index in range(300):
        client.execute(b"GET", b"key:%d" % index)
    client.execute(b"GET", b"x" * 100000)
    assert len(ask(server, "ACL", "LOG", 1000)) == 128
    assert len(pairs(ask(server, "ACL", "LOG", 1)[0])[b"object"]) == 4096
    client.close()


# -- connections and files ------------------------------------------------------------------------

def test_a_deleted_user_is_shown_the_door():
    serving = Serving()
    try:
        admin, one, other = (serving.connect() for _ in range(3))
        assert admin.ask("ACL SETUSER a on nopass +@all ~*") == b"+OK\r\n"
        assert one.ask("AUTH a x") == other.ask("AUTH a x") == b"+OK\r\n"
        one.send("ACL DELUSER a", "PING")
        assert one.reply() == b":1\r\n" and one.gone() and other.gone()
        assert admin.ask("ACL USERS") == b"*1\r\n$7\r\ndefault\r\n"
    finally:
        serving.close()


@pytest.mark.skipif("subscribe" not in TABLE, reason="no channels")
def test_who_may_no_longer_hear_is_closed():
    serving = Serving()
    try:
        admin, one, other, third = (serving.connect() for _ in range(4))
        assert admin.ask("ACL SETUSER a on nopass +@all ~* &news* &[x]*") == b"+OK\r\n"
        for peer in (one, other, third):
            assert peer.ask("AUTH a x") == b"+OK\r\n"
        assert one.ask("SUBSCRIBE news:1").endswith(b":1\r\n")
        assert other.ask("PSUBSCRIBE [x]*").endswith(b":1\r\n")
        assert admin.ask("ACL SETUSER a &more") == b"+OK\r\n"
        assert admin.ask("PUBLISH news:1 hello") == b":1\r\n"
        assert one.reply().endswith(b"hello\r\n")
        assert admin.ask("ACL SETUSER a resetchannels &news*") == b"+OK\r\n"
        assert other.gone() and third.ask("PING") == b"+PONG\r\n"
        assert admin.ask("ACL SETUSER a resetchannels") == b"+OK\r\n"
        assert one.gone() and third.ask("SUBSCRIBE news:1").startswith(b"-NOPERM")
    finally:
        serving.close()


def test_files_of_users(tmp_path):
    path = tmp_path / "users.acl"
    path.write_bytes(b"user default on nopass ~* &* +@all\n\nuser a on >p ~a (+get ~b)\n")
    server = Server(aclfile=str(path))
    server.users.load(str(path))
    shown = ask(server, "ACL", "LIST")
    assert shown[0].startswith(b"user a on #148de9c5")
    assert shown[0].endswith(b" (~b resetchannels -@all +get)")
    ask(server, "ACL", "SETUSER", "b", "on", "%W~x")
    assert ask(server, "ACL", "SAVE") == b"OK"
    assert path.read_bytes().split(b"\n")[:-1] == ask(server, "ACL", "LIST")
    assert os.stat(path).st_mode & 0o077 == 0 or b">" not in path.read_bytes()
    ask(server, "ACL", "SETUSER", "c")
    assert ask(server, "ACL", "LOAD") == b"OK"
    assert ask(server, "ACL", "USERS") == [b"a", b"b", b"default"]
    path.write_bytes(b"user a on\nuser a off\nnouser\nuser c foo\nuser d (+get\nuser e +nosuch\n")
    with pytest.raises(OracleError) as fault:
        ask(server, "ACL", "LOAD")
    assert str(fault.value) == (
        f"ERR WARNING: Duplicate user 'a' found on line 2. {path}:3 should start with user keyword "
        f"followed by the username. {path}:4: Syntax error. {path}:5: Unmatched parenthesis in "
        f"selector definition.{path}:6: Error in applying operation '+nosuch': Unknown command or "
        "category name in ACL. WARNING: ACL errors detected, no change to the previously active "
        "ACL rules was performed")
    assert ask(server, "ACL", "USERS") == [b"a", b"b", b"default"]
    path.unlink()
    with pytest.raises(OracleError, match="Error loading ACLs, opening file"):
        ask(server, "ACL", "LOAD")
    assert server.close()


def test_a_rewrite_keeps_the_users(tmp_path):
    path = tmp_path / "kvd.conf"
    path.write_bytes(b"# ours\nhz 20\nuser a on\n# the end\n")
    server = Server(hz=20)
    server.config_file = str(path)
    ask(server, "ACL", "SETUSER", "a", "on", ">p", "~\"x", "~a'b", "+@read", "(+set ~c)")
    ask(server, "ACL", "SETUSER", "b", "off")
    shown = [text for text in ask(server, "ACL", "LIST") if b"default" not in text]
    assert ask(server, "CONFIG", "REWRITE") == b"OK"
    from kvd.engine.server import conffile
    lines = path.read_bytes().split(b"\n")
    assert lines[:2] == [b"# ours", b"hz 20"] and lines[4] == b"# the end"
    again = Server()
    again.users.define({name: list(line.words[2:]) for name, line in conffile.users_of(
        conffile.parse_text(path.read_bytes(), "x")).items()})
    assert ask(again, "ACL", "LIST")[:2] == shown
    assert server.close() and again.close()


def test_genpass_is_never_the_same(server):
    made = {ask(server, "ACL", "GENPASS") for _ in range(10)}
    assert len(made) == 10 and all(len(word) == 64 for word in made)
    assert [len(ask(server, "ACL", "GENPASS", bits)) for bits in (1, 4, 5, 128, 4096)] == [
        1, 1, 2, 32, 1024]


def test_rights_outlive_nobody(server):
    """Users come and go under clients that use them; nothing is kept, and nobody gains a right."""
    rand = random.Random(7)
    clients = [server.client() for _ in range(4)]
    for _ in range(300):
        name = f"u{rand.randint(0, 3)}"
        kind = rand.randint(0, 3)
        if kind == 0:
            ask(server, "ACL", "SETUSER", name, "reset", "on", "nopass", "+get", f"~{name}",
                "+@read", "-@dangerous", "(+set ~z)")
        elif kind == 1:
            ask(server, "ACL", "DELUSER", name)
        else:
            at = rand.randrange(len(clients))
            if clients[at].closed:
                clients[at].close()
                clients[at] = server.client()
            if kind == 2:
                clients[at].execute(b"AUTH", name.encode(), b"x")
            else:
                reply = clients[at].execute(b"GET", b"x")
                who = clients[at].user
                assert who == b"default" or clients[at].closed or reply.startswith(b"-NOPERM")
    for client in clients:
        client.close()
