"""A serving process among others: its directory, its limits, its supervisor.

Nothing here knows the engine. Each function does one thing that Valkey has a directive for, and
raises StartError with a sentence where the process cannot start so.
"""
import errno
import fcntl
import os
import resource
import socket

LOCK_NAME = "kvd.lock"
SPARE_FILES = 32                        # descriptors beside those of clients
SUPERVISORS = ("no", "upstart", "systemd", "auto")


class StartError(Exception):
    """Why the process cannot start: a sentence for a person."""


def open_standard_files() -> None:
    """Descriptors 0 to 2 are open: else the next file would become the standard error."""
    fd = os.open(os.devnull, os.O_RDWR)
    while fd <= 2:
        fd = os.dup(fd)
    os.close(fd)


# -- directory ------------------------------------------------------------------------------------

def enter_directory(path: str) -> bool:
    """Make it the working directory; make it first if only its last part is missing.

    A directory whose parent is missing is more likely a disk that is not mounted than a wish.

    Returns:
        True when it was made.
    """
    made = False
    try:
        try:
            os.mkdir(path, 0o700)
            made = True
        except FileExistsError:
            pass
        os.chdir(path)
    except OSError as error:
        raise StartError(f"cannot use directory {path}: {error.strerror}") from None
    return made


def lock_directory(must: bool) -> int | None:
    """Take the working directory for ourselves until the process ends, however it ends.

    Args:
        must: data will be written here. Otherwise a directory that cannot be written is fine.
    Returns:
        The descriptor that holds the lock; None when there can be none.
    Raises:
        StartError: another server uses the directory, or it cannot be written and must be.
    """
    here = os.getcwd()
    try:
        fd = os.open(LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if must or error.errno not in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise StartError(f"cannot write to directory {here}: {error.strerror}") from None
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(fd, 32).decode(errors="replace").strip()
        os.close(fd)
        raise StartError(f"directory {here} is in use by another server"
                         f"{f', process {owner}' if owner else ''}: "
                         "--dir chooses another") from None
    except OSError as error:            # a file system without locks
        os.close(fd)
        raise StartError(f"cannot lock {here}/{LOCK_NAME}: {error.strerror}") from None
    write_lock(fd)
    return fd


def write_lock(fd: int) -> None:
    """Say in the lock who holds it."""
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)


def write_pidfile(path: str) -> None:
    """Best effort, as in Valkey: raises OSError for the caller to tell."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.fchmod(fd, 0o644)            # others may know whom to signal, whatever our umask
        os.write(fd, f"{os.getpid()}\n".encode())
    finally:
        os.close(fd)


# -- limits ---------------------------------------------------------------------------------------

def raise_files(clients: int) -> int:
    """Let the process open as many files as so many clients need.

    Returns:
        How many clients there can be: what was asked, or less.
    """
    need = clients + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= need:
        return clients
    for wanted in ((need, max(hard, need)), (min(need, hard), hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, wanted)
            break
        except (ValueError, OSError):   # only root may raise the hard limit
            continue
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return min(clients, max(1, soft - SPARE_FILES))


def run_on(processors: str) -> None:
    """Run on these processors only: `0,2-5` or `0-7:2`."""
    chosen = set()
    for part in processors.split(","):
        span, _, step = part.partition(":")
        first, _, last = span.partition("-")
        chosen |= set(range(int(first), int(last or first) + 1, int(step or 1) or 1))
    try:
        os.sched_setaffinity(0, chosen)
    except OSError as error:
        raise StartError(f"server-cpulist {processors}: {error.strerror}") from None


class OomScore:
    """oom-score-adj: how readily the kernel ends us when memory is out."""

    PATH = "/proc/self/oom_score_adj"

    def __init__(self):
        self.base: int | None = None    # what it was before us

    def set(self, mode: str, values: str) -> None:
        """Args are the directives' values. Raises OSError when the kernel does not let us."""
        score = int(values.split()[0])
        if mode == "no":
            if self.base is None:
                return
            score = self.base
        else:
            if self.base is None:
                with open(self.PATH) as file:
                    self.base = int(file.read())
            score = score if mode == "absolute" else self.base + score
        with open(self.PATH, "w") as file:
            file.write(str(max(-1000, min(1000, score))))


# -- who waits for us -----------------------------------------------------------------------------

class Parent:
    """The process that daemonize left behind: it ends when we tell it how the start went."""

    def __init__(self):
        self.fd: int | None = None

    def leave(self) -> None:
        """Go on in the background. The caller continues in the child."""
        reading, writing = os.pipe()
        if os.fork():
            os.close(writing)
            os._exit(0 if os.read(reading, 1) == b"\0" else 1)
        os.close(reading)
        os.setsid()
        self.fd = writing

    def started(self) -> None:
        """The start has succeeded: let go of the terminal."""
        if self.fd is None:
            return
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        os.close(null)
        os.write(self.fd, b"\0")
        os.close(self.fd)
        self.fd = None


class Supervisor:
    """systemd or upstart, if one of them started us."""

    def __init__(self, mode: str):
        """
        Args:
            mode: the directive: no, upstart, systemd or auto.
        """
        address = os.environ.get("NOTIFY_SOCKET", "")
        upstart = "UPSTART_JOB" in os.environ
        self.address = address if mode in ("systemd", "auto") else ""
        self.upstart = upstart and not self.address and mode in ("upstart", "auto")
        self.missing = mode in ("systemd", "upstart") and not (self.address or self.upstart)

    @property
    def present(self) -> bool:
        return bool(self.address or self.upstart)

    def notify(self, *states: str) -> None:
        """Tell systemd; nobody else listens."""
        if not self.address:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            try:
                sock.sendto("".join(f"{state}\n" for state in states).encode(), address)
            except OSError:
                pass                    # a supervisor that does not listen must not stop us

    def ready(self) -> None:
        self.notify("STATUS=Ready to accept connections", "READY=1")
        if self.upstart:
            import signal
            os.kill(os.getpid(), signal.SIGSTOP)
