"""engine/commands/multi: transactions of several clients, what they leave behind, what is fed.

The dialogues are played to valkey-server too. Memory is counted after each test: queue and watches
give back every byte.
"""
import random

import pytest

from kvd.engine.server.server import Server
from tests.commands.dialogue import hold, hold_with
from tests.commands.replies import NULL_ARRAY as NIL
from tests.commands.replies import OK
from tests.faces import c_state
from tests.oracle import encode

QUEUED = b"+QUEUED\r\n"
ABORT = b"-EXECABORT Transaction discarded because of previous errors.\r\n"


def not_in_multi(name: str) -> bytes:
    return f"-ERR Command '{name}' not allowed inside a transaction\r\n".encode()


DIALOGUES = {
    "full names": [
        ("multi", OK),
        ("client reply skip", not_in_multi("client|reply")),
        ("discard", OK),
    ],
    "queue": [
        ("multi", OK),
        ("exec", b"*0\r\n"),
        ("multi", OK),
        ("set a 1", QUEUED),
        ("incr a", QUEUED),
        ("get a", QUEUED),
        ("b: get a", b"$-1\r\n"),
        ("exec", b"*3\r\n+OK\r\n:2\r\n$1\r\n2\r\n"),
        ("b: get a", b"$1\r\n2\r\n"),
        ("exec", b"-ERR EXEC without MULTI\r\n"),
        ("discard", b"-ERR DISCARD without MULTI\r\n"),
        ("multi", OK),
        ("set a 5", QUEUED),
        ("discard", OK),
        ("get a", b"$1\r\n2\r\n"),
        ("multi x", b"-ERR wrong number of arguments for 'multi' command\r\n"),
        ("unwatch", OK),
        ("watch", b"-ERR wrong number of arguments for 'watch' command\r\n"),
    ],
    "refused while queueing": [
        ("multi", OK),
        ("set a 1", QUEUED),
        ("get", b"-ERR wrong number of arguments for 'get' command\r\n"),
        ("get a", QUEUED),
        ("exec", ABORT),
        ("get a", b"$-1\r\n"),
        ("multi", OK),
        ("what is", b"-ERR unknown command 'what', with args beginning with: 'is' \r\n"),
        ("exec", ABORT),
        ("multi", OK),
        ("multi", not_in_multi("multi")),
        ("exec", ABORT),
        ("multi", OK),
        ("watch a", not_in_multi("watch")),
        ("exec", ABORT),
        ("multi", OK),
        ("object what a", b"-ERR unknown subcommand 'what'. Try OBJECT HELP.\r\n"),
        ("discard", OK),
        ("exec x", b"-EXECABORT Transaction discarded because of: wrong number of arguments for "
                   b"'exec' command\r\n"),
        ("multi", OK),
        ("set a 1", QUEUED),
        ("exec x", b"-EXECABORT Transaction discarded because of: wrong number of arguments for "
                   b"'exec' command\r\n"),
        ("exec", b"-ERR EXEC without MULTI\r\n"),
        ("multi", OK),
        ("discard x", b"-ERR wrong number of arguments for 'discard' command\r\n"),
        ("exec", ABORT),
        ("multi", OK),
        ("exec", b"*0\r\n"),
    ],
    "reset and select": [
        ("watch a", OK),
        ("multi", OK),
        ("set a 1", QUEUED),
        ("reset", b"+RESET\r\n"),
        ("exec", b"-ERR EXEC without MULTI\r\n"),
        ("b: set a 2", OK),
        ("multi", OK),
        ("select 1", QUEUED),
        ("set a 3", QUEUED),
        ("select 16", QUEUED),
        ("exec", b"*3\r\n+OK\r\n+OK\r\n-ERR DB index is out of range\r\n"),
        ("get a", b"$1\r\n3\r\n"),
        ("watch a", OK),
        ("select 0", OK),
        ("set a 4", OK),
        ("multi", OK),
        ("exec", b"*0\r\n"),
        ("watch a", OK),
        ("b: select 1", OK),
        ("b: set a 5", OK),
        ("multi", OK),
        ("hello 3", QUEUED),
        ("reset", b"+RESET\r\n"),
        ("get a", b"$1\r\n4\r\n"),
        ("multi", OK),
        ("quit", OK),
    ],
    "errors inside": [
        ("multi", OK),
        ("set a x", QUEUED),
        ("incr a", QUEUED),
        ("expire a x", QUEUED),
        ("set b 1 bad", QUEUED),
        ("rename x y", QUEUED),
        ("set b 1", QUEUED),
        ("exec", b"*6\r\n+OK\r\n-ERR value is not an integer or out of range\r\n"
                 b"-ERR value is not an integer or out of range\r\n-ERR syntax error\r\n"
                 b"-ERR no such key\r\n+OK\r\n"),
        ("get b", b"$1\r\n1\r\n"),
    ],
    "watch": [
        ("watch a", OK),
        ("multi", OK),
        ("get a", QUEUED),
        ("b: get a", b"$-1\r\n"),
        ("exec", b"*1\r\n$-1\r\n"),
        ("watch a", OK),
        ("b: set a 1", OK),
        ("multi", OK),
        ("get a", QUEUED),
        ("exec", NIL),
        ("multi", OK),
        ("get a", QUEUED),
        ("exec", b"*1\r\n$1\r\n1\r\n"),
        ("watch a b c", OK),
        ("b: del c", b":0\r\n"),
        ("b: set x 1", OK),
        ("multi", OK),
        ("exec", b"*0\r\n"),
        ("watch a", OK),
        ("b: set a 1", OK),
        ("unwatch", OK),
        ("multi", OK),
        ("exec", b"*0\r\n"),
        ("watch a a a", OK),
        ("watch a", OK),
        ("b: set a 1", OK),
        ("multi", OK),
        ("discard", OK),
        ("b: set a 1", OK),
        ("multi", OK),
        ("exec", b"*0\r\n"),
        ("watch a", OK),
        ("multi", OK),
        ("set a 2", QUEUED),
        ("unwatch", QUEUED),
        ("b: set a 3", OK),
        ("exec", NIL),
        ("watch a", OK),
        ("set a 4", OK),
        ("watch b", OK),
        ("multi", OK),
        ("exec", NIL),
        ("watch a", OK),
        ("multi", OK),
        ("set a 5", QUEUED),
        ("set a 6", QUEUED),
        ("exec", b"*2\r\n+OK\r\n+OK\r\n"),
    ],
    "what touches": [
        ("mset a 1 b 2", OK),
        ("watch a", OK), ("touch a", b":1\r\n"), ("multi", OK), ("exec", b"*0\r\n"),
        ("watch a", OK), ("expire a 100", b":1\r\n"), ("multi", OK), ("exec", NIL),
        ("watch a", OK), ("expire a 100 nx", b":0\r\n"), ("multi", OK), ("exec", b"*0\r\n"),
        ("watch a", OK), ("persist a", b":1\r\n"), ("multi", OK), ("exec", NIL),
        ("watch a", OK), ("rename a c", OK), ("multi", OK), ("exec", NIL),
        ("watch a", OK), ("rename c a", OK), ("multi", OK), ("exec", NIL),
        ("watch a", OK), ("copy a c", b":1\r\n"), ("multi", OK), ("exec", b"*0\r\n"),
        ("watch c", OK), ("copy a c replace", b":1\r\n"), ("multi", OK), ("exec", NIL),
        ("watch a", OK), ("move a 1", b":1\r\n"), ("multi", OK), ("exec", NIL),
        ("watch b", OK), ("del b", b":1\r\n"), ("multi", OK), ("exec", NIL),
        ("watch c", OK), ("expire c -1", b":1\r\n"), ("multi", OK), ("exec", NIL),
        ("watch c", OK), ("append c x", b":1\r\n"), ("multi", OK), ("exec", NIL),
    ],
    "whole databases": [
        ("set a 1", OK),
        ("watch a", OK), ("b: flushdb", OK), ("multi", OK), ("exec", NIL),
        ("watch a", OK), ("b: flushall", OK), ("multi", OK), ("exec", b"*0\r\n"),
        ("watch a", OK), ("b: swapdb 0 1", OK), ("multi", OK), ("exec", b"*0\r\n"),
        ("set a 1", OK),
        ("watch a", OK), ("b: swapdb 0 0", OK), ("multi", OK), ("exec", b"*0\r\n"),
        ("watch a", OK), ("b: swapdb 2 3", OK), ("multi", OK), ("exec", b"*0\r\n"),
        ("watch a", OK), ("b: swapdb 0 1", OK), ("multi", OK), ("exec", NIL),
        ("watch a", OK), ("b: swapdb 1 0", OK), ("multi", OK), ("exec", NIL),
        ("watch a", OK), ("b: copy a a db 1", b":1\r\n"), ("multi", OK), ("exec", b"*0\r\n"),
        ("watch a", OK), ("b: swapdb 1 0", OK), ("multi", OK), ("exec", NIL),
        ("watch a", OK), ("multi", OK), ("flushall", QUEUED), ("exec", b"*1\r\n+OK\r\n"),
    ],
    "death": [
        ("set a 1 px 20", OK),
        ("watch a", OK),
        ("wait 40", b""),
        ("multi", OK),
        ("get a", QUEUED),
        ("exec", NIL),
        ("watch a", OK),
        ("b: get a", b"$-1\r\n"),
        ("multi", OK),
        ("get a", QUEUED),
        ("exec", b"*1\r\n$-1\r\n"),
    ],
}
# The same while dead keys stay in the table: what valkey-server does with its active expiry off.
NOT_REMOVED = {
    "dead when watched": [
        ("set a 1 px 20", OK), ("wait 40", b""),
        ("watch a", OK), ("multi", OK), ("exec", b"*0\r\n"),
    ],
    "removed by a look": [
        ("set a 1 px 20", OK), ("wait 40", b""),
        ("watch a", OK), ("b: get a", b"$-1\r\n"), ("multi", OK), ("exec", b"*0\r\n"),
    ],
    "removed, then set": [
        ("set a 1 px 20", OK), ("wait 40", b""), ("watch a", OK), ("b: get a", b"$-1\r\n"),
        ("b: set a 1", OK), ("multi", OK), ("exec", NIL),
    ],
    "written over": [
        ("set a 1 px 20", OK), ("wait 40", b""),
        ("watch a", OK), ("b: set a 3", OK), ("multi", OK), ("exec", NIL),
    ],
    "flushed": [
        ("set a 1 px 20", OK), ("wait 40", b""),
        ("watch a", OK), ("b: flushdb", OK), ("multi", OK), ("exec", b"*0\r\n"),
    ],
    "exchanged for nothing": [
        ("set a 1 px 20", OK), ("wait 40", b""),
        ("watch a", OK), ("b: swapdb 0 1", OK), ("multi", OK), ("exec", b"*0\r\n"),
    ],
    "exchanged for a live one": [
        ("set a 1", OK), ("swapdb 0 1", OK), ("set a 1 px 20", OK), ("wait 40", b""),
        ("watch a", OK), ("b: swapdb 0 1", OK), ("multi", OK), ("exec", NIL),
    ],
    "nothing exchanged for a dead one": [
        ("set a 1 px 20", OK), ("swapdb 0 1", OK), ("wait 40", b""),
        ("watch a", OK), ("b: swapdb 0 1", OK), ("b: get a", b"$-1\r\n"),
        ("multi", OK), ("exec", b"*0\r\n"),
    ],
    "alive when watched": [
        ("set a 1 px 20", OK), ("watch a", OK), ("wait 40", b""), ("multi", OK), ("exec", NIL),
    ],
    "alive when watched, then set": [
        ("set a 1 px 20", OK), ("watch a", OK), ("wait 40", b""), ("b: set a 1", OK),
        ("multi", OK), ("exec", NIL),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    hold(server.client, lines)


@pytest.mark.oracle
@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue_is_valkeys(valkey, lines):
    hold_with(valkey, lines)


@pytest.mark.parametrize("lines", NOT_REMOVED.values(), ids=NOT_REMOVED)
def test_keys_that_are_dead_and_still_there(server, lines):
    hold(server.client, lines)


@pytest.fixture(scope="module")
def patient_valkey(debugged_valkey):
    """A valkey-server that removes dead keys only when it is asked for them."""
    debugged_valkey.ask("debug", "set-active-expire", "0")
    return debugged_valkey


@pytest.mark.oracle
@pytest.mark.parametrize("lines", NOT_REMOVED.values(), ids=NOT_REMOVED)
def test_valkey_says_the_same_of_dead_keys(patient_valkey, lines):
    hold_with(patient_valkey, lines)


# -- what is left behind --------------------------------------------------------------------------

def settle(server) -> int:
    """Memory in use when nothing is in flight."""
    server.execute(b"unwatch")
    return server.used_memory


def test_queue_is_owned_and_counted(server):
    """The bytes of a request may go as soon as it is queued; its memory comes back at the end."""
    client = server.client()
    client.execute(b"unwatch")
    for end in (b"exec", b"discard"):
        start = server.used_memory
        client.execute(b"multi")
        value = bytearray(random.Random(3).randbytes(100_000))
        for i in range(50):
            value[:4] = b"%04d" % i
            assert client.execute(b"set", b"k", bytes(value)) == QUEUED
        assert server.used_memory - start > 50 * 100_000
        reply = client.execute(end)
        assert reply == (b"*50\r\n" + 50 * OK if end == b"exec" else OK)
        if end == b"exec":
            assert client.execute(b"getrange", b"k", b"0", b"3") == b"$4\r\n0049\r\n"
            client.execute(b"del", b"k")
        assert server.used_memory == start
    client.close()


def test_a_client_that_leaves_takes_all_along(server):
    server.execute(b"set", b"a", b"v")
    start = settle(server)
    for leave_clean in (True, False, True):
        clients = [server.client() for _ in range(10)]
        for client in clients:
            client.execute(b"watch", b"a", b"b", *(b"k%d" % i for i in range(50)))
            client.execute(b"multi")
            client.execute(b"set", b"a", b"v" * 1000)
        assert c_state.counters(server)["watched"] == 52
        assert c_state.counters(server)["watching"] == 10
        if not leave_clean:             # the others are dirty then, and watch no more
            clients[3].execute(b"exec")
            assert c_state.counters(server)["watched"] == 0
        for client in clients:
            client.close()
        assert c_state.counters(server)["watched"] == 0
        assert c_state.counters(server)["watching"] == 0
    server.execute(b"set", b"a", b"v")
    assert abs(settle(server) - start) < 16384  # the table of clients has grown once


def test_aborted_queue_keeps_nothing(server):
    client = server.client()
    client.execute(b"multi")
    client.execute(b"get")
    start = server.used_memory
    for _ in range(10):
        assert client.execute(b"set", b"k", b"v" * 10000) == QUEUED
    assert server.used_memory == start
    assert client.execute(b"exec") == ABORT
    client.close()


def test_many_watches(server):
    """Watching many keys, or one key by many, costs what it should and forgets nothing."""
    start = settle(server)
    one = server.client()
    keys = [b"key:%d" % i for i in range(20000)]
    for _ in range(2):                  # the second time each is watched already
        assert one.execute(b"watch", *keys) == OK
        assert c_state.counters(server)["watched"] == len(keys)
    others = [server.client() for _ in range(300)]
    for other in others:
        assert other.execute(b"watch", b"key:7", b"key:7") == OK
    assert c_state.counters(server)["watching"] == 301
    server.execute(b"set", b"key:7", b"v")
    assert c_state.counters(server)["watching"] == 0
    assert c_state.counters(server)["watched"] == 0
    for client in [one, *others]:
        client.execute(b"multi")
        assert client.execute(b"exec") == NIL
        client.close()
    server.execute(b"del", b"key:7")
    assert abs(settle(server) - start) < 16384


# -- EXEC and the rest of the server --------------------------------------------------------------

def feed(*commands: bytes) -> bytes:
    return b"".join(encode(*command.split()) for command in commands)


def transact(server, *commands: bytes) -> bytes:
    server.execute(b"multi")
    for command in commands:
        assert server.execute(*command.split()) == QUEUED
    return server.execute(b"exec")


def test_journal(server):
    """MULTI and EXEC enclose what was written, and nothing else."""
    c_state.journal_start(server)
    server.execute(b"set", b"a", b"1")
    assert c_state.journal_take(server) == feed(b"SELECT 0") + feed(b"set a 1")
    transact(server, b"get a", b"touch a", b"ttl a")
    assert c_state.journal_take(server) == b""
    transact(server)
    assert c_state.journal_take(server) == b""
    transact(server, b"get a", b"set a 2", b"set b x", b"incr b", b"expireat a 9000000000")
    assert c_state.journal_take(server) == feed(
        b"MULTI", b"set a 2", b"set b x", b"PEXPIREAT a 9000000000000", b"EXEC")
    server.execute(b"watch", b"a")
    server.execute(b"set", b"a", b"3")
    c_state.journal_take(server)
    transact(server, b"set a 4")
    assert c_state.journal_take(server) == b""
    transact(server, b"del a")
    assert c_state.journal_take(server) == feed(b"MULTI", b"del a", b"EXEC")
    server.execute(b"set", b"a", b"5")
    assert c_state.journal_take(server) == feed(b"set a 5")


def test_exec_is_refused_without_rights(server):
    """EXECABORT repeats the reason, transaction or not."""
    server.configure([(b"requirepass", b"secret")])
    client = server.client()
    assert client.execute(b"multi") == b"-NOAUTH Authentication required.\r\n"
    assert client.execute(b"exec") == (
        b"-EXECABORT Transaction discarded because of: NOAUTH Authentication required.\r\n")
    assert client.execute(b"auth", b"secret") == b"+OK\r\n"
    assert client.execute(b"exec") == b"-ERR EXEC without MULTI\r\n"


def test_exec_is_refused_without_memory(server):
    """OOM ends the transaction, and EXECABORT repeats it; what only reads is queued and runs."""
    oom = b"OOM command not allowed when used memory > 'maxmemory'.\r\n"
    server.execute(b"multi")
    server.execute(b"set", b"a", b"1")
    c_state.set_limit(server, 1)
    assert server.execute(b"exec") == b"-EXECABORT Transaction discarded because of: " + oom
    assert server.execute(b"exec") == b"-ERR EXEC without MULTI\r\n"
    server.execute(b"multi")
    assert server.execute(b"set", b"a", b"1") == b"-" + oom
    assert server.execute(b"get", b"a") == QUEUED
    assert server.execute(b"exec") == ABORT
    assert transact(server, b"get a") == b"*1\r\n$-1\r\n"
    c_state.set_limit(server, 0)


def test_a_python_served_command_runs_in_its_place(server):
    reply = transact(server, b"set a 1", b"object help", b"get a")
    assert reply.startswith(b"*3\r\n+OK\r\n*") and reply.endswith(b"$1\r\n1\r\n")


def test_long_transactions_run_whole(server):
    """Longer than what is fetched ahead, and with keys of every place."""
    for count in (1, 15, 16, 17, 32, 33, 1000):
        commands = [b"set key:%d %d" % (i, i) for i in range(count)]
        assert transact(server, *commands) == b"*%d\r\n" % count + OK * count
        assert transact(server, *(b"get key:%d" % i for i in range(count))) == (
            b"*%d\r\n" % count
            + b"".join(b"$%d\r\n%d\r\n" % (len(str(i)), i) for i in range(count)))


def test_pipelined_in_one_piece(server):
    """A whole transaction in one read: the batch was resolved before MULTI ran."""
    text = feed(b"MULTI", b"set a 1", b"incr a", b"EXEC", b"get a") * 3
    assert server.process_bytes(text) == (
        OK + QUEUED + QUEUED + b"*2\r\n+OK\r\n:2\r\n$1\r\n2\r\n") * 3


def random_step(rng, keys):
    key = rng.choice(keys)
    return rng.choice([
        [b"watch", key], [b"watch", key, rng.choice(keys)], [b"unwatch"], [b"multi"], [b"multi"],
        [b"exec"], [b"exec"], [b"discard"], [b"set", key, b"%d" % rng.randint(0, 9)], [b"get", key],
        [b"incr", key], [b"del", key], [b"expire", key, rng.choice([b"1000", b"-1"])],
        [b"rename", key, rng.choice(keys)], [b"get"], [b"swapdb", b"0", b"1"], [b"flushdb"],
        [b"mset", key, b"1", rng.choice(keys), b"2"], [b"dbsize"], [b"persist", key],
    ])


@pytest.mark.parametrize("seed", range(6))
def test_random_clients_against_valkey(server, valkey, seed):
    """Four clients, each command by one of them; replies are equal all along."""
    valkey.ask("flushall")
    rng = random.Random(seed)
    ours = [server.client() for _ in range(4)]
    theirs = [valkey.client() for _ in range(4)]
    for number in range(800):
        who, request = rng.randrange(4), random_step(rng, [b"a", b"b", b"c"])
        assert ours[who].execute(*request) == theirs[who].execute(*request), (
            seed, number, who, request)
    for client in ours + theirs:
        client.close()


def contents(server) -> dict:
    """Every key of the first databases with its value and deadline."""
    found = {}
    client = server.client()
    for db in range(4):
        client.execute(b"select", b"%d" % db)
        for key in client.execute(b"keys", b"*").split(b"\r\n")[2:-1:2]:
            found[db, key] = (client.execute(b"get", key), client.execute(b"pexpiretime", key))
    client.close()
    return found


@pytest.mark.parametrize("seed", range(4))
def test_journal_text_makes_the_same_data(server, seed):
    """Random transactions of two clients; another engine is given what was fed."""
    c_state.journal_start(server)
    rng, other = random.Random(seed), Server()
    clients = [server.client(), server.client()]
    for _ in range(1500):
        request = rng.choice([
            lambda: random_step(rng, [b"a", b"b", b"c", b"d"]),
            lambda: [b"select", b"%d" % rng.randrange(3)],
            lambda: [b"move", b"a", b"%d" % rng.randrange(3)],
            lambda: [b"copy", b"a", b"b", b"db", b"%d" % rng.randrange(3), b"replace"],
        ])()
        rng.choice(clients).execute(*request)
        if rng.random() < 0.01:
            other.process_bytes(c_state.journal_take(server))
            assert contents(server) == contents(other)
    for client in clients:
        client.close()
    replies = other.process_bytes(c_state.journal_take(server))
    assert b"-ERR" not in replies and b"-EXECABORT" not in replies
    assert contents(server) == contents(other) != {}
    other.close()
