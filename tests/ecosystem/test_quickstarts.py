"""The pages of docs/quickstarts, followed step by step. Goal: who copies them gets what they show.
Method: a fresh installation, a shell, the page's own files and commands; what installs packages is
not typed, and a page whose packages are not here is skipped.
"""
import os
import pathlib
import shutil
import sys

import pytest

from tests.ecosystem import needs, pages
from tests.kvd.installation import ROOT, Installation

pytestmark = pytest.mark.ecosystem
PAGES = ROOT / "docs" / "quickstarts"
RAILS = pathlib.Path(__file__).parent / "apps" / "rails"
INSTALLS = r"(pip|npm) install|bundle add"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("quickstarts"), 24300)
    yield place
    place.end()


@pytest.fixture
def follow(place, tmp_path):
    """Follows a page in a directory of its own, with `kvd` and `python` those of this tree."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, command in {
            "kvd": f'exec "{sys.executable}" -m kvd "$@"',
            "python": f'exec "{sys.executable}" "$@"',
            "celery": f'exec "{sys.executable}" -m celery "$@"',
            "django-admin": f'exec "{sys.executable}" -m django "$@"',
            # Debian's gems are found without a Gemfile.
            "bundle": 'shift; exec "$@"'}.items():
        (programs / name).write_text(f"#!/bin/sh\n{command}\n")
        (programs / name).chmod(0o755)
    here = tmp_path / "project"
    here.mkdir()

    def follow(name: str, **environment: str) -> int:
        return pages.follow(
            (PAGES / name).read_text(), here, os.environ | place.environment | environment
            | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
               "PYTHONPATH": f"{ROOT}{os.pathsep}{here}"}, INSTALLS)

    follow.here = here
    return follow


def test_celery(follow):
    needs.modules("celery", "packaging")
    assert follow("celery.md") == 4


def test_django(follow):
    needs.modules("django")
    assert follow("django.md") == 6


def test_bullmq(follow):
    assert follow("bullmq.md", **needs.node("bullmq")[1]) == 5


def test_ioredis(follow):
    assert follow("ioredis.md", **needs.node("ioredis")[1]) == 3


@pytest.fixture
def application(follow):
    """What `rails new` makes, cut down to what boots."""
    needs.ruby(rails="ruby-railties", redis="ruby-redis")
    shutil.copytree(RAILS, follow.here, dirs_exist_ok=True)
    return {"SECRET_KEY_BASE": "0" * 64}


@pytest.mark.slow
def test_rails_with_sidekiq(follow, application):
    needs.ruby(sidekiq="ruby-sidekiq", active_job="ruby-activejob")
    needs.program("sidekiq", "ruby-sidekiq")
    assert follow("rails-sidekiq.md", **application) == 5


@pytest.mark.slow
def test_rails_cache(follow, application):
    assert follow("rails-cache.md", **application) == 6


def test_every_page_is_here_and_runs():
    """A page that is added must come with its test."""
    named = {page.name for page in PAGES.glob("*.md")} - {"README.md"}
    source = pathlib.Path(__file__).read_text()
    assert {name for name in named if f'follow("{name}"' not in source} == set()
    for name in named:
        assert f"({name})" in (PAGES / "README.md").read_text()


def test_output_is_compared():
    """The reader of pages itself: it must be able to fail."""
    assert pages.matches("a ... d\n", "a b c d\n") and not pages.matches("a\n", "b\n")
    assert pages.matches("...\nlast\n", "one\ntwo\nlast\n")
    assert not pages.matches("last\n", "one\nlast\n")
    assert [step.line for step in pages.steps("    $ one\n    says\n\n    $ two &\n")] == [
        "one", "two &"]
    file, = pages.steps("`no.py` is not:\n\nTo `a/b.rb` of `it`:\n\n```ruby\nx\n```\n")
    assert (file.name, file.text) == ("a/b.rb", "x\n")
    assert pages.steps("`no.py`:\n\nOnly shown:\n\n```ruby\nx\n```\n") == []
