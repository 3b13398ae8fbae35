"""Which options go together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from stylize_tf.config.fields import Field, missing_needs
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError
from stylize_tf.jobs.options.common import STANDARD
from stylize_tf.jobs.options.painting import MODES, Given, Options

_JPEG = {".jpg", ".jpeg"}


def check_modes(given: Mapping[str, Any], mode: str) -> None:
    """Raises a `ConfigError` if an option was given that does not go with what is made.

    Args:
        given: fields of `Options`.
        mode: one of `MODES`.
    """
    for field in dataclasses.fields(Options):
        modes = field.metadata["modes"]
        if not given.get(field.name) or mode in (modes or MODES):
            continue
        if mode == "picture":
            way = "add `output_dir` FOLDER"
        elif mode == "folder":
            way = "leave out `output_dir`"
        else:
            way = f"leave out `{'sheet' if 'sheet' in given else 'from_picture'}`"
        raise ConfigError(f"`{field.name}` goes with {MODES[modes[0]]}: {way}.")


def piped(given: Mapping[str, Any], mode: str) -> str | None:
    """The one of `content` and `style` that is read from standard input, None for neither.

    Raises:
        ConfigError: if something is to be piped that cannot be.

    Args:
        given: fields of `Options`.
        mode: one of `MODES`.
    """
    names = [x for x in ("content", "style") for y in given.get(x, ()) if y == STANDARD]
    if len(names) > 1:
        raise ConfigError(
            f"`{names[0]}` - and `{names[1]}` -: standard input holds one picture. Name a file."
        )
    if names and mode == "folder":
        raise ConfigError(f"`{names[0]}` - goes with {MODES['picture']}: leave out `output_dir`.")
    if given.get("output") == STANDARD and given.get("show"):
        raise ConfigError("`show` opens a file, and `output` - is none: leave one of them out.")
    return names[0] if names else None


WITH_NETWORK = (
    *(
        "content",
        "content_mask",
        "strength_mask",
        "output",
        "output_dir",
        "output_format",
        "skip_existing",
    ),
    *("dry_run", "from_picture", "compare", "sheet", "quality", "background", "keep_alpha"),
    *("max_pixels", "show", "device", "threads", "progress", "quiet", "offline"),
    *("network", "network_style"),
    *("size", "size_of", "crop", "strength", "color", "color_space", "color_amount"),
    "mask_feather",
)
"""Options that have an effect with a network."""


def check_network(given: Given, warn: Callable[[str], None]) -> None:
    """Raises a `ConfigError` for an option that has no effect with a network.

    Args:
        given: what was asked for; of options that only a file of flags gave `warn` is told.
        warn: called with a line.
    """
    if given.options.get("style"):
        raise ConfigError(
            "`style` and `network` exclude each other: a network has styles of its own, which "
            "`network_style` names. `train` makes one of a painting."
        )
    axes = {str(axis).partition("=")[0].strip(): True for axis in given.options.get("sheet", ())}
    asked = {**given.options, **given.config, **axes}
    for field in (*dataclasses.fields(Options), *dataclasses.fields(StyleTransferConfig)):
        name = field.name
        if name in asked and name not in WITH_NETWORK and not _is_off(field, asked[name]):
            _refuse(given, name, "a network paints. Leave out `network`", warn)


def check_needs(
    given: Given,
    options: Options,
    configs: Sequence[StyleTransferConfig],
    *,
    present: Mapping[str, bool] | None = None,
    warn: Callable[[str], None],
) -> None:
    """Raises a `ConfigError` if an option was given that has no effect on anything that is made.

    Args:
        given: what was asked for; of options that only a file of flags gave `warn` is told.
        options: all of them.
        configs: of all that is made, several for a sheet.
        present: whether there is an input of a role, where a recipe may have given it.
        warn: called with a line.
    """
    every = [{**vars(config), **vars(options), **(present or {})} for config in configs]
    asked = {**given.options, **given.config}
    if "sheet" in given.options:
        asked |= {x: True for x in configs[0].to_dict() if len({values[x] for values in every}) > 1}
    for field in (*dataclasses.fields(Options), *dataclasses.fields(StyleTransferConfig)):
        missing = [missing_needs(field, values) for values in every]
        if field.name in asked and not _is_off(field, asked[field.name]) and all(missing):
            _refuse(given, field.name, f"it goes with {missing[0]}. Give that", warn)


def _is_off(field: Field, value: Any) -> bool:
    """Whether a value asks for nothing: it switches off what is off by itself, or says so."""
    switched_off = value is False or (not value and value == field.default)
    return switched_off or value in ("none", ("none",))


def check_format(
    given: Given, options: Options, picture: str, is_chosen: bool, warn: Callable[[str], None]
) -> None:
    """Raises a `ConfigError` if the format of a picture does not hold what was asked for.

    `picture` is its path or extension; `is_chosen` says whether `output_format` decides that.
    """
    if "output_format" in given.options and not is_chosen:
        why = "it goes with `output_dir`, or `output` - or a folder. Give that"
        _refuse(given, "output_format", why, warn)
    if options.keep_alpha and not holds_alpha(picture):
        way = "" if "keep_alpha" in given.options else " `nokeep_alpha` drops that of the recipe."
        raise ConfigError(
            f"`keep_alpha` goes with png, webp and tif: JPEG holds no transparency.{way}"
        )
    written = _endings(picture, options.compare, options.regions_overlay)
    if "quality" in given.options and not written & {*_JPEG, ".webp"}:
        _refuse(given, "quality", "it is that of JPEG and WebP. Write one of these", warn)


def holds_alpha(picture: str) -> bool:
    """Whether a picture of this path may be transparent."""
    return not _endings(picture) <= _JPEG


def _endings(*paths: str | None) -> set[str]:
    return {PurePath(f"_{path}").suffix.lower() for path in paths if path}


def _refuse(given: Given, name: str, why: str, warn: Callable[[str], None]) -> None:
    text = f"`{name}` has no effect here: {why}, or leave it out."
    if name not in given.from_files:
        raise ConfigError(text)
    warn(text)
