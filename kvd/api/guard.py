"""Who may come in over TCP, and how often: holders of a key, as often as Render lets them.

Requests are counted by key and kind in windows that begin with their first request. The counts
live in memory: an agent that is started anew has forgotten them, which harms nobody.
"""
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request

from ..agent.verbs import Verbs

TRIES_MAX = 20                          # wrong keys of one address
TRIES_SECONDS = 60.0
REMEMBERED_MAX = 10_000                 # addresses, or windows: then the count begins anew


@dataclass(frozen=True)
class Rate:
    """One kind of requests: the setting that limits it, and the window it is counted in."""

    setting: str
    seconds: float
    what: str


READS = Rate("api-reads-per-minute", 60.0, "reads a minute")
WRITES = Rate("api-writes-per-minute", 60.0, "changes a minute")
CREATIONS = Rate("api-creations-per-hour", 3600.0, "new instances an hour")


def rates_of(method: str, path: str) -> tuple[Rate, ...]:
    """What a request counts as; the last one is told in the answer."""
    if method in ("GET", "HEAD"):
        return (READS,)
    if method == "POST" and path.rstrip("/").endswith(("/key-value", "/redis")):
        return (WRITES, CREATIONS)
    return (WRITES,)


class Guard:
    """Keys and counts of one door."""

    def __init__(self, verbs: Verbs, clock: Callable[[], float] = time.monotonic):
        """
        Args:
            clock: seconds, never falling.
        """
        self.verbs = verbs
        self.clock = clock
        self.wrong: dict[str, list[float]] = {}
        self.windows: dict[tuple[bytes, Rate], tuple[float, int]] = {}

    def check(self, request: Request) -> None:
        """Raises HTTPException 401 or 429."""
        host = request.client.host if request.client else ""
        now = self.clock()
        tries = [at for at in self.wrong.get(host, []) if now - at < TRIES_SECONDS]
        if len(tries) >= TRIES_MAX:
            raise HTTPException(429, "too many wrong keys: wait a minute")
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and key and self.verbs.state.knows_key(key.strip()):
            self.wrong.pop(host, None)
            self.count(request, hashlib.sha256(key.strip().encode()).digest())
            return
        if len(self.wrong) > REMEMBERED_MAX:
            self.wrong.clear()
        self.wrong[host] = [*tries, now]
        raise HTTPException(401, "Unauthorized")

    def count(self, request: Request, key: bytes) -> None:
        """Count a request, and leave for the answer how many more there may be.

        Raises:
            HTTPException: 429.
        """
        now = self.clock()
        if len(self.windows) > REMEMBERED_MAX:
            self.windows.clear()
        for rate in rates_of(request.method, request.url.path):
            limit = int(self.verbs.state.setting(rate.setting))
            if not limit:
                continue
            start, count = self.windows.get((key, rate), (now, 0))
            if now - start >= rate.seconds:
                start, count = now, 0
            reset = max(1, round(start + rate.seconds - now))
            request.scope["kvd.headers"] = [
                (b"ratelimit-limit", b"%d" % limit),
                (b"ratelimit-remaining", b"%d" % max(0, limit - count - 1)),
                (b"ratelimit-reset", b"%d" % reset)]
            if count >= limit:
                raise HTTPException(429, f"rate limit exceeded: {limit} {rate.what}; try again in "
                                         f"{reset} s (`kvd settings {rate.setting}` changes it)")
            self.windows[key, rate] = start, count + 1
