"""Which paintings a style is: a painting, or all those of a folder, which count as one together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.images.files import label_of, pictures_in

MOST_PAINTINGS = 64
"""In a folder; all of them are in memory together, about as large as the finished picture."""


def is_folder(style: Any) -> bool:
    """Whether a style is a path, of a folder."""
    # Not `Path.is_dir`, which raises for names that are too long.
    return isinstance(style, str | os.PathLike) and os.path.isdir(style)  # noqa: PTH112


def expanded(
    styles: Sequence[Any], blend_weights: Sequence[float]
) -> tuple[list[Any], tuple[float, ...]]:
    """The paintings of all styles, and the weight of each in the blend.

    The statistics of a folder are the mean of those of its paintings, which have its weight in
    equal parts. So a folder is its pictures, given one by one, with those weights.

    Args:
        styles: pictures in any form, or paths of folders.
        blend_weights: one for each; none for equal ones.

    Returns:
        As many weights as paintings; none if all are equal.

    Raises:
        ConfigError: if there are not as many weights as styles.
        ImageError: if a folder cannot be looked into, or has no picture or too many.
    """
    if blend_weights and len(blend_weights) != len(styles):
        raise ConfigError(
            f"`style_blend_weights` must have one number for each `style`; got "
            f"{len(blend_weights)} for {len(styles)}."
        )
    folders = {number: _paintings(style) for number, style in enumerate(styles) if is_folder(style)}
    if not folders:
        return list(styles), tuple(blend_weights)
    paintings: list[Any] = []
    weights: list[float] = []
    for number, style in enumerate(styles):
        own = folders.get(number, [style])
        paintings += own
        weights += [(blend_weights[number] if blend_weights else 1.0) / len(own)] * len(own)
    return paintings, () if len(set(weights)) == 1 else tuple(weights)


def _paintings(folder: str | os.PathLike[str]) -> list[str]:
    found = pictures_in(folder)
    if not found:
        raise ImageError(f"{label_of(folder)} is a folder without pictures. Name another.")
    if len(found) > MOST_PAINTINGS:
        raise ImageError(
            f"{label_of(folder)} holds {len(found)} pictures; at most {MOST_PAINTINGS} can be one "
            f"style together. Put fewer into a folder."
        )
    return found
