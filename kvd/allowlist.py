"""Who may come in from outside: a list of networks, each with a description.

An IPv4 peer that reaches an IPv6 socket (`::ffff:1.2.3.4`) is matched as the IPv4 address it is.
A network whose host bits are set is refused with the one that was probably meant, since guessing
would open more or less than somebody wanted.
"""
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import BadRequest, NotFound

RULES_MAX = 10_000
DESCRIPTION_MAX = 255


@dataclass(frozen=True)
class Rule:
    """One network that may connect: `203.0.113.0/24`, "office"."""

    cidr: str
    description: str = ""


def parse_cidr(given: str) -> str:
    """A network in its one spelling; a bare address is a network of one.

    Raises:
        BadRequest: with the network that was probably meant, if one can be named.
    """
    text = given.strip()
    if not text:
        raise BadRequest("a network is needed, such as 203.0.113.0/24")
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        try:
            meant = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise BadRequest(f"{given!a} is no network: write an address and how many of its bits "
                             "count, such as 203.0.113.0/24 or 2001:db8::/32") from None
        address = text.partition("/")[0]
        raise BadRequest(f"{text} has bits set behind the first {meant.prefixlen}: did you mean "
                         f"{meant}, or {address}/{meant.max_prefixlen} for this address alone?") \
            from None
    if network.version == 6 and network.prefixlen >= 96 \
            and (mapped := network.network_address.ipv4_mapped) is not None:
        network = ipaddress.ip_network((mapped, network.prefixlen - 96))
    if getattr(network.network_address, "scope_id", None):
        raise BadRequest(f"{text} names an interface: leave out what stands behind %")
    return str(network)


def edit(rules: Iterable[Rule], add: Iterable[tuple[str, str | None]],
         remove: Iterable[str]) -> tuple[Rule, ...]:
    """The rules without some networks and with others.

    Args:
        add: networks and descriptions; with None one that is there keeps its own.
        remove: networks. They go first.
    Raises:
        BadRequest: a network is none, or there are too many.
        NotFound: one that is to go is not there.
    """
    kept = {rule.cidr: rule for rule in rules}
    for cidr in [parse_cidr(one) for one in remove]:
        if cidr not in kept:
            raise NotFound(f"{cidr} is not on the allowlist: {', '.join(kept) or 'it is empty'}")
        del kept[cidr]
    for given, description in add:
        rule = make_rule(given, description or "")
        if description is not None or rule.cidr not in kept:
            kept[rule.cidr] = rule
    return make_rules(kept.values())


def parse_rule(given: str) -> Rule:
    """A rule as the command line has it: `CIDR`, `CIDR,description`, `cidr=...,description=...`."""
    cidr, _, description = given.partition(",")
    cidr = cidr.strip().removeprefix("cidr=")
    description = description.strip().removeprefix("description=")
    return make_rule(cidr, description.strip().strip('"'))


def make_rule(cidr: str, description: str = "") -> Rule:
    """A checked rule."""
    if len(description) > DESCRIPTION_MAX or any(ord(char) < 32 for char in description):
        raise BadRequest(f"a description has at most {DESCRIPTION_MAX} characters, all of them "
                         "printable")
    return Rule(parse_cidr(cidr), description)


def make_rules(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Checked rules without doubles: the last description of a network counts.

    Raises:
        BadRequest: there are too many.
    """
    kept: dict[str, Rule] = {}
    for rule in rules:
        kept[rule.cidr] = rule
    if len(kept) > RULES_MAX:
        raise BadRequest(f"the allowlist would have {len(kept)} entries: at most {RULES_MAX} are "
                         "allowed; a wider network covers many addresses")
    return tuple(kept.values())


def allows(rules: Iterable[Rule], peer: str) -> bool:
    """Whether a peer's address lies in one of the networks."""
    address = ipaddress.ip_address(peer.partition("%")[0])
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    networks = (ipaddress.ip_network(rule.cidr) for rule in rules)
    return any(address in network for network in networks if network.version == address.version)


def is_open(rules: Iterable[Rule]) -> bool:
    """Whether the whole world of one kind of address is let in."""
    return any(rule.cidr in ("0.0.0.0/0", "::/0") for rule in rules)
