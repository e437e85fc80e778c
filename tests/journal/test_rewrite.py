"""Rewrites: the base holds the moment, the incr what came after, whatever happens in between.

Goal: base plus incr, loaded, are the data set, though keys change, die, move and are flushed while
the base is written. Method: an engine in process takes random commands between the walk's slices
(the walk is made slow by a large data set), and another one loads the files.
"""
import random

import pytest

from tests.journal.test_load import Running

DBS = 3


def dump(running) -> dict:
    found = {}
    client = running.server.client()
    for db in range(DBS):
        client.execute(b"SELECT", b"%d" % db)
        lines = client.execute(b"KEYS", b"*").split(b"\r\n")[2::2]
        for key in lines:
            found[db, key] = (client.execute(b"GET", key), client.execute(b"PEXPIRETIME", key))
    client.close()
    return found


def fill(running, count):
    for db in range(DBS):
        running.server.execute(b"SELECT", b"%d" % db)
        for start in range(0, count, 500):
            pairs = [b"k%d" % (start + i // 2) if i % 2 == 0 else b"v%d" % i for i in range(1000)]
            running.server.execute(b"MSET", *pairs)
    running.server.execute(b"SELECT", b"0")


def random_command(draws, count):
    key = b"k%d" % draws.randrange(count)
    other = b"k%d" % draws.randrange(count)
    return draws.choice([
        (b"SET", key, b"%d" % draws.randrange(10 ** 6)),
        (b"APPEND", key, b"+"),
        (b"DEL", key),
        (b"RENAME", key, other),
        (b"COPY", key, other, b"DB", b"%d" % draws.randrange(DBS), b"REPLACE"),
        (b"MOVE", key, b"%d" % draws.randrange(DBS)),
        (b"PEXPIRE", key, b"100000"),
        (b"PEXPIRE", key, b"1"),
        (b"SETRANGE", key, b"3", b"xyz"),
        (b"SELECT", b"%d" % draws.randrange(DBS)),
        (b"GETDEL", key),
        (b"SET", b"new%d" % draws.randrange(count), b"n", b"PX", b"50000"),
    ])


def rare_command(draws):
    return draws.choice([(b"SWAPDB", b"0", b"1"), (b"SWAPDB", b"1", b"2"), (b"FLUSHDB",),
                         (b"FLUSHALL", b"ASYNC"), (b"FLUSHDB", b"SYNC")])


def running_rewrite(running) -> bool:
    return b"aof_rewrite_in_progress:1" in running.server.execute(b"INFO", b"persistence")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("preamble", ["yes", "no"])
@pytest.mark.parametrize("switch", [False, True], ids=["rewrite", "switch"])
def test_any_commands_during_the_walk(tmp_path, seed, preamble, switch):
    draws = random.Random(seed)
    count = 8000
    with Running(tmp_path, aof_use_rdb_preamble=preamble) as running:
        if switch:
            running.server.execute(b"CONFIG", b"SET", b"appendonly", b"no")
        fill(running, count)
        if switch:
            assert running.server.execute(b"CONFIG", b"SET", b"appendonly", b"yes") == b"+OK\r\n"
        else:
            assert running.server.execute(b"BGREWRITEAOF").startswith(b"+Background")
        turns = 0
        while turns == 0 or running_rewrite(running):
            running.server.run(1e-6)
            turns += 1
            for _ in range(draws.randrange(40)):
                running.server.execute(*random_command(draws, count))
            if seed and draws.random() < 0.05:
                running.server.execute(*rare_command(draws))
        assert turns > 1, "the walk was over before anything could happen"
        assert b"aof_last_bgrewrite_status:ok" in running.server.execute(b"INFO", b"persistence")
        for _ in range(200):
            running.server.execute(*random_command(draws, count))
        running.server.run(0.01)
        expected = dump(running)
        # As a crash would leave it: nothing more is written.
        with Running(running.copy(tmp_path / "copy")) as loaded:
            assert dump(loaded) == expected


def test_it_rewrites_itself_when_it_has_grown(tmp_path):
    with Running(tmp_path, auto_aof_rewrite_min_size="100kb") as running:
        for i in range(3000):
            running.server.execute(b"SET", b"k", b"%0100d" % i)
        for _ in range(300):
            running.server.run(0.01)
            bases = list((tmp_path / "appendonlydir").glob("*.base.*"))
            # The old base goes when the manifest no longer names it.
            if (b"aof_rewrites:1" in running.server.execute(b"INFO", b"persistence")
                    and len(bases) == 1):
                break
        assert not running_rewrite(running)
        assert [base.name for base in bases] == ["appendonly.aof.2.base.rdb"]
        assert bases[0].stat().st_size < 1000


def test_one_at_a_time_and_not_without_a_journal(tmp_path):
    with Running(tmp_path) as running:
        fill(running, 20000)
        assert running.server.execute(b"BGREWRITEAOF").startswith(b"+")
        assert running.server.execute(b"BGREWRITEAOF") == (
            b"-ERR Background append only file rewriting already in progress\r\n")


def test_a_stop_during_the_first_base_finishes_it(tmp_path):
    with Running(tmp_path) as running:
        running.server.execute(b"CONFIG", b"SET", b"appendonly", b"no")
        fill(running, 5000)
        running.server.execute(b"CONFIG", b"SET", b"appendonly", b"yes")
        running.server.execute(b"SET", b"last", b"1")
        expected = dump(running)
    with Running(tmp_path) as running:
        assert dump(running) == expected


def test_loadaof(tmp_path):
    with Running(tmp_path) as running:
        fill(running, 500)
        expected = dump(running)
        running.journal.reload()
        assert dump(running) == expected
        running.server.execute(b"SET", b"after", b"1")
        expected = dump(running)
    with Running(tmp_path) as running:
        assert dump(running) == expected
