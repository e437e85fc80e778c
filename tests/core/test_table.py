"""The table holds what was put into it, knows what is dead, and its walks miss nothing.

Method: random operations on the table and on a dict from key to (item, deadline), growth to tens of
thousands of items and back, with `audit` checking every invariant of table.pyx in the table's own
memory. Seeds are fixed. Deadlines are drawn from the whole range of an int64.
"""
import collections
import random

import pytest

from tests.faces import c_table
from tests.faces.c_table import Table, key_at, no_deadline

NOW = 1_700_000_000_000
DAY = 86_400_000
# Kinds of deadline, relative to nothing: soon, in months, at both ends of time.
DEADLINES = {
    "soon": lambda rng: NOW + rng.randrange(-2_000, 60_000),
    "months": lambda rng: NOW + rng.randrange(0, 400 * DAY),
    "ends": lambda rng: rng.choice((-2 ** 63, -2 ** 63 + 1, -1, 0, 1, NOW, 2 ** 62, 2 ** 63 - 2,
                                    2 ** 63 - 2 - 2 ** 31, 2 ** 63 - 2 ** 32)),
    "last": lambda rng: 2 ** 63 - 2 - int(2 ** rng.uniform(0, 34)),
    "any": lambda rng: rng.randrange(-2 ** 63, 2 ** 63 - 1),
}


def block_size(key: bytes) -> int:
    return (16 + len(key) + 7) // 8 * 8                 # of an item with this key


class Model:
    """A table beside {key: item}; deadlines are read from the items."""

    def __init__(self, seed: int | str, mortal: bool = True):
        self.rng = random.Random(seed)
        self.table = Table(self.rng.getrandbits(64), mortal)
        self.items: dict[bytes, int] = {}
        self.keys: list[bytes] = []

    def fresh_key(self) -> bytes:
        while True:
            key = b"k%d" % self.rng.randrange(10 ** 9)
            if key not in self.items:
                return key

    def insert(self, deadline: int = no_deadline, key: bytes | None = None) -> bytes:
        key = self.fresh_key() if key is None else key
        self.items[key] = self.table.insert(key, deadline)
        self.keys.append(key)
        return key

    def pick(self) -> bytes:
        at = self.rng.randrange(len(self.keys))
        self.keys[at], self.keys[-1] = self.keys[-1], self.keys[at]
        return self.keys[-1]

    def remove(self, key: bytes | None = None) -> None:
        if key is None:
            self.pick()
            key = self.keys.pop()
        else:
            self.keys.remove(key)
        item = self.items.pop(key)
        assert self.table.remove(item)
        assert not self.table.remove(item) and self.table.find(key) == 0
        self.table.release(item)

    def remove_all(self, items: list[int]) -> None:
        gone = {key_at(item) for item in items}
        assert len(gone) == len(items)
        for key in gone:
            item = self.items.pop(key)
            assert self.table.remove(item)
            self.table.release(item)
        self.keys = [key for key in self.keys if key not in gone]

    def check(self) -> None:
        assert self.table.count == self.table.audit() == len(self.items)
        for key, item in self.items.items():
            assert self.table.find(key) == item and key_at(item) == key

    def walk(self) -> collections.Counter:
        seen = collections.Counter()
        cursor = 0
        while True:
            before = cursor
            cursor, items = self.table.scan(cursor)
            seen.update(map(key_at, items))
            if cursor == 0:
                return seen
            assert cursor > before

    def close(self) -> None:
        while self.items:
            self.remove()
        assert self.table.audit() == 0 and self.table.used == 0


@pytest.mark.parametrize("mortal", [True, False])
def test_grows_and_shrinks_as_a_dict_does(mortal):
    model = Model(1, mortal)
    for count in (1, 9, 10, 17, 18, 500, 541, 3_000, 40_000, 30_000, 2_000, 600, 100, 9, 0, 25_000):
        while len(model.items) < count:
            model.insert()
        while len(model.items) > count:
            model.remove()
        model.check()
    for _ in range(2_000):
        assert model.table.find(model.fresh_key()) == 0
    assert model.table.segments < 25_000 / 200
    model.close()


def test_breathing_around_one_size_keeps_memory_bounded():
    model = Model(2)
    for step in range(60_000):
        if len(model.items) < 5_000 and (model.rng.random() < 0.7 or not model.items):
            model.insert()
        else:
            model.remove()
        if step % 10_000 == 0:
            model.check()
            assert model.table.overhead() <= max(2_000, 32 * len(model.items))
    model.close()


def test_a_shrunken_table_gives_its_memory_back():
    model = Model(3)
    for _ in range(40_000):
        model.insert(NOW + 1)
    while len(model.items) > 400:
        model.remove()
    # 400 items at a quarter of the slots, with marks: segments merge on the way down.
    assert model.table.overhead() < 400 * 80
    model.check()
    model.close()


def test_keys_of_every_size_and_byte():
    model = Model(4)
    keys = [b"", b"\0", b"\0\0", bytes(255), bytes(256), bytes(70_000), b"a" * 70_000]
    keys += [bytes([i]) for i in range(1, 256)]
    for key in keys:
        model.insert(key=key)
    model.check()
    model.close()


def test_replace_and_remove_compare_addresses():
    model = Model(5)
    for _ in range(3_000):
        model.insert()
    for key in model.rng.sample(model.keys, 1_000):
        item = model.items[key]
        twin = model.table.make(key)
        assert not model.table.remove(twin) and not model.table.replace(twin, item)
        assert model.table.replace(item, twin)
        assert model.table.find(key) == twin
        model.items[key] = twin
        model.table.release(item)
    model.check()
    model.close()


def test_overhead_is_what_the_heap_says():
    for deadline in (no_deadline, NOW):
        model = Model(6)
        for count in (1, 5, 50, 500, 2_000, 20_000):
            while len(model.items) < count:
                model.insert(deadline)
            blocks = sum(map(block_size, model.items))
            assert model.table.overhead() == model.table.used - blocks
        model.close()


def test_bytes_per_item():
    """64 / (9 * fill) bytes an item plus the segment, when filled by random hashes."""
    model = Model(7, mortal=False)
    for _ in range(62_500):                             # a 16th of a million: the same fill
        model.insert(key=b"%d" % len(model.items))
    assert model.table.overhead() / 62_500 < 9.1
    assert model.table.free() == sum(map(block_size, model.items))


# -- deadlines ------------------------------------------------------------------------------------

def take_all(model: Model, now: int) -> set[bytes]:
    """Everything that is dead, removed; each call within the rules of table_take_due."""
    dead = set()
    for _ in range(4 * model.table.segments + 10):
        if model.table.due() > now:
            break
        items = model.table.take_due(now)
        assert len(items) <= c_table.segment_items_max
        for item in items:
            assert model.table.deadline(item) <= now
        dead |= {key_at(item) for item in items}
        model.remove_all(items)
    assert model.table.due() > now, "a due time that no look makes true"
    return dead


@pytest.mark.parametrize("kind", DEADLINES)
def test_exactly_the_dead_are_taken(kind):
    draw = DEADLINES[kind]
    model = Model(f"dead {kind}")
    rng = model.rng
    now = NOW - 2_000 if kind in ("soon", "months") else -2 ** 63
    for turn in range(60):
        for _ in range(rng.randrange(400)):
            model.insert(draw(rng) if rng.random() < 0.7 else no_deadline)
        for _ in range(rng.randrange(100)):
            if model.items:
                model.remove()
        for _ in range(rng.randrange(200)):
            if model.items:
                key = model.pick()
                later = rng.random() < 0.3
                deadline = draw(rng) if rng.random() < 0.9 else no_deadline
                before = model.table.deadline(model.items[key])
                # A later deadline, or none, needs no word.
                model.table.set_deadline(model.items[key], deadline,
                                         note=not (later and deadline >= before))
        least = min(map(model.table.deadline, model.items.values()), default=no_deadline)
        assert model.table.due() <= least
        model.table.audit()
        if kind in ("soon", "months"):
            now += rng.randrange(2_000) if kind == "soon" else rng.randrange(20 * DAY)
        else:
            now = draw(rng)
        expected = {key for key, item in model.items.items() if model.table.deadline(item) <= now}
        assert take_all(model, now) == expected
        model.table.audit()
    model.check()
    model.close()


def test_due_becomes_exact_after_a_look():
    model = Model(20)
    for _ in range(5_000):
        model.insert(NOW + 1 + model.rng.randrange(1_000_000))
    for now in range(NOW, NOW + 1_000_000, 9_973):
        take_all(model, now)
        if model.items:
            least = min(map(model.table.deadline, model.items.values()))
            assert now < model.table.due() <= least
    assert not [key for key in model.items if model.table.deadline(model.items[key]) <= now]
    model.close()


def test_marks_go_when_no_deadline_is_left():
    model = Model(21)
    for _ in range(3_000):
        model.insert(NOW)
    for _ in range(3_000):
        model.insert()
    full = model.table.overhead()
    assert len(take_all(model, NOW)) == 3_000
    assert model.table.due() == no_deadline
    assert model.table.overhead() < full
    assert model.table.sample(10, True) == []
    model.close()


def test_years_apart_in_one_segment():
    """A mark counts 49 days; what lies beyond saturates and is looked at again in time."""
    model = Model(22)
    deadlines = [NOW + year * 365 * DAY + 5 for year in range(60)]
    for deadline in deadlines:
        model.insert(deadline)
    looks = 0
    for deadline in deadlines:
        now = deadline - 20
        while now < deadline:
            due = model.table.due()
            assert due <= deadline
            now = max(due, now)                         # as a timer would
            looks += 1
            taken = model.table.take_due(now)
            assert all(model.table.deadline(item) <= now for item in taken)
            model.remove_all(taken)
            model.table.audit()
    assert looks < 60 * 12
    assert not model.items


def test_expiry_survives_splits_and_merges():
    model = Model(23)
    for i in range(30_000):
        model.insert(NOW + i)
    model.table.audit()
    for key in model.rng.sample(model.keys, 28_000):
        item = model.items.pop(key)
        assert model.table.remove(item)
        model.table.release(item)
    model.keys = list(model.items)
    model.check()
    expected = {k for k, item in model.items.items() if model.table.deadline(item) <= NOW + 15_000}
    assert take_all(model, NOW + 15_000) == expected
    model.close()


def test_a_look_costs_what_is_due():
    """Deaths one by one among 20,000: the looks stay near the number of deaths."""
    model = Model(24)
    for i in range(20_000):
        model.insert(NOW + i * 10)
    looks = 0
    for now in range(NOW, NOW + 20_000, 10):
        while model.table.due() <= now:
            looks += 1
            model.remove_all(model.table.take_due(now))
    assert len(model.items) == 18_000
    assert looks <= 2_000 * 1.5
    model.close()


# -- walks ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("count", [0, 1, 9, 40, 540, 20_000])
def test_scan_of_a_still_table_returns_each_once(count):
    model = Model(count)
    for _ in range(count):
        model.insert()
    assert model.walk() == collections.Counter(model.items.keys())
    long_steps, cursor = collections.Counter(), None
    while cursor != 0:
        cursor, items = model.table.walk(cursor or 0)
        long_steps.update(key_at(item) for item in items)
    assert long_steps == collections.Counter(model.items.keys())


@pytest.mark.parametrize("first, last", [(200, 30_000), (30_000, 100), (5_000, 5_000)])
def test_scan_guarantee_while_the_table_changes(first, last):
    for seed in range(4):
        model = Model(f"scan {first} {last} {seed}")
        for _ in range(first):
            model.insert()
        stay = set(model.rng.sample(model.keys, min(first, last) // 2))
        model.keys = [key for key in model.keys if key not in stay]
        seen, cursor, steps = set(), 0, 0
        change = max(1, abs(last - first) // 20)
        while True:
            step = model.rng.choice((model.table.scan, model.table.scan, model.table.walk))
            cursor, items = step(cursor)
            seen |= {key_at(item) for item in items}
            if cursor == 0:
                break
            for _ in range(model.rng.randrange(2 * change) if steps < 40 else 0):
                if model.keys and (first > last or model.rng.random() < (first == last) / 2):
                    model.remove()
                elif first <= last:
                    model.insert()
            steps += 1
        assert stay <= seen
        model.table.audit()


def test_scan_takes_any_cursor():
    model = Model(31)
    for _ in range(3_000):
        model.insert()
    for _ in range(500):
        cursor = model.rng.choice((2 ** 64 - 1, 2 ** 48 - 1, 2 ** 48, 1, model.rng.getrandbits(64)))
        after, _ = model.rng.choice((model.table.scan, model.table.walk))(cursor)
        assert after < 2 ** 48
        assert after == 0 or after > cursor & (2 ** 48 - 1)
    empty = Table()
    assert empty.scan(2 ** 63) == empty.walk(2 ** 63) == (0, [])


def chi_square(hits: collections.Counter, items: list, draws: int) -> float:
    mean = draws / len(items)
    return sum((hits[item] - mean) ** 2 / mean for item in items) / (len(items) - 1)


@pytest.mark.parametrize("count", [3, 40, 700, 1_500, 5_000])
def test_random_is_uniform(count):
    model = Model(f"random {count}")
    for _ in range(count):
        model.insert()
    draws = 40 * count
    hits = collections.Counter(model.table.random() for _ in range(draws))
    # Chi square over its degrees of freedom is 1 with a spread of sqrt(2 / count).
    assert chi_square(hits, list(model.items.values()), draws) < 1 + 5 * (2 / count) ** 0.5
    assert Table().random() == 0


def test_random_when_segments_differ_in_depth():
    """Items of a shallow segment are as many as a deep one's; hashes are picked to make it so."""
    model = Model(33)
    while len(model.items) < 3_000:
        key = model.fresh_key()
        if model.table.hash(key) >> 61 == 0 or model.rng.random() < 0.02:
            model.insert(key=key)
    assert model.table.depth >= 5
    draws = 30 * len(model.items)
    hits = collections.Counter(model.table.random() for _ in range(draws))
    assert chi_square(hits, list(model.items.values()), draws) < 1 + 5 * (2 / 3_000) ** 0.5


@pytest.mark.parametrize("volatile", [1.0, 0.3, 0.0])
def test_sample_reaches_every_item(volatile):
    model = Model(f"sample {volatile}")
    for i in range(2_000):
        model.insert(NOW if model.rng.random() < volatile else no_deadline)
    mortal = {item for item in model.items.values() if model.table.deadline(item) != no_deadline}
    for with_deadline in (False, True):
        eligible = mortal if with_deadline else set(model.items.values())
        hits = collections.Counter()
        for _ in range(20_000):
            items = model.table.sample(5, with_deadline)
            assert len(set(items)) == len(items) <= 5 and set(items) <= eligible
            assert items or not eligible
            hits.update(items)
        if eligible:
            mean = sum(hits.values()) / len(eligible)
            assert min(hits[item] for item in eligible) > mean / 5
            assert max(hits.values()) < mean * 5


def test_sample_of_more_than_there_is():
    model = Model(35)
    assert model.table.sample(5) == []
    for _ in range(7):
        model.insert()
    assert sorted(model.table.sample(64)) == sorted(model.items.values())


@pytest.mark.parametrize("count, step", [(0, 10), (1, 1), (5, 1), (20_000, 1), (20_000, 1_000)])
def test_drain_in_steps(count, step):
    model = Model(f"drain {count}")
    for i in range(count):
        model.insert(NOW + i if i % 3 else no_deadline)
    gone = []
    while True:
        more, keys = model.table.drain(step)
        gone += keys
        assert len(keys) <= step + c_table.segment_items_max
        assert model.table.count == count - len(gone)
        if not more:
            break
    assert sorted(gone) == sorted(model.items)
    assert model.table.used == 0
    model.items, model.keys = {}, []
    model.insert()                                      # and it serves again
    model.check()


def test_free_in_the_middle_of_a_drain():
    model = Model(37)
    for _ in range(5_000):
        model.insert(NOW)
    _, gone = model.table.drain(1_000)
    left = sum(block_size(key) for key in model.items) - sum(map(block_size, gone))
    assert model.table.free() == left


def test_move_offers_each_item_and_shows_the_new_place():
    model = Model(38)
    for i in range(10_000):
        model.insert(NOW + i if i % 2 else no_deadline)
    offered = collections.Counter()

    def offer(item):
        offered[key_at(item)] += 1
        if len(offered) % 3:
            return None
        fresh = model.table.make(key_at(item), model.table.deadline(item))
        model.items[key_at(item)] = fresh
        model.table.release(item)
        return fresh

    cursor = model.table.move(0, offer)
    while cursor:
        cursor = model.table.move(cursor, offer)
    assert offered == collections.Counter(model.items.keys())
    model.check()
    model.close()


@pytest.mark.skipif(c_table.plain_malloc, reason="built over plain malloc")
def test_move_takes_the_table_s_own_blocks_out_of_sparse_spans():
    model = Model(39)
    for i in range(60_000):
        model.insert(NOW + i)
    while len(model.items) > 6_000:                     # segments merge, here and there
        model.remove()
    before = model.table.room()

    def offer(item):
        if not model.table.should_move(item, 90):
            return None
        fresh = model.table.make(key_at(item), model.table.deadline(item))
        model.items[key_at(item)] = fresh
        model.table.release(item)
        return fresh

    cursor = model.table.move(0, offer, 90)
    while cursor:
        cursor = model.table.move(cursor, offer, 90)
    for size in (4096, 256):                            # buckets, marks
        used, room = model.table.room()[size]
        assert before[size][1] > 2 * used
        assert room <= used / 0.9 + 2 * 65536 / size
    model.check()
    expected = {k for k, item in model.items.items() if model.table.deadline(item) <= NOW + 30_000}
    assert take_all(model, NOW + 30_000) == expected
    model.close()
