"""What a thread has made ready: aligned, zero, resident, one at a time, and gone with its owner.
What it was given is unmapped, whoever comes to it first.

Residence is what /proc says of our own mappings: the point of the room is that nobody who takes a
reserve, or gives a mapping back, waits for pages.
"""
import pathlib
import time

from tests.faces.c_reserve import Reserve, map_pages

SIZE = 1 << 22


def resident(address: int) -> int:
    """Bytes of the mapping at this address that are in memory; 0 when there is none."""
    inside = False
    for line in pathlib.Path("/proc/self/smaps").read_text().splitlines():
        first = line.split()[0]
        if "-" in first and not first.endswith(":"):
            start, end = (int(part, 16) for part in first.split("-"))
            inside = start <= address < end
        elif inside and first == "Rss:":
            return int(line.split()[1]) * 1024
    return 0


def wait(reserve: Reserve) -> int:
    until = time.monotonic() + 10
    while not (address := reserve.take()):
        assert time.monotonic() < until, "nothing was made ready"
        time.sleep(0.001)
    return address


def test_ready_is_aligned_zero_and_resident():
    reserve = Reserve(SIZE)
    assert reserve.take() == 0          # nobody has asked
    reserve.ask()
    address = wait(reserve)
    assert address % SIZE == 0
    assert resident(address) >= SIZE
    assert reserve.read(address) == bytes(SIZE)
    assert reserve.take() == 0          # one was asked for
    reserve.unmap(address)


def test_asking_twice_is_asking_once():
    reserve = Reserve(SIZE)
    for _ in range(10):
        reserve.ask()
    first = wait(reserve)
    time.sleep(0.05)
    assert reserve.take() == 0
    reserve.ask()
    second = wait(reserve)
    assert second != first
    reserve.unmap(first)
    reserve.unmap(second)


def test_release_unmaps_what_is_ready():
    reserve = Reserve(SIZE)
    reserve.ask()
    address = wait(reserve)
    reserve.unmap(address)
    reserve.ask()
    time.sleep(0.1)
    del reserve                         # joins, whether or not the second one was made
    assert resident(address) == 0


def test_what_is_given_is_unmapped_soon():
    reserve = Reserve(SIZE)
    addresses = [map_pages(SIZE) for _ in range(3)]
    assert all(resident(address) >= SIZE for address in addresses)
    for address in addresses:
        reserve.give(address, SIZE)
    until = time.monotonic() + 10
    while any(map(resident, addresses)):
        assert time.monotonic() < until, "still mapped"
        time.sleep(0.001)
    reserve.ask()                       # the thread does its other work as before
    reserve.unmap(wait(reserve))


def test_release_unmaps_what_was_given():
    reserve = Reserve(SIZE)
    addresses = [map_pages(SIZE) for _ in range(4)]
    for address in addresses:
        reserve.give(address, SIZE)
    del reserve
    assert not any(map(resident, addresses))
