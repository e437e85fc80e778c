"""allow, deny, password rotate, internal-auth, ca."""
import os
import pathlib
import re
import sys

import click

from ..allowlist import Rule, edit, is_open, parse_cidr, parse_rule
from ..errors import BadRequest, NotFound
from .instances import differences
from .session import Session, name_argument, table, verb

SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def me() -> str:
    """The address that this terminal comes from, when it is an ssh session.

    Raises:
        BadRequest: nobody knows.
    """
    address = os.environ.get("SSH_CONNECTION", "").partition(" ")[0]
    if not address:
        raise BadRequest("`me` is the address that an ssh session comes from, and this is none: "
                         "write the address")
    return address


def read_rule(given: str) -> tuple[str, str | None]:
    """A network and its description; None when none was given, which leaves the one it has."""
    cidr, comma, description = given.partition(",")
    rule = parse_rule((me() if cidr == "me" else cidr) + comma + description)
    return rule.cidr, rule.description if comma else None


@click.command()
@name_argument
@click.argument("rules", nargs=-1, metavar="[CIDR[,DESCRIPTION]]...")
@verb(changes=True)
def allow(session: Session, name: str, rules: tuple[str, ...]) -> None:
    """Let networks in from outside; without any, show who is let in.

    `me` is where your ssh session comes from.
    """
    instance = session.get(name)
    old = rules_of(instance)
    if not rules:
        show(session, instance)
        return
    added = [read_rule(one) for one in rules]
    if is_open(edit(old, added, ())) and not is_open(old):
        session.note("Warning: this lets in the whole world; the password is all that protects "
                     "the data.")
    save(session, instance, {"ipAllowListAdd": [
        {"cidrBlock": cidr} | ({} if description is None else {"description": description})
        for cidr, description in added]})


@click.command()
@name_argument
@click.argument("networks", nargs=-1, metavar="[CIDR]...")
@click.option("--all", "everybody", is_flag=True, help="Let nobody in.")
@verb(changes=True)
def deny(session: Session, name: str, networks: tuple[str, ...], everybody: bool) -> None:
    """Take networks off the allowlist: who is connected from there is disconnected."""
    instance = session.get(name)
    old = rules_of(instance)
    gone = {parse_cidr(me() if one == "me" else one) for one in networks}
    if not gone and not everybody:
        raise BadRequest("name the networks, or --all")
    for cidr in gone:
        if cidr not in {rule.cidr for rule in old}:
            raise NotFound(f"{cidr} is not on the allowlist of {instance['name']}: "
                           f"{', '.join(rule.cidr for rule in old) or 'it is empty'}")
    save(session, instance, {"ipAllowList": []} if everybody else
         {"ipAllowListRemove": sorted(gone)})


def rules_of(instance: dict) -> list[Rule]:
    return [Rule(one["cidrBlock"], one["description"]) for one in instance["ipAllowList"]]


def save(session: Session, instance: dict, body: dict) -> None:
    """Let the agent edit the list, which another terminal may be editing too."""
    if session.dry_run:
        body["dryRun"] = True
    after = session.ask("PATCH", f"/key-value/{instance['id']}", body)
    if session.as_json:
        session.print(after)
        return
    lines = differences(instance, after)
    if lines and session.dry_run:
        lines.insert(0, f"Would change {instance['name']}:")
    session.print(after, "\n".join(lines) or "It is so already.")
    outside = session.ask("GET", f"/key-value/{instance['id']}/now")["outside"]
    if outside:
        session.note(f"It is kept, but {outside}.")


def show(session: Session, instance: dict) -> None:
    if session.as_json:
        session.print(instance["ipAllowList"])
    elif not instance["ipAllowList"]:
        session.note("External traffic not allowed. Add networks: "
                     f"kvd allow {instance['name']} 203.0.113.0/24,office")
    else:
        table(["network", "description"], [[one["cidrBlock"], one["description"]]
                                           for one in instance["ipAllowList"]])


@click.group()
def password() -> None:
    """The password behind both URLs."""


@password.command()
@name_argument
@click.option("--overlap", default="0s", show_default=True, metavar="SPAN",
              help="Accept the old one so much longer: 30m, 12h, 7d.")
@verb(changes=True, asks=True)
def rotate(session: Session, name: str, overlap: str) -> None:
    """A new password. Who is connected stays connected."""
    match = re.fullmatch(r"(\d{1,7})([smhd]?)", overlap.strip())
    if match is None:
        raise BadRequest(f"{overlap!a} is no span of time: write 30m, 12h or 7d")
    seconds = int(match[1]) * SPANS[match[2] or "s"]
    instance = session.get(name)
    wish: dict = {"overlapSeconds": seconds}
    if session.dry_run:
        session.ask("POST", f"/key-value/{instance['id']}/password/rotate",
                    wish | {"dryRun": True})
        session.print(instance, f"Would rotate the password of {instance['name']}")
        return
    if not seconds:
        session.confirm(f"sudo rotate password {instance['name']}",
                        "The old password will be refused at once: programs that have it cannot "
                        "connect anew. --overlap 1h gives them time.")
    connection = session.ask("POST", f"/key-value/{instance['id']}/password/rotate", wish)
    text = f"  Internal URL  {connection['internalConnectionString']}\n" \
           f"  External URL  {connection['externalConnectionString']}"
    if seconds:
        text += f"\nThe old password is accepted for {overlap} more."
    session.print(connection, text)


@click.command("internal-auth")
@name_argument
@click.argument("state", type=click.Choice(["on", "off"]))
@verb(changes=True)
def internal_auth(session: Session, name: str, state: str) -> None:
    """Ask for the password on the internal port too, or no longer.

    While it is off, any password is accepted there: give your programs the URL with the password
    first, then switch it on.
    """
    instance = session.get(name)
    if session.dry_run:
        session.print(instance, f"Would switch internal authentication {state}")
        return
    after = session.ask("PUT", f"/key-value/{instance['id']}/internal-auth",
                        {"enabled": state == "on"})
    connection = session.connection(instance["id"])
    session.print(after, f"Internal authentication of {after['name']} is {state}.\n"
                         f"  Internal URL  {connection['internalConnectionString']}")


@click.command()
@click.option("--path", is_flag=True, help="Print the path of its file.")
@click.option("--use", nargs=2, metavar="CERTIFICATE KEY",
              type=click.Path(exists=True, dir_okay=False),
              help="Use a certificate of your own (PEM files) on all external ports.")
@click.option("--use-own", is_flag=True, help="Use certificates of this authority again.")
@verb(changes=True)
def ca(session: Session, path: bool, use: tuple[str, str] | None, use_own: bool) -> None:
    """Print the certificate of the authority that signs for all external ports."""
    if use and use_own:
        raise BadRequest("--use and --use-own contradict each other")
    if session.dry_run and (use or use_own):
        session.print({"given": bool(use)}, f"Would use {use[0]} on all external ports" if use
                      else "Would use certificates of this authority")
        return
    if use:
        certificate, key = (pathlib.Path(one).read_text(errors="replace") for one in use)
        session.ask("PUT", "/ca/given", {"certificate": certificate, "key": key})
        session.print({"given": True}, "Your certificate is in use.")
        return
    if use_own:
        session.ask("DELETE", "/ca/given")
        session.print({"given": False}, "Certificates of this authority are in use.")
        return
    found = session.ask("GET", "/ca")
    if found["given"]:
        session.note("Note: a certificate of your own is in use; this authority did not sign it.")
    if session.as_json:
        session.print(found)
    else:
        sys.stdout.write(f"{found['path']}\n" if path else found["certificate"])


COMMANDS = [allow, deny, password, internal_auth, ca]
