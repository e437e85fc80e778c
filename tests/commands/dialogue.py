"""Dialogues: requests and the replies they get, from us and from valkey-server.

A dialogue is a list of (request, reply). A request is one line; one that starts with "b: " comes
from another client, named b, and so on. "wait 30" lets 30 milliseconds pass. A reply of None stands
for any.
"""
import time

NO_REPLY = b""


def play(connect, lines):
    """The dialogue as it really went.

    Args:
        connect: makes a client with execute(*args: bytes) -> bytes.
    """
    clients = {}
    went = []
    for line, _ in lines:
        name, _, request = line.rpartition(": ")
        words = request.encode().split(b" ")
        if words[0] == b"wait":
            time.sleep(int(words[1]) / 1000)
            went.append((line, NO_REPLY))
            continue
        if name not in clients:
            clients[name] = connect()
        went.append((line, clients[name].execute(*words)))
    return went


def hold(connect, lines):
    """Play it; the replies must be those that it says."""
    for (line, reply), (_, got) in zip(lines, play(connect, lines), strict=True):
        assert reply is None or got == reply, f"{line!r} got {got!r}, not {reply!r}"


def hold_with(valkey, lines):
    """Likewise by an oracle, emptied before."""
    valkey.ask("FLUSHALL")
    hold(valkey.client, lines)
