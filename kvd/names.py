"""Names, ids, passwords, URLs: in the form that Render gives them.

An id is an xid: seconds, machine, process and a counter, twelve bytes in twenty letters, so that
ids sort by the time they were made.
"""
import os
import re
import secrets
import string
import threading
import time

from .errors import BadRequest

NAME_MAX = 63
ID = re.compile(r"red-[a-z0-9]{20}")
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")
DIGITS = "0123456789abcdefghijklmnopqrstuv"
PASSWORD_LETTERS = string.ascii_letters + string.digits
PASSWORD_SIZE = 32
_machine = secrets.token_bytes(3)
_lock = threading.Lock()
_counter = secrets.randbelow(1 << 24)


def new_id(prefix: str) -> str:
    """A new id: `red-d8k3stdodlmc73btr2q0`."""
    global _counter
    with _lock:
        _counter = (_counter + 1) % (1 << 24)
        count = _counter
    raw = (int(time.time()) & 0xffffffff).to_bytes(4, "big") + _machine \
        + (os.getpid() & 0xffff).to_bytes(2, "big") + count.to_bytes(3, "big")
    number = int.from_bytes(raw, "big") << 4            # 96 bits in 20 letters of five
    return f"{prefix}-" + "".join(DIGITS[number >> shift & 31] for shift in range(95, -1, -5))


def new_password() -> str:
    """32 letters and digits: no symbol that a URL or a shell would want escaped."""
    return "".join(secrets.choice(PASSWORD_LETTERS) for _ in range(PASSWORD_SIZE))


def new_name() -> str:
    """A name for somebody who gave none."""
    first = "amber brave calm daring eager fair gentle happy keen lucid merry noble quick".split()
    last = "badger crane dolphin falcon heron ibex lynx otter puffin robin stork wren".split()
    return f"{secrets.choice(first)}-{secrets.choice(last)}-{secrets.token_hex(2)}"


def shown(typed: str) -> str:
    """What somebody typed, in quotes, for a message.

    Letters and signs of every script stand as they are. What is not printable is escaped: control
    characters would command the terminal, and marks of direction turn the sentence round.
    """
    return repr(typed)


def check_name(name: str) -> str:
    """The name, if an instance may have it.

    Raises:
        BadRequest: with what is wrong about it.
    """
    if not name:
        raise BadRequest("a name is needed: letters, digits, - and _")
    if len(name) > NAME_MAX:
        raise BadRequest(f"the name has {len(name)} characters: at most {NAME_MAX} are allowed")
    if not NAME.fullmatch(name):
        bad = next((char for char in name if not re.match(r"[A-Za-z0-9_-]", char)), None)
        why = f"it has {shown(bad)}" if bad else "it begins or ends with - or _"
        raise BadRequest(f"the name {shown(name)} cannot be used, since {why}: letters, digits, - "
                         "and _ are allowed, and it begins and ends with a letter or digit")
    if ID.fullmatch(name):
        raise BadRequest(f"the name {name} looks like an id: choose another")
    return name


def show_host(host: str) -> str:
    """An address as a URL has it: IPv6 stands in brackets."""
    return f"[{host}]" if ":" in host else host
