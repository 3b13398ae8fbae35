"""The paths of jobs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from stylize_tf.service import asking
from stylize_tf.service.queue import CANCELLED, FAILED, FINISHED
from stylize_tf.service.storages import QueueError
from stylize_tf.service.web import description
from stylize_tf.service.web.answers import (
    MEDIA_TYPES,
    JobStatus,
    NoEventsError,
    RefusedError,
    StyleNames,
)
from stylize_tf.service.web.description import Content
from stylize_tf.service.web.desk import Ask, Desk, run

_LOOK_SECONDS = 0.15
"""Between two looks for what is new of a job."""


class JobPaths:
    """All of them, for an application.

    Args:
        desk: that takes the jobs.
    """

    def __init__(self, desk: Desk):
        self._desk, self._queue = desk, desk.queue

    def add(self, app: FastAPI) -> None:
        """Adds them to an application."""
        guarded: dict[str, Any] = {"dependencies": self._desk.guards()}
        status: dict[str, Any] = {
            "response_model": JobStatus,
            "response_model_exclude_none": True,
            **guarded,
        }
        file: dict[str, Any] = {"response_class": Response, **guarded}
        painted = description.of_files("What was painted.", *description.PICTURE_TYPES)
        preview = description.of_files("The picture as it is now.", "image/jpeg")
        asked = description.of_form(asking.schema(self._desk.networks), description.OF_JOBS)
        of_job = "/v1/jobs/{job}"
        app.add_api_route(
            "/v1/jobs", self.take, methods=["POST"], status_code=202, **status, **asked
        )
        app.add_api_route(of_job, self.look_at, methods=["GET"], **status)
        app.add_api_route(of_job, self.cancel, methods=["DELETE"], **status)
        app.add_api_route(
            f"{of_job}/events",
            self.events,
            methods=["GET"],
            response_class=EventSourceResponse,
            dependencies=[*guarded["dependencies"], Depends(self.check_events)],
            **description.of_events(),
        )
        app.add_api_route(f"{of_job}/preview", self.preview, methods=["GET"], **file, **preview)
        app.add_api_route(f"{of_job}/result", self.result, methods=["GET"], **file, **painted)
        app.add_api_route(f"{of_job}/recipe", self.recipe, methods=["GET"], **guarded)
        app.add_api_route("/v1/styles", self.styles, methods=["GET"], **guarded)
        if self._desk.at_once is not None:
            self._add_at_once(app, file, painted)

    def _add_at_once(self, app: FastAPI, file: Content, painted: Content) -> None:
        """Adds what is answered while one waits."""
        asked = description.of_form(asking.schema(self._desk.networks), description.OF_NETWORKS)
        app.add_api_route("/v1/stylize", self.stylize, methods=["POST"], **file, **painted, **asked)
        strips = description.of_files("Three strips.", "image/png")
        asked = description.of_form(asking.schema_of_likeness(), description.OF_LIKENESS)
        app.add_api_route(
            "/v1/likeness", self.likeness, methods=["POST"], **file, **strips, **asked
        )

    async def take(self, request: Request, response: Response) -> JobStatus:
        """Takes a job: pictures, and options by their names; it is checked before it is taken.

        With an `Idempotency-Key` a request that is sent again is the job of the first time.
        """
        job = await self._desk.take(request, self._queue)
        response.headers["Location"] = f"/v1/jobs/{job}"
        return await self._desk.status(job, self._queue)

    async def look_at(self, job: str) -> JobStatus:
        """Where a job stands: its state, its place in the queue, the seconds that are left."""
        return await self._desk.status(job, self._queue)

    async def cancel(self, job: str) -> JobStatus:
        """Ends a job after its next step; the picture so far is kept, and what has ended stays."""
        status = await self._desk.status(job, self._queue)
        if status.ended is None:
            await run(self._queue.cancel, job)
        return await self._desk.status(job, self._queue)

    async def check_events(
        self, job: str, last_event_id: Annotated[str | None, Header()] = None, after: int = 0
    ) -> None:
        """Raises if there are no events of a job, or none any more."""
        status = await self._desk.status(job, self._queue)
        number = _number(last_event_id, after)
        if number and status.ended is not None and not await run(self._queue.events, job, number):
            raise NoEventsError

    async def events(
        self, job: str, last_event_id: Annotated[str | None, Header()] = None, after: int = 0
    ) -> AsyncIterator[ServerSentEvent]:
        """What happens to a job, as server-sent events.

        `begin`, `warning`, `step`, and last `end`. Each has a number; who comes back with the
        header `Last-Event-ID`, or `after`, gets those after it, and 204 where there will be none.
        """
        number = _number(last_event_id, after)
        while True:
            try:
                found = await run(self._queue.events, job, number)
            except QueueError:  # It will be there again.
                await asyncio.sleep(1.0)
                continue
            for event in found:
                number = event.pop("id")
                name = event.pop("event")
                yield ServerSentEvent(data=event, event=name, id=str(number))
                if name == "end":
                    return
            await asyncio.sleep(_LOOK_SECONDS)

    async def preview(self, job: str) -> Response:
        """The picture as it is now, a small JPEG."""
        await self._desk.status(job, self._queue)
        data = await run(self._queue.preview, job)
        if data is None:
            raise RefusedError(404, "There is nothing to be seen yet.", "Ask again later.")
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    async def result(self, job: str) -> Response:
        """What was painted, with its recipe in it; of a cancelled job the picture so far."""
        return await self._picture(job, await self._ended(job))

    async def recipe(self, job: str) -> dict[str, Any]:
        """All that decided the pixels, with which they can be made again."""
        await self._ended(job)
        data = await run(self._desk.files.read, job, "recipe.json")
        if data is None:
            raise RefusedError(404, "There is no recipe of it.")
        found: dict[str, Any] = json.loads(data)
        return found

    async def stylize(self, request: Request) -> Response:
        """Paints with a network, the one that comes along if none is named; the picture."""
        return await self._at_once(request, asking.ask_network)

    async def likeness(self, request: Request) -> Response:
        """Tells what is like what in a picture, by which a page selects what is alike.

        The answer is a PNG of three strips, one above the other, each the picture at a long side of
        384 pixels. Their colors, from -1 for 0 to 1 for 255, are the nine components of a direction
        for each pixel; the cosine of two tells how alike their places are.
        """
        return await self._at_once(request, asking.ask_likeness)

    async def _at_once(self, request: Request, ask: Ask) -> Response:
        """The picture that comes of a request, as soon as it is there."""
        queue = self._desk.at_once
        assert queue is not None
        job = await self._desk.take(request, queue, ask)
        limits, begun = self._desk.limits, time.monotonic()
        while (state := await run(queue.state, job))["state"] not in (FINISHED, FAILED, CANCELLED):
            seconds, why = time.monotonic() - begun, None
            if seconds > limits.at_once_seconds or await request.is_disconnected():
                why = ("It took too long.", "Ask again.")
            elif seconds > limits.start_seconds and not await run(queue.is_worked):
                hint = "Start one: `serve` and `work` take `network_workers`."
                why = ("No worker is ready that paints at once.", hint)
            if why is not None:
                await run(queue.cancel, job)
                raise RefusedError(503, *why, **{"Retry-After": "5"})
            await asyncio.sleep(0.02)
        if state["state"] != FINISHED:
            raise RefusedError(400, state.get("error", "It failed."), state.get("hint", ""))
        return await self._picture(job, state)

    def styles(self) -> list[StyleNames]:
        """The networks that paint at once, and their styles."""
        networks = self._desk.networks.values()
        return [StyleNames(network=x.name, styles=list(x.styles)) for x in networks]

    async def _ended(self, job: str) -> dict[str, Any]:
        """How a job ended that has a picture."""
        status = await self._desk.status(job, self._queue)
        state: dict[str, Any] = await run(self._queue.state, job)
        if status.ended is None:
            raise RefusedError(409, f"The job is {status.state}.", "Wait for its event `end`.")
        if not state.get("result"):
            what = f"The job has {state['state']} without a picture."
            raise RefusedError(404, what.replace("has cancelled", "was cancelled"))
        return state

    async def _picture(self, job: str, state: dict[str, Any]) -> Response:
        name = state["result"]
        data = await run(self._desk.files.read, job, name)
        if data is None:
            raise RefusedError(404, "The picture is not there any more.")
        media_type = MEDIA_TYPES.get(name.rpartition(".")[2])
        headers = {"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "private"}
        return Response(data, media_type=media_type, headers=headers)


def _number(last_event_id: str | None, after: int) -> int:
    """Of the last event that a client has; 0 if it has none, or says what is no number."""
    given = str(last_event_id or after)
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
