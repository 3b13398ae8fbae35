"""Whose colors: what each choice does to the pictures before, and to what was painted after."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import color


class Colored(NamedTuple):
    """The pictures that are optimized: float32 `[1, H, W, 3]` in [0, 1].

    Attributes:
        photograph: what is painted.
        paintings: whose manner it takes.
        start: the picture to start from, or None.
    """

    photograph: np.ndarray
    paintings: list[np.ndarray]
    start: np.ndarray | None


class ColorMode(NamedTuple):
    """A choice of `StyleTransferConfig.color`.

    Attributes:
        prepare: the pictures with the colors that are optimized; None leaves them.
        finish: the painted picture and the photograph of its size -> the picture as it is shown;
            None shows what was painted.
    """

    prepare: Callable[[Colored, StyleTransferConfig], Colored] | None = None
    finish: Callable[[np.ndarray, np.ndarray, StyleTransferConfig], np.ndarray] | None = None


def _given_back(
    image: np.ndarray, photograph: np.ndarray, config: StyleTransferConfig
) -> np.ndarray:
    return color.keep_colors(image, photograph, config.color_space, config.color_amount)


def _in_grey(pictures: Colored, config: StyleTransferConfig) -> Colored:
    def grey(image: np.ndarray) -> np.ndarray:
        return color.luminance(image, config.color_space)

    photograph = grey(pictures.photograph)
    paintings = [
        color.match_lightness(grey(x), photograph, config.color_amount) for x in pictures.paintings
    ]
    start = None if pictures.start is None else grey(pictures.start)
    return Colored(photograph, paintings, start)


def _all_given_back(
    image: np.ndarray, photograph: np.ndarray, config: StyleTransferConfig
) -> np.ndarray:
    return color.keep_colors(image, photograph, config.color_space, 1.0)


def _matched(pictures: Colored, config: StyleTransferConfig) -> Colored:
    paintings = [
        color.match_colors(x, pictures.photograph, config.color_match, config.color_amount)
        for x in pictures.paintings
    ]
    return pictures._replace(paintings=paintings)


MODES = {
    "style": ColorMode(),
    "content": ColorMode(finish=_given_back),
    "luminance": ColorMode(_in_grey, _all_given_back),
    "match": ColorMode(_matched),
}
"""By the choices of `StyleTransferConfig.color`."""
