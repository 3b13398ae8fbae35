"""What the metadata of a picture tells about its making, and what it takes to make it again.

A recipe holds nothing that differs between two equal runs (no time of day, no duration, no name of
the output), because `--from_picture` promises the same file, byte for byte, on the same machine.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

from stylize_tf.config.fields import checked
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError
from stylize_tf.images import image_io
from stylize_tf.jobs.options.painting import Options

MASK_ROLES = ("content_mask", "style_mask", "strength_mask")
ROLES = ("content", "style", "init_image", "fine_style", *MASK_ROLES)

REPEATED_OPTIONS = (
    *("background", "device", "keep_alpha", "network", "network_style", "quality", "threads"),
)
"""Options beside the configuration that decide the bytes of the picture."""

_TOLD_IF_ASKED_FOR = ("keep_alpha", "network", "network_style")
"""Those that came later: pictures made without have the metadata, and so the bytes, of before."""


def repeated_options(options: Options) -> dict[str, Any]:
    """What a recipe tells of the options."""
    values = {name: getattr(options, name) for name in REPEATED_OPTIONS}
    values = {x: list(y) if isinstance(y, tuple) else y for x, y in values.items()}
    return {x: y for x, y in values.items() if y or x not in _TOLD_IF_ASKED_FOR}


class RecipeError(ValueError):
    """A recipe that cannot be followed; the message says why, but not in which picture."""


@dataclasses.dataclass(frozen=True)
class Input:
    """A picture or a mask that a run reads.

    Attributes:
        role: one of `ROLES`; there may be several styles and masks.
        path: as it was given.
        sha256: of the file's bytes; empty if there is no file, as of a mask that is "alpha".
    """

    role: str
    path: str
    sha256: str


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a picture was made.

    Attributes:
        config: fields of `StyleTransferConfig`, what "auto" stood for in its place.
        inputs: the photograph, the paintings in their order, the picture to start from, the
            painting of the fine strokes, the masks.
        options: those of `REPEATED_OPTIONS`.
        weights: where VGG19's came from: `source`, `kind` and `sha256`.
        versions: of this package and of what decides the pixels.
    """

    config: dict[str, Any]
    inputs: tuple[Input, ...]
    options: dict[str, Any]
    weights: dict[str, str]
    versions: dict[str, str]

    def to_metadata(
        self, losses: Mapping[str, float], evaluations: int, *, finished: bool
    ) -> dict[str, Any]:
        """Plain data for JSON, with how far the run came.

        Args:
            losses: weighted value of each term at the end.
            evaluations: steps made, over all stages.
            finished: false for intermediate pictures and interrupted runs.
        """
        loss = sum(losses.values())
        return {
            "versions": self.versions,
            "config": self.config,
            "inputs": [dataclasses.asdict(item) for item in self.inputs],
            "options": self.options,
            "weights": self.weights,
            "result": {
                "finished": finished,
                "evaluations": evaluations,
                "loss": _plain(loss),
                "losses": {name: _plain(value) for name, value in losses.items()},
            },
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Recipe:
        """The recipe in a picture's metadata, which anybody may have written: all is checked.

        Raises:
            RecipeError: if it is not one that `to_metadata` could have made.
        """
        config = _mapping(metadata, "config")
        try:
            StyleTransferConfig.from_dict(config).check_choices()
            options = _options(_mapping(metadata, "options"))
        except ConfigError as error:
            raise RecipeError(str(error)) from error
        items = metadata.get("inputs")
        if not isinstance(items, list) or not items:
            raise RecipeError("it names no inputs")
        inputs = tuple(_input(item) for item in items)
        roles = [item.role for item in inputs]
        has_style = "style" in roles or "network" in options
        if roles.count("content") != 1 or not has_style:
            raise RecipeError("its inputs are not one photograph and at least one painting")
        for role in ("init_image", "fine_style"):
            if roles.count(role) > 1:
                raise RecipeError(f"it names more than one {role}")
        return cls(
            config=dict(config),
            inputs=inputs,
            options=options,
            weights=_strings(metadata, "weights"),
            versions=_strings(metadata, "versions"),
        )

    def of(self, role: str) -> tuple[Input, ...]:
        """The inputs of one role, in their order."""
        return tuple(item for item in self.inputs if item.role == role)


def find_recorded(item: Input, picture: str) -> str:
    """Where a recorded input is now: as recorded, or else beside the picture that names it.

    Args:
        item: the input; a relative path is meant from where the picture was made.
        picture: whose recipe it is. A file with the recorded hash is preferred to another.
    """
    paths = [item.path]
    if "\\" in item.path:  # It may have been made on Windows.
        paths.append(PureWindowsPath(item.path).as_posix())
    places = [place for path in paths for place in (path, str(Path(picture).parent / path))]
    files = [place for place in places if Path(place).is_file()]
    same = (place for place in files if image_io.sha256(place) == item.sha256)
    return next(same, (files or places)[0])


def differences(recorded: Mapping[str, str], current: Mapping[str, str]) -> list[str]:
    """`tensorflow 2.21.0 (now 2.22.0)` for each version that is another one now."""
    return [
        f"{name} {recorded[name]} (now {current[name]})"
        for name in current
        if name in recorded and recorded[name] != current[name]
    ]


def _plain(value: float) -> float | None:
    """A number that JSON can hold."""
    return float(value) if math.isfinite(value) else None


def _mapping(metadata: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = metadata.get(name)
    if not isinstance(value, Mapping):
        raise RecipeError(f"it has no `{name}`")
    return value


def _options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those we know, each as we write it."""
    known = {}
    for field in dataclasses.fields(Options):
        if field.name in REPEATED_OPTIONS and field.name in values:
            value = values[field.name]
            plain = checked(field, value)
            if (list(plain) if isinstance(plain, tuple) else plain) != value:
                raise ConfigError(f"`{field.name}` is not written as we write it; got {value!r}")
            known[field.name] = value
    return known


def _strings(metadata: Mapping[str, Any], name: str) -> dict[str, str]:
    values = _mapping(metadata, name)
    if not all(isinstance(value, str) for value in values.values()):
        raise RecipeError(f"its `{name}` are not text")
    return dict(values)


def _input(item: Any) -> Input:
    keys = ("role", "path", "sha256")
    if not isinstance(item, Mapping) or not all(isinstance(item.get(key), str) for key in keys):
        raise RecipeError("an input has no role, path or hash")
    if item["role"] not in ROLES or not item["path"] or "\0" in item["path"]:
        raise RecipeError(f"an input is not one we know: {item['role']!r}, {item['path']!r}")
    return Input(item["role"], item["path"], item["sha256"])
