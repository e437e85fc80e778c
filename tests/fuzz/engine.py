"""Coverage-guided fuzzing of the engine: libFuzzer mutates, the engine executes, sanitizers watch.

    python tests/fuzz/engine.py bytes   CORPUS [libFuzzer options]
    python tests/fuzz/engine.py commands CORPUS [libFuzzer options]
    python tests/fuzz/engine.py payloads CORPUS [libFuzzer options]
    python tests/fuzz/engine.py door CORPUS [libFuzzer options]

`bytes` gives the input to process_bytes as it is, cut where its first byte says: framing, limits,
inline lines. `commands` reads the input as a list of choices: which command of the table, which
arguments from a small world of keys, numbers at and past every limit, options and patterns. So a
mutated byte is a different decision, and coverage leads from command to command. `payloads` is the
body of a DUMP, or of FUNCTION RESTORE, given a valid footer: what is taken is read and written by
the commands of its type, dumped, copied and deleted. `door` is what somebody sends who came by the
outer door and is not in: barred, or without a login; nothing may come of it. By its first byte, the
input is an allowlist instead.

An engine lives for LIFE inputs, so that states build up; then it is closed, and must have given
back every byte. After every input a PING must be answered on a new client.
docs/hacking.md tells how to build for it. Needs atheris.
"""
import pathlib
import sys

import atheris

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from kvd.engine.server.server import Server  # noqa: E402
from kvd.engine.wire.command import command_table  # noqa: E402
from tests.faces import c_door  # noqa: E402
from tests.faces.c_crc import sum64  # noqa: E402

LIFE = 2000                             # inputs
MEMORY_MAX = 256 << 20                  # bytes an engine may use in its life

# Not run: they end or stall the process by design, or measure time.
LEFT_OUT = {"shutdown", "debug", "client|pause", "monitor", "script|kill", "function|kill"}
TABLE = {name: row for name, row in command_table().items()
         if name not in LEFT_OUT and row["parent"] not in LEFT_OUT}
NAMES = sorted(TABLE)
KEYS_OF_GROUP = {"list": b"l", "set": b"u", "hash": b"h", "sorted-set": b"z", "stream": b"x",
                 "hyperloglog": b"p", "geo": b"z", "bitmap": b"bit"}
KEYS = [b"k", b"n", b"s", b"big", b"bit", b"", b"k" * 300, b"\x00\xff\r\n"]
NUMBERS = [b"%d" % n for n in (
    0, 1, -1, 2, 7, 8, 31, 63, 64, 100, 255, 4096, 100000, 2**31 - 1, 2**31, -2**31, 2**32 - 1,
    2**32, 2**53, 2**62, 2**63 - 1, 2**63, -2**63, -2**63 + 1, -2**63 - 1, 2**64 - 1, 2**64)]
NUMBERS += [b"1.5", b"-0", b"1e308", b"1e400", b"nan", b"inf", b"-inf", b"0x10", b" 1", b"1 "]
WORDS = [
    b"EX", b"PX", b"EXAT", b"PXAT", b"KEEPTTL", b"NX", b"XX", b"GT", b"LT", b"GET", b"IFEQ",
    b"PERSIST", b"MATCH", b"COUNT", b"TYPE", b"string", b"hash", b"REPLACE", b"DB", b"ASYNC",
    b"SYNC", b"AND", b"OR", b"XOR", b"NOT", b"DIFF", b"ONE", b"BIT", b"BYTE", b"SET", b"INCRBY",
    b"OVERFLOW", b"WRAP", b"SAT", b"FAIL", b"u8", b"i64", b"u63", b"i1", b"#1", b"LEN", b"IDX",
    b"MINMATCHLEN", b"WITHMATCHLEN", b"ID", b"ADDR", b"LADDR", b"SKIPME", b"yes", b"no", b"on",
    b"off", b"normal", b"LIB-NAME", b"LIB-VER", b"AUTH", b"SETNAME", b"default", b"ALL", b"help",
    b"*", b"a*b", b"[a-", b"\\", b"**?*[^x]*", b"k*", b"maxmemory*", b"server", b"everything",
    b"slow", b"RESET", b"doctor", b"x" * 100, b"y" * 70000,
    # The other types
    b"LEFT", b"RIGHT", b"BEFORE", b"AFTER", b"RANK", b"MAXLEN", b"MINID", b"~", b"=", b"LIMIT",
    b"FIELDS", b"FNX", b"FXX", b"NOVALUES", b"WITHVALUES", b"WITHSCORES", b"WITHSCORE", b"CH",
    b"INCR", b"BYSCORE", b"BYLEX", b"REV", b"(1", b"[a", b"(a", b"+", b"-", b"+inf", b"WEIGHTS",
    b"AGGREGATE", b"SUM", b"MIN", b"MAX", b"STORE", b"STOREDIST", b"WITHCOORD", b"WITHDIST",
    b"WITHHASH", b"FROMMEMBER", b"FROMLONLAT", b"BYRADIUS", b"BYBOX", b"BYPOLYGON", b"m", b"km",
    b"ASC", b"DESC", b"ANY", b"ALPHA", b"BY", b"*->f", b"#", b"STREAMS", b"GROUP", b"BLOCK", b"$",
    b">", b"0-0", b"1-1", b"5-*", b"g", b"c", b"MKSTREAM", b"NOMKSTREAM", b"NOACK", b"JUSTID",
    b"FORCE", b"ENTRIESREAD", b"FULL", b"CREATE", b"ABSTTL", b"return 1", b"return KEYS[1]",
    b"return redis.call('INCR', KEYS[1])", b"return cjson.decode(ARGV[1])", b"+@all", b"-@write",
    b"%R~*", b"~*", b"&*", b">pw", b"nopass", b"(+get ~a)", b"f", b"1", b"2", b"3",
]


class World:
    """One engine and its clients, for LIFE inputs."""

    def __init__(self):
        self.inputs = 0
        self.start()

    def start(self):
        self.server = Server()
        self.clients = [self.server.client() for _ in range(3)]

    def end_of_input(self):
        fresh = self.server.client()
        answer = fresh.execute(b"PING")
        if answer != b"+PONG\r\n" and not answer.startswith((b"-NOAUTH", b"-MISCONF", b"-OOM")):
            raise AssertionError(f"PING is answered {answer!r}")
        fresh.close()
        if self.server.used_memory > MEMORY_MAX:
            self.server.execute(b"FLUSHALL")
        self.inputs += 1
        if self.inputs % LIFE == 0:
            self.clients = []
            if not self.server.close():
                raise AssertionError("a closed engine kept memory")
            self.start()

    def client(self, index: int):
        index %= len(self.clients)
        if self.clients[index].closed:
            self.clients[index].close()
            self.clients[index] = self.server.client()
        return self.clients[index]


WORLD = World()


def run_bytes(data: bytes) -> None:
    if not data:
        return
    client = WORLD.server.client()
    cut = data[0] * len(data) // 256
    client.process_bytes(data[1:cut])
    if not client.closed:
        client.process_bytes(data[max(cut, 1):])
    client.close()
    WORLD.end_of_input()


def argument(choices: "atheris.FuzzedDataProvider", row: dict, index: int) -> bytes:
    keys = row["keys"]
    kind = choices.ConsumeIntInRange(0, 9)
    if keys["kind"] == "range" and index == keys["first"] and kind:
        if kind > 3 and row["group"] in KEYS_OF_GROUP:
            return KEYS_OF_GROUP[row["group"]]
        return KEYS[choices.ConsumeIntInRange(0, len(KEYS) - 1)]
    if kind <= 3:
        return NUMBERS[choices.ConsumeIntInRange(0, len(NUMBERS) - 1)]
    if kind <= 6:
        return WORDS[choices.ConsumeIntInRange(0, len(WORDS) - 1)]
    if kind <= 8:
        return KEYS[choices.ConsumeIntInRange(0, len(KEYS) - 1)]
    return choices.ConsumeBytes(choices.ConsumeIntInRange(0, 40))


def run_commands(data: bytes) -> None:
    choices = atheris.FuzzedDataProvider(data)
    while choices.remaining_bytes() > 2:
        row = TABLE[NAMES[choices.ConsumeIntInRange(0, len(NAMES) - 1)]]
        words = [word.encode() for word in row["name"].split("|")]
        want = abs(row["arity"]) + (choices.ConsumeIntInRange(0, 6) if row["arity"] < 0 else 0)
        if choices.ConsumeIntInRange(0, 30) == 0:
            want = choices.ConsumeIntInRange(1, 12)
        while len(words) < want:
            words.append(argument(choices, row, len(words)))
        reply = WORLD.client(choices.ConsumeIntInRange(0, 2)).execute(*words)
        if b"internal error" in reply:
            raise AssertionError(f"{words} is answered {reply!r}")
    WORLD.end_of_input()


AFTER_RESTORE: list[list[bytes]] = [words.split() for words in (
    b"TYPE r", b"OBJECT ENCODING r", b"MEMORY USAGE r SAMPLES 0", b"DEBUG DIGEST-VALUE r",
    b"COPY r r2 REPLACE", b"DUMP r", b"GET r", b"APPEND r x", b"PFCOUNT r", b"PFADD r a b",
    b"LRANGE r 0 -1", b"LINSERT r BEFORE a b", b"LREM r -1 a", b"LPUSH r 1 a", b"RPOP r 2",
    b"SMEMBERS r", b"SADD r 77 a", b"SPOP r 2", b"SINTER r r2", b"HGETALL r", b"HINCRBY r f 1",
    b"HEXPIRE r 100 FIELDS 1 f", b"HTTL r FIELDS 1 f", b"HDEL r f", b"ZRANGE r 0 -1 WITHSCORES",
    b"ZADD r 1.5 a", b"ZRANGEBYSCORE r -inf +inf", b"ZRANK r a", b"ZREMRANGEBYRANK r 0 1",
    b"XRANGE r - +", b"XADD r * f v", b"XINFO STREAM r FULL", b"XREADGROUP GROUP g c STREAMS r >",
    b"XAUTOCLAIM r g c 0 0", b"XTRIM r MAXLEN 2", b"XDEL r 1-1", b"SORT r ALPHA", b"DEL r r2")]


SEEDS: list[list[bytes]] = [words.split() for words in (
    b"SET r text", b"SET r 77", b"RPUSH r 1 a -70000 bb", b"SADD r 1 2 300000", b"SADD r a b",
    b"HSET r f 1 g vv", b"ZADD r 1 a 2.5 b inf c", b"PFADD r a b c", b"XADD r 5-1 f v g w")]
SEEDS += [[b"RPUSH", b"r", b"x" * 9000, b"y", b"z" * 9000],
          [b"SADD", b"r", b"s" * 70, b"t"], [b"HSET", b"r", b"f", b"v" * 70, b"g", b"1"],
          [b"ZADD", b"r", b"1", b"m" * 70, b"2", b"n"], [b"SET", b"r", b"ab" * 40]]
MORE_SEEDS = [b"HEXPIRE r 1000 FIELDS 1 f", b"XADD r 5-2 f v", b"XDEL r 5-2",
              b"XGROUP CREATE r g 0", b"XREADGROUP GROUP g c STREAMS r >"]


def sow(corpus: pathlib.Path) -> None:
    """DUMPs of every type and encoding, for a corpus that is empty."""
    corpus.mkdir(parents=True, exist_ok=True)
    if any(corpus.iterdir()):
        return
    client, found = WORLD.client(0), set()
    for words in SEEDS:
        client.execute(b"DEL", b"r")
        client.execute(*words)
        for more in [b"PING", *MORE_SEEDS]:
            client.execute(*more.split())
            found.add(b"\0" + client.execute(b"DUMP", b"r").split(b"\r\n", 1)[1][:-12])
    for i, seed in enumerate(sorted(found)):
        (corpus / f"seed-{i}").write_bytes(seed)


def run_payloads(data: bytes) -> None:
    if not data:
        return
    client = WORLD.client(0)
    version = (80, 11, 10, 6)[data[0] % 4]
    body = data[1:] + version.to_bytes(2, "little")
    payload = body + sum64(body).to_bytes(8, "little")
    if data[0] & 0x40:
        client.execute(b"FUNCTION", b"RESTORE", payload, b"REPLACE")
        client.execute(b"FUNCTION", b"LIST", b"WITHCODE")
    elif not client.execute(b"RESTORE", b"r", b"0", payload, b"REPLACE").startswith(b"-"):
        for words in AFTER_RESTORE:
            client.execute(*words)
    WORLD.end_of_input()


REFUSALS = (b"-Client IP address is not in the allowlist.", b"-NOAUTH ", b"-WRONGPASS ", b"-ERR ",
            b"-NOPROTO ",
            b"-EXECABORT Transaction discarded because of: NOAUTH",
            b"+OK", b"+RESET")          # QUIT and RESET of who has yet to log in


def run_door(data: bytes) -> None:
    if not data:
        return
    if data[0] & 0xc0 == 0xc0:
        WORLD.server.execute(b"CONFIG", b"SET", b"external-allowlist", data[1:])
        ranges = c_door.ranges(WORLD.server)
        if any(last + 1 >= first for (_, last), (first, _) in zip(ranges, ranges[1:])) \
                or any(first > last for first, last in ranges):
            raise AssertionError(f"ranges out of order: {ranges}")
    else:
        knock(data[1:], data[0] & 0x3f, data[0] & 0x80 == 0)
    WORLD.end_of_input()


def knock(data: bytes, cut: int, barred: bool) -> None:
    client = WORLD.server.client()
    c_door.come_in(WORLD.server, client.id, barred)
    replies = client.process_bytes(data[:cut])
    if not client.closed:
        replies += client.process_bytes(data[cut:])
    if barred and not client.closed \
            and c_door.memory(WORLD.server, client.id) > c_door.QUERY_MAX:
        raise AssertionError("a barred client keeps bytes")
    client.close()
    lines = replies.split(b"\r\n")[:-1]
    if any(not line.startswith(REFUSALS) for line in lines) \
            or WORLD.server.execute(b"DBSIZE") != b":0\r\n":
        raise AssertionError(f"something came of it: {lines}")


def main() -> None:
    modes = {"bytes": run_bytes, "commands": run_commands, "payloads": run_payloads,
             "door": run_door}
    if len(sys.argv) < 2 or sys.argv[1] not in modes:
        raise SystemExit(__doc__)
    mode = modes[sys.argv.pop(1)]
    if mode is run_payloads and len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        sow(pathlib.Path(sys.argv[1]))
    WORLD.server.on_error = lambda name: sys.excepthook(*sys.exc_info())
    atheris.Setup(sys.argv, mode)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
