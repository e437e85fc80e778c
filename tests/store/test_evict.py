"""Eviction keeps memory within the limit, by the policy's choice, and fails only when it must.

Method: caches of a few thousand keys whose best victims are known; requests drawn by Zipf's law
replayed against an exact LRU in plain Python. Seeds are fixed; where lots are drawn, bounds are
wide.
"""
import collections
import random

import numpy
import pytest

from tests.faces.c_evict import POLICIES, Evict
from tests.faces.c_keyspace import Store, no_deadline

NOW = 1_700_000_000_000
MINUTE = 60_000
FAR = 2 ** 60


def filled(count: int, deadline=no_deadline, seed: int = 1) -> Store:
    """Keys 0.. of one per second, the first is the oldest; `deadline` may depend on the number."""
    store = Store(seed)
    for i in range(count):
        store.set_time(NOW + 1_000 * i)
        store.set(b"%d" % i, b"v" * 100, deadline(i) if callable(deadline) else deadline)
    return store


def alive(store: Store, count: int, db: int = 0) -> list[int]:
    return [i for i in range(count) if store.peek(b"%d" % i, db) is not None]


def shrink(store: Store, policy: str, share: float, **more) -> Evict:
    evict = Evict(store, policy, int(store.used * share), **more)
    assert evict.run() == "ok"
    assert store.used <= evict.limit
    return evict


def test_within_the_limit_nothing_happens():
    store = filled(100)
    for policy in POLICIES:
        assert Evict(store, policy, 0).run() == "ok"
        assert Evict(store, policy, store.used).run() == "ok"
        assert Evict(store, policy, store.used + 500).run(need=500) == "ok"
    assert store.evicted == 0


@pytest.mark.parametrize("policy", POLICIES[1:])
def test_the_limit_holds_after_each_set(policy):
    rng = random.Random(policy)
    store = Store()
    store.set_time(NOW)
    evict = Evict(store, policy, 300_000)
    for i in range(6_000):
        store.set(b"key:%d" % i, bytes(int(2 ** rng.uniform(0, 12))), FAR + rng.randrange(1_000))
        assert evict.run() == "ok"
        assert store.used <= 300_000
    assert store.evicted > 1_000 and store.count() > 100
    assert store.used > 250_000


def test_lru_evicts_the_oldest():
    store = filled(3_000)
    for i in range(0, 300):                             # the first were used again
        store.read(b"%d" % i)
    shrink(store, "allkeys-lru", 0.5, samples=10)
    left = alive(store, 3_000)
    assert sum(i < 300 for i in left) > 290
    assert sum(300 <= i < 1_000 for i in left) < 70
    assert sum(i > 2_500 for i in left) > 480


def test_lfu_evicts_the_least_used():
    store = Store()
    store.set_lfu(True, log_factor=1, decay_minutes=1)
    store.set_time(NOW)
    for i in range(3_000):
        store.set(b"%d" % i, b"v" * 100)
    for _ in range(60):
        for i in range(300):
            store.read(b"%d" % i)
    shrink(store, "allkeys-lfu", 0.3, samples=10)
    assert sum(i < 300 for i in alive(store, 3_000)) > 295


def test_lfu_decays():
    store = Store()
    store.set_lfu(True, log_factor=1, decay_minutes=1)
    store.set_time(NOW)
    for i in range(2_000):
        store.set(b"%d" % i, b"v" * 100)
    for _ in range(30):
        for i in range(1_000):
            store.read(b"%d" % i)
    store.set_time(NOW + 300 * MINUTE)                  # all of that is forgotten
    for _ in range(5):
        for i in range(1_000, 2_000):
            store.read(b"%d" % i)
    shrink(store, "allkeys-lfu", 0.5, samples=10)
    assert sum(i >= 1_000 for i in alive(store, 2_000)) > 850


def test_ttl_evicts_what_would_die_first():
    store = filled(3_000, lambda i: no_deadline if i % 3 == 0 else FAR + i * 1_000)
    shrink(store, "volatile-ttl", 0.6, samples=10)
    left = alive(store, 3_000)
    assert sum(i % 3 == 0 for i in left) == 1_000
    assert sum(i % 3 and i < 1_000 for i in left) < 60
    assert sum(i % 3 and i > 2_300 for i in left) > 440


def test_ttl_orders_deadlines_of_either_sign():
    store = Store()
    store.set_time(-2 ** 63)
    for i, deadline in enumerate((-2 ** 62, -1, 0, 1, 2 ** 62, 2 ** 63 - 2)):
        store.set(b"%d" % i, b"v" * 100, deadline)
    evict = Evict(store, "volatile-ttl", 1, samples=10)
    gone = []
    while store.count():
        before = alive(store, 6)
        evict.limit = store.used - 1
        assert evict.run() == "ok"
        gone += set(before) - set(alive(store, 6))
    assert gone == list(range(6))


@pytest.mark.parametrize("policy", [name for name in POLICIES if name.startswith("volatile")])
def test_volatile_policies_leave_lasting_keys_alone(policy):
    store = filled(2_000, lambda i: FAR if i % 4 == 0 else no_deadline)
    evict = Evict(store, policy, 1)
    assert evict.run() == "fail"                        # all that could go went
    assert alive(store, 2_000) == [i for i in range(2_000) if i % 4]
    assert store.volatile_count() == 0 and store.evicted == 500


def test_few_volatile_keys_among_many():
    """One place of the table has one of them or none; the choice is good all the same."""
    store = filled(20_000, lambda i: FAR if i % 50 == 0 else no_deadline)
    evict = Evict(store, "volatile-lru", store.used - 50 * 112)
    assert evict.run() == "ok"
    gone = set(range(0, 20_000, 50)) - set(alive(store, 20_000))
    assert 40 <= len(gone) <= 60
    assert sum(i < 4_000 for i in gone) > 0.8 * len(gone)


def test_random_policies_choose_evenly():
    hits = collections.Counter()
    for seed in range(30):
        store = filled(400, seed=seed)
        shrink(store, "allkeys-random", 0.7)
        hits.update(alive(store, 400))
    assert 8 < min(hits[i] for i in range(400)) and sum(hits.values()) / 400 == pytest.approx(
        20, abs=2)


def test_noeviction_fails_and_keeps():
    store = filled(100)
    evict = Evict(store, "noeviction", store.used - 1)
    assert evict.run() == "fail" and store.count() == 100
    evict.limit = store.used
    assert evict.run() == "ok" and evict.run(need=1) == "fail"


@pytest.mark.parametrize("policy", POLICIES[1:])
def test_everything_may_go_and_then_it_fails(policy):
    store = filled(500, FAR)
    store.occupy(1_000)                                 # that no key holds
    evict = Evict(store, policy, 500)
    assert evict.run() == "fail"
    assert store.count() == 0 and store.used > 500
    evict.limit = 2_000
    assert evict.run() == "ok"


def test_room_is_made_in_advance():
    store = filled(1_000)
    evict = Evict(store, "allkeys-lru", store.used)
    assert evict.run(need=20_000) == "ok"
    assert store.used + 20_000 <= evict.limit
    count = store.count()
    assert evict.run(need=evict.limit + 1) == "fail"    # it could never fit: nothing goes for it
    assert evict.run(need=2 ** 64 - 1) == "fail"
    assert store.count() == count


def test_what_is_not_counted():
    store = filled(1_000)
    evict = Evict(store, "allkeys-lru", store.used // 2)
    evict.not_counted = store.used // 2 + 10
    assert evict.run() == "ok" and store.evicted == 0


def test_paused_nothing_goes():
    store = filled(100)
    store.set_flags(expiry_paused=True)
    assert Evict(store, "allkeys-lru", 1).run() == "ok" and store.count() == 100


def test_a_small_budget_asks_for_more():
    store = filled(5_000)
    evict = Evict(store, "allkeys-lru", store.used // 2)
    runs = 1
    while evict.run(budget_us=0) == "more":
        assert store.count() == 5_000 - 16 * runs       # it looks at the clock every so often
        assert evict.over_since_us
        runs += 1
    assert store.used <= evict.limit and runs > 100
    assert evict.over_since_us == 0 and evict.over_total_us > 0


def test_dropped_keys_make_room_first():
    store = filled(20_000)
    store.set(b"k", b"v" * 100, db=1)
    evict = Evict(store, "allkeys-lru", 10_000)
    store.clear(0, later=True)
    assert evict.run(budget_us=0) == "more"             # progress, not failure
    assert evict.run() == "ok"
    assert store.evicted == 0 and store.peek(b"k", 1)
    lasting = Evict(store, "noeviction", 10_000)        # likewise where nothing may be evicted
    for i in range(5_000):
        store.set(b"%d" % i, b"v" * 100)
    assert lasting.run() == "fail"
    store.clear(0, later=True)
    assert lasting.run(budget_us=0) == "more" and lasting.run() == "ok"


SLICE = 256 + 576                       # blocks: what is asked for, and the segment it ends in


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_a_huge_key_goes_in_slices(policy):
    """Its key at once, its members by and by; what others hold is not touched for it."""
    count = 40_000
    store = Store()
    store.set_time(NOW)
    store.put_set(b"huge", count, NOW + MINUTE)
    full = store.used
    block = full / count
    store.set_time(NOW + 10 * MINUTE if policy == "allkeys-lru" else NOW)
    for i in range(5 if policy != "allkeys-random" else 0):    # few: all are sampled
        store.set(b"%d" % i, b"v", FAR)
    evict = Evict(store, policy, store.used - int(full * 0.99))
    last, turns = store.used, 0
    while evict.run(budget_us=0) == "more":
        assert store.evicted == 1 and store.peek(b"huge") is None
        assert 0 <= last - store.used < SLICE * block * 3
        last = store.used
        turns += 1
    assert turns > count * 0.98 // SLICE, "it was freed in few steps"
    assert store.evicted == 1 and store.used <= evict.limit


def test_half_of_a_huge_key_may_be_room_enough():
    """Who needs little waits for little; the rest stays for the turns of the loop."""
    store = Store()
    store.set_time(NOW)
    store.put_set(b"huge", 40_000, NOW + MINUTE)
    full = store.used
    assert Evict(store, "volatile-ttl", full).run(need=full // 2) == "ok"
    assert full * 0.45 < store.used <= full - full // 2
    assert store.dropped_items == 1
    steps = 0
    while store.reap(256):
        steps += 1
    assert steps > 10 and store.used == 0


def test_databases_give_by_their_size():
    store = Store()
    store.set_time(NOW)
    for i in range(4_000):
        store.set(b"%d" % i, b"v" * 100, db=0 if i % 8 else 3)
    shrink(store, "allkeys-random", 0.5)
    assert store.count(3) == pytest.approx(250, abs=60)
    assert store.count(0) == pytest.approx(1_750, abs=200)


def test_the_pool_survives_whatever_happens_to_its_keys():
    """E2: keys are deleted, replaced, touched, moved to other databases, flushed."""
    rng = random.Random(9)
    store = Store()
    evicts = {policy: Evict(store, policy, 1) for policy in POLICIES[1:]}
    for step in range(4_000):
        store.set_time(NOW + step * 1_000)
        for _ in range(5):
            key, db = b"%d" % rng.randrange(300), rng.randrange(4)
            rng.choice((lambda: store.set(key, bytes(rng.randrange(300)), FAR, db),
                        lambda: store.set(key, bytes(rng.randrange(300)), FAR, db),
                        lambda: store.read(key, db), lambda: store.delete(key, db)))()
        if rng.random() < 0.02:
            store.exchange(rng.randrange(4), rng.randrange(4))
        if rng.random() < 0.005:
            store.clear(rng.randrange(4), rng.random() < 0.5)
        evict = evicts[rng.choice(POLICIES[1:])]
        evict.set_policy(rng.choice(POLICIES[1:]))
        if store.used > 30_000:
            evict.limit = int(store.used * 0.97)
            assert evict.run() == "ok"
            assert store.used <= evict.limit
        pool = evict.pool()
        assert pool == sorted(pool) and len(pool) <= 16     # E1
    assert store.empty() == 0


def test_a_candidate_that_was_used_since_is_spared():
    store = filled(300)
    evict = Evict(store, "allkeys-lru", store.used - 1, samples=64)
    assert evict.run() == "ok"                          # fills the pool with the oldest
    victims = alive(store, 16)
    store.set_time(NOW + 1_000_000)
    for i in victims:
        store.read(b"%d" % i)
    evict.limit = store.used // 2
    assert evict.run() == "ok"
    assert sum(i in victims for i in alive(store, 16)) >= len(victims) - 1


def test_long_keys_are_evicted_like_others():
    store = Store()
    for i in range(40):
        store.set_time(NOW + i * 1_000)
        store.set(b"k" * 5_000 + b"%d" % i, b"v")
    shrink(store, "allkeys-lru", 0.5, samples=10)
    assert all(store.peek(b"k" * 5_000 + b"%d" % i) for i in range(25, 40))


def test_evictions_reach_the_journal():
    store = filled(100)
    store.hook(watched=False, events=False)
    shrink(store, "allkeys-lru", 0.9)
    assert store.log and {kind for kind, _, _ in store.log} == {"evict"}
    assert len(store.log) == store.evicted == 100 - store.count()


# -- hit ratio ------------------------------------------------------------------------------------

def zipf(keys: int, count: int, exponent: float = 0.99, seed: int = 1) -> numpy.ndarray:
    weights = numpy.arange(1, keys + 1) ** -exponent
    rng = numpy.random.default_rng(seed)
    drawn = numpy.searchsorted(numpy.cumsum(weights / weights.sum()), rng.random(count))
    return rng.permutation(keys)[numpy.minimum(drawn, keys - 1)].astype(numpy.uint32)


def exact_lru(requests: numpy.ndarray, size: int, warm: int) -> float:
    cache: collections.OrderedDict[int, None] = collections.OrderedDict()
    hits = 0
    for i, key in enumerate(requests.tolist()):
        if key in cache:
            cache.move_to_end(key)
            hits += i >= warm
        else:
            cache[key] = None
            if len(cache) > size:
                cache.popitem(last=False)
    return hits / (len(requests) - warm)


def hit_ratio(policy: str, requests: numpy.ndarray, size: int, warm: int) -> float:
    """With memory for `size` keys; the clock moves as if 10,000 came a second."""
    whole = Store()
    for key in range(size):
        whole.set(b"key:%012d" % key, b"x" * 100)
    store = Store()
    evict = Evict(store, policy, whole.used)
    evict.replay(requests[:warm], 100, 10_000)
    hits, _, _, over = evict.replay(requests[warm:], 100, 10_000, NOW + warm // 10)
    assert over == 0 and store.used <= whole.used
    return hits / (len(requests) - warm)


def test_hit_ratios_are_those_of_the_literature():
    requests, size, warm = zipf(20_000, 300_000), 2_000, 100_000
    exact = exact_lru(requests, size, warm)
    lru = hit_ratio("allkeys-lru", requests, size, warm)
    lfu = hit_ratio("allkeys-lfu", requests, size, warm)
    lot = hit_ratio("allkeys-random", requests, size, warm)
    assert exact - 0.012 < lru <= exact + 0.01
    assert lru > lot + 0.02
    assert lfu > exact + 0.02
