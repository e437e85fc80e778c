"""Engines kept running: started, taken over, restarted when they die, watched while they serve.

What the watcher sees (an end, a silence, a time that comes) is acted on here, in threads, under
the instance's lock. What an owner asks for is in verbs.py, which builds on this.

Invariants
    V1  whoever changes an instance, or speaks to its engine, holds its lock
    K1  a process that runs is ended only when it cannot be made what its record says; one that is
        silent is waited for, since a long command is no crash
"""
import concurrent.futures
import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator

from ..client import Gone, Wrong, info
from ..errors import Conflict, Failed, Refused, TimedOut
from ..home import Home, say_os_error
from ..instance import (
    AVAILABLE, CREATING, RECOVERING, RECOVERY_FAILED, UNAVAILABLE, Instance,
)
from ..state import State
from . import control
from .certificates import Authority
from .control import Doors, Engine
from .process import Process, find_running, spawn
from .watch import UNHEALTHY_MISSES, Watch

THREADS = 16
LOCK_SECONDS = 60.0
REACH_SECONDS = 10.0                    # for an engine that is thought to run
BACKOFF_MIN_SECONDS = 0.1
BACKOFF_MAX_SECONDS = 60.0
STEADY_SECONDS = 60.0                   # an engine that ran so long starts anew with its back-off
HOPELESS_FAILURES = 6


class Keeper:
    """The engines of one installation."""

    def __init__(self, home: Home, state: State, say: Callable[[str], None]):
        """
        Args:
            say: writes a line to the agent's log.
        """
        self.home = home
        self.state = state
        self.say = say
        self.watch = Watch(say)
        self.watch.on_end = self.ended
        self.watch.on_health = self.health
        self.watch.on_tick = self.tick
        self.pool = concurrent.futures.ThreadPoolExecutor(THREADS, "verb")
        self.failures: dict[str, tuple[int, float]] = {}
        self.stopping = False
        self.authority = Authority(home)
        self.checked_certificates = 0.0

    def stop(self) -> None:
        """End the agent's part. Engines serve on."""
        self.stopping = True
        for engine in list(self.watch.engines.values()):
            engine.left = True
        self.watch.stop()
        self.pool.shutdown(wait=True, cancel_futures=True)
        for engine in list(self.watch.engines.values()):
            engine.close()

    def submit(self, call: Callable, *args: object) -> concurrent.futures.Future:
        """Run it in a thread; a fault of ours is told, and is nobody else's."""
        def run() -> object:
            try:
                return call(*args)
            except Refused:
                raise
            except Exception as error:
                import traceback
                self.say(f"{call.__name__} failed: {traceback.format_exc().strip()}")
                raise Failed(f"an internal error: {error}") from error
        return self.pool.submit(run)

    @contextlib.contextmanager
    def holding(self, id: str) -> Iterator[None]:
        """V1. Raises Conflict when somebody else does not let go."""
        lock = self.watch.lock_of(id)
        if not lock.acquire(timeout=LOCK_SECONDS):
            found = self.state.find(id)
            raise Conflict(f"{found.name if found else id} is being changed: try again later")
        try:
            yield
        finally:
            lock.release()

    def doors(self, instance: Instance) -> Doors:
        place, host = self.home.instance(instance.id), self.state.setting("external-host")
        return Doors(self.state.setting("internal-host"), self.state.setting("external-bind"),
                     lambda: self.authority.leaf(place, host))

    # -- engines ----------------------------------------------------------------------------------

    def start_engine(self, instance: Instance, seconds: float = control.READY_SECONDS) -> Engine:
        """A running engine that is all the record says; the one that runs, if one does."""
        engine = self.watch.get(instance.id)
        if engine is None:
            process = self.overlooked(instance.id) or spawn(
                self.state.ids["installation"], self.home.instance(instance.id), instance,
                self.state.setting("internal-host"))
            engine = Engine(instance.id, self.home.instance(instance.id), process)
            # Watched before it is spoken to: its end must be noticed, by whoever comes first.
            self.watch.add(engine)
            # While it starts: to import what makes a certificate takes as long. A failure is said
            # where the certificate is used.
            with contextlib.suppress(Failed):
                self.doors(instance).leaf()
        try:
            self.reach(engine, instance, seconds)
            control.apply(engine, instance, self.doors(instance))
            engine.misses = 0
        except BaseException:
            engine.close()
            raise
        return engine

    def overlooked(self, id: str) -> Process | None:
        """An engine that runs already, looked for when a start has failed.

        An agent that is killed between fork and exec leaves one that bore no mark yet when the
        next agent looked; it holds the directory, and no other could ever start there.
        """
        if id not in self.failures:
            return None
        found = find_running(self.state.ids["installation"])
        process = found.pop(id, None)
        for other in found.values():
            other.close()
        return process

    def reach(self, engine: Engine, instance: Instance,
              seconds: float = control.READY_SECONDS) -> None:
        """A line to the engine, a new one where the old one is of no use."""
        if engine.link is not None:
            try:
                if engine.link.do("PING") == b"PONG":
                    return
            except (Gone, Wrong):
                pass
            engine.close()
        engine.commands = set()
        engine.link = control.connect(engine, instance, seconds)

    def stop_engine(self, id: str) -> None:
        """End it, with everything acknowledged on disk."""
        with self.holding(id):
            engine = self.watch.remove(id)
            if engine is not None:
                engine.close()
                engine.process.end()

    def running(self, instance: Instance) -> Engine:
        """The engine, with a line to it.

        Raises:
            Conflict: suspended. Failed: not running.
        """
        if instance.suspended:
            raise Conflict(f"{instance.name} is suspended: `kvd resume {instance.name}` first")
        engine = self.watch.get(instance.id)
        if engine is None:
            raise Failed(f"{instance.name} is not running now: its status is {instance.status}")
        self.reach(engine, instance, REACH_SECONDS)
        return engine

    def bring_up(self, id: str, started: bool, why: str = "") -> None:
        """An engine for an instance that should have one: after a crash, or an agent's start.

        Args:
            started: it was not running, so its start is told.
            why: what happened before, for the event.
        """
        with self.holding(id):
            instance = self.state.find(id)
            if instance is None or instance.suspended or self.stopping:
                return
            before = self.watch.get(id)
            if started and before is None and instance.status != RECOVERING:
                instance = dataclasses.replace(instance, status=RECOVERING)
                self.state.save(instance)
            try:
                engine = self.start_engine(instance, control.READY_SECONDS if started
                                           else REACH_SECONDS)
            except (Refused, OSError, Wrong) as error:
                text = say(error, f"cannot start {instance.name}")
                if isinstance(error, TimedOut) and not started and before is not None:
                    self.find_silent(before, instance, text)            # K1
                else:
                    self.start_failed(instance, text)
                return
            instance = dataclasses.replace(instance, status=AVAILABLE)
            if started:
                keys = engine.link.do("INFO", "keyspace") if engine.link else b""
                self.state.save(instance, "key_value_available",
                                {"message": why or "started", "keys": count_keys(info(keys))})
            else:
                self.state.save(instance)

    def find_silent(self, engine: Engine, instance: Instance, text: str) -> None:
        """One that was taken over does not answer: as if three samples had been missed."""
        self.say(text)
        if engine.misses < UNHEALTHY_MISSES:
            engine.misses = UNHEALTHY_MISSES
            self.note_health(instance.id, False)

    def start_failed(self, instance: Instance, text: str) -> None:
        self.say(text)
        engine = self.watch.remove(instance.id)
        if engine is not None:          # it runs, and cannot be made what it should be
            engine.close()
            engine.process.end()
        if not self.stopping:
            self.try_again(instance, text)

    def try_again(self, instance: Instance, text: str) -> None:
        """Schedule the next attempt, later each time."""
        count, _ = self.failures.get(instance.id, (0, 0.0))
        self.failures[instance.id] = (count + 1, time.monotonic())
        pause = min(BACKOFF_MAX_SECONDS, BACKOFF_MIN_SECONDS * 3 ** count)
        status = RECOVERY_FAILED if count + 1 >= HOPELESS_FAILURES else UNAVAILABLE
        told = count == 0 or status == RECOVERY_FAILED
        self.state.save(dataclasses.replace(instance, status=status),
                        "key_value_unhealthy" if told else "", {"message": text})
        self.watch.later(pause, lambda: self.retry(instance.id, text))

    def retry(self, id: str, why: str) -> None:
        if not self.stopping:
            self.submit(self.bring_up, id, True, f"started again after: {why}")

    def ended(self, engine: Engine) -> None:
        """Hook of the watch: a process has ended, and nobody here had asked it to."""
        if not self.stopping:
            self.submit(self.mourn, engine)

    def mourn(self, engine: Engine) -> None:
        """Say what is lost, and start it again."""
        reason = engine.process.reason()
        with self.holding(engine.id):
            engine.close()
            engine.process.close()
            instance = self.state.find(engine.id)
            if instance is None or instance.suspended or instance.status == CREATING \
                    or self.watch.get(engine.id) is not None:
                return
            keys = engine.sample.get("keys")
            last = f"; it had {keys:.0f} keys when last asked" if keys is not None else ""
            text = f"process {engine.process.pid} {reason}; {self.loss(instance)}{last}"
            self.say(f"{instance.name}: {text}")
            ran = time.monotonic() - engine.process.started_at
            if ran > STEADY_SECONDS:
                self.failures.pop(engine.id, None)
            self.try_again(instance, text)

    @staticmethod
    def loss(instance: Instance) -> str:
        """What became of the data of an engine that has ended by itself."""
        return "its data was in memory only and is lost" if instance.persistence == "off" \
            else "what it had acknowledged is in its journal"

    def health(self, id: str, healthy: bool) -> None:
        """Hook of the watch: an engine does not answer, or does again."""
        self.submit(self.note_health, id, healthy)

    def note_health(self, id: str, healthy: bool) -> None:
        with self.holding(id):
            instance = self.state.find(id)
            if instance is None or instance.status not in (AVAILABLE, UNAVAILABLE):
                return
            self.state.save(
                dataclasses.replace(instance, status=AVAILABLE if healthy else UNAVAILABLE),
                "key_value_available" if healthy else "key_value_unhealthy",
                {"message": "it answers again" if healthy else
                 "it runs and has not answered for half a minute"})

    def tick(self) -> None:
        """Hook of the watch, with every sample."""
        now = time.time()
        certificates = now - self.checked_certificates > 3600 or now < self.checked_certificates
        if certificates:
            self.checked_certificates = now
        for instance in self.state.instances():
            engine = self.watch.get(instance.id)
            if engine is None:
                continue
            if engine.link is None:
                self.submit(self.reconnect, instance.id)
            if instance.old_password and now > instance.old_password_until:
                self.submit(self.change, instance.id, forget_old_password)
            if certificates and (engine.outside or self.authority.renewal_due(engine.place)):
                self.submit(self.reapply, instance.id)

    def reconnect(self, id: str) -> None:
        """A line to an engine that has missed a sample; no line is one more that it has missed."""
        with self.holding(id):
            instance, engine = self.state.find(id), self.watch.get(id)
            if instance is None or engine is None or engine.link is not None or engine.left:
                return
            try:
                self.reach(engine, instance, self.watch.reply_seconds)
            except (Refused, Wrong):
                self.watch.missed(engine)
                return
            self.watch.heard(engine)
            with contextlib.suppress(Refused, Wrong):
                control.apply(engine, instance, self.doors(instance))

    def reapply(self, id: str) -> None:
        """Bring the engine to its record once more: a renewed certificate, a changed setting."""
        with self.holding(id):
            instance = self.state.find(id)
            if instance is not None and self.watch.get(id) is not None:
                control.apply(self.running(instance), instance, self.doors(instance))


def say(error: Exception, what: str) -> str:
    """An error of any kind as a sentence."""
    if isinstance(error, OSError):
        return str(say_os_error(what, error))
    text = str(error)
    return text if text.startswith(what.split()[0]) else f"{what}: {text}"


def forget_old_password(instance: Instance) -> dict[str, object]:
    """A change: unless it was rotated once more just now."""
    return {"old_password": ""} if time.time() > instance.old_password_until else {}


def count_keys(facts: dict[str, str]) -> int:
    return sum(int(value.partition("keys=")[2].partition(",")[0] or 0)
               for name, value in facts.items() if name.startswith("db"))
