"""An installation for tests: a home of its own, its agent, the real command, and nothing left."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from kvd.client import Link
from kvd.home import Home
from kvd.terminal.remote import Remote

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WAIT_SECONDS = 30


class Installation:
    """One home. `end()` deletes every instance and stops the agent."""

    def __init__(self, directory: pathlib.Path, first_port: int):
        self.home = Home(directory / "home")
        self.remote = Remote(self.home)
        self.environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "TERM": "dumb",
                            "PYTHONPATH": str(ROOT), "KVD_HOME": str(self.home.root),
                            "HOME": str(directory)}
        self.ask("PUT", "/settings/ports", {"value": f"{first_port}-{first_port + 399}"})
        self.ask("PUT", "/settings/free-instances-max", {"value": "50"})

    def ask(self, method, path, body=None, **query):
        return self.remote.ask(method, path, body, **query)

    def run(self, *args: str, stdin: str = "", timeout: float = 60,
            **environment: str) -> subprocess.CompletedProcess:
        """The command in a process of its own."""
        return subprocess.run([sys.executable, "-m", "kvd", *args], input=stdin, text=True,
                              capture_output=True, timeout=timeout, cwd=self.home.root.parent,
                              env=self.environment | environment)

    def json(self, *args: str, **kwargs):
        """The command with --json: what it prints."""
        run = self.run(*args, "--json", **kwargs)
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    def create(self, name: str, plan: str = "free", **body) -> dict:
        made = self.ask("POST", "/key-value", {"name": name, "plan": plan, **body})
        return self.wait(made["id"])

    def wait(self, id: str, status: str = "available") -> dict:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            found = self.ask("GET", f"/key-value/{id}")
            if found["status"] == status:
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.01)

    def url(self, name: str) -> str:
        return self.ask("GET", f"/key-value/{name}/connection-info")["internalConnectionString"]

    def link(self, name: str) -> Link:
        return Link.url(self.url(name))

    def pid(self, name: str) -> int:
        return self.ask("GET", f"/key-value/{name}/now")["pid"]

    def agent_pid(self) -> int:
        return self.home.holder()

    def kill_agent(self) -> None:
        """As a crash does it."""
        pid = self.agent_pid()
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + WAIT_SECONDS
        while self.home.holder() == pid:
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def marked(self) -> list[int]:
        """Processes that say they are engines of this home."""
        found = []
        for name in os.listdir("/proc"):
            try:
                cwd = os.readlink(f"/proc/{name}/cwd") if name.isdigit() else ""
            except OSError:
                continue
            if cwd.startswith(str(self.home.root / "instances")):
                found.append(int(name))
        return found

    def end(self) -> None:
        for item in self.ask("GET", "/key-value", limit=100):
            self.ask("DELETE", f"/key-value/{item['keyValue']['id']}")
        self.ask("POST", "/agent/stop")
        deadline = time.monotonic() + WAIT_SECONDS
        while self.home.holder() is not None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert self.marked() == [], "an engine is left"
        assert list((self.home.root / "instances").iterdir()) == [], "files are left"
