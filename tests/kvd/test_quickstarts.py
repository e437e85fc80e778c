"""The quickstarts of docs/instances/connect.md, run as they stand there. Goal: what a newcomer
copies works. Method: the page's own blocks, by their heading, with REDIS_URL of a real instance;
a library that is not installed here leaves its part out and says so."""
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from kvd.client import Wrong
from tests.kvd.installation import ROOT, Installation

PAGE = (ROOT / "docs" / "instances" / "connect.md").read_text()


def block(heading: str) -> str:
    """The first code block under a heading."""
    part = re.split(rf"^#+ {re.escape(heading)}$", PAGE, flags=re.M)[1]
    return re.search(r"```\w+\n(.*?)```", part, re.S)[1]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("quickstarts"), 23500)
    yield place
    place.end()


def need(place, name: str, *commands: str) -> None:
    """Skip when the engine lacks what the framework lives on."""
    with place.link(name) as link:
        for command in commands:
            try:
                link.do(command)
            except Wrong as error:
                if "unknown command" in str(error):
                    pytest.skip(f"the engine does not know {command} yet")


def run(place, name: str, code: str, **environment: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60,
                          cwd=place.home.root.parent,
                          env=place.environment | {"REDIS_URL": place.url(name)} | environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_redis_py(place):
    place.create("py")
    assert run(place, "py", block("Python")) == "hello\n"


def test_redis_py_with_a_password(place):
    place.create("py-auth", internalAuth=True)
    assert run(place, "py-auth", block("Python")) == "hello\n"


def test_django(place):
    if importlib.util.find_spec("django") is None:
        pytest.skip("django is not installed here")
    place.create("django-cache")
    code = f"""import os
import django
from django.conf import settings
{block("Django")}
settings.configure(CACHES=CACHES)
django.setup()
from django.core.cache import cache
cache.set("greeting", {{"to": "you"}}, timeout=60)
cache.incr("visits") if cache.add("visits", 1) else None
cache.set_many({{"a": 1, "b": 2}})
print(cache.get("greeting"), cache.get("visits"), cache.get_many(["a", "b"]))
"""
    assert run(place, "django-cache", code) == "{'to': 'you'} 2 {'a': 1, 'b': 2}\n"


def test_celery(place):
    if importlib.util.find_spec("celery") is None:
        pytest.skip("celery is not installed here")
    place.create("jobs", "starter", maxmemoryPolicy="noeviction")
    need(place, "jobs", "BRPOP", "SUBSCRIBE", "ZADD", "HSET", "SADD", "EVAL")
    directory = place.home.root.parent
    (directory / "tasks.py").write_text(block("Celery"))
    environment = place.environment | {"REDIS_URL": place.url("jobs"),
                                       "PYTHONPATH": f"{ROOT}{os.pathsep}{directory}"}
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--pool", "solo", "--loglevel",
         "WARNING", "--without-mingle", "--without-gossip"], cwd=directory, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        code = "import tasks; print(tasks.add.delay(2, 3).get(timeout=40))"
        assert run(place, "jobs", code, PYTHONPATH=environment["PYTHONPATH"]) == "5\n"
    finally:
        worker.terminate()
        worker.communicate(timeout=30)


def test_ioredis(place):
    node = shutil.which("node")
    if node is None or subprocess.run([node, "-e", "require('ioredis')"],
                                      capture_output=True).returncode:
        pytest.skip("ioredis is not installed here")
    place.create("node")
    code = f"(async () => {{ {block('ioredis')} console.log(await store.get('greeting')); " \
           "store.quit(); })()"
    done = subprocess.run([node, "-e", code], capture_output=True, text=True, timeout=60,
                          env=os.environ | {"REDIS_URL": place.url("node")})
    assert done.stdout == "hello\n", done.stderr


def test_the_command_line(place):
    place.create("shell")
    url = place.run("url", "shell", "--internal").stdout.strip()
    for tool in ("valkey-cli", "redis-cli"):
        if shutil.which(tool):
            done = subprocess.run([tool, "-u", url, "set", "greeting", "hello"],
                                  capture_output=True, text=True, timeout=30)
            assert done.stdout == "OK\n"
    assert place.run("cli", "shell", "PING").stdout == "PONG\n"
    assert place.run("env", "--name", "shell").stdout == f"REDIS_URL={url}\n"


def test_every_verb_of_the_pages_exists():
    import click

    from kvd.terminal.main import main
    for page in pathlib.Path(ROOT / "docs" / "instances").glob("*.md"):
        for line in re.findall(r"^    (?:\$ )?kvd ([^#\n]*)", page.read_text(), re.M):
            words = line.split()
            if words[0].endswith(":"):
                continue                # what the command says, not what is typed
            verb = main.get_command(click.Context(main), words[0])
            assert verb is not None, f"{page.name}: kvd {line}"
            known = {option for one in [verb, *getattr(verb, "commands", {}).values()]
                     for parameter in one.params for option in parameter.opts}
            for option in re.findall(r"(?<!\S)--[\w-]+", line):
                assert option in known or words[0] in ("serve", "cli"), f"{page.name}: kvd {line}"
