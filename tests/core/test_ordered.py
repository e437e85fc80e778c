"""The tree keeps its order and its counts, whatever is put in and taken out.

Method: random operations on the tree and on a sorted list of (score, member), with `audit` checking
every invariant of ordered.pyx in the nodes themselves. Scores are drawn from few, so that members
decide often, from all, and from one alone. Seeds are fixed.
"""
import bisect
import math
import random

import pytest

from tests.faces.c_ordered import Ordered, leaf_max

SCORES = {
    "few": lambda rng: float(rng.randrange(-5, 5)),
    "many": lambda rng: rng.uniform(-1e9, 1e9),
    "one": lambda rng: 0.0,
    "ends": lambda rng: rng.choice((-math.inf, math.inf, 1e308, -1e308, 5e-324, 0.0, 1.0)),
}


class Model:
    def __init__(self, seed, kind):
        self.rng = random.Random(f"{seed} {kind}")
        self.score = SCORES[kind]
        self.tree = Ordered()
        self.pairs = []
        self.scores = {}

    def insert(self):
        size = self.rng.choice((0, 1, 2, 3, 8, 8, 8, 8, 300))
        member = self.rng.randbytes(size)
        if member in self.scores:
            return
        score = self.score(self.rng)
        self.tree.insert(score, member)
        self.scores[member] = score
        bisect.insort(self.pairs, (score, member))

    def forget(self, at):
        score, member = self.pairs.pop(at)
        del self.scores[member]
        return member

    def remove(self):
        if self.pairs:
            self.tree.remove(self.forget(self.rng.randrange(len(self.pairs))))

    def rescore(self):
        if not self.pairs:
            return
        old, member = self.rng.choice(self.pairs)
        score = self.rng.choice((self.score(self.rng), math.nextafter(old, math.inf), old))
        self.tree.rescore(member, score)
        self.pairs.remove((old, member))
        self.scores[member] = score
        bisect.insort(self.pairs, (score, member))

    def take(self):
        if not self.pairs:
            assert self.tree.take(0, 5) == []
            return
        rank = self.rng.choice((0, self.rng.randrange(len(self.pairs)), len(self.pairs) - 1))
        taken = self.tree.take(rank, self.rng.choice((1, 2, 100)))
        assert 1 <= len(taken) <= leaf_max
        assert taken == self.pairs[rank:rank + len(taken)]
        for _ in taken:
            self.forget(rank)

    def move(self):
        if self.pairs:
            self.tree.move(self.rng.choice(self.pairs)[1])

    def ask(self):
        assert len(self.tree) == len(self.pairs)
        assert self.tree.at(len(self.pairs)) is None
        if self.pairs:
            rank = self.rng.randrange(len(self.pairs))
            assert self.tree.at(rank) == self.pairs[rank]
            assert self.tree.rank(self.pairs[rank][1]) == rank
        self.ask_score()
        self.ask_both()

    def ask_score(self):
        score, after = self.score(self.rng), self.rng.random() < 0.5
        keys = [pair[0] for pair in self.pairs]
        before = (bisect.bisect_right if after else bisect.bisect_left)(keys, score)
        self.walk(score, None, after, before)

    def ask_both(self):
        score, after = self.score(self.rng), self.rng.random() < 0.5
        member = self.rng.randbytes(self.rng.choice((0, 1, 8)))
        before = (bisect.bisect_right if after else bisect.bisect_left)(self.pairs, (score, member))
        self.walk(score, member, after, before)
        if len(set(self.scores.values())) == 1:
            members = [pair[1] for pair in self.pairs]
            before = (bisect.bisect_right if after else bisect.bisect_left)(members, member)
            self.walk(None, member, after, before)

    def walk(self, score, member, after, before):
        assert self.tree.count_before(score, member, after) == before
        count = self.rng.choice((1, 10, 200))
        assert self.tree.walk(score, member, after, True, count) == \
            self.pairs[before:before + count]
        assert self.tree.walk(score, member, after, False, count) == \
            self.pairs[max(0, before - count):before][::-1]


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("seed", range(3))
def test_model(seed, kind):
    model = Model(seed, kind)
    for grow in (True, False, True, False):
        for turn in range(1500):
            what = model.rng.random()
            if what < 0.6:
                model.insert() if grow else model.take() if what < 0.1 else model.remove()
            elif what < 0.7:
                model.remove() if grow else model.insert()
            elif what < 0.8:
                model.rescore()
            elif what < 0.85:
                model.take()
            elif what < 0.9:
                model.move()
            else:
                model.ask()
            if turn % 100 == 0:
                model.tree.audit()
                assert model.tree.everything() == model.pairs
    while model.pairs:
        model.take()
        model.remove()
    model.tree.audit()
    assert model.tree.used == 0


@pytest.mark.parametrize("order", ["up", "down", "random"])
def test_many(order):
    rng = random.Random(order)
    numbers = list(range(40_000))
    if order == "down":
        numbers.reverse()
    if order == "random":
        rng.shuffle(numbers)
    tree = Ordered()
    for number in numbers:
        tree.insert(number, b"%d" % number)
    tree.audit()
    assert [pair[0] for pair in tree.everything()] == sorted(numbers)
    # What a reference takes; see ordered.pyx.
    assert tree.overhead / len(numbers) < (11.5 if order == "random" else 8.5)
    # Every second leaf or so goes at once; then what is left, in random order.
    for rank in range(0, 20_000, 50):
        tree.take(rank, 64)
    tree.audit()
    left = [pair[1] for pair in tree.everything()]
    rng.shuffle(left)
    for at, member in enumerate(left):
        tree.remove(member)
        if at % 2000 == 0:
            tree.audit()
    assert len(tree) == 0 and tree.height == 0 and tree.used == 0


def test_first_in_first_out():
    """A queue: the tree stays as small as what it holds."""
    tree = Ordered()
    for number in range(20_000):
        tree.insert(number, b"%d" % number)
        if number >= 1000:
            assert tree.take(0, 1) == [(float(number - 1000), b"%d" % (number - 1000))]
    tree.audit()
    assert tree.overhead < 20 * 1000


def test_drain():
    tree = Ordered()
    for number in range(5000):
        tree.insert(-number, b"%d" % number)
    steps = 0
    while tree.drain(10):
        steps += 1
    assert 7 <= steps <= 30
    assert tree.used == 0
    tree.insert(1, b"again")
    tree.audit()


def test_move_nodes():
    """Nodes leave sparse spans, and all links follow."""
    tree = Ordered()
    rng = random.Random(7)
    for number in range(60_000):
        tree.insert(rng.random(), b"%d" % number)
    for number in range(60_000):
        if rng.random() < 0.8:
            tree.remove(b"%d" % number)
    before = tree.everything()
    tree.move_nodes(95)
    tree.audit()
    assert tree.everything() == before
