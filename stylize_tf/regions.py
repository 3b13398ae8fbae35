"""Regions of a picture, each with its own painting or part of one, by soft masks.

Gatys et al. (2017), "Controlling Perceptual Factors in Neural Style Transfer", Section 4:
statistics are those of the features under a mask, weighed by it and divided by what it covers. The
mask is brought to each layer along the network's own way there: blurred by the window of each
convolution and averaged by each pooling, so that a position counts by the share of its receptive
field that the region covers. Theirs choose positions whose receptive field overlaps the region, or
lies within: ours is the soft one between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from stylize_tf import image_io
from stylize_tf.config import ConfigError
from stylize_tf.objective import COVERAGE, Coverage, Losses, Targets
from stylize_tf.optimizers import ValueAndGradient
from stylize_tf.tiling import IMAGE

ALPHA = "alpha"
"""In place of a mask: the transparency of the picture itself."""

_SAME_SHAPE = 0.03
"""Relative difference of the aspect ratios of a mask and its picture that rounding may make."""


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

    Raises:
        ConfigError: if the numbers do not fit together.
    """
    if content_masks > 1 and paintings not in (1, content_masks):
        raise ConfigError(
            f"There must be one `style`, or one for each `content_mask`; got {paintings} and "
            f"{content_masks} masks."
        )
    wanted = max(content_masks, paintings)
    if style_masks and len(style_masks) != wanted:
        raise ConfigError(
            f"There must be one `style_mask` for each "
            f"{'`content_mask`' if content_masks > 1 else '`style`'}, {wanted} of them, or none; "
            f"got {len(style_masks)}."
        )
    masks: list[np.ndarray | None] = [*style_masks] or [None] * wanted
    if content_masks <= 1:
        return [Region(tuple(range(paintings)), tuple(shares), tuple(masks))]
    return [
        Region((number if paintings > 1 else 0,), (1.0,), (masks[number],))
        for number in range(content_masks)
    ]


def read(
    source: image_io.ImageLike, picture: image_io.ImageLike, size: tuple[int, int], name: str
) -> np.ndarray:
    """A mask at its own size: 1 where it is white, 0 where it is black or transparent.

    Args:
        source: a picture in any form that `image_io.read` takes, or "alpha" for how opaque the
            picture itself is.
        picture: what the mask is of.
        size: height and width of that.
        name: how messages name the mask.

    Returns:
        float32, `[1, H, W, 1]`, in [0, 1].

    Raises:
        ImageError: if it cannot be read, is black everywhere, or is not shaped as the picture.
    """
    if isinstance(source, str) and source == ALPHA:
        over_black = image_io.read(picture, background=(0, 0, 0), name=name)
        over_white = image_io.read(picture, background=(255, 255, 255), name=name)
        mask = 1 - (over_white - over_black).mean(axis=3, keepdims=True)
    else:
        mask = image_io.read(source, background=(0, 0, 0), name=name).mean(axis=3, keepdims=True)
    height, width = mask.shape[1:3]
    if abs(np.log(width / height * size[0] / size[1])) > _SAME_SHAPE + 1 / min(height, width):
        raise image_io.ImageError(
            f"`{name}` must have the shape of its picture, {size[1]}x{size[0]}, at any size; got "
            f"{width}x{height}."
        )
    if mask.max() < 1 / 255:
        raise image_io.ImageError(
            f"`{name}` is black everywhere: there would be nothing in the region. Make it white "
            f"where the region is."
        )
    return np.clip(mask, 0, 1).astype(np.float32)


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
    together = np.concatenate(fitted, axis=3)
    if feather:
        together = np.clip(_blurred(together, feather * max(height, width)), 0, 1)
    return together / np.maximum(together.sum(axis=3, keepdims=True), 1)


def covers_all(masks: Sequence[np.ndarray]) -> bool:
    """Whether there is but one region, the whole picture."""
    return len(masks) == 1 and bool((masks[0] >= 1).all())


def coverage(masks: np.ndarray, extractor: keras.Model) -> Targets:
    """How much the positions of each layer count in each region: `{COVERAGE: ...}` of targets.

    Args:
        masks: float32, `[1, H, W, R]`, of a picture.
        extractor: from `features.build_extractor`, whose layers the picture goes through.
    """
    weights = tf.constant(masks)
    layers = {}
    if IMAGE in extractor.output:
        layers[IMAGE] = weights
    for layer in extractor.layers:
        if isinstance(layer, keras.layers.Conv2D):
            # Beyond the border is nothing to see: there, the mean of what is within.
            weights = tf.nn.avg_pool2d(weights, layer.kernel_size, 1, "SAME")
        elif isinstance(layer, (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)):
            weights = tf.nn.avg_pool2d(weights, layer.pool_size, layer.strides, "VALID")
        name = layer.name.removesuffix("_rescaled")
        if name in extractor.output:
            layers[name] = weights
    return {
        COVERAGE: {
            name: Coverage(weights, tf.reduce_mean(weights, axis=[0, 1, 2]))
            for name, weights in layers.items()
        }
    }


def within(
    value_and_gradient: ValueAndGradient, photograph: tf.Tensor, painted: tf.Tensor
) -> ValueAndGradient:
    """The function for a picture of which only the regions are painted.

    Args:
        value_and_gradient: of the picture as it is seen.
        photograph: `[1, H, W, 3]`, what is seen where there is no region.
        painted: `[1, H, W, 1]` in [0, 1], how much of the picture is seen.

    Returns:
        `f(photograph + painted * (image - photograph))` and its gradient by `image`.
    """

    def value_and_gradient_within(image: tf.Tensor, targets: Targets) -> tuple[Losses, tf.Tensor]:
        losses, gradient = value_and_gradient(shown(image, photograph, painted), targets)
        return losses, gradient * painted

    return value_and_gradient_within


def shown(image: tf.Tensor, photograph: tf.Tensor, painted: tf.Tensor) -> tf.Tensor:
    """The picture where it is painted, the photograph where not: `[1, H, W, 3]`."""
    return photograph + painted * (image - photograph)


def _blurred(masks: np.ndarray, deviation: float) -> np.ndarray:
    """By a Gaussian, the border repeated: one pass down, one across."""
    reach = max(1, round(3 * deviation))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    result = tf.constant(masks.transpose(3, 1, 2, 0))  # Every mask a picture of one channel.
    for shape, padding in (
        ([-1, 1, 1, 1], [[0, 0], [reach, reach], [0, 0], [0, 0]]),
        ([1, -1, 1, 1], [[0, 0], [0, 0], [reach, reach], [0, 0]]),
    ):
        padded = np.pad(result.numpy(), padding, mode="edge")
        result = tf.nn.conv2d(padded, kernel.reshape(shape), 1, "VALID")
    blurred: np.ndarray = result.numpy().transpose(3, 1, 2, 0)
    return blurred
