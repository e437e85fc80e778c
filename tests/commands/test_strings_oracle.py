"""Random string and bitmap commands, given to us and to a stock valkey-server: equal replies.

The generator likes few keys, small numbers, and the edges of every range; a part of what it
makes is wrong on purpose. Afterwards every key is read back: value, encoding and deadline.
Deadlines are absolute, so that the two clocks need not agree.
"""
import random

import pytest

from kvd.engine.server.server import Server

SEEDS = range(4)
COMMANDS = 2500
STRING_MAX = 1 << 20                    # bytes: the edge of what is allowed, in reach of a test
KEYS = [b"a", b"b", b"c", b"d", b"k" * 40, b"k" * 300]
FUTURE = 9_999_999_999
NUMBERS = [b"0", b"1", b"-1", b"2", b"7", b"10", b"-10", b"100", b"9223372036854775807",
           b"-9223372036854775808", b"9223372036854775808", b"8388607", b"8388608", b"x", b"",
           b"1.0", b" 1", b"01", b"+1", b"-0"]
FLOATS = [b"0.1", b"-2.5", b"3", b"1e3", b"1.5e-5", b"nan", b"inf", b"-inf", b"abc", b"0x10",
          b"1e400", b"99999999999999999", b"3.0e0"]
WIDTHS = [b"u1", b"u8", b"i8", b"i5", b"u63", b"i64", b"i16", b"u64", b"i0", b"x8", b"u7", b"i63"]


class Generator:
    def __init__(self, seed: int):
        self.rng = random.Random(seed)

    def pick(self, items):
        return self.rng.choice(items)

    def maybe(self, chance: float, *words: bytes) -> list[bytes]:
        return list(words) if self.rng.random() < chance else []

    def key(self) -> bytes:
        return self.pick(KEYS)

    def keys(self) -> list[bytes]:
        return [self.key() for _ in range(self.pick([1, 1, 2, 3, 40]))]

    def number(self) -> bytes:
        if self.rng.random() < 0.25:
            return self.pick(NUMBERS)
        return b"%d" % self.rng.randint(-40, 90)

    def small(self) -> bytes:
        """A size or place that keeps strings small, seldom not one at all."""
        return self.number() if self.rng.random() < 0.1 else b"%d" % self.rng.randint(0, 300)

    def value(self) -> bytes:
        kind = self.rng.random()
        if kind < 0.3:
            return b"%d" % self.rng.randint(-1000, 1000)
        if kind < 0.4:
            return self.pick(NUMBERS + FLOATS)
        if kind < 0.5:
            return self.pick([b"\0", b"\xff"]) * self.rng.randint(0, 70)
        size = self.pick([0, 1, 5, 20, 43, 44, 45, 63, 64, 65, 100, 511, 512, 513, 700])
        return self.rng.randbytes(size)

    def time(self) -> list[bytes]:
        word = self.pick([b"EXAT", b"PXAT", b"exat", b"pxat", b"EX", b"PX"])
        kind = self.rng.random()
        if kind < 0.1:
            return [word, self.pick([b"0", b"-1", b"x", b"9223372036854775807"])]
        if kind < 0.2:
            return [b"PXAT", b"1"]
        if word in (b"EX", b"PX"):      # a deadline of our clock: read back would differ
            word = b"EXAT"
        return [word, b"%d" % (FUTURE * (1000 if word.upper() == b"PXAT" else 1)
                               + self.rng.randint(0, 9))]

    def options(self) -> list[bytes]:
        out = []
        for _ in range(self.pick([0, 0, 1, 1, 2, 3])):
            out += self.pick([[b"NX"], [b"xx"], [b"GET"], [b"KEEPTTL"], [b"IFEQ", self.value()],
                              self.time(), self.time(), [b"persist"], [b"EX"]])
        return out

    def field(self) -> list[bytes]:
        # Valkey multiplies what follows "#" without a check: huge ones wrap around there.
        offset = self.pick([self.small(), b"#%d" % self.rng.randint(-2, 40), b"#", b"#x"])
        width = self.pick(WIDTHS)
        amount = self.number()
        return self.pick([[b"GET", width, offset], [b"SET", width, offset, amount],
                          [b"INCRBY", width, offset, amount], [b"incrby", width, offset, amount],
                          [b"OVERFLOW", self.pick([b"WRAP", b"sat", b"FAIL", b"no"])]])

    def span(self) -> list[bytes]:
        return (self.maybe(0.7, self.number(), self.number())
                + self.maybe(0.4, self.pick([b"BIT", b"BYTE", b"bit", b"word"])))

    def pairs(self) -> list[bytes]:
        return [word for key in self.keys() for word in (key, self.value())]

    def command(self) -> list[bytes]:
        make = self.pick([
            lambda: [b"SET", self.key(), self.value(), *self.options()],
            lambda: [b"SET", self.key(), self.value()],
            lambda: [b"GET", self.key()],
            lambda: [b"GETSET", self.key(), self.value()],
            lambda: [b"GETDEL", self.key()],
            lambda: [b"GETEX", self.key(), *self.maybe(0.6, *self.time()),
                     *self.maybe(0.3, b"PERSIST")],
            lambda: [b"SETNX", self.key(), self.value()],
            lambda: [self.pick([b"SETEX", b"PSETEX"]), b"rel", b"100000", self.value()],
            lambda: [self.pick([b"SETEX", b"PSETEX"]), b"rel", self.pick(NUMBERS[-9:]), b"v"],
            lambda: [b"APPEND", self.key(), self.value()],
            lambda: [b"STRLEN", self.key()],
            lambda: [self.pick([b"GETRANGE", b"SUBSTR"]), self.key(), self.number(),
                     self.number()],
            lambda: [b"SETRANGE", self.key(), self.small(), self.value()],
            lambda: [self.pick([b"INCR", b"DECR"]), self.key()],
            lambda: [self.pick([b"INCRBY", b"DECRBY"]), self.key(), self.number()],
            lambda: [b"INCRBYFLOAT", self.key(), self.pick(FLOATS)],
            lambda: [b"MGET", *self.keys()],
            lambda: [b"MSET", *self.pairs(), *self.maybe(0.1, b"odd")],
            lambda: [b"MSETNX", *self.pairs()],
            lambda: (lambda pairs: [b"MSETEX", b"%d" % (len(pairs) // 2), *pairs,
                                    *self.options()])(self.pairs()),
            lambda: [b"MSETEX", self.number(), *self.pairs()],
            lambda: [b"DELIFEQ", self.key(), self.value()],
            lambda: [b"LCS", self.key(), self.key(), *self.maybe(0.3, b"LEN"),
                     *self.maybe(0.4, b"IDX"), *self.maybe(0.3, b"WITHMATCHLEN"),
                     *self.maybe(0.3, b"MINMATCHLEN", self.number())],
            lambda: [b"SETBIT", self.key(), self.small(), self.pick([b"0", b"1", b"1", b"2"])],
            lambda: [b"GETBIT", self.key(), self.small()],
            lambda: [b"BITCOUNT", self.key(), *self.span()],
            lambda: [b"BITPOS", self.key(), self.pick([b"0", b"1", b"1", b"2"]), *self.span()],
            lambda: [b"BITOP", self.pick([b"AND", b"or", b"XOR", b"NOT", b"NAND"]), self.key(),
                     *self.keys()],
            lambda: [b"BITFIELD", self.key(),
                     *sum((self.field() for _ in range(self.pick([0, 1, 1, 2, 4]))), [])],
            lambda: [b"BITFIELD_RO", self.key(), *self.field()],
            lambda: [b"DEL", self.key()],
            lambda: [b"RPUSH", self.key(), b"x"],
        ])
        return make()


def present(server, word: bytes) -> bool:
    return not server.execute(word).startswith(b"-ERR unknown command")


def read_back(server) -> list[list[bytes]]:
    requests = []
    for key in [*KEYS, b"rel"]:
        requests.append([b"GET", key])
        requests += [[*words, key] for words in ([b"TYPE"], [b"OBJECT", b"ENCODING"])
                     if present(server, words[0])]
        if key != b"rel" and present(server, b"PEXPIRETIME"):
            requests.append([b"PEXPIRETIME", key])
    return requests


@pytest.fixture
def stock(valkey):
    """The oracle, empty, with our limit; as it was afterwards."""
    before = valkey.ask("CONFIG", "GET", "proto-max-bulk-len")[1]
    valkey.ask("FLUSHALL")
    valkey.ask("CONFIG", "SET", "proto-max-bulk-len", STRING_MAX)
    yield valkey
    valkey.ask_raw([[b"HELLO", b"2"], [b"FLUSHALL"]])
    valkey.ask("CONFIG", "SET", "proto-max-bulk-len", before)


@pytest.mark.parametrize("resp", [b"2", b"3"])
@pytest.mark.parametrize("seed", SEEDS)
def test_replies_are_valkeys(stock, seed, resp):
    server = Server(proto_max_bulk_len=STRING_MAX)
    generator = Generator(seed)
    requests = [generator.command() for _ in range(COMMANDS)]
    # Commands that are not there yet would fail the comparison for no fault of theirs.
    known = {word: present(server, word) for word in {r[0].upper() for r in requests}}
    requests = [r for r in requests if known[r[0].upper()]]
    stock.ask_raw([[b"HELLO", resp]])
    server.execute(b"HELLO", resp)
    theirs = stock.ask_raw(requests)
    for at, (request, reply) in enumerate(zip(requests, theirs)):
        assert server.execute(*request) == reply, (at, request)
    requests = read_back(server)
    assert [server.execute(*r) for r in requests] == stock.ask_raw(requests)
    assert server.close(), "the engine kept memory"
