"""How many bytes does a key cost, by the server's own account and in resident memory?

Both are differences to the same server when it was empty, over the number of keys: 16-byte
keys, 32-byte values. Four questions, each on servers started for it:

    plain    1 M keys
    ttl      1 M keys with a deadline
    fills    every 100,000 keys from 1 M to 4 M: where a table doubles, its price shows
    churn    2 M keys, half of them deleted, refilled with values of 8 to 200 bytes:
             resident over used says what the allocator cannot give back, at once and
             after five seconds of rest

And of other types, a member, field or entry:

    zset     one sorted set of 1 M members of 20 bytes
    set      one set of 1 M members of 10 bytes
    hashes   1 M hashes of 10 small fields, a hash
    stream   one stream of 1 M entries of one field with 32 bytes
    pending  the same, each delivered to one consumer of a group and not acknowledged

    python -m bench.memory [--quick] [--peer NAME ...] [--save]
"""
import argparse
import dataclasses
import sys
import time

from bench import load, peers, record
from bench.requests import Number, Request, key

VALUE = b"x" * 32
MILLION = 1_000_000
CONNECTIONS, DEPTH = 8, 64
SETTLE_SECONDS = 0.5                    # for background frees
REST_SECONDS = 5.0                      # idle after a refill: does memory come back by itself?
FILL_SETTLE_SECONDS = 0.15              # for table growth in steps, at each of many points
REFILL_SIZES = (8, 24, 48, 100, 200)


@dataclasses.dataclass
class Subject:
    """A server and what it held when it was empty."""
    peer: peers.Peer
    sockets: list
    used_empty: int
    resident_empty: int

    def send(self, count: int, *args: bytes | Number) -> None:
        run = load.closed_loop(self.sockets, Request(*args), DEPTH, count)
        if run["errors"]:
            raise RuntimeError(f"{self.peer.name}: {run['error']}")

    def measure(self, settle_seconds: float = SETTLE_SECONDS, keys: int = 0) -> dict:
        """`keys`: what the bytes are divided by, when it is not the number of keys."""
        time.sleep(settle_seconds)
        keys = keys or self.peer("DBSIZE")
        used = self.peer.used_bytes() - self.used_empty
        resident = self.peer.resident_bytes() - self.resident_empty
        return {"keys": keys, "used_bytes": used, "resident_bytes": resident,
                "used_per_key": used / keys, "resident_per_key": resident / keys,
                "resident_over_used": resident / used}


def subject(peer: peers.Peer) -> Subject:
    """Open the connections first: their buffers are not the keys' price."""
    made = Subject(peer, peer.sockets(CONNECTIONS), 0, 0)
    made.send(CONNECTIONS * DEPTH * 20, b"SET", key(count=100), VALUE)
    peer("FLUSHALL", "SYNC")
    time.sleep(SETTLE_SECONDS)
    made.used_empty, made.resident_empty = peer.used_bytes(), peer.resident_bytes()
    return made


def plain(s: Subject, count: int) -> dict:
    s.send(count, b"SET", key(count=count, order="ascending"), VALUE)
    return s.measure()


def ttl(s: Subject, count: int) -> dict:
    s.send(count, b"SET", key(count=count, order="ascending"), VALUE, b"EX", b"100000")
    return s.measure()


def fills(s: Subject, count: int) -> list[dict]:
    step, points = count // 10, []
    s.send(count, b"SET", key(count=count, order="ascending"), VALUE)
    points.append(s.measure(FILL_SETTLE_SECONDS))
    for first in range(count, 4 * count, step):
        s.send(step, b"SET", key(first=first, count=step, order="ascending"), VALUE)
        points.append(s.measure(FILL_SETTLE_SECONDS))
    return points


def churn(s: Subject, count: int) -> dict:
    """Delete every other key in no order, then put as many keys of other sizes in their place."""
    s.send(2 * count, b"SET", key(count=2 * count, order="ascending"), VALUE)
    full = s.measure()
    s.send(count, b"DEL", key(count=2 * count, order="each"))
    halved = s.measure()
    share = count // len(REFILL_SIZES)
    for size in REFILL_SIZES:
        s.send(share, b"SET", key(b"%03d:" % size, count=share, order="each"), b"y" * size)
    refilled = s.measure()
    return {"full": full, "halved": halved, "refilled": refilled, "rested": s.measure(REST_SECONDS)}


def zset(s: Subject, count: int) -> dict:
    s.send(count, b"ZADD", b"z", Number(b"", count=count, order="each", size=9),
           Number(b"member:", count=count, order="each", size=20))
    return s.measure(keys=count)


def plain_set(s: Subject, count: int) -> dict:
    s.send(count, b"SADD", b"s", Number(b"m:", count=count, order="each", size=10))
    return s.measure(keys=count)


def hashes(s: Subject, count: int) -> dict:
    fields = [word for n in range(10) for word in (b"field:%d" % n, b"value:%d" % n)]
    s.send(count, b"HSET", key(count=count, order="each"), *fields)
    return s.measure()


def stream(s: Subject, count: int) -> dict:
    s.send(count, b"XADD", b"x", b"*", b"field", VALUE)
    return s.measure(keys=count)


def pending(s: Subject, count: int) -> dict:
    s.send(count, b"XADD", b"x", b"*", b"field", VALUE)
    s.peer("XGROUP", "CREATE", "x", "group", "0")
    s.send(count // 100, b"XREADGROUP", b"GROUP", b"group", b"worker", b"COUNT", b"100",
           b"STREAMS", b"x", b">")
    return s.measure(keys=count)


QUESTIONS = {"plain": plain, "ttl": ttl, "fills": fills, "churn": churn, "zset": zset,
             "set": plain_set, "hashes": hashes, "stream": stream, "pending": pending}


def show(question: str, name: str, answer) -> None:
    points = answer if isinstance(answer, list) else (
        list(answer.values()) if "full" in answer else [answer])
    if question == "fills":
        worst = max(points, key=lambda p: p["resident_per_key"])
        most = max(points, key=lambda p: p["used_per_key"])
        print(f"fills   {name:16} used at most {most['used_per_key']:.1f} (at {most['keys']:,}),"
              f" resident at most {worst['resident_per_key']:.1f} (at {worst['keys']:,})")
        return
    for point in points:
        print(f"{question:7} {name:16} {point['keys']:>9,} keys  used {point['used_per_key']:6.1f}"
              f"  resident {point['resident_per_key']:6.1f} a key"
              f"  resident/used {point['resident_over_used']:.2f}", flush=True)


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the keys")
    parser.add_argument("--only", nargs="*", default=list(QUESTIONS), choices=QUESTIONS)
    parser.add_argument("--peer", nargs="*", default=peers.PEERS, choices=peers.PEERS)
    parser.add_argument("--save", action="store_true", help="write bench/results/memory.json")
    options = parser.parse_args(argv)
    count = MILLION // 10 if options.quick else MILLION
    peers.pin_generator()
    names, answers, versions = peers.present(options.peer), {}, {}
    for question in options.only:
        answers[question] = {}
        for name in names:
            with peers.running([name]) as running:
                versions |= record.versions(running)
                answers[question][name] = QUESTIONS[question](subject(running[name]), count)
            show(question, name, answers[question][name])
    if options.save:
        result = record.header("memory", {"keys": count, "key_bytes": 16, "value_bytes": 32,
                                          "refill_value_bytes": list(REFILL_SIZES)}, versions)
        result["answers"] = answers
        print(record.write("memory", result), file=sys.stderr)


if __name__ == "__main__":
    main()
