"""How many nanoseconds does the engine spend on a request, sockets left out?

The same requests as bench.serve, given to `Server.process_bytes` in batches of 16 and 64: parse,
look up, execute, reply. The best of several rounds, as nothing but noise makes one slower. What
bench.serve shows above this figure is the kernel and the loop.

    python -m bench.micro.inprocess [--only NAME ...] [--keys N] [--rounds N]
"""
import argparse
import time

from bench import cases, peers, wire
from bench.requests import key

DEPTHS = (16, 64)
REQUESTS = 200_000


def batches(case: cases.Case, depth: int, requests: int, seed: int) -> list[bytes]:
    request = case.request
    made = wire.render(request.data, request.fields, requests, seed)
    return [b"".join(made[at:at + depth]) for at in range(0, requests, depth)]


def fill(server, count: int) -> None:
    request = cases.Case("", (b"SET", key(order="ascending", count=count), cases.VALUE))
    for batch in batches(request, 64, count, 1):
        server.process_bytes(batch)
    for size, request in cases.FILL[1:]:
        for data in wire.render(request.data, request.fields, size):
            server.process_bytes(data)


def measure(server, case: cases.Case, depth: int, rounds: int) -> tuple[float, bytes]:
    """Nanoseconds a request in the best round, and the first reply of the last."""
    requests = max(depth, int(REQUESTS / case.weight) // depth * depth)
    best, reply = float("inf"), b""
    for turn in range(rounds):
        todo = batches(case, depth, requests, turn + 1)
        reply = server.process_bytes(todo[0])
        started = time.perf_counter_ns()
        for batch in todo:
            server.process_bytes(batch)
        best = min(best, (time.perf_counter_ns() - started) / requests)
        for args in case.repair:
            if args != cases.FLUSH_DB1:
                undo = cases.Case("", args)
                for batch in batches(undo, depth, requests, 1):
                    server.process_bytes(batch)
    return best, reply


def main(argv=None) -> None:
    from kvd.engine import commands  # noqa: F401  registers the families
    from kvd.engine.server.server import Server

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--keys", type=int, default=cases.KEYSPACE)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(argv)
    peers.pin_generator()
    server = Server()
    fill(server, options.keys)
    words = [word.casefold() for word in options.only]
    for case in cases.CORE + cases.BATCHES + cases.COMMANDS:
        if words and not {case.name.casefold(), case.name.split()[0].casefold()} & {*words}:
            continue
        best, reply = zip(*(measure(server, case, depth, options.rounds) for depth in DEPTHS))
        figures = "  ".join(f"depth {d}: {ns:8.0f} ns" for d, ns in zip(DEPTHS, best))
        error = reply[0].split(b"\r\n")[0].decode() if reply[0].startswith(b"-") else ""
        print(f"{case.name:18} {error or figures}", flush=True)
    server.close()


if __name__ == "__main__":
    main()
