"""The API over TCP. Goal: Render's own SDK works against it, answers fit Render's description of
them, keys are asked for, and bad requests are one JSON sentence. Method: a real agent with a port;
`http.client` for what no SDK would send; KVD_RENDER_OPENAPI names Render's document, if at hand."""
import asyncio
import http.client
import json
import os
import pathlib
import re

import pytest

from kvd.errors import Forbidden, NotFound
from kvd.terminal.remote import Remote
from tests.kvd.installation import Installation
from tests.kvd.server import free_port


class Api:
    """An agent with a port and a key."""

    def __init__(self, directory):
        self.place = Installation(directory, 21800)
        self.port = free_port()
        self.place.ask("PUT", "/settings/api-listen", {"value": f"127.0.0.1:{self.port}"})
        self.place.ask("PUT", "/settings/api-creations-per-hour", {"value": "500"})
        self.key = self.place.ask("POST", "/keys", {"name": "test"})["key"]
        self.place.ask("POST", "/agent/stop")
        while self.place.home.holder() is not None:
            pass
        self.owner = self.place.ask("GET", "/agent")["ownerId"]
        self.url = f"http://127.0.0.1:{self.port}"

    def send(self, method, path, body=b"", key=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        if key is None:
            key = self.key
        all_headers = {"Authorization": f"Bearer {key}"} if key else {}
        connection.request(method, path, body, all_headers | dict(headers))
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, json.loads(data) if data else None, answer.headers


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    api = Api(tmp_path_factory.mktemp("api"))
    yield api
    api.place.end()


# -- Render's SDK ---------------------------------------------------------------------------------

def test_renders_sdk_makes_finds_and_changes_an_instance(api, monkeypatch):
    pytest.importorskip("render.experimental.key_value")
    from render import RenderAsync
    from render.experimental.key_value import InstanceConfiguration, NameOwnerIdOptions
    from render.public_api.models.maxmemory_policy import MaxmemoryPolicy
    monkeypatch.setenv("RENDER", "true")            # so that it takes the internal URL

    async def dialogue():
        sdk = RenderAsync(token=api.key, base_url=api.url, owner_id=api.owner)
        store = sdk.experimental.key_value
        client = await store.new_client(NameOwnerIdOptions(
            "sdk", api.owner, InstanceConfiguration("256mb", MaxmemoryPolicy.NOEVICTION, [])))
        await client.set("a", "1")
        again = await store.new_client(NameOwnerIdOptions(
            "sdk", api.owner, InstanceConfiguration("1g", MaxmemoryPolicy.ALLKEYS_LFU)))
        value = await again.get("a")
        await client.aclose()
        await again.aclose()
        return value

    assert asyncio.run(dialogue()) == b"1"
    found, = api.send("GET", "/v1/key-value?name=sdk")[1]
    assert found["keyValue"]["plan"] == "1g"
    assert found["keyValue"]["options"]["maxmemoryPolicy"] == "allkeys_lfu"


def test_renders_generated_calls(api):
    pytest.importorskip("render.public_api")
    from render.public_api.api.key_value import (
        delete_key_value, resume_key_value, retrieve_key_value, suspend_key_value,
    )
    from render.public_api.client import AuthenticatedClient
    id = api.place.create("generated")["id"]
    client = AuthenticatedClient(base_url=f"{api.url}/v1", token=api.key)
    assert retrieve_key_value.sync(id, client=client).name == "generated"
    assert suspend_key_value.sync_detailed(id, client=client).status_code == 202
    assert resume_key_value.sync_detailed(id, client=client).status_code == 202
    api.place.wait(id)
    assert delete_key_value.sync_detailed(id, client=client).status_code == 204
    assert api.send("GET", f"/v1/key-value/{id}")[0] == 404


# -- Render's description -------------------------------------------------------------------------

def description() -> dict | None:
    path = os.environ.get("KVD_RENDER_OPENAPI", "")
    return json.loads(pathlib.Path(path).read_text()) if path else None


@pytest.mark.skipif(description() is None, reason="KVD_RENDER_OPENAPI names no document")
def test_answers_fit_renders_description(api):
    from jsonschema import Draft202012Validator
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012
    document = description()
    registry = Registry().with_resource("render", DRAFT202012.create_resource(document))

    def check(name: str, value: object) -> None:
        Draft202012Validator({"$ref": f"render#/components/schemas/{name}"},
                             registry=registry).validate(value)

    made = api.send("POST", "/v1/key-value", json.dumps(
        {"name": "described", "ownerId": api.owner, "plan": "starter",
         "ipAllowList": [{"cidrBlock": "1.1.1.1/32", "description": "test"}]}))[1]
    check("keyValueDetail", made)
    api.place.wait(made["id"])
    check("keyValueDetail", api.send("GET", f"/v1/key-value/{made['id']}")[1])
    check("keyValueDetail", api.send("PATCH", f"/v1/key-value/{made['id']}",
                                     '{"plan": "pro"}')[1])
    for item in api.send("GET", "/v1/key-value")[1]:
        check("keyValueWithCursor", item)
    check("keyValueConnectionInfo",
          api.send("GET", f"/v1/key-value/{made['id']}/connection-info")[1])
    check("redisDetail", api.send("GET", f"/v1/redis/{made['id']}")[1])
    for item in api.send("GET", "/v1/redis")[1]:
        check("redisWithCursor", item)
    check("redisConnectionInfo", api.send("GET", f"/v1/redis/{made['id']}/connection-info")[1])
    for item in api.send("GET", "/v1/owners")[1]:
        check("ownerWithCursor", item)
    check("owner", api.send("GET", f"/v1/owners/{api.owner}")[1])
    check("user", api.send("GET", "/v1/users")[1])
    check("error", api.send("GET", "/v1/key-value/red-nothing")[1])


# -- shapes, statuses, pages ----------------------------------------------------------------------

def test_statuses_and_shapes(api):
    status, made, headers = api.send("POST", "/v1/key-value", json.dumps(
        {"name": "shapes", "ownerId": api.owner, "plan": "free"}))
    assert status == 201 and made["status"] == "creating" and made["ipAllowList"] == []
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", made["createdAt"])
    path = f"/v1/key-value/{made['id']}"
    api.place.wait(made["id"])
    _, connection, _ = api.send("GET", f"{path}/connection-info")
    assert re.fullmatch(r"redis://127\.0\.0\.1:\d+", connection["internalConnectionString"])
    assert re.fullmatch(rf"rediss://{made['id']}:[A-Za-z0-9]{{32}}@localhost:\d+",
                        connection["externalConnectionString"])
    assert re.fullmatch(rf" REDISCLI_AUTH=[A-Za-z0-9]{{32}} valkey-cli --user {made['id']} "
                        r"-h localhost -p \d+ --tls.*", connection["cliCommand"])
    assert api.send("POST", f"{path}/suspend")[:2] == (202, None)
    assert api.send("POST", f"{path}/resume")[:2] == (202, None)
    api.place.wait(made["id"])
    assert api.send("DELETE", path)[:2] == (204, None)
    status, error, _ = api.send("GET", path)
    assert status == 404 and error["message"] == f"not found: {made['id']}" and error["id"]


def test_pages(api):
    names = [f"page-{number}" for number in range(5)]
    for name in names:
        api.place.create(name)
    seen, cursor = [], ""
    while True:
        page = api.send("GET", f"/v1/key-value?limit=2&cursor={cursor}&name=" + ",".join(names))[1]
        seen += [item["keyValue"]["name"] for item in page]
        if len(page) < 2:
            break
        cursor = page[-1]["cursor"]
    assert seen == names
    both = api.send("GET", "/v1/key-value?name=page-0&name=page-3")[1]
    assert [item["keyValue"]["name"] for item in both] == ["page-0", "page-3"]
    assert api.send("GET", "/v1/key-value?ownerId=tea-other")[1] == []
    assert api.send("GET", "/v1/key-value?createdAfter=2999-01-01T00:00:00Z")[1] == []
    for query, code in (("limit=0", "invalid_limit"), ("limit=101", "invalid_limit"),
                        ("limit=x", "invalid_limit"), ("cursor=nonsense", "invalid_cursor")):
        status, error, _ = api.send("GET", f"/v1/key-value?{query}")
        assert status == 400 and error["code"] == code
    assert api.send("GET", "/v1/key-value?createdAfter=soon")[0] == 400


@pytest.mark.parametrize("body, text", [
    (b"", "missing required field"), (b"{", "no JSON"), (b"\xff", "no JSON"), (b"[]", "Expected"),
    (b'{"name": 1, "plan": "free"}', "Expected `str`"), (b"[" * 100_000, "Expected `object`"),
    (b'{"name": "a", "plan": "gold"}', "there is no plan 'gold'"),
    (b'{"name": "a/b", "plan": "free"}', "cannot be used"),
    (b'{"name": "a\\u0000", "plan": "free"}', "cannot be used"),
    (b'{"name": "a", "plan": "free", "colour": "red"}', "unknown field `colour`"),
    (b'{"name": "a", "plan": "free", "region": "moon"}', "there is no region 'moon'"),
    (b'{"name": "a", "plan": "free", "maxmemoryPolicy": "x"}', "there is no maxmemory policy"),
    (b'{"name": "a", "plan": "free", "ownerId": "tea-x"}', "invalid owner"),
    (b'{"name": "a", "plan": "starter", "ipAllowList": [{"cidrBlock": "10.0.0.1/8"}]}',
     "did you mean 10.0.0.0/8"),
    (b'{"name": "a", "plan": "starter", "persistenceMode": "snapshot"}', "not available yet"),
    (b'{"name": "a", "plan": "free", "engine": "redis5"}', "there is no engine 'redis5'"),
])
def test_bad_bodies(api, body, text):
    status, error, _ = api.send("POST", "/v1/key-value", body)
    assert status == 400 and text in error["message"], error
    assert api.send("GET", "/v1/key-value?name=a")[1] == []


def test_unknown_paths_methods_and_sizes(api):
    assert api.send("GET", "/v1/nothing")[0] == 404
    assert api.send("PUT", "/v1/key-value")[0] == 405
    assert api.send("POST", "/v1/key-value", b" " * (5 << 20))[0] == 413
    assert api.send("GET", "/v1/key-value/..%2f..%2fetc")[0] == 404
    assert api.send("GET", "/v1/key-value/%00")[0] == 404


# -- the deprecated half --------------------------------------------------------------------------

def test_the_deprecated_half(api):
    """Render's older paths: the same instances, other names of two fields."""
    status, made, _ = api.send("POST", "/v1/redis", json.dumps(
        {"name": "older", "ownerId": api.owner, "plan": "starter"}))
    assert status == 201 and made["status"] == "creating"
    path = f"/v1/redis/{made['id']}"
    api.place.wait(made["id"])
    assert api.send("GET", path)[1]["name"] == "older"
    assert api.send("PATCH", path, '{"plan": "10g"}')[1]["plan"] == "pro_plus"
    assert api.send("GET", f"/v1/key-value/{made['id']}")[1]["plan"] == "10g"
    item, = api.send("GET", "/v1/redis?name=older")[1]
    assert item["redis"]["id"] == made["id"] and item["cursor"]
    connection = api.send("GET", f"{path}/connection-info")[1]
    assert connection.keys() == {"internalConnectionString", "externalConnectionString",
                                 "redisCLICommand"}
    assert api.send("POST", f"{path}/suspend")[0] == 404, "there never was one"
    assert api.send("DELETE", path)[:2] == (204, None)
    assert api.send("GET", path)[0] == 404


# -- rates ----------------------------------------------------------------------------------------

def test_answers_say_how_often_one_may_ask(api):
    _, _, first = api.send("GET", "/v1/users")
    _, _, second = api.send("GET", "/v1/users")
    assert first["ratelimit-limit"] == "400" and 0 < int(first["ratelimit-reset"]) <= 60
    assert int(second["ratelimit-remaining"]) < int(first["ratelimit-remaining"]) < 400
    assert api.send("PATCH", "/v1/key-value/none", "{}")[2]["ratelimit-limit"] == "100"
    assert api.send("POST", "/v1/key-value", "{}")[2]["ratelimit-limit"] == "500"
    status, error, headers = api.send("GET", "/v1/key-value/none")
    assert status == 404 and error["id"] == headers["render-request-id"]
    assert re.fullmatch(r"req-[0-9a-v]{20}", error["id"])


def test_who_asks_too_often_waits(api):
    other = api.place.ask("POST", "/keys", {"name": "eager"})["key"]
    api.place.ask("PUT", "/settings/api-writes-per-minute", {"value": "3"})
    try:
        statuses = [api.send("DELETE", "/v1/key-value/none", key=other)[0] for _ in range(4)]
        assert statuses == [404, 404, 404, 429]
        status, error, headers = api.send("DELETE", "/v1/key-value/none", key=other)
        assert status == 429 and "3 changes a minute" in error["message"]
        assert headers["ratelimit-remaining"] == "0"
        assert api.send("GET", "/v1/users", key=other)[0] == 200, "reading goes on"
        third = api.place.ask("POST", "/keys", {"name": "calm"})["key"]
        assert api.send("DELETE", "/v1/key-value/none", key=third)[0] == 404, "it has its own count"
        api.place.ask("PUT", "/settings/api-writes-per-minute", {"value": "0"})
        status, _, headers = api.send("DELETE", "/v1/key-value/none", key=other)
        assert status == 404 and "ratelimit-limit" not in headers
    finally:
        api.place.ask("PUT", "/settings/api-writes-per-minute", {"value": "100"})


def test_a_window_ends():
    """By the guard's own clock."""
    from starlette.exceptions import HTTPException
    from starlette.requests import Request

    from kvd.api.guard import Guard

    class State:
        def setting(self, name):
            return "2"

    class Verbs:
        state = State()

    now = [100.0]
    guard = Guard(Verbs(), lambda: now[0])

    def ask(method="GET", path="/v1/users"):
        request = Request({"type": "http", "method": method, "path": path, "headers": [],
                           "query_string": b"", "server": ("h", 1), "scheme": "http"})
        guard.count(request, b"key")
        return dict(request.scope["kvd.headers"])

    assert ask()[b"ratelimit-remaining"] == b"1" and ask()[b"ratelimit-remaining"] == b"0"
    now[0] += 59.0
    with pytest.raises(HTTPException) as error:
        ask()
    assert error.value.status_code == 429 and "try again in 1 s" in error.value.detail
    now[0] += 1.0
    assert ask()[b"ratelimit-reset"] == b"60"
    assert ask("POST", "/v1/key-value")[b"ratelimit-reset"] == b"3600"
    assert ask("POST", "/v1/key-value/a/suspend")[b"ratelimit-reset"] == b"60"


# -- keys -----------------------------------------------------------------------------------------

def test_keys_are_asked_for(api):
    assert api.send("GET", "/v1/key-value", key="")[0] == 401
    status, error, _ = api.send("GET", "/v1/key-value", key="rnd_wrong")
    assert status == 401 and error["message"] == "Unauthorized"
    assert api.send("GET", "/v1/key-value")[0] == 200
    other = api.place.ask("POST", "/keys", {"name": "short"})
    assert api.send("GET", "/v1/users", key=other["key"])[0] == 200
    api.place.ask("DELETE", f"/keys/{other['id']}")
    assert api.send("GET", "/v1/users", key=other["key"])[0] == 401
    api.send("GET", "/v1/users")                    # a right key forgives the wrong ones


def test_a_key_does_not_open_what_is_the_owners(api):
    remote = Remote(api.place.home, api.url, api.key)
    assert remote.ask("GET", "/agent")["pid"] == api.place.agent_pid()
    for method, path, body in (("GET", "/keys", None), ("POST", "/keys", {}),
                               ("PUT", "/settings/ports", {"value": "7000-8000"}),
                               ("PUT", "/ca/given", {"certificate": "", "key": ""}),
                               ("POST", "/agent/stop", None)):
        with pytest.raises(Forbidden):
            remote.ask(method, path, body)
    with pytest.raises(NotFound):
        remote.ask("GET", "/key-value/none")


def test_guessing_is_slowed(api):
    statuses = [api.send("GET", "/v1/users", key=f"rnd_{number}")[0] for number in range(25)]
    assert statuses[0] == 401 and statuses[-1] == 429


# -- our own document -----------------------------------------------------------------------------

def test_the_openapi_document_names_every_path(api):
    document = api.place.ask("GET", "/openapi.json")
    from kvd.api.routes import ROUTES
    for row in ROUTES:
        operation = document["paths"][f"/v1{row.path}"][row.method.lower()]
        assert str(row.status) in operation["responses"] and operation["summary"]
    text = json.dumps(document)
    for name in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert name in document["components"]["schemas"]
