"""create, list, info, url, update, upgrade, suspend, resume, restart, delete, wait."""
import re
import shutil
from collections.abc import Callable
from typing import Any

import click

from .. import plans
from ..allowlist import Rule, parse_rule
from ..errors import BadRequest, Failed
from ..instance import AVAILABLE, STATUSES, SUSPENDED
from ..names import check_name, new_name, shown
from .session import TOOLS, Session, name_argument, offer, table, verb

CHANGE_SECONDS = 3600.0                 # a base of a large instance takes its time
PLAN_HELP = ("free, starter, standard, pro, pro_plus, pro_max, pro_ultra, a size (256mb, 1g, 5g, "
             "10g, 20g, 40g), or custom with --memory.")


def plan_options(function: Any) -> Any:
    for option in (
            click.option("--connections", type=int, help="Connection limit of a custom plan."),
            click.option("--memory", help="Memory limit of a custom plan: 512mb, 2g."),
            click.option("--maxmemory-policy", "--memory-policy", "policy",
                         shell_complete=offer(plans.POLICIES),
                         help="What goes when memory is full: allkeys-lru, noeviction, ..."),
            click.option("--for", "purpose", type=click.Choice(list(plans.PURPOSES)),
                         help="cache: allkeys-lru; queue: noeviction."),
            click.option("--persistence", "--persistence-mode", "persistence",
                         shell_complete=offer(["journal_snapshot", "off"]),
                         help="journal_snapshot or off.")):
        function = option(function)
    return function


def plan_option(**traits: Any) -> Callable:
    return click.option("--plan", help=PLAN_HELP,
                        shell_complete=offer(plans.PLAN_NAMES + plans.PLAN_SIZES), **traits)


def region_option(help_: str) -> Callable:
    return click.option("--region", help=help_, shell_complete=offer(plans.REGIONS))


def choose_policy(policy: str | None, purpose: str | None) -> str | None:
    if policy and purpose:
        raise BadRequest("--for and --maxmemory-policy both choose the policy: give one of them")
    given = policy or purpose
    return plans.api_policy(plans.parse_policy(given)) if given else None


def wished(name: str | None, plan: str | None, memory: str | None, connections: int | None,
           policy: str | None, purpose: str | None, persistence: str | None) -> dict:
    """A body for the API of what was given; what was not is left out."""
    body = {"name": None if name is None else check_name(name), "plan": plan,
            "memoryBytes": plans.parse_bytes(memory) if memory else None,
            "connections": connections,
            "maxmemoryPolicy": choose_policy(policy, purpose), "persistenceMode": persistence}
    return {key: value for key, value in body.items() if value is not None}


def cidrs(rules: list[Rule]) -> list[dict]:
    return [{"cidrBlock": rule.cidr, "description": rule.description} for rule in rules]


@click.command()
@click.argument("name", required=False)
@plan_option(default="free", show_default=True)
@region_option("oregon, ohio, virginia, frankfurt, singapore, local.")
@plan_options
@click.option("--allow", "--ip-allow-list", "allow", multiple=True, metavar="CIDR[,DESCRIPTION]",
              help="Who may connect from outside. Repeatable.")
@click.option("--internal-auth", is_flag=True, help="Ask for the password inside too.")
@click.option("--engine", help="valkey8; redis6 for a legacy instance.",
              shell_complete=offer(plans.ENGINES))
@click.option("--no-wait", is_flag=True, help="Return while it is being created.")
@verb(changes=True)
def create(session: Session, name: str | None, plan: str, region: str | None, memory: str | None,
           connections: int | None, policy: str | None, purpose: str | None,
           persistence: str | None, allow: tuple[str, ...], internal_auth: bool,
           engine: str | None, no_wait: bool) -> None:
    """Create an instance and show how to connect.

    Without a NAME it gets one.
    """
    body = wished(new_name() if name is None else name, plan, memory, connections, policy, purpose,
                  persistence)
    extra = {"region": region, "ipAllowList": cidrs([parse_rule(one) for one in allow]),
             "internalAuth": internal_auth, "engine": engine, "dryRun": session.dry_run}
    body |= {key: value for key, value in extra.items() if value}
    instance = session.ask("POST", "/key-value", body)
    if session.dry_run:
        session.print(instance, f"Would create {describe(instance)}")
        return
    if not no_wait:
        instance = created(session, instance)
    connection = session.connection(instance["id"])
    session.print(instance | {"connectionInfo": connection},
                  f"Created {describe(instance)}\n\n{urls_text(instance, connection)}")


def created(session: Session, instance: dict) -> dict:
    """An instance that the agent has begun to create, once it is available."""
    name = instance["name"]
    with session.going_on(f"{name} is still being created; `kvd wait {name}` waits for it, `kvd "
                          f"delete {name}` removes it"):
        return session.wait(instance["id"], what=f"Creating {name}")


def describe(instance: dict) -> str:
    """cache (red-...): Free, 25 MB, 50 connections, oregon, allkeys-lru, in memory only"""
    limits, options = instance["limits"], instance["options"]
    keeps = "in memory only" if options["persistenceMode"] == "off" else \
        plans.PERSISTENCE_TITLES[options["persistenceMode"]].lower()
    return (f"{instance['name']} ({instance['id']}): {plans.PLANS[instance['plan']].title}, "
            f"{plans.show_bytes(limits['memoryBytes'])}, {limits['connections']:,} connections, "
            f"{instance['region']}, {plans.parse_policy(options['maxmemoryPolicy'])}, {keeps}")


def urls_text(instance: dict, connection: dict) -> str:
    """Both URLs and the commands, for a person."""
    access = {"open": "",
              "closed": f"\n                (closed: `kvd allow {instance['name']} CIDR` lets "
                        "somebody in)",
              "unavailable": f"\n                (not served: `kvd doctor {instance['name']}` "
                             "says why)"}
    text = (f"  Internal URL  {connection['internalConnectionString']}\n"
            f"  External URL  {connection['externalConnectionString']}"
            f"{access[connection['externalAccess']]}\n")
    if connection["externalAccess"] != "unavailable":
        text += f"  CLI          {pasteable(connection['cliCommand'])}\n"
    return text + f"  Connect       kvd cli {instance['name']}"


def pasteable(command: str) -> str:
    """The CLI command with the tool that is installed on this host, if only one of them is."""
    tools = [tool for tool in TOOLS if shutil.which(tool)]
    return re.sub(r" (valkey|redis)-cli ", f" {tools[0]} ", command, count=1) \
        if len(tools) == 1 else command


@click.command("list")
@region_option("Only this region.")
@verb()
def list_(session: Session, region: str | None) -> None:
    """List instances."""
    found = session.all()
    wanted = plans.parse_region(region) if region is not None else None
    instances = [one for one in found if wanted in (None, one["region"])]
    if session.as_json:
        session.print(instances)
        return
    if not instances:
        session.note("No instance matches." if found else
                     "No instances yet: `kvd create NAME` makes one.")
        return
    table(["name", "status", "plan", "memory", "connections", "policy", "persistence", "region",
           "id"],
          [[one["name"], one["status"], plans.PLANS[one["plan"]].title,
            plans.show_bytes(one["limits"]["memoryBytes"]), f"{one['limits']['connections']:,}",
            plans.parse_policy(one["options"]["maxmemoryPolicy"]),
            one["options"]["persistenceMode"], one["region"], one["id"]] for one in instances],
          right=("memory", "connections"),
          spare=("persistence", "region", "connections", "policy", "plan", "memory"))


@click.command()
@name_argument
@verb()
def info(session: Session, name: str) -> None:
    """Everything about an instance; its password is not shown."""
    instance = session.get(name)
    now = session.ask("GET", f"/key-value/{instance['id']}/now")
    if session.as_json:
        session.print(instance | {"now": now})
        return
    limits, sample = instance["limits"], now["sample"]
    rules = [f"{rule['cidrBlock']}  {rule['description']}".rstrip()
             for rule in instance["ipAllowList"]] or ["nobody"]
    rows = [["Name", instance["name"]], ["Id", instance["id"]], ["Status", instance["status"]],
            ["Plan", f"{plans.PLANS[instance['plan']].title}: "
                     f"{plans.show_bytes(limits['memoryBytes'])}, "
                     f"{limits['connections']:,} connections"],
            ["Region", instance["region"]], ["Version", instance["version"]],
            ["Policy", plans.parse_policy(instance["options"]["maxmemoryPolicy"])],
            ["Persistence", plans.PERSISTENCE_TITLES[instance["options"]["persistenceMode"]]],
            ["Internal auth", "on" if instance["internalAuth"] else "off"],
            ["Outside", "; ".join(rules)],
            ["Created", instance["createdAt"]], ["Updated", instance["updatedAt"]]]
    rows += [[key, value] for key, value in (instance.get("settings") or {}).items()]
    if sample:
        share = 100 * sample["memory"] / limits["memoryBytes"]
        rows += [["Memory", f"{plans.show_bytes(sample['memory'])} used, {share:.0f} %"],
                 ["Connections", f"{sample['connections']:.0f}"],
                 ["Keys", f"{sample['keys']:.0f}"],
                 ["Commands", f"{sample['commands']:.0f} per second"]]
    if now["outside"]:
        rows.append(["Outer door", now["outside"]])
    table(["", instance["name"]], rows)


@click.command()
@name_argument
@click.option("--internal", "which", flag_value="internal", help="Only the internal URL.")
@click.option("--external", "which", flag_value="external", help="Only the external URL.")
@verb()
def url(session: Session, name: str, which: str | None) -> None:
    """Show both URLs, password included."""
    instance = session.get(name)
    connection = session.connection(instance["id"])
    if which:
        value = connection[f"{which}ConnectionString"]
        session.print({which: value}, value)
    else:
        session.print(connection, urls_text(instance, connection))


@click.command()
@name_argument
@click.option("--name", "new_name", help="A new name.")
@plan_option()
@plan_options
@click.option("--allow", "--ip-allow-list", "allow", multiple=True, metavar="CIDR[,DESCRIPTION]",
              help="The whole allowlist anew. Repeatable.")
@click.option("--clear-allow", "--clear-ip-allow-list", is_flag=True, help="Let nobody in.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE",
              help="timeout, tcp-keepalive, notify-keyspace-events. Repeatable.")
@click.option("--allow-downgrade", is_flag=True, help="A smaller plan, if the data fits.")
@verb(changes=True)
def update(session: Session, name: str, new_name: str | None, plan: str | None,
           memory: str | None, connections: int | None, policy: str | None, purpose: str | None,
           persistence: str | None, allow: tuple[str, ...], clear_allow: bool,
           settings: tuple[str, ...], allow_downgrade: bool) -> None:
    """Change an instance, live: nobody is disconnected."""
    body = wished(new_name, plan, memory, connections, policy, purpose, persistence)
    if allow and clear_allow:
        raise BadRequest("--allow and --clear-allow contradict each other")
    if allow or clear_allow:
        body["ipAllowList"] = cidrs([parse_rule(one) for one in allow])
    if settings:
        body["settings"] = dict(split_setting(one) for one in settings)
    if not body:
        raise BadRequest("nothing to change was named: --help lists what can be")
    change(session, name, body | {"allowDowngrade": allow_downgrade})


def split_setting(given: str) -> tuple[str, str]:
    name, sign, value = given.partition("=")
    if not sign:
        raise BadRequest(f"{shown(given)}: write NAME=VALUE")
    return name.strip(), value


@click.command()
@name_argument
@plan_option(required=True)
@click.option("--memory", help="Memory limit of a custom plan: 512mb, 2g.")
@click.option("--connections", type=int, help="Connection limit of a custom plan.")
@click.option("--allow-downgrade", is_flag=True, help="A smaller plan, if the data fits.")
@verb(changes=True)
def upgrade(session: Session, name: str, plan: str, memory: str | None, connections: int | None,
            allow_downgrade: bool) -> None:
    """Move an instance to a larger plan, live: data and connections stay."""
    body = wished(None, plan, memory, connections, None, None, None)
    change(session, name, body | {"allowDowngrade": allow_downgrade})


def change(session: Session, name: str, body: dict) -> None:
    """PATCH, wait, and show what is different."""
    before = session.get(name)
    body = {key: value for key, value in body.items() if value is not False}
    if session.dry_run:
        body["dryRun"] = True
    path = f"/key-value/{before['id']}"
    if session.dry_run:
        after = session.ask("PATCH", path, body)
    else:
        with session.going_on(going_on_text(before["name"], "changed")):
            after = changed(session, session.ask("PATCH", path, body))
    lines = differences(before, after)
    verb_ = "Would change" if session.dry_run else "Changed"
    text = f"{verb_} {after['name']}:\n" + "\n".join(lines) if lines else \
        f"{after['name']} is so already: nothing to change"
    session.print({"data": after, "diff": lines} if session.dry_run else after, text)


def changed(session: Session, wished: dict) -> dict:
    """What became of a change that the agent has begun.

    Args:
        wished: its answer: the instance as it shall be.
    Raises:
        Failed: it could not be done, and all is as it was.
    """
    if wished["status"] in (AVAILABLE, SUSPENDED):
        return wished
    after = session.wait(wished["id"], seconds=CHANGE_SECONDS, what=f"Changing {wished['name']}")
    if differences(after, wished):
        events = session.ask("GET", f"/key-value/{wished['id']}/events", limit=10)
        why = next((one["details"]["message"] for one in events
                    if one["type"] == "change_failed"), "the agent's log may say why")
        raise Failed(f"{after['name']} is as it was: {why}")
    return after


def going_on_text(name: str, done: str, status: str = AVAILABLE) -> str:
    wait = f"kvd wait {name}" + (f" --status {status}" if status != AVAILABLE else "")
    return (f"{name} is still being {done}; `{wait}` waits for it, `kvd events {name}` tells what "
            "became of it")


def differences(before: dict, after: dict) -> list[str]:
    """Lines `what: before -> after`."""
    def facts(one: dict) -> dict[str, str]:
        return {"name": one["name"], "plan": plans.PLANS[one["plan"]].title,
                "memory": plans.show_bytes(one["limits"]["memoryBytes"]),
                "connections": f"{one['limits']['connections']:,}",
                "policy": plans.parse_policy(one["options"]["maxmemoryPolicy"]),
                "persistence": one["options"]["persistenceMode"],
                "allowlist": ", ".join(
                    rule["cidrBlock"] + (f" ({rule['description']})" if rule["description"] else "")
                    for rule in one["ipAllowList"]) or "nobody",
                "internal auth": "on" if one["internalAuth"] else "off",
                **(one.get("settings") or {})}
    old, new = facts(before), facts(after)
    return [f"  {key}: {old.get(key, 'default')} -> {new[key]}" for key in new
            if old.get(key) != new[key]]


@click.command()
@name_argument
@verb(changes=True, asks=True)
def suspend(session: Session, name: str) -> None:
    """End an instance's engine until `kvd resume`."""
    instance = session.get(name)
    lost = " What it holds is in memory only, and will be lost." \
        if instance["options"]["persistenceMode"] == "off" else ""
    session.confirm(f"sudo suspend key value {instance['name']}",
                    f"{instance['name']} will refuse connections until it is resumed.{lost}")
    act(session, instance, "suspend", "suspended", SUSPENDED)


@click.command()
@name_argument
@verb(changes=True)
def resume(session: Session, name: str) -> None:
    """Start a suspended instance again."""
    act(session, session.get(name), "resume", "resumed", AVAILABLE)


@click.command()
@name_argument
@verb(changes=True, asks=True)
def restart(session: Session, name: str) -> None:
    """Restart an instance's engine. Ports, URLs and persistent data stay."""
    instance = session.get(name)
    if instance["options"]["persistenceMode"] == "off":
        session.confirm(f"sudo restart key value {instance['name']}",
                        f"What {instance['name']} holds is in memory only, and will be lost.")
    act(session, instance, "restart", "restarted", AVAILABLE)


def act(session: Session, instance: dict, action: str, done: str, status: str) -> None:
    name = instance["name"]
    if session.dry_run:
        session.print(instance, f"Would {action} {name}")
        return
    with session.going_on(going_on_text(name, done, status)):
        session.ask("POST", f"/key-value/{instance['id']}/{action}")
        instance = session.wait(instance["id"], status, what=f"{action.title()} {name}")
    session.print(instance, f"{done.title()} {name}")


@click.command()
@name_argument
@verb(changes=True, asks=True)
def delete(session: Session, name: str) -> None:
    """Delete an instance with all its data."""
    instance = session.get(name)
    if session.dry_run:
        session.print(instance, f"Would delete {describe(instance)}")
        return
    session.confirm(f"sudo delete key value {instance['name']}",
                    f"{describe(instance)}\nwill be deleted with all its data. There is no way "
                    "back.")
    session.ask("DELETE", f"/key-value/{instance['id']}")
    session.print({"id": instance["id"], "deleted": True}, f"Deleted {instance['name']}")


@click.command()
@name_argument
@click.option("--status", default=AVAILABLE, show_default=True, help="The status to wait for.",
              shell_complete=offer(STATUSES))
@click.option("--timeout", type=float, default=120.0, show_default=True, help="Seconds.")
@verb()
def wait(session: Session, name: str, status: str, timeout: float) -> None:
    """Wait until an instance is available."""
    instance = session.get(name)
    instance = session.wait(instance["id"], status, timeout, f"Waiting for {instance['name']}")
    session.print(instance, f"{instance['name']} is {instance['status']}")


COMMANDS = [create, list_, info, url, update, upgrade, suspend, resume, restart, delete, wait]
