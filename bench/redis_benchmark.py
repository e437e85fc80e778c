"""What does redis-benchmark say, its own default tests unmodified?

Debian's `redis-benchmark`, 50 connections, 1 M random keys, 32-byte values, depth 1 and 16. It
costs as much CPU as the server it drives, so the rate understates differences: read it beside
the server's CPU per request, which stands there too. Behind them SET and GET again with values
of 1 KB to 1 MB, 20 connections and 100 keys, where copying is what costs. A test that a server
cannot answer is listed with the server's words, and not asked of the others.

    python -m bench.redis_benchmark [--quick] [--peer NAME ...] [--save]
"""
import argparse
import csv
import os
import shutil
import subprocess
import sys

from bench import peers, record

TESTS = ("ping_inline", "ping_mbulk", "set", "get", "incr", "lpush", "rpush", "lpop", "rpop",
         "sadd", "hset", "spop", "zadd", "zpopmin", "lrange_100", "lrange_300", "lrange_500",
         "lrange_600", "mset")
REQUESTS = {1: 50_000, 16: 200_000}
LARGE_TESTS = ("set", "get")            # in this order: what is set is got
SIZES = {1_000: "1 KB", 10_000: "10 KB", 100_000: "100 KB", 1_000_000: "1 MB"}
LARGE_REQUESTS = 100_000
LARGE_BYTES = 1_500_000_000             # of values that one test moves, at most
LARGE_KEYS = 100
ROUNDS = 2


def read_rows(done: subprocess.CompletedProcess) -> list[dict]:
    """What it printed, or the error that it ended with."""
    rows = list(csv.DictReader(done.stdout.splitlines()))
    if done.returncode or not rows:
        said = [line for line in (done.stderr + done.stdout).splitlines() if "rror" in line]
        return [{"error": said[0].partition(",")[0] if said
                 else f"exit status {done.returncode}"}]
    return rows


def run(peer: peers.Peer, test: str, depth: int, requests: int, size: int = 32,
        keys: int = 1_000_000, connections: int = 50) -> dict:
    """The last row that a test prints (LRANGE prints its LPUSH first), or its error."""
    command = ["redis-benchmark", "-p", str(peer.address[1]), "-c", str(connections),
               "-n", str(requests), "-r", str(keys), "-d", str(size), "-P", str(depth),
               "-t", test, "--csv"]
    if os.cpu_count() > 1:
        command = ["taskset", "-c", str(peers.GENERATOR_CORE), *command]
    before = peer.cpu()
    rows = read_rows(subprocess.run(command, capture_output=True, text=True, timeout=120))
    spent = peer.cpu() - before
    if "error" in rows[-1]:
        return rows[-1]
    sent = requests * len(rows)
    return {"name": rows[-1]["test"], "requests_per_s": float(rows[-1]["rps"]),
            "p50_ms": float(rows[-1]["p50_latency_ms"]),
            "p99_ms": float(rows[-1]["p99_latency_ms"]), "server_us": spent.total / sent * 1e6}


def compare(running: dict[str, peers.Peer], rounds: int, test: str, depth: int, requests: int,
            label: str, **shape: int) -> dict:
    """One test against every server, in turns: the row of the result."""
    taken = {name: [] for name in running}
    row = {"test": label, "depth": depth, "rounds": taken, "summary": {}, "errors": {}}
    for _ in range(rounds):
        for name, peer in running.items():
            if row["errors"]:
                continue                # nothing to compare
            got = run(peer, test, depth, requests, **shape)
            if "error" in got:
                row["errors"][name] = got["error"]
            else:
                taken[name].append(got)
    for name, runs in taken.items():
        if runs:
            row["summary"][name] = {
                figure: record.summary(r[figure] for r in runs)
                for figure in ("requests_per_s", "server_us", "p50_ms", "p99_ms")}
    show(row)
    return row


def measure(running: dict[str, peers.Peer], rounds: int, scale: float) -> list[dict]:
    rows = []
    for depth, requests in REQUESTS.items():
        for test in TESTS:
            count = max(1000, int(requests * scale / (20 if "lrange" in test else 1)))
            rows.append(compare(running, rounds, test, depth, count, test))
    for peer in running.values():
        peer("FLUSHALL")
    for depth in REQUESTS:
        for size, words in SIZES.items():
            count = max(1000, int(min(LARGE_REQUESTS, LARGE_BYTES / size) * scale))
            for test in LARGE_TESTS:
                rows.append(compare(running, rounds, test, depth, count, f"{test} {words}",
                                    size=size, keys=LARGE_KEYS, connections=20))
    return rows


def show(row: dict) -> None:
    for name, figures in row["summary"].items():
        print(f"{row['test']:12} d{row['depth']:<3} {name:16}"
              f"{figures['requests_per_s']['median']:>11,.0f}/s"
              f"  server {figures['server_us']['median']:8.3f} us"
              f"  p99 {figures['p99_ms']['median']:7.3f} ms", flush=True)
    for name, error in row["errors"].items():
        print(f"{row['test']:12} d{row['depth']:<3} {name:16} {error}", flush=True)


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the requests, one round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--peer", nargs="*", default=["kvd", "valkey"], choices=peers.PEERS)
    parser.add_argument("--save", action="store_true",
                        help="write bench/results/redis_benchmark.json")
    options = parser.parse_args(argv)
    if not shutil.which("redis-benchmark"):
        print("redis-benchmark is not on this machine: left out")
        return
    rounds, scale = (1, 0.2) if options.quick else (options.rounds, 1.0)
    with peers.running(peers.present(options.peer)) as running:
        tool = subprocess.run(["redis-benchmark", "--version"], capture_output=True, text=True)
        result = record.header("redis_benchmark", {"tool": tool.stdout.strip(), "rounds": rounds},
                               record.versions(running))
        result["rows"] = measure(running, rounds, scale)
    if options.save:
        print(record.write("redis_benchmark", result), file=sys.stderr)


if __name__ == "__main__":
    main()
