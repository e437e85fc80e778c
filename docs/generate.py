"""The pages under docs/reference that are made from tables of the source.

    python docs/generate.py           write them
    python docs/generate.py --check   exit with 1 when one is not what it would be

A page is a function of this file; tests/test_docs.py holds the pages to it.
"""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import kvd.engine.commands  # noqa: E402, F401  (fills the registry)
from kvd.engine.server.config import config_table  # noqa: E402
from kvd.engine.wire.command import command_table  # noqa: E402

TOPICS = {
    "network": "Network", "tls": "TLS", "clients": "Clients", "memory": "Memory",
    "types": "Types", "notifications": "What clients are told", "journal": "Journal",
    "process": "Process", "log": "Log", "measurement": "What is measured",
}
CONFIG_HEAD = """\
# Directives

Generated from the table in `engine/server/config.pyx` by `python docs/generate.py`.

A directive stands in a configuration file (`maxmemory 100mb`), behind `kvd serve` (`--maxmemory
100mb`), in `CONFIG SET`, or among the arguments of `Server(maxmemory="100mb")`. Later ones
override earlier ones; options override the file. Sizes take units: `1k` is 1000 bytes, `1kb` 1024,
and so `m`, `mb`, `g`, `gb`. *fixed at start* means that `CONFIG SET` cannot change it; *protected*
that it needs `enable-protected-configs`; *ours* that neither Valkey nor Redis knows it.

A file may hold comments (`#`), quotes, and `include` with wildcards. What is wrong in it is told
with its line, and nothing is started.
"""
ABSENT_HEAD = """\
## What is not here

These answer `CONFIG GET`, and a file may set them to the value shown, so that stock files load.
Another value is refused with the reason.

| directive | value | why |
|---|---|---|
"""


def config_page() -> str:
    rows = config_table()
    parts = [CONFIG_HEAD]
    for topic, title in TOPICS.items():
        parts.append(f"## {title}\n")
        parts += [directive(row) for row in rows if row["topic"] == topic and not row["fixed"]]
    absent = [row for row in rows if row["fixed"]]
    parts.append(ABSENT_HEAD + "".join(
        f"| {names(row)} | {' or '.join(values(row))} | {row['help']} |\n" for row in absent))
    return "\n".join(parts)


def directive(row: dict) -> str:
    kind = "`" + "`, `".join(row["choices"]) + "`" if row["choices"] else row["kind"]
    if row["kind"] in ("number", "memory", "octal number"):
        shown = "{:o}" if row["kind"] == "octal number" else "{}"
        upper = "" if row["max"] >= 2**62 else f" to {shown.format(row['max'])}"
        kind += f", {shown.format(row['min'])}{upper or ' or more'}"
    traits = [kind, f"default `{row['default']}`" if row["default"] else "default empty"]
    traits += [word for word, holds in (
        ("fixed at start", not row["mutable"]), ("protected", row["protected"]),
        ("ours", row["ours"])) if holds]
    return f"### {names(row)}\n\n{'; '.join(traits)}.\n\n{row['help']}\n"


def names(row: dict) -> str:
    return f"`{row['name']}`" + (f" or `{row['alias']}`" if row["alias"] else "")


def values(row: dict) -> list[str]:
    return [f"`{value}`" if value else '`""`'
            for value in [row["default"]] + ([row["also"]] if row["also"] else [])]


COMMANDS_HEAD = """\
# Commands

Generated from the rows at the foot of each family in `engine/commands/` by `python
docs/generate.py`. Behaviour is Valkey 9.1's; what is different stands in [limits](../limits.md).

*since* is the version of Redis or Valkey that brought the command; *flags* and *categories* are
what COMMAND INFO tells.
"""


def commands_page() -> str:
    rows = command_table()
    parts = [COMMANDS_HEAD]
    for group in sorted({row["group"] for row in rows.values()}):
        parts.append(f"## {group.capitalize()}\n")
        parts += [command(name, row) for name, row in sorted(rows.items())
                  if row["group"] == group and not (row["container"] and len(row["flags"]) == 0)]
    return "\n".join(parts)


def command(name: str, row: dict) -> str:
    traits = [f"since {row['since']}", row["complexity"].rstrip(".")]
    if row["flags"]:
        traits.append("flags " + ", ".join(row["flags"]))
    traits.append("categories " + ", ".join("@" + category for category in row["acl"]))
    return (f"### {name.upper().replace('|', ' ')}\n\n    {row['syntax']}\n\n"
            f"{row['summary']} *{'; '.join(traits)}.*\n")


CLI_HEAD = """\
# The command

Generated from `kvd/terminal/` by `python docs/generate.py`. `kvd serve` has its own page:
[directives](config.md).

Names and ids of instances both work. `--json` prints what the [API](api.md) answers; results go to
standard output, everything else to standard error. `KVD_HOME` chooses the directory of an
installation, a relative one from where the command is run; `KVD_HOST` and `KVD_API_KEY` lead to an
agent elsewhere; `NO_COLOR` is respected.
"""


def cli_page() -> str:
    import click

    from kvd.errors import EXIT_CODES
    from kvd.settings import SETTINGS
    from kvd.terminal.main import SECTIONS, main
    parts = [CLI_HEAD, "## Exit codes\n", "| code | meaning |\n|---|---|\n" + "".join(
        f"| {code} | {text} |\n" for code, text in EXIT_CODES.items())]
    context = click.Context(main, info_name="kvd")
    for title, names_ in SECTIONS:
        parts.append(f"## {title}\n")
        for name in names_:
            verb = main.get_command(context, name)
            if name != "serve":
                parts += verb_parts(verb, context, click)
    parts += ["## Settings\n", "Of `kvd settings`.\n", "| name | default | |\n|---|---|---|\n"
              + "".join(f"| `{row.name}` | {f'`{row.default}`' if row.default else 'off'} | "
                        f"{row.help} |\n" for row in SETTINGS.values())]
    return "\n".join(parts)


def verb_parts(verb, parent, click) -> list[str]:
    """A verb's section, and those of what is below it."""
    context = click.Context(verb, info_name=verb.name, parent=parent)
    if isinstance(verb, click.Group):
        below = [verb.get_command(context, name) for name in verb.list_commands(context)]
        return [part for one in below if not one.hidden
                for part in verb_parts(one, context, click)]
    usage = " ".join([context.command_path, *verb.collect_usage_pieces(context)])
    text = f"### {context.command_path}\n\n    {usage}\n\n{paragraphs(verb.help)}\n"
    options = [option for option in verb.params if isinstance(option, click.Option)]
    records = [option.get_help_record(context) for option in options]
    for record in filter(None, records):
        text += f"\n- `{record[0]}`: {record[1]}"
    return [text + ("\n" if options else "")]


def paragraphs(text: str) -> str:
    import inspect
    blocks = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(block.split()) for block in blocks)


API_HEAD = """\
# The API

Generated from the table in `kvd/api/routes.py` by `python docs/generate.py`. The agent serves the
same as an OpenAPI document, with all types: `GET /v1/openapi.json`.

Paths, shapes, status codes, cursors and errors are those of Render's API for Key Value instances,
so that its SDK works when its base URL points here; *ours* is what Render has not. Over the
agent's Unix socket (`agent.sock` in the home) its owner needs no key; over TCP (`kvd settings
api-listen 127.0.0.1:8700`) each request bears one: `Authorization: Bearer rnd_...`, from `kvd agent
key create`. Speak TLS to it through a proxy that you trust: it is plain HTTP.

Over TCP each answer says how often its key may ask (`Ratelimit-Limit`, `-Remaining`, `-Reset`), and
who asked too often hears 429: `kvd settings api-reads-per-minute` and its neighbours change that.
Each answer has an id (`Render-Request-Id`), and an error bears the same.

An error is `{"message": ..., "id": ...}`, where Render has one with its `code`. Lists are bare
arrays; the last item's `cursor` asks for the next page. `{id}` takes a name too.
"""


def api_page() -> str:
    from kvd.api.routes import ROUTES
    rows = "".join(
        f"| {row.method} | `/v1{row.path}` | {row.status} | {'*ours* ' if row.ours else ''}"
        f"{row.call.__doc__.strip()} | {' '.join(f'`{name}`' for name in row.query)} |\n"
        for row in ROUTES)
    return API_HEAD + f"\n| method | path | status | | query |\n|---|---|---|---|---|\n{rows}"


PAGES = {"reference/config.md": config_page, "reference/commands.md": commands_page,
         "reference/cli.md": cli_page, "reference/api.md": api_page}


def main(args: list[str]) -> int:
    stale = []
    for name, page in PAGES.items():
        path, text = HERE / name, page()
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if "--check" not in args:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
    for name in stale:
        print(f"docs/{name} {'is stale' if '--check' in args else 'written'}")
    return 1 if stale and "--check" in args else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
