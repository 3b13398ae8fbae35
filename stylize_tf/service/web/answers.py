"""What the service takes and answers."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

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


def _with_examples(*examples: dict[str, Any]) -> pydantic.ConfigDict:
    return pydantic.ConfigDict(json_schema_extra={"examples": [*examples]})


class Refusal(pydantic.BaseModel):
    """What every answer says that is not what was asked for."""

    model_config = _with_examples(
        {"error": "16 jobs wait already.", "hint": "Ask again later."},
        {"error": "`size` must be from 0 to 16384; got 20000.", "hint": ""},
    )

    error: str = pydantic.Field(description="What is wrong: a sentence.")
    hint: str = pydantic.Field("", description="What may be done.")


_ID = "Wm1vY2tpbmdiaXJk1w2q"
_LINKS = {"self": f"/v1/jobs/{_ID}", "events": f"/v1/jobs/{_ID}/events"}


class JobStatus(pydantic.BaseModel):
    """Where a job stands."""

    model_config = _with_examples(
        {"id": _ID, "state": "queued", "created": 1780000000.0, "place": 2, "links": _LINKS},
        {
            **{"id": _ID, "state": "running", "created": 1780000000.0, "remaining": 21.4},
            **{"evaluation": 40, "evaluations": 164, "loss": 1.73},
            "links": {**_LINKS, "preview": f"/v1/jobs/{_ID}/preview"},
        },
        {
            **{"id": _ID, "state": "finished", "created": 1780000000.0, "ended": 1780000031.5},
            **{"deleted_at": 1780086431.5, "is_whole": True, "size": "512x341"},
            "links": {
                **{**_LINKS, "result": f"/v1/jobs/{_ID}/result"},
                "recipe": f"/v1/jobs/{_ID}/recipe",
            },
        },
    )

    id: str = pydantic.Field(description="Who knows it may see the job, and end it.")
    state: Literal["queued", "running", "finished", "failed", "cancelled"]
    created: float = pydantic.Field(description="Seconds since 1970.")
    place: int | None = pydantic.Field(None, description="Jobs that are before it in the queue.")
    evaluation: int | None = pydantic.Field(None, description="Steps that were made.")
    evaluations: int | None = pydantic.Field(None, description="Steps in all.")
    loss: float | None = pydantic.Field(None, description="After the newest step.")
    remaining: float | None = pydantic.Field(None, description="Seconds that are left.")
    is_whole: bool | None = pydantic.Field(
        None, description="Whether the picture came to its end: one that was cancelled is not."
    )
    size: str | None = pydantic.Field(None, description="Of the picture: width x height.")
    ended: float | None = pydantic.Field(None, description="Seconds since 1970.")
    deleted_at: float | None = pydantic.Field(
        None, description="Seconds since 1970, when its files will be gone."
    )
    error: str | None = pydantic.Field(None, description="Of a job that failed: why.")
    hint: str | None = pydantic.Field(None, description="Of a job that failed: what may be done.")
    links: dict[str, str] = pydantic.Field({}, description="What can be asked of it.")


class StyleNames(pydantic.BaseModel):
    """Styles that networks of the service have."""

    model_config = _with_examples({"network": "shipped", "styles": ["swirls", "dots"]})

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
