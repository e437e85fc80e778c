"""The table of directives and CONFIG. Goal: every directive behaves as its row says, errors are
Valkey's to the byte, and a change is whole or has not been. Method: walk the table; replay
dialogues against us and valkey-server; a model (dict) against random changes."""
import os
import random

import pytest

from kvd.engine.server.config import config_table
from kvd.engine.server.server import Server
from kvd.engine.server.settings import DirectiveError
from tests.oracle import encode

TABLE = config_table()
REAL = [row for row in TABLE if not row["fixed"]]
FIXED = [row for row in TABLE if row["fixed"]]
# Of a few switches both values mean the same to us, and are accepted.
FIRM = [row for row in FIXED if not (row["kind"] == "yes or no" and row["also"])]


def name_of(row):
    return row["name"]


@pytest.fixture
def server():
    server = Server()
    yield server
    assert server.close(), "a block was not given back"


def ask(server, *args):
    return server.execute(*[arg if isinstance(arg, bytes) else arg.encode() for arg in args])


# -- the table ------------------------------------------------------------------------------------

def test_names_are_unique():
    names = [name for row in TABLE for name in (row["name"], row["alias"]) if name]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", TABLE, ids=name_of)
def test_a_row_accepts_its_default_and_shows_it(server, row):
    Server(**{row["name"]: row["default"]}).close()
    shown = server.config(row["name"])[row["name"]]
    other = Server(**{row["name"]: shown})                  # what is shown can be given back
    assert other.config(row["name"])[row["name"]] == shown
    other.close()


@pytest.mark.parametrize("row", [row for row in REAL if row["kind"] in
                                 ("number", "memory", "octal number")], ids=name_of)
def test_ranges(row):
    spell = "{:o}".format if row["kind"] == "octal number" else str
    for value, fits in ((row["min"], True), (row["max"], True), (row["min"] - 1, False),
                        (row["max"] + 1, False)):
        if row["name"] == "databases" and value == row["max"]:
            continue                                        # they would all be made
        try:
            Server(**{row["name"]: spell(value)}).close()
            accepted = True
        except DirectiveError:
            accepted = False
        assert accepted == fits, (row["name"], value)


@pytest.mark.parametrize("row", FIRM, ids=name_of)
def test_a_fixed_row_refuses_with_its_reason(row):
    other = {"yes or no": "no" if row["default"] == "yes" else "yes",
             "number": "77", "memory": "77mb"}.get(row["kind"], "something")
    with pytest.raises(DirectiveError) as refused:
        Server(**{row["name"]: other})
    assert row["help"] in str(refused.value)


@pytest.mark.parametrize("row", TABLE, ids=name_of)
def test_help_is_a_sentence(row):
    assert row["help"] and row["help"] == row["help"].strip()
    assert row["help"].endswith(".") != row["fixed"], "a reason is put into a sentence"


def test_every_name_that_valkey_answers_is_answered(server, stock_valkey):
    theirs = dict(zip(*[iter(stock_valkey.ask("CONFIG", "GET", "*"))] * 2, strict=True))
    ours = server.config()
    assert {name.decode() for name in theirs} - set(ours) == set()


def test_defaults_are_valkeys_but_for_these(server, stock_valkey):
    theirs = dict(zip(*[iter(stock_valkey.ask("CONFIG", "GET", "*"))] * 2, strict=True))
    ours = server.config()
    chosen = {"port", "unixsocket", "save", "dir", "bind"}  # the oracle was started with them
    differ = {name.decode() for name, value in theirs.items()
              if ours[name.decode()].encode() != value} - chosen
    assert differ == {
        "tcp-keepalive", "client-query-buffer-limit", "client-output-buffer-limit",
        "maxmemory-clients", "activedefrag", "disable-thp", "syslog-ident",
        "crash-memcheck-enabled", "prefetch-batch-max-size", "max-new-connections-per-cycle",
    }


# -- CONFIG, beside Valkey ------------------------------------------------------------------------

SAME = """
CONFIG
CONFIG SET
CONFIG SET a
CONFIG SET hz
CONFIG SET hz 10 x
CONFIG GET
CONFIG BAD x
CONFIG SET nope 1
CONFIG SET NoPe 1
CONFIG SET maxmemory 1 nope 2
CONFIG SET nope 1 hz abc
CONFIG SET hz abc nope 1
CONFIG SET hz abc databases 1
CONFIG SET databases 1 hz abc
CONFIG SET maxmemory 1 maxmemory 2
CONFIG SET maxmemory 1 MAXMEMORY 2
CONFIG SET maxmemory abc
CONFIG SET maxmemory -1
CONFIG SET maxmemory 1kbb
CONFIG SET maxmemory 50%
CONFIG SET maxmemory 1.5gb
CONFIG SET maxmemory 99999999999999999999
CONFIG SET maxmemory 3Gb
CONFIG GET maxmemory
CONFIG SET maxmemory 0
CONFIG SET hz abc
CONFIG SET hz 0
CONFIG GET hz
CONFIG SET hz 501
CONFIG GET hz
CONFIG SET hz 10
CONFIG SET maxmemory-samples 0
CONFIG SET maxmemory-samples 65
CONFIG SET timeout -1
CONFIG SET timeout 99999999999
CONFIG SET timeout 0010
CONFIG SET timeout +1
CONFIG SET appendonly maybe
CONFIG SET maxmemory-policy foo
CONFIG SET maxmemory-policy ALLKEYS-LFU
CONFIG GET maxmemory-policy
CONFIG SET maxmemory-policy noeviction
CONFIG SET loglevel loud
CONFIG SET log-format xml
CONFIG SET log-timestamp-format x
CONFIG SET databases 3
CONFIG SET dir /
CONFIG SET client-output-buffer-limit foo
CONFIG SET maxmemory-clients 101%
CONFIG SET maxmemory-clients -1
CONFIG SET maxmemory-clients 5x
CONFIG SET maxmemory-clients 7%
CONFIG GET maxmemory-clients
CONFIG SET maxmemory-clients 7mb
CONFIG GET maxmemory-clients
CONFIG SET hz 20 databases 5
CONFIG SET hz 20 maxmemory-policy x
CONFIG GET hz
CONFIG SET appendfsync sometimes
CONFIG SET oom-score-adj maybe
CONFIG SET shutdown-on-sigterm bad
CONFIG SET lfu-log-factor -1
CONFIG SET tcp-keepalive -1
CONFIG SET slowlog-max-len -1
CONFIG SET slowlog-log-slower-than -2
CONFIG SET slowlog-log-slower-than 5
CONFIG GET slowlog-log-slower-than commandlog-execution-slower-than
CONFIG SET commandlog-execution-slower-than 10000
CONFIG SET slowlog-max-len 128 commandlog-slow-execution-max-len 129
CONFIG GET slowlog-max-len
CONFIG SET commandlog-slow-execution-max-len 130 slowlog-max-len 128 hz abc
CONFIG GET slowlog-max-len
CONFIG SET commandlog-slow-execution-max-len 130 slowlog-max-len 128
CONFIG GET maxmemory MAXMEMORY max*memory
CONFIG GET MAXMEMORY maxmemory
CONFIG SET client-query-buffer-limit 1k
CONFIG SET proto-max-bulk-len 1k
CONFIG SET latency-tracking-info-percentiles 101
CONFIG SET latency-tracking-info-percentiles x
CONFIG SET latency-tracking-info-percentiles 99.99
CONFIG GET latency-tracking-info-percentiles
CONFIG SET proc-title-template {x}
CONFIG SET unixsocketperm 700
CONFIG SET LOGLEVEL_ notice
CONFIG GET HZ maxmemory-sampl?s
CONFIG GET nothing
CONFIG SET hz 10 maxmemory-samples 5
CONFIG RESETSTAT x
CONFIG RESETSTAT
CONFIG REWRITE
CONFIG REWRITE x
""".strip().splitlines()

WORDS = [
    ("client-output-buffer-limit", "normal 0 0"),
    ("client-output-buffer-limit", "normal x 0 0"),
    ("client-output-buffer-limit", "master 0 0 0"),
    ("client-output-buffer-limit", "normal 1mb 0 -1"),
    ("client-output-buffer-limit", "normal 1mb 2 3 slave 4 5 6 pubsub 7kb 8 9"),
    ("latency-tracking-info-percentiles", "50 99.9 100"),
    ("latency-tracking-info-percentiles", ""),
    ("bind", " ".join(["127.0.0.1"] * 17)),
    ("proc-title-template", ""),
    ("proc-title-template", "{title} {nope}"),
    ("oom-score-adj-values", "1 2"),
    ("oom-score-adj-values", "1 2 3000"),
    ("shutdown-on-sigterm", "save nosave"),
    ("shutdown-on-sigterm", "now nosave"),
    ("timeout", "1 "),
    ("timeout", ""),
    ("maxmemory", " 1"),
]


def same_reply(server, link, *words):
    args = [word.encode() for word in words]
    ours, theirs = server.execute(*args), link.execute(*args)
    assert unordered(ours) == unordered(theirs), words
    return ours


def unordered(reply: bytes):
    """A map in RESP2 comes in any order."""
    return reply if reply[:1] != b"*" else sorted(reply.split(b"\r\n"))


def test_replies_are_valkeys(server, stock_valkey):
    link = stock_valkey.client()
    for line in SAME:
        same_reply(server, link, *line.split())
    for name, value in WORDS:
        if same_reply(server, link, "CONFIG", "SET", name, value) == b"+OK\r\n":
            same_reply(server, link, "CONFIG", "GET", name)
    link.close()


def test_what_valkey_may_not_change_we_may_not(server, stock_valkey):
    """Immutable and protected directives are the same ones, and so are their errors."""
    for row in TABLE:
        given = stock_valkey.ask("CONFIG", "GET", row["name"])
        if len(given) != 2:
            continue                                        # ours, or Redis's
        theirs, = stock_valkey.ask_each([("CONFIG", "SET", row["name"], given[1])])
        text = str(theirs)
        immutable, protected = "set immutable" in text, "set protected" in text
        assert (not row["mutable"], row["protected"]) == (immutable, protected), row["name"]


def test_get_answers_a_map_in_resp3(server):
    client = server.client()
    client.execute(b"HELLO", b"3")
    assert client.execute(b"CONFIG", b"GET", b"hz") == b"%1\r\n$2\r\nhz\r\n$2\r\n10\r\n"


def test_both_spellings_answer(server):
    found = server.config("*-priority", "*ziplist*", "masterauth", "slaveof")
    assert found["slave-priority"] == found["replica-priority"] == "100"
    assert "hash-max-ziplist-value" in found and "masterauth" in found and "slaveof" in found


def test_hidden_directives_answer_to_their_name_only(server):
    assert "dynamic-hz" not in server.config() and "dynamic-hz" not in server.config("dyn*")
    assert server.config("dynamic-hz") == {"dynamic-hz": "no"}


# -- changing -------------------------------------------------------------------------------------

def test_a_change_is_whole_or_has_not_been(server):
    """S1: values come back, and rooms have them again: a refused policy does not evict."""
    before = server.config()
    reply = ask(server, "CONFIG", "SET", "maxmemory", "1mb", "maxmemory-policy", "allkeys-lfu",
                "timeout", "-5")
    assert b"'timeout'" in reply
    assert server.config() == before


def test_a_hook_that_refuses_takes_the_change_back(server):
    seen = []

    def hook():
        seen.append(server.config("port")["port"])
        if seen[-1] == "7000":
            raise ValueError("Unable to listen on this port. Check server logs.")

    server.shell["listen"] = hook
    assert ask(server, "CONFIG", "SET", "hz", "50", "port", "7000") == (
        b"-ERR CONFIG SET failed (possibly related to argument 'port') - "
        b"Unable to listen on this port. Check server logs.\r\n")
    assert seen == ["7000", "6379"] and server.config("hz")["hz"] == "10"
    assert ask(server, "CONFIG", "SET", "hz", "50", "port", "7001") == b"+OK\r\n"
    assert seen == ["7000", "6379", "7001"]
    assert ask(server, "CONFIG", "SET", "port", "7001") == b"+OK\r\n"
    assert seen == ["7000", "6379", "7001"], "what has not changed is not applied"


def test_a_hook_runs_once_for_several_of_its_directives(server):
    runs = []
    server.shell["listen"] = lambda: runs.append(1)
    assert ask(server, "CONFIG", "SET", "port", "7000", "bind", "127.0.0.1") == b"+OK\r\n"
    assert runs == [1]


def test_without_a_shell_its_directives_are_refused(server):
    assert b"only a server that" in ask(server, "CONFIG", "SET", "port", "1")
    assert server.config("port")["port"] == "6379"


def test_protected_directives():
    for gate, allowed in (("no", False), ("yes", True), ("local", True)):
        server = Server(enable_protected_configs=gate)
        server.shell["dir"] = lambda: None
        reply = ask(server, "CONFIG", "SET", "dir", "/")
        assert (reply == b"+OK\r\n") == allowed, gate
        server.close()


def test_random_changes_beside_a_model():
    """Seed 7: sets of good and bad pairs; a dict says what must be in force after each."""
    draw, server = random.Random(7), Server()
    values = {
        "maxmemory": ["0", "1kb", "5mb", "abc", "-1"],
        "maxmemory-policy": ["noeviction", "allkeys-lru", "volatile-ttl", "never"],
        "maxmemory-samples": ["1", "64", "65", "x"],
        "timeout": ["0", "2147483647", "2147483648"],
        "lazyfree-lazy-user-flush": ["yes", "NO", "1"],
        "latency-tracking-info-percentiles": ["", "1 2", "200"],
        "client-output-buffer-limit": ["normal 1kb 2 3", "pubsub 1 1", "replica 0 0 0"],
        "requirepass": ["", "pass"],
        "databases": ["4"],
    }
    shown = {"1kb": "1024", "5mb": "5242880", "NO": "no"}
    bad = {"abc", "-1", "never", "65", "x", "2147483648", "1", "200", "pubsub 1 1", "4"}
    model = server.config()
    for _ in range(400):
        names = draw.sample(list(values), draw.randint(1, 4))
        pairs = [(name, draw.choice(values[name])) for name in names]
        fails = any(value in bad and not (name == "maxmemory-samples" and value == "1")
                    for name, value in pairs)
        try:
            server.configure([(name.encode(), value.encode()) for name, value in pairs])
            assert not fails, pairs
            for name, value in pairs:
                if name == "client-output-buffer-limit":
                    limits = model[name].split()
                    words = value.replace("replica", "slave").replace("1kb", "1024").split()
                    limits[limits.index(words[0]):limits.index(words[0]) + 4] = words
                    value = " ".join(limits)
                model[name] = shown.get(value, value)
        except DirectiveError:
            assert fails, pairs
        assert server.config() == model
    assert server.close()


def test_an_engine_that_is_not_made_leaves_descriptors_alone():
    """A struct of zeroes names descriptor 0."""
    before = os.fstat(0)
    for _ in range(3):
        with pytest.raises(DirectiveError):
            Server(port="x")
    assert os.fstat(0).st_ino == before.st_ino
    Server().close()
    assert os.fstat(0).st_ino == before.st_ino


def test_settings_reach_their_rooms():
    """What the table says is in force in the engine, at the start and after a change."""
    server = Server(databases=3, maxmemory_policy="allkeys-lfu")
    assert ask(server, "SELECT", "2") == b"+OK\r\n"
    assert ask(server, "SELECT", "3").startswith(b"-ERR DB index is out of range")
    assert ask(server, "SET", "k", "v") == b"+OK\r\n"
    assert ask(server, "OBJECT", "FREQ", "k").startswith(b":")
    assert ask(server, "CONFIG", "SET", "maxmemory-policy", "noeviction") == b"+OK\r\n"
    assert ask(server, "OBJECT", "FREQ", "k").startswith(b"-ERR An LFU maxmemory policy is not")
    server.close()


def test_texts_of_any_bytes_come_back(server):
    password = bytes(range(1, 256))
    assert server.execute(b"CONFIG", b"SET", b"requirepass", password) == b"+OK\r\n"
    assert server.execute(b"CONFIG", b"GET", b"requirepass") == (
        b"*2\r\n" + encode(b"requirepass", password).split(b"\r\n", 1)[1])
    assert b"NUL byte" in server.execute(b"CONFIG", b"SET", b"requirepass", b"a\0b")
