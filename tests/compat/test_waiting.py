"""Blocking commands on several connections, and SORT: random requests to us and to valkey-server.

Goal: who waits is served in Valkey's order, with its reply. Method: each connection is either free
or waits; a free one says something, and after each request all that every connection has got on
either side is compared. Nobody waits with a deadline: time would decide. A line of waiters whose
first is tried in vain keeps its order here and not there (docs/limits.md), so each waits for the
keys of one type.
"""
import random

import pytest

from tests.compat.test_differential import READ
from tests.oracle import Link, encode
from tests.serving import Serving

pytestmark = pytest.mark.oracle
CLIENTS = 6
REQUESTS = 120
LISTS, ZSETS = [b"la", b"lb", b"lc"], [b"za", b"zb"]


def has_more(link: Link) -> bool:
    link.socket.setblocking(False)
    try:
        return bool(link.file.peek(1))
    except BlockingIOError:
        return False
    finally:
        link.socket.setblocking(True)


class Side:
    """One server: some connections, of which some wait, and one that never does."""

    def __init__(self, path: str):
        self.links = [Link(path) for _ in range(CLIENTS)]
        self.other = Link(path)
        self.ids = [link.execute(b"CLIENT", b"ID")[1:-2] for link in self.links]
        self.other.execute(b"FLUSHALL")

    def send(self, at: int, words: list[bytes]) -> None:
        self.links[at].socket.sendall(encode(*words))
        self.settle()

    def settle(self) -> None:
        """By then what was said has been read, and who was waked has been answered."""
        for _ in range(3):
            self.other.execute(b"PING")

    def got(self) -> list[list[bytes]]:
        """Each connection's replies since the last time."""
        found: list[list[bytes]] = [[] for _ in self.links]
        for at, link in enumerate(self.links):
            # What the file has read ahead first: the socket no longer tells of it.
            while has_more(link):
                found[at].append(link.read())
        return found

    def close(self) -> None:
        for link in [*self.links, self.other]:
            link.close()


def request(rng: random.Random) -> list[bytes]:
    key, other = rng.choice(LISTS), rng.choice(LISTS)
    zset = rng.choice(ZSETS)
    end, end2 = rng.choice([b"LEFT", b"RIGHT"]), rng.choice([b"LEFT", b"RIGHT"])
    value = b"%d" % rng.randrange(1000)
    waiting = [
        [b"BLPOP", key, b"0"], [b"BRPOP", key, other, b"0"], [b"BLPOP", *LISTS, b"0"],
        [b"BLMOVE", key, other, end, end2, b"0"], [b"BRPOPLPUSH", key, other, b"0"],
        [b"BLMPOP", b"0", b"2", key, other, end, b"COUNT", b"2"],
        [b"BZPOPMIN", zset, b"0"], [b"BZPOPMAX", *ZSETS, b"0"],
        [b"BZMPOP", b"0", b"1", zset, rng.choice([b"MIN", b"MAX"]), b"COUNT", b"2"],
    ]
    others = [
        [b"RPUSH", key, value], [b"LPUSH", key, value, value + b"x", value + b"y"],
        [b"RPUSH", key, b"a", b"b", b"c", b"d"], [b"ZADD", zset, value, b"m" + value],
        [b"ZADD", zset, b"1", b"a", b"2", b"b", b"3", b"c"], [b"LMOVE", key, other, end, end2],
        [b"RENAME", key, other], [b"COPY", key, other], [b"DEL", key], [b"DEL", zset],
        [b"LPOP", key], [b"ZPOPMIN", zset], [b"SORT", b"numbers", b"STORE", key],
        [b"SADD", b"numbers", value],
        [b"EVAL", b"redis.call('RPUSH', KEYS[1], 'x') return redis.call('RPUSH', KEYS[2], 'y')",
         b"2", key, other],
        [b"ZUNIONSTORE", zset, b"2", *ZSETS], [b"RPUSH", key, value], [b"ZADD", zset, value, value],
    ]
    return rng.choice(waiting if rng.random() < 0.45 else others)


@pytest.fixture(scope="module")
def serving():
    serving = Serving()
    yield serving
    serving.close()


def read_all(link: Link) -> list:
    keys = sorted(link.execute(b"KEYS", b"*").split(b"\r\n")[2::2])
    return [(key, link.execute(*READ[link.execute(b"TYPE", key)](key))) for key in keys
            if key != b"numbers"]


@pytest.mark.parametrize("seed", range(12))
def test_who_waits_is_served_alike(serving, valkey, seed):
    rng = random.Random(seed)
    sides = [Side(serving.path), Side(str(valkey.path))]
    free = set(range(CLIENTS))
    said = []
    try:
        for _ in range(REQUESTS):
            if not free or (len(free) < CLIENTS and rng.random() < 0.08):
                at = rng.choice([i for i in range(CLIENTS) if i not in free])
                how = rng.choice([[b"ERROR"], []])
                for side in sides:
                    side.other.execute(b"CLIENT", b"UNBLOCK", side.ids[at], *how)
                    side.settle()
                said.append((b"unblock", at))
            else:
                at = rng.choice(sorted(free))
                words = request(rng)
                said.append((at, *words))
                free.discard(at)
                for side in sides:
                    side.send(at, words)
            ours, theirs = (side.got() for side in sides)
            assert ours == theirs, said[-8:]
            free |= {i for i in range(CLIENTS) if ours[i]}
        assert read_all(sides[0].other) == read_all(sides[1].other)
    finally:
        for side in sides:
            side.close()


def sorting(rng: random.Random) -> list[bytes]:
    words = [rng.choice([b"SORT", b"SORT", b"SORT_RO"]),
             rng.choice([b"l", b"s", b"z", b"n", b"none", b"text"])]
    if rng.random() < 0.5:
        words += [b"BY", rng.choice([b"w_*", b"h_*->w", b"nosort", b"w_*x", b"*", b"h_*->",
                                     b"->w"])]
    if rng.random() < 0.4:
        words += [b"LIMIT", rng.choice([b"0", b"1", b"-1", b"2"]),
                  rng.choice([b"2", b"-1", b"0", b"100"])]
    for _ in range(rng.choice([0, 0, 1, 2])):
        words += [b"GET", rng.choice([b"#", b"w_*", b"h_*->w", b"h_*->nope", b"none_*", b"##"])]
    words += rng.choice([[], [b"ASC"], [b"DESC"]])
    if not {b"w_*x", b"*", b"h_*->", b"->w"} & set(words):      # whose texts are all absent
        words += rng.choice([[], [b"ALPHA"]])
    words += rng.choice([[], [], [b"STORE", b"target"]])
    return words


def test_sorting_is_valkeys(serving, valkey):
    """Weights differ where texts are compared: what SORT does with equal ones is nobody's promise.
    Of a set with BY nosort the order is each server's own: such replies are compared as sets."""
    rng = random.Random(3)
    links = [Link(serving.path), valkey.client()]
    setup = [[b"FLUSHALL"], [b"RPUSH", b"l", *(b"%d" % i for i in rng.sample(range(100), 20))],
             [b"SADD", b"s", *(b"%d" % i for i in rng.sample(range(100), 20))],
             [b"ZADD", b"z", *(word for i in rng.sample(range(100), 20)
                               for word in (b"%d" % (i % 5), b"%d" % i))],
             [b"RPUSH", b"n", b"3", b"1.5", b"-2", b"1e3", b"0", b"3"], [b"SET", b"text", b"x"],
             [b"MSET", *(word for i, w in enumerate(rng.sample(range(1000), 100))
                         for word in (b"w_%d" % i, b"%d" % w))]]
    setup += [[b"HSET", b"h_%d" % i, b"w", b"%d" % w]
              for i, w in enumerate(rng.sample(range(1000), 100))]
    try:
        for words in setup:
            assert links[0].execute(*words) == links[1].execute(*words)
        for _ in range(1500):
            words = sorting(rng)
            ours, theirs = (link.execute(*words) for link in links)
            if b"s" in words[:2] and b"BY" in words:
                ours, theirs = (sorted(one.split(b"\r\n")) for one in (ours, theirs))
                if b"LIMIT" in words:
                    ours, theirs = len(ours), len(theirs)
            assert ours == theirs, words
            if b"STORE" in words and words[1] != b"s":
                ours, theirs = (link.execute(b"LRANGE", b"target", b"0", b"-1") for link in links)
                assert ours == theirs, words
    finally:
        for link in links:
            link.close()
