"""Python face of engine/core/clock.pxd, for tests/core/test_clock.py only."""
cimport cython
from libc.stdint cimport int64_t, uint64_t

from kvd.engine.core.clock cimport (
    clock_mono_us, clock_ticks, clock_wall_ms, clock_wall_us, ticks_calibrate, ticks_from_us,
    ticks_init, ticks_t, ticks_to_us,
)


@cython.final
cdef class Ticks:
    cdef ticks_t ticks

    def __cinit__(self):
        ticks_init(&self.ticks)

    def calibrate(self):
        ticks_calibrate(&self.ticks)

    def move_origin(self, int64_t ns):
        """Pretend that the first and the newest instants were read `ns` earlier."""
        self.ticks.origin_ns -= ns
        self.ticks.last_ns -= ns

    def to_us(self, uint64_t ticks):
        return ticks_to_us(&self.ticks, ticks)

    def from_us(self, int64_t us):
        return ticks_from_us(&self.ticks, us)

    @property
    def rate(self):
        return self.ticks.ticks_per_us


def now():
    """One reading of each clock: wall ms, wall us, mono us, ticks."""
    return clock_wall_ms(), clock_wall_us(), clock_mono_us(), clock_ticks()
