"""cli, connect: a prompt on an instance, with the tool that is installed or with our own."""
import os
import shutil
import sys
import urllib.parse

import click

from ..errors import Conflict, Failed
from ..instance import SUSPENDED
from .session import Session, name_argument, verb

TOOLS = ("valkey-cli", "redis-cli")


def make(command_name: str) -> click.Command:
    @click.command(command_name, context_settings={"ignore_unknown_options": True})
    @name_argument
    @click.argument("command", nargs=-1, type=click.UNPROCESSED)
    @click.option("--own", is_flag=True, help="Our own prompt, whatever is installed.")
    @click.option("--external", is_flag=True, help="Through the external URL.")
    @verb()
    def talk(session: Session, name: str, command: tuple[str, ...], own: bool,
             external: bool) -> None:
        """Talk to an instance; with a COMMAND, run it and end.

        Opens valkey-cli or redis-cli when one is installed, else a prompt of our own.
        """
        instance = session.get(name)
        if instance["status"] == SUSPENDED:
            raise Conflict(f"{instance['name']} is suspended: `kvd resume {instance['name']}` "
                           "first")
        connection = session.connection(instance["id"])
        url = connection["externalConnectionString" if external else "internalConnectionString"]
        ca = session.ask("GET", "/ca")["path"] if external else ""
        tool = next(filter(None, map(shutil.which, TOOLS)), None)
        if tool and not own and not session.as_json:
            run_tool(tool, url, ca, command)
        from .prompt import talk_to
        sys.exit(talk_to(url, instance["name"], list(command), ca or None, session.as_json))
    return talk


def run_tool(tool: str, url: str, ca: str, command: tuple[str, ...]) -> None:
    """Become the tool. The password goes through the environment, which others cannot read."""
    parts = urllib.parse.urlsplit(url)
    args = [tool, "-h", parts.hostname or "", "-p", str(parts.port)]
    environment = dict(os.environ)
    if parts.password:
        environment["REDISCLI_AUTH"] = parts.password
        args += ["--user", parts.username or "default"]
    if parts.scheme == "rediss":
        args += ["--tls"] + (["--cacert", ca] if ca else [])
    sys.stdout.flush()
    try:
        os.execve(tool, [*args, *command], environment)
    except OSError as error:
        raise Failed(f"cannot run {tool}: {error.strerror}") from None


COMMANDS = [make("cli"), make("connect")]
