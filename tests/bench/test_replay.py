"""Goal: a replay counts misses as a dictionary would, and writes what it missed.

Method: the trace is replayed against a server that is a dictionary, and against the same model
here, batch by batch.
"""
import random

import numpy
import pytest

from bench import peers, replay, workloads
from tests.bench.server import Scripted


class Cache(Scripted):
    """GET and SET over a dictionary of at most `size_max` keys, oldest out first."""

    def __init__(self, size_max):
        self.kept, self.size_max = {}, size_max
        super().__init__(self.execute)

    def execute(self, index):
        args = self.requests[index]
        if args[0] == b"GET":
            value = self.kept.get(args[1])
            return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)
        self.kept[args[1]] = args[2]
        if len(self.kept) > self.size_max:
            del self.kept[next(iter(self.kept))]
        return b"+OK\r\n"


def misses(ids, batch, size_max):
    kept, count = {}, 0
    for at in range(0, len(ids), batch):
        missed = [n for n in ids[at:at + batch] if n not in kept]
        count += len(missed)
        for n in missed:
            kept[n] = True
            if len(kept) > size_max:
                del kept[next(iter(kept))]
    return count


@pytest.mark.parametrize("batch,size_max", [(1, 50), (16, 50), (16, 1000), (7, 10)])
def test_counts_as_a_dictionary(batch, size_max):
    dice = random.Random(3)
    ids = [dice.randrange(200) for _ in range(1003)]
    with Cache(size_max) as server:
        got = replay.replay(peers.connect(server.address), numpy.array(ids, numpy.int64), 5, 5,
                            batch=batch)
        assert got["misses"] == misses(ids, batch, size_max)
        assert got["requests"] == 1003 and got["errors"] == 0


def test_sizes_belong_to_keys():
    ids = numpy.arange(500, dtype=numpy.int64) % 100
    with Cache(10) as server:
        replay.replay(peers.connect(server.address), ids, 9, 1200)
        sizes = {}
        for args in server.requests:
            if args[0] == b"SET":
                assert sizes.setdefault(args[1], len(args[2])) == len(args[2])
        assert len(sizes) == 100 and len(set(sizes.values())) > 50
        assert min(sizes.values()) >= 9 and max(sizes.values()) < 1200


def test_pace():
    with Cache(10) as server:
        got = replay.replay(peers.connect(server.address), numpy.zeros(200, numpy.int64), 5, 5,
                            rate=1000)
        assert 0.18 <= got["seconds"] < 1


def test_errors_are_counted():
    with Scripted(lambda i: b"-OOM x\r\n") as server:
        got = replay.replay(peers.connect(server.address), numpy.zeros(20, numpy.int64), 5, 5)
        assert got["errors"] == 20 and got["error"] == "-OOM x"


def test_zipf_is_as_skewed_as_it_says():
    ids = workloads.zipf(1000, 0.99, 200_000)
    counts = numpy.sort(numpy.bincount(ids, minlength=1000))[::-1]
    weights = numpy.arange(1, 1001) ** -0.99
    assert abs(counts[0] / 200_000 - weights[0] / weights.sum()) < 0.005
    assert abs(counts[:100].sum() / 200_000 - weights[:100].sum() / weights.sum()) < 0.01
