"""Pictures of any size through a network, in bounded memory: band by band, layer by layer.

Normalization wants the mean and the variance of all of a map before the next layer sees any of it.
So whole maps are held, but few at a time: one, that which is made of it, and those of before the
blocks, to be added later. Convolutions go over bands of rows: nothing is computed twice, and the
result is that of the whole picture up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from stylize_tf.feedforward.channels import LEVELS, Level
from stylize_tf.feedforward.graph import COARSEST, CONTRAST, MARGIN
from stylize_tf.feedforward.network import Network, check_sides
from stylize_tf.feedforward.styles import Style

ROWS = 128
"""Of a map that are made together."""

Map = np.ndarray
"""Float32, `[H, W, C]`."""


def paint(network: Network, image: np.ndarray, style: Style = None, rows: int = ROWS) -> np.ndarray:
    """What `network(image, style)` is, of a picture too large for that.

    Args:
        network: of any width. At width .5 the maps take some 190 bytes a pixel, by count.
        image: float, RGB in [0, 1], `[1, H, W, 3]`, no side below `SMALLEST_SIDE`.
        style: as for `Network.blend`.
        rows: of a map that are made together.

    Returns:
        As `image`, float32.

    Raises:
        ConfigError: if there is no such style, or a side is too short.
        ValueError: if `image` is not one picture.
    """
    return paint_shares(network, image, network.blend(style), rows)


def paint_shares(
    network: Network, image: np.ndarray, blend: np.ndarray, rows: int = ROWS
) -> np.ndarray:
    """As `paint`, by shares of styles, float32 `[S]`, whatever they add up to."""
    image = np.asarray(image, np.float32)
    if image.ndim != 4 or len(image) != 1:
        raise ValueError(f"`image` must be [1, H, W, 3]; got {image.shape}.")
    check_sides(image.shape[1:3])
    height, width = image.shape[1:3]
    padded = np.pad(image[0], ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="reflect")
    padded = padded[tuple(slice(COARSEST * (side // COARSEST)) for side in padded.shape[:2])]
    layers = _Layers(network, blend, rows)
    images = [_shrunk(padded, level.shrink) for level in reversed(LEVELS)]
    del padded  # What is used is let go of: maps of the last level are most of the memory.
    drawn = None
    for level in LEVELS:
        drawn = layers.level(level, images.pop(), drawn)
    assert drawn is not None
    drawn = drawn[MARGIN : MARGIN + height, MARGIN : MARGIN + width]
    return tf.sigmoid(drawn[np.newaxis]).numpy()


def _shrunk(image: Map, factor: int) -> Map:
    """Means of squares of pixels."""
    if factor == 1:
        return image
    height, width = (side // factor for side in image.shape[:2])
    return image.reshape(height, factor, width, factor, -1).mean(axis=(1, 3))


class _Layers:
    """The layers of a network, each over a whole map, as `graph` has them."""

    def __init__(self, network: Network, blend: np.ndarray, rows: int):
        self._network, self._blend, self._rows = network, blend, rows

    def level(self, level: Level, image: Map, before: Map | None) -> Map:
        """What the sigmoid makes the picture of a level of.

        Args:
            level: which.
            image: of its size, with its margin.
            before: of the level before.
        """
        name = f"{level.name}_{{}}".format
        x, drawn = image, CONTRAST * (image - 0.5) * self._scale(name("photograph"))
        if before is not None:
            before = tf.image.resize(before, image.shape[:2]).numpy()
            x = np.concatenate([image, tf.sigmoid(before).numpy()], axis=2)
            drawn += before * self._scale(name("before"))
        del image, before
        first = self._activated(self._convolved(x, name("first")), name("first"))
        x = self._convolved(first, name("down1"), stride=2)
        half = self._activated(x, name("down1"))
        x = self._noisy(half, name("down2"), name("noise"))
        for number in range(1, level.blocks + 1):
            x = self._block(x, name(f"block{number}"))
        for own, finer in (("up1", half), ("up2", first)):
            finer += self._normalized(self._convolved(x, name(own), enlarged=True), name(own))
            x = np.maximum(finer, 0, out=finer)
        drawn += self._convolved(x, name("color"))
        return drawn

    def _scale(self, name: str) -> np.ndarray:
        return self._blend @ self._layer(f"{name}_scale").scale.numpy()

    def _layer(self, name: str) -> Any:
        return self._network.graph.get_layer(name)

    def _convolved(self, x: Map, name: str, stride: int = 1, *, enlarged: bool = False) -> Map:
        layer = self._layer(name)
        bias = layer.bias.numpy() if layer.use_bias else None
        return _convolved(x, layer.kernel.numpy(), bias, stride, enlarged, self._rows)

    def _normalized(self, x: Map, name: str) -> Map:
        norm = self._layer(f"{name}_norm")
        scale, offset = (self._blend @ each.numpy() for each in (norm.scale, norm.offset))
        _normalize(x, scale, offset, norm.epsilon, self._rows)
        return x

    def _activated(self, x: Map, name: str) -> Map:
        return np.maximum(self._normalized(x, name), 0, out=x)

    def _noisy(self, x: Map, name: str, noise_name: str) -> Map:
        x = self._convolved(x, name, stride=2)
        noise = self._layer(f"{noise_name}_maps")(x[np.newaxis])[0].numpy()
        mixed = self._layer(noise_name)
        x += noise @ (
            (self._blend @ mixed.scale.numpy())[:, np.newaxis] * mixed.kernel.numpy()[0, 0]
        )
        return self._activated(x, name)

    def _block(self, x: Map, name: str) -> Map:
        first, second = (f"{name}_conv{index}" for index in (1, 2))
        y = self._activated(self._convolved(x, first), first)
        x += self._normalized(self._convolved(y, second), second)
        return x


def _convolved(
    x: Map, kernel: np.ndarray, bias: np.ndarray | None, stride: int, enlarged: bool, rows: int
) -> Map:
    """A map, at twice its size if so, mirrored beyond its borders and convolved."""
    size, margin = len(kernel), (len(kernel) - 1) // 2
    high, wide = (2 * side if enlarged else side for side in x.shape[:2])
    height, width = ((side + 2 * margin - size) // stride + 1 for side in (high, wide))
    result = np.empty((height, width, kernel.shape[3]), np.float32)
    take: Callable[[Map, np.ndarray], Map] = _enlarged_rows if enlarged else _rows
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        wanted = np.arange(start * stride - margin, (stop - 1) * stride - margin + size)
        wanted = np.abs(wanted)
        wanted = high - 1 - np.abs(high - 1 - wanted)
        band = np.pad(take(x, wanted), ((0, 0), (margin, margin), (0, 0)), mode="reflect")
        result[start:stop] = _convolve(band[np.newaxis], kernel, stride)[0]
    if bias is not None:
        result += bias
    return result


def _rows(x: Map, wanted: np.ndarray) -> Map:
    return x[wanted]


def _enlarged_rows(x: Map, wanted: np.ndarray) -> Map:
    """Rows of the map at twice its size, in between linearly as `layers.Enlarged` has it."""
    # Row `r` of the enlarged map lies at `(r + .5) / 2 - .5` of the map, which ends at its borders.
    first = max(int(wanted.min() - 1) // 2, 0)
    part = x[first : int(wanted.max() + 1) // 2 + 1]
    larger = tf.image.resize(part, [2 * part.shape[0], 2 * part.shape[1]]).numpy()
    return larger[wanted - 2 * first]


@tf.function(reduce_retracing=True)
def _convolve(x: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    return tf.nn.conv2d(x, kernel, stride, "VALID")


def _normalize(x: Map, scale: np.ndarray, offset: np.ndarray, epsilon: float, rows: int) -> None:
    """`layers.ConditionalInstanceNormalization` in place, the sums in float64."""
    bands = [x[start : start + rows] for start in range(0, len(x), rows)]
    count = x.shape[0] * x.shape[1]
    mean = sum(band.sum(axis=(0, 1), dtype=np.float64) for band in bands) / count
    mean = np.float32(mean)
    squares = sum(np.square(band - mean).sum(axis=(0, 1), dtype=np.float64) for band in bands)
    factor = np.float32(scale / np.sqrt(squares / count + epsilon))
    for band in bands:
        band -= mean
        band *= factor
        band += np.float32(offset)
