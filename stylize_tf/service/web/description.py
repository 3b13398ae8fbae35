"""What OpenAPI tells beside what FastAPI finds out by itself: forms, files, examples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stylize_tf.service.web.answers import REFUSALS

PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/tiff")
"""Of what was painted."""

Content = dict[str, Any]
"""Arguments of `FastAPI.add_api_route`."""

OF_JOBS: dict[str, Any] = {
    "picture": {
        "summary": "A photograph in the manner of a painting",
        "value": {"content": "photo.jpg", "style": ["painting.jpg"], "size": 512, "strength": 1.2},
    },
    "regions": {
        "summary": "Two regions of the photograph, each with a painting of its own",
        "value": {
            "content": "photo.jpg",
            "style": ["first.jpg", "second.jpg"],
            "content_mask": ["sky.png", "land.png"],
            "strength_mask": "strength.png",
            "preset": "default",
            "output_format": "jpg",
        },
    },
}
"""Requests for jobs: the names of pictures stand for the files."""

OF_NETWORKS: dict[str, Any] = {
    "picture": {
        "summary": "A photograph, painted at once",
        "value": {"content": "photo.jpg", "network_style": ["0"], "output_format": "jpg"},
    }
}
"""Requests of what a network paints."""

OF_LIKENESS: dict[str, Any] = {
    "picture": {"summary": "A photograph", "value": {"content": "photo.jpg"}},
}
"""Requests of what is alike in a picture."""

_STEP = {
    **{"stage": 1, "stages": 4, "evaluation": 1, "evaluations": 164},
    **{"loss": 2.3, "remaining": 21.4, "preview": 1},
}
_EVENTS = f"""id: 1
event: begin
data: {{"attempt": 1}}

id: 2
event: step
data: {json.dumps(_STEP)}

"""


def of_form(schema: Mapping[str, Any], examples: Mapping[str, Any]) -> Content:
    """A request of multipart/form-data."""
    content = {"multipart/form-data": {"schema": schema, "examples": examples}}
    return {"openapi_extra": {"requestBody": {"required": True, "content": content}}}


def of_files(description: str, *media_types: str) -> Content:
    """An answer that is a file of one of these types."""
    content = {x: {"schema": {"type": "string", "format": "binary"}} for x in media_types}
    return {"responses": {200: {"description": description, "content": content}}}


def of_events() -> Content:
    """An answer that is server-sent events, or none any more."""
    example = {"text/event-stream": {"example": _EVENTS}}
    # FastAPI would tell refusals as events, too.
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    refusals = {x: {**y, "content": refusal, "model": None} for x, y in REFUSALS.items()}
    return {
        "responses": {
            200: {"description": "What happens, as it happens.", "content": example},
            204: {"description": "There will be no events after that one."},
            **refusals,
        }
    }
