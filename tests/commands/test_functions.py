"""Functions: libraries are loaded, listed, dumped and restored as Valkey does it."""
import pytest

from kvd.engine.server.server import Server

pytestmark = pytest.mark.timeout(60)

HEAD = "#!lua name=lib\n"
BODIES = [
    "redis.register_function('f', function(k, a) return {#k, #a, k[1], a[1]} end)",
    "redis.register_function{function_name='f', callback=function() return 1 end,"
    " flags={'no-writes','allow-oom'}, description='d'}",
    "redis.register_function{function_name='f',callback=function() end,flags={'bad'}}",
    "redis.register_function{function_name='f',callback=function() end,flags='bad'}",
    "redis.register_function{function_name='f',callback=function() end,nope=1}",
    "redis.register_function{function_name='f'}", "redis.register_function{callback=print}",
    "redis.register_function{callback=1}", "redis.register_function()",
    "redis.register_function('f')", "redis.register_function('f',1)",
    "redis.register_function({},function() end)",
    "redis.register_function('f',function() end,1)",
    "redis.register_function('f-g',function() end)",
    "redis.register_function('f',function() end) redis.register_function('f',function() end)",
    "redis.call('get','x')", "error('a')", "local t = table", "return (", "",
    "redis.register_function('f', function() return redis.call('get') end)",
    "redis.register_function('f', function() y = 1 end)",
    "redis.register_function('f', function() error('boo') end)",
    "redis.register_function('f', function() return redis.call('set','a','b') end)",
]
REQUESTS = [
    *(("FUNCTION", "LOAD", "REPLACE", HEAD + body) for body in BODIES[:20]),
    *(request for body in BODIES[20:] for request in (
        ("FUNCTION", "LOAD", "REPLACE", HEAD + body), ("FCALL", "f", "0"), ("FCALL_RO", "F", "0"))),
    ("FUNCTION", "LOAD", "REPLACE", HEAD + BODIES[0]), ("FCALL", "f", "1", "k", "a"),
    ("FCALL", "nope", "0"), ("FCALL", "f", "x"), ("FCALL", "f", "-1"), ("FCALL", "f", "3", "a"),
    ("FUNCTION", "LIST"), ("FUNCTION", "LIST", "WITHCODE", "LIBRARYNAME", "l*"),
    ("FUNCTION", "LIST", "LIBRARYNAME", "x*"), ("FUNCTION", "LIST", "NOPE"),
    ("FUNCTION", "LIST", "LIBRARYNAME"), ("FUNCTION", "LIST", "WITHCODE", "WITHCODE"),
    ("FUNCTION", "LOAD", "x"), ("FUNCTION", "LOAD", "#!lua name=x"),
    ("FUNCTION", "LOAD", "#!lua name=x y=1\n"), ("FUNCTION", "LOAD", "#!lua name=x name=y\n"),
    ("FUNCTION", "LOAD", "#!lua name=x-y\n"), ("FUNCTION", "LOAD", "#!foo name=x\n"),
    ("FUNCTION", "LOAD", "NOPE", HEAD), ("FUNCTION", "LOAD", HEAD + BODIES[0]),
    ("FUNCTION", "LOAD", "#!lua name=other\n" + BODIES[0]),
    ("FUNCTION", "DELETE", "nope"), ("FUNCTION", "FLUSH", "x"), ("FUNCTION", "FLUSH", "SYNC", "x"),
    ("FUNCTION", "STATS"), ("FUNCTION", "KILL"), ("FUNCTION", "RESTORE", "x"),
    ("FUNCTION", "DELETE", "lib"), ("FCALL", "f", "0"), ("FUNCTION", "DUMP"),
]


def words(*args) -> list[bytes]:
    return [arg if isinstance(arg, bytes) else arg.encode() for arg in args]


@pytest.fixture
def engine():
    server = Server()
    yield server
    assert server.close(), "the engine kept memory"


@pytest.mark.oracle
def test_answers_are_valkeys(engine, stock_valkey):
    requests = [words(*request) for request in REQUESTS]
    for request, theirs in zip(requests, stock_valkey.ask_raw(requests), strict=True):
        assert engine.execute(*request) == theirs, request


@pytest.mark.oracle
def test_a_dump_of_valkeys_is_restored_and_ours_there(engine, stock_valkey):
    stock_valkey.ask("FUNCTION", "LOAD", HEAD + BODIES[0])
    dump = stock_valkey.ask("FUNCTION", "DUMP")
    assert engine.execute(b"FUNCTION", b"RESTORE", dump) == b"+OK\r\n"
    assert engine.execute(*words("FCALL", "f", "0")) == b"*2\r\n:0\r\n:0\r\n"
    reply = engine.execute(b"FUNCTION", b"DUMP")
    ours = reply[reply.index(b"\r\n") + 2:-2]
    assert stock_valkey.ask("FUNCTION", "RESTORE", ours, "REPLACE") == b"OK"
    theirs, = stock_valkey.ask_raw([(b"FUNCTION", b"RESTORE", dump)])
    assert engine.execute(b"FUNCTION", b"RESTORE", dump) == theirs


def test_policies_of_restore(engine):
    engine.execute(*words("FUNCTION", "LOAD", HEAD + BODIES[0]))
    reply = engine.execute(b"FUNCTION", b"DUMP")
    dump = reply[reply.index(b"\r\n") + 2:-2]
    assert engine.execute(b"FUNCTION", b"RESTORE", dump).startswith(b"-ERR Library")
    assert engine.execute(b"FUNCTION", b"RESTORE", dump, b"REPLACE") == b"+OK\r\n"
    assert engine.execute(b"FUNCTION", b"RESTORE", dump, b"FLUSH") == b"+OK\r\n"
    for cut in range(len(dump)):
        assert engine.execute(b"FUNCTION", b"RESTORE", dump[:cut]).startswith(b"-ERR DUMP")
    assert engine.execute(*words("FCALL", "f", "0")) == b"*2\r\n:0\r\n:0\r\n"


def test_a_library_keeps_its_state_between_calls(engine):
    engine.execute(*words("FUNCTION", "LOAD", HEAD + "local n = 0\n"
                          "redis.register_function('f', function() n = n + 1 return n end)"))
    assert [engine.execute(*words("FCALL", "f", "0")) for _ in range(2)] == [b":1\r\n", b":2\r\n"]


def test_a_library_that_does_not_end_is_stopped(engine):
    reply = engine.execute(*words("FUNCTION", "LOAD", HEAD + "while redis do end"))
    assert reply == b"-ERR Error registering functions: ERR FUNCTION LOAD timeout\r\n"
    assert engine.execute(b"FUNCTION", b"LIST") == b"*0\r\n"
