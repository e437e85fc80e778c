"""Face of engine/server/stats: the buckets of the latency histogram."""
from kvd.engine.server.stats cimport HISTOGRAM_SIZE, histogram_index, histogram_top

SIZE = HISTOGRAM_SIZE


def index(ticks: int) -> int:
    return histogram_index(ticks)


def top(bucket: int) -> int:
    return histogram_top(bucket)
