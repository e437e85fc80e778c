"""Samples of an instance: taken every ten seconds, kept thirty days in files of fixed size.

A file is a ring of rows of float64, one ring a resolution. The slot of a row follows from its time
alone, so there is no head to keep, and a row whose time is not the slot's own is one of an earlier
turn: gaps need no marking, and a clock that jumps leaves a gap and no nonsense.

    10 s   a day        60 s   a week        600 s   thirty days

A coarser row is the mean of the finer ones that fell into it, weighed by how many there were.
Writing needs no numpy, so that an agent whose metrics nobody reads never loads it.
"""
import os
import pathlib
import struct
import time
from dataclasses import dataclass

from ..errors import BadRequest
from ..home import Place

FIELDS = ("time", "count", "cpu", "memory", "rss", "connections", "commands", "hits", "misses",
          "received", "sent", "keys", "evicted", "expired", "disk_read", "disk_write", "blocked")
# What the fields mean: unit, and a sentence.
METRICS = {
    "cpu": ("cpu", "Processors in use."),
    "memory": ("bytes", "Memory that counts against the limit."),
    "rss": ("bytes", "Memory that the process holds of the system."),
    "connections": ("connections", "Clients."),
    "commands": ("per second", "Commands run."),
    "hits": ("per second", "Look-ups that found a key."),
    "misses": ("per second", "Look-ups that found none."),
    "received": ("bytes per second", "Read from clients."),
    "sent": ("bytes per second", "Written to clients."),
    "keys": ("keys", "Keys of all databases."),
    "evicted": ("per second", "Keys that had to go for lack of memory."),
    "expired": ("per second", "Keys whose time was over."),
    "disk_read": ("bytes per second", "Read from disk."),
    "disk_write": ("bytes per second", "Written to disk."),
    "blocked": ("connections", "Clients that wait in a blocking command."),
}
ROW = struct.Struct(f"<{len(FIELDS)}d")
RINGS = {10: 8640, 60: 10080, 600: 4320}                # seconds a slot: slots
POINTS_MAX = 10_000
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
# INFO's counters that become rates.
COUNTERS = {"commands": "total_commands_processed", "hits": "keyspace_hits",
            "misses": "keyspace_misses", "received": "total_net_input_bytes",
            "sent": "total_net_output_bytes", "evicted": "evicted_keys", "expired": "expired_keys"}


@dataclass
class Counters:
    """The last readings of what only grows."""

    at: float
    values: dict[str, float]


def read_process(pid: int) -> dict[str, float]:
    """Seconds of processor, bytes of memory and of disk. Raises OSError when it has ended."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    found = {"cpu": (int(fields[11]) + int(fields[12])) / TICKS, "rss": int(fields[21]) * PAGE,
             "disk_read": 0.0, "disk_write": 0.0}
    try:
        with open(f"/proc/{pid}/io", "rb") as file:
            for line in file:
                name, _, value = line.partition(b":")
                if name in (b"read_bytes", b"write_bytes"):
                    found["disk_" + name.decode().removesuffix("_bytes")] = int(value)
    except OSError:
        pass                            # some systems keep it from us
    return found


def make_sample(facts: dict[str, str], process: dict[str, float], now: float,
                last: Counters | None, agent_links: int) -> tuple[dict[str, float], Counters]:
    """One sample of INFO and /proc: gauges as they are, counters as rates since the last one.

    Args:
        agent_links: connections of our own, which are not the tenant's.
    """
    counters = {field: float(facts.get(name, 0)) for field, name in COUNTERS.items()}
    counters |= {name: process[name] for name in ("cpu", "disk_read", "disk_write")}
    keys = sum(int(value.partition("keys=")[2].partition(",")[0] or 0)
               for name, value in facts.items() if name[:2] == "db" and name[2:].isdigit())
    sample = {"memory": float(facts.get("used_memory", 0)), "rss": process["rss"],
              "connections": max(0.0, float(facts.get("connected_clients", 0)) - agent_links),
              "keys": float(keys), "blocked": float(facts.get("blocked_clients", 0))}
    span = now - last.at if last else 0.0
    for name, value in counters.items():
        before = last.values.get(name, value) if last else value
        # A counter that has fallen is one of a new process.
        sample[name] = max(0.0, value - before) / span if span > 0 else 0.0
    return sample, Counters(now, counters)


class Rings:
    """The files of one instance."""

    def __init__(self, place: Place):
        self.directory = place.metrics

    def path(self, step: int) -> pathlib.Path:
        return self.directory / f"{step}s.ring"

    def add(self, sample: dict[str, float], now: float) -> None:
        """Write a sample into every ring. Raises OSError."""
        for step, slots in RINGS.items():
            start = now // step * step
            offset = int(start / step) % slots * ROW.size
            fd = os.open(self.path(step), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                old = os.pread(fd, ROW.size, offset)
                row = dict(zip(FIELDS, ROW.unpack(old), strict=True)) if len(old) == ROW.size \
                    else {}
                count = row.get("count", 0.0) if row.get("time") == start else 0.0
                new = {name: (row.get(name, 0.0) * count + sample.get(name, 0.0)) / (count + 1)
                       for name in METRICS}
                os.pwrite(fd, ROW.pack(start, count + 1, *[new[name] for name in METRICS]),
                          offset)
            finally:
                os.close(fd)

    def read(self, names: list[str], start: float, end: float, step: float
             ) -> dict[str, list[tuple[float, float]]]:
        """Points of some metrics between two times, at least `step` seconds apart.

        Raises:
            BadRequest: too many points.
        """
        import numpy as np
        if end <= start:
            raise BadRequest("the time range ends before it begins")
        if (end - start) / max(step, 10) > POINTS_MAX:
            raise BadRequest(f"too many points: at most {POINTS_MAX}; a longer resolution or a "
                             "shorter range has fewer")
        ring = self.choose(start, step)
        try:
            raw = np.fromfile(self.path(ring), dtype="<f8")
        except OSError:
            return {name: [] for name in names}
        rows = raw[:len(raw) // len(FIELDS) * len(FIELDS)].reshape(-1, len(FIELDS))
        rows = rows[(rows[:, 0] >= start - ring) & (rows[:, 0] <= end) & (rows[:, 1] > 0)]
        rows = rows[np.argsort(rows[:, 0])]
        bucket = max(ring, step)
        groups, at = np.unique(rows[:, 0] // bucket * bucket, return_inverse=True)
        weights = np.bincount(at, rows[:, 1], len(groups)) if len(groups) else np.zeros(0)
        found = {}
        for name in names:
            column = rows[:, FIELDS.index(name)]
            means = np.bincount(at, column * rows[:, 1], len(groups)) / weights \
                if len(groups) else weights
            found[name] = list(zip(groups.tolist(), means.tolist(), strict=True))
        return found

    @staticmethod
    def choose(start: float, step: float) -> int:
        """The finest ring that reaches back far enough and is not finer than needed."""
        age = time.time() - start
        for ring, slots in RINGS.items():
            if age <= ring * slots and (step < 60 or ring >= min(step, 600) or ring == 600):
                return ring
        return 600
