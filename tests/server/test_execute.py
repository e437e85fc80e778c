"""Batches of commands. Goal: what a batch fetches ahead is a hint: commands that change keys,
values, encodings and databases under it answer as they would one by one. Method: the same commands
to two engines, to one in pieces of a batch and to the other each by itself; the oracle is the
second, whose commands are alone in their batch and fetch nothing."""
from hypothesis import example, given
from hypothesis import strategies as st

from kvd.engine.server.server import Server
from tests.oracle import encode

KEYS = [b"a", b"b", b"c"]
ELEMENTS = [b"1", b"two", b"three" * 20, b"longer than what is hashed ahead" * 20]
THRESHOLDS = ["hash-max-listpack-entries", "set-max-listpack-entries", "set-max-intset-entries",
              "zset-max-listpack-entries"]

keys = st.sampled_from(KEYS)
elements = st.sampled_from(ELEMENTS)
commands = st.one_of(
    st.tuples(st.sampled_from([b"HGET", b"HDEL", b"SADD", b"SREM", b"SISMEMBER", b"ZSCORE", b"ZREM",
                               b"ZRANK"]), keys, elements),
    st.tuples(st.just(b"HSET"), keys, elements, elements),
    st.tuples(st.sampled_from([b"ZADD", b"ZINCRBY"]), keys, st.just(b"1"), elements),
    st.tuples(st.sampled_from([b"DEL", b"UNLINK", b"PERSIST", b"TYPE", b"SCARD", b"HLEN"]), keys),
    st.tuples(st.sampled_from([b"RENAME", b"COPY"]), keys, keys),
    st.tuples(st.just(b"SET"), keys, elements),
    st.tuples(st.just(b"EXPIRE"), keys, st.sampled_from([b"0", b"1000"])),
    st.tuples(st.just(b"MOVE"), keys, st.just(b"1")),
    st.sampled_from([(b"SELECT", b"0"), (b"SELECT", b"1"), (b"SWAPDB", b"0", b"1"), (b"FLUSHDB",),
                     (b"MULTI",), (b"EXEC",)]))


def engine() -> Server:
    server = Server()
    for threshold in THRESHOLDS:
        assert server.execute(b"CONFIG", b"SET", threshold.encode(), b"1") == b"+OK\r\n"
    return server


@given(st.lists(commands, min_size=17, max_size=64))
@example([(b"SADD", b"a", b"two"), (b"SADD", b"a", b"three")] + [(b"DEL", b"a"), (
    b"SISMEMBER", b"a", b"two"), (b"HSET", b"a", b"two", b"1"), (b"HGET", b"a", b"two")] * 8)
def test_a_batch_answers_as_its_commands_do(requests):
    together, alone = engine(), engine()
    try:
        one, other = together.client(), alone.client()
        expected = b"".join(other.process_bytes(encode(*request)) for request in requests)
        assert one.process_bytes(b"".join(encode(*request) for request in requests)) == expected
    finally:
        together.close()
        alone.close()
