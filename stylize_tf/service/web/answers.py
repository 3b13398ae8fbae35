"""What the service takes and answers."""

from __future__ import annotations

import dataclasses
from typing import Any

import pydantic


@dataclasses.dataclass(frozen=True)
class Limits:
    """What the service takes.

    Attributes:
        body_bytes: of a request.
        pixels: of a picture.
        waiting: jobs that wait, of all who ask.
        of_client: jobs of one who asks that have not ended.
        upload_seconds: that a request may take to arrive.
        start_seconds: that who asks at once waits for a worker to be ready; one that starts loads
            TensorFlow for some.
        at_once_seconds: that who asks at once waits for the picture, which is then kept as long.
        kept_seconds: after which the results of a job are deleted.
    """

    body_bytes: int = 64_000_000
    pixels: int = 50_000_000
    waiting: int = 16
    of_client: int = 8
    upload_seconds: float = 60.0
    start_seconds: float = 15.0
    at_once_seconds: float = 60.0
    kept_seconds: float = 86_400.0


class Refusal(pydantic.BaseModel):
    """What every answer says that is not what was asked for."""

    error: str
    hint: str = ""


class JobStatus(pydantic.BaseModel):
    """Where a job stands."""

    id: str
    state: str
    created: float
    place: int | None = None
    evaluation: int | None = None
    evaluations: int | None = None
    loss: float | None = None
    remaining: float | None = None
    is_whole: bool | None = None
    size: str | None = None
    ended: float | None = None
    deleted_at: float | None = None
    error: str | None = None
    hint: str | None = None
    links: dict[str, str] = {}


class StyleNames(pydantic.BaseModel):
    """Styles that networks of the service have."""

    network: str
    styles: list[str]


class RefusedError(Exception):
    """An answer that is not what was asked for."""

    def __init__(self, status: int, error: str, hint: str = "", **headers: str):
        super().__init__(error)
        self.status, self.headers = status, headers
        self.body = {"error": error, "hint": hint}


class NoEventsError(Exception):
    """There are no further events, and there will be none."""


MEDIA_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "tif": "image/tiff"}
"""Of pictures, by how their names end."""

HINTS = {
    404: "/openapi.json tells what there is.",
    405: "/openapi.json tells what there is.",
    413: "Send smaller pictures.",
}


REFUSALS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Refusal, "description": "What was asked for cannot be had."},
    503: {"model": Refusal, "description": "The queue cannot be reached: ask again."},
}
