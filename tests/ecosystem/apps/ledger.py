"""What senders and workers note, outside of the engine on trial: a line a time, in one write."""
import os
import sys
import time
from collections.abc import Callable

URL = os.environ["REDIS_URL"]
JOB_SECONDS = float(os.environ["JOB_MS"]) / 1000
FILE = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND)


def note(word: str, number: int) -> None:
    os.write(FILE, f"{word} {number}\n".encode())


def work(number: int) -> None:
    note("began", number)
    time.sleep(JOB_SECONDS)
    note("done", number)


def send_each(send: Callable[[int], object], *errors: type[Exception]) -> None:
    """Send the jobs that the command line names, each until the engine has taken it.

    Args:
        send: sends one.
        errors: what it raises when the engine is away. It may have taken the job: who sends
            again may have it done twice, which is what such a queue promises.
    """
    for number in range(*map(int, sys.argv[1:3])):
        while True:
            try:
                send(number)
                break
            except errors:
                time.sleep(0.02)
        note("sent", number)
