"""engine/core/number and decimal: texts to numbers and back.

Integers against Python's int and a regular expression; doubles against Python's float (which rounds
correctly), with texts laid on and beside the half-way points between neighbours; the form of a
double and all of INCRBYFLOAT against a live valkey-server; long doubles against Fraction.
"""
import fractions
import math
import os
import random
import re
import struct
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.faces import c_number as number

STRICT = re.compile(rb"0|-?[1-9][0-9]*")
LITERAL = re.compile(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
INFINITY = re.compile(rb"[+-]?(inf|infinity)", re.I)
# Texts that are nearly numbers: hypothesis shortens them to what matters.
almost = st.text(alphabet="0123456789+-.eE \0\tinfxa", max_size=24).map(str.encode)
integers = st.one_of(
    st.integers(-2**63 - 20, 2**64 + 20), st.integers(-2000, 2000),
    st.builds(lambda e, d: 10**e + d, st.integers(0, 20), st.integers(-2, 2)))


def random_double(rng):
    while True:
        value, = struct.unpack("<d", rng.randbytes(8))
        if math.isfinite(value):
            return value


# ---- integers

def model_int(text, low, high):
    if not STRICT.fullmatch(text) or not low <= int(text) <= high:
        return None
    return int(text)


@given(st.one_of(almost, integers.map(lambda n: b"%d" % n)))
@example(b"-0")
@example(b"00")
@example(b"")
@example(b"-")
@example(b"9223372036854775808")
@example(b"-9223372036854775809")
@example(b"18446744073709551616")
@example(b"99999999999999999999")
def test_parse_integers(text):
    assert number.read_int64(text) == model_int(text, -2**63, 2**63 - 1)
    assert number.read_uint64(text) == model_int(text, 0, 2**64 - 1)


def test_every_byte_at_every_place():
    """The eight-at-once check must refuse what a check byte by byte refuses."""
    for size in (1, 3, 7, 8, 9, 15, 16, 19):
        for place in range(size):
            for byte in range(256):
                text = bytearray(b"1" * size)
                text[place] = byte
                text = bytes(text)
                assert number.read_int64(text) == model_int(text, -2**63, 2**63 - 1), text


@given(integers)
def test_format_integers(value):
    if -2**63 <= value < 2**63:
        assert number.write_int64(value) == b"%d" % value
    if 0 <= value < 2**64:
        assert number.write_uint64(value) == b"%d" % value


def model_cursor(text):
    """Valkey's: a strict negative number is refused, then C's strtoull up to the first NUL."""
    text = text.split(b"\0")[0]
    strict = model_int(text, -2**63, 2**63 - 1)
    if strict is not None and strict < 0:
        return None
    loose = re.fullmatch(rb"[ \t-\r]*([+-]?)([0-9]+)", text)
    if not loose or int(loose[2]) >= 2**64:
        return None
    return int(loose[2]) if loose[1] != b"-" else -int(loose[2]) % 2**64


CURSORS = [
    b"0", b"00", b"007", b"+5", b" 5", b"5 ", b"-5", b"-05", b"-0", b"", b"\0", b"5\0a", b"\t5",
    b"+", b" -5", b"- 5", b"0x5", b" ", b"18446744073709551615", b"18446744073709551616",
    b"9223372036854775808", b" -18446744073709551615", b"-018446744073709551616", b"0" * 500 + b"5",
    b"+-5", b"\x0b\x0c\r\n5", b"\x1f5", b"-9223372036854775808", b"-9223372036854775809",
]


@given(almost)
def test_cursor(text):
    assert number.read_cursor(text) == model_cursor(text)


@pytest.mark.oracle
def test_cursor_is_valkeys(valkey):
    replies = valkey.ask_each([("SCAN", text) for text in CURSORS])
    for text, reply in zip(CURSORS, replies):
        assert number.read_cursor(text) == model_cursor(text), text
        assert (number.read_cursor(text) is not None) == isinstance(reply, list), text


# ---- memory sizes

MEMORY = {
    b"0": 0, b"100": 100, b"007": 7, b"1b": 1, b"1B": 1, b"1k": 1000, b"1kb": 1024, b"1K": 1000,
    b"64kb": 65536, b"512m": 512 * 1000**2, b"512mb": 512 * 1024**2, b"1g": 1000**3,
    b"1gb": 1024**3, b"1GB": 1024**3, b"1Gb": 1024**3, b"0gb": 0,
    b"9223372036854775807": 2**63 - 1, b"8589934591gb": 8589934591 * 2**30,
    b"-1": None, b"+1": None, b"1.5gb": None, b" 1gb": None, b"1 gb": None, b"1gbx": None,
    b"1tb": None, b"1%": None, b"0x10": None, b"1kib": None, b"1bb": None,
}
# What Valkey takes and we refuse: no digits at all, and what does not fit 63 bits (it wraps).
MEMORY_OURS = (b"", b"gb", b"9223372036854775808", b"8589934592gb", b"99999999999gb")


def test_memory():
    for text, value in MEMORY.items():
        assert number.read_memory(text) == value, text
    for text in MEMORY_OURS:
        assert number.read_memory(text) is None, text


@pytest.mark.oracle
def test_memory_is_valkeys(valkey):
    for text, value in MEMORY.items():
        set_reply, got = valkey.ask_each([("CONFIG", "SET", "maxmemory", text),
                                          ("CONFIG", "GET", "maxmemory")])
        assert (set_reply == b"OK") == (value is not None), text
        assert value is None or int(got[1]) == value, text
        valkey.ask("CONFIG", "SET", "maxmemory", "0")


# ---- doubles in

def model_double(text):
    if INFINITY.fullmatch(text):
        return float(text)
    if not LITERAL.fullmatch(text):
        return None
    value = float(text)
    if math.isinf(value) or (value == 0 and re.search(rb"[1-9]", re.split(rb"[eE]", text)[0])):
        return None
    return value


def same(a, b):
    return a == b and (a is None or math.copysign(1, a) == math.copysign(1, b))


ODD_DOUBLES = [
    b"", b".", b"-.", b"+", b"-", b".5", b"5.", b"+.5", b"-.5e-2", b"1e", b"1e+", b"e5", b"1e5.",
    b"+-3", b"nan", b"-nan", b"nan(1)", b"infin", b"INF", b"+inf", b"-Infinity", b"inf ", b" 3",
    b"3 ", b"3\0", b"3\0x", b"\t3", b"0x10", b"0x1p3", b"1_0", b"1,5", b"1f", b"-0", b"0e999999999",
    b"0.0000e-99999999999999999999", b"1e99999999999999999999", b"1e400", b"-1e-400", b"5e-324",
    b"2e-324", b"2.4703282292062327e-324", b"2.4703282292062328e-324",
    b"1.7976931348623157e308", b"1.7976931348623158e308", b"1.7976931348623159e308",
    b"0" * 400 + b"1", b"1" + b"0" * 300, b"1" + b"0" * 400, b"0." + b"0" * 400 + b"1e401",
    b"1" * 1000 + b"e-900", b"0" * 5000 + b"x", b"." + b"0" * 60 + b"12345678901234567890123e50",
]


@given(st.one_of(
    almost,
    st.floats(allow_nan=False).map(lambda x: repr(x).encode()),
    st.builds(lambda s, a, b, e: f"{s}{a}.{b}e{e}".encode(), st.sampled_from(["", "-", "+"]),
              st.integers(0, 10**30), st.from_regex(r"[0-9]{0,30}", fullmatch=True),
              st.integers(-400, 400))))
@settings(max_examples=500)
def test_parse_double(text):
    assert same(number.read_double(text), model_double(text))


def test_parse_double_odd_texts():
    for text in ODD_DOUBLES:
        assert same(number.read_double(text), model_double(text)), text


def exact_text(value: fractions.Fraction) -> bytes:
    """All decimal digits of a dyadic fraction."""
    fives = value.denominator.bit_length() - 1
    digits = value.numerator * 5**fives
    return b"%de-%d" % (digits, fives)


def test_parse_double_half_way():
    """On the tie, a hair beside it, and with more digits than any buffer keeps."""
    rng = random.Random(3)
    for round_ in range(1500):
        low = abs(random_double(rng))
        if round_ % 3 == 0:
            low = float(rng.getrandbits(53)) * 2.0 ** rng.randrange(-30, 60)
        elif round_ % 7 == 0:
            low = math.ldexp(rng.getrandbits(20), -1074)        # subnormal
        high = math.nextafter(low, math.inf)
        if math.isinf(high) or low == 0:
            continue
        tie = (fractions.Fraction(low) + fractions.Fraction(high)) / 2
        text = exact_text(tie)
        mantissa, _, exponent = text.partition(b"e")
        longer = mantissa + b"0" * 900 + b"e%d" % (int(exponent) - 900)
        above = mantissa + b"0" * 900 + b"1e%d" % (int(exponent) - 901)
        below = b"%d" % (int(mantissa) - 1) + b"9" * 900 + b"e%d" % (int(exponent) - 900)
        for tied in (text, longer):
            assert number.read_double(tied) == float(tied)
        assert number.read_double(above) == high
        assert number.read_double(below) == low


def test_parse_double_short_mantissas():
    """Every power of ten, with mantissas that fill a word and that do not."""
    rng = random.Random(4)
    for ten in range(-360, 330):
        for digits in (1, 9, 2**53 - 1, 2**53 + 1, 10**19 - 1, 2**64 - 1, rng.getrandbits(63)):
            text = b"%de%d" % (digits, ten)
            assert same(number.read_double(text), model_double(text)), text


@pytest.mark.oracle
def test_parse_double_is_valkeys(valkey):
    for text in ODD_DOUBLES:
        _, added, score = valkey.ask_each([("DEL", "z"), ("ZADD", "z", text, "m"),
                                           ("ZSCORE", "z", "m")])
        value = number.read_double(text)
        assert (added == 1) == (value is not None), text
        assert value is None or float(score) == value, text


# ---- doubles out

FORMS = [
    (3.0, b"3"), (3.5, b"3.5"), (-1.5, b"-1.5"), (0.0, b"0"), (-0.0, b"-0"), (0.1, b"0.1"),
    (1e7, b"10000000"), (1e15, b"1000000000000000"), (1e18, b"1000000000000000000"),
    (1e19, b"1e+19"), (1e22, b"1e+22"), (1e23, b"99999999999999990000000"), (1e25, b"1e+25"),
    (-1e30, b"-1e+30"), (2.0**62, b"4611686018427387904"), (2.0**62 + 1024, b"4611686018427389000"),
    (-2.0**62, b"-4611686018427387904"), (1e-6, b"0.000001"), (1e-7, b"1e-7"),
    (1.25e-6, b"1.25e-6"), (0.00012345, b"1.2345e-4"), (123456789.125, b"123456789.125"),
    (235910.10316006537, b"2.3591010316006537e+5"), (5e-324, b"5e-324"),
    (0.30000000000000004, b"0.30000000000000004"), (2.0**-1022, b"2.2250738585072014e-308"),
    (1.7976931348623157e308, b"1.7976931348623157e+308"), (math.inf, b"inf"),
    (-math.inf, b"-inf"),
]


def some_doubles(rng, count):
    for _ in range(count):
        yield rng.choice((
            random_double,
            lambda r: r.uniform(-1, 1) * 10.0 ** r.randrange(-12, 25),
            lambda r: float(r.randrange(-2**64, 2**64) >> r.randrange(60)),
            lambda r: r.randrange(-10**17, 10**17) / 10 ** r.randrange(25),
            lambda r: math.ldexp(r.choice((1, 3, -5)), r.randrange(-1074, 1020)),
            lambda r: r.choice((1, -1, 2, 5)) * 10.0 ** r.randrange(-323, 308),
        ))(rng)


def test_format_double_forms():
    for value, text in FORMS:
        assert number.write_double(value) == text
    assert number.write_double(math.nan) == b"nan"


@given(st.floats(allow_nan=False))
def test_format_double_reads_back(value):
    text = number.write_double(value)
    assert same(float(text), value) and same(number.read_double(text), value)


def test_format_double_is_short():
    """Never more than 17 digits, and nearly always the fewest that Python knows."""
    rng, longer, count = random.Random(5), 0, 20000
    for value in some_doubles(rng, count):
        text = number.write_double(value)
        if abs(value) > 2**62 or value != int(value):
            digits = re.sub(rb"e.*|[-.]", b"", text).strip(b"0")
            fewest = re.sub(r"e.*|[-.]", "", repr(value)).strip("0")
            assert len(digits) <= 17
            longer += len(digits) > len(fewest)
    assert longer < count / 100


@pytest.mark.oracle
def test_format_double_is_valkeys(valkey):
    values = list(some_doubles(random.Random(6), 6000)) + [value for value, _ in FORMS]
    texts = [repr(value) for value in values]
    valkey.ask("CONFIG", "SET", "zset-max-listpack-entries", "0")
    valkey.ask("DEL", "z")
    for index, text in enumerate(texts):
        texts[index] = ("ZADD", "z", text, index)
    assert valkey.ask_each(texts) == [1] * len(values)
    scores = valkey.ask_each([("ZSCORE", "z", index) for index in range(len(values))])
    valkey.ask("CONFIG", "SET", "zset-max-listpack-entries", "128")   # as other tests find it
    for value, score in zip(values, scores):
        assert number.write_double(value) == score, value


# ---- long doubles

def model_human(value: fractions.Fraction) -> bytes:
    """17 digits after the point, ties to even, zeros cut."""
    scaled = round(abs(value) * 10**17)
    whole, part = divmod(scaled, 10**17)
    text = b"%d" % whole + (b".%017d" % part).rstrip(b"0").rstrip(b".")
    return b"-" + text if value < 0 and scaled else text


def test_human_of_exact_values():
    """Dyadic fractions that every long double holds, ties of the last digit among them."""
    rng = random.Random(7)
    for _ in range(4000):
        bits = rng.choice((1, 8, 30, 53))
        value = fractions.Fraction(rng.getrandbits(bits), 2 ** rng.randrange(0, 110))
        value *= rng.choice((1, -1)) * 2 ** rng.choice((0, 0, 20, 50))
        assert number.human(exact_text(value)) == model_human(value), value


HUMAN = {
    b"3.0": b"3", b"0.1": b"0.1", b"-0": b"0", b"-0.0": b"0", b"1e5": b"100000", b"5.0e3": b"5000",
    b"-0.000000000000000001": b"0", b"0.000000000000000006": b"0.00000000000000001",
    b"1e20": b"100000000000000000000", b"0x10": b"16", b"0x1.8p1": b"3", b"inf": b"inf",
    b"-INFINITY": b"-inf", b"1e4000": None, b"0.999999999999999999": b"1", b" 1": None, b"1 ": None,
    b"": None, b"nan": None, b"1e5000": None, b"-1e5000": None, b"1e-5000": None, b"1x": None,
    b"1\0": None, b"\0": None, b"1" * 5119: None, b"0" * 5119: b"0", b"0" * 5120: None,
}


def test_human():
    for text, human in HUMAN.items():
        if text == b"1e4000":
            assert len(number.human(text)) == 4000     # the nearest is a little less
        else:
            assert number.human(text) == human, text


def test_human_fits_or_is_refused():
    for text, size in ((b"-1.5", 4), (b"1e30", 31), (b"-1e30", 32), (b"-inf", 4), (b"0", 1)):
        assert len(number.human(text, size + 20)) == size
        for small in range(size):
            assert number.human(text, small) == b""


@pytest.mark.oracle
def test_increments_are_valkeys(valkey):
    """INCRBYFLOAT: parse, add and format of many pairs, whole and refused ones."""
    rng = random.Random(8)

    def text():
        return rng.choice((
            lambda: b"%d" % rng.randrange(-10**18, 10**18),
            lambda: b"%d" % rng.randrange(-100, 100),
            lambda: repr(rng.uniform(-1, 1) * 10 ** rng.randrange(-20, 30)).encode(),
            lambda: b"%d.%d" % (rng.randrange(10**6), rng.randrange(10**rng.randrange(1, 25))),
            lambda: b"%de%d" % (rng.randrange(10**20), rng.randrange(-60, 60)),
            lambda: rng.choice(sorted(HUMAN)),
            lambda: rng.choice(ODD_DOUBLES),
        ))()

    pairs = [(text(), text()) for _ in range(4000)]
    requests = [request for a, b in pairs
                for request in (("SET", "f", a), ("INCRBYFLOAT", "f", b))]
    for (a, b), reply in zip(pairs, valkey.ask_each(requests)[1::2]):
        mine = number.human_sum(a, b)
        if mine in (b"inf", b"-inf", b"nan"):
            mine = None                 # the command's affair
        assert mine == (reply if isinstance(reply, bytes) else None), (a, b, reply)


COMMA = """
import locale
locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
assert locale.localeconv()["decimal_point"] == ","
from tests.faces import c_number as number
assert number.human(b"0x1.8") == b"1.5"
assert number.human(b"1e25") == b"1" + b"0" * 25
assert number.human(b"1." + b"0" * 40 + b"1") == b"1"
assert number.read_double(b"1.5" + b"0" * 900 + b"1") == 1.5
assert number.write_double(1.5) == b"1.5"
"""


def test_locale_does_not_matter(tmp_path):
    """Where a comma is the decimal point, the C library's own texts change; ours must not."""
    try:
        subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", tmp_path / "de_DE.UTF-8"],
                       check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine cannot make a locale with a decimal comma")
    subprocess.run([sys.executable, "-c", COMMA], check=True,
                   env={**os.environ, "LOCPATH": str(tmp_path)})


# ---- words

@given(st.binary(max_size=12), st.binary(max_size=12))
def test_equal_nocase(a, b):
    assert number.same_word(a, b) == (a.lower() == b.lower())
    assert number.same_word(a, a.swapcase())


def test_equal_nocase_bytes():
    for a in range(256):
        for b in range(256):
            same_word = bytes([a]).lower() == bytes([b]).lower()
            assert number.same_word(bytes([a]), bytes([b])) == same_word
