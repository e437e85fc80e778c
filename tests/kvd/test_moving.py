"""Moving in. Goal: keys, values, deadlines and databases of a live server arrive, a copy that was
cut short goes on, and what differs is found. Method: stock servers as source; a stock server as
target too, so that the copying is tried by itself, then one of our own."""
import random
import shutil
import subprocess
import time

import pytest

from kvd.client import Gone, Link
from kvd.errors import Conflict, Failed
from kvd.moving import Copy
from tests.kvd.installation import Installation
from tests.oracle import Oracle

pytestmark = pytest.mark.oracle


class Debian:
    """Debian's redis-server 7.0 on a Unix socket."""

    def __init__(self, directory):
        self.path = directory / "redis.sock"
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(self.path), "--save", "",
             "--dir", str(directory)], stdout=subprocess.DEVNULL)
        while True:
            try:
                Link.unix(self.path).close()
                return
            except Gone:
                time.sleep(0.01)

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(params=["valkey", "redis"])
def source(request, tmp_path):
    if request.param == "redis" and shutil.which("redis-server") is None:
        pytest.skip("no redis-server here")
    try:
        server = Oracle() if request.param == "valkey" else Debian(tmp_path)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    yield server
    server.close()


@pytest.fixture
def target():
    try:
        server = Oracle()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    yield server
    server.close()


def fill(link: Link, count: int, strings_only: bool = False) -> None:
    rng = random.Random(6)
    for database in (0, 3):
        link.do("SELECT", database)
        commands = []
        for number in range(count):
            key = b"%d:%b" % (number, rng.randbytes(4))
            kind = 0 if strings_only else rng.randrange(6)
            commands.append([
                ("SET", key, rng.randbytes(rng.randrange(50))),
                ("RPUSH", key, *range(rng.randrange(1, 200))),
                ("SADD", key, *range(rng.randrange(1, 50)), "x"),
                ("HSET", key, *range(2 * rng.randrange(1, 20))),
                ("ZADD", key, 1.5, "a", -2, "b"),
                ("XADD", key, "5-1", "f", "v")][kind])
            if rng.random() < 0.3:
                commands.append(("PEXPIRE", key, rng.randrange(10**6, 10**9)))
        for start in range(0, len(commands), 500):
            link.many(commands[start:start + 500])
    link.do("SELECT", 0)


def copy(source, target, tmp_path, **kwargs) -> Copy:
    return Copy(Link.unix(source.path), Link.unix(target.path), "redis://u:secret@h",
                tmp_path / "place.json", **kwargs)


def same(source, target) -> bool:
    """Every key of every database, contents and deadlines."""
    with Link.unix(source.path) as ours, Link.unix(target.path) as theirs:
        return all(same_database(ours, theirs, database) for database in range(16))


def same_database(ours: Link, theirs: Link, database: int) -> bool:
    for link in (ours, theirs):
        link.do("SELECT", database)
    keys = sorted(ours.do("KEYS", "*"))
    return keys == sorted(theirs.do("KEYS", "*")) and all(
        Copy.same(Copy.contents(ours, key), Copy.contents(theirs, key)) for key in keys)


def test_everything_arrives(source, target, tmp_path):
    with Link.unix(source.path) as link:
        fill(link, 1500)
    seen = []
    result = copy(source, target, tmp_path).run(lambda done, total: seen.append((done, total)))
    assert same(source, target)
    assert (result.copied, result.source_keys, result.target_keys) == (3000, 3000, 3000)
    assert result.sampled > 50 and result.differing == []
    assert seen[-1] == (3000, 3000) and not (tmp_path / "place.json").exists()


def test_a_copy_that_was_cut_short_goes_on(target, tmp_path):
    try:
        source = Oracle()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    try:
        with Link.unix(source.path) as link:
            fill(link, 3000)
        first = copy(source, target, tmp_path)
        first.keep(force=True)

        def cut(done, total):
            first.keep(force=True)
            if done > 1000:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            first.run(cut)
        assert b"secret" not in (tmp_path / "place.json").read_bytes()
        second = copy(source, target, tmp_path)
        second.check()
        begun = []
        result = second.run(lambda done, total: begun.append(done))
        assert second.resumed and begun[0] > 1000
        assert same(source, target) and result.source_keys == result.target_keys
    finally:
        source.close()


def test_a_target_that_holds_keys_is_not_overwritten_unasked(source, target, tmp_path):
    for server, value in ((source, "theirs"), (target, "ours")):
        with Link.unix(server.path) as link:
            link.do("SET", "a", value)
    with pytest.raises(Conflict, match="holds 1 key: --replace"):
        copy(source, target, tmp_path).check()
    asked = copy(source, target, tmp_path, replace=True)
    asked.check()
    asked.run(lambda done, total: None)
    with Link.unix(target.path) as link:
        assert link.do("GET", "a") == b"theirs"


def test_a_target_that_is_full_says_so(target, tmp_path):
    try:
        source = Oracle()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    try:
        with Link.unix(source.path) as link:
            link.many([("SET", f"k{n}", "x" * 100_000) for n in range(100)])
        with Link.unix(target.path) as link:
            link.do("CONFIG", "SET", "maxmemory", "5mb", "maxmemory-policy", "noeviction")
        attempt = copy(source, target, tmp_path)
        with pytest.raises(Conflict, match="choose a larger plan first"):
            attempt.check()
        with pytest.raises(Failed, match="memory is full"):
            attempt.run(lambda done, total: None)
    finally:
        source.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("moving"), 22900)
    yield place
    place.end()


@pytest.mark.parametrize("kind", ["valkey", "redis"])
def test_import_and_clone_of_ours(place, tmp_path, kind):
    """Every type, from each stock server, through the command."""
    if kind == "redis" and shutil.which("redis-server") is None:
        pytest.skip("no redis-server here")
    name = f"from-{kind}"
    place.create(name, "starter")
    try:
        source = Oracle() if kind == "valkey" else Debian(tmp_path)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    try:
        with Link.unix(source.path) as link:
            fill(link, 300)
        url = f"unix://{source.path}"
        assert "Would copy" in place.run("import", name, url, "--dry-run").stdout
        run = place.run("import", name, "-", stdin=url + "\n")
        assert run.returncode == 0 and "Copied 600 keys" in run.stdout, run.stderr
        with Link.unix(source.path) as theirs, place.link(name) as ours:
            for database in (0, 3):
                assert same_database(theirs, ours, database) and ours.do("DBSIZE") == 300
        assert place.run("import", name, url).returncode == 4
        assert place.run("import", name, url, "--replace").returncode == 0
    finally:
        source.close()
    run = place.run("clone", name, f"twin-{kind}")
    assert run.returncode == 0 and "Copied 600 keys" in run.stdout, run.stderr
    with place.link(name) as ours, place.link(f"twin-{kind}") as theirs:
        for database in (0, 3):
            assert same_database(ours, theirs, database) and ours.do("DBSIZE") == 300


def test_a_legacy_instance_is_cloned_as_one(place):
    place.create("older", engine="redis6")
    with place.link("older") as link:
        link.do("SET", "a", "1")
    assert place.run("clone", "older", "older-2").returncode == 0
    assert place.json("info", "older-2")["version"] == "6.2.14"
    with place.link("older-2") as link:
        assert link.do("GET", "a") == b"1"
