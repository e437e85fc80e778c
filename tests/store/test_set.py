"""The value of a set against a Python set: three encodings, the ways between them, walks and scans.

Method: a state machine of hypothesis makes changes in any order, with small limits so that each
encoding is met and left; after each step the members are those of the model, numbers are kept as
numbers where they are, and every byte of the heap is accounted for.
"""
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.faces.c_set import Set
from tests.store.values import maker, scan_on

INTSET, ENTRIES, VALUE = 12, 8, 6       # limits: a set meets them in a few steps
NUMBERS = st.sampled_from([0, 1, -1, 7, 100, -32768, 32768, 2**31, -2**31 - 1, 2**63 - 1, -2**63]
                          + list(range(20, 30)))
TEXTS = st.one_of(
    NUMBERS.map(lambda n: b"%d" % n),
    st.sampled_from([b"", b"a", b"b", b"\0", b"01", b"+1", b"-0", b" 1", b"1e3", b"9" * 19,
                     b"x" * 6, b"x" * 7, b"x" * 254, b"x" * 255, b"x" * 300, b"\xff\xfe"]))


def text_of(member) -> bytes:
    return b"%d" % member if isinstance(member, int) else member


class Machine(RuleBasedStateMachine):
    @initialize(first=TEXTS, count=st.sampled_from([1, 2, 9, 13, 100]))
    def create(self, first, count):
        self.set = Set(first, count, INTSET, ENTRIES, VALUE)
        self.model = set()
        self.scanned = None

    def teardown(self):
        if hasattr(self, "set"):
            assert self.set.close() == 1, "blocks were not given back"

    @rule(member=TEXTS)
    def add(self, member):
        assert self.set.add(member) == (member not in self.model)
        self.model.add(member)

    @rule(members=st.lists(TEXTS, max_size=20))
    def add_many(self, members):
        if len(members) > INTSET:
            self.set.expect(len(members))
        for member in members:
            self.add(member)

    @rule(number=NUMBERS)
    def add_number(self, number):
        assert self.set.add_number(number) == (b"%d" % number not in self.model)
        self.model.add(b"%d" % number)

    @rule(member=TEXTS)
    def remove(self, member):
        assert self.set.remove(member) == (member in self.model)
        self.model.discard(member)
        if self.scanned is not None:
            self.scanned[1].discard(member)

    @rule(number=NUMBERS)
    def remove_number(self, number):
        member = b"%d" % number
        assert self.set.remove_number(number) == (member in self.model)
        self.model.discard(member)
        if self.scanned is not None:
            self.scanned[1].discard(member)

    @rule(member=TEXTS, number=NUMBERS)
    def ask(self, member, number):
        assert self.set.has(member) == (member in self.model)
        assert self.set.has_number(number) == (b"%d" % number in self.model)

    @rule()
    def convert_up(self):
        up = {"intset": "listpack", "listpack": "hashtable", "hashtable": "hashtable"}
        self.set.convert(up[self.set.encoding])

    @precondition(lambda self: all(b"%d" % int(m) == m if m.lstrip(b"-").isdigit() else False
                                   for m in self.model))
    @rule()
    def make_intset(self):
        """What SINTERSTORE does of numbers alone."""
        if all(-2**63 <= int(m) < 2**63 for m in self.model):
            self.set.make_intset()
            assert (self.set.encoding == "intset") or len(self.model) > INTSET

    @precondition(lambda self: self.model)
    @rule()
    def draw(self):
        assert text_of(self.set.random()) in self.model

    @rule()
    def copy(self):
        assert Counter(map(text_of, self.set.copied())) == Counter(self.model)

    @rule()
    def move(self):
        self.set.move(100)

    @precondition(lambda self: self.set.encoding == "hashtable")
    @rule(steps=st.integers(1, 6))
    def scan(self, steps):
        self.scanned = scan_on(self.set, self.scanned, self.model, steps)

    @invariant()
    def same(self):
        if not hasattr(self, "set"):
            return
        self.set.audit()
        members = self.set.members()
        assert Counter(map(text_of, members)) == Counter(self.model)
        if self.set.encoding == "intset":
            assert members == sorted(members), "numbers stand in order"
        elif self.set.encoding == "listpack":
            assert all(not isinstance(m, bytes) or not canonical(m) for m in members)


def canonical(text: bytes) -> bool:
    digits = text[1:] if text[:1] == b"-" else text
    return (digits.isdigit() and b"%d" % int(text) == text and -2**63 <= int(text) < 2**63)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)


make = maker(Set)


@pytest.mark.parametrize("first, count, encoding", [
    (b"1", 1, "intset"), (b"1", 512, "intset"), (b"1", 513, "hashtable"), (b"a", 1, "listpack"),
    (b"a", 128, "listpack"), (b"a", 129, "hashtable"), (b"01", 1, "listpack"),
    (b"9223372036854775808", 1, "listpack"), (b"-9223372036854775808", 1, "intset"),
])
def test_beginnings(make, first, count, encoding):
    assert make(first, count, 512, 128, 64).encoding == encoding


def test_thresholds(make):
    numbers = make(b"1", 1, 512, 128, 64)
    for i in range(512):
        numbers.add(b"%d" % i)
    assert numbers.encoding == "intset"
    numbers.add(b"512")
    assert numbers.encoding == "hashtable"
    mixed = make(b"1", 1, 512, 128, 64)
    for i in range(127):
        mixed.add(b"%d" % i)
    mixed.add(b"word")
    assert mixed.encoding == "listpack"
    mixed.add(b"word 2")
    assert mixed.encoding == "hashtable"
    long = make(b"a", 1, 512, 128, 64)
    long.add(b"x" * 64)
    assert long.encoding == "listpack"
    long.add(b"x" * 65)
    assert long.encoding == "hashtable"
    for member in long.members():
        long.remove(member)
    assert long.encoding == "hashtable", "it does not go back"


@pytest.mark.parametrize("encoding", ["intset", "listpack", "hashtable"])
def test_draws_are_even(make, encoding):
    """Seed 1: each of 16 members about 1 in 16 of 16,000 draws."""
    drawn = make(b"1", 1, 512, 128, 64)
    for i in range(16):
        drawn.add(b"%d" % (i * 3))
    drawn.convert(encoding)
    counts = Counter(text_of(drawn.random()) for _ in range(16_000))
    assert len(counts) == 16
    assert 800 < min(counts.values()) and max(counts.values()) < 1200


def test_scan_through_growth_and_shrinkage(make):
    """What is there from start to end is shown, though the table is ten times as large between."""
    grown = make(b"a", 1000, 512, 128, 64)
    stay = {b"stay %d" % i for i in range(500)}
    for member in stay:
        grown.add(member)
    seen, cursor, step = set(), 0, 0
    while True:
        found, cursor = grown.scan(cursor)
        seen.update(found)
        step += 1
        for i in range(60):
            (grown.add if step < 80 else grown.remove)(b"more %d" % ((step % 80) * 60 + i))
        if cursor == 0:
            break
    assert stay <= seen


def test_freed_in_slices(make):
    large = Set(b"a", 1000, 512, 128, 64)
    for i in range(30_000):
        large.add(b"member %d" % i)
    assert large.close(1000) > 15
