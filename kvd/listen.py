"""Listening sockets: addresses, ports, Unix sockets.

It opens and closes them and knows nothing of who serves them.
"""
import errno
import os
import socket
import stat

# An address that may be missing (`-` before it) is missing for one of these.
MISSING = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ENOPROTOOPT,
           errno.ESOCKTNOSUPPORT, errno.EPFNOSUPPORT}


class ListenError(Exception):
    """A sentence for the person who chose the address."""


def listen_tcp(address: str, port: int, backlog: int) -> socket.socket | None:
    """A listening, non-blocking socket.

    Args:
        address: an IPv4 or IPv6 address or a host name; `*` and `::*` are all addresses of a
            family; with `-` before it, it may be missing.
    Returns:
        The socket; None when the address is missing and may be.
    Raises:
        ListenError: why we cannot listen there.
    """
    optional = address.startswith("-")
    host = {"*": "0.0.0.0", "::*": "::"}.get(address.removeprefix("-"),
                                             address.removeprefix("-"))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = None
    try:
        if not all(char in "0123456789abcdefABCDEF.:%" for char in host):
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM,
                                       flags=socket.AI_PASSIVE)
            family, host = found[0][0], found[0][4][0]
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind((host, port))
        sock.listen(backlog)
        return sock
    except OSError as error:
        if sock is not None:
            sock.close()
        if optional and error.errno in MISSING:
            return None
        raise ListenError(tcp_sentence(address.removeprefix("-"), port, error)) from None


def tcp_sentence(address: str, port: int, error: OSError) -> str:
    place = f"port {port} of {'all addresses' if address in ('*', '::*') else address}"
    if error.errno == errno.EADDRINUSE:
        return f"{place} is in use: is another server running? --port chooses another"
    if error.errno == errno.EACCES:
        return f"{place} needs more rights than we have: ports below 1024 are the system's"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address} is no address of this machine: --bind chooses another"
    return f"cannot listen on {place}: {error.strerror}"


def listen_unix(path: str, mode: int, group: str, backlog: int) -> socket.socket:
    """A listening Unix socket, closed to everyone but us until its mode says otherwise.

    Args:
        mode: permissions; 0 leaves them to the process's umask.
        group: name or number of the group it is given to; "" leaves it.
    Raises:
        ListenError: the path is in use, is no socket, or cannot be made.
    """
    make_way(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    old_mask = os.umask(0o177)          # nobody may slip in between bind and chmod
    try:
        sock.setblocking(False)
        sock.bind(path)
        if group:
            os.chown(path, -1, group_number(group))
        os.chmod(path, mode or 0o700)
        sock.listen(backlog)
        return sock
    except OSError as error:
        sock.close()
        raise ListenError(f"cannot listen on {path}: {error.strerror or error}") from None
    finally:
        os.umask(old_mask)


def make_way(path: str) -> None:
    """Remove a socket that nobody listens on any more; nothing else is ever removed."""
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise ListenError(f"{path} exists and is not a socket")
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.settimeout(1)
        probe.connect(path)
        raise ListenError(f"{path} is in use: is another server running?")
    except ConnectionRefusedError:
        os.unlink(path)
    except OSError as error:
        raise ListenError(f"cannot replace {path}: {error.strerror or error}") from None
    finally:
        probe.close()


def group_number(group: str) -> int:
    import grp
    try:
        return int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise ListenError(f"unixsocketgroup: there is no group {group!r}") from None


def url(sock: socket.socket, secure: bool = False) -> str:
    """Where clients find it: redis://127.0.0.1:6379, rediss:// over TLS, unix:///run/kvd.sock."""
    if sock.family == socket.AF_UNIX:
        return f"unix://{os.path.abspath(sock.getsockname())}"
    return f"{'rediss' if secure else 'redis'}://{address(sock)}"


def address(sock: socket.socket) -> str:
    """127.0.0.1:6379, or [::1]:6379."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if sock.family == socket.AF_INET6 else f"{host}:{port}"
