"""The group of all verbs, and what becomes of errors: one sentence, one exit code, no traceback."""
import importlib
import os
import sys

import click

from .. import __version__
from ..client import Wrong
from ..errors import INTERRUPTED, Failed, Interrupted, Refused

SECTIONS = [
    ("Instances", ["create", "list", "info", "url", "update", "upgrade", "suspend", "resume",
                   "restart", "delete", "wait"]),
    ("Use", ["cli", "connect", "logs", "metrics", "events", "import", "clone", "doctor"]),
    ("Access", ["allow", "deny", "password", "internal-auth", "ca"]),
    ("Many at once", ["apply", "env"]),
    ("This installation", ["agent", "settings", "serve", "completion"]),
]
# Where a verb is; only its own file is imported.
FILES = {"instances": SECTIONS[0][1], "talking": ["cli", "connect"],
         "watching": ["logs", "metrics", "events", "doctor"], "moving": ["import", "clone"],
         "access": SECTIONS[2][1], "blueprint": SECTIONS[3][1], "agent": ["agent", "settings"]}


class Verbs(click.Group):
    """The group, with its verbs in sections and in files of their own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for _, names in SECTIONS for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for file, names in FILES.items():
            if cmd_name in names and cmd_name not in self.commands:
                module = importlib.import_module(f"{__package__}.{file}")
                for command in module.COMMANDS:
                    self.add_command(command)
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in SECTIONS:
            rows = [(name, command.get_short_help_str(70)) for name in names
                    if (command := self.get_command(ctx, name)) is not None]
            with formatter.section(title):
                formatter.write_dl(rows)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"],
                                          "max_content_width": 100})
@click.version_option(__version__, "--version", "-v", message="kvd %(version)s")
def main() -> None:
    """A Redis-compatible datastore of your own.

    \b
        kvd create cache              make an instance; both URLs are shown
        kvd cli cache                 talk to it
        kvd upgrade cache --plan pro  more memory, live

    KVD_HOME is where everything is kept; KVD_HOST and KVD_API_KEY lead to an agent elsewhere.
    """


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def serve(arguments: tuple[str, ...]) -> None:
    """Serve one engine in the foreground, without the agent."""
    from .. import serve as engine
    sys.exit(engine.main(list(arguments)))


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion for a shell: eval "$(kvd completion bash)"."""
    from click.shell_completion import get_completion_class
    kind = get_completion_class(shell)
    if kind is not None:
        click.echo(kind(main, {}, "kvd", "_KVD_COMPLETE").source())


def run(args: list[str]) -> int:
    """Run a verb.

    Returns:
        Exit status.
    """
    try:
        main.main(args, prog_name="kvd", standalone_mode=False, color=coloured())
        return 0
    except Interrupted as error:
        sys.stderr.write("\n")          # behind the ^C that the terminal shows
        complain(str(error))
        return error.exit_code
    except Refused as error:
        complain(str(error))
        return error.exit_code
    except Wrong as error:
        # A server's words that no verb has made its own: still a sentence.
        complain(f"the server refused: {error}")
        return Failed.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("\nkvd: interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        complain(f"{error.filename or 'the system'}: {error.strerror or error}")
        return 1
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1


def coloured() -> bool | None:
    """False when somebody wants no colour; None leaves it to what is printed on."""
    return False if os.environ.get("NO_COLOR") else None


def complain(message: str) -> None:
    """One sentence on standard error."""
    click.secho("kvd: ", fg="red", bold=True, nl=False, err=True, color=coloured())
    click.echo(message, err=True)
