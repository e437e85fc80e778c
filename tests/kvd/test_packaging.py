"""What is installed. Goal: a wheel holds the package, its contracts and nothing of the tests, and
works away from the tree; versions agree. Method: build the wheel from the tree as git has it,
unpack it, and serve from there."""
import ast
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest

import kvd
from kvd.engine.server import server
from tests.kvd.server import free_port
from tests.test_tidy import tree

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_one_version():
    assert PROJECT["project"]["version"] == kvd.__version__


def test_every_package_is_declared():
    """setuptools is told the packages by name: a new floor must be there."""
    folders = {path.parent.relative_to(ROOT) for path in tree()
               if path.name == "__init__.py" and path.relative_to(ROOT).parts[0] in ("engine",
                                                                                     "kvd")}
    names = {".".join(("kvd", *path.parts) if path.parts[0] == "engine" else path.parts)
             for path in folders}
    assert names == set(PROJECT["tool"]["setuptools"]["packages"])


def test_the_readme_names_the_commands_that_ci_runs():
    readme, ci = (ROOT / "README.md").read_text(), (ROOT / ".ci" / "run").read_text()
    assert "make run" in readme and "make test" in readme and re.search(r"^make test", ci, re.M)


@pytest.mark.skipif(not (ROOT / ".venv" / "made-for-tests").exists(),
                    reason="this tree was not set up by `make test`, and `make run` would do it")
def test_the_first_command_of_the_readme(tmp_path):
    """It ends with an instance, both of its URLs, and a value in it; again, with the same one."""
    given = os.environ | {"KVD_HOME": str(tmp_path / "home")}
    try:
        for _ in range(2):
            run = subprocess.run(["make", "run"], cwd=ROOT, env=given, capture_output=True,
                                 text=True, timeout=300)
            assert run.returncode == 0, run.stderr
            assert re.search(r"Internal URL +redis://127\.0\.0\.1:\d+$", run.stdout, re.M)
            assert re.search(r"External URL +rediss://red-\w{20}:\w{32}@", run.stdout)
            assert run.stdout.index("\nOK\n") < run.stdout.index("\nhello\n")
    finally:
        end = subprocess.run(["make", "stop"], cwd=ROOT, env=given, capture_output=True, text=True)
    assert end.returncode == 0 and "Deleted my-cache" in end.stdout, end.stderr


def test_the_stub_names_what_the_face_has():
    """server.pyi is written by hand, for editors: it must not promise or miss anything."""
    stub = ast.parse((ROOT / "engine" / "server" / "server.pyi").read_text())
    for node in stub.body:
        if isinstance(node, ast.ClassDef):
            told = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
            told |= {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}
            real = {name for name in vars(getattr(server, node.name)) if not name.startswith("__")}
            assert told - {"__init__"} == real, node.name


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy of what git has: stray files of this tree must not help."""
    copy, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for path in tree():
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    (copy / "kvd" / "engine").symlink_to("../engine")
    compiler = {"CC": "ccache gcc"} if shutil.which("ccache") else {}
    environment = {name: value for name, value in os.environ.items() if name != "KVD_FACES"}
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-build-isolation",
                    "--no-deps", "-w", str(out), str(copy)],
                   env=environment | compiler, check=True, timeout=900)
    built, = out.iterdir()
    return built


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_wheel_is_whole_and_works_elsewhere(wheel, tmp_path):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"kvd", wheel.name.split("-cp")[0]
                                                      + ".dist-info"}
    rooms = [path for path in tree() if path.suffix in (".pyx", ".pxd", ".pyi")
             and path.relative_to(ROOT).parts[0] == "engine"]
    for path in rooms:
        stem = f"kvd/{path.relative_to(ROOT).with_suffix('').as_posix()}"
        if path.suffix == ".pyx":
            assert any(re.fullmatch(re.escape(stem) + r"\.cpython-.*\.so", name)
                       for name in names), stem
        else:
            assert stem + path.suffix in names
    assert "kvd/py.typed" in names
    assert not [name for name in names if name.endswith((".pyx", ".c"))]

    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index",
                    "--target", str(tmp_path / "site"), str(wheel)], check=True)
    assert (tmp_path / "site" / "bin" / "kvd").exists(), "the console script"
    code = ("import kvd.cli, kvd.engine.server.server as s; print(s.__file__); "
            "kvd.cli.main(['--version']); print(s.Server().execute(b'PING'))")
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, text=True,
                         capture_output=True, env={"PYTHONPATH": str(tmp_path / "site")})
    where, version, pong = run.stdout.splitlines()
    assert where.startswith(str(tmp_path)) and version == f"kvd {kvd.__version__}"
    assert pong == r"b'+PONG\r\n'"

    port = free_port()
    served = subprocess.Popen([sys.executable, "-m", "kvd", "serve", "--port", str(port)],
                              cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site")},
                              stderr=subprocess.PIPE, text=True)
    try:
        for line in served.stderr:
            if "Ready to accept connections" in line:
                break
        served.terminate()
        assert served.wait(20) == 0
    finally:
        served.kill()
