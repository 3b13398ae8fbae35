"""Pictures of any size through a network, in bounded memory: band by band, layer by layer.

Normalization wants the mean and the variance of all of a map before the next layer sees any of it.
So one map is held at a time, with the one that is made of it, and every layer goes over bands of
rows: nothing is computed twice, and the result is that of the whole picture up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from stylize_tf.feedforward.network import COARSEST, MARGIN, Network, check_sides
from stylize_tf.feedforward.styles import Style

ROWS = 128
"""Of a map that are made together."""

Map = np.ndarray
"""Float32, `[H, W, C]`."""


def paint(network: Network, image: np.ndarray, style: Style = None, rows: int = ROWS) -> np.ndarray:
    """What `network(image, style)` is, of a picture too large for that.

    Args:
        network: of any width. At width .5 the maps take some 110 bytes a pixel, by count.
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
    layers = {layer.name: layer for layer in network.graph.layers}

    def convolved(x: Map, name: str, stride: int = 1, enlarged: bool = False) -> Map:
        layer = layers[name]
        bias = layer.bias.numpy() if layer.use_bias else None
        return _convolved(x, layer.kernel.numpy(), bias, stride, enlarged, rows)

    def normalized(x: Map, name: str) -> Map:
        norm = layers[f"{name}_norm"]
        scale, offset = (blend @ each.numpy() for each in (norm.scale, norm.offset))
        _normalize(x, scale, offset, norm.epsilon, rows)
        return x

    def activated(x: Map, name: str) -> Map:
        return np.maximum(normalized(x, name), 0, out=x)

    height, width = image.shape[1:3]

    def block(x: Map, name: str) -> Map:
        first, second = (f"{name}_conv{index}" for index in (1, 2))
        x += normalized(convolved(activated(convolved(x, first), first), second), second)
        return x

    x = np.pad(image[0], ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="reflect")
    x = x[tuple(slice(COARSEST * (side // COARSEST)) for side in x.shape[:2])]
    x = activated(convolved(x, "first"), "first")
    for number in (1, 2):
        x = activated(convolved(x, f"down{number}", stride=2), f"down{number}")
    fine = block(x, "fine1")
    x = activated(convolved(fine, "down3", stride=2), "down3")
    for number in range(1, network.blocks + 1):
        x = block(x, f"block{number}")
    fine += normalized(convolved(x, "up0", enlarged=True), "up0")
    x = block(fine, "fine2")
    for number in (1, 2):
        x = activated(convolved(x, f"up{number}", enlarged=True), f"up{number}")
    x = convolved(x, "last")[MARGIN : MARGIN + height, MARGIN : MARGIN + width]
    return tf.sigmoid(x[np.newaxis]).numpy()


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
