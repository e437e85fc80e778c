"""The JSON of the API: what comes in, what goes out.

Render's shapes to the letter, with fields of ours behind them under names that Render has not.
msgspec checks what comes in by these types and makes the OpenAPI document of them.
"""
import datetime
from typing import Annotated

import msgspec

from .. import allowlist, plans
from ..instance import CREATING, Instance
from ..state import Event

FIELD = {"rename": "camel"}


class Cidr(msgspec.Struct, **FIELD):
    """A network that may connect from outside."""

    cidr_block: str
    description: str = ""


class CidrEdit(msgspec.Struct, **FIELD):
    """A network to let in; without a description, one that is there keeps its own."""

    cidr_block: str
    description: str | None = None


class CreateInput(msgspec.Struct, forbid_unknown_fields=True, **FIELD):
    """What a new instance is to be."""

    name: str
    plan: str
    owner_id: str = ""
    region: str | None = None
    environment_id: str | None = None
    maxmemory_policy: str | None = None
    persistence_mode: str | None = None
    ip_allow_list: list[Cidr] | None = None
    memory_bytes: Annotated[int | None, msgspec.Meta(description="Ours: for plan custom.")] = None
    connections: Annotated[int | None, msgspec.Meta(description="Ours: for plan custom.")] = None
    engine: Annotated[str | None, msgspec.Meta(description="Ours: valkey8 or redis6.")] = None
    internal_auth: Annotated[bool, msgspec.Meta(description="Ours.")] = False
    dry_run: Annotated[bool, msgspec.Meta(description="Ours: check, and make nothing.")] = False


class UpdateInput(msgspec.Struct, forbid_unknown_fields=True, **FIELD):
    """What is to change; what is not named stays."""

    name: str | None = None
    plan: str | None = None
    maxmemory_policy: str | None = None
    persistence_mode: str | None = None
    ip_allow_list: list[Cidr] | None = None
    memory_bytes: Annotated[int | None, msgspec.Meta(description="Ours: for plan custom.")] = None
    connections: Annotated[int | None, msgspec.Meta(description="Ours: for plan custom.")] = None
    ip_allow_list_add: Annotated[list[CidrEdit] | None, msgspec.Meta(
        description="Ours: networks to let in beside those that are.")] = None
    ip_allow_list_remove: Annotated[list[str] | None, msgspec.Meta(
        description="Ours: networks to take off the list.")] = None
    settings: Annotated[dict[str, str] | None, msgspec.Meta(
        description="Ours: timeout, tcp-keepalive, notify-keyspace-events.")] = None
    allow_downgrade: Annotated[bool, msgspec.Meta(
        description="Ours: a smaller type, if the data fits.")] = False
    dry_run: Annotated[bool, msgspec.Meta(description="Ours: check, and change nothing.")] = False


class RotateInput(msgspec.Struct, forbid_unknown_fields=True, **FIELD):
    """How long the old password is accepted beside the new one."""

    overlap_seconds: float = 0.0
    dry_run: Annotated[bool, msgspec.Meta(description="Ours: check, and change nothing.")] = False


class InternalAuthInput(msgspec.Struct, forbid_unknown_fields=True, **FIELD):
    """Whether the internal port asks for the password."""

    enabled: bool


class SettingInput(msgspec.Struct, forbid_unknown_fields=True, **FIELD):
    """A setting's new value."""

    value: str


class KeyInput(msgspec.Struct, forbid_unknown_fields=True, **FIELD):
    """What a key is for."""

    name: str = ""


class CertificateInput(msgspec.Struct, forbid_unknown_fields=True, **FIELD):
    """A certificate chain and its key, as PEM."""

    certificate: str
    key: str


class Owner(msgspec.Struct, **FIELD):
    """The workspace. There is one."""

    id: str
    name: str
    email: str
    type: str = "team"


class Options(msgspec.Struct, **FIELD):
    """Settings with an effect on data."""

    maxmemory_policy: str
    persistence_mode: str


class Limits(msgspec.Struct, **FIELD):
    """What the instance type allows."""

    memory_bytes: int
    connections: int


class KeyValue(msgspec.Struct, omit_defaults=True, **FIELD):
    """An instance."""

    id: str
    created_at: str
    updated_at: str
    status: str
    region: str
    plan: str
    name: str
    owner: Owner
    options: Options
    ip_allow_list: list[Cidr]
    version: str
    dashboard_url: str | None = None
    limits: Limits | None = None
    engine: str | None = None
    internal_auth: bool | None = None
    password_overlap_until: str | None = None
    settings: dict[str, str] | None = None


class KeyValueItem(msgspec.Struct, **FIELD):
    """One of a list."""

    cursor: str
    key_value: KeyValue


class RedisItem(msgspec.Struct, **FIELD):
    """One of a list, under the deprecated name."""

    cursor: str
    redis: KeyValue


class RedisConnectionInfo(msgspec.Struct, **FIELD):
    """How to connect, under the deprecated name: holds the password."""

    internal_connection_string: str
    external_connection_string: str
    redis_cli_command: str = msgspec.field(name="redisCLICommand")


class ConnectionInfo(msgspec.Struct, **FIELD):
    """How to connect: holds the password."""

    internal_connection_string: str
    external_connection_string: str
    cli_command: str
    external_access: Annotated[str, msgspec.Meta(
        description="Ours: open; closed (the allowlist is empty); unavailable (`outside` "
                    "of /now says why).")]
    password: str


class EventItem(msgspec.Struct, **FIELD):
    """Something that happened."""

    id: str
    timestamp: str
    type: str
    service_id: str
    details: dict


class LogLine(msgspec.Struct, **FIELD):
    """One line of an engine's log."""

    timestamp: str
    level: str
    message: str


class Logs(msgspec.Struct, **FIELD):
    """Lines, oldest first, and where to go on."""

    logs: list[LogLine]
    place: str


class Point(msgspec.Struct, **FIELD):
    """A value at a time."""

    timestamp: str
    value: float
    unit: str


class Label(msgspec.Struct, **FIELD):
    """What a series is of."""

    field: str
    value: str


class Series(msgspec.Struct, **FIELD):
    """One metric of one instance."""

    labels: list[Label]
    unit: str
    values: list[Point]


class Error(msgspec.Struct, omit_defaults=True, **FIELD):
    """Why not."""

    message: str
    id: str = ""
    code: str = ""


def when(seconds: float) -> str:
    """2026-06-09T16:25:25.489442Z"""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def rules(given: list[Cidr] | None) -> list[allowlist.Rule] | None:
    """An allowlist as checked rules. Raises BadRequest."""
    if given is None:
        return None
    return [allowlist.make_rule(rule.cidr_block, rule.description) for rule in given]


def show(instance: Instance, owner: Owner, dashboard: str = "") -> KeyValue:
    """An instance as the API tells it."""
    overlap = instance.old_password_until if instance.old_password else 0.0
    return KeyValue(
        id=instance.id, created_at=when(instance.created_at),
        updated_at=when(instance.updated_at), status=instance.status or CREATING,
        region=instance.region, plan=instance.plan, name=instance.name, owner=owner,
        options=Options(plans.api_policy(instance.policy), instance.persistence),
        ip_allow_list=[Cidr(rule.cidr, rule.description) for rule in instance.allowlist],
        version=plans.ENGINES[instance.engine], dashboard_url=dashboard or None,
        limits=Limits(instance.memory_bytes, instance.connections), engine=instance.engine,
        internal_auth=instance.internal_auth,
        password_overlap_until=when(overlap) if overlap else None, settings=instance.options)


def show_event(event: Event) -> EventItem:
    return EventItem(event.id, when(event.at), event.type, event.instance, event.details)
