"""The same random commands on streams and groups to us and to valkey-server.

The general generator (test_differential) seldom finds an ID that is there, so this one knows what
an ID, a group and a consumer are, and aims near the end of the stream. Replies are compared one by
one, and after every few of them what XINFO tells in full; times are left out. Node bounds change
on the way, so nodes of every size, tombstones and trims meet.
"""
import random
import re

import pytest

from kvd.engine.server.server import Server

KEYS = [b"s", b"t", b"u"]
GROUPS = [b"g", b"h", b"gg"]
CONSUMERS = [b"c1", b"c2", b"c10", b""]
VALUES = [b"1", b"-5", b"hello", b"x" * 70, b"y" * 5000, b"", b"4095", b"4096", b"-4097",
          b"8388608", b"99999999999", b"\0\xff", b"007"]
ODD_IDS = [b"0", b"0-0", b"-", b"+", b"$", b">", b"18446744073709551615-18446744073709551615", b"x",
           b"5-", b"-5", b"99999999999999-3", b" 5-3", b"5--0"]
CLOCK = re.compile(rb"\d{13}")
IDLE = re.compile(rb"(\$4\r\nidle\r\n:|\$8\r\ninactive\r\n:)\d+")
SHAPES = ([b"100", b"4096"], [b"3", b"4096"], [b"0", b"100"], [b"200", b"0"], [b"10", b"1000"])


class Draw:
    """Requests, drawn by lot from a seed."""

    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        self.ms, self.seq = 1, 0

    def chance(self, part: float) -> bool:
        return self.rng.random() < part

    def any_id(self) -> bytes:
        if self.chance(0.75):
            return b"%d-%d" % (self.rng.randrange(1, 12), self.rng.randrange(4))
        return b"%d" % self.rng.randrange(12) if self.chance(0.4) else self.rng.choice(ODD_IDS)

    def near_id(self) -> bytes:
        """Perhaps one that is there."""
        if self.chance(0.35):
            return self.any_id()
        return b"%d-%d" % (max(0, self.ms - self.rng.randrange(3)),
                           max(0, self.seq - self.rng.randrange(40)))

    def new_id(self) -> bytes:
        if self.chance(0.6):
            self.ms += self.rng.choice([0, 1, 1, 1, 300])
            self.seq += 1
            return b"%d-%d" % (self.ms, self.seq)
        if self.chance(0.4):
            self.ms += 1
            self.seq = 0
            return b"%d-*" % self.ms
        return self.any_id()

    def interval(self) -> list[bytes]:
        if self.chance(0.45):
            return [b"-", b"+"]
        return [b"(" * self.chance(0.2) + self.near_id() for _ in range(2)]

    def maybe(self, part: float, *words: bytes) -> list[bytes]:
        return list(words) if self.chance(part) else []

    def fields(self) -> list[bytes]:
        same, words = self.chance(0.6), []
        for i in range(self.rng.choice([1, 1, 2, 2, 3])):
            words.append(b"f%d" % i if same else self.rng.choice([b"a", b"bb", b"12", b""]))
            words.append(self.rng.choice(VALUES) if self.chance(0.9)
                         else b"z" * self.rng.randrange(300))
        return words[1:] if self.chance(0.02) else words

    def trim(self) -> list[bytes]:
        how = self.maybe(0.4, b"~") or self.maybe(0.1, b"=")
        limit = self.maybe(0.15, b"LIMIT", self.rng.choice([b"0", b"5", b"50", b"-1"]))
        if self.chance(0.7):
            return [b"MAXLEN", *how, b"%d" % self.rng.randrange(60), *limit]
        return [b"minid", *how, b"%d-%d" % (self.rng.randrange(self.ms + 1),
                                            self.rng.randrange(4)), *limit]

    def one(self, *choices):
        return self.rng.choice(choices)

    def request(self) -> list[bytes]:
        key = self.rng.choice(KEYS[:2] if self.chance(0.95) else KEYS)
        group, consumer = self.rng.choice(GROUPS), self.rng.choice(CONSUMERS)
        kinds = [
            (40, lambda: [b"XADD", key, *self.maybe(0.05, b"NOMKSTREAM"),
                          *(self.trim() if self.chance(0.2) else []), self.new_id(),
                          *self.fields()]),
            (3, lambda: [b"XTRIM", key, *self.trim()]),
            (5, lambda: [b"XDEL", key] + [self.near_id() for _ in range(self.one(1, 2, 5))]),
            (4, lambda: [b"XRANGE", key, *self.interval(),
                         *self.maybe(0.6, b"COUNT", self.one(b"1", b"3", b"0", b"-1", b"10"))]),
            (4, lambda: [b"XREVRANGE", key, *self.interval()[::-1],
                         *self.maybe(0.6, b"COUNT", self.one(b"1", b"3", b"0", b"-1", b"10"))]),
            (2, lambda: [b"XLEN", key]),
            (2, lambda: [b"XSETID", key, self.new_id(),
                         *self.maybe(0.4, b"ENTRIESADDED", b"%d" % self.rng.randrange(200)),
                         *self.maybe(0.3, b"MAXDELETEDID", self.near_id())]),
            (4, lambda: [b"XREAD", *self.maybe(0.6, b"COUNT", self.one(b"1", b"3", b"0", b"-1")),
                         b"STREAMS", key, self.one(*KEYS), self.near_id(), self.any_id()]),
            (14, lambda: [b"XREADGROUP", b"GROUP", group, consumer,
                          *self.maybe(0.6, b"COUNT", self.one(b"1", b"3", b"5", b"0")),
                          *self.maybe(0.2, b"NOACK"), b"STREAMS", key,
                          self.one(b">", b">", b">", b"0", self.near_id())]),
            (5, lambda: [b"XGROUP", b"CREATE", key, group, self.one(b"$", b"0", self.near_id()),
                         *self.maybe(0.4, b"MKSTREAM"),
                         *self.maybe(0.3, b"ENTRIESREAD", self.one(b"0", b"5", b"-1", b"-2"))]),
            (2, lambda: [b"XGROUP", b"SETID", key, group, self.one(b"$", self.near_id(), b"-"),
                         *self.maybe(0.4, b"ENTRIESREAD", b"%d" % self.rng.randrange(30))]),
            (1, lambda: [b"XGROUP", b"DESTROY", key, group]),
            (2, lambda: [b"XGROUP", self.one(b"CREATECONSUMER", b"DELCONSUMER"), key, group,
                         consumer]),
            (5, lambda: [b"XACK", key, group] + [self.near_id() for _ in range(self.one(1, 3))]),
            (2, lambda: [b"XPENDING", key, group]),
            (2, lambda: [b"XPENDING", key, group,
                         *self.maybe(0.2, b"IDLE", self.one(b"0", b"1000000", b"-1")),
                         *self.interval(), self.one(b"10", b"0", b"-1", b"1"),
                         *self.maybe(0.4, consumer)]),
            (4, lambda: [b"XCLAIM", key, group, consumer, self.one(b"0", b"0", b"1000000", b"-1"),
                         *[self.near_id() for _ in range(self.one(1, 3))],
                         *self.maybe(0.15, b"FORCE"), *self.maybe(0.15, b"JUSTID"),
                         *self.maybe(0.15, b"IDLE", b"1000"), *self.maybe(0.15, b"TIME", b"5"),
                         *self.maybe(0.15, b"RETRYCOUNT", b"7"),
                         *self.maybe(0.15, b"LASTID", self.near_id())]),
            (3, lambda: [b"XAUTOCLAIM", key, group, consumer, self.one(b"0", b"0", b"1000000"),
                         self.one(b"-", b"0", self.interval()[0]),
                         *self.maybe(0.5, b"COUNT", self.one(b"1", b"2", b"10")),
                         *self.maybe(0.3, b"JUSTID")]),
            (1, lambda: [b"XINFO", b"GROUPS", key]),
            (1, lambda: [b"XINFO", b"CONSUMERS", key, group]),
            (1, lambda: [b"COPY", key, self.one(*KEYS), b"REPLACE"]),
            (1, lambda: [b"DEL", key] if self.chance(0.4) else [b"SET", b"u", b"x"]),
        ]
        return self.rng.choices([make for _, make in kinds], [weight for weight, _ in kinds])[0]()


def timeless(words: list[bytes], reply: bytes) -> bytes:
    reply = CLOCK.sub(b"T", reply)
    if words[0] == b"XPENDING":
        reply = re.sub(rb"\r\n:\d+\r\n:", b"\r\n:I\r\n:", reply)
    return IDLE.sub(rb"\1", reply)


def compare(ours, theirs, words: list[bytes]) -> None:
    mine, expected = ours.execute(*words), theirs.execute(*words)
    assert timeless(words, mine) == timeless(words, expected), words


def dialogue(valkey, seed: int, requests: int) -> None:
    draw, server, theirs = Draw(seed), Server(), valkey.client()
    ours = server.client()
    try:
        theirs.execute(b"FLUSHALL")
        entries, size = draw.rng.choice(SHAPES)
        for client in (ours, theirs):
            client.execute(b"HELLO", b"%d" % (2 + seed % 2))
            client.execute(b"CONFIG", b"SET", b"stream-node-max-entries", entries)
            client.execute(b"CONFIG", b"SET", b"stream-node-max-bytes", size)
        for number in range(requests):
            compare(ours, theirs, draw.request())
            if number % 5 == 0:
                for key in KEYS:
                    compare(ours, theirs, [b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"3"])
        for key in KEYS:
            for words in ([b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"],
                          [b"XINFO", b"STREAM", key], [b"XRANGE", key, b"-", b"+"],
                          [b"XREVRANGE", key, b"+", b"-"], [b"OBJECT", b"ENCODING", key]):
                compare(ours, theirs, words)
    finally:
        theirs.close()
        ours = None
        assert server.close(), "the engine kept memory"


@pytest.mark.parametrize("seed", range(8))
def test_dialogues(stock_valkey, seed):
    dialogue(stock_valkey, seed, 300)


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_many_dialogues(stock_valkey):
    for seed in range(1000, 2500):
        dialogue(stock_valkey, seed, 600)
