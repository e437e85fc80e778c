"""Bring a running engine to what its instance's record says, over its control socket.

One function serves the start and every later change: it compares what is with what shall be and
sets what differs, so doing it again changes nothing, and a change that was cut short is finished
by doing it once more. Connected clients notice none of it.

    limits -> users -> journal -> certificates, ports           doors are opened last

What an engine does not know (an outer door) is left out and told as `missing`, so that nobody takes
a restriction for granted that is not there.
"""
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..client import Gone, Link, Wrong, info
from ..errors import Conflict, Failed, TimedOut
from ..home import Place
from ..instance import CREATING, Instance
from ..plans import show_bytes
from .process import Process, last_words

AGENT = "kvd-agent"
READY_SECONDS = 600.0                   # a start loads the journal before it answers
ATTEMPT_SECONDS = 2.0                   # of one connection to an engine that may be starting
ANSWER_SECONDS = 10.0
BASE_SECONDS = 3600.0
# What could hurt the host or the management of the instance. CONFIG GET stays: clients need it.
DENIED = ("config|set", "config|rewrite", "debug", "shutdown", "replicaof", "slaveof", "migrate",
          "module", "acl|setuser", "acl|deluser", "acl|load", "acl|save", "acl|list",
          "acl|getuser", "save", "bgsave", "bgrewriteaof", "failover", "sync", "psync", "replconf",
          "cluster|reset", "cluster|forget", "cluster|meet", "cluster|replicate",
          "cluster|failover", "cluster|saveconfig")


@dataclass(frozen=True)
class Doors:
    """Where engines listen, by the installation's settings.

    Attributes:
        leaf: gives paths of certificate and key; not called for an engine that knows no TLS.
    """

    internal_host: str
    external_bind: str
    leaf: Callable[[], tuple[str, str]]


@dataclass
class Engine:
    """A running engine and the agent's line to it.

    Attributes:
        link: the one connection we hold; None while there is none.
        missing: what this engine cannot do: "external".
        outside: why its outer door is not as the record says; "" when it is.
        certified: the certificate that it was given: path and time of change.
        sample: the last of its figures.
        misses: samples, or lines to it, that were awaited in vain since it last answered.
        left: the agent ends, so nobody waits for this engine any more.
    """

    id: str
    place: Place
    process: Process
    link: Link | None = None
    missing: set[str] = field(default_factory=set)
    outside: str = ""
    sample: dict[str, float] = field(default_factory=dict)
    misses: int = 0
    commands: set[str] = field(default_factory=set)
    left: bool = False
    certified: tuple[str, int] = ("", 0)

    def close(self) -> None:
        if self.link is not None:
            self.link.close()
            self.link = None


def connect(engine: Engine, instance: Instance, seconds: float = READY_SECONDS) -> Link:
    """A line to an engine that may just be starting: loaded when this returns.

    Args:
        seconds: how long it may be silent; one that says that it loads is waited for.
    Raises:
        Failed: it ended, or does not answer in time.
    """
    begun = time.monotonic()
    deadline = begun + seconds
    while True:
        try:
            return greet(Link.unix(engine.place.control, min(ATTEMPT_SECONDS, seconds)))
        except (Gone, Wrong) as error:
            if engine.process.ended:
                raise Failed(f"{instance.name} did not start: {last_words(engine.place)}") from None
            if str(error).startswith(("NOAUTH", "NOPERM")):
                raise Failed(f"{instance.name} runs with a socket that is not ours: {error}") \
                    from None           # an older kvd has started it: it is started anew
            if str(error).startswith("LOADING"):
                deadline = time.monotonic() + seconds
            if time.monotonic() > deadline or engine.left:
                raise TimedOut(f"{instance.name} does not answer: {error}") from None
            # A twentieth of what it took so far: a quick start is noticed soon.
            engine.process.wait(min(0.2, max(0.002, (time.monotonic() - begun) / 20)))


def greet(link: Link) -> Link:
    """Who comes by the control socket is the owner, and need not log in.

    Raises:
        Gone: nobody answers. Wrong: it is still loading.
    """
    try:
        if link.do("PING") != b"PONG":
            raise Wrong("it answers PING with something else")
        link.timeout(ANSWER_SECONDS)
        return link
    except BaseException:
        link.close()
        raise


def get_config(link: Link, *names: str) -> dict[str, str]:
    """Directives that the engine knows, of those names."""
    reply = link.do("CONFIG", "GET", *names)
    words = [word.decode("utf-8", "replace") for word in reply]         # type: ignore[attr-defined]
    return dict(zip(words[::2], words[1::2], strict=True))


def set_config(link: Link, wanted: dict[str, str]) -> None:
    """Set what differs, all of it or nothing of it.

    Raises:
        Failed: the engine refuses.
    """
    if not wanted:
        return
    now = get_config(link, *wanted)
    differing = [word for name, value in wanted.items() if now.get(name) != value
                 for word in (name, value)]
    if differing:
        change_config(link, *differing)


def change_config(link: Link, *words: str) -> None:
    """Set directives, whatever they are now. Raises Failed."""
    try:
        link.do("CONFIG", "SET", *words)
    except Wrong as error:
        text = str(error)
        raise Failed(text.partition(" - ")[2] or text.removeprefix("ERR ")) from None


def apply(engine: Engine, instance: Instance, doors: Doors) -> None:
    """Bring the engine to the record.

    Raises:
        Failed: it refuses, or cannot. What was done before stays done.
    """
    link = engine.link
    if link is None:
        raise Failed(f"{instance.name} cannot be reached")
    if not engine.commands:
        reply = link.do("COMMAND", "LIST")
        engine.commands = {name.decode().lower() for name in reply}     # type: ignore[attr-defined]
        link.do("CLIENT", "SETNAME", AGENT)
    set_config(link, {"maxmemory": str(instance.memory_bytes),
                      "maxmemory-policy": instance.policy,
                      "maxclients": str(instance.connections)} | (instance.options or {}))
    apply_users(engine, link, instance)
    apply_journal(engine, link, instance)
    set_config(link, {"bind": doors.internal_host, "port": str(instance.internal_port)})
    apply_external(engine, link, instance, doors)


def apply_users(engine: Engine, link: Link, instance: Instance) -> None:
    """The instance's own user, and the default one."""
    passwords = [f">{instance.password}"]
    if instance.old_password and time.time() < instance.old_password_until:
        passwords.append(f">{instance.old_password}")
    # A denied name that is no subcommand here may be a whole command, or nothing.
    denied = [f"-{name}" for name in DENIED if name in engine.commands]
    rights = ["~*", "&*", "+@all", *denied]
    link.do("ACL", "SETUSER", instance.id, "reset", "on", *passwords, *rights)
    # `nopass` accepts any password: applications can be given the new URL before it is enforced.
    login = passwords if instance.internal_auth else ["nopass"]
    link.do("ACL", "SETUSER", "default", "reset", "on", *login, *rights)


def apply_journal(engine: Engine, link: Link, instance: Instance) -> None:
    """Switch the journal; when it is on, it is whole."""
    wanted = "no" if instance.persistence == "off" else "yes"
    set_config(link, {"appendonly": wanted})
    if wanted == "no":
        return
    deadline = time.monotonic() + BASE_SECONDS
    pause = 0.01
    while True:
        facts = info(link.do("INFO", "persistence"))
        busy = facts.get("aof_rewrite_in_progress") == "1" \
            or facts.get("aof_rewrite_scheduled") == "1"
        if facts.get("aof_enabled") == "1" and not busy:
            if facts.get("aof_last_bgrewrite_status", "ok") != "ok" \
                    or facts.get("aof_last_write_status", "ok") != "ok":
                raise Failed(f"the journal of {instance.name} cannot be written: see its log")
            return
        if time.monotonic() > deadline or engine.left:
            raise TimedOut(f"the journal of {instance.name} is not whole yet")
        time.sleep(pause)
        pause = min(0.5, pause * 1.5)


def apply_external(engine: Engine, link: Link, instance: Instance, doors: Doors) -> None:
    """The outer door: certificate, user, allowlist, port.

    TLS alone is not enough to open it: without the engine's own allowlist and its demand for a
    login, a port to the outside would let in anybody while internal authentication is off.
    """
    rules = {"external-user": instance.id,
             "external-allowlist": " ".join(rule.cidr for rule in instance.allowlist)}
    if not {*rules, "tls-bind"} <= get_config(link, *rules, "tls-bind").keys():
        engine.missing.add("external")
        engine.outside = "the engine that runs is older than the outer door: `kvd restart " \
            f"{instance.name}` opens it"
        return
    engine.missing.discard("external")
    set_config(link, rules)             # by itself: nothing may keep somebody from being denied
    try:
        open_external(engine, link, instance, doors)
        engine.outside = ""
    except Failed as error:
        # Nothing half-made; but where the inside serves already it goes on.
        if instance.status == CREATING:
            raise
        engine.outside = f"the outer door is not as it should be: {error}"


def open_external(engine: Engine, link: Link, instance: Instance, doors: Doors) -> None:
    """Its certificate and its port. Raises Failed."""
    certificate, key = doors.leaf()
    stamp = (certificate, os.stat(certificate).st_mtime_ns)
    if engine.certified != stamp:       # also when a renewed one has the same path
        change_config(link, "tls-cert-file", certificate, "tls-key-file", key,
                      "tls-auth-clients", "no")
        engine.certified = stamp
    set_config(link, {"tls-bind": doors.external_bind,
                      "tls-port": str(instance.external_port)})


def check_fits(link: Link, instance: Instance) -> None:
    """Whether the data and the clients fit within a smaller type's limits.

    Raises:
        Conflict: they do not.
    """
    facts = info(link.do("INFO", "memory")) | info(link.do("INFO", "clients"))
    used, clients = int(facts["used_memory"]), int(facts["connected_clients"]) - 1    # not us
    if used > instance.memory_bytes:
        raise Conflict(f"{instance.name} uses {show_bytes(used)}, which does not fit into "
                       f"{show_bytes(instance.memory_bytes)}")
    if clients > instance.connections:
        raise Conflict(f"{instance.name} has {clients} clients, and the smaller type allows "
                       f"{instance.connections}")
