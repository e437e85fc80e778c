"""Sets and hashes in files: exchange with stock servers, old spellings, damage.

Digests are compared, so every member, field, value and deadline counts, and encodings beside them.
Old spellings are made here, since no server at hand writes them any more; damaged ones must be
refused or give something that holds.
"""
import random
import struct

import pytest

from kvd.engine.server.journal import JournalError
from tests.core.test_ziplist import ziplist
from tests.journal.exchange import needs_stock, stock_loads_ours, we_load_theirs
from tests.journal.images import length, listpack, loaded, text

FAR = 4102444800000


def words(rng, count):
    return [rng.choice([b"%d" % rng.randrange(-2**40, 2**40), b"%d:x" % rng.randrange(10**9),
                        b"x" * rng.randrange(60) + b"%d" % n, b"%d\0\xff\r\n" % n])
            for n in range(count)]


def fill(connection) -> None:
    rng = random.Random(2)
    requests = []
    for count in (1, 2, 100, 128, 129, 300, 512, 513, 2000):
        requests.append(("SADD", f"set{count}", *words(rng, count)))
        requests.append(("SADD", f"ints{count}", *(rng.randrange(10**rng.choice([2, 5, 12]))
                                                   for _ in range(count))))
        requests.append(("HSET", f"hash{count}", *words(rng, 2 * count)))
    requests += [
        ("SADD", "long", b"x" * 65), ("SADD", "huge", b"x" * 70000, b""), ("SADD", "one", b""),
        ("HSET", "wide", b"x" * 65, b"1"),
        ("HSET", "huge hash", b"x" * 300, b"y" * 70000, b"", b""),
        ("HSET", "dying", "a", "1", "b", "2", "c", "3"),
        ("HPEXPIREAT", "dying", FAR, "FIELDS", "2", "a", "b"),
        ("HSET", "persisted", "a", "1"), ("HPEXPIREAT", "persisted", FAR, "FIELDS", "1", "a"),
        ("HPERSIST", "persisted", "FIELDS", "1", "a"),
        *(("HPEXPIREAT", "hash2000", FAR + n, "FIELDS", "1", word)
          for n, word in enumerate(words(random.Random(2), 10))),
        ("PEXPIREAT", "set100", FAR), ("PEXPIREAT", "dying", FAR),
        ("SELECT", 3), ("SADD", "other", "1"), ("HSET", "h", "a", "1"), ("SELECT", 0)]
    connection.ask_each(requests)


def all_of_it(connection) -> tuple:
    """The digest leaves deadlines of fields out. Encodings are not compared: a set that became
    small by losing members is read as a small one."""
    fields = sorted(connection.ask("HKEYS", "hash2000"))
    return connection.ask("DEBUG", "DIGEST"), [
        connection.ask("HPEXPIRETIME", name, "FIELDS", str(len(some)), *some) for name, some in (
            ("dying", list("abcde")), ("persisted", ["a"]), ("hash2000", fields))]


def later(connection) -> None:
    """What follows the base."""
    connection.ask_each([
        ("SPOP", "set300", "7"), ("SPOP", "ints2000", "1990"), ("SPOP", "set2"),
        ("SMOVE", "long", "one", b"x" * 65), ("SINTERSTORE", "in", "set512", "set512"),
        ("SUNIONSTORE", "un", "set2000", "ints512"), ("SDIFFSTORE", "di", "un", "set2000"),
        ("SREM", "one", ""), ("HDEL", "hash2", "nothing"), ("HINCRBY", "dying", "a", "5"),
        ("HINCRBYFLOAT", "dying", "c", "1.25"), ("HSET", "dying", "b", "7", "d", "8"),
        ("HSETEX", "dying", "PXAT", FAR + 5, "FIELDS", "1", "e", "9"),
        ("HGETEX", "dying", "PERSIST", "FIELDS", "1", "a"), ("HSETNX", "wide", "n", "1"),
        ("HGETDEL", "huge hash", "FIELDS", "1", ""), ("HEXPIRE", "hash1", "0", "FIELDS", "1", "x"),
        ("HSETEX", "dying", "KEEPTTL", "FIELDS", "1", "e", "10")])


@needs_stock
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_stock_loads_ours(tmp_path, preamble):
    stock_loads_ours(tmp_path, preamble, fill, later, all_of_it)


@needs_stock
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_we_load_theirs(tmp_path, preamble):
    we_load_theirs(tmp_path, preamble, fill, later, all_of_it)


# -- made here ------------------------------------------------------------------------------------

FIELDS = [b"one", b"2", b"", b"three" * 5, b"-70000", b"x"]
SET = [b"one", b"2", b"", b"-70000"]


def intset(width, values):
    code = {2: "h", 4: "i", 8: "q"}[width]
    return struct.pack(f"<II{len(values)}{code}", width, len(values), *values)


def zipmap(values, spare=0):
    out = bytes([len(values) // 2])
    for field, value in zip(values[::2], values[1::2]):
        for word in (field, value):
            out += bytes([len(word)]) if len(word) < 254 else b"\xfe" + struct.pack("<I", len(word))
            out += (bytes([spare]) if word is value else b"") + word
        out += bytes(spare)
    return out + b"\xff"


def with_deadlines(deadlines):
    return b"\x16" + text(b"k") + length(3) + b"".join(
        text(field) + text(value) + struct.pack("<q", deadline)
        for field, value, deadline in zip(FIELDS[::2], FIELDS[1::2], deadlines))


def pairs(values):
    return b"".join(map(text, values))


SPELLINGS = {
    "set": (b"\x02" + text(b"k") + length(4) + pairs(SET), b"listpack"),
    "set of numbers": (b"\x02" + text(b"k") + length(2) + text(b"7") + text(b"5"), b"intset"),
    "set (intset 2)": (b"\x0b" + text(b"k") + text(intset(2, [-7, 5, 300])), b"intset"),
    "set (intset 4)": (b"\x0b" + text(b"k") + text(intset(4, [-7, 5, 70000])), b"intset"),
    "set (intset 8)": (b"\x0b" + text(b"k") + text(intset(8, [-7, 5, 2**40])), b"intset"),
    "set (listpack)": (b"\x14" + text(b"k") + text(listpack(SET)), b"listpack"),
    "hash": (b"\x04" + text(b"k") + length(3) + pairs(FIELDS), b"listpack"),
    "hash (zipmap)": (b"\x09" + text(b"k") + text(zipmap(FIELDS)), b"listpack"),
    "hash (zipmap, spare)": (b"\x09" + text(b"k") + text(zipmap(FIELDS, 3)), b"listpack"),
    "hash (zipmap, long)": (b"\x09" + text(b"k") + text(zipmap([b"f", b"y" * 400])), b"hashtable"),
    "hash (ziplist)": (b"\x0d" + text(b"k") + text(ziplist(FIELDS)), b"listpack"),
    "hash (listpack)": (b"\x10" + text(b"k") + text(listpack(FIELDS)), b"listpack"),
    "hash with deadlines": (with_deadlines([FAR, -1, FAR + 1]), b"hashtable"),
}


def load(directory, key: bytes, *requests: str):
    return loaded(directory, key, *requests, version=12)


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings(tmp_path, name):
    data, encoding = SPELLINGS[name]
    got, count, contents = load(
        tmp_path, data, "OBJECT ENCODING k", "SCARD k" if name.startswith("set") else "HLEN k",
        "SMEMBERS k" if name.startswith("set") else "HGETALL k")
    assert got.split(b"\r\n")[1] == encoding
    words = contents.split(b"\r\n")[2:-1:2]
    if name in ("set", "set (listpack)"):
        assert words == SET
    elif name == "set of numbers":
        assert words == [b"5", b"7"]
    elif "intset" in name:
        assert words[:2] == [b"-7", b"5"] and len(words) == 3
    elif name == "hash (zipmap, long)":
        assert words == [b"f", b"y" * 400]
    else:
        assert sorted(zip(words[::2], words[1::2])) == sorted(zip(FIELDS[::2], FIELDS[1::2]))
    assert int(count[1:]) == len(words) // (1 if name.startswith("set") else 2)


def test_deadlines_are_read(tmp_path):
    got, = load(tmp_path, with_deadlines([FAR, -1, 2**63 - 1]),
                "HPEXPIRETIME k FIELDS 3 one  -70000")
    assert got == b"*3\r\n:%d\r\n:-1\r\n:%d\r\n" % (FAR, 2**63 - 2)


def test_fields_that_died_meanwhile(tmp_path):
    got, = load(tmp_path, with_deadlines([1, -1, 2]), "HGETALL k")
    assert got == b"*2\r\n$0\r\n\r\n$25\r\n" + b"three" * 5 + b"\r\n"


BROKEN = {
    "a set without members": b"\x02" + text(b"k") + length(0),
    "a listpack without members": b"\x14" + text(b"k") + text(listpack([])),
    "an intset without members": b"\x0b" + text(b"k") + text(intset(2, [])),
    "an intset out of order": b"\x0b" + text(b"k") + text(intset(2, [2, 1])),
    "an intset of a wrong size": b"\x0b" + text(b"k") + text(intset(2, [1, 2])[:-1]),
    "a member twice": b"\x02" + text(b"k") + length(2) + pairs([b"a", b"a"]),
    "a member twice in a listpack": b"\x14" + text(b"k") + text(listpack([b"a", b"b", b"a"])),
    "a hash without fields": b"\x04" + text(b"k") + length(0),
    "a field twice": b"\x04" + text(b"k") + length(2) + pairs([b"a", b"1", b"a", b"2"]),
    "a field twice in a listpack": b"\x10" + text(b"k") + text(listpack([b"a", b"1", b"a", b"2"])),
    "a field twice in a ziplist": b"\x0d" + text(b"k") + text(ziplist([b"a", b"1", b"a", b"2"])),
    "a field twice in a zipmap": b"\x09" + text(b"k") + text(zipmap([b"a", b"1", b"a", b"2"])),
    "a field without a value": b"\x10" + text(b"k") + text(listpack([b"a", b"1", b"b"])),
    "a negative deadline": with_deadlines([FAR, -2, -1]),
    "a zipmap without end": b"\x09" + text(b"k") + text(zipmap([b"a", b"1"])[:-1]),
    "a zipmap with more behind": b"\x09" + text(b"k") + text(zipmap([b"a", b"1"]) + b"x"),
    "an empty zipmap": b"\x09" + text(b"k") + text(zipmap([])),
    "no zipmap": b"\x09" + text(b"k") + text(b""),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_cannot_be(tmp_path, what):
    with pytest.raises(JournalError):
        load(tmp_path, BROKEN[what])


@pytest.mark.parametrize("name", SPELLINGS)
def test_damage(tmp_path, name):
    """Bytes that were changed, or left out: refused, or read as something that holds."""
    rng = random.Random(name)
    data, _ = SPELLINGS[name]
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 4])):
            at = rng.randrange(1, len(damaged))
            if rng.random() < 0.8:
                damaged[at] = rng.randrange(256)
            else:
                del damaged[at]
        try:
            load(tmp_path, bytes(damaged), "SMEMBERS k", "HGETALL k", "DEL k")
        except JournalError:
            pass
