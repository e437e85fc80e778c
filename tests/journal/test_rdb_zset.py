"""Sorted sets in files: exchange with stock servers, old spellings, damage.

Digests are compared, so every member and every score counts. Old spellings are made here, since no
server at hand writes them any more; damaged ones must be refused or give a set that holds.
"""
import random
import struct

import pytest

from kvd.engine.server.journal import JournalError
from tests.commands.replies import array
from tests.core.test_ziplist import ziplist
from tests.journal.exchange import (
    digest_and_encodings, needs_stock, stock_loads_ours, we_load_theirs,
)
from tests.journal.images import bent, length, listpack, loaded, text


def pairs(rng, count):
    scores = (0, 1, -1, 1.5, 1e17, 1e300, 0.1, "inf", "-inf", 123456789012, 2**53, -3e-7)
    names = [b"m%d" % n for n in range(count)] + [b"%d" % n for n in range(count)]
    rng.shuffle(names)
    return [word for n in range(count) for word in (rng.choice(scores), names[n])]


def fill(connection) -> None:
    rng = random.Random(1)
    requests = [("ZADD", f"zset{count}", *pairs(rng, count))
                for count in (1, 2, 64, 127, 128, 129, 500, 3000)]
    requests += [("ZADD", "long", "1", "a", "2", b"L" * 300, "3", "", "-0", b"\0\xff" * 40),
                 ("ZADD", "dies", *pairs(rng, 100)), ("PEXPIREAT", "dies", 4102444800000),
                 ("GEOADD", "geo", "13.361389", "38.115556", "Palermo"),
                 ("SELECT", 3), ("ZADD", "other", "1", "1"), ("SELECT", 0)]
    connection.ask_each(requests)


def later(connection) -> None:
    """What follows the base."""
    connection.ask_each([
        ("ZPOPMIN", "zset500", "7"), ("ZINCRBY", "zset64", "0.1", "m3"), ("ZREM", "zset2", "m0"),
        ("ZADD", "zset127", "GT", "CH", "5", "m1", "5", "m2"), ("ZADD", "zset1", "INCR", "1", "x"),
        ("ZREMRANGEBYRANK", "zset3000", "10", "-10"), ("ZRANGESTORE", "d", "zset500", "0", "50"),
        ("BZPOPMAX", "nothing", "zset128", "0"), ("ZMPOP", "1", "zset129", "MIN", "COUNT", "3"),
        ("ZUNIONSTORE", "u", "2", "zset64", "zset127", "WEIGHTS", "0.1", "3"),
        ("GEOADD", "geo", "15.087269", "37.502669", "Catania"),
        ("GEOSEARCHSTORE", "found", "geo", "FROMLONLAT", "15", "37", "BYRADIUS", "200", "km",
         "STOREDIST")])


@needs_stock
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_stock_loads_ours(tmp_path, preamble):
    stock_loads_ours(tmp_path, preamble, fill, later, digest_and_encodings)


@needs_stock
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_we_load_theirs(tmp_path, preamble):
    we_load_theirs(tmp_path, preamble, fill, later, digest_and_encodings)


# -- made here ------------------------------------------------------------------------------------

def old_score(score: bytes) -> bytes:
    return {b"inf": b"\xfe", b"-inf": b"\xff", b"nan": b"\xfd"}.get(
        score, bytes([len(score)]) + score)


VALUES = [b"low", b"-inf", b"5", b"-1.5", b"a", b"1", b"b", b"1", b"", b"17"]
MEMBERS, SCORES = VALUES[::2], VALUES[1::2]
OUT_OF_ORDER = [b"b", b"1", b"", b"17", b"a", b"1", b"5", b"-1.5", b"low", b"-inf"]


def many(count: int) -> list[bytes]:
    return [word for n in range(count) for word in (b"m%03d" % n, b"%d" % n)]


def key(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + text(b"k") + body


SPELLINGS = {
    "texts": key(3, length(5) + b"".join(
        text(m) + old_score(s) for m, s in zip(MEMBERS, SCORES, strict=True))),
    "doubles": key(5, length(5) + b"".join(
        text(m) + struct.pack("<d", float(s)) for m, s in zip(MEMBERS, SCORES, strict=True))),
    "ziplist": key(12, text(ziplist(VALUES))),
    "ziplist of integers": key(12, text(ziplist([
        b"low", b"-inf", 5, b"-1.5", b"a", 1, b"b", 1, b"", 17]))),
    "listpack": key(17, text(listpack(VALUES))),
    "listpack out of order": key(17, text(listpack(OUT_OF_ORDER))),
}
WRONG = {
    "no texts": key(3, length(0)),
    "no doubles": key(5, length(0)),
    "no entries": key(12, text(ziplist([]))),
    "an empty pack": key(17, text(listpack([]))),
    "a member without a score": key(17, text(listpack([b"a", b"1", b"b"]))),
    "a score that is none": key(17, text(listpack([b"a", b"x"]))),
    "a score that is nan": key(17, text(listpack([b"a", b"nan"]))),
    "an old score that is nan": key(3, length(1) + text(b"a") + b"\xfd"),
    "an old score that is none": key(3, length(1) + text(b"a") + b"\x03abc"),
    "a double that is nan": key(5, length(1) + text(b"a") + struct.pack("<d", float("nan"))),
    "a member twice": key(5, length(2) + (text(b"a") + struct.pack("<d", 1)) * 2),
    "a member twice in a pack": key(17, text(listpack([b"a", b"1", b"b", b"2", b"a", b"3"]))),
    "a member twice in a large pack": key(17, text(listpack(many(60) + [b"m007", b"99"]))),
    "a member twice in a ziplist": key(12, text(ziplist([b"a", 1, b"a", 2]))),
    "many members": key(5, b"\x81" + b"\xff" * 8 + text(b"a") + struct.pack("<d", 1)),
}


ASK = ("ZRANGE k 0 -1 WITHSCORES", "OBJECT ENCODING k", "ZSCORE k a")


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings(tmp_path, name):
    values, encoding, score = loaded(tmp_path, SPELLINGS[name], *ASK)
    assert values == array(*VALUES)
    assert b"listpack" in encoding and score == b"$1\r\n1\r\n"


@pytest.mark.parametrize("count", [30, 100, 129, 600])
@pytest.mark.parametrize("kind", [12, 17])
def test_large_packs(tmp_path, kind, count):
    values = many(count)
    made = ziplist(values) if kind == 12 else listpack(values)
    got, encoding, _ = loaded(tmp_path, key(kind, text(made)), *ASK)
    assert got == array(*values)
    assert (b"listpack" if count <= 128 else b"skiplist") in encoding


@pytest.mark.parametrize("name", WRONG)
def test_what_no_sorted_set_can_be(tmp_path, name):
    with pytest.raises(JournalError):
        loaded(tmp_path, WRONG[name], *ASK)


@pytest.mark.parametrize("name", SPELLINGS)
def test_damage(tmp_path, name):
    """Every third byte bent: refused, or a set that is whole."""
    for damaged in bent(SPELLINGS[name], 3):
        try:
            values, _, _ = loaded(tmp_path, damaged, *ASK)
        except JournalError:
            continue
        assert values.startswith(b"*") and values != b"*0\r\n"
