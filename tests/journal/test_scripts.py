"""What scripts do is in the journal, whole or not at all; libraries of functions are, too."""
import pytest

from tests.journal.engines import Engine, wait_until

pytestmark = pytest.mark.timeout(60)

LIBRARY = "#!lua name=lib\nredis.register_function('f', function() return 'here' end)"


def incremental(directory) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*.incr.aof")))


def test_effects_are_one_transaction_and_survive(tmp_path):
    with Engine(tmp_path, appendonly="yes", appendfsync="always") as engine:
        engine.ask("EVAL", "redis.call('set','a','1') redis.call('incr','a') "
                           "redis.call('expire','a','1000') redis.pcall('nosuch')", 0)
        engine.ask("EVAL", "return redis.call('get','a')", 0)
    text = incremental(tmp_path)
    assert text.count(b"MULTI") == 1 and text.count(b"EXEC") == 1
    assert b"EVAL" not in text and b"PEXPIREAT" in text.upper()
    with Engine(tmp_path, appendonly="yes") as engine:
        assert engine.ask("GET", "a") == b"2"
        assert engine.ask("TTL", "a") > 900


def test_what_set_repl_leaves_out_is_not_in_the_journal(tmp_path):
    with Engine(tmp_path, appendonly="yes", appendfsync="always") as engine:
        engine.ask("EVAL", "redis.set_repl(redis.REPL_NONE) redis.call('set','out','1') "
                           "redis.set_repl(redis.REPL_ALL) redis.call('set','in','1')", 0)
        assert engine.ask("GET", "out") == b"1"
    with Engine(tmp_path, appendonly="yes") as engine:
        assert engine.ask("MGET", "in", "out") == [b"1", None]


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_libraries_survive_a_restart_and_a_rewrite(tmp_path, preamble):
    settings = dict(appendonly="yes", appendfsync="always", aof_use_rdb_preamble=preamble)
    with Engine(tmp_path, **settings) as engine:
        engine.ask("FUNCTION", "LOAD", LIBRARY)
    with Engine(tmp_path, **settings) as engine:
        assert engine.ask("FCALL", "f", 0) == b"here"
        engine.ask("BGREWRITEAOF")
        wait_until(lambda: b"aof_rewrite_in_progress:0" in engine.ask("INFO", "persistence")
                   and b"FUNCTION" not in incremental(tmp_path))
    with Engine(tmp_path, **settings) as engine:
        assert engine.ask("FCALL", "f", 0) == b"here"
        engine.ask("FUNCTION", "FLUSH")
    with Engine(tmp_path, **settings) as engine:
        assert engine.ask("FUNCTION", "LIST") == []
