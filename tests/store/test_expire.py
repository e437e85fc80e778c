"""Active expiry removes exactly the dead, of all databases, in time, within its budget.

Method: random keys and deadlines on four databases and on dicts; the clock jumps to the time that
a run asked to be called at, as the loop's timer would. Work is bounded by counting what one run
removes.
"""
import random

from tests.faces.c_expire import Expire, mono_us
from tests.faces.c_keyspace import Store, no_deadline

NOW = 1_700_000_000_000
DATABASES = 4


def test_keys_go_exactly_at_their_time():
    rng = random.Random(1)
    store, now = Store(), NOW
    store.hook(events=False, watched=False)
    expire = Expire(store)
    store.set_time(now)
    model: dict[tuple[int, bytes], int] = {}
    for turn in range(400):
        for _ in range(rng.randrange(60)):
            db, key = rng.randrange(DATABASES), b"%d" % rng.randrange(4_000)
            deadline = rng.choice((no_deadline, now + 1 + rng.randrange(400),
                                   now + 1 + int(2 ** rng.uniform(0, 40))))
            store.set(key, b"v", deadline, db)
            model[db, key] = deadline
        if rng.random() < 0.3 and model:
            db, key = rng.choice(list(model))
            if rng.random() < 0.5:
                store.delete(key, db)
                del model[db, key]
            else:
                model[db, key] = now + 1 + rng.randrange(10_000)
                store.set_deadline(key, model[db, key], db)
        store.log.clear()
        wake = expire.run(mono_us=mono_us() + 10 ** 9)  # long after any rest
        gone = {(db, key) for kind, db, key in store.log if kind == "expire"}
        assert gone == {at for at, deadline in model.items() if deadline <= now}
        for at in gone:
            del model[at]
        least = min(model.values(), default=no_deadline)
        assert now < wake <= least                      # X1: never late, always later than now
        now = min(wake, now + rng.randrange(1, 100)) if rng.random() < 0.8 else now + 1
        store.set_time(now)
    assert store.expired > 500
    assert sum(map(store.count, range(DATABASES))) == len(model)


def test_a_timer_that_follows_is_never_late():
    """Called only when it asked to be, it removes each key in its very millisecond."""
    rng = random.Random(2)
    store, now = Store(), NOW
    expire = Expire(store)
    store.set_time(now)
    deadlines = sorted(now + 1 + rng.randrange(100_000) for _ in range(3_000))
    for i, deadline in enumerate(deadlines):
        store.set(b"%d" % i, b"v", deadline, i % DATABASES)
    calls, gone = 0, 0
    while gone < len(deadlines):
        wake = expire.run(mono_us=mono_us() + 10 ** 9)
        gone = sum(deadline <= now for deadline in deadlines)
        assert store.expired == gone
        calls += 1
        assert wake > now
        now = wake
        store.set_time(now)
    assert calls < 2.5 * len(set(deadlines))


def test_nothing_to_do():
    store = Store()
    expire = Expire(store)
    store.set_time(NOW)
    assert expire.run() == no_deadline
    store.set(b"k", b"v")
    assert expire.run() == no_deadline
    store.set(b"l", b"v", NOW + 5, 2)
    assert expire.run() == NOW + 5
    assert expire.spent_us == 0 and expire.rest_until_us == 0
    store.delete(b"l", 2)
    store.set_time(NOW + 5)                             # the bound was early: one look
    assert expire.run() == no_deadline
    assert store.expired == 0


def test_off_and_paused():
    store = Store()
    expire = Expire(store)
    store.set_time(NOW)
    store.set(b"k", b"v", NOW + 1)
    store.set_time(NOW + 1)
    expire.off = True
    assert expire.run() == no_deadline and store.count() == 1
    expire.off = False
    store.set_flags(expiry_paused=True)
    assert expire.run() == no_deadline and store.count() == 1
    store.set_flags()
    assert expire.run() == no_deadline and store.count() == 0


def test_a_flood_is_worked_off_in_turns():
    store = Store()
    expire = Expire(store)
    store.set_time(NOW)
    for i in range(60_000):
        store.set(b"%d" % i, b"v", NOW + 1, i % 2)
    store.set_time(NOW + 1)
    left, runs = 60_000, 0
    while left:
        wake = expire.run(budget_us=0, mono_us=mono_us() + 10 ** 9)
        now_left = store.count(0) + store.count(1)
        assert left - 576 <= now_left <= left           # at most a segment beyond the budget
        left, runs = now_left, runs + 1
        assert wake > NOW + 1
    assert 60_000 / 576 < runs < 600
    assert expire.capped >= runs - 2
    while expire.run(mono_us=mono_us() + 10 ** 9) <= NOW + 2:
        pass
    assert store.volatile_count(0) == store.volatile_count(1) == 0


def test_it_rests_three_times_as_long_as_it_worked():
    store = Store()
    expire = Expire(store)
    store.set_time(NOW)
    for i in range(30_000):
        store.set(b"%d" % i, b"v", NOW + 1)
    store.set_time(NOW + 1)
    began = mono_us()
    wake = expire.run(budget_us=500)
    spent = expire.spent_us
    assert 500 <= spent < 50_000
    assert expire.rest_until_us >= began + 4 * spent
    assert abs(wake - (NOW + 2 + 3 * spent // 1_000)) <= 1
    count = store.count()
    wake = expire.run(mono_us=expire.rest_until_us - 1_500)
    assert store.count() == count and wake == NOW + 3
    expire.run(mono_us=expire.rest_until_us)
    assert store.count() == 0


def test_databases_take_turns():
    """A flood in one database does not keep the others' keys waiting."""
    store = Store()
    expire = Expire(store)
    store.set_time(NOW)
    for i in range(20_000):
        store.set(b"%d" % i, b"v", NOW + 1, 0)
    for db in (1, 2, 3):
        store.set(b"k", b"v", NOW + 1, db)
    store.set_time(NOW + 1)
    runs = 0
    while store.count(0):
        expire.run(budget_us=0, mono_us=mono_us() + 10 ** 9)
        runs += 1
        if runs > 10:
            assert not any(store.count(db) for db in (1, 2, 3))


def test_due_follows_every_way_to_set_a_deadline():
    """K6 through each door, so that expire_run cannot sleep over a key."""
    for door in ("set", "in place", "put", "set_deadline", "nearer", "rename", "exchange"):
        store = Store()
        expire = Expire(store)
        store.set_time(NOW)
        db = 0
        if door == "set":
            store.set(b"k", b"v", NOW + 5)
        elif door == "in place":
            store.set(b"k", b"v", NOW + 50)
            store.set(b"k", b"w", NOW + 5)
        elif door == "put":
            store.put("raw", b"k", b"v", NOW + 5)
        elif door == "set_deadline":
            store.set(b"k", b"v")
            store.set_deadline(b"k", NOW + 5)
        elif door == "nearer":
            store.set(b"k", b"v", NOW + 50)
            store.set_deadline(b"k", NOW + 5)
        elif door == "rename":
            store.set(b"j", b"v", NOW + 5)
            store.rename(b"j", b"k", 0, 3)
            db = 3
        else:
            store.set(b"k", b"v", NOW + 5)
            store.exchange(0, 3)
            db = 3
        assert expire.run() == NOW + 5
        store.set_time(NOW + 5)
        expire.run()
        assert store.count(db) == 0, door
