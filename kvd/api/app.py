"""The application: checks keys, decodes bodies, runs a route in a thread, encodes what it returns.

It knows two kinds of callers: the owner, who comes over a Unix socket that nobody else can open,
and holders of a key, who come over TCP. Every error is Render's: a JSON object with a message.
"""
import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..agent.verbs import Verbs
from ..errors import Refused
from ..names import new_id
from . import shapes
from .guard import Guard
from .query import Query
from .routes import ROUTES, Call, Row

BASE = "/v1"
BODY_MAX_BYTES = 4 << 20                # 10,000 rules of an allowlist fit four times
THREADS = 32
JSON = "application/json; charset=utf-8"


class Stamped:
    """Gives every answer its id, and what the guard has counted."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        id = scope["kvd.id"] = new_id("req")

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"render-request-id", id.encode()),
                                      *scope.get("kvd.headers", [])]
            await send(message)
        await self.app(scope, receive, stamped)


def make_app(verbs: Verbs, trusted: bool, stop: Callable[[], None] | None = None) -> ASGIApp:
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
    return Stamped(Starlette(routes=routes, exception_handlers={
        Refused: refused, HTTPException: http_error, ClientDisconnect: http_error,
        Exception: fault(verbs)}))


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


def complain(request: Request, message: str, status: int, code: str = "") -> Response:
    return reply(shapes.Error(message, request.scope.get("kvd.id", ""), code), status)


def refused(request: Request, error: Exception) -> Response:
    return complain(request, str(error), getattr(error, "status", 400),
                    getattr(error, "code", ""))


def http_error(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 400)
    message = getattr(error, "detail", "") or str(error)
    if status == 404:
        message = f"not found: {request.url.path}"
    return complain(request, message, status)


def fault(verbs: Verbs) -> Callable[[Request, Exception], Response]:
    def tell(request: Request, error: Exception) -> Response:
        import traceback
        verbs.say(f"{request.method} {request.url.path} failed: "
                  + "".join(traceback.format_exception(error)).strip())
        return complain(request, "an internal error: the agent's log has it", 500)
    return tell


def status(verbs: Verbs) -> dict[str, object]:
    """How the agent does."""
    import os

    from .. import __version__
    return {"pid": os.getpid(), "version": __version__, "home": str(verbs.home.root),
            "engines": len(verbs.watch.engines), "instances": len(verbs.state.instances()),
            "apiListen": verbs.state.setting("api-listen"), "ownerId": verbs.state.ids["tea"]}
