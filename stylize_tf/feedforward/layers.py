"""Layers of networks that paint: of operations that LiteRT and ONNX have, for any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
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
class Enlarged(keras.layers.Layer):
    """A map at twice its size, in between linearly.

    Transposed convolutions leave a checkerboard (Odena, Dumoulin & Olah 2016, "Deconvolution and
    Checkerboard Artifacts"), and repeated positions the coarse map's period: what is to be fine is
    left to the convolution that follows.
    """

    def call(self, inputs: Any) -> Any:
        """`[N, H, W, C]` -> `[N, 2 * H, 2 * W, C]`."""
        # Not of `keras.ops`, whose resize wants sizes that are known.
        return tf.image.resize(inputs, 2 * tf.shape(inputs)[1:3])

    def compute_output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of what `call` gives back."""
        batch, height, width, channels = shape
        high, wide = (side and 2 * side for side in (height, width))
        return batch, high, wide, channels
