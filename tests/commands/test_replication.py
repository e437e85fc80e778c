"""Clusters and replicas, of which there are none. Goal: clients that ask on connect read what a
Valkey by itself tells them; WAIT and WAITAOF never say more than is so. Method: the same lines are
played to us and to Valkey; what we refuse and Valkey does, by itself."""
import time

import pytest

from tests.faces import c_state
from tests.oracle import OracleError
from tests.server.replies import ask
from tests.serving import Serving

LINES = [
    "CLUSTER INFO", "CLUSTER SLOTS", "CLUSTER NODES", "CLUSTER SHARDS", "CLUSTER MYID", "CLUSTER",
    "CLUSTER FOO", "CLUSTER HELP", "CLUSTER KEYSLOT a", "CLUSTER KEYSLOT {a}b",
    "CLUSTER KEYSLOT {}a", "CLUSTER KEYSLOT a{b}c{d}", "CLUSTER KEYSLOT {{a}}",
    "CLUSTER KEYSLOT a{", "CLUSTER GETKEYSINSLOT 1 2", "CLUSTER COUNTKEYSINSLOT 1",
    "CLUSTER RESET", "CLUSTER LINKS", "CLUSTER SLOT-STATS", "CLUSTERSCAN 0", "READONLY",
    "READWRITE", "ASKING", "WAIT 0 1", "WAIT 1 10", "WAIT x 1", "WAIT 0 -1", "WAIT 0 x",
    "WAITAOF 0 0 1", "WAITAOF 1 0 10", "WAITAOF 2 0 1", "WAITAOF x 0 1", "WAITAOF 0 1 10",
    "REPLICAOF NO ONE", "SLAVEOF no one", "REPLICAOF x y", "REPLICAOF", "ROLE x", "FAILOVER",
    "FAILOVER ABORT", "FAILOVER TIMEOUT 1", "FAILOVER FOO", "FAILOVER TO a 1",
    "SENTINEL masters",
]


@pytest.fixture
def serving():
    serving = Serving()
    yield serving
    serving.close()


@pytest.mark.oracle
def test_answers_are_valkeys(serving, valkey):
    ours, theirs = serving.connect("unix"), valkey.client()
    for line in LINES:
        assert ours.ask(line) == theirs.execute(*line.encode().split()), line
    theirs.close()


@pytest.mark.parametrize("line", ["SYNC", "PSYNC ? -1", "REPLCONF capa eof",
                                  "REPLICAOF 127.0.0.1 6379"])
def test_a_replica_is_told(server, line):
    with pytest.raises(OracleError, match="no replication"):
        ask(server, *line.split())


def test_waiting_takes_its_time(serving):
    client = serving.connect()
    began = time.monotonic()
    assert client.ask("WAIT 1 200") == b":0\r\n"
    assert 0.15 < time.monotonic() - began < 5
    client.send("WAIT 1 0")
    assert client.silent(0.2)


def test_nobody_waits_in_a_transaction(server):
    client = server.client()
    for words in ((b"MULTI",), (b"WAIT", b"1", b"0"), (b"WAITAOF", b"0", b"1", b"0")):
        client.execute(*words)
    assert client.execute(b"EXEC") == b"*2\r\n:0\r\n*2\r\n:0\r\n:0\r\n"
    client.close()


def test_the_journal_is_on_the_disk_when_it_says_so(server):
    c_state.journal_start(server)
    ask(server, "CONFIG", "SET", "appendfsync", "no")
    ask(server, "SET", "a", "1")
    assert ask(server, "WAITAOF", 1, 0, 0) == [1, 0]
