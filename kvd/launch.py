"""Start an agent that is not there, and wait for it. Imports little, so that the command can have
one started before it has imported itself: both then take their time side by side."""
import os
import pathlib
import subprocess
import sys
import time

from .errors import Refused, Unreachable
from .home import Home, connect_unix

START_SECONDS = 15.0


class Launch:
    """An agent that is being started. Two at once end in one agent."""

    def __init__(self, home: Home):
        """
        Raises:
            Unreachable: it cannot be started.
        """
        self.home = home
        try:
            home.prepare()
            # Its first words, before it has a log of its own, are for a person to find too.
            fd = os.open(home.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except Refused as error:
            raise Unreachable(str(error)) from None
        except OSError as error:
            raise Unreachable(f"cannot write {home.log}: {error.strerror}") from None
        self.said_before = os.fstat(fd).st_size
        source = str(pathlib.Path(__file__).resolve().parent.parent)
        with os.fdopen(fd, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kvd", "agent", "run"], cwd=home.root,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=os.environ | {"PYTHONPATH": source, "KVD_HOME": str(home.root)})

    def wait(self) -> None:
        """Until it, or another one, answers.

        Raises:
            Unreachable: none does, with its own words.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if answers(self.home):
                return
            if self.process.poll() not in (None, 0):
                words = self.home.log.read_bytes()[self.said_before:].decode(errors="replace")
                lines = words.strip().splitlines() or ["it says nothing"]
                raise Unreachable(lines[-1].removeprefix("kvd: "))
            time.sleep(0.005)
        raise Unreachable(f"the agent does not answer after {START_SECONDS:.0f} s: "
                          f"{self.home.log} may say why")


launched: list[Launch] = []


def answers(home: Home) -> bool:
    """Whether an agent listens."""
    try:
        connect_unix(home.socket, 1.0).close()
        return True
    except OSError:
        return False


def launch(home: Home) -> None:
    """Begin to start an agent if none listens. Whoever needs it waits, and hears what is wrong."""
    if not launched and not answers(home):
        try:
            launched.append(Launch(home))
        except Unreachable:
            pass                        # said when it is needed
