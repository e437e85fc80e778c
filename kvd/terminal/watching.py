"""logs, events, metrics, doctor: what an instance does, and what may be wrong."""
import os
import re
import shutil
import socket
import sys
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import click

from .. import plans
from ..client import Link, Wrong, info
from ..errors import BadRequest, Refused
from ..instance import AVAILABLE
from ..names import shown
from .plot import draw
from .session import TOOLS, Session, clean, name_argument, table, verb

FOLLOW_SECONDS = 0.3
PLOT_LINES = 5
SPANS = {"m": 60, "h": 3600, "d": 86400}
KEPT_SECONDS = 30 * 86400
SHOWN = ("memory", "connections", "commands", "cpu", "keys")
QUEUE_KEYS = ("bull:", "_kombu.", "queue:", "queues", "rq:", "celery")
OURS = 2                                # connections: the one that looks, and the agent's


@click.command()
@name_argument
@click.option("--follow", "-f", is_flag=True, help="Go on as lines are written.")
@click.option("--lines", "-n", type=click.IntRange(1, 10_000), default=100, show_default=True,
              help="How many of the last lines.")
@click.option("--level", type=click.Choice(["debug", "info", "notice", "warning", "error"]),
              help="Only lines of this level.")
@click.option("--text", help="Only lines with this text.")
@verb()
def logs(session: Session, name: str, follow: bool, lines: int, level: str | None,
         text: str | None) -> None:
    """Show the engine's log."""
    path = f"/key-value/{session.get(name)['id']}/logs"
    query = {"level": level, "text": text}
    found = session.ask("GET", path, limit=lines, **query)
    print_lines(session, found["logs"])
    while follow:
        time.sleep(FOLLOW_SECONDS)
        found = session.ask("GET", path, place=found["place"], **query)
        print_lines(session, found["logs"])


def print_lines(session: Session, lines: list[dict]) -> None:
    import json
    for line in lines:
        if session.as_json:
            click.echo(json.dumps(line, ensure_ascii=False))
            continue
        color = {"warning": "yellow", "error": "red", "debug": "bright_black"}.get(line["level"])
        stamp = click.style(line["timestamp"], fg="bright_black")
        click.echo(f"{stamp} {click.style(clean(line['message']), fg=color)}".strip())


@click.command()
@name_argument
@click.option("--lines", "-n", type=click.IntRange(1, 500), default=20, show_default=True,
              help="How many of the last events.")
@verb()
def events(session: Session, name: str, lines: int) -> None:
    """Show what happened to an instance, latest first."""
    found = session.ask("GET", f"/key-value/{session.get(name)['id']}/events", limit=lines)
    if session.as_json:
        session.print(found)
    else:
        table(["time", "event", "details"],
              [[one["timestamp"], one["type"],
                clean(one["details"].get("message", ""))] for one in found])


@click.command()
@name_argument
@click.option("--range", "span", default="1h", show_default=True, metavar="SPAN",
              help="How far back: 5m, 12h, 7d, 30d.")
@click.option("--metric", "names", multiple=True, help="Only this one. Repeatable.")
@verb()
def metrics(session: Session, name: str, span: str, names: tuple[str, ...]) -> None:
    """Plot what an instance does: memory, connections, commands, processor, keys."""
    match = re.fullmatch(r"(\d{1,4})([mhd])", span)
    if match is None:
        raise BadRequest(f"{shown(span)} is no range: write 5m, 12h or 30d")
    seconds = int(match[1]) * SPANS[match[2]]
    if seconds > KEPT_SECONDS:
        raise BadRequest(f"{span} is more than is kept: write at most 30d")
    instance = session.get(name)
    now = time.time()
    series = session.ask("GET", f"/key-value/{instance['id']}/metrics",
                         metric=list(names or SHOWN), startTime=now - seconds, endTime=now,
                         resolutionSeconds=max(10, seconds // 120))
    if session.as_json:
        session.print(series)
        return
    if not any(one["values"] for one in series):
        session.note("No samples yet: one is taken every ten seconds.")
        return
    width = max(20, min(100, shutil.get_terminal_size().columns) - 4)
    for one in series:
        if not one["values"]:
            continue
        title, *lines = plot_lines(one, instance, now - seconds, now, width)
        if not sys.stdout.isatty():
            click.echo(title)
            continue
        click.secho(title, bold=True)
        for line in lines:
            click.secho(line, fg="cyan")
        click.echo()


def plot_lines(series: dict, instance: dict, start: float, end: float, width: int) -> list[str]:
    """One metric as a line of numbers, and as a plot behind it. There is at least one point."""
    name = series["labels"][1]["value"]
    values = [point["value"] for point in series["values"]]
    show = plans.show_bytes if series["unit"].startswith("bytes") else "{:.4g}".format
    limit = {"memory": instance["limits"]["memoryBytes"],
             "connections": instance["limits"]["connections"]}.get(name)
    last = "now" if instance["status"] == AVAILABLE else "last"
    title = (f"{name}: {last} {show(values[-1])}, least {show(min(values))}, "
             f"most {show(max(values))}")
    title += f", limit {show(limit)}" if limit else ""
    points = [(stamp(point["timestamp"]), point["value"]) for point in series["values"]]
    return [title, *[f"  {line}" for line in draw(points, start, end, width, PLOT_LINES)]]


def stamp(text: str) -> float:
    from datetime import datetime
    return datetime.fromisoformat(text).timestamp()


# -- doctor -----------------------------------------------------------------------------------

@click.command()
@click.argument("name", required=False)
@verb()
def doctor(session: Session, name: str | None) -> None:
    """Look for what is wrong: with this host, with the agent, with instances."""
    findings = list(look(session, name))
    if session.as_json:
        session.print([{"what": what, "state": state, "message": message}
                       for what, state, message in findings])
    else:
        table(["what", "state", ""], [list(one) for one in findings])
    if any(state == "wrong" for _, state, _ in findings):
        sys.exit(1)


Finding = tuple[str, str, str]


def look(session: Session, name: str | None) -> Iterator[Finding]:
    yield from look_at_host(session)
    try:
        agent = session.ask("GET", "/agent")
    except Refused as error:
        yield "agent", "wrong", str(error)
        return
    yield "agent", "ok", f"process {agent['pid']}, {agent['engines']} engines run"
    instances = [session.get(name)] if name else session.all()
    for instance in instances:
        yield from look_at_instance(session, instance)


def look_at_host(session: Session) -> Iterator[Finding]:
    root = session.home.root
    if session.remote.local and root.exists():
        mode = root.stat().st_mode & 0o077
        yield "home", "wrong" if mode else "ok", \
            f"{root} can be read by others: chmod 700" if mode else str(root)
        free = shutil.disk_usage(root).free
        yield "disk", "ok" if free > plans.GIB else "warning", f"{plans.show_bytes(free)} free"
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield "open files", "ok" if hard >= 10_000 else "warning", \
        f"{hard} at most: a plan of more connections cannot start" if hard < 10_000 else str(hard)
    tools = [tool for tool in TOOLS if shutil.which(tool)]
    yield "client", "ok", f"{tools[0]} is installed" if tools else \
        "no valkey-cli here: `kvd cli` has a prompt of its own"
    clock = time.time()
    yield "clock", "ok" if clock > 1_700_000_000 else "wrong", time.strftime(
        "%Y-%m-%d %H:%M:%S %Z", time.localtime(clock))


def look_at_instance(session: Session, instance: dict) -> Iterator[Finding]:
    name = instance["name"]
    if instance["status"] == "suspended":
        yield name, "ok", "suspended"
        return
    now = session.ask("GET", f"/key-value/{instance['id']}/now")
    if instance["status"] != "available":
        yield name, "wrong", f"{instance['status']}: `kvd events {name}` says more"
        return
    connection = session.connection(instance["id"])
    try:
        with Link.url(connection["internalConnectionString"], 5.0) as link:
            start = time.perf_counter()
            link.do("PING")
            took = (time.perf_counter() - start) * 1000
            yield name, "ok", f"answers on the internal URL in {took:.1f} ms"
            yield from look_at_data(instance, link)
    except (Refused, Wrong) as error:
        yield name, "wrong", f"the internal URL does not work: {error}"
    if now["outside"]:
        yield name, "wrong", now["outside"]
    if any(rule["cidrBlock"] in ("0.0.0.0/0", "::/0") for rule in instance["ipAllowList"]):
        yield name, "warning", "the whole world may try to come in: `kvd deny` narrows it"
    if connection["externalAccess"] == "closed":
        yield name, "ok", "closed to the outside: `kvd allow` opens it"
    if connection["externalAccess"] == "open":
        yield from look_outside(name, connection["externalConnectionString"])


def look_at_data(instance: dict, link: Link) -> Iterator[Finding]:
    """Memory, connections, and a policy that would lose jobs."""
    facts: dict[str, Any] = info(link.do("INFO"))
    name, limits = instance["name"], instance["limits"]
    clients = int(facts.get("connected_clients", 0)) - OURS
    for what, used, limit in (
            ("memory", int(facts.get("used_memory", 0)), limits["memoryBytes"]),
            ("connections", clients, limits["connections"])):
        if used > 0.9 * limit:
            yield name, "warning", f"{100 * used / limit:.0f} % of its {what} in use: `kvd " \
                f"upgrade {name}` gives more"
    policy = plans.parse_policy(instance["options"]["maxmemoryPolicy"])
    if policy != "noeviction":
        _, keys = link.do("SCAN", "0", "COUNT", "200")                  # type: ignore[misc]
        queue = next((key.decode(errors="replace") for key in keys
                      if key.decode(errors="replace").startswith(QUEUE_KEYS)), None)
        if queue:
            yield name, "warning", f"{shown(queue)} looks like a queue's key, and {policy} may " \
                f"drop jobs: `kvd update {name} --for queue`"
    if refused := int(facts.get("external_connections_refused", 0)):
        address = facts["external_last_refused"].rpartition(":")[0].strip("[]")
        yield name, "warning", f"{refused} connection{'s' * (refused != 1)} from outside " \
            f"{'were' if refused != 1 else 'was'} refused, the last from {address}: `kvd allow " \
            f"{name} {address}` lets it in"
    if facts.get("aof_last_write_status", "ok") != "ok":
        yield name, "wrong", "its journal cannot be written: is the disk full?"


def look_outside(name: str, url: str) -> Iterator[Finding]:
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        yield name, "warning", f"{host} has no address: `kvd settings external-host` names another"


COMMANDS = [logs, events, metrics, doctor]
