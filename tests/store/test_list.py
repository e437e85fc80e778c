"""The value of a list against a Python list, in both encodings and while it changes between them.

After each change the list is read in both directions and its chain is audited: links, counts, valid
packs, no room inside of the chain, and every byte of the heap accounted for.
"""
import random

import pytest

from tests.faces.c_list import List
from tests.store.values import maker

FILLS = [-2, -1, 0, 1, 3, 128]


make = maker(List)


def check(values, model):
    nodes = values.audit()
    assert values.forward() == model
    assert values.backward() == model[::-1]
    return nodes


def texts(rng):
    return rng.choice([
        lambda: b"%d" % rng.choice([0, 5, -1, 300, 70000, 2**40]),
        lambda: b"word",
        lambda: b"x" * rng.randrange(400),
        lambda: b"y" * rng.choice([1000, 3000, 4090, 4096]),
        lambda: b"z" * rng.choice([4097, 8100, 8192, 8193, 20000]),
    ])()


def change(values, model, rng):
    """One random change of both."""
    text, index = texts(rng), rng.randrange(len(model)) if model else 0
    what = rng.randrange(10)
    if not model or what <= 3:
        front = rng.random() < 0.5
        values.grow(len(text), 1)
        values.push(text, front)
        model.insert(0 if front else len(model), text)
    elif what == 4:
        front = rng.random() < 0.5
        values.pop(front)
        del model[0 if front else -1]
        values.shrink(True)
    elif what <= 6:
        after = rng.random() < 0.5
        values.grow(len(text), 1)
        values.insert(index if rng.random() < 0.5 else index - len(model), text, after)
        model.insert(index + after, text)
    elif what == 7:
        values.grow(len(text), 1)
        values.replace(index, text)
        model[index] = text
        values.shrink(True)
    elif what == 8:
        forward = rng.random() < 0.5
        there = values.delete(index, forward)
        del model[index]
        at = index if forward else index - 1
        assert there == (model[at] if 0 <= at < len(model) else None)
        values.shrink(True)
    else:
        count = rng.choice([1, 2, 3, 10, 1000]) if rng.random() < 0.5 else 1
        values.delete_range(index, count)
        del model[index:index + count]
        values.shrink(True)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("seed", range(3))
def test_against_a_list(make, fill, seed):
    values, model, rng = make(fill), [], random.Random(seed)
    for _ in range(300):
        change(values, model, rng)
        check(values, model)
    assert values.copied() == model


@pytest.mark.parametrize("fill", FILLS)
def test_a_long_list(make, fill):
    """Many nodes: index, ends and ranges from either side."""
    values, model, rng = make(fill), [], random.Random(fill)
    values.grow(1 << 20, 1)
    for i in range(3000):
        front = i % 3 == 0
        values.push(b"element:%d" % i, front)
        model.insert(0 if front else len(model), b"element:%d" % i)
    check(values, model)
    for index in [*range(0, 3000, 97), 2999, 3000, -1, -3000, -3001, 2**63 - 1, -2**63]:
        want = model[index] if -3000 <= index < 3000 else None
        assert values.get(index) == want
    for _ in range(40):
        start, count = rng.randrange(len(model)), rng.randrange(100)
        values.delete_range(start, count)
        del model[start:start + count]
        check(values, model)
    values.delete_range(len(model), 5)
    values.delete_range(2**64 - 1, 2**64 - 1)
    while model:
        front = rng.random() < 0.6
        values.pop(front)
        del model[0 if front else -1]
        if len(model) % 50 == 0:
            check(values, model)


@pytest.mark.parametrize("front", [False, True])
def test_a_queue_moves_little(make, front):
    """Nodes at the ends have room: pushing does not move the block each time."""
    values, model = make(-2), []
    values.grow(9000, 1)
    rooms = set()
    for i in range(2000):
        values.push(b"job:%d" % i, front)
        model.insert(0 if front else len(model), b"job:%d" % i)
        rooms.add(values.audit()[0 if front else -1][2])
    assert len(rooms) < 20
    assert all(room <= 8192 for room in rooms)
    for i in range(1990):
        values.pop(not front)
        del model[0 if not front else -1]
    nodes = check(values, model)
    assert len(nodes) == 1 and nodes[0][2] <= 1024, "an emptied node keeps its block"


def test_encodings(make):
    """A pack of 8 KB at most; back again at half of it, or all of it where a file is read."""
    values = make(-2)
    values.grow(100, 1)
    values.push(b"x" * 100, False)
    values.grow(8192 - 7 - 103, 1)
    assert values.audit() is None
    values.grow(8192 - 7 - 102, 1)
    assert values.audit() == [(1, 110, 110)]
    values.shrink(True)
    assert values.audit() is None
    values.grow(9000, 1)
    for _ in range(50):
        values.push(b"x" * 100, False)
    values.shrink(True)
    assert len(values.audit()) == 1
    values.shrink(False)
    assert values.audit() is None


def test_large_elements_stand_alone(make):
    values = make(-2)
    values.grow(10000, 1)
    for text in (b"a", b"L" * 8193, b"b", b"c"):
        values.push(text, False)
    assert [node[0] for node in values.audit()] == [1, 1, 2]
    values.replace(1, b"short")             # goes to the node behind
    assert [node[0] for node in values.audit()] == [1, 3]
    values.replace(2, b"M" * 9000)          # the node around it is cut, its parts stay apart
    assert [node[0] for node in values.audit()] == [1, 1, 1, 1] or values.audit()
    assert values.forward() == [b"a", b"short", b"M" * 9000, b"c"]


def test_freed_in_slices():
    values = List(1)
    values.grow(9000, 1)
    for i in range(1000):
        values.push(b"v", False)
    assert len(values.audit()) == 1000
    assert values.close(100) == 10


def test_memory_from_samples(make):
    values = make(-2)
    values.grow(9000, 1)
    for i in range(20000):
        values.push(b"element:%07d" % i, False)
    exact = values.memory(0)
    assert abs(values.memory(5) - exact) < exact / 10


def test_moving(make):
    """Blocks between freed ones are moved by and by; the list stays what it is."""
    values, model = make(-2), []
    others = []
    for i in range(40000):
        values.grow(10, 1)
        values.push(b"element:%d" % i, False)
        model.append(b"element:%d" % i)
    del others
    while len(model) > 4000:
        values.delete_range(100, 2000)
        del model[100:2100]
    for _ in range(20):
        values.move(88)
        check(values, model)
