"""engine/core/glob: against a model that parses first and matches after, and against Valkey.

The model turns a pattern into elements, each a set of bytes or a star, and fills the table of
"prefix of elements matches prefix of text": no pointers, no return to a star.
"""
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faces.c_glob import match

STAR = None
BYTES = [b"a", b"b", b"c", b"A", b"B", b"-", b"]", b"^", b"[", b"\\", b"*", b"?", b"\0", b"\x7f",
         b"\x80", b"\xff"]
PARTS = BYTES + [b"*", b"*", b"?", b"[a", b"[^", b"[a-c]", b"[b-\xff]", b"[c-", b"\\"]
patterns = st.lists(st.sampled_from(PARTS), max_size=9).map(b"".join)
texts = st.lists(st.sampled_from(BYTES), max_size=9).map(b"".join)


def fold(byte, nocase):
    return bytes([byte]).lower()[0] if nocase else byte


def signed(byte):
    return byte - 256 if byte > 127 else byte


def model_class(pattern, at, nocase):
    """The bytes of the class behind pattern[at - 1] == "[", and where the pattern goes on."""
    negated = pattern[at:at + 1] == b"^"
    at += negated
    members = set()
    while at < len(pattern) and pattern[at:at + 1] != b"]":
        if pattern[at:at + 1] == b"\\" and at + 1 < len(pattern):
            members.add(pattern[at + 1])
            at += 2
        elif pattern[at + 1:at + 2] == b"-" and at + 2 < len(pattern):
            ends = sorted((pattern[at], pattern[at + 2]), key=signed)
            first, last = (signed(fold(end, nocase)) for end in ends)
            members |= {b for b in range(256) if first <= signed(fold(b, nocase)) <= last}
            at += 3
        else:
            members |= {b for b in range(256) if fold(b, nocase) == fold(pattern[at], nocase)}
            at += 1
    return set(range(256)) - members if negated else members, at + 1


def model_elements(pattern, nocase):
    elements, at = [], 0
    while at < len(pattern):
        byte = pattern[at]
        at += 1
        if byte == ord("*"):
            elements.append(STAR)
        elif byte == ord("?"):
            elements.append(set(range(256)))
        elif byte == ord("["):
            members, at = model_class(pattern, at, nocase)
            elements.append(members)
        else:
            if byte == ord("\\") and at < len(pattern):
                byte = pattern[at]
                at += 1
            elements.append({b for b in range(256) if fold(b, nocase) == fold(byte, nocase)})
    return elements


def model_match(pattern, text, nocase=False):
    if not text:
        return not pattern
    row = [True] + [False] * len(text)
    for element in model_elements(pattern, nocase):
        if element is STAR:
            first = row.index(True) if True in row else len(row)
            row = [i >= first for i in range(len(row))]
        else:
            row = [False] + [before and b in element for before, b in zip(row, text)]
    return row[-1]


@given(patterns, texts, st.booleans())
def test_against_model(pattern, text, nocase):
    assert match(pattern, text, nocase) == model_match(pattern, text, nocase)


def test_against_model_many():
    rng = random.Random(1)
    agreed = 0
    for _ in range(6000):
        pattern = b"".join(rng.choices(PARTS, k=rng.randrange(9)))
        text = b"".join(rng.choices(BYTES[:6], k=rng.randrange(7)))
        nocase = rng.random() < 0.5
        got = match(pattern, text, nocase)
        agreed += got
        assert got == model_match(pattern, text, nocase), (pattern, text, nocase)
    assert agreed > 300


@pytest.mark.parametrize("pattern, text, expected", [
    (b"h?llo", b"hello", True), (b"h*llo", b"hllo", True), (b"h[ae]llo", b"hillo", False),
    (b"h[^e]llo", b"hello", False), (b"h[a-b]llo", b"hbllo", True), (b"a\\*b", b"a*b", True),
    (b"a\\*b", b"aab", False), (b"*", b"", False), (b"", b"", True), (b"", b"a", False),
    (b"[ab", b"b", True), (b"[]", b"]", False), (b"[^]", b"x", True), (b"[z-a]", b"m", True),
    (b"[a-\xff]", b"b", False), (b"[a-\xff]", b"A", True), (b"a\\", b"a\\", True),
    (b"[a\\]b]", b"]", True), (b"[", b"[", False), (b"[^", b"x", True), (b"a**", b"a", True),
    (b"*a*b*", b"xxaxxbxx", True), (b"*ab", b"aab", True), (b"?", b"\0", True),
])
def test_known(pattern, text, expected):
    assert match(pattern, text) == model_match(pattern, text) == expected


def test_nocase_known():
    assert match(b"MAX*", b"maxmemory", True) and not match(b"MAX*", b"maxmemory")
    assert match(b"[A-Z]x", b"cX", True) and not match(b"[Z-a]", b"a", True)     # G3
    assert not match(b"[\\M]x", b"mx", True)        # G5


@pytest.mark.parametrize("pattern, text", [
    (b"a*" * 50 + b"b", b"a" * 20000),
    (b"*" * 20000 + b"b", b"a" * 20000),
    (b"*" + b"a" * 200 + b"b", b"a" * 20000),
    (b"*?" * 200 + b"b", b"a" * 20000),
    (b"*" + b"[" + b"bcd" * 60 + b"]", b"a" * 20000),
])
def test_evil_patterns_are_cheap(pattern, text):
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        assert not match(pattern, text)
        best = min(best, time.perf_counter() - start)
    assert best < 0.05                  # pattern times text is 4 million steps at most


@pytest.mark.oracle
def test_is_valkeys(valkey):
    """KEYS over a few hundred odd keys; and COMMAND LIST, whose patterns ignore case."""
    rng = random.Random(2)
    keys = {b"".join(rng.choices(BYTES, k=rng.randrange(1, 6))) for _ in range(300)}
    valkey.ask("FLUSHALL")
    for key in keys:
        valkey.ask("SET", key, "")
    some = [b"".join(rng.choices(PARTS, k=rng.randrange(9))) for _ in range(4000)]
    for pattern, found in zip(some, valkey.ask_each([("KEYS", p) for p in some])):
        assert {key for key in keys if match(pattern, key)} == set(found), pattern
    names = valkey.ask("COMMAND", "LIST")
    parts = [b"g", b"E", b"t", b"S", b"*", b"*", b"?", b"-",
             b"[A-H]", b"[^a-h]", b"[\\G]", b"[Z-a]"]
    some = [b"".join(rng.choices(parts, k=rng.randrange(1, 6))) for _ in range(1000)]
    requests = [("COMMAND", "LIST", "FILTERBY", "PATTERN", p) for p in some]
    for pattern, found in zip(some, valkey.ask_each(requests)):
        assert {name for name in names if match(pattern, name, True)} == set(found), pattern
