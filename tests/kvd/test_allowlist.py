"""Networks that may come in. Goal: what is accepted means one thing, what is refused names the
network that was meant, and 10,000 rules are read fast. Method: tables; Python's ipaddress as the
model of membership."""
import ipaddress
import random
import time

import pytest

from kvd.allowlist import (
    Rule, allows, edit, is_open, make_rule, make_rules, parse_cidr, parse_rule,
)
from kvd.errors import BadRequest, NotFound


@pytest.mark.parametrize("given, cidr", [
    ("203.0.113.0/24", "203.0.113.0/24"), (" 1.2.3.4 ", "1.2.3.4/32"), ("0.0.0.0/0", "0.0.0.0/0"),
    ("0.0.0.0/32", "0.0.0.0/32"), ("2001:DB8::/32", "2001:db8::/32"), ("::1", "::1/128"),
    ("10.0.0.0/255.0.0.0", "10.0.0.0/8"), ("::ffff:1.2.3.4", "1.2.3.4/32"),
    ("::ffff:10.0.0.0/104", "10.0.0.0/8")])
def test_networks(given, cidr):
    assert parse_cidr(given) == cidr


@pytest.mark.parametrize("given, text", [
    ("10.0.0.1/8", "did you mean 10.0.0.0/8, or 10.0.0.1/32"),
    ("2001:db8::1/32", "did you mean 2001:db8::/32, or 2001:db8::1/128"),
    ("", "a network is needed"), ("office", "no network"), ("1.2.3", "no network"),
    ("1.2.3.4/33", "no network"), ("1.2.3.4/-1", "no network"), ("1.2.3.4/24/8", "no network"),
    ("256.1.1.1", "no network"), ("01.2.3.4", "no network"), ("1.2.3.4\0", "no network"),
    ("fe80::1%eth0", "names an interface"), ("x" * 5000, "no network")])
def test_networks_refused(given, text):
    with pytest.raises(BadRequest) as error:
        parse_cidr(given)
    assert text in str(error.value)


@pytest.mark.parametrize("given, rule", [
    ("1.2.3.4", Rule("1.2.3.4/32")), ("1.2.3.0/24,office", Rule("1.2.3.0/24", "office")),
    ("1.2.3.0/24, the office, upstairs", Rule("1.2.3.0/24", "the office, upstairs")),
    ("cidr=1.2.3.4/32,description=office", Rule("1.2.3.4/32", "office"))])
def test_rules_as_the_command_line_has_them(given, rule):
    assert parse_rule(given) == rule


def test_descriptions_are_printable_and_short():
    for text in ("a\nb", "\x1b[31m", "x" * 256):
        with pytest.raises(BadRequest):
            make_rule("1.2.3.4", text)


def test_the_last_of_two_descriptions_counts():
    assert make_rules([Rule("1.0.0.0/8", "a"), Rule("2.0.0.0/8"), Rule("1.0.0.0/8", "b")]) \
        == (Rule("1.0.0.0/8", "b"), Rule("2.0.0.0/8"))


def test_edits():
    rules = (Rule("10.0.0.0/8", "office"), Rule("11.0.0.0/8"))
    assert edit(rules, [("10.0.0.0/8", None)], []) == rules
    assert edit(rules, [("10.0.0.0/8", "home")], ["11.0.0.0/8"]) == (Rule("10.0.0.0/8", "home"),)
    assert edit(rules, [("10.0.0.0/8", None)], ["10.0.0.0/8"])[1] == Rule("10.0.0.0/8")
    with pytest.raises(NotFound, match="12.0.0.0/8 is not on the allowlist: 10.0.0.0/8, 11"):
        edit(rules, [], ["12.0.0.0/8"])
    with pytest.raises(BadRequest, match="did you mean 10.0.0.0/8"):
        edit(rules, [("10.1.0.0/8", None)], [])


def test_ten_thousand_rules_and_no_more():
    rng = random.Random(5)
    rules = [make_rule(str(ipaddress.IPv4Address(rng.getrandbits(32)))) for _ in range(10_001)]
    start = time.perf_counter()
    assert len(make_rules(rules[:10_000])) <= 10_000
    assert time.perf_counter() - start < 1
    with pytest.raises(BadRequest, match="at most 10000"):
        make_rules(Rule(f"{n >> 8 & 255}.{n & 255}.0.{n >> 16}/32") for n in range(10_001))


def test_membership():
    rules = make_rules([make_rule("10.0.0.0/8"), make_rule("2001:db8::/32")])
    assert allows(rules, "10.1.2.3") and allows(rules, "::ffff:10.1.2.3")
    assert allows(rules, "2001:db8::1") and allows(rules, "2001:db8::1%eth0")
    assert not allows(rules, "11.0.0.1") and not allows(rules, "::1") and not allows((), "10.0.0.1")
    assert is_open([make_rule("0.0.0.0/0")]) and not is_open([make_rule("0.0.0.0/32")])
