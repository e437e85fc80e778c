"""A disk that is full, or refuses to sync: writes are refused, reads go on, and it heals alone.

Goal: no torn command in the file, no acknowledged write lost, MISCONF to those who write, and no
hand needed when space returns. Method: RLIMIT_FSIZE makes write(2) short and then fail, as a full
disk does, and prlimit takes the limit away from outside; a preloaded fdatasync fails, or is slow,
while a file exists.
"""
import pathlib
import resource
import shutil
import subprocess
import time

import pytest

from tests.journal.engines import Engine, contents, wait_until
from tests.oracle import OracleError

LIMIT = 65536
VALUE = b"v" * 1000
MISCONF = "MISCONF Errors writing to the AOF file: "

BAD_SYNC = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
/* While the file $BAD_SYNC exists: fail, or with $SLOW_SYNC take so many microseconds. */
int fdatasync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    const char* slow = getenv("SLOW_SYNC");
    if (access(getenv("BAD_SYNC"), F_OK) == 0) {
        if (!slow) { errno = EIO; return -1; }
        usleep((unsigned)atoi(slow));
    }
    return real(fd);
}
"""


@pytest.fixture(scope="module")
def bad_sync(tmp_path_factory):
    """A library to preload."""
    if shutil.which("gcc") is None:
        pytest.skip("no compiler")
    place = tmp_path_factory.mktemp("preload")
    (place / "bad.c").write_text(BAD_SYNC)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", place / "bad.so", place / "bad.c", "-ldl"],
                   check=True)
    return place / "bad.so"


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))


def lift_limit(engine):
    resource.prlimit(engine.process.pid, resource.RLIMIT_FSIZE,
                     (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def incr_of(directory) -> pathlib.Path:
    return max((directory / "appendonlydir").glob("*.incr.aof"))


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_full_and_free_again(tmp_path, policy):
    with Engine(tmp_path, limit_files, appendonly="yes", appendfsync=policy) as engine:
        writer, reader = engine.connect(), engine.connect()
        acked, sent = 0, 0
        writer.socket.settimeout(1.0)
        with pytest.raises(TimeoutError):
            for sent in range(1, 200):  # the write that does not fit gets no answer yet
                writer.ask("SET", f"k{sent}", VALUE)
                acked = sent
        assert acked > 50
        # Others are told, and read.
        with pytest.raises(OracleError, match=MISCONF):
            reader.ask("SET", "other", "1")
        with pytest.raises(OracleError, match=MISCONF):
            reader.ask("PING")
        replies = reader.ask_each([("MULTI",), ("SET", "x", "1"), ("EXEC",)])
        assert [str(reply).split()[0] for reply in replies[1:]] == ["MISCONF", "EXECABORT"]
        assert reader.ask("GET", "k1") == VALUE
        assert b"aof_last_write_status:err" in reader.ask("INFO", "persistence")
        wait_until(lambda: "Error writing to the append only file: " in engine.log())
        # What the file holds is whole commands.
        text = incr_of(tmp_path).read_bytes()
        assert text.endswith(VALUE + b"\r\n")
        assert text.count(b"SET\r\n") == acked
        lift_limit(engine)
        wait_until(lambda: b"aof_last_write_status:ok" in reader.ask("INFO", "persistence"))
        writer.socket.settimeout(5)
        assert writer.socket.recv(5) == b"+OK\r\n"
        assert reader.ask("PING") == b"PONG"
        wait_until(lambda: "The append only file can be written again" in engine.log())
        assert engine.log().count("Error writing") == 1, "told once, not with each attempt"
        reader.ask("SET", "after", "1")
        before = contents(reader)
        assert len(before) == sent + 1
        engine.kill()
    with Engine(tmp_path, appendonly="yes") as engine:
        assert contents(engine.connect()) == before


def test_a_rewrite_that_does_not_fit_changes_nothing(tmp_path):
    with Engine(tmp_path, appendonly="yes") as engine:
        connection = engine.connect()
        connection.ask_each([("SET", f"k{i}", VALUE) for i in range(200)])
        resource.prlimit(engine.process.pid, resource.RLIMIT_FSIZE,
                         (LIMIT, resource.RLIM_INFINITY))
        connection.ask("BGREWRITEAOF")
        wait_until(lambda: b"aof_last_bgrewrite_status:err" in connection.ask("INFO"))
        connection.ask("SET", "after", "1")
        before = contents(connection)
        engine.kill()
    with Engine(tmp_path, appendonly="yes") as engine:
        assert contents(engine.connect()) == before
        names = {path.name for path in (tmp_path / "appendonlydir").iterdir()}
        assert not any(name.startswith("temp-") for name in names)


@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_after_a_failed_sync_only_a_new_base_heals(tmp_path, bad_sync, monkeypatch, policy):
    switch = tmp_path / "bad"
    monkeypatch.setenv("LD_PRELOAD", str(bad_sync))
    monkeypatch.setenv("BAD_SYNC", str(switch))
    with Engine(tmp_path, appendonly="yes", appendfsync=policy) as engine:
        connection, other = engine.connect(), engine.connect()
        connection.ask_each([("SET", f"k{i}", i) for i in range(1000)])
        first = incr_of(tmp_path).name
        switch.touch()
        other.send_all([("SET", "during", "1")])
        wait_until(lambda: b"aof_last_write_status:err" in connection.ask("INFO"))
        with pytest.raises(OracleError, match=MISCONF + "Input/output error"):
            connection.ask("SET", "x", "1")
        time.sleep(0.3)                 # it has tried, and the disk still fails
        assert b"aof_last_write_status:err" in connection.ask("INFO")
        switch.unlink()
        wait_until(lambda: b"aof_last_write_status:ok" in connection.ask("INFO"))
        assert other.read() == b"OK"
        assert incr_of(tmp_path).name != first
        connection.ask("SET", "after", "1")
        before = contents(connection)
        assert (0, b"during") in before and (0, b"x") not in before
        engine.kill()
    with Engine(tmp_path, appendonly="yes") as engine:
        assert contents(engine.connect()) == before


def test_everysec_keeps_its_second(tmp_path, bad_sync, monkeypatch):
    """While a sync takes two seconds, no write is acknowledged that is a second from the disk."""
    switch = tmp_path / "bad"
    monkeypatch.setenv("LD_PRELOAD", str(bad_sync))
    monkeypatch.setenv("BAD_SYNC", str(switch))
    monkeypatch.setenv("SLOW_SYNC", "2000000")
    with Engine(tmp_path, appendonly="yes", appendfsync="everysec") as engine:
        writer, reader = engine.connect(), engine.connect()
        switch.touch()
        start, waits = time.monotonic(), []
        while time.monotonic() - start < 3.0:
            sent = time.monotonic()
            writer.ask("INCR", "n")
            waits.append(time.monotonic() - sent)
            assert b"aof_last_write_status:ok" in reader.ask("INFO", "persistence")
        assert max(waits) > 0.5, "no reply waited for the disk"
        switch.unlink()
