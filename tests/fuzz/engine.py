"""Coverage-guided fuzzing of the engine: libFuzzer mutates, the engine executes, sanitizers watch.

    python tests/fuzz/engine.py bytes   CORPUS [libFuzzer options]
    python tests/fuzz/engine.py commands CORPUS [libFuzzer options]

`bytes` gives the input to process_bytes as it is, cut where its first byte says: framing, limits,
inline lines. `commands` reads the input as a list of choices: which command of the table, which
arguments from a small world of keys, numbers at and past every limit, options and patterns. So a
mutated byte is a different decision, and coverage leads from command to command.

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

LIFE = 2000                             # inputs
MEMORY_MAX = 256 << 20                  # bytes an engine may use in its life

# Not run: they end or stall the process by design, or measure time.
LEFT_OUT = {"shutdown", "debug", "client|pause", "monitor", "script|kill", "function|kill"}
TABLE = {name: row for name, row in command_table().items()
         if name not in LEFT_OUT and row["parent"] not in LEFT_OUT}
NAMES = sorted(TABLE)
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


def main() -> None:
    modes = {"bytes": run_bytes, "commands": run_commands}
    if len(sys.argv) < 2 or sys.argv[1] not in modes:
        raise SystemExit(__doc__)
    mode = modes[sys.argv.pop(1)]
    WORLD.server.on_error = lambda name: sys.excepthook(*sys.exc_info())
    atheris.Setup(sys.argv, mode)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
