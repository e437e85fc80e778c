"""Which share of reads hits, at equal maxmemory, under allkeys-lru and allkeys-lfu?

A read-through cache (GET, on a miss SET) over Zipf 0.99 and public traces. Every server gets
the same budget above what it uses when it is empty: the caches here are megabytes, and the fixed
megabyte of a server would otherwise decide, which it does not at the sizes that people run. How
many keys fit into the budget is part of the answer and stands beside it.

The yardstick's LRU clock ticks once a second. If all keys of a cache are replaced within a few
ticks, their ages tie and LRU turns into random choice, which would flatter us. So replays are
paced to take `--seconds`, all of them beside each other (they are idle most of the time), and
the turnover, the seconds in which as many keys were set as the server holds, is reported.
A turnover below 5 s is marked: its LRU figure says little.

    python -m bench.evict [--quick] [--seconds N] [--only WORKLOAD ...] [--peer NAME ...] [--save]
"""
import argparse
import concurrent.futures
import sys

import numpy

from bench import peers, record, replay, workloads

POLICIES = ("allkeys-lru", "allkeys-lfu")
SECONDS = 120.0
TURNOVER_SECONDS = 5.0
OVER_LIMIT = 1.01                       # used over maxmemory: buffers of the questions themselves


def run(peer: peers.Peer, workload: workloads.Workload, ids, policy: str, budget: int,
        seconds: float) -> dict:
    sockets, rate = peer.sockets(1), len(ids) / seconds if seconds else 0
    empty = peer.used_bytes()
    peer("CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", empty + budget)
    got = replay.replay(sockets[0], ids, workload.value_min, workload.value_max, rate)
    if got["errors"]:
        raise RuntimeError(f"{peer.name}, {workload.name}: {got['error']}")
    keys, half = peer("DBSIZE"), got["requests"] - got["requests"] // 2
    return {
        "requests": got["requests"], "seconds": got["seconds"],
        "hit_ratio": 1 - got["misses"] / got["requests"],
        "hit_ratio_late": 1 - got["misses_late"] / half,
        "keys_held": keys, "used_empty_bytes": empty, "used_bytes": peer.used_bytes(),
        "resident_bytes": peer.resident_bytes(),
        "evicted": int(peer.info("stats")["evicted_keys"]),
        "turnover_s": keys * got["seconds"] / max(1, got["misses"]),
    }


def measure(names: list[str], chosen: list, seconds: float, requests: int | None):
    """Rows and versions: all workloads, policies and peers at once, each on its own server."""
    jobs, rows, started = {}, [], []
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        try:
            for workload in chosen:
                ids = workload.ids(requests)
                if ids is None:
                    print(f"{workload.name}: no trace in {workloads.TRACES}, left out")
                    continue
                objects = len(numpy.unique(ids))
                budget = workload.budget_bytes(objects)
                for policy in POLICIES:
                    rows.append({"workload": workload.name, "policy": policy,
                                 "budget_bytes": budget, "objects": objects,
                                 "value_bytes": [workload.value_min, workload.value_max]})
                    for name in names:
                        started.append(peers.start(name))
                        jobs[len(rows) - 1, name] = (started[-1], workload, ids, policy, budget)
            futures = {place: pool.submit(run, *job, seconds) for place, job in jobs.items()}
            for (index, name), future in futures.items():
                rows[index].setdefault("peers", {})[name] = future.result()
            versions = record.versions({p.name: p for p in started})
        finally:
            for peer in started:
                peer.stop()
    return rows, versions


def show(row: dict) -> None:
    for name, got in row["peers"].items():
        mark = "" if got["turnover_s"] >= TURNOVER_SECONDS else "  (fast turnover)"
        if got["used_bytes"] > (got["used_empty_bytes"] + row["budget_bytes"]) * OVER_LIMIT:
            mark += "  (ABOVE ITS LIMIT: not comparable)"
        print(f"{row['workload']:12} {row['policy']:12} {row['budget_bytes'] / 1e6:5.1f} MB"
              f" {name:16} hits {got['hit_ratio']:7.2%}, second half {got['hit_ratio_late']:7.2%}"
              f"  {got['keys_held']:>7,} keys held  used {got['used_bytes'] / 1e6:5.1f} MB"
              f"  turnover {got['turnover_s']:6.1f} s{mark}", flush=True)


def main(argv=None) -> None:
    names = [workload.name for workload in workloads.WORKLOADS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="200,000 requests in 10 s each")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="0: do not pace")
    parser.add_argument("--only", nargs="*", default=names, choices=names)
    parser.add_argument("--peer", nargs="*", default=["kvd", "valkey"], choices=peers.PEERS)
    parser.add_argument("--save", action="store_true", help="write bench/results/evict.json")
    options = parser.parse_args(argv)
    seconds, requests = (10.0, 200_000) if options.quick else (options.seconds, None)
    peers.pin_generator()
    chosen = [w for w in workloads.WORKLOADS if w.name in options.only]
    rows, versions = measure(peers.present(options.peer), chosen, seconds, requests)
    for row in rows:
        show(row)
    if options.save:
        result = record.header("evict", {"seconds": seconds, "batch": 16}, versions)
        result["rows"] = rows
        print(record.write("evict", result), file=sys.stderr)


if __name__ == "__main__":
    main()
