"""Our own prompt: history, completion of commands, hints of their arguments, replies in colour.

What it knows of commands it asks of the server (COMMAND DOCS), so that it never knows more or less
than the server does. Where standard input is no terminal it reads a command a line.
"""
import json
import os
import re
import select
import sys
from collections.abc import Iterator
from typing import NoReturn

import click

from ..client import Link, Status, Wrong
from ..errors import BadRequest, Forbidden, Refused
from ..home import default_home

HISTORY_NAME = "history"
SECRET = re.compile(r"^\s*(auth|hello|acl\s+setuser|config\s+set\s+\S*(pass|auth))\b", re.I)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}
REPLY_SECONDS = 3600.0                  # of a command that blocks
REFUSAL_SECONDS = 0.3                   # in which CLIENT REPLY OFF would be refused
LISTENING = (b"subscribe", b"psubscribe", b"ssubscribe", b"monitor")
LEAVING = (b"unsubscribe", b"punsubscribe", b"sunsubscribe")


def split_words(line: str) -> list[bytes]:
    """A line as words, with the quotes of redis-cli: "a\\x00b", 'as it is'.

    Raises:
        BadRequest: a quote is open, or closed in the middle of a word.
    """
    words: list[bytes] = []
    place = 0
    while True:
        while place < len(line) and line[place].isspace():
            place += 1
        if place == len(line):
            return words
        if line[place] in "\"'":
            word, place = quoted(line, place)
        else:
            end = place
            while end < len(line) and not line[end].isspace():
                end += 1
            word, place = line[place:end].encode("utf-8", "surrogateescape"), end
        words.append(word)


def quoted(line: str, start: int) -> tuple[bytes, int]:
    mark, place, word = line[start], start + 1, bytearray()
    while place < len(line):
        char = line[place]
        if char == mark:
            if place + 1 < len(line) and not line[place + 1].isspace():
                raise BadRequest("Invalid argument(s)")
            return bytes(word), place + 1
        if char == "\\" and place + 1 < len(line):
            if mark == "'":
                char, place = (("'", place + 1) if line[place + 1] == "'" else ("\\", place))
            elif match := re.match(r"x([0-9a-fA-F]{2})", line[place + 1:]):
                word.append(int(match[1], 16))
                place += 4
                continue
            else:
                place += 1
                char = ESCAPES.get(line[place], line[place])
        word += char.encode("utf-8", "surrogateescape")
        place += 1
    raise BadRequest("Invalid argument(s)")


def show(reply: object, indent: str = "") -> str:
    """A reply as redis-cli writes it on a terminal."""
    if reply is None:
        return "(nil)"
    if isinstance(reply, Wrong):
        return f"(error) {reply}"
    if isinstance(reply, int):
        return f"(integer) {reply}"
    if isinstance(reply, Status):
        return reply.decode("utf-8", "backslashreplace")
    if isinstance(reply, bytes):
        return '"' + "".join(readable(byte) for byte in reply) + '"'
    if not reply:
        return "(empty array)"
    width = len(str(len(reply)))                            # type: ignore[arg-type]
    inner = indent + " " * (width + 2)
    return f"\n{indent}".join(f"{number:>{width}}) {show(one, inner)}"
                              for number, one in enumerate(reply, 1))  # type: ignore[arg-type]


def readable(byte: int) -> str:
    char = chr(byte)
    names = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\a": "\\a", "\b": "\\b", '"': '\\"',
             "\\": "\\\\"}
    return names.get(char) or (char if 32 <= byte < 127 else f"\\x{byte:02x}")


def raw(reply: object) -> bytes:
    """A reply for a pipe."""
    if isinstance(reply, list):
        return b"\n".join(raw(one) for one in reply)
    return reply if isinstance(reply, bytes) else b"" if reply is None else str(reply).encode()


def plain(reply: object) -> object:
    """A reply as JSON has it; bytes that are no text are escaped."""
    if isinstance(reply, Wrong):
        return {"error": str(reply)}
    if isinstance(reply, bytes):
        return reply.decode("utf-8", "backslashreplace")
    return [plain(one) for one in reply] if isinstance(reply, list) else reply


class Known:
    """The server's commands: name to the rest of its syntax."""

    def __init__(self, link: Link):
        self.syntax: dict[str, str] = {}
        try:
            docs = link.do("COMMAND", "DOCS")
        except Wrong:
            return
        for name, doc in zip(docs[::2], docs[1::2], strict=True):   # type: ignore[index]
            self.add(name, doc)

    def add(self, name: bytes, doc: list) -> None:
        facts = dict(zip(doc[::2], doc[1::2], strict=True))
        text = " ".join(argument(one) for one in facts.get(b"arguments", []))
        self.syntax[name.decode().upper().replace("|", " ")] = text
        for sub, inner in zip(facts.get(b"subcommands", [])[::2],
                              facts.get(b"subcommands", [])[1::2], strict=True):
            self.add(sub, inner)

    def find(self, text: str) -> str:
        """The longest command that a line begins with."""
        words = text.upper().split()
        for count in (2, 1):
            name = " ".join(words[:count])
            if name in self.syntax and len(words) >= count:
                return name
        return ""

    def hint(self, text: str) -> str:
        """What may follow."""
        name = self.find(text)
        if not name:
            return ""
        given = len(text.split()) - len(name.split())
        parts = split_syntax(self.syntax[name])
        return " ".join(parts[given:]) if text.endswith(" ") or not given else \
            " ".join(parts[given:])

    def complete(self, text: str) -> Iterator[str]:
        start = text.lstrip().upper()
        for name in sorted(self.syntax):
            if name.startswith(start) and name != start:
                yield name


def split_syntax(text: str) -> list[str]:
    """Arguments of a syntax line: what stands in brackets is one."""
    parts, depth, word = [], 0, ""
    for char in text:
        depth += (char == "[") - (char == "]")
        if char == " " and not depth:
            parts.append(word)
            word = ""
        else:
            word += char
    return [part for part in [*parts, word] if part]


def argument(raw_facts: list) -> str:
    """One argument of COMMAND DOCS as a syntax line has it."""
    facts = dict(zip(raw_facts[::2], raw_facts[1::2], strict=True))
    kind, token = facts.get(b"type", b"").decode(), facts.get(b"token", b"").decode()
    flags = [flag.decode() if isinstance(flag, bytes) else flag
             for flag in facts.get(b"flags", [])]
    inner = [argument(one) for one in facts.get(b"arguments", [])]
    if kind == "oneof":
        text = " | ".join(inner)
        text = text if "optional" in flags else f"<{text}>"
    elif kind == "block":
        text = " ".join(inner)
    elif kind == "pure-token":
        text, token = token, ""
    else:
        text = facts.get(b"display_text", facts.get(b"name", b"")).decode()
    text = f"{token} {text}" if token else text
    if "multiple" in flags:
        text = f"{text} [{text} ...]"
    return f"[{text}]" if "optional" in flags else text


class Talk:
    """A conversation: the connection, and what its server will answer to what.

    Most commands have one reply. UNSUBSCRIBE has one a channel, CLIENT REPLY OFF none until ON,
    and behind SUBSCRIBE and MONITOR replies come unasked: who expects one would from then on show
    the reply to the command before.

    Attributes:
        link: None before the first command, and where a connection is lost or given up.
        database: as SELECT chose it; chosen again when we connect anew.
        silent: what CLIENT REPLY has switched off: "skip", the next reply, or "off", all of them.
        queued: of an open transaction: replies that its EXEC has beyond its own, and whether it
            subscribes.
    """

    def __init__(self, url: str, name: str, ca: str | None = None, as_json: bool = False):
        self.url = url
        self.name = name
        self.ca = ca
        self.as_json = as_json
        self.link: Link | None = None
        self.database = "0"
        self.hang_up()

    def connect(self) -> Link:
        """The connection, made when there is none.

        Raises:
            Forbidden: the login is refused. Gone: nobody answers.
        """
        if self.link is None:
            try:
                self.link = Link.url(self.url, ca=self.ca)
            except Wrong as error:
                raise Forbidden(refusal(self.name, str(error))) from None
            self.link.timeout(REPLY_SECONDS)
            try:
                if self.database != "0":
                    self.link.do("SELECT", self.database)
            except Wrong:
                self.database = "0"
        return self.link

    def hang_up(self) -> None:
        """Give the connection up, with replies that are still to come."""
        if self.link is not None:
            self.link.close()
        self.link, self.silent, self.queued = None, "", (0, False)

    def run(self, words: list[bytes]) -> int:
        """One command, and all that is answered to it.

        Returns:
            Exit status.
        Raises:
            BadRequest: we could not read the reply. KeyboardInterrupt: nothing else ends one that
            listens.
        """
        link, name = self.connect(), words[0].lower()
        if name == b"hello" and words[1:2] == [b"3"]:
            raise BadRequest("this prompt speaks RESP2: write HELLO 2, or use valkey-cli -3")
        link.send([tuple(words)])
        reply = None
        if not self.silenced(link, words):
            reply = self.tell(link.read())
        more = max(0, len(words) - 2) if name in LEAVING else 0
        listening = name in LISTENING
        if isinstance(reply, Status) and reply == b"QUEUED":
            self.queued = (self.queued[0] + more, self.queued[1] or listening)
            return 0
        if name in (b"exec", b"discard", b"reset"):
            if isinstance(reply, list):
                more, listening = self.queued
            self.queued = (0, False)
        if isinstance(reply, Wrong):
            return 1
        for _ in range(more if isinstance(reply, list) else 0):
            self.tell(link.read())
        if listening:
            self.listen(link)
        if name == b"select" and len(words) == 2:
            self.database = words[1].decode(errors="replace")
        elif name == b"reset":
            self.database = "0"
        return 0

    def silenced(self, link: Link, words: list[bytes]) -> bool:
        """Whether nothing is answered to what was sent, which CLIENT REPLY can bring about."""
        mode = words[2].lower() if len(words) == 3 and \
            [word.lower() for word in words[:2]] == [b"client", b"reply"] else b""
        if mode in (b"off", b"skip"):
            # It is silent about itself, unless it was refused.
            if not self.silent and select.select([link.sock], [], [], REFUSAL_SECONDS)[0]:
                return False
            self.silent = "off" if self.silent == "off" else mode.decode()
            return True
        silent = self.silent if mode != b"on" else ""
        self.silent = "off" if silent == "off" else ""
        return bool(silent)

    def listen(self, link: Link) -> NoReturn:
        """Show what comes unasked until somebody presses Ctrl-C."""
        if sys.stdout.isatty():
            click.echo("Listening: Ctrl-C ends it.", err=True)
        link.sock.settimeout(None)      # a channel may be quiet for a day
        while True:
            self.tell(link.read())

    def tell(self, reply: object) -> object:
        """Print a reply, at once, and give it back."""
        if self.as_json:
            click.echo(json.dumps(plain(reply), ensure_ascii=False))
        elif sys.stdout.isatty():
            shown = show(reply)
            click.echo(click.style(shown, fg="red") if isinstance(reply, Wrong) else shown)
        else:
            sys.stdout.buffer.write(raw(reply) + b"\n")
            sys.stdout.buffer.flush()
        return reply


def refusal(name: str, text: str) -> str:
    """A login that was refused, as a sentence."""
    told = f"{name} refuses the login: {text.removeprefix('ERR ').rstrip('.')}"
    return f"{told}: `kvd allow {name} ADDRESS` lets an address in" if "allowlist" in text else told


def talk_to(url: str, name: str, command: list[str], ca: str | None = None,
            as_json: bool = False) -> int:
    """Run one command, the lines of a pipe, or a prompt. Returns the exit status."""
    talk = Talk(url, name, ca, as_json)
    try:
        if command:
            return talk.run([word.encode("utf-8", "surrogateescape") for word in command])
        if not sys.stdin.isatty():
            return max([run_line(talk, line.rstrip("\n")) for line in sys.stdin], default=0)
        return prompt(talk)
    finally:
        talk.hang_up()


def run_line(talk: Talk, line: str) -> int:
    try:
        words = split_words(line)
        return talk.run(words) if words else 0
    except BadRequest as error:
        click.echo(str(error), err=True)
        return 1


def prompt(talk: Talk) -> int:
    """Read commands until the end of input, exit or quit."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
    from prompt_toolkit.completion import Completer, Completion
    from prompt_toolkit.history import FileHistory
    known = Known(talk.connect())

    class Commands(Completer):
        def get_completions(self, document, event):             # type: ignore[no-untyped-def]
            text = document.text_before_cursor
            for found in known.complete(text):
                yield Completion(found, -len(text.lstrip()), display_meta=known.syntax[found])

    class History(FileHistory):
        """Lines without secrets, in a file for our own user."""

        def store_string(self, string: str) -> None:
            if not SECRET.match(string):
                super().store_string(string)

    path = default_home() / HISTORY_NAME
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    session: PromptSession = PromptSession(
        history=History(str(path)), completer=Commands(), complete_while_typing=False,
        auto_suggest=AutoSuggestFromHistory())

    def toolbar() -> str:
        text = session.default_buffer.text
        found = known.find(text)
        return f"{found} {known.hint(text)}" if found else "Tab completes; Ctrl-D ends"

    while True:
        place = f"[{talk.database}]" if talk.database != "0" else ""
        try:
            line = session.prompt(f"{talk.name}{place}> ", bottom_toolbar=toolbar)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        if line.strip().lower() in ("exit", "quit"):
            return 0
        try:
            words = split_words(line)
            if words:
                talk.run(words)
        except BadRequest as error:
            click.echo(f"(error) {error}")
        except KeyboardInterrupt:
            talk.hang_up()              # the reply that comes late must not answer the next
            click.echo("Interrupted: the next command connects anew.", err=True)
        except Refused as error:
            talk.hang_up()
            click.secho(f"{error}; the next command connects anew", fg="red", err=True)
