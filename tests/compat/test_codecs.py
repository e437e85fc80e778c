"""cjson, cmsgpack, struct and bit in scripts: the same bytes, values and errors as on Valkey.

Goal: what a script packed on one server, one on the other unpacks. Method: random values go into
scripts on both; bytes are compared, and where Lua leaves the order of a table open, what the other
side reads from them.
"""
import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as draw

from kvd.engine.server.server import Server

pytestmark = pytest.mark.oracle
EXAMPLES = 250
EACH = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def both(valkey):
    """Run a script on both; the two replies."""
    server, link = Server(), valkey.client()

    def run(script: str, *args: bytes) -> tuple[bytes, bytes]:
        words = [b"EVAL", script.encode(), b"0", *args]
        return server.execute(*words), link.execute(*words)
    yield run
    link.close()
    assert server.close(), "the engine kept memory"


def same(both, script: str, *args: bytes) -> bytes:
    ours, theirs = both(script, *args)
    assert ours == theirs, (script, args)
    return ours


def payload(reply: bytes) -> bytes:
    """Of a bulk reply."""
    assert reply.startswith(b"$"), reply
    return reply.split(b"\r\n", 1)[1][:-2]


NUMBERS = draw.one_of(
    draw.integers(-2**53, 2**53), draw.integers(-40, 300),
    draw.sampled_from([0.5, -1.5, 1e15, 1e16, 123456.789, 1e100, -1e-7, 2.0**31, 2.0**32, 2.0**63]),
    draw.floats(allow_nan=False, allow_infinity=False))
TEXTS = draw.one_of(draw.text(max_size=12), draw.sampled_from(
    ["", "\0", "/", "\\", '"', "\x7f", "\u20ac", "\U0001f600", "a" * 31, "a" * 32, "b" * 256,
     "c" * 70000]))
SCALARS = draw.one_of(NUMBERS, TEXTS, draw.booleans(), draw.none())
ARRAYS = draw.recursive(SCALARS, lambda inner: draw.lists(inner, max_size=6), max_leaves=20)
# One key a table: Lua promises no order, and the two virtual machines have different ones.
TREES = draw.recursive(SCALARS, lambda inner: draw.one_of(
    draw.lists(inner, max_size=5), draw.dictionaries(TEXTS, inner, min_size=1, max_size=1)),
    max_leaves=20)
TABLES = draw.recursive(SCALARS, lambda inner: draw.one_of(
    draw.lists(inner, max_size=5), draw.dictionaries(TEXTS, inner, max_size=5)), max_leaves=20)


def text_of(value) -> bytes:
    return json.dumps(value).encode()


@EACH
@given(TREES)
def test_json_there_and_back(both, value):
    same(both, "return cjson.encode(cjson.decode(ARGV[1]))", text_of([value]))


@EACH
@given(TABLES)
def test_tables_of_many_keys_mean_the_same(both, value):
    ours, theirs = both("return cjson.encode(cjson.decode(ARGV[1]))", text_of([value]))
    assert json.loads(payload(ours)) == json.loads(payload(theirs))


JSON_BYTES = draw.one_of(
    draw.binary(max_size=12),
    draw.text(alphabet='[]{}",:0123456789.eE+-truefalsn\\u "/', max_size=16).map(str.encode),
    draw.sampled_from([b"[1,]", b"{", b'{"a"}', b"[1 2]", b"nan", b"[NaN]", b"[-Infinity]", b"01",
                       b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b"[" * 999, b"[" * 1001,
                       b"[" * 1000 + b"]" * 1000, b"1e999", b"0x10", b"[1] x", b"", b" ", b"\xff"]))


@EACH
@given(JSON_BYTES)
def test_what_is_no_json(both, text):
    same(both, "local ok, v = pcall(cjson.decode, ARGV[1]) "
               "return {ok and 'yes' or 'no', ok and type(v) or v}", text)


@EACH
@given(NUMBERS)
def test_numbers_are_spelt_alike(both, number):
    same(both, "return {cjson.encode(tonumber(ARGV[1])), cjson.encode({tonumber(ARGV[1])}),"
               " tostring(tonumber(ARGV[1])), tonumber(ARGV[1])}", repr(number).encode())


@EACH
@given(TREES)
def test_msgpack_has_the_same_bytes(both, value):
    packed = same(both, "return cmsgpack.pack(cjson.decode(ARGV[1]))", text_of([value]))
    same(both, "return cjson.encode(cmsgpack.unpack(ARGV[1]))", payload(packed))


@EACH
@given(TABLES)
def test_each_unpacks_the_others(both, value):
    ours, theirs = both("return cmsgpack.pack(cjson.decode(ARGV[1]))", text_of([value]))
    read = "return cjson.encode(cmsgpack.unpack(ARGV[1]))"
    found = [json.loads(payload(reply)) for packed in (ours, theirs)
             for reply in both(read, payload(packed))]
    assert all(one == found[0] for one in found)


@EACH
@given(draw.one_of(draw.binary(max_size=20), draw.lists(draw.sampled_from(
    [b"\x91", b"\x81", b"\xa1", b"a", b"\xc0", b"\xc2", b"\xc3", b"\xca", b"\xcb", b"\xcc", b"\xcd",
     b"\xd0", b"\xd3", b"\xd9", b"\xda", b"\xdc", b"\xdd", b"\xde", b"\xdf", b"\0", b"\x01",
     b"\xff"]), max_size=12).map(b"".join)))
def test_what_is_no_msgpack(both, text):
    same(both, "local got = {pcall(cmsgpack.unpack, ARGV[1])} "
               "return {got[1] and 'yes' or 'no', #got, type(got[2]), tostring(got[1] and "
               "(type(got[2]) == 'table' and 'table') or got[2])}", text)


@EACH
@given(draw.binary(max_size=20), draw.integers(-2, 6), draw.integers(-2, 22))
def test_msgpack_in_parts(both, text, limit, offset):
    same(both, "local got = {pcall(cmsgpack.unpack_limit, ARGV[1], tonumber(ARGV[2]), "
               "tonumber(ARGV[3]))} for i = 1, #got do got[i] = type(got[i]) == 'table' and 't' "
               "or tostring(got[i]) end return got", text, b"%d" % limit, b"%d" % offset)


FORMATS = draw.lists(draw.sampled_from(
    ["b", "B", "h", "H", "l", "L", "i", "i1", "i2", "i3", "i4", "i8", "I", "I1", "I2", "I4", "I8",
     "f", "d", "<", ">", "!", "!4", "!8", "=", "x", "s", "c0", "c1", "c3", "T", " "]),
    min_size=1, max_size=6).map("".join)


@EACH
@given(FORMATS, draw.lists(draw.one_of(
    draw.integers(-2**31, 2**31), draw.integers(-200, 300),
    draw.sampled_from([0.5, -1.25, 1e10]), draw.sampled_from(["", "a", "abc", "abcdef"])),
    max_size=6))
def test_struct_packs_alike(both, form, values):
    args = ", ".join(f"'{value}'" if isinstance(value, str) else repr(value) for value in values)
    script = f"return {{pcall(struct.pack, ARGV[1]{', ' if args else ''}{args})}}"
    ours = same(both, script.replace("{pcall", "{pcall", 1).replace(
        "return {", "local got = {") + " return {got[1] and 1 or 0, got[2]}", form.encode())
    assert ours


@EACH
@given(FORMATS, draw.binary(max_size=24), draw.integers(-1, 10))
def test_struct_unpacks_alike(both, form, data, at):
    same(both, "local got = {pcall(struct.unpack, ARGV[1], ARGV[2], tonumber(ARGV[3]))} "
               "for i = 1, #got do got[i] = tostring(got[i]) end return got",
         form.encode(), data, b"%d" % at)


@EACH
@given(FORMATS)
def test_struct_sizes(both, form):
    same(both, "local got = {pcall(struct.size, ARGV[1])} "
               "return {got[1] and 1 or 0, tostring(got[2])}", form.encode())


BITS = ("tobit", "bnot", "bswap", "tohex")
PAIRS = ("band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "ror", "tohex")
OPERANDS = draw.one_of(
    draw.integers(-2**33, 2**33), draw.integers(-40, 40),
    draw.sampled_from([2**31 - 1, 2**31, -2**31, 2**32 - 1, 2**32, 2**51, -2**51, 0.5, 1.5, -0.5]))


@EACH
@given(draw.sampled_from(BITS), OPERANDS)
def test_bits_of_one(both, name, a):
    same(both, f"return tostring(bit.{name}({a!r}))")


@EACH
@given(draw.sampled_from(PAIRS), OPERANDS, OPERANDS)
def test_bits_of_two(both, name, a, b):
    assert math.isfinite(a) and math.isfinite(b)
    same(both, f"return tostring(bit.{name}({a!r}, {b!r}))")
