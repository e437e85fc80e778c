"""Blueprints. Goal: Render's rules, every mistake with its line in one pass, applied twice is
applied once. Method: texts and the sentences they must give; `kvd apply` in a real home."""
import re

import pytest

from kvd import blueprint
from kvd.errors import BadRequest
from tests.kvd.installation import Installation

GOOD = """\
services:
  - type: keyvalue
    name: cache
    ipAllowList:
      - source: 203.0.113.0/24
        description: office
    plan: starter
    region: frankfurt
    maxmemoryPolicy: allkeys-lfu
    persistenceMode: off
  - type: redis
    name: jobs
    plan: pro plus
    ipAllowList: []
    maxmemoryPolicy: noeviction
  - type: web
    name: site
    envVars:
      - key: REDIS_URL
        fromService: {type: keyvalue, name: cache, property: connectionString}
      - key: REDIS_PORT
        fromService: {type: redis, name: jobs, property: port}
      - key: OTHER
        value: x
"""


def test_a_good_one():
    found = blueprint.read(GOOD)
    assert found.errors == []
    cache, jobs = found.services
    assert cache.policy == "allkeys-lfu" and cache.persistence == "off"
    assert cache.rules[0].cidr == "203.0.113.0/24" and cache.rules[0].description == "office"
    assert (jobs.plan, jobs.rules, jobs.region) == ("pro plus", (), None)
    assert [(one.service, one.key, one.property) for one in found.references] == [
        ("site", "REDIS_URL", "connectionString"), ("site", "REDIS_PORT", "port")]


def test_services_of_projects_count_too():
    inner = "\n".join("          " + line for line in GOOD.splitlines())
    found = blueprint.read("projects:\n  - name: p\n    environments:\n      - name: e\n"
                           + inner.replace("          services:", "        services:"))
    assert [one.name for one in found.services] == ["cache", "jobs"]


@pytest.mark.parametrize("text, message", [
    ("services: [{type: keyvalue, name: a}]",
     "f.yaml:1:12: services[0]: missing property 'ipAllowList'"),
    ("services:\n- type: keyvalues\n  name: a",
     "f.yaml:2:9: services[0].type: value must be one of 'web', 'worker', 'pserv', 'cron', "
     "'keyvalue', 'redis'"),
    ("services: [{type: keyvalue, ipAllowList: []}]", "missing property 'name'"),
    ("services: [{type: keyvalue, name: a, ipAllowList: [], plan: gold}]",
     "value must be one of 'free', 'starter'"),
    ("services: [{type: keyvalue, name: a, ipAllowList: [], colour: red}]",
     "additional property 'colour' is not allowed"),
    ("services: [{type: keyvalue, name: a, ipAllowList: [{cidrBlock: 1.1.1.1/32}]}]",
     "it is called 'source' here"),
    ("services: [{type: keyvalue, name: a, ipAllowList: [{source: 10.0.0.1/8}]}]",
     "did you mean 10.0.0.0/8"),
    ("services: [{type: keyvalue, name: a/b, ipAllowList: []}]", "cannot be used"),
    ("services: [{type: keyvalue, name: a, ipAllowList: no}]", "it must be a list"),
    ("services: {type: keyvalue}", "it must be a list"), ("[1, 2]", "it must be a mapping"),
    ("services: [1]", "it must be a mapping"),
    ("services: [{type: keyvalue, name: a, ipAllowList: []}, "
     "{type: redis, name: a, ipAllowList: []}]", "there is a keyvalue named 'a' already"),
    ("services: [{type: keyvalue, name: a, name: b, ipAllowList: []}]", "stands here twice"),
    ("services: [{type: web, envVars: [{key: A, fromService: {type: redis, name: a}}]}]",
     "missing property 'property'"),
])
def test_mistakes(text, message):
    found = blueprint.read(text, "f.yaml")
    assert message in found.errors[0], found.errors
    with pytest.raises(BadRequest):
        blueprint.check(found)


def test_all_mistakes_in_one_pass():
    found = blueprint.read("services:\n- type: keyvalue\n- type: nonsense\n- name: x\n")
    assert len(found.errors) == 4
    assert found.services == []


@pytest.mark.parametrize("text", ["a: [", "\t", "a: b: c", "%", "[" * 1200, "- !!python/x 1\n\0"])
def test_no_yaml(text):
    with pytest.raises(BadRequest, match="no YAML|is empty"):
        blueprint.check(blueprint.read(text)) or pytest.fail("it was taken")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("blueprint"), 22600)
    yield place
    place.end()


def test_apply_twice_and_again_after_a_change(place):
    file = place.home.root.parent / "render.yaml"
    file.write_text(GOOD)
    run = place.run("apply", "--dry-run")
    assert run.returncode == 0 and "+ cache" in run.stderr, run.stderr
    assert place.json("list") == []
    assert place.run("apply").returncode == 4, "nobody confirmed"
    run = place.run("apply", "--yes")
    assert run.returncode == 0 and run.stdout == "2 instances changed.\n", run.stderr
    found = {one["name"]: one for one in place.json("list")}
    assert found["cache"]["region"] == "frankfurt" and found["jobs"]["plan"] == "pro_plus"
    assert found["cache"]["options"]["maxmemoryPolicy"] == "allkeys_lfu"
    run = place.run("apply", "--yes")
    assert run.stderr.endswith("Everything is so already.\n")
    assert {one["name"]: one for one in place.json("list")} == found
    place.run("update", "jobs", "--set", "timeout=5")           # what it does not say is left alone
    file.write_text(GOOD.replace("allkeys-lfu", "volatile-ttl"))
    run = place.run("apply", "--yes")
    assert "cache: policy: allkeys-lfu -> volatile-ttl" in run.stderr
    assert place.json("info", "jobs")["settings"] == {"timeout": "5"}
    values = place.json("env")
    assert values["REDIS_URL"] == place.url("cache")
    assert values["REDIS_PORT"] == place.url("jobs").rpartition(":")[2]
    names = {reference.service for reference in blueprint.read(GOOD).references}
    for service in names:
        assert place.run("env", "--service", service).stdout.startswith("REDIS_")
    run = place.run("env", "--service", "nobody")
    assert run.returncode == 3 and run.stdout == ""
    assert "has no service 'nobody'" in run.stderr and names
    assert all(service in run.stderr for service in names)


def test_no_service_draws_from_an_instance(place):
    file = place.home.root.parent / "bare.yaml"
    file.write_text("services: [{type: web, name: site}]\n")
    run = place.run("env", str(file), "--service", "site")
    assert run.returncode == 3 and "it has none at all" in run.stderr
    assert place.run("env", str(file)).returncode == 0


def test_a_region_cannot_change(place):
    file = place.home.root.parent / "render.yaml"
    file.write_text(GOOD.replace("frankfurt", "ohio"))
    run = place.run("apply", "--yes")
    assert run.returncode == 4 and "cannot become ohio" in run.stderr


def test_all_that_is_refused_is_told_with_its_line(place):
    """Before anything is done: a region, a smaller plan, and one Free instance too many."""
    file = place.home.root.parent / "render.yaml"
    file.write_text("""\
services:
  - {type: keyvalue, name: cache, region: ohio, ipAllowList: []}
  - {type: keyvalue, name: jobs, plan: starter, ipAllowList: []}
  - {type: keyvalue, name: free1, plan: free, ipAllowList: []}
  - {type: keyvalue, name: free2, plan: free, ipAllowList: []}
""")
    before = place.json("list")
    place.run("settings", "free-instances-max", "1")
    run = place.run("apply", "--yes")
    place.run("settings", "free-instances-max", "50")
    assert run.returncode == 4 and place.json("list") == before
    for line, text in ((2, "cannot become ohio"), (3, "cannot be moved to a smaller"),
                       (5, "there can be 1 Free instance at a time")):
        assert re.search(rf"render.yaml:{line}:\d+: services\[{line - 2}\]: .*{text}", run.stderr)
