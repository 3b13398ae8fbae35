"""Jobs made of requests, and what is told of them."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any

import anyio
import prometheus_client
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect

from stylize_tf.errors import ConfigError, ImageError, OutputError, StylizationError, WeightsError
from stylize_tf.service import asking
from stylize_tf.service.files import Files
from stylize_tf.service.networks import Networks, offered
from stylize_tf.service.queue import QUEUED, Queue, new_id
from stylize_tf.service.storages import QueueError
from stylize_tf.service.web.answers import HINTS, JobStatus, Limits, RefusedError

Ask = Callable[
    [Sequence[tuple[str, str]], Sequence[tuple[str, bytes]], Collection[str]], asking.Asked
]
"""Reads what a request asks for, as `asking.ask`."""

_MOST_VALUES = 200
"""Parts of a request, each of files and of texts."""

_BEARER = HTTPBearer(
    scheme_name="token", description="What `--token` or STYLIZE_TF_TOKEN was.", auto_error=False
)


class Desk:
    """Takes jobs, and tells of them: what the paths share.

    Args: see `app.create_app`.
    """

    def __init__(
        self,
        queue: Queue,
        files: Files,
        limits: Limits,
        at_once: Queue | None,
        token: str | None,
        scratch: str | None,
        networks: Networks | None = None,
    ):
        self.queue, self.files, self.limits = queue, files, limits
        self.at_once, self._token, self._scratch = at_once, token, scratch
        self.networks = offered() if networks is None else networks
        self._taking = asyncio.Lock()
        self.registry = prometheus_client.CollectorRegistry()
        self.taken = prometheus_client.Counter(
            "stylize_tf_jobs_taken", "Jobs that were taken.", registry=self.registry
        )
        self.refused = prometheus_client.Counter(
            "stylize_tf_jobs_refused", "Jobs that were refused.", ["why"], registry=self.registry
        )
        self.waiting = prometheus_client.Gauge(
            "stylize_tf_jobs_waiting", "Jobs that wait.", registry=self.registry
        )
        self.running = prometheus_client.Gauge(
            "stylize_tf_jobs_running", "Jobs that are painted.", registry=self.registry
        )

    def keep_house(self) -> None:
        """Looks for jobs of dead workers, and deletes old ones."""
        kept = [(self.queue, self.limits.kept_seconds)]
        if self.at_once is not None:  # Who asked has the picture; a camera asks for many.
            kept.append((self.at_once, self.limits.at_once_seconds))
        for queue, seconds in kept:
            queue.recover()
            for job in queue.forget(seconds):
                self.files.forget_all(job)

    def guards(self) -> list[Any]:
        """What comes before all that is about jobs: the check of a token, if one is wanted."""
        return [] if self._token is None else [Depends(self.check_token)]

    def check_token(
        self, given: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
    ) -> None:
        """Raises if this is not the token that is wanted."""
        text = "" if given is None else given.credentials
        if not hmac.compare_digest(text.encode("latin-1"), (self._token or "").encode()):
            hint = "Send the header `Authorization: Bearer TOKEN`."
            raise RefusedError(
                401, "The token is missing, or another.", hint, **{"WWW-Authenticate": "Bearer"}
            )

    async def take(self, request: Request, queue: Queue, ask: Ask = asking.ask) -> str:
        """A job made of a request, as `ask` reads it; its id."""
        asked = await self._asked(request, ask)
        client = request.client.host if request.client else ""
        key = request.headers.get("idempotency-key")
        if key is not None and not 0 < len(key) <= 200:
            raise RefusedError(400, "`Idempotency-Key` must have 1 to 200 characters.")
        job = new_id()
        async with self._taking:
            if key is not None:
                job = await run(queue.first, f"{client}:{key}", job)
                if await run(queue.asked, job) is not None:
                    return job
            await self._check_room(queue, client)
            for name, data in asked.data.items():
                await run(self.files.write, job, name, data)
            about = {
                **asked.as_job(),
                "max_pixels": self.limits.pixels,
                "client": client,
                "key": key and f"{client}:{key}",
            }
            await run(queue.add, about, job)
        self.taken.inc()
        return job

    async def _check_room(self, queue: Queue, client: str) -> None:
        waiting = await run(queue.waiting)
        own = await run(queue.open_of, client)
        if len(waiting) < self.limits.waiting and own < self.limits.of_client:
            return
        why = "queue" if own < self.limits.of_client else "client"
        self.refused.labels(why).inc()
        text = f"{len(waiting)} jobs wait already."
        if why == "client":
            text = f"{own} of your jobs have not ended."
        raise RefusedError(429, text, "Ask again later.", **{"Retry-After": "5"})

    async def _asked(self, request: Request, ask: Ask) -> asking.Asked:
        """What a request asks for, checked."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "multipart/form-data":
            raise RefusedError(415, "The request must be multipart/form-data.", HINTS[404])
        try:
            form = await asyncio.wait_for(
                request.form(max_files=_MOST_VALUES, max_fields=_MOST_VALUES),
                self.limits.upload_seconds,
            )
        except TimeoutError:
            text, hint = "The request took too long to arrive.", HINTS[413]
            raise RefusedError(408, text, hint, Connection="close") from None
        except ClientDisconnect:  # Nobody is there to be told.
            raise RefusedError(400, "The request has no end.", Connection="close") from None
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(form.close)
            values, pictures = [], []
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    pictures.append((name, await value.read()))
                else:
                    values.append((name, value))
        try:
            asked = ask(values, pictures, self.networks)
            await run(
                lambda: asking.check(
                    asked,
                    max_pixels=self.limits.pixels,
                    networks=self.networks,
                    scratch=self._scratch,
                )
            )
        except (ConfigError, ImageError, OutputError, StylizationError, WeightsError) as error:
            if isinstance(error, QueueError):
                raise
            self.refused.labels("input").inc()
            raise RefusedError(400, **asking.told(error)) from error
        return asked

    async def status(self, job: str, queue: Queue) -> JobStatus:
        """Where a job stands."""
        asked = await run(queue.asked, job)
        if asked is None:
            hint = "Its results may have been deleted: they are kept for a time."
            raise RefusedError(404, "There is no such job.", hint)
        state = await run(queue.state, job)
        place = await run(queue.place, job) if state["state"] == QUEUED else None
        names = JobStatus.model_fields
        ended = state.get("ended")
        links = {"self": f"/v1/jobs/{job}", "events": f"/v1/jobs/{job}/events"}
        if state.get("result"):
            links |= {"result": f"/v1/jobs/{job}/result", "recipe": f"/v1/jobs/{job}/recipe"}
        if state.get("preview"):
            links["preview"] = f"/v1/jobs/{job}/preview"
        return JobStatus(
            id=job,
            created=asked["created"],
            place=place,
            deleted_at=None if ended is None else ended + self.limits.kept_seconds,
            links=links,
            **{x: y for x, y in state.items() if x in names},
        )


async def run(act: Callable[..., Any], *arguments: Any) -> Any:
    """What comes of an act that may wait, in a thread."""
    return await anyio.to_thread.run_sync(lambda: act(*arguments))
