"""engine/commands/expire_keys: deadlines, against dialogues, a model, and journal text.

The model keeps deadlines in a dict. Times lie hours apart where the clock takes part, so that the
moment of a request decides nothing; absolute ones are compared to the millisecond.
"""
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvd.engine.server.server import Server
from tests.commands.dialogue import hold, hold_with
from tests.commands.replies import NOT_INT
from tests.faces import c_state

NX = b"-ERR NX and XX, GT or LT options at the same time are not compatible\r\n"
GT_LT = b"-ERR GT and LT options at the same time are not compatible\r\n"
MAX, MIN = 2**63 - 1, -2**63


def invalid(name: str) -> bytes:
    return f"-ERR invalid expire time in '{name}' command\r\n".encode()


DIALOGUES = {
    "refused": [
        ("set k v", b"+OK\r\n"),
        ("expire k abc", NOT_INT),
        ("expire k 1.5", NOT_INT),
        ("expire k 9223372036854775808", NOT_INT),
        ("expire k 9223372036854775807", invalid("expire")),
        ("expire k 9223372036854775", invalid("expire")),
        ("expire k -9223372036854775808", invalid("expire")),
        ("pexpire k 9223372036854775807", invalid("pexpire")),
        ("expireat k 9223372036854776", invalid("expireat")),
        ("expireat k -9223372036854775808", invalid("expireat")),
        ("expire nokey abc", NOT_INT),
        ("expire nokey 9223372036854775807", invalid("expire")),
        ("expire k abc what", b"-ERR Unsupported option what\r\n"),
        ("expire nokey 1 what ever", b"-ERR Unsupported option what\r\n"),
        ("expire k abc nx xx", NX),
        ("expire k 1 nx gt", NX),
        ("expire k 1 lt nx", NX),
        ("expire k 1 gt lt xx", GT_LT),
        ("expire k", b"-ERR wrong number of arguments for 'expire' command\r\n"),
        ("ttl k", b":-1\r\n"),
    ],
    "options": [
        ("expire k 100", b":0\r\n"),
        ("set k v", b"+OK\r\n"),
        ("expire k 100 xx", b":0\r\n"),
        ("expire k 100 gt", b":0\r\n"),
        ("expire k 100 xx lt", b":0\r\n"),
        ("expire k 100 lt", b":1\r\n"),
        ("ttl k", b":100\r\n"),
        ("expire k 200 nx", b":0\r\n"),
        ("expire k 200 NX nx", b":0\r\n"),
        ("expire k 50 gt", b":0\r\n"),
        ("expire k 200 xx GT", b":1\r\n"),
        ("ttl k", b":200\r\n"),
        ("expire k 300 lt", b":0\r\n"),
        ("pexpireat k 9000000000000", b":1\r\n"),
        ("pexpireat k 9000000000000 gt", b":0\r\n"),
        ("pexpireat k 9000000000000 lt", b":0\r\n"),
        ("pexpireat k 9000000000001 gt", b":1\r\n"),
        ("persist k", b":1\r\n"),
        ("persist k", b":0\r\n"),
        ("persist nokey", b":0\r\n"),
        ("expire k 100 nx", b":1\r\n"),
    ],
    "past": [
        ("set k v", b"+OK\r\n"),
        ("expire k -1 gt", b":0\r\n"),
        ("expire k -1 xx", b":0\r\n"),
        ("expire k 0 lt", b":1\r\n"),
        ("exists k", b":0\r\n"),
        ("set k v", b"+OK\r\n"),
        ("expireat k -1", b":1\r\n"),
        ("exists k", b":0\r\n"),
        ("set k v", b"+OK\r\n"),
        ("pexpireat k -9223372036854775808", b":1\r\n"),
        ("set k v", b"+OK\r\n"),
        ("pexpire k -9223372036854775808", b":1\r\n"),
        ("pexpire k -9223372036854775808", b":0\r\n"),
        ("exists k", b":0\r\n"),
    ],
    "times": [
        ("ttl k", b":-2\r\n"),
        ("pttl k", b":-2\r\n"),
        ("expiretime k", b":-2\r\n"),
        ("pexpiretime k", b":-2\r\n"),
        ("set k v", b"+OK\r\n"),
        ("ttl k", b":-1\r\n"),
        ("pttl k", b":-1\r\n"),
        ("expiretime k", b":-1\r\n"),
        ("pexpiretime k", b":-1\r\n"),
        ("pexpireat k 9000000000499", b":1\r\n"),
        ("expiretime k", b":9000000000\r\n"),
        ("pexpireat k 9000000000500", b":1\r\n"),
        ("expiretime k", b":9000000001\r\n"),
        ("pexpiretime k", b":9000000000500\r\n"),
        ("expireat k 9223372036854775", b":1\r\n"),
        ("pexpiretime k", b":9223372036854775000\r\n"),
        ("expiretime k", b":9223372036854775\r\n"),
        ("pexpireat k 9223372036854775806", b":1\r\n"),
        ("expiretime k", b":9223372036854776\r\n"),
        ("pexpiretime k", b":9223372036854775806\r\n"),
        ("pexpireat k 9223372036854775807", b":1\r\n"),
        ("expiretime k", b":9223372036854776\r\n"),
        ("exists k", b":1\r\n"),
    ],
    "put off, and near again": [
        ("set k v px 30", b"+OK\r\n"),
        ("pexpire k 300000", b":1\r\n"),
        ("set l v px 300000", b"+OK\r\n"),
        ("pexpire l 600000", b":1\r\n"),
        ("wait 60", b""),
        ("ttl k", b":300\r\n"),
        ("pexpire k 30", b":1\r\n"),
        ("wait 60", b""),
        ("exists k l", b":1\r\n"),
        ("pexpire l 30", b":1\r\n"),
        ("wait 60", b""),
        ("exists k l", b":0\r\n"),
    ],
    "death": [
        ("mset a 1 b 1 c 1 d 1 e 1", b"+OK\r\n"),
        ("pexpire a 20", b":1\r\n"),
        ("pexpire b 20", b":1\r\n"),
        ("pexpire c 20", b":1\r\n"),
        ("pexpire d 20", b":1\r\n"),
        ("set f 1 px 20", b"+OK\r\n"),
        ("wait 40", b""),
        ("expire a 100", b":0\r\n"),
        ("ttl b", b":-2\r\n"),
        ("persist c", b":0\r\n"),
        ("rename d x", b"-ERR no such key\r\n"),
        ("rename e f", b"+OK\r\n"),
        ("ttl f", b":-1\r\n"),
        ("keys *", b"*1\r\n$1\r\nf\r\n"),
        ("dbsize", b":1\r\n"),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    hold(server.client, lines)


@pytest.mark.oracle
@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue_is_valkeys(valkey, lines):
    hold_with(valkey, lines)


def test_the_last_millisecond(server):
    """2^63 - 1 is our word for no deadline: the millisecond before stands for it."""
    server.execute(b"set", b"k", b"v")
    assert server.execute(b"pexpireat", b"k", b"%d" % MAX) == b":1\r\n"
    assert server.execute(b"pexpiretime", b"k") == b":%d\r\n" % (MAX - 1)


def test_journal_gets_absolute_times(server):
    c_state.journal_start(server)
    server.execute(b"mset", b"k", b"v", b"l", b"v")
    c_state.journal_take(server)
    now = int(time.time() * 1000)

    server.execute(b"expire", b"k", b"100", b"nx")
    words = c_state.journal_take(server).split(b"\r\n")
    assert words[:5] == [b"*3", b"$9", b"PEXPIREAT", b"$1", b"k"] and len(words) == 8
    assert 0 <= int(words[6]) - now - 100_000 < 10_000

    server.execute(b"expireat", b"k", b"9000000000")
    assert c_state.journal_take(server) == \
        b"*3\r\n$9\r\nPEXPIREAT\r\n$1\r\nk\r\n$13\r\n9000000000000\r\n"
    for nothing in (b"expire k 100 gt", b"expire x 100", b"expire k x", b"ttl k", b"persist l"):
        server.execute(*nothing.split())
        assert c_state.journal_take(server) == b""
    server.execute(b"persist", b"k")
    assert c_state.journal_take(server) == b"*2\r\n$7\r\npersist\r\n$1\r\nk\r\n"
    server.execute(b"expire", b"k", b"0")
    assert c_state.journal_take(server) == b"*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n"


# -- the model ------------------------------------------------------------------------------------

HOUR = 3_600_000
NUMBERS = st.one_of(
    st.integers(-3, 5).map(lambda hours: hours * HOUR),
    st.sampled_from([0, 1, -1, 10**12, 2 * 10**12, 3 * 10**12, MAX, MIN, MAX // 1000,
                     MIN // 1000, MAX // 1000 + 1, MIN // 1000 - 1, MAX - 10**13]))
REQUESTS = st.one_of(
    st.tuples(st.sampled_from(["expire", "pexpire", "expireat", "pexpireat"]),
              st.sampled_from("ab"), NUMBERS,
              st.lists(st.sampled_from(["nx", "xx", "gt", "lt"]), max_size=2)),
    st.tuples(st.sampled_from(["persist", "set"]), st.sampled_from("ab"), st.just(0), st.just([])),
)


class Model:
    """Deadlines by key; None for a key that stays."""

    def __init__(self):
        self.keys = {}

    def expire(self, name, key, number, options, now):
        """What the request answers, as int or str."""
        if "nx" in options and set(options) != {"nx"}:
            return "NX and"
        if {"gt", "lt"} <= set(options):
            return "GT and"
        when = number * (1 if name.startswith("p") else 1000)
        if not MIN <= when <= MAX:
            return "invalid"
        when += 0 if name.endswith("at") else now
        if not MIN <= when <= MAX:
            return "invalid"
        if key not in self.keys:
            return 0
        before = self.keys[key]
        if (("nx" in options and before is not None) or ("xx" in options and before is None)
                or ("gt" in options and (before is None or when <= before))
                or ("lt" in options and before is not None and when >= before)):
            return 0
        if when <= now:
            del self.keys[key]
        else:
            self.keys[key] = min(when, MAX - 1)
        return 1


@settings(max_examples=400)
@given(st.lists(REQUESTS, max_size=30))
def test_model(requests):
    server, model = Server(), Model()
    slack = 60_000                      # how much the clock may move in one example
    now = int(time.time() * 1000)
    for name, key, number, options in requests:
        if name == "set":
            model.keys[key] = None
            assert server.execute(b"set", key.encode(), b"v") == b"+OK\r\n"
            continue
        if name == "persist":
            expected = int(model.keys.get(key) is not None)
            if expected:
                model.keys[key] = None
            reply = server.execute(b"persist", key.encode())
        else:
            if not name.endswith("at") and number in (0, 1):
                number = -1             # "now" is nothing to compare with
            old = model.keys.get(key)
            expected = model.expire(name, key, number, options, now)
            if old is not None and not name.endswith("at") and options \
                    and abs(old - now - number * (1 if name[0] == "p" else 1000)) < slack:
                model.keys[key] = old   # too close to say which is later
                continue
            reply = server.execute(name.encode(), key.encode(), b"%d" % number,
                                   *(option.encode() for option in options))
        if isinstance(expected, str):
            assert reply.startswith(b"-ERR " + expected.encode()), (name, number, options)
        else:
            assert reply == b":%d\r\n" % expected, (name, key, number, options)
        check(server, model, slack)
    assert server.close()


def check(server, model, slack):
    for key in "ab":
        reply = int(server.execute(b"pexpiretime", key.encode())[1:])
        if key not in model.keys:
            assert reply == -2
        elif model.keys[key] is None:
            assert reply == -1
        else:
            assert abs(reply - model.keys[key]) < slack
