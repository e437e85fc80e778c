"""An engine's process: start it, recognise it, end it. Never touches one that is not ours.

What marks a process as ours is a line in its environment with the ids of installation and
instance, which it has from its first instruction to its last. It is read after a pidfd was opened,
and signals go through the pidfd: a process id that was given to somebody else meanwhile is never
hit.
"""
import contextlib
import os
import pathlib
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import kvd

from ..home import Place, say_os_error, write_private
from ..instance import Instance
from ..plans import IDENTITIES

MARK = "KVD_ENGINE_OF"
END_SECONDS = 30.0
LOG_TAIL_BYTES = 4096
TEMPLATE = """\
# Written by the agent before each start; a change made here is lost.
port 0
bind {host}
control-socket control.sock
# Where it listens was chosen by the installation's owner: no second guess at who may come.
protected-mode no
logfile ../engine.log
log-timestamp-format iso8601
maxmemory {memory}
maxmemory-policy {policy}
maxclients {connections}
appendonly {journal}
appendfsync everysec
proc-title-template "kvd {name} {{listen-addr}}"
server-identity {identity}
"""


class Process:
    """A running process that is an engine of ours."""

    def __init__(self, pid: int, child: subprocess.Popen | None = None):
        """
        Args:
            child: if it is our own child, which wants to be waited for.
        Raises:
            ProcessLookupError: it has ended.
        """
        self.pid = pid
        self.child = child
        self.pidfd = os.pidfd_open(pid)
        self.started_at = time.monotonic()

    @property
    def ended(self) -> bool:
        return bool(select.select([self.pidfd], [], [], 0)[0])

    def wait(self, seconds: float) -> bool:
        """Whether it ends within so many seconds."""
        return bool(select.select([self.pidfd], [], [], max(0.0, seconds))[0])

    def reason(self) -> str:
        """How it ended, as far as anybody can know."""
        if self.child is None:
            return "ended while no agent watched how"
        status = self.child.wait()
        if status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def end(self) -> None:
        """End it: politely, then firmly, then at once. A second SIGTERM does not wait for disks."""
        for number, seconds in ((signal.SIGTERM, END_SECONDS), (signal.SIGTERM, 5.0),
                                (signal.SIGKILL, END_SECONDS)):
            self.signal(number)
            if self.wait(seconds):
                break
        self.close()

    def kill(self) -> None:
        """End it with nothing kept."""
        self.signal(signal.SIGKILL)
        self.wait(END_SECONDS)
        self.close()

    def close(self) -> None:
        """Let go of it. It need not have ended."""
        if self.pidfd >= 0:
            if self.child is not None and self.ended:
                self.child.wait()
            os.close(self.pidfd)
            self.pidfd = -1


def mark(installation: str, id: str) -> str:
    return f"{installation}:{id}"


def find_running(installation: str) -> dict[str, Process]:
    """The engines of this installation that run now: instance's id to process."""
    found: dict[str, Process] = {}
    for pid in processes():
        with contextlib.suppress(OSError):
            process = Process(pid)
            try:
                owner, _, id = marked(pid).partition(":")
                if owner == installation and id not in found and not process.ended:
                    found[id] = process
            finally:
                if process not in found.values():
                    process.close()
    return found


def processes() -> Iterator[int]:
    """Process ids of our own user, cheapest test first."""
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == os.geteuid():
                    yield int(name)


def marked(pid: int) -> str:
    """What the process's environment says of us; "" when nothing."""
    with open(f"/proc/{pid}/environ", "rb") as file:
        for entry in file.read().split(b"\0"):
            if entry.startswith(MARK.encode() + b"="):
                return entry.partition(b"=")[2].decode(errors="replace")
    return ""


def environment(installation: str, id: str) -> dict[str, str]:
    """What an engine knows of the world: where Python finds us, and whose it is."""
    kept = {name: value for name, value in os.environ.items()
            if name in ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH",
                        "VIRTUAL_ENV")}
    source = str(pathlib.Path(kvd.__file__).resolve().parent.parent)
    return kept | {"PYTHONPATH": source, "PYTHONUNBUFFERED": "1", MARK: mark(installation, id)}


def spawn(installation: str, place: Place, instance: Instance, host: str) -> Process:
    """Start the engine with what it must know before it can be spoken to.

    It listens on its control socket alone: ports are opened when its users are known to it.

    Raises:
        Failed: no room, no rights, no process.
    """
    config = TEMPLATE.format(
        host=host, memory=instance.memory_bytes, policy=instance.policy,
        connections=instance.connections, name=instance.name,
        journal="no" if instance.persistence == "off" else "yes",
        identity=IDENTITIES[instance.engine])
    for name, value in (instance.options or {}).items():
        config += f'{name} "{value}"\n'
    try:
        place.prepare()
        write_private(place.config, config)
        with open(place.log, "ab", opener=private) as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "kvd", "serve", "../engine.conf"], cwd=place.data,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=environment(installation, instance.id))
    except OSError as error:
        raise say_os_error(f"cannot start {instance.name}", error) from None
    return Process(child.pid, child)


def private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def last_words(place: Place) -> str:
    """Why the engine did not start, by its log."""
    try:
        with open(place.log, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError as error:
        return f"its log cannot be read: {error.strerror}"
    for line in reversed(lines):
        for sign in ("cannot start: ", "Cannot start: "):
            if sign in line:
                return line.partition(sign)[2]
    for line in reversed(lines):
        if line.strip():
            return line.strip()
    return "it said nothing"
