"""How much server CPU does a request cost over TLS, and whom do handshakes hold up?

Debian's redis-benchmark, which speaks TLS, drives our server and Debian's redis-server over the
same cipher: GET and SET at depth 1 and 16, 50 connections, 100,000 keys, 32-byte values. The peers
take turns, round by round. A round has a long run and a short one, and what counts is their
difference: so the handshakes at the start of each fall out.

Then each peer answers a PING in plaintext every millisecond, first alone, then while a process
connects over TLS as fast as it can. The prober and that process share a core, the prober first; the
server has the other.

    python -m bench.tls [--quick] [--rounds N] [--cipher NAME] [--peer NAME ...] [--save]
"""
import argparse
import contextlib
import multiprocessing
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from bench import peers, record
from bench.redis_benchmark import read_rows

CIPHER = "TLS_AES_256_GCM_SHA384"       # what both ends choose when nobody asks for another
KEYS = 100_000
VALUE = b"v" * 32
REQUESTS = {1: 100_000, 16: 400_000}
SHORT = 0.1                             # of a long run
CONNECTIONS = 50
PROBES = 3000
PROBE_SECONDS = 0.001


def certificate(directory: pathlib.Path) -> dict[str, str]:
    """A P-256 certificate, as instances have: directives for both servers."""
    from kvd.agent.certificates import make_authority, make_leaf
    authority, key = make_authority()
    leaf, leaf_key = make_leaf(authority, key, "localhost")
    for name, content in (("ca", authority), ("leaf", leaf), ("key", leaf_key)):
        (directory / name).write_bytes(content)
    return {"tls_cert_file": str(directory / "leaf"), "tls_key_file": str(directory / "key"),
            "tls_ca_cert_file": str(directory / "ca"), "tls_auth_clients": "no"}


def fill(peer: peers.Peer) -> None:
    for start in range(0, KEYS, 1000):
        peer("MSET", *(word for i in range(start, start + 1000)
                       for word in (f"key:{i:012d}", VALUE)))


def run(peer: peers.Peer, port: int, ca: str, cipher: str, test: str, depth: int,
        requests: int) -> tuple[float, float]:
    """Seconds of the server's CPU, requests a second."""
    command = ["redis-benchmark", "-h", "localhost", "-p", str(port), "--tls", "--cacert", ca,
               "--tls-ciphersuites", cipher, "-c", str(CONNECTIONS), "-n", str(requests),
               "-r", str(KEYS), "-d", str(len(VALUE)), "-P", str(depth), "-t", test, "--csv"]
    if os.cpu_count() > 1:
        command = ["taskset", "-c", str(peers.GENERATOR_CORE), *command]
    before = peer.cpu()
    rows = read_rows(subprocess.run(command, capture_output=True, text=True, timeout=300))
    if "error" in rows[-1]:
        raise RuntimeError(f"{peer.name}: {rows[-1]['error']}")
    return (peer.cpu() - before).total, float(rows[-1]["rps"])


def measure(running: dict[str, peers.Peer], ports: dict[str, int], ca: str, cipher: str,
            rounds: int, scale: float) -> list[dict]:
    rows = []
    for test in ("get", "set"):
        for depth, requests in REQUESTS.items():
            long = int(requests * scale)
            short = int(long * SHORT)
            taken: dict[str, list[dict]] = {name: [] for name in running}
            for turn in range(rounds):
                names = list(running)
                for name in names[turn % len(names):] + names[:turn % len(names)]:
                    little, _ = run(running[name], ports[name], ca, cipher, test, depth, short)
                    much, rate = run(running[name], ports[name], ca, cipher, test, depth, long)
                    taken[name].append({"server_us": (much - little) / (long - short) * 1e6,
                                        "requests_per_s": rate})
            rows.append(summed(test, depth, long, taken))
            show(rows[-1])
    return rows


def summed(test: str, depth: int, requests: int, taken: dict[str, list[dict]]) -> dict:
    """Rounds with their medians, and the ratios to each yardstick."""
    return {"case": test.upper(), "depth": depth, "requests": requests, "rounds": taken,
            "summary": {name: {figure: record.summary(r[figure] for r in runs)
                               for figure in runs[0]} for name, runs in taken.items()},
            "ratios": {name: {figure: record.summary(
                ours[figure] / theirs[figure] for ours, theirs in zip(taken["kvd"], runs))
                for figure in ("server_us", "requests_per_s")}
                for name, runs in taken.items() if name != "kvd" and "kvd" in taken}}


def show(row: dict) -> None:
    for name, figures in row["summary"].items():
        ratio = row["ratios"].get(name)
        text = "" if ratio is None else (
            f"   cpu x{ratio['server_us']['median']:.2f}"
            f" ({ratio['server_us']['min']:.2f}..{ratio['server_us']['max']:.2f})"
            f"  rate x{ratio['requests_per_s']['median']:.2f}")
        print(f"{row['case']:6} d{row['depth']:<3} {name:8}"
              f"{figures['requests_per_s']['median']:>11,.0f}/s"
              f"  server {figures['server_us']['median']:8.3f} us{text}", flush=True)


# -- handshakes -----------------------------------------------------------------------------------

def storm(port: int, ca: str, done: multiprocessing.Value) -> None:
    """Connect over TLS and leave, again and again."""
    os.nice(19)
    context = ssl.create_default_context(cafile=ca)
    while True:
        with contextlib.suppress(OSError), \
                socket.create_connection(("127.0.0.1", port)) as plain, \
                context.wrap_socket(plain, server_hostname="localhost"):
            done.value += 1


def probe(peer: peers.Peer, count: int) -> list[float]:
    """Milliseconds that each of `count` PINGs took, in order of length."""
    sock = peers.connect(peer.address)
    took = []
    for _ in range(count):
        time.sleep(PROBE_SECONDS)
        began = time.perf_counter()
        sock.sendall(b"PING\r\n")
        sock.recv(100)
        took.append((time.perf_counter() - began) * 1000)
    sock.close()
    return sorted(took)


def figures(took: list[float]) -> dict[str, float]:
    return {"p50_ms": took[len(took) // 2], "p99_ms": took[len(took) * 99 // 100],
            "max_ms": took[-1]}


def shake(peer: peers.Peer, port: int, ca: str, count: int) -> dict:
    """How long PINGs take beside handshakes, and alone."""
    alone = figures(probe(peer, count))
    done = multiprocessing.Value("q", 0)
    process = multiprocessing.Process(target=storm, args=(port, ca, done), daemon=True)
    process.start()
    while done.value < 10:
        time.sleep(0.01)
    before, began, shaken = peer.cpu(), time.perf_counter(), done.value
    beside = figures(probe(peer, count))
    seconds, shaken = time.perf_counter() - began, done.value - shaken
    spent = (peer.cpu() - before).total
    process.terminate()
    process.join()
    result = {"case": "handshakes", "peer": peer.name, "alone": alone, "beside": beside,
              "handshakes_per_s": shaken / seconds, "server_us_per_handshake":
              spent / shaken * 1e6 if shaken else 0.0}
    print(f"PING beside {shaken / seconds:5.0f} handshakes a second, {peer.name:8}"
          f" p50 {beside['p50_ms']:.3f} p99 {beside['p99_ms']:.3f} max {beside['max_ms']:.3f} ms;"
          f" alone {alone['p50_ms']:.3f} {alone['p99_ms']:.3f} {alone['max_ms']:.3f}", flush=True)
    return result


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the requests, 3 rounds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cipher", default=CIPHER, help="suite of TLS 1.3")
    parser.add_argument("--peer", nargs="*", default=["kvd", "redis"], choices=peers.PEERS)
    parser.add_argument("--save", action="store_true", help="write bench/results/tls.json")
    options = parser.parse_args(argv)
    if not shutil.which("redis-benchmark"):
        print("redis-benchmark is not on this machine: left out")
        return
    rounds, scale = (min(options.rounds, 3), 0.2) if options.quick else (options.rounds, 1.0)
    peers.pin_generator()
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        directives = certificate(pathlib.Path(directory))
        ca = directives["tls_ca_cert_file"]
        running, ports = {}, {}
        for name in peers.present(options.peer):
            ports[name] = peers.free_port()
            running[name] = peers.start(name, tls_port=ports[name], **directives)
            stack.callback(running[name].stop)
            fill(running[name])
        result = record.header("tls", {
            "tool": "redis-benchmark", "cipher": options.cipher, "certificate": "P-256",
            "connections": CONNECTIONS, "keyspace": KEYS, "value_bytes": len(VALUE),
            "rounds": rounds}, record.versions(running))
        result["rows"] = measure(running, ports, ca, options.cipher, rounds, scale)
        result["handshakes"] = [shake(peer, ports[name], ca, int(PROBES * scale))
                                for name, peer in running.items()]
    if options.save:
        print(record.write("tls", result), file=sys.stderr)


if __name__ == "__main__":
    main()
