"""A small RESP client: the agent, imports and the health checks speak RESP like everyone else.

Blocking, RESP2, one connection. Replies are Python values: bytes, int, None, list, and `Wrong` for
an error within a list or a pipeline. It has no pool and never connects again by itself: who uses
it knows better whether a command may be repeated.
"""
import contextlib
import pathlib
import socket
import ssl
import urllib.parse
from collections.abc import Iterator

from .errors import BadRequest, Unreachable
from .home import connect_unix

READ_BYTES = 1 << 16


class Wrong(Exception):
    """An error that the server answered: its text."""


class Status(bytes):
    """A reply that is a word and no data: OK."""


class Gone(Unreachable):
    """The connection is lost, or the server takes too long."""


def encode(*args: bytes | str | int | float) -> bytes:
    """One command."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        data = arg if isinstance(arg, bytes) else str(arg).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


class Link:
    """One connection."""

    def __init__(self, sock: socket.socket, name: str):
        """
        Args:
            sock: connected.
            name: of the peer, for errors.
        """
        self.sock = sock
        self.name = name
        self.file = sock.makefile("rb", READ_BYTES)

    @classmethod
    def unix(cls, path: pathlib.Path, timeout: float = 5.0) -> "Link":
        """Raises Gone when nobody listens there."""
        try:
            return cls(connect_unix(path, timeout), str(path))
        except OSError as error:
            raise Gone(f"{path}: {error.strerror or error}") from None

    @classmethod
    def url(cls, url: str, timeout: float = 10.0, ca: str | None = None,
            insecure: bool = False) -> "Link":
        """Connect to redis://, rediss:// or unix://, and log in as the URL says.

        Which database it names (`url_database`) is for the caller to select.

        Args:
            ca: file with the certificates that sign the server's.
            insecure: do not check the server's certificate.
        Raises:
            BadRequest: no such URL. Gone: nobody answers. Wrong: the login is refused.
        """
        host, port, user, password, path, secure = parse_url(url)
        shown = path or f"{host}:{port}"
        try:
            if path:
                sock = connect_unix(pathlib.Path(path), timeout)
            else:
                sock = socket.create_connection((host, port), timeout)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if secure:
                context = ssl.create_default_context(cafile=ca)
                if insecure:
                    context.check_hostname = False
                    context.verify_mode = ssl.CERT_NONE
                sock = context.wrap_socket(sock, server_hostname=host)
        except (OSError, ssl.SSLError) as error:
            raise Gone(f"cannot connect to {shown}: "
                       f"{getattr(error, 'strerror', None) or error}") from None
        link = cls(sock, shown)
        try:
            if password:
                link.do("AUTH", *([user] if user else []), password)
        except BaseException:
            link.close()
            raise
        return link

    def do(self, *args: bytes | str | int | float) -> object:
        """One command, its reply. Raises Wrong for an error, Gone when the connection is lost."""
        reply, = self.many([args])
        if isinstance(reply, Wrong):
            raise reply
        return reply

    def many(self, commands: list[tuple]) -> list:
        """A pipeline: the replies, errors among them as Wrong."""
        self.send(commands)
        return [self.read() for _ in commands]

    def send(self, commands: list[tuple]) -> None:
        try:
            self.sock.sendall(b"".join([encode(*command) for command in commands]))
        except OSError as error:
            raise self.lost(error) from None

    def read(self) -> object:
        """The next reply."""
        try:
            return self.parse()
        except (OSError, ValueError) as error:
            raise self.lost(error) from None

    def lost(self, error: Exception) -> Gone:
        self.close()
        if isinstance(error, TimeoutError):
            return Gone(f"{self.name} does not answer")
        return Gone(f"the connection to {self.name} is lost: "
                    f"{getattr(error, 'strerror', None) or error}")

    def line(self) -> bytes:
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ValueError("it was closed")
        return line[:-2]

    def parse(self) -> object:
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            size = int(rest)
            if size < 0:
                return None
            data = self.file.read(size + 2)
            if len(data) != size + 2:
                raise ValueError("it was closed")
            return data[:-2]
        if kind == b"+":
            return Status(rest)
        if kind == b":":
            return int(rest)
        if kind == b"*":
            count = int(rest)
            return None if count < 0 else [self.parse() for _ in range(count)]
        if kind == b"-":
            return Wrong(rest.decode("utf-8", "replace"))
        raise ValueError(f"it does not speak RESP: {line[:20]!r}")

    def timeout(self, seconds: float) -> None:
        """How long a reply may take from now on."""
        self.sock.settimeout(seconds)

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Give replies so long for a while."""
        before = self.sock.gettimeout()
        self.sock.settimeout(seconds)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):      # it was closed: nothing to set back
                self.sock.settimeout(before)

    def close(self) -> None:
        for thing in (self.file, self.sock):
            try:
                thing.close()
            except OSError:
                pass

    def __enter__(self) -> "Link":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def parse_url(url: str) -> tuple[str, int, str, str, str, bool]:
    """Host, port, user, password, path, TLS of a Redis URL. Raises BadRequest."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port or 6379
    except ValueError:
        # Not Python's words: they quote what may be half a password.
        raise BadRequest(f"{hide_password(url)!a} is no URL: its port must be a number up to "
                         "65535, and /, ? and # of a password are written %2F, %3F and %23"
                         ) from None
    scheme = parts.scheme.lower()
    user = urllib.parse.unquote(parts.username or "")
    password = urllib.parse.unquote(parts.password or "")
    if scheme == "unix":
        url_database(url)
        return "", 0, user, password, parts.path, False
    if scheme not in ("redis", "rediss", "valkey", "valkeys") or not parts.hostname:
        raise BadRequest(f"{hide_password(url)!a} is no URL of a server: write "
                         "redis://host:6379 or rediss://user:password@host:6379")
    url_database(url)
    return parts.hostname, port, user, password, "", scheme in ("rediss", "valkeys")


def url_database(url: str) -> int | None:
    """The database that a URL names: redis://host:6379/3, unix:///socket?db=3. None: it names none.

    Raises:
        BadRequest: it names something else.
    """
    parts = urllib.parse.urlsplit(url)
    words = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
    path = "" if parts.scheme.lower() == "unix" else parts.path.strip("/")
    named = words.pop("db", path)
    if words:
        raise BadRequest(f"the option {next(iter(words))!a} of a URL is not known here: leave out "
                         "what follows the question mark")
    if not named and not parts.fragment:
        return None
    if parts.fragment or not (named.isascii() and named.isdigit()):
        raise BadRequest(f"{hide_password(url)!a} names no database: write a number behind the "
                         "last slash, as in redis://host:6379/3, or nothing")
    return int(named)


def hide_password(url: str) -> str:
    """The URL as it may be shown."""
    head, at, tail = url.rpartition("@")
    if not at:
        return url
    scheme, _, login = head.partition("://")
    return f"{scheme}://{login.partition(':')[0]}:***@{tail}"


def info(reply: object) -> dict[str, str]:
    """INFO's text as a dict."""
    lines = bytes(reply).decode("utf-8", "replace").splitlines()        # type: ignore[arg-type]
    return {name: value for name, colon, value in (line.partition(":") for line in lines)
            if colon and not name.startswith("#")}
