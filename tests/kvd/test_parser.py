"""The verbs as their parser has them. Goal: no verb lacks what all of them promise: `--json`, and
`--dry-run` where something changes, and a sentence for each option; and what is promised holds:
nothing changes in a dry run, and JSON is JSON. Method: walk the parser itself, so that a verb that
is added tomorrow is asked too; run each of them once each way."""
import json
import pathlib
import re

import click
import pytest

from kvd.client import Wrong
from kvd.errors import EXIT_CODES
from kvd.terminal.main import FILES, SECTIONS, main, run
from tests.kvd.installation import ROOT, Installation

# They print what a program reads anyway, or become a process of their own.
WITHOUT_JSON = {"serve", "completion", "agent run"}
READING = {"list", "info", "url", "wait", "cli", "connect", "logs", "metrics", "events", "doctor",
           "env", "agent status", "agent key list"}


def leaves(command: click.Command, path: str = "") -> dict[str, click.Command]:
    """Every verb that can be run, by its words."""
    if not isinstance(command, click.Group):
        return {path: command}
    context = click.Context(command)
    found = {}
    for name in command.list_commands(context):
        found |= leaves(command.get_command(context, name), f"{path} {name}".strip())
    return found


VERBS = leaves(main)


def options(verb: click.Command) -> set[str]:
    return {name for one in verb.params for name in one.opts}


@pytest.mark.parametrize("path", VERBS)
def test_a_verb_has_what_it_promises(path):
    verb = VERBS[path]
    assert verb.help and verb.help[0].isupper() and len(verb.help.split()) > 1
    if path in WITHOUT_JSON:
        return
    assert "--json" in options(verb)
    assert ("--dry-run" in options(verb)) == (path not in READING), path
    for parameter in verb.params:
        if isinstance(parameter, click.Option):
            assert parameter.help and parameter.help.rstrip("]").endswith((".", "...", "2g")), \
                f"{path} {parameter.opts}: {parameter.help}"


def test_every_verb_has_a_section_and_a_file():
    listed = [name for _, names in SECTIONS for name in names]
    assert len(listed) == len(set(listed))
    assert {name for names in FILES.values() for name in names} \
        == set(listed) - {"serve", "completion"}


def test_the_page_has_every_verb():
    page = (ROOT / "docs" / "reference" / "cli.md").read_text()
    for path, verb in VERBS.items():
        if path != "serve" and not verb.hidden:
            assert f"### kvd {path}\n" in page, path
    for code in EXIT_CODES:
        assert f"| {code} |" in page


def test_a_servers_error_that_no_verb_expected_is_a_sentence(monkeypatch, capsys):
    def refuse(*args, **kwargs):
        raise Wrong("LOADING it is loading")

    monkeypatch.setattr(main, "main", refuse)
    assert run(["list"]) == 1
    assert capsys.readouterr().err == "kvd: the server refused: LOADING it is loading\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("parser"), 24200)
    place.create("one", "starter")
    place.create("source")
    (place.home.root.parent / "render.yaml").write_text(
        "services: [{type: keyvalue, name: other, ipAllowList: []}]\n")
    yield place
    place.end()


# What a verb is given besides its name, to get by.
GIVEN = {
    "create": ["new"], "update": ["one", "--set", "timeout=7"],
    "upgrade": ["one", "--plan", "standard"], "wait": ["one"], "cli": ["one", "PING"],
    "connect": ["one", "PING"], "logs": ["one"], "import": ["one", "redis://127.0.0.1:{port}"],
    "clone": ["one", "two"], "allow": ["one", "10.0.0.0/8"], "deny": ["one", "--all"],
    "password rotate": ["one"], "internal-auth": ["one", "on"], "ca": ["--use-own"],
    "env": ["--name", "one"], "agent key create": ["laptop"], "agent key revoke": ["key-none"],
    "settings": ["default-region", "ohio"], "list": [], "apply": [], "doctor": [],
}


def given(place, path: str) -> list[str]:
    words = GIVEN.get(path, [] if path.startswith("agent") else ["one"])
    port = place.url("source").rpartition(":")[2]
    return path.split() + [word.replace("{port}", port) for word in words]


@pytest.mark.parametrize("path", [path for path in VERBS if path not in WITHOUT_JSON])
def test_json_is_json(place, path):
    dry = [] if path in READING else ["--dry-run"]
    words, end = given(place, path), len(path.split())        # behind a command it is its word
    run = place.run(*words[:end], "--json", *dry, *words[end:])
    assert run.returncode == 0, run.stderr
    assert all(json.loads(line) for line in run.stdout.splitlines()) if path == "logs" \
        else json.loads(run.stdout) is not None
    assert "\x1b" not in run.stdout


def picture(place) -> tuple:
    """Everything that a dry run could have changed."""
    files = {path: path.read_bytes() for path in pathlib.Path(place.home.root).rglob("*")
             if path.suffix in (".pem", ".key", ".conf", ".service")}
    return (place.ask("GET", "/key-value", limit=100), place.ask("GET", "/settings"),
            place.ask("GET", "/keys"), place.agent_pid(), files, place.marked())


@pytest.mark.parametrize("path", [path for path in VERBS
                                  if path not in WITHOUT_JSON | READING])
def test_a_dry_run_changes_nothing(place, path):
    before = picture(place)
    run = place.run(*given(place, path), "--dry-run")
    assert run.returncode == 0, run.stderr
    assert re.search(r"[Ww]ould|Nothing was done|so already|runs as process", run.stdout
                     + run.stderr), run
    assert picture(place) == before
