"""apply, env: instances from a render.yaml, and what its services must know of them."""
import pathlib
import re
import shlex

import click

from .. import blueprint
from ..errors import Conflict, NotFound, Refused, Unreachable
from ..names import shown
from .instances import changed, created, describe, differences, going_on_text
from .session import Session, verb

file_argument = click.argument("file", default="render.yaml",
                               type=click.Path(exists=True, dir_okay=False))


def load(file: str) -> blueprint.Blueprint:
    found = blueprint.read(pathlib.Path(file).read_text(errors="replace"), file)
    blueprint.check(found)
    return found


@click.command()
@file_argument
@verb(changes=True, asks=True)
def apply(session: Session, file: str) -> None:
    """Create and change instances until they are what FILE says. Deletes nothing."""
    found = load(file)
    live = {one["name"]: one for one in session.all()}
    steps = plan_steps(session, found, live)
    for _, line, _ in steps:
        session.note(line)
    todo = [step for step in steps if step[2] is not None]
    if session.dry_run or not todo:
        session.print([{"name": service.name, "do": line.strip(), "body": body}
                       for service, line, body in steps])
        session.note("Nothing was done." if session.dry_run else "Everything is so already.")
        return
    if not session.yes:
        import sys
        if not sys.stdin.isatty():
            raise Conflict("nobody is here to confirm this plan: --yes does")
        click.confirm("Do this?", abort=True, err=True)
    done = []
    for service, _, body in todo:
        done.append(carry_out(session, service, body or {}, live.get(service.name)))
    session.print(done, f"{len(done)} instance{'s' * (len(done) != 1)} changed.")


Step = tuple[blueprint.Service, str, dict | None]       # with the body for the agent, if any


def plan_steps(session: Session, found: blueprint.Blueprint, live: dict[str, dict]) -> list[Step]:
    """What would be done, and the sentence for it; the agent checks each without doing it.

    Raises:
        Conflict: with every step that it refuses, one a line, and its place in the file.
    """
    steps: list[Step] = []
    for service in found.services:
        try:
            steps.append(plan_step(session, service, live.get(service.name)))
        except Unreachable:
            raise
        except Refused as error:
            found.errors.append(f"{service.where}: {error}")
    check_free(session, found, live)
    if found.errors:
        raise Conflict("\n     ".join(found.errors))
    return steps


def plan_step(session: Session, service: blueprint.Service, instance: dict | None) -> Step:
    if instance is None:
        body = {"name": service.name, "plan": "starter", "region": service.region or "oregon"}
        body |= blueprint.body_of(service)
        would = session.ask("POST", "/key-value", body | {"dryRun": True})
        return service, f"  + {describe(would)}", body
    body = blueprint.differing(service, instance)
    if not body:
        return service, f"    {service.name}: as it is", None
    would = session.ask("PATCH", f"/key-value/{instance['id']}", body | {"dryRun": True})
    lines = "; ".join(line.strip() for line in differences(instance, would))
    return service, f"  ~ {service.name}: {lines}", body


def check_free(session: Session, found: blueprint.Blueprint, live: dict[str, dict]) -> None:
    """Free instances of the file together: the agent has looked at each by itself."""
    limit = next(int(one["value"]) for one in session.ask("GET", "/settings")
                 if one["name"] == "free-instances-max")
    room = limit - sum(one["plan"] == "free" for one in live.values())
    wanted = [service for service in found.services if service.plan == "free"
              and (live.get(service.name) or {}).get("plan") != "free"]
    if room > 0:                        # where there is none, it has refused them all
        found.errors += [f"{service.where}: there can be {limit} Free instance"
                         f"{'s' * (limit != 1)} at a time" for service in wanted[room:]]


def carry_out(session: Session, service: blueprint.Service, body: dict,
              instance: dict | None) -> dict:
    if instance is None:
        return created(session, session.ask("POST", "/key-value", body))
    with session.going_on(going_on_text(service.name, "changed")):
        return changed(session, session.ask("PATCH", f"/key-value/{instance['id']}", body))


@click.command()
@click.argument("file", default="render.yaml", type=click.Path(dir_okay=False))
@click.option("--service", help="Only variables of this service.")
@click.option("--name", help="Without a file: REDIS_URL of this instance.")
@verb()
def env(session: Session, file: str, service: str | None, name: str | None) -> None:
    """Print the variables that a render.yaml draws from instances (fromService) as an env file."""
    values: dict[str, str] = {}
    if name is not None:
        values["REDIS_URL"] = session.connection(session.get(name)["id"])[
            "internalConnectionString"]
    else:
        if not pathlib.Path(file).exists():
            raise NotFound(f"there is no {file}: name a Blueprint, or an instance with --name")
        found = load(file)
        services = dict.fromkeys(reference.service for reference in found.references)
        if service is not None and service not in services:
            there = f"it has {', '.join(services)}" if services else "it has none at all"
            raise NotFound(f"{file} has no service {shown(service)} that draws from an instance: "
                           f"{there}")
        values = resolve(session, found, service)
    session.print(values, "\n".join(f"{key}={shell_word(value)}"
                                    for key, value in values.items()))


def resolve(session: Session, found: blueprint.Blueprint, service: str | None) -> dict[str, str]:
    values: dict[str, str] = {}
    for reference in found.references:
        if service not in (None, reference.service):
            continue
        url = session.connection(session.get(reference.name)["id"])["internalConnectionString"]
        value = blueprint.value_of(reference, url)
        if values.get(reference.key, value) != value:
            raise Conflict(f"{reference.key} means different things to different services: "
                           "--service chooses one")
        values[reference.key] = value
    return values


def shell_word(value: str) -> str:
    return value if re.fullmatch(r"[\w:/@.+-]*", value) else shlex.quote(value)


COMMANDS = [apply, env]
