"""What a test needs of this machine: a skip that names what is absent, and where it comes from."""
import functools
import importlib.util
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NODE_PLACES = (os.environ.get("NODE_PATH", ""), str(ROOT / ".venv" / "node" / "node_modules"))


def modules(*names: str) -> None:
    """Python packages, of the extra `ecosystem`."""
    absent = [name for name in names if importlib.util.find_spec(name) is None]
    if absent:
        pytest.skip(f"absent: Python's {', '.join(absent)} (pip install '.[ecosystem]')")


def program(name: str, package: str) -> str:
    """A program of a Debian package."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"absent: the program {name} (Debian's {package})")
    return found


@functools.cache
def loads(command: tuple[str, ...], environment: tuple[tuple[str, str], ...] = ()) -> bool:
    return subprocess.run(command, env=os.environ | dict(environment),
                          capture_output=True).returncode == 0


def node(*packages: str) -> tuple[str, dict[str, str]]:
    """Node and the environment in which it finds these packages."""
    node = program("node", "nodejs")
    environment = {"NODE_PATH": os.pathsep.join(filter(None, NODE_PLACES))}
    for package in packages:
        if not loads((node, "-e", f"require({package!r})"), tuple(environment.items())):
            name = package.removesuffix("/package.json")    # of a program, which is not loaded
            pytest.skip(f"absent: npm's {name} (npm install --prefix .venv/node {name}, "
                        "or NODE_PATH)")
    return node, environment


def ruby(**libraries: str) -> str:
    """Ruby, where it can load these libraries: name = the Debian package it comes in."""
    ruby = program("ruby", "ruby")
    for library, package in libraries.items():
        if not loads((ruby, "-e", f"require {library.replace('__', '/')!r}")):
            pytest.skip(f"absent: Ruby's {library.replace('__', '/')} (Debian's {package})")
    return ruby
