"""A database of a store behaves as a dict with deadlines, keeps its counts, and tells its hooks.

Method: random operations on four databases and on four dicts from key to (value, deadline), with
time moving on; then each rule of the contract by itself. Seeds are fixed.
"""
import random

import pytest

from tests.faces.c_keyspace import Store, no_deadline

NOW = 1_700_000_000_000
DATABASES = 4


class Model:
    """Dicts beside a store: {key: (value, deadline)} of each database."""

    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        self.store = Store(seed)
        self.now = NOW
        self.store.set_time(NOW)
        self.dbs: list[dict[bytes, tuple[bytes, int]]] = [{} for _ in range(DATABASES)]
        self.names = [b"%d" % i for i in range(300)] + [b"L" * n for n in (255, 256, 5_000)]

    def alive(self, db: int, key: bytes) -> tuple[bytes, int] | None:
        value, deadline = self.dbs[db].get(key, (None, 0))
        return (value, deadline) if value is not None and deadline > self.now else None

    def some_value(self) -> bytes:
        rng = self.rng
        return rng.choice((
            lambda: b"%d" % rng.randrange(-2 ** 63, 2 ** 63), lambda: b"%d" % rng.randrange(10),
            lambda: rng.randbytes(rng.randrange(40)), lambda: rng.randbytes(rng.randrange(1_500)),
            lambda: rng.randbytes(32)))()

    def some_deadline(self) -> int:
        return self.rng.choice((no_deadline, no_deadline, self.now + self.rng.randrange(3_000)))

    def step(self) -> None:
        db, key = self.rng.randrange(DATABASES), self.rng.choice(self.names)
        before = self.alive(db, key)
        getattr(self, self.rng.choices(*zip(*self.ACTIONS.items()))[0])(db, key, before)
        if self.rng.random() < 0.02:
            self.now += self.rng.randrange(200)
            self.store.set_time(self.now)

    def set(self, db, key, before):
        value, deadline = self.some_value(), self.some_deadline()
        self.store.set(key, value, deadline, db)
        self.dbs[db][key] = value, deadline

    def set_self(self, db, key, before):
        if before:
            deadline = self.some_deadline()
            self.store.set_self(key, deadline, db)
            self.dbs[db][key] = before[0], deadline

    def put(self, db, key, before):
        value, deadline = self.some_value(), self.some_deadline()
        self.store.put(self.rng.choice(("string", "bytes", "raw")), key, value, deadline,
                       size_max=self.rng.randrange(3_000), db=db)
        self.dbs[db][key] = value, deadline

    def read(self, db, key, before):
        name = self.rng.choice(("peek", "look", "read", "write"))
        assert getattr(self.store, name)(key, db) == (before[0] if before else None)
        if not before:
            self.dbs[db].pop(key, None)

    def delete(self, db, key, before):
        assert self.store.delete(key, db) == bool(before)
        self.dbs[db].pop(key, None)

    def set_deadline(self, db, key, before):
        if before:
            deadline = self.some_deadline()
            self.store.set_deadline(key, deadline, db)
            self.dbs[db][key] = before[0], deadline

    def append(self, db, key, before):
        if before:
            more = self.rng.randbytes(self.rng.randrange(200))
            self.store.append(key, more, db)
            self.dbs[db][key] = before[0] + more, before[1]

    def make_raw(self, db, key, before):
        if before:
            self.store.make_raw(key, self.rng.randrange(3_000), db)
            assert self.store.about(key, db)["body"]

    def rename(self, db, key, before):
        if before:
            other, target = self.rng.choice(self.names), self.rng.randrange(DATABASES)
            self.store.rename(key, other, db, target)
            self.dbs[target][other] = self.dbs[db].pop(key)

    def random(self, db, key, before):
        drawn = self.store.random(db)
        alive = [name for name in self.dbs[db] if self.alive(db, name)]
        assert drawn in alive if drawn is not None else len(alive) < 30

    def clear(self, db, key, before):
        count = self.store.count(db)
        assert self.store.clear(db, self.rng.random() < 0.5) == count
        self.dbs[db] = {}

    def exchange(self, db, key, before):
        other = self.rng.randrange(DATABASES)
        self.store.exchange(db, other)
        self.dbs[db], self.dbs[other] = self.dbs[other], self.dbs[db]

    def reap(self, db, key, before):
        self.store.reap(self.rng.randrange(1, 20))

    ACTIONS = dict(zip((set, put, read, delete, set_deadline, append, make_raw, rename, set_self,
                        random, reap, clear, exchange),
                       (30, 10, 30, 10, 10, 8, 3, 5, 3, 3, 3, 0.1, 0.1)))
    ACTIONS = {action.__name__: weight for action, weight in ACTIONS.items()}

    def check(self) -> None:
        """Every key is there with its value; the counts are right (K1), the bound holds (K6)."""
        for db, model in enumerate(self.dbs):
            for key in list(model):
                assert self.store.peek(key, db) == (self.alive(db, key) or (None,))[0]
                if not self.alive(db, key):
                    del model[key]
            for key, (value, deadline) in model.items():
                assert self.store.about(key, db)["deadline"] == deadline
                assert self.store.due <= deadline
            assert self.store.volatile_count(db) == sum(
                deadline != no_deadline for _, deadline in model.values())


@pytest.mark.parametrize("seed", range(4))
def test_as_dicts_with_deadlines(seed):
    model = Model(seed)
    for step in range(12_000):
        model.step()
        if step % 3_000 == 0:
            model.check()
    model.check()
    for key in {key for db in model.dbs for key in db}:
        for db in range(DATABASES):
            assert model.store.peek(key, db) == model.dbs[db].get(key, (None,))[0]
    assert model.store.empty() == 0


def test_large_keys_and_values():
    store = Store()
    for key in (b"k" * 256, b"k" * 65_536, b"k" * 1_000_000):
        store.set(key, b"v" * 2_000_000)
        assert store.read(key) == b"v" * 2_000_000
        store.set_deadline(key, NOW)
        store.append(key, b"w")
        assert store.peek(key) == b"v" * 2_000_000 + b"w"
        store.set_deadline(key, no_deadline)
        store.rename(key, key + b"x")
        assert store.peek(key) is None
        assert store.peek(key + b"x") == b"v" * 2_000_000 + b"w"
    assert store.empty() == 0


# -- forms ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("first, second, deadlines, stays", [
    (b"a" * 32, b"b" * 32, (no_deadline, no_deadline), True),
    (b"a" * 32, b"b" * 31, (no_deadline, no_deadline), False),
    (b"a" * 32, b"b" * 32, (5, 6), True),
    (b"a" * 32, b"b" * 32, (no_deadline, 6), False),
    (b"a" * 32, b"b" * 32, (5, no_deadline), False),
    (b"12", b"-99999999999", (no_deadline, no_deadline), True),
    (b"12", b"ab", (no_deadline, no_deadline), False),
    (b"ab", b"12", (no_deadline, no_deadline), False),
    (b"a" * 300, b"b" * 300, (no_deadline, no_deadline), True),
    (b"a" * 600, b"b" * 600, (no_deadline, no_deadline), False),
    (b"", b"", (no_deadline, no_deadline), True),
])
def test_a_string_of_the_same_shape_is_written_in_place(first, second, deadlines, stays):
    store = Store()
    store.set(b"k", first, deadlines[0])
    before = store.about(b"k")["address"]
    store.set(b"k", second, deadlines[1])
    assert store.peek(b"k") == second
    about = store.about(b"k")
    assert about["deadline"] == deadlines[1]
    assert (about["address"] == before) == stays
    assert store.due <= deadlines[1]


def test_appending_leaves_the_entry_where_it_is():
    store = Store()
    store.set(b"k", b"start")
    store.append(b"k", b"+")
    address = store.about(b"k")["address"]
    moves = 0
    for i in range(20_000):
        room = store.about(b"k")["room"]
        store.append(b"k", b"x" * 10)
        moves += store.about(b"k")["room"] != room
        assert store.about(b"k")["address"] == address
    assert moves < 20                                   # amortised: it doubles
    assert store.peek(b"k") == b"start+" + b"x" * 200_000
    assert store.about(b"k")["encoding"] == "raw"


def test_make_raw_keeps_the_value_whatever_size_is_asked():
    for value in (b"-9223372036854775808", b"7", b"", b"abc" * 30, b"z" * 9_000):
        for size in (0, 1, 9, 100, 20_000):
            store = Store()
            store.set(b"k", value, 2 ** 50)
            store.make_raw(b"k", size)
            assert store.peek(b"k") == value
            assert store.about(b"k")["room"] >= max(size, len(value))
            assert store.about(b"k")["deadline"] == 2 ** 50


def test_swap_keeps_the_body():
    store = Store()
    store.set(b"k", b"v" * 5_000)
    store.swap_body(b"k", 2 ** 50)
    assert store.peek(b"k") == b"v" * 5_000
    assert store.volatile_count() == 1
    assert store.empty() == 0


# -- the dead -------------------------------------------------------------------------------------

def test_a_dead_key_is_never_seen():
    store = Store()
    store.hook()
    store.set_time(NOW)
    for name in ("peek", "look", "read", "write", "delete"):
        store.set(b"k", b"v", NOW + 1)
        store.set_time(NOW + 1)                         # at its deadline a key is dead
        assert not getattr(store, name)(b"k")
        assert store.count() == 0
        store.set_time(NOW)
    assert store.expired == 5
    assert store.log.count(("expire", 0, b"k")) == 5


def test_paused_expiry_hides_and_keeps():
    store = Store()
    store.set_time(NOW)
    store.set(b"k", b"v", NOW + 1)
    store.set(b"l", b"v", NOW + 1)
    store.set_flags(expiry_paused=True)
    store.set_time(NOW + 5)
    assert store.read(b"k") is None and store.count() == 2 and store.expired == 0
    assert store.random() is None
    store.set(b"k", b"w")                               # over a dead key that is still there
    store.put("string", b"l", b"w")
    assert store.count() == 2 and store.volatile_count() == 0
    assert store.read(b"k") == store.read(b"l") == b"w"
    assert store.empty() == 0


def test_setting_over_a_dead_key_lets_it_expire_first():
    store = Store()
    store.hook()
    store.set_time(NOW)
    store.set(b"k", b"v", NOW + 1)
    store.set_time(NOW + 1)
    store.log.clear()
    store.set(b"k", b"w")
    assert store.expired == 1
    assert store.log == [("expire", 0, b"k"), ("modified", 0, b"k"), ("expired", 0, b"k"),
                         ("new", 0, b"k")]
    store.set(b"p", b"v", NOW + 2)
    store.set_time(NOW + 2)
    store.put("int", b"p", 5)
    assert store.expired == 2 and store.peek(b"p") == b"5"


def test_random_skips_and_removes_the_dead():
    store = Store()
    store.set_time(NOW)
    for i in range(50):
        store.set(b"dead%d" % i, b"v", NOW + 1)
    store.set(b"alive", b"v")
    store.set_time(NOW + 1)
    drawn = {store.random() for _ in range(20)}
    assert drawn <= {b"alive", None} and b"alive" in drawn
    assert store.count() == 1


# -- counts and hooks -----------------------------------------------------------------------------

def test_hits_and_misses():
    store = Store()
    store.set(b"k", b"v")
    store.peek(b"k"), store.peek(b"-"), store.write(b"k"), store.write(b"-")
    assert (store.hits, store.misses) == (0, 0)
    store.read(b"k"), store.look(b"k"), store.read(b"-"), store.look(b"-"), store.read(b"-")
    assert (store.hits, store.misses) == (2, 3)


def test_hooks_hear_after_the_change():
    store = Store()
    store.hook()
    store.set(b"k", b"v", 10)
    assert store.log == [("new", 0, b"k")]
    store.signal(b"k")
    assert store.dirty == 1
    store.evict(b"k")
    store.set(b"k", b"v", 10, 2)
    store.expire(b"k", 2)
    store.read(b"k", 3)
    assert store.log[1:] == [
        ("modified", 0, b"k"), ("set", 0, b"k"),
        ("evict", 0, b"k"), ("modified", 0, b"k"), ("evicted", 0, b"k"),
        ("new", 2, b"k"), ("expire", 2, b"k"), ("modified", 2, b"k"), ("expired", 2, b"k"),
        ("keymiss", 3, b"k")]
    assert (store.evicted, store.expired, store.dirty) == (1, 1, 1)
    store.hook(watched=False, events=False)
    store.log.clear()
    store.set(b"k", b"v")
    store.signal(b"k")
    store.evict(b"k")
    assert store.log == [("evict", 0, b"k")]            # the journal always hears


def test_a_copy_hears_of_each_change_before():
    """K5, for every way to change a key."""
    store = Store()
    store.set_time(NOW)
    store.set(b"k", b"v" * 700, NOW + 9)
    store.hook(watched=False, events=False, copying=True)
    before = ("before", 0, store.hash(b"k"))
    for change in (lambda: store.set(b"k", b"w" * 700, NOW + 9), lambda: store.write(b"k"),
                   lambda: store.put("string", b"k", b"x", NOW + 9),
                   lambda: store.set_deadline(b"k", NOW + 8),
                   lambda: store.make_raw(b"k", 100), lambda: store.swap_body(b"k", NOW + 9),
                   lambda: store.delete(b"k"), lambda: store.set(b"k", b"v"),
                   lambda: store.evict(b"k")):
        store.log.clear()
        change()
        assert before in store.log
    store.log.clear()
    store.peek(b"k"), store.read(b"k"), store.look(b"k")
    assert store.log == []


# -- everything at once ---------------------------------------------------------------------------

def test_clear_later_frees_by_and_by():
    store = Store()
    for db in (0, 1):
        for i in range(5_000):
            store.set(b"%d" % i, b"v" * 20, 2 ** 50, db)
    full = store.used
    assert store.clear(0, True) == 5_000 and store.clear(1, True) == 5_000
    assert store.clear(1, True) == 0
    assert store.count(0) == store.count(1) == store.volatile_count(0) == 0
    assert store.dropped_items == 10_000 and store.used > full * 0.99
    store.set(b"k", b"v")                               # the database serves meanwhile
    steps, last = 0, store.dropped_items
    while store.reap(100):
        assert 0 < last - store.dropped_items <= 100 + 576
        last = store.dropped_items
        steps += 1
    assert steps >= 10 and store.dropped_items == 0 and not store.reap(1)
    assert store.peek(b"k") == b"v"
    store.delete(b"k")
    assert store.used == 0


def test_a_store_may_be_freed_while_it_reaps():
    store = Store()
    for i in range(3_000):
        store.set(b"%d" % i, b"v")
    store.clear(0, True)
    store.reap(10)
    assert store.empty() == 0


def test_exchange_swaps_keys_and_counts():
    store = Store()
    store.set(b"a", b"1", 2 ** 50, 0)
    store.set(b"b", b"2", no_deadline, 3)
    store.exchange(0, 3)
    assert store.peek(b"b", 0) == b"2" and store.peek(b"a", 3) == b"1"
    assert store.volatile_count(0) == 0 and store.volatile_count(3) == 1
    store.set(b"c", b"3", 2 ** 50, 3)
    store.delete(b"a", 3)
    assert store.volatile_count(3) == 1
    assert store.empty() == 0
