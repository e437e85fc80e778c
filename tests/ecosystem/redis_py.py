"""redis-py's own tests, unmodified, out of the source distribution of the version installed here.

    python -m tests.ecosystem.redis_py [--valkey] [arguments of pytest]

runs them against an engine of its own, or with --valkey against a stock valkey-server; both on port
6379, which many of the tests take for granted. Exit status 0 says that every test passed which is
not named below. What is named fails against valkey-server 9.1 too, or is about something that one
server without modules is not; where it is neither, the reason begins with "ours".
"""
import importlib.metadata
import os
import pathlib
import socket
import subprocess
import sys
import tarfile
import tempfile
import textwrap

from bench.peers import valkey_binary
from tests.kvd.server import Served

PORT = 6379
# What the tests import beside the package; without what these ask for, which is here already.
PACKAGES = ("pytest-asyncio", "pybreaker", "redis-entraid", "PyJWT", "msal", "msal-extensions",
            "azure-core", "azure-identity", "requests", "urllib3", "charset-normalizer")

# Marks: a cluster's tests, those of modules, and those of a TLS proxy with files of its makers.
MARKS = "not onlycluster and not redismod and not ssl"

IGNORED = {
    "tests/test_scenario": "an installation of Redis Enterprise that can be made to fail",
    "tests/test_asyncio/test_scenario": "the same",
    "tests/maint_notifications": "messages of Redis Enterprise, against mocks",
    "tests/test_multidb": "several servers, against mocks",
    "tests/test_asyncio/test_multidb": "the same",
    "tests/test_observability": "OpenTelemetry, against mocks",
    "tests/test_asyncio/test_observability": "the same",
    "tests/test_background.py": "the client's own timers, without a server, to the millisecond",
    "tests/test_sentinel.py": "three sentinels and their primary",
    "tests/test_asyncio/test_sentinel.py": "the same",
}

COMMANDS = "tests/test_commands.py::TestRedisCommands::"
ASYNC_COMMANDS = "tests/test_asyncio/test_commands.py::TestRedisCommands::"
LEFT_OUT = {
    COMMANDS + "test_bgsave": "ours: no snapshots as files of their own yet (docs/limits.md)",
    COMMANDS + "test_psync": "a second server on port 6380",
    COMMANDS + "test_lolwut": "wants the words 'Redis ver.'; Valkey and we say our own names",
    COMMANDS + "test_acl_getuser_setuser": "Valkey 9.1 tells selectors' databases too",
    COMMANDS + "test_xgroup_create_entriesread": "Valkey tells a lag where Redis says nothing",
    COMMANDS + "test_readonly_invalid_cluster_state": "READONLY without a cluster is no error",
    ASYNC_COMMANDS + "test_readonly_invalid_cluster_state": "the same",
    "tests/test_asyncio/test_connection.py::test_connection_disconect_race":
        "its own server, which knows no database 9",
}

# Fields with deadlines and some words came with Redis 7.4 and 8.0. Valkey and we have them and say
# 7.2.4, the last version both projects share: these files run once more under another version.
NEWER = ("8.0.0", ["tests/test_hash.py", "tests/test_asyncio/test_hash.py",
                   "tests/test_commands.py"])
PLUGIN = '''
    import pytest

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(session):
        session.config.REDIS_INFO["version"] = "{version}"
'''


def source(directory: pathlib.Path) -> pathlib.Path:
    """The unpacked distribution, and in `plugins` what its tests import."""
    version = importlib.metadata.version("redis")
    pip = (sys.executable, "-m", "pip")
    subprocess.run([*pip, "download", "--quiet", "--no-deps", "--no-binary", "redis",
                    f"redis=={version}", "--dest", str(directory)], check=True)
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--target",
                    str(directory / "plugins"), *PACKAGES], check=True)
    (directory / "plugins" / "newer.py").write_text(
        textwrap.dedent(PLUGIN).format(version=NEWER[0]))
    archive, = directory.glob("redis-*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(directory, filter="data")
    return directory / f"redis-{version}"


def start(directory: pathlib.Path, valkey: bool) -> subprocess.Popen:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            sys.exit(f"port {PORT} is taken, and redis-py's tests insist on it")
    options = ("--port", str(PORT), "--bind", "127.0.0.1", "--dir", str(directory),
               "--enable-debug-command", "yes")
    if valkey:
        return subprocess.Popen([valkey_binary(), *options, "--save", ""],
                                stdout=subprocess.DEVNULL)
    served = Served(directory, *options)
    if served.status is not None:
        sys.exit(served.text)
    return served.process


def run(tree: pathlib.Path, *arguments: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--capture=fd",
               "--disable-warnings", "-o", "log_cli=false", "--tb=short", "-m", MARKS,
               f"--redis-url=redis://127.0.0.1:{PORT}/9"]
    command += [f"--ignore={path}" for path in IGNORED]
    command += [f"--deselect={test}" for test in LEFT_OUT]
    environment = os.environ | {"PYTHONPATH": str(tree.parent / "plugins")}
    return subprocess.run([*command, *arguments], cwd=tree, env=environment).returncode


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="kvd-redis-py-") as name:
        directory = pathlib.Path(name)
        tree = source(directory)
        valkey = "--valkey" in arguments
        server = start(directory, valkey)
        try:
            if valkey:
                arguments.remove("--valkey")
            status = run(tree, *(arguments or ["tests"]))
            if not arguments:
                status = max(status, run(tree, "-p", "newer", *NEWER[1]))
            return status
        finally:
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
