"""`kvd serve`: one engine, its sockets, its log, from start to end.

    options ->  directory, lock  ->  log  ->  sockets  ->  engine, journal  ->  loop  ->  end

Everything that can be wrong with the start is found before a client is accepted, and is one
sentence on standard error, or in the log once there is one. The loop runs without Python; this
file hears of signals through a pipe on which the loop waits.

Exit status: 0 a clean end; 1 the server could not start, or not end cleanly.
"""
import os
import socket
import sys

from . import __version__
from .engine.server import conffile
from .engine.server.config import config_table
from .engine.server.journal import Journal, JournalError, Stopped
from .engine.server.process import catch_signals, set_title
from .engine.server.server import Server
from .engine.server.tls import use_library
from .listen import ListenError, address, listen_tcp, listen_unix, url
from .log import Log, complain
from .process import (
    OomScore, Parent, StartError, Supervisor, enter_directory, lock_directory,
    open_standard_files, raise_files, run_on, write_lock, write_pidfile,
)

SIGNALS = {2: "SIGINT", 15: "SIGTERM"}
UNITS = ((1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))

HELP = """\
usage: kvd serve [FILE | -] [--config FILE] [--NAME VALUE ...]

Start a server. FILE is a configuration file, as Valkey and Redis have them; `-` reads it from
standard input. Options are its directives, and override it:

    kvd serve --port 7000 --dir data --appendonly yes
    kvd serve /etc/redis/redis.conf --daemonize no
    echo "requirepass $SECRET" | kvd serve - --bind '* -::*'
"""


def main(args: list[str]) -> int:
    """Serve until a signal or SHUTDOWN.

    Args:
        args: what stands behind `kvd serve`.
    Returns:
        Exit status.
    """
    if {"-h", "--help"} & set(args):
        print(HELP + options_help(), end="")
        return 0
    open_standard_files()
    os.umask(0o077)
    parent = Parent()
    try:
        path, options = parse_arguments(args)
        settings, users = read_settings(path, options)
        if settings.get("daemonize", b"no").lower() == b"yes":
            supervisor = Supervisor(settings.get("supervised", b"no").decode().lower())
            if not supervisor.present:
                parent.leave()
        instance = Instance(settings, users, path)
    except (StartError, ListenError, conffile.FileError, OSError, ValueError) as error:
        complain(f"cannot start: {error}")
        return 1
    try:
        instance.start()
        parent.started()
    except Stopped as stopped:
        instance.log.notice(str(stopped))
        return instance.end()
    except (StartError, ListenError, OSError, ValueError) as error:
        instance.log.warning(f"Cannot start: {error}")
        if instance.log.path not in ("", "stderr"):
            complain(f"cannot start: {error}")
        instance.release()
        return 1
    return instance.serve()


# -- options --------------------------------------------------------------------------------------

def parse_arguments(args: list[str]) -> tuple[str | None, list[conffile.Line]]:
    """The configuration file, and the options as if they were lines at its end.

    Raises:
        StartError: a word that belongs to no option.
    """
    path, options, rest = None, [], list(args)
    if rest and (rest[0] == "-" or not rest[0].startswith("--")):
        path = rest.pop(0)
    while rest:
        option = rest.pop(0)
        if not option.startswith("--") or option == "--":
            raise StartError(f"'{option}' belongs to no option: the file comes first, then "
                             "--name value")
        name, given, value = option[2:].partition("=")
        words = [value] if given else []
        while rest and not rest[0].startswith("--"):
            words.append(rest.pop(0))
        if name == "config":
            if len(words) != 1 or path is not None:
                raise StartError("--config takes one file, and there is one configuration file")
            path = words[0]
        else:
            text = " ".join([option.partition("=")[0], *words])
            options.append(conffile.Line("option", 0, os.fsencode(text), tuple(
                os.fsencode(word) for word in [name, *words])))
    return path, options


def read_settings(path: str | None, options: list[conffile.Line]) -> tuple[
        dict[str, bytes], dict[bytes, conffile.Line]]:
    """The directives of file and options, name to value; and the lines about users, by name."""
    lines = []
    if path is not None:
        try:
            shown = "standard input" if path == "-" else path
            lines = conffile.parse_text(conffile.read_text(path), shown)
        except OSError as error:
            raise StartError(f"cannot read {path}: {error.strerror}") from None
    lines += options
    return conffile.settings_of(lines), conffile.users_of(lines)


def options_help() -> str:
    """One line a directive."""
    lines, topic = [], None
    for row in config_table():
        if row["fixed"]:
            continue
        if row["topic"] != topic:
            topic = row["topic"]
            lines.append(f"\n{topic}:")
        shown = "|".join(row["choices"]) or row["kind"]
        lines.append(f"  --{row['name']} <{shown}>  (default: {row['default'] or 'none'})")
        lines.append(f"      {row['help']}")
    return "\n".join(lines) + "\n"


def human_bytes(count: int) -> str:
    for size, unit in UNITS:
        if count >= size:
            return f"{count / size:.2f}{unit}"
    return f"{count}B"


# -- the instance ---------------------------------------------------------------------------------

class Instance:
    """What `kvd serve` holds: directory, log, sockets, engine.

    Made in the directory it was started in; made whole by start(), in its own.
    """

    def __init__(self, settings: dict[str, bytes], users: dict[bytes, conffile.Line],
                 path: str | None):
        """
        Raises:
            StartError: the directory cannot be used.
            OSError: the log cannot be written.
        """
        self.config_file = os.path.abspath(path) if path not in (None, "-") else ""
        self.made_directory = enter_directory(os.fsdecode(settings.get("dir", b".")))
        settings["dir"] = os.fsencode(os.getcwd())
        self.settings = settings
        self.users = users
        # By (address, port), (address, port, "tls"), (path,) or (path, "control").
        self.sockets: dict[tuple, socket.socket] = {}
        self.lock: int | None = None
        self.pidfile = ""
        self.oom = OomScore()
        self.supervisor = Supervisor(self.value("supervised", "no"))
        self.log = Log(self.value("logfile", ""), self.value("loglevel", "notice"),
                       self.value("log-format", "legacy"),
                       self.value("log-timestamp-format", "legacy"))
        if self.value("syslog-enabled", "no") == "yes":
            self.log.use_syslog(self.value("syslog-ident", "kvd"),
                                self.value("syslog-facility", "local0"))

    def value(self, name: str, default: str) -> str:
        """A directive before there is an engine that knows it; choices in lower case."""
        text = self.settings.get(name)
        if text is None:
            return default
        value = text.decode("utf-8", "surrogateescape")
        return value if name in ("logfile", "syslog-ident") else value.lower()

    def get(self, name: str) -> str:
        return self.server.config(name)[name]

    # -- start ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Everything up to the first client."""
        log = self.log
        log.notice(f"kvd {__version__} is starting, process {os.getpid()}, "
                   f"Python {sys.version.split()[0]}")
        self.lock = lock_directory(must=self.value("appendonly", "no") == "yes")
        if self.lock is None:
            log.warning(f"Directory {os.getcwd()} cannot be written: nothing guards it against a "
                        "second server")
        if self.made_directory:
            log.notice(f"Made directory {os.getcwd()}")
        self.server = Server(**self.settings)
        self.server.on_error = self.tell_error
        self.server.on_log = lambda level, line: getattr(self.log, level)(line)
        self.server.config_file = self.config_file
        self.server.shell = {"listen": self.listen_again, "clients": self.limit_clients,
                             "log": self.change_log, "oom": self.set_oom,
                             "title": self.show_title, "tls": self.change_tls,
                             "dir": self.change_directory, "say": log.warning}
        log.notice("Configuration loaded" if self.config_file else
                   "Configuration: defaults and options; a file as first argument is read too")
        self.define_users()
        self.prepare_process()
        self.listen_all()
        log.notice("Server initialized")
        self.supervisor.notify("STATUS=Loading the data")
        self.catch_signals()
        self.journal = Journal(self.server, log)
        try:
            self.journal.start()
        except Stopped:
            raise
        except JournalError as error:
            raise StartError(str(error)) from None
        self.announce()

    def define_users(self) -> None:
        """Those of the configuration, or those of their own file.

        Raises:
            StartError: there are both, or one of them is faulty.
        """
        path = self.get("aclfile")
        if path and self.users:
            raise StartError("there are users in the configuration and an aclfile: say it in one "
                             "place")
        if path:
            self.server.users.load(path)
        for line in self.users.values():
            try:
                self.server.users.check(line.words[1], line.words[2:])
            except ValueError as error:
                raise conffile.FileError(line.path, line.number, line.text, str(error)) from None
        if self.users:
            self.server.users.define({name: list(line.words[2:])
                                      for name, line in self.users.items()})

    def prepare_process(self) -> None:
        if self.get("server-cpulist"):
            run_on(self.get("server-cpulist"))
        self.fit_clients()
        self.set_crash_log()
        self.set_oom()
        if self.supervisor.missing:
            self.log.warning("supervised: nobody waits for us: NOTIFY_SOCKET or UPSTART_JOB is "
                             "not set")
        if self.lock is not None:
            write_lock(self.lock)

    def fit_clients(self) -> None:
        """As many files as maxclients needs. A number that somebody chose is kept or refused."""
        wanted = int(self.get("maxclients"))
        possible = raise_files(wanted)
        if possible == wanted:
            return
        if "maxclients" in self.settings:
            raise StartError(f"maxclients {wanted} needs more open files than the system allows: "
                             f"{possible} is possible, or raise `ulimit -n`")
        self.server.configure([(b"maxclients", b"%d" % possible)])
        self.log.warning(f"maxclients is {possible} instead of {wanted}: the system allows no more "
                         "open files (`ulimit -n`)")

    def catch_signals(self) -> None:
        self.wake, writing = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(writing, False)
        catch_signals(writing)
        import signal
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.server.set_wake(self.wake)

    def announce(self) -> None:
        """Tell everyone who waits for it that we serve."""
        pidfile = self.get("pidfile")
        if pidfile:
            try:
                write_pidfile(pidfile)
                self.pidfile = os.path.abspath(pidfile)
            except OSError as error:
                self.log.warning(f"Failed to write PID file {pidfile}: {error.strerror}")
        self.show_title()
        limit = int(self.get("maxmemory"))
        places = " and ".join([url(sock, self.kind_of(key) == "tls")
                              for key, sock in self.sockets.items()])
        self.log.notice(
            f"Serving {places} from {self.get('dir')}, policy {self.get('maxmemory-policy')}, "
            f"memory limit {human_bytes(limit) if limit else 'none'}, "
            f"append only file {'on' if self.get('appendonly') == 'yes' else 'off'}")
        kinds = {self.kind_of(key).replace("control", "unix") for key in self.sockets}
        for kind in ("tcp", "unix"):
            if kind in kinds:
                self.log.notice(f"Ready to accept connections {kind}")
        self.supervisor.ready()

    # -- sockets ----------------------------------------------------------------------------------

    @staticmethod
    def kind_of(key: tuple) -> str:
        if isinstance(key[0], str) and key[1:] == ("control",):
            return "control"
        return {1: "unix", 2: "tcp", 3: "tls"}[len(key)]

    def tcp_keys(self) -> list[tuple]:
        places = self.get("bind").split()
        tls_places = self.get("tls-bind").split() or places
        port, tls_port = int(self.get("port")), int(self.get("tls-port"))
        return ([(place, port) for place in places] if port else []) + (
            [(place, tls_port, "tls") for place in tls_places] if tls_port else [])

    def listen_all(self) -> None:
        """Open every socket that the configuration names.

        Raises:
            ListenError: one of them cannot be had, or there is none.
        """
        self.set_tls()
        self.open_tcp(self.tcp_keys())
        path = self.get("unixsocket")
        if path:
            self.keep((os.path.abspath(path),), listen_unix(
                path, int(self.get("unixsocketperm"), 8), self.get("unixsocketgroup"),
                int(self.get("tcp-backlog"))))
        path = self.get("control-socket")
        if path:
            self.keep((os.path.abspath(path), "control"),
                      listen_unix(path, 0o600, "", int(self.get("tcp-backlog"))))
        if not self.sockets:
            raise StartError("there is nothing to listen on: give a port, a bind address that "
                             "exists, or a unixsocket")

    def open_tcp(self, keys: list[tuple]) -> None:
        for key in keys:
            sock = listen_tcp(*key[:2], int(self.get("tcp-backlog")))
            if sock is None:
                self.log.verbose(f"No address {key[0].removeprefix('-')} here: not listening on it")
            else:
                self.keep(key, sock)

    def keep(self, key: tuple, sock: socket.socket) -> None:
        self.sockets[key] = sock
        self.server.listen(sock.fileno(), self.kind_of(key))

    def drop(self, key: tuple) -> None:
        sock = self.sockets.pop(key)
        self.server.unlisten(sock.fileno())
        sock.close()

    def listen_again(self) -> None:
        """Hook: bind, port or tls-port has changed."""
        wanted = self.tcp_keys()
        # First close what goes: `*` and an address of its own cannot have a port at the same time.
        for key in [key for key in self.sockets if self.kind_of(key) in ("tcp", "tls")]:
            if key not in wanted:
                self.drop(key)
        try:
            self.open_tcp([key for key in wanted if key not in self.sockets])
        except ListenError as error:
            self.log.warning(str(error))
            raise ValueError(str(error)) from None
        self.show_title()

    # -- hooks ------------------------------------------------------------------------------------

    def set_tls(self) -> None:
        """Make the context that the directives ask for.

        Raises:
            ValueError: they contradict each other, or a file cannot be used.
        """
        if int(self.get("tls-port")) == 0:
            self.server.set_tls(None)
            return
        from .tls import load_library, options
        use_library(load_library())
        self.server.set_tls(options(self.get))

    def change_tls(self) -> None:
        """Hook: one of the tls directives has changed, or a file behind them may have."""
        try:
            self.set_tls()
        except ValueError as error:
            self.log.warning(str(error))
            raise ValueError(str(error)) from None
        self.listen_again()

    def limit_clients(self) -> None:
        wanted = int(self.get("maxclients"))
        possible = raise_files(wanted)
        if possible < wanted:
            raise ValueError("The operating system is not able to handle the specified number of "
                             f"clients, try with {possible}")

    def change_log(self) -> None:
        self.log.level = self.get("loglevel")
        self.log.format = self.get("log-format")
        self.log.timestamps = self.get("log-timestamp-format")
        self.set_crash_log()

    def set_crash_log(self) -> None:
        import faulthandler
        wanted = self.get("crash-log-enabled") == "yes"
        if wanted and not faulthandler.is_enabled():
            faulthandler.enable(self.log.crashes())
        elif not wanted:
            faulthandler.disable()

    def set_oom(self) -> None:
        try:
            self.oom.set(self.get("oom-score-adj"), self.get("oom-score-adj-values"))
        except OSError as error:
            raise ValueError(f"Failed to apply new oom_score_adj configuration: "
                             f"{error.strerror}") from None

    def show_title(self) -> None:
        if self.get("set-proc-title") != "yes":
            return
        shown = next((address(sock) for key, sock in self.sockets.items()
                      if self.kind_of(key) == "tcp"), self.get("unixsocket"))
        title = self.get("proc-title-template")
        for name, value in {"title": "kvd", "listen-addr": shown, "server-mode": "",
                            "port": self.get("port"), "tls-port": self.get("tls-port"),
                            "unixsocket": self.get("unixsocket"),
                            "config-file": self.config_file}.items():
            title = title.replace("{" + name + "}", value)
        set_title(os.fsencode(title.strip()))

    def change_directory(self) -> None:
        """Hook: move to another directory, lock and all. Data files do not move with us."""
        if self.get("appendonly") == "yes":
            raise ValueError("the append only file is open in the old directory")
        old = os.getcwd()
        try:
            os.chdir(self.get("dir"))
            lock = lock_directory(must=False)
        except (OSError, StartError) as error:
            os.chdir(old)
            raise ValueError(str(error)) from None
        if self.lock is not None:
            os.close(self.lock)
        self.lock = lock

    def tell_error(self, name: str) -> None:
        """A command that Python serves has failed by our mistake."""
        import traceback
        self.log.warning(f"Command {name} failed: {traceback.format_exc().strip()}")

    # -- serving, ending --------------------------------------------------------------------------

    def serve(self) -> int:
        """Run the loop until somebody ends it. Returns the exit status."""
        while True:
            step = self.server.run()
            if step == "stop":
                break
            if step == "wake" and self.may_end(SIGNALS[os.read(self.wake, 1)[0]]):
                break
        self.log.notice("User requested shutdown...")
        return self.end()

    def may_end(self, name: str) -> bool:
        """A signal wants us to end. Whether it may: not while writes wait for a broken disk."""
        self.log.notice(f"Received {name} scheduling shutdown...")
        trouble = self.server.journal_trouble
        if not trouble or "force" in self.get(f"shutdown-on-{name.lower()}").split():
            return True
        self.log.warning(f"Errors trying to shut down the server: the append only file cannot be "
                         f"written: {trouble}. Signal again to end without it")
        return False

    def end(self) -> int:
        self.supervisor.notify("STOPPING=1")
        status = 0
        try:
            self.journal.stop()
        except JournalError as error:
            self.log.warning(str(error))
            status = 1
        self.release()
        self.server.close()
        if status == 0:
            self.log.notice("kvd is now ready to exit, bye bye...")
        return status

    def release(self) -> None:
        """Leave nothing behind that says we are still here."""
        for key in list(self.sockets):
            sock = self.sockets[key]
            self.drop(key)
            if self.kind_of(key) in ("unix", "control"):
                self.log.notice("Removing the unix socket file.")
                self.remove(key[0])
        if self.pidfile:
            self.log.notice("Removing the pid file.")
            self.remove(self.pidfile)

    @staticmethod
    def remove(path: str) -> None:
        try:
            os.unlink(path)
        except OSError:
            pass                        # somebody else did
