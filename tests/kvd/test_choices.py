"""Plans, policies, names, ids, settings. Goal: every spelling in the field is read, every mistake
is one sentence that lists what is valid. Method: tables of given and expected, and properties of
what is made at random."""
import re

import pytest

from kvd import names, plans
from kvd.errors import BadRequest
from kvd.settings import SETTINGS, read_setting

MIB, GIB = 1 << 20, 1 << 30


@pytest.mark.parametrize("given, key, memory, connections", [
    ("free", "free", 25 * MIB, 50), ("starter", "starter", 256 * MIB, 250),
    ("256mb", "256mb", 256 * MIB, 250), ("standard", "standard", GIB, 1000),
    ("pro", "pro", 5 * GIB, 5000), ("pro_plus", "pro_plus", 10 * GIB, 10_000),
    ("pro plus", "pro_plus", 10 * GIB, 10_000), ("Pro-Plus", "pro_plus", 10 * GIB, 10_000),
    ("pro max", "20g", 20 * GIB, 20_000), ("pro_ultra", "40g", 40 * GIB, 40_000),
    ("1g", "1g", GIB, 1000), ("3g", "custom", 3 * GIB, 3000), ("50g", "custom", 50 * GIB, 50_000),
])
def test_plans(given, key, memory, connections):
    plan, bytes_, clients = plans.parse_plan(given)
    assert (plan.key, bytes_, clients) == (key, memory, connections)


def test_a_custom_plan_has_limits_of_its_own():
    assert plans.parse_plan("custom", 2 * GIB)[1:] == (2 * GIB, 2000)
    assert plans.parse_plan("custom", 64 * MIB)[1:] == (64 * MIB, 250)
    assert plans.parse_plan("custom", 64 * MIB, 7)[1:] == (64 * MIB, 7)


@pytest.mark.parametrize("args, text", [
    (("gold",), "there is no plan 'gold': it is one of free, starter, standard"),
    (("custom",), "needs a memory limit"),
    (("free", GIB), "has its own limits"),
    (("custom", 1), "out of range"), (("custom", 513 * GIB), "out of range"),
    (("custom", GIB, 0), "0 connections is out of range"),
])
def test_plans_refused(args, text):
    with pytest.raises(BadRequest, match=re.escape(text)):
        plans.parse_plan(*args)


@pytest.mark.parametrize("given, policy", [
    *[(policy, policy) for policy in plans.POLICIES],
    *[(policy.replace("-", "_"), policy) for policy in plans.POLICIES],
    ("cache", "allkeys-lru"), ("queue", "noeviction"), ("AllKeys_LRU", "allkeys-lru")])
def test_policies_in_both_spellings(given, policy):
    assert plans.parse_policy(given) == policy
    assert plans.parse_policy(plans.api_policy(policy)) == policy


def test_the_refusal_of_a_policy_lists_all_eight():
    with pytest.raises(BadRequest) as error:
        plans.parse_policy("lru")
    assert all(policy in str(error.value) for policy in plans.POLICIES)


def test_persistence():
    starter, free = plans.PLANS["starter"], plans.PLANS["free"]
    assert plans.parse_persistence("journal-snapshot", starter) == "journal_snapshot"
    assert plans.parse_persistence("Journal + Snapshot", starter) == "journal_snapshot"
    assert plans.parse_persistence("off", free) == "off"
    with pytest.raises(BadRequest, match="memory only"):
        plans.parse_persistence("journal_snapshot", free)
    with pytest.raises(BadRequest, match="not available yet"):
        plans.parse_persistence("snapshot", starter)
    with pytest.raises(BadRequest, match="journal_snapshot, snapshot, off"):
        plans.parse_persistence("aof", starter)


@pytest.mark.parametrize("given, count", [
    ("512mb", 512 * MIB), ("2g", 2 * GIB), ("1.5 GB", 3 * GIB // 2), ("100", 100), ("1KiB", 1024)])
def test_amounts_of_memory(given, count):
    assert plans.parse_bytes(given) == count


@pytest.mark.parametrize("given", ["", "lots", "-1g", "1e9", "2 x", "9" * 40, "nan", "inf"])
def test_no_amounts_of_memory(given):
    with pytest.raises(BadRequest):
        plans.parse_bytes(given)


def test_bytes_are_shown_as_people_say_them():
    assert [plans.show_bytes(count) for count in (25 * MIB, GIB, 3 * GIB // 2, 0)] \
        == ["25 MB", "1 GB", "1.5 GB", "0 bytes"]


# -- names, ids, passwords ------------------------------------------------------------------------

def test_ids_have_renders_form_and_sort_by_time():
    ids = [names.new_id("red") for _ in range(1000)]
    assert all(re.fullmatch(r"red-[0-9a-v]{20}", id) for id in ids)
    assert len(set(ids)) == 1000
    assert names.ID.fullmatch(ids[0])


def test_passwords_need_no_escaping():
    made = [names.new_password() for _ in range(100)]
    assert all(re.fullmatch(r"[A-Za-z0-9]{32}", one) for one in made)
    assert len(set(made)) == 100


@pytest.mark.parametrize("name", ["a", "cache", "my-cache_2", "A" * 63, "0"])
def test_names(name):
    assert names.check_name(name) == name


@pytest.mark.parametrize("name, text", [
    ("", "a name is needed"), ("a/b", "it has '/'"), ("a.b", "it has '.'"), ("..", "it has '.'"),
    ("a\0b", r"it has '\x00'"), ("a b", "it has ' '"), ("x" * 300, "300 characters"),
    ("caf\u00e9", "it has '\u00e9'"), ("\U0001f600", "it has '\U0001f600'"), ("-a", "begins"),
    ("a\u202e", r"it has '\u202e'"), ("a\x1b", r"it has '\x1b'"), ("\udc80", r"it has '\udc80'"),
    ("a_", "ends"), ("red-" + "a" * 20, "looks like an id"), ("a\n", r"it has '\n'")])
def test_names_refused(name, text):
    with pytest.raises(BadRequest) as error:
        names.check_name(name)
    assert text in str(error.value)
    assert "\0" not in str(error.value) and str(error.value).isprintable()


def test_names_made_for_those_who_gave_none():
    assert all(names.check_name(names.new_name()) for _ in range(50))


# -- settings -------------------------------------------------------------------------------------

def test_every_default_is_accepted_by_its_own_row():
    for name, row in SETTINGS.items():
        assert read_setting(name, row.default) == row.default


@pytest.mark.parametrize("name, given, stored", [
    ("api-listen", "8700:", None), ("api-listen", "off", ""), ("api-listen", "127.0.0.1:8700",
                                                               "127.0.0.1:8700"),
    ("api-listen", "*:1", "0.0.0.0:1"), ("ports", "7000-8000", "7000-8000"),
    ("ports", "8000-7000", None), ("ports", "1-2", None), ("internal-host", "::1", "::1"),
    ("internal-host", "db.example", None), ("external-host", "db.example", "db.example"),
    ("external-host", "a b", None), ("free-instances-max", "-1", None),
    ("default-region", "moon", None), ("workspace-name", "a\0", None)])
def test_settings(name, given, stored):
    if stored is None:
        with pytest.raises(BadRequest, match=f"^{name}: "):
            read_setting(name, given)
    else:
        assert read_setting(name, given) == stored


def test_an_unknown_setting_lists_those_there_are():
    with pytest.raises(BadRequest, match="free-instances-max"):
        read_setting("colour", "red")
