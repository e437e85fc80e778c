"""What starts fast imports little. Goal: no verb, and no agent, begins to import more without
anybody seeing it. Method: modules are counted, which says the same on a busy machine as on a quiet
one; kvd serve has the like in test_serve.py."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.kvd.installation import ROOT, Installation

TELL = """
import atexit, json, os, sys
before = set(sys.modules)

def tell():
    with open(os.environ["TOLD"], "w") as file:
        json.dump(sorted(set(sys.modules) - before), file)

atexit.register(tell)
from kvd.cli import main
sys.exit(main(sys.argv[1:]))
"""
VERB_MODULES_MAX = 150                  # 121 with Python 3.11
AGENT_MODULES_MAX = 340                 # 285


def strangers(modules: list[str]) -> set[str]:
    """Packages that are neither ours nor Python's."""
    tops = {name.partition(".")[0] for name in modules}
    return {name for name in tops - set(sys.stdlib_module_names) if not name.startswith("__")} - {
        "kvd"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("imports"), 24500)
    yield place
    place.end()


@pytest.mark.parametrize("args", [
    ("create", "a"), ("list",), ("url", "a"), ("info", "a", "--json"), ("wait", "a"),
    ("upgrade", "a", "--plan", "starter"), ("allow", "a", "10.0.0.0/8"), ("delete", "a", "--yes"),
], ids=lambda args: args[0])
def test_a_verb_imports_little(place, tmp_path, args):
    told = tmp_path / "told"
    run = subprocess.run([sys.executable, "-c", TELL, *args], cwd=ROOT, text=True,
                         env=place.environment | {"TOLD": str(told)}, capture_output=True)
    assert run.returncode == 0, run.stderr
    modules = json.loads(told.read_text())
    assert strangers(modules) == {"click"}
    assert len(modules) <= VERB_MODULES_MAX
    assert not [name for name in modules if name.startswith(("kvd.agent", "kvd.engine"))]
    assert not {"asyncio", "sqlite3", "logging", "multiprocessing"} & set(modules)


def test_the_agent_imports_little():
    code = ("import sys; before = set(sys.modules); import kvd.agent.main, kvd.agent.verbs, "
            "kvd.api.app, kvd.api.serving; print(*set(sys.modules) - before)")
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    modules = run.stdout.split()
    # click comes with uvicorn.
    assert strangers(modules) <= {"anyio", "click", "h11", "msgspec", "starlette",
                                  "typing_extensions", "uvicorn"}
    assert len(modules) <= AGENT_MODULES_MAX
    assert not [name for name in modules if name.startswith(("kvd.engine", "kvd.terminal"))]


def test_a_working_agent_has_no_numpy_in_it(place):
    """It is for who reads metrics: to write them, and to tell how things are, needs none."""
    place.create("plain")
    assert place.json("info", "plain")["status"] == "available"
    maps = pathlib.Path(f"/proc/{place.agent_pid()}/maps").read_text()
    loaded = {os.path.basename(line.split()[-1]) for line in maps.splitlines() if ".so" in line}
    assert "site-packages" in maps      # it is the right process
    assert not [name for name in loaded if "numpy" in name or "multiarray" in name]
