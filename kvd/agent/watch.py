"""The one thread that watches: ends of processes, times that come, samples.

It waits in poll() on the pidfds of all engines, so that an end is known at once and an idle host
costs nothing but a look every ten seconds. What takes time (a restart) runs elsewhere.
"""
import heapq
import itertools
import os
import select
import threading
import time
import traceback
from collections.abc import Callable

from ..client import Gone, Wrong, info
from . import metrics
from .control import Engine
from .logs import rotate

SAMPLE_SECONDS = 10.0
REPLY_SECONDS = 5.0
UNHEALTHY_SAMPLES = 3


class Watch:
    """The watcher of all engines.

    Attributes:
        engines: by the instance's id; guarded by `lock`.
        on_end: called with an engine whose process has ended.
        on_health: called with an instance's id and whether it answers.
        on_tick: called every ten seconds.
    """

    def __init__(self, say: Callable[[str], None]):
        """
        Args:
            say: writes a line to the agent's log.
        """
        self.say = say
        self.engines: dict[str, Engine] = {}
        self.lock = threading.RLock()
        self.busy: dict[str, threading.RLock] = {}
        self.on_end: Callable[[Engine], None] = lambda engine: None
        self.on_health: Callable[[str, bool], None] = lambda id, healthy: None
        self.on_tick: Callable[[], None] = lambda: None
        self.counters: dict[str, metrics.Counters] = {}
        self.timers: list[tuple[float, int, Callable[[], None]]] = []
        self.order = itertools.count()
        self.poll = select.poll()
        self.watched: dict[int, Engine] = {}
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_write, False)
        os.set_blocking(self.wake_read, False)
        self.poll.register(self.wake_read, select.POLLIN)
        self.running = True
        self.thread = threading.Thread(target=self.run, name="watch", daemon=True)

    def start(self) -> None:
        self.later(SAMPLE_SECONDS, self.tick)
        self.thread.start()

    def stop(self) -> None:
        """Engines go on."""
        self.running = False
        self.wake()
        if self.thread.is_alive():
            self.thread.join(REPLY_SECONDS * 2)

    def wake(self) -> None:
        try:
            os.write(self.wake_write, b"!")
        except BlockingIOError:
            pass                        # it is awake already

    def add(self, engine: Engine) -> None:
        """Watch an engine."""
        with self.lock:
            self.engines[engine.id] = engine
            self.watched[engine.process.pidfd] = engine
            self.poll.register(engine.process.pidfd, select.POLLIN)
        self.wake()

    def remove(self, id: str) -> Engine | None:
        """Watch it no longer: who ends it on purpose does this first."""
        with self.lock:
            engine = self.engines.pop(id, None)
            if engine is not None:
                self.unwatch(engine)
            self.counters.pop(id, None)
            return engine

    def unwatch(self, engine: Engine) -> None:
        if self.watched.pop(engine.process.pidfd, None) is not None:
            self.poll.unregister(engine.process.pidfd)

    def get(self, id: str) -> Engine | None:
        with self.lock:
            return self.engines.get(id)

    def lock_of(self, id: str) -> threading.RLock:
        """Who speaks to an engine, or changes it, holds this."""
        with self.lock:
            return self.busy.setdefault(id, threading.RLock())

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call it in the watcher's thread, so soon. It must not take long."""
        with self.lock:
            heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.order), call))
        self.wake()

    # -- the thread -------------------------------------------------------------------------------

    def run(self) -> None:
        while self.running:
            try:
                self.turn()
            except Exception:           # a fault of ours must not end the watch
                self.say(f"the watch stumbled: {traceback.format_exc().strip()}")
                time.sleep(1.0)

    def turn(self) -> None:
        with self.lock:
            wait = self.timers[0][0] - time.monotonic() if self.timers else 60.0
        for fd, _ in self.poll.poll(max(0.0, wait) * 1000 + 1):
            if fd == self.wake_read:
                self.drain()
                continue
            with self.lock:
                engine = self.watched.get(fd)
                if engine is None:
                    continue
                self.unwatch(engine)
                if self.engines.get(engine.id) is engine:
                    del self.engines[engine.id]
            self.on_end(engine)
        while self.running:
            with self.lock:
                if not self.timers or self.timers[0][0] > time.monotonic():
                    return
                call = heapq.heappop(self.timers)[2]
            call()

    def drain(self) -> None:
        try:
            os.read(self.wake_read, 4096)
        except BlockingIOError:
            pass

    def tick(self) -> None:
        """Every ten seconds: a sample of each engine, logs, whatever is due."""
        self.later(SAMPLE_SECONDS, self.tick)
        with self.lock:
            engines = list(self.engines.values())
        asked = []
        for engine in engines:
            # Who is being changed is sampled the next time.
            if engine.link is not None and self.lock_of(engine.id).acquire(blocking=False):
                try:
                    engine.link.send([("INFO",)])
                    asked.append(engine)
                except Gone:
                    self.missed(engine)
                    self.lock_of(engine.id).release()
        for engine in asked:
            try:
                self.sample(engine)
            finally:
                self.lock_of(engine.id).release()
        for engine in engines:
            rotate(engine.place.log)
        self.on_tick()

    def sample(self, engine: Engine) -> None:
        link = engine.link
        if link is None:
            return
        try:
            link.timeout(REPLY_SECONDS)
            facts = info(link.read())
            link.timeout(10.0)
            now = time.time()
            sample, counters = metrics.make_sample(
                facts, metrics.read_process(engine.process.pid), now,
                self.counters.get(engine.id), 1)
            self.counters[engine.id] = counters
            engine.sample = sample | {"time": now}
            metrics.Rings(engine.place).add(sample, now)
        except (Gone, Wrong):
            self.missed(engine)
            return
        except OSError:
            return                      # it ends just now, or the disk is full: no point, no harm
        if engine.failures >= UNHEALTHY_SAMPLES:
            self.on_health(engine.id, True)
        engine.failures = 0

    def missed(self, engine: Engine) -> None:
        """It has not answered. The line is not trusted again; a new one is tried next."""
        engine.failures += 1
        if engine.failures == UNHEALTHY_SAMPLES:
            self.on_health(engine.id, False)
        engine.close()
