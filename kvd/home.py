"""Where an installation keeps everything, and that nobody else may look.

    home/               0700
      state.db          instances, intents, events, settings, keys
      agent.lock        held by the running agent; its process id
      agent.sock        the API for the owner
      ca/               the installation's certificate authority
      instances/<id>/   0700: engine.conf, engine.log, certificates, metrics
        data/           the engine's own directory

Paths of Unix sockets have room for 107 bytes only. So sockets are reached through /proc/self/fd of
their directory, which is short wherever the home lies.
"""
import contextlib
import errno
import fcntl
import os
import pathlib
import shutil
import socket
import stat
from collections.abc import Iterator

from .errors import Failed, Refused


def default_home() -> pathlib.Path:
    """KVD_HOME; else /var/lib/kvd for root; else the user's own place for data.

    A relative KVD_HOME is made absolute here, where the command was run: the agent and its engines,
    which have directories of their own, must find the same one.
    """
    if given := os.environ.get("KVD_HOME"):
        return pathlib.Path(given).absolute()
    if os.geteuid() == 0:
        return pathlib.Path("/var/lib/kvd")
    base = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return pathlib.Path(base) / "kvd"


def say_os_error(what: str, error: OSError) -> Refused:
    """A system's error as a sentence."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failed(f"{what}: the disk is full")
    return Failed(f"{what}: {error.strerror or error}")


class Home:
    """The directory of one installation."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        self.database = root / "state.db"
        self.socket = root / "agent.sock"
        self.lock = root / "agent.lock"
        self.log = root / "agent.log"
        self.authority = root / "ca"

    def prepare(self) -> None:
        """Make it, for us alone.

        Raises:
            Failed: it cannot be made or belongs to somebody else.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = self.root.stat()
            if status.st_uid != os.geteuid():
                raise Failed(f"{self.root} belongs to another user: KVD_HOME chooses another "
                             "directory")
            if stat.S_IMODE(status.st_mode) & 0o077:
                self.root.chmod(0o700)
            (self.root / "instances").mkdir(mode=0o700, exist_ok=True)
            if not os.access(self.root, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise say_os_error(f"cannot use {self.root}", error) from None

    def instance(self, id: str) -> "Place":
        return Place(self.root / "instances" / id)

    def hold(self) -> int | None:
        """Become the one agent of this home: the descriptor that holds the lock, or None."""
        try:
            fd = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise say_os_error(f"cannot write {self.lock}", error) from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        return fd

    def holder(self) -> int | None:
        """Process id of the running agent, if one holds the lock."""
        try:
            with open(self.lock, "rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(file.read(32) or 0) or None
        except (OSError, ValueError):
            pass
        return None


class Place:
    """The directory of one instance."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        self.data = root / "data"
        self.config = root / "engine.conf"
        self.log = root / "engine.log"
        self.control = root / "data" / "control.sock"
        self.certificate = root / "server.pem"
        self.key = root / "server.key"
        self.metrics = root / "metrics"

    def prepare(self) -> None:
        """Make it. Doing so again changes nothing."""
        for path in (self.root, self.data, self.metrics):
            path.mkdir(mode=0o700, exist_ok=True)

    def remove(self) -> None:
        """Remove it with everything in it."""
        if self.root.exists():
            shutil.rmtree(self.root)


def write_private(path: pathlib.Path, content: bytes | str) -> None:
    """A file for us alone, whole or not at all: written beside, synced, renamed."""
    data = content.encode() if isinstance(content, str) else content
    beside = path.with_name(f".{path.name}.new")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW,
                 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(beside, path)
    except BaseException:               # Ctrl-C too leaves nothing
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


@contextlib.contextmanager
def short_path(path: pathlib.Path) -> Iterator[str]:
    """A spelling of a socket's path that always fits."""
    fd = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{path.name}"
    finally:
        os.close(fd)


def connect_unix(path: pathlib.Path, timeout: float) -> socket.socket:
    """A connection to a Unix socket, however long its path. Raises OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        with short_path(path) as short:
            sock.connect(short)
    except OSError:
        sock.close()
        raise
    return sock


def bind_unix(path: pathlib.Path) -> socket.socket:
    """A listening socket for our own user. The caller holds the lock, so what is there is old."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    try:
        with short_path(path) as short:
            sock.bind(short)
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(old)
    return sock
