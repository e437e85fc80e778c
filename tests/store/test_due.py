"""engine/store/due against a dict of times."""
import random

from tests.faces import c_due

SEED = 41


def test_model():
    rng = random.Random(SEED)
    due = c_due.Due()
    model = [{}, {}]
    for step in range(20_000):
        n, which = rng.randrange(64), rng.randrange(2)
        what = rng.random()
        if what < 0.5:
            time = rng.randrange(1000)
            due.put(which, n, time)
            model[1 - which].pop(n, None)
            model[which][n] = time
        elif what < 0.8:
            due.remove(n)
            for one in model:
                one.pop(n, None)
        elif what < 0.99:
            due.move(n)
        else:
            due.abandon(which)          # what is in it stays there, out of our sight
            model[which].clear()
        for one in range(2):
            first = due.first(one)
            assert (first is None) == (not model[one])
            if first:
                assert first[0] == min(model[one].values()) == model[one][first[1]]
        if step % 100 == 0:
            assert [due.audit(0), due.audit(1)] == [len(model[0]), len(model[1])]
    assert due.close(), "a list outlived its last node"
