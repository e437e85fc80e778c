"""The style that a machine can hold: floors, signatures, line lengths, docstrings, one face.

Each rule reads the sources as text (or as Python's syntax tree), names the file and the line that
breaks it, and knows nothing of what the code does. Only the last one compiles: Cython says on
stderr what costs time in a signature, and its exit status says nothing of that.
"""
import ast
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
FLOORS = ["core", "store", "wire", "journal", "commands", "server"]
COLUMNS = 100
FUNCTION_LINES_MAX = 70
# In kvd/ the engine is imported by what runs it; everything else speaks RESP.
ENGINE_IMPORTERS = {"kvd/serve.py", "kvd/store.py"}

WORD = r"[\w.]+"
CIMPORT = re.compile(rf"^[ \t]*from[ \t]+(\.*)({WORD})?[ \t]+(c?import)[ \t]+(\(?[^\n]*)", re.M)
ABSOLUTE = re.compile(rf"^[ \t]*(c?import)[ \t]+((?:kvd\.)?engine{WORD})", re.M)
# Functions, and types and fields that point to functions; what is declared `extern` is C's own.
ARGUMENTS = r"\((?:[^()]|\([^()]*\))*\)"
BARE_NOGIL = re.compile(
    rf"^[ ]*(?:cdef|ctypedef)[ ]+(?!extern)[^\n=(]*{ARGUMENTS}\s*nogil\b"
    rf"|\([ ]*\*[ ]*\w+[ ]*\)[ ]*{ARGUMENTS}\s*nogil\b", re.M)
# A C result type, a name, and nothing behind the arguments: an exception check after each call.
BARE_CDEF = re.compile(
    r"^cdef[ ]+(?:inline[ ]+)?(?!(?:object|bytes|str|list|dict|tuple|set)\b)"
    rf"\w[\w ]*[ *]\w+{ARGUMENTS}[ ]*(?::|#.*)?$", re.M)
DEFINITION = re.compile(r"(?:cdef|def|async def)\b[^=]*\(")
DIRECTIVES = "wraparound=False,cdivision=True,boundscheck=False,initializedcheck=False"
# Put together here, or this file would break its own rules.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(wo" r"rk|ho" r"me/\w+|ro" r"ot|Us" r"ers/\w+"
                          r"|tm" r"p/(w|venv|bash_jobs\.?\w*))/")


def tree() -> list[pathlib.Path]:
    """Every file that is part of the project, by its real path."""
    run = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT,
                         capture_output=True, text=True)
    if run.returncode == 0:
        paths = [ROOT / name for name in run.stdout.split("\0") if name]
    else:                               # an unpacked archive
        tops = ("bench", "docs", "engine", "kvd", "tests", "*.*", "Makefile")
        paths = [path for top in tops for place in ROOT.glob(top)
                 for path in (place.rglob("*") if place.is_dir() else [place])]
    return sorted(path for path in paths if path.is_file() and not path.is_symlink())


def relative(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


def line_of(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=relative)


TREE = tree()
ROOMS = [path for path in TREE if path.suffix in (".pyx", ".pxd")
         and relative(path).startswith("engine/")]
CYTHON = [path for path in TREE if path.suffix in (".pyx", ".pxd")]
PYTHON = [path for path in TREE if path.suffix == ".py"]
SHELL = [path for path in PYTHON if relative(path).startswith("kvd/")]
ENGINE = [path for path in TREE if path.suffix in (".py", ".pyx", ".pxd")
          and relative(path).startswith("engine/")]


# ---- floors

def floors_named(text, here):
    """(line, floor) of all that a file of floor `here` imports or cimports from the engine."""
    for match in CIMPORT.finditer(text):
        dots, module, _, names = match.groups()
        line, parts = line_of(text, match.start()), (module or "").split(".")
        if dots == ".":                             # its own floor
            yield line, here
        elif dots == "..":
            if module:
                yield line, parts[0]
            else:                                   # from .. import store
                for name in re.findall(r"\w+", names):
                    yield line, name
        elif dots or "engine" in parts[:2]:
            yield line, ".".join(parts)             # too far, or absolute: said below
    for match in ABSOLUTE.finditer(text):
        name = match[2]                             # an import for its effect can only be absolute
        if match[1] == "import":
            name = name.removeprefix("kvd.engine.").split(".")[0]
        yield line_of(text, match.start()), name


@each([path for path in ENGINE if relative(path).count("/") > 1])
def test_floors(path):
    """A room sees its own floor and those below, by relative names."""
    text, here = path.read_text(), relative(path).split("/")[1]
    assert here in FLOORS, f"{here} is no floor"
    for line, there in floors_named(text, here):
        assert there in FLOORS, f"{relative(path)}:{line}: write {there} as a relative import"
        assert FLOORS.index(there) <= FLOORS.index(here), \
            f"{relative(path)}:{line}: {here} must not import {there}"


# ---- signatures

@each(ROOMS)
def test_room(path):
    text, below_server = path.read_text(), relative(path).split("/")[1] != "server"
    for match in BARE_NOGIL.finditer(text):
        pytest.fail(f"{relative(path)}:{line_of(text, match.start())}: "
                    "say noexcept nogil, or except <value> nogil")
    assert not re.search(r"^\s*cpdef\b", text, re.M)
    if below_server:
        assert "with gil" not in text and not re.search(r"^\s*cdef class\b", text, re.M), \
            "Python lives on the top floor"
        for match in BARE_CDEF.finditer(text):
            pytest.fail(f"{relative(path)}:{line_of(text, match.start())}: "
                        f"say noexcept or except: {match[0].strip()}")


@each(CYTHON + PYTHON)
def test_source(path):
    text = path.read_text()
    assert not re.search(r"^\s*from\b.*\bc?import\s+\*", text, re.M), "name what is imported"
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{relative(path)}:{number}"
        assert len(line) <= COLUMNS, f"{where}: {len(line)} columns"
        assert line == line.rstrip() and "\t" not in line, f"{where}: a tab or a space at the end"
        assert not UNFINISHED.search(line), f"{where}: unfinished"
    assert not text or re.match(r'r?"""\S', text), \
        f"{relative(path)}: a file opens by saying what it is"
    assert not text or text.endswith("\n") and not text.endswith("\n\n")


def functions(text):
    """(line, lines) of every function at the margin of a Cython source."""
    lines, start = text.splitlines(), None
    for index, line in enumerate(lines + ["end"]):
        if line[:1] in ("", " ", "#", ")"):
            continue
        if start is not None:
            body = lines[start:index]
            while body and (not body[-1].strip() or body[-1].startswith("#")):
                body.pop()
            yield start + 1, len(body)
        start = index if DEFINITION.match(line) else None


@each([path for path in ROOMS if path.suffix == ".pyx"])
def test_functions_are_short(path):
    for line, count in functions(path.read_text()):
        assert count <= FUNCTION_LINES_MAX, f"{relative(path)}:{line}: {count} lines"


# ---- Python

def untyped(function: ast.FunctionDef, method: bool) -> bool:
    spec = function.args
    named = [*spec.posonlyargs, *spec.args][method:] + spec.kwonlyargs
    named += [arg for arg in (spec.vararg, spec.kwarg) if arg]
    return any(arg.annotation is None for arg in named) \
        or (function.returns is None and function.name != "__init__")


def public(name: str) -> bool:
    return not name.startswith("_") or name == "__init__"


@each(SHELL)
def test_public_functions_are_typed(path):
    module = ast.parse(path.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in module.body:
        if isinstance(node, kinds) and public(node.name):
            assert not untyped(node, False), f"{relative(path)}:{node.lineno}: {node.name}"
        if isinstance(node, ast.ClassDef) and public(node.name):
            for inner in node.body:
                if isinstance(inner, kinds) and public(inner.name):
                    static = any(isinstance(d, ast.Name) and d.id == "staticmethod"
                                 for d in inner.decorator_list)
                    assert not untyped(inner, not static), \
                        f"{relative(path)}:{inner.lineno}: {node.name}.{inner.name}"


def modules_imported(path):
    """Absolute names of all that a file under kvd/ imports, wherever in it."""
    package = relative(path).removesuffix(".py").split("/")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        if isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else []
            base = ".".join(base + ([node.module] if node.module else []))
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


@each([path for path in SHELL if relative(path) not in ENGINE_IMPORTERS])
def test_the_shell_speaks_resp(path):
    for line, name in modules_imported(path):
        assert f"{name}.".removeprefix("kvd.").split(".")[0] != "engine", \
            f"{relative(path)}:{line}: only {', '.join(sorted(ENGINE_IMPORTERS))} import the engine"


# ---- the whole tree

def test_no_path_of_one_machine():
    for path in TREE:
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue                    # not a text
        for match in MACHINE_PATH.finditer(text):
            pytest.fail(f"{relative(path)}:{line_of(text, match.start())}: {match[0]}")


@pytest.fixture(scope="module")
def cython_says(tmp_path_factory):
    """What Cython prints while it translates all rooms; one run, so that each .pxd is read once."""
    rooms = [f"kvd/{relative(path)}" for path in ROOMS if path.suffix == ".pyx"]
    out = tmp_path_factory.mktemp("cython")
    run = subprocess.run(
        [sys.executable, "-m", "cython", "-3", "-Werror", "-X", DIRECTIVES, "-o", str(out), *rooms],
        cwd=ROOT, capture_output=True, text=True)
    shutil.rmtree(out)
    assert run.returncode == 0, run.stderr
    return run.stderr


@pytest.mark.timeout(300)
def test_no_performance_hints(cython_says):
    assert "performance hint" not in cython_says, cython_says
