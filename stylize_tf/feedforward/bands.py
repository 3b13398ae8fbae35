"""Pictures of any size through a network, in bounded memory: band by band, layer by layer.

Normalization wants the mean and the variance of all of a map before the next layer sees any of it.
So whole maps are held, but few at a time: one, that which is made of it, and those of before the
blocks, to be added later. Convolutions go over bands of rows. What is added to a map is computed
twice, for its mean and variance and to be added, and never held. The result is that of the whole
picture up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from stylize_tf.feedforward.channels import LEVELS, Level
from stylize_tf.feedforward.graph import COARSEST, CONTRAST, MARGIN
from stylize_tf.feedforward.layers import EnlargingConvolution
from stylize_tf.feedforward.network import Network, check_sides
from stylize_tf.feedforward.styles import Style

ROWS = 32
"""Of a map that are made together."""

Map = np.ndarray
"""Float32, `[H, W, C]`."""


def paint(network: Network, image: np.ndarray, style: Style = None, rows: int = ROWS) -> np.ndarray:
    """What `network(image, style)` is, of a picture too large for that.

    Args:
        network: of any width. At width .5 the maps take some 140 bytes a pixel, by count.
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
            image: of its size, with its margin; it is written over.
            before: of the level before.
        """
        name = f"{level.name}_{{}}".format
        fine_noise = self._layer(name("fine_noise_maps"))(image[np.newaxis])[0].numpy()
        colors = 3 if before is None else 6
        x = np.empty((*image.shape[:2], colors + fine_noise.shape[2]), np.float32)
        x[:, :, :3] = image
        np.multiply(fine_noise, self._scale(name("fine_noise")), out=x[:, :, colors:])
        del fine_noise
        drawn = image  # In its place.
        drawn -= 0.5
        drawn *= CONTRAST * self._scale(name("photograph"))
        if before is not None:
            before = tf.image.resize(before, image.shape[:2]).numpy()
            for band in self._slices(len(before)):
                x[band, :, 3:6] = tf.sigmoid(before[band])
                drawn[band] += before[band] * self._scale(name("before"))
        del image, before
        first = self._activated(self._convolved(x, name("first")), name("first"))
        del x
        x = self._convolved(first, name("down1"))
        half = self._activated(x, name("down1"))
        x = self._noisy(half, name("down2"), name("noise"))
        for number in range(1, level.blocks + 1):
            x = self._block(x, name(f"block{number}"))
        x = self._enlarged(x, name("up1"), half)
        del half
        x = self._enlarged(x, name("up2"), first)
        for place, color in self._bands(x, name("color")):
            drawn[place] += color
        return drawn

    def _slices(self, height: int) -> list[slice]:
        return [slice(start, start + self._rows) for start in range(0, height, self._rows)]

    def _scale(self, name: str) -> np.ndarray:
        return self._blend @ self._layer(f"{name}_scale").scale.numpy()

    def _layer(self, name: str) -> Any:
        return self._network.graph.get_layer(name)

    def _bands(self, x: Map, name: str) -> Iterator[tuple[slice, Map]]:
        """Rows of what a convolution makes of a map, and where they are."""
        layer = self._layer(name)
        enlarges = isinstance(layer, EnlargingConvolution)
        kernel = layer.spread_kernel() if enlarges else tf.convert_to_tensor(layer.kernel)
        times, stride, size = 1 + enlarges, layer.strides[0], layer.kernel_size[0]
        margin, last = (size - 1) // 2, len(x) - 1
        around = ((0, 0), (margin, margin), (0, 0))
        count = max(self._rows // times, 1)
        for start in range(0, x.shape[0] // stride, count):
            stop = min(start + count, x.shape[0] // stride)
            wanted = np.arange(start * stride - margin, (stop - 1) * stride - margin + size)
            wanted = last - np.abs(last - np.abs(wanted))
            band = np.pad(x[wanted], around, mode="reflect")
            band = _convolve(band[np.newaxis], kernel, stride, times)
            band = tf.nn.bias_add(band, layer.bias) if layer.use_bias else band
            yield slice(times * start, times * stop), band[0].numpy()

    def _convolved(self, x: Map, name: str) -> Map:
        stride = self._layer(name).strides[0]
        height, width = (side // stride for side in x.shape[:2])
        result = np.empty((height, width, self._layer(name).filters), np.float32)
        for place, band in self._bands(x, name):
            result[place] = band
        return result

    def _enlarged(self, x: Map, name: str, finer: Map) -> Map:
        """A map at twice its size, convolved and added to a finer one, in the place of that."""
        change = self._normalization(name, (band for _, band in self._bands(x, name)))
        for place, band in self._bands(x, name):
            finer[place] += change(band)
            np.maximum(finer[place], 0, out=finer[place])
        return finer

    def _normalization(self, name: str, bands: Iterable[Map]) -> Callable[[Map], Map]:
        """`layers.ConditionalInstanceNormalization`, in place, by the bands of all of a map."""
        norm = self._layer(f"{name}_norm")
        scale, offset = (self._blend @ each.numpy() for each in (norm.scale, norm.offset))
        mean, variance = _moments(bands)
        factor = np.float32(scale / np.sqrt(variance + norm.epsilon))

        def change(band: Map) -> Map:
            band -= np.float32(mean)
            band *= factor
            band += np.float32(offset)
            return band

        return change

    def _normalized(self, x: Map, name: str) -> Map:
        bands = [x[band] for band in self._slices(len(x))]
        change = self._normalization(name, bands)
        for band in bands:
            change(band)
        return x

    def _activated(self, x: Map, name: str) -> Map:
        return np.maximum(self._normalized(x, name), 0, out=x)

    def _noisy(self, x: Map, name: str, noise_name: str) -> Map:
        x = self._convolved(x, name)
        noise = self._layer(f"{noise_name}_maps")(x[np.newaxis])[0].numpy()
        mixed = self._layer(noise_name)
        kernel = (self._blend @ mixed.scale.numpy())[:, np.newaxis] * mixed.kernel.numpy()[0, 0]
        for band in self._slices(len(x)):
            x[band] += noise[band] @ kernel
        return self._activated(x, name)

    def _block(self, x: Map, name: str) -> Map:
        first, second = (f"{name}_conv{index}" for index in (1, 2))
        y = self._activated(self._convolved(x, first), first)
        x += self._normalized(self._convolved(y, second), second)
        return x


def _convolve(x: tf.Tensor, kernel: tf.Tensor, stride: int, times: int) -> tf.Tensor:
    maps = tf.nn.conv2d(x, kernel, stride, "VALID")
    return maps if times == 1 else tf.nn.depth_to_space(maps, times)


def _moments(bands: Iterable[Map]) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the variance of each channel over all bands, float64."""
    count, sums, squares = 0, np.zeros([]), np.zeros([])
    for band in bands:
        count += band.shape[0] * band.shape[1]
        sums = sums + band.sum(axis=(0, 1), dtype=np.float64)
        squares = squares + np.einsum("hwc,hwc->c", band, band, dtype=np.float64)
    mean = sums / count
    return mean, np.maximum(squares / count - np.square(mean), 0)
