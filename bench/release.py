"""How long does everybody wait while a key of 10 M elements goes, or is written to a base?

For each type a key of so many elements is made, and one command makes it go: DEL, a deadline, SET
over it, RENAME over it, FLUSHDB ASYNC. Meanwhile 10,000 GETs a second, due at fixed times, find out
who waits, as in bench.latency; `idle` is the same without the command. `rewrite` is BGREWRITEAOF:
with the append-only file on, the key is written to a new base. `copy` is COPY of it, which takes
its time in one piece here as on Valkey.

    python -m bench.release [--quick] [--elements N] [--only list ...] [--peer NAME ...] [--save]
    python -m bench.release --turns [--rounds N] [--elements N] ... [--save]

With --turns our engine runs in this process, and what is told is the longest turn of its loop and
the command, in CPU time of the thread: true on a busy machine too, where waits are the machine's.
At 10 M elements the first takes about ten minutes and 4 GB, a round of the second five. They are
kept apart: `release.json`, and `turns.json`.
"""
import argparse
import sys
import tempfile
import time

from bench import latency, peers, record
from bench.requests import Request
from kvd import __version__

ELEMENTS = 10_000_000
PIECE = 100_000                         # elements of a script
SECONDS = 3.0
BEGIN_S = 0.5
WAIT_S = 120

FILL = b"""
local words, first, last = {}, tonumber(ARGV[1]), tonumber(ARGV[2])
for i = first, last do
  %s
  if #words >= 2000 or i == last then
    redis.call('%s', KEYS[1], unpack(words))
    words = {}
  end
end"""
ADD = "words[#words + 1] = "
FILLS = {
    "list": FILL % (b"%s'element:' .. i" % ADD.encode(), b"RPUSH"),
    "set": FILL % (b"%s'member:' .. i" % ADD.encode(), b"SADD"),
    "zset": FILL % (b"%si %s'member:' .. i" % (ADD.encode(), ADD.encode()), b"ZADD"),
    "hash": FILL % (b"%s'field:' .. i %s'value:' .. i" % (ADD.encode(), ADD.encode()), b"HSET"),
    "stream": b"for i = ARGV[1], ARGV[2] do redis.call('XADD', KEYS[1], i, 'f', 'value:' .. i) end",
}
ROUTES = {
    "idle": None,
    "del": (b"DEL", b"big"),
    "expire": (b"PEXPIRE", b"big", b"1"),
    "set over": (b"SET", b"big", b"small"),
    "rename over": (b"RENAME", b"small", b"big"),
    "flushdb async": (b"FLUSHDB", b"ASYNC"),
    "rewrite": (b"BGREWRITEAOF",),
    "copy": (b"COPY", b"big", b"other"),
}


def fill(peer, kind: str, elements: int) -> None:
    peer("DEL", "big")
    peer("SET", "small", "1")
    for first in range(1, elements + 1, PIECE):
        last = min(first + PIECE - 1, elements)
        if peer("EVAL", FILLS[kind], 1, "big", first, last) is not None:
            raise RuntimeError("a script that fills replied")


def settle(peer: peers.Peer) -> None:
    """Wait until nothing is left to free or to write."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if (peer.info("memory")["lazyfree_pending_objects"] == "0"
                and peer.info("persistence")["aof_rewrite_in_progress"] == "0"):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{peer.name} is never done")


def one(peer: peers.Peer, kind: str, route: str, elements: int) -> dict:
    """The waits while one route is taken."""
    if route != "idle" and peer("TYPE", "big") != kind.encode():
        fill(peer, kind, elements)
    if route == "rewrite":
        peer("CONFIG", "SET", "appendonly", "yes")      # itself a first base
        settle(peer)
    streams = [latency.probe(peer, SECONDS)]
    if words := ROUTES[route]:
        streams.append(latency.Stream(peer.sockets(1), Request(*words), 1, 1, start_s=BEGIN_S))
    got = latency.phase(peer, streams)
    settle(peer)
    if route == "rewrite":
        peer("CONFIG", "SET", "appendonly", "no")
    if route == "copy":
        peer("FLUSHALL", "ASYNC")
        settle(peer)
    longest = got["longest_pauses"][0] if got["longest_pauses"] else None
    return {"p99_us": got["probe"]["p99_us"], "max_us": got["probe"]["max_us"],
            "longest_ms": longest["longest_wait_us"] / 1000 if longest else 0.0,
            "cause": longest["cause"] if longest else "",
            "pauses_over_2ms_by_cause": got["pauses_over_2ms_by_cause"]}


class InProcess:
    """Our engine in this process, a turn at a time; asked as a peer is."""

    def __init__(self, directory: str):
        from kvd.engine.server.journal import Journal
        from kvd.engine.server.server import Server
        self.name = "kvd"
        self.server = Server(dir=directory, appendonly="no", busy_reply_threshold=0,
                             auto_aof_rewrite_percentage=0)
        Journal(self.server, type("Log", (), {"notice": print, "warning": print})).start()

    def __call__(self, *words):
        reply = self.server.execute(*(w if isinstance(w, bytes) else str(w).encode()
                                      for w in words))
        if reply.startswith(b"-"):
            raise RuntimeError(reply.decode())
        return None if reply == b"$-1\r\n" else reply

    def info(self, section: str) -> dict[str, str]:
        return dict(line.split(":", 1) for line in self("INFO", section).decode().splitlines()
                    if ":" in line)

    def turn(self) -> float:
        """CPU milliseconds of one turn of the loop."""
        began = time.thread_time()
        self.server.run(1e-6)
        return (time.thread_time() - began) * 1e3

    def busy(self) -> bool:
        return (self.info("memory")["lazyfree_pending_objects"] != "0"
                or self.info("persistence")["aof_rewrite_in_progress"] != "0")


def turns_of(engine: InProcess, kind: str, route: str, elements: int) -> dict:
    """What one route costs, command and turns."""
    if engine("TYPE", "big") != b"+%s\r\n" % kind.encode():
        fill(engine, kind, elements)
    if route == "rewrite":
        engine("CONFIG", "SET", "appendonly", "yes")    # itself a first base
        engine.turn()
    while engine.busy():
        engine.turn()
    began = time.thread_time()
    engine(*ROUTES[route])
    command = (time.thread_time() - began) * 1e3
    turns = [engine.turn() for _ in range(3)]
    time.sleep(0.002)                   # until a deadline has passed
    turns.append(engine.turn())
    while engine.busy():
        turns.append(engine.turn())
    if route == "rewrite":
        engine("CONFIG", "SET", "appendonly", "no")
    if route == "copy":
        engine("FLUSHALL", "ASYNC")
        while engine.busy():
            engine.turn()
    return {"command_ms": command, "longest_turn_ms": max(turns), "turns": len(turns)}


def summed(kind: str, route: str, rounds: list[dict]) -> dict:
    return {"kind": kind, "route": route, "rounds": rounds} | {
        figure: record.summary(got[figure] for got in rounds)
        for figure in ("command_ms", "longest_turn_ms", "turns")}


def turns(kinds: list[str], routes: list[str], elements: int, rounds: int) -> list[dict]:
    """A row for each kind and route: the longest of the turns, round by round."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench-release-") as directory:
        engine = InProcess(directory)
        for kind in kinds:
            for route in routes:
                if route == "idle":
                    continue
                got = [turns_of(engine, kind, route, elements) for _ in range(rounds)]
                rows.append(summed(kind, route, got))
                command, longest = rows[-1]["command_ms"], rows[-1]["longest_turn_ms"]
                print(f"{kind:7} {route:14} command {command['max']:8.2f} ms  longest turn "
                      f"{longest['max']:6.2f} ms of {rows[-1]['turns']['median']:.0f}", flush=True)
            engine("FLUSHALL", "SYNC")
        engine.server.close()
    return rows


def save(name: str, key: str, answers, settings: dict, versions: dict) -> None:
    result = record.header(name, settings, versions)
    result[key] = answers
    print(record.write(name, result), file=sys.stderr)


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1 M elements")
    parser.add_argument("--elements", type=int, default=ELEMENTS)
    parser.add_argument("--only", nargs="*", default=list(FILLS), choices=list(FILLS))
    parser.add_argument("--route", nargs="*", default=list(ROUTES), choices=list(ROUTES))
    parser.add_argument("--turns", action="store_true", help="CPU of our turns, in process")
    parser.add_argument("--rounds", type=int, default=3, help="of --turns")
    parser.add_argument("--peer", nargs="*", default=["kvd", "valkey"], choices=peers.PEERS)
    parser.add_argument("--save", action="store_true", help="write bench/results/*.json")
    options = parser.parse_args(argv)
    elements = 1_000_000 if options.quick else options.elements
    if options.turns:
        rows = turns(options.only, options.route, elements, options.rounds)
        if options.save:
            save("turns", "rows", rows, {"elements": elements, "rounds": options.rounds},
                 {"kvd": {"version": f"kvd {__version__}", "allocator": "kvd",
                          "flags": "in this process"}})
        return
    peers.pin_generator()
    answers, versions = {}, {}
    for name in peers.present(options.peer):
        with peers.running([name], busy_reply_threshold=0) as running:
            versions |= record.versions(running)
            answers[name] = {}
            for kind in options.only:
                for route in options.route:
                    got = one(running[name], kind, route, elements)
                    answers[name].setdefault(kind, {})[route] = got
                    over = {who: n for who, n in got["pauses_over_2ms_by_cause"].items() if n}
                    print(f"{name:8} {kind:7} {route:14} p99 {got['p99_us']:7.0f} us  longest "
                          f"{got['longest_ms']:7.1f} ms {got['cause']:10} over 2 ms: "
                          f"{over or 'none'}", flush=True)
                running[name]("FLUSHALL", "ASYNC")
                settle(running[name])
    if options.save:
        save("release", "answers", answers, {"elements": elements, "seconds": SECONDS,
                                             "probe_per_s": latency.PROBE_RATE}, versions)


if __name__ == "__main__":
    main()
