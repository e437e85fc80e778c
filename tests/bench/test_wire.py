"""Goal: the generator's requests are well-formed and its reply counts are right.

Method: requests are parsed back by a plain-Python RESP reader; a stream of replies of every
kind is fed whole and split at every byte, and the counts must not depend on the split.
"""
import pytest

from bench import wire
from bench.requests import Number, Request, key, same

REPLIES = [
    b"+OK\r\n", b":12\r\n", b"$5\r\nhello\r\n", b"$0\r\n\r\n", b"$-1\r\n", b"*0\r\n", b"*-1\r\n",
    b"*3\r\n$1\r\na\r\n$-1\r\n*2\r\n:1\r\n+x\r\n", b"-ERR no\r\n", b"*2\r\n-ERR inner\r\n:1\r\n",
    b"_\r\n", b"#t\r\n", b",1.5\r\n", b"(123\r\n", b"%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n",
    b"~2\r\n:1\r\n:2\r\n", b"=7\r\ntxt:abc\r\n", b"!5\r\nERR x\r\n", b"$4\r\n\r\n\r\n\r\n",
    b"$3\r\n+-:\r\n",
]
STREAM = b"".join(REPLIES)
EXPECTED = dict(replies=len(REPLIES), errors=3, nulls=4, broken=False, error="-ERR no", whole=True)


def parse(data: bytes) -> list[bytes]:
    lines = data.split(b"\r\n")
    assert lines[0] == b"*%d" % ((len(lines) - 2) // 2) and lines[-1] == b""
    args = lines[2:-1:2]
    assert lines[1:-1:2] == [b"$%d" % len(arg) for arg in args]
    return args


def test_counts_whole():
    counter = wire.Counter()
    counter.feed(STREAM)
    assert counter.counts == EXPECTED


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_counts_in_pieces(size):
    counter = wire.Counter()
    for at in range(0, len(STREAM), size):
        counter.feed(STREAM[at:at + size])
    assert counter.counts == EXPECTED


def test_counts_split_anywhere():
    for at in range(len(STREAM)):
        counter = wire.Counter()
        counter.feed(STREAM[:at])
        counter.feed(STREAM[at:])
        assert counter.counts == EXPECTED, at


def test_each_prefix_counts_only_whole_replies():
    for whole, reply in enumerate(REPLIES):
        counter = wire.Counter()
        counter.feed(b"".join(REPLIES[:whole]) + reply[:-1])
        assert counter.counts["replies"] == whole


def test_garbage_is_broken():
    counter = wire.Counter()
    counter.feed(b"+OK\r\nHTTP/1.1 400\r\n")
    assert counter.counts["broken"] and counter.counts["replies"] == 1


def test_random_keys_are_in_range_and_spread():
    request = Request(b"SET", key(count=1000), b"x" * 32)
    seen = {parse(data)[1] for data in wire.render(request.data, request.fields, 20_000)}
    assert seen == {b"key:%012d" % n for n in range(1000)}


@pytest.mark.parametrize("count", [1, 2, 10, 997, 1000])
@pytest.mark.parametrize("order", ["each", "ascending"])
def test_each_visits_every_number_once(count, order):
    request = Request(b"DEL", key(count=count, first=7, order=order))
    made = [parse(data)[1] for data in wire.render(request.data, request.fields, 2 * count)]
    everything = [b"key:%012d" % n for n in range(7, 7 + count)]
    assert sorted(made[:count]) == everything == sorted(made[count:])
    assert made[0] == everything[0]
    if order == "ascending":
        assert made[:count] == everything


def test_same_repeats_the_number():
    request = Request(b"RENAME", key(), same(b"other:", size=20))
    for data in wire.render(request.data, request.fields, 100):
        _, old, new = parse(data)
        assert old.startswith(b"key:") and new.startswith(b"other:")
        assert len(old) == 16 and len(new) == 20 and int(old[4:]) == int(new[6:])


def test_a_number_must_fit():
    with pytest.raises(ValueError):
        Request(b"GET", Number(b"long-prefix:", count=100_000))


def test_a_field_outside_its_request_is_refused():
    with pytest.raises(ValueError):
        wire.render(b"PING\r\n", [(100, 2, 0, 0, 10, 1)], 1)
    with pytest.raises(ValueError):
        wire.render(b"PING 0000\r\n", [(9, 2, 1, 0, 10, 5)], 1)
