"""LATENCY: what took long and when, as samples, as a drawing, as advice; histograms of commands."""
import time

from ..wire.command import command_table
from . import inspect
from .cold import Error, Verbatim, register

GRAPH_ROWS = 4
GRAPH_WIDTH = 80
# Advice by the first word of an event's name.
ADVICE = {
    "command": "Commands themselves were slow. SLOWLOG GET names them; commands whose cost grows"
               " with the size of a value or of the keyspace (KEYS, large ranges, deleting large"
               " values) are the usual ones. Prefer SCAN, smaller values, UNLINK.",
    "fast": "Even commands of constant cost were slow: the process itself was held up. Look for"
            " swapping, a host that is short of CPU, or very large arguments and replies.",
    "expire": "Many keys expired at the same time. Spread their times to live by some random"
              " amount.",
    "eviction": "Making room under maxmemory took long. Values may be large, or memory is asked"
                " for in bursts: a higher maxmemory or smaller values help.",
    "aof": "The disk was slow to take the append only file. Another program may write to it, or it"
           " is remote; appendfsync everysec asks less of it than always.",
}


def text(word: bytes) -> str:
    return word.decode("utf-8", "replace")


@register("latency|latest")
def latest(server, client, argv: list[bytes]) -> list:
    return [[name, *event["samples"][-1], event["max_ms"], event["sum_ms"], event["count"]]
            for name, event in inspect.latency_events(server.capsule).items()]


@register("latency|history")
def history(server, client, argv: list[bytes]) -> list:
    event = inspect.latency_events(server.capsule).get(text(argv[2]))
    return [list(sample) for sample in event["samples"]] if event else []


@register("latency|reset")
def reset(server, client, argv: list[bytes]) -> int:
    names = [text(word) for word in argv[2:]] or list(inspect.latency_events(server.capsule))
    return sum(inspect.latency_forget(server.capsule, name) for name in names)


# -- histogram ------------------------------------------------------------------------------------

def cumulated(buckets: list[tuple[float, int]]) -> dict:
    """Calls that took at most 1, 2, 4 ... microseconds; bounds that add nothing are left out."""
    counts: dict[int, int] = {}
    seen, bound = 0, 1
    for top, count in buckets:
        while top > bound:
            bound *= 2
        seen += count
        counts[bound] = seen
    return {"calls": seen, "histogram_usec": counts}


@register("latency|histogram")
def histogram(server, client, argv: list[bytes]) -> dict:
    """A container's name stands for all its subcommands."""
    found = {name: buckets for name, buckets in inspect.histograms(server.capsule).items()
             if buckets}
    if len(argv) > 2:
        wanted = [text(word).lower() for word in argv[2:]]
        table = command_table()
        names = [name for word in wanted if word in table
                 for name in (word, *(n for n, row in table.items() if row["parent"] == word))]
        found = {name: found[name] for name in names if name in found}
    return {name: cumulated(buckets) for name, buckets in found.items()}


# -- for people -----------------------------------------------------------------------------------

def age(seconds: int) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


def draw(samples: list[tuple[int, int]], now: int) -> list[str]:
    """A column for each sample, oldest at the left, its age below, read downward."""
    samples = samples[-GRAPH_WIDTH:]
    low, high = min(ms for _, ms in samples), max(ms for _, ms in samples)
    heights = [1 + (ms - low) * (GRAPH_ROWS - 1) // ((high - low) or 1) for _, ms in samples]
    rows = ["".join("#" if height >= row else " " for height in heights)
            for row in range(GRAPH_ROWS, 0, -1)]
    ages = [age(now - second) for second, _ in samples]
    deepest = max(map(len, ages))
    rows += ["".join(column) for column in zip(*(a.ljust(deepest) for a in ages), strict=True)]
    return [row.rstrip() for row in rows]


@register("latency|graph")
def graph(server, client, argv: list[bytes]) -> Verbatim:
    name = text(argv[2])
    event = inspect.latency_events(server.capsule).get(name)
    if not event:
        raise Error(f"ERR No samples available for event '{name}'")
    spans = [ms for _, ms in event["samples"]]
    head = (f"{name} - high {max(spans)} ms, low {min(spans)} ms "
            f"(all time high {event['max_ms']} ms)")
    lines = [head, "-" * GRAPH_WIDTH, *draw(event["samples"], int(time.time()))]
    return Verbatim("\n".join(lines) + "\n")


def about(number: int, name: str, event: dict) -> str:
    spans = [ms for _, ms in event["samples"]]
    mean = sum(spans) / len(spans)
    deviation = sum(abs(ms - mean) for ms in spans) / len(spans)
    first, last = event["samples"][0][0], event["samples"][-1][0]
    period = (last - first) / (len(spans) - 1) if len(spans) > 1 else 0
    return (f"{number}. {name}: {event['count']} delays in {len(spans)} different seconds, "
            f"{mean:.0f} ms on average (deviation {deviation:.0f} ms), "
            f"{period:.1f} s apart, the worst {event['max_ms']} ms.")


@register("latency|doctor")
def doctor(server, client, argv: list[bytes]) -> Verbatim:
    threshold = inspect.latency_threshold(server.capsule)
    events = inspect.latency_events(server.capsule)
    if not events:
        return Verbatim(
            "No delay was seen above the threshold of "
            f"{threshold} ms since monitoring began or was reset.\n" if threshold else
            "Delays are not monitored. CONFIG SET latency-monitor-threshold <milliseconds> turns "
            "it on: 100 is a sensible start.\n")
    lines = ["Delays above the threshold were seen:", ""]
    lines += [about(number, name, event) for number, (name, event) in enumerate(events.items(), 1)]
    kinds = dict.fromkeys(name.split("-")[0] for name in events)
    lines += ["", "What may help:", "", *(f"- {ADVICE[kind]}" for kind in kinds if kind in ADVICE)]
    return Verbatim("\n".join(lines) + "\n")
