"""Dialogues in which clients are told what they did not ask for, from us and from valkey-server.

A dialogue is a list of (request, values). A request is one line, as in dialogue.py: "b: get k"
comes from the client named b; "b: ." asks nothing, and shows what b has been told meanwhile. Values
are all that the client reads: strings are texts, a Push is a RESP3 push, an Error an error.
A request that begins with "~" may wait: what it reads, if anything, is read at once and by ".".
"""
import socket
import time

from tests.oracle import encode

QUIET_SECONDS = 0.05                    # of silence that end a reply where nothing marks its end
PATIENCE_SECONDS = 10
FENCE = b"fence"


class Push(list):
    """A RESP3 push; equal to no plain list."""

    def __eq__(self, other):
        return isinstance(other, Push) and list(self) == list(other)

    def __repr__(self):
        return f"Push({list(self)!r})"


class Error(str):
    """An error reply."""

    def __repr__(self):
        return f"Error({str(self)!r})"


def decode(data: bytes, at: int = 0):
    """(value, where it ends); IndexError when it does not end."""
    end = data.index(b"\r\n", at)
    kind, rest = data[at:at + 1], data[at + 1:end].decode()
    at = end + 2
    if kind in b"+-":
        return (Error(rest) if kind == b"-" else rest), at
    if kind == b":":
        return int(rest), at
    if kind == b"_" or rest == "-1":
        return None, at
    if kind in b"$=":
        if len(data) < at + int(rest) + 2:
            raise IndexError("it is cut")
        return data[at:at + int(rest)].decode(errors="backslashreplace"), at + int(rest) + 2
    count = int(rest) * (2 if kind == b"%" else 1)
    items = []
    for _ in range(count):
        item, at = decode(data, at)
        items.append(item)
    return (Push(items) if kind == b">" else items), at


def decode_all(data: bytes) -> list:
    values, at = [], 0
    while at < len(data):
        value, at = decode(data, at)
        values.append(value)
    return values


class Inside:
    """A client of an engine in this process."""

    def __init__(self, server):
        self.client = server.client()

    def ask(self, words, may_wait=False) -> list:
        return decode_all(self.client.execute(*words))

    def listen(self) -> list:
        return decode_all(self.client.process_bytes(b""))


class Outside:
    """A connection. What it reads ends with the answer to a PING, or, where a PING would not be
    answered, with silence."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.socket.settimeout(PATIENCE_SECONDS)
        self.fenced = True
        self.waits = False

    def ask(self, words, may_wait=False) -> list:
        word = words[0].lower()
        if word == b"multi" or b"off" in words[1:]:
            self.fenced = False
        elif word in (b"exec", b"discard", b"reset") or b"on" in words[1:]:
            self.fenced = True
        self.socket.sendall(encode(*words))
        if b"skip" in words[1:]:        # the answer to what comes next is skipped
            return []
        self.waits = may_wait
        return self.listen()

    def listen(self) -> list:
        if self.waits or not self.fenced:
            values = decode_all(self.read_until_quiet())
            self.waits = self.waits and not values
            return values
        self.socket.sendall(encode(b"ping", FENCE))
        data = b""
        while True:
            data += self.socket.recv(65536)
            try:
                values = decode_all(data)
            except (IndexError, ValueError):
                continue
            if values and values[-1] in (FENCE.decode(), ["pong", FENCE.decode()]):
                return values[:-1]

    def read_until_quiet(self) -> bytes:
        data = b""
        self.socket.settimeout(QUIET_SECONDS)
        try:
            while more := self.socket.recv(65536):
                data += more
        except TimeoutError:
            pass
        self.socket.settimeout(PATIENCE_SECONDS)
        return data


def play(connect, lines) -> list:
    """The dialogue as it really went."""
    clients, went = {}, []
    for line, _ in lines:
        name, _, request = line.rpartition(": ")
        words = request.encode().split(b" ")
        if words[0] == b"wait":
            time.sleep(int(words[1]) / 1000)
            went.append((line, []))
            continue
        if name not in clients:
            clients[name] = connect()
        if request == ".":
            values = clients[name].listen()
        else:
            words[0] = words[0].removeprefix(b"~")
            values = clients[name].ask(words, request.startswith("~"))
        went.append((line, values))
    return went


def same(went, lines) -> bool:
    """... stands for any answer."""
    return [(line, ... if wanted is ... else values)
            for (line, values), (_, wanted) in zip(went, lines, strict=True)] == lines


def hold(server, lines) -> None:
    """Play it; what clients are told must be what it says."""
    went = play(lambda: Inside(server), lines)
    assert same(went, lines), went


def hold_with(valkey, lines) -> None:
    """Likewise by an oracle, emptied before."""
    valkey.ask("FLUSHALL")
    went = play(lambda: Outside(valkey.path), lines)
    assert same(went, lines), went
