"""What each path does: read the request, call one verb, shape the answer.

The table at the foot is read by the application, which serves it, and by the OpenAPI document,
which describes it: there is no path that is not documented.
"""
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from .. import plans
from ..agent import logs, metrics
from ..agent.verbs import Verbs
from ..errors import BadRequest, Forbidden, NotFound
from ..instance import Instance
from ..settings import SETTINGS
from ..state import State
from . import shapes
from .query import Query, make_cursor

Body = TypeVar("Body")
EVENTS_LIMIT_MAX = 500
LOGS_LIMIT_MAX = 10_000
RESOLUTION_MIN_SECONDS = 10


@dataclass
class Call:
    """One request.

    Attributes:
        body: decoded to the route's type; None where it has none.
        trusted: it came over the owner's socket.
    """

    verbs: Verbs
    path: dict[str, str]
    query: Query
    body: object = None
    trusted: bool = False
    base: str = ""

    @property
    def state(self) -> State:
        return self.verbs.state

    @property
    def instance(self) -> Instance:
        """The instance that the path names, by id or name."""
        key = self.path["id"]
        found = self.state.find(key)
        if found is None:
            why = self.verbs.why_gone(key)
            raise NotFound(f"not found: {key}" + (f": {why}" if why else ""))
        return found

    @property
    def owner(self) -> shapes.Owner:
        return shapes.Owner(self.state.ids["tea"], self.state.setting("workspace-name"),
                            self.state.setting("workspace-email"))

    def show(self, instance: Instance) -> shapes.KeyValue:
        return shapes.show(instance, self.owner)


# -- Render's ---------------------------------------------------------------------------------

def list_instances(call: Call) -> list[shapes.KeyValueItem]:
    """List instances, oldest first."""
    query, wanted = call.query, call.state.instances()
    after, limit = query.cursor(), query.limit()
    for name, attribute in (("name", "name"), ("region", "region")):
        values = query.words(name)
        if values:
            wanted = [one for one in wanted if getattr(one, attribute) in values]
    if owners := query.words("ownerId"):
        wanted = wanted if call.owner.id in owners else []
    if query.words("environmentId"):
        wanted = []                     # no instance belongs to one
    for name, at in (("created", "created_at"), ("updated", "updated_at")):
        before = query.time(f"{name}Before", float("inf"))
        behind = query.time(f"{name}After", 0.0)
        wanted = [one for one in wanted if behind <= getattr(one, at) <= before]
    return [shapes.KeyValueItem(make_cursor(one.id),
                                shapes.show(one, call.owner, f"{call.base}/r/{one.id}"))
            for one in wanted if one.id > after][:limit]


def create_instance(call: Call) -> shapes.KeyValue:
    """Create an instance. It is `creating`, then `available`."""
    wish = take(call, shapes.CreateInput)
    if wish.owner_id and wish.owner_id != call.owner.id:
        raise BadRequest(f"invalid owner: {wish.owner_id}; the workspace is {call.owner.id}")
    if wish.environment_id:
        raise NotFound(f"not found: {wish.environment_id}")
    return call.show(call.verbs.create(
        wish.name, wish.plan, wish.region, wish.maxmemory_policy, wish.persistence_mode,
        shapes.rules(wish.ip_allow_list), wish.memory_bytes, wish.connections, wish.engine,
        wish.internal_auth, wish.dry_run))


def get_instance(call: Call) -> shapes.KeyValue:
    """One instance."""
    return call.show(call.instance)


def update_instance(call: Call) -> shapes.KeyValue:
    """Change an instance, live."""
    wish = take(call, shapes.UpdateInput)
    return call.show(call.verbs.update(
        call.instance.id, name=wish.name, plan=wish.plan, policy=wish.maxmemory_policy,
        persistence=wish.persistence_mode, rules=shapes.rules(wish.ip_allow_list),
        add_rules=[(one.cidr_block, one.description) for one in wish.ip_allow_list_add or []],
        remove_networks=wish.ip_allow_list_remove or [], memory_bytes=wish.memory_bytes,
        connections=wish.connections, options=wish.settings,
        allow_downgrade=wish.allow_downgrade, dry_run=wish.dry_run))


def delete_instance(call: Call) -> None:
    """Delete an instance with its data."""
    call.verbs.delete(call.instance.id)


def connection_info(call: Call) -> shapes.ConnectionInfo:
    """URLs and the command to connect with. Holds the password."""
    instance, state = call.instance, call.state
    inside, outside = state.setting("internal-host"), state.setting("external-host")
    engine = call.verbs.watch.get(instance.id)
    access = "unavailable" if engine is None or engine.outside else \
        "open" if instance.allowlist else "closed"
    authority = call.verbs.authority
    ca = "" if authority.given.exists() or not authority.certificate.exists() \
        else str(authority.certificate)
    return shapes.ConnectionInfo(
        instance.internal_url("localhost" if inside == "*" else inside),
        instance.external_url(outside), instance.cli_command(outside, ca), access,
        instance.password)


def suspend(call: Call) -> None:
    """Suspend an instance: its engine ends, its data stays if it is persistent."""
    call.verbs.suspend(call.instance.id)


def resume(call: Call) -> None:
    """Resume a suspended instance."""
    call.verbs.resume(call.instance.id)


# -- Render's, deprecated: the same under its old name ----------------------------------------

def redis_of(found: shapes.KeyValue) -> shapes.KeyValue:
    """An instance with a plan that this half of the API knows."""
    return msgspec.structs.replace(found, plan=plans.REDIS_PLANS.get(found.plan, found.plan))


def list_redis(call: Call) -> list[shapes.RedisItem]:
    """Deprecated: List instances."""
    return [shapes.RedisItem(item.cursor, redis_of(item.key_value))
            for item in list_instances(call)]


def create_redis(call: Call) -> shapes.KeyValue:
    """Deprecated: Create an instance."""
    return redis_of(create_instance(call))


def get_redis(call: Call) -> shapes.KeyValue:
    """Deprecated: One instance."""
    return redis_of(get_instance(call))


def update_redis(call: Call) -> shapes.KeyValue:
    """Deprecated: Change an instance, live."""
    return redis_of(update_instance(call))


def delete_redis(call: Call) -> None:
    """Deprecated: Delete an instance with its data."""
    delete_instance(call)


def redis_connection_info(call: Call) -> shapes.RedisConnectionInfo:
    """Deprecated: URLs and the command to connect with. Holds the password."""
    found = connection_info(call)
    return shapes.RedisConnectionInfo(found.internal_connection_string,
                                      found.external_connection_string, found.cli_command)


# -- Render's: the workspace ------------------------------------------------------------------

def list_owners(call: Call) -> list[dict]:
    """The workspaces: there is one."""
    if call.query.text("cursor"):
        return []                       # it was on the page before
    return [{"owner": call.owner, "cursor": make_cursor(call.owner.id)}]


def get_owner(call: Call) -> shapes.Owner:
    """The workspace."""
    if call.path["id"] != call.owner.id:
        raise NotFound(f"not found: {call.path['id']}")
    return call.owner


def get_user(call: Call) -> dict[str, str]:
    """Who the key belongs to."""
    return {"email": call.owner.email, "name": call.owner.name}


# -- ours -------------------------------------------------------------------------------------

def restart(call: Call) -> None:
    """Restart an instance's engine."""
    call.verbs.restart(call.instance.id)


def rotate_password(call: Call) -> shapes.ConnectionInfo:
    """A new password; the old one is accepted for as long as asked."""
    wish = take(call, shapes.RotateInput)
    call.verbs.rotate_password(call.instance.id, wish.overlap_seconds, wish.dry_run)
    return connection_info(call)


def set_internal_auth(call: Call) -> shapes.KeyValue:
    """Ask for the password on the internal port too, or no longer."""
    enabled = take(call, shapes.InternalAuthInput).enabled
    return call.show(call.verbs.internal_auth(call.instance.id, enabled))


def list_events(call: Call) -> list[shapes.EventItem]:
    """What happened to an instance, latest first."""
    limit = call.query.limit(EVENTS_LIMIT_MAX)
    return [shapes.show_event(event) for event in call.state.events(call.instance.id, limit)]


def get_logs(call: Call) -> shapes.Logs:
    """The engine's log: the last lines, or those since a place that an answer gave."""
    query, path = call.query, call.verbs.home.instance(call.instance.id).log
    level, text = query.text("level"), query.text("text")
    place = query.text("place")
    found, place = logs.follow(path, place, level, text) if place else \
        logs.tail(path, query.limit(LOGS_LIMIT_MAX, 100), level, text)
    return shapes.Logs([shapes.LogLine(one.at, one.level, one.message) for one in found], place)


def get_metrics(call: Call) -> list[shapes.Series]:
    """Series of an instance: the last hour unless asked otherwise."""
    instance, query = call.instance, call.query
    now = time.time()
    names = query.words("metric") or list(metrics.METRICS)
    for name in names:
        if name not in metrics.METRICS:
            raise BadRequest(f"there is no metric {name!a}: it is one of "
                             f"{', '.join(metrics.METRICS)}")
    end = query.time("endTime", now)
    start = query.time("startTime", end - 3600)
    step = max(RESOLUTION_MIN_SECONDS, query.number("resolutionSeconds", 60))
    found = metrics.Rings(call.verbs.home.instance(instance.id)).read(names, start, end, step)
    return [shapes.Series([shapes.Label("resource", instance.id), shapes.Label("metric", name)],
                          metrics.METRICS[name][0],
                          [shapes.Point(shapes.when(at), value, metrics.METRICS[name][0])
                           for at, value in found[name]]) for name in names]


def get_now(call: Call) -> dict[str, Any]:
    """The last sample of an instance and its limits."""
    instance = call.instance
    engine = call.verbs.watch.get(instance.id)
    return {"id": instance.id, "status": instance.status,
            "pid": engine.process.pid if engine else None,
            "missing": sorted(engine.missing) if engine else [],
            "outside": engine.outside if engine else "",
            "sample": engine.sample if engine else {},
            "limits": {"memoryBytes": instance.memory_bytes,
                       "connections": instance.connections}}


def get_ca(call: Call) -> dict[str, Any]:
    """The authority that signs our certificates, as PEM; whether another's is used."""
    authority = call.verbs.authority
    path = authority.prepare()
    return {"certificate": path.read_text(), "path": str(path),
            "given": authority.given.exists()}


def put_certificate(call: Call) -> dict[str, bool]:
    """Use a certificate of your own on every instance's external port."""
    owner_only(call)
    wish = take(call, shapes.CertificateInput)
    call.verbs.authority.bring(wish.certificate.encode(), wish.key.encode())
    call.verbs.reapply_all()
    return {"given": True}


def delete_certificate(call: Call) -> None:
    """Use certificates of this installation's own authority again."""
    owner_only(call)
    call.verbs.authority.give_back()
    call.verbs.reapply_all()


def list_settings(call: Call) -> list[dict[str, str]]:
    """The installation's settings."""
    return [{"name": row.name, "value": call.state.setting(row.name), "default": row.default,
             "help": row.help} for row in SETTINGS.values()]


def put_setting(call: Call) -> dict[str, str]:
    """Change a setting."""
    owner_only(call)
    name = call.path["id"]
    value = call.verbs.set_setting(name, take(call, shapes.SettingInput).value)
    return {"name": name, "value": value}


def list_keys(call: Call) -> list[dict]:
    """Keys of the API, without what they are."""
    owner_only(call)
    return call.state.keys()


def create_key(call: Call) -> dict[str, str]:
    """A key for the API over TCP. It is told once."""
    owner_only(call)
    id, key = call.state.add_key(take(call, shapes.KeyInput).name)
    return {"id": id, "key": key}


def delete_key(call: Call) -> None:
    """Let a key open nothing any more."""
    owner_only(call)
    call.state.remove_key(call.path["id"])


def get_plans(call: Call) -> list[dict]:
    """The table of instance types."""
    return [{"plan": key, "title": plan.title, "memoryBytes": plan.memory_bytes,
             "connections": plan.connections, "persistent": plan.persistent}
            for key, plan in plans.PLANS.items()]


def owner_only(call: Call) -> None:
    """What could take over the installation is for its owner, on this host."""
    if not call.trusted:
        raise Forbidden("only the owner of the installation may do this, over its Unix socket")


def take(call: Call, kind: type[Body]) -> Body:
    """The body, which the application has decoded to this type."""
    if not isinstance(call.body, kind):
        raise BadRequest("a body is needed")
    return call.body


@dataclass(frozen=True)
class Row:
    """One route.

    Attributes:
        body: type of the request's body.
        query: names of what may stand in the query.
    """

    method: str
    path: str
    call: Callable[[Call], object]
    status: int = 200
    body: type | None = None
    query: tuple[str, ...] = ()
    ours: bool = False


PAGE = ("cursor", "limit")
FILTERS = ("name", "region", "createdBefore", "createdAfter", "updatedBefore", "updatedAfter",
           "ownerId", "environmentId", *PAGE)
ROUTES = [
    Row("GET", "/key-value", list_instances, query=FILTERS),
    Row("POST", "/key-value", create_instance, 201, shapes.CreateInput),
    Row("GET", "/key-value/{id}", get_instance),
    Row("PATCH", "/key-value/{id}", update_instance, 200, shapes.UpdateInput),
    Row("DELETE", "/key-value/{id}", delete_instance, 204),
    Row("GET", "/key-value/{id}/connection-info", connection_info),
    Row("POST", "/key-value/{id}/suspend", suspend, 202),
    Row("POST", "/key-value/{id}/resume", resume, 202),
    Row("GET", "/redis", list_redis, query=FILTERS),
    Row("POST", "/redis", create_redis, 201, shapes.CreateInput),
    Row("GET", "/redis/{id}", get_redis),
    Row("PATCH", "/redis/{id}", update_redis, 200, shapes.UpdateInput),
    Row("DELETE", "/redis/{id}", delete_redis, 204),
    Row("GET", "/redis/{id}/connection-info", redis_connection_info),
    Row("GET", "/owners", list_owners, query=PAGE),
    Row("GET", "/owners/{id}", get_owner),
    Row("GET", "/users", get_user),
    Row("POST", "/key-value/{id}/restart", restart, 202, ours=True),
    Row("POST", "/key-value/{id}/password/rotate", rotate_password, 200, shapes.RotateInput,
        ours=True),
    Row("PUT", "/key-value/{id}/internal-auth", set_internal_auth, 200,
        shapes.InternalAuthInput, ours=True),
    Row("GET", "/key-value/{id}/events", list_events, query=("limit",), ours=True),
    Row("GET", "/key-value/{id}/logs", get_logs, query=("limit", "level", "text", "place"),
        ours=True),
    Row("GET", "/key-value/{id}/metrics", get_metrics,
        query=("metric", "startTime", "endTime", "resolutionSeconds"), ours=True),
    Row("GET", "/key-value/{id}/now", get_now, ours=True),
    Row("GET", "/plans", get_plans, ours=True),
    Row("GET", "/ca", get_ca, ours=True),
    Row("PUT", "/ca/given", put_certificate, 200, shapes.CertificateInput, ours=True),
    Row("DELETE", "/ca/given", delete_certificate, 204, ours=True),
    Row("GET", "/settings", list_settings, ours=True),
    Row("PUT", "/settings/{id}", put_setting, 200, shapes.SettingInput, ours=True),
    Row("GET", "/keys", list_keys, ours=True),
    Row("POST", "/keys", create_key, 201, shapes.KeyInput, ours=True),
    Row("DELETE", "/keys/{id}", delete_key, 204, ours=True),
]
