"""Layers of networks that paint: of operations that LiteRT and ONNX have, for any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

EPSILON_OF_IMAGE, EPSILON = 1e-3, 0.1
"""Added to variances, of what is made of the image, and of maps of normalized ones, whose variances
are near 1. Where a map is flat its noise is amplified 30 times at first and 3 times each time after
that: with the usual 1e-5 it is 300 times each, and rounding becomes a picture, or the gradients of
several in a row have no end."""

_registered = keras.saving.register_keras_serializable(package="stylize_tf")


@_registered
class ReflectPadding(keras.layers.Layer):
    """A map with its positions mirrored beyond its borders, so that borders are like the rest.

    Args:
        size: positions at each side; each side of the map is longer.
    """

    def __init__(self, size: int, **options: Any):
        super().__init__(**options)
        self.size = size

    def call(self, inputs: Any) -> Any:
        """`[N, H, W, C]` -> `[N, H + 2 * size, W + 2 * size, C]`."""
        around = (self.size, self.size)
        return ops.pad(inputs, ((0, 0), around, around, (0, 0)), mode="reflect")

    def compute_output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of what `call` gives back."""
        batch, height, width, channels = shape
        high, wide = (side and side + 2 * self.size for side in (height, width))
        return batch, high, wide, channels

    def get_config(self) -> dict[str, Any]:
        """What it takes to build it again."""
        return {**super().get_config(), "size": self.size}


@_registered
class ConditionalInstanceNormalization(keras.layers.Layer):
    """Each channel of each picture in its own deviations, then as the style wants it.

    `y = scale * (x - mean) / sqrt(variance + epsilon) + offset`, mean and variance over the
    positions of one picture: Dumoulin, Shlens & Kudlur (2017), "A Learned Representation for
    Artistic Style", Eq. (5). All that differs between styles are `scale` and `offset`, so styles
    blend as these do.

    Args:
        styles: how many.
        epsilon: added to variances.
    """

    def __init__(self, styles: int, epsilon: float = EPSILON, **options: Any):
        super().__init__(**options)
        self.styles = styles
        self.epsilon = epsilon

    def build(self, shapes: Sequence[Sequence[int | None]]) -> None:
        """Scales of 1 and offsets of 0: `[styles, C]`."""
        size = (self.styles, shapes[0][-1])
        self.scale = self.add_weight(name="scale", shape=size, initializer="ones")
        self.offset = self.add_weight(name="offset", shape=size, initializer="zeros")

    def call(self, inputs: Sequence[Any]) -> Any:
        """The features as the blend of styles wants them.

        Args:
            inputs: features `[N, H, W, C]`, and how much of each style, `[N, styles]`.
        """
        features, blend = inputs
        mean = ops.mean(features, axis=(1, 2), keepdims=True)
        centred = features - mean
        # Not `square`: it becomes an operation that LiteRT has in float32 alone.
        variance = ops.mean(centred * centred, axis=(1, 2), keepdims=True)
        scale, offset = (
            ops.matmul(blend, weight)[:, None, None, :] for weight in (self.scale, self.offset)
        )
        return centred * (scale * ops.rsqrt(variance + self.epsilon)) + offset

    def compute_output_shape(self, shapes: Sequence[Sequence[int | None]]) -> Any:
        """That of the features."""
        return tuple(shapes[0])

    def get_config(self) -> dict[str, Any]:
        """What it takes to build it again."""
        return {**super().get_config(), "styles": self.styles, "epsilon": self.epsilon}


@_registered
class ConditionalScale(keras.layers.Layer):
    """Each channel times what the style gives it.

    Args:
        styles: how many.
        start: what that is first, by the name of an initializer.
    """

    def __init__(self, styles: int, start: str = "ones", **options: Any):
        super().__init__(**options)
        self.styles = styles
        self.start = start

    def build(self, shapes: Sequence[Sequence[int | None]]) -> None:
        """Scales, `[styles, C]`."""
        size = (self.styles, shapes[0][-1])
        self.scale = self.add_weight(name="scale", shape=size, initializer=self.start)

    def call(self, inputs: Sequence[Any]) -> Any:
        """The map `[N, H, W, C]` times the scales of the blend `[N, styles]`."""
        x, blend = inputs
        return x * ops.matmul(blend, self.scale)[:, None, None, :]

    def compute_output_shape(self, shapes: Sequence[Sequence[int | None]]) -> Any:
        """The shape of what `call` gives back."""
        return (shapes[1][0], *shapes[0][1:])

    def get_config(self) -> dict[str, Any]:
        """What it takes to build it again."""
        return {**super().get_config(), "styles": self.styles, "start": self.start}


@_registered
class Noise(keras.layers.Layer):
    """Maps of white noise, the same for every picture, which repeat after `SIDE` positions.

    Of an even sky a network can make one thing everywhere, or a lattice, for nothing in it tells
    one place from another: noise does (Ulyanov et al. 2016, "Texture Networks"). With noise of the
    smallest maps alone what is finer than these is a lattice, their period; it takes noise of each
    size that strokes have.

    Args:
        count: of maps.
    """

    SIDE = 64

    def __init__(self, count: int, **options: Any):
        super().__init__(**options)
        self.count = count

    @property
    def tile(self) -> np.ndarray:
        """What repeats: float32, `[1, SIDE, SIDE, count]`, of deviation 1."""
        generator = np.random.default_rng(self.count)
        return generator.standard_normal([1, self.SIDE, self.SIDE, self.count], np.float32)

    def maps(
        self, height: Any, width: Any, shift: tf.Tensor | None = None, zero: Any = 0.0
    ) -> tf.Tensor:
        """Noise of a size, `[1, height, width, count]`, moved by so many rows and columns.

        Args:
            height, width: of the maps.
            shift: rows and columns, int32 `[2]`; None: not moved.
            zero: a tensor that is 0 and not known to be, so that converters do not write out all
                that follows from constants: 3 MB at 512x384.
        """
        # Not of negative numbers, which ONNX divides otherwise.
        times = [1, *((side + self.SIDE - 1) // self.SIDE for side in (height, width)), 1]
        tile = tf.constant(self.tile) + zero
        if shift is not None:
            tile = tf.roll(tile, shift, [1, 2])
        return tf.tile(tile, times)[:, :height, :width]

    def call(self, inputs: Any) -> Any:
        """Of a map `[N, H, W, C]` noise of its size, `[1, H, W, count]`."""
        sides = tf.shape(inputs)[1:3]
        zero = ops.minimum(ops.abs(inputs[:1, :1, :1, :1]), 0.0)
        return self.maps(sides[0], sides[1], zero=zero)

    def compute_output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of what `call` gives back."""
        return (1, *shape[1:3], self.count)

    def get_config(self) -> dict[str, Any]:
        """What it takes to build it again."""
        return {**super().get_config(), "count": self.count}


@_registered
class ConditionalNoise(keras.layers.Layer):
    """Maps of noise mixed into channels, each map as strongly as the style wants it.

    A convolution of 1x1, but of multiplications and sums: LiteRT's integers have none of constants.

    Args:
        styles: how many.
        channels: that are made.
        seed: of the first weights.
    """

    def __init__(self, styles: int, channels: int, seed: int = 0, **options: Any):
        super().__init__(**options)
        self.styles, self.channels, self.seed = styles, channels, seed

    def build(self, shapes: Sequence[Sequence[int | None]]) -> None:
        """Scales of 1, `[styles, count]`, and a kernel, `[1, 1, count, channels]`."""
        count = shapes[0][-1]
        size, kernel = (self.styles, count), (1, 1, count, self.channels)
        start = keras.initializers.GlorotUniform(self.seed)
        self.scale = self.add_weight(name="scale", shape=size, initializer="ones")
        self.kernel = self.add_weight(name="kernel", shape=kernel, initializer=start)

    def call(self, inputs: Sequence[Any]) -> Any:
        """Noise `[1, H, W, count]` for blends `[N, styles]`: `[N, H, W, channels]`."""
        noise, blend = inputs
        strength = ops.matmul(blend, self.scale)
        weights = strength[:, None, None, :, None] * self.kernel
        maps = [noise[..., n : n + 1] * weights[..., n, :] for n in range(noise.shape[-1])]
        return sum(maps[1:], maps[0])

    def compute_output_shape(self, shapes: Sequence[Sequence[int | None]]) -> Any:
        """The shape of what `call` gives back."""
        return (shapes[1][0], *shapes[0][1:3], self.channels)

    def get_config(self) -> dict[str, Any]:
        """What it takes to build it again."""
        own = {"styles": self.styles, "channels": self.channels, "seed": self.seed}
        return {**super().get_config(), **own}


@_registered
class Enlarged(keras.layers.Layer):
    """A map at twice its size, in between linearly; it ends at its borders."""

    def call(self, inputs: Any) -> Any:
        """`[N, H, W, C]` -> `[N, 2 * H, 2 * W, C]`."""
        # Not of `keras.ops`, whose resize wants sizes that are known.
        return tf.image.resize(inputs, 2 * tf.shape(inputs)[1:3])

    def compute_output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of what `call` gives back."""
        batch, height, width, channels = shape
        high, wide = (side and 2 * side for side in (height, width))
        return batch, high, wide, channels


SPREAD = np.array(
    [[[3, 1, 0], [1, 0, 0]], [[1, 3, 3], [3, 3, 1]], [[0, 0, 1], [0, 1, 3]]], np.float32
) / np.float32(4)
"""Of positions before, at and after one, what each gives to those before, at and after either half
of it in the enlarged map, `[3, 2, 3]`: .75 and .25 where these are the nearest two."""


@_registered
class EnlargingConvolution(keras.layers.Conv2D):
    """A map at twice its size, in between linearly, and convolved by 3x3.

    Transposed convolutions leave a checkerboard (Odena, Dumoulin & Olah 2016, "Deconvolution and
    Checkerboard Artifacts"), and repeated positions the coarse map's period: what is to be fine is
    left to the kernel. For each of the four positions that one becomes, both at once are another
    convolution of the small map: the large map, which takes longest, is never made. So it is a
    sub-pixel convolution (Shi et al. 2016, "Real-Time Single Image and Video Super-Resolution Using
    an Efficient Sub-Pixel Convolutional Neural Network") whose kernels have nine numbers of their
    own for each pair of channels, not 36.

    Args:
        filters: channels that are made.
        options: those of `keras.layers.Conv2D`; the kernel is 3x3, and there is no bias.
    """

    def __init__(self, filters: int, **options: Any):
        super().__init__(filters, **{**options, "kernel_size": 3, "use_bias": False})

    def spread_kernel(self) -> Any:
        """`[3, 3, C, 4 * filters]`, for `tf.nn.depth_to_space` to make the large map of."""
        # From [3, 3, C, K] over [3, 2, 3, C, K] to [3, 2, 3, 2, C, K], and then in its order.
        kernel = tf.tensordot(SPREAD, self.kernel, [[2], [0]])
        kernel = tf.tensordot(SPREAD, kernel, [[2], [2]])
        kernel = tf.transpose(kernel, [2, 0, 4, 3, 1, 5])
        return tf.reshape(kernel, [3, 3, self.kernel.shape[2], 4 * self.filters])

    def call(self, inputs: Any) -> Any:
        """`[N, H + 2, W + 2, C]`, padded -> `[N, 2 * H, 2 * W, filters]`."""
        maps = tf.nn.conv2d(inputs, self.spread_kernel(), 1, "VALID")
        return tf.nn.depth_to_space(maps, 2)

    def compute_output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of what `call` gives back."""
        batch, height, width, _ = shape
        high, wide = (side and 2 * side - 4 for side in (height, width))
        return batch, high, wide, self.filters


@_registered
class Divisible(keras.layers.Layer):
    """The largest part of a map, from the top and the left, whose sides a number divides.

    Args:
        number: that divides them.
    """

    def __init__(self, number: int, **options: Any):
        super().__init__(**options)
        self.number = number

    def call(self, inputs: Any) -> Any:
        """`[N, H, W, C]` -> `[N, number * (H // number), number * (W // number), C]`."""
        shape = ops.shape(inputs)
        height, width = (self.number * (side // self.number) for side in shape[1:3])
        return inputs[:, :height, :width]

    def compute_output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of what `call` gives back."""
        batch, *sides, channels = shape
        high, wide = (side and self.number * (side // self.number) for side in sides)
        return batch, high, wide, channels

    def get_config(self) -> dict[str, Any]:
        """What it takes to build it again."""
        return {**super().get_config(), "number": self.number}


@_registered
class Cut(keras.layers.Layer):
    """What of a map is within a margin, of the size of another.

    Args:
        margin: positions at the top and at the left.
    """

    def __init__(self, margin: int, **options: Any):
        super().__init__(**options)
        self.margin = margin

    def call(self, inputs: Sequence[Any]) -> Any:
        """Of `[N, H, W, C]` the part that is as high and wide as the other, `[N, h, w, ...]`."""
        x, other = inputs
        shape = ops.shape(other)
        first = self.margin
        return x[:, first : first + shape[1], first : first + shape[2]]

    def compute_output_shape(self, shapes: Sequence[Sequence[int | None]]) -> Any:
        """The shape of what `call` gives back."""
        (batch, _, _, channels), (_, height, width, _) = shapes
        return batch, height, width, channels

    def get_config(self) -> dict[str, Any]:
        """What it takes to build it again."""
        return {**super().get_config(), "margin": self.margin}
