"""Goal: every measured case is a request that the yardstick answers without an error, and its
repair leaves the keyspace as it was.

Method: the cases run against valkey-server over a small part of the keyspace, when it is found.
"""
import pytest

from bench import cases, load, peers

pytestmark = pytest.mark.oracle
ALL = cases.CORE + cases.BATCHES + cases.COMMANDS
REQUESTS = 200


@pytest.fixture(scope="module")
def peer():
    if not peers.commands_of("valkey"):
        pytest.skip("valkey-server is not on this machine")
    with peers.running(["valkey"]) as running:
        for count, request in cases.FILL:
            load.closed_loop(running["valkey"].sockets(2), request, 64, count)
        yield running["valkey"]


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_case(peer, case):
    sockets, count = peer.sockets(2), peer("DBSIZE")
    assert load.closed_loop(sockets, case.request, 16, REQUESTS)["error"] == ""
    for args in case.repair:
        if args != cases.FLUSH_DB1:
            assert load.closed_loop(sockets, cases.Request(*args), 16, REQUESTS)["error"] == ""
    if case.name != "BITOP AND":
        assert peer("DBSIZE") == count


def test_names_are_unique():
    assert len({case.name for case in ALL}) == len(ALL)
