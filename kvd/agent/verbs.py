"""The verbs: what can be done to an instance. API and terminal call the same ones.

Each change writes its intent, brings the engine there, and writes that it is done; one that was
cut short is resumed when an agent starts. Quick changes are over when the verb returns; where an
engine has to start or a base to be written, the rest runs in a thread and the status tells.

Invariants
    V1  whoever changes an instance, or speaks to its engine, holds its lock (as in keeper.py)
    V2  a change that fails leaves the instance as it was: record, engine, files
"""
import concurrent.futures
import contextlib
import dataclasses
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence

from .. import allowlist, names, plans
from ..client import Wrong
from ..errors import BadRequest, Conflict, Failed, Refused
from ..home import Home, Place, say_os_error
from ..instance import (
    AVAILABLE, CREATING, RESTARTING, SUSPENDED, UNAVAILABLE, UPDATING, Instance,
)
from ..listen import MISSING
from ..process import raise_files
from ..settings import read_setting
from ..state import Intent, State
from . import control
from .control import Engine
from .keeper import REACH_SECONDS, Keeper, say
from .process import Process, find_running

ANSWER_SECONDS = 2.0                    # a change that takes longer goes on behind the answer
CREATE_SECONDS = 60.0
REASONS_MAX = 50                        # of failed creations that are remembered
OVERLAP_MAX_SECONDS = 30 * 86400.0
# Directives that a tenant may ask for: what a value looks like, and the words for it.
SECONDS = re.compile(r"0|[1-9]\d{0,8}"), "a number of seconds, 0 or more"
OPTIONS = {"timeout": SECONDS, "tcp-keepalive": SECONDS,
           "notify-keyspace-events": (re.compile(r"[KEg$lshzxetdmnA]*"),
                                      "letters of KEg$lshzxetdmnA, or nothing")}
NO_DOWNGRADE = ("{name} cannot be moved to a smaller instance type: it has {old} ({old_size}), and "
                "{new} has {new_size}. --allow-downgrade (allowDowngrade) permits it when the data "
                "fits")
# How a change is told that is neither of the plan nor of the policy: the field, event, words.
TOLD = (("password", "password_rotated", "a new password"),
        ("allowlist", "ip_allow_list_changed", ""),
        ("internal_auth", "internal_auth_changed", ""),
        ("options", "settings_changed", ""))


class Verbs(Keeper):
    """Everything that can be done, on one installation."""

    def __init__(self, home: Home, state: State, say: Callable[[str], None]):
        """
        Args:
            say: writes a line to the agent's log.
        """
        super().__init__(home, state, say)
        self.ports_lock = threading.Lock()
        self.reasons: dict[str, str] = {}       # why instances could not be created

    # -- start and end ----------------------------------------------------------------------------

    def start(self) -> None:
        """Take over what runs, finish what was begun, start what should run and does not."""
        running = find_running(self.state.ids["installation"])
        intents = {intent.instance: intent for intent in self.state.intents()}
        for instance in self.state.instances():
            process = running.pop(instance.id, None)
            lost = ""
            if process is None:
                lost = self.find_gone(instance, intents.get(instance.id))
            else:
                place = self.home.instance(instance.id)
                self.watch.add(Engine(instance.id, place, process))
                self.say(f"{instance.name} runs as process {process.pid}: taken over")
            if instance.id in intents:
                self.submit(self.resume_intent, intents[instance.id], instance)
            elif process is not None and instance.suspended:
                self.submit(self.stop_engine, instance.id)
            elif not instance.suspended:
                self.submit(self.bring_up, instance.id, process is None,
                            f"started again after: {lost}" if lost else "")
        for id, process in running.items():
            # Ours by its mark, and nobody's by the database: a deletion that was cut short.
            self.say(f"process {process.pid} serves {id}, which is deleted: ending it")
            self.submit(self.end_stray, process, self.home.instance(id))
        self.sweep({instance.id for instance in self.state.instances()} | running.keys())
        self.watch.start()

    def find_gone(self, instance: Instance, intent: Intent | None) -> str:
        """Tell the end of an engine that nobody has watched: what, or "" if none should run."""
        if instance.suspended or instance.status == CREATING \
                or (intent is not None and intent.verb != "change"):
            return ""
        text = f"its process has ended while no agent ran; {self.loss(instance)}"
        self.say(f"{instance.name}: {text}")
        self.state.tell(instance.id, "key_value_unhealthy", {"message": text})
        return text

    @staticmethod
    def end_stray(process: Process, place: Place) -> None:
        process.kill()
        with contextlib.suppress(OSError):
            place.remove()              # what is left, the next start sweeps

    def sweep(self, known: set[str]) -> None:
        """Remove directories of instances that no longer are."""
        for path in (self.home.root / "instances").iterdir():
            if path.name not in known and names.ID.fullmatch(path.name):
                self.say(f"removing what is left of {path.name}")
                with contextlib.suppress(OSError):
                    self.home.instance(path.name).remove()

    def stop(self) -> None:
        """End the agent's part. Engines serve on."""
        self.stopping = True
        for engine in list(self.watch.engines.values()):
            engine.left = True
        self.watch.stop()
        self.pool.shutdown(wait=True, cancel_futures=True)
        for engine in list(self.watch.engines.values()):
            engine.close()

    # -- create -----------------------------------------------------------------------------------

    def create(self, name: str, plan: str, region: str | None = None, policy: str | None = None,
               persistence: str | None = None, rules: list[allowlist.Rule] | None = None,
               memory_bytes: int | None = None, connections: int | None = None,
               engine: str | None = None, internal_auth: bool = False, dry_run: bool = False
               ) -> Instance:
        """A new instance. It is `creating` when this returns, then `available`.

        Raises:
            BadRequest, Conflict: as the sentence says; nothing was made.
        """
        plan_row, memory, clients = plans.parse_plan(plan, memory_bytes, connections)
        default = "journal_snapshot" if plan_row.persistent else "off"
        now = time.time()
        with self.ports_lock:
            others = self.state.instances()
            self.check_new(names.check_name(name), plan_row, others)
            check_connections(plan_row, clients)
            instance = Instance(
                id=names.new_id("red"), name=name, plan=plan_row.key, memory_bytes=memory,
                connections=clients,
                region=plans.parse_region(region or self.state.setting("default-region")),
                policy=plans.parse_policy(policy or "allkeys-lru"),
                persistence=plans.parse_persistence(persistence or default, plan_row),
                engine=plans.parse_engine(engine or "valkey8"),
                internal_port=0, external_port=0, password=names.new_password(),
                created_at=now, updated_at=now,
                internal_auth=internal_auth, allowlist=allowlist.make_rules(rules or []))
            if dry_run:
                return instance
            self.reasons.pop(name, None)
            internal, external = self.free_ports(others)
            instance = dataclasses.replace(instance, internal_port=internal,
                                           external_port=external)
            self.state.begin("create", instance)
        self.submit(self.finish_create, instance)
        return instance

    def check_new(self, name: str, plan: plans.Plan, others: list[Instance]) -> None:
        if any(other.name == name for other in others):
            raise Conflict(f"the name {name} is in use: choose another, or delete that instance "
                           "first")
        limit = int(self.state.setting("free-instances-max"))
        if plan.key == "free" and sum(other.plan == "free" for other in others) >= limit:
            raise Conflict(f"there can be {limit} Free instance{'s' * (limit != 1)} at a time: "
                           "choose another plan, or raise the limit with `kvd settings "
                           f"free-instances-max {limit + 1}`")

    def free_ports(self, others: list[Instance]) -> tuple[int, int]:
        """Two ports that nobody has: no instance of ours, no other program now."""
        first, last = map(int, self.state.setting("ports").split("-"))
        taken = {port for other in others for port in (other.internal_port, other.external_port)}
        host, found = self.state.setting("internal-host"), []
        if not is_ours(host):
            raise Conflict(f"{host} is no address of this machine: `kvd settings internal-host` "
                           "chooses another")
        for port in range(first, last + 1):
            if port not in taken and can_bind(host, port):
                found.append(port)
                if len(found) == 2:
                    return found[0], found[1]
        raise Conflict(f"no two ports are free from {first} to {last}: `kvd settings ports` "
                       "chooses another range")

    def finish_create(self, instance: Instance) -> None:
        """The slow half of create, and all of it when an agent resumes it."""
        with self.holding(instance.id):
            found = self.state.find(instance.id)
            if found is None or found.status != CREATING:
                return
            try:
                self.start_engine(instance, CREATE_SECONDS)
            except (Refused, OSError, Wrong) as error:
                if self.stopping:
                    return              # the next agent goes on
                text = say(error, f"cannot create {instance.name}")
                self.say(text)
                self.reasons = dict([*self.reasons.items()][2 - REASONS_MAX:]) | {
                    instance.id: text, instance.name: text}
                self.undo_create(instance)
                return
            done = dataclasses.replace(instance, status=AVAILABLE, updated_at=time.time())
            self.state.finish(done, "key_value_available", {"message": "created"})
            self.say(f"{instance.name} ({instance.id}) is available on port "
                     f"{instance.internal_port}")

    def undo_create(self, instance: Instance) -> None:
        """V2: nothing half-made is left."""
        engine = self.watch.remove(instance.id)
        if engine is not None:
            engine.close()
            engine.process.kill()
        with contextlib.suppress(OSError):
            self.home.instance(instance.id).remove()
        self.state.forget(instance.id)

    def why_gone(self, key: str) -> str:
        """Why an instance that was being created, by name or id, is not there; "" if unknown."""
        return self.reasons.get(key, "")

    # -- change -----------------------------------------------------------------------------------

    def update(self, key: str, *, name: str | None = None, plan: str | None = None,
               policy: str | None = None, persistence: str | None = None,
               rules: list[allowlist.Rule] | None = None,
               add_rules: Sequence[tuple[str, str | None]] = (),
               remove_networks: Sequence[str] = (), memory_bytes: int | None = None,
               connections: int | None = None, options: dict[str, str] | None = None,
               allow_downgrade: bool = False, dry_run: bool = False) -> Instance:
        """Change what somebody chose, live. What is None stays.

        Args:
            rules: the whole allowlist. add_rules, remove_networks: changes to the one that is.
        Raises:
            BadRequest, NotFound, Conflict, Failed: nothing has changed.
        """
        if rules is not None and (add_rules or remove_networks):
            raise BadRequest("a whole allowlist and changes to the one that is contradict each "
                             "other")

        def wish(instance: Instance) -> dict[str, object]:
            """What differs from the record as it is: another's change may have come between."""
            wished: dict[str, object] = {}
            if name is not None and name != instance.name:
                wished["name"] = names.check_name(name)
                if self.state.find(name) is not None:
                    raise Conflict(f"the name {name} is in use")
            if policy is not None:
                wished["policy"] = plans.parse_policy(policy)
            if rules is not None:
                wished["allowlist"] = allowlist.make_rules(rules)
            if add_rules or remove_networks:
                wished["allowlist"] = allowlist.edit(instance.allowlist, add_rules,
                                                     remove_networks)
            if options is not None:
                wished["options"] = self.check_options(instance, options)
            row = instance.type
            if plan is not None or memory_bytes is not None or connections is not None:
                row = self.check_plan(instance, plan or instance.plan, memory_bytes, connections,
                                      allow_downgrade, wished)
            if persistence is not None:
                wished["persistence"] = plans.parse_persistence(persistence, row)
            elif row.persistent and not instance.type.persistent:
                wished["persistence"] = "journal_snapshot"
            elif not row.persistent:
                wished["persistence"] = "off"
            return {field: value for field, value in wished.items()
                    if getattr(instance, field) != value}

        instance = self.state.get(key)
        wished = wish(instance)
        if dry_run or not wished:
            return dataclasses.replace(instance, **wished)
        begun = threading.Event()
        return self.wait_briefly(self.submit(self.change, instance.id, wish, begun), begun,
                                 instance.id)

    def check_plan(self, instance: Instance, plan: str, memory_bytes: int | None,
                   connections: int | None, allow_downgrade: bool, wished: dict) -> plans.Plan:
        """The plan that is wished for, if the instance may have it."""
        if plan == "custom" and instance.plan == "custom":
            memory_bytes = memory_bytes or instance.memory_bytes
            connections = connections or instance.connections
        row, memory, clients = plans.parse_plan(plan, memory_bytes, connections)
        if row.key == instance.plan and memory == instance.memory_bytes \
                and clients == instance.connections:
            return row
        smaller = memory < instance.memory_bytes
        sizes = (plans.show_bytes(instance.memory_bytes), plans.show_bytes(memory)) if smaller \
            else (f"{instance.connections:,} connections", f"{clients:,}")
        if (smaller or clients < instance.connections) and not allow_downgrade:
            raise Conflict(NO_DOWNGRADE.format(
                name=instance.name, old=instance.type.title, new=row.title, old_size=sizes[0],
                new_size=sizes[1]))
        if clients > instance.connections:
            check_connections(row, clients)
        if row.key == "free" and instance.plan != "free":
            others = [other for other in self.state.instances() if other.id != instance.id]
            self.check_new("", row, others)
        wished |= {"plan": row.key, "memory_bytes": memory, "connections": clients}
        if smaller and instance.suspended:
            raise Conflict(f"{instance.name} is suspended, so nobody knows whether its data fits: "
                           f"`kvd resume {instance.name}` first")
        if smaller:
            with self.holding(instance.id):
                engine = self.running(instance)
                if engine.link is not None:
                    control.check_fits(engine.link, dataclasses.replace(instance, **wished))
        return row

    @staticmethod
    def check_options(instance: Instance, options: dict[str, str]) -> dict[str, str] | None:
        kept = dict(instance.options or {})
        for name, value in options.items():
            if name not in OPTIONS:
                raise BadRequest(f"{name!a} is nothing that can be set here: it is one of "
                                 f"{', '.join(OPTIONS)}")
            pattern, words = OPTIONS[name]
            if len(value) > 100 or not pattern.fullmatch(value):
                raise BadRequest(f"{name}: {value!a} is not {words}")
            kept[name] = value
        return kept or None

    def wait_briefly(self, future: concurrent.futures.Future, begun: threading.Event,
                     id: str) -> Instance:
        """The instance when the change is over, or as it is wished once that is written down.

        Until then the record does not show that anything is to be changed, so nobody is answered.
        """
        future.add_done_callback(lambda _: begun.set())
        try:
            return future.result(ANSWER_SECONDS)
        except TimeoutError:
            begun.wait()
            return future.result() if future.done() else self.state.get(id)

    def change(self, id: str, wish: Callable[[Instance], dict[str, object]],
               begun: threading.Event | None = None) -> Instance:
        """Bring record and engine to what is wished, or leave both as they were.

        Args:
            wish: fields and their new values, given the record that nobody else changes now.
            begun: set when the intent is written.
        """
        with self.holding(id):
            before = self.state.get(id)
            wished = wish(before)
            if not wished:
                return before
            status = SUSPENDED if before.suspended else \
                UPDATING if {"plan", "memory_bytes", "connections"} & wished.keys() else \
                RESTARTING if {"policy", "persistence"} & wished.keys() else before.status
            after = dataclasses.replace(before, **wished, status=status,  # type: ignore[arg-type]
                                        updated_at=time.time())
            if before.suspended:
                self.state.begin("change", after, before)
                self.after_change(before, after)
                return self.settle(before, after, SUSPENDED)
            engine = self.running(before)
            self.state.begin("change", after, before)
            if begun is not None:
                begun.set()
            return self.carry_out(engine, before, after)

    def carry_out(self, engine: Engine, before: Instance, after: Instance) -> Instance:
        try:
            control.apply(engine, after, self.doors(after))
        except (Refused, Wrong, OSError) as error:
            text = say(error, f"cannot change {before.name}")
            self.say(text)
            if not self.stopping:
                with contextlib.suppress(Refused, Wrong):
                    self.reach(engine, before, REACH_SECONDS)
                    control.apply(engine, before, self.doors(before))
                self.state.finish(before, "change_failed", {"message": text})       # V2
            raise error if isinstance(error, Refused) else Failed(text) from None
        self.after_change(before, after)
        return self.settle(before, after, AVAILABLE)

    def after_change(self, before: Instance, after: Instance) -> None:
        """What stays on disk must not come back as data one day."""
        if before.persistence != "off" and after.persistence == "off":
            import shutil
            shutil.rmtree(self.home.instance(after.id).data / "appendonlydir", ignore_errors=True)

    def settle(self, before: Instance, after: Instance, status: str) -> Instance:
        done = dataclasses.replace(after, status=status)
        event, details = "", {}
        if (before.plan, before.memory_bytes) != (after.plan, after.memory_bytes):
            event = "plan_changed"
            details = {"from": before.plan, "to": after.plan,
                       "message": f"{before.type.title} to {after.type.title}"}
        elif before.policy != after.policy or before.persistence != after.persistence:
            event = "key_value_config_restart"
            details = {"reason": "settings", "message": "applied live, without a restart"}
        else:
            for field, name, text in TOLD:
                if getattr(before, field) != getattr(after, field):
                    event, details = name, {"message": text or words_of(after, field)}
                    break
        self.state.finish(done, event, details)
        return done

    def resume_intent(self, intent: Intent, instance: Instance) -> None:
        """Finish what another agent had begun."""
        self.say(f"{instance.name}: going on with {intent.verb}")
        if intent.verb == "create":
            self.finish_create(instance)
        elif intent.verb == "delete":
            self.finish_delete(instance)
        elif instance.suspended or intent.verb == "suspend":
            self.stop_engine(instance.id)
            if intent.before is not None:
                self.after_change(intent.before, instance)
            self.state.finish(dataclasses.replace(instance, status=SUSPENDED))
        else:
            self.finish_change(intent, instance)

    def finish_change(self, intent: Intent, instance: Instance) -> None:
        with self.holding(instance.id):
            try:
                self.start_engine(instance)
            except (Refused, Wrong, OSError) as error:
                text = say(error, f"cannot change {instance.name}")
                if intent.before is None or self.stopping:
                    return
                self.state.finish(intent.before)
                self.start_failed(intent.before, text)
                return
            self.after_change(intent.before or instance, instance)
            self.settle(intent.before or instance, instance, AVAILABLE)

    # -- password, internal authentication --------------------------------------------------------

    def rotate_password(self, key: str, overlap_seconds: float, dry_run: bool = False
                        ) -> Instance:
        """A new password; the old one is accepted so much longer.

        Raises:
            BadRequest: too long.
        """
        if not 0 <= overlap_seconds <= OVERLAP_MAX_SECONDS:
            raise BadRequest("the old password can be kept for 0 seconds to 30 days")
        instance = self.state.get(key)
        if dry_run:
            return instance

        def wish(before: Instance) -> dict[str, object]:
            old = before.password if overlap_seconds else ""
            return {"password": names.new_password(), "old_password": old,
                    "old_password_until": time.time() + overlap_seconds if old else 0.0}
        return self.change(instance.id, wish)

    def internal_auth(self, key: str, on: bool) -> Instance:
        """Ask for a password on the internal port too, or no longer. Who is connected stays."""
        return self.change(self.state.get(key).id, lambda before: {"internal_auth": on}
                           if before.internal_auth != on else {})

    def set_setting(self, name: str, given: str) -> str:
        """A setting of the installation; engines are brought to it behind the answer.

        Raises:
            BadRequest: there is none of this name, or the value makes no sense on this machine.
        """
        value = read_setting(name, given)
        if name in ("internal-host", "external-bind") and not is_ours(value):
            raise BadRequest(f"{name}: {value} is no address of this machine")
        self.state.set_setting(name, value)
        if name in ("internal-host", "external-host", "external-bind"):
            self.reapply_all()
        return value

    def reapply_all(self) -> None:
        """Bring every engine to its record, behind the answer."""
        for id in list(self.watch.engines):
            self.submit(self.reapply, id)

    # -- suspend, resume, restart, delete ---------------------------------------------------------

    def suspend(self, key: str) -> Instance:
        """End the engine until resume. Doing it twice is fine."""
        instance = self.state.get(key)
        with self.holding(instance.id):
            before = self.state.get(instance.id)
            if before.suspended:
                return before
            after = dataclasses.replace(before, status=SUSPENDED, updated_at=time.time())
            self.state.begin("suspend", after, before)
            self.stop_engine(instance.id)
            self.state.finish(after, "service_suspended", {"message": "suspended by its owner"})
            return after

    def resume(self, key: str) -> Instance:
        """Start it again."""
        instance = self.state.get(key)
        with self.holding(instance.id):
            before = self.state.get(instance.id)
            if not before.suspended:
                return before
            return self.run_anew(before, "resume", "service_resumed")

    def restart(self, key: str) -> Instance:
        """End the engine and start it: ports, identity and, if it is persistent, data are kept."""
        instance = self.state.get(key)
        with self.holding(instance.id):
            before = self.state.get(instance.id)
            if before.suspended:
                raise Conflict(f"{before.name} is suspended: `kvd resume {before.name}` starts it")
            self.failures.pop(before.id, None)
            return self.run_anew(before, "restart", "key_value_config_restart")

    def run_anew(self, before: Instance, verb: str, event: str) -> Instance:
        after = dataclasses.replace(before, status=RESTARTING, updated_at=time.time())
        self.state.begin(verb, after, before)
        self.submit(self.finish_anew, before, after, event)
        return after

    def finish_anew(self, before: Instance, after: Instance, event: str) -> None:
        with self.holding(after.id):
            if self.state.find(after.id) != after:
                return
            self.stop_engine(after.id)
            try:
                self.start_engine(after)
            except (Refused, Wrong, OSError) as error:
                text = say(error, f"cannot start {after.name}")
                if not self.stopping:
                    failed = dataclasses.replace(after, status=UNAVAILABLE)
                    self.state.finish(failed)
                    self.start_failed(failed, text)
                return
            done = dataclasses.replace(after, status=AVAILABLE)
            self.state.finish(done, event, {"reason": "manual", "message": "started"})

    def delete(self, key: str) -> None:
        """The instance with all its data. There is no way back."""
        instance = self.state.get(key)
        engine = self.watch.get(instance.id)
        if engine is not None:
            engine.left = True          # who waits for it to load waits in vain
        with self.holding(instance.id):
            instance = self.state.get(instance.id)
            gone = dataclasses.replace(instance, status=UNAVAILABLE)
            self.state.begin("delete", gone, instance)
            self.finish_delete(gone)

    def finish_delete(self, instance: Instance) -> None:
        with self.holding(instance.id):
            engine = self.watch.remove(instance.id)
            if engine is not None:
                engine.close()
                engine.process.signal(signal.SIGTERM)
                engine.process.wait(3.0)
                engine.process.kill()
            try:
                self.home.instance(instance.id).remove()
            except OSError as error:
                raise say_os_error(f"cannot remove the data of {instance.name}", error) from None
            self.state.forget(instance.id)
            self.failures.pop(instance.id, None)
            self.say(f"{instance.name} ({instance.id}) is deleted")


def check_connections(plan: plans.Plan, connections: int) -> None:
    """Raises Conflict when this system gives a process too few files for so many clients."""
    possible = raise_files(connections)
    if possible < connections:
        raise Conflict(f"{plan.title} has {connections:,} connections, and this system lets a "
                       f"process open files for {possible:,}: raise `ulimit -n` for the agent, or "
                       "`LimitNOFILE` in its unit, and start it again")


def words_of(instance: Instance, field: str) -> str:
    """What somebody chose, for an event."""
    if field == "allowlist":
        count = len(instance.allowlist)
        return ", ".join(rule.cidr for rule in instance.allowlist) if 0 < count <= 5 else \
            f"{count:,} networks" if count else "nobody"
    if field == "internal_auth":
        return "on" if instance.internal_auth else "off"
    return ", ".join(f"{name} {value}" for name, value in (instance.options or {}).items())


def is_ours(host: str) -> bool:
    """Whether this machine has the address."""
    if host == "*":
        return True
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
            sock.bind((host, 0))
    except OSError as error:
        return error.errno not in MISSING
    return True


def can_bind(host: str, port: int) -> bool:
    """Whether a port is free right now, here and on every address."""
    for place in {host, "0.0.0.0"}:
        if place == "*":
            continue
        try:
            with socket.socket(socket.AF_INET6 if ":" in place else socket.AF_INET) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((place, port))
        except OSError:
            return False
    return True
