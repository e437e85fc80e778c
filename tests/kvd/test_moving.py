"""Moving in. Goal: keys, values, deadlines and databases of a live server arrive, a copy that was
cut short goes on, and what differs is found. Method: stock servers as source; a stock server as
target too, so that the copying is tried by itself, then one of our own."""
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

from kvd.client import Link, info, parse_url, url_database
from kvd.errors import EXIT_CODES, BadRequest, Conflict, Failed
from kvd.home import write_private
from kvd.moving import Copy, databases
from tests.journal.engines import Engine
from tests.kvd.installation import Installation
from tests.kvd.server import free_port
from tests.oracle import SERVERS, Oracle

pytestmark = pytest.mark.oracle


def started(server: str, *options: str) -> Oracle:
    try:
        return Oracle(*options, server=server)
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(params=SERVERS)
def source(request):
    server = started(request.param)
    yield server
    server.close()


@pytest.fixture
def target():
    server = started("valkey")
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


ODD = b"\0\r\n\xff"
# One of each encoding that a server has, at its edges; streams with groups, and who owes them what.
ODDS = [
    ("SET", "integer", "-9223372036854775808"), ("SET", "", "the empty key"), ("SET", ODD, ODD),
    ("SET", "embedded", "x" * 44), ("SET", "empty", ""), ("SET", "large", ODD * 500_000),
    ("SETBIT", "bits", "100000", "1"), ("PFADD", "hll few", "a", "b"),
    ("PFADD", "hll many", *(f"v{n}" for n in range(20_000))),
    ("RPUSH", "list small", *range(128)),
    ("RPUSH", "list long", *(f"{n}" * 9 for n in range(9999))),
    ("RPUSH", "list wide", "y" * 100_000, ODD, "", *range(5)),
    ("SADD", "set 16", *range(-9, 9)), ("SADD", "set 32", 1 << 20, 5),
    ("SADD", "set 64", 1 << 40, -1), ("SADD", "set words", "", ODD, *map(str, range(600))),
    ("HSET", "hash small", "a", ODD, ODD, "", "n", "12"), ("HSET", "hash wide", "f", "z" * 65),
    ("HSET", "hash many", *(f"f{n}" for n in range(2000))),
    ("ZADD", "zset small", "-inf", "a", "inf", "b", "0.1", ODD, "1e300", "", "-0", "zero"),
    ("ZADD", "zset wide", "1", "w" * 65),
    ("ZADD", "zset many", *(word for n in range(1000) for word in (n / 3, f"m{n}"))),
    ("XADD", "stream", "1-1", "f", "v"), ("XADD", "stream", "1-2", "f", "w", "g", ODD),
    ("XADD", "stream", "9-0", "f", "v"), ("XADD", "stream", "18446744073709551615-1", "f", "v"),
    ("XDEL", "stream", "1-2"), ("XGROUP", "CREATE", "stream", "g", "0"),
    ("XGROUP", "CREATE", "stream", "idle", "$"),
    ("XREADGROUP", "GROUP", "g", "one", "COUNT", "1", "STREAMS", "stream", ">"),
    ("XREADGROUP", "GROUP", "g", "two", "STREAMS", "stream", ">"), ("XACK", "stream", "g", "9-0"),
    ("XGROUP", "CREATE", "stream empty", "g", "$", "MKSTREAM"),
    ("XADD", "stream long", "1-0", "f", "v"),
    *(("XADD", "stream long", f"{n}-0", "f", n, "other" if n % 7 else "g", "x" * (n % 50))
      for n in range(2, 400)),
    ("RENAME", "embedded", "renamed"), ("PEXPIREAT", "renamed", "4000000000123"),
]


def fill_odds(link: Link) -> None:
    replies = link.many(ODDS)
    assert not [reply for reply in replies if isinstance(reply, Exception)], replies


def groups(link: Link) -> list:
    """Groups, and what is pending of whom."""
    found = []
    for key in ("stream", "stream empty", "stream long"):
        for facts in link.do("XINFO", "GROUPS", key):
            fields = dict(zip(facts[::2], facts[1::2], strict=True))
            found.append([key] + [fields[name] for name in
                                  (b"name", b"consumers", b"pending", b"last-delivered-id")])
            pending = link.do("XPENDING", key, fields[b"name"], "-", "+", 100)
            found.append([(id, consumer, times) for id, consumer, _, times in pending])
    return found


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
    assert keys == sorted(theirs.do("KEYS", "*"))
    for key in keys:
        mine, others = Copy.contents(ours, key), Copy.contents(theirs, key)
        assert Copy.same(mine, others), (database, key, mine, others)
    return True


def test_everything_arrives(source, target, tmp_path):
    with Link.unix(source.path) as link:
        fill(link, 1500)
        fill_odds(link)
        count = sum(databases(link).values())
        held = groups(link)
    assert count > 3000 and len(held) == 6
    seen = []
    result = copy(source, target, tmp_path).run(lambda done, total: seen.append((done, total)))
    assert same(source, target)
    with Link.unix(target.path) as link:
        assert groups(link) == held
    assert (result.copied, result.source_keys, result.target_keys) == (count, count, count)
    assert result.sampled > 50 and result.differing == []
    assert seen[-1] == (count, count) and not (tmp_path / "place.json").exists()


def test_everything_moves_out_of_a_legacy_instance(tmp_path):
    """To a real Redis 6.2, which knows none of our representations."""
    target = started("redis6")
    try:
        with Engine(tmp_path, server_identity="redis6") as source:
            source.path = pathlib.Path(source.path)
            with Link.unix(source.path) as link:
                fill(link, 1500)
                fill_odds(link)
                held, count = groups(link), sum(databases(link).values())
            result = copy(source, target, tmp_path).run(lambda done, total: None)
            assert result.copied == count and result.differing == []
            assert same(source, target)
            with Link.unix(target.path) as link:
                assert groups(link) == held
                assert link.do("DEBUG", "RELOAD") == b"OK", "it wrote what it had understood"
    finally:
        target.close()


def test_a_copy_that_was_cut_short_goes_on(source, target, tmp_path):
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


LIBRARY = "#!lua name=mine\nredis.register_function('%s', function() return %d end)"


@pytest.mark.parametrize("kind", ["valkey", "redis"])
def test_functions_are_copied(kind, target, tmp_path):
    source = started(kind)
    try:
        with Link.unix(source.path) as ours, Link.unix(target.path) as theirs:
            ours.do("FUNCTION", "LOAD", LIBRARY % ("one", 1))
            ours.do("FUNCTION", "LOAD", LIBRARY.replace("mine", "other") % ("two", 2))
            theirs.do("FUNCTION", "LOAD", LIBRARY.replace("mine", "kept") % ("three", 3))
            one = copy(source, target, tmp_path)
            one.check()
            result = one.run(lambda done, total: None)
            assert (result.libraries, result.refused, result.notes) == (2, [], [])
            assert [theirs.do("FCALL", name, 0) for name in ("one", "two", "three")] == [1, 2, 3]
            copy(source, target, tmp_path).check()
            theirs.do("FUNCTION", "LOAD", "REPLACE", LIBRARY % ("one", 7))
            with pytest.raises(Conflict, match="holds another library of functions 'mine': --repl"):
                copy(source, target, tmp_path).check()
            unasked = copy(source, target, tmp_path).run(lambda done, total: None)
            assert unasked.libraries == 1 and unasked.refused[0].startswith("mine: ERR Library")
            assert theirs.do("FCALL", "one", 0) == 7
            asked = copy(source, target, tmp_path, replace=True)
            asked.check()
            assert asked.run(lambda done, total: None).libraries == 2
            assert [theirs.do("FCALL", name, 0) for name in ("one", "two", "three")] == [1, 2, 3]
    finally:
        source.close()


def test_a_source_that_does_not_tell_its_functions(target, tmp_path):
    source = started("valkey")
    try:
        with Link.unix(source.path) as link:
            link.do("FUNCTION", "LOAD", LIBRARY % ("one", 1))
            link.do("SET", "a", "1")
            link.do("ACL", "SETUSER", "default", "-function")
        one = copy(source, target, tmp_path)
        one.check()
        result = one.run(lambda done, total: None)
        assert (result.copied, result.libraries, result.refused) == (1, 0, [])
        note, = result.notes
        assert note.startswith("Functions were not copied: the source refuses FUNCTION LIST: NOP")
    finally:
        source.close()


def fill_10_mb(source) -> None:
    with Link.unix(source.path) as link:
        link.many([("SET", f"k{n}", "x" * 100_000) for n in range(100)])


@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru", "volatile-ttl"])
def test_what_cannot_fit_is_not_begun(source, target, tmp_path, policy):
    fill_10_mb(source)
    with Link.unix(target.path) as link:
        link.do("CONFIG", "SET", "maxmemory", "5mb", "maxmemory-policy", policy)
        with pytest.raises(Conflict, match="holds .* MB of data .* 5 MB: choose a larger plan"):
            copy(source, target, tmp_path).check()
        with pytest.raises(Conflict, match="choose a larger plan"):
            copy(source, target, tmp_path, database=0).check()
        copy(source, target, tmp_path, database=3).check()
        assert databases(link) == {}


def test_a_target_that_evicts_is_no_success(source, target, tmp_path):
    """Nor is it when the copy was cut short before it could see that; the next begins anew."""
    fill_10_mb(source)
    with Link.unix(target.path) as link:
        link.do("CONFIG", "SET", "maxmemory", "8mb", "maxmemory-policy", "allkeys-lru")
        attempt = copy(source, target, tmp_path)
        attempt.check()
        with pytest.raises(Failed) as error:
            attempt.run(lambda done, total: None)
        gone = 100 - databases(link)[0]
        assert f"has evicted {gone} keys" in str(error.value) and "larger plan" in str(error.value)
        for done in ([], [0]):
            cut = copy(source, target, tmp_path)
            assert cut.resumed
            cut.place.cursor, cut.place.copied, cut.place.done = "7", 50, done
            cut.keep(force=True)
            link.many([("SET", f"k{n}", "x" * 100_000) for n in range(100)])
            with pytest.raises(Failed, match="has evicted .* keys"):
                copy(source, target, tmp_path).run(lambda done, total: None)
        link.do("CONFIG", "SET", "maxmemory", "100mb")
    last = copy(source, target, tmp_path)
    last.check()
    assert (last.resumed, last.place.copied) == (True, 0)
    assert last.run(lambda done, total: None).target_keys == 100
    assert same(source, target)


def test_a_copy_begins_anew_when_the_target_was_restarted(source, target, tmp_path):
    first = copy(source, target, tmp_path)
    first.place.copied = 50
    first.keep(force=True)
    other = started("valkey")
    try:
        second = copy(source, other, tmp_path)
        assert (second.resumed, second.place.copied) == (True, 0)
    finally:
        other.close()


def test_a_target_that_is_full_says_so(target, tmp_path):
    source = started("valkey")
    try:
        fill_10_mb(source)
        with Link.unix(target.path) as link:
            link.do("CONFIG", "SET", "maxmemory", "5mb", "maxmemory-policy", "noeviction")
        attempt = copy(source, target, tmp_path)
        with pytest.raises(Failed, match="memory is full"):
            attempt.run(lambda done, total: None)
    finally:
        source.close()


def test_a_database_that_is_named_is_copied_alone(source, target, tmp_path):
    with Link.unix(source.path) as link:
        fill(link, 50)
        count = databases(link)[3]
    with Link.unix(target.path) as link:
        link.do("SET", "a", "another database's")
    one = copy(source, target, tmp_path, database=3)
    one.check()
    result = one.run(lambda done, total: None)
    assert (result.copied, result.source_keys, result.target_keys) == (count, count, count)
    with Link.unix(source.path) as ours, Link.unix(target.path) as theirs:
        assert databases(theirs) == {0: 1, 3: count} and same_database(ours, theirs, 3)
    with pytest.raises(Conflict, match=f"holds {count} keys"):
        copy(source, target, tmp_path, database=3).check()
    with pytest.raises(Failed, match="database 99: "):
        copy(source, target, tmp_path, database=99).run(lambda done, total: None)


@pytest.mark.parametrize("url, database", [
    ("redis://h", None), ("redis://h:1/", None), ("redis://h/0", 0), ("rediss://:p@h:1/3", 3),
    ("redis://h/3?db=5", 5), ("unix:///a/3", None), ("unix:///a?db=2", 2)])
def test_the_database_of_a_url(url, database):
    parse_url(url)
    assert url_database(url) == database


@pytest.mark.parametrize("url", [
    "redis://:secret@h/x", "redis://:secret@h/-1", "redis://:secret@h/1/2", "redis://h?db=x",
    "redis://h?password=secret", "redis://u:1/secret@h", "redis://u:1#secret@h:1",
    "redis://u:secret#1@h:1", "redis://:secret/2@h", "unix:///a?db=x", "redis://h/\u0663"])
def test_a_url_that_names_no_database_is_refused(url):
    with pytest.raises(BadRequest) as error:
        parse_url(url)
    assert "secret" not in str(error.value)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("moving"), 22900)
    yield place
    place.end()


def says(run, code: int, text: str) -> bool:
    """Whether it ended so: a code, one sentence, no result."""
    last = run.stderr.splitlines()[-1]
    return run.returncode == code and code in EXIT_CODES and last.startswith("kvd: ") \
        and text in last and "Traceback" not in run.stderr and run.stdout == ""


@pytest.mark.parametrize("kind", SERVERS)
def test_import_and_clone_of_ours(place, kind):
    """Every type, from each stock server with a password, through the command; from Redis 6 into
    a legacy instance."""
    name, port = f"from-{kind}", free_port()
    source = started(kind, "--port", str(port), "--requirepass", "se cret")
    try:
        place.create(name, "starter", engine="redis6" if kind == "redis6" else "valkey8")
        url = f"redis://:se%20cret@127.0.0.1:{port}"
        with Link.url(url) as link:
            fill(link, 300)
            fill_odds(link)
            held, kept = groups(link), databases(link)
            count = sum(kept.values())
        refused = place.run("import", name, f"redis://:mistyped@127.0.0.1:{port}")
        assert says(refused, 4, "the source refused the login: WRONGPASS"), refused
        assert "mistyped" not in refused.stderr
        without = place.run("import", name, f"redis://127.0.0.1:{port}")
        assert says(without, 4, "the source asks for a password: write it into the URL"), without
        dry = place.run("import", name, url, "--dry-run")
        assert "Would copy" in dry.stdout and "cret" not in dry.stdout
        run = place.run("import", name, "-", stdin=url + "\n")
        assert run.returncode == 0 and f"Copied {count} keys" in run.stdout, run.stderr
        with Link.url(url) as theirs, place.link(name) as ours:
            assert databases(ours) == databases(theirs)
            assert groups(ours) == held
            for database in (0, 3):
                assert same_database(theirs, ours, database)
        part = place.run("import", name, url + "/3", "--replace")
        assert f"Copied {kept[3]} keys of database 3 (" in part.stdout, part.stderr
        assert place.run("import", name, url).returncode == 4
        assert place.run("import", name, url, "--replace").returncode == 0
    finally:
        source.close()
    run = place.run("clone", name, f"twin-{kind}")
    assert run.returncode == 0 and f"Copied {count} keys" in run.stdout, run.stderr
    with place.link(name) as ours, place.link(f"twin-{kind}") as theirs:
        assert groups(theirs) == held
        for database in (0, 3):
            assert same_database(ours, theirs, database)


def test_a_source_that_cannot_be_reached_has_a_code_of_its_own(place):
    """Nobody there, or no TLS with whoever is there; the table of codes names both."""
    place.create("alone")
    assert says(place.run("import", "alone", f"redis://127.0.0.1:{free_port()}"), 5,
                "cannot connect to 127.0.0.1:")
    with_tls = place.url("alone").replace("redis://", "rediss://")
    assert says(place.run("import", "alone", with_tls), 5, "cannot connect to 127.0.0.1:")
    assert "server of a URL" in EXIT_CODES[5] and "TLS" in EXIT_CODES[5]


def test_an_instance_is_not_imported_into_itself(place):
    place.create("mirror")
    with place.link("mirror") as link:
        link.do("SET", "a", "1")
    for url in (place.url("mirror"), place.url("mirror").replace("127.0.0.1", "localhost")):
        run = place.run("import", "mirror", url, "--replace")
        assert says(run, 2, "are the same server"), run


def test_a_file_whose_writing_is_interrupted_leaves_nothing(monkeypatch, tmp_path):
    def interrupt(fd):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_private(tmp_path / "place", "{}")
    assert list(tmp_path.iterdir()) == []


def names(place) -> set[str]:
    return {item["keyValue"]["name"] for item in place.ask("GET", "/key-value", limit=100)}


def places(place) -> list[pathlib.Path]:
    """Files about copies that are to be gone on with."""
    return list((place.home.root / "imports").glob("*"))


def test_a_clone_that_cannot_fit_is_not_made(place):
    place.create("large", "starter")
    with place.link("large") as link:
        link.many([("SET", f"k{n}", "x" * 100_000) for n in range(300)])
    before = names(place)
    for dry in ((), ("--dry-run",)):
        run = place.run("clone", "large", "small", "--plan", "free", *dry)
        assert says(run, 4, "a limit of 25 MB: choose a larger plan first"), run
        assert "Creating" not in run.stderr
    assert place.run("suspend", "large", "--yes").returncode == 0
    assert says(place.run("clone", "large", "small"), 4, "`kvd resume large`, then clone it")
    assert names(place) == before


@pytest.fixture(scope="module")
def brim(place):
    """An instance whose data is within Free's limit, and not with the tables that lead to it."""
    place.create("brim", "starter")
    with place.link("brim") as link:
        dataset = number = 0
        while dataset < 24 << 20:
            link.many([("SET", n, "x") for n in range(number, number + 10_000)])
            number += 10_000
            dataset = int(info(link.do("INFO", "memory"))["used_memory_dataset"])
        assert dataset < 25 << 20
    return "brim"


@pytest.mark.parametrize("policy, text", [
    ("noeviction", "memory is full: choose a larger plan"),
    ("allkeys_lru", "has evicted ")])
def test_a_clone_that_fails_is_deleted_again(place, brim, policy, text):
    place.ask("PATCH", f"/key-value/{brim}", {"maxmemoryPolicy": policy})
    before, kept = names(place), places(place)
    run = place.run("clone", brim, "less", "--plan", "free")
    assert says(run, 1, text) and run.stderr.endswith("; less was deleted again\n"), run
    assert names(place) == before and places(place) == kept


def test_a_clone_that_is_interrupted_is_deleted_again(place):
    place.create("long", "starter")
    with place.link("long") as link:
        for start in range(0, 200_000, 10_000):
            link.many([("SET", n, n) for n in range(start, start + 10_000)])
    before, kept = names(place), places(place)
    command = subprocess.Popen(
        [sys.executable, "-m", "kvd", "clone", "long", "cut"], env=place.environment, text=True,
        cwd=place.home.root.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while places(place) == kept:
        assert time.monotonic() < deadline and command.poll() is None
        time.sleep(0.005)
    command.send_signal(signal.SIGINT)
    out, error = command.communicate(timeout=30)
    assert command.returncode == 130 and out == "", error
    assert "kvd: cut was deleted again" in error and "Traceback" not in error
    assert names(place) == before and places(place) == kept


@pytest.mark.parametrize("kind", ["valkey", "redis"])
def test_functions_arrive_in_instances(place, kind):
    """By import and by clone; a legacy instance has none, and one that it refuses is told."""
    port = free_port()
    source = started(kind, "--port", str(port))
    url = f"redis://127.0.0.1:{port}"
    try:
        with Link.url(url) as link:
            link.do("FUNCTION", "LOAD", LIBRARY % ("one", 1))
            link.do("SET", "a", "1")
        place.create(f"with-{kind}")
        place.create(f"legacy-{kind}", engine="redis6")
        run = place.run("import", f"with-{kind}", url)
        assert run.returncode == 0 and " and 1 library of functions into" in run.stdout, run
        found = place.json("clone", f"with-{kind}", f"with-{kind}-2")
        assert (found["copied"], found["libraries"], found["notes"]) == (1, 1, [])
        for name in (f"with-{kind}", f"with-{kind}-2"):
            with place.link(name) as link:
                assert link.do("FCALL", "one", 0) == 1
        run = place.run("import", f"legacy-{kind}", url)
        assert run.returncode == 0 and "functions into" not in run.stdout, run
        assert run.stderr.splitlines()[-1] == "1 library of functions cannot be copied: the " \
            "target knows none, as no Redis before 7 does."
        with Link.url(url) as link:
            link.do("FUNCTION", "LOAD", LIBRARY.replace("mine", "two") % ("both", 1))
        with place.link(f"with-{kind}") as link:
            link.do("FUNCTION", "LOAD", LIBRARY.replace("mine", "other") % ("both", 1))
        run = place.run("import", f"with-{kind}", url, "--replace")
        assert says(run, 1, f"the keys are copied, but with-{kind} refuses 1 library of "
                            "functions, among them two: ERR Function both already exists"), run
    finally:
        source.close()


def test_a_legacy_instance_is_cloned_as_one(place):
    place.create("older", engine="redis6")
    with place.link("older") as link:
        link.do("SET", "a", "1")
    assert place.run("clone", "older", "older-2").returncode == 0
    assert place.json("info", "older-2")["version"] == "6.2.14"
    with place.link("older-2") as link:
        assert link.do("GET", "a") == b"1"
