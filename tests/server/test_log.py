"""SLOWLOG and COMMANDLOG. Goal: a call that passes a threshold is found there, cut as Valkey cuts
it, and no secret ever is. Method: dialogues beside a live Valkey, ids, times and peers left out."""
import pytest

from kvd.engine.server.server import Server
from tests.oracle import OracleError
from tests.server.replies import ask

FIELDS = ("id", "time", "value", "args", "peer", "name")


@pytest.fixture
def server():
    server = Server(slowlog_log_slower_than=-1, commandlog_request_larger_than=-1,
                    commandlog_reply_larger_than=-1, enable_debug_command=True)
    yield server
    assert server.close(), "the engine kept memory"


def entries(server, *words) -> list[dict]:
    return [dict(zip(FIELDS, entry, strict=True)) for entry in ask(server, *words)]


def everything(server) -> None:
    ask(server, "CONFIG", "SET", "slowlog-log-slower-than", "0")


ERRORS = [
    "slowlog get -2", "slowlog get abc", "slowlog get 1 2", "slowlog get 01",
    "slowlog get 99999999999999999999", "slowlog foo", "slowlog", "slowlog len x",
    "commandlog get 1", "commandlog get 1 xx", "commandlog get x slow", "commandlog len bad",
    "commandlog reset nope", "commandlog get -2 nope",
]


@pytest.mark.oracle
@pytest.mark.parametrize("line", ERRORS)
def test_errors_are_valkeys(server, valkey, line):
    theirs, = valkey.ask_each([line.split()])
    assert isinstance(theirs, OracleError)
    with pytest.raises(OracleError) as ours:
        ask(server, *line.split())
    assert str(ours.value) == str(theirs)


def test_what_is_slow(server):
    ask(server, "CONFIG", "SET", "slowlog-log-slower-than", "10000")
    ask(server, "SET", "k", "v")
    ask(server, "CLIENT", "SETNAME", "joe")
    ask(server, "DEBUG", "SLEEP", "0.02")
    entry, = entries(server, "SLOWLOG", "GET")
    assert entry["args"] == [b"DEBUG", b"SLEEP", b"0.02"] and entry["name"] == b"joe"
    assert 20_000 <= entry["value"] < 5_000_000
    assert entry == entries(server, "COMMANDLOG", "GET", "-1", "slow")[0]


def test_what_a_script_calls_is_its_callers(server):
    everything(server)
    client = server.client()
    for words in (("CLIENT", "SETNAME", "joe"), ("EVAL", "return redis.call('get', 'k')", "0")):
        client.execute(*(word.encode() for word in words))
    outer, inner = entries(server, "SLOWLOG", "GET", "2")
    assert inner["args"] == [b"get", b"k"]
    assert inner["name"] == b"joe" and inner["peer"] == outer["peer"]
    client.close()


def test_newest_first_and_as_many_as_asked_for(server):
    everything(server)
    for i in range(20):
        ask(server, "SET", "k", i)
    ask(server, "CONFIG", "SET", "slowlog-log-slower-than", "-1")
    assert len(ask(server, "SLOWLOG", "GET")) == 10
    found = entries(server, "SLOWLOG", "GET", "-1")
    assert [entry["args"][-1] for entry in found[:3]] == [b"19", b"18", b"17"]
    ids = [entry["id"] for entry in found]
    assert ids == sorted(ids, reverse=True) and len(set(ids)) == len(ids)
    assert ask(server, "SLOWLOG", "GET", "0") == []
    assert ask(server, "SLOWLOG", "LEN") == len(found)


def test_length_is_bounded_and_reset_forgets(server):
    ask(server, "CONFIG", "SET", "slowlog-max-len", "3")
    everything(server)
    for i in range(10):
        ask(server, "SET", "k", i)
    before = server.used_memory
    for i in range(10):
        ask(server, "SET", "k", i)
    assert abs(server.used_memory - before) < 1024, "dropped entries give their memory back"
    assert ask(server, "SLOWLOG", "LEN") == 3
    last = entries(server, "SLOWLOG", "GET", "1")[0]["id"]
    ask(server, "CONFIG", "SET", "slowlog-log-slower-than", "-1")
    assert ask(server, "SLOWLOG", "RESET") == b"OK"
    assert ask(server, "SLOWLOG", "LEN") == 0
    everything(server)
    assert entries(server, "SLOWLOG", "GET", "-1")[-1]["id"] > last, "ids are never used twice"


def test_a_shorter_length_drops_at_once(server):
    everything(server)
    for i in range(10):
        ask(server, "SET", "k", i)
    ask(server, "CONFIG", "SET", "slowlog-log-slower-than", "-1")
    ask(server, "CONFIG", "SET", "slowlog-max-len", "2")
    ask(server, "CONFIG", "SET", "slowlog-log-slower-than", "0")
    ask(server, "SET", "k", "v")
    assert ask(server, "SLOWLOG", "LEN") == 2


CUT = [
    ["SET", "k", "x" * 128], ["SET", "k", "x" * 129], ["SET", "k", "x" * 5000],
    ["MGET", *map(str, range(31))], ["MGET", *map(str, range(32))], ["MGET", *map(str, range(99))],
    ["AUTH", "secret"], ["AUTH", "name", "secret"], ["HELLO", "2", "AUTH", "name", "secret"],
    ["HELLO", "2", "SETNAME", "auth", "AUTH", "name", "secret"],
    ["CONFIG", "SET", "maxmemory", "0", "RequirePass", ""],
    ["CONFIG", "SET", "requirepass", "", "maxmemory", "0"],
]


@pytest.mark.oracle
@pytest.mark.parametrize("words", CUT, ids=lambda words: f"{words[0]}-{len(words)}")
def test_arguments_are_cut_and_redacted_as_in_valkey(server, valkey, words):
    valkey.ask("CONFIG", "SET", "slowlog-log-slower-than", "0")
    everything(server)
    theirs, log = valkey.ask_each([words, ["SLOWLOG", "GET", "1"]])
    try:
        ask(server, *words)
    except OracleError:
        assert isinstance(theirs, OracleError)
    ours, = entries(server, "SLOWLOG", "GET", "1")
    valkey.ask("CONFIG", "SET", "slowlog-log-slower-than", "-1")
    assert ours["args"] == log[0][3]
    assert b"secret" not in b"".join(ours["args"])


def test_large_requests_and_replies(server):
    ask(server, "CONFIG", "SET", "commandlog-request-larger-than", "500",
        "commandlog-reply-larger-than", "600")
    ask(server, "SET", "small", "x" * 100)
    ask(server, "SET", "large", "x" * 600)
    ask(server, "GET", "small")
    ask(server, "GET", "large")
    request, = entries(server, "COMMANDLOG", "GET", "-1", "LARGE-request")
    assert request["args"][:2] == [b"SET", b"large"] and 600 <= request["value"] < 700
    reply = entries(server, "COMMANDLOG", "GET", "-1", "large-reply")
    assert [entry["args"] for entry in reply if entry["args"][0] == b"GET"] == [[b"GET", b"large"]]
    assert reply[-1]["value"] == len(b"$600\r\n") + 600 + 2
    assert ask(server, "SLOWLOG", "LEN") == 0


def test_inside_exec_each_command_stands_for_itself(server):
    everything(server)
    for line in ("MULTI", "SET k v", "GET k", "EXEC"):
        ask(server, *line.split())
    words = [entry["args"][0] for entry in entries(server, "SLOWLOG", "GET", "-1")]
    assert words[:2] == [b"GET", b"SET"] and b"EXEC" not in words
