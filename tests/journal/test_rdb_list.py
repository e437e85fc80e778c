"""Lists in files: exchange with stock servers, old spellings, damage.

Digests are compared, so every element of every list counts. Old spellings are made here, since no
server at hand writes them any more; damaged ones must be refused or give a list that holds.
"""
import random

import pytest

from kvd.engine.server.journal import JournalError
from tests.commands.replies import array
from tests.core.test_ziplist import ziplist
from tests.journal.exchange import (
    digest_and_encodings, needs_stock, stock_loads_ours, we_load_theirs,
)
from tests.journal.images import bent, length, listpack, loaded, text


def elements(rng, count):
    return [rng.choice([b"%d" % rng.choice([0, 5, -1, 300, 70000, 2**40]), b"word", b"",
                        b"x" * rng.randrange(200), b"\0\xff\r\n"]) for _ in range(count)]


def fill(connection) -> None:
    rng = random.Random(1)
    requests = [("RPUSH", f"list{count}", *elements(rng, count))
                for count in (1, 2, 63, 64, 65, 200, 3000)]
    requests += [("RPUSH", "large", "a", b"L" * 9000, "b", b"M" * 20000, b"N" * 9000),
                 ("RPUSH", "alone", b"L" * 100000), ("RPUSH", "dies", *elements(rng, 100)),
                 ("PEXPIREAT", "dies", 4102444800000), ("SELECT", 3), ("RPUSH", "other", "1"),
                 ("SELECT", 0)]
    connection.ask_each(requests)


def later(connection) -> None:
    """What follows the base."""
    connection.ask_each([
        ("LPOP", "list200", "7"), ("LINSERT", "list64", "BEFORE", "word", "here"),
        ("LMOVE", "list200", "new", "LEFT", "RIGHT"), ("LTRIM", "list3000", "10", "-10"),
        ("LREM", "list3000", "0", "word"), ("LSET", "large", "1", "short"),
        ("BLPOP", "nothing", "list63", "0"), ("BLMOVE", "list2", "new", "LEFT", "LEFT", "0"),
        ("LMPOP", "2", "none", "list65", "RIGHT", "COUNT", "3"), ("RPOPLPUSH", "new", "new")])


@needs_stock
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_stock_loads_ours(tmp_path, preamble):
    stock_loads_ours(tmp_path, preamble, fill, later, digest_and_encodings)


@needs_stock
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_we_load_theirs(tmp_path, preamble):
    we_load_theirs(tmp_path, preamble, fill, later, digest_and_encodings)


# -- made here ------------------------------------------------------------------------------------

VALUES = [b"one", b"2", b"", b"three" * 5, b"-70000"]
SPELLINGS = {
    "texts": b"\x01" + text(b"k") + length(5) + b"".join(map(text, VALUES)),
    "ziplist": b"\x0a" + text(b"k") + text(ziplist(VALUES)),
    "ziplist of integers": b"\x0a" + text(b"k") + text(ziplist([b"one", 2, b"", VALUES[3],
                                                                 -70000])),
    "ziplists": b"\x0e" + text(b"k") + length(3) + text(ziplist(VALUES[:2])) + text(ziplist([]))
    + text(ziplist(VALUES[2:])),
    "listpacks": b"\x12" + text(b"k") + length(3) + b"\x02" + text(listpack(VALUES[:3]))
    + b"\x01" + text(VALUES[3]) + b"\x02" + text(listpack(VALUES[4:])),
}
EMPTY = {
    "no texts": b"\x01" + text(b"k") + length(0),
    "no entries": b"\x0a" + text(b"k") + text(ziplist([])),
    "no nodes": b"\x12" + text(b"k") + length(0),
    "an empty node": b"\x12" + text(b"k") + length(1) + b"\x02" + text(listpack([])),
    "an empty element": b"\x12" + text(b"k") + length(1) + b"\x01" + text(b""),
    "an unknown node": b"\x12" + text(b"k") + length(1) + b"\x03" + text(listpack([b"a"])),
    "many nodes": b"\x12" + text(b"k") + b"\x81" + b"\xff" * 8 + b"\x02" + text(listpack([b"a"])),
    "many texts": b"\x01" + text(b"k") + b"\x81" + b"\xff" * 8 + text(b"a"),
}


ASK = ("LRANGE k 0 -1", "OBJECT ENCODING k")


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings(tmp_path, name):
    values, encoding = loaded(tmp_path, SPELLINGS[name], *ASK)
    assert values == array(*VALUES)
    # Three nodes stay three nodes, even small ones: that is Valkey's rule.
    assert (b"quicklist" in encoding) == (name in ("ziplists", "listpacks"))


@pytest.mark.parametrize("name", EMPTY)
def test_what_no_list_can_be(tmp_path, name):
    with pytest.raises(JournalError):
        loaded(tmp_path, EMPTY[name], *ASK)


@pytest.mark.parametrize("name", SPELLINGS)
def test_damage(tmp_path, name):
    """Every third byte bent: refused, or a list that is whole."""
    for key in bent(SPELLINGS[name], 3):
        try:
            values, _ = loaded(tmp_path, key, *ASK)
        except JournalError:
            continue
        assert values.startswith(b"*") and values != b"*0\r\n"
