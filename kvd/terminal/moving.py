"""import, clone: data of another server, or of another instance, into an instance."""
import hashlib
import os
import pathlib
import sys
import time
from dataclasses import asdict

import click

from .. import plans
from ..client import Link, Wrong, hide_password, url_database
from ..errors import BadRequest, Conflict, Failed, Forbidden, NotFound, Refused
from ..instance import SUSPENDED
from ..moving import Copy, Result, check_room, show_libraries
from .instances import describe
from .session import Progress, Session, name_argument, verb

FILES = (".rdb", ".aof")


@click.command("import")
@name_argument
@click.argument("source", metavar="URL")
@click.option("--replace", is_flag=True, help="Write over keys that the instance holds.")
@click.option("--cacert", type=click.Path(exists=True, dir_okay=False),
              help="Certificates that sign the source's.")
@click.option("--insecure", is_flag=True, help="Do not check the source's certificate.")
@verb(changes=True)
def import_(session: Session, name: str, source: str, replace: bool, cacert: str | None,
            insecure: bool) -> None:
    """Copy a live Redis or Valkey server: kvd import cache redis://:password@host:6379

    Keys, deadlines, databases and functions are copied while the source serves on; of a URL that
    ends in a number (/3), that database alone. `-` reads the URL from standard input, so that no
    process list shows its password. An import that was cut short goes on where it stopped.
    """
    if source == "-":
        source = sys.stdin.readline().strip()
    if source.endswith(FILES) or pathlib.Path(source).exists():
        raise BadRequest("RDB and AOF files cannot be imported yet: start a server with the file "
                         "and give its URL")
    instance = session.get(name)
    copy = copy_into(session, instance, source, replace, cacert, insecure)
    if session.dry_run:
        session.print({"source": hide_password(source)},
                      f"Would copy {hide_password(source)} into {instance['name']}")
    else:
        tell(session, instance, copy)


@click.command()
@name_argument
@click.argument("new_name", metavar="NEW")
@click.option("--plan", help="The new one's plan; that of the old one unless given.")
@verb(changes=True)
def clone(session: Session, name: str, new_name: str, plan: str | None) -> None:
    """Make a new instance with the settings and the data of another.

    Data that does not fit is refused before anything is made. A clone whose data could not be
    copied, or that was interrupted, is deleted again.
    """
    old = session.get(name)
    if old["status"] == SUSPENDED:
        raise Conflict(f"{old['name']} is suspended: `kvd resume {old['name']}`, then clone it")
    body = {"name": new_name, "plan": plan or old["plan"], "region": old["region"],
            "maxmemoryPolicy": old["options"]["maxmemoryPolicy"], "engine": old["engine"]}
    if body["plan"] == "custom":
        body |= {"memoryBytes": old["limits"]["memoryBytes"],
                 "connections": old["limits"]["connections"]}
    if plan is None:
        body["persistenceMode"] = old["options"]["persistenceMode"]
    dry_body = body | {"dryRun": True}
    planned = session.ask("POST", "/key-value", dry_body)
    source = session.connection(old["id"])["internalConnectionString"]
    with connect(old["name"], source) as link:
        check_room(link, planned["limits"]["memoryBytes"])
    if session.dry_run:
        session.print(dry_body, f"Would clone {describe(old)}\ninto {describe(planned)}")
        return
    made = session.ask("POST", "/key-value", body)
    try:
        made = session.wait(made["id"], what=f"Creating {new_name}")
        copy = copy_into(session, made, source)
    except Refused as error:
        raise type(error)(f"{error}; {discard(session, made, source)}") from None
    except BaseException:
        click.echo(f"\nkvd: {discard(session, made, source)}", err=True)
        raise
    tell(session, made, copy)


def discard(session: Session, made: dict, source: str) -> str:
    """Delete a clone that is not whole. Returns what became of it."""
    name = made["name"]
    try:
        session.ask("DELETE", f"/key-value/{made['id']}")
    except NotFound:
        pass                            # it could not be created, and is gone already
    except Refused as error:
        return f"{name} stays, and is not whole ({error}): `kvd delete {name}` deletes it"
    place_file(session, made, source).unlink(missing_ok=True)
    return f"{name} was deleted again"


def place_file(session: Session, instance: dict, source: str) -> pathlib.Path:
    """Where the place of a copy is kept: under the installation's home."""
    key = hashlib.sha256(f"{instance['id']} {hide_password(source)}".encode()).hexdigest()[:20]
    return session.home.root / "imports" / f"{key}.json"


def copy_into(session: Session, instance: dict, source: str, replace: bool = False,
              ca: str | None = None, insecure: bool = False) -> Copy:
    """Copy, with a bar; in a dry run, only look whether it may begin.

    Args:
        source: its URL.
        replace: write over keys that the instance holds.
        ca: file with the certificates that sign the source's.
        insecure: do not check the source's certificate.
    Raises:
        Refused: either server, or the copy, as its sentence says.
    """
    target = session.connection(instance["id"])["internalConnectionString"]
    file = place_file(session, instance, source)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with connect("the source", source, ca, insecure) as reading, \
            connect(instance["name"], target) as writing:
        for link in (reading, writing):
            link.timeout(300.0)
        try:
            copy = Copy(reading, writing, source, file, replace, url_database(source))
            copy.check()
            if session.dry_run:
                return copy
            result = watch(session, copy)
        except Wrong as error:
            raise Failed(f"it was refused: {error}") from None
    if result.differing:
        raise Failed(f"{len(result.differing)} of {result.sampled} sampled keys differ, among "
                     f"them {result.differing[0]!a}: are they written to at the source?")
    if result.refused:
        raise Failed(f"the keys are copied, but {instance['name']} refuses "
                     f"{show_libraries(len(result.refused))}, among them {result.refused[0]}")
    return copy


def tell(session: Session, instance: dict, copy: Copy) -> None:
    """What was copied, and what was not."""
    result = copy.result
    session.print(asdict(result), summary(instance, result, copy.database))
    for note in result.notes:
        session.note(note)
    if result.target_keys < result.source_keys:
        session.note(f"The source holds {result.source_keys} keys now and the instance "
                     f"{result.target_keys}: some were written meanwhile, or have expired.")


def connect(who: str, url: str, ca: str | None = None, insecure: bool = False) -> Link:
    """A connection that is logged in.

    Args:
        who: the server's name in a sentence.
        ca: file with the certificates that sign the server's.
        insecure: do not check the server's certificate.
    Raises:
        BadRequest: no such URL. Unreachable: nobody answers. Forbidden: the login is refused.
    """
    try:
        link = Link.url(url, ca=ca, insecure=insecure)
    except Wrong as error:
        raise Forbidden(f"{who} refused the login: {error}") from None
    reply, = link.many([("PING",)])
    if isinstance(reply, Wrong) and str(reply).startswith("NOAUTH"):
        link.close()
        raise Forbidden(f"{who} asks for a password: write it into the URL, as in "
                        "redis://:password@host:6379")
    return link


def watch(session: Session, copy: Copy) -> Result:
    if copy.resumed:
        session.note("Going on with an import that was cut short.")
    start = time.monotonic()
    with Progress("Copying", quiet=session.as_json) as progress:
        def show(done: int, total: int) -> None:
            if not progress.live:
                return
            rate = done / max(0.001, time.monotonic() - start)
            share = done / total if total else 1.0
            width = max(10, min(30, os.get_terminal_size(2).columns - 60))
            bar = "━" * round(width * min(1.0, share)) + "╌" * round(width * (1 - min(1.0, share)))
            progress.show(f"{bar} {100 * share:3.0f} %  {done:,} keys  {rate:,.0f}/s ")
        return copy.run(show)


def summary(instance: dict, result: Result, database: int | None) -> str:
    keys = f"{result.copied:,} keys" + (f" of database {database}" if database is not None else "")
    functions = f" and {show_libraries(result.libraries)}" if result.libraries else ""
    return (f"Copied {keys} ({plans.show_bytes(result.bytes)}){functions} into "
            f"{instance['name']} in {result.seconds:.1f} s; {result.sampled} keys compared, "
            "all equal.")


COMMANDS = [import_, clone]
