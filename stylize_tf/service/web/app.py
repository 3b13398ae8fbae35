"""The web process: takes jobs, tells of them and hands out what was painted. No TensorFlow here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from importlib import resources
from typing import Any, ClassVar

import anyio
import prometheus_client
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import stylize_tf
from stylize_tf.errors import OutputError
from stylize_tf.service.asking import told
from stylize_tf.service.files import Files
from stylize_tf.service.networks import Networks
from stylize_tf.service.queue import Queue
from stylize_tf.service.storages import QueueError
from stylize_tf.service.web import description
from stylize_tf.service.web.answers import HINTS, REFUSALS, Limits, NoEventsError, RefusedError
from stylize_tf.service.web.desk import Desk
from stylize_tf.service.web.job_paths import JobPaths

_HOUSE_SECONDS = 5.0
"""Between two looks for jobs of dead workers, and for old ones."""


def create_app(
    queue: Queue,
    files: Files,
    *,
    limits: Limits | None = None,
    at_once: Queue | None = None,
    token: str | None = None,
    scratch: str | None = None,
    networks: Networks | None = None,
    hint: Callable[[], str] = lambda: "Start one.",
) -> FastAPI:
    """The application.

    Args:
        queue: of jobs.
        files: their pictures.
        limits: what is taken; the defaults of `Limits` if None.
        at_once: queue of what `POST /v1/stylize` asks for; without it there is no such path.
        token: that requests must bring, as `Authorization: Bearer TOKEN`.
        scratch: folder of pictures that are checked; a temporary one if None.
        networks: that may be asked for; the one that comes with the program if None.
        hint: what helps where no worker is ready.
    """
    limits = limits or Limits()
    desk = Desk(queue, files, limits, at_once, token, scratch, networks)
    app = FastAPI(
        title="stylize_tf",
        version=stylize_tf.__version__,
        summary="Paints photographs in the manner of paintings.",
        lifespan=lambda app: _keeping_house(desk),
        responses=REFUSALS,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    _handle_errors(app)
    # What is added last is outermost.
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=limits.body_bytes)
    app.add_middleware(_TellTooLarge)
    JobPaths(desk).add(app)
    _Health(desk, hint).add(app)
    _Page().add(app)
    return app


def _handle_errors(app: FastAPI) -> None:
    """Every answer that is an error has `error` and `hint`."""

    @app.exception_handler(RefusedError)
    async def refused(request: Request, error: RefusedError) -> Response:
        return JSONResponse(error.body, error.status, error.headers)

    @app.exception_handler(NoEventsError)
    async def nothing(request: Request, error: NoEventsError) -> Response:
        return Response(status_code=204)

    @app.exception_handler(QueueError)
    @app.exception_handler(OutputError)
    async def unreachable(request: Request, error: Exception) -> Response:
        return JSONResponse(told(error), 503, {"Retry-After": "2"})

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:  # Of all routes of the path, and not of the first alone.
            matching = (x for x in app.routes if x.matches(request.scope)[0] is not Match.NONE)
            methods = {y for x in matching for y in getattr(x, "methods", None) or ()}
            headers["Allow"] = ", ".join(sorted(methods))
        text = f"{error.detail}".rstrip(".")
        body = {"error": f"{text}.", "hint": HINTS.get(error.status_code, "")}
        return JSONResponse(body, error.status_code, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(x) for x in first["loc"])
        return JSONResponse({"error": f"{where}: {first['msg']}.", "hint": HINTS[404]}, 422)


@contextlib.asynccontextmanager
async def _keeping_house(desk: Desk) -> AsyncIterator[None]:
    """While the application runs."""

    async def keep() -> None:
        while True:
            with contextlib.suppress(QueueError, OutputError):
                await anyio.to_thread.run_sync(desk.keep_house)
            await asyncio.sleep(_HOUSE_SECONDS)

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class _TellTooLarge:
    """A body that is too large is refused outside of the application: in our form, too."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes all on, but the text of that refusal."""
        is_refused = False

        async def told_so(message: Message) -> None:
            nonlocal is_refused
            if message["type"] == "http.response.start" and message["status"] == 413:
                kinds = [y for x, y in message["headers"] if x == b"content-type"]
                is_refused = not any(x.startswith(b"application/json") for x in kinds)
            if not is_refused:
                await send(message)
            elif message["type"] == "http.response.start":
                body = {"error": "The request is too large.", "hint": HINTS[413]}
                await JSONResponse(body, 413, {"Connection": "close"})(scope, receive, send)

        await self._app(scope, receive, told_so)


class _Page:
    """The page, with which a browser asks this service and no other one."""

    CONTENTS = resources.files("stylize_tf.service.web") / "page"
    KINDS: ClassVar[dict[str, str]] = {
        "html": "text/html; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "css": "text/css; charset=utf-8",
        "svg": "image/svg+xml",
    }
    HEADERS: ClassVar[dict[str, str]] = {
        "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }

    def add(self, app: FastAPI) -> None:
        """Adds it to an application."""
        hidden: dict[str, Any] = {"methods": ["GET"], "include_in_schema": False}
        app.add_api_route("/", self.index, **hidden)
        app.add_api_route("/page/{name}", self.part, **hidden)

    def index(self) -> Response:
        """What a browser opens."""
        return self.part("index.html")

    def part(self, name: str) -> Response:
        """One of its files, by a name that is among theirs."""
        found = {x.name: x for x in self.CONTENTS.iterdir() if x.is_file()}
        if name not in found:
            raise RefusedError(404, "The page has no such part.")
        kind = self.KINDS[name.rpartition(".")[2]]
        return Response(found[name].read_bytes(), media_type=kind, headers=self.HEADERS)


class _Health:
    """Paths for who watches over the service."""

    def __init__(self, desk: Desk, hint: Callable[[], str]):
        self._desk, self._hint = desk, hint

    def add(self, app: FastAPI) -> None:
        """Adds them to an application."""
        app.add_api_route("/healthz", self.health, methods=["GET"])
        app.add_api_route("/readyz", self.ready, methods=["GET"])
        text = description.of_files("Numbers.", "text/plain")
        app.add_api_route(
            "/metrics", self.metrics, methods=["GET"], response_class=Response, **text
        )

    def health(self) -> dict[str, str]:
        """That the web process answers."""
        return {"status": "ok"}

    def ready(self) -> dict[str, str]:
        """That jobs are worked on: the queue is there, and a worker with its weights loaded."""
        if not self._desk.queue.is_worked():
            raise RefusedError(503, "No worker is ready.", self._hint(), **{"Retry-After": "5"})
        return {"status": "ok"}

    def metrics(self) -> Response:
        """Numbers for Prometheus."""
        desk = self._desk
        waiting, working = desk.queue.counts()
        desk.waiting.set(waiting)
        desk.running.set(working)
        data = prometheus_client.generate_latest(desk.registry)
        return Response(data, media_type=prometheus_client.CONTENT_TYPE_LATEST)
