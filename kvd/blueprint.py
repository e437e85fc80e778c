"""Blueprints: what render.yaml says of Key Value instances, checked as Render checks it.

Only `type: keyvalue` (and its old name `redis`) concern us; other services are passed over, except
that their `fromService` references can be answered. Every mistake is found in one pass and told
with its line. Omitted fields leave a live instance as it is; nothing is ever deleted.
"""
import re
from dataclasses import dataclass, field
from typing import Any

from . import plans
from .allowlist import Rule, make_rule
from .errors import BadRequest, Refused
from .names import check_name

TYPES = ("web", "worker", "pserv", "cron", "keyvalue", "redis")
FIELDS = ("type", "name", "ipAllowList", "plan", "previewPlan", "region", "maxmemoryPolicy",
          "persistenceMode")
PLANS = ("free", "starter", "standard", "pro", "pro plus", "pro max", "pro ultra",
         *plans.PLAN_SIZES)
PERSISTENCE = ("journal-snapshot", "snapshot", "off")
REGIONS = ("oregon", "ohio", "virginia", "frankfurt", "singapore", "local")
PROPERTIES = ("connectionString", "host", "port", "hostport")


@dataclass(frozen=True)
class Service:
    """One instance that a Blueprint wants; None is what it does not say.

    Attributes:
        where: the file, line and path that say so.
    """

    name: str
    rules: tuple[Rule, ...]
    where: str = ""
    plan: str | None = None
    region: str | None = None
    policy: str | None = None
    persistence: str | None = None


@dataclass(frozen=True)
class Reference:
    """An environment variable of some service that leads to an instance."""

    service: str
    key: str
    name: str
    property: str


@dataclass
class Blueprint:
    """What a file says, and what is wrong with it."""

    services: list[Service] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Reader:
    """Walks the nodes of a YAML document, since nodes know their lines."""

    def __init__(self, file: str):
        self.file = file
        self.found = Blueprint()

    def where(self, node: Any, path: str) -> str:
        mark = node.start_mark
        return f"{self.file}:{mark.line + 1}:{mark.column + 1}: {path}"

    def wrong(self, node: Any, path: str, message: str) -> None:
        self.found.errors.append(f"{self.where(node, path)}: {message}")

    def mapping(self, node: Any, path: str) -> dict[str, tuple[Any, Any]]:
        """Keys to (key's node, value's node)."""
        import yaml
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, path, "it must be a mapping")
            return {}
        found: dict[str, tuple[Any, Any]] = {}
        for key, value in node.value:
            if str(key.value) in found:
                self.wrong(key, path, f"'{key.value}' stands here twice")
            found[str(key.value)] = (key, value)
        return found

    def items(self, node: Any, path: str) -> list[tuple[Any, str]]:
        import yaml
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(node, path, "it must be a list")
            return []
        return [(item, f"{path}[{index}]") for index, item in enumerate(node.value)]

    def text(self, node: Any, path: str) -> str:
        import yaml
        if not isinstance(node, yaml.ScalarNode):
            self.wrong(node, path, "it must be a text")
            return ""
        # YAML 1.1 reads `off` as false: what was written counts.
        return str(node.value)

    def choice(self, node: Any, path: str, valid: tuple[str, ...]) -> str:
        text = self.text(node, path)
        for one in valid:
            if spelled(text) == spelled(one):
                return one
        self.wrong(node, path, "value must be one of " + ", ".join(f"'{one}'" for one in valid))
        return ""

    def document(self, node: Any) -> None:
        top = self.mapping(node, "blueprint")
        self.services(top, "")
        for number, (project, path) in enumerate(
                self.items(top["projects"][1], "projects") if "projects" in top else []):
            inner = self.mapping(project, path)
            if "environments" not in inner:
                continue
            for environment, place in self.items(inner["environments"][1],
                                                 f"projects[{number}].environments"):
                self.services(self.mapping(environment, place), place + ".")

    def services(self, top: dict[str, tuple[Any, Any]], prefix: str) -> None:
        if "services" not in top:
            return
        for node, path in self.items(top["services"][1], f"{prefix}services"):
            facts = self.mapping(node, path)
            if "type" not in facts:
                self.wrong(node, path, "missing property 'type'")
                continue
            kind = self.choice(facts["type"][1], f"{path}.type", TYPES)
            if kind in ("keyvalue", "redis"):
                self.keyvalue(node, facts, path)
            elif kind:
                self.other(facts, path)

    def keyvalue(self, node: Any, facts: dict, path: str) -> None:
        errors = len(self.found.errors)
        for name in facts:
            if name not in FIELDS:
                self.wrong(facts[name][0], path, f"additional property '{name}' is not allowed")
        for name in ("name", "ipAllowList"):
            if name not in facts:
                self.wrong(node, path, f"missing property '{name}'" + (
                    ": [] lets nobody in from outside" if name == "ipAllowList" else ""))

        def pick(name: str, valid: tuple[str, ...]) -> str | None:
            return self.choice(facts[name][1], f"{path}.{name}", valid) if name in facts else None

        plan, region = pick("plan", PLANS), pick("region", REGIONS)
        pick("previewPlan", PLANS)
        policy = pick("maxmemoryPolicy", tuple(plans.POLICIES))
        persistence = pick("persistenceMode", PERSISTENCE)
        if persistence == "snapshot":
            self.wrong(facts["persistenceMode"][1], path, plans.SNAPSHOT_ONLY)
        name = self.text(facts["name"][1], f"{path}.name") if "name" in facts else ""
        try:
            check_name(name)
        except BadRequest as error:
            if "name" in facts:
                self.wrong(facts["name"][1], f"{path}.name", str(error))
        if any(other.name == name for other in self.found.services):
            self.wrong(node, path, f"there is a keyvalue named '{name}' already")
        rules = self.rules(facts["ipAllowList"][1], f"{path}.ipAllowList") \
            if "ipAllowList" in facts else ()
        if len(self.found.errors) == errors:
            self.found.services.append(Service(
                name, rules, self.where(node, path), plan, region, policy,
                persistence.replace("-", "_") if persistence else None))

    def rules(self, node: Any, path: str) -> tuple[Rule, ...]:
        found = []
        for item, place in self.items(node, path):
            facts = self.mapping(item, place)
            for name in facts:
                if name not in ("source", "description"):
                    self.wrong(facts[name][0], place,
                               f"additional property '{name}' is not allowed"
                               + (": it is called 'source' here" if name == "cidrBlock" else ""))
            if "source" not in facts:
                self.wrong(item, place, "missing property 'source'")
                continue
            text = self.text(facts["description"][1], place) if "description" in facts else ""
            try:
                found.append(make_rule(self.text(facts["source"][1], place), text))
            except BadRequest as error:
                self.wrong(facts["source"][1], f"{place}.source", str(error))
        return tuple(found)

    def other(self, facts: dict, path: str) -> None:
        """A service that may want to know an instance's URL."""
        if "envVars" not in facts:
            return
        service = self.text(facts["name"][1], f"{path}.name") if "name" in facts else path
        for item, place in self.items(facts["envVars"][1], f"{path}.envVars"):
            entry = self.mapping(item, place)
            if "fromService" not in entry or "key" not in entry:
                continue
            source = self.mapping(entry["fromService"][1], f"{place}.fromService")
            if "type" not in source or source["type"][1].value not in ("keyvalue", "redis"):
                continue
            missing = [name for name in ("name", "property") if name not in source]
            if missing:
                self.wrong(item, f"{place}.fromService", f"missing property '{missing[0]}'")
                continue
            self.found.references.append(Reference(
                service, self.text(entry["key"][1], place),
                self.text(source["name"][1], place),
                self.choice(source["property"][1], f"{place}.fromService.property", PROPERTIES)))


def spelled(word: str) -> str:
    """A word as it compares: `Pro Plus`, `pro_plus` and `pro-plus` are one."""
    return re.sub(r"[\s_]", "-", word.lower())


def read(text: str, file: str = "render.yaml") -> Blueprint:
    """What a file says.

    Raises:
        BadRequest: it is no YAML.
    """
    import yaml
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise BadRequest(f"{file}{place}: no YAML: "
                         f"{getattr(error, 'problem', None) or error}") from None
    except RecursionError:
        raise BadRequest(f"{file}: no YAML: it is nested too deep") from None
    if node is None:
        raise BadRequest(f"{file} is empty")
    reader = Reader(file)
    reader.document(node)
    return reader.found


def check(blueprint: Blueprint) -> None:
    """Raises BadRequest with every mistake, one a line."""
    if blueprint.errors:
        raise BadRequest("\n     ".join(blueprint.errors))


def body_of(service: Service) -> dict:
    """What the API is asked for: only what the Blueprint says."""
    body: dict[str, object] = {
        "ipAllowList": [{"cidrBlock": rule.cidr, "description": rule.description}
                        for rule in service.rules]}
    if service.plan:
        body["plan"] = re.sub(r"\s", "_", service.plan)
    if service.policy:
        body["maxmemoryPolicy"] = plans.api_policy(service.policy)
    if service.persistence:
        body["persistenceMode"] = service.persistence
    return body


def differing(service: Service, instance: dict) -> dict:
    """The part of the body that the live instance does not have yet.

    Raises:
        Refused: the region differs, which cannot change.
    """
    if service.region and service.region != instance["region"]:
        raise Refused(f"{service.name} is in {instance['region']}: the region of an instance "
                      f"cannot become {service.region}")
    body = body_of(service)
    options = instance["options"]
    if body["ipAllowList"] == instance["ipAllowList"]:
        del body["ipAllowList"]
    if "plan" in body:
        row, memory, _ = plans.parse_plan(str(body["plan"]))
        if memory == instance["limits"]["memoryBytes"] and \
                row.persistent == plans.PLANS[instance["plan"]].persistent:
            del body["plan"]
    for name, key in (("maxmemoryPolicy", "maxmemoryPolicy"),
                      ("persistenceMode", "persistenceMode")):
        if body.get(name) == options[key]:
            del body[name]
    return body


def value_of(reference: Reference, url: str) -> str:
    """What a reference's variable holds."""
    import urllib.parse
    parts = urllib.parse.urlsplit(url)
    return {"connectionString": url, "host": parts.hostname or "", "port": str(parts.port),
            "hostport": f"{parts.hostname}:{parts.port}"}[reference.property]
