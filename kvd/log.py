"""The log of a serving process: one line an event, in Valkey's format.

    23011:M 05 Nov 2026 11:22:33.456 * Ready to accept connections tcp

It goes to standard error or to a file, and to the system's log if asked. The file is opened for
each line, so that it can be moved away at any time. Not the `logging` module: its import takes as
long as the rest of our start.
"""
import os
import sys
import time

LEVELS = ["debug", "verbose", "notice", "warning", "nothing"]
MARKS = {"debug": ".", "verbose": "-", "notice": "*", "warning": "#"}
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class Log:
    """Where lines go, and which.

    Attributes:
        level: the least important level that is written, a word of LEVELS.
        format: legacy, logfmt or json.
        timestamps: legacy, iso8601 or milliseconds.
    """

    def __init__(self, path: str = "", level: str = "notice", format: str = "legacy",
                 timestamps: str = "legacy"):
        """
        Args:
            path: of the file; "" or "stderr" is standard error, "stdout" standard output.
        Raises:
            OSError: the file cannot be written.
        """
        self.path = path
        self.level = level
        self.format = format
        self.timestamps = timestamps
        self.syslog = None
        self.append(b"")

    def use_syslog(self, ident: str, facility: str) -> None:
        """Send every line to the system's log too."""
        import syslog
        syslog.openlog(ident, syslog.LOG_PID | syslog.LOG_NDELAY,
                       getattr(syslog, f"LOG_{facility.upper()}"))
        priorities = {"debug": syslog.LOG_DEBUG, "verbose": syslog.LOG_INFO,
                      "notice": syslog.LOG_NOTICE, "warning": syslog.LOG_WARNING}
        self.syslog = lambda level, message: syslog.syslog(priorities[level], message)

    def debug(self, message: str) -> None:
        self.write("debug", message)

    def verbose(self, message: str) -> None:
        self.write("verbose", message)

    def notice(self, message: str) -> None:
        self.write("notice", message)

    def warning(self, message: str) -> None:
        self.write("warning", message)

    def write(self, level: str, message: str) -> None:
        """One event. Line ends within the message become spaces: a line is an event."""
        if LEVELS.index(level) < LEVELS.index(self.level):
            return
        message = " ".join(message.splitlines())
        try:
            self.append(self.line(level, message).encode("utf-8", "backslashreplace") + b"\n")
        except OSError:
            pass                        # a full disk must not end the server that fills it
        if self.syslog:
            self.syslog(level, message)

    def append(self, line: bytes) -> None:
        if self.path in ("", "stderr"):
            os.write(2, line)
        elif self.path == "stdout":
            os.write(1, line)
        else:
            fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                os.write(fd, line)
            finally:
                os.close(fd)

    def line(self, level: str, message: str) -> str:
        now = self.now()
        if self.format == "legacy":
            return f"{os.getpid()}:M {now} {MARKS[level]} {message}"
        fields = [("pid", os.getpid()), ("role", "primary"), ("timestamp", now),
                  ("level", level), ("message", message)]
        if self.format == "json":
            import json
            return json.dumps(dict(fields), separators=(",", ":"), ensure_ascii=False)
        return " ".join([f'{name}="{value}"' if name in ("timestamp", "message")
                         else f"{name}={value}"
                         for name, value in escaped(fields)])

    def now(self) -> str:
        nanoseconds = time.time_ns()
        seconds, millis = divmod(nanoseconds // 1_000_000, 1000)
        if self.timestamps == "milliseconds":
            return str(nanoseconds // 1_000_000)
        t = time.localtime(seconds)
        if self.timestamps == "iso8601":
            sign, offset = ("-" if t.tm_gmtoff < 0 else "+"), abs(t.tm_gmtoff) // 60
            return (f"{t.tm_year:04}-{t.tm_mon:02}-{t.tm_mday:02}T{t.tm_hour:02}:{t.tm_min:02}:"
                    f"{t.tm_sec:02}.{millis:03}{sign}{offset // 60:02}:{offset % 60:02}")
        # Month names of our own: strftime would take the locale's.
        return (f"{t.tm_mday:02} {MONTHS[t.tm_mon - 1]} {t.tm_year} {t.tm_hour:02}:"
                f"{t.tm_min:02}:{t.tm_sec:02}.{millis:03}")

    def crashes(self) -> int:
        """A descriptor for what is written when the process crashes; stays open."""
        if self.path in ("", "stderr"):
            return 2
        if self.path == "stdout":
            return 1
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)


def escaped(fields: list[tuple]) -> list[tuple]:
    """For logfmt: a value stands between quotes and so holds none."""
    return [(name, value.replace("\\", "\\\\").replace('"', '\\"') if isinstance(value, str)
             else value) for name, value in fields]


def complain(message: str) -> None:
    """For the person at the terminal, before there is a log."""
    sys.stderr.write(f"kvd: {message}\n")
