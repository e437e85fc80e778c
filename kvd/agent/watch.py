"""The one thread that watches: ends of processes, times that come, samples.

It waits in poll() on the pidfds of all engines, so that an end is known at once and an idle host
costs nothing but a look every ten seconds. A sample is a question now and an answer later, in the
same poll(): an engine that does not answer keeps nobody waiting. What takes time (a restart) runs
elsewhere.

    tick ── INFO to every engine ──> answers, as they come ──> samples
         └─ reply_seconds later: who has not answered has missed; three misses are told

Invariants
    W1  an engine in `asked` has its lock held by this thread, and leaves both together
    W2  a link that did not answer in time is closed: a late answer must not be taken for another's
"""
import contextlib
import heapq
import itertools
import os
import select
import threading
import time
import traceback
from collections.abc import Callable, Iterator

from ..client import Gone, Link, Wrong, info
from . import metrics
from .control import Engine
from .logs import rotate

SAMPLE_SECONDS = 10.0
REPLY_SECONDS = 5.0
UNHEALTHY_MISSES = 3
JOIN_SECONDS = 10.0


class Watch:
    """The watcher of all engines.

    Attributes:
        engines: by the instance's id; guarded by `lock`.
        asked: engines whose sample is awaited, with the link that was asked, by its descriptor.
        sample_seconds, reply_seconds: between samples; for an answer.
        on_end: called with an engine whose process has ended.
        on_health: called with an instance's id and whether it answers.
        on_tick: called with every sample.
    """

    def __init__(self, say: Callable[[str], None]):
        """
        Args:
            say: writes a line to the agent's log.
        """
        self.say = say
        self.sample_seconds = SAMPLE_SECONDS
        self.reply_seconds = REPLY_SECONDS
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
        self.asked: dict[int, tuple[Engine, Link]] = {}
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_write, False)
        os.set_blocking(self.wake_read, False)
        self.poll.register(self.wake_read, select.POLLIN)
        self.running = True
        self.thread = threading.Thread(target=self.run, name="watch", daemon=True)

    def start(self) -> None:
        self.later(self.sample_seconds, self.tick)
        self.thread.start()

    def stop(self) -> None:
        """Engines go on."""
        self.running = False
        self.wake()
        if self.thread.is_alive():
            self.thread.join(JOIN_SECONDS)

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
        for fd in list(self.asked):
            with self.taken(fd):        # or their locks would never be free again
                pass

    def turn(self) -> None:
        with self.lock:
            wait = self.timers[0][0] - time.monotonic() if self.timers else 60.0
        for fd, _ in self.poll.poll(max(0.0, wait) * 1000 + 1):
            if fd == self.wake_read:
                self.drain()
            elif fd in self.asked:
                self.answered(fd)
            else:
                self.has_ended(fd)
        while self.running:
            with self.lock:
                if not self.timers or self.timers[0][0] > time.monotonic():
                    return
                call = heapq.heappop(self.timers)[2]
            call()

    def has_ended(self, fd: int) -> None:
        with self.lock:
            engine = self.watched.get(fd)
            if engine is None:
                return
            self.unwatch(engine)
            if self.engines.get(engine.id) is engine:
                del self.engines[engine.id]
        self.on_end(engine)

    def drain(self) -> None:
        try:
            os.read(self.wake_read, 4096)
        except BlockingIOError:
            pass

    # -- samples ----------------------------------------------------------------------------------

    def tick(self) -> None:
        """Ask each engine for a sample, look at logs, do whatever is due."""
        self.later(self.sample_seconds, self.tick)
        with self.lock:
            engines = list(self.engines.values())
        before = set(self.asked)
        for engine in engines:
            self.ask(engine)
        asked = [(fd, link) for fd, (_, link) in self.asked.items() if fd not in before]
        if asked:
            self.later(self.reply_seconds, lambda: self.give_up(asked))
        for engine in engines:
            rotate(engine.place.log)
        self.on_tick()

    def ask(self, engine: Engine) -> None:
        """Send the question, unless somebody speaks to it: then it is sampled the next time."""
        lock = self.lock_of(engine.id)
        if any(one is engine for one, _ in self.asked.values()) \
                or not lock.acquire(blocking=False):
            return
        asked = False
        try:
            if engine.link is not None:
                engine.link.send([("INFO",)])
                fd = engine.link.sock.fileno()
                self.asked[fd] = engine, engine.link
                self.poll.register(fd, select.POLLIN)
                asked = True
        except Gone:
            self.missed(engine)
        finally:
            if not asked:
                lock.release()                                          # W1

    @contextlib.contextmanager
    def taken(self, fd: int) -> Iterator[tuple[Engine, Link]]:
        """Await it no longer, and let its lock go in the end.

        The poll forgets the descriptor first: once it is closed its number is anybody's.
        """
        engine, link = self.asked.pop(fd)
        self.poll.unregister(fd)
        try:
            yield engine, link
        finally:
            self.lock_of(engine.id).release()                           # W1

    def answered(self, fd: int) -> None:
        with self.taken(fd) as (engine, link):
            self.sample(engine, link)

    def give_up(self, asked: list[tuple[int, Link]]) -> None:
        """Their time is over."""
        for fd, link in asked:
            if fd in self.asked and self.asked[fd][1] is link:
                with self.taken(fd) as (engine, _):
                    self.missed(engine)

    def sample(self, engine: Engine, link: Link) -> None:
        try:
            # It has begun to answer; the rest of it must not take long either.
            with link.within(self.reply_seconds):
                facts = info(link.read())
        except (Gone, Wrong):
            self.missed(engine)
            return
        self.heard(engine)
        now = time.time()
        try:
            sample, counters = metrics.make_sample(
                facts, metrics.read_process(engine.process.pid), now,
                self.counters.get(engine.id), 1)
            self.counters[engine.id] = counters
            engine.sample = sample | {"time": now}
            metrics.Rings(engine.place).add(sample, now)
        except OSError:
            pass                        # it ends just now, or the disk is full: no point, no harm

    # -- health -----------------------------------------------------------------------------------

    def heard(self, engine: Engine) -> None:
        """It answers. The caller holds its lock."""
        if engine.misses >= UNHEALTHY_MISSES:
            self.on_health(engine.id, True)
        engine.misses = 0

    def missed(self, engine: Engine) -> None:
        """It has not answered in time. The caller holds its lock."""
        engine.misses += 1
        if engine.misses == UNHEALTHY_MISSES:
            self.on_health(engine.id, False)
        engine.close()                                                  # W2
