"""What does a message cost a server, by the number of those who are told?

Publishers send PUBLISH of 32 bytes, in pipelines, to one channel with 1, 100 or 1000 subscribers. A
child process reads what the subscribers are sent, and throws it away; a round ends when every
message has arrived. Server CPU is what the server's process ran, a PUBLISH.

    python -m bench.publish [--quick] [--only N ...] [--peer NAME ...] [--save]
"""
import argparse
import os
import select
import sys
import time

from bench import peers, record

QUESTION = "What does PUBLISH cost, by the number of subscribers?"
SUBSCRIBERS = {1: 384_000, 100: 38_400, 1000: 7_680}        # and the messages of a round
PUBLISHERS, DEPTH, ROUNDS = 4, 16, 5
MESSAGE, CHANNEL = b"x" * 32, b"news"
READ_SIZE = 1 << 18
DELIVERED = len(b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$32\r\n" + MESSAGE + b"\r\n")


def drain(sockets, expected: int, done: int) -> None:
    """In the child: read `expected` bytes from each socket, say so on `done`, for ever."""
    poller, left, waiting = select.epoll(), {}, 0
    for sock in sockets:
        sock.setblocking(False)
        poller.register(sock.fileno(), select.EPOLLIN)
        left[sock.fileno()] = expected
    waiting = len(left)
    while True:
        for fd, _ in poller.poll():
            got = len(os.read(fd, READ_SIZE))
            if not got:
                return
            left[fd] -= got
            if left[fd] == 0:
                left[fd], waiting = expected, waiting - 1
        if waiting == 0:
            os.write(done, b".")
            waiting = len(left)


class Listeners:
    """A child process with the subscribers of one server."""

    def __init__(self, peer: peers.Peer, count: int, messages: int):
        sockets = peer.sockets(count)
        for sock in sockets:
            sock.sendall(peers.encode(b"SUBSCRIBE", CHANNEL))
            sock.recv(4096)
        self.done, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                drain(sockets, messages * DELIVERED, write)
            finally:
                os._exit(0)
        os.close(write)
        self.sockets = sockets

    def wait(self) -> None:
        if not os.read(self.done, 1):
            raise RuntimeError("a subscriber was dropped")

    def close(self) -> None:
        for sock in self.sockets:
            sock.shutdown(2)
            sock.close()
        os.waitpid(self.pid, 0)
        os.close(self.done)


def publish(publishers, messages: int) -> None:
    """In turns, a pipeline from each before the replies of any are read."""
    batch = peers.encode(b"PUBLISH", CHANNEL, MESSAGE) * DEPTH
    for _ in range(messages // (DEPTH * len(publishers))):
        for sock in publishers:
            sock.sendall(batch)
        for sock in publishers:
            seen = 0
            while seen < DEPTH:
                seen += sock.recv(4096).count(b"\n")


def measure(names, count: int, messages: int, rounds: int) -> dict:
    """Rounds of every server, in turns, each with its own listeners."""
    measured = {name: [] for name in names}
    with peers.running(names) as running:
        for name, peer in running.items():
            peer("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0")
        listeners = {name: Listeners(peer, count, messages) for name, peer in running.items()}
        publishers = {name: peer.sockets(PUBLISHERS) for name, peer in running.items()}
        for _ in range(rounds):
            for name, peer in running.items():
                before, start = peer.cpu(), time.monotonic()
                publish(publishers[name], messages)
                listeners[name].wait()
                spent = peer.cpu() - before
                measured[name].append({"server_us": spent.total / messages * 1e6,
                                       "messages_per_s": messages / (time.monotonic() - start)})
        for each in listeners.values():
            each.close()
        versions = record.versions(running)
    ratios = {}
    if "kvd" in measured:
        ratios = {name: record.summary(ours["server_us"] / theirs["server_us"]
                                       for ours, theirs in zip(measured["kvd"], rows))
                  for name, rows in measured.items() if name != "kvd"}
    summary = {name: {figure: record.summary(row[figure] for row in rows)
                      for figure in ("server_us", "messages_per_s")}
               for name, rows in measured.items()}
    return {"subscribers": count, "messages": messages, "summary": summary, "ratios": ratios,
            "versions": versions}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", type=int, nargs="*", choices=list(SUBSCRIBERS))
    parser.add_argument("--peer", nargs="*", choices=peers.PEERS)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args(argv)
    peers.pin_generator()
    names = peers.present(options.peer or peers.PEERS)
    rows, versions = [], {}
    rounds = 2 if options.quick else ROUNDS
    for count, messages in SUBSCRIBERS.items():
        if options.only and count not in options.only:
            continue
        row = measure(names, count, messages // (8 if options.quick else 1), rounds)
        versions = row.pop("versions")
        rows.append(row)
        for name, got in row["summary"].items():
            ratio = row["ratios"].get(name)
            print(f"{count:5} subscribers  {name:16} {got['server_us']['median']:10.2f} us CPU "
                  f"{got['messages_per_s']['median']:10,.0f} /s"
                  + (f"   ratio {ratio['median']:.2f}" if ratio else ""), flush=True)
    if options.save:
        settings = {"rounds": rounds, "publishers": PUBLISHERS, "depth": DEPTH,
                    "message_bytes": len(MESSAGE)}
        record.write("publish", record.header(QUESTION, settings, versions) | {"rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
