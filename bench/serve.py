"""How much server CPU does a request cost, and how many requests a second come through?

GET and SET at depth 1, 16 and 64, MGET and MSET of 100 keys, and every string, bitmap and key
command at depth 16; 50 connections, 16-byte keys, 32-byte values, 1 M keys. The peers run side
by side and take turns, case by case and round by round, so that a slow minute of the machine
falls on all of them. A ratio is taken within a round; median, least and greatest are reported.
The generator's CPU stands beside: where it was busier than the server, it is the limit.

    python -m bench.serve [--quick] [--core] [--rounds N] [--only NAME ...] [--peer NAME ...]
                          [--journal no|everysec|always] [--save]
"""
import argparse
import sys

from bench import cases, load, peers, record

CONNECTIONS = 50
DEPTHS = (1, 16, 64)
REQUESTS = {1: 60_000, 16: 400_000, 64: 800_000}
COMMAND_REQUESTS = 200_000              # a round of each of the many commands
COMMAND_ROUNDS = 3                      # at most: there are sixty of them
# Of the wall clock; above, and busier than the server, the generator is the limit.
GENERATOR_BUSY = 0.8


class Bench:
    """Peers with the keyspace loaded, and connections kept open from case to case."""

    def __init__(self, running: dict[str, peers.Peer]):
        self.running = running
        self.sockets = {name: peer.sockets(CONNECTIONS) for name, peer in running.items()}
        for name in running:
            for count, request in cases.FILL:
                self.load(name, request, 64, count)

    def repair(self, name: str, case: cases.Case, requests: int) -> None:
        """Undo a case of so many requests."""
        for args in case.repair:
            if args == cases.FLUSH_DB1:
                peer = self.running[name]
                peer("SELECT", 1), peer("FLUSHDB"), peer("SELECT", 0)
            else:
                self.load(name, cases.Request(*args), 64, requests)

    def load(self, name: str, request, depth: int, requests: int, seed: int = 1) -> dict:
        run = load.closed_loop(self.sockets[name], request, depth, requests, seed)
        if run["errors"]:
            raise RuntimeError(f"{name}: {run['errors']} errors, the first: {run['error']}")
        return run

    def measure(self, name: str, case: cases.Case, depth: int, requests: int, seed: int) -> dict:
        """One round of one case on one peer."""
        peer = self.running[name]
        if not case.repair:
            self.load(name, case.request, depth, max(1, requests // 10), seed + 1000)
        before = peer.cpu()
        run = self.load(name, case.request, depth, requests, seed)
        spent = peer.cpu() - before
        self.repair(name, case, requests)
        return {
            "seconds": run["seconds"],
            "requests_per_s": requests / run["seconds"],
            "server_us": spent.total / requests * 1e6,
            "server_user_us": spent.user / requests * 1e6,
            "server_system_us": spent.system / requests * 1e6,
            "generator_us": run["cpu_seconds"] / requests * 1e6,
            "generator_busy": run["cpu_seconds"] / run["seconds"],
            "server_busy": spent.total / run["seconds"],
        }


def unsupported(bench: Bench, case: cases.Case) -> dict[str, str]:
    """Peers that answer the case with an error, and the error."""
    answers = {}
    for name in bench.running:
        run = load.closed_loop(bench.sockets[name], case.request, 1, 1)
        if run["errors"]:
            answers[name] = run["error"].partition(",")[0]
        else:
            bench.repair(name, case, 1)
    return answers


def row(case: cases.Case, depth: int, requests: int, rounds: dict[str, list[dict]],
        missing: dict[str, str]) -> dict:
    """Rounds of one case with their medians and the ratios to each yardstick."""
    result = {"case": case.name, "depth": depth, "requests": requests,
              "keys_per_request": case.per_request,
              "rounds": {name: {figure: [r[figure] for r in runs] for figure in runs[0]}
                         for name, runs in rounds.items()},
              "summary": {name: {figure: record.summary(r[figure] for r in runs)
                                 for figure in runs[0]} for name, runs in rounds.items()}}
    if missing:
        result["unsupported"] = missing
    result["generator_is_limit"] = {
        name: figures["generator_busy"]["median"] > max(GENERATOR_BUSY,
                                                        figures["server_busy"]["median"])
        for name, figures in result["summary"].items()}
    result["ratios"] = {
        name: {figure: record.summary(ours[figure] / theirs[figure]
                                      for ours, theirs in zip(rounds["kvd"], runs))
               for figure in ("server_us", "requests_per_s")}
        for name, runs in rounds.items() if name != "kvd" and "kvd" in rounds}
    return result


def show(result: dict) -> None:
    for name, figures in result["summary"].items():
        ratio = result["ratios"].get(name)
        text = "" if ratio is None else (
            f"   cpu x{ratio['server_us']['median']:.2f}"
            f" ({ratio['server_us']['min']:.2f}..{ratio['server_us']['max']:.2f})"
            f"  rate x{ratio['requests_per_s']['median']:.2f}"
            f" ({ratio['requests_per_s']['min']:.2f}..{ratio['requests_per_s']['max']:.2f})")
        print(f"{result['case']:18} d{result['depth']:<3} {name:16}"
              f"{figures['requests_per_s']['median']:>11,.0f}/s"
              f"  server {figures['server_us']['median']:8.3f} us"
              f"  generator {figures['generator_us']['median']:7.3f} us"
              f" ({figures['generator_busy']['median']:4.0%} busy){text}", flush=True)
    for name, error in result.get("unsupported", {}).items():
        print(f"{result['case']:18} d{result['depth']:<3} {name:16} {error}", flush=True)


def plan(only: list[str]) -> list[tuple[cases.Case, int, str]]:
    """(case, depth, group): group says which peers take part."""
    rows = [(case, depth, "core") for case in cases.CORE for depth in DEPTHS]
    rows += [(case, 16, "core") for case in cases.BATCHES]
    rows += [(case, 16, "command") for case in cases.COMMANDS]
    if only:
        words = [word.casefold() for word in only]
        rows = [r for r in rows if r[0].name.casefold() in words
                or r[0].name.casefold().split()[0].rstrip(",") in words]
        if not rows:
            raise SystemExit(f"no case is called {' or '.join(only)}")
    return rows


def measure_all(bench: Bench, rows, rounds: int, scale: float) -> list[dict]:
    results = []
    for case, depth, group in rows:
        missing = unsupported(bench, case)
        names = [name for name in bench.running if name not in missing
                 and (group == "core" or name in ("kvd", "valkey"))]
        requests = REQUESTS[depth] if group == "core" else COMMAND_REQUESTS
        requests = max(CONNECTIONS, int(requests * scale / case.weight))
        taken: dict[str, list[dict]] = {name: [] for name in names}
        for turn in range(rounds if group == "core" else min(rounds, COMMAND_ROUNDS)):
            # Rotated, so that nobody always runs after the same neighbour.
            for name in names[turn % len(names):] + names[:turn % len(names)]:
                taken[name].append(bench.measure(name, case, depth, requests, turn + 1))
        if names:
            results.append(row(case, depth, requests, taken, missing))
            show(results[-1])
    return results


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the requests, 3 rounds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], metavar="CASE")
    parser.add_argument("--core", action="store_true", help="GET, SET, MGET and MSET only")
    parser.add_argument("--peer", nargs="*", default=None, choices=peers.PEERS)
    parser.add_argument("--journal", default="no", choices=("no", "everysec", "always"),
                        help="append-only file of all peers, and when it is synced")
    parser.add_argument("--save", action="store_true", help="write bench/results/serve.json")
    options = parser.parse_args(argv)
    rounds = min(options.rounds, 3) if options.quick else options.rounds
    rows = plan(options.only)
    if options.core:
        rows = [r for r in rows if r[2] == "core"]
    peers.pin_generator()
    journal = {} if options.journal == "no" else {
        "appendonly": "yes", "appendfsync": options.journal}
    with peers.running(peers.present(options.peer or peers.PEERS), **journal) as running:
        bench = Bench(running)
        result = record.header("serve", {
            "connections": CONNECTIONS, "keyspace": cases.KEYSPACE, "key_bytes": 16,
            "value_bytes": len(cases.VALUE), "rounds": rounds,
            "journal": options.journal}, record.versions(running))
        result["rows"] = measure_all(bench, rows, rounds, 0.2 if options.quick else 1.0)
    if options.save:
        print(record.write("serve", result), file=sys.stderr)


if __name__ == "__main__":
    main()
