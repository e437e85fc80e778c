"""The command as a newcomer types it. Goal: each verb does what it says, prints JSON for programs,
ends with its documented code, and a mistake is one sentence without a traceback. Method: the real
command in a process of its own, in a fresh home, without a terminal; a pty where one is needed."""
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time

import pytest

from kvd.errors import EXIT_CODES
from kvd.terminal import main, remote, session, watching
from tests.kvd.installation import ROOT, Installation


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("terminal"), 22200)
    yield place
    place.end()


def refused(run, code: int, text: str) -> None:
    assert run.returncode == code and code in EXIT_CODES, run
    assert text in run.stderr and "Traceback" not in run.stderr, run.stderr
    assert run.stdout == ""


def test_the_first_command_of_a_newcomer(place):
    run = place.run("create", "first")
    assert run.returncode == 0, run.stderr
    for word in ("Created first (red-", "Internal URL  redis://127.0.0.1:", "kvd cli first",
                 "External URL  rediss://red-", "in memory only"):
        assert word in run.stdout
    assert run.stderr.splitlines()[-1] == "Creating first: available"
    assert place.run("cli", "first", "--own", "set", "a", "1").stdout == "OK\n"
    assert place.run("cli", "first", "--own", stdin="get a\n\nincr a\n").stdout == "1\n2\n"


def test_create_with_everything(place):
    made = place.json("create", "full", "--plan", "pro plus", "--region", "frankfurt", "--for",
                      "queue", "--persistence", "off", "--allow", "10.0.0.0/8,office",
                      "--allow", "2001:db8::/32", "--internal-auth")
    assert made["plan"] == "pro_plus" and made["region"] == "frankfurt"
    assert made["options"] == {"maxmemoryPolicy": "noeviction", "persistenceMode": "off"}
    assert made["ipAllowList"] == [{"cidrBlock": "10.0.0.0/8", "description": "office"},
                                   {"cidrBlock": "2001:db8::/32", "description": ""}]
    assert made["connectionInfo"]["internalConnectionString"].startswith("redis://default:")
    custom = place.json("create", "odd", "--plan", "custom", "--memory", "48mb",
                        "--connections", "77")
    assert custom["limits"] == {"memoryBytes": 48 << 20, "connections": 77}


@pytest.mark.parametrize("args, code, text", [
    (["create", "a/b"], 2, "it has '/'"), (["create", "a.b"], 2, "it has '.'"),
    (["create", "x" * 300], 2, "300 characters"), (["create", "\U0001f600"], 2, "it has"),
    (["create", ""], 2, "a name is needed"), (["update", "full", "--name", ""], 2, "a name is"),
    (["create", "first"], 4, "the name first is in use"),
    (["create", "z", "--plan", "gold"], 2, "free, starter, standard"),
    (["create", "z", "--region", "moon"], 2, "oregon, ohio"),
    (["list", "--region", "mars"], 2, "'mars': it is one of oregon, ohio"),
    (["create", "z", "--maxmemory-policy", "x"], 2, "allkeys-lru, noeviction"),
    (["create", "z", "--persistence", "journal"], 2, "journal_snapshot"),
    (["create", "z", "--plan", "custom"], 2, "--memory"),
    (["create", "z", "--plan", "custom", "--memory", "lots"], 2, "no amount of memory"),
    (["create", "z", "--allow", "10.0.0.1/8"], 2, "did you mean 10.0.0.0/8"),
    (["create", "z", "--for", "cache", "--maxmemory-policy", "noeviction"], 2, "both choose"),
    (["create", "z", "--engine", "redis5"], 2, "valkey8, redis6"),
    (["create", "z", "--plan", "starter", "--persistence", "snapshot"], 2, "not available yet"),
    (["update", "full", "--persistence", "snapshot"], 2, "not available yet"),
    (["import", "first", "appendonly.aof"], 2, "cannot be imported yet"),
    (["info", "nobody"], 3, "there is no instance 'nobody': there are first"),
    (["upgrade", "full", "--plan", "starter"], 4, "cannot be moved to a smaller instance type"),
    (["update", "first"], 2, "nothing to change was named"),
    (["update", "first", "--set", "save=1"], 2, "timeout, tcp-keepalive"),
    (["delete", "first"], 4, "--yes"), (["wait", "first", "--status", "gone", "--timeout", "0.1"],
                                        6, "still available"),
    (["deny", "first", "9.9.9.9"], 3, "not on the allowlist"),
    (["allow", "first", "me"], 2, "ssh session"),
    (["settings", "colour"], 2, "free-instances-max"),
    (["metrics", "first", "--range", "ever"], 2, "no range"),
    (["metrics", "first", "--range", "31d"], 2, "31d is more than is kept: write at most 30d"),
    (["import", "first", "dump.rdb"], 2, "cannot be imported yet"),
    (["import", "first", "http://x"], 2, "no URL of a server"),
    (["import", "first", "redis://127.0.0.1:1"], 5, "cannot connect"),
    (["env"], 3, "render.yaml"), (["nothing"], 2, "No such command"), (["list", "--colour"], 2, ""),
])
def test_mistakes_are_one_sentence(place, args, code, text):
    refused(place.run(*args), code, text)


def test_what_cannot_be_created_says_why(place):
    run = place.run("create", "huge", "--plan", "custom", "--memory", "64mb", "--connections",
                    "100000")
    if run.returncode == 0:
        pytest.skip("this system allows so many files")
    refused(run, 4, "lets a process open files for")
    assert "huge" not in [one["name"] for one in place.json("list")]


def test_upgrade_shows_the_difference(place):
    run = place.run("upgrade", "odd", "--plan", "custom", "--memory", "96mb")
    assert "memory: 48 MB -> 96 MB" in run.stdout and "connections" not in run.stdout
    run = place.run("upgrade", "odd", "--plan", "custom", "--memory", "48mb", "--allow-downgrade")
    assert run.returncode == 0 and "memory: 96 MB -> 48 MB" in run.stdout


def test_fewer_connections_are_a_smaller_type(place):
    connections = place.json("info", "odd")["limits"]["connections"]
    few = ["upgrade", "odd", "--plan", "custom", "--memory", "48mb", "--connections", "5"]
    refused(place.run(*few), 4, f"it has Custom ({connections:,} connections), and Custom has 5. "
            "--allow-downgrade")
    assert place.json("info", "odd")["limits"]["connections"] == connections
    assert place.run(*few, "--allow-downgrade").returncode == 0
    assert place.json("info", "odd")["limits"]["connections"] == 5
    assert place.run(*few[:-1], str(connections)).returncode == 0


@pytest.mark.parametrize("setting", ["timeout=abc", "timeout=-1", "tcp-keepalive=",
                                     "notify-keyspace-events=Q", "timeout=99999999999"])
def test_a_value_that_makes_no_sense_is_told_with_its_name(place, setting):
    for more in ([], ["--dry-run"]):
        refused(place.run("update", "first", "--set", setting, *more), 2,
                f"{setting.partition('=')[0]}: ")
    assert "change_failed" not in [one["type"] for one in place.json("events", "first")]


def test_a_dry_run_of_a_rotation_looks_at_the_span(place):
    for more in ([], ["--dry-run"]):
        refused(place.run("password", "rotate", "first", "--overlap", "100000d", "--yes", *more),
                2, "0 seconds to 30 days")


def test_an_address_that_is_not_ours_is_refused(place):
    for name in ("internal-host", "external-bind"):
        refused(place.run("settings", name, "192.0.2.1"), 2,
                f"{name}: 192.0.2.1 is no address of this machine")


def test_allow_and_deny(place):
    assert "nobody -> 203.0.113.0/24" in place.run("allow", "first", "203.0.113.0/24,x").stdout
    run = place.run("allow", "first", "0.0.0.0/0")
    assert "the whole world" in run.stderr
    assert place.json("allow", "first")[0] == {"cidrBlock": "203.0.113.0/24", "description": "x"}
    place.run("deny", "first", "0.0.0.0/0")
    assert len(place.json("info", "first")["ipAllowList"]) == 1
    run = place.run("allow", "first", "me", SSH_CONNECTION="198.51.100.7 50000 10.0.0.1 22")
    assert "198.51.100.7/32" in run.stdout
    place.run("deny", "first", "--all")
    assert place.json("info", "first")["ipAllowList"] == []


def test_a_description_stays_until_another_is_given(place):
    place.run("allow", "first", "10.0.0.0/8,office")
    assert place.run("allow", "first", "10.0.0.0/8").stdout == "It is so already.\n"
    assert place.json("allow", "first")[0]["description"] == "office"
    run = place.run("allow", "first", "10.0.0.0/8,home")
    assert run.stdout == "  allowlist: 10.0.0.0/8 (office) -> 10.0.0.0/8 (home)\n"
    place.run("allow", "first", "10.0.0.0/8,")
    assert place.json("allow", "first")[0]["description"] == ""
    place.run("deny", "first", "--all")


def test_many_terminals_at_one_allowlist(place):
    """Each edit counts, whoever else edits at the same moment."""
    networks = [f"10.0.{part}.0/24" for part in range(6)]
    for verb, left in (("allow", set(networks)), ("deny", set())):
        runs = [subprocess.Popen([sys.executable, "-m", "kvd", verb, "first", network],
                                 env=place.environment, stdout=subprocess.DEVNULL)
                for network in networks]
        assert [run.wait(60) for run in runs] == [0] * 6
        assert {one["cidrBlock"] for one in place.json("allow", "first")} == left


def test_names_and_ids_both_work(place):
    id = place.json("info", "first")["id"]
    assert place.json("info", id)["name"] == "first"
    assert place.run("url", id, "--internal").stdout.startswith("redis://127.0.0.1:")
    assert place.run("url", "first", "--external").stdout.startswith(f"rediss://{id}:")
    assert id not in place.run("url", "first", "--internal").stdout


def test_suspend_resume_delete(place):
    place.run("create", "brief", "--plan", "starter")
    assert place.run("suspend", "brief", "-y").stdout == "Suspended brief\n"
    assert place.json("info", "brief")["status"] == "suspended"
    assert place.run("resume", "brief").stdout == "Resumed brief\n"
    assert place.run("restart", "brief").stdout == "Restarted brief\n"
    assert place.run("delete", "brief", "--yes").stdout == "Deleted brief\n"
    refused(place.run("info", "brief"), 3, "there is no instance 'brief'")


def test_passwords_and_authentication(place):
    old = place.run("url", "first", "--external").stdout
    run = place.run("password", "rotate", "first", "--yes")
    assert run.returncode == 0 and old.strip() not in run.stdout
    assert "is on" in place.run("internal-auth", "first", "on").stdout
    assert place.run("cli", "first", "--own", "ping").stdout == "PONG\n"
    assert "is off" in place.run("internal-auth", "first", "off").stdout


def test_watching(place):
    assert "Ready to accept connections" in place.run("logs", "first").stdout
    lines = [json.loads(line) for line in place.run("logs", "first", "-n", "2",
                                                    "--json").stdout.splitlines()]
    assert len(lines) == 2 and {"timestamp", "level", "message"} == lines[0].keys()
    assert "key_value_available" in place.run("events", "first", "-n", "100").stdout
    assert place.run("metrics", "first").returncode == 0
    run = place.run("doctor", "first")
    assert "answers on the internal URL" in run.stdout and run.returncode == 0, run.stdout


def test_the_log_is_followed(place):
    follower = subprocess.Popen([sys.executable, "-m", "kvd", "logs", "first", "-f", "-n", "1"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=place.environment)
    try:
        follower.stdout.readline()
        place.run("restart", "first", "--yes")
        for line in follower.stdout:
            if "ready to exit" in line:
                break
    finally:
        follower.send_signal(signal.SIGINT)
        _, errors = follower.communicate(timeout=20)
    assert follower.returncode == 130 and errors.endswith("kvd: interrupted\n")


def test_doctor_sees_a_queue_that_may_lose_jobs(place):
    place.run("create", "jobs")
    place.run("cli", "jobs", "--own", "set", "bull:mail:1", "x")
    assert "--for queue" in place.run("doctor", "jobs").stdout


def test_settings_and_agent(place):
    assert place.run("settings", "default-region", "ohio").stdout == "default-region is ohio\n"
    assert place.json("create", "there")["region"] == "ohio"
    place.run("settings", "default-region", "oregon")
    assert place.json("agent", "status")["running"]
    assert "stop" in place.run("agent", "--help").stdout
    unit = place.run("agent", "install", "--print").stdout
    assert "KillMode=process" in unit and f"KVD_HOME={place.home.root}" in unit
    for shell in ("bash", "zsh", "fish"):
        assert "_KVD_COMPLETE" in place.run("completion", shell).stdout
    certificate = place.run("ca").stdout
    assert certificate.startswith("-----BEGIN CERTIFICATE-----")
    assert open(place.run("ca", "--path").stdout.strip()).read() == certificate


def test_shell_completion_knows_names(place):
    run = place.run(_KVD_COMPLETE="bash_complete", COMP_WORDS="kvd info fi", COMP_CWORD="2")
    assert run.stdout == "plain,first\n"
    assert place.run("agent", "stop").returncode == 0
    run = place.run(_KVD_COMPLETE="bash_complete", COMP_WORDS="kvd info fi", COMP_CWORD="2")
    assert run.stdout.strip() == "" and place.home.holder() is None, "completion starts no agent"
    assert place.run("agent", "status").returncode == 5
    assert place.run("agent", "start").returncode == 0


@pytest.mark.parametrize("line, offered", [
    ("create --plan s", ["starter", "standard"]), ("create x --plan 5", ["5g", "50g"]),
    ("update x --plan pro_m", ["pro_max"]), ("upgrade x --plan PRO_U", ["pro_ultra"]),
    ("create --region o", ["oregon", "ohio"]), ("list --region f", ["frankfurt"]),
    ("create --maxmemory-policy volatile-l", ["volatile-lru", "volatile-lfu"]),
    ("update x --memory-policy volatile_l", ["volatile_lru", "volatile_lfu"]),
    ("create --persistence ", ["journal_snapshot", "off"]), ("create --engine v", ["valkey8"]),
    ("create --for ", ["cache", "queue"]), ("create --for=q", ["queue"]),
    ("wait x --status susp", ["suspended"]), ("settings api-r", ["api-reads-per-minute"]),
    ("completion ", ["bash", "zsh", "fish"]), ("create --plan nonsense", []),
    ("cli x --e", ["--external"])])
def test_shell_completion_knows_values(tmp_path, line, offered):
    """Without an agent, and without one being started."""
    words = f"kvd {line}"
    run = subprocess.run([sys.executable, "-m", "kvd"], cwd=ROOT, capture_output=True, text=True,
                         env=os.environ | {"KVD_HOME": str(tmp_path), "COMP_WORDS": words,
                                           "COMP_CWORD": str(words.count(" ")),
                                           "_KVD_COMPLETE": "bash_complete"})
    assert [one.partition(",")[2] for one in run.stdout.split()] == offered, run
    assert not list(tmp_path.iterdir())


def at_terminal(place, args: list[str], typed: bytes, after: tuple[bytes, ...] = (b"confirm",),
                **environment: str) -> tuple[int, str]:
    """Run it on a terminal, type something once one of these is shown, and see what it shows."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "kvd", *args],
                  place.environment | {"TERM": "xterm"} | environment)
    shown = b""
    deadline = time.monotonic() + 20
    sent = 0.0
    while time.monotonic() < deadline:
        # A signal between prompt and read waits for the next key: what is typed is typed again.
        if any(mark in shown for mark in after) and time.monotonic() - sent > 2:
            os.write(fd, typed)
            sent = time.monotonic()
        if not select.select([fd], [], [], 0.1)[0]:
            continue
        try:
            part = os.read(fd, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(fd)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), shown.decode(errors="replace")


def test_deleting_is_confirmed_by_typing(place):
    place.run("create", "typed")
    code, shown = at_terminal(place, ["delete", "typed"], b"yes\n")
    assert code == 4 and "nothing was done" in shown
    code, shown = at_terminal(place, ["delete", "typed"], b"\x03")
    assert code == 130
    code, shown = at_terminal(place, ["delete", "typed"], b"sudo delete key value typed\n")
    assert code == 0 and "Deleted typed" in shown


def test_tables_are_drawn_on_a_terminal(place):
    code, shown = at_terminal(place, ["list"], b"")
    assert code == 0 and "first" in shown and "\x1b[" in shown


def test_a_home_that_cannot_be_written(tmp_path, place):
    (tmp_path / "file").write_text("")
    run = place.run("list", KVD_HOME=str(tmp_path / "file" / "x"))
    refused(run, 5, "cannot use")


def test_a_damaged_database(tmp_path, place):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "state.db").write_bytes(b"nonsense " * 1000)
    refused(place.run("list", KVD_HOME=str(home)), 5, "is damaged")


def test_an_agent_elsewhere_that_is_not_there(place):
    refused(place.run("list", KVD_HOST="http://127.0.0.1:1"), 5, "no agent answers at")


def test_two_commands_at_once_on_one_instance(place):
    """Each is done or refused with its code, and the instance is what the last one said."""
    place.create("crowd", "starter")
    wishes = [["upgrade", "crowd", "--plan", "standard"], ["update", "crowd", "--for", "queue"],
              ["update", "crowd", "--set", "timeout=3"], ["restart", "crowd"],
              ["allow", "crowd", "10.1.0.0/16"], ["internal-auth", "crowd", "on"]]
    runs = [subprocess.Popen([sys.executable, "-m", "kvd", *wish], env=place.environment,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for wish in wishes]
    for run in runs:
        _, errors = run.communicate(timeout=60)
        assert run.returncode in (0, 1, 4), errors
        assert "Traceback" not in errors
    place.wait(place.json("info", "crowd")["id"])
    assert place.run("wait", "crowd").returncode == 0
    shown = place.json("info", "crowd")
    with place.link("crowd") as link:
        assert int(link.do("CONFIG", "GET", "maxmemory")[1]) == shown["limits"]["memoryBytes"]
    runs = [subprocess.Popen([sys.executable, "-m", "kvd", "delete", "crowd", "--yes"],
                             env=place.environment, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL) for _ in range(3)]
    codes = sorted(run.wait(60) for run in runs)
    assert codes[0] == 0 and set(codes) <= {0, 3}
    refused(place.run("info", "crowd"), 3, "there is no instance 'crowd'")


def test_interrupted_wherever_it_waits(place):
    """At prompts and at progress: no traceback, 130, and nothing was done."""
    place.create("patient", "starter")
    file = place.home.root.parent / "render.yaml"
    file.write_text("services: [{type: keyvalue, name: unborn, ipAllowList: []}]\n")
    before = place.json("list")
    for args in (["wait", "patient", "--status", "gone"], ["suspend", "patient"],
                 ["password", "rotate", "patient"], ["apply", str(file)],
                 ["logs", "patient", "-f"]):
        code, shown = at_terminal(place, args, b"\x03", after=(
            b"Waiting", b"confirm", b"[y/N]", b"Ready to accept"))
        assert code == 130 and "Traceback" not in shown, (args, code, shown)
    # Our own prompt forgets the line; the end of input ends it.
    code, shown = at_terminal(place, ["cli", "patient", "--own"], b"ge\x03\x04", (b"patient>",))
    assert code == 0 and "Traceback" not in shown
    assert place.json("list") == before


def test_an_import_that_is_interrupted_goes_on(place):
    place.create("origin", "starter")
    place.create("copy", "starter")
    with place.link("origin") as link:
        for start in range(0, 30_000, 1000):
            link.many([("SET", f"k{number}", "x" * 20)
                       for number in range(start, start + 1000)])
    source = place.url("origin")
    code, shown = at_terminal(place, ["import", "copy", source], b"\x03", after=(b"keys", ))
    assert code == 130 and "Traceback" not in shown
    run = place.run("import", "copy", source)
    assert run.returncode == 0 and "all equal" in run.stdout, run.stderr
    with place.link("copy") as link:
        assert link.do("DBSIZE") == 30_000


def test_the_prompt_is_the_tool_that_is_installed(place, tmp_path):
    """valkey-cli before redis-cli before our own; the password is in no argument."""
    place.create("tooled", internalAuth=True)
    password = place.ask("GET", "/key-value/tooled/connection-info")["password"]
    python = f"#!{sys.executable}\nimport os, sys\nprint(sys.argv, os.environ['REDISCLI_AUTH'])\n"
    for tool in ("redis-cli", "valkey-cli"):
        (tmp_path / tool).write_text(python)
        (tmp_path / tool).chmod(0o755)
        shown = place.run("cli", "tooled", "GET", "a b", PATH=str(tmp_path)).stdout
        port = place.url("tooled").rpartition(":")[2].strip()
        assert f"'{tmp_path / tool}', '-h', '127.0.0.1', '-p', '{port}', '--user', 'default', " \
            "'GET', 'a b']" in shown
        assert shown.endswith(f"{password}\n") and password not in shown.partition("]")[0]
    assert place.run("cli", "tooled", "PING", PATH="/nowhere").stdout == "PONG\n"
    assert place.run("connect", "tooled", "--own", "PING", PATH=str(tmp_path)).stdout == "PONG\n"


def test_a_database_that_somebody_holds(place):
    import sqlite3
    place.create("held")
    rival = sqlite3.connect(place.home.database, isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    try:
        refused(place.run("update", "held", "--name", "other"), 1, "is locked by another program")
        assert place.json("info", "held")["name"] == "held", "reading goes on"
    finally:
        rival.execute("ROLLBACK")
        rival.close()
    assert place.run("update", "held", "--name", "other").returncode == 0


def test_plots_and_colours_degrade(place):
    for environment, coloured in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"},
                                                              False)):
        for args, status in ((["list"], 0), (["logs", "first"], 0), (["info", "none"], 3)):
            code, shown = at_terminal(place, args, b"", **environment)
            assert code == status and ("\x1b[" in shown) == coloured, shown
    assert "\x1b" not in place.run("list").stdout and "\t" in place.run("list").stdout


def test_plots_on_a_terminal(place):
    """Of figures that are there: a line of them, and dots above it; numbers alone in a pipe."""
    from kvd.agent.metrics import METRICS, RINGS, Rings
    place.create("plotted")
    rings = Rings(place.home.instance(place.json("info", "plotted")["id"]))
    now = time.time()
    for back in range(600, 0, -10):
        rings.add(dict.fromkeys(METRICS, float(back << 10)), now - back)
    code, shown = at_terminal(place, ["metrics", "plotted", "--range", "15m"], b"")
    assert code == 0 and "memory: now" in shown and "limit 25 MB" in shown
    assert any("\u2800" < char <= "\u28ff" for char in shown)
    piped = place.run("metrics", "plotted", "--metric", "memory").stdout
    assert len(piped.splitlines()) == 1 and re.search(r"most [56]\d\d KB", piped)
    place.run("suspend", "plotted", "--yes")
    piped = place.run("metrics", "plotted", "--metric", "memory").stdout
    assert piped.startswith("memory: last ") and "now" not in piped
    assert place.run("metrics", "plotted", "--range", "30d").returncode == 0
    assert max(size * count for size, count in RINGS.items()) == watching.KEPT_SECONDS


def test_create_is_interrupted_and_nothing_is_half_made(place):
    for delay in (0.2, 0.3, 0.4):
        name = f"cut-{delay * 10:.0f}"
        run = subprocess.Popen([sys.executable, "-m", "kvd", "create", name],
                               env=place.environment, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
        time.sleep(delay)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=30)
        found = place.ask("GET", "/key-value", name=name)
        if found:
            place.wait(found[0]["keyValue"]["id"])


def dialogue(place, args: list[str], steps: list) -> tuple[int, str]:
    """Run it on a terminal. Each step waits for a mark, then types bytes or calls."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "kvd", *args],
                  place.environment | {"TERM": "xterm"})
    shown, seen = b"", 0
    deadline = time.monotonic() + 40
    steps = list(steps)
    while time.monotonic() < deadline:
        if steps and steps[0][0] in shown[seen:]:
            mark, step = steps.pop(0)
            seen = shown.index(mark, seen) + len(mark)
            if callable(step):
                step()
            else:
                os.write(fd, step)
        if not select.select([fd], [], [], 0.1)[0]:
            continue
        try:
            part = os.read(fd, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    assert not steps, (steps, shown)
    os.close(fd)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), shown.decode(errors="replace")


def test_the_prompt_shows_messages_as_they_arrive(place):
    """And goes on behind Ctrl-C, in the same database, with each command's own reply."""
    place.create("loud")

    def publish():
        with place.link("loud") as link:
            assert link.do("PUBLISH", "news", "hello") == 1

    code, shown = dialogue(place, ["cli", "loud", "--own"], [
        (b"loud>", b"select 1\r"), (b"loud[1]>", b"subscribe news\r"), (b"(integer) 1", publish),
        (b'"hello"', b"\x03"), (b"connects anew", b""), (b"loud[1]>", b"set k mine\r"),
        (b"OK", b""), (b"loud[1]>", b"get k\r"), (b'"mine"', b""), (b"loud[1]>", b"\x04")])
    assert code == 0 and "Traceback" not in shown
    with place.link("loud") as link:
        link.do("SELECT", "1")
        assert link.do("GET", "k") == b"mine"


def test_one_command_that_listens(place):
    """Each message is a line as soon as it is there; Ctrl-C ends it."""
    place.create("heard")
    listener = subprocess.Popen(
        [sys.executable, "-m", "kvd", "cli", "heard", "--own", "--json", "SUBSCRIBE", "a", "b"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=place.environment)
    try:
        for count, channel in enumerate("ab", 1):
            assert json.loads(listener.stdout.readline()) == ["subscribe", channel, count]
        with place.link("heard") as link:
            for text in ("one", "two"):
                assert link.do("PUBLISH", "b", text) == 1
                assert json.loads(listener.stdout.readline()) == ["message", "b", text]
    finally:
        listener.send_signal(signal.SIGINT)
        _, errors = listener.communicate(timeout=20)
    assert listener.returncode == 130 and "Traceback" not in errors


def test_a_login_that_is_refused_is_one_sentence(place):
    place.create("shut")
    refused(place.run("cli", "shut", "--own", "--external", "PING"), 4,
            "`kvd allow shut ADDRESS` lets an address in")
    refused(place.run("cli", "shut", "--own", "--external", stdin="PING\n"), 4,
            "shut refuses the login: ")


def test_who_is_suspended_is_not_talked_to(place, tmp_path):
    place.create("asleep", "starter")
    place.run("suspend", "asleep", "--yes")
    (tmp_path / "redis-cli").write_text(f"#!{sys.executable}\nprint('here')\n")
    (tmp_path / "redis-cli").chmod(0o755)
    for words in (["cli", "asleep", "PING"], ["cli", "asleep", "--own", "PING"],
                  ["connect", "asleep", "--external"]):
        refused(place.run(*words, PATH=str(tmp_path)), 4,
                "asleep is suspended: `kvd resume asleep` first")


def test_words_of_a_command_are_no_options_of_ours(place, tmp_path):
    place.create("words")
    for flags in (["--own", "words"], ["words", "--own"]):
        for word in ("--json", "--own", "-h", "--external", "--", "-x"):
            assert place.run("cli", *flags, "ECHO", word).stdout == f"{word}\n"
    assert place.run("cli", "words", "--own", "--", "ECHO", "a").stdout == "a\n"
    assert place.run("cli", "words", "--json", "ECHO", "--json").stdout == '"--json"\n'
    (tmp_path / "redis-cli").write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[5:])\n")
    (tmp_path / "redis-cli").chmod(0o755)
    shown = place.run("cli", "words", "GET", "--own", PATH=str(tmp_path)).stdout
    assert shown == "['GET', '--own']\n"
    refused(place.run("cli", "--colour", "words"), 2, "No such option")
    refused(place.run("cli"), 2, "NAME")


def test_an_error_reply_ends_with_1(place, tmp_path):
    """Through our own prompt, and through a tool that can say so; another one is left alone."""
    place.create("erring")
    assert place.run("cli", "erring", "--own", "FOO").returncode == 1
    tool = tmp_path / "redis-cli"
    for help_, expected in (("  -e     Return exit error code", "['-e', 'FOO']\n"),
                            ("  -r <repeat>", "['FOO']\n")):
        tool.write_text(f"#!{sys.executable}\nimport sys\n"
                        f"print({help_!r} if '--help' in sys.argv else sys.argv[5:])\n")
        tool.chmod(0o755)
        assert place.run("cli", "erring", "FOO", PATH=str(tmp_path)).stdout == expected
    installed = shutil.which("redis-cli")
    if installed and "-e   " in subprocess.run([installed, "--help"], capture_output=True,
                                               text=True).stdout:
        assert place.run("cli", "erring", "FOO").returncode == 1


def test_the_cli_line_can_be_pasted(tmp_path):
    """Whatever the home is called, and with the tool that is here."""
    directory = tmp_path / "a b \u00e9 $x"
    directory.mkdir()
    place = Installation(directory, 26200)
    try:
        made = place.json("create", "odd")
        tool = tmp_path / "redis-cli"
        tool.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[-1])\n")
        tool.chmod(0o755)
        shell = shutil.which("sh")
        shown = place.run("url", "odd", PATH=str(tmp_path)).stdout
        line = next(line for line in shown.splitlines() if line.startswith("  CLI "))
        assert f" redis-cli --user {made['id']} " in line
        run = subprocess.run([shell, "-c", line.removeprefix("  CLI ")], text=True,
                             capture_output=True, env={"PATH": str(tmp_path)})
        assert run.stdout == f"{place.home.authority / 'ca.pem'}\n", run
        shutil.copy(tool, tmp_path / "valkey-cli")
        assert " valkey-cli --user" in place.run("url", "odd", PATH=str(tmp_path)).stdout
        assert " valkey-cli --user" in place.run("url", "odd", PATH="/nowhere").stdout
    finally:
        place.end()


@pytest.mark.parametrize("args, status, text", [
    (["create", "slow"], "creating",
     "slow is still being created; `kvd wait slow` waits for it, `kvd delete slow` removes it"),
    (["upgrade", "slow", "--plan", "pro"], "updating_instance", "slow is still being changed; "
     "`kvd wait slow` waits for it, `kvd events slow` tells what became of it"),
    (["resume", "slow"], "config_restart", "slow is still being resumed; `kvd wait slow` waits"),
    (["restart", "slow", "--yes"], "config_restart", "slow is still being restarted; "),
    (["suspend", "slow", "--yes"], "available", "`kvd wait slow --status suspended` waits for it"),
    (["wait", "slow"], "creating", "kvd: interrupted\n"),
], ids=lambda one: one[0] if isinstance(one, list) else "")
def test_who_interrupts_hears_what_goes_on(monkeypatch, capsys, args, status, text):
    """The agent is one that is never done; Ctrl-C comes while the command waits."""
    instance = {"id": "red-x", "name": "slow", "status": status,
                "options": {"persistenceMode": "journal_snapshot"}}
    monkeypatch.setattr(remote.Remote, "ask", lambda *args, **query: instance)
    monkeypatch.setattr(session.time, "sleep", interrupt)
    assert main.run(args) == 130
    shown = capsys.readouterr()
    assert text in shown.err and "kvd: interrupted" in shown.err and shown.out == ""


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("module", ["kvd.cli", "kvd.terminal.main", "kvd.launch", "click"])
def test_interrupted_before_anything_has_begun(tmp_path, module):
    """Ctrl-C while this module is being imported."""
    code = f"""
import importlib.abc, runpy, sys

class Interrupts(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupts())
sys.argv[:] = ["kvd", "create", "x"]
runpy.run_module("kvd", run_name="__main__", alter_sys=True)
"""
    # The agent of which `create` would start one cannot be.
    (tmp_path / "home").write_text("")
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                         env=os.environ | {"KVD_HOME": str(tmp_path / "home")})
    assert run.returncode == 130 and "Traceback" not in run.stderr, run.stderr


@pytest.mark.parametrize("name, echoed", [
    ("\U0001f600", "'\U0001f600'"), ("caf\u00e9", "'caf\u00e9'"), ("\u6771", "'\u6771'"),
    ("a\x1b[31m", "'a\\x1b[31m'"), ("a\nb", "'a\\nb'"), ("a\u202eb", "'a\\u202eb'"),
    ("a\x7f", "'a\\x7f'"), ("a\u2066b", "'a\\u2066b'"), ("\udcff", "'\\udcff'")])
def test_what_was_typed_is_shown_as_it_is_unless_it_commands(place, name, echoed):
    for args, code in ((["create", name], 2), (["info", name], 3), (["settings", name], 2),
                       (["metrics", "first", "--range", name], 2)):
        refused(place.run(*args, PYTHONUTF8="1"), code, echoed)


def test_a_list_that_matches_none_says_so(place):
    place.create("asian", region="singapore")
    run = place.run("list", "--region", "virginia")
    assert run.returncode == 0 and run.stdout == "" and run.stderr == "No instance matches.\n"
    assert place.json("list", "--region", "virginia") == []
    assert [one["name"] for one in place.json("list", "--region", "Singapore")] == ["asian"]


def test_facts_in_a_pipe_are_all_pairs(place):
    """Each line of info names what it tells; a list has its titles."""
    place.create("piped")
    lines = [line.split("\t") for line in place.run("info", "piped").stdout.splitlines()]
    assert lines[0] == ["Name", "piped"]
    assert all(len(line) == 2 and line[0] for line in lines)
    assert place.run("list").stdout.startswith("name\tstatus\t")


def test_a_setting_that_is_empty_is_not_off(place):
    assert place.run("settings", "workspace-name", "").stdout == "workspace-name is empty\n"
    assert place.run("settings", "workspace-name").stdout == "empty\n"
    run = place.run("settings", "workspace-name", "Ours", "--dry-run")
    assert run.stdout == "Would change workspace-name: empty -> Ours\n"
    assert "workspace-name\tempty\t" in place.run("settings").stdout
    place.run("settings", "workspace-name", "My Workspace")
    assert place.run("settings", "api-listen", "").stdout == "api-listen is off\n"
    assert place.run("settings", "api-listen").stdout == "off\n"


def test_a_relative_home_is_one_place(place, tmp_path):
    """The agent, which runs elsewhere, and the command mean the same."""
    home = place.home.root
    for name in (home.name, f"./{home.name}", f"../{home.parent.name}/{home.name}"):
        unit = place.run("agent", "install", "--print", KVD_HOME=name).stdout
        assert re.search(r"^Environment=KVD_HOME=/", unit, re.M)
        assert place.json("agent", "status", KVD_HOME=name)["pid"] == place.agent_pid()
