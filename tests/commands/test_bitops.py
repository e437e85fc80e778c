"""engine/commands/bitops: replies as clients see them, and a plain-Python model of bitmaps."""
import pytest

from kvd.engine.server.server import Server


@pytest.fixture
def server():
    server = Server()
    yield server
    assert server.close(), "the engine kept memory"


def ask(server, line: str) -> bytes:
    return server.execute(*line.encode("latin-1").split(b" "))


# Each line is a request and the reply that valkey-server 9.1.2 gave (but where a comment says
# otherwise), in order, on one server.
OFFSET = b"-ERR bit offset is not an integer or out of range\r\n"
TYPE = (b"-ERR Invalid bitfield type. Use something like i16 u8. "
        b"Note that u64 is not supported but i64 is.\r\n")
SYNTAX = b"-ERR syntax error\r\n"
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
