"""A fresh account. Goal: the first commands of somebody who has configured nothing work as the
README says, and what stands in their way is one sentence. Method: the real command as a user of its
own (when this test may become one), in an empty home directory, with an empty environment."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile

import pytest

from tests.kvd.installation import ROOT

NOBODY = 65534


class Account:
    """An empty home directory, and whose it is."""

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        self.user = NOBODY if os.geteuid() == 0 else os.geteuid()
        # May read what root may, since this Python may lie in root's home; may write as nobody.
        self.who = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"] \
            if os.geteuid() == 0 else []
        if os.geteuid() == 0:
            os.chown(directory, NOBODY, NOBODY)

    def run(self, *args: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess:
        """What somebody has typed; PYTHONPATH stands for an installation."""
        return subprocess.run(
            [*self.who, sys.executable, "-m", "kvd", *args], input=stdin, text=True,
            capture_output=True, timeout=60, cwd=self.directory,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.directory), "PYTHONPATH": str(ROOT)}
            | environment)


@pytest.fixture
def account():
    # Under /tmp itself, since pytest's own directories are closed to others.
    directory = pathlib.Path(tempfile.mkdtemp(prefix="kvd-newcomer-"))
    account = Account(directory)
    if "kvd" not in account.run("--version").stdout:
        shutil.rmtree(directory)
        pytest.skip("another user cannot read this Python or this source")
    yield account
    account.run("agent", "stop")
    shutil.rmtree(directory)


def test_the_first_commands(account):
    assert not list(account.directory.iterdir())
    run = account.run("list")
    assert run.returncode == 0 and "`kvd create NAME` makes one" in run.stderr
    run = account.run("create", "cache")
    assert run.returncode == 0, run.stderr
    assert "Internal URL  redis://127.0.0.1:64" in run.stdout
    assert "External URL  rediss://red-" in run.stdout
    assert account.run("cli", "cache", "SET", "greeting", "hello").stdout == "OK\n"
    assert account.run("cli", "cache", "--own", "GET", "greeting").stdout == "hello\n"
    run = account.run("create", "second")
    assert run.returncode == 4 and "there can be 1 Free instance at a time" in run.stderr
    run = account.run("upgrade", "cache", "--plan", "starter")
    assert run.returncode == 0 and "persistence: off -> journal_snapshot" in run.stdout
    assert account.run("restart", "cache").returncode == 0
    assert account.run("cli", "cache", "--own", "GET", "greeting").stdout == "hello\n"
    assert account.run("doctor").returncode == 0
    home = account.directory / ".local" / "share" / "kvd"
    assert (home / "state.db").stat().st_uid == account.user
    assert [path.name for path in account.directory.iterdir()] == [".local"]
    assert account.run("delete", "cache", "--yes").returncode == 0
    assert not list((home / "instances").iterdir())


def test_a_unit_for_systemd(account):
    """As systemd starts it: the environment and the command of the unit, and READY=1 is heard."""
    run = account.run("agent", "install")
    assert run.returncode == 0 and "systemctl --user daemon-reload" in run.stdout, run.stderr
    unit = (account.directory / ".config/systemd/user/kvd-agent.service").read_text()
    facts = re.findall(r"^(\w+)=(.*)$", unit, re.M)
    assert ("Type", "notify") in facts and ("KillMode", "process") in facts
    environment = dict(value.split("=", 1) for name, value in facts if name == "Environment")
    assert environment["KVD_HOME"] == str(account.directory / ".local/share/kvd")
    command = dict(facts)["ExecStart"].split()
    hears = account.directory / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(hears))
        hears.chmod(0o777)
        heard.settimeout(30)
        agent = subprocess.Popen([*account.who, *command], stdout=subprocess.PIPE, text=True,
                                 env={"NOTIFY_SOCKET": str(hears)} | environment)
        try:
            assert b"READY=1" in heard.recv(4096)
            assert account.run("create", "cache").returncode == 0
        finally:
            agent.terminate()
            log, _ = agent.communicate(timeout=30)
    assert agent.returncode == 0 and "1 engines serve on" in log
    assert account.run("cli", "cache", "--own", "PING").stdout == "PONG\n"
    assert account.run("delete", "cache", "--yes").returncode == 0


def refused(run, code: int, text: str) -> None:
    assert run.returncode == code and text in run.stderr, run
    assert run.stdout == "" and "Traceback" not in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1, run.stderr


def test_a_home_that_cannot_be_written(account):
    account.directory.chmod(0o555)
    refused(account.run("create", "cache"), 5, "Permission denied")
    account.directory.chmod(0o755)
    refused(account.run("list", KVD_HOME="/proc/kvd"), 5, "cannot use /proc/kvd")


def test_a_home_of_somebody_else(account):
    if account.user != NOBODY:
        pytest.skip("only root can give a directory away")
    other = account.directory / "other"
    other.mkdir(mode=0o777)
    refused(account.run("list", KVD_HOME=str(other)), 5, "belongs to another user")


def test_a_disk_that_is_full_while_creating(account):
    """A file system of a few pages, where this test may mount one."""
    place = account.directory / "disk"
    place.mkdir()
    if os.geteuid() or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size=1m,uid={NOBODY},mode=700", "tmpfs", str(place)],
            capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        home = str(place / "home")
        assert account.run("list", KVD_HOME=home).returncode == 0
        filler = place / "filler"
        with open(filler, "wb") as file:
            try:
                while True:
                    os.write(file.fileno(), bytes(4096))
            except OSError:
                pass
        run = account.run("create", "cache", "--plan", "starter", KVD_HOME=home)
        refused(run, run.returncode, "the disk is full")
        assert run.returncode in (1, 5)
        filler.unlink()
        run = account.run("create", "cache", "--plan", "starter", KVD_HOME=home)
        assert run.returncode == 0, run.stderr
        assert len(list((place / "home" / "instances").iterdir())) == 1, "the first one is gone"
        account.run("delete", "cache", "--yes", KVD_HOME=home)
        account.run("agent", "stop", KVD_HOME=home)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
