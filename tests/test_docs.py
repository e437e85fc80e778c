"""Documents that follow from the source. Goal: a generated page is what its generator makes now,
and no link leads nowhere. Method: make the pages again and compare; look up every relative link."""
import importlib.util
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = generator()


@pytest.mark.parametrize("name", GENERATOR.PAGES)
def test_generated_pages_are_fresh(name):
    assert (ROOT / "docs" / name).read_text() == GENERATOR.PAGES[name](), \
        "run: python docs/generate.py"


def test_every_directive_has_its_heading():
    text = (ROOT / "docs" / "reference" / "config.md").read_text()
    for row in GENERATOR.config_table():
        assert f"`{row['name']}`" in text
        if not row["fixed"]:
            assert re.search(rf"^### `{re.escape(row['name'])}`", text, re.M)


def test_every_command_has_its_heading():
    text = (ROOT / "docs" / "reference" / "commands.md").read_text()
    for name, row in GENERATOR.command_table().items():
        if not row["container"]:
            assert f"\n### {name.upper().replace('|', ' ')}\n" in text
        assert row["summary"].endswith(".") and row["syntax"], name


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "bench" / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / link).exists(), link
