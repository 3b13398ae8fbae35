"""Soft masks of regions: read, paired with paintings, and brought to a size.

Gatys et al. (2017), "Controlling Perceptual Factors in Neural Style Transfer", Section 4, give each
region of the photograph a painting or a part of one. What the statistics of a region are is in
`regions`; nothing here imports TensorFlow, so masks are checked before it is loaded.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from stylize_tf.config.picture import LEAST_STRENGTH
from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.images import image_io

ALPHA = "alpha"
"""In place of a mask: the transparency of the picture itself."""

_SAME_SHAPE = 0.03
"""Relative difference of the aspect ratios of a mask and its picture that rounding may make."""

_LINES = 256
"""Lines of a picture that are blurred at a time, which bounds the memory it takes."""

_SMALL_SIDE = 64
"""Pixels of the sides at which masks are compared."""

_NOTHING = 1e-9
"""What is less is the rounding of a Fourier transform."""


class Region(NamedTuple):
    """Which paintings a region takes its style from.

    Attributes:
        paintings: their numbers, from 0.
        shares: of each in the blend, adding up to 1.
        masks: of each, which part of it counts: float32 `[1, h, w, 1]`, or None for all of it.
    """

    paintings: tuple[int, ...]
    shares: tuple[float, ...]
    masks: tuple[np.ndarray | None, ...]


def pair(
    paintings: int,
    shares: Sequence[float],
    content_masks: int,
    style_masks: Sequence[np.ndarray],
) -> list[Region]:
    """Which painting, and which part of it, goes with which region.

    Without or with one content mask, there is one region in the style of the blend of all
    paintings; with more, region by region in the style of a painting each, or all of the only one.

    Args:
        paintings: how many.
        shares: of each in the blend.
        content_masks: how many.
        style_masks: none, one for each painting, or where there is only one painting one for each
            region.
    """
    wanted = max(content_masks, paintings)
    masks: list[np.ndarray | None] = [*style_masks] or [None] * wanted
    if content_masks <= 1:
        return [Region(tuple(range(paintings)), tuple(shares), tuple(masks))]
    return [
        Region((owner(number, paintings),), (1.0,), (masks[number],))
        for number in range(content_masks)
    ]


def check_counts(
    paintings: int, content_masks: int, style_masks: int, *, auto_regions: int = 0
) -> None:
    """Raises a `ConfigError` unless so many paintings and masks fit together, see `pair`."""
    if auto_regions and (paintings != 1 or content_masks or style_masks):
        raise ConfigError(
            f"`regions` auto finds the masks itself, for one painting: give one `style` and "
            f"neither `content_mask` nor `style_mask`; got {paintings}, {content_masks} and "
            f"{style_masks}."
        )
    if content_masks > 1 and paintings not in (1, content_masks):
        raise ConfigError(
            f"There must be one `style`, or one for each `content_mask`; got {paintings} and "
            f"{content_masks} masks."
        )
    wanted = max(content_masks, paintings)
    if style_masks not in (0, wanted):
        raise ConfigError(
            f"There must be one `style_mask` for each "
            f"{'`content_mask`' if content_masks > 1 else '`style`'}, {wanted} of them, or none; "
            f"got {style_masks}."
        )


def owner(number: int, paintings: int) -> int:
    """The number of the painting that a style mask is of: its own, or the only one."""
    return number if paintings > 1 else 0


def read(
    source: image_io.ImageLike,
    picture: image_io.ImageLike,
    size: tuple[int, int],
    name: str,
    *,
    max_pixels: int = image_io.MAX_PIXELS,
) -> np.ndarray:
    """A mask at its own size: 1 where it is white, 0 where it is black or transparent.

    Args:
        source: a picture in any form that `image_io.read` takes, or "alpha" for how opaque the
            picture itself is.
        picture: what the mask is of.
        size: height and width of that.
        name: how messages name the mask.
        max_pixels: files of more pixels are refused.

    Returns:
        float32, `[1, H, W, 1]`, in [0, 1].

    Raises:
        ImageError: if it cannot be read, is black everywhere, or is not shaped as the picture.
    """
    label = f"`{name}`"
    if isinstance(source, str) and source == ALPHA:
        over_black, over_white = (
            image_io.read(picture, background=background, name=name, max_pixels=max_pixels)
            for background in ((0, 0, 0), (255, 255, 255))
        )
        mask = 1 - (over_white - over_black).mean(axis=3, keepdims=True)
        empty = "the picture is transparent everywhere. Leave the mask out."
    else:
        if isinstance(source, str | os.PathLike):
            label += f" {os.fspath(source)!r}"
        pixels = image_io.read(source, background=(0, 0, 0), name=name, max_pixels=max_pixels)
        mask = pixels.mean(axis=3, keepdims=True)
        empty = (
            "it is black everywhere, so there would be nothing in the region. Make it white where "
            "the region is."
        )
    check_shape(mask.shape[1:3], size, label)
    if mask.max() < 1 / 255:
        raise ImageError(f"{label} holds no region: {empty}")
    return np.clip(mask, 0, 1).astype(np.float32)


def check_shape(mask: tuple[int, int], picture: tuple[int, int], label: str) -> None:
    """Raises an `ImageError` unless a mask has the shape of its picture, of whatever sizes.

    Args:
        mask, picture: height and width.
        label: how the message names the mask.
    """
    height, width = mask
    ratio = width / height * picture[0] / picture[1]
    if abs(math.log(ratio)) > _SAME_SHAPE + 1 / min(height, width):
        raise ImageError(
            f"{label} must have the shape of its picture, {picture[1]}x{picture[0]}, at any size; "
            f"got {width}x{height}."
        )


def joined(masks: Sequence[np.ndarray], height: int, width: int, feather: float) -> np.ndarray:
    """All masks of a picture at one size, softened; where they overlap they share the place.

    Args:
        masks: float32, `[1, h, w, 1]` in [0, 1], of any sizes.
        height, width: of the result.
        feather: deviation of the Gaussian that softens their borders, as a share of the long side.

    Returns:
        float32, `[1, height, width, R]`, >= 0, adding up to 1 at most.
    """
    fitted = [image_io.resize(mask, height, width).clip(0, 1) for mask in masks]
    if feather:
        fitted = [_blurred(mask, feather * max(height, width)) for mask in fitted]
    together = np.concatenate(fitted, axis=3)
    return together / np.maximum(together.sum(axis=3, keepdims=True), 1)


def covers_all(masks: Sequence[np.ndarray]) -> bool:
    """Whether there is but one region, the whole picture."""
    return len(masks) == 1 and bool((masks[0] >= 1).all())


def overlap(masks: Sequence[np.ndarray]) -> float:
    """The share of the picture that is in more than one region: float32 masks `[1, h, w, 1]`."""
    small = [image_io.resize(mask, _SMALL_SIDE, _SMALL_SIDE).clip(0, 1) for mask in masks]
    if len(small) < 2:
        return 0.0
    return float(np.mean(np.clip(np.sum(small, axis=0) - 1, 0, 1)))


def within(strengths: np.ndarray, regions: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What is left of regions where there is some strength: both `[1, h, w, 1]`, of any sizes.

    Before their borders are softened: a region of no strength has no border, and no place there.
    """
    is_painted = (strengths > 0).astype(np.float32)
    return [x * image_io.resize(is_painted, *x.shape[1:3]).clip(0, 1) for x in regions]


def painted(strengths: np.ndarray) -> np.ndarray:
    """How much is seen of what is painted at these strengths, in [0, 1].

    Where less is wanted the content counts more, and all is seen of what is painted so: a mix alone
    would let the photograph be seen through the painting. Only below `LEAST_STRENGTH` is it mixed
    in, down to 0, which is the photograph.
    """
    return np.minimum(strengths / LEAST_STRENGTH, 1).astype(np.float32)


def shown(image: Any, photograph: Any, painted: Any) -> Any:
    """The picture where it is painted, the photograph where not: `[1, H, W, 3]`.

    Args:
        image, photograph: arrays or tensors, `[1, H, W, 3]`.
        painted: `[1, H, W, 1]` in [0, 1], how much of the picture is seen.
    """
    return photograph + painted * (image - photograph)


def _blurred(mask: np.ndarray, deviation: float) -> np.ndarray:
    """`[1, H, W, 1]` by a Gaussian, the border repeated: one pass across, one down."""
    reach = max(1, round(3 * deviation))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    plane = mask[0, :, :, 0]
    for _ in range(2):
        plane = _convolved(plane, kernel / kernel.sum()).T
    return plane[np.newaxis, :, :, np.newaxis]


def _convolved(lines: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Every line with its ends repeated, convolved: float32, of the same shape.

    By Fourier transforms, as a kernel may be wider than the picture.
    """
    reach = len(kernel) // 2
    length = lines.shape[1] + 2 * reach
    spectrum = np.fft.rfft(kernel, length)
    result = np.empty(lines.shape, np.float32)
    for start in range(0, len(lines), _LINES):
        part = lines[start : start + _LINES].astype(np.float64)
        padded = np.pad(part, [(0, 0), (reach, reach)], mode="edge")
        around = np.fft.irfft(np.fft.rfft(padded) * spectrum, length)
        # What went around the end is in the first 2 * reach; the rest is as of an endless line.
        result[start : start + _LINES] = around[:, 2 * reach :]
    result[result < _NOTHING] = 0  # Far from a region there is nothing of it.
    return result.clip(0, 1)
