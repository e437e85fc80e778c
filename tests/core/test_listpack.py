"""Listpacks: against a plain list under random operations, the format's bytes, and hostile bytes.

The model is a list of bytes. After each change the pack is read in both directions and its bytes
are validated, so a wrong backlen, count or size is seen at once. Bytes that Valkey 9 and Redis 7
dumped stand here as literals.
"""
import random

import pytest

from tests.faces.c_listpack import Pack, cost, valid

EDGES = [0, 1, 127, 128, -1, 4095, 4096, -4096, -4097, 32767, 32768, -32768, -32769, 8388607,
         8388608, -8388608, -8388609, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**63 - 1, -2**63]
TEXTS = [b"", b"x", b"-", b"00", b"+1", b"-0", b" 1", b"1 ", b"9223372036854775808",
         b"-9223372036854775809", b"\0", b"12a", b"1" * 21, b"a" * 63, b"a" * 64, b"\xff" * 126,
         b"b" * 4095, b"b" * 4096]


@pytest.fixture
def pack():
    pack = Pack()
    yield pack
    assert pack.close(), "blocks were not given back"


def kept(text):
    """What the pack keeps of a text: an int where that is spelt in one way only."""
    try:
        number = int(text)
    except ValueError:
        return text
    same = b"%d" % number == text and -2**63 <= number < 2**63
    return number if same else text


def check(pack, model):
    assert pack.forward() == [kept(text) for text in model]
    assert pack.backward() == [kept(text) for text in reversed(model)]
    assert pack.count() == len(model)
    assert valid(pack.bytes()) == len(model)


def test_empty(pack):
    assert pack.bytes() == b"\x07\0\0\0\0\0\xff"
    check(pack, [])
    assert pack.seek(0) is None and pack.seek(-1) is None
    assert pack.random(1) is None and pack.sample(3, 1) == []


def test_integers_in_their_shortest_form(pack):
    sizes = {0: 2, 127: 2, 128: 3, -1: 3, 4095: 3, 4096: 4, -4097: 4, 32768: 5, 8388607: 5,
             -8388609: 6, 2**31: 10, -2**63: 10}
    for value, size in sizes.items():
        assert cost(value) == cost(b"%d" % value) == size
    for value in EDGES:
        pack.append(value)
    assert pack.forward() == EDGES
    check(pack, [b"%d" % value for value in EDGES])


def test_texts_at_each_size(pack):
    for text in TEXTS:
        pack.append(text)
    check(pack, TEXTS)
    for index, text in enumerate(TEXTS):
        assert pack.cost_at(index) == cost(text)


def test_bytes_as_valkey_writes_them(pack):
    """HSET h f1 hello f2 -300 f3 70000, from its DUMP."""
    for value in (b"f1", b"hello", b"f2", b"-300", b"f3", b"70000"):
        pack.append(value)
    assert pack.bytes().hex() == \
        "220000000600826631038568656c6c6f0682663203ded40282663303f270110104ff"


@pytest.mark.parametrize("size", [16381, 16382, 16383, 16384, 2097150, 2097151, 2097152])
def test_backlen_where_its_size_changes(pack, size):
    text = b"x" * (size - 5)
    pack.append(text)
    pack.append(b"after")
    check(pack, [text, b"after"])
    back = 2 if size <= 16383 else 3 if size <= 2097151 else 4
    assert pack.cost_at(0) == size + back


def test_what_redis_7_writes_there():
    """Its backlen of 16383 takes three bytes, where ours and Valkey's takes two."""
    text = b"x" * 16378
    data = b"\xf0" + (16378).to_bytes(4, "little") + text + b"\x00\xff\xff" + b"\x85after\x06"
    data = (len(data) + 7).to_bytes(4, "little") + b"\x02\0" + data + b"\xff"
    assert valid(data) is None
    pack = Pack(data)
    check(pack, [text, b"after"])
    assert pack.close()


def random_text(rng):
    roll = rng.random()
    if roll < 0.3:
        return b"%d" % rng.choice(EDGES)
    if roll < 0.5:
        return rng.choice(TEXTS)
    return bytes(rng.choices(b"ab1-\0\xff", k=rng.randrange(12)))


def change(pack, model, rng):
    """One random change of both."""
    what = rng.randrange(10) if len(model) < 60 else 7
    text = random_text(rng)
    index = rng.randrange(len(model)) if model else 0
    if not model or what == 0:
        pack.append(text)
        model.append(text)
    elif what == 1:
        pack.prepend(text)
        model.insert(0, text)
    elif what in (2, 3):
        after = what == 3
        assert pack.insert(index, text, after) == index + after
        model.insert(index + after, text)
    elif what == 4:
        assert pack.replace(index - len(model) if rng.random() < 0.5 else index, text) == index
        model[index] = text
    elif what == 5:
        number = rng.choice(EDGES)
        pack.replace(index, number)
        model[index] = b"%d" % number
    elif what == 6:
        texts = [random_text(rng) for _ in range(rng.randrange(5))]
        assert pack.insert_many(index, [kept(text) for text in texts]) == index
        model[index:index] = texts
    elif what == 7:
        count = rng.choice([1, 1, 2, 5, 100])
        behind = pack.delete(index, count)
        del model[index:index + count]
        assert behind == (index if index < len(model) else None)
    elif what == 8:
        pack.insert_many(None, [text, text])
        model += [text, text]
    else:
        index = rng.randrange(-len(model) - 2, len(model) + 2)
        pack.delete_range(index, 2)
        if -len(model) <= index < len(model):
            index %= len(model)
            del model[index:index + 2]


@pytest.mark.parametrize("seed", range(6))
def test_against_a_list(pack, seed):
    rng = random.Random(seed)
    model = []
    for _ in range(400):
        change(pack, model, rng)
        check(pack, model)
        assert pack.copy() == pack.bytes()


def test_seek_from_both_ends(pack):
    model = [b"v%d" % i for i in range(50)]
    for text in model:
        pack.append(text)
    for index in range(-50, 50):
        assert pack.seek(index) == model[index]
    for index in (50, -51, 2**63 - 1, -2**63):
        assert pack.seek(index) is None


@pytest.mark.parametrize("skip", [0, 1, 2])
def test_find(pack, skip):
    rng = random.Random(skip)
    model = [rng.choice([b"1", b"01", b"", b"a", b"ab", b"300", b"-7"]) for _ in range(60)]
    for text in model:
        pack.append(text)
    for value in [*set(model), b"none", b"7"]:
        for start in range(60):
            want = [i for i in range(start, 60, skip + 1) if model[i] == value]
            assert pack.find(start, value, skip) == (want[0] if want else None)


def test_find_pair(pack):
    pack.insert_many(None, [b"a", b"b", b"b", 1, 5, b"a"])
    assert [pack.find_pair(field) for field in (b"a", b"b", b"5", b"1", b"c")] \
        == [1, 3, 5, None, None]


def test_find_texts_that_could_be_integers():
    """Valid bytes in which "5" is kept as a text: nobody writes that, but it can be sent."""
    pack = Pack(b"\x0a\0\0\0\x01\0\x81" b"5\x02\xff")
    assert pack.forward() == [b"5"] and pack.find(0, b"5", 0) == 0
    pack.close()


def test_split_and_join(pack):
    model = [random_text(random.Random(seed)) for seed in range(40)]
    for cut in (0, 1, 20, 39):
        pack.insert_many(None, [])
        for text in model:
            pack.append(text)
        rest = Pack(pack.split(cut))
        check(pack, model[:cut])
        check(rest, model[cut:])
        pack.take_range(rest, 0, 5, False)
        check(pack, model[:cut + 5])
        pack.take_range(rest, -1, 99, True)
        check(pack, model[-1:] + model[:cut + 5])
        assert rest.close()
        pack.delete_range(0, 1000)


@pytest.mark.parametrize("seed", range(4))
def test_ends_where_there_is_room(pack, seed):
    rng = random.Random(seed)
    model, changes = [], []
    for _ in range(150):
        front = rng.random() < 0.5
        if model and rng.random() < 0.4:
            changes.append((None, front))
            del model[0 if front else -1]
        else:
            text = rng.choice([b"x" * 70, b"7", b"-5000", b"word", b""])
            changes.append((text, front))
            model.insert(0 if front else len(model), text)
        if rng.random() < 0.1:
            data = pack.in_room(changes)
            assert valid(data) == len(model)
            result = Pack(data)
            check(result, model)
            assert result.close()


def test_more_entries_than_the_header_counts(pack):
    for _ in range(65534):
        pack.append(1)
    assert pack.bytes()[4:6] == b"\xfe\xff"
    pack.append(2)
    pack.append(3)
    assert pack.bytes()[4:6] == b"\xff\xff" and pack.count() == 65536
    assert pack.seek(65535) == 3 and pack.seek(-2) == 2 and pack.seek(65536) is None
    pack.delete_range(0, 10)
    assert pack.count() == 65526 == valid(pack.bytes())


def test_safe_size(pack):
    assert pack.is_safe(2**30 - 7) and not pack.is_safe(2**30 - 6)


def test_random_is_even(pack):
    for i in range(10):
        pack.append(b"v%d" % i)
    single = [pack.random(1) for _ in range(2000)]
    assert min(single.count(i) for i in range(10)) > 120
    assert set(pack.random(2) for _ in range(200)) == {0, 2, 4, 6, 8}
    samples = [pack.sample(3, 1) for _ in range(2000)]
    assert all(len(set(sample)) == 3 and sample == sorted(sample) for sample in samples)
    flat = sum(samples, [])
    assert min(flat.count(i) for i in range(10)) > 450
    assert pack.sample(99, 1) == list(range(10)) and pack.sample(5, 2) == [0, 2, 4, 6, 8]


def test_hostile_bytes():
    """Each change of one byte is either refused, or read in both directions alike."""
    pack = Pack()
    for value in (b"abc", 5, -300, b"y" * 70, 70000, b"", 2**40):
        pack.append(value)
    good = pack.bytes()
    pack.close()
    for place in range(len(good)):
        for byte in range(256):
            data = good[:place] + bytes([byte]) + good[place + 1:]
            if valid(data) is not None:
                pack = Pack(data)
                assert pack.forward() == pack.backward()[::-1]
                assert pack.close()
    for size in range(len(good)):
        assert valid(good[:size]) is None
        assert valid(size.to_bytes(4, "little") + good[4:size]) is None
    assert valid(good + b"\xff") is None


@pytest.mark.parametrize("entry", [
    b"\xf5\x01", b"\xfe\x01", b"\xff\x01",          # no such encoding, an early end
    b"\xf0\xff\xff\xff\xff\x05",                    # a text of 4 GB
    b"\xf0\x01", b"\xe1", b"\xf4\0\0\0",            # cut heads
    b"\xbfabc\x04",                                 # reaches beyond the end
    b"\x01\x02", b"\x01\x81", b"\x81a\x03",         # a wrong backlen
])
def test_hostile_entries(entry):
    for behind in (b"", b"\x01\x01"):
        data = entry + behind + b"\xff"
        assert valid((len(data) + 6).to_bytes(4, "little") + b"\xff\xff" + data) is None
