"""A serving engine in a process of its own, to be killed: python -m tests.journal.child SOCKET ...

    python -m tests.journal.child <socket> <directory> [directive=value ...]

It prints `ready` when it serves, or why it does not and exits 1. SIGTERM ends it cleanly. Its log
goes to standard error.
"""
import os
import signal
import socket
import sys

from kvd.engine.server.journal import Journal, JournalError
from kvd.engine.server.server import Server


def main(path: str, directory: str, *settings: str) -> int:
    server = Server(dir=directory, **dict(pair.split("=", 1) for pair in settings))
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGTERM, lambda *_: server.stop())
    server.set_wake(reading)
    journal = Journal(server)
    try:
        journal.start()
    except JournalError as error:
        print(error, flush=True)
        return 1
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(512)
    listener.setblocking(False)
    server.listen(listener.fileno(), "unix")
    print("ready", flush=True)
    while server.run() != "stop":
        os.read(reading, 4096)
    journal.stop()
    return 0 if server.close() else 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
