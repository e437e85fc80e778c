"""`kvd agent run`: the process. One per home; it ends when asked, and engines serve on.

    lock -> database -> sockets -> take over engines -> serve until SIGTERM, SIGINT or a stop

Its log goes to standard output when somebody looks (a terminal, systemd), else to agent.log.
"""
import asyncio
import importlib
import os
import signal
import socket
import sys
import threading
import time

from ..errors import Failed, Refused
from ..home import Home, bind_unix, say_os_error
from ..settings import listen
from ..state import State

LOG_MAX_BYTES = 8 << 20


class AgentLog:
    """Lines with a time: to standard output and, for a detached agent, thereby to its file."""

    def __init__(self, home: Home):
        self.path = home.log

    def say(self, message: str) -> None:
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {' '.join(message.splitlines())}\n"
        try:
            os.write(1, line.encode("utf-8", "backslashreplace"))
            if os.fstat(1).st_size > LOG_MAX_BYTES and os.path.samestat(
                    os.fstat(1), os.stat(self.path)):
                # A detached agent's only: its standard output is the file.
                os.rename(self.path, f"{self.path}.1")
                fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                os.dup2(fd, 1)
                os.dup2(fd, 2)
                os.close(fd)
        except OSError:
            pass                        # a full disk must not end the agent


def main(home: Home) -> int:
    """Run an agent until it is asked to end.

    Returns:
        Exit status: 0 a clean end, or another agent runs already; 1 it cannot start.
    """
    os.umask(0o077)
    try:
        home.prepare()
        lock = home.hold()
        if lock is None:
            sys.stderr.write(f"kvd: an agent runs already, process {home.holder()}\n")
            return 0
        # The database waits for the disk, the web for the processor: both at once.
        threading.Thread(target=importlib.import_module, args=("kvd.api.app",)).start()
        state = State(home)
    except Refused as error:
        sys.stderr.write(f"kvd: cannot start the agent: {error}\n")
        return 1
    log = AgentLog(home)
    try:
        return asyncio.run(serve(home, state, log))
    except Refused as error:
        sys.stderr.write(f"kvd: cannot start the agent: {error}\n")
        return 1
    finally:
        state.close()
        os.close(lock)


async def serve(home: Home, state: State, log: AgentLog) -> int:
    """Serve the API on its sockets."""
    from ..agent.verbs import Verbs
    from ..api.app import make_app
    from ..api.serving import Server
    verbs = Verbs(home, state, log.say)
    servers: list[Server] = []

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    try:
        doors = [(bind_unix(home.socket), True)]
    except OSError as error:
        raise say_os_error(f"cannot listen on {home.socket}", error) from None
    place = listen(state.setting("api-listen"))
    if place:
        doors.append((bind_tcp(place), False))
    verbs.start()
    for sock, trusted in doors:
        servers.append(Server(make_app(verbs, trusted, stop if trusted else None), sock))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    log.say(f"agent {os.getpid()} serves {home.root}" + (f" and http://{place}" if place else ""))
    notify_supervisor()
    try:
        await asyncio.gather(*(server.run_here() for server in servers))
    finally:
        verbs.stop()
        home.socket.unlink(missing_ok=True)
        log.say(f"agent {os.getpid()} ends; {len(verbs.watch.engines)} engines serve on")
    return 0


def bind_tcp(place: str) -> socket.socket:
    """Raises Failed."""
    host, _, port = place.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, int(port)))
    except OSError as error:
        sock.close()
        raise Failed(f"cannot serve the API on {place}: {error.strerror}: `kvd settings "
                     "api-listen` chooses another place, or off") from None
    return sock


def notify_supervisor() -> None:
    """Tell systemd that we serve."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            try:
                sock.sendto(b"READY=1\n", "\0" + address[1:] if address[0] == "@" else address)
            except OSError:
                pass                    # a supervisor that does not listen must not stop us
