"""Tools that look on: Flower, rq-dashboard, bull-board, redis-commander, the Prometheus exporter.
Goal: they start unmodified, and what their pages say is what we hold. Method: start each, ask for
its pages, compare with what was put in.

RedisInsight comes in no package that a test could install. What it sends, when it connects and on
each of its pages, is sent to us and to valkey-server, and the replies have the same shape.
"""
import json
import os
import pathlib
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
import redis

from tests.ecosystem import needs
from tests.ecosystem.test_celery import APP as CELERY
from tests.ecosystem.test_celery import QUEUE as CELERY_QUEUE
from tests.ecosystem.trial import PYTHON, Engine, Trial
from tests.journal.engines import Connection
from tests.kvd.server import free_port
from tests.oracle import OracleError

pytestmark = pytest.mark.ecosystem
START_SECONDS = 30
BOARD = str(pathlib.Path(__file__).parent / "apps" / "board.js")


def get(port: int, path: str, method: str = "GET", **form: str) -> str:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", method=method,
        data=urllib.parse.urlencode(form).encode() if form else None)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def get_when(port: int, path: str, ready, process: subprocess.Popen) -> str:
    """The page, once it is there and `ready` says that it tells what it should."""
    deadline, text = time.monotonic() + START_SECONDS, None
    while True:
        try:
            text = get(port, path)
            if ready(text):
                return text
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            text = text or repr(error)
        assert process.poll() is None, "it ended"
        assert time.monotonic() < deadline, text
        time.sleep(0.1)


def end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture
def start(tmp_path):
    """Starts a program, and ends it with the test."""
    log, started = open(tmp_path / "tool.log", "wb"), []

    def start(*command: str, **environment: str) -> subprocess.Popen:
        started.append(subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log,
                                        env=environment or None))
        return started[-1]

    yield start
    for process in started:
        end(process)
    log.close()


def test_flower(tmp_path, start):
    needs.modules("celery", "flower")
    from celery import Celery
    trial = Trial(tmp_path, CELERY_QUEUE)
    port = free_port()
    try:
        trial.start(1)
        flower = start(PYTHON, "-m", "celery", "-A", CELERY, "flower", f"--port={port}",
                       "--address=127.0.0.1",
                       **trial.environment | {"FLOWER_UNAUTHENTICATED_API": "true"})
        workers = json.loads(get_when(port, "/api/workers?refresh=1",
                                      lambda text: f"{CELERY}.add" in text, flower))
        worker, = workers.values()
        assert f"{CELERY}.third_time" in worker["registered"]
        assert worker["stats"]["broker"]["port"] == trial.engine.port
        url = trial.engine.url
        with Celery("client", broker=url + "/0", backend=url + "/1") as app:
            trial.wait(lambda: "celery@" in get(port, "/workers"), START_SECONDS)
            trial.stop()
            for n in range(7):
                app.signature(f"{CELERY}.add", args=(n, n), app=app).apply_async()
        queues = json.loads(get(port, "/api/queues/length"))["active_queues"]
        assert {"name": "celery", "messages": 7} in queues
        assert re.search(r"celery\W.*?7", get(port, "/broker"), re.S)
        assert "flower_" in get(port, "/metrics")
    finally:
        trial.close()


def test_rq_dashboard(tmp_path, start):
    needs.modules("rq", "rq_dashboard")
    from rq import Queue, SimpleWorker
    engine, port = Engine(tmp_path), free_port()
    try:
        with engine.client() as client:
            done, waiting = Queue("done", connection=client), Queue("waiting", connection=client)
            for n in range(5):
                done.enqueue("operator.add", n, 1)
            done.enqueue("operator.truediv", 1, 0)
            SimpleWorker([done], connection=client).work(burst=True, logging_level="CRITICAL")
            ids = [waiting.enqueue("operator.add", n, 1).id for n in range(3)]
        dashboard = start(PYTHON, "-m", "rq_dashboard", "-p",
                          str(port), "-b", "127.0.0.1", "-u", engine.url)
        text = get_when(port, "/0/data/queues.json", lambda text: "waiting" in text, dashboard)
        queues = {queue["name"]: queue for queue in json.loads(text)["queues"]}
        assert queues["waiting"]["count"] == 3
        assert queues["done"]["count"] == 0 and queues["done"]["failed_job_registry_count"] == 1
        assert queues["done"]["finished_job_registry_count"] == 5
        jobs = json.loads(get(port, "/0/data/jobs/waiting/queued/10/asc/1.json"))["jobs"]
        assert [job["id"] for job in jobs] == ids
        assert "waiting" in get(port, "/") or "queues" in get(port, "/")
    finally:
        engine.end()


def metrics(text: str) -> dict[str, float]:
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in text.splitlines() if line and not line.startswith("#")}


def test_the_prometheus_exporter(tmp_path, start):
    exporter = needs.program("prometheus-redis-exporter", "prometheus-redis-exporter")
    engine = Engine(tmp_path, "--maxmemory", "100mb", "--maxclients", "500")
    port = free_port()
    try:
        with engine.client() as client:
            client.mset({f"key{n}": n for n in range(100)})
            for n in range(30):
                client.expire(f"key{n}", 1000)
            client.get("key1")
            client.get("absent")
            with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
                client.lpush("key1", "x")
            client.config_set("slowlog-log-slower-than", 0)
            client.ping()
            client.config_set("slowlog-log-slower-than", -1)    # whatever else the machine does
            slow = client.slowlog_len()
            assert slow >= 2
        process = start(exporter, "-redis.addr", engine.url, "-web.listen-address",
                        f"127.0.0.1:{port}")
        told = metrics(get_when(port, "/metrics", lambda text: "redis_up 1" in text, process))
        assert told["redis_exporter_last_scrape_error{err=\"\"}"] == 0
        assert told['redis_db_keys{db="db0"}'] == 100
        assert told['redis_db_keys_expiring{db="db0"}'] == 30
        assert told['redis_db_avg_ttl_seconds{db="db0"}'] > 900
        assert told["redis_memory_max_bytes"] == 100 << 20
        assert told["redis_config_maxclients"] == told["redis_config_maxmemory"] / (100 << 20) * 500
        assert told["redis_keyspace_hits_total"] == told["redis_keyspace_misses_total"] == 1
        assert told['redis_commands_total{cmd="expire"}'] == 30
        assert told['redis_commands_failed_calls_total{cmd="lpush"}'] == 1
        assert told['redis_errors_total{err="WRONGTYPE"}'] == 1
        assert 0 < told["redis_memory_used_bytes"] < 100 << 20
        assert told["redis_connected_clients"] >= 1 and told["redis_uptime_in_seconds"] >= 0
        assert told["redis_slowlog_length"] == slow and told["redis_connected_slaves"] == 0
        instance, = [name for name in told if name.startswith("redis_instance_info{")]
        assert 'role="master"' in instance and f'tcp_port="{engine.port}"' in instance
        assert len([name for name in told if name.startswith("redis_")]) > 150
    finally:
        engine.end()


def test_bull_board(tmp_path, start):
    node, environment = needs.node("bullmq", "express", "@bull-board/api", "@bull-board/express")
    engine, port = Engine(tmp_path), free_port()
    environment = os.environ | environment | {"REDIS_URL": engine.url}
    try:
        assert start(node, BOARD, "fill", **environment).wait(60) == 0
        board = start(node, BOARD, "serve", str(port), **environment)
        assert "<title>" in get_when(port, "/board/", lambda text: True, board)

        def queue(status: str) -> dict:
            path = f"/board/api/queues?activeQueue=trial&status={status}&page=1&jobsPerPage=20"
            found, = json.loads(get(port, path))["queues"]
            return found

        counts = queue("waiting")["counts"]
        assert {name: count for name, count in counts.items() if count} == {
            "completed": 4, "failed": 1, "waiting": 3, "delayed": 1, "prioritized": 1}
        assert [job["data"]["n"] for job in queue("waiting")["jobs"]] == [2, 1, 0]
        assert {job["returnValue"] for job in queue("completed")["jobs"]} == {0, 2, 4, 6}
        failed, = queue("failed")["jobs"]
        assert failed["failedReason"] == "as told" and failed["data"] == {"n": 9}
        job = f"/board/api/queues/trial/{failed['id']}"
        assert json.loads(get(port, job + "/logs")) == ["looked at 9"]
        assert json.loads(get(port, job))["status"] == "failed"
        told = json.loads(get(port, "/board/api/redis/stats"))
        assert told["port"] == engine.port and told["mode"] == "standalone"
        assert 0 < told["memory"]["used"] <= told["memory"]["total"]
        # What its buttons do.
        get(port, "/board/api/queues/trial/retry/failed", "PUT")
        assert queue("failed")["jobs"] == [] and queue("waiting")["counts"]["waiting"] == 4
        get(port, "/board/api/queues/trial/promote", "PUT")
        get(port, "/board/api/queues/trial/pause", "PUT")
        assert queue("delayed")["counts"]["delayed"] == 0 and queue("latest")["isPaused"]
        get(port, "/board/api/queues/trial/obliterate", "PUT")
        with engine.client() as client:
            assert not client.keys("bull:trial:[0-9]*") and not client.exists("bull:trial:wait")
    finally:
        engine.end()


def test_redis_commander(tmp_path, start):
    node, environment = needs.node("redis-commander/package.json")
    program = subprocess.run(
        [node, "-p", "require.resolve('redis-commander/bin/redis-commander.js')"], text=True,
        env=os.environ | environment, capture_output=True, check=True).stdout.strip()
    engine, port = Engine(tmp_path), free_port()
    try:
        with engine.client() as client:
            fill(client)
        commander = start(node, program, "--redis-host", "127.0.0.1", "--redis-port",
                          str(engine.port), "--address", "127.0.0.1", "--port", str(port),
                          "--nosave", **os.environ | environment | {"HOME": str(tmp_path)})
        assert "Redis Commander" in get_when(port, "/", lambda text: True, commander)
        get_when(port, "/apiv2/server/info", lambda text: "Redis version" in text, commander)
        server, = json.loads(get(port, "/apiv2/server/info"))["data"]
        told = {one["key"]: one["value"] for one in server["info"]}
        assert told["Tcp port"] == str(engine.port) and told["Db0"].startswith("keys=9,")
        place = server["connectionId"]

        def show(path: str) -> dict:
            return json.loads(get(port, f"/apiv2/{path}"))

        tree = {node["text"]: node.get("rel") for node in show(f"keystree/{place}/")["data"]}
        assert tree == {"app:* (3)": None, "binary": "string", "list (30)": "list",
                        "set (2)": "set", "stream (1)": "stream", "text": "string",
                        "zset (2)": "zset"}
        below = [node["text"] for node in show(f"keystree/{place}/app:")["data"]]
        assert below == ["a:* (2)", "hash"]
        assert show(f"key/{place}/app:hash")["data"] == {"f": "v"}
        assert 900 < show(f"key/{place}/text")["ttl"] <= 1000
        assert show(f"key/{place}/binary")["type"] == "binary"
        elements = show(f"key/{place}/list")
        assert [one["value"] for one in elements["items"]] == [str(n) for n in range(20)]
        assert elements["length"] == 30
        assert sorted(show(f"key/{place}/set")["members"]) == ["a", "b"]
        scores = [(one["value"], one["score"]) for one in show(f"key/{place}/zset")["items"]]
        assert scores == [("m", "1.5"), ("n", "-2")]
        entry, = show(f"key/{place}/stream")["items"]
        assert (entry["timestamp"], entry["field"], entry["value"]) == ("1-1", "f", "v")
        # Its editor and its command line.
        get(port, "/apiv2/hash/field", "POST", connectionId=place, key="app:hash", field="g",
            value="w")
        said = json.loads(get(port, f"/apiv2/exec/{place}", "POST", cmd="hgetall app:hash"))
        assert said["data"] == {"f": "v", "g": "w"}
        said = json.loads(get(port, f"/apiv2/exec/{place}", "POST", cmd="lpush text x"))
        assert said["data"].startswith("WRONGTYPE")
    finally:
        engine.end()


def fill(client) -> None:
    """A key of each type."""
    client.mset({"app:a:1": "one", "app:a:2": "two", "text": "x", "binary": b"\0\xff"})
    client.hset("app:hash", mapping={"f": "v"})
    client.rpush("list", *range(30))
    client.sadd("set", "a", "b")
    client.zadd("zset", {"m": 1.5, "n": -2})
    client.xadd("stream", {"f": "v"}, id="1-1")
    client.xgroup_create("stream", "group", "0")
    client.expire("text", 1000)


# What RedisInsight sends: to find out what it has before it, for its overview, its list of keys,
# a key of each type, its slow log, its workbench and its messages.
INSIGHT = """
CLIENT SETNAME redisinsight-common-1
SELECT 0
INFO
SENTINEL MASTERS
CLUSTER INFO
CLUSTER NODES
COMMAND INFO json.get ft.info ts.add bf.add graph.query
COMMAND
CONFIG GET databases
CLIENT LIST
DBSIZE
ACL WHOAMI
ACL CAT
ACL USERS
SCAN 0 MATCH * COUNT 500
SCAN 0 MATCH app:* COUNT 500
SCAN 0 MATCH * COUNT 500 TYPE hash
SCAN 0 MATCH * COUNT 500 TYPE stream
SCAN 0 MATCH * COUNT 500 TYPE ReJSON-RL
MEMORY USAGE text SAMPLES 0
MEMORY USAGE zset SAMPLES 0
MEMORY USAGE none SAMPLES 0
TYPE text
TYPE none
TTL text
TTL list
TTL none
STRLEN text
GETRANGE text 0 4999
HLEN app:hash
HSCAN app:hash 0 MATCH * COUNT 500
HTTL app:hash FIELDS 1 f
LLEN list
LRANGE list 0 499
LINDEX list 7
SCARD set
SSCAN set 0 MATCH * COUNT 500
ZCARD zset
ZRANGE zset 0 499 WITHSCORES
ZREVRANGE zset 0 499 WITHSCORES
ZSCAN zset 0 MATCH * COUNT 500
ZSCORE zset m
XINFO STREAM stream
XINFO GROUPS stream
XINFO CONSUMERS stream group
XLEN stream
XRANGE stream - + COUNT 500
XREVRANGE stream + - COUNT 500
XPENDING stream group
XPENDING stream group - + 500
OBJECT ENCODING zset
RENAMENX text app:a:1
PERSIST text
EXPIRE text 1000
SLOWLOG RESET
SLOWLOG GET 50
SLOWLOG LEN
CONFIG GET slowlog*
CONFIG SET slowlog-max-len 128
INFO stats
MEMORY STATS
LATENCY LATEST
COMMAND DOCS get
COMMAND GETKEYS set a b
PUBSUB CHANNELS
PUBSUB NUMSUB a
PUBLISH a b
EVAL return{1,'a',redis.call('get','text')} 0
FT._LIST
JSON.GET text
FUNCTION LIST
UNLINK none
""".strip().splitlines()
# Of MODULE LIST the answer is empty here, where valkey-server names the Lua it is built with.
VARYING = ("CLIENT LIST", "INFO", "COMMAND", "MEMORY STATS", "ACL CAT", "ACL USERS",
           "CONFIG GET slowlog*")


def shape(reply, line: str):
    """What of a reply a program's parser sees: kinds, and how deep they lie."""
    if isinstance(reply, OracleError):
        return str(reply)
    if line.startswith("INFO"):
        text = reply.decode()
        return {name for name in re.findall(r"^# (\w+)\r$|^(\w+):", text, re.M)
                if not re.match("listener|db|errorstat|engine_|module", name[1])}
    if line.startswith("CLIENT LIST"):
        return re.findall(r"([\w-]+)=", reply.decode().splitlines()[0])
    if isinstance(reply, list):
        shapes = [shape(one, line) for one in reply]
        # Lists of many things alike: of what kinds there are.
        return sorted({repr(one) for one in shapes}) if line.startswith(VARYING) else shapes
    return type(reply).__name__


@pytest.mark.oracle
def test_what_redisinsight_sends(tmp_path, stock_valkey):
    engine = Engine(tmp_path, "--unixsocket", str(tmp_path / "s"))
    ours = Connection(str(tmp_path / "s"))
    try:
        assert ours.ask("MODULE", "LIST") == []
        found = []
        for path in (tmp_path / "s", stock_valkey.path):
            with redis.Redis(unix_socket_path=str(path)) as client:
                fill(client)
        for line in INSIGHT:
            words = line.split()
            replies = [one.ask_each([words])[0] for one in (ours, stock_valkey)]
            mine, theirs = (shape(reply, line) for reply in replies)
            if line.startswith("INFO"):
                mine &= theirs          # we tell more
            if mine != theirs:
                found.append((line, mine, theirs))
        assert not found, "\n".join(map(repr, found))
    finally:
        ours.close()
        engine.end()
