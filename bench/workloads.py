"""Sequences of key ids for hit ratios: Zipf of our own, and public traces where they are found.

Traces lie in `../shared/traces` beside the project, or where $KVD_TRACES says; a trace that is
not there is left out and named. Ids are renumbered from 0 in order of appearance.
"""
import dataclasses
import lzma
import os
import pathlib

import numpy

from bench import peers

TRACES = pathlib.Path(os.environ.get("KVD_TRACES", peers.ROOT.parent / "shared" / "traces"))
OVERHEAD = 60                           # bytes of a key and its metadata, to size the budget


@dataclasses.dataclass(frozen=True)
class Workload:
    """A sequence, the sizes of its values, and the share of its different keys that shall fit.

    `share` is in terms of OVERHEAD; what really fits is each server's own matter.
    """
    name: str
    value_min: int
    value_max: int
    share: float
    requests: int                       # at most so many are replayed
    trace: str = ""                     # numpy type of the records of a trace file
    objects: int = 0                    # of a generator
    exponent: float = 0.99

    def ids(self, requests: int | None = None) -> numpy.ndarray | None:
        """int64 ids; None when the trace is not on this machine."""
        count = min(self.requests, requests or self.requests)
        if not self.trace:
            return zipf(self.objects, self.exponent, count)
        path = TRACES / f"{self.name}.trace.xz"
        if not path.exists():
            return None
        with lzma.open(path) as file:
            raw = numpy.frombuffer(file.read(count * numpy.dtype(self.trace).itemsize), self.trace)
        _, first, inverse = numpy.unique(raw, return_index=True, return_inverse=True)
        rank = numpy.empty(len(first), numpy.int64)
        rank[numpy.argsort(first)] = numpy.arange(len(first))
        return numpy.ascontiguousarray(rank[inverse])

    def budget_bytes(self, objects: int) -> int:
        value = (self.value_min + self.value_max) / 2
        return int(objects * self.share * (value + OVERHEAD))


def zipf(objects: int, exponent: float, count: int, seed: int = 1) -> numpy.ndarray:
    """Independent requests, key of rank r with probability proportional to r^-exponent."""
    weights = numpy.arange(1, objects + 1, dtype=numpy.float64) ** -exponent
    edges = numpy.cumsum(weights)
    drawn = numpy.random.default_rng(seed).random(count) * edges[-1]
    ranks = numpy.searchsorted(edges, drawn)
    # Shuffled, so that popular keys are not neighbours by number.
    return numpy.random.default_rng(seed + 1).permutation(objects)[ranks].astype(numpy.int64)


WORKLOADS = [
    Workload("zipf", 32, 32, 0.15, 3_000_000, objects=1_000_000),
    Workload("zipf-sizes", 8, 1000, 0.15, 1_000_000, objects=300_000),
    Workload("web07", 1000, 1000, 0.10, 76_118, ">i4"),
    Workload("orm-busy", 300, 300, 0.25, 1_000_000, ">i4"),
    Workload("scarab-recs", 100, 100, 0.10, 1_245_184, ">i8"),
]
