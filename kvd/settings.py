"""The table of the installation's own settings.

One row each: name, default, how it is read, help. `kvd settings` shows and changes them; they live
in the installation's database. What belongs to one instance is not here.
"""
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from .errors import BadRequest
from .names import shown
from .plans import parse_region


@dataclass(frozen=True)
class Setting:
    """One row.

    Attributes:
        read: makes the stored text of a given one; raises BadRequest.
    """

    name: str
    default: str
    read: Callable[[str], str]
    help: str


def count(given: str) -> str:
    """A number, 0 or more."""
    if not re.fullmatch(r"\d{1,6}", given.strip()):
        raise BadRequest(f"{shown(given)} is no number from 0 to 999999")
    return str(int(given))


def host(given: str) -> str:
    """An address or a host's name."""
    text = given.strip()
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,252}[A-Za-z0-9])?|::1?", text):
        raise BadRequest(f"{shown(given)} is no host: write an address or a name")
    return text


def address(given: str) -> str:
    """An address of this host, or * for all."""
    text = given.strip()
    if text == "*":
        return text
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise BadRequest(f"{shown(given)} is no address: write one of this host, or *") from None


def listen(given: str) -> str:
    """ADDRESS:PORT, or nothing."""
    text = given.strip()
    if text in ("", "off", "none"):
        return ""
    place, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        raise BadRequest(f"{shown(given)} is no place to listen: write 127.0.0.1:8700, or off")
    return f"{address(place.strip('[]') or '127.0.0.1')}:{int(port)}".replace("*:", "0.0.0.0:")


def ports(given: str) -> str:
    """A range of ports."""
    match = re.fullmatch(r"\s*(\d{1,5})\s*-\s*(\d{1,5})\s*", given)
    if not match or not 1024 <= int(match[1]) < int(match[2]) <= 65535:
        raise BadRequest(f"{shown(given)} is no range of ports: write 6400-7399, within "
                         "1024-65535")
    return f"{int(match[1])}-{int(match[2])}"


def text(given: str) -> str:
    """One line."""
    if len(given) > 200 or not given.isprintable():
        raise BadRequest("it has at most 200 characters, all of them printable")
    return given.strip()


SETTINGS = {row.name: row for row in (
    Setting("free-instances-max", "1", count,
            "How many Free instances there may be at a time."),
    Setting("default-region", "oregon", parse_region,
            "Region of an instance that names none. All of them lie on this host."),
    Setting("internal-host", "127.0.0.1", address,
            "Address of the private side: internal URLs name it, and engines listen on it in "
            "plaintext. Nothing filters who comes there."),
    Setting("external-host", "localhost", host,
            "Name under which the outside finds this host: external URLs and certificates bear "
            "it."),
    Setting("external-bind", "*", address,
            "Address on which engines listen for TLS."),
    Setting("ports", "6400-7399", ports,
            "Where ports of new instances are taken from; each needs two."),
    Setting("api-listen", "", listen,
            "Where the agent serves its API over TCP, to those who have a key: 127.0.0.1:8700; "
            "off keeps it on the owner's Unix socket."),
    Setting("api-reads-per-minute", "400", count,
            "How often a key may read over TCP; 0 is no limit."),
    Setting("api-writes-per-minute", "100", count,
            "How often a key may change something; 0 is no limit."),
    Setting("api-creations-per-hour", "20", count,
            "How many instances a key may ask for; 0 is no limit."),
    Setting("workspace-name", "My Workspace", text,
            "Name of the workspace that the API tells."),
    Setting("workspace-email", "owner@localhost", text,
            "Address of the owner that the API tells."),
)}


def show_setting(name: str, value: str) -> str:
    """A stored text for a person: nothing is off only where it switches something off."""
    row = SETTINGS.get(name)
    return value or ("empty" if row is not None and row.default else "off")


def read_setting(name: str, given: str) -> str:
    """The stored text for a given value.

    Raises:
        BadRequest: there is no such setting, or the value makes no sense.
    """
    row = SETTINGS.get(name)
    if row is None:
        raise BadRequest(f"there is no setting {shown(name)}: it is one of {', '.join(SETTINGS)}")
    try:
        return row.read(given)
    except BadRequest as error:
        raise BadRequest(f"{name}: {error}") from None
