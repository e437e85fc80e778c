"""`kvd serve`. Goal: it starts with what people have (files, options, standard input), says in one
sentence why it does not, is alone in its directory, and ends cleanly by a signal. Method: the real
process; its log, its sockets, its exit status."""
import os
import pathlib
import resource
import signal
import socket
import stat
import subprocess
import sys
import time

import pytest

from kvd import serve
from tests.kvd.server import ROOT, Served, free_port
from tests.oracle import Link, encode

DEBIAN = pathlib.Path("/etc/redis/redis.conf")


@pytest.fixture
def start(tmp_path):
    """Start servers in tmp_path; they are ended with the test."""
    running = []

    def start_one(*args, **more):
        running.append(Served(more.pop("directory", tmp_path), *args, **more))
        return running[-1]
    yield start_one
    for served in running:
        served.process.kill()
        served.process.wait()


@pytest.fixture
def port():
    return str(free_port())


# -- what is said ---------------------------------------------------------------------------------

def test_the_log_is_for_people_and_for_tools(start, port, tmp_path):
    served = start("--port", port, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    assert served.ask(int(port), "PING") == b"+PONG\r\n"
    assert served.end() == 0
    messages = [message for _, message in served.lines]
    assert len(messages) == len(served.text.splitlines()), "every line has the format"
    told = " | ".join(messages)
    for line in ("kvd ", "Server initialized", "Ready to accept connections tcp",
                 "Received SIGTERM scheduling shutdown...", "User requested shutdown...",
                 "kvd is now ready to exit, bye bye..."):
        assert line in told
    assert (f"Serving redis://127.0.0.1:{port} and redis://[::1]:{port} from {tmp_path}, policy "
            "allkeys-lru, memory limit 100.00M, append only file off") in told \
        or not socket.has_ipv6


@pytest.mark.parametrize("format, timestamps, pattern", [
    ("legacy", "iso8601", r"\d+:M \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d \* .*"),
    ("legacy", "milliseconds", r"\d+:M \d{13} \* .*"),
    ("logfmt", "legacy", r'pid=\d+ role=primary timestamp="\d\d \w+ \d{4} [\d:.]+" level=\w+ '
                         r'message="([^"\\]|\\.)*"'),
    ("json", "legacy", r'\{"pid":\d+,"role":"primary","timestamp":".*","level":"\w+",'
                       r'"message":".*"\}'),
])
def test_log_formats(tmp_path, format, timestamps, pattern):
    import re

    from kvd.log import Log
    log = Log(str(tmp_path / "log"), "notice", format, timestamps)
    log.notice('one "two" \\three\nfour é')
    log.verbose("not this one")
    line, = (tmp_path / "log").read_text().splitlines()
    assert re.fullmatch(pattern, line), line


def test_the_log_file_may_be_moved(port, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "kvd", "serve", "--port", port, "--logfile", "my.log"],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE)
    wait_for(lambda: (tmp_path / "my.log").exists()
             and "Ready" in (tmp_path / "my.log").read_text())
    os.rename(tmp_path / "my.log", tmp_path / "old.log")
    process.terminate()
    assert process.communicate()[1] == b""
    assert "bye bye" in (tmp_path / "my.log").read_text(), "a log that was moved is begun anew"


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# -- what it is started with ----------------------------------------------------------------------

def test_file_options_and_their_order(start, port, tmp_path):
    (tmp_path / "a.conf").write_text("port 1\ntimeout 5\nhz 20\nmaxmemory 1mb\n")
    served = start("a.conf", "--port", port, "--hz=30", "--save", "", "--bind", "127.0.0.1", "-::1",
                   "--client-output-buffer-limit", "normal", "1mb", "0", "0")
    ask = served.client(int(port))
    for name, value in (("timeout", b"5"), ("hz", b"30"), ("maxmemory", b"1048576"),
                        ("bind", b"127.0.0.1 -::1")):
        assert ask.execute(b"CONFIG", b"GET", name.encode()).split(b"\r\n")[4] == value
    assert b"normal 1048576 0 0" in ask.execute(b"CONFIG", b"GET", b"client-output-buffer-limit")
    assert ask.execute(b"CONFIG", b"SET", b"hz", b"40") == b"+OK\r\n"
    assert ask.execute(b"CONFIG", b"REWRITE") == b"+OK\r\n"
    assert "hz 40" in (tmp_path / "a.conf").read_text()
    ask.close()


def test_standard_input_keeps_a_secret(start, port):
    served = start("-", "--port", port, stdin=b"requirepass geheim\n")
    assert served.ask(int(port), "PING").startswith(b"-NOAUTH")
    assert served.ask(int(port), "AUTH", "geheim") == b"+OK\r\n"
    assert "geheim" not in served.text
    assert served.ask(int(port), "HELLO", "2", "AUTH", "default", "geheim")[:1] == b"*"


def test_a_secret_among_the_options_is_hidden(start, port):
    served = start("--requirepass", "geheim", "--port", port)
    shown = pathlib.Path(f"/proc/{served.process.pid}/cmdline").read_bytes()
    assert b"geheim" not in shown and shown.startswith(b"kvd 127.0.0.1:" + port.encode())


@pytest.mark.skipif(not DEBIAN.exists(), reason="Debian's redis-server is not installed")
def test_debians_redis_conf_serves(start, port, tmp_path):
    served = start(str(DEBIAN), "--port", port, "--dir", str(tmp_path), "--logfile", "",
                   "--pidfile", str(tmp_path / "pid"), "--daemonize", "no")
    assert served.ask(int(port), "PING") == b"+PONG\r\n"
    assert (tmp_path / "pid").read_text() == f"{served.process.pid}\n"
    assert served.end() == 0
    assert not (tmp_path / "pid").exists()


@pytest.mark.parametrize("args, sentence", [
    (["nothing.conf"], "cannot read nothing.conf: No such file or directory"),
    (["--prot", "1"], "--prot 1': there is no directive 'prot'; is it 'port'?"),
    (["--port", "x"], "--port x': argument couldn't be parsed into an integer"),
    (["--port"], "wrong number of arguments"),
    (["--port", "1", "2"], "wrong number of arguments"),
    (["-", "x"], "'x' belongs to no option"),
    (["--save", "900", "1"], "no snapshots (RDB files) are written yet"),
    (["--cluster-enabled", "yes"], "there is no cluster mode"),
    (["--dir", "none/none"], "cannot use directory none/none: No such file or directory"),
    (["--dir", "a-file"], "cannot use directory a-file: Not a directory"),
    (["--port", "0"], "there is nothing to listen on"),
    (["--bind", "203.0.113.9"], "203.0.113.9 is no address of this machine"),
    (["--port", "0", "--unixsocket", "a-file"], "a-file exists and is not a socket"),
    (["--port", "0", "--unixsocket", "s", "--unixsocketgroup", "nobodys"], "there is no group"),
    (["--logfile", "none/log"], "No such file or directory: 'none/log'"),
    (["--server-cpulist", "4000"], "server-cpulist 4000: Invalid argument"),
    (["--maxclients", "100000000"], "maxclients 100000000 needs more open files"),
])
def test_a_start_that_fails_says_why_in_one_line(start, tmp_path, port, args, sentence):
    (tmp_path / "a-file").write_text("mine")
    if "--port" not in args and args[0].startswith("--"):
        args = [*args, "--port", port]
    served = start(*args, stdin=b"")
    assert served.end() == 1
    assert sentence in served.text.splitlines()[-1], served.text
    assert "Traceback" not in served.text
    assert (tmp_path / "a-file").read_text() == "mine"


def test_help_lists_every_directive():
    run = subprocess.run([sys.executable, "-m", "kvd", "serve", "--help"], cwd=ROOT,
                         capture_output=True, text=True)
    assert run.returncode == 0
    for name in ("--maxmemory ", "--bind ", "--appendonly ", "--requirepass "):
        assert name in run.stdout


def test_the_import_is_lean():
    """None of what makes a command slow to start is imported by the server."""
    code = "import sys; import kvd.serve; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    heavy = {"argparse", "logging", "tempfile", "typing", "asyncio", "json", "subprocess",
             "random", "traceback", "signal", "click", "rich", "numpy", "redis"}
    assert set(run.stdout.split()) & heavy == set()


def test_arguments():
    def parsed(*args):
        path, options = serve.parse_arguments(list(args))
        return path, [tuple(word.decode() for word in line.words) for line in options]

    assert parsed() == (None, [])
    assert parsed("a.conf") == ("a.conf", [])
    assert parsed("-", "--port", "1") == ("-", [("port", "1")])
    assert parsed("--config", "a", "--port", "1") == ("a", [("port", "1")])
    assert parsed("--slowlog-log-slower-than", "-1", "--save", "") == (
        None, [("slowlog-log-slower-than", "-1"), ("save", "")])
    assert parsed("--requirepass=--x=y") == (None, [("requirepass", "--x=y")])
    line = serve.parse_arguments(["--requirepass=geheim", "x"])[1][0]
    with pytest.raises(serve.conffile.FileError) as fault:
        serve.conffile.settings_of([line])
    assert "geheim" not in str(fault.value) and "requirepass" in str(fault.value)
    for wrong in (["a", "b"], ["a", "--config", "b"], ["--config"], ["--", "x"]):
        with pytest.raises(serve.StartError):
            parsed(*wrong)


# -- alone ----------------------------------------------------------------------------------------

def test_a_second_start_in_the_directory_is_refused(start, port, tmp_path):
    first = start("--port", port)
    second = start("--port", str(free_port()))
    assert second.end() == 1
    assert second.lines[-1] == ("#", f"Cannot start: directory {tmp_path} is in use by another "
                                     f"server, process {first.process.pid}: --dir chooses another")
    assert first.ask(int(port), "PING") == b"+PONG\r\n"
    first.process.kill()
    first.process.wait()
    third = start("--port", port)
    assert third.ask(int(port), "PING") == b"+PONG\r\n", "a lock dies with its process"


def test_a_port_in_use_is_one_sentence(start, port, tmp_path):
    start("--port", port)
    (tmp_path / "b").mkdir()
    second = start("--port", port, "--dir", "b")
    assert second.end() == 1
    assert f"port {port} of 127.0.0.1 is in use: is another server running?" in second.text


def test_a_directory_is_made_when_only_its_last_part_is_missing(start, port, tmp_path):
    served = start("--port", port, "--dir", "data")
    assert served.end() == 0
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


# -- sockets --------------------------------------------------------------------------------------

@pytest.mark.parametrize("mode, expected", [(None, 0o700), ("770", 0o770), ("600", 0o600)])
def test_the_unix_socket(start, tmp_path, mode, expected):
    args = ["--unixsocketperm", mode] if mode else []
    served = start("--port", "0", "--unixsocket", "s", *args)
    path = tmp_path / "s"
    assert stat.S_ISSOCK(path.stat().st_mode) and stat.S_IMODE(path.stat().st_mode) == expected
    link = Link(str(path))
    assert link.execute(b"PING") == b"+PONG\r\n"
    link.close()
    assert ("*", "Ready to accept connections unix") in served.lines
    assert served.end() == 0 and not path.exists()


def test_a_socket_that_was_left_behind_is_replaced(start, tmp_path):
    first = start("--port", "0", "--unixsocket", "s")
    first.process.kill()
    first.process.wait()
    assert (tmp_path / "s").exists()
    second = start("--port", "0", "--unixsocket", "s")
    assert second.status is None
    (tmp_path / "b").mkdir()
    third = start("--port", "0", "--unixsocket", str(tmp_path / "s"), "--dir", "b")
    assert third.end() == 1 and "s is in use" in third.text
    assert (tmp_path / "s").exists(), "the socket of the one that runs is left alone"


def test_bind_and_port_change_while_it_serves(start, port):
    other = str(free_port())
    served = start("--port", port, "--bind", "127.0.0.1")
    link = served.client(int(port))
    assert link.execute(b"CONFIG", b"SET", b"port", other.encode()) == b"+OK\r\n"
    assert link.execute(b"PING") == b"+PONG\r\n", "who is in stays in"
    assert served.ask(int(other), "PING") == b"+PONG\r\n"
    with pytest.raises(ConnectionRefusedError):
        served.client(int(port))
    assert link.execute(b"CONFIG", b"SET", b"bind", b"* -::*") == b"+OK\r\n"
    assert served.ask(int(other), "PING") == b"+PONG\r\n"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = link.execute(b"CONFIG", b"SET", b"bind", b"127.0.0.1", b"port",
                               str(taken.getsockname()[1]).encode())
    assert refused.startswith(b"-ERR CONFIG SET failed (possibly related to argument 'bind') - ")
    assert served.ask(int(other), "PING") == b"+PONG\r\n", "the old sockets are back"
    assert link.execute(b"CONFIG", b"GET", b"port").split(b"\r\n")[4] == other.encode()
    link.close()


def test_an_address_that_may_be_missing(start, port):
    served = start("--port", port, "--bind", "-203.0.113.9", "127.0.0.1")
    assert served.ask(int(port), "PING") == b"+PONG\r\n"


def test_maxclients_beyond_the_system_is_refused(start, port):
    served = start("--port", port)
    reply = served.ask(int(port), "CONFIG", "SET", "maxclients", "1000000000")
    assert b"The operating system is not able to handle the specified number of clients" in reply
    assert served.ask(int(port), "CONFIG", "SET", "maxclients", "100") == b"+OK\r\n"


# -- the end --------------------------------------------------------------------------------------

@pytest.mark.parametrize("number, name", [(signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")])
def test_a_signal_ends_it_cleanly(start, port, number, name):
    served = start("--port", port)
    link = served.client(int(port))
    assert served.end(number) == 0
    assert ("*", f"Received {name} scheduling shutdown...") in served.lines
    assert link.socket.recv(1) == b"", "its clients are told by the end of the stream"


def test_a_second_signal_ends_it_at_once(start, port):
    served = start("--port", port, "--enable-debug-command", "yes")
    link = served.client(int(port))
    link.socket.sendall(b"DEBUG SLEEP 60\r\n")
    time.sleep(0.1)
    served.process.terminate()
    served.process.terminate()          # sent twice in one breath is sent once
    time.sleep(0.4)
    assert served.status is None, "the first signal waits for the command"
    assert served.end() == 1
    assert "second signal" in served.text


@pytest.mark.parametrize("force", [False, True])
def test_a_journal_that_cannot_be_written_holds_the_end(start, port, force):
    """The disk is full: here, a limit on the size of files. The log stays below it."""
    args = ["--shutdown-on-sigterm", "force"] if force else []
    served = start("--port", port, "--appendonly", "yes", *args)
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (50_000, 50_000))
    link = served.client(int(port))
    link.socket.sendall(encode("SET", "key", b"v" * 100_000))
    link.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        link.socket.recv(1)             # an acknowledgement would be a lie
    served.process.terminate()
    time.sleep(0.4)
    if not force:
        assert served.status is None and "append only file cannot be written" in served.text
        served.process.terminate()      # the second signal: without the journal, then
    assert served.process.wait(10) == 1
    assert force or "second signal" in served.text


def test_acknowledged_writes_are_there_after_a_clean_end(start, port):
    served = start("--port", port, "--appendonly", "yes", "--appendfsync", "no")
    for number in range(100):
        assert served.ask(int(port), "SET", f"key:{number}", "v") == b"+OK\r\n"
    assert served.end() == 0
    served = start("--port", port, "--appendonly", "yes")
    assert served.ask(int(port), "DBSIZE") == b":100\r\n"


def test_hangups_are_ignored(start, port):
    served = start("--port", port)
    served.process.send_signal(signal.SIGHUP)
    assert served.ask(int(port), "PING") == b"+PONG\r\n"


# -- supervisors ----------------------------------------------------------------------------------

def test_systemd_is_told(start, port, tmp_path):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(tmp_path / "notify"))
    listener.settimeout(10)
    served = start("--port", port, "--supervised", "systemd",
                   env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    assert listener.recv(1000) == b"STATUS=Loading the data\n"
    assert listener.recv(1000) == b"STATUS=Ready to accept connections\nREADY=1\n"
    assert served.end() == 0
    assert listener.recv(1000) == b"STOPPING=1\n"
    listener.close()


def test_without_supervised_nobody_is_told(start, port, tmp_path):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(tmp_path / "notify"))
    listener.setblocking(False)
    start("--port", port, env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    with pytest.raises(BlockingIOError):
        listener.recv(1000)
    listener.close()


def test_closed_standard_files_do_no_harm(tmp_path, port):
    """A lock or socket on descriptor 0 to 2 would be overwritten by whoever prints."""
    shell = f'exec "{sys.executable}" -m kvd serve --port {port} --logfile log <&- >&- 2>&-'
    process = subprocess.Popen(["/bin/sh", "-c", shell], cwd=tmp_path,
                               env={"PYTHONPATH": str(ROOT)})
    wait_for(lambda: (tmp_path / "log").exists() and "Ready" in (tmp_path / "log").read_text())
    for number in range(3):
        assert os.readlink(f"/proc/{process.pid}/fd/{number}") == "/dev/null"
    process.terminate()
    assert process.wait(20) == 0


def test_daemonize_returns_when_it_is_ready(tmp_path, port):
    command = [sys.executable, "-m", "kvd", "serve", "--port", port, "--daemonize", "yes",
               "--pidfile", "pid", "--logfile", "log"]
    env = {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, timeout=30)
    assert run.returncode == 0, run.stderr
    number = int((tmp_path / "pid").read_text())
    try:
        with socket.create_connection(("127.0.0.1", int(port))) as sock:
            sock.sendall(b"PING\r\n")
            assert sock.recv(100) == b"+PONG\r\n"
        again = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, timeout=30)
        assert again.returncode == 1
        files = [os.readlink(path) for path in pathlib.Path(f"/proc/{number}/fd").iterdir()]
        assert str(tmp_path / "kvd.lock") in files, (files, (tmp_path / "log").read_text())
        refusal = f"is in use by another server, process {number}"
        assert refusal in (tmp_path / "log").read_text()
        assert refusal in again.stderr.decode(), "the person hears it too"
    finally:
        os.kill(number, signal.SIGTERM)
    wait_for(lambda: not (tmp_path / "pid").exists())
