"""Commands that Python serves: the registry of their handlers, and the values they return.

A row flagged CMD_PYTHON has no proc. Its handler is found here by its full lower-case name
("config|get") and called as handler(server, client, argv), argv[0] being the name as it was sent.
What it returns is encoded for the client's protocol version:

    None -> null        bool -> boolean     int -> integer      float -> double
    bytes, str -> bulk  list, tuple -> array                    dict -> map, in its order
    set, Set -> set     Simple -> simple string                 Verbatim -> text for people
    Error -> error      Raw -> as it is

A handler answers an error by raising Error, or by returning one. Any other exception is a mistake
of ours, which the face counts and logs; the client then reads "ERR internal error".

Rare commands belong here: a call takes the GIL and tens of microseconds, and meanwhile nobody else
is served.
"""
from collections.abc import Callable

HANDLERS: dict[str, Callable] = {}
CONTROL = 1 << 24                       # CLIENT_CONTROL of wire/command


class Simple(str):
    """A simple string: +OK."""


class Verbatim(str):
    """Text for people: a bulk string in RESP2, verbatim text in RESP3."""


class Raw(bytes):
    """RESP that is complete already."""


class Set(list):
    """Members in the order given, answered as a set."""


class Error(Exception):
    """An error reply; the message starts with its code: Error("ERR no such key")."""


def is_legacy(server, client) -> bool:
    """Whether later commands and options are hidden from this client: it is told that we are
    Redis 6.2. They never are from the owner."""
    return server.is_legacy and not client.flags & CONTROL


def register(name: str) -> Callable:
    """Decorator: this function serves the row with that full name.

    Raises:
        ValueError: the name has a handler already.
    """
    def put(handler: Callable) -> Callable:
        if name in HANDLERS:
            raise ValueError(f"{name!r} has two handlers")
        HANDLERS[name] = handler
        return handler
    return put


def serve(server, client, name: str, argv: list[bytes]) -> bytes:
    """The complete reply to one command, for the client's protocol version.

    Args:
        name: full lower-case name of the row.
        argv: the arguments as they were sent, name included.
    Returns:
        RESP. It starts with b"-" when, and only when, the command failed.
    Raises:
        KeyError: the row has no handler.
        Exception: whatever a faulty handler raised, other than Error.
    """
    handler = HANDLERS.get(name)
    if handler is None and name.endswith("|help"):
        handler = help_of_container
    if handler is None:
        raise KeyError(f"nobody serves {name!r}")
    try:
        return encode(handler(server, client, argv), client.resp)
    except Error as error:
        return encode(error, client.resp)


# -- encoding -------------------------------------------------------------------------------------

def clean(text: str) -> bytes:
    """One line: what a simple string or an error may hold."""
    return text.encode("utf-8", "surrogateescape").translate(ONE_LINE)


ONE_LINE = bytes(32 if byte in b"\r\n\0" else byte for byte in range(256))


def bulk(value: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(value), value)


def number_text(value: float) -> bytes:
    if value != value:
        return b"nan"
    if value in (float("inf"), float("-inf")):
        return b"inf" if value > 0 else b"-inf"
    return (str(int(value)) if value == int(value) and abs(value) < 1e17 else repr(value)).encode()


def encode(value, resp: int) -> bytes:
    """RESP2 or RESP3 of a handler's value."""
    out: list[bytes] = []
    append_value(out, value, resp)
    return b"".join(out)


def append_value(out: list[bytes], value, resp: int) -> None:
    # Subclasses stand before their bases: Simple is a str, bool an int.
    if isinstance(value, Simple):
        out.append(b"+%b\r\n" % clean(value))
    elif isinstance(value, Verbatim):
        text = value.encode("utf-8", "surrogateescape")
        out.append(bulk(text) if resp == 2 else b"=%d\r\ntxt:%b\r\n" % (len(text) + 4, text))
    elif isinstance(value, Raw):
        out.append(value)
    elif isinstance(value, str):
        out.append(bulk(value.encode("utf-8", "surrogateescape")))
    elif isinstance(value, bytes | bytearray | memoryview):
        out.append(bulk(bytes(value)))
    elif isinstance(value, bool):
        out.append((b":1\r\n" if value else b":0\r\n") if resp == 2
                   else (b"#t\r\n" if value else b"#f\r\n"))
    elif isinstance(value, int):
        out.append(b":%d\r\n" % value)
    elif isinstance(value, float):
        text = number_text(value)
        out.append(bulk(text) if resp == 2 else b",%b\r\n" % text)
    elif value is None:
        out.append(b"$-1\r\n" if resp == 2 else b"_\r\n")
    elif isinstance(value, Error):
        out.append(b"-%b\r\n" % clean(str(value)))
    else:
        append_many(out, value, resp)


def append_many(out: list[bytes], value, resp: int) -> None:
    """The values that hold others."""
    if isinstance(value, dict):
        out.append(b"*%d\r\n" % (2 * len(value)) if resp == 2 else b"%%%d\r\n" % len(value))
        for key, item in value.items():
            append_value(out, key, resp)
            append_value(out, item, resp)
    elif isinstance(value, list | tuple | set | frozenset):
        is_set = resp == 3 and isinstance(value, set | frozenset | Set)
        out.append(b"%c%d\r\n" % (b"~" if is_set else b"*", len(value)))
        for item in value:
            append_value(out, item, resp)
    else:
        raise TypeError(f"a handler returned {type(value).__name__}, which has no RESP form")


# -- help -----------------------------------------------------------------------------------------

def help_of_container(server, client, argv: list[bytes]) -> list[Simple]:
    """HELP of any container: the syntax and the summary of each subcommand, from the table."""
    from .cold_command import is_legacy, table
    container = argv[0].decode().lower()
    title = container.upper()
    lines = [f"{title} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    rows = table(is_legacy(server, client))
    for entry in sorted(rows.values(), key=lambda entry: entry["name"]):
        if entry["parent"] == container and entry["name"] != f"{container}|help":
            lines += [entry["syntax"].removeprefix(title).strip(), f"    {entry['summary']}"]
    lines += ["HELP", "    Print this help."]
    return [Simple(line) for line in lines]
