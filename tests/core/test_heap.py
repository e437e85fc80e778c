"""The heap gives out blocks that are aligned, disjoint and exactly accounted, and takes all back.

Method: random allocations, reallocations and frees of every kind of size, against a plain list of
blocks. Each block is filled with a pattern of its own and checked before it is freed or moved, so
a block that overlaps another, or is handed out twice, is found. `used` is compared with the sum of
class sizes at every step. Seeds are fixed.
"""
import random
import resource

import pytest

from tests.faces import c_heap
from tests.faces.c_heap import Heap, block_size, fill, holds

KIB = 1024
MIB = 1024 * KIB
real_heap = pytest.mark.skipif(c_heap.plain_malloc, reason="built over plain malloc")

# Each kind of size by its own distribution: steps, doublings, the border to large blocks, large.
SIZES = {
    "steps": lambda rng: rng.randrange(0, 520),
    "doublings": lambda rng: int(2 ** rng.uniform(9, 14)),
    "spans": lambda rng: int(2 ** rng.uniform(14, 18)),
    "border": lambda rng: c_heap.block_max + rng.randrange(-3, 4),
    "large": lambda rng: rng.randrange(c_heap.block_max, 4 * c_heap.block_max),
}


class Model:
    """What was handed out: [address, size, seed] of every block."""

    def __init__(self, rng: random.Random):
        self.heap = Heap()
        self.rng = rng
        self.blocks: list[list[int]] = []
        self.used = 0
        self.peak = 0
        self.seed = 0

    def count(self, before: int | None, after: int | None) -> None:
        self.used += block_size(after) if after is not None else 0
        self.peak = max(self.peak, self.used) if before is None else self.peak
        self.used -= block_size(before) if before is not None else 0
        assert self.heap.used == self.used

    def alloc(self, size: int) -> int:
        address = self.heap.alloc(size)
        assert address and address % 8 == 0
        self.seed += 1
        fill(address, size, self.seed)
        self.blocks.append([address, size, self.seed])
        self.count(None, size)
        return address

    def pick(self) -> int:
        at = self.rng.randrange(len(self.blocks))
        self.blocks[at], self.blocks[-1] = self.blocks[-1], self.blocks[at]
        return -1

    def free(self) -> None:
        address, size, seed = self.blocks.pop(self.pick())
        assert holds(address, size, seed)
        self.heap.free(address, size)
        self.count(size, None)

    def realloc(self, size: int) -> None:
        block = self.blocks[self.pick()]
        address, size_old, seed = block
        assert holds(address, size_old, seed)
        moved = self.heap.realloc(address, size_old, size)
        assert holds(moved, min(size_old, size), seed)
        fill(moved, size, seed)
        block[:2] = moved, size
        self.count(size_old, size)

    def check(self) -> None:
        spans = sorted((address, size) for address, size, _ in self.blocks)
        for (address, size), (beyond, _) in zip(spans, spans[1:]):
            assert address + size <= beyond
        for address, size, seed in self.blocks:
            assert holds(address, size, seed)

    def close(self) -> None:
        while self.blocks:
            self.free()
        assert self.heap.used == 0 and self.heap.large == 0
        assert self.heap.free_all()


def test_block_sizes_are_close_and_ascending():
    last = 0
    for size in [*range(1, 70_000), *range(70_000, 2_000_000, 997)]:
        full = block_size(size)
        assert full >= max(size, last) and full % 8 == 0
        assert full - size < max(8, size / 8 if size <= c_heap.block_max else 4096)
        assert block_size(full) == full                 # what raw bodies rely on
        last = full if size < 70_000 else 0
    assert block_size(0) == block_size(1) == 8


@pytest.mark.parametrize("kind", SIZES)
def test_blocks_are_apart_and_counted(kind):
    rng = random.Random(f"apart {kind}")
    model = Model(rng)
    steps, most = {"steps": (60_000, 8_000), "doublings": (15_000, 1_500), "spans": (1_500, 150),
                   "border": (400, 40), "large": (400, 40)}[kind]
    for step in range(steps):
        # Breathe: grow for a quarter of the time, shrink for the next.
        target = most if (step * 4 // steps) % 2 == 0 else most // 10
        action = rng.random()
        if action < 0.2 and model.blocks:
            model.realloc(SIZES[kind](rng))
        elif len(model.blocks) < target * (0.5 + action):
            model.alloc(SIZES[kind](rng))
        elif model.blocks:
            model.free()
    model.check()
    model.close()


def test_sizes_of_all_kinds_together():
    rng = random.Random(7)
    model = Model(rng)
    kinds = list(SIZES.values())
    for step in range(6_000):
        if rng.random() < 0.15 and model.blocks:
            # across kinds: from steps to a mapping of its own and back
            model.realloc(rng.choices(kinds, (60, 20, 8, 2, 2))[0](rng))
        elif rng.random() < (0.65 if step < 3_000 else 0.4) or not model.blocks:
            model.alloc(rng.choices(kinds, (60, 20, 8, 2, 2))[0](rng))
        else:
            model.free()
        if step % 1_000 == 0:
            model.check()
    model.check()
    if not c_heap.plain_malloc:
        for size, (used, room) in model.heap.classes().items():
            assert used <= room
            assert used == sum(block_size(s) == size for _, s, _ in model.blocks
                               if s <= c_heap.block_max)
        assert model.heap.mapped >= model.heap.used
        assert model.heap.large == sum(block_size(s) for _, s, _ in model.blocks
                                       if s > c_heap.block_max)
    model.close()


def test_peak_is_remembered():
    heap = Heap()
    blocks = [heap.alloc(100) for _ in range(50)]
    for block in blocks:
        heap.free(block, 100)
    assert heap.used == 0
    assert heap.used_peak == 50 * block_size(100)


def test_realloc_in_the_same_class_stays():
    heap = Heap()
    block = heap.alloc(57)
    if not c_heap.plain_malloc:
        assert heap.realloc(block, 57, 64) == block
        assert heap.realloc(block, 64, 57) == block
    heap.free(block, 57)
    assert heap.realloc(0, 0, 10)                       # NULL: as alloc
    assert heap.used == 16


@real_heap
def test_large_blocks_grow_without_a_copy_of_both():
    heap = Heap()
    size = 64 * KIB * KIB
    block = heap.alloc(size)
    fill(block, 4096, 1)
    fill(block + size - 4096, 4096, 2)
    block = heap.realloc(block, size, 4 * size)
    assert holds(block, 4096, 1) and holds(block + size - 4096, 4096, 2)
    assert heap.used == heap.mapped == heap.large == 4 * size
    block = heap.realloc(block, 4 * size, 300 * KIB)
    assert heap.used == heap.mapped == 300 * KIB
    block = heap.realloc(block, 300 * KIB, 100)         # back among the small ones
    assert holds(block, 100, 1)
    assert heap.large == 0
    heap.free(block, 100)
    assert heap.free_all()


def test_zeroed_blocks_are_zero_after_reuse():
    heap = Heap()
    for size in (1, 64, 500, 4096, 100_000, 300_000):
        block = heap.alloc(size)
        fill(block, size, 3)
        heap.free(block, size)
        block = heap.alloc_zero(size)
        assert c_heap.is_zero(block, size)
        heap.free(block, size)


@pytest.mark.parametrize("size", [2 ** 62, 2 ** 63, 2 ** 64 - 1, 2 ** 64 - 4096, 2 ** 47])
def test_a_size_that_cannot_be_is_refused(size):
    heap = Heap()
    assert heap.alloc_try(size) == 0
    assert heap.used == heap.large == 0
    assert heap.free_all()


def test_a_heap_knows_what_was_not_given_back():
    heap = Heap()
    heap.alloc(10)
    if c_heap.plain_malloc:
        assert heap.used == 16
    else:
        assert not heap.free_all()
        assert heap.mapped == heap.used == 0


@real_heap
def test_chunks_go_back_when_empty_and_one_is_kept():
    heap = Heap()
    blocks = [heap.alloc(1_000) for _ in range(100_000)]
    assert heap.chunk_count > 20
    random.Random(5).shuffle(blocks)
    for block in blocks:
        heap.free(block, 1_000)
    assert heap.chunk_count <= 2
    assert heap.mapped == heap.chunk_count * c_heap.chunk_size
    assert heap.free_all()


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@real_heap
def test_purge_gives_pages_back():
    heap = Heap()
    before = resident()
    keep = []
    for i in range(600):                                # 60 MB; one block of each chunk stays
        block = heap.alloc(100_000)
        fill(block, 100_000, i)
        keep.append(block)
    assert resident() - before > 50_000_000
    for i, block in enumerate(keep):
        if i % 30:
            heap.free(block, 100_000)
    dirty = heap.dirty_units
    assert dirty > 300
    assert heap.purge(10)                               # a little at a time
    assert heap.dirty_units == dirty - 10
    while heap.purge(64):
        pass
    assert heap.dirty_units == 0 and not heap.purge(1)
    assert resident() - before < 20_000_000
    for i in range(0, 600, 30):
        assert holds(keep[i], 100_000, i)
    again = [heap.alloc(100_000) for _ in range(300)]   # purged units serve again
    for i, block in enumerate(again):
        fill(block, 100_000, i)
    assert all(holds(block, 100_000, i) for i, block in enumerate(again))


@real_heap
def test_a_freed_large_block_is_kept_for_one_of_about_its_size():
    heap = Heap()
    for size, mapped in [(MIB, MIB), (MIB - 50_000, MIB - 49_152), (MIB, MIB)]:
        block = heap.alloc(size)        # cut at its end, then grown to what was asked for
        fill(block, size, size)
        assert (heap.mapped, heap.used, heap.kept_count) == (mapped, mapped, 0)
        assert holds(block, size, size)
        heap.free(block, size)
        assert (heap.mapped, heap.used, heap.kept_bytes) == (mapped, 0, mapped)
    far = heap.alloc(300 * KIB)         # the large one stays whole
    assert heap.kept_bytes == MIB and heap.mapped == MIB + 300 * KIB
    heap.free(far, 300 * KIB)
    assert heap.kept_count == 2 and heap.dirty_units == 16 + 4
    assert heap.free_all() and heap.mapped == 0


@real_heap
def test_a_block_grows_into_a_kept_one():
    heap = Heap()
    heap.free(heap.alloc(MIB), MIB)
    block = heap.alloc(512 * KIB)
    fill(block, 512 * KIB, 5)
    block = heap.realloc(block, 512 * KIB, MIB)
    assert holds(block, 512 * KIB, 5)
    assert (heap.used, heap.large) == (MIB, MIB)
    assert (heap.kept_bytes, heap.mapped) == (512 * KIB, MIB + 512 * KIB)
    heap.free(block, MIB)
    assert heap.free_all()


@real_heap
def test_what_is_kept_has_bounds():
    heap = Heap()
    for size in (5 * MIB, 64 * MIB):
        heap.free(heap.alloc(size), size)
        assert heap.mapped == heap.kept_bytes == 0
    for size in (300 * KIB, MIB):
        blocks = [heap.alloc(size) for _ in range(100)]
        for block in blocks:
            heap.free(block, size)
        assert 4 * MIB < heap.kept_bytes <= 8 * MIB and heap.kept_count <= 64
        assert heap.mapped == heap.kept_bytes
    many = [heap.alloc(4 * MIB) for _ in range(80)]     # of a larger heap, a part
    for block in many[:20]:
        heap.free(block, 4 * MIB)
    assert 8 * MIB < heap.kept_bytes <= heap.used // 8 + 4 * MIB
    for block in many[20:]:
        heap.free(block, 4 * MIB)
    assert heap.free_all()


@real_heap
def test_purge_gives_back_what_is_kept():
    heap = Heap()
    blocks = [(heap.alloc(size), size) for size in (MIB, 2 * MIB, 300 * KIB, 3 * MIB)]
    for block, size in blocks:
        heap.free(block, size)
    units = heap.dirty_units
    assert units == 16 + 32 + 4 + 48
    while more := heap.purge(5):        # in pieces, of the last one first
        assert units - 12 < heap.dirty_units < units
        assert heap.mapped == heap.kept_bytes
        units = heap.dirty_units
    assert not more and heap.dirty_units == heap.kept_count == heap.mapped == 0


def evacuate(model: Model, percent: int = 90) -> int:
    """Offer every block once, as a walk over a table does; returns how many moved."""
    moved = 0
    for block in model.blocks:
        address, size, seed = block
        if model.heap.should_move(address, size, percent):
            assert holds(address, size, seed)
            block[0] = model.heap.move(address, size)
            moved += 1
    assert model.heap.used == model.used
    return moved


@real_heap
@pytest.mark.parametrize("sizes, count", [((56,), 40_000), ((40, 56, 128, 320), 40_000),
                                          ((700, 5_000, 30_000), 3_000)])
def test_evacuation_empties_sparse_spans(sizes, count):
    rng = random.Random(11)
    model = Model(rng)
    for _ in range(count):
        model.alloc(rng.choice(sizes))
    for _ in range(count // 2):
        model.free()
    rng.shuffle(model.blocks)
    first = evacuate(model)
    assert model.heap.moves == first
    assert 0 < first <= 0.5 * len(model.blocks)
    model.check()
    for size, (used, room) in model.heap.classes().items():
        # A class with few spans keeps one or two that are partly full.
        assert room <= max(used / 0.88, used + 2 * c_heap.unit_size / size)
    while model.heap.reopen_sparse(1):
        pass
    assert model.heap.sparse_count == 0
    while model.heap.purge(64):
        pass
    assert evacuate(model) < 0.2 * first                # once is nearly enough
    model.close()


@real_heap
def test_sparse_spans_serve_again_when_nobody_moves_their_blocks():
    rng = random.Random(12)
    model = Model(rng)
    for _ in range(20_000):
        model.alloc(56)
    for _ in range(12_000):
        model.free()
    named = [model.heap.should_move(address, size) for address, size, _ in model.blocks]
    assert any(named) and not all(named)
    count = model.heap.sparse_count
    assert count >= 5
    used, room = model.heap.classes()[56]
    assert used <= room                                 # H5: all would fit
    for _ in range(500):
        model.alloc(56)
    assert not any(model.heap.should_move(*block[:2]) for block in model.blocks[-500:])
    assert model.heap.reopen_sparse(2)
    assert model.heap.sparse_count == count - 2
    assert not model.heap.reopen_sparse(1_000)
    assert model.heap.sparse_count == 0
    mapped = model.heap.mapped
    for _ in range(20_000 - len(model.blocks)):
        model.alloc(56)                                 # the room is used before more is mapped
    assert model.heap.mapped == mapped
    model.check()
    model.close()


@real_heap
def test_nothing_moves_where_room_is_well_used():
    model = Model(random.Random(13))
    for _ in range(20_000):
        model.alloc(56)
    for _ in range(1_000):
        model.free()
    assert not any(model.heap.should_move(*block[:2]) for block in model.blocks)
    large = model.heap.alloc(400_000)
    assert not model.heap.should_move(large, 400_000)
    model.heap.free(large, 400_000)
    model.close()
