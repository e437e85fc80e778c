"""The application: checks keys, decodes bodies, runs a route in a thread, encodes what it returns.

It knows two kinds of callers: the owner, who comes over a Unix socket that nobody else can open,
and holders of a key, who come over TCP. Every error is Render's: a JSON object with a message.
"""
import asyncio
import concurrent.futures
import time
from collections.abc import Awaitable, Callable

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ..agent.verbs import Verbs
from ..errors import Refused
from ..names import new_id
from . import shapes
from .query import Query
from .routes import ROUTES, Call, Row

BASE = "/v1"
BODY_MAX_BYTES = 4 << 20                # 10,000 rules of an allowlist fit four times
THREADS = 32
JSON = "application/json; charset=utf-8"
TRIES_MAX = 20                          # wrong keys of one address
TRIES_SECONDS = 60.0


class Guard:
    """Who may come in over TCP: holders of a key, and not those who keep guessing."""

    def __init__(self, verbs: Verbs):
        self.verbs = verbs
        self.wrong: dict[str, list[float]] = {}

    def check(self, request: Request) -> None:
        """Raises HTTPException 401 or 429."""
        host = request.client.host if request.client else ""
        now = time.monotonic()
        tries = [at for at in self.wrong.get(host, []) if now - at < TRIES_SECONDS]
        if len(tries) >= TRIES_MAX:
            raise HTTPException(429, "too many wrong keys: wait a minute")
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and key and self.verbs.state.knows_key(key.strip()):
            self.wrong.pop(host, None)
            return
        if len(self.wrong) > 10_000:
            self.wrong.clear()
        self.wrong[host] = [*tries, now]
        raise HTTPException(401, "Unauthorized")


def make_app(verbs: Verbs, trusted: bool, stop: Callable[[], None] | None = None) -> Starlette:
    """The application for one kind of callers.

    Args:
        trusted: they came over the owner's socket.
        stop: ends the agent; owners only.
    """
    guard = None if trusted else Guard(verbs)
    pool = concurrent.futures.ThreadPoolExecutor(THREADS, "api")

    async def answer(request: Request, row: Row) -> Response:
        if guard is not None:
            guard.check(request)
        body = await read_body(request, row)
        call = Call(verbs, request.path_params, Query(request.query_params.multi_items()), body,
                    trusted, str(request.base_url).rstrip("/"))
        value = await asyncio.get_running_loop().run_in_executor(pool, row.call, call)
        content = b"" if value is None else msgspec.json.encode(value)
        return Response(content, row.status, media_type=JSON if content else None)

    async def agent_status(request: Request) -> Response:
        if guard is not None:
            guard.check(request)
        return reply(status(verbs), 200)

    async def agent_stop(request: Request) -> Response:
        if stop is None:
            raise HTTPException(403, "only the owner of the installation may do this")
        stop()
        return Response(status_code=202)

    async def document(request: Request) -> Response:
        from .openapi import document as make
        return reply(make(), 200)

    routes = [Route(BASE + row.path, endpoint(answer, row), methods=[row.method])
              for row in ROUTES]
    routes += [Route(f"{BASE}/agent", agent_status, methods=["GET"]),
               Route(f"{BASE}/agent/stop", agent_stop, methods=["POST"]),
               Route(f"{BASE}/openapi.json", document, methods=["GET"])]
    return Starlette(routes=routes, exception_handlers={
        Refused: refused, HTTPException: http_error, ClientDisconnect: http_error,
        Exception: fault(verbs)})


def endpoint(answer: Callable, row: Row) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        return await answer(request, row)
    return serve


async def read_body(request: Request, row: Row) -> object:
    """The body, checked against the route's type."""
    if row.body is None:
        return None
    size, parts = 0, []
    async for part in request.stream():
        size += len(part)
        if size > BODY_MAX_BYTES:
            raise HTTPException(413, f"the body is larger than {BODY_MAX_BYTES} bytes")
        parts.append(part)
    try:
        return msgspec.json.decode(b"".join(parts) or b"{}", type=row.body)
    except msgspec.ValidationError as error:
        raise HTTPException(400, f"invalid body: {error}") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise HTTPException(400, f"the body is no JSON: {error}") from None


def reply(value: object, status: int) -> Response:
    return Response(msgspec.json.encode(value), status, media_type=JSON)


def complain(message: str, status: int, code: str = "") -> Response:
    return reply(shapes.Error(message, new_id("req"), code), status)


def refused(request: Request, error: Exception) -> Response:
    return complain(str(error), getattr(error, "status", 400), getattr(error, "code", ""))


def http_error(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 400)
    message = getattr(error, "detail", "") or str(error)
    if status == 404:
        message = f"not found: {request.url.path}"
    return complain(message, status)


def fault(verbs: Verbs) -> Callable[[Request, Exception], Response]:
    def tell(request: Request, error: Exception) -> Response:
        import traceback
        verbs.say(f"{request.method} {request.url.path} failed: "
                  + "".join(traceback.format_exception(error)).strip())
        return complain("an internal error: the agent's log has it", 500)
    return tell


def status(verbs: Verbs) -> dict[str, object]:
    """How the agent does."""
    import os

    from .. import __version__
    return {"pid": os.getpid(), "version": __version__, "home": str(verbs.home.root),
            "engines": len(verbs.watch.engines), "instances": len(verbs.state.instances()),
            "apiListen": verbs.state.setting("api-listen"), "ownerId": verbs.state.ids["tea"]}
