"""Goal: the closed loop sends what it was told, counts what came back, and fails when it should.

Method: a scripted server that keeps every request, answers in small pieces, with errors, with
garbage, or by closing.
"""
import pytest

from bench import load, peers
from bench.requests import Request, key
from tests.bench.server import Scripted


def run(server, request, depth, requests, connections=3):
    return load.closed_loop([peers.connect(server.address) for _ in range(connections)],
                            request, depth, requests)


@pytest.mark.parametrize("depth,requests", [(1, 1), (1, 50), (16, 1000), (64, 37), (7, 100)])
def test_sends_exactly_so_many(depth, requests):
    with Scripted() as server:
        result = run(server, Request(b"SET", key(order="ascending"), b"v"), depth, requests)
        assert result["requests"] == requests and result["errors"] == result["nulls"] == 0
        assert result["bytes_in"] == 5 * requests
        assert sorted(args[1] for args in server.requests) == [
            b"key:%012d" % n for n in range(requests)]


def test_replies_in_pieces():
    with Scripted(lambda i: b"*2\r\n$20\r\n" + b"z" * 20 + b"\r\n$-1\r\n", piece=3) as server:
        result = run(server, Request(b"GET", key()), 2, 30)
        assert result["nulls"] == 30 and result["errors"] == 0


def test_errors_are_counted_and_kept():
    with Scripted(lambda i: b"-ERR no %d\r\n" % i if i % 10 == 3 else b"+OK\r\n") as server:
        result = run(server, Request(b"PING"), 4, 100, connections=1)
        assert result["errors"] == 10 and result["error"] == "-ERR no 3"


def test_a_closed_connection_fails_the_run():
    with Scripted(lambda i: None if i == 20 else b"+OK\r\n") as server:
        with pytest.raises(RuntimeError, match="connection closed"):
            run(server, Request(b"PING"), 4, 100)


@pytest.mark.parametrize("answer", [b"HTTP/1.1\r\n", b"+" + b"x" * 5000, b"+OK\r\n+OK\r\n" * 5])
def test_what_is_not_an_answer_fails_the_run(answer):
    with Scripted(lambda i: answer) as server:
        with pytest.raises(RuntimeError, match="not RESP"):
            run(server, Request(b"PING"), 1, 10)


def test_large_requests_wait_for_room():
    """16 requests of 200 kB do not fit a socket's buffer: the rest must follow by EPOLLOUT."""
    with Scripted() as server:
        result = run(server, Request(b"SET", key(), b"v" * 200_000), 16, 32, connections=1)
        assert result["requests"] == 32
        assert all(len(args[2]) == 200_000 for args in server.requests)


@pytest.mark.parametrize("depth,requests", [(0, 1), (1, 0)])
def test_nothing_to_do_is_refused(depth, requests):
    with Scripted() as server, pytest.raises(ValueError):
        run(server, Request(b"PING"), depth, requests)
