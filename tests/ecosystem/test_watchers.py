"""Tools that look on: Flower, rq-dashboard, the Prometheus exporter. Goal: they start unmodified,
and what their pages say is what we hold. Method: start each, GET its pages, compare numbers.
"""
import json
import re
import subprocess
import time
import urllib.error
import urllib.request

import pytest
import redis

from tests.ecosystem import needs
from tests.ecosystem.test_celery import APP as CELERY
from tests.ecosystem.test_celery import QUEUE as CELERY_QUEUE
from tests.ecosystem.trial import PYTHON, Engine, Trial
from tests.kvd.server import free_port

pytestmark = pytest.mark.ecosystem
START_SECONDS = 30


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
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
