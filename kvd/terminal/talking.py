"""cli, connect: a prompt on an instance, with the tool that is installed or with our own."""
import os
import re
import shutil
import subprocess
import sys
import urllib.parse

import click

from ..errors import Conflict, Failed
from ..instance import SUSPENDED
from .session import TOOLS, Session, name_argument, verb

TOOL_SECONDS = 5.0


class Talking(click.Command):
    """A verb with a command of another tongue behind it, whose words are not our options.

    Our options are flags, and stand before NAME or right behind it.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Click's, told where our own words end."""
        flags = {flag for one in self.get_params(ctx) if isinstance(one, click.Option)
                 for flag in one.opts}
        words, options = list(args), []
        while words and words[0] in flags:
            options.append(words.pop(0))
        if words and words[0].startswith("-"):
            return super().parse_args(ctx, args)        # `--`, or what click will complain of
        name = words[:1]
        del words[:1]
        while words and words[0] in flags:
            options.append(words.pop(0))
        if words[:1] == ["--"]:
            del words[0]
        return super().parse_args(ctx, [*options, "--", *name, *words])


def make(command_name: str) -> click.Command:
    @click.command(command_name, cls=Talking)
    @name_argument
    @click.argument("command", nargs=-1, type=click.UNPROCESSED)
    @click.option("--own", is_flag=True, help="Our own prompt, whatever is installed.")
    @click.option("--external", is_flag=True, help="Through the external URL.")
    @verb()
    def talk(session: Session, name: str, command: tuple[str, ...], own: bool,
             external: bool) -> None:
        """Talk to an instance; with a COMMAND, run it and end.

        Opens valkey-cli or redis-cli when one is installed, else a prompt of our own. Options stand
        before the COMMAND: what follows its first word belongs to it. Ends with 1 when the reply is
        an error.
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
    if command and tells_errors(tool):
        args.append("-e")
    sys.stdout.flush()
    try:
        os.execve(tool, [*args, *command], environment)
    except OSError as error:
        raise Failed(f"cannot run {tool}: {error.strerror}") from None


def tells_errors(tool: str) -> bool:
    """Whether it can end with 1 on an error: redis-cli before 7.0 would refuse the option."""
    try:
        run = subprocess.run([tool, "--help"], capture_output=True, timeout=TOOL_SECONDS,
                             stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return re.search(rb"^\s*-e\s", run.stdout + run.stderr, re.M) is not None


COMMANDS = [make("cli"), make("connect")]
