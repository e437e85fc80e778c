"""The pages of docs/instances, held to the code. Goal: a table on a page is the table in the
source, a file that somebody may paste works, and an option that is shown exists. Method: read the
pages; run what they hold."""
import re

import click
import pytest
import yaml

from kvd import plans
from kvd.agent.control import DENIED
from kvd.client import Link, Wrong
from kvd.terminal.main import main
from tests.kvd.installation import ROOT, Installation
from tests.kvd.server import Served, free_port

PAGES = ROOT / "docs" / "instances"


def rows(page: str) -> list[list[str]]:
    """Cells of all tables of a page, without code marks."""
    lines = (PAGES / page).read_text().splitlines()
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
            for line in lines if line.startswith("|")]


def test_the_table_of_plans():
    found = {row[0]: row for row in rows("plans.md")}
    for name in plans.PLAN_NAMES:
        row = found[name]
        if name == "custom":
            assert plans.show_bytes(plans.MEMORY_MIN_BYTES) in row[2]
            assert plans.show_bytes(plans.MEMORY_MAX_BYTES) in row[2]
            continue
        plan, memory, connections = plans.parse_plan(name)
        assert row[2:] == [plans.show_bytes(memory), f"{connections:,}",
                           "yes" if plan.persistent else "never"]
        assert not row[1] or plans.parse_plan(row[1])[1] == memory


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("pages"), 25700)
    yield place
    place.end()


def test_whether_memory_can_fill_up_is_as_the_table_says(place):
    """Each policy with keys that have no deadline: then it answers OOM, or it does not."""
    found = {row[0]: row[2] for row in rows("policy.md")}
    place.create("full", "custom", memoryBytes=8 << 20)
    for policy in plans.POLICIES:
        place.ask("PATCH", "/key-value/full", {"maxmemoryPolicy": policy.replace("-", "_")})
        with place.link("full") as link:
            link.do("FLUSHALL")
            replies = link.many([("SET", f"k{number}", "x" * 10_000) for number in range(1500)])
        full = any(isinstance(reply, Wrong) and str(reply) in (
            "OOM command not allowed when used memory > 'maxmemory'.",) for reply in replies)
        assert full == found[policy].startswith("yes"), policy


def test_what_tenants_may_not_do_is_named():
    text = (PAGES / "access.md").read_text().partition("## What tenants may not do")[2].upper()
    for name in DENIED:
        word = name.partition("|")[0].upper()
        assert word.replace("SLAVEOF", "REPLICAOF").replace("PSYNC", "SYNC").replace(
            "REPLCONF", "REPLICAOF") in text or word == "CLUSTER", name


def test_the_stateful_set(tmp_path):
    """Its arguments start an engine, with a directory and a port of ours in place of the pod's."""
    page = (PAGES / "hosts.md").read_text()
    manifest = yaml.safe_load(re.search(r"```yaml\n(apiVersion.*?)```", page, re.S)[1])
    container, = manifest["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["kvd", "serve"]
    port = free_port()
    args = [{"/data": str(tmp_path), "6379": str(port), "*": "127.0.0.1"}.get(word, word)
            for word in container["args"]]
    served = Served(tmp_path, *args)
    try:
        with Link.url(f"redis://127.0.0.1:{port}") as link:
            assert link.do("SET", "a", "1") == b"OK"
        assert (tmp_path / "appendonlydir").is_dir()
    finally:
        assert served.end() == 0


def test_a_data_directory_moves_to_another_instance(place):
    """As hosts.md says: suspend, copy the journal, resume."""
    import shutil
    old, new = place.create("old", "starter"), place.create("new", "starter")
    with place.link("old") as link:
        link.many([("SET", f"k{number}", number) for number in range(100)])
    for one in (old, new):
        place.ask("POST", f"/key-value/{one['id']}/suspend")
    source, target = (place.home.instance(one["id"]).data / "appendonlydir" for one in (old, new))
    shutil.rmtree(target)
    shutil.copytree(source, target)
    place.ask("POST", "/key-value/new/resume")
    place.wait(new["id"])
    with place.link("new") as link:
        assert link.do("DBSIZE") == 100 and link.do("GET", "k7") == b"7"


@pytest.mark.parametrize("page", sorted(path.name for path in PAGES.glob("*.md")))
def test_every_option_that_is_shown_exists(page):
    for line in re.findall(r"`kvd ([^`]+)`", (PAGES / page).read_text()):
        words = line.split()
        verb = main.get_command(click.Context(main), words[0])
        assert verb is not None, line
        known = {option for one in [verb, *getattr(verb, "commands", {}).values()]
                 for parameter in one.params for option in parameter.opts}
        for option in re.findall(r"(?<!\S)--[\w-]+", line):
            assert option in known or words[0] == "serve", line
