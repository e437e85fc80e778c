"""engine/core/clock: against Python's time module, which asks the same kernel.

Every comparison brackets: the reading under test lies between two readings of the model. No
test asks that a sleep is short, so a busy machine fails none.
"""
import time

from tests.faces.c_clock import Ticks, now


def test_clocks_are_the_kernels():
    for _ in range(100):
        wall, mono = time.time_ns(), time.monotonic_ns()
        wall_ms, wall_us, mono_us, _ = now()
        wall_after, mono_after = time.time_ns(), time.monotonic_ns()
        assert wall // 10**6 <= wall_ms <= wall_after // 10**6
        assert wall // 1000 <= wall_us <= wall_after // 1000
        assert mono // 1000 <= mono_us <= mono_after // 1000


def test_ticks_measure_spans():
    ticks = Ticks()
    time.sleep(0.05)
    ticks.calibrate()
    for pause in (0, 0.01, 0.05):
        outer = time.monotonic_ns()
        start = now()[3]
        inner = time.monotonic_ns()
        time.sleep(pause)
        inner = time.monotonic_ns() - inner
        end = now()[3]
        outer = time.monotonic_ns() - outer
        us = ticks.to_us(end - start)
        # 0.1 % for the rate, which has seen 50 ms, and the unit that is cut off.
        assert inner / 1000 * 0.999 - 1 <= us <= outer / 1000 * 1.001


def test_conversion_goes_both_ways():
    ticks = Ticks()
    for us in (1, 10, 1000, 10**6, 10**9, 10**12):
        assert abs(ticks.to_us(ticks.from_us(us)) - us) <= 1 + us * 1e-9
    assert ticks.from_us(0) == ticks.from_us(-1) == ticks.from_us(-2**63) == 0
    assert ticks.from_us(2**63 - 1) <= 2**63 - 1
    assert ticks.to_us(0) == 0
    assert ticks.to_us(2**64 - 5) == 0              # a span that went backward
    assert ticks.to_us(2**63 - 1) > 0


def test_calibration_refines():
    """Two calibrations agree the better the longer the base line."""
    ticks = Ticks()
    first = ticks.rate
    time.sleep(0.1)
    ticks.calibrate()
    second = ticks.rate
    time.sleep(0.1)
    ticks.calibrate()
    assert abs(second / first - 1) < 0.02
    assert abs(ticks.rate / second - 1) < 0.001


def test_calibration_forgets_what_no_longer_holds():
    """A past in which the counter stood still for a minute does not bend the rate for long."""
    ticks = Ticks()
    true = ticks.rate
    time.sleep(0.03)
    ticks.move_origin(60 * 10**9)
    ticks.calibrate()                   # sees a minute with the ticks of 30 ms
    assert ticks.rate < true / 100
    time.sleep(0.03)
    ticks.calibrate()                   # disagrees: starts a new base line
    assert abs(ticks.rate / true - 1) < 0.02


def test_calibration_waits():
    """Called in a tight loop it keeps the rate: a short stretch measures the reading of clocks."""
    ticks = Ticks()
    rate = ticks.rate
    start = time.monotonic()
    for _ in range(50):
        ticks.calibrate()
    assert ticks.rate == rate or time.monotonic() - start > 0.005
