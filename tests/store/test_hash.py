"""The value of a hash against a Python dict: both encodings, deadlines of fields, walks and scans.

Method: a state machine of hypothesis sets, deletes and lets fields die in any order, with small
limits; after each step the living fields are those of the model, with their deadlines, the bound of
the first death is one, and every byte of the heap is accounted for.
"""
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.faces.c_hash import Hash, no_deadline
from tests.store.values import maker, scan_on

ENTRIES, VALUE = 6, 8
FIELDS = st.sampled_from([b"", b"a", b"b", b"c", b"1", b"01", b"-7", b"\0\xff", b"x" * 8, b"x" * 9,
                          b"y" * 255, b"y" * 256, b"z" * 400] + [b"f%d" % i for i in range(8)])
VALUES = st.sampled_from([b"", b"v", b"0", b"123456", b"-1", b"w" * 8, b"w" * 9, b"w" * 50,
                          b"u" * 255, b"u" * 256, b"u" * 3000])
DEADLINES = st.integers(1, 60)


class Machine(RuleBasedStateMachine):
    @initialize()
    def create(self):
        self.hash = Hash(ENTRIES, VALUE)
        self.model = {}                 # field: (value, deadline), dead ones that stand there too
        self.now = 0
        self.scanned = None

    def teardown(self):
        if hasattr(self, "hash"):
            assert self.hash.close() == 1, "blocks were not given back"

    def alive(self, field) -> bool:
        return field in self.model and self.model[field][1] > self.now

    def living(self) -> dict:
        return {field: pair for field, pair in self.model.items() if pair[1] > self.now}

    def put(self, field, value, deadline):
        was = "changed" if self.alive(field) else "revived" if field in self.model else "new"
        assert self.hash.set(field, value, deadline) == was
        self.model[field] = (value, deadline)

    @rule(field=FIELDS, value=VALUES)
    def set(self, field, value):
        self.put(field, value, no_deadline)

    @rule(field=FIELDS, value=VALUES, ahead=DEADLINES)
    def set_mortal(self, field, value, ahead):
        self.put(field, value, self.now + ahead)

    @rule(pairs=st.lists(st.tuples(FIELDS, VALUES), max_size=8))
    def set_many(self, pairs):
        self.hash.expect([word for pair in pairs for word in pair])
        for field, value in pairs:
            self.put(field, value, no_deadline)

    @rule(field=FIELDS, ahead=DEADLINES)
    def expire(self, field, ahead):
        assert self.hash.set_deadline(field, self.now + ahead) == self.alive(field)
        if self.alive(field):
            self.model[field] = (self.model[field][0], self.now + ahead)

    @rule(field=FIELDS)
    def persist(self, field):
        assert self.hash.set_deadline(field, no_deadline) == self.alive(field)
        if self.alive(field):
            self.model[field] = (self.model[field][0], no_deadline)

    @rule(field=FIELDS)
    def delete(self, field):
        assert self.hash.delete(field) == self.alive(field)
        if self.alive(field):
            del self.model[field]
            if self.scanned is not None:
                self.scanned[1].discard(field)

    @rule(field=FIELDS)
    def ask(self, field):
        value, deadline = self.model[field] if self.alive(field) else (None, None)
        assert self.hash.get(field) == value
        assert self.hash.deadline(field) == deadline

    @rule(by=st.integers(1, 30))
    def time_goes_on(self, by):
        self.now += by
        self.hash.set_time(self.now)

    @rule()
    def take_dead(self):
        """Steps until nothing is due: all the dead are gone, and nobody else."""
        dead = {field for field in self.model if not self.alive(field)}
        taken = []
        while self.hash.due <= self.now:
            taken += self.hash.take_dead()
        assert Counter(taken) == Counter(dead)
        for field in dead:
            del self.model[field]
            if self.scanned is not None:
                self.scanned[1].discard(field)

    @rule()
    def to_table(self):
        self.hash.to_table()

    @precondition(lambda self: self.model)
    @rule()
    def draw(self):
        drawn = self.hash.random()
        if drawn is None:
            assert not self.living()
        else:
            assert self.living()[drawn[0]][0] == drawn[1]

    @rule()
    def copy(self):
        expected = {field: pair for field, pair in self.model.items() if pair[1] > self.now}
        assert {f: (v, d) for f, v, d in self.hash.copied()} == expected

    @rule()
    def move(self):
        self.hash.move(100)

    @precondition(lambda self: self.hash.encoding == "hashtable")
    @rule(steps=st.integers(1, 6))
    def scan(self, steps):
        self.scanned = scan_on(self.hash, self.scanned, self.model, steps)

    @invariant()
    def same(self):
        if not hasattr(self, "hash"):
            return
        self.hash.audit()
        found = self.hash.fields()
        assert {f: (v, d) for f, v, d in found} == self.living()
        assert len(found) == len(self.living()) == self.hash.living
        assert self.hash.count == len(self.model)
        deadlines = [deadline for _, deadline in self.model.values()]
        assert self.hash.due <= min(deadlines, default=no_deadline)
        if any(deadline != no_deadline for deadline in deadlines):
            assert self.hash.encoding == "hashtable"


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)


make = maker(Hash)


def test_thresholds(make):
    small = make(128, 64)
    for i in range(128):
        small.set(b"f%d" % i, b"v")
    assert small.encoding == "listpack"
    small.set(b"f0", b"w")
    assert small.encoding == "listpack"
    small.set(b"f128", b"v")
    assert small.encoding == "hashtable"
    for field, value in ((b"f", b"v" * 65), (b"f" * 65, b"v")):
        long = make(128, 64)
        long.set(b"f" * 64, b"v" * 64)
        assert long.encoding == "listpack"
        long.set(field, value)
        assert long.encoding == "hashtable"
    mortal = make(128, 64)
    mortal.set(b"f", b"v")
    mortal.set_deadline(b"f", no_deadline)
    assert mortal.encoding == "listpack"
    mortal.set_deadline(b"f", 10)
    assert mortal.encoding == "hashtable"


@pytest.mark.parametrize("mortal", [False, True])
@pytest.mark.parametrize("table", [False, True])
def test_draws_are_even(make, table, mortal):
    """Seed 1: each of 16 fields about 1 in 16 of 16,000 draws; the dead are never drawn."""
    drawn = make(128, 64)
    for i in range(16):
        drawn.set(b"f%d" % i, b"v%d" % i)
    if table or mortal:
        drawn.to_table()
    if mortal:
        for i in range(300):
            drawn.set(b"dead%d" % i, b"", 5)
        drawn.set_time(5)
    counts = Counter(drawn.random() for _ in range(16_000))
    assert set(counts) == {(b"f%d" % i, b"v%d" % i) for i in range(16)}
    assert 800 < min(counts.values()) and max(counts.values()) < 1200


def test_values_written_over_in_place(make):
    """Of every size over every size: the block is kept, moved or given another form."""
    over = make(0, 0)
    sizes = [0, 1, 7, 8, 9, 100, 254, 255, 256, 257, 1000]
    for before in sizes:
        for after in sizes:
            for deadline in (no_deadline, 99):
                over.set(b"f", b"b" * before)
                over.set(b"f", b"a" * after, deadline)
                assert over.get(b"f") == b"a" * after
                assert over.deadline(b"f") == deadline
                over.audit()


def test_freed_in_slices(make):
    large = Hash(128, 64)
    for i in range(30_000):
        large.set(b"field %d" % i, b"value")
    assert large.close(1000) > 15
