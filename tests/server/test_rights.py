"""What is checked before a command runs. Goal: nobody touches a key that he may not. Method: for
requests of every shape, the keys that the engine finds are those that Valkey finds, with what is
done to each; and a user with rights to all keys of a request but one is refused."""
import pytest

from kvd.engine.server import rights
from kvd.engine.server.server import Server
from kvd.engine.wire.command import command_table
from tests.oracle import OracleError
from tests.server.replies import ask

TABLE = command_table()
REQUESTS = """
set a b|set a b get|set a b ex 1 get|set a b ifeq x|bitfield a|bitfield a get u8 0
bitfield a get u8 0 set u8 0 1|bitfield a overflow wrap get u8 0|sort a by x* get y* store d
sort a store d store e|sort a limit 0 1 by nosort|sort a get store store d|sort_ro a by x get z
georadius a 1 2 3 m store d storedist e|georadius a 1 2 3 m|georadiusbymember a m 3 m store d
migrate h 1 k 0 1|eval x 2 a b c|eval x 0|eval x 5 a|fcall f 1 a|eval_ro x 1 a
xread streams a b 1 2|xread count 1 streams a 1|xreadgroup group streams c streams a 1
zunionstore d 2 a b|zinter 2 a b withscores|zdiff 1 a|zmpop 2 a b min|bzmpop 0 1 a min
lmpop 2 a b left|blmpop 0 2 a b left|sintercard 2 a b|memory usage a|object freq a|mset a b c d
msetex 2 a b c d|copy a b|delifeq a b|getex a|exists a b|watch a b|dump a|restore a 0 x
pfcount a b|pfmerge a b c|xgroup create a b c|xinfo stream a|lcs a b|zrangestore d a 0 1
bitop and d a b|blpop a b 0|spop a|geosearchstore d a fromlonlat 1 1 byradius 1 m|getset a b
append a b|lpush a b|lset a 0 v|hincrby a f 1|zadd a 1 b|sadd a b|expire a 1|xadd a * f v
xack a g 1|xautoclaim a b c d 0|smove a b c|lmove a b left left|rename a b|renamenx a b
sunionstore d a b|hgetex a fields 1 b|hsetex a fields 1 b c|getdel a|touch a b|unlink a b
""".replace("\n", "|").strip("|").split("|")


def here(request: str) -> bool:
    words = request.split()
    return words[0] in TABLE and (not TABLE[words[0]]["container"]
                                  or f"{words[0]}|{words[1]}" in TABLE)


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    assert server.close(), "the engine kept memory"


@pytest.mark.oracle
@pytest.mark.parametrize("request_text", filter(here, REQUESTS))
def test_keys_are_valkeys(server, valkey, request_text):
    words = ["COMMAND", "GETKEYSANDFLAGS", *request_text.split()]
    theirs, = valkey.ask_each([words])
    try:
        ours = ask(server, *words)
    except OracleError as error:
        assert str(error) == str(theirs)
    else:
        assert ours == theirs


@pytest.mark.parametrize("request_text", filter(here, REQUESTS))
def test_every_key_is_asked_for(server, request_text):
    argv = [word.encode() for word in request_text.split()]
    keys = {argv[at] for at, _ in rights.keys_of(argv)}
    for lacking in keys:
        patterns = [b"~" + key for key in keys - {lacking}]
        ask(server, "ACL", "SETUSER", "u", "reset", "on", "nopass", "+@all", *patterns)
        refusal = rights.refusal(server.capsule, b"u", argv, 0)
        assert refusal == f"User u has no permissions to access the '{lacking.decode()}' key"
    ask(server, "ACL", "SETUSER", "u", "reset", "on", "nopass", "+@all",
        *(b"~" + key for key in keys))
    assert rights.refusal(server.capsule, b"u", argv, 0) is None


@pytest.mark.parametrize("rights_of_keys, request_text, allowed", [
    ("%R~a", "get a", True), ("%W~a", "get a", False), ("%W~a", "set a 1", True),
    ("%R~a", "set a 1", False), ("%W~a", "set a 1 get", False), ("~a", "set a 1 get", True),
    ("%R~a", "exists a", True), ("%W~a", "exists a", True), ("%R~a %W~b", "copy a b", True),
    ("%R~a %W~b", "copy b a", False), ("%R~a", "bitfield a get u8 0", True),
    ("%R~a", "bitfield a set u8 0 1", False), ("%W~a", "getdel a", False),
])
def test_reading_and_writing(server, rights_of_keys, request_text, allowed):
    ask(server, "ACL", "SETUSER", "u", "reset", "on", "nopass", "+@all", *rights_of_keys.split())
    argv = [word.encode() for word in request_text.split()]
    assert (rights.refusal(server.capsule, b"u", argv, 0) is None) == allowed
