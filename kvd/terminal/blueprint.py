"""apply, env: instances from a render.yaml, and what its services must know of them."""
import pathlib
import re
import shlex

import click

from .. import blueprint
from ..errors import Conflict, NotFound
from .instances import changed, describe, differences
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


Step = tuple[blueprint.Service, str, dict | None]


def plan_steps(session: Session, found: blueprint.Blueprint, live: dict[str, dict]) -> list[Step]:
    """What would be done, and the sentence for it; the agent checks each without doing it."""
    steps: list[Step] = []
    for service in found.services:
        instance = live.get(service.name)
        if instance is None:
            body = {"name": service.name, "plan": "starter", "region": service.region or "oregon"}
            body |= blueprint.body_of(service)
            would = session.ask("POST", "/key-value", body | {"dryRun": True})
            steps.append((service, f"  + {describe(would)}", body))
            continue
        body = blueprint.differing(service, instance)
        if not body:
            steps.append((service, f"    {service.name}: as it is", None))
            continue
        would = session.ask("PATCH", f"/key-value/{instance['id']}", body | {"dryRun": True})
        lines = "; ".join(line.strip() for line in differences(instance, would))
        steps.append((service, f"  ~ {service.name}: {lines}", body))
    return steps


def carry_out(session: Session, service: blueprint.Service, body: dict,
              instance: dict | None) -> dict:
    if instance is None:
        made = session.ask("POST", "/key-value", body)
        return session.wait(made["id"], what=f"Creating {service.name}")
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
        values = resolve(session, load(file), service)
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
