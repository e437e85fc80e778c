"""What every verb of the terminal shares: the agent, how to print, how to ask, how to wait.

Results go to standard output: as a table or sentences for people, as JSON for programs. Progress,
questions and complaints go to standard error, so that a pipe sees results alone.
"""
import contextlib
import functools
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from ..errors import Conflict, Failed, Interrupted, NotFound, TimedOut
from ..home import Home, default_home
from ..instance import AVAILABLE, RECOVERY_FAILED, WAITING
from ..names import shown
from .remote import Remote

if TYPE_CHECKING:
    from rich.table import Table

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
WAIT_SECONDS = 120.0
TOOLS = ("valkey-cli", "redis-cli")      # what talks to an instance, the better one first


class Session:
    """One run of the command.

    Attributes:
        as_json: print JSON.
        dry_run: say what would be done.
        yes: do not ask.
    """

    def __init__(self, as_json: bool = False, dry_run: bool = False, yes: bool = False):
        self.as_json = as_json
        self.dry_run = dry_run
        self.yes = yes
        self.home = Home(default_home())
        self.remote = Remote(self.home, os.environ.get("KVD_HOST", ""),
                             os.environ.get("KVD_API_KEY", ""))

    # -- instances --------------------------------------------------------------------------------

    def ask(self, method: str, path: str, body: object = None, **query: object) -> Any:
        return self.remote.ask(method, path, body, **query)

    def get(self, name: str) -> dict:
        """An instance by name or id. Raises NotFound with the names there are."""
        try:
            return self.ask("GET", f"/key-value/{quote(name)}")
        except NotFound as error:
            why = str(error).removeprefix(f"not found: {name}: ")
            if why != str(error):       # it was being created, and could not be
                raise Failed(why) from None
            known = [one["name"] for one in self.all()]
            raise NotFound(f"there is no instance {shown(name)}" + (
                f": there are {', '.join(known[:10])}" if known else
                ", and no other: `kvd create` makes one")) from None

    def all(self) -> list[dict]:
        """Every instance, through all pages."""
        found, cursor = [], ""
        while True:
            page = self.ask("GET", "/key-value", cursor=cursor, limit=100)
            found += [item["keyValue"] for item in page]
            if len(page) < 100:
                return found
            cursor = page[-1]["cursor"]

    def connection(self, id: str) -> dict:
        return self.ask("GET", f"/key-value/{id}/connection-info")

    def wait(self, id: str, wanted: str = AVAILABLE, seconds: float = WAIT_SECONDS,
             what: str = "Waiting") -> dict:
        """Wait until an instance has a status, and show how it gets there.

        Raises:
            TimedOut: it has not. Failed: it never will.
        """
        begun = time.monotonic()
        deadline = begun + seconds
        with Progress(what, quiet=self.as_json) as progress:
            while True:
                try:
                    instance = self.ask("GET", f"/key-value/{id}")
                except NotFound as error:       # it was being created, and could not be
                    raise Failed(str(error).removeprefix(f"not found: {id}: ")) from None
                status = instance["status"]
                progress.show(status)
                if status == wanted:
                    return instance
                if status == RECOVERY_FAILED or (wanted == AVAILABLE and status not in WAITING):
                    raise Failed(f"{instance['name']} is {status}: `kvd logs {instance['name']}` "
                                 "may say why")
                if time.monotonic() > deadline:
                    raise TimedOut(f"{instance['name']} is still {status} after {seconds:.0f} s; "
                                   "it goes on")
                time.sleep(min(0.25, max(0.01, (time.monotonic() - begun) / 10)))

    @contextlib.contextmanager
    def going_on(self, sentence: str) -> Iterator[None]:
        """What goes on in the agent, whoever waits for it: Ctrl-C says so, and what may be done.

        Raises:
            Interrupted: with the sentence.
        """
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted: {sentence}") from None

    # -- printing, asking -------------------------------------------------------------------------

    def print(self, value: object, text: str = "") -> None:
        """The result: JSON for programs, the text for people."""
        if self.as_json:
            click.echo(json.dumps(value, indent=2, ensure_ascii=False))
        elif text:
            click.echo(text)

    def note(self, text: str) -> None:
        """Something beside the result."""
        if not self.as_json:
            click.echo(text, err=True)

    def confirm(self, sentence: str, what: str) -> None:
        """Let a person type what is about to happen.

        Raises:
            Conflict: they did not.
        """
        if self.yes or self.dry_run:
            return
        if not sys.stdin.isatty():
            raise Conflict(f"{what} Nobody is here to confirm it: --yes does")
        click.echo(what, err=True)
        typed = click.prompt(f'Type "{sentence}" to confirm', default="", show_default=False,
                             err=True)
        if typed.strip() != sentence:
            raise Conflict("not confirmed: nothing was done")


class Progress:
    """One line that says what is awaited; plain lines where there is no terminal."""

    def __init__(self, what: str, quiet: bool = False):
        self.what = what
        self.quiet = quiet
        self.live = sys.stderr.isatty() and not quiet
        self.start = time.monotonic()
        self.turns = 0
        self.last = ""

    def __enter__(self) -> "Progress":
        return self

    def show(self, state: str) -> None:
        """The state now."""
        if self.live:
            mark = SPINNER[self.turns % len(SPINNER)]
            self.turns += 1
            spent = time.monotonic() - self.start
            sys.stderr.write(f"\r\033[K{mark} {self.what}: {state} {spent:.1f} s")
            sys.stderr.flush()
        elif state != self.last and not self.quiet:
            sys.stderr.write(f"{self.what}: {state}\n")
        self.last = state

    def __exit__(self, *_: object) -> None:
        if self.live:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def quote(name: str) -> str:
    import urllib.parse
    return urllib.parse.quote(name, safe="", errors="surrogateescape")


# -- options that many verbs have -------------------------------------------------------------

def verb(*, changes: bool = False, asks: bool = False) -> Callable:
    """Give a command its Session, and the options that go with it.

    Args:
        changes: it has --dry-run. asks: it has --yes.
    """
    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def run(*args: object, as_json: bool = False, dry_run: bool = False, yes: bool = False,
                **kwargs: object) -> object:
            return function(Session(as_json, dry_run, yes), *args, **kwargs)
        if asks:
            run = click.option("--yes", "-y", is_flag=True, help="Do not ask.")(run)
        if changes:
            run = click.option("--dry-run", is_flag=True,
                               help="Say what would be done, and do nothing.")(run)
        return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(run)
    return decorate


def complete_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of instances, for a shell. No agent is started for that."""
    session = Session()
    if not session.remote.running():
        return []
    return [one["name"] for one in session.all() if one["name"].startswith(incomplete)]


def offer(values: Iterable[str]) -> Callable:
    """Values of an option, for a shell. What is typed need not be one of them: spellings are many.
    """
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        for spelled in (list(values), [one.replace("-", "_") for one in values]):
            if found := [one for one in spelled if one.startswith(incomplete.lower())]:
                return found
        return []
    return complete


name_argument = click.argument("name", shell_complete=complete_names)


def clean(text: str) -> str:
    """A text that came from elsewhere, without what would command a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def table(columns: list[str], rows: list[list[str]], right: tuple[str, ...] = (),
          spare: tuple[str, ...] = ()) -> None:
    """A table on standard output: drawn for a terminal, tabs between columns for a pipe.

    Args:
        columns: their titles. A pipe gets none where the first is empty: rows then name themselves.
        right: columns that stand at the right edge of theirs.
        spare: columns that a terminal which is too narrow goes without, the first one first.
    """
    if not sys.stdout.isatty():
        for row in [columns, *rows] if columns[0] else rows:
            click.echo("\t".join(row))
        return
    from rich.console import Console
    console = Console(highlight=False)
    wide = console.options.update_width(10_000)
    drawn = draw_table(columns, rows, right)
    for name in spare:
        if console.measure(drawn, options=wide).maximum <= console.width:
            break
        place = columns.index(name)
        columns = columns[:place] + columns[place + 1:]
        rows = [row[:place] + row[place + 1:] for row in rows]
        drawn = draw_table(columns, rows, right)
    console.print(drawn)


def draw_table(columns: list[str], rows: list[list[str]], right: tuple[str, ...]) -> "Table":
    from rich import box
    from rich.table import Table
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False,
                  header_style="" if os.environ.get("NO_COLOR") else "bold")
    for column in columns:
        drawn.add_column(column, justify="right" if column in right else "left",
                         overflow="fold")
    for row in rows:
        drawn.add_row(*[styled(cell) for cell in row])
    return drawn


COLORS = {"available": "green", "suspended": "dim", "unavailable": "red",
          "recovery_failed": "bold red", "ok": "green", "warning": "yellow", "wrong": "red"}


def styled(cell: str) -> str:
    from rich.markup import escape
    color = COLORS.get(cell, "yellow" if cell in WAITING else "")
    return f"[{color}]{escape(cell)}[/]" if color else escape(cell)
