"""Our own prompt: history, completion of commands, hints of their arguments, replies in colour.

What it knows of commands it asks of the server (COMMAND DOCS), so that it never knows more or less
than the server does. Where standard input is no terminal it reads a command a line.
"""
import json
import os
import re
import sys
from collections.abc import Iterator

import click

from ..client import Gone, Link, Status, Wrong
from ..errors import BadRequest
from ..home import default_home

HISTORY_NAME = "history"
SECRET = re.compile(r"^\s*(auth|hello|acl\s+setuser|config\s+set\s+\S*(pass|auth))\b", re.I)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}


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


def talk_to(url: str, name: str, command: list[str], ca: str | None = None,
            as_json: bool = False) -> int:
    """Run one command, the lines of a pipe, or a prompt. Returns the exit status."""
    link = Link.url(url, ca=ca)
    link.timeout(3600.0)
    try:
        if command:
            return run(link, [word.encode("utf-8", "surrogateescape") for word in command],
                       as_json)
        if not sys.stdin.isatty():
            return max([run_line(link, line.rstrip("\n"), as_json) for line in sys.stdin],
                       default=0)
        return prompt(link, url, name, ca)
    finally:
        link.close()


def run_line(link: Link, line: str, as_json: bool) -> int:
    try:
        words = split_words(line)
    except BadRequest as error:
        click.echo(str(error), err=True)
        return 1
    return run(link, words, as_json) if words else 0


def run(link: Link, words: list[bytes], as_json: bool = False) -> int:
    """One command and its reply."""
    try:
        reply = link.do(*words)
    except Wrong as error:
        reply = error
    if as_json:
        click.echo(json.dumps(plain(reply), ensure_ascii=False))
    elif sys.stdout.isatty():
        shown = show(reply)
        click.echo(click.style(shown, fg="red") if isinstance(reply, Wrong) else shown)
    else:
        sys.stdout.buffer.write(raw(reply) + b"\n")
        sys.stdout.buffer.flush()
    return 1 if isinstance(reply, Wrong) else 0


def prompt(link: Link, url: str, name: str, ca: str | None) -> int:
    """Read commands until the end of input, exit or quit."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
    from prompt_toolkit.completion import Completer, Completion
    from prompt_toolkit.history import FileHistory
    known = Known(link)

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

    database = "0"
    while True:
        shown = f"{name}[{database}]> " if database != "0" else f"{name}> "
        try:
            line = session.prompt(shown, bottom_toolbar=toolbar)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        if line.strip().lower() in ("exit", "quit"):
            return 0
        try:
            words = split_words(line)
            if words and run(link, words) == 0 and words[0].lower() == b"select":
                database = words[1].decode(errors="replace")
        except BadRequest as error:
            click.echo(f"(error) {error}")
        except KeyboardInterrupt:
            link.close()                # the reply that comes late must not answer the next
            link = Link.url(url, ca=ca)
        except Gone as error:
            click.secho(f"{error}; connecting anew", fg="red", err=True)
            link, database = Link.url(url, ca=ca), "0"
            link.timeout(3600.0)
