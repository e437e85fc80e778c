"""Real clients, unmodified: redis-py over TCP and a Unix socket, redis-benchmark, redis-cli."""
import shutil
import subprocess

import pytest
import redis

from tests.kvd.server import Served, free_port


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    directory = tmp_path_factory.mktemp("clients")
    port = free_port()
    path = directory / "socket"
    server = Served(directory, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory),
                    "--unixsocket", str(path))
    yield port, path
    server.process.terminate()
    server.process.wait(20)


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def client(request, served):
    made = redis.Redis(port=served[0], protocol=request.param, decode_responses=True)
    made.flushall()
    yield made
    made.close()


def test_values_and_deadlines(client):
    assert client.set("k", "v", ex=100, nx=True) and client.get("k") == "v"
    assert client.set("k", "w", xx=True, keepttl=True, get=True) == "v"
    assert 90 < client.ttl("k") <= 100
    assert client.mset({"a": 1, "b": 2}) and client.mget("a", "b", "none") == ["1", "2", None]
    assert client.incrby("a", 10) == 11 and client.incrbyfloat("a", 0.5) == 11.5
    assert sorted(client.scan_iter(match="*", count=2)) == ["a", "b", "k"]


def test_pipeline_is_a_transaction(client):
    with client.pipeline() as pipe:
        pipe.set("n", 1).incr("n").get("n").delete("n")
        assert pipe.execute() == [True, 2, "2", 1]


def test_optimistic_lock(client):
    client.set("n", 1)
    with client.pipeline() as pipe:
        pipe.watch("n")
        client.set("n", 5)
        pipe.multi()
        pipe.incr("n")
        with pytest.raises(redis.WatchError):
            pipe.execute()
    assert client.get("n") == "5"


def test_bitmaps(client):
    client.setbit("bits", 7, 1)
    assert client.bitcount("bits") == 1
    assert client.bitfield("bits").set("u8", "#1", 200).get("u8", "#1").execute() == [0, 200]


def test_errors_have_their_classes(client):
    client.set("k", "text")
    with pytest.raises(redis.ResponseError, match="not an integer"):
        client.incr("k")
    with pytest.raises(redis.ResponseError, match="unknown command"):
        client.execute_command("NO SUCH THING")


def test_introspection(client):
    assert client.info("server")["tcp_port"] == client.connection_pool.connection_kwargs["port"]
    assert client.config_get("maxmemory*")["maxmemory"] == "0"
    assert client.client_list()[0]["cmd"]
    assert client.command_count() > 80
    assert client.memory_usage("none") is None
    assert client.time()[0] > 1_700_000_000


def test_unix_socket(served):
    with redis.Redis(unix_socket_path=str(served[1])) as client:
        assert client.ping()


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on this machine (Debian's redis-tools)")
    return found


def test_redis_benchmark(served):
    run = subprocess.run(
        [program("redis-benchmark"), "-p", str(served[0]), "-n", "2000", "-P", "16", "-q",
         "-t", "ping_inline,ping_mbulk,set,get,incr,mset"],
        capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("requests per second") == 6
    assert "rror" not in run.stdout.replace("WARNING: Could not fetch server CONFIG", "error")


def test_redis_cli(served):
    def say(*args: str) -> str:
        return subprocess.run([program("redis-cli"), "-p", str(served[0]), *args],
                              capture_output=True, text=True, timeout=20).stdout
    assert say("SET", "k", "v") == "OK\n"
    assert say("-3", "HELLO").startswith("server")
    assert "# Server" in say("INFO")
    assert "Biggest string" in say("--bigkeys")
