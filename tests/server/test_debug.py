"""DEBUG and MEMORY. Goal: what test suites ask of DEBUG is answered as by Valkey, and only where it
was opened. Method: the same lines to a live Valkey that has it open; digests above all, which must
be equal byte by byte."""
import random

import pytest

from kvd.engine.server.server import Server
from tests.oracle import OracleError
from tests.server.replies import ask, pairs


@pytest.fixture
def server():
    server = Server(enable_debug_command=True)
    yield server
    assert server.close(), "the engine kept memory"


@pytest.mark.parametrize("gate, local, allowed", [
    ("no", True, False), ("yes", False, True), ("local", True, True),
])
def test_the_gate(gate, local, allowed):
    server = Server(enable_debug_command=gate)
    reply = server.execute(b"DEBUG", b"SLEEP", b"0")
    assert reply == b"+OK\r\n" if allowed else reply.startswith(
        b'-ERR DEBUG command not allowed. If the enable-debug-command option is set to "local",')
    assert server.close()


LINES = """
debug error ERR_hello
debug protocol string|integer|double|null|array|set|map|attrib|verbatim|true|false|bignum|push|x
debug protocol
debug object nokey
debug object
debug sdslen nokey
debug sdslen int
debug htstats x
debug htstats 99
debug htstats-key nokey
debug htstats-key str
debug set-active-expire
debug set-active-expire 1
debug sleep 0
debug sleep x
debug sleep
debug log hello
debug digest-value str int nokey
debug digest-value
debug listpack nokey
debug listpack str
debug listpack
debug populate x
debug populate 2 p x
debug populate -1
debug nosuch
debug jmap
debug
memory usage nokey
memory usage nokey samples
memory usage nokey samples -1
memory usage nokey samples x
memory usage nokey bar 1
memory usage
memory nosuch
memory purge
module load
module unload
module nosuch
""".strip().splitlines()
EXPANDED = [line.replace(line.split()[-1], word) for line in LINES for word in (
    line.split()[-1].split("|") if "|" in line else [line.split()[-1]])]


@pytest.mark.oracle
@pytest.mark.parametrize("line", EXPANDED)
def test_replies_are_valkeys(server, debugged_valkey, line):
    for target in (server, debugged_valkey):
        words = (["SET", "str", "text"], ["SET", "int", "12"])
        [ask(server, *w) for w in words] if target is server else debugged_valkey.ask_each(words)
    theirs, = debugged_valkey.ask_each([line.split()])
    if isinstance(theirs, OracleError):
        with pytest.raises(OracleError) as ours:
            ask(server, *line.split())
        assert str(ours.value) == str(theirs)
    else:
        assert ask(server, *line.split()) == theirs


def test_pushes_and_attributes_in_resp3(server):
    client = server.client()
    client.execute(b"HELLO", b"3")
    assert client.execute(b"DEBUG", b"PROTOCOL", b"map") == (
        b"%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n")
    assert client.execute(b"DEBUG", b"PROTOCOL", b"attrib").startswith(b"|1\r\n$14\r\nkey-popul")
    assert client.execute(b"DEBUG", b"PROTOCOL", b"push").endswith(
        b">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n")
    assert client.execute(b"DEBUG", b"PROTOCOL", b"bignum").startswith(b"(12345")
    client.close()


@pytest.mark.oracle
def test_digest_is_valkeys(server, debugged_valkey):
    rng = random.Random(7)
    assert ask(server, "FLUSHALL") == debugged_valkey.ask("FLUSHALL")
    for step in range(300):
        key = f"k{rng.randrange(40)}".encode()
        value = rng.choice([b"12", b"-7", b"", rng.randbytes(rng.randrange(90)), b"x" * 900])
        words = rng.choice([
            ["SELECT", rng.randrange(3)], ["SET", key, value], ["APPEND", key, value],
            ["DEL", key], ["SET", key, value, "PX", 10_000_000], ["PERSIST", key],
        ])
        assert ask(server, *words) == debugged_valkey.ask(*words)
        if step % 20 == 0:
            assert ask(server, "DEBUG", "DIGEST") == debugged_valkey.ask("DEBUG", "DIGEST")
            assert ask(server, "DEBUG", "DIGEST-VALUE", key, b"k1") == debugged_valkey.ask(
                "DEBUG", "DIGEST-VALUE", key, b"k1")
    debugged_valkey.ask("FLUSHALL")
    debugged_valkey.ask("SELECT", 0)


def test_the_dead_are_not_digested(server):
    empty = ask(server, "DEBUG", "DIGEST")
    ask(server, "DEBUG", "SET-ACTIVE-EXPIRE", "0")
    ask(server, "SET", "k", "v", "PX", "20")
    ask(server, "DEBUG", "SLEEP", "0.03")
    assert ask(server, "DEBUG", "DIGEST") == empty == b"0" * 40


def test_active_expiry_can_be_stopped(server):
    ask(server, "DEBUG", "SET-ACTIVE-EXPIRE", "0")
    ask(server, "SET", "k", "v", "PX", "10")
    ask(server, "DEBUG", "SLEEP", "0.03")
    assert ask(server, "DBSIZE") == 1
    ask(server, "DEBUG", "SET-ACTIVE-EXPIRE", "1")
    ask(server, "PING")
    assert ask(server, "DBSIZE") == 0


def test_object_and_sdslen(server):
    ask(server, "SET", "k", "v" * 50)
    line = ask(server, "DEBUG", "OBJECT", "k").decode()
    fields = dict(word.split(":") for word in line.removeprefix("Value ").split())
    assert fields["refcount"] == "1" and fields["encoding"] == ask(
        server, "OBJECT", "ENCODING", "k").decode()
    assert fields["serializedlength"] == "51" and fields["lru_seconds_idle"] == "0"
    assert "serializedlength" not in ask(server, "DEBUG", "OBJECT", "k", "fast").decode()
    ask(server, "APPEND", "k", "w" * 1000)
    sizes = dict(word.split(":") for word in ask(server, "DEBUG", "SDSLEN", "k").decode().split())
    assert sizes["key_sds_len"] == "1" and sizes["val_sds_len"] == "1050"
    assert int(sizes["val_alloc"]) >= 1050 + int(sizes["val_sds_avail"])


def test_listpack_prints(server, capfd):
    ask(server, "RPUSH", "l", "1", "two")
    assert ask(server, "DEBUG", "LISTPACK", "l") == b"Listpack structure printed on stdout"
    assert "{index 1} b'two'" in capfd.readouterr().out
    ask(server, "DEL", "l")


def test_populate(server):
    ask(server, "SET", "key:1", "mine")
    ask(server, "DEBUG", "POPULATE", "100")
    assert ask(server, "DBSIZE") == 100
    assert ask(server, "MGET", "key:0", "key:1", "key:99") == [b"value:0", b"mine", b"value:99"]
    ask(server, "DEBUG", "POPULATE", "3", "p", "10")
    assert ask(server, "GET", "p:2") == b"value:2\0\0\0"
    assert b"number of entries: 103" in ask(server, "DEBUG", "HTSTATS", "0")


@pytest.mark.parametrize("size, pattern, expected", [
    (3, "a*", 1), (3, "aaa", 1), (3, "aa", 0), (0, "", 1), (100_000, "a*" * 30 + "b", 0),
])
def test_stringmatch(server, size, pattern, expected):
    assert ask(server, "DEBUG", "STRINGMATCH-LEN", size, pattern) == expected


def test_help_lists_what_there_is(server):
    lines = [line.decode() for line in ask(server, "DEBUG", "HELP")]
    names = {line.split()[0] for line in lines[1:] if not line.startswith(" ")}
    assert {"SLEEP", "OBJECT", "DIGEST", "POPULATE", "HELP"} <= names


# -- MEMORY ---------------------------------------------------------------------------------------

def test_usage_is_what_deleting_gives_back(server):
    ask(server, "DEBUG", "POPULATE", "300")         # so that the table stays as it is
    ask(server, "DEL", "nokey")                     # ... and DEL has its histogram
    for size in (1, 100, 600, 100_000):
        ask(server, "SET", "k", "v" * size)
        usage = ask(server, "MEMORY", "USAGE", "k")
        before = server.used_memory
        ask(server, "DEL", "k")
        assert 0 <= usage - (before - server.used_memory) <= 8, "a share of the table, no more"
        assert usage > size


@pytest.mark.oracle
def test_stats_has_valkeys_fields_in_order(server, valkey):
    ask(server, "SET", "k", "v")
    valkey.ask("SET", "memory-stats-test", "v")
    theirs = [name for name in pairs(valkey.ask("MEMORY", "STATS")) if not name.startswith(b"db.")]
    valkey.ask("DEL", "memory-stats-test")
    found = pairs(ask(server, "MEMORY", "STATS"))
    assert [name for name in found if not name.startswith(b"db.")] == theirs
    assert found[b"keys.count"] == 1 and set(pairs(found[b"db.0"])) == {
        b"overhead.hashtable.main", b"overhead.hashtable.expires"}


def test_doctor_and_malloc_stats(server):
    assert b"too little" in ask(server, "MEMORY", "DOCTOR")
    ask(server, "DEBUG", "POPULATE", "2000", "k", "10000")
    report = ask(server, "MEMORY", "DOCTOR")
    assert b"too little" not in report
    ask(server, "CONFIG", "SET", "maxmemory", server.used_memory + 1000)
    assert b"noeviction" in ask(server, "MEMORY", "DOCTOR")
    ask(server, "CONFIG", "SET", "maxmemory", "0")
    assert b"block" in ask(server, "MEMORY", "MALLOC-STATS")
