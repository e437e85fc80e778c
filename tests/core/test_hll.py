"""engine/core/hll against a model that keeps registers in a list, and on bytes made to break it.

That the bytes are Valkey's is tests/commands/test_hyperloglog's business.
"""
import math
import random

from hypothesis import given
from hypothesis import strategies as draw

from tests.faces import c_hll

SAME, CHANGED, MUST_BE_DENSE, BROKEN = range(4)
REGISTERS = 16384
MASK = 2**64 - 1


def murmur(data: bytes) -> int:
    m = 0xc6a4a7935bd1e995
    h = 0xadc83b19 ^ (len(data) * m & MASK)
    whole = len(data) // 8 * 8
    for at in range(0, whole, 8):
        k = int.from_bytes(data[at:at + 8], "little") * m & MASK
        k = (k ^ k >> 47) * m & MASK
        h = (h ^ k) * m & MASK
    if data[whole:]:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & MASK
    h = (h ^ h >> 47) * m & MASK
    return h ^ h >> 47


def place(element: bytes) -> tuple[int, int]:
    """(register, what it is raised to)"""
    h = murmur(element)
    run = h >> 14 | 1 << 50
    return h & 16383, (run & -run).bit_length()


def estimate(registers) -> int:
    """The same algorithm, with sums of exact powers in place of the loop over a histogram."""
    m = REGISTERS
    zeros, full = registers.count(0), registers.count(51)

    def sigma(x):
        y, z = 1.0, x
        while x != 1:
            x, before = x * x, z
            z, y = z + x * y, y + y
            if z == before:
                return z
        return math.inf

    def tau(x):
        if x in (0, 1):
            return 0
        y, z = 1.0, 1 - x
        while True:
            x, before, y = math.sqrt(x), z, y / 2
            z -= (1 - x)**2 * y
            if z == before:
                return z / 3

    z = m * tau((m - full) / m) * 2.0**-50
    z += sum(2.0**-value for value in registers if 0 < value < 51)
    z += m * sigma(zeros / m)
    return round(m * m / z / 2 / math.log(2))


def grow(elements, sparse_max):
    """The string after all of them, made dense when it must be, beside the model's registers."""
    data, model = c_hll.empty(), [0] * REGISTERS
    for element in elements:
        index, value = place(element)
        said, after = c_hll.add(data, element, sparse_max)
        if said == MUST_BE_DENSE:
            assert after == data and data[4] == 1
            data = c_hll.to_dense(data)
            said, after = c_hll.add(data, element, sparse_max)
        assert said == (CHANGED if model[index] < value else SAME)
        data, model[index] = after, max(model[index], value)
    return data, model


def test_registers_and_estimates():
    for count, sparse_max in ((0, 3000), (1, 3000), (100, 3000), (900, 3000), (3000, 3000),
                              (300, 0), (400, 100), (5000, 1 << 20)):
        rng = random.Random(count)
        elements = [rng.randbytes(rng.randrange(20)) for _ in range(count)]
        data, model = grow(elements, sparse_max)
        assert list(c_hll.registers(data)) == model
        assert c_hll.count(data) == c_hll.count_registers(bytes(model))
        assert abs(c_hll.count(data) - estimate(model)) <= 1
        if data[4] == 1:
            assert len(data) <= max(sparse_max, 18)
            assert list(c_hll.registers(c_hll.to_dense(data))) == model
            spelt = c_hll.describe(data).decode().split()
            runs = [list(map(int, word[2:].split(","))) for word in spelt]
            assert sum(run[-1] for run in runs) == REGISTERS
            assert [n for run in runs for n in [run[0] if len(run) == 2 else 0] * run[-1]] == model


def test_estimates_of_full_registers():
    for value in (0, 1, 31, 32, 33, 50, 51, 52, 63):
        for rest in (0, 1, 8000, REGISTERS):
            spread = bytes([value] * (REGISTERS - rest) + [7] * rest)
            dense = c_hll.pack(spread, c_hll.to_dense(c_hll.empty()))
            assert c_hll.registers(dense) == spread
            assert c_hll.count(dense) == c_hll.count_registers(spread)


def test_a_bound_that_nothing_keeps():
    data = c_hll.empty()
    assert c_hll.add(data, b"x", 0) == (MUST_BE_DENSE, data)


HEADER = b"HYLL\x01\0\0\0" + bytes(8)
OPCODES = draw.lists(draw.sampled_from([0x00, 0x3f, 0x40, 0x7f, 0x80, 0xff, 0x83, 0xfc, 0x15]),
                     max_size=40).map(bytes)


@given(draw.one_of(draw.binary(max_size=60), OPCODES), draw.binary(max_size=9))
def test_malformed_opcodes(opcodes, element):
    """Whatever the bytes: an answer, and the same one from everybody who reads them."""
    data = HEADER + opcodes
    assert c_hll.is_valid(data)
    readings = [c_hll.registers(data), c_hll.to_dense(data), c_hll.count(data),
                c_hll.describe(data)]
    assert len({reading is None for reading in readings}) == 1
    said, after = c_hll.add(data, element)
    if said in (SAME, MUST_BE_DENSE, BROKEN):
        assert after == data
    if readings[0] is not None:
        assert said != BROKEN and c_hll.registers(after) is not None


def test_what_is_none():
    for bad in (b"", b"HYLL", HEADER[:-1], b"HYLX" + HEADER[4:], b"HYLL\x02" + HEADER[5:],
                b"HYLL\0" + bytes(11), b"HYLL\0" + bytes(12300), b"HYLL\xff" + HEADER[5:]):
        assert not c_hll.is_valid(bad)
    assert c_hll.is_valid(b"HYLL\0" + bytes(12299))
    for broken in (HEADER, HEADER + b"\x7f", HEADER + b"\x7f\xfe", HEADER + b"\x7f\xff\0"):
        assert c_hll.count(broken) is None
