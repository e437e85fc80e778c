"""engine/commands/bitops: replies as clients see them, and a plain-Python model of bitmaps."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvd.engine.server.server import Server
from tests.commands.replies import SYNTAX


def ask(server, line: str) -> bytes:
    return server.execute(*line.encode("latin-1").split(b" "))


# Each line is a request and the reply that valkey-server 9.1.2 gave (but where a comment says
# otherwise), in order, on one server.
OFFSET = b"-ERR bit offset is not an integer or out of range\r\n"
TYPE = (b"-ERR Invalid bitfield type. Use something like i16 u8. "
        b"Note that u64 is not supported but i64 is.\r\n")
DIALOGUES = {
    "single bits": [
        ("setbit k 7 1", b":0\r\n"),
        ("setbit k 7 1", b":1\r\n"),
        ("get k", b"$1\r\n\x01\r\n"),
        ("getbit k 7", b":1\r\n"),
        ("getbit k 100", b":0\r\n"),
        ("setbit k 7 0", b":1\r\n"),
        ("setbit k 4294967296 1", OFFSET),
        ("setbit k -1 1", OFFSET),
        ("getbit k 4294967296", OFFSET),
        ("setbit k 0 2", b"-ERR bit is not an integer or out of range\r\n"),
        ("set int 12345678901234567890", b"+OK\r\n"),
        ("set int 1234567890123456789", b"+OK\r\n"),
        ("setbit int 64 0", b":0\r\n"),     # one byte more than an int64, fewer than its text
        ("get int", b"$19\r\n1234567890123456789\r\n"),
    ],
    "counting and finding": [
        ("set k foobar", b"+OK\r\n"),
        ("bitcount k", b":26\r\n"),
        ("bitcount k 0 0", b":4\r\n"),
        ("bitcount k 5 30 bit", b":17\r\n"),
        ("bitcount k -100 -90", b":4\r\n"),
        ("bitcount k -1 -2", b":0\r\n"),
        ("bitcount k 1 2 byte x", SYNTAX),
        ("bitcount k 1 2 word", SYNTAX),
        ("bitcount none", b":0\r\n"),
        ("bitpos k 1", b":1\r\n"),
        ("bitpos k 0 2 -1 bit", b":3\r\n"),
        ("bitpos none 0", b":0\r\n"),
        ("bitpos none 1", b":-1\r\n"),
        ("bitpos k 2", b"-ERR The bit argument must be 1 or 0.\r\n"),
        ("set f \xff\xff\xff", b"+OK\r\n"),
        ("bitpos f 0", b":24\r\n"),
        ("bitpos f 0 0", b":24\r\n"),
        ("bitpos f 0 0 -1", b":-1\r\n"),
        ("bitpos f 0 5", b":-1\r\n"),
        ("bitpos f 0 -9223372036854775808 9223372036854775807", b":-1\r\n"),
    ],
    "combining": [
        ("set a abc", b"+OK\r\n"),
        ("set b \xff", b"+OK\r\n"),
        ("bitop and d a b", b":3\r\n"),
        ("get d", b"$3\r\na\0\0\r\n"),
        ("bitop or d a b none", b":3\r\n"),
        ("get d", b"$3\r\n\xffbc\r\n"),
        ("bitop xor a a a", b":3\r\n"),
        ("get a", b"$3\r\n\0\0\0\r\n"),
        ("bitop not a a", b":3\r\n"),
        ("get a", b"$3\r\n\xff\xff\xff\r\n"),
        ("bitop not d a b", b"-ERR BITOP NOT must be called with a single source key.\r\n"),
        ("bitop diff d a b", SYNTAX),
        ("bitop and d none", b":0\r\n"),
        ("get d", b"$-1\r\n"),
    ],
    "fields": [
        ("bitfield k", b"*0\r\n"),
        ("bitfield k get u8 0 get u0 0", TYPE),
        ("bitfield k set u64 0 1", TYPE),
        ("bitfield k set i65 0 1", TYPE),
        ("bitfield k get U8 0", TYPE),
        ("bitfield k get u8 #9223372036854775807", OFFSET),
        ("bitfield k get u8 #-9223372036854775808", OFFSET),    # Valkey: wraps, reads bit 0
        ("bitfield k get u8 -1", OFFSET),
        ("bitfield k get u8", SYNTAX),
        ("bitfield k nope", SYNTAX),
        ("bitfield k overflow nope", b"-ERR Invalid OVERFLOW type specified\r\n"),
        ("get k", b"$-1\r\n"),
        ("bitfield k set i8 0 300 get i8 0 get u8 #0", b"*3\r\n:0\r\n:44\r\n:44\r\n"),
        ("bitfield k overflow sat set i8 0 300 get i8 0", b"*2\r\n:44\r\n:127\r\n"),
        ("bitfield k overflow fail incrby i8 0 1", b"*1\r\n$-1\r\n"),
        ("bitfield k incrby i8 0 1", b"*1\r\n:-128\r\n"),
        ("bitfield k set i64 0 9223372036854775807 incrby i64 0 1",
         b"*2\r\n:-9223372036854775808\r\n:-9223372036854775808\r\n"),
        ("bitfield k overflow sat incrby i64 0 -1", b"*1\r\n:-9223372036854775808\r\n"),
        ("bitfield k overflow fail set u8 0 -1", b"*1\r\n$-1\r\n"),
        ("bitfield_ro k get u8 0", b"*1\r\n:128\r\n"),
        ("bitfield_ro k set u8 0 1", b"-ERR BITFIELD_RO only supports the GET subcommand\r\n"),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    assert [(line, ask(server, line)) for line, _ in lines] == lines


# -- against a model ------------------------------------------------------------------------------

class Model:
    """Strings as integers of `size` bytes: what a bitmap is, said in another way."""

    def __init__(self):
        self.strings: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes:
        return self.strings.get(key, b"")

    def bits(self, key: bytes) -> str:
        return "".join(f"{byte:08b}" for byte in self.get(key))

    def store_bits(self, key: bytes, bits: str) -> None:
        self.strings[key] = bytes(int(bits[at:at + 8], 2) for at in range(0, len(bits), 8))

    def reach(self, key: bytes, bit: int) -> str:
        """The bits, with zero bytes at the end as far as `bit`."""
        bits = self.bits(key)
        return bits + "0" * (8 * max(0, bit // 8 + 1 - len(bits) // 8))

    def append(self, key, value):
        self.strings[key] = self.get(key) + value
        return len(self.get(key))

    def setrange(self, key, offset, value):
        if value:
            old = self.get(key).ljust(offset, b"\0")
            self.strings[key] = old[:offset] + value + old[offset + len(value):]
        return len(self.get(key))

    def setbit(self, key, offset, bit):
        bits = self.reach(key, offset)
        self.store_bits(key, bits[:offset] + str(bit) + bits[offset + 1:])
        return int(bits[offset])

    def getbit(self, key, offset):
        return int(self.reach(key, offset)[offset])

    def span(self, key, start, end, unit) -> tuple[int, int]:
        """First bit and end; equal when nothing lies between."""
        width = 1 if unit == b"BIT" else 8
        total = len(self.bits(key)) // width
        start, end = (max(0, place + total) if place < 0 else place for place in (start, end))
        end = min(end, total - 1)
        return (start * width, end * width + width) if start <= end else (0, 0)

    def bitcount(self, key, start=0, end=-1, unit=b"BYTE"):
        if start < 0 and end < 0 and start > end:
            return 0
        return self.bits(key)[slice(*self.span(key, start, end, unit))].count("1")

    def bitpos(self, key, bit, start=0, end=None, unit=b"BYTE"):
        if key not in self.strings:
            return -bit
        first, stop = self.span(key, start, -1 if end is None else end, unit)
        found = self.bits(key).find(str(bit), first, stop) if first < stop else -1
        if found < 0 and not bit and end is None and first < stop:
            return stop
        return found

    def bitop(self, op, target, *keys):
        size = max(len(self.get(key)) for key in keys)
        numbers = [int.from_bytes(self.get(key).ljust(size, b"\0"), "big") for key in keys]
        result = numbers[0]
        for number in numbers[1:]:
            result = (result & number if op == b"AND" else
                      result | number if op == b"OR" else result ^ number)
        if op == b"NOT":
            result ^= (1 << 8 * size) - 1
        self.strings.pop(target, None)
        if size:
            self.strings[target] = result.to_bytes(size, "big")
        return size

    def field(self, key, kind, offset, change=None, amount=0, overflow=b"WRAP"):
        """GET when `change` is None, else SET or INCRBY. Returns the reply."""
        width = int(kind[1:])
        bits = self.reach(key, offset + width - 1)
        raw = int(bits[offset:offset + width], 2)
        signed = kind[:1] == b"i"
        old = raw - (1 << width) if signed and raw >> (width - 1) else raw
        if change is None:
            return old
        value = amount if change == b"SET" else old + amount
        if change == b"SET" and not signed:
            value %= 1 << 64            # a negative one is a very large one
        least = -(1 << (width - 1)) if signed else 0
        most = (1 << (width - signed)) - 1
        if overflow == b"SAT":
            value = min(max(value, least), most)
        failed = overflow == b"FAIL" and not least <= value <= most
        stored = raw if failed else value % (1 << width)
        self.store_bits(key, bits[:offset] + f"{stored:0{width}b}" + bits[offset + width:])
        if failed:
            return None
        if change == b"SET":
            return old
        return stored - (1 << width) if signed and stored >> (width - 1) else stored


KEYS = st.sampled_from([b"a", b"b", b"c"])
PLACES = st.one_of(st.integers(0, 40), st.integers(0, 700))
ENDS = st.one_of(st.integers(-50, 50), st.integers(-700, 700))
VALUES = st.one_of(st.binary(max_size=12), st.sampled_from([b"\0" * 40, b"\xff" * 70, b"77"]))
KINDS = st.one_of(st.integers(1, 64).map(lambda n: b"i%d" % n),
                  st.integers(1, 63).map(lambda n: b"u%d" % n))
AMOUNTS = st.one_of(st.integers(-300, 300), st.integers(-2**63, 2**63 - 1))
SPANS = st.one_of(st.tuples(), st.tuples(ENDS, ENDS),
                  st.tuples(ENDS, ENDS, st.sampled_from([b"BIT", b"BYTE"])))
STEPS = st.one_of(
    st.tuples(st.just("append"), KEYS, VALUES),
    st.tuples(st.just("setrange"), KEYS, PLACES, VALUES),
    st.tuples(st.just("setbit"), KEYS, PLACES, st.integers(0, 1)),
    st.tuples(st.just("getbit"), KEYS, PLACES),
    st.builds(lambda key, span: ("bitcount", key, *span), KEYS, SPANS),
    st.builds(lambda key, bit, span: ("bitpos", key, bit, *span), KEYS, st.integers(0, 1),
              st.one_of(SPANS, st.tuples(ENDS))),
    st.builds(lambda op, target, keys: ("bitop", op, target, *keys),
              st.sampled_from([b"AND", b"OR", b"XOR"]), KEYS,
              st.lists(KEYS | st.just(b"none"), min_size=1, max_size=4)),
    st.tuples(st.just("bitop"), st.just(b"NOT"), KEYS, KEYS),
    st.tuples(st.just("field"), KEYS, KINDS, PLACES),
    st.tuples(st.just("field"), KEYS, KINDS, PLACES, st.sampled_from([b"SET", b"INCRBY"]),
              AMOUNTS, st.sampled_from([b"WRAP", b"SAT", b"FAIL"])),
)


def spell(word) -> bytes:
    return b"%d" % word if isinstance(word, int) else word


def request(step) -> list[bytes]:
    name, *args = step
    if name == "field":
        key, kind, offset, *change = args
        words = [b"GET", kind, offset]
        if change:
            words = [b"OVERFLOW", change[2], change[0], kind, offset, change[1]]
        return [b"BITFIELD", key, *map(spell, words)]
    return [name.encode(), *map(spell, args)]


def reply(step, value) -> bytes:
    number = b"$-1\r\n" if value is None else b":%d\r\n" % value
    return b"*1\r\n" + number if step[0] == "field" else number


@given(st.lists(STEPS, max_size=40))
def test_model(steps):
    server, model = Server(), Model()
    for step in steps:
        want = reply(step, getattr(model, step[0])(*step[1:]))
        assert server.execute(*request(step)) == want, step
    for key in (b"a", b"b", b"c"):
        value = model.strings.get(key)
        want = b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)
        assert server.execute(b"get", key) == want
    assert server.close()
