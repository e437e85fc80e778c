"""How long does a request wait at half load, and does growth or FLUSHALL ASYNC make it wait?

An open loop at a fixed rate: 10,000 single GETs a second are the probe, and a stream of SETs in
bursts of 16 is the load, at half of what the server reached when it was asked as fast as it
could. The same probe runs in five phases:

    idle     no load: the machine's and the generator's own jitter, to be read beside the rest
    steady   half load on 1 M keys that exist
    unix     the same through a Unix socket
    growth   half load that adds 10 M keys
    flush    half load, FLUSHALL ASYNC of 1 M keys in the middle

A pause is a stretch of time in which requests waited longer than 1 ms. Each is attributed:
`generator` was not running itself; `scheduler` kept the server off its core; `server` was
running for most of the stretch and did not answer (the engine, or the hypervisor took the core
away from it: compare `idle` and `steady`); `elsewhere` is neither.

    python -m bench.latency [--quick] [--keys N] [--peer NAME ...] [--save]
"""
import argparse
import bisect
import dataclasses
import mmap
import pathlib
import sys
import time

from bench import load, openloop, peers, record
from bench.requests import KEYSPACE, Number, Request, key

VALUE = b"x" * 32
BURST = 16
PROBE_RATE = 10_000
PROBE_CONNECTIONS = LOAD_CONNECTIONS = 25
SLOW_US = 1000
PAUSE_US = 2000                         # the bound that the engine is held to
SECONDS = 5.0
CAPACITY_REQUESTS = 1_000_000
HUGE_BYTES = 2 * 1024 * 1024
BYTES_PER_KEY = 160                     # of the greediest peer, roughly


@dataclasses.dataclass
class Stream:
    """What bench.openloop takes."""
    sockets: list
    request: Request
    rate: float
    count: int
    burst: int = 1
    start_s: float = 0.0


def warm_memory(size: int) -> dict:
    """Touch memory and give it back, so that a virtual machine's host has it ready.

    Returns: microseconds of the first touch of 2 MB. Here that took 8 to 15 ms where the host
        had to find the pages, and 0.2 ms where it had them; it takes pages back that have been
        free for two or three seconds. Who grows pays this, and no server is the cause.
    """
    took = []
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as touched:
        touched.madvise(mmap.MADV_HUGEPAGE)
        for at in range(0, size - HUGE_BYTES, HUGE_BYTES):
            started = time.perf_counter()
            touched[at:at + HUGE_BYTES:4096] = bytes(HUGE_BYTES // 4096)
            took.append((time.perf_counter() - started) * 1e6)
    return record.summary(took)


def capacity(peer: peers.Peer, count: int) -> float:
    """Requests a second when the load stream runs as fast as it can."""
    run = load.closed_loop(peer.sockets(LOAD_CONNECTIONS), Request(b"SET", key(), VALUE), BURST,
                           count)
    return count / run["seconds"]


def probe(peer: peers.Peer, seconds: float, unix: bool = False) -> Stream:
    return Stream(peer.sockets(PROBE_CONNECTIONS, unix), Request(b"GET", key()), PROBE_RATE,
                  int(seconds * PROBE_RATE))


def writes(peer: peers.Peer, target: Number, rate: float, count: int,
           unix: bool = False) -> Stream:
    return Stream(peer.sockets(LOAD_CONNECTIONS, unix), Request(b"SET", target, VALUE), rate,
                  count, BURST)


def pauses(run: dict) -> list[dict]:
    """Join slow requests whose waits overlap, and say what happened meanwhile; longest first."""
    joined: list[list[int]] = []
    for _, due, done in sorted(run["slow"], key=lambda s: s[1]):
        if joined and due <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], done)
            joined[-1][2] = max(joined[-1][2], done - due)
            joined[-1][3] += 1
        else:
            joined.append([due, done, done - due, 1])
    found = [{"at_s": (begin - run["begin_ns"]) / 1e9, "stretch_us": (end - begin) / 1e3,
              "longest_wait_us": longest / 1e3, "requests": count,
              "cause": cause(run, begin, end)} for begin, end, longest, count in joined]
    return sorted(found, key=lambda pause: -pause["longest_wait_us"])


def cause(run: dict, begin: int, end: int) -> str:
    """Who spent most of the time from begin to end."""
    away = sum(max(0, min(end, gap_end) - max(begin, gap_begin))
               for gap_begin, gap_end in run["gaps"])
    if away > (end - begin) / 2:
        return "generator"
    at = [sample[0] for sample in run["samples"]]
    first = max(0, bisect.bisect_right(at, begin) - 1)
    last = min(len(at) - 1, bisect.bisect_left(at, end))
    if last <= first:
        return "elsewhere"
    (t0, ran0, ready0), (t1, ran1, ready1) = run["samples"][first], run["samples"][last]
    if ready1 - ready0 > (t1 - t0) / 2:
        return "scheduler"
    return "server" if ran1 - ran0 > (t1 - t0) / 2 else "elsewhere"


def steal_seconds() -> float:
    """Time that the hypervisor gave to others while we were ready to run, all cores."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return int(fields[8]) * peers.TICK_SECONDS if len(fields) > 8 else 0.0


def faults(peer: peers.Peer) -> int:
    """Pages that the server touched first so far, of 4 KiB or 2 MiB, all its threads."""
    text = pathlib.Path(f"/proc/{peer.pid}/stat").read_text()
    return int(text.rpartition(")")[2].split()[7])


def phase(peer: peers.Peer, streams: list[Stream]) -> dict:
    stolen, touched = steal_seconds(), faults(peer)
    run = openloop.open_loop(streams, peer.pid, SLOW_US)
    if error := next((s["error"] for s in run["streams"] if s["errors"]), None):
        raise RuntimeError(f"{peer.name}: {error}")
    every = pauses(run)
    return {
        "seconds": run["seconds"], "load_per_s": streams[1].rate if len(streams) > 1 else 0,
        "probe": run["streams"][0], "load": run["streams"][1] if len(streams) > 1 else None,
        "steal_s": steal_seconds() - stolen, "first_touches": faults(peer) - touched,
        "pauses_over_1ms": len(every),
        "pauses_over_2ms_by_cause": {
            who: sum(p["cause"] == who and p["longest_wait_us"] > PAUSE_US for p in every)
            for who in ("server", "scheduler", "generator", "elsewhere")},
        "longest_pauses": every[:10],
    }


def fill(peer: peers.Peer) -> None:
    load.closed_loop(peer.sockets(8), Request(b"SET", key(order="ascending"), VALUE), 64, KEYSPACE)


def measure(peer: peers.Peer, seconds: float, keys: int) -> dict:
    """All phases on one server."""
    fill(peer)
    rate = capacity(peer, CAPACITY_REQUESTS) / 2
    count = int(rate * seconds)
    answers = {
        "half_load_per_s": rate,
        "idle": phase(peer, [probe(peer, seconds)]),
        "steady": phase(peer, [probe(peer, seconds), writes(peer, key(), rate, count)]),
        "unix": phase(peer, [probe(peer, seconds, True), writes(peer, key(), rate, count, True)]),
        "first_touch_of_2mb_us": warm_memory(keys * BYTES_PER_KEY),
    }
    answers["growth"] = phase(peer, [
        probe(peer, keys / rate),
        writes(peer, key(b"new:", count=keys, order="ascending"), rate, keys)])
    peer("FLUSHALL", "SYNC")
    fill(peer)
    flush = Stream(peer.sockets(1), Request(b"FLUSHALL", b"ASYNC"), 1, 1, start_s=seconds / 2)
    answers["flush"] = phase(
        peer, [probe(peer, seconds), writes(peer, key(), rate, count), flush])
    return answers


def show(name: str, answers: dict) -> None:
    print(f"{name}: half load is {answers['half_load_per_s']:,.0f} SET/s"
          f" in bursts of {BURST}, with {PROBE_RATE:,} GET/s; the machine's first touch of 2 MB"
          f" took {answers['first_touch_of_2mb_us']['median'] / 1000:.1f} ms")
    for title in ("idle", "steady", "unix", "growth", "flush"):
        got = answers[title]
        for who in ("probe", "load"):
            if figures := got[who]:
                print(f"  {title:7}{who:6} p50 {figures['p50_us']:8.0f} us  p99"
                      f" {figures['p99_us']:8.0f}  p99.9 {figures['p99.9_us']:8.0f}"
                      f"  max {figures['max_us']:8.0f}")
        over = {who: n for who, n in got["pauses_over_2ms_by_cause"].items() if n}
        longest = [f"{p['longest_wait_us'] / 1000:.1f} ms {p['cause']}"
                   for p in got["longest_pauses"][:3]]
        print(f"  {title:7}pauses over 2 ms: {over or 'none'}; longest: {', '.join(longest)};"
              f" first touches: {got['first_touches']:,}; stolen {got['steal_s']:.2f} s",
              flush=True)


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2 s a phase, 1 M keys added")
    parser.add_argument("--keys", type=int, default=10_000_000, help="added during growth")
    parser.add_argument("--peer", nargs="*", default=["kvd", "valkey"], choices=peers.PEERS)
    parser.add_argument("--save", action="store_true", help="write bench/results/latency.json")
    options = parser.parse_args(argv)
    seconds, keys = (2.0, KEYSPACE) if options.quick else (SECONDS, options.keys)
    peers.pin_generator()
    answers, versions = {}, {}
    for name in peers.present(options.peer):
        with peers.running([name]) as running:
            versions |= record.versions(running)
            answers[name] = measure(running[name], seconds, keys)
        show(name, answers[name])
    if options.save:
        result = record.header("latency", {
            "keys_added": keys, "seconds": seconds, "probe_per_s": PROBE_RATE, "burst": BURST,
            "keyspace": KEYSPACE}, versions)
        result["answers"] = answers
        print(record.write("latency", result), file=sys.stderr)


if __name__ == "__main__":
    main()
